"""Finds the cue behind a quoted span: “…,” she said; or what somebody does there."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.text.quotes.attribution.cue_subject import noun_beside, subject_of
from pipeline.text.quotes.candidate import QuoteCandidate, Rule
from pipeline.text.quotes.detection.pointing_back import saying_behind_marks
from pipeline.text.quotes.detection.signature import signature, signed_below
from pipeline.text.quotes.lexicon.grammar import (
    CLAUSE_OPENERS,
    DASHES,
    FINITE,
    FINITE_VERBS,
    GESTURES,
    PAUSES,
    PROPER,
    SUBORDINATORS,
    TIMES,
)
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.quoted_words import ending_of, is_sentence, is_titled, quoted_words, reports
from pipeline.text.quotes.tokens import TokenTable

_RELATIVE = frozenset({"which", "who", "that", "whom"})
_CUE_BEHIND = 40  # tokens between the marks and a cue behind them
_VERB_BEHIND = 8  # tokens between the marks and a verb that is no cue elsewhere
_CUE_ALONE = 8  # tokens of a sentence that is a cue and its speaker
_ALONE_WITH_CUE = PROPER | {"NN", "NNS", "PRP", "PRP$", "DT", "JJ", "RB", ",", "POS"}
_SHORTEST_TOLD = 3  # tokens between a name and its cue that tell something of it, with their commas
_FROM_SUBJECT = 12  # tokens between the subject and its cue inside a sentence


class _Continuation(NamedTuple):
    """What stands behind a quoted span.

    Attributes:
        number: the quoted span.
        begin: the first token of the sentence around it.
        gap: the first token behind it.
        low: the first token behind the pause that follows it.
        high: the token before which a cue may stand.
        within: whether the quoted words are a part of a sentence that begins before them.
        unpaused: whether no pause ends them.
    """

    number: int
    begin: int
    gap: int
    low: int
    high: int
    within: bool
    unpaused: bool


def cue_behind(table: TokenTable, number: int, tokens: range) -> QuoteCandidate | None:
    """“…,” he said; “…?” asked Smith; “…” — Smith.

    Args:
        table: the article.
        number: the quoted span.
        tokens: its tokens.
    """
    begin, _ = table.sentence_bounds(tokens[0])
    within = _is_within_sentence(table, number, tokens, begin)
    pieces = len(table.quoted_spans[number].pieces)
    if within and (pieces > 1 or any(reports(table, token) for token in range(begin, tokens[0]))):
        return None
    gap = tokens[-1] + 1
    if gap >= len(table.start) or table.paragraph[gap] != table.paragraph[tokens[-1]]:
        return signed_below(table, gap)
    _, close = table.paragraphs[table.paragraph[gap]]
    signed = signature(table, gap, table.quoted_spans[number].end, close)
    if signed is not None:
        return signed
    if not within and (source := _source_behind(table, tokens[-1] + 1)) is not None:
        return QuoteCandidate([], Rule.AFTER, *source)
    continuation = _continuation(table, number, tokens, begin, within)
    return None if continuation is None else _reported_behind(table, continuation)


def _source_behind(table: TokenTable, first: int) -> tuple[int, int] | None:
    """The "according" right behind marked words and whom it names: “…,” according to Ann Lee."""
    if first + 2 >= len(table.lower) or (table.lower[first], table.lower[first + 1]) != ("according", "to"):
        return None
    nouns = (noun for above in (first, first + 1) for noun in table.children[above] if table.dep[noun] == "pobj")
    noun = next(nouns, None)
    return None if noun is None else (first, noun)


def _continuation(table: TokenTable, number: int, tokens: range, begin: int, within: bool) -> _Continuation | None:
    """What stands behind the quoted words, or None where it cannot report them."""
    gap, ending = tokens[-1] + 1, ending_of(table, number)
    if ending == "." and table.sentence[gap] != table.sentence[tokens[-1]] and not _is_only_cue(table, gap):
        return None
    low = gap + 1 if table.lower[gap] in DASHES | {",", "-"} else gap
    unpaused = ending not in ",?!—–-…." and low == gap
    if unpaused and (within or not _states(table, number, tokens)):
        return None
    return _Continuation(number, begin, gap, low, _cue_limit(table, low), within, unpaused)


def _says(table: TokenTable, verb: int) -> bool:
    frame = VERBS[table.lower[verb]]
    return frame.clause and not frame.weak


def _is_only_cue(table: TokenTable, first: int) -> bool:
    """Whether a sentence behind quoted words only says who spoke: “We will move on.” Kunz said."""
    _, last = table.sentence_bounds(first)
    while last > first and table.tag[last] in {".", "_SP"}:
        last -= 1
    words = range(first, last + 1)
    cues = [token for token in words if reports(table, token) and _says(table, token)]
    if len(cues) != 1 or len(words) > _CUE_ALONE or any(table.quoted_span[token] >= 0 for token in words):
        return False
    rest = [token for token in words if token != cues[0] and table.entity[token] not in TIMES]
    return bool(rest) and all(table.tag[token] in _ALONE_WITH_CUE for token in rest)


def _reported_behind(table: TokenTable, continuation: _Continuation) -> QuoteCandidate | None:
    """The candidate of the first verb with a subject behind the quoted words."""
    cue = next(_cues_behind(table, continuation.low, continuation.high), None)
    if cue is not None:
        return _with_cue_behind(table, continuation, *cue)
    if continuation.within or continuation.unpaused:
        return None
    if ending_of(table, continuation.number) not in ",?!" and not _is_between_dashes(table, continuation):
        return None
    saying = saying_behind_marks(table, continuation.low, continuation.high)
    if saying is not None:
        return QuoteCandidate([], Rule.AFTER, *saying)
    return _any_verb_behind(table, continuation.low, continuation.high)


def _is_between_dashes(table: TokenTable, continuation: _Continuation) -> bool:
    """Whether what stands behind quoted words is set off by dashes, and quoted words follow: “A” — she rose — “b”."""
    if table.lower[continuation.gap] not in DASHES or continuation.number + 1 >= len(table.quoted_spans):
        return False
    following = table.token_at(table.quoted_spans[continuation.number + 1].start)
    if not continuation.low < following < continuation.low + _CUE_BEHIND:
        return False
    if table.paragraph[following] != table.paragraph[continuation.gap]:
        return False
    between = range(continuation.low, following - 1)
    return table.lower[following - 1] in DASHES and not any(table.lower[token] in DASHES for token in between)


def _is_within_sentence(table: TokenTable, number: int, tokens: range, begin: int) -> bool:
    """Whether quoted words are a part of a sentence that begins before them."""
    if table.opens_sentence(tokens[0]):
        return False
    # “[send] the wrong message” begins with a small letter.
    opening = table.text[table.quoted_spans[number].inner[0][0] :][:12].lstrip("[( ")
    if opening[:1].islower() or not is_sentence(table, number):
        return True
    before = tokens[0] - 1
    proper = table.tag[min(tokens[0] + 1, len(table.tag) - 1)] in PROPER | {"PRP"}
    worded = before >= 0 and table.word(before).islower()  # No dateline's dash, no bullet.
    if proper and worded and table.paragraph[before] == table.paragraph[tokens[0]]:
        return True  # A name opens them, in the middle of a sentence: he went, but “Ohio is lost,” she said
    # “Sooner or later, ‘we will have it,’ he said”
    return before > begin and table.lower[before] == "," and not _stands_alone(table, range(begin, before))


def _cues_behind(table: TokenTable, low: int, high: int) -> Iterator[tuple[int, int]]:
    """The cues behind quoted words, each with its subject."""
    near = range(low, min(high, low + _CUE_BEHIND))
    verbs = [token for token in near if reports(table, token) or _is_mistagged_cue(table, token, low, high)]
    for verb in verbs:
        if table.dep[verb] in {"relcl", "acl"} and table.head[verb] >= low and len(verbs) > 1:
            continue
        subject = subject_of(table, verb)
        if subject is None or 0 <= subject < low - 1 or (subject >= high and table.quoted_span[subject] >= 0):
            subject = noun_beside(table, verb, low, high)
            subject = _with_apposition(table, low, verb) if subject is None else subject
        if subject is not None:
            yield verb, subject


def _with_apposition(table: TokenTable, low: int, verb: int) -> int | None:
    """The name that opens a cue's clause and is told of between commas: “…,” Ann Lee, the former mayor, said."""
    name = low
    while name < verb and table.tag[name] in PROPER:
        name += 1
    if name == low or table.lower[name] != "," or table.lower[verb - 1] != "," or verb - name < _SHORTEST_TOLD:
        return None
    told = range(name + 1, verb - 1)
    return None if any(table.tag[t] in FINITE or table.quoted_span[t] >= 0 for t in told) else name - 1


