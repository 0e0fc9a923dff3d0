"""Finds people and groups whom an article never names, and calls them by the words that bring them in."""

import re
from collections.abc import Iterator

from pipeline.text.names.name_index import UNKNOWN, Referent
from pipeline.text.names.presence import is_subject
from pipeline.text.quotes.lexicon.nouns import INSTITUTIONS, KIN, ROLES
from pipeline.text.quotes.tokens import TokenTable

ARTICLE = re.compile(r"^(?:the|a|an|one|another) ", re.IGNORECASE)
LONGEST_PARAGRAPH = 1000  # tokens before a pronoun in which somebody without a name is looked for
_NOUNS = (ROLES | KIN) - INSTITUTIONS
_NEW = frozenset({"a", "an", "one", "another"})
_MAIN = frozenset({"ROOT", "conj"})
_ATTACHED = frozenset({"of", "for", "at", "in", "with", "to", "from"})
_STOPS = frozenset({",", "WP", "WDT", "VBG", "VBN", "``"})


class Unnamed:
    """Those without a name in one article; the same words mean the same."""

    def __init__(self, table: TokenTable) -> None:
        self._table = table
        self._known: dict[str, Referent] = {}

    def called(self, words: str, gender: str | None = None) -> Referent:
        """Whoever is called by these words; the gender is what the first pronoun told."""
        name = ARTICLE.sub("", words)
        return self._known.setdefault(name, Referent(name, UNKNOWN, gender=gender))

    def before(self, head: int, gender: str) -> Iterator[tuple[int, Referent]]:
        """ "A neighbour watched. She said …": the people without a name in the paragraph before a pronoun."""
        table = self._table
        low = table.paragraph_tokens(table.paragraph[head]).start if table.paragraph[head] >= 0 else head
        for token in range(max(low, head - LONGEST_PARAGRAPH), head):
            if table.lower[token] in _NOUNS and table.tag[token] == "NN" and self._is_brought_in(token):
                yield token, self.called(introduction(table, token), gender)

    def _is_brought_in(self, token: int) -> bool:
        """Whether a noun in the singular is a subject with which the article begins to tell of somebody."""
        table = self._table
        main = table.dep[table.head[token]] in _MAIN and table.quoted_span[token] < 0
        if not main or not is_subject(table, token):
            return False
        first = table.lower[table.left_edge[token]]
        return first in _NEW or (first == "the" and table.lower[token] in KIN and self._is_of_somebody_new(token))

    def _is_of_somebody_new(self, token: int) -> bool:
        """Whether a noun is somebody's who has no name either: the mother of a patient."""
        table = self._table
        return any(
            table.lower[table.left_edge[noun]] in _NEW
            for of in table.children[token] if table.lower[of] == "of"
            for noun in table.children[of]
        )  # fmt: skip


def introduction(table: TokenTable, noun: int) -> str:
    """The words that bring in somebody without a name, up to a clause or a comma: a mother of two."""
    last = noun
    for kid in table.children[noun]:
        if kid == last + 1 and table.dep[kid] == "prep" and table.lower[kid] in _ATTACHED:
            last = table.right_edge[kid]
    stops = (token for token in range(noun + 1, last + 1) if table.tag[token] in _STOPS)
    last = next(stops, last + 1) - 1
    return " ".join(table.text[table.start[table.left_edge[noun]] : table.end[last]].split())
