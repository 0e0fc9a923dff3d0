"""Whom a pronoun means is found by weights that were learnt, and measured on texts of others."""

from pathlib import Path

import pytest
from spacy.language import Language

from benchmarks.coreference import Chains, GapRow, answer_gap, measure_chains, read_conll, read_gap
from benchmarks.pronouns import gap_cases, learn
from pipeline.text.names.ranking import WEIGHTS
from pipeline.text.nlp import shared
from tests.unit.text.conftest import MODEL


@pytest.fixture(scope="module")
def nlp() -> Language:
    return shared(MODEL)


def row(text: str, pronoun: str, right: str, wrong: str) -> GapRow:
    names = ((right, text.index(right), True), (wrong, text.index(wrong), False))
    return GapRow(text, pronoun, text.index(f" {pronoun} ") + 1, names)


@pytest.mark.parametrize(
    ("text", "pronoun", "right", "wrong"),
    [
        ("Anna Berg met Clara Novak in Velm. Then she left for the coast.", "she", "Anna Berg", "Clara Novak"),
        ("Anna Berg met Walter Brandl in Velm. Then he left for the coast.", "he", "Walter Brandl", "Anna Berg"),
        ("Brandl praised Novak for the letter. Later he wrote a letter of thanks.", "he", "Brandl", "Novak"),
    ],
)
def test_role_and_gender_tell_whom_a_pronoun_means(
    nlp: Language, text: str, pronoun: str, right: str, wrong: str
) -> None:
    asked = row(text, pronoun, right, wrong)
    assert answer_gap(nlp(text), asked) == (True, False)


def test_gap_and_conll_files_are_read(nlp: Language, tmp_path: Path) -> None:
    gap = tmp_path / "gap-development.tsv"
    gap.write_text(
        "ID\tText\tPronoun\tPronoun-offset\tA\tA-offset\tA-coref\tB\tB-offset\tB-coref\tURL\n"
        'd-1\tAnn Lee said "no". She left Bo.\tShe\t19\tAnn Lee\t0\tTRUE\tBo\t28\tFALSE\thttp://a.example\n',
        encoding="utf-8",
    )
    assert read_gap(gap) == [
        GapRow('Ann Lee said "no". She left Bo.', "She", 19, (("Ann Lee", 0, True), ("Bo", 28, False)))
    ]
    conll = tmp_path / "a.conll"
    lines = ["Anna\t(person-1", "Berg\tperson-1)", "met\t_", "Walter\t(person-2)", ".\t_", "She\t(person-1)", "left\t_"]
    conll.write_text("# a\n" + "\n".join(f"{n}\t{line}" for n, line in enumerate(lines)) + "\n", encoding="utf-8")
    chains = read_conll(conll)
    assert chains.words[:2] == ["Anna", "Berg"]
    assert chains.mentions == [(0, 1, "person-1"), (3, 3, "person-2"), (5, 5, "person-1")]
    assert measure_chains(nlp, [chains])["she"] == {"right": 1}
    assert measure_chains(nlp, [Chains("b", ["It", "rains"])]) == {}


def test_weights_are_learnt_from_cases(nlp: Language) -> None:
    asked = row("Anna Berg met Clara Novak in Velm. Then she left for Orrin.", "she", "Anna Berg", "Clara Novak")
    cases = list(gap_cases([(nlp(asked.text), asked)] * 12))
    assert [right for _, right in cases[0]].count(True) == 1
    weights = learn(cases)
    subject, obj = weights["role subject, sentences 1"], weights["role object, sentences 1"]
    assert subject > 0 > obj
    assert WEIGHTS["role subject, sentences 1"] > WEIGHTS["role object, sentences 1"]
