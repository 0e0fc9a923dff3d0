"""Ports for the tests' engines and services: none is given twice, though nothing listens on the first one yet."""

from itertools import pairwise

from tests.engines import free_ports, free_ports_in_a_row


def test_no_port_is_given_twice() -> None:
    rows = [free_ports_in_a_row(6) for _ in range(40)]
    assert all(behind == before + 1 for row in rows for before, behind in pairwise(row))
    some = [*free_ports(100), *(port for row in rows for port in row), *free_ports(100)]
    assert len(set(some)) == len(some)
