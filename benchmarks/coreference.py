"""Measures how often a pronoun or a role gets the right name, on texts of others that are no news.

    python -m benchmarks.coreference FOLDER [--part development]

FOLDER holds any of three sets as their makers publish them; nothing of them is in this project:

- GAP (google-research-datasets/gap-coreference, Apache-2.0): `gap-development.tsv` and so on, with a pronoun and two
  names in each. F1 over both names as its own scorer counts it, in the text alone; the page's address is not read.
- GUM (amir-zeldes/gum, annotations CC BY 4.0): `coref/gum/conll`, every genre but news, and `splits.md`.
- LitBank (dbamman/litbank, CC BY 4.0): `coref/conll`, English novels; every fifth is kept for testing.

Of GUM and LitBank it asks who each pronoun and each "the …" of somebody with a name is: right, wrong, or left open.
"""

import argparse
import csv
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.settings import EnrichmentSettings
from pipeline.text.names.antecedents import Antecedents
from pipeline.text.names.name_index import Referent
from pipeline.text.names.presence import Scored, clear
from pipeline.text.names.referents import find_referents
from pipeline.text.nlp import shared
from pipeline.text.quotes.lexicon.grammar import HE_OR_HIMSELF, IT, PROPER, SHE_OR_HERSELF, THEY

PARTS = ("development", "test", "train")
"""Of the sets; only GUM has a part for training, which is neither measured nor counted with the others."""

_GUM_SECTIONS = {"development": "dev", "test": "test", "train": "train"}
_GAP_FILES = {"development": ("gap-development.tsv", "gap-validation.tsv"), "test": ("gap-test.tsv",), "train": ()}
_NO_SPACE_BEFORE = frozenset(".,;:!?)]}%’”'s n't 's 're 've 'll 'd 'm".split())
_KINDS = ("he", "she", "they", "it", "the …")


class GapRow(NamedTuple):
    """A pronoun of GAP, and two names with whether each is meant."""

    text: str
    pronoun: str
    at: int
    names: tuple[tuple[str, int, bool], tuple[str, int, bool]]


@dataclass
class Chains:
    """A text of GUM or LitBank: its words, its sentences' ends, and its mentions with the chain of each."""

    id: str
    words: list[str] = field(default_factory=list)
    ends: set[int] = field(default_factory=set)
    mentions: list[tuple[int, int, str]] = field(default_factory=list)


