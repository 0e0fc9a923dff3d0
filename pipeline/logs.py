"""Logs to standard error: one line an event, with the time in UTC, and never a secret.

Libraries log their configuration and what they send at `debug`, logins too. So whatever is written goes through
`Discreet`, which knows the secrets of the settings and writes stars in their place, as for the logins in addresses.
"""

import base64
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterable
from urllib.parse import quote

from pipeline import redaction
from pipeline.control_characters import escaped_in_json, for_terminal
from pipeline.settings import Settings, logins, secrets

ARTICLE = "article"
"""The field of a log record that has the id of the article that it is about."""

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LONGEST_ID = 512
_SILENCE = 30.0  # seconds
# Only what they warn of:
_CHATTY = (
    "aiokafka",
    "elastic_transport",
    "faust",
    "httpx",
    "kafka",
    "mode",
    "opentelemetry",
    "uvicorn",
)  # only what they warn of


def to_stderr(settings: Settings) -> None:
    """Sends this process's log to standard error, from the level that the settings name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(DiscreetJson(settings) if settings.log_format == "json" else Discreet(settings))
    threading.excepthook = _thread_died  # by default it writes the trace itself, secrets and all
    level = settings.log_level.upper()
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        handler.addFilter(_NotAgain())
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)


def _thread_died(died: threading.ExceptHookArgs) -> None:
    if died.exc_type is not SystemExit and died.exc_value is not None:
        name = died.thread.name if died.thread else "that is gone"
        logging.getLogger(__name__).error("The thread %s died", name, exc_info=died.exc_value)


class Discreet(logging.Formatter):
    """A line in our format, traces included, with stars for the secrets of the settings.

    What strangers wrote is in it without control characters: people read logs in terminals, too.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime
        self._secrets = _pattern(settings)

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return for_terminal(_hidden(self._secrets, super().format(record)))


class DiscreetJson(Discreet):
    """A line as a JSON object: time, level, logger, message, and where there are any, article and trace of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _hidden(self._secrets, record.getMessage()),
        }
        if article := getattr(record, ARTICLE, None):
            line["article"] = str(article)
        if record.exc_info:
            line["error"] = _hidden(self._secrets, self.formatException(record.exc_info))
        return escaped_in_json(json.dumps(line, ensure_ascii=False))


def about(article: bytes | str | None) -> dict[str, str]:
    """What a call of a logger has as `extra`, where it is about an article: its id, or the key of its event."""
    text = article.decode("utf-8", "replace") if isinstance(article, bytes) else article or ""
    return {ARTICLE: text[:_LONGEST_ID]}


def without_secrets(settings: Settings, text: str) -> str:
    """The text with stars for the secrets of the settings, however a library may have written them down."""
    return _hidden(_pattern(settings), text)


def _hidden(pattern: re.Pattern[str] | None, text: str) -> str:
    # The secrets first: a password that holds white space is not seen as a part of an address.
    return redaction.in_text(pattern.sub(redaction.STARS, text) if pattern else text)


def _pattern(settings: Settings) -> re.Pattern[str] | None:
    names = (settings.kafka.username, settings.elasticsearch.username)
    users = {*(name or "" for name in names), *(user for user, _ in logins(settings))}
    # The longest first: a secret may be the beginning of another.
    forms = sorted({form for secret in secrets(settings) for form in _forms(secret, users)}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, forms))) if forms else None


def _forms(secret: str, users: Iterable[str]) -> Iterable[str]:
    """The secret as text, in Python's and JSON's spelling, in a URL, and as the login of an HTTP header."""
    data = secret.encode()
    yield from (secret, repr(secret)[1:-1], repr(data)[2:-1], repr(bytearray(data))[12:-2])
    yield from (json.dumps(secret)[1:-1], quote(secret, safe=""))
    for user in users:
        yield base64.b64encode(f"{user}:{secret}".encode()).decode()


class _NotAgain(logging.Filter):
    """Lets a library say the same thing once in half a minute; without Kafka its clients say it 30 times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.name.partition(".")[0] not in _CHATTY:
            return True
        if record.name == "elastic_transport.transport":
            record.exc_info = None  # it asks the next node; what the last one says is told by whoever asked
        what = (record.name, str(record.msg))
        again = record.created - self._said.get(what, 0.0) < _SILENCE
        if not again:
            self._said[what] = record.created
        return not again
