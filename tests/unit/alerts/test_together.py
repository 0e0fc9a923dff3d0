"""Many tasks that ask the same, and messages of which a slow receiver takes no more than its share."""

import asyncio
from collections.abc import Sequence

import pytest

from pipeline.alerts.slots import Slots
from pipeline.alerts.together import Together
from pipeline.errors import ClusterUnavailable

pytestmark = pytest.mark.anyio


async def test_what_comes_meanwhile_shares_the_next_request() -> None:
    batches: list[list[int]] = []
    asked, answered = asyncio.Event(), asyncio.Event()

    async def double(numbers: Sequence[int]) -> list[int]:
        batches.append(list(numbers))
        asked.set()
        await answered.wait()
        return [2 * number for number in numbers]

    together = Together(double, 4)
    first = asyncio.create_task(together.ask(0))
    await asked.wait()
    others = [asyncio.create_task(together.ask(number)) for number in range(1, 8)]
    await asyncio.sleep(0)  # all have asked
    others[2].cancel()
    answered.set()
    results = await asyncio.gather(first, *others, return_exceptions=True)
    assert [result for result in results if isinstance(result, int)] == [0, 2, 4, 8, 10, 12, 14]
    assert batches == [[0], [1, 2, 4], [5, 6, 7]]
    assert await together.ask(9) == 18


async def test_one_that_is_wrong_harms_no_other() -> None:
    tries: list[list[int]] = []

    async def invert(numbers: Sequence[int]) -> list[float]:
        tries.append(list(numbers))
        return [1 / number for number in numbers]

    together = Together(invert, 10)
    results = await asyncio.gather(*map(together.ask, (1, 0, 2)), return_exceptions=True)
    assert (results[0], results[2]) == (1, 0.5)
    assert isinstance(results[1], ZeroDivisionError)
    assert tries == [[1, 0, 2], [1], [0], [2]]


async def test_where_elasticsearch_is_away_it_is_asked_once() -> None:
    asked = 0

    async def fail(items: Sequence[int]) -> list[int]:
        nonlocal asked
        asked += 1
        raise ClusterUnavailable("Elasticsearch does not answer.")

    together = Together(fail, 10)
    results = await asyncio.gather(*map(together.ask, range(5)), return_exceptions=True)
    assert {type(result) for result in results} == {ClusterUnavailable}
    assert asked == 1


@pytest.mark.timeout(20)
async def test_a_slow_receiver_holds_up_nobody_else() -> None:
    slots = Slots(4, 2)
    hangs = asyncio.Event()
    begun: list[str] = []

    async def send(receiver: str, until: asyncio.Event | None = None) -> None:
        async with slots.of(receiver):
            begun.append(receiver)
            if until:
                await until.wait()

    slow = [asyncio.create_task(send("slow", hangs)) for _ in range(20)]
    await asyncio.gather(*(send(f"quick-{number}") for number in range(10)))
    assert sorted(begun) == [*(f"quick-{number}" for number in range(10)), "slow", "slow"]
    hangs.set()
    await asyncio.gather(*slow)
    assert begun.count("slow") == 20
