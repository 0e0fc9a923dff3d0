"""Tries out the channels of a saved search: sends a test at once and says what became of it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline.alerts.channels import Channels
from pipeline.alerts.messages import Quote
from pipeline.alerts.models import Channel, SavedSearch, new_id
from pipeline.settings import Settings

QUOTES = 3
"""The newest quotes that a test tells."""


async def try_out(settings: Settings, search: SavedSearch, quotes: Sequence[Quote]) -> dict[Channel, str | None]:
    """By channel why the test was not accepted; None where it was. Each test has an id of its own."""
    async with Channels(settings) as channels:
        results: dict[Channel, str | None] = {}
        for channel in search.wanted:
            id = f"msg_test_{new_id()}"
            outcome = await channels.send(channel, search, id, quotes, at=datetime.now(UTC), test=True)
            results[channel] = outcome.failure or outcome.note
        return results
