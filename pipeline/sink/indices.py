"""Names the indices and makes them, with their templates, mappings and aliases.

An article and its quotes live in the pair of indices of its month: `whosaid-articles-v1-2025.03` and
`whosaid-quotes-v1-2025.03`. `v1` is the version of the set (pipeline.sink.index_versions); searches see one version.
The month is that of the first of `published`, `modified` and `fetched` that is not in the future. Articles from before
the window of `WHOSAID_SINK__MONTHS`, and those without a believable date, share the pair `…-other`. So a feed that
dates its items at random, in the year 0001 or in 9999, cannot fill the cluster with indices.

The sink makes each index itself, with its whole body, before it first writes to it. So the cluster need not create
indices automatically, and a lost template cannot lead to an index whose mapping Elasticsearch guessed.
"""

import contextlib
import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from elasticsearch import ApiError, BadRequestError, Elasticsearch, TransportError

from pipeline import elasticsearch_client, index_health
from pipeline.errors import ClusterUnavailable, IndicesUnfit
from pipeline.models import Article
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

FIRST_VERSION = index_health.FIRST_VERSION

KINDS = index_health.KINDS
"""Quotes come first: an article's document must outlive its quotes (see pipeline.sink.writer)."""

SEGMENTS = 24
"""So many segments of about one size are merged into one; by default Elasticsearch merges ten."""

REFRESH = 30
"""Seconds between two refreshes that Elasticsearch does by itself; the sink asks for most (pipeline.sink.refresher)."""

OTHER = "other"
"""Stands for the month of articles that are older than the window or have no believable date."""

BY_ID: list[dict[str, str]] = [{"id": "asc"}, {"_index": "asc"}]
"""The order in which all documents are read; no two are at the same place."""

_OURS = re.compile(rf".+-(?:articles|quotes)-v\d+-(?:\d{{4}}\.\d\d|{OTHER})")

_NO_METADATA = frozenset({"read_only", "read_only_allow_delete", "metadata"})
"""Blocks under which Elasticsearch does not change a mapping."""

_FORMER_REFRESH = "1s"  # the interval until 0.1.0
_CLOCK_SKEW = timedelta(days=1)
_PATIENCE = 5.0  # seconds for asking why Elasticsearch takes no more
_AT_ONCE = 30  # names in one request, whose line has a limit
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
    """The pattern of a version's indices of all months; `v*` stands for all versions."""
    return name(settings, kind, "*", version)


def ours(index: str) -> bool:
    """Whether the name is one that `name` makes, and not one that only begins so, as somebody's copy of a month."""
    return _OURS.fullmatch(index) is not None


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
    """Settings, mappings and alias (where it is searched) of an index, for a cluster with these modules."""
    return {
        "settings": {
            "number_of_shards": settings.elasticsearch.shards,
            "number_of_replicas": settings.elasticsearch.replicas,
            # Where this is set, Elasticsearch also refreshes an index that nobody searches: the first search is fast.
            "refresh_interval": f"{REFRESH}s",
            # How long Elasticsearch remembers the version of a deletion: a sink that was cut off and comes back late
            # must not bring back what a newer revision removed.
            "gc_deletes": "1h",
            # Each refresh leaves a small segment. Merging many of them at once writes each document again less often;
            # a search reads some segments more.
            "merge.policy.segments_per_tier": SEGMENTS,
            "merge.policy.max_merge_at_once": SEGMENTS,
            "analysis": _analysis(modules),
            **_lifecycle(settings, modules),
        },
        "mappings": _mapping(kind),
        "aliases": {alias(settings, kind): {}} if searched else {},
    }


def prepare(client: Elasticsearch, settings: Settings) -> "Indices":
    """Makes the templates and this month's indices, and adds new fields to those that are there. Idempotent.

    The version is the one that the aliases name.

    Raises:
        IndicesUnfit: it is unclear which version is meant; the message says how to tell.
        ClusterUnavailable: Elasticsearch does not answer, or refused.
    """
    modules = elasticsearch_client.modules(client)
    try:
        version = current(client, settings)
        for kind in KINDS:
            client.indices.put_index_template(
                name=f"{settings.elasticsearch.prefix}-{kind}-{version}",
                index_patterns=[pattern(settings, kind, version)],
                template=body(settings, kind, modules),
                priority=_TEMPLATE_PRIORITY,
            )
        indices = Indices(client, settings, modules, version)
        indices.add_fields()
        indices.lengthen_refresh()
        # So that the aliases exist: then a search of an empty cluster finds nothing and does not fail.
        indices.ensure_now()
        return indices
    except TransportError as error:
        raise elasticsearch_client.unavailable(client, error) from error
    except ApiError as error:
        raise ClusterUnavailable(
            f"Elasticsearch refused the indices: {elasticsearch_client.reason(error)}. Check the user's privileges, "
            f"and whether {settings.elasticsearch.prefix}-* are indices of this version of WhoSaid; "
            "`whosaid reindex` builds new ones from those of an older one."
        ) from error


