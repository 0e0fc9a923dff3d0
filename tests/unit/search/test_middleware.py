"""What stands before every page, on an application that answers whatever gets through."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY, generate_latest

from pipeline import access_tokens as auth
from pipeline.access_tokens import Scope
from pipeline.errors import SettingsError
from pipeline.search import middleware
from pipeline.search.middleware import AccessRules, SecurityMiddleware
from pipeline.settings import SearchSettings


def client(host: str = "localhost", **search: Any) -> TestClient:
    app = FastAPI()

    @app.get("/api/quotes")
    @app.get("/healthz")
    @app.get("/readyz")
    @app.get("/metrics")
    @app.get("/static/whosaid.css")
    @app.get("/")
    @app.post("/api/reconcile")
    @app.post("/api/alerts")
    @app.delete("/api/alerts")
    def everything() -> PlainTextResponse:
        return PlainTextResponse("inside")

    @app.get("/broken")
    @app.get("/api/broken")
    def broken() -> None:
        raise RuntimeError("a secret of the house")

    app.add_middleware(SecurityMiddleware, rules=AccessRules(SearchSettings(**search)))
    return TestClient(app, base_url=f"http://{host}", raise_server_exceptions=False)


@pytest.fixture
def tokens(tmp_path: Path) -> tuple[Path, str]:
    """A tokens file, and the one token in it that may read."""
    token, line = auth.create("reader")
    path = tmp_path / "tokens"
    path.write_text(line + "\n")
    return path, token


@pytest.mark.parametrize("path", ["/", "/api/quotes", "/nothing", "/broken", "/static/whosaid.css"])
def test_every_answer_tells_the_browser_to_run_nothing(path: str) -> None:
    headers = client().get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "script-src" not in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"]


def test_the_live_page_alone_may_run_a_script_of_ours() -> None:
    policy = client().get("/live").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in client().get("/live/stream").headers["Content-Security-Policy"]


def test_what_somebody_reads_is_kept_by_no_shared_cache() -> None:
    assert client().get("/api/quotes").headers["Cache-Control"] == "private, no-cache"


def test_an_unexpected_error_tells_nothing_of_the_inside() -> None:
    page, api = client().get("/broken"), client().get("/api/broken")
    assert (page.status_code, api.status_code) == (500, 500)
    assert "secret" not in page.text + api.text
    assert api.json() == {"error": "Something went wrong here; the service's log says what."}


def test_head_answers_as_get_does_without_the_body() -> None:
    answer = client().head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == "6"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8765", "[::1]:8765", "LOCALHOST"])
def test_a_local_service_answers_to_this_machines_names(host: str) -> None:
    assert client(host).get("/").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"])
def test_a_local_service_answers_to_no_other_name(host: str) -> None:
    answer = client(host).get("/api/quotes")
    assert answer.status_code == 400
    assert "ALLOWED_HOSTS" in answer.json()["error"]


def test_allowed_hosts_are_answered_and_others_not() -> None:
    assert client("quotes.example", allowed_hosts="quotes.example, q.example").get("/").status_code == 200
    assert client("evil.example", allowed_hosts="quotes.example").get("/").status_code == 400


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "search.example"])
def test_a_service_for_others_does_not_start_without_tokens(host: str) -> None:
    with pytest.raises(SettingsError, match="WHOSAID_SEARCH__TOKENS_FILE"):
        AccessRules(SearchSettings(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_a_service_for_this_machine_needs_no_tokens(host: str) -> None:
    assert AccessRules(SearchSettings(host=host)).tokens is None


def test_with_tokens_it_starts_anywhere_and_answers_to_any_name(tokens: tuple[Path, str]) -> None:
    path, token = tokens
    outside = client("quotes.example", tokens_file=path, allowed_hosts="quotes.example")
    assert middleware.allowed_hosts(SearchSettings(host="0.0.0.0", tokens_file=path)) is None
    assert outside.get("/", headers={"Authorization": f"Bearer {token}"}).text == "inside"


def test_without_or_with_a_wrong_token_nobody_gets_in(tokens: tuple[Path, str]) -> None:
    inside = client(tokens_file=tokens[0])
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
        answer = inside.get("/api/quotes", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert "token" in answer.json()["error"]


def test_a_browser_gets_in_with_the_token_as_password(tokens: tuple[Path, str]) -> None:
    assert client(tokens_file=tokens[0]).get("/", auth=("anybody", tokens[1])).text == "inside"


def test_a_token_for_something_else_may_not_read(tmp_path: Path) -> None:
    token, line = auth.create("pusher", [Scope.PUSH])
    (tmp_path / "tokens").write_text(line)
    inside = client(tokens_file=tmp_path / "tokens")
    assert inside.get("/api/quotes", headers={"Authorization": f"Bearer {token}"}).status_code == 403


def test_who_changes_something_needs_the_scope_admin(tmp_path: Path) -> None:
    made = {scope: auth.create(f"a-{scope}", [scope]) for scope in (Scope.READ, Scope.METRICS, Scope.ADMIN)}
    path = tmp_path / "tokens"
    path.write_text("\n".join(line for _, line in made.values()))
    service = client(tokens_file=path)

    def status(scope: Scope, method: str, where: str) -> int:
        headers = {"Authorization": f"Bearer {made[scope][0]}"}
        return service.request(method, where, headers=headers).status_code

    assert [status(scope, "POST", "/api/alerts") for scope in made] == [403, 403, 200]
    assert [status(scope, "DELETE", "/api/alerts") for scope in made] == [403, 403, 200]
    assert [status(scope, "POST", "/api/reconcile") for scope in made] == [200, 403, 200]
    assert service.post("/api/alerts").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_pages_of_other_sites_change_nothing(headers: dict[str, str], status: int) -> None:
    assert client().post("/api/alerts", headers=headers).status_code == status
    assert client().get("/api/quotes", headers=headers).status_code == 200
    assert client().post("/api/reconcile", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/whosaid.css"])
def test_probes_and_the_stylesheet_need_no_token(tokens: tuple[Path, str], path: str) -> None:
    assert client(tokens_file=tokens[0]).get(path).text == "inside"


def test_tokens_that_cannot_be_read_any_more_shut_everybody_out(tokens: tuple[Path, str]) -> None:
    path, token = tokens
    inside = client(tokens_file=path)
    path.unlink()
    answer = inside.get("/api/quotes", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    assert str(path) not in answer.text


def test_too_many_requests_are_told_to_wait() -> None:
    limited = client(rate_limit=6)
    assert limited.get("/api/quotes").status_code == 200
    answer = limited.get("/api/quotes")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert limited.get("/healthz").status_code == 200


def test_metrics_want_a_token_of_their_own_scope(tmp_path: Path) -> None:
    made = {scope: auth.create(f"a-{scope}", [scope]) for scope in (Scope.READ, Scope.METRICS, Scope.ADMIN)}
    path = tmp_path / "tokens"
    path.write_text("\n".join(line for _, line in made.values()))
    service = client(tokens_file=path)

    def status(scope: Scope, where: str) -> int:
        return service.get(where, headers={"Authorization": f"Bearer {made[scope][0]}"}).status_code

    assert [status(scope, "/metrics") for scope in made] == [403, 200, 200]
    assert [status(scope, "/api/quotes") for scope in made] == [200, 403, 200]
    assert service.get("/metrics").status_code == 401


def test_requests_are_counted_by_route_and_never_by_address() -> None:
    def count(route: str, status: str) -> float:
        labels = {"route": route, "status": status}
        return REGISTRY.get_sample_value("whosaid_http_requests_total", labels) or 0.0

    asked = [("/api/quotes", "2xx"), ("/api/broken", "5xx"), ("other", "4xx"), ("/static/whosaid.css", "2xx")]
    before = [count(*one) for one in asked]
    service = client()
    for path in ("/api/quotes?q=a-secret", "/api/broken", "/a-secret", "/static/whosaid.css"):
        service.get(path)
    service.head("/api/quotes")
    assert [count(*one) - then for one, then in zip(asked, before, strict=True)] == [2, 1, 1, 1]
    assert "a-secret" not in generate_latest(REGISTRY).decode()


def test_what_changes_something_is_short_and_says_its_length() -> None:
    service = client()
    long = {"Content-Length": str(middleware.MAX_BODY + 1)}
    assert service.post("/api/quotes", headers=long).status_code == 413
    assert service.post("/api/quotes", content=iter([b"in", b"pieces"])).status_code == 413
    assert service.post("/api/quotes", content=b"short").status_code == 405
