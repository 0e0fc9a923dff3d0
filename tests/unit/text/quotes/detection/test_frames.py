"""Which words belong to a quote: where clauses end, cues aside, wider frames; and which lemma a cue has."""

import pytest

from pipeline.text.nlp import shared
from pipeline.text.quotes.candidate import ClauseBounds
from pipeline.text.quotes.detection.clause_end import Boundary, best_end, boundaries
from pipeline.text.quotes.extract import explain_quotes, find_candidates
from pipeline.text.quotes.lexicon.speech_verbs import VERBS, inflected
from pipeline.text.quotes.tokens import make_token_table
from pipeline.text.word_lists import read_rows
from tests.unit.text.conftest import MODEL

CASES = [
    # a cue aside of what it reports
    ("The plan is dead, said Maria Keller, who leads the council in Berlin.", ["The plan is dead"]),
    (
        "The plan, said Maria Keller, a member of the council, would cost the city millions.",
        ["The plan", "would cost the city millions"],
    ),
    ("She went, but “Ohio is lost for us,” Maria Keller said.", ["She went, but “Ohio is lost for us,”"]),
    # marks within the clause
    (
        "Maria Keller said the vote was “a disgrace” but that the party “would recover.”",
        ["the vote was “a disgrace” but that the party “would recover.”"],
    ),
    (
        "“They will never accept the plan” because it costs too much, Maria Keller said.",
        ["“They will never accept the plan” because it costs too much"],
    ),
    (
        "Maria Keller said, “They agree with us, but they aren’t there yet” to vote for the plan.",
        ["“They agree with us, but they aren’t there yet” to vote for the plan"],
    ),
    (
        "“He stopped and said, ‘We have to win this,’” Maria Keller said.",
        ["He stopped and said, ‘We have to win this,’"],
    ),
    ("Maria Keller called the mayor “a coward” and left.", ["the mayor “a coward”"]),
    # words between the cue and the clause
    ("Maria Keller said at the hearing that the plan had failed.", ["the plan had failed"]),
    ("Maria Keller told the council on Monday that the plan had failed.", ["the plan had failed"]),
    # wider frames
    ("Maria Keller believes the plan is “a gift to the rich.”", ["the plan is “a gift to the rich.”"]),
    ("Poll: Voters want a new mayor in Berlin", ["Voters want a new mayor in Berlin"]),
]


@pytest.mark.parametrize(("text", "parts"), CASES)
def test_a_quote_begins_and_ends_where_a_reader_would_say(text: str, parts: list[str]) -> None:
    found = explain_quotes(shared(MODEL)(text), article_id="a1", published=None)
    assert [one.quote.parts for one in found] == [parts]


def test_a_clause_ends_where_the_sentence_reports_something_else() -> None:
    text = "Maria Keller said that the vote was lost and warned that the party would split."
    parts = [one.quote.parts for one in explain_quotes(shared(MODEL)(text), article_id="a1", published=None)]
    assert ["the vote was lost"] in parts


def test_places_lie_outside_marks_up_to_the_sentences_end() -> None:
    table = make_token_table(
        shared(MODEL)("Ann Lee said that “it was lost, and over,” but that she, who lost, was glad.")
    )
    verb = table.lower.index("said")
    found = boundaries(table, ClauseBounds(verb + 1, len(table.lower) - 3, len(table.lower) - 1, "clause", verb))
    assert found[-1] == Boundary(len(table.lower) - 1)
    inside = table.lower.index("lost")  # before the comma within the marks
    assert inside not in {boundary.last for boundary in found}
    behind = next(boundary for boundary in found if ("link", "but that") in boundary.features)
    assert {("marks", "closed"), ("pause", ","), ("cue", "said"), ("places before", "0")} <= set(behind.features)
    assert [boundary.last for boundary in found] == sorted(boundary.last for boundary in found)


def test_a_candidate_knows_how_sure_its_end_is() -> None:
    sure, unsure = (
        make_token_table(shared(MODEL)(text))
        for text in (
            "Ann Lee said that the vote was lost.",
            "Ann Lee said that the vote was lost, while the mayor, after a long night, was tired and left.",
        )
    )
    ends = []
    for table in (sure, unsure):
        candidate = next(one for one in find_candidates(table) if one.bounds is not None)
        assert candidate.bounds is not None
        ends.append(best_end(table, candidate.bounds).probability)
        assert candidate.sure_end == ends[-1]
        assert ("end", str(round(12 * ends[-1]))) in candidate.features
    assert ends[0] == 1.0
    assert 0 < ends[1] < 0.9


def test_a_boundary_tells_what_the_next_words_hang_on() -> None:
    table = make_token_table(shared(MODEL)("Ann Lee said the boat sank in May while Bo Reed slept."))
    verb = table.lower.index("said")
    bounds = ClauseBounds(verb + 1, len(table.lower) - 2, len(table.lower) - 1, "clause", verb)
    hung = {table.lower[one.last + 1]: dict(one.features)["hangs on"] for one in boundaries(table, bounds)[:-1]}
    assert hung["while"].startswith("advcl")
    assert all(table.lower[one.last] != "bo" for one in boundaries(table, bounds))


def test_a_form_belongs_to_one_verb() -> None:
    rows = read_rows("pipeline.text.quotes.lexicon", "speech_verbs.tsv")
    forms = [form for verb, _, _, irregular in rows for form in inflected(verb, irregular)]
    assert len(forms) == len(set(forms)) == len(VERBS)
    assert {VERBS[form].lemma for form in ("lambasted", "lambastes", "lambasting")} == {"lambast"}
