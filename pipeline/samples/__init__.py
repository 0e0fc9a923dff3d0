"""Sample articles: invented people, outlets and events, in the shapes that news comes in. `whosaid up` reads them."""

import json
from datetime import datetime
from importlib import resources

from pipeline.identity import article_id, canonical_url, content_hash, revision
from pipeline.models import Article


def articles(fetched: datetime | None = None) -> list[Article]:
    """The sample articles, as a connector would have published them; the same ids and revisions every time.

    Args:
        fetched: when they are read, from which counts how long they take; by default when each was published.
    """
    lines = resources.files(__package__).joinpath("articles.jsonl").read_text(encoding="utf-8").splitlines()
    return [_article(json.loads(line), fetched) for line in lines]


def _article(record: dict[str, str], fetched: datetime | None) -> Article:
    published = datetime.fromisoformat(record["published"])
    return Article.model_validate(
        {
            **record,
            "id": article_id(record["url"]),
            "canonical_url": canonical_url(record["url"]),
            "fetched": fetched or published,
            "revision": revision(None, published),  # the same in a later run
            "content_hash": content_hash(record["headline"], record["body"]),
        }
    )
