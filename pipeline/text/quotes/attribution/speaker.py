"""Finds the speaker of each quote, in reading order: by the cue's subject, or carried on where a quote has no cue.

A quote without a cue takes the only one whom the sentence before is about, or else the speaker of the quote before; a
dialogue of question and answer alternates. Where two are as likely, it has no speaker.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.models import Resolution, Speaker
from pipeline.text.names.forms import person_parts
from pipeline.text.names.name_index import PERSON
from pipeline.text.names.referents import Referents
from pipeline.text.names.resolver import NameResolver, ResolvedName
from pipeline.text.quotes.attribution.cue_subject import heard_from, is_heard, mention
from pipeline.text.quotes.candidate import Hearer, QuoteCandidate, Rule, RuleFlag
from pipeline.text.quotes.lexicon.grammar import ANSWERS
from pipeline.text.quotes.tokens import TokenTable

_ASKS = frozenset({"ask", "asked", "asks"})
_TURN = 60  # characters of a dialogue's paragraph that may stand outside the marks: “…,” Ann Lee replied.
_HERE, _BEFORE, _TURNED = 0.85, 0.7, 0.6  # how much of a speaker's confidence is left when carried on


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose quote it is.

    Attributes:
        speaker: the speaker, or None.
        how: how that was found: subject, sentence before, same paragraph, paragraph before, dialogue or nobody.
        options: the names that the speaker may have had, with their shares of 1.
        addressee: to whom it was said: the article's name of somebody, or else the words that tell it.
    """

    speaker: Speaker | None
    how: str
    options: tuple[tuple[str, float], ...] = ()
    addressee: str | None = None


_NOBODY = Attribution(None, "nobody")


def attribute(
    referents: Referents, candidates: list[QuoteCandidate], told: Sequence[Hearer | None]
) -> list[Attribution]:
    """Who says each of the candidates.

    Args:
        referents: whom the article names.
        candidates: its quotes, in the order of the text.
        told: to whom each of them was said.
    """
    table = referents.table
    names = NameResolver(referents)
    before = _Before(table)
    labels: dict[str, str] = {}
    for candidate, heard in zip(candidates, told, strict=True):
        names.antecedents.own = candidate.segments
        if candidate.cue is not None and is_heard(table, candidate.cue, candidate.subject):
            candidate = replace(candidate, subject=heard_from(table, candidate.cue))
        if candidate.subject is not None:
            who = _by_subject(table, names, candidate, labels)
        elif candidate.carried or _alone(table, candidate):
            who = _carried(table, names, candidate, before)
        else:
            who = _NOBODY
        addressee = _addressee(names, heard, who.speaker)
        before.add(candidate, who if addressee is None else replace(who, addressee=addressee))
        names.antecedents.reports(candidate.segments)
    return before.attributions


def _addressee(names: NameResolver, heard: Hearer | None, speaker: Speaker | None) -> str | None:
    """To whom it was said, by name where the article names them: told him, told Lee."""
    if heard is None:
        return None
    return names.hearer_named(heard.head, heard.text, speaker.name if speaker else "") or heard.text


class _Before:
    """The candidates that come before one, with their speakers, and the last of them in each sentence."""

    def __init__(self, table: TokenTable) -> None:
        self._table = table
        self.candidates: list[QuoteCandidate] = []
        self.attributions: list[Attribution] = []
        self._last: dict[int, int] = {}

    def add(self, candidate: QuoteCandidate, who: Attribution) -> None:
        """Add the next candidate and its speaker."""
        table = self._table
        tokens = [] if candidate.cue is None else [candidate.cue]
        begin = candidate.segments[-1][0]
        token = table.token_at(begin)
        tokens.append(token)
        if token and table.end[token - 1] >= begin:
            tokens.append(token - 1)  # with no blank between, the words begin where the sentence before ends
        for at in tokens:
            self._last[table.sentence[at]] = len(self.candidates)
        self.candidates.append(candidate)
        self.attributions.append(who)

    def in_sentence(self, token: int) -> Attribution | None:
        """Who speaks in the last candidate whose cue or last words are in the sentence around a token."""
        number = self._last.get(self._table.sentence[token])
        return None if number is None else self.attributions[number]


def _alone(table: TokenTable, candidate: QuoteCandidate) -> bool:
    if candidate.cue is None or table.tag[candidate.cue] != "VBG" or RuleFlag.GOES_ON in candidate.flags:
        return False
    return candidate.rule in {Rule.BEFORE, Rule.COLON, Rule.AFTER}


def _by_subject(
    table: TokenTable, names: NameResolver, candidate: QuoteCandidate, labels: dict[str, str]
) -> Attribution:
    assert candidate.subject is not None
    first, last = candidate.named or mention(table, candidate.subject, candidate.cue)
    named = names.resolve(candidate.subject, first, last)
    if candidate.named is not None:
        named = _as_the_article_has_it(names, _with_label(table, named, candidate.named, labels))
    return Attribution(_speaker(table, named, first, last), "subject", named.options)


