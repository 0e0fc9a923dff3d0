"""Writes messages: what a webhook is sent, signed by Standard Webhooks, and what a mail says."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote as escaped

from pipeline.alerts.models import SavedSearch, address_of, key_of
from pipeline.control_characters import for_terminal
from pipeline.models import QuoteType, in_marks, spoken

TYPE = "quotes.found"
TEST_TYPE = "quotes.test"

_LONGEST = 10_000  # characters of a text in a message
_TEXTS = ("text", "said", "context", "headline")
_MOST_NAME = 120

Quote = Mapping[str, Any]
"""A quote as the API has it, in JSON."""


def sign(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature` (https://www.standardwebhooks.com): HMAC-SHA256 of id, time and body."""
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()


def headers(secret: str, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a webhook's request."""
    return {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, id, timestamp, body),
    }


def body(search: SavedSearch, quotes: Sequence[Quote], *, at: datetime, site: str, test: bool = False) -> bytes:
    """The body of a webhook's request: what was found, as JSON.

    Args:
        search: what found them.
        quotes: the quotes.
        at: when the first of them was found.
        site: the address of the search service, without a slash at its end.
        test: whether somebody tries the webhook out.
    """
    told = {
        "type": TEST_TYPE if test else TYPE,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "data": {
            "alert": {"id": search.id, "name": search.name, "query": search.query, "url": page_of(search, site)},
            "quotes": [_cut(quote) | {"page": link(quote, site)} for quote in quotes],
        },
    }
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")


def mail(
    search: SavedSearch, quotes: Sequence[Quote], *, id: str, sender: str, at: datetime, site: str, test: bool = False
) -> EmailMessage:
    """The mail that tells of quotes. Its Message-ID is made of the message's id, so that a repeat has the same."""
    made = EmailMessage(policy=SMTP)
    name = for_terminal(search.name)[:_MOST_NAME]
    many = f"{len(quotes)} new quote{'' if len(quotes) == 1 else 's'}"
    made["Subject"] = f"[WhoSaid] {name}: {'a test' if test else many}"
    made["From"] = sender
    made["To"] = ", ".join(search.email)
    made["Date"] = format_datetime(at)
    made["Message-ID"] = f"<{id}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # no answering machine answers
    first = f"{name}: {many}." if not test else f"This is a test of the saved search “{name}”. Its newest quotes:"
    texts = [first, *(_told(quote, site) for quote in quotes)]
    if not quotes:
        texts.append("It finds nothing yet.")
    texts.append(f"All that it finds: {page_of(search, site)}")
    made.set_content("\n\n".join(texts).encode("utf-8", "replace").decode() + "\n", cte="base64")
    return made


def link(quote: Quote, site: str) -> str:
    """The address of a quote's page."""
    return f"{site}/quotes/{escaped(str(quote['id']), safe='')}"


def page_of(search: SavedSearch, site: str) -> str:
    """The address of the page with all that a saved search finds."""
    return f"{site}/search?{address_of(search.query)}"


def _told(quote: Quote, site: str) -> str:
    speaker = (quote.get("speaker") or {}).get("name") or "Unknown"
    about = ", ".join(filter(None, ((quote.get("source") or {}).get("name"), str(quote.get("published") or "")[:10])))
    said = " ".join(spoken(quote["text"], quote["start"], quote["segments"]).split())
    lines = [f"{speaker}: {in_marks(QuoteType(quote['type']), said)}", f"{about}: {quote.get('headline') or ''}"]
    lines += [link(quote, site), str(quote.get("url") or "")]
    return "\n".join(for_terminal(line[:_LONGEST]) for line in lines if line)


def _cut(quote: Quote) -> dict[str, Any]:
    """The quote with its texts cut to a length that every receiver takes."""
    told = dict(quote)
    for name in _TEXTS:
        if isinstance(text := told.get(name), str) and len(text) > _LONGEST:
            told[name] = f"{text[:_LONGEST]} …"
    return told
