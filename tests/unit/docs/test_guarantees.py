"""docs/guarantees.md says which tests show each promise, as their markers do."""

from pathlib import Path

import pytest

from tests.guarantees import FAULTS, PROMISE, ROOT, PageError, Proof, page, proofs

PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
FILE = Path("tests/unit/test_some.py")
SOME = """# Promises

- <a id="once"></a>**It is there once.**
- <a id="never"></a>**It is never lost** (as far as we know).

Some prose.
"""


def test_the_page_is_current() -> None:
    assert page(PAGE, proofs()) == PAGE, "run `make guarantees`"


def test_there_are_promises_that_can_be_read_at_a_glance() -> None:
    promises = [line for line in PAGE.splitlines() if PROMISE.fullmatch(line)]
    assert len(promises) > 50
    assert not [line for line in promises if len(line.partition("</a>")[2]) > 160]


def test_proofs_stand_below_their_promises_and_links_at_the_foot() -> None:
    other = Path("tests/integration/test_some.py")
    written = page(
        SOME, [Proof("never", FILE, "test_a"), Proof("once", other, "test_b"), Proof("once", FAULTS, "x", True)]
    )
    assert written.splitlines()[2:] == [
        '- <a id="once"></a>**It is there once.**',
        "  - [integration_some] `test_b`",
        "  - [scenarios] `x` (long)",
        '- <a id="never"></a>**It is never lost** (as far as we know).',
        "  - [unit_some] `test_a`",
        "",
        "Some prose.",
        "",
        "[integration_some]: ../tests/integration/test_some.py",
        "[scenarios]: ../tests/faults/test_scenarios.py",
        "[unit_some]: ../tests/unit/test_some.py",
    ]
    assert page(written, [Proof("never", FILE, "test_a"), Proof("once", FILE, "test_b")]).count("test_some") == 1


@pytest.mark.parametrize(
    ("text", "guarantees", "problem"),
    [
        (SOME, ["once"], "No test has the marker of the promise 'never'"),
        (SOME, ["once", "never", "other"], "marker 'other', which is no promise"),
        (SOME.replace('id="never"', 'id="once"'), ["once"], "Two promises have the id 'once'"),
        (SOME.replace('<a id="never"></a>', ""), ["once"], "this line does not: - \\*\\*It is never"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, guarantees: list[str], problem: str) -> None:
    with pytest.raises(PageError, match=problem):
        page(text, [Proof(guarantee, FILE, "test_a") for guarantee in guarantees])
