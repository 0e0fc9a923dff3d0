"""Runs the stages that `benchmarks/bench.py` measures: each does the same articles, and tells what its processes took.

A stage keeps its processes from turn to turn, so that no start is in what it tells. Engines are its own.
"""

from benchmarks.stages.extraction import Bare, Extraction, article_file, extract_once
from benchmarks.stages.processes import Engines, free_ports
from benchmarks.stages.round_trip import RoundTrip
from benchmarks.stages.stage import COMPILERS, ArticleStage, EventStage, Set
from benchmarks.stages.whole_way import Whole, page_after_start
from benchmarks.stages.writing import RawBulk, Sink, clones

__all__ = ["COMPILERS", "ArticleStage", "Bare", "Engines", "EventStage", "Extraction", "RawBulk", "RoundTrip", "Set",
           "Sink", "Whole", "article_file", "clones", "extract_once", "free_ports", "page_after_start"]  # fmt: skip
