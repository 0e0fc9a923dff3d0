"""Elasticsearch's answers become results with exact offsets."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.search import result_mapping
from pipeline.search.queries import CLOSE, OPEN
from tests.unit.search.factory import bridge


def found(highlight: dict[str, list[str]]) -> dict[str, Any]:
    """The bridge's split quote as the index holds it, found with this highlight."""
    quote = bridge().quotes[0]
    document = quote.model_dump(mode="json") | {
        "said": " ".join(quote.parts),
        "article_id": "bridge",
        "headline": "Harbour bridge opens",
        "url": "https://tidings.example/bridge",
        "source": {"id": "tidings.example", "name": "Harbour Tidings"},
    }
    return {"_source": document, "highlight": highlight}


def marked(text: str, *words: str) -> str:
    for word in words:
        text = text.replace(word, f"{OPEN}{word}{CLOSE}")
    return text


def test_highlights_are_offsets_into_the_plain_text() -> None:
    plain, ranges = result_mapping.split_highlights(f"We {OPEN}built{CLOSE} it, {OPEN}😀 yes{CLOSE}")
    assert plain == "We built it, 😀 yes"
    assert [plain[start:end] for start, end in ranges] == ["built", "😀 yes"]


def test_matches_in_a_split_quote_are_offsets_into_its_whole_text() -> None:
    said = " ".join(bridge().quotes[0].parts)
    hit = result_mapping.quote_hit(found({"said": [marked(said, "winters", "hundred")]}))
    assert [hit.text[start:end] for start, end in hit.matches] == ["winters", "hundred"]


def test_a_match_across_the_pieces_is_cut_where_the_speech_was_interrupted() -> None:
    said = " ".join(bridge().quotes[0].parts)
    hit = result_mapping.quote_hit(found({"said": [marked(said, "winters, It will")]}))
    assert [hit.text[start:end] for start, end in hit.matches] == ["winters,", "It will"]


def test_a_highlight_that_is_not_of_this_text_marks_nothing() -> None:
    assert result_mapping.quote_hit(found({"said": [marked("another text", "text")]})).matches == []


def test_headline_and_context_have_their_matches() -> None:
    hit = result_mapping.quote_hit(
        found({"headline": [marked("Harbour bridge opens", "bridge")], "context_text": [marked("a b", "b")]})
    )
    assert hit.headline_matches == [(8, 14)]
    assert (hit.context, hit.context_matches) == ("a b", [(2, 3)])


def test_without_highlight_nothing_is_marked() -> None:
    hit = result_mapping.quote_hit(found({}))
    assert (hit.matches, hit.headline_matches, hit.context) == ([], [], "")


def test_fields_of_a_newer_index_are_let_be() -> None:
    document = found({})
    document["_source"]["mood"] = "glad"
    assert result_mapping.quote_hit(document).id == bridge().quotes[0].id


@given(st.text(alphabet=f"a{OPEN}{CLOSE}<b", max_size=30))
def test_marks_in_any_disorder_give_ordered_ranges_within_the_text(text: str) -> None:
    plain, ranges = result_mapping.split_highlights(text)
    assert OPEN not in plain
    assert CLOSE not in plain
    edges = [edge for one in ranges for edge in one]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(plain) for edge in edges)


def test_buckets_become_names_with_counts() -> None:
    answer = {
        "speakers": {"buckets": [{"key": "s1", "doc_count": 3, "name": {"buckets": [{"key": "Vey", "doc_count": 3}]}}]},
        "sources": {"buckets": [{"key": "src", "doc_count": 2, "name": {"buckets": []}}]},
        "types": {"buckets": [{"key": "direct", "doc_count": 5}]},
    }
    facets = result_mapping.facets(answer)
    assert [(one.name, one.id, one.count) for one in facets.speakers] == [("Vey", "s1", 3)]
    assert facets.sources[0].name == "src"
    assert facets.types == {"direct": 5}


def test_no_index_gives_no_facets() -> None:
    assert result_mapping.facets({}).speakers == []
