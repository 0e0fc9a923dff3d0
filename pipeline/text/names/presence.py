"""Scores how present somebody is at a mention: by nearness, grammar, and who has spoken so far."""

from bisect import bisect_left

from pipeline.text.names.name_index import Referent
from pipeline.text.quotes.lexicon.grammar import SUBJECTS
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import TokenTable

NEW_TOPIC = 3.0
"""Added for the subject of the sentence between the last speech and a mention."""

_ABSENT = -100.0
_LEAST = -50.0
_CLEAR = 0.25
"""How much better than the next the best antecedent must be."""

_OTHER_SUBJECTS = frozenset({"nsubj", "expl"})
_PARTS = frozenset({"poss", "compound"})

Scored = list[tuple[float, Referent]]
"""Who may be meant, each with a score."""


def clear(scored: Scored) -> bool:
    """Whether the best antecedent is better than the next by enough."""
    return len(scored) < 2 or scored[0][1] is scored[1][1] or scored[0][0] - scored[1][0] >= _CLEAR


def best_first(scored: Scored) -> Scored:
    """Those who are not ruled out, best first."""
    return sorted((one for one in scored if one[0] > _LEAST), key=lambda one: -one[0])


def is_subject(table: TokenTable, token: int) -> bool:
    """Whether a noun is a subject, before its verb or behind it: "In the front row was the mother of …"."""
    if table.dep[token] in SUBJECTS:
        return True
    verb = table.head[token]
    return table.dep[token] == "attr" and not any(table.dep[k] in _OTHER_SUBJECTS for k in table.children[verb])


class Presence:
    """Who has spoken so far in an article, and what quotes have reported.

    Attributes:
        table: the article.
        last_spoken: token and speaker of the last mention that speaks.
    """

    def __init__(self, table: TokenTable) -> None:
        self.table = table
        self.last_spoken: tuple[int, Referent] | None = None
        self._spoken: dict[int, int] = {}  # the token at which each person spoke last
        self._reported: set[int] = set()  # tokens of the quotes so far
        self._own: list[tuple[int, int]] = []
        self._own_tokens: set[int] = set()

    @property
    def own(self) -> list[tuple[int, int]]:
        """Offsets of the quote whose speaker is looked for."""
        return self._own

    @own.setter
    def own(self, segments: list[tuple[int, int]]) -> None:
        self._own = segments
        self._own_tokens = set().union(*(self.table.tokens_between(*segment) for segment in segments))

    def in_own_quote(self, token: int) -> bool:
        """Whether a token stands in the quote whose speaker is looked for."""
        return token in self._own_tokens

    def reports(self, segments: list[tuple[int, int]]) -> None:
        """A quote has been read: whom it names is less likely to speak next."""
        for start, end in segments:
            self._reported.update(self.table.tokens_between(start, end))

    def is_reported(self, token: int) -> bool:
        """Whether a token stands in marks or in a quote so far."""
        return self.table.quoted_span[token] >= 0 or token in self._reported

    def speaks(self, token: int, referent: Referent) -> None:
        """Note that a referent has spoken, by the mention at a token."""
        self.last_spoken = token, referent
        self._spoken[id(referent)] = token

    def is_last_speaker(self, referent: Referent) -> bool:
        """Whether nobody has spoken since."""
        return self.last_spoken is not None and self.last_spoken[1] is referent

    def since_spoken(self, referent: Referent, head: int) -> int | None:
        """How many paragraphs before a token somebody spoke last; None where that was not before it."""
        spoke = self._spoken.get(id(referent))
        if spoke is None or spoke >= head:
            return None
        return max(0, self.table.paragraph[head] - self.table.paragraph[spoke])

    def times_named(self, referent: Referent, head: int) -> int:
        """How often somebody is named before a token, without what the quote itself says right before it."""
        number = bisect_left(referent.mentions, head)
        while number and referent.mentions[number - 1] in self._own_tokens:
            number -= 1
        return number

    def score(self, referent: Referent, head: int) -> float:
        """How present somebody is at a mention: nearness, grammar, and whether it was they who spoke last."""
        table = self.table
        number = self.times_named(referent, head)
        if not number:
            return _ABSENT
        token = referent.mentions[number - 1]
        if table.sentence[token] == table.sentence[head] and token in self._reported and number == 1:
            return _ABSENT  # named only in what the same sentence reports before
        paragraphs = table.paragraph[head] - table.paragraph[token]
        sentences = min(4, table.sentence[head] - table.sentence[token]) if not paragraphs or paragraphs == 1 else 4
        score = -2.0 * paragraphs - 0.004 * (head - token) - 0.3 * sentences
        subject = table.dep[self.said_of(token)] in SUBJECTS
        joined = table.dep[token] == "conj" and table.dep[table.head[token]] in SUBJECTS
        score += 1.6 if subject or joined else 0.0
        score -= 0.7 if table.dep[token] in _PARTS else 0.0
        score -= 3.0 if self.is_reported(token) else 0.0
        score += NEW_TOPIC if subject and self.is_new_topic(token, head) else 0.0
        since = self.since_spoken(referent, head)
        if since is not None:
            score += 1.2 / (1 + since)
            if self.is_last_speaker(referent):
                score += 1.5 + 1.5 * min(2, max(0, paragraphs - since))
        return score

    def is_new_topic(self, token: int, head: int) -> bool:
        """Whether the sentence before a mention, in its paragraph, is about somebody who has not spoken since."""
        table = self.table
        if self.last_spoken is None or token <= self.last_spoken[0] or table.quoted_span[token] >= 0:
            return False
        verb = table.head[self.said_of(token)]
        main = table.dep[verb] == "ROOT" and table.lower[verb] not in VERBS
        here = table.paragraph[token] == table.paragraph[head]
        return main and here and table.sentence[head] - table.sentence[token] == 1

    def said_of(self, token: int) -> int:
        """The noun that a name stands beside ("a pupil, Noor Aziz, came"), or the name."""
        return self.table.head[token] if self.table.dep[token] == "appos" else token
