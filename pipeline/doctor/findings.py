"""Defines what the doctor says: one finding for each thing that it looked at."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    FINE = "fine"
    WARNING = "warning"
    """It works, and somebody should know or will be sorry later."""
    FAULT = "fault"
    """Something does not work, or loses what it should keep."""


@dataclass(frozen=True)
class Finding:
    """What was found at one place.

    Attributes:
        about: what was looked at: `kafka`, `topics`, `model` …
        level: how bad it is.
        sentence: what is so.
        remedy: what to do about it; empty where there is nothing to do.
    """

    about: str
    level: Level
    sentence: str
    remedy: str = ""


def fine(about: str, sentence: str) -> Finding:
    """Nothing is wrong here."""
    return Finding(about, Level.FINE, sentence)


def warning(about: str, sentence: str, remedy: str) -> Finding:
    """It works, but."""
    return Finding(about, Level.WARNING, sentence, remedy)


def fault(about: str, sentence: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(about, Level.FAULT, sentence, remedy)
