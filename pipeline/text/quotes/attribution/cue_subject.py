"""Who speaks: the subject that the sentence's grammar gives a cue, and the whole mention around it."""

from pipeline.text.quotes.candidate import stretch_range
from pipeline.text.quotes.lexicon.nouns import INSTITUTIONS, ROLES, TALKS
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import FINITE, Sheet

_SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj"})
_UPWARD = frozenset({"conj", "advcl", "xcomp", "pcomp", "prep", "ccomp", "parataxis", "acomp", "dep"})
_RELATIVE = frozenset({"who", "that", "which", "whom"})
_NAMING = frozenset({"NN", "NNS", "NNP", "NNPS", "POS"})
_DOCUMENTS = frozenset(
    {
        "response",
        "reply",
        "note",
        "statement",
        "letter",
        "tweet",
        "email",
        "memo",
        "message",
        "post",
        "release",
        "ad",
        "video",
    }
)
_NOMINAL = frozenset({"NN", "NNS", "NNP", "NNPS", "PRP", "CD", "DT", "JJ", "WP", "PRP$", "EX", "FW", "VBG", "NFP"})
_BEING = frozenset({"is", "'s", "was", "be", "been", "seems", "seemed", "appears", "appeared", "becomes", "became"})
_HAVING = frozenset({"has", "have", "had", "'s", "'ve", "'d"})
_THROUGH = frozenset({"in", "during", "via", "by"})
_DASHES = frozenset({"-", "--", "–", "—"})
_INSIDE = frozenset({"prep", "appos", "nmod", "compound", "flat", "poss", "amod", "det", "nummod", "case", "cc", "conj",
                     "pobj", "advmod", "acl"})  # fmt: skip


def subject_of(sheet: Sheet, verb: int, depth: int = 0) -> int | None:
    """The head token of the cue's speaker: its subject, its passive agent, or the one it shares with the verb above."""
    passive = False
    for kid in sheet.kids[verb]:
        if sheet.dep[kid] == "agent":
            for noun in sheet.kids[kid]:
                if sheet.dep[noun] == "pobj":
                    return noun
        if sheet.dep[kid] == "auxpass":
            passive = True
    # The nearest before the verb; a dateline ("ORRIN (AP) - Ann Lee said") may look like a subject too.
    kids = [k for k in sheet.kids[verb] if sheet.para[k] >= 0]
    for kid in sorted(kids, key=lambda k: (k > verb, abs(k - verb))):
        if sheet.dep[kid] in _SUBJECTS and sheet.tag[kid] in _NOMINAL | {"WDT"}:
            if sheet.dep[kid] == "nsubjpass" and passive and depth == 0:
                return None  # "was told": whoever is told does not speak
            if sheet.lower[kid] in _RELATIVE and sheet.dep[verb] == "relcl":
                return sheet.head[verb]
            return kid if sheet.lower[kid] not in {"it", "there"} or depth == 0 else None
    above = sheet.head[verb]
    if above == verb or depth > 5:
        return None if passive or depth else _left(sheet, verb)
    bare = sheet.tag[verb] == "VBN" and not any(sheet.dep[k] == "aux" for k in sheet.kids[verb])
    top = bare and sheet.dep[verb] == "acl" and sheet.head[above] == above and sheet.lower[verb - 1] == ","
    active = any(sheet.dep[k] == "dobj" for k in sheet.kids[verb])
    if depth == 0 and top and active and _is_alone(sheet, verb):
        return above  # "Mr. Lee, the Vale Democrat, called it …": past tense, taken for a participle
    if depth == 0 and bare and sheet.dep[verb] != "conj":
        return None  # "when asked whether": it was put to them, they did not say it
    if sheet.dep[verb] in {"acl", "relcl"} and sheet.tag[above].startswith("NN"):
        governor = sheet.head[above]
        apart = sheet.dep[verb] == "acl" and sheet.lower[verb - 1] == ","
        document = sheet.lower[above] in _DOCUMENTS and sheet.dep[above] == "dobj"
        if governor != above and (apart or document) and sheet.tag[governor][:2] == "VB":
            return subject_of(sheet, governor, depth + 1) or above  # "X issued a statement saying"
        if apart and sheet.dep[above] == "pobj":
            while governor != sheet.head[governor] and sheet.tag[governor][:2] != "VB":
                governor = sheet.head[governor]
            return subject_of(sheet, governor, depth + 1) or above
        return above
    if sheet.dep[verb] in _UPWARD:
        return _above(sheet, verb, above, depth)
    return _left(sheet, verb) if depth == 0 else None


