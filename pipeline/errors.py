"""Defines every error that WhoSaid raises on purpose.

::

    WhoSaidError          exit code  HTTP status
    ├── SettingsError             2  500  a setting is unknown or has a bad value
    ├── InputError                2  422  a file, a URL or an option that cannot be used
    ├── EngineError               3  500  an embedded engine cannot be fetched or started
    │   └── DownloadError         3  500  an engine could not be fetched or is not what was pinned
    ├── UnavailableError          4  503  a service does not answer
    │   ├── BrokerUnavailable     4  503  Kafka
    │   └── ClusterUnavailable    4  503  Elasticsearch
    │       └── IndicesUnfit      4  503  what is written there would not be found
    ├── NotFoundError             5  404  an id that nothing has
    │   └── TakenDownError        5  410  an article that was taken down
    ├── DeniedError               2  403  a change that the token does not allow
    ├── SourceError               6  500  a source cannot be read now (connectors)
    └── BackpressureError         1  500  the sink must wait before it takes more

The message of each is one sentence for a person: what is wrong, and what to do about it. Exit code 0 is success, 1 an
unexpected error, 6 also work that finished with some failures, 130 an interruption.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

_NUMBER, _WHOLE, _TEXT = "It must be a number", "It must be a whole number", "It must be text"
_BOOLEAN, _LIST, _OBJECT = "It must be true or false", "It must be a list", "It must be an object"
_SENTENCES: Mapping[str, str] = {
    "missing": "It is missing",
    "extra_forbidden": "Nothing has this name",
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_long": "At most {max_length} characters are taken",
    "string_too_short": "At least {min_length} characters are needed",
    "too_long": "At most {max_length} values are taken (given: {actual_length})",
    "too_short": "At least {min_length} values are needed (given: {actual_length})",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "It must be a finite number",
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "greater_than": "It must be more than {gt}",
    "greater_than_equal": "It must be at least {ge}",
    "less_than": "It must be less than {lt}",
    "less_than_equal": "It must be at most {le}",
    "literal_error": "It must be {expected}",
    "enum": "It must be {expected}",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "datetime_type": "It must be a date and a time",
    "datetime_parsing": "It must be a date and a time",
    "datetime_from_date_parsing": "It must be a date and a time",
    "timezone_aware": "It must be a time with its zone",
}
"""By pydantic's type of an error, what is wrong; pydantic's own words are for programmers."""


class WhoSaidError(Exception):
    """The root of the tree: catch this one to catch all that WhoSaid raises on purpose.

    `exit_code` is what the command ends with; `http_status` is what the search service answers with.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500


def validation_message(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, in plain words, by one of the `errors()` of a pydantic ValidationError.

    Without the error's context it is pydantic's own sentence for those that have a number or choices in them.
    """
    try:
        if error.get("ctx", {}).get("min_length") == 1:
            return "It must not be empty"
        return _SENTENCES[error["type"]].format(**error.get("ctx", {}))
    except KeyError:
        return str(error["msg"]).removeprefix("Value error, ")


def validation_fault(errors: Sequence[Mapping[str, Any]]) -> str:
    """The first of the `errors()` of a pydantic ValidationError in plain words, with the place where it is."""
    where = ".".join(map(str, errors[0]["loc"]))
    message = validation_message(errors[0])
    return f"{where}: {message[:1].lower()}{message[1:]}" if where else message


class SettingsError(WhoSaidError):
    """A setting is unknown or has a bad value; the message names its environment variable."""

    exit_code = 2


class InputError(WhoSaidError):
    """A file, a URL or an option that cannot be used; the message names it."""

    exit_code = 2
    http_status = 422


class EngineError(WhoSaidError):
    """An embedded engine cannot be fetched, started or stopped; the message says where its log is."""

    exit_code = 3


class DownloadError(EngineError):
    """An engine's files could not be fetched, or are not what their pinned checksums say."""


class UnavailableError(WhoSaidError):
    """A service does not answer at the address that the settings give.

    The message names addresses and settings, for the person who runs WhoSaid. Clients of the search service and of the
    push endpoint are told `public` instead; where it is None, a general sentence.
    """

    exit_code = 4
    http_status = 503
    public: str | None = None


class BrokerUnavailable(UnavailableError):
    """Kafka does not answer, or refused who we said we were."""


class ClusterUnavailable(UnavailableError):
    """Elasticsearch does not answer, or refused who we said we were."""


class IndicesUnfit(ClusterUnavailable):
    """Elasticsearch answers, but nobody would find what is written; the message says where and how to mend it."""


class NotFoundError(WhoSaidError):
    """Nothing has the id that was asked for."""

    exit_code = 5
    http_status = 404


class TakenDownError(NotFoundError):
    """The article was there and was taken down; the message says when."""

    http_status = 410


class DeniedError(WhoSaidError):
    """Somebody may not change what he asks to change; the message says what he needs."""

    exit_code = 2
    http_status = 403


class SourceError(WhoSaidError):
    """A source cannot be read now; the message says why, `retry_after` (seconds) when to ask again, if known."""

    exit_code = 6

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BackpressureError(WhoSaidError):
    """Elasticsearch cannot take more now; the partitions rest for `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
