"""Requests at the edges of every parameter, to the service before a real Elasticsearch: never an error of ours."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from pipeline.models import Enriched, Source
from pipeline.search.api import create_app
from pipeline.settings import ElasticsearchSettings, SearchSettings, Settings
from tests.engines import remove_indices
from tests.library import shelve
from tests.unit.search.factory import enriched, library
from tests.unit.search.factory import quote as quote_of

MOMENTS = (
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00-14:00", "9999-12-31T23:59+23:59",
    "0001-01-01", "9999-12-31", "0000-01-01", "10000-01-01", "-001-01-01", "2025-02-30", "2025-03-12T24:00:00Z",
    "2025-03-12T08:30:00.123456789Z", "2025-W10-3", "20250312", "2025-03-12T08:30+00:00:30", "now-1d", "2025-03-12||/M",
)  # fmt: skip
NUMBERS = (
    "0", "-1", "1", "10000", "1e400", "-1e400", "nan", "inf", "-inf", "9" * 400, "9" * 5000, "1_0", "0x10", "٣", "²",
    "0.1", "1.0", "+1", "true", "null", "1e-400",
)  # fmt: skip
TEXTS = (
    "", "\0", "\ud800", "\u202e", "\x11\x12\x1b[2J", "a" * 200, "a" * 600, "的" * 200, "的" * 300, "😀" * 150,
    "a.b " * 75, "-" * 300, '"', '"a b"' * 60, "İ" * 200, "[{}", "../../etc/passwd", "a/b<b>", "*:* said:x", "abc*",
)  # fmt: skip


def cursor(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


CURSORS = (
    cursor("newest", None, None, None, None), cursor("relevance", None, None, None, None, None),
    cursor("newest", 1, "a", 1, "b"), cursor("newest", True, "a", 1, "b"), cursor("newest", 2**63, "a", 1, "b"),
    cursor("newest", 10**400, "a", 1, "b"), cursor("newest", 1, "a", 2**31, "b"), cursor("newest", 1, "\ud800", 1, "b"),
    cursor("newest", [[1]], {"a": 1}, 1, "b"), cursor("newest", "1", "a", "1", "b"),
    cursor("newest", -(2**63), "", 0, ""), cursor("newest", 1, "a" * 700, 1, "b"),
    cursor("relevance", float("nan"), 1, "a", 1, "b"), cursor("relevance", 1e308, 1, "a", 1, "b"),
    cursor("relevance", 1.5, 2**63 - 1, "a", 1, "b"), cursor("newest"), cursor(),
    base64.urlsafe_b64encode(b"[" * 700).decode(), base64.urlsafe_b64encode(b'{"newest":1}').decode(), "=", "é", "A",
)  # fmt: skip
EDGES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("q", "speaker", "source", "article", "addressee", "prefix"), TEXTS),
    **dict.fromkeys(("since", "until"), MOMENTS + NUMBERS),
    **dict.fromkeys(("type", "modality", "sort", "copies", "facets", "confidence", "page", "size", "other"), NUMBERS),
    "cursor": CURSORS,
}
HOSTS = ("localhost", "[", "[::1]:x", "", "localhost:", "a b", "localhost/x", "\xff", "evil.example")

values = (
    st.sampled_from(MOMENTS + NUMBERS + TEXTS + CURSORS)
    | st.text(max_size=40)
    | st.lists(
        st.none() | st.floats() | st.integers() | st.text(max_size=4) | st.sampled_from(["newest", "relevance"]),
        max_size=6,
    ).map(lambda some: cursor(*some))
)
paths = st.sampled_from(
    ["/", "/search", "/facets/cues", "/api/quotes", "/api/speakers", "/readyz", "/healthz", "/docs", "/openapi.json"]
) | (
    st.builds(
        lambda folder, name: folder + encoded(name),
        st.sampled_from(["/api/articles/", "/articles/", "/quotes/", "/speakers/", "/static/", "/"]),
        values,
    )
)


def encoded(value: str) -> str:
    """As it stands in an address, half characters too."""
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


STRANGE = "Bridge \u202egnp.exe \x00\x07\x1b[2J\x85\u2066\u2028\x11half\x12\ufeff"


def controls() -> Enriched:
    """An article with control characters and marks that turn the direction of writing in each of its texts."""
    body = f"“{STRANGE} stands,” {STRANGE} said."
    said = quote_of(body, f"{STRANGE} stands,", article="controls", name=STRANGE, cue="said", addressee=STRANGE)
    source = Source(id="controls.example", name=STRANGE)
    return enriched("controls", body, [said], headline=STRANGE, byline=STRANGE, source=source)


def test_control_characters_break_no_page_and_no_json(client: TestClient) -> None:
    found = client.get("/api/quotes", params={"article": "controls", "facets": "true"}).json()
    assert found["hits"][0]["headline"] == found["hits"][0]["speaker"]["name"] == STRANGE
    assert found["facets"]["speakers"][0]["name"] == STRANGE
    assert client.get("/api/articles/controls").json()["headline"] == STRANGE
    for path in ("/?article=controls", "/?article=controls&q=stands", "/articles/controls"):
        page = client.get(path)
        assert page.status_code == 200
        assert page.text.count("</html>") == 1
        assert "Bridge \u202egnp.exe" in page.text
    again = client.get("/", params={"speaker": STRANGE})
    assert again.status_code == 200
    assert "stands," in again.text


@pytest.fixture(scope="module")
def client(elasticsearch_server: str) -> Iterator[TestClient]:
    settings = Settings(
        elasticsearch=ElasticsearchSettings(url=elasticsearch_server, prefix="test-edges"),
        search=SearchSettings(rate_limit=0),
    )
    remove_indices(settings)
    shelve(settings, [*library(), controls()])
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        yield client
    remove_indices(settings)


def check(client: TestClient, where: str, elasticsearch: str, method: str = "GET", host: str = "localhost") -> int:
    answer = client.request(method, where, headers={b"Host": host.encode("latin-1")})
    assert answer.status_code < 500, (where, answer.text)
    assert urlsplit(elasticsearch).netloc not in answer.text
    if answer.status_code >= 400 and where.startswith("/api/") and method != "HEAD":
        (sentence,) = answer.json().values()
        assert sentence
    return answer.status_code


@how(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    path=paths,
    parameters=st.lists(st.tuples(st.sampled_from(list(EDGES)), values), max_size=4),
    method=st.sampled_from(["GET"] * 8 + ["HEAD", "POST", "OPTIONS", "TRACE"]),
    host=st.sampled_from(("localhost",) * 20 + HOSTS),
)
@example(path="/", parameters=[("since", MOMENTS[0])], method="GET", host="localhost")
@example(path="/api/quotes", parameters=[("until", MOMENTS[1])], method="GET", host="localhost")
@example(path="/api/quotes", parameters=[("type", "direct")] * 4, method="GET", host="localhost")
@pytest.mark.guarantee("any-request")
def test_no_request_makes_an_error_of_ours(
    client: TestClient,
    elasticsearch_server: str,
    path: str,
    parameters: list[tuple[str, str]],
    method: str,
    host: str,
) -> None:
    query = "&".join(f"{name}={encoded(value)}" for name, value in parameters)
    check(client, f"{path}?{query}", elasticsearch_server, method, host)


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.guarantee("any-request")
def test_each_parameter_takes_or_refuses_every_edge(client: TestClient, elasticsearch_server: str, name: str) -> None:
    for value in EDGES[name]:
        path = "/api/speakers" if name == "prefix" else "/api/quotes"
        check(client, f"{path}?{name}={encoded(value)}", elasticsearch_server)


@pytest.mark.parametrize(
    "folder", ["/api/articles/", "/articles/", "/quotes/", "/speakers/", "/facets/", "/static/", "/"]
)
def test_each_path_takes_or_refuses_every_edge(client: TestClient, elasticsearch_server: str, folder: str) -> None:
    for value in TEXTS:
        check(client, folder + encoded(value), elasticsearch_server)


@pytest.mark.parametrize("host", HOSTS)
def test_whatever_the_host_header_is_there_is_an_answer(
    client: TestClient, elasticsearch_server: str, host: str
) -> None:
    for path in ("/", "/api/quotes", "/healthz", "/nothing"):
        check(client, path, elasticsearch_server, host=host)


def test_what_was_typed_is_still_there_beside_the_sentence(client: TestClient) -> None:
    answer = client.get("/", params={"q": "bridge", "since": MOMENTS[0]})
    assert answer.status_code == 422
    assert "From: lies outside of the years 1 to 9999 in UTC." in answer.text
    assert 'value="bridge"' in answer.text
    assert f'value="{MOMENTS[0]}"' in answer.text


@pytest.mark.parametrize("order", ["newest", "oldest", "relevance"])
def test_a_cursor_of_ours_is_taken(client: TestClient, order: str) -> None:
    seen: list[str] = []
    parameters = {"sort": order, "size": "1", "q": "the" if order == "relevance" else ""}
    while True:
        page = client.get("/api/quotes", params=parameters)
        assert page.status_code == 200, page.text
        seen += [hit["id"] for hit in page.json()["hits"]]
        if not page.json()["next"]:
            break
        parameters["cursor"] = page.json()["next"]
    assert len(set(seen)) == len(seen) == page.json()["total"]
