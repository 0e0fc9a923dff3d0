"""Finds clauses that say whose the words before them are: …, or so she claimed. That was the message from Ann Lee."""

from typing import NamedTuple

from pipeline.text.quotes.attribution.cue_subject import is_passive, subject_of
from pipeline.text.quotes.candidate import QuoteCandidate, Rule, RuleFlag, trimmed
from pipeline.text.quotes.detection.cue_clause import inverted_clause, plain_clause, stands_before_cue
from pipeline.text.quotes.lexicon.grammar import COMMON, FINITE, FINITE_VERBS, HELPERS, PAUSES, POINTING, PROPER, TIMES
from pipeline.text.quotes.lexicon.nouns import (
    BEARERS,
    COMPANIES,
    DOCUMENTS,
    HEARINGS,
    INSTITUTIONS,
    KIN,
    SAYINGS,
    WRITINGS,
    is_role,
)
from pipeline.text.quotes.lexicon.speech_verbs import NOUNS, VERBS
from pipeline.text.quotes.quoted_words import is_sentence, reports
from pipeline.text.quotes.tokens import TokenTable

_BEING = frozenset({"is", "'s", "was", "are", "were"})
_COMING = _BEING | {"came", "comes", "ran", "runs", "went"}
_NEGATIVE = frozenset({"not", "n't", "never", "hardly", "no", "nobody"})
_BEFORE_NOUN = frozenset("DT JJ JJR JJS PRP$ NNP NNPS NN NNS POS RB CD VBN VBG HYPH".split())
_SPEAKING = frozenset({"PERSON", "ORG", "NORP", "GPE"})
_SOMEBODY = INSTITUTIONS | COMPANIES | KIN | DOCUMENTS | HEARINGS | WRITINGS
_OWN = frozenset({"his", "her", "their", "its", "my", "our", "your"})
_DONE = frozenset("answer feeling greeting reaction reply response retort rule".split())
"""What an action may be, too, so that words need marks: He left. That was his answer."""

_HEDGES = (["at", "least"], ["at", "any", "rate"], ["in", "any", "case"], ["anyway"])
_BIDDING = frozenset("advise demand order propose recommend request suggest urge".split())
"""What is done, and not what is told, is what somebody said so: He rested, which is what the doctor advised."""

_PLAIN = frozenset({"say", "claim", "maintain"})
"""With these alone a sentence that opens with “so” only tells whose the words before it are: So the mayor says."""

_MADE = frozenset({"brought", "gave", "has", "had", "issued", "made", "sent", "sends", "gives", "delivered"})

_POINTED_AT = frozenset({RuleFlag.POINTED_AT})
_PAUSES = PAUSES | {"("}
_LONGEST = 24  # tokens before the verb of such a clause
_TO_NOUN = 8  # tokens before its noun
_FEWEST_WORDS = 2  # of a sentence without marks


class PointerClause(NamedTuple):
    """A clause that says whose the words before it are.

    Attributes:
        cue: its verb or noun of speech.
        subject: the head token of the speaker.
        last: its last token.
    """

    cue: int
    subject: int
    last: int


def pointed_at_marks(table: TokenTable, number: int, tokens: range) -> QuoteCandidate | None:
    """The candidate of quoted words behind which a sentence tells whose they are: “…” Those were Ann Lee's words.

    Args:
        table: the article.
        number: the quoted span.
        tokens: its tokens.
    """
    first = tokens[-1] + 1
    while first < len(table.tag) and table.tag[first] == "_SP":
        first += 1
    if first >= len(table.tag) or not 0 <= table.paragraph[first] - table.paragraph[tokens[-1]] <= 1:
        return None
    if not is_sentence(table, number) or not table.opens_sentence(first) or table.quoted_span[first] >= 0:
        return None
    low, high = _bounds(table, first)
    pointer = _pointer_at(table, _pointing_word(table, low), low, high) or _words_of(table, low, high)
    if pointer is None or pointer.last < high:
        return None
    return QuoteCandidate([], Rule.AFTER, pointer.cue, pointer.subject)


def saying_behind_marks(table: TokenTable, verb: int, high: int) -> tuple[int, int] | None:
    """The noun of speech right behind quoted words, and whose it is: “…,” came the reply from Ann Lee.

    Args:
        table: the article.
        verb: the first token behind the quoted words.
        high: the token before which the noun may stand.
    """
    if verb >= high or table.lower[verb] not in _COMING:
        return None
    pointer = _noun_of(table, verb + 1, high - 1)
    return None if pointer is None else (pointer.cue, pointer.subject)


