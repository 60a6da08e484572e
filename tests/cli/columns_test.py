"""photoz with several models in one pass, and columns under the names of surveys. Numbers of PDFs are computed anew by numpy and scipy
from the PDFs that the same run wrote; files of PDFs are looked at by the rules of qp's reader, with h5py."""
import pathlib
import sys

import h5py
import numpy as np
from astropy.io import fits
from scipy import optimize, stats

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import support

OBJECTS = 3000
RUBIN = ["z_median", "z_mean", "z_mode", "z_err68_low", "z_err68_high", "z_err95_low", "z_err95_high"]
HSC = ["photoz_mean", "photoz_mode", "photoz_median", "photoz_best", "photoz_mc",
       *(f"photoz_{what}_{point}" for point in ("mean", "mode", "median", "best") for what in ("conf", "risk", "std")),
       "photoz_err68_min", "photoz_err68_max", "photoz_err95_min", "photoz_err95_max"]
EUCLID = ["PHZ_PDF", "PHZ_MEDIAN", "PHZ_MODE_1", "PHZ_MODE_1_AREA", "PHZ_MODE_2", "PHZ_MODE_2_AREA", "PHZ_70_INT", "PHZ_90_INT", "PHZ_95_INT",
          "PHZ_FLAGS"]
DES = {"DNF_Z": "z_phot", "DNF_ZSIGMA": "z_err", "DNF_ZERR_PARAM": "z_err_param", "DNF_ZERR_FIT": "z_err_fit", "DNF_ZN": "z_nn", "DNF_D1": "d1",
       "DNF_DE1": "d1_euclid", "DNF_NNEIGHBORS": "n_neighbours"}
ANCIL = {"zmode", "zmedian", "zmean", "z_mode", "z_median", "z_mean", "z_std", "z_q2p5", "z_q16", "z_q84", "z_97p5", "distribution_type", "object_id",
         "redshift"}


class Grid:
    """A PDF that is linear between points, on 64 points between each two: an integral of it is a sum."""

    def __init__(self, grid, values):
        self.z = np.interp(np.linspace(0, len(grid) - 1, 64 * (len(grid) - 1) + 1), np.arange(len(grid)), grid)
        density = np.interp(self.z, grid, values.astype("f8"))
        step = np.diff(self.z)
        self.cumulative = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]) * step)])
        self.density, self.cumulative = density / self.cumulative[-1], self.cumulative / self.cumulative[-1]
        self.mode = grid[np.argmax(values)]

    def quantile(self, p):
        return np.interp(p, self.cumulative, self.z)

    def cdf(self, z):
        return np.interp(z, self.z, self.cumulative)

    def mean(self, function):
        return np.trapz(self.density * function(self.z), self.z)


class Mixture:
    def __init__(self, means, stds, weights):
        keep = weights > 0
        self.means, self.stds, self.weights = means[keep].astype("f8"), stds[keep].astype("f8"), weights[keep].astype("f8")
        self.weights /= self.weights.sum()
        self.z = np.linspace((self.means - 9 * self.stds).min(), (self.means + 9 * self.stds).max(), 4001)
        self.density = (self.weights * stats.norm.pdf(self.z[:, None], self.means, self.stds)).sum(1)
        self.mode = self.z[np.argmax(self.density)]

    def cdf(self, z):
        return (self.weights * stats.norm.cdf(np.asarray(z)[..., None], self.means, self.stds)).sum(-1)

    def quantile(self, p):
        return optimize.brentq(lambda z: self.cdf(z) - p, self.z[0], self.z[-1], xtol=1e-12)

    def mean(self, function):
        return np.trapz(self.density * function(self.z), self.z)


CONSENSUS = {f"consensus_{name}" for name in ("z_phot", "z_err", "chi2", "n", "agrees")}


