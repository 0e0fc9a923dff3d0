"""Dead letters on the wire: the original key and bytes as they came, the reason in the headers."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline.models import DeadLetter, Stage

_PREFIX = "whosaid-"
_FIELDS = (
    "topic",
    "partition",
    "offset",
    "stage",
    "error",
    "reason",
    "attempts",
    "first_failed",
    "last_failed",
)
_REASON_LIMIT = 4000  # a header, not a log

Headers = Sequence[tuple[str, bytes]]


def from_failure(
    error: BaseException | str,
    *,
    stage: Stage,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Headers = (),
    kind: str | None = None,
) -> DeadLetter:
    """The dead letter for an event that failed just now.

    An event that was replayed carries the headers of its earlier failure: its attempts are counted on and its first
    time is kept. `kind` names the class of the error where `error` is only a sentence.
    """
    now = datetime.now(UTC)
    before = {name: value.decode("utf-8", "replace") for name, value in headers if name.startswith(_PREFIX)}
    try:
        attempts = int(before.get(_PREFIX + "attempts", "0"))
        first = datetime.fromisoformat(before.get(_PREFIX + "first_failed", now.isoformat()))
    except ValueError:  # somebody else's headers: count from here
        attempts, first = 0, now
    reason = " ".join(str(error).split()) or type(error).__name__
    return DeadLetter(
        topic=topic,
        partition=partition,
        offset=offset,
        stage=stage,
        error=kind or (type(error).__name__ if isinstance(error, BaseException) else "Refused"),
        reason=reason[:_REASON_LIMIT],
        attempts=attempts + 1,
        first_failed=first if first.tzinfo else now,
        last_failed=now,
        key=key,
        value=value,
    )


def to_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """The letter's fields as Kafka headers."""
    fields = letter.model_dump(mode="json", include=set(_FIELDS))
    return [(_PREFIX + name, str(fields[name]).encode("utf-8", "replace")) for name in _FIELDS]


def plain_headers(headers: Headers) -> list[tuple[str, bytes]]:
    """The headers that are not a dead letter's: those the event came with."""
    return [(name, value) for name, value in headers if not name.startswith(_PREFIX)]


def from_record(key: bytes | None, value: bytes | None, headers: Headers) -> DeadLetter:
    """The letter of a record on the dead-letter topic.

    Raises:
        ValueError: the record's headers are not those of a dead letter.
    """
    fields = {
        name.removeprefix(_PREFIX): text.decode("utf-8", "replace")
        for name, text in headers
        if name.startswith(_PREFIX)
    }
    return DeadLetter.model_validate({**fields, "key": key, "value": value})