def _is_alone(sheet: Sheet, verb: int) -> bool:
    """Whether no verb of the sentence is finite outside marks, so that this one must be."""
    low, high = stretch_range(sheet, verb)
    return not any(sheet.tag[t] in FINITE and sheet.region[t] < 0 for t in range(low, high + 1))


def _above(sheet: Sheet, verb: int, above: int, depth: int) -> int | None:
    """The subject that a verb shares with the word it hangs on."""
    if sheet.lower[above] == "as" and sheet.lower[sheet.head[above]] in {"quoted", "quotes", "quoting", "cited"}:
        quoted = [k for k in sheet.kids[sheet.head[above]] if sheet.dep[k] == "dobj"]
        if quoted:
            return quoted[0]  # "Lee quoted Holm as saying"
    found = subject_of(sheet, above, depth + 1)
    outer = sheet.head[above]
    if sheet.dep[verb] == "conj" and sheet.dep[above] == "ccomp" and found is not None and depth == 0:
        # "She said the quay was lost and warned that …": what is reported does not speak itself.
        thing = sheet.tag[found] in {"NN", "NNS"} and sheet.lower[found] not in ROLES | INSTITUTIONS | _DOCUMENTS
        other = _finite(sheet, above) != sheet.tag[verb]  # "telling CNN that he is a fake and questioning …"
        if (thing or other) and sheet.lower[outer] in VERBS and sheet.tag[outer] == sheet.tag[verb]:
            return subject_of(sheet, outer, depth + 1)
    if found is None and depth == 0 and sheet.dep[verb] == "conj" and not _is_empty(sheet, above):
        # "It did not say where, and said …": a body or a document.
        found = next((k for k in sheet.kids[above] if sheet.lower[k] == "it" and sheet.dep[k] == "nsubj"), None)
    return found if found is not None or depth else _left(sheet, verb)


def _is_empty(sheet: Sheet, verb: int) -> bool:
    """Whether the verb's "it" stands for nothing: "it was clear", "it emerged that"."""
    return sheet.lower[verb] in _BEING or any(sheet.dep[k] in {"ccomp", "csubj"} for k in sheet.kids[verb])


def _finite(sheet: Sheet, verb: int) -> str:
    """The form of a verb's group: its first helper's, else its own."""
    helpers = [k for k in sheet.kids[verb] if sheet.dep[k] in {"aux", "auxpass"} and k < verb]
    return sheet.tag[min(helpers, default=verb)]


def _left(sheet: Sheet, verb: int) -> int | None:
    """The subject of a finite verb where the parse hung it elsewhere: "Like Finn Aster, Petra Holm said".

    That is the name right before it, or the noun that its sentence opens with, if no other verb stands between.
    """
    helper = min((k for k in sheet.kids[verb] if sheet.lower[k] in _HAVING and k < verb), default=verb)
    if sheet.tag[verb] == "VBN" and all(sheet.tag[t] == "RB" for t in range(helper + 1, verb)):
        verb = helper  # "has spoken"
    if sheet.tag[verb] not in {"VBD", "VBZ", "VBP"} or not verb:
        return None
    near = _behind_time(sheet, verb) - 1
    if near >= 0 and sheet.tag[near] in {"NNP", "NNPS"} and sheet.stretch[near] == sheet.stretch[verb]:
        return near if sheet.region[near] < 0 else None
    low = verb
    while low and sheet.stretch[low - 1] == sheet.stretch[verb] and sheet.region[low - 1] < 0 and verb - low < 40:
        low -= 1
        if sheet.tag[low] in {"VBD", "VBZ", "VBP", "MD", "WDT", "WP"}:
            return None
    while low < verb and sheet.tag[low] in {"DT", "JJ", "CD", "PRP$", ",", "_SP", "''", "RB"}:
        low += 1
    last = low
    while last + 1 < verb and sheet.tag[last] in _NAMING and sheet.tag[last + 1] in _NAMING | {"POS"}:
        last += 1
    return last if low < verb and sheet.tag[last] in {"NN", "NNS", "NNP", "NNPS"} and _goes(sheet, last, verb) else None


