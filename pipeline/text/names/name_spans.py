"""Finds where an article's names stand, and whether each is a person's, a body's or a place's.

The recogniser's labels are a start. A known first name, a title or an age beside a name, a "who" behind it and its own
words say more; where they disagree, they win. Names that the recogniser missed are found by their capitals.
"""

import re
from typing import NamedTuple

from pipeline.text.names.forms import surface
from pipeline.text.names.name_index import GPE, NORP, ORG, PERSON, UNKNOWN
from pipeline.text.names.person_name import PARTICLES, gender_of, is_title, key
from pipeline.text.quotes.lexicon.grammar import BEFORE_PLACES, NAME_BREAKS, PROPER
from pipeline.text.quotes.lexicon.nouns import (
    BUSINESS_NAMES,
    COMPANIES,
    INSTITUTIONS,
    LEGAL_FORMS,
    LINES_OF_BUSINESS,
    PEOPLE,
    PLACE_WORDS,
    ROLES,
    is_role,
)
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import TokenTable
from pipeline.text.word_lists import read_rows

NameSpan = tuple[int, int, str]
"""First and last token of a name, with PERSON, ORG, GPE or NORP; "?" may be a surname."""

_KEPT = frozenset({PERSON, ORG, GPE, NORP})
_TAKEN = _KEPT | {"LOC", "FAC", "PRODUCT", "WORK_OF_ART", "EVENT", "LAW"}
_MISTAKEN = frozenset({"NN", "NNS", "JJ", "FW", "VB"})
"""Tags that the parser gives to names that open a sentence."""

_LIKE_NAMES = PROPER | _MISTAKEN
_COMMON_TAGS = frozenset({"DT", "JJ", "NN", "NNS", "HYPH", "PRP$"})
_NO_PART = INSTITUTIONS | PLACE_WORDS | COMPANIES
"""Words that a person's name does not have."""

_OF_BUSINESSES = BUSINESS_NAMES | LEGAL_FORMS | {form.removesuffix(".") for form in LEGAL_FORMS}
_HEARERS = frozenset({"him", "her", "them", "me", "us", "you", "reporters", "journalists"})
_NAME_TAGS = frozenset({"NNP", "NNPS"})
_OF_PEOPLE = _NAME_TAGS | {"NN", "HYPH", "POS", "JJ", "VB"}
_CLOSING = {"“": "”", '"': '"', "‘": "’", "'": "'", "(": ")"}
_AGE = re.compile(r"1?\d\d")
_PORTFOLIO = "portfolio"
_KINDS = {name: label for label, names in read_rows("pipeline.text.names", "kinds.tsv") for name in names.split("|")}


def kind_of(name: str) -> str | None:
    """The label of a name that news uses often, whatever the recogniser takes it for."""
    kind = _KINDS.get(surface(name).casefold())
    return None if kind == _PORTFOLIO else kind


def is_portfolio(table: TokenTable, first: int, last: int) -> bool:
    """Whether a supposed name is the portfolio of an office: State in Secretary of State."""
    if first < 2 or table.lower[first - 1] not in {"of", "for"} or table.lower[first - 2] not in ROLES:
        return False
    return _KINDS.get(table.text[table.start[first] : table.end[last]].casefold()) == _PORTFOLIO


def is_business(word: str) -> bool:
    """Whether a word of a name makes it that of a business: Foods, Airways, Ltd."""
    return word in _OF_BUSINESSES


def _is_of_body(word: str) -> bool:
    """Whether a word of a name makes it that of a body: Ministry, Airways."""
    return word in _OF_BUSINESSES or key(word) in INSTITUTIONS


def _proper(table: TokenTable, token: int, elsewhere: set[str]) -> bool:
    """Whether a token is a name's: by its tag, or by its capital; `elsewhere` are names of the article."""
    tag = table.tag[token]
    if tag in PROPER:
        return True
    if tag not in _MISTAKEN or not table.text[table.start[token]].isupper() or table.lower[token] in ROLES:
        return False
    beside = token + 1 if token + 1 < len(table.tag) else token
    if tag == "VB" and table.tag[beside] != "NNP":
        return False
    if table.lower[token] in elsewhere or gender_of(table.lower[token]) is not None:
        return True  # A first name opens the sentence, or a name that stands within others.
    if tag == "VB":
        return False
    opens = not token or table.sentence[token - 1] != table.sentence[token]
    return not opens or (table.text[table.start[beside]].isupper() and table.tag[beside] in {"NN", "NNP", "NNS"})


