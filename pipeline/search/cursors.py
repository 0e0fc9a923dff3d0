"""Makes the cursor of a search's next page, and reads it."""

import base64
import json
from collections.abc import Callable
from typing import Any

from pipeline.errors import InputError
from pipeline.search.parameters import Sort

_LARGEST_SCORE = 3.4e38  # of 32 bits
_LONGEST_ID = 512


def encode(order: Sort, values: list[Any]) -> str:
    """The cursor of the next page: the order, and the sort values of the last hit."""
    return base64.urlsafe_b64encode(json.dumps([order, *values]).encode()).decode().rstrip("=")


def decode(cursor: str, order: Sort, rest: list[Callable[[object], bool]]) -> list[Any]:
    """The sort values in a cursor. Their types are checked, as Elasticsearch fails on others."""
    try:
        named, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        named, values = None, []
    kinds = [*_KINDS[order], *rest]
    if named != order or len(values) != len(kinds) or not all(fits(v) for fits, v in zip(kinds, values, strict=True)):
        raise InputError(
            "This cursor does not belong to this search; take `next` of the page before and keep the rest as it was."
        )
    return list(values)


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_time(value: object) -> bool:
    return _is_whole(value, -(2**63), 2**63 - 1)


def is_offset(value: object) -> bool:
    """Whether it is a place in a text."""
    return _is_whole(value, 0, 2**31 - 1)


def _is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST_SCORE


def is_id(value: object) -> bool:
    """Whether it may be the id of a quote or an article."""
    if not isinstance(value, str):
        return False
    try:
        return len(value.encode()) <= _LONGEST_ID
    except UnicodeEncodeError:  # half a character
        return False


_KINDS: dict[Sort, list[Callable[[object], bool]]] = {
    "newest": [_is_time],
    "oldest": [_is_time],
    "relevance": [_is_score, _is_time],
}
