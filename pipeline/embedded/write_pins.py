"""Writes `engines.json` anew: `python -m pipeline.embedded.write_pins`, for whoever moves to newer engines.

jgo works out everything that Kafka needs at run time and fetches it; what is written down are coordinates, sizes and
SHA-256 checksums. After that, nothing is resolved any more: every machine gets exactly these files or an error.
"""

import hashlib
import json
import tempfile
from pathlib import Path

from jgo.maven import Artifact, MavenContext

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"

LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
"""Kafka's own distribution adds this; without it Kafka writes no log."""

ELASTICSEARCH = ("org.elasticsearch.distribution.integ-test-zip", "elasticsearch", "8.19.8")
"""The small build for tests of others: the core modules, no machine learning, no bundled Java."""

RUNTIME = {None, "compile", "runtime"}


def main(target: Path | None = None, context: MavenContext | None = None) -> None:
    """Resolves, fetches, and writes the pins.

    Args:
        target: the file to write; by default the package's own.
        context: where jgo fetches from; by default a fresh folder and jgo's default repository.
    """
    target = target or Path(__file__).with_name("engines.json")
    with tempfile.TemporaryDirectory() as folder:
        context = context or MavenContext(repo_cache=Path(folder), timeout=120)
        root = context.create_dependency(KAFKA)
        _, needed = context.resolver.resolve([root])  # this list leaves the root itself out
        jars = [
            root,
            *(dependency for dependency in needed if dependency.scope in RUNTIME),
            context.create_dependency(LOGGING),
        ]
        group, artifact, version = ELASTICSEARCH
        zipped = context.project(group, artifact).at_version(version).artifact(packaging="zip")
        engines = {
            "kafka": {"version": root.version, "files": [_row(jar.artifact) for jar in jars]},
            "elasticsearch": {"version": zipped.version, "files": [_row(zipped)]},
        }
    target.write_text(json.dumps(engines, indent=1) + "\n", encoding="utf-8")
    print(f"{len(jars) + 1} files pinned in {target}")


def _row(artifact: Artifact) -> dict[str, str | int]:
    content = Path(artifact.resolve()).read_bytes()
    return {
        "coordinates": ":".join((artifact.groupId, artifact.artifactId, artifact.version, artifact.packaging)),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


if __name__ == "__main__":
    main()