def _with_label(
    table: TokenTable, named: ResolvedName, tokens: tuple[int, int], labels: dict[str, str]
) -> ResolvedName:
    """The name as a label gives it in full, or as an earlier label did: ANN LEE: …, then LEE: …."""
    written = " ".join(table.text[table.start[tokens[0]] : table.end[tokens[1]]].split())
    name = named.name
    if len(name) < len(written) and name.casefold() in written.casefold():
        name = written
    family = name.split()[-1].casefold()
    name = labels.setdefault(family, name) if " " not in name else name
    labels[family] = name
    return named if name == named.name else replace(named, name=name, options=((name, 1.0),), label=None)


def _as_the_article_has_it(names: NameResolver, named: ResolvedName) -> ResolvedName:
    """The name under which the article's entity is kept, where a label in capitals or in full names somebody of it."""
    if named.label is not None:
        return named
    words = person_parts(named.name).words
    known = [one for one in names.antecedents.referents.of_word(words[-1]) if one.words == words] if words else []
    if len(known) != 1 or known[0].label != PERSON or known[0].shared_by:
        return named
    return replace(named, name=known[0].name, options=((known[0].name, 1.0),), label=PERSON)


def _speaker(table: TokenTable, named: ResolvedName, first: int, last: int) -> Speaker:
    start, end = table.start[first], table.end[last]
    return Speaker(
        name=named.name or table.text[start:end],
        id=named.id,
        mention=table.text[start:end],
        start=start,
        end=end,
        title=named.title,
        affiliation=named.affiliation,
        resolution=named.resolution,
        confidence=named.confidence,
    )


def _carried(table: TokenTable, names: NameResolver, candidate: QuoteCandidate, before: _Before) -> Attribution:
    opening = table.token_at(candidate.segments[0][0])
    here = table.paragraph[opening]
    last = opening - 1
    while last >= 0 and (table.tag[last] in {"_SP", "``"} or table.quoted_span[last] == table.quoted_span[opening]):
        last -= 1
    introduced = candidate.cue is not None and candidate.rule is Rule.COLON
    if last >= 0 and (table.paragraph[last] == here or introduced):
        low, _ = table.sentence_bounds(last)
        if (told := before.in_sentence(last)) is not None:
            return _on(told, _HERE, "same paragraph")
        subject, named = names.carried(last + 1, low)
        if named is not None:
            return Attribution(_speaker(table, named, subject, subject), "sentence before", named.options)
        if subject < 0:
            return _NOBODY  # The sentence is about two people.
    if not before.candidates:
        return _NOBODY
    away = here - table.paragraph[table.token_at(before.candidates[-1].segments[-1][1] - 1)]
    if away > 1:
        return _NOBODY
    if away == 1 and (turned := _dialogue(table, candidate, before)) is not None:
        return _on(turned, _TURNED, "dialogue")
    if away == 1 and _asks(table, before.candidates[-1]):
        return _NOBODY  # Somebody else answers, and nothing says who.
    return _on(
        before.attributions[-1], _HERE if away == 0 else _BEFORE, "same paragraph" if away == 0 else "paragraph before"
    )


def _on(other: Attribution, part: float, how: str) -> Attribution:
    if other.speaker is None:
        return _NOBODY
    confidence = round(other.speaker.confidence * part, 3)
    speaker = other.speaker.model_copy(update={"resolution": Resolution.CARRIED, "confidence": confidence})
    return Attribution(speaker, how, other.options)


def _dialogue(table: TokenTable, candidate: QuoteCandidate, before: _Before) -> Attribution | None:
    """The speaker before the last one, where the two take turns: a paragraph each, and questions or answers."""
    if len(before.candidates) < 2 or not candidate.quoted_spans:
        return None
    first, second = before.candidates[-2:]
    turns = list(zip((first, second), before.attributions[-2:], strict=True))
    speaker, other = (attribution.speaker for _, attribution in turns)
    if speaker is None or (other is not None and speaker.name == other.name):
        return None
    if other is None and not _asks(table, first):
        return None  # Only an answer to a question is surely somebody else's.
    paragraphs = [table.paragraph[table.token_at(d.segments[0][0])] for d, _ in turns]
    here = table.paragraph[table.token_at(candidate.segments[0][0])]
    taken = all(_is_turn(table, d, p) for (d, _), p in zip(turns, paragraphs, strict=True))
    if paragraphs != [here - 2, here - 1] or not taken:
        return None
    asked = any(table.text[d.segments[-1][1] - 1] == "?" for d in (first, second, candidate))
    answered = any(d.cue is not None and table.lower[d.cue] in ANSWERS for d, _ in turns)
    return turns[0][1] if asked or answered or turns[1][1].how == "dialogue" else None


def _asks(table: TokenTable, candidate: QuoteCandidate) -> bool:
    """Whether somebody asks a question: “Where is it?” she asked."""
    return (
        candidate.cue is not None
        and table.lower[candidate.cue] in _ASKS
        and table.text[candidate.segments[-1][1] - 1] == "?"
    )


def _is_turn(table: TokenTable, candidate: QuoteCandidate, paragraph: int) -> bool:
    start, end = table.paragraphs[paragraph]
    return bool(candidate.quoted_spans) and end - start - sum(b - a for a, b in candidate.segments) <= _TURN
