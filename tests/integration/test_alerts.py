"""Alerts on the real engines: told by webhook and by mail, each quote once, whatever comes again and whoever dies."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from fastapi.testclient import TestClient

from pipeline import access_tokens as auth
from pipeline import elasticsearch_client
from pipeline.access_tokens import Scope
from pipeline.alerts.book import Alerts
from pipeline.alerts.models import Channel, Condition, Delivery
from pipeline.alerts.outbox import SENT, Outbox
from pipeline.alerts.part import AlertPart
from pipeline.cli.main import main
from pipeline.errors import InputError
from pipeline.models import Enriched
from pipeline.search.api import create_app
from pipeline.search.matching import Matcher
from pipeline.settings import Settings
from tests.integration import sinks
from tests.integration.commands import Command, command_in_process
from tests.integration.receivers import Postbox, Receiver, mail_server, telling, webhook
from tests.unit.sink.factory import enriched

pytestmark = pytest.mark.engines


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, int]]:
    with mail_server() as box:
        yield box


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    with webhook() as made:
        yield made


@pytest.fixture
def told(quick: Settings, postbox: tuple[Postbox, int]) -> Settings:
    return telling(quick, smtp_port=postbox[1])


@pytest.fixture
def command(told: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `whosaid alert …`: its exit code and what it printed."""
    return command_in_process("alert", told, monkeypatch, capsys)


@contextmanager
def alerting(settings: Settings) -> Iterator[AlertPart]:
    """A part in a thread that has its partitions; stopped at the end, and what it raised is raised."""
    with (
        elasticsearch_client.connect(settings) as client,
        sinks.in_thread(AlertPart(settings, Matcher(client, settings))) as part,
    ):
        yield part


def article(number: int | str, *says: str, **changes: Any) -> Enriched:
    return enriched(f"article-{number}", says or (f"The bridge number {number} will open.",), **(now() | changes))


def now() -> dict[str, Any]:
    return {"fetched": datetime.now(UTC)}


@pytest.mark.guarantee("alerts-once")
def test_told_once_by_webhook_and_mail(
    told: Settings, receiver: tuple[Receiver, str], postbox: tuple[Postbox, int], command: Command
) -> None:
    """Added by the command; repeats, revisions and other articles; changed, tested, turned off, removed."""
    hook, address = receiver
    box, _ = postbox
    told_to = ("--webhook", f"{address}?key=geheim", "--email", "desk@news.example")
    code, text = command("add", "bridge", "--name", "bridge", "--in", "quote", *told_to, "--json")
    assert code == 0, text
    added = json.loads(text)
    hook.secret = added["secret"]
    id = added["id"]
    assert "geheim" not in text
    with sinks.running(told), alerting(told):
        old = article("old", "The old bridge is shut.", fetched=datetime.now(UTC) - timedelta(hours=2))
        first = article(1)
        sinks.publish(told, [old, first, article(2), article(3, "It rains in Spain."), first])
        sinks.wait_until(lambda: len(hook.said()) == 2 and len(box.mails) >= 1, "both are told")
        # again, and moved in the text by a correction
        moved = article(1, "A word before.", "The bridge number 1 will open.", revision=5)
        again = [first, moved, article(4, "The bridge is late.")]
        sinks.publish(told, again)
        sinks.wait_until(lambda: "The bridge is late." in hook.said(), "the new one is told")
        sinks.wait_until(lambda: matched_to_the_end(told), "all are matched")
        expected = ["The bridge is late.", "The bridge number 1 will open.", "The bridge number 2 will open."]
        assert hook.said() == expected
        assert hook.forged == 0
        sinks.wait_until(lambda: mailed(box) == expected, "the mails tell the same")
        assert len({mail["Message-ID"] for mail in box.mails}) == len(box.mails)
        assert box.mails[0]["To"] == "desk@news.example"
        message = next(iter(hook.messages().values()))
        assert message["type"] == "quotes.found"
        assert message["data"]["alert"]["name"] == "bridge"
        assert message["data"]["quotes"][0]["speaker"]["name"] == "Ada Lund"
        assert message["data"]["quotes"][0]["page"].startswith(f"{told.search_url}/quotes/")

        code, text = command("test", id)
        assert (code, text.count("accepted")) == (0, 2), text
        assert [body["type"] for _, body in hook.requests if body["type"] == "quotes.test"] == ["quotes.test"]
        assert command("change", id, "--words", "tunnel", "--email", "none")[0] == 0
        sinks.publish(told, [article(5), article(6, "The tunnel is dug.")])
        sinks.wait_until(lambda: "The tunnel is dug." in hook.said(), "the other search is told")
        assert "The bridge number 5 will open." not in hook.said()
        assert command("pause", id)[0] == 0
        sinks.publish(told, [article(7, "Another tunnel is dug.")])
        sinks.wait_until(lambda: matched_to_the_end(told), "it is passed over")
        assert command("resume", id)[0] == 0
        sinks.publish(told, [article(8, "A third tunnel is dug.")])
        sinks.wait_until(lambda: "A third tunnel is dug." in hook.said(), "it is told again")
        assert "Another tunnel is dug." not in hook.said()
    text = "".join(command(*arguments)[1] for arguments in (("list",), ("show", id), ("list", "--json")))
    assert hook.secret not in text
    assert "geheim" not in text
    assert json.loads(command("show", id, "--json")[1])["channels"]["webhook"]["sent"]
    assert command("remove", id)[0] == 0
    assert command("show", id)[0] == 5
    assert "no saved searches" in command("list")[1]


