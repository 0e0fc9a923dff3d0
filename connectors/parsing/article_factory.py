"""Builds every article, with its id, revision and hash by the rules of `pipeline.identity`."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from connectors.base import SourceConfig
from connectors.parsing import dates
from pipeline import identity
from pipeline.control_characters import without_breaks, without_controls
from pipeline.models import Article, Source

_LANGUAGE = re.compile(r"\s*([a-zA-Z]{2})(?:[-_][\w-]+)?\s*")
_MAX_TAGS = 64
_MAX_TAG = 200
_MAX_LINE = 2000  # characters of a headline or byline; longer ones are text in the wrong place


def make_article(
    *,
    url: str,
    body: str,
    source: Source,
    fetched: datetime,
    canonical: str | None = None,
    headline: str | None = None,
    byline: str | None = None,
    published: datetime | None = None,
    modified: datetime | None = None,
    language: str | None = None,
    tags: Iterable[str] = (),
    raw: Mapping[str, str] | None = None,
    previous_revision: int | None = None,
    fallback_time: datetime | None = None,
) -> Article:
    """Makes an article with its id, revision and content hash.

    Control characters are removed from all texts first, because later offsets count from the cleaned body.

    Dates in the future are set to `fetched`, and `raw` keeps the original. The revision is the time of modification, or
    else of publication, so that two processes that read the same thing give it the same revision. An article without a
    date, or with one in the future, takes `fallback_time`, or else the time of the fetch. `previous_revision` is that
    of an older content of the same article; the new revision is above it.
    """
    notes = dict(raw or {})
    moments = {}
    for name, moment in (("published", published), ("modified", modified)):
        moments[name], clamped = dates.clamp(moment, fetched)
        if clamped and moment is not None:
            notes[f"{name}-in-future"] = moment.isoformat()
    dated = [moments[name] for name in ("modified", "published") if f"{name}-in-future" not in notes]
    revision = identity.revision(next(filter(None, dated), None), fallback_time or fetched)
    if previous_revision is not None:
        revision = max(revision, previous_revision + 1)
    url = address_of(url)
    address = identity.canonical_url(address_of(canonical) or url)
    title = one_line(headline)
    text = clean(body)
    return Article(
        id=identity.article_id(address),
        url=url,
        canonical_url=address,
        source=Source(id=one_line(source.id), name=one_line(source.name), domain=address_of(source.domain) or None),
        headline=title,
        byline=one_line(byline) or None,
        body=text,
        published=moments["published"],
        modified=moments["modified"],
        fetched=fetched,
        language=language_code(language),
        tags=_tags(tags),
        revision=revision,
        content_hash=identity.content_hash(title, text),
        raw={clean(key): clean(str(value)) for key, value in notes.items()},
    )


def source_of(config: SourceConfig, url: str = "") -> Source:
    """The publisher of a source's articles: its configured name, or else the domain of the address."""
    domain = domain_of(url) or domain_of(config.location)
    identifier = str(config.options.get("source") or domain or config.id)
    return Source(id=identifier, name=_name(config, domain), domain=domain)


def domain_of(url: str) -> str | None:
    """The host of a web address, in lower case and without 'www.'; None where it has none."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return None
    return address_of(host) or None


def language_code(text: str | None) -> str | None:
    """The ISO 639-1 code at the beginning of a language tag ('en-GB' → 'en'); None where there is none."""
    match = _LANGUAGE.fullmatch(text or "")
    return match.group(1).lower() if match else None


def one_line(text: str | None) -> str:
    """The text on one line with single spaces, cut at 2,000 characters."""
    return " ".join(clean(text).split())[:_MAX_LINE].rstrip()


def clean(text: str | None) -> str:
    """Removes control characters but tabs and newlines, and replaces lone surrogates by '?'.

    Terminals obey control characters, and UTF-8 cannot encode surrogates.
    """
    if not text:
        return ""
    text = without_controls(text)
    return text.encode("utf-8", "replace").decode("utf-8") if _has_surrogates(text) else text


def address_of(url: str | None) -> str:
    """The address without control characters, and without white space around it."""
    return without_breaks(clean(url)).strip()


def _has_surrogates(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _name(config: SourceConfig, domain: str | None) -> str:
    return one_line(config.name or str(config.options.get("source") or "")) or domain or config.id


def _tags(tags: Iterable[str]) -> list[str]:
    seen = dict.fromkeys(one_line(tag)[:_MAX_TAG] for tag in tags)
    return [tag for tag in seen if tag][:_MAX_TAGS]
