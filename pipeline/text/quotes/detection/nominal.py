"""Finds reported content without a verb that says so: “according to …”, “her claim that …”."""

from pipeline.text.quotes.candidate import ClauseBounds, QuoteCandidate, Rule, trimmed
from pipeline.text.quotes.detection.clause_end import best_end
from pipeline.text.quotes.lexicon.grammar import FINITE, GOING_ON, PROPER
from pipeline.text.quotes.quoted_words import reports
from pipeline.text.quotes.tokens import TokenTable

_NEAR = 10  # tokens between a noun and its "that"
_LEADING = 2  # words before an “according to” that are no sentence: But then, according to …


def according_to(table: TokenTable, word: int, taken: set[int]) -> QuoteCandidate | None:
    """The sentence around “according to …”, or the part of it that is content.

    Args:
        table: the article.
        word: the token of "according".
        taken: the quoted spans that are quotes already.
    """
    to = word + 1
    if to >= len(table.lower) or table.lower[to] != "to":
        return None
    objects = [child for child in table.children[to] if table.dep[child] == "pobj"]
    objects = objects or [child for child in table.children[word] if table.dep[child] == "pobj"]
    if not objects:
        return None
    noun = objects[0]
    low, _ = table.sentence_bounds(word)
    before = word - 2 if table.lower[word - 1] == "," else word - 1
    leads = word - low <= _LEADING or table.tag[before] in {"WDT", "WRB", "WP"}  # a reason why, according to …
    parts = [_part_behind(table, word, noun)] if leads else _parts_around(table, word, noun)
    segments = [part for part in parts if part]
    if not segments or any(table.quoted_span[table.token_at(start)] in taken for start, _ in segments):
        return None
    return QuoteCandidate(segments, Rule.ACCORDING_TO, word, noun, cue_last=to)


def _parts_around(table: TokenTable, word: int, noun: int) -> list[tuple[int, int] | None]:
    """What stands before the “according to …”, and what goes on behind a comma."""
    low, high = table.sentence_bounds(word)
    last = min(max(table.right_edge[noun], noun), high)
    parts = [trimmed(table, _behind_other_report(table, low, word), word - 1)]
    goes_on = last + 2 < high and table.lower[last + 1] == ","
    if goes_on and table.tag[last + 2] not in {"CC", "WDT", "WP", "IN", "VBG"}:
        parts.append(trimmed(table, last + 2, high))
    return parts


def _behind_other_report(table: TokenTable, low: int, word: int) -> int:
    """The first token of the last clause, where marked words before it are somebody else's; else the sentence's first.

    She called it “a toy”, and she laughed, according to her aide.
    """
    verb = None
    for token in range(low, word - 1):
        if verb is None and table.quoted_span[token] < 0:
            verb = token if reports(table, token) else None
        elif verb is not None and table.quoted_span[token] >= 0:
            joined = (
                t for t in range(token, word - 2) if table.lower[t] == "," and table.lower[t + 1] in {"and", "but"}
            )
            return next((t + 2 for t in joined if _opens_clause(table, t + 2, word)), low)
    return low


def _part_behind(table: TokenTable, word: int, noun: int) -> tuple[int, int] | None:
    """What stands behind the first comma that follows the source."""
    _, high = table.sentence_bounds(word)
    last = min(max(table.right_edge[noun], noun), high)
    if last + 1 < high and _opens_clause(table, last + 1, high):
        return trimmed(table, last + 1, high)
    commas = [token for token in range(noun, high) if table.lower[token] == ","]
    comma = next((token for token in commas if token >= last), commas[0] if commas else None)
    return None if comma is None else trimmed(table, comma + 1, high)


def _opens_clause(table: TokenTable, first: int, high: int) -> bool:
    """Whether a clause goes on right behind the source, without a comma: According to the mayor the bridge is shut."""
    opens = table.tag[first] in {"DT", "PRP", "PRP$", "EX", "NNP", "NNS", "NN", "JJ", "CD"}
    return opens and any(table.tag[token] in FINITE for token in range(first + 1, high + 1))


