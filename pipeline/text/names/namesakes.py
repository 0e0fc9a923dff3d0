"""Finds whom a surname means that several people of an article have."""

from pipeline.text.names.name_index import Referent
from pipeline.text.quotes.tokens import TokenTable

_OLDER, _YOUNGER = frozenset({"older", "elder", "eldest"}), frozenset({"younger", "youngest"})
_PARENTS = frozenset({"father", "mother", "grandfather", "grandmother", "dad", "mum", "mom"})
_CHILDREN = frozenset({"son", "daughter", "grandson", "granddaughter"})
_SIBLINGS = frozenset({"brother", "sister", "sibling", "twin"})
_MANY = 100  # mentions of a surname that are read for who is older, at the most
_BEING = frozenset({"is", "was", "'s"})


def meant_by_surname(table: TokenTable, shared: Referent, first: int, last: int) -> Referent | None:
    """Whom a surname means: the only one named in full so far, or the one whom "the elder" or "the younger" tells.

    Args:
        table: the article.
        shared: the surname, with those who have it.
        first: the mention's first token.
        last: the mention's last token.
    """
    before = table.lower[first - 1] if first else ""
    if before in _OLDER | _YOUNGER:
        older = _oldest(table, shared)
        if older is None or len(shared.shared_by) != 2:
            return None
        return next(one for one in shared.shared_by if (one is older) == (before in _OLDER))
    introduced = [one for one in shared.shared_by if _named_within(table, one, 0, last)]
    return introduced[0] if len(introduced) == 1 else None


def named_near(table: TokenTable, shared: Referent, token: int) -> list[Referent]:
    """Those who have a surname and are named in the paragraph before a token, or else in the paragraph before that."""
    here = table.paragraph[token]
    for paragraph in (here, here - 1):
        if paragraph < 0:
            break
        low = table.paragraph_tokens(paragraph).start
        found = [one for one in shared.shared_by if _named_within(table, one, low, token)]
        if found:
            return found
    return []


def _named_within(table: TokenTable, referent: Referent, low: int, high: int) -> bool:
    """Whether somebody is named between two tokens, outside marks."""
    return any(low <= token < high and table.quoted_span[token] < 0 for token in referent.mentions)


def _oldest(table: TokenTable, shared: Referent) -> Referent | None:
    """The older of two people, if the article tells: by ages, as parent and child, or as "the older sister"."""
    told: dict[int, set[bool]] = {}
    for one, other in (shared.shared_by[:2], shared.shared_by[1::-1]):
        for held, words in one.roles:
            if held in _PARENTS or (held in _SIBLINGS and words & _OLDER):
                told.setdefault(id(one), set()).add(True)
            elif held in _CHILDREN or (held in _SIBLINGS and words & _YOUNGER):
                told.setdefault(id(one), set()).add(False)
        ages = [next((int(held) for held, _ in p.roles if held.isdigit()), None) for p in (one, other)]
        if None not in ages and ages[0] != ages[1]:
            told.setdefault(id(one), set()).add(ages[0] > ages[1])  # type: ignore[operator]
    for token in shared.mentions[:_MANY]:
        is_older = _is_older(table, token)
        if is_older is not None and len(near := named_near(table, shared, token)) == 1:
            told.setdefault(id(near[0]), set()).add(is_older)
    one, other = shared.shared_by[:2]
    older = {id(one) if is_older else id(other) for is_older in told.get(id(one), ())}
    older |= {id(other) if is_older else id(one) for is_older in told.get(id(other), ())}
    if len(older) != 1:
        return None
    return one if id(one) in older else other


def _is_older(table: TokenTable, subject: int) -> bool | None:
    """What "Lee is the older sister of …" tells of its subject."""
    verb = table.head[subject]
    if table.dep[subject] != "nsubj" or table.lower[verb] not in _BEING:
        return None
    for noun in table.children[verb]:
        if table.dep[noun] == "attr" and table.lower[noun] in _SIBLINGS:
            words = {table.lower[kid] for kid in table.children[noun]}
            return True if words & _OLDER else False if words & _YOUNGER else None
    return None
