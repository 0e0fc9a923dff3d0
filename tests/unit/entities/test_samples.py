"""Who is who in sample articles, as the analyser reads them: each speaker is one entity, with all that names him."""

from collections import Counter

import pytest

from pipeline.entities import writer
from pipeline.entities.models import Kind, Link
from pipeline.entities.resolver import Pool, Resolver
from pipeline.models import Enriched, ModelInfo
from pipeline.samples import articles
from pipeline.settings import Settings
from pipeline.text.analyser import Analyser, AnalysisError, Document
from tests.unit.sink.factory import FETCHED

SPEAKERS = {
    "arctic-cable-talks": {
        "Dana Whitcombe", "Alan Treloar", "Jens Overby", "Leif Amdal", "Ingrid Solbakk", "Karl Brandt",
    },
    "transport-minister-resigns": {"Fiona Garrick", "Edmund Vale", "Colin Marsh", "Neil Garrick"},
}  # fmt: skip


@pytest.fixture(scope="module")
def read(one_model: None) -> dict[str, Enriched]:
    analyser = Analyser(Settings().enrichment.model)
    found = {}
    for article in articles():
        name = article.url.rpartition("/")[2]
        if name not in SPEAKERS:
            continue
        analysis = analyser.analyse_one(Document(article.id, article.body, article.published))
        assert not isinstance(analysis, AnalysisError), analysis
        found[name] = Enriched(
            article=article, entities=analysis.entities, quotes=analysis.quotes, enriched=FETCHED,
            model=ModelInfo(name="m", version="1", engine="1"),
        )  # fmt: skip
    return found


def links_of(read: dict[str, Enriched], *again: str) -> dict[str, list[Link]]:
    """By article, its links, resolved in turn by one resolver that knows nothing before."""
    named = [writer.named(read[name]) for name in (*SPEAKERS, *again)]
    resolved = writer.resolve(Resolver(), named, Pool())
    return {name: resolved.decisions[at].links for at, name in enumerate((*SPEAKERS, *again))}


@pytest.mark.parametrize("name", SPEAKERS)
def test_each_speaker_is_one_entity(read: dict[str, Enriched], name: str) -> None:
    links, enriched = links_of(read)[name], read[name]
    speakers = {quote.speaker.id: quote.speaker.name for quote in enriched.quotes if quote.speaker}
    by_speaker = {id: [link for link in links if id in link.locals] for id in speakers}
    assert {speakers[id] for id, found in by_speaker.items() if found} >= SPEAKERS[name]
    for id, found in by_speaker.items():
        if speakers[id] in SPEAKERS[name]:
            assert [(link.name, link.kind, bool(link.entity)) for link in found] == [(speakers[id], Kind.PERSON, True)]
    people = [link.entity for link in links if link.kind is Kind.PERSON and link.entity]
    assert len(people) == len(set(people))  # no two names of the article are one by mistake
    mentions = Counter(entity.id for entity in enriched.entities if entity.name in SPEAKERS[name])
    assert all(len([link for link in links if id in link.locals]) == 1 for id in mentions)
    assert sum(mentions.values()) > len(mentions)  # some are named again, by their surname


def test_a_minister_and_his_wife_stay_two(read: dict[str, Enriched]) -> None:
    links = {link.name: link.entity for link in links_of(read)["transport-minister-resigns"]}
    assert links["Fiona Garrick"] != links["Neil Garrick"]
    assert "Garrick" not in links  # the surname alone is the minister's: her husband is named at the end
    mentions = [entity for entity in read["transport-minister-resigns"].entities if "Garrick" in entity.name]
    assert {entity.name for entity in mentions if entity.text.startswith("Garrick")} == {"Fiona Garrick"}
