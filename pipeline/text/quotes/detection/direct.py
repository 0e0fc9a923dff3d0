"""Direct quotes: which marked stretches are quotes, and which of them one cue ties together."""

from pipeline.text.quotes.candidate import Draft, stretch_range, trimmed
from pipeline.text.quotes.detection import direct_cues
from pipeline.text.quotes.detection.direct_cues import ending_of, is_sentence, opens_sentence, reports
from pipeline.text.quotes.tokens import Sheet


def spoken(sheet: Sheet) -> list[Draft]:
    """The direct quotes: whole marked sentences with their cues, pieces that one cue ties joined into one."""
    drafts: list[Draft] = []
    before: Draft | None = None
    for number, marked in enumerate(sheet.marked):
        tokens = sheet.tokens(marked.start, marked.end)
        if not len(tokens):
            continue
        found = direct_cues.before(sheet, number, tokens)
        if found is None or (found.rule == "colon" and (found.subject is None or found.score < 0.9)):
            found = direct_cues.behind(sheet, number, tokens) or found
        opens = opens_sentence(sheet, tokens[0])
        if found is None:
            found = _mostly(sheet, before, number, tokens)
        whole = opens and (is_sentence(sheet, number) or _answers(sheet, before, number, tokens))
        if found is None and not whole and not _resumes(sheet, before, number):
            continue
        joined = before is not None and _joins(sheet, before, number, found)
        if joined and before is not None:
            before.segments.extend(marked.inner)
            before.regions.append(number)
            continue
        if found is None:
            found = Draft([], "uncued", 0.5, carried=True)
        _goes_on(sheet, number, tokens, found)
        # A draft that brings a segment along has a clause around the marked words.
        found.segments, found.regions = found.segments or list(marked.inner), [number]
        drafts.append(found)
        before = found
    return drafts


def _mostly(sheet: Sheet, before: Draft | None, number: int, tokens: range) -> Draft | None:
    """A sentence behind a quote, mostly marked, without a cue: “It is lost,” he said. Instead, “we try again.”"""
    low, high = stretch_range(sheet, tokens[0])
    if before is None or sheet.para[low] < 0:
        return None
    last = sheet.at(sheet.marked[before.regions[-1]].start)
    if sheet.para[last] != sheet.para[low] or sheet.stretch[last] == sheet.stretch[low]:
        return None
    while high > low and sheet.tag[high] in {"_SP", "."} and sheet.region[high] < 0:
        high -= 1
    words = range(low, high + 1)
    inside = sum(sheet.region[t] >= 0 for t in words)
    if sheet.region[low] < 0 and sheet.region[high] < 0:
        return None  # marks in the middle set words apart: The “ferry of hope” came late
    if inside == len(words) or 2 * inside < len(words) or any(reports(sheet, t) for t in words):
        return None
    start, end = trimmed(sheet, low, high) or (sheet.start[low], sheet.end[high])
    marked = sheet.marked[number]
    return Draft([(min(start, marked.start), max(end, marked.end))], "uncued, led", 0.5, carried=True)


def _answers(sheet: Sheet, before: Draft | None, number: int, tokens: range) -> bool:
    """Whether a few words make up a whole sentence behind a quote, in its paragraph or the next: “No.”"""
    opening = sheet.text[sheet.marked[number].inner[0][0]]
    if before is None or ending_of(sheet, number) not in ".!?…" or not opening.isupper():
        return False
    low, high = stretch_range(sheet, tokens[0])
    last = sheet.at(sheet.marked[before.regions[-1]].start)
    near = 0 <= sheet.para[low] - sheet.para[last] <= 1
    return near and all(sheet.region[t] == number or sheet.tag[t] == "_SP" for t in range(low, high + 1))


def _resumes(sheet: Sheet, before: Draft | None, number: int) -> bool:
    """Whether marked words that are no sentence go on with the quote before: “A,” he said, “and b.”"""
    marked = sheet.marked[number]
    first = sheet.at(marked.start)
    if (
        before is None
        or first < 1
        or sheet.lower[first - 1] not in {",", ";"}
        or not _joins(sheet, before, number, None)
    ):
        return False
    gap = range(before.cue or 0, first)
    return sheet.text[marked.inner[0][0]].islower() and sum(reports(sheet, t) for t in gap) == 1


def _goes_on(sheet: Sheet, number: int, tokens: range, found: Draft) -> None:
    """Lets a quote run on to its sentence's end where no cue follows: “They aren't there yet” to support him."""
    marked = sheet.marked[number]
    after = tokens[-1] + 1
    _, high = stretch_range(sheet, tokens[-1])
    if found.segments or found.rule != "before" or len(marked.pieces) > 1 or after >= high:
        return
    rest = range(after, high + 1)
    if not sheet.word(after)[:1].islower() or ending_of(sheet, number) in ".!?" or len(rest) < 2:
        return
    if any(reports(sheet, t) for t in rest) or sheet.marked[max(sheet.region[high], number)].end > sheet.end[high]:
        return
    span = trimmed(sheet, tokens[0], high)
    if span:
        found.segments = [(marked.start, max(span[1], marked.end))]
        found.rule += ", goes on"


def _joins(sheet: Sheet, before: Draft, number: int, found: Draft | None) -> bool:
    """“A,” he said. “B.”: the words between are one sentence that holds the cue of the first."""
    if before.cue is None or before.regions[-1] != number - 1:
        return False
    if found is not None and found.cue != before.cue:
        return False
    one, two = sheet.marked[number - 1], sheet.marked[number]
    gap = sheet.tokens(one.end, two.start)
    if not gap or sheet.para[gap[0]] != sheet.para[sheet.at(two.start)] or before.rule == "signed":
        return False
    if found is not None:
        return True
    ended = len({sheet.stretch[t] for t in gap if sheet.tag[t] != "_SP"})
    return ended <= 1 and (before.cue in gap) and len(gap) < 60
