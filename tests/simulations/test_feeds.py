"""Days of many feeds in simulated time, in a short form of `make simulate`."""

import asyncio
import json
import subprocess
import sys

from tests.fixtures.simulator.week import simulate


def test_hundreds_of_feeds_over_days_miss_nothing_and_keep_apart() -> None:
    """A short form of the week in tests/fixtures/simulator, in a process of its own so that its memory can be told."""
    command = [sys.executable, "-m", "tests.fixtures.simulator.week", "--feeds", "48", "--days", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=True)
    result = json.loads(done.stdout)
    assert result["missed"] == []
    assert result["twice"] == result["equal_revisions"] == 0
    assert (result["broken_intervals"], result["never_read"]) == (0, 0)
    assert result["due"] > 100
    assert {"200", "304", "301", "302", "429", "503"} <= set(result["statuses"])
    assert result["megabytes"] < 300


def test_an_item_of_a_busy_feed_is_published_in_time() -> None:
    result = asyncio.run(simulate(4, 0.3, rates=(20, 40, 90)))
    assert result["busy_items"] > 30
    assert result["busy_latest_seconds"] < 145  # five seconds are left to analyse and index it
    assert (result["broken_intervals"], result["missed"]) == (0, [])
