"""The cue beside a marked stretch: before it (she said: “…”), behind it (“…,” she said), or a name behind a dash."""

import re

from pipeline.text.quotes.attribution.cue_subject import beside, subject_of
from pipeline.text.quotes.candidate import Draft, is_titled, marked_words, stretch_range
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import FINITE, Sheet

_LABEL = re.compile(r"[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,4}$")
_LINKS = frozenset({"as", "because", "since", "while", "though", "although", "if", "unless", "when", "until"})
_PAUSES = frozenset({",", "--", "—", "–", "-", ":", ";"})
_RELATIVE = frozenset({"which", "who", "that", "whom"})
_OPENING = frozenset({"that", "if", "once", "unless", "although", "because"})
_LONGEST_NAME = 200  # characters of a name behind a dash, with what is told of it
_AFTER = re.compile(r"\s*(?:—|–|--|-)\s*(?=[A-Z])")


def before(sheet: Sheet, number: int, tokens: range) -> Draft | None:
    """He said: “…”; Rubio: “…”; a sentence that ends in a colon in the line above."""
    first = tokens[0]
    last = first - 1
    while last >= 0 and sheet.tag[last] == "_SP":
        last -= 1
    if last < 0:
        return None
    sign = sheet.lower[last]
    newline = sheet.para[last] != sheet.para[first]
    if newline and (sign != ":" or sheet.para[first] - sheet.para[last] > 1):
        return None
    if not newline and opens_sentence(sheet, first) and sign != ":":
        return None
    if sheet.region[last] >= 0 and sign != ":":
        return None
    low, _ = stretch_range(sheet, last)
    sentence = is_sentence(sheet, number) or sheet.text[sheet.marked[number].inner[0][0]].isupper()
    if sign not in {",", ":"} and sheet.lower[last] not in VERBS:
        return None
    if sign == ",":
        if (own_words := _in_words(sheet, low, last)) is not None:
            return own_words
        near = [t for t in range(max(low, last - 14), last) if reports(sheet, t)]
        if not near:
            own = last - 1
            if sentence and sheet.tag[own] in {"VBD", "VBZ"} and (who := subject_of(sheet, own)) is not None:
                return Draft([], "beside", 0.6, own, own, who)
            return None
        verb = near[-1]
        clause = any(sheet.tag[t][:2] == "VB" and t != verb for t in range(verb + 1, last))
        if any(sheet.region[t] >= 0 for t in range(verb, last)) or (clause and not sentence):
            return None
        if any(sheet.lower[t + 1] in _OPENING for t in near):
            return None  # the marked words go on with a clause: said that once the house rises, “I will …”
        if not sentence and last - verb > 1:
            return None
        return Draft([], "before", 0.9, verb, verb, subject_of(sheet, verb) or beside(sheet, verb, low, last))
    if sign == ":":
        near = [t for t in range(low, last) if reports(sheet, t)]
        if near:
            verb = near[-1]
            that = _that(sheet, verb, last)
            if that is not None:
                span = (sheet.start[that + 1], sheet.marked[number].inner[-1][1])
                return Draft([span], "colon, that", 0.9, verb, verb, subject_of(sheet, verb))
            return Draft([], "colon", 0.9, verb, verb, subject_of(sheet, verb) or beside(sheet, verb, low, last))
        label = sheet.text[sheet.start[low] : sheet.start[last]].strip()
        subject = next((t for t in range(low, last) if sheet.dep[t] == "nsubj"), None)
        if _LABEL.match(label):
            subject = last - 1
        if subject is None:
            return Draft([], "colon", 0.5, last, last, None, carried=True)
        return Draft([], "colon", 0.7, last, last, subject)
    verb = last
    if not reports(sheet, verb) or not (sentence or len(marked_words(sheet, number)) > 2):
        return None
    subject = subject_of(sheet, verb) or beside(sheet, verb, low, last)
    if not VERBS[sheet.lower[verb]].clause or not is_sentence(sheet, number):
        return None
    if subject is None and sheet.tag[verb] == "VB" and not any(sheet.tag[t] in FINITE for t in tokens):
        return None  # no more than a part of what is told: a plan to counter “their rhetoric.”
    return Draft([], "before", 0.85, verb, verb, subject)


def _in_words(sheet: Sheet, low: int, last: int) -> Draft | None:
    """In Ann Lee's words, “…”; in the words of Ann Lee, “…”."""
    for words in range(low + 1, last):
        if sheet.lower[words] != "words" or sheet.lower[sheet.head[words]] != "in" or sheet.region[words] >= 0:
            continue
        owners = [k for k in sheet.kids[words] if sheet.dep[k] == "poss" and words == last - 1]
        for of in (k for k in sheet.kids[words] if sheet.lower[k] == "of" and sheet.right[k] == last - 1):
            owners += [k for k in sheet.kids[of] if sheet.dep[k] == "pobj"]
        if owners:
            return Draft([], "before", 0.9, words, words, owners[0])
    return None


