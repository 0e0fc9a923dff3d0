"""Collects what an article says that somebody named is: roles, and the gender that these or pronouns tell."""

from collections.abc import Iterator, Mapping

from pipeline.text.names.name_index import ORG, PERSON, Mention, Referent, gender_told
from pipeline.text.names.person_name import FEMALE_TITLES, MALE_TITLES, RANKS, is_title, key, pronoun_of
from pipeline.text.quotes.lexicon.grammar import HE_OR_HIMSELF, PROPER, SHE_OR_HERSELF, SUBJECTS
from pipeline.text.quotes.lexicon.nouns import (
    COMPANIES,
    FEMALE_NOUNS,
    INSTITUTIONS,
    KIN,
    MALE_NOUNS,
    ROLES,
    is_role,
    role,
)
from pipeline.text.quotes.tokens import TokenTable

_MOST_ROLES = 50  # that are kept of somebody
FORMER = frozenset({"former", "ex", "late", "retired"})
"""Words before a role that somebody held once."""

_BEFORE_NAME = PROPER | {"NN"}
_OF_TITLE = _BEFORE_NAME | {"JJ"}
"""Tags of titles before a name, and of the words beside them."""

_KINDS_OF_BODIES = COMPANIES | INSTITUTIONS
_TEENS = frozenset(map(str, range(13, 20)))
_SET_OFF = frozenset({",", ".", ";", ":", ")", "(", "—", "–", "--"})
_OPENS_ROLE = frozenset({"a", "an", "the", "another", "its", "his", "her", "their", "our", "my"})
_OBJECTS = frozenset({"dobj", "dative", "pobj"})
_BEING = frozenset({"is", "was", "are", "were", "be", "been", "became", "becomes"})
_CHOOSING = frozenset({"elected", "re-elected", "reelected", "appointed", "named", "made", "crowned"})
_HE_OR_SHE = HE_OR_HIMSELF | SHE_OR_HERSELF
_MALE = MALE_TITLES | MALE_NOUNS | {"husband", "son", "uncle", "nephew", "widower", "man", "boy"}
_FEMALE = FEMALE_TITLES | FEMALE_NOUNS | {"wife", "daughter", "aunt", "niece", "widow", "woman", "girl"}


def describe(
    table: TokenTable, by_token: Mapping[int, Referent], referent: Referent, mention: Mention, span: tuple[int, int]
) -> None:
    """Add what the sentence around a mention tells of its referent.

    Args:
        table: the article.
        by_token: whose name each token belongs to, as far as that is known.
        referent: whom the mention names.
        mention: the mention.
        span: its first and last token.
    """
    first, last = span
    for start in range(first - 1, max(-1, first - 6), -1):
        # Titles before the name: "Foreign Minister Ann Lee", "flight director Ann Lee", "the charity Vale Aid".
        if table.tag[start] not in _BEFORE_NAME or not first - 5 <= table.head[start] <= last:
            break
        body = referent.label == ORG and table.lower[start] in _KINDS_OF_BODIES and table.word(start).islower()
        if body or is_role(table.lower[start]):
            near = range(max(0, start - 3), first)
            words = {table.lower[token] for token in near if table.tag[token] in _OF_TITLE}
            _add_role(referent, role(table.lower[start]), frozenset(words))
    nouns = {noun for noun in _nouns_said_of(table, first, last) if by_token.get(noun, referent) is referent}
    if referent.label == PERSON:
        before, roles = _titles_before(table, first)
        for one in roles:
            _add_role(referent, *one)
        nouns |= {noun for noun in _noun_before(table, before, last) if not _is_name(table, by_token, noun)}
    for noun in sorted(nouns):
        _add_role(referent, role(table.lower[noun]), frozenset(_phrase(table, noun)))
    if referent.label == PERSON and not referent.shared_by:
        if _is_teenager(table, first, last):
            _add_role(referent, "teenager", frozenset({"teenager"}))
        if last + 1 < len(table.lower) and table.lower[last + 1] == "," and _is_they(table, first, last):
            referent.gender = "they"
        _tell_gender(referent, mention)


