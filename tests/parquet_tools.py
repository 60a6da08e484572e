"""Parquet for tests: written by SQL of DuckDB, called through its C interface, and read by hyparquet, which shares nothing with it."""
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import unittest

_READER = pathlib.Path(__file__).resolve().parent / "interop" / "read_parquet.mjs"


def build_folder(binary):
    return pathlib.Path(binary).resolve().parent.parent


def library(binary):
    """Path of the library that skyfold opens."""
    return os.environ.get("SKYFOLD_DUCKDB") or str(build_folder(binary) / "lib" / "libduckdb.so")


def require(binary):
    """Skips tests without DuckDB, node and hyparquet, or fails them where all tests are wanted."""
    missing = [what for what, there in [("libduckdb.so", os.path.exists(library(binary))), ("node", shutil.which("node")),
                                        ("hyparquet", (build_folder(binary) / "node_modules/hysnappy").exists())] if not there]
    if missing and os.environ.get("SKYFOLD_REQUIRE_ALL_TESTS"):
        raise AssertionError(f"missing: {', '.join(missing)} (./bootstrap test fetches them)")
    if missing:
        raise unittest.SkipTest(f"missing: {', '.join(missing)} (./bootstrap test fetches them)")


def require_library(binary):
    """The same for tests that need DuckDB alone."""
    if os.path.exists(library(binary)):
        return
    if os.environ.get("SKYFOLD_REQUIRE_ALL_TESTS"):
        raise AssertionError("missing: libduckdb.so (./bootstrap test fetches it)")
    raise unittest.SkipTest("missing: libduckdb.so (./bootstrap duckdb fetches it)")


class Duck:
    """A database in memory."""

    class _Result(ctypes.Structure):
        _fields_ = [("counts", ctypes.c_uint64 * 3), ("columns", ctypes.c_void_p), ("error", ctypes.c_void_p), ("data", ctypes.c_void_p)]

    def __init__(self, binary):
        self._lib = ctypes.CDLL(library(binary))
        self._lib.duckdb_result_error.restype = ctypes.c_char_p
        self._lib.duckdb_value_varchar.restype = ctypes.c_void_p
        self._lib.duckdb_row_count.restype = self._lib.duckdb_column_count.restype = ctypes.c_uint64
        self._database, self._connection = ctypes.c_void_p(), ctypes.c_void_p()
        self._lib.duckdb_open(None, ctypes.byref(self._database))
        self._lib.duckdb_connect(self._database, ctypes.byref(self._connection))
        self("SET threads = 1")

    def __call__(self, sql):
        """Rows of a statement, each a list of texts; None for what is missing."""
        result = self._Result()
        if self._lib.duckdb_query(self._connection, sql.encode(), ctypes.byref(result)) != 0:
            raise AssertionError(self._lib.duckdb_result_error(ctypes.byref(result)).decode())
        rows, columns = self._lib.duckdb_row_count(ctypes.byref(result)), self._lib.duckdb_column_count(ctypes.byref(result))
        cells = [[self._cell(result, column, row) for column in range(columns)] for row in range(rows)]
        self._lib.duckdb_destroy_result(ctypes.byref(result))
        return cells

    def _cell(self, result, column, row):
        value = self._lib.duckdb_value_varchar(ctypes.byref(result), ctypes.c_uint64(column), ctypes.c_uint64(row))
        if not value:
            return None
        text = ctypes.string_at(value).decode()
        self._lib.duckdb_free(ctypes.c_void_p(value))
        return text

    def copy(self, query, path, options=""):
        """Writes the rows of a query to a Parquet file."""
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        self(f"COPY ({query}) TO '{path}' (FORMAT parquet{', ' + options if options else ''})")
        return str(path)


def hyparquet(binary, path):
    """What hyparquet reads: {"columns": {name: values}, "metadata": {key: value}, "row_groups": [rows]}. 64-bit integers are ints."""
    result = subprocess.run(["node", _READER, build_folder(binary) / "node_modules", path], capture_output=True, text=True, timeout=120, check=False)
    if result.returncode != 0:
        raise AssertionError(result.stderr)
    return json.loads(result.stdout)
