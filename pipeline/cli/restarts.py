"""How often and how soon what died is started again."""

BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each restart of something that dies again and again; after the last one it is given up."""

STEADY = 60.0
"""Seconds after which something that died counts as having worked: its deaths before that are forgotten."""


class Restarts:
    """Counts the deaths in a row of one part or engine."""

    def __init__(self) -> None:
        self.deaths = 0

    def died(self, lived: float) -> float | None:
        """Notes a death after `lived` seconds; the seconds to wait before the restart, None to give up."""
        self.deaths = 1 if lived > STEADY else self.deaths + 1
        return BACKOFF[self.deaths - 1] if self.deaths <= len(BACKOFF) else None
