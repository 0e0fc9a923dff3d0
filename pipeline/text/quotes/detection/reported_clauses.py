"""Reported clauses: what a cue says was said, where no quotation marks show it."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.text.quotes.attribution.cue_subject import subject_of
from pipeline.text.quotes.candidate import ClauseBounds, QuoteCandidate, Rule, RuleFlag, trimmed
from pipeline.text.quotes.detection.clause_end import best_end
from pipeline.text.quotes.detection.marked_end import agent_behind, last_marked
from pipeline.text.quotes.detection.nominal import according_to, in_words, reported_by_noun
from pipeline.text.quotes.lexicon.grammar import (
    ANSWERING,
    ANY_SUBJECT,
    COMMON,
    FINITE,
    FINITE_VERBS,
    GOING_ON,
    MANNER,
    NOUN_TAGS,
    SUBJECTS,
    TAILS,
    TIMES,
    TITLED,
    WEEKDAYS,
    WITHHOLDING,
)
from pipeline.text.quotes.lexicon.speech_verbs import (
    ACCUSING,
    CALLING,
    DESCRIBING,
    NOUNS,
    PASSING_ON,
    PASSIVE,
    VERBS,
    VerbFrame,
)
from pipeline.text.quotes.tokens import SHORT_DAYS, TokenTable

_AMOUNTS = frozenset({"MONEY", "PERCENT", "QUANTITY", "CARDINAL"})
_ENQUIRIES = frozenset({"request", "requests", "inquiry", "inquiries", "enquiry", "enquiries", "query", "queries"})
"""To respond to these says nothing."""
_CUES = frozenset({*VERBS, *NOUNS, "according", "words"})
_CONDITION = 4  # tokens between "anonymity" and what it is asked for
_ANSWER_OPENERS = frozenset({"for", "from", "like", "without"})
_LONGEST_ANSWER = 8  # tokens of an answer without a verb
_SET_PHRASES = frozenset(
    "beginning certain example granted instance moment most now once part record start starters sure time while "
    "course fact however indeed moreover nevertheless nonetheless otherwise perhaps so still then therefore".split()
)
"""What such words end in that are no answer: for now, of course."""
_TO_COLON = 8  # tokens between a cue and its colon
_NEAR = 12  # tokens between a verb that calls something and the quoted words that say what
_INSERTED = 14  # tokens between a cue and its clause that may belong to the clause
_FEWEST_CHARACTERS = 4
_LONGEST_TAIL = 8  # tokens of a tail
_CLAUSE_STARTS = frozenset({"DT", "PRP", "PRP$", "NN", "NNS", "NNP", "JJ", "CD"})
_IN_LIST = frozenset({",", "and", "or", "a", "an", "the", "who", "that", "is", "was", "are", "were"})
_CLAUSES = frozenset({Rule.CLAUSE, Rule.THAT_CLAUSE, Rule.RELATIVE})
_RELATIVES = frozenset({"which", "who", "whom", "that", "what"})
_DEADLINES = frozenset({"by", "within", "until"})
_PHRASES = frozenset({"prep", "npadvmod", "advmod"})
_WHERE_AND_WHEN = frozenset("after at before during in inside on outside through via".split())
_ADJUNCTS = frozenset({"prep", "npadvmod", "pobj", "dobj", "advmod", "dative", "det", "compound"})


def reported_clauses(table: TokenTable, taken: set[int]) -> list[QuoteCandidate]:
    """The reported clauses of the article.

    Args:
        table: the article.
        taken: the quoted spans that are quotes already.
    """
    candidates: list[QuoteCandidate] = []
    for token, word in enumerate(table.lower):
        if word not in _CUES or table.quoted_span[token] >= 0:
            continue
        candidate = _of_token(table, token, word, taken)
        if candidate:
            candidates.append(candidate)
    cues = {candidate.cue for candidate in candidates}
    return [candidate for candidate in candidates if not _is_passed_on(table, candidate, cues)]


def _of_token(table: TokenTable, token: int, word: str, taken: set[int]) -> QuoteCandidate | None:
    if word == "according":
        return according_to(table, token, taken)
    if word == "words":
        return in_words(table, token, taken)
    tag = "VBP" if _is_mistagged(table, token) else table.tag[token]
    if tag[:2] == "VB" and (frame := VERBS.get(word)):
        return _reported_by_verb(table, token, frame, taken)
    if tag in {"NN", "NNS"} and word in NOUNS:
        return reported_by_noun(table, token)
    return None


def _is_mistagged(table: TokenTable, token: int) -> bool:
    """Whether a cue with a "that" clause was taken for a noun: a few note that …"""
    frame = VERBS.get(table.lower[token]) if table.tag[token] in COMMON and table.head[token] == token else None
    if frame is None or not frame.clause or token + 1 >= len(table.lower) or table.lower[token + 1] != "that":
        return False
    clauses = (child for child in table.children[token] if table.dep[child] == "ccomp")
    return _noun_before(table, token) is not None and any(table.left_edge[child] == token + 1 for child in clauses)


def _noun_before(table: TokenTable, cue: int) -> int | None:
    """The plural noun or the "few" right before a cue that was taken for a noun."""
    before = cue - 1
    plural = before >= 0 and (table.tag[before] == "NNS" or table.lower[before] in {"few", "many", "some", "others"})
    return before if plural and table.quoted_span[before] < 0 else None


def _is_passed_on(table: TokenTable, candidate: QuoteCandidate, cues: set[int | None]) -> bool:
    """Whether the content is another cue with its content: “declined to say whether …”, “continued to insist …”."""
    if candidate.rule is not Rule.INFINITIVE or candidate.cue is None:
        return False
    if VERBS[table.lower[candidate.cue]].lemma not in PASSING_ON:
        return False
    children = table.children[candidate.cue]
    return any(child in cues and table.dep[child] in {"xcomp", "ccomp"} for child in children)


class _Cue(NamedTuple):
    """A speech verb in its sentence.

    Attributes:
        verb: its token.
        frame: the frames it takes.
        subject: the head token of its speaker.
        passive: whether it is passive.
        low: the first token of its sentence.
        high: the last token that its content can have.
        called: the last quoted token that says what a thing is called: “called the plan ‘a gift’”.
    """

    verb: int
    frame: VerbFrame
    subject: int | None
    passive: bool
    low: int
    high: int
    called: int | None


class _Content(NamedTuple):
    """What a frame finds: the first and last token of the content, as the parser sees it, and the content's verb."""

    first: int
    last: int
    rule: Rule
    verb: int = -1


