"""Tokens: hashed, scoped, and gone as soon as their line is."""

import base64
import os
from pathlib import Path

import pytest

from pipeline import access_tokens as auth
from pipeline.access_tokens import Scope, Tokens
from pipeline.errors import InputError, SettingsError


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_token_is_found_and_the_file_holds_only_its_hash(tmp_path: Path) -> None:
    token, line = auth.create("dashboard", [Scope.READ])
    grant = Tokens(write(tmp_path / "tokens", "# the newsroom's", "", line)).find(token)
    assert grant
    assert (grant.name, grant.scopes) == ("dashboard", frozenset({Scope.READ}))
    assert token not in line


def test_two_tokens_are_never_the_same() -> None:
    assert auth.create("a") != auth.create("a")


@pytest.mark.parametrize("wrong", ["", "x", "é", "\udcff"])
def test_another_token_is_not_found(tmp_path: Path, wrong: str) -> None:
    assert Tokens(write(tmp_path / "tokens", auth.create("a")[1])).find(wrong) is None


def test_the_hash_itself_opens_nothing(tmp_path: Path) -> None:
    _, line = auth.create("a")
    assert Tokens(write(tmp_path / "tokens", line)).find(line.split()[2]) is None


def test_scopes_allow_what_they_say_and_admin_allows_all(tmp_path: Path) -> None:
    (push, one), (admin, other) = auth.create("p", [Scope.PUSH]), auth.create("a", [Scope.ADMIN])
    tokens = Tokens(write(tmp_path / "tokens", one, other))
    pushing, administering = tokens.find(push), tokens.find(admin)
    assert pushing
    assert administering
    assert not pushing.allows(Scope.READ)
    assert all(administering.allows(scope) for scope in Scope)


def test_a_line_taken_away_shuts_its_token_out_without_a_restart(tmp_path: Path) -> None:
    (token, line), (_, other) = auth.create("a"), auth.create("b")
    tokens = Tokens(write(tmp_path / "tokens", line, other))
    assert tokens.find(token)
    write(tmp_path / "tokens", other)
    os.utime(tmp_path / "tokens", ns=(1, 1))
    assert tokens.find(token) is None


def test_nobody_gets_in_while_the_changed_file_cannot_be_read(tmp_path: Path) -> None:
    token, line = auth.create("a")
    tokens = Tokens(write(tmp_path / "tokens", line))
    (tmp_path / "tokens").unlink()
    with pytest.raises(SettingsError, match="TOKENS_FILE"):
        tokens.find(token)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "without any token"),
        (["# only a comment"], "without any token"),
        (["dashboard read"], "line 1"),
        (["# a", "dashboard write " + "0" * 64], "line 2"),
        (["dashboard read secret"], "NAME SCOPES HASH"),
    ],
)
def test_a_file_that_is_not_one_of_tokens_is_refused_by_line(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Tokens(write(tmp_path / "tokens", *lines))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nothing-here"):
        Tokens(tmp_path / "nothing-here")


@pytest.mark.parametrize("name", ["", "two words", "x" * 65, "a\nb"])
def test_a_name_that_cannot_stand_in_the_file_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="name"):
        auth.create(name)


def test_a_token_needs_a_scope() -> None:
    with pytest.raises(InputError, match="scope"):
        auth.create("a", [])


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        (basic("anybody:abc"), "abc"),
        (basic(":abc:d"), "abc:d"),
        (basic("nobody"), None),
        ("Basic !!!", None),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), None),
        ("Bearer ", None),
        ("Digest abc", None),
        (None, None),
    ],
)
def test_the_token_is_read_from_a_bearer_or_a_browsers_login(header: str | None, token: str | None) -> None:
    assert auth.presented(header) == token
