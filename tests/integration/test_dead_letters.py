"""`whosaid dlq` on a real Kafka and Elasticsearch: what it shows, sends again, and says became of each letter."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import events, kafka_client, topics
from pipeline.cli.main import main
from pipeline.dead_letters import dead_letter
from pipeline.dead_letters.log import Filter, Letter, Letters, waiting
from pipeline.dead_letters.outcome import ReplayOutcome, follow
from pipeline.dead_letters.replay import Replayer
from pipeline.models import SCHEMA_VERSION, DeadLetter, Stage
from pipeline.settings import Settings, environment
from tests.integration import articles, sinks, strangers
from tests.integration.parts import Part, whosaid
from tests.unit.sink.factory import enriched

pytestmark = pytest.mark.engines

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def letters(settings: Settings) -> Iterator[Letters]:
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    with Letters(settings) as opened:
        yield opened


def bury(settings: Settings, *buried: DeadLetter) -> None:
    producer = kafka_client.producer(settings)
    for one in buried:
        producer.send(
            topics.deadletter(settings).name, key=one.key, value=one.value, headers=dead_letter.to_headers(one)
        )
    producer.flush(30)
    producer.close()


def dead(settings: Settings, article: str, value: bytes, **changes: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "topic": topics.enriched(settings).name, "partition": 0, "offset": 0, "stage": Stage.SINK,
        "error": "InvalidEvent", "reason": "It was bad.", "first_failed": LONG_AGO, "last_failed": LONG_AGO,
        "key": article.encode(), "value": value,
    }  # fmt: skip
    return DeadLetter.model_validate(fields | changes)


def good(article: str, **changes: Any) -> bytes:
    return enriched(article=article, **changes).model_dump_json().encode()


def all_of(letters: Letters, **conditions: Any) -> list[Letter]:
    return sorted(letters.scan(Filter(**conditions)), key=lambda letter: letter.key)


def rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.guarantee("replayed")
def test_a_mended_event_is_searchable_and_a_bad_one_comes_back(settings: Settings, letters: Letters) -> None:
    bury(
        settings,
        dead(settings, "mended", good("mended"), headers=[("trace", b"t1")]),
        dead(settings, "bad", b"{", attempts=3),
    )
    with sinks.running(settings):
        sent = list(Replayer(settings, letters).replay(Filter()))
        endings = {ending.letter.key: ending for ending in follow(settings, letters, sent, timeout=60)}
    assert endings["mended"].outcome is ReplayOutcome.SEARCHABLE
    assert sinks.articles(settings) == ["mended"]
    again = endings["bad"].again
    assert endings["bad"].outcome is ReplayOutcome.DEAD_AGAIN
    assert again is not None
    assert (again.content.attempts, again.content.first_failed, again.content.value) == (4, LONG_AGO, b"{")
    assert again.content.replay_of == endings["bad"].letter.id
    # What was sent is what had come: key, bytes, headers.
    [record] = [one for one in articles.records(settings, topics.enriched(settings).name) if one.key == b"mended"]
    assert record.value == good("mended")
    assert ("trace", b"t1") in record.headers
    # Only the one that failed again waits; the first two are told to be replayed, and by which event.
    assert [letter.id for letter in letters.scan(Filter())] == [again.id]
    marked = {one.key: one.mark for one in all_of(letters, handled=True) if one.mark}
    assert marked["mended"].how == "replayed"
    assert (marked["mended"].partition, marked["mended"].offset) == (record.partition, record.offset)


def test_filters_choose_by_stage_error_time_letter_and_article(settings: Settings, letters: Letters) -> None:
    bury(
        settings,
        dead(settings, "a1", b"1", stage=Stage.ENRICH, error="TooLong"),
        dead(settings, "a2", b"2", last_failed=LONG_AGO + timedelta(days=1)),
        dead(settings, "a3", b"3", error="NewerSchema", last_failed=LONG_AGO + timedelta(days=2)),
    )

    def names(**conditions: Any) -> list[str]:
        return [letter.key for letter in all_of(letters, **conditions)]

    assert names() == ["a1", "a2", "a3"]
    assert names(stages=[Stage.SINK]) == ["a2", "a3"]
    assert names(errors=["TooLong", "NewerSchema"]) == ["a1", "a3"]
    assert names(since=LONG_AGO + timedelta(days=1)) == ["a2", "a3"]
    assert names(until=LONG_AGO + timedelta(days=1)) == ["a1"]
    assert names(ids=["a2"]) == ["a2"]
    [third] = all_of(letters, ids=["a3"])
    assert names(ids=[third.id, "a1"]) == ["a1", "a3"]


def test_a_doubled_letter_is_sent_once_and_junk_is_passed_over(settings: Settings, letters: Letters) -> None:
    twice = dead(settings, "a1", good("a1"), partition=2, offset=17)
    bury(settings, twice, twice)
    producer = kafka_client.producer(settings)
    producer.send(topics.deadletter(settings).name, key=b"odd", value=b"no headers").get(30)
    producer.close()
    sent = list(Replayer(settings, letters).replay(Filter()))
    assert len(sent) == 2
    assert sent[0].mark == sent[1].mark
    assert kafka_client.size(settings, topics.enriched(settings).name) == 1
    assert not all_of(letters)
    with sinks.running(settings):
        fates = [ending.outcome for ending in follow(settings, letters, sent, timeout=60)]
    assert fates == [ReplayOutcome.SEARCHABLE] * 2


@pytest.mark.guarantee("dlq-commands")
def test_every_command_survives_whatever_is_on_the_topics(settings: Settings, letters: Letters) -> None:
    one = dead_letter.to_headers(dead(settings, "a1", b"{"))

    def but(*changes: tuple[str, bytes | None]) -> strangers.Headers:
        return [*one, *changes]

    rubbish: list[strangers.Event] = [
        (b"null", b"x", [("whosaid-x", None)]),
        (b"fields", b"x", [(name, None) for name, _ in one]),
        (b"beside", b"x", but(("whosaid-x", None), ("h", None))),
        (b"attempts", b"x", but(("whosaid-attempts", b"9" * 4300))),
        (b"offset", b"x", but(("whosaid-offset", b"9" * 30))),
        (b"first", b"x", but(("whosaid-first_failed", b"0001-01-01T00:00:00+14:00"))),
        (b"last", b"x", but(("whosaid-last_failed", b"9999-12-31T23:59:59-14:00"))),
        (b"nowhere", b"x", but(("whosaid-topic", b"no-such-topic"))),
        (b"no topic", b"x", but(("whosaid-topic", "\u2603 /".encode()))),
        (b"gone", b"", but(("whosaid-kept", b"false"), ("whosaid-partition", b"77"))),
        (b"empty id", b'{"article": {"id": "", "revision": 1}}', but()),
        (b"long id", b'{"article": {"id": "%s", "revision": 1}}' % (b"x" * 600), but()),
        (None, b"no key", but(("whosaid-replay_of", None))),
        (b"no value", None, but(("", None))),
        (b"many", b"x", but(*((f"h{number}", None) for number in range(2000)))),
    ]
    strangers.send(settings, topics.deadletter(settings).name, rubbish)
    marks: list[strangers.Event] = [
        (None, b"{}", []),
        (b"0-0", None, [("h", None)]),
        (b"\xff", b"{", []),
        (b"0-1", b'{"how": "replayed", "at": "0001-01-01T00:00:00+14:00"}', []),
        (b"0-2", b'{"how": "burnt", "at": "2026-01-01T00:00:00Z"}', []),
        (b"nothing", b'{"how": "discarded", "at": "2026-01-01T00:00:00Z"}', []),
        (b"7-99999999999", b'{"how": "discarded", "at": "2026-01-01T00:00:00Z"}', []),
    ]
    strangers.send(settings, topics.handled(settings).name, [(key or b"-", value, some) for key, value, some in marks])
    no_letters = {b"null", b"fields", b"offset", b"first", b"last"}
    # No mark is one of them; what is no letter is counted apart.
    assert waiting(settings) == (len(rubbish) - len(no_letters), len(no_letters))
    status = json.loads(whosaid(settings, "status", "--json").stdout)
    assert (status["dead_letters"], status["strange_letters"]) == (len(rubbish) - len(no_letters), len(no_letters))
    assert any(f"{len(no_letters)} records on" in hint for hint in status["hints"])
    listed = whosaid(settings, "dlq", "list", "--json")
    expected = {
        "beside", "attempts", "nowhere", "no topic", "gone", "empty id", "long id", "", "no value", "many",
    }  # fmt: skip
    assert {one["article"] for one in rows(listed.stdout)} == expected, listed.stderr
    beside = json.loads(whosaid(settings, "dlq", "show", "beside", "--json").stdout)
    assert beside["headers"] == {"h": None}
    for command in (["stats"], ["list"], ["show", "many"], ["list", "--handled"]):
        assert whosaid(settings, "dlq", *command).returncode == 0, command
    with sinks.running(settings):
        replayed = whosaid(settings, "dlq", "replay", "--every", "--json", "--timeout", "60")
    assert "Traceback" not in replayed.stderr
    fates = {one["article"]: one["fate"] for one in rows(replayed.stdout)}
    assert set(fates) == expected
    assert {name for name, fate in fates.items() if fate == "not sent"} == {"nowhere", "no topic", "gone"}
    assert whosaid(settings, "dlq", "discard", "--every").returncode == 0
    assert not all_of(letters)
    assert waiting(settings) == (0, len(no_letters))


def test_without_a_worker_it_is_still_on_its_way(settings: Settings, letters: Letters) -> None:
    bury(settings, dead(settings, "a1", good("a1")))
    sent = list(Replayer(settings, letters).replay(Filter()))
    assert [ending.outcome for ending in follow(settings, letters, sent, timeout=1)] == [ReplayOutcome.ON_ITS_WAY]


def test_an_event_too_large_for_its_letter_is_fetched(settings: Settings, letters: Letters) -> None:
    name = topics.enriched(settings).name
    producer = kafka_client.producer(settings)
    place = producer.send(name, key=b"a1", value=good("a1"), headers=[("trace", b"t")]).get(30)
    producer.close()
    kept = dead(settings, "a1", b"", partition=place.partition, offset=place.offset)
    bury(
        settings,
        dead_letter.without_bytes(kept, "too large"),
        dead_letter.without_bytes(dead(settings, "gone", b"", partition=0, offset=10**6), "too large"),
    )
    sent = {one.letter.key: one for one in Replayer(settings, letters).replay(Filter())}
    assert "no longer has offset 1000000" in str(sent["gone"].problem)
    [first, second] = articles.records(settings, name)
    assert (second.key, second.value) == (first.key, first.value)
    assert ("trace", b"t") in second.headers
    assert [letter.key for letter in all_of(letters)] == ["gone"]  # what could not be sent waits on


@pytest.mark.guarantee("newer-schema")
def test_an_event_of_a_newer_schema_waits_for_the_update(
    settings: Settings, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = enriched(article="a1").model_copy(update={"schema_version": SCHEMA_VERSION + 1})
    sinks.publish(settings, [newer])
    with sinks.running(settings):
        sinks.drained(settings)
    [letter] = all_of(letters, errors=["NewerSchema"])
    assert "Update it, then replay the event." in letter.content.reason
    monkeypatch.setattr(events, "SCHEMA_VERSION", SCHEMA_VERSION + 1)  # the update
    with sinks.running(settings):
        sent = list(Replayer(settings, letters).replay(Filter(errors=["NewerSchema"])))
        assert [ending.outcome for ending in follow(settings, letters, sent, timeout=60)] == [ReplayOutcome.SEARCHABLE]
    assert sinks.articles(settings) == ["a1"]


def test_the_command_line_from_the_first_failure_to_the_search(
    settings: Settings, letters: Letters, tmp_path: Path
) -> None:
    short = settings.model_copy(update={"enrichment": settings.enrichment.model_copy(update={"max_characters": 1000})})
    long_ = articles.article(1, body="“It is long,” Ada Lovelace said in London on Tuesday. " + "More words. " * 100)
    worker = [sys.executable, "-m", "tests.faults.cheap"]
    with Part(short, "enrich", tmp_path / "enrich.log", worker), Part(short, "sink", tmp_path / "sink.log"):
        articles.publish(settings, [long_])
        articles.send(settings, [(b"junk", b"junk", [("from", b"x")])])
        sinks.wait_until(lambda: len(all_of(letters)) == 2, "both are dead letters", 120)
        listed = whosaid(settings, "dlq", "list", "--error", "TooLong")
        assert "TooLong" in listed.stdout
        assert long_.id[:8] in listed.stdout
        assert "1 dead letter waiting." in listed.stdout
        [ending] = rows(whosaid(short, "dlq", "replay", long_.id, "--json").stdout)
        assert (ending["fate"], ending["attempts"]) == ("dead again", 2)
    with Part(settings, "enrich", tmp_path / "enrich.log", worker), Part(settings, "sink", tmp_path / "sink.log"):
        replayed = whosaid(settings, "dlq", "replay", "--stage", "enrich", "--timeout", "120")
    assert replayed.returncode == 6, replayed.stderr
    assert f"{long_.id}  searchable" in replayed.stdout
    assert "junk  dead again: Not an article" in replayed.stdout
    assert "2 replayed: 1 dead again; 1 searchable." in replayed.stdout
    assert sinks.articles(settings) == [long_.id]
    [junk] = all_of(letters)
    assert waiting(settings) == (1, 0)
    shown = whosaid(settings, "dlq", "show", junk.id)
    assert "BadEvent" in shown.stdout
    assert '"from": "x"' in shown.stdout
    assert whosaid(settings, "dlq", "show", junk.id, "--raw").stdout == "junk"
    assert whosaid(settings, "dlq", "discard", junk.id, "--because", "no article").stdout == "1 discarded.\n"
    statistics = json.loads(whosaid(settings, "dlq", "stats", "--json").stdout)
    bad = next(one for one in statistics["letters"] if one["error"] == "BadEvent")
    assert (bad["waiting"], bad["replayed"], bad["discarded"]) == (0, 1, 1)
    assert "0 waiting of 4 dead letters." in whosaid(settings, "dlq", "stats").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["replay"], 2, "Say which letters"),
        (["discard"], 2, "--every means all that wait"),
        (["list", "--stage", "press"], 2, "There is no stage 'press'"),
        (["list", "--since", "yesterday"], 2, "--since must be a date"),
        (["show", "9-9"], 5, "There is no dead letter 9-9"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    settings: Settings,
    letters: Letters,
    arguments: list[str],
    code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert main(["dlq", *arguments]) == code
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.out == ""
