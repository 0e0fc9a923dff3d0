"""Extracts a web page's article: its full text in paragraphs, and its metadata."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

import lxml.html
from lxml import etree

from connectors.parsing import jsonld, markup, page_metadata
from connectors.parsing.article_factory import domain_of, make_article, one_line
from pipeline.models import Article, Source

_log = logging.getLogger(__name__)

_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_PAYWALL = re.compile(
    r"(subscribe|sign in|log in|register|become a (member|subscriber))\s+(now\s+)?to\s+(continue|keep|read|unlock|view)"
    r"|this (article|content|story) is (for|available( only)? to|reserved for) (paying )?(subscribers|members)"
    r"|already a subscriber\?|to read the full (story|article)",
    re.IGNORECASE,
)
_TRAILER = re.compile(
    r"discover more from\b|subscribe to (get|our|the|receive)\b|sign up (for|to) (our|the|get)\b|type your email"
    r"|share this( article| story)?:?$|(read|see) (more|also):?$|advertisement$|all rights reserved|©|copyright \d{4}"
    r"|follow us on\b|click here to\b|(related|more) (articles|stories|posts|news):?$|loading\.*$|like this:",
    re.IGNORECASE,
)
_TAG = re.compile(r"</(?:p|div|span|a|b|i|em|strong|h[1-6]|li|ul)>", re.IGNORECASE)
_LONE_DASH = re.compile(r"^-\n(?=.)", re.MULTILINE)  # the mark of an item of a list whose text is in paragraphs
_BROKEN_LINE = re.compile(r"[^\W\d_],?\n(?=[a-zß-öø-ÿ])")  # a line end in the middle of a sentence
_WORD = re.compile(r"[^\W\d_]{2}")
_BINARY = re.compile(r"[\x01-\x08\x0e-\x1f\ufffd]")
_NO_XML = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ENDLESS_TAG = re.compile(r"<([a-zA-Z][\w:.-]{0,100})[^<>]{20000,}>")  # parsers take time squared for them
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_ADVERTISEMENTS = frozenset(
    "ad ads advert advertisement adsbygoogle ad-container ad-slot ad-wrapper advertising".split()
)
_MOST_HEADINGS = 50
_BOX_PARAGRAPHS = 2  # of one box of a split body at least; teasers of other articles have one
_BOX_LENGTH = 300  # characters of the paragraphs of one such box at least
_SPLIT = 1.2  # where split bodies have so many times the text that was found, only one box was found
_STUB = 1200  # characters; an article behind a paywall shows fewer
_ENOUGH = 250  # characters that are an article


@dataclass(frozen=True)
class Page:
    """A page's article and its metadata. The body is empty where the page has no article."""

    body: str = ""
    headline: str = ""
    byline: str = ""
    published: datetime | None = None
    modified: datetime | None = None
    language: str | None = None
    canonical: str | None = None
    section: str = ""
    tags: list[str] = field(default_factory=list)
    site: str = ""
    paywalled: bool = False


def extract(data: bytes, *, url: str | None, charset: str | None = None) -> Page:
    """Extracts the article of an HTML page, however broken; `charset` is the one of the HTTP header."""
    tree = _parse(data, charset)
    if tree is None:
        return Page()
    metas = _metas(tree)
    scripts = [script.text or "" for script in tree.iter("script") if "ld+json" in (script.get("type") or "").lower()]
    article = jsonld.find_article(scripts)
    canonical = _canonical(tree, metas, url)
    language = _language(tree, metas) or _string(article.get("inLanguage")) or None
    whole = " ".join(tree.text_content().split())
    _drop_advertisements(tree)
    found = _extracted(tree, url)
    if _split_length(tree) > _SPLIT * len(found.get("text", "")):
        _join_split_body(tree)
        found = max(found, _extracted(tree, url), key=lambda extraction: len(extraction.get("text", "")))
    site = one_line(_names(article.get("publisher")) or metas.get("og:site_name"))
    stated = [_string(article.get("headline")), *(metas.get(name, "") for name in page_metadata.TITLE_METAS)]
    stated = [one_line(markup.paragraphs(text)) for text in stated]
    headings = _headings(tree, "h1")
    title = page_metadata.headline(stated, tree.findtext(".//title"), headings + _headings(tree, "h2"), site, url)
    titles = {title, *stated, *headings}
    body = _best_body(_string(article.get("articleBody")), found.get("text") or "", titles)
    accessible = jsonld.accessible(article)
    walled = accessible is False or bool(len(body) < _STUB and _PAYWALL.search(whole))
    return Page(
        body="" if walled and len(body) < _ENOUGH // 5 else body,
        headline=title,
        byline=page_metadata.byline(_names(article.get("author")), metas, found.get("author") or "", site),
        published=page_metadata.publication_date(
            _string(article.get("datePublished")), metas, tree, found.get("date", "")
        ),
        modified=page_metadata.modification_date(_string(article.get("dateModified")), metas),
        language=language,
        canonical=canonical,
        section=one_line(_string(article.get("articleSection")) or metas.get("article:section")),
        tags=_keywords(article.get("keywords")) or _keywords(metas.get("news_keywords") or metas.get("keywords")),
        site=site,
        paywalled=walled,
    )


