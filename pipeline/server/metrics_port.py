"""Serves a part's metrics and its health on a small port of their own: /metrics, /healthz, /readyz.

Off unless WHOSAID_METRICS__PORT is set. On an address that other machines reach, it starts with tokens only, as the
search service does; `/healthz` and `/readyz` need none and say nothing but a word.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline import heartbeat, metrics
from pipeline.access_tokens import Scope, Tokens, presented
from pipeline.errors import SettingsError
from pipeline.server import serving
from pipeline.settings import MetricsSettings, Settings

_log = logging.getLogger(__name__)
_STOP = 5.0  # seconds that the port may take to close
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@contextmanager
def serving_metrics(settings: Settings) -> Iterator[None]:
    """Serves them in a thread until the end of the block; does nothing where no port is set.

    Raises:
        SettingsError: the port is taken, or other machines could reach it without a token.
    """
    given = settings.metrics
    if not given.port:
        yield
        return
    app = application(given)
    with serving.listen(given.host, given.port, variables="WHOSAID_METRICS__") as listening:
        server = serving.server(app, settings.server)
        thread = threading.Thread(target=_run, args=(server, listening), name="metrics", daemon=True)
        thread.start()
        _log.info("Metrics: http://%s:%d/metrics", f"[{given.host}]" if ":" in given.host else given.host, given.port)
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(_STOP)


def application(settings: MetricsSettings) -> Starlette:
    """The port as an ASGI application.

    Raises:
        SettingsError: other machines could reach it without a token, or the tokens cannot be read.
    """
    tokens = Tokens(settings.tokens_file, "WHOSAID_METRICS__TOKENS_FILE") if settings.tokens_file else None
    if tokens is None and not serving.is_local(settings.host):
        raise SettingsError(
            f"WHOSAID_METRICS__HOST is {settings.host}, which other machines reach: make a token with `whosaid token "
            "NAME --scope metrics`, put its line into a file and name that in WHOSAID_METRICS__TOKENS_FILE; or listen "
            "on 127.0.0.1."
        )

    async def exposed(request: Request) -> Response:
        if tokens is None and (request.url.hostname or "").lower() not in _LOCAL_NAMES | {settings.host.lower()}:
            return PlainTextResponse("This port does not go by that name.\n", 400)  # DNS rebinding
        if tokens is not None:
            refusal = await run_in_threadpool(_refusal, tokens, request)
            if refusal:
                return refusal
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)

    return Starlette(routes=[Route("/metrics", exposed), Route("/healthz", _healthz), Route("/readyz", _readyz)])


def _refusal(tokens: Tokens, request: Request) -> Response | None:
    token = presented(request.headers.get("authorization"))
    try:
        grant = tokens.find(token) if token else None
    except SettingsError as error:
        _log.error("Nobody sees the metrics: %s", error)
        return PlainTextResponse("The tokens cannot be read now; the log says why.\n", 503)
    if grant is None:
        challenge = {"WWW-Authenticate": 'Bearer realm="WhoSaid metrics"'}
        return PlainTextResponse("Send a token: Authorization: Bearer …\n", 401, challenge)
    if not grant.allows(Scope.METRICS):
        return PlainTextResponse("This token may not see metrics; ask for one with the scope metrics.\n", 403)
    return None


async def _healthz(_: Request) -> Response:
    silence = heartbeat.PART.silent_for
    if silence > heartbeat.SILENCE:
        return PlainTextResponse(f"Nothing has moved for {silence:.0f} s.\n", 503)
    return PlainTextResponse("alive\n")


async def _readyz(_: Request) -> Response:
    working = heartbeat.PART.ready and heartbeat.PART.silent_for <= heartbeat.SILENCE
    return PlainTextResponse("ready\n") if working else PlainTextResponse("not ready\n", 503)


def _run(server: uvicorn.Server, listening: socket.socket) -> None:
    try:
        asyncio.run(server.serve(sockets=[listening]))
    except Exception:  # the part goes on without it
        _log.exception("The metrics are not served any more")
