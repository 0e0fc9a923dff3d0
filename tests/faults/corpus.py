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


def spool(folder: Path, articles: Sequence[Article], per_file: int = 20) -> Path:
    """The articles as files for a connector to read, and the file of sources that names them."""
    files = folder / "spool"
    files.mkdir(parents=True)
    for start in range(0, len(articles), per_file):
        lines = [
            json.dumps(
                {
                    "url": one.url,
                    "title": one.headline,
                    "text": one.body,
                    "published": one.published.isoformat() if one.published else None,
                    "modified": one.modified.isoformat() if one.modified else None,
                }
            )
            for one in articles[start : start + per_file]
        ]
        (files / f"{start:06}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    sources = folder / "sources.yaml"
    sources.write_text(f"- {{id: spool, kind: file, location: {json.dumps(str(files))}}}\n", encoding="utf-8")
    return sources
