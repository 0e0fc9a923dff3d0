"""Receivers of alerts to test with: a webhook that checks signatures, and a mail server."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from pipeline.settings import Settings
from tests.engines import free_ports


class Receiver:
    """A webhook's receiver: what it accepted, by message and by quote."""

    def __init__(self) -> None:
        self.secret = ""
        """Whose signatures are right; empty: none is looked at."""
        self.status: dict[str, int] = {}
        """What to answer at a path; 200 without."""
        self.requests: list[tuple[str, dict[str, Any]]] = []
        """Every request that was accepted: the message's id and the body."""
        self.tries: list[str] = []
        """The paths of all requests."""
        self.forged = 0
        self._lock = threading.Lock()

    def receive(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Takes a request; the status to answer with."""
        id = headers["webhook-id"]
        status = self.status.get(path, 200)
        with self._lock:
            self.tries.append(path)
            if self.secret:
                try:
                    Webhook(self.secret).verify(body.decode(), headers)
                except WebhookVerificationError:
                    self.forged += 1
                    return 401
            if status == 200:
                self.requests.append((id, json.loads(body) | {"path": path}))
        return status

    def messages(self) -> dict[str, dict[str, Any]]:
        """The messages by id: a repeat of one is dropped, as a receiver does."""
        with self._lock:
            return dict(reversed(self.requests))

    def said(self, path: str = "") -> list[str]:
        """What was said in all quotes of all messages to this path, sorted: twice what was told twice."""
        told = [body for body in self.messages().values() if not path or body["path"] == path]
        return sorted(quote["said"] for body in told for quote in body["data"]["quotes"])


@contextmanager
def webhook(receiver: Receiver | None = None) -> Iterator[tuple[Receiver, str]]:
    """A receiver on this machine, and its address."""
    taker = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = taker.receive(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            with suppress(ConnectionError):  # the sender was killed meanwhile
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()
                self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

    (port,) = free_ports(1)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield taker, f"http://127.0.0.1:{port}/hook"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class Postbox:
    """A mail server's store: every mail that it accepted."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Takes a mail."""
        self.mails.append(BytesParser(policy=default).parsebytes(envelope.content))
        return "250 Taken"


@contextmanager
def mail_server() -> Iterator[tuple[Postbox, int]]:
    """A mail server on this machine, and its port."""
    box = Postbox()
    (port,) = free_ports(1)
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box, port
    finally:
        controller.stop()


def telling(settings: Settings, **alerts: Any) -> Settings:
    """Settings under which alerts go to this machine, and nothing waits long."""
    quick: dict[str, Any] = {
        "allow_private_addresses": True, "backoff_initial": 0.2, "backoff_maximum": 0.5, "max_failures": 3, "lease": 2,
        "timeout": 5, "smtp_host": "127.0.0.1", "smtp_security": "none", "mail_from": "alerts@whosaid.example",
    }  # fmt: skip
    return settings.model_copy(update={"alerts": settings.alerts.model_copy(update=quick | alerts)})
