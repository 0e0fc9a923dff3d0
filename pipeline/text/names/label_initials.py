"""Reads initials in place of a name before a colon: Ida Holt: …, then IH: …, as interviews print them.

Initials mean the one person whose name has them, as the article gives it in a label, a byline, a headline or its text.
What the article writes elsewhere too, without a colon, is no such label but a body's name: UN, TUC.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import product

from pipeline.text.names.labels import label_at
from pipeline.text.names.name_index import PERSON, Mention
from pipeline.text.names.person_name import PARTICLES
from pipeline.text.quotes.tokens import TokenTable

_LABEL = re.compile(r"(?P<letters>[A-Z](?:[.-]?[A-Za-z]){1,6}\.?)[ ]?:(?=\s)")
_FEWEST, _MOST = 2, 5  # letters
_PARTS = re.compile(r"[-–]")
_LONGEST = 8  # words of a name


def labels_in_initials(table: TokenTable) -> dict[int, str]:
    """The tokens that are initials before a colon at the beginning of a line, with their letters."""
    found = {}
    for start, end in table.paragraphs:
        match = _LABEL.match(table.text, start, end)
        if match is None:
            continue
        token = table.token_at(start)
        letters = _letters(match["letters"])
        if table.end[token] == match.end("letters") and _FEWEST <= len(letters) <= _MOST:
            found[token] = letters
    meant = Counter(found.values())
    written = Counter(
        letters
        for token in (range(len(table.start)) if found else ())
        if (letters := _letters(table.word(token))) in meant and not _is_bracketed(table, token)
    )
    return {token: letters for token, letters in found.items() if written[letters] == meant[letters]}


def mentions_by_initials(table: TokenTable, mentions: Sequence[Mention]) -> dict[str, Mention]:
    """By initials the mention of the only person, named in full, who has them.

    Labels in full count before all others who are named.
    """
    labels = (label_at(table.text, *bounds) for bounds in table.paragraphs)
    asked = [Mention.of(label.name, PERSON) for label in labels if label is not None and " " in label.name]
    people = [mention for mention in mentions if mention.label == PERSON and len(mention.words) > 1]
    found: dict[str, Mention] = {}
    for among in (people, asked):
        fitting: dict[str, dict[tuple[str, ...], Mention]] = defaultdict(dict)
        for mention in {mention.words: mention for mention in reversed(among)}.values():
            for letters in set(initials_of(mention.text)):
                fitting[letters][mention.words] = mention
        for letters, theirs in fitting.items():
            found.pop(letters, None)
            if len(theirs) == 1:
                found[letters] = next(iter(theirs.values()))
    return found


def initials_of(name: str) -> Iterator[str]:
    """The initials that a person's name may have: with and without particles, middle names, second parts of doubles."""
    words = name.split()
    if not 1 < len(words) <= _LONGEST:
        return
    for middle, particles, doubles in product((True, False), repeat=3):
        kept = [word for word in words if particles or word.casefold() not in PARTICLES]
        if not middle and len(kept) > 2:
            kept = [kept[0], *(w for w in kept[1:-1] if w.casefold() in PARTICLES), kept[-1]]
        parts = [part for word in kept for part in (_PARTS.split(word) if doubles else [word]) if part]
        yield "".join(part[0] for part in parts).upper()


def _letters(word: str) -> str:
    """The letters of initials, in capitals; "" for a word that is none."""
    plain = word.replace(".", "").replace("-", "")
    return plain.upper() if plain.isalpha() and plain[0].isupper() and plain[-1].isupper() else ""


def _is_bracketed(table: TokenTable, token: int) -> bool:
    """Whether initials stand in brackets behind a name: Ida Holt (IH)."""
    return 0 < token < len(table.lower) - 1 and table.lower[token - 1] == "(" and table.lower[token + 1][0] == ")"
