"""Errors that should not be: each costs the one record that it came of, and never the file, feed or topic around it."""

import logging

_log = logging.getLogger(__name__)


def sentence(where: str, error: Exception) -> str:
    """What is said of a record at whose reading something unexpected went wrong; its trace goes to the log.

    The error's own words stay in the log: who sent the record may not be meant to read them.
    """
    _log.error("%s cannot be read", where, exc_info=error)
    return f"{where}: cannot be read: unexpected error ({type(error).__name__}); the log has its trace."
