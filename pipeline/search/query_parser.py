"""Parses the words that somebody typed into a tree of terms; they are never Elasticsearch's own query language.

| typed | what it means |
| --- | --- |
| `harbour bridge` | both words |
| `"two winters"` | the words next to each other |
| `"two winters"~5` | the words near each other, in any order, with at most five others between them |
| `tax NEAR climate`, `tax NEAR/5 climate` | the same; without a number, ten |
| `tax OR levy`, `tax | levy` | one of both; it binds the two beside it |
| `-ferry`, `NOT ferry` | leaves out |
| `(tax OR levy) -fuel` | brackets hold together |
| `negotiat*` | every word that begins so |
| `zelensky~`, `zelensky~2` | words that differ in one letter, or two |

The operators are capitals. Everything else is plain text: no field name, regular expression or leading wildcard reaches
the cluster. A word of several terms, such as `step-by-step`, is a phrase.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline import terms
from pipeline.errors import InputError

MAX_CHARACTERS = 300
"""The most characters of a search."""

MAX_TERMS = 16
"""The most words and phrases of a search; each is a clause on every searched field."""

MAX_PHRASE_WORDS = 32
"""The most words of a phrase: positions cost more than words."""

MAX_DEPTH = 8
"""The most brackets within brackets."""

MIN_PREFIX = 3
"""The fewest letters before a star; fewer would match half the dictionary."""

MIN_FUZZY = 4
"""The fewest letters of a word that may be spelled in another way."""

NEAR = 10
"""How many other words may stand between two that are NEAR each other, where no number is given."""

MAX_NEAR = 50

_MARKS = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))
_TOKEN = re.compile(
    r'(?P<phrase>"[^"]*(?:"(?:~(?P<slop>\d{1,3})(?!\S))?|$))|(?P<bracket>[()])|(?P<minus>-+(?=[^\s)-]))|(?P<word>[^\s"()]+)'
)
_NEAR = re.compile(r"NEAR(?:/(\d{1,3}))?")
_FUZZY = re.compile(r"(?P<word>.+?)~(?P<edits>[12])?")
_OR = frozenset({"OR", "|", "||"})


@dataclass(frozen=True)
class Term:
    """One word or phrase of a search: as it was typed, and the terms that searches compare."""

    text: str
    terms: tuple[str, ...]
    phrase: bool = False
    prefix: bool = False
    """The last term may go on."""
    near: int | None = None
    """The most other words between the terms, which may come in any order; None: they are next to each other."""
    fuzzy: int = 0
    """How many letters may differ."""


@dataclass(frozen=True)
class All:
    """Every part must be there."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class AnyOf:
    """One of the parts must be there."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Without:
    """The part must not be there."""

    part: "Node"


Node = Term | All | AnyOf | Without


def parse(words: str) -> Node | None:
    """The tree of a search; None where nothing is typed.

    Raises:
        InputError: the text is too long, has too many terms, an operator without its words, a bracket without its
            other, or no word at all. The sentence says which.
    """
    if len(words) > MAX_CHARACTERS:
        raise InputError(f"Search for at most {MAX_CHARACTERS} characters; these are {len(words)}.")
    found = _Parser(words.translate(_MARKS)).whole()
    count = sum(1 for _ in all_terms(found))
    if count > MAX_TERMS:
        raise InputError(f"Search for at most {MAX_TERMS} words and phrases; these are {count}.")
    if words.strip() and not count:
        raise InputError("There is no word in this search; write letters or digits.")
    return found


def all_terms(node: Node | None, *, wanted_only: bool = False) -> Iterator[Term]:
    """The terms of a tree, in the order they were typed; `wanted_only`: without those that are left out."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Without):
        if not wanted_only:
            yield from all_terms(node.part)
    elif node is not None:
        for part in node.parts:
            yield from all_terms(part, wanted_only=wanted_only)


