"""The harness: WhoSaid's parts as real processes, and the equation that must hold whatever was done to them.

articles in = articles searchable + articles in dead letters; every quote once; nothing waits; memory has a bound
"""

import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol

import psutil
from elasticsearch import ApiError, TransportError

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.errors import UnavailableError
from pipeline.models import Article
from pipeline.settings import ElasticsearchSettings, EmbeddedSettings, EnrichmentSettings, KafkaSettings, Settings
from tests.engines import _remove_topics, remove_indices
from tests.faults.corpus import LONGEST
from tests.integration import articles as feed
from tests.integration import sinks
from tests.integration.parts import COMMAND, Part, wait_until

DEADLINE = 180.0
"""Seconds in which something must have moved; generous, as test machines are slow and shared."""

MOST_MEGABYTES = 400
"""Memory that no part exceeds in these tests, with its processes; where spaCy works, its processes are not counted."""

MOST_SPACY_MEGABYTES = 800
"""Memory that no single spaCy process exceeds in these tests."""

READY = {"enrich": "Ready: ", "sink": "Sink ready", "connect": ""}


class Installation(Protocol):
    """Kafka and Elasticsearch, of one node each or of several."""

    def addresses(self, *, behind: bool = False) -> tuple[KafkaSettings, ElasticsearchSettings]:
        """Where they are, or where the proxies to them are."""

    def mend(self) -> None:
        """All that was stopped runs again."""


@dataclass
class Account:
    """What became of the articles."""

    searchable: Counter[str] = field(default_factory=Counter)  # article id: documents of it
    dead: Counter[str] = field(default_factory=Counter)  # event key: letters of it
    quotes: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # quote id: article, words, speaker
    quote_documents: int = 0

    def __str__(self) -> str:
        return (
            f"{len(self.searchable)} articles searchable ({self.searchable.total()} documents), {len(self.dead)} in "
            f"dead letters ({self.dead.total()} letters), {len(self.quotes)} quotes ({self.quote_documents} documents)"
        )


