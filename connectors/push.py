"""Articles that are sent to us: one or many over HTTP, and news that WebSub hubs tell of.

`POST /articles` takes one article as JSON, or many as JSON lines, also packed, with a bearer token or a signature
(X-Hub-Signature-256: sha256=…). The answer is 202 only after Kafka has every one of them; 503 means: send it again.
`/websub/{source}/{key}` is where hubs verify subscriptions and deliver feeds.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from connectors import decoding, formats, websub
from connectors.base import Context
from connectors.formats import Options
from connectors.http import Client
from connectors.publish import Counts, Publisher
from connectors.state import Store
from connectors.store import ElasticsearchStore
from pipeline.errors import NotFoundError, SettingsError, UnavailableError
from pipeline.models import Article
from pipeline.settings import Settings
from pipeline.tokens import Scope, Tokens, presented

_log = logging.getLogger(__name__)
_SHOWN = 20  # problems in an answer
_LOOK = 60.0  # seconds between two looks for subscriptions to renew
_RETRY = {"Retry-After": "5"}

Deliver = Callable[[list[Article]], Awaitable[Counts]]


def serve(settings: Settings) -> None:
    """Listens until it is stopped.

    Raises:
        SettingsError: nothing protects it, so anybody could write; or the file of tokens cannot be used.
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
    with Publisher(settings) as publisher:
        async with Client(settings.connectors) as client, ElasticsearchStore(settings) as store:

            async def deliver(articles: list[Article]) -> Counts:
                return await asyncio.to_thread(publisher.deliver, articles)

            app = application(Context(settings, client), store, deliver)
            chosen = settings.connectors
            config = uvicorn.Config(app, host=chosen.push_host, port=chosen.push_port, log_level="warning")
            await uvicorn.Server(config).serve()


def application(context: Context, store: Store, deliver: Deliver) -> FastAPI:
    """The endpoint as an application of its own.

    Raises:
        SettingsError: the file of tokens cannot be used.
    """
    settings = context.settings.connectors
    path = settings.push_tokens_file
    known = Tokens(path, "WHOSAID_CONNECTORS__PUSH_TOKENS_FILE") if path else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        renewing = asyncio.create_task(_renew_for_ever(context, store))
        yield
        renewing.cancel()

    app = FastAPI(title="WhoSaid push", lifespan=lifespan, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/articles")
    async def articles(request: Request) -> Response:
        too_large = f"The body is larger than {settings.push_max_bytes} bytes; send fewer articles at once."
        wrong = "The token or the signature is missing or wrong."
        try:
            trusted = await asyncio.to_thread(has_token, request.headers, context.settings, known)
        except SettingsError as error:
            _log.error("Nobody gets in: %s", error)
            return _answer(503, "The endpoint cannot read its tokens now; its log says why.", headers=_RETRY)
        if not trusted and not may_be_signed(request.headers, context.settings):
            return _answer(401, wrong)  # without having read what a stranger sends
        raw = await _body(request, settings.push_max_bytes)
        if raw is None:
            return _answer(413, too_large)
        if not trusted and not is_signed(request.headers, raw, context.settings):
            return _answer(401, wrong)
        try:
            body = decoding.decode(raw, request.headers.get("content-encoding", ""), settings.push_max_bytes)
        except decoding.TooLarge:
            return _answer(413, too_large)
        except decoding.Undecodable as error:
            return _answer(415, f"The body cannot be unpacked: {error}.")
        found, problems = await asyncio.to_thread(_parse, body, context)
        if not found:
            return _answer(422, "There is no article in the body.", problems=problems[:_SHOWN])
        try:
            counts = await deliver(found)
        except UnavailableError as error:
            return _answer(503, str(error), headers=_RETRY)
        problems += counts.refused
        if not counts.acknowledged:
            return _answer(422, "No article could be taken.", problems=problems[:_SHOWN])
        answer = {"accepted": counts.acknowledged, "ids": counts.ids, "problems": problems[:_SHOWN]}
        return JSONResponse(answer, status_code=202)

    @app.get("/websub/{source}/{key}")
    async def verify(source: str, key: str, request: Request) -> Response:
        query = request.query_params
        if not _expected(source, key, context):
            return _answer(404, "This is no subscription of ours.")
        try:
            state = await store.get(source)
            challenge = await websub.verified(
                state, store, context.now(), query.get("hub.mode", ""), query.get("hub.topic", ""),
                query.get("hub.challenge", ""), query.get("hub.lease_seconds", ""),
            )  # fmt: skip
        except NotFoundError as error:
            return _answer(404, str(error))
        except UnavailableError as error:
            return _answer(503, str(error), headers=_RETRY)
        if challenge is None:
            return _answer(404, "This is no subscription of ours.")
        return PlainTextResponse(challenge)

    @app.post("/websub/{source}/{key}")
    async def delivery(source: str, key: str, request: Request) -> Response:
        if not _expected(source, key, context):
            return _answer(404, "This is no subscription of ours.")
        body = await _body(request, settings.push_max_bytes)
        if body is None:
            return _answer(413, "The body is too large.")
        try:
            state = await store.get(source)
        except NotFoundError as error:
            return _answer(410, str(error))  # tells the hub to stop
        except UnavailableError as error:
            return _answer(503, str(error), headers=_RETRY)
        # A wrong signature is answered as the right one is (the standard's way), and nothing is done.
        if websub.delivered(request.headers, body, websub.secret(context.settings, source)):
            try:
                await websub.received(state, store, context.now())
            except UnavailableError as error:
                return _answer(503, str(error), headers=_RETRY)
        return Response(status_code=202)

    return app


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
    """Whether the body is worth reading: there is a signature that it may bear out."""
    return settings.connectors.push_secret is not None and bool(headers.get("x-hub-signature-256"))


def is_signed(headers: Any, body: bytes, settings: Settings) -> bool:
    """Whether the request carries a signature of its body with our secret."""
    secret = settings.connectors.push_secret
    return secret is not None and websub.signed(body, headers.get("x-hub-signature-256", ""), secret.get_secret_value())


def _expected(source: str, key: str, context: Context) -> bool:
    right = websub.callback_key(context.settings, source)
    return websub.possible(context.settings) and hmac.compare_digest(key.encode(), right.encode())


def _parse(body: bytes, context: Context) -> tuple[list[Article], list[str]]:
    digest = hashlib.sha256(body).hexdigest()[:32]
    address = f"urn:whosaid:push:{digest}"
    reader = formats.read_json(
        body, name="push", address=address, options=Options(), fetched=context.now(), modified=None
    )
    readings = list(reader)
    return [one.article for one in readings if one.article], [one.problem for one in readings if one.problem]


async def _body(request: Request, limit: int) -> bytes | None:
    """The body; None where it is over the limit, without having read the rest."""
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated[:18]) > limit:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _answer(status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    return JSONResponse({"detail": detail, **more}, status_code=status, headers=headers)


async def _renew_for_ever(context: Context, store: Store) -> None:
    """Keeps the subscriptions to all hubs alive, as long as we can be reached from outside."""
    if not context.settings.connectors.push_url:
        return
    if not websub.possible(context.settings):
        _log.error("WebSub needs WHOSAID_CONNECTORS__PUSH_SECRET: no hub is asked to tell us of news.")
        return
    renewals = websub.Renewals(context)
    while True:
        try:
            await renewals.renew(await store.all())
        except UnavailableError as error:
            _log.warning("The subscriptions could not be looked through: %s", error)
        await asyncio.sleep(_LOOK)
