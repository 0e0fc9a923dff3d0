"""Counts by what a pronoun finds whom it means, in texts that are no news.

    python -m benchmarks.pronouns FOLDER [--rounds 3]

FOLDER is as for `benchmarks.coreference`; only development parts are read, and of GAP only what its makers call
development and validation. Each pronoun with a candidate that its annotators say is right is a case. A row of the table
counts the cases that have a feature, how often the one who is meant has it, and how often that is expected by the other
features. As these are counted too, all are counted several times, each time with what the others' rows promise. As
earlier pronouns are mentions too, all of it is done in rounds: each finds the candidates with the counts of the one
before.
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

TABLE = Path(ranking.__file__).with_name("pronoun_counts.tsv")
_HEADER = (
    "# How often whom a pronoun means has a feature, and how often that is expected by the others, in GAP\n"
    "# (Apache-2.0), GUM and LitBank (both CC BY 4.0): `benchmarks/pronouns.py` counts them.\n"
    "of\tfeature\tcases\tmeant\texpected\tvariance\n"
)
_CHAINS_KEPT = 8  # every eighth case of GUM and LitBank: novels and talk are not to outweigh what is nearer to news
_LEAST = 10  # cases that a feature needs
_OWN = "GAP: "  # before a feature's copy that only GAP's cases have
_TIMES, _PART = 6, 0.3
"""How often each feature is counted, and the part of the way that its shift goes each time."""

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


def count_both(gap: list[Case], chains: list[Case]) -> dict[tuple[str, str], ranking.Count]:
    """The rows of all cases, and for GAP's, which are nearest to news, rows of what they show besides.

    Each feature stands twice in GAP's cases, so that what holds there alone is counted apart (Daumé III 2007,
    "Frustratingly easy domain adaptation").
    """
    doubled = [[(found + [_OWN + feature for feature in found], right) for found, right in case] for case in gap]
    rows = count(doubled + chains)
    return {
        (ranking.GAP if name.startswith(_OWN) else ranking.ALL, name.removeprefix(_OWN)): row
        for name, row in sorted(rows.items())
    }


def count(cases: list[Case]) -> dict[str, ranking.Count]:
    """A row for each feature of enough cases, counted often enough to settle; those of most cases come first."""
    cases = [case for case in cases if any(right for _, right in case) and not all(right for _, right in case)]
    seen = Counter(feature for case in cases for found, _ in case for feature in found)
    score = np.zeros(sum(map(len, cases)))
    features = [_Feature(places) for places in _places(cases, seen)]
    names = sorted((name for name, number in seen.items() if number >= _LEAST), key=lambda name: (-seen[name], name))
    right = np.array([is_right for case in cases for _, is_right in case])
    rows = {}
    for _ in range(_TIMES):
        for name, feature in zip(names, features, strict=True):
            rows[name] = feature.count(score, right)
    return rows


def _places(cases: list[Case], seen: Counter[str]) -> list[list[tuple[range, list[int]]]]:
    """For each feature, those of most cases first: the candidates of each case that has it, and which of them do."""
    found: dict[str, list[tuple[range, list[int]]]] = {}
    first = 0
    for case in cases:
        candidates = range(first, first + len(case))
        having: dict[str, list[int]] = {}
        for candidate, (features, _) in zip(candidates, case, strict=True):
            for feature in features:
                if seen[feature] >= _LEAST:
                    having.setdefault(feature, []).append(candidate)
        for feature, those in having.items():
            found.setdefault(feature, []).append((candidates, those))
        first += len(case)
    return [found[name] for name in sorted(found, key=lambda name: (-seen[name], name))]


class _Feature:
    """One feature, and its shift so far."""

    def __init__(self, places: list[tuple[range, list[int]]]) -> None:
        self._number = len(places)
        self._all = np.concatenate([np.arange(candidates.start, candidates.stop) for candidates, _ in places])
        self._case = np.repeat(np.arange(self._number), [len(candidates) for candidates, _ in places])
        self._those = np.concatenate([np.array(those) for _, those in places])
        self._has = np.isin(self._all, self._those)
        self._shift = 0.0

    def count(self, score: np.ndarray, right: np.ndarray) -> ranking.Count:
        """Its row with the others' scores, into which its shift is brought."""
        known = score[self._all]
        meant = self._share(np.where(right[self._all], np.exp(known), 0.0))
        expected = self._share(np.exp(known - self._shift * self._has))
        row = ranking.Count(
            self._number,
            round(float(meant.sum()), 1),
            round(float(expected.sum()), 1),
            round(float((expected * (1 - expected)).sum()), 1),
        )
        step = _PART * (row.shift - self._shift)
        self._shift += step
        score[self._those] += step
        return row

    def _share(self, odds: np.ndarray) -> np.ndarray:
        """Of each case, the share of the candidates that have the feature."""
        total = np.bincount(self._case, odds, minlength=self._number)
        return np.bincount(self._case[self._has], odds[self._has], minlength=self._number) / total


def accuracy(cases: list[Case]) -> float:
    """The share of cases whose likeliest candidate is right."""
    told = [case for case in cases if case]

    def total(found: list[str]) -> float:
        return sum(ranking.SHIFTS.get(feature, 0.0) for feature in found)

    return sum(max(case, key=lambda one: total(one[0]))[1] for case in told) / max(1, len(told))


def main() -> int:
    """Counts what the folder holds and writes the table."""
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
    counts: dict[tuple[str, str], ranking.Count] = {}
    for number in range(options.rounds):
        sets = [list(gap_cases(gap)), list(chain_cases(chains))]
        if number:
            sys.stderr.write(f"round {number}: right " + ", ".join(f"{accuracy(cases):.3f}" for cases in sets) + "\n")
        counts = count_both(sets[0], sets[1][::_CHAINS_KEPT])
        ranking.SHIFTS.clear()
        ranking.SHIFTS.update(ranking.shifts(counts))
    table = "".join("\t".join(map(str, (*key, *row))) + "\n" for key, row in counts.items())
    TABLE.write_text(_HEADER + table, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
