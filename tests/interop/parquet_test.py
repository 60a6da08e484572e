"""Parquet files, folders of them and HATS catalogues as inputs. Files are written by DuckDB; hyparquet says what is in them."""
import math
import os
import pathlib
import shutil
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import support

STARS = """SELECT range AS id, (range * 7919 % 36000) / 100.0::DOUBLE AS ra, (range * 104729 % 17900) / 100.0 - 89.5::DOUBLE AS dec,
  CASE WHEN range % 11 = 3 THEN NULL ELSE (20 + range % 50 / 10.0)::FLOAT END AS mag_g, 's' || repeat('é', (range % 4)::INT) AS name FROM range({})"""


class ParquetTest(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        parquet_tools.require(support.binary())
        cls.duck = parquet_tools.Duck(support.binary())

    def imported(self, source, *options, ranks=0):
        """The columns of the catalogue made of an input, in the input's order."""
        out = self.path("c.h5")
        pathlib.Path(out).unlink(missing_ok=True)
        self.result = self.skyfold("import", "--input", *([source] if isinstance(source, str) else source), "--output", out, "--ordering", "none",
                                   *options, ranks=ranks)
        return support.read_group(out)

    def refused(self, code, words, *command, **options):
        result = self.run_skyfold(*command, **options)
        self.assertEqual(result.code, code, str(result))
        self.assertEqual(len(result.errors()), 1, str(result))
        for word in words:
            self.assertIn(word, result.errors()[0], str(result))
        self.assertFalse(os.path.exists(self.path("c.h5")))

    def import_refused(self, code, words, *source):
        self.refused(code, words, "import", "--input", *source, "--output", self.path("c.h5"))


class Values(ParquetTest):
    def test_what_hyparquet_reads_is_in_the_catalogue(self):
        for compression, rows_per_group in [("zstd", 2048), ("snappy", 122880)]:
            path = self.duck.copy(STARS.format(5000), self.path(f"{compression}.parquet"), f"COMPRESSION {compression}, ROW_GROUP_SIZE {rows_per_group}")
            theirs, ours = parquet_tools.hyparquet(support.binary(), path)["columns"], self.imported(path)
            np.testing.assert_array_equal(ours["id"], theirs["id"])
            for name in ["ra", "dec"]:
                np.testing.assert_array_equal(ours[name], theirs[name])
            expected = np.array([math.nan if value is None else value for value in theirs["mag_g"]], "f4")
            self.assertEqual(np.isnan(expected).sum(), len([i for i in range(5000) if i % 11 == 3]))
            np.testing.assert_array_equal(ours["mag_g"], expected)
            self.assertEqual([text.decode() for text in ours["name"]], theirs["name"])

    def test_every_type(self):
        path = self.duck.copy("""SELECT * FROM (VALUES
            (1, true, -5::TINYINT, 250::UTINYINT, -300::SMALLINT, 65535::USMALLINT, 4294967295::UINTEGER, 9223372036854775807::UBIGINT, 12.25::DECIMAL(9,2),
             123456789012345678::DECIMAL(18,0), DATE '2026-11-27', TIMESTAMP '2000-01-01 12:00:00', 'a,"b"', 'xy'::BLOB, [1, 2], {'u': 1}),
            (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL))
            t(id, flag, tiny, byte, short, ushort, uint, ulong, price, large, day, time, text, bytes, list, nested)""", self.path("t.parquet"))
        ours = self.imported(path)
        self.assertIn("column list is left out: has lists of values", self.result.err)
        self.assertIn("column nested is left out: is nested (STRUCT)", self.result.err)
        expected = {"flag": (1, 255, "|u1"), "tiny": (-5, -2**31, "<i4"), "byte": (250, -2**31, "<i4"), "short": (-300, -2**31, "<i4"),
                    "ushort": (65535, -2**31, "<i4"), "uint": (2**32 - 1, -2**63, "<i8"), "ulong": (2**63 - 1, -2**63, "<i8"),
                    "price": (12.25, math.nan, "<f8"), "large": (123456789012345678, -2**63, "<i8"),
                    # Julian dates 2461371.5 and 2451545.0 (J2000.0), less 2400000.5.
                    "day": (61371.0, math.nan, "<f8"), "time": (51544.5, math.nan, "<f8")}
        with h5py.File(self.path("c.h5")) as file:
            for name, (value, missing, kind) in expected.items():
                np.testing.assert_array_equal(ours[name], np.array([value, missing], kind), name)
                self.assertEqual(ours[name].dtype.str, kind, name)
                if kind[1] != "f":
                    self.assertEqual(file["object"][name].attrs["null"], str(missing), name)
        self.assertEqual(list(ours["text"]), [b'a,"b"', b""])
        self.assertEqual(list(ours["bytes"]), [b"xy", b""])
        self.assertEqual(set(ours), {"id", "text", "bytes", *expected})

    def test_names_that_differ_in_capitals_alone(self):
        # DuckDB itself cannot write such a file: the name is changed in the bytes, where it stands in the schema and in each chunk.
        path = self.duck.copy("SELECT range AS id, range * 2 AS Zx, range * 3 AS Zy FROM range(10)", self.path("t.parquet"))
        content = pathlib.Path(path).read_bytes()
        pathlib.Path(path).write_bytes(content.replace(b"Zx", b"za").replace(b"Zy", b"ZA"))
        ours = self.imported(path)
        np.testing.assert_array_equal(ours["za"], np.arange(10) * 2)
        np.testing.assert_array_equal(ours["ZA"], np.arange(10) * 3)

    def test_cells_that_have_no_place(self):
        path = self.duck.copy("SELECT range AS id, CASE WHEN range = 3 THEN 18446744073709551615 ELSE range END::UBIGINT AS big FROM range(9)", self.path("t.parquet"))
        self.refused(3, ["t.parquet, row 4", "column big", "18446744073709551615"], "import", "--input", path, "--output", self.path("c.h5"), "--ordering", "none")
        path = self.duck.copy("SELECT range AS id, CASE WHEN range = 5 THEN 'a\\x00b' ELSE 'ab' END::BLOB AS bytes FROM range(9)", self.path("t.parquet"))
        self.refused(3, ["t.parquet, row 6", "column bytes"], "import", "--input", path, "--output", self.path("c.h5"), "--ordering", "none")

    def test_units_from_the_metadata(self):
        votable = """<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE><FIELD name="ra" datatype="double" unit="deg"
            ucd="pos.eq.ra;meta.main"><DESCRIPTION>Right &amp; ascension</DESCRIPTION></FIELD><FIELD name="mag_g" datatype="float" unit="mag"/>
            <DATA><PARQUET type="VOTable-remote-file"/></DATA></TABLE></RESOURCE></VOTABLE>"""
        quoted = votable.replace("'", "''")
        path = self.duck.copy(STARS.format(10), self.path("t.parquet"), f"KV_METADATA {{'IVOA.VOTable-Parquet.version': '1.0', 'IVOA.VOTable-Parquet.content': '{quoted}'}}")
        self.imported(path)
        with h5py.File(self.path("c.h5")) as file:
            self.assertEqual(dict(file["object/ra"].attrs)["unit"], "deg")
            self.assertEqual(dict(file["object/ra"].attrs)["description"], "Right & ascension")
            self.assertEqual(dict(file["object/mag_g"].attrs)["unit"], "mag")
        path = self.duck.copy(STARS.format(10), self.path("t.parquet"), "KV_METADATA {'IVOA.VOTable-Parquet.content': '<VOTABLE><FIELD></VOTABLE>'}")
        self.imported(path)
        self.assertIn("t.parquet: its metadata IVOA.VOTable-Parquet.content is no VOTable (line 1: mismatched tag)", self.result.err)

    def test_any_number_of_ranks_gives_the_same_bytes(self):
        path = self.duck.copy(STARS.format(20000), self.path("t.parquet"), "ROW_GROUP_SIZE 2048")
        catalogues = []
        for ranks in [1, 3]:
            out = self.path(f"c{ranks}.h5")
            self.skyfold("import", "--input", path, "--output", out, ranks=ranks)
            catalogues.append(support.read_bytes(out))
        self.assertEqual(*catalogues)


class RealData(ParquetTest):
    def test_dc2_gives_the_bits_of_its_twin_in_hdf5(self):
        folder = support.shared("photoz/dc2")
        tables, estimates = [], []
        for ending in ["pq", "hdf5"]:
            sample, model, photoz = f"{folder}/test_dc2_training_9816.{ending}", self.path(f"{ending}.model.h5"), self.path(f"{ending}.z.h5")
            tables.append(self.imported(sample))
            self.skyfold("train", "--calibrate", "none", "--algorithms", "dnf", "--sample", sample, "--output", model)
            self.skyfold("photoz", "--catalogue", self.path("c.h5"), "--model", model, "--output", photoz)
            estimates.append(support.read_group(photoz))
        for first, second in [tables, estimates]:
            self.assertEqual(set(first), set(second))
            for name in first:
                self.assertEqual(first[name].tobytes(), second[name].tobytes(), name)

    def test_a_table_of_rubin(self):
        path = str(support.shared("photoz/dc2/rubin_dm_dc2_example.pq"))
        theirs = parquet_tools.hyparquet(support.binary(), path)["columns"]
        ours = self.imported(path)
        for name, values in theirs.items():
            np.testing.assert_array_equal(ours[name], [math.nan if value is None else value for value in values], name)

    def test_hats_catalogues(self):
        for name in ["small_sky", "small_sky_nested"]:
            folder = pathlib.Path(support.shared("catalogue/hats"), name)
            theirs = [parquet_tools.hyparquet(support.binary(), str(path))["columns"] for path in folder.glob("dataset/Norder=*/Dir=*/Npix=*.parquet")]
            out = self.path(f"{name}.h5")
            result = self.skyfold("import", "--input", str(folder), "--output", out, ranks=2 if name == "small_sky" else 0)
            ours = support.read_group(out)
            keys = np.concatenate([leaf["_healpix_29"] for leaf in theirs])
            order = np.argsort(keys, kind="stable")
            np.testing.assert_array_equal(np.sort(ours["id"]), np.sort(np.concatenate([leaf["id"] for leaf in theirs])))
            np.testing.assert_array_equal(ours["_healpix_29"], keys[order])
            for column in ["ra", "dec", "ra_error"]:
                self.assertEqual(dict(zip(ours["id"], ours[column])), dict(zip(*(np.concatenate([leaf[c] for leaf in theirs]) for c in ["id", column]))))
            self.assertEqual("column lc is left out" in result.err, name == "small_sky_nested")


class Folders(ParquetTest):
    def test_a_folder_is_one_table_in_the_order_of_names(self):
        for part, condition in [("b/2.pq", "id >= 700"), ("a.parquet", "id < 300"), ("b/1.parq", "id BETWEEN 300 AND 699")]:
            self.duck.copy(f"SELECT * FROM ({STARS.format(1000)}) WHERE {condition} ORDER BY id", self.path(f"folder/{part}"))
        pathlib.Path(self.path("folder/_metadata.parquet")).write_bytes(b"not rows")
        ours = self.imported(self.path("folder"))
        np.testing.assert_array_equal(ours["id"], np.arange(1000))
        np.testing.assert_array_equal(self.imported([self.path("folder/a.parquet"), self.path("folder/b")])["id"], np.arange(1000))

    def test_a_folder_is_a_sample_as_its_file_is(self):
        whole = self.duck.copy("SELECT range AS id, (range % 97) / 100.0 AS redshift, 20 + (range % 97) / 40.0 AS mag_g, 19.5 + (range % 97) / 50.0 AS mag_r, "
                               "19 + (range % 97) / 60.0 AS mag_i, 0.02 AS mag_err_g, 0.02 AS mag_err_r, 0.02 AS mag_err_i FROM range(900)", self.path("whole.parquet"))
        for part in range(2):
            self.duck.copy(f"SELECT * FROM read_parquet('{whole}') WHERE id // 450 = {part}", self.path(f"parts/{part}.parquet"))
        models = []
        for sample in [whole, self.path("parts")]:
            model = self.path(f"{len(models)}.h5")
            self.skyfold("train", "--calibrate", "none", "--algorithms", "dnf", "--sample", sample, "--output", model)
            with h5py.File(model) as file:
                models.append({name: file[name][()].tobytes() for name in file if isinstance(file[name], h5py.Dataset)} |
                              {f"{group}/{name}": file[group][name][()].tobytes() for group in file if isinstance(file[group], h5py.Group) for name in file[group]})
        self.assertTrue(models[0])
        self.assertEqual(*models)

    def test_folders_that_are_refused(self):
        os.makedirs(self.path("empty"))
        self.import_refused(4, ["empty: is a folder without Parquet files"], self.path("empty"))
        for change, words in [("SELECT * EXCLUDE dec", "has no column 'dec'"), ("SELECT *, 1 AS more", "has a column 'more'"),
                              ("SELECT * REPLACE (ra::FLOAT AS ra)", "column 'ra' is FLOAT, but DOUBLE in")]:
            self.duck.copy(STARS.format(10), self.path("f/a.parquet"))
            self.duck.copy(f"{change} FROM ({STARS.format(10)})", self.path("f/b.parquet"))
            self.import_refused(3, ["f/b.parquet: ", words], self.path("f"))

    def make_hats(self, suffix=".parquet"):
        """A catalogue with two leaves of different orders: the pixels of base pixel 4, of which those below 1/4 in one of order 1."""
        folder = self.path("hats")
        shutil.rmtree(folder, ignore_errors=True)
        for order, pixel, begin, end in [(1, 16, 0, 40), (0, 5, 40, 100)]:
            leaf = f"{folder}/dataset/Norder={order}/Dir=0/Npix={pixel}"
            query = f"SELECT range AS id, range * 0.1 + {45 if order else 135} AS ra, 0.0 AS dec FROM range({begin}, {end})"
            self.duck.copy(query, leaf + ".parquet" if suffix == ".parquet" else f"{leaf}/part0.parquet")
        self.write("hats.properties", f"#HATS catalog\nobs_collection=x\ndataproduct_type=object\nhats_nrows=100\nhats_col_ra=ra\nhats_col_dec=dec\n"
                   f"hats_npix_suffix={suffix}\nhats_version=v1.0\n")
        self.write("partition_info.csv", "Norder,Npix\n0,5\n1,16\n")
        return folder

    def write(self, name, text):
        pathlib.Path(self.path("hats"), name).write_text(text)

    def test_leaves_come_in_the_order_of_the_sky(self):
        for suffix in [".parquet", "/"]:
            np.testing.assert_array_equal(self.imported(self.make_hats(suffix))["id"], np.arange(100))
        shutil.move(self.make_hats(), self.path("collection/main"))
        pathlib.Path(self.path("collection/collection.properties")).write_text("obs_collection=x\nhats_primary_table_url=main\n")
        np.testing.assert_array_equal(self.imported(self.path("collection"))["id"], np.arange(100))

    def test_catalogues_that_do_not_agree_with_themselves(self):
        good = self.make_hats()
        properties = pathlib.Path(good, "hats.properties").read_text()
        for name, text, code, words in [
                ("hats.properties", properties.replace("=100", "=101"), 3, "hats_nrows = 101, but its files have 100 rows"),
                ("hats.properties", properties.replace("=100", "=many"), 3, "hats_nrows = many"),
                ("hats.properties", properties.replace("col_ra=ra", "col_ra=lon"), 3, "the column 'lon' of positions"),
                ("hats.properties", properties.replace("=object", "=index"), 3, "dataproduct_type = index"),
                ("hats.properties", properties + "nonsense\n", 3, "hats.properties, line 9: 'nonsense'"),
                ("partition_info.csv", "Norder,Npix\n0,5\n1,16\n1,17\n", 3, "Norder=1/Dir=0/Npix=17.parquet: is missing"),
                ("partition_info.csv", "Norder,Npix\n0,5\n", 3, "Norder=1/Dir=0/Npix=16.parquet: is not in partition_info.csv"),
                ("partition_info.csv", "Norder,Npix\n0,4\n1,16\n", 3, "overlap"),
                ("partition_info.csv", "Norder,Npix\n0,12\n", 3, "line 2: order 0 has no pixel 12"),
                ("partition_info.csv", "Norder,Npix\n0,five\n", 3, "line 2: Npix 'five'"),
                ("partition_info.csv", "order,pixel\n0,5\n", 3, "no column Norder"),
                ("partition_info.csv", "Norder,Npix\n", 3, "lists no pixel")]:
            self.make_hats()
            self.write(name, text)
            self.import_refused(code, [words], good)
        self.make_hats()
        os.remove(f"{good}/partition_info.csv")
        self.import_refused(4, ["partition_info.csv: no such file"], good)


class Refusals(ParquetTest):
    def test_without_the_library(self):
        path = self.duck.copy(STARS.format(10), self.path("t.parquet"))
        saved = os.environ.pop("SKYFOLD_DUCKDB", None)
        try:
            os.environ["SKYFOLD_DUCKDB"] = self.path("nowhere.so")
            self.import_refused(4, ["SKYFOLD_DUCKDB", "nowhere.so", "cannot be opened"], path)
            del os.environ["SKYFOLD_DUCKDB"]
            # A program elsewhere, with no library beside it.
            os.makedirs(self.path("bin"))
            alone = shutil.copy(support.binary(), self.path("bin/skyfold"))
            self.refused(4, ["libduckdb.so", "./bootstrap duckdb"], "import", "--input", path, "--output", self.path("c.h5"), binary=alone)
        finally:
            os.environ.pop("SKYFOLD_DUCKDB", None)
            if saved:
                os.environ["SKYFOLD_DUCKDB"] = saved

    def test_damaged_files(self):
        path = self.duck.copy(STARS.format(5000), self.path("t.parquet"))
        content = pathlib.Path(path).read_bytes()
        for damaged in [content[:4], content[:len(content) // 2], content[:-1], content[:-8] + b"\xff\xff\xff\x7fPAR1", content[:-8] + bytes(4) + b"PAR1",
                        content[:4] + bytes(len(content) - 8) + content[-4:]]:
            pathlib.Path(path).write_bytes(damaged)
            self.import_refused(4, ["t.parquet: cannot be read as Parquet ("], path)

    def test_another_format_was_asked_for(self):
        path = self.duck.copy(STARS.format(10), self.path("t.csv"))
        self.refused(4, ["t.csv: is Parquet by its first bytes (input.format = csv)"], "import", "--input", path, "--output", self.path("c.h5"), "--input.format", "csv")


if __name__ == "__main__":
    support.main()
