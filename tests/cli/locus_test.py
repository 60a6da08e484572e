"""Pointings for differential photometry: against a plain search in Python, in every layout, from every kind of input."""
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import warnings

import h5py
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

STARS = 30_000
BANDS = "ugriz"


def plane(ra0, dec0, ra, dec):
    """Gnomonic projection about a target, degrees."""
    a, d, d0 = np.radians(ra - ra0), np.radians(dec), np.radians(dec0)
    depth = np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(a)
    x = np.degrees(np.cos(d) * np.sin(a) / depth)
    y = np.degrees((np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(a)) / depth)
    return np.where(depth > 0, x, np.inf), np.where(depth > 0, y, np.inf)


def crowded(ra, dec, r, resolution):
    """Stars with another one nearer than the resolution (degrees) and less than 5 mag different."""
    a, d = np.radians(ra), np.radians(dec)
    vectors = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)
    order = np.argsort(vectors[:, 2])
    limit = 2 * np.sin(np.radians(resolution) / 2)
    flag = np.zeros(len(ra), bool)
    for step in range(1, len(ra)):
        i, j = order[:-step], order[step:]
        if np.min(vectors[j, 2] - vectors[i, 2]) > limit:
            break
        near = (np.sum((vectors[i] - vectors[j]) ** 2, axis=1) < limit**2) & (np.abs(r[i] - r[j]) < 5)
        flag[i[near]] = flag[j[near]] = True
    return flag


def best_pointing(x, y, weight, size):
    """Greatest sum of ratings over all cells, the number of stars there, and the middle of their common region."""
    best = (0.0, 0, None)
    edges = lambda v: np.unique(np.concatenate([[-size / 2, size / 2], (e := np.concatenate([v - size / 2, v + size / 2]))[np.abs(e) < size / 2]]))
    middles = lambda v: (edges(v)[1:] + edges(v)[:-1]) / 2
    for cx in middles(x):
        in_x = np.abs(cx - x) < size / 2
        for cy in middles(y):
            inside = in_x & (np.abs(cy - y) < size / 2)
            score = weight[inside].sum()
            if score > best[0] + 1e-12:
                centre = [(max(-size / 2, (v[inside] - size / 2).max()) + min(size / 2, (v[inside] + size / 2).min())) / 2 for v in (x, y)]
                best = (score, inside.sum(), centre)
    return best


def ppr(path, fov, resolution, dmag, dcol, sets, count="q", numbers=8):
    """A binary parameter file: sets of (paths, targets of 8 numbers, of which 7 may be written)."""
    out = struct.pack("<4d" + count, fov, resolution, dmag, dcol, len(sets))
    for paths, targets in sets:
        out += struct.pack("<" + count, len(paths)) + b"".join(name.encode().ljust(150, b"\0") for name in paths)
        out += struct.pack("<" + count, len(targets)) + b"".join(struct.pack(f"<{numbers}d", *target[:numbers]) for target in targets)
    pathlib.Path(path).write_bytes(out)
    return str(path)


