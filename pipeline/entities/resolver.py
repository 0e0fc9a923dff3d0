"""Decides which entity a name in an article belongs to.

Candidates are the entities that share a blocking key with the name. Each gets a score, a sum of logarithms of odds: how
alike the names are, and how much likelier the mention's features (title, affiliation, company, source) are with this
candidate than with anybody. A full name whose best candidate scores too low makes a new entity. A name that is only a
surname, or that two candidates fit equally, belongs to none: the resolver abstains rather than merges.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from pipeline.entities import names
from pipeline.entities.models import Kind, Link, Mention
from pipeline.entities.name_match import SAME, compare, contradict
from pipeline.entities.profile import Profile, entity_id

LINK = 1.0
"""The score from which on a mention belongs to its best candidate."""

MARGIN = 1.0
"""How much better than the second the best candidate must be."""

PARTIAL = 2.5
"""The evidence besides the name that a surname, or a surname with initials, needs."""

_RAREST, _MOST_FREQUENT = 4.0, 1.6  # what the same full name says, where nobody else has it, and where many do
_ALIKE = 1.5  # less than that, for a name that is only alike
_SMOOTHING = 3.0
_PRIOR = {"t": 0.03, "a": 0.01, "c": 0.05, "p": 0.004, "o": 0.01, "l": 0.06, "s": 0.05}
_PRIOR_WEIGHT = 300.0
_MOST = 3.5  # that one feature can say
_DAMPING = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2, 0.1)
_MAX_NAMES = 25
_MAX_CANDIDATES = 50
_COUNTED = 200_000
_LONGEST_CHAIN = 10  # of entities that were merged into the next


class Pool:
    """Entities by id and by blocking key: all of a small store, or those that a batch needs."""

    def __init__(self) -> None:
        self.entities: dict[str, Profile] = {}
        self.by_key: dict[str, dict[str, None]] = {}

    def add(self, profile: Profile) -> None:
        """Adds an entity, or its new state."""
        self.entities[profile.id] = profile
        for key in profile.keys:
            self.by_key.setdefault(key, {})[profile.id] = None

    def candidates(self, keys: Iterable[str]) -> Iterator[Profile]:
        """The entities with one of the keys; those that were merged into one come as that one, with all their names."""
        found: dict[str, Profile] = {}
        merged: dict[str, list[Profile]] = {}
        for id in {id: None for key in keys for id in self.by_key.get(key, ())}:
            profile = self.entities[id]
            final = self.final(profile)
            if final is not profile:
                merged.setdefault(final.id, []).append(profile)
            found[final.id] = final
        for id, profile in found.items():
            yield profile.together(merged[id]) if id in merged else profile

    def final(self, profile: Profile) -> Profile:
        """The entity that it was merged into, as far as the pool has it; or itself."""
        for _ in range(_LONGEST_CHAIN):
            if not profile.redirect or profile.redirect not in self.entities:
                break
            profile = self.entities[profile.redirect]
        return profile


@dataclass
class Statistics:
    """How often each feature is seen, in this process: what is frequent says little."""

    mentions: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    bearers: int = 0
    words: Counter[str] = field(default_factory=Counter)
    """In how many full names of entities each word is."""

    def count(self, features: Iterable[str]) -> None:
        """Counts a mention."""
        self.mentions += 1
        self.seen.update(features)
        if len(self.seen) > _COUNTED:
            self.seen = Counter(dict(self.seen.most_common(_COUNTED // 2)))

    def name(self, name: str) -> None:
        """Counts the full name of a new person."""
        self.bearers += 1
        self.words.update({word.sound for word in names.parse(name).strong})
        if len(self.words) > _COUNTED:
            self.words = Counter(dict(self.words.most_common(_COUNTED // 2)))

    def namesakes(self, name: str) -> float:
        """How many other people one would expect to have the name, from how frequent its words are."""
        expected = float(self.bearers)
        for word in {word.sound for word in names.parse(name).strong}:
            expected *= self.words[word] / (self.bearers + 50)
        return expected

    def frequency(self, feature: str) -> float:
        """How likely a mention of anybody has the feature."""
        prior = _PRIOR.get(feature[:1], 0.01)
        return (self.seen[feature] + _PRIOR_WEIGHT * prior) / (self.mentions + _PRIOR_WEIGHT)


@dataclass(frozen=True)
class Scored:
    """A candidate with what speaks for it."""

    profile: Profile
    score: float
    evidence: float
    why: tuple[str, ...]


class Resolver:
    """Resolves the mentions of articles. One thread."""

    def __init__(self) -> None:
        self.statistics = Statistics()

    def resolve(self, mention: Mention, pool: Pool) -> tuple[Link, Profile | None]:
        """Whom the mention names, and the entity: one of the pool, a new one that is not in it, or none."""
        self.statistics.count(mention.features)
        if mention.country and mention.kind in (Kind.PLACE, Kind.GROUP):
            id = entity_id(mention.kind, mention.name, mention.country)
            profile = pool.entities.get(id) or Profile(id, mention.kind, mention.name, mention.country)
            return _link(mention, profile, 9.0, (f"its country is {mention.country}",)), profile
        full = is_full(mention)
        scored = self.scored(mention, pool)
        best = scored[0] if scored else None
        second = scored[1].score if len(scored) > 1 else -math.inf
        if best and not full and best.evidence < PARTIAL:
            why = (
                *best.why,
                f"a part of a name needs {PARTIAL} of evidence, {best.profile.name} has {best.evidence:.1f}",
            )
            return _link(mention, None, best.score, why), None
        if best and best.score >= LINK:
            if best.score - second < MARGIN:
                why = (*best.why, f"{scored[1].profile.name} ({scored[1].profile.id}) fits as well")
                return _link(mention, None, best.score, why), None
            return _link(mention, best.profile, best.score, best.why), pool.entities[best.profile.id]
        if not full:
            return _link(mention, None, best.score if best else 0.0, ("a part of a name makes no entity",)), None
        new = self.new(mention, pool)
        why = (f"nobody of that name fits: {best.profile.id} scores {best.score:.1f}",) if best else ("a new name",)
        return _link(mention, new, 0.0, why), new

    def scored(self, mention: Mention, pool: Pool) -> list[Scored]:
        """The candidates, best first."""
        keys = search_keys(mention)
        alike = []
        for profile in pool.candidates(keys):
            if profile.kind is mention.kind:
                match = _best_name(mention, profile)
                if match[0]:
                    alike.append((match, profile))
        alike.sort(key=lambda item: (-item[0][0], -item[1].seen.count, item[1].id))
        alike = alike[:_MAX_CANDIDATES]
        total = sum(profile.seen.count for (_, same, _), profile in alike if same)
        base = self._of_name(mention)
        scored = []
        for (similarity, same, how), profile in alike:
            if same:  # the more it was seen of all of the name, the likelier
                name_score = base + math.log((profile.seen.count + 0.5) / (total + 0.5))
            else:
                name_score = base - _ALIKE - 10 * (1 - similarity)
            scored.append(self._score(mention, profile, name_score, how))
        return sorted(scored, key=lambda one: (-one.score, one.profile.id))

    def _of_name(self, mention: Mention) -> float:
        """What the same name says: little where one would expect several people of the name."""
        if mention.kind is not Kind.PERSON:
            return _RAREST
        return max(_MOST_FREQUENT, _RAREST - 1.2 * math.log1p(20 * self.statistics.namesakes(mention.name)))

    def _score(self, mention: Mention, profile: Profile, name_score: float, how: str) -> Scored:
        evidence, why = self._evidence(mention, profile)
        against, what = _against(mention, profile, evidence)
        score = name_score + evidence - against
        told = f"name {name_score:+.1f}: {how}"
        return Scored(profile, score, evidence - against, (told, *why, *((what,) if against else ())))

    def _evidence(self, mention: Mention, profile: Profile) -> tuple[float, list[str]]:
        said = []
        total = profile.seen.count + _SMOOTHING
        for feature in mention.features:
            count = profile.features.get(feature, 0)
            if count > 0:
                frequency = self.statistics.frequency(feature)
                odds = math.log((count + _SMOOTHING * frequency) / total / frequency)
                if odds > 0:
                    said.append((min(odds, _MOST), feature))
        said.sort(reverse=True)
        evidence = sum(odds * damping for (odds, _), damping in zip(said, _DAMPING, strict=False))
        return evidence, [f"{feature} {odds:+.1f}" for odds, feature in said[: len(_DAMPING)]]

    def new(self, mention: Mention, pool: Pool) -> Profile:
        """A new entity of the name, with an id that the pool does not have."""
        sense = 1
        while (id := entity_id(mention.kind, mention.name, sense=sense)) in pool.entities:
            sense += 1
        if mention.kind is Kind.PERSON and sense == 1:
            self.statistics.name(mention.name)
        return Profile(id, mention.kind, mention.name, mention.country)


def is_full(mention: Mention) -> bool:
    """Whether the name is more than a surname, or a surname with initials."""
    return mention.kind is not Kind.PERSON or is_full_name(mention.name)


@lru_cache(maxsize=65536)
def is_full_name(name: str) -> bool:
    """Whether a person's name is more than a surname, or a surname with initials."""
    words = names.parse(name).words
    if any(names.is_ideographic(word.script) for word in words):
        return sum(len(word.original) for word in words) > 1
    return len([word for word in words if not word.particle and not word.initial]) > 1


