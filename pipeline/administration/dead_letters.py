"""Serves the pages of dead letters: what failed and why, sending it again, and marking it as done with."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from pipeline.dead_letters.log import Filter, Letter, Letters
from pipeline.dead_letters.replay import Replayer
from pipeline.errors import BrokerUnavailable, InputError, NotFoundError
from pipeline.models import Stage
from pipeline.search import forms, permissions, rendering
from pipeline.settings import Settings

PATH = "/dead-letters"
SHOWN = 100
"""The most letters on a page: the newest ones."""

BYTES_SHOWN = 64 * 1024
"""How much of an event is shown; `whosaid dlq show` shows all."""

_PATIENCE = 15.0  # seconds that the topic is read
_WAIT = 20.0  # seconds for another reader of it
_REQUEST = 5.0  # seconds for each request to Kafka: somebody waits before the page
_AWAY = "Kafka does not answer now, so dead letters cannot be shown; the service's log says why."
_Reads = Annotated[str, Depends(permissions.admin_reads)]
_Changes = Annotated[str, Depends(permissions.admin)]
_Form = Annotated[dict[str, list[str]], Depends(forms.read)]

_log = logging.getLogger(__name__)


@dataclass
class Found:
    """The newest letters that a filter selects, and how many there are by stage and class of error."""

    letters: deque[Letter] = field(default_factory=lambda: deque(maxlen=SHOWN))
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    complete: bool = True
    """Whether the whole topic was read."""

    @property
    def total(self) -> int:
        """How many letters were selected."""
        return sum(self.counts.values())


def router(settings: Settings) -> APIRouter:
    """The routes of the pages."""
    routes = APIRouter(include_in_schema=False)
    desk = _Desk(settings)

    @routes.get(PATH)
    def browse(request: Request, _: _Reads) -> Response:
        with desk.letters() as letters:
            return _listed(request, letters)

    @routes.post(PATH)
    def handle(request: Request, who: _Changes, form: _Form) -> Response:
        ids = form.get("id", [])[:SHOWN]
        if not ids:
            raise InputError("Choose the letters first.")
        with desk.letters() as letters:
            done = desk.discard if form.get("deed") == ["discard"] else desk.replay
            return _listed(request, letters, **done(letters, ids, who))

    @routes.get(f"{PATH}/{{id}}")
    def show(id: Annotated[str, Path(max_length=600)], _: _Reads) -> Response:
        with desk.letters() as letters:
            found = find(letters, Filter(ids=[id], handled=True)).letters
        if not found:
            raise NotFoundError(f"There is no dead letter {id[:80]}; its topic may have dropped it by now.")
        return _shown(found[-1])

    return routes


class _Desk:
    """Opens the letters for one request at a time, as each reads the whole topic."""

    def __init__(self, settings: Settings) -> None:
        kafka = settings.kafka.model_copy(update={"request_timeout": min(_REQUEST, settings.kafka.request_timeout)})
        self._settings = settings.model_copy(update={"kafka": kafka})
        self._lock = threading.Lock()

    @contextmanager
    def letters(self) -> Iterator[Letters]:
        """The letters, for this request alone."""
        if not self._lock.acquire(timeout=_WAIT):
            raise InputError("Somebody else reads the dead letters; try again in a moment.")
        try:
            with Letters(self._settings) as letters:
                yield letters
        except BrokerUnavailable as error:
            error.public = _AWAY
            raise
        finally:
            self._lock.release()

    def replay(self, letters: Letters, ids: Sequence[str], who: str) -> dict[str, Any]:
        """Sends the events of these letters again; what the page says of it."""
        results = list(Replayer(self._settings, letters).replay(Filter(ids=ids)))
        sent = sum(result.mark is not None for result in results)
        _log.info("%s replayed %d dead letters", who, sent)
        problems = [(result.letter.id, result.problem) for result in results if result.problem]
        return {"sent": sent, "problems": problems}

    def discard(self, letters: Letters, ids: Sequence[str], who: str) -> dict[str, Any]:
        """Marks these letters as done with; what the page says of it."""
        chosen = list(letters.scan(Filter(ids=ids)))
        for letter in chosen:
            letters.discard(letter, f"discarded on the page by {who}")
        _log.info("%s discarded %d dead letters", who, len(chosen))
        return {"discarded": len(chosen)}


def find(letters: Letters, which: Filter) -> Found:
    """The selected letters; the scan of a very long topic ends after some seconds."""
    found, until = Found(), time.monotonic() + _PATIENCE
    for letter in letters.scan(which):
        found.letters.append(letter)
        found.counts[letter.content.stage.value, letter.content.error] += 1
        if time.monotonic() > until:
            found.complete = False
            break
    return found


def _filter(stage: str, error: str, *, handled: bool) -> Filter:
    if stage and stage not in list(Stage):
        raise InputError(f"{stage[:40]!r} is no stage; there are {', '.join(Stage)}.")
    return Filter(stages=[Stage(stage)] if stage else (), errors=[error] if error else (), handled=handled)


def _listed(request: Request, letters: Letters, **done: Any) -> Response:
    """The page of letters; `done` is what was just done with some."""
    stage, error = request.query_params.get("stage", ""), request.query_params.get("error", "")
    handled = request.query_params.get("handled") == "yes"
    found = find(letters, _filter(stage, error, handled=handled))
    context = {"found": found, "letters": list(reversed(found.letters)), "stage": stage, "error": error}
    context |= {"stages": [one.value for one in Stage], "handled": handled}
    context |= {"sent": None, "problems": [], "discarded": None}
    return rendering.page("dead_letters.html", context | done)


def _shown(letter: Letter) -> Response:
    value = letter.content.value or b""
    context = {
        "letter": letter,
        "value": value[:BYTES_SHOWN].decode("utf-8", "backslashreplace"),
        "more": max(0, len(value) - BYTES_SHOWN),
        "headers": [(name, content.decode("utf-8", "backslashreplace")) for name, content in letter.content.headers],
    }
    return rendering.page("dead_letter.html", context)