def completed(
    page: Page,
    *,
    canonical: str,
    headline: str = "",
    byline: str = "",
    published: datetime | None = None,
    modified: datetime | None = None,
    language: str | None = None,
    tags: Iterable[str] = (),
) -> Page:
    """The page with what a feed or a sitemap says about it, wherever the page does not say it itself."""
    return replace(
        page,
        canonical=page.canonical or canonical,
        headline=page.headline or headline,
        byline=page.byline or byline,
        published=page.published or published,
        modified=page.modified or modified,
        language=page.language or language,
        tags=[*page.tags, *tags],
    )


def to_article(
    page: Page,
    *,
    url: str,
    source: Source,
    fetched: datetime,
    published: datetime | None = None,
    modified: datetime | None = None,
    language: str | None = None,
    raw: Mapping[str, str] | None = None,
    previous_revision: int | None = None,
    fallback_time: datetime | None = None,
) -> Article:
    """Makes a page's article; `published`, `modified` and `language`, where given, replace the page's own."""
    return make_article(
        url=url,
        canonical=page.canonical,
        body=page.body,
        source=source,
        fetched=fetched,
        headline=page.headline,
        byline=page.byline,
        published=published or page.published,
        modified=modified or page.modified,
        language=language or page.language,
        tags=[page.section, *page.tags],
        raw=dict(raw or {}) | ({"paywalled": "true"} if page.paywalled else {}),
        previous_revision=previous_revision,
        fallback_time=fallback_time,
    )


def source_of(page: Page, url: str = "") -> Source | None:
    """The publisher that the page names; None where it has no address."""
    domain = domain_of(page.canonical or url)
    return Source(id=domain, name=page.site or domain, domain=domain) if domain else None


def _parse(data: bytes, charset: str | None) -> Any:
    declared = _META_CHARSET.search(data[:4096])
    content = markup.decode(data, charset or (declared.group(1).decode("ascii", "replace") if declared else None))
    content = content.replace("\x00", "")
    head = content[:2000]
    if not content.strip() or len(_BINARY.findall(head)) > len(head) / 50:
        return None
    # One character that XML forbids, anywhere in the page, makes trafilatura find nothing.
    content = _ENDLESS_TAG.sub(r"<\1>", _XML_DECLARATION.sub("", _NO_XML.sub(" ", content)))
    # Comments are removed first: later, the text behind a comment in a paragraph would be removed with it.
    reader = lxml.html.HTMLParser(remove_comments=True, remove_pis=True)
    try:
        return lxml.html.document_fromstring(content, parser=reader, ensure_head_body=True)
    except (etree.LxmlError, ValueError, AssertionError):
        return None  # not a page at all


def _extracted(tree: Any, url: str | None) -> dict[str, str]:
    """What trafilatura finds. Whatever it raises on a strange page is logged, and stops no source."""
    import trafilatura  # takes a quarter of a second to load: for pages alone

    try:
        found = trafilatura.bare_extraction(
            tree, url=url, include_comments=False, include_tables=False, with_metadata=True, date_extraction_params={
                "original_date": True, "extensive_search": False, "max_date": "2100-01-01"},
        )  # fmt: skip
        if found is None:
            return {}
        return {name: getattr(found, name, None) or "" for name in ("text", "author", "date")}
    except Exception as error:
        _log.warning("the text of %s could not be taken out: %s: %s", url, type(error).__name__, error)
        return {}


def _split_length(tree: Any) -> int:
    """The characters of the paragraphs in sibling boxes; 0 where the page has no split body."""
    return sum(_paragraphs_length(box) for boxes in _sibling_boxes(tree) for box in boxes)


def _join_split_body(tree: Any) -> None:
    """Joins a body that is split across sibling boxes, with advertisements and pictures between them."""
    for first, *others in _sibling_boxes(tree):
        for box in others:
            first.extend(list(box))


