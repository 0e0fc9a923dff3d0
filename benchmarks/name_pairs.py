"""Measures how well names of one person are told from names of two, on a table of labelled pairs.

The table is the file `contrib/name_bench/cases.csv` of the repository opensanctions/nomenklatura, or one of the same
form: columns schema, name1, name2 and is_match.

    python -m benchmarks.name_pairs FILE [--wrong]
"""

import csv
import sys
from pathlib import Path

from pipeline.entities.name_match import SAME, compare


def main(arguments: list[str]) -> None:
    """Prints precision, recall and F1 on the pairs of persons; with `--wrong` also each wrong one."""
    rows = list(csv.DictReader(Path(arguments[0]).read_text(encoding="utf-8").splitlines()))
    scored = [
        (compare(row["name1"], row["name2"]), row["is_match"] == "true", row)
        for row in rows
        if row["schema"] == "Person"
    ]
    right = sum(match.same and label for match, label, _ in scored)
    found = sum(match.same for match, _, _ in scored)
    wanted = sum(label for _, label, _ in scored)
    precision, recall = right / max(1, found), right / max(1, wanted)
    print(f"{len(scored)} pairs of persons, {wanted} of one; taken for the same from {SAME} on")
    print(f"precision {precision:.3f}, recall {recall:.3f}, F1 {2 * right / max(1, found + wanted):.3f}")
    if "--wrong" in arguments:
        for match, label, row in scored:
            if match.same != label:
                how = "missed" if label else "wrong"
                print(f"{match.score:.2f} {how}: {row['name1']} | {row['name2']} | {row['category']}")


if __name__ == "__main__":
    main(sys.argv[1:])
