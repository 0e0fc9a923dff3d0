"""Quotes on the screen: every piece where it belongs, nothing of the body lost."""

import io
import json
import re

import pytest
from rich.progress import Progress, TextColumn
from rich.text import Text

from connectors.base import SourceConfig, Step
from connectors.scheduling.source_state import SourceState
from pipeline.cli import source_views
from pipeline.cli.console import Console, Row, marked, print_json, progress, quotes_table, reading_progress, row
from pipeline.models import Quote, QuoteType, Resolution, Speaker
from tests.unit.connectors.parsing.test_article_factory import an_article

BODY = "“Yes,” she said. “No.” He said “maybe” and left."


def quote(*segments: tuple[int, int], name: str | None = "Ada Byrne") -> Quote:
    start, end = segments[0][0], segments[-1][1]
    speaker = name and Speaker(
        name=name, id="s", mention="she", start=7, end=10, resolution=Resolution.PRONOUN, confidence=0.9
    )
    return Quote(
        id="q", type=QuoteType.DIRECT, text=BODY[start:end], start=start, end=end, segments=list(segments),
        speaker=speaker or None, confidence=1, context=(0, len(BODY)), addressee="reporters", date_mention="Monday",
    )  # fmt: skip


def test_the_marked_body_keeps_every_character() -> None:
    text = marked(BODY, [quote((32, 37), name="Omar Lund"), quote((1, 5), (18, 21))])
    assert text.plain == "“Yes,” she said. “No.” [Ada Byrne] He said “maybe” [Omar Lund] and left."
    assert text.plain.replace(" [Ada Byrne]", "").replace(" [Omar Lund]", "") == BODY


def test_a_quote_within_a_quote_does_not_repeat_its_words() -> None:
    text = marked(BODY, [quote((1, 21)), quote((18, 21), name="Omar Lund")])
    assert text.plain.replace(" [Ada Byrne]", "") == BODY


def test_two_quotes_of_the_same_words_are_marked_once() -> None:
    text = marked(BODY, [quote((1, 5)), quote((1, 5), name="Omar Lund")])
    assert text.plain == BODY.replace("“Yes,”", "“Yes,” [Ada Byrne]")


def test_a_quote_that_ends_the_body_has_its_speaker() -> None:
    assert marked("“‘Yes’”", [quote((2, 5))]).plain == "“‘Yes’” [Ada Byrne]"
    assert marked("“Yes", [quote((1, 4))]).plain == "“Yes [Ada Byrne]"


def test_an_unknown_speaker_is_said_to_be_unknown() -> None:
    assert "[unknown]" in marked(BODY, [quote((1, 5), name=None)]).plain


def test_a_row_joins_the_parts_and_says_to_whom_and_when() -> None:
    line = row(quote((1, 5), (18, 21)), "The Bay Herald")
    assert (line.speaker, line.said, line.detail) == ("Ada Byrne", "Yes, … No.", "to reporters, Monday")
    assert line.where == "The Bay Herald"


def test_the_table_keeps_words_whole_also_on_a_narrow_screen() -> None:
    screen = Console(width=60, record=True, file=io.StringIO())
    line = Row("spokesperson for Shine-On", "We had done the wheels,", "direct", "to reporters", "Northgate Courier")
    screen.print(quotes_table([line, Row(None, "what the bird had learned", "indirect")]))
    shown = screen.export_text()
    for words in ("spokesperson", "We had done the wheels,", "direct · to reporters", "Courier", "unknown"):
        assert words in shown


HOSTILE = (
    "\x1b]0;t\x07Dam \x1b[2J\x9b31m\u202ereopened\u2069 [red]x[/red] [link=http://a.test]y[/link] :warning: \ud800\r!"
)
SEEN = "]0;tDam [2J31mreopened [red]x[/red] [link=http://a.test]y[/link] :warning: \ufffd"
OURS = re.compile("\x1b\\[[0-9;]*m|\x1b\\[2K|\x1b\\[1A|\x1b\\[\\?25[hl]|\r")  # colours, and what a bar is drawn with


def terminal() -> Console:
    return Console(width=300, file=io.StringIO(), force_terminal=True)


def drawn(console: Console) -> str:
    """What reaches the terminal, without our own colours."""
    assert isinstance(console.file, io.StringIO)
    return OURS.sub("", console.file.getvalue())


def assert_harmless(text: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


@pytest.mark.parametrize("plain", [HOSTILE, Text(HOSTILE, style="bold"), Text.assemble("a ", (HOSTILE, "dim"))])
def test_what_strangers_wrote_is_text_and_nothing_else(plain: str | Text) -> None:
    console = terminal()
    console.print(plain, soft_wrap=True)
    assert_harmless(drawn(console))
    assert SEEN in drawn(console)


def test_tables_of_quotes_and_sources_obey_nobody() -> None:
    console = terminal()
    console.print(quotes_table([Row(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)], title=HOSTILE))
    console.print(marked(HOSTILE, []))
    source = SourceState(SourceConfig(HOSTILE, "feed", HOSTILE, HOSTILE), last_error=HOSTILE)
    console.print(source_views.states_table([source]))
    console.print(source_views.shown(an_article().model_copy(update={"headline": HOSTILE, "byline": HOSTILE})))
    assert_harmless(drawn(console))
    assert drawn(console).count("[red]x[/red]") >= 4


def test_a_progress_bar_and_a_spinner_obey_nobody() -> None:
    console = terminal()
    with Progress(TextColumn("{task.description}", markup=False), console=console) as progress:
        progress.add_task(HOSTILE, total=1)
        progress.console.print(HOSTILE)
    with console.status(Text(HOSTILE)):
        pass
    assert_harmless(drawn(console))
    assert "reopened" in drawn(console)


def test_progress_shows_how_much_is_done_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal()
    monkeypatch.setattr("pipeline.cli.console.errors", screen)
    with progress("Copying", 10) as show_progress:
        show_progress(4, 20)
    assert "Copying" in drawn(screen)
    assert "4/20" in drawn(screen)


def test_progress_is_silent_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO())
    monkeypatch.setattr("pipeline.cli.console.errors", screen)
    with progress("Copying", 10) as show_progress:
        show_progress(4, 20)
    assert drawn(screen) == ""


def test_reading_counts_articles_and_says_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal()
    monkeypatch.setattr("pipeline.cli.console.errors", screen)
    with reading_progress("Reading") as show_item:
        show_item(Step(an_article(), {}, progress=0.5))
        show_item(Step(None, {}, problem="b.txt is empty."))
    assert "1 articles" in drawn(screen)
    assert "b.txt is empty." in drawn(screen)


def test_json_has_escapes_for_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"headline": HOSTILE, "name": "Zoë"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"headline": HOSTILE, "name": "Zoë"}
    assert_harmless(out)
    assert "Zoë" in out
