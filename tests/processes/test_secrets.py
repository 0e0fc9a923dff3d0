"""No command prints a secret: not when all is well, not when nothing answers, not with its trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.main import main

LICENSE = str(Path(__file__).parents[2] / "LICENSE")  # a text that could be an article
MARKERS = {
    "WHOSAID_KAFKA__PASSWORD": "marker-kafka-8d1c",
    "WHOSAID_ELASTICSEARCH__PASSWORD": "marker-elastic-22f0",
    "WHOSAID_CONNECTORS__PUSH_TOKEN": "marker-token-b7e4",
    "WHOSAID_CONNECTORS__PUSH_SECRET": "marker-secret-90aa",
}
NOWHERE = {
    "WHOSAID_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "WHOSAID_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "WHOSAID_KAFKA__SASL_MECHANISM": "PLAIN",
    "WHOSAID_KAFKA__USERNAME": "ana",
    "WHOSAID_KAFKA__REQUEST_TIMEOUT": "1",
    "WHOSAID_ELASTICSEARCH__URL": "http://bob:marker-address-41cd@127.0.0.1:9",
    "WHOSAID_ELASTICSEARCH__USERNAME": "ana",
    "WHOSAID_ELASTICSEARCH__REQUEST_TIMEOUT": "1",
    "WHOSAID_LOG_LEVEL": "debug",
}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in this environment; it must end by itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHOSAID_")}
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", *arguments],
        env=kept | environment | {"COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        ("enrich",),
        ("sink",),
        ("connect", "--once"),
        ("ingest", LICENSE),
        ("search", "bridge"),
        ("status",),
        ("source", "list"),
        ("serve",),
    ],
    ids=" ".join,
)
def test_what_fails_shows_no_secret_even_with_its_trace(command: tuple[str, ...]) -> None:
    # The service starts without engines: an address that is not ours stops it.
    done = run(MARKERS | NOWHERE | {"WHOSAID_SEARCH__HOST": "192.0.2.1"}, *command, "--verbose")
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert said
    assert "marker-" not in said


@pytest.mark.parametrize("command", [("settings",), ("settings", "--json")], ids=" ".join)
def test_settings_show_stars_for_secrets(command: tuple[str, ...]) -> None:
    done = run(MARKERS | NOWHERE, *command)
    assert done.returncode == 0, done.stderr
    assert "marker-" not in done.stdout + done.stderr
    assert done.stdout.count("********") >= len(MARKERS) + 1
    assert "http://bob:********@127.0.0.1:9" in done.stdout


class TestLoginInAnAddress:
    """A password is not shown, whatever characters it has, and however the command ends."""

    PASSWORDS = (
        "marker-1@x",
        "marker-1/x",
        "marker-1?x",
        "marker-1#x",
        "marker-1%40x",
        "mark-ä:marker-1",
        "marker-1,x",
    )

    @pytest.mark.parametrize("password", PASSWORDS)
    @pytest.mark.parametrize("variable", ["KAFKA__BOOTSTRAP_SERVERS", "ELASTICSEARCH__URL", "EMBEDDED__REPOSITORY"])
    def test_settings(self, variable: str, password: str, capsys: pytest.CaptureFixture[str]) -> None:
        scheme = "" if variable.startswith("KAFKA") else "http://"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(f"WHOSAID_{variable}", f"{scheme}ana:{password}@127.0.0.1:9")
            code = main(["settings", "--json", "--verbose"])
        said = "".join(capsys.readouterr())
        assert "marker-1" not in said
        assert ("********@127.0.0.1:9" if code == 0 else f"WHOSAID_{variable} has a bad value") in said

    def test_source(self, capsys: pytest.CaptureFixture[str]) -> None:
        for password in self.PASSWORDS:
            assert main(["source", "test", f"http://ana:{password}@127.0.0.1:9/feed", "--verbose"]) != 0
            assert main(["source", "test", f"ftp://ana:{password}@127.0.0.1:9/feed", "--kind", "feed"]) != 0
        said = "".join(capsys.readouterr())
        assert "127.0.0.1" in said
        assert "marker-1" not in said

    def test_kafka_of_a_source(self, capsys: pytest.CaptureFixture[str]) -> None:
        option = "bootstrap_servers=ana:marker-1@127.0.0.1:9"
        assert main(["source", "test", "their-topic", "--kind", "kafka", "--option", option]) == 2
        said = "".join(capsys.readouterr())
        assert "bootstrap_servers has a login in it" in said.replace("\n", " ")
        assert "marker-1" not in said


@pytest.mark.parametrize("variable", MARKERS)
def test_a_secret_of_the_wrong_kind_is_not_repeated(variable: str, tmp_path: Path) -> None:
    """Also where the value cannot be used: a file that is no text, a value beside its file."""
    file = tmp_path / "secret"
    file.write_bytes(b"marker-\xff\xfe")
    done = run({f"{variable}_FILE": str(file)}, "settings", "--verbose")
    assert done.returncode == 2
    assert variable in done.stderr
    assert "marker-" not in done.stdout + done.stderr
    file.write_text("marker-file")
    done = run({f"{variable}_FILE": str(file), variable: MARKERS[variable]}, "settings", "--verbose")
    assert done.returncode == 2
    assert "both set" in done.stderr
    assert "marker-" not in done.stdout + done.stderr
