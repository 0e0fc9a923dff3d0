"""Reads a page's headline, byline and dates from what it says for machines and what it shows."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from connectors.parsing import dates, markup
from connectors.parsing.article_factory import domain_of, one_line

TITLE_METAS = ("og:title", "twitter:title", "parsely-title", "dc.title", "dcterms.title", "dc:title")
"""The meta elements in which pages give their title, the most usual first."""

_SEPARATOR = re.compile(r"\s+[-–—|·•»«:~/]+\s+|\s*[|｜：_]+\s*|:\s+")  # between a headline and a site's name
_SLUG = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)+", re.IGNORECASE)
_CUT_OFF = re.compile(r"\s*(?:\.\.\.|…)$")
_WORD = re.compile(r"\w+")
_LARGEST_TITLE = 3  # times the length of a heading, for what a title has around it too
_SHORTEST_SITE_NAME = 4  # letters of the beginning of a site's name that are told from a word of the headline

_AUTHOR_METAS = (
    "author", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator", "dc:creator", "article:author",
    "og:article:author",
)  # fmt: skip

_AUTHOR_ADDRESS = re.compile(r"\s*[-–(|<,]?\s*(?:(?:https?://|www\.)\S*|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}[>)]?)")
_IN_BRACKETS = re.compile(r"\(([^()]*)\)")
_BY = re.compile(r"^(?:written\s+)?by\s+(?=\S)", re.IGNORECASE)
_DATE_BEHIND_NAME = re.compile(
    r"[\s,;]+(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september"
    r"|october|november|december)\.?$",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"(?:admin(?:istrator)?|author|user ?name|name|user|guest|publisher|root|unknown|none|null|undefined|n/?a)"
    r"|(?:(?:last )?(?:updated|modified|published|posted)|copyright)\b.*|\W*",
    re.IGNORECASE,
)

_PUBLISHED_METAS = (
    "article:published_time", "og:article:published_time", "datepublished", "date", "pubdate", "publishdate",
    "parsely-pub-date", "sailthru.date", "dc.date", "dc.date.issued", "dcterms.created", "dcterms.date", "publish-date",
    "article.published", "og:published_time", "cxenseparse:recs:publishtime",
)  # fmt: skip
_MODIFIED_METAS = (
    "article:modified_time",
    "og:updated_time",
    "datemodified",
    "lastmod",
    "last-modified",
    "dcterms.modified",
)
_CHANGE_DATE = re.compile(r"updated|modified")
_MOST_ELEMENTS = 20_000


def headline(stated: Iterable[str], title: str | None, headings: list[str], site: str, url: str | None) -> str:
    """The headline: the first usable one stated for machines, or else the best of the title and the headings.

    `site` is the site's name. It is cut off, and so is everything around a heading of the page.
    """
    names = _site_names(site, url)
    title = one_line(title)
    said = [text for text in stated if text and _letters(text) not in names]
    words = [text for text in said if not _SLUG.fullmatch(text)]  # a slug, such as a file's name, is the last resort
    if words:
        return _without_site(_completed(words[0], [*said, *headings, title]), headings, site, names)
    if title and _letters(title) not in names:
        return headings[0] if headings and _alike(headings[0], title) else _without_site(title, headings, site, names)
    return next(iter([*headings, *said]), title)


def _completed(text: str, others: list[str]) -> str:
    """The text; where it is cut off, the one of the others that begins with it."""
    stem = _CUT_OFF.sub("", text)
    if stem == text or not stem:
        return text
    return next((other for other in others if other.startswith(stem) and not _CUT_OFF.search(other)), text)


def _without_site(text: str, headings: list[str], site: str, names: set[str]) -> str:
    shown = {_letters(heading) for heading in headings} - {""}
    cuts = list(_SEPARATOR.finditer(text))
    pieces = (*(text[: cut.start()] for cut in reversed(cuts)), *(text[cut.end() :] for cut in cuts))
    for piece in pieces if _letters(text) not in shown else ():
        if len(text) <= _LARGEST_TITLE * len(piece) and _letters(piece) in shown:
            return piece.strip()
    while cuts:
        first, last = cuts[0], cuts[-1]
        before, behind = text[: last.start()].strip(), text[first.end() :].strip()
        if before and _is_site_name(text[last.end() :], site, names):
            text = before
        elif behind and ":" not in first.group() and _letters(text[: first.start()]) in names:
            text = behind
        else:
            break
        cuts = list(_SEPARATOR.finditer(text))
    return text


def _alike(heading: str, title: str) -> bool:
    """Whether half of the words of either are in the other: the same headline, said twice."""
    one, other = (set(_WORD.findall(text.lower())) for text in (heading, title))
    return len(one & other) * 2 >= min(len(one), len(other)) and len(one) > 2


def _site_names(site: str, url: str | None) -> set[str]:
    """The names of the site that titles have: its own, its domain, and the longest label of the domain."""
    domain = domain_of(url or "") or ""
    found = (site, domain, max(domain.split(".")[:-1], key=len, default=""))
    return set(filter(None, map(_letters, found)))


def _is_site_name(text: str, site: str, names: set[str]) -> bool:
    """Whether the text is a name of the site, or its beginning ("The Paper" of "The Paper – News of the day")."""
    if _letters(text) in names:
        return True
    length = len(text)
    return (
        length >= _SHORTEST_SITE_NAME
        and site.lower().startswith(text.lower())
        and not site[length : length + 1].isalnum()
    )


def _letters(text: str) -> str:
    return "".join(_WORD.findall(text.casefold())).replace("_", "")


def byline(stated: str, metas: Mapping[str, str], guessed: str, site: str = "") -> str:
    """The authors on one line: those stated for machines, or else those guessed; the site's own name comes last."""
    found = [_author_names((author,)) for author in (stated, *(metas.get(name, "") for name in _AUTHOR_METAS))]
    found.append(_author_names(map(_without_date, guessed.split(";"))))
    found = [name for name in found if name]
    return next((author for author in found if author.casefold() != site.casefold()), next(iter(found), ""))