def find_spans(table: TokenTable) -> list[NameSpan]:
    """The names of the article, in order."""
    headlines: dict[int, bool] = {}
    spans: list[NameSpan] = []
    behind, count = 0, len(table.entity)
    maybe = _maybe_names(table)
    elsewhere = _names_elsewhere(table, maybe)
    for token in maybe:
        if token < behind:
            continue
        label = table.entity[token]
        last = token
        if table.tag[token] in PROPER and (not token or table.tag[token - 1] not in PROPER):
            last = _joined_end(table, token)
        if last > token:
            spans.append((_behind_titles(table, token, last, PERSON), last, PERSON))
            behind = last + 1
            continue
        if label in _TAKEN:
            while last + 1 < count and table.entity[last + 1] == label and not table.entity_begins[last + 1]:
                last += 1
            if is_portfolio(table, token, last) or _is_common(table, token, last):
                behind = last + 1
                continue
            owner = _owner_end(table, token, last) if label == PERSON else _body_end(table, token, last, label)
            if owner < last:
                spans += _classified(table, token, owner, label, headlines)
                behind = owner + 2
                continue
        elif not label and _proper(table, token, elsewhere):
            found, behind = _missed(table, token, elsewhere, headlines)
            spans += found
            continue
        else:
            continue
        spans += _classified(table, token, last, label, headlines)
        behind = last + 1
    return spans


def _missed(
    table: TokenTable, first: int, elsewhere: set[str], headlines: dict[int, bool]
) -> tuple[list[NameSpan], int]:
    """The names that begin at a token and that the recogniser missed, with the first token behind them."""
    last = first
    while last + 1 < len(table.entity) and not table.entity[last + 1] and _proper(table, last + 1, elsewhere) and (
            table.paragraph[last + 1] == table.paragraph[first]):  # fmt: skip
        last += 1
    whole = _with_surname(table, first, last, headlines)
    spans = _classified(table, first, last, UNKNOWN, headlines) if whole is None else [whole]
    return spans, (last if whole is None else whole[1]) + 1


def _with_surname(table: TokenTable, first: int, last: int, headlines: dict[int, bool]) -> NameSpan | None:
    """The person's name whose first names the recogniser left out, as it does where it knows the surname alone."""
    surname = last + 1
    end = surname
    if surname >= len(table.entity) or not table.entity_begins[surname] or table.entity[surname] not in _TAKEN:
        return None
    while end + 1 < len(table.entity) and table.entity[end + 1] and not table.entity_begins[end + 1]:
        end += 1
    if end - first > 3 or table.paragraph[first] != table.paragraph[end]:
        return None
    if not _NAME_TAGS.issuperset(table.tag[first : end + 1]) or not _is_plain(table, first, end):
        return None
    if not all(table.dep[t] == "compound" and surname <= table.head[t] <= end for t in range(first, surname)):
        return None
    if table.entity[surname] == PERSON and not table.opens_sentence(first):
        return first, end, PERSON
    name = _name(table, first, end, UNKNOWN, headlines)
    return (first, end, PERSON) if (name.first, name.last) == (first, end) and _label(table, name) == PERSON else None


def _is_plain(table: TokenTable, first: int, last: int) -> bool:
    """Whether all words have one capital, and none is a title, a role or part of a body's or a place's name."""
    if not all(table.word(token).istitle() for token in range(first, last + 1)):
        return False
    return not any(is_title(w) or is_role(w) or w in _NO_PART for w in table.lower[first : last + 1])


def _maybe_names(table: TokenTable) -> list[int]:
    """The tokens that the recogniser took for a name's, or whose tag and capital may be one's."""
    text = table.text
    return [
        token
        for token, (label, tag, start) in enumerate(zip(table.entity, table.tag, table.start, strict=True))
        if label or (tag in _LIKE_NAMES and (tag in PROPER or text[start].isupper()))
    ]


