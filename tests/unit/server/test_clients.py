"""Limits of connections: who gets in, and who makes room."""

import ipaddress

import pytest

from pipeline.server.clients import Clients, client_of


class Line:
    """A connection that notes that it was dropped."""

    def __init__(self) -> None:
        self.dropped = False

    def drop(self) -> None:
        self.dropped = True


def opened(clients: Clients, address: str, count: int, *, waits: bool = True) -> list[Line]:
    lines = []
    for _ in range(count):
        lines.append(Line())
        assert clients.admit(lines[-1], address)
        if waits:
            clients.waits(lines[-1])
    return lines


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "unknown"),
        ("", "unknown"),
        ("x" * 9000, "unknown"),
    ],
)
def test_clients_are_counted_by_address(address: str | None, name: str) -> None:
    assert client_of(address) == name


def test_a_full_client_drops_its_own_longest_waiting() -> None:
    clients = Clients(100, 3)
    first, *rest = opened(clients, "192.0.2.7", 3)
    other = opened(clients, "192.0.2.8", 3)
    new = opened(clients, "192.0.2.7", 1)
    assert first.dropped
    assert not any(line.dropped for line in [*rest, *other, *new])
    assert len(clients) == 6


def test_what_began_to_wait_again_is_dropped_last() -> None:
    clients = Clients(100, 2)
    first, second = opened(clients, "192.0.2.7", 2)
    clients.works(first)
    clients.waits(first)
    opened(clients, "192.0.2.7", 1)
    assert (first.dropped, second.dropped) == (False, True)


def test_a_request_being_answered_is_never_dropped() -> None:
    clients = Clients(3, 2)
    opened(clients, "192.0.2.7", 2, waits=False)
    assert not clients.admit(Line(), "192.0.2.7")
    opened(clients, "192.0.2.8", 1, waits=False)
    assert not clients.admit(Line(), "192.0.2.9")
    assert len(clients) == 3


def test_a_full_service_drops_of_the_busiest_client() -> None:
    clients = Clients(5, 0)
    quiet = opened(clients, "192.0.2.8", 1)
    busy = opened(clients, "192.0.2.7", 4)
    opened(clients, "192.0.2.9", 1)
    assert [line.dropped for line in quiet + busy] == [False, True, False, False, False]


def test_what_is_gone_leaves_its_place() -> None:
    clients = Clients(2, 2)
    lines = opened(clients, "192.0.2.7", 2)
    for line in lines:
        clients.gone(line)
        clients.gone(line)
        clients.waits(line)
        clients.works(line)
    assert len(clients) == 0
    assert not any(line.dropped for line in lines)
    opened(clients, "192.0.2.7", 2)


@pytest.mark.parametrize("proxy", ["10.1.0.9", "::ffff:10.1.0.9"])
def test_a_trusted_proxy_has_no_limit_of_its_own(proxy: str) -> None:
    clients = Clients(50, 2, [ipaddress.ip_network("10.1.0.0/24")])
    assert not any(line.dropped for line in opened(clients, proxy, 40, waits=False))
    opened(clients, "10.2.0.9", 2, waits=False)
    assert not clients.admit(Line(), "10.2.0.9")
