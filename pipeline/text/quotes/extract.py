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
from pipeline.text.quotes.candidate import Draft
from pipeline.text.quotes.detection.direct import spoken
from pipeline.text.quotes.detection.direct_cues import opens_sentence
from pipeline.text.quotes.detection.fallbacks import wider
from pipeline.text.quotes.detection.parentheticals import asides
from pipeline.text.quotes.detection.reported_clauses import reported
from pipeline.text.quotes.modality import modality
from pipeline.text.quotes.scoring.chances import FLOOR, chance
from pipeline.text.quotes.scoring.evidence import Sign
from pipeline.text.quotes.scoring.features import lemma, show
from pipeline.text.quotes.tokens import Sheet, make_sheet

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
    candidates: tuple[tuple[str, float], ...]
    signs: tuple[Sign, ...] = ()


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
    doc: Doc, *, article_id: str, published: datetime | None, headline: str = "", floor: float = FLOOR
) -> list[Explanation]:
    """The quotes as `extract_quotes` gives them, each with the reasons for it; `floor` is the least chance of one."""
    if not len(doc):
        return []
    sheet = make_sheet(doc)
    drafts = _settle(sheet, _weighed(candidates(sheet), floor))
    drafts.sort(key=lambda d: d.segments[0])
    quotes = [
        Explanation(
            _quote(sheet, draft, who.speaker, article_id, published),
            sheet.word(draft.cue) if draft.cue is not None else None,
            draft.rule,
            draft.score,
            who.how,
            who.candidates,
            draft.signs,
        )
        for draft, who in zip(drafts, attribute(sheet, drafts), strict=True)
    ]
    return sorted(quotes, key=lambda e: (e.quote.start, e.quote.end))


def candidates(sheet: Sheet) -> list[Draft]:
    """All that could be a quote, likely or not, with its signs."""
    direct = spoken(sheet)
    taken = {region for draft in direct for region in draft.regions}
    found = reported(sheet, taken)
    found += asides(sheet, taken, {draft.cue for draft in direct + found if draft.rule == "around" or draft.regions})
    found = direct + found + wider(sheet, taken, {draft.cue for draft in direct + found})
    furniture = _Furniture(sheet)
    found = [
        draft
        for draft in found
        if not (_is_inscription(sheet, draft) or furniture.holds(draft) or _is_bidding(sheet, draft))
    ]
    show(sheet, found)
    return found


def _weighed(drafts: list[Draft], floor: float) -> list[Draft]:
    """The drafts that are likely enough to be quotes, with the chance that quote and speaker are right as score."""
    kept = []
    for draft in drafts:
        likely = chance(draft.signs)
        draft.score = likely.right
        if draft.regions or likely.found >= floor:
            kept.append(draft)
    return kept


_BEARERS = frozenset(
    """banner banners sign signs placard placards poster posters plaque plaques sticker stickers billboard
    billboards""".split()
)
_INSCRIBED = frozenset({"read", "reads", "reading"})


def _is_inscription(sheet: Sheet, draft: Draft) -> bool:
    """What a banner or a sign reads: nobody says it."""
    if draft.cue is None or draft.subject is None or draft.regions:
        return False
    if sheet.lower[draft.cue] in _INSCRIBED and sheet.lower[draft.subject] in _BEARERS:
        return True
    words = sheet.tokens(*draft.segments[0])  # “carried a banner that read ‘No Dam’”
    return draft.rule.startswith("governed") and any(
        sheet.lower[token] in _BEARERS and sheet.region[token] < 0 for token in words
    )


def _is_bidding(sheet: Sheet, draft: Draft) -> bool:
    """Whether the reader is asked to speak, and nobody does: “Say goodbye to the old quay.”"""
    cue = draft.cue
    if cue is None or draft.regions or (draft.subject is not None and sheet.lower[draft.subject] != "'s"):
        return False
    if cue > 1 and (sheet.lower[cue - 2], sheet.lower[cue - 1]) == ("let", "'s"):
        return True
    return sheet.tag[cue] == "VB" and (opens_sentence(sheet, cue) or sheet.tag[cue - 1] == "_SP")


_WIDE = frozenset(
    {"around", "according to", "final", "mediate", "inverted final", "inverted mediate"}
)  # these report a whole sentence, with whoever speaks inside it


_OUTER = 0.4
"""The chance from which what somebody reports is not told apart from the report: “Ross said Lee had said …”."""


def _within(sheet: Sheet, draft: Draft, outer: Draft) -> bool:
    """Whether the outer draft reports that somebody said the other."""
    if draft is outer or draft.cue is None or draft.subject is None or outer.score < _OUTER:
        return False
    begin, end = outer.segments[0]
    told = (sheet.start[draft.cue], sheet.start[draft.subject], *(at for segment in draft.segments for at in segment))
    return all(begin <= at <= end for at in told)


