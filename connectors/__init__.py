"""Connectors read news sources and publish their articles.

The names in `__all__` are the public Python API; docs/python.md shows how articles are published, docs/connectors.md
how a connector is written. Each name is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.base import Connector, Context, Cursor, PollHints, SourceConfig, Step
    from connectors.one_shot import ingest
    from connectors.parsing.article_factory import make_article, source_of
    from connectors.publisher import ArticlePublisher

__all__ = [
    "ArticlePublisher",
    "Connector",
    "Context",
    "Cursor",
    "PollHints",
    "SourceConfig",
    "Step",
    "ingest",
    "make_article",
    "source_of",
]

_MODULES = {
    "base": "Connector Context Cursor PollHints SourceConfig Step".split(),
    "one_shot": ["ingest"],
    "parsing.article_factory": ["make_article", "source_of"],
    "publisher": ["ArticlePublisher"],
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

if not TYPE_CHECKING:  # mypy would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"connectors.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
