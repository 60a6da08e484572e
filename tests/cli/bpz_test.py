"""bpz: template fluxes and redshifts against a slow implementation in numpy, on simulated LSST galaxies (DC2) where they are at hand.

    bpz_test.py SKYFOLD                     some hundred objects
    SKYFOLD_BPZ_OBJECTS=20449 bpz_test.py   all of them
"""
import os
import pathlib
import sys
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

BANDS = "ugrizy"
LIMITS = [27.79, 29.04, 29.06, 28.62, 27.98, 27.05]
TEMPLATES = support.SHARED / "templates"
DC2 = support.SHARED / "photoz" / "dc2"
ZP_ERROR = 0.02
N = int(os.environ.get("SKYFOLD_BPZ_OBJECTS", "300"))
Z = np.arange(1, 351) * 0.01
PLACES = ["z_phot", "z_ml", "t_b", "t_ml", "z_2", "z_2_low", "z_2_high", "t_2",
          *(f"z_{level}_{end}" for level in (68, 90, 95, 99) for end in ("low", "high"))]
# f and k of early types and spirals, alpha, z0 and km of all three, m_ref, m_min
PRIORS = {
    "hdfn": ((0.35, 0.50), (0.450, 0.147), (2.465, 1.806, 0.906), (0.431, 0.390, 0.0626), (0.0913, 0.0636, 0.123), 20, 20),
    "des-sva1": ((0.34, 0.27), (0.300, 0.097), (2.370, 1.977, 1.222), (0.358, 0.262, 0.057), (0.091, 0.099, 0.101), 19, 19),
    "des-y1": ((0.291, 0.550), (0.296, 0.156), (2.460, 1.836, 1.180), (0.542, 0.399, 0.134), (0.112, 0.101, 0.143), 20, 18),
}


def trimmed(wave, value):
    """Without what is below a thousandth of the peak, but for one point on either side."""
    inside = np.flatnonzero(value >= 1e-3 * value.max())
    part = slice(max(inside[0] - 1, 0), inside[-1] + 2)
    return wave[part], value[part]


def madau(wave, z):
    """Optical depth, term by term, with its maximum kept blueward."""
    y, x, tau = 1 + z, wave / 912, np.zeros_like(wave)
    for line, a in ((1216, 3.6e-3), (1026, 1.7e-3), (973, 1.2e-3), (950, 9.3e-4)):
        tau += np.where(wave <= line * y, a * (wave / line) ** 3.46, 0)
    tau += np.where(x <= y, 0.25 * x**3 * (y**0.46 - x**0.46) + 9.4 * x**1.5 * (y**0.18 - x**0.18)
                    - 0.7 * x**3 * (x**-1.32 - y**-1.32) - 0.023 * (y**1.68 - x**1.68), 0)
    peak = tau.argmax()
    tau[:peak] = tau[peak]
    return tau


def flux_by_small_steps(sed, band, z, igm=False, steps=200_000):
    """int f T lam dlam / (c int T dlam / lam) by the midpoints of very many steps."""
    edges = np.linspace(band[0][0], band[0][-1], steps + 1)
    wave, step = 0.5 * (edges[1:] + edges[:-1]), edges[1] - edges[0]
    through = np.interp(wave, *band)
    light = np.interp(wave / (1 + z), *sed, left=0)
    if igm:
        fine = np.linspace(912.0, 1216.0 * (1 + z) + 1, 100_000)
        light = light * np.exp(-np.interp(wave, fine, madau(fine, z), right=0))
    return (light * through * wave).sum() * step / ((through / wave).sum() * step) / 2.99792458e18


def prior_of(magnitude, n_templates, interpolate, name):
    """p(T, z | m), as a dense array."""
    f, k, alpha, z0, km, m_ref, m_min = PRIORS[name]
    dm = min(max(magnitude, m_min), 32) - m_ref
    early, spiral = f[0] * np.exp(-k[0] * dm), f[1] * np.exp(-k[1] * dm)
    fraction = [early, spiral / 2, max(1 - early - spiral, 0) / (n_templates - 3)]
    rows = []
    for t in range(n_templates):
        c = 0 if t == 0 else 1 if t < 3 else 2
        z_m = min(max(z0[c] + km[c] * dm, 0.01), 15)
        p = Z ** alpha[c] * np.exp(-((Z / z_m) ** alpha[c]))
        p /= p.sum()
        p[p < 0.01 / len(Z)] = 0
        rows.append(p / p.sum() * fraction[c])
    rows = np.array(rows)
    place = np.arange(n_templates + (n_templates - 1) * interpolate) / (1 + interpolate)
    return np.array([np.interp(place, np.arange(n_templates), column) for column in rows.T]).T