def saying_announced(table: TokenTable, word: int, colon: int) -> int | None:
    """Whose the words behind a colon are, by a noun before it: This was the message from Ann Lee: “…”.

    Args:
        table: the article.
        word: a token of `POINTING`, the subject of that clause.
        colon: the token of the colon.
    """
    if word + 2 >= colon or table.lower[word + 1] not in _BEING:
        return None
    pointer = _noun_of(table, word + 2, colon - 1)
    return None if pointer is None else pointer.subject


def pointed_back(table: TokenTable, word: int, taken: set[int]) -> QuoteCandidate | None:
    """The candidate of the words before such a clause: The pool is safe, or so she claimed.

    Args:
        table: the article.
        word: a token of `POINTING`.
        taken: the quoted spans that are quotes already.
    """
    front = _front(table, word)
    low, high = _bounds(table, word)
    opens = front == low
    if not opens and (front < low or table.lower[front - 1] not in _PAUSES):
        return None
    if not opens and table.lower[front - 1] == "(":
        return _in_brackets(table, word, range(low, front), high, taken)
    pointer = _pointer_at(table, word, front, high)
    if pointer is None or table.lower[pointer.subject] == "i":
        return None
    if not opens:
        return _in_sentence(table, pointer, range(low, front), high, taken)
    by_noun = table.lower[pointer.cue] not in VERBS or table.tag[pointer.cue] in COMMON
    unsure = table.lower[pointer.subject] in _OWN or table.lower[pointer.cue] in _DONE
    if pointer.last < high or (by_noun and unsure):
        return None
    return _sentence_before(table, pointer, low, taken)


def _bounds(table: TokenTable, token: int) -> tuple[int, int]:
    """The first and last token of the sentence around a token, without white space and its full stop."""
    low, high = table.sentence_bounds(token)
    while low < high and table.tag[low] == "_SP":
        low += 1
    while high > low and (table.tag[high] == "_SP" or table.lower[high] in {".", "!"}):
        high -= 1
    return low, high


def _front(table: TokenTable, word: int) -> int:
    """The first token of the clause whose pointing word this is: or at least, that."""
    front = word - 1 if word and table.lower[word - 1] == "," else word
    hedge = next((words for words in _HEDGES if table.lower[max(0, front - len(words)) : front] == words), None)
    front = word if hedge is None else front - len(hedge)
    return front - 1 if front and table.lower[front - 1] == "or" else front


def _pointing_word(table: TokenTable, low: int) -> int:
    """The pointing word of a sentence: the first one, or the one behind "or" and "at least"."""
    near = range(low, min(low + 5, len(table.lower)))
    return next(
        (token for token in near if table.lower[token] in POINTING | {"it"} and _front(table, token) == low), low
    )


def _pointer_at(table: TokenTable, word: int, front: int, high: int) -> PointerClause | None:
    """The clause that begins at `front` and has its pointing word at `word`."""
    verb = _behind_hedge(table, word + 1)
    if verb > high or table.lower[high] in {"?", ":"}:
        return None
    if table.lower[word] != "so" and (verb == high or table.lower[verb] not in _BEING):
        return None
    if any(table.quoted_span[token] >= 0 for token in range(front, high + 1)):
        return None
    if table.lower[word] == "so":
        return _clause(table, verb, high, hedged=front < word)
    if table.lower[verb + 1] == "what":
        pointer = _clause(table, verb + 2, high, hedged=True)
        bids = pointer is not None and VERBS[table.lower[pointer.cue]].lemma in _BIDDING
        return None if bids else pointer
    if table.lower[verb + 1] == "how":
        return _put(table, verb + 2, high)
    if table.lower[word] == "which":
        return None
    return _noun_of(table, verb + 1, high)


def _behind_hedge(table: TokenTable, token: int) -> int:
    """The token behind an inserted “at least”, with or without commas."""
    first = token + (table.lower[token : token + 1] == [","])
    for words in _HEDGES:
        behind = first + len(words)
        if table.lower[first:behind] == words:
            return behind + (first > token and table.lower[behind : behind + 1] == [","])
    return token


