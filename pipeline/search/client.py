"""Asks a search service over HTTP, from any Python program: typed, and every quote of a search however many.

The program needs no Kafka and no Elasticsearch, only the address of the service and, where it wants one, a token.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack

import httpx
from pydantic import BaseModel

from pipeline.errors import InputError, NotFoundError, SettingsError, TakenDownError, UnavailableError, WhoSaidError
from pipeline.search.results import (
    ArticlePage,
    ArticleView,
    Comparison,
    QuoteHit,
    QuotePage,
    SpeakerProfile,
    Spread,
    Statistics,
    Trends,
)

if TYPE_CHECKING:
    import pandas

DEFAULT = "http://127.0.0.1:8765"
"""The address of the service that `whosaid up` runs."""

_Model = TypeVar("_Model", bound=BaseModel)


class Conditions(TypedDict, total=False):
    """The conditions of a search; docs/api.md says what each means. A list has alternatives."""

    within: str | list[str]
    speaker: str | list[str]
    entity: str | list[str]
    type: str | list[str]
    since: str
    until: str
    source: str | list[str]
    article: str | list[str]
    modality: str | list[str]
    addressee: str | list[str]
    cue: str | list[str]
    medium: str | list[str]
    language: str | list[str]
    confidence: float
    confidence_max: float
    copies: bool
    sort: str


class Client:
    """Asks one search service. Threads may share it. Close it, or use it in a `with`.

    Every method raises:
        InputError: a condition is wrong; the sentence says what to change.
        SettingsError: the token is missing, or may not read.
        UnavailableError: the service does not answer, has too much to do, or cannot reach Elasticsearch.
    """

    def __init__(
        self, address: str = "http://127.0.0.1:8765", *, token: str | None = None, timeout: float = 60
    ) -> None:
        """Connects with the first request.

        Args:
            address: of the service, without a path.
            token: as `whosaid token` made it.
            timeout: seconds to wait for the next piece of an answer.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=f"{address.rstrip('/')}/api/v1/", headers=headers, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def search(
        self,
        words: str = "",
        *,
        size: int = 20,
        cursor: str | None = None,
        facets: bool = False,
        histogram: bool = False,
        **conditions: Unpack[Conditions],
    ) -> QuotePage:
        """A page of the matching quotes; its `next`, given as `cursor`, leads to the page after."""
        more = {"size": size, "cursor": cursor, "facets": facets, "histogram": histogram}
        return self._get("quotes", QuotePage, _parameters(words, conditions) | _given(more))

    def quotes(self, words: str = "", **conditions: Unpack[Conditions]) -> Iterator[QuoteHit]:
        """All matching quotes, one after the other, however many there are.

        Raises:
            UnavailableError: also where the answer broke off: then some quotes are missing.
        """
        with self._stream("export.jsonl", _parameters(words, conditions)) as answer:
            for line in answer.iter_lines():
                yield QuoteHit.model_validate_json(line)

    def to_pandas(self, words: str = "", **conditions: Unpack[Conditions]) -> "pandas.DataFrame":
        """All matching quotes as a table: a row for each, with the columns of the export.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas

        with self._stream("export.parquet", _parameters(words, conditions)) as answer:
            return pandas.read_parquet(BytesIO(b"".join(answer.iter_bytes())))

    def quote(self, id: str) -> QuoteHit:
        """The quote with this id.

        Raises:
            NotFoundError: no quote has it.
        """
        return self._get(f"quotes/{_escaped(id)}", QuoteHit)

    def spread(self, id: str) -> Spread:
        """Where the words of a quote appeared, whole, cut or changed; the oldest first.

        Raises:
            NotFoundError: no quote has this id.
        """
        return self._get(f"quotes/{_escaped(id)}/spread", Spread)

    def article(self, id: str) -> ArticleView:
        """The article with its quotes and entities.

        Raises:
            NotFoundError: no article has this id; TakenDownError: it was taken down.
        """
        return self._get(f"articles/{_escaped(id)}", ArticleView)

    def articles(self, words: str = "", *, size: int = 20, cursor: str | None = None, **conditions: Any) -> ArticlePage:
        """A page of the matching articles, by source, entity, language, since and until."""
        return self._get(
            "articles", ArticlePage, _parameters(words, conditions) | _given({"size": size, "cursor": cursor})
        )

    def speaker(self, name: str, *, words: str = "", **conditions: Unpack[Conditions]) -> SpeakerProfile:
        """A speaker by id or by words of the name: how much, when, how, where, about whom, beside whom.

        Raises:
            NotFoundError: no quote has such a speaker.
        """
        return self._get(f"speakers/{_escaped(name)}", SpeakerProfile, _parameters(words, conditions))

    def trends(
        self, words: str = "", *, by: str = "speakers", interval: str = "day", size: int = 10,
        **conditions: Unpack[Conditions],
    ) -> Trends:  # fmt: skip
        """How often the most frequent speakers, entities, sources … come, interval by interval."""
        more = {"by": by, "interval": interval, "size": size}
        return self._get("trends", Trends, _parameters(words, conditions) | more)

    def compare(
        self, *values: str, of: str = "speaker", words: str = "", **conditions: Unpack[Conditions]
    ) -> Comparison:
        """Two to six speakers, sources or entities beside each other."""
        return self._get("compare", Comparison, _parameters(words, conditions) | {"of": of, "value": list(values)})

    def stats(self) -> Statistics:
        """How much there is."""
        return self._get("stats", Statistics)

    def follow(
        self, words: str = "", *, after: str | None = None, seconds: int | None = None,
        **conditions: Unpack[Conditions],
    ) -> Iterator[tuple[str, QuoteHit]]:  # fmt: skip
        """New quotes that match, as they become searchable, each with the id of its event.

        Args:
            words: the words of the search.
            after: the id of the last event that is known; without, from now on.
            seconds: when it ends; without, never.
            conditions: the conditions of the search.
        """
        headers = {"Last-Event-ID": after} if after else {}
        with self._stream("stream", _parameters(words, conditions) | _given({"seconds": seconds}), headers) as answer:
            event = ""
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    event = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    yield event, QuoteHit.model_validate_json(line.removeprefix("data: "))

    def _get(self, path: str, model: type[_Model], parameters: dict[str, Any] | None = None) -> _Model:
        with _as_ours():
            answer = self._http.get(path, params=parameters)
        _check(answer)
        return model.model_validate_json(answer.content)

    @contextmanager
    def _stream(
        self, path: str, parameters: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        with _as_ours(), self._http.stream("GET", path, params=parameters, headers=headers) as answer:
            if answer.is_error:
                answer.read()
            _check(answer)
            yield answer


def _parameters(words: str, conditions: Any) -> dict[str, Any]:
    given = {"in" if name == "within" else name: value for name, value in conditions.items()}
    return _given({"q": words} | given)


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value not in (None, "", False, [])}


def _escaped(id: str) -> str:
    from urllib.parse import quote

    return quote(id, safe="")


@contextmanager
def _as_ours() -> Iterator[None]:
    try:
        yield
    except httpx.RemoteProtocolError as error:
        raise UnavailableError(
            f"The answer of the search service broke off: {error}; a part of it is missing."
        ) from error
    except httpx.HTTPError as error:
        raise UnavailableError(f"The search service does not answer ({type(error).__name__}: {error}).") from error


def _check(answer: httpx.Response) -> None:
    """Raises the error that the answer tells of."""
    if answer.is_success:
        return
    kinds: dict[int, type[WhoSaidError]] = {401: SettingsError, 403: SettingsError, 404: NotFoundError,
                                            410: TakenDownError, 422: InputError, 400: InputError}  # fmt: skip
    try:
        sentence = str(answer.json()["detail"])
    except (ValueError, LookupError, TypeError):
        sentence = f"The search service answered {answer.status_code}."
    raise kinds.get(answer.status_code, UnavailableError)(sentence)