_NOTHING = _Content(0, -1, Rule.CLAUSE)
"""A frame that fits and reports nothing, so that no other frame is tried."""


def _reported_by_verb(table: TokenTable, verb: int, frame: VerbFrame, taken: set[int]) -> QuoteCandidate | None:
    """The content of the first frame that fits."""
    cue = _cue(table, verb, frame)
    if cue is None:
        return None
    if (relative := _relative(table, cue)) is not None:
        return _candidate(table, cue, relative, taken)
    if (frame.clause and not frame.weak) or frame.lemma == "put":
        around = _as_told(table, cue, taken) if frame.lemma == "put" else _around(table, cue, taken)
        if around:
            return around
    if cue.passive and frame.lemma in CALLING | DESCRIBING:
        return _called_by(table, cue, taken)
    for find in (_behind_colon, _clause, _passive, _infinitive, _preposition, _object, _name):
        content = find(table, cue)
        if content is not None:
            return _candidate(table, cue, content, taken)
    return None


def _cue(table: TokenTable, verb: int, frame: VerbFrame) -> _Cue | None:
    low, high = table.bounds_inside(verb)
    if _is_compared(table, verb) or _is_on_condition(table, verb, low):
        return None
    if table.dep[verb] in {"advcl", "acl", "relcl"} and _last_above(table, verb) > table.right_edge[verb]:
        high = min(high, table.right_edge[verb])  # The sentence's own clause follows.
    subject = _noun_before(table, verb) if table.tag[verb] in COMMON else subject_of(table, verb)
    dependencies = {table.dep[child] for child in table.children[verb]}
    passive = "auxpass" in dependencies
    asked = (
        subject is None
        and table.tag[verb] == "VBN"
        and table.dep[verb] == "advcl"
        and not dependencies & {"aux", "auxpass"}
    )
    if asked and (frame.lemma != "ask" or "ccomp" not in dependencies):
        return None  # "Asked about the pit, …": whoever is asked does not speak there.
    if subject is None and table.tag[verb] == "VBN" and table.dep[verb] == "acl" and not passive:
        return None  # "a song called “The Ferry” for his mother"
    if subject is None and not passive and not asked and table.tag[verb] in FINITE_VERBS | {"VBG"}:
        subject = _subject_to_the_left(table, verb, low)
    called = _last_called(table, verb) if subject is not None and frame.lemma in CALLING else None
    return _Cue(verb, frame, subject, passive, low, high, called)


