"""Chunks of long lists, and Elasticsearch's own words for an error."""

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError, Elasticsearch

from pipeline import elasticsearch_client
from pipeline.errors import ClusterUnavailable


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


def raising(failure: Exception) -> str:
    raise failure