def current(client: Elasticsearch, settings: Settings) -> str:
    """The version that is searched and written; in a new cluster the first. Raises the client's own errors.

    Raises:
        IndicesUnfit: no index carries an alias, and several versions could be meant; or none can carry it.
    """
    state = index_health.Examiner(client, settings).look()
    for problem in state.problems:
        if problem.fault in (index_health.Fault.NO_VERSION, index_health.Fault.ALIAS_TAKEN):
            raise IndicesUnfit(problem.sentence)
    return state.version or FIRST_VERSION


def number(version: str) -> int:
    """The number of a version: 2 of `v2`."""
    digits = version.removeprefix("v")
    return int(digits) if digits.isdecimal() else 0


def fence(settings: Settings, version: str) -> str:
    """The name of the template that blocks a version for writing."""
    return f"{settings.elasticsearch.prefix}-fence-{version}"


def fenced(client: Elasticsearch, settings: Settings, version: str) -> bool:
    """Whether a version is blocked for writing. Raises the client's own errors."""
    return bool(client.indices.exists_index_template(name=fence(settings, version)))


class Indices:
    """The indices of one version. It makes each month when it is first needed, and remembers those it has seen."""

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
        self._examiner = index_health.Examiner(client, settings)
        self._known: set[str] = set()  # months
        self._mapped: set[str] = set()  # ids of indices that have all fields

    def look(self) -> index_health.State:
        """The state of the indices."""
        return self._examiner.look(version=None if self.searched else self.version)

    def trouble(self) -> str:
        """Why Elasticsearch itself refuses to write, and how to mend it; empty where it does not."""
        patient = self._client.options(request_timeout=_PATIENCE)
        try:
            state = index_health.Examiner(patient, self._settings).look(
                version=None if self.searched else self.version, deep=True
            )
        except elasticsearch_client.ERRORS:
            return ""
        return index_health.hint(problem for problem in state.problems if problem.refused).rstrip(".")

    def add_fields(self, state: index_health.State | None = None) -> None:
        """Adds the fields that the indices of the version lack, where Elasticsearch allows changes now.

        Raises:
            elasticsearch.ApiError, elasticsearch.TransportError: Elasticsearch refused, or does not answer.
        """
        there = (state or self.look()).indices
        for kind in KINDS:
            new = [
                index
                for index in there
                if (index.ours, index.kind, index.version, index.closed) == (True, kind, self.version, False)
                and index.uuid not in self._mapped
                and not index.blocks & _NO_METADATA
            ]
            for chunk in elasticsearch_client.chunks(new, _AT_ONCE):
                # Elasticsearch takes neither for an index that is there.
                fields = {name: value for name, value in _mapping(kind).items() if name not in ("_meta", "_source")}
                self._client.indices.put_mapping(index=[index.name for index in chunk], **fields)
                self._mapped |= {index.uuid for index in chunk}

    def lengthen_refresh(self) -> None:
        """Gives our interval to those indices of the version whose interval is that of an earlier release.

        An index that is blocked is not written, so its interval does not matter; it stays as it is.

        Raises:
            elasticsearch.ApiError, elasticsearch.TransportError: Elasticsearch does not answer, or refused.
        """
        former = [
            name
            for kind in KINDS
            for name, content in self._client.indices.get_settings(
                index=pattern(self._settings, kind, self.version), name=["index.refresh_interval", "index.blocks.*"]
            ).items()
            if _is_former(content.get("settings", {}).get("index", {}))
        ]
        for names in elasticsearch_client.chunks(former, _AT_ONCE):
            self._client.indices.put_settings(
                index=names, settings={"refresh_interval": f"{REFRESH}s"}, ignore_unavailable=True
            )

    def check(self) -> index_health.State:
        """Makes sure that searches find all that is written; puts missing aliases and fields back.

        Raises:
            IndicesUnfit: searches would not find what is written; the message says where, why, and how to mend it.
            elasticsearch.ApiError, elasticsearch.TransportError: Elasticsearch refused, or does not answer.
        """
        state = self.look()
        if self.searched and state.version not in (None, self.version):
            return state  # the aliases name another version: writers have to go there
        self._known &= {index.month for index in state.indices if index.version == self.version}
        if state.unlisted:
            self._put_back(state)
            state = self.look()
        stopping = [problem for problem in state.problems if problem.stops]
        if stopping:
            raise IndicesUnfit(f"{self._own_reason(stopping[0])}{index_health.hint(stopping).rstrip('.')}")
        with contextlib.suppress(BadRequestError):  # `prepare` refuses such an index when the sink starts
            self.add_fields(state)
        return state

    def ensure(self, months: set[str]) -> None:
        """Makes the indices of these months where they are missing.

        Raises:
            elasticsearch.ApiError, elasticsearch.TransportError: Elasticsearch refused, or does not answer; also where
                somebody else has made an index under the name.
        """
        for month in sorted(months - self._known):
            for kind in KINDS:
                index = name(self._settings, kind, month, self.version)
                try:
                    self._client.indices.create(index=index, **_aged(self._bodies[kind], month))
                    logger.info("Made the index %s", index)
                except BadRequestError as error:
                    if elasticsearch_client.error_type(error) != "resource_already_exists_exception" or self._foreign(
                        index
                    ):
                        raise
            self._known.add(month)

    def ensure_now(self) -> None:
        """Makes the indices of this month, unless something is wrong, which `check` says before a write."""
        state = self.look()
        if not any(problem.stops for problem in state.problems):
            self.ensure({f"{datetime.now(UTC):%Y.%m}"})

    def forget(self) -> None:
        """Forgets the months it has seen, as somebody deleted an index: `ensure` looks again before the next write."""
        self._known.clear()

    def _foreign(self, index: str) -> bool:
        faults = {index_health.Fault.FOREIGN, index_health.Fault.UNLISTED}
        return any(index in problem.indices for problem in self.look().problems if problem.fault in faults)

    def _put_back(self, state: index_health.State) -> None:
        """Puts the aliases back on our indices that lack them.

        The actions succeed or fail together. They fail where an index no longer carries the alias that it carried a
        moment ago, as after a swap to another version, so that an old version never gets an alias back.
        """
        own = [index for index in state.indices if index.ours and index.version == self.version]
        for wanted, names in state.unlisted.items():
            actions: list[dict[str, Any]] = [{"add": {"index": index, "alias": wanted}} for index in names]
            aliases = [wanted, *(alias(self._settings, kind) for kind in KINDS)]
            carried = (
                {"index": index.name, "alias": name} for name in aliases for index in own if name in index.aliases
            )
            held = next(carried, None)
            if held:
                actions = [{"remove": held | {"must_exist": True}}, {"add": held}, *actions]
            try:
                self._client.indices.update_aliases(actions=actions)
            except ApiError as error:
                logger.warning(
                    "The alias %s cannot be put back on %s: %s", wanted, names[0], elasticsearch_client.reason(error)
                )
                continue
            logger.warning("The alias %s was taken off %s and is put back", wanted, ", ".join(names))

    def _own_reason(self, problem: index_health.Problem) -> str:
        """Elasticsearch's own reason for refusing; empty where it gives none."""
        try:
            if problem.fault is index_health.Fault.FOREIGN:
                self._client.indices.create(index=problem.indices[0], **self._bodies[problem.kind])
            elif problem.fault is index_health.Fault.ALIAS_TAKEN:
                month = name(self._settings, problem.kind, f"{datetime.now(UTC):%Y.%m}", self.version)
                self._client.indices.create(index=month, **self._bodies[problem.kind])
            else:
                self._client.indices.get_alias(name=alias(self._settings, problem.kind))
        except ApiError as error:
            return (
                f"Elasticsearch says {elasticsearch_client.error_type(error)}: {elasticsearch_client.reason(error)}. "
            )
        return ""


