"""Reads settings from environment variables and the file that WHOSAID_CONFIG names."""

import difflib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import EnvSettingsSource

from pipeline import settings_file
from pipeline.errors import SettingsError, validation_message
from pipeline.settings.whole import PREFIX, Settings, variables

_FILE = "_FILE"


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this environment (by default the process's own), and of the file that WHOSAID_CONFIG names.

    A variable wins over the file.

    Raises:
        SettingsError: a variable or a key is unknown, unreadable or has a bad value; the message names it.
    """
    given = _given(os.environ if environment is None else environment)
    try:
        return Settings(**_Variables({name: one.value for name, one in given.items()})())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        variable = PREFIX + "__".join(str(part).upper() for part in first["loc"][:2])
        # A group's own rule concerns several of its settings.
        names = [one.named for name, one in given.items() if name == variable or name.startswith(f"{variable}__")]
        named = names[0] if len(names) == 1 or variable in given else variable
        raise SettingsError(f"{named} has a bad value: {validation_message(first)}.") from None


def origins(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """By variable where its value comes from, for all that are set: the environment, or a file.

    Raises:
        SettingsError: as `load`.
    """
    return {name: one.origin for name, one in _given(os.environ if environment is None else environment).items()}


@dataclass(frozen=True)
class _Given:
    """A value as text, where it comes from, and what it is called there."""

    value: str
    origin: str
    named: str


def _given(environment: Mapping[str, str]) -> dict[str, _Given]:
    known = {name for name, _ in variables()}
    found: dict[str, _Given] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable == settings_file.VARIABLE:
            continue
        name = variable
        if variable not in known and variable.removesuffix(_FILE) in known:
            name, value = variable.removesuffix(_FILE), _read(variable, value)
            if name in environment:
                raise SettingsError(f"{name} and {variable} are both set; keep one of them.")
        if name not in known:
            near = difflib.get_close_matches(name, {*known, settings_file.VARIABLE}, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; `whosaid settings` lists all there are."
            raise SettingsError(f"{variable} is not a setting{hint}")
        found[name] = _Given(value, "environment" if name == variable else f"file {environment[variable]}", variable)
    return _of_file(environment.get(settings_file.VARIABLE, ""), known) | found


def _of_file(path: str, known: Collection[str]) -> dict[str, _Given]:
    """What the file sets, by variable; nothing where there is no file."""
    if not path:
        return {}
    keys = {_key(variable): variable for variable in known}
    found: dict[str, _Given] = {}
    for key, value in settings_file.read(path, keys).items():
        named, origin = f"{path}: {key}", path
        if key not in keys:
            key = key.removesuffix(_FILE.lower())
            origin, value = f"file {value}", _read(named, value)
        if keys[key] in found:
            raise SettingsError(f"{path}: {key} and {key}{_FILE.lower()} are both set; keep one of them.")
        found[keys[key]] = _Given(value, origin, named)
    return found


def _key(variable: str) -> str:
    """What a variable is called in a file: `kafka.partitions`."""
    return variable.removeprefix(PREFIX).lower().replace("__", ".", 1)


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process these settings (those that differ from the defaults)."""
    result = {}
    for name, value in settings.model_dump(exclude_defaults=True).items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        for key, inner_value in inner:
            if inner_value is None:
                continue
            text = inner_value.get_secret_value() if isinstance(inner_value, SecretStr) else str(inner_value)
            result[f"{PREFIX}{name.upper()}__{key.upper()}" if key else f"{PREFIX}{name.upper()}"] = text
    return result


class _Variables(EnvSettingsSource):
    """Reads variables as pydantic-settings does, from a mapping in place of the process's environment."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self.env_vars = {name.lower(): value for name, value in given.items()}


def _read(variable: str, path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable} names a file that cannot be read: {path} ({error}).") from None
