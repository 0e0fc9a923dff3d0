"""What a person types becomes a tree of terms, and nothing else."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.search.query_parser import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_TERMS,
    All,
    AnyOf,
    Node,
    Term,
    Without,
    all_terms,
    parse,
)


def told(node: Node | None) -> str:
    """The tree in few signs."""
    match node:
        case None:
            return ""
        case Term():
            near = "" if node.near is None else f"~{node.near}"
            return "_".join(node.terms) + near + "*" * node.prefix + "?" * node.fuzzy
        case Without():
            return f"-{told(node.part)}"
        case All():
            return f"({' '.join(map(told, node.parts))})"
        case AnyOf():
            return f"[{' '.join(map(told, node.parts))}]"


@pytest.mark.parametrize(
    ("typed", "tree"),
    [
        ("harbour  bridge", "(harbour bridge)"),
        ('"stand for years"', "stand_for_years"),
        ("“stand for years”", "stand_for_years"),
        ("„stand for years“", "stand_for_years"),
        ("«stand for years»", "stand_for_years"),
        ('bridge "stand for', "(bridge stand_for)"),
        ('-ferry -"two winters"', "(-ferry -two_winters)"),
        ("NOT ferry NOT NOT bridge", "(-ferry bridge)"),
        ("step-by-step", "step_by_step"),
        ("negotiat*", "negotiat*"),
        ("*bridge", "bridge"),
        ("**bridge", "bridge"),
        ("br*", "br"),
        ("bridge bridge", "bridge"),
        ("tax OR levy", "[tax levy]"),
        ("tax | levy | toll", "[tax levy toll]"),
        ("fuel tax OR levy new", "(fuel [tax levy] new)"),
        ("(fuel tax) OR levy", "[(fuel tax) levy]"),
        ("-(tax OR levy) fuel", "(-[tax levy] fuel)"),
        ("fuel AND tax", "(fuel tax)"),
        ("or and not", "(or and not)"),
        ("tax OR -levy", "[tax -levy]"),
        ('"tax fuel"~5', "tax_fuel~5"),
        ('"tax fuel"~999', "tax_fuel~50"),
        ("tax NEAR fuel", "tax_fuel~10"),
        ("tax NEAR/3 fuel NEAR/5 levy", "tax_fuel_levy~5"),
        ('"fuel tax" NEAR rise', "fuel_tax_rise~10"),
        ("zelensky~ scholz~2", "(zelensky? scholz??)"),
        ("abc~ ab*~", "(abc ab)"),
        ("O’Brien’s café", "(obrien cafe)"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_what_is_typed_becomes_a_tree(typed: str, tree: str) -> None:
    assert told(parse(typed)) == tree


@pytest.mark.parametrize("text", ["speaker.name:x", "/ab+/", "bridge~9", "[a TO z]", "_exists_:text", "{} \\u0000 <b>"])
def test_other_query_syntax_is_only_text(text: str) -> None:
    assert not [one for one in all_terms(parse(text)) if one.prefix or one.fuzzy or one.near is not None]


def test_the_typed_words_stay_with_their_terms() -> None:
    assert parse("Łódź") == Term("Łódź", ("lodz",))


@pytest.mark.parametrize("text", ["***", "— “”", "-", '""', "?!", "()", "NOT ?"])
def test_signs_alone_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="no word"):
        parse(text)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("OR tax", "before this one there is none"),
        ("tax OR", "behind this one there is none"),
        ("tax OR OR levy", "behind this one there is none"),
        ("(tax OR) levy", "behind this one there is none"),
        ("NOT", "behind this one there is nothing"),
        ("NEAR tax", "NEAR stands between two words"),
        ("tax NEAR", "NEAR stands between two words"),
        ("tax NEAR (levy)", "NEAR stands between two words"),
        ("(tax", "not closed"),
        ("tax)", "not opened"),
        ("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1), "one another 8 times"),
        ("-" + "-(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1), "one another 8 times"),
        (" ".join(f"w{n}" for n in range(MAX_TERMS + 1)), "16 words"),
        ("a" * (MAX_CHARACTERS + 1), "300 characters"),
        ('"' + "a " * 33 + '"', "phrase may have at most 32"),
        ("a-" * 33 + "a", "word may have at most 32"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(typed: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(typed)


@given(st.text(max_size=MAX_CHARACTERS) | st.text(alphabet='ab"()-~*|/ ORNTEA5', max_size=60))
def test_any_text_becomes_few_terms_or_is_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        found = list(all_terms(parse(text)))
        assert len(found) <= MAX_TERMS
        assert all(one.terms and all(one.terms) for one in found)
        assert not any(" " in part or '"' in part for one in found for part in one.terms)
