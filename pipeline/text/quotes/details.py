"""Reads to whom, through which medium and when something was said, from the cue's own clause."""

from collections.abc import Iterator

from pipeline.text.dates import find_dates
from pipeline.text.quotes.candidate import Hearer, QuoteCandidate
from pipeline.text.quotes.lexicon.grammar import MEDIA, NOT_HEARERS, OUTLETS, REASONS, SUBJECTS
from pipeline.text.quotes.lexicon.nouns import ROLES, TALKS
from pipeline.text.quotes.lexicon.speech_verbs import SPOKEN_TO, VERBS, VerbFrame
from pipeline.text.quotes.tokens import TokenTable

_MEDIA = MEDIA | TALKS | OUTLETS
_ONLY_NAMES = frozenset({"house", "x", "truth", "threads", "fox"})
_PREPOSITIONS = frozenset({"in", "on", "at", "during", "via", "through", "by", "over"})
_SPEAKING = frozenset({"speaking", "talking", "spoke", "talked"})
_OFF = frozenset({"relcl", "acl"})
_LONGEST = 80  # characters of a medium


def hearer(table: TokenTable, candidate: QuoteCandidate) -> Hearer | None:
    """Whom the speaker told it, as it is written."""
    cue = candidate.cue
    frame = VERBS.get(table.lower[cue]) if cue is not None else None
    if cue is None or frame is None or (table.tag[cue] == "VBN" and not table.children[cue]):
        return None
    for child in table.children[cue]:
        if child == candidate.subject:
            continue  # “Is it shut?” asked Lee.
        noun = _told(table, candidate, frame, cue, child)
        if noun is not None:
            is_object = table.dep[noun] in {"dobj", "dative"}
            unfit = is_object and table.lower[noun] in NOT_HEARERS
            return None if unfit else Hearer(noun, _noun(table, noun, candidate))
    if frame.addressed and (name := _name_behind(table, candidate, cue)) is not None:
        return name
    return _spoken_to(table, candidate, cue)


def _told(table: TokenTable, candidate: QuoteCandidate, frame: VerbFrame, cue: int, child: int) -> int | None:
    """The head of whom the words are said to, if it is a word below the cue or that word's object."""
    if _inside(table, child, candidate):
        return None
    if frame.addressed and table.dep[child] == "nsubjpass":
        return child  # "the crew was told"
    if child <= cue:
        return None
    if frame.addressed and table.dep[child] in {"dobj", "dative"} and table.tag[child] != "TO":
        return child
    if table.lower[child] == "to" and table.dep[child] in {"prep", "dative"} and frame.lemma in SPOKEN_TO:
        objects = (noun for noun in table.children[child] if table.dep[noun] == "pobj")
        return next((noun for noun in objects if not _inside(table, noun, candidate)), None)
    return None


def _name_behind(table: TokenTable, candidate: QuoteCandidate, cue: int) -> Hearer | None:
    """The name or pronoun right behind a cue, which the parser took for something else than its object."""
    first = cue + 1
    if first >= len(table.tag) or table.tag[first] not in {"NNS", "NNP", "PRP"}:
        return None
    if _inside(table, first, candidate) or first == candidate.subject:
        return None
    last = first
    while last + 1 < len(table.tag) and table.tag[last + 1] == "NNP" and not _inside(table, last + 1, candidate):
        last += 1
    if candidate.subject is not None and first <= candidate.subject <= last:
        return None  # “Is it shut?” asked Ann Lee.
    return Hearer(last, table.text[table.start[first] : table.end[last]])


def _spoken_to(table: TokenTable, candidate: QuoteCandidate, cue: int) -> Hearer | None:
    """Who is spoken to "in an interview with …", "in a letter to …", "speaking to …"."""
    low, high = table.sentence_bounds(cue)
    for token in range(low, high + 1):
        if (
            table.lower[token] not in {"to", "with"}
            or _inside(table, token, candidate)
            or table.quoted_span[token] >= 0
        ):
            continue
        above = table.head[token]
        spoken = table.lower[above] in _SPEAKING and table.tag[above][:2] == "VB" and table.dep[above] not in _OFF
        occasion = table.lower[above] in TALKS and _place(table, above, cue) is not None
        if not spoken and not (occasion and table.dep[above] == "pobj"):
            continue
        for noun in table.children[token]:
            if table.dep[noun] == "pobj" and table.tag[noun] != "VBG" and not _inside(table, noun, candidate):
                return Hearer(noun, _noun(table, noun, candidate))
    return None


def medium(table: TokenTable, candidate: QuoteCandidate) -> str | None:
    """Through or at what it was said, with its preposition."""
    if candidate.cue is None:
        return None
    low, high = table.sentence_bounds(candidate.cue)
    for token in range(low, high + 1):
        if table.lower[token] not in _PREPOSITIONS or _inside(table, token, candidate) or table.quoted_span[token] >= 0:
            continue
        for noun in table.children[token]:
            if table.dep[noun] != "pobj" or _inside(table, noun, candidate) or not _is_medium(table, token, noun):
                continue
            behind = candidate.subject is not None and candidate.cue < candidate.subject == table.head[token] < token
            if _place(table, token, candidate.cue) is None and not (behind and table.lower[noun] in TALKS):
                continue  # "said the chair Ann Lee in an email" hangs on the chair, in some parses
            last = max([noun, *(min(table.right_edge[k], high) for k in _further(table, noun, candidate))])
            text = table.text[table.start[token] : _end(table, token, last)]
            return text if len(text) < _LONGEST else table.text[table.start[token] : table.end[noun]]
    return None


