"""A readable text says the same, and each of its characters knows where it stood."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text import Analyser, Document
from pipeline.text import readable as module
from pipeline.text.analyser import Analysis
from pipeline.text.readable import readable

WRAPPED = (
    "The weir above Orrin was built by two brothers who never\n"
    "Spoke of it again, and nobody knows why they chose a place\nso far from the road.\n"
)
SOUP = st.text(alphabet='aB. \n"“”´″*<>-—ââ€œ\u009d\u00ad\u200b\ud800', max_size=80)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The we\u00adir and\u200b the dam", "The weir and the dam"),
        ("â€œIt holds,â€\u009d he said. Itâ€™s cafÃ© time", "“It holds,” he said. It’s café time"),
        ("´It holds,´ he said", "‘It holds,’ he said"),
        ("″It holds,″ he said", '"It holds," he said'),
        ("「It holds,」 he said", "“It holds,” he said"),
        ("**Ann Lee:** It holds", "Ann Lee: It holds"),
        ("“It holds”—Ann Lee rose—“for now.”", "“It holds” — Ann Lee rose — “for now.”"),
        ("“It holds.” -Ann Lee", "“It holds.” - Ann Lee"),
        (WRAPPED, WRAPPED.replace("\n", " ", 2)),
    ],
)
def test_what_the_parser_cannot_read_is_made_readable(text: str, expected: str) -> None:
    assert readable(text).text == expected


@pytest.mark.parametrize(
    "text",
    ["A heading\nThe weir holds.", "The weir holds.\nThe dam does not.", "He is 6′2″ tall.", "2 * 3 ** 4", "Âge d’or"],
)
def test_what_is_readable_stays(text: str) -> None:
    assert readable(text).text == text


@given(SOUP)
def test_offsets_lie_in_the_given_text_and_in_order(text: str) -> None:
    made = readable(text)
    spans = [made.given(at, at + 1) for at in range(len(made.text))]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert spans == sorted(spans)


def test_quotes_and_entities_index_into_the_text_as_it_was_given(analyser: Analyser) -> None:
    text = "â€œThe we\u00adir holds,â€\u009d Ann Le\u00ade said in London on Monday."
    analysis = analyser.analyse_one(Document("1", text))
    assert isinstance(analysis, Analysis)
    (quote,) = analysis.quotes
    assert quote.speaker is not None
    assert quote.text == text[quote.start : quote.end] == "The we\u00adir holds,"
    assert (quote.speaker.name, quote.speaker.mention) == ("Ann Lee", "Ann Le\u00ade")
    assert all(entity.text == text[entity.start : entity.end] for entity in analysis.entities)


@pytest.mark.parametrize(
    ("quick", "plain"),
    [
        (module._EMPHASIS, r"\*\*(?=\S)|(?<=\S)\*\*"),
        (module._DOUBLE_PRIME, r"(?<!\d)″"),
        (module._BESIDE_DASH, r"(?<=[”\"])(?:—|–|--)(?=\w)|(?<=\w)(?:—|–|--)(?=[“\"]\w)"),
        (module._DASH_ON_NAME, r"(?:(?<=[.!?,”\"’»] )|(?<=\n)|^)[-–—](?=[A-Z]\w)"),
    ],
    ids=["emphasis", "double prime", "beside dash", "dash on name"],
)
@given(text=st.text(alphabet='aB1. \n"“”″*—–-', max_size=40))
def test_quick_patterns_find_what_plain_ones_find(quick: re.Pattern[str], plain: str, text: str) -> None:
    assert [match.span() for match in quick.finditer(text)] == [match.span() for match in re.finditer(plain, text)]
