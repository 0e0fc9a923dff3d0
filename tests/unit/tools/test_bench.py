"""The benchmark's articles and its report."""

import json

import pytest

from benchmarks import bench, corpus, measure, short
from benchmarks.bench import BARE, OURS, RAW, SINK, TRIP, WHOLE, Report, Target
from benchmarks.measure import Spread, Turn
from pipeline.text.fingerprint import fingerprint, similarity


def report() -> Report:
    """Two rounds, in which ours takes a quarter of bare spaCy's time and the sink as much as raw bulk."""
    made = Report(memory={f"{OURS}: spaCy": 240.0, f"{SINK}: client": 151.0}, analysed=304)
    for scale in (1.0, 2.0):
        made.note(BARE, Turn(100, 10.0 * scale, {"spaCy": 20.0 * scale}))
        made.note(OURS, Turn(100, 2.5 * scale, {"spaCy": 4.0 * scale, "transfer": 1.0 * scale}))
        made.note(WHOLE, Turn(100, 5.0 * scale, {"spaCy": 4.0 * scale, "elasticsearch": 6.0 * scale}))
        made.note(TRIP, Turn(800, 1.0, {"client": 0.5, "kafka": 0.1}))
        made.note(RAW, Turn(1000, 4.0, {"elasticsearch": 3.0, "client": 1.0}))
        made.note(SINK, Turn(1000, 4.0, {"elasticsearch": 3.5, "client": 2.0}))
        made.one_process.append(22.0 / scale)
    made.latencies = [0.5 + 0.01 * number for number in range(100)]
    return made


def test_articles_are_of_all_lengths_and_no_two_alike() -> None:
    texts = corpus.texts(60)
    words = [len(text.split()) for text in texts]
    assert corpus.LEAST <= min(words) < 450
    assert 1_200 < max(words) <= corpus.MOST
    assert texts == corpus.texts(60)
    prints = [fingerprint(text) or "" for text in texts + corpus.texts(60, seed=2)]
    assert max(similarity(prints[0], other) for other in prints[1:]) < 0.4  # what the sink takes for copies


def test_a_target_is_met_or_not_or_was_not_measured() -> None:
    assert Target("x", 3.5, least=3.5).met is True
    assert Target("x", 3.4, least=3.5).met is False
    assert Target("x", 1.3, most=1.2).met is False
    assert Target("x", None, most=1.2, note="because").met is None
    assert Target("x", None, " s", most=1.2, note="because").row() == ("x", "– s", "≤ 1.2 s", "because")


@pytest.mark.parametrize(("asked", "given"), [(1, 64), (48, 64), (64, 64), (65, 128), (128, 128)])
def test_every_process_gets_as_many_batches(asked: int, given: int) -> None:
    assert bench.evenly(asked, 2) == given


def test_ratios_are_of_one_round() -> None:
    made = report()
    assert made.ratio(OURS, BARE).values == [4.0, 4.0]
    assert made.rates(WHOLE, BARE).values == [2.0, 2.0]
    figures = {target.name: target for target in bench.targets(made)}
    assert figures["(b) processor: bare spaCy / our extraction"].met
    assert not figures["(c) processor: bare spaCy / the whole way"].met
    assert figures["(d) processor of sink and Elasticsearch, in raw bulk's"].figure == pytest.approx(1.375)
    assert not figures["sink"].met
    assert figures["published to searchable, p50"].figure == pytest.approx(0.995)


def test_the_report_has_each_target_beside_its_figure() -> None:
    made = report()
    about = {"processor": "P", "cores": 2, "load": [0.1], "python": "3", "spacy": "3", "engine": "5", "kernels": ["k"]}
    lines = "\n".join(bench.printed(made, about, 900))
    assert "| (b) processor: bare spaCy / our extraction " in lines
    assert "| ≥ 3.5 × " in lines
    assert all(len(set(map(len, rows))) == 1 for rows in _tables(lines))
    told = json.loads(json.dumps(bench.as_json(made, about, 900, ["OPENBLAS_CORETYPE"])))
    assert told["stages"][OURS]["cpu_ms"] == {"median": 75.0, "least": 50.0, "most": 100.0}
    assert len(told["targets"]) == len(list(bench.targets(made)))


def test_spread_and_numbers() -> None:
    assert str(Spread([3.0, 1.0, 2.0])) == "2.00 (1.00 to 3.00)"
    assert [measure.number(value) for value in (0.123, 12.34, 123.4)] == ["0.12", "12.3", "123"]


def test_an_unknown_kernel_is_measured_by_the_least_ratio() -> None:
    known = json.loads(short.COMMITTED.read_text(encoding="utf-8"))
    assert short.committed("no such kernel") == min(known.values())
    assert all(short.committed(name) == ratio for name, ratio in known.items())


def _tables(text: str) -> list[list[str]]:
    return [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
