"""Receives articles over HTTP, and the messages of WebSub hubs.

`POST /articles` takes one article as JSON, or many as JSON lines, with a bearer token or a signature of the body
(X-Hub-Signature-256: sha256=…). It answers 202 once Kafka has acknowledged every article; 503 means: send the same
again. Hubs verify subscriptions and deliver feeds at `/websub/{source}/{key}`.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.requests import ClientDisconnect

from connectors.base import Context
from connectors.parsing import file_formats
from connectors.parsing.file_formats import Options
from connectors.publisher import ArticlePublisher, DeliveryReport
from connectors.push import request_body, websub
from connectors.push.counting import Counting
from connectors.push.request_body import BodyBudget
from connectors.scheduling.elasticsearch_store import ElasticsearchStore
from connectors.scheduling.source_state import SourceState, Store
from connectors.web import content_encoding
from connectors.web.client import Client
from pipeline import heartbeat, metrics, redaction
from pipeline.access_tokens import Scope, Tokens, presented
from pipeline.errors import BrokerUnavailable, NotFoundError, SettingsError, UnavailableError
from pipeline.models import Article
from pipeline.server import serving
from pipeline.settings import Settings

_log = logging.getLogger(__name__)
_SHOWN = 20  # problems that an answer lists
_RENEWAL_INTERVAL = 60.0  # seconds between two looks for subscriptions to renew
_RETRY = {"Retry-After": "5"}
_MOST = 10_000  # articles in one body, with those that cannot be read
_MOST_VALUES = 1_000_000  # JSON values in one body: each takes some 70 bytes of memory, however short it is
_LARGE = 2**20  # bytes; larger bodies are read one at a time
_NO_SUBSCRIPTION = "This is no subscription of ours."
_WRONG = "The token or the signature is missing or wrong."

Deliver = Callable[[list[Article]], Awaitable[DeliveryReport]]


class RequestRefused(Exception):
    """A request is refused; `answer` says why."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def serve(settings: Settings) -> None:
    """Runs the endpoint until it is stopped.

    Raises:
        SettingsError: nothing protects it, so anybody could write; the file of tokens cannot be used; the port is
            taken, or the address is not this machine's.
        BrokerUnavailable, ClusterUnavailable: Kafka or Elasticsearch is away.
    """
    require_protection(settings)
    asyncio.run(_serve(settings))


def require_protection(settings: Settings) -> None:
    """Raises SettingsError where nothing protects the endpoint."""
    given = settings.connectors
    if given.push_token is None and given.push_secret is None and given.push_tokens_file is None:
        raise SettingsError(
            "The push endpoint needs WHOSAID_CONNECTORS__PUSH_TOKENS_FILE, WHOSAID_CONNECTORS__PUSH_TOKEN or "
            "WHOSAID_CONNECTORS__PUSH_SECRET; without them anybody could write articles."
        )


async def _serve(settings: Settings) -> None:
    host, port = settings.connectors.push_host, settings.connectors.push_port
    with (
        serving.listen(host, port, variables="WHOSAID_CONNECTORS__PUSH_") as listening,
        ArticlePublisher(settings) as publisher,
    ):
        _log.info("%s", startup_message(settings))
        async with Client(settings.connectors) as client, ElasticsearchStore(settings) as store:

            async def deliver(articles: list[Article]) -> DeliveryReport:
                return await asyncio.to_thread(publisher.deliver, articles)

            app = application(Context(settings, client), store, deliver)
            await serving.serve(app, listening, settings.server)


def startup_message(settings: Settings) -> str:
    """One line for the log: where the endpoint listens, and what a client must present."""
    given = settings.connectors
    host = f"[{given.push_host}]" if ":" in given.push_host else given.push_host
    ways = {"a token": given.push_token or given.push_tokens_file, "a signed body": given.push_secret}
    needed = " or ".join(way for way, there in ways.items() if there)
    hubs = (
        f"hubs reach it at {redaction.in_addresses(given.push_url)}" if given.push_url else "no WebSub hubs are asked"
    )
    return f"The push endpoint listens at http://{host}:{given.push_port}/articles; it wants {needed}; {hubs}."


def application(context: Context, store: Store, deliver: Deliver) -> FastAPI:
    """The endpoint as an ASGI application of its own.

    Raises:
        SettingsError: the file of tokens cannot be used.
    """
    path = context.settings.connectors.push_tokens_file
    tokens = Tokens(path, "WHOSAID_CONNECTORS__PUSH_TOKENS_FILE") if path else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        heartbeat.PART.take_up()
        renewing = asyncio.create_task(_renew_for_ever(context, store))
        yield
        renewing.cancel()
        heartbeat.PART.rest()

    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    app = FastAPI(title="WhoSaid push", lifespan=lifespan, openapi_url=None)
    app.add_exception_handler(RequestRefused, _refused)
    app.add_exception_handler(ClientDisconnect, _disconnected)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(Counting)
    hubs = HubCallbacks(context, store)
    app.get("/healthz")(healthz)
    app.post("/articles")(ArticleIntake(context, tokens, deliver).receive)
    app.get("/websub/{source}/{key}")(hubs.verify)
    app.post("/websub/{source}/{key}")(hubs.receive)
    return app


