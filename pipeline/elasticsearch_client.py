"""Connects to Elasticsearch, translates its errors, and reads long results page by page."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from elastic_transport import ObjectApiResponse
from elasticsearch import ApiError, AsyncElasticsearch, BadRequestError, Elasticsearch, TransportError

from pipeline.errors import ClusterUnavailable
from pipeline.settings import Settings

ERRORS = (ApiError, TransportError)
"""What the client raises: an answer that is an error, or no answer."""

LIFECYCLE = "x-pack-ilm"
"""The module by which Elasticsearch moves indices from tier to tier as they age."""

SHARDS_START_WITHIN = 3.0
"""Seconds within which the shards of an index just made start."""

_REFUSALS = frozenset({400, 413})

STRICT: dict[str, Any] = {"expand_wildcards": "open,closed", "ignore_unavailable": False}
"""For a request that must see every month: a closed index fails it, and is not passed over in silence."""

STUBBORN: dict[str, Any] = {"max_retries": 3, "retry_on_status": (429, 502, 503, 504), "retry_on_timeout": True}
"""Options of a client whose work is better tried some times than begun anew by a person."""

_OPENED_FIRST = 10  # the months have 1
_RETRY_INTERVAL = 0.1  # seconds
_NO_SHARD = "no_shard_available_action_exception"
_SEARCH_FAILED = "search_phase_execution_exception"
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def connect(settings: Settings, **options: Any) -> Elasticsearch:
    """A client for the cluster of the settings. It connects with its first request.

    Where a node cannot be reached it asks the next one of the settings' addresses; else it does not retry by itself.
    """
    return Elasticsearch(**(client_options(settings) | options))


@contextmanager
def connection(settings: Settings, **options: Any) -> Iterator[Elasticsearch]:
    """A client that is closed at the end. Its errors become ours.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer, or answers with an error.
    """
    with connect(settings, **options) as client, translate_errors(client):
        yield client


@contextmanager
def translate_errors(client: Elasticsearch | AsyncElasticsearch) -> Iterator[None]:
    """Turns the client's errors into ours.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer, or answers with an error.
    """
    try:
        yield
    except ERRORS as error:
        raise unavailable(client, error) from error


def client_options(settings: Settings) -> dict[str, Any]:
    """What every client is made with: addresses, TLS, login. The asynchronous client takes the same."""
    elastic = settings.elasticsearch
    urls = settings.elasticsearch_urls
    options: dict[str, Any] = {
        "hosts": urls,
        "request_timeout": elastic.request_timeout,
        "max_retries": len(urls) - 1,  # a node that is away costs no request while another one answers
        "retry_on_status": (),
        "retry_on_timeout": False,
    }
    if any(url.startswith("https") for url in urls):
        options["verify_certs"] = elastic.verify_certificates
        if not elastic.verify_certificates:
            options["ssl_show_warn"] = False
        if elastic.ca_file:
            options["ca_certs"] = str(elastic.ca_file)
    if elastic.api_key:
        options["api_key"] = elastic.api_key.get_secret_value()
    elif elastic.username:
        options["basic_auth"] = (
            elastic.username,
            elastic.password.get_secret_value() if elastic.password else "",
        )
    return options


def modules(client: Elasticsearch) -> frozenset[str]:
    """Names of the modules that every node has: 'analysis-common', 'reindex', 'x-pack-ilm' …

    Small builds leave some out, so ask before using what is not core.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with translate_errors(client):
        nodes = client.nodes.info(metric="plugins")["nodes"].values()
    names = [frozenset(module["name"] for module in node.get("modules", ())) for node in nodes]
    return frozenset.intersection(*names) if names else frozenset()


def refresh(client: Elasticsearch, names: Collection[str], **options: Any) -> None:
    """Makes searches see all that was written to these indices, aliases or patterns. Raises the client's own errors.

    A shard that cannot refresh fails it, as does a closed index, unless the options of the request say otherwise. A
    write with `refresh=True` needs none of this: where its shard cannot refresh, its own answer is an error.
    """
    require_refreshed(client.indices.refresh(index=list(names), **(STRICT | options)))


def require_refreshed(answer: ObjectApiResponse[Any]) -> None:
    """Raises the client's own error where a shard could not refresh: a search would pass over what it has.

    Elasticsearch answers 200 all the same. A shard that is away does not count as failed: the search that follows
    fails by it.
    """
    _require_shards(answer, answer["_shards"]["failed"], "did not refresh")


def count(client: Elasticsearch, index: str, query: Mapping[str, Any] | None = None, **options: Any) -> int:
    """How many documents of the index, alias or pattern fit the query; all, without one.

    A shard that does not answer fails it: it must not look like one that has none. Raises the client's own errors.
    """

    def request() -> int:
        answer = client.count(index=index, query=query, **options)
        _require_shards(answer, answer["_shards"]["total"] - answer["_shards"]["successful"], "did not count")
        return int(answer["count"])

    return wait_for_shards(request)


def _require_shards(answer: ObjectApiResponse[Any], failed: int, what: str) -> None:
    """Raises the client's own error, with the status 503, where so many shards failed; `what` says at what."""
    if not failed:
        return
    causes = (one.get("reason") for one in answer["_shards"].get("failures", ()))
    first: dict[str, Any] = next(filter(None, causes), {})
    reason = f"{failed} of {answer['_shards']['total']} shards {what}"
    if why := first.get("reason"):
        reason += f": {why}"
    raise_failure({"status": 503, "error": {"type": first.get("type", "shards_failed"), "reason": reason}}, answer)


