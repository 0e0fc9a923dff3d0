"""Labels before a colon: who speaks in a transcript or an interview, and which labels name nobody.

A label is a name with what may be told of it: an office, an age, a party, a word on how it is heard. Without quotation
marks its line is a turn of a conversation where it is written in capitals or where several lines have labels.
"""

import re
from collections import Counter
from dataclasses import dataclass

from pipeline.text.names.person_name import REGAL, gender_of, is_title, key
from pipeline.text.quotes.attribution.cue_subject import subject_of
from pipeline.text.quotes.candidate import QuoteCandidate, Rule
from pipeline.text.quotes.lexicon.grammar import LABELS
from pipeline.text.quotes.lexicon.nouns import COMPANIES, INSTITUTIONS, KIN, ROLES
from pipeline.text.quotes.quoted_words import reports
from pipeline.text.quotes.tokens import TokenTable

_LABEL = re.compile(
    r"""(?P<name>[A-ZÀ-Þ][\w.'’&-]*(?:[ ](?:[A-ZÀ-Þ][\w.'’&-]*|of|the|de|la|van|von|al|bin)){0,6})
        (?P<told>,[ ][^:;“”"()\[\]\n]{1,90}?)?
        (?P<heard>[ ]?(?:\([^()\n]{1,60}\)|\[[^\[\]\n]{1,60}\]))?
        [ ]?:(?=\s|$)""",
    re.VERBOSE,
)
_QUESTION_OR_ANSWER = re.compile(r"(?P<name>[QA])(?P<told>)(?P<heard>)[.:](?=\s)")
_FIRST_PERSON = re.compile(r"\b(?:I|[Mm]e|[Mm]y|[Ww]e|[Yy]ou|[Yy]our|[Oo]ur)\b")
_NAMED = frozenset({"PERSON", "ORG", "GPE", "NORP"})


@dataclass(frozen=True, slots=True)
class Label:
    """A label: offsets of its name and of what follows its colon; whether it is in capitals, and tells more."""

    start: int
    name_end: int
    end: int
    capitals: bool
    tells_more: bool


def label_at(text: str, start: int, end: int) -> Label | None:
    """The label that a line begins with; None where there is none, or where it names nobody."""
    match = _QUESTION_OR_ANSWER.match(text, start, end) or _LABEL.match(text, start, end)
    if match is None or names_nobody(match["name"]):
        return None
    tells_more = bool(match["told"] or match["heard"])
    return Label(start, match.end("name"), match.end(), match["name"].isupper(), tells_more)


def names_nobody(label: str) -> bool:
    """Whether a label says what follows and not who says it: Source, FILE PHOTO, Correction, Tickets."""
    words = [word.strip(".,:()[]'’").lower() for word in label.replace("’", "'").split()]
    words = [word.removesuffix("'s") for word in words if word]
    if not words or (len(words) > 1 and words[-1] in ROLES):
        return False
    return words[0] in LABELS or words[-1] in LABELS


def name_tokens(table: TokenTable, label: Label) -> tuple[int, int]:
    """The first and last token of a label's name, without the titles and roles before it."""
    return token_range(table, label.start, label.name_end)


def token_range(table: TokenTable, start: int, end: int) -> tuple[int, int]:
    """The first and last token of a name that stands at `start:end`, without the titles and roles before it."""
    tokens = table.tokens_between(start, end)
    first, last = tokens[0], tokens[-1]
    bare = first
    while bare < last and key(table.lower[bare]) not in REGAL and _is_before_name(table.lower[bare]):
        bare += 2 if table.lower[bare + 1] == "." and bare + 1 < last else 1  # GOV. ANN LEE may be three tokens
    return (first if _is_before_name(table.lower[last]) else bare), last


def _is_before_name(word: str) -> bool:
    return is_title(word) or word in ROLES or word in KIN