def _sibling_boxes(tree: Any) -> list[list[Any]]:
    """The boxes of split bodies: those of one class in one article, where two of them or more hold paragraphs."""
    paragraphs: dict[Any, int] = {}
    for paragraph in tree.iter("p"):
        box = paragraph.getparent()
        if box is not None and box.tag in ("div", "section") and box.get("class"):
            paragraphs[box] = paragraphs.get(box, 0) + 1
    kinds: dict[tuple[Any, str], list[Any]] = {}
    for box in paragraphs:
        if (article := next(box.iterancestors("article", "main"), None)) is not None:
            kinds.setdefault((article, box.get("class")), []).append(box)
    return [
        boxes
        for boxes in kinds.values()
        if sum(paragraphs[box] >= _BOX_PARAGRAPHS and _paragraphs_length(box) >= _BOX_LENGTH for box in boxes) > 1
        and not _nested(boxes)
    ]


def _nested(boxes: list[Any]) -> bool:
    members = set(boxes)
    return any(outer in members for box in boxes for outer in box.iterancestors())


def _paragraphs_length(box: Any) -> int:
    return sum(len(child.text_content()) for child in box if child.tag == "p")


def _best_body(stated: str, extracted: str, titles: set[str]) -> str:
    """The stated articleBody where it has paragraphs, or far more text than was extracted; else the extracted text."""
    stated = markup.paragraphs(stated)
    if _TAG.search(stated):  # some sites mark up twice over
        stated = "\n".join(filter(None, map(markup.paragraphs, stated.split("\n"))))
    extracted = _LONE_DASH.sub("- ", markup.plain_lines(extracted))
    kept = "\n" in stated and len(_BROKEN_LINE.findall(stated)) * 3 < stated.count("\n")
    whole = len(stated) >= _ENOUGH and (kept or len(extracted) < 0.6 * len(stated))
    lines = (stated if whole else extracted).split("\n")
    while lines and len(lines[-1]) < 200 and _TRAILER.match(lines[-1].lstrip("-• ")):
        lines.pop()
    while len(lines) > 1 and one_line(lines[0]) in titles:
        del lines[0]
    body = "\n".join(lines)
    return body if _WORD.search(body) else ""


def _metas(tree: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in tree.iter("meta"):
        names = (meta.get("property") or "").split() or [meta.get("name") or meta.get("itemprop") or ""]
        content = (meta.get("content") or meta.get("value") or "").strip()  # `value` is wrong, and some pages have it
        for name in filter(None, map(str.strip, names)):
            if content:
                found.setdefault(name.lower(), content)
    return found


def _headings(tree: Any, tag: str) -> list[str]:
    texts = (one_line(heading.text_content()) for heading in islice(tree.iter(tag), _MOST_HEADINGS))
    return [heading for heading in texts if heading]


def _language(tree: Any, metas: Mapping[str, str]) -> str:
    said = (
        meta.get("content")
        for meta in tree.iter("meta")
        if (meta.get("http-equiv") or "").lower() == "content-language"
    )
    places = (tree.get("lang"), tree.get("xml:lang"), tree.get(_XML_LANG), metas.get("og:locale"), *said)
    return next((language.strip() for language in places if language and language.strip()), "")


def _drop_advertisements(tree: Any) -> None:
    """Removes elements whose class says that they are advertisements, unless they are long enough to be the article."""
    for element in list(tree.iter("div", "aside", "section", "ins", "p")):
        names = f"{element.get('class') or ''} {element.get('id') or ''}".lower().split()
        if (
            _ADVERTISEMENTS.intersection(names)
            and len(element.text_content()) < _STUB
            and element.getparent() is not None
        ):
            element.drop_tree()


def _canonical(tree: Any, metas: Mapping[str, str], url: str | None) -> str | None:
    """The address that the page states, unless it is another site's or the front page, which many state by mistake."""
    links = [
        link.get("href") or "" for link in tree.iter("link") if "canonical" in (link.get("rel") or "").lower().split()
    ]
    for address in filter(None, map(str.strip, (*links, metas.get("og:url", "")))):
        try:
            whole: str = urljoin(url or "", address)
            parts = urlsplit(whole)
            _ = parts.port  # raises where it is no number
        except ValueError:
            continue
        if parts.scheme not in ("http", "https") or not parts.hostname:
            continue
        if url is not None and _site(whole) != _site(url):
            continue
        if parts.path in ("", "/") and not parts.query:
            continue
        return whole
    return None


def _site(url: str) -> str:
    """The domain without the first label of mobile versions of a site."""
    return re.sub(r"^(m|mobile|amp)\.(?=.+\.)", "", domain_of(url) or "")


def _string(value: Any) -> str:
    if isinstance(value, list):
        value = next(iter(value), "")
    if isinstance(value, dict):
        value = value.get("@value") or value.get("name")
    return value.strip() if isinstance(value, str) else ""


def _names(value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return ", ".join(dict.fromkeys(name for name in map(_string, values) if name))


def _keywords(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for name in map(_string, value) if name]
    return [word.strip() for word in _string(value).split(",") if word.strip()]
