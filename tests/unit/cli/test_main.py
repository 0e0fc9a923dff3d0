"""The command: one sentence and an exit code for each error, nothing but output on standard output."""

import json
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.cli.main import app, main
from pipeline.settings import variables

SENTENCE = "“It works,” Ada Byrne told reporters."


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert "ingest" in capsys.readouterr().out


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    names = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
    names += [str(one.name) for one in app.registered_groups]
    assert {"up", "status", "ingest", "search", "extract", "article", "version", "settings"} <= set(names)
    for name in names:
        assert main([name, "--help"]) == 0
        assert "Usage: whosaid" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["fly"], ["extract", "--wings"], ["search", "--size", "many"]])
def test_a_bad_command_line_is_one_sentence_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("whosaid: ")
    assert "Traceback" not in captured.err


def test_an_unknown_setting_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHOSAID_KAFKA__SPEED", "9")
    for command in (["status"], ["extract", "-"], ["up"], ["enrich"], ["settings"]):
        assert main(command) == 2
        assert "WHOSAID_KAFKA__SPEED is not a setting" in capsys.readouterr().err


def test_a_missing_file_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", "no-such-file.txt"]) == 2
    assert "no-such-file.txt cannot be read: No such file or directory." in capsys.readouterr().err


@pytest.mark.parametrize("command", ["extract", "ingest"])
@pytest.mark.parametrize("name", ["x.txt", "x.png", "x"])
def test_a_file_that_is_no_text_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff\xfe")
    assert main([command, str(tmp_path / name)]) == 2
    err = capsys.readouterr().err
    assert f"{name} is a picture; articles are read from txt" in err or f"{name} is of a kind that is not read" in err


@pytest.mark.parametrize("command", ["extract", "ingest"])
def test_a_file_of_the_system_is_refused(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "/etc/passwd"]) == 2
    assert "/etc/passwd is a file of the system; articles are read from txt" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["extract", "--published", "March"], ["ingest", "x", "--published", "1/2"]],
)
def test_a_bad_date_is_one_sentence_with_an_example(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "must be a date like 2025-03-12" in capsys.readouterr().err.replace("\n", " ")


def test_an_unexpected_error_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("the moon is gone")

    monkeypatch.setattr("pipeline.cli.settings.load", broken)
    assert main(["settings"]) == 1
    err = capsys.readouterr().err
    assert "whosaid: unexpected error (RuntimeError: the moon is gone)" in err
    assert "Traceback" not in err
    assert main(["settings", "--verbose"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_settings_shows_value_purpose_and_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHOSAID_KAFKA__PARTITIONS", "7")
    assert main(["settings"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "WHOSAID_KAFKA__PARTITIONS = 7 (environment) Partitions of a topic that has to be made. Default: 4 " in shown


def test_h_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["-h"], ["article", "-h"], ["dlq", "list", "-h"]):
        assert main(command) == 0
        assert capsys.readouterr().out.startswith("Usage: whosaid")


@pytest.mark.parametrize("group", [[], ["alert"], ["article"], ["dlq"], ["entity"], ["kb"], ["source"]])
def test_help_tells_of_each_command_in_a_whole_sentence(group: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*group, "--help"]) == 0
    told = capsys.readouterr().out.partition("Commands:\n")[2]
    assert told.strip()
    assert "..." not in told
    assert max(map(len, told.splitlines())) <= 80


def test_a_shell_can_complete_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in {"_WHOSAID_COMPLETE": "complete_bash", "COMP_WORDS": "whosaid se", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main([])
    assert capsys.readouterr().out.split() == ["search", "serve", "settings"]


def test_settings_lists_every_variable_and_hides_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHOSAID_KAFKA__PASSWORD", "hunter2")
    monkeypatch.setenv("WHOSAID_KAFKA__PARTITIONS", "7")
    assert main(["settings", "--json"]) == 0
    out = capsys.readouterr().out
    rows = {row["variable"]: row for row in json.loads(out)}
    assert list(rows) == [variable for variable, _ in variables()]
    assert (
        rows["WHOSAID_KAFKA__PARTITIONS"] | {"value": "7", "default": "4", "set": True}
        == rows["WHOSAID_KAFKA__PARTITIONS"]
    )
    assert rows["WHOSAID_KAFKA__PASSWORD"]["set"] is True
    assert "hunter2" not in out


def test_version_names_what_it_stands_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("whosaid ")
    assert "spacy 3.8" in out


@pytest.mark.usefixtures("one_model")
def test_extract_prints_a_table_of_who_said_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(SENTENCE, encoding="utf-8")
    assert main(["extract", str(tmp_path / "a.txt")]) == 0
    out = capsys.readouterr().out
    assert "Ada Byrne" in out
    assert "It works" in out


def test_a_broken_pipe_elsewhere_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("pipeline.cli.settings.load", broken)
    assert main(["settings"]) == 1
    assert "Broken pipe" in capsys.readouterr().err


def test_each_command_has_the_file_of_its_name() -> None:
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    names |= {str(group.name) for group in app.registered_groups}
    assert {name for name in names if not (Path(cli.__file__).parent / f"{name}.py").exists()} == set()


@pytest.mark.parametrize("command", ["add", "test"])
def test_a_source_that_is_nowhere_is_refused(command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["source", command, str(tmp_path / "nowhere")]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "nowhere is neither an http(s) address nor a file or folder that is there; with --kind file" in told
