"""The pool, with real processes that do as they are told."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.errors import EngineError, SettingsError
from pipeline.workers.pool import Pool, cores
from pipeline.workers.process import WorkerProcess
from pipeline.workers.protocol import Failure, Outcome, Result

pytestmark = pytest.mark.anyio

STUB = "tests.processes.stub:"


@asynccontextmanager
async def pool(target: str = "factory", **options: Any) -> AsyncIterator[Pool]:
    settings = {"processes": 1, "time_limit": 20.0, "memory_limit": 512} | options
    made = Pool(STUB + target, settings.pop("arguments", {}), **settings)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def outcomes(pool: Pool, *articles: str) -> list[Outcome]:
    found: dict[int, Outcome] = {}
    await asyncio.wait_for(pool.work([article.encode() for article in articles], found.__setitem__), 60)
    return [found[index] for index in range(len(articles))]


def done(article: str) -> Result:
    return Result(article.encode(), b"done")


async def test_every_article_of_a_batch_gets_its_own_outcome() -> None:
    async with pool() as one:
        assert await outcomes(one, "a", "fail no body", "c") == [
            done("a"),
            Failure("BadEvent", "no body"),
            done("c"),
        ]


async def test_outcomes_come_as_they_are_ready(tmp_path: Path) -> None:
    async with pool() as one:
        first = asyncio.Event()
        batch = [b"quick", f"wait-for {tmp_path / 'go-on'}".encode()]
        work = asyncio.create_task(one.work(batch, lambda index, outcome: first.set()))
        await asyncio.wait_for(first.wait(), 30)
        assert not work.done()
        (tmp_path / "go-on").touch()
        await work


async def test_the_collector_leaves_what_was_loaded_and_runs_rarely() -> None:
    async with pool() as one:
        assert await outcomes(one, "collector") == [Result(b"collector", b"10000 True")]


async def test_the_factory_gets_its_arguments() -> None:
    async with pool(arguments={"greeting": "grüß Gott"}) as one:
        assert await outcomes(one, "a") == [Result(b"a", "grüß Gott".encode())]


async def test_as_many_processes_as_asked_for_work_at_the_same_time(tmp_path: Path) -> None:
    async with pool(processes=3) as three:
        assert len(set(three.pids)) == 3
        await asyncio.gather(*(outcomes(three, f"meet 3 {tmp_path}") for _ in range(3)))
        assert set(os.listdir(tmp_path)) == {str(pid) for pid in three.pids}


def test_without_a_number_there_is_one_process_a_core() -> None:
    assert Pool(STUB + "factory", {}, time_limit=1, memory_limit=512).size == cores() == len(os.sched_getaffinity(0))


async def test_a_long_article_goes_through_both_pipes() -> None:
    async with pool() as one:
        [echo, size] = await outcomes(one, "x" * 20_000_000, "size 20000000")
        assert isinstance(echo, Result)
        assert len(echo.key) == 20_000_000
        assert isinstance(size, Result)
        assert len(size.value) == 20_000_000


@pytest.mark.parametrize(
    ("poison", "kind", "reason"),
    [
        ("die", "ProcessDied", "SIGKILL"),
        ("crash", "ProcessDied", "SIGSEGV"),
        ("exit 3", "ProcessDied", "exit code 3"),
        ("hang", "TimeLimit", "silent for 1.5 seconds"),
        ("spin", "TimeLimit", "silent for 1.5 seconds"),
        ("gorge 900", "MemoryLimit", "refused more memory"),
        ("swell 700", "MemoryLimit", "held more than 512 MB"),
        ("raise no such thing", "ValueError", "no such thing"),
    ],
)
async def test_a_poison_article_fails_alone(poison: str, kind: str, reason: str) -> None:
    limit = 1.5 if kind == "TimeLimit" else 20.0
    async with pool(time_limit=limit) as one:
        before, failed, *after = await outcomes(one, "a", poison, "b", "c")
        assert [before, *after] == [done("a"), done("b"), done("c")]
        assert isinstance(failed, Failure)
        assert failed.error == kind
        assert reason in failed.reason
        assert await outcomes(one, "d") == [done("d")], "the pool goes on"


async def test_an_article_whose_process_was_killed_is_not_blamed(tmp_path: Path) -> None:
    async with pool() as one:
        article = f"die-once {tmp_path / 'died'}"
        assert await outcomes(one, article) == [done(article)]


async def test_a_process_killed_while_idle_is_replaced_unnoticed() -> None:
    async with pool() as one:
        [before] = one.pids
        os.kill(before, signal.SIGKILL)
        await asyncio.sleep(0.2)
        assert await outcomes(one, "a") == [done("a")]
        assert one.pids != [before]


async def test_a_stopped_process_counts_as_hanging_and_is_replaced() -> None:
    async with pool(time_limit=1.0) as one:
        [before] = one.pids
        os.kill(before, signal.SIGSTOP)
        assert await outcomes(one, "a", "b") == [done("a"), done("b")]
        assert before not in one.pids


@pytest.mark.guarantee("process-killed")
async def test_an_article_whose_process_was_stopped_is_not_blamed(tmp_path: Path) -> None:
    async with pool(time_limit=1.0) as one:
        article = f"stop-twice {tmp_path / 'times'}"
        assert await outcomes(one, article, "b") == [done(article), done("b")]


async def test_an_article_beyond_the_time_limit_is_not_tried_thrice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock that goes by the processor time which the process gets: on a busy machine the limit is reached later, and
    # the process has computed for four fifths of it, as on an idle one.
    monkeypatch.setattr(WorkerProcess, "_now", lambda process: process._computed() / 0.8)
    async with pool(time_limit=0.5) as one:
        [failed] = await outcomes(one, f"spin {tmp_path / 'times'}")
        assert isinstance(failed, Failure)
        assert (tmp_path / "times").read_text() == "xx", "in its batch, and once alone"


async def test_a_process_that_has_grown_is_replaced_after_its_batch() -> None:
    async with pool() as one:
        [before] = one.pids
        assert await outcomes(one, "hoard 440", "b") == [done("hoard 440"), done("b")]
        assert await outcomes(one, "c") == [done("c")]
        assert before not in one.pids


async def test_the_event_loop_stays_free_while_a_process_works() -> None:
    async with pool() as one:
        longest, last = 0.0, time.monotonic()
        work = asyncio.create_task(one.work([b"sleep 1"], lambda index, outcome: None))
        while not work.done():
            await asyncio.sleep(0.01)
            now = time.monotonic()
            longest, last = max(longest, now - last), now
        assert longest < 0.3


async def test_what_a_library_prints_does_not_disturb() -> None:
    async with pool() as one:
        assert await outcomes(one, "print", "b") == [done("print"), done("b")]


async def test_work_that_forgets_an_article_does_not_lose_it() -> None:
    async with pool("stingy") as one:
        *_, last = await outcomes(one, "a", "b")
        assert last == Failure(
            "ProtocolError",
            "The spaCy process was lost again, with this article alone: it gave a wrong number of answers.",
        )


async def test_a_process_that_cannot_start_tells_its_own_error() -> None:
    with pytest.raises(SettingsError, match="WHOSAID_ENRICHMENT__MODEL is wrong"):
        async with pool("broken", processes=2):
            raise AssertionError("it started")
    with pytest.raises(EngineError, match="nothing"):
        async with pool("nothing"):
            raise AssertionError("it started")


async def test_a_process_that_never_gets_ready_is_given_up() -> None:
    with pytest.raises(EngineError, match="silent for 1 seconds"):
        async with pool("silent", start_limit=1.0):
            raise AssertionError("it started")


async def test_the_work_says_when_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.workers.pool.START_TRIES", 2)
    monkeypatch.setattr("pipeline.workers.pool.FIRST_PAUSE", 0.1)
    async with pool() as one:
        monkeypatch.setattr(one, "_command", (sys.executable, "-c", "import sys; sys.exit(9)"))
        with pytest.raises(EngineError, match="exit code 9"):
            await outcomes(one, "die")
        with pytest.raises(EngineError, match="exit code 9"):
            await outcomes(one, "a")


async def test_processes_know_no_secrets_and_use_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHOSAID_KAFKA__PASSWORD", "secret")
    async with pool("environment") as one:
        secret, threads = await outcomes(one, "WHOSAID_KAFKA__PASSWORD", "OMP_NUM_THREADS")
        assert (secret, threads) == (Result(b"WHOSAID_KAFKA__PASSWORD", b"-"), Result(b"OMP_NUM_THREADS", b"1"))


async def test_a_cancelled_batch_leaves_no_process_in_the_middle_of_it() -> None:
    async with pool() as one:
        [before] = one.pids
        work = asyncio.create_task(one.work([b"sleep 30"], lambda index, outcome: None))
        await asyncio.sleep(0.3)
        work.cancel()
        assert await outcomes(one, "a") == [done("a")]
        assert before not in one.pids


async def test_stopping_ends_every_process_also_a_busy_one() -> None:
    async with pool(processes=2) as two:
        pids = two.pids
        work = asyncio.create_task(two.work([b"hang"], lambda index, outcome: None))
        await asyncio.sleep(0.3)
    work.cancel()
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_ctrl_c_and_sigterm_of_the_group_let_a_batch_finish() -> None:
    async with pool() as one:
        work = asyncio.create_task(outcomes(one, "sleep 0.6", "b"))
        await asyncio.sleep(0.2)
        os.kill(one.pids[0], signal.SIGINT)
        os.kill(one.pids[0], signal.SIGTERM)
        assert await work == [done("sleep 0.6"), done("b")]


def test_processes_end_with_a_killed_worker_even_a_busy_one() -> None:
    code = (
        "import asyncio\n"
        "from pipeline.workers.pool import Pool\n"
        "async def main():\n"
        f"    pool = Pool('{STUB}factory', {{}}, processes=2, time_limit=60, memory_limit=512)\n"
        "    await pool.start()\n"
        "    print(*pool.pids, flush=True)\n"
        "    await pool.work([b'hang'], print)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout
        pids = [int(pid) for pid in worker.stdout.readline().split()]
        time.sleep(0.3)
        worker.kill()
    assert len(pids) == 2
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(_lives(pid) for pid in pids):
        time.sleep(0.05)
    assert not any(_lives(pid) for pid in pids)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
