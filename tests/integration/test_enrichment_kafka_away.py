"""A worker whose Kafka is gone for a while loses nothing and ends when asked; it is a Kafka that tests may kill."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.engines import Engines
from tests.integration.articles import publish
from tests.integration.parts import wait_until
from tests.integration.test_enrichment import all_done, with_enrichment
from tests.integration.test_enrichment_kills import accounted, partly_slow, poisoned, started


@pytest.mark.guarantee("worker-waits")
def test_while_kafka_is_gone_nothing_is_skipped(killable: Engines, tmp_path: Path) -> None:
    settings = with_enrichment(killable.settings)
    log = tmp_path / "enrich.log"
    sent = partly_slow(200)
    with poisoned(settings, log) as part:
        publish(settings, sent)
        started(settings, 20)
        killable.kafka.kill()
        wait_until(lambda: "Got error produce response" in log.read_text(), 30, message="nothing was sent in vain")
        assert part.process.poll() is None, log.read_text()
        killable.kafka.start()
        all_done(settings)
        assert part.terminate() == 0
        assert accounted(settings, sent) == (200, 0)


@pytest.mark.guarantee("sigterm")
def test_sigterm_while_kafka_is_gone_ends_the_worker(killable: Engines, tmp_path: Path) -> None:
    settings = with_enrichment(killable.settings)
    sent = partly_slow(300)
    with ExitStack() as stack:
        publish(settings, sent)
        log = tmp_path / "enrich.log"
        part = stack.enter_context(poisoned(settings, log))
        started(settings)
        killable.kafka.kill()
        wait_until(lambda: "Unable connect to node" in log.read_text(), 30, message="the worker did not notice")
        part.process.terminate()
        part.process.wait(20)
        killable.kafka.start()
        with poisoned(settings, tmp_path / "next.log"):
            all_done(settings)
        assert accounted(settings, sent) == (300, 0)
