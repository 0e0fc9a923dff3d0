"""WebSub: hubs tell us of a feed's news at once, instead of our asking again and again.

A hub's message is only a sign that the feed has changed: the source becomes due, and is read as always. So what is
published never depends on what a stranger sends, and replays do nothing.
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
from pipeline.errors import NotFoundError, SourceError
from pipeline.settings import Settings

_log = logging.getLogger(__name__)

_LEASE = 10 * 86_400  # seconds that we ask for
_SHORTEST, _LONGEST = 60, 90 * 86_400  # of those that hubs grant
_EARLY = timedelta(hours=12)  # how long before a lease ends it is renewed
_PATIENCE = timedelta(minutes=30)  # between two requests of one subscription; it doubles while a hub does not answer
_LONGEST_PATIENCE = timedelta(days=1)
_TRIES = 3
_METHODS = ("sha256", "sha512", "sha384", "sha1")


def possible(settings: Settings) -> bool:
    """Whether there is anything that secrets can be derived from; without it, anybody could."""
    return bool(settings.connectors.push_secret or settings.connectors.push_token)


def secret(settings: Settings, source: str, purpose: str = "websub") -> str:
    """What we share with the source's hub: derived, so that every process knows it."""
    chosen = settings.connectors
    key = chosen.push_secret or chosen.push_token
    base = key.get_secret_value() if key else ""
    return hmac.new(base.encode(), f"{purpose} {source}".encode(), hashlib.sha256).hexdigest()


def callback_key(settings: Settings, source: str) -> str:
    """The part of a callback's address that nobody can guess: only who was told it is a hub that we asked."""
    return secret(settings, source, "callback")[:32]


def signed(body: bytes, signature: str, key: str) -> bool:
    """Whether the signature ('sha256=…') is the body's with this key."""
    method, _, given = signature.strip().partition("=")
    if method.lower() != "sha256":
        return False
    wanted = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.strip().lower().encode(), wanted.encode())


class Signatures:
    """The signatures of a hub's delivery, by any header and method that the standard knows; the body is never held.

    SHA-1 is among them: hubs still use it, its HMAC is not broken, and a delivery only makes a source due.
    """

    def __init__(self, headers: Mapping[str, str], key: str) -> None:
        self._checks: list[tuple[hmac.HMAC, str]] = []
        for name in ("x-hub-signature-256", "x-hub-signature"):
            method, _, given = headers.get(name, "").strip().partition("=")
            if method.lower() in _METHODS:
                self._checks.append((hmac.new(key.encode(), digestmod=method.lower()), given.strip().lower()))

    def update(self, chunk: bytes) -> None:
        """Takes the next piece of the body."""
        for check, _ in self._checks:
            check.update(chunk)

    def hold(self) -> bool:
        """Whether one of them is the body's with our key."""
        return any(hmac.compare_digest(given.encode(), check.hexdigest().encode()) for check, given in self._checks)


async def subscribe(state: SourceState, context: Context) -> None:
    """Asks the source's hub to tell us; it will verify that with a request of its own.

    Raises:
        SourceError: the hub does not take it.
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
    """Keeps the subscriptions to all hubs alive: before their leases end, patiently where hubs do not answer."""

    context: Context
    _next: dict[str, tuple[datetime, timedelta]] = field(default_factory=dict)

    async def renew(self, states: list[SourceState]) -> int:
        """Asks the hubs of those that are due, each on its own: one that fails keeps no other waiting. How many."""
        now, asked = self.context.now(), 0
        self._next = {one.id: self._next[one.id] for one in states if one.id in self._next}
        for state in states:
            held = state.subscribed_until is not None and state.subscribed_until > now
            renewing = held and state.subscribed_until is not None and state.subscribed_until - now < _EARLY
            at, patience = self._next.get(state.id, (now, _PATIENCE))
            if not state.hub or state.paused or (held and not renewing) or at > now:
                continue
            self._next[state.id] = (now + patience, _PATIENCE if held else min(2 * patience, _LONGEST_PATIENCE))
            asked += 1
            try:
                await subscribe(state, self.context)
            except SourceError as error:
                _log.warning("%s: the subscription could not be asked for: %s", state.id, error)
        return asked


async def verified(
    state: SourceState, store: Store, now: datetime, mode: str, topic: str, challenge: str, lease: str
) -> str | None:
    """The challenge to answer a hub with, once the subscription is noted; None where we want none such."""
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


async def received(state: SourceState, store: Store, now: datetime) -> None:
    """Makes the source due now. One that is being read at this moment is read again after it."""
    await _change(state, store, due=now)


async def _change(state: SourceState, store: Store, **changes: datetime | None) -> None:
    for _ in range(_TRIES):
        try:
            await store.save(replace(state, **changes), release=False)  # type: ignore[arg-type]
            return
        except StaleState:
            try:
                state = await store.get(state.id)
            except NotFoundError:
                return  # removed meanwhile
