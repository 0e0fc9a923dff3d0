"""Finds who speaks: the subject that the sentence's grammar gives a cue, and the whole mention around it."""

from pipeline.text.quotes.lexicon.grammar import (
    COMMA_AND_DASHES,
    COMMON,
    DASHES,
    FINITE,
    FINITE_VERBS,
    NOUN_TAGS,
    PROPER,
    SUBJECTS_AND_CLAUSES,
    TIMES,
)
from pipeline.text.quotes.lexicon.nouns import DOCUMENTS, HEARINGS, INSTITUTIONS, RECORDINGS, ROLES, TALKS
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import TokenTable

_DEEPEST = 5  # verbs above a cue that it may share its subject with
_UPWARD = frozenset({"conj", "advcl", "xcomp", "pcomp", "prep", "ccomp", "parataxis", "acomp", "dep"})
_RELATIVE = frozenset({"who", "that", "which", "whom"})
_NAMING = NOUN_TAGS | {"POS"}
_SUBJECT_TAGS = NOUN_TAGS | {"PRP", "CD", "DT", "JJ", "WP", "PRP$", "EX", "FW", "VBG", "NFP", "WDT"}
_NOUN_OR_PRONOUN = NOUN_TAGS | {"PRP"}
_BETWEEN_NOUN_AND_CUE = FINITE | {"RB", "VB"}
_DASHES_AND_HYPHEN = DASHES | {"-"}
_BEING = frozenset({"is", "'s", "was", "be", "been", "seems", "seemed", "appears", "appeared", "becomes", "became"})
_HAVING = frozenset({"has", "have", "had", "'s", "'ve", "'d"})
_THROUGH = frozenset({"in", "during", "via", "by"})
_SOMEBODY = frozenset({"somebody", "someone"})
_PLACED = frozenset({"at", "behind", "from", "near", "outside"})
_IN_MENTION = frozenset("prep appos nmod compound flat poss amod det nummod case cc conj pobj advmod".split())
"""Dependencies of what belongs to a mention behind its head."""


def subject_of(table: TokenTable, verb: int) -> int | None:
    """The head token of the cue's speaker: its subject, its passive agent, or the one it shares with the verb above."""
    if verb not in table.subjects:
        table.subjects[verb] = _subject(table, verb, 0)
    return table.subjects[verb]


def _subject(table: TokenTable, verb: int, depth: int) -> int | None:
    """The speaker of a verb, where as many verbs below this one were asked before."""
    agent = _agent(table, verb)
    subject = _nearest_subject(table, verb)
    if agent is not None and (depth == 0 or subject is None):
        return agent
    passive = is_passive(table, verb)
    if subject is not None:
        return _as_speaker(table, verb, subject, is_told=passive and depth == 0, depth=depth)
    if passive and depth == 0:
        return None  # "having been told": nothing says by whom.
    shown = _shown_speaking(table, verb) if depth == 0 else None
    return _subject_above(table, verb, depth, passive=passive) if shown is None else shown


def _subject_above(table: TokenTable, verb: int, depth: int, *, passive: bool) -> int | None:
    """The subject that a verb without one has from the word that it hangs on."""
    above = _behind_inserted(table, verb)
    if above == verb or depth > _DEEPEST:
        return None if passive or depth else _subject_elsewhere(table, verb)
    if depth == 0 and _is_bare_participle(table, verb):
        if _is_main_verb(table, verb, above):
            return above  # "Mr. Lee, the Vale Democrat, called it …": past tense, taken for a participle.
        if table.dep[verb] != "conj":
            return None  # "when asked whether": it was put to them, they did not say it.
    if table.dep[verb] in {"acl", "relcl"} and table.tag[above].startswith("NN"):
        return _above_noun(table, verb, above, depth)
    if table.dep[verb] in _UPWARD:
        return _shared_subject(table, verb, above, depth)
    return _subject_elsewhere(table, verb) if depth == 0 else None


