"""Entities have the label and the name that the whole article tells, one id for one thing, and none is missed."""

from itertools import pairwise

import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pipeline.models import Entity
from pipeline.text.analyser import Analyser, Analysis, Document
from pipeline.text.entities import extract_entities


def entities(analyser: Analyser, text: str) -> list[Entity]:
    analysis = analyser.analyse_one(Document("a", text))
    assert isinstance(analysis, Analysis)
    return analysis.entities


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (
            "German Chancellor Olaf Scholz endorsed the plan, stating on X that it represents “a step.” Scholz added.",
            [
                ("NORP", "German", "German"),
                ("PERSON", "Olaf Scholz", "Olaf Scholz"),
                ("PERSON", "Scholz", "Olaf Scholz"),
            ],
        ),
        (
            "President Donald Trump met pilots. Regarding mineral resources, Trump has expressed a desire to link aid.",
            [("PERSON", "Donald Trump", "Donald Trump"), ("PERSON", "Trump", "Donald Trump")],
        ),
        (
            "U.S. Secretary of State Marco Rubio informed reporters in Ottawa.",
            [("GPE", "U.S.", "United States"), ("PERSON", "Marco Rubio", "Marco Rubio"), ("GPE", "Ottawa", "Ottawa")],
        ),
        (
            "The Russia-Ukraine war went on. Pilots left Ukraine and Russia.",
            [
                ("GPE", "Russia", "Russia"),
                ("GPE", "Ukraine", "Ukraine"),
                ("GPE", "Ukraine", "Ukraine"),
                ("GPE", "Russia", "Russia"),
            ],
        ),
        (
            "He waits at the White House. Mark Rutte is set to visit the White House on Thursday.",
            [
                ("ORG", "the White House", "White House"),
                ("PERSON", "Mark Rutte", "Mark Rutte"),
                ("ORG", "the White House", "White House"),
            ],
        ),
        ("They met in the Oval Office on Friday.", [("FAC", "the Oval Office", "Oval Office")]),
        ("Foreign ministers from the G7 met in Quebec.", [("ORG", "G7", "G7"), ("GPE", "Quebec", "Quebec")]),
        (
            "Walter Washington lives in Washington. “I like it,” Washington said.",
            [
                ("PERSON", "Walter Washington", "Walter Washington"),
                ("GPE", "Washington", "Washington"),
                ("PERSON", "Washington", "Walter Washington"),
            ],
        ),
    ],
)
def test_an_entity_has_the_label_and_name_that_the_article_tells(
    analyser: Analyser, text: str, known: list[tuple[str, str, str]]
) -> None:
    found = [e for e in entities(analyser, text) if e.label not in {"DATE", "TIME"}]
    assert [(e.label, e.text, e.name) for e in found] == known
    assert all(text[e.start : e.end] == e.text for e in found)
    assert len({e.id for e in found}) == len({(e.label, e.name) for e in found})


def test_a_word_of_an_unknown_name_is_no_mention_of_a_known_one(analyser: Analyser) -> None:
    found = entities(analyser, "Ann Lee met pilots. The Lee Baker Quay was shut, and so was Lee Yard. Lee left.")
    assert [e.text for e in found if e.name == "Ann Lee"] == ["Ann Lee", "Lee"]


def test_entities_do_not_overlap_and_stand_in_order(analyser: Analyser) -> None:
    text = (
        "Labour’s Ann Lee and ANN LEE, Walter “Rusty” Brandl, Lopez y Garcia: the Vale–Orrin line, in May, by May Lee."
    )
    found = entities(analyser, text)
    assert found
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_words_of_business_in_a_row_stop_nothing(analyser: Analyser) -> None:
    assert entities(analyser, "Airline " * 1500 + "Vale Air left.") is not None


def test_blanks_that_make_a_name_too_long_stop_nothing() -> None:
    doc = Doc(
        Vocab(),
        words=["Blue", " " * 400, "Opal", "opened"],
        tags=["NNP", "_SP", "NNP", "VBD"],
        heads=[2, 2, 3, 3],
        deps=["compound", "dep", "nsubj", "ROOT"],
        ents=["B-EVENT", "I-EVENT", "I-EVENT", "O"],
    )
    assert [(e.label, e.name) for e in extract_entities(doc)] == [("EVENT", "Blue Opal")]