def behind(sheet: Sheet, number: int, tokens: range) -> Draft | None:
    """“…,” he said; “…?” asked Smith; “…” — Smith."""
    marked = sheet.marked[number]
    # “[send] the wrong message” begins with a small letter.
    opening = sheet.text[marked.inner[0][0] :][:12].lstrip("[( ")
    lower = opening[:1].islower() or not is_sentence(sheet, number)
    before = tokens[0] - 1
    proper = sheet.tag[min(tokens[0] + 1, len(sheet.tag) - 1)] in {"NNP", "NNPS", "PRP"}
    worded = before >= 0 and sheet.word(before).islower()  # no dateline's dash, no bullet
    if proper and worded and sheet.para[before] == sheet.para[tokens[0]]:
        lower = True  # a name opens them, in the middle of a sentence: he went, but “Ohio is lost,” she said
    begin, _ = stretch_range(sheet, tokens[0])
    if before > begin and sheet.lower[before] == "," and not _lives(sheet, range(begin, before)):
        lower = True  # “Sooner or later, ‘we will have it,’ he said”
    within = lower and not opens_sentence(sheet, tokens[0])
    if within and (len(marked.pieces) > 1 or any(reports(sheet, t) for t in range(begin, tokens[0]))):
        return None
    gap = tokens[-1] + 1
    count = len(sheet.start)
    if gap >= count or sheet.para[gap] != sheet.para[tokens[-1]]:
        return _signed(sheet, gap, count)
    ending = ending_of(sheet, number)
    low = gap + 1 if sheet.lower[gap] in {",", "--", "—", "–", "-"} else gap
    _, close = sheet.lines[sheet.para[gap]]
    if (dash := _AFTER.match(sheet.text, marked.end, close)) and (
        close - dash.end() <= _LONGEST_NAME and sheet.text[dash.end() : close].istitle()
    ):
        return _signature(sheet, gap, dash.end(), close)  # “…” — Ann Lee
    if ending == "." and sheet.stretch[gap] != sheet.stretch[tokens[-1]]:
        return None
    unpaused = ending not in ",?!—–-…." and low == gap
    if unpaused and (within or not _tells(sheet, number, tokens)):
        return None
    high = _reach(sheet, low)
    cues = [t for t in range(low, min(high, low + 40)) if reports(sheet, t) or _mistagged(sheet, t, low, high)]
    for verb in cues:
        if sheet.dep[verb] in {"relcl", "acl"} and sheet.head[verb] >= low and len(cues) > 1:
            continue
        subject = subject_of(sheet, verb)
        if subject is None or subject < low - 1 or (subject >= high and sheet.region[subject] >= 0):
            subject = beside(sheet, verb, low, high) if subject is None or subject >= 0 else subject
        if subject is not None:
            front = min(sheet.left[subject], verb)
            if unpaused and (front != low or not _closes(sheet, verb, subject, high)):
                return None
            links = sheet.tag[low] in {"CC", "TO", "VBZ", "VBD"} or sheet.lower[low] in _LINKS
            goes_on = front - low > 2 and sheet.lower[front - 1] == "," and links
            if within and not goes_on and (front > low + 1 or verb - front > 12):
                return None
            if (within or goes_on) and len(marked.pieces) == 1:
                lead = range(begin, gap)
                if within and (
                    not _closes(sheet, verb, subject, high) or not any(sheet.tag[t] in FINITE for t in lead)
                ):
                    return None
                start = sheet.start[begin] if within else marked.start
                end = sheet.end[front - 2] if goes_on else marked.end
                return Draft([(start, end)], "around marks", 0.8, verb, verb, subject)
            return None if within else Draft([], "after", 0.95, verb, verb, subject)
    if within or unpaused:
        return None
    # Any verb right beside a marked sentence reports it: “…,” she shrugged.
    for verb in range(low, min(high, low + 8)):
        if sheet.tag[verb] in {"VBD", "VBZ", "VBP"} and sheet.dep[verb] not in {"aux", "auxpass", "relcl"}:
            subject = next((k for k in sheet.kids[verb] if sheet.dep[k] == "nsubj" and low <= k < high), None)
            if subject is not None and ending in ",?!":
                return Draft([], "beside", 0.7, verb, verb, subject)
    return None


def reports(sheet: Sheet, token: int) -> bool:
    """Whether a token outside marks is a verb that reports speech."""
    aside = token and sheet.lower[token - 1] == "being"  # “That being said, …”
    return sheet.lower[token] in VERBS and sheet.tag[token][:2] == "VB" and sheet.region[token] < 0 and not aside


