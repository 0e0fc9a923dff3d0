"""Reads the dead letters from their topic, and marks what was done with each.

A Kafka topic is a log: nobody can take a replayed or discarded letter out of it, and nobody should, for it records what
happened. The marks are on a compacted topic of their own: the key names the letter, the value says how and when it was
handled. Why they are nowhere else:

* A consumer group's offset can only say "all up to here"; people replay some letters and leave others.
* Deleting letters by key needs a compacted topic, which would lose all but the last letter of each article.
* An index cannot be reached when Elasticsearch is what is broken, and that is when people look.

The event is sent and acknowledged before its letter is marked. A crash in between leaves an unmarked letter whose event
was sent. Sending the event twice changes nothing, as ids and revisions are the same.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, NamedTuple, Self

from kafka.errors import KafkaError
from pydantic import BaseModel, ValidationError

from pipeline import kafka_client, topics
from pipeline.dead_letters import dead_letter
from pipeline.errors import BrokerUnavailable
from pipeline.models import DeadLetter, Stage, UtcDatetime
from pipeline.settings import Settings
from pipeline.topic_reader import TopicReader

logger = logging.getLogger(__name__)

_LOOKED_AT = 8 * 2**20  # bytes
_SMALLEST = 1024  # bytes that a record counts for at the least
_ID = re.compile(rb"(?:0|[1-9]\d{0,9})-(?:0|[1-9]\d{0,18})")


class Mark(BaseModel):
    """What was done with a letter; for a replayed one, also the place of the event that was sent."""

    how: Literal["replayed", "discarded"]
    at: UtcDatetime
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    because: str | None = None


def read_marks(records: Iterable[tuple[bytes | None, bytes | None]]) -> tuple[dict[str, Mark], int]:
    """The marks that hold, by the letter's id, and how many of the records are none.

    As on any compacted topic the last record of a key holds, and one without a value withdraws the mark. A record that
    is no mark changes nothing.

    Args:
        records: keys and values in their order.
    """
    marks: dict[str, Mark] = {}
    strange = 0
    for key, value in records:
        id = key.decode("ascii", "replace") if key is not None and _ID.fullmatch(key) else ""
        if id and value is None:
            marks.pop(id, None)
            continue
        try:
            mark = Mark.model_validate_json(value or b"")
        except ValidationError:
            mark = None
        if id and mark is not None:
            marks[id] = mark
        else:
            strange += 1
    return marks, strange


@dataclass(frozen=True)
class Letter:
    """A dead letter with its place on the topic and what was done with it, if anything was."""

    partition: int
    offset: int
    content: DeadLetter
    mark: Mark | None = None

    @property
    def id(self) -> str:
        """Its id for people: `partition-offset`."""
        return f"{self.partition}-{self.offset}"

    @property
    def key(self) -> str:
        """The event's key as text, which is the article's id for every event of WhoSaid's own."""
        return (self.content.key or b"").decode("utf-8", "replace")


@dataclass(frozen=True)
class Filter:
    """Selects letters. A condition that is left out does not restrict; of several values one must match."""

    stages: Sequence[Stage] = ()
    errors: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    ids: Sequence[str] = ()
    """Ids of letters or of articles."""
    handled: bool = False
    """Also those that were replayed or discarded."""

    def matches(self, letter: Letter) -> bool:
        """Whether the letter is selected. Its time is that of its last failure; `until` is excluded."""
        content = letter.content
        return (
            (self.handled or letter.mark is None)
            and (not self.stages or content.stage in self.stages)
            and (not self.errors or content.error in self.errors)
            and (self.since is None or content.last_failed >= self.since)
            and (self.until is None or content.last_failed < self.until)
            and (not self.ids or letter.id in self.ids or letter.key in self.ids)
        )


@dataclass
class ScanProgress:
    """How far a scan of the topic is; `changed` is called for each record."""

    changed: Callable[[int, int], None] | None = None
    total: int = 0
    read: int = 0
    strange: int = 0
    """Records of the topic that are no dead letters; they are passed over."""

    def advance(self, read: int, total: int) -> None:
        """`read` of `total` records are read now."""
        self.read, self.total = read, total
        if self.changed:
            self.changed(read, total)


