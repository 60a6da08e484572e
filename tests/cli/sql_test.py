"""The commands sql and schema from outside: answers against numpy and healpy, queries of archives as they are printed, limits, bad queries."""
import csv
import json
import os
import pathlib
import subprocess
import sys

import healpy
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import support
from support import make_fits, make_hdf5, read_group


def separation(ra, dec, ra0, dec0):
    """Degrees, by unit vectors and the chord."""
    def unit(a, d):
        a, d = np.radians(a), np.radians(d)
        return np.stack([np.cos(a) * np.cos(d), np.sin(a) * np.cos(d), np.sin(d)], axis=-1)
    return np.degrees(2 * np.arcsin(np.linalg.norm(unit(ra, dec) - unit(ra0, dec0), axis=-1) / 2))


class Sql(support.SkyfoldTest):
    """4,000 objects about (10.7, 41.3) and over all of the sky, with measurements of some."""

    N = 4000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        parquet_tools.require_library(support.binary())
        rng = np.random.default_rng(5)
        cls.ra, cls.dec = rng.normal(10.7, 0.2, cls.N), rng.normal(41.3, 0.2, cls.N)
        cls.ra[:500], cls.dec[:500] = rng.uniform(0, 360, 500), np.degrees(np.arcsin(rng.uniform(-1, 1, 500)))
        cls.mag = rng.uniform(18, 26, cls.N).astype(np.float32)
        cls.mag[::50] = np.nan
        cls.name = np.array([b"star" if i % 3 else b"a galaxy" for i in range(cls.N)])
        cls.id = np.arange(cls.N) + 1237648720693755918
        table = make_fits(cls.base / "t.fits", {"id": cls.id, "ra": cls.ra, "dec": cls.dec, "mag_i": cls.mag, "kind": cls.name,
                                                 "flux": np.stack([cls.mag, cls.mag + 1], 1)}, units={"mag_i": "mag"})
        cls.cat = str(cls.base / "m31.h5")
        cls.skyfold("import", "--input", table, "--output", cls.cat)
        cls.of = rng.integers(1000, 1100, 3000)
        cls.mjd = rng.uniform(55000, 56000, 3000)
        cls.meas_mag = rng.uniform(18, 26, 3000)
        cls.meas_ra = cls.ra[cls.of] + rng.normal(0, 0.05 / 3600, 3000)
        cls.meas_dec = cls.dec[cls.of] + rng.normal(0, 0.05 / 3600, 3000)
        meas = make_hdf5(cls.base / "meas.h5", {"objid": cls.id[cls.of], "mjd": cls.mjd, "mag": cls.meas_mag, "ra": cls.meas_ra, "dec": cls.meas_dec,
                                                "filter": np.where(np.arange(3000) % 2, b"F814W", b"F475W")})
        cls.phat = str(cls.base / "phat.h5")
        cls.skyfold("import", "--measurements", meas, "--objects", cls.cat, "--output", cls.phat, "--join", "id:objid")

    def test_memory_does_not_grow_with_the_rows_of_an_answer(self):
        peaks = []
        for copies in (25, 500):  # of 4,000 rows: 3 and 60 MB of text
            command = [support.binary(), "sql", self.cat, f"SELECT id, ra, mag_i FROM object, range({copies}) r", "--format", "csv", "--threads", "1"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            lines = sum(block.count(b"\n") for block in iter(lambda: process.stdout.read(1 << 20), b""))
            process.stdout.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual((process.returncode, lines), (0, copies * self.N + 1))
            peaks.append(usage.ru_maxrss / 1024)
        self.assertLess(peaks[1] - peaks[0], 25, "MB")

    def rows(self, query, *words, tables=None, code=0):
        result = self.run_skyfold("sql", *(tables or [self.cat]), query, "--output", self.path("answer.csv"), *words)
        self.assertEqual(result.code, code, result)
        with open(self.path("answer.csv"), newline="") as file:
            return list(csv.DictReader(file))

    def column(self, rows, name, of=float):
        return np.array([of(row[name]) if row[name] else np.nan for row in rows])

    def test_the_queries_of_the_paper_run_as_printed(self):
        rows = self.rows("SELECT * FROM phat_v2.phot_mod LIMIT 100")
        stored = read_group(self.cat)
        self.assertEqual(len(rows), 100)
        np.testing.assert_array_equal(self.column(rows, "id", int), stored["id"][:100])
        rows = self.rows("SELECT avg(ra), avg(dec), pix4096, count(*) FROM phat_v2.phot_mod GROUP BY pix4096")
        pix = healpy.ang2pix(4096, self.ra, self.dec, nest=True, lonlat=True)
        pixels, index, n = np.unique(pix, return_inverse=True, return_counts=True)
        order = np.argsort(self.column(rows, "pix4096", int))
        np.testing.assert_array_equal(self.column(rows, "pix4096", int)[order], pixels)
        np.testing.assert_allclose(self.column(rows, "avg(ra)")[order], np.bincount(index, self.ra) / n, rtol=1e-13)
        np.testing.assert_allclose(self.column(rows, "avg(dec)")[order], np.bincount(index, self.dec) / n, rtol=1e-13, atol=1e-13)
        np.testing.assert_array_equal(self.column(rows, "count_star()", int)[order], n)
        ra0, dec0 = self.ra[1000], self.dec[1000]
        rows = self.rows(f"SELECT * FROM phat_v2.phot_meas WHERE q3c_radial_query(ra, dec, {ra0}, {dec0}, 0.2/3600)", tables=[self.phat])
        near = separation(self.meas_ra, self.meas_dec, ra0, dec0) < 0.2 / 3600
        self.assertGreater(near.sum(), 10)
        np.testing.assert_array_equal(np.sort(self.column(rows, "mjd")), np.sort(self.mjd[near]))

    def test_cones_are_those_of_brute_force_wherever_they_stand(self):
        for ra0, dec0, radius in ((10.7, 41.3, 0.05), (10.7, 41.3, 20), (0, 90, 30), (359.9, -5, 40), (200, -89.9, 60), (0, 0, 180), (5, 5, 0)):
            expected = np.sort(self.id[(separation(self.ra, self.dec, ra0, dec0) < radius) & (radius > 0)])
            for query in (f"SELECT id FROM m31 WHERE q3c_radial_query(ra, dec, {ra0}, {dec0}, {radius})",
                          f"SELECT id FROM object WHERE id > 0 AND CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {ra0}, {dec0}, {radius})) = 1 AND id > 1",
                          f"SELECT id FROM object WHERE contains(point(ra, dec), circle({ra0}, {dec0}, {radius})) = 0 AND true = false OR "
                          f"q3c_radial_query(object.ra, object.dec, {ra0}, {dec0}, {radius})"):
                with self.subTest(query=query):
                    np.testing.assert_array_equal(np.sort(self.column(self.rows(query), "id", int)), expected)

    def test_a_cone_leaves_nothing_out_where_it_is_no_condition_of_the_whole(self):
        cone = "q3c_radial_query(ra, dec, 10.7, 41.3, 0.001)"
        for query, count in ((f"SELECT id FROM m31 WHERE NOT {cone}", None), (f"SELECT id FROM m31 WHERE {cone} OR ra > -1", self.N),
                             (f"SELECT id FROM m31 WHERE {cone} = false", None), (f"SELECT id FROM m31 WHERE ({cone}) IS NOT NULL", self.N),
                             (f"SELECT (SELECT count(*) FROM m31) AS id FROM m31 WHERE q3c_radial_query(ra, dec, {self.ra[1000]}, {self.dec[1000]}, 1e-6)", 1)):
            with self.subTest(query=query):
                rows = self.rows(query)
                inside = int((separation(self.ra, self.dec, 10.7, 41.3) < 0.001).sum())
                self.assertEqual(len(rows), self.N - inside if count is None else count)
        self.assertEqual(int(rows[0]["id"]), self.N)

    def test_functions_of_the_sky(self):
        rows = self.rows("SELECT id, pix(64, ra, dec) AS p, pix_ring(256, ra, dec) AS r, htm(9, ra, dec) AS h, angsep(ra, dec, 10, -20) AS d, pix256 "
                         "FROM m31 ORDER BY id")
        np.testing.assert_array_equal(self.column(rows, "p", int), healpy.ang2pix(64, self.ra, self.dec, nest=True, lonlat=True))
        for name in ("r", "pix256"):
            np.testing.assert_array_equal(self.column(rows, name, int), healpy.ang2pix(256, self.ra, self.dec, lonlat=True))
        np.testing.assert_allclose(self.column(rows, "d"), separation(self.ra, self.dec, 10, -20), atol=1e-12)
        self.assertTrue(((self.column(rows, "h", int) >= 8 << 18) & (self.column(rows, "h", int) < 16 << 18)).all())

    def test_missing_values_are_null_and_texts_are_texts(self):
        rows = self.rows("SELECT kind, count(*) AS n, count(mag_i) AS m, avg(mag_i) AS a FROM m31 GROUP BY kind ORDER BY kind")
        for row, kind in zip(rows, (b"a galaxy", b"star")):
            mags = self.mag[self.name == kind].astype(float)
            self.assertEqual((row["kind"], int(row["n"]), int(row["m"])), (kind.decode(), len(mags), int((~np.isnan(mags)).sum())))
            self.assertAlmostEqual(float(row["a"]), np.nanmean(mags), places=6)

    def test_joins_objects_with_their_measurements(self):
        rows = self.rows("SELECT o.id, count(*) AS n, max(m.mag) AS top FROM object o JOIN meas m ON m.objid = o.id WHERE m.filter = 'F814W' "
                         "GROUP BY o.id ORDER BY o.id", tables=[self.phat])
        red = np.arange(3000) % 2 == 1
        ids, n = np.unique(self.id[self.of][red], return_counts=True)
        np.testing.assert_array_equal(self.column(rows, "id", int), ids)
        np.testing.assert_array_equal(self.column(rows, "n", int), n)
        np.testing.assert_allclose(self.column(rows, "top"), [self.meas_mag[red & (self.id[self.of] == i)].max() for i in ids])

    def test_writes_files_with_units_of_columns_taken_as_they_are(self):
        for name in ("a.fits", "a.h5", "a.parquet"):
            result = self.run_skyfold("sql", self.cat, "SELECT id, mag_i, kind FROM m31 WHERE mag_i < 20", "--output", self.path(name))
            self.assertEqual(result.code, 0, result)
        with fits.open(self.path("a.fits")) as file:
            self.assertEqual(file[1].columns["mag_i"].unit, "mag")
            ids = np.asarray(file[1].data["id"])
        np.testing.assert_array_equal(np.sort(ids), np.sort(self.id[self.mag < 20]))
        np.testing.assert_array_equal(read_group(self.path("a.h5"))["id"], ids)

    def test_tables_have_the_names_that_are_given(self):
        rows = self.rows("SELECT count(*) AS n FROM left_one a JOIN right_one b ON a.id = b.id", tables=["left_one=" + self.cat, "right_one=" + self.cat])
        self.assertEqual(int(rows[0]["n"]), self.N)

    def test_a_faulty_query_is_one_line(self):
        for query, code, text in (("SELECT * FORM m31", 2, "syntax error"), ("SELECT nothing FROM m31", 2, "nothing"), ("SELECT * FROM m32", 2, "m32"),
                                  ("DROP VIEW m31", 2, "SELECT"), ("SELECT 1; SELECT 2", 2, "multiple"), ("COPY m31 TO '/tmp/x.csv'", 2, "query"),
                                  ("SELECT * FROM read_csv('/etc/passwd')", 2, "disabled"), ("SET memory_limit = '9GB'", 2, "SELECT"),
                                  ("SELECT 1) AS a; DROP VIEW m31; --", 2, "syntax error"), ("SELECT kind::INTEGER FROM m31", 3, "kind"),
                                  ("SELECT 1 FROM m31 WHERE CONTAINS(POINT(ra, dec), POLYGON(1, 2, 3, 4, 5, 6)) = 1", 2, "CIRCLE"),
                                  ("SELECT htm(99, ra, dec) FROM m31", 2, "0 to 20"), ("SELECT pix(3, ra, dec) FROM m31", 2, "3")):
            with self.subTest(query=query):
                result = self.run_skyfold("sql", self.cat, query)
                self.assertEqual(result.code, code, result)
                self.assertEqual(len(result.errors()), 1, result)
                self.assertIn(text, result.errors()[0])
        result = self.run_skyfold("sql", self.cat, self.cat, "SELECT 1")
        self.assertEqual(result.code, 2, result)
        self.assertIn("NAME=FILE", result.errors()[0])

    def test_limits_end_a_query_that_would_not(self):
        forever = "SELECT count(*) FROM m31 a, m31 b, m31 c, m31 d WHERE a.mag_i + b.mag_i + c.mag_i + d.mag_i < 0"
        result = self.run_skyfold("sql", self.cat, forever, "--limit-time", "0.3")
        self.assertEqual(result.code, 4, result)
        self.assertIn("--limit-time", result.errors()[0])
        result = self.run_skyfold("sql", self.cat, "SELECT count(DISTINCT a.mag_i * 1e4 + b.mag_i) FROM m31 a, m31 b", "--limit-memory", "32")
        self.assertEqual(result.code, 4, result)
        self.assertIn("--limit-memory", result.errors()[0])

    def test_schema_tells_tables_columns_and_relations(self):
        result = self.skyfold("schema", self.phat)
        for text in ("table object (/object), 4,000 rows", "table meas (/meas), 3,000 rows", "objid is object.id", "mag_i", "position: ra, dec"):
            self.assertIn(text, result.out)
        told = json.loads(self.skyfold("schema", self.phat, "--json").out)
        self.assertEqual([(table["name"], table["rows"]) for table in told["tables"]], [("object", 4000), ("meas", 3000)])
        columns = {column["name"]: column for column in told["tables"][0]["columns"]}
        self.assertEqual((columns["mag_i"]["unit"], columns["mag_i"]["type"], columns["flux"]["width"]), ("mag", "f4", 2))
        ddl = self.skyfold("schema", self.phat, "--ddl", "postgres").out
        for text in ('CREATE TABLE "object"', '"mag_i" real', '"kind" varchar(8)', '"flux_1" real', 'ADD PRIMARY KEY ("id")',
                     'ON "meas" (q3c_ang2ipix("ra", "dec"))'):
            self.assertIn(text, ddl)

    def test_export_to_postgres_has_table_rows_and_indexes(self):
        made = []
        for ranks in (0, 2):
            self.skyfold("export", self.cat, "--format", "postgres", "--output", self.path(f"m{ranks}.sql"), "--postgres.table", 'stars "x"', ranks=ranks)
            made.append(pathlib.Path(self.path(f"m{ranks}.sql")).read_text())
        self.assertEqual(made[0], made[1])
        head, rest = made[0].split("FROM STDIN WITH (FORMAT csv);\n")
        rows, tail = rest.split("\\.\n")
        self.skyfold("export", self.cat, "--format", "csv", "--output", self.path("m.csv"))
        names, _, body = pathlib.Path(self.path("m.csv")).read_text().partition("\n")
        self.assertEqual(rows, body)
        self.assertTrue(head.endswith("(" + ", ".join(f'"{name}"' for name in names.split(",")) + ") "))
        for text, where in (('CREATE TABLE "stars ""x"""', head), ('"id" bigint', head), ("IS '[mag]'", head), ("BEGIN;", head), ("COMMIT;", tail),
                            ('PRIMARY KEY ("id")', tail), ('(q3c_ang2ipix("ra", "dec"))', tail)):
            self.assertIn(text, where)

    def test_python_asks_the_command_line(self):
        os.environ["SKYFOLD"] = support.binary()
        sys.path.insert(0, str(support.SOURCE / "python"))
        import skyfold
        cat = skyfold.open(self.phat)
        answer = cat.sql("SELECT kind, count(*) AS n, avg(mag_i) AS a FROM object GROUP BY kind ORDER BY kind")
        self.assertEqual((answer.colnames, list(answer["kind"])), (["kind", "n", "a"], ["a galaxy", "star"]))
        self.assertEqual(int(answer["n"].sum()), self.N)
        curve = cat.lightcurve(int(self.id[1005]))
        mine = self.of == 1005
        self.assertEqual(len(curve), mine.sum())
        np.testing.assert_array_equal(np.sort(curve["mjd"]), np.sort(self.mjd[mine]))
        self.assertEqual(set(curve["filter"]), {"F475W", "F814W"})
        self.assertTrue({"mag", "used"} <= set(curve.colnames), curve.colnames)
        self.assertIn("phase", cat.lightcurve(int(self.id[1005]), fold=0.5).colnames)
        near = cat.cone(10.7, 41.3, "3'", where="mag_i < 24", columns=["id", "mag_i + 1 as m"])
        inside = (separation(self.ra, self.dec, 10.7, 41.3) < 0.05) & (self.mag < 24)
        np.testing.assert_array_equal(np.sort(near["id"]), np.sort(self.id[inside]))
        np.testing.assert_allclose(np.sort(near["m"]), np.sort(self.mag[inside].astype(float) + 1))
        self.assertEqual(len(cat.query(sample=10)), len(cat.query(sample=10)))
        self.assertEqual(cat.schema()["tables"][1]["name"], "meas")
        with self.assertRaises(skyfold.SkyfoldError) as caught:
            cat.sql("SELECT nothing FROM object")
        self.assertEqual(caught.exception.code, 2)
        with self.assertRaises(skyfold.SkyfoldError):
            cat.lightcurve(5)


if __name__ == "__main__":
    support.main()
