"""Direct quotes: which marked stretches are quotes, and which of them one cue ties together."""

from pipeline.text.quotes.candidate import QuoteCandidate, sentence_bounds, trimmed
from pipeline.text.quotes.detection import direct_cues
from pipeline.text.quotes.detection.direct_cues import ending_of, is_sentence, opens_sentence, reports
from pipeline.text.quotes.tokens import TokenTable


def direct_quotes(table: TokenTable) -> list[QuoteCandidate]:
    """The direct quotes: whole marked sentences with their cues, pieces that one cue ties joined into one."""
    candidates: list[QuoteCandidate] = []
    before: QuoteCandidate | None = None
    for number, marked in enumerate(table.quoted_spans):
        tokens = table.tokens_between(marked.start, marked.end)
        if not len(tokens):
            continue
        found = direct_cues.before(table, number, tokens)
        if found is None or (found.rule == "colon" and (found.subject is None or found.score < 0.9)):
            found = direct_cues.behind(table, number, tokens) or found
        opens = opens_sentence(table, tokens[0])
        if found is None:
            found = _mostly(table, before, number, tokens)
        whole = opens and (is_sentence(table, number) or _answers(table, before, number, tokens))
        if found is None and not whole and not _resumes(table, before, number):
            continue
        joined = before is not None and _joins(table, before, number, found)
        if joined and before is not None:
            before.segments.extend(marked.inner)
            before.quoted_spans.append(number)
            continue
        if found is None:
            found = QuoteCandidate([], "uncued", 0.5, carried=True)
        _goes_on(table, number, tokens, found)
        # A draft that brings a segment along has a clause around the marked words.
        found.segments, found.quoted_spans = found.segments or list(marked.inner), [number]
        candidates.append(found)
        before = found
    return candidates


def _mostly(table: TokenTable, before: QuoteCandidate | None, number: int, tokens: range) -> QuoteCandidate | None:
    """A sentence behind a quote, mostly marked, without a cue: “It is lost,” he said. Instead, “we try again.”"""
    low, high = sentence_bounds(table, tokens[0])
    if before is None or table.paragraph[low] < 0:
        return None
    last = table.token_at(table.quoted_spans[before.quoted_spans[-1]].start)
    if table.paragraph[last] != table.paragraph[low] or table.sentence[last] == table.sentence[low]:
        return None
    while high > low and table.tag[high] in {"_SP", "."} and table.quoted_span[high] < 0:
        high -= 1
    words = range(low, high + 1)
    inside = sum(table.quoted_span[t] >= 0 for t in words)
    if table.quoted_span[low] < 0 and table.quoted_span[high] < 0:
        return None  # marks in the middle set words apart: The “ferry of hope” came late
    if inside == len(words) or 2 * inside < len(words) or any(reports(table, t) for t in words):
        return None
    start, end = trimmed(table, low, high) or (table.start[low], table.end[high])
    marked = table.quoted_spans[number]
    return QuoteCandidate([(min(start, marked.start), max(end, marked.end))], "uncued, led", 0.5, carried=True)


def _answers(table: TokenTable, before: QuoteCandidate | None, number: int, tokens: range) -> bool:
    """Whether a few words make up a whole sentence behind a quote, in its paragraph or the next: “No.”"""
    opening = table.text[table.quoted_spans[number].inner[0][0]]
    if before is None or ending_of(table, number) not in ".!?…" or not opening.isupper():
        return False
    low, high = sentence_bounds(table, tokens[0])
    last = table.token_at(table.quoted_spans[before.quoted_spans[-1]].start)
    near = 0 <= table.paragraph[low] - table.paragraph[last] <= 1
    return near and all(table.quoted_span[t] == number or table.tag[t] == "_SP" for t in range(low, high + 1))


def _resumes(table: TokenTable, before: QuoteCandidate | None, number: int) -> bool:
    """Whether marked words that are no sentence go on with the quote before: “A,” he said, “and b.”"""
    marked = table.quoted_spans[number]
    first = table.token_at(marked.start)
    if (
        before is None
        or first < 1
        or table.lower[first - 1] not in {",", ";"}
        or not _joins(table, before, number, None)
    ):
        return False
    gap = range(before.cue or 0, first)
    return table.text[marked.inner[0][0]].islower() and sum(reports(table, t) for t in gap) == 1


def _goes_on(table: TokenTable, number: int, tokens: range, found: QuoteCandidate) -> None:
    """Lets a quote run on to its sentence's end where no cue follows: “They aren't there yet” to support him."""
    marked = table.quoted_spans[number]
    after = tokens[-1] + 1
    _, high = sentence_bounds(table, tokens[-1])
    if found.segments or found.rule != "before" or len(marked.pieces) > 1 or after >= high:
        return
    rest = range(after, high + 1)
    if not table.word(after)[:1].islower() or ending_of(table, number) in ".!?" or len(rest) < 2:
        return
    if (
        any(reports(table, t) for t in rest)
        or table.quoted_spans[max(table.quoted_span[high], number)].end > table.end[high]
    ):
        return
    span = trimmed(table, tokens[0], high)
    if span:
        found.segments = [(marked.start, max(span[1], marked.end))]
        found.rule += ", goes on"


def _joins(table: TokenTable, before: QuoteCandidate, number: int, found: QuoteCandidate | None) -> bool:
    """“A,” he said. “B.”: the words between are one sentence that holds the cue of the first."""
    if before.cue is None or before.quoted_spans[-1] != number - 1:
        return False
    if found is not None and found.cue != before.cue:
        return False
    one, two = table.quoted_spans[number - 1], table.quoted_spans[number]
    gap = table.tokens_between(one.end, two.start)
    if not gap or table.paragraph[gap[0]] != table.paragraph[table.token_at(two.start)] or before.rule == "signed":
        return False
    if found is not None:
        return True
    ended = len({table.sentence[t] for t in gap if table.tag[t] != "_SP"})
    return ended <= 1 and (before.cue in gap) and len(gap) < 60
