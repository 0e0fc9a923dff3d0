"""Sends mails to a mail server, whose answers cost bounded time and memory.

What the server says once it has taken the mail changes nothing: otherwise the mail would be sent again.
"""

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Any

from pipeline.alerts.progress import Outcome
from pipeline.settings import AlertSettings

_SESSION = 4
"""A session takes as many times the time-out of one answer, at the most."""

_MOST_LINES = 100  # lines of an answer
_LONGEST_LINE = 8192  # bytes
_NO_MAIL_SERVER = -1  # the code of an answer that has none


def send(settings: AlertSettings, mail: EmailMessage) -> Outcome:
    """Sends a mail and says what became of it; it raises nothing of what a mail server may do."""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        with _session(settings) as server:
            if settings.smtp_username:
                password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
                server.login(settings.smtp_username, password)
            refused = server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        return Outcome(f"{where} refuses every recipient: {_refusals(error.recipients)}")
    except smtplib.SMTPResponseException as error:
        if error.smtp_code == _NO_MAIL_SERVER:
            return Outcome(f"{where} does not answer as a mail server does.")
        text = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return Outcome(f"{where} answers {error.smtp_code} {' '.join(text.split())[:200]}.")
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return Outcome(f"The mail server {where} {_why(error, settings)}.")
    return Outcome(note=f"{where} refuses {_refusals(refused)}" if refused else None)


class _TooLate(TimeoutError):
    """The session took too long."""


class _Bounded(smtplib.SMTP):
    """A session that is cut off at its deadline, and that reads no endless answer."""

    def __init__(self, *arguments: Any, seconds: float, **options: Any) -> None:
        self.sock: socket.socket | None = None
        self.late = False
        self._deadline = threading.Timer(seconds, self._cut)
        self._deadline.daemon = True
        self._deadline.start()
        try:
            super().__init__(*arguments, **options)
        except BaseException:
            self.close()
            raise

    def _cut(self) -> None:
        self.late = True
        if (sock := self.sock) is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def getreply(self) -> tuple[int, bytes]:
        """The server's answer: its code and its text.

        Raises:
            TimeoutError: the session took too long.
            SMTPServerDisconnected: the server hung up.
            SMTPResponseException: the answer is too long.
        """
        if self.file is None:
            assert self.sock is not None
            self.file = self.sock.makefile("rb")
        texts: list[bytes] = []
        for _ in range(_MOST_LINES):
            line = self._line()
            texts.append(line[4:].strip(b" \t\r\n"))
            if line[3:4] != b"-":
                code = int(line[:3]) if line[:3].isdigit() else _NO_MAIL_SERVER
                return code, b"\n".join(texts)
        self.close()
        raise smtplib.SMTPResponseException(500, "an answer without an end")

    def _line(self) -> bytes:
        assert self.file is not None
        try:
            line = bytes(self.file.readline(_LONGEST_LINE + 1))
        except TimeoutError:
            self.close()
            raise
        except OSError:
            line = b""
        if 0 < len(line) <= _LONGEST_LINE and not self.late:
            return line
        self.close()
        if self.late:
            raise _TooLate
        if line:
            raise smtplib.SMTPResponseException(500, "a line that is too long")
        raise smtplib.SMTPServerDisconnected

    def close(self) -> None:
        """Closes the connection."""
        self._deadline.cancel()
        super().close()


class _BoundedTls(_Bounded, smtplib.SMTP_SSL):
    """The same over TLS from the first byte on."""


@contextmanager
def _session(settings: AlertSettings) -> Iterator[smtplib.SMTP]:
    """A session that is ready for the login. Its end is said, and what the server answers to that does not matter."""
    bounds: dict[str, Any] = {"timeout": settings.timeout, "seconds": _SESSION * settings.timeout}
    context = None
    if settings.smtp_security != "none":
        context = ssl.create_default_context(cafile=str(settings.smtp_ca_file) if settings.smtp_ca_file else None)
    if settings.smtp_security == "tls":
        server: smtplib.SMTP = _BoundedTls(settings.smtp_host, settings.smtp_port, context=context, **bounds)
    else:
        server = _Bounded(settings.smtp_host, settings.smtp_port, **bounds)
    try:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)
        yield server
        with suppress(smtplib.SMTPException, OSError, ValueError):
            server.quit()
    finally:
        server.close()


def _why(error: Exception, settings: AlertSettings) -> str:
    """Why a mail server cannot be used, as the end of a sentence."""
    if isinstance(error, _TooLate):
        return f"was not done within {_SESSION * settings.timeout:g} seconds"
    if isinstance(error, TimeoutError):
        return f"did not answer within {settings.timeout:g} seconds"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "hung up"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"does not do what is set: {str(error).rstrip('.')}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"has a certificate that is not trusted ({error.verify_message}); WHOSAID_ALERTS__SMTP_CA_FILE names its CA"
        )
    if isinstance(error, socket.gaierror):
        return "is not known by that name"
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection"
    return f"cannot be used ({type(error).__name__})"


def _refusals(recipients: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(
        f"{address} ({code} {' '.join(text.decode(errors='replace').split())[:100]})"
        for address, (code, text) in recipients.items()
    )
