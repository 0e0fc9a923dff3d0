"""Finds the entities of an article, each with its name there and an id that is the same in every article.

The recogniser's entities are a start. Where they name somebody or something that the article names elsewhere, they have
the label and the name of that referent; mentions of known names that the recogniser missed are added.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from spacy.tokens import Doc

from pipeline.models import Entity
from pipeline.text import countries
from pipeline.text.names.forms import LONGEST, organisation, surface
from pipeline.text.names.name_index import PERSON, Referent, named_id
from pipeline.text.names.name_spans import is_portfolio, kind_of
from pipeline.text.names.person_name import is_title
from pipeline.text.names.referents import Named, Referents, find_referents
from pipeline.text.quotes.lexicon.grammar import PROPER
from pipeline.text.quotes.lexicon.nouns import ROLES
from pipeline.text.quotes.tokens import TokenTable

_COUNTS = frozenset({"CARDINAL", "ORDINAL", "DATE", "TIME", "PERCENT", "MONEY", "QUANTITY"})
"""Labels of what is no name."""


class _Found(NamedTuple):
    """An entity by its first and last token; the referent is whom it names, where that is known."""

    first: int
    last: int
    label: str
    referent: Referent | None = None


def extract_entities(doc: Doc, names: Referents | None = None) -> list[Entity]:
    """The entities of a parsed article in its order; offsets index into the text that was parsed.

    Args:
        doc: the article, with entities set.
        names: whom it names, where that is known already.
    """
    names = names or find_referents(doc)
    table = names.table
    found = sorted(_found(names), key=lambda entity: entity.first)
    known = _Known(names, found)
    result = []
    for first, last, label, referent in found:
        written = table.text[table.start[first] : table.end[last]]
        start, end = _bare(written)
        if start == end:
            continue
        text = written[start:end]
        name, label = (referent.name, referent.label) if referent is not None else known.name(text, label)
        result.append(
            Entity(
                start=table.start[first] + start,
                end=table.start[first] + end,
                text=text,
                label=label,
                name=name,
                id=named_id(name, label),
                country=_country(text, label),
            )
        )
    return result


def _recognised(table: TokenTable) -> Iterator[tuple[int, int, str]]:
    """The recogniser's entities: first and last token, and label."""
    for first in [token for token, begins in enumerate(table.entity_begins) if begins and table.entity[token]]:
        last = first
        while last + 1 < len(table.entity) and table.entity[last + 1] and not table.entity_begins[last + 1]:
            last += 1
        yield first, last, table.entity[first]


def _found(names: Referents) -> Iterator[_Found]:
    """The recogniser's entities and the mentions of referents, where they overlap those of referents."""
    mentions = [mention for mention in names.named if mention is not None]
    table, number, behind = names.table, 0, 0
    for begin, end, label in _recognised(table):
        while number < len(mentions) and mentions[number].last < begin:
            yield from _missed(names, mentions[number], behind)
            number += 1
        inside = []
        while number < len(mentions) and mentions[number].first <= end:
            inside.append(mentions[number])
            number += 1
        sure = [mention for mention in inside if mention.is_sure and mention.first >= behind]
        if begin < behind or is_portfolio(table, begin, end):
            continue
        if not sure or (label in _COUNTS and sure[0].referent.label != PERSON):
            yield _Found(begin, end, label)
            behind = end + 1
            continue
        for first, last, referent, _ in sure:
            if len(sure) == 1 and referent.label != PERSON and begin <= first and last <= end:
                first, last = begin, end
            yield _Found(first, last, referent.label, referent)
            behind = last + 1
    for mention in mentions[number:]:
        yield from _missed(names, mention, behind)


def _missed(names: Referents, mention: Named, behind: int) -> Iterator[_Found]:
    """A mention that the recogniser missed: "Scholz added". A part of a longer unknown name is none: Lee Baker."""
    first, last, referent, is_sure = mention
    if first < behind:
        return
    if is_sure or not _is_part(names, first, last):
        yield _Found(first, last, referent.label, referent)


def _is_part(names: Referents, first: int, last: int) -> bool:
    """Whether a word beside a mention makes a longer name of it that nobody known has."""
    table = names.table
    near = [t for t in (first - 1, last + 1) if 0 <= t < len(table.tag) and table.tag[t] in PROPER]
    beside = (t for t in near if table.end[min(t, first)] + 1 >= table.start[max(t, last)] and t not in names.by_token)
    return any(table.word(t).istitle() and not is_title(table.lower[t]) and table.lower[t] not in ROLES for t in beside)


class _Known:
    """What a name without a referent is called: as what has the same words elsewhere in the article."""

    def __init__(self, names: Referents, found: list[_Found]) -> None:
        self._referents: dict[str, Referent] = {}
        self._votes: dict[str, dict[str, int]] = defaultdict(dict)
        table = names.table
        for first, last, label, referent in found:
            clean = surface(table.text[table.start[first] : table.end[last]])
            if label not in _COUNTS and len(clean) <= LONGEST:
                form = clean.casefold()
                if referent is not None:
                    self._referents.setdefault(form, referent)
                else:
                    votes = self._votes[form]
                    votes[label] = votes.get(label, 0) + 1

    def name(self, text: str, label: str) -> tuple[str, str]:
        """The name and the label of a mention."""
        clean = surface(text)
        if label in _COUNTS or len(clean) > LONGEST:
            return clean or text, label
        kind = kind_of(clean)
        if kind is None and (referent := self._referents.get(clean.casefold())) is not None:
            return referent.name, referent.label
        votes = self._votes[clean.casefold()]
        label = kind or max(votes, key=votes.__getitem__)
        country = countries.find(clean) if label == "GPE" else None
        name = country.name if country else organisation(clean) if label == "ORG" else clean
        return name or text, label


def _bare(text: str) -> tuple[int, int]:
    # A model may count blank characters at the edges in; they are no part of a name.
    stripped = text.strip()
    start = text.find(stripped) if stripped else 0
    return start, start + len(stripped)


@lru_cache(maxsize=16384)
def _country(text: str, label: str) -> str | None:
    if label in ("GPE", "LOC"):
        country = countries.find(surface(text))
    elif label == "NORP":
        country = countries.of_people(surface(text))
    else:
        return None
    return country.code if country else None
