"""Sends messages: by HTTP to a webhook, to public addresses alone, and by SMTP to a mail server."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urlsplit

import httpcore
import httpx

from pipeline.alerts import messages, smtp
from pipeline.alerts.messages import Quote
from pipeline.alerts.models import Channel, SavedSearch
from pipeline.alerts.progress import Outcome
from pipeline.errors import SourceError
from pipeline.settings import Settings
from pipeline.web_addresses import Resolver, SafeBackend, resolve
from pipeline.web_transport import Transport, ssl_context

_GONE = 410
_LONGEST = 200  # characters of a reason
_KEEP = 2.0  # seconds: shorter than receivers do, so that none closes a connection as a message is written to it
_SETTING = "WHOSAID_ALERTS__ALLOW_PRIVATE_ADDRESSES"
_USER_AGENT = "WhoSaid-Alerts"
_NO_MAIL = "No mail server is set; WHOSAID_ALERTS__SMTP_HOST names one."


class Channels:
    """Sends messages by all channels; an asynchronous context manager."""

    def __init__(self, settings: Settings, *, resolver: Resolver = resolve) -> None:
        self._settings = settings.alerts
        self._site = site_of(settings)
        backend = SafeBackend(
            allow_private=settings.alerts.allow_private_addresses, resolver=resolver, setting=_SETTING
        )
        self._client = httpx.AsyncClient(
            transport=Transport(backend, ssl_context(), keep=_KEEP),
            timeout=httpx.Timeout(settings.alerts.timeout),
            headers={"user-agent": _USER_AGENT, "accept-encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(
        self, channel: Channel, search: SavedSearch, id: str, quotes: Sequence[Quote], *, at: datetime,
        test: bool = False,
    ) -> Outcome:  # fmt: skip
        """Sends a message and says what became of it; it raises nothing of what a receiver may do.

        Args:
            channel: by which way.
            search: what found the quotes.
            id: the message's id, the same whenever it is sent again.
            quotes: what it tells.
            at: when the first of them was found.
            test: whether somebody tries the channel out.
        """
        if channel is Channel.WEBHOOK:
            body = messages.body(search, quotes, at=at, site=self._site, test=test)
            return await self._post(search, id, body)
        if not self._settings.smtp_host:
            return Outcome(_NO_MAIL)
        mail = messages.mail(
            search, quotes, id=id, sender=self._settings.mail_from, at=at, site=self._site, test=test
        )  # fmt: skip
        return await asyncio.to_thread(smtp.send, self._settings, mail)

    async def _post(self, search: SavedSearch, id: str, body: bytes) -> Outcome:
        if search.webhook is None or search.secret is None:
            return Outcome("There is no webhook any more.")
        host = urlsplit(search.webhook).hostname or ""
        headers = messages.headers(search.secret, id, int(datetime.now(UTC).timestamp()), body)
        try:
            async with (
                asyncio.timeout(self._settings.timeout),
                self._client.stream("POST", search.webhook, content=body, headers=headers) as response,
            ):
                return judge(host, response.status_code, response.headers.get("retry-after", ""))
        except SourceError as error:  # the address is refused
            return Outcome(str(error))
        except (TimeoutError, httpx.TimeoutException, httpcore.TimeoutException):
            return Outcome(f"{host} did not answer within {self._settings.timeout:g} seconds.")
        except (httpx.HTTPError, httpx.InvalidURL, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            return Outcome(f"{host} {_why(error)}.")
        except (ValueError, RuntimeError) as error:
            return Outcome(f"{host} cannot be sent to ({type(error).__name__}).")


def judge(host: str, status: int, retry_after: str = "", now: datetime | None = None) -> Outcome:
    """What an answer's status means: any 2xx accepts the message, and a redirect is not followed."""
    if 200 <= status < 300:
        return Outcome()
    if status == _GONE:
        return Outcome(f"{host} says that it is gone for good (410).", gone=True)
    if 300 <= status < 400:
        return Outcome(f"{host} sends elsewhere (status {status}); give the final address.")
    return Outcome(f"{host} answers with status {status}.", retry_after=_seconds(retry_after, now or datetime.now(UTC)))


def site_of(settings: Settings) -> str:
    """The address of the search service as receivers reach it, without a slash at its end."""
    return (settings.alerts.site or settings.search_url).rstrip("/")


def _seconds(retry_after: str, now: datetime) -> float | None:
    value = retry_after.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _why(error: Exception) -> str:
    """Why a receiver was not reached, as the end of a sentence."""
    if isinstance(error, (httpx.ProtocolError, httpcore.ProtocolError)) and "disconnected" not in str(error):
        return "does not answer as HTTP has it"
    if isinstance(error, (httpx.ConnectError, httpcore.ConnectError)):
        return f"cannot be reached: {' '.join(str(error).split())[:_LONGEST] or type(error).__name__}"
    if isinstance(error, (httpx.TransportError, httpcore.NetworkError, httpcore.ProtocolError)):
        return "hung up before it answered"
    return f"cannot be reached ({type(error).__name__})"
