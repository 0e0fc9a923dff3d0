"""The cue beside a marked stretch: before it (she said: “…”), behind it (“…,” she said), or a name behind a dash."""

import re

from pipeline.text.quotes.attribution.cue_subject import beside, subject_of
from pipeline.text.quotes.candidate import QuoteCandidate, is_titled, quoted_words, sentence_bounds
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import FINITE, TokenTable

_LABEL = re.compile(r"[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,4}$")
_LINKS = frozenset({"as", "because", "since", "while", "though", "although", "if", "unless", "when", "until"})
_PAUSES = frozenset({",", "--", "—", "–", "-", ":", ";"})
_RELATIVE = frozenset({"which", "who", "that", "whom"})
_OPENING = frozenset({"that", "if", "once", "unless", "although", "because"})
_LONGEST_NAME = 200  # characters of a name behind a dash, with what is told of it
_AFTER = re.compile(r"\s*(?:—|–|--|-)\s*(?=[A-Z])")


def before(table: TokenTable, number: int, tokens: range) -> QuoteCandidate | None:
    """He said: “…”; Rubio: “…”; a sentence that ends in a colon in the line above."""
    first = tokens[0]
    last = first - 1
    while last >= 0 and table.tag[last] == "_SP":
        last -= 1
    if last < 0:
        return None
    mark = table.lower[last]
    newline = table.paragraph[last] != table.paragraph[first]
    if newline and (mark != ":" or table.paragraph[first] - table.paragraph[last] > 1):
        return None
    if not newline and opens_sentence(table, first) and mark != ":":
        return None
    if table.quoted_span[last] >= 0 and mark != ":":
        return None
    low, _ = sentence_bounds(table, last)
    sentence = is_sentence(table, number) or table.text[table.quoted_spans[number].inner[0][0]].isupper()
    if mark not in {",", ":"} and table.lower[last] not in VERBS:
        return None
    if mark == ",":
        if (own_words := _in_words(table, low, last)) is not None:
            return own_words
        near = [t for t in range(max(low, last - 14), last) if reports(table, t)]
        if not near:
            own = last - 1
            if sentence and table.tag[own] in {"VBD", "VBZ"} and (who := subject_of(table, own)) is not None:
                return QuoteCandidate([], "beside", 0.6, own, own, who)
            return None
        verb = near[-1]
        clause = any(table.tag[t][:2] == "VB" and t != verb for t in range(verb + 1, last))
        if any(table.quoted_span[t] >= 0 for t in range(verb, last)) or (clause and not sentence):
            return None
        if any(table.lower[t + 1] in _OPENING for t in near):
            return None  # the marked words go on with a clause: said that once the house rises, “I will …”
        if not sentence and last - verb > 1:
            return None
        return QuoteCandidate([], "before", 0.9, verb, verb, subject_of(table, verb) or beside(table, verb, low, last))
    if mark == ":":
        near = [t for t in range(low, last) if reports(table, t)]
        if near:
            verb = near[-1]
            that = _that(table, verb, last)
            if that is not None:
                span = (table.start[that + 1], table.quoted_spans[number].inner[-1][1])
                return QuoteCandidate([span], "colon, that", 0.9, verb, verb, subject_of(table, verb))
            return QuoteCandidate(
                [], "colon", 0.9, verb, verb, subject_of(table, verb) or beside(table, verb, low, last)
            )
        label = table.text[table.start[low] : table.start[last]].strip()
        subject = next((t for t in range(low, last) if table.dep[t] == "nsubj"), None)
        if _LABEL.match(label):
            subject = last - 1
        if subject is None:
            return QuoteCandidate([], "colon", 0.5, last, last, None, carried=True)
        return QuoteCandidate([], "colon", 0.7, last, last, subject)
    verb = last
    if not reports(table, verb) or not (sentence or len(quoted_words(table, number)) > 2):
        return None
    subject = subject_of(table, verb) or beside(table, verb, low, last)
    if not VERBS[table.lower[verb]].clause or not is_sentence(table, number):
        return None
    if subject is None and table.tag[verb] == "VB" and not any(table.tag[t] in FINITE for t in tokens):
        return None  # no more than a part of what is told: a plan to counter “their rhetoric.”
    return QuoteCandidate([], "before", 0.85, verb, verb, subject)


def _in_words(table: TokenTable, low: int, last: int) -> QuoteCandidate | None:
    """In Ann Lee's words, “…”; in the words of Ann Lee, “…”."""
    for words in range(low + 1, last):
        if table.lower[words] != "words" or table.lower[table.head[words]] != "in" or table.quoted_span[words] >= 0:
            continue
        owners = [k for k in table.children[words] if table.dep[k] == "poss" and words == last - 1]
        for of in (k for k in table.children[words] if table.lower[k] == "of" and table.right_edge[k] == last - 1):
            owners += [k for k in table.children[of] if table.dep[k] == "pobj"]
        if owners:
            return QuoteCandidate([], "before", 0.9, words, words, owners[0])
    return None


