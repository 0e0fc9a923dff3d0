"""From drafts to speakers, in reading order: by the cue's subject, or carried on where a quote has no cue.

A quote without a cue takes the only one whom the sentence before is about, or else the speaker of the quote before; a
dialogue of question and answer alternates. Where two are as likely, it has no speaker.
"""

from dataclasses import dataclass

from pipeline.identity import name_id
from pipeline.models import Resolution, Speaker
from pipeline.text.quotes.coreference import Named, Names
from pipeline.text.quotes.draft import Draft, stretch_range
from pipeline.text.quotes.sheet import Sheet
from pipeline.text.quotes.speakers import mention

_ASKS = frozenset({"ask", "asked", "asks"})
_ANSWERS = _ASKS | frozenset("reply replied replies answer answered answers retorted countered".split())
_TURN = 60  # characters of a dialogue's paragraph that may stand outside the marks: “…,” Ann Lee replied.
_HERE, _BEFORE, _TURNED = 0.85, 0.7, 0.6  # how much of a speaker's confidence is left when carried on


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose quote it is, how that was found ("subject", "sentence before", "same paragraph", "paragraph before",
    "dialogue", "nobody") and who stood to choose, with their shares of 1."""

    speaker: Speaker | None
    how: str
    candidates: tuple[tuple[str, float], ...] = ()


_NOBODY = Attribution(None, "nobody")


def attribute(sheet: Sheet, drafts: list[Draft]) -> list[Attribution]:
    """Who says each of the drafts, which stand in the order of the text."""
    names = Names(sheet)
    found: list[Attribution] = []
    for number, draft in enumerate(drafts):
        if draft.subject is not None:
            found.append(_by_subject(sheet, names, draft))
        elif draft.carried or _alone(sheet, draft):
            found.append(_carried(sheet, names, draft, drafts[:number], found))
        else:
            found.append(_NOBODY)
    return found


def _alone(sheet: Sheet, draft: Draft) -> bool:
    return draft.cue is not None and sheet.tag[draft.cue] == "VBG" and draft.rule in {"before", "colon", "after"}


def _by_subject(sheet: Sheet, names: Names, draft: Draft) -> Attribution:
    assert draft.subject is not None
    first, last = mention(sheet, draft.subject, draft.cue)
    named = names.resolve(draft.subject, first, last)
    return Attribution(_speaker(sheet, named, first, last), "subject", named.candidates)


def _speaker(sheet: Sheet, named: Named, first: int, last: int) -> Speaker:
    start, end = sheet.start[first], sheet.end[last]
    return Speaker(
        name=named.name or sheet.text[start:end], id=name_id("speaker", named.name), mention=sheet.text[start:end],
        start=start, end=end, title=named.title, affiliation=named.affiliation, resolution=named.resolution,
        confidence=named.confidence,
    )  # fmt: skip


def _carried(sheet: Sheet, names: Names, draft: Draft, before: list[Draft], found: list[Attribution]) -> Attribution:
    opening = sheet.at(draft.segments[0][0])
    here = sheet.para[opening]
    last = opening - 1
    while last >= 0 and (sheet.tag[last] in {"_SP", "``"} or sheet.region[last] == sheet.region[opening]):
        last -= 1
    introduced = draft.cue is not None and draft.rule == "colon"
    if last >= 0 and (sheet.para[last] == here or introduced):
        low, high = stretch_range(sheet, last)
        told = [n for n, d in enumerate(before) if _is_in(sheet, d, low, high)]
        if told:
            return _on(found[told[-1]], _HERE, "same paragraph")
        subject, named = names.carried(last + 1, low)
        if named is not None:
            return Attribution(_speaker(sheet, named, subject, subject), "sentence before", named.candidates)
        if subject < 0:
            return _NOBODY  # The sentence is about two people.
    if not before:
        return _NOBODY
    away = here - sheet.para[sheet.at(before[-1].segments[-1][1] - 1)]
    if away > 1:
        return _NOBODY
    if away == 1 and (turned := _dialogue(sheet, draft, before, found)) is not None:
        return _on(turned, _TURNED, "dialogue")
    if away == 1 and _asks(sheet, before[-1]):
        return _NOBODY  # Somebody else answers, and nothing says who.
    return _on(found[-1], _HERE if away == 0 else _BEFORE, "same paragraph" if away == 0 else "paragraph before")


def _is_in(sheet: Sheet, draft: Draft, low: int, high: int) -> bool:
    """Whether the draft's cue or its last words are in the sentence."""
    if draft.cue is not None and low <= draft.cue <= high:
        return True
    return sheet.start[low] <= draft.segments[-1][0] <= sheet.end[high]


def _on(other: Attribution, share: float, how: str) -> Attribution:
    if other.speaker is None:
        return _NOBODY
    confidence = round(other.speaker.confidence * share, 3)
    speaker = other.speaker.model_copy(update={"resolution": Resolution.CARRIED, "confidence": confidence})
    return Attribution(speaker, how, other.candidates)


def _dialogue(sheet: Sheet, draft: Draft, before: list[Draft], found: list[Attribution]) -> Attribution | None:
    """The speaker before the last one, where the two take turns: a paragraph each, and questions or answers."""
    if len(before) < 2 or not draft.regions:
        return None
    turns = list(zip(before, found, strict=True))[-2:]
    one, two = (attribution.speaker for _, attribution in turns)
    if one is None or (two is not None and one.name == two.name):
        return None
    if two is None and not _asks(sheet, before[-2]):
        return None  # Only an answer to a question is surely somebody else's.
    paragraphs = [sheet.para[sheet.at(d.segments[0][0])] for d, _ in turns]
    here = sheet.para[sheet.at(draft.segments[0][0])]
    taken = all(_is_turn(sheet, d, p) for (d, _), p in zip(turns, paragraphs, strict=True))
    if paragraphs != [here - 2, here - 1] or not taken:
        return None
    asked = any(sheet.text[d.segments[-1][1] - 1] == "?" for d in (before[-2], before[-1], draft))
    answered = any(d.cue is not None and sheet.lower[d.cue] in _ANSWERS for d, _ in turns)
    return turns[0][1] if asked or answered or turns[1][1].how == "dialogue" else None


def _asks(sheet: Sheet, draft: Draft) -> bool:
    """Whether somebody asks a question: “Where is it?” she asked."""
    return draft.cue is not None and sheet.lower[draft.cue] in _ASKS and sheet.text[draft.segments[-1][1] - 1] == "?"


def _is_turn(sheet: Sheet, draft: Draft, paragraph: int) -> bool:
    start, end = sheet.lines[paragraph]
    return bool(draft.regions) and end - start - sum(b - a for a, b in draft.segments) <= _TURN
