"""Reported clauses: what a cue says was said, where no marks show it, and where it ends."""

from collections.abc import Iterator

from pipeline.text.quotes.attribution.cue_subject import subject_of
from pipeline.text.quotes.candidate import QuoteCandidate, sentence_bounds, trimmed
from pipeline.text.quotes.detection.clause_end import ClauseBounds, best_boundary, boundaries
from pipeline.text.quotes.detection.nominal import according, noun
from pipeline.text.quotes.lexicon.speech_verbs import NOUNS, VERBS, VerbFrame
from pipeline.text.quotes.tokens import TokenTable


def reported_clauses(table: TokenTable, taken: set[int]) -> list[QuoteCandidate]:
    """The reported clauses of the article; `taken` are regions that are quotes already."""
    candidates: list[QuoteCandidate] = []
    for verb, word in enumerate(table.lower):
        if table.quoted_span[verb] >= 0:
            continue
        if word == "according":
            candidates.extend(according(table, verb, taken))
            continue
        tag = table.tag[verb]
        if tag[:2] == "VB" and (cue := VERBS.get(word)):
            found = _verb(table, verb, cue, taken)
        elif tag in {"NN", "NNS"} and word in NOUNS:
            found = noun(table, verb)
        else:
            continue
        if found:
            candidates.append(found)
    told = {candidate.cue for candidate in candidates}
    return [candidate for candidate in candidates if not _passed_on(table, candidate, told)]


def _passed_on(table: TokenTable, candidate: QuoteCandidate, told: set[int | None]) -> bool:
    """Whether the content is another cue's with its cue: “declined to say whether …”, “continued to insist that …”."""
    if (
        candidate.rule != "infinitive"
        or candidate.cue is None
        or VERBS[table.lower[candidate.cue]].lemma not in _PASSING
    ):
        return False
    return any(kid in told and table.dep[kid] in {"xcomp", "ccomp"} for kid in table.children[candidate.cue])


def _verb(table: TokenTable, verb: int, cue: VerbFrame, taken: set[int]) -> QuoteCandidate | None:
    low, high = sentence_bounds(table, verb)
    if table.dep[verb] in {"advcl", "acl", "relcl"} and _governor(table, verb) > table.right_edge[verb]:
        high = min(high, table.right_edge[verb])  # the sentence's own clause comes behind it
    subject = subject_of(table, verb)
    passive = any(table.dep[k] == "auxpass" for k in table.children[verb])
    helped = passive or any(table.dep[k] == "aux" for k in table.children[verb])
    put = subject is None and table.tag[verb] == "VBN" and table.dep[verb] == "advcl" and not helped
    if put and (cue.lemma != "ask" or not any(table.dep[k] == "ccomp" for k in table.children[verb])):
        return None  # "Asked about the pit, …": whoever is asked does not speak there
    if subject is None and not passive and not put and table.tag[verb] in {"VBD", "VBZ", "VBP", "VBG"}:
        left = (t for t in range(verb - 1, low - 1, -1) if table.dep[t] == "nsubj" and table.quoted_span[t] < 0)
        subject = next((t for t in left if table.lower[t] not in {"it", "which", "that"}), None)

    called = _called(table, verb) if subject is not None and cue.lemma in _CALLING else None

    def candidate(first: int, last: int, rule: str) -> QuoteCandidate | None:
        first, last = max(first, low), min(last, high)
        if last < first:
            return None
        group = "clause" if "clause" in rule else "infinitive" if rule == "infinitive" else "phrase"
        bounds = ClauseBounds(first, last, high, group, verb)
        last = best_boundary(table, first, boundaries(table, bounds))
        if rule == "object" and called is not None and first <= called:
            last = max(last, called)
        if any(table.quoted_span[t] in taken for t in (first, last)):
            return None
        span = trimmed(table, first, last)
        if (
            span
            and rule in {"object", "preposition"}
            and any(table.quoted_span[t] >= 0 for t in range(first, last + 1))
        ):
            rule += " with marks"
        return (
            QuoteCandidate([span], rule, 0.5, verb, verb, subject, bounds=bounds)
            if span and span[1] - span[0] > 3
            else None
        )

    if cue.clause or cue.infinitive:
        around = _around(table, verb, subject, low, high, taken) if cue.clause and not cue.weak else None
        if around:
            return around
        for kid in table.children[verb]:
            clause = table.dep[kid] == "ccomp" and not _infinite(table, kid)
            clause = clause or (
                cue.lemma == "ask" and table.dep[kid] == "advcl" and table.lower[table.left_edge[kid]] == "if"
            )
            if clause and kid > verb and table.left_edge[kid] > verb:
                if passive and subject is None and cue.lemma not in _PASSIVE:
                    return None
                rule = "that clause" if table.lower[table.left_edge[kid]] == "that" else "clause"
                last = table.right_edge[kid]
                if last - table.left_edge[kid] < 1:
                    return None
                return candidate(_clause_start(table, verb, kid), last, rule)
    if passive:
        return None
    for kid in table.children[verb]:
        if table.dep[kid] in {"xcomp", "ccomp"} and kid > verb and _infinite(table, kid):
            return candidate(verb + 1, table.right_edge[kid], "infinitive")
    for kid in table.children[verb]:
        if kid > verb and table.dep[kid] == "prep" and table.lower[kid] in cue.prepositions:
            objects = [k for k in table.children[kid] if table.dep[k] in {"pobj", "pcomp"}]
            if objects:
                following = [k for k in table.children[verb] if k > kid and table.lower[k] == "as"]
                following += [k for k in table.children[objects[0]] if table.lower[k] == "as"]
                last = max([table.right_edge[kid], *(table.right_edge[k] for k in following)])
                rule = "preposition, as" if following else "preposition"
                return candidate(kid + 1, last, rule)
    if subject is not None and (not cue.addressed or cue.lemma in {"ask", "urge"}):
        for kid in table.children[verb]:
            if kid > verb and table.dep[kid] in {"dobj", "ccomp", "oprd"} and table.tag[kid] != "WP":
                if not cue.object and table.entity[kid] == "PERSON" and table.right_edge[kid] == kid:
                    return None  # somebody thanked is nothing said
                last = max(
                    [table.right_edge[k] for k in table.children[verb] if k >= kid and _complement(table, k)] or [kid]
                )
                if cue.lemma in _AS and (link := _as(table, kid, high)) is not None:
                    last = max(last, table.right_edge[link])
                return candidate(table.left_edge[kid], max(last, table.right_edge[kid]), "object")
    return candidate(verb + 1, called, "object") if called is not None else None


