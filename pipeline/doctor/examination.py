"""Examines everything, one thing after the other; what cannot be asked is itself a finding."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from pipeline import settings as settings_module
from pipeline.doctor import elasticsearch, flow, kafka, machine
from pipeline.doctor.findings import Finding, fault, fine
from pipeline.errors import BrokerUnavailable, ClusterUnavailable, SettingsError, WhoSaidError
from pipeline.settings import Settings

_log = logging.getLogger(__name__)

Examine = Callable[[Settings], Iterable[Finding]]


def examine(environment: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """All findings, as they are made. The settings are those of the environment.

    No error leaves it: an engine that is away, or anything unexpected, is a finding.
    """
    try:
        settings = settings_module.load(environment)
    except SettingsError as error:
        yield fault(
            "settings", str(error), "Nothing starts until it is mended; `whosaid settings` lists all there are."
        )
        return
    yield fine("settings", "The settings can be read.")
    yield from of(settings)


def of(settings: Settings) -> Iterator[Finding]:
    """All findings under these settings."""
    yield from _guarded("machine", machine.examine, settings)
    yield from _guarded("model", machine.model, settings)
    broker = list(_guarded("kafka", lambda given: kafka.judge(kafka.gather(given), given), settings))
    yield from broker
    if not _away(broker, "kafka"):
        yield from _guarded("parts", lambda given: flow.judge_kafka(flow.ask_kafka(given)), settings)
    cluster = list(
        _guarded("elasticsearch", lambda given: elasticsearch.judge(elasticsearch.gather(given), given), settings)
    )
    yield from cluster
    if not _away(cluster, "elasticsearch"):
        yield from _guarded("sources", flow.ask_sources, settings)
        if not _away(broker, "kafka"):
            yield from _guarded("alerts", flow.ask_alerts, settings)
        yield from _guarded("engines", flow.ask_engines, settings)


def _away(found: Iterable[Finding], about: str) -> bool:
    """Whether the engine did not answer, so that nothing more is asked of it."""
    return any(one.about == about and one.level == "fault" and one.sentence.startswith("Cannot ask: ") for one in found)


def _guarded(about: str, examine: Examine, settings: Settings) -> Iterator[Finding]:
    try:
        yield from examine(settings)
    except (BrokerUnavailable, ClusterUnavailable) as error:
        yield fault(
            about, f"Cannot ask: {error}", "See that it runs, and that address, login and certificates are right."
        )
    except WhoSaidError as error:
        yield fault(about, str(error), "")
    except Exception as error:  # the doctor tells what it can, whatever else is broken
        _log.debug("%s could not be examined", about, exc_info=True)
        yield fault(about, f"Could not be examined: {type(error).__name__}: {error}", "--verbose shows where.")
