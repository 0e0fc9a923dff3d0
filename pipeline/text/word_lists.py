"""Reads the lists of words that stand in data files beside the code."""

import re
from functools import cache
from importlib.resources import files

_SECTION = re.compile(r"\[([^\]]+)\]")


@cache
def read_words(package: str, name: str) -> dict[str, frozenset[str]]:
    """The sets of words in a file, by section.

    A line like `[kin]  # relations` begins a section; the words below it are parted by blanks. Lines that begin with
    "# " are comments.

    Args:
        package: the package that the file belongs to.
        name: the file's name.
    """
    sections: dict[str, set[str]] = {}
    words: set[str] = set()
    for line in (files(package) / name).read_text(encoding="utf-8").splitlines():
        if header := _SECTION.match(line):
            words = sections.setdefault(header[1], set())
        elif not line.startswith("# "):
            words.update(line.split())
    return {section: frozenset(words) for section, words in sections.items()}


def read_rows(package: str, name: str) -> list[list[str]]:
    """The rows of a file of tab-separated values, without comments and the header."""
    lines = (files(package) / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("# ")][1:]
