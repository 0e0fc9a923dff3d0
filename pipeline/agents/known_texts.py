"""Remembers the analyses of the latest texts, so that the copy of a text need not be analysed again.

News agencies' articles come from many sources with the same text. An analysis reads the text, the language that the
source names, and the day of publication, which the dates of its quotes are counted from; the article's id is the first
part of its quotes' ids. So the analysis of an equal text with the same named language is the same but for these two,
which are made anew.
"""

import hashlib
import logging
from collections import OrderedDict
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import zstandard
from pydantic_core import from_json, to_json

from pipeline.events import EventError, decode
from pipeline.models import Article
from pipeline.workers.protocol import Result

LARGEST = 2**18
"""Bytes of an event that is looked up or remembered, at the most; longer texts are rare, and seldom copied."""

OVERHEAD = 400
"""Bytes that remembering an analysis takes beside its own, at the most."""

_log = logging.getLogger(__name__)


class Text:
    """The text of an article's event. The event is parsed once, when its key is first asked for."""

    def __init__(self, event: bytes) -> None:
        self.event = event

    @cached_property
    def key(self) -> bytes | None:
        """Stands for all that an analysis reads, but for id and day; None for what is no article or too long."""
        if not self.event or len(self.event) > LARGEST:
            return None
        try:
            article = from_json(self.event)
        except ValueError:
            return None
        body = article.get("body") if isinstance(article, dict) else None
        if not isinstance(body, str):
            return None
        named = repr(article.get("language")).encode("ascii", "backslashreplace")
        return hashlib.sha256(named + b"\0" + body.encode("utf-8", "surrogatepass")).digest()


class KnownTexts:
    """The analyses of the latest texts, in so many bytes of memory; those that nobody copies go first."""

    def __init__(self, most_bytes: int) -> None:
        """Remembers nothing where there are to be 0 bytes."""
        self._most = most_bytes
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._packer = zstandard.ZstdCompressor(level=1)
        self._unpacker = zstandard.ZstdDecompressor()
        self.bytes = 0

    def keep(self, text: Text, result: Result) -> None:
        """Remembers what an article's event was enriched to."""
        key = text.key if self._most else None
        if key is None or key in self._kept or len(result.value) > LARGEST:
            return
        # The library's own bytes keep the room that they were made with: twice as much.
        packed = bytes(memoryview(self._packer.compress(result.value)))
        self._kept[key] = packed
        self.bytes += len(packed) + OVERHEAD
        while self.bytes > self._most:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= len(gone) + OVERHEAD

    def copy(self, text: Text) -> Result | None:
        """What an article's event is enriched to, where its text is known; None where it has to be analysed."""
        key = text.key if self._kept else None
        packed = self._kept.get(key) if key is not None else None
        if key is None or packed is None:
            return None
        try:
            copied = _copied(text.event, from_json(self._unpacker.decompress(packed, max_output_size=LARGEST)))
        except (MemoryError, OSError):  # the machine's
            raise
        except Exception:
            _log.exception("An analysis cannot be copied, so the article is analysed")
            return None
        if copied is not None:
            self._kept.move_to_end(key)
        return copied


def _copied(event: bytes, known: dict[str, Any]) -> Result | None:
    began = datetime.now(UTC)
    try:
        article = decode(Article, event, largest=LARGEST)
    except EventError:  # its process says why
        return None
    if article.body != known["article"]["body"]:
        return None
    before = len(known["article"]["id"])
    for quote in known["quotes"]:
        quote["id"] = article.id + quote["id"][before:]
        quote["said_on"] = _day(quote["date_mention"], article.published)
    now = datetime.now(UTC)
    language = known["article"]["language"]
    known |= {
        "article": article.model_copy(update={"language": language}),
        "enriched": now,
        "timings": {"copy": (now - began).total_seconds()},
    }
    return Result(article.id.encode(), to_json(known))


def _day(mention: str | None, published: datetime | None) -> date | None:
    if not mention:
        return None
    from pipeline.text.dates import resolve_date  # loads dateparser, which a worker seldom needs

    return resolve_date(mention, published)