@pytest.mark.guarantee("alerts-paused")
def test_what_fails_is_tried_again_then_paused(
    told: Settings, receiver: tuple[Receiver, str], client: Elasticsearch, command: Command
) -> None:
    """500 is tried again and paused, 410 paused at once, the private address refused; the others are told meanwhile."""
    hook, address = receiver
    base = address.removesuffix("/hook")
    hook.status = {"/broken": 500, "/gone": 410}
    guarded = told.model_copy(update={"alerts": told.alerts.model_copy(update={"allow_private_addresses": False})})
    alerts = Alerts(client, told)
    query = {"q": "bridge", "in": ["quote"]}
    ids = {name: alerts.add(name=name, query=query, webhook=f"{base}/{name}").id for name in ("broken", "gone", "good")}
    state = {name: (lambda id=id: alerts.get(id).state(Channel.WEBHOOK)) for name, id in ids.items()}
    with sinks.running(told):
        with alerting(told):
            sinks.publish(told, [article(1), article(2)])
            sinks.wait_until(lambda: bool(state["broken"]().paused and state["gone"]().paused), "both are paused")
            sinks.wait_until(lambda: len(hook.said("/good")) == 2, "the good one is told")
            assert hook.tries.count("/broken") == told.alerts.max_failures
            assert hook.tries.count("/gone") == 1
            assert "status 500" in str(state["broken"]().paused)
            assert "gone for good" in str(state["gone"]().paused)
            assert alerts.get(ids["broken"]).condition is Condition.PAUSED
            # what is found meanwhile waits; what is taken down is not told any more
            sinks.publish(told, [article(3)])
            sinks.wait_until(lambda: alerts.waiting().get(ids["broken"]) == 3, "the third waits too")
            assert "✗" in command("list")[1]
            assert main(["article", "delete", "article-2", "--because", "a test", "--yes"]) == 0
            hook.status = {}
            assert command("resume", ids["broken"])[0] == 0
            told_later = ["The bridge number 1 will open.", "The bridge number 3 will open."]
            sinks.wait_until(lambda: hook.said("/broken") == told_later, "what waited is told")
            sinks.wait_until(lambda: alerts.waiting().get(ids["broken"], 0) == 0, "nothing waits")
            assert state["broken"]().failures == 0
        with alerting(guarded):
            sinks.publish(told, [article(4)])
            sinks.wait_until(lambda: bool(state["good"]().paused), "the private address is refused")
            assert "WHOSAID_ALERTS__ALLOW_PRIVATE_ADDRESSES" in str(state["good"]().paused)
            assert "The bridge number 4 will open." not in hook.said()


