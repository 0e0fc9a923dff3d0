"""Finds reported clauses: what a cue says was said, where no quotation marks show it."""

from dataclasses import replace

from pipeline.text.quotes.attribution.cue_subject import is_heard, subject_of
from pipeline.text.quotes.candidate import ClauseBounds, QuoteCandidate, Rule, RuleFlag, trimmed
from pipeline.text.quotes.detection.clause_end import best_end
from pipeline.text.quotes.detection.marked_end import agent_behind, last_marked
from pipeline.text.quotes.detection.nominal import according_to, in_words, reported_by_noun
from pipeline.text.quotes.detection.pointing_back import pointed_back
from pipeline.text.quotes.detection.reported_content import Content, governed_by, said_of_noun
from pipeline.text.quotes.detection.sentence_around import around, as_told
from pipeline.text.quotes.detection.speech_cue import Cue, cue_of, is_mistagged, last_called
from pipeline.text.quotes.detection.stances import stance_at
from pipeline.text.quotes.lexicon.grammar import MADE_CLEAR, POINTING, STANCES, TIMES
from pipeline.text.quotes.lexicon.speech_verbs import CALLING, DESCRIBING, HEARD, NOUNS, PASSING_ON, VERBS, VerbFrame
from pipeline.text.quotes.tokens import TokenTable

_CUES = frozenset({*VERBS, *NOUNS, "according", "words", "heard", "hears", *STANCES, *MADE_CLEAR, *POINTING})
_FEWEST_CHARACTERS = 4
_WITH_MARKS = frozenset({RuleFlag.WITH_MARKS})
_CLAUSES = frozenset({Rule.CLAUSE, Rule.THAT_CLAUSE, Rule.RELATIVE})


def reported_clauses(table: TokenTable, taken: set[int]) -> list[QuoteCandidate]:
    """The reported clauses of the article.

    Args:
        table: the article.
        taken: the quoted spans that are quotes already.
    """
    candidates: list[QuoteCandidate] = []
    for token in [token for token, word in enumerate(table.lower) if word in _CUES]:
        candidate = _of_token(table, token, taken) if table.quoted_span[token] < 0 else None
        if candidate:
            candidates.append(candidate)
    cues = {candidate.cue for candidate in candidates}
    pointed = {candidate.cue for candidate in candidates if RuleFlag.POINTED_AT in candidate.flags}
    return [
        candidate
        for candidate in candidates
        if (candidate.cue not in pointed or RuleFlag.POINTED_AT in candidate.flags)
        and not _is_passed_on(table, candidate, cues)
    ]


def _of_token(table: TokenTable, token: int, taken: set[int]) -> QuoteCandidate | None:
    word = table.lower[token]
    if word in POINTING:
        return pointed_back(table, token, taken)
    if word == "according":
        return according_to(table, token, taken)
    if word == "words":
        return in_words(table, token, taken)
    if word in STANCES or word in MADE_CLEAR:
        stance = stance_at(table, token)
        candidate = None if stance is None else _candidate(table, *stance, taken)
        return candidate and replace(candidate, cue_last=token)
    tag = "VBP" if is_mistagged(table, token) else table.tag[token]
    if tag[:2] == "VB" and (frame := VERBS.get(word)):
        return _reported_by_verb(table, token, frame, taken)
    evidence = any(table.dep[child] == "ccomp" for child in table.children[token])
    if evidence and is_heard(table, token, subject_of(table, token)):
        return _reported_by_verb(table, token, HEARD, taken)
    if tag in {"NN", "NNS"} and word in NOUNS:
        return reported_by_noun(table, token)
    return None


def _is_passed_on(table: TokenTable, candidate: QuoteCandidate, cues: set[int | None]) -> bool:
    """Whether the content is another cue with its content: “declined to say whether …”, “continued to insist …”."""
    if candidate.rule is not Rule.INFINITIVE or candidate.cue is None:
        return False
    if VERBS[table.lower[candidate.cue]].lemma not in PASSING_ON:
        return False
    children = table.children[candidate.cue]
    return any(child in cues and table.dep[child] in {"xcomp", "ccomp"} for child in children)


def _reported_by_verb(table: TokenTable, verb: int, frame: VerbFrame, taken: set[int]) -> QuoteCandidate | None:
    """The content of the first frame that fits."""
    cue = cue_of(table, verb, frame)
    if cue is None:
        return None
    if (relative := said_of_noun(table, cue)) is not None:
        return _candidate(table, cue, relative, taken)
    if (frame.clause and not frame.weak) or frame.lemma == "put":
        outside = as_told(table, cue, taken) if frame.lemma == "put" else around(table, cue, taken)
        if outside:
            return outside
    if cue.passive and frame.lemma in CALLING | DESCRIBING:
        return _called_by(table, cue, taken)
    content = governed_by(table, cue)
    return None if content is None else _candidate(table, cue, content, taken)


def _candidate(table: TokenTable, cue: Cue, content: Content, taken: set[int]) -> QuoteCandidate | None:
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
    if table.quoted_span[first] in taken:
        return None
    bounds = ClauseBounds(first, last, high, kind, cue.verb, verb)
    end = best_end(table, bounds)
    last = end.last
    if rule is Rule.OBJECT and cue.called is not None and first <= cue.called:
        last = max(last, cue.called)
    if rule in {Rule.OBJECT, Rule.PREPOSITION, Rule.PREPOSITION_AS}:
        last = last_marked(table, first, last)
    if table.quoted_span[last] in taken:
        return None
    span = trimmed(table, first, last)
    if not span or span[1] - span[0] < _FEWEST_CHARACTERS:
        return None
    marked = table.count_marked(first, last) > 0
    flags = _WITH_MARKS if marked and rule in {Rule.OBJECT, Rule.PREPOSITION} else frozenset()
    return QuoteCandidate([span], rule, cue.verb, cue.subject, flags, bounds=bounds, sure_end=end.probability)


def _tells_when(table: TokenTable, cue: Cue, high: int) -> bool:
    """Whether what follows the quoted words of a verb that calls says when: called it “a gift” on Monday."""
    if cue.called is None or cue.called >= high:
        return False
    behind = cue.called + 1
    first = behind + (table.lower[behind] in {"on", "in", "at", "late", "earlier"} and behind < high)
    while behind < table.head[behind] <= high:
        behind = table.head[behind]
    return table.entity[first] in TIMES and table.head[behind] == cue.verb


def _called_by(table: TokenTable, cue: Cue, taken: set[int]) -> QuoteCandidate | None:
    """What a thing is called, where the sentence tells by whom: it was described as “a toy” on Monday by Ann Lee."""
    last = last_called(table, cue.verb)
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
    return span and QuoteCandidate([span], Rule.OBJECT, cue.verb, agent, _WITH_MARKS)