def _is_teenager(table: TokenTable, first: int, last: int) -> bool:
    """Whether an age beside a name is a teenager's: Ann Lee, 19, or 19-year-old Ann Lee."""
    behind = table.lower[last + 2] if last + 2 < len(table.lower) and table.lower[last + 1] == "," else ""
    before = table.lower[first - 5] if first > 4 and table.lower[first - 1] == "old" else ""  # 19 - year - old Ann Lee
    return behind in _TEENS or before in _TEENS


def _add_role(referent: Referent, held: str, words: frozenset[str]) -> None:
    if (held, words) not in referent.roles and len(referent.roles) < _MOST_ROLES:
        referent.roles.append((held, words))


def gender_by_pronoun(table: TokenTable, by_token: Mapping[int, Referent], referent: Referent) -> str | None:
    """What a sentence tells that names nobody else and goes on with pronouns of one gender."""
    for mention in referent.mentions:
        if table.dep[mention] not in SUBJECTS or table.quoted_span[mention] >= 0:
            continue
        if _HE_OR_SHE.isdisjoint(table.lower[mention + 1 : table.sentence_bounds(mention)[1] + 1]):
            continue
        token, genders = mention + 1, set()
        while token < len(table.sentence) and table.sentence[token] == table.sentence[mention]:
            other = by_token.get(token)
            named = other is not None and other is not referent and other.label == PERSON
            if table.quoted_span[token] >= 0 or named:
                break
            if table.lower[token] in _HE_OR_SHE and not _is_somebody_else(table, mention, token):
                genders.add("he" if table.lower[token] in HE_OR_HIMSELF else "she")
            token += 1
        if len(genders) == 1:
            told = genders.pop()
            given = pronoun_of(referent.words[0]) if len(referent.words) == 1 else None
            return told if given in {None, told} else None
    return None


def _is_somebody_else(table: TokenTable, subject: int, pronoun: int) -> bool:
    """Whether the grammar says that a pronoun is not the subject: "Lee rewards her", "Lee breaks up with him"."""
    if table.lower[pronoun].endswith("self") or table.dep[pronoun] not in _OBJECTS:
        return False
    above = table.head[pronoun]
    if table.dep[pronoun] == "pobj":
        above = table.head[above]
    return above == table.head[subject]


def _nouns_said_of(table: TokenTable, first: int, last: int) -> Iterator[int]:
    """The nouns that the sentence puts beside a name or says that it is."""
    head = _head_of(table, first, last)
    if head is None:
        return
    above = table.head[head]
    if table.dep[head] == "appos" and table.tag[above][:2] == "NN":
        yield above
    for child in table.children[head]:
        if table.dep[child] == "appos" and child > last:
            yield child
        if table.dep[child] == "relcl":
            yield from _attributes(table, child)
    if table.dep[head] in SUBJECTS:
        yield from _attributes(table, above)
    if table.dep[head] == "attr" and table.lower[above] in _BEING:  # "Its director is Ann Lee."
        yield from (kid for kid in table.children[above] if table.dep[kid] == "nsubj" and is_role(table.lower[kid]))


def _head_of(table: TokenTable, first: int, last: int) -> int | None:
    """The first token of a name that depends on nothing else in it."""
    for token in range(first, last + 1):
        above = table.head[token]
        if above == token or not first <= above <= last:
            return token
    return None


def _role_at(table: TokenTable, last: int) -> Iterator[int]:
    """The role before the name of a body or a place that ends at a token: the head of Vale Rail."""
    low, _ = table.sentence_bounds(last)
    of = last
    while of > low and (table.tag[of] in PROPER or table.lower[of] == "the"):
        of -= 1
    noun = of - 1
    governed = noun >= low and table.lower[of] in {"of", "at", "for"}
    if governed and table.tag[noun] == "NN" and is_role(table.lower[noun]):
        yield noun


def _is_name(table: TokenTable, by_token: Mapping[int, Referent], noun: int) -> bool:
    return noun in by_token and (by_token[noun].label == PERSON or not table.word(noun).islower())


