"""Loads Elasticsearch's client without the libraries that it would load and that nobody here asks it for."""

import importlib
import sys

_UNUSED = ("pyarrow", "requests")
"""For a format that WhoSaid does not ask for, and for another way to send requests than the client's own."""

_ASYNCHRONOUS = ("aiohttp", "httpx")
"""For the client that search service and connectors use, and sink and resolver do not."""


def load_elasticsearch(*, asynchronous: bool = False) -> None:
    """Loads the client as if these libraries were not installed, so that each part takes some 55 MB less.

    The client imports each of them where it can. Whoever imports one later, as an export does pyarrow, gets it.
    """
    if "elasticsearch" in sys.modules:
        return
    unused = _UNUSED if asynchronous else (*_UNUSED, *_ASYNCHRONOUS)
    hidden = [name for name in unused if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's own sign for "not to be had"
    try:
        importlib.import_module("elasticsearch")
    finally:
        for name in hidden:
            del sys.modules[name]
