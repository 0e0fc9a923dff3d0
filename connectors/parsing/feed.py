"""Parses feeds: RSS, RDF and Atom by feedparser, JSON Feed by its own rules."""

import calendar
import contextlib
import io
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.sax import SAXParseException

import feedparser

from connectors.base import unexpected_problem
from connectors.parsing import dates, feed_repair
from connectors.parsing import markup as text
from connectors.parsing.article_factory import one_line
from pipeline import identity
from pipeline.errors import SourceError

_log = logging.getLogger(__name__)

_MOST = 5000  # entries of one feed that are looked at, in its own order
_HTML = re.compile(rb"^\s*(<!--.*?-->\s*)*(<!doctype\s+html|<html)", re.IGNORECASE | re.DOTALL)
_FEED = re.compile(rb"<\s*(\w+:)?(rss|feed|rdf|channel)[\s>]", re.IGNORECASE)
_PLAIN = {"sanitize_html": False, "resolve_relative_uris": False}  # we extract plain text by our own rules
_ITEM = re.compile(rb"<\s*(\w+:)?(item|entry)[\s>]", re.IGNORECASE)
_PERIODS = {"hourly": 3600.0, "daily": 86_400.0, "weekly": 604_800.0, "monthly": 2_592_000.0, "yearly": 31_536_000.0}


@dataclass(frozen=True)
class Entry:
    """An item of a feed. `key` identifies it within its feed in every poll; `mark` changes whenever the item does."""

    key: str
    mark: str
    link: str
    shared_link: bool  # other entries have the same link, so it does not identify this one
    title: str = ""
    byline: str = ""
    body: str = ""
    published: datetime | None = None
    modified: datetime | None = None
    language: str | None = None
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Feed:
    """A feed: its entries, newest first as feeds have them, and what it says about itself."""

    entries: list[Entry]
    title: str = ""
    language: str | None = None
    interval: float | None = None  # seconds between polls that it asks for
    hub: str | None = None
    topic: str | None = None
    version: str = ""
    problem: str = ""  # what is wrong with a feed that could be read all the same
    unread: list[str] = field(default_factory=list)  # a sentence for each item that could not be read


def parse(data: bytes, *, url: str, content_type: str = "", language: str = "") -> Feed:
    """Parses a feed; relative links are resolved against `url`.

    Raises:
        SourceError: it is not a feed; the message says what it is.
    """
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise SourceError(f"{url} is empty.")
    if head[:1] == b"{":
        return _parse_json(data, url)
    if _HTML.match(head) and not _FEED.search(data[:65_536]):
        raise SourceError(f"{url} is a web page, not a feed; `whosaid source add` finds a site's feeds.")
    data, content_type = feed_repair.sanitise(data, content_type)
    headers = {"content-location": url, "content-type": content_type, "content-language": language}
    parsed = _parsed(data, {name: value for name, value in headers.items() if value}, url)
    if not parsed.entries and not parsed.get("version") and not _FEED.search(data[:65_536]):
        kind = "a web page, not a feed" if b"<html" in data[:65_536].lower() else "no feed that can be read"
        raise SourceError(f"{url} is {kind}.")
    channel = parsed.get("feed") or {}
    raw, unread = _each(_entry, parsed.entries[:_MOST], url)
    links = [link for link in channel.get("links", []) if isinstance(link, Mapping)]
    return Feed(
        entries=_with_keys(raw),
        title=_plain(channel.get("title")),
        language=channel.get("language") or None,
        interval=_interval(channel),
        hub=_rel(links, "hub", url),
        topic=_rel(links, "self", url),
        version=parsed.get("version") or "",
        problem=_problem(parsed),
        unread=unread,
    )


def _parsed(data: bytes, headers: dict[str, str], url: str) -> Any:
    """What feedparser finds; where it fails or finds no items, what it finds in the repaired bytes."""
    try:
        parsed = feedparser.parse(io.BytesIO(data), response_headers=headers, **_PLAIN)
        if parsed.entries or not _ITEM.search(data):
            return parsed
    except Exception as error:  # feedparser raises anything on strange bytes
        _log.info("%s: feedparser stumbled: %s: %s", url, type(error).__name__, error)
        parsed = None
    try:
        again = feedparser.parse(
            io.BytesIO(feed_repair.well_formed(data)), response_headers=headers | {"content-type": "text/xml"}, **_PLAIN
        )
    except Exception as error:
        if parsed is not None:
            return parsed
        raise SourceError(f"{url} cannot be read as a feed ({type(error).__name__}).") from error
    return again if again.entries or parsed is None else parsed


