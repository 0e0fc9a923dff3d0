"""Finds the cue before a quoted span: she said, “…”; Ann Lee: “…”."""

from typing import NamedTuple

from pipeline.text.names.labels import label_at
from pipeline.text.quotes.attribution.cue_subject import speaker_near, subject_of
from pipeline.text.quotes.candidate import QuoteCandidate, Rule
from pipeline.text.quotes.detection.labels import name_tokens
from pipeline.text.quotes.detection.pointing_back import saying_announced
from pipeline.text.quotes.lexicon.grammar import CLAUSE_OPENERS, FINITE, POINTING, PROPER
from pipeline.text.quotes.lexicon.nouns import SAYINGS
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.quoted_words import first_character, is_sentence, reports
from pipeline.text.quotes.tokens import TokenTable

_LONGEST_SENDER = 20  # tokens of a line that says whom the next one comes from
_BEFORE_SENDER = 3  # tokens before its "from"
_CUE_BEFORE_COMMA = 14  # tokens between a cue and the comma before the marks, at the most


class _Introduction(NamedTuple):
    """What stands before a quoted span.

    Attributes:
        number: the quoted span.
        tokens: its tokens.
        low: the first token of the sentence before it.
        last: the last token before it.
        sentence: whether a sentence is quoted.
    """

    number: int
    tokens: range
    low: int
    last: int
    sentence: bool


def cue_before(table: TokenTable, number: int, tokens: range) -> QuoteCandidate | None:
    """He said: “…”; Rubio: “…”; a sentence that ends in a colon in the line above.

    Args:
        table: the article.
        number: the quoted span.
        tokens: its tokens.
    """
    last = tokens[0] - 1
    while last >= 0 and table.tag[last] == "_SP":
        last -= 1
    if last < 0:
        return None
    low, _ = table.sentence_bounds(last)
    if not _may_introduce(table, last, tokens[0]):
        return _from_line(table, low, last, tokens[0])
    sentence = is_sentence(table, number) or first_character(table, number).isupper()
    introduction = _Introduction(number, tokens, low, last, sentence)
    if table.lower[last] == ",":
        return _in_words(table, low, last) or _before_comma(table, introduction)
    if _is_colon(table, last):
        return _before_colon(table, introduction)
    return _right_before(table, introduction)


def _is_colon(table: TokenTable, token: int) -> bool:
    """Whether a token is a colon; a bracket before it may be part of the token: Ann Lee (54): “…”."""
    return table.lower[token] == ":" or table.lower[token] == "):"


def _may_introduce(table: TokenTable, last: int, first: int) -> bool:
    """Whether the token before quoted words can belong to their cue."""
    if _is_colon(table, last):
        return table.paragraph[first] - table.paragraph[last] <= 1
    apart = table.paragraph[last] != table.paragraph[first] or table.opens_sentence(first)
    return not apart and table.quoted_span[last] < 0 and (table.lower[last] == "," or table.lower[last] in VERBS)


def _from_line(table: TokenTable, low: int, last: int, first: int) -> QuoteCandidate | None:
    """A line that only says whom the next one comes from: From the desk of Ann Lee."""
    if table.lower[low] != "from" or not 0 <= table.paragraph[last] == table.paragraph[first] - 1:
        return None
    if table.start[low] != table.paragraphs[table.paragraph[last]][0]:
        return None
    subject = _sender(table, low, last + 1)
    return None if subject is None else QuoteCandidate([], Rule.COLON, last, subject)


def _in_words(table: TokenTable, low: int, last: int) -> QuoteCandidate | None:
    """In Ann Lee's words, “…”; in the words of Ann Lee, “…”."""
    for words in range(low + 1, last):
        if table.lower[words] != "words" or table.lower[table.head[words]] != "in" or table.quoted_span[words] >= 0:
            continue
        owners = [child for child in table.children[words] if table.dep[child] == "poss" and words == last - 1]
        for child in table.children[words]:
            if table.lower[child] == "of" and table.right_edge[child] == last - 1:
                owners += [noun for noun in table.children[child] if table.dep[noun] == "pobj"]
        if owners:
            return QuoteCandidate([], Rule.BEFORE, words, owners[0])
    return None


def _before_comma(table: TokenTable, introduction: _Introduction) -> QuoteCandidate | None:
    """He said, “…”."""
    _, _, low, last, sentence = introduction
    verbs = [token for token in range(max(low, last - _CUE_BEFORE_COMMA), last) if reports(table, token)]
    if not verbs:
        return _any_verb_before(table, last - 1) if sentence else None
    verb = verbs[-1]
    if any(table.quoted_span[token] >= 0 for token in range(verb, last)):
        return None
    if _is_as_put(table, verb, last):
        return QuoteCandidate([], Rule.BEFORE, verb, subject_of(table, verb))
    if any(table.lower[token + 1] in CLAUSE_OPENERS for token in verbs):
        return None  # The quoted words go on with a clause: said that once the house rises, “I will …”
    if not sentence and last - verb > 1:
        return None
    return QuoteCandidate([], Rule.BEFORE, verb, speaker_near(table, verb, low, last))


