"""The metrics port: off by default, tokens beyond this machine, health that tells a part that hangs."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline import access_tokens, heartbeat
from pipeline.access_tokens import Scope
from pipeline.errors import SettingsError
from pipeline.heartbeat import SILENCE, Heartbeat
from pipeline.server.metrics_port import application, serving_metrics
from pipeline.settings import MetricsSettings, Settings
from tests.engines import free_ports

HERE = "http://127.0.0.1"


def client(host: str = "127.0.0.1", tokens: Path | None = None, url: str = HERE) -> TestClient:
    return TestClient(application(MetricsSettings(host=host, tokens_file=tokens)), base_url=url)


@pytest.fixture
def tokens(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A file of tokens, and the token of each scope."""
    made = {scope.value: access_tokens.create(f"a-{scope.value}", [scope]) for scope in Scope}
    path = tmp_path / "tokens"
    path.write_text("\n".join(line for _, line in made.values()), encoding="utf-8")
    return path, {name: token for name, (token, _) in made.items()}


def test_there_is_no_port_by_default() -> None:
    with serving_metrics(Settings()):
        assert Settings().metrics.port == 0


def test_on_this_machine_it_shows_metrics_by_its_own_names_alone() -> None:
    answer = client().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'whosaid_info{version="' in answer.text
    assert client(url="http://localhost").get("/metrics").status_code == 200
    assert client(url="http://evil.example").get("/metrics").status_code == 400, "DNS rebinding"


def test_beyond_this_machine_it_does_not_start_without_tokens() -> None:
    with pytest.raises(SettingsError, match="WHOSAID_METRICS__TOKENS_FILE"):
        application(MetricsSettings(host="0.0.0.0"))


def test_beyond_this_machine_it_wants_a_token_for_metrics(tokens: tuple[Path, dict[str, str]]) -> None:
    path, known = tokens
    outside = client("0.0.0.0", path, "http://10.1.2.3")
    statuses = {
        name: outside.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code
        for name, token in known.items()
    }
    assert statuses == {"read": 403, "push": 403, "metrics": 200, "admin": 200}
    assert outside.get("/metrics").status_code == 401
    assert outside.get("/metrics", headers={"Authorization": "Bearer x"}).status_code == 401
    assert outside.get("/healthz").text == "alive\n"
    path.write_text("broken", encoding="utf-8")
    assert outside.get("/metrics", headers={"Authorization": f"Bearer {known['metrics']}"}).status_code == 503


def test_a_taken_port_is_named() -> None:
    port = free_ports(1)[0]
    settings = Settings(metrics=MetricsSettings(port=port))
    with (
        serving_metrics(settings),
        pytest.raises(SettingsError, match="WHOSAID_METRICS__PORT"),
        serving_metrics(settings),
    ):
        pass
    with serving_metrics(settings):
        pass  # the port was given back


def test_health_tells_a_part_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(heartbeat, "PART", Heartbeat(lambda: now[0]))
    there = client()

    def statuses() -> tuple[int, int]:
        return there.get("/healthz").status_code, there.get("/readyz").status_code

    assert statuses() == (200, 503), "it starts"
    heartbeat.PART.beat()
    heartbeat.PART.take_up()
    assert statuses() == (200, 200)
    now[0] = SILENCE + 1
    assert statuses() == (503, 503)
    heartbeat.PART.beat()
    assert statuses() == (200, 200)
    heartbeat.PART.rest()
    now[0] = 3 * SILENCE
    assert statuses() == (200, 503), "it has ended in order"
