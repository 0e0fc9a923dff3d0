"""Refuses files that hold no article: system files, programs, pictures, archives, keys."""

import re
import stat
from pathlib import Path

TAKEN = (
    "txt, html, json, jsonl, csv, tsv, NITF and saved feeds (xml), each also as .gz or .zst, and web archives (warc)"
)
"""What articles are read from."""

_SYSTEM = tuple(
    Path(folder)
    for folder in (
        "/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/private/etc", "/proc", "/sbin", "/sys", "/usr/bin",
        "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/sbin", "/Library", "/System",
    )
)  # fmt: skip
_MAGIC = (
    (b"\x7fELF", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\x00asm", "a program"),
    (b"!<arch>\n", "a library"),
    (b"#!", "a script"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF87a", "a picture"),
    (b"GIF89a", "a picture"),
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"{\\rtf", "an RTF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"PK\x05\x06", "a zip archive"),
    (b"Rar!\x1a", "an archive"),
    (b"7z\xbc\xaf\x27\x1c", "an archive"),
    (b"\xfd7zXZ\x00", "packed with xz"),
    (b"BZh", "packed with bzip2"),
    (b"\x1f\x8b\x08", "packed with gzip, which its name must say (.gz)"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd, which its name must say (.zst)"),
    (b"SQLite format 3\x00", "a database"),
    (b"ID3", "a sound"),
    (b"OggS", "a sound"),
    (b"fLaC", "a sound"),
    (b"-----BEGIN ", "a key or a certificate"),
)
_BINARY = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ufffd]")
_LOOKED_AT = 4000  # characters
_MOST_BINARY = 1 / 50
_SYSTEM_LINE = re.compile(r"[\w.+-]+:[^:\s]*:[^:\s]*(?::.*)?")  # root:x:0:0:root:/root:/bin/sh
_FEWEST_LINES = 3
_MOST_LINES = 0.9


def by_location(path: Path) -> str | None:
    """Why files at this location are refused, as the end of a sentence; None where they are read.

    Pipes are read wherever they are: `whosaid ingest <(…)` makes one in /dev.

    Raises:
        OSError: it does not exist, or may not be read.
    """
    mode = path.stat().st_mode
    if stat.S_ISFIFO(mode):
        return None
    if not stat.S_ISREG(mode):
        return "is no file but a device or a socket"
    whole = path.resolve()
    return "is a file of the system" if any(whole.is_relative_to(folder) for folder in _SYSTEM) else None


def by_magic(data: bytes) -> str | None:
    """What the bytes are by their first ones, as the end of a sentence; None where these tell nothing."""
    kind = next((kind for beginning, kind in _MAGIC if data.startswith(beginning)), None)
    if kind is None and (data[257:262] == b"ustar" or (data[:2] == b"MZ" and b"\x00" in data[:64])):
        kind = "a program" if data[:2] == b"MZ" else "a tar archive"
    return f"is {kind}" if kind else None


def by_text(text: str) -> str | None:
    """Why the text cannot be an article, as the end of a sentence; None where it can."""
    head = text[:_LOOKED_AT]
    if len(_BINARY.findall(head)) > len(head) * _MOST_BINARY:
        return "is no text"
    lines = [line for line in head.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) >= _FEWEST_LINES and sum(map(bool, map(_SYSTEM_LINE.fullmatch, lines))) > _MOST_LINES * len(lines):
        return "is a table of users or the like, and no article"
    return None


def problem(where: str, reason: str) -> str:
    """The whole problem: what the file is, and what can be read."""
    return f"{where} {reason}; articles are read from {TAKEN}."