def read_gap(path: Path) -> list[GapRow]:
    """The rows of one of GAP's files."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            GapRow(
                row["Text"],
                row["Pronoun"],
                int(row["Pronoun-offset"]),
                (
                    (row["A"], int(row["A-offset"]), row["A-coref"].upper() == "TRUE"),
                    (row["B"], int(row["B-offset"]), row["B-coref"].upper() == "TRUE"),
                ),
            )
            for row in rows
        ]


def read_conll(path: Path) -> Chains:
    """The words and chains of a file in CoNLL's form, GUM's or LitBank's."""
    chains = Chains(path.stem)
    opened: dict[str, list[int]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        columns = line.split("\t")
        if line.startswith("#") or len(columns) < 3:
            if chains.words:
                chains.ends.add(len(chains.words) - 1)
            continue
        number = len(chains.words)
        chains.words.append(columns[3] if len(columns) > 5 else columns[1])
        for opens, name, closes in re.findall(r"(\()?([\w.*+,'’:&;/%$#@!?\"“”–-]+)(\))?", columns[-1]):
            if name != "_" and (opens or closes):
                if opens:
                    opened[name].append(number)
                if closes and opened[name]:
                    chains.mentions.append((opened[name].pop(), number, name))
    return chains


def measure_gap(nlp: Language, rows: list[GapRow]) -> dict[str, tuple[float, float, float]]:
    """Precision, recall and F1: overall, masculine and feminine."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row, doc in zip(rows, nlp.pipe(row.text for row in rows), strict=True):
        meant = answer_gap(doc, row)
        for (_, _, right), ours in zip(row.names, meant, strict=True):
            outcome = ("true" if right == ours else "false") + (" positive" if ours else " negative")
            for group in ("overall", "masculine" if row.pronoun.lower() in HE_OR_HIMSELF else "feminine"):
                counts[group][outcome] += 1
    return {group: _f1(count) for group, count in counts.items()}


def answer_gap(doc: Doc, row: GapRow) -> tuple[bool, bool]:
    """Whether the pronoun stands for each of the names, as ours has it."""
    antecedents = Antecedents(find_referents(doc))
    table = antecedents.table
    token = table.token_at(row.at)
    scored = antecedents.of_pronoun(token, table.lower[token])
    if not scored:
        return False, False
    best = scored[0][1]
    return is_meant(antecedents, best, *row.names[0][:2]), is_meant(antecedents, best, *row.names[1][:2])


def is_meant(antecedents: Antecedents, referent: Referent, name: str, start: int) -> bool:
    """Whether the name that begins at a character is one of a referent's mentions."""
    table, tokens = antecedents.table, antecedents.table.tokens_between(start, start + len(name))
    by_name = (antecedents.by_token.get(token) for token in tokens)
    if any(p is not None and (p is referent or referent in p.shared_by) for p in by_name):
        return True
    if any(token in referent.mentions for token in tokens):
        return True  # a surname that is not hers whom the text names in full
    return any(antecedents.referents.surnames.get(table.word(token)) is referent for token in tokens)


def gap_rows(folder: Path, part: str) -> list[GapRow]:
    """GAP's rows of a part, if the folder has them."""
    return [row for file in _GAP_FILES[part] if (folder / file).exists() for row in read_gap(folder / file)]


def measure_chains(nlp: Language, texts: Iterable[Chains]) -> dict[str, Counter[str]]:
    """For each kind of mention how many were right, wrong or left open."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for chains in texts:
        doc = parsed(nlp, chains)
        antecedents = Antecedents(find_referents(doc))
        named, smallest = chains_with_names(antecedents, chains)
        for first, last, chain in chains.mentions:
            found = _asked(antecedents, chains, first, last) if chain in named else None
            if found is not None:
                kind, scored = found
                counts[kind][_outcome(scored, chain, smallest)] += 1
    return counts


def parsed(nlp: Language, chains: Chains) -> Doc:
    """The parse of a text by its own words."""
    words: list[str] = []
    spaces: list[bool] = []
    for number, word in enumerate(chains.words):
        words.append(word)
        following = chains.words[number + 1] if number + 1 < len(chains.words) else ""
        spaces.append(following not in _NO_SPACE_BEFORE and word not in {"(", "[", "“", "‘"})
    return nlp(Doc(nlp.vocab, words=words, spaces=spaces))


def chains_with_names(antecedents: Antecedents, chains: Chains) -> tuple[set[str], dict[int, str]]:
    """The chains that a name belongs to, and the innermost chain of each token."""
    table = antecedents.table
    smallest: dict[int, str] = {}
    for first, last, chain in sorted(chains.mentions, key=lambda m: m[0] - m[1]):
        smallest.update(dict.fromkeys(range(first, last + 1), chain))
    named = {chain for token, chain in smallest.items() if token in antecedents.by_token and table.tag[token] in PROPER}
    return named, smallest


def _asked(antecedents: Antecedents, chains: Chains, first: int, last: int) -> tuple[str, Scored] | None:
    """The kind of a mention and whom it may stand for; None where it is neither a pronoun nor a "the …"."""
    table = antecedents.table
    word = table.lower[first]
    if first == last:
        for kind, words in zip(_KINDS, (HE_OR_HIMSELF, SHE_OR_HERSELF, THEY, IT), strict=False):
            if word in words:
                return kind, antecedents.of_pronoun(first, word)
    head = next((t for t in range(first, last + 1) if not first <= table.head[t] <= last), last)
    if word == "the" and table.tag[head] == "NN" and not any(t in antecedents.by_token for t in range(first, last + 1)):
        return "the …", antecedents.holders(head, first, head, table.lower[head])
    return None


def _outcome(scored: Scored, chain: str, smallest: dict[int, str]) -> str:
    if not scored or not clear(scored) or not scored[0][1].mentions:
        return "open"
    return "right" if is_of(scored[0][1], chain, smallest) else "wrong"


def is_of(referent: Referent, chain: str, smallest: dict[int, str]) -> bool:
    """Whether most mentions of a referent belong to a chain."""
    hits = sum(smallest.get(token) == chain for token in referent.mentions)
    return 2 * hits >= len(referent.mentions) > 0


def _f1(count: Counter[str]) -> tuple[float, float, float]:
    right = count["true positive"]
    precision = right / max(1, right + count["false positive"])
    recall = right / max(1, right + count["false negative"])
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def gum_texts(folder: Path, part: str) -> Iterator[Chains]:
    """GUM's texts of a part, without news, as its `splits.md` tells the parts apart."""
    splits = (folder / "splits.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", splits, re.MULTILINE | re.DOTALL)
    wanted = {id for name, ids in sections if name == _GUM_SECTIONS[part] for id in re.findall(r"\* (\w+)", ids)}
    for path in sorted((folder / "coref" / "gum" / "conll").glob("GUM_*.conll")):
        if path.stem.split("_")[1] != "news" and path.stem in wanted:
            yield read_conll(path)


def litbank_texts(folder: Path, part: str) -> Iterator[Chains]:
    """LitBank's texts of a part: every fifth is for testing, the others are for development."""
    for number, path in enumerate(sorted((folder / "coref" / "conll").glob("*.conll"))):
        if part == ("test" if number % 5 == 4 else "development"):
            yield read_conll(path)


def _print_chains(name: str, counts: dict[str, Counter[str]]) -> None:
    sys.stdout.write(
        f"\n| {name} | mentions | right | wrong | open | right of those told |\n|---|---|---|---|---|---|\n"
    )
    for kind in _KINDS:
        count = counts[kind]
        told = count["right"] + count["wrong"]
        share = count["right"] / told if told else 0.0
        row = (kind, count.total(), count["right"], count["wrong"], count["open"], f"{share:.3f}")
        sys.stdout.write("| " + " | ".join(map(str, row)) + " |\n")


def main() -> int:
    """Measures what the folder holds and prints a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--part", choices=PARTS, default="development", help="look at test as figures only")
    options = parser.parse_args()
    folder, part = options.folder, options.part
    nlp = shared(EnrichmentSettings().model)
    found = False
    for base in [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]:
        rows = gap_rows(base, part)
        if rows:
            found = True
            sys.stdout.write(f"\n| GAP, {part} ({len(rows)}) | precision | recall | F1 |\n|---|---|---|---|\n")
            for group, figures in sorted(measure_gap(nlp, rows).items(), reverse=True):
                sys.stdout.write(f"| {group} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |\n")
        if (base / "coref" / "gum").is_dir():
            found = True
            _print_chains(f"GUM, {part}", measure_chains(nlp, gum_texts(base, part)))
        if (base / "coref" / "conll").is_dir():
            found = True
            _print_chains(f"LitBank, {part}", measure_chains(nlp, litbank_texts(base, part)))
    if not found:
        sys.stderr.write(f"{folder} holds neither GAP's gap-*.tsv nor GUM's or LitBank's coref/.\n")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
