"""From drafts to speakers, in reading order: by the cue's subject, or carried on where a quote has no cue.

A quote without a cue takes the only one whom the sentence before is about, or else the speaker of the quote before; a
dialogue of question and answer alternates. Where two are as likely, it has no speaker.
"""

from dataclasses import dataclass

from pipeline.identity import name_id
from pipeline.models import Resolution, Speaker
from pipeline.text.quotes.attribution.coreference import Named, Names
from pipeline.text.quotes.attribution.cue_subject import mention
from pipeline.text.quotes.candidate import Draft, stretch_range
from pipeline.text.quotes.tokens import Sheet

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
    before = _Before(sheet)
    for draft in drafts:
        if draft.subject is not None:
            who = _by_subject(sheet, names, draft)
        elif draft.carried or _alone(sheet, draft):
            who = _carried(sheet, names, draft, before)
        else:
            who = _NOBODY
        before.add(draft, who)
    return before.found


class _Before:
    """The drafts that come before one, with their speakers, and the last of them in each sentence."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self.drafts: list[Draft] = []
        self.found: list[Attribution] = []
        self._last: dict[int, int] = {}

    def add(self, draft: Draft, who: Attribution) -> None:
        """The next draft and its speaker."""
        sheet = self._sheet
        tokens = [] if draft.cue is None else [draft.cue]
        begin = draft.segments[-1][0]
        token = sheet.at(begin)
        tokens.append(token)
        if token and sheet.end[token - 1] >= begin:
            tokens.append(token - 1)  # with no blank between, the words begin where the sentence before ends
        for at in tokens:
            self._last[sheet.stretch[at]] = len(self.drafts)
        self.drafts.append(draft)
        self.found.append(who)

    def in_sentence(self, token: int) -> Attribution | None:
        """Who speaks in the last draft whose cue or last words are in the sentence around a token."""
        number = self._last.get(self._sheet.stretch[token])
        return None if number is None else self.found[number]


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


def _carried(sheet: Sheet, names: Names, draft: Draft, before: _Before) -> Attribution:
    opening = sheet.at(draft.segments[0][0])
    here = sheet.para[opening]
    last = opening - 1
    while last >= 0 and (sheet.tag[last] in {"_SP", "``"} or sheet.region[last] == sheet.region[opening]):
        last -= 1
    introduced = draft.cue is not None and draft.rule == "colon"
    if last >= 0 and (sheet.para[last] == here or introduced):
        low, _ = stretch_range(sheet, last)
        if (told := before.in_sentence(last)) is not None:
            return _on(told, _HERE, "same paragraph")
        subject, named = names.carried(last + 1, low)
        if named is not None:
            return Attribution(_speaker(sheet, named, subject, subject), "sentence before", named.candidates)
        if subject < 0:
            return _NOBODY  # The sentence is about two people.
    if not before.drafts:
        return _NOBODY
    away = here - sheet.para[sheet.at(before.drafts[-1].segments[-1][1] - 1)]
    if away > 1:
        return _NOBODY
    if away == 1 and (turned := _dialogue(sheet, draft, before)) is not None:
        return _on(turned, _TURNED, "dialogue")
    if away == 1 and _asks(sheet, before.drafts[-1]):
        return _NOBODY  # Somebody else answers, and nothing says who.
    return _on(before.found[-1], _HERE if away == 0 else _BEFORE, "same paragraph" if away == 0 else "paragraph before")


def _on(other: Attribution, share: float, how: str) -> Attribution:
    if other.speaker is None:
        return _NOBODY
    confidence = round(other.speaker.confidence * share, 3)
    speaker = other.speaker.model_copy(update={"resolution": Resolution.CARRIED, "confidence": confidence})
    return Attribution(speaker, how, other.candidates)


def _dialogue(sheet: Sheet, draft: Draft, before: _Before) -> Attribution | None:
    """The speaker before the last one, where the two take turns: a paragraph each, and questions or answers."""
    if len(before.drafts) < 2 or not draft.regions:
        return None
    first, second = before.drafts[-2:]
    turns = list(zip((first, second), before.found[-2:], strict=True))
    one, two = (attribution.speaker for _, attribution in turns)
    if one is None or (two is not None and one.name == two.name):
        return None
    if two is None and not _asks(sheet, first):
        return None  # Only an answer to a question is surely somebody else's.
    paragraphs = [sheet.para[sheet.at(d.segments[0][0])] for d, _ in turns]
    here = sheet.para[sheet.at(draft.segments[0][0])]
    taken = all(_is_turn(sheet, d, p) for (d, _), p in zip(turns, paragraphs, strict=True))
    if paragraphs != [here - 2, here - 1] or not taken:
        return None
    asked = any(sheet.text[d.segments[-1][1] - 1] == "?" for d in (first, second, draft))
    answered = any(d.cue is not None and sheet.lower[d.cue] in _ANSWERS for d, _ in turns)
    return turns[0][1] if asked or answered or turns[1][1].how == "dialogue" else None


def _asks(sheet: Sheet, draft: Draft) -> bool:
    """Whether somebody asks a question: “Where is it?” she asked."""
    return draft.cue is not None and sheet.lower[draft.cue] in _ASKS and sheet.text[draft.segments[-1][1] - 1] == "?"


def _is_turn(sheet: Sheet, draft: Draft, paragraph: int) -> bool:
    start, end = sheet.lines[paragraph]
    return bool(draft.regions) and end - start - sum(b - a for a, b in draft.segments) <= _TURN
