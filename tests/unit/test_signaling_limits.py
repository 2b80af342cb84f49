"""How much somebody may ask of the server."""

from signaling.core.limits import AddressLimiter, Bucket, Offences


def test_a_bucket_gives_what_it_holds_and_fills_with_time() -> None:
    bucket = Bucket.full(20, now=0.0)
    assert [bucket.take(0.0) for _ in range(21)] == [True] * 20 + [False]
    assert bucket.take(0.05)
    assert not bucket.take(0.05)


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = Bucket.full(20, now=0.0)
    assert sum(bucket.take(3600.0) for _ in range(100)) == 20
    small = Bucket.full(20, now=0.0, burst=2)
    assert sum(small.take(0.0) for _ in range(100)) == 2


def test_every_address_has_an_allowance_of_its_own() -> None:
    limiter = AddressLimiter(10)
    assert [limiter.allow("192.0.2.1", 0.0) for _ in range(11)] == [True] * 10 + [False]
    assert limiter.allow("192.0.2.2", 0.0)


def test_memory_is_bounded_and_the_one_longest_unseen_is_forgotten() -> None:
    limiter = AddressLimiter(1, most=2)
    assert limiter.allow("a", 0.0)
    assert limiter.allow("b", 0.0)
    assert not limiter.allow("a", 0.0)
    assert limiter.allow("c", 0.0)  # b is forgotten, a was seen later
    assert not limiter.allow("a", 0.0)


def test_the_second_offence_within_a_minute_is_one_too_many() -> None:
    offences = Offences()
    assert not offences.one_too_many(0.0)
    assert not offences.one_too_many(60.0)
    assert offences.one_too_many(119.9)


def test_a_burst_may_be_larger_than_the_rate() -> None:
    limiter = AddressLimiter(1, burst=3)
    assert [limiter.allow("192.0.2.1", 0.0) for _ in range(4)] == [True, True, True, False]
    assert [limiter.allow("192.0.2.1", 1.0) for _ in range(2)] == [True, False]


def test_an_ipv6_network_of_one_customer_has_one_allowance() -> None:
    limiter = AddressLimiter(1)
    assert limiter.allow("2001:db8:1:2::1", 0.0)
    assert not limiter.allow("2001:db8:1:2:ffff::9", 0.0)
    assert limiter.allow("2001:db8:1:3::1", 0.0)
    assert limiter.allow("fe80::1%eth0", 0.0)
    assert not limiter.allow("fe80::2%eth1", 0.0)
    assert limiter.allow("::ffff:192.0.2.1", 0.0)
    assert not limiter.allow("192.0.2.1", 0.0)
    assert limiter.allow("::ffff:192.0.2.2", 0.0)