class Pipeline:
    """Parts on the given engines, with topics and indices of their own. As a context manager: gone at its end.

    `work` is the module that runs the enrichment in place of `whosaid enrich`, or empty for that itself.
    """

    def __init__(
        self, engines: Installation, folder: Path, *, work: str = "tests.faults.cheap", **enrichment: int
    ) -> None:
        self.engines = engines
        self.folder = folder
        self.parts: dict[str, Part] = {}
        self.memory: list[tuple[float, str, float]] = []
        """Seconds since the start, part, megabytes; of every part, twice a second."""
        self._own: dict[str, float] = {}  # by part the most that its own process has held
        self._spacy = 0.0  # the most that a process of spaCy has held
        self._work = work
        self._name = uuid.uuid4().hex[:10]
        self._enrichment = {"processes": 1, "batch_size": 8, "time_limit": 5, "max_characters": LONGEST} | enrichment
        self.settings = self._settings(behind=False)
        self._published: list[str] = []
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._watch_memory, daemon=True)

    def _settings(self, *, behind: bool) -> Settings:
        kafka, elasticsearch = self.engines.addresses(behind=behind)
        made = Settings(
            embedded=EmbeddedSettings(data_dir=self.folder / "data"),
            kafka=kafka.model_copy(update={"prefix": f"fault-{self._name}.", "request_timeout": 15.0}),
            elasticsearch=elasticsearch.model_copy(update={"prefix": f"fault-{self._name}", "request_timeout": 15.0}),
            enrichment=EnrichmentSettings.model_validate({"batch_wait": 0.1} | self._enrichment),
        )
        # Small batches and short waits: a test sees many of both.
        quick = {"batch_articles": 25, "batch_wait": 0.05, "backoff_initial": 0.1, "backoff_maximum": 1.0}
        sources = {"minimum_interval": 1, "lease": 5}
        changes = {
            "sink": made.sink.model_copy(update=quick),
            "connectors": made.connectors.model_copy(update=sources),
        }
        return made.model_copy(update=changes)

    # --- the parts

    def start(self, kind: str, name: str = "", *arguments: str, behind: bool = False) -> Part:
        """Starts a part ("enrich", "sink" or "connect") under a name of its own, behind the proxies or not."""
        name = name or kind
        command: Sequence[str] = [*COMMAND, kind, *arguments]
        if kind == "enrich" and self._work:
            command = [sys.executable, "-m", self._work]
        log = self.folder / f"{name}.log"
        log.unlink(missing_ok=True)
        self.parts[name] = Part(self._settings(behind=behind), kind, log, command)
        return self.parts[name]

    def ready(self, *names: str, seconds: float = 120) -> None:
        """Waits until the parts (by default all) have their partitions."""
        for name in names or tuple(self.parts):
            part, word = self.parts[name], READY[name.partition("-")[0]]
            wait_until(
                lambda part=part, word=word: word in part.log.read_text(errors="replace"),  # type: ignore[misc]
                seconds,
                message=f"{name} did not get ready",
            )

    def restart(self, name: str, *arguments: str) -> None:
        """Starts a part that has ended again, under its name."""
        kept = self.parts[name].log.read_text(errors="replace")
        self.start(name.partition("-")[0], name, *arguments)
        with (self.folder / f"{name}.before.log").open("a") as before:
            before.write(kept)

    # --- what goes in, and how far it has come

    def publish(self, events: Iterable[Article]) -> None:
        """Publishes as a connector does; the articles count as in."""
        events = list(events)
        feed.publish(self.settings, events)
        self.expect(events)

    def expect(self, events: Iterable[Article]) -> None:
        """Counts articles as in that another way brings: files of a connector, raw events."""
        self._published += [one.id for one in events]

    def flowing(self, share: float = 0.2, seconds: float = DEADLINE) -> None:
        """Waits until so large a share of the articles can be searched: now is a good moment for a fault."""
        wanted = share * len(set(self._published))
        wait_until(lambda: self.searchable() >= wanted, seconds, 0.1, message="it does not flow")

    def searchable(self) -> int:
        """Articles that a search finds now; 0 while nothing can be searched."""
        with elasticsearch_client.connect(self.settings) as client, suppress(ApiError, TransportError):
            client.indices.refresh(index=self.settings.articles_alias, ignore_unavailable=True)
            found = client.count(index=self.settings.articles_alias, ignore_unavailable=True)
            return int(found["count"])
        return 0

    def waiting(self) -> int | None:
        """Events that somebody has still to read, enrichment and sink together; None where Kafka does not say."""
        names = (
            (topics.enrichment_group(self.settings), topics.articles(self.settings).name),
            (topics.sink_group(self.settings), topics.enriched(self.settings).name),
        )
        with suppress(UnavailableError):
            return sum(kafka_client.lag(self.settings, group, topic).waiting for group, topic in names)
        return None

    # --- the equation

    def settle(self, patience: float = DEADLINE, published: Callable[[], bool] = lambda: True) -> None:
        """Waits until everything is in and nothing waits any more; fails when for so many seconds nothing moves."""
        wait_until(published, 2 * patience, 0.5, message="not everything was published")
        least, until = sys.maxsize, time.monotonic() + patience
        while (waiting := self.waiting()) != 0:
            if waiting is not None and waiting < least:
                least, until = waiting, time.monotonic() + patience
            assert time.monotonic() < until, f"the lag does not go to zero: {waiting} events wait"
            time.sleep(0.5)

    def on_topic(self) -> set[str]:
        """Keys of all events on the articles' topic; one that is not UTF-8 comes with replacement characters."""
        return {
            (record.key or b"").decode(errors="replace")
            for record in feed.records(self.settings, topics.articles(self.settings).name)
        }

    def account(self) -> Account:
        """What became of everything, read from Elasticsearch and from the dead letters."""
        found = Account()
        found.searchable.update(one["id"] for one in sinks.documents(self.settings, self.settings.articles_alias))
        found.dead.update((letter.key or b"").decode(errors="replace") for letter in feed.dead(self.settings))
        for one in sinks.documents(self.settings, self.settings.quotes_alias):
            found.quotes[one["id"]] = (one["article_id"], one["said"], (one.get("speaker") or {}).get("name", ""))
            found.quote_documents += 1
        return found

    def check(self, undisturbed: Account | None = None) -> Account:
        """Asserts the equation; that the quotes are those of an undisturbed run, where one is given; and the bounds."""
        found = self.account()
        published = set(self._published)
        assert set(found.searchable) | set(found.dead) == published, f"lost: {found}; {len(published)} went in"
        assert not set(found.searchable) & set(found.dead), "both searchable and dead"
        assert found.searchable.total() == len(found.searchable), f"articles twice: {found}"
        assert found.quote_documents == len(found.quotes), f"quotes twice: {found}"
        if undisturbed is not None:
            assert set(found.dead) == set(undisturbed.dead)
            assert found.quotes == undisturbed.quotes
        assert self.waiting() == 0, "the lag came back, though it had gone to zero"
        self.check_memory()
        return found

    def check_memory(self) -> None:
        """Asserts that no part has held more than it may."""
        for name, peak in self.peaks().items():
            assert peak <= MOST_MEGABYTES, f"{name} has held {peak:.0f} MB"
        assert self._spacy <= MOST_SPACY_MEGABYTES, f"a spaCy process has held {self._spacy:.0f} MB"

    def peaks(self) -> dict[str, float]:
        """The most megabytes that each part has held, with its processes but those of spaCy."""
        result = dict(self._own)
        for _, name, megabytes in list(self.memory):
            if self._work or not name.startswith("enrich"):
                result[name] = max(megabytes, result.get(name, 0.0))
        return result

    def megabytes(self) -> str:
        """The peaks, in words."""
        shown = ", ".join(f"{name} {peak:.0f}" for name, peak in self.peaks().items())
        return f"peaks: {shown}, a spaCy process {self._spacy:.0f} MB"

    def _watch_memory(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(0.5):
            for name, part in list(self.parts.items()):
                with suppress(psutil.Error):
                    process = psutil.Process(part.process.pid)
                    family = [process, *process.children(recursive=True)]
                    held = sum(one.memory_info().rss for one in family) / 2**20
                    self.memory.append((time.monotonic() - began, name, held))
                    self._own[name] = max(_most(process.pid), self._own.get(name, 0.0))
                    if not self._work and name.startswith("enrich"):
                        self._spacy = max([self._spacy, *(_most(one.pid) for one in family[1:])])

    def __enter__(self) -> "Pipeline":
        kafka_client.ensure_topics(self.settings, topics.all_topics(self.settings))
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for name, part in self.parts.items():
            if part.process.poll() is None:
                part.kill()
            if error is not None:
                print(f"--- {name}\n{part.log.read_text(errors='replace')[-3000:]}")
        self.engines.mend()
        _remove_topics(self.settings)
        remove_indices(self.settings)


def _most(pid: int) -> float:
    """The most megabytes that a process has held so far; 0 once it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0
