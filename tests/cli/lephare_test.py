"""lephare: models and everything read off a fit against a slow implementation in numpy, on simulated LSST galaxies (DC2) where they are at
hand; distances against astropy.

    lephare_test.py SKYFOLD                         some hundred objects
    SKYFOLD_LEPHARE_OBJECTS=20449 lephare_test.py   all of them
"""
import os
import pathlib
import sys
import unittest

import h5py
import numpy as np
from astropy.cosmology import LambdaCDM

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

BANDS = "ugrizy"
LIMITS = np.array([27.79, 29.04, 29.06, 28.62, 27.98, 27.05])
DC2 = support.SHARED / "photoz" / "dc2"
N = int(os.environ.get("SKYFOLD_LEPHARE_OBJECTS", "100"))
COSMOLOGY = LambdaCDM(H0=70, Om0=0.3, Ode0=0.7, Tcmb0=0)
# z0, kz, a, G, f, kf of E/S0, Sbc, Scd, irregulars
VVDS = ((.45181, .13677, 3.33078, .89744, .43199, .47165), (.16560, .12983, 1.42815, .90868, .07995, .30663),
        (.21072, .14008, 1.58310, .89747, .31162, .12715), (.20418, .13773, 1.34500, .91760, .21220, -.34437))


def log_prior(z, colour, mag):
    """ln P of one model at each redshift."""
    with np.errstate(divide="ignore"):
        if mag < 20:
            return np.where(z <= 1, 0.0, -np.inf)
        kind = 0 if colour > 4.25 else 1 if colour > 3.19 else 2 if colour > 1.9 else 3
        z0, kz, a, g, f, k = VVDS[kind]
        zm = z0 + kz * (mag - 20)
        share = f * np.exp(-k * (mag - 20)) / sum(p[4] * np.exp(-p[5] * (mag - 20)) for p in VVDS)
        p = a * np.log(z) - (z / zm) ** a - np.log(zm ** (a + 1) / a * g) + np.log(share)
        return np.where((mag < 22) & (z > 2), -np.inf, p)


def chi_squares(flux, sigma, models):
    """chi2 and amplitude of models [..., bands, z], term by term."""
    used = sigma > 0
    f, s, m = flux[used], sigma[used], models[:, used]
    ot, tt = (f[:, None] * m / s[:, None] ** 2).sum(1), (m ** 2 / s[:, None] ** 2).sum(1)
    scale = np.where((tt > 0) & (ot > 0), ot / np.where(tt > 0, tt, 1), 0)
    return (((f[:, None] - scale[:, None] * m) / s[:, None]) ** 2).sum(1), scale


def crossings(z, curve, at, vertex, least, delta):
    """Outermost redshifts where the polygon through the curve is `delta` above the least."""
    target = least + delta
    if curve[at] > target:
        half = (z[1] - z[0]) * np.sqrt(2 * delta / (curve[at - 1] - 2 * curve[at] + curve[at + 1]))
        return vertex - half, vertex + half
    inside = np.flatnonzero(curve <= target)
    ends = []
    for i, step, end in ((inside[0], -1, 0), (inside[-1], 1, len(z) - 1)):
        if i == end or not np.isfinite(curve[i + step]):
            ends.append(z[i])
        else:
            ends.append(z[i] + (target - curve[i]) / (curve[i + step] - curve[i]) * (z[i + step] - z[i]))
    return min(ends[0], vertex), max(ends[1], vertex)


