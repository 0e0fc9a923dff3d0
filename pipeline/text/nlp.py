"""Loads spaCy pipelines with what makes them fast and bounded.

`fast` gives the same tokens, tags, parse and entities in less than half the time. It multiplies matrices with numpy's
own library, because the one in spaCy's wheels is two to three times slower on common processors. It computes the
vectors of tokens with less copying (see `pipeline.text.tok2vec_encoder`), and parses a batch and finds its entities at
once (see `pipeline.text.parser_batch` and `pipeline.text.ner_decoder`). It writes tags, heads and entities as arrays.
It leaves out coarse parts of speech, morphology and lemmas, because nothing here reads them.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import spacy
from numpy.typing import NDArray
from spacy.attrs import SENT_START  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.tokenizer import Tokenizer  # type: ignore[import-not-found]
from spacy.tokens import Doc
from thinc.api import NumpyOps, Ops, get_current_ops, set_current_ops
from threadpoolctl import threadpool_limits

from pipeline.errors import SettingsError
from pipeline.text.ner_decoder import use_batch_decoder
from pipeline.text.parser_batch import use_batch_parser
from pipeline.text.tagger_batch import use_batch_tagger
from pipeline.text.tok2vec_encoder import use_fast_tok2vec

MODEL_VARIABLE = "WHOSAID_ENRICHMENT__MODEL"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")

SPACES = "whosaid_spaces"
"""The component that stands in for the one of attribute_ruler's rules that somebody reads."""

LINES = "whosaid_lines"
"""The component that lets no sentence of the parse run over the end of a line."""

LONGEST_WORD = 300
"""Characters without a blank that are split into tokens at once. A longer run is cut into pieces of this length,
because spaCy's tokenizer takes time by the square of a run's length."""

_LINE_END = re.compile(r"[\n\r\u2028\u2029]")
_LONG_RUN = re.compile(rf"\S{{{LONGEST_WORD}}}(?=\S)")
_UNREAD = ("attribute_ruler", "lemmatizer", "morphologizer")

_Floats = NDArray[np.float32]


class MatmulOps(NumpyOps):  # type: ignore[misc]  # thinc has no types
    """thinc's operations on the processor, with matrices multiplied by `numpy.matmul`."""

    name = "numpy"

    def gemm(
        self, x: _Floats, y: _Floats, *, out: _Floats | None = None, trans1: bool = False, trans2: bool = False
    ) -> _Floats:
        """The product of x and y, each transposed first where asked, into `out` where given."""
        return np.matmul(x.T if trans1 else x, y.T if trans2 else y, out=out)

    def affine(self, X: _Floats, W: _Floats, b: _Floats) -> _Floats:  # noqa: N803 - thinc's names
        """X · Wᵀ + b."""
        product: _Floats = np.matmul(X, W.T)
        product += b
        return product


class BoundedTokenizer(Tokenizer):  # type: ignore[misc]  # compiled, without types
    """spaCy's tokenizer, in time that grows with the text's length only; see `LONGEST_WORD`."""

    def __call__(self, string: str) -> Doc:
        """The tokens of a text."""
        cuts = [match.end() for match in _LONG_RUN.finditer(string)]
        if not cuts:
            whole: Doc = super().__call__(string)
            return whole
        words: list[str] = []
        spaces: list[bool] = []
        for start, end in pairwise([0, *cuts, len(string)]):
            piece = super().__call__(string[start:end])
            words += [token.text for token in piece]
            spaces += [bool(token.whitespace_) for token in piece]
        return Doc(self.vocab, words=words, spaces=spaces)


def load(model: str, *, fast: bool = True) -> Language:
    """The spaCy pipeline of that package or folder; its matrices use one thread of this process from then on.

    Args:
        model: a package's name or a folder's path.
        fast: load it with the faster parts; the output is the same.

    Raises:
        SettingsError: there is no such pipeline, or this spaCy cannot read it.
    """
    one_thread()
    ops = MatmulOps() if fast else NumpyOps()
    try:
        with _ops(ops):
            nlp = spacy.load(model, exclude=_UNREAD if fast else ())
    except (OSError, ImportError, ValueError, TypeError, KeyError) as error:
        first = " ".join(str(error).split())[:200]
        raise SettingsError(
            f"{MODEL_VARIABLE} is {model!r}, and spaCy cannot load that pipeline: install its package or give the path "
            f"of its folder ({first})."
        ) from error
    _bound_tokenizer(nlp)
    if LINES not in nlp.pipe_names:  # A pipeline that was saved after loading has it.
        nlp.add_pipe(LINES, first=True)
    if fast:
        use_fast_tok2vec(nlp)
        use_batch_tagger(nlp)
        use_batch_parser(nlp)
        use_batch_decoder(nlp)
        if SPACES not in nlp.pipe_names:
            nlp.add_pipe(SPACES)
    return nlp


def _bound_tokenizer(nlp: Language) -> None:
    # A pipeline with another kind of tokenizer keeps it.
    own: Any = nlp.tokenizer
    if type(own) is Tokenizer:
        settings = ("rules", "prefix_search", "suffix_search", "infix_finditer", "token_match", "url_match")
        nlp.tokenizer = BoundedTokenizer(
            own.vocab, faster_heuristics=own.faster_heuristics, **{name: getattr(own, name) for name in settings}
        )


@lru_cache(maxsize=2)
def shared(model: str, fast: bool = True) -> Language:
    """The pipeline, loaded once in this process. For tests and one-off commands; it is not safe across threads."""
    return load(model, fast=fast)


def one_thread() -> None:
    """Make matrix libraries of this process, and of those it starts, use one thread: we run one process a core."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    threadpool_limits(1)


@Language.component(LINES)
def start_sentences(doc: Doc) -> Doc:
    """Let a sentence begin with each line, so that a heading is no part of the sentence below it."""
    # Set in an array, as each setting of a token's own `is_sent_start` looks at all tokens of the text.
    starts: Any = doc.to_array(SENT_START)
    behind = -1  # the token behind the blanks that were looked at last
    after_line_end = found = False
    for blank in doc.to_array("IS_SPACE").nonzero()[0].tolist():
        if after_line_end and blank != behind:
            starts[behind], found, after_line_end = 1, True, False
        after_line_end = after_line_end or bool(_LINE_END.search(doc[blank].text))
        behind = blank + 1
    if after_line_end and behind < len(doc):
        starts[behind], found = 1, True
    return doc.from_array([SENT_START], starts) if found else doc


@Language.component(SPACES)
def tag_spaces(doc: Doc) -> Doc:
    """Mark blank tokens as such, whatever tagger and parser took them for."""
    for index in doc.to_array("IS_SPACE").nonzero()[0].tolist():
        token = doc[index]
        token.tag_, token.dep_ = "_SP", "dep"
    return doc


@contextmanager
def _ops(ops: Ops) -> Iterator[None]:
    # Models keep the operations that are current when they are made, so these may go back right after.
    before = get_current_ops()
    set_current_ops(ops)
    try:
        yield
    finally:
        set_current_ops(before)
