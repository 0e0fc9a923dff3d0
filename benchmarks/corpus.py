"""Makes up the articles that the benchmarks read: news-like English of 300 to 1,500 words, no two articles alike.

Sentences are put together from parts (who, what, whom, where, when, and who says so), with names drawn and made at
random. The same seed gives the same articles.
"""

import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

LEAST, MOST = 300, 1_500
"""Words of an article."""

_GIVEN = (
    "Anna Boris Clara David Elena Farid Grace Henrik Iris James Katarina Luis Maria Nadia Oscar Petra Quentin Ruth "
    "Samuel Teresa Ulrich Vera William Yusuf Zoe Amara Bogdan Chen Deepa Emil"
).split()
_STARTS = "Ab Berg Cast Duf Erik Font Grz Hels Ivan Jen Kow Lind Mart Nak Okel Pell Ros Sand Tor Ver Wal Zim".split()
_ENDS = "ara ström ello ort sen aine elak anek ov sky quist etti amura felder ini berg dottir ez ley ward".split()
_PLACES = (
    "London Berlin Geneva Nairobi Lisbon Warsaw Toronto Santiago Mumbai Seoul Arvika Belmora Castrel Dunholt Eastmere "
    "Farrow Gellan Lindholm Marlow Port_Aurel New_York Cape_Town the_Netherlands Brazil Ukraine Texas"
).split()
_BODIES = (
    "the Harbour Authority|Norvale Steel|the Ministry of Health|the city council|Castrel University|the Central Bank|"
    "the Supreme Court|Greenpeace|the World Health Organization|Halden Airlines|the teachers' union|the opposition|"
    "the European Commission|Bryce & Partners|the National Audit Office|the Red Cross"
).split("|")
_ROLES = (
    "Finance Minister|Mayor|Police Chief|Senator|union leader|spokesperson|Professor|Judge|chief executive|President|"
    "coach|the farmer|analyst|General|Archbishop|Prime Minister"
).split("|")
_THINGS = (
    "the new bridge|a tax on imports|the flood defences|free school meals|the emergency ward|a ceasefire|the pension "
    "reform|the railway tunnel|a vaccine against malaria|the vote count|the merger|gas prices|the water supply|a peace "
    "treaty|the stadium|wildfires in the north|the housing shortage|the budget"
).split("|")
_ACTS = (
    "approved|rejected|postponed|defended|criticised|welcomed|investigated|paid for|abandoned|described|renegotiated|"
    "warned of|ignored|threatened to stop|promised to finish|failed to explain"
).split("|")
_JUDGEMENTS = (
    "too late|a serious mistake|worth every penny|the best news in years|neither fair nor lawful|a matter of weeks|"
    "impossible without more money|a lesson for everyone|far from over|on the right track|hard to believe"
).split("|")
_CUES = "said|told reporters|warned|insisted|added|argued|wrote on X|conceded|recalled|replied|announced".split("|")
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = "January March May June August October December".split()
_LINKS = (
    "Meanwhile,|However,|Earlier,|At the same time,|A week later,|For years,|In the end,|By contrast,|As expected,"
).split("|")
_ASIDES = (
    "who has led {body} since {year}|a former adviser to {body}|speaking in {place}|who was not present|"
    "himself a resident of {place}|in an interview with {body}"
).split("|")
_REASONS = (
    "because {body} had run out of money|after {number} people were hurt in {place}|although {body} objected|"
    "while prices rose by {number} percent|so that work could begin in {month}|unless parliament agrees to a loan|"
    "despite protests by {number} residents of {place}|which surprised many in {place}"
).split("|")
_CLAIMS = (
    "{thing} was {judgement}|{thing} would cost {number} million dollars more than planned|{body} had {act} {thing}|"
    "at least {number} families in {place} depend on {thing}|nobody at {body} had read the report on {thing}|"
    "{thing} is {judgement}, and that {body} knows it|talks about {thing} would resume in {month}"
).split("|")
_SPEECH = (
    "We have waited {number} years for this, and {thing} is {judgement}|It is not about money, it is about {thing}|"
    "Whoever {act} {thing} has to answer for it in {place}|I have never seen anything like it|There was no plan for "
    "{thing}, and there is none now|Our people in {place} know that {thing} is {judgement}|Ask {body}, not me|"
    "By {month} we will know whether {thing} can be saved|Nobody at {body} told us that {thing} was {judgement}"
).split("|")
_TOLD = (
    "{role} {name} {act} {thing} on {day} {reason}.",
    "{body} {act} {thing} in {place} last {month}, {reason}.",
    "{link} {body} {act} {thing} {reason}.",
    "{link} shops in {place} stayed closed and trains did not run, {reason}.",
    "In {place}, {number} people marched against {thing}, {reason}.",
    "The report, published in {month} {year}, lists {number} failures, among them {thing} and {thing}.",
    "Shares of {body} fell by {number} percent on {day}, {reason}.",
    "Born in {place} in {year}, {name} {act} {thing} and {thing} before joining {body}.",
    "The talks between {body} and {body} in {place} ended on {day} without {thing}.",
    "Since {year}, {place} has spent {number} million euros on {thing}, more than {place} and {place} together.",
    "A spring without rain had left {number} farms near {place} without water by {month}.",
    "{name} came to {place} in {year}, {reason}, and soon {act} {thing}.",
    "It took {number} days until {thing} was {judgement}, and {body} paid for it.",
    "The road from {place} to {place} is closed to lorries, {reason}.",
)
"""Sentences in which nobody speaks: two of three."""