class Letters:
    """The letters of one cluster; a context manager.

    Raises (on entering, and in every method):
        BrokerUnavailable: Kafka does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topics.deadletter(settings).name
        self._handled = topics.handled(settings).name

    def __enter__(self) -> Self:
        kafka_client.ensure_topics(self._settings, [topics.deadletter(self._settings), topics.handled(self._settings)])
        self._producer = kafka_client.producer(self._settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.close(timeout=10)

    def scan(self, which: Filter, progress: ScanProgress | None = None) -> Iterator[Letter]:
        """The selected letters of those that are on the topic now; those of one partition in their order."""
        progress = progress or ScanProgress()
        marks = self.marks()
        with TopicReader(self._settings, self._topic) as reader:
            for record in reader.records(progress=progress.advance):
                try:
                    content = dead_letter.from_record(record.key, record.value, record.headers)
                except ValueError:
                    progress.strange += 1
                    continue
                mark = marks.get(f"{record.partition}-{record.offset}")
                letter = Letter(record.partition, record.offset, content, mark)
                if which.matches(letter):
                    yield letter

    def marks(self) -> dict[str, Mark]:
        """What was done with the letters, by the letter's id."""
        with TopicReader(self._settings, self._handled) as reader:
            marks, strange = read_marks((record.key, record.value) for record in reader.records())
        if strange:
            logger.warning("%s has %d records that are no marks of dead letters: passed over", self._handled, strange)
        return marks

    def mark(self, letter: Letter, mark: Mark) -> None:
        """Writes the mark of a letter; returns when the broker has it."""
        sent = self._producer.send(
            self._handled, key=letter.id.encode(), value=mark.model_dump_json(exclude_none=True).encode()
        )
        try:
            sent.get(timeout=self._settings.kafka.request_timeout)
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka did not take the note that {letter.id} was {mark.how}: {error}") from error

    def discard(self, letter: Letter, because: str | None = None) -> None:
        """Marks the letter as one that nobody has to handle any more. It stays on the topic."""
        self.mark(letter, Mark(how="discarded", at=datetime.now(UTC), because=because))


class IncomingLetters:
    """The letters that come after it was entered; a context manager.

    Raises (on entering, and in every method):
        BrokerUnavailable: Kafka does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._reader = TopicReader(settings, topics.deadletter(settings).name)

    def __enter__(self) -> Self:
        self._reader.__enter__()
        try:
            self._reader.skip_to_end()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)

    def poll(self, seconds: float) -> Iterator[Letter]:
        """The letters that came since the last call; where none did, those of the next `seconds`."""
        for record in self._reader.poll(seconds):
            with suppress(ValueError):  # not written by WhoSaid
                content = dead_letter.from_record(record.key, record.value, record.headers)
                yield Letter(record.partition, record.offset, content)


class Waiting(NamedTuple):
    """How many letters wait, and how many records of their topic are none."""

    letters: int
    strange: int


def waiting(settings: Settings) -> Waiting:
    """How many letters were neither replayed nor discarded, and how many records are no letters.

    It looks at some megabytes of what has no mark. What a topic has more counts as letters, and is not looked at. Marks
    of letters that are not on the topic do not count.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    topic = topics.deadletter(settings).name
    held = kafka_client.held(settings, topic)
    marked: dict[int, set[int]] = {number: set() for number in held}
    for id in Letters(settings).marks():
        number, offset = map(int, id.split("-"))
        if offset in held.get(number, ()):
            marked[number].add(offset)
    for number, offsets in held.items():
        first = next((offset for offset in offsets if offset not in marked[number]), offsets.stop)
        held[number] = range(first, offsets.stop)
    if not any(held.values()):
        return Waiting(0, 0)
    with TopicReader(settings, topic) as reader:
        records = reader.records(places={number: offsets.start for number, offsets in held.items()})
        return _sorted_out(records, held, marked, _LOOKED_AT)


def _sorted_out(
    records: Iterable[dead_letter.Record], held: Mapping[int, range], marked: Mapping[int, Collection[int]], most: int
) -> Waiting:
    """Looks which of the records that have no mark are letters; what is not looked at counts as letters.

    Args:
        records: those of each partition in their order.
        held: by partition, the offsets that count.
        marked: by partition, those with a mark.
        most: bytes to look at, about.
    """
    letters = strange = 0
    left = dict(held)
    for record in records:
        number, offset = record.partition, record.offset
        if offset not in left.get(number, ()):
            continue  # it came since
        left[number] = range(offset + 1, held[number].stop)
        if offset not in marked[number]:
            is_letter = _is_letter(record)
            letters, strange = letters + is_letter, strange + (not is_letter)
        most -= max(_SMALLEST, len(record.value or b"") + sum(len(value or b"") for _, value in record.headers or ()))
        if most <= 0:
            letters += sum(
                len(offsets) - sum(one in offsets for one in marked[number]) for number, offsets in left.items()
            )
            break
    return Waiting(letters, strange)


def _is_letter(record: dead_letter.Record) -> bool:
    try:
        dead_letter.from_record(record.key, record.value, record.headers)
    except ValueError:
        return False
    return True


@dataclass
class Statistics:
    """Counts of the letters of one stage and one class of error."""

    waiting: int = 0
    replayed: int = 0
    discarded: int = 0
    attempts: int = 0
    """The most attempts of a waiting letter."""
    oldest: datetime | None = field(default=None)
    newest: datetime | None = field(default=None)

    def count(self, letter: Letter) -> None:
        """Counts a letter; the times are those of waiting letters."""
        if letter.mark is not None:
            setattr(self, letter.mark.how, getattr(self, letter.mark.how) + 1)
            return
        content = letter.content
        self.waiting += 1
        self.attempts = max(self.attempts, content.attempts)
        self.oldest = min(filter(None, (self.oldest, content.last_failed)))
        self.newest = max(filter(None, (self.newest, content.last_failed)))