def _is_medium(table: TokenTable, preposition: int, noun: int) -> bool:
    if table.lower[preposition] in {"via", "through", "by"}:
        person = table.lower[noun] in ROLES and table.lower[preposition] != "by"
        written = table.lower[noun] in {"phone", "telephone", "email", "e-mail", "letter", "video", "radio"}
        return person or written or (table.lower[noun] in _MEDIA and table.lower[preposition] == "via")
    if table.lower[preposition] == "over":
        return table.lower[noun] in {"phone", "telephone", "radio"}
    if table.lower[noun] in _ONLY_NAMES and not table.word(noun)[0].isupper():
        return False
    return table.lower[noun] in _MEDIA or any(
        table.lower[k] in OUTLETS and table.word(k)[0].isupper() and table.dep[k] in {"compound", "poss", "nmod"}
        for k in table.children[noun]
    )


def _further(table: TokenTable, noun: int, candidate: QuoteCandidate) -> Iterator[int]:
    """What belongs to a medium behind its noun: "with Channel Nine", "to the board", "on Truth Social"."""
    for kid in table.children[noun]:
        if kid != noun + 1 or table.dep[kid] != "prep" or _inside(table, kid, candidate) or table.quoted_span[kid] >= 0:
            continue
        objects = [k for k in table.children[kid] if table.dep[k] == "pobj"]
        outlet = table.lower[kid] == "on" and objects and table.tag[objects[0]] in {"NNP", "NNPS", "SYM"}
        if (table.lower[kid] in {"with", "to"} or outlet) and not any(
            find_dates(table.text, table.start[kid], table.end[table.right_edge[kid]])
        ):
            yield kid


def date_mention(table: TokenTable, candidate: QuoteCandidate) -> str | None:
    """The words that say when, in the cue's sentence and outside what was said; the nearest to the cue."""
    if candidate.cue is None:
        return None
    low, high = table.sentence_bounds(candidate.cue)
    best: tuple[int, int] | None = None
    mention = None
    for date in find_dates(table.text, table.start[low], table.end[high]):
        first = table.token_at(date.start)
        if any(a <= date.start < b for a, b in candidate.segments) or table.quoted_span[first] >= 0:
            continue
        tokens = table.tokens_between(date.start, date.end)
        top = next((t for t in tokens if table.head[t] not in tokens), first)
        place = _place(table, top, candidate.cue)
        if place is None or (table.dep[top] == "poss" and table.lower[table.head[top]] not in _MEDIA):
            continue
        if best is None or (place, abs(first - candidate.cue)) < best:
            best, mention = (place, abs(first - candidate.cue)), table.text[date.start : date.end]
    return mention


def _place(table: TokenTable, token: int, cue: int) -> int | None:
    """How far from the cue a word hangs in its sentence: 0 on the cue, 1 on a noun below it, 2 on another verb that it
    shares its subject with or that says when; None where it belongs to something else."""
    place, node = 0, token
    if 0 < token - cue < 5 and not any(table.tag[t][:2] in {"VB", "NN"} for t in range(cue + 1, token)):
        return 0
    while node != cue:
        above = table.head[node]
        if above == node:
            break
        if table.dep[node] in _OFF:
            return None
        if node != token and table.dep[node] in SUBJECTS:
            return None
        if table.tag[above][:2] == "VB" and above != cue:
            place = 2
            if any(table.lower[k] in REASONS and table.dep[k] == "mark" for k in table.children[above]):
                return None
        elif table.tag[above][:2] in {"NN", "PR"}:
            place = max(place, 1)
        node = above
    return place if node == cue else _place_beside(table, cue)


def _place_beside(table: TokenTable, cue: int) -> int | None:
    """How far from the cue a word is that does not hang on it; None where it belongs to another verb."""
    if table.dep[cue] == "relcl":
        return None  # "The mayor, who said it was shut, left on Monday."
    own = any(table.dep[k] in SUBJECTS for k in table.children[cue])
    return None if own and table.dep[cue] == "conj" else 2


def _inside(table: TokenTable, token: int, candidate: QuoteCandidate) -> bool:
    return any(a <= table.start[token] < b for a, b in candidate.segments)


def _end(table: TokenTable, first: int, last: int) -> int:
    """Where words end that may end in marked ones: on CNN's “New Day”."""
    number = table.quoted_span[last]
    return table.quoted_spans[number].end if number >= 0 and number != table.quoted_span[first] else table.end[last]


def _noun(table: TokenTable, head: int, candidate: QuoteCandidate) -> str:
    first = last = head
    new = False
    for kid in table.children[head]:
        if kid < head and table.tag[kid] != "_SP":
            first = min(first, table.left_edge[kid])
            new |= table.lower[kid] in {"a", "an"}
        elif kid < head or _inside(table, kid, candidate) or _inside(table, table.right_edge[kid], candidate):
            continue
        elif table.dep[kid] == "prep" and (
            table.lower[kid] == "of"
            or (new and table.lower[kid] in {"in", "at", "from"})
            or (table.lower[kid] == "for" and table.lower[head].removesuffix("s") in ROLES)
        ):
            dated = any(find_dates(table.text, table.start[kid], table.end[table.right_edge[kid]]))
            if not dated and table.right_edge[kid] - kid < 8:
                last = max(last, table.right_edge[kid])
        elif table.dep[kid] == "conj" and table.tag[kid][:2] == "NN" and kid - last < 5:
            last = max(last, kid)
        elif table.dep[kid] == "appos" and table.left_edge[kid] == last + 1:
            last = table.right_edge[kid]  # the newspaper Dnevni Most
    return table.text[table.start[first] : _end(table, first, last)]
