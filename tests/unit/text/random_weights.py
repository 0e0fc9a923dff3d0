"""Transition-based components with random weights, whose moves are favoured as a test needs them."""

from typing import Any

import numpy as np


def draw_weights(component: Any, seed: int) -> None:
    """Replace the weights of a component that was initialized by random ones."""
    component.model.attrs["unseen_classes"].clear()
    numbers = np.random.default_rng(seed)
    parts = ("lower", "upper") if component.model.attrs["has_upper"] else ("lower",)
    for part in map(component.model.get_ref, parts):
        for name in part.param_names:
            part.set_param(name, numbers.normal(size=part.get_param(name).shape).astype(np.float32))


def favour(component: Any, amounts: dict[str, float]) -> None:
    """Add to the scores of moves, by the first letter of their names."""
    bias = component.model.get_ref("upper").get_param("b").copy()
    for number in range(component.moves.n_moves):
        bias[number] += amounts.get(component.moves.get_class_name(number)[0], 0.0)
    component.model.get_ref("upper").set_param("b", bias)
