"""Learns the weights by which a pronoun finds whom it means, from texts that are no news.

    python -m benchmarks.pronouns FOLDER [--rounds 3]

FOLDER is as for `benchmarks.coreference`; only development parts are read, and of GAP only what its makers call
development and validation. Each pronoun with a candidate that its annotators say is right is a case; the weights make
the right candidates of all cases likeliest, by a conditional logistic regression with a penalty on large weights. As
earlier pronouns are mentions too, it learns in rounds: each finds the candidates with the weights of the one before.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from benchmarks.coreference import (
    Chains,
    GapRow,
    chains_with_names,
    gap_rows,
    gum_texts,
    is_meant,
    is_of,
    litbank_texts,
    parsed,
)
from pipeline.settings import EnrichmentSettings
from pipeline.text.names import ranking
from pipeline.text.names.antecedents import Antecedents
from pipeline.text.names.referents import find_referents
from pipeline.text.nlp import shared
from pipeline.text.quotes.lexicon.grammar import HE_OR_HIMSELF, SHE_OR_HERSELF

TABLE = Path(ranking.__file__).with_name("pronoun_weights.tsv")
_HEADER = (
    "# Weights of what is true of a pronoun and somebody whom it may mean: `benchmarks/pronouns.py` learns them.\n"
)
_CHAINS_KEPT = 8  # every eighth case of GUM and LitBank: novels and talk are not to outweigh what is nearer to news
_LEAST = 10  # cases that a feature needs
_PENALTY = 10.0
_OWN = "GAP: "  # before a feature's copy that only GAP's cases have
_STEPS, _SPEED = 400, 0.05

Case = list[tuple[list[str], bool]]
"""The candidates of one pronoun: what is true of each, and whether it is right."""


def gap_cases(pairs: Iterable[tuple[Doc, GapRow]]) -> Iterator[Case]:
    """The cases of GAP: where neither name is meant, all other candidates may be right."""
    for doc, row in pairs:
        antecedents = Antecedents(find_referents(doc))
        table = antecedents.table
        token = table.token_at(row.at)
        candidates, found = _found(antecedents, token)
        names = [tuple(is_meant(antecedents, c.referent, *name[:2]) for name in row.names) for c in candidates]
        a, b = row.names[0][2], row.names[1][2]
        yield [(f, (a and is_a) or (b and is_b) or not (a or b or is_a or is_b))
               for f, (is_a, is_b) in zip(found, names, strict=True)]  # fmt: skip


def chain_cases(pairs: Iterable[tuple[Doc, Chains]]) -> Iterator[Case]:
    """The cases of GUM and LitBank."""
    for doc, chains in pairs:
        antecedents = Antecedents(find_referents(doc))
        named, smallest = chains_with_names(antecedents, chains)
        for first, last, chain in sorted(chains.mentions):
            if first == last and antecedents.table.lower[first] in HE_OR_HIMSELF | SHE_OR_HERSELF and chain in named:
                candidates, found = _found(antecedents, first)
                yield [(f, is_of(c.referent, chain, smallest)) for f, c in zip(found, candidates, strict=True)]


def _found(antecedents: Antecedents, token: int) -> tuple[list[ranking.Candidate], list[list[str]]]:
    table = antecedents.table
    gender = "he" if table.lower[token] in HE_OR_HIMSELF else "she"
    antecedents.of_pronoun(token, table.lower[token])
    candidates = antecedents.candidates(token, gender)
    return candidates, [list(ranking.features(table, token, gender, c)) for c in candidates]


def learn_both(gap: list[Case], chains: list[Case]) -> dict[str, float]:
    """The weights of GAP's cases, which are nearest to news, where the others' are evidence too.

    Each feature stands twice in GAP's cases, so that what holds there alone is learnt apart (Daumé III 2007,
    "Frustratingly easy domain adaptation").
    """
    doubled = [[(found + [_OWN + feature for feature in found], right) for found, right in case] for case in gap]
    weights = learn(doubled + chains)
    names = {feature.removeprefix(_OWN) for feature in weights}
    return {name: round(weights.get(name, 0.0) + weights.get(_OWN + name, 0.0), 3) for name in sorted(names)}


def learn(cases: list[Case]) -> dict[str, float]:
    """The weights that make the right candidates likeliest."""
    cases = [case for case in cases if any(right for _, right in case) and not all(right for _, right in case)]
    counts = Counter(feature for case in cases for found, _ in case for feature in found)
    names = sorted(feature for feature, count in counts.items() if count >= _LEAST)
    number = {feature: at for at, feature in enumerate(names)}
    rows, columns, right, groups = [], [], [], []
    row = 0
    for at, case in enumerate(cases):
        for found, is_right in case:
            for feature in found:
                if feature in number:
                    rows.append(row)
                    columns.append(number[feature])
            right.append(is_right)
            groups.append(at)
            row += 1
    weights = _descend(np.array(rows), np.array(columns), np.array(right), np.array(groups), len(names))
    return {feature: round(float(weight), 3) for feature, weight in zip(names, weights, strict=True)}


def _descend(rows: np.ndarray, columns: np.ndarray, right: np.ndarray, groups: np.ndarray, size: int) -> np.ndarray:
    """Adam on the marginal likelihood of the right candidates."""
    weights, first, second = np.zeros(size), np.zeros(size), np.zeros(size)
    count = int(groups.max()) + 1
    for step in range(1, _STEPS + 1):
        scores = np.bincount(rows, weights[columns], minlength=len(right))
        odds = np.exp(scores - scores.max())
        share = odds / np.bincount(groups, odds, minlength=count)[groups]
        good = np.where(right, odds, 0.0)
        wanted = good / np.bincount(groups, good, minlength=count)[groups]
        slope = np.bincount(columns, (share - wanted)[rows], minlength=size) + _PENALTY * weights
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        weights = weights - _SPEED * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights


def accuracy(cases: list[Case]) -> float:
    """The share of cases whose likeliest candidate is right."""
    told = [case for case in cases if case]

    def total(found: list[str]) -> float:
        return sum(ranking.WEIGHTS.get(feature, 0.0) for feature in found)

    return sum(max(case, key=lambda one: total(one[0]))[1] for case in told) / max(1, len(told))


def main() -> int:
    """Learns from what the folder holds and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    nlp: Language = shared(EnrichmentSettings().model)
    rows, texts = [], []
    for base in [options.folder, *sorted(path for path in options.folder.iterdir() if path.is_dir())]:
        rows += gap_rows(base, "development")
        if (base / "coref" / "gum").is_dir():
            texts += list(gum_texts(base, "development"))
        if (base / "coref" / "conll").is_dir():
            texts += list(litbank_texts(base, "development"))
    gap = list(zip(nlp.pipe(row.text for row in rows), rows, strict=True))
    chains = [(parsed(nlp, text), text) for text in texts]
    for number in range(options.rounds):
        sets = [list(gap_cases(gap)), list(chain_cases(chains))]
        if number:
            sys.stderr.write(f"round {number}: right " + ", ".join(f"{accuracy(cases):.3f}" for cases in sets) + "\n")
        ranking.WEIGHTS.clear()
        ranking.WEIGHTS.update(learn_both(sets[0], sets[1][::_CHAINS_KEPT]))
    table = "".join(f"{feature}\t{weight}\n" for feature, weight in sorted(ranking.WEIGHTS.items()))
    TABLE.write_text(f"{_HEADER}feature\tweight\n{table}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
