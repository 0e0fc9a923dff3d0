"""Listens on a port, and serves an application until the process is told to stop."""

import contextlib
import errno
import functools
import ipaddress
import logging
import resource
import signal
import socket
import threading
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from pipeline.errors import SettingsError
from pipeline.server.clients import Clients
from pipeline.server.protocol import LimitedProtocol
from pipeline.settings import ServerSettings

SHUTDOWN_SECONDS = 10
"""How long requests under way may still take when the server stops."""

_BACKLOG = 1024  # connections that wait to be taken up, which is also how many are taken up at once
_OTHER_FILES = 256  # that the process has open beside its connections


async def serve(app: ASGIApp, listening: socket.socket, limits: ServerSettings) -> None:
    """Answers what comes to the socket until SIGTERM or Ctrl-C; requests under way are finished first."""
    with _surviving_sigterm():
        await server(app, limits).serve(sockets=[listening])


def server(app: ASGIApp, limits: ServerSettings) -> uvicorn.Server:
    """A server of the application within the limits; it may run in any thread, with an event loop of its own."""
    _allow_files(limits.connections + _BACKLOG + _OTHER_FILES)
    # Strangers make uvicorn warn of each bad request; what goes wrong here, our applications say themselves.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    clients = Clients(limits.connections, limits.client_connections, limits.proxy_networks)
    config = uvicorn.Config(
        app,
        http=functools.partial(LimitedProtocol, clients=clients, limits=limits),  # type: ignore[arg-type]
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(limits.proxy_networks),
        forwarded_allow_ips=_trusted(limits),
        backlog=_BACKLOG,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    made = uvicorn.Server(config)
    if state := getattr(app, "state", None):
        # Answers without an end, such as streams of events, ask this, so that they need not be cut off.
        state.stopping = lambda: made.should_exit
    return made


def is_local(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int, *, variables: str) -> socket.socket:
    """A socket that listens there. `variables` is what the names of the settings of host and port begin with.

    Raises:
        SettingsError: the port is taken, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise _cannot(host, port, variables, error) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _cannot(host, port, variables, error) from None
    return listening


@contextlib.contextmanager
def _surviving_sigterm() -> Iterator[None]:
    """uvicorn stops at SIGTERM and then raises the signal again, which would end us before we have cleaned up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _cannot(host: str, port: int, variables: str, error: Exception) -> SettingsError:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return SettingsError(f"Port {port} on {host} is taken; stop what uses it, or set {variables}PORT to another.")
    if number == errno.EACCES:
        return SettingsError(f"Port {port} needs more rights than you have; set {variables}PORT above 1023.")
    return SettingsError(f"{variables}HOST is {host}, where this machine cannot listen ({error}).")


def _trusted(limits: ServerSettings) -> list[str]:
    """The trusted proxies as uvicorn takes them; IPv4 ones also as they appear on a socket that takes both kinds."""
    found = []
    for network in limits.proxy_networks:
        found.append(str(network))
        if isinstance(network, ipaddress.IPv4Network):
            found.append(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
    return found


def _allow_files(wanted: int) -> None:
    """Raises this process's own limit of open files where the system allows more: a connection is a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
            )
