"""The words of docs/glossary.md are used, and words that say nothing to a newcomer do not come back."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GLOSSARY = ROOT / "docs" / "glossary.md"
TERM = re.compile(r"^\| \*\*(.+?)\*\* \| (.+) \|$", re.MULTILINE)
TERMS = TERM.findall(GLOSSARY.read_text(encoding="utf-8"))
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

PLAIN = {
    r"sheets?": "token table",
    r"nobody (?:fore|had fore)(?:saw|seen)": "unexpected",
    r"unforeseen": "unexpected",
    r"dice": "rng",
    r"signs? of an? (?:end|candidate|quote)": "feature",
    r"temper": "behaviour",
}
"""Private words, as patterns, each with the plain one."""


@cache
def prose() -> dict[str, str]:
    """By file its text: documents whole, and the docstrings of the code."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")]
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in documents}
    for package in ("pipeline", "connectors", "examples"):
        for path in (ROOT / package).rglob("*.py"):
            nodes = [
                node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, DOCUMENTED)
            ]
            texts[str(path.relative_to(ROOT))] = "\n".join(ast.get_docstring(node) or "" for node in nodes)
    return texts


def test_there_are_terms_each_with_a_definition() -> None:
    assert len(TERMS) > 40
    assert not [term for term, meaning in TERMS if len(meaning) < 15]


def test_each_term_is_defined_once_in_order() -> None:
    terms = [term for term, _ in TERMS]
    assert len(set(terms)) == len(terms)
    for section in GLOSSARY.read_text(encoding="utf-8").split("\n## ")[1:]:
        in_section = [term for term, _ in TERM.findall(section)]
        assert in_section == sorted(in_section)


@pytest.mark.parametrize("term", [term for term, _ in TERMS])
def test_each_term_is_used(term: str) -> None:
    word = re.compile(rf"\b{term.removesuffix('ing')}", re.IGNORECASE)
    users = [file for file, text in prose().items() if file != "docs/glossary.md" and word.search(text)]
    assert users


@pytest.mark.parametrize("pattern", PLAIN)
def test_no_private_word_comes_back(pattern: str) -> None:
    word = re.compile(rf"\b{pattern}\b", re.IGNORECASE)
    assert not [file for file, text in prose().items() if word.search(text)], f"write: {PLAIN[pattern]}"


def test_pages_link_to_the_glossary() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
        assert "glossary.md" in prose()[page]
