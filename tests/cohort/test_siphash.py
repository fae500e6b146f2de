"""SipHash-2-4, against the vectors of its authors."""

import numpy as np
import pytest

from trastuz_ml.cohort.siphash import siphash

KEY = bytes(range(16))


def reference(message: bytes, key: bytes) -> int:
    """SipHash-2-4 as in figure 2.1 of Aumasson and Bernstein (2012), one message at a time."""
    mask = 2**64 - 1
    k0, k1 = (int.from_bytes(key[i : i + 8], "little") for i in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turn(x, b):
        return ((x << b) | (x >> (64 - b))) & mask

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & mask
            v[2] = (v[2] + v[3]) & mask
            v[1] = turn(v[1], 13) ^ v[0]
            v[3] = turn(v[3], 16) ^ v[2]
            v[0] = turn(v[0], 32)
            v[2] = (v[2] + v[1]) & mask
            v[0] = (v[0] + v[3]) & mask
            v[1] = turn(v[1], 17) ^ v[2]
            v[3] = turn(v[3], 21) ^ v[0]
            v[2] = turn(v[2], 32)

    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message)])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_siphash__gives_the_vector_of_its_authors():
    # Appendix A of the paper: the message 00 01 ... 0e.
    assert reference(bytes(range(15)), KEY) == 0xA129CA6149BE45E5
    message = np.uint64(int.from_bytes(bytes(range(8)), "little"))
    assert int(siphash(message, KEY)) == 0x93F5F5799A932462  # vectors.h of the reference implementation


def test_siphash__agrees_with_the_paper_one_message_at_a_time():
    rng = np.random.default_rng(1)
    numbers = rng.integers(0, 2**64, 200, dtype=np.uint64)
    key = rng.bytes(16)
    expected = [reference(int(number).to_bytes(8, "little"), key) for number in numbers]
    assert siphash(numbers, key).tolist() == expected


def test_siphash__does_not_depend_on_how_many_are_hashed_together():
    numbers = np.arange(70_000, dtype=np.uint64)
    whole = siphash(numbers, KEY)
    assert np.array_equal(whole[65_530:65_545], siphash(numbers[65_530:65_545], KEY))
    assert siphash(numbers.reshape(7, -1), KEY).shape == (7, 10_000)
    assert siphash(np.empty(0, dtype=np.uint64), KEY).size == 0


def test_siphash__leaves_its_input_as_it_is_and_refuses_a_wrong_key():
    numbers = np.arange(5, dtype=np.uint64)
    siphash(numbers, KEY)
    assert numbers.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="16 bytes"):
        siphash(numbers, b"short")
