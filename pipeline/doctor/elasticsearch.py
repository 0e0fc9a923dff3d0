"""Examines Elasticsearch: its version, health, disks and clock, and whether indices and templates are in order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from pipeline import elasticsearch_client, index_health
from pipeline.doctor.findings import Finding, fault, fine, warning
from pipeline.settings import Settings

OLDEST = (8, 19)
"""The oldest Elasticsearch that the parts are tested with."""

SKEW = 60.0
"""Seconds that two clocks may differ."""

_LOW, _HIGH, _FLOOD = (
    0.85,
    0.90,
    0.95,
)  # of a disk: Elasticsearch's own marks, unless the cluster's settings change them
_FEW_SHARDS = 0.9  # of those that the cluster allows


@dataclass(frozen=True)
class Node:
    """A node: its version, how full its disk is (0 to 1), and how many seconds its clock is ahead of ours."""

    name: str
    version: str
    full: float = 0.0
    ahead: float = 0.0


@dataclass(frozen=True)
class Facts:
    """What Elasticsearch says of itself and of our indices."""

    nodes: tuple[Node, ...] = ()
    modules: frozenset[str] = frozenset()
    status: str = "green"
    unassigned: int = 0
    copies_away: int = 0
    """Shards of ours that are no primaries and have no node."""
    shards: int = 0
    shards_allowed: int = 1000
    problems: tuple[index_health.Problem, ...] = ()
    version: str | None = None
    templates: frozenset[str] = frozenset()
    lifecycle: bool | None = None
    """Whether the lifecycle policy of the settings is there; None where that was not asked."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """By index of ours how many replicas it should have."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """What this user may not see, with Elasticsearch's reason."""


def gather(settings: Settings) -> Facts:
    """Asks Elasticsearch. What this user may not see stands in `hidden`.

    Raises:
        ClusterUnavailable: it does not answer, or refuses this user.
    """
    hidden: dict[str, str] = {}
    with elasticsearch_client.connection(settings, request_timeout=8) as client:
        prefix = settings.elasticsearch.prefix
        # Who may not even search is told so first.
        client.search(index=settings.quotes_alias, size=0, ignore_unavailable=True, allow_no_indices=True)

        def allowed(what: str, ask: Any, otherwise: Any) -> Any:
            try:
                return ask()
            except ApiError as error:
                if error.status_code != 403:
                    raise
                hidden[what] = elasticsearch_client.reason(error)
                return otherwise

        nodes = allowed("nodes", lambda: _nodes(client), ((), frozenset()))
        health = allowed("health", lambda: dict(client.cluster.health().body), {})
        own = allowed("health", lambda: dict(client.cluster.health(index=f"{prefix}-*").body), {})
        limit = allowed("settings", lambda: _limit(client), 1000)
        state = allowed(
            "indices",
            lambda: index_health.Examiner(client, settings).look(deep=True),
            index_health.State(),
        )
        there = allowed("templates", lambda: _templates(client, prefix), None)
        lifecycle = (
            allowed("lifecycle policies", lambda: _has_policy(client, settings.elasticsearch.lifecycle), None)
            if settings.elasticsearch.lifecycle and elasticsearch_client.LIFECYCLE in nodes[1]
            else None
        )
        replicas = allowed("settings of indices", lambda: _replicas(client, prefix), {})
    primaries = health.get("unassigned_primary_shards")
    return Facts(
        nodes=nodes[0],
        modules=nodes[1],
        status=health.get("status", "green"),
        unassigned=health.get("unassigned_shards", 0) if primaries is None else primaries,
        copies_away=own.get("unassigned_shards", 0)
        - own.get("unassigned_primary_shards", own.get("unassigned_shards", 0)),
        shards=health.get("active_shards", 0),
        shards_allowed=limit * max(1, health.get("number_of_data_nodes", 1)),
        problems=state.problems,
        version=state.version,
        templates=there or frozenset(),
        lifecycle=lifecycle,
        replicas=replicas,
        hidden=hidden,
    )


def judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    """What is wrong with it."""
    versions = sorted({node.version for node in facts.nodes})
    yield fine("elasticsearch", f"Elasticsearch {', '.join(versions) or 'of a version that it does not tell'} answers.")
    for what, reason in facts.hidden.items():
        yield warning(
            "elasticsearch",
            f"This user may not see the {what} of the cluster, so they are not examined ({reason.rstrip('.')}).",
            "Ask again as a user with the privilege monitor, or leave it: no part needs it.",
        )
    yield from _judge_versions(facts)
    yield from _judge_lifecycle(facts, settings.elasticsearch.lifecycle)
    yield from _judge_health(facts, settings)
    yield from _judge_indices(facts, settings)


def _judge_versions(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if _number(node.version) < OLDEST:
            yield fault(
                "elasticsearch",
                f"Node {node.name} runs Elasticsearch {node.version}, which is older than 8.19.",
                "Update it: the parts are tested with 8.19 and 9.",
            )
        if abs(node.ahead) > SKEW:
            direction = "ahead of" if node.ahead > 0 else "behind"
            yield fault(
                "clock",
                f"The clock of node {node.name} is {abs(node.ahead):,.0f} s {direction} this machine's.",
                "Set both by NTP: dates decide which revision wins and which month an article is kept in.",
            )
    if facts.nodes and "analysis-common" not in facts.modules:
        # WhoSaid makes the terms that it searches by itself: pipeline.terms.
        yield fine(
            "elasticsearch",
            "This Elasticsearch has no module analysis-common: other programs, such as Kibana, find words in it only "
            "as they are written. WhoSaid finds their other forms and accents all the same.",
        )


def _judge_lifecycle(facts: Facts, policy: str) -> Iterator[Finding]:
    if policy and facts.nodes and elasticsearch_client.LIFECYCLE not in facts.modules:
        yield warning(
            "elasticsearch",
            f"WHOSAID_ELASTICSEARCH__LIFECYCLE is {policy}, but this Elasticsearch has no lifecycle management: every "
            "month stays on the nodes where it was made.",
            "Use the official distribution for it, or take the setting out; `whosaid retain` deletes months anyway.",
        )
    elif policy and facts.lifecycle is False:
        yield fault(
            "elasticsearch",
            f"There is no lifecycle policy {policy}, which WHOSAID_ELASTICSEARCH__LIFECYCLE names: every month stays "
            "on the nodes where it was made.",
            f"PUT _ilm/policy/{policy}; docs/operations.md has one.",
        )


def _judge_health(facts: Facts, settings: Settings) -> Iterator[Finding]:
    if facts.status == "red":
        yield fault(
            "elasticsearch",
            f"The cluster is red: {facts.unassigned} primary shards are away.",
            "GET _cluster/allocation/explain says why; start the nodes that have them.",
        )
    yield from _judge_replicas(facts, settings.elasticsearch.prefix)
    for node in facts.nodes:
        if node.full >= _LOW:
            worst = (
                "blocks all writes" if node.full >= _FLOOD
                else "moves shards away" if node.full >= _HIGH
                else "takes no new shards"
            )  # fmt: skip
            remedy = "Free some, add a node, or delete old months: `whosaid retain --months 24`."
            told = f"The disk of node {node.name} is {node.full:.0%} full: Elasticsearch {worst}."
            yield fault("disk", told, remedy) if node.full >= _HIGH else warning("disk", told, remedy)
    if facts.shards > _FEW_SHARDS * facts.shards_allowed:
        yield fault(
            "elasticsearch",
            f"The cluster has {facts.shards:,} of the {facts.shards_allowed:,} shards that it allows; with the next "
            "months there is no room for new indices.",
            "Delete old months (`whosaid retain`), lower WHOSAID_SINK__MONTHS, or raise cluster.max_shards_per_node.",
        )


def _judge_replicas(facts: Facts, prefix: str) -> Iterator[Finding]:
    if facts.copies_away and len(facts.nodes) == 1:
        yield warning(
            "elasticsearch",
            f"{facts.copies_away} replicas have no place: there is one node, and two copies of a shard share none.",
            f"Add nodes; or PUT {prefix}-*/_settings with index.number_of_replicas 0, and set "
            "WHOSAID_ELASTICSEARCH__REPLICAS=0.",
        )
    elif facts.copies_away:
        yield warning(
            "elasticsearch",
            f"{facts.copies_away} replicas are away: with one more node, articles would be.",
            "It mends itself when all nodes are back; GET _cluster/allocation/explain says why where it does not.",
        )
    bare = sorted(index for index, replicas in facts.replicas.items() if not replicas)
    if len(facts.nodes) > 1 and bare:
        yield warning(
            "elasticsearch",
            f"{len(bare)} indices have no replica on a cluster of {len(facts.nodes)} nodes ({bare[0]} …): while a node "
            "is away they cannot be searched, and with it they are lost.",
            f"PUT {prefix}-*/_settings with index.number_of_replicas 1, and set WHOSAID_ELASTICSEARCH__REPLICAS=1.",
        )


def _judge_indices(facts: Facts, settings: Settings) -> Iterator[Finding]:
    for problem in facts.problems:
        yield fault("indices", problem.sentence, "The sentence says what mends it; searches or writes fail until then.")
    if facts.version is None:
        if not facts.problems and "indices" not in facts.hidden:
            yield warning("indices", "There are no indices yet.", "The sink makes them when it starts: `whosaid sink`.")
        return
    if not facts.problems:
        yield fine("indices", f"Version {facts.version} of the indices is searched.")
    for kind in index_health.KINDS:
        template = f"{settings.elasticsearch.prefix}-{kind}-{facts.version}"
        if "templates" not in facts.hidden and template not in facts.templates:
            yield fault(
                "templates",
                f"The index template {template} is gone: an index that somebody else makes under such a name gets a "
                "mapping that Elasticsearch guesses.",
                "Start a sink again; it puts the template back.",
            )


def _nodes(client: Elasticsearch) -> tuple[tuple[Node, ...], frozenset[str]]:
    info = client.nodes.info(metric="plugins")["nodes"]
    stats = client.nodes.stats(metric="fs")["nodes"]
    now = datetime.now(UTC).timestamp()
    nodes = tuple(_node(info[id], stats.get(id, {}), now) for id in sorted(info))
    names = [frozenset(module["name"] for module in node.get("modules", ())) for node in info.values()]
    return nodes, frozenset.intersection(*names) if names else frozenset()


def _node(info: Mapping[str, Any], stats: Mapping[str, Any], now: float) -> Node:
    disk = stats.get("fs", {}).get("total", {})
    total, free = disk.get("total_in_bytes", 0), disk.get("available_in_bytes", 0)
    told = stats.get("timestamp")
    return Node(
        name=info.get("name", "?"),
        version=info.get("version", "0"),
        full=1 - free / total if total > 0 else 0.0,
        ahead=told / 1000 - now if told else 0.0,
    )


def _templates(client: Elasticsearch, prefix: str) -> frozenset[str]:
    answer = client.options(ignore_status=404).indices.get_index_template(name=f"{prefix}-*")
    return frozenset(one["name"] for one in answer.get("index_templates", ()))


def _replicas(client: Elasticsearch, prefix: str) -> dict[str, int]:
    found = client.indices.get_settings(
        index=f"{prefix}-*", name="index.number_of_replicas", flat_settings=True, expand_wildcards="all"
    )
    return {index: int(one["settings"]["index.number_of_replicas"]) for index, one in found.items()}


def _has_policy(client: Elasticsearch, policy: str) -> bool:
    return policy in client.options(ignore_status=404).ilm.get_lifecycle(name=policy)


def _limit(client: Elasticsearch) -> int:
    found = client.cluster.get_settings(include_defaults=True, flat_settings=True)
    for group in ("transient", "persistent", "defaults"):
        value = found.get(group, {}).get("cluster.max_shards_per_node")
        if value is not None:
            return int(value)
    return 1000


def _number(version: str) -> tuple[int, int]:
    parts = version.split(".")
    return (int(parts[0]), int(parts[1])) if len(parts) > 1 and all(one.isdecimal() for one in parts[:2]) else (0, 0)
