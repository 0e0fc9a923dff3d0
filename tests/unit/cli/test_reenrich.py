"""`whosaid reenrich`: conditions as people write them."""

import pytest

from pipeline.cli.main import main
from pipeline.errors import InputError
from pipeline.republish.reenrich import Condition, condition


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source=bbc.co.uk", Condition("source", "=", "bbc.co.uk")),
        (" language != de ", Condition("language", "!=", "de")),
        ("engine<2", Condition("engine", "<", "2")),
        ("model-version=3.8.0", Condition("model-version", "=", "3.8.0")),
        ("model=a<b", Condition("model", "=", "a<b")),
    ],
)
def test_conditions(text: str, expected: Condition) -> None:
    assert condition(text) == expected


@pytest.mark.parametrize("text", ["", "source", "source=", "mood=good", "body=x", "language<de", "engine<new", "=x"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        condition(text)


def test_without_any_condition_nothing_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reenrich"]) == 2
    assert "--every means all" in capsys.readouterr().err