def _is_compared(table: TokenTable, verb: int) -> bool:
    """Whether a clause of speech is only compared with or talked about: taller than maps say; how doctors say it is."""
    opening = table.left_edge[verb]
    if table.dep[verb] == "csubj" and table.tag[opening] == "WRB":
        return True
    return opening < verb and table.lower[opening] == "than"


def _is_on_condition(table: TokenTable, verb: int, low: int) -> bool:
    """Whether a verb only tells for what somebody stays unnamed: insisted on anonymity to describe the fire."""
    if table.tag[verb] not in {"VB", "VBG"}:
        return False
    return any(table.lower[token] == "anonymity" for token in range(max(low, verb - _CONDITION), verb))


def _subject_to_the_left(table: TokenTable, verb: int, low: int) -> int | None:
    for token in range(verb - 1, low - 1, -1):
        subject = table.dep[token] == "nsubj" and table.quoted_span[token] < 0
        if subject and table.lower[token] not in {"it", "which", "that"}:
            return token
    return None


def _candidate(table: TokenTable, cue: _Cue, content: _Content, taken: set[int]) -> QuoteCandidate | None:
    """The candidate of a content, with the end that is likeliest."""
    first, last, rule = max(content.first, cue.low), min(content.last, cue.high), content.rule
    if last < first:
        return None
    kind = "infinitive" if rule is Rule.INFINITIVE else "clause" if rule in _CLAUSES else "phrase"
    verb = content.verb if content.verb <= last else -1
    high = last if rule is Rule.RELATIVE else cue.high  # the sentence's own verb may follow
    if rule is Rule.OBJECT and _tells_when(table, cue, high):
        assert cue.called is not None
        last = high = cue.called
    bounds = ClauseBounds(first, last, high, kind, cue.verb, verb)
    end = best_end(table, bounds)
    last = end.last
    if rule is Rule.OBJECT and cue.called is not None and first <= cue.called:
        last = max(last, cue.called)
    if rule in {Rule.OBJECT, Rule.PREPOSITION, Rule.PREPOSITION_AS}:
        last = last_marked(table, first, last)
    if table.quoted_span[first] in taken or table.quoted_span[last] in taken:
        return None
    span = trimmed(table, first, last)
    if not span or span[1] - span[0] < _FEWEST_CHARACTERS:
        return None
    marked = any(table.quoted_span[token] >= 0 for token in range(first, last + 1))
    flags = RuleFlag.WITH_MARKS if marked and rule in {Rule.OBJECT, Rule.PREPOSITION} else RuleFlag.NONE
    return QuoteCandidate([span], rule, cue.verb, cue.subject, flags, bounds=bounds, sure_end=end.probability)


def _tells_when(table: TokenTable, cue: _Cue, high: int) -> bool:
    """Whether what follows the quoted words of a verb that calls says when: called it “a gift” on Monday."""
    if cue.called is None or cue.called >= high:
        return False
    behind = cue.called + 1
    first = behind + (table.lower[behind] in {"on", "in", "at", "late", "earlier"} and behind < high)
    while behind < table.head[behind] <= high:
        behind = table.head[behind]
    return table.entity[first] in TIMES and table.head[behind] == cue.verb


def _relative(table: TokenTable, cue: _Cue) -> _Content | None:
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
    return _Content(first, last, Rule.RELATIVE, first)


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


