"""Takes and restores snapshots of our indices, in a repository that Elasticsearch has."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from pipeline import elasticsearch_client
from pipeline.errors import ClusterUnavailable, InputError
from pipeline.settings import Settings

_LOOK = 0.5  # seconds between two looks at how far it is

Progress = Callable[[str, int, int], None]
"""Is told "snapshot", how many shards are done, and of how many."""


@contextmanager
def folder_repository(settings: Settings, name: str, location: str) -> Iterator[None]:
    """Elasticsearch has a repository in this folder while the block runs; the folder is below its `path.repo`.

    Raises:
        ClusterUnavailable: it does not take it.
    """
    with elasticsearch_client.connection(settings) as client:
        client.snapshot.create_repository(name=name, repository={"type": "fs", "settings": {"location": location}})
        try:
            yield
        finally:
            client.options(ignore_status=404).snapshot.delete_repository(name=name)


def take(settings: Settings, repository: str, progress: Progress = lambda *_: None) -> str:
    """Takes a snapshot of all our indices; its name.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer, or a shard could not be saved.
        InputError: there is no such repository.
    """
    name = f"whosaid-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    with _client(settings, repository) as client:
        client.snapshot.create(
            repository=repository, snapshot=name, indices=[f"{settings.elasticsearch.prefix}-*"],
            include_global_state=False, partial=False, wait_for_completion=False,
        )  # fmt: skip
        while True:
            found: dict[str, Any] = client.snapshot.get(repository=repository, snapshot=name)["snapshots"][0]
            shards = found.get("shards", {})
            progress("snapshot", shards.get("successful", 0), shards.get("total", 0))
            if found["state"] == "SUCCESS":
                return name
            if found["state"] != "IN_PROGRESS":
                raise ClusterUnavailable(f"The snapshot {name} is {found['state']}: {found.get('reason') or found}.")
            time.sleep(_LOOK)


def restore(settings: Settings, repository: str, snapshot: str, progress: Progress = lambda *_: None) -> list[str]:
    """Restores the indices of a snapshot; their names.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer, or a shard could not be restored.
        InputError: there is no such snapshot, or there are indices of ours already.
    """
    with _client(settings, repository) as client:
        there = ours(client, settings)
        if there:
            raise InputError(
                f"There are {len(there)} indices under {settings.elasticsearch.prefix}-, for example {there[0]}; "
                "restore into an empty cluster, or under another WHOSAID_ELASTICSEARCH__PREFIX."
            )
        names = list(client.snapshot.get(repository=repository, snapshot=snapshot)["snapshots"][0]["indices"])
        client.snapshot.restore(
            repository=repository, snapshot=snapshot, indices=names, include_global_state=False,
            include_aliases=True, wait_for_completion=False,
        )  # fmt: skip
        while names:
            health = client.cluster.health(index=names, level="shards")
            done = health["active_primary_shards"]
            total = sum(len(one["shards"]) for one in health["indices"].values())
            progress("restore", done, total)
            if total and done >= total and len(health["indices"]) == len(names):
                break
            _refuse_failed(client, names)
            time.sleep(_LOOK)
        return names


def ours(client: Elasticsearch, settings: Settings) -> list[str]:
    """The indices under our prefix."""
    pattern = f"{settings.elasticsearch.prefix}-*"
    return sorted(client.indices.get(index=pattern, expand_wildcards="all", allow_no_indices=True))


def _refuse_failed(client: Elasticsearch, names: list[str]) -> None:
    for name in names:
        shards = client.options(ignore_status=404).indices.recovery(index=name).get(name, {}).get("shards", ())
        for shard in shards:
            if shard.get("stage") == "FAILURE":
                raise ClusterUnavailable(f"The index {name} cannot be restored; Elasticsearch's log says why.")


@contextmanager
def _client(settings: Settings, repository: str) -> Iterator[Elasticsearch]:
    with elasticsearch_client.connection(settings) as client:
        try:
            yield client
        except ApiError as error:
            kind = elasticsearch_client.error_type(error)
            if kind in ("repository_missing_exception", "snapshot_missing_exception"):
                raise InputError(f"Elasticsearch has no such repository or snapshot: {repository}.") from error
            raise
