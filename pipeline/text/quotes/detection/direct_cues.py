"""The cue beside a quoted span: before it (she said: “…”), behind it (“…,” she said), or a name behind a dash."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.text.quotes.attribution.cue_subject import noun_beside, speaker_near, subject_of
from pipeline.text.quotes.candidate import QuoteCandidate, Rule
from pipeline.text.quotes.detection.labels import label_at, name_tokens, token_range
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
from pipeline.text.quotes.quoted_words import ending_of, first_character, is_sentence, is_titled, quoted_words, reports
from pipeline.text.quotes.tokens import TokenTable

_SIGNATURE = re.compile(
    r"""[>\s]*(?:—|–|--|-|(?P<bracket>\())\s*
        (?P<name>[A-ZÀ-Þ][\w.'’-]*(?:[ ](?:[A-ZÀ-Þ][\w.'’-]*|of|the|de|la|van|von|al|bin)){0,5})
        (?P<told>,?[ ].*?|)(?(bracket)\))[.\s]*$""",
    re.VERBOSE,
)
_RELATIVE = frozenset({"which", "who", "that", "whom"})
_LONGEST_SIGNATURE = 120  # characters of a line that is a dash and a name
_LONGEST_NAME = 200  # characters of a name behind a dash, with what is told of it
_LONGEST_SENDER = 20  # tokens of a line that says whom the next one comes from
_BEFORE_SENDER = 3  # tokens before its "from"
_CUE_BEFORE_COMMA = 14  # tokens between a cue and the comma before the marks, at the most
_CUE_BEHIND = 40  # tokens between the marks and a cue behind them
_VERB_BEHIND = 8  # tokens between the marks and a verb that is no cue elsewhere
_CUE_ALONE = 8  # tokens of a sentence that is a cue and its speaker
_ALONE_WITH_CUE = PROPER | {"NN", "NNS", "PRP", "PRP$", "DT", "JJ", "RB", ",", "POS"}
_SHORTEST_TOLD = 3  # tokens between a name and its cue that tell something of it, with their commas
_FROM_SUBJECT = 12  # tokens between the subject and its cue inside a sentence


class _Introduction(NamedTuple):
    """What stands before a quoted span: the sentence's first token, the last token, whether a sentence is quoted."""

    number: int
    tokens: range
    low: int
    last: int
    sentence: bool


def cue_before(table: TokenTable, number: int, tokens: range) -> QuoteCandidate | None:
    """He said: “…”; Rubio: “…”; a sentence that ends in a colon in the line above.

    Args:
        table: the article.
        number: the quoted span.
        tokens: its tokens.
    """
    last = tokens[0] - 1
    while last >= 0 and table.tag[last] == "_SP":
        last -= 1
    if last < 0:
        return None
    low, _ = table.sentence_bounds(last)
    if not _may_introduce(table, last, tokens[0]):
        return _from_line(table, low, last, tokens[0])
    sentence = is_sentence(table, number) or first_character(table, number).isupper()
    introduction = _Introduction(number, tokens, low, last, sentence)
    if table.lower[last] == ",":
        return _in_words(table, low, last) or _before_comma(table, introduction)
    if _is_colon(table, last):
        return _before_colon(table, introduction)
    return _right_before(table, introduction)


def _is_colon(table: TokenTable, token: int) -> bool:
    """Whether a token is a colon; a bracket before it may be part of the token: Ann Lee (54): “…”."""
    return table.lower[token] == ":" or table.lower[token] == "):"


def _may_introduce(table: TokenTable, last: int, first: int) -> bool:
    """Whether the token before quoted words can belong to their cue."""
    if _is_colon(table, last):
        return table.paragraph[first] - table.paragraph[last] <= 1
    apart = table.paragraph[last] != table.paragraph[first] or table.opens_sentence(first)
    return not apart and table.quoted_span[last] < 0 and (table.lower[last] == "," or table.lower[last] in VERBS)


def _from_line(table: TokenTable, low: int, last: int, first: int) -> QuoteCandidate | None:
    """A line that only says whom the next one comes from: From the desk of Ann Lee."""
    if table.lower[low] != "from" or not 0 <= table.paragraph[last] == table.paragraph[first] - 1:
        return None
    if table.start[low] != table.paragraphs[table.paragraph[last]][0]:
        return None
    subject = _sender(table, low, last + 1)
    return None if subject is None else QuoteCandidate([], Rule.COLON, last, subject)


def _in_words(table: TokenTable, low: int, last: int) -> QuoteCandidate | None:
    """In Ann Lee's words, “…”; in the words of Ann Lee, “…”."""
    for words in range(low + 1, last):
        if table.lower[words] != "words" or table.lower[table.head[words]] != "in" or table.quoted_span[words] >= 0:
            continue
        owners = [child for child in table.children[words] if table.dep[child] == "poss" and words == last - 1]
        for child in table.children[words]:
            if table.lower[child] == "of" and table.right_edge[child] == last - 1:
                owners += [noun for noun in table.children[child] if table.dep[noun] == "pobj"]
        if owners:
            return QuoteCandidate([], Rule.BEFORE, words, owners[0])
    return None


