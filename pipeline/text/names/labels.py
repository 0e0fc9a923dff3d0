"""Reads labels before a colon: who speaks in a transcript or an interview. Some labels name nobody.

A label is a name with what may be told of it: an office, an age, a party, a word on how it is heard.
"""

import re
from dataclasses import dataclass

from pipeline.text.quotes.lexicon.grammar import LABELS
from pipeline.text.quotes.lexicon.nouns import ROLES

__all__ = ["Label", "label_at", "names_nobody"]

_LABEL = re.compile(
    r"""(?P<name>(?:The[ ])?[A-ZÀ-Þ][\w.'’&-]*(?:[ ](?:[A-ZÀ-Þ][\w.'’&-]*|of|the|de|la|van|von|al|bin)){0,6})
        (?P<told>,[ ][^:;“”"()\[\]\n]{1,90}?)?
        (?P<heard>[ ]?(?:\([^()\n]{1,60}\)|\[[^\[\]\n]{1,60}\]))?
        [ ]?:(?=\s|$)""",
    re.VERBOSE,
)
_QUESTION_OR_ANSWER = re.compile(r"(?P<name>Q|A|Question|Answer)(?P<told>)(?P<heard>)[.:](?=\s)")


@dataclass(frozen=True, slots=True)
class Label:
    """A label: offsets of its name and of what follows its colon; whether it is in capitals, and tells more."""

    name: str
    start: int
    name_end: int
    end: int
    capitals: bool
    tells_more: bool


def label_at(text: str, start: int, end: int) -> Label | None:
    """The label that a line begins with; None where there is none, or where it names nobody."""
    match = _QUESTION_OR_ANSWER.match(text, start, end) or _LABEL.match(text, start, end)
    if match is None or (match.re is _LABEL and names_nobody(match["name"])):
        return None
    tells_more = bool(match["told"] or match["heard"])
    return Label(match["name"], start, match.end("name"), match.end(), match["name"].isupper(), tells_more)


def names_nobody(label: str) -> bool:
    """Whether a label says what follows and not who says it: Source, FILE PHOTO, Correction, Tickets."""
    words = [word.strip(".,:()[]'’").lower() for word in label.replace("’", "'").split()]
    words = [word.removesuffix("'s") for word in words if word]
    if not words or (len(words) > 1 and words[-1] in ROLES):
        return False
    return words[0] in LABELS or words[-1] in LABELS
