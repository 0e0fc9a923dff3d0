"""Says who may change something through the service: whoever sent a token with the scope `admin`.

A service without tokens answers this machine alone, and whoever uses that may change what it shows. A browser also
sends the token it knows when a page of another site makes it post a form; such requests are refused. The middleware
holds both for every route: no route can forget it.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

from pipeline.access_tokens import Grant, Scope
from pipeline.errors import DeniedError

GRANT = "whosaid.grant"
"""In the scope of a request: the grant of its token, or `LOCAL`. The middleware sets it."""

LOCAL = Grant("local", frozenset({Scope.ADMIN}))
"""The grant of requests to a service without tokens."""

READ_BY_POST = frozenset({"/api/reconcile"})
"""Paths whose POST only asks: the Reconciliation API sends its queries so."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({"same-origin", "none"})  # what Sec-Fetch-Site says of a form of ours, and of a typed address


def changes(request: Request) -> bool:
    """Whether the request wants to change something."""
    return request.method not in _SAFE and request.scope["path"] not in READ_BY_POST


def from_another_site(request: Request) -> bool:
    """Whether a browser sends the request for a page of another site.

    Every browser since 2023 tells by Sec-Fetch-Site, older ones by Origin; what sends neither is no browser.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site not in _OWN
    try:
        return origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    except ValueError:
        return True


def is_admin(request: Request) -> bool:
    """Whether the request's token, if any is needed, has the scope `admin`."""
    grant = request.scope.get(GRANT)
    return isinstance(grant, Grant) and grant.allows(Scope.ADMIN)


def admin_reads(request: Request) -> str:
    """The name of the token, which must have the scope `admin`; a dependency of pages that not all readers may see.

    Raises:
        DeniedError: it has not.
    """
    if not is_admin(request):
        raise DeniedError("This needs a token with the scope admin; `whosaid token NAME --scope admin` makes one.")
    grant: Grant = request.scope[GRANT]
    return grant.name


def admin(request: Request) -> str:
    """The name of the token that may change something, for the log; a dependency of routes that change something.

    Raises:
        DeniedError: the token may not.
    """
    return admin_reads(request)


def asks_again(request: Request) -> bool:
    """Whether a refusal should make a browser ask for another token, as it sent one that does not do."""
    return not is_admin(request) and request.headers.get("authorization", "").lower().startswith("basic ")
