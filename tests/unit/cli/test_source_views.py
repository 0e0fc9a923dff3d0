"""Sources and articles as the terminal shows them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.scheduling.intervals import PollingStats
from connectors.scheduling.overview import condition, now
from connectors.scheduling.source_state import SourceState
from connectors.source_files import make
from pipeline.cli.console import Console
from pipeline.cli.source_views import shown, states_table, summary
from tests.unit.connectors.parsing.test_article_factory import an_article

FRESH = SourceState(make("https://news.test/feed", name="The Paper"))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "new"),
        ({"last_success": now()}, "ok"),
        ({"last_success": now(), "stats": PollingStats(failures=2)}, "failing"),
        ({"leased_until": now() + timedelta(days=1)}, "reading"),
        ({"leased_until": now() - timedelta(minutes=1)}, "new"),
        ({"paused": True, "leased_until": now() + timedelta(days=1)}, "paused"),
        ({"paused": True, "last_success": now(), "config": make("x", options={"once": True})}, "done"),
    ],
)
def test_a_source_is_in_one_state(changes: dict[str, object], word: str) -> None:
    assert condition(replace(FRESH, **changes), now()) == word  # type: ignore[arg-type]


class TestLogins:
    """A login in a source's address or in what went wrong is not shown."""

    STATE = replace(
        FRESH,
        config=make("https://ana:hunt/er2@news.test/feed", options={"proxy": "http://hunter2@p:1", "limit": 3}),
        last_error="https://ana:hunt@er2@news.test/feed is no address that can be read.",
    )

    def test_json(self) -> None:
        shown = summary(self.STATE)
        assert "er2" not in str(shown)
        assert shown["location"] == "https://ana:********@news.test/feed"
        assert shown["options"] == {"proxy": "http://********@p:1", "limit": 3}

    def test_table(self) -> None:
        console = Console(width=160)
        with console.capture() as captured:
            console.print(states_table([self.STATE]))
        assert "********@news.test/feed is no address" in captured.get()
        assert "er2" not in captured.get()


def test_the_table_says_when_how_much_and_what_went_wrong() -> None:
    state = replace(
        FRESH, last_success=now() - timedelta(hours=3), due=now() + timedelta(minutes=20),
        stats=PollingStats(per_day=12.34), last_error="[b]It[/b] answers with status 500.",
    )  # fmt: skip
    console = Console(width=160)
    with console.capture() as captured:
        console.print(states_table([state, replace(state, due=None, paused=True)]))
    shown = captured.get()
    for words in ("news.test-feed", "3 h ago", "in 20 min", "12.3", "[b]It[/b] answers with status 500.", "paused"):
        assert words in shown
    assert "now" not in shown  # a paused source is not due
    assert summary(state)["last_error"] == state.last_error


def test_an_article_is_shown_with_its_facts_and_its_beginning() -> None:
    notes = {"text": "feed", "paywalled": "true", "published-in-future": "2999", "origin": "x"}
    article = an_article("https://news.test/1", "He said so. " * 40).model_copy(
        update={"raw": notes, "headline": "[a]"}
    )
    title, facts, address, beginning = shown(article).plain.split("\n")
    assert title == "[a]"
    assert "480 characters" in facts
    assert all(words in facts for words in ("text: feed", "paywalled: true", "published in future"))
    assert "origin" not in facts
    assert address.strip() == "https://news.test/1"
    assert beginning.endswith(" …")
    assert len(beginning) < 240
