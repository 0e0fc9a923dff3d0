"""Reported content without a verb that says so: “according to …”, “her claim that …”."""

from pipeline.text.quotes.candidate import Draft, stretch_range, trimmed
from pipeline.text.quotes.tokens import Sheet

_NEAR = 10  # tokens between a noun and its "that"


def according(sheet: Sheet, word: int, taken: set[int]) -> list[Draft]:
    """The sentence, or what of it stands before and behind the “according to …”."""
    to = word + 1
    if to >= len(sheet.lower) or sheet.lower[to] != "to":
        return []
    objects = [k for k in sheet.kids[to] if sheet.dep[k] == "pobj"] or [
        k for k in sheet.kids[word] if sheet.dep[k] == "pobj"
    ]
    if not objects:
        return []
    low, high = stretch_range(sheet, word)
    noun = objects[0]
    last = min(max(sheet.right[noun], noun), high)
    segments: list[tuple[int, int] | None] = []
    if word - low > 2:
        segments.append(trimmed(sheet, low, word - 1))
        if (
            last + 2 < high
            and sheet.lower[last + 1] == ","
            and sheet.tag[last + 2] not in {"CC", "WDT", "WP", "IN", "VBG"}
        ):
            segments.append(trimmed(sheet, last + 2, high))
    else:
        comma = next((t for t in range(noun, high) if sheet.lower[t] == "," and t >= last), None)
        comma = comma if comma is not None else next((t for t in range(noun, high) if sheet.lower[t] == ","), None)
        if comma is None:
            return []
        segments.append(trimmed(sheet, comma + 1, high))
    kept = [s for s in segments if s]
    if not kept or any(sheet.region[sheet.at(s)] in taken for s, _ in kept):
        return []
    return [Draft(kept, "according to", 0.8, word, to, noun)]


def _that(sheet: Sheet, noun: int) -> int | None:
    """The verb of the "that" clause of a noun, where the parser hung it elsewhere: her claim on Monday that …."""
    _, high = stretch_range(sheet, noun)
    for token in range(noun + 1, min(high, noun + _NEAR)):
        if sheet.lower[token] == "that" and sheet.tag[token] == "IN":
            verb = sheet.head[token]
            return verb if verb > token and sheet.left[verb] == token else None
        if sheet.tag[token][:2] == "VB" or sheet.tag[token] in {"MD", ".", ",", ":"}:
            return None
    return None


def noun(sheet: Sheet, word: int) -> Draft | None:
    """The claim that …, his pledge to …; the speaker is the possessor or the agent."""
    clause = next(
        (k for k in sheet.kids[word] if k > word and sheet.dep[k] in {"acl", "ccomp"}
         and sheet.lower[sheet.left[k]] in {"that", "to"}), None)  # fmt: skip
    if clause is None:
        clause = _that(sheet, word)
    if clause is None:
        return None
    speaker = next((k for k in sheet.kids[word] if sheet.dep[k] == "poss"), None)
    if speaker is None:
        speaker = next((n for k in sheet.kids[word] if sheet.lower[k] in {"by", "from", "of"} for n in sheet.kids[k]
                        if sheet.dep[n] == "pobj"), None)  # fmt: skip
    if speaker is None:
        return None
    span = trimmed(sheet, sheet.left[clause], sheet.right[clause])
    return Draft([span], "noun", 0.55, word, word, speaker) if span else None