def interval(cumulative, fraction):
    low, high = np.searchsorted(cumulative, [(1 - fraction) / 2, (1 + fraction) / 2])
    return Z[max(low - 1, 0)], Z[min(high, len(Z) - 1)]


def second_hill(p):
    """Peak of the second highest hill, the valleys around it, and its part of all hills; None where there is one hill."""
    up, down = np.diff(p) > 0, np.diff(p) < 0
    peak = np.concatenate([[down[0]], up[:-1] & down[1:], [up[-1]]])
    valley = np.concatenate([[True], (down[:-1] & up[1:]) | ((p[1:-1] == 0) & (down[:-1] | up[1:])), [True]])
    peaks, valleys = np.flatnonzero(peak), np.flatnonzero(valley)
    hills = []
    for top in peaks:
        low, high = valleys[valleys <= top].max(), valleys[valleys > top].min(initial=len(p) - 1)
        hills.append((top, low, high, p[low:].sum() if high == len(p) - 1 else p[low:high].sum()))
    hills.sort(key=lambda hill: -p[hill[0]])
    return (*hills[1][:3], hills[1][3] / sum(hill[3] for hill in hills)) if len(hills) > 1 else None


def fluxes_of(mag, err):
    """Fluxes of magnitudes with their errors."""
    flux = 10 ** (-0.4 * mag)
    sigma = flux * (10 ** (0.4 * np.maximum(err, 0.001)) - 1)
    undetected = mag > 90
    flux[undetected], sigma[undetected] = 0, 10 ** (-0.4 * np.array(LIMITS)[undetected])
    return flux, with_zero_point(flux, sigma)


def with_zero_point(flux, sigma):
    return np.hypot(sigma, (10 ** (0.4 * ZP_ERROR) - 1) * np.where(flux > 0, flux, sigma / 2))


def bpz(models, flux, sigma, magnitude, interpolate, prior, priors, marginalised=False):
    """One object, the long way round: every array is made in full."""
    observed = np.isfinite(flux)
    f, s, m = flux[observed], sigma[observed], models[:, observed]
    ftt = (m**2 / s[:, None] ** 2).sum(1)
    fot = (f[:, None] * m / s[:, None] ** 2).sum(1)
    chi2 = ((f / s) ** 2).sum() - np.where((ftt > 0) & (fot > 0), fot**2 / np.where(ftt > 0, ftt, 1), 0)
    log_p = -0.5 * chi2
    if marginalised:
        log_p = log_p - 0.5 * np.log(ftt)
    if prior != "none" and observed[3]:
        key = f"{min(max(magnitude, PRIORS[prior][6]), 32):.1f}"
        if key not in priors:
            with np.errstate(divide="ignore"):
                priors[key] = np.log(prior_of(float(key), 8, interpolate, prior))
        log_p = log_p + priors[key]
    x = np.arange(-9, 10) * 0.01
    p = np.convolve(np.exp(log_p - log_p.max()).sum(0), np.exp(-((x / 0.03) ** 2)), "same")
    p[p <= 0.01 * p.max()] = 0
    p /= p.sum()
    best, cumulative = p.argmax(), np.cumsum(p)
    z_b, width = Z[best], 0.05 * (1 + Z[best])
    low, high = np.searchsorted(Z, [z_b - 1.959964 * width, z_b + 1.959964 * width])
    t_ml, z_ml = np.unravel_index(chi2.argmin(), chi2.shape)
    answer = {"z_phot": z_b, "t_b": 1 + log_p[:, best].argmax() / (1 + interpolate), "z_ml": Z[z_ml], "t_ml": 1 + t_ml / (1 + interpolate),
              "chi2": chi2.min(), "odds": (cumulative[high] if high < len(Z) else 1) - (cumulative[low - 1] if low > 0 else 0), "p": p}
    second = second_hill(p)
    answer["p_2"] = second[3] if second else 0
    for name, place in zip(("z_2", "z_2_low", "z_2_high"), second or ()):
        answer[name] = Z[place]
    if second and np.isfinite(log_p[:, second[0]]).any():
        answer["t_2"] = 1 + log_p[:, second[0]].argmax() / (1 + interpolate)
    for percent, sigmas in ((68, 0.994458), (90, 1.644854), (95, 1.959964), (99, 2.575829)):
        z1, z2 = interval(cumulative / cumulative[-1], percent / 100)
        answer[f"z_{percent}_low"] = max(z_b - sigmas * width, 0) if z_b - sigmas * width < z1 else z1
        answer[f"z_{percent}_high"] = max(z2, z_b + sigmas * width)
    return answer


