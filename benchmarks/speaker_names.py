"""How often a quote's speaker gets the right name, on articles of our own with the names written in.

    python benchmarks/speaker_names.py [--wrong]

The articles are in tests/unit/text/quotes/articles: `open` was looked at while the rules were made, `held` was written
before them and looked at only as figures. Those of `others_…` are by somebody who has not seen the rules.

A quote stands as ⟦Ann Lee|what she said⟧, ⟦+|…⟧ goes on with the one before. A quote is found where the spans overlap
by four fifths; its name is right where it is the written one, capitals aside.
"""

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from spacy.language import Language

from pipeline.settings import EnrichmentSettings
from pipeline.text.nlp import shared
from pipeline.text.quotes.extract import extract_quotes

ARTICLES = Path(__file__).parents[1] / "tests" / "unit" / "text" / "quotes" / "articles"
FOLDERS = ("open", "held", "others_open", "others_held")
_QUOTE = re.compile(r"⟦([^|⟧]*)\|([^⟧]*)⟧")


@dataclass(frozen=True)
class Labelled:
    """A quote as an article has it written in."""

    start: int
    end: int
    name: str


@dataclass
class Result:
    """Counts over the articles of a folder, and a line for each quote that went wrong."""

    articles: int = 0
    quotes: int = 0
    found: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """The share of right names among the quotes found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """The share of the quotes that were found."""
        return self.found / self.quotes if self.quotes else 0.0


def read_article(path: Path) -> tuple[str, list[Labelled]]:
    """The text without its brackets, and its quotes."""
    marked = path.read_text(encoding="utf-8")
    quotes: list[Labelled] = []
    pieces, at, length = [], 0, 0
    for match in _QUOTE.finditer(marked):
        before = marked[at : match.start()]
        start = length + len(before)
        length = start + len(match[2])
        pieces += [before, match[2]]
        at = match.end()
        if match[1] == "+":
            quotes[-1] = Labelled(quotes[-1].start, length, quotes[-1].name)
        else:
            quotes.append(Labelled(start, length, match[1]))
    return "".join([*pieces, marked[at:]]), quotes


def measure(nlp: Language, folder: Path) -> Result:
    """What the quote engine makes of the folder's articles."""
    result = Result()
    for path in sorted(folder.glob("*.txt")):
        text, labels = read_article(path)
        ours = extract_quotes(nlp(text), article_id=path.stem, published=None)
        result.articles += 1
        result.quotes += len(labels)
        for label in labels:
            best = max(ours, key=lambda q: _overlap(q.start, q.end, label), default=None)
            if best is None or _overlap(best.start, best.end, label) < 0.8:
                result.wrong.append(f"{path.stem}: missed {text[label.start : label.end]!r} of {label.name}")
                continue
            result.found += 1
            name = best.speaker.name if best.speaker else "nobody"
            if name.casefold() == label.name.casefold():
                result.right += 1
            else:
                result.wrong.append(f"{path.stem}: {name}, not {label.name}: {best.text!r}")
    return result


def _overlap(start: int, end: int, label: Labelled) -> float:
    both = min(end, label.end) - max(start, label.start)
    return max(0, both) / (max(end, label.end) - min(start, label.start))


def main() -> int:
    """Measures all folders and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", action="store_true", help="show what went wrong in the open articles")
    options = parser.parse_args()
    nlp = shared(EnrichmentSettings().model)
    sys.stdout.write("| articles | number | quotes | found | right name | accuracy |\n|---|---|---|---|---|---|\n")
    for half in FOLDERS:
        r = measure(nlp, ARTICLES / half)
        sys.stdout.write(f"| {half} | {r.articles} | {r.quotes} | {r.found} | {r.right} | {r.accuracy:.3f} |\n")
        if options.wrong and half.endswith("open"):
            sys.stderr.write("".join(f"{line}\n" for line in r.wrong))
    return 0


if __name__ == "__main__":
    sys.exit(main())
