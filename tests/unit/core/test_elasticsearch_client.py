"""Chunks of long lists, refreshes that fail, and Elasticsearch's own words for an error."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, ObjectApiResponse
from elasticsearch import ApiError, Elasticsearch
from pydantic import SecretStr

from pipeline import elasticsearch_client
from pipeline.errors import ClusterUnavailable
from pipeline.settings import ElasticsearchSettings, Settings
from tests.engines import free_ports

ROOT = Path(elasticsearch_client.__file__).parent.parent


def error(status: int, kind: str) -> ApiError:
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "localhost", 9200))
    return ApiError("failed", meta=meta, body={"error": {"type": kind, "reason": "because"}})


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (3, [3]), (7, [3, 3, 1])])
def test_chunks_keep_the_order_and_the_size(count: int, sizes: list[int]) -> None:
    chunks = list(elasticsearch_client.chunks(iter(range(count)), 3))
    assert [len(chunk) for chunk in chunks] == sizes
    assert [item for chunk in chunks for item in chunk] == list(range(count))


def test_chunks_weigh_no_more_than_allowed() -> None:
    chunks = elasticsearch_client.chunks([4, 4, 4, 99, 1], 10, weight=lambda item: item, max_weight=9)
    assert list(chunks) == [[4, 4], [4], [99], [1]]


@pytest.mark.parametrize(("result", "status"), [({"status": 400}, 400), ({"status": 429}, 429), ({}, 200)])
def test_a_failure_of_one_document_has_its_own_status(result: dict[str, Any], status: int) -> None:
    """The answer to a bulk request is 200 whatever becomes of its documents."""
    meta = ApiResponseMeta(200, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "localhost", 9200))
    answer: ObjectApiResponse[Any] = ObjectApiResponse(body={"errors": True}, meta=meta)
    with pytest.raises(ApiError) as raised:
        elasticsearch_client.raise_failure(result | {"error": {"reason": "immense term"}}, answer)
    assert raised.value.status_code == status
    assert elasticsearch_client.is_refusal(raised.value) is (status == 400)


class Refreshing(ObjectApiResponse[Any]):
    """What Elasticsearch answers to a refresh; it is 200, though shards fail."""

    def __init__(self, failed: int, *causes: dict[str, Any]) -> None:
        meta = ApiResponseMeta(200, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "localhost", 9200))
        shards: dict[str, Any] = {"total": 4, "successful": 4 - failed, "failed": failed}
        shards |= {"failures": [{"shard": 0, "index": "news", "reason": one} for one in causes]} if causes else {}
        super().__init__(body={"_shards": shards}, meta=meta)


def _code(path: Path) -> str:
    """The module's text, without calls of our own functions."""
    return path.read_text(encoding="utf-8").replace("elasticsearch_client.", "")


class TestRefresh:
    def test_passes_where_every_shard_did(self) -> None:
        elasticsearch_client.require_refreshed(Refreshing(0))

    @pytest.mark.parametrize(
        ("answer", "kind", "words"),
        [
            (Refreshing(1, {"type": "io_exception", "reason": "No space left on device"}), "io_exception",
             "1 of 4 shards did not refresh: No space left on device"),
            (Refreshing(2), "shards_failed", "2 of 4 shards did not refresh"),
            (Refreshing(1, {}), "shards_failed", "1 of 4 shards did not refresh"),
        ],
    )  # fmt: skip
    def test_fails_where_a_shard_did(self, answer: Refreshing, kind: str, words: str) -> None:
        with pytest.raises(ApiError) as raised:
            elasticsearch_client.require_refreshed(answer)
        assert elasticsearch_client.reason(raised.value) == words
        assert elasticsearch_client.error_type(raised.value) == kind
        assert raised.value.status_code == 503, "it is tried again later, and no refusal"

    @pytest.mark.parametrize(
        ("request_", "by"),
        [
            # The store of sources has an asynchronous client, and looks at the answer in the same way.
            ("client.indices.refresh(", {"pipeline/elasticsearch_client.py", "scheduling/elasticsearch_store.py"}),
            ("client.count(", {"pipeline/elasticsearch_client.py"}),
        ],
    )
    def test_nobody_passes_over_a_failed_shard(self, request_: str, by: set[str]) -> None:
        files = [path for part in ("pipeline", "connectors") for path in (ROOT / part).rglob("*.py")]
        asking = {f"{path.parent.name}/{path.name}" for path in files if request_ in _code(path)}
        assert asking == by


