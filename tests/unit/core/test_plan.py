"""The plan: figures become sizes, a peak of news is played, what is asked too much for is said."""

import json
import re
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.errors import InputError
from pipeline.plan import DAY, LARGEST, MINUTES, Assumptions, Figures, amount, day, plan, queue, terabytes

PAGE = (Path(__file__).parents[3] / "docs/scale.md").read_text(encoding="utf-8")
FIGURES = Figures()
GIVEN = Assumptions()


@pytest.mark.parametrize(
    ("text", "number"),
    [("10k", 10_000), ("1M", 1_000_000), ("2.5m", 2_500_000), ("100_000", 100_000), ("1,000", 1000), (" 7 ", 7)],
)
def test_amounts_are_read(text: str, number: int) -> None:
    assert amount(text) == number


@pytest.mark.parametrize("text", ["", "0", "-1", "1e6", "ten", "1_00", "2B", "9" * 60, "1M per day"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no number of articles"):
        amount(text)


def test_a_day_with_a_peak_waits_as_long_as_its_queue() -> None:
    coming = day(MINUTES, 5)
    assert sum(coming) == pytest.approx(MINUTES + 4 * 180)
    assert max(coming) == 5
    assert queue(coming, 5) == (0, 0)
    longest, wait = queue(coming, 2)
    assert longest == pytest.approx(3 * 180), "three a minute too many for three hours"
    assert wait == pytest.approx(longest / 2)


@pytest.mark.parametrize("articles", [1, 10_000, 50_001, 1_000_000, 100_000_000, LARGEST])
def test_the_sizes_follow_from_the_figures(articles: int) -> None:
    found = plan(articles)
    assert found.longest_wait <= GIVEN.wait
    done = found.enrichment_cores * GIVEN.busy / FIGURES.analysis * DAY
    assert done >= articles, "a day's articles are done in a day"
    assert found.workers * GIVEN.cores >= found.enrichment_cores
    assert found.partitions >= 2 * max(found.workers, found.sinks)
    assert found.sinks * GIVEN.busy >= found.peak_rate * FIGURES.sink
    copies = found.kafka_replication * GIVEN.retention
    assert found.kafka_disk == pytest.approx(articles * copies * (FIGURES.article_bytes + FIGURES.enriched_bytes))
    assert found.index_disk == pytest.approx(GIVEN.months * found.month_disk)
    assert found.nodes * GIVEN.node * GIVEN.full >= found.index_disk
    assert found.nodes * GIVEN.node_shards >= found.open_shards
    if articles > 50_000:
        assert min(found.brokers, found.nodes) >= 3
        assert min(found.workers, found.sinks, found.connectors) >= 2, "one may fail"
    else:
        assert (found.brokers, found.nodes, found.replicas) == (1, 1, 0)


def test_more_patience_takes_fewer_cores_and_fewer_months_less() -> None:
    patient = plan(10_000_000, Assumptions(wait=7200))
    assert patient.enrichment_cores < plan(10_000_000).enrichment_cores
    assert GIVEN.wait < patient.longest_wait <= 7200
    assert plan(1_000_000, Assumptions(months=12)).index_disk == pytest.approx(plan(1_000_000).index_disk / 2)


def test_more_shards_than_the_setting_takes_are_told() -> None:
    assert not any("more than the setting takes" in driver for driver in plan(100_000_000).drivers)
    assert any("more than the setting takes (1,024)" in driver for driver in plan(LARGEST).drivers)


def test_the_command_prints_sizes_and_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--articles-per-day", "1M", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    found = plan(1_000_000)
    assert answer["nodes"] == found.nodes
    assert answer["settings"]["WHOSAID_ELASTICSEARCH__SHARDS"] == str(found.shards)
    assert main(["plan", "--articles-per-day", "1M"]) == 0
    shown = capsys.readouterr().out
    assert f"WHOSAID_KAFKA__PARTITIONS={found.partitions}" in shown
    assert "What costs:" in shown
    assert main(["plan", "--articles-per-day", "many"]) == 2
    assert "'many' is no number of articles" in capsys.readouterr().err


def test_the_page_has_the_figures_and_the_three_plans() -> None:
    for number in (
        f"{FIGURES.analysis:g} s", f"{FIGURES.sink:g} s", f"{FIGURES.article_bytes:,}", f"{FIGURES.enriched_bytes:,}",
        f"{FIGURES.article_index_bytes:,}", f"{FIGURES.quote_index_bytes:,}", f"{FIGURES.quotes:g}",
    ):  # fmt: skip
        assert number in PAGE, number
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+ \| [^|]+ \| [^|]+) \|$", PAGE, re.MULTILINE))
    plans = [plan(number) for number in (10_000, 1_000_000, 100_000_000)]
    told = {
        "cores for enrichment": [f"{one.enrichment_cores:,}" for one in plans],
        "`whosaid enrich`": [f"{one.workers:,}" for one in plans],
        "`whosaid sink`": [f"{one.sinks:,}" for one in plans],
        "partitions of a topic": [f"{one.partitions:,}" for one in plans],
        "brokers": [f"{one.brokers:,}" for one in plans],
        "disk of Kafka": [terabytes(one.kafka_disk) for one in plans],
        "shards of an index": [f"{one.shards:,}" for one in plans],
        "nodes of Elasticsearch": [f"{one.nodes:,}" for one in plans],
        "disk of Elasticsearch": [terabytes(one.index_disk) for one in plans],
    }
    assert {name: rows[name] for name in told} == {name: " | ".join(values) for name, values in told.items()}
