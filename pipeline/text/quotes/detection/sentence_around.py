"""Finds what a cue reports of the sentence around it: the plan, she said, is dead."""

from pipeline.text.quotes.candidate import ClauseBounds, QuoteCandidate, Rule, trimmed
from pipeline.text.quotes.detection.clause_end import best_end
from pipeline.text.quotes.detection.cue_clause import tail_behind
from pipeline.text.quotes.detection.speech_cue import Cue
from pipeline.text.quotes.lexicon.grammar import ANSWER_OPENINGS, ANSWER_WORDS, ANSWERING, FINITE, MANNER
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import TokenTable

_ANSWER_OPENERS = frozenset({"for", "from", "like", "without"})
_SHORTEST_ANSWERS = frozenset({"no", "not", "yes"})
_LONGEST_ANSWER = 8  # tokens of an answer without a verb
_SET_PHRASES = frozenset(
    "beginning certain example granted instance moment most now once part record start starters sure time while "
    "addition brief conclusion contrast general other particular short sum summary turn words "
    "course fact however indeed moreover nevertheless nonetheless otherwise perhaps so still then therefore".split()
)
"""What such words end in that are no answer: for now, of course."""
_PHRASES = frozenset({"prep", "npadvmod", "advmod"})
_WHERE_AND_WHEN = frozenset("after at before during in inside on outside through via".split())
_ADJUNCTS = frozenset({"prep", "npadvmod", "pobj", "dobj", "advmod", "dative", "det", "compound"})


def around(table: TokenTable, cue: Cue, taken: set[int]) -> QuoteCandidate | None:
    """The sentence around a cue: the plan, she said, is dead; as she said, the plan is dead."""
    return _sentence_around(table, cue, taken) or as_told(table, cue, taken)


def as_told(table: TokenTable, cue: Cue, taken: set[int]) -> QuoteCandidate | None:
    """What stands before and behind “as Lee said”, “as Lee put it”."""
    verb, subject = cue.verb, cue.subject
    low, high = table.bounds_inside(verb)
    if subject is None or subject > verb or table.head[subject] != verb:
        return None
    opening = table.left_edge[subject] - 1
    if opening < low or table.lower[opening] != "as" or (opening > low and table.lower[opening - 1] != ","):
        return None
    last = _last_of_aside(table, verb, high)
    if last is None or (cue.frame.lemma == "put" and table.lower[verb + 1 : verb + 2] != ["it"]):
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


def _sentence_around(table: TokenTable, cue: Cue, taken: set[int]) -> QuoteCandidate | None:
    """“The plan, he said, is bad” and “The plan is bad, he said”: the sentence without the cue's own clause."""
    verb, subject, low, high = cue.verb, cue.subject, cue.low, cue.high
    if subject is None or table.head[subject] != verb or table.dep[subject] != "nsubj":
        return None
    behind = _behind_cue(table, verb, subject, high)
    final = behind > high or table.tag[behind] == "." or table.lower[behind] == ";"
    tail = tail_behind(table, max(verb, table.right_edge[subject] if subject > verb else verb) + 1, high)
    final = final or tail is not None or (behind < high and tells_of_speaker(table, behind + 1))
    if not final and not (table.lower[behind] == "," and behind < high):
        return None
    first = _first_of_cue(table, verb, subject, low, final=final)
    before = first - 1
    denied = any(table.dep[child] == "neg" and child > before for child in table.children[verb])
    if denied and cue.frame.lemma in ANSWERING:
        return None  # Asked if it would pay, it did not reply.
    if before <= low or table.lower[before] != "," or table.quoted_span[before] >= 0 or _has_that_clause(table, verb):
        return None
    children = table.children[verb]
    clause_before = any(table.dep[k] in {"ccomp", "parataxis"} and k < first for k in children)
    answered = final and _is_answer(table, low, before, high, inverted=subject > verb)
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


def _is_answer(table: TokenTable, low: int, before: int, high: int, *, inverted: bool) -> bool:
    """Whether what stands before a cue that ends its sentence answers without a verb: Nonsense, he says. For the boat.

    No other speech follows it, which such words might only lead to: For the record, he says. “We won.” Where the cue
    stands before its speaker, whatever comes before it is said: Over my dead body, says Ann Lee.
    """
    words = range(low, before)
    after = high + 1
    while after < len(table.tag) and table.tag[after] == "_SP":
        after += 1
    led = after < len(table.tag) and table.quoted_span[after] >= 0
    if led or len(words) > _LONGEST_ANSWER or any(table.quoted_span[token] >= 0 for token in words):
        return False
    last = high
    while last > before and table.tag[last] in {"_SP", "."}:
        last -= 1
    if table.lower[last] in _SHORTEST_ANSWERS:
        return False  # In brief, says Lee, no.
    answers = _opens_answer(table, words)
    if any(table.tag[token] in FINITE for token in words) or table.lower[low:before] == ["no", "comment"]:
        return False
    if not answers and (table.entity[before - 1] or _is_set_phrase(table, low, before)):
        return False
    if len(words) == 1:
        return answers or table.tag[low] in {"NN", "NNS", "UH"} or (inverted and table.tag[low] == "JJ")
    return answers or inverted or table.lower[low] in _ANSWER_OPENERS


def _is_set_phrase(table: TokenTable, low: int, before: int) -> bool:
    """Whether a few words before a cue only lead to what is told: of course; not for the first time."""
    short = before - low <= _LONGEST_ANSWER and table.lower[before - 1] in _SET_PHRASES
    return short and not any(table.tag[token] in FINITE for token in range(low, before))


def _opens_answer(table: TokenTable, words: range) -> bool:
    """Whether words are an answer by what they begin with: Not so; Never again."""
    if len(words) == 1:
        return table.lower[words.start] in ANSWER_WORDS
    opening = " ".join(table.lower[words.start : words.stop]) + " "
    return any(opening.startswith(f"{answer} ") for answer in ANSWER_OPENINGS)


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
    if _is_set_phrase(table, low, before):
        return False  # Not for the first time, she complained.
    return table.dep[verb] in {"parataxis", "ROOT"} and table.tag[low] not in {"IN", "CC", "VBG"}


def _first_of_cue(table: TokenTable, verb: int, subject: int, low: int, *, final: bool) -> int:
    first = min(table.left_edge[subject], verb)
    if final and first > low + 1 and table.lower[first - 1] == ",":
        # What opens such a sentence is no adverb of the cue: Not so, says Lee. Far from it, she says.
        opening = range(low, first - 1)
        if _opens_answer(table, opening) or (subject > verb and len(opening) > 1):
            return first
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
