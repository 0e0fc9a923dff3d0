"""Tries frames where a cue has none of its own. Each is rare or unsure; its measured rate decides.

They are a cue whose clause the parser lost, any verb that governs quoted words (“mocked his ‘soft’ plan”), and a label
before a line (“Poll: …”).
"""

import re

from pipeline.text.names.labels import names_nobody
from pipeline.text.quotes.attribution.cue_subject import subject_of
from pipeline.text.quotes.candidate import ClauseBounds, QuoteCandidate, Rule, RuleFlag, trimmed
from pipeline.text.quotes.detection.clause_end import best_end
from pipeline.text.quotes.detection.marked_end import last_marked
from pipeline.text.quotes.lexicon.grammar import FINITE, PAUSES, PROPER, TIMES, TITLED
from pipeline.text.quotes.lexicon.speech_verbs import DESCRIBING, VERBS
from pipeline.text.quotes.quoted_words import is_titled, quoted_words, reports
from pipeline.text.quotes.tokens import TokenTable

_CLAUSE_STARTS = frozenset(
    {"DT", "PRP", "PRP$", "NN", "NNS", "NNP", "NNPS", "JJ", "CD", "EX", "IN", "VBG", "JJR", "WRB", "WP"}
)
_GOVERNED = {
    "ccomp": Rule.GOVERNED_CCOMP, "xcomp": Rule.GOVERNED_XCOMP, "dobj": Rule.GOVERNED_DOBJ, "oprd": Rule.GOVERNED_OPRD,
}  # fmt: skip
_GOVERNED_AFTER = {
    "as": Rule.GOVERNED_AS, "for": Rule.GOVERNED_FOR, "against": Rule.GOVERNED_AGAINST, "about": Rule.GOVERNED_ABOUT,
}  # fmt: skip
_WITH_MARKS = frozenset({RuleFlag.WITH_MARKS})
_FEWEST_WORDS = 2  # a single quoted word that no cue governs is a scare quote
_FEWEST_CHARACTERS = 4
_TO_THAT = 14  # tokens between a cue and its "that"
_LISTED = PROPER | {"CD", "CC", ",", ".", "HYPH", "IN", "_SP"}
_COUNTED = 3  # tokens of a line that only tells a number
_THINKING = frozenset(
    "believed believes felt feels hoped hopes knew knows seemed seems supposed thinks thought".split()
)
_HEADLINES = 3  # headlines are among the first lines; further down such a line is a list or a transcript
_BYLINE = re.compile(
    r"(?:by )?_|_ (?:edits|teaches|writes) .*"
    r"|_ (?:is|was) (?:an?|the|our) [^.]*\b(?:author|columnist|correspondent|critic|editor|journalist|writer)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_NO_STATEMENT = re.compile(
    r"""(?:the|all the)?[ ]?(?:live|latest|breaking)?[ ]?(?:news|updates?|blog|coverage|latest|reaction|live)\b.{0,20}
      | as it happened | (?:everything|what|all)(?:[ ]you|[ ]we)?(?:[ ]need[ ]to)?[ ]know\b.{0,30}
      | in[ ](?:pictures|photos|numbers|charts|maps|full|brief|depth)
      | (?:an?[ ]|the[ ])?(?:full[ ]|brief[ ])?
        (?:timeline|explainer|profile|obituary|review|analysis|recap|transcript|factbox)\b.{0,30}""",
    re.IGNORECASE | re.VERBOSE,
)
"""What follows a subject in a headline and says what the article is: Storm Edda: live updates."""
_LABEL = re.compile(r"(?:[A-Z][\w.'’&-]*(?: [A-Z][\w.'’&-]*){0,4}|[A-Z]): (?=\S)")


def fallbacks(table: TokenTable, taken: set[int], cued: set[int | None]) -> list[QuoteCandidate]:
    """The candidates of the unsure frames.

    Args:
        table: the article.
        taken: the quoted spans that are quotes already.
        cued: the cues that have their content already.
    """
    candidates: list[QuoteCandidate | None] = []
    for verb in [token for token, tag in enumerate(table.tag) if tag[:2] == "VB"]:
        if verb in cued or table.quoted_span[verb] >= 0:
            continue
        frame = VERBS.get(table.lower[verb])
        if frame is not None and frame.clause and not frame.weak:
            candidates.append(_rest_of_sentence(table, verb, taken))
        candidates.append(
            _governed(table, verb, taken) or (_said_before(table, verb, taken) if frame is None else None)
        )
    candidates.extend(_labelled(table, taken))
    return [candidate for candidate in candidates if candidate is not None]


