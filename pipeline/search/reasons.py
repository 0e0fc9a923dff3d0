"""Says in sentences why a quote was found and who its speaker is, from what the engine kept of its decision."""

from pipeline.models import Modality, Quote, QuoteType, Resolution
from pipeline.search.rendering import percent

_TYPES = {
    QuoteType.DIRECT: "Its words stand in quotation marks.",
    QuoteType.MIXED: "It is reported, with some of its words in quotation marks.",
    QuoteType.INDIRECT: "It is reported in the article's own words.",
}
_MODALITIES = {
    Modality.NEGATED: "The article denies that it was said.",
    Modality.HYPOTHETICAL: "The article supposes that it is said.",
}


def of(quote: Quote) -> list[str]:
    """The reasons, a sentence each."""
    reasons = [_TYPES[quote.type]]
    reasons.append(f"“{quote.cue.text}” reports speech." if quote.cue else "No words beside it report speech.")
    if quote.modality in _MODALITIES:
        reasons.append(_MODALITIES[quote.modality])
    reasons.append(_speaker(quote))
    return [*reasons, f"It is {percent(quote.confidence)} sure to be a quote with these ends."]


def _speaker(quote: Quote) -> str:
    speaker = quote.speaker
    if speaker is None:
        return "The text does not say who said it."
    how = {
        Resolution.NAMED: f"“{speaker.mention}” names the speaker",
        Resolution.PRONOUN: f"“{speaker.mention}” stands for {speaker.name}",
        Resolution.NOMINAL: f"“{speaker.mention}” means {speaker.name}",
        Resolution.CARRIED: f"Whoever spoke before goes on: {speaker.name}",
    }[speaker.resolution]
    return f"{how}, {percent(speaker.confidence)} sure."
