"""Who is who, decided without engines: case by case, and on a generated corpus with known truth."""

import random
from collections.abc import Sequence

import pytest

from benchmarks.entities import Labels, quality, resolve
from benchmarks.entity_corpus import Corpus
from pipeline.entities import again, duplicates, names, writer
from pipeline.entities.mentions import MAX_MENTIONS, mentions
from pipeline.entities.models import Kind, Link, Mention
from pipeline.entities.profile import Profile, entity_id
from pipeline.entities.resolver import Pool, Resolver
from pipeline.models import Enriched
from tests.unit.entities.factory import article


def decided(articles: Sequence[Enriched]) -> list[dict[str, Link]]:
    """By article and name, the decisions of a resolver that starts with nothing."""
    resolved = writer.resolve(Resolver(), [writer.named(one) for one in articles], Pool())
    return [{link.name: link for link in decision.links} for decision in resolved.decisions]


def test_spellings_of_one_name_are_one() -> None:
    links = decided(
        [
            article(1, "Volodymyr Zelenskyy", title="President", affiliation="Ukraine"),
            article(2, "Volodymyr Zelensky", title="President"),
            article(3, "Володимир Зеленський", affiliation="Ukraine"),
            article(4, "V. Zelensky", title="President", affiliation="Ukraine"),
        ]
    )
    assert len({link.entity for of in links for link in of.values()}) == 1


def test_a_surname_alone_joins_nothing() -> None:
    links = decided([article(1, "Adam Smith"), article(2, "Smith"), article(3, "Smith")])
    assert links[0]["Adam Smith"].entity
    assert links[1]["Smith"].entity is None
    assert links[2]["Smith"].entity is None
    assert "needs 2.5 of evidence" in links[2]["Smith"].why[-1]


def test_what_an_article_leaves_open_stays_open() -> None:
    """It names two Garricks, and a Garrick: what it says of the two is no evidence, now or when it is decided again."""
    both = article(
        1, "Fiona Garrick", people=["Garrick", "Edmund Vale", "Neil Garrick"], organisations=["Railway Board"]
    )
    resolver, pool = Resolver(), Pool()
    (decision,) = writer.resolve(resolver, [writer.named(both)], pool).decisions
    links = {link.name: link.entity for link in decision.links}
    assert links["Garrick"] is None
    assert links["Fiona Garrick"] != links["Neil Garrick"]
    before = {id: dict(profile.features) for id, profile in pool.entities.items()}
    assert again.decided_again(resolver, pool, decision, ()) is decision
    assert {id: profile.features for id, profile in pool.entities.items()} == before


def test_namesakes_with_other_lives_are_two() -> None:
    known = [
        article(at, "John Miller", title="Senator", affiliation="Ohio Senate", people=["Ann Olsen", "Raj Mehta"])
        for at in range(6)
    ]
    others = [
        article(at, "John Miller", title="Coach", affiliation="Leeds Rovers", people=["Pablo Ruiz", "Ken Adeyemi"],
                organisations=["Leeds Rovers"], source="sport.example")
        for at in range(10, 14)
    ]  # fmt: skip
    links = decided([*known, *others, article(20, "John Miller", title="Senator", people=["Raj Mehta"])])
    senator, coach = links[0]["John Miller"].entity, links[8]["John Miller"].entity
    assert coach == f"{senator}.2"
    assert links[-1]["John Miller"].entity == senator


def test_places_have_the_id_of_their_country() -> None:
    links = decided(
        [article(1, places=[("Ukraine", "UA"), ("the U.K.", "GB")]), article(2, places=[("Britain", "GB")])]
    )
    assert links[0]["Ukraine"].entity == "l-ua"
    assert links[0]["the U.K."].entity == links[1]["Britain"].entity == "l-gb"


def test_a_government_speaks_as_its_capital() -> None:
    berlin = article(1, "Berlin", places=[("Berlin", None), ("Paris", None)])
    ukraine = article(2, "Ukraine", places=[("Ukraine", "UA")])
    kremlin = article(3, "the Kremlin", organisations=["the Kremlin"])
    links = decided([berlin, ukraine, kremlin])
    assert links[0]["Berlin"].government == "DE"
    assert links[0]["Paris"].government is None  # it is named, and says nothing
    assert links[1]["Ukraine"].government == "UA"
    assert links[2]["the Kremlin"].government == "RU"


def test_cities_lie_in_countries() -> None:
    links = decided(
        [
            article(1, places=[("Munich", None), ("München", None), ("Birmingham", None), ("Atlantis", None)]),
            article(2, places=[("Birmingham", None), ("America", "US")]),
            article(3, places=[("Cambridge", None), ("Київ", None)]),
        ]
    )
    assert [links[0][name].within for name in ("Munich", "München", "Atlantis")] == ["DE", "DE", None]
    assert links[0]["Birmingham"].within is None  # two countries have one, of a like size
    assert links[1]["Birmingham"].within == "US"  # the article names that country
    assert links[1]["Birmingham"].entity not in (None, "l-us")
    assert (links[2]["Cambridge"].within, links[2]["Київ"].within) == (None, "UA")


