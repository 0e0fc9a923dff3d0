"""Reads the tables of cases and says in words how what was found differs; cases/README.md explains the format."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.models import Quote

FOLDER = Path(__file__).parent / "cases"
_PIECE = re.compile(r"⟦(\+?)(.*?)⟧", re.DOTALL)
_ANYTHING = "*"
_NOTHING = "–"
_DETAILS = ("to", "medium", "when", "date", "modality", "mention", "title", "of", "how")

Expected = dict[str, str]


@dataclass(frozen=True)
class Case:
    """One row: the text without its brackets, and what is expected of each quote by the name of the column."""

    place: str
    row: str
    text: str
    quotes: tuple[Expected, ...]


def read_tables(folder: Path) -> list[Case]:
    """The cases of every table in the folder, in order.

    Raises:
        ValueError: a row that cannot be read, with its place.
    """
    cases = []
    for path in sorted(folder.glob("[0-9]*.md")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("| ") and not line.startswith("| text |"):
                cases.append(_case(f"{path.stem}:{number}", line))
    return cases


def _case(place: str, row: str) -> Case:
    cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
    if len(cells) != 5:
        raise ValueError(f"{place}: a row has 5 cells, this one {len(cells)}: {row}")
    marked, kind, speaker, cue, also = cells
    pieces = _pieces(marked.replace(" ¶ ", "\n"))
    text = _PIECE.sub(r"\2", marked.replace(" ¶ ", "\n"))
    if kind == "none":
        if pieces:
            raise ValueError(f"{place}: no quote is expected, yet one is bracketed.")
        return Case(place, row, text, ())
    columns = {"quote": pieces, "type": _split(kind), "speaker": _split(speaker), "cue": _split(cue)}
    for item in filter(None, (part.strip() for part in also.split(";"))):
        name, _, value = item.partition("=")
        if name not in _DETAILS:
            raise ValueError(f"{place}: {name!r} is none of {', '.join(_DETAILS)}.")
        columns[name] = _split(value)
    for name, values in columns.items():
        if len(values) not in {1, len(pieces)} or not values:
            raise ValueError(f"{place}: {len(pieces)} quotes are bracketed, but {len(values)} values of {name} given.")
    quotes = [{name: values[min(n, len(values) - 1)] for name, values in columns.items()} for n in range(len(pieces))]
    return Case(place, row, text, tuple(quotes))


def _split(cell: str) -> list[str]:
    return [value.strip() for value in cell.split(" / ")]


def _pieces(marked: str) -> list[str]:
    """Each quote's pieces as "start-end text", joined; a bracket with + goes on with the quote before."""
    quotes: list[list[str]] = []
    taken = 0  # characters of brackets so far
    for match in _PIECE.finditer(marked):
        start = match.start() - taken
        taken += 2 + len(match[1])
        piece = _shown(start, start + len(match[2]), match[2])
        if match[1]:
            quotes[-1].append(piece)
        else:
            quotes.append([piece])
    return [" + ".join(pieces) for pieces in quotes]


def _shown(start: int, end: int, text: str) -> str:
    return f"{text} [{start}:{end}]"


def found(quote: Quote) -> Expected:
    """What was found, in the words of the tables."""
    speaker = quote.speaker
    values = {
        "quote": " + ".join(_shown(a, b, part) for (a, b), part in zip(quote.segments, quote.parts, strict=True)),
        "type": quote.type.value,
        "speaker": speaker.name if speaker else None,
        "cue": quote.cue.text if quote.cue else None,
        "to": quote.addressee,
        "medium": quote.medium,
        "when": quote.date_mention,
        "date": quote.said_on.isoformat() if quote.said_on else None,
        "modality": quote.modality.value,
        "mention": speaker.mention if speaker else None,
        "title": speaker.title if speaker else None,
        "of": speaker.affiliation if speaker else None,
        "how": speaker.resolution.value if speaker else None,
    }
    return {name: _NOTHING if value is None else value for name, value in values.items()}


def difference(case: Case, quotes: list[Quote]) -> str:
    """What is not as the case says, a line for each point; empty where all is."""
    ours = [found(quote) for quote in quotes]
    lines = []
    for number in range(max(len(case.quotes), len(ours))):
        if number >= len(ours):
            lines.append(f"  missing: {case.quotes[number]['quote']}")
        elif number >= len(case.quotes):
            lines.append(f"  too many: {ours[number]['quote']} (cue {ours[number]['cue']})")
        else:
            for name, value in case.quotes[number].items():
                if value not in {_ANYTHING, ours[number][name]}:
                    lines.append(f"  {name}: expected {value}\n  {' ' * len(name)}     found {ours[number][name]}")
    return "\n".join([f"{case.place}  {case.text!r}", *lines]) if lines else ""
