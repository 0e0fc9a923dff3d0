"""What goes into the pipeline: articles that are the same in every run, some of them made to end as dead letters."""

import json
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from pipeline import identity
from pipeline.models import Article
from tests.integration.articles import SPEAKERS, TIME, article

LONGEST = 5000
"""Characters an article may have in these tests; see `too_long`."""


def too_long(number: int) -> bool:
    """Whether this article is one for the dead letters."""
    return number % 25 == 24


def edition(number: int, revision: int = 0) -> Article:
    """An article of none to three quotes; each revision has others, so that a lost or an old one shows."""
    moment = TIME + timedelta(minutes=revision)
    said = [
        f"“Bridge {number} will open in May {2026 + line + revision},” {SPEAKERS[(number + line) % len(SPEAKERS)]} "
        "said in London on Tuesday."
        for line in range((number + revision) % 4)
    ]
    body = "\n\n".join(["The council met again.", *said, "Nobody was surprised."])
    if too_long(number):
        body += " It was a long night." * 300
    return article(number, body=body, modified=moment, revision=identity.revision(moment, TIME))


def editions(count: int) -> list[Article]:
    """So many articles, one revision each."""
    return [edition(number) for number in range(count)]


def thrice_and_shuffled(count: int, seed: int = 1) -> list[Article]:
    """Three revisions of each article, each of them three times, in no order at all."""
    events = [edition(number, revision) for number in range(count) for revision in range(3)] * 3
    random.Random(seed).shuffle(events)
    return events


class Spool:
    """A folder of files that a connector reads, and the file of sources that names it."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "spool"
        self.files.mkdir(parents=True)
        self.sources = folder / "sources.yaml"
        source = f"- {{id: spool, kind: file, location: {json.dumps(str(self.files))}}}\n"
        self.sources.write_text(source, encoding="utf-8")
        self._count = 0

    def add(self, articles: Sequence[Article], per_file: int = 20) -> None:
        """Puts the articles there, whole files at once."""
        for start in range(0, len(articles), per_file):
            lines = [json.dumps(_record(one)) for one in articles[start : start + per_file]]
            hidden = self.files / f".{self._count:06}.jsonl"  # a connector must not meet half a file
            hidden.write_text("\n".join(lines), encoding="utf-8")
            hidden.rename(self.files / f"{self._count:06}.jsonl")
            self._count += 1


def _record(one: Article) -> dict[str, str | None]:
    return {
        "url": one.url,
        "title": one.headline,
        "text": one.body,
        "published": one.published.isoformat() if one.published else None,
        "modified": one.modified.isoformat() if one.modified else None,
    }