def is_heard(table: TokenTable, verb: int, subject: int | None) -> bool:
    """Whether a cue only tells who heard it: the court heard that …"""
    return table.lower[verb] in {"heard", "hears"} and subject is not None and table.lower[subject] in HEARINGS


def heard_from(table: TokenTable, verb: int) -> int | None:
    """From whom it was heard: the court heard from Ann Lee that …"""
    sources = (child for child in table.children[verb] if table.lower[child] == "from" and child > verb)
    return next((noun for source in sources for noun in table.children[source] if table.dep[noun] == "pobj"), None)


def is_passive(table: TokenTable, verb: int) -> bool:
    """Whether a verb is passive; the helper of one inside marks is not the cue's: “Is it shut?” asked Lee."""
    return any(
        table.dep[child] == "auxpass" and table.quoted_span[child] == table.quoted_span[verb]
        for child in table.children[verb]
    )


def _agent(table: TokenTable, verb: int) -> int | None:
    """Who says it in the passive: "it was said by Lee"."""
    agents = (child for child in table.children[verb] if table.dep[child] == "agent")
    return next((noun for agent in agents for noun in table.children[agent] if table.dep[noun] == "pobj"), None)


def _nearest_subject(table: TokenTable, verb: int) -> int | None:
    """The verb's nearest subject, before it if there is one; a dateline ("ORRIN (AP) - Ann Lee said") is none."""
    subjects = [
        child
        for child in table.children[verb]
        if table.paragraph[child] >= 0
        and table.dep[child] in SUBJECTS_AND_CLAUSES
        and table.tag[child] in _SUBJECT_TAGS
    ]
    if len(subjects) > 1 and table.lower[verb - 1] == "," and table.left_edge[subjects[-1]] == verb + 1:
        return subjects[-1]  # “Not a chance, said Ann Lee”: what stands before the comma is said.
    return min(subjects, key=lambda child: (child > verb, abs(child - verb)), default=None)


def _as_speaker(table: TokenTable, verb: int, subject: int, *, is_told: bool, depth: int) -> int | None:
    """Whom a verb's subject stands for; None where it does not speak."""
    if table.dep[subject] == "nsubjpass" and is_told:
        return None  # "was told"
    if table.lower[subject] in _RELATIVE and table.dep[verb] == "relcl":
        return table.head[verb]
    return subject if table.lower[subject] not in {"it", "there"} or depth == 0 else None


def _is_bare_participle(table: TokenTable, verb: int) -> bool:
    return table.tag[verb] == "VBN" and not any(table.dep[child] == "aux" for child in table.children[verb])


def _is_main_verb(table: TokenTable, verb: int, above: int) -> bool:
    """Whether what the tagger took for a participle behind a noun is the sentence's only verb."""
    things = [child for child in table.children[verb] if table.dep[child] in {"dobj", "oprd"}]
    if table.dep[verb] != "acl" or table.head[above] != above or not things:
        return False
    # "One lawyer called Lee “a fool”": who is called so stands between the verb and the marks.
    behind = min(table.right_edge[things[0]] + 1, len(table.tag) - 1)
    calls = things[0] > verb and table.quoted_span[things[0]] < 0 <= table.quoted_span[behind]
    return (table.lower[verb - 1] == "," or calls) and _is_alone(table, verb)


def _above_noun(table: TokenTable, verb: int, above: int, depth: int) -> int | None:
    """The speaker of a verb that hangs on a noun: the noun, or who issues it: "X issued a statement saying"."""
    governor = table.head[above]
    apart = table.dep[verb] == "acl" and table.lower[verb - 1] == ","
    document = table.lower[above] in DOCUMENTS and table.dep[above] == "dobj"
    if governor != above and (apart or document) and table.tag[governor][:2] == "VB":
        issuer = _subject(table, governor, depth + 1)
        return above if issuer is None else issuer
    if apart and table.dep[above] == "pobj":
        while governor != table.head[governor] and table.tag[governor][:2] != "VB":
            governor = table.head[governor]
        owner = _subject(table, governor, depth + 1)
        return above if owner is None else owner
    return above