class BpzTest(support.SkyfoldTest):
    """On a copy of the first galaxies of DC2."""

    @classmethod
    def setUpClass(cls):
        if not DC2.exists() or not TEMPLATES.exists():
            raise unittest.SkipTest("no DC2 or no templates in the shared data")
        super().setUpClass()
        cls.sample = cls.copy_of("training", 500)
        cls.objects = cls.copy_of("validation", N)
        with h5py.File(cls.objects) as file:
            cls.columns = {name: values[:] for name, values in file["photometry"].items()}
        cls.mag = np.array([cls.columns[f"mag_{band}_lsst"] for band in BANDS], float).T
        cls.err = np.array([cls.columns[f"mag_err_{band}_lsst"] for band in BANDS], float).T

    @classmethod
    def copy_of(cls, name, n):
        path = cls.base / f"{name}.hdf5"
        with h5py.File(DC2 / f"test_dc2_{name}_9816.hdf5") as old, h5py.File(path, "w") as new:
            for column, values in old["photometry"].items():
                new[f"photometry/{column}"] = values[:n]
        return path

    def train(self, name, *options, filters=str(TEMPLATES / "filters_dc2" / "DC2LSST_{band}.res"),
              templates=TEMPLATES / "sed_cwwsb" / "CWWSB4.list"):
        model = self.base / name
        if not model.exists():
            self.skyfold("train", "--calibrate", "none", "--algorithms", "bpz", "--sample", self.sample, "--output", model, "--train.fraction", "1", "--bands.limits",
                    ",".join(map(str, LIMITS)), "--bpz.zp_error", str(ZP_ERROR), "--bpz.filters", filters, "--bpz.templates", templates, *options)
        return model

    def models_of(self, model, interpolate):
        with h5py.File(model) as file:
            flux = file["fluxes/flux"][:].reshape(-1, len(BANDS), len(Z))
        if interpolate == 0:
            return flux
        place = np.arange(len(flux) + (len(flux) - 1) * interpolate) / (1 + interpolate)
        below = np.minimum(place.astype(int), len(flux) - 2)
        part = (place - below)[:, None, None]
        return flux[below] * (1 - part) + flux[below + 1] * part

    def compare(self, model, interpolate, prior, *, marginalised=False, objects=N):
        estimates = Estimates(self, self.objects, model)
        models, priors = self.models_of(model, interpolate), {}
        for i in range(min(objects, N)):
            flux, sigma = fluxes_of(self.mag[i].copy(), self.err[i])
            expected = bpz(models, flux, sigma, self.mag[i][3], interpolate, prior, priors, marginalised)
            estimates.compare(self.columns["id"][i], expected)


class Estimates:
    """Of photoz, with PDFs on the model's grid."""

    def __init__(self, test, catalogue, model, *options):
        self.test, product = test, model.with_suffix(".z.hdf5")
        test.skyfold("photoz", "--catalogue", catalogue, "--model", model, "--output", product, "--pdf", "interp", "--pdf.zmin", "0.01",
                "--pdf.zmax", "3.5", "--pdf.bins", "350", *options)
        self.found = support.read_group(product)
        with h5py.File(product.with_suffix(".pdf.hdf5")) as file:
            self.pdf = file["data/yvals"][:]
        self.row_of = {value: row for row, value in enumerate(self.found["id"])}

    def compare(self, i, expected):
        test, found, row = self.test, self.found, self.row_of[i]
        for name in PLACES:
            if name in expected:
                test.assertAlmostEqual(found[name][row], expected[name], delta=2e-6, msg=f"{name} of object {i}")
            else:
                test.assertTrue(np.isnan(found[name][row]), f"{name} of object {i}")
        test.assertAlmostEqual(found["p_2"][row], expected["p_2"], delta=1e-6, msg=f"p_2 of object {i}")
        test.assertAlmostEqual(found["odds"][row], expected["odds"], delta=1e-6, msg=f"odds of object {i}")
        test.assertAlmostEqual(found["chi2"][row], expected["chi2"], delta=1e-5 * expected["chi2"] + 1e-6)
        density = expected["p"] / np.trapz(expected["p"], Z)
        np.testing.assert_allclose(self.pdf[row], density, rtol=1e-5, atol=1e-6 * density.max())


