"""Whole quotes: text, type, speaker, cue and details."""

from datetime import date

import pytest

from pipeline.models import Modality, QuoteType, Resolution
from pipeline.text.nlp import shared
from pipeline.text.quotes.extract import explain_quotes
from tests.unit.text.conftest import MODEL
from tests.unit.text.quotes.conftest import Reader

# text, the quote's pieces, type, the speaker's name, the cue
CASES = [
    ("“We will win the vote,” Maria Keller said.", ["We will win the vote,"], "direct", "Maria Keller", "said"),
    ("“We will win the vote,” said Maria Keller.", ["We will win the vote,"], "direct", "Maria Keller", "said"),
    ("Maria Keller said: “We will win the vote.”", ["We will win the vote."], "direct", "Maria Keller", "said"),
    ("Maria Keller said, “We will win the vote.”", ["We will win the vote."], "direct", "Maria Keller", "said"),
    (
        "“We will win,” Maria Keller said. “They know it.”",
        ["We will win,", "They know it."],
        "direct",
        "Maria Keller",
        "said",
    ),
    (
        "“We will win,” Maria Keller said, “and they know it.”",
        ["We will win,", "and they know it."],
        "direct",
        "Maria Keller",
        "said",
    ),
    ("Maria Keller said that the vote was lost.", ["the vote was lost"], "indirect", "Maria Keller", "said"),
    ("Maria Keller said the vote was “a disgrace.”", ["the vote was “a disgrace.”"], "mixed", "Maria Keller", "said"),
    ("The vote was lost, Maria Keller said.", ["The vote was lost"], "indirect", "Maria Keller", "said"),
    ("The vote, Maria Keller said, was lost.", ["The vote", "was lost"], "indirect", "Maria Keller", "said"),
    (
        "According to Maria Keller, the vote was lost.",
        ["the vote was lost"],
        "indirect",
        "Maria Keller",
        "According to",
    ),
    ("Maria Keller vowed to fight the ruling.", ["to fight the ruling"], "indirect", "Maria Keller", "vowed"),
    ("‘We will win the vote,’ Maria Keller said.", ["We will win the vote,"], "direct", "Maria Keller", "said"),
    ("''We will win the vote,'' Maria Keller said.", ["We will win the vote,"], "direct", "Maria Keller", "said"),
]


@pytest.mark.parametrize(("text", "parts", "kind", "speaker", "cue"), CASES)
def test_a_quote_is_found_whole_with_its_speaker_and_cue(
    read: Reader, text: str, parts: list[str], kind: str, speaker: str, cue: str
) -> None:
    quotes = read(text)
    assert len(quotes) == 1
    quote = quotes[0]
    assert (quote.parts, quote.type) == (parts, QuoteType(kind))
    assert quote.speaker is not None
    assert quote.speaker.name == speaker
    assert quote.cue is not None
    assert quote.cue.text == cue
    assert text[quote.cue.start : quote.cue.end] == cue


@pytest.mark.parametrize(
    "text",
    [
        "The film “The Long Way Home” opened in Berlin on Friday.",
        "Robert “Bob” Keller runs the shop.",
        "The so-called “smart” meters were late.",
        "Prices rose by 4 percent in May.",
        "Subscribe to get the latest posts sent to your email.",
        "",
        "\n\n",
    ],
)
def test_titles_nicknames_and_scare_quotes_are_no_quotes(read: Reader, text: str) -> None:
    assert read(text) == []


def test_a_quote_over_paragraphs_is_one_quote(read: Reader) -> None:
    text = "“We will win the vote.\n\n“They know it well,” Maria Keller said."
    (quote,) = read(text)
    assert quote.parts == ["We will win the vote.", "They know it well,"]
    assert quote.context == (0, len(text))


def test_a_surname_and_a_pronoun_take_the_full_name(read: Reader) -> None:
    text = (
        "President Donald Trump spoke in Ohio.\n\n“We will win the vote,” Trump said.\n\n“They know it well,” he added."
    )
    one, two = read(text)
    assert one.speaker is not None
    assert two.speaker is not None
    assert (one.speaker.name, one.speaker.resolution) == ("Donald Trump", Resolution.NAMED)
    assert (two.speaker.name, two.speaker.resolution) == ("Donald Trump", Resolution.PRONOUN)
    assert one.speaker.id == two.speaker.id
    assert text[two.speaker.start : two.speaker.end] == two.speaker.mention == "he"


def test_a_title_and_an_affiliation_stand_beside_the_name(read: Reader) -> None:
    (quote,) = read("German Chancellor Olaf Scholz said that the talks had failed.")
    assert quote.speaker is not None
    assert quote.speaker.title == "German Chancellor"
    assert quote.speaker.affiliation == "German"
    assert quote.speaker.mention == "German Chancellor Olaf Scholz"


def test_a_quote_without_a_cue_has_its_neighbours_speaker(read: Reader) -> None:
    one, two = read("“We will win the vote,” Donald Trump said.\n\n“They all know it very well.”")
    assert one.speaker is not None
    assert two.speaker is not None
    assert two.speaker.name == one.speaker.name
    assert two.speaker.resolution is Resolution.CARRIED
    assert two.speaker.confidence < one.speaker.confidence
    assert two.confidence < one.confidence
    assert two.cue is None


def test_a_quote_that_nobody_says_has_no_speaker(read: Reader) -> None:
    (quote,) = read("“They all know it very well.”")
    assert quote.speaker is None


def test_addressee_medium_and_date_are_in_the_cues_sentence(read: Reader) -> None:
    (quote,) = read("Donald Trump told reporters at the White House on Wednesday that the talks had failed.")
    assert quote.addressee == "reporters"
    assert quote.medium == "at the White House"
    assert quote.date_mention == "Wednesday"
    assert quote.said_on == date(2025, 3, 12)


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("Donald Trump said that the talks had failed.", Modality.ASSERTED),
        ("Donald Trump did not say that the talks had failed.", Modality.NEGATED),
        ("Donald Trump would say that the talks had failed.", Modality.HYPOTHETICAL),
    ],
)
def test_denied_and_supposed_speech_is_marked_as_such(read: Reader, text: str, modality: Modality) -> None:
    (quote,) = read(text)
    assert quote.modality is modality


def test_whoever_is_asked_is_not_the_speaker(read: Reader) -> None:
    assert all(
        q.speaker is None or q.speaker.name != "Donald Trump"
        for q in read("Donald Trump was asked, “Why did you leave the talks?”")
    )


def test_ids_are_the_same_in_every_run_and_differ_between_quotes(read: Reader) -> None:
    text = "“We will win the vote,” Donald Trump said.\n\nHe said that the talks had failed."
    first, again = read(text), read(text)
    assert [q.id for q in first] == [q.id for q in again]
    assert len({q.id for q in first}) == len(first) == 2


def test_an_explanation_names_cue_rule_score_and_candidates() -> None:
    doc = shared(MODEL)("“We will win the vote,” Donald Trump said.")
    (why,) = explain_quotes(doc, article_id="a1", published=None)
    assert (why.cue, why.rule) == ("said", "after")
    assert 0.5 < why.score <= 1
    assert why.speaker_options[0][0] == "Donald Trump"
    assert why.quote.said_on is None
