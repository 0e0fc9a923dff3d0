"""What is done to a pipeline in the middle of its work. Each returns when the harm is over, not when all is well."""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest
from elasticsearch import ApiError, Elasticsearch, TransportError

from pipeline import elasticsearch_client
from pipeline.embedded.engine import Server
from pipeline.sink import indices
from tests.faults.pipeline import Pipeline
from tests.integration.parts import wait_until
from tests.integration.test_enrichment_kills import spacy_processes

Harm = Callable[[Pipeline], None]

SILENT = {"enrich": 14.0, "sink": 19.0, "connect": 8.0}
"""Seconds of silence after which a part's share has certainly gone to another: session timeouts, leases."""

FULL = 8_000
"""Bytes that files may have on a "full" disk: whatever is larger cannot grow."""


# --- parts


def killed(name: str, times: int = 1) -> Harm:
    """SIGKILL to a part and its processes, a new one in its place; so many times, each in the middle."""

    def harm(pipeline: Pipeline) -> None:
        for turn in range(1, times + 1):
            pipeline.flowing(0.15 * turn)
            pipeline.parts[name].kill()
            pipeline.restart(name)
            pipeline.ready(name)

    return harm


def frozen(name: str) -> Harm:
    """SIGSTOP to a part until another has its share; then it wakes up and believes it still has it."""

    def harm(pipeline: Pipeline) -> None:
        pipeline.parts[name].send(signal.SIGSTOP)
        time.sleep(SILENT[name.partition("-")[0]])
        pipeline.parts[name].send(signal.SIGCONT)

    return harm


def replaced(*names: str) -> Harm:
    """SIGTERM to each part in turn, and a new one in its place: an update."""

    def harm(pipeline: Pipeline) -> None:
        for name in names:
            assert pipeline.parts[name].terminate(40) == 0, f"{name} did not stop in an orderly way"
            pipeline.restart(name)
            pipeline.ready(name)

    return harm


def coming_and_going(kind: str, turns: int = 5) -> Harm:
    """One of three parts leaves, orderly or killed, another comes, every few seconds."""

    def harm(pipeline: Pipeline) -> None:
        dice = random.Random(turns)
        names = [name for name in pipeline.parts if name.startswith(kind)]
        for turn in range(turns):
            name = names[turn % len(names)]
            if dice.random() < 0.5:
                pipeline.parts[name].kill()
            else:
                pipeline.parts[name].terminate(40)
            pipeline.restart(name)
            time.sleep(dice.uniform(1, 3))

    return harm


def spacy_process(*signals: signal.Signals) -> Harm:
    """These signals to a spaCy process, one after the other, each after the last one's victim was replaced."""

    def harm(pipeline: Pipeline) -> None:
        part = pipeline.parts["enrich"]
        for number in signals:
            victim = spacy_processes(part)[0]
            victim.send_signal(number)
            wait_until(lambda victim=victim: not _lives(victim), 60, message="nobody ended it")  # type: ignore[misc]
            wait_until(lambda: bool(spacy_processes(part)), 60, message="nobody replaced it")
        assert part.process.poll() is None, "the worker itself lives on"

    return harm


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


# --- engines


def crashed(name: str, seconds: float = 4) -> Harm:
    """SIGKILL to an engine; after so many seconds it is started again."""

    def harm(pipeline: Pipeline) -> None:
        server: Server = getattr(pipeline.engines, name)
        server.kill()
        time.sleep(seconds)
        _start(server)

    return harm


def restarted(name: str) -> Harm:
    """An orderly stop of an engine, and a start."""

    def harm(pipeline: Pipeline) -> None:
        server: Server = getattr(pipeline.engines, name)
        server.stop()
        _start(server)

    return harm


def _start(server: Server) -> None:
    # One that ended by itself may hold its port a moment longer than it counts as running.
    wait_until(lambda: not server._listens(), 60, message=f"{server.title} does not let go of its port")
    server.start()


