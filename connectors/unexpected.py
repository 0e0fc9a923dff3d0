"""Errors that should not be: each costs the one record that it came of, and never the file, feed or topic around it."""

import logging

_log = logging.getLogger(__name__)
_LONGEST = 300


def sentence(where: str, error: Exception) -> str:
    """What is said of a record at whose reading something unexpected went wrong; its trace goes to the log."""
    said = " ".join(str(error).split())[:_LONGEST].rstrip(". ")
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    _log.error("%s cannot be read", where, exc_info=error)
    return f"{where}: cannot be read: unexpected error ({what})."