def seen(name: str, times: int, **features: int) -> Profile:
    """An entity of whom articles have said so much."""
    profile = Profile(entity_id(Kind.PERSON, name), Kind.PERSON, name)
    for _ in range(times):
        profile.see(Mention(kind=Kind.PERSON, name=name, locals=[]), "2026-03-01")
    profile.features = {feature.replace("_", ":", 1): count for feature, count in features.items()}
    return profile


def test_entities_that_turn_out_to_be_one() -> None:
    circle = {"t_minister": 6, "a_norland": 5, "p_brandt": 4, "o_parliament": 3}
    known = seen("Sergei Kowalenko", 8, **circle)
    late = seen("Sergej Kovalenco", 4, **dict.fromkeys(circle, 3))
    resolver = Resolver()
    for _ in range(500):
        resolver.statistics.count(["p:somebody", "o:something"])

    def found(late: Profile, known: Profile = known) -> duplicates.Same | None:
        pool = Pool()
        pool.add(known)
        pool.add(late)
        return duplicates.duplicate(resolver, late, pool)

    same = found(late)
    assert same is not None
    assert (same.loser.id, same.winner.id) == (late.id, known.id)
    assert any("minister" in reason for reason in same.why)
    assert found(seen("Sergej Kovalenco", 4, t_coach=4, o_rovers=3)) is None  # another life
    assert found(seen("Sergej Kovalenco", 4, o_parliament=3)) is None  # one kind of company alone
    assert found(seen("Kovalenco", 4, **circle)) is None  # a surname says too little
    assert found(seen("Iryna Kovalenko", 4, **circle)) is None  # another given name
    cousin, beside = seen("Sergei Anatol Kowalenko", 8, **circle), seen("Sergej Kowalenko", 4, **circle)
    assert found(beside, cousin) is not None
    beside.features[f"p:{names.parse(cousin.name).key}"] = 1
    assert found(beside, cousin) is None  # an article names both
    linked, other = seen("Sergej Kovalenco", 4, **circle), seen("Sergei Kowalenko", 8, **circle)
    linked.links, other.links = ["wikidata:Q1"], ["wikidata:Q2"]
    assert found(linked, other) is None  # a knowledge base tells them apart
    assert [duplicates.due(seen("A B", times)) for times in (2, 3, 4, 5, 8)] == [False, False, True, False, True]


def test_acronyms_join_organisations() -> None:
    links = decided(
        [
            article(1, organisations=["North Atlantic Treaty Organization"]),
            article(2, organisations=["NATO"]),
            article(3, organisations=["World Health Organization"]),
        ]
    )
    assert links[1]["NATO"].entity == links[0]["North Atlantic Treaty Organization"].entity
    assert links[2]["World Health Organization"].entity != links[1]["NATO"].entity


def test_who_is_only_described_is_nobody() -> None:
    described = ("spokesperson", "its developers", "spokesperson for Lark & Anchor", "Ada's lawyer, Mr Pell")
    links = decided([article(at, speaker_only=name) for at, name in enumerate(described)])
    assert links == [{}] * len(described)
    assert decided([article(1, speaker_only="Ursula von der Leyen")])[0]["Ursula von der Leyen"].entity


def test_an_article_of_thousands_of_names_is_bounded() -> None:
    many = article(1, people=[f"Person{at} Name{at}" for at in range(2 * MAX_MENTIONS)])
    found = mentions(many)
    assert len(found) == MAX_MENTIONS
    assert max(len(one.features) for one in found) <= 50
    assert all(one.kind is Kind.PERSON for one in found)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus(400, 2500)


def test_a_generated_corpus_is_told_apart(corpus: Corpus) -> None:
    articles = list(corpus.articles())
    base = quality(resolve(articles))
    assert base.precision >= 0.98, base
    assert base.recall >= 0.93, base
    shuffled = list(articles)
    random.Random(1).shuffle(shuffled)
    assert quality(resolve(shuffled)).f1 == pytest.approx(base.f1, abs=0.02)
    assert quality(resolve(articles, writers=2)).f1 == pytest.approx(base.f1, abs=0.01)


def test_the_measures_are_right() -> None:
    truth: Labels = [(1, "a"), (1, "a"), (2, "a"), (2, "b")]
    measured = quality(truth)
    assert (measured.precision, measured.recall) == (1 / 3, 1 / 2)
    assert measured.cubed_precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert measured.cubed_recall == pytest.approx((1 + 1 + 1 / 2 + 1 / 2) / 4)
