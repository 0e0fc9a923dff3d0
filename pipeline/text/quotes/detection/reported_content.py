"""Finds what a verb of speech governs: a clause, an infinitive, an object, a phrase with a preposition."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.text.quotes.candidate import Rule
from pipeline.text.quotes.detection.speech_cue import Cue
from pipeline.text.quotes.lexicon.grammar import (
    ANSWERING,
    ANY_SUBJECT,
    COMMON,
    FINITE,
    GOING_ON,
    NOUN_TAGS,
    SUBJECTS,
    TIMES,
    TITLED,
    WEEKDAYS,
    WITHHOLDING,
)
from pipeline.text.quotes.lexicon.speech_verbs import ACCUSING, CALLING, DESCRIBING, PASSIVE
from pipeline.text.quotes.tokens import SHORT_DAYS, TokenTable

_AMOUNTS = frozenset({"MONEY", "PERCENT", "QUANTITY", "CARDINAL"})
_ENQUIRIES = frozenset({"request", "requests", "inquiry", "inquiries", "enquiry", "enquiries", "query", "queries"})
"""To respond to these says nothing."""
_TO_COLON = 8  # tokens between a cue and its colon
_INSERTED = 14  # tokens between a cue and its clause that may belong to the clause
_CLAUSE_STARTS = frozenset({"DT", "PRP", "PRP$", "NN", "NNS", "NNP", "JJ", "CD"})
_RELATIVES = frozenset({"which", "who", "whom", "that", "what"})
_DEADLINES = frozenset({"by", "within", "until"})


class Content(NamedTuple):
    """What a frame finds: the first and last token of the content, as the parser sees it, and the content's verb."""

    first: int
    last: int
    rule: Rule
    verb: int = -1


_NOTHING = Content(0, -1, Rule.CLAUSE)
"""Of a frame that fits and reports nothing, so that no other frame is tried."""


def governed_by(table: TokenTable, cue: Cue) -> Content | None:
    """What a cue governs: the content of the first of its frames that fits.

    The content is empty, its last token before its first, where a frame fits and reports nothing.

    Args:
        table: the article.
        cue: the verb, with its subject and the reach of its content.
    """
    for find in (_behind_colon, _clause, _passive, _infinitive, _preposition, _object, _name):
        content = find(table, cue)
        if content is not None:
            return content
    return None


def said_of_noun(table: TokenTable, cue: Cue) -> Content | None:
    """What is said of a noun in its relative clause: a port which Lee said was unsafe will close."""
    verb, subject = cue.verb, cue.subject
    if subject is None or not cue.frame.clause or cue.passive or subject > verb:
        return None
    opening = table.left_edge[subject] - 1
    if opening < cue.low or table.quoted_span[opening] >= 0:
        return None
    if table.lower[opening] not in _RELATIVES and (table.dep[verb] != "relcl" or table.tag[opening] not in NOUN_TAGS):
        return None
    if any(table.tag[token] not in {"RB", "VBD", "VBP", "VBZ", "MD"} for token in range(subject + 1, verb)):
        return None
    first = verb + 1
    while first < cue.high and (table.tag[first] == "RB" or table.entity[first] in TIMES or table.lower[first] == "on"):
        first += 1
    if first > cue.high or table.tag[first] not in FINITE or table.quoted_span[first] >= 0:
        return None
    last = _last_of_relative(table, first, cue.high, apart=table.lower[opening - 1] == ",")
    return Content(first, last, Rule.RELATIVE, first)


def _last_of_relative(table: TokenTable, first: int, high: int, *, apart: bool) -> int:
    """The last token of what is said in a relative clause: before the comma behind it, or the sentence's own verb."""
    linked = False
    for token in range(first + 1, high + 1):
        if table.quoted_span[token] >= 0:
            continue
        if apart and table.lower[token] == ",":
            return token - 1
        if table.lower[token] in GOING_ON:
            linked = True
        elif table.tag[token] in FINITE:
            if not linked:
                return token - 1
            linked = False
    return high


def _behind_colon(table: TokenTable, cue: Cue) -> Content | None:
    """The baker said it best: no bread, no peace."""
    if cue.subject is None or cue.passive or not (cue.frame.clause or cue.frame.lemma == "put"):
        return None
    for colon in range(cue.verb + 1, min(cue.high, cue.verb + _TO_COLON)):
        if table.lower[colon] == ":":
            said = table.quoted_span[colon + 1] < 0 and cue.subject < colon
            return Content(colon + 1, cue.high, Rule.CLAUSE) if said else None
        if table.tag[colon] in FINITE or table.quoted_span[colon] >= 0 or table.lower[colon] in {"that", ",", ";"}:
            return None
    return None