def _candidate(
    table: TokenTable, taken: set[int], bounds: ClauseBounds, rule: Rule, subject: int
) -> QuoteCandidate | None:
    """The candidate within those bounds; quotes and scraps are left out."""
    if bounds.first > bounds.sentence_end or table.quoted_span[bounds.first] in taken:
        return None
    end = best_end(table, bounds)
    last = last_marked(table, bounds.first, end.last) if rule.is_governed else end.last
    tokens = range(bounds.first, last + 1)
    if any(table.quoted_span[token] in taken for token in tokens):
        return None
    span = trimmed(table, bounds.first, last)
    if span is None or span[1] - span[0] < _FEWEST_CHARACTERS:
        return None
    marked = table.count_marked(bounds.first, last) > 0
    flags = _WITH_MARKS if marked else frozenset()
    return QuoteCandidate([span], rule, bounds.cue, subject, flags, bounds=bounds, sure_end=end.probability)


def _rest_of_sentence(table: TokenTable, verb: int, taken: set[int]) -> QuoteCandidate | None:
    """All that follows a cue whose clause the parser has hung elsewhere."""
    _, high = table.sentence_bounds(verb)
    after = verb + 1
    if after >= high or table.lower[table.left_edge[verb]] == "than":
        return None  # "older than records say it is" only compares
    subject = subject_of(table, verb)
    if subject is None or subject > verb:
        return None
    if table.quoted_span[after] >= 0:
        marked = ClauseBounds(after, min(max(table.right_edge[verb], after), high), high, "phrase", verb)
        return _candidate(table, taken, marked, Rule.REST, subject)
    after = _behind_addressee(table, verb, high)
    that = next((token for token in range(after, min(high, after + _TO_THAT)) if table.lower[token] == "that"), None)
    if that is None and (
        table.tag[after] not in _CLAUSE_STARTS or table.lower[after] in {"of", "to", "in", "on", "at"}
    ):
        return None
    first = after if that is None else that
    if not any(table.tag[token] in FINITE for token in range(first, high + 1)):
        return None
    bounds = ClauseBounds(first, min(max(table.right_edge[verb], first), high), high, "clause", verb)
    return _candidate(table, taken, bounds, Rule.REST if that is None else Rule.REST_THAT, subject)


def _said_before(table: TokenTable, verb: int, taken: set[int]) -> QuoteCandidate | None:
    """A clause with marked words before any verb that ends the sentence: It was “no use”, a note grumbled."""
    if table.tag[verb] not in {"VBD", "VBZ"}:
        return None
    low, high = table.sentence_bounds(verb)
    while high > verb and table.tag[high] in {".", "_SP"}:
        high -= 1
    if high > verb:
        return None
    subjects = [child for child in table.children[verb] if table.dep[child] == "nsubj" and child < verb]
    clauses = [child for child in table.children[verb] if table.dep[child] == "ccomp" and child < verb]
    if len(subjects) != 1 or not clauses:
        return None
    comma = table.left_edge[subjects[0]] - 1
    if (
        comma <= clauses[-1]
        or table.lower[comma] != ","
        or table.lower[verb] in _THINKING
        or table.quoted_span[verb - 1] >= 0
    ):
        return None
    tokens = range(low, comma)
    if any(table.quoted_span[token] in taken or reports(table, token) for token in tokens):
        return None
    span = trimmed(table, low, comma - 1)
    if span is None or table.count_marked(low, comma - 1) <= 0:
        return None
    return QuoteCandidate([span], Rule.FINAL, verb, subjects[0])


def _behind_addressee(table: TokenTable, verb: int, high: int) -> int:
    """The first token behind a cue and the name it is said to: told the Post he was late."""
    first = token = verb + 1
    if not VERBS[table.lower[verb]].addressed:
        return first
    while token < high and (table.tag[token] in PROPER or (token == first and table.tag[token] in {"DT", "NNS"})):
        token += 1
    goes_on = table.tag[token] in {"PRP", "DT", "EX", "PRP$"} and table.lower[token] not in {"them", "him", "me", "us"}
    return token if token > first and goes_on else first


