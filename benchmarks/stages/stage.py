"""Defines what all stages have: the articles of a round, and turns that tell what their processes took."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Self

import psutil

from benchmarks import corpus
from benchmarks.measure import Turn, compiler_seconds, cpu_seconds, peak_megabytes
from connectors.parsing import json_record
from pipeline.models import Enriched

COMPILERS = "Java's compilers"
"""The part of a turn's processor time in which Java compiles the engines' code: the more the shorter they have run."""


@dataclass(frozen=True)
class Set:
    """The articles of one round, in the forms that the stages take."""

    texts: list[str]
    list_file: Path
    lines_file: Path
    events: list[bytes]

    @classmethod
    def make(cls, folder: Path, number: int, count: int) -> Self:
        """The articles of the round with this number; no other round has one of them."""
        texts = corpus.texts(count, seed=number)
        records = list(corpus.records(texts, seed=number))
        list_file, lines_file = folder / f"{number}.json", folder / f"{number}.jsonl"
        list_file.write_text(json.dumps(texts), encoding="utf-8")
        lines_file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        now = datetime.now(UTC)
        articles = [json_record.to_article(record, source=None, fetched=now) for record in records]
        return cls(texts, list_file, lines_file, [article.model_dump_json().encode() for article in articles])


class Stage(ABC):
    """What is measured in turns. `processes` names those whose time and memory count, beside this one's."""

    title: ClassVar[str]

    def __init__(self) -> None:
        self.memory: dict[str, float] = {}

    def processes(self) -> dict[str, list[psutil.Process]]:
        """By the part's name."""
        return {}

    @abstractmethod
    def close(self) -> None:
        """Ends what the stage has started."""

    def timed(self, items: int, work: Callable[[], None], own: str = "") -> Turn:
        """A turn of this work, whose own time is that of this process's part `own`, where it has one."""
        before = _spent(self.processes())
        started, mine = time.perf_counter(), time.process_time()
        work()
        seconds, mine = time.perf_counter() - started, time.process_time() - mine
        there = self.processes()
        cpu = {name: max(0.0, spent - before.get(name, 0.0)) for name, spent in _spent(there).items()}
        for name, some in there.items():
            self.memory[name] = max([self.memory.get(name, 0.0), *(peak_megabytes(one.pid) for one in some)])
        return Turn(items, seconds, cpu | ({own: mine} if own else {}))


class ArticleStage(Stage):
    """A stage that takes articles."""

    @abstractmethod
    def turn(self, articles: Set) -> Turn:
        """Does the round's articles once."""


class EventStage(Stage):
    """A stage that takes enriched events."""

    @abstractmethod
    def write(self, events: Sequence[Enriched]) -> Turn:
        """Has the events written once."""


def _spent(parts: Mapping[str, Sequence[psutil.Process]]) -> dict[str, float]:
    """Processor seconds of each part so far, those of Java's compilers apart."""
    spent = {name: cpu_seconds(some) for name, some in parts.items()}
    compilers = {name: seconds for name, some in parts.items() if (seconds := compiler_seconds(some))}
    spent = {name: seconds - compilers.get(name, 0.0) for name, seconds in spent.items()}
    return spent | ({COMPILERS: sum(compilers.values())} if compilers else {})