def _author_names(said: Iterable[str]) -> str:
    """The strings that are names, joined by commas."""
    found = (_author_name(author) for author in said)
    return ", ".join(dict.fromkeys(author for author in found if not _NO_NAME.fullmatch(author)))


def _author_name(said: str) -> str:
    """The name without 'By' and addresses; of "ana@a.test (Ana Lee)", the name in brackets."""
    name = one_line(_AUTHOR_ADDRESS.sub("", _BY.sub("", one_line(markup.paragraphs(said)))))
    return found[1].strip() if (found := _IN_BRACKETS.fullmatch(name)) else name


def _without_date(name: str) -> str:
    """A guessed name without the weekday or month of a date behind it; a surname such as May stays."""
    while name.count(" ") > 1 and (found := _DATE_BEHIND_NAME.search(name)):
        name = name[: found.start()]
    return "" if _DATE_BEHIND_NAME.fullmatch(f" {name.strip()}") else name


def publication_date(stated: str, metas: Mapping[str, str], tree: Any, guessed: str) -> datetime | None:
    """The date of publication: from JSON-LD, the head, the text, or else the guess."""
    return dates.parse(stated) or _first_date(metas, _PUBLISHED_METAS) or _shown_date(tree) or dates.parse(guessed)


def modification_date(stated: str, metas: Mapping[str, str]) -> datetime | None:
    """The date of the last modification: from JSON-LD or the head."""
    return dates.parse(stated) or _first_date(metas, _MODIFIED_METAS)


def _first_date(metas: Mapping[str, str], names: tuple[str, ...]) -> datetime | None:
    return next((moment for name in names if (moment := dates.parse(metas.get(name)))), None)


def _shown_date(tree: Any) -> datetime | None:
    """The date of publication in the text: marked by microdata or class, or else the first that marks no change."""
    rest: list[datetime] = []
    for element in islice(tree.iter("time", "span", "div", "p", "abbr"), _MOST_ELEMENTS):
        property, classes = (element.get("itemprop") or "").lower(), (element.get("class") or "").lower()
        if element.tag != "time" and property != "datepublished":
            continue
        moment = dates.parse(element.get("datetime") or element.get("content") or (element.text if property else None))
        if moment is None or _CHANGE_DATE.search(f"{property} {classes}".replace("datepublished", "")):
            continue
        if property == "datepublished" or element.get("pubdate") is not None or "publish" in classes:
            return moment
        rest.append(moment)
    return next(iter(rest), None)
