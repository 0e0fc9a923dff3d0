import asyncio
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.web.client import Client, check_url
from pipeline.errors import SourceError
from pipeline.settings import ConnectorSettings
from pipeline.web_addresses import AddressRefused, SafeBackend, refusal, resolve
from tests.fixtures.simulator.server import Answer, Server
from tests.unit.connectors.outside import outside

pytestmark = pytest.mark.anyio

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
    "compatible public, out of use": "::8.8.8.8",
    "translated loopback": "::ffff:0:127.0.0.1",
    "translated metadata": "::ffff:0:a9fe:a9fe",
    "translated public, out of use": "::ffff:0:8.8.8.8",
    "mapped with a zone": "::ffff:8.8.8.8%eth0",
    "public with a zone": "2606:4700::6810:84e5%1",
    "IPv4 with a zone": "8.8.8.8%eth0",
    "shared by carriers, the end": "100.127.255.255",
    "benchmarks, the end": "198.19.255.255",
    "reserved, the end": "255.255.255.254",
    "IPv6 that nobody was given": "4000::1",
    "IPv6 of the first eighth": "1::1",
    "local NAT64 of public": "64:ff9b:1::8.8.8.8",
    "NAT64 of metadata on a public address": "64:ff9b::a83f:8110",
    "6to4 of loopback": "2002:7f00:1::",
    "benchmarks of IPv6": "2001:2::1",
    "NAT64 of loopback": "64:ff9b::7f00:1",
    "NAT64 of metadata": "64:ff9b::169.254.169.254",
    "local NAT64": "64:ff9b:1::10.0.0.1",
    "local NAT64 with a private address in its middle": "64:ff9b:1:a00:1::8.8.8.8",
    "6to4 of private": "2002:0a00:0001::1",
    "6to4 of metadata": "2002:a9fe:a9fe::1",
    "6to4 relays": "192.88.99.1",
    "Teredo of private": "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "Teredo of public": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "ISATAP of private": "2606:4700::5efe:10.0.0.1",
    "ISATAP of public, link-local": "fe80::5efe:8.8.8.8",
    "mapped private": "::ffff:10.0.0.1",
    "mapped metadata on a public address": "::ffff:168.63.129.16",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.9",
    "IPv6 documentation 2": "3fff::1",
    "IPv6 segment routing": "5f00::1",
    "ORCHID": "2001:20::1",
    "metadata over IPv6": "fd20:ce::254",
    "no address at all": "news.test",
}
WRITTEN_OTHERWISE = ["2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "0177.0.0.1", "[::1]", "localhost"]


@pytest.mark.parametrize("address", REFUSED.values(), ids=REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700::6810:84e5", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
     "2606:4700::5efe:8.8.8.8"],
)  # fmt: skip
def test_a_public_address_is_allowed(address: str) -> None:
    assert refusal(address) is None


