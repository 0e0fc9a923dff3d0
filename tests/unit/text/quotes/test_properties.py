"""What holds for every text."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.models import Quote
from pipeline.text.quotes.quotation_marks import find_quoted_spans, paragraphs
from tests.thorough import examples
from tests.unit.text.quotes.conftest import Reader

MARKS = ["“", "”", '"', "''", "``", "‘", "’", "'", "«", "»", "„", "‹", "›", "＂", "‟"]
PIECES = st.sampled_from(
    [*MARKS, "said", "asked", " who ", " Maria Keller ", " he ", "told", " that ", "according to", "According to",
     " called ", " the plan ", ", ", ". ", ": ", "; ", "! ", "\n", "\n\n", "\r\n", "\u2028", "—", " – ", "-", "(", ")",
     "…", " the vote was lost", "We will win", "?", " ", "\u00a0", "\u200b", "not ", "Mr. ", "5'10\"", "<b>", "’s",
     "Poll: ",
     # Outside the basic plane, joined by zero width joiners, combining, right to left.
     "😀", "👩‍👩‍👧", "🇩🇪", "e\u0301", "n\u0303o", "\u0301", "\u202e", "نعم", "是的", "\ufeff", "\x00"]
)  # fmt: skip
SOUP = st.lists(PIECES | st.text(max_size=6), max_size=40).map("".join)
# Sentences as in news, with marks put in and left out anywhere: nested, unbalanced, mixed.
SHAPES = st.sampled_from(
    [
        "{0}We will win the vote,{1} Maria Keller said.",
        "Maria Keller said that {0}it is 😀 over{1} for them.",
        "{0}He said, {2}We are e\u0301lu,{3} and left,{1} said John Smith.",
        "John Smith, {0}the boss,{1} told reporters: {2}No.{3}",
        "{0}One,{1} she said. {2}Two 👩‍👩‍👧.{3}",
        "According to Anna Berg, the {0}grand bargain{1} failed.",
    ]
)
SENTENCES = st.builds(
    lambda shape, marks: shape.format(*marks),
    SHAPES,
    st.lists(st.sampled_from(["", *MARKS]), min_size=4, max_size=4),
)
NEWS = st.lists(st.tuples(SENTENCES, st.sampled_from([" ", "\n", "\n\n"])), max_size=5).map(
    lambda pairs: "".join(sentence + gap for sentence, gap in pairs)
)

SLOW = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(text: str, quotes: list[Quote]) -> None:
    taken: set[int] = set()
    for quote in quotes:
        assert text[quote.start : quote.end] == quote.text
        assert quote.segments[0][0] == quote.start
        assert quote.segments[-1][1] == quote.end
        assert quote.parts == [text[a:b] for a, b in quote.segments]
        assert all(a < b for a, b in quote.segments)
        assert all(text[a:b].strip() for a, b in quote.segments)
        assert all(b <= c for (_, b), (c, _) in pairwise(quote.segments))
        assert 0 <= quote.confidence <= 1
        assert 0 <= quote.context[0] <= quote.start
        assert quote.end <= quote.context[1] <= len(text)
        if quote.cue:
            assert text[quote.cue.start : quote.cue.end] == quote.cue.text
            assert quote.cue.text
        if quote.speaker:
            assert text[quote.speaker.start : quote.speaker.end] == quote.speaker.mention
            assert quote.speaker.name.strip()
            assert 0 <= quote.speaker.confidence <= 1
        taken.add(hash(quote.id))
    assert len(taken) == len(quotes)
    assert [q.start for q in quotes] == sorted(q.start for q in quotes)


ENDINGS = [
    "The pool is safe, or so Ann Lee claimed.", "The pool is safe, at least that is what the minister maintains.",
    "“The pool is safe.” Those were the words of Ann Lee, the mayor’s aide.",
    "Not so, says Ann Lee, who told the BBC so.",
    "The ferry is, as Dora Quill put it, late again.", "The pool (or so Ann Lee says) is safe.",
    "“We will win,” said Ann Lee, 63, a nurse and a mother of two, in a statement on Monday.",
    "According to the company’s chairman, Bo Marsh, the plan is “dead”, but not “buried”.",
    "LEE: We won’t. MARSH: You will, I told you on Friday that it is so, didn’t I?",
    "This was the message from Ann “Annie” Lee (Lab.): “No.” She also said, “Never,” and he asked who they were.",
    "On Monday the minister, Ann Lee, said that on Friday she would tell O’Neill’s office to whom it is.",
    "“No,” came the reply from the U.S. president’s spokesman, who, he said, declined to say, among other things, why.",
]  # fmt: skip


def test_a_text_may_end_behind_any_word(read: Reader) -> None:
    """Feeds cut texts: what looks at the next word must not need one."""
    for whole in ENDINGS:
        for end in range(1, len(whole)):
            if not whole[end - 1 : end + 1].isalnum():
                check(whole[:end], read(whole[:end]))


GLUED = [
    "09:40Ann: We are here.", "The minister arrived at noon.\n09:40Lee: We are here to stay, and we know it.",
    "10.30Lee: We are ready, I said.", "[12:30]Ann: We go.", "12:05Q: What is it?\n12:06A: It is lost.",
    "VELM (AP)-Ann: We are here.", "“We won.”(Lee)", "11.05Goal: Lee scored, and said it was luck.",
    "Velm (Reuters)-Markets: The pound fell.", "12:30pmLee: We won.", "“We won.” -Lee", "09:40Ann", "09:40 Ann: We go.",
]  # fmt: skip


@pytest.mark.parametrize("text", GLUED)
def test_a_name_may_begin_within_a_token(read: Reader, text: str) -> None:
    """Live blogs and agencies glue a time, a place or a bracket to what is behind it."""
    check(text, read(text))


@SLOW
@given(text=SOUP)
@example(text="“‘“Said.”’” he said “")
@example(text="\u0301“We will win e\u0301,” said Maria Keller")
@example(text='"' * 9 + " he said")
def test_no_soup_of_words_raises_and_offsets_give_the_text(read: Reader, text: str) -> None:
    check(text, read(text))


@SLOW
@given(text=NEWS)
def test_no_news_with_odd_marks_raises_and_offsets_give_the_text(read: Reader, text: str) -> None:
    check(text, read(text))


@given(text=SOUP)
def test_marked_stretches_never_cross(text: str) -> None:
    found = find_quoted_spans(text)
    lines = paragraphs(text)
    for one in found:
        assert all(p.start <= p.inner_start < p.inner_end <= p.end for p in one.pieces)
        assert all(any(a <= p.start and p.end <= b for a, b in lines) for p in one.pieces)
    pieces = sorted((p.start, p.end) for one in found for p in one.pieces)
    assert all(b <= c for (_, b), (c, _) in pairwise(pieces))


PARAGRAPHS = [
    "“We will win the vote,” Maria Keller said.",
    "The mayor, John Smith, warned that the bridge would close.",
    "Prices rose by 4 percent in May.",
    "According to Anna Berg, the harbour is full.",
    "The tax is “a gift to the rich,” said Omar Diaz, a baker.",
    "Lin Wei called the ruling “a disgrace” 😀 and left.",
]


def said(quotes: list[Quote]) -> set[tuple[str, str, str | None]]:
    return {(q.type.value, q.text, q.speaker.name if q.speaker else None) for q in quotes}


@SLOW
@given(order=st.permutations(PARAGRAPHS))
def test_the_order_of_unrelated_paragraphs_changes_nothing(read: Reader, order: list[str]) -> None:
    expected = said(read("\n\n".join(PARAGRAPHS)))
    assert said(read("\n\n".join(order))) == expected
    assert len(expected) == len(PARAGRAPHS) - 1


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_that_is_missing_costs_no_other_paragraph(read: Reader, mark: str) -> None:
    whole = said(read("\n\n".join(PARAGRAPHS[1:4])))
    broken = said(read("\n\n".join([f"{mark}We will win, they shout in the street.", *PARAGRAPHS[1:4]])))
    assert whole <= broken
