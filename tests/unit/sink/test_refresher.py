"""When the sink refreshes what it has written, by a clock that the test moves and a client that only notes requests."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import ConnectionError

from pipeline.settings import Settings
from pipeline.sink import indices, refresher
from pipeline.sink.events import Event
from pipeline.sink.refresher import FEW_WAIT, LONGEST, MOST, QUIET, SOONEST, Refresher
from tests.unit.sink.factory import enriched, record

MAY, MARCH, APRIL = "whosaid-quotes-v1-2025.05", "whosaid-quotes-v1-2026.03", "whosaid-quotes-v1-2026.04"


@dataclass
class Client:
    """Notes which indices are refreshed."""

    refreshed: list[list[str]] = field(default_factory=list)
    away: bool = False

    @property
    def indices(self) -> "Client":
        return self

    def refresh(self, *, index: list[str], **_: Any) -> dict[str, Any]:
        if self.away:
            raise ConnectionError("away")
        self.refreshed.append(index)
        return {"_shards": {"failed": 0}}


class AtOnce(Executor):
    """Does at once what it is given, or when the test says so."""

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] | None = None

    def submit(self, work: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        answer: Future[Any] = Future()

        def do() -> None:
            try:
                answer.set_result(work(*arguments, **options))
            except ConnectionError as error:
                answer.set_exception(error)

        if self.held is None:
            do()
        else:
            self.held.append(do)
        return answer


@dataclass
class Clock:
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(refresher, "time", clock)
    return clock


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def made(client: Client, clock: Clock) -> Refresher:
    """A refresher that has just refreshed everything, as after a start."""
    standing_in: Any = client
    made = Refresher(standing_in, Settings(), AtOnce())
    assert made.refresh_if_due() is not None
    assert client.refreshed == [["whosaid-quotes-v1-*", "whosaid-articles-v1-*"]]
    client.refreshed.clear()
    clock.now += SOONEST
    return made


def write(made: Refresher, *ids: str, waited: float = 0.0, index: str = MARCH, copied: bool = False) -> None:
    """Articles are written that were fetched so many seconds ago."""
    now = datetime.now(UTC)
    made.writing(ids)
    made.touch((id, index) for id in ids)
    events = [
        Event(record(b""), enriched(id, fetched=now - timedelta(seconds=waited)), now if copied else None) for id in ids
    ]
    made.wrote(ids, events)


def busy(made: Refresher, clock: Clock, seconds: float, waited: float) -> float:
    """Writes ten times a second for so long; seconds until the first refresh."""
    began = clock.now
    while clock.now < began + seconds:
        write(made, f"a{clock.now}", waited=waited)
        clock.now += 0.1
        if made.refresh_if_due() is not None:
            return clock.now - began
    return seconds


def test_fresh_news_is_refreshed_at_once(made: Refresher, client: Client) -> None:
    write(made, "a1")
    assert made.refresh_if_due() is not None
    assert client.refreshed == [[MARCH]], "no index is named that was not written"


def test_fresh_news_is_refreshed_once_a_second(made: Refresher, client: Client, clock: Clock) -> None:
    for _ in range(100):
        write(made, f"a{clock.now}")
        made.refresh_if_due()
        clock.now += 0.1
    assert 9 <= len(client.refreshed) <= 11


@pytest.mark.parametrize(("waited", "seconds"), [(0, 1), (3, 1), (6, 3), (8, 4), (3600, LONGEST)])
def test_what_has_waited_is_refreshed_later(made: Refresher, clock: Clock, waited: float, seconds: float) -> None:
    write(made, "a0", waited=waited)
    clock.now += SOONEST
    made.refresh()
    assert busy(made, clock, 60, waited) == pytest.approx(seconds, abs=0.15)


def test_what_is_there_to_be_written_is_not_quiet(made: Refresher, clock: Clock) -> None:
    write(made, "a0", waited=3600)
    made.refresh()
    write(made, "a1", waited=3600)
    clock.now += QUIET - 0.1
    made.busy()
    assert made.wait == pytest.approx(QUIET)


@pytest.mark.parametrize(("waited", "patience"), [((0, 3600), SOONEST), ((8,), 4), ((3600, 60), LONGEST)])
def test_the_freshest_of_a_batch_tells_how_much_waits(
    made: Refresher, waited: tuple[float, ...], patience: float
) -> None:
    now = datetime.now(UTC)
    times = [now - timedelta(seconds=one) for one in waited]
    made.wrote([], [Event(record(b""), enriched(f"a{at}", fetched=at), None) for at in times])
    assert made.patience == pytest.approx(patience, abs=0.1)
    made.wrote([])
    assert made.patience == pytest.approx(patience, abs=0.1), "a batch of nothing but refused events tells nothing"


def test_behind_a_silence_nothing_is_a_backlog(made: Refresher, clock: Clock) -> None:
    write(made, "a0", waited=3600)
    clock.now += QUIET / 2
    made.busy()
    assert made.patience == LONGEST
    clock.now += QUIET + 0.1
    made.busy()
    assert made.patience == SOONEST


def test_one_fresh_article_hurries_all(made: Refresher, client: Client, clock: Clock) -> None:
    write(made, "old", waited=3600)
    made.refresh()
    clock.now += SOONEST
    write(made, "older", waited=3600)
    assert made.refresh_if_due() is None
    write(made, "new")
    assert made.refresh_if_due() is not None


def test_a_backlog_that_ends_is_refreshed(made: Refresher, clock: Clock) -> None:
    write(made, "a0", waited=3600)
    made.refresh()
    write(made, "a1", waited=3600)
    assert made.wait == pytest.approx(QUIET)
    clock.now += QUIET
    assert made.refresh_if_due() is not None
    assert made.wait == float("inf")


def test_a_backlog_that_is_said_to_be_over_is_refreshed(made: Refresher, client: Client, clock: Clock) -> None:
    for number in range(20):
        write(made, f"a{number}", waited=60)
    write(made, "old", waited=60, index=MAY)
    assert made.wait > 0.5
    made.over()
    assert made.wait == 0
    assert made.refresh_if_due() is not None
    assert client.refreshed == [[MAY, MARCH]], "no index is left out"
    assert made.wait == float("inf")
    write(made, "a20", waited=60)
    made.over()
    assert made.wait == pytest.approx(SOONEST), "not sooner, though each be the last"


def test_a_copy_from_another_version_is_in_no_hurry(made: Refresher, clock: Clock) -> None:
    write(made, "a0", copied=True)
    made.refresh()
    write(made, "a1", copied=True)
    clock.now += 0.9
    assert made.refresh_if_due() is None


def test_no_more_is_left_unseen_than_is_remembered(made: Refresher) -> None:
    write(made, "a0", waited=3600)
    made.refresh()
    write(made, *map(str, range(MOST - 1)), waited=3600)
    assert made.refresh_if_due() is None
    write(made, "last", waited=3600)
    assert made.refresh_if_due() is not None


def test_a_batch_that_hangs_does_not_hold_back_others(made: Refresher, clock: Clock) -> None:
    write(made, "a0", waited=3600)
    made.refresh()
    made.writing(["a1"])
    made.touch([("a1", MARCH)])
    clock.now += LONGEST
    assert made.refresh_if_due() is not None
    assert made.catch_up(["a1"]) is not None, "nobody knows what of it was written since"


def test_a_look_up_sees_what_was_written(made: Refresher, client: Client) -> None:
    assert made.catch_up(["a1"]) is None
    write(made, "a1", waited=3600)
    assert made.catch_up(["a2"]) is None
    assert made.catch_up(["a2", "a1"]) is not None
    assert made.catch_up(["a1"]) is None, "it is seen now"
    made.invalidate()
    assert made.catch_up(["a3"]) is not None, "another sink may have written it"
    assert client.refreshed == [[MARCH], ["whosaid-quotes-v1-*", "whosaid-articles-v1-*"]]


def test_an_article_that_was_taken_back_is_not_forgotten(made: Refresher) -> None:
    made.writing(["bad"])
    made.touch([("bad", MARCH)])
    made.wrote(["bad"])
    assert made.catch_up(["bad"]) is not None


def test_what_another_batch_has_on_its_way_stays_unseen(made: Refresher) -> None:
    made.writing(["a1", "a2"])
    made.touch([("a1", MARCH), ("a2", MARCH)])
    made.writing(["b1"])
    made.wrote(["a1", "a2"])
    assert not made.sees(["a1"])
    assert made.catch_up(["a1"]) is not None
    assert made.sees(["a1", "a2"])
    assert not made.sees(["b1"])


def test_many_indices_are_named_by_a_pattern(made: Refresher, client: Client) -> None:
    for number in range(31):
        write(made, f"a{number}", index=f"whosaid-quotes-v1-{number}")
    made.refresh()
    assert client.refreshed == [["whosaid-quotes-v1-*", "whosaid-articles-v1-*"]]


def test_a_refresh_that_fails_is_tried_again(made: Refresher, client: Client, clock: Clock) -> None:
    write(made, "a1")
    client.away = True
    assert made.refresh_if_due() is None
    assert made.wait == pytest.approx(indices.REFRESH)
    with pytest.raises(ConnectionError):
        made.catch_up(["a1"])
    client.away = False
    clock.now += indices.REFRESH
    assert made.refresh_if_due() is not None


def test_what_is_written_meanwhile_is_for_the_next_refresh(made: Refresher, client: Client, clock: Clock) -> None:
    executor = made._executor
    assert isinstance(executor, AtOnce)
    executor.held = []
    write(made, "a1", "a2")
    assert made.refresh_if_due() is None, "it is on its way"
    write(made, "a2", "a3")
    made.invalidate()
    executor.held.pop()()
    assert made.refresh_if_due() == ["a1"]
    assert not made.sees(["a1"]), "another sink may have written"
    executor.held = None
    clock.now += SOONEST
    assert made.refresh_if_due() == ["a2", "a3"]
    assert made.sees(["a1", "a2", "a3"])


def test_while_one_is_on_its_way_no_other_is_next(made: Refresher, clock: Clock) -> None:
    executor = made._executor
    assert isinstance(executor, AtOnce)
    write(made, "a0")
    made.refresh()
    assert made.next == clock.now + SOONEST
    clock.now += SOONEST
    executor.held = []
    write(made, "a1")
    made.refresh_if_due()
    assert made.next == float("inf")
    executor.held.pop()()
    made.refresh_if_due()
    assert made.next == clock.now + SOONEST


def test_a_look_up_does_not_wait_for_a_refresh_on_its_way(made: Refresher) -> None:
    executor = made._executor
    assert isinstance(executor, AtOnce)
    executor.held = []
    write(made, "a1")
    assert made.refresh_if_due() is None
    assert made.catch_up(["a1"]) == ["a1"]
    executor.held.pop()()
    assert made.refresh_if_due() == []


def write_many(made: Refresher, clock: Clock, seconds: float, waited: float = 0.0) -> list[list[str]]:
    """Ten articles a second, one of twenty of an older month; the indices of each refresh since."""
    client: Any = made._client
    began, before = clock.now, len(client.refreshed)
    for number in range(round(seconds * 10)):
        write(made, f"a{clock.now}", waited=waited, index=MAY if number % 20 == 5 else MARCH)
        made.refresh_if_due()
        clock.now = began + (number + 1) / 10
    return list(client.refreshed[before:])


def test_fresh_news_waits_in_no_index(made: Refresher, clock: Clock) -> None:
    refreshed = write_many(made, clock, 20)
    assert sum(MAY in names for names in refreshed) == 10


def test_in_a_backlog_an_index_with_few_waits_longer(made: Refresher, clock: Clock) -> None:
    refreshed = write_many(made, clock, 60, waited=3600)
    assert 10 <= sum(MARCH in names for names in refreshed) <= 16
    assert 60 / LONGEST / FEW_WAIT - 1 <= sum(MAY in names for names in refreshed) <= 60 / LONGEST / FEW_WAIT + 1


def test_many_indices_with_few_cause_no_more_refreshes(made: Refresher, client: Client, clock: Clock) -> None:
    """They wait from different moments on, and come with refreshes that come anyway."""
    began, months = clock.now, [f"whosaid-quotes-v1-2025.{month:02d}" for month in range(1, 13)]
    since: dict[str, float] = {}
    longest = 0.0
    for number in range(1200):
        late = number % 10 == 5
        index = months[number // 10 * 7 % 12] if late else MARCH
        write(made, f"a{number}", waited=3600, index=index)
        since.setdefault(index, clock.now)
        before = len(client.refreshed)
        made.refresh_if_due()
        for name in (name for names in client.refreshed[before:] for name in names):
            longest = max(longest, clock.now - since.pop(name, clock.now))
        clock.now = began + (number + 1) / 10
    assert sum(MARCH in names for names in client.refreshed) <= 120 / LONGEST + 1
    assert sum(map(len, client.refreshed)) <= 120 / LONGEST + 1 + 12 * 120 / LONGEST / (FEW_WAIT - 1)
    assert longest <= FEW_WAIT * LONGEST + 0.2


def test_what_a_refresh_left_out_stays_unseen(made: Refresher, client: Client, clock: Clock) -> None:
    backlog(made, clock)
    write(made, "old", index=MAY, waited=3600)
    assert sorted(made.refresh_if_due() or ()) == [str(number) for number in range(10)]
    assert client.refreshed == [[MARCH]]
    assert not made.sees(["old"])
    assert made.catch_up(["old"]) == ["old"]
    assert client.refreshed == [[MARCH], [MAY]]


def test_where_it_is_quiet_no_index_is_left_out(made: Refresher, client: Client, clock: Clock) -> None:
    backlog(made, clock)
    write(made, "old", index=MAY, waited=3600)
    assert made.refresh_if_due() is not None
    assert made.wait == pytest.approx(QUIET)
    clock.now += QUIET
    assert made.refresh_if_due() == ["old"]
    assert client.refreshed == [[MARCH], [MAY]]
    assert made.wait == float("inf")


def test_one_fresh_article_hurries_all_indices(made: Refresher, client: Client, clock: Clock) -> None:
    backlog(made, clock)
    write(made, "old", index=MAY, waited=3600)
    write(made, "new")
    made.refresh_if_due()
    assert client.refreshed == [[MAY, MARCH]]


def test_a_fresh_article_is_not_left_out_for_a_later_batch(made: Refresher, client: Client, clock: Clock) -> None:
    """Of two batches between two refreshes, the first has the fresh article, in an index with few."""
    backlog(made, clock)
    write(made, "new", index=MAY)
    write(made, *(f"b{number}" for number in range(10)), waited=3600)
    assert "new" in (made.refresh_if_due() or ())
    assert client.refreshed == [[MAY, MARCH]]


def test_an_index_waits_for_the_freshest_that_it_has(made: Refresher, client: Client, clock: Clock) -> None:
    backlog(made, clock)
    write(made, "newer", index=MAY, waited=6)
    write(made, *(f"b{number}" for number in range(10)), waited=3600)
    began = clock.now
    while all(MAY not in names for names in client.refreshed):
        made.refresh_if_due()
        clock.now += 0.1
        write(made, f"c{clock.now}", waited=3600)
    assert clock.now - began <= FEW_WAIT * 3 + 0.3


def test_an_article_that_moves_is_seen_with_both_months(made: Refresher, client: Client, clock: Clock) -> None:
    backlog(made, clock)
    made.touch([("moved", MARCH), ("moved", MAY)])
    made.wrote(["moved"])
    assert "moved" not in (made.refresh_if_due() or ())
    assert client.refreshed == [[MARCH]]
    clock.now += QUIET
    assert made.refresh_if_due() == ["moved"]


def test_written_again_it_waits_for_both_writings(made: Refresher, client: Client, clock: Clock) -> None:
    backlog(made, clock)
    write(made, "twice", index=MAY, waited=3600)
    write(made, "twice", waited=3600)
    assert "twice" not in (made.refresh_if_due() or ())
    clock.now += QUIET
    assert made.refresh_if_due() == ["twice"]


def test_the_fullest_index_is_never_left_out(made: Refresher, client: Client, clock: Clock) -> None:
    """Articles that a search sees but for a month that waits count for no index that is not touched."""
    backlog(made, clock)
    for number in range(20):
        made.touch([(f"moved{number}", MARCH), (f"moved{number}", MAY)])
        made.wrote([f"moved{number}"])
    for number in range(200):
        write(made, f"b{number}", index=APRIL, waited=3600)
    assert made.refresh_if_due() is not None
    assert client.refreshed == [[APRIL]]
    write(made, "new", index=APRIL, waited=3600)
    clock.now += LONGEST
    made.busy()
    made.refresh_if_due()
    assert all(client.refreshed), "a refresh of no index is one of all"


def test_a_look_up_without_writes_asks_for_no_refresh(made: Refresher, client: Client) -> None:
    """Elasticsearch takes a request without names as one for all indices, also of others."""
    made.writing(["dropped"])
    made.wrote(["dropped"])
    assert made.catch_up(["dropped"]) == ["dropped"]
    assert not client.refreshed


def backlog(made: Refresher, clock: Clock) -> None:
    """Ten articles that waited for an hour are written, and a refresh is due."""
    write(made, "before", waited=3600)
    made.refresh()
    made._client.refreshed.clear()  # type: ignore[attr-defined]
    clock.now += LONGEST
    made.busy()
    write(made, *map(str, range(10)), waited=3600)
