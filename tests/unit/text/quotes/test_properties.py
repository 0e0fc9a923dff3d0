"""What holds for every text."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.models import Quote
from tests.unit.text.quotes.conftest import Reader

PIECES = st.sampled_from(
    ["“", "”", '"', "''", "‘", "’", "said", " Maria Keller ", " he ", "told", " that ", "according to", ", ", ". ",
     ": ", "\n", "\n\n", "—", " the vote was lost", "We will win", "?", "😀", "e\u0301", " ", "not ", "Mr. ",
     "5'10\"", "<b>"]
)  # fmt: skip
SOUP = st.lists(PIECES | st.text(max_size=6), max_size=30).map("".join)
PARAGRAPHS = [
    "“We will win the vote,” Maria Keller said.",
    "The mayor, John Smith, warned that the bridge would close.",
    "Prices rose by 4 percent in May.",
    "According to Anna Berg, the harbour is full.",
]
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(text=SOUP)
def test_no_text_raises_and_offsets_always_give_back_the_text(read: Reader, text: str) -> None:
    for quote in read(text):
        assert text[quote.start : quote.end] == quote.text
        assert quote.segments[0][0] == quote.start
        assert quote.segments[-1][1] == quote.end
        assert all(a < b for a, b in quote.segments)
        assert all(b <= c for (_, b), (c, _) in zip(quote.segments, quote.segments[1:], strict=False))
        assert 0 <= quote.confidence <= 1
        assert 0 <= quote.context[0] <= quote.start
        assert quote.context[1] <= len(text)
        if quote.cue:
            assert text[quote.cue.start : quote.cue.end] == quote.cue.text
        if quote.speaker:
            assert text[quote.speaker.start : quote.speaker.end] == quote.speaker.mention
            assert quote.speaker.name


def said(quotes: list[Quote]) -> set[tuple[str, str | None]]:
    return {(q.text, q.speaker.name if q.speaker else None) for q in quotes}


@SLOW
@given(order=st.permutations(PARAGRAPHS))
def test_the_order_of_unrelated_paragraphs_changes_nothing(read: Reader, order: list[str]) -> None:
    assert said(read("\n\n".join(order))) == said(read("\n\n".join(PARAGRAPHS)))
