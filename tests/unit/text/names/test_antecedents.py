"""Whom a pronoun means is found by counts of features, and measured on texts of others."""

from pathlib import Path

import pytest
from spacy.language import Language

from benchmarks.coreference import Chains, GapRow, answer_gap, measure_chains, read_conll, read_gap
from benchmarks.pronouns import Case, count, count_both, gap_cases
from pipeline.text.names.ranking import ALL, GAP, SHIFTS, Candidate, Count, features, shifts
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


def test_features_are_counted_from_cases(nlp: Language) -> None:
    asked = row("Anna Berg met Clara Novak in Velm. Then she left for Orrin.", "she", "Anna Berg", "Clara Novak")
    cases = list(gap_cases([(nlp(asked.text), asked)] * 12))
    assert [right for _, right in cases[0]].count(True) == 1
    rows = count(cases)
    subject, obj = rows["role subject, sentences 1"], rows["role object, sentences 1"]
    assert (subject.cases, subject.meant, obj.cases, obj.meant) == (12, 12, 12, 0)
    assert subject.expected < 12
    assert subject.shift > 0 > obj.shift
    assert SHIFTS["role subject, sentences 1"] > SHIFTS["role object, sentences 1"]


def test_a_feature_of_few_cases_is_not_counted() -> None:
    case: Case = [(["subject"], True), (["object"], False)]
    assert count([case] * 9) == {}
    assert set(count([case] * 10)) == {"subject", "object"}


def test_rare_features_move_little() -> None:
    few, many = Count(10, 8, 5, 2.5), Count(1000, 800, 500, 250)
    assert few.shift == pytest.approx(3 / 12.5)
    assert many.shift == pytest.approx(300 / 260)


def test_a_feature_that_says_the_same_adds_little() -> None:
    alone: list[Case] = [[(["subject"], True), (["object"], False)]] * 40 + [
        [(["subject"], False), (["object"], True)]
    ] * 10
    both: list[Case] = [[([*found, f"also {found[0]}"], right) for found, right in case] for case in alone]
    one, twice = count(alone), count(both)
    assert twice["subject"].shift < one["subject"].shift * 0.9
    together = twice["subject"].shift + twice["also subject"].shift
    assert one["subject"].shift * 0.8 < together < one["subject"].shift * 1.5


def test_what_gap_alone_shows_is_counted_apart() -> None:
    good, bad = ["subject"], ["object"]
    gap: list[Case] = [[(good, True), (bad, False)]] * 12
    others: list[Case] = [[(good, False), (bad, True)]] * 12
    rows = count_both(gap, others)
    moved = shifts(rows)
    assert moved["subject"] > 0 > moved["object"]
    assert rows[ALL, "subject"].cases == 24
    assert rows[GAP, "subject"].cases == 12
    assert set(moved) == {"subject", "object"}


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


@pytest.mark.parametrize(
    ("text", "gender"),
    [
        ("Brin Novak rewards her with a hat.", None),
        ("Brin Novak broke up with her in May.", None),
        ("Brin Novak told her to wait in Velm.", None),
        ("Brin Novak lost her hat.", "she"),
        ("Brin Novak said that she had lost a hat.", "she"),
        ("Brin Novak hurt himself.", "he"),
    ],
)
def test_an_object_does_not_tell_a_subjects_gender(nlp: Language, text: str, gender: str | None) -> None:
    assert [one.gender for one in find_referents(nlp(text)).all if one.name == "Brin Novak"] == [gender]


def test_a_pronoun_does_not_overrule_a_first_name(nlp: Language) -> None:
    referents = find_referents(nlp("Lucy met the mayor. Lucy said he was late."))
    assert [one.gender for one in referents.all if one.name == "Lucy"] == [None]


def test_a_surname_before_a_full_name_of_another_gender(nlp: Language) -> None:
    text = "Patey left Velm in May. Her husband, Walter Patey, stayed. She came back with a choir."
    asked = GapRow(text, "She", text.index("She"), (("Patey", 0, True), ("Walter Patey", text.index("Walter"), False)))
    assert answer_gap(nlp(text), asked)[0]


def test_a_surname_behind_a_full_name_is_his(nlp: Language) -> None:
    text = "Walter Patey left Velm in May. Anna Berg stayed. Patey came back. She was glad."
    at = text.index("Patey came")
    asked = GapRow(text, "She", text.index("She"), (("Patey", at, False), ("Anna Berg", text.index("Anna"), True)))
    assert answer_gap(nlp(text), asked) == (False, True)