def _behind_colon(table: TokenTable, cue: _Cue) -> _Content | None:
    """The baker said it best: no bread, no peace."""
    if cue.subject is None or cue.passive or not (cue.frame.clause or cue.frame.lemma == "put"):
        return None
    for colon in range(cue.verb + 1, min(cue.high, cue.verb + _TO_COLON)):
        if table.lower[colon] == ":":
            said = table.quoted_span[colon + 1] < 0 and cue.subject < colon
            return _Content(colon + 1, cue.high, Rule.CLAUSE) if said else None
        if table.tag[colon] in FINITE or table.quoted_span[colon] >= 0 or table.lower[colon] in {"that", ",", ";"}:
            return None
    return None


def _clause(table: TokenTable, cue: _Cue) -> _Content | None:
    """She said that it was lost; she asked if it was lost."""
    if not cue.frame.clause and not cue.frame.infinitive:
        return None
    for child in table.children[cue.verb]:
        left, right = table.left_edge[child], table.right_edge[child]
        if child > cue.verb and left > cue.verb and _is_reported_clause(table, cue, child):
            if right == left or (cue.passive and cue.subject is None and cue.frame.lemma not in PASSIVE):
                return _NOTHING
            rule = Rule.THAT_CLAUSE if table.lower[left] == "that" else Rule.CLAUSE
            return _Content(_clause_start(table, cue, child), right, rule, child)
    return None


def _is_reported_clause(table: TokenTable, cue: _Cue, clause: int) -> bool:
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


def _is_behind_adjunct(table: TokenTable, cue: _Cue, clause: int) -> bool:
    """Whether the parser took a clause for an adverbial one, as it begins with one: said after the vote he would go."""
    opening = table.left_edge[clause]
    if opening != cue.verb + 1 or table.tag[opening] != "IN" or table.dep[opening] != "prep":
        return False
    children = table.children[clause]
    marked = any(table.dep[child] == "mark" or table.tag[child] in {"WRB", "WP", "WDT"} for child in children)
    return not marked and any(table.dep[child] in SUBJECTS and child > table.right_edge[opening] for child in children)


def _passive(table: TokenTable, cue: _Cue) -> _Content | None:
    """The object of a passive is its subject, so that no other frame fits."""
    return _NOTHING if cue.passive else None


def _infinitive(table: TokenTable, cue: _Cue) -> _Content | None:
    """She vowed to fight."""
    for child in table.children[cue.verb]:
        if table.dep[child] in {"xcomp", "ccomp"} and child > cue.verb and _is_infinite(table, child):
            anonymous = any(table.lower[token] == "anonymity" for token in range(cue.verb, child))
            if anonymous or _is_silence(table, cue, child):
                return _NOTHING  # insisted on anonymity to describe it
            if table.tag[child] == "VBG" and table.lower[table.left_edge[child] - 1] == ",":
                continue  # It tells how somebody spoke: he said, sounding tired.
            return _Content(cue.verb + 1, table.right_edge[child], Rule.INFINITIVE, child)
    return None


def _is_silence(table: TokenTable, cue: _Cue, answer: int) -> bool:
    """Whether somebody says nothing: declined to comment. What they do not speak about is told by the answer's cue."""
    return cue.frame.lemma in WITHHOLDING and table.lower[answer] in ANSWERING


def _preposition(table: TokenTable, cue: _Cue) -> _Content | None:
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
            return _Content(child + 1, last, Rule.PREPOSITION_AS if names else Rule.PREPOSITION)
    return None


def _is_object(table: TokenTable, noun: int) -> bool:
    """Whether a word is what a preposition governs: a noun, a gerund or a question, no finite verb by itself."""
    if table.dep[noun] == "pcomp":
        return table.tag[noun] not in FINITE or table.tag[table.left_edge[noun]] in {"WP", "WRB", "WDT", "IN"}
    return table.dep[noun] == "pobj"


def _object(table: TokenTable, cue: _Cue) -> _Content | None:
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
        return _Content(table.left_edge[child], last, Rule.OBJECT, charge)
    return None


