"""Finds the quotes of a parsed article: candidates, probabilities, speakers, details; see docs/quotes.md."""

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from spacy.tokens import Doc

from pipeline.identity import quote_id
from pipeline.models import Cue, Quote, QuoteType
from pipeline.text.dates import resolve_date
from pipeline.text.names.referents import Referents, find_referents
from pipeline.text.quotes import details
from pipeline.text.quotes.attribution.speaker import Attribution, attribute
from pipeline.text.quotes.candidate import QuoteCandidate, Rule, with_marks
from pipeline.text.quotes.detection.direct import direct_quotes
from pipeline.text.quotes.detection.fallbacks import fallbacks
from pipeline.text.quotes.detection.parentheticals import parentheticals
from pipeline.text.quotes.detection.reported_clauses import reported_clauses
from pipeline.text.quotes.detection.stances import completed_lemma
from pipeline.text.quotes.detection.turns import statements, turns, without_told
from pipeline.text.quotes.modality import modality
from pipeline.text.quotes.non_quotes import NonQuotes
from pipeline.text.quotes.scoring.evidence import MIN_PROBABILITY, Feature
from pipeline.text.quotes.scoring.features import add_features, lemma
from pipeline.text.quotes.selection import select
from pipeline.text.quotes.tokens import TokenTable

_PLACE = attrgetter("start", "end")
_DIRECT = 0.95  # the part of a direct quote's words that stands in quotation marks


@dataclass(frozen=True, slots=True)
class Explanation:
    """A quote and why it was taken.

    Attributes:
        quote: the quote.
        cue: the word that reports it.
        rule: the rule that found it, by name.
        score: the probability that its words and its speaker are right.
        how: how its speaker was found.
        speaker_options: the names that its speaker may have had, with their shares of 1.
        features: what the score was made of.
    """

    quote: Quote
    cue: str | None
    rule: str
    score: float
    how: str
    speaker_options: tuple[tuple[str, float], ...]
    features: tuple[Feature, ...] = ()


def extract_quotes(
    doc: Doc, *, article_id: str, published: datetime | None, names: Referents | None = None
) -> list[Quote]:
    """The quotes of an article in the order of its text.

    Args:
        doc: the body, parsed by a spaCy pipeline with tagger, parser and entities; offsets refer to `doc.text`.
        article_id: goes into the quotes' ids.
        published: what date mentions are resolved against.
        names: whom the article names, where that is known already.
    """
    if not len(doc):
        return []
    names = names or find_referents(doc)
    found = _find(names, MIN_PROBABILITY)
    return sorted((_quote(names.table, *one, article_id, published) for one in found), key=_PLACE)


def explain_quotes(
    doc: Doc,
    *,
    article_id: str,
    published: datetime | None,
    names: Referents | None = None,
    min_probability: float = MIN_PROBABILITY,
) -> list[Explanation]:
    """The quotes as `extract_quotes` gives them, each with the reasons for it.

    Args:
        doc: the body, as for `extract_quotes`.
        article_id: goes into the quotes' ids.
        published: what date mentions are resolved against.
        names: whom the article names, where that is known already.
        min_probability: candidates that are less likely to be quotes are left out.
    """
    if not len(doc):
        return []
    names = names or find_referents(doc)
    table = names.table
    explanations = [
        Explanation(
            _quote(table, candidate, who, article_id, published),
            table.word(candidate.cue) if candidate.cue is not None else None,
            candidate.rule_name,
            candidate.score,
            who.how,
            who.options,
            candidate.features,
        )
        for candidate, who in _find(names, min_probability)
    ]
    return sorted(explanations, key=lambda why: _PLACE(why.quote))


def _find(names: Referents, min_probability: float) -> list[tuple[QuoteCandidate, Attribution]]:
    """The candidates that are taken, each with its speaker."""
    table = names.table
    candidates = select(table, find_candidates(table), min_probability)
    speakers = attribute(names, candidates, [details.hearer(table, candidate) for candidate in candidates])
    return list(zip(candidates, speakers, strict=True))


def find_candidates(table: TokenTable) -> list[QuoteCandidate]:
    """All that could be a quote, likely or not, with its features."""
    candidates = direct_quotes(table)
    taken = {number for candidate in candidates for number in candidate.quoted_spans}
    candidates += reported_clauses(table, taken)
    settled = (candidate for candidate in candidates if candidate.rule is Rule.AROUND or candidate.quoted_spans)
    candidates += parentheticals(table, taken, {candidate.cue for candidate in settled})
    spoken = turns(table, taken) + statements(table, taken)
    candidates += fallbacks(table, taken, {candidate.cue for candidate in [*candidates, *spoken]})
    for candidate in candidates:
        if not candidate.quoted_spans:
            candidate.segments = with_marks(table, candidate.segments)
    candidates = [*without_told(spoken, candidates), *spoken]
    non_quotes = NonQuotes(table)
    candidates = [candidate for candidate in candidates if candidate not in non_quotes]
    add_features(table, candidates)
    return candidates


def _quote(
    table: TokenTable, candidate: QuoteCandidate, who: Attribution, article_id: str, published: datetime | None
) -> Quote:
    start, end = candidate.segments[0][0], candidate.segments[-1][1]
    text = table.text[start:end]
    when = details.date_mention(table, candidate)
    return Quote(
        id=quote_id(article_id, text, candidate.segments),
        type=_type(table, candidate),
        text=text,
        start=start,
        end=end,
        segments=candidate.segments,
        cue=_cue(table, candidate),
        speaker=who.speaker,
        addressee=who.addressee,
        medium=details.medium(table, candidate),
        said_on=resolve_date(when, published) if when else None,
        date_mention=when,
        modality=modality(table, candidate.cue),
        confidence=round(candidate.confidence, 3),
        context=_context(table, start, end),
    )


def _type(table: TokenTable, candidate: QuoteCandidate) -> QuoteType:
    total = inside = 0
    text, begins, quoted_span = table.text, table.start, table.quoted_span
    for segment in candidate.segments:
        for token in table.tokens_between(*segment):
            if text[begins[token]].isalnum():
                total += 1
                inside += quoted_span[token] >= 0
    if candidate.rule is Rule.TURN and candidate.named is not None:
        headline = table.paragraph[table.token_at(candidate.segments[0][0])] == 0
        return QuoteType.MIXED if headline and inside else QuoteType.DIRECT  # A turn is verbatim without marks too.
    if not inside:
        return QuoteType.INDIRECT
    return QuoteType.DIRECT if inside >= _DIRECT * total else QuoteType.MIXED


def _cue(table: TokenTable, candidate: QuoteCandidate) -> Cue | None:
    if candidate.cue is None:
        return None
    last = candidate.cue if candidate.cue_last is None else candidate.cue_last
    start, end = table.start[candidate.cue], table.end[last]
    completed = completed_lemma(table.lower[last]) if last > candidate.cue else None
    return Cue(text=table.text[start:end], lemma=completed or lemma(table, candidate.cue), start=start, end=end)


def _context(table: TokenTable, start: int, end: int) -> tuple[int, int]:
    """The paragraphs that hold the first and the last character."""
    numbers = {table.paragraph[table.token_at(start)], table.paragraph[table.token_at(end - 1)]} - {-1}
    if not numbers:
        return start, end
    return table.paragraphs[min(numbers)][0], table.paragraphs[max(numbers)][1]
