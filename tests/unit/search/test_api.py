"""The application's answers that need no cluster: what is wrong with a request, and when Elasticsearch is away."""

import re
import socket
import threading
import time
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipeline.errors import SettingsError
from pipeline.search.api import create_app
from pipeline.search.results import QuoteHit, QuotePage
from pipeline.settings import ElasticsearchSettings, SearchSettings, Settings


@pytest.fixture
def client() -> TestClient:
    """The service beside an Elasticsearch that does not run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(elasticsearch=ElasticsearchSettings(url=f"http://127.0.0.1:{port}"))
    return TestClient(create_app(settings), base_url="http://localhost")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/quotes?size=101", "size: it must be at most 100."),
        ("/api/quotes?since=soon", "since: write a date like 2025-03-12"),
        ("/api/quotes?type=shouted", "type: it must be 'direct', 'indirect' or 'mixed'."),
        ("/api/quotes?speakr=vey", "speakr is not a parameter here"),
        ("/api/quotes?q=%2A%2A", "There is no word"),
        ("/api/quotes?page=9999", "cursor"),
        ("/api/speakers?size=0", "size: "),
        ("/api/quotes?size=ten", "size: it must be a whole number."),
        ("/api/quotes?facets=maybe", "facets: it must be true or false."),
        (f"/api/quotes?q={'x' * 301}", "q: at most 300 characters are taken."),
        ("/api/quotes?=x", "An empty name is not a parameter here"),
        ("/api/quotes?since=2026-01-01&until=2020-01-01", "since (2026-01-01) lies after until"),
    ],
)
def test_a_wrong_parameter_is_named_in_one_sentence(client: TestClient, path: str, said: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]


def test_a_wrong_header_is_named(client: TestClient) -> None:
    answer = client.get("/api/v1/stream?seconds=1", headers={"Last-Event-ID": "x" * 1001})
    assert answer.json()["detail"] == "Last-Event-ID: at most 1000 characters are taken."
    answer = client.get("/api/v1/compare?of=speaker&value=Vey")
    assert answer.json()["detail"] == "value: at least 2 values are needed (given: 1)."


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "said"),
    [
        ("/api/v1/alerts", b"{", "application/json", 422, "The body is no JSON."),
        ("/api/v1/alerts", b"\xff", "application/json", 400, "The body cannot be read; it must be JSON in UTF-8."),
        ("/api/v1/alerts", b"", "application/json", 422, "The body: it is missing."),
        ("/api/v1/alerts", b"[]", "application/json", 422, "The body: it must be an object."),
        ("/api/reconcile", b"&".join([b"a=1"] * 200), "application/x-www-form-urlencoded", 422, "at most 100 fields"),
    ],
)
def test_a_body_that_cannot_be_read_is_told(
    client: TestClient, path: str, body: bytes, kind: str, status: int, said: str
) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert said in next(answer.json()[name] for name in ("detail", "error") if name in answer.json())


def test_one_thread_at_a_time_describes_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, overlaps = threading.Lock(), []

    def describe(app: FastAPI) -> dict[str, Any]:
        overlaps.append(not busy.acquire(blocking=False))
        time.sleep(0.05)
        if busy.locked():
            busy.release()
        return {"components": {"schemas": {}}}

    monkeypatch.setattr(FastAPI, "openapi", describe)
    app = create_app(Settings())
    threads = [threading.Thread(target=app.openapi) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == [False, False, False]


def test_the_page_tells_what_is_wrong_and_keeps_what_was_typed(client: TestClient) -> None:
    answer = client.get("/", params={"q": "***", "speaker": "<b>vey"})
    assert answer.status_code == 422
    assert "There is no word" in answer.text
    assert 'value="***"' in answer.text
    assert 'value="&lt;b&gt;vey"' in answer.text


def test_the_page_names_a_field_that_is_wrong(client: TestClient) -> None:
    answer = client.get("/?since=soon&utm_source=elsewhere")
    assert answer.status_code == 422
    assert "From: write a date" in answer.text
    assert re.search('name="since" type="text" value="soon" aria-invalid="true"', answer.text)


@pytest.mark.parametrize("path", ["/api/quotes", "/api/articles/a", "/api/speakers", "/readyz"])
def test_programs_are_told_in_json_that_elasticsearch_is_away(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("Elasticsearch does not answer")
    assert "127.0.0.1" not in answer.text
    assert "WHOSAID" not in answer.text
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/", "/search?q=bridge", "/articles/a", "/quotes/a", "/speakers/a", "/facets/cues"])
def test_people_are_told_on_a_page_that_elasticsearch_is_away(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Elasticsearch does not answer" in answer.text
    assert "127.0.0.1" not in answer.text
    assert "Traceback" not in answer.text


def test_the_process_is_alive_all_the_same(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}


def test_an_unknown_address_is_told_in_the_form_of_who_asks(client: TestClient) -> None:
    assert client.get("/api/nothing").json() == {"error": "There is nothing at this address."}
    page = client.get("/nothing")
    assert page.status_code == 404
    assert "<h1>Not found</h1>" in page.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(client: TestClient, method: str) -> None:
    for path in ("/api/quotes", "/api/v1/quotes", "/api/v1/entities", "/api/entities/p-1"):
        answer = client.request(method, path)
        assert answer.status_code == 405
        assert "only reads" in answer.text


def test_a_comparison_that_cannot_be_made_says_why(client: TestClient) -> None:
    page = client.get("/compare", params={"value": ["Calloway", "Vey"], "since": "soon"})
    assert page.status_code == 422
    assert '<p class="warning" role="alert">since: ' in page.text
    assert 'value="Calloway" required' in page.text
    assert client.get("/compare", params={"value": ["a"] * 7}).status_code == 422
    assert client.get("/compare?value=Calloway").status_code == 200


def test_the_reference_lists_every_operation_and_parameter(client: TestClient) -> None:
    page, description = client.get("/docs").text, client.get("/openapi.json").json()
    for path, methods in description["paths"].items():
        assert path in page
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                assert f"<code>{parameter['name']}</code>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_every_error_in_the_description_has_the_one_form(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    for path, methods in description["paths"].items():
        v1 = path.startswith("/api/v1/")
        kind, name = ("application/problem+json", "Details") if v1 else ("application/json", "Problem")
        answers = [item for one in methods.values() for item in one["responses"].items()]
        for status, answer in answers:
            if not status.startswith("2"):
                assert answer["content"] == {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
                assert name in description["components"]["schemas"]


def test_errors_of_the_first_version_are_problem_details(client: TestClient) -> None:
    answer = client.get("/api/v1/quotes?size=0")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank", "title": answer.json()["title"], "status": 422, "instance": "/api/v1/quotes",
        "detail": "size: it must be at least 1.",
    }  # fmt: skip
    for path in ("quotes", "articles", "stats", "export.csv", "feeds/quotes.atom", "speakers/x"):
        answer = client.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")


def test_examples_are_what_the_models_say(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    given = {
        path: methods["get"]["responses"]["200"]["content"]["application/json"].get("example")
        for path, methods in paths.items()
        if "get" in methods and "application/json" in methods["get"]["responses"]["200"].get("content", {})
    }
    assert QuotePage.model_validate(given["/api/v1/quotes"]).hits[0].text
    assert QuoteHit.model_validate(given["/api/v1/quotes/{id}"]).speaker


@pytest.mark.parametrize("path", ["/static/whosaid.css", "/static/icon.svg", "/favicon.ico"])
def test_the_pages_own_files_are_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/static/../api.py", "/static/%2e%2e/api.py", "/static/..%2f..%2fapi.py"])
def test_no_other_file_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_it_does_not_start_open_to_others() -> None:
    with pytest.raises(SettingsError, match="other machines reach"):
        create_app(Settings(search=SearchSettings(host="0.0.0.0")))
