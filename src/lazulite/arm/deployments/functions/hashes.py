"""Names derived from other names: ``uniqueString`` and ``guid``.

Checked against published values of Azure ("String functions for ARM templates" and provider tests).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid5

_MASK = 0xFFFFFFFF
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_GUID_NAMESPACE = UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
"""Namespace of the version 5 UUIDs that ``guid`` makes. Source: "String functions for ARM templates", guid."""

_MULTIPLIERS = (0x239B961B, 0xAB0E9789)
_ADDENDS = (0x561CCD1B, 0x0BCAA747)
_LANE_ROTATIONS = (15, 17)
_STATE_ROTATIONS = (19, 13)


def _rotate(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (32 - bits))) & _MASK


def _scramble(word: int, lane: int) -> int:
    """One input word, as lane 0 or 1 mixes it in; the lanes use the two multipliers in opposite order."""
    word = (word * _MULTIPLIERS[lane]) & _MASK
    return (_rotate(word, _LANE_ROTATIONS[lane]) * _MULTIPLIERS[1 - lane]) & _MASK


def _finish(word: int) -> int:
    word = ((word ^ (word >> 16)) * 0x85EBCA6B) & _MASK
    word = ((word ^ (word >> 13)) * 0xC2B2AE35) & _MASK
    return word ^ (word >> 16)


def murmur64(content: bytes) -> int:
    """The 64-bit hash of *content*: two 32-bit Murmur lanes that feed each other, seed 0."""
    state = [0, 0]
    whole = len(content) - len(content) % 8
    for at in range(0, whole, 8):
        for lane in (0, 1):
            word = int.from_bytes(content[at + 4 * lane : at + 4 * lane + 4], "little")
            mixed = _rotate(state[lane] ^ _scramble(word, lane), _STATE_ROTATIONS[lane]) + state[1 - lane]
            state[lane] = ((mixed & _MASK) * 5 + _ADDENDS[lane]) & _MASK
    for lane, part in enumerate((content[whole : whole + 4], content[whole + 4 :])):
        state[lane] ^= _scramble(int.from_bytes(part, "little"), lane)
    low, high = (word ^ len(content) for word in state)
    low = (low + high) & _MASK
    high = (high + low) & _MASK
    low, high = _finish(low), _finish(high)
    low = (low + high) & _MASK
    return ((high + low) & _MASK) << 32 | low


def unique_string(first: str, *more: str) -> str:
    """13 characters that depend on nothing but the arguments."""
    value = murmur64("-".join((first, *more)).encode())
    return "".join(_ALPHABET[(value << 5 * i & 0xFFFFFFFFFFFFFFFF) >> 59] for i in range(13))


def guid(first: str, *more: str) -> str:
    return str(uuid5(_GUID_NAMESPACE, "-".join((first, *more))))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {"uniquestring": unique_string, "guid": guid}
