"""Reads a source's options; an unknown option or a bad value raises InputError, which names the source."""

import difflib
import re
from collections.abc import Mapping
from datetime import datetime

from connectors.base import SourceConfig
from connectors.parsing import dates
from pipeline.errors import InputError

_LARGEST = 1e9  # thirty years in seconds; much larger numbers leave the calendar


def check(config: SourceConfig, known: Mapping[str, str]) -> None:
    """Raises InputError where the source has an option that its kind does not know."""
    for name in config.options:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"kind {config.kind} knows: {', '.join(sorted(known))}."
            raise InputError(f"Source {config.id} has the option {name!r}, which is none; {hint}")


def number(config: SourceConfig, name: str, default: float, *, least: float = 0.0) -> float:
    """The option as a number; the default where it is not set."""
    value = config.options.get(name)
    if value is None:
        return default
    try:
        given = float(value)
    except (ValueError, TypeError, OverflowError):
        given = float("nan")
    if not least <= given <= _LARGEST:
        raise InputError(
            f"Source {config.id}: {name} is {value!r}; it must be a number from {least:g} to {_LARGEST:g}."
        )
    return given


def pattern(config: SourceConfig, name: str) -> re.Pattern[str]:
    """The option as a regular expression; where it is not set, one that matches everything."""
    value = config.options.get(name)
    try:
        return re.compile(str(value or ""))
    except re.error as error:
        raise InputError(f"Source {config.id}: {name} is {value!r}, which is no pattern: {error}.") from None


def moment(config: SourceConfig, name: str) -> datetime | None:
    """The option as a time; None where it is not set."""
    value = config.options.get(name)
    if value is None:
        return None
    parsed = dates.parse(value if isinstance(value, datetime | str) else str(value))
    if parsed is None:
        raise InputError(
            f"Source {config.id}: {name} is {value!r}; the date cannot be read: write it as 2025-03-12 or "
            "2025-03-12T14:05:00Z."
        )
    return parsed


def mapping(config: SourceConfig, name: str = "mapping") -> dict[str, str] | None:
    """The option as a mapping of field names; None where it is not set."""
    value = config.options.get(name)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InputError(f"Source {config.id}: {name} is not an object of field names.")
    return {str(key): str(path) for key, path in value.items()} or None


def flag(config: SourceConfig, name: str) -> bool:
    """The option as true or false; false where it is not set."""
    value = config.options.get(name, False)
    if not isinstance(value, bool):
        raise InputError(f"Source {config.id}: {name} is {value!r}; it must be true or false.")
    return value