def is_sentence(sheet: Sheet, number: int) -> bool:
    """Whether marked words look like a sentence: three or more, a capital, an end; no title of a work."""
    marked = sheet.marked[number]
    start = marked.inner[0][0]
    words = marked_words(sheet, number)
    ends = (
        ending_of(sheet, number) in ".!?…,—-" or not marked.closed or sheet.text[marked.end : marked.end + 1] in ".!?"
    )
    titled = is_titled(words) and len(words) < 9
    return len(words) >= 3 and ends and not titled and (sheet.text[start].isupper() or not sheet.text[start].isalpha())


def ending_of(sheet: Sheet, number: int) -> str:
    """The last character inside the marks, nested marks aside: what ends “He said ‘no,’”."""
    inner = sheet.text[slice(*sheet.marked[number].inner[-1])].rstrip("'’‘\"”“ \u00a0")
    return inner[-1:] or "'"


def opens_sentence(sheet: Sheet, first: int) -> bool:
    """Whether a token is the first of a sentence as a reader sees it."""
    return first == 0 or sheet.stretch[first - 1] != sheet.stretch[first]


def _closes(sheet: Sheet, verb: int, subject: int, high: int) -> bool:
    """Whether cue and speaker report what stands before them, and nothing that follows: no “, Lee said that …”."""
    if sheet.lower[subject] in _RELATIVE:
        return False
    for token in range(max(verb, subject) + 1, high):
        if sheet.lower[token] in _PAUSES:
            return True
        to_do = sheet.lower[token] == "to" and sheet.tag[min(token + 1, high - 1)] == "VB"
        if sheet.tag[token] in FINITE or sheet.lower[token] in _OPENING or to_do:
            return False
    return True


def _that(sheet: Sheet, verb: int, colon: int) -> int | None:
    """The "that" of a clause that goes on behind the colon: she said that it was lost: “We have no boats.”"""
    for kid in sheet.kids[verb]:
        first = sheet.left[kid]
        if sheet.dep[kid] == "ccomp" and verb < first and kid < colon and sheet.lower[first] == "that":
            return first
    return None


def _lives(sheet: Sheet, tokens: range) -> bool:
    """Whether the words could be a sentence of their own, or belong to a quote."""
    return any(sheet.tag[t] in FINITE or sheet.region[t] >= 0 for t in tokens)


def _mistagged(sheet: Sheet, token: int, low: int, high: int) -> bool:
    """A cue that the tagger took for a noun: “…,” the advert states."""
    return (
        sheet.lower[token] in VERBS
        and sheet.tag[token] in {"NNS", "NN", "NNP"}
        and token > low
        and (token + 1 >= high or sheet.tag[token + 1] in {",", "IN", "TO"})
        and sheet.tag[token - 1] in {"NN", "NNS", "NNP", "PRP"}
    )


def _reach(sheet: Sheet, low: int) -> int:
    """The token up to which a cue behind marked words may stand; names in marks may come before it: the “Dune” star."""
    high, cued, last, long = low, False, -1, False
    while high < len(sheet.start) and sheet.para[high] == sheet.para[low] and sheet.stretch[high] == sheet.stretch[low]:
        number = sheet.region[high]
        if number >= 0 and number != last:
            last, long = number, len(marked_words(sheet, number)) > 3
        if sheet.tag[high] == "." or (number >= 0 and (cued or long)):
            break
        cued = cued or reports(sheet, high)
        high += 1
    return high


def _tells(sheet: Sheet, number: int, tokens: range) -> bool:
    """Whether marked words without a pause at their end are a sentence all the same: “We have to go” she said."""
    words = marked_words(sheet, number)
    return len(words) > 4 and not is_titled(words) and any(sheet.tag[t] in FINITE for t in tokens)


def _signed(sheet: Sheet, gap: int, count: int) -> Draft | None:
    """A line of its own behind the quote that is a dash and a name."""
    while gap < count and sheet.tag[gap] == "_SP":
        gap += 1
    if gap >= count or sheet.para[gap] < 0:
        return None
    start, end = sheet.lines[sheet.para[gap]]
    dash = _AFTER.match(sheet.text, start, end)
    if not dash or end - start > 80:
        return None
    return _signature(sheet, gap, dash.end(), end)


def _signature(sheet: Sheet, dash: int, start: int, end: int) -> Draft | None:
    """The name behind a dash: its last word before a comma."""
    proper: list[int] = []
    for token in sheet.tokens(start, end):
        if sheet.lower[token] in {",", "("}:
            break
        if sheet.tag[token] in {"NNP", "NNPS"}:
            proper.append(token)
    return Draft([], "signed", 0.8, dash, dash, proper[-1]) if 0 < len(proper) < 6 else None
