"""Detects which language a text is in, where it is long enough to say."""

import mmap
import re
import tempfile
import threading
from functools import lru_cache
from typing import Any

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

MINIMUM_LETTERS = 80
"""Texts with fewer letters are left undecided: names alone look like any language."""

MINIMUM_CONFIDENCE = 0.9
"""Below this the answer is none. English news reaches it within two sentences."""

_PIECE = 400  # Characters of a piece; one from the start and one from the middle say as much as the whole text.
_LIKE = {"pcm": "en", "sco": "en", "srl": "sr", "nb": "no", "nn": "no"}  # Near enough for the same pipeline.
_NO_LANGUAGE = frozenset({"zxx", "und", "mul"})
_WORD = re.compile(r"[^\W\d_]+")
# Words of English that no other language in Latin letters has as many of.
_ENGLISH = frozenset(
    """
    the and that with was were his her their from have has had said would which this these those are been they will who
    after about into could should than there when while because what not but for by be its it he she we you our
    """.split()
)
_ENGLISH_SHARE = 0.15
_lock = threading.Lock()


def detect(text: str) -> str | None:
    """The ISO 639 code of the language of a text; None where it is too short or too mixed to say."""
    sample = _sample(text)
    if sum(map(str.isalpha, sample)) < MINIMUM_LETTERS:
        return None
    if _plainly_english(sample):
        return "en"
    language, confidence = _identifier().classify(sample)
    if confidence < MINIMUM_CONFIDENCE or language in _NO_LANGUAGE:
        return None
    return _LIKE.get(language, language)


def prepare() -> None:
    """Load what is loaded where a text is first identified: a second, and 100 MB of which 7 stay."""
    _identifier()


def _plainly_english(sample: str) -> bool:
    # Most of what comes is English, and that is seen faster than by asking the identifier.
    words = _WORD.findall(sample.lower())
    return words.count("the") * 50 >= len(words) and sum(map(_ENGLISH.__contains__, words)) >= _ENGLISH_SHARE * len(
        words
    )


def _sample(text: str) -> str:
    if len(text) <= 2 * _PIECE:
        return text
    middle = max(len(text) // 2, _PIECE)
    return f"{text[:_PIECE]}\n{text[middle : middle + _PIECE]}"


def _identifier() -> "_Identifier":
    with _lock:
        return _load()


@lru_cache(maxsize=1)
def _load() -> "_Identifier":
    # A second: only where somebody asks.
    return _Identifier()


class _Identifier:
    """py3langid's identifier with its two large tables in a file.

    They have 70 MB, of which a text needs some thousandths. So the process holds those pages while a text is
    identified, and none in between. The file has no name and goes with the process.
    """

    def __init__(self) -> None:
        whole = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        scores, moves = whole.nb_ptc, whole.tk_nextmove
        self._pages = [_in_file(scores), _in_file(moves)]
        self._identifier = LanguageIdentifier(
            np.frombuffer(self._pages[0], dtype=scores.dtype).reshape(scores.shape),
            whole.nb_pc,
            whole.nb_classes,
            memoryview(self._pages[1]).cast(moves.typecode),
            whole.tk_output,
            norm_probs=True,
            tk_row=whole.tk_row,
        )

    def classify(self, text: str) -> tuple[str, float]:
        """The likeliest language, and its probability."""
        try:
            language, confidence = self._identifier.classify(text)
        finally:
            for pages in self._pages:
                if hasattr(mmap, "MADV_DONTNEED"):
                    pages.madvise(mmap.MADV_DONTNEED)
        return str(language), float(confidence)


def _in_file(table: Any) -> mmap.mmap:
    # py3langid itself unpacks its tables into such a file, so there is room for one.
    with tempfile.TemporaryFile() as file:
        table.tofile(file)
        file.flush()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