class Redshifts(BpzTest):
    def test_equals_the_definition(self):
        self.compare(self.train("m0.hdf5", "--bpz.interpolate", "0"), 0, "hdfn")

    def test_equals_the_definition_with_mixtures_of_templates_and_another_prior(self):
        for prior, n in (("des-sva1", 2), ("des-y1", 1)):
            self.compare(self.train(f"{prior}.hdf5", "--bpz.interpolate", str(n), "--bpz.prior", prior), n, prior, objects=N // 3)

    def test_equals_the_definition_without_a_prior_and_with_the_amplitude_integrated(self):
        model = self.train("flat.hdf5", "--bpz.interpolate", "0", "--bpz.prior", "none", "--bpz.amplitude", "marginalised")
        self.compare(model, 0, "none", marginalised=True, objects=N // 3)


class AsBpz(BpzTest):
    """What a catalogue and a file of probabilities of the original program have, by its rules, on its grid of 351 redshifts."""

    def test_gives_columns_and_probabilities_on_351_points_from_0(self):
        global Z
        model = self.train("from0.hdf5", "--bpz.interpolate", "2", "--bpz.zmin", "0", "--bpz.zmax", "3.5", "--bpz.chi2", "reduced")
        product, before = self.base / "from0.z.hdf5", Z
        self.skyfold("photoz", "--catalogue", self.objects, "--model", model, "--output", product, "--pdf", "interp", "--pdf.zmin", "0", "--pdf.zmax",
                     "3.5", "--pdf.bins", "351")
        found = support.read_group(product)
        with h5py.File(product.with_suffix(".pdf.hdf5")) as file:
            pdf, grid = file["data/yvals"][:], file["meta/xvals"][0]
        row_of = {value: row for row, value in enumerate(found["id"])}
        try:
            Z = np.arange(351) * 0.01
            np.testing.assert_allclose(grid, Z, atol=1e-6)
            models, priors = self.models_of(model, 2), {}
            for i in range(min(40, N)):
                flux, sigma = fluxes_of(self.mag[i].copy(), self.err[i])
                expected, row = bpz(models, flux, sigma, self.mag[i][3], 2, "hdfn", priors), row_of[self.columns["id"][i]]
                for name in ("z_phot", "z_95_low", "z_95_high", "t_b", "odds", "z_ml", "t_ml"):
                    self.assertAlmostEqual(found[name][row], expected[name], delta=2e-6, msg=f"{name} of object {i}")
                # CHI-SQUARED is over the number of filters less 1, whatever was observed.
                self.assertAlmostEqual(found["chi2"][row], expected["chi2"] / 5, delta=1e-5 * expected["chi2"] + 1e-6)
                # PROBS_LITE has a sum of 1; the polygon's integral leaves half a step off at either end.
                p = expected["p"]
                np.testing.assert_allclose(pdf[row] * 0.01 * (1 - 0.5 * (p[0] + p[-1])), p, rtol=1e-4, atol=1e-7)
        finally:
            Z = before


class WithoutSample(support.SkyfoldTest):
    """Models of templates, filters and names of bands alone; on objects that are drawn from such a model."""

    def train(self, name, *options):
        model = self.base / name
        result = self.skyfold("train", "--algorithms", "bpz", "--bands", ",".join(BANDS), "--output", model, "--bpz.filters", "lsst",
                "--bpz.interpolate", "0", "--bpz.zp_error", str(ZP_ERROR), *options)
        with h5py.File(model) as file:
            self.models = file["fluxes/flux"][:].reshape(-1, len(BANDS), len(Z))
        return model, result.out

    def fails(self, code, message, *words):
        result = self.run_skyfold(*words)
        self.assertEqual(result.code, code, result)
        self.assertRegex("\n".join(result.errors()), message)

    def draw(self, n, noise):
        """Fluxes of a galaxy of 30 in i, faint ones, so that some are below 0."""
        random = np.random.default_rng(5)
        flux = np.array([self.models[random.integers(8), :, random.integers(10, 200)] for _ in range(n)])
        flux *= 30 / flux[:, 3:4]
        sigma = noise * random.uniform(0.5, 1.5, flux.shape)
        return flux + sigma * random.normal(size=flux.shape), sigma

    def test_fluxes_below_zero_count_as_they_were_measured(self):
        model, _ = self.train("flux.hdf5")
        flux, sigma = self.draw(150, 12.0)
        flux[:, 3] = np.abs(flux[:, 3]) + 1
        flux[7, 1], sigma[8, 2] = np.nan, np.nan
        self.assertGreater((flux < 0).sum(), 30)
        path = self.base / "flux.cat.hdf5"
        with h5py.File(path, "w") as file:
            file["id"] = np.arange(len(flux))
            for b, band in enumerate(BANDS):
                file[f"f_{band}"], file[f"e_{band}"] = flux[:, b], sigma[:, b]
        estimates = Estimates(self, path, model, "--bands.flux", "f_{band}", "--bands.flux_error", "e_{band}", "--bands.flux_zeropoint",
                "31.4")
        priors = {}
        for i in range(len(flux)):
            f = np.where(np.isfinite(sigma[i]), flux[i], np.nan)
            magnitude = 31.4 - 2.5 * np.log10(flux[i, 3])
            estimates.compare(i, bpz(self.models, f, with_zero_point(flux[i], sigma[i]), magnitude, 0, "hdfn", priors))

    def test_magnitudes_without_limits_leave_a_band_out_and_own_limits_are_those_of_bpz(self):
        flux, sigma = self.train("limits.hdf5")[0] and self.draw(60, 1.0)
        flux[:, 0] = np.where(np.arange(60) % 3 == 0, -1, np.abs(flux[:, 0]) + 1)
        flux = np.where(flux > 0, flux, np.nan)
        mag, err = 31.4 - 2.5 * np.log10(flux), 1.0857 * sigma / flux
        none = np.isnan(mag)
        mag[none], err[none] = 99, 30.5
        path = self.base / "mag.cat.csv"
        header = "id," + ",".join(f"mag_{band},mag_err_{band}" for band in BANDS)
        rows = [",".join([str(i), *(f"{m!r},{e!r}" for m, e in zip(mag[i].tolist(), err[i].tolist()))]) for i in range(60)]
        path.write_text("\n".join([header, *rows]) + "\n")
        sigma = np.where(none, np.nan, 10 ** (-0.4 * mag) * (10 ** (0.4 * np.maximum(err, 0.001)) - 1))
        for name, limit, options in (("none.hdf5", np.nan, ()), ("own.hdf5", 30.5, ("--bpz.own_limits", "true")),
                ("survey.hdf5", 29.0, ("--bands.limits", ",".join(["29"] * 6)))):
            model, told = self.train(name, *options)
            self.assertEqual("no limits (--bands.limits)" in told, "limits" not in " ".join(options) or name == "own.hdf5")
            estimates, priors = Estimates(self, path, model), {}
            f = np.where(none, 0 * limit, 10 ** (-0.4 * mag))
            s = np.where(none, 10 ** (-0.4 * limit), sigma)
            for i in range(60):
                estimates.compare(i, bpz(self.models, f[i], with_zero_point(f[i], s[i]), mag[i][3], 0, "hdfn", priors))

    def test_presets_make_models(self):
        for preset, bands, n in (("bpz-rubin", 6, 300), ("bpz-des", 4, 350)):
            model = self.base / f"{preset}.hdf5"
            told = self.skyfold("train", "--config", preset, "--output", model)
            self.assertIn("not calibrated: a model of options alone", told.err)
            with h5py.File(model) as file:
                self.assertEqual(file["fluxes/flux"].shape, (8 * bands, n))
        self.fails(4, r"bpz-nowhere", "train", "--config", "bpz-nowhere", "--output", self.base / "x.hdf5")

    def test_what_needs_a_sample_is_said(self):
        words = ["train", "--output", self.base / "x.hdf5", "--bands", "g,r", "--bpz.filters", "lsst"]
        self.fails(2, r"--sample is missing \(.*knn learns", *words, "--algorithms", "bpz,knn")
        for option in (("--bpz.shifts", "true"), ("--bpz.prior", "trained")):
            self.fails(2, r"--sample is missing \(.*bpz learns", *words, "--algorithms", "bpz", "--bpz.prior_band", "r", *option)
        self.fails(2, r"--cuts has no part in this run \(it needs --sample\)", *words, "--algorithms", "bpz", "--cuts.z_min", "0.1")
        self.fails(2, r"--bpz.chi2 reduced: one band leaves", *words[:3], "--algorithms", "bpz", "--bpz.filters", "lsst", "--bands", "i", "--bpz.chi2",
                   "reduced")
        self.fails(2, r"--bands is missing", *words[:3], "--algorithms", "bpz", "--bpz.filters", "lsst")
        self.fails(2, r"--bands.flux_zeropoint is missing", *words, "--algorithms", "bpz", "--bands.flux", "f_{band}")


if __name__ == "__main__":
    support.main()