def behind(table: TokenTable, number: int, tokens: range) -> QuoteCandidate | None:
    """“…,” he said; “…?” asked Smith; “…” — Smith."""
    marked = table.quoted_spans[number]
    # “[send] the wrong message” begins with a small letter.
    opening = table.text[marked.inner[0][0] :][:12].lstrip("[( ")
    lower = opening[:1].islower() or not is_sentence(table, number)
    before = tokens[0] - 1
    proper = table.tag[min(tokens[0] + 1, len(table.tag) - 1)] in {"NNP", "NNPS", "PRP"}
    worded = before >= 0 and table.word(before).islower()  # no dateline's dash, no bullet
    if proper and worded and table.paragraph[before] == table.paragraph[tokens[0]]:
        lower = True  # a name opens them, in the middle of a sentence: he went, but “Ohio is lost,” she said
    begin, _ = sentence_bounds(table, tokens[0])
    if before > begin and table.lower[before] == "," and not _lives(table, range(begin, before)):
        lower = True  # “Sooner or later, ‘we will have it,’ he said”
    within = lower and not opens_sentence(table, tokens[0])
    if within and (len(marked.pieces) > 1 or any(reports(table, t) for t in range(begin, tokens[0]))):
        return None
    gap = tokens[-1] + 1
    count = len(table.start)
    if gap >= count or table.paragraph[gap] != table.paragraph[tokens[-1]]:
        return _signed(table, gap, count)
    ending = ending_of(table, number)
    low = gap + 1 if table.lower[gap] in {",", "--", "—", "–", "-"} else gap
    _, close = table.paragraphs[table.paragraph[gap]]
    if (dash := _AFTER.match(table.text, marked.end, close)) and (
        close - dash.end() <= _LONGEST_NAME and table.text[dash.end() : close].istitle()
    ):
        return _signature(table, gap, dash.end(), close)  # “…” — Ann Lee
    if ending == "." and table.sentence[gap] != table.sentence[tokens[-1]]:
        return None
    unpaused = ending not in ",?!—–-…." and low == gap
    if unpaused and (within or not _tells(table, number, tokens)):
        return None
    high = _reach(table, low)
    cues = [t for t in range(low, min(high, low + 40)) if reports(table, t) or _mistagged(table, t, low, high)]
    for verb in cues:
        if table.dep[verb] in {"relcl", "acl"} and table.head[verb] >= low and len(cues) > 1:
            continue
        subject = subject_of(table, verb)
        if subject is None or subject < low - 1 or (subject >= high and table.quoted_span[subject] >= 0):
            subject = beside(table, verb, low, high) if subject is None or subject >= 0 else subject
        if subject is not None:
            front = min(table.left_edge[subject], verb)
            if unpaused and (front != low or not _closes(table, verb, subject, high)):
                return None
            links = table.tag[low] in {"CC", "TO", "VBZ", "VBD"} or table.lower[low] in _LINKS
            goes_on = front - low > 2 and table.lower[front - 1] == "," and links
            if within and not goes_on and (front > low + 1 or verb - front > 12):
                return None
            if (within or goes_on) and len(marked.pieces) == 1:
                lead = range(begin, gap)
                if within and (
                    not _closes(table, verb, subject, high) or not any(table.tag[t] in FINITE for t in lead)
                ):
                    return None
                start = table.start[begin] if within else marked.start
                end = table.end[front - 2] if goes_on else marked.end
                return QuoteCandidate([(start, end)], "around marks", 0.8, verb, verb, subject)
            return None if within else QuoteCandidate([], "after", 0.95, verb, verb, subject)
    if within or unpaused:
        return None
    # Any verb right beside a marked sentence reports it: “…,” she shrugged.
    for verb in range(low, min(high, low + 8)):
        if table.tag[verb] in {"VBD", "VBZ", "VBP"} and table.dep[verb] not in {"aux", "auxpass", "relcl"}:
            subject = next((k for k in table.children[verb] if table.dep[k] == "nsubj" and low <= k < high), None)
            if subject is not None and ending in ",?!":
                return QuoteCandidate([], "beside", 0.7, verb, verb, subject)
    return None


def reports(table: TokenTable, token: int) -> bool:
    """Whether a token outside marks is a verb that reports speech."""
    aside = token and table.lower[token - 1] == "being"  # “That being said, …”
    return table.lower[token] in VERBS and table.tag[token][:2] == "VB" and table.quoted_span[token] < 0 and not aside


