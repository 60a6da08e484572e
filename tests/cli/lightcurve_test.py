"""aggregate and lightcurve: statistics beside numpy, periods beside astropy and the truth, the same bytes for ranks, and what is wrong with an
input. The measurements are joined by import."""
import pathlib
import sys

import numpy as np
from astropy.table import Table
from astropy.timeseries import LombScargle

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import support
from support import make_fits, read_bytes, read_group

OBJECTS, FILTERS = 120, ("F160W", "F475W", "F814W")


class LightCurves(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(4)
        ra, dec = 10.6 + rng.uniform(-0.5, 0.5, OBJECTS), 41.2 + rng.uniform(-0.5, 0.5, OBJECTS)
        cls.id = rng.permutation(OBJECTS) * 7 + 2**53 + 1
        objects = make_fits(cls.base / "objects.fits", {"id": cls.id, "ra": ra, "dec": dec})
        cls.skyfold("import", "--input", objects, "--output", str(cls.base / "objects.h5"))
        count = rng.poisson(60, OBJECTS)
        count[::17] = 0
        of = np.repeat(np.arange(OBJECTS), count)
        n = len(of)
        cls.period = rng.uniform(0.45, 0.9, OBJECTS)
        filters = rng.integers(0, 3, n)
        mjd = 55_000 + rng.uniform(0, 700, n)
        phase = (mjd / cls.period[of]) % 1
        error = rng.uniform(0.02, 0.05, n).astype("f4")
        mag = (20 + 0.2 * filters + 0.7 * np.where(phase < 0.2, 1 - phase / 0.2, (phase - 0.2) / 0.8) + error * rng.normal(size=n)).astype("f4")
        mag[::50], mag[7::60], error[11::40] = 99.999, np.nan, 9.999
        years = (mjd - 55_350) / 365.25
        motion = 40 * years / 3.6e6  # degrees
        table = {"object": cls.id[of], "filter": np.array(FILTERS, "S5")[filters], "mjd": mjd, "mag": mag, "magerr": error,
                 "flag": (rng.uniform(size=n) < 0.03).astype("i4"),
                 "ra": ra[of] + (motion + rng.normal(size=n) * 2e-3 / 3600) / np.cos(np.radians(dec[of])), "dec": dec[of] + rng.normal(size=n) * 2e-3 / 3600}
        # Visits of 20 days, whose measurements stand between those of the next one; some are not known.
        visit = ((mjd - 55_000) // 20 + rng.integers(0, 2, n)).astype("i4")
        table["image"] = np.array([f"v{v}_{FILTERS[f]}.fits" for v, f in zip(visit, filters)], "S16")
        table["visit"] = np.where(rng.uniform(size=n) < 0.02, -1, visit).astype("i4")
        cls.measurements = make_fits(cls.base / "meas.fits", table, nulls={"visit": -1})
        cls.catalogue = str(cls.base / "cat.h5")
        cls.skyfold("import", "--measurements", cls.measurements, "--objects", str(cls.base / "objects.h5"), "--join", "id:object",
                    "--output", cls.catalogue)
        cls.rows = read_group(cls.catalogue)
        cls.table, cls.of = table, of

    def curve(self, identity, used=True):
        """Measurements of an object by filter: time, magnitude, error."""
        t = {name: values[self.table["object"] == identity] for name, values in self.table.items()}
        ok = np.isfinite(t["mag"]) & (t["mag"] < 90) & (t["flag"] == 0)
        curves = {}
        for name in FILTERS:
            some = ok & (t["filter"] == name.encode())
            order = np.argsort(t["mjd"][some])
            curves[name] = [t[column][some][order].astype("f8") for column in ("mjd", "mag", "magerr", "ra", "dec")]
        return curves

    def aggregate(self, name, *words, **options):
        output = self.path(name)
        self.skyfold("aggregate", self.catalogue, "--output", output, *(() if "--meas.use" in words else ("--meas.use", "flag == 0")), *map(str, words), **options)
        return output

    def fails(self, code, message, *words):
        result = self.run_skyfold(*words)
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertRegex(result.errors()[0], message)


def stetson_j(mjd, delta, days):
    """By the rule of docs/aggregate.md, step by step."""
    terms, weights, i = [], [], 0
    while i < len(mjd):
        if i + 1 < len(mjd) and mjd[i + 1] - mjd[i] <= days:
            p, w, i = delta[i] * delta[i + 1], 1.0, i + 2
        else:
            p, w, i = delta[i] ** 2 - 1, 0.5, i + 1
        terms.append(w * np.sign(p) * np.sqrt(abs(p)))
        weights.append(w)
    return np.sum(terms) / np.sum(weights)


class Aggregate(LightCurves):
    def test_statistics_are_those_of_numpy(self):
        rows = read_group(self.aggregate("a.h5", "--pairs.days", 0.5))
        np.testing.assert_array_equal(rows["id"], self.rows["id"])
        for k, identity in enumerate(rows["id"]):
            everything = []
            curves = self.curve(identity)
            self.assertEqual(rows["n_measurements"][k], np.sum(self.table["object"] == identity))
            self.assertEqual(rows["n_used"][k], sum(len(c[0]) for c in curves.values()))
            for name, (mjd, mag, err, _, _) in curves.items():
                row = lambda statistic: rows[f"{name}_{statistic}"][k]
                self.assertEqual(row("n"), len(mag))
                if len(mag) < 3:
                    continue
                has = err < 9
                w = err[has] ** -2
                mean = np.average(mag[has], weights=w)
                delta = np.sqrt(has.sum() / (has.sum() - 1)) * (mag[has] - mean) / err[has]
                everything += list(zip(mjd[has], delta))
                truth = {"mean": mag.mean(), "weighted_mean": mean, "weighted_mean_err": w.sum() ** -0.5, "rms": mag.std(ddof=1),
                         "chi2": np.sum((mag[has] - mean) ** 2 * w), "von_neumann": np.sum(np.diff(mag) ** 2) / np.sum((mag - mag.mean()) ** 2),
                         "amplitude": np.ptp(mag), "mjd_first": mjd[0], "mjd_last": mjd[-1], "stetson_j": stetson_j(mjd[has], delta, 0.5)}
                for statistic, value in truth.items():
                    np.testing.assert_allclose(row(statistic), value, rtol=1e-6 if rows[f"{name}_{statistic}"].dtype == "f4" else 1e-13,
                                               atol=2e-6 if statistic == "stetson_j" else 0, err_msg=f"{name} {statistic}")
            if everything:
                mjd, delta = np.array(sorted(everything)).T
                np.testing.assert_allclose(rows["stetson_j"][k], stetson_j(mjd, delta, 0.5), rtol=1e-5, atol=2e-6)
            else:
                self.assertTrue(np.isnan(rows["stetson_j"][k]) and np.isnan(rows["mjd_first"][k]))

    def test_positions_and_motions_are_those_of_a_straight_line(self):
        rows = read_group(self.aggregate("a.h5"))
        pulls = []
        for k, identity in enumerate(rows["id"]):
            mjd, _, _, ra, dec = np.concatenate([np.array(c) for c in self.curve(identity).values()], axis=1)
            if len(mjd) < 3:
                self.assertTrue(np.isnan(rows["pm_ra"][k]))
                continue
            x, y = (ra - ra.mean()) * np.cos(np.radians(dec.mean())) * 3.6e6, (dec - dec.mean()) * 3.6e6
            slope, covariance = np.polyfit(mjd / 365.25 - 150, x, 1, cov=True)
            np.testing.assert_allclose([rows["pm_ra"][k], rows["pm_ra_err"][k]], [slope[0], covariance[0, 0] ** 0.5], rtol=1e-4)
            np.testing.assert_allclose(rows["pos_ra"][k], ra.mean(), rtol=0, atol=1e-11)
            np.testing.assert_allclose(rows["pos_scatter"][k], np.sqrt((np.sum(x**2) + np.sum(y**2)) / 2 / (len(x) - 1)) / 1000, rtol=1e-4)
            np.testing.assert_allclose(rows["pos_epoch"][k], mjd.mean(), rtol=1e-13)
            pulls.append((rows["pm_ra"][k] - 40) / rows["pm_ra_err"][k])
        self.assertTrue(0.7 < np.std(pulls) < 1.3, np.std(pulls))

    def test_periods_are_true_and_those_of_astropy(self):
        rows = read_group(self.aggregate("p.h5", "--period", "shared", "--period.min", 0.3, "--statistics", "n", "--motion", "false"))
        truth = dict(zip(self.id, self.period))
        found = rows["n_used"] >= 40
        near = np.abs(rows["period"][found] / [truth[i] for i in rows["id"][found]] - 1) < 1e-3
        self.assertGreaterEqual(near.mean(), 0.95)
        self.assertTrue(np.all(rows["period_fap"][found] < 1e-6))
        self.assertTrue(np.all(rows["period_flags"][rows["n_used"] == 0] == 1))
        one = read_group(self.aggregate("q.h5", "--period", "shared", "--period.harmonics", 1, "--meas.filters", "F475W", "--period.min", 0.3,
                                        "--meas.max-error", 1e9))
        for k in np.flatnonzero(one["n_used"] >= 15)[:20]:
            mjd, mag, err, _, _ = self.curve(one["id"][k])["F475W"]
            periodogram = LombScargle(mjd, mag, err)
            frequency = 1 / one["period"][k]
            np.testing.assert_allclose(one["period_power"][k], periodogram.power(frequency), rtol=1e-5)
            # Its fast method is off by some 0.001 here.
            best = periodogram.power(np.arange(1 / np.ptp(mjd), 1 / 0.3, 0.1 / np.ptp(mjd)), method="cython").max()
            self.assertGreater(one["period_power"][k], best - 1e-3)
            fap = periodogram.false_alarm_probability(one["period_power"][k], method="baluev", maximum_frequency=1 / 0.3)
            np.testing.assert_allclose(one["period_fap"][k], fap, rtol=1e-4)

    def test_products_have_the_same_bytes_for_any_ranks_threads_and_blocks(self):
        words = ("--period", "separate", "--period.min", 1)
        whole = read_bytes(self.aggregate("a.h5", *words, "--threads", 1))
        for ranks, more in ((1, ("--threads", 2)), (2, ("--farm.block_rows", 17)), (3, ("--partition.rows", 10)), (4, ("--partitions-per-job", 1))):
            with self.subTest(ranks=ranks):
                self.assertEqual(read_bytes(self.aggregate(f"b{ranks}.h5", *words, *more, ranks=ranks)), whole)

    def test_what_is_asked_for_is_there_alone(self):
        rows = read_group(self.aggregate("s.h5", "--statistics", "mean,rms", "--meas.filters", "F814W,F475W", "--motion", "false"))
        self.assertEqual(set(rows), {"_healpix_29", "id", "ra", "dec", "n_measurements", "n_used", "mjd_first", "mjd_last", "stetson_j", "F475W_mean",
                                     "F475W_rms", "F814W_mean", "F814W_rms"})

    def test_what_cannot_be_is_one_line(self):
        output = ("--output", self.path("x.h5"))
        self.fails(3, r"objects\.h5: has no measurements", "aggregate", str(self.base / "objects.h5"), *output)
        self.fails(3, r"objects\.fits: is a FITS file, not an HDF5 file of skyfold", "aggregate", str(self.base / "objects.fits"), *output)
        self.fails(2, r"--meas\.filters F606W .*filters are F160W, F475W, F814W", "aggregate", self.catalogue, "--meas.filters", "F606W", *output)
        self.fails(2, r"no column 'magg'", "aggregate", self.catalogue, "--meas.magnitude", "magg", *output)
        self.fails(2, r"needs errors", "aggregate", self.catalogue, "--meas.error", "none", "--statistics", "chi2", *output)
        self.fails(2, r"period\.max = 1", "aggregate", self.catalogue, "--period", "shared", "--period.max", "1", "--period.min", "2", *output)
        self.fails(2, r"flagg", "aggregate", self.catalogue, "--meas.use", "flagg == 0", *output)


class Visits(LightCurves):
    def groups(self, column):
        """Measurements that count of each object, filter and visit, in the order of the product."""
        t = self.table
        ok = np.isfinite(t["mag"]) & (t["mag"] < 90) & (t["flag"] == 0)
        for identity in self.rows["id"]:
            for name in FILTERS:
                some = np.flatnonzero(ok & (t["object"] == identity) & (t["filter"] == name.encode()))
                some = some[np.argsort(t["mjd"][some], kind="stable")]
                for visit in dict.fromkeys(t[column][some]):
                    yield identity, name, visit, some[t[column][some] == visit], some

    def test_statistics_of_a_visit_are_those_of_numpy(self):
        output = self.aggregate("v.h5", "--by", "visit", "--pairs.days", 5, "--fits", self.path("v.fits"))
        rows, fits_rows = read_group(output), Table.read(self.path("v.fits"))
        self.assertEqual(len(fits_rows), len(rows["n"]))
        t, k = self.table, 0
        mean = lambda r: np.average(t["mag"][r].astype("f8")[t["magerr"][r] < 9], weights=t["magerr"][r][t["magerr"][r] < 9].astype("f8") ** -2)
        for k, (identity, name, visit, r, curve) in enumerate(self.groups("visit")):
            what = f"row {k}: object {identity}, {name}, visit {visit}"
            self.assertEqual((rows["id"][k], rows["filter"][k].decode(), rows["visit"][k], rows["n"][k]), (identity, name, visit, len(r)), what)
            self.assertEqual(fits_rows["visit_offset"][k], rows["visit_offset"][k]) if np.isfinite(rows["visit_offset"][k]) else None
            self.assertEqual(rows["n_visits"][k], len(set(t["visit"][curve])))
            mag, err = t["mag"][r].astype("f8"), t["magerr"][r].astype("f8")
            np.testing.assert_allclose([rows["mean"][k], rows["mjd_first"][k], rows["mjd_last"][k], rows["pos_ra"][k]],
                                       [mag.mean(), t["mjd"][r[0]], t["mjd"][r[-1]], t["ra"][r].mean()], rtol=1e-13)
            has = err < 9
            if not has.any():
                self.assertTrue(np.isnan(rows["weighted_mean"][k]) and np.isnan(rows["visit_offset"][k]), what)
                continue
            np.testing.assert_allclose(rows["weighted_mean"][k], mean(r), rtol=1e-13, err_msg=what)
            np.testing.assert_allclose(rows["visit_offset"][k], mean(r) - mean(curve), rtol=0, atol=1e-12, err_msg=what)
            if has.sum() > 1:
                np.testing.assert_allclose(rows["chi2"][k], np.sum((mag[has] - mean(r)) ** 2 / err[has] ** 2), rtol=1e-5, err_msg=what)
                delta = np.sqrt(has.sum() / (has.sum() - 1)) * (mag[has] - mean(r)) / err[has]
                np.testing.assert_allclose(rows["stetson_j"][k], stetson_j(t["mjd"][r][has], delta, 5), rtol=1e-5, atol=2e-6)
        self.assertEqual(len(rows["id"]), k + 1)
        self.assertIn(-1, rows["visit"])   # what has no visit is together, not lost

    def test_visits_are_told_by_the_names_of_images(self):
        output = self.aggregate("i.h5", "--by", "visit", "--meas.visit", "image", "--statistics", "mean", "--motion", "false")
        rows = read_group(output)
        self.assertEqual(set(rows), {"_healpix_29", "id", "ra", "dec", "image", "filter", "n", "mean", "n_visits", "visit_offset"})
        truth = list(self.groups("image"))
        np.testing.assert_array_equal(rows["image"].astype("S16"), [g[2] for g in truth])
        np.testing.assert_array_equal(rows["n"], [len(g[3]) for g in truth])
        none = read_group(self.aggregate("none.h5", "--by", "visit", "--meas.filters", "F814W", "--meas.sentinels", "20.5", "--meas.use", "mjd < 0"))
        self.assertEqual(len(none["n"]), 0)

    def test_zero_points_of_visits_by_sql_are_medians(self):
        parquet_tools.require_library(support.binary())
        self.aggregate("zero.h5", "--by", "visit", "--meas.visit", "image")
        self.skyfold("sql", self.path("zero.h5"), "SELECT image, filter, count(*) AS n, median(visit_offset) AS zero_point FROM zero WHERE n_visits > 1 "
                     "GROUP BY image, filter ORDER BY image", "--output", self.path("zero.csv"))
        found, rows = Table.read(self.path("zero.csv")), read_group(self.path("zero.h5"))
        several = rows["n_visits"] > 1
        self.assertEqual(list(found["image"]), sorted(set(rows["image"][several].astype(str))))
        for row in found:
            offsets = rows["visit_offset"][several & (rows["image"] == row["image"].encode())]
            self.assertEqual(row["n"], len(offsets))
            if np.isfinite(offsets).all():
                np.testing.assert_allclose(row["zero_point"], np.median(offsets), rtol=1e-12)

    def test_products_have_the_same_bytes_for_any_ranks_and_threads(self):
        whole = read_bytes(self.aggregate("a.h5", "--by", "visit", "--threads", 1))
        for ranks, more in ((2, ("--threads", 2)), (3, ("--farm.block_rows", 17)), (4, ())):
            with self.subTest(ranks=ranks):
                self.assertEqual(read_bytes(self.aggregate(f"b{ranks}.h5", "--by", "visit", *more, ranks=ranks)), whole)

    def test_what_cannot_be_is_one_line(self):
        words = ("aggregate", self.catalogue, "--output", self.path("x.h5"))
        self.fails(2, r"no column 'vis'.*--meas\.visit", *words, "--by", "visit", "--meas.visit", "vis")
        self.fails(2, r"--period shared with --by visit", *words, "--by", "visit", "--period", "shared")
        self.fails(2, r"meas\.visit.*--by visit", *words, "--meas.visit", "visit")
        self.fails(2, r"motion\.min-n.*--by object", *words, "--by", "visit", "--motion.min-n", 5)
        self.fails(2, r"two columns filter", *words, "--by", "visit", "--meas.visit", "filter")


class Rows(LightCurves):
    def rows_of(self, *words, ending=".csv"):
        output = self.path("rows" + ending)
        self.skyfold("lightcurve", self.catalogue, "--output", output, "--meas.use", "flag == 0", *map(str, words))
        return Table(read_group(output)) if ending == ".h5" else Table.read(output)

    def truth(self, identity):
        """All measurements of an object by filter and time."""
        some = np.flatnonzero(self.table["object"] == identity)
        return some[np.lexsort((self.table["mjd"][some], self.table["filter"][some]))]

    def check(self, rows, identities):
        order = np.concatenate([self.truth(identity) for identity in identities])
        self.assertEqual(len(rows), len(order))
        np.testing.assert_array_equal(np.asarray(rows["id"]), self.table["object"][order])
        np.testing.assert_array_equal(np.asarray(rows["filter"]).astype("S5"), self.table["filter"][order])
        np.testing.assert_array_equal(np.asarray(rows["mjd"]), self.table["mjd"][order])
        np.testing.assert_array_equal(np.ma.filled(rows["mag"], np.nan).astype("f4"), self.table["mag"][order])
        used = (self.table["mag"][order] < 90) & (self.table["flag"][order] == 0)
        np.testing.assert_array_equal(np.asarray(rows["used"]), used)

    def test_curves_by_id_stand_in_the_order_of_the_ids_in_every_format(self):
        ids = [int(i) for i in self.id[[5, 3, 17, 40]]]
        for ending in (".csv", ".fits", ".h5"):
            with self.subTest(ending):
                self.check(self.rows_of("--id", *ids, ending=ending), ids)
        listed = support.make_csv(self.path("ids.csv"), {"id": np.array(ids)})
        self.check(self.rows_of("--ids", listed), ids)
        shown = self.skyfold("lightcurve", self.catalogue, "--id", ids[0]).out
        self.assertEqual(sum("F814W" in line for line in shown.splitlines()), np.sum(self.table["filter"][self.truth(ids[0])] == b"F814W"))

    def test_curves_by_place_and_condition_stand_in_the_order_of_the_catalogue(self):
        ra, dec = self.rows["ra"], self.rows["dec"]
        x, y = np.radians(10.6), np.radians(41.2)
        cosine = np.sin(y) * np.sin(np.radians(dec)) + np.cos(y) * np.cos(np.radians(dec)) * np.cos(np.radians(ra) - x)
        near = np.degrees(np.arccos(cosine)) < 0.2
        self.check(self.rows_of("--cone", "10.6,41.2,0.2d"), self.rows["id"][near])
        self.check(self.rows_of("--cone", "10.6,41.2,12'", "--where", "dec > 41.2"), self.rows["id"][near & (dec > 41.2)])

    def test_phases_are_those_of_the_period(self):
        identity = int(self.id[3])
        rows = self.rows_of("--id", identity, "--fold", 0.5, "--fold.epoch", 55_000.1)
        np.testing.assert_allclose(rows["phase"], ((self.table["mjd"][self.truth(identity)] - 55_000.1) / 0.5) % 1, atol=1e-9)
        rows = self.rows_of("--id", identity, "--fold", "auto", "--period.min", 0.3)
        np.testing.assert_allclose(rows["period"], self.period[3], rtol=1e-3)
        np.testing.assert_allclose(rows["phase"], (rows["mjd"] / rows["period"]) % 1, atol=1e-7)

    def test_all_objects_are_what_aggregate_makes(self):
        words = ("--meas.use", "flag == 0", "--period.min", "1")
        whole = read_group(self.aggregate("a.h5", "--period", "shared", "--period.min", "1"))
        for ranks in (1, 3):
            self.skyfold("lightcurve", self.catalogue, "--all", "--output", self.path(f"l{ranks}.h5"), *words, ranks=ranks)
            rows = read_group(self.path(f"l{ranks}.h5"))
            self.assertEqual(set(rows), set(whole))
            for name, values in whole.items():
                np.testing.assert_array_equal(rows[name], values)

    def test_the_picture_shows_every_filter_and_the_folded_curve(self):
        for words, titles in (((), []), (("--fold", "auto", "--period.min", "0.3"), ["phase", "period"])):
            self.skyfold("lightcurve", self.catalogue, "--id", int(self.id[3]), "--output", self.path("r.csv"), "--plot", self.path("p.svg"), *words)
            text = pathlib.Path(self.path("p.svg")).read_text()
            for word in (*FILTERS, "MJD", str(int(self.id[3])), *titles):
                self.assertIn(word, text)

    def test_what_cannot_be_is_one_line(self):
        self.fails(2, r"which objects\?", "lightcurve", self.catalogue)
        self.fails(3, r"has no object 12345", "lightcurve", self.catalogue, "--id", int(self.id[0]), "12345")
        self.fails(2, r"id 12x .*whole numbers", "lightcurve", self.catalogue, "--id", "12x")
        self.fails(2, r"--fold -1 .*period", "lightcurve", self.catalogue, "--id", int(self.id[0]), "--fold=-1")
        self.fails(2, r"--plot draws one object", "lightcurve", self.catalogue, "--where", "dec > 0", "--plot", self.path("p.svg"))
        self.fails(2, r"--all is about all objects", "lightcurve", self.catalogue, "--all", "--where", "dec > 0", "--output", self.path("x.h5"))
        self.fails(2, r"--output is missing", "lightcurve", self.catalogue, "--all")
        one = ("lightcurve", self.catalogue, "--id", int(self.id[0]))
        for needs, *words in (("--all", "--statistics", "mean"), ("--all", "--motion", "false"), ("--all", "--pairs.days", "1"),
                              ("--all", "--partition.rows", "50"), ("--all", "--meas.ra", "none"), ("--fold auto or --all", "--period", "separate"),
                              ("--fold auto or --all", "--period.min", "1", "--fold", "0.5"), ("--fold", "--fold.epoch", "1")):
            self.fails(2, rf"{words[0]} has no part in this run \(it needs {needs}\)", *one, *words)
        texts = support.make_csv(self.path("texts.csv"), {"id": np.array(["a", "b"])})
        for command in ("lightcurve", "query"):
            self.fails(3, r"--ids .*column id has texts, ids are numbers", command, self.catalogue, "--ids", texts)
        self.fails(2, r"--period none", *one, "--period", "none", "--fold", "auto")
        every = ("lightcurve", self.catalogue, "--all", "--output")
        self.fails(2, r"--columns has no part", *every, self.path("x.h5"), "--columns", "ra")
        self.fails(2, r"x\.fits \(--all writes HDF5 alone", *every, self.path("x.fits"))
        self.fails(2, r"x\.h5 --format csv \(--all writes HDF5 alone", *every, self.path("x.h5"), "--format", "csv")
        self.fails(2, r"no column 'nope'", "lightcurve", self.catalogue, "--id", int(self.id[0]), "--columns", "nope")
        self.fails(3, r"has no measurements", "lightcurve", str(self.base / "objects.h5"), "--id", int(self.id[0]))


if __name__ == "__main__":
    support.main()
