"""Turns terms and names into the clauses that Elasticsearch compares.

All clauses compare terms (pipeline.terms) with the fields `terms.*`. So they find the same on every cluster.

Documents that an earlier release wrote have no terms before `whosaid reindex`. While an index may have such documents,
`older=True` adds a clause on the texts themselves, as that release searched them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline import terms
from pipeline.search import query_parser
from pipeline.search.query_parser import All, AnyOf, Node, Term, Without

Clause = dict[str, Any]
Place = Literal["quote", "paragraph", "headline"]
"""Where words of quotes are looked for."""

ARTICLE = "article"
"""The place of words of articles: their documents have other fields."""

Kind = Literal["speaker", "entity", "addressee", "source", "medium", "named"]
"""What a name may be the name of; `named` is any entity of an article."""

_Weights = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class _Fields:
    """The fields of a place with their weights: texts have stems, names have none."""

    texts: _Weights
    names: _Weights
    older: tuple[str, ...]


_PLACES: dict[str | None, _Fields] = {
    None: _Fields(
        (("said", 4), ("headline", 1.5), ("context", 1)),
        (("speaker", 3), ("title", 1), ("affiliation", 1)),
        (
            "said^4", "speaker.name.words^3", "headline^1.5", "speaker.title.words", "speaker.affiliation.words",
            "context_text",
        ),
    ),
    "quote": _Fields((("said", 4),), (), ("said",)),
    "paragraph": _Fields((("context", 1),), (), ("context_text",)),
    "headline": _Fields((("headline", 1.5),), (), ("headline",)),
    ARTICLE: _Fields((("headline", 2), ("body", 1)), (("names", 1), ("byline", 1)), ("headline^2", "body")),
}  # fmt: skip
_TIE = 0.3  # what the fields beside the best one count
_EXACT = 0.25  # what the very word counts beside its stem
_EXPANSIONS = 50  # words that a fuzzy word may stand for


@dataclass(frozen=True)
class _Named:
    """The fields of a kind of name: those compared whole, and the one of its terms."""

    whole: tuple[str, ...]
    terms: str
    older: str | None = None
    """A text with the name's words, in documents without terms; None: the whole name is compared."""


_KINDS: dict[Kind, _Named] = {
    "speaker": _Named(("speaker.id",), "terms.speaker", "speaker.name.words"),
    "entity": _Named(("entities.id",), "terms.entities"),
    "addressee": _Named((), "terms.addressee"),
    "source": _Named(("source.id", "source.domain"), "terms.source"),
    "medium": _Named((), "terms.medium"),
    "named": _Named((), "terms.names"),
}
_OLDER_WHOLE: dict[Kind, str] = {"addressee": "addressee", "source": "source.name", "medium": "medium"}


def words(node: Node, places: Sequence[str], *, older: bool = False) -> Clause:
    """The clause of a tree of terms. Terms may match in different fields, so "Scholz energy" finds Scholz on energy."""
    match node:
        case Term():
            return _term(node, places, older=older)
        case Without():
            return {"bool": {"must_not": [words(node.part, places, older=older)]}}
        case All():
            wanted = [part for part in node.parts if not isinstance(part, Without)]
            unwanted = [part.part for part in node.parts if isinstance(part, Without)]
            made = {
                "must": [words(part, places, older=older) for part in wanted],
                "must_not": [words(part, places, older=older) for part in unwanted],
            }
            return {"bool": {kind: some for kind, some in made.items() if some}}
        case AnyOf():
            return any_of(words(part, places, older=older) for part in node.parts)


def named(kind: Kind, values: Iterable[str], *, older: bool = False) -> Clause:
    """The clause of the names of one kind, one of which must be there.

    This is the one place where what somebody gives as `speaker=`, `entity=` and so on becomes a condition: an id, all
    words of a name in any order, the same words in quotation marks one after the other, or the beginning of a name with
    a star.
    """
    return any_of(clause for value in values for clause in _name(kind, value.strip(), older=older))


def beginning(kind: Kind, typed: str, *, older: bool = False) -> Clause:
    """The clause of names of this kind that begin as somebody has typed so far: the last word may go on."""
    folded = terms.fold(typed)
    if not folded:
        return {"match_none": {}}
    options = [_all_words(_KINDS[kind].terms, folded, together=False, prefix=True)]
    if older and (field := _KINDS[kind].older):
        name = {"query": typed, "operator": "and", "max_expansions": _EXPANSIONS}
        options.append({"match_bool_prefix": {field: name}})
    return any_of(options)


