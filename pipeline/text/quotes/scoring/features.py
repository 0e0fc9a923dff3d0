"""Lists the features of a candidate: plain classes of what its words and the parse show.

Each feature is a kind and a class: the rule that found the candidate, the cue's lemma, how much of it is quoted, what
follows it. `evidence` says what they tell.
"""

from collections import defaultdict
from collections.abc import Sequence

from pipeline.text.quotes.candidate import QuoteCandidate
from pipeline.text.quotes.lexicon.grammar import FEATURE_LINKS
from pipeline.text.quotes.lexicon.speech_verbs import NOUNS, VERBS
from pipeline.text.quotes.scoring.evidence import Feature
from pipeline.text.quotes.tokens import TokenTable

_SIZES = ((1, "1"), (2, "2"), (4, "3-4"), (8, "5-8"), (16, "9-16"), (32, "17-32"))
_DISTANCES = ((0, "0"), (1, "1"), (2, "2"), (3, "3"), (4, "4"), (8, "5-8"))
_OPENERS = frozenset({"DT", "PRP$", "PRP", "NNP", "NN", "NNS", "IN", "TO", "VBG", "CD", "WP", "WRB", "JJ"})
_NAMED = frozenset({"PERSON", "ORG", "GPE", "NORP"})
_ORDER = (
    "marked", "end", "rule", "cue in frame", "told by others", "behind", "above the cue", "size", "cue",
    "cue's form", "cue's place", "speaker", "telling of others", "frame", "first word", "end of rule",
    "cue told", "cue and marks",
)  # fmt: skip
"""Features are counted in this order, each beside what the ones before it promise."""


def lemma(table: TokenTable, cue: int) -> str:
    """The lemma of a cue."""
    word = table.lower[cue]
    if word == "according":
        return "according to"
    return VERBS[word].lemma if word in VERBS else NOUNS.get(word, word)


def add_features(table: TokenTable, candidates: Sequence[QuoteCandidate]) -> None:
    """Give each candidate its features; `candidates` are all of the article's."""
    by_sentence = defaultdict(list)
    for candidate in candidates:
        by_sentence[table.sentence[table.token_at(candidate.segments[0][0])]].append(candidate)
    for sentence in by_sentence.values():
        for candidate in sentence:
            candidate.features = _features(table, candidate, sentence)


def _features(table: TokenTable, candidate: QuoteCandidate, sentence: Sequence[QuoteCandidate]) -> tuple[Feature, ...]:
    first = table.token_at(candidate.segments[0][0])
    last = max(first, table.token_at(candidate.segments[-1][1] - 1))
    count = last - first + 1
    quoted = sum(table.quoted_span[token] >= 0 for token in range(first, last + 1))
    features = {
        "marked": str(round(4 * quoted / count) / 4),
        "rule": candidate.rule_name,
        "behind": _link(table, last + 1, table.paragraph[last]),
        "size": _step(count, _SIZES, "33+"),
        "speaker": _speaker(table, candidate),
        "frame": candidate.frame,
        "first word": table.tag[first] if table.tag[first] in _OPENERS else "other",
        **_features_of_cue(table, candidate, sentence, first, last),
    }
    if candidate.sure_end is not None:
        features["end"] = str(round(12 * candidate.sure_end))
        features["end of rule"] = f"{candidate.rule.value} {round(6 * candidate.sure_end)}"
    if candidate.cue is not None:
        features["cue told"] = f"{features['cue']} {features['told by others']}"
        features["cue and marks"] = f"{features['cue']} {features['marked']}"
    return tuple((kind, features[kind]) for kind in _ORDER if kind in features)


def _features_of_cue(
    table: TokenTable, candidate: QuoteCandidate, sentence: Sequence[QuoteCandidate], first: int, last: int
) -> dict[str, str]:
    cue = candidate.cue
    if cue is None:
        return {}
    word, above = lemma(table, cue), table.head[cue]
    away, side = (first - cue, "before") if cue < first else (cue - last, "behind") if cue > last else (0, "within")
    others = [(other, other.cue) for other in sentence if other is not candidate and other.cue is not None]
    return {
        "cue": word,
        "cue in frame": f"{word} {candidate.frame}",
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


def _link(table: TokenTable, token: int, paragraph: int) -> str:
    """The word at a token if it links or is punctuation, else its tag; "nothing" at the paragraph's end."""
    if token >= len(table.lower) or table.paragraph[token] != paragraph:
        return "nothing"
    word = table.lower[token]
    return word if word in FEATURE_LINKS or not word[0].isalnum() else table.tag[token]


def _holds(candidate: QuoteCandidate, offset: int) -> bool:
    return candidate.segments[0][0] <= offset < candidate.segments[-1][1]
