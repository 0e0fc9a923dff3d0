"""Fetches from the web for all connectors: robots.txt, throttling, SSRF and size limits.

Every request asks robots.txt first and waits for its turn at the host. It goes to public addresses alone, which are
checked at each connection and each redirect. It sends no cookies, and reads no more bytes than the limit.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from connectors.parsing import dates
from connectors.web import content_encoding
from connectors.web.robots import Robots
from connectors.web.throttle import Clock, HostThrottle
from pipeline import metrics
from pipeline.errors import SourceError
from pipeline.settings import ConnectorSettings
from pipeline.web_addresses import Resolver, SafeBackend, resolve
from pipeline.web_transport import Transport, ssl_context

_PERMANENT = (301, 308)
_REDIRECTS = (301, 302, 303, 307, 308)
_REASONS = {
    401: "wants a login",
    403: "refuses us",
    404: "is not there",
    410: "is gone for good",
    429: "asks us to come later",
}
_MEDIA = ("image/", "video/", "audio/", "font/")
_LONGEST_PAUSE = 86_400.0
_LONGEST_VALIDATOR = 1024
_LONGEST_LINKS = 16_384
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w*-]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s\",;<>]*))?)*)")
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s\";,]+))", re.IGNORECASE)
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_DEFAULT_PAUSE = 60.0  # seconds, after a 429 without Retry-After


@dataclass(frozen=True)
class Validators:
    """ETag and Last-Modified of a response, which make the next request conditional."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Response:
    """A whole response: `url` is its final address, `moved_to` the address to use from now on."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    moved_to: str | None = None

    @property
    def not_modified(self) -> bool:
        """Whether nothing has changed since the validators (304)."""
        return self.status == 304

    @property
    def charset(self) -> str | None:
        """The charset that the content type names; None where it names none."""
        match = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", self.headers.get("content-type", ""), re.IGNORECASE)
        return match.group(1) if match else None

    def link(self, relation: str) -> str | None:
        """The address of the first link with this relation in the Link headers (RFC 8288); None where there is none.

        `httpx.Response.links` keeps the last link of a relation, and knows neither several relations in one `rel` nor
        names of parameters in capitals.
        """
        for target, parameters in _LINK.findall(self.headers.get("link", "")[:_LONGEST_LINKS]):
            relations = _RELATION.search(parameters)
            if relations and relation in (relations.group(1) or relations.group(2)).lower().split():
                try:
                    return check_url(urljoin(self.url, target.strip()))
                except (SourceError, ValueError):
                    continue
        return None

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def validators(self) -> Validators:
        """The validators for the next request; those that a request cannot send are left out."""
        return Validators(_sendable(self.headers.get("etag")), _sendable(self.headers.get("last-modified")))


@dataclass
class Statistics:
    """What a client has requested."""

    requests: int = 0
    bytes: int = 0
    hosts: set[str] = field(default_factory=set)


class HttpStatusError(SourceError):
    """The server answered with an error."""

    def __init__(self, message: str, status: int, *, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status


class RobotsForbidden(SourceError):
    """The site's robots.txt forbids the address."""


