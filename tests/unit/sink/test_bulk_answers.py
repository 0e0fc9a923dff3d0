"""Failures are told apart: what passes, what is the document's fault, what is no fault at all."""

from typing import Any

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError, ConnectionError, ConnectionTimeout, SerializationError, TransportError

from pipeline.sink import bulk_answers
from pipeline.sink.bulk_answers import Verdict


def item(status: int, kind: str = "", reason: str = "because", **more: Any) -> dict[str, Any]:
    return {"status": status, "error": {"type": kind, "reason": reason, **more}} if kind else {"status": status}


def api_error(status: int, body: Any) -> ApiError:
    meta = ApiResponseMeta(
        status=status, http_version="1.1", headers=HttpHeaders(), duration=0.1, node=NodeConfig("http", "es", 9200)
    )
    return ApiError("failed", meta=meta, body=body)


@pytest.mark.parametrize(
    ("action", "answer", "verdict"),
    [
        ("index", item(201), Verdict.DONE),
        ("index", item(200), Verdict.DONE),
        ("delete", item(404), Verdict.DONE),
        ("index", item(409, "version_conflict_engine_exception"), Verdict.STALE),
        ("delete", item(409, "version_conflict_engine_exception"), Verdict.STALE),
        ("index", item(429, "es_rejected_execution_exception"), Verdict.RETRY),
        ("index", item(429, "circuit_breaking_exception"), Verdict.RETRY),
        ("index", item(429, "cluster_block_exception"), Verdict.RETRY),
        ("index", item(403, "cluster_block_exception"), Verdict.RETRY),
        ("index", item(503, "unavailable_shards_exception"), Verdict.RETRY),
        ("index", item(403, "security_exception"), Verdict.RETRY),
        ("index", item(404, "index_not_found_exception"), Verdict.RETRY),
        ("delete", item(404, "index_not_found_exception"), Verdict.RETRY),
        ("index", item(400, "index_closed_exception"), Verdict.RETRY),
        ("index", item(400, "validation_exception"), Verdict.RETRY),
        ("index", item(400, "mapper_parsing_exception"), Verdict.REFUSED),
        ("index", item(400, "document_parsing_exception"), Verdict.REFUSED),
        ("index", item(400, "strict_dynamic_mapping_exception"), Verdict.REFUSED),
        ("index", item(400, "illegal_argument_exception"), Verdict.REFUSED),
        ("index", item(413, "too_long_frame_exception"), Verdict.REFUSED),
        ("index", item(500, "null_pointer_exception"), Verdict.RETRY_LIMITED),
    ],
)
def test_an_answer_of_a_bulk_request_is_sorted(action: str, answer: dict[str, Any], verdict: Verdict) -> None:
    assert bulk_answers.of_item(action, answer).verdict is verdict


def test_the_reason_is_elasticsearchs_own_with_its_cause() -> None:
    answer = bulk_answers.of_item(
        "index", item(400, "document_parsing_exception", "failed to parse [published]", caused_by={"reason": "no date"})
    )
    assert answer.kind == "document_parsing_exception"
    assert answer.reason == "failed to parse [published]: no date"


@pytest.mark.parametrize("error", [ConnectionError("refused"), ConnectionTimeout("late"), SerializationError("html")])
def test_a_request_without_an_answer_is_made_again(error: TransportError) -> None:
    answer = bulk_answers.of_request(error)
    assert answer.verdict is Verdict.RETRY
    assert answer.kind == type(error).__name__


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503, 504])
def test_a_request_that_the_cluster_cannot_take_is_made_again(status: int) -> None:
    assert bulk_answers.of_request(api_error(status, "<html>gateway</html>")).verdict is Verdict.RETRY


@pytest.mark.parametrize("status", [400, 413])
def test_a_request_that_is_wrong_or_too_large_is_refused(status: int) -> None:
    body = {"error": {"type": "action_request_validation_exception", "reason": "id is too long"}}
    answer = bulk_answers.of_request(api_error(status, body))
    assert answer.verdict is Verdict.REFUSED
    assert answer.reason == "id is too long"


def test_a_cluster_full_of_shards_is_not_the_documents_fault() -> None:
    body = {"error": {"type": "validation_exception", "reason": "would add [2] shards, but has [1000]/[1000]"}}
    assert bulk_answers.of_request(api_error(400, body)).verdict is Verdict.RETRY
