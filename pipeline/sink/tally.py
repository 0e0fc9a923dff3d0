"""Counts what became of a sink's events, in metrics and now and then in the log."""

import logging
import time
from collections.abc import Sequence

from pipeline import logs, metrics
from pipeline.models import DeadLetter, Stage
from pipeline.sink.batch_state import WriteOutcome

logger = logging.getLogger(__name__)

_SUMMARY = 30.0  # seconds between two lines in the log while there is work


class Tally:
    """What became of the events so far."""

    def __init__(self) -> None:
        self.total = WriteOutcome()
        """Without the letters."""
        self.refused = 0
        """How many became dead letters."""
        self._said = time.monotonic()

    def __str__(self) -> str:
        total = self.total
        return (
            f"{total.written} articles and {total.quotes} quotes written, {total.stale} older ones passed over, "
            f"{total.taken_down} that are taken down, {self.refused} dead letters"
        )

    def add(self, outcome: WriteOutcome, letters: Sequence[DeadLetter]) -> None:
        """Adds a batch that is done, with all of its dead letters."""
        for letter in letters:
            logger.warning(
                "Dead letter: %s, partition %d, offset %d: %s: %s",
                letter.topic, letter.partition, letter.offset, letter.error, letter.reason,
                extra=logs.about(letter.key),
            )  # fmt: skip
        self.total.written += outcome.written
        self.total.stale += outcome.stale
        self.total.taken_down += outcome.taken_down
        self.total.quotes += outcome.quotes
        self.refused += len(letters)
        for name in ("written", "stale", "taken_down"):
            metrics.INDEXED.labels(outcome=name).inc(getattr(outcome, name))
        metrics.DEAD_LETTERS.labels(stage=Stage.SINK.value).inc(len(letters))
        if time.monotonic() - self._said > _SUMMARY:
            self._said = time.monotonic()
            logger.info("So far: %s", self)
