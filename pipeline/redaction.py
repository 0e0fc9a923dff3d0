"""Hides the logins in addresses: `https://ana:secret@host` → `https://ana:********@host`.

In an address that follows the standard, a login ends at the last `@` before the first `/`, `?` or `#`. People also
write passwords as they are, with any of these characters in them. So wherever a login may have begun, it is taken to
end at the last `@` of the address: rather a part of a path is hidden than a part of a password shown.
"""

import re
from urllib.parse import unquote

STARS = "********"
"""What stands in place of a secret."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NEXT = re.compile(r"(,\s*)(?=[A-Za-z][A-Za-z0-9+.-]*://)")  # between two addresses of a list
_AUTHORITY_END = re.compile(r"[/?#]|$")
_WORD = re.compile(r"\S+")


def in_addresses(value: str) -> str:
    """An address or several with commas, as settings and options have them, with stars for the passwords.

    Also `ana:secret@kafka:9092`, an address without a scheme.
    """
    return "".join(_hide(part, _start(part)) for part in _NEXT.split(value))


def in_text(text: str) -> str:
    """Any text, such as a line of a log or a trace, with stars for the passwords of the web addresses in it.

    An address ends at white space here, and one without a scheme is not seen.
    """
    return _WORD.sub(lambda word: _in_word(word.group()), text) if "://" in text and "@" in text else text


def logins(value: str) -> list[tuple[str, str]]:
    """The users and passwords in an address or several, as written and as sent to the server; a lone token is both."""
    pairs: list[tuple[str, str]] = []
    for address in _NEXT.split(value):
        start = _start(address)
        authority = address[start : _authority_end(address, start)]
        for login in (address[start : _login_end(address, start)], authority.rpartition("@")[0]):
            user, colon, password = login.partition(":")
            if login:
                pairs += [(user, password if colon else user), (unquote(user), unquote(password if colon else user))]
    return [pair for pair in dict.fromkeys(pairs) if pair[1]]


def _in_word(word: str) -> str:
    at = word.find("://")
    if at < 0 or "@" not in word:
        return word
    first, *others = _NEXT.split(word)
    return _hide(first, at + 3 if at < len(first) else 0) + "".join(_hide(part, _start(part)) for part in others)


def _hide(address: str, start: int) -> str:
    end = _login_end(address, start)
    if end <= start:
        return address
    user, colon, _ = address[start:end].partition(":")
    return f"{address[:start]}{user + colon if colon else ''}{STARS}{address[end:]}"


def _start(address: str) -> int:
    """Where the login of an address would begin."""
    scheme = _SCHEME.match(address)
    return scheme.end() if scheme else 0


def _login_end(address: str, start: int) -> int:
    """Where the login ends that begins at `start`; `start` where there is none."""
    end = -1 if address.startswith("/") else address.rfind("@", start)  # a path on this machine has none
    authority = address[start : _authority_end(address, start)]
    # https://site.example/@name: a path, as nothing before it could be the beginning of a login.
    return end if end >= 0 and (start == 0 or "@" in authority or ":" in authority) else start


def _authority_end(address: str, start: int) -> int:
    end = _AUTHORITY_END.search(address, start)
    return end.start() if end else len(address)