class ColumnsTest(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue = str(cls.base / "survey.h5")
        cls.skyfold("mock", "--objects", OBJECTS, "--seed", 12, "--spectroscopic", 0.3, "--output", cls.catalogue, "--threads", 1)
        sample = str(cls.base / "survey.spec.h5")
        train = ["train", "--calibrate", "none", "--sample", sample, "--train.fraction", 1, "--threads", 1, "--output"]
        cls.skyfold(*train, cls.base / "m.h5", "--algorithms", "dnf,knn")
        cls.skyfold(*train, cls.base / "near.h5", "--algorithms", "dnf", "--dnf.neighbours", 20)
        cls.dnf, cls.knn, cls.near = (str(cls.base / name) for name in ("m.dnf.h5", "m.knn.h5", "near.h5"))
        cls.objects = support.read_group(cls.catalogue)

    @classmethod
    def photoz(cls, output, models, *words, run=None, **options):
        catalogue = () if "--catalogue" in words else ("--catalogue", cls.catalogue)
        return (run or cls.skyfold)("photoz", *catalogue, "--model", ",".join(models), "--output", output, "--threads", 1,
                                    "--project", "none", "--product-log", "none", *words, **options)


class Columns(ColumnsTest):
    def refused(self, code, message, models, *words, catalogue=None):
        result = self.run_skyfold("photoz", "--catalogue", catalogue or self.catalogue, "--model", ",".join(models), "--output", self.path("no.h5"),
                                  "--product-log", "none", *words)
        self.assertEqual(result.code, code, result)
        self.assertRegex(result.errors()[-1], message)
        self.assertFalse(pathlib.Path(self.path("no.h5")).exists())

    def pdfs(self, path):
        with h5py.File(path) as file:
            data = {name: file[f"data/{name}"][:] for name in file["data"]}
            grid = file["meta/xvals"][0] if "xvals" in file["meta"] else None
        if grid is not None:
            return [Grid(grid, row) if np.isfinite(row).all() else None for row in data["yvals"][::30]]
        return [Mixture(*row) if np.isfinite(row[2]).all() else None
                for row in zip(data["means"][::30], data["stds"][::30], data["weights"][::30])]

    def assert_numbers(self, found, pdfs, number, tolerance, name):
        wanted = [np.nan if pdf is None else number(pdf) for pdf in pdfs]
        np.testing.assert_allclose(found[::30], wanted, rtol=0, atol=tolerance, err_msg=name)

    # Several models

    def test_models_in_one_pass_give_what_each_gives_alone(self):
        words = ["--pdf", "interp", "--pdf.bins", 61]
        self.photoz(self.path("z.h5"), [self.dnf, self.knn], "--fits", self.path("z.fits"), *words)
        z, table = support.read_group(self.path("z.h5")), fits.getdata(self.path("z.fits"))
        names = {"id", "ra", "dec", "tile", "_healpix_29"}
        for model, path in (("dnf", self.dnf), ("knn", self.knn)):
            self.photoz(self.path("one.h5"), [path], *words)
            one = support.read_group(self.path("one.h5"))
            for name in set(one) - names:
                self.assertEqual(z[f"{model}_{name}"].tobytes(), one[name].tobytes(), name)
                np.testing.assert_array_equal(table[f"{model}_{name}"], one[name], name)
            names |= {f"{model}_{name}" for name in one if name not in ("id", "ra", "dec", "tile", "_healpix_29")}
            self.assertTrue(support.read_bytes(self.path(f"z.{model}.pdf.hdf5")) == support.read_bytes(self.path("one.pdf.hdf5")), model)
        self.assertEqual(set(z), names | CONSENSUS)
        self.skyfold("validate", "--sample", str(self.base / "survey.spec.h5"), "--estimates", self.path("z.h5"), "--estimates.z_phot", "dnf_z_phot",
                     "--estimates.z_err", "dnf_z_err", "--output", self.path("v.h5"))
        self.assertGreater(np.isfinite(support.read_group(self.path("v.h5"), "/objects")["pit"]).sum(), 100)  # of z.dnf.pdf.hdf5

    def test_each_model_corrects_as_it_was_trained(self):
        ebv = (0.02 + 0.3 * np.random.default_rng(3).random(OBJECTS)).astype("f4")
        red = {**{name: values for name, values in self.objects.items() if name != "_healpix_29"}, "ebv": ebv}
        sample = {name: values[self.objects["z_spec"] > 0][:700] for name, values in red.items()}
        support.make_fits(self.path("red.fits"), red)
        self.skyfold("import", "--input", self.path("red.fits"), "--output", self.path("red.h5"))
        support.make_fits(self.path("sample.fits"), sample)
        self.skyfold("train", "--calibrate", "none", "--sample", self.path("sample.fits"), "--train.fraction", 1, "--output", self.path("e.h5"), "--algorithms", "knn",
                     "--extinction.column", "ebv", "--extinction.coefficients", "g:3.6,r:2.7,i:2.1,z:1.6,Y:1.3")
        for output, models in (("both", f"{self.dnf},{self.path('e.h5')}"), ("a", self.dnf), ("b", self.path("e.h5"))):
            self.skyfold("photoz", "--catalogue", self.path("red.h5"), "--model", models, "--output", self.path(f"{output}.h5"), "--threads", 1)
        both, a, b = (support.read_group(self.path(f"{name}.h5")) for name in ("both", "a", "b"))
        self.assertEqual(both["dnf_z_phot"].tobytes(), a["z_phot"].tobytes())
        self.assertEqual(both["knn_z_phot"].tobytes(), b["z_phot"].tobytes())
        self.skyfold("photoz", "--catalogue", self.path("red.h5"), "--model", self.path("e.h5"), "--corrections", "none", "--output", self.path("c.h5"))
        self.assertFalse(np.array_equal(support.read_group(self.path("c.h5"))["z_phot"], b["z_phot"], equal_nan=True))

    def assert_consensus(self, found, z, sigma, sigmas):
        known = np.isfinite(z) & (sigma > 0)
        weight = np.where(known, 1 / np.where(known, sigma, 1) ** 2, 0)
        n = known.sum(0)
        with np.errstate(invalid="ignore"):
            mean = np.where(known, z * weight, 0).sum(0) / weight.sum(0)
            chi2 = np.where(known, weight * (z - mean) ** 2, 0).sum(0)
        pairs = [(i, j) for i in range(len(z)) for j in range(i)]
        far = [known[i] & known[j] & (np.abs(z[i] - z[j]) > sigmas * np.hypot(sigma[i], sigma[j])) for i, j in pairs]
        np.testing.assert_array_equal(found["consensus_n"], n)
        np.testing.assert_allclose(found["consensus_z_phot"], mean, rtol=1e-12)
        np.testing.assert_allclose(found["consensus_z_err"][n > 0], weight.sum(0)[n > 0] ** -0.5, rtol=1e-6)
        np.testing.assert_allclose(found["consensus_chi2"][n > 0], chi2[n > 0], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(found["consensus_agrees"], np.where(n < 2, -1, ~np.any(far, axis=0)))
        return found["consensus_agrees"]

    def test_the_consensus_of_models_is_that_of_numpy(self):
        models = ("--model.prefix", "a,b,c")
        self.photoz(self.path("z.h5"), [self.dnf, self.knn, self.near], *models, "--fits", self.path("z.fits"))
        z = support.read_group(self.path("z.h5"))
        points, errors = (np.array([z[f"{m}_{name}"].astype("f8") for m in "abc"]) for name in ("z_phot", "z_err"))
        agrees = self.assert_consensus(z, points, errors, 2)
        self.assertGreater(min(np.sum(agrees == 1), np.sum(agrees == 0)), 20)
        table = fits.getdata(self.path("z.fits"))
        np.testing.assert_array_equal(table["consensus_agrees"], agrees)
        self.photoz(self.path("r.h5"), [self.dnf, self.knn], "--columns", "rubin", "--consensus.sigmas", 0.5)
        z = support.read_group(self.path("r.h5"))
        points = np.array([z[f"{m}_z_median"] for m in ("dnf", "knn")])
        errors = np.array([0.5 * (z[f"{m}_z_err68_high"] - z[f"{m}_z_err68_low"]) for m in ("dnf", "knn")])
        self.assert_consensus(z, points, errors, 0.5)
        self.photoz(self.path("n.h5"), [self.dnf, self.knn], "--consensus", "none")
        self.assertFalse(CONSENSUS & set(support.read_group(self.path("n.h5"))))

    def test_the_same_bytes_on_any_ranks_and_after_a_kill(self):
        words = ["--columns", "rubin", "--pdf", "interp", "--pdf.bins", 31, "--model.prefix", "wide,near", "--partition.rows", 500]
        files = ("h5", "fits", "wide.pdf.hdf5", "near.pdf.hdf5")

        def read(name):
            return [support.read_bytes(self.path(f"{name}.{ending}")) for ending in files]
        self.photoz(self.path("first.h5"), [self.dnf, self.near], "--fits", self.path("first.fits"), *words)
        for ranks in (2, 3, 4):
            self.photoz(self.path("z.h5"), [self.dnf, self.near], "--fits", self.path("z.fits"), "--farm.block_rows", 200, "--fresh", *words, ranks=ranks)
            self.assertTrue(read("z") == read("first"), ranks)
        for fault, code in (("kill@3", -9), ("throw@2", 5)):
            name = fault[:4]
            result = self.photoz(self.path(f"{name}.h5"), [self.dnf, self.near], "--fits", self.path(f"{name}.fits"), *words, "--farm.fault", fault,
                                 run=self.run_skyfold)
            self.assertEqual(result.code, code, result)
            self.photoz(self.path(f"{name}.h5"), [self.dnf, self.near], "--fits", self.path(f"{name}.fits"), *words, ranks=2)
            self.assertTrue(read(name) == read("first"), fault)
        self.photoz(self.path("other.h5"), [self.dnf, self.near], *words, "--farm.fault", "kill@3", run=self.run_skyfold)
        words[words.index("wide,near")] = "far,near"
        result = self.photoz(self.path("other.h5"), [self.dnf, self.near], *words, run=self.run_skyfold)
        self.assertEqual(result.code, 2, result)  # columns of other names: not taken up

    def test_what_cannot_be_told_apart_is_refused(self):
        for message, models, words in (
                (r"m.dnf.h5 and \S+near.h5 are both 'dnf', .*--model.prefix", [self.dnf, self.near], ()),
                (r"both 'A'", [self.dnf, self.near], ("--model.prefix", "a,A")),
                (r"--model.prefix: 1 for 2 models", [self.dnf, self.knn], ("--model.prefix", "a")),
                (r"--model.prefix '2nd'", [self.dnf, self.knn], ("--model.prefix", "a,2nd")),
                (r"--columns hsc: 2 models", [self.dnf, self.knn], ("--columns", "hsc")),
                (r"--model.prefix: --columns euclid has names without prefix", [self.dnf], ("--columns", "euclid", "--model.prefix", "a")),
                (r"--columns des: the model gives no z_err_param", [self.knn], ("--columns", "des")),
                (r"--pdf mixmod: --columns euclid", [self.knn], ("--columns", "euclid", "--pdf", "mixmod")),
                (r"--pdf.zmax 3: --columns euclid has the grid of 601 redshifts from 0 to 6", [self.knn], ("--columns", "euclid", "--pdf.zmax", "3")),
                (r"columns.*sdss", [self.knn], ("--columns", "sdss"))):
            with self.subTest(message=message):
                self.refused(2, message, models, *words)
        columns = {name: values for name, values in self.objects.items() if name != "_healpix_29"}
        columns["id"] = np.array([f"object {i}".encode() for i in range(OBJECTS)])
        texts = support.make_fits(self.path("t.fits"), columns)
        self.refused(2, "no column of ids that are whole numbers, for objectId of --columns rubin", [self.knn], "--columns", "rubin", catalogue=texts)
        self.photoz(self.path("t.h5"), [self.knn], "--columns", "hsc", "--catalogue", texts, "--fresh")  # draws by texts, too
        self.assertGreater(np.isfinite(support.read_group(self.path("t.h5"))["photoz_mc"]).sum(), OBJECTS // 2)
        columns["dnf_flags"] = columns["id"] = np.arange(OBJECTS)
        support.make_fits(self.path("f.fits"), columns)
        self.skyfold("import", "--input", self.path("f.fits"), "--output", self.path("f.h5"), "--columns.id", "dnf_flags")
        self.refused(3, "its column dnf_flags goes into the product", [self.knn, self.dnf], catalogue=self.path("f.h5"))

    # Names of surveys

    def test_rubin(self):
        for model, path, kind, tolerance in (("dnf", self.dnf, "interp", 1e-4), ("knn", self.knn, "mixmod", 2e-7)):
            with self.subTest(model=model):
                self.photoz(self.path("z.h5"), [path], "--columns", "rubin", "--pdf", kind, "--fits", self.path("z.fits"))
                z, pdfs = support.read_group(self.path("z.h5")), self.pdfs(self.path("z.pdf.hdf5"))
                self.assertEqual(set(z), {"objectId", "coord_ra", "coord_dec", "_healpix_29", *(f"{model}_{name}" for name in RUBIN)})
                np.testing.assert_array_equal(z["objectId"], self.objects["id"])
                np.testing.assert_array_equal(z["coord_ra"], self.objects["ra"])
                for name in RUBIN:
                    self.assertEqual(z[f"{model}_{name}"].dtype, np.dtype("f8"))
                for name, p in (("median", 0.5), ("err68_low", 0.16), ("err68_high", 0.84), ("err95_low", 0.025), ("err95_high", 0.975)):
                    self.assert_numbers(z[f"{model}_z_{name}"], pdfs, lambda pdf: pdf.quantile(p), tolerance, name)
                self.assert_numbers(z[f"{model}_z_mean"], pdfs, lambda pdf: pdf.mean(lambda x: x), 1e-5, "mean")
                self.assert_numbers(z[f"{model}_z_mode"], pdfs, lambda pdf: pdf.mode, 1e-9 if kind == "interp" else 2e-3, "mode")
                with fits.open(self.path("z.fits")) as file:
                    self.assertEqual(file[1].columns["coord_ra"].unit, "deg")
                    self.assertEqual([file[1].columns[f"{model}_{name}"].format for name in RUBIN], ["D"] * 7)
                    np.testing.assert_array_equal(file[1].data[f"{model}_z_mode"], z[f"{model}_z_mode"])
        # Without --pdf the same numbers, and no file.
        self.photoz(self.path("y.h5"), [self.knn], "--columns", "rubin")
        np.testing.assert_array_equal(support.read_group(self.path("y.h5"))["knn_z_mode"], z["knn_z_mode"])
        self.assertFalse(pathlib.Path(self.path("y.pdf.hdf5")).exists())
        self.assertIn("coord_dec", self.skyfold("info", "--catalogue", self.path("y.h5")).out)

    def test_euclid(self):
        self.photoz(self.path("z.h5"), [self.knn], "--columns", "euclid", "--pdf", "interp", "--fits", self.path("z.fits"))
        z, pdfs = support.read_group(self.path("z.h5")), self.pdfs(self.path("z.pdf.hdf5"))
        self.assertEqual(set(z), {"id", "ra", "dec", "tile", "_healpix_29", *EUCLID})
        self.assertEqual((z["PHZ_PDF"].dtype, z["PHZ_PDF"].shape), (np.dtype("f4"), (OBJECTS, 601)))
        with h5py.File(self.path("z.pdf.hdf5")) as file:
            grid = file["meta/xvals"][0]
            np.testing.assert_allclose(grid, np.linspace(0, 6, 601), rtol=0, atol=1e-14)
            np.testing.assert_array_equal(file["data/yvals"], z["PHZ_PDF"])
        self.assert_numbers(z["PHZ_MEDIAN"], pdfs, lambda pdf: pdf.quantile(0.5), 1e-4, "median")
        self.assert_numbers(z["PHZ_MODE_1"], pdfs, lambda pdf: pdf.mode, 1e-6, "mode")
        self.check_modes(grid, z)
        for name, p in (("PHZ_70_INT", 0.7), ("PHZ_90_INT", 0.9), ("PHZ_95_INT", 0.95)):
            self.assertEqual((z[name].dtype, z[name].shape), (np.dtype("f4"), (OBJECTS, 2)))
            for (low, high), pdf in zip(z[name][::30], pdfs):
                if pdf is None:
                    continue
                self.assertAlmostEqual(float(np.diff(pdf.cdf([low, high]))[0]), p, delta=2e-3)
                starts = np.linspace(0, 1 - p, 2000)
                self.assertAlmostEqual(high - low, (pdf.quantile(starts + p) - pdf.quantile(starts)).min(), delta=3e-3)
        table = fits.getdata(self.path("z.fits"))
        for name in EUCLID:
            np.testing.assert_array_equal(table[name], z[name], name)
        self.photoz(self.path("s.h5"), [self.knn])
        np.testing.assert_array_equal(z["PHZ_FLAGS"] & ~128, support.read_group(self.path("s.h5"))["flags"])

    def check_modes(self, grid, z):
        """The highest point and its hill, found by walking down from it."""
        for row in range(0, OBJECTS, 30):
            density = z["PHZ_PDF"][row].astype("f8")
            if np.isnan(density).any():
                self.assertTrue(np.isnan(z["PHZ_MODE_1"][row]))
                continue
            taken = np.zeros(601, bool)
            for mode in (1, 2):
                left = np.where(taken, 0, density)
                if left.max() == 0:
                    self.assertTrue(np.isnan(z[f"PHZ_MODE_{mode}"][row]) and z[f"PHZ_MODE_{mode}_AREA"][row] == 0)
                    break
                first = last = int(np.argmax(left))
                self.assertAlmostEqual(z[f"PHZ_MODE_{mode}"][row], grid[first], delta=1e-6)
                while first > 0 and density[first] > 0 and density[first - 1] <= density[first]:
                    first -= 1
                while last < 600 and density[last] > 0 and density[last + 1] <= density[last]:
                    last += 1
                self.assertAlmostEqual(z[f"PHZ_MODE_{mode}_AREA"][row], np.trapz(density[first:last + 1], grid[first:last + 1]), delta=1e-5)
                taken[first:last + 1] = True

    def test_hsc(self):
        for path, kind in ((self.dnf, "interp"), (self.knn, "mixmod")):
            with self.subTest(kind=kind):
                self.photoz(self.path("z.h5"), [path], "--columns", "hsc", "--pdf", kind)
                z, pdfs = support.read_group(self.path("z.h5")), self.pdfs(self.path("z.pdf.hdf5"))
                self.assertEqual(set(z), {"id", "ra", "dec", "tile", "_healpix_29", *HSC})
                self.assertEqual({z[name].dtype for name in HSC}, {np.dtype("f4")})
                for k, (row, pdf) in enumerate(zip(range(0, OBJECTS, 30), pdfs)):
                    if pdf is None:
                        self.assertTrue(all(np.isnan(z[name][row]) for name in HSC))
                    elif k % 3 == 0:
                        self.check_hsc({name: float(z[name][row]) for name in HSC}, pdf)
        self.check_draws(z)

    def check_hsc(self, row, pdf):
        def risk(point):
            return pdf.mean(lambda z: 1 - 1 / (1 + ((point - z) / (1 + z) / 0.15) ** 2))
        for name, p in (("median", 0.5), ("err68_min", 0.16), ("err68_max", 0.84), ("err95_min", 0.025), ("err95_max", 0.975)):
            self.assertAlmostEqual(row[f"photoz_{name}"], pdf.quantile(p), delta=1e-4)
        self.assertAlmostEqual(row["photoz_mean"], pdf.mean(lambda z: z), delta=1e-5)
        for name in ("mean", "mode", "median", "best"):
            point = row[f"photoz_{name}"]
            self.assertAlmostEqual(row[f"photoz_conf_{name}"], pdf.cdf(point + 0.03) - pdf.cdf(point - 0.03), delta=1e-4)
            self.assertAlmostEqual(row[f"photoz_std_{name}"], np.sqrt(pdf.mean(lambda z: (z - point) ** 2)), delta=1e-4)
            self.assertAlmostEqual(row[f"photoz_risk_{name}"], risk(point), delta=2e-3)
        self.assertLess(risk(row["photoz_best"]), min(map(risk, pdf.z[::16])) + 1e-3)

    def check_draws(self, z):
        """Draws are of the PDF, and of seed and id alone."""
        with h5py.File(self.path("z.pdf.hdf5")) as file:
            rows = zip(file["data/means"][:], file["data/stds"][:], file["data/weights"][:])
            pit = [Mixture(*row).cdf(draw) for row, draw in zip(rows, z["photoz_mc"]) if np.isfinite(draw)]
        self.assertGreater(stats.kstest(pit, "uniform").pvalue, 1e-3)
        self.photoz(self.path("w.h5"), [self.knn], "--columns", "hsc", "--where", "mag_i < 22", ranks=3)
        w = support.read_group(self.path("w.h5"))
        rows = np.isin(z["id"], w["id"])
        self.assertEqual(w["photoz_mc"].tobytes(), z["photoz_mc"][rows].tobytes())
        self.photoz(self.path("s.h5"), [self.knn], "--columns", "hsc", "--pdf.seed", 2)
        other = support.read_group(self.path("s.h5"))
        self.assertGreater((other["photoz_mc"] != z["photoz_mc"]).mean(), 0.9)
        np.testing.assert_array_equal(other["photoz_best"], z["photoz_best"])

    def test_des(self):
        self.photoz(self.path("z.h5"), [self.dnf], "--columns", "des", "--fits", self.path("z.fits"))
        self.photoz(self.path("s.h5"), [self.dnf])
        z, own, table = support.read_group(self.path("z.h5")), support.read_group(self.path("s.h5")), fits.getdata(self.path("z.fits"))
        self.assertEqual(set(z), {"id", "ra", "dec", "tile", "_healpix_29", *DES})
        for name, from_name in DES.items():
            self.assertEqual(z[name].tobytes(), own[from_name].tobytes(), name)
            np.testing.assert_array_equal(table[name], z[name], name)

    # qp

    def test_files_of_pdfs_open_as_qp_reads_them(self):
        for path, kind, data in ((self.dnf, "interp", {"yvals"}), (self.knn, "mixmod", {"means", "stds", "weights"})):
            with self.subTest(kind=kind):
                self.photoz(self.path("z.h5"), [path], "--pdf", kind)
                pdfs = self.pdfs(self.path("z.pdf.hdf5"))
                with h5py.File(self.path("z.pdf.hdf5")) as file:
                    # Meta has one row; data are keywords of the class; ancil is a table of as many rows as data.
                    self.assertEqual({name: file["meta"][name].shape[0] for name in file["meta"]}, dict.fromkeys(file["meta"], 1))
                    self.assertEqual(file["meta/pdf_name"][0], kind.encode())
                    self.assertEqual(set(file["data"]), data)
                    self.assertEqual(set(file["ancil"]), ANCIL)
                    self.assertEqual({file[group][name].shape[0] for group in ("data", "ancil") for name in file[group]}, {OBJECTS})
                    ancil = {name: file["ancil"][name][:] for name in ANCIL}
                np.testing.assert_array_equal(ancil["object_id"], self.objects["id"])
                np.testing.assert_array_equal(ancil["redshift"], self.objects["z_spec"])
                self.assertEqual(set(ancil["distribution_type"]), {0})
                for name in ("mode", "median", "mean"):
                    np.testing.assert_array_equal(ancil["z" + name], ancil["z_" + name])
                for name, p in (("z_median", 0.5), ("z_q2p5", 0.025), ("z_q16", 0.16), ("z_q84", 0.84), ("z_97p5", 0.975)):
                    self.assert_numbers(ancil[name], pdfs, lambda pdf: pdf.quantile(p), 1e-4, name)
                self.assert_numbers(ancil["z_std"], pdfs, lambda pdf: np.sqrt(pdf.mean(lambda z: z * z) - pdf.mean(lambda z: z) ** 2), 1e-4, "std")

    def test_a_name_that_qp_takes_for_pandas_is_said_once(self):
        for name, count in (("z.h5", 1), ("z.hdf5", 0)):
            result = self.photoz(self.path(name), [self.knn], "--pdf", "mixmod", ranks=2)
            self.assertEqual(result.err.count("tables of pandas"), count)
            self.assertTrue(pathlib.Path(self.path("z.pdf.hdf5")).exists())

    def test_redshifts_are_those_of_truth(self):
        self.photoz(self.path("z.h5"), [self.knn], "--pdf", "mixmod", "--truth", "mag_i")
        with h5py.File(self.path("z.pdf.hdf5")) as file:
            np.testing.assert_array_equal(file["ancil/redshift"], self.objects["mag_i"])
        columns = {name: values for name, values in self.objects.items() if not name.startswith(("z_", "_healpix"))}
        support.make_fits(self.path("u.fits"), columns)
        self.skyfold("photoz", "--catalogue", self.path("u.fits"), "--model", self.knn, "--pdf", "mixmod", "--output", self.path("u.h5"))
        with h5py.File(self.path("u.pdf.hdf5")) as file:
            self.assertEqual(set(file["ancil"]), ANCIL - {"redshift"})


class Nested(ColumnsTest):
    """PDFs nested in Parquet files, which hyparquet reads."""

    @classmethod
    def setUpClass(cls):
        parquet_tools.require(support.binary())
        super().setUpClass()

    def test_pdfs_are_columns_of_their_rows(self):
        self.photoz(self.path("z.hdf5"), [self.dnf, self.near], "--columns", "rubin", "--model.prefix", "dnf,near", "--pdf", "interp", "--pdf.bins", 21)
        z = support.read_group(self.path("z.hdf5"))
        for ranks, words in ((0, ()), (3, ("--where", "dnf_z_median < 0.4"))):
            output = self.path(f"p{ranks}.parquet")
            self.skyfold("export", self.path("z.hdf5"), "--format", "parquet", "--pdfs", "--output", output, *words, ranks=ranks)
            found = parquet_tools.hyparquet(support.binary(), output)["columns"]
            rows = np.flatnonzero(z["dnf_z_median"] < 0.4) if words else np.arange(OBJECTS)
            self.assertEqual(list(found), [*z, "dnf_ens_interp", "near_ens_interp"])
            self.assertEqual(found["objectId"], z["objectId"][rows].tolist())
            for model in ("dnf", "near"):
                with h5py.File(self.path(f"z.{model}.pdf.hdf5")) as file:
                    self.check_nested(found[f"{model}_ens_interp"], {"xvals": np.broadcast_to(file["meta/xvals"][:], (len(rows), 21)),
                                                                     "yvals": file["data/yvals"][:][rows]})

    def test_every_other_form_is_nested_too(self):
        fields = {"hist": ("bins", "pdfs"), "quant": ("quants", "locs"), "norm": ("loc", "scale"), "packed": ("packed", "zmin", "zmax")}
        for form, names in fields.items():
            with self.subTest(form):
                self.photoz(self.path(f"{form}.hdf5"), [self.near], "--pdf", form, "--pdf.bins", 12, "--pdf.quantiles", 9, "--where", "mag_i < 20")
                self.skyfold("export", self.path(f"{form}.hdf5"), "--format", "parquet", "--pdfs", "--output", self.path(f"{form}.parquet"))
                found = parquet_tools.hyparquet(support.binary(), self.path(f"{form}.parquet"))["columns"]
                with h5py.File(self.path(f"{form}.pdf.hdf5")) as file:
                    rows = len(file["ancil/object_id"])
                    values = {name: file["data"][name][:] if name in file["data"] else np.broadcast_to(file["meta"][name][:].reshape(1, -1),
                                                                                                      (rows, file["meta"][name].size)) for name in names}
                column = next(name for name in found if name.endswith("_ens_" + form))
                self.assertTrue(any(cell is not None for cell in found[column]))
                for row, cell in enumerate(found[column]):
                    if cell is None:
                        self.assertTrue(not values["packed"][row].any() if form == "packed" else np.isnan(values[names[-1]][row]).any())
                        continue
                    self.assertEqual(list(cell), list(names))
                    for name in names:
                        np.testing.assert_array_equal(np.array(cell[name], values[name].dtype), np.ravel(values[name][row]))

    def check_nested(self, found, wanted):
        last = list(wanted.values())[-1]
        self.assertEqual(len(found), len(last))
        self.assertEqual([cell is None for cell in found], np.isnan(last[:, 0]).tolist())
        for row, cell in enumerate(found):
            if cell is not None:
                self.assertEqual(list(cell), list(wanted))
                for name, values in wanted.items():
                    np.testing.assert_array_equal(np.array(cell[name], values.dtype), values[row])

    def test_mixtures_of_some_objects_in_a_collection(self):
        self.photoz(self.path("z.hdf5"), [self.knn], "--pdf", "mixmod", "--pdf.where", "mag_i < 21")
        for ranks in (1, 4):
            self.skyfold("export", self.path("z.hdf5"), "--format", "hats", "--pdfs", "--max-rows", 700, "--hats.margin", 300, "--output",
                         self.path(f"sky{ranks}"), "--hats.name", "sky", ranks=ranks)
        files = sorted(pathlib.Path(self.path("sky1")).rglob("*"))
        for file in files:
            if file.is_file():
                self.assertEqual(file.read_bytes(), (pathlib.Path(self.path("sky4")) / file.relative_to(self.path("sky1"))).read_bytes(), file)
        with h5py.File(self.path("z.pdf.hdf5")) as file:
            ids = dict(zip(file["ancil/object_id"][:].tolist(), range(OBJECTS)))
            data = {name: file[f"data/{name}"][:] for name in ("means", "stds", "weights")}
        nothing = {name: np.full((1, values.shape[1]), np.nan, "f4") for name, values in data.items()}
        seen = set()
        for file in files:
            if file.name.startswith("Npix"):
                found = parquet_tools.hyparquet(support.binary(), str(file))["columns"]
                rows = [ids.get(i, -1) for i in found["id"]]
                self.check_nested(found["knn_ens_mixmod"], {name: np.concatenate([values, nothing[name]])[rows] for name, values in data.items()})
                seen |= {"margin" if "arcs/" in str(file) else "own"}
        self.assertEqual(seen, {"own", "margin"})

    def test_pdfs_of_another_product_are_refused(self):
        def refused(code, message, *words):
            result = self.run_skyfold("export", self.path("z.hdf5"), "--output", self.path("no.parquet"), *words)
            self.assertEqual(result.code, code, result)
            self.assertRegex(result.errors()[-1], message)
            self.assertFalse(pathlib.Path(self.path("no.parquet")).exists())
        self.photoz(self.path("z.hdf5"), [self.knn])
        refused(2, r"--pdfs: no file of PDFs beside \S+z.hdf5", "--format", "parquet", "--pdfs")
        refused(2, "pdfs", "--format", "csv", "--pdfs")
        self.photoz(self.path("z.hdf5"), [self.knn], "--pdf", "mixmod", "--fresh")
        with h5py.File(self.path("z.pdf.hdf5"), "r+") as file:
            file["ancil/object_id"][17] += 1
        refused(3, "z.pdf.hdf5, row 18: PDF of the object", "--format", "parquet", "--pdfs", "--verify-inputs", "off")
        self.photoz(self.path("some.hdf5"), [self.knn], "--pdf", "mixmod", "--where", "mag_i < 21")
        pathlib.Path(self.path("some.pdf.hdf5")).rename(self.path("z.pdf.hdf5"))
        refused(3, r"z.pdf.hdf5: \d+ PDFs for 3000 rows", "--format", "parquet", "--pdfs")


if __name__ == "__main__":
    support.main()