def _called_by(table: TokenTable, cue: _Cue, taken: set[int]) -> QuoteCandidate | None:
    """What a thing is called, where the sentence tells by whom: it was described as “a toy” on Monday by Ann Lee."""
    last = _last_called(table, cue.verb)
    if last is None:
        return None
    first = next(token for token in range(cue.verb, last + 1) if table.quoted_span[token] >= 0)
    agent = agent_behind(table, last)
    behind = range(cue.verb + 1, first)
    plain = all(table.lower[token] in {"as", "a", "an", "the"} or table.tag[token] == "RB" for token in behind)
    if agent is None or not plain or table.quoted_span[first] in taken or table.quoted_span[last] in taken:
        return None
    begin = first - 1 if table.tag[first - 1] == "DT" else first
    span = trimmed(table, begin, last)
    return span and QuoteCandidate([span], Rule.OBJECT, cue.verb, agent, RuleFlag.WITH_MARKS)


def _is_named_in_passing(table: TokenTable, cue: _Cue, thing: int) -> bool:
    """Whether commas set off what something is called: damage of one sort, called a hairline crack, can be sealed."""
    behind = table.right_edge[thing] + 1
    if cue.frame.lemma not in CALLING or table.dep[cue.verb] not in {"advcl", "acl"} or behind > cue.high:
        return False
    marked = any(table.quoted_span[token] >= 0 for token in range(cue.verb, behind))
    return not marked and table.lower[cue.verb - 1] == "," and table.lower[behind] == ","


def _charge(table: TokenTable, cue: _Cue, thing: int) -> int:
    """What somebody is accused of, without which the words say nothing: accused Berg, the senator, of lying; or -1."""
    if cue.frame.lemma not in ACCUSING:
        return -1
    links = [k for k in table.children[cue.verb] if k > thing and table.lower[k] == "of"]
    return max((child for link in links for child in table.children[link]), default=-1)


def _is_nothing_said(table: TokenTable, cue: _Cue, thing: int) -> bool:
    """Whether an object is somebody thanked or asked, or a bare word: said goodbye, said nothing."""
    if table.right_edge[thing] != thing or table.dep[thing] != "dobj":
        return False
    if table.entity[thing] == "PERSON" and (cue.frame.addressed or not cue.frame.object):
        return True
    bare = table.left_edge[thing] == thing and table.quoted_span[thing] < 0
    return bare and cue.frame.clause and not cue.frame.object


def _reports_nothing(table: TokenTable, cue: _Cue, thing: int) -> bool:
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


def _name(table: TokenTable, cue: _Cue) -> _Content | None:
    """She called the plan “a gift”, where the parser has lost the object."""
    return None if cue.called is None else _Content(cue.verb + 1, cue.called, Rule.OBJECT)


def _last_called(table: TokenTable, verb: int) -> int | None:
    """The last of the quoted words that say what a thing is called: “called the plan ‘a gift’”."""
    _, high = table.sentence_bounds(verb)
    for token in range(verb + 1, min(high, verb + _NEAR) + 1):
        if table.tag[token] in FINITE or table.tag[token] == "VB" or table.lower[token] in {";", ":"}:
            return None  # “called Lee, the old mayor, a ‘fool’” has no other verb
        number = table.quoted_span[token]
        if number >= 0:
            return _last_of_list(table, token, high)
    return None


def _last_of_list(table: TokenTable, first: int, high: int) -> int:
    """The last token of quoted words and of those that a list joins to them: a “cheat,” a “bully” and a “fool.”"""
    last = token = first
    while token <= high:
        if table.quoted_span[token] >= 0:
            last = token
        elif table.lower[token] not in _IN_LIST and table.tag[token] != "_SP":
            break
        token += 1
    return last


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


def _last_above(table: TokenTable, verb: int) -> int:
    """The last token among those above the verb in the tree."""
    token, last = verb, verb
    while table.head[token] != token:
        token = table.head[token]
        last = max(last, token)
    return last


def _is_complement(table: TokenTable, child: int) -> bool:
    if table.dep[child] == "prep":
        return table.lower[child] in {"of", "as", "for"}
    return table.dep[child] in {"dobj", "oprd", "xcomp", "ccomp"}


def _clause_start(table: TokenTable, cue: _Cue, clause: int) -> int:
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


def _noun_opens_clause(table: TokenTable, cue: _Cue, left: int) -> bool:
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


