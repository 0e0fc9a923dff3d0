"""The indices: their names, their templates, and how they are made and dropped.

An article and its quotes live in the pair of indices of its month: `whosaid-articles-v1-2025.03` and
`whosaid-quotes-v1-2025.03`. The `v1` is the version of the set (pipeline.sink.versions); one is searched at a time.
The month is that of the first of `published`, `modified` and `fetched` that is not in the future. Articles from before
the window of `WHOSAID_SINK__MONTHS`, and those without a believable date, share the pair `…-other`: a feed that dates
its items at random, in the year 0001 or in 9999, cannot fill the cluster with indices.

The sink makes each index itself, with its whole body, before it first writes to it. So it needs no automatic creation
in the cluster, and where the template was lost no index comes to be whose mapping was guessed.
"""

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from elasticsearch import ApiError, BadRequestError, Elasticsearch, TransportError

from pipeline import cluster
from pipeline.errors import ClusterUnavailable, InputError
from pipeline.models import Article
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

FIRST_VERSION = "v1"
"""Of the indices of a fresh cluster. `whosaid reindex` builds the next version and swaps the aliases to it."""

KINDS = ("quotes", "articles")
"""Quotes first: an article's document outlives its quotes, never the other way round (see pipeline.sink.revisions)."""

OTHER = "other"
"""Stands for the month of what is older than the window, or has no date that can be true."""

_CLOCK_SKEW = timedelta(days=1)
_TEMPLATE_PRIORITY = 200  # above those that come with Elasticsearch


def month(article: Article, *, now: datetime, months: int) -> str:
    """The month whose indices the article belongs to, as YYYY.MM, or `other`."""
    latest = now + _CLOCK_SKEW
    for moment in (article.published, article.modified, article.fetched):
        if moment is not None and moment <= latest:
            age = (now.year - moment.year) * 12 + now.month - moment.month
            return f"{moment:%Y.%m}" if age < months else OTHER
    return OTHER


def name(settings: Settings, kind: str, month: str, version: str = FIRST_VERSION) -> str:
    """The index of a month; `kind` is "articles" or "quotes"."""
    return f"{settings.elasticsearch.prefix}-{kind}-{version}-{month}"


def pattern(settings: Settings, kind: str, version: str = FIRST_VERSION) -> str:
    """What matches the indices of all months of a version; `v*` stands for all versions."""
    return name(settings, kind, "*", version)


def month_of(index: str) -> str:
    """The month in an index's name."""
    return index.rpartition("-")[2]


def version_of(index: str) -> str:
    """The version in an index's name."""
    return index.split("-")[-2]


def alias(settings: Settings, kind: str) -> str:
    """The alias over the indices of the version that is searched."""
    return settings.articles_alias if kind == "articles" else settings.quotes_alias


def body(settings: Settings, kind: str, modules: frozenset[str], *, searched: bool = True) -> dict[str, Any]:
    """Settings, mappings and alias (where it is to be searched) of an index, fit for a cluster with these modules."""
    return {
        "settings": {
            "number_of_shards": settings.elasticsearch.shards,
            "number_of_replicas": settings.elasticsearch.replicas,
            # Said explicitly, an index nobody searches is refreshed too: the first search is not slow.
            "refresh_interval": "1s",
            # How long a deletion's version is remembered: a sink that was cut off and comes back late
            # must not bring back what a newer revision took away.
            "gc_deletes": "1h",
            "analysis": _analysis(modules),
        },
        "mappings": _mapping(kind),
        "aliases": {alias(settings, kind): {}} if searched else {},
    }


def prepare(client: Elasticsearch, settings: Settings) -> "Indices":
    """Makes the cluster ready: templates, the indices of this month, new fields in those that are there. Idempotent.

    The version is the one that the aliases name.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer, or refused.
    """
    modules = cluster.modules(client)
    try:
        version = current(client, settings)
        for kind in KINDS:
            client.indices.put_index_template(
                name=f"{settings.elasticsearch.prefix}-{kind}-{version}",
                index_patterns=[pattern(settings, kind, version)],
                template=body(settings, kind, modules),
                priority=_TEMPLATE_PRIORITY,
            )
        add_fields(client, settings, version)
        # So that the aliases exist, and a search of an empty cluster finds nothing instead of failing.
        indices = Indices(client, settings, modules, version)
        indices.ensure({f"{datetime.now(UTC):%Y.%m}"})
        return indices
    except TransportError as error:
        raise cluster.unavailable(client, error) from error
    except ApiError as error:
        raise ClusterUnavailable(
            f"Elasticsearch refused the indices: {cluster.reason(error)}. Check the user's privileges, and whether "
            f"{settings.elasticsearch.prefix}-* are indices of this version of WhoSaid; if an older one made them, "
            "`whosaid reindex` builds new ones from them."
        ) from error