def _is_common(table: TokenTable, first: int, last: int) -> bool:
    """Whether a supposed name has no capital and nothing else that makes it one: the rookie centre-half."""
    if not _COMMON_TAGS.issuperset(table.tag[first : last + 1]):
        return False
    return table.text[table.start[first + (first < last)] : table.end[last]].islower()


def _names_elsewhere(table: TokenTable, maybe: list[int]) -> set[str]:
    """The words of what may be names that are names within sentences, and that the article never writes small."""
    lower, tags = table.lower, table.tag
    mistaken = {lower[token] for token in maybe if tags[token] in _MISTAKEN}
    named = {lower[token] for token in maybe
             if lower[token] in mistaken and tags[token] == "NNP" and not table.opens_sentence(token)}  # fmt: skip
    if not named:
        return named
    small = {word for word, tag, start in zip(lower, tags, table.start, strict=True)
             if word in named and tag != "NNP" and table.text[start].islower()}  # fmt: skip
    return named - small


def _body_end(table: TokenTable, first: int, last: int, label: str) -> int:
    """The last token before a comma and a person's name taken into a body's (Vale Rail, Ann Lee), or the name's."""
    comma = last - 2
    if label != ORG or comma <= first or table.lower[comma] != "," or "," in table.lower[first:comma]:
        return last
    return last if gender_of(table.lower[comma + 1]) is None else comma - 1


def _owner_end(table: TokenTable, first: int, last: int) -> int:
    """The last token before a possessive that the recogniser took into a name (Labour's Ann Lee), or the name's."""
    for token in range(first + 1, last - 1):
        if table.lower[token] == "'s" and table.tag[token + 1] in PROPER:
            return token - 1
    return last


def _joined_end(table: TokenTable, first: int) -> int:
    """The last token of a person's name whose parts the recogniser takes apart; the first where there is none.

    Those are a nickname within it (Ann “Dusty” Lee, Ann (Dusty) Lee), a "y" between two surnames (Lopez y Garcia), a
    dash in place of the hyphen that the article writes elsewhere (Roy–Martin), and capitals (ANN LEE).
    """
    last = first
    while last + 1 < len(table.tag) and table.tag[last + 1] in PROPER and not table.entity_begins[last + 1]:
        if table.lower[last + 1] == "y":
            break
        last += 1
    if last + 4 < len(table.tag) and table.lower[last + 1] in _CLOSING and _is_nickname(table, last + 1):
        return _proper_end(table, last + 4)
    ahead = last + 2
    if ahead >= len(table.tag) or table.tag[ahead] not in PROPER:
        return _capitals_end(table, first)
    between = table.lower[ahead - 1]
    if between == "y" and table.lower[last] not in NAME_BREAKS:
        return _proper_end(table, ahead)
    close = between == "–" and table.end[last] + 1 == table.start[ahead]
    if close and f"{table.word(last)}-{table.word(ahead)}" in table.text:
        return ahead
    return _capitals_end(table, first)


def _proper_end(table: TokenTable, token: int) -> int:
    while token + 1 < len(table.tag) and table.tag[token + 1] in PROPER and not table.entity_begins[token + 1]:
        token += 1
    return token


def _is_nickname(table: TokenTable, opening: int) -> bool:
    """Whether a single word in marks or brackets stands between two parts of a name."""
    if _CLOSING.get(table.word(opening)) != table.word(opening + 2):
        return False
    return table.word(opening + 1).istitle() and table.tag[opening + 3] in PROPER and table.word(opening + 3).istitle()


def _capitals_end(table: TokenTable, first: int) -> int:
    """The last token of a first name and a surname in capitals."""
    after = first + 1
    both = after < len(table.tag) and table.word(first).isupper() and table.word(after).isupper()
    if not both or len(table.word(after)) < 3 or gender_of(table.lower[first]) is None:
        return first
    behind = table.word(after + 1) if after + 1 < len(table.tag) else ""
    return after if table.tag[after] in PROPER and not (behind.isupper() and behind.isalpha()) else first


