"""Bulk requests: many operations in one request of so many bytes, and an answer for each of them.

The client's own bulk helpers raise before they retry and lose sight of which document was answered, so this is ours.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch
from pydantic_core import to_json

from pipeline.sink import failures
from pipeline.sink.failures import Answer, Verdict

_FILTER = "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"
_SMALLEST = 64 * 1024


@dataclass(frozen=True)
class Operation:
    """One write: a document, or (where `document` is None) a deletion.

    Both carry the article's version (`documents.version`), and Elasticsearch takes them only over an equal or
    older one.
    """

    owner: str  # id of the article it is done for
    index: str
    id: str
    version: int
    document: bytes | None = None

    @property
    def deletion(self) -> bool:
        """Whether it takes the document away."""
        return self.document is None

    def lines(self) -> bytes:
        """The operation in a bulk request's body."""
        target = {"_index": self.index, "_id": self.id, "version": self.version, "version_type": "external_gte"}
        action = to_json({"delete" if self.document is None else "index": target})
        return action + b"\n" if self.document is None else b"%b\n%b\n" % (action, self.document)


def write(owner: str, index: str, version: int, document: dict[str, Any]) -> Operation:
    """The operation that writes a document, which has an `id`."""
    return Operation(owner, index, document["id"], version, to_json(document))


class Size:
    """How many bytes a request may have: halved when Elasticsearch is overloaded, slowly grown again when it is not."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self.bytes = maximum

    def shrink(self) -> None:
        """A request was too much."""
        self.bytes = max(min(_SMALLEST, self._maximum), self.bytes // 2)

    def grow(self) -> None:
        """A request went well."""
        self.bytes = min(self._maximum, self.bytes + max(1, self.bytes // 8))


class Bulk:
    """Sends operations, at most `size.bytes` a request, each request once and not again by itself."""

    def __init__(self, client: Elasticsearch, maximum_bytes: int) -> None:
        self._client = client
        self.size = Size(maximum_bytes)

    def send(self, operations: Iterable[Operation]) -> Iterator[tuple[Operation, Answer]]:
        """The answer to each operation, in order, each request's as soon as it is there.

        When the cluster does not take a request at all, its operations and all that follow are answered by AGAIN. An
        operation that is alone larger than a request should be is sent alone.
        """
        down: Answer | None = None
        for request in requests(operations, self.size.bytes):
            parts = [request]
            while parts:
                part = parts.pop()
                answers = down or self._send([lines for _, lines in part])
                if isinstance(answers, list):
                    yield from zip((operation for operation, _ in part), answers, strict=True)
                elif answers.verdict is Verdict.AGAIN:
                    down = answers
                    yield from ((operation, answers) for operation, _ in part)
                elif len(part) == 1:
                    yield part[0][0], answers
                else:
                    # Too large, or something in it that breaks the whole request: its halves show what.
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]

    def _send(self, lines: Any) -> list[Answer] | Answer:
        """The answer to each operation, or the one to all of them."""
        try:
            response = self._client.bulk(operations=lines, filter_path=_FILTER)
        except failures.FAILURES as error:
            answer = failures.of_request(error)
            if answer.verdict is Verdict.AGAIN:
                self.size.shrink()
            return answer
        answers = [failures.of_item(*next(iter(item.items()))) for item in response["items"]]
        if any(answer.verdict is Verdict.AGAIN for answer in answers):
            self.size.shrink()
        else:
            self.size.grow()
        return answers


def requests(operations: Iterable[Operation], limit: int) -> Iterator[list[tuple[Operation, bytes]]]:
    """The operations with their bytes, in lists of at most `limit` bytes, but of one operation at the least."""
    request: list[tuple[Operation, bytes]] = []
    size = 0
    for operation in operations:
        lines = operation.lines()
        if request and size + len(lines) > limit:
            yield request
            request, size = [], 0
        request.append((operation, lines))
        size += len(lines)
    if request:
        yield request