def turns(table: TokenTable, taken: set[int]) -> list[QuoteCandidate]:
    """The turns of a transcript or an interview, whose words have no marks.

    Args:
        table: the article.
        taken: the quoted spans that are quotes already.
    """
    labels = [(label_at(table.text, *bounds), bounds[1]) for bounds in table.paragraphs]
    found = [(label, end) for label, end in labels if label is not None]
    names = Counter(table.text[label.start : label.name_end] for label, _ in found)
    # Lists have names with a colon too: Lee: 547.
    asked = any(table.text[end - 1] == "?" for _, end in found) or (
        # Lists of places and parties speak of "you" and "we" too.
        any(_FIRST_PERSON.search(table.text, label.end, end) for label, end in found)
        and all(_is_person(table, label) for label, _ in found)
    )
    candidates = []
    for label, end in found:
        if not _is_turn(table, label, names, asked=asked):
            continue
        tokens = table.tokens_between(label.end, end)
        if not len(tokens) or any(table.quoted_span[token] in taken for token in tokens):
            continue
        candidates.append(turn(table, label, (_behind_blanks(table.text, label.end), end)))
    return candidates


def turn_in_marks(table: TokenTable, number: int) -> QuoteCandidate | None:
    """The turn of a transcript that is quoted with its label: “KEMP: …”."""
    piece = table.quoted_spans[number].pieces[0]
    begin = piece.start + 1
    label = label_at(table.text, begin, piece.inner_start) if piece.inner_start - begin > 2 else None
    if label is None or not label.capitals:
        return None
    return turn(table, label, table.quoted_spans[number].inner[0])


def statements(table: TokenTable, taken: set[int]) -> list[QuoteCandidate]:
    """What stands without marks in the paragraph below “… said:”.

    Args:
        table: the article.
        taken: the quoted spans that are quotes already.
    """
    candidates = []
    for number, (start, end) in enumerate(table.paragraphs[1:]):
        above = table.paragraph_tokens(number)
        tokens = table.tokens_between(start, end)
        if not above or not tokens or table.lower[above[-1]] != ":" or not table.word(tokens[0])[0].isalpha():
            continue
        if table.text[end - 1] not in ".!?…" or any(table.quoted_span[token] in taken for token in tokens):
            continue
        low, _ = table.sentence_bounds(above[-1])
        verbs = [token for token in range(low, above[-1]) if reports(table, token)]
        subject = subject_of(table, verbs[-1]) if verbs else None
        if subject is not None:
            candidates.append(QuoteCandidate([(start, end)], Rule.TURN, verbs[-1], subject))
    return candidates


def turn(table: TokenTable, label: Label, segment: tuple[int, int]) -> QuoteCandidate:
    """The candidate of the words behind a label."""
    colon = table.token_at(label.end - 1)
    first, last = name_tokens(table, label)
    return QuoteCandidate([segment], Rule.TURN, colon, last, named=(first, last))


def _is_turn(table: TokenTable, label: Label, names: Counter[str], *, asked: bool) -> bool:
    """Whether a label tells who speaks: its line is one of several, or it is like no other label."""
    several = sum(names.values()) > 1
    if label.name_end - label.start == 1:
        return "Q" in names and "A" in names
    if label.capitals:
        return several or label.tells_more
    return several and asked and (names[table.text[label.start : label.name_end]] > 1 or is_speaker(table, label))


def _is_person(table: TokenTable, label: Label) -> bool:
    first, last = name_tokens(table, label)
    return table.entity[last] == "PERSON" or gender_of(table.lower[first]) is not None


def is_speaker(table: TokenTable, label: Label) -> bool:
    """Whether a label's name is a person's or a body's, or a role."""
    first, last = name_tokens(table, label)
    word = table.lower[last]
    if word in ROLES or word in INSTITUTIONS or word in COMPANIES or word.removesuffix("s") in ROLES:
        return True
    return table.entity[last] in _NAMED or gender_of(table.lower[first]) is not None


def _behind_blanks(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start