def _settle(sheet: Sheet, drafts: list[Draft]) -> list[Draft]:
    """Of drafts that say the same words, the surer one; a clause within a reported clause goes with the outer one."""
    reports: dict[int, list[Draft]] = defaultdict(list)  # by the sentences of what is reported first
    for draft in drafts:
        for sentence in _sentences(sheet, *draft.segments[0]):
            reports[sentence].append(draft)
    drafts = [
        d
        for d in drafts
        if d.regions or d.cue is None or not any(_within(sheet, d, outer) for outer in reports[sheet.stretch[d.cue]])
    ]
    kept: list[Draft] = []
    said: dict[int, list[tuple[int, int]]] = defaultdict(list)  # the segments of those kept, by sentence
    by_cue: dict[int | None, list[Draft]] = defaultdict(list)
    for draft in sorted(drafts, key=_rank):
        places = [(sentence, segment) for segment in draft.segments for sentence in _sentences(sheet, *segment)]
        overlap = any(_overlap(segment, other) for sentence, segment in places for other in said[sentence])
        if overlap or any(_swapped(sheet, draft, other) for other in by_cue[draft.cue]):
            continue
        kept.append(draft)
        by_cue[draft.cue].append(draft)
        for sentence, segment in places:
            said[sentence].append(segment)
    return kept


def _sentences(sheet: Sheet, start: int, end: int) -> range:
    """The numbers of the sentences that hold some of the characters."""
    return range(sheet.stretch[sheet.at(start)], sheet.stretch[sheet.at(end - 1)] + 1)


def _overlap(one: tuple[int, int], two: tuple[int, int]) -> bool:
    """Whether a segment says over half of what another says, or the other of the one."""
    (a, b), (c, d) = one, two
    return min(b, d) - max(a, c) > 0.5 * min(b - a, d - c)


def _swapped(sheet: Sheet, one: Draft, two: Draft) -> bool:
    """Whether with the same cue one has among its words who speaks in the other: “The plan, said Keller, is dead”."""
    return one.cue == two.cue is not None and (_tells(sheet, one, two.subject) or _tells(sheet, two, one.subject))


def _tells(sheet: Sheet, draft: Draft, subject: int | None) -> bool:
    return subject is not None and any(a <= sheet.start[subject] < b for a, b in draft.segments)


def _rank(draft: Draft) -> tuple[bool, bool, bool, float, int]:
    """Marked sentences first; last what a verb governs that is no cue: “stars in an ad that urges voters to …”."""
    length = draft.segments[-1][1] - draft.segments[0][0]
    return not draft.regions, draft.rule not in _WIDE, draft.rule.startswith("governed"), -draft.score, -length


class _Furniture:
    """Which lines are no part of the article's text; each is looked at once."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._lines: dict[int, bool] = {-1: False}

    def holds(self, draft: Draft) -> bool:
        """Whether the draft begins in such a line."""
        line = self._sheet.para[self._sheet.at(draft.segments[0][0])]
        if line not in self._lines:
            self._lines[line] = bool(_FURNITURE.match(self._sheet.text, *self._sheet.lines[line]))
        return self._lines[line]


def _kind(sheet: Sheet, segments: list[tuple[int, int]]) -> QuoteType:
    total = inside = 0
    for start, end in segments:
        for token in sheet.tokens(start, end):
            if sheet.text[sheet.start[token]].isalnum():
                total += 1
                inside += sheet.region[token] >= 0
    if not inside:
        return QuoteType.INDIRECT
    return QuoteType.DIRECT if inside >= 0.95 * total else QuoteType.MIXED


def _quote(sheet: Sheet, draft: Draft, speaker: Speaker | None, article_id: str, published: datetime | None) -> Quote:
    start, end = draft.segments[0][0], draft.segments[-1][1]
    text = sheet.text[start:end]
    when = details.date_mention(sheet, draft)
    cue = None
    if draft.cue is not None:
        last = draft.cue if draft.cue_last is None else draft.cue_last
        words = sheet.text[sheet.start[draft.cue] : sheet.end[last]]
        cue = Cue(text=words, lemma=lemma(sheet, draft.cue),
                  start=sheet.start[draft.cue], end=sheet.end[last])  # fmt: skip
    lines = [sheet.lines[p] for p in {sheet.para[sheet.at(start)], sheet.para[sheet.at(end - 1)]} if p >= 0]
    context = (min(a for a, _ in lines), max(b for _, b in lines)) if lines else (start, end)
    return Quote(
        id=quote_id(article_id, text, draft.segments), type=_kind(sheet, draft.segments), text=text,
        start=start, end=end,
        segments=draft.segments, cue=cue, speaker=speaker, addressee=details.addressee(sheet, draft),
        medium=details.medium(sheet, draft), said_on=resolve_date(when, published) if when else None, date_mention=when,
        modality=modality(sheet, draft.cue), confidence=round(draft.score, 3), context=context,
    )  # fmt: skip
