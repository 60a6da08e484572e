"""Networks of annz and mdn against the multi-layer perceptron of scikit-learn on the same tables: no worse, by what each is trained for."""
import pathlib
import sys

import numpy as np
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_hdf5, read_group

N = 2000


class Networks(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = np.random.default_rng(6)
        kind, z = random.uniform(-1, 1, 2 * N), random.uniform(0.05, 1.5, 2 * N)
        band = np.arange(5)
        # A break that moves through the bands with redshift, types of two slopes, the same noise for all.
        mag = 20 + 2 * random.uniform(0, 1, (2 * N, 1)) + z[:, None] + 1.2 / (1 + np.exp(3 * (band - 3 * z[:, None]))) + 0.3 * kind[:, None] * (band - 2)
        mag = (mag + 0.03 * random.normal(size=mag.shape)).astype("f4")
        cls.z = z
        for name, part in (("train", slice(0, N)), ("test", slice(N, None))):
            columns = {"id": np.arange(2 * N)[part], "redshift": z[part]}
            for b, letter in enumerate("ugriz"):
                columns |= {f"mag_{letter}": mag[part, b], f"mag_err_{letter}": np.full(N, 0.03, "f4")}
            make_hdf5(cls.base / f"{name}.h5", columns)
        x = StandardScaler().fit_transform(np.hstack([mag[:, 3:4], -np.diff(mag.astype("f8"), axis=1)]))
        nets = [MLPRegressor((10, 10), "logistic", solver="lbfgs", alpha=1e-4, max_iter=500, random_state=seed).fit(x[:N], z[:N]) for seed in range(2)]
        cls.theirs = np.mean([net.predict(x[N:]) for net in nets], axis=0) - z[N:]

    @staticmethod
    def rms(residual):
        return np.sqrt(np.mean(residual**2))

    @staticmethod
    def nmad(residual):
        return 1.4826 * np.median(np.abs(residual - np.median(residual)))

    def residuals_of(self, algorithm, *words):
        model, product = self.path("m.h5"), self.path("z.hdf5")
        self.skyfold("train", "--calibrate", "none", "--sample", self.base / "train.h5", "--algorithms", algorithm, "--output", model, "--train.fraction", 1, *words)
        self.skyfold("photoz", "--catalogue", self.base / "test.h5", "--model", model, "--output", product)
        table = read_group(product)
        order = np.argsort(table["id"])
        return np.asarray(table["z_phot"])[order] - self.z[N:], np.asarray(table["z_err"])[order]

    def test_the_committee_is_as_good_as_that_of_scikit_learn(self):
        # Least squares on both sides. Other stopping rules make tenths of difference in either direction.
        ours, error = self.residuals_of("annz", "--annz.features", "reference,colours", "--annz.hidden", "10,10", "--annz.nets", 2, "--annz.hide", 0)
        self.assertLess(self.rms(ours) / self.rms(self.theirs), 1.1)
        self.assertAlmostEqual(self.rms(error) / self.rms(ours), 1.0, delta=0.3)

    def test_medians_of_mixtures_are_as_good_as_those_of_scikit_learn(self):
        # Trained for whole PDFs, which least squares do not measure: by the spread of the medians.
        ours, _ = self.residuals_of("mdn", "--mdn.features", "reference,colours", "--mdn.nets", 2, "--mdn.narrowest", 0.005, "--mdn.hide", 0, "--mdn.noise", 0,
                                    "--mdn.hidden", "32,32")
        self.assertLess(self.nmad(ours) / self.nmad(self.theirs), 1.1)


if __name__ == "__main__":
    support.main()