def _each(
    read: Callable[[Any, str], dict[str, Any]], items: list[Any], url: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """Reads each item; one that cannot be read is left out, with a problem in its place."""
    found, unread = [], []
    for number, item in enumerate(items, 1):
        try:
            found.append(read(item, url))
        except Exception as error:
            unread.append(unexpected_problem(f"{url}, item {number}", error))
    return found, unread


def _entry(entry: Any, base: str) -> dict[str, Any]:
    contents = [content.get("value") or "" for content in entry.get("content", []) if _is_text(content)]
    bodies = [text.paragraphs(body) for body in (*contents, str(entry.get("summary") or ""))]
    authors = [
        _plain(author["name"])
        for author in entry.get("authors", [])
        if isinstance(author, Mapping) and author.get("name")
    ]
    return {
        "id": one_line(str(entry.get("id") or "")),
        "link": _link(entry, base),
        "title": _plain(entry.get("title")),
        "byline": ", ".join(dict.fromkeys(filter(None, authors))) or _plain(entry.get("author")),
        "body": max(bodies, key=len, default=""),
        "published": _date(entry, "published") or _date(entry, "created") or _date(entry, "updated"),
        "modified": _date(entry, "updated") if entry.get("published") else None,
        "language": entry.get("language") or (entry.get("title_detail") or {}).get("language") or None,
        "tags": [str(tag.get("term")) for tag in entry.get("tags", []) if isinstance(tag, Mapping) and tag.get("term")],
    }


def _plain(markup: Any) -> str:
    return one_line(text.paragraphs(str(markup or "")))


def _is_text(content: Any) -> bool:
    return isinstance(content, Mapping) and str(content.get("type") or "text/html").startswith(
        ("text/", "application/xhtml")
    )


def _date(entry: Any, name: str) -> datetime | None:
    # feedparser's own `get` gives other dates in the place of missing ones
    if dict.__contains__(entry, name) and (moment := dates.parse(str(dict.__getitem__(entry, name)))):
        return moment
    written = str(dict.get(entry, name) or "")
    if written.isascii():
        return None
    stamp = dict.get(entry, f"{name}_parsed")  # feedparser knows the months of some languages
    try:
        return dates.parse(datetime.fromtimestamp(calendar.timegm(stamp), UTC)) if stamp else None
    except (ValueError, OverflowError, TypeError, OSError):
        return None


def _link(entry: Any, base: str) -> str:
    links = [
        reference for reference in entry.get("links", []) if isinstance(reference, Mapping) and reference.get("href")
    ]
    html = [reference for reference in links if reference.get("rel", "alternate") == "alternate"]
    html.sort(key=lambda reference: "html" not in str(reference.get("type") or "text/html"))
    for candidate in (str(reference["href"]) for reference in html):
        if address := _absolute(candidate, base):
            return address
    identifier = str(entry.get("id") or "")
    link = str(entry.get("link") or "")  # feedparser copies the identifier into it
    return (_absolute(link, base) if link != identifier else "") or _web(identifier)


def _web(identifier: str) -> str:
    """The identifier where it is a web address; no other identifier is read as a relative address."""
    return _absolute(identifier, "") if identifier.lower().startswith(("http://", "https://")) else ""


def _absolute(link: str, base: str) -> str:
    link = "".join(link.split())
    if not link or link.lower().startswith(("tag:", "urn:", "mailto:", "javascript:", "data:")):
        return ""
    try:
        whole = urljoin(base, link)
        parts = urlsplit(whole)
        _ = parts.port  # raises where it is no number
        return whole if parts.scheme in ("http", "https") and parts.hostname else ""
    except ValueError:
        return ""


def _with_keys(raw: list[dict[str, Any]]) -> list[Entry]:
    """The entries with their keys, made of the address unless several share it, else of the guid, else of the title."""
    addresses = [identity.canonical_url(item["link"]) if item["link"] else "" for item in raw]
    different: dict[tuple[str, str], set[str]] = {}
    for item, address in zip(raw, addresses, strict=True):
        said = item["title"] or item["body"][:200]
        different.setdefault(("address", address), set()).add(said)
        different.setdefault(("id", item["id"]), set()).add(said)
    entries: dict[str, Entry] = {}
    for item, address in zip(raw, addresses, strict=True):
        shared = not address or len(different["address", address]) > 1
        if not shared:
            name = address
        elif item["id"] and item["id"] != item["link"] and len(different["id", item["id"]]) == 1:
            name = f"id {item['id']}"
        else:
            name = f"title {item['title'] or item['body'][:200]}"
        key = identity.digest(name, length=16)
        if key in entries or not (item["link"] or item["body"] or item["title"]):
            continue  # a repetition: the first is the newest
        fields = {name: value for name, value in item.items() if name != "id"}
        stamp = (item["modified"] or item["published"] or "") and str(item["modified"] or item["published"])
        mark = identity.digest(item["title"], item["body"], stamp, length=8)
        entries[key] = Entry(key=key, mark=mark, shared_link=shared, **fields)
    return list(entries.values())


def _interval(channel: Any) -> float | None:
    asked: list[float] = []
    with contextlib.suppress(KeyError, ValueError, TypeError):  # no ttl, or one that is no number
        asked.append(float(channel["ttl"]) * 60)
    period = _PERIODS.get(str(channel.get("sy_updateperiod") or "").strip().lower())
    if period:
        try:
            times = float(channel.get("sy_updatefrequency") or 1)
        except ValueError:
            times = 1.0
        asked.append(period / times if times >= 1 else period)
    good = [seconds for seconds in asked if 0 < seconds < 1e8]
    return max(good, default=None)


def _rel(links: list[Any], rel: str, base: str) -> str | None:
    return (
        next((_absolute(str(link.get("href") or ""), base) for link in links if link.get("rel") == rel), None) or None
    )


def _problem(parsed: Any) -> str:
    error = parsed.get("bozo_exception") if parsed.get("bozo") else None
    if error is None or type(error).__name__ in ("CharacterEncodingOverride", "NonXMLContentType"):
        return ""
    if isinstance(error, SAXParseException):
        return one_line(f"its XML is broken: {error.getMessage()}")[:300]
    return one_line(f"{type(error).__name__}: {error}")[:300]


def _parse_json(data: bytes, url: str) -> Feed:
    try:
        value = json.loads(text.decode(data))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{url} is no feed: its JSON cannot be read ({error}).") from None
    items = value.get("items") if isinstance(value, dict) else None
    if items is None and isinstance(value, dict) and "jsonfeed.org/" in _text(value, "version"):
        items = []  # an RSS feed without items is a feed, too
    if not isinstance(items, list):
        raise SourceError(f"{url} is JSON, but no JSON Feed: it has no items.")
    raw, unread = _each(_json_entry, [item for item in items[:_MOST] if isinstance(item, dict)], url)
    hubs = value.get("hubs")
    hub = hubs[0].get("url") if isinstance(hubs, list) and hubs and isinstance(hubs[0], dict) else None
    return Feed(
        entries=_with_keys(raw),
        title=one_line(_text(value, "title")),
        language=_text(value, "language") or None,
        hub=_absolute(hub, url) if isinstance(hub, str) else None,
        topic=_absolute(_text(value, "feed_url"), url) or None,
        version=_text(value, "version") or "json",
        unread=unread,
    )


def _json_entry(item: dict[str, Any], base: str) -> dict[str, Any]:
    authors = item.get("authors") if isinstance(item.get("authors"), list) else [item.get("author")]
    names = [_text(author, "name") for author in authors or [] if isinstance(author, dict)]
    content = _text(item, "content_html")
    body = text.paragraphs(content) if content else text.plain_lines(_text(item, "content_text"))
    tags = item.get("tags")
    return {
        "id": one_line(_text(item, "id")),
        "link": _absolute(_text(item, "url") or _text(item, "external_url"), base) or _web(_text(item, "id")),
        "title": one_line(text.paragraphs(_text(item, "title"))),
        "byline": ", ".join(filter(None, map(_plain, names))),
        "body": body or text.paragraphs(_text(item, "summary")),
        "published": dates.parse(item.get("date_published")) or dates.parse(item.get("date_modified")),
        "modified": dates.parse(item.get("date_modified")),
        "language": _text(item, "language") or None,
        "tags": [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
    }


def _text(value: Any, name: str) -> str:
    found = value.get(name)
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""
