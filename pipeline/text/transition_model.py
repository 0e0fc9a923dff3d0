"""Says which models the batch decoder and the batch parser support, and puts components in the place of spaCy's."""

from collections.abc import Callable
from typing import Any

from spacy.language import Language
from thinc.api import NumpyOps


def is_greedy_and_plain(component: Any, moves: type[Any], features: int) -> bool:
    """Whether a transition-based component is of the kind that can be computed for a batch at once.

    It is for `spacy.TransitionBasedParser` with an upper layer, on the processor, searched greedily, when no label was
    added after training.

    Args:
        component: an entity recogniser or a parser.
        moves: the class of its moves.
        features: how many tokens the model reads for a state.
    """
    model = component.model
    if component.cfg.get("beam_width") != 1 or type(component.moves) is not moves:
        return False
    if getattr(model, "name", None) != "parser_model" or not model.attrs.get("has_upper"):
        return False
    if model.attrs.get("unseen_classes"):
        return False
    lower, upper = model.get_ref("lower"), model.get_ref("upper")
    return (
        all(isinstance(part.ops, NumpyOps) for part in (model, lower, upper))
        and lower.name == "precomputable_affine"
        and lower.get_dim("nF") == features
        and upper.name == "linear"
        and upper.maybe_get_dim("nO") == component.moves.n_moves
    )


def replace_components(nlp: Language, old: type[Any], new: type[Any], supports: Callable[[Any], bool]) -> None:
    """Put a component of the class `new` in the place of each of the class `old` that `supports` allows.

    Model and configuration stay, so a pipeline that is saved afterwards loads in bare spaCy.
    """
    components: list[tuple[str, Any]] = nlp._components  # spaCy's own way to replace a part makes a new model.
    for index, (name, component) in enumerate(components):
        if type(component) is old and supports(component):
            moves = (component.moves,) if hasattr(component, "moves") else ()
            replacement = new(component.vocab, component.model, component.name, *moves, scorer=component.scorer)
            replacement.cfg.update(component.cfg)
            components[index] = (name, replacement)
