"""Analyses articles in stages: with bare spaCy, and with our extraction."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks import corpus
from benchmarks.measure import Turn, family
from benchmarks.stages.processes import COMMAND
from benchmarks.stages.stage import ArticleStage, Set
from pipeline.models import Enriched
from pipeline.settings import Settings
from pipeline.workers.pool import Pool
from pipeline.workers.protocol import Outcome, Result


class Bare(ArticleStage):
    """(a) The full spaCy pipeline alone, a process for each core."""

    title = "bare spaCy"

    def __init__(self, processes: int) -> None:
        super().__init__()
        command = [sys.executable, "-m", "benchmarks.bare", "--processes", str(processes)]
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | one_thread
        )
        self._answer()

    def turn(self, articles: Set) -> Turn:
        """As `ArticleStage.turn`."""
        assert self._child.stdin is not None
        print(articles.list_file, file=self._child.stdin, flush=True)
        answer = self._answer()
        self.memory["spaCy process"] = max(self.memory.get("spaCy process", 0.0), *answer["megabytes"])
        return Turn(len(articles.texts), answer["seconds"], {"spaCy": answer["cpu"]})

    def close(self) -> None:
        """As `Stage.close`."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(30)

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise SystemExit("The bare pipeline ended; see above.")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Extraction(ArticleStage):
    """(b) Our extraction, a process for each core: article events in, events with entities and quotes out."""

    title = "our extraction"

    def __init__(self, settings: Settings, processes: int) -> None:
        super().__init__()
        enrichment = settings.enrichment
        self._batch = enrichment.batch_size
        self._loop = asyncio.new_event_loop()
        self._pool = Pool(
            "pipeline.agents.article_enricher:enricher",
            enrichment.model_dump(include={"model", "fast", "batch_size", "max_characters"}),
            processes=processes,
            time_limit=enrichment.time_limit,
            memory_limit=enrichment.memory_limit,
        )
        self._loop.run_until_complete(self._pool.start())
        self.enriched: list[Enriched] = []
        self.done = 0

    def processes(self) -> dict[str, list[psutil.Process]]:
        """As `Stage.processes`."""
        return {"spaCy": family(self._pool.pids)}

    def turn(self, articles: Set) -> Turn:
        """As `ArticleStage.turn`."""
        outcomes: list[Outcome] = []
        turn = self.timed(len(articles.events), lambda: self._do(articles.events, outcomes), own="transfer")
        values = [one.value for one in outcomes if isinstance(one, Result)]
        assert len(values) == len(articles.events), "not every article was analysed"
        self.enriched = [Enriched.model_validate_json(value) for value in values]
        self.done += len(values)
        return turn

    def close(self) -> None:
        """As `Stage.close`."""
        self._loop.run_until_complete(self._pool.stop())
        self._loop.close()

    def _do(self, events: Sequence[bytes], outcomes: list[Outcome]) -> None:
        batches = iter([events[at : at + self._batch] for at in range(0, len(events), self._batch)])

        async def work() -> None:
            for batch in batches:
                await self._pool.work(batch, lambda _, outcome: outcomes.append(outcome))

        async def everything() -> None:
            await asyncio.gather(*(work() for _ in range(self._pool.size)))

        self._loop.run_until_complete(everything())


def article_file(folder: Path) -> Path:
    """A text of 640 words, about."""
    path = folder / "article.txt"
    path.write_text(corpus.text(random.Random(11), 600), encoding="utf-8")
    return path


def extract_once(article: Path) -> tuple[float, float]:
    """Wall and processor seconds of `whosaid extract FILE`, start included."""
    before, started = os.times(), time.perf_counter()
    subprocess.run([*COMMAND, "extract", str(article)], stdout=subprocess.DEVNULL, check=True)
    seconds, after = time.perf_counter() - started, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, spent
