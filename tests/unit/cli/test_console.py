"""Quotes on the screen: every piece where it belongs, nothing of the body lost."""

import io

from rich.console import Console

from pipeline.cli.console import Row, marked, quotes_table, row
from pipeline.models import Quote, QuoteType, Resolution, Speaker

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


def test_the_marked_body_keeps_every_character_and_names_each_speaker_once() -> None:
    text = marked(BODY, [quote((32, 37), name="Omar Lund"), quote((1, 5), (18, 21))])
    assert text.plain == "“Yes,” she said. “No. [Ada Byrne]” He said “maybe [Omar Lund]” and left."
    assert text.plain.replace(" [Ada Byrne]", "").replace(" [Omar Lund]", "") == BODY


def test_a_quote_within_a_quote_does_not_repeat_its_words() -> None:
    text = marked(BODY, [quote((1, 21)), quote((18, 21), name="Omar Lund")])
    assert text.plain.replace(" [Ada Byrne]", "") == BODY


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
