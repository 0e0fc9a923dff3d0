"""Settles what Elasticsearch answers to the operations of a batch: what an answer means for the article.

`pipeline.sink.bulk_answers` says which answer is of which kind.
"""

import logging
from collections.abc import Iterable

from elasticsearch import ConnectionError

from pipeline.errors import BackpressureError
from pipeline.sink import bulk_answers
from pipeline.sink.batch_state import BatchState, Phase
from pipeline.sink.bulk import Answers, Operation
from pipeline.sink.bulk_answers import Answer, Verdict
from pipeline.sink.target import Target

logger = logging.getLogger(__name__)


def settle(answers: Answers, phase: Phase, state: BatchState, target: Target, tries: int) -> Answers:
    """Notes the answers to the operations of a request of this phase; those that have to be sent again.

    `tries` is how often in a row Elasticsearch took nothing of the batch.
    """
    again: Answers = []
    for operation, answer in answers:
        if answer.kind == "index_not_found_exception":
            target.indices.forget()
        if _settle(operation, answer, phase, state, tries):
            again.append((operation, answer))
    return again


def _settle(operation: Operation, answer: Answer, phase: Phase, state: BatchState, tries: int) -> bool:
    """Notes the answer to an operation; whether it has to be sent again."""
    match answer.verdict:
        case Verdict.DONE:
            state.outcome.quotes += phase is Phase.QUOTES and not operation.deletion
        case Verdict.STALE:
            if phase is Phase.ARTICLES:
                state.stale(operation.owner)
        case Verdict.RETRY:
            return True
        case Verdict.RETRY_LIMITED if tries < bulk_answers.POISON_TRIES:
            return True
        case _:
            _refuse(operation, answer, phase, state)
    return False


def give_up(left: Iterable[Operation], answer: Answer, phase: Phase, state: BatchState) -> None:
    """Gives up what is left of a phase, after too many tries: its articles become dead letters.

    A plan is one whole: without it, all articles of the batch are given up.
    """
    for operation in left:
        _refuse(operation, answer, phase, state)
    if phase is Phase.PLAN:
        for event in list(state.newest.values()):
            state.refuse(event, answer, phase)


def _refuse(operation: Operation, answer: Answer, phase: Phase, state: BatchState) -> None:
    """Gives up an operation of this phase: its article becomes a dead letter.

    Where only a deletion is refused, the article stays, and the log says so.
    """
    if phase > Phase.QUOTES or (operation.deletion and answer.verdict is Verdict.REFUSED):
        logger.error("%s was not deleted from %s: %s", operation.id, operation.index, answer.reason)
        return
    event = state.newest.get(operation.owner)
    if event is not None:  # else another quote of it was refused before
        state.refuse(event, answer, phase)


def backpressure(answer: Answer, error: Exception | None, target: Target) -> BackpressureError:
    """The error that says why the cluster takes no more now, and when to try again; `error` is the request's."""
    # Missing shards may be why the request timed out. Without a connection there is nobody to ask.
    fault = "" if isinstance(error, ConnectionError) else target.indices.trouble()
    return BackpressureError(
        f"Elasticsearch takes no more now ({answer.kind}: {answer.reason})" + (f". {fault}" if fault else ""),
        retry_after=target.backoff.next(),
    )
