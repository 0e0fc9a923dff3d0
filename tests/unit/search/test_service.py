"""Where the service listens, and what it says when it cannot."""

import socket

import pytest

from pipeline.errors import SettingsError
from pipeline.search import service
from pipeline.settings import SearchSettings, Settings


def test_a_taken_port_is_told_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} on 127.0.0.1 is taken; .*WHOSAID_SEARCH__PORT"):
            service.run(Settings(search=SearchSettings(port=port)))


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_told(host: str) -> None:
    with pytest.raises(SettingsError, match=f"WHOSAID_SEARCH__HOST is {host}"):
        service.listen(host, 0)


def test_it_listens_on_either_kind_of_address() -> None:
    with service.listen("localhost", 0) as listening:
        assert listening.getsockname()[1]


@pytest.mark.parametrize(("host", "where"), [("127.0.0.1", "http://127.0.0.1:8765/"), ("::1", "http://[::1]:8765/")])
def test_its_address_is_one_for_browsers(host: str, where: str) -> None:
    assert service.address(Settings(search=SearchSettings(host=host))) == where
