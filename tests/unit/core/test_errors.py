"""What is wrong with a value is told in plain words, not in pydantic's."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from pipeline.errors import validation_fault


class Form(BaseModel):
    """One field of each kind."""

    name: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    size: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    on: bool = True
    way: Literal["up", "down"] = "up"
    several: Annotated[list[int], Field(min_length=2, max_length=2)] = [1, 2]
    inner: "Form | None" = None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": 5}, "name: it must be text"),
        ({"name": ""}, "name: it must not be empty"),
        ({"name": "long"}, "name: at most 3 characters are taken"),
        ({"size": "ten"}, "size: it must be a whole number"),
        ({"size": 1.5}, "size: it must be a whole number"),
        ({"size": 0}, "size: it must be at least 1"),
        ({"size": 10}, "size: it must be at most 9"),
        ({"share": 0}, "share: it must be more than 0.0"),
        ({"share": 1}, "share: it must be less than 1.0"),
        ({"on": "maybe"}, "on: it must be true or false"),
        ({"way": "left"}, "way: it must be 'up' or 'down'"),
        ({"several": 1}, "several: it must be a list"),
        ({"several": [1, 2, 3]}, "several: at most 2 values are taken (given: 3)"),
        ({"several": [1, "x"]}, "several.1: it must be a whole number"),
        ({"inner": {"size": "x"}}, "inner.size: it must be a whole number"),
    ],
)
def test_a_fault_is_told_with_its_place(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Form.model_validate(given)
    assert validation_fault(caught.value.errors()) == told
