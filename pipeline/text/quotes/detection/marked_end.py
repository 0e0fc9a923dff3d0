"""Finds where reported words end behind their marks: before what says where and when they were said, or by whom."""

from pipeline.text.quotes.lexicon.grammar import FINITE, MEDIA, NOUN_TAGS, OUTLETS, PROPER, TIMES
from pipeline.text.quotes.lexicon.nouns import INSTITUTIONS, PEOPLE, TALKS
from pipeline.text.quotes.tokens import TokenTable

_WHERE = frozenset({"at", "during", "in", "on"})
_OCCASIONS = (
    MEDIA | TALKS | OUTLETS | INSTITUTIONS | frozenset({"air", "chamber", "commons", "lords", "stage", "stand"})
)
_TO_AGENT = 12  # tokens between marked words and the "by" that says whose they are


def last_marked(table: TokenTable, first: int, last: int) -> int:
    """The last token of what a verb governs: of the marked words, where only where and when follows them.

    She called it “a toy” in the Commons on Monday.

    Args:
        table: the article.
        first: the first token of the words.
        last: their last token, as far as the sentence's grammar has it.
    """
    marked = next((token for token in range(last, first - 1, -1) if table.quoted_span[token] >= 0), None)
    if marked is None or marked == last:
        return last
    behind = range(marked + 1, last + 1)
    if any(table.tag[token] in FINITE or table.lower[token] in {",", "and", "that", "who"} for token in behind):
        return last
    if table.entity[behind[0]] in TIMES:
        return marked
    said = table.lower[behind[0]] in _WHERE and any(
        table.entity[token] in TIMES or table.lower[token] in _OCCASIONS for token in behind[1:]
    )
    return marked if said else last


def agent_behind(table: TokenTable, marked: int) -> int | None:
    """The head of whom a "by" behind marked words names: it was called “a toy” in the council by Ann Lee.

    Args:
        table: the article.
        marked: the last of the marked words.
    """
    _, high = table.sentence_bounds(marked)
    for token in range(marked + 1, min(high, marked + _TO_AGENT)):
        if table.tag[token] in FINITE or table.quoted_span[token] >= 0 or table.lower[token] in {",", ";", ":"}:
            return None
        if table.lower[token] == "by":
            return _somebody(table, token + 1, high)
    return None


def _somebody(table: TokenTable, first: int, high: int) -> int | None:
    last = first
    while last < high and (
        table.tag[last + 1] in NOUN_TAGS | {"POS", "HYPH"} or table.tag[last] in {"DT", "PRP$", "JJ"}
    ):
        last += 1
    somebody = table.tag[last] in PROPER or table.lower[last] in PEOPLE | INSTITUTIONS or table.tag[last] == "NNS"
    return last if somebody and table.entity[last] not in TIMES and table.tag[last] in NOUN_TAGS else None
