"""Whether an article asserts that something was said, denies it, or only supposes it."""

from pipeline.models import Modality
from pipeline.text.quotes.tokens import Sheet

_NEGATIVE = frozenset({"not", "n't", "n’t", "never"})
_SUPPOSED = frozenset({"would", "could", "might", "may", "should", "can", "must", "will", "'ll", "'d", "shall"})
_CONDITIONS = frozenset({"if", "unless", "whether", "should"})
_TOLD_AFTER_ALL = frozenset("later then eventually subsequently often sometimes always repeatedly also only".split())
"""Beside "would" they tell what was said: "he would later say"."""
_WITHHELD = frozenset(
    """decline declined declines declining refuse refused refuses refusing fail failed fails failing avoid avoided
    avoids avoiding forbear refrain refrained without neglect neglected short""".split()
)
_AHEAD = frozenset(
    """expected likely unlikely plan plans planned planning intend intends intended want wants wanted hope hopes hoped
    hoping due set about going prepare prepares prepared ready willing supposed scheduled poised tempted""".split()
)
_NOBODY = frozenset({"nobody", "none", "neither", "no-one"})
_BELOW = frozenset({"xcomp", "pcomp", "advcl", "ccomp", "prep", "acl", "dep"})


def modality(sheet: Sheet, cue: int | None) -> Modality:
    """What the words around the cue, and those that it hangs on, make of it."""
    if cue is None:
        return Modality.ASSERTED
    kids = sheet.kids[cue]
    words = {sheet.lower[k] for k in kids if sheet.dep[k] in {"neg", "aux", "mark", "advmod"} and k < cue}
    if words & _NEGATIVE or _nobody(sheet, cue) or _withheld(sheet, cue):
        return Modality.NEGATED
    if words & _SUPPOSED and not words & _TOLD_AFTER_ALL:
        return Modality.HYPOTHETICAL
    if words & _CONDITIONS or _ahead(sheet, cue) or _inverted(sheet, cue):
        return Modality.HYPOTHETICAL
    return Modality.ASSERTED


def _nobody(sheet: Sheet, cue: int) -> bool:
    for kid in sheet.kids[cue]:
        if sheet.dep[kid] == "nsubj" and kid < cue:
            first = sheet.left[kid]
            return sheet.lower[kid] in _NOBODY or (
                sheet.lower[first] in _NOBODY | {"no"} and sheet.stretch[first] == sheet.stretch[kid]
            )
    return False


def _governor(sheet: Sheet, cue: int) -> int | None:
    """What an infinitive or a gerund hangs on: the verb of "declined to say", the adjective of "likely to say"."""
    above = sheet.head[cue]
    apart = sheet.lower[cue] == "according" or (sheet.tag[cue] == "VBG" and cue and sheet.lower[cue - 1] == ",")
    bare = not apart and sheet.tag[cue] in {"VB", "VBG"} and not any(sheet.dep[k] == "nsubj" for k in sheet.kids[cue])
    return above if bare and above != cue and sheet.dep[cue] in _BELOW else None


def _withheld(sheet: Sheet, cue: int) -> bool:
    above, steps = _governor(sheet, cue), 0
    while above is not None and steps < 3:
        below = {sheet.lower[k] for k in sheet.kids[above]}
        if sheet.lower[above] in _WITHHELD or (sheet.lower[above] in {"has", "have", "had"} and "yet" in below):
            return True
        if steps == 0 and sheet.tag[above][:2] == "VB" and below & _NEGATIVE and sheet.tag[cue] == "VB":
            return True  # "did not want to say"
        if sheet.tag[above][:2] == "VB" and "short" not in below:
            return False
        if "short" in below:
            return True
        above, steps = sheet.head[above], steps + 1
    return False


def _ahead(sheet: Sheet, cue: int) -> bool:
    above = _governor(sheet, cue)
    if above is None:
        return False
    return sheet.lower[above] in _AHEAD and (sheet.tag[cue] == "VB" or sheet.lower[above] == "about")


def _inverted(sheet: Sheet, cue: int) -> bool:
    """ "Did she say …?", "Had she said …": a helping verb before the subject."""
    kids = sheet.kids[cue]
    subject = next((k for k in kids if sheet.dep[k] == "nsubj" and k < cue), None)
    helper = next((k for k in kids if sheet.dep[k] == "aux"), None)
    return subject is not None and helper is not None and helper < sheet.left[subject]
