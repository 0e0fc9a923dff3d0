"""Searching quotes in a real Elasticsearch."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline import elasticsearch_client, identity
from pipeline.errors import InputError, NotFoundError
from pipeline.models import Enriched
from pipeline.search import cursors
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings
from tests.library import shelve
from tests.unit.search.factory import bridge, enriched, evil, ferries, library, quote


@pytest.fixture
def reader(settings: Settings) -> Iterator[Reader]:
    with Reader(settings) as reader:
        yield reader


@pytest.fixture
def shelved(settings: Settings, reader: Reader) -> Reader:
    """A reader of the factory's articles."""
    shelve(settings, library())
    return reader


def said(reader: Reader, **conditions: Any) -> list[str]:
    """The beginnings of the quotes found, in order."""
    return [hit.said[:18] for hit in reader.search_quotes(QuoteQuery.model_validate(conditions)).hits]


def test_before_anything_was_indexed_there_is_no_error(reader: Reader) -> None:
    found = reader.search_quotes(QuoteQuery(words="bridge"), facets=True)
    assert (found.total, found.hits, found.next, found.complete) == (0, [], None, True)
    assert reader.speakers("a") == []
    assert reader.existing(["bridge"]) == set()
    assert tuple(reader.counts()) == (0, 0, 0, 0, None)
    reader.check()
    with pytest.raises(NotFoundError, match="bridge"):
        reader.article("bridge")


def test_an_index_that_is_just_being_made_is_waited_for(settings: Settings, reader: Reader) -> None:
    made: list[str] = []

    def make() -> None:
        with elasticsearch_client.connect(settings) as client:
            for number in range(30):
                name = f"{settings.elasticsearch.prefix}-quotes-v1-{number}"
                client.indices.create(index=name, aliases={settings.quotes_alias: {}})
                client.indices.delete(index=name)
                made.append(name)

    maker = threading.Thread(target=make)
    maker.start()
    while maker.is_alive():
        reader.check()  # without waiting, many of these are 503: no shard answers
    maker.join()
    assert len(made) == 30


# One test for many searches of the same articles: making indices is what takes the time.
def test_searches_find_what_they_should(shelved: Reader) -> None:
    built, cables, nobody = "We built it in two", "the cables “sing a", "Nobody asked the f"
    council, takes, script = "the harbour counci", "The bridge takes o", "<script>alert('sai"
    searches: list[tuple[dict[str, Any], list[str]]] = [
        # newest first, an article's quotes in their order, the undated last, no copies
        ({}, [council, takes, built, cables, nobody, script]),
        ({"sort": "oldest"}, [built, cables, nobody, council, takes, script]),
        # words
        ({"q": "winters"}, [built]),
        ({"q": "WINTERS built"}, [built]),
        ({"q": '"two winters"'}, [built]),
        ({"q": '"winters two"'}, []),
        ({"q": "wint*"}, [built]),
        ({"q": "*inters"}, []),
        ({"q": "bridge -winters -cables", "sort": "newest"}, [takes, nobody, script]),
        ({"q": "hundred years winters"}, [built]),
        ({"q": "vey cables"}, [cables]),
        ({"q": "ferrymen"}, [nobody]),
        ({"q": "union"}, [council, takes]),
        ({"q": "the"}, [takes, council, cables, script, nobody]),
        # filters
        ({"speaker": "calloway"}, [built]),
        ({"speaker": "Ines Calloway"}, [built]),
        ({"speaker": "calloway vey"}, []),
        ({"speaker": identity.name_id("PERSON", "Tomas Vey")}, [cables]),
        ({"type": ["indirect"]}, [council]),
        ({"type": ["indirect", "mixed"]}, [council, cables]),
        ({"modality": "negated"}, [council]),
        ({"source": "coast wire"}, [council, takes]),
        ({"source": "wire.example"}, [council, takes]),
        ({"article": "bridge"}, [built, cables, nobody]),
        ({"addressee": "Reporters"}, [built]),
        ({"confidence": 0.92}, [built]),
        ({"since": "2026-03-11"}, [council, takes]),
        ({"until": "2026-03-10"}, [built, cables, nobody]),
        ({"since": "2026-03-11T17:45:00Z", "until": "2026-03-11T17:45:00Z"}, [council, takes]),
        ({"since": "2026-03-11T19:45:01+02:00"}, []),
        # copies
        ({"q": "winters", "copies": True}, [built, built]),
        ({"source": "mirror.example"}, [built, cables, nobody]),
        # nothing of Elasticsearch's own syntax
        ({"q": "said:winters"}, []),
        ({"q": "winters or council"}, []),
        ({"q": "winters OR council"}, [built, council]),
        ({"q": "_exists_:id"}, []),
    ]
    for conditions, expected in searches:
        found = said(shelved, **conditions)
        if "q" in conditions and "sort" not in conditions:
            assert sorted(found) == sorted(expected), conditions
        else:
            assert found == expected, conditions


