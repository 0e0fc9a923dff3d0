"""Requests of any kind that the API's description allows, and chains of them, never end in an error of the service."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as trying

from pipeline.search import looks, stream
from pipeline.search.api import create_app
from pipeline.settings import Settings
from tests.library import shelve
from tests.thorough import examples
from tests.unit.search.factory import library

TRIES = trying(
    max_examples=examples(40),
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def _seconds_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of one second looks for new quotes a few times, as ever, but within a twentieth of a second."""
    events = stream.events

    def brief(*arguments: Any, seconds: float, **others: Any) -> AsyncIterator[str]:
        return events(*arguments, seconds=seconds / 20, **others)

    monkeypatch.setattr(stream, "events", brief)
    monkeypatch.setattr(looks, "_EVERY", 0.02)


@pytest.fixture
def schema(settings: Settings, _seconds_are_short: None) -> schemathesis.BaseSchema:
    """The description of a service with a few articles."""
    shelve(settings, library())
    open_to_tests = settings.search.model_copy(update={"allowed_hosts": "testserver,localhost", "rate_limit": 0})
    app = create_app(settings.model_copy(update={"search": open_to_tests}))
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def test_no_request_and_no_chain_of_them_breaks_the_service(schema: schemathesis.BaseSchema) -> None:
    paths = set()
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]
        paths.add(operation.path)

        @TRIES
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            if case.path.endswith("/stream"):
                case.query = dict(case.query or {}) | {"seconds": 1}
            response = case.call()
            assert response.status_code < 500, (case.formatted_path, case.query, response.text)

        ask()
    assert {"/api/quotes", "/api/v1/quotes", "/api/v1/export.{format}", "/api/v1/stream"} <= paths

    def check(self: Any, response: Any, case: Any, additional_checks: Any = None, **_: Any) -> None:
        assert response.status_code < 500, (case.formatted_path, case.query, response.text)

    machine = schema.exclude(path_regex="stream").as_state_machine()
    machine.validate_response = check  # type: ignore[method-assign]
    machine.run(settings=trying(TRIES, max_examples=examples(20), stateful_step_count=4))