def _clause(table: TokenTable, front: int, high: int, *, hedged: bool) -> PointerClause | None:
    """A verb of speech and its speaker: she claimed; says Ann Lee."""
    verb = _verb_behind(table, front, high)
    if verb is None:
        return None
    frame = VERBS[table.lower[verb]]
    if not frame.clause or frame.weak or frame.lemma == "ask":
        return None
    if is_passive(table, verb):
        agent = subject_of(table, verb) if hedged and _is_adjunct(table, verb + 1, high) else None
        return None if agent is None or agent < verb else PointerClause(verb, agent, high)
    if verb == front:
        clause = inverted_clause(table, verb, high)
    else:
        hedged = hedged or frame.lemma in _PLAIN
        clause = plain_clause(table, verb, front, high) if hedged else None
        if clause is None and hedged and _tells_when(table, verb + 1, high):
            clause = plain_clause(table, verb, front, verb)
            clause = clause and clause._replace(last=high)
    if clause is None or (clause.last < high and table.lower[clause.last + 1] not in PAUSES):
        return None
    return PointerClause(verb, clause.subject, clause.last)


def _tells_when(table: TokenTable, first: int, high: int) -> bool:
    """Whether a verb of speech has only when and how long behind it: has been saying for a year; not “asked for”."""
    return first < high and table.tag[first] == "IN" and _is_adjunct(table, first, high)


def _put(table: TokenTable, front: int, high: int) -> PointerClause | None:
    """“That is how Ann Lee put it”."""
    verb = _verb_behind(table, front, high)
    if verb is None or verb == front or verb >= high:
        return None
    if VERBS[table.lower[verb]].lemma not in {"put", "tell"} or table.lower[verb + 1] != "it":
        return None
    nouns = [token for token in range(front, verb) if table.tag[token] in COMMON | {"NNP", "NNPS", "PRP"}]
    return PointerClause(verb, nouns[-1], high) if nouns and _is_adjunct(table, verb + 2, high) else None


def _verb_behind(table: TokenTable, front: int, high: int) -> int | None:
    """The first verb of speech of a clause, if only its speaker stands before it; None where it is denied."""
    for token in range(front, min(high + 1, front + _LONGEST)):
        if table.lower[token] in _NEGATIVE:
            return None
        if reports(table, token):
            helped = any(table.lower[before] in HELPERS | _BEING for before in range(front, token))
            return token if table.tag[token] in FINITE_VERBS or helped else None
        last = token == high or table.lower[token + 1] in PAUSES
        if last and token > front and table.tag[token] == "NNS" and table.lower[token] in VERBS:
            return token  # The tagger takes “the label claims” for a noun.
        if not stands_before_cue(table, token) and table.lower[token] not in _BEING:
            return None
    return None


def _is_adjunct(table: TokenTable, first: int, high: int) -> bool:
    """Whether nothing but when and where follows: no other clause."""
    return not any(table.tag[token] in FINITE or table.lower[token] == "that" for token in range(first, high + 1))


def _noun_of(table: TokenTable, front: int, high: int) -> PointerClause | None:
    """A noun of speech and whose it is: the message from Ann Lee; Ann Lee's words; the words of Ann Lee."""
    for noun in range(front, min(high, front + _TO_NOUN) + 1):
        if table.lower[noun] in _NEGATIVE or table.tag[noun] not in _BEFORE_NOUN:
            return None
        if table.tag[noun] in COMMON and (table.lower[noun] in SAYINGS or table.lower[noun] in NOUNS):
            owner = _owner(table, noun, high)
            goes_on = any(
                table.lower[token] == ":" or (table.lower[token] == "that" and table.tag[token] == "IN")
                for token in range(noun, high + 1)
            )
            if owner is not None and not goes_on:
                return PointerClause(noun, owner, high)
    return None


def _owner(table: TokenTable, noun: int, high: int) -> int | None:
    """Whose a noun of speech is."""
    owners = [child for child in table.children[noun] if table.dep[child] == "poss"]
    for source in ("from", "by", "of"):
        for child in range(noun + 1, high + 1):
            if table.lower[child] == source and (table.head[child] == noun or child == noun + 1):
                owners += [
                    one
                    for one in table.children[child]
                    if table.dep[one] == "pobj" and (source == "by" or _is_speaker(table, one))
                ]
    for made in (
        child for child in table.children[noun] if table.dep[child] == "relcl" and table.lower[child] in _MADE
    ):
        owners += [child for child in table.children[made] if table.dep[child] == "nsubj" and child < made]
    owner = next(iter(owners), None)
    if owner is None or table.entity[owner] in TIMES or table.lower[owner] in BEARERS:
        return None
    return owner


