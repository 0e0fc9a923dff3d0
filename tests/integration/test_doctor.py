"""The doctor on real engines: a whole installation has no fault, and each thing that is then broken is named."""

from collections.abc import Callable

from kafka.admin import ConfigResource

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.alerts.book import Alerts
from pipeline.doctor import elasticsearch, flow, kafka
from pipeline.doctor.findings import Finding, Level
from pipeline.settings import Settings
from pipeline.sink import indices


def bad(settings: Settings) -> list[Finding]:
    """What is wrong with the engines, but for what the tests' small build of Elasticsearch lacks."""
    found = [*kafka.judge(kafka.gather(settings), settings), *flow.judge_kafka(flow.ask_kafka(settings))]
    found += elasticsearch.judge(elasticsearch.gather(settings), settings)
    found += [*flow.ask_sources(settings), *flow.ask_alerts(settings), *flow.ask_engines(settings)]
    known = ("No `whosaid", "disk of node", "shards that it allows")  # the build's and the machine's
    return [one for one in found if one.level is not Level.FINE and not any(words in one.sentence for words in known)]


def test_each_broken_set_up_of_the_engines_is_named(settings: Settings) -> None:
    sentences = [one.sentence for one in bad(settings)]
    assert len(sentences) == 4, sentences
    assert sentences[0] == f"The topic {topics.articles(settings).name} is not there."
    assert sentences[3] == "There are no indices yet."

    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    with elasticsearch_client.connect(settings) as client:
        made = indices.prepare(client, settings)
        assert bad(settings) == []

        def broken(harm: Callable[[], object], level: Level, sentence: str, mend: Callable[[], object]) -> None:
            harm()
            found = bad(settings)
            assert [(one.level, sentence in one.sentence) for one in found] == [(level, True)], found
            mend()
            assert bad(settings) == []

        articles, letters = topics.articles(settings), topics.deadletter(settings)
        for topic, name, wrong, level, sentence in (
            (articles, "max.message.bytes", "1048588", Level.FAULT, f"{articles.name} takes events of 1,048,588 bytes"),
            (articles, "cleanup.policy", "compact", Level.FAULT, f"{articles.name} has the cleanup.policy compact"),
            (letters, "retention.ms", "3600000", Level.FAULT, f"{letters.name} keeps events for 1.0 hours"),
        ):
            right = topic.config.get(name, "delete")
            broken(
                lambda topic=topic, name=name, wrong=wrong: alter(settings, topic.name, name, wrong),  # type: ignore[misc]
                level, sentence,
                lambda topic=topic, name=name, right=right: alter(settings, topic.name, name, right),  # type: ignore[misc]
            )  # fmt: skip
        quotes = next(index.name for index in made.look().indices if index.kind == "quotes")
        broken(
            lambda: client.indices.close(index=quotes),
            Level.FAULT,
            quotes,
            lambda: client.indices.open(index=quotes, wait_for_active_shards=1),
        )
        template = f"{settings.elasticsearch.prefix}-quotes-v1"
        broken(
            lambda: client.indices.delete_index_template(name=template),
            Level.FAULT,
            f"The index template {template} is gone",
            lambda: indices.prepare(client, settings),
        )
        whole = made.look().indices[0].name.replace("quotes", "articles")
        broken(
            lambda: client.index(index=whole, id="x", document={"id": "x", "model": {"engine": "1"}}, refresh=True),
            Level.WARNING,
            "1 articles were enriched by another quote engine",
            lambda: client.delete(index=whole, id="x", refresh=True),
        )
        alerts = Alerts(client, settings)
        broken(
            lambda: alerts.add(name="desk", query={"q": "bridge"}, webhook="https://desk.example/"),
            Level.FAULT,
            "1 searches are saved, and nothing tells what they find",
            lambda: alerts.remove(alerts.all()[0].id),
        )
    many = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"partitions": 9})})
    assert "has 4 partitions, and WHOSAID_KAFKA__PARTITIONS says 9" in bad(many)[0].sentence
    with kafka_client.producer(settings) as producer:
        producer.send(letters.name, key=b"k", value=b"v", headers=[]).get(30)
        producer.send(articles.name, key=b"k", value=b"v").get(30)
    found = flow.ask_kafka(settings)
    assert (found.workers, found.waiting_enrichment) == (0, 1)
    assert any("1 events wait and no `whosaid enrich` runs" in one.sentence for one in flow.judge_kafka(found))


def test_replicas_without_a_place_are_those_of_our_indices(settings: Settings) -> None:
    ours = settings.elasticsearch.model_copy(update={"replicas": 1})
    with elasticsearch_client.connect(settings) as client:
        indices.prepare(client, settings.model_copy(update={"elasticsearch": ours}))
    told = "2 replicas have no place: there is one node"
    assert [one.sentence for one in bad(settings) if told in one.sentence]
    others = settings.elasticsearch.model_copy(update={"prefix": f"{settings.elasticsearch.prefix}x"})
    assert elasticsearch.gather(settings.model_copy(update={"elasticsearch": others})).copies_away == 0


def alter(settings: Settings, topic: str, name: str, value: str) -> None:
    client = kafka_client.admin(settings)
    try:
        client.alter_configs([ConfigResource("TOPIC", topic, {name: value})])
    finally:
        client.close()
