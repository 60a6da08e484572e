"""Catalogues and products as Parquet files and HATS catalogues; hyparquet reads them, and counts are taken by hand."""
import csv
import filecmp
import io
import json
import math
import os
import pathlib
import sys

import h5py
import healpy
import numpy as np
import scipy.spatial
from astropy.io import fits
from astropy.io.votable import parse_single_table, validate
from astropy.table import Table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import support
from support import make_fits

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


def validated(path):
    """Warnings and errors of astropy's validator, by line."""
    report = io.StringIO()
    validate(path, output=report, xmllint=False)
    return [line for line in report.getvalue().splitlines() if line[:1].isdigit() and ": " in line]


class Exports(support.SkyfoldTest):
    """A catalogue with what formats differ in."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
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

    def of(self, columns):
        """The catalogue's rows for which mag < 22 holds, as --where chooses them."""
        chosen = columns["mag"] < 22
        return {name: values[chosen] for name, values in columns.items()}


class Parquet(Exports):
    @classmethod
    def setUpClass(cls):
        parquet_tools.require(support.binary())
        super().setUpClass()

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
        # DuckDB, which opens the folder as a whole, has the same values, nulls and metadata.
        duck = parquet_tools.Duck(support.binary())
        leaves_sql = f"read_parquet('{folder}/dataset/**/*.parquet', hive_partitioning = false)"
        theirs = duck(f"SELECT id, ra, dec, mag, counts, name FROM {leaves_sql} ORDER BY _healpix_29, id")
        order = np.lexsort((self.rows["id"], keys))
        self.assertEqual([[None if text is None else float(np.float32(text)) if k == 3 else float(text) for k, text in enumerate(row[:5])] for row in theirs],
                         [[float(self.rows["id"][k]), self.rows["ra"][k], self.rows["dec"][k], None if np.isnan(self.rows["mag"][k]) else float(self.rows["mag"][k]),
                           None if self.rows["counts"][k] == -1 else float(self.rows["counts"][k])] for k in order])
        self.assertEqual([row[5] for row in theirs], [self.rows["name"][k].decode() for k in order])
        content = duck(f"SELECT value::VARCHAR FROM parquet_kv_metadata('{files[0]}') WHERE key::VARCHAR = 'IVOA.VOTable-Parquet.content'")[0][0]
        self.assertIn('unit=\\x22mag\\x22', content.replace('"', "\\x22"))
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

    def check_margin(self, folder, rows, leaves, arcsec):
        """What is in a margin catalogue, by the distances of all rows from finely followed borders."""
        angles = np.radians(rows["ra"]), np.radians(rows["dec"])
        places = np.array([np.cos(angles[1]) * np.cos(angles[0]), np.cos(angles[1]) * np.sin(angles[0]), np.sin(angles[1])]).T
        listed = []
        for order, pixel in leaves:
            border = healpy.boundaries(2**order, pixel, step=4000 >> order, nest=True).T
            chords = scipy.spatial.cKDTree(border).query(places)[0]
            distance = np.degrees(2 * np.arcsin(chords / 2)) * 3600
            outside = rows["_healpix_29"] >> (2 * (29 - order)) != pixel
            file = folder / f"dataset/Norder={order}/Dir={pixel // 10000 * 10000}/Npix={pixel}.parquet"
            found = parquet_tools.hyparquet(support.binary(), str(file))["columns"]["id"] if file.exists() else []
            self.assertEqual(found, [id for id in rows["id"].tolist() if id in set(found)])   # in the catalogue's order, each once
            self.assertLessEqual(set(rows["id"][outside & (distance <= arcsec)].tolist()), set(found))
            self.assertLessEqual(set(found), set(rows["id"][outside & (distance <= 1.011 * arcsec)].tolist()))
            if found:
                listed.append((order, pixel))
        self.assertEqual((folder / "partition_info.csv").read_text(), "Norder,Npix\n" + "".join(f"{order},{pixel}\n" for order, pixel in listed))
        self.assertGreater(len(listed), len(leaves) // 2)

    def test_a_margin_catalogue(self):
        random = np.random.default_rng(11)
        count = 1500   # about a pole, the meridian and a corner of twelve base pixels
        ra, dec = random.uniform(0, 360, count), np.degrees(np.arcsin(random.uniform(0.9, 1, count)))
        ra[::3], dec[::3] = random.normal(0, 4, len(ra[::3])) % 360, random.normal(0, 4, len(ra[::3]))
        source = support.make_fits(self.path("t.fits"), {"id": np.arange(count), "ra": ra, "dec": dec})
        self.skyfold("import", "--input", source, "--output", self.path("cat.h5"))
        rows = support.read_group(self.path("cat.h5"))
        for name, ranks in (("one", 0), ("three", 3)):
            self.skyfold("export", self.path("cat.h5"), "--format", "hats", "--hats.name", "sky", "--max-rows", "200", "--hats.margin", "1200",
                         "--output", self.path(name), ranks=ranks)
        self.assert_same_trees("one", "three")
        folder = pathlib.Path(self.path("one"))
        self.assertEqual(sorted(os.listdir(folder)), ["collection.properties", "sky", "sky_1200arcs"])
        self.assertEqual((folder / "collection.properties").read_text().splitlines()[1:],
                         ["obs_collection=sky", "hats_primary_table_url=sky", "all_margins=sky_1200arcs", "default_margin=sky_1200arcs"])
        self.check_margin(folder / "sky_1200arcs", rows, leaves_of(rows["_healpix_29"], 200), 1200)
        properties = dict(line.split("=", 1) for line in (folder / "sky_1200arcs/hats.properties").read_text().splitlines() if not line.startswith("#"))
        self.assertEqual([properties[key] for key in ("dataproduct_type", "hats_primary_table_url", "hats_margin_threshold")], ["margin", "sky", "1200"])
        index = parquet_tools.hyparquet(support.binary(), str(folder / "sky_1200arcs/dataset/_metadata"))
        self.assertEqual(int(properties["hats_nrows"]), index["rows"])
        # It is a table that skyfold reads, and the collection is its catalogue, each row once.
        self.skyfold("import", "--input", folder, "--output", self.path("back.h5"))
        np.testing.assert_array_equal(support.read_group(self.path("back.h5"))["id"], rows["id"])
        result = self.skyfold("export", self.path("cat.h5"), "--format", "hats", "--hats.name", "sky", "--hats.margin", "0.001", "--output", self.path("none"))
        self.assertIn("no margin catalogue", result.err)
        self.assertEqual(sorted(os.listdir(self.path("none"))), ["collection.properties", "sky"])

    def test_hats_of_chosen_rows(self):
        self.export("h", "--format", "hats", "--max-rows", "200", "--where", "mag < 22")
        chosen = self.of(self.rows)
        leaves = leaves_of(chosen["_healpix_29"], 200)
        self.assertEqual(pathlib.Path(self.path("h/partition_info.csv")).read_text(), "Norder,Npix\n" + "".join(f"{order},{pixel}\n" for order, pixel in leaves))
        self.skyfold("import", "--input", self.path("h"), "--output", self.path("back.h5"))
        np.testing.assert_array_equal(support.read_group(self.path("back.h5"))["id"], chosen["id"])

    def test_refusals(self):
        os.makedirs(self.path("there"))
        self.refused(4, "there: is a folder", self.catalogue, "--format", "hats", "--output", self.path("there"))
        self.refused(4, "no such folder", self.catalogue, "--format", "hats", "--output", self.path("nowhere/h"))
        self.refused(2, "rows are more than one file takes, 100", self.catalogue, "--format", "parquet", "--max-rows", "100", "--output", self.path("z.parquet"))
        self.refused(2, "--max-rows has no part in this run", self.catalogue, "--format", "fits", "--max-rows", "100", "--output", self.path("z.fits"))
        self.refused(2, "--moc.order has no part in this run", self.catalogue, "--format", "csv", "--moc.order", "3", "--output", self.path("z.csv"))
        self.refused(3, "--where 'mag < -100' holds for none of 3,000 rows", self.catalogue, "--format", "csv", "--where", "mag < -100", "--output", self.path("z.csv"))
        self.refused(2, "no column 'magg', did you mean 'mag'?", self.catalogue, "--format", "csv", "--where", "magg < 3", "--output", self.path("z.csv"))
        self.refused(4, "no such folder", self.catalogue, "--format", "moc", "--output", self.path("nowhere/h.fits"))
        self.refused(2, "format", self.catalogue, "--format", "ascii", "--output", self.path("z"))
        unordered, latin = self.path("unordered.h5"), self.path("latin.h5")
        self.skyfold("import", "--input", self.base / "t.fits", "--output", unordered, "--ordering", "none")
        self.refused(3, "is ordered by none, but a HATS catalogue by HEALPix", unordered, "--format", "hats", "--output", self.path("h"))
        pathlib.Path(self.path("l.csv")).write_bytes(b"id,ra,dec,name\n1,10,20,ok\n2,10.0001,20,caf\xe9\n")
        self.skyfold("import", "--input", self.path("l.csv"), "--output", latin)
        self.refused(3, "latin.h5, row 1, column name: 'caf\\xe9' is no UTF-8 (a VOTable", latin, "--format", "votable", "--output", self.path("h.vot"))
        self.refused(3, "latin.h5, row 1, column name: 'caf\\xe9' is no UTF-8", latin, "--format", "hats", "--output", self.path("h"))
        self.refused(3, "", self.path("l.csv"), "--format", "hats", "--output", self.path("h"))
        self.export("kept", "--format", "hats")
        self.refused(2, "kept: is there, and folders are not replaced", self.catalogue, "--format", "hats", "--output", self.path("kept"), "--fresh")
        self.assertFalse(os.path.exists(self.path("h")))


class OneFile(Exports):
    def both_layouts(self, name, *options):
        """Exports on one rank and on three: the same bytes. Returns the path."""
        self.export(name, *options)
        self.export("ranks_" + name, *options, ranks=3)
        self.assertEqual(support.read_bytes(self.path(name)), support.read_bytes(self.path("ranks_" + name)))
        self.assertEqual([each for each in os.listdir(self.folder) if each.endswith(".run") and os.path.exists(self.path(each + "/products/parts.scratch"))], [])
        return self.path(name)

    def assert_table(self, table, rows, arrays=True):
        """An astropy Table has these rows: values, masks, and the units and descriptions of the catalogue."""
        for name, ours in rows.items():
            if name == "shape" and not arrays:
                for k in range(3):
                    np.testing.assert_array_equal(table[f"shape_{k}"], ours[:, k])
                continue
            theirs = table[name]
            missing = np.isnan(ours) if name == "mag" else ours == -1 if name == "counts" else np.zeros(len(ours), bool)
            values = np.ma.getdata(theirs)
            if ours.dtype.kind == "S":
                self.assertEqual([text.decode() if isinstance(text, bytes) else str(text) for text in values], [text.decode() for text in ours])
                continue
            where = np.ma.getmaskarray(theirs) if name == "counts" else np.ma.getmaskarray(theirs) | np.isnan(values) if name == "mag" else missing
            np.testing.assert_array_equal(where, missing, name)
            np.testing.assert_array_equal(values[~missing].astype(ours.dtype), ours[~missing], name)
            if name in ("mag", "ra"):
                self.assertEqual(str(theirs.unit), {"mag": "mag", "ra": "deg"}[name])

    def test_fits(self):
        path = self.both_layouts("z.fits", "--format", "fits")
        self.assert_table(Table.read(path), self.rows)
        with fits.open(path, checksum=True) as file:
            self.assertEqual((file[1].header["NAXIS2"], file[1].verify_datasum(), file[1].verify_checksum()), (ROWS, 1, 1))
            self.assertEqual(file[1].header["TNULL" + str(file[1].columns.names.index("counts") + 1)], -1)
        self.assert_table(Table.read(self.both_layouts("c.fits", "--format", "fits", "--where", "mag < 22")), self.of(self.rows))

    def test_whole_columns_in_one_row_of_fits(self):
        path = self.both_layouts("z.colfits", "--format", "colfits", "--where", "mag < 22")
        rows = self.of(self.rows)
        with fits.open(path) as file:
            hdu, count = file[1], len(rows["id"])
            self.assertEqual((hdu.header["NAXIS2"], hdu.verify_datasum(), hdu.verify_checksum()), (1, 1, 1))
            for name, ours in rows.items():
                number = hdu.columns.names.index(name) + 1
                width = ours.dtype.itemsize if ours.dtype.kind == "S" else ours[0].size
                self.assertEqual(hdu.header[f"TDIM{number}"], f"({width},{count})" if name in ("shape", "name") else f"({count})")
                self.assertEqual(hdu.header[f"TFORM{number}"][:-1], str(width * count))
                theirs = np.array(hdu.data[name][0])
                np.testing.assert_array_equal([text.decode() for text in ours] if name == "name" else ours, theirs.reshape(-1) if name == "name" else theirs, name)

    def test_csv(self):
        path = self.both_layouts("z.csv", "--format", "csv")
        self.assert_rows_of_text(path, self.rows)
        self.assert_rows_of_text(self.both_layouts("c.csv", "--format", "csv", "--where", "mag < 22"), self.of(self.rows))
        table = Table.read(self.both_layouts("z.ecsv", "--format", "csv"), format="ascii.ecsv")
        self.assertEqual((table["mag"].dtype, table["counts"].dtype), (np.dtype("f4"), np.dtype("i4")))
        self.assert_table(table, self.rows, arrays=False)
        self.skyfold("import", "--input", self.path("z.ecsv"), "--output", self.path("back.h5"))
        with h5py.File(self.path("back.h5")) as back, h5py.File(self.catalogue) as first:
            np.testing.assert_array_equal(back["object/ra"][:], first["object/ra"][:])
            for attribute in ("unit", "ucd"):
                self.assertEqual(back["object/ra"].attrs.get(attribute), first["object/ra"].attrs.get(attribute), attribute)

    def assert_rows_of_text(self, path, rows):
        with open(path, newline="") as file:
            lines = list(csv.reader(file))
        names = [name for name in rows if name != "shape"] + [f"shape_{k}" for k in range(3)]
        self.assertEqual(set(lines[0]), set(names))
        self.assertEqual(len(lines), 1 + len(rows["id"]))
        for name, ours in [*rows.items(), *((f"shape_{k}", rows["shape"][:, k]) for k in range(3))]:
            if name == "shape":
                continue
            cells = [line[lines[0].index(name)] for line in lines[1:]]
            # The shortest text of each number, by numpy; nothing for what is missing.
            self.assertEqual(cells, [value.decode() if ours.dtype.kind == "S" else "" if value != value or (name == "counts" and value == -1) else
                                     self.short(value) for value in ours], name)

    @staticmethod
    def short(value):
        if value.dtype.kind == "i":
            return str(value)
        return min(np.format_float_positional(value, trim="-"), np.format_float_scientific(value, trim="-", exp_digits=2), key=len)

    def test_votable(self):
        path = self.both_layouts("z.vot", "--format", "votable")
        self.assert_table(parse_single_table(path).to_table(), self.rows)
        self.assertEqual([problem for problem in validated(path) if "W" in problem or "E" in problem], [])
        self.assert_table(parse_single_table(self.both_layouts("c.vot", "--format", "votable", "--where", "mag < 22")).to_table(), self.of(self.rows))
        self.skyfold("import", "--input", path, "--output", self.path("back.h5"))
        back = support.read_group(self.path("back.h5"))
        for name, ours in self.rows.items():
            np.testing.assert_array_equal(back[name], ours, name)

    def test_texts_and_extremes_survive_in_text(self):
        values = np.array([1e-310, -1.7976931348623157e308, 0.1, np.inf, -np.inf, np.nan, -0.0, 5e-324])
        names = np.array(["a<b>&\"c\"", "été, ß", "two\nlines", "", "'x'", "tab\tx", "]]>", "plain"], dtype=object)
        with h5py.File(self.path("t.h5"), "w") as file:
            for name, column in {"id": np.arange(8) - 4, "ra": np.arange(8) * 0.001, "dec": np.arange(8.0), "x": values, "big": np.arange(8) + 2**62}.items():
                file[f"data/{name}"] = column
            file["data/name"] = np.array([name.encode() for name in names])
        self.skyfold("import", "--input", self.path("t.h5"), "--ordering", "none", "--output", self.path("t.cat.h5"))
        for form, read in {"csv": lambda path: Table.read(path, format="ascii.ecsv"), "votable": lambda path: parse_single_table(path).to_table()}.items():
            path = self.path("t.ecsv" if form == "csv" else "t.vot")
            self.skyfold("export", self.path("t.cat.h5"), "--format", form, "--output", path)
            table = read(path)
            np.testing.assert_array_equal(np.ma.filled(table["x"].astype("f8"), np.nan), values)
            self.assertEqual(list(np.signbit(np.ma.getdata(table["x"])))[6], True)
            np.testing.assert_array_equal(table["big"], np.arange(8) + 2**62)
            self.assertEqual(["" if text is np.ma.masked else str(text) for text in table["name"]], list(names), form)

    def test_moc(self):
        for order, options in {10: [], 5: ["--moc.order", "5"], 29: ["--moc.order", "29"]}.items():
            path = self.both_layouts(f"moc{order}.fits", "--format", "moc", *options)
            with fits.open(path) as file:
                header, cells = file[1].header, file[1].data["UNIQ"].astype("i8")
            self.assertEqual((header["ORDERING"], header["MOCORDER"], header["MOCORD_S"], header["MOCDIM"], header["COORDSYS"]), ("NUNIQ", order, order, "SPACE", "C"))
            self.assertTrue(np.all(np.diff(cells) > 0))
            covered = []
            for cell in cells.tolist():
                at = (cell.bit_length() - 1) // 2 - 1
                pixel, up = cell - 4 ** (at + 1), order - at
                covered.extend(range(pixel << 2 * up, (pixel + 1) << 2 * up))
                self.assertFalse(at > 0 and all(4 ** (at + 1) + sibling in set(cells.tolist()) for sibling in range(pixel // 4 * 4, pixel // 4 * 4 + 4)) and len(cells) < 500)
            theta, phi = np.radians(90 - self.rows["dec"]), np.radians(self.rows["ra"])
            self.assertEqual(sorted(covered), sorted(set(healpy.ang2pix(2**order, theta, phi, nest=True).tolist())))
        path = self.both_layouts("part.fits", "--format", "moc", "--where", "mag < 22", "--moc.order", "6")
        with fits.open(path) as file:
            self.assertGreater(len(file[1].data), 0)

    def test_one_file_goes_on_after_a_death(self):
        random = np.random.default_rng(8)
        count = 600_000   # of three parts
        source = support.make_fits(self.path("t.fits"), {"id": np.arange(count), "ra": random.uniform(0, 360, count), "dec": random.uniform(-30, 30, count)})
        self.skyfold("import", "--input", source, "--output", self.path("cat.h5"))
        for form in ("fits", "csv"):
            command = lambda name: ["export", self.path("cat.h5"), "--format", form, "--output", self.path(f"{name}.{form}")]
            self.skyfold(*command("whole"))
            self.assertNotEqual(self.run_skyfold(*command("killed"), "--farm.fault", "kill@2").code, 0)
            self.assertFalse(os.path.exists(self.path("killed." + form)))
            self.skyfold(*command("killed"), ranks=2)
            self.assertEqual(support.read_bytes(self.path("whole." + form)), support.read_bytes(self.path("killed." + form)))


class Original(support.SkyfoldTest):
    """--order original: the table of the input again, byte for byte."""

    def make(self, path, n, seed, pad):
        rng = np.random.default_rng(seed)
        types = [("id", ">i8"), ("ra", ">f8"), ("dec", ">f8"), ("tile", "S6"), ("flags", ">i2"), ("mag", ">f4", 3), ("ok", "u1"), ("count", ">u2"),
                 ("bits", "u1", 2), ("small", "u1"), ("n", ">i4"), ("packed", ">i2"), ("ra_f", ">f4")]
        rows = np.zeros(n, types)
        rows["id"] = rng.permutation(n) + seed * 1000
        rows["ra"], rows["dec"] = rng.uniform(0, 360, n), rng.uniform(-60, 60, n)
        rows["tile"] = [f"T{i}".ljust(6, pad) for i in rng.integers(0, 1000, n)]
        rows["flags"], rows["n"] = rng.integers(-32768, 32767, n), rng.integers(-5, 5, n)
        rows["mag"] = rng.normal(size=(n, 3))
        rows["mag"].view(">u4")[3] = 0x7FC12345  # a NaN with a payload
        rows["ok"] = rng.choice(np.frombuffer(b"TF\0", "u1"), n)
        rows["count"].view(">i2")[:] = rng.integers(-32768, 32767, n)
        rows["bits"][:, 0], rows["bits"][:, 1] = rng.integers(0, 256, n), rng.integers(0, 8, n) << 5
        rows["small"], rows["packed"] = rng.integers(0, 256, n), rng.integers(-1000, 1000, n)
        header = {"TTYPE": [t[0] for t in types], "TFORM": ["K", "D", "D", "6A", "I", "3E", "L", "I", "11X", "B", "J", "I", "E"],
                  "TUNIT": ["", "deg", "deg", "", "", "mag", "", "ct", "", "", "", "Jy", "uJy"]}
        hdu = fits.BinTableHDU.from_columns(fits.ColDefs([fits.Column(name="x", format="J", array=np.zeros(1, "i4"))]))
        cards = hdu.header.copy()
        for key in ("TTYPE1", "TFORM1"):
            del cards[key]
        cards["NAXIS1"], cards["NAXIS2"], cards["TFIELDS"] = rows.dtype.itemsize, n, len(types)
        for key, values in header.items():
            for i, value in enumerate(values):
                if value:
                    cards[f"{key}{i + 1}"] = value
        cards["TNULL11"], cards["TNULL5"], cards["TZERO8"], cards["TSCAL12"], cards["TZERO12"] = -5, -32768, 32768, 0.25, 10.0
        cards["TDISP6"], cards["EXTNAME"] = "F8.4", "SOURCES"
        data = rows.tobytes()
        with open(path, "wb") as file:
            file.write(fits.PrimaryHDU().header.tostring().encode() + cards.tostring().encode() + data + b"\0" * (-len(data) % 2880))
        return str(path), data, cards

    def table_of(self, path):
        with fits.open(path) as hdus:
            info, header = hdus[1].fileinfo(), hdus[1].header
        size = header["NAXIS1"] * header["NAXIS2"]
        return support.read_bytes(path)[info["datLoc"]:info["datLoc"] + size], header

    def assert_same_header(self, ours, theirs):
        for key, value in theirs.items():
            if key[:5] in ("TTYPE", "TFORM", "TUNIT", "TNULL", "TZERO", "TSCAL", "TDISP", "NAXIS", "EXTNA", "TFIEL"):
                self.assertEqual(ours[key], value, key)

    def test_rows_and_bytes_of_the_inputs_come_back(self):
        for pad, ranks in (("\0", 1), (" ", 3)):
            first, a, cards = self.make(self.path("a.fits"), 700, 1, pad)
            second, b, _ = self.make(self.path("b.fits"), 300, 2, pad)
            catalogue, output = self.path(f"o{ranks}.h5"), self.path(f"o{ranks}.fits")
            self.skyfold("import", "--input", f"{first},{second}", "--keep-order", "--output", catalogue, ranks=ranks)
            result = self.skyfold("export", catalogue, "--format", "fits", "--order", "original", "--output", output, ranks=ranks)
            data, header = self.table_of(output)
            self.assertNotIn("has not the form", result.out + result.err)
            self.assertEqual(data, a + b)
            cards["NAXIS2"] = 1000
            self.assert_same_header(header, cards)
            with fits.open(output) as hdus:
                hdus[1].verify("exception")
            some = self.path("some.fits")
            self.skyfold("export", catalogue, "--format", "fits", "--order", "original", "--where", "n > 0", "--output", some)
            width = len(a) // 700
            rows = [a[i:i + width] for i in range(0, len(a), width)] + [b[i:i + width] for i in range(0, len(b), width)]
            place = 8 + 8 + 8 + 6 + 2 + 12 + 1 + 2 + 2 + 1
            self.assertEqual(self.table_of(some)[0], b"".join(r for r in rows if int.from_bytes(r[place:place + 4], "big", signed=True) > 0))

    def test_measurements_come_back_with_those_without_an_object(self):
        rng = np.random.default_rng(5)
        objects = make_fits(self.path("objects.fits"), {"id": rng.permutation(50), "ra": rng.uniform(0, 9, 50), "dec": rng.uniform(0, 9, 50)})
        self.skyfold("import", "--input", objects, "--keep-order", "--output", self.path("o.h5"))
        table = {"object": rng.integers(0, 60, 900), "filter": rng.choice(np.array(["g", "rr"], "S2"), 900), "mjd": rng.uniform(5e4, 6e4, 900),
                 "mag": rng.normal(size=900).astype("f4"), "exposure": rng.integers(0, 30000, 900).astype("i2")}
        measurements = make_fits(self.path("m.fits"), table, nulls={"exposure": 7})
        self.skyfold("import", "--measurements", measurements, "--objects", self.path("o.h5"), "--join", "id:object", "--keep-order", "--output",
                     self.path("c.h5"), ranks=2)
        for words, original in ((("--table", "meas"), measurements), ((), objects)):
            output = self.path("back.fits")
            self.skyfold("export", self.path("c.h5"), "--format", "fits", "--order", "original", *words, "--output", output, "--fresh", ranks=2)
            data, header = self.table_of(output)
            expected, cards = self.table_of(original)
            self.assertEqual(data, expected)
            self.assert_same_header(header, cards)

    def test_texts_come_back_in_their_order_and_what_cannot_be_is_one_line(self):
        table = support.make_csv(self.path("t.csv"), {"zeta": np.arange(30), "ra": np.linspace(350, 1, 30), "dec": np.linspace(-1, 1, 30)})
        self.skyfold("import", "--input", table, "--keep-order", "--output", self.path("t.h5"))
        self.skyfold("export", self.path("t.h5"), "--format", "fits", "--order", "original", "--output", self.path("t.fits"))
        rows = fits.getdata(self.path("t.fits"), 1)
        self.assertEqual(rows.names, ["zeta", "ra", "dec"])
        np.testing.assert_array_equal(rows["zeta"], np.arange(30))
        self.skyfold("import", "--input", table, "--output", self.path("u.h5"))
        for code, message, *words in ((3, "does not know where its rows were.*--keep-order", self.path("u.h5"), "--format", "fits"),
                                      (2, "--order original with --format csv", self.path("t.h5"), "--format", "csv")):
            result = self.run_skyfold("export", *words, "--order", "original", "--output", self.path("x"))
            self.assertEqual(result.code, code, result)
            self.assertEqual(len(result.errors()), 1, result)
            self.assertRegex(result.errors()[0], message)


if __name__ == "__main__":
    support.main()
