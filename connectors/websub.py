"""WebSub: hubs tell us of a feed's news at once, instead of our asking again and again.

A hub's message is only a sign that the feed has changed: the source becomes due, and is read as always. So what is
published never depends on what a stranger sends, and replays do nothing.
"""

import hashlib
import hmac
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.base import Context
from connectors.state import LeaseLost, SourceState, Store
from pipeline.settings import Settings

_LEASE = 10 * 86_400  # seconds that we ask for
_LONGEST = 90 * 86_400
_TRIES = 3


def secret(settings: Settings, source: str) -> str:
    """The secret shared with the source's hub: derived, so that every process knows it."""
    chosen = settings.connectors
    key = chosen.push_secret or chosen.push_token
    base = key.get_secret_value() if key else ""
    return hmac.new(base.encode(), f"websub {source}".encode(), hashlib.sha256).hexdigest()


def signed(body: bytes, signature: str, key: str) -> bool:
    """Whether the signature ('sha256=…') is the body's with this key."""
    wanted = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    method, _, given = signature.strip().partition("=")
    return method.lower() == "sha256" and hmac.compare_digest(given.strip().lower().encode(), wanted.encode())


async def subscribe(state: SourceState, context: Context) -> None:
    """Asks the source's hub to tell us; it will verify that with a request of its own.

    Raises:
        SourceError: the hub does not take it.
    """
    settings = context.settings
    callback = f"{settings.connectors.push_url.rstrip('/')}/websub/{state.id}"
    form = {
        "hub.mode": "subscribe",
        "hub.topic": state.topic or state.config.location,
        "hub.callback": callback,
        "hub.lease_seconds": str(_LEASE),
        "hub.secret": secret(settings, state.id),
    }
    await context.client.post(state.hub or "", form)


async def verified(
    state: SourceState, store: Store, now: datetime, mode: str, topic: str, challenge: str, lease: str
) -> str | None:
    """The challenge to answer a hub with, once the subscription is noted; None where we want none such."""
    ours = topic in (state.topic, state.config.location) and bool(challenge)
    if mode == "subscribe" and ours and state.hub:
        seconds = min(int(lease[:9]), _LONGEST) if lease.isascii() and lease.isdigit() else _LEASE
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
        except LeaseLost:
            state = await store.get(state.id)