def _shown_speaking(table: TokenTable, verb: int) -> int | None:
    """Who speaks in a recording: a clip of Ann Lee saying, …"""
    last = verb - 1
    if table.tag[verb] != "VBG" or last < 1 or table.tag[last] not in NOUN_TAGS or table.quoted_span[last] >= 0:
        return None
    of = table.head[last]
    if table.dep[last] != "pobj" or table.lower[of] != "of" or table.head[of] == of:
        return None
    return last if table.lower[table.head[of]].removesuffix("s") in RECORDINGS else None


def _behind_inserted(table: TokenTable, verb: int) -> int:
    """What a verb hangs on, but for a clause inserted before it that says nothing of who speaks.

    That is one between dashes (“left – where Orr had lost – while shouting”), or one that only tells which of them is
    meant (“paid a man who had helped her, saying”).
    """
    above = table.head[verb]
    if table.tag[verb] != "VBG" or above >= verb or table.dep[above] not in {"advcl", "relcl", "appos"}:
        return above
    low, _ = table.sentence_bounds(verb)
    closed = any(table.lower[token] in _DASHES_AND_HYPHEN for token in range(above + 1, verb))
    opened = any(table.lower[token] in _DASHES_AND_HYPHEN for token in range(low, above))
    tells_which = table.dep[above] == "relcl" and table.lower[table.left_edge[above] - 1] not in COMMA_AND_DASHES
    if not (closed and opened) and not (tells_which and table.lower[verb - 1] == ","):
        return above
    node = table.head[above]
    while table.head[node] != node and table.tag[node][:2] != "VB":
        node = table.head[node]
    return node if table.tag[node][:2] == "VB" else above


def _is_alone(table: TokenTable, verb: int) -> bool:
    """Whether no verb of the sentence is finite outside marks, so that this one must be."""
    low, high = table.sentence_bounds(verb)
    return not any(table.tag[t] in FINITE and table.quoted_span[t] < 0 for t in range(low, high + 1))


def _shared_subject(table: TokenTable, verb: int, above: int, depth: int) -> int | None:
    """The subject that a verb shares with the word it hangs on."""
    if table.lower[above] == "as" and table.lower[table.head[above]] in {"quoted", "quotes", "quoting", "cited"}:
        quoted = [k for k in table.children[table.head[above]] if table.dep[k] == "dobj"]
        if quoted:
            return quoted[0]  # "Lee quoted Holm as saying"
    shared = _subject(table, above, depth + 1)
    outer = table.head[above]
    if table.dep[verb] == "conj" and table.dep[above] == "ccomp" and shared is not None and depth == 0:
        # "She said the quay was lost and warned that …": what is reported does not speak itself.
        thing = table.tag[shared] in COMMON and table.lower[shared] not in ROLES | INSTITUTIONS | DOCUMENTS
        other = _finite(table, above) != table.tag[verb]  # "telling CNN that he is a fake and questioning …"
        if (thing or other) and table.lower[outer] in VERBS and table.tag[outer] == table.tag[verb]:
            return _subject(table, outer, depth + 1)
    if shared is None and depth == 0 and table.dep[verb] == "conj" and not _is_empty(table, above):
        # "It did not say where, and said …": a body or a document.
        shared = next((k for k in table.children[above] if table.lower[k] == "it" and table.dep[k] == "nsubj"), None)
    return shared if shared is not None or depth else _subject_elsewhere(table, verb)


def _is_empty(table: TokenTable, verb: int) -> bool:
    """Whether the verb's "it" stands for nothing: "it was clear", "it emerged that"."""
    return table.lower[verb] in _BEING or any(table.dep[k] in {"ccomp", "csubj"} for k in table.children[verb])


def _finite(table: TokenTable, verb: int) -> str:
    """The form of a verb's group: its first helper's, else its own."""
    helpers = [k for k in table.children[verb] if table.dep[k] in {"aux", "auxpass"} and k < verb]
    return table.tag[min(helpers, default=verb)]


