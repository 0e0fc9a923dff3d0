"""Lists the features of a candidate: plain classes of what its words and the parse show.

Each feature is a kind and a class: the rule that found the candidate, the cue's lemma, how much of it is quoted, what
follows it. `evidence` says what they tell.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from pipeline.text.quotes.candidate import QuoteCandidate
from pipeline.text.quotes.lexicon.grammar import FEATURE_LINKS
from pipeline.text.quotes.lexicon.speech_verbs import NOUNS, VERBS
from pipeline.text.quotes.scoring.evidence import Feature
from pipeline.text.quotes.tokens import TokenTable

_SIZES, _SIZE_NAMES = (1, 2, 4, 8, 16, 32), ("1", "2", "3-4", "5-8", "9-16", "17-32", "33+")
_QUARTERS = ("0.0", "0.25", "0.5", "0.75", "1.0")
_DISTANCES, _DISTANCE_NAMES = (0, 1, 2, 3, 4, 8), ("0", "1", "2", "3", "4", "5-8", "9+")
"""Numbers up to each of these are classes; what is more is the last one."""
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
        first = table.token_at(candidate.segments[0][0])
        by_sentence[table.sentence[first]].append((candidate, first))
    for of_sentence in by_sentence.values():
        sentence = [candidate for candidate, _ in of_sentence]
        for candidate, first in of_sentence:
            candidate.features = _features(table, candidate, sentence, first)


def _features(
    table: TokenTable, candidate: QuoteCandidate, sentence: Sequence[QuoteCandidate], first: int
) -> tuple[Feature, ...]:
    last = max(first, table.token_at(candidate.segments[-1][1] - 1))
    count = last - first + 1
    quoted = table.count_marked(first, last)
    frame = candidate.frame
    features = {
        "marked": _QUARTERS[round(4 * quoted / count)],
        "rule": candidate.rule_name,
        "behind": _link(table, last + 1, table.paragraph[last]),
        "size": _SIZE_NAMES[bisect_left(_SIZES, count)],
        "speaker": _speaker(table, candidate),
        "frame": frame,
        "first word": table.tag[first] if table.tag[first] in _OPENERS else "other",
    }
    if candidate.cue is not None:
        features |= _features_of_cue(table, candidate, candidate.cue, sentence, first, last)
        features["cue in frame"] = f"{features['cue']} {frame}"
        features["cue told"] = f"{features['cue']} {features['told by others']}"
        features["cue and marks"] = f"{features['cue']} {features['marked']}"
    if candidate.sure_end is not None:
        features["end"] = str(round(12 * candidate.sure_end))
        features["end of rule"] = f"{candidate.rule} {round(6 * candidate.sure_end)}"
    return tuple([(kind, features[kind]) for kind in _ORDER if kind in features])


def _features_of_cue(
    table: TokenTable, candidate: QuoteCandidate, cue: int, sentence: Sequence[QuoteCandidate], first: int, last: int
) -> dict[str, str]:
    above = table.head[cue]
    away, side = (first - cue, "before") if cue < first else (cue - last, "behind") if cue > last else (0, "within")
    others = [other for other in sentence if other is not candidate and other.cue is not None]
    cues = [other.cue for other in others if other.cue is not None]
    return {
        "cue": lemma(table, cue),
        "cue's form": f"{table.tag[cue]} {table.dep[cue]}",
        "above the cue": table.dep[above] if above != cue else "nothing",
        "cue's place": f"{side} {_DISTANCE_NAMES[bisect_left(_DISTANCES, away)]}",
        "told by others": str(min(2, sum([_holds(other, table.start[cue]) for other in others]))),
        "telling of others": str(min(2, sum([_holds(candidate, table.start[theirs]) for theirs in cues]))),
    }


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