def lephare(t, mag, err, o):
    """One object, the long way round: t has the tables of the model file, o what was asked for."""
    z, models = t["z"], t["flux"]
    mag = mag + o.get("offset", 0)
    flux = 10 ** (-0.4 * mag)
    sigma = flux * np.sqrt((0.4 * np.log(10) * err) ** 2 + (0.4 * np.log(10) * o.get("err_scale", 0)) ** 2)
    undetected = mag > 90
    limit = np.where(undetected, 10 ** (-0.4 * (LIMITS + o.get("offset", 0))), np.inf)
    flux[undetected], sigma[undetected] = 0, (limit[undetected] if o.get("nondetections", "fit") == "fit" else 0)
    plain, scale = chi_squares(flux, sigma, models)
    chi2 = plain.copy()
    dimming = t["distance"] + 2.5 * np.log10(1 + z)
    if o.get("nondetections") == "reject":
        chi2[(scale[:, None] * models > limit[:, None]).any(1)] = np.inf
    if "absolute" in o:
        with np.errstate(divide="ignore", invalid="ignore"):
            absolute = -2.5 * np.log10(scale * t["rest"][:, 2][:, None]) - dimming
        chi2[~((absolute >= o["absolute"][0]) & (absolute <= o["absolute"][1]))] = np.inf
    seen = [band for band in o.get("prior", ()) if not undetected[band]]
    if seen:
        chi2 -= 2 * np.array([log_prior(z, colour, mag[seen[0]]) for colour in t["nuv_k"]])
    curve = chi2.min(0)
    if not np.isfinite(curve).any():
        return None
    at, n = curve.argmin(), len(z)
    best = chi2[:, at].argmin()
    vertex, least = z[at], curve[at]
    if 0 < at < n - 1 and np.isfinite(curve[at - 1] + curve[at + 1]):
        a, b, c = curve[at - 1:at + 2]
        if a - 2 * b + c > 0:
            vertex += 0.5 * (a - c) / (a - 2 * b + c) * (z[1] - z[0])
            least -= (a - c) ** 2 / (8 * (a - 2 * b + c))
    out = {"z_best": vertex, "chi2": plain[best, at], "template": t["template"][best], "ebv": t["ebv"][best], "lines": t["lines"][best],
           "nuv_r": t["nuv"][best] - t["r"][best], "r_k": t["r"][best] - t["k"][best]}
    for name, delta in (("68", 1), ("90", 2.71), ("99", 6.63)):
        out[f"z_best_{name}_low"], out[f"z_best_{name}_high"] = crossings(z, curve, at, vertex, least, delta)
    p = np.exp(-(chi2 - curve[at]) / 2).sum(0) if o.get("pdf", "bay") == "bay" else np.exp(-(curve - curve[at]) / 2)
    p /= p.sum()
    cumulative = np.concatenate([[0], np.cumsum((p[1:] + p[:-1]) / 2)])
    cumulative /= cumulative[-1]
    for name, share in (("68", 0.68), ("90", 0.90), ("99", 0.99)):
        for end, q in (("low", 0.5 - share / 2), ("high", 0.5 + share / 2)):
            i = max(np.searchsorted(cumulative, q), 1)
            out[f"z_{name}_{end}"] = z[i - 1] + (q - cumulative[i - 1]) / (cumulative[i] - cumulative[i - 1]) * (z[i] - z[i - 1])
    i = max(np.searchsorted(cumulative, 0.5), 1)
    out["z_med"] = z[i - 1] + (0.5 - cumulative[i - 1]) / (cumulative[i] - cumulative[i - 1]) * (z[i] - z[i - 1])
    out["z_mode"], out["p"] = z[p.argmax()], p
    for b, band in enumerate(BANDS):
        with np.errstate(divide="ignore"):
            out[f"mabs_{band}"] = np.nan
            if at:
                distance = COSMOLOGY.distmod(vertex).value + 2.5 * np.log10(1 + z[at])
                out[f"mabs_{band}"] = -2.5 * np.log10(scale[best, at] * t["rest"][best, b]) - distance
                of = {"same": b, "fixed": 3}.get(o.get("from"))
                if o.get("from") == "nearest":
                    # The band in which the step from what is observed to what is at rest is most alike for all models.
                    step = np.log10(t["rest"][:, b][:, None]) - np.log10(models[:, :, at])
                    step = np.where(np.isfinite(step).all(0), step, np.inf)
                    of = np.nan_to_num(np.ptp(step, axis=0), nan=np.inf).argmin()
                if of is not None and flux[of] > 0 and 0 < sigma[of] <= 0.3 * 0.4 * np.log(10) * flux[of]:
                    # K correction and colour at rest of the best model at the vertex.
                    with np.errstate(divide="ignore"):
                        step = -2.5 * np.log10(t["rest"][best, b] / models[best, of] * (1 + z))
                    out[f"mabs_{band}"] = -2.5 * np.log10(flux[of]) + np.interp(vertex, z, step) - COSMOLOGY.distmod(vertex).value
    stars, quasars = chi_squares(flux, sigma, t["stars"])[0], chi_squares(flux, sigma, t["quasars"])[0]
    out["chi2_star"], out["star"] = stars.min(), 1 + stars[:, 0].argmin()
    out["chi2_qso"], out["qso"] = quasars.min(), 1 + quasars.min(1).argmin()
    out["class"] = int(np.argmin([out["chi2"], out["chi2_star"], out["chi2_qso"]]))
    return out


