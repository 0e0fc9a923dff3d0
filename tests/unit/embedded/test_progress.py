import io
import time

import pytest
from rich.console import Console
from rich.text import Text

from pipeline.embedded.progress import TransferProgress, megabytes


def console(*, terminal: bool, width: int = 100) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width)


def test_a_terminal_gets_a_bar_with_size_and_speed_and_no_lines() -> None:
    lines: list[str] = []
    screen = console(terminal=True)
    with TransferProgress("Fetching Kafka", 2_000_000, 500_000, lines.append, screen) as bar:
        bar.advance(500_000)
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    assert "Fetching Kafka" in shown
    assert "1.0/2.0 MB" in shown
    assert lines == []


@pytest.mark.parametrize("width", [60, 80])
def test_a_terminal_of_usual_width_shows_every_number(width: int) -> None:
    screen = console(terminal=True, width=width)
    with TransferProgress("Fetching Kafka 4.3.1 and Elasticsearch 8.19.8", 143_400_000, 0, print, screen) as bar:
        bar.advance(113_200_000)
    assert isinstance(screen.file, io.StringIO)
    shown = Text.from_ansi(screen.file.getvalue()).plain
    assert "113.2/143.4 MB" in shown
    assert "…/" not in shown
    assert "\n  " not in shown, "a row is one line"


def test_elsewhere_plain_lines_say_size_share_speed_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    lines: list[str] = []
    with TransferProgress("Fetching Kafka", 100_000_000, 0, lines.append, console(terminal=False)) as bar:
        for _ in range(4):
            now[0] += 2
            bar.advance(10_000_000)
        now[0] += 2
        bar.advance(60_000_000)
    assert lines == [
        "Fetching Kafka (100.0 MB) …",
        "  30 % of 100.0 MB, 5.0 MB/s, 14 s left".replace("30 %", "30%"),
        "Fetching Kafka: done in 10 s.",
    ]


def test_what_an_earlier_try_has_left_is_said() -> None:
    lines: list[str] = []
    with TransferProgress("Fetching Kafka", 100_000_000, 40_000_000, lines.append, console(terminal=False)):
        pass
    assert lines[0] == "Fetching Kafka (100.0 MB, 40.0 MB of it are here already) …"


def test_a_failed_transfer_is_not_called_done() -> None:
    lines: list[str] = []
    with pytest.raises(OSError), TransferProgress("Fetching", 10, 0, lines.append, console(terminal=False)):
        raise OSError
    assert lines == ["Fetching (0.0 MB) …"]


def test_bytes_are_told_in_the_unit_that_fits() -> None:
    assert (megabytes(98_379_909), megabytes(1_500_000_000)) == ("98.4 MB", "1.5 GB")