def _clause(table: TokenTable, cue: Cue) -> Content | None:
    """She said that it was lost; she asked if it was lost."""
    if not cue.frame.clause and not cue.frame.infinitive:
        return None
    for child in table.children[cue.verb]:
        left, right = table.left_edge[child], table.right_edge[child]
        if child > cue.verb and left > cue.verb and _is_reported_clause(table, cue, child):
            if right == left or (cue.passive and cue.subject is None and cue.frame.lemma not in PASSIVE):
                return _NOTHING
            rule = Rule.THAT_CLAUSE if table.lower[left] == "that" else Rule.CLAUSE
            return Content(_clause_start(table, cue, child), right, rule, child)
    return None


def _is_reported_clause(table: TokenTable, cue: Cue, clause: int) -> bool:
    if table.dep[clause] == "ccomp":
        return not _is_infinite(table, clause)
    if (
        table.dep[clause] == "advcl"
        and cue.frame.clause
        and not cue.frame.weak
        and _is_behind_adjunct(table, cue, clause)
    ):
        return True
    asked = cue.frame.lemma == "ask" and table.dep[clause] == "advcl"
    return asked and table.lower[table.left_edge[clause]] == "if"


def _is_behind_adjunct(table: TokenTable, cue: Cue, clause: int) -> bool:
    """Whether the parser took a clause for an adverbial one, as it begins with one: said after the vote he would go."""
    opening = table.left_edge[clause]
    if opening != cue.verb + 1 or table.tag[opening] != "IN" or table.dep[opening] != "prep":
        return False
    children = table.children[clause]
    marked = any(table.dep[child] == "mark" or table.tag[child] in {"WRB", "WP", "WDT"} for child in children)
    return not marked and any(table.dep[child] in SUBJECTS and child > table.right_edge[opening] for child in children)


def _passive(table: TokenTable, cue: Cue) -> Content | None:
    """The object of a passive is its subject, so that no other frame fits."""
    return _NOTHING if cue.passive else None


def _infinitive(table: TokenTable, cue: Cue) -> Content | None:
    """She vowed to fight."""
    for child in table.children[cue.verb]:
        if table.dep[child] in {"xcomp", "ccomp"} and child > cue.verb and _is_infinite(table, child):
            anonymous = any(table.lower[token] == "anonymity" for token in range(cue.verb, child))
            if anonymous or _is_silence(table, cue, child):
                return _NOTHING  # insisted on anonymity to describe it
            if table.tag[child] == "VBG" and table.lower[table.left_edge[child] - 1] == ",":
                continue  # It tells how somebody spoke: he said, sounding tired.
            return Content(cue.verb + 1, table.right_edge[child], Rule.INFINITIVE, child)
    return None


def _is_silence(table: TokenTable, cue: Cue, answer: int) -> bool:
    """Whether somebody says nothing: declined to comment. What they do not speak about is told by the answer's cue."""
    return cue.frame.lemma in WITHHOLDING and table.lower[answer] in ANSWERING


def _preposition(table: TokenTable, cue: Cue) -> Content | None:
    """She called for a vote; she referred to it as a vote."""
    for child in table.children[cue.verb]:
        if child < cue.verb or table.dep[child] != "prep" or table.lower[child] not in cue.frame.prepositions:
            continue
        objects = [noun for noun in table.children[child] if _is_object(table, noun)]
        if objects and table.lower[child] == "on" and table.entity[objects[0]] in TIMES:
            continue
        if objects and table.lower[objects[0]] in _ENQUIRIES | {"anonymity"}:
            return _NOTHING
        if objects and table.lower[child] in {"on", "at"} and table.entity[objects[0]] in TIMES:
            continue  # called the plan “reckless” on Monday
        if objects:
            names = [k for k in table.children[cue.verb] if k > child and table.lower[k] == "as"]
            names += [k for k in table.children[objects[0]] if table.lower[k] == "as"]
            last = max(table.right_edge[token] for token in (child, *names))
            return Content(child + 1, last, Rule.PREPOSITION_AS if names else Rule.PREPOSITION)
    return None


