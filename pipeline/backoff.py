"""Waits longer after each failure: twice as long each time, up to a limit, with jitter."""

import random


class Backoff:
    """How long to wait before the next try.

    The jitter (half to all of the time) keeps parts that lost an engine together from coming back together.

    Args:
        initial: seconds before the first retry.
        maximum: seconds between two tries, at the most.
        rng: where the jitter comes from.
        tries: how many have failed already, where that was kept.
    """

    def __init__(self, initial: float, maximum: float, rng: random.Random | None = None, tries: int = 0) -> None:
        self._initial = initial
        self._maximum = maximum
        self._random = rng or random.Random()  # noqa: S311 - not a secret
        self.tries = tries

    def next(self) -> float:
        """Seconds to wait now."""
        # The exponent is bounded: 2.0 ** 1024 is no float, and an engine may be away for weeks.
        delay = min(self._maximum, self._initial * 2.0 ** min(self.tries, 60))
        self.tries += 1
        return delay * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """A try went well: the next wait is short again."""
        self.tries = 0
