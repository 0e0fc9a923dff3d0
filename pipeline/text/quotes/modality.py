"""Tells whether an article asserts that something was said, denies it, or only supposes it."""

from pipeline.models import Modality
from pipeline.text.quotes.lexicon.grammar import AHEAD, SUPPOSING, TOLD_AFTER_ALL, WITHHOLDING
from pipeline.text.quotes.tokens import TokenTable

_NEGATIVE = frozenset({"not", "n't", "n’t", "never"})
_CONDITIONS = frozenset({"if", "unless", "whether", "should"})
_NOBODY = frozenset({"nobody", "none", "neither", "no-one"})
_BELOW = frozenset({"xcomp", "pcomp", "advcl", "ccomp", "prep", "acl", "dep"})


def modality(table: TokenTable, cue: int | None) -> Modality:
    """How the words around the cue, and those that it hangs on, change what it says."""
    if cue is None:
        return Modality.ASSERTED
    kids = table.children[cue]
    words = {table.lower[k] for k in kids if table.dep[k] in {"neg", "aux", "mark", "advmod"} and k < cue}
    if words & _NEGATIVE or _nobody(table, cue) or _withheld(table, cue):
        return Modality.NEGATED
    if words & SUPPOSING and not words & TOLD_AFTER_ALL:
        return Modality.HYPOTHETICAL
    if words & _CONDITIONS or _ahead(table, cue) or _inverted(table, cue):
        return Modality.HYPOTHETICAL
    return Modality.ASSERTED


def _nobody(table: TokenTable, cue: int) -> bool:
    for kid in table.children[cue]:
        if table.dep[kid] == "nsubj" and kid < cue:
            first = table.left_edge[kid]
            return table.lower[kid] in _NOBODY or (
                table.lower[first] in _NOBODY | {"no"} and table.sentence[first] == table.sentence[kid]
            )
    return False


def _governor(table: TokenTable, cue: int) -> int | None:
    """What an infinitive or a gerund hangs on: the verb of "declined to say", the adjective of "likely to say"."""
    above = table.head[cue]
    apart = table.lower[cue] == "according" or (table.tag[cue] == "VBG" and cue and table.lower[cue - 1] == ",")
    bare = (
        not apart and table.tag[cue] in {"VB", "VBG"} and not any(table.dep[k] == "nsubj" for k in table.children[cue])
    )
    return above if bare and above != cue and table.dep[cue] in _BELOW else None


def _withheld(table: TokenTable, cue: int) -> bool:
    above, steps = _governor(table, cue), 0
    while above is not None and steps < 3:
        below = {table.lower[k] for k in table.children[above]}
        if table.lower[above] in WITHHOLDING or (table.lower[above] in {"has", "have", "had"} and "yet" in below):
            return True
        if steps == 0 and table.tag[above][:2] == "VB" and below & _NEGATIVE and table.tag[cue] == "VB":
            return True  # "did not want to say"
        if table.tag[above][:2] == "VB" and "short" not in below:
            return False
        if "short" in below:
            return True
        above, steps = table.head[above], steps + 1
    return False


def _ahead(table: TokenTable, cue: int) -> bool:
    above = _governor(table, cue)
    if above is None:
        return False
    return table.lower[above] in AHEAD and (table.tag[cue] == "VB" or table.lower[above] == "about")


def _inverted(table: TokenTable, cue: int) -> bool:
    """ "Did she say …?", "Had she said …": a helping verb before the subject."""
    kids = table.children[cue]
    subject = next((k for k in kids if table.dep[k] == "nsubj" and k < cue), None)
    helper = next((k for k in kids if table.dep[k] == "aux"), None)
    return subject is not None and helper is not None and helper < table.left_edge[subject]
