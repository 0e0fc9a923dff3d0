"""Backs up topics and indices together into a folder, and restores them.

How far the parts have come is noted first, then the topics are read, then the indices: so what a part had done is in
the backup with its result, and after a restore the parts go on from there. What they do twice changes nothing, because
versions decide. Dead letters get new places; the notes of what was done with them follow. The manifest is written last:
a backup without one is not whole, and is refused.
"""

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError
from pydantic import BaseModel, ValidationError

from pipeline import kafka_client, topics
from pipeline.backup import snapshots, topic_dump
from pipeline.backup.topic_dump import Event
from pipeline.embedded import paths
from pipeline.embedded.elasticsearch import REPOSITORIES, give
from pipeline.errors import BrokerUnavailable, InputError
from pipeline.settings import Settings
from pipeline.topics import Topic

MANIFEST = "whosaid-backup.json"
"""The file that says what the backup has; without it a folder is none."""

FORM = 1
"""The form of the folder; a newer one is refused."""

_INDICES = "elasticsearch"  # the folder with the snapshot, where the engine is ours

Progress = Callable[[str, int, int], None]
"""Is told the step, how much of it is done, and of how much."""


class DumpedTopic(BaseModel):
    """A topic in the manifest."""

    name: str
    file: str
    events: int
    unreadable: int
    digest: str


class Manifest(BaseModel):
    """What a backup has."""

    form: int
    made: datetime
    version: str
    kafka_prefix: str
    elasticsearch_prefix: str
    topics: list[DumpedTopic]
    done: dict[str, dict[int, int]]
    """By group, named without the prefix, the offsets that it had committed."""
    repository: str
    """Of the cluster; empty where the snapshot is in the backup's own folder."""
    snapshot: str


@dataclass
class Restored:
    """What was restored."""

    events: dict[str, int] = field(default_factory=dict)
    indices: list[str] = field(default_factory=list)


def back_up(settings: Settings, folder: Path, repository: str = "", progress: Progress = lambda *_: None) -> Manifest:
    """Writes a backup into a folder that is empty or not there yet.

    Args:
        repository: a repository of the cluster for the snapshot; the embedded Elasticsearch needs none.

    Raises:
        InputError: the folder is not empty or cannot be written; or a cluster needs a repository.
        BrokerUnavailable, ClusterUnavailable: an engine does not answer.
    """
    _need_repository(settings, repository)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty; a backup has a folder of its own.")
        done = {group.removeprefix(settings.kafka.prefix): offsets for group, offsets in _offsets(settings).items()}
        dumped = list(_dump(settings, folder, progress))
        with _repository(settings, repository, folder, saving=True) as name:
            snapshot = snapshots.take(settings, name, progress)
        manifest = Manifest(
            form=FORM, made=datetime.now(UTC), version=metadata.version("whosaid"), kafka_prefix=settings.kafka.prefix,
            elasticsearch_prefix=settings.elasticsearch.prefix, topics=dumped, done=done,
            repository=repository, snapshot=snapshot,
        )  # fmt: skip
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    except OSError as error:
        raise InputError(f"The backup cannot be written to {folder}: {error}.") from error
    return manifest


def restore(settings: Settings, folder: Path, progress: Progress = lambda *_: None) -> Restored:
    """Restores a backup into empty topics and a cluster without our indices.

    Raises:
        InputError: it is no whole backup, it is damaged, or there is something already; nothing is changed then.
        BrokerUnavailable, ClusterUnavailable: an engine does not answer.
    """
    manifest = read(folder)
    if manifest.elasticsearch_prefix != settings.elasticsearch.prefix:
        raise InputError(
            f"The backup has indices under {manifest.elasticsearch_prefix}-; set WHOSAID_ELASTICSEARCH__PREFIX so."
        )
    _need_repository(settings, manifest.repository)
    wanted = {topic.name: topic for topic in topics.every_topic(settings)}
    _refuse_what_is_there(settings, wanted)
    restored = Restored()
    with _repository(settings, manifest.repository, folder, saving=False) as name:
        restored.indices = snapshots.restore(settings, name, manifest.snapshot, progress)
    kafka_client.ensure_topics(settings, wanted.values())
    moved: dict[str, str] = {}
    letters, notes = topics.deadletter(settings).name, topics.handled(settings).name
    for dumped in sorted(manifest.topics, key=lambda one: one.name == _own(one, manifest, notes)):
        target = wanted.get(settings.kafka.prefix + dumped.name.removeprefix(manifest.kafka_prefix))
        if target is None:
            continue
        progressed = {
            group: _Progressed(manifest.done.get(group.removeprefix(settings.kafka.prefix), {}))
            for group, topic in _groups(settings).items()
            if topic == target.name
        }
        note = _note_places(progressed.values(), moved if target.name == letters else None)
        restored.events[target.name] = topic_dump.send(
            settings, _as_it_is(settings, target), folder / Path(dumped.file).name, total=dumped.events,
            progress=progress,
            translate=(lambda event: _note_of(event, moved)) if target.name == notes else _same, sent=note,
        )  # fmt: skip
        for group, one in progressed.items():
            if one.places:
                _commit(settings, group, target.name, one.places)
    return restored


