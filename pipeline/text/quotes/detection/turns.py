"""Finds turns of a transcript, a debate or an interview: what stands behind a label without marks, and goes on below.

A label's line is a turn where it is written in capitals, where a title makes it a person's, or where several lines have
labels. What a turn says is verbatim; what it tells of others is no quote of its own.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.text.names.label_initials import initials_of
from pipeline.text.names.labels import Label, label_at
from pipeline.text.quotes.attribution.cue_subject import subject_of
from pipeline.text.quotes.candidate import QuoteCandidate, Rule
from pipeline.text.quotes.detection.labels import is_somebody, is_speaker, is_titled, name_tokens
from pipeline.text.quotes.lexicon.grammar import FINITE
from pipeline.text.quotes.lexicon.nouns import PEOPLE
from pipeline.text.quotes.quoted_words import reports
from pipeline.text.quotes.tokens import TokenTable

_FIRST_PERSON = re.compile(r"\b(?:I|[Mm]e|[Mm]y|[Ww]e|[Yy]ou|[Yy]our|[Oo]ur)\b")
_MARK = re.compile(r"\s*\d+(?:\.\d+)?(?:/\d+|\s*[–—-]\s)")
"""What a judge gives: Lee: 4/10 – Lost the ball."""
_ANSWERED_BY = {"Q": "A", "A": "Q", "Question": "Answer", "Answer": "Question"}
_OWN_WORDS = frozenset("i me my mine myself we us our ours you your yours".split())
_OTHERS_WORDS = frozenset("he him his himself she her hers herself".split())
_FEWEST_WORDS = 3  # of a turn behind a title and a name: Mr Lee: 547


def turns(table: TokenTable, taken: set[int]) -> list[QuoteCandidate]:
    """The turns of a transcript or an interview, whose words have no marks, with the paragraphs that go on with them.

    Args:
        table: the article.
        taken: the quoted spans that are quotes already.
    """
    lines = enumerate(table.paragraphs)
    labels = {number: label for number, bounds in lines if (label := label_at(table.text, *bounds))}
    conversation = _Conversation(table, labels)
    last = max(labels, default=0)
    candidates = []
    for number, label in labels.items():
        begin, end = _behind_blanks(table.text, label.end), table.paragraphs[number][1]
        tokens = table.tokens_between(begin, end)
        if not len(tokens) or not conversation.has_turn(label) or table.quoted_span[tokens[0]] in taken:
            continue
        if not conversation.may_quote(label) and any(table.quoted_span[token] in taken for token in tokens):
            continue
        candidate = turn(table, label, (begin, end))
        below = number + 1
        while below < last and below not in labels and _goes_on(table, below, taken, conversation.surnames):
            candidate.segments.append(table.paragraphs[below])
            below += 1
        candidates.append(candidate)
    return candidates


class _Conversation:
    """The labels of an article, and whether what stands behind one is a turn.

    Attributes:
        surnames: the last words of the labels' names.
    """

    def __init__(self, table: TokenTable, labels: dict[int, Label]) -> None:
        self._table = table
        self._names = Counter(table.text[label.start : label.name_end] for label in labels.values())
        self._words = Counter(table.lower) if labels else Counter()
        self._surnames = Counter(table.lower[name_tokens(table, label)[1]] for label in labels.values())
        self.surnames = set(self._surnames)
        ends = {label.end: table.paragraphs[number][1] for number, label in labels.items()}
        # Lists have names with a colon too: Lee: 547. Lists of places and parties speak of "you" and "we".
        self._asked = not any(_MARK.match(table.text, begin, end) for begin, end in ends.items()) and (
            any(table.text[end - 1] == "?" for end in ends.values())
            or (
                any(_FIRST_PERSON.search(table.text, begin, end) for begin, end in ends.items())
                and all(is_somebody(table, label) for label in labels.values())
            )
        )

    def has_turn(self, label: Label) -> bool:
        """Whether a label tells who speaks: its line is one of several, or it is like no other label."""
        several = sum(self._names.values()) > 1
        name = self._table.text[label.start : label.name_end]
        if name in _ANSWERED_BY:
            return _ANSWERED_BY[name] in self._names
        if label.capitals:  # A place's is a dateline, where nobody asks: LONDON: The mayor said …
            return (several or label.tells_more) and (self._asked or not self._is_place(label))
        if is_titled(self._table, label) and self._is_spoken(label):
            return True
        if not several or not self._asked:
            return False
        return self._names[name] > 1 or is_speaker(self._table, label) or self._is_known(label, name)

    def may_quote(self, label: Label) -> bool:
        """Whether a turn may quote others, so that marks within it are no quotes: a place's line is none."""
        return self._asked and not self._is_place(label)

    def _is_place(self, label: Label) -> bool:
        return self._table.entity[name_tokens(self._table, label)[1]] == "GPE"

    def _is_known(self, label: Label, name: str) -> bool:
        """Whether a name of several words is told of elsewhere, or other labels are its initials."""
        elsewhere = self._is_told_of(label) or any(initials in self._names for initials in initials_of(name))
        return " " in name and elsewhere

    def _is_told_of(self, label: Label) -> bool:
        """Whether the last word of a label's name stands elsewhere than in labels."""
        surname = self._table.lower[name_tokens(self._table, label)[1]]
        return self._words[surname] > self._surnames[surname]

    def _is_spoken(self, label: Label) -> bool:
        """Whether a sentence stands behind the label of somebody whom the article names elsewhere."""
        table = self._table
        tokens = table.paragraph_tokens(table.paragraph[table.token_at(label.start)])
        words = [token for token in tokens if table.start[token] >= label.end]
        if len(words) < _FEWEST_WORDS or table.text[table.end[words[-1]] - 1] not in ".!?…":
            return False
        return any(table.tag[token] in FINITE for token in words) and self._is_told_of(label)


