"""Fills the indices of the months with short articles and their quotes, quickly.

A document has the fields of the sink's own, since it is made from one of those: what differs from article to article is
filled in. Texts are drawn from 4,000 invented sentences of 12 words, whose words are as unevenly frequent as in news,
with the terms that pipeline.terms makes of them; people and sources are drawn in the same way. Ids, hashes and
fingerprints are all different, and the keywords by which copies are found are those of the fingerprints.
"""

import base64
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import islice
from typing import Any

import httpx
from elasticsearch import Elasticsearch

from benchmarks.search_speed import Words, article
from pipeline import identity, terms
from pipeline.settings import Settings
from pipeline.sink import documents, indices
from pipeline.text import fingerprint

QUOTES = 3
"""Quotes of an article."""

PROCESSES = 2
"""Processes that make documents and send them."""

_SENTENCES, _LENGTH = 4_000, 12  # words of a sentence
_BODY = 4  # sentences of a body; the first ones are the quotes
_PEOPLE = 20_000
_AT_ONCE = 400  # articles in a request
_TIMEOUT = 300.0
_MERGES = "nodes.*.indices.merges.current"
_LOADING = {"refresh_interval": "-1", "translog.durability": "async"}


@dataclass(frozen=True)
class Sentence:
    """A text with the terms of it, each as it stands in JSON."""

    text: str
    terms: str
    stems: str


@dataclass(frozen=True)
class Person:
    """A name with its id and its terms, as they stand in JSON."""

    name: str
    id: str
    terms: str


@dataclass(frozen=True)
class Portion:
    """Articles of one month that one request loads: from this number on, so many."""

    month: str
    days: tuple[float, float]
    """The least and the most days before `now` at which they were published."""
    first: int
    count: int
    now: datetime


class Templates:
    """The documents of the sink as formats, into which the values of one article or quote are filled.

    Args:
        seed: of the texts and names.
    """

    def __init__(self, seed: int = 7) -> None:
        words = Words(seed)
        self.sentences = [_sentence(" ".join(words.some(words.words, _LENGTH))) for _ in range(_SENTENCES)]
        self.people = [_person(name) for name in words.some(words.speakers, _PEOPLE)]
        self.sources = [(json.dumps(name)[1:-1], json.dumps(terms.folded(name))[1:-1]) for name in words.sources]
        event = article(words, 0)
        few = {"quotes": event.quotes[:1], "entities": event.entities[:1], "fingerprint": "x"}
        event = event.model_copy(update=few)
        made = json.loads(documents.article(event, indexed=event.enriched).json)
        inner = made["quotes"][0] | {"id": _hole("id"), "text": _hole("said"), "speaker": _speaker(made["quotes"][0])}
        self._inner = _format(inner)
        self._article = _format(
            made
            | _shared()
            | {
                "id": _hole("article"), "canonical_url": _hole("url"), "body": _hole("body"), "fetched": _hole("now"),
                "content_hash": _hole("hash"), "people": [_hole("person")], "quotes": _hole("quotes", bare=True),
                "quote_ids": _hole("quote_ids", bare=True), "quote_count": QUOTES, "fingerprint": _hole("fingerprint"),
                "bands": _hole("bands", bare=True),
                "terms": _terms("headline") | _terms("body")
                | {"source": _hole("source_terms"), "names": [_hole("named")]},
            }
        )  # fmt: skip
        quote = json.loads(next(documents.quotes(event, indexed=event.enriched)).json)
        key = f"{_hole('person_id')}\tPERSON\t{_hole('person')}"
        entity = {"id": _hole("person_id"), "name": _hole("person"), "label": "PERSON", "key": key}
        self._quote = _format(
            quote
            | _shared()
            | {
                "id": _hole("id"), "article_id": _hole("article"), "text": _hole("said"), "said": _hole("said"),
                "said_hash": _hole("said_hash"), "context_text": _hole("context"), "speaker": _speaker(quote),
                "entities": [entity], "confidence": _hole("confidence", bare=True),
                "terms": _terms("said") | _terms("context") | _terms("headline")
                | {"source": _hole("source_terms"), "speaker": _hole("speaker_terms"), "entities": [_hole("named")]},
            }
        )  # fmt: skip

    def documents(self, number: int, published: datetime, now: datetime) -> Iterator[tuple[str, str, str]]:
        """The kind, the id and the document, as JSON, of an article and of each of its quotes."""
        rng = random.Random(number)
        id = identity.digest("fill", str(number))
        source, source_terms = self.sources[int(len(self.sources) * rng.random() ** 2)]
        said = rng.choices(self.sentences, k=_BODY)
        person, *speakers = rng.choices(self.people, k=QUOTES + 1)
        mark = f"1:{base64.b64encode(rng.randbytes(512)).decode()}"
        moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        shared = {
            "article": id, "url": f"https://fill{number % 997}.example/{number}", "source": source, "now": moment,
            "published": published.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "source_terms": source_terms, "person": person.name, "person_id": person.id, "named": person.terms,
            **_texts("headline", [said[-1]]),
        }  # fmt: skip
        quotes = [
            shared | _texts("said", [one]) | _texts("context", [one, said[-1]]) | {
                "id": f"{id}-{rng.getrandbits(64):016x}", "said_hash": f"{rng.getrandbits(64):016x}",
                "speaker": speaker.name, "speaker_id": speaker.id, "speaker_terms": speaker.terms,
                "confidence": f"{rng.random():.3f}",
            }
            for one, speaker in zip(said, speakers, strict=False)
        ]  # fmt: skip
        whole = shared | _texts("body", said) | {
            "hash": identity.digest("content", str(number)), "fingerprint": mark,
            "bands": json.dumps(fingerprint.bands(mark)),
            "quotes": f"[{','.join(self._inner % quote for quote in quotes)}]",
            "quote_ids": json.dumps([quote["id"] for quote in quotes]),
        }  # fmt: skip
        yield "articles", id, self._article % whole
        for quote in quotes:
            yield "quotes", quote["id"], self._quote % quote


