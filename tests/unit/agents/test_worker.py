"""What a worker says when it ends by itself."""

from pipeline.agents.worker import reason
from pipeline.errors import BrokerUnavailable, EngineError, InputError
from pipeline.settings import KafkaSettings, Settings

AWAY = Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:9", request_timeout=1))


def test_our_own_error_is_told_as_it_is() -> None:
    own = InputError("too long")
    assert reason(ExceptionGroup("some", [own, ValueError("other")]), AWAY) is own


def test_a_strange_error_is_named_and_kept() -> None:
    strange = ValueError("odd")
    found = reason(strange, AWAY)
    assert isinstance(found, EngineError)
    assert "broke off (ValueError('odd'))" in str(found)
    assert found.__cause__ is strange


def test_no_reason_at_all_while_kafka_is_away_is_kafka_away() -> None:
    found = reason(None, AWAY)
    assert isinstance(found, BrokerUnavailable)
    assert "Kafka does not answer at 127.0.0.1:9" in str(found)
