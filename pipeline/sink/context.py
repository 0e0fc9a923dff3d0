"""Chooses the text around a quote that its document keeps.

An article may be one paragraph of a megabyte with thousands of quotes. If each quote's document kept the whole
paragraph, the index would grow as quotes x paragraph. So each keeps a window, cut where a sentence or a word ends.
"""

import re

WINDOW = 600
"""The most characters of the paragraph that are kept on each side of a quote."""

_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*\s+")
_SPACE = re.compile(r"\s+")


def window(body: str, quote: tuple[int, int], paragraph: tuple[int, int]) -> tuple[int, int]:
    """Offsets of the context: the quote's paragraph, cut to `WINDOW` characters before the quote and after it.

    An event may contain any offsets; those returned are in order and within the body.
    """
    if (
        0 <= paragraph[0] <= quote[0] <= quote[1] <= paragraph[1] <= len(body)
        and quote[0] - paragraph[0] <= WINDOW
        and paragraph[1] - quote[1] <= WINDOW
    ):
        return paragraph  # nearly all are such, and each is asked for twice
    low = min(max(paragraph[0], 0), len(body))
    high = min(max(paragraph[1], low), len(body))
    start = min(max(quote[0], low), high)
    end = min(max(quote[1], start), high)
    begin = low if start - low <= WINDOW else _begin(body, start - WINDOW)
    finish = high if high - end <= WINDOW else _finish(body, end + WINDOW)
    return begin, finish


def _begin(body: str, at: int) -> int:
    """Where the first sentence after `at` begins; where none begins soon, the first word."""
    for boundary in (_SENTENCE_END, _SPACE):
        if match := boundary.search(body, at, at + WINDOW // 2):
            return match.end()
    return at


def _finish(body: str, at: int) -> int:
    """Where the last sentence before `at` ends; where none ends near it, the last word."""
    for boundary in (_SENTENCE_END, _SPACE):
        matches = boundary.finditer(body, at - WINDOW // 2, at)
        ends = [match.start() + len(match.group().rstrip()) for match in matches]
        if ends:
            return ends[-1]
    return at
