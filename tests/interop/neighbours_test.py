"""Neighbour algorithms on a mock survey, from commands to products, against numpy, scipy and scikit-learn on the same tables."""
import pathlib
import sys

import h5py
import numpy as np
from scipy.stats import chi2
from sklearn.neighbors import NearestNeighbors

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import read_group

BANDS = "grizY"


class Neighbours(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.skyfold("mock", "--objects", 3000, "--spectroscopic", 0.5, "--output", cls.base / "c.h5")
        cls.known, cls.objects = read_group(cls.base / "c.spec.h5"), read_group(cls.base / "c.h5")
        cls.redshift = next(name for name in cls.known if name.startswith("z_"))

    def estimates(self, algorithm, *words):
        """(model, product, place of each row of the product in the catalogue's rows: they are in its order)"""
        model, product = self.path(f"{algorithm}.h5"), self.path(f"{algorithm}.z.h5")
        self.skyfold("train", "--calibrate", "none", "--sample", self.base / "c.spec.h5", "--algorithms", algorithm, "--output", model, "--train.fraction", 1, *words)
        self.skyfold("photoz", "--catalogue", self.base / "c.h5", "--model", model, "--output", product, ranks=2)
        return h5py.File(model), read_group(product)

    def magnitudes(self, table, limits=None):
        """Magnitudes and errors; not observed: NaN; not detected: the limit with error 1."""
        mag = np.array([table[f"mag_{b}"] for b in BANDS], dtype=float).T
        err = np.array([table[f"mag_err_{b}"] for b in BANDS], dtype=float).T
        missing = ~np.isfinite(mag) | (mag < -90)
        undetected = (mag > 90) | (np.abs(mag - 37.5) < 0.1)
        mag[undetected] = np.broadcast_to(limits, mag.shape)[undetected]
        err[undetected] = 1.0
        mag[missing] = err[missing] = np.nan
        return mag, err

    def test_cmnn_matches_what_a_loop_over_all_training_objects_matches(self):
        model, product = self.estimates("cmnn")
        limits = [float(x) for x in model.attrs["bands.limits"].split(",")]
        mag, err = self.magnitudes(self.objects, limits)
        colour, error = mag[:, :-1] - mag[:, 1:], np.hypot(err[:, :-1], err[:, 1:])
        known, z = model["training/colour"][...], model["training/z"][...]
        compared = 0
        for i in range(0, len(colour), 7):
            if np.isnan(error[i]).any():
                continue
            distance = np.nansum(((colour[i] - known) / error[i]) ** 2, axis=1)
            degrees = np.sum(~np.isnan(known), axis=1)
            inside = (distance > 1e-4) & (distance <= chi2.ppf(0.68, degrees))
            if inside.sum() < 25:
                continue
            nearest = np.where(inside)[0][np.argmin(distance[inside])]
            self.assertEqual(product["z_phot"][i], z[nearest], i)
            self.assertEqual(product["n_neighbours"][i], inside.sum(), i)
            self.assertAlmostEqual(product["z_err"][i], np.std(z[inside]), delta=1e-6)
            compared += 1
        self.assertGreater(compared, 100)

    def test_pofz_has_the_neighbours_of_scikit_learn(self):
        model, product = self.estimates("pofz", "--pofz.metric", "standard", "--pofz.order", 0, "--pofz.neighbours", 30,
                                        "--pofz.features", "r,r-i,g-r")
        mean, deviation = model["features/mean"][...], model["features/deviation"][...]
        o = {b: np.asarray(self.objects[f"mag_{b}"], dtype=float) for b in "gri"}
        detected = np.all([(o[b] > 0) & (o[b] < 37) for b in "gri"], axis=0)
        x = (np.array([o["r"], o["r"] - o["i"], o["g"] - o["r"]]).T - mean) / deviation
        known, z = model["training/feature"][...], model["training/z"][...]
        whole = ~np.isnan(known).any(axis=1)
        distance, place = NearestNeighbors(n_neighbors=30).fit(known[whole]).kneighbors(x[detected])
        np.testing.assert_allclose(product["d1"][detected], distance[:, 0], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(product["z_phot"][detected], z[whole][place].mean(axis=1), rtol=0, atol=1e-9)
        self.assertGreater(detected.sum(), 1000)


if __name__ == "__main__":
    support.main()
