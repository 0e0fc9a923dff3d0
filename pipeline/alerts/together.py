"""Gathers what many tasks ask of Elasticsearch into few requests."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from pipeline.errors import ClusterUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Together(Generic[Item, Result]):
    """Does the same thing for many tasks of one event loop at once.

    What is asked for while a request is under way goes into the next request. So a single task waits for nobody, and
    a thousand tasks make some requests instead of a thousand.
    """

    def __init__(self, do: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], most: int) -> None:
        """`do` does it for some items and gives a result for each, in order; `most` is how many items it takes."""
        self._do = do
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._working: asyncio.Task[None] | None = None

    async def ask(self, item: Item) -> Result:
        """The result for one item. Raises what `do` raises for it."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await result

    async def _work(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            asked = [(item, result) for item, result in some if not result.done()]  # others were cancelled
            await self._answer(asked)

    async def _answer(self, asked: Sequence[tuple[Item, "asyncio.Future[Result]"]]) -> None:
        if not asked:
            return
        try:
            results = await self._do([item for item, _ in asked])
        except asyncio.CancelledError:
            for _, waiting in asked:
                waiting.cancel()
            raise
        except Exception as error:
            if len(asked) > 1 and not isinstance(error, ClusterUnavailable):  # one of them is to blame
                for one in asked:
                    await self._answer([one])
            else:
                _settle((waiting, error) for _, waiting in asked)
        else:
            _settle((waiting, result) for (_, waiting), result in zip(asked, results, strict=True))


def _settle(answers: Iterable[tuple["asyncio.Future[Result]", Result | Exception]]) -> None:
    """Gives those that still wait their results or errors."""
    for waiting, answer in answers:
        if waiting.done():
            continue
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)