def _subject_elsewhere(table: TokenTable, verb: int) -> int | None:
    """The subject of a finite verb where the parse hung it elsewhere: "Like Finn Aster, Petra Holm said".

    That is the name right before it, or the noun that its sentence opens with, if no other verb stands between.
    """
    helper = min((k for k in table.children[verb] if table.lower[k] in _HAVING and k < verb), default=verb)
    if table.tag[verb] == "VBN" and all(table.tag[t] == "RB" for t in range(helper + 1, verb)):
        verb = helper  # "has spoken"
    if table.tag[verb] not in FINITE_VERBS or not verb:
        return None
    near = _behind_time(table, verb) - 1
    if near >= 0 and table.tag[near] in PROPER and table.sentence[near] == table.sentence[verb]:
        return near if table.quoted_span[near] < 0 else None
    if (set_apart := _name_before_commas(table, verb)) is not None:
        return set_apart
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
    while last + 1 < verb and table.tag[last] in _NAMING and table.tag[last + 1] in _NAMING:
        last += 1
    return last if low < verb and table.tag[last] in NOUN_TAGS and _reaches(table, last, verb) else None


def _name_before_commas(table: TokenTable, verb: int) -> int | None:
    """The name right before what two commas set off from the verb: "From the gallery Ann Lee, 34, said"."""
    low, _ = table.sentence_bounds(verb)
    comma = verb - 2
    while comma > low and table.lower[comma] != ",":
        comma -= 1
    name = comma - 1
    if table.lower[verb - 1] != "," or comma <= low or table.entity[name] != "PERSON" or table.quoted_span[name] >= 0:
        return None
    return name if not any(table.tag[t] in FINITE for t in range(comma, verb)) else None


def _behind_time(table: TokenTable, verb: int) -> int:
    """The first token of the words that say when, right before a verb: "Ann Lee on Wednesday said"."""
    at = verb
    while at and table.entity[at - 1] in TIMES:
        at -= 1
    return at - 1 if 0 < at < verb and table.lower[at - 1] in {"on", "in", "at", "earlier", "late"} else at


def _reaches(table: TokenTable, noun: int, verb: int) -> bool:
    """Whether only what belongs to a noun stands between it and the verb: set off by commas, or nothing."""
    between = range(noun + 1, verb)
    return not between or (table.lower[noun + 1] == "," and table.lower[verb - 1] == ",")


def noun_beside(table: TokenTable, verb: int, low: int, high: int) -> int | None:
    """The noun right before or right behind the cue, for where the parse has no subject.

    Args:
        table: the article.
        verb: the cue's token.
        low: the first token that may be taken.
        high: the token behind the last that may be taken.
    """
    if is_passive(table, verb):
        return None  # "was asked": the one beside it does not speak.
    for token in range(verb - 1, max(low - 1, verb - 5), -1):
        aged = table.lower[token] == "old" and table.lower[token - 2 : token] == ["year", "-"]  # the 14-year-old said
        if aged or (table.tag[token] in _NOUN_OR_PRONOUN and table.quoted_span[token] < 0):
            return token if aged or table.entity[token] not in TIMES else None
        if table.tag[token] not in _BETWEEN_NOUN_AND_CUE:
            break
    behind = verb + 2 if verb + 1 < high and table.tag[verb + 1] == "RP" else verb + 1  # "points out the baker"
    for token in range(behind, min(high, verb + 6)):
        if table.tag[token] in _NOUN_OR_PRONOUN and table.quoted_span[token] < 0:
            while token + 1 < high and table.tag[token + 1] in NOUN_TAGS:
                token += 1
            return token if table.entity[token] not in TIMES else None
        if table.tag[token] not in {"DT", "JJ", "PRP$", "CD"}:
            break
    return None


def speaker_near(table: TokenTable, verb: int, low: int, high: int) -> int | None:
    """The head token of the cue's speaker by the parse, or else the noun beside it between two tokens."""
    subject = subject_of(table, verb)
    return noun_beside(table, verb, low, high) if subject is None else subject


