"""Products with --compress: the same values in chunks that other programs restore, the same bytes from any number of ranks, every
command reads them, and a death at any moment costs nothing. What is in the chunks is looked at with h5py and libzstd."""
import ctypes
import ctypes.util
import os
import pathlib
import shutil
import signal
import sys
import unittest.mock
import zlib

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

sys.path.insert(0, str(support.SOURCE / "python"))
import skyfold

METHODS = ("shuffle-deflate", "zstd")
ROWS = 70_000   # two zones
QUIET = ("--project", "none", "--product-log", "none", "--threads", 1)


def unzstd(stored, size):
    library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    library.ZSTD_decompress.restype = ctypes.c_size_t
    values = ctypes.create_string_buffer(size)
    got = library.ZSTD_decompress(values, ctypes.c_size_t(size), stored, ctypes.c_size_t(len(stored)))
    assert got == size, got
    return values.raw


def values_of(dataset):
    """All values; those behind zstd, which h5py lacks, chunk by chunk: unpacked by libzstd, unshuffled by numpy."""
    if dataset.chunks is None or dataset.compression == "gzip":
        return dataset[...]
    rows, width = dataset.chunks[0], int(np.prod(dataset.shape[1:]))
    parts = []
    for first in range(0, dataset.shape[0], rows):
        skipped, stored = dataset.id.read_direct_chunk((first,) + (0,) * (dataset.ndim - 1))
        assert skipped == 0
        size = rows * width * dataset.dtype.itemsize
        shuffled = np.frombuffer(unzstd(stored, size), "u1").reshape(dataset.dtype.itemsize, rows * width)
        parts.append(np.frombuffer(shuffled.T.tobytes(), dataset.dtype).reshape((rows,) + dataset.shape[1:]))
    return np.concatenate(parts)[:dataset.shape[0]]


