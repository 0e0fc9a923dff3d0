"""Searches find words however they are written, in a real Elasticsearch that has no analysis modules.

What is compared is made by pipeline.terms on the way in and in the query (tests/unit/sink/test_indices.py shows that no
field depends on the cluster's modules), so that a full cluster answers the same.
"""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline import elasticsearch_client, identity
from pipeline.models import Enriched, Entity, Source
from pipeline.search.counting import FACETS
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings
from pipeline.sink import indices
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.library import shelve
from tests.unit.search.factory import enriched, quote
from tests.unit.sink.factory import record

SAID = {
    "cafe": ("The harbour café is closed", "Zoë Müller", {}),
    "quay": ("The quay is closed", "Conor O’Brien", {"addressee": "Harbour Masters’ Guild"}),
    "lock": ("The lock is closed", "Maria Lopez-Ruiz", {"medium": "in a télégram"}),
    "resume": ("The re\u0301sume\u0301 was false", "José Pen\u0303a", {}),
    "truce": ("Both ceasefires held, and the ministers’ offices agreed", "Ada Brandt", {"cue": "said"}),
    "soft": ("The min\u00adis\u00adter lied about the zoning", "Karl Osei", {}),
    "toy": ("The child’s toy was Kenya’s best", "Nils Orr", {}),
    "pay": ("We paid €1,200.50 on 24/7 shifts at AT&T for C++ work", "Greta Foss", {}),
    "war": ("Putin's war will end, they warned with taxes", "Volodymyr Zelenskyy", {}),
    "story": ("This is a non-story; it is anti-democratic", "Vera Lind", {}),
    "port": ("The port 港 is closed", "Rosa Imhof", {}),
    "us": ("The U.S. and the U.K. agreed on the climate and on the new tax", "Otto Blix", {}),
    "back": ("It’s over; don’t come back", "Finn Aster", {}),
    "far": ("Straße und Łódź sind weit", "Mirko Łukasz", {}),
}

