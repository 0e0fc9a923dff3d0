"""Makes feeds of a search's newest quotes: Atom (RFC 4287), RSS 2.0, and JSON Feed 1.1."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal
from urllib.parse import quote as escaped
from xml.etree import ElementTree as Xml

from pipeline.models import in_marks
from pipeline.search.parameters import QuoteQuery
from pipeline.search.results import QuoteHit

Format = Literal["atom", "rss", "json"]

MEDIA_TYPES: Mapping[Format, str] = {
    "atom": "application/atom+xml",
    "rss": "application/rss+xml",
    "json": "application/feed+json",
}

_ATOM = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TITLE = 120  # characters of what was said in a title


def make(kind: Format, query: QuoteQuery, hits: Sequence[QuoteHit], *, address: str, site: str) -> bytes:
    """The feed of these quotes.

    Args:
        kind: its format.
        query: the search.
        hits: the newest quotes of it.
        address: the feed's own address.
        site: the address of the service, without a slash at its end.
    """
    return {"atom": _atom, "rss": _rss, "json": _json}[kind](title(query), hits, address, site)


def title(query: QuoteQuery) -> str:
    """The search in a few words."""
    named = [*query.speaker, *query.entity, *query.source]
    about = [f"“{query.words}”"] if query.words else []
    return " · ".join(["WhoSaid", *about, *named])


def heading(hit: QuoteHit) -> str:
    """Who said what, on one line, cut."""
    return f"{hit.speaker.name if hit.speaker else 'Unknown'}: {in_marks(hit.type, hit.beginning(_TITLE))}"


def link(hit: QuoteHit, site: str) -> str:
    """The address of the quote within its article here."""
    return f"{site}/articles/{escaped(hit.article_id, safe='')}#quote-{escaped(hit.id, safe='')}"


def _atom(name: str, hits: Sequence[QuoteHit], address: str, site: str) -> bytes:
    feed = Xml.Element("feed", {"xmlns": _ATOM})
    _add(feed, "title", name)
    _add(feed, "id", address)
    _add(feed, "link", rel="self", href=address)
    _add(feed, "link", rel="alternate", href=f"{site}/")
    _add(feed, "updated", _updated(hits).isoformat())
    _add(_add(feed, "author"), "name", "WhoSaid")
    for hit in hits:
        entry = _add(feed, "entry")
        _add(entry, "id", _id(hit))
        _add(entry, "title", heading(hit))
        _add(entry, "link", rel="alternate", href=link(hit, site))
        if hit.url.startswith(("http://", "https://")):
            _add(entry, "link", rel="via", href=hit.url)
        _add(entry, "updated", (hit.published or _EPOCH).isoformat())
        if hit.published:
            _add(entry, "published", hit.published.isoformat())
        _add(_add(entry, "author"), "name", hit.speaker.name if hit.speaker else "Unknown")
        _add(entry, "content", _content(hit), type="text")
    return _document(feed)


def _rss(name: str, hits: Sequence[QuoteHit], address: str, site: str) -> bytes:
    rss = Xml.Element("rss", {"version": "2.0", "xmlns:atom": _ATOM})
    channel = _add(rss, "channel")
    _add(channel, "title", name)
    _add(channel, "link", f"{site}/")
    _add(channel, "description", "Quotes that a search finds, the newest first.")
    _add(channel, "atom:link", rel="self", href=address, type=MEDIA_TYPES["rss"])
    for hit in hits:
        item = _add(channel, "item")
        _add(item, "title", heading(hit))
        _add(item, "link", link(hit, site))
        _add(item, "guid", _id(hit), isPermaLink="false")
        _add(item, "description", _content(hit))
        if hit.published:
            _add(item, "pubDate", format_datetime(hit.published))
    return _document(rss)


def _json(name: str, hits: Sequence[QuoteHit], address: str, site: str) -> bytes:
    items = [
        {
            "id": _id(hit),
            "url": link(hit, site),
            "external_url": hit.url,
            "title": heading(hit),
            "content_text": _content(hit),
            "authors": [{"name": hit.speaker.name}] if hit.speaker else [],
            "date_published": hit.published.isoformat() if hit.published else None,
            "_whosaid": json.loads(hit.model_dump_json()),
        }
        for hit in hits
    ]
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": name,
        "home_page_url": f"{site}/",
        "feed_url": address,
        "items": [{key: value for key, value in item.items() if value is not None} for item in items],
    }
    return json.dumps(feed, ensure_ascii=False).encode()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _updated(hits: Sequence[QuoteHit]) -> datetime:
    return max((hit.published for hit in hits if hit.published), default=_EPOCH)


def _id(hit: QuoteHit) -> str:
    return f"urn:whosaid:quote:{escaped(hit.id, safe='')}"


def _content(hit: QuoteHit) -> str:
    where = ", ".join(filter(None, (hit.source.name, hit.headline)))
    return f"{in_marks(hit.type, hit.spoken)} ({where})"


def _add(parent: Xml.Element, tag: str, text: str | None = None, **attributes: str) -> Xml.Element:
    child = Xml.SubElement(parent, tag, {name: _NOT_XML.sub("", value) for name, value in attributes.items()})
    child.text = None if text is None else _NOT_XML.sub("", text)
    return child


def _document(root: Xml.Element) -> bytes:
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True))