def read(folder: Path) -> Manifest:
    """The manifest of a backup whose files are all there and as they were written.

    Raises:
        InputError: it is no whole backup, or damaged.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        raise InputError(f"{folder} is no whole backup: it has no {MANIFEST} that can be read.") from None
    if manifest.form > FORM:
        raise InputError(f"The backup was made by WhoSaid {manifest.version}, which is newer; use that one.")
    for dumped in manifest.topics:
        path = folder / Path(dumped.file).name
        if not path.is_file() or topic_dump.digest(path) != dumped.digest:
            raise InputError(f"{path} is missing, or is not what was written; the backup is damaged.")
    return manifest


class _Progressed:
    """Where a group goes on after a restore: behind the last event, of each partition, that it had done."""

    def __init__(self, done: dict[int, int]) -> None:
        self._done = done
        self.places: dict[int, int] = {}

    def note(self, event: Event, partition: int, offset: int) -> None:
        """An event was sent to this place."""
        if partition == event.partition and event.offset < self._done.get(partition, 0):
            self.places[partition] = offset + 1


def _note_places(progressed: Collection[_Progressed], moved: dict[str, str] | None) -> topic_dump.Sent:
    """What notes where events went: for how far groups have come, and in `moved` from which place to which."""

    def note(event: Event, partition: int, offset: int) -> None:
        for one in progressed:
            one.note(event, partition, offset)
        if moved is not None:
            moved[f"{event.partition}-{event.offset}"] = f"{partition}-{offset}"

    return note


def _groups(settings: Settings) -> dict[str, str]:
    """By group the topic that it reads."""
    return {
        topics.enrichment_group(settings): topics.articles(settings).name,
        topics.sink_group(settings): topics.enriched(settings).name,
        topics.resolution_group(settings): topics.enriched(settings).name,
        topics.alerts_group(settings): topics.enriched(settings).name,
    }


def _offsets(settings: Settings) -> dict[str, dict[int, int]]:
    """By group and partition the offset that is committed, of groups that have any."""
    found: dict[str, dict[int, int]] = {}
    for group, topic in _groups(settings).items():
        client = kafka_client.consumer(settings, group_id=group)
        try:
            partitions = [TopicPartition(topic, number) for number in client.partitions_for_topic(topic) or ()]
            committed = {one.partition: client.committed(one) for one in partitions}
            found[group] = {partition: offset for partition, offset in committed.items() if offset is not None}
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka does not say how far {group} has come: {error}") from error
        finally:
            client.close()
    return found


def _commit(settings: Settings, group: str, topic: str, places: dict[int, int]) -> None:
    client = kafka_client.consumer(settings, group_id=group)
    try:
        offsets = {TopicPartition(topic, number): OffsetAndMetadata(place, "", -1) for number, place in places.items()}
        client.assign(list(offsets))
        client.commit(offsets)
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka does not take how far {group} had come: {error}") from error
    finally:
        client.close()


def _dump(settings: Settings, folder: Path, progress: Progress) -> Iterator[DumpedTopic]:
    there = kafka_client.topic_names(settings)
    for topic in topics.every_topic(settings):
        if topic.name in there:
            file = f"{topic.name.removeprefix(settings.kafka.prefix)}{topic_dump.ENDING}"
            done = topic_dump.write(settings, topic.name, folder / file, progress)
            yield DumpedTopic(
                name=topic.name, file=file, events=done.events, unreadable=done.unreadable, digest=done.digest
            )


def _need_repository(settings: Settings, repository: str) -> None:
    if settings.elasticsearch.url and not repository:
        raise InputError(
            "WHOSAID_ELASTICSEARCH__URL names a cluster; --repository names the snapshot repository that it has (PUT "
            "_snapshot/NAME makes one)."
        )


@contextmanager
def _repository(settings: Settings, repository: str, folder: Path, *, saving: bool) -> Iterator[str]:
    """The name of a repository; of the embedded Elasticsearch one whose files are in the backup's folder."""
    if repository:
        yield repository
        return
    account = paths.service_account()
    place = paths.elasticsearch_dir(settings, account) / REPOSITORIES / "backup"
    shutil.rmtree(place, ignore_errors=True)
    try:
        if saving:
            place.mkdir(parents=True)
        else:
            shutil.copytree(folder / _INDICES, place)
        if account:
            give(place, account)
        with snapshots.folder_repository(settings, "whosaid-backup", str(place)):
            yield "whosaid-backup"
        if saving:
            shutil.copytree(place, folder / _INDICES)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _refuse_what_is_there(settings: Settings, wanted: dict[str, Topic]) -> None:
    there = kafka_client.topic_names(settings)
    for name in wanted:
        if name in there and (size := kafka_client.size(settings, name)):
            raise InputError(
                f"The topic {name} has {size:,} events already; restore into empty topics, or under another "
                "WHOSAID_KAFKA__PREFIX."
            )


def _as_it_is(settings: Settings, topic: Topic) -> Topic:
    """The topic with as many partitions as it has."""
    client = kafka_client.admin(settings)
    try:
        return replace(topic, partitions=len(client.describe_topics([topic.name])[0]["partitions"]))
    finally:
        client.close()


def _own(dumped: DumpedTopic, manifest: Manifest, notes: str) -> str:
    """The name in the backup of the topic with notes on dead letters; it is sent last."""
    return dumped.name if dumped.name.removeprefix(manifest.kafka_prefix) == "deadletter.handled" else ""


def _note_of(event: Event, moved: dict[str, str]) -> Event | None:
    """The note of a letter by the letter's new place; None where that letter is gone."""
    place = moved.get((event.key or b"").decode("utf-8", "replace"))
    return replace(event, key=place.encode()) if place else None


def _same(event: Event) -> Event:
    return event
