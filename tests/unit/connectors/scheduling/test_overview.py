"""All sources together: how many there are, how many fail, when they are read."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import SourceConfig
from connectors.scheduling.intervals import PollingStats
from connectors.scheduling.overview import SILENCE, overview, states_of, summary_line
from connectors.scheduling.source_state import SourceState
from pipeline.cli import source_views as views
from tests.unit.connectors.helpers import NOW

MINUTE = timedelta(minutes=1)


def state(name: str, kind: str = "feed", **changes: object) -> SourceState:
    return replace(SourceState(SourceConfig(name, kind, "x"), added=NOW), **changes)  # type: ignore[arg-type]


STATES = [
    state("a", due=NOW + MINUTE, last_success=NOW - MINUTE),
    state("b", due=NOW + 2 * MINUTE, last_success=NOW - 3 * MINUTE, owner="one-7", leased_until=NOW + MINUTE),
    state("c", due=NOW + 9 * MINUTE, stats=PollingStats(failures=3), last_error="c answers with status 500."),
    state("d", due=NOW - 9 * MINUTE, paused=True, stats=PollingStats(failures=9), last_error="d is gone."),
    state(
        "e", "page", due=NOW + 4 * MINUTE, stats=PollingStats(failures=5), last_error="x http://ana:hunt@er2@e is gone."
    ),
    state("f", "page", owner="old-1", leased_until=NOW - MINUTE),
]


def test_counts_and_times() -> None:
    there = overview(STATES, NOW)
    assert [(one.kind, one.sources, one.failing, one.paused) for one in there.groups] == [
        ("feed", 4, 1, 1),
        ("page", 2, 1, 0),
    ]
    assert [(one.id, one.failures) for one in there.failing] == [("e", 5), ("c", 3)]
    assert there.readers == {"one-7": 1}
    assert (there.sources, there.paused) == (6, 1)
    assert there.last_read == NOW - MINUTE
    assert there.next_poll == NOW, "one that was never read is due since it was added"
    assert [one.next_poll for one in there.groups] == [NOW + MINUTE, NOW]


def test_each_source_is_in_one_state() -> None:
    late = NOW + SILENCE
    assert states_of(STATES, NOW) == {"reading": 3, "failing": 2, "paused": 1, "silent": 0}
    assert states_of(STATES, late) == {"reading": 1, "failing": 2, "paused": 1, "silent": 2}
    assert states_of(STATES, late + MINUTE) == {"reading": 0, "failing": 0, "paused": 1, "silent": 5}
    assert states_of(STATES, late + MINUTE, SILENCE)["silent"] == 0, "they are polled every two days only"


def test_json_and_lines() -> None:
    found = views.overall(overview(STATES, NOW))
    assert (found["total"], found["failing"], found["paused"]) == (6, 2, 1)
    assert found["connectors"] == [{"process": "one-7", "reading": 1}]
    assert "er2" not in str(found)
    rows = views.overall_rows(found)
    assert [row[:2] for row in rows] == [
        ("Sources", "6, 2 failing, 1 paused"),
        ("  feed", "4, 1 failing, 1 paused"),
        ("  page", "2, 1 failing"),
    ]
    assert rows[0][2].startswith("read by 1 connector now; last read ")
    first, more = views.failing_lines(found, 1)
    assert first.startswith("e failed 5 times: x http://ana:********@e is gone; next try ")
    assert more == "1 more fail; `whosaid source list` shows all."


def test_first_line_of_a_connector() -> None:
    said = summary_line(overview(STATES, NOW), NOW)
    assert said == "reads 6 sources (4 feed, 2 page); 2 failing, 1 paused, the next is due now."
    said = summary_line(overview(STATES[:1], NOW), NOW)
    assert said == "reads 1 source (1 feed); the next is due in 60 s."
    assert "no sources yet" in summary_line(overview([], NOW), NOW)


def test_no_sources() -> None:
    found = views.overall(overview([], NOW))
    assert found["total"] == 0
    assert views.overall_rows(found) == [("Sources", "none", "`whosaid source add URL` adds one")]
    assert views.failing_lines(found, 5) == []


@pytest.mark.parametrize(
    ("changes", "abandoned"),
    [
        ({"due": NOW - 3 * MINUTE}, True),
        ({"due": NOW - MINUTE}, False),
        ({"due": None, "added": NOW - 3 * MINUTE}, True),
        ({"due": NOW - 3 * MINUTE, "paused": True}, False),
        ({"due": NOW - 3 * MINUTE, "owner": "one-7", "leased_until": NOW + MINUTE}, False),
        ({"due": NOW - 3 * MINUTE, "owner": "one-7", "leased_until": NOW - MINUTE}, True),
    ],
)
def test_abandoned(changes: dict[str, Any], abandoned: bool) -> None:
    there = overview([state("a", **changes)], NOW)
    assert there.abandoned(NOW, 2 * MINUTE) is abandoned
    other = state("b", due=NOW + MINUTE, last_success=NOW - MINUTE)  # somebody reads, and is behind
    assert not overview([state("a", **changes), other], NOW).abandoned(NOW, 2 * MINUTE)
