"""SipHash-2-4 of many whole numbers at once: a keyed hash that nobody without the key can compute or undo."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

KEY_BYTES = 16
# Rows that are worked on together: what one pass needs stays in the processor's cache.
_AT_ONCE = 1 << 15
_LENGTH = np.uint64(8 << 56)  # the last word of an 8-byte message: its length in the highest byte


def siphash(numbers: npt.ArrayLike, key: bytes) -> Words:
    """Return the 64-bit SipHash-2-4 of each number, taken as 8 bytes, least byte first.

    Parameters
    ----------
    numbers : array of uint64, any shape
        The messages.
    key : bytes
        16 secret bytes.

    Returns
    -------
    array of uint64, in the shape of ``numbers``

    Raises
    ------
    ValueError
        If the key has another length.

    Notes
    -----
    Aumasson and Bernstein (2012), INDOCRYPT, LNCS 7668:489: a pseudorandom function for short messages, about a
    hundredth of the time of HMAC-SHA256 for places that are hashed by the million.

    Examples
    --------
    The reference implementation's vector for the message 00 01 .. 07 under the key 00 01 .. 0f.

    >>> message = np.uint64(int.from_bytes(bytes(range(8)), "little"))
    >>> hex(int(siphash(message, bytes(range(16)))))
    '0x93f5f5799a932462'
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected a key of {KEY_BYTES} bytes, found {len(key)}")
    messages = np.atleast_1d(np.asarray(numbers, dtype=np.uint64))
    flat, hashed = messages.reshape(-1), np.empty(messages.size, dtype=np.uint64)
    halves = np.frombuffer(key, dtype="<u8").astype(np.uint64)
    for start in range(0, len(flat), _AT_ONCE):
        hashed[start : start + _AT_ONCE] = _block(flat[start : start + _AT_ONCE], halves)
    return hashed.reshape(np.shape(numbers))


def _block(message: Words, key: Words) -> Words:
    starts = np.array(
        [0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573], dtype=np.uint64
    )
    state = [np.full(len(message), start ^ half) for start, half in zip(starts, np.tile(key, 2), strict=True)]
    spare = np.empty_like(message)
    state[3] ^= message
    _rounds(state, spare, 2)
    state[0] ^= message
    state[3] ^= _LENGTH
    _rounds(state, spare, 2)
    state[0] ^= _LENGTH
    state[2] ^= np.uint64(0xFF)
    _rounds(state, spare, 4)
    hashed: Words = state[0] ^ state[1] ^ state[2] ^ state[3]
    return hashed


def _rounds(state: list[Words], spare: Words, count: int) -> None:
    a, b, c, d = state
    for _ in range(count):
        a += b
        _rotate(b, 13, spare)
        b ^= a
        _rotate(a, 32, spare)
        c += d
        _rotate(d, 16, spare)
        d ^= c
        a += d
        _rotate(d, 21, spare)
        d ^= a
        c += b
        _rotate(b, 17, spare)
        b ^= c
        _rotate(c, 32, spare)


def _rotate(word: Words, bits: int, spare: Words) -> None:
    """Turn every word to the left, in place."""
    np.right_shift(word, np.uint64(64 - bits), out=spare)
    np.left_shift(word, np.uint64(bits), out=word)
    np.bitwise_or(word, spare, out=word)
