"""Computes the vectors of tokens that tagger, parser and entity recogniser read, the same as spaCy's in less time.

spaCy's tok2vec has two halves. The embedding gives each token a vector from its own attributes (norm, prefix, suffix,
shape). The encoder is a stack of layers that each mix a token with its neighbours: a window of vectors, a matrix
product, the largest of some pieces (maxout), layer normalisation, and a sum with the layer's input.

1. The embedding of a word does not depend on its text. So it is kept (see `KEPT_WORDS`), and spaCy's own layers compute
   only that of new words.
2. The rows of a window lie side by side in memory, so a view of the vectors is the window. Blocks of `BLOCK` tokens go
   through all layers one after the other, in buffers that fit in the processor's cache. Beside a block the layers see
   blank rows. That spoils as many rows at its ends as the layers reach, so that many of its neighbours go with it.
3. The first layer sees words without their neighbours. Its product with each word of a batch, at each place of a
   window, is computed once, and a token's is the sum of three. In 16 articles each word stands five times.
4. The weights are put in an order in which the pieces of maxout are contiguous.

The products are the same, but sums may be rounded otherwise, as they are with any other matrix library. Vectors differ
by some millionths.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model, NumpyOps

from pipeline.text.maxout import largest_pieces

BLOCK = 512
"""Tokens that go through all layers at once."""

AS_ONE = 8
"""Rows of a block that numpy takes as one row where each gets the same: beginning a row costs as much as 50 numbers."""

KEPT_WORDS = 8192
"""The embeddings of at least so many words are kept, and of twice as many at the most (6 MB with vectors of 96)."""

MOST_PRODUCTS = 8192
"""Different words of a batch whose products are computed beforehand, at the most (28 MB with vectors of 96)."""

_TOKENWISE = {"list2ragged", "ints-getitem", "hashembed", "maxout", "layernorm", "dropout", "linear", "ragged2list"}
"""Layers that look at each token alone."""

_Floats = NDArray[np.float32]
_Attributes = NDArray[np.uint64]
_Numbers = NDArray[np.intp]
_Forward = Callable[..., Any]
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, with as many ones as zeros
_NO_ATTRIBUTES: _Attributes = np.empty((0, 1), dtype=np.uint64)


def use_fast_tok2vec(nlp: Language) -> None:
    """Put the fast forward pass in the place of spaCy's, in every tok2vec of the pipeline that `supports` it.

    The layers and their weights stay as they are, so a pipeline that is saved afterwards loads in bare spaCy.
    """
    for _, component in nlp.components:
        model = getattr(component, "model", None)
        if isinstance(model, Model):
            for node in list(model.walk()):
                if supports(node) and not isinstance(node._func, FastForward):
                    node._func = FastForward(node)  # thinc has no public way that keeps the layers as they are.


def supports(model: Model[Any, Any]) -> bool:
    """Whether this is a tok2vec that `FastForward` computes.

    It is where words are embedded by their attributes alone and encoded by maxout layers over windows, with blank rows
    between texts, on the processor. Static vectors, characters, mish and LSTM are left to spaCy.
    """
    if not {"embed", "encode"} <= set(model.ref_names):
        return False
    embed, encode = model.get_ref("embed"), model.get_ref("encode")
    nodes = list(model.walk())
    return (
        list(model.layers) == [embed, encode]
        and all(isinstance(node.ops, NumpyOps) for node in nodes)
        and all(_is_float32(node, name) for node in nodes for name in node.param_names)
        and _embeds_words(embed)
        and _Encoder.of(encode) is not None
    )


class FastForward:
    """The forward pass of one tok2vec model. Threads may share it, as they may share spaCy's.

    Training, copies of the model and weights that were replaced after loading are left to spaCy's own pass.
    """

    def __init__(self, model: Model[Any, Any]) -> None:
        """Read the weights.

        Args:
            model: a tok2vec that `supports` allows.
        """
        encoder = _Encoder.of(model.get_ref("encode"))
        assert encoder is not None
        self._spacys: _Forward = model._func
        self._model = model
        self._weights = _weights(model)
        self._encoder = encoder
        self._embedding = _Embedding(model.get_ref("embed"), encoder.width)
        self._trained = False

    def __call__(self, model: Model[Any, Any], docs: Sequence[Doc], is_train: bool) -> tuple[Any, Callable[..., Any]]:
        """The vectors of each text's tokens, and what spaCy propagates gradients with."""
        self._trained = self._trained or is_train
        if self._trained or model is not self._model or not self._has_same_weights():
            result: tuple[Any, Callable[..., Any]] = self._spacys(model, docs, is_train)
            return result
        return self._vectors(docs), _no_gradients

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[_Forward]]:
        """Copied or sent to another process, it is spaCy's own pass."""
        return _same, (self._spacys,)

    def _vectors(self, docs: Sequence[Doc]) -> list[_Floats]:
        # Blank rows before and behind every text, so that none sees another. Word 0 is blank.
        gap = self._encoder.reach
        numbers, words = self._embedding.words(docs)
        lengths = [len(doc) for doc in docs]
        of_rows = np.zeros(len(numbers) + gap * (len(lengths) + 1), dtype=np.intp)
        starts: list[int] = []
        row, token = gap, 0
        for length in lengths:
            starts.append(row)
            of_rows[row : row + length] = numbers[token : token + length]
            row, token = row + length + gap, token + length
        rows = self._encoder.encode(words, of_rows)
        return [rows[start : start + length] for start, length in zip(starts, lengths, strict=True)]

    def _has_same_weights(self) -> bool:
        return all(array is node.get_param(name) for node, name, array in self._weights)


