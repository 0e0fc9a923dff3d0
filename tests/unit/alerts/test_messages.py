"""What receivers get: signed as Standard Webhooks says, mails that no name breaks, nothing endless."""

import json
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from pipeline.alerts import messages
from pipeline.alerts.models import SavedSearch, new_secret

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
SITE = "https://whosaid.example"
QUOTE: dict[str, Any] = {
    "id": "a1-0f",
    "said": "We will build it.",
    "text": "We will build it.",
    "type": "direct",
    "start": 10,
    "segments": [[10, 27]],
    "context": "",
    "headline": "Norland builds",
    "speaker": {"name": "Ada Lund"},
    "source": {"name": "The News"},
    "published": "2026-11-26T08:00:00Z",
    "url": "https://news.example/1",
}


def search(**changes: Any) -> SavedSearch:
    fields: dict[str, Any] = {
        "id": "abcdefghijkl", "name": "Bridges", "query": {"q": "bridge", "speaker": ["Ada Lund"]}, "email":
        ["desk@news.example"], "created": AT, "changed": AT,
    }  # fmt: skip
    return SavedSearch.model_validate(fields | changes)


def test_a_receiver_verifies_the_signature() -> None:
    secret = new_secret()
    body = messages.body(search(), [QUOTE], at=AT, site=SITE)
    now = int(datetime.now(UTC).timestamp())
    headers = messages.headers(secret, "msg_1", now, body)
    told = Webhook(secret).verify(body.decode(), headers)
    assert told["type"] == "quotes.found"
    assert told["timestamp"] == "2026-11-26T12:00:00Z"
    assert told["data"]["alert"]["url"] == f"{SITE}/search?q=bridge&speaker=Ada+Lund"
    assert told["data"]["quotes"][0]["page"] == f"{SITE}/quotes/a1-0f"
    for forged in (
        messages.headers(new_secret(), "msg_1", now, body),
        headers | {"webhook-id": "msg_2"},
        headers | {"webhook-timestamp": str(now - 1)},
        messages.headers(secret, "msg_1", now - 3600, body),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body.decode(), forged)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of https://www.standardwebhooks.com."""
    body = b'{"test": 2432232314}'
    signature = messages.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_texts_have_a_length_that_receivers_take() -> None:
    long = QUOTE | {"said": "x" * 100_000, "text": "y" * 100_000, "context": "\ud800 half"}
    body = messages.body(search(), [long], at=AT, site=SITE)
    assert len(body) < 25_000
    assert len(json.loads(body)["data"]["quotes"][0]["said"]) == 10_002


def test_a_mail_says_who_said_what_and_where() -> None:
    mail = messages.mail(search(), [QUOTE, QUOTE], id="msg_1", sender="alerts@whosaid.example", at=AT, site=SITE)
    read = message_from_bytes(bytes(mail), policy=default)
    assert read["Subject"] == "[WhoSaid] Bridges: 2 new quotes"
    assert read["Message-ID"] == "<msg_1@whosaid.example>"
    assert read["To"] == "desk@news.example"
    text = read.get_content()
    assert "Ada Lund: “We will build it.”" in text
    assert f"{SITE}/quotes/a1-0f" in text
    assert "https://news.example/1" in text


def test_a_mail_shows_gaps_and_marks_only_what_was_said() -> None:
    split = QUOTE | {"text": "We will,” she said, “build it.", "segments": [[10, 18], [31, 40]]}
    reported = QUOTE | {"type": "indirect"}
    told = messages.mail(search(), [split, reported], id="m", sender="a@news.example", at=AT, site=SITE).get_content()
    assert "Ada Lund: “We will, … build it.”" in told
    assert "Ada Lund: We will build it." in told


@pytest.mark.parametrize("name", ["Zoë’s 桥 …", "a\r\nBcc: all@news.example", "\x1b[2J\x00", "x" * 200])
def test_no_name_breaks_a_mail(name: str) -> None:
    try:
        saved = search(name=name)
    except ValueError:
        return  # it is nothing but control characters
    hostile = QUOTE | {"text": "a\r\n.\r\nb\ud800", "segments": [], "speaker": None, "headline": "\x1b[2J"}
    mail = messages.mail(saved, [hostile], id="msg_1", sender="a@b.example", at=AT, site=SITE)
    read = message_from_bytes(bytes(mail), policy=default)
    assert read["Bcc"] is None
    assert read["To"] == "desk@news.example"
    assert "Unknown: “a . b" in read.get_content()
