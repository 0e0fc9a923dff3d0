"""The compose file, read by docker-compose itself."""

import subprocess
import warnings

from tests import programs
from tests.unit.deploy.test_compose import COMPOSE, DEPLOY


def test_docker_compose_reads_the_file() -> None:
    """docker-compose 1.28 and later check a file without a version against the Compose Specification's schema."""
    assert "version" not in COMPOSE, "docker compose 2 warns of it"
    assert set(COMPOSE) <= {"services", "volumes", "secrets"} | {key for key in COMPOSE if key.startswith("x-")}
    if programs.may_do_without(programs.COMPOSE):
        warnings.warn(programs.COMPOSE.missing, stacklevel=1)
        return
    command = programs.COMPOSE.find()
    assert command, programs.COMPOSE.missing
    done = subprocess.run(
        [command, "-f", str(DEPLOY / "compose.yaml"), "config", "-q"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
