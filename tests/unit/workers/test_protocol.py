"""Messages between a worker and its processes."""

import io

from hypothesis import given
from hypothesis import strategies as st

from pipeline.workers.protocol import Failure, Result, answer, outcome, pack, read


@given(messages=st.lists(st.lists(st.binary(max_size=50), max_size=4), max_size=4))
def test_messages_come_out_of_a_stream_as_they_went_in(messages: list[list[bytes]]) -> None:
    stream = io.BytesIO(b"".join(pack(message) for message in messages))
    assert [read(stream) for _ in messages] == messages
    assert read(stream) is None


def test_a_stream_that_ends_in_a_message_has_no_more() -> None:
    whole = pack([b"one", b"two"])
    for size in range(len(whole)):
        assert read(io.BytesIO(whole[:size])) is None


def test_outcomes_survive_the_way() -> None:
    for one in (Result(b"key", b"\x00value"), Failure("TooLong", "The body has 9 characters; größer geht’s nicht.")):
        assert outcome(answer(one)) == one


def test_a_reason_that_utf8_cannot_carry_arrives_all_the_same() -> None:
    assert outcome(answer(Failure("BadEvent", "half \ud800 a pair"))) == Failure("BadEvent", "half ? a pair")