class _Name(NamedTuple):
    """A name that is to be told a person's, a body's or a place's.

    Attributes:
        label: what the recogniser took it for.
        first: its first token.
        bare: its first token behind titles and roles.
        last: its last token.
        words: the words from `bare` on.
        known: whether a known first name opens it.
        organised: whether one of its words makes it a body's.
    """

    label: str
    first: int
    bare: int
    last: int
    words: list[str]
    known: bool
    organised: bool


def _classified(table: TokenTable, first: int, last: int, label: str, headlines: dict[int, bool]) -> list[NameSpan]:
    """The span without what is no part of the name, and what it is the name of."""
    while True:
        if label != UNKNOWN and (known := kind_of(table.text[table.start[first] : table.end[last]])) is not None:
            return [(first, last, known)] if known in _KEPT else []
        name = _name(table, first, last, label, headlines)
        if name.last <= first or table.lower[first] not in LINES_OF_BUSINESS:
            break
        label = UNKNOWN if gender_of(table.lower[first + 1]) is not None else ORG
        first += 1  # airline Vale Air
    kind = _label(table, name)
    if kind is None:
        tokens = range(name.first, name.last + 1)
        return [(token, token, UNKNOWN) for token in tokens if table.tag[token] == "NNP"]
    return [(name.bare if kind == PERSON else name.first, name.last, kind)]


def _name(table: TokenTable, first: int, last: int, label: str, headlines: dict[int, bool]) -> _Name:
    if label in {PERSON, UNKNOWN}:
        last = _name_end(table, first, last, headlines)
    bare = _behind_titles(table, first, last, label)
    words = table.lower[bare : last + 1]
    known = len(words) > 1 and gender_of(words[0]) is not None and table.tag[bare] in {"NNP", "NN", "JJ", "VB"}
    organised = any(map(_is_of_body, words[1:] if label != UNKNOWN else words))
    if table.lower[first] in {"ministry", "department", "university", "bank"}:
        organised, bare = True, first
    return _Name(label, first, bare, last, words, known, organised)


def _name_end(table: TokenTable, first: int, last: int, headlines: dict[int, bool]) -> int:
    """The last token of a name, where the recogniser may have taken more."""
    while last > first and table.tag[last] in {"VBD", "VBZ", "VBG", "DT", ",", "_SP"}:
        last -= 1
    for token in range(first + 1, last):
        if table.tag[token] in {"POS", "``", "''", ":"} or _opens_place(table, first, token):
            last = token - 1
            break
    return _headline_end(table, first, last, headlines)


def _opens_place(table: TokenTable, first: int, token: int) -> bool:
    """Whether an "of" behind a first name and a surname opens where somebody is from: Ann Lee of Maine."""
    if table.lower[token] != "of" or token - first < 2:
        return False
    return not any(is_title(table.lower[t]) for t in range(first, token)) and gender_of(table.lower[first]) is not None


def _behind_titles(table: TokenTable, first: int, last: int, label: str) -> int:
    """The first token of a name behind its titles, or behind a word that only its place in the sentence made a name."""
    bare = first
    while bare < last and table.lower[bare] in VERBS and table.word(bare)[0].isupper():
        bare += 1  # "Stated Lee"
    if label == PERSON and last - bare > 1 and table.tag[bare] != "NNP":
        named = gender_of(table.lower[bare + 1]) is not None
        bare += named and gender_of(table.lower[bare]) is None  # "Certainly Ann Lee"
    while bare < last and (
        is_title(table.lower[bare]) or is_role(table.lower[bare]) or (label == PERSON and _is_small(table, bare, last))
    ):
        titled = bare > first or (first > 0 and is_title(table.lower[first - 1]))
        if titled and bare + 1 == last and gender_of(table.lower[bare]) is not None:
            break  # PC Dean Lee
        bare += 1
    return bare


def _is_small(table: TokenTable, token: int, last: int) -> bool:
    """Whether a word before a person's name is written small and no part of it: miller Ann Lee."""
    common = table.tag[token] in {"NN", "JJ", "NNP"} and table.lower[token] not in PARTICLES
    return common and table.word(token).islower() and table.word(last).istitle()


