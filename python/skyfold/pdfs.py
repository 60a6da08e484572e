"""Decoders of packed and of sparse PDFs, as docs/pdf.md has them."""
import numpy as np


def unpack(row, zmin, zmax):
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


def from_sparse(codes, xvals, mu, sig, dims):
    """Densities at xvals of a row of sparse_indices; None for an object without PDF."""
    from scipy.special import voigt_profile

    coefficients, columns = codes >> 16, codes & 0xFFFF
    if coefficients[0] == 0:
        return None
    places, widths, lorentz = (np.linspace(*ends, n) for ends, n in zip((mu, sig, (0, 0.5)), dims[:3]))
    i, j, k = np.unravel_index(columns, dims[:3])
    profiles = voigt_profile(xvals[:, None] - places[i], widths[j], lorentz[k])
    profiles = np.where(profiles < 1e-5, 0, profiles)
    weights = np.append(1, coefficients[1:] / 32000) / np.sqrt((profiles**2).sum(0))
    p = np.maximum(profiles @ weights, 0)
    return p / np.sum(0.5 * (p[1:] + p[:-1]) * np.diff(xvals))
