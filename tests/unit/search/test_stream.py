"""The stream begins where a client's last event was, whatever a client says that was."""

import asyncio
import base64
import bisect
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.errors import ClusterUnavailable, InputError
from pipeline.search import looks, stream
from pipeline.search.looks import OVERLAP, Looks
from pipeline.search.parameters import QuoteQuery
from pipeline.search.queries import Place
from pipeline.search.reader import Placed
from pipeline.search.result_mapping import Stamps
from pipeline.search.stream import beginning, event_id

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def written(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_an_event_tells_where_to_go_on() -> None:
    assert beginning(event_id(1_700_000_000_123, "a-1"), now=NOW) == datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)
    assert beginning(None, now=NOW) == NOW


@pytest.mark.parametrize("milliseconds", [-62_135_596_800_000, -1, 0])
def test_a_time_before_1970_is_1970(milliseconds: int) -> None:
    found = beginning(written([milliseconds, "x"]), now=NOW)
    assert found == datetime(1970, 1, 1, tzinfo=UTC)
    assert found - OVERLAP < found


def test_a_time_to_come_is_now() -> None:
    assert beginning(event_id(int((NOW + timedelta(days=9)).timestamp()) * 1000, "x"), now=NOW) == NOW


@pytest.mark.parametrize(
    "value", [[], [1], [1, 2], ["1", "x"], [True, "x"], [1.5, "x"], [10**30, "x"], [1e300, "x"], "12", {"0": 1}, None]
)
def test_another_id_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="Last-Event-ID"):
        beginning(written(value), now=NOW)


class Index:
    """Quotes as a search finds them: at so many milliseconds, under this id. Some become visible at the second look.

    A mark is how many quotes there are at a time, and which.
    """

    def __init__(self, places: Iterable[Place], late: Iterable[Place] = ()) -> None:
        self.places = sorted(places)
        self.late = list(late)
        self.looks = 0
        self.asked: list[tuple[Place, ...]] = []  # the quotes of each answer
        self.requests = 0
        self.failing: Collection[int] = ()  # the numbers of requests that Elasticsearch does not answer

    def stamps(self, since: int) -> Stamps:
        self._answer()
        self.looks += 1
        if self.looks == 2:
            self.add(*self.late)
        return self._marks(place[0] for place in self.places if place[0] >= since)

    def indexed_at(
        self, _: QuoteQuery, stamps: Sequence[int], *, after: Place | None, size: int
    ) -> tuple[list[Any], Stamps]:
        wanted = set(stamps)
        return self._page([place for place in self.places if place[0] in wanted], after, size), self._marks(wanted)

    def indexed_between(self, _: QuoteQuery, since: int, until: int, *, after: Place | None, size: int) -> list[Any]:
        return self._page([place for place in self.places if since <= place[0] < until], after, size)

    def add(self, *places: Place) -> None:
        self.places = sorted({*self.places, *places})

    def _page(self, places: list[Place], after: Place | None, size: int) -> list[Placed]:
        self._answer()
        begin = bisect.bisect_right(places, after) if after else 0
        self.asked.append(tuple(places[begin : begin + size]))
        hit: Any = "quote"
        return [Placed(hit, place) for place in self.asked[-1]]

    def _marks(self, stamps: Iterable[int]) -> Stamps:
        wanted, marks = set(stamps), defaultdict(list)
        for at, id in self.places:
            if at in wanted:
                marks[at].append(float(hash(id)))
        return {at: tuple(ids) for at, ids in marks.items()}

    def _answer(self) -> None:
        self.requests += 1
        if self.requests in self.failing:
            raise ClusterUnavailable("Elasticsearch is away")


def looks_at(index: Index) -> Looks:
    """The looks of an index whose clock stands still."""
    reader: Any = index
    return Looks(reader, clock=lambda: NOW)


async def ids(index: Any, stopping: Callable[[], bool], **changes: Any) -> list[str]:
    """The ids that a stream sends, which began an hour before."""
    usual = {"since": NOW - timedelta(hours=1), "resumed": True, "looks": looks_at(index), "render": str}
    how: dict[str, Any] = usual | changes
    made = stream.events(index, QuoteQuery(), stopping=stopping, **how)
    return [id_of(text) async for text in made if "data: " in text]