def paused(name: str, seconds: float = 22) -> Harm:
    """SIGSTOP to an engine: connections stay and nothing answers."""

    def harm(pipeline: Pipeline) -> None:
        server: Server = getattr(pipeline.engines, name)
        server.pause()
        time.sleep(seconds)
        server.resume()

    return harm


def disk_full(pipeline: Pipeline) -> None:
    """Elasticsearch finds its disk fuller than the flood stage, and blocks its indices itself; then there is room."""
    with elasticsearch_client.connect(pipeline.settings) as client:
        name = "cluster.routing.allocation.disk.watermark."
        full = dict.fromkeys((name + "low", name + "high", name + "flood_stage"), "9000tb")
        client.cluster.put_settings(persistent=full)
        wait_until(lambda: _blocked(pipeline), 60, message="the disk is not found full")
        time.sleep(3)
        client.cluster.put_settings(persistent=dict.fromkeys(full))
        wait_until(lambda: not _blocked(pipeline), 60, message="the block stays")


def _blocked(pipeline: Pipeline) -> bool:
    with elasticsearch_client.connect(pipeline.settings) as client:
        found = client.indices.get_settings(index=indices.pattern(pipeline.settings, "*"), name="index.blocks.*")
        return any(one["settings"] for one in found.values())


def store_full(name: str) -> Harm:
    """No file of an engine may grow any more, as on a full disk; then there is room, and it is started again.

    What the engine says of it cannot be read: its own log may not grow either. So it is seen by what it cannot do.
    """

    def harm(pipeline: Pipeline) -> None:
        server: Server = getattr(pipeline.engines, name)
        for process in server._family():
            # As the user that it runs as: even root may not do this to others everywhere.
            command = ["prlimit", f"--pid={process.pid}", f"--fsize={FULL}:"]
            subprocess.run(command, user=process.uids().real, group=process.gids().real, check=True)
        if name == "kafka":
            wait_until(lambda: not server.is_running, 60, message="Kafka goes on without a place to write to")
        else:
            with elasticsearch_client.connect(pipeline.settings) as client, pytest.raises((ApiError, TransportError)):
                _write(client, f"{pipeline.settings.elasticsearch.prefix}-probe")
        time.sleep(5)
        server.kill()
        _start(server)

    return harm


def _write(client: Elasticsearch, index: str) -> None:
    for _ in range(20):
        client.index(index=index, document={"x": "y" * FULL})


# --- the network


def cut(*links: str, seconds: float = 6) -> Harm:
    """Connections through the proxies are reset, and refused, for so many seconds."""

    def harm(pipeline: Pipeline) -> None:
        for link in links:
            getattr(pipeline.engines, link).cut()
        time.sleep(seconds)
        for link in links:
            getattr(pipeline.engines, link).mend()

    return harm


def unplugged(link: str, seconds: float = 22) -> Harm:
    """Nothing passes the proxy for so many seconds, and nobody is told."""

    def harm(pipeline: Pipeline) -> None:
        proxy = getattr(pipeline.engines, link)
        proxy.hold()
        time.sleep(seconds)
        proxy.mend()

    return harm


def slow(link: str, delay: float = 0.2, seconds: float = 15) -> Harm:
    """Every piece takes its time through the proxy, for so many seconds."""

    def harm(pipeline: Pipeline) -> None:
        proxy = getattr(pipeline.engines, link)
        proxy.delay = delay
        time.sleep(seconds)
        proxy.mend()

    return harm


def answers_lost(link: str, times: int = 8) -> Harm:
    """Requests arrive and are done, but their answers do not come back."""

    def harm(pipeline: Pipeline) -> None:
        proxy = getattr(pipeline.engines, link)
        for _ in range(times):
            proxy.cut_after_request = True
            with suppress(AssertionError):  # nothing is sent any more: all is done
                wait_until(lambda: proxy._cut, 5, 0.02)
            proxy.mend()

    return harm


# --- several at once


def together(*harms: Harm) -> Harm:
    """One after the other, without waiting for anything to recover."""

    def harm(pipeline: Pipeline) -> None:
        for one in harms:
            one(pipeline)

    return harm


def nothing(pipeline: Pipeline) -> None:
    """An undisturbed run."""