class _Embedding:
    """The vectors of words by their attributes, of which the latest are kept.

    Two generations are kept. A word that is used moves to the younger; when that is full the older is forgotten.
    """

    def __init__(self, embed: Model[Any, Any], width: int) -> None:
        self._width = width
        self._attributes: Model[Any, Any] = embed.layers[0]
        self._layers = list(embed.layers[1:])
        self._lock = threading.Lock()
        self._young = _Generation({}, np.empty((0, 0), dtype=np.float32))
        self._old = self._young

    def words(self, docs: Sequence[Doc]) -> tuple[_Numbers, _Floats]:
        """The number of each token's word, from 1 on, and the vectors of the words; the vector 0 is blank."""
        attributes = np.concatenate([np.asarray(one) for one in self._attributes.predict(docs)] or [_NO_ATTRIBUTES])
        different, numbers = _different(attributes)
        vectors: _Floats = np.zeros((len(different) + 1, self._width), dtype=np.float32)
        for start in range(0, len(different), KEPT_WORDS):
            self._write(different[start : start + KEPT_WORDS], vectors[1 + start : 1 + start + KEPT_WORDS])
        return numbers + 1, vectors

    def _write(self, attributes: _Attributes, places: _Floats) -> None:
        keys = _keys(attributes)
        with self._lock:
            missing = self._missing(keys)
            if len(missing) + len(self._young.rows) > KEPT_WORDS:
                self._old, self._young = self._young, _Generation({}, np.empty((0, 0), dtype=np.float32))
                missing = self._missing(keys)
            if missing:
                self._add(missing, attributes)
            young = self._young
            rows = np.fromiter(map(young.rows.__getitem__, keys), dtype=np.intp, count=len(keys))
            np.take(young.vectors, rows, axis=0, out=places, mode="clip")

    def _missing(self, keys: list[bytes]) -> dict[bytes, int]:
        # The keys that the younger generation lacks, each with the place of one of its tokens.
        known = self._young.rows
        return {key: place for place, key in enumerate(keys) if key not in known}

    def _add(self, missing: dict[bytes, int], attributes: _Attributes) -> None:
        young, old = self._young, self._old
        kept = [key for key in missing if key in old.rows]
        new = [key for key in missing if key not in old.rows]
        if new:
            computed = self._compute(attributes[[missing[key] for key in new]])
            young.add(new, computed)
        if kept:
            young.add(kept, old.vectors[[old.rows[key] for key in kept]])

    def _compute(self, attributes: _Attributes) -> _Floats:
        values: Any = [attributes]
        for layer in self._layers:
            values = layer.predict(values)
        vectors: _Floats = values[0]
        return vectors


def _different(attributes: _Attributes) -> tuple[_Attributes, _Numbers]:
    # The different rows, and the number of each row's. They are told apart by a hash, and if two have the same hash, by
    # their bytes.
    _, places, numbers = np.unique(_hashes(attributes), return_index=True, return_inverse=True)
    different = attributes[places]
    if not np.array_equal(different[numbers], attributes):
        _, places, numbers = np.unique(_keys(attributes), return_index=True, return_inverse=True)
        different = attributes[places]
    return different, numbers


def _hashes(attributes: _Attributes) -> _Attributes:
    hashes: _Attributes = attributes @ _FACTOR ** np.arange(attributes.shape[1], dtype=np.uint64)
    return hashes


def _keys(attributes: _Attributes) -> list[bytes]:
    keys: list[bytes] = attributes.view(f"V{attributes.shape[1] * attributes.itemsize}").ravel().tolist()
    return keys


