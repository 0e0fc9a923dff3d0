"""A spaCy process holds hardly more at its start and while it works than it keeps."""

import json
import subprocess
import sys
from pathlib import Path

MOST = 245
"""Megabytes. It holds 215; 262 where the language identifier is loaded behind the model, or tokens take 4 kB each."""

PROGRAM = """
import sys
from datetime import UTC, datetime
from benchmarks import corpus
from connectors.parsing import json_record
from pipeline.agents.article_enricher import enricher
from pipeline.settings import EnrichmentSettings

settings = EnrichmentSettings()
work = enricher(settings.model, settings.fast, settings.batch_size, settings.max_characters)
records = corpus.records(corpus.texts(settings.batch_size))
articles = [json_record.to_article(one, source=None, fetched=datetime.now(UTC)) for one in records]
assert len(list(work([one.model_dump_json().encode() for one in articles]))) == settings.batch_size
sys.stdout.write(open("/proc/self/status").read())
"""


def test_a_spacy_process_stays_small_from_its_start_on() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    status = dict(line.split(":", 1) for line in done.stdout.splitlines())
    assert int(status["VmHWM"].split()[0]) / 1024 < MOST, json.dumps(status)