def fill(client: Elasticsearch, settings: Settings, count: int, tell: Callable[[int, float], None]) -> None:
    """Loads so many articles, with their quotes, into the months that the benchmark's own articles are of.

    Args:
        client: asks the Elasticsearch of these settings, which has no login.
        settings: those of the sink that has made the indices.
        count: articles.
        tell: is told every few seconds how many are there, and after how many seconds.
    """
    now = datetime.now(UTC)
    portions = list(_portions(count, now))
    made = indices.prepare(client, settings)
    made.ensure({portion.month for portion in portions})
    names = [indices.pattern(settings, kind, made.version) for kind in indices.KINDS]
    former = f"{indices.REFRESH}s"
    client.indices.put_settings(index=names, settings=_LOADING)
    began = told = time.monotonic()
    done, rest = 0, iter(portions)
    address = settings.elasticsearch_urls[0]
    with ProcessPoolExecutor(PROCESSES) as pool:
        running = {pool.submit(_load, address, settings, one) for one in islice(rest, 2 * PROCESSES)}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            done += sum(one.result() for one in finished)
            running |= {pool.submit(_load, address, settings, one) for one in islice(rest, len(finished))}
            if time.monotonic() - told > 5 or not running:
                told = time.monotonic()
                tell(done, told - began)
    client.indices.put_settings(index=names, settings={"refresh_interval": former, "translog.durability": "request"})
    patient = client.options(request_timeout=_TIMEOUT)
    patient.indices.refresh(index=names)
    patient.indices.flush(index=names)


def wait_for_merges(client: Elasticsearch, *, interval: float = 0.2) -> float:
    """Waits until Elasticsearch merges nothing; the seconds that it took."""
    began, quiet = time.monotonic(), 0
    while quiet < 2:  # twice in a row: a merge may begin when another ends
        answer = client.nodes.stats(metric="indices", index_metric="merge", filter_path=_MERGES)
        current = sum(node["indices"]["merges"]["current"] for node in answer["nodes"].values())
        quiet = 0 if current else quiet + 1
        time.sleep(interval)
    return time.monotonic() - began


