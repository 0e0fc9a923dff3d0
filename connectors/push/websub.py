"""Subscribes to WebSub hubs, which tell at once that a feed has changed.

A hub's message only makes the source due; the source is then read as always. So what is published never depends on what
a stranger sends, and a replayed message does no harm.
"""

import hashlib
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import quote

from connectors.base import Context
from connectors.scheduling.source_state import SourceState, StaleState, Store
from pipeline.backoff import Backoff
from pipeline.errors import NotFoundError, SourceError
from pipeline.settings import Settings

_log = logging.getLogger(__name__)

_LEASE = 10 * 86_400  # seconds that we ask for
_SHORTEST, _LONGEST = 60, 90 * 86_400  # of those that hubs grant
_RENEW_BEFORE = timedelta(hours=12)  # the end of a lease
_FIRST_WAIT = 30 * 60.0  # seconds between two requests for one subscription; doubles while a hub does not answer
_LONGEST_WAIT = 86_400.0
_TRIES = 3
_METHODS = ("sha256", "sha512", "sha384", "sha1")


def has_secret(settings: Settings) -> bool:
    """Whether the settings have a secret to derive hubs' secrets from; without one, anybody could compute them."""
    return bool(settings.connectors.push_secret or settings.connectors.push_token)


def secret(settings: Settings, source: str, purpose: str = "websub") -> str:
    """The secret shared with the source's hub; derived from a setting, so that every process knows it."""
    chosen = settings.connectors
    key = chosen.push_secret or chosen.push_token
    base = key.get_secret_value() if key else ""
    return hmac.new(base.encode(), f"{purpose} {source}".encode(), hashlib.sha256).hexdigest()


def callback_key(settings: Settings, source: str) -> str:
    """The part of a callback's address that cannot be guessed: only a hub that we asked knows it."""
    return secret(settings, source, "callback")[:32]


def is_signature(body: bytes, signature: str, key: str) -> bool:
    """Whether the signature ('sha256=…') is the body's with this key."""
    method, _, given = signature.strip().partition("=")
    if method.lower() != "sha256":
        return False
    wanted = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.strip().lower().encode(), wanted.encode())


class Signatures:
    """Checks the signatures of a hub's delivery, piece by piece, by every header and method of the standard.

    SHA-1 is among them: hubs still use it, its HMAC is not broken, and a delivery only makes a source due.
    """

    def __init__(self, headers: Mapping[str, str], key: str) -> None:
        self._checks: list[tuple[hmac.HMAC, str]] = []
        for name in ("x-hub-signature-256", "x-hub-signature"):
            method, _, given = headers.get(name, "").strip().partition("=")
            if method.lower() in _METHODS:
                self._checks.append((hmac.new(key.encode(), digestmod=method.lower()), given.strip().lower()))

    def update(self, chunk: bytes) -> None:
        """Adds the next piece of the body."""
        for check, _ in self._checks:
            check.update(chunk)

    def any_valid(self) -> bool:
        """Whether one of the signatures is right for the body and our key."""
        return any(hmac.compare_digest(given.encode(), check.hexdigest().encode()) for check, given in self._checks)


async def subscribe(state: SourceState, context: Context) -> None:
    """Asks the source's hub to subscribe us; the hub then verifies that with a request of its own.

    Raises:
        SourceError: the hub refuses, or does not answer.
    """
    settings = context.settings
    path = f"websub/{quote(state.id, safe='')}/{callback_key(settings, state.id)}"
    form = {
        "hub.mode": "subscribe",
        "hub.topic": state.topic or state.config.location,
        "hub.callback": f"{settings.connectors.push_url.rstrip('/')}/{path}",
        "hub.lease_seconds": str(_LEASE),
        "hub.secret": secret(settings, state.id),
    }
    await context.client.post(state.hub or "", form)


@dataclass
class Renewals:
    """Renews subscriptions before their leases end, and asks ever more rarely where a hub does not answer."""

    context: Context
    _next: dict[str, tuple[datetime, Backoff]] = field(default_factory=dict)

    async def renew(self, states: list[SourceState]) -> int:
        """Subscribes anew to the hubs that are due; one that fails delays no other. Returns how many were asked."""
        now, asked = self.context.now(), 0
        self._next = {state.id: self._next[state.id] for state in states if state.id in self._next}
        for state in states:
            held = state.subscribed_until is not None and state.subscribed_until > now
            renewing = held and state.subscribed_until is not None and state.subscribed_until - now < _RENEW_BEFORE
            at, backoff = self._next.get(state.id, (now, Backoff(_FIRST_WAIT, _LONGEST_WAIT)))
            if not state.hub or state.paused or (held and not renewing) or at > now:
                continue
            self._next[state.id] = (now + timedelta(seconds=backoff.next()), backoff)
            if held:
                backoff.reset()
            asked += 1
            try:
                await subscribe(state, self.context)
            except SourceError as error:
                _log.warning("%s: the subscription could not be asked for: %s", state.id, error)
        return asked


async def confirm(
    state: SourceState, store: Store, now: datetime, mode: str, topic: str, challenge: str, lease: str
) -> str | None:
    """Notes the subscription, or its end; returns the challenge to answer with, None where we do not want it."""
    ours = topic in (state.topic, state.config.location) and bool(challenge)
    if mode == "subscribe" and ours and state.hub:
        given = int(lease[:9]) if lease.isascii() and lease.isdigit() else _LEASE
        seconds = min(max(given, _SHORTEST), _LONGEST)
        await _change(state, store, subscribed_until=now + timedelta(seconds=seconds))
        return challenge
    if mode == "unsubscribe" and ours and not state.hub:
        await _change(state, store, subscribed_until=None)
        return challenge
    return None


async def make_due(state: SourceState, store: Store, now: datetime) -> None:
    """Makes the source due now. A source that is being read at this moment is read again afterwards."""
    await _change(state, store, at_once=True, due=now)


async def _change(state: SourceState, store: Store, *, at_once: bool = False, **changes: datetime | None) -> None:
    for _ in range(_TRIES):
        try:
            await store.save(replace(state, **changes), release=False, at_once=at_once)  # type: ignore[arg-type]
            return
        except StaleState:
            try:
                state = await store.get(state.id)
            except NotFoundError:
                return  # removed meanwhile
