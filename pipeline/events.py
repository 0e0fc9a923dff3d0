"""Encodes and decodes the events of the topics: articles and enriched articles.

Every stage reads with `decode`, so that the same fault has the same name and the same sentence in all dead letters.
"""

from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import validation_message
from pipeline.models import SCHEMA_VERSION, Article, Enriched

E = TypeVar("E", Article, Enriched)

LAST = "whosaid-last"
"""The header of an enriched event behind which its worker knew of no other: there is no backlog, or it is over."""

LARGEST_ARTICLE = 8 * 2**20
"""Bytes of an article's event that are parsed whatever the longest body is that the settings allow."""

MOST_GROUPS, MOST_VALUES = 100_000, 1_000_000
"""The most lists and objects, and the most values, of an event's JSON: twice what an article with as many entities and
quotes as are indexed has. A parser takes a hundred bytes for a list of three."""

_SMALL = 2**18
"""Bytes of an event whose JSON may be of any form."""

_NAMES = {Article: "an article", Enriched: "an enriched article"}
_STRUCTURE = b'"[{,'
_TEXT = bytes(set(range(256)) - set(_STRUCTURE))


class FailureKind(StrEnum):
    """What is wrong with an event: the name of the error in its dead letter."""

    EMPTY = "EmptyEvent"
    """It has no value."""
    BAD = "BadEvent"
    """It is no JSON, or not of the event's form."""
    NEWER_SCHEMA = "NewerSchema"
    """A newer WhoSaid wrote it."""
    TOO_LONG = "TooLong"
    """It, or its text, is longer than what is read."""
    TOO_MUCH = "TooMuch"
    """It has more quotes, entities or other values than what is read or indexed."""


class EventError(Exception):
    """An event cannot be read or written: its kind, and one sentence for a person."""

    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


def encode(event: Article | Enriched) -> bytes:
    """The event's bytes.

    Raises:
        EventError: its text has halves of surrogate pairs, which UTF-8 cannot carry.
    """
    try:
        return event.model_dump_json().encode()
    except ValueError as error:
        raise EventError(FailureKind.BAD, f"The article cannot be written as UTF-8: {error}.") from None


def decode(form: type[E], value: bytes | None, *, largest: int, setting: str = "") -> E:
    """The event in the bytes.

    Args:
        form: what the topic carries: `Article` or `Enriched`.
        value: the record's value.
        largest: the most bytes that are parsed: hostile JSON takes many times its size of memory.
        setting: the setting that changes `largest`, if there is one.

    Raises:
        EventError: it is empty, too long, of too many values, of a newer schema, or no such event; told in this order.
    """
    if not value:
        raise EventError(FailureKind.EMPTY, "The event has no value.")
    if len(value) > largest:
        limit = f"{setting} is {largest}" if setting else f"{largest} is the most that is read"
        raise EventError(FailureKind.TOO_LONG, f"The event has {len(value)} bytes; {limit}.")
    _refuse_too_many(value)
    try:
        event = form.model_validate_json(value)
    except ValidationError as error:
        # A newer schema may break every rule of this one, so its version tells more than what is wrong.
        _refuse_newer(max(_stated_versions(form, value), default=0))
        raise EventError(FailureKind.BAD, _reason(form, error)) from None
    _refuse_newer(event.schema_version)
    if isinstance(event, Enriched):
        _refuse_newer(event.article.schema_version)
    return event


def _refuse_newer(version: int) -> None:
    if version > SCHEMA_VERSION:
        raise EventError(
            FailureKind.NEWER_SCHEMA,
            f"The event's schema version {version} is newer than {SCHEMA_VERSION}, the newest that this WhoSaid knows. "
            "Update it, then replay the event.",
        )


class _Versioned(BaseModel):
    """What is read of an event that is not valid: nothing else of it is made, for it may be of any size."""

    schema_version: int


class _Holder(BaseModel):
    article: _Versioned


def _stated_versions(form: type[Article | Enriched], value: bytes) -> Iterator[int]:
    """The versions of an event that is not valid, and of the article in it, as far as they can be told."""
    with suppress(ValidationError):
        yield _Versioned.model_validate_json(value).schema_version
    if form is Enriched:
        with suppress(ValidationError):
            yield _Holder.model_validate_json(value).article.schema_version


def _refuse_too_many(value: bytes) -> None:
    """Refuses JSON of very many values before it is parsed, which takes many times its size of memory.

    What stands in its texts does not count. It is only told apart where the count with it is too high.

    Raises:
        EventError: it has too many.
    """
    if len(value) <= _SMALL or not _too_many(*_counted(value)):
        return
    groups, values = _counted_exactly(value)
    if _too_many(groups, values):
        raise EventError(
            FailureKind.TOO_MUCH,
            f"The event's JSON has {groups} lists and objects and {values} values; "
            f"{MOST_GROUPS} and {MOST_VALUES} are the most that are read.",
        )


def _counted(value: bytes) -> tuple[int, int]:
    groups = value.count(b"[") + value.count(b"{")
    return groups, groups + value.count(b",")


def _counted_exactly(value: bytes) -> tuple[int, int]:
    """The same without what stands in texts, which begin and end at every other quotation mark."""
    plain = value.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, _TEXT)
    groups = values = inside = 0
    for start in range(0, len(plain), _SMALL):
        parts = plain[start : start + _SMALL].split(b'"')
        more = _counted(b"".join(parts[inside::2]))
        groups, values = groups + more[0], values + more[1]
        inside ^= (len(parts) - 1) % 2
    return groups, values


def _too_many(groups: int, values: int) -> bool:
    return groups > MOST_GROUPS or values > MOST_VALUES


def _reason(form: type[Article | Enriched], error: ValidationError) -> str:
    first, *others = error.errors(include_input=False, include_url=False)
    where = ".".join(str(part) for part in first["loc"])
    more = f" ({len(others)} more)" if others else ""
    return f"Not {_NAMES[form]}: {where}{': ' if where else ''}{validation_message(first)}{more}."
