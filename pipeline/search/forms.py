"""Reads the forms that pages send."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.requests import Request

from pipeline.errors import InputError

MAX_BODY = 2**16
"""Bytes of the longest form."""

_MAX_FIELDS = 100


async def read(request: Request, *, most: int = MAX_BODY) -> dict[str, list[str]]:
    """The fields of a posted form, each with its values; use it as a dependency.

    Raises:
        InputError: the form is too large, or has too many fields.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise InputError(f"A form has at most {most:,} bytes.")
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise InputError(f"A form has at most {_MAX_FIELDS} fields.") from None


def first(form: Mapping[str, Sequence[str]], name: str) -> str:
    """The first value of a field, without blanks around it; empty where there is none."""
    return next(iter(form.get(name, ())), "").strip()
