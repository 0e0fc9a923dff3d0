"""Measures how good the quotes are: `whosaid extract --jsonl` on labelled news, beside what other programs reach.

    python benchmarks/eval.py --eval FOLDER [--documents held|all] [--set FILE.jsonl] [--sample ARTICLE.txt]

FOLDER holds the scorer (`evaluate.py`) and `polnear-train.jsonl.gz`; neither is part of WhoSaid. By default only every
fifth document is measured: the part that no rule and no table of WhoSaid was made from. With a sample article and
its labels beside it (`article.txt`, `article.gold.json`) each of its quotes is shown with what was found of it.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PEERS = {
    "second human": ("87", "85", "61", "74"),
    "textacy": ("83", "8", "0", "40"),
    "Stanford CoreNLP": ("77", "7", "0", "37"),
    "marks and a regex": ("67", "5", "0", "34"),
    "Citron": ("65", "45", "30", "46"),
    "GenderGapTracker": ("55", "51", "46", "50"),
}
"""End-to-end F1 (direct, mixed, indirect, all) that others measured on another part of the same corpus."""

MARKS = {"direct": (85, 87), "mixed": (65, 85), "indirect": (50, 61), "all": (66, 74)}
"""What we aim at in end-to-end F1 by type: the first mark, and the goal, which is where people are."""
SPEAKERS, PRECISION = 93, 75
"""Marks for the percentage of right speakers on quotes found, and of right words in all that is put out."""

COMMAND = [str(Path(sys.executable).with_name("whosaid")), "extract", "--jsonl"]
_DETAILS = ("addressee", "medium", "date_mention")


def documents(source: Path, every_fifth: bool) -> str:
    """The lines of a set, gzipped or not; only those that are held aside, if asked."""
    raw = source.read_bytes()
    lines = (gzip.decompress(raw) if source.suffix == ".gz" else raw).decode().split("\n")
    return "".join(f"{line}\n" for number, line in enumerate(lines) if line and (not every_fifth or number % 5 == 0))


def rows(printed: str) -> dict[str, list[str]]:
    """The scorer's rows of our figures, by type: the cells behind the type."""
    cells = [[cell.strip(" *") for cell in line.split("|")[2:-1]] for line in printed.splitlines()
             if line.startswith("| WhoSaid |")]  # fmt: skip
    return {row[0]: row[1:] for row in cells}


def table(ours: tuple[str, ...]) -> str:
    """Our figures beside the peers'."""
    lines = ["| end-to-end F1 | direct | mixed | indirect | all |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(figures)} |" for name, figures in (("**WhoSaid**", ours), *PEERS.items())]
    return "\n".join(lines)


def marks(measured: dict[str, list[str]]) -> str:
    """Our figures beside the marks, and whether each is met."""
    lines = ["| measure | WhoSaid | first mark | goal | |", "|---|---|---|---|---|"]
    for kind, (first, goal) in MARKS.items():
        lines.append(_mark(f"end-to-end F1, {kind}", float(measured[kind][-1]), first, goal))
    everything = measured["all"]
    lines.append(_mark("speaker right on found quotes, %", float(everything[5].split()[0]), SPEAKERS))
    lines.append(_mark("precision of all output: words, %", float(everything[2]), PRECISION))
    lines.append(_mark("precision of all output: words and speaker, %", float(everything[6]), PRECISION))
    return "\n".join(lines)


def _mark(measure: str, ours: float, first: int, goal: int | None = None) -> str:
    met = "short of the mark" if ours < first else "mark met" if goal is None or ours < goal else "goal met"
    return f"| {measure} | {ours:.1f} | {first} | {goal or ''} | {met} |"


def overlap(one: dict[str, Any], two: dict[str, Any]) -> float:
    """Shared characters over all characters of two spans."""
    shared = min(one["end"], two["end"]) - max(one["start"], two["start"])
    return float(max(0, shared) / (max(one["end"], two["end"]) - min(one["start"], two["start"])))