def _is_object(table: TokenTable, noun: int) -> bool:
    """Whether a word is what a preposition governs: a noun, a gerund or a question, no finite verb by itself."""
    if table.dep[noun] == "pcomp":
        return table.tag[noun] not in FINITE or table.tag[table.left_edge[noun]] in {"WP", "WRB", "WDT", "IN"}
    return table.dep[noun] == "pobj"


def _object(table: TokenTable, cue: Cue) -> Content | None:
    """She criticized the plan; she described it as lost."""
    if cue.subject is None or (cue.frame.addressed and cue.frame.lemma not in {"ask", "urge"}):
        return None
    children = table.children[cue.verb]
    for child in children:
        if child < cue.verb or table.dep[child] not in {"dobj", "ccomp", "oprd"} or table.tag[child] == "WP":
            continue
        if table.left_edge[child] <= cue.verb or _reports_nothing(table, cue, child):
            return _NOTHING
        if _is_nothing_said(table, cue, child) or _is_named_in_passing(table, cue, child):
            return _NOTHING
        complements = [table.right_edge[k] for k in children if k >= child and _is_complement(table, k)]
        last = max([*complements, table.right_edge[child]])
        charge = _charge(table, cue, child)
        if cue.frame.lemma in DESCRIBING and (link := _described_as(table, child, cue.high)) is not None:
            last = max(last, table.right_edge[link])
        return Content(table.left_edge[child], last, Rule.OBJECT, charge)
    return None


def _is_named_in_passing(table: TokenTable, cue: Cue, thing: int) -> bool:
    """Whether commas set off what something is called: damage of one sort, called a hairline crack, can be sealed."""
    behind = table.right_edge[thing] + 1
    if cue.frame.lemma not in CALLING or table.dep[cue.verb] not in {"advcl", "acl"} or behind > cue.high:
        return False
    marked = any(table.quoted_span[token] >= 0 for token in range(cue.verb, behind))
    return not marked and table.lower[cue.verb - 1] == "," and table.lower[behind] == ","


def _charge(table: TokenTable, cue: Cue, thing: int) -> int:
    """What somebody is accused of, without which the words say nothing: accused Berg, the senator, of lying; or -1."""
    if cue.frame.lemma not in ACCUSING:
        return -1
    links = [k for k in table.children[cue.verb] if k > thing and table.lower[k] == "of"]
    return max((child for link in links for child in table.children[link]), default=-1)


def _is_nothing_said(table: TokenTable, cue: Cue, thing: int) -> bool:
    """Whether an object is somebody thanked or asked, or a bare word: said goodbye, said nothing."""
    if table.right_edge[thing] != thing or table.dep[thing] != "dobj":
        return False
    if table.entity[thing] == "PERSON" and (cue.frame.addressed or not cue.frame.object):
        return True
    bare = table.left_edge[thing] == thing and table.quoted_span[thing] < 0
    return bare and cue.frame.clause and not cue.frame.object


def _reports_nothing(table: TokenTable, cue: Cue, thing: int) -> bool:
    """Whether a verb with such an object says nothing: shares declined 4 percent; call my uncle; as she put it."""
    if table.entity[thing] in _AMOUNTS or table.lower[thing] in {"anonymity", *SHORT_DAYS}:
        return True
    if cue.frame.lemma == "put" and table.lower[thing] in {"it", "this"}:
        return True
    if cue.frame.lemma == "read" and not _holds_marks(table, thing):
        return True  # read the letter to the crew
    phrase = range(table.left_edge[thing], table.right_edge[thing] + 1)
    titled = any(table.lower[token] in TITLED | {"called"} and table.quoted_span[token] < 0 for token in phrase)
    if titled and any(table.quoted_span[token] >= 0 for token in phrase) and table.tag[thing] in COMMON:
        return True  # wrote a book called “The Long Road”
    if cue.frame.lemma != "call" or table.dep[thing] != "dobj":
        return False
    named = any(k > thing and table.dep[k] in {"dobj", "oprd", "xcomp", "ccomp"} for k in table.children[cue.verb])
    behind = range(cue.verb + 1, min(cue.high, table.right_edge[cue.verb]) + 1)
    return not named and table.tag[thing] in NOUN_TAGS and all(table.quoted_span[token] < 0 for token in behind)


def _holds_marks(table: TokenTable, thing: int) -> bool:
    return any(table.quoted_span[token] >= 0 for token in range(table.left_edge[thing], table.right_edge[thing] + 1))