_SPOKEN = (
    "{role} {name}, {aside}, {cue} that {claim}.",
    "{family} {cue} on {day} that {claim}.",
    "According to {body}, {claim}.",
    "“{speech},” {name} {cue}. “{speech}.”",
    "“{speech},” {cue} {name}, {aside}.",
    "{name} {cue}: “{speech}. {speech}.”",
    "“{speech},” {family} {cue} on {day}, “and {speech2}.”",
    "{body} called {thing} “{judgement}” in a statement and {act} {thing}.",
    "Asked whether {thing} is {judgement}, {family} replied that {claim}.",
    "She {cue} that {claim}, {reason}.",
    "He {act} {thing} for {number} days and {cue} that {claim}.",
    "It was unclear on {day} whether {claim}.",
)
_FIELDS = {
    "body": _BODIES, "role": _ROLES, "thing": _THINGS, "act": _ACTS, "judgement": _JUDGEMENTS, "cue": _CUES,
    "day": _DAYS, "month": _MONTHS, "link": _LINKS, "place": [place.replace("_", " ") for place in _PLACES],
}  # fmt: skip
_NESTED = {"aside": _ASIDES, "reason": _REASONS, "claim": _CLAIMS, "speech": _SPEECH}


class _Parts(dict[str, str]):
    """Gives a new random part for each name that a template asks for."""

    def __init__(self, rng: random.Random, cast: list[tuple[str, str]]) -> None:
        super().__init__()
        self._rng, self._cast = rng, cast

    def __missing__(self, name: str) -> str:
        rng = self._rng
        if name in _FIELDS:
            return rng.choice(_FIELDS[name])
        if name in _NESTED:
            return rng.choice(_NESTED[name]).format_map(self)
        if name == "speech2":
            speech = self["speech"]
            return speech if speech.startswith("I ") else speech[0].lower() + speech[1:]
        if name == "number":
            return f"{rng.choice((rng.randint(2, 99), rng.randint(100, 9_999))):,}"
        if name == "year":
            return str(rng.randint(1950, 2026))
        given, family = rng.choice(self._cast)
        return family if name == "family" else f"{given} {family}"


def text(rng: random.Random, words: int) -> str:
    """An article's text of about so many words, in paragraphs of one to three sentences."""
    cast = [(rng.choice(_GIVEN), rng.choice(_STARTS) + rng.choice(_ENDS)) for _ in range(rng.randint(2, 6))]
    parts, paragraphs, count = _Parts(rng, cast), [], 0
    while count < words:
        sentences = []
        for _ in range(rng.randint(1, 3)):
            made = rng.choice(_SPOKEN if rng.random() < 1 / 3 else _TOLD).format_map(parts)
            start = 1 if made.startswith("“") else 0
            sentences.append(made[:start] + made[start].upper() + made[start + 1 :])
        paragraphs.append(" ".join(sentences))
        count += len(paragraphs[-1].split())
    return "\n\n".join(paragraphs)


def texts(count: int, seed: int = 1) -> list[str]:
    """So many texts of `LEAST` to `MOST` words, all different; another seed gives others."""
    rng = random.Random(seed)
    return [text(rng, rng.randint(LEAST, MOST - 60)) for _ in range(count)]


def records(bodies: Iterable[str], seed: int = 1, now: datetime | None = None) -> Iterator[dict[str, str]]:
    """The texts as records that `whosaid ingest` reads: nine of ten from the last month, others from the last year."""
    rng, now = random.Random(seed), now or datetime.now(UTC)
    for number, body in enumerate(bodies):
        days = rng.uniform(0, 30) if rng.random() < 0.9 else rng.uniform(30, 365)
        yield {
            "url": f"https://bench{rng.randint(1, 40)}.example/{seed}/{number}",
            "title": body[:60].rpartition(" ")[0],
            "text": body,
            "published": (now - timedelta(days=days)).isoformat(),
            "language": "en",
        }


def texts_of(source: Path | None, count: int) -> list[str]:
    """The first texts of a file of JSON lines; without a file, texts that are made up."""
    if source is None:
        return texts(count)
    with source.open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line, _ in zip(lines, range(count), strict=False)]
