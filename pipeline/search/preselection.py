"""Tells which saved searches may find something in some quotes, without asking Elasticsearch. Pure functions.

Most searches have words or names that most articles have not. Of each condition this takes some of them, of which at
least one must be in a quote that the condition fits; what has none of them need not be asked for. What cannot be told
so, such as a date or a word that may be misspelled, is always asked for. Elasticsearch decides; nothing that it would
find is passed over here.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pipeline import terms

Needed = frozenset[str] | None
"""Words of which a quote must have one; with a star at the end, the beginning of one. None: it cannot be told."""

_TEXTS = (
    "said", "context_text", "headline", "speaker.name", "speaker.title", "speaker.affiliation", "addressee", "medium",
    "source.name", "entities.name",
)  # fmt: skip
"""Fields whose words are compared as terms."""

_WHOLE = frozenset(
    {
        "speaker.id", "entities.id", "source.id", "source.domain", "article_id", "addressee", "medium", "language",
        "source.name", "cue.lemma",
    }
)  # fmt: skip
"""Fields that are compared whole."""

FIELDS = sorted({*_TEXTS, *_WHOLE})
"""The fields of a quote's document that `words` reads."""

_TERMS = "terms."
_IS = "="  # before what is compared whole: no term begins so


def needed(clause: Mapping[str, Any]) -> Needed:
    """What a quote must have one of, so that the clause of a query can fit it."""
    ((kind, inner),) = clause.items()
    match kind:
        case "term" | "prefix" | "match_phrase" | "match_phrase_prefix" | "intervals":
            ((field, given),) = inner.items()
            return _compared(kind, field, given)
        case "terms":
            ((field, values),) = inner.items()
            return frozenset(_whole(values)) if field in _WHOLE else None
        case "dis_max":
            return _any(inner["queries"])
        case "bool":
            return _together(inner)
        case _:
            return None


def words(quotes: Iterable[Mapping[str, Any]], prefixes: Collection[int] = ()) -> set[str]:
    """What these quotes have of what conditions may need; `prefixes` are the lengths of the beginnings wanted."""
    found: set[str] = set()
    for quote in quotes:
        found.update(_whole(value for field in _WHOLE for value in _values(quote, field.split("."))))
        for field in _TEXTS:
            for text in _values(quote, field.split(".")):
                for made in terms.indexed(text):
                    found.update(made.split())
    found.update([f"{word[:length]}*" for length in prefixes for word in found if len(word) >= length])
    return found


def prefixes(all_needed: Iterable[Needed]) -> set[int]:
    """The lengths of the beginnings that these conditions need."""
    return {len(word) - 1 for need in all_needed if need for word in need if _is_beginning(word)}


def may_fit(need: Needed, found: Collection[str]) -> bool:
    """Whether a condition may fit quotes that have these words."""
    return need is None or not need.isdisjoint(found)


def _compared(kind: str, field: str, given: Any) -> Needed:
    """What a comparison of one field needs: of several words in a row, the longest, as it is rarest."""
    if not field.startswith(_TERMS):
        value = given.get("value") if isinstance(given, Mapping) else given
        return frozenset(_whole([value])) if kind == "term" and field in _WHOLE else None
    if kind == "intervals":
        given = given["match"]
    text = str(given.get("value", given.get("query", ""))) if isinstance(given, Mapping) else str(given)
    if kind == "prefix":
        return frozenset({f"{text}*"})
    parts = text.split()
    if kind == "match_phrase_prefix":
        last = parts.pop() if parts else ""
        parts = parts or [f"{last}*"]
    return frozenset({max(parts, key=len)}) if parts else None


def _together(inner: Mapping[str, Any]) -> Needed:
    """What a boolean query needs: that one of its conditions of which all must fit which few quotes have."""
    required = [needed(clause) for kind in ("must", "filter") for clause in _listed(inner.get(kind))]
    if inner.get("minimum_should_match") == 1:
        required.append(_any(_listed(inner.get("should"))))
    told = [need for need in required if need is not None]
    return min(told, key=_rareness) if told else None


def _rareness(need: frozenset[str]) -> tuple[bool, int, int]:
    """Orders what is needed by how few quotes may have it: whole words first, long ones, few of them."""
    return any(map(_is_beginning, need)), -min(map(len, need), default=0), len(need)


def _any(clauses: Iterable[Mapping[str, Any]]) -> Needed:
    needs = [needed(clause) for clause in clauses]
    told = [need for need in needs if need is not None]
    return frozenset().union(*told) if told and len(told) == len(needs) else None


def _listed(clauses: Any) -> Iterable[Mapping[str, Any]]:
    return [clauses] if isinstance(clauses, Mapping) else clauses or ()


def _whole(values: Iterable[Any]) -> Iterator[str]:
    """Values that are compared whole, whatever their case."""
    return (f"{_IS}{str(value).casefold()}" for value in values)


def _is_beginning(word: str) -> bool:
    return word.endswith("*") and not word.startswith(_IS)


def _values(document: Any, path: list[str]) -> Iterator[str]:
    """The texts at a path in a document, in each item of its lists."""
    if isinstance(document, list):
        for item in document:
            yield from _values(item, path)
    elif not path:
        if isinstance(document, str):
            yield document
    elif isinstance(document, Mapping) and path[0] in document:
        yield from _values(document[path[0]], path[1:])