class Client:
    """The HTTP client; an asynchronous context manager, of which a process needs one."""

    def __init__(
        self,
        settings: ConnectorSettings,
        *,
        resolver: Resolver = resolve,
        clock: Clock | None = None,
        certificates: ssl.SSLContext | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.statistics = Statistics()
        self._throttle = HostThrottle(
            interval=settings.host_interval, connections=settings.host_connections, clock=self.clock
        )
        self._robots = Robots(settings.user_agent, self._fetch_robots, self.clock)
        self._client = httpx.AsyncClient(
            transport=Transport(
                SafeBackend(allow_private=settings.allow_private_addresses, resolver=resolver),
                certificates or ssl_context(),
            ),
            timeout=httpx.Timeout(settings.timeout),
            headers={"user-agent": settings.user_agent, "accept-encoding": content_encoding.ACCEPTED},
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # keeps none
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(
        self,
        url: str,
        *,
        validators: Validators | None = None,
        accept: str = "*/*",
        robots: bool = True,
        limit: int | None = None,
        types: tuple[str, ...] = (),
    ) -> Response:
        """Sends a GET; returns a 2xx response with its body, or a 304 where the validators still hold.

        `types` are the beginnings of the content types to accept; without them, everything but pictures, sounds and
        films. A response of another type is refused unread.

        Raises:
            RobotsForbidden: the site's robots.txt forbids the address.
            HttpStatusError: the server answers with an error.
            SourceError: our own rules refuse the address, the response is too large, or there is none.
        """
        headers = {"accept": accept}
        if validators and (etag := _sendable(validators.etag)):
            headers["if-none-match"] = etag
        if validators and (stamp := _sendable(validators.last_modified)):
            headers["if-modified-since"] = stamp
        moved: str | None = None
        permanent = True
        here = check_url(url)
        for _ in range(self.settings.max_redirects + 1):
            if robots and self.settings.obey_robots:
                await self._ask_robots(here)
            status, received, body = await self._request("GET", here, headers, None, limit, types)
            if status in _REDIRECTS and "location" in received:
                here = check_url(urljoin(here, received["location"].strip()), "is redirected to")
                permanent = permanent and status in _PERMANENT
                moved = here if permanent else moved
                continue
            return self._checked(Response(status, here, received, body, moved))
        raise SourceError(f"{url} is redirected more than {self.settings.max_redirects} times.")

    async def post(self, url: str, form: Mapping[str, str]) -> Response:
        """Posts a form (WebSub); redirects are not followed.

        Raises:
            SourceError: as for `get`.
        """
        here = check_url(url)
        content = str(httpx.QueryParams(dict(form))).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        status, received, body = await self._request("POST", here, headers, content, None, ())
        return self._checked(Response(status, here, received, body))

    async def sitemaps(self, url: str) -> list[str]:
        """The sitemaps that the site's robots.txt names."""
        return await self._robots.sitemaps(url)

    async def _ask_robots(self, url: str) -> None:
        allowed, delay = await self._robots.ask(url)
        if delay:
            self._throttle.set_interval(_host(url), delay)
        if not allowed:
            raise RobotsForbidden(f"{url} may not be fetched: the site's robots.txt forbids it.")

    async def _fetch_robots(self, url: str) -> tuple[int, bytes]:
        here = url
        for _ in range(self.settings.max_redirects + 1):
            status, headers, body = await self._request("GET", here, {}, None, 512 * 1024, (), cut=True)
            if status not in _REDIRECTS or "location" not in headers:
                return status, body
            here = check_url(urljoin(here, headers["location"].strip()), "is redirected to")
        return 404, b""  # RFC 9309: too many redirects count as none there

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        limit: int | None,
        types: tuple[str, ...],
        *,
        cut: bool = False,
    ) -> tuple[int, dict[str, str], bytes]:
        limit = limit or self.settings.max_bytes
        host = _host(url)
        async with self._throttle.turn(host):
            self.statistics.requests += 1
            status = 0
            try:
                # each step has a timeout, and all of them together have one: a server that drips would never end
                async with (
                    asyncio.timeout(self.settings.total_timeout),
                    self._client.stream(method, url, headers=dict(headers), content=content) as response,
                ):
                    status = response.status_code
                    received = {name.lower(): value for name, value in response.headers.items()}
                    self._honour_retry_after(host, response.status_code, received)
                    kind = received.get("content-type", "").partition(";")[0].strip().lower()
                    wrong = not kind.startswith(types) if types else kind.startswith(_MEDIA)
                    if kind and wrong and response.is_success and not cut:
                        raise SourceError(f"{url} is of the type {kind[:60]}, which is not what is looked for here.")
                    raw = await _read(response, url, limit, cut=cut)
            except TimeoutError as error:
                raise SourceError(f"{url} did not come within {self.settings.total_timeout:g} seconds.") from error
            except (httpx.TimeoutException, httpcore.TimeoutException) as error:
                raise SourceError(f"{url} did not answer within {self.settings.timeout:g} seconds.") from error
            except (httpx.HTTPError, httpx.InvalidURL, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
                raise SourceError(f"{url} cannot be reached: {_reason(error)}.") from error
            finally:
                metrics.REQUESTS.labels(status=metrics.status_class(status)).inc()
        self.statistics.bytes += len(raw)
        metrics.RECEIVED_BYTES.inc(len(raw))
        try:
            body = content_encoding.decode(raw, received.get("content-encoding", ""), limit)
        except content_encoding.TooLarge as error:
            raise SourceError(f"{url} is larger than {limit} bytes when unpacked.") from error
        except content_encoding.Undecodable as error:
            raise SourceError(f"{url} cannot be unpacked: {error}.") from error
        return response.status_code, received, body

    def _honour_retry_after(self, host: str, status: int, headers: Mapping[str, str]) -> None:
        if status in (429, 503):
            seconds = self._retry_after(headers)
            if seconds is None and status == 429:
                seconds = _DEFAULT_PAUSE
            if seconds:
                self._throttle.pause(host, seconds)

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        value = headers.get("retry-after", "").strip()
        if not value:
            return None
        if value.isascii() and value.isdigit():
            return min(float(value[:9]), _LONGEST_PAUSE)
        moment = dates.parse(value)
        return min(max(0.0, moment.timestamp() - self.clock.wall()), _LONGEST_PAUSE) if moment else None

    def _checked(self, response: Response) -> Response:
        if response.status == 304 or 200 <= response.status < 300:
            return response
        reason = _REASONS.get(response.status, f"answers with status {response.status}")
        raise HttpStatusError(
            f"{response.url} {reason}.", response.status, retry_after=self._retry_after(response.headers)
        )


def check_url(url: str, found: str = "is") -> str:
    """The URL as it is requested.

    Raises:
        SourceError: it is no web address, or has a login in it.
    """
    try:
        parts = urlsplit(url.strip())
        httpx.URL(url.strip())
        _ = parts.port
    except (ValueError, httpx.InvalidURL):
        raise SourceError(f"{url[:300]} {found} no address that can be read.") from None
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise SourceError(f"{url[:300]} {found} not an http or https address.")
    if parts.username or parts.password:
        raise SourceError(f"The address at {parts.hostname} {found} one with a login in it, which is not sent.")
    return url.strip()


def max_age(headers: Mapping[str, str]) -> float | None:
    """The max-age of Cache-Control in seconds, less the time that the response spent in a cache; None without one."""
    control = headers.get("cache-control", "")
    if "no-cache" in control.lower() or "no-store" in control.lower():
        return None
    match = _MAX_AGE.search(control)
    if match is None:
        return None
    age = headers.get("age", "")
    seconds = int(match.group(1)) - (int(age[:9]) if age.isascii() and age.isdigit() else 0)
    return float(seconds) if seconds > 0 else None


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".").lower()


async def _read(response: httpx.Response, url: str, limit: int, *, cut: bool) -> bytes:
    """Reads the raw bytes up to the limit; a longer body is refused, or with `cut` read in part."""
    stated = response.headers.get("content-length", "")
    if not cut and stated.isdigit() and int(stated[:18]) > limit:
        raise SourceError(f"{url} is larger than {limit} bytes.")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            if cut:
                return bytes(body[:limit])
            raise SourceError(f"{url} is larger than {limit} bytes.")
    return bytes(body)


def _sendable(value: str | None) -> str | None:
    """A validator of printable ASCII and a sane length; None of others, so that the next request is unconditional."""
    return value if value and len(value) <= _LONGEST_VALIDATOR and value.isascii() and value.isprintable() else None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
