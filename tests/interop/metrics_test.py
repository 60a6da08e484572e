"""Metrics of validate against numpy and scipy: the same samples, the definitions written anew, statistics of scipy.stats where it has them."""
import json
import pathlib
import sys
import unittest

import h5py
import numpy as np

try:
    import scipy.stats
except ImportError:
    scipy = None

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_csv, make_hdf5

GRID = np.linspace(0.0, 2.0, 201)
OUTLIER, ODDS = 1e-4, 0.098


def quantile(values, p):
    """Hyndman & Fan's definition 2, as numpy has it, but for rounding in n p."""
    values = np.sort(values)
    place = len(values) * p
    whole = round(place)
    if abs(place - whole) < 1e-9 * len(values) and 0 < whole < len(values):
        return 0.5 * (values[whole - 1] + values[whole])
    return values[int(np.floor(place))]


def point_metrics(z_spec, z_phot, z_err):
    dz = z_phot - z_spec
    e = dz / (1 + z_spec)
    has_err = np.isfinite(z_err) & (z_err > 0)
    pull = dz[has_err] / z_err[has_err]
    low = np.floor(z_spec.min() / 0.05)
    n_bins = int(np.floor(z_spec.max() / 0.05) - low) + 1
    count = lambda z: np.bincount(np.clip(np.floor(z / 0.05) - low, -1, n_bins).astype(int) + 1, minlength=n_bins + 2)[1:-1]
    n_spec, n_phot = count(z_spec), count(z_phot)
    used = n_spec > 0
    sigma_iqr = (quantile(e, 0.75) - quantile(e, 0.25)) / 1.349
    return {
        "mean_bias": dz.mean(), "median_bias": np.median(dz), "sigma": dz.std(), "sigma68": (quantile(dz, 0.84135) - quantile(dz, 0.15865)) / 2,
        "out_2sigma": np.mean(np.abs(dz - dz.mean()) > 2 * dz.std()), "out_3sigma": np.mean(np.abs(dz - dz.mean()) > 3 * dz.std()),
        "mean_pull": pull.mean(), "sigma_pull": pull.std(), "within_err": np.mean(np.abs(dz[has_err]) <= z_err[has_err]),
        "n_poisson": np.sqrt(np.mean((n_phot - n_spec)[used] ** 2 / n_spec[used])), "ks": scipy.stats.ks_2samp(z_phot, z_spec).statistic,
        "median_scaled": np.median(e), "nmad": 1.4826 * np.median(np.abs(e - np.median(e))), "sigma_iqr": sigma_iqr,
        "out_015": np.mean(np.abs(e) > 0.15), "out_iqr": np.mean(np.abs(e) > max(0.06, 3 * sigma_iqr)),
    }


def pdf_numbers(pdfs, grid, z_spec, z_phot):
    """PIT, CDE term and odds of densities linear between the points of the grid, object by object."""
    pit, cde, odds = np.empty((3, len(pdfs)))
    for i, p in enumerate(np.asarray(pdfs, "f8")):
        density = lambda z, p=p: np.interp(z, grid, p, left=0, right=0)

        def mass(z, p=p):
            """Integral from the start of the grid: trapezes to each knot below z, and one more."""
            z = np.clip(z, grid[0], grid[-1])
            knots = np.append(grid[grid < z], z)
            return np.trapz(density(knots), knots)

        total = np.trapz(p, grid)
        square = np.sum(np.diff(grid) * (p[:-1] ** 2 + p[:-1] * p[1:] + p[1:] ** 2) / 3)
        pit[i] = mass(z_spec[i]) / total
        cde[i] = square / total**2 - 2 * density(z_spec[i]) / total
        half = ODDS * (1 + z_phot[i])
        odds[i] = (mass(z_phot[i] + half) - mass(z_phot[i] - half)) / total
    return pit, cde, odds