class TestWaitForShards:
    def test_repeats_while_shards_start(self) -> None:
        failures = [error(503, "search_phase_execution_exception"), error(200, "no_shard_available_action_exception")]

        def request() -> str:
            if failures:
                raise failures.pop()
            return "answer"

        assert elasticsearch_client.wait_for_shards(request) == "answer"
        assert not failures

    def test_gives_up_after_a_while(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(elasticsearch_client, "SHARDS_START_WITHIN", -1)
        with pytest.raises(ApiError):
            elasticsearch_client.wait_for_shards(lambda: raising(error(503, "search_phase_execution_exception")))

    @pytest.mark.parametrize("status", [400, 403, 429, 503])
    def test_other_errors_are_raised_at_once(self, status: int) -> None:
        calls = [error(status, "other_exception"), error(status, "another_exception")]
        with pytest.raises(ApiError):
            elasticsearch_client.wait_for_shards(lambda: raising(calls.pop(0)))
        assert len(calls) == 1


def test_errors_of_the_client_become_ours() -> None:
    with (
        Elasticsearch("http://localhost:9200") as client,
        pytest.raises(ClusterUnavailable, match="localhost:9200 answered 503: because"),
        elasticsearch_client.translate_errors(client),
    ):
        raise error(503, "some_exception")


class _Node(BaseHTTPRequestHandler):
    """Answers every question with a count, the first so many times with a status of its own."""

    statuses: ClassVar[list[int]] = []
    logins: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.logins.append(self.headers.get("Authorization", ""))
        answer = b'{"count": 7}'
        self.send_response(self.statuses.pop() if self.statuses else 200)
        for name, value in {
            "X-Elastic-Product": "Elasticsearch",
            "Content-Type": "application/vnd.elasticsearch+json;compatible-with=8",
            "Content-Length": str(len(answer)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def answering() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Node) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_node_that_is_away_costs_no_request() -> None:
    gone = [f"http://127.0.0.1:{port}" for port in free_ports(2)]
    with answering() as node, elasticsearch_client.connection(of(*gone, node, node + "/")) as client:
        assert [client.count(index="a")["count"] for _ in range(9)] == [7] * 9


def test_an_answer_that_is_an_error_is_not_asked_for_again() -> None:
    _Node.statuses[:] = [503]
    with (
        answering() as one,
        answering() as other,
        pytest.raises(ClusterUnavailable),
        elasticsearch_client.connection(of(one, other)) as client,
    ):
        client.count(index="a")


def test_an_api_key_is_sent_in_place_of_a_login() -> None:
    key = ElasticsearchSettings(api_key=SecretStr("aWQ6a2V5"), username="ana", password=SecretStr("x"))
    _Node.logins.clear()
    with answering() as node:
        settings = Settings(elasticsearch=key.model_copy(update={"url": node}))
        with elasticsearch_client.connection(settings) as client:
            client.count(index="a")
    assert _Node.logins == ["ApiKey aWQ6a2V5"]


def test_the_only_node_is_asked_once() -> None:
    assert elasticsearch_client.client_options(of("http://one:9200"))["max_retries"] == 0
    assert elasticsearch_client.client_options(Settings())["max_retries"] == 0


def of(*urls: str) -> Settings:
    return Settings(elasticsearch=ElasticsearchSettings(url=",".join(urls)))


def raising(failure: Exception) -> str:
    raise failure
