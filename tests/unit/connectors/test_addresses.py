import asyncio

import httpcore
import pytest

from connectors.addresses import AddressRefused, SafeBackend, refusal, resolve
from connectors.http import Client, check_url
from pipeline.errors import SourceError
from pipeline.settings import ConnectorSettings
from tests.fixtures.simulator.server import Answer, Server
from tests.unit.connectors.helpers import run

REFUSED = {
    "loopback": "127.0.0.1",
    "the rest of loopback": "127.255.3.9",
    "this host": "0.0.0.0",
    "this network": "0.1.2.3",
    "private 10": "10.1.2.3",
    "private 172.16": "172.31.255.254",
    "private 192.168": "192.168.1.1",
    "shared by carriers": "100.64.0.1",
    "link-local and metadata": "169.254.169.254",
    "metadata of containers": "169.254.170.2",
    "metadata on a public address": "168.63.129.16",
    "protocol assignments": "192.0.0.192",
    "documentation": "192.0.2.7",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "IPv6 unspecified": "::",
    "IPv6 loopback": "::1",
    "IPv6 unique local": "fd00:ec2::254",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with a zone": "fe80::1%eth0",
    "IPv6 site-local": "fec0::1",
    "IPv6 multicast": "ff02::1",
    "IPv6 documentation": "2001:db8::1",
    "IPv6 discard": "100::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped metadata": "::ffff:a9fe:a9fe",
    "compatible loopback": "::127.0.0.1",
    "NAT64 of loopback": "64:ff9b::7f00:1",
    "NAT64 of metadata": "64:ff9b::169.254.169.254",
    "local NAT64": "64:ff9b:1::10.0.0.1",
    "6to4 of private": "2002:0a00:0001::1",
    "Teredo of private": "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "no address at all": "news.test",
}
WRITTEN_OTHERWISE = ["2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "0177.0.0.1", "[::1]", "localhost"]


@pytest.mark.parametrize("address", REFUSED.values(), ids=REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::6810:84e5", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_allowed(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("address", [one for one in REFUSED.values() if "%" not in one and one != "news.test"])
def test_the_dns_answer_that_counts_is_the_one_connected_to(address: str) -> None:
    """A rebinding resolver: a public answer at first, a refused one for the connection."""
    answers = iter([["93.184.216.34"], [address]])
    asked = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    async def check_then_connect() -> None:
        assert refusal((await rebinding("news.test", 80))[0]) is None  # what a naive check would have seen
        backend = SafeBackend(allow_private=False, resolver=rebinding)
        with pytest.raises(AddressRefused, match="not a public address"):
            await backend.connect_tcp("news.test", 80, timeout=1)

    run(check_then_connect())
    assert len(asked) == 2  # the connection asked once, and went where it had looked


def test_the_name_is_never_resolved_a_second_time_by_the_connection() -> None:
    """The backend connects to the address it checked, so that a later answer is never used."""

    async def work() -> list[str]:
        seen: list[str] = []
        answers = iter([["127.0.0.1"], ["127.0.0.2"]])

        async def resolver(host: str, port: int) -> list[str]:
            seen.append(host)
            return next(answers)

        async with Server(lambda _: Answer()) as server:
            backend = SafeBackend(allow_private=True, resolver=resolver)
            stream = await backend.connect_tcp("news.test", server.port, timeout=1)
            peer = stream.get_extra_info("server_addr")
            await stream.aclose()
            assert peer[0] == "127.0.0.1"
        return seen

    assert run(work()) == ["news.test"]


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        run(SafeBackend(allow_private=False, resolver=resolver).connect_tcp("news.test", 80, timeout=1))


@pytest.mark.parametrize("host", WRITTEN_OTHERWISE)
def test_other_spellings_of_loopback_are_refused_by_the_client(host: str) -> None:
    async def work() -> None:
        async with Server(lambda _: Answer(body="secret")) as server:
            async with Client(ConnectorSettings(obey_robots=False, timeout=2)) as client:
                with pytest.raises(SourceError):
                    await client.get(f"http://{host}:{server.port}/")
            assert server.requests == []

    run(work())


def test_a_redirect_into_the_private_network_is_refused() -> None:
    """Public names resolve here for the test; only the redirect's target counts as private."""

    async def work() -> None:
        private: list[str] = []

        async def resolver(host: str, port: int) -> list[str]:
            if host == "metadata.test":
                private.append(host)
                raise AddressRefused("metadata.test is at 169.254.169.254, which is not a public address.")
            return ["127.0.0.1"]

        async with Server(lambda _: Answer(302, headers={"location": "http://metadata.test/latest"})) as server:
            given = ConnectorSettings(obey_robots=False, allow_private_addresses=True, host_interval=0)
            async with Client(given, resolver=resolver) as client:
                with pytest.raises(AddressRefused):
                    await client.get(server.url())
        assert private == ["metadata.test"]

    run(work())


def test_a_host_without_addresses_is_an_error_of_connection() -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(httpcore.ConnectError, match=r"no host news\.test"):
        run(SafeBackend(allow_private=False, resolver=nowhere).connect_tcp("news.test", 80, timeout=1))


def test_a_resolver_that_hangs_is_given_up() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(httpcore.ConnectTimeout):
        run(SafeBackend(allow_private=False, resolver=never).connect_tcp("news.test", 80, timeout=0.05))


def test_socket_files_are_refused() -> None:
    with pytest.raises(AddressRefused):
        run(SafeBackend(allow_private=True).connect_unix_socket("/var/run/docker.sock"))


def test_the_systems_resolver_gives_addresses() -> None:
    assert run(resolve("127.0.0.1", 80)) == ["127.0.0.1"]


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://news.test/", "gopher://news.test/", "javascript:alert(1)", "//news.test/",
     "news.test",
     "http://", "http:///x", "http://user:word@news.test/", "http://news.test:99999/", "http://[::1", "data:,x", ""],
)  # fmt: skip
def test_only_plain_web_addresses_are_asked_for(url: str) -> None:
    with pytest.raises(SourceError):
        check_url(url)