def _called(table: TokenTable, verb: int) -> int | None:
    """The last of the marked words that say what a thing is called: “called the plan ‘a gift’”."""
    _, high = sentence_bounds(table, verb)
    for token in _clause_on(table, verb + 1, min(high, verb + _NEAR) + 1):
        if table.quoted_span[token] >= 0:
            return max(t for t in range(token, high + 1) if table.quoted_span[t] == table.quoted_span[token])
    return None


def _as(table: TokenTable, thing: int, high: int) -> int | None:
    """The "as" that says what a thing is described as, wherever the parser hung it."""
    ahead = _clause_on(table, thing + 1, high)
    return next((t for t in ahead if table.lower[t] == "as" and table.tag[t] == "IN"), None)


def _clause_on(table: TokenTable, first: int, end: int) -> Iterator[int]:
    """The tokens from the first on, before the end, up to the next verb or pause."""
    for token in range(first, end):
        if table.tag[token][:2] == "VB" or table.tag[token] == "MD" or table.lower[token] in {",", ";", ":"}:
            return
        yield token


def _infinite(table: TokenTable, verb: int) -> bool:
    if table.tag[verb] == "VBG":
        return not any(table.dep[k] in {"aux", "nsubj"} for k in table.children[verb])
    return table.tag[verb] == "VB" and not any(table.tag[k] in {"MD", "VBD", "VBZ"} for k in table.children[verb])


def _governor(table: TokenTable, verb: int) -> int:
    """The last token among those above the cue."""
    token, furthest = verb, verb
    while table.head[token] != token:
        token = table.head[token]
        furthest = max(furthest, token)
    return furthest


def _complement(table: TokenTable, kid: int) -> bool:
    return table.dep[kid] in {"dobj", "oprd", "xcomp", "ccomp"} or (
        table.dep[kid] == "prep" and table.lower[kid] in {"of", "as", "for"}
    )


