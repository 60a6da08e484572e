"""Reads catalogues and products of skyfold into astropy."""
from __future__ import annotations

import os
from typing import Optional, Union

import h5py
import numpy as np
from astropy.table import Column, Table


def read_catalogue(path: Union[str, "os.PathLike[str]"], columns: Optional[list[str]] = None) -> Table:
    """All columns, or those named, of the rows of a file, with units and descriptions.

    Positions are ICRS degrees; NaN means "not measured"; text is bytes without padding.
    """
    with h5py.File(path, "r") as file:
        table = Table(meta={name: value for name, value in file.attrs.items()})
        group = _own(file, "object", path)
        for name in columns if columns is not None else group:
            data = _own(group, name, path)
            if data.is_virtual or data.external:
                raise ValueError(f"{path}: the values of {name} are in another file (all data must be in the file itself)")
            if data.chunks and not _has_filters(data):
                raise ValueError(f"{path}: {name} is compressed by a filter that this h5py lacks (for zstd import a package with filter 32015, "
                                 "or make the product with --compress shuffle-deflate)")
            values = data[...]
            if values.dtype.kind == "S":
                values = np.char.rstrip(values, b" ")  # trailing blanks are padding
            table[name] = Column(values, unit=data.attrs.get("unit"), description=data.attrs.get("description"))
    return table


def _has_filters(data: h5py.Dataset) -> bool:
    filters = data.id.get_create_plist()
    return all(h5py.h5z.filter_avail(filters.get_filter(i)[0]) for i in range(filters.get_nfilters()))


def _own(group: h5py.Group, name: str, path: Union[str, "os.PathLike[str]"]) -> Union[h5py.Group, h5py.Dataset]:
    """A member of a group that is in the file itself, or behind a link inside it."""
    for _ in range(32):
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.HardLink):
            return group[name]
        if not isinstance(link, h5py.SoftLink):
            break
        above, _, name = link.path.rpartition("/")
        group = group.file if link.path.startswith("/") else group
        for part in (one for one in above.split("/") if one):
            group = _own(group, part, path)
    raise ValueError(f"{path}: {name} is a link to another file, or leads in a circle (all data must be in the file itself)")
