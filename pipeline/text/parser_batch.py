"""Parses many texts at once, with the same heads and labels as spaCy's parser finds step by step.

spaCy's parser is arc-eager: it keeps a stack and a buffer of tokens and takes, step after step, the best valid move:
shift (S), reduce (D), an arc to the left (L) or right (R) with some label, or a sentence break (B). Each move costs
little arithmetic, but each check of a move takes and drops Python's lock.

Here many states take their next step together, in a few operations on arrays. Two things make that many:

1. Many texts are parsed at once, not a few of similar length.
2. A sentence start that was set before (here: each line's, see `pipeline.text.nlp.LINES`) is never shifted before the
   stack is empty, and no arc crosses it. The state is then the same as one that starts there. So each such stretch of
   tokens has a state of its own. A state sees the next stretch's words. All that it can do to them is a sentence break
   behind the first; it is rare, and a stretch that was parsed without it is parsed again.

Where the stretches are few and long there is little to do together, and spaCy's own loop is used.

Rows of arrays are tokens of all texts; row 0 stands for no token. Stack and buffer are linked lists in such arrays.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import SENT_START  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.pipeline import DependencyParser, TrainablePipe
from spacy.pipeline._parser_internals.arc_eager import ArcEager  # type: ignore[import-not-found]
from spacy.tokens import Doc
from spacy.util import minibatch

from pipeline.text.transition_model import is_greedy_and_plain, replace_components

STEP_COST = 8
"""A step of all states costs about as much as so many steps of one state in spaCy's loop, beside what it costs each
state. It decides which of both is used."""

ROUNDS = 4
"""A batch is parsed again so often, at the most, before it is left to spaCy's loop."""

MOST_TOKENS = 10_000
"""Tokens of the texts that are parsed at once, at the most; each takes 4 kB until it is parsed. A longer text is parsed
alone."""

MOST_STATES = 1024
"""States that are advanced together, at the most. It bounds the memory of a step to some megabytes."""

_FEATURES = 8
"""What the model reads: the first two tokens of the buffer, three of the stack, and children of both first ones."""

_KINDS = "SDLRB"
_SHIFT, _REDUCE, _LEFT, _RIGHT, _BREAK = range(len(_KINDS))

_Floats = NDArray[np.float32]
_Flags = NDArray[np.bool_]
_Rows = NDArray[np.intp]


