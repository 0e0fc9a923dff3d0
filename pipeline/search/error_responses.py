"""Answers errors with one sentence: as JSON to programs, as a page to people."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipeline.errors import DeniedError, UnavailableError, WhoSaidError, validation_message
from pipeline.search import permissions, rendering

logger = logging.getLogger(__name__)

RETRY_AFTER = 5
"""Seconds that a client should wait when Elasticsearch does not answer."""

AWAY = (
    "Elasticsearch does not answer this search now, or has too much to do; try again in a moment. "
    "The service's log says why."
)
BROKEN = "Something went wrong here; the service's log says what."


CHALLENGE: Mapping[str, str] = {"WWW-Authenticate": 'Basic realm="WhoSaid", charset="UTF-8"'}
"""Makes a browser ask for a token."""

HEAD = "whosaid.head"
"""In the scope of a request of which only the headers are wanted: what has no end need not be made."""

V1 = "/api/v1/"
"""What paths of the first version of the API begin with."""


class Details(BaseModel):
    """The body of every error of /api/v1 (RFC 9457)."""

    type: str = Field(description="about:blank: the status says what kind of error it is.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="One sentence: what is wrong, and what to do about it.")
    instance: str = Field(description="The path that was asked for.")


class Problem(BaseModel):
    """The body of every error elsewhere."""

    error: str = Field(description="One sentence: what is wrong, and what to do about it.")


def problem(description: str) -> dict[str, Any]:
    """The description, for OpenAPI, of an error that /api/v1 answers."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Details"}}}
    return {"description": description, "content": content}


def answer(request: Request, status: int, sentence: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """The answer with this status and sentence: JSON below /api, a page elsewhere."""
    path = request.scope["path"]
    if path.startswith(V1):
        problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
        headers = dict(headers or {})
        return JSONResponse(problem | {"instance": path}, status, headers, media_type="application/problem+json")
    if _is_for_programs(path):
        return JSONResponse(Problem(error=sentence).model_dump(), status, dict(headers or {}))
    return rendering.page("error.html", {"status": status, "sentence": sentence}, status=status, headers=headers)


def of(request: Request, error: WhoSaidError) -> Response:
    """The answer to a request that ended in one of our own errors."""
    if isinstance(error, DeniedError) and permissions.asks_again(request):
        return answer(request, 401, str(error), headers=CHALLENGE)
    if error.http_status < 500:
        return answer(request, error.http_status, str(error))
    # The message names addresses and settings, which only the person who runs the service may see.
    logger.error("%s %s: %s", request.method, request.scope["path"], error)
    if isinstance(error, UnavailableError):
        return answer(request, error.http_status, error.public or AWAY, headers={"Retry-After": str(RETRY_AFTER)})
    return answer(request, error.http_status, BROKEN)


def sentence(error: RequestValidationError | ValidationError) -> str:
    """The first thing that is wrong with the parameters, by the parameter's name."""
    first = error.errors()[0]
    place = first["loc"][0] if first["loc"] else ""
    names = [str(part) for part in first["loc"] if isinstance(part, str) and part not in ("query", "path", "body")]
    if place == "header":
        names = [str(first["loc"][-1]).title().replace("-Id", "-ID")]
    if first["type"] == "extra_forbidden":
        name = names[0] if names and names[0] else "An empty name"
        return f"{name} is not a parameter here; /docs lists those there are."
    if first["type"] == "json_invalid":
        return "The body is no JSON."
    message = validation_message(first)
    if names:
        return f"{names[0]}: {message[:1].lower()}{message[1:]}."
    if first["type"] == "value_error":  # several parameters that do not go together; the sentence names them
        return f"{message}."
    return f"{'The body' if place == 'body' else 'A parameter'}: {message[:1].lower()}{message[1:]}."


def _is_for_programs(path: str) -> bool:
    return path.startswith(("/api/", "/healthz", "/readyz", "/openapi.json"))