SEARCHES: list[tuple[dict[str, Any], str]] = [
    # apostrophes and possessives
    ({"speaker": "O'Brien"}, "quay"), ({"speaker": "O’Brien"}, "quay"), ({"speaker": "obrien"}, "quay"),
    ({"q": "don't"}, "back"), ({"q": "don’t"}, "back"), ({"q": "dont"}, "back"), ({"q": "it's over"}, "back"),
    ({"q": "Kenya"}, "toy"), ({"q": "Kenyas"}, "toy"), ({"q": "Kenya's"}, "toy"), ({"q": "child"}, "toy"),
    ({"q": "putin"}, "war"), ({"q": "Putin’s"}, "war"), ({"q": '"putin\'s war"'}, "war"),
    # accents
    ({"q": "cafe"}, "cafe"), ({"q": "CAFÉ"}, "cafe"), ({"speaker": "muller"}, "cafe"), ({"speaker": "zoe"}, "cafe"),
    ({"q": "lodz"}, "far"), ({"q": "strasse"}, "far"), ({"speaker": "Lukasz"}, "far"), ({"speaker": "López"}, "lock"),
    ({"medium": "telegram"}, "lock"), ({"addressee": "harbour master's"}, ""), ({"addressee": "guild harbour"}, "quay"),
    # composed and decomposed letters, invisible ones
    ({"q": "résumé"}, "resume"), ({"q": "re\u0301sume\u0301"}, "resume"), ({"speaker": "Peña"}, "resume"),
    ({"q": "ministers"}, "soft truce"), ({"q": "minister lied"}, "soft"),
    # endings
    ({"q": "ceasefire"}, "truce"), ({"q": "warning"}, "war"), ({"q": "warnings"}, "war"), ({"q": "tax"}, "us war"),
    ({"q": "office minister"}, "truce"), ({"q": "agree"}, "truce us"), ({"q": '"minister\'s office"'}, "truce"),
    # signs within words
    ({"q": "non-story"}, "story"), ({"q": '"non story"'}, "story"), ({"q": "democratic"}, "story"),
    ({"q": "AT&T"}, "pay"), ({"q": "1200.50"}, "pay"), ({"q": "24/7"}, "pay"), ({"q": "c++"}, "pay"),
    ({"q": "U.K."}, "us"), ({"q": "uk"}, "us"), ({"q": "港"}, "port"), ({"speaker": "Lopez-Ruiz"}, "lock"),
    # beginnings, spellings, alternatives, nearness
    ({"speaker": "Zelens*"}, "war"), ({"q": "ceasef*"}, "truce"), ({"q": "zoni*"}, "soft"),
    ({"q": "zelensky~"}, "war"), ({"q": "zelenski~2"}, "war"), ({"q": "zelensky"}, ""),
    ({"q": "cafe OR lodz"}, "cafe far"), ({"q": "closed -(quay OR lock)"}, "cafe port"),
    ({"q": "(quay OR lock) closed NOT lock"}, "quay"),
    ({"q": '"tax climate"~5'}, "us"), ({"q": '"tax climate"~1'}, ""), ({"q": "tax NEAR/5 climate"}, "us"),
    # places
    ({"q": "closed", "in": "headline"}, ""), ({"q": "statement", "in": "quote"}, ""),
    ({"q": "statement", "in": "paragraph"}, "*"),
    ({"q": "quay", "in": ["headline", "quote"]}, "quay"), ({"q": "trial headlines port", "in": "headline"}, "port"),
    # several values: one of a kind, all kinds
    ({"speaker": ["zoe", "aster"]}, "cafe back"), ({"speaker": ["zoe", "aster"], "q": "cafe"}, "cafe"),
    ({"source": "Nördic"}, "cafe"), ({"source": ["nordic", "Trial Search"], "speaker": ["zoe", "blix"]}, "cafe us"),
    ({"source": "times nordic"}, "cafe"), ({"entity": "kenya"}, "toy"), ({"entity": ["KENYA", "Lodz"]}, "toy far"),
    ({"entity": identity.name_id("GPE", "Łódź")}, "far"), ({"cue": "said", "q": "offices"}, "truce"),
    ({"language": "EN", "q": "quay"}, "quay"), ({"confidence": 0.8, "confidence_max": 0.95, "q": "quay"}, "quay"),
    ({"confidence_max": 0.5}, ""),
]  # fmt: skip
assert len(SEARCHES) >= 60


def articles() -> list[Enriched]:
    made = []
    for id, (said, name, changes) in SAID.items():
        body = f"“{said},” {name} said in a statement."
        source = (
            Source(id="nordic.example", name="Nordic Times") if id == "cafe" else Source(id="t", name="Trial Search")
        )
        one = enriched(
            id, body, [quote(body, f"{said},", article=id, name=name, **changes)], headline=f"Trial headline {id}",
            source=source,
        )  # fmt: skip
        entities = [_entity(body, text) for text in ("Kenya", "Łódź") if text in body]
        made.append(one.model_copy(update={"entities": entities}))
    return made


def thawed() -> Enriched:
    """An article of another month."""
    body = "“The thaw warmed all of us,” Pia Quist said."
    made = enriched("thaw", body, [quote(body, "The thaw warmed all of us,", article="thaw", name="Pia Quist")])
    published = made.article.model_copy(update={"published": datetime(2025, 11, 3, tzinfo=UTC)})
    return made.model_copy(update={"article": published})


def _entity(body: str, text: str) -> Entity:
    start = body.index(text)
    return Entity(
        text=text, start=start, end=start + len(text), label="GPE", name=text, id=identity.name_id("GPE", text)
    )


@pytest.fixture
def reader(settings: Settings) -> Iterator[Reader]:
    with Reader(settings) as reader:
        yield reader


def found(reader: Reader, conditions: dict[str, Any]) -> set[str]:
    return {hit.article_id for hit in reader.search_quotes(QuoteQuery.model_validate(conditions | {"size": 100})).hits}


