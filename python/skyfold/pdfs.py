"""Redshift PDFs of photoz and of the qp library, in every form of docs/pdf.md: densities at any redshifts."""
from __future__ import annotations

import os
from typing import Any, Callable, Optional, Union

import h5py
import numpy as np

from .command import SkyfoldError


def open_pdfs(path: Union[str, "os.PathLike[str]"]) -> Pdfs:
    """The PDFs of a file that `photoz --pdf` or `pdf convert` wrote, or qp."""
    return Pdfs(path)


class Pdfs:
    """PDFs of a file, row i for object i of the product beside it. They are read when they are asked for.

    >>> pdfs = open_pdfs("z.pdf.hdf5")
    >>> pdfs.form, len(pdfs)
    ('packed', 9443)
    >>> z = np.linspace(0, 1.2, 601)
    >>> p = pdfs.evaluate(z, rows=slice(100, 103))
    >>> p.shape, np.round(np.sum(0.5 * (p[:, 1:] + p[:, :-1]) * np.diff(z), axis=1), 2)
    ((3, 601), array([1., 1., 1.]))
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"]) -> None:
        self.path = os.fspath(path)
        if not os.path.exists(self.path):
            raise SkyfoldError(4, f"{self.path}: no such file")
        try:
            with h5py.File(self.path, "r") as file:
                name = file["meta/pdf_name"][...].ravel()[0]
                self.form: str = name.decode() if isinstance(name, bytes) else str(name)
                self.meta: dict[str, Any] = {key: np.asarray(value[...]).ravel() for key, value in file["meta"].items()}
                self._read_shape(file)
        except (OSError, KeyError) as error:
            raise SkyfoldError(3, f"{self.path}: not a file of PDFs ({error})") from None

    def _read_shape(self, file: h5py.File) -> None:
        if self.form not in _FORMS:
            raise SkyfoldError(3, f"{self.path}: PDFs in the form '{self.form}' (known are {', '.join(_FORMS)})")
        if self.form == "packed" and int(self.meta["pdf_version"][0]) != 1:
            raise SkyfoldError(3, f"{self.path}: packed PDFs of version {int(self.meta['pdf_version'][0])} (`skyfold pdf convert` reads them)")
        self._rows = len(file["data"][_FORMS[self.form][0][0]])

    def __len__(self) -> int:
        return self._rows

    def __repr__(self) -> str:
        return f"skyfold.open_pdfs({self.path!r})  # {self._rows} {self.form}"

    def ancil(self, name: str) -> np.ndarray:
        """A column beside the PDFs: object_id, z_mode, z_mean, ... (docs/formats.md)."""
        with h5py.File(self.path, "r") as file:
            if name not in file.get("ancil", {}):
                raise SkyfoldError(2, f"{self.path}: no column ancil/{name} (there are: {', '.join(file.get('ancil', {}))})")
            return file["ancil"][name][...]

    def evaluate(self, z: Any, rows: Any = slice(None)) -> np.ndarray:
        """Densities at redshifts z, shape [rows, len(z)]; NaN for an object without PDF.

        rows  a slice, a row, or an increasing list of rows
        """
        z = np.atleast_1d(np.asarray(z, dtype=float))
        if isinstance(rows, (int, np.integer)):
            row = int(rows) + (self._rows if rows < 0 else 0)
            if not 0 <= row < self._rows:
                raise IndexError(f"row {rows} of {self._rows} PDFs")
            rows = slice(row, row + 1)
        names, density = _FORMS[self.form]
        with h5py.File(self.path, "r") as file:
            data = [np.asarray(file["data"][name][rows]) for name in names]
        result = np.full((len(data[0]), len(z)), np.nan)
        for i, parts in enumerate(zip(*data)):
            values = density(z, self.meta, *parts)
            if values is not None:
                result[i] = values
        return result


def _interp(z: np.ndarray, meta: dict[str, Any], values: np.ndarray) -> Optional[np.ndarray]:
    return None if np.isnan(values).any() else np.interp(z, meta["xvals"], values, left=0, right=0)


def _steps(z: np.ndarray, edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    bin_of = np.searchsorted(edges, z, side="right") - 1
    bin_of[z == edges[-1]] = len(values) - 1
    inside = (bin_of >= 0) & (bin_of < len(values))
    return np.where(inside, values[np.clip(bin_of, 0, len(values) - 1)], 0)


def _hist(z: np.ndarray, meta: dict[str, Any], values: np.ndarray) -> Optional[np.ndarray]:
    return None if np.isnan(values).any() else _steps(z, meta["bins"], values.astype(float))


def _quant(z: np.ndarray, meta: dict[str, Any], places: np.ndarray) -> Optional[np.ndarray]:
    """The distribution function is linear between the quantiles."""
    places = places.astype(float)
    widths = np.diff(places)
    if np.isnan(places).any():
        return None
    apart = np.append(True, widths > 0)
    return _steps(z, places[apart], np.diff(meta["quants"][apart]) / np.diff(places[apart]))


def _gaussians(z: np.ndarray, means: np.ndarray, stds: np.ndarray, weights: np.ndarray) -> Optional[np.ndarray]:
    if np.isnan(means).any() or np.isnan(weights).any() or not (weights > 0).any():
        return None
    means, stds, weights = (a[weights > 0].astype(float) for a in (means, stds, weights))
    each = np.exp(-0.5 * ((z[:, None] - means) / stds) ** 2) / (stds * np.sqrt(2 * np.pi))
    return each @ (weights / weights.sum())


def _mixmod(z: np.ndarray, meta: dict[str, Any], means: np.ndarray, stds: np.ndarray, weights: np.ndarray) -> Optional[np.ndarray]:
    return _gaussians(z, means, stds, weights)


def _norm(z: np.ndarray, meta: dict[str, Any], loc: np.ndarray, scale: np.ndarray) -> Optional[np.ndarray]:
    return _gaussians(z, np.ravel(loc), np.ravel(scale), np.ones(1))


def _packed(z: np.ndarray, meta: dict[str, Any], row: np.ndarray) -> Optional[np.ndarray]:
    nodes = unpack(row, float(meta["zmin"][0]), float(meta["zmax"][0]))
    return None if nodes is None else np.interp(z, *nodes, left=0, right=0)


def _sparse(z: np.ndarray, meta: dict[str, Any], codes: np.ndarray) -> Optional[np.ndarray]:
    values = from_sparse(codes, meta["xvals"], meta["mu"], meta["sig"], meta["dims"])
    return None if values is None else np.interp(z, meta["xvals"], values, left=0, right=0)


# Of each form its datasets, and the density of a row of them.
_FORMS: dict[str, tuple[tuple[str, ...], Callable[..., Optional[np.ndarray]]]] = {
    "interp": (("yvals",), _interp), "hist": (("pdfs",), _hist), "quant": (("locs",), _quant), "mixmod": (("means", "stds", "weights"), _mixmod),
    "norm": (("loc", "scale"), _norm), "packed": (("packed",), _packed), "sparse": (("sparse_indices",), _sparse)}


def unpack(row: np.ndarray, zmin: float, zmax: float) -> Optional[tuple[np.ndarray, np.ndarray]]:
    """Redshifts and densities of a packed PDF, linear between them; None for an object without one."""
    first, last = (int(row[i]) + 256 * int(row[i + 1]) for i in (0, 2))
    if last <= first:
        return None
    bits, at, place = int.from_bytes(bytes(row[4:].tolist()), "little"), 0, []
    def cells(start, width):
        nonlocal at
        is_cut, at = bits >> at & 1, at + 1
        if is_cut:
            cells(start, width / 2), cells(start + width / 2, width / 2)
        else:
            place.append(start)
    for block in range(8):
        cells(block / 8, 1 / 8)
    low, high = (zmin + (zmax - zmin) * x / 65535 for x in (first, last))
    z = low + (high - low) * np.array(place + [1])
    values = 4 + (at + 7) // 8
    p = row[values:values + len(z)].astype(float) ** 2
    return z, p / np.sum(0.5 * (p[1:] + p[:-1]) * np.diff(z))


def from_sparse(codes: np.ndarray, xvals: np.ndarray, mu: np.ndarray, sig: np.ndarray, dims: np.ndarray) -> Optional[np.ndarray]:
    """Densities at xvals of a row of sparse_indices; None for an object without PDF."""
    from scipy.special import voigt_profile

    coefficients, columns = codes >> 16, codes & 0xFFFF
    if coefficients[0] == 0:
        return None
    places, widths, lorentz = (np.linspace(ends[0], ends[1], n) for ends, n in zip((mu, sig, np.array([0, 0.5])), dims[:3]))
    i, j, k = np.unravel_index(columns, dims[:3])
    profiles = voigt_profile(xvals[:, None] - places[i], widths[j], lorentz[k])
    profiles = np.where(profiles < 1e-5, 0, profiles)
    weights = np.append(1, coefficients[1:] / 32000) / np.sqrt((profiles**2).sum(0))
    p = np.maximum(profiles @ weights, 0)
    return p / np.sum(0.5 * (p[1:] + p[:-1]) * np.diff(xvals))
