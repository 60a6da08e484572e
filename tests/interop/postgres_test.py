"""PostgreSQL with Q3C (Koposov & Bartunov 2006) answers the same questions as skyfold: loaded by what export writes, with Q3C's index, the same cones,
pairs, groups and statistics."""
import pathlib
import sys

import h5py
import numpy as np
from astropy.table import Table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import postgres_tools
import support
from support import make_fits, read_group

MISSING = -99
# Places with many objects: RA 0 from both sides, poles, a corner of Q3C's cube, and a field.
FIELDS = [(0.0, 0.0), (359.99, 30.0), (120.0, 90.0), (300.0, -89.98), (45.0, 35.264), (10.68, 41.27)]
RADII = {'0.2"': 0.2 / 3600, '20"': 20 / 3600, "1'": 1 / 60, "0.3d": 0.3, "8d": 8.0, "60d": 60.0}


def shifted(random, ra, dec, arcsec):
    """Positions a normal distance away in each direction of the tangent plane."""
    ra, dec = np.radians(ra), np.radians(dec)
    east = np.stack([-np.sin(ra), np.cos(ra), np.zeros_like(ra)])
    north = np.stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    at = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    x, y = random.normal(0, np.radians(arcsec / 3600), (2, ra.size))
    at = at + x * east + y * north
    return np.degrees(np.arctan2(at[1], at[0])) % 360, np.degrees(np.arctan2(at[2], np.hypot(at[0], at[1])))


def flat(table):
    """Columns of an astropy table with numpy types, arrays as columns of numbers, None for what is missing."""
    columns = {}
    for name in table.colnames:
        values = np.ma.masked_invalid(table[name]) if table[name].dtype.kind == "f" else np.ma.asarray(table[name])
        if values.ndim == 1:
            columns[name] = values.astype(str) if values.dtype.kind == "S" else values
        else:
            columns |= {f"{name}_{i}": values[:, i] for i in range(values.shape[1])}
    return columns


def rows_of(columns):
    return sorted(zip(*([None if value is np.ma.masked else value for value in values.tolist()] for values in columns.values())), key=str)


def read_as(columns, rows):
    """Rows of PostgreSQL's texts in the types of these columns."""
    types = [values.dtype.type for values in columns.values()]
    return sorted((tuple(None if cell == "" else kind(cell).item() for kind, cell in zip(types, row)) for row in rows), key=str)


