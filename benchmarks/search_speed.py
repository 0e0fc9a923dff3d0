"""Measures how long searches take over many quotes, beside the same requests sent to Elasticsearch directly.

    python -m benchmarks.search_speed --quotes 1000000

Starts an Elasticsearch of its own (or uses the one of WHOSAID_ELASTICSEARCH__URL with --given), bulk-loads invented
quotes whose words, speakers and sources are as unevenly frequent as in news, and merges nothing by hand. Then it runs
different searches, each with parameters of its own so that no cache answers, and prints the median and the 95th
percentile beside the goal, without the first of each kind. What is searched for is in the quotes: speakers and sources
as often as they are there, and words without the hundred most frequent, which stand for the, of, and.

The ratio is that of the time that a faceted search takes from Python to the time that Elasticsearch takes for the
requests that it consists of, sent again as they were, in turns and with the caches of requests emptied before each.
Beside it stands the ratio to one request for all of it: the quotes, the facets and the histogram. Then `whosaid serve`
draws pages and exports everything, and `whosaid export` writes it to a file; the most memory of each is printed.
Indices are removed afterwards.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from elasticsearch import Elasticsearch, helpers

from benchmarks.stages import free_ports
from pipeline import elasticsearch_client, identity, models, settings
from pipeline.errors import NotFoundError
from pipeline.search import analyses, queries
from pipeline.search.analyses import TrendParameters
from pipeline.search.counting import FACETS, Wanted
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings
from pipeline.sink import documents, indices

NOW = datetime.now(UTC)
QUOTES = 5  # of an article
DAYS = 360
GOALS = {
    "faceted search with histogram": 150,
    "completion of a name": 30,
    "speaker page": 300,
    "search page, over HTTP": 500,
    "home page, over HTTP": 500,
}
"""Milliseconds at the 95th percentile, over a million quotes on two cores."""

MEMORY_GOAL = 200
"""Megabytes that each process may have in memory while it exports everything."""

RATIO_GOAL = 1.3
FIRST = 20
"""Requests of each kind before those that are measured."""

_SEED = 2
_FUNCTION_WORDS = 100
"""How many of the most frequent words nobody searches for."""

_SYLLABLES = ("ba", "ne", "tor", "li", "ka", "mu", "ses", "dro", "vin", "pel", "sta", "gor")
_COMMAND = (sys.executable, "-m", "pipeline.cli.main")
_CUES = ("say", "tell", "warn", "add", "announce", "argue", "insist", "claim", "explain", "ask")


class Words:
    """Invented words, names and sources, as unevenly frequent as real ones (Zipf).

    Args:
        seed: makes the words. Those of the same seed are the same.
        choices: another seed, for what is chosen of them.
    """

    def __init__(self, seed: int = 1, choices: int | None = None) -> None:
        self.random = random.Random(seed)
        self.words = self._names(20_000, 2, 4)
        self.speakers = [
            f"{a.title()} {b.title()}"
            for a, b in zip(self._names(20_000, 2, 3), self._names(20_000, 2, 4), strict=True)
        ]
        self.sources = [f"{word.title()} Times" for word in self._names(300, 2, 3)]
        self._weights = {size: self._zipf(size) for size in (20_000, 300, len(_CUES))}
        frequent = set(self.words[:_FUNCTION_WORDS])
        ranks = [rank for rank, word in enumerate(self.words, 1) if word not in frequent]
        self.content = [self.words[rank - 1] for rank in ranks]
        """The words that people search for."""
        self._weights[len(ranks)] = list(itertools.accumulate(1 / rank for rank in ranks))
        if choices is not None:
            self.random = random.Random(choices)

    def some(self, values: list[str] | tuple[str, ...], number: int) -> list[str]:
        """So many of the values, the first ones far more often."""
        return self.random.choices(values, cum_weights=self._weights[len(values)], k=number)

    def _names(self, number: int, least: int, most: int) -> list[str]:
        return ["".join(self.random.choices(_SYLLABLES, k=self.random.randint(least, most))) for _ in range(number)]

    @staticmethod
    def _zipf(size: int) -> list[float]:
        return list(itertools.accumulate(1 / rank for rank in range(1, size + 1)))


def article(words: Words, number: int) -> models.Enriched:
    """An article of 300 words with five quotes of different speakers, of one of the last 360 days."""
    body, quotes, entities = "", [], []
    id = f"bench-{number}"
    for _ in range(QUOTES):
        speaker, place = words.some(words.speakers, 2)
        cue = words.some(_CUES, 1)[0]
        said = " ".join(words.some(words.words, 22)) + f" {place}"
        start = len(body) + 1
        body += f"“{said},” {speaker} {cue}. " + " ".join(words.some(words.words, 35)) + ".\n"
        at = start + len(said) - len(place)
        entities.append(
            models.Entity(
                start=at,
                end=at + len(place),
                text=place,
                label="PERSON",
                name=place,
                id=identity.name_id("PERSON", place),
            )
        )
        quotes.append(models.Quote(
            id=identity.quote_id(id, said, [(start, start + len(said))]),
            type=words.random.choice(list(models.QuoteType)), text=said, start=start, end=start + len(said),
            segments=[(start, start + len(said))], confidence=words.random.random(), context=(start, len(body)),
            cue=models.Cue(text=cue, lemma=cue, start=0, end=1),
            speaker=models.Speaker(
                name=speaker, id=identity.name_id("PERSON", speaker), mention=speaker, start=0, end=1,
                resolution=models.Resolution.NAMED, confidence=0.9,
            ),
        ))  # fmt: skip
    source = words.some(words.sources, 1)[0]
    return models.Enriched(
        article=models.Article(
            id=id, url=f"https://bench.example/{number}", canonical_url=f"https://bench.example/{number}", body=body,
            source=models.Source(id=source, name=source), headline=" ".join(words.some(words.words, 8)), fetched=NOW,
            published=NOW - timedelta(minutes=words.random.randrange(DAYS * 1440)), revision=1, content_hash="h",
            language="en",
        ),
        entities=entities, quotes=quotes, enriched=NOW, model=models.ModelInfo(name="none", version="0", engine="0"),
    )  # fmt: skip


def load(client: Elasticsearch, configured: Settings, number: int) -> float:
    """Fills the indices with so many quotes; the seconds that it took."""
    made = indices.prepare(client, configured)
    made.ensure({f"{NOW - timedelta(days=day):%Y.%m}" for day in range(DAYS + 1)})
    words, begin = Words(_SEED), time.monotonic()

    def actions() -> Iterator[dict[str, Any]]:
        for at in range(number // QUOTES):
            one = article(words, at)
            month = indices.month(one.article, now=NOW, months=120)
            index = indices.name(configured, "quotes", month, made.version)
            for document in documents.quotes(one, indexed=NOW):
                yield {"_index": index, "_id": document.id, "_source": json.loads(document.json)}

    for done, _ in enumerate(
        helpers.streaming_bulk(client.options(request_timeout=300), actions(), chunk_size=1000), 1
    ):
        if not done % 50_000:
            print(f"  {done:,} quotes after {time.monotonic() - begin:.0f} s", flush=True)
    client.options(request_timeout=300).indices.refresh(index=configured.quotes_alias)
    return time.monotonic() - begin


def searches(words: Words, times: int) -> dict[str, list[Callable[[Reader], Any]]]:
    """By name, requests of each kind, no two alike."""

    def faceted(query: QuoteQuery) -> Callable[[Reader], Any]:
        return lambda reader: reader.search_quotes(query, facets=True, histogram=True)

    def newest(text: str) -> Callable[[Reader], Any]:
        return lambda reader: reader.search_quotes(QuoteQuery(words=text, sort="newest"))

    def completion(text: str) -> Callable[[Reader], Any]:
        return lambda reader: reader.speakers(text)

    def profile(id: str) -> Callable[[Reader], Any]:
        return lambda reader: analyses.speaker(reader, id, QuoteQuery())

    def trend(parameters: TrendParameters) -> Callable[[Reader], Any]:
        return lambda reader: analyses.trends(reader, parameters)

    made: dict[str, list[Callable[[Reader], Any]]] = {}
    for _ in range(times):
        one, other = words.some(words.content, 2)
        name = words.some(words.speakers, 1)[0]
        since = f"{words.random.randrange(1, DAYS)}d"
        kinds = {
            "faceted search with histogram": faceted(QuoteQuery(words=f"{one} {other}")),
            "its second page": faceted(QuoteQuery(words=f"{one} {other}", page=2)),
            "faceted, one word": faceted(QuoteQuery(words=one)),
            "faceted, one of two words, since": faceted(QuoteQuery(words=f"{one} OR {other}", since=since)),
            "faceted, of one source, since": faceted(QuoteQuery(source=words.some(words.sources, 1)[0], since=since)),
            "faceted, a word and a speaker": faceted(QuoteQuery(words=one, speaker=name)),
            "faceted, a word that no quote has": faceted(QuoteQuery(words=f"{one} {other}q")),
            "phrase, newest": newest(f'"{one} {other}"'),
            "completion of a name": completion(name[:5]),
            "speaker page": profile(identity.name_id("PERSON", name)),
            "trends, by week": trend(TrendParameters(interval="week", since=since)),
        }  # fmt: skip
        for kind, request in kinds.items():
            made.setdefault(kind, []).append(request)
    return made


def measure(reader: Reader, requests: list[Callable[[Reader], Any]]) -> list[float]:
    """The milliseconds of each request but the first ones, which a fresh Elasticsearch compiles itself for."""
    taken = []
    for request in requests:
        begin = time.perf_counter()
        with contextlib.suppress(NotFoundError):  # a rare name may have no quote
            request(reader)
        taken.append((time.perf_counter() - begin) * 1000)
    return taken[FIRST:]


class Recorder:
    """Notes the searches that go through a client, and sends them again."""

    def __init__(self, client: Elasticsearch) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self._client = client
        self._perform = client.transport.perform_request
        client.transport.perform_request = self._note  # type: ignore[method-assign]

    def _note(self, method: str, target: str, **options: Any) -> Any:
        if "/_search" in target:
            self.sent.append((target, options["body"]))
        return self._perform(method, target, **options)

    def replay(self, requests: list[tuple[str, dict[str, Any]]]) -> None:
        """Sends these requests, one after the other."""
        headers = {"accept": "application/json", "content-type": "application/json"}
        for target, body in requests:
            self._client.perform_request("POST", target, headers=headers, body=body)


def ratios(configured: Settings, words: Words, times: int) -> tuple[float, float]:
    """WhoSaid's time over Elasticsearch's for the same faceted searches; the medians.

    The first is to the requests that WhoSaid sends, the second to one request for all of it.
    """
    with elasticsearch_client.connect(configured) as client:
        recorder = Recorder(client)
        with Reader(configured, client) as reader:
            asked = [QuoteQuery(words=" ".join(words.some(words.content, 2))) for _ in range(times)]
            found = [_compared(client, reader, recorder, configured.quotes_alias, query) for query in asked]
    return statistics.median(ours / same for ours, same, _ in found), statistics.median(
        ours / at_once for ours, _, at_once in found
    )


def _compared(
    client: Elasticsearch, reader: Reader, recorder: Recorder, alias: str, query: QuoteQuery
) -> tuple[float, float, float]:
    """Seconds for a search by WhoSaid, for its requests alone, and for one request for all of it, in turns."""
    recorder.sent.clear()
    reader.search_quotes(query, facets=True, histogram=True)
    sent = list(recorder.sent)
    (counted,) = queries.counted(query, Wanted(FACETS, histogram=True), found=1_000_000, timeout=10)
    whole = queries.quotes(query, size=20, timeout=10) | {"aggs": counted["aggs"]}
    ways: tuple[Callable[[], object], ...] = (
        lambda: reader.search_quotes(query, facets=True, histogram=True),
        lambda: recorder.replay(sent),
        lambda: client.search(index=alias, body=whole),
    )
    taken = [0.0, 0.0, 0.0]
    for turn in range(5):
        for at, way in enumerate(ways):
            client.indices.clear_cache(index=alias, request=True)
            begin = time.perf_counter()
            way()
            if turn:  # the first fills the caches of filters
                taken[at] += time.perf_counter() - begin
    ours, same, at_once = taken
    return ours, same, at_once


def told(kind: str, taken: list[float]) -> None:
    """Prints the median and the 95th percentile of these milliseconds, and the goal."""
    ordered = sorted(taken)
    goal = f" (goal: {GOALS[kind]})" if kind in GOALS else ""
    p95 = ordered[max(0, int(len(ordered) * 0.95) - 1)]
    print(f"{kind}: median {statistics.median(ordered):.0f} ms, p95 {p95:.0f} ms{goal}", flush=True)


def over_http(configured: Settings, words: Words, times: int) -> None:
    """Lets `whosaid serve` draw pages and export everything, and `whosaid export` write it to a file."""
    (port,) = free_ports(1)
    configured = configured.model_copy(
        update={"search": configured.search.model_copy(update={"port": port, "rate_limit": 0})}
    )
    variables = os.environ | settings.environment(configured)
    with (
        subprocess.Popen([*_COMMAND, "serve"], env=variables, stderr=subprocess.DEVNULL) as service,
        httpx.Client(base_url=configured.search_url, timeout=600, trust_env=False) as client,
    ):
        try:
            _wait_for(client)
            pages = {
                "search page, over HTTP": [f"/search?q={' '.join(words.some(words.content, 2))}" for _ in range(times)],
                "home page, over HTTP": ["/"] * min(times, 10),
            }
            for kind, paths in pages.items():
                told(kind, [_drawn(client, path) for path in paths])
            begin, size = time.monotonic(), 0
            with client.stream("GET", "/api/v1/export.jsonl") as answer:
                answer.raise_for_status()
                for piece in answer.iter_raw():
                    size += len(piece)
            seconds = time.monotonic() - begin
            _told_memory(f"whosaid serve, export of {size / 1e6:,.0f} MB in {seconds:.0f} s", _peak(service.pid))
        finally:
            service.terminate()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "quotes.csv"
        begin = time.monotonic()
        process = subprocess.Popen([*_COMMAND, "export", str(file)], env=variables, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, "whosaid export failed"
        seconds = time.monotonic() - begin
        what = f"whosaid export, {file.stat().st_size / 1e6:,.0f} MB in {seconds:.0f} s"
        _told_memory(what, usage.ru_maxrss / 1024)


def _drawn(client: httpx.Client, path: str) -> float:
    begin = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - begin) * 1000


def _told_memory(what: str, megabytes: float) -> None:
    print(f"{what}: {megabytes:.0f} MB of memory at the most (goal: {MEMORY_GOAL})", flush=True)


def _peak(pid: int) -> float:
    """The most memory that a process has had, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def _wait_for(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if client.get("/readyz").status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError("whosaid serve did not start")


@contextlib.contextmanager
def engine(given: bool) -> Iterator[Settings]:
    """Settings with an Elasticsearch that runs, and a prefix of their own."""
    configured = settings.load()
    configured = configured.model_copy(
        update={
            "elasticsearch": configured.elasticsearch.model_copy(update={"prefix": f"bench-{uuid.uuid4().hex[:6]}"})
        }
    )
    if given:
        yield configured
        return
    from pipeline.embedded.elasticsearch import ElasticsearchServer

    port, transport = free_ports(2)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        embedded = configured.embedded.model_copy(update={
            "data_dir": Path(folder), "elasticsearch_port": port, "elasticsearch_transport_port": transport,
            "elasticsearch_heap": "2g",
        })  # fmt: skip
        configured = configured.model_copy(update={
            "embedded": embedded,
            "elasticsearch": configured.elasticsearch.model_copy(update={"url": f"http://127.0.0.1:{port}"}),
        })  # fmt: skip
        with ElasticsearchServer(configured):
            yield configured


def main() -> None:
    """Loads and measures once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quotes", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=60, help="requests of each kind")
    parser.add_argument("--given", action="store_true", help="use the Elasticsearch of the settings")
    arguments = parser.parse_args()
    with engine(arguments.given) as configured, elasticsearch_client.connect(configured) as client:
        try:
            seconds = load(client, configured, arguments.quotes)
            print(f"{arguments.quotes:,} quotes loaded in {seconds:.0f} s")
            words = Words(_SEED, choices=3)
            with Reader(configured) as reader:
                for kind, requests in searches(words, FIRST + arguments.times).items():
                    told(kind, measure(reader, requests))
            same, at_once = ratios(configured, words, 15)
            print(f"WhoSaid / the same requests to Elasticsearch: {same:.2f} (goal: {RATIO_GOAL})", flush=True)
            print(f"WhoSaid / one request for quotes, facets and histogram: {at_once:.2f}", flush=True)
            over_http(configured, words, arguments.times)
        finally:
            for index in client.indices.get(index=f"{configured.elasticsearch.prefix}-*"):
                client.options(request_timeout=300).indices.delete(index=index, ignore_unavailable=True)
            for kind in indices.KINDS:
                client.options(ignore_status=404).indices.delete_index_template(
                    name=f"{configured.elasticsearch.prefix}-{kind}-v1"
                )


if __name__ == "__main__":
    main()
