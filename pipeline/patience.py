"""Says whether a person waits for Kafka: then nothing waits for long.

Commands import it without loading Kafka's client.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

tell: ContextVar[Callable[[str], None] | None] = ContextVar("tell", default=None)
"""Who is told when Kafka does not answer soon; None where nobody waits for it."""


@contextmanager
def impatient(teller: Callable[[str], None]) -> Iterator[None]:
    """Gives up on Kafka within seconds inside the block, as a person waits; the parts wait longer.

    `teller` is given a sentence when that takes more than a moment.
    """
    before = tell.set(teller)
    try:
        yield
    finally:
        tell.reset(before)


@contextmanager
def patient() -> Iterator[None]:
    """Waits for Kafka as long as the settings say inside the block, as a part does."""
    before = tell.set(None)
    try:
        yield
    finally:
        tell.reset(before)