def any_of(clauses: Iterable[Clause]) -> Clause:
    """One of these must match."""
    options = list(clauses)
    return options[0] if len(options) == 1 else {"bool": {"should": options, "minimum_should_match": 1}}


def same(field: str, value: str) -> Clause:
    """The whole value, in capitals or not: as it was given, in small letters, in capitals, or with initials.

    These are a few terms to look up. Elasticsearch's own comparison without case goes over the terms of every index and
    takes a thousand times as long, which all searches for a speaker or a source would pay.
    """
    variants = dict.fromkeys((value, value.lower(), value.upper(), value.capitalize(), value.title()))
    return {"terms": {field: list(variants)}}


def _name(kind: Kind, value: str, *, older: bool) -> list[Clause]:
    fields = _KINDS[kind]
    options = [same(field, value) for field in fields.whole]
    folded = terms.fold(value)
    prefix = value.endswith("*") and sum(map(str.isalnum, value)) >= query_parser.MIN_PREFIX
    if folded:
        together = kind in ("entity", "named") or (len(value) > 1 and value[0] == value[-1] == '"')
        options.append(_all_words(fields.terms, folded, together=together, prefix=prefix))
    if older and fields.older:
        options.append({"match": {fields.older: {"query": value, "operator": "and"}}})
    elif older and kind in _OLDER_WHOLE:
        options.append(same(_OLDER_WHOLE[kind], value))
    return options or [{"match_none": {}}]


def _all_words(field: str, folded: tuple[str, ...], *, together: bool, prefix: bool) -> Clause:
    if len(folded) > 1 and together:
        return {"match_phrase_prefix" if prefix else "match_phrase": {field: " ".join(folded)}}
    clauses: list[Clause] = [{"term": {field: term}} for term in folded]
    if prefix:
        clauses[-1] = {"prefix": {field: folded[-1]}}
    return clauses[0] if len(clauses) == 1 else {"bool": {"filter": clauses}}


def _term(term: Term, places: Sequence[str], *, older: bool) -> Clause:
    chosen = [_PLACES[place] for place in places] or [_PLACES[None]]
    options = [
        clause for fields in chosen for name, weight in fields.texts for clause in _in_text(term, name, weight)
    ] + [_compare(term, f"terms.{name}", term.terms, weight) for fields in chosen for name, weight in fields.names]
    if older:
        options.append(_in_older(term, [field for fields in chosen for field in fields.older]))
    return options[0] if len(options) == 1 else {"dis_max": {"queries": options, "tie_breaker": _TIE}}


def _in_text(term: Term, name: str, weight: float) -> list[Clause]:
    if term.prefix or term.fuzzy:  # a stem is another word than its beginning
        return [_compare(term, f"terms.{name}", term.terms, weight)]
    stems = tuple(map(terms.stem, term.terms))
    clauses = [_compare(term, f"terms.{name}_stems", stems, weight)]
    if name == "said":  # the very word comes before other forms of it
        clauses.append(_compare(term, f"terms.{name}", term.terms, weight * _EXACT))
    return clauses


def _compare(term: Term, field: str, values: tuple[str, ...], weight: float) -> Clause:
    text = " ".join(values)
    if term.near is not None:
        return {
            "intervals": {field: {"match": {"query": text, "max_gaps": term.near, "ordered": False}, "boost": weight}}
        }
    if len(values) > 1:
        if term.prefix:
            query = {"query": text, "max_expansions": _EXPANSIONS, "boost": weight}
            return {"match_phrase_prefix": {field: query}}
        return {"match_phrase": {field: {"query": text, "boost": weight}}}
    if term.prefix:
        return {"prefix": {field: {"value": text, "boost": weight}}}
    if term.fuzzy:
        fuzzy = {"value": text, "fuzziness": term.fuzzy, "prefix_length": 1, "max_expansions": _EXPANSIONS}
        return {"fuzzy": {field: fuzzy | {"boost": weight}}}
    return {"term": {field: {"value": text, "boost": weight}}}


def _in_older(term: Term, fields: list[str]) -> Clause:
    clause: Clause = {"query": term.text, "fields": fields, "lenient": True}
    if term.prefix:
        clause |= {"type": "phrase_prefix", "max_expansions": _EXPANSIONS}
    elif term.phrase:
        clause |= {"type": "phrase", "slop": term.near or 0}
    else:
        clause |= {"type": "best_fields", "operator": "and", "tie_breaker": _TIE}
        if term.fuzzy:
            clause |= {"fuzziness": term.fuzzy, "prefix_length": 1, "max_expansions": _EXPANSIONS}
    return {"multi_match": clause}