class HubCallbacks:
    """Answers WebSub hubs: they verify subscriptions, and they tell that a feed has changed."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store

    async def verify(self, source: str, key: str, request: Request) -> Response:
        """Answers a hub that asks whether we want this subscription, or its end."""
        state = await self._state(source, key, unknown=404)
        query = request.query_params
        try:
            challenge = await websub.confirm(
                state, self._store, self._context.now(), query.get("hub.mode", ""), query.get("hub.topic", ""),
                query.get("hub.challenge", ""), query.get("hub.lease_seconds", ""),
            )  # fmt: skip
        except NotFoundError as error:
            raise RequestRefused(_answer(404, str(error))) from None
        except UnavailableError as error:
            raise _unavailable(error) from None
        if challenge is None:
            raise RequestRefused(_answer(404, _NO_SUBSCRIPTION))
        return PlainTextResponse(challenge)

    async def receive(self, source: str, key: str, request: Request) -> Response:
        """Makes the source due, where the hub's signature of the body is right."""
        state = await self._state(source, key, unknown=410)  # 410 tells the hub to stop
        signatures = websub.Signatures(request.headers, websub.secret(self._context.settings, source))
        try:
            async for chunk in request_body.chunks(request, self._context.settings.connectors.push_max_bytes):
                signatures.update(chunk)
        except request_body.TooLarge:
            raise RequestRefused(_answer(413, "The body is too large.")) from None
        # A wrong signature is answered as the right one is (the standard's way), and nothing is done.
        if signatures.any_valid():
            try:
                await websub.make_due(state, self._store, self._context.now())
            except UnavailableError as error:
                raise _unavailable(error) from None
        return Response(status_code=202)

    async def _state(self, source: str, key: str, *, unknown: int) -> SourceState:
        """The source whose callback this is; `unknown` is the status of the answer where the source is gone."""
        if not _is_callback(source, key, self._context):
            raise RequestRefused(_answer(404, _NO_SUBSCRIPTION))
        try:
            return await self._store.get(source)
        except NotFoundError as error:
            raise RequestRefused(_answer(unknown, str(error))) from None
        except UnavailableError as error:
            raise _unavailable(error) from None


class ArticleIntake:
    """Receives articles: reads them within limits of memory, and publishes them."""

    def __init__(self, context: Context, tokens: Tokens | None, deliver: Deliver) -> None:
        """`tokens`: those that may push."""
        settings = context.settings.connectors
        self._context = context
        self._tokens = tokens
        self._deliver = deliver
        self._largest = settings.push_max_bytes
        self._largest_signed = min(settings.push_max_signed_bytes, settings.push_max_bytes)
        self._trusted = BodyBudget(2 * self._largest, 2 * self._largest)
        self._strangers = BodyBudget(8 * self._largest_signed, 2 * self._largest_signed)
        self._one_large = asyncio.Lock()

    async def receive(self, request: Request) -> Response:
        """Answers a request that brings articles, once the broker has them or they are refused."""
        trusted = await self._is_trusted(request)
        if not trusted and not may_be_signed(request.headers, self._context.settings):
            return _answer(401, _WRONG)  # before anything that a stranger sends is read
        budget, limit = (self._trusted, self._largest) if trusted else (self._strangers, self._largest_signed)
        try:
            async with budget.body(request, limit) as raw:
                if not trusted and not is_signed(request.headers, raw, self._context.settings):
                    return _answer(401, _WRONG)
                return await self._publish(raw, request.headers.get("content-encoding", ""))
        except request_body.TooLarge:
            with_token = " with a token," if not trusted and limit < self._largest else ""
            return _answer(413, f"The body is larger than {limit} bytes; send it{with_token} in smaller parts.")
        except request_body.BudgetExceeded:
            return _answer(503, "Too much is being sent at a time; send the same again.", headers=_RETRY)

    async def _is_trusted(self, request: Request) -> bool:
        try:
            return await asyncio.to_thread(has_token, request.headers, self._context.settings, self._tokens)
        except SettingsError as error:
            _log.error("Nobody gets in: %s", error)
            answer = _answer(503, "The endpoint cannot read its tokens now; its log says why.", headers=_RETRY)
            raise RequestRefused(answer) from None

    async def _publish(self, raw: bytes, encoding: str) -> Response:
        async with AsyncExitStack() as turn:
            if encoding or len(raw) > _LARGE:
                await turn.enter_async_context(self._one_large)
            body = await asyncio.to_thread(self._unpacked, raw, encoding)
            if len(body) <= _LARGE:
                await turn.aclose()
            found, problems = await asyncio.to_thread(_parse, body, self._context)
            metrics.FETCHED.labels(kind="push").inc(len(found))
            if not found:
                return _answer(422, "There is no article in the body.", problems=problems[:_SHOWN])
            try:
                report = await self._deliver(found)
            except UnavailableError as error:
                raise _unavailable(error) from None
        problems += report.refused
        if not report.acknowledged:
            return _answer(422, "No article could be taken.", problems=problems[:_SHOWN])
        answer = {"accepted": report.acknowledged, "ids": report.ids, "problems": problems[:_SHOWN]}
        return JSONResponse(answer, status_code=202)

    def _unpacked(self, raw: bytes, encoding: str) -> bytes:
        try:
            return content_encoding.decode(raw, encoding, self._largest)
        except content_encoding.TooLarge:
            answer = _answer(413, f"The body unpacks to more than {self._largest} bytes; send it in smaller parts.")
        except content_encoding.Undecodable as error:
            answer = _answer(415, f"The body cannot be unpacked: {error}.")
        raise RequestRefused(answer)


