"""Measures how well people are told apart over many articles, on a generated corpus with known truth.

    python -m benchmarks.entities [PEOPLE] [ARTICLES] [SHUFFLES]

It prints pairwise precision and recall over all pairs of mentions, B³, the CPU time of an article, and what changes
when the articles come in another order, or to two writers by turns.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.entity_corpus import Corpus, Made
from pipeline.entities.duplicates import due, duplicate
from pipeline.entities.resolver import Pool, Resolver, is_full

Labels = list[tuple[int, str]]
"""By mention, the person's number and the cluster it was put into."""


@dataclass(frozen=True)
class Quality:
    """How far clusters agree with the truth."""

    precision: float
    recall: float
    cubed_precision: float
    cubed_recall: float
    abstained: float

    @property
    def f1(self) -> float:
        """The harmonic mean of pairwise precision and recall."""
        return 2 * self.precision * self.recall / (self.precision + self.recall or 1)

    def __str__(self) -> str:
        cubed = 2 * self.cubed_precision * self.cubed_recall / (self.cubed_precision + self.cubed_recall or 1)
        return (
            f"pairwise precision {self.precision:.4f}, recall {self.recall:.4f}, F1 {self.f1:.4f}; B³ precision "
            f"{self.cubed_precision:.4f}, recall {self.cubed_recall:.4f}, F1 {cubed:.4f}; "
            f"{self.abstained:.3f} of the mentions left open"
        )


def resolve(articles: Iterable[Made], writers: int = 1) -> Labels:
    """Resolves the articles, by several writers in turns on one store."""
    pool, resolvers = Pool(), [Resolver() for _ in range(writers)]
    labels: Labels = []
    redirects: dict[str, str] = {}
    for at, made in enumerate(articles):
        resolver = resolvers[at % writers]
        # As pipeline.entities.writer does.
        ordered = sorted(enumerate(made.mentions), key=lambda item: is_full(item[1][0]))
        for number, (mention, person) in ordered:
            link, profile = resolver.resolve(mention, pool)
            if profile is not None:
                profile.see(mention, made.day)
                pool.add(profile)
                same = duplicate(resolver, profile, pool) if due(profile) else None
                if same:
                    same.loser.redirect = redirects[same.loser.id] = same.winner.id
            labels.append((person, link.entity or f"open {made.article} {number}"))
    return [(person, _final(cluster, redirects)) for person, cluster in labels]


def _final(cluster: str, redirects: dict[str, str]) -> str:
    while cluster in redirects:
        cluster = redirects[cluster]
    return cluster


def quality(labels: Labels) -> Quality:
    """Pairwise and B³ precision and recall."""
    truth, clusters, both = Counter(p for p, _ in labels), Counter(c for _, c in labels), Counter(labels)
    together = sum(count * (count - 1) for count in both.values())
    found = sum(count * (count - 1) for count in clusters.values())
    wanted = sum(count * (count - 1) for count in truth.values())
    total = len(labels) or 1
    return Quality(
        together / (found or 1),
        together / (wanted or 1),
        sum(count * count / clusters[cluster] for (_, cluster), count in both.items()) / total,
        sum(count * count / truth[person] for (person, _), count in both.items()) / total,
        sum(cluster.startswith("open ") for _, cluster in labels) / total,
    )


def main(arguments: Sequence[str]) -> None:
    """Prints what was measured."""
    people, articles, shuffles = (int(value) for value in [*arguments, *("10000", "100000", "3")[len(arguments) :]])
    corpus = list(Corpus(people, articles).articles())
    mentions = sum(len(made.mentions) for made in corpus)
    print(f"{people} people, {len(corpus)} articles, {mentions} mentions")
    started = time.process_time()
    base = quality(resolve(corpus))
    print(f"{base}\n{(time.process_time() - started) / len(corpus) * 1000:.2f} ms of CPU an article", flush=True)
    for seed in range(shuffles):
        shuffled = list(corpus)
        random.Random(seed).shuffle(shuffled)
        other = quality(resolve(shuffled))
        print(f"shuffled {seed + 1}: {other}; F1 moves by {other.f1 - base.f1:+.4f}", flush=True)
    other = quality(resolve(corpus, writers=2))
    print(f"two writers: {other}; F1 moves by {other.f1 - base.f1:+.4f}")


if __name__ == "__main__":
    main(sys.argv[1:])
