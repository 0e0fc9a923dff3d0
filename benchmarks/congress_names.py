"""Measures how well the members of a parliament are found by nickname, by initials and by names without accents.

The file is `legislators-current.yaml` of the repository unitedstates/congress-legislators (CC0), or one of its form.
A query finds a member where that one alone has the best score; where several have it, the query counts as ambiguous.

    python -m benchmarks.congress_names FILE [--wrong]
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from anyascii import anyascii

from pipeline.entities import names
from pipeline.entities.name_match import SAME, compare


def main(arguments: list[str]) -> None:
    """Prints how many queries of each kind find their member, are ambiguous, find none, or find another."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    members = [entry["name"] for entry in yaml.load(Path(arguments[0]).read_text(encoding="utf-8"), loader)]
    full = [_full(name) for name in members]
    blocks: dict[str, list[str]] = {}
    for name in full:
        for word in names.parse(name).strong:
            blocks.setdefault(word.sound, []).append(name)
    counts: Counter[tuple[str, str]] = Counter()
    for name in members:
        for kind, query in _queries(name):
            candidates = {name for word in names.parse(query).strong for name in blocks.get(word.sound, ())}
            found = _best(query, candidates)
            ending = _ending(_full(name), found)
            counts[kind, ending] += 1
            counts["all", ending] += 1
            if ending != "found" and "--wrong" in arguments:
                print(f"{ending}: {query} ({kind} of {_full(name)}): {', '.join(found)}")
    for kind in ("nickname", "initials", "no accents", "all"):
        total = sum(count for (of, _), count in counts.items() if of == kind)
        shown = (f"{ending} {counts[kind, ending]} ({counts[kind, ending] / total:.3f})" for ending in _ENDINGS)
        print(f"{kind}: {total} queries, {', '.join(shown)}")


_ENDINGS = ("found", "ambiguous", "nobody", "wrong")


def _ending(name: str, found: list[str]) -> str:
    if not found:
        return "nobody"
    if name not in found:
        return "wrong"
    return "found" if len(found) == 1 else "ambiguous"


def _best(query: str, candidates: set[str]) -> list[str]:
    scores = {name: compare(query, name).score for name in candidates}
    best = max(scores.values(), default=0.0)
    return sorted(name for name, score in scores.items() if score >= max(SAME, best - 0.005))


def _full(name: dict[str, Any]) -> str:
    return str(name.get("official_full") or f"{name['first']} {name['last']}")


def _queries(name: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if name.get("nickname"):
        yield "nickname", f"{name['nickname']} {name['last']}"
    initials = " ".join(f"{part[0]}." for part in (name["first"], name.get("middle")) if part)
    yield "initials", f"{initials} {name['last']}"
    yield "no accents", anyascii(_full(name)).upper()


if __name__ == "__main__":
    main(sys.argv[1:])