def _thing_told(table: TokenTable, cue: _Cue, clause: int) -> int | None:
    """The clause's subject that the parser took for the cue's object: "told the Echo the bridge is …"."""
    if not cue.frame.addressed or any(table.dep[child] in ANY_SUBJECT for child in table.children[clause]):
        return None
    between = [child for child in table.children[cue.verb] if cue.verb < child < table.left_edge[clause]]
    things = [child for child in between if table.dep[child] == "dobj"]
    told = any(table.dep[child] == "dative" for child in between)
    return things[-1] if things and told else None


def _around(table: TokenTable, cue: _Cue, taken: set[int]) -> QuoteCandidate | None:
    """The sentence around a cue: the plan, she said, is dead; as she said, the plan is dead."""
    return _sentence_around(table, cue, taken) or _as_told(table, cue, taken)


def _as_told(table: TokenTable, cue: _Cue, taken: set[int]) -> QuoteCandidate | None:
    """What stands before and behind “as Lee said”, “as Lee put it”."""
    verb, subject = cue.verb, cue.subject
    low, high = table.bounds_inside(verb)
    if subject is None or subject > verb or table.head[subject] != verb:
        return None
    opening = table.left_edge[subject] - 1
    if opening < low or table.lower[opening] != "as" or (opening > low and table.lower[opening - 1] != ","):
        return None
    last = _last_of_aside(table, verb, high)
    if last is None or (cue.frame.lemma == "put" and table.lower[verb + 1] != "it"):
        return None
    if any(table.quoted_span[token] in taken for token in range(low, high + 1)):
        return None
    parts = [trimmed(table, low, opening - 1)] if opening > low else []
    bounds = None
    if last < high:
        bounds = ClauseBounds(last + 1, high, high, "aside", verb)
        parts.append(trimmed(table, last + 1, best_end(table, bounds).last))
    segments = [part for part in parts if part]
    if not any(table.tag[t] in FINITE for segment in segments for t in table.tokens_between(*segment)):
        return None
    return QuoteCandidate(segments, Rule.AS_TOLD, verb, subject, bounds=bounds)


def _last_of_aside(table: TokenTable, verb: int, high: int) -> int | None:
    """The comma behind a cue that reports what is around it, or the sentence's end; None where content follows."""
    for token in range(verb + 1, high + 1):
        if table.lower[token] == "," and table.quoted_span[token] < 0:
            return token
        clause = table.tag[token] in FINITE or table.lower[token] in {"that", "to", ":"}
        if clause or table.quoted_span[token] >= 0 or (table.head[token] == verb and table.dep[token] == "ccomp"):
            return None
    return high


def _sentence_around(table: TokenTable, cue: _Cue, taken: set[int]) -> QuoteCandidate | None:
    """“The plan, he said, is bad” and “The plan is bad, he said”: the sentence without the cue's own clause."""
    verb, subject, low, high = cue.verb, cue.subject, cue.low, cue.high
    if subject is None or table.head[subject] != verb or table.dep[subject] != "nsubj":
        return None
    first = _first_of_cue(table, verb, subject)
    before = first - 1
    if before <= low or table.lower[before] != "," or table.quoted_span[before] >= 0 or _has_that_clause(table, verb):
        return None
    behind = _behind_cue(table, verb, subject, high)
    final = behind > high or table.tag[behind] == "." or table.lower[behind] == ";"
    tail = tail_behind(table, max(verb, table.right_edge[subject] if subject > verb else verb) + 1, high)
    final = final or tail is not None or (behind < high and tells_of_speaker(table, behind + 1))
    if not final and not (table.lower[behind] == "," and behind < high):
        return None
    children = table.children[verb]
    clause_before = any(table.dep[k] in {"ccomp", "parataxis"} and k < first for k in children)
    answered = final and _is_answer(table, low, before, high)
    if not clause_before and not answered and not _is_loose(table, verb, low, before, final=final):
        return None
    if final and before <= low + 2 and not answered:
        return None
    if any(table.quoted_span[token] in taken for token in range(low, before)):
        return None
    joined = not final and table.tag[before - 1] == "CC"  # It will cost much and, Lee says, pay off.
    parts = [] if joined else [trimmed(table, low, before)]
    if tail is not None or not final:
        parts.append(trimmed(table, behind if tail is None else tail, high))
    segments = [part for part in parts if part]
    return QuoteCandidate(segments, Rule.AROUND, verb, subject) if segments else None


