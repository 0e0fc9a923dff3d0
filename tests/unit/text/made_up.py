"""Texts of words drawn at random."""

import random
from collections.abc import Iterator

from spacy.language import Language
from spacy.tokens import Doc

WORDS = (
    "the of in and said on a to for with Anna Boris Solheim Arrieta Castrel Harbour Authority Bank University Ltd. "
    "Inc. London Norvale Oslo Belmora U.S. French Tuesday May 2019 last next year two 14,000 12 % $ million "
    "dollars third first about more than Ministry Health National Act “ ” \" ' ’s , . ; ( ) — - … \n \n\n \u00a0 \t"
).split(" ")


def made_up(draw: random.Random, nlp: Language, most: int) -> Doc:
    """A text of words drawn at random, with sentences that start anywhere or that nobody has set."""
    size = draw.choice([0, 1, 2, 3, most // 4, most, most])
    rate = draw.choice([0.0, 0.05, 0.3, 1.0])
    words = [draw.choice(WORDS) for _ in range(size)]
    if draw.random() < 0.1:
        words = [draw.choice(WORDS)] * size
    starts: list[bool | int | None] | None
    starts = [number == 0 or draw.random() < rate for number in range(size)] if draw.random() < 0.8 else None
    return Doc(nlp.vocab, words=words, spaces=[draw.random() < 0.8 for _ in words], sent_starts=starts)


def batches(nlp: Language, seed: int, number: int, most: int) -> Iterator[list[Doc]]:
    draw = random.Random(seed)
    while number > 0:
        batch = [made_up(draw, nlp, most) for _ in range(draw.choice([1, 4, 16]))]
        number -= len(batch)
        yield batch
