"""Saved searches: what is taken, what is refused, and that no secret is shown."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.alerts.models import Channel, ChannelState, Condition, Delivery, SavedSearch, new_id, new_secret, shown
from pipeline.errors import InputError
from pipeline.search.matching import parameters, query_of
from pipeline.search.parameters import QuoteQuery

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)


def search(**changes: Any) -> SavedSearch:
    fields: dict[str, Any] = {"id": new_id(), "name": "Bridges", "query": {"q": "bridge"}, "created": AT, "changed": AT}
    return SavedSearch.model_validate(fields | changes)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("webhook", "ftp://desk.example/", "http or https"),
        ("webhook", "https://", "http or https"),
        ("webhook", "https://desk.example:99999/", "http or https"),
        ("webhook", "https://desk.example/\r\nX: y", "http or https"),
        ("webhook", "https://ana:secret@desk.example/", "login"),
        ("secret", "secret", "whsec_"),
        ("secret", "whsec_c2hvcnQ=", "24 to 64 bytes"),
        ("secret", "whsec_%%%", "24 to 64 bytes"),
        ("email", ["desk"], "desk@news.example"),
        ("email", ["Desk <desk@news.example>"], "desk@news.example"),
        ("email", ["a@b.example\nBcc: c@d.example"], "desk@news.example"),
        ("email", ["a@b.example"] * 11, "at most 10"),
        ("name", " \n", "needs a name"),
        ("name", "x" * 201, "at most 200"),
    ],
)
def test_what_is_wrong_is_refused_in_one_sentence(field: str, value: object, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        search(**{field: value})


def test_no_secret_is_shown() -> None:
    secret = new_secret()
    saved = search(webhook="https://desk.example/hook?key=geheim&x=1#part", secret=secret)
    told = json.dumps(shown(saved))
    assert secret not in told
    assert "geheim" not in told
    assert shown(saved)["webhook"] == "https://desk.example/hook?key=********&x=********"
    assert shown(saved)["signed"] is True


def test_the_state_is_that_of_the_worst_channel() -> None:
    both: dict[str, Any] = {"webhook": "https://desk.example/", "email": ["desk@news.example"]}
    failing, paused = ChannelState(failures=1), ChannelState(failures=9, paused="gone")
    assert search(**both).condition is Condition.ON
    assert search(**both, channels={Channel.EMAIL: failing}).condition is Condition.FAILING
    assert search(**both, channels={Channel.EMAIL: failing, Channel.WEBHOOK: paused}).condition is Condition.PAUSED
    assert search(**both, channels={Channel.WEBHOOK: paused}, enabled=False).condition is Condition.OFF
    assert search(email=[], channels={Channel.WEBHOOK: paused}).condition is Condition.ON, "it has a feed alone"


def test_a_search_is_saved_without_page_and_order_and_comes_back() -> None:
    query = QuoteQuery(
        words="tax OR levy", speaker=["Ada Lund"], since="7d", copies=True, page=3, size=50, sort="oldest"
    )
    saved = parameters(query)
    assert saved == {"q": "tax OR levy", "speaker": ["Ada Lund"], "since": "7d", "copies": True}
    again = query_of(search(query=saved))
    assert (again.words, again.speaker, again.since, again.copies) == ("tax OR levy", ["Ada Lund"], "7d", True)
    with pytest.raises(InputError, match="needs a condition"):
        parameters(QuoteQuery(page=2))
    with pytest.raises(InputError):
        parameters(QuoteQuery(words="(("))


def test_a_delivery_is_the_same_wherever_the_words_stand() -> None:
    one = Delivery(search="s", channel=Channel.WEBHOOK, article="a", said="h", found=AT)
    assert one.id == one.model_copy(update={"found": datetime.now(UTC)}).id
    others = [one.model_copy(update=change) for change in ({"search": "t"}, {"article": "b"}, {"said": "i"})]
    others.append(one.model_copy(update={"channel": Channel.EMAIL}))
    assert len({one.id, *(other.id for other in others)}) == 5
