"""Articles with quotes to search: invented, and told in few words."""

from datetime import UTC, datetime
from typing import Any

from pipeline import identity
from pipeline.models import Article, Cue, Enriched, ModelInfo, Quote, QuoteType, Resolution, Source, Speaker

FETCHED = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def speaker(body: str, name: str, **changes: Any) -> Speaker:
    """A speaker by name; the mention is the last word of the name, where the body has it first."""
    mention = name.split()[-1]
    start = body.index(mention)
    fields: dict[str, Any] = {
        "name": name,
        "id": identity.name_id("PERSON", name),
        "mention": mention,
        "start": start,
        "end": start + len(mention),
        "resolution": Resolution.NAMED,
        "confidence": 0.9,
    }
    return Speaker.model_validate(fields | changes)


def quote(
    body: str, *pieces: str, article: str, name: str | None = None, cue: str | None = None, **changes: Any
) -> Quote:
    """A quote of these pieces, each of which is in the body behind the one before."""
    segments, at = [], 0
    for piece in pieces:
        start = body.index(piece, at)
        at = start + len(piece)
        segments.append((start, at))
    start, end = segments[0][0], segments[-1][1]
    text = body[start:end]
    begin, finish = body.rfind("\n", 0, start) + 1, body.find("\n", end)
    role = {key: changes.pop(key) for key in ("title", "affiliation") if key in changes}
    said = body.index(cue) if cue else 0
    fields: dict[str, Any] = {
        "id": identity.quote_id(article, text, segments),
        "type": QuoteType.DIRECT,
        "text": text,
        "start": start,
        "end": end,
        "segments": segments,
        "cue": Cue(text=cue, lemma=cue, start=said, end=said + len(cue)) if cue else None,
        "speaker": speaker(body, name, **role) if name else None,
        "confidence": 0.9,
        "context": (begin, finish if finish >= 0 else len(body)),
    }
    return Quote.model_validate(fields | changes)


def enriched(id: str, body: str, quotes: list[Quote], **changes: Any) -> Enriched:
    """The article with its quotes; `changes` are fields of the article, or of what was found in it."""
    found = {key: changes.pop(key) for key in ("cluster", "duplicate_of", "copied") if key in changes}
    fields: dict[str, Any] = {
        "id": id,
        "url": f"https://tidings.example/{id}",
        "canonical_url": f"https://tidings.example/{id}",
        "source": Source(id="tidings.example", name="Harbour Tidings", domain="tidings.example"),
        "headline": id,
        "body": body,
        "published": datetime(2026, 3, 10, 8, tzinfo=UTC),
        "fetched": FETCHED,
        "language": "en",
        "revision": 1,
        "content_hash": identity.content_hash("", body),
        "raw": {"path": "/home/somebody/article.txt"},
    }
    model = ModelInfo(name="en_core_web_sm", version="3.8.0", engine="1")
    return Enriched(
        article=Article.model_validate(fields | changes), quotes=quotes, model=model, enriched=FETCHED, **found
    )


BRIDGE = """Mayor Ines Calloway opened the new harbour bridge on Monday.
“We built it in two winters,” Calloway told reporters. “It will stand for a hundred years.”
Engineer Tomas Vey said the cables “sing a little” in the wind, but are safe.
“Nobody asked the ferrymen.”
"""
FERRIES = """The ferry strike enters its third week, and talks have stalled.
Union leader Rosa Lindqvist said that the harbour council had never called her.
“The bridge takes our work,” she said in a statement on Tuesday.
"""
EVIL = """<img src=x onerror=alert(1)> was the whole report.
“<script>alert('said')</script> is what the bridge sign read,” Vey said.
"""


def bridge() -> Enriched:
    """A split, a mixed and an unattributed quote."""
    id = "bridge"
    quotes = [
        quote(
            BRIDGE, "We built it in two winters,", "It will stand for a hundred years.", article=id,
            name="Ines Calloway", title="Mayor", cue="told", addressee="reporters", said_on="2026-03-09",
            date_mention="Monday", confidence=0.95,
        ),
        quote(
            BRIDGE, "the cables “sing a little” in the wind, but are safe", article=id, name="Tomas Vey",
            title="Engineer", cue="said", type=QuoteType.MIXED, confidence=0.7,
        ),
        quote(BRIDGE, "Nobody asked the ferrymen.", article=id, confidence=0.4),
    ]  # fmt: skip
    return enriched(id, BRIDGE, quotes, headline="Harbour bridge opens", byline="Ann Ferrow")


def ferries() -> Enriched:
    """A reported quote that is denied, and one with a medium; from another source, later."""
    id = "ferries"
    source = Source(id="wire.example", name="Coast Wire", domain="wire.example")
    quotes = [
        quote(
            FERRIES, "the harbour council had never called her", article=id, name="Rosa Lindqvist",
            title="Union leader", affiliation="Ferry Union", cue="said", type=QuoteType.INDIRECT, modality="negated",
        ),
        quote(
            FERRIES, "The bridge takes our work,", article=id, name="Rosa Lindqvist", title="Union leader",
            cue="said", medium="in a statement", said_on="2026-03-10", date_mention="Tuesday",
        ),
    ]  # fmt: skip
    published = datetime(2026, 3, 11, 17, 45, tzinfo=UTC)
    return enriched(id, FERRIES, quotes, headline="Ferry talks stall", source=source, published=published)


def copy() -> Enriched:
    """The bridge's article again, as another site took it over."""
    original, id = bridge(), "copy"
    source = Source(id="mirror.example", name="The Mirror Post", domain="mirror.example")
    quotes = [one.model_copy(update={"id": identity.quote_id(id, one.text, one.segments)}) for one in original.quotes]
    return enriched(id, BRIDGE, quotes, headline="Bridge opens", source=source, cluster="c1", duplicate_of="bridge",
                    copied={one.id: "bridge" for one in quotes})  # fmt: skip


def evil() -> Enriched:
    """Markup in every place where an article has text."""
    id = "evil"
    said = "<script>alert('said')</script> is what the bridge sign read,"
    bold = "<b>Tomas</b> Vey"
    quotes = [quote(EVIL, said, article=id, name=bold, title="<i>Engineer</i>", addressee="<u>all</u>", cue="said")]
    return enriched(
        id,
        EVIL,
        quotes,
        headline="<script>alert('headline')</script>",
        url="javascript:alert('url')",
        source=Source(id="evil.example", name="<script>alert('source')</script>"),
        published=None,
    )


def library() -> list[Enriched]:
    """All of them: three articles and a copy."""
    return [bridge(), ferries(), copy(), evil()]
