"""A stream through worker processes that do as they are told: in order, within bounds, nothing lost."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.errors import SettingsError
from pipeline.workers import ordered
from pipeline.workers.ordered import run_in_order
from pipeline.workers.pool import Pool
from pipeline.workers.protocol import Failure, Outcome, Result


def pool(target: str = "factory", **options: Any) -> Pool:
    settings: dict[str, Any] = {"processes": 1, "time_limit": 20.0, "memory_limit": 512} | options
    return Pool(f"tests.processes.stub:{target}", {}, **settings)


def answers(items: list[bytes], *, batch_size: int = 4, **options: Any) -> list[tuple[bytes, Outcome]]:
    emitted: list[tuple[bytes, Outcome]] = []
    count = run_in_order(pool(**options), items, lambda *answer: emitted.append(answer), batch_size=batch_size)
    assert count == len(items)
    return emitted


def living_children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "pipeline.workers.child" in child.cmdline()]


def test_answers_leave_in_the_order_of_the_items() -> None:
    items = [b"sleep 0.4", *(b"%d" % number for number in range(40)), b"fail bad", b"last"]
    emitted = answers(items, processes=2)
    assert [item for item, _ in emitted] == items
    assert emitted[-2][1] == Failure("BadEvent", "bad")
    assert [outcome for _, outcome in emitted if isinstance(outcome, Result)] == [
        Result(item, b"done") for item in items if item != b"fail bad"
    ]


def test_no_items_give_no_answers() -> None:
    assert answers([]) == []


def test_an_answer_leaves_before_the_next_item_is_read() -> None:
    answered = threading.Event()

    def items() -> Iterator[bytes]:
        yield b"first"
        assert answered.wait(30)
        yield b"second"

    assert run_in_order(pool(), items(), lambda *_: answered.set(), batch_size=4) == 2


@pytest.mark.parametrize("poison", [b"die", b"exit 3"])
def test_an_item_that_kills_its_process_fails_in_its_place(poison: bytes) -> None:
    emitted = answers([b"a", poison, b"c", b"d"])
    assert [isinstance(outcome, Result) for _, outcome in emitted] == [True, False, True, True]
    failure = emitted[1][1]
    assert isinstance(failure, Failure)
    assert failure.error == "ProcessDied"


def test_a_bad_setting_shows_before_anything_is_read() -> None:
    def items() -> Iterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    with pytest.raises(SettingsError, match="WHOSAID_ENRICHMENT__MODEL is wrong"):
        run_in_order(pool("broken"), items(), lambda *_: None, batch_size=4)


def test_who_takes_no_more_answers_ends_it() -> None:
    def closed(item: bytes, outcome: Outcome) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_in_order(pool(), (b"%d" % number for number in range(1000)), closed, batch_size=4)
    assert not living_children()


def test_an_interruption_while_reading_ends_the_processes() -> None:
    def items() -> Iterator[bytes]:
        yield b"hang"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_order(pool(), items(), lambda *_: None, batch_size=4)
    assert not living_children()


def test_more_processes_start_when_items_wait(tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"

    def items() -> Iterator[bytes]:
        yield f"wait-for {go_on}".encode()
        assert len(living_children()) == 1
        yield from [b"a"] * 5
        deadline = time.monotonic() + 30
        while len(living_children()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        go_on.touch()

    assert run_in_order(pool(processes=2), items(), lambda *_: None, batch_size=4) == 6


def test_items_are_read_no_faster_than_they_are_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ten_are_open = tmp_path / "ten-are-open"
    first = f"wait-for {ten_are_open}".encode()
    monkeypatch.setattr(ordered, "MAX_OPEN_BYTES", len(first) + 9 * 100)
    open_items, most = 0, 0

    def items() -> Iterator[bytes]:
        nonlocal open_items, most
        for item in [first, *(b"x" * size for size in [100] * 50 + [5000] + [1] * 100)]:
            open_items += 1
            most = max(most, open_items)
            if open_items == 10:
                ten_are_open.touch()
            yield item

    def emit(item: bytes, outcome: Outcome) -> None:
        nonlocal open_items
        open_items -= 1

    assert run_in_order(pool(), items(), emit, batch_size=16) == 152
    assert 10 <= most <= 3 * 16 + 1
