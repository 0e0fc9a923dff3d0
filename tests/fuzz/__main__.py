"""`python -m tests.fuzz --minutes 10`: exit code 1 where something was found; its bytes are kept in --keep."""

import argparse
import hashlib
import logging
import sys
import time
from pathlib import Path

from tests.fuzz.run import Find, Result, fuzz
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Fuzzes for the time given; says what was found."""
    arguments = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments.add_argument("--target", action="append", choices=[target.name for target in TARGETS])
    arguments.add_argument("--keep", type=Path, default=Path("fuzz-finds"), help="folder for what was found")
    given = arguments.parse_args()
    logging.disable(logging.CRITICAL)
    targets = [target for target in TARGETS if not given.target or target.name in given.target]
    started, shown = time.monotonic(), 0.0

    def each(result: Result) -> None:
        nonlocal shown
        if (now := time.monotonic()) - shown > 1:
            shown = now
            done = f"{(now - started) / 60:.1f} of {given.minutes:g} minutes, {sum(result.runs.values()):,} documents"
            print(f"\r{done}, {len(result.finds)} finds", end="", file=sys.stderr, flush=True)

    def found(find: Find) -> None:
        path = given.keep / f"{find.target}-{hashlib.sha256(find.data).hexdigest()[:12]}"
        given.keep.mkdir(exist_ok=True)
        path.write_bytes(find.data)
        print(f"\n{path}\n{find.reason}", flush=True)

    result = fuzz(targets, seconds=given.minutes * 60, seed=given.seed, each=each, found=found)
    print(f"\nseed {given.seed}", file=sys.stderr)
    for name, runs in result.runs.items():
        print(f"{name:8} {runs:8,} documents, the slowest took {result.slowest[name]:.2f} s")
    print(f"{len(result.finds)} finds")
    return 1 if result.finds else 0


if __name__ == "__main__":
    sys.exit(main())
