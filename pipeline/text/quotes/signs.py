"""Signs that a candidate is a quote or is none, besides its rule and cue: plain classes of what the parse shows.

`signs.tsv` counts for each rule how often candidates with a sign were quotes. A sign moves the odds that rule and cue
give by how much commoner it is among quotes than among the rest; signs depend on each other, so each counts for part.
"""

from functools import lru_cache
from importlib import resources

from pipeline.text.quotes import rates
from pipeline.text.quotes.draft import Draft
from pipeline.text.quotes.sheet import Sheet

_SHARE = 0.6  # how much of its odds a sign brings, as signs overlap
_SIZES = ((1, "1"), (2, "2"), (4, "3-4"), (8, "5-8"), (16, "9-16"), (32, "17-32"))
_DETERMINED = frozenset({"DT", "PRP$", "PRP", "NNP", "NN", "NNS", "IN", "TO", "VBG", "CD", "WP", "WRB", "JJ"})


def signs(sheet: Sheet, draft: Draft) -> tuple[tuple[str, str], ...]:
    """The candidate's signs as pairs of a kind and a class."""
    first = sheet.at(draft.segments[0][0])
    last = max(first, sheet.at(draft.segments[-1][1] - 1))
    count = last - first + 1
    size = next((name for most, name in _SIZES if count <= most), "33+")
    subject, cue = draft.subject, draft.cue
    speaker = "nobody"
    if subject is not None:
        kind = sheet.ent[subject] if sheet.ent[subject] in {"PERSON", "ORG", "GPE", "NORP"} else ""
        place = "" if cue is None else "before" if subject < cue else "behind"
        speaker = f"{kind or sheet.tag[subject]} {place}"
    marked = sum(sheet.region[t] >= 0 for t in range(first, last + 1))
    found = [
        ("size", size),
        ("first word", sheet.tag[first] if sheet.tag[first] in _DETERMINED else "other"),
        ("last word", sheet.tag[last] if sheet.tag[last] in _DETERMINED else "other"),
        ("speaker", speaker),
        ("marked", str(round(4 * marked / count) / 4)),
    ]
    if cue is not None:
        found.append(("cue", f"{sheet.tag[cue]} {sheet.dep[cue]}"))
        above = sheet.head[cue]
        found.append(("above", sheet.dep[above] if above != cue else ""))
    return tuple(found)


@lru_cache(maxsize=1)
def table() -> dict[tuple[str, str, str], tuple[int, int]]:
    """The counts, read once."""
    rows = {}
    source = resources.files(__package__).joinpath("signs.tsv")
    for line in source.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "rule\t")):
            rule, kind, sign, n, found = line.split("\t")
            rows[rule, kind, sign] = (int(n), int(found))
    return rows


def moved(chance: float, rule: str, shown: tuple[tuple[str, str], ...]) -> float:
    """The chance of a quote after what its signs tell."""
    counts = table()
    n, found = counts.get((rule, "*", "*"), (0, 0))
    if not 0 < found < n:
        return chance
    rows = (counts.get((rule, kind, sign), (0, 0)) for kind, sign in shown)
    return rates.moved(chance, found / n, ((_SHARE, cases, hits) for cases, hits in rows))
