"""Finds direct quotes: which quoted spans are quotes, and which of them one cue ties together."""

from pipeline.text.quotes.candidate import QuoteCandidate, Rule, RuleFlag, trimmed
from pipeline.text.quotes.detection.cue_before import cue_before
from pipeline.text.quotes.detection.cue_behind import cue_behind, gesture_behind
from pipeline.text.quotes.detection.pointing_back import pointed_at_marks
from pipeline.text.quotes.detection.turns import turn_in_marks
from pipeline.text.quotes.lexicon.grammar import DASHES
from pipeline.text.quotes.quoted_words import ending_of, first_character, is_sentence, quoted_words, reports
from pipeline.text.quotes.tokens import TokenTable

_LONGEST_WORK = 6  # words of the name of a show between two parts of one quote
_LONGEST_GAP = 60  # tokens between two parts of one quote


def direct_quotes(table: TokenTable) -> list[QuoteCandidate]:
    """The direct quotes: whole quoted sentences with their cues; parts that one cue ties together are one quote."""
    quotes: list[QuoteCandidate] = []
    for number, span in enumerate(table.quoted_spans):
        tokens = table.tokens_between(span.start, span.end)
        if not len(tokens):
            continue
        before = quotes[-1] if quotes else None
        candidate = _with_cue(table, number, tokens) or _mostly_quoted(table, before, number, tokens)
        if candidate is None and (before is None or not _is_part_of(table, before, number, None)):
            candidate = pointed_at_marks(table, number, tokens)
        if candidate is None and not _is_quote_without_cue(table, before, number, tokens):
            continue
        if before is not None and _is_part_of(table, before, number, candidate):
            before.segments.extend(span.inner)
            before.quoted_spans.append(number)
            continue
        if candidate is None:
            candidate = QuoteCandidate([], Rule.UNCUED, carried=True)
        _extend_to_sentence_end(table, number, tokens, candidate)
        # A candidate that has a segment already has a clause around the quoted words.
        candidate.segments, candidate.quoted_spans = candidate.segments or list(span.inner), [number]
        quotes.append(candidate)
    return quotes


def _with_cue(table: TokenTable, number: int, tokens: range) -> QuoteCandidate | None:
    """The candidate of a cue before or behind; a colon without a speech verb is used only where no cue is behind."""
    quoted_turn = turn_in_marks(table, number)
    if quoted_turn is not None:
        quoted_turn.segments = []
        return quoted_turn
    candidate = cue_before(table, number, tokens)
    if candidate is not None and not _is_weak_colon(table, candidate):
        return candidate
    return cue_behind(table, number, tokens) or candidate or gesture_behind(table, number, tokens)


def _is_weak_colon(table: TokenTable, candidate: QuoteCandidate) -> bool:
    if candidate.rule is not Rule.COLON:
        return False
    return candidate.subject is None or candidate.cue is None or not reports(table, candidate.cue)


def _is_quote_without_cue(table: TokenTable, before: QuoteCandidate | None, number: int, tokens: range) -> bool:
    if table.opens_sentence(tokens[0]) and (
        is_sentence(table, number) or _is_short_answer(table, before, number, tokens)
    ):
        return True
    return _resumes(table, before, number)


def _mostly_quoted(
    table: TokenTable, before: QuoteCandidate | None, number: int, tokens: range
) -> QuoteCandidate | None:
    """A mostly quoted sentence without a cue behind a quote: “It is lost,” he said. Instead, “we try again.”"""
    low, high = table.sentence_bounds(tokens[0])
    if before is None or table.paragraph[low] < 0:
        return None
    last = table.token_at(table.quoted_spans[before.quoted_spans[-1]].start)
    if table.paragraph[last] != table.paragraph[low] or table.sentence[last] == table.sentence[low]:
        return None
    while high > low and table.tag[high] in {"_SP", "."} and table.quoted_span[high] < 0:
        high -= 1
    words = range(low, high + 1)
    inside = sum(table.quoted_span[token] >= 0 for token in words)
    if table.quoted_span[low] < 0 and table.quoted_span[high] < 0:
        return None  # Marks in the middle set words apart: The “ferry of hope” came late.
    if inside == len(words) or 2 * inside < len(words) or any(reports(table, token) for token in words):
        return None
    start, end = trimmed(table, low, high) or (table.start[low], table.end[high])
    span = table.quoted_spans[number]
    return QuoteCandidate([(min(start, span.start), max(end, span.end))], Rule.UNCUED_LED, carried=True)