@dataclass(slots=True)
class _Generation:
    rows: dict[bytes, int]
    vectors: _Floats

    def add(self, keys: list[bytes], vectors: _Floats) -> None:
        if not len(self.vectors):
            self.vectors = np.empty((KEPT_WORDS, vectors.shape[1]), dtype=np.float32)
        first = len(self.rows)
        self.vectors[first : first + len(keys)] = vectors
        self.rows.update(zip(keys, range(first, first + len(keys)), strict=True))


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer over windows.

    Attributes:
        matrix: a column for each piece of each output; first come the first pieces of all outputs, then the second.
        bias: for each column of `AS_ONE` rows.
        scale, shift: of the normalisation, for each output of `AS_ONE` rows.
        width: outputs.
        side: tokens on each side of a window's middle.
    """

    matrix: _Floats
    bias: _Floats
    scale: _Floats
    shift: _Floats
    width: int
    side: int

    @classmethod
    def of(cls, residual: Model[Any, Any]) -> "_Layer | None":
        """The layer with the weights of spaCy's; none if that is another kind of layer."""
        parts: list[Any] = _chained(residual.layers[0]) if _wraps(residual, "residual") else []
        if [part.name for part in parts] != ["expand_window", "maxout", "layernorm", "dropout"]:
            return None
        window, maxout, norm, _ = parts
        weights, bias, side = maxout.get_param("W"), maxout.get_param("b"), window.attrs["window_size"]
        outputs, pieces, inputs = weights.shape
        if inputs != outputs * (2 * side + 1):
            return None
        return cls(
            matrix=np.ascontiguousarray(weights.transpose(2, 1, 0).reshape(inputs, pieces * outputs)),
            bias=np.tile(np.ascontiguousarray(bias.T).reshape(-1), AS_ONE),
            scale=np.tile(norm.get_param("G"), AS_ONE),
            shift=np.tile(norm.get_param("b"), AS_ONE),
            width=outputs,
            side=side,
        )


@dataclass(frozen=True, slots=True)
class _Encoder:
    """The layers over windows.

    Attributes:
        layers: in order.
        side: tokens on each side of a window's middle.
        width: numbers of a vector.
    """

    layers: list[_Layer]
    side: int
    width: int

    @property
    def reach(self) -> int:
        """Tokens on each side that a token's vector depends on."""
        return self.side * len(self.layers)

    @classmethod
    def of(cls, encode: Model[Any, Any]) -> "_Encoder | None":
        """The encoder with the weights of spaCy's model; none if the model has other layers."""
        if not _wraps(encode, "with_array"):
            return None
        found = [_Layer.of(residual) for residual in _chained(encode.layers[0])]
        layers = [layer for layer in found if layer is not None]
        sizes = {(layer.side, layer.width) for layer in layers}
        if len(layers) < len(found) or len(sizes) != 1:
            return None
        ((side, width),) = sizes
        # With fewer blank rows between texts, spaCy's texts see each other.
        return cls(layers, side, width) if encode.attrs["pad"] >= side * len(layers) else None

    def encode(self, words: _Floats, numbers: _Numbers) -> _Floats:
        """The encoded vectors of rows of words, given by their numbers, all but in the blank rows at both ends."""
        rows: _Floats = np.take(words, numbers, axis=0)
        reach, side = self.reach, self.side
        products = _WordProducts(self.layers[0], words, np.pad(numbers, side)) if len(words) <= MOST_PRODUCTS else None
        buffers = _Buffers(self, BLOCK + 2 * reach)
        before = rows[:reach].copy()
        for start in range(reach, len(rows) - reach, BLOCK):
            end = min(start + BLOCK, len(rows) - reach)
            size = end - start + 2 * reach
            block = buffers.block(size)
            block[:reach] = before
            block[reach:] = rows[start : end + reach]
            before = block[-2 * reach : -reach].copy()
            for layer in self.layers:
                if products is not None and layer is self.layers[0]:
                    products.write(buffers.products(layer, size), start - reach)
                else:
                    buffers.multiply(layer, size)
                buffers.finish(layer, size)
            rows[start:end] = block[reach:-reach]
        return rows


class _WordProducts:
    """The first layer's products, as sums of those of a window's words; with its bias."""

    def __init__(self, layer: _Layer, words: _Floats, numbers: _Numbers) -> None:
        """Compute the products of the words.

        Args:
            layer: the first layer.
            words: the words' vectors.
            numbers: of the words of all rows, with the window's side of blank words before and behind them.
        """
        width = layer.width
        self._numbers = numbers
        self._tables: list[_Floats] = [
            np.matmul(words, layer.matrix[start : start + width]) for start in range(0, len(layer.matrix), width)
        ]
        self._tables[0] += layer.bias[: layer.matrix.shape[1]]
        self._more = np.empty((0, 0), dtype=np.float32)

    def write(self, products: _Floats, first: int) -> None:
        """Write the products of rows from the first on."""
        size = len(products)
        if len(self._more) < size:
            self._more = np.empty_like(products)
        more = self._more[:size]
        for place, table in enumerate(self._tables):
            numbers = self._numbers[first + place : first + place + size]
            if place:
                products += table.take(numbers, axis=0, out=more, mode="clip")  # quicker than `[numbers]`
            else:
                table.take(numbers, axis=0, out=products, mode="clip")


