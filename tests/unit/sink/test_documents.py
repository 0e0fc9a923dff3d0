"""What Elasticsearch is given of an article and its quotes fits the mappings that search relies on."""

import json
from datetime import UTC, date, datetime
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models import MAX_ENTITIES, Enriched, Entity, ModelInfo, Quote
from pipeline.sink import documents
from tests.unit.sink.factory import enriched, quote

NOW = datetime(2026, 3, 14, 9, 30, 1, 250_000, tzinfo=UTC)


def of_article(article: Enriched) -> dict[str, Any]:
    """The article's document, as Elasticsearch reads it."""
    made = documents.article(article, indexed=NOW)
    document: dict[str, Any] = json.loads(made.json)
    assert made.id == document["id"]
    return document


def of_quotes(article: Enriched) -> list[dict[str, Any]]:
    """The documents of the article's quotes."""
    made = list(documents.quotes(article, indexed=NOW))
    read: list[dict[str, Any]] = [json.loads(one.json) for one in made]
    assert [one.id for one in made] == [document["id"] for document in read]
    return read


def mapping(kind: str) -> dict[str, Any]:
    text = resources.files("pipeline.sink").joinpath("mappings", f"{kind}.json").read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def assert_fits(document: dict[str, Any], properties: dict[str, Any], where: str = "") -> None:
    """Every field has a mapping: strict indices refuse the others."""
    for name, value in document.items():
        assert name in properties, f"{where}{name} has no mapping"
        if isinstance(value, dict) and properties[name].get("enabled") is not False:
            assert_fits(value, properties[name]["properties"], f"{where}{name}.")


def test_an_article_fits_its_mapping() -> None:
    assert_fits(of_article(enriched()), mapping("articles")["properties"])


def test_a_quote_with_all_that_it_can_have_fits_its_mapping() -> None:
    whole = enriched(language="en")
    full = whole.quotes[0].model_copy(
        update={"addressee": "reporters", "medium": "on X", "said_on": date(2026, 3, 9), "date_mention": "on Monday"}
    )
    copied = {"cluster": "c1", "duplicate_of": "a0", "copied": {full.id: "a0"}}
    whole = whole.model_copy(update={"quotes": [full], **copied})
    (document,) = of_quotes(whole)
    assert_fits(document, mapping("quotes")["properties"])
    # Whatever the mapping has is what the document can have: neither side has more.
    assert set(document) == set(mapping("quotes")["properties"])


def test_only_a_quote_that_is_there_already_marks_a_copy() -> None:
    article = enriched(says=("We will build it.", "Only here."))
    first, second = article.quotes
    article = article.model_copy(update={"cluster": "a0", "duplicate_of": "a0", "copied": {first.id: "a9"}})
    one, other = of_quotes(article)
    assert (one["id"], one["duplicate_of"], one["cluster"]) == (first.id, "a9", "a0")
    assert (other["id"], other["cluster"]) == (second.id, "a0")
    assert "duplicate_of" not in other


def test_the_same_words_have_one_hash_however_punctuated() -> None:
    hashes = {documents.said_hash(enriched(says=(text,)).quotes[0]) for text in ("We, all of us!", "“We — all of us”")}
    assert len(hashes) == 1
    assert documents.said_hash(enriched(says=("We, none of us!",)).quotes[0]) not in hashes


def test_an_article_can_be_restored_from_its_document() -> None:
    article = enriched(says=("We will build it.", "Nobody stops us."), byline="Ada", tags=["x"], revision=7)
    article = article.model_copy(
        update={"cluster": "a0", "duplicate_of": "a0", "copied": {article.quotes[0].id: "a0"}, "fingerprint": "1:xx"}
    )
    document = of_article(article)
    assert documents.restore(document) == article


def test_a_time_that_is_no_number_can_be_restored() -> None:
    article = enriched().model_copy(update={"timings": {"nlp": float("nan"), "quotes": float("inf"), "names": 0.5}})
    assert str(documents.restore(of_article(article)).timings) == "{'nlp': nan, 'quotes': inf, 'names': 0.5}"


def test_both_mappings_refuse_what_they_do_not_know() -> None:
    assert mapping("articles")["dynamic"] == mapping("quotes")["dynamic"] == "strict"


def test_names_are_gathered_by_kind_each_once_in_order() -> None:
    document = of_article(enriched())
    assert document["people"] == ["Ada Lund"]
    assert document["organisations"] == ["Ministry of Works"]
    assert document["places"] == ["Norland"]
    assert document["countries"] == ["NO"]


