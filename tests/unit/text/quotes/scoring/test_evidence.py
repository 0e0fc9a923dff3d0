"""Tables of counts: what they say of a candidate and of an end, and how they are counted from annotated news."""

import json
from dataclasses import replace
from importlib import resources
from math import log
from pathlib import Path
from typing import Any

import pytest

from benchmarks.counting import count
from benchmarks.quote_tables import ends_of, learn, read, speakers_of, using, words_of, write
from pipeline.text.nlp import shared
from pipeline.text.quotes.candidate import ClauseBounds, QuoteCandidate
from pipeline.text.quotes.detection import clause_end
from pipeline.text.quotes.detection.clause_end import Boundary, boundaries
from pipeline.text.quotes.extract import explain_quotes, extract_quotes, find_candidates
from pipeline.text.quotes.scoring import evidence
from pipeline.text.quotes.scoring.evidence import BIAS, Count, Shifts, Tables
from pipeline.text.quotes.tokens import make_token_table
from tests.unit.text.conftest import MODEL
from tests.unit.text.quotes.detection.test_frames import CASES

NOTHING: Shifts = {}


def candidates(text: str) -> list[QuoteCandidate]:
    return find_candidates(make_token_table(shared(MODEL)(text)))


def test_a_place_with_signs_of_an_end_is_likelier() -> None:
    with using(Tables({BIAS: -1.0, ("pause", ","): 3.0, ("link", "to"): -3.0}, NOTHING, NOTHING)):
        assert clause_end.boundary_probability(Boundary(3, (("pause", ","), ("link", "who")))) == pytest.approx(
            0.881, abs=0.001
        )
        assert clause_end.boundary_probability(Boundary(5, (("pause", "none"), ("link", "to")))) == pytest.approx(
            0.018, abs=0.001
        )
        assert clause_end.boundary_probability(Boundary(9)) == 1.0


def test_signs_tell_of_the_words_and_of_the_speaker() -> None:
    with using(Tables(NOTHING, {BIAS: 0.0, ("size", "1"): -2.0}, {BIAS: 0.0, ("speaker", "nobody"): -2.0})):
        assert evidence.probabilities(()) == (0.5, 0.25)
        assert evidence.probabilities((("size", "1"),)) == pytest.approx((0.119, 0.06), abs=0.001)
        assert evidence.probabilities((("speaker", "nobody"),)) == pytest.approx((0.5, 0.06), abs=0.001)
        assert evidence.probabilities((("size", "never seen"),)) == (0.5, 0.25)


def test_the_tables_count_every_kind_of_sign_and_no_case_twice() -> None:
    found = boundaries(
        make_token_table(shared(MODEL)("Ann Lee said it was lost, but left.")), ClauseBounds(3, 5, 9, "clause", 2)
    )
    shown = {kind for text, _ in CASES for candidate in candidates(text) for kind, _ in candidate.features}
    for name, kinds in (("ends", {kind for kind, _ in found[0].features}), ("quotes", shown), ("speakers", shown)):
        rows = evidence.read(f"{name}.tsv")
        assert {kind for kind, _ in rows} == kinds | {"always"}
        for feature, row in rows.items():
            assert 0 <= row.positives <= row.cases >= 5, feature
            assert 0 <= row.variance <= row.expected <= row.cases, feature
        for kind in kinds:
            assert sum(row.cases for (one, _), row in rows.items() if one == kind) <= rows[BIAS].cases, kind
        assert all(abs(shift) < 5 for shift in evidence.shifts(rows).values())


def test_a_cue_that_is_speech_one_time_in_ten_is_treated_so() -> None:
    (said,) = candidates("Maria Keller said that the vote was lost.")
    (found,) = candidates("Maria Keller found that the vote was lost.")
    assert evidence.probabilities(said.features).quote > 0.8
    assert evidence.probabilities(found.features).quote < 0.5


def test_every_candidate_has_a_rule_that_was_counted() -> None:
    for text, _ in CASES:
        for candidate in candidates(text):
            assert ("rule", candidate.rule_name) in evidence.tables().quotes


def labelled() -> dict[str, Any]:
    text = "Ann Lee said that the vote was lost, a blow to the party. She blamed the mayor."
    quote = {"start": 18, "end": 35, "speaker": "Ann Lee", "speaker_start": 0, "speaker_end": 7, "speech": True}
    assert text[18:35] == "the vote was lost"
    return {"text": text, "quotes": [quote]}


def test_cases_are_hits_by_the_words_and_then_by_the_speaker() -> None:
    document = labelled()
    document["text"] = document["text"].replace(", a blow to the party", "")
    doc = shared(MODEL)(document["text"])
    words = words_of(document, find_candidates(make_token_table(doc)))
    assert {dict(features)["cue"]: hit for features, hit in words} == {"say": True, "blame": False}
    found = explain_quotes(doc, article_id="a", published=None, min_probability=0.0)
    assert [(dict(features)["cue"], right) for features, right in speakers_of(document, found)] == [("say", True)]
    document["quotes"][0]["speech"] = False
    assert [dict(features)["cue"] for features, _ in words_of(document, find_candidates(make_token_table(doc)))] == [
        "blame"
    ]
    assert speakers_of(document, found) == []


