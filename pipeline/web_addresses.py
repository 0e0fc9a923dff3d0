"""Allows connections to public addresses alone, which protects the own network from requests (SSRF).

The name is resolved once, and the connection goes to the very address that was checked, so that a DNS answer that
changes in between (DNS rebinding) has no effect.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable

import httpcore

from pipeline.errors import SourceError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Resolves a host to its addresses; raises OSError where it has none."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL = ipaddress.IPv6Network("2000::/3")  # all public addresses that are assigned so far
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # precede an IPv4 address in ISATAP addresses
_LOW = 0xFFFF_FFFF
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",  # the last: metadata of one cloud, on a public address
        "2001::/23", "2001:db8::/32", "3fff::/20",
    )
)  # fmt: skip


class AddressRefused(SourceError):
    """A host has an address that we must not connect to."""


def refusal(address: str) -> str | None:
    """Why connections to this address are refused; None where they are allowed.

    An IPv4 address within an IPv6 one is checked as such where the connection goes to it: mapped (`::ffff:a.b.c.d`),
    NAT64, 6to4 and ISATAP. Of all other IPv6 addresses only the public ones (2000::/3) are allowed. So those that lead
    to an IPv4 address in an obsolete way are all refused: compatible (`::a.b.c.d`), translated (`::ffff:0:a.b.c.d`),
    NAT64 with a local prefix (64:ff9b:1::/48), and Teredo.
    """
    if "%" in address:  # a zone: only local addresses have one
        return "is not a public address"
    try:
        ip: Address = ipaddress.ip_address(address)
    except ValueError:
        return "is no address"
    if isinstance(ip, ipaddress.IPv6Address):
        if (inner := _embedded(ip)) is not None:
            return refusal(str(inner))
        if (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP and (reason := refusal(str(ipaddress.IPv4Address(int(ip) & _LOW)))):
            return reason
        if ip not in _GLOBAL:
            return "is not a public address"
    if any(ip.version == network.version and ip in network for network in _REFUSED) or not ip.is_global:
        return "is not a public address"
    return None


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that the connection goes to; None where there is none."""
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & _LOW)
    return None


async def resolve(host: str, port: int) -> list[str]:
    """Resolves a host by the system's resolver, which also reads 2130706433 and 0x7f.1 as addresses."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class SafeBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to public addresses alone, or to any where private ones are allowed.

    `setting` is the variable that allows private ones, for the sentence of a refusal.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        resolver: Resolver = resolve,
        setting: str = "WHOSAID_CONNECTORS__ALLOW_PRIVATE_ADDRESSES",
    ) -> None:
        self._allow_private = allow_private
        self._resolver = resolver
        self._setting = setting
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connects to the first of the host's addresses that answers.

        Raises:
            AddressRefused: one of the addresses is refused; then no other is tried.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolver(host.strip("[]"), port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"the name {host} could not be looked up in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"there is no host {host}") from error
        if not self._allow_private:
            for address in addresses:
                if reason := refusal(address):
                    raise AddressRefused(f"{host} is at {address}, which {reason}; allow it with {self._setting}=true.")
        failure: Exception = httpcore.ConnectError(f"there is no host {host}")
        for address in addresses[:4]:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuses: no web address is a socket file."""
        raise AddressRefused(f"{path} is a socket file, not a web address.")

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)