def _behind_time(sheet: Sheet, verb: int) -> int:
    """The first token of the words that say when, right before a verb: "Ann Lee on Wednesday said"."""
    at = verb
    while at and sheet.ent[at - 1] in {"DATE", "TIME"}:
        at -= 1
    return at - 1 if 0 < at < verb and sheet.lower[at - 1] in {"on", "in", "at", "earlier", "late"} else at


def _goes(sheet: Sheet, noun: int, verb: int) -> bool:
    """Whether only what belongs to a noun stands between it and the verb: set off by commas, or nothing."""
    between = range(noun + 1, verb)
    return not between or (sheet.lower[noun + 1] == "," and sheet.lower[verb - 1] == ",")


def beside(sheet: Sheet, verb: int, low: int, high: int) -> int | None:
    """The noun right before or right behind the cue, for where the parse has no subject."""
    if any(sheet.dep[k] == "auxpass" for k in sheet.kids[verb]):
        return None  # "was asked": the one beside it does not speak
    for number in range(verb - 1, max(low - 1, verb - 5), -1):
        if sheet.tag[number] in {"NNP", "NNPS", "PRP", "NN", "NNS"} and sheet.region[number] < 0:
            return number
        if sheet.tag[number] not in {"RB", "VBD", "VBZ", "VBP", "MD", "VB"}:
            break
    for number in range(verb + 1, min(high, verb + 6)):
        if sheet.tag[number] in {"NNP", "NNPS", "PRP", "NN", "NNS"} and sheet.region[number] < 0:
            while number + 1 < high and sheet.tag[number + 1] in {"NNP", "NNPS", "NN", "NNS"}:
                number += 1
            return number
        if sheet.tag[number] not in {"DT", "JJ", "PRP$", "CD"}:
            break
    return None


def mention(sheet: Sheet, head: int, cue: int | None) -> tuple[int, int]:
    """The first and last token of the whole mention: with its titles and appositions, without its relative clauses."""
    first, last = sheet.left[head], head
    stack = [head]
    kept = [head]
    while stack:
        node = stack.pop()
        for kid in sheet.kids[node]:
            far = kid < head or sheet.dep[kid] in _INSIDE
            if not far or sheet.stretch[kid] != sheet.stretch[head] or sheet.region[kid] != sheet.region[head]:
                continue
            if sheet.dep[kid] in {"relcl", "acl", "punct", "advcl", "ccomp"} and kid > head:
                continue
            if cue is not None and (min(kid, head) < cue < max(kid, head)):
                continue
            if kid > head and sheet.lower[kid] in _THROUGH and any(sheet.lower[k] in TALKS for k in sheet.kids[kid]):
                continue  # "Ann Lee in an email": how it was said belongs to the cue
            kept.append(kid)
            stack.append(kid)
    kept.sort()
    first, last = kept[0], kept[-1]
    position = kept.index(head)
    # Only what hangs together with the head: a gap of more than a comma ends the mention.
    low = position
    while low and kept[low] - kept[low - 1] <= 2 and sheet.tag[kept[low - 1]] not in {"CC", "RB"}:
        if sheet.tag[kept[low - 1]] == "IN" and sheet.lower[kept[low - 1]] not in {"of", "for"}:
            break
        low -= 1
    while low < position and (sheet.tag[kept[low]] in {"IN", ",", ":", "TO"}):
        low += 1
    high = position
    while high + 1 < len(kept) and kept[high + 1] - kept[high] <= 2:
        high += 1
    first, last = kept[low], kept[high]
    for token in range(head - 1, first, -1):
        if sheet.lower[token] in _DASHES and sheet.lower[token - 1] == ")":
            first = token + 1  # a dateline: "MACAU (Reuters) – The donor Ann Lee"
            break
    if first and (sheet.lower[first - 1], sheet.lower[first]) == ("at", "least"):
        first -= 1
    elif first and sheet.lower[first] == "-" and sheet.end[first - 1] == sheet.start[first]:
        first -= 1  # the first half of "far-right"
    while last > head and sheet.tag[last] in {"CC", "IN", ",", "TO", "RB", "DT", "POS"}:
        last -= 1
    return first, last
