"""What a response says about how long it stays fresh."""

import re
from collections.abc import Mapping

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def max_age(headers: Mapping[str, str]) -> float | None:
    """Seconds that Cache-Control gives, without the time it already lay in a cache; None where it gives none."""
    control = headers.get("cache-control", "")
    if "no-cache" in control.lower() or "no-store" in control.lower():
        return None
    match = _MAX_AGE.search(control)
    if match is None:
        return None
    age = headers.get("age", "")
    seconds = int(match.group(1)) - (int(age[:9]) if age.isascii() and age.isdigit() else 0)
    return float(seconds) if seconds > 0 else None
