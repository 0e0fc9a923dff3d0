"""Whom a pronoun means is found by weights that were learnt, and measured on texts of others."""

from pathlib import Path

import pytest
from spacy.language import Language

from benchmarks.coreference import Chains, GapRow, answer_gap, measure_chains, read_conll, read_gap
from benchmarks.pronouns import gap_cases, learn, learn_both
from pipeline.text.names.ranking import WEIGHTS, Candidate, features
from pipeline.text.names.referents import find_referents
from pipeline.text.nlp import shared
from pipeline.text.quotes.extract import extract_quotes
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
        ("Dagmar Berg met Lasse Novak in Velm. Then she left.", "she", "Dagmar Berg", "Lasse Novak"),
        ("Brandl met Novak. Before he left for the coast, Novak wrote a letter.", "he", "Novak", "Brandl"),
        ("Novak sat down. Brandl had long wanted to meet him in Velm.", "him", "Novak", "Brandl"),
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


def test_what_gap_alone_shows_is_learnt_apart() -> None:
    good, bad = ["subject"], ["object"]
    gap = [[(good, True), (bad, False)]] * 12
    others = [[(good, False), (bad, True)]] * 12
    alone, both = learn(gap), learn_both(gap, others)
    assert both["subject"] > 0 > both["object"]
    assert both["subject"] < alone["subject"] * 2
    assert set(both) == {"subject", "object"}


def told(nlp: Language, text: str, pronoun: str, name: str) -> set[str]:
    """What is true of a pronoun and a name that was mentioned once, before or behind it."""
    referents = find_referents(nlp(text))
    table = referents.table
    at, token = table.token_at(text.index(f"{pronoun} ")), table.token_at(text.index(name) + len(name) - 1)
    before, behind = (token, -1) if token < at else (-1, token)
    candidate = Candidate(referents.by_token[token], before, before, behind, 1, 0, is_first=False)
    return set(features(table, at, "she", candidate))


def test_the_words_above_a_pronoun_bind_it(nlp: Language) -> None:
    assert "subject above, object" in told(nlp, "Clara Novak praised her in Velm.", "her", "Clara Novak")
    assert "owned" in told(nlp, "Her sister Clara Novak came.", "Her", "Clara Novak") | {
        one.removeprefix("behind, ") for one in told(nlp, "Her sister Clara Novak came.", "Her", "Clara Novak")
    }
    assert "behind, governed" in told(nlp, "She praised Clara Novak in Velm.", "She", "Clara Novak")


def test_a_name_that_opens_a_sentence_is_found(nlp: Language) -> None:
    text = "Polly Novak and Anna Berg met in Velm. Novak left. Polly imagines what comes."
    referents = find_referents(nlp(text))
    polly = referents.by_token[0]
    at = referents.table.token_at(text.rindex("Polly"))
    assert referents.by_token[at] is polly


def test_a_new_subject_speaks_before_the_last_speaker(nlp: Language) -> None:
    text = "“It was lost,” Sofia Berg said.\n\nMayor Karin Lott was torn. She said the town needed both."
    quotes = extract_quotes(nlp(text), article_id="a", published=None)
    assert [quote.speaker.name for quote in quotes if quote.speaker] == ["Sofia Berg", "Karin Lott"]