def in_words(table: TokenTable, word: int, taken: set[int]) -> QuoteCandidate | None:
    """“In Ann Lee's words, the port is a ruin”; “The port had, in her words, become a ruin”.

    Args:
        table: the article.
        word: the token of "words".
        taken: the quoted spans that are quotes already.
    """
    above = table.head[word]
    owner = next((child for child in table.children[word] if table.dep[child] == "poss"), None)
    if owner is None or table.lower[above] != "in" or above > owner:
        return None
    low, high = table.sentence_bounds(word)
    if word + 1 >= high or table.lower[word + 1] != "," or (above > low and table.lower[above - 1] != ","):
        return None
    parts = [trimmed(table, low, above - 1)] if above > low else []
    segments = [part for part in (*parts, trimmed(table, word + 2, high)) if part]
    marked = any(table.quoted_span[token] >= 0 for token in range(word, high + 1))
    if not segments or not marked or any(table.quoted_span[token] in taken for token in range(low, high + 1)):
        return None
    return QuoteCandidate(segments, Rule.ACCORDING_TO, word, owner)


def reported_by_noun(table: TokenTable, word: int) -> QuoteCandidate | None:
    """The claim that …, his pledge to …; the possessor or the agent is the speaker."""
    clause = next((child for child in table.children[word] if child > word and _is_content(table, child)), None)
    if clause is None:
        clause = _that_clause(table, word)
    if clause is None:
        return None
    speaker = next((child for child in table.children[word] if table.dep[child] == "poss"), None)
    if speaker is None:
        agents = (child for child in table.children[word] if table.lower[child] in {"by", "from", "of"})
        nouns = (noun for agent in agents for noun in table.children[agent])
        speaker = next((noun for noun in nouns if table.dep[noun] == "pobj"), None)
    if speaker is None:  # a Herald report that …
        names = (child for child in table.children[word] if table.dep[child] == "compound" and child == word - 1)
        speaker = next((name for name in names if table.tag[name] in PROPER), None)
    if speaker is None:
        return None
    bounds = _clause_of_noun(table, word, clause)
    end = best_end(table, bounds)
    span = trimmed(table, bounds.first, end.last)
    return QuoteCandidate([span], Rule.NOUN, word, speaker, bounds=bounds, sure_end=end.probability) if span else None


def _clause_of_noun(table: TokenTable, noun: int, clause: int) -> ClauseBounds:
    """How far the clause behind a noun may go: up to the sentence's own verb, where that has not come before."""
    low, high = table.bounds_inside(noun)
    first, last = table.left_edge[clause], table.right_edge[clause]
    if not any(table.tag[token] in FINITE and table.quoted_span[token] < 0 for token in range(low, noun)):
        own, linked = -1, False
        for token in range(clause + 1, high + 1):
            if table.quoted_span[token] >= 0:
                continue
            if table.lower[token] in GOING_ON:
                linked = True
            elif table.tag[token] in FINITE:
                own = own if linked else token
                linked = False
        high = own - 1 if own > 0 else high
    return ClauseBounds(first, min(last, high), high, "noun", noun, clause)


def _is_content(table: TokenTable, clause: int) -> bool:
    opening = table.left_edge[clause]
    if table.dep[clause] == "relcl":
        return table.lower[opening] == "that" and table.dep[opening] == "mark"
    return table.dep[clause] in {"acl", "ccomp"} and table.lower[opening] in {"that", "to"}


def _that_clause(table: TokenTable, noun: int) -> int | None:
    """The verb of a noun's "that" clause that the parser hung elsewhere: her claim on Monday that …."""
    _, high = table.sentence_bounds(noun)
    for token in range(noun + 1, min(high, noun + _NEAR)):
        if table.lower[token] == "that" and table.tag[token] == "IN":
            verb = table.head[token]
            return verb if verb > token and table.left_edge[verb] == token else None
        if table.tag[token][:2] == "VB" or table.tag[token] in {"MD", ".", ",", ":"}:
            return None
    return None