def _titles_before(table: TokenTable, first: int) -> tuple[int, list[tuple[str, frozenset[str]]]]:
    """The first token of the titles before a name, and the roles that they give: DS Ann Lee is a detective sergeant."""
    words: list[str] = []
    while first:
        stop = first > 1 and table.lower[first - 1] == "." and table.lower[first - 2] in RANKS
        title = first - 1 - stop
        if not is_title(table.lower[title]) or not table.word(title)[0].isupper():
            break
        first = title
        words[:0] = RANKS.get(key(table.lower[first]), key(table.lower[first])).split()
    past = {table.lower[first - 1]} & FORMER if first else set()
    if not words and not past:
        return first, []
    phrase = frozenset(words) | past
    return first, [(role(word), phrase) for word in sorted(phrase & ROLES)]


def _noun_before(table: TokenTable, first: int, last: int) -> Iterator[int]:
    """The role that is written before a name, whatever the parse makes of it.

    That is the noun right before it ("the centre-half Ann Lee"), or one set off by a comma, where the sentence
    stops behind the name ("by a trainee, Ann Lee, who").
    """
    noun = first - 1
    if noun < 1 or table.sentence[noun] != table.sentence[last] or table.quoted_span[noun] >= 0:
        return
    if table.tag[noun] == "NN" and table.head[noun] in range(first, last + 1):
        yield noun
    after = table.lower[last + 1] if last + 1 < len(table.lower) else "."
    if table.lower[noun] != "," or after not in _SET_OFF:
        return
    noun -= 1
    if table.tag[noun] in PROPER:
        yield from _role_at(table, noun)
    if table.tag[noun] != "NN":
        return
    above = table.head[table.head[noun]]
    governed = table.dep[noun] == "pobj" and table.lower[table.head[noun]] in {"of", "in", "for", "at"}
    if governed and table.tag[above] == "NN":
        if table.lower[noun] in ROLES:
            return  # "the aide of the mayor, Ann Lee,": either of them
        noun = above
    if table.lower[table.left_edge[noun]] in _OPENS_ROLE or any(table.dep[k] == "poss" for k in table.children[noun]):
        yield noun


def _attributes(table: TokenTable, verb: int) -> list[int]:
    """The nouns that a form of "be" gives its subject, or a passive like "was elected mayor"."""
    if table.lower[verb] in _CHOOSING and any(table.dep[kid] == "auxpass" for kid in table.children[verb]):
        return [k for k in table.children[verb] if table.dep[k] == "oprd" and table.lower[k] in ROLES]
    if table.lower[verb] not in _BEING:
        return []
    return [k for k in table.children[verb] if table.dep[k] == "attr" and table.lower[k] in ROLES]


def _phrase(table: TokenTable, noun: int) -> set[str]:
    """The words of a noun's phrase: its adjectives and compounds, and the nouns behind "of", "at" or "for"."""
    children = table.children[noun]
    words = {table.lower[kid] for kid in children if table.tag[kid][:2] in {"NN", "JJ"} and table.dep[kid] != "conj"}
    before = noun - 1
    while before >= 0 and table.tag[before] in {"NN", "JJ", "HYPH"} and table.sentence[before] == table.sentence[noun]:
        words.add(table.lower[before])  # "the rookie centre-half Ann Lee": all hang on the name
        before -= 1
    for child in children:
        if table.lower[child] in {"of", "at", "for"}:
            words |= {table.lower[below] for below in table.children[child] if table.dep[below] == "pobj"}
    return words | {table.lower[noun]}


def _is_they(table: TokenTable, first: int, last: int) -> bool:
    """Whether what is told right behind a name says that "they" is its pronoun."""
    kids = (kid for token in range(first, last + 1) for kid in table.children[token] if kid > last)
    behind = [table.lower[t] for kid in kids if table.dep[kid] in {"relcl", "appos", "acl"}
              for t in range(table.left_edge[kid], table.right_edge[kid] + 1)]  # fmt: skip
    named = any("they" in word.split("/") for word in behind) and bool({"pronoun", "pronouns"} & set(behind))
    return named or bool({"nonbinary", "non-binary", "enby"} & set(behind))


def _tell_gender(referent: Referent, mention: Mention) -> None:
    if referent.gender == "they":
        return
    told = {word for _, phrase in referent.roles for word in phrase} | set(mention.titles)
    if told & _MALE:
        referent.gender = "he"
    elif told & _FEMALE:
        referent.gender = "she"
    elif referent.gender is None:
        referent.gender = gender_told(mention)
        if referent.gender is None and (len(referent.words) > 1 or told & KIN):
            referent.gender = pronoun_of(referent.words[0])