def _before_comma(table: TokenTable, introduction: _Introduction) -> QuoteCandidate | None:
    """He said, “…”."""
    _, _, low, last, sentence = introduction
    verbs = [token for token in range(max(low, last - _CUE_BEFORE_COMMA), last) if reports(table, token)]
    if not verbs:
        return _any_verb_before(table, last - 1) if sentence else None
    verb = verbs[-1]
    if any(table.quoted_span[token] >= 0 for token in range(verb, last)):
        return None
    if _is_as_put(table, verb, last):
        return QuoteCandidate([], Rule.BEFORE, verb, subject_of(table, verb))
    if any(table.lower[token + 1] in CLAUSE_OPENERS for token in verbs):
        return None  # The quoted words go on with a clause: said that once the house rises, “I will …”
    if not sentence and last - verb > 1:
        return None
    return QuoteCandidate([], Rule.BEFORE, verb, speaker_near(table, verb, low, last))


def _is_as_put(table: TokenTable, verb: int, comma: int) -> bool:
    """Whether the words right before the marks are “…, as Lee put it,”."""
    if comma - verb > 2 or (comma - verb == 2 and table.lower[verb + 1] not in {"it", "this", "so"}):
        return False
    return table.lower[table.left_edge[verb]] == "as" and table.left_edge[verb] < verb


def _any_verb_before(table: TokenTable, verb: int) -> QuoteCandidate | None:
    """She shrugged, “…”."""
    if table.tag[verb] not in {"VBD", "VBZ"}:
        return None
    subject = subject_of(table, verb)
    return None if subject is None else QuoteCandidate([], Rule.BESIDE, verb, subject)


def _before_colon(table: TokenTable, introduction: _Introduction) -> QuoteCandidate:
    """He said: “…”; Ann Lee: “…”; and where nothing tells whose words follow, they are carried on."""
    number, _, low, last, _ = introduction
    verbs = [token for token in range(low, last) if reports(table, token)]
    if verbs:
        verb = verbs[-1]
        that = _that_before_colon(table, verb, last)
        if that is not None:
            span = (table.start[that + 1], table.quoted_spans[number].inner[-1][1])
            return QuoteCandidate([span], Rule.COLON_THAT, verb, subject_of(table, verb))
        return QuoteCandidate([], Rule.COLON, verb, speaker_near(table, verb, low, last))
    label = label_at(table.text, table.start[low], table.end[last])
    if label is not None and label.end == table.end[last]:
        named = name_tokens(table, label)
        return QuoteCandidate([], Rule.COLON, last, named[1], named=named)
    subject = _sender(table, low, last)
    if subject is None:
        subject = next((token for token in range(low, last) if table.dep[token] == "nsubj"), None)
    return QuoteCandidate([], Rule.COLON, last, subject, carried=subject is None)


def _sender(table: TokenTable, low: int, end: int) -> int | None:
    """Whom the next words come from, in a line without a verb: This from Ann Lee: “…”; From the desk of Ann Lee."""
    if end - low > _LONGEST_SENDER or any(table.tag[token][:2] == "VB" for token in range(low, end)):
        return None
    source = next((token for token in range(low, end) if table.lower[token] == "from"), None)
    if source is None or source - low > _BEFORE_SENDER:
        return None
    first = next((token for token in range(source, end) if table.tag[token] in PROPER), None)
    if first is None:
        return None
    while first + 1 < end and table.tag[first + 1] in PROPER:
        first += 1
    return first


def _that_before_colon(table: TokenTable, verb: int, colon: int) -> int | None:
    """The "that" of a clause that goes on behind the colon: she said that it was lost: “We have no boats.”"""
    for child in table.children[verb]:
        first = table.left_edge[child]
        if table.dep[child] == "ccomp" and verb < first and child < colon and table.lower[first] == "that":
            return first
    return None


def _right_before(table: TokenTable, introduction: _Introduction) -> QuoteCandidate | None:
    """He said “…”, without a pause."""
    number, tokens, low, verb, _ = introduction
    if not (reports(table, verb) and VERBS[table.lower[verb]].clause and is_sentence(table, number)):
        return None
    subject = speaker_near(table, verb, low, verb)
    if subject is None and table.tag[verb] == "VB" and not any(table.tag[token] in FINITE for token in tokens):
        return None  # Only a part of what is told: a plan to counter “their rhetoric.”
    return QuoteCandidate([], Rule.BEFORE, verb, subject)


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
        return _signed_below(table, gap)
    _, close = table.paragraphs[table.paragraph[gap]]
    signed = _signature(table, gap, table.quoted_spans[number].end, close)
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


def _signed_below(table: TokenTable, gap: int) -> QuoteCandidate | None:
    """A line of its own below the quote that is a dash and a name."""
    count = len(table.start)
    while gap < count and (table.tag[gap] == "_SP" or table.lower[gap] == ">"):
        gap += 1
    if gap >= count or table.paragraph[gap] < 0:
        return None
    start, end = table.paragraphs[table.paragraph[gap]]
    return _signature(table, gap, start, end) if end - start <= _LONGEST_SIGNATURE else None


def _signature(table: TokenTable, gap: int, start: int, end: int) -> QuoteCandidate | None:
    """The name behind a dash or in brackets, with or without what is told of it: — Ann Lee, mayor of Orrin."""
    match = _SIGNATURE.match(table.text, start, min(end, start + _LONGEST_NAME))
    if match is None or match.end() != end:
        return None
    told = match["told"]
    if told and not told.startswith(",") and not (told.istitle() or told.startswith((" in ", " on ", " at ", " ("))):
        return None
    first, last = token_range(table, match.start("name"), match.end("name"))
    if any(reports(table, token) for token in table.tokens_between(match.end("name"), end)):
        return None
    if match["bracket"] and not (told.startswith(",") or table.entity[last] == "PERSON"):
        return None
    return QuoteCandidate([], Rule.SIGNED, gap, last, named=(first, last))