class _Buffers:
    """The memory that a block goes through all layers in."""

    def __init__(self, encoder: _Encoder, size: int) -> None:
        width, side = encoder.width, encoder.side
        self._width = width
        self._side = side
        size = _whole(size)
        self._rows = np.zeros((size + 2 * side, width), dtype=np.float32)
        row, item = self._rows.strides
        self._views = as_strided(self._rows, (size, (2 * side + 1) * width), (row, item), writeable=False)
        self._windows = np.empty_like(self._views)
        self._products = np.zeros(size * max(layer.matrix.shape[1] for layer in encoder.layers), dtype=np.float32)
        self._outputs = np.zeros((size, width), dtype=np.float32)
        self._mean_of = np.full(width, 1 / width, dtype=np.float32)

    def block(self, size: int) -> _Floats:
        """The place for `size` tokens, with blank rows before and behind."""
        self._rows[self._side + size :] = 0
        return self._rows[self._side : self._side + size]

    def products(self, layer: _Layer, size: int) -> _Floats:
        """The place for a layer's products, with its bias."""
        columns = layer.matrix.shape[1]
        return self._products[: size * columns].reshape(size, columns)

    def multiply(self, layer: _Layer, size: int) -> None:
        """Compute a layer's products."""
        windows = self._windows[:size]
        # Copied at once here, as numpy copies a view whose rows overlap by itself, in more time.
        windows[...] = self._views[:size]
        np.matmul(windows, layer.matrix, out=self.products(layer, size))
        as_one = self.products(layer, _whole(size)).reshape(-1, len(layer.bias))
        as_one += layer.bias

    def finish(self, layer: _Layer, size: int) -> None:
        """Compute a layer from its products, in the place of its input."""
        width = self._width
        products = self.products(layer, size)
        outputs = self._outputs[:size]
        largest = largest_pieces(products, width, out=outputs)
        np.subtract(largest, (largest @ self._mean_of)[:, None], out=outputs)
        variance = np.vecdot(outputs, outputs) / np.float32(width) + np.float32(1e-8)
        outputs *= (1 / np.sqrt(variance))[:, None]
        as_one = self._outputs[: _whole(size)].reshape(-1, len(layer.scale))
        as_one *= layer.scale
        as_one += layer.shift
        self._rows[self._side : self._side + size] += outputs


def _whole(size: int) -> int:
    # Rows with those behind them, up to a multiple of `AS_ONE`.
    return -(-size // AS_ONE) * AS_ONE


def _is_float32(node: Any, name: str) -> bool:
    return bool(node.has_param(name)) and node.get_param(name).dtype == np.float32


def _embeds_words(embed: Model[Any, Any]) -> bool:
    # Whether it reads attributes of tokens, and then looks at each token alone.
    if not embed.layers or embed.layers[0].name != "extract_features":
        return False
    if embed.name != _joined(">>", embed) or [layer.name for layer in embed.layers[-1:]] != ["ragged2list"]:
        return False
    return all(map(_is_tokenwise, embed.layers[1:]))


def _is_tokenwise(model: Model[Any, Any]) -> bool:
    if not model.layers:
        return model.name in _TOKENWISE
    known = _wraps(model, "with_array") or model.name in {_joined(">>", model), _joined("|", model)}
    return known and all(map(_is_tokenwise, model.layers))


def _chained(model: Model[Any, Any]) -> list[Model[Any, Any]]:
    # The layers that the model applies one after the other.
    if len(model.layers) > 1 and model.name == _joined(">>", model):
        return [part for layer in model.layers for part in _chained(layer)]
    return [model]


def _wraps(model: Model[Any, Any], kind: str) -> bool:
    # Whether the model is one of thinc's layers around a layer.
    return len(model.layers) == 1 and model.name == f"{kind}({model.layers[0].name})"


def _joined(sign: str, model: Model[Any, Any]) -> str:
    # The name that thinc gives a chain (>>) or a concatenation (|) of these layers.
    return sign.join(layer.name for layer in model.layers)


def _weights(model: Model[Any, Any]) -> list[tuple[Model[Any, Any], str, Any]]:
    return [(node, name, node.get_param(name)) for node in model.walk() for name in node.param_names]


def _no_gradients(_: Any) -> list[Any]:
    return []


def _same(forward: _Forward) -> _Forward:
    return forward
