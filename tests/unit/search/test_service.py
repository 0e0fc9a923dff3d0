"""Where the service is found."""

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


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("127.0.0.1", "http://127.0.0.1:8765"),
        ("::1", "http://[::1]:8765"),
        ("0.0.0.0", "http://127.0.0.1:8765"),
        ("::", "http://[::1]:8765"),
        ("search.example", "http://search.example:8765"),
    ],
)
def test_its_address_is_one_for_browsers(host: str, where: str) -> None:
    assert Settings(search=SearchSettings(host=host)).search_url == where