def search_keys(mention: Mention) -> list[str]:
    """The keys to look for candidates by: a surname alone counts only where there is no more."""
    keys = list(names.blocking_keys(mention.name, person=mention.kind is Kind.PERSON))
    if mention.kind is not Kind.PERSON:
        return keys
    words = [word for word in names.parse(mention.name).words if not word.particle]
    return keys if len(words) < 2 else [key for key in keys if not key.startswith("w:")]


def _best_name(mention: Mention, profile: Profile) -> tuple[float, bool, str]:
    """How alike the names are at best (0: another name), whether they have the same words, and which name it is."""
    person = profile.person
    own = names.parse(mention.name, person=person)
    if f"n:{own.key}" in profile.keys:
        return 1.0, True, f"the same as a name of {profile.name}"
    best = 0.0, False, ""
    called = profile.all_names()[:_MAX_NAMES]
    if person and is_full_name(mention.name):  # "A. Khan" fits every Khan whose name begins with an A
        called = [name for name in called if is_full_name(name)] or called
    for name in called:
        other = names.parse(name, person=person)
        if other.key == own.key:  # of a name that a merged entity has
            return 1.0, True, f"the same as {name}"
        if person and contradict(own, other) and len(names.forms(name)) == len(names.forms(mention.name)) == 1:
            continue
        similarity = compare(mention.name, name, person=person).score
        if person and len(own.words) == 1 and own.key in other.key.split(" "):
            similarity = max(similarity, 0.82)
        elif not person and names.acronym(other) == own.plain and mention.name.isupper():
            similarity = max(similarity, 0.95)
        if similarity >= SAME and similarity > best[0]:
            best = similarity, False, f"like {name} ({similarity:.2f})"
    return best


def _against(mention: Mention, profile: Profile, evidence: float) -> tuple[float, str]:
    """What speaks against a candidate of whom enough is known: nothing of what is said of the bearer fits."""
    if evidence > 1.0 or profile.seen.count < 2:
        return 0.0, ""
    company = sum(feature[:2] in ("p:", "o:") for feature in mention.features)
    against = min(2.0, 0.35 * company)
    against += 0.7 * bool(mention.titles and profile.titles)
    against += 1.3 * bool(mention.affiliations and profile.affiliations)
    # Who is seen everywhere is seen in new company all the time.
    against *= min(1.0, profile.seen.count / 4) / (1 + 0.35 * math.log(max(1.0, profile.seen.count / 10)))
    return against, f"nothing else fits {-against:+.1f}"


def _link(mention: Mention, profile: Profile | None, score: float, why: Iterable[str]) -> Link:
    return Link.model_construct(
        **{name: getattr(mention, name) for name in Mention.model_fields},
        entity=profile.id if profile else None, score=round(score, 2), why=list(why)[:12],
    )  # fmt: skip
