"""Runs the search service until it is told to stop."""

import errno
import logging
import signal
import socket
import threading

import uvicorn

from pipeline.errors import SettingsError
from pipeline.search.api import create_app
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 10
"""How long requests under way may still take when the service stops."""

_MAX_CONNECTIONS = 500
_BACKLOG = 512


def run(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C; requests under way are finished first.

    Raises:
        SettingsError: the port is taken, the address is not this machine's, or tokens are missing.
    """
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    with listen(settings.search.host, settings.search.port) as listening:
        if threading.current_thread() is threading.main_thread():
            # uvicorn stops at SIGTERM and then raises the signal again, which would end us with an error.
            signal.signal(signal.SIGTERM, lambda *_: None)
        logger.info("The search service listens at %s", address(settings))
        uvicorn.Server(config).run(sockets=[listening])


def address(settings: Settings) -> str:
    """Where a browser finds the service."""
    host = settings.search.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.search.port}/"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        SettingsError: the port is taken, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot(host, port, error) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _cannot(host, port, error) from None
    return listening


def _cannot(host: str, port: int, error: OSError) -> SettingsError:
    if error.errno == errno.EADDRINUSE:
        return SettingsError(
            f"Port {port} on {host} is taken; stop what uses it, or set WHOSAID_SEARCH__PORT to another."
        )
    if error.errno == errno.EACCES:
        return SettingsError(f"Port {port} needs more rights than you have; set WHOSAID_SEARCH__PORT above 1023.")
    return SettingsError(f"WHOSAID_SEARCH__HOST is {host}, where this machine cannot listen ({error}).")
