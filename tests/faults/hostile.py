"""What no client of ours can send: header names that are not UTF-8, bombs in every codec, damage, transactions."""

import random
from collections.abc import Callable

from pipeline.settings import Settings
from tests.integration import raw

Place = tuple[int, int]
"""Partition and offset."""

_NAMES = (b"\xff", b"tr\xffce", b"\xed\xa0\x80", b"", b"trace", b"whosaid-\xfe", b"whosaid-attempts\x80")
_PARTITIONS = 4


def send(
    settings: Settings, topic: str, seed: int, count: int, good: Callable[[int], bytes], *, transactions: bool = True
) -> set[Place]:
    """Puts some of everything on the topic; where what must be accounted for is: all but what was aborted.

    `good` makes an event. Headers come on good events and on spoiled ones.
    """
    chance = random.Random(seed)
    places: set[Place] = set()

    def put(sender: raw.Sender, batch: bytes, events: int) -> None:
        partition = chance.randrange(_PARTITIONS)
        first = sender.send(topic, batch, partition)
        places.update((partition, first + number) for number in range(events))

    def some(number: int) -> raw.Event:
        value = good(number)
        value = value if chance.random() < 0.6 else value[: chance.randrange(len(value))]
        names = chance.choices(_NAMES, k=chance.randrange(4))
        return b"hostile%06d" % number, value, [(name, chance.choice([None, b"", b"1", b"\xff"])) for name in names]

    with raw.Sender(settings) as sender:
        for number in range(max(count // 30, 5)):
            codec, events = chance.choice([*raw.COMPRESS]), chance.randint(1, 4)
            stamp = chance.choice([raw.TIME, raw.TIME, -1, 0, 1])
            batch = raw.batch([some(4 * number + one) for one in range(events)], codec, timestamp=stamp)
            put(sender, batch, events)
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            put(sender, raw.bomb(codec), 1)
    if transactions:
        for number, commit in enumerate((False, True, True, False)):
            events_ = [(b"%d-%d" % (number, one), good(10_000_000 + 10 * number + one)) for one in range(5)]
            sent = raw.transaction(settings, topic, events_, commit=commit)
            places |= sent if commit else set()
    return places