def _portions(count: int, now: datetime) -> Iterator[Portion]:
    """The articles, month by month: nine of ten from the last 30 days, others from the last year, as in `corpus`."""
    recent, first = count * 9 // 10, 0
    for articles, least, most in ((recent, 0.0, 30.0), (count - recent, 30.0, 365.0)):
        days: dict[str, list[int]] = {}
        for day in range(int(least), int(most)):
            days.setdefault(f"{now - timedelta(days=day + 0.5):%Y.%m}", []).append(day)
        share = Counter({month: articles * len(some) // int(most - least) for month, some in days.items()})
        share[next(iter(days))] += articles - share.total()
        for month, some in days.items():
            for start in range(0, share[month], _AT_ONCE):
                size = min(_AT_ONCE, share[month] - start)
                yield Portion(month, (float(some[0]), float(some[-1] + 1)), first, size, now)
                first += size


def _load(address: str, settings: Settings, portion: Portion) -> int:
    """In a process of its own: makes the portion's documents and sends them."""
    templates = _templates()
    lines: list[str] = []
    names = {kind: indices.name(settings, kind, portion.month) for kind in indices.KINDS}
    least, most = portion.days
    for number in range(portion.first, portion.first + portion.count):
        share = (number - portion.first + 0.5) / portion.count
        published = portion.now - timedelta(days=least + share * (most - least))
        for kind, id, document in templates.documents(number, published, portion.now):
            lines += (f'{{"index":{{"_index":"{names[kind]}","_id":"{id}"}}}}', document)
    lines.append("")
    answer = _client().post(
        f"{address}/_bulk?filter_path=errors,items.*.error",
        content="\n".join(lines).encode(),
        headers={"content-type": "application/x-ndjson"},
    )
    if answer.status_code != 200 or answer.json().get("errors"):
        raise SystemExit(f"Elasticsearch does not take the articles: {answer.text[:2000]}")
    return portion.count


@cache
def _templates() -> Templates:
    return Templates()


@cache
def _client() -> httpx.Client:
    return httpx.Client(timeout=_TIMEOUT, trust_env=False)


def _shared() -> dict[str, Any]:
    """What the documents of an article and of its quotes have in common."""
    source = {"id": _hole("source"), "name": _hole("source")}
    return {
        "url": _hole("url"), "source": source, "headline": _hole("headline"), "published": _hole("published"),
        "indexed": _hole("now"),
    }  # fmt: skip


def _speaker(quote: Mapping[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = quote["speaker"]
    return own | {"name": _hole("speaker"), "mention": _hole("speaker"), "id": _hole("speaker_id")}


def _terms(field: str) -> dict[str, str]:
    return {field: _hole(f"{field}_terms"), f"{field}_stems": _hole(f"{field}_stems")}


def _texts(field: str, sentences: list[Sentence]) -> dict[str, str]:
    return {
        field: " ".join([one.text for one in sentences]),
        f"{field}_terms": " ".join([one.terms for one in sentences]),
        f"{field}_stems": " ".join([one.stems for one in sentences]),
    }


def _sentence(text: str) -> Sentence:
    return Sentence(*(json.dumps(one)[1:-1] for one in (text, *terms.indexed(text))))


@lru_cache(_PEOPLE)
def _person(name: str) -> Person:
    own = (name, identity.name_id("PERSON", name), terms.folded(name))
    return Person(*(json.dumps(one)[1:-1] for one in own))


def _hole(name: str, *, bare: bool = False) -> str:
    """Where a value belongs: within a string, or, `bare`, in the place of one."""
    return f"<<{name}>>" if bare else f"<{name}>"


def _format(document: Mapping[str, Any]) -> str:
    """The document as JSON with a place for each value, for the operator %."""
    text = json.dumps(document).replace("%", "%%")
    for opening, closing in (('"<<', '>>"'), ("<", ">")):
        while (at := text.find(opening)) >= 0:
            end = text.index(closing, at)
            text = f"{text[:at]}%({text[at + len(opening) : end]})s{text[end + len(closing) :]}"
    return text