def _is_speaker(table: TokenTable, token: int) -> bool:
    """Whether a noun is somebody: a name, a role, a body. A warning of floods and a view from a hill are nobody's."""
    word = table.lower[token].removesuffix("s") if table.tag[token] == "NNS" else table.lower[token]
    known = word in _SOMEBODY or is_role(word)
    return table.entity[token] in _SPEAKING or table.tag[token] in PROPER or known


def _words_of(table: TokenTable, low: int, high: int) -> PointerClause | None:
    """A sentence about the words themselves: The words were those of Ann Lee; The message came from Ann Lee."""
    noun = low + 1
    if noun + 2 > high or table.lower[low] not in {"the", "these", "this", "those", "that"}:
        return None
    if table.lower[noun] not in SAYINGS and table.lower[noun] not in NOUNS:
        return None
    verb = noun + 1
    if table.lower[verb] not in _COMING or any(table.lower[t] in _NEGATIVE | {"that", ":"} for t in range(verb, high)):
        return None
    if table.tag[high] == "POS" and table.tag[high - 1] in PROPER:
        return PointerClause(noun, high - 1, high)  # The words are Ann Lee's.
    for source in range(verb + 1, min(high, verb + 3)):
        if table.lower[source] in {"of", "from"}:
            owners = (one for one in table.children[source] if table.dep[one] == "pobj" and _is_speaker(table, one))
            return next((PointerClause(noun, owner, high) for owner in owners), None)
    return None


def _in_brackets(table: TokenTable, word: int, before: range, high: int, taken: set[int]) -> QuoteCandidate | None:
    """The words around such a clause between brackets: The pool (or so Ann Lee says) is safe."""
    close = next((token for token in range(word, high + 1) if table.lower[token] == ")"), None)
    pointer = None if close is None else _pointer_at(table, word, before.stop, close - 1)
    if close is None or pointer is None or pointer.last < close - 1 or table.lower[pointer.subject] == "i":
        return None
    outside = range(before.start, before.stop - 1)
    return _in_sentence(table, pointer._replace(last=close), outside, high, taken)


def _in_sentence(
    table: TokenTable, pointer: PointerClause, before: range, high: int, taken: set[int]
) -> QuoteCandidate | None:
    """The words of one sentence before such a clause, and those behind it: The dam, or so Ann Lee says, will hold."""
    if _tells_speech(table, before):
        return None
    parts = [trimmed(table, before.start, before.stop - 1)]
    if pointer.last < high:
        parts.append(trimmed(table, pointer.last + 1, high))
    segments = [part for part in parts if part]
    tokens = [*before, *range(pointer.last + 1, high + 1)]
    if not any(table.tag[token] in FINITE for token in tokens) or any(table.quoted_span[t] in taken for t in tokens):
        return None
    return QuoteCandidate(segments, Rule.AROUND, pointer.cue, pointer.subject, _POINTED_AT) if segments else None


def _tells_speech(table: TokenTable, words: range) -> bool:
    """Whether words say themselves who says something: Ann Lee said; according to Ann Lee."""
    return any(
        table.lower[token] == "according"
        or (reports(table, token) and table.tag[token] in FINITE_VERBS and VERBS[table.lower[token]].clause)
        for token in words
    )


def _sentence_before(table: TokenTable, pointer: PointerClause, first: int, taken: set[int]) -> QuoteCandidate | None:
    """The sentence before such a clause: The pool is shut. That was the message from Ann Lee."""
    last = first - 1
    while last >= 0 and table.tag[last] == "_SP":
        last -= 1
    if last < 0 or table.paragraph[last] != table.paragraph[first] or table.lower[last] in {"?", ":"}:
        return None
    words = range(table.sentence_bounds(last)[0], last + 1)
    if sum(table.word(token).isalnum() for token in words) < _FEWEST_WORDS:
        return None
    told = _tells_speech(table, words)
    stated = any(table.tag[token] in FINITE or table.tag[token] == "VB" for token in words)
    if told or not stated or any(table.quoted_span[token] in taken for token in words):
        return None
    span = trimmed(table, words.start, words.stop - 1)
    return span and QuoteCandidate([span], Rule.AROUND, pointer.cue, pointer.subject, _POINTED_AT)
