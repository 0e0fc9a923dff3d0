"""Writes one batch of events: plans, then sends articles, their quotes, and deletions, each phase after the other.

`pipeline.sink.writer` says what holds, and why. Several requests of a phase are on their way at a time. Within a phase
their order does not matter: each article is in it once, and so is each of its quotes and of its deletions (an event
that has two quotes under one id keeps either of them). Between two phases it does. So a phase begins when all requests
of the one before are answered, and an answer is settled whatever the answers beside it are: an article that one request
refuses gets no more operations, and what another request on its way still writes of it, the sink takes back later.

Here is what is sent when. What became of the events is in `pipeline.sink.batch_state`. The look-up for a plan is in
`pipeline.sink.batch_lookup`, the plan in `pipeline.sink.planning`; `pipeline.sink.operations` makes what a phase sends,
and `pipeline.sink.settling` says what an answer means.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import UTC, datetime
from typing import Any

from pipeline import elasticsearch_client
from pipeline.sink import bulk_answers, indices, operations, planning, settling
from pipeline.sink.batch_lookup import Found, LookAhead, look_up
from pipeline.sink.batch_state import NO_EVENTS_FAULT, BatchState, Phase, WriteOutcome
from pipeline.sink.bulk import Answers, Operation, Pending, Request
from pipeline.sink.bulk_answers import Answer
from pipeline.sink.events import Event
from pipeline.sink.target import Target

logger = logging.getLogger(__name__)

_FEW = 8  # documents that are made before the next look whether an answer has come; a millisecond, about
_BLOCKED = "cluster_block_exception"


class Batch:
    """Some events that are being written. `write` does all of it; or call `send`, `make_ahead` and `receive`."""

    _state: BatchState
    _phase: Phase
    _version: object  # of the target, in which it is written
    _left: Pending  # the operations of the phase that are not sent
    _ahead: Pending | None  # the quotes, while articles are on their way
    _failure: tuple[Answer, Exception | None] | None  # why something has to be sent again, until that is told
    _again: Future[set[str]] | None  # the second look at the tombstones

    def __init__(self, target: Target, batch: Sequence[Event]) -> None:
        self.ids = frozenset(event.id for event in batch)
        self._target = target
        self._whole = batch
        self._tries = 0
        self._sent: list[tuple[Request, Future[Answers]]] = []
        self._noted: frozenset[str] = frozenset()  # articles of which something may be on its way
        self._before: Batch | None = None
        self._look_ahead = LookAhead()
        self._begin(BatchState(batch, WriteOutcome(), datetime.now(UTC)))

    @property
    def outcome(self) -> WriteOutcome:
        """What became of the events so far."""
        return self._state.outcome

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self._phase is Phase.DONE

    @property
    def begun(self) -> bool:
        """Whether any of it may have been written."""
        return self._phase is not Phase.PLAN

    @property
    def expected(self) -> list[Future[Any]]:
        """The answers that are still to come."""
        again = [self._again] if self._again is not None else []
        return [*again, *(answers for _, answers in self._sent)]

    @property
    def looking(self) -> Future[Any] | None:
        """What `look_ahead` has begun, until `begin_beside` or a plan takes what it found."""
        return self._look_ahead.looking

    @property
    def all_sent(self) -> bool:
        """Whether hardly anything of it is left to send."""
        return self._phase >= Phase.QUOTES and not self._left

    def write(self) -> WriteOutcome:
        """Writes as much as it can; a later call continues from there.

        Raises:
            BackpressureError: the cluster takes no more now. Call again after `retry_after` seconds.
        """
        while not self.done:
            self.send()
            while (expected := self.expected) and not any(one.done() for one in expected):
                if not self.make_ahead():
                    wait(expected, return_when=FIRST_COMPLETED)
            self.receive()
        return self.outcome

    def send(self) -> None:
        """Sends and decides what it can without the answers that are still to come.

        Raises:
            BackpressureError: as `write`.
        """
        self._target.refresh_if_due()
        while not self.done and self._step():
            self._target.beat()

    def make_ahead(self) -> bool:
        """Makes a few documents of the next request; False where there is none to make now."""
        if not self.begun or self.done:
            return False
        limit = self._target.bulk.size.bytes
        if self._left.make_ahead(limit, _FEW):
            return True
        if self._phase is not Phase.ARTICLES or self._left:
            return False
        if self._ahead is None:
            self._ahead = self._operations(Phase.QUOTES)
        return self._ahead.make_ahead(limit, _FEW)

    def receive(self) -> None:
        """Settles the answers that have come."""
        for one in [one for one in self._sent if one[1].done()]:
            self._sent.remove(one)
            request, answers = one
            if self._version is not self._target.version:
                continue
            if answers.exception() is not None:
                self._left.put_back([operation for operation, _ in request])
            self._settle(answers.result())

    def keep_only(self, ours: Callable[[Event], bool]) -> None:
        """Takes back none of the other events any more: another sink writes them again.

        It writes them with the same version. So a deletion would remove what it has written whole meanwhile.
        """
        self._state.lost |= {event.id for event in self._whole if not ours(event)}
        if self._phase >= Phase.TAKE_BACK:
            self._left.keep(self.ids - self._state.lost)

    def drop(self) -> None:
        """Waits for what is on its way, and forgets the rest: somebody else writes these events."""
        wait(self.expected)
        if self._version is self._target.version:
            for request, _ in self._sent:
                self._touch(operation for operation, _ in request)
        self._sent = []
        self._target.refresher.wrote(self._noted)

    def look_ahead(self, before: "Batch") -> None:
        """Looks up in another thread while the batch `before` is written, unless the look-up has to wait.

        It waits where both batches have one article, or where a search would not see what was written of one.
        """
        self._before = before
        if self.ids.isdisjoint(before.ids) and self._target.sees(self.ids):
            self._look_ahead.begin(self._target, self._state.newest, self._state.now)

    def begin_beside(self, before: "Batch") -> None:
        """Begins, after `looking` has ended, where nothing of the batch `before` can matter to this one.

        It does matter where an article of one may be a copy of an article of the other: what the batch before refuses
        must have no copies.
        """
        found = self._look_ahead.take()
        if found is None or not found.holds(self._target):
            return
        beside = [*before._whole, *before._state.newest.values()]
        if not self._target.duplicates.apart(self._state.newest, found.known, beside):
            self._look_ahead.put_back(found)
            return
        try:
            self._adopt(found)
        except MemoryError:
            raise
        except Exception as error:
            logger.debug("Beginning ahead failed: %r", error)

    def _begin(self, state: BatchState) -> None:
        self._state = state
        self._version = self._target.version
        self._phase = Phase.PLAN
        self._left, self._ahead = Pending(), None
        self._failure = None
        self._again = None

    def _restart(self) -> None:
        """Begins again, in the version that the aliases name now."""
        self._tries = 0
        self._begin(BatchState(self._whole, WriteOutcome(), datetime.now(UTC), lost=self._state.lost))

    def _step(self) -> bool:
        """Sends a request, or goes to the next phase; False where an answer has to come first."""
        if self._version is not self._target.version or self._failure is not None:
            if self._sent:
                return False
            if self._version is not self._target.version:
                self._restart()
            else:
                (answer, error), self._failure = self._failure, None  # type: ignore[misc]
                self._failed(answer, error)
            return True
        try:
            if self._left:
                if not self._target.bulk.free:
                    return False
                self._send()
            elif self._sent or (self._again is not None and not self._again.done()):
                return False
            else:
                self._next_phase()
        except elasticsearch_client.ERRORS as error:
            self._failure = bulk_answers.of_request(error), error
        return True

    def _next_phase(self) -> None:
        if self._phase is Phase.PLAN:
            self._plan()
        elif self._phase is Phase.FORMER:
            if self._again is None:
                self._again = self._target.looker.submit(self._target.taken_down, list(self._state.newest.values()))
                return
            self._look_again(self._again)
            self._phase = Phase.DONE
            self._finish()
        else:
            if self._state.taken_back:
                self._prepare_to_take_back()
            self._phase = Phase(self._phase + 1)
            made = self._ahead if self._ahead is not None else self._operations(self._phase)
            self._left, self._ahead = made, None
            self._drop_refused()

    def _plan(self) -> None:
        """Looks up what is there, unless `look_ahead` did, and begins with the events that are not older."""
        found = self._look_ahead.take()
        if found is None or not found.holds(self._target):
            if self._target.check():
                self._restart()
                return
            found = None
        try:
            if found is None:
                self._target.catch_up(self._state.newest)
                found = look_up(self._target, self._state.newest, self._state.now)
            self._adopt(found)
        except NO_EVENTS_FAULT:
            raise
        except Exception:
            if not planning.set_faulty_aside(self._state, self._target):
                raise

    def _adopt(self, found: Found) -> None:
        """Makes a plan of what was found, and begins with the articles."""
        removed = self._before._state.removed if self._before is not None else ()
        planning.adopt(found, self._state, self._target, removed)
        self._noted = self._noted | self._state.newest.keys()
        self._target.refresher.writing(self._noted)
        self._before = None
        self._state.writing_since = datetime.now(UTC)
        self._phase = Phase.ARTICLES
        self._left = self._operations(self._phase)

    def _prepare_to_take_back(self) -> None:
        """Has the dead letters kept before anything of their articles is deleted; without letters, nothing will be.

        Raises:
            BackpressureError: they cannot be kept now.
        """
        outcome = self._state.outcome
        if self._target.keep_letters is None:
            self._state.taken_back.clear()
        elif outcome.to_keep:
            self._target.keep_letters(outcome.to_keep)
            outcome.kept = len(outcome.letters)

    def _operations(self, phase: Phase) -> Pending:
        return Pending(operations.of_phase(phase, self._state, self._target))

    def _send(self) -> None:
        """Sends one request; the operations to retry come first in the next one."""
        request = self._left.take(self._target.bulk.size.bytes)
        self._touch(operation for operation, _ in request)
        try:
            self._target.indices.ensure({indices.month_of(name) for name in {one.index for one, _ in request}})
            self._sent.append((request, self._target.bulk.begin(request)))
        except BaseException:
            self._left.put_back([operation for operation, _ in request])
            raise

    def _touch(self, operations: Iterable[Operation]) -> None:
        self._target.refresher.touch((operation.owner, operation.index) for operation in operations)

    def _settle(self, answers: Answers) -> None:
        """Settles the answers to a request. Where some of it is to be sent again, nothing more is sent before."""
        self._touch(operation for operation, _ in answers)  # a refresh that began meanwhile did not see it
        again = settling.settle(answers, self._phase, self._state, self._target, self._tries)
        if len(again) < len(answers):
            self._tries = 0
            self._target.backoff.reset()
        retries = [operation for operation, _ in again]
        if self._phase is Phase.QUOTES:
            retries = [operation for operation in retries if operation.owner in self._state.newest]
        self._left.put_back(retries)
        self._drop_refused()
        if retries:
            self._failure = again[-1][1], None

    def _drop_refused(self) -> None:
        """Drops quotes that are made already, of articles that were refused since."""
        if self._phase is Phase.QUOTES:
            self._left.keep(self._state.newest)

    def _failed(self, answer: Answer, error: Exception | None) -> None:
        """Raises BackpressureError; or refuses all that is left, after as many tries as the settings allow.

        Where the indices are blocked because another version took their place, the batch begins again there.
        """
        if answer.kind == _BLOCKED and self._target.moved():
            self._restart()
            return
        self._tries += 1
        if self._tries != self._target.settings.sink.max_attempts:
            raise settling.backpressure(answer, error, self._target) from error
        self._tries = 0
        settling.give_up(self._left, answer, self._phase, self._state)
        if self._phase is Phase.PLAN:
            self._phase = Phase.FORMER

    def _look_again(self, look: "Future[set[str]]") -> None:
        """Removes the articles that were taken down while they were written."""
        self._again = None
        down = look.result()
        if down:
            self._target.remove(down)
            self._state.pass_over(down)

    def _finish(self) -> None:
        """Counts, and begins again with the revisions that refused ones had replaced."""
        state = self._state
        self._target.duplicates.wrote(state.newest.values(), state.now)
        self._target.refresher.wrote(self._noted, state.newest.values(), state.places.keys())
        self._noted = frozenset()
        state.count_written()
        if state.to_restore:
            again = BatchState(
                state.to_restore, state.outcome, datetime.now(UTC), removed=state.removed, lost=state.lost
            )
            self._begin(again)
