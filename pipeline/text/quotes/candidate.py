"""Describes a quote candidate: words that may be a quote, how they were found, where their characters begin and end."""

from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import NamedTuple

from pipeline.text.quotes.tokens import TokenTable

_LEAD = frozenset({",", ":", "--", "-", "—", "–"})
_BEHIND_PRONOUN = frozenset({"VBD", "VBZ", "VBP", "MD", "NN", "NNS", "RB", "JJ"})
"""Tags of what follows a "that" which is a pronoun or a determiner."""


class Rule(StrEnum):
    """The rule that found a candidate. The values are classes of the feature "rule" in the tables of evidence."""

    # Quotation marks and their cue.
    AFTER = "after"  # “…,” she said
    BEFORE = "before"  # she said, “…”
    COLON = "colon"  # she said: “…”
    COLON_THAT = "colon, that"  # she said that it was lost: “…”
    BESIDE = "beside"  # “…,” she shrugged
    SIGNED = "signed"  # “…” — Ann Lee
    AROUND_MARKS = "around marks"  # the sentence around the marks: He left, but “…,” she said
    UNCUED = "uncued"
    UNCUED_LED = "uncued, led"  # a mostly quoted sentence: Instead, “we try again.”
    # Clauses that a cue reports.
    CLAUSE = "clause"
    THAT_CLAUSE = "that clause"
    INFINITIVE = "infinitive"
    OBJECT = "object"
    PREPOSITION = "preposition"
    PREPOSITION_AS = "preposition, as"
    NOUN = "noun"  # her claim that …
    RELATIVE = "relative"  # a port which Lee said was unsafe
    # The sentence around a cue.
    AROUND = "around"
    ACCORDING_TO = "according to"
    AS_TOLD = "as told"  # as Lee said, the plan is dead
    FINAL = "final"  # the cue stands behind it
    MEDIATE = "mediate"  # the cue stands in its middle
    # Fallbacks.
    REST = "rest"
    REST_THAT = "rest, that"
    LABEL = "label"  # Poll: …
    TURN = "turn"  # KEMP: …, a line of a transcript
    GOVERNED_CCOMP = "governed ccomp"
    GOVERNED_XCOMP = "governed xcomp"
    GOVERNED_DOBJ = "governed dobj"
    GOVERNED_OPRD = "governed oprd"
    GOVERNED_AS = "governed prep as"
    GOVERNED_FOR = "governed prep for"
    GOVERNED_AGAINST = "governed prep against"
    GOVERNED_ABOUT = "governed prep about"

    @property
    def is_governed(self) -> bool:
        """Whether the words are what any verb governs, a cue or not."""
        return self in _GOVERNED

    @property
    def reports_sentence(self) -> bool:
        """Whether the words are a whole sentence, with whoever speaks inside it."""
        return self in _SENTENCE_RULES


_GOVERNED = frozenset(rule for rule in Rule if rule.startswith("governed"))
_SENTENCE_RULES = frozenset({Rule.AROUND, Rule.ACCORDING_TO, Rule.FINAL, Rule.MEDIATE})


class RuleFlag(StrEnum):
    """What else is true of the words that a rule found."""

    INVERTED = auto()  # the cue stands before its subject: said Lee
    WITH_MARKS = auto()  # some of the words are quoted
    BEFORE_MARKS = auto()  # a direct quote follows
    GOES_ON = auto()  # the words go on behind the marks
    POINTED_AT = auto()  # a clause behind them says whose they are: or so she claimed


class ClauseBounds(NamedTuple):
    """How far a reported clause may go.

    Attributes:
        first: its first token.
        parse_end: the last token of the parser's clause.
        sentence_end: the last token of the sentence as a reader sees it.
        kind: the kind of content: clause, infinitive, phrase or aside.
        cue: the cue's token.
        verb: the clause's own verb, where the parser has one; no clause ends before it.
    """

    first: int
    parse_end: int
    sentence_end: int
    kind: str
    cue: int
    verb: int = -1


class Hearer(NamedTuple):
    """To whom something is said.

    Attributes:
        head: the head of the words that tell it.
        text: those words.
    """

    head: int
    text: str