def turn_in_marks(table: TokenTable, number: int) -> QuoteCandidate | None:
    """The turn of a transcript that is quoted with its label: “KEMP: …”."""
    piece = table.quoted_spans[number].pieces[0]
    begin = piece.start + 1
    label = label_at(table.text, begin, piece.inner_start) if piece.inner_start - begin > 2 else None
    if label is None or not label.capitals:
        return None
    return turn(table, label, table.quoted_spans[number].inner[0])


def statements(table: TokenTable, taken: set[int]) -> list[QuoteCandidate]:
    """What stands without marks in the paragraph below “… said:”.

    Args:
        table: the article.
        taken: the quoted spans that are quotes already.
    """
    candidates = []
    for number, (start, end) in enumerate(table.paragraphs[1:]):
        above = table.paragraph_tokens(number)
        tokens = table.tokens_between(start, end)
        if not above or not tokens or table.lower[above[-1]] != ":" or not table.word(tokens[0])[0].isalpha():
            continue
        if table.text[end - 1] not in ".!?…" or any(table.quoted_span[token] in taken for token in tokens):
            continue
        low, _ = table.sentence_bounds(above[-1])
        verbs = [token for token in range(low, above[-1]) if reports(table, token)]
        subject = subject_of(table, verbs[-1]) if verbs else None
        if subject is not None:
            candidates.append(QuoteCandidate([(start, end)], Rule.TURN, verbs[-1], subject))
    return candidates


def without_told(spoken: Sequence[QuoteCandidate], others: Iterable[QuoteCandidate]) -> list[QuoteCandidate]:
    """The other candidates, without those within a turn: what somebody tells there is no quote of its own."""
    segments = sorted(segment for candidate in spoken for segment in candidate.segments)
    begins = [begin for begin, _ in segments]

    def is_told(candidate: QuoteCandidate) -> bool:
        begin, end = candidate.segments[0][0], candidate.segments[-1][1]
        number = bisect_right(begins, begin) - 1
        return number >= 0 and end <= segments[number][1]

    return [candidate for candidate in others if not is_told(candidate)]


def turn(table: TokenTable, label: Label, segment: tuple[int, int]) -> QuoteCandidate:
    """The candidate of the words behind a label."""
    colon = table.token_at(label.end - 1)
    first, last = name_tokens(table, label)
    return QuoteCandidate([segment], Rule.TURN, colon, last, named=(first, last))


def _goes_on(table: TokenTable, number: int, taken: set[int], names: set[str]) -> bool:
    """Whether a paragraph without a label goes on with the answer above it, and tells nothing of who answers.

    Whoever speaks says "I" or "you" before "she", unless it names somebody first: My mother hated it. She left.
    """
    begin, end = table.paragraphs[number]
    tokens = table.paragraph_tokens(number)
    if table.text[end - 1] not in ".!?…" or not table.text[begin].isalnum():
        return False
    own = somebody = False
    for token in tokens:
        word = table.lower[token]
        if table.quoted_span[token] in taken or word in names:
            return False
        own = own or word in _OWN_WORDS
        if word in _OTHERS_WORDS and not somebody:
            return False
        somebody = somebody or table.entity[token] == "PERSON" or word in PEOPLE
    return own


def _behind_blanks(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start
