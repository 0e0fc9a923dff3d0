"""Gathers the names of an enriched article: each with the article's ids, titles, affiliations and company.

Features are what a mention says of its bearer, as words with a letter before: `t:` a title, `a:` an affiliation, `c:` a
country of it, `p:`, `o:`, `l:` a person, an organisation or a place that the article names too, `s:` the source.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from pipeline.entities import names, places
from pipeline.entities.models import KINDS, Kind, Mention
from pipeline.models import Enriched, Speaker

MAX_MENTIONS = 300
"""The most names of an article that are resolved: the first ones."""

MAX_COMPANY = 40
"""The most names beside it that count for a mention."""

_LETTERS = {Kind.PERSON: "p", Kind.ORGANIZATION: "o", Kind.PLACE: "l", Kind.GROUP: "l"}
_NO_TITLE_WORDS = frozenset("the a an of for and to in former ex then new late acting deputy mr mrs ms dr".split())
_NO_NAME = re.compile(r"^[\W\d_]*$")


@dataclass
class _Gathered:
    kind: Kind
    name: str
    locals: dict[str, None] = field(default_factory=dict)
    titles: dict[str, None] = field(default_factory=dict)
    affiliations: dict[str, None] = field(default_factory=dict)
    country: str | None = None
    within: str | None = None
    government: str | None = None


def mentions(enriched: Enriched) -> list[Mention]:
    """The names of the article, each once, in its order."""
    gathered = _gather(enriched)
    company = [(f"{_LETTERS[one.kind]}:{company_key(one.kind, one.name, one.country)}", one) for one in gathered]
    source = f"s:{enriched.article.source.id}"
    result = []
    for one in gathered:
        beside = [feature for feature, other in company if other is not one][:MAX_COMPANY]
        result.append(
            Mention(
                kind=one.kind, name=one.name, locals=list(one.locals), titles=list(one.titles),
                affiliations=list(one.affiliations), government=one.government, country=one.country,
                within=one.within,
                features=[*own_features(one.titles, one.affiliations), *dict.fromkeys(beside), source],
            )
        )  # fmt: skip
    return result


def own_features(titles: Iterable[str], affiliations: Iterable[str]) -> list[str]:
    """The features of titles and affiliations."""
    words = (word for title in titles for word in names.fold(title).split() if word not in _NO_TITLE_WORDS)
    titled = dict.fromkeys(f"t:{word}" for word in words)
    return [*titled, *dict.fromkeys(f"a:{names.parse(name, person=False).key}" for name in affiliations)]


def company_key(kind: Kind, name: str, country: str | None) -> str:
    """The key of a name as company of another: a country's code, or else the name's key."""
    if country and kind in (Kind.PLACE, Kind.GROUP):
        return country.lower()
    return names.parse(name, person=kind is Kind.PERSON).key


def _gather(enriched: Enriched) -> list[_Gathered]:
    gathered: dict[tuple[Kind, str], _Gathered] = {}

    def of(kind: Kind, name: str) -> _Gathered | None:
        key = kind, names.fold(name)
        if key not in gathered:
            if len(gathered) >= MAX_MENTIONS or not key[1] or _NO_NAME.match(name):
                return None
            gathered[key] = _Gathered(kind, name[: names.MAX_CHARACTERS])
        return gathered[key]

    for entity in enriched.entities:
        kind = KINDS.get(entity.label)
        one = of(kind, entity.name) if kind else None
        if one:
            one.locals[entity.id] = None
            one.country = one.country or entity.country
    for speaker in (quote.speaker for quote in enriched.quotes if quote.speaker):
        known = [kind for kind in Kind if (kind, names.fold(speaker.name)) in gathered]
        if not known and not names.is_proper(speaker.name):
            continue  # "a spokesperson for the council": somebody else in the next article
        one = of(known[0] if known else Kind.PERSON, speaker.name)
        if one:
            _describe(one, speaker)
    _place(gathered.values())
    return list(gathered.values())


def _place(gathered: Collection[_Gathered]) -> None:
    """Says in which countries cities lie."""
    countries = {one.country for one in gathered if one.country}
    for one in gathered:
        if one.kind is Kind.PLACE and not one.country:
            one.within = places.country_of_city(one.name, countries)


def _describe(one: _Gathered, speaker: Speaker) -> None:
    one.locals[speaker.id] = None
    if one.kind is not Kind.PERSON:
        one.government = places.government_of(one.name) or (one.country if one.kind is Kind.PLACE else None)
    if speaker.title:
        one.titles[speaker.title] = None
    if speaker.affiliation:
        one.affiliations[speaker.affiliation] = None
