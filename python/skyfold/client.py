"""Asks the command line, and reads its answers."""
from __future__ import annotations

import json
import os
import tempfile
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np
from astropy.table import Table

from .command import SkyfoldError, binary, in_list, run
from .pdfs import Pdfs, open_pdfs

if TYPE_CHECKING:
    import pandas

__all__ = ["Catalogue", "SkyfoldError", "binary", "open", "run"]
Path = Union[str, "os.PathLike[str]"]
Rows = Union[Table, "pandas.DataFrame"]


def open(path: Path) -> Catalogue:  # noqa: A001: as numpy and h5py call it
    """A catalogue, product or table, to be asked; files of PDFs are opened by `open_pdfs`."""
    return Catalogue(path)


class Catalogue:
    """A catalogue or product of skyfold, or a table that it reads. Nothing is read before it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        if not os.path.exists(self.path):
            raise SkyfoldError(4, f"{self.path}: no such file")

    def __repr__(self) -> str:
        return f"skyfold.open({self.path!r})"

    def schema(self) -> dict[str, Any]:
        """Tables, columns, units and relations, as a dictionary."""
        return json.loads(run("schema", self.path, "--json"))

    def to_table(self, columns: Optional[list[str]] = None, where: Optional[str] = None, **places: Any) -> Table:
        """All rows, or those that meet a condition, as a Table of astropy; `places` as those of `query`."""
        return self.query(columns=columns, where=where, **places)

    def to_pandas(self, columns: Optional[list[str]] = None, where: Optional[str] = None, **places: Any) -> pandas.DataFrame:
        """The same as a data frame of pandas; a column of vectors becomes columns name_0, name_1, ..."""
        return self.query(columns=columns, where=where, frame=True, **places)

    def pdfs(self, model: Optional[str] = None) -> Pdfs:
        """The PDFs that `photoz --pdf` wrote beside this product: Z.pdf.hdf5, or of several models Z.MODEL.pdf.hdf5."""
        stem = os.path.splitext(self.path)[0]
        return open_pdfs(f"{stem}.{model}.pdf.hdf5" if model else f"{stem}.pdf.hdf5")

    def query(self, *, where: Optional[str] = None, columns: Optional[list[str]] = None, limit: Optional[int] = None, order_by: Optional[str] = None,
              sample: Optional[float] = None, frame: bool = False, **places: Any) -> Rows:
        """Rows that meet a condition and lie at a place.

        where    condition in the language of skyfold: "mag_i < 22 and flags == 0"
        columns  list of names and calculations: ["id", "mag_g - mag_r as gr"]; None: all
        sample   per cent of the objects, the same ones for ever
        frame    a data frame of pandas instead of a Table
        places   cone="RA,DEC,RADIUS", box="RA,RA,DEC,DEC", polygon=..., moc=FILE, ids=FILE, any other option of `skyfold query`
        """
        options = dict(where=where, limit=limit, order_by=order_by, sample=sample, columns=None if columns is None else list(columns), **places)
        return _answer("query", [self.path], frame, **options)

    def cone(self, ra: float, dec: float, radius: Any, **other: Any) -> Rows:
        """Rows within a radius of a position, degrees: a text with unit ("0.2\\"", "1'", "0.5d"), a Quantity of astropy, or degrees."""
        if hasattr(radius, "to_value"):
            radius = radius.to_value("deg")
        radius = radius if isinstance(radius, str) else f"{float(radius)!r}d"
        return self.query(cone=f"{float(ra)!r},{float(dec)!r},{radius}", **other)

    def sql(self, query: str, *others: str, frame: bool = False, limit_time: Optional[float] = None, limit_memory: Optional[float] = None) -> Rows:
        """The answer to a query in SQL. The catalogue is `object`, its measurements `meas`; others are "FILE" or "NAME=FILE"."""
        return _answer("sql", [self.path, *others, query], frame, limit_time=limit_time, limit_memory=limit_memory)

    def lightcurve(self, object_id: Union[int, str], frame: bool = False, **options: Any) -> Rows:
        """Measurements of an object, by filter and time, with all their columns and `used`: 1 where a measurement counts.

        options  of `skyfold lightcurve`: fold="auto", meas_magnitude="vega"
        """
        return _answer("lightcurve", [self.path, f"--id={in_list(str(object_id))}", "--columns=*"], frame, **options)


def _answer(command: str, words: list[str], frame: bool, **options: Any) -> Rows:
    # FITS: order of columns, units and missing values come through.
    with tempfile.TemporaryDirectory(prefix="skyfold_") as folder:
        path = os.path.join(folder, "answer.fits")
        run(command, *words, **options, output=path, project="none", product_log="none")
        table = Table.read(path, hdu=1, memmap=False)
    table.meta = {}
    for name in table.colnames:
        if table[name].dtype.kind == "S":
            table[name] = np.char.decode(table[name], "utf-8", "backslashreplace")
    return _frame(table) if frame else table


def _frame(table: Table) -> pandas.DataFrame:
    flat = Table()
    for name in table.colnames:
        column = table[name]
        if column.ndim == 1:
            flat[name] = column
            continue
        values = column.reshape(len(column), -1)
        for i in range(values.shape[1]):
            flat[f"{name}_{i}"] = values[:, i]
    return flat.to_pandas()