def _name(table: TokenTable, cue: Cue) -> Content | None:
    """She called the plan “a gift”, where the parser has lost the object."""
    return None if cue.called is None else Content(cue.verb + 1, cue.called, Rule.OBJECT)


def _described_as(table: TokenTable, thing: int, high: int) -> int | None:
    """The "as" that says what a thing is described as, wherever the parser hung it."""
    ahead = _up_to_verb_or_pause(table, thing + 1, high)
    return next((token for token in ahead if table.lower[token] == "as" and table.tag[token] == "IN"), None)


def _up_to_verb_or_pause(table: TokenTable, first: int, end: int) -> Iterator[int]:
    """The tokens from the first on, before the end, up to the next verb or pause."""
    for token in range(first, end):
        if table.tag[token][:2] == "VB" or table.tag[token] == "MD" or table.lower[token] in {",", ";", ":"}:
            return
        yield token


def _is_infinite(table: TokenTable, verb: int) -> bool:
    """Whether a verb is an infinitive or a gerund without a subject."""
    children = table.children[verb]
    if table.tag[verb] == "VBG":
        return not any(table.dep[child] in {"aux", "nsubj"} for child in children)
    return table.tag[verb] == "VB" and not any(table.tag[child] in {"MD", "VBD", "VBZ"} for child in children)


def _is_complement(table: TokenTable, child: int) -> bool:
    if table.dep[child] == "prep":
        return table.lower[child] in {"of", "as", "for"}
    return table.dep[child] in {"dobj", "oprd", "xcomp", "ccomp"}


def _clause_start(table: TokenTable, cue: Cue, clause: int) -> int:
    """The clause's first token, with what the parser hung on the cue though it stands inside: "that by May, it …"."""
    left, first = table.left_edge[clause], cue.verb + 1
    if first == left and table.lower[first] == "on" and table.entity[first + 1] in TIMES:
        return table.right_edge[first] + 1  # "said on Friday the ice was thin", in some parses
    if first < left and table.lower[first] in _DEADLINES and table.entity[first + 1] in TIMES:
        return first  # "estimated by 2050 the town would grow"
    conjunction = next((token for token in range(first, clause) if _joins_clause(table, token, clause)), None)
    if conjunction is not None:
        return conjunction
    if _noun_opens_clause(table, cue, left):
        return first
    if (thing := _thing_told(table, cue, clause)) is not None:
        return table.left_edge[thing]
    day = table.entity[first] == "DATE" and table.lower[first] in WEEKDAYS
    if left == first and day and table.tag[first + 1] != "POS":
        return first + 1  # "said Wednesday the ice was thin"
    if 1 < left - cue.verb < _INSERTED and table.lower[left - 1] == "," and table.lower[first] != ",":
        return first
    return left


def _joins_clause(table: TokenTable, token: int, clause: int) -> bool:
    """Whether a token is the "that" which joins the clause to its cue; what stands before it is no content."""
    if table.lower[token] != "that" or table.tag[token] != "IN":
        return False
    return token <= table.left_edge[clause] or table.head[token] == clause


def _noun_opens_clause(table: TokenTable, cue: Cue, left: int) -> bool:
    """Whether the noun behind the cue belongs to the clause, though the parser hung it on the cue."""
    first = cue.verb + 1
    if cue.frame.addressed or first >= left or table.tag[first] not in _CLAUSE_STARTS:
        return False
    if table.entity[first] in TIMES or table.dep[first] == "npadvmod":
        return False
    between = (child for child in table.children[cue.verb] if cue.verb < child < left)
    return not any(_is_speaker_or_time(table, child) for child in between)


def _is_speaker_or_time(table: TokenTable, token: int) -> bool:
    if table.dep[token] == "nsubj":
        return True
    return table.dep[token] == "npadvmod" and table.entity[token] in TIMES


def _thing_told(table: TokenTable, cue: Cue, clause: int) -> int | None:
    """The clause's subject that the parser took for the cue's object: "told the Echo the bridge is …"."""
    if not cue.frame.addressed or any(table.dep[child] in ANY_SUBJECT for child in table.children[clause]):
        return None
    between = [child for child in table.children[cue.verb] if cue.verb < child < table.left_edge[clause]]
    things = [child for child in between if table.dep[child] == "dobj"]
    told = any(table.dep[child] == "dative" for child in between)
    return things[-1] if things and told else None
