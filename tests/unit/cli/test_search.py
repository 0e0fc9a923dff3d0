"""What `whosaid search` takes, before anything is asked."""

import pytest

from pipeline.cli.main import main
from pipeline.cli.searching import make_query


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "soon"], "--since: write a date like 2025-03-12, a time"),
        (["--since", "2d", "--until", "7d"], "since (2d) lies after until (7d)"),
        (["--in", "title"], "--in: it must be 'quote', 'paragraph' or 'headline'"),
        (["--sort", "best"], "--sort: it must be 'newest', 'oldest' or 'relevance'"),
        (["--csv", "--json"], "Choose one of --json, --jsonl and --csv."),
        (["--all", "--json"], "take --all with --jsonl or --csv"),
        (["x" * 301], "the words: "),
        (["(tax"], "A bracket is opened and not closed"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err.replace("\n", " ")


def test_options_become_the_parameters_of_the_search() -> None:
    query = make_query(q="tax", within=["quote"], speaker=["vey", "zoe"], since="7d", sort=None, entity=[])
    assert (query.words, query.within, query.speaker, query.since) == ("tax", ["quote"], ["vey", "zoe"], "7d")
