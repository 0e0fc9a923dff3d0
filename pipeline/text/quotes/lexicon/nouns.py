"""Lists nouns that say what a name or a mention is: a role, a kind of organisation, a relation; see `nouns.txt`."""

from pipeline.text.word_lists import read_rows, read_words

_NOUNS = read_words(__package__, "nouns.txt")
KIN = _NOUNS["kin"]
ROLES = _NOUNS["roles"]
COMPANIES = _NOUNS["companies"]
PEOPLE = (ROLES | KIN) - _NOUNS["of bodies"] - COMPANIES - _NOUNS["institutions"]
"""Roles that only a person can have."""

EPITHETS = _NOUNS["epithets"]
MALE_NOUNS, FEMALE_NOUNS = _NOUNS["male"], _NOUNS["female"]
PLACE_WORDS = _NOUNS["places"]
LEGAL_FORMS = _NOUNS["legal forms"]
BUSINESS_NAMES = _NOUNS["business names"] | COMPANIES
INSTITUTIONS = _NOUNS["institutions"]
TALKS = _NOUNS["talks"]
DOCUMENTS = _NOUNS["documents"]
BEARERS = _NOUNS["bearers"]
RECORDINGS = _NOUNS["recordings"]
LINES_OF_BUSINESS = _NOUNS["lines of business"]
HEARINGS = _NOUNS["hearings"]
SAYINGS = _NOUNS["reporting"] | _NOUNS["sayings"]
GROUPS, WRITINGS = _NOUNS["groups"], _NOUNS["writings"]

_LINKS = read_rows(__package__, "noun_links.tsv")
ALSO_CALLED = {noun: frozenset(words.split()) for kind, noun, words in _LINKS if kind == "also called"}
"""Words of names for which a noun stands: "the airline" is the one with Airways in its name."""

_SAME_ROLE = {noun: words for kind, noun, words in _LINKS if kind == "same role"}


_TRADES = ("ologist", "ographer", "atrician", "itician")


def is_role(word: str) -> bool:
    """Whether a word in small letters says what a person can be: a role, or a trade by its ending (volcanologist)."""
    return word in ROLES or word.endswith(_TRADES)


def role(noun: str) -> str:
    """The noun under which a role is kept; "boss" and "executive" are one."""
    return _SAME_ROLE.get(noun, noun)
