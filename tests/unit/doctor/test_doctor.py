"""The doctor names the fault of each broken set-up, and says what to do; a good one has none."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import SourceConfig
from connectors.scheduling.intervals import PollingStats
from connectors.scheduling.overview import overview
from connectors.scheduling.source_state import SourceState
from pipeline import index_health, topics
from pipeline.access_tokens import create
from pipeline.alerts.book import Account
from pipeline.alerts.models import Channel, ChannelState, Condition, SavedSearch
from pipeline.cli.main import main
from pipeline.doctor import elasticsearch, examination, flow, kafka, machine
from pipeline.doctor.elasticsearch import Node
from pipeline.doctor.findings import Finding, Level
from pipeline.doctor.kafka import TopicFacts
from pipeline.embedded import preflight
from pipeline.settings import Settings
from tests.engines import free_ports

SETTINGS = Settings()
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
GOOD_TOPICS = {
    topic.name: TopicFacts(replicas=(1,) * topic.partitions, in_step=(1,) * topic.partitions, config=topic.config)
    for topic in topics.every_topic(SETTINGS)
}
GOOD_KAFKA = kafka.Facts(version=(4, 1), topics=GOOD_TOPICS)
GOOD_CLUSTER = elasticsearch.Facts(
    nodes=(Node("one", "8.19.8", full=0.4),), modules=frozenset({"analysis-common"}), shards=10, version="v1",
    templates=frozenset({"whosaid-quotes-v1", "whosaid-articles-v1"}),
)  # fmt: skip
GOOD_STREAMS = flow.Streams(workers=1, sinks=1, waiting_enrichment=7, waiting_sink=0, dead_letters=0)


def settings(**groups: Any) -> Settings:
    return Settings.model_validate(groups)


def topic(name: str, **changes: Any) -> kafka.Facts:
    """A Kafka whose one topic is another than it should be."""
    whole = f"news.{name}"
    config = GOOD_TOPICS[whole].config | changes.pop("config", {})
    return replace(GOOD_KAFKA, topics=GOOD_TOPICS | {whole: replace(GOOD_TOPICS[whole], config=config, **changes)})


def node(**changes: Any) -> elasticsearch.Facts:
    return replace(GOOD_CLUSTER, nodes=(replace(GOOD_CLUSTER.nodes[0], **changes),))


def bad(findings: Iterable[Finding]) -> list[Finding]:
    return [one for one in findings if one.level is not Level.FINE]


KAFKA: dict[str, tuple[kafka.Facts, Level, str]] = {
    "an old Kafka": (replace(GOOD_KAFKA, version=(2, 7)), Level.FAULT, "Kafka 2.7 is older than 2.8"),
    "a topic is missing": (
        replace(GOOD_KAFKA, topics={name: facts for name, facts in GOOD_TOPICS.items() if name != "news.enriched"}),
        Level.WARNING,
        "news.enriched is not there",
    ),
    "few partitions": (topic("articles", replicas=(1,), in_step=(1,)), Level.WARNING, "news.articles has 1 partitions"),
    "no leader": (topic("articles", leaderless=2), Level.FAULT, "2 of 4 partitions of news.articles have no leader"),
    "replicas behind": (
        topic("enriched", replicas=(3,) * 4, in_step=(3, 2, 3, 3), config={"min.insync.replicas": "2"}),
        Level.WARNING,
        "1 of 4 partitions of news.enriched have replicas that are not in step",
    ),
    "small messages": (
        topic("articles", config={"max.message.bytes": "1048588"}),
        Level.FAULT,
        "news.articles takes events of 1,048,588 bytes",
    ),
    "short retention": (
        topic("articles", config={"retention.ms": str(24 * 3_600_000)}),
        Level.WARNING,
        "news.articles keeps events for 24.0 hours, less than the 720 hours",
    ),
    "dead letters expire": (
        topic("deadletter", config={"retention.ms": str(7 * 24 * 3_600_000)}),
        Level.FAULT,
        "news.deadletter keeps events for 168.0 hours, and should keep them for ever",
    ),
    "a compacted topic": (
        topic("articles", config={"cleanup.policy": "compact"}),
        Level.FAULT,
        "news.articles has the cleanup.policy compact in the place of delete",
    ),
    "more copies wanted than there are": (
        topic("articles", config={"min.insync.replicas": "2"}),
        Level.FAULT,
        "news.articles takes nothing: min.insync.replicas is 2, and it has 1 replica.",
    ),
    "all copies wanted": (
        topic("articles", replicas=(3,) * 4, in_step=(3,) * 4, config={"min.insync.replicas": "3"}),
        Level.WARNING,
        "news.articles takes nothing while a broker is away",
    ),
    "one copy wanted of three": (
        topic("articles", replicas=(3,) * 4, in_step=(3,) * 4),
        Level.WARNING,
        "min.insync.replicas is 1: an event counts as published when one broker has it",
    ),
    "a limit of bytes": (
        topic("enriched", config={"retention.bytes": "1000000"}),
        Level.WARNING,
        "news.enriched keeps 1,000,000 bytes a partition",
    ),
}  # fmt: skip

CLUSTER: dict[str, tuple[elasticsearch.Facts, Level, str]] = {
    "an old Elasticsearch": (node(version="8.4.1"), Level.FAULT, "Elasticsearch 8.4.1, which is older than 8.19"),
    "a clock ahead": (node(ahead=300.0), Level.FAULT, "The clock of node one is 300 s ahead of this machine's"),
    "a clock behind": (node(ahead=-7200.0), Level.FAULT, "The clock of node one is 7,200 s behind this machine's"),
    "a disk that fills": (node(full=0.87), Level.WARNING, "The disk of node one is 87% full: Elasticsearch takes"),
    "a full disk": (node(full=0.96), Level.FAULT, "The disk of node one is 96% full: Elasticsearch blocks all writes"),
    "a red cluster": (
        replace(GOOD_CLUSTER, status="red", unassigned=3), Level.FAULT, "The cluster is red: 3 primary shards are away",
    ),
    "a node is away": (
        replace(GOOD_CLUSTER, nodes=GOOD_CLUSTER.nodes * 2, copies_away=4),
        Level.WARNING,
        "4 replicas are away: with one more node, articles would be.",
    ),
    "replicas on one node": (replace(GOOD_CLUSTER, copies_away=4), Level.WARNING, "4 replicas have no place"),
    "no replicas on three nodes": (
        replace(GOOD_CLUSTER, nodes=GOOD_CLUSTER.nodes * 3, replicas={"whosaid-quotes-v1-2026.11": 0, "b": 1}),
        Level.WARNING,
        "1 indices have no replica on a cluster of 3 nodes (whosaid-quotes-v1-2026.11 …)",
    ),
    "too many shards": (
        replace(GOOD_CLUSTER, shards=950, shards_allowed=1000), Level.FAULT, "950 of the 1,000 shards that it allows",
    ),
    "a lost template": (
        replace(GOOD_CLUSTER, templates=frozenset({"whosaid-quotes-v1"})), Level.FAULT, "whosaid-articles-v1 is gone",
    ),
    "a closed index": (
        replace(
            GOOD_CLUSTER,
            problems=(index_health.Problem(index_health.Fault.CLOSED, "quotes", ("q",), "The index q is closed."),),
        ),
        Level.FAULT,
        "The index q is closed",
    ),
    "little to see": (
        replace(GOOD_CLUSTER, hidden={"health": "no privilege monitor"}), Level.WARNING, "may not see the health",
    ),
}  # fmt: skip

STREAMS: dict[str, tuple[flow.Streams, Level, str]] = {
    "no worker, events wait": (
        replace(GOOD_STREAMS, workers=0), Level.FAULT, "7 events wait and no `whosaid enrich` runs",
    ),
    "no sink": (replace(GOOD_STREAMS, sinks=0), Level.WARNING, "No `whosaid sink` runs"),
    "dead letters": (replace(GOOD_STREAMS, dead_letters=12), Level.WARNING, "12 dead letters wait"),
}  # fmt: skip


def told(found: list[Finding], level: Level, sentence: str) -> None:
    """One finding, of this level, says this; each of them says what to do."""
    assert [one.level for one in found] == [level], found
    assert sentence in found[0].sentence
    assert found[0].remedy


def test_what_is_no_dead_letter_is_told_and_no_fault() -> None:
    found = list(flow.judge_kafka(replace(GOOD_STREAMS, strange_letters=3)))
    assert bad(iter(found)) == []
    assert "3 records on their topic cannot be read as dead letters" in found[-1].sentence


def test_nothing_is_wrong_with_what_is_right() -> None:
    assert bad(kafka.judge(GOOD_KAFKA, SETTINGS)) == []
    assert bad(elasticsearch.judge(GOOD_CLUSTER, SETTINGS)) == []
    assert bad(flow.judge_kafka(GOOD_STREAMS)) == []


@pytest.mark.parametrize("case", KAFKA)
def test_a_fault_of_kafka_is_named(case: str) -> None:
    facts, level, sentence = KAFKA[case]
    told(bad(kafka.judge(facts, SETTINGS)), level, sentence)


@pytest.mark.parametrize("case", CLUSTER)
def test_a_fault_of_elasticsearch_is_named(case: str) -> None:
    facts, level, sentence = CLUSTER[case]
    told(bad(elasticsearch.judge(facts, SETTINGS)), level, sentence)


def test_a_build_without_stemmers_is_nothing_wrong() -> None:
    found = list(elasticsearch.judge(replace(GOOD_CLUSTER, modules=frozenset()), SETTINGS))
    assert bad(found) == []
    assert any("WhoSaid finds their other forms and accents all the same." in one.sentence for one in found)


@pytest.mark.parametrize("case", STREAMS)
def test_a_fault_of_the_flow_is_named(case: str) -> None:
    facts, level, sentence = STREAMS[case]
    told(bad(flow.judge_kafka(facts)), level, sentence)


def test_more_replicas_than_brokers_are_named() -> None:
    three = settings(kafka={"replication": 3})
    told(bad(kafka.judge(GOOD_KAFKA, three)), Level.FAULT, "WHOSAID_KAFKA__REPLICATION is 3, but there are 1 brokers")


def test_one_replica_on_many_brokers_is_named() -> None:
    found = bad(kafka.judge(replace(GOOD_KAFKA, brokers=3), SETTINGS))
    assert {one.level for one in found} == {Level.WARNING}
    assert "news.articles has one replica on a cluster of 3 brokers" in found[0].sentence


def test_one_replica_of_the_groups_offsets_is_named() -> None:
    topics = {name: replace(one, replicas=(2, 2, 2, 2), in_step=(2, 2, 2, 2)) for name, one in GOOD_TOPICS.items()}
    cluster = replace(GOOD_KAFKA, brokers=3, topics=topics, offsets=TopicFacts(replicas=(1, 1), in_step=(1, 1)))
    told(bad(kafka.judge(cluster, SETTINGS)), Level.WARNING, "__consumer_offsets has one replica on a cluster of 3")


@pytest.mark.parametrize(
    ("modules", "there", "level", "sentence"),
    [
        ({"analysis-common"}, None, Level.WARNING, "is months, but this Elasticsearch has no lifecycle management"),
        ({"analysis-common", "x-pack-ilm"}, False, Level.FAULT, "There is no lifecycle policy months"),
    ],
)
def test_a_lifecycle_that_cannot_be_is_named(modules: set[str], there: bool, level: Level, sentence: str) -> None:
    facts = replace(GOOD_CLUSTER, modules=frozenset(modules), lifecycle=there)
    with_policy = settings(elasticsearch={"lifecycle": "months"})
    told(bad(elasticsearch.judge(facts, with_policy)), level, sentence)
    right = replace(GOOD_CLUSTER, modules=frozenset({"analysis-common", "x-pack-ilm"}), lifecycle=True)
    assert bad(elasticsearch.judge(right, with_policy)) == []


def test_a_port_of_somebody_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_ports(1)[0]
    monkeypatch.setattr(preflight, "listener", lambda number: "nginx (process 7)" if number == port else "")
    found = bad(machine.examine(settings(search={"port": port})))
    told(found, Level.FAULT, f"Port {port} is taken by nginx (process 7), which is no search service of WhoSaid")


@pytest.mark.parametrize("group", ["search", "metrics"])
def test_a_service_for_all_without_tokens_is_named(group: str) -> None:
    found = bad(machine.examine(settings(**{group: {"host": "0.0.0.0", "port": free_ports(1)[0]}})))
    told(found, Level.FAULT, f"WHOSAID_{group.upper()}__HOST is 0.0.0.0, which other machines reach")


def test_tokens_that_are_broken_or_open_to_all_are_named(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    given = settings(search={"tokens_file": path, "port": free_ports(1)[0]})
    told(bad(machine.examine(given)), Level.FAULT, "names a file that cannot be read")
    path.write_text("x", encoding="utf-8")
    told(bad(machine.examine(given)), Level.FAULT, "is not of the form NAME SCOPES HASH")
    path.write_text(create("a")[1], encoding="utf-8")
    path.chmod(0o666)
    told(bad(machine.examine(given)), Level.FAULT, "Every user of this machine may write to")
    path.chmod(0o600)
    assert bad(machine.examine(given)) == []


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    given = settings(kafka={"ca_file": tmp_path / "ca.pem"}, search={"port": free_ports(1)[0]})
    told(bad(machine.examine(given)), Level.FAULT, "WHOSAID_KAFKA__CA_FILE names a file that cannot be read")


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    given = settings(embedded={"data_dir": tmp_path / "data/deeper"}, search={"port": free_ports(1)[0]})
    told(bad(machine.examine(given)), Level.FAULT, "where WHOSAID_EMBEDDED__DATA_DIR lies")


def test_a_disk_with_little_room_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "LEAST_DISK", 2**60)
    folders = {"data_dir": tmp_path, "cache_dir": tmp_path}
    found = bad(machine.examine(settings(embedded=folders, search={"port": free_ports(1)[0]})))
    assert [one.about for one in found] == ["disk", "disk"]
    assert "GB free; the engines need" in found[0].sentence
    cluster = settings(kafka={"bootstrap_servers": "k:9092"}, elasticsearch={"url": "http://e:9200"}, embedded=folders)
    assert bad(machine.examine(cluster)) == [], "nothing is kept here"


def test_more_processes_than_memory_are_named() -> None:
    found = bad(machine.examine(settings(enrichment={"processes": 1024}, search={"port": free_ports(1)[0]})))
    told(found, Level.WARNING, "1024 spaCy processes take about 300.0 GB")


def test_a_model_that_is_not_there_is_named() -> None:
    told(bad(machine.model(settings(enrichment={"model": "no_such_model"}))), Level.FAULT, "no_such_model")


def test_sources_that_fail_or_are_not_read_are_named() -> None:
    def state(name: str, **changes: Any) -> SourceState:
        return replace(SourceState(SourceConfig(name, "feed", "x"), added=NOW), due=NOW, **changes)

    failing = state("b", stats=PollingStats(failures=3), last_error="b answers with status 500.")
    there = overview([state("a", last_success=NOW), failing], NOW)
    minute = timedelta(minutes=1)
    told(bad(flow.judge_sources(there, 0, NOW, minute)), Level.WARNING, "1 of 2 sources fail (b: b answers with status")
    good = overview([state("a", last_success=NOW)], NOW)
    assert bad(flow.judge_sources(good, 0, NOW, minute)) == []
    told(bad(flow.judge_sources(good, 1, NOW, minute)), Level.FAULT, "1 of 1 sources could not be read for days")
    later = NOW + timedelta(hours=1)
    told(bad(flow.judge_sources(good, 0, later, minute)), Level.FAULT, "No connector reads the 1 sources")


def test_alerts_that_reach_nobody_are_named() -> None:
    def account(*states: ChannelState) -> Account:
        searches = [
            SavedSearch(
                id=f"search-{at}", name="x", created=NOW, changed=NOW, webhook="https://desk.example/hook?key=geheim",
                channels={Channel.WEBHOOK: state},
            )
            for at, state in enumerate(states)
        ]  # fmt: skip
        failures = [
            (one, Channel.WEBHOOK)
            for one, state in zip(searches, states, strict=True)
            if state.paused or state.failures
        ]
        return Account({Condition.ON: len(searches)}, 1234, 0, [], failures)

    assert bad(flow.judge_alerts(account(), 0)) == [], "nobody wants to be told"
    assert bad(flow.judge_alerts(account(ChannelState()), 2)) == []
    told(bad(flow.judge_alerts(account(ChannelState()), 0)), Level.FAULT, "1 searches are saved, and nothing tells")
    failing = ChannelState(failures=2, error="desk.example answers with status 500.")
    paused = ChannelState(failures=9, paused="desk.example is gone for good (410).")
    found = bad(flow.judge_alerts(account(ChannelState(), failing, paused), 1))
    told(
        found,
        Level.WARNING,
        "2 receivers of saved searches are not told (search-2: desk.example is gone for good (410);",
    )
    assert "search-1: desk.example answers with status 500); 1,234 quotes wait." in found[0].sentence
    assert "geheim" not in found[0].sentence
    assert "and 2 more" in bad(flow.judge_alerts(account(*[failing] * 5), 1))[0].sentence


@pytest.mark.parametrize(
    "environment",
    [
        {"WHOSAID_KAFKA__PARTITION": "4"},
        {"WHOSAID_KAFKA__PARTITIONS": "many"},
        {"WHOSAID_KAFKA__PASSWORD_FILE": "/nowhere"},
    ],
)
def test_settings_that_cannot_be_read_are_named(environment: dict[str, str]) -> None:
    found = list(examination.examine(environment))
    assert [(one.about, one.level) for one in found] == [("settings", Level.FAULT)]
    assert next(iter(environment)) in found[0].sentence


def test_engines_that_are_away_are_named_by_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka_port, elastic_port, search_port = free_ports(3)
    monkeypatch.setenv("WHOSAID_KAFKA__BOOTSTRAP_SERVERS", f"127.0.0.1:{kafka_port}")
    monkeypatch.setenv("WHOSAID_KAFKA__REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("WHOSAID_ELASTICSEARCH__URL", f"http://ana:hunter2@127.0.0.1:{elastic_port}")
    monkeypatch.setenv("WHOSAID_SEARCH__PORT", str(search_port))
    monkeypatch.setattr(machine, "model", lambda _: iter(()))
    assert main(["doctor", "--json"]) == 6
    printed = capsys.readouterr().out
    answer = json.loads(printed)
    faults = {one["about"]: one["sentence"] for one in answer["findings"] if one["level"] == "fault"}
    assert set(faults) == {"kafka", "elasticsearch"}, "what needs them is not asked"
    assert f"Kafka does not answer at 127.0.0.1:{kafka_port}" in faults["kafka"]
    assert "Elasticsearch does not answer" in faults["elasticsearch"]
    assert (answer["healthy"], answer["faults"]) == (False, 2)
    assert "hunter2" not in printed


def test_an_examination_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: Settings) -> Iterator[Finding]:
        yield Finding("machine", Level.FINE, "So far.")
        raise RuntimeError("who knows")

    found = list(examination._guarded("machine", breaks, SETTINGS))
    assert [one.level for one in found] == [Level.FINE, Level.FAULT]
    assert found[1].sentence == "Could not be examined: RuntimeError: who knows"
