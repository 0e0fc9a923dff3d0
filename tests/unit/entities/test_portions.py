"""How many events a resolver reads at once."""

from types import SimpleNamespace

from pipeline.entities import consumer


def test_large_events_are_read_alone_and_small_ones_together() -> None:
    sizes = [10, 20, 2**21, 2**21 - 5, 5, 1, 5 * 2**20, 0, 3]
    records = [SimpleNamespace(value=b"x" * size or None) for size in sizes]
    portions = [[len(one.value or b"") for one in portion] for portion in consumer._portions(records)]
    assert portions == [[10, 20], [2**21], [2**21 - 5, 5], [1], [5 * 2**20], [0, 3]]
    assert list(consumer._portions([])) == []
