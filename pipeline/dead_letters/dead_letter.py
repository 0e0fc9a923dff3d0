"""Encodes and decodes dead letters: the original key and value as they came, the reason in the headers.

A dead letter can always be made, whatever the event carries: a null header counts as an empty one, a number is clamped,
a date that cannot be is now, and what no header can hold is replaced. Otherwise one event could stop a part for ever.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from pipeline.kafka_batches import Unreadable
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
_COUNTED = (_PREFIX + "attempts", _PREFIX + "first_failed", _PREFIX + "replay_of")
"""Headers that an event keeps on its way, so that its next failure is counted on, at whichever stage that is."""

_REASON_LIMIT = 4000  # characters: a header, not a log
_NAME_LIMIT = 200  # characters of a class of error, or of the id of a letter
_KEY_LIMIT = 4096  # bytes of the key that a letter without its bytes keeps

MOST_ATTEMPTS = 1_000_000
"""A larger number of attempts counts as this one."""

Headers = Sequence[tuple[str, bytes | None]]
"""As a Kafka client hands them out. A header may have no value (null), and a name may be there several times."""


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

    An event that was replayed carries what `to_replay` gave it: its attempts are counted on and its first time is kept.
    `kind` names the class of the error where `error` is only a sentence. A value that is `Unreadable` is not kept.
    """
    now = datetime.now(UTC)
    before = _ours(headers)
    replayed = before.get("replay_of")
    letter = DeadLetter(
        topic=topic,
        partition=partition,
        offset=offset,
        stage=stage,
        error=_sayable(kind or (type(error).__name__ if isinstance(error, BaseException) else "Refused"))[:_NAME_LIMIT],
        reason=_reason(error),
        attempts=min(_count(before.get("attempts", "")) + 1, MOST_ATTEMPTS),
        first_failed=_moment(before.get("first_failed", ""), now),
        last_failed=now,
        key=key,
        value=value,
        headers=plain_headers(headers),
        null_headers=_nulls(headers),
        replay_of=replayed[:_NAME_LIMIT] if replayed else None,
    )
    if isinstance(value, Unreadable):
        return letter.model_copy(update={"offset": value.first, "last_offset": value.last, "value": b"", "kept": False})
    return letter


class Record(Protocol):
    """A record as any Kafka client hands it out."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None


def from_record_failure(record: Record, reason: str, *, kind: str, stage: Stage) -> DeadLetter:
    """The dead letter for a record whose event failed just now; see `from_failure`."""
    return from_failure(
        reason,
        kind=kind,
        stage=stage,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=record.headers or (),
    )


def without_bytes(letter: DeadLetter, note: str) -> DeadLetter:
    """The letter of an event that is too large for one: it says so, and where the bytes are.

    Its value and its headers are not kept, and of a long key only the beginning: so it always has room.
    """
    reason = f"{letter.reason} ({_reason(note)})"
    key = letter.key[:_KEY_LIMIT] if letter.key is not None else None
    nothing: dict[str, object] = {"value": b"", "headers": [], "null_headers": [], "kept": False}
    return letter.model_copy(update=nothing | {"reason": reason, "key": key})


def to_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """The letter's fields as Kafka headers, and behind them those that the event came with."""
    fields = letter.model_dump(mode="json", include=set(_FIELDS))
    if letter.replay_of:
        fields["replay_of"] = letter.replay_of
    if letter.last_offset is not None:
        fields["last_offset"] = letter.last_offset
    if not letter.kept:
        fields["kept"] = "false"
    if letter.null_headers:
        fields["null_headers"] = ",".join(map(str, letter.null_headers))
    return [(_PREFIX + name, str(value).encode("utf-8", "replace")) for name, value in fields.items()] + letter.headers


def to_replay(letter: DeadLetter, id: str) -> list[tuple[str, bytes]]:
    """The headers to replay the event with: its own, and those that its next failure is counted on from.

    `id` names the letter, so that the outcome of the replay can be found. A null header is sent as an empty one, as the
    client sends no null headers.
    """
    counted = (str(letter.attempts), letter.first_failed.isoformat(), id)
    return [*letter.headers, *((name, value.encode()) for name, value in zip(_COUNTED, counted, strict=True))]


def passed_on(headers: Headers) -> list[tuple[str, bytes | None]]:
    """The headers for what an event becomes at the next stage: its own, and its failures so far."""
    return [(name, value) for name, value in headers if name in _COUNTED or not name.startswith(_PREFIX)]


def plain_headers(headers: Headers) -> list[tuple[str, bytes]]:
    """The headers that are not a dead letter's: those the event came with; null ones as empty ones."""
    return [(_sayable(name), value or b"") for name, value in _plain(headers)]


def from_record(key: bytes | None, value: bytes | None, headers: Headers | None) -> DeadLetter:
    """The letter of a record on the dead-letter topic.

    Raises:
        ValueError: the record's headers are not those of a dead letter.
    """
    headers = headers or ()
    fields: dict[str, object] = dict(_ours(headers))
    if "attempts" in fields:
        fields["attempts"] = _count(str(fields["attempts"]))
    noted = str(fields.pop("null_headers", "")).split(",")
    own = plain_headers(headers)
    nulls = {int(at) for at in noted if at.isdecimal() and len(at) < 10 and int(at) < len(own)}
    fields["null_headers"] = sorted(nulls.union(_nulls(headers)))
    letter = DeadLetter.model_validate({**fields, "key": key, "value": value, "headers": own})
    if not letter.topic or not (0 <= letter.partition < 2**31 and 0 <= letter.offset < 2**63):
        raise ValueError("its topic, its partition or its offset is none")
    if letter.last_offset is not None and not 0 <= letter.last_offset - letter.offset < 2**31:  # more than a batch has
        raise ValueError("its last offset is none of the same batch")
    return letter


def _ours(headers: Headers) -> dict[str, str]:
    """What the headers of a dead letter say, by field; of several of one name, the last."""
    return {
        name.removeprefix(_PREFIX): (value or b"").decode("utf-8", "replace")
        for name, value in headers
        if name.startswith(_PREFIX)
    }


def _plain(headers: Headers) -> list[tuple[str, bytes | None]]:
    return [(name, value) for name, value in headers if not name.startswith(_PREFIX)]


def _nulls(headers: Headers) -> list[int]:
    """Positions, among the headers that the event came with, of those that have no value."""
    return [at for at, (_, value) in enumerate(_plain(headers)) if value is None]


def _count(text: str) -> int:
    """The number in the text, from 0 to `MOST_ATTEMPTS`; 0 where it has none."""
    if not (text.isascii() and text.isdecimal()):
        return 0
    digits = text.lstrip("0")
    return min(int(digits or "0"), MOST_ATTEMPTS) if len(digits) < 10 else MOST_ATTEMPTS


def _moment(text: str, now: datetime) -> datetime:
    """The time in the text; now where it has none, one without a zone, or one that is still to come."""
    try:
        moment = datetime.fromisoformat(text)
        return min(moment.astimezone(UTC), now) if moment.tzinfo else now
    except (ValueError, OverflowError):  # no time; or one that has no year in UTC
        return now


def _reason(error: BaseException | str) -> str:
    try:
        words = " ".join(str(error).split())
    except Exception:  # an error that cannot even say what it is
        words = ""
    return _sayable(words[:_REASON_LIMIT]) or type(error).__name__


def _sayable(text: str) -> str:
    """The text as UTF-8 can carry it: halves of surrogate pairs are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