def test_what_was_said_counts_more_than_what_stands_around_it(shelved: Reader) -> None:
    assert said(shelved, q="bridge")[0] in ("The bridge takes o", "<script>alert('sai")
    assert said(shelved, q="ferrymen ferry") == []


def test_a_hit_has_what_a_page_shows_with_its_matches(shelved: Reader) -> None:
    (hit,) = shelved.search_quotes(QuoteQuery(words="winters hundred harbour")).hits
    assert [hit.text[start:end] for start, end in hit.matches] == ["winters", "hundred"]
    assert [hit.headline[start:end] for start, end in hit.headline_matches] == ["Harbour"]
    assert (hit.article_id, hit.source.name, hit.published) == (
        "bridge",
        "Harbour Tidings",
        datetime(2026, 3, 10, 8, tzinfo=UTC),
    )
    assert hit.speaker
    assert (hit.speaker.name, hit.speaker.title, hit.addressee, hit.date_mention) == (
        "Ines Calloway",
        "Mayor",
        "reporters",
        "Monday",
    )


def test_words_in_the_paragraph_alone_come_with_the_passage(shelved: Reader) -> None:
    (hit,) = shelved.search_quotes(QuoteQuery(words="tuesday")).hits
    assert hit.matches == []
    assert [hit.context[start:end] for start, end in hit.context_matches] == ["Tuesday"]


def test_highlights_of_text_with_wide_characters_are_exact(settings: Settings, reader: Reader) -> None:
    body = "“😀 naïve 𝒷ridge 😀 winters, really?” said Vey."
    shelve(settings, [enriched("wide", body, [quote(body, body[1:-11], article="wide", name="Vey")])])
    (hit,) = reader.search_quotes(QuoteQuery(words="winters")).hits
    assert [hit.text[start:end] for start, end in hit.matches] == ["winters"]


