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
from itertools import accumulate, pairwise
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import DEP, HEAD, SENT_START  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.pipeline import DependencyParser, TrainablePipe
from spacy.pipeline._parser_internals.arc_eager import ArcEager  # type: ignore[import-not-found]
from spacy.pipeline._parser_internals.nonproj import DELIMITER, deprojectivize  # type: ignore[import-not-found]
from spacy.tokens import Doc
from spacy.util import minibatch

from pipeline.text.maxout import largest_pieces
from pipeline.text.transition_model import is_greedy_and_plain, replace_components

STEP_COST = 8
"""A step of all states costs about as much as so many steps of one state in spaCy's loop, beside what it costs each
state. It decides which of both is used."""

ROUNDS = 4
"""A batch is parsed again so often, at the most, before it is left to spaCy's loop."""

MOST_TOKENS = 20_000
"""Tokens of the texts that are parsed at once, at the most; each takes half a kilobyte until it is parsed. A longer
text is parsed alone."""

MOST_STATES = 1024
"""States that are advanced together, at the most. It bounds the memory of a step to some megabytes."""

_FEATURES = 8
"""What the model reads: the first two tokens of the buffer, three of the stack, and children of both first ones."""

_KINDS = "SRDLB"
_SHIFT, _RIGHT, _REDUCE, _LEFT, _BREAK = range(len(_KINDS))

_BELOW, _HEAD, _LAST_LEFT, _LAST_RIGHT, _NEXT, _FLAGS, _NONE = range(7)
"""What is known of a token, by column: the one below it in the stack, its head, its last children on both sides, the
next one of the buffer, flags, and whether it stands for no token."""

_NO_STACK, _NO_BUFFER, _STARTING, _IS_LAST, _NO_BREAK, _RETURNED = (1 << bit for bit in range(6))
"""What decides which kinds of moves are valid: no token in the stack; and of the buffer's first token: there is none, a
sentence starts there, no other comes behind it, no sentence can start behind it, it was in the stack before."""

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
        """The parse of each text, as `set_annotations` takes it."""
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
        ends = accumulate(map(len, docs), initial=1)
        return _Parsed([parse.arcs(start, end) for start, end in pairwise(ends)])

    def set_annotations(self, docs: Iterable[Doc], states_or_beams: Any) -> None:
        """Write what `predict` gives into the texts."""
        if not isinstance(states_or_beams, _Parsed):
            super().set_annotations(docs, states_or_beams)
            return
        # As arrays: spaCy's own way makes a dictionary of each arc, and a string of each token's label.
        for doc, arcs in zip(docs, states_or_beams.arcs, strict=True):
            written: Any = doc.to_array([HEAD, DEP])
            written[arcs.children] = np.stack((arcs.distances.astype(np.uint64), arcs.labels), axis=1)
            written[written[:, 0] == 0, 1] = self.moves.root_label
            doc.from_array([HEAD, DEP], written)
            if arcs.decorated:
                deprojectivize(doc)


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
class _Arcs:
    """The arcs of a text.

    Attributes:
        children: the tokens that have a head.
        distances: of each, how many tokens its head stands behind it.
        labels: of each, the label's hash.
        decorated: whether a label tells that its arc stands for one that crosses others.
    """

    children: _Rows
    distances: _Rows
    labels: NDArray[np.uint64]
    decorated: bool


@dataclass(frozen=True, slots=True)
class _Parsed:
    arcs: list[_Arcs]