def _label(table: TokenTable, name: _Name) -> str | None:
    """What the name is the name of; None where its words may be surnames."""
    several = len(name.words) > 1
    if name.label == UNKNOWN and name.first == name.last:
        return UNKNOWN
    if name.label == ORG and not several and name.words[0] in ROLES:
        return None  # the Taoiseach
    if name.organised and several and name.label in {UNKNOWN, GPE, NORP}:
        return ORG
    if name.label in {PERSON, UNKNOWN} and several and not name.known:
        if name.organised:
            return ORG
        if name.words[-1] in PLACE_WORDS and not (len(name.words) == 2 and _is_surname(table, name.words[-1])):
            return GPE
    if name.label == PERSON or _is_person(table, name):
        return PERSON
    return name.label if name.label in _KEPT else None


def _is_person(table: TokenTable, name: _Name) -> bool:
    """Whether a first name, a title or an age shows that a name is a person's, whatever the recogniser took it for."""
    if name.organised:
        return False
    tags = table.tag[name.bare : name.last + 1]
    place = name.label == GPE and name.first and table.lower[name.first - 1] in BEFORE_PLACES
    alike = name.known and not place and _OF_PEOPLE.issuperset(tags)
    if alike and sum(word not in PARTICLES for word in name.words) <= 4:
        return True
    plain = _NAME_TAGS.issuperset(tags)
    before = name.first - 1
    titled = name.bare > name.first or (
        name.first > 0 and table.lower[before] in ROLES and table.tag[before] in {"NN", "NNP"}
    )
    if name.label in {ORG, GPE, NORP, UNKNOWN, "WORK_OF_ART"} and len(name.words) > 1 and titled and plain:
        return True
    if not 1 < len(name.words) < 4:
        return False
    if plain and (_speaks_for(table, name) if name.label == UNKNOWN else _speaks_beside(table, name)):
        return True
    if plain and (_is_said_to_be(table, name.last) or _is_beside_role(table, name.first, name.last)):
        return True
    return _has_human_addition(table, name.first, name.last)


def _is_beside_role(table: TokenTable, first: int, last: int) -> bool:
    """Whether a comma sets a name off from what only a person can be: a spokeswoman, Ann Lee; Ann Lee, a baker."""
    low, high = table.sentence_bounds(last)
    before, noun = first - 1, first - 2
    if noun > low and table.lower[before] == "," and table.lower[noun] in PEOPLE and table.tag[noun] == "NN":
        return True
    if last + 3 > high or table.lower[last + 1] != "," or table.lower[last + 2] not in {"a", "an", "the"}:
        return False
    noun = last + 3
    while noun < high and table.tag[noun] in {"JJ", "NN"} and table.tag[noun + 1] == "NN":
        noun += 1
    return table.tag[noun] == "NN" and table.lower[noun] in PEOPLE


def _speaks_for(table: TokenTable, name: _Name) -> bool:
    """Whether an unknown name speaks as only a person does: to somebody, or for whom it belongs to.

    That is “Dov Quell told her”, and Labour's Dov Quell said.
    """
    verb = table.head[name.last]
    if table.dep[name.last] != "nsubj" or table.lower[verb] not in VERBS:
        return _speaks_beside(table, name)
    told = any(table.dep[kid] in {"dobj", "dative"} and table.lower[kid] in _HEARERS for kid in table.children[verb])
    return told or (name.first > 0 and table.lower[name.first - 1] in {"'s", "'"})


def _speaks_beside(table: TokenTable, name: _Name) -> bool:
    """Whether a name speaks together with a person's: Ann Lee and Dov Quell said."""
    one, other = table.head[name.last], name.last
    if table.dep[other] != "conj" or table.entity[one] != PERSON or name.label not in {ORG, UNKNOWN}:
        return False
    return table.dep[one] == "nsubj" and table.lower[table.head[one]] in VERBS and other - one <= len(name.words) + 1


