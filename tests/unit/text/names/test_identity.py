"""A person who speaks and the person whom the article names are one: their ids are equal."""

from collections.abc import Iterator

import pytest

from benchmarks.speaker_names import ARTICLES, read_article
from pipeline.identity import name_id
from pipeline.models import Entity, Quote, Resolution
from pipeline.samples import articles
from pipeline.text.analyser import Analyser, Analysis, Document

NAMED = {Resolution.NAMED, Resolution.PRONOUN, Resolution.CARRIED}


def texts() -> Iterator[str]:
    yield from (article.body for article in articles())
    for half in ("open", "held"):
        yield from (read_article(path)[0] for path in sorted((ARTICLES / half).glob("*.txt")))


@pytest.fixture(scope="module")
def analyses(analyser: Analyser) -> list[Analysis]:
    found = list(analyser.analyse(Document(str(number), text) for number, text in enumerate(texts())))
    assert all(isinstance(analysis, Analysis) for analysis in found)
    return [analysis for analysis in found if isinstance(analysis, Analysis)]


def pairs(analyses: list[Analysis]) -> Iterator[tuple[Quote, list[Entity]]]:
    """Each quote of somebody with a name, and the entities of that name in its article."""
    for analysis in analyses:
        for quote in analysis.quotes:
            speaker = quote.speaker
            if speaker is not None and speaker.resolution in NAMED:
                yield quote, [e for e in analysis.entities if e.name == speaker.name and e.label == "PERSON"]


def test_a_persons_id_is_one_as_speaker_and_as_entity(analyses: list[Analysis]) -> None:
    persons = [(quote, entities) for quote, entities in pairs(analyses) if entities]
    assert len(persons) > 200
    for quote, entities in persons:
        assert quote.speaker is not None
        assert {entity.id for entity in entities} == {quote.speaker.id}, quote.speaker.name


def test_nearly_all_who_speak_by_name_are_entities(analyses: list[Analysis]) -> None:
    ids = [
        quote.speaker.id in {entity.id for entity in analysis.entities}
        for analysis in analyses
        for quote in analysis.quotes
        if quote.speaker is not None and quote.speaker.resolution is Resolution.NAMED
    ]
    assert sum(ids) >= 0.95 * len(ids) > 150


def test_a_pope_is_called_so_as_entity_too(analyser: Analyser) -> None:
    text = "Pope Francis arrived in Rome on Monday. “The poor come first,” Francis said. Critics of Francis left."
    analysis = analyser.analyse_one(Document("a", text))
    assert isinstance(analysis, Analysis)
    (quote,) = analysis.quotes
    assert quote.speaker is not None
    francis = [entity for entity in analysis.entities if "Francis" in entity.text]
    assert len(francis) >= 2
    assert {(entity.name, entity.id) for entity in francis} == {("Pope Francis", quote.speaker.id)}
    assert quote.speaker.name == "Pope Francis"


def said(analyser: Analyser, text: str) -> tuple[list[Entity], list[Quote]]:
    analysis = analyser.analyse_one(Document("a", text))
    assert isinstance(analysis, Analysis)
    return analysis.entities, analysis.quotes


def test_a_speaker_without_a_name_has_an_id_of_its_own(analyser: Analyser) -> None:
    _, (quote,) = said(analyser, "“The port is shut,” a neighbour said.")
    assert quote.speaker is not None
    assert quote.speaker.id == name_id("speaker", "neighbour") != name_id("PERSON", "neighbour")


def test_one_id_for_bodies_and_places_that_speak(analyser: Analyser) -> None:
    text = "Vale Bank Ltd. met in Velm. Vale Bank said it would close. The U.S. said that it would stay in Velm."
    entities, quotes = said(analyser, text)
    assert [quote.speaker and quote.speaker.name for quote in quotes] == ["Vale Bank", "United States"]
    assert [quote.speaker and quote.speaker.id for quote in quotes] == [
        name_id("ORG", "Vale Bank"),
        name_id("GPE", "United States"),
    ]
    assert {quote.speaker.id for quote in quotes if quote.speaker} <= {entity.id for entity in entities}