def test_the_article_brings_its_quotes_for_one_request() -> None:
    article = enriched(says=("We will build it.", "Nobody stops us."))
    document = of_article(article)
    assert [Quote.model_validate(one) for one in document["quotes"]] == article.quotes
    assert document["quote_ids"] == [one.id for one in article.quotes]
    assert document["quote_count"] == 2


def test_what_was_said_leaves_out_the_words_between_the_parts() -> None:
    body = "“Yes,” she said. “No.” Then rain."
    split = quote(body, "Yes,” she said. “No.", segments=[(1, 5), (18, 21)], context=(0, 22))
    article = enriched(body=body, says=()).model_copy(update={"quotes": [split]})
    (document,) = of_quotes(article)
    assert document["said"] == "Yes, No."
    assert document["text"] == "Yes,” she said. “No."
    assert document["context_text"] == "“Yes,” she said. “No.”"


def test_a_quote_knows_its_article() -> None:
    (document,) = of_quotes(enriched(article="a7", revision=5))
    assert document["article_id"] == "a7"
    assert document["revision"] == 5
    assert document["headline"] == "Norland builds a7"
    assert document["source"] == {"id": "news.example", "name": "The News", "domain": "news.example"}
    assert document["published"] == "2026-03-10T08:00:00Z"
    assert document["indexed"] == "2026-03-14T09:30:01.250Z"


def test_an_unknown_speaker_leaves_no_field_behind() -> None:
    article = enriched()
    nobody = article.quotes[0].model_copy(update={"speaker": None, "cue": None})
    (document,) = of_quotes(article.model_copy(update={"quotes": [nobody]}))
    assert "speaker" not in document
    assert "cue" not in document


def test_quotes_with_one_id_are_one_document() -> None:
    article = enriched()
    twice = article.model_copy(update={"quotes": article.quotes * 2})
    assert len(of_quotes(twice)) == 1
    assert len(documents.quote_ids(twice)) == 1


@pytest.mark.parametrize("text", ["Zero \x00 byte", "Emoji 😀 and é", '"quotes" \\ and \n lines'])
def test_odd_characters_come_through_unchanged(text: str) -> None:
    (document,) = of_quotes(enriched(says=(text,)))
    assert document["said"] == text


def test_versions_order_by_revision_first_and_then_by_engine() -> None:
    def version(revision: int, engine: str) -> int:
        return documents.version(revision, ModelInfo(name="m", version="3", engine=engine))

    ordered = [version(1, "dev"), version(1, "1"), version(1, "2"), version(1, "10"), version(2, "1"), version(2, "3")]
    assert ordered == sorted(ordered)
    assert len(set(ordered)) == len(ordered)
    assert version(1, "5000") < version(2, "0"), "an engine never outweighs a revision"
    assert version(documents.MAX_REVISION, "1023") <= 2**63 - 1


def crowded(count: int, **changes: Any) -> Enriched:
    """An article of one line with so many short quotes."""
    says = tuple(f"Go {number:05}" for number in range(count))
    return enriched(says=says, **changes)


def written(article: Enriched) -> int:
    return sum(len(json.dumps(document)) for document in of_quotes(article))


@pytest.mark.guarantee("bounded-growth")
def test_what_is_written_grows_as_the_quotes() -> None:
    few, many = crowded(200), crowded(800)
    assert len(many.article.body) > 10_000
    assert written(many) < 4.4 * written(few)
    assert written(many) < 8000 * 800  # half of it terms


def test_the_context_is_what_its_offsets_say() -> None:
    article = crowded(300)
    for document in of_quotes(article):
        start, end = document["context"]
        assert document["context_text"] == article.article.body[start:end]
        assert start <= document["start"] <= document["end"] <= end
        assert article.article.body[document["start"] : document["end"]] in document["context_text"]


def test_a_headline_of_any_length_is_in_each_quote_once_and_cut() -> None:
    article = enriched(headline="Norland " * 1000)
    (document,) = of_quotes(article)
    assert document["headline"] == article.article.headline[: documents.HEADLINE]
    assert of_article(article)["headline"] == article.article.headline


def test_an_article_of_today_is_not_too_much() -> None:
    assert documents.too_much(crowded(1800)) is None


@pytest.mark.parametrize(
    ("number", "changes", "why"),
    [
        (1, {"segments": [(0, 1)] * (documents.MAX_SEGMENTS + 1)}, "20001 spoken pieces; 20000 is the most"),
        (1, {"text": "x" * 40_000, "start": 0, "segments": [(0, 40_000)] * 1000}, "characters in the index"),
        (80, {"start": 0, "end": 500_000, "context": (0, 500_000)}, "characters in the index"),
    ],
)
@pytest.mark.guarantee("bounded-growth")
def test_what_asks_for_gigabytes_is_told_from_lengths(number: int, changes: dict[str, object], why: str) -> None:
    article = crowded(1, body="“Go 00000” " + "x" * 500_000)
    hostile = article.quotes[0].model_copy(update=changes)
    assert why in str(documents.too_much(article.model_copy(update={"quotes": [hostile] * number})))