def _is_as_put(table: TokenTable, verb: int, comma: int) -> bool:
    """Whether the words right before the marks are “…, as Lee put it,”."""
    if comma - verb > 2 or (comma - verb == 2 and table.lower[verb + 1] not in {"it", "this", "so"}):
        return False
    return table.lower[table.left_edge[verb]] == "as" and table.left_edge[verb] < verb


def _any_verb_before(table: TokenTable, verb: int) -> QuoteCandidate | None:
    """She shrugged, “…”."""
    if table.tag[verb] not in {"VBD", "VBZ"}:
        return None
    subject = subject_of(table, verb)
    return None if subject is None else QuoteCandidate([], Rule.BESIDE, verb, subject)


def _before_colon(table: TokenTable, introduction: _Introduction) -> QuoteCandidate:
    """He said: “…”; Ann Lee: “…”; and where nothing tells whose words follow, they are carried on."""
    number, _, low, last, _ = introduction
    verbs = [token for token in range(low, last) if reports(table, token)]
    if verbs:
        verb = verbs[-1]
        that = _that_before_colon(table, verb, last)
        if that is not None:
            span = (table.start[that + 1], table.quoted_spans[number].inner[-1][1])
            return QuoteCandidate([span], Rule.COLON_THAT, verb, subject_of(table, verb))
        return QuoteCandidate([], Rule.COLON, verb, speaker_near(table, verb, low, last))
    label = label_at(table.text, table.start[low], table.end[last])
    if label is not None and label.end == table.end[last]:
        named = name_tokens(table, label)
        return QuoteCandidate([], Rule.COLON, last, named[1], named=named)
    subject = _sender(table, low, last)
    if subject is None:
        subject = next((token for token in range(low, last) if table.dep[token] == "nsubj"), None)
    owner = _whose_saying(table, low, last, subject)
    subject = subject if owner is None else owner
    return QuoteCandidate([], Rule.COLON, last, subject, carried=subject is None)


def _whose_saying(table: TokenTable, low: int, colon: int, subject: int | None) -> int | None:
    """Whose words a noun before a colon announces: Ann Lee's reply was short: “…”; her message to fans: “…”."""
    nouns = range(low, colon) if subject is None else (subject,)
    if (
        subject is not None
        and table.lower[subject] in POINTING
        and (announced := saying_announced(table, subject, colon))
    ):
        return announced
    saying = next((noun for noun in nouns if table.lower[noun] in SAYINGS and table.tag[noun][:2] == "NN"), None)
    if saying is None or any(table.tag[token] in FINITE for token in range(low, saying)):
        return None
    owners = [child for child in table.children[saying] if table.dep[child] == "poss"]
    for child in table.children[saying]:
        if table.lower[child] == "from" and child < colon:
            owners += [noun for noun in table.children[child] if table.dep[noun] == "pobj"]
    return owners[0] if owners else None


def _sender(table: TokenTable, low: int, end: int) -> int | None:
    """Whom the next words come from, in a line without a verb: This from Ann Lee: “…”; From the desk of Ann Lee."""
    if end - low > _LONGEST_SENDER or any(table.tag[token][:2] == "VB" for token in range(low, end)):
        return None
    source = next((token for token in range(low, end) if table.lower[token] == "from"), None)
    if source is None or source - low > _BEFORE_SENDER:
        return None
    first = next((token for token in range(source, end) if table.tag[token] in PROPER), None)
    if first is None:
        return None
    while first + 1 < end and table.tag[first + 1] in PROPER:
        first += 1
    return first


def _that_before_colon(table: TokenTable, verb: int, colon: int) -> int | None:
    """The "that" of a clause that goes on behind the colon: she said that it was lost: “We have no boats.”"""
    for child in table.children[verb]:
        first = table.left_edge[child]
        if table.dep[child] == "ccomp" and verb < first and child < colon and table.lower[first] == "that":
            return first
    return None


def _right_before(table: TokenTable, introduction: _Introduction) -> QuoteCandidate | None:
    """He said “…”, without a pause."""
    number, tokens, low, verb, _ = introduction
    if not (reports(table, verb) and VERBS[table.lower[verb]].clause and is_sentence(table, number)):
        return None
    subject = speaker_near(table, verb, low, verb)
    if subject is None and table.tag[verb] == "VB" and not any(table.tag[token] in FINITE for token in tokens):
        return None  # Only a part of what is told: a plan to counter “their rhetoric.”
    return QuoteCandidate([], Rule.BEFORE, verb, subject)