@dataclass(frozen=True, slots=True)
class _Moves:
    """The moves of a parser by their number.

    Attributes:
        kinds: of each move, as an index into `_KINDS`.
        labels: of each move, the label's hash.
        decorated: of each move, whether its label names that of another arc too, behind `DELIMITER`.
        complete: whether there is a shift and a reduction, and no move for parts of tokens.
    """

    kinds: _Rows
    labels: NDArray[np.uint64]
    decorated: _Flags
    complete: bool

    @classmethod
    def of(cls, component: Any) -> "_Moves":
        names = [component.moves.get_class_name(number).partition("-") for number in range(component.moves.n_moves)]
        strings = component.vocab.strings
        return cls(
            kinds=np.array([_KINDS.index(kind) for kind, _, _ in names], dtype=np.intp),
            labels=np.array([strings[label] if label else 0 for _, _, label in names], dtype=np.uint64),
            decorated=np.array([DELIMITER in label for _, _, label in names], dtype=bool),
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
        self._stretches = stretches
        self._fresh = _fresh_flags(stretches)
        # In one array, so that a state reads all of a token at once.
        self._tokens = np.zeros((size, 8), dtype=np.intp)
        self._below, self._head, self._last_left, self._last_right, self._next, self._flags, none, _ = self._tokens.T
        self._next[:], self._flags[:], none[0] = stretches.following, self._fresh, _NO_STACK
        self._move, self._right_before = np.zeros((2, size), dtype=np.intp)
        self._breaks_ahead = np.zeros(len(stretches.first), dtype=np.intp)  # _NO_BREAK where there is one
        lower: Any = model.get_ref("lower")
        self._vectors = np.concatenate((np.zeros_like(vectors[:1]), vectors))
        self._lower_weights, self._absent = _lower(lower)
        most = min(len(stretches.first), MOST_STATES)
        self._read = np.empty((most, _FEATURES, vectors.shape[1]), dtype=np.float32)
        self._hidden = np.empty((most, self._absent.shape[1]), dtype=np.float32)
        upper: Any = model.get_ref("upper")
        self._upper_weights = upper.get_param("W").T
        self._units = upper.get_dim("nI")
        self._shares = _penalties(moves) + upper.get_param("b")

    def run(self) -> bool:
        """Parse every stretch to its end; whether that was possible."""
        stretches = self._stretches
        broken = np.zeros(len(stretches.first), dtype=bool)
        numbers = stretches.longest_first
        for _ in range(ROUNDS):
            for start in range(0, len(numbers), MOST_STATES):
                self._run(numbers[start : start + MOST_STATES])
            # A break into the next stretch, and what that one was parsed with.
            breaks = np.append(False, self._breaks_ahead[:-1] != 0)
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
        self._tokens[rows] = 0
        self._next[rows], self._flags[rows] = stretches.following[rows], self._fresh[rows]
        self._move[rows] = self._right_before[rows] = 0
        if broken:
            self._flags[first] |= _NO_BREAK
            self._flags[first + 1] |= _STARTING
        self._breaks_ahead[number] = 0

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

    def arcs(self, start: int, stop: int) -> _Arcs:
        """The arcs of the text in these rows."""
        heads = self._head[start:stop]
        children = np.flatnonzero(heads)
        moves = self._move[start:stop][children]
        distances = heads[children] - children - start
        return _Arcs(children, distances, self._moves.labels[moves], bool(self._moves.decorated[moves].any()))

    def _step(self, stack: _Rows, buffer: _Rows, at_end: _Flags, numbers: _Rows) -> tuple[_Rows, _Rows]:
        # Stack and buffer, by their first tokens, after the best valid move of each state.
        top, front = self._tokens.take(stack, axis=0), self._tokens.take(buffer, axis=0)
        second, coming = top[:, _BELOW], front[:, _NEXT]
        situation = front[:, _FLAGS] + top[:, _NONE]
        (ended,) = at_end.nonzero()
        if len(ended):
            # It looks at the next stretch as it was before that one's own state came there.
            situation[ended] = self._fresh[buffer[ended]] | self._breaks_ahead[numbers[ended]]
        children = front[:, _LAST_LEFT], top[:, _LAST_LEFT], top[:, _LAST_RIGHT]
        scores = self._scores((buffer, coming, stack, second, self._below[second], *children))
        scores += self._shares.take(situation, axis=0)
        moves = scores.argmax(axis=1)
        kinds = self._moves.kinds.take(moves)

        pushing = kinds <= _RIGHT
        new_stack, new_buffer = np.where(pushing, buffer, second), np.where(pushing, coming, buffer)
        (pushes,), (rights,), (lefts,) = pushing.nonzero(), (kinds == _RIGHT).nonzero(), (kinds == _LEFT).nonzero()
        self._below[buffer[pushes]] = stack[pushes]
        if len(rights):
            self._attach_right(buffer[rights], stack[rights], moves[rights])
        if len(lefts):
            self._attach_left(stack[lefts], buffer[lefts], moves[lefts], top[:, _HEAD][lefts])
        (breaks,) = (kinds == _BREAK).nonzero()
        if len(breaks):
            new_stack[breaks] = stack[breaks]
            inside = breaks[~at_end[breaks]]
            self._flags[buffer[inside]] |= _NO_BREAK
            self._flags[coming[inside]] |= _STARTING
            self._breaks_ahead[numbers[breaks[at_end[breaks]]]] = _NO_BREAK
        (returns,) = ((kinds == _REDUCE) & (top[:, _HEAD] == 0) & (second != 0)).nonzero()
        if len(returns):
            new_buffer[returns] = stack[returns]
            self._return(stack[returns], buffer[returns])
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
        self._flags[heads] &= ~_RETURNED

    def _return(self, tokens: _Rows, following: _Rows) -> None:
        # Tokens without a head go back to the buffer, before those that are its first, and may not be shifted again.
        self._next[tokens] = following
        unbroken = (following == tokens + 1) & (self._flags[following] & _STARTING == 0)
        flags = self._flags[tokens] & _STARTING | _RETURNED
        self._flags[tokens] = flags | np.where(unbroken, 0, _NO_BREAK) | np.where(following == 0, _IS_LAST, 0)

    def _scores(self, rows: Sequence[_Rows]) -> _Floats:
        # The scores of all moves of each state but for `_shares`, by the row of each feature's token. What each token
        # adds as each feature could be had beforehand, but that is 4 kB a token: to write and read them takes as long.
        places = np.stack(rows, axis=1)
        size = len(places)
        read, hidden = self._read[:size], self._hidden[:size]
        self._vectors.take(places, axis=0, out=read, mode="clip")  # quicker than `[places]`
        np.matmul(read.reshape(size, -1), self._lower_weights, out=hidden)
        hidden += self._absent.take(np.packbits(places == 0, axis=1)[:, 0], axis=0)
        scores: _Floats = np.matmul(largest_pieces(hidden, self._units), self._upper_weights)
        return scores


def _lower(layer: Any) -> tuple[_Floats, _Floats]:
    # What makes units of the vectors of a state's tokens: weights, and what is added for each set of absent tokens. The
    # pieces of a unit lie apart: first come all first ones.
    weights = layer.get_param("W").transpose(0, 3, 2, 1)
    columns = weights.shape[2] * weights.shape[3]
    pad = layer.get_param("pad")[0].swapaxes(1, 2).reshape(_FEATURES, columns)
    absent = np.unpackbits(np.arange(2**_FEATURES, dtype=np.uint8)[:, None], axis=1).astype(np.float32)
    return np.ascontiguousarray(weights).reshape(-1, columns), absent @ pad + layer.get_param("b").T.reshape(-1)


def _fresh_flags(stretches: _Stretches) -> _Rows:
    # The flags of each token before the parse.
    starting, following = stretches.starting, stretches.following
    flags: _Rows = np.where(starting, _STARTING, 0)
    flags[following == 0] |= _IS_LAST
    flags[(following != np.arange(1, len(following) + 1)) | starting[following]] |= _NO_BREAK
    flags[0] |= _NO_BUFFER
    return flags


def _penalties(moves: _Moves) -> _Floats:
    # For each situation what is added to the score of each move: nothing, or minus infinity where it is not valid.
    situations = np.arange(2 * _RETURNED)

    def has(flag: int) -> _Flags:
        found: _Flags = situations & flag != 0
        return found

    valid = np.empty((len(situations), len(_KINDS)), dtype=bool)
    valid[:, _SHIFT] = has(_NO_STACK) | ~(has(_STARTING) | has(_IS_LAST) | has(_RETURNED))
    valid[:, _REDUCE] = ~has(_NO_STACK)
    valid[:, _LEFT] = valid[:, _RIGHT] = ~(has(_NO_STACK) | has(_NO_BUFFER) | has(_STARTING))
    valid[:, _BREAK] = ~has(_NO_BREAK)
    penalties: _Floats = np.where(valid, np.float32(0), np.float32(-np.inf))[:, moves.kinds]
    return penalties