def has_token(headers: Any, settings: Settings, known: Tokens | None = None) -> bool:
    """Whether the request carries our token, or one that may push.

    Raises:
        SettingsError: the file of tokens has changed and cannot be used any more.
    """
    token, found = settings.connectors.push_token, presented(headers.get("authorization"))
    if found is None:
        return False
    if token is not None and hmac.compare_digest(found.encode(), token.get_secret_value().encode()):
        return True
    grant = known.find(found) if known else None
    return grant is not None and grant.allows(Scope.PUSH)


def may_be_signed(headers: Any, settings: Settings) -> bool:
    """Whether the body is worth reading without a token: the request carries a signature to check."""
    return settings.connectors.push_secret is not None and bool(headers.get("x-hub-signature-256"))


def is_signed(headers: Any, body: bytes, settings: Settings) -> bool:
    """Whether the request carries a signature of its body with our secret."""
    secret = settings.connectors.push_secret
    return secret is not None and websub.is_signature(
        body, headers.get("x-hub-signature-256", ""), secret.get_secret_value()
    )


def _is_callback(source: str, key: str, context: Context) -> bool:
    right = websub.callback_key(context.settings, source)
    return websub.has_secret(context.settings) and hmac.compare_digest(key.encode(), right.encode())


def _parse(body: bytes, context: Context) -> tuple[list[Article], list[str]]:
    """The articles of the body, and a problem for each record that is none."""
    if sum(map(body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise RequestRefused(_answer(413, f"The body has more than {_MOST_VALUES:,} values; send it in smaller parts."))
    body = body.strip()
    digest = hashlib.sha256(body).hexdigest()[:32]
    address = f"urn:whosaid:push:{digest}"
    found: list[Article] = []
    problems: list[str] = []
    # A first line that is no record must not cost the others.
    whole = body.startswith(b"{") or (body.startswith(b"[") and body.endswith(b"]"))
    read = file_formats.read_json if whole else file_formats.read_jsonl
    for reading in read(body, name="push", address=address, options=Options(), fetched=context.now(), modified=None):
        if reading.article:
            found.append(reading.article)
        if reading.problem:
            problems.append(reading.problem)
        if len(found) + len(problems) > _MOST:
            raise RequestRefused(_answer(413, f"The body has more than {_MOST:,} articles; send it in smaller parts."))
    return found, problems


def _answer(status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    return JSONResponse({"detail": detail, **more}, status_code=status, headers=headers)


def _unavailable(error: UnavailableError) -> RequestRefused:
    """The answer while Kafka or Elasticsearch is away; its address goes to the log alone."""
    _log.error("Nothing is taken: %s", error)
    engine = "Kafka" if isinstance(error, BrokerUnavailable) else "Elasticsearch"
    sentence = error.public or f"{engine} does not take it now; send the same again. The endpoint's log says why."
    return RequestRefused(_answer(503, sentence, headers=_RETRY))


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)
    return error.answer


async def _disconnected(_: Request, error: Exception) -> Response:
    return Response(status_code=408)  # nobody reads it


async def _unexpected(request: Request, error: Exception) -> Response:
    # Starlette raises the error again, and uvicorn logs it with its trace.
    return _answer(500, "Something went wrong here; the endpoint's log says what.")


async def _renew_for_ever(context: Context, store: Store) -> None:
    """Renews the subscriptions at all hubs, where hubs can reach us."""
    if not context.settings.connectors.push_url:
        return
    if not websub.has_secret(context.settings):
        _log.error("WebSub needs WHOSAID_CONNECTORS__PUSH_SECRET: no hub is asked to tell us of news.")
        return
    renewals = websub.Renewals(context)
    while True:
        try:
            await renewals.renew(await store.all())
        except UnavailableError as error:
            _log.warning("The subscriptions could not be looked through: %s", error)
        await asyncio.sleep(_RENEWAL_INTERVAL)
