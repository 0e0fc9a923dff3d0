"""How many examples the tests of properties try: a fifth of them, but all where WHOSAIDTEST_THOROUGH is set.

`make test` sets it; `make check` and a test run by hand are done sooner without.
"""

import os

THOROUGH = os.environ.get("WHOSAIDTEST_THOROUGH", "") not in ("", "0")


def examples(number: int) -> int:
    """How many examples to try, of as many in a thorough run."""
    return number if THOROUGH else max(10, number // 5)
