"""Which words belong to a quote: where clauses end, cues aside, wider frames, and what the counts say of each."""

import collections
import json
from pathlib import Path

import pytest

from benchmarks.cue_rates import count_ends, count_quotes, read
from pipeline.text.nlp import shared
from pipeline.text.quotes import cues, ends, rates, signs
from pipeline.text.quotes.cues import VERBS
from pipeline.text.quotes.ends import Place, Reach, places
from pipeline.text.quotes.extract import candidates, explain_quotes
from pipeline.text.quotes.sheet import make_sheet
from tests.unit.text.quotes.conftest import MODEL

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
def test_the_words_of_a_quote_begin_and_end_where_a_reader_would_say(text: str, parts: list[str]) -> None:
    found = explain_quotes(shared(MODEL)(text), article_id="a1", published=None)
    assert [one.quote.parts for one in found] == [parts]


def test_a_clause_ends_where_the_sentence_reports_something_else() -> None:
    text = "Maria Keller said that the vote was lost and promised to try again."
    parts = [one.quote.parts for one in explain_quotes(shared(MODEL)(text), article_id="a1", published=None)]
    assert ["the vote was lost"] in parts


def test_places_lie_outside_marks_and_the_last_is_the_end_of_the_sentence() -> None:
    sheet = make_sheet(shared(MODEL)("Ann Lee said that “it was lost, and over,” but that she, who lost, was glad."))
    verb = sheet.lower.index("said")
    found = places(sheet, Reach(verb + 1, len(sheet.lower) - 3, len(sheet.lower) - 1, "clause", verb))
    assert found[-1].pause == "."
    assert found[-1].last == len(sheet.lower) - 1
    inside = sheet.lower.index("lost")  # before the comma within the marks
    assert inside not in {place.last for place in found}
    behind = next(place for place in found if place.link == "but that")
    assert behind.marks == "closed"
    assert [place.last for place in found] == sorted(place.last for place in found)


def test_a_place_that_ended_more_clauses_is_likelier(monkeypatch: pytest.MonkeyPatch) -> None:
    often = Place(3, "clause", ",", "who", "in", "closed")
    never = Place(5, "clause", "", "to", "in", "none")
    counts = dict.fromkeys(ends.frames(often), (100, 90)) | dict.fromkeys(ends.frames(never), (100, 1))
    monkeypatch.setattr(ends, "table", lambda: counts)
    assert ends.chance(often) > 0.8
    assert ends.chance(never) < 0.1
    assert ends.chance(Place(9, "clause", ".", "", "", "")) == 1.0
    assert 0 < ends.chance(Place(9, "unheard of", "x", "y", "z", "w")) < 1


def test_signs_move_a_chance_towards_what_they_were_seen_with(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {("object", "*", "*"): (100, 50), ("object", "size", "1"): (40, 4), ("object", "size", "9-16"): (40, 36)}
    monkeypatch.setattr(signs, "table", lambda: counts)
    assert signs.moved(0.5, "object", (("size", "1"),)) < 0.4
    assert signs.moved(0.5, "object", (("size", "9-16"),)) > 0.6
    assert signs.moved(0.5, "object", (("size", "never seen"),)) == pytest.approx(0.5)
    assert signs.moved(0.5, "a rule never seen", (("size", "1"),)) == 0.5


def test_a_form_belongs_to_one_verb_so_that_each_run_gives_the_same_lemma() -> None:
    verbs = {cue.lemma for cue in VERBS.values()}
    forms = [form for verb in verbs for form in cues._forms(verb)]
    assert len(forms) == len(set(forms))
    assert {VERBS[form].lemma for form in ("lambasted", "lambastes", "lambasting")} == {"lambast"}


def test_the_tables_are_counts_that_add_up() -> None:
    assert all(right <= found <= n for n, found, right in rates.table().values())
    assert all(0 <= ended <= n for n, ended in ends.table().values())
    assert all(0 <= found <= n for n, found in signs.table().values())
    assert {frame[0] for frame in ends.table()} == {"clause", "phrase", "infinitive", "aside", "sign"}
    assert {rule for rule, _ in rates.table()} >= {rule for rule, kind, _ in signs.table() if kind == "size"}


def test_every_candidate_has_a_rule_that_was_measured() -> None:
    for text, _ in CASES:
        for draft in candidates(make_sheet(shared(MODEL)(text))):
            assert (draft.rule, "*") in rates.table()


def labelled() -> dict[str, object]:
    text = "Ann Lee said that the vote was lost, a blow to the party. She blamed the mayor."
    quote = {"start": 13, "end": 35, "speaker": "Ann Lee", "speaker_start": 0, "speaker_end": 7, "speech": True}
    assert text[13:35] == "that the vote was lost"
    return {"text": text, "quotes": [quote]}


def test_counting_tells_hits_from_misses_by_cue_and_sign() -> None:
    document, doc = labelled(), shared(MODEL)(str(labelled()["text"]))
    cues = collections.defaultdict(lambda: [0, 0, 0])
    shown = collections.defaultdict(lambda: [0, 0])
    found = [
        one
        for one in explain_quotes(doc, article_id="a", published=None, floor=0.0)
        if one.quote.text in {"the vote was lost", "the vote was lost, a blow to the party", "the mayor"}
    ]
    count_quotes(document, found, cues, shown)
    rules = {one.rule for one in found}
    assert sum(cues[rule, "*"][0] for rule in rules) == len(found) == 2
    assert cues["object", "blame"] == [1, 0, 0]
    assert shown["object", "*", "*"] == [1, 0]


def test_counting_ends_follows_the_annotators() -> None:
    document, doc = labelled(), shared(MODEL)(str(labelled()["text"]))
    counts = collections.defaultdict(lambda: [0, 0])
    count_ends(document, doc, counts)
    assert [frame for frame, (_, ended) in counts.items() if ended and "*" not in frame] == [
        ("clause", ",", "noun", "edge", "none")
    ]


def test_every_fifth_document_is_kept_from_counting(tmp_path: Path) -> None:
    source = tmp_path / "set.jsonl"
    source.write_text("".join(json.dumps({"id": number}) + "\n" for number in range(11)))
    assert [one["id"] for one in read(source, held=True)] == [0, 5, 10]
    assert [one["id"] for one in read(source, held=False)] == [1, 2, 3, 4, 6, 7, 8, 9]
