"""The stream begins where a client's last event was, whatever a client says that was."""

import asyncio
import base64
import bisect
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.errors import InputError
from pipeline.search import stream
from pipeline.search.parameters import QuoteQuery
from pipeline.search.stream import OVERLAP, beginning, event_id

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
    """Quotes as a search finds them: at so many milliseconds, under this id. Some become visible at the second look."""

    def __init__(self, places: list[tuple[int, str]], late: list[tuple[int, str]]) -> None:
        self.places = sorted(places)
        self.late = late
        self.looks = 0

    def newer(
        self, _: QuoteQuery, *, since: datetime, after: list[Any] | None, size: int
    ) -> list[tuple[str, tuple[int, str]]]:
        if after is None:
            self.looks += 1
            if self.looks == 2:
                self.places = sorted(self.places + self.late)
        begin = bisect.bisect_right(self.places, tuple(after or (int(since.timestamp() * 1000), "")))
        return [(place[1], place) for place in self.places[begin : begin + size]]


def sent(places: list[tuple[int, str]], late: list[tuple[int, str]], looks: int = 4) -> list[str]:
    """The ids that a stream sends that began an hour before."""
    index: Any = Index(places, late)
    render: Any = str

    async def read() -> list[str]:
        made = stream.events(
            index, QuoteQuery(), since=NOW - timedelta(hours=1), resumed=True,
            stopping=lambda: index.looks > looks, render=render,
        )  # fmt: skip
        return [text.rpartition("data: ")[2].strip() async for text in made if "data: " in text]

    return asyncio.run(read())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams look often, and remember little."""
    monkeypatch.setattr(stream, "_LOOK_EVERY", 0.0)
    monkeypatch.setattr(stream, "_REMEMBERED", 1_000)


AT = int(NOW.timestamp() * 1000)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("apart", [20, 0], ids=["one after another", "all at once"])
def test_of_more_than_it_remembers_none_is_sent_twice(apart: int) -> None:
    places = [(AT - apart * n, f"q{n}") for n in range(1_300)]
    new = [(AT + 5_000, "new")]
    found = sent(places, new)
    assert sorted(found) == sorted(id for _, id in places + new)


@pytest.mark.usefixtures("small")
def test_what_becomes_visible_late_is_sent() -> None:
    places = [(AT - 100 * n, f"q{n}") for n in range(3_000)]
    late = [(AT - 20_050, "late")]
    found = sent(places, late)
    assert found.count("late") == 1
    assert len(found) == len(set(found)) == 3_001
