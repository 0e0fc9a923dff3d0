"""The entities of an article, each with its name there and an id that is the same in every article."""

from functools import lru_cache

from spacy.tokens import Doc

from pipeline.models import Entity
from pipeline.text import countries
from pipeline.text.names.canonical import CanonicalNames, article_names, surface


def extract_entities(doc: Doc, names: CanonicalNames | None = None) -> list[Entity]:
    """The entities of a parsed article in its order; offsets index into the text that was parsed.

    Args:
        doc: the article, with entities set.
        names: its canonical names, where they are known already.
    """
    names = names or article_names(doc)
    result = []
    for ent in doc.ents:
        text, label = ent.text, ent.label_
        start, end = _bare(text)
        if start == end:
            continue
        name = names.of(text, label) or text[start:end]
        result.append(
            Entity.model_construct(  # The values are ours: checking them again would cost more than making them.
                start=ent.start_char + start,
                end=ent.start_char + end,
                text=text[start:end],
                label=label,
                name=name,
                id=names.id_of(text, label),
                country=_country(text, label),
            )
        )
    return result


def _bare(text: str) -> tuple[int, int]:
    # A model may count blank characters at the edges in; they are no part of a name.
    stripped = text.strip()
    start = text.find(stripped) if stripped else 0
    return start, start + len(stripped)


@lru_cache(maxsize=16384)
def _country(text: str, label: str) -> str | None:
    if label in ("GPE", "LOC"):
        country = countries.find(surface(text))
    elif label == "NORP":
        country = countries.of_people(surface(text))
    else:
        return None
    return country.code if country else None