def mention(table: TokenTable, head: int, cue: int | None) -> tuple[int, int]:
    """The first and last token of the whole mention: with its titles and appositions, without its relative clauses.

    Args:
        table: the article.
        head: the mention's head token.
        cue: the cue's token, which no mention goes across.
    """
    tokens = _subtree_of_mention(table, head, cue)
    position = tokens.index(head)
    first = tokens[_first_connected(table, tokens, position)]
    last = tokens[_last_connected(tokens, position)]
    for token in range(head - 1, first, -1):
        if table.lower[token] in _DASHES_AND_HYPHEN and table.lower[token - 1] == ")":
            first = token + 1  # a dateline: "MACAU (Reuters) – The donor Ann Lee"
            break
    the_old = table.lower[head] == "old" and table.lower[first - 1] == "the"
    if first and (the_old or (table.lower[first - 1], table.lower[first]) == ("at", "least")):
        first -= 1
    elif first and table.lower[first] == "-" and table.end[first - 1] == table.start[first]:
        first -= 1  # the first half of "far-right"
    while last > head and table.tag[last] in {"CC", "IN", ",", "TO", "RB", "DT", "POS"}:
        last -= 1
    return first, max(last, _last_of_place(table, head, cue) if last == head else last)


def _last_of_place(table: TokenTable, head: int, cue: int | None) -> int:
    """The last token of where somebody without a name is: shouted somebody at the back."""
    at = head + 1
    if cue is None or head < cue or table.lower[head] not in _SOMEBODY or at >= len(table.tag):
        return head
    if table.lower[at] not in _PLACED or table.head[at] not in {head, cue}:
        return head
    last = table.right_edge[at]
    place = range(at, last + 1)
    unfit = any(table.entity[t] in TIMES or table.tag[t] in FINITE or table.quoted_span[t] >= 0 for t in place)
    return head if unfit or table.lower[last] in TALKS | DOCUMENTS else last


def _subtree_of_mention(table: TokenTable, head: int, cue: int | None) -> list[int]:
    """The tokens below a head that belong to its mention, in order."""
    stack, tokens = [head], [head]
    while stack:
        for child in table.children[stack.pop()]:
            if _belongs_to_mention(table, head, child) and (
                cue is None or not min(child, head) < cue < max(child, head)
            ):
                tokens.append(child)
                stack.append(child)
    return sorted(tokens)


def _belongs_to_mention(table: TokenTable, head: int, child: int) -> bool:
    if table.paragraph[child] != table.paragraph[head]:
        return False  # A time or a dateline before the line is no part of its first mention.
    if table.sentence[child] != table.sentence[head] or table.quoted_span[child] != table.quoted_span[head]:
        return False
    if child < head:
        return True
    if table.dep[child] == "prep" and child and table.lower[child - 1] == "," and table.lower[child] in _THROUGH:
        return False  # "the Echo, in a note on the dispute, called it …"
    # "Ann Lee in an email": how it was said belongs to the cue.
    medium = table.lower[child] in _THROUGH and any(table.lower[below] in TALKS for below in table.children[child])
    aged = table.dep[child] == "npadvmod" and table.lower[table.head[child]] == "old"  # 81-year-old Ann Lee
    return (table.dep[child] in _IN_MENTION or aged) and not medium


def _first_connected(table: TokenTable, tokens: list[int], position: int) -> int:
    """The first place of what hangs together with the head: a gap of more than a comma ends the mention."""
    low = position
    while low and tokens[low] - tokens[low - 1] <= 2:
        before = tokens[low - 1]
        preposition = table.tag[before] == "IN" and table.lower[before] not in {"of", "for"}
        if preposition or table.tag[before] in {"CC", "RB"}:
            break
        low -= 1
    while low < position and table.tag[tokens[low]] in {"IN", ",", ":", "TO"}:
        low += 1
    return low


def _last_connected(tokens: list[int], position: int) -> int:
    high = position
    while high + 1 < len(tokens) and tokens[high + 1] - tokens[high] <= 2:
        high += 1
    return high