_PASSING = frozenset({"decline", "refuse", "continue"})
_CALLING = frozenset({"call", "label", "dub", "brand", "term", "deem", "declare"})
_NEAR = 12
_AS = frozenset("describe characterize characterise portray depict dismiss denounce deride label paint brand".split())
_SUBJECTS = frozenset({"nsubj", "nsubjpass", "expl", "csubj"})
_DAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday yesterday".split())
_PASSIVE = frozenset({"say", "report", "announce", "ask", "reveal", "tell", "inform", "warn", "assure"})
_STARTS = frozenset({"DT", "PRP", "PRP$", "NN", "NNS", "NNP", "JJ", "CD"})


def _clause_start(table: TokenTable, verb: int, clause: int) -> int:
    """The clause's first token, with what the parser hung on the cue though it stands inside: "that by May, it …"."""
    left = table.left_edge[clause]
    first = verb + 1
    that = next((t for t in range(first, left) if table.lower[t] == "that" and table.tag[t] == "IN"), None)
    if that is not None:
        return that
    time = table.entity[first] in {"DATE", "TIME"} or table.dep[first] == "npadvmod"
    noun = first < left and table.tag[first] in _STARTS and not time
    if (
        noun
        and not VERBS[table.lower[verb]].addressed
        and not any(verb < k < left and _aside_noun(table, k) for k in table.children[verb])
    ):
        return first
    if VERBS[table.lower[verb]].addressed and not any(table.dep[k] in _SUBJECTS for k in table.children[clause]):
        things = [k for k in table.children[verb] if verb < k < left and table.dep[k] == "dobj"]
        told = any(verb < k < left and table.dep[k] == "dative" for k in table.children[verb])
        if things and told:
            return table.left_edge[things[-1]]  # "told the Echo the bridge is …", the clause's subject lost to the cue
    if (
        left == first
        and table.entity[first] == "DATE"
        and table.lower[first] in _DAYS
        and table.tag[first + 1] != "POS"
    ):
        return first + 1  # "said Wednesday the ice was thin"
    if 1 < left - verb < 14 and table.lower[left - 1] == "," and table.lower[verb + 1] != ",":
        return verb + 1
    return left


def _aside_noun(table: TokenTable, token: int) -> bool:
    """A noun behind the cue that is no part of what is said: its speaker, or when it was said."""
    return table.dep[token] == "nsubj" or (table.dep[token] == "npadvmod" and table.entity[token] in {"DATE", "TIME"})


def _around(
    table: TokenTable, verb: int, subject: int | None, low: int, high: int, taken: set[int]
) -> QuoteCandidate | None:
    """“The plan, he said, is bad” and “The plan is bad, he said”: the sentence without the cue's own clause."""
    if subject is None or table.head[subject] != verb or table.dep[subject] != "nsubj":
        return None
    first, last = min(table.left_edge[subject], verb), max(verb, table.right_edge[subject] if subject > verb else verb)
    for kid in table.children[verb]:
        if table.dep[kid] in {"aux", "advmod", "neg"} and table.left_edge[kid] < first:
            first = table.left_edge[kid]
    before = first - 1
    if before <= low or table.lower[before] != "," or table.quoted_span[before] >= 0:
        return None
    if any(
        table.dep[k] == "ccomp" and k > verb and table.lower[table.left_edge[k]] == "that" for k in table.children[verb]
    ):
        return None
    behind = last + 1
    while (
        behind <= high
        and (table.head[behind] in {verb, behind - 1} or last < behind <= last)
        and (table.dep[behind] in {"prep", "npadvmod", "pobj", "dobj", "advmod", "dative", "det", "compound"})
    ):
        behind += 1
    if behind > high or table.tag[behind] == ".":
        mediate = False
    elif table.lower[behind] == "," and behind < high:
        mediate = True
    else:
        return None
    left = range(low, before)
    clause_before = any(table.dep[k] in {"ccomp", "parataxis"} and k < first for k in table.children[verb])
    if not mediate and not clause_before and table.dep[verb] not in {"parataxis", "ROOT"}:
        return None
    if not clause_before and table.dep[verb] not in {"parataxis", "ccomp"} and mediate is not False:
        return None
    if not mediate and (before <= low + 2 or (table.tag[low] in {"IN", "CC", "VBG"} and not clause_before)):
        return None
    if any(table.quoted_span[t] in taken for t in left):
        return None
    segments = [s for s in (trimmed(table, low, before), trimmed(table, behind, high) if mediate else None) if s]
    return QuoteCandidate(segments, "around", 0.8, verb, verb, subject) if segments else None
