"""Turns a JSON record into an article: by our field names, schema.org's, ninjs', common ones, or by a mapping.

A mapping says where each of our fields is: `{"body": "payload.text", "url": "payload.links.0"}`. Dots lead into
objects, and numbers into lists.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.parsing import dates, markup
from connectors.parsing.article_factory import clean, domain_of, make_article, one_line
from pipeline import identity
from pipeline.models import Article, Source

FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("id", "guid", "uid", "_id", "uri", "identifier", "uuid"),
    "url": ("url", "link", "href", "permalink", "web_url", "page_url", "source_url", "mainEntityOfPage"),
    "canonical_url": ("canonical_url", "canonical", "canonicalUrl"),
    "headline": ("headline", "title", "name", "headlines", "subject"),
    "byline": ("byline", "author", "authors", "creator", "by", "writer"),
    "body": ("body", "articleBody", "text", "content", "maintext", "body_text", "body_html", "body_xhtml",
             "full_text", "fulltext", "article_text", "content_text", "content_html", "story", "bodies"),
    "published": ("published", "datePublished", "published_at", "publishedAt", "date", "pubDate", "pub_date",
                  "date_publish", "date_published", "publish_date", "publication_date", "firstcreated",
                  "created_at", "timestamp", "time"),
    "modified": ("modified", "dateModified", "updated", "updated_at", "updatedAt", "last_modified", "date_modify",
                 "date_modified", "versioncreated"),
    "language": ("language", "inLanguage", "lang"),
    "tags": ("tags", "keywords", "categories", "category", "section", "articleSection", "subject_names"),
    "source": ("source", "publisher", "source_name", "site", "outlet", "source_domain", "provider", "infosource"),
}  # fmt: skip
"""The names that each of our fields may have; the first that is present counts."""

_INNER = ("name", "title", "value", "text", "url", "@id", "main", "headline", "rendered")


class BadRecord(ValueError):
    """The record is no article; the message says why, as the end of a sentence."""


def to_article(
    record: object,
    *,
    source: Source | None,
    fetched: datetime,
    published: datetime | None = None,
    mapping: Mapping[str, str] | None = None,
    origin: str = "",
    modified: datetime | None = None,
    fallback_time: datetime | None = None,
) -> Article:
    """Makes the article of a record.

    Its identity is its URL, or else the source with the record's id, or else its content. `published` and `source`
    replace the record's own; `modified` is for records without a date of modification. The revision of a record without
    any date is made of `fallback_time`.

    Raises:
        BadRecord: the record is no object, has no text, or says something that cannot be.
    """
    if not isinstance(record, Mapping):
        raise BadRecord(f"is {_kind(record)}, not an object")
    if record.get("pubstatus") in ("canceled", "withheld"):
        raise BadRecord(f"is {record['pubstatus']}, says its sender (pubstatus)")
    found = {name: _field(record, name, mapping) for name in FIELDS}
    body = clean(_body(found["body"]))
    if not body.strip():
        raise BadRecord(f"has no text; it should be in {_where('body', mapping)}")
    headline = one_line(markup.paragraphs(_string(found["headline"])))
    url = _string(found["url"])
    url = url if url.lower().startswith(("http://", "https://", "file://", "urn:")) else ""
    identifier = _string(found["id"])
    if not url and identifier.lower().startswith(("http://", "https://")):
        url = identifier
    source = source or _source(found["source"], url)
    if not url:
        name = identity.digest(source.id, identifier) if identifier else identity.content_hash(headline, body)
        url = f"urn:whosaid:{'record' if identifier else 'content'}:{name}"
    canonical = _string(found["canonical_url"])
    if isinstance(record.get("raw"), Mapping) and not mapping:
        raw = {str(key): str(value) for key, value in record["raw"].items()}
    else:
        raw = {}
    return make_article(
        url=url,
        canonical=canonical if canonical.lower().startswith(("http://", "https://")) else None,
        body=body,
        headline=headline,
        byline=", ".join(_strings(found["byline"])),
        published=published or dates.parse(found["published"]),
        modified=dates.parse(found["modified"]) or modified,
        language=_string(found["language"]) or None,
        tags=_strings(found["tags"]),
        source=source,
        fetched=fetched,
        fallback_time=fallback_time,
        raw=raw | ({"origin": origin} if origin else {}),
    )


def _field(record: Mapping[str, Any], name: str, mapping: Mapping[str, str] | None) -> Any:
    if mapping and name in mapping:
        return _path(record, mapping[name])
    for key in FIELDS[name]:
        value = record.get(key)
        if key == "bodies" and isinstance(value, list):  # ninjs 2: the same text in several forms
            value = value[0] if value else None
        if value not in (None, "", [], {}):
            return value
    return None


def _path(record: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(record, Mapping):
            record = record.get(step)
        elif isinstance(record, list) and step.isdigit() and int(step) < len(record):
            record = record[int(step)]
        else:
            return None
    return record


def _body(value: Any) -> str:
    """The text as it is where it is plain, and the paragraphs of HTML."""
    if isinstance(value, list):
        return "\n".join(part for part in (_body(item) for item in value) if part)
    plain = _string(value, strip=False)
    looks_like_html = "</" in plain or "<br" in plain.lower() or "<p>" in plain.lower()
    return markup.paragraphs(plain) if looks_like_html else plain


def _string(value: Any, *, strip: bool = True) -> str:
    """The text of a value: a string, a number, or the telling field of an object, as schema.org and WordPress have."""
    for _ in range(8):  # as deep as anybody nests
        if isinstance(value, str):
            return value.strip() if strip else value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, Mapping):
            value = next((value[key] for key in _INNER if value.get(key)), None)
        else:
            return ""
    return ""


def _strings(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for text in (_string(part) for part in value) if text]
    return [part.strip() for part in _string(value).split(",") if part.strip()]


def _source(value: Any, url: str) -> Source:
    domain = domain_of(url)
    if isinstance(value, Mapping) and isinstance(value.get("id"), str) and value["id"]:
        given = value.get("domain")
        return Source(
            id=value["id"],
            name=_string(value.get("name")) or value["id"],
            domain=given if isinstance(given, str) else domain,
        )
    name = one_line(_string(value))
    return Source(id=domain or name or "unknown", name=name or domain or "unknown", domain=domain)


def _where(name: str, mapping: Mapping[str, str] | None) -> str:
    if mapping and name in mapping:
        return repr(mapping[name])
    return ", ".join(repr(key) for key in FIELDS[name][:4]) + " or the like"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {str: "a text", int: "a number", float: "a number", bool: "true or false", list: "a list"}
    return names.get(type(value), type(value).__name__)
