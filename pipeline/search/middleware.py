"""Guards the service as ASGI middleware: checks host names, rate limits and tokens, and sets security headers."""

import logging
import time

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline import access_tokens as auth
from pipeline import metrics
from pipeline.errors import DeniedError, SettingsError
from pipeline.search import error_responses, permissions
from pipeline.search.rate_limit import RateLimiter
from pipeline.server.clients import client_of
from pipeline.server.serving import is_local
from pipeline.settings import SearchSettings

logger = logging.getLogger(__name__)

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SCRIPTED = frozenset({"/live"})
"""The pages that run a script, which is a file of ours: those that grow while they are open."""

SCRIPT_POLICY = f"{CONTENT_POLICY}; script-src 'self'; connect-src 'self'"
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""The headers of every answer. No other page has a script, so the policy allows none."""

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""Paths that need no token: probes ask them, and they reveal nothing of the content. Nor do those below /static/."""

METRICS_PATH = "/metrics"
"""The path of the metrics, whose tokens have a scope of their own."""

MAX_BODY = 8 * 2**20
"""Bytes of the longest body of a request that changes something: ten thousand ids fit."""

_FRESH, _STATIC = "private, no-cache", "public, max-age=86400"
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_FORBIDDEN = {
    auth.Scope.METRICS: "see metrics",
    auth.Scope.READ: "read",
    auth.Scope.ADMIN: "change anything",
}


def tokens(settings: SearchSettings) -> auth.Tokens | None:
    """The tokens that give access; None for a service that only this machine can reach.

    Raises:
        SettingsError: other machines could reach the service without a token, or the tokens cannot be read.
    """
    if settings.tokens_file:
        return auth.Tokens(settings.tokens_file)
    if is_local(settings.host):
        return None
    raise SettingsError(
        f"WHOSAID_SEARCH__HOST is {settings.host}, which other machines reach: make a token with `whosaid token NAME`, "
        "put its line into a file and name that in WHOSAID_SEARCH__TOKENS_FILE; or listen on 127.0.0.1."
    )


def allowed_hosts(settings: SearchSettings) -> frozenset[str] | None:
    """The Host headers that the service answers; None: any.

    A service without tokens answers only to this machine's own names. Otherwise any website could let its name point
    to 127.0.0.1 and read the content through a visitor's browser (DNS rebinding).
    """
    given = frozenset(name.strip().lower() for name in settings.allowed_hosts.split(",") if name.strip())
    own = _LOCAL_NAMES | {settings.host.lower()}
    return given | own if given or is_local(settings.host) else None


class AccessRules:
    """Who has access. Made once: its tokens and limits are those of the whole service."""

    def __init__(self, settings: SearchSettings) -> None:
        """Reads the tokens.

        Raises:
            SettingsError: see `tokens`.
        """
        self.tokens = tokens(settings)
        self.hosts = allowed_hosts(settings)
        self.limiter = RateLimiter(settings.rate_limit)


class SecurityMiddleware:
    """Checks each request before the application gets it."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request. It always gets an answer, and the answer always has the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head, status, begin = scope["method"] == "HEAD", 0, time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if scope["path"] in SCRIPTED:
                    headers["Content-Security-Policy"] = SCRIPT_POLICY
                headers.setdefault("Cache-Control", _STATIC if scope["path"].startswith("/static/") else _FRESH)
            elif head:
                message = {**message, "body": b""}
            await send(message)

        if head:  # every page answers as to GET, without the body
            scope = {**scope, "method": "GET", error_responses.HEAD: True}
        try:
            app = await self._refusal(Request(scope)) or self._app
            await app(scope, receive, send_with_headers)
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if not status:
                refusal = error_responses.answer(Request(scope), 500, error_responses.BROKEN)
                await refusal(scope, receive, send_with_headers)
        finally:
            route = _route(scope)
            metrics.SEARCHES.labels(route=route, status=metrics.status_class(status)).inc()
            metrics.SEARCH_SECONDS.labels(route=route).observe(time.perf_counter() - begin)

    async def _refusal(self, request: Request) -> Response | None:
        path = request.scope["path"]
        if path == "/healthz":
            return None
        # A probe of /readyz uses whatever address it has for this service; the answer is no secret.
        hosts = self._rules.hosts if path not in OPEN_PATHS else None
        if hosts is not None and _host(request.headers) not in hosts:
            return error_responses.answer(
                request, 400, "This service does not go by that name; WHOSAID_SEARCH__ALLOWED_HOSTS lists those it has."
            )
        client = client_of(request.client.host if request.client else None)
        if wait := self._rules.limiter.wait(client):
            return error_responses.answer(
                request, 429, f"Too many requests; try again in {wait} s.", headers={"Retry-After": str(wait)}
            )
        if permissions.changes(request) and permissions.from_another_site(request):
            return error_responses.answer(request, 403, "A page of another site may not change anything here.")
        if permissions.changes(request) and not _fits(request.headers):
            return error_responses.answer(
                request, 413, f"The body must say its length, and have at most {MAX_BODY:,} bytes."
            )
        if self._rules.tokens is None:
            request.scope[permissions.GRANT] = permissions.LOCAL
        if self._rules.tokens is None or path in OPEN_PATHS or path.startswith("/static/"):
            return None
        return await self._unauthorised(request, self._rules.tokens)

    async def _unauthorised(self, request: Request, tokens: auth.Tokens) -> Response | None:
        token = auth.presented(request.headers.get("authorization"))
        try:
            grant = await run_in_threadpool(tokens.find, token) if token else None
        except SettingsError as error:
            logger.error("Nobody has access: %s", error)
            return error_responses.answer(request, 503, "The service cannot read its tokens now; its log says why.")
        scope = _scope(request)
        if grant and grant.allows(scope):
            request.scope[permissions.GRANT] = grant
            return None
        if grant:
            request.scope[permissions.GRANT] = grant
            remedy = f"`whosaid token NAME --scope {scope}` makes one that may"
            return error_responses.of(request, DeniedError(f"This token may not {_FORBIDDEN[scope]}; {remedy}."))
        sentence = "Send a token: Authorization: Bearer …, or in a browser as the password of any user name."
        return error_responses.answer(request, 401, sentence, headers=error_responses.CHALLENGE)


def _scope(request: Request) -> auth.Scope:
    """What a token must allow for the request: who changes something must have the scope `admin`."""
    if request.scope["path"] == METRICS_PATH:
        return auth.Scope.METRICS
    return auth.Scope.ADMIN if permissions.changes(request) else auth.Scope.READ


def _fits(headers: Headers) -> bool:
    """Whether the body is short enough to be read whole."""
    length = headers.get("content-length", "0")
    return "transfer-encoding" not in headers and length.isdecimal() and int(length) <= MAX_BODY


def _route(scope: Scope) -> str:
    """The pattern of the address that was asked for, as a label: never the address itself, which anybody may invent."""
    path = getattr(scope.get("route"), "path", None)
    if path is None and scope["path"].startswith("/static/"):
        return "/static"
    return str(path) if path else "other"


def _host(headers: Headers) -> str:
    """The name in the Host header, without the port; an IPv6 address without its brackets."""
    host = headers.get("host", "").lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
