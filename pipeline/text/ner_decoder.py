"""Finds the entities of a whole batch at once, the same as spaCy's entity recogniser finds word by word.

spaCy's transition-based recogniser reads a text from left to right. At each token it scores every move (begin an entity
with some label, go on, end it, a unit of one token, none) and takes the best move that is valid there. Most of the time
of that loop is not arithmetic: each check of a move takes and drops Python's lock.

The loop is not needed to get its result:

1. While no entity is open, the scores of a token depend on that token alone. So the best move of every token, on the
   condition that no entity is open there, comes from one matrix product over all tokens.
2. Only behind a token whose best move is "begin" does the history matter. From all such tokens the entities are
   followed together, one token further each round, until each has its end.
3. Reading from left to right, an entity counts when no earlier entity covers its first token.

Step 2 follows entities that step 3 may drop, so it stops after `ROUNDS` tokens. A longer entity is followed to its end
in step 3, when it is known to count. That keeps the time proportional to the length of any text.

Only these few entities need the products of their first token and of the one before, so those are not computed for all.
Sums may be rounded otherwise than in spaCy, by some millionths, as the vectors of tokens are. Of equal scores the first
move wins, as in spaCy.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ENT_IOB, ENT_KB_ID, ENT_TYPE, IS_SPACE, SENT_START  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.pipeline import EntityRecognizer, TrainablePipe
from spacy.pipeline._parser_internals.ner import BiluoPushDown  # type: ignore[import-not-found]
from spacy.tokens import Doc

from pipeline.text.maxout import largest_pieces
from pipeline.text.transition_model import is_greedy_and_plain, replace_components

ROUNDS = 8
"""Tokens behind its first that every possible entity is followed at once."""

BLOCK = 1024
"""Tokens that are scored at once, at the most. Their sums and scores fit in the processor's cache."""

_FEATURES = 3
"""What the model reads: the token, the entity's first token, the token before. spaCy has a variant with six."""

_READ = [ENT_IOB, ENT_TYPE, ENT_KB_ID, IS_SPACE, SENT_START]

_INSIDE, _OUTSIDE, _BEGINS = 1, 2, 3  # spaCy's values of ENT_IOB

_Floats = NDArray[np.float32]
_Flags = NDArray[np.bool_]
_Indices = NDArray[np.intp]
_Attributes = NDArray[Any]
"""The attributes `_READ`, a row for each token."""

_EntitySpan = tuple[int, int, int]
"""First token, token behind the last, label's hash."""