def anderson_darling(u):
    u = np.sort(np.clip(u, OUTLIER, 1 - OUTLIER))
    n = len(u)
    i = np.arange(1, n + 1)
    return -n - np.mean((2 * i - 1) * (np.log(u) + np.log1p(-u[::-1])))


def pdf_metrics(pit, cde, odds):
    return {"pit_ks": scipy.stats.kstest(pit, "uniform").statistic, "pit_cvm": scipy.stats.cramervonmises(pit, "uniform").statistic,
            "pit_ad": anderson_darling(pit), "pit_out": np.mean((pit < OUTLIER) | (pit > 1 - OUTLIER)), "cde_loss": cde.mean(), "odds": odds.mean()}


def make_pdfs(path, pdfs, grid=GRID):
    with h5py.File(path, "w") as file:
        file["data/yvals"] = pdfs.astype("f4")
        file["meta/pdf_name"], file["meta/pdf_version"], file["meta/xvals"] = np.array([b"interp"]), np.array([0]), grid[None, :]


class MetricsTest(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        if scipy is None:
            raise unittest.SkipTest("needs scipy")
        super().setUpClass()
        rng = np.random.default_rng(20)
        n = 3001
        cls.z_spec = rng.gamma(4, 0.2, n)
        cls.z_err = rng.uniform(0.01, 0.1, n)
        cls.z_phot = cls.z_spec + 0.01 + cls.z_err * rng.standard_t(3, n)
        cls.z_err[rng.random(n) < 0.05] = np.nan
        cls.mag = rng.uniform(18, 24, n)
        cls.ids = rng.permutation(10 * n)[:n].astype("i8")
        width = rng.uniform(0.03, 0.12, n)
        on_grid = np.clip(cls.z_phot, 0, 2)  # a density that is zero in single precision is none
        cls.pdfs = np.exp(-0.5 * ((GRID - on_grid[:, None]) / width[:, None]) ** 2).astype("f4")

    def sample(self, name="s.h5", **more):
        columns = {"id": self.ids, "z_spec": self.z_spec, "mag": self.mag, **more}
        return make_hdf5(self.path(name), columns, group="object")

    def estimates(self, name="z.h5", order=None, **more):
        order = np.random.default_rng(1).permutation(len(self.ids)) if order is None else order
        columns = {"id": self.ids, "z_phot": self.z_phot, "z_err": self.z_err, **more}
        return make_hdf5(self.path(name), {key: values[order] for key, values in columns.items()}, group="object"), order

    def validate(self, sample, estimates, *words, name="v"):
        self.skyfold("validate", "--sample", sample, "--estimates", estimates, "--output", self.path(name + ".h5"), "--json", self.path(name + ".json"),
                     "--magnitude", "mag", *words)
        return json.loads(pathlib.Path(self.path(name + ".json")).read_text())

    def assert_metrics(self, measured, expected, rtol=1e-11, atol=1e-13):
        for metric, value in expected.items():
            np.testing.assert_allclose(measured[metric]["value"], value, rtol=rtol, atol=atol, err_msg=metric)


class Points(MetricsTest):
    def test_metrics_are_those_of_numpy_and_scipy(self):
        estimates, _ = self.estimates()
        result = self.validate(self.sample(), estimates, "--bootstrap.realisations", 0)["models"][0]
        self.assert_metrics(result["metrics"]["all"], point_metrics(self.z_spec, self.z_phot, self.z_err))
        kept = np.argsort(np.where(np.isnan(self.z_err), np.inf, self.z_err), kind="stable")[:len(self.ids) - len(self.ids) // 10]
        self.assertEqual(result["metrics"]["culled"]["objects"], len(kept))
        self.assert_metrics(result["metrics"]["culled"], point_metrics(self.z_spec[kept], self.z_phot[kept], self.z_err[kept]))

    def test_metrics_in_bins_are_those_of_numpy_and_scipy(self):
        estimates, _ = self.estimates()
        bins = self.validate(self.sample(), estimates, "--bootstrap.realisations", 0)["models"][0]["bins"]
        seen = {"z_phot": 0, "magnitude": 0, "z_err": 0}
        error_edge = max(bin["high"] for bin in bins if bin["by"] == "z_err")
        for bin in bins:
            if bin["subset"] != "all":
                continue
            values = {"z_phot": self.z_phot, "magnitude": self.mag, "z_err": self.z_err}[bin["by"]]
            last = bin["by"] == "z_err" and bin["high"] == error_edge
            inside = (values >= bin["low"]) & ((values <= bin["high"]) if last else (values < bin["high"]))
            self.assertEqual(bin["objects"], inside.sum(), bin)
            seen[bin["by"]] += bin["objects"]
            if bin["objects"] >= 2 and np.isfinite(self.z_err[inside]).sum() >= 2:
                self.assert_metrics(bin, point_metrics(self.z_spec[inside], self.z_phot[inside], self.z_err[inside]))
        self.assertEqual(seen, {"z_phot": len(self.ids), "magnitude": len(self.ids), "z_err": np.isfinite(self.z_err).sum()})

    def test_whole_weights_count_as_repeated_objects(self):
        weight = np.random.default_rng(3).integers(1, 6, len(self.ids))
        estimates, _ = self.estimates()
        result = self.validate(self.sample(weight=weight.astype("f8")), estimates, "--bootstrap.realisations", 0)["models"][0]
        repeated = [np.repeat(values, weight) for values in (self.z_spec, self.z_phot, self.z_err)]
        expected = point_metrics(*repeated)
        expected["n_poisson"] *= np.sqrt(len(self.ids) / weight.sum())  # is scaled to the number of objects
        self.assert_metrics(result["metrics"]["all"], expected)

    def test_a_common_factor_of_the_weights_changes_nothing(self):
        weight = np.random.default_rng(4).uniform(0.1, 3, len(self.ids))
        estimates, _ = self.estimates()
        a = self.validate(self.sample(weight=weight), estimates)["models"][0]["metrics"]["all"]
        b = self.validate(self.sample("t.h5", weight=weight / weight.sum()), estimates, name="w")["models"][0]["metrics"]["all"]
        for metric in a.keys() - {"objects"}:
            for what in ("value", "error"):
                if a[metric][what] is not None:
                    np.testing.assert_allclose(a[metric][what], b[metric][what], rtol=1e-9, atol=1e-12, err_msg=metric)

    def test_tables_of_text_give_the_same_numbers(self):
        estimates, _ = self.estimates()
        csv = make_csv(self.path("z.csv"), {"objid": self.ids, "z_phot": self.z_phot, "z_err": self.z_err})
        a, b = (self.validate(self.sample(), path, name=name)["models"][0] for path, name in ((estimates, "a"), (csv, "b")))
        self.assertEqual(a["metrics"], b["metrics"])


class Pdfs(MetricsTest):
    def expected(self, use=slice(None)):
        return pdf_metrics(*pdf_numbers(self.pdfs[use], GRID, self.z_spec[use], self.z_phot[use]))

    def test_metrics_of_pdfs_are_those_of_numpy_and_scipy(self):
        estimates, order = self.estimates()
        make_pdfs(self.path("z.pdf.hdf5"), self.pdfs[order])
        result = self.validate(self.sample(), estimates, "--bootstrap.realisations", 0, "--pdf.odds", ODDS)["models"][0]
        inside = result["metrics"]["all"]
        self.assert_metrics(inside, self.expected(), rtol=1e-9)
        self.assertEqual(result["off_grid"], np.sum((self.z_spec < 0) | (self.z_spec > 2)))
        pit, _, _ = pdf_numbers(self.pdfs, GRID, self.z_spec, self.z_phot)
        np.testing.assert_allclose(result["pit"]["all"], np.histogram(pit, 20, (0, 1))[0] / len(pit), atol=1e-12)

    def test_weighted_metrics_of_pdfs_are_those_of_repeated_objects(self):
        weight = np.random.default_rng(3).integers(1, 6, len(self.ids))
        estimates, order = self.estimates()
        make_pdfs(self.path("z.pdf.hdf5"), self.pdfs[order])
        result = self.validate(self.sample(weight=weight.astype("f8")), estimates, "--bootstrap.realisations", 0)["models"][0]
        expected = pdf_metrics(*(np.repeat(v, weight) for v in pdf_numbers(self.pdfs, GRID, self.z_spec, self.z_phot)))
        for metric in ("pit_cvm", "pit_ad"):  # n times an integral: n is the number of objects
            expected[metric] *= len(self.ids) / weight.sum()
        self.assert_metrics(result["metrics"]["all"], expected, rtol=1e-9)

    def test_a_density_need_not_be_normalised_and_its_grid_not_regular(self):
        grid = GRID**2 / 2
        pdfs = (np.exp(-0.5 * ((grid - self.z_phot[:, None]) / 0.1) ** 2) * 37).astype("f4")
        estimates, order = self.estimates()
        make_pdfs(self.path("z.pdf.hdf5"), pdfs[order], grid)
        result = self.validate(self.sample(), estimates, "--bootstrap.realisations", 0)["models"][0]
        self.assertEqual(result["no_pdf"], np.sum(pdfs.sum(axis=1) == 0))
        use = pdfs.sum(axis=1) > 0
        expected = pdf_metrics(*pdf_numbers(pdfs[use], grid, self.z_spec[use], self.z_phot[use]))
        self.assert_metrics(result["metrics"]["all"], expected, rtol=1e-9)

    def test_mixtures_are_measured_as_they_are(self):
        rng = np.random.default_rng(5)
        n = len(self.ids)
        means, stds, weights = np.clip(self.z_phot, 0.2, 4)[:, None] + rng.normal(0, 0.05, (n, 3)), rng.uniform(0.03, 0.1, (n, 3)), rng.dirichlet((1, 1, 1), n)
        weights[:, 2] = 0
        estimates, order = self.estimates()
        with h5py.File(self.path("z.pdf.hdf5"), "w") as file:
            for name, values in (("weights", weights), ("means", means), ("stds", stds)):
                file[f"data/{name}"] = values[order]
            file["meta/pdf_name"], file["meta/pdf_version"] = np.array([b"mixmod"]), np.array([0])
        result = self.validate(self.sample(), estimates, "--bootstrap.realisations", 0)["models"][0]
        pit = np.sum(weights * scipy.stats.norm.cdf((self.z_spec[:, None] - means) / stds), axis=1) / weights.sum(axis=1)
        self.assertAlmostEqual(result["metrics"]["all"]["pit_ks"]["value"], scipy.stats.kstest(pit, "uniform").statistic, delta=1e-7)


class Bootstrap(MetricsTest):
    def test_errors_are_those_of_resampling_by_numpy(self):
        """Two independent bootstraps of one sample agree within their own scatter, 2.2 % each for 1000 realisations."""
        estimates, order = self.estimates()
        make_pdfs(self.path("z.pdf.hdf5"), self.pdfs[order])
        result = self.validate(self.sample(), estimates, "--bootstrap.realisations", 1000)["models"][0]["metrics"]["all"]
        rng = np.random.default_rng(6)
        columns = [self.z_spec, self.z_phot, self.z_err, *pdf_numbers(self.pdfs, GRID, self.z_spec, self.z_phot)]
        drawn = []
        for _ in range(1000):
            chosen = rng.integers(0, len(self.ids), len(self.ids))
            z_spec, z_phot, z_err, pit, cde, odds = (values[chosen] for values in columns)
            drawn.append({**point_metrics(z_spec, z_phot, z_err), **pdf_metrics(pit, cde, odds)})
        for metric in drawn[0]:
            expected = np.std([values[metric] for values in drawn], ddof=1)
            self.assertLess(abs(np.log(result[metric]["error"] / expected)), 0.14, metric)


if __name__ == "__main__":
    support.main()
