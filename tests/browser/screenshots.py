"""Takes the README's pictures: `make screenshots` writes docs/page.png, docs/article.png and docs/compare.png.

The bundled sample articles are analysed, moved to the last thirty days and written to an Elasticsearch of the script's
own (or that of WHOSAIDTEST_ELASTICSEARCH). A real Chromium looks at the real search service before it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, sync_playwright

from pipeline.models import Enriched
from pipeline.samples import articles
from pipeline.settings import ElasticsearchSettings, KafkaSettings, SearchSettings, Settings, environment
from pipeline.text.analyser import Analyser, AnalysisError, Document
from tests.browser.conftest import FLAGS, wait_for
from tests.engines import embedded_settings, free_ports, remove_indices
from tests.library import resolve, shelve
from tests.programs import CHROMIUM

DOCS = Path(__file__).parents[2] / "docs"
LARGEST = 300_000
"""Bytes that a picture may have."""

_DAYS = 28


@dataclass(frozen=True)
class Picture:
    """A page as it is photographed."""

    name: str
    path: str
    width: int = 1280
    height: int = 800
    scheme: Literal["light", "dark"] = "light"


README = (
    Picture("page", "/search?q=strike+OR+harbour+OR+ferry"),
    Picture("article", "/articles/{article}"),
    Picture("compare", "/compare?of=source&value=Harbour+Wire&value=Northgate+Courier&value=Public+Record"),
)


def corpus(now: datetime) -> list[Enriched]:
    """The sample articles with their quotes; the days between the first and the last are drawn together."""
    analyser = Analyser(Settings().enrichment.model)
    samples = sorted(articles(), key=lambda article: article.published or now)
    step = timedelta(days=_DAYS) / len(samples)
    made = []
    for at, article in enumerate(samples):
        moved = article.model_copy(
            update={"published": now - step * (len(samples) - 1 - at), "fetched": now - timedelta(minutes=5)}
        )
        analysis = analyser.analyse_one(Document(id=moved.id, text=moved.body, published=moved.published))
        assert not isinstance(analysis, AnalysisError), analysis
        made.append(
            Enriched(
                article=moved.model_copy(update={"language": analysis.language}), entities=analysis.entities,
                quotes=analysis.quotes, model=analyser.model_info, enriched=now - timedelta(minutes=5, seconds=-1),
            )
        )  # fmt: skip
    return made


@contextmanager
def service(given: Sequence[Enriched], elasticsearch: str) -> Iterator[str]:
    """The address of `whosaid serve` before these articles."""
    name = f"pictures-{uuid.uuid4().hex[:6]}"
    settings = Settings(
        elasticsearch=ElasticsearchSettings(url=elasticsearch, prefix=name),
        kafka=KafkaSettings(bootstrap_servers=os.environ.get("WHOSAIDTEST_KAFKA"), prefix=name, request_timeout=2),
        search=SearchSettings(port=free_ports(1)[0], rate_limit=0),
    )
    shelve(settings, given)
    resolve(settings, given)
    command = [sys.executable, "-m", "pipeline.cli.main", "serve"]
    with subprocess.Popen(command, env=os.environ | environment(settings), stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(f"{settings.search_url}/readyz", process)
            yield settings.search_url
        finally:
            process.terminate()
            process.wait(30)
            remove_indices(settings)


def take(page: Page, site: str, picture: Picture, folder: Path, names: dict[str, str], *, whole: bool = False) -> Path:
    """Takes a picture; with `whole` of all of the page, however long it is."""
    page.set_viewport_size({"width": picture.width, "height": picture.height})
    page.emulate_media(color_scheme=picture.scheme)
    page.goto(site + picture.path.format(**names))
    file = folder / f"{picture.name}.png"
    page.screenshot(path=file, full_page=whole, animations="disabled")
    return file


def names_of(given: Sequence[Enriched]) -> dict[str, str]:
    """What the addresses of pages name: whoever is quoted most, and the article with most quotes."""
    article = max(given, key=lambda one: len(one.quotes))
    said = [quote.speaker for one in given for quote in one.quotes if quote.speaker]
    counts = {speaker.id: sum(other.id == speaker.id for other in said) for speaker in said}
    quoted = next(quote for quote in article.quotes if quote.speaker)
    return {
        "speaker": max(counts, key=counts.__getitem__),
        "article": article.article.id,
        "quote": quoted.id,
        "source": article.article.source.name,
        "one": said[0].name,
        "two": max(said, key=lambda speaker: counts[speaker.id]).name,
    }


@contextmanager
def engine() -> Iterator[str]:
    """The address of an Elasticsearch."""
    if given := os.environ.get("WHOSAIDTEST_ELASTICSEARCH"):
        yield given
        return
    from pipeline.embedded.elasticsearch import ElasticsearchServer

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with ElasticsearchServer(embedded_settings(Path(folder))) as server:
            yield server.address


def main(pictures: Sequence[Picture] = README, folder: Path = DOCS, *, whole: bool = False) -> None:
    """Takes all pictures.

    Raises:
        SystemExit: there is no Chromium, or a picture is too large for the project.
    """
    path = CHROMIUM.find()
    if not path:
        raise SystemExit(CHROMIUM.missing)
    given = corpus(datetime.now(UTC))
    with engine() as elasticsearch, service(given, elasticsearch) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        page = browser.new_context(locale="en-GB", timezone_id="UTC").new_page()
        for picture in pictures:
            file = take(page, site, picture, folder, names_of(given), whole=whole)
            print(f"{file}: {file.stat().st_size:,} bytes")
            if not whole and file.stat().st_size > LARGEST:
                raise SystemExit(f"{file} has more than {LARGEST:,} bytes.")
        browser.close()


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
