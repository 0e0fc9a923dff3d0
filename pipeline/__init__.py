"""WhoSaid reads the world's news and keeps who said what, to whom, when and where.

The names in `__all__` are the public Python API; docs/python.md shows how they are used. Each is imported when it is
first asked for, so that `import pipeline` takes a millisecond and a text can be analysed without Kafka's client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.errors import (
        InputError,
        NotFoundError,
        SettingsError,
        SourceError,
        TakenDownError,
        UnavailableError,
        WhoSaidError,
    )
    from pipeline.models import Article, Cue, DeadLetter, Enriched, Entity, Quote, QuoteType, Source, Speaker
    from pipeline.search.client import Client
    from pipeline.search.parameters import QuoteQuery
    from pipeline.search.reader import Reader
    from pipeline.search.results import ArticleView, Facets, QuoteHit, QuotePage
    from pipeline.settings import Settings
    from pipeline.settings import load as load_settings
    from pipeline.text.analyser import Analyser, Analysis, AnalysisError, Document

    __version__: str

__all__ = [
    "Analyser",
    "Analysis",
    "AnalysisError",
    "Article",
    "ArticleView",
    "Client",
    "Cue",
    "DeadLetter",
    "Document",
    "Enriched",
    "Entity",
    "Facets",
    "InputError",
    "NotFoundError",
    "Quote",
    "QuoteHit",
    "QuotePage",
    "QuoteQuery",
    "QuoteType",
    "Reader",
    "Settings",
    "SettingsError",
    "Source",
    "SourceError",
    "Speaker",
    "TakenDownError",
    "UnavailableError",
    "WhoSaidError",
    "__version__",
    "load_settings",
]

_MODULES = {
    "errors": (
        "InputError NotFoundError SettingsError SourceError TakenDownError UnavailableError WhoSaidError"
    ).split(),
    "models": "Article Cue DeadLetter Enriched Entity Quote QuoteType Source Speaker".split(),
    "search.client": ["Client"],
    "search.parameters": ["QuoteQuery"],
    "search.reader": ["Reader"],
    "search.results": "ArticleView Facets QuoteHit QuotePage".split(),
    "settings": ["Settings"],
    "text.analyser": "Analyser Analysis AnalysisError Document".split(),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

if not TYPE_CHECKING:  # mypy would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            value = import_module("importlib.metadata").version("whosaid")
        elif name == "load_settings":
            value = import_module("pipeline.settings").load
        elif name in _MODULE_OF:
            value = getattr(import_module(f"pipeline.{_MODULE_OF[name]}"), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
