"""Lists given names that are borne almost only by women or almost only by men, as far as English-language news goes.

They are evidence for resolving "he" and "she", and never more: a name on neither list says nothing.
"""

from pipeline.text.word_lists import read_words

_NAMES = read_words("pipeline.text.names", "given_names.txt")
FEMALE, MALE = _NAMES["female"], _NAMES["male"]