def id_of(text: str) -> str:
    written = text.partition("id: ")[2].partition("\n")[0]
    return str(json.loads(base64.urlsafe_b64decode(written + "=="))[1])


def sent(index: Index, looks: int = 4, **how: Any) -> list[str]:
    """The ids that a stream sends until so many looks were made."""
    return asyncio.run(ids(index, lambda: index.looks > looks, **how))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams look often, and remember little."""
    monkeypatch.setattr(looks, "_EVERY", 0.0)
    monkeypatch.setattr(stream, "_REMEMBERED", 1_000)


AT = int(NOW.timestamp() * 1000)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("apart", [20, 0], ids=["one after another", "all at once"])
def test_of_more_than_it_remembers_none_is_sent_twice(apart: int) -> None:
    places = [(AT - apart * n, f"q{n}") for n in range(1_300)]
    new = [(AT + 5_000, "new")]
    found = sent(Index(places, new))
    assert sorted(found) == sorted(id for _, id in places + new)


@pytest.mark.usefixtures("small")
def test_what_becomes_visible_late_is_sent() -> None:
    places = [(AT - 100 * n, f"q{n}") for n in range(3_000)]
    late = [(AT - 20_050, "late"), (AT - 20_100, "late, written with others")]
    found = sent(Index(places, late))
    assert found.count("late") == found.count("late, written with others") == 1
    assert len(found) == len(set(found)) == 3_002


@pytest.mark.usefixtures("small")
def test_a_quote_is_asked_for_once() -> None:
    """Also of those that a sink wrote at once, and whatever came in the last half minute."""
    index = Index([(AT - 1000 * (n % 20), f"q{n}") for n in range(900)], [(AT - 500, f"new{n}") for n in range(40)])
    assert len(sent(index, since=NOW - timedelta(seconds=30))) == 940
    asked = [place for page in index.asked for place in page]
    assert len(asked) == len(set(asked)) == 940


@pytest.mark.usefixtures("small")
def test_a_new_stream_has_only_what_is_new() -> None:
    index = Index([(AT - 1, "old")], [(AT - 1000, "late"), (AT, "now"), (AT + 1, "new")])
    assert sent(index, since=NOW, resumed=False) == ["now", "new"]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("failing", [range(first, first + 3) for first in range(1, 12)], ids=lambda some: some.start)
def test_nothing_is_left_out_while_elasticsearch_is_away(failing: range) -> None:
    index = Index([(AT - 100 * n, f"q{n}") for n in range(600)], [(AT, f"new{n}") for n in range(600)])

    index.failing = failing
    found = sent(index, 12)
    assert len(found) == len(set(found)) == 1_200


@pytest.mark.usefixtures("small")
def test_a_slow_client_misses_nothing() -> None:
    """It takes a minute for an event, while others go on looking."""
    index: Any = Index([(AT - 1_000, "first")])
    clock = [NOW]
    shared = Looks(index, clock=lambda: clock[0])

    async def follow() -> list[str]:
        got: list[str] = []
        how: dict[str, Any] = {"resumed": True, "looks": shared, "render": str}
        made = stream.events(index, QuoteQuery(), since=NOW, stopping=lambda: len(got) > 21, **how)
        async for text in made:
            if "data: " not in text:
                continue
            got.append(id_of(text))
            if got == ["first"]:
                with shared.listening():
                    for number in range(20):
                        clock[0] += timedelta(seconds=10)
                        index.add((AT + 10_000 * number + 5_000, f"q{number}"))
                        assert await shared.newest()
                index.add((AT + 199_000, "last"))
        return got

    assert asyncio.run(asyncio.wait_for(follow(), 30)) == ["first", *(f"q{number}" for number in range(20)), "last"]


@pytest.mark.usefixtures("small")
def test_streams_share_their_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "_EVERY", 0.05)
    index = Index([(AT - 1_000, "q")], [(AT, "new")])
    shared = looks_at(index)

    async def several() -> list[list[str]]:
        def follow() -> Any:
            return ids(index, lambda: index.looks >= 4, looks=shared)

        return list(await asyncio.gather(*(follow() for _ in range(30))))

    assert asyncio.run(several()) == [["q", "new"]] * 30
    assert index.looks == 4