def add_fields(client: Elasticsearch, settings: Settings, version: str) -> None:
    """Gives the indices of a version the fields that they lack. Raises the client's own errors."""
    for kind in KINDS:
        if client.indices.get(index=pattern(settings, kind, version), filter_path="*.settings.index.uuid"):
            client.indices.put_mapping(index=pattern(settings, kind, version), **_mapping(kind))


def current(client: Elasticsearch, settings: Settings) -> str:
    """The version that is searched and written; in a fresh cluster the first. Raises the client's own errors.

    While the aliases are being swapped a sink may just have made an index of the version that goes; that one is
    fenced (pipeline.sink.versions), and so is not meant.
    """
    there = client.indices.get(
        index=pattern(settings, "articles", "v*"), filter_path=f"*.aliases.{settings.articles_alias}"
    )
    found = {version_of(index) for index in there}
    if len(found) > 1:
        found -= {version for version in found if fenced(client, settings, version)}
    return max(found, key=number, default=FIRST_VERSION)


def number(version: str) -> int:
    """The number of a version: 2 of `v2`."""
    digits = version.removeprefix("v")
    return int(digits) if digits.isdecimal() else 0


def fence(settings: Settings, version: str) -> str:
    """The name of the template that keeps a version from being written."""
    return f"{settings.elasticsearch.prefix}-fence-{version}"


def fenced(client: Elasticsearch, settings: Settings, version: str) -> bool:
    """Whether a version is kept from being written. Raises the client's own errors."""
    return bool(client.indices.exists_index_template(name=fence(settings, version)))


def drop_months_before(client: Elasticsearch, settings: Settings, first: str) -> list[str]:
    """Deletes all versions' indices of months before `first` (YYYY.MM), quotes first; the names of those deleted.

    The indices of `other` stay: nobody can say how old what is in them is.

    Raises:
        InputError: `first` is not written as a month.
        ClusterUnavailable: Elasticsearch does not answer, or refused.
    """
    if not re.fullmatch(r"\d{4}\.(0[1-9]|1[0-2])", first):
        raise InputError(f"'{first}' is no month; write it as YYYY.MM, like 2026.03.")
    try:
        dropped = []
        for kind in KINDS:
            there = client.indices.get(index=pattern(settings, kind, "v*"), filter_path="*.settings.index.uuid")
            for index in sorted(there):
                if month_of(index) != OTHER and month_of(index) < first:
                    client.options(ignore_status=404).indices.delete(index=index)
                    dropped.append(index)
        return dropped
    except (ApiError, TransportError) as error:
        raise cluster.unavailable(client, error) from error


class Indices:
    """The month indices, made when they are first needed; knows those it has seen."""

    def __init__(
        self,
        client: Elasticsearch,
        settings: Settings,
        modules: frozenset[str],
        version: str = FIRST_VERSION,
        *,
        searched: bool = True,
    ) -> None:
        self.version = version
        self.searched = searched
        self._client = client
        self._settings = settings
        self._bodies = {kind: body(settings, kind, modules, searched=searched) for kind in KINDS}
        self._known: set[str] = set()

    def ensure(self, months: set[str]) -> None:
        """Makes the indices of these months where they are missing.

        Raises:
            elasticsearch.ApiError, elasticsearch.TransportError: Elasticsearch refused, or does not answer.
        """
        for one in sorted(months - self._known):
            for kind in KINDS:
                index = name(self._settings, kind, one, self.version)
                try:
                    self._client.indices.create(index=index, **self._bodies[kind])
                    logger.info("Made the index %s", index)
                except BadRequestError as error:
                    if cluster.error_type(error) != "resource_already_exists_exception":
                        raise
            self._known.add(one)

    def forget(self) -> None:
        """An index turned out to be gone (its month was dropped): look again before the next write."""
        self._known.clear()


def _analysis(modules: frozenset[str]) -> dict[str, Any]:
    """The analysers `news` (running text) and `names` (people, roles, organisations).

    No stop words are dropped: people look for what was said word by word, and "to be or not to be" has no other words.
    A cluster without the module analysis-common has no stemmer and does not fold accents: "élections" is then found by
    "élections" only.
    """
    if "analysis-common" not in modules:
        plain = {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}
        return {"analyzer": {"news": plain, "names": plain}}
    return {
        "filter": {
            "english_possessive": {"type": "stemmer", "language": "possessive_english"},
            "english_stemmer": {"type": "stemmer", "language": "english"},
        },
        "analyzer": {
            "news": {
                "type": "custom",
                "tokenizer": "standard",
                # asciifolding first: it turns typographic apostrophes into those the stemmers know.
                "filter": ["lowercase", "asciifolding", "english_possessive", "english_stemmer"],
            },
            "names": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "asciifolding"]},
        },
    }


@cache
def _mapping(kind: str) -> dict[str, Any]:
    text = resources.files("pipeline.sink").joinpath("mappings", f"{kind}.json").read_text(encoding="utf-8")
    mapping: dict[str, Any] = json.loads(text)
    return mapping
