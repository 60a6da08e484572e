"""What the tests of the executable share: running it, on ranks too, making inputs, reading products.

A test file is started as `name_test.py PATH_OF_SKYFOLD [unittest arguments]`.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np
from astropy.io import fits

SOURCE = pathlib.Path(__file__).resolve().parent.parent
SHARED = pathlib.Path(os.environ.get("SKYFOLD_SHARED_DATA", SOURCE.parent / "shared" / "data"))
_binary = ["skyfold"]

# Open MPI prints its notices between two rules.
_NOTICE = re.compile(r"^-{40,}\n.*?^-{40,}\n", re.DOTALL | re.MULTILINE)


class Result:
    """A finished run: exit code (negative: killed by that signal), standard output, standard error."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def errors(self):
        """Lines of standard error that report an error of skyfold."""
        return [line for line in self.err.splitlines() if line.startswith("skyfold")]

    def __str__(self):
        return f"{' '.join(self.command)}\nexit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def binary():
    """Path of the executable that is tested."""
    return _binary[0]


def environment(folder):
    """Open MPI on few processors, with its shared memory in the test's own folder."""
    return dict(os.environ, OMPI_MCA_btl_vader_single_copy_mechanism="none", OMPI_MCA_mpi_yield_when_idle="1",
                OMPI_MCA_btl_vader_backing_directory=str(folder), HDF5_USE_FILE_LOCKING="FALSE", LC_ALL="C.UTF-8")


def mpirun(ranks):
    """The words that start a program on ranks."""
    as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    return ["mpirun", *as_root, "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]


def make_fits(path, columns, units=None, nulls=None, **header):
    """A FITS binary table of numpy arrays, by name."""
    hdu = fits.BinTableHDU.from_columns([
        fits.Column(name=name, array=values, format=_tform(values), unit=(units or {}).get(name), null=(nulls or {}).get(name))
        for name, values in columns.items()])
    hdu.header.update(header)
    hdu.writeto(path, overwrite=True)
    return str(path)


def _tform(values):
    values = np.asarray(values)
    if values.dtype.kind in "SU":
        return f"{max(1, values.dtype.itemsize // (4 if values.dtype.kind == 'U' else 1))}A"
    code = {"f4": "E", "f8": "D", "i2": "I", "i4": "J", "i8": "K", "u1": "B"}[values.dtype.str[1:]]
    width = int(np.prod(values.shape[1:])) if values.ndim > 1 else 1
    return f"{width}{code}"


def make_csv(path, columns, delimiter=","):
    """A text table whose numbers read back to the same bits."""
    lines = [delimiter.join(columns)]
    for row in zip(*columns.values()):
        lines.append(delimiter.join(_text(value) for value in row))
    pathlib.Path(path).write_text("\n".join(lines) + "\n")
    return str(path)


def _text(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.floating):
        return "" if np.isnan(value) else repr(value.item())
    return str(value)


def make_hdf5(path, columns, group="data", units=None):
    """A group with a dataset per column."""
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            values = np.asarray(values)
            dataset = file.create_dataset(f"{group}/{name}", data=values)
            if units and name in units:
                dataset.attrs["unit"] = units[name]
    return str(path)


def read_group(path, group="/object"):
    """Columns of a product as numpy arrays, by name."""
    with h5py.File(path, "r") as file:
        return {name: dataset[...] for name, dataset in file[group].items()}


def read_bytes(path):
    return pathlib.Path(path).read_bytes()


def shared(name):
    """A file of the real data; skips the test without it."""
    path = SHARED / name
    if not path.exists():
        raise unittest.SkipTest(f"{path} is absent (set SKYFOLD_SHARED_DATA to the folder of the real data)")
    return str(path)


def sample(name):
    """A file of data-samples/, which is always there."""
    return str(SOURCE / "data-samples" / name)


def sample_and_shared(sample_name, shared_name):
    """Files for a test that runs on both: a sample, and, where the real data are, a file of them."""
    real = SHARED / shared_name
    return [sample(sample_name), *([str(real)] if real.exists() else [])]


class SkyfoldTest(unittest.TestCase):
    """A test with a folder of its own; `cls.base` is one for what all tests of a class read."""

    @classmethod
    def setUpClass(cls):
        cls.base = pathlib.Path(tempfile.mkdtemp(prefix="skyfold_test_"))
        cls.addClassCleanup(shutil.rmtree, cls.base, ignore_errors=True)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=self.base))

    def path(self, name):
        return str(self.folder / name)

    @classmethod
    def run_skyfold(cls, *words, ranks=0, timeout=120, cwd=None, binary=None):
        """Runs skyfold as it is (ranks = 0) or by mpirun."""
        command = [*(mpirun(ranks) if ranks else []), binary or _binary[0], *map(str, words)]
        done = subprocess.run(command, env=environment(cls.base), capture_output=True, timeout=timeout, cwd=cwd or cls.base)
        err = done.stderr.decode(errors="replace")
        return Result(command, done.returncode, done.stdout.decode(errors="replace"), _NOTICE.sub("", err) if ranks else err)

    @classmethod
    def skyfold(cls, *words, **options):
        """Runs skyfold, which has to succeed."""
        result = cls.run_skyfold(*words, **options)
        if result.code != 0:
            raise AssertionError(f"unexpected failure\n{result}")
        return result


def main():
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(f"usage: {sys.argv[0]} PATH_OF_SKYFOLD [unittest arguments]")
    _binary[0] = os.path.abspath(sys.argv.pop(1))
    unittest.main(module="__main__", verbosity=2)