def _governed(table: TokenTable, verb: int, taken: set[int]) -> QuoteCandidate | None:
    """What a verb of any meaning governs, where quoted words stand in it."""
    if table.count_marked(verb + 1, table.right_edge[verb]) < _FEWEST_WORDS:
        return None
    for child in table.children[verb]:
        rule = _GOVERNED.get(table.dep[child])
        if table.dep[child] == "prep":
            rule = _GOVERNED_AFTER.get(table.lower[child])
        if rule is None or child < verb or table.sentence[child] != table.sentence[verb]:
            continue
        phrase = range(table.left_edge[child], table.right_edge[child] + 1)
        inside = sum(table.quoted_span[token] >= 0 and table.word(token).isalpha() for token in phrase)
        if phrase.start > verb and inside >= _FEWEST_WORDS:
            return _governed_phrase(table, verb, child, rule, taken)
    return None


def _governed_phrase(table: TokenTable, verb: int, child: int, rule: Rule, taken: set[int]) -> QuoteCandidate | None:
    """The candidate of a governed phrase, unless its quoted words are a title."""
    left, right = table.left_edge[child], table.right_edge[child]
    marked = next(token for token in range(left, right + 1) if table.quoted_span[token] >= 0)
    subject = subject_of(table, verb)
    if subject is None or table.lower[marked - 1] in TITLED or table.lower[max(marked - 2, 0)] in TITLED:
        return None
    if table.lower[marked - 1] == "called" and table.dep[marked - 1] == "acl":
        return None  # a book called “The Long Road”
    first = child + 1 if table.dep[child] == "prep" and rule is not Rule.GOVERNED_AS else left
    frame = VERBS.get(table.lower[verb])
    if rule is Rule.GOVERNED_AS and frame is not None and frame.lemma in DESCRIBING:
        first = marked  # What is described stands elsewhere: a plan that Lee described as “a gift”.
    if marked in {first, first + (rule is Rule.GOVERNED_AS)} and is_titled(
        quoted_words(table, table.quoted_span[marked])
    ):
        return None
    _, high = table.sentence_bounds(verb)
    found = _candidate(table, taken, ClauseBounds(first, min(right, high), high, "phrase", verb), rule, subject)
    # Where the phrase ends before its marks, the verb says nothing: welcomed the plan, stating that it is “a gift”.
    return found if found is not None and RuleFlag.WITH_MARKS in found.flags else None


def _labelled(table: TokenTable, taken: set[int]) -> list[QuoteCandidate]:
    """“Poll: the race is close”: a headline that opens with a name and a colon."""
    candidates = []
    for number, (start, end) in enumerate(table.paragraphs[:_HEADLINES]):
        label = _LABEL.match(table.text, start, end)
        if label is None or names_nobody(label.group()):
            continue
        tokens = table.tokens_between(label.end(), end)
        worded = any(table.word(token).isalpha() for token in tokens)
        if not worded or _is_list(table, tokens) or any(table.quoted_span[token] in taken for token in tokens):
            continue
        if _NO_STATEMENT.fullmatch(table.text, label.end(), end) or _is_writer(table, label.group()[:-2], number):
            continue
        colon = table.token_at(label.end() - 2)
        names = [token for token in table.paragraph_tokens(number) if token < colon]
        span = trimmed(table, tokens[0], tokens[-1])
        if span and table.text[end - 1] in ".!?":
            span = span[0], end  # a sentence, with its end
        if span and names and table.lower[colon] == ":" and table.entity[names[-1]] not in TIMES:
            candidates.append(QuoteCandidate([span], Rule.LABEL, colon, names[-1]))
    return candidates


def _is_list(table: TokenTable, tokens: range) -> bool:
    """Whether words behind a label only name or count something: Lee: 547 votes; Lee: 7/10 – Fair; Away: Orrin 2."""
    if table.tag[tokens[0]] == "CD" and (len(tokens) <= _COUNTED or table.lower[tokens[1]] in PAUSES):
        return True
    return all(table.tag[token] in _LISTED for token in tokens)


def _is_writer(table: TokenTable, name: str, headline: int) -> bool:
    """Whether the name before a headline's colon is whose column it is: Ann Lee: We were promised a port.

    A byline or a line about the writer tells, or "I" outside of marks where nobody of that name is told of.
    """
    if " " not in name:
        return False
    for number, bounds in enumerate(table.paragraphs):
        line = table.text[slice(*bounds)]
        if number != headline and name in line[: len(name) + 3] and _BYLINE.fullmatch(line.replace(name, "_", 1)):
            return True
    behind = table.paragraphs[headline][1]
    if name.split()[-1] in table.text[behind:]:
        return False
    tokens = table.tokens_between(behind, len(table.text))
    return any(table.word(token) == "I" and table.quoted_span[token] < 0 for token in tokens)
