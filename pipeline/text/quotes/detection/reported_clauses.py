"""Reported clauses: what a cue says was said, where no marks show it, and where it ends."""

from collections.abc import Iterator

from pipeline.text.quotes.attribution.cue_subject import subject_of
from pipeline.text.quotes.candidate import Draft, stretch_range, trimmed
from pipeline.text.quotes.detection.clause_end import Reach, choose, places
from pipeline.text.quotes.detection.nominal import according, noun
from pipeline.text.quotes.lexicon.speech_verbs import NOUNS, VERBS, Cue
from pipeline.text.quotes.tokens import Sheet


def reported(sheet: Sheet, taken: set[int]) -> list[Draft]:
    """The reported clauses of the article; `taken` are regions that are quotes already."""
    drafts: list[Draft] = []
    for verb, word in enumerate(sheet.lower):
        if sheet.region[verb] >= 0:
            continue
        if word == "according":
            drafts.extend(according(sheet, verb, taken))
            continue
        tag = sheet.tag[verb]
        if tag[:2] == "VB" and (cue := VERBS.get(word)):
            found = _verb(sheet, verb, cue, taken)
        elif tag in {"NN", "NNS"} and word in NOUNS:
            found = noun(sheet, verb)
        else:
            continue
        if found:
            drafts.append(found)
    told = {draft.cue for draft in drafts}
    return [draft for draft in drafts if not _passed_on(sheet, draft, told)]


def _passed_on(sheet: Sheet, draft: Draft, told: set[int | None]) -> bool:
    """Whether the content is another cue's with its cue: “declined to say whether …”, “continued to insist that …”."""
    if draft.rule != "infinitive" or draft.cue is None or VERBS[sheet.lower[draft.cue]].lemma not in _PASSING:
        return False
    return any(kid in told and sheet.dep[kid] in {"xcomp", "ccomp"} for kid in sheet.kids[draft.cue])


def _verb(sheet: Sheet, verb: int, cue: Cue, taken: set[int]) -> Draft | None:
    low, high = stretch_range(sheet, verb)
    if sheet.dep[verb] in {"advcl", "acl", "relcl"} and _governor(sheet, verb) > sheet.right[verb]:
        high = min(high, sheet.right[verb])  # the sentence's own clause comes behind it
    subject = subject_of(sheet, verb)
    passive = any(sheet.dep[k] == "auxpass" for k in sheet.kids[verb])
    helped = passive or any(sheet.dep[k] == "aux" for k in sheet.kids[verb])
    put = subject is None and sheet.tag[verb] == "VBN" and sheet.dep[verb] == "advcl" and not helped
    if put and (cue.lemma != "ask" or not any(sheet.dep[k] == "ccomp" for k in sheet.kids[verb])):
        return None  # "Asked about the pit, …": whoever is asked does not speak there
    if subject is None and not passive and not put and sheet.tag[verb] in {"VBD", "VBZ", "VBP", "VBG"}:
        left = (t for t in range(verb - 1, low - 1, -1) if sheet.dep[t] == "nsubj" and sheet.region[t] < 0)
        subject = next((t for t in left if sheet.lower[t] not in {"it", "which", "that"}), None)

    called = _called(sheet, verb) if subject is not None and cue.lemma in _CALLING else None

    def draft(first: int, last: int, rule: str) -> Draft | None:
        first, last = max(first, low), min(last, high)
        if last < first:
            return None
        group = "clause" if "clause" in rule else "infinitive" if rule == "infinitive" else "phrase"
        reach = Reach(first, last, high, group, verb)
        last = choose(sheet, first, places(sheet, reach))
        if rule == "object" and called is not None and first <= called:
            last = max(last, called)
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
                if cue.lemma in _AS and (link := _as(sheet, kid, high)) is not None:
                    last = max(last, sheet.right[link])
                return draft(sheet.left[kid], max(last, sheet.right[kid]), "object")
    return draft(verb + 1, called, "object") if called is not None else None


def _called(sheet: Sheet, verb: int) -> int | None:
    """The last of the marked words that say what a thing is called: “called the plan ‘a gift’”."""
    _, high = stretch_range(sheet, verb)
    for token in _clause_on(sheet, verb + 1, min(high, verb + _NEAR) + 1):
        if sheet.region[token] >= 0:
            return max(t for t in range(token, high + 1) if sheet.region[t] == sheet.region[token])
    return None


def _as(sheet: Sheet, thing: int, high: int) -> int | None:
    """The "as" that says what a thing is described as, wherever the parser hung it."""
    ahead = _clause_on(sheet, thing + 1, high)
    return next((t for t in ahead if sheet.lower[t] == "as" and sheet.tag[t] == "IN"), None)


def _clause_on(sheet: Sheet, first: int, end: int) -> Iterator[int]:
    """The tokens from the first on, before the end, up to the next verb or pause."""
    for token in range(first, end):
        if sheet.tag[token][:2] == "VB" or sheet.tag[token] == "MD" or sheet.lower[token] in {",", ";", ":"}:
            return
        yield token


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


_PASSING = frozenset({"decline", "refuse", "continue"})
_CALLING = frozenset({"call", "label", "dub", "brand", "term", "deem", "declare"})
_NEAR = 12
_AS = frozenset("describe characterize characterise portray depict dismiss denounce deride label paint brand".split())
_SUBJECTS = frozenset({"nsubj", "nsubjpass", "expl", "csubj"})
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
        and not any(verb < k < left and _aside_noun(sheet, k) for k in sheet.kids[verb])
    ):
        return first
    if VERBS[sheet.lower[verb]].addressed and not any(sheet.dep[k] in _SUBJECTS for k in sheet.kids[clause]):
        things = [k for k in sheet.kids[verb] if verb < k < left and sheet.dep[k] == "dobj"]
        told = any(verb < k < left and sheet.dep[k] == "dative" for k in sheet.kids[verb])
        if things and told:
            return sheet.left[things[-1]]  # "told the Echo the bridge is …", the clause's subject lost to the cue
    if left == first and sheet.ent[first] == "DATE" and sheet.lower[first] in _DAYS and sheet.tag[first + 1] != "POS":
        return first + 1  # "said Wednesday the ice was thin"
    if 1 < left - verb < 14 and sheet.lower[left - 1] == "," and sheet.lower[verb + 1] != ",":
        return verb + 1
    return left


def _aside_noun(sheet: Sheet, token: int) -> bool:
    """A noun behind the cue that is no part of what is said: its speaker, or when it was said."""
    return sheet.dep[token] == "nsubj" or (sheet.dep[token] == "npadvmod" and sheet.ent[token] in {"DATE", "TIME"})


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
