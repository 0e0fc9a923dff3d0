"""Who speaks: the subject that the sentence's grammar gives a cue, and the whole mention around it."""

from pipeline.text.quotes.candidate import sentence_bounds
from pipeline.text.quotes.lexicon.nouns import INSTITUTIONS, ROLES, TALKS
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import FINITE, TokenTable

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


def subject_of(table: TokenTable, verb: int, depth: int = 0) -> int | None:
    """The head token of the cue's speaker: its subject, its passive agent, or the one it shares with the verb above."""
    passive = False
    for kid in table.children[verb]:
        if table.dep[kid] == "agent":
            for noun in table.children[kid]:
                if table.dep[noun] == "pobj":
                    return noun
        if table.dep[kid] == "auxpass":
            passive = True
    # The nearest before the verb; a dateline ("ORRIN (AP) - Ann Lee said") may look like a subject too.
    kids = [k for k in table.children[verb] if table.paragraph[k] >= 0]
    for kid in sorted(kids, key=lambda k: (k > verb, abs(k - verb))):
        if table.dep[kid] in _SUBJECTS and table.tag[kid] in _NOMINAL | {"WDT"}:
            if table.dep[kid] == "nsubjpass" and passive and depth == 0:
                return None  # "was told": whoever is told does not speak
            if table.lower[kid] in _RELATIVE and table.dep[verb] == "relcl":
                return table.head[verb]
            return kid if table.lower[kid] not in {"it", "there"} or depth == 0 else None
    above = table.head[verb]
    if above == verb or depth > 5:
        return None if passive or depth else _left(table, verb)
    bare = table.tag[verb] == "VBN" and not any(table.dep[k] == "aux" for k in table.children[verb])
    top = bare and table.dep[verb] == "acl" and table.head[above] == above and table.lower[verb - 1] == ","
    active = any(table.dep[k] == "dobj" for k in table.children[verb])
    if depth == 0 and top and active and _is_alone(table, verb):
        return above  # "Mr. Lee, the Vale Democrat, called it …": past tense, taken for a participle
    if depth == 0 and bare and table.dep[verb] != "conj":
        return None  # "when asked whether": it was put to them, they did not say it
    if table.dep[verb] in {"acl", "relcl"} and table.tag[above].startswith("NN"):
        governor = table.head[above]
        apart = table.dep[verb] == "acl" and table.lower[verb - 1] == ","
        document = table.lower[above] in _DOCUMENTS and table.dep[above] == "dobj"
        if governor != above and (apart or document) and table.tag[governor][:2] == "VB":
            return subject_of(table, governor, depth + 1) or above  # "X issued a statement saying"
        if apart and table.dep[above] == "pobj":
            while governor != table.head[governor] and table.tag[governor][:2] != "VB":
                governor = table.head[governor]
            return subject_of(table, governor, depth + 1) or above
        return above
    if table.dep[verb] in _UPWARD:
        return _above(table, verb, above, depth)
    return _left(table, verb) if depth == 0 else None


def _is_alone(table: TokenTable, verb: int) -> bool:
    """Whether no verb of the sentence is finite outside marks, so that this one must be."""
    low, high = sentence_bounds(table, verb)
    return not any(table.tag[t] in FINITE and table.quoted_span[t] < 0 for t in range(low, high + 1))


def _above(table: TokenTable, verb: int, above: int, depth: int) -> int | None:
    """The subject that a verb shares with the word it hangs on."""
    if table.lower[above] == "as" and table.lower[table.head[above]] in {"quoted", "quotes", "quoting", "cited"}:
        quoted = [k for k in table.children[table.head[above]] if table.dep[k] == "dobj"]
        if quoted:
            return quoted[0]  # "Lee quoted Holm as saying"
    found = subject_of(table, above, depth + 1)
    outer = table.head[above]
    if table.dep[verb] == "conj" and table.dep[above] == "ccomp" and found is not None and depth == 0:
        # "She said the quay was lost and warned that …": what is reported does not speak itself.
        thing = table.tag[found] in {"NN", "NNS"} and table.lower[found] not in ROLES | INSTITUTIONS | _DOCUMENTS
        other = _finite(table, above) != table.tag[verb]  # "telling CNN that he is a fake and questioning …"
        if (thing or other) and table.lower[outer] in VERBS and table.tag[outer] == table.tag[verb]:
            return subject_of(table, outer, depth + 1)
    if found is None and depth == 0 and table.dep[verb] == "conj" and not _is_empty(table, above):
        # "It did not say where, and said …": a body or a document.
        found = next((k for k in table.children[above] if table.lower[k] == "it" and table.dep[k] == "nsubj"), None)
    return found if found is not None or depth else _left(table, verb)


def _is_empty(table: TokenTable, verb: int) -> bool:
    """Whether the verb's "it" stands for nothing: "it was clear", "it emerged that"."""
    return table.lower[verb] in _BEING or any(table.dep[k] in {"ccomp", "csubj"} for k in table.children[verb])


def _finite(table: TokenTable, verb: int) -> str:
    """The form of a verb's group: its first helper's, else its own."""
    helpers = [k for k in table.children[verb] if table.dep[k] in {"aux", "auxpass"} and k < verb]
    return table.tag[min(helpers, default=verb)]


