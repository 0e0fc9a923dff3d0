"""Reads settings from a TOML file: a table for each group, in it the settings in lower case.

::

    log_level = "info"

    [kafka]
    bootstrap_servers = ["kafka-1:9092", "kafka-2:9092"]
    password_file = "/run/secrets/kafka"

A file is read only where WHOSAID_CONFIG names it. One that is merely found in the current folder is not: a setting can
name a model, which is code, and the folder may be somebody else's.
"""

import difflib
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pipeline.errors import SettingsError

VARIABLE = "WHOSAID_CONFIG"
"""The variable that names the file."""

_LARGEST = 2**20  # bytes; a list of settings has a few thousand
_FILE = "_file"
_SHOWN = 100  # characters of a key in a message


def read(path: str, known: Collection[str]) -> dict[str, str]:
    """What the file sets, by key (`kafka.partitions`), as the texts that variables would have.

    Args:
        path: the file.
        known: the keys of all settings; each may end in `_file` and then names a file that holds the value.

    Raises:
        SettingsError: it cannot be read, is no TOML, or has a key or a value that is none; the message names it.
    """
    file = Path(path)
    try:
        file = file.expanduser()
        if file.stat().st_size > _LARGEST:
            raise SettingsError(f"{VARIABLE} names {path}, which is larger than {_LARGEST:,} bytes.")
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{VARIABLE} names a file that cannot be read: {path} ({error}).") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not TOML: {error}.") from None
    found: dict[str, str] = {}
    groups = {key.partition(".")[0] for key in known if "." in key}
    for name, value in tables.items():
        if isinstance(value, dict) and name in groups:
            for inner, inner_value in value.items():
                _take(found, path, f"{name}.{inner}", inner_value, known)
        else:
            _take(found, path, name, value, known, groups)
    return found


def _take(
    found: dict[str, str], path: str, key: str, value: Any, known: Collection[str], groups: Collection[str] = ()
) -> None:
    if key not in known and key.removesuffix(_FILE) not in known:
        shown = key[:_SHOWN]
        if isinstance(value, dict):
            shown = f"[{shown}]"
        near = difflib.get_close_matches(key, [*known, *groups], n=1)
        hint = f"; did you mean {near[0]}?" if near else "; `whosaid settings` lists all there are."
        raise SettingsError(f"{path}: {shown} is not a setting{hint}")
    found[key] = _text(path, key, value)


def _text(path: str, key: str, value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise SettingsError(f"{path}: {key} is neither a text, a number, true or false, nor a list of texts.")
