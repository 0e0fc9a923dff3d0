"""Tells what the settings are, without what nobody may see."""

from pydantic import SecretStr

from pipeline import redaction
from pipeline.settings.whole import PREFIX, Settings

ADDRESSES = frozenset(
    {
        "WHOSAID_EMBEDDED__REPOSITORY",
        "WHOSAID_KAFKA__BOOTSTRAP_SERVERS",
        "WHOSAID_ELASTICSEARCH__URL",
        "WHOSAID_CONNECTORS__PUSH_URL",
        "WHOSAID_TRACING__ENDPOINT",
    }
)
"""Variables whose values are addresses, in which somebody may have written a login."""


def secrets(settings: Settings) -> list[str]:
    """The values that nobody may see: of every secret setting, and passwords in addresses."""
    found = [password for _, password in logins(settings)]
    for value in settings.model_dump().values():
        for item in value.values() if isinstance(value, dict) else (value,):
            if isinstance(item, SecretStr):
                found.append(item.get_secret_value())
    return [item for item in found if item]


def logins(settings: Settings) -> list[tuple[str, str]]:
    """The users and passwords that stand in the settings' addresses."""
    return [login for variable in sorted(ADDRESSES) for login in redaction.logins(str(value_of(settings, variable)))]


def value_of(settings: Settings, variable: str) -> object:
    """The value that a variable has in these settings."""
    group, _, name = variable.removeprefix(PREFIX).lower().partition("__")
    value = getattr(settings, group)
    return getattr(value, name) if name else value


def shown(variable: str, value: object) -> str:
    """A variable's value as people may see it: secrets are stars, passwords in addresses too, nothing is a dash."""
    if isinstance(value, SecretStr):
        return redaction.STARS
    if value is None or value == "":
        return "–"
    return redaction.in_addresses(str(value)) if variable in ADDRESSES else redaction.in_text(str(value))
