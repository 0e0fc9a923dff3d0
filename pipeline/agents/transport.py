"""Adapts Faust's Kafka transport: it commits by our own ledger, its waits end, and no batch stops it."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT
from yarl import URL

from pipeline import heartbeat
from pipeline.agents.offset_ledger import Ledger, Partition
from pipeline.kafka_batches import Allowance, Batches

log = logging.getLogger(__name__)

REBALANCE_GRACE = 8.0
"""Seconds that others wait in a rebalance for what we have in hand; after that it is theirs to do again."""

STOP_GRACE = 10.0
"""Seconds to finish what is in hand when the worker is told to stop."""

MOST_BYTES = 32 * 2**20
"""Bytes of events fetched and not done with which nothing more is fetched."""

_COMMIT_GRACE = 4.0


class Thread(driver.AIOKafkaConsumerThread):
    """Reads committed transactions only, and no more at once than it may unpack."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust asks for this only where it writes in transactions itself.
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(self, *arguments: Any, **options: Any) -> Any:
        transport = self.consumer.transport
        assert isinstance(transport, Transport)
        transport.allowance.renew()
        return await super()._fetch_records(*arguments, **options)

    def positions(self) -> dict[TP, int]:
        """The offset that each partition is read from next, where that is known."""
        return {tp: state.position for tp, state in self._states().items() if state.has_valid_position}

    def ends(self) -> dict[TP, int]:
        """The offset behind the last event of each partition that we have, where a fetch has told it."""
        return {tp: state.highwater for tp, state in self._states().items() if state.highwater is not None}

    def _states(self) -> dict[TP, Any]:
        """What the client knows of each partition that we have."""
        consumer = self._consumer
        subscription = consumer._subscription.subscription if consumer else None
        assignment = subscription.assignment if subscription else None
        if assignment is None:
            return {}
        states = {TP(*tp): assignment.state_value(tp) for tp in assignment.tps}
        return {tp: state for tp, state in states.items() if state}


class Consumer(driver.Consumer):
    """Fetches and commits as Faust does, but commits what the ledger says and nothing else."""

    transport: "Transport"
    _thread: Thread
    logger = logging.getLogger("faust.consumer")
    _gave_up = False
    _broken_off = False  # a fetch was cancelled: what it had fetched is unknown until the next seek

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's
        if not await self._room(timeout):
            return {}
        sure, self._broken_off = not self._broken_off, True
        records: Mapping[Any, list[Any]] = await super()._getmany(active_partitions, timeout)
        self._broken_off = not sure
        ours = self.assignment()
        for at, batch in records.items():
            if TP(*at) in ours:
                sizes = [len(record.value or b"") for record in batch]
                self._ledger.fetched((at.topic, at.partition), [record.offset for record in batch], sizes)
        if sure:
            for tp, position in self._thread.positions().items():
                if tp in ours:
                    self._ledger.reached((tp.topic, tp.partition), position)
        return records

    async def _room(self, seconds: float) -> bool:
        """Whether more may be fetched; waits for that, at most so many seconds."""
        until = asyncio.get_running_loop().time() + seconds
        while self._ledger.in_hand and self._ledger.bytes >= MOST_BYTES:
            if asyncio.get_running_loop().time() >= until:
                return False
            await asyncio.sleep(0.02)
        return True

    async def perform_seek(self) -> None:
        """Goes to the committed offsets, as after each rebalance, and tells the ledger."""
        await super().perform_seek()
        self._broken_off = False
        for tp, offset in self._committed_offset.items():
            if offset is not None:
                self._ledger.start((tp.topic, tp.partition), offset)

    def ack(self, message: Any) -> bool:
        """Does nothing: Faust acknowledges also what it only skipped."""
        return False

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Does nothing: what was never fetched needs no account, what was fetched is in the ledger."""

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commits, for each partition that is still ours, up to the first event that is not done."""
        ours = self.assignment()
        offsets = {TP(*at): offset for at, offset in self._ledger.committable().items() if TP(*at) in ours}
        committed = bool(offsets) and await self._commit(offsets)
        if committed:
            self._ledger.committed({(tp.topic, tp.partition): offset for tp, offset in offsets.items()})
            self.app.monitor.on_tp_commit(offsets)
        for partition in self._ledger.partitions:
            await self.fetch_dropped(partition)
        return committed

    async def fetch_dropped(self, partition: Partition) -> None:
        """Fetches again from the first event that got lost between Kafka's client and the agent, if any did."""
        at = TP(*partition)
        if self.app.rebalancing or not self.flow_active or at not in self.assignment():
            return  # the assignment to come starts from what is committed anyway
        offset = self._ledger.dropped(partition)
        if offset is not None:
            log.warning("Events from offset %d of %s[%d] did not arrive; fetching them again.", offset, *partition)
            try:
                await self.seek_wait({at: offset})
            except (TimeoutError, KafkaError) as error:  # it will be told again
                log.warning("They cannot be fetched now: %r", error)

    def lag(self) -> int:
        """Events of our partitions that are not done, as far as Kafka's last answers to our fetches tell."""
        ends = self._thread.ends()
        places = self._ledger.positions
        return sum(max(0, end - places[tp.topic, tp.partition]) for tp, end in ends.items() if tuple(tp) in places)

    def waiting(self) -> int:
        """Events of our partitions that no agent has taken yet, as far as Kafka's last answers to our fetches tell."""
        ends, places = self._thread.ends(), self._thread.positions()
        return self._ledger.waiting + sum(max(0, end - places[tp]) for tp, end in ends.items() if tp in places)

    async def wait_empty(self) -> None:
        """Waits for a limited time until the events in hand are done, and commits them."""
        if self._gave_up:
            return
        self._gave_up = self.app.should_stop  # Faust asks twice when it stops
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (STOP_GRACE if self.app.should_stop else REBALANCE_GRACE)
        while self._ledger.in_hand and loop.time() < deadline:  # noqa: ASYNC110 - the ledger knows no loop
            await asyncio.sleep(0.02)
        if self._ledger.in_hand:
            log.warning(
                "%d articles are left undone; they will be done again by whoever is next.", self._ledger.in_hand
            )
        with suppress(TimeoutError):  # Kafka is away: then all since the last commit is done again
            async with asyncio.timeout(_COMMIT_GRACE):
                await self.commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finishes and commits, then forgets the partitions that are given away."""
        await super().on_partitions_revoked(revoked)
        self._ledger.forget((tp.topic, tp.partition) for tp in revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Forgets partitions that are not ours; Kafka's client starts the others from their committed offsets."""
        ours = {(tp.topic, tp.partition) for tp in assigned}
        self._ledger.forget([partition for partition in self._ledger.partitions if partition not in ours])
        await super().on_partitions_assigned(assigned, generation_id)
        names = ", ".join(f"{tp.topic}[{tp.partition}]" for tp in sorted(assigned)) or "no partitions (spare worker)"
        log.info("Ready: %s", names)
        heartbeat.PART.take_up()

    @property
    def _ledger(self) -> Ledger:
        return self.transport.ledger


class Transport(driver.Transport):
    """Makes consumers that keep the ledger. The process has one: it says how aiokafka reads batches."""

    Consumer: ClassVar[Any] = Consumer

    def __init__(self, url: list[URL], app: AppT, ledger: Ledger, allowance: Allowance) -> None:
        super().__init__(url, app)
        self.ledger = ledger
        self.allowance = allowance
        # The fetcher looks this name up for every response; its own reader is compiled and takes no hook.
        fetcher.MemoryRecords = lambda data: Batches(data, allowance)
