"""Nothing is lost, whoever is killed, hangs, joins or leaves: articles in = articles enriched or dead-lettered."""

import os
import random
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from pipeline import kafka_client, topics
from pipeline.models import Article
from pipeline.settings import Settings
from tests.integration.articles import article, dead, enriched, publish, waiting
from tests.integration.parts import Part, wait_until
from tests.integration.poisoned import EAT, HANG, KILL, SLOW
from tests.integration.test_enrichment import all_done, with_enrichment, worker


def partly_slow(count: int) -> list[Article]:
    """Articles of which every fourth takes a while: nobody is killed before the first commit, or when all is done."""
    return [article(number, body=article(number).body + f" {SLOW}" * (number % 4 == 0)) for number in range(count)]


def spacy_processes(part: Part) -> list[psutil.Process]:
    """The living processes that a worker has its articles analysed by; none for a moment after one was killed."""
    found = []
    for child in psutil.Process(part.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # of a dead one the command line is empty, or not to be had
            if "pipeline.workers.child" in child.cmdline():
                found.append(child)
    return found


def accounted(settings: Settings, sent: list[Article]) -> tuple[int, int]:
    """Asserts that each article was enriched or is a dead letter; how many of each."""
    good = {event.article.id for event in enriched(settings)}
    bad = {(letter.key or b"").decode() for letter in dead(settings)}
    assert good | bad == {one.id for one in sent}
    assert not good & bad
    return len(good), len(bad)


def started(settings: Settings, at_least: int = 1) -> None:
    """Waits until some articles have come out."""
    wait_until(lambda: kafka_client.size(settings, topics.enriched(settings).name) >= at_least, 60, 0.1)


def all_ended(processes: Iterable[psutil.Process]) -> bool:
    return not any(process.is_running() for process in processes)


def test_sigkill_of_a_worker_in_the_middle_loses_nothing(settings: Settings, tmp_path: Path) -> None:
    settings = with_enrichment(settings)
    sent = partly_slow(400)
    publish(settings, sent)
    for life in range(3):
        with poisoned(settings, tmp_path / f"life{life}.log") as part:
            started(settings, 60 * (life + 1))
            children = spacy_processes(part)
            assert children
            os.kill(part.process.pid, signal.SIGKILL)  # the worker alone: its processes must end by themselves
            part.process.wait(10)
            wait_until(partial(all_ended, children), 10)
    assert 0 < waiting(settings) < len(sent)
    with worker(settings, tmp_path / "last.log"):
        all_done(settings)
    assert accounted(settings, sent) == (400, 0)


def test_of_two_workers_the_other_takes_over_from_a_killed_one(settings: Settings, tmp_path: Path) -> None:
    settings = with_enrichment(settings)
    sent = partly_slow(400)
    publish(settings, sent)
    with poisoned(settings, tmp_path / "one.log") as one, poisoned(settings, tmp_path / "two.log") as two:
        wait_until(lambda: _shares(tmp_path / "one.log") == _shares(tmp_path / "two.log") == 2, 30)
        started(settings, 40)
        one.kill()
        killed = time.monotonic()
        wait_until(lambda: _shares(tmp_path / "two.log") == 4, 40, message="it did not get the partitions")
        assert time.monotonic() - killed < 25
        all_done(settings)
        assert two.terminate() == 0
    assert accounted(settings, sent) == (400, 0)


def test_workers_that_join_and_leave_lose_nothing(settings: Settings, tmp_path: Path) -> None:
    settings = with_enrichment(settings)
    sent = partly_slow(300)
    publish(settings, sent)
    with ExitStack() as stack:
        stack.enter_context(poisoned(settings, tmp_path / "stays.log"))
        for turn in range(3):
            guest = stack.enter_context(poisoned(settings, tmp_path / f"guest{turn}.log"))
            time.sleep(random.Random(turn).uniform(0, 2))
            assert guest.terminate() == 0
        all_done(settings)
    assert accounted(settings, sent) == (300, 0)
    assert len(enriched(settings)) < 330
    assert "Traceback" not in "".join(log.read_text() for log in tmp_path.glob("*.log"))


@pytest.mark.guarantee("process-killed")
def test_killed_and_stopped_spacy_processes_cost_no_article(settings: Settings, tmp_path: Path) -> None:
    settings = with_enrichment(settings, processes=2, time_limit=4)
    sent = [article(number) for number in range(500)]
    publish(settings, sent)
    log = tmp_path / "enrich.log"
    with worker(settings, log) as part:
        started(settings)
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV):
            spacy_processes(part)[0].send_signal(number)
            wait_until(lambda: len(spacy_processes(part)) == 2 and not _stopped(part), 30)
        all_done(settings)
        assert part.process.poll() is None, "the worker itself lives on"
        assert part.terminate() == 0
    assert accounted(settings, sent) == (500, 0)


@pytest.mark.guarantee("poison-alone")
def test_poison_is_dead_lettered_alone_whatever_it_does(settings: Settings, tmp_path: Path) -> None:
    settings = with_enrichment(settings, processes=2, time_limit=5)
    poison = {7: KILL, 23: HANG, 41: EAT}
    sent = [
        article(number, body=article(number).body + f" {poison[number]}") if number in poison else article(number)
        for number in range(60)
    ]
    publish(settings, sent)
    with poisoned(settings, tmp_path / "enrich.log") as part:
        all_done(settings)
        assert part.process.poll() is None
    assert accounted(settings, sent) == (57, 3)
    errors = {letter.key: (letter.error, letter.reason) for letter in dead(settings)}
    assert errors[sent[7].id.encode()][0] == "ProcessDied"
    assert "SIGSEGV" in errors[sent[7].id.encode()][1]
    assert errors[sent[23].id.encode()][0] == "TimeLimit"
    assert errors[sent[41].id.encode()][0] == "MemoryLimit"


@contextmanager
def poisoned(settings: Settings, log: Path) -> Iterator[Part]:
    """A worker whose processes obey the words of `tests.integration.poisoned`."""
    with Part(settings, "enrich", log, [sys.executable, "-m", "tests.integration.poisoned"]) as part:
        wait_until(lambda: "Ready: " in log.read_text(), 90, message="the worker did not get ready")
        yield part


def _shares(log: Path) -> int:
    # How many partitions the worker had at last.
    ready = [line for line in log.read_text().splitlines() if "Ready: " in line]
    return ready[-1].count("[") if ready else 0


def _stopped(part: Part) -> bool:
    return any(child.status() == psutil.STATUS_STOPPED for child in spacy_processes(part))