@dataclass(slots=True)
class QuoteCandidate:
    """Words that may be a quote, before their speaker has a name.

    Attributes:
        segments: offsets of the words.
        rule: the rule that found them.
        cue: the cue's token.
        subject: the head token of the cue's speaker.
        flags: what else is true of the words.
        cue_last: the last token of a cue of several words.
        carried: whether the speaker is looked for in the sentences before.
        quoted_spans: the quoted spans that the candidate is made of, by number.
        bounds: how far the last segment may go, where an end was chosen.
        score: the probability that words and speaker are right.
        confidence: that probability as far as enough cases warrant it.
        features: what `scoring` knows of the candidate.
        named: the first and last token of the speaker's name, where a label gives it.
        sure_end: the probability that the words end where they were cut, where an end was chosen.
    """

    segments: list[tuple[int, int]]
    rule: Rule
    cue: int | None = None
    subject: int | None = None
    flags: frozenset[RuleFlag] = frozenset()
    cue_last: int | None = None
    carried: bool = False
    quoted_spans: list[int] = field(default_factory=list)
    bounds: ClauseBounds | None = None
    score: float = 0.0
    confidence: float = 0.0
    features: tuple[tuple[str, str], ...] = ()
    named: tuple[int, int] | None = None
    sure_end: float | None = None

    @property
    def frame(self) -> str:
        """The rule's name with what follows the words, whether they are quoted or inverted or not."""
        before = " before marks" if RuleFlag.BEFORE_MARKS in self.flags else ""
        goes_on = ", goes on" if RuleFlag.GOES_ON in self.flags else ""
        return f"{self.rule}{before}{goes_on}"

    @property
    def rule_name(self) -> str:
        """The rule's name with all flags, as the tables of evidence and explanations write it."""
        inverted = "inverted " if RuleFlag.INVERTED in self.flags else ""
        with_marks = " with marks" if RuleFlag.WITH_MARKS in self.flags else ""
        return f"{inverted}{self.frame}{with_marks}"

    @property
    def reports_sentence(self) -> bool:
        """Whether the words are a whole sentence that ends without a direct quote."""
        return self.rule.reports_sentence and RuleFlag.BEFORE_MARKS not in self.flags


def trimmed(table: TokenTable, first: int, last: int) -> tuple[int, int] | None:
    """The offsets of tokens without the punctuation, space and marks that frame them; None if nothing is left.

    An end within a quoted span moves behind it. Marks that frame the whole stay outside.
    """
    while first <= last and (
        table.lower[first] in _LEAD or table.tag[first] == "_SP" or _is_conjunction_that(table, first)
    ):
        first += 1
    while last >= first and (table.tag[last] in {"_SP", ",", ":", "."} or table.lower[last] in {"--", "-"}):
        last -= 1
    if last < first:
        return None
    start, end = table.start[first], table.end[last]
    number = table.quoted_span[last]
    if number >= 0:
        span = table.quoted_spans[number]
        end = max(end, span.end)
        if span.start >= start and not span.closed:
            end = span.inner[-1][1]
        if span.start == start or table.quoted_span[first] == number:
            start, end = span.inner[0][0] if span.start == start else start, span.inner[-1][1]
    elif table.quoted_span[first] >= 0:
        start = min(start, table.quoted_spans[table.quoted_span[first]].start)
    return (start, end) if end > start else None


def with_marks(table: TokenTable, segments: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The pieces of a report, each with the marks that frame it: It is, says Lee, “a song”."""
    if len(segments) < 2:
        return segments
    pieces = []
    for start, end in segments:
        number = table.quoted_span[table.token_at(start)]
        span = table.quoted_spans[number] if number >= 0 else None
        framed = span is not None and span.closed and (start, end) == (span.inner[0][0], span.inner[-1][1])
        pieces.append((span.start, span.end) if span is not None and framed else (start, end))
    return pieces


def _is_conjunction_that(table: TokenTable, token: int) -> bool:
    """Whether a "that" only joins the clause to its cue; “that was not true” and “That the port is shut, …” keep it."""
    if table.word(token) != "that" or token + 1 >= len(table.tag):
        return False
    return table.tag[token] == "IN" or table.dep[token] == "mark" or table.tag[token + 1] not in _BEHIND_PRONOUN
