"""Reads catalogues and products of skyfold into astropy."""
import h5py
from astropy.table import Column, Table


def read_catalogue(path, columns=None):
    """All columns, or those named, of the rows of a file, with units and descriptions.

    Positions are ICRS degrees; NaN means "not measured"; text is bytes without padding.
    """
    with h5py.File(path, "r") as file:
        table = Table(meta={name: value for name, value in file.attrs.items()})
        for name in columns if columns is not None else file["object"]:
            data = file["object"][name]
            table[name] = Column(data[...], unit=data.attrs.get("unit"), description=data.attrs.get("description"))
    return table
