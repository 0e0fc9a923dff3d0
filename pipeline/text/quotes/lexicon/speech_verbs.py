"""Cues: the words that report speech, by inflected form, and the frames each takes.

A frame says what of the sentence is the reported content: a clause ("said that …"), an infinitive ("vowed to …"), the
object ("criticized the plan") or the object of a preposition ("called for …"). A verb that is in no list still reports
speech when it stands right beside a marked sentence: “…,” she shrugged.
"""

from typing import NamedTuple

_CLAUSE = """say tell inform add state stress emphasize emphasise explain note argue claim insist warn announce report
suggest acknowledge declare confirm conclude deny admit recall predict reveal tweet write remark observe mention assert
contend allege concede complain reply respond answer caution clarify boast joke quip muse opine lament maintain promise
pledge vow reiterate repeat recount remind assure testify disclose indicate express estimate post email retort counter
comment continue ask inquire propose advise point recommend concur posit reason surmise gripe grumble grouse
snipe crow gloat fret fume thunder marvel rave sneer advocate underline underscore highlight proclaim affirm reaffirm
attest brag whisper shout yell chant exclaim cry telegraph blog retweet speculate theorize swear avow profess relate
hint imply intimate notify convince guarantee stipulate rule rebut interject elaborate charge agree object
protest specify find
""".split()
_CLAUSE_WEAK = {"find", "rule", "charge", "agree", "continue", "convince", "relate", "guarantee", "object", "cry",
                "respond", "imply", "estimate", "indicate", "swear", "counter", "telegraph", "protest"}  # fmt: skip
_INFINITIVE = """promise pledge vow decline refuse ask urge tell claim threaten offer propose call order advise
swear agree demand request beg implore instruct encourage warn""".split()
_OBJECT = """criticize criticise praise accuse call describe announce blast denounce condemn decry cite question discuss
propose urge explain emphasize emphasise stress reiterate blame mock slam deride tout acknowledge deny echo dismiss
recall demand ask recount express mention reveal confirm lament label dub highlight underline underscore reject predict
allege voice defend outline chide rip hail applaud bemoan ridicule brand assail attack bash berate belittle castigate
characterize characterise commend compliment decry depict disparage hammer insult lambast lampoon laud liken
paint pan portray rebuke scold scorn skewer tar trash compare credit fault warn lecture taunt heckle malign vilify
downplay""".split()
_PREPOSITION = {
    "call": ("for", "on", "upon"), "point": ("to",), "refer": ("to",), "warn": ("of", "about", "against"),
    "talk": ("about",), "speak": ("about", "of", "against"), "complain": ("about", "of"), "boast": ("about", "of"),
    "ask": ("about", "for"), "comment": ("on",), "write": ("about",), "joke": ("about",), "respond": ("to",),
    "push": ("for",), "argue": ("for", "against"), "object": ("to",), "elaborate": ("on",), "hint": ("at",),
    "brag": ("about",), "insist": ("on",), "lash": ("at",), "remark": ("on",), "inquire": ("about",),
    "rail": ("against", "about"), "muse": ("about",), "opine": ("about", "on"), "quip": ("about",),
    "tweet": ("about",), "rant": ("about", "against"), "caution": ("against", "about"), "advocate": ("for",),
    "plead": ("for",), "allude": ("to",), "gripe": ("about",), "preach": ("about", "against"), "testify": ("about",),
    "protest": ("against",), "inveigh": ("against",), "appeal": ("for",), "ruminate": ("about", "on"),
}  # fmt: skip
_DIRECT_ONLY = """call describe characterize characterise label dub laugh sigh shrug smile thunder fume scoff snap bark
demand urge read go begin conclude recommend press interrupt gush declaim opine put wonder think ponder remember
criticize praise blast mock refer accuse apologize apologise plead confess thank correct sum offer tease grumble groan
mutter murmur stammer gasp scream intone deadpan crow enthuse rejoin venture volunteer summarize summarise signal
""".split()
_ADDRESSED = "tell inform remind assure notify advise convince ask urge warn brief".split()
_IRREGULAR = {
    "say": "said", "tell": "told", "write": "wrote written", "speak": "spoke spoken", "swear": "swore sworn",
    "read": "read", "go": "went gone", "begin": "began begun", "put": "put", "think": "thought", "find": "found",
    "beg": "begged begging", "quip": "quipped quipping", "admit": "admitted admitting", "snap": "snapped snapping",
    "brag": "bragged bragging", "rip": "ripped ripping", "refer": "referred referring", "rebut": "rebutted rebutting",
    "blog": "blogged blogging", "slam": "slammed slamming", "label": "labeled labelled labeling labelling",
    "dub": "dubbed dubbing", "sum": "summed summing", "hint": "hinted", "retweet": "retweeted", "chide": "chided",
    "pan": "panned panning", "tar": "tarred tarring",
    "lambast": "lambasted lambaste lambastes",
}  # fmt: skip
_NOUNS = """claim statement warning announcement assertion allegation accusation suggestion argument pledge promise vow
comment remark declaration admission contention insistence prediction reminder assurance complaint acknowledgment denial
report message call demand request plea threat proposal boast lament testimony revelation disclosure observation
speculation rumor rumour joke tweet concession hint conclusion confirmation explanation recommendation""".split()


class VerbFrame(NamedTuple):
    """What a cue form stands for and the frames it takes."""

    lemma: str
    clause: bool = False
    weak: bool = False
    infinitive: bool = False
    object: bool = False
    prepositions: tuple[str, ...] = ()
    addressed: bool = False


def _forms(verb: str) -> set[str]:
    stem = verb[:-1] if verb.endswith("e") else verb
    third = verb + "es" if verb.endswith(("s", "sh", "ch", "x", "go")) else verb + "s"
    past = verb + "d" if verb.endswith("e") else verb + "ed"
    if verb.endswith("y") and verb[-2] not in "aeou":
        third, past = verb[:-1] + "ies", verb[:-1] + "ied"
    forms = {verb, third, stem + "ing"} | ({past} if verb not in _IRREGULAR else set())
    return forms | set(_IRREGULAR.get(verb, "").split())


def _table() -> dict[str, VerbFrame]:
    table = {}
    for verb in {*_CLAUSE, *_INFINITIVE, *_OBJECT, *_PREPOSITION, *_DIRECT_ONLY}:
        cue = VerbFrame(
            verb, verb in _CLAUSE, verb in _CLAUSE_WEAK, verb in _INFINITIVE, verb in _OBJECT,
            _PREPOSITION.get(verb, ()), verb in _ADDRESSED,
        )  # fmt: skip
        table.update(dict.fromkeys(_forms(verb), cue))
    return table


VERBS: dict[str, VerbFrame] = _table()
"""Verb cues by inflected form, in lower case."""

NOUNS: dict[str, str] = {form: noun for noun in _NOUNS for form in (noun, noun + "s")}
"""Nouns that report speech, by form."""
