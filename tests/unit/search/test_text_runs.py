"""Quotes are marked exactly where they are."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.models import Quote
from pipeline.search import result_mapping, text_runs
from tests.unit.search.factory import BRIDGE, bridge, quote
from tests.unit.search.test_result_mapping import found, wanted


def said(paragraphs: list[text_runs.Paragraph], one: Quote) -> list[str]:
    return [piece.text for paragraph in paragraphs for piece in paragraph.pieces if one in piece.quotes]


def test_each_quote_is_marked_with_exactly_its_segments() -> None:
    article = bridge()
    made = text_runs.paragraphs(BRIDGE, article.quotes)
    for one in article.quotes:
        assert said(made, one) == one.parts


def test_words_between_the_parts_of_a_split_quote_are_not_marked() -> None:
    article = bridge()
    between = [piece.text for piece in text_runs.paragraphs(BRIDGE, article.quotes)[1].pieces if not piece.quotes]
    assert "".join(between) == "“” Calloway told reporters. “”"


def test_a_cue_and_the_mention_of_a_speaker_are_pieces() -> None:
    article = bridge()
    first = article.quotes[0]
    pieces = [piece for one in text_runs.paragraphs(BRIDGE, article.quotes) for piece in one.pieces]
    assert [piece.text for piece in pieces if first in piece.cues] == ["told"]
    assert [piece.text for piece in pieces if first in piece.mentions] == ["Calloway"]


def test_paragraphs_are_lines_with_the_quotes_that_begin_there() -> None:
    body = "One said a.\n\n  \r\nTwo said b.\n"
    quotes = [quote(body, "b", article="x")]
    made = text_runs.paragraphs(body, quotes)
    assert ["".join(piece.text for piece in one.pieces) for one in made] == ["One said a.", "Two said b."]
    assert [one.quotes for one in made] == [[], quotes]


def test_a_quote_over_two_paragraphs_is_marked_in_both() -> None:
    body = "He said: “One.\nTwo.” And left."
    long = quote(body, "One.\nTwo.", article="x")
    made = text_runs.paragraphs(body, [long])
    assert said(made, long) == ["One.", "Two."]
    assert [one.quotes for one in made] == [[long], []]


def test_the_innermost_of_nested_quotes_comes_last() -> None:
    body = "Lund said Vey told her it was late."
    outer, inner = quote(body, "Vey told her it was late", article="x"), quote(body, "it was late", article="x")
    pieces = text_runs.paragraphs(body, [inner, outer])[0].pieces
    assert [(piece.text, piece.quotes) for piece in pieces if piece.quotes] == [
        ("Vey told her ", (outer,)),
        ("it was late", (outer, inner)),
    ]
    assert [piece.begins for piece in pieces if piece.begins] == [(outer,), (inner,)]


def test_two_quotes_that_begin_together_both_begin_there() -> None:
    body = "late, very late"
    one, other = quote(body, "late", article="x"), quote(body, "late, very late", article="x")
    first = text_runs.paragraphs(body, [one, other])[0].pieces[0]
    assert first.begins == (other, one)
    assert first.quote == one


def test_offsets_count_code_points() -> None:
    body = "😀😀 “é😀 ok” said Vey"
    one = quote(body, "é😀 ok", article="x")
    assert said(text_runs.paragraphs(body, [one]), one) == ["é😀 ok"]


def test_an_article_without_quotes_is_one_piece_a_paragraph() -> None:
    assert [len(one.pieces) for one in text_runs.paragraphs("a\nb", [])] == [1, 1]


def test_an_empty_body_has_no_paragraph() -> None:
    assert text_runs.paragraphs("", []) == []


def test_a_hit_is_told_into_spoken_matched_and_other_words() -> None:
    runs = text_runs.words(result_mapping.quote_hit(found(), wanted("winters")))
    assert [(run.text, run.spoken, run.matched) for run in runs] == [
        ("We built it in two ", True, False),
        ("winters", True, True),
        (",", True, False),
        ("” Calloway told reporters. “", False, False),
        ("It will stand for a hundred years.", True, False),
    ]


ranges = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=4)


@given(st.integers(0, 40), st.lists(ranges, max_size=4))
def test_runs_cover_the_text_once_and_name_their_layers(length: int, layers: list[list[tuple[int, int]]]) -> None:
    runs = list(text_runs.split_runs(length, layers))
    assert [start for start, _, _ in runs] == [0, *[end for _, end, _ in runs[:-1]]][: len(runs)]
    assert (runs[-1][1] if runs else 0) == length
    for start, end, inside in runs:
        assert inside == [
            number
            for number, layer in enumerate(layers)
            if any(a <= start and end <= b for a, b in layer if 0 <= a < b <= length)
        ]


@given(st.text(alphabet="a \n\r\u2028é😀", max_size=40), ranges)
def test_no_text_is_lost_whatever_the_quotes(body: str, spans: list[tuple[int, int]]) -> None:
    quotes = [
        quote(body, body[a:b], article="x").model_copy(update={"segments": [(a, b)], "start": a, "end": b})
        for a, b in spans
        if a < b <= len(body)
    ]
    shown = "".join(piece.text for one in text_runs.paragraphs(body, quotes) for piece in one.pieces)
    assert shown == "".join(line.rstrip() for line in body.splitlines() if line.strip())
