"""Finds entities that turn out to be one, by what many articles have said of each.

Two entities of one person arise where the first articles said too little, or spelt the name in too different a way. As
more is known of both they are held beside each other: their names must be alike, and the titles, affiliations and
company of the one that is seen less must be those of the other. Who was named beside each other in an article, or has
another id in the same knowledge base, is never one.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.entities import names
from pipeline.entities.models import Kind
from pipeline.entities.name_match import compare
from pipeline.entities.profile import Profile
from pipeline.entities.resolver import Pool, Resolver, is_full_name

LEAST = 4
"""Mentions from which on an entity is held beside others."""

ALIKE = 0.88
"""How well the names must agree."""

ENOUGH = 7.0
"""The evidence, besides the names, by which two are one: a sum of logarithms of odds."""

_SHARE = 0.1  # of an entity's mentions that have a feature for it to count
_KINDS = 2  # of features that must speak for it: titles, affiliations, people, organisations
_TELLING = "tapo"  # where an entity is, and who writes of it, says too little
_LONGEST_COUNTRY = len("l-ua")  # ids of countries and peoples
_NAMES = 8
_MOST = 3.0  # that one feature can say
_DAMPING = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)


@dataclass(frozen=True)
class Same:
    """Two entities that are one: which is given up, which is kept, and why."""

    loser: Profile
    winner: Profile
    score: float
    why: tuple[str, ...]


def due(profile: Profile) -> bool:
    """Whether it is time to hold an entity beside others: each time that it was seen twice as often as before."""
    count = profile.seen.count
    return count >= LEAST and not profile.redirect and (count & (count - 1)) == 0


def duplicate(resolver: Resolver, profile: Profile, pool: Pool) -> Same | None:
    """The entity that this one is the same as, as far as the pool has it; of several the one that fits best."""
    if not _distinct(profile):
        return None
    found = [same for other in _others(profile, pool) if (same := _same(resolver, profile, other))]
    return max(found, key=lambda same: same.score, default=None)


def _others(profile: Profile, pool: Pool) -> Iterator[Profile]:
    for other in pool.candidates(profile.keys):
        if other.id != profile.id and other.kind is profile.kind and other.seen.count >= LEAST and _distinct(other):
            yield other


def _distinct(profile: Profile) -> bool:
    """Whether its name says enough, and it is not a country."""
    if profile.kind is Kind.PERSON:
        return is_full_name(profile.name)
    return len(profile.id) > _LONGEST_COUNTRY


def _same(resolver: Resolver, one: Profile, other: Profile) -> Same | None:
    likeness, how = _likeness(one, other)
    if likeness < ALIKE or _apart(one, other):
        return None
    loser, winner = sorted((one, other), key=lambda profile: (profile.seen.count, profile.id))
    said = sorted(_said(resolver, loser, winner), reverse=True)
    if len({feature[:1] for _, feature in said}) < _KINDS:
        return None
    score = sum(odds * damping for (odds, _), damping in zip(said, _DAMPING, strict=False))
    if score < ENOUGH:
        return None
    return Same(loser, winner, round(score, 2), (how, *(f"{feature} {odds:+.1f}" for odds, feature in said[:8])))


def _likeness(one: Profile, other: Profile) -> tuple[float, str]:
    """How well their most frequent names agree."""
    ours, theirs = ([profile.name, *_frequent(profile)] for profile in (one, other))
    person = one.person
    best = max(
        ((compare(name, another, person=person).score, name, another) for name in ours for another in theirs),
        key=lambda pair: pair[0],
    )
    return best[0], f"{best[1]} is like {best[2]} ({best[0]:.2f})"


def _frequent(profile: Profile) -> list[str]:
    counted = sorted(profile.variants.items(), key=lambda item: (-item[1].count, item[0]))
    full = (name for name, _ in counted if not profile.person or is_full_name(name))
    return [name for name, _ in zip(full, range(_NAMES), strict=False)]


def _apart(one: Profile, other: Profile) -> bool:
    """Whether they cannot be one: another id in one knowledge base, or named beside each other."""
    ours = {link.partition(":")[0]: link for link in one.links}
    if any(ours.get(link.partition(":")[0], link) != link for link in other.links):
        return True
    return _beside(one, other) or _beside(other, one)


def _beside(one: Profile, other: Profile) -> bool:
    """Whether one is named beside the other, by a name that is not its own as well."""
    letter = "p" if other.person else "o"
    own = {names.parse(name, person=one.person).key for name in one.all_names()}
    keys = {names.parse(name, person=other.person).key for name in _frequent(other)} - own
    return any(f"{letter}:{key}" in one.features for key in keys)


def _said(resolver: Resolver, loser: Profile, winner: Profile) -> Iterator[tuple[float, str]]:
    """By feature that both have, how much likelier it is with the winner than with anybody."""
    for feature, count in loser.features.items():
        shared = winner.features.get(feature, 0)
        share = min(1.0, count / max(1, loser.seen.count))
        if feature[:1] not in _TELLING or not shared or share < _SHARE or shared < _SHARE * winner.seen.count / 2:
            continue
        frequency = resolver.statistics.frequency(feature)
        odds = math.log((shared + frequency) / (winner.seen.count + 1) / frequency)
        if odds > 0:
            yield min(odds, _MOST) * math.sqrt(share), feature