class LocusTest(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stars = str(cls.base / "stars.h5")
        cls.skyfold("mock", "--kind", "stars", "--objects", STARS, "--seed", 4, "--output", cls.stars, "--threads", 1)
        cls.sky = support.read_group(cls.stars)
        chosen = np.flatnonzero(cls.sky["psfmag_r"] < 18.5)[::40]
        cls.target_columns = {"name": np.array([f"T{i}" for i in range(len(chosen))], "S6"),
                              "ra": cls.sky["ra"][chosen] + 1e-4, "dec": cls.sky["dec"][chosen],
                              **{f"psfmag_{b}": cls.sky[f"psfmag_{b}"][chosen] for b in BANDS}}
        rng = np.random.default_rng(5)
        order = rng.permutation(len(chosen))
        cls.target_columns = {name: values[order] for name, values in cls.target_columns.items()}
        cls.targets = support.make_fits(cls.base / "targets.fits", cls.target_columns)

    def locus(self, name, *words, **options):
        output = self.path(name)
        self.skyfold("locus", "--output", output, *words, **options)
        return output

    def solve(self, name="p.h5", *words, **options):
        return self.locus(name, "--targets", self.targets, "--catalogue", self.stars, "--columns.id", "name", *words, **options)

    def assert_same_bytes(self, path, reference, what):
        if support.read_bytes(path) != support.read_bytes(reference):
            self.fail(f"{what}: the bytes differ")


class Truth(LocusTest):
    def test_pointings_are_the_best_of_all_cells(self):
        found = support.read_group(self.solve())
        sky, size = self.sky, 10 / 60
        g, r, i = (sky[f"psfmag_{b}"].astype(float) for b in "gri")
        usable = ~crowded(sky["ra"], sky["dec"], r, 10.8 / 3600)
        self.assertGreater(len(found["ra"]), 30)
        for k in range(len(found["ra"])):
            x, y = plane(found["ra"][k], found["dec"][k], sky["ra"], sky["dec"])
            tg, tr, ti = found["mag"][k][1:4]
            d1, d2 = np.abs(g - r - (tg - tr)), np.abs(r - i - (tr - ti))
            detected = (g < 90) & (r < 90) & (i < 90)
            candidate = (usable & detected & (np.abs(x) < size) & (np.abs(y) < size) & (np.abs(r - tr) < 2) & (d1 < 0.1) & (d2 < 0.1)
                         & (np.hypot(x, y) > 10.8 / 3600))
            weight = (1 - d1 / 0.1) * (1 - d2 / 0.1)
            score, n_ref, centre = best_pointing(x[candidate], y[candidate], weight[candidate], size)
            self.assertEqual(found["n_candidates"][k], candidate.sum())
            self.assertEqual(found["n_ref"][k], n_ref)
            if n_ref == 0:
                self.assertEqual(found["status"][k], 1)
                self.assertTrue(np.isnan([found[c][k] for c in ("av_ra", "av_dec", "rating")]).all())
                continue
            self.assertEqual(found["status"][k], 0)
            self.assertAlmostEqual(found["rating"][k], score, 10)
            at = plane(found["ra"][k], found["dec"][k], found["av_ra"][k], found["av_dec"][k])
            np.testing.assert_allclose(at, centre, atol=1e-9)

    def test_targets_keep_their_id_row_and_magnitudes(self):
        found = support.read_group(self.solve())
        columns = self.target_columns
        self.assertEqual(sorted(found["row"]), list(range(len(columns["ra"]))))
        row = found["row"]
        np.testing.assert_array_equal(found["name"], columns["name"][row])
        np.testing.assert_array_equal(found["ra"], columns["ra"][row])
        for k, band in enumerate(BANDS):
            np.testing.assert_array_equal(found["mag"][:, k], columns[f"psfmag_{band}"][row])
        self.assertTrue((np.diff(found["_healpix_29"]) >= 0).all())

    def test_selected_targets_keep_their_rows(self):
        found = support.read_group(self.solve("p.h5", "--targets.where", "r < 17.5 && psfmag_g != 99"))
        chosen = np.flatnonzero(self.target_columns["psfmag_r"].astype("f8") < 17.5)
        np.testing.assert_array_equal(np.sort(found["row"]), chosen)
        np.testing.assert_array_equal(found["name"], self.target_columns["name"][found["row"]])

    def test_fits_and_csv_hold_the_same_rows_in_the_published_order_of_columns(self):
        output = self.solve("p.h5", "--fits", self.path("p.fits"), "--csv", self.path("p.csv"))
        found = support.read_group(output)
        with fits.open(self.path("p.fits")) as hdus:
            self.assertEqual(hdus[1].columns.names[:6], ["ra", "dec", "mag", "av_ra", "av_dec", "rating"])
            self.assertEqual([hdus[1].columns[k].format for k in range(6)], ["D", "D", "5D", "D", "D", "D"])
            for name in found:
                values = hdus[1].data[name]
                if found[name].dtype.kind != "S":
                    np.testing.assert_array_equal(values, found[name])
        table = np.genfromtxt(self.path("p.csv"), delimiter=",", names=True)
        for name in ("ra", "av_ra", "av_dec", "rating", "n_ref"):
            np.testing.assert_array_equal(table[name], found[name])
        np.testing.assert_array_equal(table["mag_r"], found["mag"][:, 2])

    def test_reference_stars_are_those_that_the_score_counts(self):
        found = support.read_group(self.solve("p.h5", "--stars", self.path("s.h5"), "--csv", self.path("p.csv")))
        stars = support.read_group(self.path("s.h5"))
        text = np.genfromtxt(self.path("p.stars.csv"), delimiter=",", names=True)
        self.assertEqual(list(text.dtype.names), ["target", "number", "star", "id", "ra", "dec", "mag", "rating", "x", "y"])
        for name in text.dtype.names:
            np.testing.assert_array_equal(text[name], stars[name])
        self.assertTrue((np.diff(stars["target"]) >= 0).all())
        np.testing.assert_array_equal(stars["id"], self.sky["id"][stars["star"]])
        np.testing.assert_array_equal(stars["ra"], self.sky["ra"][stars["star"]])
        np.testing.assert_array_equal(stars["mag"], self.sky["psfmag_r"].astype("f8")[stars["star"]])
        for k in range(len(found["ra"])):
            mine = stars["target"] == k
            self.assertEqual(mine.sum(), found["n_ref"][k])
            np.testing.assert_array_equal(stars["number"][mine], 1 + np.arange(mine.sum()))
            self.assertTrue((np.diff(stars["rating"][mine]) <= 0).all())
            if mine.any():
                self.assertAlmostEqual(stars["rating"][mine].sum(), found["rating"][k], 9)
                edge = 5 - np.maximum(np.abs(stars["x"][mine]), np.abs(stars["y"][mine]))
                self.assertAlmostEqual(60 * edge.min(), found["margin"][k], 3)

    def test_every_star_is_its_own_target_on_traversal(self):
        traversal = support.read_group(self.locus("t.h5", "--traverse", "--catalogue", self.stars, "--targets.where", "r<18.5 and dec >= 20"))
        chosen = np.flatnonzero((self.sky["psfmag_r"] < 18.5) & (self.sky["dec"] >= 20))
        np.testing.assert_array_equal(traversal["row"], chosen)
        np.testing.assert_array_equal(traversal["id"], self.sky["id"][chosen])
        listed = support.make_hdf5(self.path("same.h5"), {name: self.sky[name][chosen] for name in ("id", "ra", "dec", *(f"psfmag_{b}" for b in BANDS))})
        again = support.read_group(self.locus("l.h5", "--targets", listed, "--catalogue", self.stars))
        for name in ("id", "av_ra", "av_dec", "rating", "n_ref", "n_candidates", "margin", "status"):
            np.testing.assert_array_equal(again[name], traversal[name], err_msg=name)

    def test_ratings_from_a_column_with_crowding_need_no_magnitudes_of_targets(self):
        target = support.make_csv(self.path("t.csv"), {"ra": self.sky["ra"][1000:1003], "dec": self.sky["dec"][1000:1003]})
        found = support.read_group(self.locus("p.h5", "--targets", target, "--catalogue", self.stars, "--rating", "column:psfmagerr_r", "--locus.dmag", 0))
        self.assertTrue((found["n_candidates"] > 100).all())
        self.assertTrue(np.isnan(found["mag"]).all())

    def test_ratings_from_a_column(self):
        columns = {"ra": self.sky["ra"][:3000], "dec": self.sky["dec"][:3000], "w": np.arange(3000) % 7 - 1.0}
        self.skyfold("import", "--input", support.make_hdf5(self.path("w.hdf5"), columns), "--output", self.path("w.h5"))
        target = support.make_csv(self.path("t.csv"), {"ra": np.array([columns["ra"][1500]]), "dec": np.array([columns["dec"][1500]])})
        found = support.read_group(self.locus("p.h5", "--targets", target, "--catalogue", self.path("w.h5"), "--rating", "column:w",
                                              "--locus.dmag", 0, "--locus.resolution", 0, "--locus.fov_ra", 4, "--locus.fov_dec", 4))
        x, y = plane(columns["ra"][1500], columns["dec"][1500], columns["ra"], columns["dec"])
        candidate = (np.abs(x) < 4 / 60) & (np.abs(y) < 4 / 60) & (columns["w"] > 0) & (np.hypot(x, y) > 0)
        score, n_ref, _ = best_pointing(x[candidate], y[candidate], columns["w"][candidate], 4 / 60)
        self.assertEqual(found["rating"][0], score)
        self.assertEqual(found["n_candidates"][0], candidate.sum())


class Layouts(LocusTest):
    def test_ranks_threads_and_partitions(self):
        words = ["--stars", "s.h5", "--fits", "p.fits", "--csv", "p.csv"]
        names = lambda folder: [word if word.startswith("--") else str(pathlib.Path(folder) / word) for word in words]
        for mode in (["--traverse", "--targets.where", "r<20"], ["--targets", self.targets]):
            reference = self.path("reference" + mode[0])
            os.mkdir(reference)
            self.skyfold("locus", *mode, "--catalogue", self.stars, "--output", f"{reference}/p.h5", *names(reference), "--threads", 1)
            for ranks, threads, options in [(1, 2, "--partition.by healpix --partition.nside 64"), (2, 1, "--partition.rows 1000"),
                                            (3, 2, "--partition.by rows --partition.rows 777"), (4, 1, "--farm.master dedicated --partition.rows 5000"),
                                            (0, 2, "--partition.by healpix --partition.nside 1024")]:
                with self.subTest(mode=mode[0], ranks=ranks, threads=threads, options=options):
                    folder = self.path(f"run{mode[0]}{ranks}{threads}")
                    os.mkdir(folder)
                    self.skyfold("locus", *mode, "--catalogue", self.stars, "--output", f"{folder}/p.h5", *names(folder), *options.split(),
                                 "--threads", threads, ranks=ranks)
                    for name in ("p.h5", "p.fits", "p.csv", "s.h5", "p.stars.csv"):
                        self.assert_same_bytes(f"{folder}/{name}", f"{reference}/{name}", name)

    def test_traversal_by_tile_and_by_attribute_finds_the_same_pointings(self):
        columns = {name: values for name, values in self.sky.items() if name != "_healpix_29"}
        columns["tile"] = np.array([f"T{ra:03.0f}{dec:+03.0f}" for ra, dec in zip(2 * columns["ra"] // 1 % 300, 2 * columns["dec"] // 1 % 90)], "S8")
        columns["rank"] = np.random.default_rng(9).permutation(STARS).astype("f8")
        self.skyfold("import", "--input", support.make_hdf5(self.path("tiles.hdf5"), columns), "--ordering", "tile", "--columns.tile", "tile", "--output",
                     self.path("tiles.h5"))
        words = ["--traverse", "--catalogue", self.path("tiles.h5"), "--targets.where", "r < 17"]
        sky = support.read_group(self.locus("sky.h5", *words))
        order = np.argsort(sky["id"])
        for by, more in (("tile", []), ("attribute", ["--partition.column", "rank"])):
            with self.subTest(by):
                cut = ["--partition.by", by, *more]
                output = self.locus(f"{by}.h5", *words, *cut, "--stars", self.path(f"{by}.s.h5"))
                found = support.read_group(output)
                mine = np.argsort(found["id"])
                for name in ("id", "ra", "dec", "av_ra", "av_dec", "rating", "n_ref", "n_candidates", "margin", "status"):
                    np.testing.assert_array_equal(found[name][mine], sky[name][order], err_msg=name)
                catalogue = support.read_group(self.path("tiles.h5" if by == "tile" else "tiles.by-rank.h5"))
                np.testing.assert_array_equal(catalogue["id"][found["row"]], found["id"])
                self.assertTrue((np.diff(found["row"]) > 0).all())
                again = self.path(f"{by}.again.h5")
                broken = self.run_skyfold("locus", "--output", again, *words, *cut, "--stars", self.path(f"{by}.again.s.h5"), "--farm.fault", "kill@1:1",
                                          "--farm.order", "rows")
                self.assertLess(broken.code, 0, str(broken))
                self.locus(f"{by}.again.h5", *words, *cut, "--stars", self.path(f"{by}.again.s.h5"), ranks=2)
                self.assert_same_bytes(again, output, by)
                self.assert_same_bytes(self.path(f"{by}.again.s.h5"), self.path(f"{by}.s.h5"), by)
        # Rows of one order are not taken for rows of another.
        self.assertLess(self.run_skyfold("locus", "--output", self.path("mixed.h5"), *words, "--farm.fault", "kill@1:1", "--partition.by", "rows",
                                         "--partition.rows", 9000).code, 0)
        mixed = self.run_skyfold("locus", "--output", self.path("mixed.h5"), *words, "--partition.by", "tile")
        self.assertEqual(mixed.code, 2, str(mixed))
        self.assertIn("an unfinished run of this output differs", mixed.errors()[0])

    def test_turned_and_round_fields_on_ranks_and_threads(self):
        for words in (["--locus.rotate", 4, "--locus.fov_dec", 5], ["--locus.radius", 6]):
            reference = self.solve(f"reference{words[0]}.h5", *words, "--threads", 1)
            again = self.solve(f"again{words[0]}.h5", *words, "--threads", 2, "--partition.rows", 7, ranks=3)
            self.assert_same_bytes(again, reference, words[0])
        found, upright = (support.read_group(self.path(f"{name}.h5")) for name in ("reference--locus.rotate", "reference--locus.radius"))
        self.assertNotIn("angle", upright)
        self.assertEqual(set(found["angle"][found["status"] == 0]), {0.0, 45.0, 90.0, 135.0})
        narrow = support.read_group(self.solve("narrow.h5", "--locus.fov_dec", 5))
        both = (found["status"] == 0) & (narrow["status"] == 0)
        self.assertTrue((found["rating"][both] >= narrow["rating"][both] - 1e-9).all())
        self.assertGreater((found["rating"][both] > narrow["rating"][both] + 0.01).sum(), 10)

    def test_mock_stars_are_the_same_on_any_number_of_ranks(self):
        for ranks, options in [(2, "--threads 2"), (3, "--farm.block_rows 1000")]:
            self.skyfold("mock", "--kind", "stars", "--objects", STARS, "--seed", 4, "--output", self.path("s.h5"), "--fresh", *options.split(), ranks=ranks)
            self.assert_same_bytes(self.path("s.h5"), self.stars, f"{ranks} ranks")
        result = self.run_skyfold("mock", "--kind", "stars", "--spectroscopic", 0.1, "--output", self.path("n.h5"))
        self.assertEqual(result.code, 2, str(result))
        self.assertIn("stars have no redshifts", result.err)

    def test_targets_from_fits_csv_and_hdf5_give_the_same(self):
        reference = support.read_group(self.solve())
        csv = support.make_csv(self.path("t.csv"), self.target_columns)
        hdf5 = support.make_hdf5(self.path("t.hdf5"), self.target_columns)
        for table in (csv, hdf5):
            found = support.read_group(self.locus("p2.h5", "--targets", table, "--catalogue", self.stars, "--columns.id", "name", "--fresh"))
            for name in ("av_ra", "av_dec", "rating", "n_ref", "row"):
                np.testing.assert_array_equal(found[name], reference[name], err_msg=f"{table} {name}")

    def test_a_catalogue_in_another_order_is_put_in_the_order_of_the_sky(self):
        shuffled = np.random.default_rng(6).permutation(STARS)
        table = support.make_hdf5(self.path("shuffled.hdf5"), {name: values[shuffled] for name, values in self.sky.items()})
        self.skyfold("import", "--input", table, "--ordering", "none", "--columns.ra", "ra", "--columns.dec", "dec", "--output", self.path("c.h5"))
        found = support.read_group(self.locus("p.h5", "--targets", self.targets, "--catalogue", self.path("c.h5"), "--columns.id", "name"))
        reference = support.read_group(self.solve("q.h5"))
        for name in ("av_ra", "rating", "n_ref", "name"):
            np.testing.assert_array_equal(found[name], reference[name])

    def test_a_run_that_was_killed_goes_on_however_the_work_is_cut_then(self):
        words = ["--traverse", "--catalogue", self.stars, "--targets.where", "r<17", "--stars"]
        reference = self.locus("reference.h5", *words, self.path("reference.s.h5"))
        for before, after in ((9000, 1500), (1500, 9000), (2000, 3100)):
            with self.subTest(before=before, after=after):
                output, stars = self.path(f"p{before}.h5"), self.path(f"s{before}.h5")
                cut = ["--partition.by", "rows", "--farm.order", "rows", "--partition.rows"]
                broken = self.run_skyfold("locus", "--output", output, *words, stars, *cut, before, "--farm.fault", "sleep=1@1:1,kill@2:1")
                self.assertLess(broken.code, 0, str(broken))
                self.assertFalse(os.path.exists(output))
                again = self.skyfold("locus", "--output", output, *words, stars, *cut, after)
                self.assertIn("going on from an earlier attempt", again.err)
                self.assert_same_bytes(output, reference, "pointings")
                self.assert_same_bytes(stars, self.path("reference.s.h5"), "reference stars")

    def test_a_part_that_fails_is_marked_and_the_others_are_right(self):
        reference = support.read_group(self.solve("reference.h5", "--partition.rows", 5))
        words = ["--targets", self.targets, "--catalogue", self.stars, "--columns.id", "name", "--partition.rows", 5]
        result = self.run_skyfold("locus", "--output", self.path("p.h5"), *words, "--stars", self.path("s.h5"), "--farm.fault", "throw@2")
        self.assertEqual(result.code, 5, str(result))
        found, stars = support.read_group(self.path("p.h5")), support.read_group(self.path("s.h5"))
        failed = found["status"] == 4
        self.assertTrue(0 < failed.sum() <= 5)
        for name in ("ra", "mag", "row", "name"):
            np.testing.assert_array_equal(found[name], reference[name])
        np.testing.assert_array_equal(found["av_ra"][~failed], reference["av_ra"][~failed])
        self.assertTrue(np.isnan(found["av_ra"][failed]).all())
        self.assertFalse(failed[stars["target"]].any())

    def test_parts_that_failed_are_tried_again_however_they_are_cut_then(self):
        words = ["--traverse", "--catalogue", self.stars, "--targets.where", "r<17"]
        siblings = lambda name: ["--stars", self.path(name + ".s.h5"), "--fits", self.path(name + ".fits"), "--csv", self.path(name + ".csv")]
        reference = self.locus("reference.h5", *words, *siblings("reference"))
        for again in (1500, 2700):
            cut = ["--partition.by", "rows", "--farm.order", "rows", "--partition.rows"]
            result = self.run_skyfold("locus", "--output", self.path("p.h5"), *words, *siblings("p"), *cut, 1500, "--farm.fault", "throw@2,throw@5")
            self.assertEqual(result.code, 5, str(result))
            again = self.skyfold("locus", "--output", self.path("p.h5"), *words, *siblings("p"), *cut, again)
            self.assertIn("tried again", again.err)
            for ending in ("h5", "s.h5", "fits", "csv"):
                self.assert_same_bytes(self.path("p." + ending), self.path("reference." + ending), ending)
                os.remove(self.path("p." + ending))
        self.assertTrue(os.path.exists(reference))

    def test_plots_of_unknown_targets_are_refused_before_the_work_and_may_be_corrected(self):
        if not shutil.which("gnuplot"):
            self.skipTest("gnuplot is not installed")
        words = ["--targets", self.targets, "--catalogue", self.stars, "--columns.id", "name", "--output", self.path("p.h5")]
        result = self.run_skyfold("locus", *words, "--plot", "T7,T8O")
        self.assertEqual(result.code, 2, str(result))
        self.assertIn("--plot T8O", result.errors()[0])
        self.assertEqual(os.listdir(self.folder), [])
        self.skyfold("locus", *words)
        for plot in ("T7", "T7,T8"):  # of finished rows
            result = self.skyfold("locus", *words, "--plot", plot)
            self.assertIn("all rows are there", result.err)
            self.assertTrue(os.path.exists(self.path(f"p.{plot[-2:]}.svg")))


class Published(LocusTest):
    """Files of the published programs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.middle = float(np.median(cls.sky["ra"])), float(np.median(cls.sky["dec"]))
        near = (np.abs(cls.sky["ra"] - cls.middle[0]) < 0.4) & (np.abs(cls.sky["dec"] - cls.middle[1]) < 0.4)
        cls.near = np.flatnonzero(near & (cls.sky["psfmag_r"] < 20))
        cls.magnitudes = np.stack([cls.sky[f"psfmag_{b}"].astype("f8") for b in BANDS], axis=1)
        cls.root = cls.base / "root"
        half = len(cls.near) // 2
        cls.files = [cls.field_file(run, cls.near[part]) for run, part in ((94, slice(None, half)), (1000, slice(half, None)))]

    @classmethod
    def field_file(cls, run, rows):
        folder = cls.root / str(run) / "40" / "calibChunks" / "3"
        folder.mkdir(parents=True)
        name = f"tsObj-{run:06d}-3-40-0012.fit"
        support.make_fits(str(folder / name).replace(".fit", "_local.fit"),
                          {"ra": cls.sky["ra"][rows], "dec": cls.sky["dec"][rows], "mag": cls.magnitudes[rows]})
        return str((folder / name).relative_to(cls.root))

    def target(self, row):
        return [self.sky["ra"][row], self.sky["dec"][row], *self.magnitudes[row], 0.0]

    def chosen(self):
        inner = [row for row in self.near if abs(self.sky["ra"][row] - self.middle[0]) < 0.1 and abs(self.sky["dec"][row] - self.middle[1]) < 0.1
                 and self.sky["psfmag_r"][row] < 18.5]
        self.assertGreater(len(inner), 3)
        return inner

    def reference(self, rows, *words):
        """The same targets and stars through import and --targets, under the same rules."""
        stars = {"ra": self.sky["ra"][self.near], "dec": self.sky["dec"][self.near], **{b: self.magnitudes[self.near, k] for k, b in enumerate(BANDS)}}
        targets = {"ra": self.sky["ra"][rows], "dec": self.sky["dec"][rows], **{b: self.magnitudes[rows, k] for k, b in enumerate(BANDS)}}
        self.skyfold("import", "--input", support.make_hdf5(self.path("stars.hdf5"), stars), "--output", self.path("stars.h5"))
        output = self.locus("reference.h5", "--targets", support.make_hdf5(self.path("targets.hdf5"), targets), "--catalogue", self.path("stars.h5"), *words)
        found = support.read_group(output)
        return {name: values[np.argsort(found["row"])] for name, values in found.items()}

    def assert_same_pointings(self, found, reference):
        for name in ("ra", "dec", "mag", "av_ra", "av_dec", "rating", "n_ref", "n_candidates", "status"):
            np.testing.assert_array_equal(found[name], reference[name], err_msg=name)

    def test_parameter_files_with_counts_of_8_and_4_bytes(self):
        rows = self.chosen()
        sets = [(self.files, [self.target(row) for row in rows[:2]]), (self.files, [self.target(row) for row in rows[2:]])]
        for compat in ("locus6", "none"):
            reference = self.reference(rows, "--locus.compat", compat, "--fresh")
            for count in "qi":
                with self.subTest(compat=compat, count=count):
                    path = ppr(self.path(f"{compat}{count}.ppr"), 10 / 60, 0.003, 2.0, 0.1, sets, count)
                    output = self.locus(f"{compat}{count}.h5", "--parameters", path, "--root", self.root, "--locus.compat", compat, ranks=2)
                    self.assert_same_pointings(support.read_group(output), reference)

    def test_targets_of_parameter_files_may_have_seven_numbers(self):
        rows = self.chosen()
        sets = [(self.files, [self.target(row) for row in rows[:2]]), (self.files, [self.target(row) for row in rows[2:]])]
        reference = self.reference(rows)
        for count in "qi":
            path = ppr(self.path(f"{count}.ppr"), 10 / 60, 0.003, 2.0, 0.1, sets, count, 7)
            told = self.skyfold("locus", "--parameters", path, "--root", self.root, "--output", self.path(f"{count}.h5"))
            self.assertIn("guessed targets of 7 numbers", told.err)
            self.assert_same_pointings(support.read_group(self.path(f"{count}.h5")), reference)

    def traversal_lists(self):
        """A traversal of one reference field, as its kinds of lists have it: name, text, what is said of a guess."""
        fields = [(94, 40, 3, 12), (1000, 40, 3, 12)]
        reference, text = fields[1], lambda *numbers: ",".join(map(str, numbers)) + "\n"
        lines = lambda make: "".join(text(*make(k, field)) for k, field in enumerate(fields))
        return [
            ("program", "NoFields,Field Number,ROW,REF Field ID,REF RUN,REF RERUN,REF CAMCOL,REF FIELD,RUN,RERUN,CAMCOL,FIELD\n"
             + lines(lambda k, field: (2, 0, k, 77, *reference, *field)), ""),
            ("paper", "REF RUN,REF RERUN,REF CAMCOL,REF FIELD,NoFields,Field Number,RUN,RERUN,CAMCOL,FIELD\n"
             + lines(lambda k, field: (*reference, 2, k, *field)), ""),
            ("mixed", "FIELD,CAMCOL,RERUN,RUN,ref_run,ref_rerun,ref_camcol,ref_field\n"
             + lines(lambda k, field: (*field[::-1], *reference)), ""),
            ("unnamed", "a,b,c,d,e,f,g,h,i,j\n" + lines(lambda k, field: (*reference, 2, k, *field)),
             "guessed columns 1 to 4 = reference field, 7 to 10 = field")]

    def test_traversal_lists_of_the_paper_and_the_program(self):
        reference = self.reference(self.near[len(self.near) // 2:])
        for name, text, guessed in self.traversal_lists():
            with self.subTest(name):
                pathlib.Path(self.path(name + ".csv")).write_text(text)
                told = self.skyfold("locus", "--list", self.path(name + ".csv"), "--root", self.root, "--output", self.path(name + ".h5"))
                self.assertIn(guessed, told.err)
                self.assertEqual("guessed" in told.err, bool(guessed))
                self.assert_same_pointings(support.read_group(self.path(name + ".h5")), reference)

    def test_lists_that_are_none_are_refused(self):
        cases = [("a,b,c,d,e,f,g,h,i,j\n1,40,3,12,2,0,94,40,9,12\n", 3, "no camera columns 1 to 6 in columns 3 and 9"),
                 ("a,b,c\n1,2,3\n", 3, "3 columns"), ("run,rerun,camcol,field\n94,40,3,12\n", 3, "a list of fields without targets"),
                 ("run,rerun,camcol,field\n", 3, "no rows")]
        for text, code, message in cases:
            pathlib.Path(self.path("bad.csv")).write_text(text)
            result = self.run_skyfold("locus", "--list", self.path("bad.csv"), "--root", self.root, "--output", self.path("bad.h5"))
            self.assertEqual(result.code, code, str(result))
            self.assertEqual(len(result.errors()), 1, str(result))
            self.assertIn(message, result.errors()[0])

    def test_parameters_are_files_that_give_the_same_pointings(self):
        rows = self.chosen()
        lines = ["specObjID,No of Fields,RUN,RERUN,CAMCOL,FIELD,Quasar RA,Quasar DEC,u,g,r,i,z"]
        for k, row in enumerate(rows):
            lines += [",".join(map(repr, [1000 + k, 2, run, 40, 3, 12, *map(float, self.target(row)[:7])])) for run in (94, 1000)]
        pathlib.Path(self.path("targets.csv")).write_text("\n".join(lines) + "\n")
        pathlib.Path(self.path("fields.csv")).write_text(self.traversal_lists()[1][1])
        settings = ["--locus.fov_ra", 9, "--locus.fov_dec", 9, "--locus.dcol", 0.15]
        for name, count, numbers in (("targets", "q", 8), ("targets", "i", 7), ("fields", "q", 8)):
            with self.subTest(f"{name} {count} {numbers}"):
                work, listed = self.path(f"{name}{count}"), self.path(name + ".csv")
                words = ["locus", "parameters", "--list", listed, "--root", self.root, "--output", work, *settings,
                         "--parameters.count_bytes", {"q": 8, "i": 4}[count], "--parameters.target_numbers", numbers]
                instances = 3 if name == "targets" else 1
                self.skyfold(*words, "--instances", instances)
                units = np.atleast_1d(np.genfromtxt(work + ".units.csv", delimiter=",", names=True, dtype=None, encoding=None))
                self.assertEqual(list(units["instance"]), list(range(instances)))
                self.assertEqual(list(units["begin"][1:]), list(units["end"][:-1]))
                found = []
                for unit in units:
                    stem = f"{work}_{unit['begin']}_{unit['end']}"
                    subprocess.run(unit["command"].replace("skyfold", support.binary(), 1), shell=True, check=True, capture_output=True,
                                   env=support.environment(self.base), cwd=self.folder)
                    found.append(support.read_group(stem + ".h5"))
                    self.assertEqual(len(found[-1]["ra"]), unit["targets"])
                    self.assert_file_list(stem, count)
                reference = support.read_group(self.locus(f"{name}{count}.list.h5", "--list", listed, "--root", self.root, *settings))
                for column in ("ra", "dec", "mag", "av_ra", "av_dec", "rating", "n_ref", "status"):
                    np.testing.assert_array_equal(np.concatenate([part[column] for part in found]), reference[column], err_msg=column)
                if name == "targets":   # byte by byte what the published program writes, but for its names of files
                    whole = self.path("whole")
                    self.skyfold(*[whole if word == work else word for word in words])
                    files = [str(self.root / file) for file in self.files]
                    sets = [(files, [self.target(row)]) for row in rows]
                    expected = ppr(self.path("expected.ppr"), 9 / 60, 10.8 / 3600, 2.0, 0.15, sets, count, numbers)
                    self.assertEqual(support.read_bytes(f"{whole}_0_{len(rows)}.ppr"), support.read_bytes(expected))

    def assert_file_list(self, stem, count):
        """STEM.prm and STEM.prt name both field files."""
        files = sorted(str(self.root / file) for file in self.files)
        self.assertEqual(pathlib.Path(stem + ".prt").read_text(), "\n2\n" + "".join(file + "\n" for file in files))
        size = {"q": 8, "i": 4}[count]
        self.assertEqual(support.read_bytes(stem + ".prm"), (2).to_bytes(size, "little") + b"".join(file.encode().ljust(150, b"\0") for file in files))

    def test_parameters_that_cannot_be_made_are_refused(self):
        pathlib.Path(self.path("fields.csv")).write_text(self.traversal_lists()[1][1])
        pathlib.Path(self.path("gone.csv")).write_text("run,rerun,camcol,field\n94,40,3,12\n95,40,3,12\n96,40,3,12\n")
        deep = self.folder / ("d" * 130)
        shutil.copytree(self.root, deep)
        cases = [(["--list", self.path("fields.csv"), "--root", self.root, "--instances", 2], 2, "instances = 2"),
                 (["--list", self.path("fields.csv"), "--root", self.root, "--locus.fov_ra", 5], 2, "one size of the field"),
                 (["--list", self.path("fields.csv"), "--root", self.root, "--parameters.count_bytes", 5], 2, "parameters.count_bytes = 5"),
                 (["--list", self.path("gone.csv"), "--root", self.root], 4, "3 of 3 are missing"),
                 (["--list", self.path("fields.csv"), "--root", deep], 3, "has at most 149")]
        for words, code, message in cases:
            result = self.run_skyfold("locus", "parameters", *words, "--output", self.path("w"))
            self.assertEqual(result.code, code, str(result))
            self.assertEqual(len(result.errors()), 1, str(result))
            self.assertIn(message, result.errors()[0])
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("w")], [])

    def test_settings_are_those_of_the_parameter_file_unless_given(self):
        rows = self.chosen()
        path = ppr(self.path("small.ppr"), 6 / 60, 0.001, 1.5, 0.2, [(self.files, [self.target(row) for row in rows])])
        found = support.read_group(self.locus("small.h5", "--parameters", path, "--root", self.root))
        settings = ["--locus.fov_ra", 6, "--locus.fov_dec", 6, "--locus.resolution", 3.6, "--locus.dcol", 0.2]
        self.assert_same_pointings(found, self.reference(rows, *settings, "--locus.dmag", 1.5))
        given = support.read_group(self.locus("given.h5", "--parameters", path, "--root", self.root, "--locus.dmag", 1))
        self.assertTrue((given["n_candidates"] <= found["n_candidates"]).all())

    def test_lists_of_targets_and_of_fields(self):
        rows = self.chosen()
        lines = ["specObjID, No of Fields, RUN, RERUN, CAMCOL, FIELD, Quasar RA, Quasar DEC, u magnitude, g magnitude, r magnitude, i magnitude, z magnitude"]
        for k, row in enumerate(rows):
            for run in (94, 1000):
                lines.append(",".join(map(repr, [1000 + k, 2, run, 40, 3, 12, *map(float, self.target(row)[:7])])))
        pathlib.Path(self.path("targets.csv")).write_text("\n".join(lines) + "\n")
        found = support.read_group(self.locus("targets.h5", "--list", self.path("targets.csv"), "--root", self.root))
        np.testing.assert_array_equal(found["specObjID"], 1000 + np.arange(len(rows)))
        self.assert_same_pointings(found, self.reference(rows))
        pathlib.Path(self.path("fields.csv")).write_text(
            "NoFields,Field Number,ROW,REF RUN,REF RERUN,REF CAMCOL,REF FIELD,RUN,RERUN,CAMCOL,FIELD\n"
            "2,0,0,1000,40,3,12,1000,40,3,12\n2,1,0,1000,40,3,12,94,40,3,12\n")
        found = support.read_group(self.locus("fields.h5", "--list", self.path("fields.csv"), "--root", self.root))
        self.assert_same_pointings(found, self.reference(self.near[len(self.near) // 2:], "--fresh"))

    def test_a_missing_field_file_is_named(self):
        path = ppr(self.path("missing.ppr"), 10 / 60, 0.003, 2.0, 0.1, [([*self.files, "1/2/tsObj-none.fit"], [self.target(self.near[0])])])
        result = self.run_skyfold("locus", "--parameters", path, "--root", self.root, "--output", self.path("m.h5"))
        self.assertEqual(result.code, 4, str(result))
        self.assertRegex(result.err, r"tsObj-none_local\.fit: missing field file")

    def test_a_damaged_parameter_file_is_refused(self):
        path = ppr(self.path("whole.ppr"), 10 / 60, 0.003, 2.0, 0.1, [(self.files, [self.target(self.near[0])])])
        for cut in (0, 10, 40, 200, -1):
            pathlib.Path(self.path("cut.ppr")).write_bytes(support.read_bytes(path)[:cut])
            result = self.run_skyfold("locus", "--parameters", self.path("cut.ppr"), "--root", self.root, "--output", self.path("m.h5"))
            self.assertEqual(result.code, 3, str(result))
            self.assertIn("not a parameter file", result.err)


class Surveys(LocusTest):
    """Bands, names and motions of other surveys."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng, n = np.random.default_rng(8), 4000
        cls.gaia = {"source_id": 10**15 + np.arange(n), "ra": (359.6 + 0.8 * rng.random(n)) % 360, "dec": 69.7 + 0.6 * rng.random(n),
                    "pmra": rng.normal(0, 900, n), "pmdec": rng.normal(0, 900, n), "ref_epoch": np.full(n, 2016.0),
                    "phot_g_mean_mag": rng.uniform(13, 18, n)}
        colour = rng.normal(1.0, 0.25, n)
        cls.gaia["phot_bp_mean_mag"] = cls.gaia["phot_g_mean_mag"] + 0.4 * colour + rng.normal(0, 0.02, n)
        cls.gaia["phot_rp_mean_mag"] = cls.gaia["phot_g_mean_mag"] - 0.6 * colour + rng.normal(0, 0.02, n)
        cls.gaia["pmra"][::7] = np.nan

    def traverse(self, columns, name, *words, **options):
        self.skyfold("import", "--input", support.make_hdf5(self.path(name + ".hdf5"), columns), "--output", self.path(name + ".stars.h5"))
        told = self.skyfold("locus", "--traverse", "--catalogue", self.path(name + ".stars.h5"), "--survey", "gaia", "--locus.band", "g", "--output",
                            self.path(name + ".h5"), *words, **options)
        found = support.read_group(self.path(name + ".h5"))
        order = np.argsort(found["source_id"])
        return {column: values[order] for column, values in found.items()}, told

    def test_stars_are_moved_to_a_stated_epoch(self):
        words = ["--locus.colours", "bp-rp", "--targets.where", "phot_g_mean_mag < 15"]
        found, told = self.traverse(self.gaia, "still", *words, "--locus.epoch", 2050, "--locus.fov_ra", 6, "--locus.fov_dec", 6)
        self.assertIn("stars are moved to 2050 by pmra and pmdec, from ref_epoch", told.err)
        # A straight line in space, by vectors; Astropy's motion has relativistic terms, too, which are some mas for stars as fast as these.
        pm_ra, pm_dec = (np.nan_to_num(np.where(np.isnan(self.gaia["pmra"]), 0, self.gaia[name])) for name in ("pmra", "pmdec"))
        a, d, radians = np.radians(self.gaia["ra"]), np.radians(self.gaia["dec"]), np.radians(34 / 3.6e6)
        at = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)]) + radians * (
            pm_ra * np.stack([-np.sin(a), np.cos(a), 0 * a]) + pm_dec * np.stack([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)]))
        moved = dict(self.gaia, ra=np.degrees(np.arctan2(at[1], at[0])) % 360, dec=np.degrees(np.arctan2(at[2], np.hypot(at[0], at[1]))))
        sky = SkyCoord(self.gaia["ra"], self.gaia["dec"], unit="deg", pm_ra_cosdec=pm_ra * u.mas / u.yr, pm_dec=pm_dec * u.mas / u.yr, obstime=Time(2016.0, format="jyear"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")   # of stars without a distance
            there = sky.apply_space_motion(Time(2050.0, format="jyear"))
        self.assertGreater(sky.separation(there).arcsec.max(), 60)
        self.assertLess(there.separation(SkyCoord(moved["ra"], moved["dec"], unit="deg")).arcsec.max(), 0.03)
        expected, _ = self.traverse(moved, "moved", *words, "--locus.fov_ra", 6, "--locus.fov_dec", 6)
        np.testing.assert_array_equal(found["source_id"], expected["source_id"])
        for name, tolerance in (("ra", 1e-10), ("dec", 1e-10), ("av_ra", 1e-9), ("av_dec", 1e-9), ("rating", 1e-9), ("n_ref", 0), ("n_candidates", 0), ("status", 0)):
            np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=tolerance, err_msg=name)
        again, _ = self.traverse(self.gaia, "again", *words, "--locus.epoch", 2050, "--locus.fov_ra", 6, "--locus.fov_dec", 6, "--partition.by", "rows",
                                 "--partition.rows", 700, ranks=2)
        for name, values in found.items():
            np.testing.assert_array_equal(again[name], values)
        self.assertGreater((found["status"] == 0).sum(), 1000)

    def test_one_colour_of_two_bands_makes_stars_alike(self):
        found, _ = self.traverse(self.gaia, "still", "--locus.colours", "bp-rp", "--targets.where", "phot_g_mean_mag < 13.1")
        colour, g = self.gaia["phot_bp_mean_mag"] - self.gaia["phot_rp_mean_mag"], self.gaia["phot_g_mean_mag"]
        usable = ~crowded(self.gaia["ra"], self.gaia["dec"], g, 10.8 / 3600)
        self.assertGreater(len(found["ra"]), 30)
        for k, name in enumerate(found["source_id"]):
            own = int(name - 10**15)
            x, y = plane(self.gaia["ra"][own], self.gaia["dec"][own], self.gaia["ra"], self.gaia["dec"])
            difference = np.abs(colour - colour[own])
            candidate = (usable & (np.abs(x) < 1 / 6) & (np.abs(y) < 1 / 6) & (np.abs(g - g[own]) < 2) & (difference < 0.1) & (np.hypot(x, y) > 10.8 / 3600))
            score, n_ref, _ = best_pointing(x[candidate], y[candidate], 1 - difference[candidate] / 0.1, 1 / 6)
            self.assertEqual((found["n_candidates"][k], found["n_ref"][k]), (candidate.sum(), n_ref))
            if n_ref:
                self.assertAlmostEqual(found["rating"][k], score, 10)

    def test_presets_know_the_names_of_their_surveys(self):
        for survey, names, band in (("panstarrs", [f"{b}MeanPSFMag" for b in "grizy"], "r"), ("apass", [f"{b}mag" for b in ("B", "g_", "V", "r_", "i_")], "V")):
            columns = {"id": np.arange(400), "ra": 10 + 0.3 * np.arange(400) / 400, "dec": 0.2 * (np.arange(400) % 20) / 20}
            columns.update({name: 15 + 0.01 * (np.arange(400) % 7) + 0.1 * k for k, name in enumerate(names)})
            columns[names[2]][3] = -999 if survey == "panstarrs" else np.nan
            self.skyfold("import", "--input", support.make_hdf5(self.path(survey + ".hdf5"), columns), "--output", self.path(survey + ".stars.h5"))
            found = support.read_group(self.locus(survey + ".h5", "--traverse", "--catalogue", self.path(survey + ".stars.h5"), "--survey", survey, "--locus.band", band))
            self.assertEqual(found["mag"].shape[1], 5)
            self.assertEqual(found["status"][found["id"] == 3], 2)
            self.assertGreater((found["status"] == 0).sum(), 300)

    def test_motions_and_colours_that_cannot_be_are_refused(self):
        self.skyfold("import", "--input", support.make_hdf5(self.path("g.hdf5"), self.gaia), "--output", self.path("g.h5"))
        gaia = ["--traverse", "--catalogue", self.path("g.h5"), "--survey", "gaia", "--locus.band", "g"]
        mock = ["--traverse", "--catalogue", self.stars]
        cases = [([*mock, "--locus.epoch", 2020], 2, "no known names of proper motions"), ([*gaia, "--motion.pm_ra", "pmra"], 2, "motion.pm_ra"),
                 ([*gaia, "--locus.epoch", 2020, "--motion.pm_ra", "pm"], 2, "no column pm (named by --motion.pm_ra)"),
                 ([*gaia, "--locus.colours", "bp"], 2, "a colour is two bands"), ([*gaia, "--locus.colours", "bp-k"], 2, "locus.colours = bp-k"),
                 ([*gaia, "--locus.colours", "bp-g,g-rp,bp-rp"], 2, "names 3 colours"), ([*mock, "--survey", "gaya"], 2, "did you mean 'gaia'")]
        for words, code, message in cases:
            result = self.run_skyfold("locus", *words, "--output", self.path("m.h5"))
            self.assertEqual(result.code, code, str(result))
            self.assertIn(message, result.errors()[0])


class WorkedExample(LocusTest):
    def test_no_pointing_of_the_published_rules_is_better_for_the_samples(self):
        self.skyfold("import", "--input", support.sample("stars.csv"), "--output", self.path("stars.h5"))
        words = ["--targets", support.sample("targets.csv"), "--catalogue", self.path("stars.h5"), "--bands", "g,r,i", "--locus.geometry", "box",
                 "--locus.exclude_target", "false"]
        exact = support.read_group(self.locus("e.h5", *words))
        published = support.read_group(self.locus("p.h5", *words, "--locus.compat", "locus6"))
        np.testing.assert_array_equal(exact["id"], published["id"])
        self.assertGreater(published["n_ref"].max(), 5)
        found = published["status"] == 0
        self.assertGreater(found.sum(), 10)
        self.assertTrue((exact["rating"][found] >= published["rating"][found] - 1e-9).all())

    def test_the_pointing_of_paper_one(self):
        stars, target = support.shared("locus/paper1_in_frame_1345.csv"), support.shared("locus/paper1_target.csv")
        self.skyfold("import", "--input", stars, "--output", self.path("stars.h5"))
        words = ["--targets", target, "--catalogue", self.path("stars.h5"), "--bands", "u,g,r,i,z", "--bands.magnitude", "psfmag_{band}",
                 "--locus.crowding_dmag", 2]
        found = support.read_group(self.locus("p.h5", *words, "--locus.compat", "locus6", "--stars", self.path("s.h5")))
        self.assertEqual((found["n_candidates"][0], found["n_ref"][0]), (14, 7))
        np.testing.assert_allclose([found[name][0] for name in ("av_ra", "av_dec", "rating")],
                                   [346.64627166749483, -5.122641996493043, 3.8687665500000232], rtol=0, atol=1e-9)
        expected = np.genfromtxt(support.shared("locus/paper1_final_fov_7.csv"), delimiter=",", names=True)
        np.testing.assert_array_equal(np.sort(support.read_group(self.path("s.h5"))["ra"]), np.sort(expected["ra"]))
        exact = support.read_group(self.locus("e.h5", *words, "--locus.exclude_target", "false"))
        self.assertGreaterEqual(exact["rating"][0], 3.8687665500000232 - 1e-9)


class Charts(LocusTest):
    def test_a_finder_chart_is_drawn(self):
        if not shutil.which("gnuplot"):
            self.skipTest("gnuplot is not installed")
        self.solve("p.h5", "--plot", "T3", "T5")
        for name in ("p.T3.svg", "p.T5.svg"):
            text = pathlib.Path(self.path(name)).read_text()
            self.assertIn("</svg>", text)
            for word in ("target T", "reference stars", "field of view", "other stars", "rating", "RA, Dec (ICRS)", "r = ", ">N<", ">E<"):
                self.assertIn(word, text)

    def test_a_finder_chart_numbers_the_reference_stars_as_the_table_does(self):
        if not shutil.which("gnuplot"):
            self.skipTest("gnuplot is not installed")
        # The target with the most reference stars that a chart numbers all.
        found = support.read_group(self.solve("q.h5"))
        best = int(np.argmax(np.where(found["n_ref"] <= 25, found["n_ref"], 0)))
        name, n_ref = found["name"][best].decode().strip(), int(found["n_ref"][best])
        for words in ([], ["--locus.radius", 5], ["--locus.rotate", 3, "--locus.fov_dec", 6]):
            output = f"p{len(words)}{words[0][8:10] if words else ''}"
            self.solve(output + ".h5", *words, "--stars", self.path(output + ".s.h5"), "--plot", name, "--plot.format", "both", "--plot.date", "2026-12-01")
            product, stars = support.read_group(self.path(output + ".h5")), support.read_group(self.path(output + ".s.h5"))
            mine = np.flatnonzero(stars["target"] == int(np.flatnonzero(product["name"] == found["name"][best])[0]))
            text = pathlib.Path(self.path(f"{output}.{name}.svg")).read_text()
            self.assertIn(f"target {name}, 2026-12-01", text)
            for row in mine[:25]:
                place = SkyCoord(stars["ra"][row], stars["dec"][row], unit="deg")
                self.assertIn(place.ra.to_string("hour", sep=":", precision=2, pad=True) + " " + place.dec.to_string(sep=":", precision=1, pad=True, alwayssign=True),
                              text)
                self.assertIn(f">{stars['mag'][row]:.2f}<", text.replace("</tspan>", "<").replace(" <", "<"))
            picture = support.read_bytes(self.path(f"{output}.{name}.png"))
            self.assertEqual(picture[:8], b"\x89PNG\r\n\x1a\n")
            self.assertEqual(struct.unpack(">2I", picture[16:24]), (2120, 1520))
        self.assertGreater(n_ref, 5)

    def test_without_gnuplot_there_is_a_clear_message(self):
        programs = self.folder / "bin"  # all that Open MPI may want, without gnuplot
        programs.mkdir()
        for folder in os.environ["PATH"].split(":"):
            for program in os.listdir(folder) if os.path.isdir(folder) else []:
                if not program.startswith("gnuplot") and not (programs / program).is_symlink():
                    (programs / program).symlink_to(os.path.join(folder, program))
        words = ["locus", "--targets", self.targets, "--catalogue", self.stars, "--output", self.path("p.h5"), "--plot", "T3"]
        done = subprocess.run([support._binary[0], *words], env=dict(support.environment(self.base), PATH=str(programs)), capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn(b"gnuplot is not installed", done.stderr)


class Mistakes(LocusTest):
    def test_errors_name_what_is_wrong(self):
        bare = support.make_csv(self.path("bare.csv"), {"ra": np.array([1.0]), "dec": np.array([2.0])})
        off = support.make_csv(self.path("off.csv"), {"ra": np.array([1.0, 2.0]), "dec": np.array([2.0, 95.0]),
                                                      **{b: np.array([17.0, 17.0]) for b in BANDS}})
        catalogue = ["--catalogue", self.stars]
        listed = ["--targets", self.targets, *catalogue]
        cases = [([], 2, "give the targets in one way"), ([*listed, "--traverse"], 2, "give the targets in one way"),
                 (["--traverse"], 2, "--catalogue is missing"), ([*listed, "--locus.band", "y"], 2, "locus.band = y"),
                 ([*listed, "--rating", "colour:x"], 2, "rating = colour:x"), ([*listed, "--rating", "column:none"], 2, "no column none"),
                 ([*listed, "--rating", "column:dec", "--locus.compat", "locus6"], 2, "colour rule only"),
                 ([*listed, "--partition.by", "tile"], 2, "is for --traverse"), ([*listed, "--targets.where", "r ~ 3"], 2, "a condition is needed"),
                 ([*listed, "--targets.where", "q < 3"], 2, "no column 'q'"), ([*listed, "--targets.where", "r < -50"], 3, "no targets"),
                 (["--traverse", *catalogue, "--targets.where", "r < -50"], 3, "no star is selected"),
                 (["--targets", bare, *catalogue], 2, "no known names of magnitude columns"),
                 (["--targets", off, *catalogue], 3, "row 2: ra = 2, dec = 95"), (["--targets", self.path("none.csv"), *catalogue], 4, "none.csv"),
                 (["--list", bare, "--root", "."], 3, "2 columns"), (["--list", bare], 2, "--root is missing"),
                 ([*listed, "--plot", "T99999"], 2, "there is no such target")]
        for number, (words, code, message) in enumerate(cases):
            if "--plot" in words and not shutil.which("gnuplot"):
                continue
            with self.subTest(message):
                result = self.run_skyfold("locus", *words, "--output", self.path(f"m{number}.h5"))
                self.assertEqual(result.code, code, str(result))
                self.assertEqual(len(result.errors()), 1, str(result))
                self.assertIn(message, result.errors()[0])
                self.assertFalse(os.path.exists(self.path(f"m{number}.h5")))


if __name__ == "__main__":
    support.main()