class _Parser:
    """Reads the tokens once, from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_TOKEN.finditer(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Node | None:
        found = self._sequence()
        if self._peek() == ")":
            raise InputError("A bracket is closed that was not opened; take ) away, or put ( before.")
        return found

    def _peek(self) -> str:
        return self._tokens[self._at].group() if self._at < len(self._tokens) else ""

    def _sequence(self) -> Node | None:
        """All that stands up to a closing bracket or the end."""
        parts: list[Node] = []
        while self._at < len(self._tokens) and self._peek() != ")":
            if self._peek() == "AND":  # all words are wanted anyway
                self._at += 1
                continue
            if (part := self._alternatives()) is not None:
                parts.append(part)
        parts = list(dict.fromkeys(parts))
        return parts[0] if len(parts) == 1 else All(tuple(parts)) if parts else None

    def _alternatives(self) -> Node | None:
        """A part, or several with OR between."""
        if self._peek() in _OR:
            raise InputError("OR stands between two words; before this one there is none.")
        parts = [self._part()]
        while self._peek() in _OR:
            self._at += 1
            if self._peek() in ("", ")", *_OR):
                raise InputError("OR stands between two words; behind this one there is none.")
            parts.append(self._part())
        known = tuple(dict.fromkeys(part for part in parts if part is not None))
        return known[0] if len(known) == 1 else AnyOf(known) if known else None

    def _part(self) -> Node | None:
        """A term, terms near each other, a bracket, or one of these left out."""
        token = self._tokens[self._at]
        if token["minus"] or token.group() == "NOT":
            self._at += 1
            if self._peek() in ("", ")", *_OR):
                raise InputError("NOT stands before what is left out; behind this one there is nothing.")
            part = self._guarded(self._part)
            return part.part if isinstance(part, Without) else Without(part) if part is not None else None
        if token.group() == "(":
            return self._bracket()
        if _NEAR.fullmatch(token.group()):
            raise InputError("NEAR stands between two words; before this one there is none.")
        return self._near()

    def _bracket(self) -> Node | None:
        self._at += 1
        inner = self._guarded(self._sequence)
        if self._peek() != ")":
            raise InputError("A bracket is opened and not closed; put ) behind what it holds.")
        self._at += 1
        return inner

    def _guarded(self, read: Callable[[], Node | None]) -> Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InputError(f"Brackets may stand in one another {MAX_DEPTH} times at the most.")
        found = read()
        self._depth -= 1
        return found

    def _near(self) -> Node | None:
        """A term; where NEAR follows, with those beside it."""
        first = self._term()
        joined, distance = [first], 0
        while match := _NEAR.fullmatch(self._peek()):
            self._at += 1
            token = self._tokens[self._at] if self._at < len(self._tokens) else None
            if token is None or not (token["phrase"] or token["word"]) or token.group() in _OR:
                raise InputError("NEAR stands between two words; behind this one there is none.")
            joined.append(self._term())
            distance = max(distance, min(int(match[1] or NEAR), MAX_NEAR))
        if len(joined) == 1:
            return first
        known = [part for part in joined if part is not None]
        together = tuple(term for part in known for term in part.terms)
        if len(together) > MAX_PHRASE_WORDS:
            raise InputError(f"At most {MAX_PHRASE_WORDS} words may be near each other.")
        if len(together) < 2:
            return known[0] if known else None
        return Term(" ".join(part.text for part in known), together, phrase=True, near=distance)

    def _term(self) -> Term | None:
        token = self._tokens[self._at]
        self._at += 1
        if token["phrase"] is not None:
            return _phrase(token["phrase"], token["slop"])
        return _word(token.group())


def _phrase(quoted: str, slop: str | None) -> Term | None:
    text = " ".join(quoted.removesuffix(f"~{slop}").strip('"').split())
    folded = terms.fold(text)
    if len(folded) > MAX_PHRASE_WORDS:
        raise InputError(f"A phrase may have at most {MAX_PHRASE_WORDS} words.")
    near = min(int(slop), MAX_NEAR) if slop and len(folded) > 1 else None
    return Term(text, folded, phrase=True, near=near) if folded else None


def _word(text: str) -> Term | None:
    fuzzy = 0
    if match := _FUZZY.fullmatch(text):
        text, fuzzy = match["word"], int(match["edits"] or 1)
    prefix = text.endswith("*") and sum(map(str.isalnum, text)) >= MIN_PREFIX
    text = text.strip("*")
    folded = terms.fold(text)
    if not folded:
        return None
    if len(folded) > MAX_PHRASE_WORDS:
        raise InputError(f"A word may have at most {MAX_PHRASE_WORDS} parts.")
    alone = len(folded) == 1 and len(folded[0]) >= MIN_FUZZY and not prefix
    return Term(text, folded, phrase=len(folded) > 1, prefix=prefix, fuzzy=fuzzy if alone else 0)
