"""Reported clauses: what a cue says was said, where no marks show it, and where it ends."""

from dataclasses import dataclass, field

from pipeline.text.quotes.cues import NOUNS, VERBS, Cue
from pipeline.text.quotes.ends import choose, places
from pipeline.text.quotes.sheet import Sheet
from pipeline.text.quotes.speakers import subject_of

_LEAD = frozenset({"that", ",", ":", "--", "-", "—", "–"})


@dataclass(slots=True)
class Draft:
    """A quote before its speaker has a name: character segments, tokens of the cue and of the speaker's head."""

    segments: list[tuple[int, int]]
    rule: str
    score: float
    cue: int | None = None
    cue_last: int | None = None
    subject: int | None = None
    carried: bool = False
    regions: list[int] = field(default_factory=list)
    signs: tuple[tuple[str, str], ...] = ()
    reach: tuple[int, int, int, str] | None = None
    """Of the last segment: its first token, the parser's last one, the sentence's last one, the kind of content."""


def trimmed(sheet: Sheet, first: int, last: int) -> tuple[int, int] | None:
    """The characters of the tokens, without the punctuation, space and marks that frame them; None if nothing is left.

    An end within a marked stretch moves behind it; marks that frame the whole stay outside.
    """
    while first <= last and (sheet.lower[first] in _LEAD or sheet.tag[first] == "_SP"):
        first += 1
    while last >= first and (sheet.tag[last] in {"_SP", ",", ":", "."} or sheet.lower[last] in {"--", "-"}):
        last -= 1
    if last < first:
        return None
    start, end = sheet.start[first], sheet.end[last]
    region = sheet.region[last]
    if region >= 0:
        marked = sheet.marked[region]
        end = max(end, marked.end)
        if marked.start >= start and not marked.closed:
            end = marked.inner[-1][1]
        if marked.start == start or sheet.region[first] == region:
            start, end = marked.inner[0][0] if marked.start == start else start, marked.inner[-1][1]
    elif sheet.region[first] >= 0:
        start = min(start, sheet.marked[sheet.region[first]].start)
    return (start, end) if end > start else None


def stretch_range(sheet: Sheet, token: int) -> tuple[int, int]:
    """The first and last token of the sentence around a token."""
    number, low, high = sheet.stretch[token], token, token
    while low and sheet.stretch[low - 1] == number:
        low -= 1
    while high + 1 < len(sheet.stretch) and sheet.stretch[high + 1] == number:
        high += 1
    return low, high


def reported(sheet: Sheet, taken: set[int]) -> list[Draft]:
    """The reported clauses of the article; `taken` are regions that are quotes already."""
    drafts: list[Draft] = []
    for verb, word in enumerate(sheet.lower):
        if sheet.region[verb] >= 0:
            continue
        if word == "according":
            drafts.extend(_according(sheet, verb, taken))
            continue
        tag = sheet.tag[verb]
        if tag[:2] == "VB" and (cue := VERBS.get(word)):
            found = _verb(sheet, verb, cue, taken)
        elif tag in {"NN", "NNS"} and word in NOUNS:
            found = _noun(sheet, verb)
        else:
            continue
        if found:
            drafts.append(found)
    return drafts