def _is_former(content: Mapping[str, Any]) -> bool:
    """Whether an index with these settings has an earlier release's interval, and may be changed."""
    blocks = {name for name, on in content.get("blocks", {}).items() if on == "true"}
    return content.get("refresh_interval") == _FORMER_REFRESH and not blocks & _NO_METADATA


def _lifecycle(settings: Settings, modules: frozenset[str]) -> dict[str, str]:
    """The policy by which an index moves from tier to tier; none where the settings or the cluster have none."""
    policy = settings.elasticsearch.lifecycle
    return {"lifecycle.name": policy} if policy and elasticsearch_client.LIFECYCLE in modules else {}


def _aged(body: dict[str, Any], month: str) -> dict[str, Any]:
    """The body for the index of a month, whose age counts from the month's end and not from when it is made."""
    if "lifecycle.name" not in body["settings"] or month == OTHER:
        return body
    year, number = map(int, month.split("."))
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return body | {"settings": body["settings"] | {"lifecycle.origination_date": int(end.timestamp() * 1000)}}


def _analysis(modules: frozenset[str]) -> dict[str, Any]:
    """The analysers `news` (running text) and `names` (people, roles, organisations).

    WhoSaid itself searches the fields `terms.*`, whose words pipeline.terms makes, the same on every cluster. These
    analysers are for other programs, such as Kibana. They drop no stop words. A cluster without the module
    analysis-common has no stemmer and does not fold accents.
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
    return mapping | {"_meta": {index_health.MARK: {"kind": kind}}}
