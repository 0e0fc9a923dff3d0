"""Measures how often a quote is found and its speaker has the right name, on invented articles with known quotes.

    python benchmarks/speaker_names.py [--wrong]

The articles are in tests/unit/text/quotes/articles: `open` was looked at while the rules were made, `held` was written
before them and looked at only as figures. Those of `others_…`, `fresh_…` and `more_…` are by people who had not seen
the rules.

A quote stands as ⟦Ann Lee|what she said⟧ or, with the words by which the text names the speaker there, as
⟦Ann Lee~she|…⟧; ⟦~a spokesman|…⟧ has a speaker without a name; ⟦~|…⟧ is nobody's; ⟦+|…⟧ goes on with the quote before.
A quote is found where the spans overlap by four fifths; its name is right where it is the written one, capitals aside.
F1 of a type counts the quotes found that have it on both sides; what stands behind a label (“LEE: We won”) is direct.
"""

import argparse
import re
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from spacy.language import Language

from pipeline.models import Quote, QuoteType
from pipeline.settings import EnrichmentSettings
from pipeline.text.nlp import shared
from pipeline.text.quotes.extract import extract_quotes

ARTICLES = Path(__file__).parents[1] / "tests" / "unit" / "text" / "quotes" / "articles"
FOLDERS = ("open", "held", "others_open", "others_held", "fresh_open", "fresh_held", "more_open", "more_held")
_QUOTE = re.compile(r"⟦(?:([^|~⟧]*)~)?([^|⟧]*)\|([^⟧]*)⟧")
_OPENING, _CLOSING = tuple("“‘\"'"), tuple("”’\"'")
_SAME = 0.8  # the overlap from which two spans are the same quote
_ARTICLE = re.compile(r"^(?:the|an?) ", re.IGNORECASE)


@dataclass(frozen=True)
class Labelled:
    """A quote as an article has it written in.

    Attributes:
        start: where its first piece begins.
        end: where its last piece ends.
        name: its speaker's full name; where the article gives none, the mention without its article; empty where the
            text does not say.
        mention: the words by which the article names the speaker.
        type: direct where each piece stands in marks or behind a label; mixed where marks are among the words.
    """

    start: int
    end: int
    name: str
    mention: str
    type: QuoteType


@dataclass
class Result:
    """Counts over the articles of a folder, and a line for each quote that went wrong."""

    articles: int = 0
    quotes: int = 0
    found: int = 0
    right: int = 0
    labelled: Counter[QuoteType] = field(default_factory=Counter)
    given: Counter[QuoteType] = field(default_factory=Counter)
    same: Counter[QuoteType] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """The share of right names among the quotes found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """The share of the quotes that were found."""
        return self.found / self.quotes if self.quotes else 0.0

    def f1(self, kind: QuoteType) -> float:
        """Precision and recall in one, over the quotes of a type."""
        return 2 * self.same[kind] / max(1, self.labelled[kind] + self.given[kind])


def read_article(path: Path) -> tuple[str, list[Labelled]]:
    """The text without its brackets, and its quotes."""
    marked = path.read_text(encoding="utf-8")
    quotes: list[Labelled] = []
    pieces, at, length = [], 0, 0
    for match in _QUOTE.finditer(marked):
        before, words = marked[at : match.start()], match[3]
        start = length + len(before)
        length = start + len(words)
        pieces += [before, words]
        at = match.end()
        type_ = _type(before, words)
        if match[2] == "+":
            last = quotes[-1]
            quotes[-1] = replace(last, end=length, type=type_ if type_ == last.type else QuoteType.MIXED)
        else:
            name = match[2] if match[1] is None else match[1] or _ARTICLE.sub("", match[2])
            quotes.append(Labelled(start, length, name, match[2], type_))
    return "".join([*pieces, marked[at:]]), quotes


def _type(before: str, piece: str) -> QuoteType:
    marks = [mark for mark in '“”‘"' if mark in piece]
    if before.endswith(_OPENING) or before.rstrip().endswith(":"):
        return QuoteType.DIRECT
    if piece.startswith(_OPENING) and (piece.endswith(_CLOSING) or len(marks) == 1):
        return QuoteType.DIRECT
    return QuoteType.MIXED if marks else QuoteType.INDIRECT


def measure(nlp: Language, folder: Path) -> Result:
    """What the quote engine makes of the folder's articles."""
    result = Result()
    for path in sorted(folder.glob("*.txt")):
        text, labels = read_article(path)
        ours = extract_quotes(nlp(text), article_id=path.stem, published=None)
        result.articles += 1
        result.quotes += len(labels)
        result.labelled.update(label.type for label in labels)
        result.given.update(quote.type for quote in ours)
        for label in labels:
            _compare(result, label, ours, text, path.stem)
        for quote in ours:
            if all(_overlap(quote.start, quote.end, label) < _SAME for label in labels):
                result.wrong.append(f"{path.stem}: {quote.type} not written in: {quote.text!r}")
    return result


def _compare(result: Result, label: Labelled, ours: list[Quote], text: str, article: str) -> None:
    best = max(ours, key=lambda q: _overlap(q.start, q.end, label), default=None)
    if best is None or _overlap(best.start, best.end, label) < _SAME:
        result.wrong.append(f"{article}: missed {text[label.start : label.end]!r} of {label.name}")
        return
    result.found += 1
    result.same[label.type] += best.type is label.type
    if best.type is not label.type:
        result.wrong.append(f"{article}: {best.type}, not {label.type}: {best.text!r}")
    name = best.speaker.name if best.speaker else "nobody"
    if name.casefold() == (label.name or "nobody").casefold():
        result.right += 1
    else:
        result.wrong.append(f"{article}: {name}, not {label.name} ({label.mention}): {best.text!r}")


def _overlap(start: int, end: int, label: Labelled) -> float:
    both = min(end, label.end) - max(start, label.start)
    return max(0, both) / (max(end, label.end) - min(start, label.start))


def main() -> int:
    """Measures all folders and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", action="store_true", help="show what went wrong in the open articles")
    options = parser.parse_args()
    nlp = shared(EnrichmentSettings().model)
    head = "| articles | number | quotes | found | right name | accuracy | F1 direct | mixed | indirect |"
    sys.stdout.write(f"{head}\n|---|---|---|---|---|---|---|---|---|\n")
    for half in FOLDERS:
        r = measure(nlp, ARTICLES / half)
        f1 = " | ".join(f"{r.f1(kind):.3f}" for kind in (QuoteType.DIRECT, QuoteType.MIXED, QuoteType.INDIRECT))
        sys.stdout.write(f"| {half} | {r.articles} | {r.quotes} | {r.found} | {r.right} | {r.accuracy:.3f} | {f1} |\n")
        if options.wrong and half.endswith("open"):
            sys.stderr.write("".join(f"{line}\n" for line in r.wrong))
    return 0


if __name__ == "__main__":
    sys.exit(main())
