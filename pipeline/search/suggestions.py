"""Suggests other spellings for words that no quote has, by Elasticsearch's term suggester."""

import re
from collections.abc import Iterable
from typing import Any

from pipeline import terms
from pipeline.search import conditions
from pipeline.search.parameters import QuoteQuery
from pipeline.search.results import Suggestion

Words = dict[str, list[str]]
"""By parameter, words of a search."""

_MOST = 16  # words that are looked up
_SHORTEST = 4  # letters of a word that is looked up
_FIELDS = {
    "q": ("terms.speaker", "terms.context"), "speaker": ("terms.speaker",), "entity": ("terms.entities",),
}  # fmt: skip
"""Where other spellings are looked for; the context has the words of the quote, too."""

_STEMS = ("terms.said_stems", "terms.context_stems", "terms.headline_stems")
_NAMES = {
    "q": ("terms.speaker", "terms.title", "terms.affiliation"), "speaker": ("terms.speaker",),
    "entity": ("terms.entities",),
}  # fmt: skip
_WORD = re.compile(r"[^\s\"()~*]+")


def presence(query: QuoteQuery) -> dict[str, Any] | None:
    """The request that tells which words of a search any quote has; None without any word.

    Elasticsearch suggests index by index: for a word that one month lacks, too, though another month has it. And to
    look for other spellings costs far more than to look a word up.
    """
    filters = {
        f"{parameter} {word} {field}": {"term": {field: value}}
        for parameter, words in _words(query).items()
        for word in words
        for field, value in _places(parameter, word)
    }
    if not filters:
        return None
    return {"size": 0, "track_total_hits": False, "aggs": {"words": {"filters": {"filters": filters}}}}


def missing(query: QuoteQuery, answer: dict[str, Any]) -> Words:
    """The words that no quote has, by the answer to `presence`."""
    counts = answer.get("aggregations", {}).get("words", {}).get("buckets", {})

    def known(parameter: str, word: str) -> bool:
        keys = (f"{parameter} {word} {field}" for field, _ in _places(parameter, word))
        return any(counts.get(key, {}).get("doc_count") for key in keys)

    words = _words(query)
    return {parameter: [word for word in words[parameter] if not known(parameter, word)] for parameter in words}


def request(words: Words) -> dict[str, Any] | None:
    """The request for the words nearest to these; None without any."""
    suggest: dict[str, Any] = {}
    for parameter, wrong in words.items():
        for word in wrong:
            for number, field in enumerate(_FIELDS[parameter]):
                term = {"field": field, "suggest_mode": "missing", "size": 1, "prefix_length": 1, "max_edits": 2}
                suggest[f"{parameter} {number} {word}"] = {"text": word, "term": term}
    return {"size": 0, "track_total_hits": False, "suggest": suggest} if suggest else None


def of(query: QuoteQuery, words: Words, answer: dict[str, Any]) -> list[Suggestion]:
    """The searches with other words in place of these, by Elasticsearch's answer to `request`."""
    better: dict[str, dict[str, str]] = {}
    for parameter, wrong in words.items():
        for word in wrong:
            found = [
                option
                for number in range(len(_FIELDS[parameter]))
                for entry in answer.get(f"{parameter} {number} {word}", ())
                for option in entry["options"]
            ]
            if found:
                best = max(found, key=lambda option: (option["score"], option["freq"]))
                better.setdefault(parameter, {})[word] = best["text"]
    made = []
    typed = {"q": [query.words], "speaker": query.speaker, "entity": query.entity}
    for parameter, replacements in better.items():
        for text in typed[parameter]:
            other = _replaced(text, replacements)
            if other != text:
                made.append(Suggestion(parameter=parameter, typed=text, better=other))
    return made


def _places(parameter: str, word: str) -> list[tuple[str, str]]:
    """The fields in which a search looks for the word, and what it looks for there."""
    stems = [(field, terms.stem(word)) for field in _STEMS] if parameter == "q" else []
    return stems + [(field, word) for field in _NAMES[parameter]]


def _words(query: QuoteQuery) -> Words:
    """The terms to look up."""
    in_text = [
        term for found in conditions.terms_of(query) if not (found.prefix or found.fuzzy) for term in found.terms
    ]
    kept = {"q": in_text, "speaker": _of_names(query.speaker), "entity": _of_names(query.entity)}
    return {
        parameter: list(dict.fromkeys(term for term in found if len(term) >= _SHORTEST and term.isalpha()))[:_MOST]
        for parameter, found in kept.items()
    }


def _of_names(names: Iterable[str]) -> list[str]:
    return [term for name in names if not name.endswith("*") for term in terms.fold(name)]


def _replaced(text: str, replacements: dict[str, str]) -> str:
    """The text with other words in place of those; the operators and signs between stay."""

    def other(match: re.Match[str]) -> str:
        pieces, at, word = [], 0, match.group()
        for found in terms.words(word):
            pieces.append(word[at : found.start])
            same = len(found.terms) == 1 and found.terms[0] in replacements
            pieces.append(replacements[found.terms[0]] if same else word[found.start : found.end])
            at = found.end
        return "".join([*pieces, word[at:]])

    return _WORD.sub(other, text)
