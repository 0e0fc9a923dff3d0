"""Sends bulk requests of a limited size, and gives the answer to each operation.

The client's own bulk helpers raise before they retry, and do not say which document an answer belongs to.
"""

import threading
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch
from pydantic_core import to_json

from pipeline import elasticsearch_client
from pipeline.sink import bulk_answers
from pipeline.sink.bulk_answers import Answer, Verdict

AT_ONCE = 2
"""Requests that are on their way at a time. Elasticsearch writes one shard with one thread; the other one is for the
next request, which may concern another shard, and which is there when the first is done."""

_FILTER = "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"
_SMALLEST = 64 * 1024
_ACTION = b'{"%b":{"_index":%b,"_id":%b,"version":%d,"version_type":"external_gte"}}\n'
_ACTION_SIZE = 160  # bytes of such a line, about


@dataclass(slots=True)  # not frozen: making one would take three times as long
class Operation:
    """The writing of a document, or (where `document` is None) a deletion.

    Both carry the article's version (`documents.version`). Elasticsearch refuses them where a newer one is there.
    """

    owner: str  # the id of its article
    index: str
    id: str
    version: int
    document: bytes | None = None

    @property
    def deletion(self) -> bool:
        """Whether it deletes the document."""
        return self.document is None

    @property
    def size(self) -> int:
        """The bytes that it takes in a request, about."""
        return len(self.document or b"") + _ACTION_SIZE

    def lines(self) -> bytes:
        """The operation as lines of a bulk request's body."""
        action = _ACTION % (
            b"delete" if self.document is None else b"index", to_json(self.index), to_json(self.id), self.version
        )  # fmt: skip
        return action if self.document is None else b"%b%b\n" % (action, self.document)


Request = Sequence[tuple[Operation, bytes]]
"""Operations with their lines in the request's body."""

Answers = list[tuple[Operation, Answer]]
"""The operations of a request, each with its answer."""


class Pending:
    """The operations that are left. They are made as they are taken, so that not all documents are in memory at once.

    Iterating takes them out.
    """

    def __init__(self, operations: Iterable[Operation] = ()) -> None:
        self._first: deque[Operation] = deque()
        self._bytes = 0  # of these
        self._rest = iter(operations)

    def make_ahead(self, limit: int, most: int = 1) -> bool:
        """Makes `most` operations more, unless those that are made have `limit` bytes; whether it made any.

        So the next request, of at most `limit` bytes, is made while others are on their way.
        """
        number = 0
        while number < most and self._bytes < limit and (made := next(self._rest, None)) is not None:
            self._first.append(made)
            self._bytes += made.size
            number += 1
        return number > 0

    def keep(self, owners: Collection[str]) -> None:
        """Drops the operations that are made already, except those of these articles."""
        self._first = deque(operation for operation in self._first if operation.owner in owners)
        self._bytes = sum(operation.size for operation in self._first)

    def __bool__(self) -> bool:
        return bool(self._first) or self.make_ahead(1)

    def __iter__(self) -> Iterator[Operation]:
        while self:
            operation = self._first.popleft()
            self._bytes -= operation.size
            yield operation

    def take(self, limit: int) -> list[tuple[Operation, bytes]]:
        """The next request: at most `limit` bytes, but at least one operation; empty where none is left."""
        request: list[tuple[Operation, bytes]] = []
        size = 0
        for operation in self:
            lines = operation.lines()
            if request and size + len(lines) > limit:
                self.put_back([operation])
                break
            request.append((operation, lines))
            size += len(lines)
        return request

    def put_back(self, operations: Sequence[Operation]) -> None:
        """Puts operations that were taken before all others."""
        self._first.extendleft(reversed(operations))
        self._bytes += sum(operation.size for operation in operations)


class Size:
    """The limit on a request's bytes: halved when Elasticsearch is overloaded, then slowly raised again."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._lock = threading.Lock()
        self.bytes = maximum

    def shrink(self) -> None:
        """Halves the limit, after an overload. Any thread may call it."""
        with self._lock:
            self.bytes = max(min(_SMALLEST, self._maximum), self.bytes // 2)

    def grow(self) -> None:
        """Raises the limit a little, after a success. Any thread may call it."""
        with self._lock:
            self.bytes = min(self._maximum, self.bytes + max(1, self.bytes // 8))


class Bulk:
    """Sends requests, each once. A request should have at most `size.bytes`."""

    def __init__(self, client: Elasticsearch, maximum_bytes: int) -> None:
        """`maximum_bytes` is the most that all requests on their way have together."""
        self._client = client
        self._senders = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="bulk")
        self._sent: list[Future[Answers]] = []
        self.size = Size(maximum_bytes // AT_ONCE)

    @property
    def free(self) -> bool:
        """Whether another request may be sent now."""
        self._sent = [one for one in self._sent if not one.done()]
        return len(self._sent) < AT_ONCE

    def begin(self, request: Request) -> "Future[Answers]":
        """Sends in a thread of its own; the result is that of `send`. Call it where `free` says so."""
        sent = self._senders.submit(lambda: list(self.send(request)))
        self._sent.append(sent)
        return sent

    def send(self, request: Request) -> Iterator[tuple[Operation, Answer]]:
        """The answer to each operation, in order. Where the cluster takes nothing now, each answer is RETRY."""
        down: Answer | None = None
        parts = [request]
        while parts:
            part = parts.pop()
            answers = down or self._send([lines for _, lines in part])
            if isinstance(answers, list):
                yield from zip((operation for operation, _ in part), answers, strict=True)
            elif answers.verdict is Verdict.RETRY:
                down = answers
                yield from ((operation, answers) for operation, _ in part)
            elif len(part) == 1:
                yield part[0][0], answers
            else:
                # It is too large, or one operation breaks it: sending the halves shows which.
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]

    def _send(self, lines: Any) -> list[Answer] | Answer:
        """The answer to each operation, or one answer to the whole request."""
        try:
            response = self._client.bulk(operations=lines, filter_path=_FILTER)
        except elasticsearch_client.ERRORS as error:
            answer = bulk_answers.of_request(error)
            if answer.verdict is Verdict.RETRY:
                self.size.shrink()
            return answer
        answers = [bulk_answers.of_item(*next(iter(item.items()))) for item in response["items"]]
        if any(answer.verdict is Verdict.RETRY for answer in answers):
            self.size.shrink()
        else:
            self.size.grow()
        return answers
