"""Says who may change something through the service: whoever sent a token with the scope `admin`.

A service without tokens answers this machine alone, and whoever uses that may change what it shows. A browser also
sends the token it knows when a page of another site makes it post a form; such requests are refused.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

from pipeline.access_tokens import Grant, Scope
from pipeline.errors import DeniedError

GRANT = "whosaid.grant"
"""In the scope of a request: the grant of its token, or `LOCAL`. The middleware sets it."""

LOCAL = Grant("local", frozenset({Scope.ADMIN}))
"""The grant of requests to a service without tokens."""

_OWN = frozenset({"same-origin", "none"})  # what Sec-Fetch-Site says of a form of ours, and of a typed address


def is_admin(request: Request) -> bool:
    """Whether the request's token, if any is needed, has the scope `admin`."""
    grant = request.scope.get(GRANT)
    return isinstance(grant, Grant) and grant.allows(Scope.ADMIN)


def admin(request: Request) -> str:
    """The name of the token that may change something, for the log; use it as a dependency of every such route.

    Raises:
        DeniedError: the token may not, or the request comes from a page of another site.
    """
    if not is_admin(request):
        raise DeniedError("This needs a token with the scope admin; `whosaid token NAME --scope admin` makes one.")
    if not _is_ours(request):
        raise DeniedError("A page of another site sent this form; open this service's own page and send it there.")
    grant: Grant = request.scope[GRANT]
    return grant.name


def asks_again(request: Request) -> bool:
    """Whether a refusal should make a browser ask for another token, as it sent one that does not do."""
    return not is_admin(request) and request.headers.get("authorization", "").lower().startswith("basic ")


def _is_ours(request: Request) -> bool:
    """Whether a page of this service, or a program, sent the request. Browsers say where a form comes from."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in _OWN
    try:
        return origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    except ValueError:
        return False
