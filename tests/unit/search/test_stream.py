"""The stream begins where a client's last event was, whatever a client says that was."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.errors import InputError
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