def test_a_sign_is_counted_beside_the_ones_before_it() -> None:
    good, bad, same, rare = ("a", "good"), ("a", "bad"), ("b", "same as good"), ("b", "rare")
    cases = [((good, same), n % 10 > 0) for n in range(100)] + [((bad,), n % 10 == 0) for n in range(100)]
    cases += [((bad, rare), True)] * 4
    rows = count(cases, least=5)
    assert set(rows) == {BIAS, good, bad, same}
    assert list(rows[BIAS]) == [204, 104, 104.0, pytest.approx(51, abs=0.1)]
    assert list(rows[good]) == [100, 90, pytest.approx(51, abs=0.1), pytest.approx(25, abs=0.1)]
    assert 1 < rows[good].shift < log(9)
    assert rows[bad].shift < -1
    # The second sign says again what the first has said: less is left to it.
    assert rows[same].positives == 90
    assert rows[same].expected == pytest.approx(78, abs=2)
    assert 0 < rows[same].shift < rows[good].shift


def test_a_rare_sign_moves_less_than_a_common_one() -> None:
    rare, common = Count(4, 4, 2.0, 1.0), Count(400, 400, 200.0, 100.0)
    assert 0 < rare.shift < 0.5 * common.shift
    assert Count(0, 0, 0.0, 0.0).shift == 0


def test_a_confidence_that_rests_on_few_cases_is_lower() -> None:
    common, rare, unseen = ("cue", "say"), ("cue", "quip"), ("cue", "tweet")
    counts = {common: Count(4000, 3000, 2000.0, 1000.0), rare: Count(8, 6, 4.0, 2.0)}
    tables = evidence.of_counts({}, counts, {common: Count(4000, 2000, 2000.0, 1000.0)})
    same = {common: 1.0, rare: 1.0}
    with using(replace(tables, quotes=same, speakers={BIAS: 99.0})):
        known, few, none = (evidence.confidence([feature]) for feature in (common, rare, unseen))
        assert known == pytest.approx(evidence.probabilities([common]).right, abs=0.01)
        assert few < evidence.probabilities([rare]).right - 0.03
        assert none < evidence.probabilities([unseen]).right - 0.05
    with using(replace(tables, doubts=(dict.fromkeys((common, rare), 0.0),) * 2)):
        assert evidence.confidence([common, rare]) == pytest.approx(evidence.probabilities([common, rare]).right)


def test_weights_are_what_each_table_says() -> None:
    tables = evidence.tables()
    known = {*tables.quotes, *tables.speakers}
    assert tables.weights.keys() == known
    for feature in known:
        moves = (tables.quotes.get(feature, 0.0), tables.speakers.get(feature, 0.0))
        doubts = tuple(doubt.get(feature, evidence.UNSEEN) for doubt in tables.doubts)
        assert tables.weights[feature] == moves + doubts


def test_without_cases_nothing_is_known() -> None:
    rows = count([], least=5)
    assert rows == {BIAS: (0, 0, 0, 0)}
    assert evidence.probability(evidence.shifts(rows), (("a", "good"),)) == 0.5


def test_what_is_learnt_is_used_as_long_as_asked_for() -> None:
    document, doc = labelled(), shared(MODEL)(labelled()["text"])
    learnt = learn([(document, doc)] * 10)
    assert learnt.quotes["cue", "say"].positives == 10 > learnt.quotes["cue", "blame"].positives == 0
    assert learnt.ends["pause", ","].shift > 0
    as_ever = extract_quotes(doc, article_id="a", published=None)
    with using(learnt.tables):
        assert [quote.text for quote in extract_quotes(doc, article_id="a", published=None)] == ["the vote was lost"]
    with using(Tables(NOTHING, {BIAS: -9.0}, NOTHING)):
        assert extract_quotes(doc, article_id="a", published=None) == []
    assert extract_quotes(doc, article_id="a", published=None) == as_ever != []


def test_a_written_table_is_read_as_it_was_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {BIAS: Count(7, 5, 5.0, 1.43), ("size", "1"): Count(6, 4, 4.28, 1.22)}
    write(tmp_path / "quotes.tsv", rows)
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    assert evidence.read("quotes.tsv") == rows


def test_places_are_cases_up_to_where_the_annotators_end() -> None:
    document, doc = labelled(), shared(MODEL)(labelled()["text"])
    shown = [
        (dict(features)["pause"], dict(features)["next word"], ended) for features, ended in ends_of(document, doc)
    ]
    assert shown == [(",", "a", True)]


def test_every_fifth_document_is_kept_from_counting(tmp_path: Path) -> None:
    source = tmp_path / "set.jsonl"
    source.write_text("".join(json.dumps({"id": number}) + "\n" for number in range(11)))
    assert [one["id"] for one in read(source, held=True)] == [0, 5, 10]
    assert [one["id"] for one in read(source, held=False)] == [1, 2, 3, 4, 6, 7, 8, 9]
