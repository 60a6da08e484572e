"""Asks the command line, and reads its answers."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np
from astropy.table import Table


class SkyfoldError(RuntimeError):
    """What the command line says went wrong; `code` is its exit code: 2 the question, 3 the data, 4 a file or the system."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def binary():
    """Path of the program: SKYFOLD, else that of PATH, else the release build beside this folder."""
    named = os.environ.get("SKYFOLD") or shutil.which("skyfold")
    built = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "bin" / "skyfold"
    if not named and not built.exists():
        raise SkyfoldError(4, "no skyfold on PATH (set SKYFOLD to the program)")
    return named or str(built)


def run(*words):
    """Runs a command; returns its standard output. Raises SkyfoldError with its line."""
    result = subprocess.run([binary(), *map(str, words)], capture_output=True, text=True, errors="backslashreplace", stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.startswith("skyfold")] or result.stderr.splitlines()[-1:]
        raise SkyfoldError(result.returncode, "\n".join(lines) or f"skyfold {words[0]}: exit code {result.returncode}")
    return result.stdout


def open(path):  # noqa: A001: as numpy and h5py call it
    """A catalogue or product, to be asked."""
    return Catalogue(path)


class Catalogue:
    """A catalogue or product of skyfold. Nothing is read before it is asked for."""

    def __init__(self, path):
        self.path = os.fspath(path)
        if not os.path.exists(self.path):
            raise SkyfoldError(4, f"{self.path}: no such file")

    def __repr__(self):
        return f"skyfold.open({self.path!r})"

    def schema(self):
        """Tables, columns, units and relations, as a dictionary."""
        return json.loads(run("schema", self.path, "--json"))

    def query(self, *, where=None, columns=None, limit=None, order_by=None, sample=None, frame=False, **places):
        """Rows that meet a condition and lie at a place.

        where    condition in the language of skyfold: "mag_i < 22 and flags == 0"
        columns  list of names and calculations: ["id", "mag_g - mag_r as gr"]; None: all
        sample   per cent of the objects, the same ones for ever
        places   cone="RA,DEC,RADIUS", box="RA,RA,DEC,DEC", polygon=..., moc=FILE, ids=FILE, any other option of `skyfold query`
        """
        words = []
        for name, value in dict(where=where, limit=limit, order_by=order_by, sample=sample, **places).items():
            if value is not None:
                words += ["--" + name.replace("_", "-"), value]
        if columns is not None:
            words += ["--columns", ",".join(_in_list(column) for column in columns)]
        return _answer(["query", self.path, *words], frame)

    def cone(self, ra, dec, radius, **other):
        """Rows within a radius of a position, degrees: a text with unit ("0.2\\"", "1'", "0.5d"), a Quantity of astropy, or degrees."""
        if hasattr(radius, "to_value"):
            radius = radius.to_value("deg")
        radius = radius if isinstance(radius, str) else f"{float(radius)!r}d"
        return self.query(cone=f"{float(ra)!r},{float(dec)!r},{radius}", **other)

    def sql(self, query, *others, frame=False, limit_time=None, limit_memory=None):
        """The answer to a query in SQL. The catalogue is `object`, its measurements `meas`; others are "FILE" or "NAME=FILE"."""
        words = []
        for name, value in (("--limit-time", limit_time), ("--limit-memory", limit_memory)):
            if value is not None:
                words += [name, value]
        return _answer(["sql", self.path, *others, query, *words], frame)

    def lightcurve(self, object_id, frame=False, **options):
        """Measurements of an object, by filter and time, with all their columns and `used`: 1 where a measurement counts.

        options  of `skyfold lightcurve`: fold="auto", **{"meas.magnitude": "vega"}
        """
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        return _answer(["lightcurve", self.path, f"--id={_in_list(str(object_id))}", "--columns=*", *words], frame)


def _in_list(text):
    """A text as lists of options have it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if any(c in text for c in ',"#\\') else text


def _answer(words, frame):
    # FITS: order of columns, units and missing values come through.
    with tempfile.TemporaryDirectory(prefix="skyfold_") as folder:
        path = os.path.join(folder, "answer.fits")
        run(*words, "--output", path, "--project", "none", "--product-log", "none")
        table = Table.read(path, hdu=1, memmap=False)
    table.meta = {}
    for name in table.colnames:
        if table[name].dtype.kind == "S":
            table[name] = np.char.decode(table[name], "utf-8", "backslashreplace")
    return table.to_pandas() if frame else table
