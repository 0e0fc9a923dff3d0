"""Enriched articles that name people, to resolve."""

from collections.abc import Sequence
from typing import Any

from pipeline import identity
from pipeline.models import Enriched, Entity, Source
from tests.unit.sink.factory import enriched, quote


def article(
    number: int | str,
    speaker: str = "",
    *,
    title: str | None = None,
    affiliation: str | None = None,
    people: Sequence[str] = (),
    organisations: Sequence[str] = (),
    places: Sequence[tuple[str, str | None]] = (),
    source: str = "news.example",
    speaker_only: str = "",
    **changes: Any,
) -> Enriched:
    """An article in which the speaker says something, and that names others; places have a country's code.

    `speaker_only` says it instead, and is found as no entity.
    """
    id = f"article-{number}"
    one = enriched(id, source=Source(id=source, name=source), **changes)
    body = one.article.body
    known = {*organisations, *(name for name, _ in places)}
    own = [name for name in (speaker,) if name and name not in known]
    named: list[tuple[str, str, str | None]] = [(name, "PERSON", None) for name in [*own, *people]]
    named += [(name, "ORG", None) for name in organisations] + [(name, "GPE", code) for name, code in places]
    entities = [
        Entity(start=0, end=4, text=name, label=label, name=name, id=identity.name_id(label, name), country=code)
        for name, label, code in named
    ]
    speaker = speaker or speaker_only
    said = [quote(body, "We will build it.", id)] if speaker else []
    quotes = [
        one_quote.model_copy(
            update={
                "speaker": one_quote.speaker.model_copy(
                    update={
                        "name": speaker, "id": identity.name_id("PERSON", speaker), "title": title,
                        "affiliation": affiliation,
                    }
                )
            }
        )
        for one_quote in said
        if one_quote.speaker
    ]  # fmt: skip
    return one.model_copy(update={"entities": entities, "quotes": quotes})