def _verb(sheet: Sheet, verb: int, cue: Cue, taken: set[int]) -> Draft | None:
    low, high = stretch_range(sheet, verb)
    if sheet.dep[verb] in {"advcl", "acl", "relcl"} and _governor(sheet, verb) > sheet.right[verb]:
        high = min(high, sheet.right[verb])  # the sentence's own clause comes behind it
    subject = subject_of(sheet, verb)
    passive = any(sheet.dep[k] == "auxpass" for k in sheet.kids[verb])
    if subject is None and sheet.tag[verb] == "VBN" and sheet.dep[verb] == "advcl" and not (
            passive or any(sheet.dep[k] == "aux" for k in sheet.kids[verb])):  # fmt: skip
        return None  # "Asked about the pit, …": whoever is asked does not speak there
    if subject is None and not passive and sheet.tag[verb] in {"VBD", "VBZ", "VBP", "VBG"}:
        subject = next((t for t in range(low, verb) if sheet.dep[t] == "nsubj" and sheet.region[t] < 0), None)

    def draft(first: int, last: int, rule: str) -> Draft | None:
        first, last = max(first, low), min(last, high)
        if last < first:
            return None
        group = "clause" if "clause" in rule else "infinitive" if rule == "infinitive" else "phrase"
        reach = (first, last, high, group)
        last = choose(sheet, first, places(sheet, *reach))
        if any(sheet.region[t] in taken for t in (first, last)):
            return None
        span = trimmed(sheet, first, last)
        if span and rule in {"object", "preposition"} and any(sheet.region[t] >= 0 for t in range(first, last + 1)):
            rule += " with marks"
        return Draft([span], rule, 0.5, verb, verb, subject, reach=reach) if span and span[1] - span[0] > 3 else None

    if cue.clause or cue.infinitive:
        around = _around(sheet, verb, subject, low, high, taken) if cue.clause and not cue.weak else None
        if around:
            return around
        for kid in sheet.kids[verb]:
            clause = sheet.dep[kid] == "ccomp" and not _infinite(sheet, kid)
            clause = clause or (
                cue.lemma == "ask" and sheet.dep[kid] == "advcl" and sheet.lower[sheet.left[kid]] == "if"
            )
            if clause and kid > verb and sheet.left[kid] > verb:
                if passive and subject is None and cue.lemma not in _PASSIVE:
                    return None
                rule = "that clause" if sheet.lower[sheet.left[kid]] == "that" else "clause"
                last = sheet.right[kid]
                if last - sheet.left[kid] < 1:
                    return None
                return draft(_clause_start(sheet, verb, kid), last, rule)
    if passive:
        return None
    for kid in sheet.kids[verb]:
        if sheet.dep[kid] in {"xcomp", "ccomp"} and kid > verb and _infinite(sheet, kid):
            return draft(verb + 1, sheet.right[kid], "infinitive")
    for kid in sheet.kids[verb]:
        if kid > verb and sheet.dep[kid] == "prep" and sheet.lower[kid] in cue.prepositions:
            objects = [k for k in sheet.kids[kid] if sheet.dep[k] in {"pobj", "pcomp"}]
            if objects:
                following = [k for k in sheet.kids[verb] if k > kid and sheet.lower[k] == "as"]
                following += [k for k in sheet.kids[objects[0]] if sheet.lower[k] == "as"]
                last = max([sheet.right[kid], *(sheet.right[k] for k in following)])
                rule = "preposition, as" if following else "preposition"
                return draft(kid + 1, last, rule)
    if subject is not None and (not cue.addressed or cue.lemma in {"ask", "urge"}):
        for kid in sheet.kids[verb]:
            if kid > verb and sheet.dep[kid] in {"dobj", "ccomp", "oprd"} and sheet.tag[kid] != "WP":
                if not cue.object and sheet.ent[kid] == "PERSON" and sheet.right[kid] == kid:
                    return None  # somebody thanked is nothing said
                last = max([sheet.right[k] for k in sheet.kids[verb] if k >= kid and _complement(sheet, k)] or [kid])
                return draft(sheet.left[kid], max(last, sheet.right[kid]), "object")
    return None


def _infinite(sheet: Sheet, verb: int) -> bool:
    if sheet.tag[verb] == "VBG":
        return not any(sheet.dep[k] in {"aux", "nsubj"} for k in sheet.kids[verb])
    return sheet.tag[verb] == "VB" and not any(sheet.tag[k] in {"MD", "VBD", "VBZ"} for k in sheet.kids[verb])


def _governor(sheet: Sheet, verb: int) -> int:
    """The last token among those above the cue."""
    token, furthest = verb, verb
    while sheet.head[token] != token:
        token = sheet.head[token]
        furthest = max(furthest, token)
    return furthest


def _complement(sheet: Sheet, kid: int) -> bool:
    return sheet.dep[kid] in {"dobj", "oprd", "xcomp", "ccomp"} or (
        sheet.dep[kid] == "prep" and sheet.lower[kid] in {"of", "as", "for"}
    )


_DAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday yesterday".split())
_PASSIVE = frozenset({"say", "report", "announce", "ask", "reveal", "tell", "inform", "warn", "assure"})
_STARTS = frozenset({"DT", "PRP", "PRP$", "NN", "NNS", "NNP", "JJ", "CD"})


def _clause_start(sheet: Sheet, verb: int, clause: int) -> int:
    """The clause's first token, with what the parser hung on the cue though it stands inside: "that by May, it …"."""
    left = sheet.left[clause]
    first = verb + 1
    that = next((t for t in range(first, left) if sheet.lower[t] == "that" and sheet.tag[t] == "IN"), None)
    if that is not None:
        return that
    time = sheet.ent[first] in {"DATE", "TIME"} or sheet.dep[first] == "npadvmod"
    noun = first < left and sheet.tag[first] in _STARTS and not time
    if (
        noun
        and not VERBS[sheet.lower[verb]].addressed
        and not any(verb < k < left and sheet.dep[k] in {"nsubj", "npadvmod"} for k in sheet.kids[verb])
    ):
        return first
    if left == first and sheet.ent[first] == "DATE" and sheet.lower[first] in _DAYS and sheet.tag[first + 1] != "POS":
        return first + 1  # "said Wednesday the ice was thin"
    if 1 < left - verb < 14 and sheet.lower[left - 1] == "," and sheet.lower[verb + 1] != ",":
        return verb + 1
    return left


