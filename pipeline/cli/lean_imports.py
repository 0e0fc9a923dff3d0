"""Loads Elasticsearch's client without pyarrow."""

import importlib
import sys


def load_elasticsearch() -> None:
    """Loads the client as if pyarrow were not installed, so that each part takes some 50 MB less.

    The client imports pyarrow where it can, for a format that WhoSaid does not ask for. Whoever imports pyarrow
    later, as an export does, gets it.
    """
    if "elasticsearch" in sys.modules or "pyarrow" in sys.modules:
        return
    sys.modules["pyarrow"] = None  # type: ignore[assignment]  # the import system's own sign for "not to be had"
    try:
        importlib.import_module("elasticsearch")
    finally:
        del sys.modules["pyarrow"]
