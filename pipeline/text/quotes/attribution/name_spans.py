"""Where an article's names stand, and whether each is a person's, a body's or a place's.

The recogniser's labels are a start. A known first name, a title or an age beside a name, a "who" behind it and its own
words say more, and where they do it is them that count; names that it missed are found by their capitals.
"""

import re

from pipeline.text.names.person_name import gender_of, is_title, key
from pipeline.text.quotes.lexicon.nouns import BUSINESS_NAMES, INSTITUTIONS, LEGAL_FORMS, PLACE_WORDS, ROLES
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import TokenTable

PERSON, ORG = "PERSON", "ORG"
BEFORE_PLACES = frozenset("in at from near to of across outside into around".split())
"""Words before a name that make it a place's."""

_KEPT = frozenset({PERSON, ORG, "GPE", "NORP"})
_TAKEN = _KEPT | {"LOC", "FAC", "PRODUCT", "WORK_OF_ART", "EVENT", "LAW"}
_NOT_IN_NAMES = frozenset(
    """may not have has had is was are were be to under in for with by as after on at over from into about says said
    will would could should can must does did gets takes makes wants calls""".split()
)
_AGE = re.compile(r"1?\d\d")


def is_business(word: str) -> bool:
    """Whether a word of a name makes it that of a business: Foods, Airways, Ltd."""
    return word in BUSINESS_NAMES or word in LEGAL_FORMS or word + "." in LEGAL_FORMS


def _proper(table: TokenTable, token: int) -> bool:
    if table.tag[token] in {"NNP", "NNPS"}:
        return True
    capital = table.text[table.start[token]].isupper() and table.tag[token] in {"NN", "NNS", "JJ", "FW"}
    if not capital or table.lower[token] in ROLES:
        return False
    beside = token + 1 if token + 1 < len(table.tag) else token
    opens = not token or table.sentence[token - 1] != table.sentence[token]
    return not opens or (table.text[table.start[beside]].isupper() and table.tag[beside] in {"NN", "NNP", "NNS"})


def find_spans(table: TokenTable) -> list[tuple[int, int, str]]:
    """First and last token of each name, in order, with PERSON, ORG, GPE or NORP; "?" may be a surname."""
    headlines: dict[int, bool] = {}
    spans: list[tuple[int, int, str]] = []
    token, count = 0, len(table.entity)
    while token < count:
        label = table.entity[token]
        last = token
        if label in _TAKEN:
            while last + 1 < count and table.entity[last + 1] == label and not table.entity_begins[last + 1]:
                last += 1
        elif not label and _proper(table, token):
            while last + 1 < count and not table.entity[last + 1] and _proper(table, last + 1) and (
                    table.paragraph[last + 1] == table.paragraph[token]):  # fmt: skip
                last += 1
            label = "?"
        else:
            token += 1
            continue
        spans += _cut(table, token, last, label, headlines)
        token = last + 1
    return spans


def _cut(
    table: TokenTable, first: int, last: int, label: str, headlines: dict[int, bool]
) -> list[tuple[int, int, str]]:
    """The span without what is no part of the name, and what it is the name of."""
    if label in {PERSON, "?"}:
        while last > first and table.tag[last] in {"VBD", "VBZ", "VBG", "DT", ",", "_SP"}:
            last -= 1
        for token in range(first + 1, last):
            if table.tag[token] in {"POS", "``", "''", ":"}:
                last = token - 1  # the recogniser took more than the name
                break
        last = _headline_end(table, first, last, headlines)
    inside = first
    while inside < last and table.lower[inside] in VERBS and table.word(inside)[0].isupper():
        inside += 1  # "Stated Lee"
    if label == PERSON and last - inside > 1 and gender_of(table.lower[inside]) is None and (
            gender_of(table.lower[inside + 1]) and table.tag[inside] != "NNP"):  # fmt: skip
        inside += 1  # "Certainly Ann Lee"
    while inside < last and (is_title(table.lower[inside]) or table.lower[inside] in ROLES):
        inside += 1
    words = [table.lower[t] for t in range(inside, last + 1)]
    known = len(words) > 1 and gender_of(words[0]) is not None and table.tag[inside] in {"NNP", "NN", "JJ"}
    organised = any(key(w) in INSTITUTIONS or is_business(w) for w in (words[1:] if label != "?" else words))
    if table.lower[first] in {"ministry", "department", "university", "bank"}:
        organised, inside = True, first
    if label == "?" and first == last:
        return [(first, last, "?")]
    if organised and label in {PERSON, "?", "GPE", "NORP"} and len(words) > 1 and not (known and label == PERSON):
        return [(first, last, ORG)]
    if len(words) > 1 and words[-1] in PLACE_WORDS and (label in {PERSON, "?"} and not known):
        return [(first, last, "GPE")]
    if label == PERSON:
        return [(inside, last, PERSON)]
    place = label == "GPE" and first and table.lower[first - 1] in BEFORE_PLACES
    if known and not organised and len(words) <= 4 and not place and all(
            table.tag[t] in {"NNP", "NNPS", "NN", "HYPH", "POS", "JJ"} for t in range(inside, last + 1)):  # fmt: skip
        return [(inside, last, PERSON)]
    titled = (first and table.lower[first - 1] in ROLES and table.tag[first - 1] in {"NN", "NNP"}) or inside > first
    if label in {ORG, "GPE", "NORP", "?"} and len(words) > 1 and titled and not organised and all(
            table.tag[t] == "NNP" for t in range(inside, last + 1)):  # fmt: skip
        return [(inside, last, PERSON)]
    if 1 < len(words) < 4 and not organised and _is_human(table, first, last):
        return [(inside, last, PERSON)]
    if label in _KEPT:
        return [(first, last, label)]
    return [(t, t, "?") for t in range(first, last + 1) if table.tag[t] == "NNP"]


def _headline_end(table: TokenTable, first: int, last: int, headlines: dict[int, bool]) -> int:
    """The last word of a name in a headline, where verbs and small words have capitals too."""
    for token in range(first + 1, last + 1):
        if table.lower[token] in _NOT_IN_NAMES or (token > first + 1 and table.lower[token] in VERBS):
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


def _is_human(table: TokenTable, first: int, last: int) -> bool:
    """An age or a "who" behind a name."""
    if last + 2 < len(table.lower) and table.lower[last + 1] == "," and _AGE.fullmatch(table.lower[last + 2]):
        return table.lower[min(last + 3, len(table.lower) - 1)] in {",", ".", ";"}
    return any(table.dep[kid] == "relcl" and any(table.lower[k] in {"who", "whose"} for k in table.children[kid])
               for t in range(first, last + 1) for kid in table.children[t])  # fmt: skip
