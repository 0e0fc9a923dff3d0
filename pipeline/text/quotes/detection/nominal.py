"""Reported content without a verb that says so: “according to …”, “her claim that …”."""

from pipeline.text.quotes.candidate import QuoteCandidate, sentence_bounds, trimmed
from pipeline.text.quotes.tokens import TokenTable

_NEAR = 10  # tokens between a noun and its "that"


def according(table: TokenTable, word: int, taken: set[int]) -> list[QuoteCandidate]:
    """The sentence, or what of it stands before and behind the “according to …”."""
    to = word + 1
    if to >= len(table.lower) or table.lower[to] != "to":
        return []
    objects = [k for k in table.children[to] if table.dep[k] == "pobj"] or [
        k for k in table.children[word] if table.dep[k] == "pobj"
    ]
    if not objects:
        return []
    low, high = sentence_bounds(table, word)
    noun = objects[0]
    last = min(max(table.right_edge[noun], noun), high)
    segments: list[tuple[int, int] | None] = []
    if word - low > 2:
        segments.append(trimmed(table, low, word - 1))
        if (
            last + 2 < high
            and table.lower[last + 1] == ","
            and table.tag[last + 2] not in {"CC", "WDT", "WP", "IN", "VBG"}
        ):
            segments.append(trimmed(table, last + 2, high))
    else:
        comma = next((t for t in range(noun, high) if table.lower[t] == "," and t >= last), None)
        comma = comma if comma is not None else next((t for t in range(noun, high) if table.lower[t] == ","), None)
        if comma is None:
            return []
        segments.append(trimmed(table, comma + 1, high))
    kept = [s for s in segments if s]
    if not kept or any(table.quoted_span[table.token_at(s)] in taken for s, _ in kept):
        return []
    return [QuoteCandidate(kept, "according to", 0.8, word, to, noun)]


def _that(table: TokenTable, noun: int) -> int | None:
    """The verb of the "that" clause of a noun, where the parser hung it elsewhere: her claim on Monday that …."""
    _, high = sentence_bounds(table, noun)
    for token in range(noun + 1, min(high, noun + _NEAR)):
        if table.lower[token] == "that" and table.tag[token] == "IN":
            verb = table.head[token]
            return verb if verb > token and table.left_edge[verb] == token else None
        if table.tag[token][:2] == "VB" or table.tag[token] in {"MD", ".", ",", ":"}:
            return None
    return None


def noun(table: TokenTable, word: int) -> QuoteCandidate | None:
    """The claim that …, his pledge to …; the speaker is the possessor or the agent."""
    clause = next(
        (k for k in table.children[word] if k > word and table.dep[k] in {"acl", "ccomp"}
         and table.lower[table.left_edge[k]] in {"that", "to"}), None)  # fmt: skip
    if clause is None:
        clause = _that(table, word)
    if clause is None:
        return None
    speaker = next((k for k in table.children[word] if table.dep[k] == "poss"), None)
    if speaker is None:
        agents = [k for k in table.children[word] if table.lower[k] in {"by", "from", "of"}]
        speaker = next((n for k in agents for n in table.children[k] if table.dep[n] == "pobj"), None)
    if speaker is None:
        return None
    span = trimmed(table, table.left_edge[clause], table.right_edge[clause])
    return QuoteCandidate([span], "noun", 0.55, word, word, speaker) if span else None
