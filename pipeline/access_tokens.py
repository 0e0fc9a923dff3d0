"""Makes and checks the tokens of the search service and the push endpoint. Only their hashes are kept.

A tokens file has one token a line, `NAME SCOPES HASH`; lines that begin with # are comments:

    # made 2026-03-14 for the newsroom's dashboard
    dashboard read 5f2d…

A token is 256 random bits, so one SHA-256 hides it: there is nothing to guess that a slow hash would protect. Clients
send it as `Authorization: Bearer …`; a browser asks for it as the password of any user name.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipeline.errors import InputError, SettingsError

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")


class Scope(StrEnum):
    """What a token allows: to search, to hand in articles, to see metrics, or everything."""

    READ = "read"
    PUSH = "push"
    METRICS = "metrics"
    ADMIN = "admin"


@dataclass(frozen=True)
class Grant:
    """Who a token belongs to, and what it allows."""

    name: str
    scopes: frozenset[Scope]

    def allows(self, scope: Scope) -> bool:
        """Whether the scope, or every scope, was given."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def create(name: str, scopes: Collection[Scope] = (Scope.READ,)) -> tuple[str, str]:
    """A new token, to be handed to its owner and kept nowhere, and its line for the tokens file.

    Raises:
        InputError: the name cannot stand in the file, or there is no scope.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"A token's name is 1 to 64 letters, digits and . _ @ -; {name[:80]!r} is not.")
    if not scopes:
        raise InputError("A token without a scope is good for nothing; give it read, push, metrics or admin.")
    token = secrets.token_urlsafe(32)
    return token, f"{name} {','.join(sorted(scopes))} {_hash(token)}"


class Tokens:
    """The tokens of a file. It is read again when it changes, so that a token can be withdrawn without a restart."""

    def __init__(self, path: Path, variable: str = "WHOSAID_SEARCH__TOKENS_FILE") -> None:
        """Reads the file; `variable` is the setting that names it, for errors.

        Raises:
            SettingsError: it cannot be read, is not of this form, or has no token.
        """
        self._path = path
        self._variable = variable
        self._lock = threading.Lock()
        self._stamp, self._grants = self._read()

    def find(self, token: str) -> Grant | None:
        """The token's grant. Takes as long for a wrong token as for a right one.

        Raises:
            SettingsError: the file has changed and cannot be used any more; nobody gets in until it can.
        """
        with self._lock:
            if self._stamp_now() != self._stamp:
                self._stamp, self._grants = self._read()
            grants = self._grants
        digest, owner = _hash(token), None
        for known, grant in grants.items():
            if hmac.compare_digest(known, digest):
                owner = grant
        return owner

    def _read(self) -> tuple[tuple[int, int], dict[str, Grant]]:
        stamp = self._stamp_now()
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(error) from None
        grants: dict[str, Grant] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip() and not line.lstrip().startswith("#"):
                digest, grant = self._parse(line.split(), f"line {number} of {self._path}")
                grants[digest] = grant
        if not grants:
            raise SettingsError(
                f"{self._variable} names a file without any token: {self._path}; `whosaid token` makes one."
            )
        return stamp, grants

    def _parse(self, fields: list[str], where: str) -> tuple[str, Grant]:
        try:
            name, scopes, digest = fields
            granted = frozenset(Scope(scope) for scope in scopes.split(","))
        except ValueError:
            name, granted, digest = "", frozenset(), ""
        if not (_NAME.fullmatch(name) and _HASH.fullmatch(digest)):
            raise SettingsError(
                f"{self._variable}: {where} is not of the form NAME SCOPES HASH; `whosaid token` writes one."
            )
        return digest, Grant(name, granted)

    def _stamp_now(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except OSError as error:
            raise self._unreadable(error) from None
        return status.st_mtime_ns, status.st_size

    def _unreadable(self, error: Exception) -> SettingsError:
        return SettingsError(f"{self._variable} names a file that cannot be read: {self._path} ({error}).")


def presented(authorization: str | None) -> str | None:
    """The token of an Authorization header: a bearer's, or the password of a browser's login."""
    kind, _, value = (authorization or "").partition(" ")
    value = value.strip()
    if kind.lower() == "bearer":
        return value or None
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