def _is_short_answer(table: TokenTable, before: QuoteCandidate | None, number: int, tokens: range) -> bool:
    """Whether a few words are a whole sentence behind a quote, in its paragraph or the next: “No.”"""
    if before is None or ending_of(table, number) not in ".!?…" or not first_character(table, number).isupper():
        return False
    low, high = table.sentence_bounds(tokens[0])
    last = table.token_at(table.quoted_spans[before.quoted_spans[-1]].start)
    near = 0 <= table.paragraph[low] - table.paragraph[last] <= 1
    whole = range(low, high + 1)
    return near and all(table.quoted_span[token] == number or table.tag[token] == "_SP" for token in whole)


def _resumes(table: TokenTable, before: QuoteCandidate | None, number: int) -> bool:
    """Whether quoted words that are no sentence go on with the quote before: “A,” he said, “and b.”"""
    span = table.quoted_spans[number]
    first = table.token_at(span.start)
    if before is None or first < 1 or table.lower[first - 1] not in DASHES | {",", ";"}:
        return False
    if not _is_part_of(table, before, number, None) or not first_character(table, number).islower():
        return False
    if table.lower[first - 1] in DASHES:
        return before.rule is Rule.BESIDE
    return sum(reports(table, token) for token in range(before.cue or 0, first)) == 1


def _extend_to_sentence_end(table: TokenTable, number: int, tokens: range, candidate: QuoteCandidate) -> None:
    """Let a quote go on to its sentence's end where no cue follows: “They aren't there yet” to support him."""
    span = table.quoted_spans[number]
    after = tokens[-1] + 1
    _, high = table.sentence_bounds(tokens[-1])
    if candidate.segments or candidate.rule is not Rule.BEFORE or len(span.pieces) > 1 or after >= high:
        return
    rest = range(after, high + 1)
    if not table.word(after)[:1].islower() or ending_of(table, number) in ".!?" or len(rest) < 2:
        return
    last_span = table.quoted_spans[max(table.quoted_span[high], number)]
    if any(reports(table, token) for token in rest) or last_span.end > table.end[high]:
        return
    words = trimmed(table, tokens[0], high)
    if words:
        candidate.segments = [(span.start, max(words[1], span.end))]
        candidate.flags |= {RuleFlag.GOES_ON}


def _is_name_of_work(table: TokenTable, number: int) -> bool:
    """Whether quoted words are only the name of something: said on the show “Dawn Call.”"""
    words = quoted_words(table, number)
    return len(words) <= _LONGEST_WORK and all(word[0].isupper() or len(word) < 4 for word in words)


def _is_part_of(table: TokenTable, before: QuoteCandidate, number: int, candidate: QuoteCandidate | None) -> bool:
    """Whether a quoted span belongs to the quote before: “A,” he said. “B.”

    The words between them are one sentence that holds the cue of the first.
    """
    last = before.quoted_spans[-1]
    if before.cue is None or not all(_is_name_of_work(table, between) for between in range(last + 1, number)):
        return False
    if candidate is not None and candidate.cue != before.cue:
        return False
    span = table.quoted_spans[number]
    gap = table.tokens_between(table.quoted_spans[last].end, span.start)
    if not gap or before.rule is Rule.SIGNED:
        return False
    if table.paragraph[gap[0]] != table.paragraph[table.token_at(span.start)]:
        return False
    if candidate is not None:
        return True
    sentences = {table.sentence[token] for token in gap if table.tag[token] != "_SP"}
    return len(sentences) <= 1 and before.cue in gap and len(gap) < _LONGEST_GAP
