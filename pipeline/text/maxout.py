"""Takes the largest piece of each unit, as thinc's layers of that name do, where a block holds piece after piece."""

from typing import Any

import numpy as np


def largest_pieces(sums: Any, units: int, out: Any = None) -> Any:
    """The largest piece of each unit, in rows of `units` numbers.

    Args:
        sums: in each row first the first pieces of all units, then their second ones, and so on.
        units: how many there are.
        out: an array to write them into.
    """
    largest = sums[:, :units]
    for first in range(units, sums.shape[1], units):
        largest = np.maximum(largest, sums[:, first : first + units], out=out)
    return largest
