"""Catalogues and products as Parquet files and HATS catalogues; hyparquet reads them, and counts are taken by hand."""
import filecmp
import json
import math
import os
import pathlib
import sys

import h5py
import healpy
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import support

ROWS = 3000


def leaves_of(keys, most):
    """(order, pixel) of the largest pixels with at most `most` of the keys, in the order of the sky."""
    found = []

    def add(order, pixel, inside):
        if len(inside) > most:
            for child in range(4 * pixel, 4 * pixel + 4):
                add(order + 1, child, inside[inside >> (2 * (29 - order - 1)) == child])
        elif len(inside):
            found.append((order, pixel))

    for base in range(12):
        add(0, base, keys[keys >> 58 == base])
    return found


class Export(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        parquet_tools.require(support.binary())
        random = np.random.default_rng(3)
        mag = random.normal(22, 2, ROWS).astype("f4")
        mag[::7] = np.nan
        counts = random.integers(0, 100, ROWS).astype("i4")
        counts[::9] = -1
        cls.columns = {"id": np.arange(ROWS) * 10**14, "ra": random.normal(45, 8, ROWS) % 360, "dec": random.normal(20, 8, ROWS), "mag": mag, "counts": counts,
                       "shape": random.normal(size=(ROWS, 3)).astype("f4"), "name": np.array([f"s{i}".encode() for i in range(ROWS)])}
        cls.catalogue = str(cls.base / "cat.h5")
        source = support.make_fits(cls.base / "t.fits", cls.columns, units={"ra": "deg", "mag": "mag"}, nulls={"counts": -1})
        cls.skyfold("import", "--input", source, "--output", cls.catalogue)
        cls.rows = support.read_group(cls.catalogue)

    def export(self, output, *options, ranks=0):
        return self.skyfold("export", self.catalogue, "--output", self.path(output), *options, ranks=ranks)

    def refused(self, code, words, *command):
        result = self.run_skyfold("export", *command)
        self.assertEqual(result.code, code, str(result))
        self.assertIn(words, " ".join(result.errors()), str(result))

    def assert_rows(self, files):
        """The files have the catalogue's rows, one behind the other."""
        columns = [parquet_tools.hyparquet(support.binary(), str(file))["columns"] for file in files]
        self.assertEqual(set(columns[0]), set(self.rows))
        for name, ours in self.rows.items():
            theirs = sum((file[name] for file in columns), [])
            if name == "mag":
                self.assertEqual([value is None for value in theirs], list(np.isnan(ours)))
                theirs = np.array([math.nan if value is None else value for value in theirs], "f4")
            if name == "counts":
                self.assertEqual([value is None for value in theirs], list(ours == -1))
                theirs = [-1 if value is None else value for value in theirs]
            if ours.dtype.kind == "S":
                ours = [text.decode() for text in ours]
            np.testing.assert_array_equal(np.array(theirs, ours.dtype if name == "shape" else None), ours, name)

    def assert_same_trees(self, first, second):
        names = sorted(str(path.relative_to(self.path(first))) for path in pathlib.Path(self.path(first)).rglob("*") if path.is_file())
        self.assertEqual(names, sorted(str(path.relative_to(self.path(second))) for path in pathlib.Path(self.path(second)).rglob("*") if path.is_file()))
        same, different, errors = filecmp.cmpfiles(self.path(first), self.path(second), names, shallow=False)
        self.assertEqual((len(same), different, errors), (len(names), [], []))

    def test_a_hats_catalogue(self):
        self.export("one", "--format", "hats", "--max-rows", "200", "--hats.name", "sky", "--hats.date", "2026-11-27")
        folder, keys = pathlib.Path(self.path("one")), self.rows["_healpix_29"]
        leaves = leaves_of(keys, 200)
        self.assertGreater(len({order for order, _ in leaves}), 1)
        self.assertEqual((folder / "partition_info.csv").read_text(), "Norder,Npix\n" + "".join(f"{order},{pixel}\n" for order, pixel in leaves))
        files = [folder / f"dataset/Norder={order}/Dir={pixel // 10000 * 10000}/Npix={pixel}.parquet" for order, pixel in leaves]
        self.assertEqual({path for path in folder.rglob("*.parquet")}, set(files))
        self.assert_rows(files)
        properties = dict(line.split("=", 1) for line in (folder / "hats.properties").read_text().splitlines() if not line.startswith("#"))
        self.assertEqual(properties["hats_nrows"], str(ROWS))
        self.assertEqual(properties["obs_collection"], "sky")
        self.assertEqual((properties["hats_col_ra"], properties["hats_col_dec"], properties["hats_version"]), ("ra", "dec", "v1.0"))
        self.assertEqual(properties["hats_order"], str(max(order for order, _ in leaves)))
        self.assertAlmostEqual(float(properties["moc_sky_fraction"]), sum(1 / (12 * 4**order) for order, _ in leaves), places=5)
        order = int(properties["hats_skymap_order"])
        counts = healpy.read_map(folder / "skymap.fits", nest=None)
        self.assertEqual(fits.getheader(folder / "skymap.fits", 1)["ORDERING"], "NESTED")
        np.testing.assert_array_equal(counts, np.bincount(keys >> (2 * (29 - order)), minlength=12 * 4**order))
        common = parquet_tools.hyparquet(support.binary(), str(folder / "dataset/_common_metadata"))
        self.assertEqual((set(common["columns"]), common["row_groups"]), (set(self.rows), []))
        self.assertIn('<FIELD name="mag" datatype="float" unit="mag"', common["metadata"]["IVOA.VOTable-Parquet.content"])
        index = parquet_tools.hyparquet(support.binary(), str(folder / "dataset/_metadata"))
        self.assertEqual((index["rows"], set(index["columns"])), (ROWS, set(self.rows)))
        self.assertEqual([(set(paths), rows) for paths, rows, _ in index["row_groups"]],
                         [({str(path.relative_to(folder / "dataset"))}, len(parquet_tools.hyparquet(support.binary(), str(path))["columns"]["id"])) for path in files])
        self.assertEqual({values[0] for _, _, values in index["row_groups"]} , {rows for _, rows, _ in index["row_groups"]})
        # The same bytes on three ranks; and the catalogue comes back from it, units included.
        self.export("three", "--format", "hats", "--max-rows", "200", "--hats.name", "sky", "--hats.date", "2026-11-27", ranks=3)
        self.assert_same_trees("one", "three")
        self.skyfold("import", "--input", self.path("one"), "--output", self.path("back.h5"))
        back = support.read_group(self.path("back.h5"))
        for name in set(self.rows) - {"shape", "counts"}:
            np.testing.assert_array_equal(back[name], self.rows[name], name)
        np.testing.assert_array_equal(np.where(back["counts"] == -2**31, -1, back["counts"]), self.rows["counts"])
        with h5py.File(self.path("back.h5")) as file:
            self.assertEqual(file["object/mag"].attrs["unit"], "mag")

    def test_a_collection(self):
        self.export("c", "--format", "hats", "--hats.name", "sky", "--hats.collection", "true")
        self.assertEqual(sorted(os.listdir(self.path("c"))), ["collection.properties", "sky"])
        self.assertIn("hats_primary_table_url=sky\n", pathlib.Path(self.path("c/collection.properties")).read_text())
        self.skyfold("import", "--input", self.path("c"), "--output", self.path("back.h5"))
        np.testing.assert_array_equal(support.read_group(self.path("back.h5"))["id"], self.rows["id"])
        result = self.run_skyfold("export", self.catalogue, "--format", "hats", "--hats.name", "../x", "--output", self.path("d"))
        self.assertEqual((result.code, "is no name of a folder" in result.err), (2, True), str(result))

    def test_parquet_as_one_file_and_as_a_folder(self):
        self.export("z.parquet", "--format", "parquet")
        self.assert_rows([self.path("z.parquet")])
        self.export("z", "--format", "parquet", "--max-rows", "1000", ranks=2)
        self.assert_rows(sorted(pathlib.Path(self.path("z")).glob("part-*.parquet")))
        self.assertEqual(sorted(os.listdir(self.path("z"))), ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"])
        self.assertIn("is complete: nothing to do", self.export("z", "--format", "parquet", "--max-rows", "1000").err)

    def test_the_leaves_of_a_published_catalogue(self):
        self.skyfold("import", "--input", support.shared("catalogue/hats/small_sky"), "--output", self.path("s.h5"))
        self.skyfold("export", self.path("s.h5"), "--format", "hats", "--max-rows", "23", "--output", self.path("h"))
        published = pathlib.Path(support.shared("catalogue/hats/small_sky_nested"))
        self.assertEqual(pathlib.Path(self.path("h/partition_info.csv")).read_text(), (published / "partition_info.csv").read_text())

    def test_it_goes_on_after_a_death(self):
        options = ["--format", "hats", "--max-rows", "200", "--hats.name", "sky"]
        self.export("whole", *options)
        command = ["export", self.catalogue, "--output", self.path("killed"), *options]
        result = self.run_skyfold(*command, "--farm.fault", "kill@7")
        self.assertNotEqual(result.code, 0, str(result))
        self.assertFalse(os.path.exists(self.path("killed")))
        state = json.loads(pathlib.Path(self.path("killed.run/state.json")).read_text())
        self.assertEqual(state["phase"], "running")
        # A file that a death cut short, and one that has changed since, are written again.
        done = sorted(pathlib.Path(self.path("killed.run/products/killed")).rglob("*.parquet"))
        self.assertTrue(done)
        done[0].write_bytes(done[0].read_bytes()[:-100])
        self.skyfold(*command, ranks=3)
        self.assert_same_trees("whole", "killed")
        self.assertEqual([name for name in os.listdir(self.path("killed.run")) if name == "products"], [])

    def test_a_death_while_it_gets_its_name(self):
        options = ["--format", "hats", "--max-rows", "1000", "--hats.name", "sky"]
        self.export("whole", *options)
        for point, is_there in [("publishing", False), ("renamed one", True), ("published", True)]:
            output = self.path(point.replace(" ", "_"))
            command = ["export", self.catalogue, "--output", output, *options]
            os.environ["SKYFOLD_DIE_AT"] = point
            try:
                self.assertNotEqual(self.run_skyfold(*command).code, 0)
            finally:
                del os.environ["SKYFOLD_DIE_AT"]
            self.assertEqual(os.path.exists(output), is_there)
            self.skyfold(*command)
            self.assert_same_trees("whole", point.replace(" ", "_"))

    def test_refusals(self):
        os.makedirs(self.path("there"))
        self.refused(4, "there: is a folder", self.catalogue, "--format", "hats", "--output", self.path("there"))
        self.refused(4, "no such folder", self.catalogue, "--format", "hats", "--output", self.path("nowhere/h"))
        self.refused(2, "rows are more than one file takes, 100", self.catalogue, "--format", "parquet", "--max-rows", "100", "--output", self.path("z.parquet"))
        self.refused(2, "format", self.catalogue, "--format", "ascii", "--output", self.path("z"))
        unordered, latin = self.path("unordered.h5"), self.path("latin.h5")
        self.skyfold("import", "--input", self.base / "t.fits", "--output", unordered, "--ordering", "none")
        self.refused(3, "is ordered by none, but a HATS catalogue by HEALPix", unordered, "--format", "hats", "--output", self.path("h"))
        pathlib.Path(self.path("l.csv")).write_bytes(b"id,ra,dec,name\n1,10,20,ok\n2,10.0001,20,caf\xe9\n")
        self.skyfold("import", "--input", self.path("l.csv"), "--output", latin)
        self.refused(3, "latin.h5, row 1, column name: 'caf\\xe9' is no UTF-8", latin, "--format", "hats", "--output", self.path("h"))
        self.refused(3, "", self.path("l.csv"), "--format", "hats", "--output", self.path("h"))
        self.export("kept", "--format", "hats")
        self.refused(2, "kept: is there, and folders are not replaced", self.catalogue, "--format", "hats", "--output", self.path("kept"), "--fresh")
        self.assertFalse(os.path.exists(self.path("h")))


if __name__ == "__main__":
    support.main()
