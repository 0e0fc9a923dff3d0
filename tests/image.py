"""Executes the steps of deploy/Dockerfile in a plain folder, as far as they can be without an engine.

Each COPY copies what .dockerignore lets through, and each RUN runs, with a folder in the place of `/`. What needs to be
root, or the base image, is left out by name. The Python is the one that runs this, not that of the base image.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template

import platformdirs
import yaml

ROOT = Path(__file__).parents[1]
NOT_HERE = ("useradd",)
"""Programs of RUN that change the machine that they run on."""

_FOLDERS = re.compile(r"(?<![\w./])/(?=(?:build|home|opt)\b)")
_SECONDS = 1200  # for one step: packages may have to be fetched


class StepError(Exception):
    """A step failed, or is of a kind that is not known here; the message has the step and its last words."""


@dataclass(frozen=True)
class Step:
    """An instruction with what stands behind it."""

    instruction: str
    rest: str

    def __str__(self) -> str:
        return f"{self.instruction} {self.rest}"


@dataclass
class Image:
    """A folder as the image's `/`, with what its last instructions have set."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    left_out: list[str] = field(default_factory=list)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command as in a container of the image."""
        own = {name: _FOLDERS.sub(f"{self.root}/", value) for name, value in self.environment.items()}
        # What would be fetched again, and compiled for nothing: the folder is thrown away.
        thrifty = {"PIP_NO_COMPILE": "1", "PIP_CACHE_DIR": str(Path(platformdirs.user_cache_dir("pip")))}
        passed = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        return subprocess.run(
            ["sh", "-ec", command],
            cwd=self.root / self.folder.lstrip("/"),
            env=passed | thrifty | own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )


def steps(text: str) -> Iterator[Step]:
    """The instructions of a Dockerfile in order."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        instruction, _, rest = line.strip().partition(" ")
        yield Step(instruction, rest.strip())


def build(folder: Path, context: Path = ROOT) -> Image:
    """Does every step; the image that comes out of the last stage.

    Raises:
        StepError: a step failed, or is of a kind that is not known here.
    """
    let_through = _let_through(context)
    done: dict[str, Path] = {}
    image = Image(folder / "root")
    stage = ""
    for step in steps((context / "deploy/Dockerfile").read_text(encoding="utf-8")):
        if step.instruction == "FROM":
            if stage:
                done[stage] = image.root.rename(folder / stage)
            stage = step.rest.rpartition(" AS ")[2]
            # Each stage has the same folder while it is built: a virtual environment knows its own place.
            image = Image(folder / "root", {"PATH": os.environ["PATH"]})
            image.root.mkdir(parents=True)
        elif step.instruction == "COPY":
            _copy(step, image, context, let_through, done)
        else:
            _do(step, image)
    return image


def use(image: Image) -> Iterator[str]:
    """What is wrong with the image when it is used: the command, the model in it, and the health check of compose."""
    text = image.root / "news.txt"
    text.write_text("“It works,” Ada Byrne told reporters on Monday.", encoding="utf-8")
    for command, answer in (("whosaid --version", "whosaid "), (f"whosaid extract {text}", "Ada Byrne")):
        done = image.run(command)
        if done.returncode or answer not in done.stdout:
            yield f"{command}: {(done.stdout + done.stderr)[-1000:]}"
    with _answering(200) as well, _answering(503) as ill:
        for port, code in ((well, 0), (ill, 1)):
            if image.run(health_check(port)).returncode != code:
                yield f"the health check of compose.yaml should end with {code}"


def health_check(port: int, compose: Path = ROOT / "deploy/compose.yaml") -> str:
    """The command of compose.yaml by which each part's health is asked for, at this port."""
    test = yaml.safe_load(compose.read_text(encoding="utf-8"))["services"]["sink"]["healthcheck"]["test"]
    assert test[0] == "CMD"
    return shlex.join(test[1:]).replace("9464", str(port))


@contextmanager
def _answering(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        """Answers with this status."""

        def do_GET(self) -> None:
            """As every path."""
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _do(step: Step, image: Image) -> None:
    if step.instruction == "RUN":
        if step.rest.startswith(NOT_HERE):
            image.left_out.append(str(step))
            return
        ended = image.run(_FOLDERS.sub(f"{image.root}/", _ours(step.rest)))
        if ended.returncode:
            raise StepError(f"{step}\n{(ended.stdout + ended.stderr)[-2000:]}")
    elif step.instruction == "ENV":
        for name, value in re.findall(r"(\w+)=(\S+)", step.rest):
            image.environment[name] = Template(value).safe_substitute(image.environment)
    elif step.instruction == "WORKDIR":
        image.folder = step.rest
        (image.root / step.rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif step.instruction in ("USER", "STOPSIGNAL", "ENTRYPOINT", "CMD"):
        image.left_out.append(str(step))
    else:
        raise StepError(f"{step}: nobody has said here how this is done")


def _copy(step: Step, image: Image, context: Path, let_through: Sequence[str], done: dict[str, Path]) -> None:
    words = step.rest.split()
    stage = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else ""
    *sources, target = words
    place = image.root / (target if target.startswith("/") else f"{image.folder}/{target}").lstrip("/")
    if target.endswith("/") or target == ".":
        place.mkdir(parents=True, exist_ok=True)
    for source in sources:
        to = place / Path(source).name if place.is_dir() else place
        to.parent.mkdir(parents=True, exist_ok=True)
        if stage:
            (done[stage] / source.lstrip("/")).rename(to)  # nobody needs that stage any more
        elif source not in let_through:
            raise StepError(f"{step}: .dockerignore keeps {source} out")
        elif (context / source).is_dir():
            shutil.copytree(context / source, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(context / source, to)


def _let_through(context: Path) -> list[str]:
    lines = (context / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line[1:] for line in lines if line.startswith("!")]


def _ours(command: str) -> str:
    """The command with this Python in the place of the base image's, and with pip's cache."""
    return re.sub(r"^python(?= -m venv )", sys.executable, command).replace(" --no-cache-dir", "")
