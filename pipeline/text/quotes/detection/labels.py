"""Judges labels before a colon by their tokens: whether they name a person, a body or a role."""

from pipeline.text.names.labels import Label
from pipeline.text.names.person_name import FEMALE_TITLES, HONOURS, MALE_TITLES, REGAL, gender_of, is_title, key
from pipeline.text.quotes.lexicon.nouns import COMPANIES, INSTITUTIONS, KIN, ROLES
from pipeline.text.quotes.tokens import TokenTable

_OF_PEOPLE = FEMALE_TITLES | MALE_TITLES | frozenset({"cllr", "dr", "lord", "prof", "professor", "rev"})
_PARTS = frozenset({"caller", "interviewer", "moderator", "presenter"})
_NAMED = frozenset({"PERSON", "ORG", "GPE", "NORP"})


def name_tokens(table: TokenTable, label: Label) -> tuple[int, int]:
    """The first and last token of a label's name, without the titles and roles before it."""
    return token_range(table, label.start, label.name_end)


def token_range(table: TokenTable, start: int, end: int) -> tuple[int, int]:
    """The first and last token of a name that stands at `start:end`, without the titles and roles before it."""
    tokens = table.tokens_between(start, end) or (table.token_at(start),)  # the one that it stands within
    first, last = tokens[0], tokens[-1]
    if first < last and table.lower[first] == "the":
        first += 1
    while last > first + 1 and key(table.lower[last]) in HONOURS:
        last -= 1  # Ann Lee MP
    bare = first
    while bare < last and key(table.lower[bare]) not in REGAL and _is_before_name(table.lower[bare]):
        bare += 2 if table.lower[bare + 1] == "." and bare + 1 < last else 1  # GOV. ANN LEE may be three tokens
    return (first if _is_before_name(table.lower[last]) else bare), last


def _is_before_name(word: str) -> bool:
    return is_title(word) or word in ROLES or word in KIN


def is_person(table: TokenTable, label: Label) -> bool:
    """Whether a label's name is a person's."""
    first, last = name_tokens(table, label)
    return is_titled(table, label) or table.entity[last] == "PERSON" or gender_of(table.lower[first]) is not None


def is_somebody(table: TokenTable, label: Label) -> bool:
    """Whether a label's name is a person's or a role."""
    _, last = name_tokens(table, label)
    return _is_part(table.lower[last]) or is_person(table, label)


def _is_part(word: str) -> bool:
    """Whether a word is a role, or a part in a conversation."""
    return word in _PARTS or word in ROLES or word.removesuffix("s") in ROLES


def is_titled(table: TokenTable, label: Label) -> bool:
    """Whether a title that only people have goes before the label's name: Mr Lee, Sir Bo, Dr Ann Lee."""
    opening, (bare, last) = table.token_at(label.start), name_tokens(table, label)
    return opening < bare and key(table.lower[opening]) in _OF_PEOPLE and not _is_before_name(table.lower[last])


def is_speaker(table: TokenTable, label: Label) -> bool:
    """Whether a label's name is a person's or a body's, or a role."""
    _, last = name_tokens(table, label)
    word = table.lower[last]
    if _is_part(word) or word in INSTITUTIONS or word in COMPANIES:
        return True
    return table.entity[last] in _NAMED or is_person(table, label)