def _is_said_to_be(table: TokenTable, subject: int) -> bool:
    """Whether a sentence says that a name is what only a person can be: Dov Quell is her deputy; Dov Quell, mayor"""
    if any(
        table.dep[kid] == "appos" and kid > subject and table.tag[kid] == "NN" and table.lower[kid] in PEOPLE
        for kid in table.children[subject]
    ):
        return True
    verb = table.head[subject]
    if table.dep[subject] != "nsubj" or table.lower[verb] not in {"is", "was", "became"}:
        return False
    return any(
        table.dep[kid] == "attr" and table.tag[kid] == "NN" and table.lower[kid] in PEOPLE
        for kid in table.children[verb]
    )


def _is_surname(table: TokenTable, word: str) -> bool:
    """Whether somebody speaks by a name that might be a place's: Lake said."""
    return any(
        lower == word and table.tag[token] in PROPER and table.dep[token] == "nsubj"
        and table.left_edge[token] == token and table.lower[table.head[token]] in VERBS
        for token, lower in enumerate(table.lower)
    )  # fmt: skip


def is_shown_body(table: TokenTable, first: int, last: int) -> bool:
    """Whether a sentence shows that a name is a body's, whatever the recogniser took it for.

    Its legal form stands behind it (Vale Marine ASA), "which" goes on with it, what it does stands before it
    (shipbuilder Vale Marine), or it has its own: Vale cut its outlook.
    """
    behind, above = last + 1, table.head[last]
    if not LEGAL_FORMS.isdisjoint(table.lower[first + 1 : behind + 1]):
        return True
    if gender_of(table.lower[first]) is not None or (first and is_title(table.lower[first - 1])):
        return False
    if first and table.lower[first - 1] in LINES_OF_BUSINESS:
        return True
    clauses = (kid for kid in table.children[last] if table.dep[kid] == "relcl")
    if any(table.lower[kid] == "which" and kid == behind + 1 for clause in clauses for kid in table.children[clause]):
        return table.lower[behind] == ","
    if table.dep[last] != "nsubj" or table.lower[above] in VERBS or table.quoted_span[last] >= 0:
        return False
    things = [kid for kid in table.children[above] if table.dep[kid] == "dobj"]
    return any(
        table.lower[kid] == "its" and table.dep[kid] == "poss" for thing in things for kid in table.children[thing]
    )


def _headline_end(table: TokenTable, first: int, last: int, headlines: dict[int, bool]) -> int:
    """The last word of a name in a headline, where verbs and small words have capitals too."""
    for token in range(first + 1, last + 1):
        if table.lower[token] in NAME_BREAKS or (token > first + 1 and table.lower[token] in VERBS):
            return token - 1
    if last - first > 1 and gender_of(table.lower[first]) is not None:
        line = table.paragraph[first]
        if line not in headlines:
            headlines[line] = line >= 0 and _is_headline(table.text[slice(*table.paragraphs[line])])
        if headlines[line]:
            return first + 1
    return last


def _is_headline(line: str) -> bool:
    """Whether most words of a line have capitals, and no mark ends it."""
    if line[-1:] in {".", "!", "?", "”", '"'}:
        return False
    words = [w for w in line.split() if w[0].isalpha()]
    return len(words) > 4 and sum(w[0].isupper() for w in words) > 0.7 * len(words)


def _has_human_addition(table: TokenTable, first: int, last: int) -> bool:
    """An age or a "who" behind a name, or an age before it: 19-year-old Dov Quell."""
    aged = first > 4 and table.lower[first - 4 : first] == ["-", "year", "-", "old"]
    if aged and _AGE.fullmatch(table.lower[first - 5]) and table.entity[last] in {PERSON, ORG, ""}:
        return True
    if last + 2 < len(table.lower) and table.lower[last + 1] == "," and _AGE.fullmatch(table.lower[last + 2]):
        return table.lower[min(last + 3, len(table.lower) - 1)] in {",", ".", ";"}
    return any(table.dep[kid] == "relcl" and any(table.lower[k] in {"who", "whose"} for k in table.children[kid])
               for t in range(first, last + 1) for kid in table.children[t])  # fmt: skip
