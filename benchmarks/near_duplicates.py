"""Measures how well near copies are told from other articles: precision and recall over generated copies.

    python benchmarks/near_duplicates.py                              # of the sample articles
    python benchmarks/near_duplicates.py --articles news.jsonl.gz     # of any JSON lines with "text" or "body"

Of each article, copies are made the way sites make them: the headline edited, the byline changed, the tail cut,
advertisements put in, words replaced, and all of that together. Every copy and every other article is then looked up as
the sink does it: by shared bands first, and of those by the similarity of the fingerprints. Printed for each kind of
copy and several thresholds are recall (copies found) and, over all pairs, precision (of the pairs found, how many are
copies of one article).
"""

import argparse
import gzip
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.samples import articles
from pipeline.settings import Settings
from pipeline.text.fingerprint import bands, fingerprint, similarity

THRESHOLDS = (0.3, 0.4, 0.5, 0.6)
ADVERTISEMENTS = (
    "ADVERTISEMENT",
    "Sign up to our morning newsletter and get the stories that matter in your inbox, every weekday at seven.",
    "Read more: What the new rules mean for you, your family and your savings",
    "Follow us on our channels for live updates, pictures and videos. You can unsubscribe at any time.",
    "This article contains affiliate links; we may get a commission on anything you buy through them.",
    "Related: Ten things that you did not know about your own town, and where to see them this weekend",
)

Change = Callable[[str, random.Random], str]


def _paragraphs(body: str) -> list[str]:
    return [part for part in re.split(r"\n\s*\n", body) if part.strip()]


def headline(body: str, chance: random.Random) -> str:
    """Another headline above the text."""
    return " ".join(chance.sample(body.split(), 9)).capitalize() + "\n\n" + body


def byline(body: str, chance: random.Random) -> str:
    """Another author and agency at the beginning and the end."""
    name = " ".join(chance.sample(("Ada", "Noor", "Ilse", "Reil", "Okafor", "Lindqvist"), 2))
    hour = chance.randrange(24)
    return f"By {name}, Agency staff | updated {hour}:15\n\n{body}\n\nReporting by {name}; editing by desk."


def advertisements(body: str, chance: random.Random) -> str:
    """Two to four notices between the paragraphs."""
    parts = _paragraphs(body)
    for notice in chance.sample(ADVERTISEMENTS, chance.randint(2, 4)):
        parts.insert(chance.randint(1, len(parts)), notice)
    return "\n\n".join(parts)


def tail(share: float) -> Change:
    """A cut that leaves so much of the text."""

    def cut(body: str, _: random.Random) -> str:
        return body[: int(len(body) * share)]

    return cut


def wording(share: float) -> Change:
    """An editor who replaces so many of the words by others of the text."""

    def replace(body: str, chance: random.Random) -> str:
        words = body.split()
        return " ".join(chance.choice(words) if chance.random() < share else word for word in words)

    return replace


def everything(body: str, chance: random.Random) -> str:
    """Headline, byline, advertisements, a fifth cut off, every fiftieth word replaced."""
    for change in (tail(0.8), wording(0.02), advertisements, byline, headline):
        body = change(body, chance)
    return body


CHANGES: dict[str, Change] = {
    "headline": headline,
    "byline": byline,
    "advertisements": advertisements,
    "tail cut by a fifth": tail(0.8),
    "tail cut by a third": tail(0.67),
    "tail cut by a half": tail(0.5),
    "every 50th word": wording(0.02),
    "every 20th word": wording(0.05),
    "everything": everything,
}


@dataclass(frozen=True)
class Result:
    """What was found: of copies by kind (found, made); over all pairs those that are copies, and those that are not."""

    found: Counter[str]
    made: Counter[str]
    right: int
    wrong: int
    pairs: int
    """Pairs of different articles that were looked at."""

    @property
    def precision(self) -> float:
        """Of the pairs found, the share that are copies of one article."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """Of the copies made, the share that was found."""
        return sum(self.found.values()) / max(1, sum(self.made.values()))


class Measurement:
    """Texts with a copy of each kind of each of them, to be looked up at several thresholds."""

    def __init__(self, bodies: Sequence[str], seed: int = 1) -> None:
        chance = random.Random(seed)
        self._bodies = bodies
        self.originals = {number: found for number, body in enumerate(bodies) if (found := fingerprint(body))}
        self._asked = [(number, "", found) for number, found in self.originals.items()]
        for number in self.originals:
            for kind, change in CHANGES.items():
                self._asked.append((number, kind, fingerprint(change(bodies[number], chance)) or ""))
        self._index = defaultdict(set)
        for number, found in self.originals.items():
            for band in bands(found):
                self._index[band].add(number)
        self._copies_in_the_set: dict[tuple[int, int], bool] = {}

    def at(self, threshold: float) -> Result:
        """What is found where texts that are so alike count as copies."""
        found: Counter[str] = Counter()
        made: Counter[str] = Counter()
        right = wrong = 0
        for number, kind, one in self._asked:
            candidates = {other for band in bands(one) for other in self._index[band]}
            alike = {other for other in candidates if similarity(one, self.originals[other]) >= threshold}
            if kind:
                made[kind] += 1
                found[kind] += number in alike
                right += number in alike
            for other in alike - {number}:
                same = self._is_copy(number, other)
                right += same
                wrong += not same
        return Result(found, made, right, wrong, len(self._asked) * (len(self.originals) - 1))

    @property
    def copies_in_the_set(self) -> int:
        """Pairs of different articles that were found and are copies: most of the shorter is in the longer."""
        return sum(self._copies_in_the_set.values())

    def _is_copy(self, one: int, other: int) -> bool:
        pair = (min(one, other), max(one, other))
        if pair not in self._copies_in_the_set:
            first, second = (_runs(self._bodies[number]) for number in pair)
            self._copies_in_the_set[pair] = len(first & second) > 0.5 * min(len(first), len(second))
        return self._copies_in_the_set[pair]


def _runs(body: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", body.casefold())
    return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=Path, help="JSON lines, may be gzipped; by default the sample articles")
    path = parser.parse_args().articles
    if path is None:
        bodies = [article.body for article in articles()]
    else:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            bodies = [one.get("text") or one.get("body") or "" for one in map(json.loads, lines)]
    measurement = Measurement(bodies)
    results = {threshold: measurement.at(threshold) for threshold in THRESHOLDS}
    least = Settings().sink.similarity
    print(f"{len(measurement.originals)} articles, {len(CHANGES)} copies of each; the sink's threshold is {least}")
    print(f"{measurement.copies_in_the_set} pairs of copies were in the set already; they count as right")
    print("| recall of copies with | " + " | ".join(map(str, THRESHOLDS)) + " |")
    print("|---" * (len(THRESHOLDS) + 1) + "|")
    for kind in CHANGES:
        shares = (f"{one.found[kind] / max(1, one.made[kind]):.3f}" for one in results.values())
        print(f"| {kind} | " + " | ".join(shares) + " |")
    print("| all | " + " | ".join(f"{one.recall:.3f}" for one in results.values()) + " |")
    print("| precision | " + " | ".join(f"{one.precision:.4f}" for one in results.values()) + " |")
    wrong = " | ".join(f"{one.wrong} of {one.pairs:,}" for one in results.values())
    print(f"| other articles taken for copies | {wrong} |")


if __name__ == "__main__":
    main()
