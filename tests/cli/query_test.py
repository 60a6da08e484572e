"""Rows by place, condition, ids and chance, against brute force by numpy; every form of output; what is refused."""
import filecmp
import os
import pathlib
import sys

import h5py
import numpy as np
from astropy.io import fits
from astropy.table import Table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import support

ROWS = 6000


def separation(ra, dec, ra0, dec0):
    """Degrees, by Vincenty's formula."""
    a, d, d0 = np.radians(ra - ra0), np.radians(dec), np.radians(dec0)
    y = np.hypot(np.cos(d) * np.sin(a), np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(a))
    return np.degrees(np.arctan2(y, np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(a)))


class Queries(support.SkyfoldTest):
    """A sky with crowded places: about RA 0, about both poles, and pairs of an arcsecond."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = np.random.default_rng(11)
        ra, dec = random.uniform(0, 360, ROWS), np.degrees(np.arcsin(random.uniform(-1, 1, ROWS)))
        ra[:1000], dec[:1000] = random.normal(0, 1, 1000) % 360, random.normal(5, 1, 1000)
        dec[1000:1500], dec[1500:2000] = 90 - random.gamma(1, 0.5, 500), random.gamma(1, 0.5, 500) - 90
        ra[2001:3000:2], dec[2001:3000:2] = ra[2000:3000:2], dec[2000:3000:2] + random.uniform(-1, 1, 500) / 3600
        dec = np.clip(dec, -90, 90)
        mag = random.normal(22, 2, ROWS).astype("f4")
        mag[::7] = np.nan
        cls.columns = {"id": (np.arange(ROWS) * 7919 % ROWS + 10**17), "ra": ra, "dec": dec, "mag": mag, "mag_r": mag - 1, "name": np.array([f"s{i % 50}" for i in range(ROWS)])}
        cls.table = support.make_fits(cls.base / "t.fits", cls.columns, units={"ra": "deg", "dec": "deg", "mag": "mag"})
        cls.catalogue, cls.unordered = str(cls.base / "cat.h5"), str(cls.base / "by_mag.h5")
        cls.skyfold("import", "--input", cls.table, "--output", cls.catalogue)
        cls.skyfold("import", "--input", cls.table, "--ordering", "attribute", "--ordering.column", "mag_r", "--output", cls.unordered)
        cls.rows = support.read_group(cls.catalogue)
        cls.centres = np.concatenate([random.choice(ROWS, 60), np.arange(1000, 1015), np.arange(1500, 1515)])
        cls.radii = random.choice([0.0, 0.01, 0.2, 1.0, 60.0, 3600.0, 20000.0], len(cls.centres))

    def ids(self, *options, table=None, ranks=0):
        """Ids that a query gives, sorted."""
        out = self.path("ids.csv")
        self.skyfold("query", table or self.catalogue, *options, "--columns", "id", "--output", out, ranks=ranks)
        return np.sort(np.atleast_1d(np.genfromtxt(out, dtype="i8", skip_header=1)))

    def expect(self, chosen, *options):
        """The same objects from all tables, and their number."""
        ids = np.sort(self.columns["id"][chosen])
        for table in (self.catalogue, self.unordered, self.table):
            with self.subTest(options=options, table=table):
                np.testing.assert_array_equal(self.ids(*options, table=table), ids)
        self.assertEqual(int(self.skyfold("count", self.catalogue, *options).out), len(ids))
        return len(ids)

    def test_many_cones_equal_brute_force_in_every_order(self):
        ra, dec = self.columns["ra"], self.columns["dec"]
        table = Table({"ra": ra[self.centres] - np.where(self.centres % 2, 360, 0), "dec": dec[self.centres], "radius": self.radii})
        table["radius"].unit = "arcsec"
        table.write(self.path("cones.fits"))
        inside = np.zeros(ROWS, bool)
        for i, radius in zip(self.centres, self.radii):
            inside |= separation(ra, dec, ra[i], dec[i]) <= (radius + 1e-9) / 3600
        self.assertGreater(self.expect(inside, "--cones", self.path("cones.fits")), 500)
        near = np.zeros(ROWS, bool)
        for i in self.centres:
            near |= separation(ra, dec, ra[i], dec[i]) <= 0.5 / 60
        self.expect(near, "--cones", self.path("cones.fits"), "--radius", "0.5'")

    def test_cones_boxes_and_polygons_equal_brute_force(self):
        ra, dec = self.columns["ra"], self.columns["dec"]
        self.expect(separation(ra, dec, 359.5, 5) <= 1.5, "--cone", "23:58:00,+05:00:00,1.5d")
        self.expect(separation(ra, dec, -0.5, 5) <= 100, "--cone=-0.5,5,100deg")
        self.expect(np.ones(ROWS, bool), "--cone", "10,20,180d")
        self.expect(separation(ra, dec, 0, 90) <= 0.5, "--cone", "77,90,30'", "--where", "mag < 90 or missing(mag)")
        self.expect(((ra >= 359) | (ra <= 1)) & (dec >= 4) & (dec <= 6), "--box", "359,1,4,6")
        self.expect(dec >= 89.5, "--box", "0,360,89.5,90")
        # The sides are great circles: here both north-south sides are meridians, the others nearly parallels at these latitudes.
        west, east = (ra > 180) * (360 - ra), (ra < 180) * ra
        inside = (np.abs(dec - 5) < 0.9) & (west < 0.9) & (east < 0.9)
        found = self.ids("--polygon", "359,4,1,4,1,6,359,6")
        self.assertTrue(set(self.columns["id"][inside & ((ra > 180) | (ra < 180))]) <= set(found))
        outside = (np.abs(dec - 5) > 1.1) | ((west > 1.1) | (east > 1.1))
        self.assertFalse(set(self.columns["id"][outside]) & set(found))

    def test_coverage_maps_are_read_back(self):
        self.skyfold("export", self.catalogue, "--format", "moc", "--moc.order", "8", "--where", "mag < 21", "--output", self.path("m.fits"))
        keys = self.rows["_healpix_29"] >> (2 * 21)
        covered = np.isin(keys, keys[self.rows["mag"] < 21])
        np.testing.assert_array_equal(self.ids("--moc", self.path("m.fits")), np.sort(self.rows["id"][covered]))
        ranges = [edge for pixel in np.unique(keys[:5]) for edge in (pixel << 42, (pixel + 1) << 42)]
        hdu = fits.BinTableHDU.from_columns([fits.Column("RANGE", "1K", array=np.array(ranges))])
        hdu.header.update(MOCVERS="2.0", MOCDIM="SPACE", ORDERING="RANGE", COORDSYS="C")
        hdu.writeto(self.path("r.fits"))
        np.testing.assert_array_equal(self.ids("--moc", self.path("r.fits")), np.sort(self.rows["id"][np.isin(keys, keys[:5])]))

    def test_regions_and_conditions_hold_together(self):
        ra, dec, mag = (self.columns[name] for name in ("ra", "dec", "mag"))
        inside = (separation(ra, dec, 0, 5) <= 2) & (dec > 5) & (mag < 22)
        self.expect(inside, "--cone", "0,5,2d", "--box", "0,360,5,90", "--where", "mag < 22")

    def test_ids_and_samples(self):
        wanted = self.columns["id"][[5, 17, 4000]]
        support.make_csv(self.base / "wanted.csv", {"id": np.append(wanted, 3)})
        self.expect(np.isin(self.columns["id"], wanted), "--ids", self.base / "wanted.csv")
        tenth, half = self.ids("--sample", "10"), self.ids("--sample", "50", table=self.unordered)
        self.assertTrue(set(tenth) < set(half))
        self.assertAlmostEqual(len(half) / ROWS, 0.5, delta=0.05)
        # The samples that import writes down, by whole numbers and by texts.
        texts = support.make_fits(self.path("texts.fits"), {**self.columns, "id": np.char.mod("s%d", self.columns["id"])})
        for table in (self.table, texts):
            self.skyfold("import", "--input", table, "--with-ids", "phat", "--output", self.path("ids.h5"))
            for share in ("33.3", "5"):
                sample, stored = (self.skyfold("query", self.path("ids.h5"), *words, "--columns", "id,mag", "--format", "csv").out
                                  for words in (("--sample", share), ("--where", f"random_id < {share}")))
                self.assertEqual(sample, stored)
                self.assertAlmostEqual(sample.count("\n") / ROWS, float(share) / 100, delta=0.03)

    def test_every_form_has_the_same_rows_for_any_number_of_ranks(self):
        options = ("--box", "300,60,-30,60", "--columns", "id,name,mag,mag - mag_r as colour")
        rows = self.rows
        chosen = ((rows["ra"] >= 300) | (rows["ra"] <= 60)) & (rows["dec"] >= -30) & (rows["dec"] <= 60)
        for ending in ("csv", "ecsv", "fits", "h5"):
            paths = [self.path(f"q{ranks}.{ending}") for ranks in (0, 1, 3)]
            for ranks, path in zip((0, 1, 3), paths):
                self.skyfold("query", self.catalogue, *options, "--output", path, ranks=ranks)
            self.assertTrue(all(filecmp.cmp(paths[0], path, shallow=False) for path in paths[1:]), ending)
            columns = support.read_group(paths[0]) if ending == "h5" else Table.read(paths[0], format={"csv": "ascii.csv", "ecsv": "ascii.ecsv", "fits": "fits"}[ending])
            np.testing.assert_array_equal(columns["id"], rows["id"][chosen])
            np.testing.assert_allclose(np.ma.filled(np.ma.asarray(columns["colour"], float), np.nan), (rows["mag"].astype(float) - rows["mag_r"])[chosen], rtol=1e-12)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".")], [])
        with h5py.File(self.path("q0.h5")) as file:
            self.assertEqual(file.attrs["product_class"], "catalogue")
            self.assertIn("query", file.attrs["provenance"])
        # A catalogue again, of which the same question may be asked.
        self.assertEqual(int(self.skyfold("count", self.path("q0.h5"), *options[:2]).out), chosen.sum())

    def test_parquet(self):
        parquet_tools.require(support.binary())
        self.skyfold("query", self.catalogue, "--where", "mag < 20", "--output", self.path("q.parquet"))
        self.assertEqual(int(self.skyfold("count", self.path("q.parquet")).out), (self.rows["mag"] < 20).sum())

    def test_order_limit_and_screen(self):
        out = self.skyfold("query", self.catalogue, "--order-by", "mag", "--limit", "4", "--columns", "id,mag", "--format", "csv").out.split()
        best = np.argsort(self.rows["mag"], kind="stable")[:4]
        self.assertEqual([int(line.split(",")[0]) for line in out[1:]], list(self.rows["id"][best]))
        out = self.skyfold("query", self.catalogue, "--order-by", "id", "--descending", "--limit", "3", "--columns", "id").out.split()
        self.assertEqual([int(word) for word in out[1:]], sorted(self.rows["id"])[:-4:-1])
        screen = self.skyfold("head", self.catalogue, "--rows", "3", "--columns", "id,mag").out.splitlines()
        self.assertEqual([line.split()[0] for line in screen], ["id", *map(str, self.rows["id"][:3])])
        for ranks in (0, 3):
            self.skyfold("query", self.catalogue, "--limit", "10", "--output", self.path(f"l{ranks}.csv"), ranks=ranks)
        self.assertTrue(filecmp.cmp(self.path("l0.csv"), self.path("l3.csv"), shallow=False))
        self.assertEqual(len(pathlib.Path(self.path("l0.csv")).read_text().splitlines()), 11)
        self.assertEqual(self.skyfold("query", self.catalogue, "--cone", "200,-45,0", "--format", "csv", "--columns", "id").out, "id\n")

    def test_partners_with_the_same_rows_or_ids(self):
        """A science-ready catalogue: redshifts beside magnitudes, cut by both."""
        z = np.round(self.rows["dec"] / 90 + 1, 3)
        support.make_hdf5(self.base / "same.h5", {"id": self.rows["id"], "z_phot": z}, group="object")
        some = np.random.default_rng(2).permutation(ROWS)[:4000]
        support.make_csv(self.base / "some.csv", {"id": self.rows["id"][some], "z_phot": z[some]})
        chosen = (z > 1) & (self.rows["mag"] < 22)
        for partner, is_there in (("same.h5", np.ones(ROWS, bool)), ("some.csv", np.isin(np.arange(ROWS), some))):
            path = self.path(partner + ".q.h5")
            result = self.skyfold("query", self.catalogue, "--with", self.base / partner, "--where", "z_phot > 1 and mag < 22", "--columns", "id,mag,z_phot", "--output", path)
            rows = support.read_group(path)
            np.testing.assert_array_equal(rows["id"], self.rows["id"][chosen & is_there])
            np.testing.assert_array_equal(rows["z_phot"], z[chosen & is_there])
            self.assertEqual("left out" in result.err, partner == "some.csv", str(result))

    def test_what_is_wrong_gets_one_line(self):
        support.make_csv(self.base / "bad_cones.csv", {"ra": [1.0, 2.0], "dec": [0.0, 95.0], "radius_arcsec": [1.0, 1.0]})
        support.make_csv(self.base / "twice.csv", {"id": [1, 1], "z": [0.1, 0.2]})
        support.make_csv(self.base / "no_ids.csv", {"z": [0.1, 0.2]})
        for code, words, options in (
                (2, "has no unit", ["--cone", "1,2,3"]), (2, "3 corners", ["--polygon", "1,2,3,4"]), (2, "2 parts", ["--cone", "1,2"]),
                (2, "declination '99'", ["--cone", "1,99,1d"]), (2, "sides 1 and 3 cross", ["--polygon", "0,0,1,1,1,0,0,1"]), (2, "larger than", ["--box", "0,1,5,4"]),
                (3, "row 2: ra", ["--cones", self.base / "bad_cones.csv"]), (2, "no column 'magg', did you mean 'mag'", ["--where", "magg < 2"]),
                (2, "needs a name", ["--columns", "mag - mag_r"]), (2, "two columns are called 'id'", ["--columns", "id,mag as id"]), (2, "without --order-by", ["--descending"]),
                (2, "--radius without --cones", ["--radius", "1d"]), (2, "ending tells no format", ["--output", "x.doc"]), (2, "needs --output", ["--format", "fits"]),
                (3, "no coverage map", ["--moc", self.table]), (4, "none.fits", ["--moc", "none.fits"]), (3, "have one id", ["--with", self.base / "twice.csv"]),
                (3, "not both have ids", ["--with", self.base / "no_ids.csv"]), (2, "both input and output", ["--output", self.catalogue])):
            with self.subTest(options=options):
                result = self.run_skyfold("query", self.catalogue, *options)
                self.assertEqual(result.code, code, str(result))
                self.assertIn(words, " ".join(result.errors()), str(result))
                self.assertEqual(len(result.errors()), 1, str(result))


if __name__ == "__main__":
    support.main()