EMBEDDED = {
    "mapped": lambda ip: f"::ffff:{ip}",
    "translated": lambda ip: f"::ffff:0:{ip}",
    "compatible": lambda ip: f"::{ip}",
    "NAT64": lambda ip: f"64:ff9b::{ip}",
    "local NAT64": lambda ip: f"64:ff9b:1::{ip}",
    "6to4": lambda ip: f"2002:{int(ip) >> 16:x}:{int(ip) & 0xFFFF:x}::1",
    "ISATAP": lambda ip: f"2606:4700::5efe:{ip}",
    "ISATAP, of an address of one's own": lambda ip: f"2606:4700::200:5efe:{ip}",
    "Teredo server": lambda ip: f"2001:0:{int(ip) >> 16:x}:{int(ip) & 0xFFFF:x}::1",
    "Teredo client": lambda ip: f"2001::{~int(ip) >> 16 & 0xFFFF:x}:{~int(ip) & 0xFFFF:x}",
}
PRIVATE = st.one_of(
    *(st.ip_addresses(v=4, network=network) for network in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
      "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "0.0.0.0/8"))
)  # fmt: skip


@pytest.mark.parametrize("embed", EMBEDDED.values(), ids=EMBEDDED)
@given(PRIVATE)
def test_no_form_of_ipv6_leads_to_a_private_address(embed: Callable[[IPv4Address], str], ip: IPv4Address) -> None:
    assert refusal(embed(ip)) == "is not a public address"


@given(st.text(max_size=40) | st.ip_addresses().map(str).map(lambda ip: f"{ip}%x"))
def test_what_is_no_address_is_refused(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        assert refusal(text)
    else:
        refusal(text)


@pytest.mark.parametrize("address", [one for one in REFUSED.values() if "%" not in one and one != "news.test"])
async def test_a_dns_answer_that_changes_after_a_good_one_is_refused(address: str) -> None:
    """Rebinding: robots.txt is had from a public address; then the same name leads to a refused one."""
    answers = iter([["93.184.216.34"], [address]])
    closing = {"Connection": "close"}
    async with outside(lambda _: Answer(404, headers=closing), lambda _: next(answers)) as (
        server,
        client,
        backend,
    ):
        with pytest.raises(AddressRefused, match="not a public address"):
            await client.get("http://news.test/story")
        assert [request.path for request in server.requests] == ["/robots.txt"]
        assert backend.connected == ["93.184.216.34"]
    assert next(answers, None) is None  # the name was looked up for each connection, and no more often


async def test_the_connection_resolves_no_name_a_second_time() -> None:
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

    assert await work() == ["news.test"]


async def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        await SafeBackend(allow_private=False, resolver=resolver).connect_tcp("news.test", 80, timeout=1)


@pytest.mark.parametrize("host", WRITTEN_OTHERWISE)
async def test_other_spellings_of_loopback_are_refused_by_the_client(host: str) -> None:
    async with Server(lambda _: Answer(body="secret")) as server:
        async with Client(ConnectorSettings(obey_robots=False, timeout=2)) as client:
            with pytest.raises(SourceError, match=r"not a public address|no address that can be read"):
                await client.get(f"http://{host}:{server.port}/")
        assert server.requests == []


PLACES = ["metadata.test", "169.254.169.254", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", "2130706433", "0x7f.1", "127.1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", PLACES)
async def test_a_redirect_into_the_private_network_is_refused(place: str, status: int) -> None:
    def resolve(host: str) -> list[str]:
        spelled = {"metadata.test": "169.254.169.254", "2130706433": "127.0.0.1", "0x7f.1": "127.0.0.1"}
        return [{"news.test": "93.184.216.34", "127.1": "127.0.0.1", **spelled}.get(host, host)]

    answer = Answer(status, headers={"location": f"http://{place}/latest/meta-data"})
    async with outside(lambda _: answer, resolve, obey_robots=False) as (server, client, _):
        with pytest.raises(AddressRefused):
            await client.get("http://news.test/")
        assert len(server.requests) == 1


async def test_a_robots_txt_into_the_private_network_is_refused() -> None:
    answer = Answer(302, headers={"location": "http://10.0.0.1/robots.txt"})
    addresses = {"news.test": "93.184.216.34"}
    async with outside(lambda _: answer, lambda host: [addresses.get(host, host)]) as (server, client, _):
        with pytest.raises(SourceError, match=r"robots\.txt cannot be asked"):
            await client.get("http://news.test/")
        assert len(server.requests) == 1


async def test_a_hub_in_the_private_network_is_refused() -> None:
    async with outside(lambda _: Answer(202), lambda _: ["192.168.1.1"]) as (server, client, _):
        with pytest.raises(AddressRefused):
            await client.post("http://hub.test/", {"hub.mode": "subscribe"})
        assert server.requests == []


async def test_private_addresses_may_be_allowed_by_setting() -> None:
    async def work() -> int:
        given = ConnectorSettings(allow_private_addresses=True, obey_robots=False)
        async with Server(lambda _: Answer(body="x")) as server, Client(given) as client:
            return (await client.get(server.url(host="127.0.0.1"))).status

    assert await work() == 200


async def test_a_host_without_addresses_is_an_error_of_connection() -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(httpcore.ConnectError, match=r"no host news\.test"):
        await SafeBackend(allow_private=False, resolver=nowhere).connect_tcp("news.test", 80, timeout=1)


async def test_a_resolver_that_hangs_is_given_up() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(httpcore.ConnectTimeout):
        await SafeBackend(allow_private=False, resolver=never).connect_tcp("news.test", 80, timeout=0.05)


async def test_socket_files_are_refused() -> None:
    with pytest.raises(AddressRefused):
        await SafeBackend(allow_private=True).connect_unix_socket("/var/run/docker.sock")


async def test_the_systems_resolver_gives_addresses() -> None:
    assert await resolve("127.0.0.1", 80) == ["127.0.0.1"]


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://news.test/", "gopher://news.test/", "javascript:alert(1)", "//news.test/",
     "news.test",
     "http://", "http:///x", "http://user:word@news.test/", "http://news.test:99999/", "http://[::1", "data:,x", ""],
)  # fmt: skip
def test_only_plain_web_addresses_are_asked_for(url: str) -> None:
    with pytest.raises(SourceError):
        check_url(url)