def contents(path):
    """Values of all datasets, and the attributes of all objects, by name."""
    found = {}
    def look(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = values_of(item).tobytes()
        found.update({f"{name}@{key}": str(value) for key, value in item.attrs.items()})
    with h5py.File(path) as file:
        file.visititems(look)
        found.update({f"@{key}": str(value) for key, value in file.attrs.items() if key != "compression"})
    return found


class Compressed(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for method in ("none", *METHODS):
            (cls.base / method).mkdir()
            cls.mock(cls.base / method, method)
        cls.skyfold("train", "--calibrate", "none", "--sample", cls.at("none", "c.spec.h5"), "--output", cls.base / "m.h5", "--dnf.neighbours", 20, *QUIET[:4],
                    "--train.fraction", 0.5, "--train.validation", cls.base / "held.h5")
        spectra = support.read_group(cls.at("none", "c.spec.h5"))
        support.make_csv(cls.base / "t.csv", {"ra": spectra["ra"], "dec": spectra["dec"], "z_spec": spectra["z_spec"], "q": np.full(len(spectra["ra"]), 4)})
        (cls.base / "t.ini").write_text("name = T\nyear = 2020\nfile = t.csv\n[columns]\nra = ra\ndec = dec\nz = z_spec\nquality = q\n"
                                        "[quality]\nvalues = 4:4,3:3\n")
        cls.skyfold("spec", "--surveys", cls.base / "t.ini", "--output", cls.base / "spec.h5", *QUIET)

    @classmethod
    def mock(cls, folder, method, ranks=0, **options):
        return cls.run_skyfold("mock", "--objects", ROWS, "--seed", 4, "--spectroscopic", 0.02, "--output", pathlib.Path(folder) / "c.h5",
                               "--compress", method, *QUIET, ranks=ranks, **options)

    @classmethod
    def at(cls, method, name):
        return str(cls.base / method / name)

    def photoz(self, method, name, *more, catalogue="none", **options):
        return self.run_skyfold("photoz", "--catalogue", self.at(catalogue, "c.h5"), "--model", self.base / "m.h5", "--output", self.path(name),
                                "--pdf", "interp", "--pdf.bins", 9, "--compress", method, *more, *QUIET, **options)

    def test_values_and_attributes_are_those_of_the_contiguous_product(self):
        for name in ("c.h5", "c.spec.h5"):
            expected = contents(self.at("none", name))
            for method in METHODS:
                self.assertEqual(contents(self.at(method, name)), expected, f"{method} {name}")

    def test_chunks_are_zones_and_the_file_is_smaller(self):
        for method in METHODS:
            with h5py.File(self.at(method, "c.h5")) as file:
                self.assertEqual(file.attrs["compression"], method)
                for name, dataset in file["object"].items():
                    self.assertEqual(dataset.chunks, (65_536,), name)
                    filters = dataset.id.get_create_plist()
                    self.assertEqual([filters.get_filter(i)[0] for i in range(filters.get_nfilters())],
                                     [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE if method == "shuffle-deflate" else 32015])
                self.assertIsNone(file["index/order5/first_row"].chunks)
            self.assertLess(os.path.getsize(self.at(method, "c.h5")), 0.8 * os.path.getsize(self.at("none", "c.h5")))

    def test_the_reader_for_astropy_reads_what_its_h5py_can(self):
        table, deflated = (skyfold.read_catalogue(self.at(method, "c.h5")) for method in ("none", "shuffle-deflate"))
        self.assertTrue(all(table[name].tobytes() == deflated[name].tobytes() for name in table.colnames))
        if not h5py.h5z.filter_avail(32015):
            with self.assertRaisesRegex(ValueError, "c.h5: .* is compressed by a filter that this h5py lacks"):
                skyfold.read_catalogue(self.at("zstd", "c.h5"))

    def test_a_chunk_that_unpacks_short_is_no_input(self):
        """As a table to import, which the HDF5 library reads: it takes what lies behind such a chunk in memory for values."""
        library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
        library.ZSTD_compress.restype = ctypes.c_size_t
        for method in METHODS:
            bad = self.path(f"{method}.h5")
            shutil.copy(self.at(method, "c.h5"), bad)
            with h5py.File(bad, "r+") as file:
                values = np.zeros(4 * 65_536 - 4, "u1").tobytes()
                if method == "zstd":
                    stored = ctypes.create_string_buffer(len(values))
                    stored = stored.raw[:library.ZSTD_compress(stored, ctypes.c_size_t(len(values)), values, ctypes.c_size_t(len(values)), 3)]
                else:
                    stored = zlib.compress(values)
                self.assertEqual(file["object/mag_i"].dtype, np.float32)
                file["object/mag_i"].id.write_direct_chunk((0,), stored)
            result = self.run_skyfold("import", "--input", bad, "--output", self.path("x.h5"), *QUIET)
            self.assertEqual(result.code, 4, result)
            self.assertRegex(result.errors()[0], rf"{method}.h5: rows 1 to \d+ of .*mag_i cannot be read")

    def test_products_are_contiguous_unless_asked(self):
        self.skyfold("mock", "--objects", ROWS, "--seed", 4, "--spectroscopic", 0.02, "--output", self.path("c.h5"), *QUIET)
        self.assertEqual(support.read_bytes(self.path("c.h5")), support.read_bytes(self.at("none", "c.h5")))
        with h5py.File(self.path("c.h5")) as file:
            self.assertNotIn("compression", file.attrs)
            self.assertTrue(all(dataset.chunks is None for dataset in file["object"].values()))

    def test_bytes_are_the_same_from_any_number_of_ranks(self):
        for method in METHODS:
            for ranks in (1, 2, 3, 4) if method == "zstd" else (4,):
                folder = self.folder / f"{method}{ranks}"
                folder.mkdir()
                self.assertEqual(self.mock(folder, method, ranks=ranks).code, 0)
                for name in ("c.h5", "c.spec.h5"):
                    self.assertEqual(support.read_bytes(folder / name), support.read_bytes(self.at(method, name)), f"{method}, {ranks} ranks, {name}")

    def test_every_command_reads_them(self):
        """What is computed from a compressed input is what is computed from the contiguous one."""
        def results(method):
            folder, out = self.folder / method, {}
            folder.mkdir()
            catalogue, sample = self.at(method, "c.h5"), self.at(method, "c.spec.h5")
            for name, *words in [
                    ("info", "info", "--catalogue", catalogue, "--json"),
                    ("plan", "plan", "--catalogue", catalogue, "--ranks", 3, "--json")]:
                out[name] = self.skyfold(*words).out.replace(f"/{method}/", "/")
            rows, bands = lambda stem: str(folder / f"{stem}.h5"), ("--bands", "g,r,i")
            for stem, *words in [
                    ("import", "import", "--input", catalogue), ("tiles", "import", "--input", catalogue, "--ordering", "tile"),
                    ("photoz", "photoz", "--catalogue", catalogue, "--model", self.base / "m.h5", "--partition.by", "attribute", "--partition.column", "mag_i"),
                    ("match", "match", "--spec", self.base / "spec.h5", "--catalogue", catalogue),
                    ("locus", "locus", "--targets", sample, "--targets.where", "mag_i < 18", "--catalogue", catalogue, *bands),
                    ("validate", "validate", "--sample", sample, "--models", self.base / "m.h5", "--bootstrap.realisations", 5),
                    ("train", "train", "--calibrate", "none", "--sample", sample, "--dnf.neighbours", 20)]:
                result = self.run_skyfold(*words, "--output", rows(stem), *QUIET)
                self.assertEqual(result.code, 0, str(result))
                with h5py.File(rows(stem)) as file:
                    file.visititems(lambda name, item: out.update({f"{stem}/{name}": item[...].tobytes()}) if isinstance(item, h5py.Dataset) else None)
            return out
        expected = results("none")
        for method in METHODS:
            self.assertEqual({name for name, value in results(method).items() if value != expected.get(name)}, set(), method)

    def test_a_compressed_product_with_pdfs_has_the_same_siblings_and_content(self):
        for method in ("none", *METHODS):
            result = self.photoz(method, f"{method}.h5", "--fits", self.path(f"{method}.fits"), catalogue=method)
            self.assertEqual(result.code, 0, str(result))
            fresh = {name: value for name, value in contents(self.path(f"{method}.h5")).items() if not name.startswith("@")}
            pdf = contents(self.path(f"{method}.pdf.hdf5"))
            self.assertEqual(sorted(os.listdir(self.path(f"{method}.h5.run"))), ["config.ini", "files", "journal", "skyfold-run", "state.json", "trace.json"])
            if method == "none":
                expected, expected_pdf, table = fresh, pdf, support.read_bytes(self.path("none.fits"))
                continue
            self.assertEqual(fresh, expected)
            self.assertEqual(pdf, expected_pdf)
            self.assertEqual(support.read_bytes(self.path(f"{method}.fits")), table)
            with h5py.File(self.path(f"{method}.pdf.hdf5")) as file:
                self.assertEqual(65_536 % file["data/yvals"].chunks[0], 0)
                self.assertIsNone(file["meta/xvals"].chunks)

    def test_a_death_at_any_moment_of_the_packing_is_survived(self):
        self.assertEqual(self.photoz("zstd", "whole.h5").code, 0)
        expected = [support.read_bytes(self.path(name)) for name in ("whole.h5", "whole.pdf.hdf5")]
        for point in ("packing", "packed", "publishing", "packed one", "renamed one", "published"):
            with self.subTest(point):
                name = f"{point.replace(' ', '_')}.h5"
                with unittest.mock.patch.dict(os.environ, SKYFOLD_DIE_AT=point):
                    self.assertEqual(self.photoz("zstd", name).code, -signal.SIGKILL)
                result = self.photoz("zstd", name, ranks=2)
                self.assertEqual(result.code, 0, str(result))
                self.assertEqual([support.read_bytes(self.path(at)) for at in (name, name[:-3] + ".pdf.hdf5")], expected)
                self.assertFalse(os.path.exists(self.path(f"{name}.run/products")))

    def test_another_compression_of_a_finished_product_is_made_of_its_rows(self):
        for method in ("zstd", "none", "shuffle-deflate"):
            result = self.photoz(method, "z.h5")
            self.assertEqual(result.code, 0, str(result))
            self.assertEqual(self.photoz(method, f"{method}.h5").code, 0)
            for ending in (".h5", ".pdf.hdf5"):
                self.assertEqual(support.read_bytes(self.path(f"z{ending}")), support.read_bytes(self.path(f"{method}{ending}")), method)
            self.assertIn("nothing to do", self.photoz(method, "z.h5").err)

    def test_damage_is_found_in_every_chunk(self):
        for method in METHODS:
            for column in ("mag_g", "id"):
                with h5py.File(self.at(method, "c.h5")) as file:
                    chunk = file[f"object/{column}"].id.get_chunk_info(1)
                content = bytearray(support.read_bytes(self.at(method, "c.h5")))
                content[chunk.byte_offset + chunk.size // 2] ^= 0x10
                pathlib.Path(self.path("damaged.h5")).write_bytes(content)
                result = self.run_skyfold("photoz", "--catalogue", self.path("damaged.h5"), "--model", self.base / "m.h5", "--output", self.path("z.h5"), *QUIET)
                self.assertEqual(len(result.errors()), 1, str(result))
                self.assertEqual(result.code, 3, str(result))
                self.assertRegex(result.err, rf"damaged.h5, column {column}, rows 65537 to 70000: damaged")
                self.assertFalse(os.path.exists(self.path("z.h5")))
            pathlib.Path(self.path("cut.h5")).write_bytes(content[:len(content) // 2])
            result = self.run_skyfold("info", "--catalogue", self.path("cut.h5"))
            self.assertEqual((result.code, len(result.errors())), (4, 1), str(result))

    def test_columns_in_chunks_of_other_programs_are_for_import(self):
        with h5py.File(self.path("other.h5"), "w") as file, h5py.File(self.at("none", "c.h5")) as ours:
            for name, value in ours.attrs.items():
                file.attrs[name] = value
            for name in ours["object"]:
                file.create_dataset(f"object/{name}", data=ours[f"object/{name}"][...], chunks=(1000,), compression="lzf")
        result = self.run_skyfold("photoz", "--catalogue", self.path("other.h5"), "--model", self.base / "m.h5", "--output", self.path("z.h5"), *QUIET)
        self.assertEqual(result.code, 3, str(result))
        self.assertRegex(result.errors()[0], r"run import on this file first")


if __name__ == "__main__":
    support.main()
