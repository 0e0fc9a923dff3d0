"""Gives examples of answers, for the description of the API. They are invented."""

from datetime import UTC, date, datetime
from typing import Any

from pipeline.models import Cue, Modality, QuoteType, Resolution, Source, Speaker
from pipeline.search.results import Bar, EntityCount, Facets, Histogram, Named, QuoteHit, QuotePage

_TEXT = "We will open the bridge in May,"
_SPEAKER = Speaker(
    name="Ada Byrne", id="5b0e7ac8d2d9e1f0a7c4", mention="Byrne", start=70, end=75, title="Mayor",
    affiliation=None, resolution=Resolution.NAMED, confidence=0.97,
)  # fmt: skip
HIT = QuoteHit(
    id="bridge-1237444de84f884f",
    type=QuoteType.DIRECT,
    modality=Modality.ASSERTED,
    text=_TEXT,
    said=_TEXT,
    start=38,
    end=69,
    segments=[(38, 69)],
    matches=[(17, 23)],
    speaker=_SPEAKER,
    cue=Cue(text="told", lemma="tell", start=76, end=80),
    addressee="reporters",
    said_on=date(2025, 3, 10),
    date_mention="Monday",
    confidence=0.98,
    article_id="c0ffee0000000000000000000000cafe",
    headline="Harbour bridge opens in May",
    headline_matches=[(8, 14)],
    url="https://tidings.example/bridge",
    source=Source(id="tidings.example", name="Harbour Tidings", domain="tidings.example"),
    published=datetime(2025, 3, 10, 8, tzinfo=UTC),
    language="en",
)
"""A quote."""

_FACETS = Facets(
    speakers=[Named(name="Ada Byrne", id=_SPEAKER.id, count=1)],
    sources=[Named(name="Harbour Tidings", id="tidings.example", count=1)],
    types={QuoteType.DIRECT: 1},
    entities=[EntityCount(name="May", id="0d1f3b5a79c2e4f68b01", count=1, label="DATE")],
    cues=[Named(name="tell", id="tell", count=1)],
    modalities={Modality.ASSERTED: 1},
    languages=[Named(name="en", id="en", count=1)],
)
PAGE = QuotePage(
    total=1,
    hits=[HIT],
    facets=_FACETS,
    histogram=Histogram(interval="day", bars=[Bar(start=date(2025, 3, 10), count=1)]),
    seconds=0.012,
)
"""A page of quotes."""


def of(value: QuoteHit | QuotePage) -> dict[str, Any]:
    """The example as JSON has it."""
    return value.model_dump(mode="json")