def _left(table: TokenTable, verb: int) -> int | None:
    """The subject of a finite verb where the parse hung it elsewhere: "Like Finn Aster, Petra Holm said".

    That is the name right before it, or the noun that its sentence opens with, if no other verb stands between.
    """
    helper = min((k for k in table.children[verb] if table.lower[k] in _HAVING and k < verb), default=verb)
    if table.tag[verb] == "VBN" and all(table.tag[t] == "RB" for t in range(helper + 1, verb)):
        verb = helper  # "has spoken"
    if table.tag[verb] not in {"VBD", "VBZ", "VBP"} or not verb:
        return None
    near = _behind_time(table, verb) - 1
    if near >= 0 and table.tag[near] in {"NNP", "NNPS"} and table.sentence[near] == table.sentence[verb]:
        return near if table.quoted_span[near] < 0 else None
    low = verb
    while (
        low and table.sentence[low - 1] == table.sentence[verb] and table.quoted_span[low - 1] < 0 and verb - low < 40
    ):
        low -= 1
        if table.tag[low] in {"VBD", "VBZ", "VBP", "MD", "WDT", "WP"}:
            return None
    while low < verb and table.tag[low] in {"DT", "JJ", "CD", "PRP$", ",", "_SP", "''", "RB"}:
        low += 1
    last = low
    while last + 1 < verb and table.tag[last] in _NAMING and table.tag[last + 1] in _NAMING | {"POS"}:
        last += 1
    return last if low < verb and table.tag[last] in {"NN", "NNS", "NNP", "NNPS"} and _goes(table, last, verb) else None


def _behind_time(table: TokenTable, verb: int) -> int:
    """The first token of the words that say when, right before a verb: "Ann Lee on Wednesday said"."""
    at = verb
    while at and table.entity[at - 1] in {"DATE", "TIME"}:
        at -= 1
    return at - 1 if 0 < at < verb and table.lower[at - 1] in {"on", "in", "at", "earlier", "late"} else at


def _goes(table: TokenTable, noun: int, verb: int) -> bool:
    """Whether only what belongs to a noun stands between it and the verb: set off by commas, or nothing."""
    between = range(noun + 1, verb)
    return not between or (table.lower[noun + 1] == "," and table.lower[verb - 1] == ",")


def beside(table: TokenTable, verb: int, low: int, high: int) -> int | None:
    """The noun right before or right behind the cue, for where the parse has no subject."""
    if any(table.dep[k] == "auxpass" for k in table.children[verb]):
        return None  # "was asked": the one beside it does not speak
    for number in range(verb - 1, max(low - 1, verb - 5), -1):
        if table.tag[number] in {"NNP", "NNPS", "PRP", "NN", "NNS"} and table.quoted_span[number] < 0:
            return number
        if table.tag[number] not in {"RB", "VBD", "VBZ", "VBP", "MD", "VB"}:
            break
    for number in range(verb + 1, min(high, verb + 6)):
        if table.tag[number] in {"NNP", "NNPS", "PRP", "NN", "NNS"} and table.quoted_span[number] < 0:
            while number + 1 < high and table.tag[number + 1] in {"NNP", "NNPS", "NN", "NNS"}:
                number += 1
            return number
        if table.tag[number] not in {"DT", "JJ", "PRP$", "CD"}:
            break
    return None


def mention(table: TokenTable, head: int, cue: int | None) -> tuple[int, int]:
    """The first and last token of the whole mention: with its titles and appositions, without its relative clauses."""
    first, last = table.left_edge[head], head
    stack = [head]
    kept = [head]
    while stack:
        node = stack.pop()
        for kid in table.children[node]:
            far = kid < head or table.dep[kid] in _INSIDE
            if (
                not far
                or table.sentence[kid] != table.sentence[head]
                or table.quoted_span[kid] != table.quoted_span[head]
            ):
                continue
            if table.dep[kid] in {"relcl", "acl", "punct", "advcl", "ccomp"} and kid > head:
                continue
            if cue is not None and (min(kid, head) < cue < max(kid, head)):
                continue
            if (
                kid > head
                and table.lower[kid] in _THROUGH
                and any(table.lower[k] in TALKS for k in table.children[kid])
            ):
                continue  # "Ann Lee in an email": how it was said belongs to the cue
            kept.append(kid)
            stack.append(kid)
    kept.sort()
    first, last = kept[0], kept[-1]
    position = kept.index(head)
    # Only what hangs together with the head: a gap of more than a comma ends the mention.
    low = position
    while low and kept[low] - kept[low - 1] <= 2 and table.tag[kept[low - 1]] not in {"CC", "RB"}:
        if table.tag[kept[low - 1]] == "IN" and table.lower[kept[low - 1]] not in {"of", "for"}:
            break
        low -= 1
    while low < position and (table.tag[kept[low]] in {"IN", ",", ":", "TO"}):
        low += 1
    high = position
    while high + 1 < len(kept) and kept[high + 1] - kept[high] <= 2:
        high += 1
    first, last = kept[low], kept[high]
    for token in range(head - 1, first, -1):
        if table.lower[token] in _DASHES and table.lower[token - 1] == ")":
            first = token + 1  # a dateline: "MACAU (Reuters) – The donor Ann Lee"
            break
    if first and (table.lower[first - 1], table.lower[first]) == ("at", "least"):
        first -= 1
    elif first and table.lower[first] == "-" and table.end[first - 1] == table.start[first]:
        first -= 1  # the first half of "far-right"
    while last > head and table.tag[last] in {"CC", "IN", ",", "TO", "RB", "DT", "POS"}:
        last -= 1
    return first, last
