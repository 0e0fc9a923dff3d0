"""Whatever is done to the parts and to the engines: nothing lost, nothing twice, nothing waits (see `pipeline`)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.models import Article
from tests.faults import corpus, harm
from tests.faults.engines import Engines
from tests.faults.pipeline import Account, Pipeline
from tests.faults.scenarios import SCENARIOS, SHORT, Scenario

Undisturbed = Callable[[Scenario], Account]


def run(scenario: Scenario, engines: Engines, folder: Path, undisturbed: Account | None = None) -> Account:
    """Runs the parts, feeds them, does harm in the middle, waits until nothing waits, and checks the equation."""
    folder.mkdir(exist_ok=True)
    with Pipeline(engines, folder, work="" if scenario.spacy else "tests.faults.cheap") as pipeline:
        for kind, count in (("enrich", scenario.workers), ("sink", scenario.sinks)):
            for number in range(count):
                pipeline.start(kind, f"{kind}-{number}" if number else kind, behind=kind in scenario.behind)
        pipeline.ready()
        published = _feed(pipeline, engines, scenario, scenario.articles())
        pipeline.flowing(scenario.at)
        scenario.harm(pipeline)
        pipeline.settle(published=published)
        found = pipeline.check(undisturbed)
        print(f"{scenario.name}: {found}; {pipeline.megabytes()}")
        return found


def _feed(pipeline: Pipeline, engines: Engines, scenario: Scenario, events: list[Article]) -> Callable[[], bool]:
    if not scenario.connectors:
        pipeline.publish(events)
        return lambda: True
    spool = corpus.Spool(pipeline.folder)
    spool.add(events)
    pipeline.expect(events)
    if "connect" in scenario.behind:
        engines.kafka_link.delay = 0.1  # or it is done before harm can be
    for number in range(scenario.connectors):
        name = f"connect-{number}" if number else "connect"
        pipeline.start("connect", name, "--sources", str(spool.sources), behind="connect" in scenario.behind)
    return lambda: pipeline.on_topic() == {one.id for one in events}


@pytest.fixture(scope="session")
def undisturbed(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """What a run gives in which nothing happens; done once for each set of articles."""
    known: dict[tuple[int, bool], Account] = {}

    def of(scenario: Scenario) -> Account:
        events = scenario.articles()
        key = (hash(tuple((one.id, one.revision) for one in events)), scenario.spacy)
        if key not in known:
            calm = Scenario("nothing happens", harm.nothing, scenario.articles, spacy=scenario.spacy, at=0.9)
            known[key] = run(calm, engines, tmp_path_factory.mktemp("calm"))
        return known[key]

    return of


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(one, id=one.name.replace(" ", "-"), marks=() if one.name in SHORT else pytest.mark.faults)
        for one in SCENARIOS
    ],
)
def test_nothing_is_lost_nothing_is_twice(
    scenario: Scenario, engines: Engines, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    found = run(scenario, engines, tmp_path, undisturbed(scenario))
    assert found.quotes
    assert found.dead, "some articles are made to end as dead letters"


def test_the_table_has_what_the_short_form_names() -> None:
    names = [one.name for one in SCENARIOS]
    assert len(set(names)) == len(names)
    assert set(SHORT) <= set(names)
    assert len(names) >= 25