class LephareTest(support.SkyfoldTest):
    """On a copy of the first galaxies of DC2, with what is built in."""

    @classmethod
    def setUpClass(cls):
        if not DC2.exists():
            raise unittest.SkipTest("no DC2 in the shared data")
        super().setUpClass()
        cls.sample = cls.copy_of("training", 300)
        cls.objects = cls.copy_of("validation", N)
        with h5py.File(cls.objects) as file:
            columns = {name: values[:] for name, values in file["photometry"].items()}
        cls.id = columns["id"]
        cls.mag = np.array([columns[f"mag_{band}_lsst"] for band in BANDS], float).T
        cls.err = np.array([columns[f"mag_err_{band}_lsst"] for band in BANDS], float).T

    @classmethod
    def copy_of(cls, name, n, step=1):
        path = cls.base / f"{name}{step}.hdf5"
        with h5py.File(DC2 / f"test_dc2_{name}_9816.hdf5") as old, h5py.File(path, "w") as new:
            for column, values in old["photometry"].items():
                new[f"photometry/{column}"] = values[::step][:n]
            # Some objects for what DC2 has little of.
            new["photometry/mag_g_lsst"][:6] = 99.0
        return path

    def train(self, name, *options):
        model = self.base / name
        if not any(str(option).startswith("--lephare.template_error") for option in options):
            options = (*options, "--lephare.template_error", "0")
        if "--sample" not in options:
            options = (*options, "--sample", self.sample)
        self.skyfold("train", "--calibrate", "none", "--algorithms", "lephare", "--output", model, "--train.fraction", "1", "--bands.limits",
                ",".join(map(str, LIMITS)), "--lephare.filters", "lsst", "--lephare.dz", "0.05", *options)
        return model

    def tables_of(self, model):
        with h5py.File(model) as file:
            t = {name: values[:] for name, values in file["galaxies"].items()}
            t["z"] = file["grid/z"][:]
            t["flux"] = t["flux"].reshape(len(t["ebv"]), len(BANDS), -1)
            t["rest"] = t["rest"].reshape(-1, len(BANDS))
            for name in ("quasars", "stars"):
                t[name] = file[f"{name}/flux"][:].reshape(len(file[f"{name}/ebv"]), len(BANDS), -1)
        with np.errstate(divide="ignore"):
            t["distance"] = COSMOLOGY.distmod(t["z"]).value
        return t

    def compare(self, model, o, objects=N):
        product = model.with_suffix(".z.hdf5")
        t = self.tables_of(model)
        z = t["z"]
        self.skyfold("photoz", "--catalogue", self.objects, "--model", model, "--output", product, "--pdf", "interp", "--pdf.zmin", z[0],
                "--pdf.zmax", z[-1], "--pdf.bins", len(z))
        found = support.read_group(product)
        with h5py.File(product.with_suffix(".pdf.hdf5")) as file:
            pdf = file["data/yvals"][:]
        row_of = {value: row for row, value in enumerate(found["id"])}
        for i in range(objects):
            row = row_of[self.id[i]]
            expected = lephare(t, self.mag[i].copy(), self.err[i], o)
            if expected is None:
                self.assertTrue(np.isnan(found["z_phot"][row]) and found["flags"][row] & 2, i)
                continue
            p = expected.pop("p")
            self.assertEqual(found["z_phot"][row], found["z_best"][row])
            for name, value in expected.items():
                self.assertTrue(np.isclose(found[name][row], value, rtol=2e-5, atol=3e-5, equal_nan=True),
                                f"{name} of object {i}: {found[name][row]}, expected {value}")
            np.testing.assert_allclose(pdf[row], p / (0.5 * (p[1:] + p[:-1]) * np.diff(z)).sum(), rtol=1e-4, atol=1e-5)
        return found

    def test_fits_templates_without_a_prior(self):
        self.compare(self.train("plain.h5", "--lephare.absolute_from", "same"), {"from": "same"})

    def test_fits_dust_and_lines_with_a_prior_limits_and_errors_of_zero_points(self):
        model = self.train("full.h5", "--lephare.ebv", "0.1,0.3", "--lephare.dust", "calzetti,smc", "--lephare.dust_templates", "4,8,2,3",
                           "--lephare.lines", "empirical", "--lephare.line_factors", "0.5,1", "--lephare.prior", "vvds",
                           "--lephare.err_scale", "0.03", "--lephare.absolute_limits=-24,-8", "--lephare.absolute_from", "nearest")
        with h5py.File(model) as file:
            library = {name: file[f"galaxies/{name}"][:] for name in ("template", "law", "ebv", "lines")}
        counts = np.bincount(library["template"].astype(int))[1:]
        lines = np.array([2 if (library["lines"][library["template"] == t] > 0).any() else 1 for t in range(1, 9)])
        np.testing.assert_array_equal(counts, lines * np.array([1, 3, 3, 3, 3, 3, 3, 3]))
        self.assertEqual(lines[0], 1)
        self.assertEqual(lines[-1], 2)
        self.compare(model, {"prior": (3,), "err_scale": 0.03, "absolute": (-24, -8), "from": "nearest"})

    def test_takes_the_magnitude_of_the_prior_from_a_second_band_where_the_first_has_none(self):
        # The first objects were not detected in g.
        model = self.train("second.h5", "--lephare.prior", "vvds", "--lephare.prior_band", "g,i", "--lephare.absolute_from", "fixed",
                           "--lephare.zmax", "2")
        self.compare(model, {"prior": (1, 3), "from": "fixed"}, objects=30)

    def test_rejects_models_brighter_than_limits_and_takes_the_best_model_at_each_redshift(self):
        model = self.train("reject.h5", "--lephare.nondetections", "reject", "--lephare.pdf", "min", "--lephare.zp_offset",
                           "0.1,0,0.02,0,-0.05,0", "--lephare.template_error", "0.04")
        self.compare(model, {"nondetections": "reject", "pdf": "min", "err_scale": 0.04, "offset": np.array([0.1, 0, 0.02, 0, -0.05, 0])})

    def test_makes_models_without_a_sample_by_options_and_by_a_preset(self):
        model = self.base / "alone.h5"
        # The preset has dust and lines; its own steps in redshift would take a minute.
        self.skyfold("train", "--config", "lephare-rubin", "--lephare.dz", "1", "--output", model)
        t = self.tables_of(model)
        self.assertEqual(t["flux"].shape[1:], (6, 6))
        # Nine amounts of dust and none for templates 4 to 8; five strengths of lines for those that form stars.
        counts = np.bincount(t["template"].astype(int))[1:]
        np.testing.assert_array_equal(counts % np.array([1, 1, 1, 10, 10, 10, 10, 10]), 0)
        self.assertEqual((counts[0], counts[7]), (1, 50))
        with_sample = self.train("sample.h5", "--lephare.zmax", "1")
        words = ("--lephare.filters", "lsst", "--lephare.dz", "0.05", "--lephare.zmax", "1")
        self.skyfold("train", "--algorithms", "lephare", "--bands", ",".join(BANDS), "--bands.limits", ",".join(map(str, LIMITS)), *words,
                "--output", model)
        np.testing.assert_array_equal(self.tables_of(model)["flux"], self.tables_of(with_sample)["flux"])
        for options, message in (
                (("--lephare.shifts", "true", "--lephare.shifts_band", "g"), "--sample is missing (with these options lephare learns"),
                (("--cuts.z_min", "0.1"), "--cuts has no part in this run (it needs --sample)")):
            result = self.run_skyfold("train", "--algorithms", "lephare", "--bands", "g,r", *words, "--output", self.base / "no.h5", *options)
            self.assertEqual(result.code, 2, result)
            self.assertIn(message, " ".join(result.errors()))

    def test_has_colours_at_rest_of_an_independent_integration(self):
        sed_folder = support.SHARED / "templates" / "sed_cwwsb"
        if not sed_folder.exists():
            self.skipTest("no templates in the shared data")
        model = self.base / "rest.h5"
        self.skyfold("train", "--algorithms", "lephare", "--bands", ",".join(BANDS), "--lephare.filters", "lsst", "--lephare.dz", "1", "--lephare.zmax", "2",
                     "--lephare.templates", sed_folder / "CWWSB4.list", "--lephare.ebv", "0.3", "--lephare.dust", "calzetti", "--lephare.igm", "none",
                     "--lephare.qso", "none", "--lephare.stars", "none", "--output", model)
        with h5py.File(model) as file:
            found = {name: values[:] for name, values in file["galaxies"].items()}
        corners = {"u": (3188, 3524, 3895, 4077), "g": (3851, 4384, 5406, 5649), "r": (5390, 5662, 6781, 7035), "i": (6786, 7036, 8056, 8304),
                   "z": (8050, 8317, 9047, 9362), "y": (9105, 9278, 9762, 10513)}
        files = [line.split()[0] for line in (sed_folder / "CWWSB4.list").read_text().splitlines() if line.strip() and line[0] != "#"]

        def magnitude(wave, flux, corner, through=(0, 1, 1, 0)):
            edges = np.linspace(corner[0], corner[-1], 100_001)
            lam = 0.5 * (edges[1:] + edges[:-1])
            t = np.interp(lam, corner, through)
            return -2.5 * np.log10((np.interp(lam, wave, flux) * t * lam).sum() / (t / lam).sum())

        def calzetti(wave):
            x = wave / 1e4
            blue = 2.659 * (-2.156 + 1.509 / x - 0.198 / x ** 2 + 0.011 / x ** 3) + 4.05
            return np.where(x < 0.63, blue, 2.659 * (-1.857 + 1.040 / x) + 4.05)
        for row in range(len(found["ebv"])):
            wave, flux = np.loadtxt(sed_folder / files[int(found["template"][row]) - 1]).T
            # Between points, too, dust takes what it takes there.
            fine = np.union1d(wave[(wave > 1300) & (wave < 24000)], np.arange(1300.0, 24000.0, 2.0))
            flux = np.interp(fine, wave, flux) * 10 ** (-0.4 * found["ebv"][row] * calzetti(fine))
            nuv, r, k = (magnitude(fine, flux, box, (1, 1)) for box in ((2100, 2500), (5500, 6500), (21000, 23000)))
            self.assertAlmostEqual(found["nuv"][row] - found["r"][row], nuv - r, delta=2e-3)
            if found["ebv"][row] == 0:
                self.assertAlmostEqual(found["r"][row] - found["k"][row], r - k, delta=2e-3)
            rest = found["rest"].reshape(-1, len(BANDS))[row]
            expected = np.array([magnitude(fine, flux, corners[band]) for band in BANDS])
            np.testing.assert_allclose(np.diff(-2.5 * np.log10(rest)), np.diff(expected), atol=5e-4 if found["ebv"][row] else 1e-4)

    def test_learns_how_much_galaxies_differ_from_templates_so_that_68_percent_intervals_hold_as_many(self):
        # DC2 is in the order of redshift.
        sample = self.copy_of("training", 300, 34)

        def coverage(name, error, sample=sample):
            model = self.train(name, "--lephare.template_error", error, "--sample", sample)
            with h5py.File(model) as file:
                found = file["zeropoints/error"][:]
            product = self.base / "coverage.z.hdf5"
            product.unlink(missing_ok=True)
            self.skyfold("photoz", "--catalogue", sample, "--model", model, "--output", product)
            z = support.read_group(product)
            with h5py.File(sample) as file:
                of_id = dict(zip(file["photometry/id"][:], file["photometry/redshift"][:]))
            known = np.array([of_id[i] for i in z["id"]])
            there = np.isfinite(z["z_68_low"])
            inside = (z["z_68_low"] <= known) & (known <= z["z_68_high"])
            return found, inside[there].mean()
        found, share = coverage("learned.h5", "learned")
        self.assertEqual(len(set(found)), 1)
        self.assertGreater(found[0], 0.02)
        self.assertGreaterEqual(share, 0.68)
        self.assertLess(coverage("less.h5", str(found[0] - 0.001))[1], 0.68)
        # The first objects, all nearby, have other redshifts by these templates whatever the errors.
        self.assertEqual(coverage("nearby.h5", "learned", self.sample)[0][0], 0.1)
        model = self.base / "usual.h5"
        self.skyfold("train", "--algorithms", "lephare", "--bands", "g,r", "--lephare.filters", "lsst", "--lephare.dz", "1", "--output", model)
        with h5py.File(model) as file:
            np.testing.assert_array_equal(file["zeropoints/error"][:], [0.1, 0.1])

    def test_says_what_is_wrong_with_its_options(self):
        def refused(words, *options):
            result = self.run_skyfold("train", "--algorithms", "lephare", "--sample", self.sample, "--output", self.base / "no.h5", *options)
            self.assertEqual(result.code, 2, result)
            self.assertIn(words, " ".join(result.errors()))
            self.assertFalse((self.base / "no.h5").exists())
        refused("lephare needs --lephare.filters")
        lsst = ("--lephare.filters", "lsst")
        refused("needs --lephare.dust", *lsst, "--lephare.ebv", "0.1")
        refused("needs --lephare.ebv", *lsst, "--lephare.dust", "smc")
        refused("3 numbers for 1 laws", *lsst, "--lephare.ebv", "0.1", "--lephare.dust", "smc", "--lephare.dust_templates", "1,2,3")
        refused("1 to 9 (must be numbers of templates, 1 to 8)", *lsst, "--lephare.ebv", "0.1", "--lephare.dust", "smc",
                "--lephare.dust_templates", "1,9")
        refused("the brighter one first", *lsst, "--lephare.absolute_limits=-5,-24")
        refused("none of the bands", *lsst, "--lephare.prior", "vvds", "--lephare.prior_band", "K")
        refused("2 values for 6 bands", *lsst, "--lephare.err_scale", "0.1,0.2")
        refused("--lephare.template_error much: must be learned, or 0 to 1 mag", *lsst, "--lephare.template_error", "much")
        refused("a grid needs three points", *lsst, "--lephare.zmax", "0.01")


if __name__ == "__main__":
    support.main()