class Postgres(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        postgres_tools.require()
        super().setUpClass()
        cls.make()
        cls.sql = postgres_tools.Postgres()
        cls.addClassCleanup(cls.sql.stop)
        for name, words in (("object", [cls.cat]), ("meas", [cls.cat, "--table", "meas"]), ("other", [cls.other, "--postgres.table", "other"])):
            cls.skyfold("export", *words, "--format", "postgres", "--output", cls.base / f"{name}.sql")
            cls.sql.load(cls.base / f"{name}.sql")

    @classmethod
    def make(cls):
        """Objects, measurements of each third, and another survey of most of them."""
        random = np.random.default_rng(8)
        ra, dec = random.uniform(0, 360, 3000), np.degrees(np.arcsin(random.uniform(-1, 1, 3000)))
        for (ra0, dec0), arcsec in zip(FIELDS * 2, [30] * len(FIELDS) + [1500] * len(FIELDS)):
            more = shifted(random, np.full(300, ra0), np.full(300, dec0), arcsec)
            ra, dec = np.append(ra, more[0]), np.append(dec, more[1])
        n = ra.size
        mag = random.normal(22, 1, (2, n)).astype("f4")
        mag[:, random.random(n) < 0.1] = np.nan
        flags = random.integers(0, 4, n).astype("i4")
        flags[random.random(n) < 0.1] = MISSING
        cls.id, cls.ra, cls.dec, cls.flags = random.permutation(n) * 10**12 + 7, ra, dec, flags
        objects = {"id": cls.id, "ra": ra, "dec": dec, "mag_g": mag[0], "mag_i": mag[1], "flags": flags,
                   "kind": np.array([b"star", b"a, \"b\"", b"o'g"])[random.integers(0, 3, n)], "flux": random.normal(size=(n, 2))}
        make_fits(cls.base / "objects.fits", objects, units={"mag_g": "mag"}, nulls={"flags": MISSING})
        cls.skyfold("import", "--input", cls.base / "objects.fits", "--output", cls.base / "objects.h5", "--with-ids", "phat")
        of = random.choice(n // 3, 12000) * 3
        at = shifted(random, ra[of], dec[of], 0.05)
        m = (22 + random.normal(0, 0.2, of.size)).astype("f4")
        m[random.random(of.size) < 0.05], m[random.random(of.size) < 0.05] = 99, np.nan
        make_fits(cls.base / "meas.fits", {
            "objid": cls.id[of], "mjd": random.uniform(55000, 56000, of.size), "filter": np.array([b"F475W", b"F814W"])[random.integers(0, 2, of.size)],
            "ra": at[0], "dec": at[1], "mag": m, "magerr": random.uniform(0.01, 0.3, of.size).astype("f4")})
        cls.cat, cls.other = cls.base / "cat.h5", cls.base / "other.h5"
        cls.skyfold("import", "--measurements", cls.base / "meas.fits", "--objects", cls.base / "objects.h5", "--join", "id:objid", "--output", cls.cat)
        seen = random.random(n) < 0.7
        far = random.uniform(0, 360, 300), np.degrees(np.arcsin(random.uniform(-1, 1, 300)))
        at = shifted(random, ra[seen], dec[seen], 0.5)
        cls.others = at[0].size + 300
        columns = {"number": np.arange(cls.others), "ra": np.append(at[0], far[0]), "dec": np.append(at[1], far[1])}
        make_fits(cls.base / "other.fits", columns)
        cls.skyfold("import", "--input", cls.base / "other.fits", "--output", cls.other, "--columns.id", "number")

    def table(self, *words, name="t.fits"):
        """What a command writes, by name."""
        self.skyfold(*words, "--output", self.path(name))
        return Table.read(self.path(name)) if name.endswith("fits") else read_group(self.path(name))

    def numbers(self, sql):
        """A numeric answer as an array, NaN for NULL."""
        return np.array([[float(cell or "nan") for cell in row] for row in self.sql(sql)])

    def test_every_value_arrives(self):
        for table, count in (("object", self.id.size), ("meas", 12000)):
            columns = flat(self.table("export", self.cat, "--table", table, "--format", "fits", name=f"{table}.fits"))
            names = self.sql(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position")
            self.assertEqual([row[0] for row in names], list(columns))
            theirs = read_as(columns, self.sql(f"SELECT * FROM {table}"))
            self.assertEqual(len(theirs), count)
            differing = [pair for pair in zip(rows_of(columns), theirs) if pair[0] != pair[1]]
            self.assertFalse(differing[:3])  # unittest takes minutes to show how long lists differ
        self.assertEqual(self.sql("SELECT count(*) FROM object WHERE flags IS NULL"), self.sql(f"SELECT {np.sum(self.flags == MISSING)}"))

    def test_schema_makes_the_same_tables(self):
        """With object_row in meas, which sql has and export has not."""
        ddl = self.skyfold("schema", self.cat, "--ddl", "postgres").out
        self.sql.psql("-f", "-", text=f"CREATE SCHEMA again; SET search_path = again, public;\n{ddl}")
        columns = ("SELECT table_name, column_name, data_type, character_maximum_length FROM information_schema.columns "
                   "WHERE table_schema = '{}' AND table_name IN ('object', 'meas') AND column_name <> 'object_row' ORDER BY table_name, ordinal_position")
        self.assertEqual(self.sql(columns.format("again")), self.sql(columns.format("public")))

    def test_cones_at_poles_and_across_ra_0(self):
        cones = [(ra, dec, radius) for ra, dec in FIELDS + [(self.ra[0], self.dec[0])] for radius in RADII]
        statements = [f"SELECT {k} AS k, id FROM object WHERE q3c_radial_query(ra, dec, {ra}, {dec}, {RADII[radius]!r})"
                      for k, (ra, dec, radius) in enumerate(cones)]
        self.assertIn("object_q3c", str(self.sql(f"EXPLAIN {statements[0]}")))  # Q3C's index of the export is what answers
        found = self.numbers(" UNION ALL ".join(statements)).astype("i8")
        empty = 0
        for k, (ra, dec, radius) in enumerate(cones):
            theirs = sorted(found[found[:, 0] == k, 1].tolist())
            cone = ("--cone", f"{ra},{dec},{radius}")
            with self.subTest(cone):
                ours = self.skyfold("query", self.cat, *cone, "--columns", "id", "--format", "csv").out.split()[1:]
                self.assertTrue(sorted(map(int, ours)) == theirs, (len(ours), len(theirs)))
                empty += not theirs
                if k % len(RADII) in (1, 4):
                    self.assertEqual(int(self.skyfold("count", self.cat, *cone).out.split()[0].replace(",", "")), len(theirs))
        self.assertLess(empty, len(cones) / 4)

    def test_cones_of_a_table_and_areas(self):
        centres = {"ra": [ra for ra, _ in FIELDS], "dec": [dec for _, dec in FIELDS], "radius_arcsec": [20.0, 900.0, 25.0, 1200.0, 3.0, 500.0]}
        make_fits(self.path("cones.fits"), {name: np.array(values) for name, values in centres.items()})
        values = ", ".join(f"({ra}, {dec}, {radius!r})" for ra, dec, radius in zip(*centres.values()))
        corners = "350.5,-3,9.5,-2,4,11,356,12.5"
        for words, where in ((("--cones", self.path("cones.fits")),
                              f"EXISTS (SELECT 1 FROM (VALUES {values}) c(a, d, r) WHERE q3c_radial_query(ra, dec, a, d, r / 3600))"),
                             (("--polygon", corners), f"q3c_poly_query(ra, dec, ARRAY[{corners}])"),
                             (("--box", "355,12,-20,20", "--where", "mag_i < 22.5 and flags != 2"),
                              "(ra >= 355 OR ra <= 12) AND dec BETWEEN -20 AND 20 AND mag_i < 22.5 AND flags != 2")):
            with self.subTest(words):
                theirs = self.numbers(f"SELECT id FROM object WHERE {where}").ravel().astype("i8")
                self.assertGreater(theirs.size, 100)
                np.testing.assert_array_equal(np.sort(self.table("query", self.cat, *words)["id"]), np.sort(theirs))

    def test_pairs_within_a_radius(self):
        join = "FROM other a, object b WHERE q3c_join(a.ra, a.dec, b.ra, b.dec, 2.0 / 3600)"
        theirs = self.numbers(f"SELECT a.number, b.id, q3c_dist(a.ra, a.dec, b.ra, b.dec) * 3600 {join}")
        self.assertGreater(len(theirs), 3000)
        words = ("match", self.other, self.cat, "--radius", '2"', "--columns", "number,id,separation", "--find")
        for find in ("all", "nearest"):
            ours = self.table(*words, find, name=f"{find}.h5")
            order, ranked = np.lexsort((ours["id"], ours["number"])), theirs[np.lexsort((theirs[:, 1], theirs[:, 0]))]
            if find == "nearest":
                ranked = self.numbers(f"SELECT DISTINCT ON (1) a.number, b.id, q3c_dist(a.ra, a.dec, b.ra, b.dec) * 3600 AS d {join} ORDER BY 1, d")
            np.testing.assert_array_equal(np.stack([ours["number"], ours["id"]], 1)[order], ranked[:, :2].astype("i8"))
            np.testing.assert_allclose(ours["separation"][order], ranked[:, 2], atol=1e-7)
        alone = self.table("match", self.other, self.cat, "--radius", '2"', "--join", "1not2", name="alone.h5")
        np.testing.assert_array_equal(np.sort(alone["number"]), sorted(set(range(self.others)) - set(theirs[:, 0].astype(int))))

    def test_maps_are_group_by(self):
        statistics = "count(*), avg(ra), avg(dec), count(mag_i), avg(mag_i::float8), stddev_samp(mag_i::float8), min(mag_i::float8), max(mag_g::float8 - mag_i)"
        for nside, pixel in ((4096, "pix4096"), (16, "_healpix_29 >> 50")):
            theirs = self.numbers(f"SELECT {pixel} AS p, {statistics} FROM object GROUP BY p ORDER BY p")
            ours = self.table("sky-map", self.cat, "--nside", nside, "--stat", "count,count:mag_i,mean:mag_i,std:mag_i,min:mag_i,max:mag_g - mag_i as c",
                              name=f"{nside}.h5")
            names = ("pix", "n", "avg_ra", "avg_dec", "count_mag_i", "mean_mag_i", "std_mag_i", "min_mag_i", "c")
            for name, column in zip(names, theirs.T):
                np.testing.assert_allclose(ours[name], column, rtol=1e-11, atol=1e-12, err_msg=name)

    def test_statistics_of_measurements(self):
        ours = self.table("aggregate", self.cat, name="a.h5")
        theirs = self.sql("SELECT objid, filter, count(*), avg(m), stddev_samp(m), sum(m / s ^ 2) / sum(1 / s ^ 2), max(m) - min(m), min(mjd), max(mjd) "
                          "FROM (SELECT *, mag::float8 AS m, magerr::float8 AS s FROM meas) x WHERE m < 90 GROUP BY objid, filter")
        row = {identity: k for k, identity in enumerate(ours["id"])}
        self.assertGreater(len(theirs), 3000)
        for name in ("F475W", "F814W"):
            rows = [cells for cells in theirs if cells[1] == name]
            at = [row[int(cells[0])] for cells in rows]
            self.assertEqual(ours[f"{name}_n"].sum(), sum(int(cells[2]) for cells in rows))
            for i, statistic in enumerate(("n", "mean", "rms", "weighted_mean", "amplitude", "mjd_first", "mjd_last"), 2):
                numbers = np.array([float(cells[i] or "nan") for cells in rows])
                np.testing.assert_allclose(ours[f"{name}_{statistic}"][at], numbers, rtol=1e-6, atol=1e-6, err_msg=statistic)

    def test_the_same_words_in_both(self):
        """SQL of skyfold, too, on objects and measurements."""
        parquet_tools.require_library(support.binary())
        for k, sql in enumerate((
                "SELECT id, q3c_dist(ra, dec, 0, 0) AS d FROM object WHERE q3c_radial_query(ra, dec, 0, 0, 0.01)",
                "SELECT id, dec AS d FROM object WHERE q3c_radial_query(ra, dec, 300, -89.98, 0.5) AND mag_i < 22",
                "SELECT objid, ra, dec, mjd FROM meas WHERE q3c_radial_query(ra, dec, 10.68, 41.27, 60.0 / 3600)",
                "SELECT avg(ra) AS r, avg(dec) AS d, pix4096, count(*) AS n FROM object GROUP BY pix4096",
                "SELECT htm9, pix256, min(mag_g) AS m, count(flags) AS n FROM object WHERE kind = 'o''g' GROUP BY htm9, pix256",
                "SELECT o.id, count(*) AS n, min(m.mag) AS m FROM object o JOIN meas m ON m.objid = o.id WHERE m.mag < 90 GROUP BY o.id HAVING count(*) > 8",
                "SELECT a.number, b.id FROM other a, object b WHERE q3c_radial_query(a.ra, a.dec, 120, 90, 0.02) AND "
                "q3c_join(a.ra, a.dec, b.ra, b.dec, 5.0 / 3600)")):
            with self.subTest(sql):
                theirs = self.numbers(sql)
                ours = self.table("sql", f"object={self.cat}", f"other={self.other}", sql, name=f"{k}.fits")
                ours = np.stack([np.ma.filled(np.ma.asarray(ours[name], "f8"), np.nan) for name in ours.colnames], 1)
                self.assertGreater(len(theirs), 20)
                self.assertEqual(ours.shape, theirs.shape)
                by_row = lambda table: table[np.lexsort(np.round(table, 6).T)]
                np.testing.assert_allclose(by_row(ours), by_row(theirs), rtol=1e-7, atol=1e-11)


if __name__ == "__main__":
    support.main()
