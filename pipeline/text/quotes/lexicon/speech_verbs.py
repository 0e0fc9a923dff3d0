"""Lists verbs and nouns that report speech, by inflected form, and the frames that each verb takes.

A frame says which part of the sentence is the reported content: a clause ("said that …"), an infinitive ("vowed to …"),
the object ("criticized the plan") or the object of a preposition ("called for …"). A verb without a frame reports
speech only beside quotation marks. `speech_verbs.tsv` lists the verbs, `nouns.txt` the nouns.
"""

from typing import NamedTuple

from pipeline.text.word_lists import read_rows, read_words


class VerbFrame(NamedTuple):
    """The frames that a speech verb takes.

    Attributes:
        lemma: the verb.
        clause: it reports clauses.
        weak: it often means something else; rules that guess leave it out.
        infinitive: it reports infinitives.
        object: it reports its object.
        prepositions: it reports the object of these.
        addressed: its object is whom the words are said to.
    """

    lemma: str
    clause: bool = False
    weak: bool = False
    infinitive: bool = False
    object: bool = False
    prepositions: tuple[str, ...] = ()
    addressed: bool = False


def inflected(verb: str, irregular: str) -> set[str]:
    """The forms of a verb; irregular pasts and participles are given, the others follow from the spelling."""
    stem = verb.removesuffix("e")
    third = verb + "es" if verb.endswith(("s", "sh", "ch", "x", "go")) else verb + "s"
    past = verb + "d" if verb.endswith("e") else verb + "ed"
    if verb.endswith("y") and verb[-2] not in "aeou":
        third, past = verb[:-1] + "ies", verb[:-1] + "ied"
    forms = {verb, third, stem + "ing", *irregular.split()}
    return forms if irregular else forms | {past}


def _read_verbs() -> dict[str, VerbFrame]:
    verbs: dict[str, VerbFrame] = {}
    for verb, frames, prepositions, irregular in read_rows(__package__, "speech_verbs.tsv"):
        flags = dict.fromkeys(frames.split(), True)
        frame = VerbFrame(verb, prepositions=tuple(prepositions.split()), **flags)
        verbs.update(dict.fromkeys(inflected(verb, irregular), frame))
    return verbs


VERBS: dict[str, VerbFrame] = _read_verbs()
"""Speech verbs by inflected form, in lower case."""

NOUNS: dict[str, str] = {
    form: noun for noun in read_words(__package__, "nouns.txt")["reporting"] for form in (noun, noun + "s")
}
"""Nouns that report speech, by form."""

CLAUSE_ALONE = VerbFrame("", clause=True)
"""The frame of words that report a clause and are no verbs of speech."""

HEARD = VerbFrame("hear", clause=True)
"""The frame of "the court heard that …": whoever hears it does not speak, so that it is no verb of speech."""

_CLASSES = read_words(__package__, "verb_classes.txt")
ASKING = _CLASSES["asking"]
PASSING_ON = _CLASSES["passing on"]
ACCUSING = _CLASSES["accusing"]
CALLING = _CLASSES["calling"]
DESCRIBING = _CLASSES["describing"]
PASSIVE = _CLASSES["passive"]
SPOKEN_TO = _CLASSES["spoken to"]
PERFORMED = _CLASSES["performed"]
