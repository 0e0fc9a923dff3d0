"""Reads robots.txt before a site's other pages, and remembers it for a day (RFC 9309)."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from connectors.parsing.markup import decode
from connectors.web.throttle import Clock
from pipeline.errors import SourceError

_FRESH = 24 * 3600.0
_FRESH_FAILURE = 600.0
_LONGEST_DELAY = 300.0  # seconds of crawl-delay that are honoured; more would mean never
_REMEMBERED = 2000

Fetch = Callable[[str], Awaitable[tuple[int, bytes]]]
"""Fetches an address: its status and body; raises SourceError where there is no answer."""


@dataclass(frozen=True)
class _Rules:
    parsed: Protego | None
    everything: bool  # whether all is allowed, where nothing is parsed
    until: float
    reason: str = ""


class Robots:
    """The rules of the sites that were read lately."""

    def __init__(self, user_agent: str, fetch: Fetch, clock: Clock) -> None:
        self._agent = user_agent.partition("/")[0].strip() or "WhoSaid"
        self._fetch = fetch
        self._clock = clock
        self._sites: OrderedDict[str, _Rules] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Rules]] = {}

    async def ask(self, url: str) -> tuple[bool, float]:
        """Whether the address may be fetched, and the site's interval between requests in seconds (0: none stated).

        Raises:
            SourceError: the site's robots.txt cannot be fetched now; by its standard, nothing else may be then.
        """
        rules = await self._rules(url)
        if rules.parsed is None:
            if not rules.everything:
                raise SourceError(rules.reason, retry_after=max(0.0, rules.until - self._clock.monotonic()))
            return True, 0.0
        delay = rules.parsed.crawl_delay(self._agent) or 0.0
        return bool(rules.parsed.can_fetch(url, self._agent)), min(max(0.0, float(delay)), _LONGEST_DELAY)

    async def sitemaps(self, url: str) -> list[str]:
        """The sitemaps that the site's robots.txt names."""
        rules = await self._rules(url)
        return list(rules.parsed.sitemaps) if rules.parsed else []

    async def _rules(self, url: str) -> _Rules:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc.lower()}"
        rules = self._sites.get(site)
        if rules and rules.until > self._clock.monotonic():
            self._sites.move_to_end(site)
            return rules
        if (task := self._asking.get(site)) is None:  # requests for many pages of one site wait for one answer
            task = self._asking[site] = asyncio.ensure_future(self._load(site))
            task.add_done_callback(lambda _: self._asking.pop(site, None))
        rules = await asyncio.shield(task)
        self._sites[site] = rules
        while len(self._sites) > _REMEMBERED:
            self._sites.popitem(last=False)
        return rules

    async def _load(self, site: str) -> _Rules:
        now = self._clock.monotonic()
        try:
            status, body = await self._fetch(f"{site}/robots.txt")
        except SourceError as error:
            return _Rules(None, False, now + _FRESH_FAILURE, f"The site's robots.txt cannot be asked: {error}")
        if 200 <= status < 300:
            return _Rules(Protego.parse(decode(body)), True, now + _FRESH)
        if status == 429 or status >= 500:
            return _Rules(
                None, False, now + _FRESH_FAILURE, f"{site}/robots.txt answers with status {status}; later again."
            )
        return _Rules(None, True, now + _FRESH)