def pages(
    client: Elasticsearch,
    *,
    sort: Sequence[str | Mapping[str, str]],
    size: int,
    pit: dict[str, str] | None = None,
    **search: Any,
) -> Iterator[list[dict[str, Any]]]:
    """All hits of a search, in lists of `size`; no list is empty. `sort` must put no two hits at the same place.

    A shard that does not answer fails the search: it must not look like one that has nothing. `pit` is a point in time
    as `point_in_time` gives it; its id is updated with each page. Raises the client's own errors.
    """
    after: list[Any] | None = None
    while True:
        answer = client.search(
            sort=sort, size=size, pit=pit, search_after=after, track_total_hits=False,
            allow_partial_search_results=False, **search,
        )  # fmt: skip
        if pit is not None:
            pit["id"] = answer["pit_id"]
        hits: list[dict[str, Any]] = answer.body.get("hits", {}).get("hits", [])
        if hits:
            yield hits
        if len(hits) < size:
            return
        after = hits[-1]["sort"]


@contextmanager
def point_in_time(client: Elasticsearch, index: str, *, keep_alive: str, **options: Any) -> Iterator[dict[str, str]]:
    """Keeps the index as it is now while `pages` reads it. `keep_alive` is the longest time between two pages."""
    pit = {"id": client.open_point_in_time(index=index, keep_alive=keep_alive, **options)["id"]}
    pit["keep_alive"] = keep_alive
    try:
        yield pit
    finally:
        client.options(ignore_status=404).close_point_in_time(id=pit["id"])


def chunks(
    items: Iterable[_Item], size: int, *, weight: Callable[[_Item], int] | None = None, max_weight: int = 0
) -> Iterator[list[_Item]]:
    """The items in order, in lists of at most `size`, so that no request names too much.

    Where `weight` is given, a list of more than one item weighs at most `max_weight`.
    """
    chunk: list[_Item] = []
    total = 0
    for item in items:
        added = weight(item) if weight else 0
        if chunk and (len(chunk) == size or total + added > max_weight):
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += added
    if chunk:
        yield chunk


def create_index(client: Elasticsearch, index: str, *, settings: Mapping[str, Any], **form: Any) -> None:
    """Makes an index beside those of the months, unless another process is faster. Raises the client's own errors.

    After a start Elasticsearch opens it before those of the months: every page asks it.
    """
    try:
        client.indices.create(index=index, settings={"priority": _OPENED_FIRST, **settings}, **form)
    except BadRequestError as error:
        if error_type(error) != "resource_already_exists_exception":
            raise


def raise_failure(result: Mapping[str, Any], answer: ObjectApiResponse[Any]) -> None:
    """Raises the client's own error, with its own status, where one result of a request for several has one."""
    if error := result.get("error"):
        meta = replace(answer.meta, status=result.get("status", answer.meta.status))
        raise ApiError(str(error.get("reason") or error.get("type")), meta=meta, body={"error": error})


def search_many(client: Elasticsearch, searches: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The answers of several searches, in order, by one request; each is an index (or alias) and a body.

    A shard that does not answer fails it; an index that is missing has nothing. Raises the client's own errors.
    """
    if not searches:
        return []
    whole = {"ignore_unavailable": True, "allow_no_indices": True, "allow_partial_search_results": False}
    lines = [line for index, body in searches for line in ({"index": index} | whole, body)]

    def search() -> list[dict[str, Any]]:
        answer = client.msearch(searches=lines)
        responses: list[dict[str, Any]] = answer["responses"]
        for response in responses:
            raise_failure(response, answer)
        return responses

    return wait_for_shards(search)


def wait_for_shards(request: Callable[[], _Result]) -> _Result:
    """The result of the request, which is repeated for a few seconds while no shard answers.

    The shards of an index just made start a moment later. Raises the client's own errors.
    """
    deadline = time.monotonic() + SHARDS_START_WITHIN
    while True:
        try:
            return request()
        except ApiError as error:
            kind = error_type(error)
            shardless = kind == _NO_SHARD or (error.status_code == 503 and kind == _SEARCH_FAILED)
            if not shardless or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_INTERVAL)


def unavailable(client: Elasticsearch | AsyncElasticsearch, error: ApiError | TransportError) -> ClusterUnavailable:
    """The error to raise where Elasticsearch did not answer, or answered with an error."""
    where = ",".join(f"{node.scheme}://{node.host}:{node.port}" for node in client.transport.node_pool.all())
    if isinstance(error, ApiError):
        login = error.status_code in {401, 403}
        return ClusterUnavailable(
            f"Elasticsearch at {where} answered {error.status_code}: {reason(error).rstrip('.')}; "
            + ("check the login in WHOSAID_ELASTICSEARCH__*." if login else "try again, and see its log if that stays.")
        )
    return ClusterUnavailable(
        f"Elasticsearch does not answer at {where} ({type(error).__name__}); start it with `whosaid up`, "
        "or set WHOSAID_ELASTICSEARCH__URL."
    )


def error_type(error: ApiError) -> str:
    """Elasticsearch's own name of an error, or its status where the answer has none."""
    details = error.body.get("error") if isinstance(error.body, dict) else None
    return str(details.get("type", error.status_code)) if isinstance(details, dict) else str(error.status_code)


def is_refusal(error: ApiError) -> bool:
    """Whether the request is wrong, or larger than Elasticsearch takes: sent again, it is refused again."""
    return error.status_code in _REFUSALS


def reason(error: ApiError) -> str:
    """Elasticsearch's own reason of an error; where the error has none, the reason of its cause."""
    details = error.body.get("error") if isinstance(error.body, dict) else None
    if not isinstance(details, dict):
        return f"{error.status_code} {error.message}"
    causes = [details, details.get("caused_by"), *(details.get("root_cause") or ())]
    reasons = (cause["reason"] for cause in causes if isinstance(cause, dict) and cause.get("reason"))
    return str(next(reasons, details))
