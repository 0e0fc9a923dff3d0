"""Formats what `whosaid extract --explain` says of a quote: its cue, rule and score, and the possible speakers."""

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.text.quotes.extract import Explanation

RULES = {
    "after": "marked words with the cue behind them",
    "before": "marked words with the cue before them",
    "colon": "marked words behind a colon",
    "signed": "marked words with a name below them",
    "beside": "marked words beside a verb that is no cue elsewhere",
    "uncued": "a marked sentence of its own",
    "clause": "a clause that the cue reports",
    "that clause": "a clause that the cue reports, with “that”",
    "infinitive": "an infinitive that the cue reports",
    "object": "the cue's object",
    "object with marks": "the cue's object, with marks in it",
    "preposition": "the object of the cue's preposition",
    "preposition with marks": "the object of the cue's preposition, with marks in it",
    "preposition, as": "the object of the cue's preposition, and what it is called",
    "around": "the sentence around the cue",
    "around marks": "the sentence around the cue, with marks in it",
    "according to": "the sentence beside “according to”",
    "noun": "a clause that a noun reports",
}
"""What each rule says, for people; a rule that is not here is shown by its name."""


def as_json(why: Explanation) -> dict[str, Any]:
    """The quote with its reasons under `explanation`."""
    reasons = {
        "cue": why.cue,
        "rule": why.rule,
        "score": round(why.score, 3),
        "speaker_by": why.how,
        "candidates": [{"name": name, "score": round(score, 2)} for name, score in why.speaker_options],
    }
    return {**why.quote.model_dump(mode="json"), "explanation": reasons}


def explained(found: Iterable[Explanation]) -> RenderableType:
    """The quotes below one another, each with its reasons."""
    blocks: list[RenderableType] = []
    for number, why in enumerate(found, 1):
        quote = why.quote
        head = Text(f"{number}. ", style="dim")
        head.append(quote.speaker.name if quote.speaker else "unknown", style="bold" if quote.speaker else "dim italic")
        head.append(f": {quote.spoken}")
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in _reasons(why):
            table.add_row(name, value)
        blocks += [head, Padding(table, (0, 0, 1, 3))]
    return Group(*blocks)


def _reasons(why: Explanation) -> Iterable[tuple[str, Text]]:
    quote = why.quote
    yield "cue", Text(f"{why.cue} (at {quote.cue.start}, {quote.cue.lemma})" if quote.cue else "none")
    rule = RULES.get(why.rule)
    yield "rule", Text(f"{why.rule}: {rule}" if rule else why.rule)
    yield "score", Text(f"{why.score:.2f}, the chance that words and speaker are right")
    if quote.speaker:
        speaker = quote.speaker
        yield (
            "speaker",
            Text(f"“{speaker.mention}”, by {why.how}, {speaker.resolution.value}, {speaker.confidence:.2f}"),
        )
    else:
        yield "speaker", Text(why.how)
    if why.speaker_options:
        yield "candidates", Text(", ".join(f"{name} {score:.2f}" for name, score in why.speaker_options))
    details = (("to", quote.addressee), ("medium", quote.medium), ("date", quote.date_mention))
    kept = [f"{name} “{value}”" for name, value in details if value]
    if kept:
        yield "details", Text(", ".join(kept))
    if quote.modality.value != "asserted":
        yield "modality", Text(quote.modality.value)
