"""Signs that a candidate is a quote or is none: plain classes of what its words and the parse show.

Each sign is a kind and a class: the rule that found the candidate, the cue's lemma, how much of it stands in marks,
what follows it. `pipeline.text.quotes.scoring.chances` says what they tell.
"""

from collections import defaultdict
from collections.abc import Sequence

from pipeline.text.quotes.candidate import QuoteCandidate
from pipeline.text.quotes.lexicon.speech_verbs import NOUNS, VERBS
from pipeline.text.quotes.scoring.evidence import Feature
from pipeline.text.quotes.tokens import TokenTable

_SIZES = ((1, "1"), (2, "2"), (4, "3-4"), (8, "5-8"), (16, "9-16"), (32, "17-32"))
_DISTANCES = ((0, "0"), (1, "1"), (2, "2"), (3, "3"), (4, "4"), (8, "5-8"))
_OPENERS = frozenset({"DT", "PRP$", "PRP", "NNP", "NN", "NNS", "IN", "TO", "VBG", "CD", "WP", "WRB", "JJ"})
_ORDER = (
    "marked", "rule", "cue in frame", "told by others", "behind", "above the cue", "size", "cue", "cue's form",
    "cue's place", "speaker", "telling of others", "frame", "first word",
)  # fmt: skip
"""In this order signs are counted, each beside what the ones before it promise."""
_NAMED = frozenset({"PERSON", "ORG", "GPE", "NORP"})
_LINKS = frozenset(
    """that to for of about with against on as who whom which what how why whether if when where because and but or
    not""".split()
)


def lemma(table: TokenTable, cue: int) -> str:
    """The lemma of a cue."""
    word = table.lower[cue]
    if word == "according":
        return "according to"
    return VERBS[word].lemma if word in VERBS else NOUNS.get(word, word)


def add_features(table: TokenTable, candidates: Sequence[QuoteCandidate]) -> None:
    """Gives each draft its signs; `drafts` are all candidates of the article."""
    neighbours = defaultdict(list)
    for candidate in candidates:
        neighbours[table.sentence[table.token_at(candidate.segments[0][0])]].append(candidate)
    for sentence in neighbours.values():
        for candidate in sentence:
            candidate.features = _features(table, candidate, sentence)


def _features(table: TokenTable, candidate: QuoteCandidate, sentence: Sequence[QuoteCandidate]) -> tuple[Feature, ...]:
    first = table.token_at(candidate.segments[0][0])
    last = max(first, table.token_at(candidate.segments[-1][1] - 1))
    count = last - first + 1
    marked = sum(table.quoted_span[t] >= 0 for t in range(first, last + 1))
    frame = candidate.rule.replace(" with marks", "").replace("inverted ", "")
    at_cue = _features_of_cue(table, candidate, sentence, (first, last), frame)
    found = {
        "marked": str(round(4 * marked / count) / 4),
        "rule": candidate.rule,
        "behind": _link(table, last + 1, table.paragraph[last]),
        "size": _step(count, _SIZES, "33+"),
        "speaker": _speaker(table, candidate),
        "frame": frame,
        "first word": table.tag[first] if table.tag[first] in _OPENERS else "other",
        **at_cue,
    }
    return tuple((kind, found[kind]) for kind in _ORDER if kind in found)


def _features_of_cue(
    table: TokenTable, candidate: QuoteCandidate, sentence: Sequence[QuoteCandidate], words: tuple[int, int], frame: str
) -> dict[str, str]:
    cue, (first, last) = candidate.cue, words
    if cue is None:
        return {}
    word, above = lemma(table, cue), table.head[cue]
    away, side = (first - cue, "before") if cue < first else (cue - last, "behind") if cue > last else (0, "within")
    others = [(other, other.cue) for other in sentence if other is not candidate and other.cue is not None]
    return {
        "cue": word,
        "cue in frame": f"{word} {frame}",
        "cue's form": f"{table.tag[cue]} {table.dep[cue]}",
        "above the cue": table.dep[above] if above != cue else "nothing",
        "cue's place": f"{side} {_step(away, _DISTANCES, '9+')}",
        "told by others": str(min(2, sum(_holds(other, table.start[cue]) for other, _ in others))),
        "telling of others": str(min(2, sum(_holds(candidate, table.start[theirs]) for _, theirs in others))),
    }


def _step(number: int, steps: Sequence[tuple[int, str]], beyond: str) -> str:
    return next((name for most, name in steps if number <= most), beyond)


def _speaker(table: TokenTable, candidate: QuoteCandidate) -> str:
    subject, cue = candidate.subject, candidate.cue
    if subject is None:
        return "nobody"
    kind = table.entity[subject] if table.entity[subject] in _NAMED else table.tag[subject]
    return f"{kind} {'' if cue is None else 'before' if subject < cue else 'behind'}".strip()


def _link(table: TokenTable, token: int, para: int) -> str:
    """What stands there: the word if it links or is punctuation, else its tag; nothing at the paragraph's end."""
    if token >= len(table.lower) or table.paragraph[token] != para:
        return "nothing"
    word = table.lower[token]
    return word if word in _LINKS or not word[0].isalnum() else table.tag[token]


def _holds(candidate: QuoteCandidate, offset: int) -> bool:
    return candidate.segments[0][0] <= offset < candidate.segments[-1][1]