def test_only_what_is_spoken_of_a_long_quote_counts() -> None:
    article = crowded(1, body="“Go 00000” " + "x" * 50_000)
    changes = {"text": "x" * 40_000, "start": 0, "end": 40_000, "segments": [(0, 1)] * 1000, "context": (0, 40_000)}
    long = article.model_copy(update={"quotes": [article.quotes[0].model_copy(update=changes)]})
    assert documents.too_much(long) is None


def test_entities_have_a_bound() -> None:
    article = enriched()
    many = article.model_copy(update={"entities": article.entities[:1] * (MAX_ENTITIES + 1)})
    assert documents.too_much(many) == "The article has 20001 entities; 20000 is the most that is indexed."


def once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, no member of which is there twice."""
    assert len(dict(members)) == len(members)
    return dict(members)


def test_no_member_of_a_document_is_there_twice() -> None:
    article = enriched(says=("We will build it.", "Nobody stops us."), byline="Ada")
    first = article.quotes[0]
    full = first.model_copy(update={"addressee": "reporters", "medium": "on X", "said_on": date(2026, 3, 9)})
    copied = {"cluster": "a0", "duplicate_of": "a0", "copied": {first.id: "a0"}}
    article = article.model_copy(update={"quotes": [full, article.quotes[1]], **copied})
    made = [documents.article(article, indexed=NOW), *documents.quotes(article, indexed=NOW)]
    assert [json.loads(one.json, object_pairs_hook=once)["id"] for one in made] == [one.id for one in made]


def test_a_quote_has_the_terms_of_all_that_is_searched() -> None:
    article = enriched(says=("Norland’s ministers are building.",))
    named = article.quotes[0].model_copy(update={"medium": "on X", "addressee": "U.S. reporters"})
    norland = Entity(start=12, end=19, text="Norland", label="GPE", name="Nórland", id="g1", country="NO")
    (document,) = of_quotes(article.model_copy(update={"quotes": [named], "entities": [norland]}))
    assert document["terms"] == {
        "addressee": "us reporters", "medium": "on x", "speaker": "ada lund", "title": "minister",
        "affiliation": "norland", "said": "norland ministers are building", "said_stems": "norland minist are build",
        "context": "lund said norland ministers are building", "context_stems": "lund said norland minist are build",
        "entities": ["norland"], "source": "the news", "headline": "norland builds a1",
        "headline_stems": "norland build a1",
    }  # fmt: skip
    assert document["entities"] == [
        {"id": "g1", "name": "Nórland", "label": "GPE", "country": "NO", "key": "g1\tGPE\tNórland"}
    ]


@pytest.mark.parametrize("segments", [[(1, 5)], [(1, 4)], [(2, 5)], [(0, 9)], [(5, 1)], [(1, 3), (1, 5)], [(-2, 3)]])
def test_what_was_said_is_the_pieces_whatever_their_offsets(segments: list[tuple[int, int]]) -> None:
    article = enriched()
    odd = article.quotes[0].model_copy(update={"text": "Yes!", "start": 1, "end": 3, "segments": segments})
    assert documents.said(odd) == " ".join("Yes!"[start - 1 : end - 1] for start, end in segments)


_spans = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted)


@given(
    said=st.lists(st.tuples(st.sampled_from("xyz"), st.tuples(st.integers(-1, 13), st.integers(-1, 13))), max_size=9),
    places=st.lists(st.tuples(st.sampled_from("abc"), _spans), max_size=9),
)
def test_a_quote_names_what_lies_in_its_pieces(
    said: list[tuple[str, tuple[int, int]]], places: list[tuple[str, list[int]]]
) -> None:
    article = enriched()
    any_quote, any_entity = article.quotes[0], article.entities[1]
    quotes = [any_quote.model_copy(update={"id": f"a1-{id}", "segments": [piece]}) for id, piece in said]
    entities = [any_entity.model_copy(update={"id": id, "start": start, "end": end}) for id, (start, end) in places]
    made = of_quotes(article.model_copy(update={"quotes": quotes, "entities": entities}))
    for document in made:
        pieces = [piece for id, piece in said if document["id"] == f"a1-{id}"]
        within = {id for id, (start, end) in places if any(low <= start < high >= end for low, high in pieces)}
        assert sorted(entity["id"] for entity in document["entities"]) == sorted(within)
        assert len(document["terms"]["entities"]) == len(within)