def _with_cue_behind(table: TokenTable, continuation: _Continuation, verb: int, subject: int) -> QuoteCandidate | None:
    number, _, _, low, high, within, unpaused = continuation
    front = min(table.left_edge[subject], verb)
    if unpaused and (front != low or not _reports_backwards(table, verb, subject, high)):
        return None
    links = table.tag[low] in {"CC", "TO", "VBZ", "VBD"} or table.lower[low] in SUBORDINATORS
    goes_on = front - low > 2 and table.lower[front - 1] == "," and links
    if within and not goes_on and (front > low + 1 or verb - front > _FROM_SUBJECT):
        return None
    if (within or goes_on) and len(table.quoted_spans[number].pieces) == 1:
        return _around_marks(table, continuation, verb, subject, end=front - 2 if goes_on else None)
    return None if within else QuoteCandidate([], Rule.AFTER, verb, subject)


def _around_marks(
    table: TokenTable, continuation: _Continuation, verb: int, subject: int, *, end: int | None
) -> QuoteCandidate | None:
    """The clause that quoted words are part of: it begins before them, or goes on behind them up to `end`."""
    number, begin, gap, _, high, within, _ = continuation
    if within:
        lead = range(begin, gap)
        if not _reports_backwards(table, verb, subject, high) or not any(table.tag[t] in FINITE for t in lead):
            return None
    span = table.quoted_spans[number]
    start = table.start[begin] if within else span.start
    segment = (start, span.end if end is None else table.end[end])
    return QuoteCandidate([segment], Rule.AROUND_MARKS, verb, subject)