def is_sentence(table: TokenTable, number: int) -> bool:
    """Whether marked words look like a sentence: three or more, a capital, an end; no title of a work."""
    marked = table.quoted_spans[number]
    start = marked.inner[0][0]
    words = quoted_words(table, number)
    ends = (
        ending_of(table, number) in ".!?…,—-" or not marked.closed or table.text[marked.end : marked.end + 1] in ".!?"
    )
    titled = is_titled(words) and len(words) < 9
    return len(words) >= 3 and ends and not titled and (table.text[start].isupper() or not table.text[start].isalpha())


def ending_of(table: TokenTable, number: int) -> str:
    """The last character inside the marks, nested marks aside: what ends “He said ‘no,’”."""
    inner = table.text[slice(*table.quoted_spans[number].inner[-1])].rstrip("'’‘\"”“ \u00a0")
    return inner[-1:] or "'"


def opens_sentence(table: TokenTable, first: int) -> bool:
    """Whether a token is the first of a sentence as a reader sees it."""
    return first == 0 or table.sentence[first - 1] != table.sentence[first]


def _closes(table: TokenTable, verb: int, subject: int, high: int) -> bool:
    """Whether cue and speaker report what stands before them, and nothing that follows: no “, Lee said that …”."""
    if table.lower[subject] in _RELATIVE:
        return False
    for token in range(max(verb, subject) + 1, high):
        if table.lower[token] in _PAUSES:
            return True
        to_do = table.lower[token] == "to" and table.tag[min(token + 1, high - 1)] == "VB"
        if table.tag[token] in FINITE or table.lower[token] in _OPENING or to_do:
            return False
    return True


def _that(table: TokenTable, verb: int, colon: int) -> int | None:
    """The "that" of a clause that goes on behind the colon: she said that it was lost: “We have no boats.”"""
    for kid in table.children[verb]:
        first = table.left_edge[kid]
        if table.dep[kid] == "ccomp" and verb < first and kid < colon and table.lower[first] == "that":
            return first
    return None


def _lives(table: TokenTable, tokens: range) -> bool:
    """Whether the words could be a sentence of their own, or belong to a quote."""
    return any(table.tag[t] in FINITE or table.quoted_span[t] >= 0 for t in tokens)


def _mistagged(table: TokenTable, token: int, low: int, high: int) -> bool:
    """A cue that the tagger took for a noun: “…,” the advert states."""
    return (
        table.lower[token] in VERBS
        and table.tag[token] in {"NNS", "NN", "NNP"}
        and token > low
        and (token + 1 >= high or table.tag[token + 1] in {",", "IN", "TO"})
        and table.tag[token - 1] in {"NN", "NNS", "NNP", "PRP"}
    )


def _reach(table: TokenTable, low: int) -> int:
    """The token up to which a cue behind marked words may stand; names in marks may come before it: the “Dune” star."""
    high, cued, last, long = low, False, -1, False
    while (
        high < len(table.start)
        and table.paragraph[high] == table.paragraph[low]
        and table.sentence[high] == table.sentence[low]
    ):
        number = table.quoted_span[high]
        if number >= 0 and number != last:
            last, long = number, len(quoted_words(table, number)) > 3
        if table.tag[high] == "." or (number >= 0 and (cued or long)):
            break
        cued = cued or reports(table, high)
        high += 1
    return high


def _tells(table: TokenTable, number: int, tokens: range) -> bool:
    """Whether marked words without a pause at their end are a sentence all the same: “We have to go” she said."""
    words = quoted_words(table, number)
    return len(words) > 4 and not is_titled(words) and any(table.tag[t] in FINITE for t in tokens)


def _signed(table: TokenTable, gap: int, count: int) -> QuoteCandidate | None:
    """A line of its own behind the quote that is a dash and a name."""
    while gap < count and table.tag[gap] == "_SP":
        gap += 1
    if gap >= count or table.paragraph[gap] < 0:
        return None
    start, end = table.paragraphs[table.paragraph[gap]]
    dash = _AFTER.match(table.text, start, end)
    if not dash or end - start > 80:
        return None
    return _signature(table, gap, dash.end(), end)


def _signature(table: TokenTable, dash: int, start: int, end: int) -> QuoteCandidate | None:
    """The name behind a dash: its last word before a comma."""
    proper: list[int] = []
    for token in table.tokens_between(start, end):
        if table.lower[token] in {",", "("}:
            break
        if table.tag[token] in {"NNP", "NNPS"}:
            proper.append(token)
    return QuoteCandidate([], "signed", 0.8, dash, dash, proper[-1]) if 0 < len(proper) < 6 else None
