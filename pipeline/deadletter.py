"""Dead letters on the wire: the original key and bytes as they came, the reason in the headers."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline.batches import Unreadable
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
"""What an event takes along on its way, so that its next failure counts on, at whichever stage that is."""

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

    An event that was replayed carries what `to_replay` gave it: its attempts are counted on and its first time is kept.
    `kind` names the class of the error where `error` is only a sentence. A value that is `Unreadable` is not kept.
    """
    now = datetime.now(UTC)
    before = {name: value.decode("utf-8", "replace") for name, value in headers if name.startswith(_PREFIX)}
    try:
        attempts = int(before.get(_PREFIX + "attempts", "0"))
        first = datetime.fromisoformat(before.get(_PREFIX + "first_failed", now.isoformat()))
    except ValueError:  # somebody else's headers: count from here
        attempts, first = 0, now
    reason = " ".join(str(error).split()) or type(error).__name__
    letter = DeadLetter(
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
        headers=plain_headers(headers),
        replay_of=before.get(_PREFIX + "replay_of"),
    )
    if isinstance(value, Unreadable):
        return letter.model_copy(update={"offset": value.first, "last_offset": value.last, "value": b"", "kept": False})
    return letter


def without_bytes(letter: DeadLetter, note: str) -> DeadLetter:
    """The letter of an event that is too large for one: it says so, and where the bytes are."""
    reason = f"{letter.reason} ({note})"
    return letter.model_copy(update={"reason": reason, "value": b"", "headers": [], "kept": False})


def to_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """The letter's fields as Kafka headers, and behind them those that the event came with."""
    fields = letter.model_dump(mode="json", include=set(_FIELDS))
    if letter.replay_of:
        fields["replay_of"] = letter.replay_of
    if letter.last_offset is not None:
        fields["last_offset"] = letter.last_offset
    if not letter.kept:
        fields["kept"] = "false"
    return [(_PREFIX + name, str(value).encode("utf-8", "replace")) for name, value in fields.items()] + letter.headers


def to_replay(letter: DeadLetter, id: str) -> list[tuple[str, bytes]]:
    """The headers to send the event on its way again with: its own, and what its next failure counts on from.

    `id` names the letter, so that what becomes of the event can be told.
    """
    counted = (str(letter.attempts), letter.first_failed.isoformat(), id)
    return [*letter.headers, *((name, value.encode()) for name, value in zip(_COUNTED, counted, strict=True))]


def passed_on(headers: Headers) -> list[tuple[str, bytes]]:
    """The headers for what an event becomes at the next stage: its own, and its failures so far."""
    return [(name, value) for name, value in headers if name in _COUNTED or not name.startswith(_PREFIX)]


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
    return DeadLetter.model_validate({**fields, "key": key, "value": value, "headers": plain_headers(headers)})