def _any_verb_behind(table: TokenTable, low: int, high: int) -> QuoteCandidate | None:
    """A verb right beside a quoted sentence reports it, whatever it means: “…,” she shrugged."""
    for verb in range(low, min(high, low + _VERB_BEHIND)):
        finite = table.tag[verb] in FINITE_VERBS or (table.tag[verb] == "VB" and table.tag[verb - 1] == "MD")
        if finite and table.dep[verb] not in {"aux", "auxpass", "relcl"}:
            children = (child for child in table.children[verb] if low <= child < high)
            subject = next((child for child in children if table.dep[child] == "nsubj"), None)
            if subject is not None:
                return QuoteCandidate([], Rule.BESIDE, verb, subject)
    return None


def _reports_backwards(table: TokenTable, verb: int, subject: int, high: int) -> bool:
    """Whether cue and speaker report what stands before them, and nothing that follows: no “, Lee said that …”."""
    if table.lower[subject] in _RELATIVE:
        return False
    for token in range(max(verb, subject) + 1, high):
        if table.lower[token] in PAUSES:
            return True
        infinitive = table.lower[token] == "to" and table.tag[min(token + 1, high - 1)] == "VB"
        if table.tag[token] in FINITE or table.lower[token] in CLAUSE_OPENERS or infinitive:
            return False
    return True


def _stands_alone(table: TokenTable, tokens: range) -> bool:
    """Whether the words could be a sentence of their own, or belong to a quote."""
    return any(table.tag[token] in FINITE or table.quoted_span[token] >= 0 for token in tokens)


def _is_mistagged_cue(table: TokenTable, token: int, low: int, high: int) -> bool:
    """A cue that the tagger took for a noun: “…,” the advert states."""
    return (
        table.lower[token] in VERBS
        and table.tag[token] in {"NNS", "NN", "NNP"}
        and not (table.entity[token] and table.word(token)[0].isupper())  # Vale Rail
        and token > low
        and (token + 1 >= high or table.tag[token + 1] in {",", "IN", "TO"})
        and table.tag[token - 1] in {"NN", "NNS", "NNP", "PRP"}
    )


def _cue_limit(table: TokenTable, low: int) -> int:
    """The token before which a cue behind quoted words may stand; a short name may come first: the “Dune” star."""
    if low >= len(table.start):
        return low
    _, last = table.sentence_bounds(low)
    cued, previous, is_long = False, -1, False
    for token in range(low, last + 1):
        number = table.quoted_span[token]
        if number >= 0 and number != previous:
            previous, is_long = number, len(quoted_words(table, number)) > 3
        outside = table.paragraph[token] != table.paragraph[low]
        if outside or table.tag[token] == "." or (number >= 0 and (cued or is_long)):
            return token
        cued = cued or reports(table, token)
    return last + 1


def _states(table: TokenTable, number: int, tokens: range) -> bool:
    """Whether quoted words without a pause at their end are a sentence all the same: “We have to go” she said."""
    words = quoted_words(table, number)
    return len(words) > 4 and not is_titled(words) and any(table.tag[token] in FINITE for token in tokens)


def gesture_behind(table: TokenTable, number: int, tokens: range) -> QuoteCandidate | None:
    """“The barn is empty.” Ann Lee nodded: what somebody does right behind a quote that opens its paragraph.

    Args:
        table: the article.
        number: the quoted span.
        tokens: its tokens.
    """
    paragraph = table.paragraph[tokens[0]]
    if paragraph < 0 or table.paragraphs[paragraph][0] != table.quoted_spans[number].start:
        return None
    first = tokens[-1] + 1
    if first >= len(table.tag) or table.paragraph[first] != paragraph or not is_sentence(table, number):
        return None
    verb = next((t for t in range(first, min(first + _VERB_BEHIND, len(table.tag))) if table.tag[t] in FINITE), first)
    if table.lower[verb] not in GESTURES or table.sentence[verb] != table.sentence[first]:
        return None
    subject = subject_of(table, verb)
    if subject is None or not first <= subject < verb:
        return None
    somebody = table.entity[subject] == "PERSON" or table.lower[subject] in {"he", "she"}
    return QuoteCandidate([], Rule.BESIDE, verb, subject) if somebody else None