class BatchEntityRecognizer(EntityRecognizer):  # type: ignore[misc]  # compiled, without types
    """spaCy's entity recogniser, with the same entities in less time.

    What the batch decoder does not support is left to spaCy's own loop: see `supports_model` and `_has_presets`.
    """

    def pipe(self, docs: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Find the entities of texts, a whole batch at once."""
        return TrainablePipe.pipe(self, docs, batch_size=batch_size)  # type: ignore[no-any-return]

    def predict(self, docs: Iterable[Doc]) -> Any:
        """The entities of each text, as `set_annotations` takes them."""
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        if not any(map(len, docs)) or not supports_model(self):
            return super().predict(docs)
        attributes: list[_Attributes] = [doc.to_array(_READ) for doc in docs]
        if any(map(_has_presets, attributes)):
            return super().predict(docs)
        tokens = np.concatenate(attributes)
        batch = _Batch(self.model, _Moves.of(self), _boundaries(tokens, docs), tokens[:, 3] != 0, docs)
        return _Decoded(batch.entities())

    def set_annotations(self, docs: Iterable[Doc], states_or_beams: Any) -> None:
        """Write what `predict` gives into the texts."""
        if not isinstance(states_or_beams, _Decoded):
            super().set_annotations(docs, states_or_beams)
            return
        for doc, spans in zip(docs, states_or_beams.spans, strict=True):
            if len(doc):
                doc.from_array([ENT_IOB, ENT_TYPE], _written(spans, len(doc)))


def use_batch_decoder(nlp: Language) -> None:
    """Put the batch decoder in the place of spaCy's entity recognisers that it supports.

    The pipeline's configuration stays, so a pipeline that is saved afterwards loads in bare spaCy.
    """
    replace_components(nlp, EntityRecognizer, BatchEntityRecognizer, supports_model)


def supports_model(component: Any) -> bool:
    """Whether the batch decoder gives what spaCy's loop gives with this entity recogniser.

    It does for `spacy.TransitionBasedParser` with three features and an upper layer, on the processor, searched
    greedily, when no label was added after training and no move is missing.
    """
    return is_greedy_and_plain(component, BiluoPushDown, _FEATURES) and _Moves.of(component).complete


@dataclass(frozen=True, slots=True)
class _Moves:
    """The moves of a recogniser by their number.

    Attributes:
        opening: the numbers of the moves for a token outside of an entity, in order.
        begins, units: for each of `opening`, whether it begins an entity or is an entity of one token.
        labels: for each of `opening`, the label's hash.
        going_on, ending: for each of `opening` that begins an entity, the numbers of the moves that go on and end it.
        complete: whether every beginning has both, and a token may be outside.
    """

    opening: _Indices
    begins: _Flags
    units: _Flags
    labels: list[int]
    going_on: _Indices
    ending: _Indices
    complete: bool

    @classmethod
    def of(cls, component: Any) -> "_Moves":
        names = [component.moves.get_class_name(number) for number in range(component.moves.n_moves)]
        numbers = {name: number for number, name in enumerate(names)}
        # "U-" without a label is a token that some earlier component blocked. "B-" cannot be taken.
        opening = [number for number, name in enumerate(names) if name[:1] in "BUO" and name not in {"B-", "U-"}]
        begins = np.array([names[number].startswith("B-") for number in opening], dtype=bool)
        going_on, ending = (
            np.array([numbers.get(f"{kind}-{names[number][2:]}", -1) for number in opening], dtype=np.intp)
            for kind in "IL"
        )
        return cls(
            opening=np.array(opening, dtype=np.intp),
            begins=begins,
            units=np.array([names[number].startswith("U-") for number in opening], dtype=bool),
            labels=[component.vocab.strings[names[number][2:]] for number in opening],
            going_on=going_on,
            ending=ending,
            complete="O" in numbers and bool((going_on[begins] >= 0).all() and (ending[begins] >= 0).all()),
        )


@dataclass(frozen=True, slots=True)
class _Decoded:
    spans: list[list[_EntitySpan]]


class _Batch:
    """The tokens of several texts in one row, and the model's view of them."""

    def __init__(self, model: Any, moves: _Moves, last: _Flags, blank: _Flags, docs: Sequence[Doc]) -> None:
        """Run the model's first part.

        Args:
            model: the recogniser's model.
            moves: its moves.
            last: tokens behind which no entity goes on.
            blank: tokens that no entity begins with.
            docs: the texts.
        """
        self._moves = moves
        self._last = last
        self._blank = blank
        self._lengths = [len(doc) for doc in docs]
        self._vectors: _Floats = model.get_ref("tok2vec").predict(docs)
        self._lower = _Lower.of(model.get_ref("lower"))
        upper: Any = model.get_ref("upper")
        self._weights, self._bias = upper.get_param("W").T, upper.get_param("b")

    def entities(self) -> list[list[_EntitySpan]]:
        """The entities of each text."""
        best = self._best_opening_moves()
        ends = self._ends(best)
        found: list[list[_EntitySpan]] = []
        start = 0
        for length in self._lengths:
            found.append(list(self._left_to_right(start, best[start : start + length], ends)))
            start += length
        return found

    def _best_opening_moves(self) -> _Indices:
        # For each token the best valid move if no entity is open, as an index into `opening`.
        moves = self._moves
        best = np.empty(len(self._vectors), dtype=np.intp)
        weights, bias = np.ascontiguousarray(self._weights[:, moves.opening]), self._bias[moves.opening]
        for start in range(0, len(best), BLOCK):
            block = slice(start, start + BLOCK)
            scores = np.matmul(self._lower.outside(self._vectors[block]), weights)
            scores += bias
            blank = self._blank[block]
            scores[np.ix_(blank, moves.units)] = -np.inf
            scores[np.ix_(blank | self._last[block], moves.begins)] = -np.inf
            best[block] = scores.argmax(axis=1)
        return best

    def _ends(self, best: _Indices) -> dict[int, int]:
        # The last token of each entity that may begin and ends within ROUNDS tokens, by its first token.
        ends: dict[int, int] = {}
        starts = np.flatnonzero(self._moves.begins[best])
        for position in range(0, len(starts), BLOCK):
            first = starts[position : position + BLOCK]
            for distance in range(1, ROUNDS + 1):
                if not len(first):
                    break
                goes_on = self._goes_on(first, first + distance, best[first])
                ended = first[~goes_on]
                ends.update(zip(ended.tolist(), (ended + distance).tolist(), strict=True))
                first = first[goes_on]
        return ends

    def _left_to_right(self, offset: int, best: _Indices, ends: dict[int, int]) -> Iterator[_EntitySpan]:
        # The entities of the text that begins at `offset`, counted from there.
        moves = self._moves
        free = 0
        for start in np.flatnonzero((moves.begins | moves.units)[best]).tolist():
            if start < free:
                continue
            move = int(best[start])
            free = start + 1
            if moves.begins[move]:
                end = ends.get(offset + start)
                free = (self._far_end(offset + start, move) if end is None else end) - offset + 1
            yield start, free, moves.labels[move]

    def _far_end(self, start: int, move: int) -> int:
        # The last token of an entity of more than ROUNDS tokens behind the first.
        first, opening = np.array([start], dtype=np.intp), np.array([move], dtype=np.intp)
        distance = ROUNDS + 1
        while self._goes_on(first, first + distance, opening)[0]:
            distance += 1
        return start + distance

    def _goes_on(self, first: _Indices, tokens: _Indices, opening: _Indices) -> _Flags:
        # Whether each entity, begun at `first` with that move and still open, goes on behind `tokens`.
        read = self._vectors[np.stack((tokens, first, tokens - 1), axis=1)]
        scores = np.matmul(self._lower.inside(read), self._weights)
        scores += self._bias
        rows = np.arange(len(tokens))
        going_on, ending = self._moves.going_on[opening], self._moves.ending[opening]
        more, less = scores[rows, going_on], scores[rows, ending]
        wins: _Flags = (more > less) | ((more == less) & (going_on < ending))
        return wins & ~self._last[tokens]


@dataclass(frozen=True, slots=True)
class _Lower:
    """The layer that makes units of the vectors of a state's tokens.

    Attributes:
        matrices: for each feature, a column for each piece of each unit; first come the first pieces of all units.
        bias: for each column.
        absent: the bias, with what the features add for which there is no token outside of an entity.
        units: how many there are.
    """

    matrices: _Floats
    bias: _Floats
    absent: _Floats
    units: int

    @classmethod
    def of(cls, layer: Any) -> "_Lower":
        """The layer with the weights of spaCy's."""
        weights, bias, pad = (layer.get_param(name) for name in ("W", "b", "pad"))
        features, units, pieces, inputs = weights.shape
        bias = np.ascontiguousarray(bias.T).reshape(-1)
        return cls(
            matrices=np.ascontiguousarray(weights.transpose(0, 3, 2, 1)).reshape(features, inputs, pieces * units),
            bias=bias,
            absent=bias + pad[0, 1:].swapaxes(1, 2).reshape(features - 1, -1).sum(axis=0),
            units=units,
        )

    def outside(self, vectors: _Floats) -> _Floats:
        """The units of tokens outside of any entity."""
        sums: _Floats = np.matmul(vectors, self.matrices[0])
        sums += self.absent
        return largest_pieces(sums, self.units)  # type: ignore[no-any-return]

    def inside(self, vectors: _Floats) -> _Floats:
        """The units of tokens in an entity, of the vectors of each token, of its entity's first, of that before it."""
        sums: _Floats = np.matmul(vectors.reshape(len(vectors), -1), self.matrices.reshape(-1, len(self.bias)))
        sums += self.bias
        return largest_pieces(sums, self.units)  # type: ignore[no-any-return]


def _written(spans: list[_EntitySpan], length: int) -> Any:
    # What the tokens of a text with these entities have of ENT_IOB and ENT_TYPE.
    written: _Attributes = np.zeros((2, length), dtype=np.uint64)
    places, types = written
    places[:] = _OUTSIDE
    for start, end, label in spans:
        places[start:end] = _INSIDE
        places[start] = _BEGINS
        types[start:end] = label
    return written.T


def _boundaries(tokens: _Attributes, docs: Sequence[Doc]) -> _Flags:
    # Tokens behind which no entity goes on: those before a sentence's start, and each text's last.
    last = np.zeros(len(tokens), dtype=bool)
    last[:-1] = tokens[1:, 4] == 1
    last[np.cumsum([len(doc) for doc in docs if len(doc)]) - 1] = True
    return last


def _has_presets(attributes: _Attributes) -> bool:
    # Whether an earlier component has set entities, which spaCy keeps and may learn labels from.
    iob = attributes[:, 0]
    return bool((iob == 1).any() or (iob == 3).any() or attributes[:, 1].any() or attributes[:, 2].any())
