"""Articles that are sent to us: one or many over HTTP, and news that WebSub hubs tell of.

`POST /articles` takes one article as JSON, or many as JSON lines, with a bearer token or a signature
(X-Hub-Signature-256: sha256=…). The answer is 202 only after Kafka has every one of them; 503 means: send it again.
`/websub/{source}` is where hubs verify subscriptions and deliver feeds.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from connectors import formats, websub
from connectors.base import Context
from connectors.formats import Options
from connectors.http import Client
from connectors.publish import Counts, Publisher
from connectors.state import Store
from connectors.store import ElasticsearchStore
from pipeline.errors import NotFoundError, SettingsError, SourceError, UnavailableError
from pipeline.models import Article
from pipeline.settings import Settings
from pipeline.tokens import Scope, Tokens, presented

_log = logging.getLogger(__name__)
_SHOWN = 20  # problems in an answer
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
        body = await _body(request, settings.push_max_bytes)
        if body is None:
            return _answer(
                413, f"The body is larger than {settings.push_max_bytes} bytes; send fewer articles at once."
            )
        try:
            allowed = await asyncio.to_thread(authorised, request.headers, body, context.settings, known)
        except SettingsError as error:
            _log.error("Nobody gets in: %s", error)
            return _answer(503, "The endpoint cannot read its tokens now; its log says why.", headers=_RETRY)
        if not allowed:
            return _answer(401, "The token or the signature is missing or wrong.")
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
        ids = [article.id for article in found]
        return JSONResponse(
            {"accepted": counts.acknowledged, "ids": ids, "problems": problems[:_SHOWN]}, status_code=202
        )

    @app.get("/websub/{source}")
    async def verify(source: str, request: Request) -> Response:
        query = request.query_params
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

    @app.post("/websub/{source}")
    async def delivery(source: str, request: Request) -> Response:
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
        if websub.signed(body, request.headers.get("x-hub-signature-256", ""), websub.secret(context.settings, source)):
            try:
                await websub.received(state, store, context.now())
            except UnavailableError as error:
                return _answer(503, str(error), headers=_RETRY)
        return Response(status_code=202)

    return app


def authorised(headers: Any, body: bytes, settings: Settings, known: Tokens | None = None) -> bool:
    """Whether the request carries our token, one that may push, or a signature of its body with our secret.

    Raises:
        SettingsError: the file of tokens has changed and cannot be used any more.
    """
    token, secret = settings.connectors.push_token, settings.connectors.push_secret
    given = headers.get("authorization", "")
    if token is not None and hmac.compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode()):
        return True
    grant = known.find(found) if known and (found := presented(given)) else None
    if grant and grant.allows(Scope.PUSH):
        return True
    if secret is None:
        return False
    return websub.signed(body, headers.get("x-hub-signature-256", ""), secret.get_secret_value())


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
    while True:
        try:
            for state in await store.all():
                due = state.subscribed_until is None or state.subscribed_until < context.now() + timedelta(hours=12)
                if state.hub and state.topic and due and not state.paused:
                    await websub.subscribe(state, context)
        except (SourceError, UnavailableError) as error:
            _log.warning("A subscription could not be renewed: %s", error)
        await asyncio.sleep(600)
