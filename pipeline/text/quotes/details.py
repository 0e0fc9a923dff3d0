"""To whom, through which medium and when something was said, read from the cue's own clause."""

from pipeline.models import Modality
from pipeline.text.dates import find_dates
from pipeline.text.quotes.content import Draft, stretch_range
from pipeline.text.quotes.cues import VERBS
from pipeline.text.quotes.sheet import Sheet

_MEDIA = frozenset(
    """statement interview speech address conference briefing tweet post letter email e-mail memo call
rally hearing debate testimony release message report article op-ed editorial column podcast video broadcast book filing
twitter facebook x instagram telegram tv television cnn msnbc fox abc nbc cbs radio bbc truth weibo linkedin youtube
house parliament congress court summit""".split()
)
_TO = frozenset(
    """say state explain add note write stress declare complain respond reply confirm admit reveal suggest
emphasize remark announce repeat speak indicate comment""".split()
)
_NEGATIVE = frozenset({"not", "n't", "never"})
_SUPPOSED = frozenset({"would", "could", "might", "may", "should", "if", "can", "must"})


def modality(sheet: Sheet, cue: int | None) -> Modality:
    """Whether the article asserts, denies or supposes that it was said."""
    if cue is None:
        return Modality.ASSERTED
    words = {sheet.lower[k] for k in sheet.kids[cue] if sheet.dep[k] in {"neg", "aux", "mark", "advmod"} and k < cue}
    if words & _NEGATIVE:
        return Modality.NEGATED
    return Modality.HYPOTHETICAL if words & _SUPPOSED else Modality.ASSERTED


def addressee(sheet: Sheet, draft: Draft) -> str | None:
    """Whom the speaker told it."""
    cue = draft.cue
    verb = VERBS.get(sheet.lower[cue]) if cue is not None else None
    if cue is None or verb is None:
        return None
    for kid in sheet.kids[cue]:
        if not cue < kid or _inside(sheet, kid, draft):
            continue
        if verb.addressed and sheet.dep[kid] in {"dobj", "dative"} and sheet.tag[kid] != "TO":
            return _noun(sheet, kid, draft)
        if sheet.lower[kid] == "to" and sheet.dep[kid] in {"prep", "dative"} and verb.lemma in _TO:
            for noun in sheet.kids[kid]:
                if sheet.dep[noun] == "pobj" and not _inside(sheet, noun, draft):
                    return _noun(sheet, noun, draft)
    following = cue + 1
    named = following < len(sheet.tag) and sheet.tag[following] in {"NNS", "NNP", "PRP"}
    if verb.addressed and named and not _inside(sheet, following, draft) and following != draft.subject:
        return sheet.word(following)
    return None


def medium(sheet: Sheet, draft: Draft) -> str | None:
    """Through or at what it was said, with its preposition."""
    if draft.cue is None:
        return None
    low, high = stretch_range(sheet, draft.cue)
    for token in range(low, high + 1):
        if sheet.lower[token] in {"in", "on", "at", "during", "via", "through"} and not _inside(sheet, token, draft):
            if sheet.region[token] >= 0:
                continue
            for noun in sheet.kids[token]:
                if sheet.dep[noun] != "pobj" or _inside(sheet, noun, draft):
                    continue
                if sheet.lower[noun] in _MEDIA or any(sheet.lower[k] in _MEDIA for k in sheet.kids[noun]):
                    last = noun
                    for kid in sheet.kids[noun]:
                        of = sheet.dep[kid] == "prep" and sheet.lower[kid] in {"with", "to"}
                        if (
                            kid > noun
                            and of
                            and not _inside(sheet, kid, draft)
                            and not any(find_dates(sheet.text, sheet.start[kid], sheet.end[sheet.right[kid]]))
                        ):
                            last = min(sheet.right[kid], high)
                    text = sheet.text[sheet.start[token] : sheet.end[last]]
                    return text if len(text) < 80 else sheet.text[sheet.start[token] : sheet.end[noun]]
    return None


def date_mention(sheet: Sheet, draft: Draft) -> str | None:
    """The words that say when, in the cue's sentence and outside what was said."""
    if draft.cue is None:
        return None
    low, high = stretch_range(sheet, draft.cue)
    for found in find_dates(sheet.text, sheet.start[low], sheet.end[high]):
        if not any(a <= found.start < b for a, b in draft.segments) and sheet.region[sheet.at(found.start)] < 0:
            return sheet.text[found.start : found.end]
    return None


def _inside(sheet: Sheet, token: int, draft: Draft) -> bool:
    return any(a <= sheet.start[token] < b for a, b in draft.segments)


def _noun(sheet: Sheet, head: int, draft: Draft) -> str:
    first = last = head
    for kid in sheet.kids[head]:
        if kid < head and sheet.tag[kid] != "_SP":
            first = min(first, sheet.left[kid])
        elif sheet.dep[kid] == "prep" and sheet.lower[kid] == "of" and not _inside(sheet, sheet.right[kid], draft):
            last = max(last, sheet.right[kid])
    return sheet.text[sheet.start[first] : sheet.end[last]]
