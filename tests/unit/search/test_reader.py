"""What the reader makes of Elasticsearch's bad days, on a client that has them."""

from typing import Any

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError, BadRequestError, ConnectionTimeout

from pipeline.errors import ClusterUnavailable, InputError
from pipeline.index_health import Index, State
from pipeline.search.parameters import ArticleQuery, QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings


class Answer:
    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body


class Client:
    """Answers every search with the same, or raises it."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.options_given: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}
        self.transport = self
        self.indices = self
        self.node_pool = self

    def all(self) -> list[NodeConfig]:
        return [NodeConfig("http", "search.example", 9200)]

    def options(self, **options: Any) -> "Client":
        self.options_given = options
        return self

    def get(self, **_: Any) -> Answer:
        """No index is there that anything could be wrong with."""
        return Answer({})

    def close(self) -> None:
        """Nothing is open."""

    def search(self, **arguments: Any) -> Answer:
        self.asked = arguments
        if isinstance(self.answer, Exception):
            raise self.answer
        return Answer(self.answer)


def shards(answered: int, *failures: dict[str, Any]) -> dict[str, Any]:
    failed = {"failures": list(failures)} if failures else {}
    return {"total": answered + len(failures), "successful": answered, "failed": len(failures)} | failed


def nothing(**changes: Any) -> dict[str, Any]:
    hits = {"total": {"value": 0, "relation": "eq"}, "hits": []}
    return {"hits": hits, "timed_out": False, "took": 5, "_shards": shards(1)} | changes


def failure(kind: type[ApiError], status: int, body: Any) -> ApiError:
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "search.example", 9200))
    return kind("it failed", meta, body)


def search(answer: dict[str, Any] | Exception) -> tuple[Client, Any]:
    client = Client(answer)
    return client, Reader(Settings(), client).search_quotes(QuoteQuery())  # type: ignore[arg-type]


def test_an_answer_that_ran_out_of_time_is_not_complete() -> None:
    page = search(nothing(timed_out=True))[1]
    assert not page.complete
    assert "WHOSAID_SEARCH__TIMEOUT" in page.reason


def test_an_answer_without_some_of_the_shards_is_not_complete() -> None:
    failure = {"index": "whosaid-quotes-v1-2026.03", "reason": {"type": "io", "reason": "the disk is bad"}}
    page = search(nothing(_shards=shards(1, failure)))[1]
    assert not page.complete
    assert page.reason == "1 of 2 shards did not answer (whosaid-quotes-v1-2026.03: the disk is bad)."
    whole = search(nothing())[1]
    assert whole.complete
    assert whole.reason is None


def test_shards_that_are_still_being_opened_are_told() -> None:
    failure = {"index": "whosaid-quotes-v1-2026.03", "reason": {"type": "no_shard_available_action_exception"}}
    page = search(nothing(_shards=shards(1, failure)))[1]
    assert not page.complete
    assert page.reason == "1 of 2 shards were still being opened; search again to see all."


def test_an_index_that_is_missing_is_no_error() -> None:
    asked = search(nothing())[0].asked
    assert asked["ignore_unavailable"]
    assert asked["allow_no_indices"]


def test_we_wait_longer_than_the_cluster_may_take() -> None:
    client, _ = search(nothing())
    assert client.options_given["request_timeout"] > Settings().search.timeout


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (failure(ApiError, 429, {}), "too much to do"),
        (failure(ApiError, 503, {}), "at http://search.example:9200 answered 503: .*; try again"),
        (failure(ApiError, 401, {}), "at http://search.example:9200 answered 401: .*; check the login"),
        (ConnectionTimeout("slow"), "does not answer at http://search.example:9200"),
    ],
)
def test_a_cluster_that_cannot_is_told_in_a_sentence(error: Exception, said: str) -> None:
    with pytest.raises(ClusterUnavailable, match=said):
        search(error)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"root_cause": [{"reason": "too many clauses."}]}}, "search: too many clauses.$"),
        ({"error": "bad"}, "search: it failed.$"),
        ("bad", "search: it failed.$"),
    ],
)
def test_a_search_that_is_refused_is_told_with_the_reason(body: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        search(failure(BadRequestError, 400, body))


class Watched:
    """Searches while the indices are in these states, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *states: State, indices: tuple[str, ...] = ()) -> None:
        self.states, self.indices = list(states), indices
        self.sent: list[bool] = []
        """For each request, whether it searches an earlier release's index by its texts, too."""
        self.looks = 0
        self.reader = Reader(Settings(), Client(nothing()))  # type: ignore[arg-type]
        searches = self.reader._searches
        monkeypatch.setattr(searches, "look", self._look)
        monkeypatch.setattr(searches, "search", self._search)

    def search(self) -> None:
        self.reader.search_quotes(QuoteQuery(), facets=True, histogram=True)

    def articles(self) -> None:
        self.reader.articles(ArticleQuery(words="tax"))

    def _look(self, *_: str, deep: bool = False) -> State:
        self.looks += 1
        return self.states.pop(0)

    def _search(self, index: str, body: dict[str, Any], *, foreign: tuple[str, ...] = ()) -> dict[str, Any]:
        self.sent.append("multi_match" in str(body))
        hit = {"id": "a", "url": "u", "source": {"id": "s", "name": "S"}}
        hits = [{"_index": name, "_source": hit} for name in self.indices]
        return nothing(hits={"total": {"value": 1}, "hits": hits})


def test_a_search_is_sent_once_while_the_indices_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.search.index_search.STATE_KEPT", -1.0)
    watched = Watched(monkeypatch, *[State()] * 3)
    for at in range(3):
        watched.search()
        assert (len(watched.sent), watched.looks) == (2 * (at + 1), at + 1)  # one for quotes, one for all counts


def test_counts_over_most_quotes_take_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, State())
    for query, requests in ((QuoteQuery(since="7d", type=["direct"]), 1), (QuoteQuery(words="tax"), 2)):
        watched.sent.clear()
        watched.reader.aggregate(query, {"days": {"terms": {"field": "type"}}})
        assert len(watched.sent) == requests


def test_a_search_is_sent_again_where_the_indices_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.search.index_search.STATE_KEPT", -1.0)
    watched = Watched(monkeypatch, State(), State(), older(), older())
    for _ in range(4):
        watched.articles()
    # As it was, and as it was; then the indices changed: sent again; then as they are now.
    assert watched.sent == [False, False, False, True, True]


def test_the_state_of_the_indices_is_remembered_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, State(), older())
    for _ in range(3):
        watched.articles()
    assert (watched.looks, watched.sent) == (1, [False] * 3)


def test_a_hit_of_an_index_not_seen_before_ends_that_second(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, State(), older(), indices=("whosaid-quotes-v1-2026.03",))
    watched.articles()  # made without any index: it is looked at again with the next
    for _ in range(3):
        watched.articles()
    assert (watched.looks, watched.sent) == (2, [False, False, True, True, True])


def older() -> State:
    """An index that an earlier release made: its texts are searched by their letters, too."""
    one = Index(
        name="whosaid-quotes-v1-2026.03", uuid="u", kind="articles", version="v1", month="2026.03",
        aliases=frozenset({"whosaid-articles"}), closed=False, blocks=frozenset(), shards=1, made=0.0, ours=True,
        retired=False, terms=False,
    )  # fmt: skip
    return State((one,), "v1")
