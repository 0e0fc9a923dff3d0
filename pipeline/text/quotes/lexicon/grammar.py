"""Defines tags, dependencies and small words that the rules ask for, each set once; see also `words.txt`.

Tags are the Penn Treebank's, dependencies are those of spaCy's English pipelines.
"""

from pipeline.text.word_lists import read_words

FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
"""Tags of finite verbs."""
FINITE_VERBS = FINITE - {"MD"}
PROPER = frozenset({"NNP", "NNPS"})
COMMON = frozenset({"NN", "NNS"})
NOUN_TAGS = PROPER | COMMON

SUBJECTS = frozenset({"nsubj", "nsubjpass"})
SUBJECTS_AND_CLAUSES = SUBJECTS | {"csubj"}
ANY_SUBJECT = SUBJECTS_AND_CLAUSES | {"expl"}
"""Dependencies of subjects: nominal ones; with clauses; with "there" and "it" too."""

DASHES = frozenset({"--", "—", "–"})
COMMA_AND_DASHES = DASHES | {","}
PAUSES = COMMA_AND_DASHES | {"-", ":", ";"}
PAUSE_SIGNS = {",": ",", "--": "-", "—": "-", "–": "-", "-": "-", ";": ";", ":": ":", "(": "(", "-LRB-": "("}
"""Pauses by their words, as features name them."""

HE, SHE = frozenset({"he", "him", "his"}), frozenset({"she", "her", "hers"})
THEY, IT = frozenset({"they", "them", "their", "theirs"}), frozenset({"it", "its"})
HE_OR_HIMSELF, SHE_OR_HERSELF = HE | {"himself"}, SHE | {"herself"}
TIMES = frozenset({"DATE", "TIME"})
"""Labels of entities that say when."""

_WORDS = read_words(__package__, "words.txt")
SUBORDINATORS = _WORDS["subordinators"]
CLAUSE_OPENERS = _WORDS["clause openers"]
BOUNDARY_LINKS = _WORDS["boundary links"]
BOUNDARY_MEDIA = _WORDS["boundary media"]
BEHIND_LINK = _WORDS["behind a link"]
FEATURE_LINKS = _WORDS["feature links"]
HELPERS = _WORDS["helpers"]
ADJUNCT_OPENERS = _WORDS["adjunct openers"]
WEEKDAYS = _WORDS["weekdays"]
TITLED = _WORDS["titled"]
NAME_BREAKS = _WORDS["name breaks"]
BEFORE_PLACES = _WORDS["before places"]
OUTLETS = _WORDS["outlets"]
MEDIA = _WORDS["media"]
REASONS = _WORDS["reasons"]
NOT_HEARERS = _WORDS["not hearers"]
LABELS = _WORDS["labels"]
MANNER = _WORDS["manner"]
GOING_ON = _WORDS["going on"]
GESTURES = _WORDS["gestures"]
TAILS = frozenset(words.replace("_", " ") for words in _WORDS["tails"])
ANSWER_WORDS, POINTING = _WORDS["answer words"], _WORDS["pointing"]
ANSWER_OPENINGS = frozenset(words.replace("_", " ") for words in _WORDS["answer openings"])
WITHHOLDING = _WORDS["withholding"]
ANSWERING = _WORDS["answering"]
AHEAD = _WORDS["ahead"]
TOLD_AFTER_ALL = _WORDS["told after all"]
SUPPOSING = _WORDS["supposing"]
ANSWERS = _WORDS["answers"]
STANCES, MADE_CLEAR, MAKING = _WORDS["stances"], _WORDS["made clear"], _WORDS["making"]
