"""Prepares what the templates need to show a quote."""

from collections.abc import Mapping
from typing import Any

from pipeline.search import citation, links, text_runs

PARTS: Mapping[str, Any] = {
    "words": text_runs.words,
    "highlighted": text_runs.highlighted,
    "cite": citation.sentence,
    "speaker_url": links.speaker,
    "quote_url": links.quoted,
}