def test_a_search_that_cannot_be_run_harms_no_other(
    told: Settings, client: Elasticsearch, receiver: tuple[Receiver, str]
) -> None:
    hook, address = receiver
    alerts = Alerts(client, told)
    bad = alerts.add(name="bad", query={"q": "(("}, webhook=address).id
    for number in range(60):
        alerts.add(name=f"idle {number}", query={"q": f"nothing{number}"}, webhook=address)
    alerts.add(name="good", query={"q": "bridge", "in": ["quote"]}, webhook=address)
    unknown = alerts.add(name="unknown", query={"moods": "glad"}, webhook=address).id
    unread = alerts.add(name="unread", query={"q": "bridge"}, webhook=address).id
    client.update(index=told.alerts_index, id=unread, doc={"told": {"webhook": "gopher://x"}}, refresh=True)
    with pytest.raises(InputError, match=f"{unread} cannot be read: webhook: a webhook is an http or https address"):
        alerts.get(unread)
    outbox = Outbox(client, told)
    with sinks.running(told), alerting(told), alerting(told):  # two processes, of which one sends
        sinks.publish(told, [article(number) for number in range(20)])
        sinks.wait_until(lambda: len(hook.said()) == 20, "all are told")
        sinks.wait_until(lambda: bool(alerts.get(bad).state(Channel.WEBHOOK).paused), "the bad one is paused")
        assert (
            alerts.get(unknown).state(Channel.WEBHOOK).paused
            == "The search cannot be run: moods: nothing has this name"
        )
        assert alerts.remove(unread) == "unread"
        sinks.wait_until(lambda: sum(outbox.counts("sent").values()) == 20, "all are noted as sent")
        assert outbox.prune(datetime.now(UTC) + timedelta(days=500)) == 20
        client.indices.delete(index=[told.deliveries_index, told.alerts_index])  # as somebody may
        alerts.add(name="new", query={"q": "tunnel", "in": ["quote"]}, webhook=address)
        sinks.publish(told, [article("new", "The tunnel is dug.")])
        sinks.wait_until(lambda: "The tunnel is dug." in hook.said(), "a new one is told")
    assert len(set(hook.said())) == 21
    assert len(hook.requests) == len(hook.messages())


@pytest.mark.guarantee("alerts-once")
def test_of_two_processes_that_send_one_begins_a_message(told: Settings, client: Elasticsearch) -> None:
    """Whatever one does between two steps of the other: what is begun stays as it is, what is sent is not begun."""
    mine, other = Outbox(client, told), Outbox(client, told)
    mine.prepare()
    lane = ("abcdefghijkl", Channel.WEBHOOK)
    moment = datetime.now(UTC).replace(microsecond=0)
    deliveries = [
        Delivery(search=lane[0], channel=lane[1], article=f"a{number}", said="h", found=moment) for number in range(5)
    ]
    assert mine.add(deliveries) == 5
    assert other.add(deliveries) == 0
    assert mine.lanes() == other.lanes() == {lane: moment}
    assert mine.lanes(without=["abcdefghijkl:webhook"]) == {}
    place = mine.last([lane])[0].place
    (begun,) = mine.begin([lane], 3)
    assert begun
    assert len(begun.waiting) == 3
    assert other.next([lane], [place], 3) == [None], "somebody was faster"
    (again,) = other.begin([lane], 3)
    assert again
    assert (again.id, again.waiting, again.accepted) == (begun.id, begun.waiting, False)
    mine.end(begun.waiting[:1], SENT)  # killed here, the next one notes the rest and sends nothing
    (killed,) = other.last([lane])
    assert killed.accepted
    assert killed.waiting == begun.waiting[1:]
    # no refresh since: a search would still find all five
    (second,) = other.begin([lane], 3)
    assert second
    assert not {one.id for one in second.waiting} & {one.id for one in begun.waiting}
    assert len(second.waiting) == 2
    assert mine.next([lane], [begun.place], 3) == [None], "somebody was faster"
    other.end(second.waiting, SENT)
    absent = ("mnopqrstuvwx", Channel.WEBHOOK)
    assert other.begin([absent, lane], 3) == [None, None]
    assert mine.lanes() == {}
    assert mine.add(deliveries) == 0
    assert mine.forget_search(lane[0]) == 6, "five deliveries and the lane"


