"""Refuses candidates that nobody says: a page's furniture, what a banner reads, what the reader is asked to say."""

import re

from pipeline.text.quotes.candidate import QuoteCandidate
from pipeline.text.quotes.lexicon.nouns import BEARERS
from pipeline.text.quotes.lexicon.speech_verbs import PERFORMED, VERBS
from pipeline.text.quotes.tokens import TokenTable

_FURNITURE = re.compile(
    r"\s*(?:Discover more from|Subscribe|Sign up|Read more|READ MORE|Related:|Also read|Click here|Share this|Follow us"
    r"|Photo(?:graph)?:|Image:|\(?(?:Photo|Picture|Credit)s?\b[: ]|By [A-Z][\w.'-]+ [A-Z][\w.'-]+$|Getty|Advertisement"
    r"|Story continues|(?i:source|file photo|caption|corrections?|clarification|watch|read more"
    r"|listen|(?:editor['’]s )?note|disclosure|video|gallery|location)\s?:"
    r"|Copyright|©|All rights reserved|Reporting by|Editing by|Most read|Recommended|Trending)"
)
_APPEAL = re.compile(r"\b(?:[Tt]ell us what you|[Ll]et us know (?:what|in|your)|in the comments(?: below)?\.?$)")
_IN_APPEALS = ("ell us what you", "et us know ", "in the comments")
_INSCRIBED = frozenset({"read", "reads", "reading"})


class NonQuotes:
    """Tells the candidates of one article that nobody says."""

    def __init__(self, table: TokenTable) -> None:
        self._table = table
        self._furniture: dict[int, bool] = {-1: False}  # by paragraph, so that each is looked at once

    def __contains__(self, candidate: QuoteCandidate) -> bool:
        return self._is_furniture(candidate) or (
            not candidate.quoted_spans
            and (self._is_inscription(candidate) or self._is_bidding(candidate) or self._is_performed(candidate))
        )

    def _is_furniture(self, candidate: QuoteCandidate) -> bool:
        """Whether the candidate begins in a line that is no part of the article: Subscribe to …, Photo: …."""
        table = self._table
        number = table.paragraph[table.token_at(candidate.segments[0][0])]
        if number not in self._furniture:
            self._furniture[number] = _is_furniture_line(table.text, *table.paragraphs[number])
        return self._furniture[number]

    def _is_inscription(self, candidate: QuoteCandidate) -> bool:
        """What a banner or a sign reads."""
        table = self._table
        if candidate.cue is None or candidate.subject is None:
            return False
        if table.lower[candidate.cue] in _INSCRIBED and table.lower[candidate.subject] in BEARERS:
            return True
        # “carried a banner that read ‘No Dam’”
        return candidate.rule.is_governed and any(
            table.lower[token] in BEARERS and table.quoted_span[token] < 0
            for token in table.tokens_between(*candidate.segments[0])
        )

    def _is_performed(self, candidate: QuoteCandidate) -> bool:
        """What the writer does by saying it: and I promise it is true."""
        table, cue, subject = self._table, candidate.cue, candidate.subject
        if cue is None or subject is None or table.word(subject) != "I" or table.quoted_span[subject] >= 0:
            return False
        frame = VERBS.get(table.lower[cue])
        return table.tag[cue] == "VBP" and frame is not None and frame.lemma in PERFORMED

    def _is_bidding(self, candidate: QuoteCandidate) -> bool:
        """What the reader is asked to say: “Say goodbye to the old quay.”"""
        table, cue = self._table, candidate.cue
        if cue is None or (candidate.subject is not None and table.lower[candidate.subject] != "'s"):
            return False
        if cue > 1 and (table.lower[cue - 2], table.lower[cue - 1]) == ("let", "'s"):
            return True
        return table.tag[cue] == "VB" and (table.opens_sentence(cue) or table.tag[cue - 1] == "_SP")


def _is_furniture_line(text: str, start: int, end: int) -> bool:
    if _FURNITURE.match(text, start, end):
        return True
    appeals = any(text.find(words, start, end) >= 0 for words in _IN_APPEALS)
    return appeals and _APPEAL.search(text, start, end) is not None
