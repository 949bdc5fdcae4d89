"""The latest used stay, the bound holds, a copy elsewhere is empty."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from napari_metaseg.datasets.cache import ByteCache, default_bytes


@given(st.integers(0, 60), st.lists(st.tuples(st.integers(0, 8), st.integers(1, 30)), max_size=40))
def test_no_more_than_the_bound_is_ever_held(bound, kept):
    cache = ByteCache(bound, len)
    for number, size in kept:
        cache.keep(number, bytes(size))
        assert cache.held <= bound
        assert cache.held == sum(len(cache.get(n) or b"") for n in range(9))


def test_the_longest_unused_goes_first():
    cache = ByteCache(3, len)
    for number in range(3):
        cache.keep(number, b"x")
    assert cache.get(0)
    cache.keep(3, b"x")
    assert [cache.get(n) is not None for n in range(4)] == [True, False, True, True]


def test_what_is_larger_than_the_bound_drives_nothing_out():
    cache = ByteCache(3, len)
    cache.keep(0, b"x")
    cache.keep(1, b"xxxx")
    assert cache.get(0) == b"x"
    assert cache.get(1) is None


def test_a_copy_in_another_process_is_empty_and_as_large():
    cache = ByteCache(3, len)
    cache.keep(0, b"x")
    copy = pickle.loads(pickle.dumps(cache))  # noqa: S301 - its own
    assert (copy.bound, copy.held, copy.get(0)) == (3, 0, None)


def test_by_default_it_is_at_most_4_gib():
    assert 0 < default_bytes() <= 4 * 2**30