def compare(labels: dict[str, Any], quotes: list[dict[str, Any]]) -> tuple[list[str], int, int]:
    """A line for each labelled quote of the sample; how many were found, and how many have the right speaker."""
    lines, found, right = [], 0, 0
    unmatched = list(quotes)
    for label in labels["quotes"]:
        best = max(unmatched, key=lambda quote: overlap(label, quote), default=None)
        if best is None or overlap(label, best) < 0.8:
            lines.append(f"missed   {label['text'][:90]}")
            continue
        unmatched.remove(best)
        found += 1
        name = best["speaker"]["name"] if best["speaker"] else None
        right += name == label["speaker"]
        wrong = [f"{d} {best[d]!r}, not {label[d]!r}" for d in _DETAILS if label.get(d) and best[d] != label[d]]
        if [list(part) for part in label.get("parts") or []] not in ([], best["segments"]):
            wrong.append(f"pieces {best['segments']}, not {label['parts']}")
        if name != label["speaker"]:
            wrong.append(f"speaker {name}, not {label['speaker']}")
        lines.append(f"{'wrong' if wrong else 'right':8} {name}: {best['text'][:70]} {'; '.join(wrong)}".rstrip())
    borderline = labels.get("borderline") or []
    for quote in unmatched:
        scored = not any(overlap(quote, one) > 0.5 for one in borderline)
        lines.append(f"{'extra' if scored else 'arguable':8} {quote['text'][:90]}")
    return lines, found, right


def run_sample(article: Path) -> str:
    """The sample's lines and its sums, from one run of the command."""
    labels = json.loads(article.with_suffix(".gold.json").read_text(encoding="utf-8"))
    line = json.dumps({"id": "sample", "text": labels["text"], "published": "2025-03-13"}) + "\n"
    out = subprocess.run(COMMAND, input=line.encode(), stdout=subprocess.PIPE, check=True).stdout
    lines, found, right = compare(labels, json.loads(out)["quotes"])
    return "\n".join([*lines, f"{found} of {len(labels['quotes'])} quotes found, {right} with the right speaker"])


def main() -> int:
    """Measures, prints; the exit code is 1 where the scorer is missing or fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval", type=Path, default=Path("../shared/eval"))
    parser.add_argument("--set", type=Path, help="another labelled set; default: PolNeAR's in FOLDER")
    parser.add_argument("--documents", choices=["held", "all"], default="held")
    parser.add_argument("--sample", type=Path, help="default: ../samples/article.txt beside FOLDER")
    options = parser.parse_args()
    scorer, labelled = options.eval / "evaluate.py", options.set or options.eval / "polnear-train.jsonl.gz"
    for needed in (scorer, labelled):
        if not needed.is_file():
            sys.stderr.write(
                f"{needed} is not there: the measuring set has no licence to travel with WhoSaid. "
                "Say where its folder is with: make eval EVAL=/path/to/eval\n"
            )
            return 1
    with tempfile.TemporaryDirectory() as folder:
        # The scorer knows by its name what is scored for reported speech only.
        chosen = Path(folder) / labelled.name.removesuffix(".gz")
        chosen.write_text(documents(labelled, options.documents == "held" and options.set is None), encoding="utf-8")
        command = [sys.executable, str(scorer), str(chosen), "--name", "WhoSaid", "--", *COMMAND]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    sys.stdout.write(done.stdout)
    measured = rows(done.stdout)
    if measured.keys() == MARKS.keys():
        ours = tuple(measured[kind][-1] for kind in MARKS)
        sys.stdout.write(f"\n{table(ours)}\n\n{marks(measured)}\n")
    sample = options.sample or options.eval.parent / "samples" / "article.txt"
    if sample.is_file():
        sys.stdout.write(f"\n{sample.name}\n{run_sample(sample)}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
