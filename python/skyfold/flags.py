"""Bits of the column `flags` of products, by their names."""
from __future__ import annotations

import enum
from typing import Any, Type, Union

import numpy as np


class PhotozFlag(enum.IntFlag):
    """Flags of photo-z (docs/photoz.md); 0: nothing is remarkable.

    >>> PhotozFlag.EXTRAPOLATED in PhotozFlag(17)
    True
    """

    MISSING_BAND = 1
    NO_BAND = 2
    FEW_NEIGHBOURS = 4
    RANK_DEFICIENT = 8
    EXTRAPOLATED = 16
    OUTSIDE_COVERAGE = 32
    NO_MAGNITUDE_ERROR = 64
    PDF_OFF_GRID = 128
    FAILED = 1 << 30


class PatchFlag(enum.IntFlag):
    """Flags of measurements on maps (docs/patch.md); 0: nothing is remarkable."""

    NO_POSITION = 1
    DISC_COVERAGE = 2
    APERTURE_COVERAGE = 4
    PSF_COVERAGE = 8
    GAUSS_COVERAGE = 16
    GAUSS_FAILED = 32
    POLARISATION_COVERAGE = 64
    FAILED = 1 << 30


Kind = Type[Union[PhotozFlag, PatchFlag]]


def decode_flags(values: Any, kind: Kind = PhotozFlag) -> Union[list[str], list[list[str]]]:
    """Names of the bits that are set, lower case: a list for a number, a list of lists for many. Bits without a name are "bit 9".

    >>> decode_flags(5)
    ['missing_band', 'few_neighbours']
    >>> decode_flags([0, 2, 512])
    [[], ['no_band'], ['bit 9']]
    """
    array = np.ma.filled(np.ma.asarray(values), 0)
    if array.dtype.kind not in "iu":
        raise TypeError(f"flags are whole numbers, not {array.dtype}")
    names = {member.value: str(member.name).lower() for member in kind}
    known: dict[int, list[str]] = {}
    for value in np.unique(array).tolist():
        known[value] = [names.get(1 << bit, f"bit {bit}") for bit in range(array.dtype.itemsize * 8) if value >> bit & 1]
    if array.ndim == 0:
        return known[int(array)]
    return [list(known[value]) for value in array.ravel().tolist()]


def has_flag(values: Any, *flags: int) -> np.ndarray:
    """Where any of these flags is set.

    >>> has_flag([0, 16, 17, 2], PhotozFlag.MISSING_BAND, PhotozFlag.NO_BAND)
    array([False, False,  True,  True])
    """
    mask = 0
    for flag in flags:
        mask |= int(flag)
    return (np.ma.filled(np.ma.asarray(values), 0) & mask) != 0