def test_over_http(told: Settings, receiver: tuple[Receiver, str], tmp_path: Path) -> None:
    """Saved, shown, changed, tried out and removed with a token of an administrator; never with a reader's."""
    hook, address = receiver
    reader, first = auth.create("ann")
    admin, second = auth.create("bea", [Scope.ADMIN])
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{first}\n{second}\n")
    guarded = told.model_copy(update={"search": told.search.model_copy(update={"tokens_file": tokens})})
    new = {"name": "Bridges", "query": {"q": "bridge", "in": ["quote"], "page": 3}, "webhook": f"{address}?key=geheim"}
    with TestClient(create_app(guarded), base_url="http://localhost") as service:
        service.headers["Authorization"] = f"Bearer {reader}"
        for method, path in (("GET", ""), ("POST", ""), ("GET", "/x"), ("DELETE", "/x"), ("POST", "/x/test")):
            assert service.request(method, f"/api/v1/alerts{path}").status_code == 403, (method, path)
        service.headers["Authorization"] = f"Bearer {admin}"
        assert service.get("/api/v1/alerts").json() == []
        made = service.post("/api/v1/alerts", json=new)
        assert made.status_code == 201, made.text
        hook.secret, one = made.json()["secret"], f"/api/v1/alerts/{made.json()['id']}"
        assert made.json()["query"] == {"q": "bridge", "in": ["quote"]}
        shown = service.get(one).text + service.get("/api/v1/alerts").text
        assert hook.secret not in shown
        assert "geheim" not in shown
        assert service.get(made.json()["feed"].removeprefix(told.search_url)).status_code == 200
        assert service.post(f"{one}/test").json() == {"accepted": ["webhook"], "failed": {}}
        assert [body["type"] for _, body in hook.requests] == ["quotes.test"]
        for wrong, sentence in (
            ({"query": {}}, "needs a condition"),
            ({"query": {"q": "(("}}, "bracket"),
            ({"webhook": "ftp://x.example"}, "http or https"),
            ({"secret": "short"}, "whsec_"),
            ({"email": ["nobody"]}, "recipient"),
            ({"color": "red"}, "not a parameter"),
        ):
            refused = service.patch(one, json=wrong)
            assert refused.status_code == 422, wrong
            assert sentence in refused.json()["detail"], refused.text
        changed = service.patch(one, json={"name": "All bridges", "email": ["desk@news.example"], "enabled": False})
        assert changed.json() | {"changed": None, "channels": None} == made.json() | {
            "name": "All bridges", "email": ["desk@news.example"], "enabled": False, "state": "off", "secret": None,
            "changed": None, "channels": None,
        }  # fmt: skip
        assert service.patch(one, json={"enabled": True, "webhook": None}).json()["webhook"] is None
        assert service.delete(one).status_code == 204
        assert service.get(one).status_code == service.post(f"{one}/test").status_code == 404
        assert service.delete(one).status_code == 404
        assert "takes POST alone" in service.get(f"{one}/test").json()["detail"]
        on_the_page(service, reader)


def on_the_page(service: TestClient, reader: str) -> None:
    """The page's forms keep what was typed where it is wrong; what is no search, and who may not, is refused."""
    typed = {
        "query": "q=bridge",
        "name": "Bridges <b>",
        "webhook": "https://ana:x@desk.example/",
        "email": "a@b.example",
    }
    refused = service.post("/alerts", data=typed)
    assert refused.status_code == 422
    assert "Webhook: an address with a login in it is not taken" in refused.text
    assert 'value="Bridges &lt;b&gt;"' in refused.text
    assert 'value="a@b.example"' in refused.text
    for wrong, sentence in (
        ({"query": "q=(("}, "bracket"),
        ({"query": ""}, "needs a condition"),
        ({"name": " "}, "Name: "),
        ({"email": "a@b.example x"}, "E-mail: a recipient"),
    ):
        answer = service.post("/alerts", data=typed | {"webhook": ""} | wrong)
        assert answer.status_code == 422, wrong
        assert sentence in answer.text
    assert service.get("/alerts?q=((").status_code == 422
    assert service.get("/alerts?" + "&".join(["q=a"] * 600)).status_code == 422
    saved = service.post("/alerts", data=typed | {"webhook": ""}, follow_redirects=False)
    assert saved.status_code == 303
    path = saved.headers["location"].replace("#alert-", "/")
    assert service.post(path, data={"name": ""}).status_code == 422
    assert service.post(f"{path}/paint").status_code == 422
    assert service.post(f"{path}/pause", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert service.post(f"{path}/remove", follow_redirects=False).status_code == 303
    service.headers["Authorization"] = f"Bearer {reader}"
    assert [service.get("/alerts").status_code, service.post(path).status_code] == [403, 403]
    assert "Save this search" not in service.get("/search?q=bridge").text


def mailed(box: Postbox) -> list[str]:
    """What was said in all mails but tests."""
    texts = [mail.get_content() for mail in box.mails if "a test" not in mail["Subject"]]
    return sorted(
        line.partition("“")[2].rstrip("”") for text in texts for line in text.splitlines() if "Lund: “" in line
    )


def matched_to_the_end(settings: Settings) -> bool:
    from pipeline import kafka_client, topics

    group, topic = topics.alerts_group(settings), topics.enriched(settings).name
    return kafka_client.lag(settings, group, topic).waiting == 0