class BatchDependencyParser(DependencyParser):  # type: ignore[misc]  # compiled, without types
    """spaCy's parser, with the same parse in less time.

    What the batch parser does not support is left to spaCy's own loop: see `supports_model`.
    """

    def pipe(self, docs: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Parse texts, as many of a batch at once as memory allows (`MOST_TOKENS`)."""
        batches: Iterator[list[Doc]] = minibatch(docs, batch_size)  # type: ignore[no-untyped-call]
        for batch in batches:
            for part in parts(batch):
                yield from TrainablePipe.pipe(self, part, batch_size=len(part))

    def predict(self, docs: Iterable[Doc]) -> Any:
        """The states of a finished parse of each text, as `set_annotations` takes them."""
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        if not any(map(len, docs)) or not supports_model(self):
            return super().predict(docs)
        starts: list[NDArray[Any]] = [doc.to_array(SENT_START).astype(np.int64) for doc in docs]
        stretches = _Stretches.of(starts)
        if stretches is None or not stretches.gain():
            return super().predict(docs)
        parse = _Parse(self.model, _Moves.of(self), stretches, self.model.get_ref("tok2vec").predict(docs))
        if not parse.run():
            return super().predict(docs)
        states = self.moves.init_batch(docs)
        first = 1
        for state, doc in zip(states, docs, strict=True):
            for child, head, label in parse.arcs(first, first + len(doc)):
                state.add_arc(head, child, label)
            first += len(doc)
        return states


def parts(docs: Sequence[Doc]) -> Iterator[list[Doc]]:
    """The texts in as few parts as `MOST_TOKENS` allows, of about equally many tokens: a small part takes as many steps
    as a large one, each for few states."""
    total = sum(map(len, docs))
    wanted = total / max(1, ceil(total / MOST_TOKENS))
    part: list[Doc] = []
    size = 0
    for doc in docs:
        if part and (size + len(doc) > MOST_TOKENS or size + len(doc) / 2 > wanted):
            yield part
            part, size = [], 0
        part.append(doc)
        size += len(doc)
    if part:
        yield part


def use_batch_parser(nlp: Language) -> None:
    """Put the batch parser in the place of spaCy's parsers that it supports.

    The pipeline's configuration stays, so a pipeline that is saved afterwards loads in bare spaCy.
    """
    replace_components(nlp, DependencyParser, BatchDependencyParser, supports_model)


def supports_model(component: Any) -> bool:
    """Whether the batch parser gives what spaCy's loop gives with this parser.

    It does for `spacy.TransitionBasedParser` with an upper layer, on the processor, searched greedily, when no label
    was added after training and tokens are not merged.
    """
    plain = not component.cfg.get("learn_tokens") and is_greedy_and_plain(component, ArcEager, _FEATURES)
    return plain and _Moves.of(component).complete


@dataclass(frozen=True, slots=True)
class _Moves:
    """The moves of a parser by their number.

    Attributes:
        kinds: of each move, as an index into `_KINDS`.
        labels: of each move, the label's hash.
        complete: whether there is a shift and a reduction, and no move for parts of tokens.
    """

    kinds: _Rows
    labels: NDArray[np.uint64]
    complete: bool

    @classmethod
    def of(cls, component: Any) -> "_Moves":
        names = [component.moves.get_class_name(number).partition("-") for number in range(component.moves.n_moves)]
        strings = component.vocab.strings
        return cls(
            kinds=np.array([_KINDS.index(kind) for kind, _, _ in names], dtype=np.intp),
            labels=np.array([strings[label] if label else 0 for _, _, label in names], dtype=np.uint64),
            complete={"S", "D"} <= {kind for kind, _, _ in names} and "subtok" not in {name for _, _, name in names},
        )


@dataclass(frozen=True, slots=True)
class _Stretches:
    """The stretches of tokens that are parsed for themselves, in the texts' order.

    Attributes:
        starting: for each row, whether a sentence that starts there was set before.
        following: for each row, that of the next token of its text.
        first, behind: the row of each stretch's first token, and that behind its last.
        end: the row of the token behind the last in the stretch's text.
    """

    starting: _Flags
    following: _Rows
    first: _Rows
    behind: _Rows
    end: _Rows

    @classmethod
    def of(cls, starts: list[NDArray[Any]]) -> "_Stretches | None":
        """The stretches of texts; none if it was set that no sentence starts at some token."""
        flags = np.concatenate([np.zeros(1, dtype=np.int64), *starts])
        if (flags == -1).any():
            return None
        sizes = np.array([len(text) for text in starts if len(text)], dtype=np.intp)
        last = np.cumsum(sizes)
        starting: _Flags = flags == 1
        following = np.arange(1, len(flags) + 1, dtype=np.intp)
        following[0] = following[last] = 0
        opening = starting.copy()
        opening[last - sizes + 1] = True
        first = np.flatnonzero(opening)
        behind = np.append(first[1:], len(flags))
        return cls(starting, following, first, behind, following[behind - 1])

    @property
    def longest_first(self) -> _Rows:
        """The numbers of the stretches."""
        return np.argsort(self.first - self.behind, kind="stable")

    def gain(self) -> bool:
        """Whether it takes less time to parse the stretches together than one token after the other."""
        lengths = self.behind - self.first
        steps = lengths[self.longest_first][::MOST_STATES].sum()
        return bool(STEP_COST * steps < lengths.sum())


class _Parse:
    """The parse of a batch."""

    def __init__(self, model: Any, moves: _Moves, stretches: _Stretches, vectors: _Floats) -> None:
        """Run the model's first part.

        Args:
            model: the parser's model.
            moves: its moves.
            stretches: of the texts.
            vectors: of all tokens.
        """
        size = len(stretches.starting)
        self._moves = moves
        self._penalties = _penalties(moves)
        self._stretches = stretches
        self._starting = stretches.starting.copy()
        self._next = stretches.following.copy()
        self._unshiftable = np.zeros(size, dtype=bool)
        self._below, self._head, self._move, self._last_left, self._last_right, self._right_before = np.zeros(
            (6, size), dtype=np.intp
        )
        self._breaks_ahead = np.zeros(len(stretches.first), dtype=bool)
        lower: Any = model.get_ref("lower")
        # Row 0 stands for an absent token here too. The product is spaCy's own, so its rounding is too.
        features: _Floats = lower.predict(vectors)
        self._features = features.reshape(len(features) * _FEATURES, -1)
        self._pieces = features.shape[-1]
        self._bias: _Floats = lower.get_param("b").reshape(-1)
        upper: Any = model.get_ref("upper")
        self._product = upper.ops.gemm
        self._upper_weights, self._upper_bias = upper.get_param("W"), upper.get_param("b")

    def run(self) -> bool:
        """Parse every stretch to its end; whether that was possible."""
        stretches = self._stretches
        broken = np.zeros(len(stretches.first), dtype=bool)
        numbers = stretches.longest_first
        for _ in range(ROUNDS):
            for start in range(0, len(numbers), MOST_STATES):
                self._run(numbers[start : start + MOST_STATES])
            # A break into the next stretch, and what that one was parsed with.
            breaks = np.append(False, self._breaks_ahead[:-1])
            numbers = np.flatnonzero(breaks != broken)
            if not len(numbers):
                return True
            broken = breaks
            for number in numbers.tolist():
                self._reset(number, broken=bool(broken[number]))
        return False

    def _reset(self, number: int, *, broken: bool) -> None:
        stretches = self._stretches
        first, behind = int(stretches.first[number]), int(stretches.behind[number])
        rows = slice(first, behind)
        self._starting[rows] = stretches.starting[rows]
        self._starting[first + 1] |= broken
        self._next[rows] = stretches.following[rows]
        self._unshiftable[rows] = False
        self._breaks_ahead[number] = False
        for column in (
            self._below,
            self._head,
            self._move,
            self._last_left,
            self._last_right,
            self._right_before,
        ):
            column[rows] = 0

    def _run(self, numbers: _Rows) -> None:
        buffer, ends = self._stretches.first[numbers], self._stretches.end[numbers]
        stack = np.zeros_like(buffer)
        at_end = np.zeros(len(numbers), dtype=bool)
        while len(stack):
            stack, buffer = self._step(stack, buffer, at_end, numbers)
            at_end = buffer == ends
            going_on = ~at_end | (stack != 0)
            if not going_on.all():
                stack, buffer, at_end = stack[going_on], buffer[going_on], at_end[going_on]
                ends, numbers = ends[going_on], numbers[going_on]

    def arcs(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Child, head and label of the arcs of the text in these rows, counted from its first token."""
        heads = self._head[start:stop]
        children = np.flatnonzero(heads)
        labels = self._moves.labels[self._move[start:stop][children]]
        return zip(children.tolist(), (heads[children] - start).tolist(), labels.tolist(), strict=True)

    def _step(self, stack: _Rows, buffer: _Rows, at_end: _Flags, numbers: _Rows) -> tuple[_Rows, _Rows]:
        # Stack and buffer, by their first tokens, after the best valid move of each state.
        second = self._below[stack]
        coming = self._next[buffer]
        scores = self._scores(stack, second, buffer, coming)
        # At its end a state looks at the next stretch as it was before that one's own state came there.
        before = self._stretches.starting[coming] | self._breaks_ahead[numbers]
        broken = np.where(at_end, before, self._starting[coming])
        scores += self._penalties[self._situation(stack, buffer, coming, broken)]
        moves = scores.argmax(axis=1)
        kinds = self._moves.kinds[moves]

        head_of_top = self._head[stack]
        right, left, reduced = kinds == _RIGHT, kinds == _LEFT, kinds == _REDUCE
        pops = reduced & ((head_of_top != 0) | (second == 0))
        (pushes,) = ((kinds == _SHIFT) | right).nonzero()
        (rights,), (lefts,), (returns,) = right.nonzero(), left.nonzero(), (reduced & ~pops).nonzero()
        breaks = kinds == _BREAK

        self._starting[coming[breaks & ~at_end]] = True
        self._breaks_ahead[numbers[breaks & at_end]] = True
        if len(rights):
            self._attach_right(buffer[rights], stack[rights], moves[rights])
        if len(lefts):
            self._attach_left(stack[lefts], buffer[lefts], moves[lefts], head_of_top[lefts])
        new_stack = np.where(pops | left, second, stack)
        new_buffer = buffer.copy()
        self._below[buffer[pushes]] = stack[pushes]
        new_stack[pushes] = buffer[pushes]
        new_buffer[pushes] = coming[pushes]
        if len(returns):
            # A token without a head goes back to the buffer, and may not be shifted again.
            back = stack[returns]
            self._unshiftable[back] = True
            self._next[back] = buffer[returns]
            new_stack[returns] = second[returns]
            new_buffer[returns] = back
        return new_stack, new_buffer

    def _attach_right(self, children: _Rows, heads: _Rows, moves: _Rows) -> None:
        self._head[children] = heads
        self._move[children] = moves
        self._right_before[children] = self._last_right[heads]
        self._last_right[heads] = children

    def _attach_left(self, children: _Rows, heads: _Rows, moves: _Rows, earlier: _Rows) -> None:
        # A head that the child had is its left neighbour in the stack, and the child is that one's last.
        had = np.flatnonzero(earlier)
        self._last_right[earlier[had]] = self._right_before[children[had]]
        self._head[children] = heads
        self._move[children] = moves
        self._last_left[heads] = children
        self._unshiftable[heads] = False

    def _situation(self, stack: _Rows, buffer: _Rows, coming: _Rows, broken: _Flags) -> _Rows:
        # What decides which kinds of moves are valid, as an index into the penalties.
        situation: _Rows = (stack == 0).astype(np.intp)
        situation += 2 * (buffer == 0)
        situation += 4 * self._starting[buffer]
        situation += 8 * (self._unshiftable[buffer] | (coming == 0))
        situation += 16 * ((coming != buffer + 1) | broken)
        return situation

    def _scores(self, stack: _Rows, second: _Rows, buffer: _Rows, coming: _Rows) -> _Floats:
        rows = np.empty((_FEATURES, len(stack)), dtype=np.intp)
        rows[0], rows[1], rows[2], rows[3] = buffer, coming, stack, second
        rows[4] = self._below[second]
        rows[5], rows[6] = self._last_left[buffer], self._last_left[stack]
        rows[7] = self._last_right[stack]
        rows *= _FEATURES
        rows += np.arange(_FEATURES)[:, None]
        hidden: _Floats = self._features[rows[0]]
        more = np.empty_like(hidden)
        for feature in range(1, _FEATURES):
            hidden += np.take(self._features, rows[feature], axis=0, out=more, mode="clip")  # quicker than `[rows]`
        hidden += self._bias
        units = hidden[:, :: self._pieces]
        for piece in range(1, self._pieces):
            units = np.maximum(units, hidden[:, piece :: self._pieces])
        # What spaCy's linear layer does, without thinc's wrappers around it.
        scores: _Floats = self._product(np.ascontiguousarray(units), self._upper_weights, trans2=True)
        scores += self._upper_bias
        return scores


def _penalties(moves: _Moves) -> _Floats:
    # For each situation what is added to the score of each move: nothing, or minus infinity where it is not valid.
    situations = np.arange(32)
    no_stack, no_buffer, starting, no_shift, no_break = (situations & (1 << bit) != 0 for bit in range(5))
    valid = np.empty((len(situations), len(_KINDS)), dtype=bool)
    valid[:, _SHIFT] = no_stack | ~(starting | no_shift)
    valid[:, _REDUCE] = ~no_stack
    valid[:, _LEFT] = valid[:, _RIGHT] = ~(no_stack | no_buffer | starting)
    valid[:, _BREAK] = ~no_break
    penalties: _Floats = np.where(valid, np.float32(0), np.float32(-np.inf))[:, moves.kinds]
    return penalties
