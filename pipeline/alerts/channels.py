"""Sends messages: by HTTP to a webhook, to public addresses alone, and by SMTP to a mail server."""

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urlsplit

import httpcore
import httpx

from pipeline.alerts import messages
from pipeline.alerts.messages import Quote
from pipeline.alerts.models import Channel, SavedSearch
from pipeline.alerts.progress import Outcome
from pipeline.errors import SourceError
from pipeline.settings import AlertSettings, Settings
from pipeline.web_addresses import Resolver, SafeBackend, resolve
from pipeline.web_transport import Transport, ssl_context

_GONE = 410
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
        return await asyncio.to_thread(_mail, self._settings, mail)

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
            return Outcome(f"{host} cannot be reached ({type(error).__name__}).")
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


def _mail(settings: AlertSettings, mail: EmailMessage) -> Outcome:
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        with _connected(settings) as server:
            if settings.smtp_username:
                password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
                server.login(settings.smtp_username, password)
            refused = server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        return Outcome(f"{where} refuses every recipient: {_refusals(error.recipients)}")
    except smtplib.SMTPResponseException as error:
        text = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return Outcome(f"{where} answers {error.smtp_code} {' '.join(text.split())[:200]}.")
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return Outcome(f"The mail server {where} cannot be used ({type(error).__name__}).")
    return Outcome(note=f"{where} refuses {_refusals(refused)}" if refused else None)


def _connected(settings: AlertSettings) -> smtplib.SMTP:
    context = None
    if settings.smtp_security != "none":
        context = ssl.create_default_context(cafile=str(settings.smtp_ca_file) if settings.smtp_ca_file else None)
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(settings.smtp_host, settings.smtp_port, timeout=settings.timeout, context=context)
    server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=settings.timeout)
    if settings.smtp_security == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _refusals(recipients: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(
        f"{address} ({code} {' '.join(text.decode(errors='replace').split())[:100]})"
        for address, (code, text) in recipients.items()
    )