def tail_behind(table: TokenTable, first: int, high: int) -> int | None:
    """The first token of a few words behind the cue that belong before it: The dam will hold, insists Lee, for now.

    Args:
        table: the article.
        first: the token behind the cue.
        high: the sentence's last token.
    """
    while first <= high and table.lower[first] == ",":
        first += 1
    last = high
    while last > first and table.tag[last] in {".", "_SP"}:
        last -= 1
    if table.lower[first - 1] != "," or not 0 < last - first < _LONGEST_TAIL:
        return None
    words = " ".join(table.lower[first : last + 1]) + " "
    opens = any(words.startswith(f"{tail} ") for tail in TAILS)
    return first if opens and not any(table.tag[token] in FINITE for token in range(first, last + 1)) else None


def _is_answer(table: TokenTable, low: int, before: int, high: int) -> bool:
    """Whether what stands before a cue that ends its sentence answers without a verb: Nonsense, he says. For the boat.

    No other speech follows it, which such words might only lead to: For the record, he says. “We won.”
    """
    words = range(low, before)
    named = table.entity[before - 1] or table.lower[before - 1] in _SET_PHRASES
    after = high + 1
    while after < len(table.tag) and table.tag[after] == "_SP":
        after += 1
    led = after < len(table.tag) and table.quoted_span[after] >= 0
    if led or named or len(words) > _LONGEST_ANSWER or any(table.quoted_span[token] >= 0 for token in words):
        return False
    if len(words) == 1:
        return table.tag[low] in {"NN", "NNS", "UH"}
    return table.lower[low] in _ANSWER_OPENERS and not any(table.tag[token] in FINITE for token in words)


def tells_of_speaker(table: TokenTable, token: int) -> bool:
    """Whether what a word opens behind a cue tells of who spoke, and is no content: sounding tired; adding that."""
    if table.lower[token] in MANNER:
        return True
    frame = VERBS.get(table.lower[token]) if table.tag[token] == "VBG" else None
    return frame is not None and frame.clause and not frame.weak


def _is_loose(table: TokenTable, verb: int, low: int, before: int, *, final: bool) -> bool:
    """Whether a cue without a clause before it stands loose enough in its sentence to report what is around it."""
    if not final:
        return table.dep[verb] in {"parataxis", "ccomp"}
    return table.dep[verb] in {"parataxis", "ROOT"} and table.tag[low] not in {"IN", "CC", "VBG"}


def _first_of_cue(table: TokenTable, verb: int, subject: int) -> int:
    first = min(table.left_edge[subject], verb)
    for child in table.children[verb]:
        if table.dep[child] in {"aux", "advmod", "neg"}:
            first = min(first, table.left_edge[child])
    return first


def _has_that_clause(table: TokenTable, verb: int) -> bool:
    clauses = (child for child in table.children[verb] if child > verb and table.dep[child] == "ccomp")
    return any(table.lower[table.left_edge[clause]] == "that" for clause in clauses)


def _behind_cue(table: TokenTable, verb: int, subject: int, high: int) -> int:
    """The first token behind the cue, its subject and what says where and when."""
    token = max(verb, table.right_edge[subject] if subject > verb else verb) + 1
    while token <= high:
        behind = _behind_phrase(table, verb, token, high)
        if behind == token and (table.head[token] not in {verb, token - 1} or table.dep[token] not in _ADJUNCTS):
            return token
        token = max(behind, token + 1)
    return token


def _behind_phrase(table: TokenTable, verb: int, first: int, high: int) -> int:
    """The token behind the phrase that opens with `first` and says where or when, in a radio interview; or `first`."""
    for top in table.children[verb]:
        if table.left_edge[top] != first or table.dep[top] not in _PHRASES or table.right_edge[top] >= high:
            continue
        if table.dep[top] == "prep" and table.lower[top] not in _WHERE_AND_WHEN:
            return first  # points to the bridge
        phrase = range(first, table.right_edge[top] + 1)
        pauses = any(table.lower[t] == "," or table.tag[t] in FINITE or table.quoted_span[t] >= 0 for t in phrase)
        return first if pauses else phrase.stop
    return first
