"""How long a command waits for Kafka. Apart from `broker`, so that every command can say so without loading Kafka."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

tell: ContextVar[Callable[[str], None] | None] = ContextVar("tell", default=None)
"""Who is told when Kafka does not answer soon; None where nobody waits for it."""


@contextmanager
def impatient(teller: Callable[[str], None]) -> Iterator[None]:
    """Within it a Kafka that does not answer is not waited for as the parts wait: a person does.

    `teller` is given a sentence when that takes more than a moment.
    """
    before = tell.set(teller)
    try:
        yield
    finally:
        tell.reset(before)