def test_words_are_found_however_they_are_written(settings: Settings, reader: Reader) -> None:
    shelve(settings, articles())
    for conditions, expected in SEARCHES:
        wanted = set(SAID) if expected == "*" else set(expected.split())
        assert found(reader, conditions) == wanted, conditions

    # Words are marked as they were written.
    (hit,) = reader.search_quotes(QuoteQuery(words="minister lie zones")).hits
    assert [hit.text[start:end] for start, end in hit.matches] == ["min\u00adis\u00adter", "lied", "zoning"]

    # The very word comes first.
    first = reader.search_quotes(QuoteQuery(words="minister", sort="relevance")).hits[0]
    assert first.article_id == "soft"

    # What may have been meant.
    for conditions, parameter, better in [
        ({"q": "zelensky war"}, "q", "zelenskyy war"),
        ({"q": "(harbor) -x"}, "q", "(harbour) -x"),
        ({"speaker": "Volodimir"}, "speaker", "volodymyr"),
    ]:
        page = reader.search_quotes(QuoteQuery.model_validate(conditions))
        assert [(one.parameter, one.better) for one in page.suggestions] == [(parameter, better)], conditions
    assert reader.search_quotes(QuoteQuery(words="quay lock")).suggestions == []

    # Facets count what could be chosen instead, and the histogram what was chosen.
    page = reader.search_quotes(QuoteQuery(source="nordic"), facets=True, histogram=True)
    assert page.facets
    assert page.histogram
    assert (page.total, {one.name: one.count for one in page.facets.sources}) == (
        1,
        {"Nordic Times": 1, "Trial Search": 13},
    )
    assert [one.name for one in page.facets.speakers] == ["Zoë Müller"]
    assert [bar.count for bar in page.histogram.bars] == [1]
    page = reader.search_quotes(QuoteQuery(), facets=FACETS, facet_size=2)
    assert page.facets
    assert [(one.name, one.label, one.count) for one in page.facets.entities] == [
        ("Kenya", "GPE", 1),
        ("Łódź", "GPE", 1),
    ]
    assert "speakers" in page.facets.more
    assert "entities" not in page.facets.more
    assert [one.name for one in reader.speakers("mull")] == ["Zoë Müller"]

    # Another month has a word near to one of this month, which it lacks: both are known.
    shelve(settings, [thawed()])
    page = reader.search_quotes(QuoteQuery(words="warned warmed"))
    assert (page.total, page.suggestions) == (0, [])


def test_articles_of_an_earlier_release_are_found_by_their_texts(settings: Settings, reader: Reader) -> None:
    """As in indices that an earlier release made and filled: their documents have no terms."""
    with elasticsearch_client.connect(settings) as client:
        made = indices.Indices(client, settings, elasticsearch_client.modules(client))
        for kind in indices.KINDS:
            old = copy.deepcopy(indices.body(settings, kind, frozenset()))
            del old["mappings"]["_source"], old["mappings"]["properties"]["terms"]
            old["mappings"]["properties"].pop("entities", None)
            client.indices.create(index=indices.name(settings, kind, "2026.03"), **old)
        two = [one for one in articles() if one.article.id in ("cafe", "truce")]
        writer = Writer(client, settings, made)
        made.add_fields()
        outcome = writer.batch([Event(record(one, offset=n), one) for n, one in enumerate(two)]).write()
        assert outcome.written == 2
        client.indices.refresh(index=settings.quotes_alias)
        for hit in client.search(index=settings.quotes_alias, query={"term": {"article_id": "truce"}})["hits"]["hits"]:
            document = {name: value for name, value in hit["_source"].items() if name != "terms"}
            client.index(index=hit["_index"], id=hit["_id"], document=document, refresh=True)
    assert found(reader, {"q": "cafe"}) == {"cafe"}
    assert found(reader, {"q": "ceasefires"}) == {"truce"}
    assert found(reader, {"q": "ceasefire"}) == set()  # until it is reindexed
    assert found(reader, {"speaker": "brandt"}) == {"truce"}
    assert found(reader, {"source": "Trial search", "q": '"both ceasefires"'}) == {"truce"}
