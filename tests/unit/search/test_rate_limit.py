"""One client cannot take the service from the others."""

from pipeline.search.rate_limit import MAX_CLIENTS, RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_client_may_make_ten_seconds_of_requests_at_once() -> None:
    limiter = RateLimiter(60, clock=Clock())
    assert [limiter.wait("a") for _ in range(12)] == [0] * 10 + [1, 1]


def test_waiting_gives_requests_back_up_to_the_burst() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock=clock)
    for _ in range(10):
        limiter.wait("a")
    clock.now += 2
    assert [limiter.wait("a") for _ in range(3)] == [0, 0, 1]
    clock.now += 3600
    assert [limiter.wait("a") for _ in range(11)] == [0] * 10 + [1]


def test_a_refused_request_costs_nothing() -> None:
    clock = Clock()
    limiter = RateLimiter(6, clock=clock)
    assert limiter.wait("a") == 0
    assert [limiter.wait("a") for _ in range(5)] == [10] * 5
    clock.now += 10
    assert limiter.wait("a") == 0


def test_clients_do_not_share_a_bucket() -> None:
    limiter = RateLimiter(6, clock=Clock())
    assert [limiter.wait("a"), limiter.wait("b"), limiter.wait("a")] == [0, 0, 10]


def test_no_limit_is_no_limit() -> None:
    limiter = RateLimiter(0, clock=Clock())
    assert not any(limiter.wait("a") for _ in range(1000))


def test_the_memory_of_clients_is_bounded() -> None:
    limiter = RateLimiter(6, clock=Clock())
    for client in range(MAX_CLIENTS + 10):
        limiter.wait(str(client))
    assert len(limiter._buckets) == MAX_CLIENTS
