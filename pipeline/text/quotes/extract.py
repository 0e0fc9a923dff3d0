"""From a parsed article to its quotes: marks, cues, contents, speakers, names, details; see docs/quotes.md."""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from spacy.tokens import Doc

from pipeline.identity import quote_id
from pipeline.models import Cue, Quote, QuoteType, Speaker
from pipeline.text.dates import resolve_date
from pipeline.text.quotes import details
from pipeline.text.quotes.attribution.speaker import attribute
from pipeline.text.quotes.candidate import QuoteCandidate
from pipeline.text.quotes.detection.direct import direct_quotes
from pipeline.text.quotes.detection.direct_cues import opens_sentence
from pipeline.text.quotes.detection.fallbacks import fallbacks
from pipeline.text.quotes.detection.parentheticals import parentheticals
from pipeline.text.quotes.detection.reported_clauses import reported_clauses
from pipeline.text.quotes.modality import modality
from pipeline.text.quotes.scoring.chances import MIN_PROBABILITY, probabilities
from pipeline.text.quotes.scoring.evidence import Feature
from pipeline.text.quotes.scoring.features import add_features, lemma
from pipeline.text.quotes.tokens import TokenTable, make_token_table

_FURNITURE = re.compile(
    r"\s*(?:Discover more from|Subscribe|Sign up|Read more|READ MORE|Related:|Also read|Click here|Share this|Follow us"
    r"|Photo(?:graph)?:|Image:|\(?(?:Photo|Picture|Credit)s?\b[: ]|By [A-Z][\w.'-]+ [A-Z][\w.'-]+$|Getty|Advertisement"
    r"|Copyright|©|All rights reserved|Reporting by|Editing by|Most read|Recommended|Trending)"
    r"|.*\b(?:[Tt]ell us what you|[Ll]et us know (?:what|in|your)|in the comments(?: below)?\.?$)"
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a quote was taken: its cue, rule and score, how its speaker was found, and who stood to choose."""

    quote: Quote
    cue: str | None
    rule: str
    score: float
    how: str
    speaker_options: tuple[tuple[str, float], ...]
    features: tuple[Feature, ...] = ()


def extract_quotes(doc: Doc, *, article_id: str, published: datetime | None, headline: str = "") -> list[Quote]:
    """The quotes of an article in the order of its text.

    Args:
        doc: the body, parsed by a spaCy pipeline with tagger, parser and entities; offsets refer to `doc.text`.
        article_id: goes into the quotes' ids.
        published: what date mentions are resolved against.
        headline: the article's headline; names in it help nobody yet and it is not searched for quotes.
    """
    return [e.quote for e in explain_quotes(doc, article_id=article_id, published=published, headline=headline)]


def explain_quotes(
    doc: Doc,
    *,
    article_id: str,
    published: datetime | None,
    headline: str = "",
    min_probability: float = MIN_PROBABILITY,
) -> list[Explanation]:
    """The quotes as `extract_quotes` gives them, each with the reasons for it; `floor` is the least chance of one."""
    if not len(doc):
        return []
    table = make_token_table(doc)
    candidates = _without_overlaps(table, _likely(find_candidates(table), min_probability))
    candidates.sort(key=lambda d: d.segments[0])
    quotes = [
        Explanation(
            _quote(table, candidate, who.speaker, article_id, published),
            table.word(candidate.cue) if candidate.cue is not None else None,
            candidate.rule,
            candidate.score,
            who.how,
            who.options,
            candidate.features,
        )
        for candidate, who in zip(candidates, attribute(table, candidates), strict=True)
    ]
    return sorted(quotes, key=lambda e: (e.quote.start, e.quote.end))


def find_candidates(table: TokenTable) -> list[QuoteCandidate]:
    """All that could be a quote, likely or not, with its signs."""
    direct = direct_quotes(table)
    taken = {region for candidate in direct for region in candidate.quoted_spans}
    found = reported_clauses(table, taken)
    found += parentheticals(
        table,
        taken,
        {candidate.cue for candidate in direct + found if candidate.rule == "around" or candidate.quoted_spans},
    )
    found = direct + found + fallbacks(table, taken, {candidate.cue for candidate in direct + found})
    furniture = _Furniture(table)
    found = [
        candidate
        for candidate in found
        if not (_is_inscription(table, candidate) or furniture.holds(candidate) or _is_bidding(table, candidate))
    ]
    add_features(table, found)
    return found


def _likely(candidates: list[QuoteCandidate], min_probability: float) -> list[QuoteCandidate]:
    """The drafts that are likely enough to be quotes, with the chance that quote and speaker are right as score."""
    kept = []
    for candidate in candidates:
        likely = probabilities(candidate.features)
        candidate.score = likely.right
        if candidate.quoted_spans or likely.found >= min_probability:
            kept.append(candidate)
    return kept


_BEARERS = frozenset(
    """banner banners sign signs placard placards poster posters plaque plaques sticker stickers billboard
    billboards""".split()
)
_INSCRIBED = frozenset({"read", "reads", "reading"})


def _is_inscription(table: TokenTable, candidate: QuoteCandidate) -> bool:
    """What a banner or a sign reads: nobody says it."""
    if candidate.cue is None or candidate.subject is None or candidate.quoted_spans:
        return False
    if table.lower[candidate.cue] in _INSCRIBED and table.lower[candidate.subject] in _BEARERS:
        return True
    words = table.tokens_between(*candidate.segments[0])  # “carried a banner that read ‘No Dam’”
    return candidate.rule.startswith("governed") and any(
        table.lower[token] in _BEARERS and table.quoted_span[token] < 0 for token in words
    )


def _is_bidding(table: TokenTable, candidate: QuoteCandidate) -> bool:
    """Whether the reader is asked to speak, and nobody does: “Say goodbye to the old quay.”"""
    cue = candidate.cue
    if (
        cue is None
        or candidate.quoted_spans
        or (candidate.subject is not None and table.lower[candidate.subject] != "'s")
    ):
        return False
    if cue > 1 and (table.lower[cue - 2], table.lower[cue - 1]) == ("let", "'s"):
        return True
    return table.tag[cue] == "VB" and (opens_sentence(table, cue) or table.tag[cue - 1] == "_SP")


_WIDE = frozenset(
    {"around", "according to", "final", "mediate", "inverted final", "inverted mediate"}
)  # these report a whole sentence, with whoever speaks inside it


_OUTER = 0.4
"""The chance from which what somebody reports is not told apart from the report: “Ross said Lee had said …”."""


def _within(table: TokenTable, candidate: QuoteCandidate, outer: QuoteCandidate) -> bool:
    """Whether the outer draft reports that somebody said the other."""
    if candidate is outer or candidate.cue is None or candidate.subject is None or outer.score < _OUTER:
        return False
    begin, end = outer.segments[0]
    told = (
        table.start[candidate.cue],
        table.start[candidate.subject],
        *(at for segment in candidate.segments for at in segment),
    )
    return all(begin <= at <= end for at in told)


def _without_overlaps(table: TokenTable, candidates: list[QuoteCandidate]) -> list[QuoteCandidate]:
    """Of drafts that say the same words, the surer one; a clause within a reported clause goes with the outer one."""
    outer_candidates: dict[int, list[QuoteCandidate]] = defaultdict(list)  # by the sentences of what is reported first
    for candidate in candidates:
        for sentence in _sentences(table, *candidate.segments[0]):
            outer_candidates[sentence].append(candidate)
    candidates = [
        d
        for d in candidates
        if d.quoted_spans
        or d.cue is None
        or not any(_within(table, d, outer) for outer in outer_candidates[table.sentence[d.cue]])
    ]
    kept: list[QuoteCandidate] = []
    said: dict[int, list[tuple[int, int]]] = defaultdict(list)  # the segments of those kept, by sentence
    by_cue: dict[int | None, list[QuoteCandidate]] = defaultdict(list)
    for candidate in sorted(candidates, key=_rank):
        places = [(sentence, segment) for segment in candidate.segments for sentence in _sentences(table, *segment)]
        overlap = any(_overlap(segment, other) for sentence, segment in places for other in said[sentence])
        if overlap or any(_swapped(table, candidate, other) for other in by_cue[candidate.cue]):
            continue
        kept.append(candidate)
        by_cue[candidate.cue].append(candidate)
        for sentence, segment in places:
            said[sentence].append(segment)
    return kept


def _sentences(table: TokenTable, start: int, end: int) -> range:
    """The numbers of the sentences that hold some of the characters."""
    return range(table.sentence[table.token_at(start)], table.sentence[table.token_at(end - 1)] + 1)


def _overlap(one: tuple[int, int], two: tuple[int, int]) -> bool:
    """Whether a segment says over half of what another says, or the other of the one."""
    (a, b), (c, d) = one, two
    return min(b, d) - max(a, c) > 0.5 * min(b - a, d - c)


def _swapped(table: TokenTable, one: QuoteCandidate, two: QuoteCandidate) -> bool:
    """Whether with the same cue one has among its words who speaks in the other: “The plan, said Keller, is dead”."""
    return one.cue == two.cue is not None and (_tells(table, one, two.subject) or _tells(table, two, one.subject))


def _tells(table: TokenTable, candidate: QuoteCandidate, subject: int | None) -> bool:
    return subject is not None and any(a <= table.start[subject] < b for a, b in candidate.segments)


def _rank(candidate: QuoteCandidate) -> tuple[bool, bool, bool, float, int]:
    """Marked sentences first; last what a verb governs that is no cue: “stars in an ad that urges voters to …”."""
    length = candidate.segments[-1][1] - candidate.segments[0][0]
    return (
        not candidate.quoted_spans,
        candidate.rule not in _WIDE,
        candidate.rule.startswith("governed"),
        -candidate.score,
        -length,
    )


class _Furniture:
    """Which lines are no part of the article's text; each is looked at once."""

    def __init__(self, table: TokenTable) -> None:
        self._table = table
        self._lines: dict[int, bool] = {-1: False}

    def holds(self, candidate: QuoteCandidate) -> bool:
        """Whether the draft begins in such a line."""
        line = self._table.paragraph[self._table.token_at(candidate.segments[0][0])]
        if line not in self._lines:
            self._lines[line] = bool(_FURNITURE.match(self._table.text, *self._table.paragraphs[line]))
        return self._lines[line]


def _kind(table: TokenTable, segments: list[tuple[int, int]]) -> QuoteType:
    total = inside = 0
    for start, end in segments:
        for token in table.tokens_between(start, end):
            if table.text[table.start[token]].isalnum():
                total += 1
                inside += table.quoted_span[token] >= 0
    if not inside:
        return QuoteType.INDIRECT
    return QuoteType.DIRECT if inside >= 0.95 * total else QuoteType.MIXED


def _quote(
    table: TokenTable, candidate: QuoteCandidate, speaker: Speaker | None, article_id: str, published: datetime | None
) -> Quote:
    start, end = candidate.segments[0][0], candidate.segments[-1][1]
    text = table.text[start:end]
    when = details.date_mention(table, candidate)
    cue = None
    if candidate.cue is not None:
        last = candidate.cue if candidate.cue_last is None else candidate.cue_last
        words = table.text[table.start[candidate.cue] : table.end[last]]
        cue = Cue(text=words, lemma=lemma(table, candidate.cue),
                  start=table.start[candidate.cue], end=table.end[last])  # fmt: skip
    lines = [
        table.paragraphs[p]
        for p in {table.paragraph[table.token_at(start)], table.paragraph[table.token_at(end - 1)]}
        if p >= 0
    ]
    context = (min(a for a, _ in lines), max(b for _, b in lines)) if lines else (start, end)
    return Quote(
        id=quote_id(article_id, text, candidate.segments), type=_kind(table, candidate.segments), text=text,
        start=start, end=end,
        segments=candidate.segments, cue=cue, speaker=speaker, addressee=details.addressee(table, candidate),
        medium=details.medium(table, candidate), said_on=resolve_date(when, published) if when else None,
        date_mention=when,
        modality=modality(table, candidate.cue), confidence=round(candidate.score, 3), context=context,
    )  # fmt: skip