def _around(sheet: Sheet, verb: int, subject: int | None, low: int, high: int, taken: set[int]) -> Draft | None:
    """“The plan, he said, is bad” and “The plan is bad, he said”: the sentence without the cue's own clause."""
    if subject is None or sheet.head[subject] != verb or sheet.dep[subject] != "nsubj":
        return None
    first, last = min(sheet.left[subject], verb), max(verb, sheet.right[subject] if subject > verb else verb)
    for kid in sheet.kids[verb]:
        if sheet.dep[kid] in {"aux", "advmod", "neg"} and sheet.left[kid] < first:
            first = sheet.left[kid]
    before = first - 1
    if before <= low or sheet.lower[before] != "," or sheet.region[before] >= 0:
        return None
    if any(sheet.dep[k] == "ccomp" and k > verb and sheet.lower[sheet.left[k]] == "that" for k in sheet.kids[verb]):
        return None
    behind = last + 1
    while (
        behind <= high
        and (sheet.head[behind] in {verb, behind - 1} or last < behind <= last)
        and (sheet.dep[behind] in {"prep", "npadvmod", "pobj", "dobj", "advmod", "dative", "det", "compound"})
    ):
        behind += 1
    if behind > high or sheet.tag[behind] == ".":
        mediate = False
    elif sheet.lower[behind] == "," and behind < high:
        mediate = True
    else:
        return None
    left = range(low, before)
    clause_before = any(sheet.dep[k] in {"ccomp", "parataxis"} and k < first for k in sheet.kids[verb])
    if not mediate and not clause_before and sheet.dep[verb] not in {"parataxis", "ROOT"}:
        return None
    if not clause_before and sheet.dep[verb] not in {"parataxis", "ccomp"} and mediate is not False:
        return None
    if not mediate and (before <= low + 2 or (sheet.tag[low] in {"IN", "CC", "VBG"} and not clause_before)):
        return None
    if any(sheet.region[t] in taken for t in left):
        return None
    segments = [s for s in (trimmed(sheet, low, before), trimmed(sheet, behind, high) if mediate else None) if s]
    return Draft(segments, "around", 0.8, verb, verb, subject) if segments else None


def _according(sheet: Sheet, word: int, taken: set[int]) -> list[Draft]:
    to = word + 1
    if to >= len(sheet.lower) or sheet.lower[to] != "to":
        return []
    objects = [k for k in sheet.kids[to] if sheet.dep[k] == "pobj"] or [
        k for k in sheet.kids[word] if sheet.dep[k] == "pobj"
    ]
    if not objects:
        return []
    low, high = stretch_range(sheet, word)
    noun = objects[0]
    last = min(max(sheet.right[noun], noun), high)
    segments: list[tuple[int, int] | None] = []
    if word - low > 2:
        segments.append(trimmed(sheet, low, word - 1))
        if (
            last + 2 < high
            and sheet.lower[last + 1] == ","
            and sheet.tag[last + 2] not in {"CC", "WDT", "WP", "IN", "VBG"}
        ):
            segments.append(trimmed(sheet, last + 2, high))
    else:
        comma = next((t for t in range(noun, high) if sheet.lower[t] == "," and t >= last), None)
        comma = comma if comma is not None else next((t for t in range(noun, high) if sheet.lower[t] == ","), None)
        if comma is None:
            return []
        segments.append(trimmed(sheet, comma + 1, high))
    kept = [s for s in segments if s]
    if not kept or any(sheet.region[sheet.at(s)] in taken for s, _ in kept):
        return []
    return [Draft(kept, "according to", 0.8, word, to, noun)]


def _noun(sheet: Sheet, noun: int) -> Draft | None:
    """The claim that …, his pledge to …; the speaker is the possessor or the agent."""
    clause = next(
        (k for k in sheet.kids[noun] if k > noun and sheet.dep[k] in {"acl", "ccomp"}
         and sheet.lower[sheet.left[k]] in {"that", "to"}), None)  # fmt: skip
    if clause is None:
        return None
    speaker = next((k for k in sheet.kids[noun] if sheet.dep[k] == "poss"), None)
    if speaker is None:
        speaker = next((n for k in sheet.kids[noun] if sheet.lower[k] in {"by", "from"} for n in sheet.kids[k]
                        if sheet.dep[n] == "pobj"), None)  # fmt: skip
    if speaker is None:
        return None
    span = trimmed(sheet, sheet.left[clause], sheet.right[clause])
    return Draft([span], "noun", 0.55, noun, noun, speaker) if span else None