def test_facets_are_counted_right_in_either_way(shelved: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the quotes are that a search finds without its own kind of condition, over few quotes and many."""
    searches = [QuoteQuery(), QuoteQuery(words="bridge"), QuoteQuery(type=["direct"]), QuoteQuery(words="nothinghere")]
    name = shelved.search_quotes(QuoteQuery()).hits[0].speaker
    assert name
    searches.append(QuoteQuery(speaker=name.id, type=["direct", "indirect"]))
    for few in (1000, 0):
        monkeypatch.setattr("pipeline.search.counting._FEW", few)
        for query in searches:
            page = shelved.search_quotes(query, facets=True, histogram=True)
            assert page.facets
            assert page.histogram
            others: list[dict[str, Any]] = [{}, {"speaker": []}, {"type": []}]
            whole, anyone, any_type = (
                shelved.search_quotes(query.model_copy(update=other | {"size": 100})).hits for other in others
            )
            assert page.total == len(whole)
            assert {one.id: one.count for one in page.facets.sources} == Counter(hit.source.id for hit in whole)
            speakers = Counter(hit.speaker.id for hit in anyone if hit.speaker)
            assert {one.id: one.count for one in page.facets.speakers} == speakers
            assert page.facets.types == Counter(hit.type for hit in any_type)
            assert sum(bar.count for bar in page.histogram.bars) == sum(hit.published is not None for hit in whole)


def test_facets_count_all_quotes_found_not_those_of_the_page(shelved: Reader) -> None:
    facets = shelved.search_quotes(QuoteQuery(size=1), facets=True).facets
    assert facets
    assert {one.name: one.count for one in facets.speakers} == {
        "Rosa Lindqvist": 2,
        "Ines Calloway": 1,
        "Tomas Vey": 1,
        "<b>Tomas</b> Vey": 1,
    }
    assert [(one.name, one.id, one.count) for one in facets.sources][:2] == [
        ("Harbour Tidings", "tidings.example", 3),
        ("Coast Wire", "wire.example", 2),
    ]
    assert facets.types == {"direct": 4, "indirect": 1, "mixed": 1}


@pytest.mark.parametrize("arranged", [{}, {"sort": "oldest"}, {"q": "the", "copies": True}])
def test_pages_and_cursors_give_every_quote_once_in_order(shelved: Reader, arranged: dict[str, Any]) -> None:
    whole = [hit.id for hit in shelved.search_quotes(QuoteQuery.model_validate(arranged)).hits]
    paged = [
        hit.id
        for page in range(1, len(whole) // 2 + 2)
        for hit in shelved.search_quotes(QuoteQuery.model_validate(arranged | {"page": page, "size": 2})).hits
    ]
    followed, cursor = [], None
    for _ in range(len(whole)):
        page = shelved.search_quotes(QuoteQuery.model_validate(arranged | {"size": 2, "cursor": cursor}))
        followed += [hit.id for hit in page.hits]
        if not (cursor := page.next):
            break
    assert paged == whole
    assert followed == whole
    assert len(set(whole)) == len(whole) > 5


def test_a_cursor_of_the_wrong_kind_is_refused_in_a_sentence(shelved: Reader) -> None:
    with pytest.raises(InputError, match="does not belong to this search"):
        shelved.search_quotes(QuoteQuery(cursor=cursors.encode("newest", ["never", "a", "b", "c"])))


def test_the_longest_search_is_answered(shelved: Reader) -> None:
    words = " ".join(f'"wo{n} rd" pre{n}*' for n in range(8))
    assert shelved.search_quotes(QuoteQuery(words=words, speaker="x " * 99), facets=True).total == 0


def test_an_article_comes_back_whole_with_its_quotes(shelved: Reader) -> None:
    view, original = shelved.article("bridge"), bridge()
    assert view.quotes == original.quotes
    assert (view.headline, view.body, view.byline) == ("Harbour bridge opens", original.article.body, "Ann Ferrow")
    assert all(view.body[one.start : one.end] == one.text for one in view.quotes)
    assert shelved.article("copy").duplicate_of == "bridge"


def test_where_an_article_came_from_is_not_shown(shelved: Reader) -> None:
    assert "raw" not in shelved.article("bridge").model_dump()
    assert shelved.article("bridge").raw == {}


def test_speakers_are_completed_by_any_word_of_their_names(shelved: Reader) -> None:
    assert [(one.name, one.count) for one in shelved.speakers("lind")] == [("Rosa Lindqvist", 2)]
    assert [one.name for one in shelved.speakers("rosa lin")] == ["Rosa Lindqvist"]
    assert [one.name for one in shelved.speakers("CALL")] == ["Ines Calloway"]
    assert shelved.speakers("nobody") == []
    assert shelved.speakers("*") == []
    assert [one.name for one in shelved.speakers("", size=1)] == ["Rosa Lindqvist"]


def test_counts_and_existing_tell_what_can_be_searched(shelved: Reader) -> None:
    counts = shelved.counts()
    assert (counts.articles, counts.quotes, counts.speakers, counts.sources) == (4, 9, 4, 4)
    assert counts.newest
    assert abs((datetime.now(UTC) - counts.newest).total_seconds()) < 300
    assert shelved.existing({"bridge", "ferries", "never"}) == {"bridge", "ferries"}


def test_thousands_of_ids_are_looked_up_in_turns(shelved: Reader) -> None:
    assert shelved.existing([*map(str, range(2500)), "bridge"]) == {"bridge"}


def test_a_new_revision_is_what_is_found(settings: Settings, shelved: Reader) -> None:
    old = ferries()
    body = old.article.body.replace("takes our work", "took our work")
    new = quote(body, "The bridge took our work,", article="ferries", name="Rosa Lindqvist")
    revised: Enriched = old.model_copy(
        update={"article": old.article.model_copy(update={"body": body, "revision": 2}), "quotes": [new]}
    )
    shelve(settings, [revised])
    assert said(shelved, article="ferries") == ["The bridge took ou"]


def test_markup_in_an_article_is_text_like_any_other(shelved: Reader) -> None:
    (hit,) = shelved.search_quotes(QuoteQuery(words="script sign")).hits
    assert hit.text == evil().quotes[0].text
    assert [hit.text[start:end] for start, end in hit.matches] == ["script", "script", "sign"]


def test_one_month_that_is_gone_does_not_stop_the_search(settings: Settings, shelved: Reader) -> None:
    with elasticsearch_client.connect(settings) as client:
        client.indices.close(index=f"{settings.elasticsearch.prefix}-quotes-v1-other", ignore_unavailable=True)
    assert said(shelved, q="winters") == ["We built it in two"]
