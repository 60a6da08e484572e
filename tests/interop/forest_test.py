"""Forests of tpz and boosted trees of annz2 against those of scikit-learn on the same tables: trees that are drawn otherwise are as good, and say nearly the same."""
import pathlib
import sys

import h5py
import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_hdf5, read_group

N = 3000


class Forests(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = np.random.default_rng(5)
        kind, z = random.uniform(-1, 1, 2 * N), random.uniform(0.05, 1.5, 2 * N)
        band = np.arange(5)
        # A break that moves through the bands with redshift, types of two slopes, noise that grows with the magnitude.
        mag = 20 + 2 * random.uniform(0, 1, (2 * N, 1)) + z[:, None] + 1.2 / (1 + np.exp(3 * (band - 3 * z[:, None]))) + 0.3 * kind[:, None] * (band - 2)
        err = 0.01 + 0.03 * (mag - 20).clip(0)
        mag = (mag + err * random.normal(size=mag.shape)).astype("f4")
        cls.mag, cls.z = mag, z
        for name, part in (("train", slice(0, N)), ("test", slice(N, None))):
            columns = {"id": np.arange(2 * N)[part], "redshift": z[part]}
            for b, letter in enumerate("ugriz"):
                columns |= {f"mag_{letter}": mag[part, b], f"mag_err_{letter}": err[part, b].astype("f4")}
            make_hdf5(cls.base / f"{name}.h5", columns)

    def ours(self, *words):
        model, product = self.path("m.h5"), self.path("z.h5")
        self.skyfold("train", "--calibrate", "none", "--sample", self.base / "train.h5", "--algorithms", "tpz", "--output", model, "--train.fraction", 1,
                     "--tpz.split", "variance", "--tpz.copies", 1, "--tpz.pdf", "mixture", "--tpz.point", "mean", "--tpz.sigma", 0.05,
                     "--tpz.scatter", 0, "--tpz.features", "magnitudes,colours", *words)
        self.skyfold("photoz", "--catalogue", self.base / "test.h5", "--model", model, "--output", product)
        table = read_group(product)
        return np.asarray(table["z_phot"])[np.argsort(table["id"])] if "id" in table else np.asarray(table["z_phot"]), h5py.File(model)

    def theirs(self, forest):
        x = np.hstack([self.mag, -np.diff(self.mag.astype("f8"), axis=1)])
        forest.fit(x[:N], self.z[:N])
        return forest.predict(x[N:]), forest

    def check(self, ours, theirs):
        truth = self.z[N:]
        rms = lambda estimate, to: np.sqrt(np.mean((estimate - to) ** 2))
        # Both are means of 100 trees: their errors are those of the method, and they differ by the noise of drawing trees alone.
        self.assertAlmostEqual(rms(ours, truth) / rms(theirs, truth), 1.0, delta=0.05)
        self.assertLess(rms(ours, theirs), 0.35 * rms(theirs, truth))

    def test_extra_trees_are_as_good_as_those_of_scikit_learn(self):
        ours, _ = self.ours("--tpz.growth", "extra", "--tpz.leaf", 3)
        theirs, _ = self.theirs(ExtraTreesRegressor(100, min_samples_leaf=3, max_features=1.0, random_state=1))
        self.check(ours, theirs)

    def test_bootstrapped_trees_and_their_out_of_bag_errors_are_those_of_scikit_learn(self):
        ours, model = self.ours("--tpz.growth", "bootstrap", "--tpz.leaf", 5, "--tpz.attributes", 3)
        theirs, forest = self.theirs(RandomForestRegressor(100, min_samples_split=6, max_features=3, oob_score=True, random_state=1))
        self.check(ours, theirs)
        z = model["training/z"][...]
        rms = np.sqrt(np.nanmean((model["out_of_bag/z_phot"][...] - z) ** 2))
        self.assertAlmostEqual(rms / np.sqrt(np.mean((forest.oob_prediction_ - self.z[:N]) ** 2)), 1.0, delta=0.05)

    def test_boosted_trees_are_as_good_as_those_of_scikit_learn(self):
        model, product = self.path("m.h5"), self.path("z.h5")
        for seed in (1, 2):  # the recipes are drawn: trees on inputs as they are, and on principal components
            self.skyfold("train", "--calibrate", "none", "--sample", self.base / "train.h5", "--algorithms", "annz2", "--output", model, "--train.fraction", 1,
                         "--seed", seed, "--annz2.models", 1, "--annz2.kinds", "trees", "--annz2.features", "magnitudes,colours",
                         "--annz2.hide", 0)
            self.skyfold("photoz", "--catalogue", self.base / "test.h5", "--model", model, "--output", product, "--fresh")
            ours = np.asarray(read_group(product)["z_best"])
            x = np.hstack([self.mag, -np.diff(self.mag.astype("f8"), axis=1)])
            with h5py.File(model) as file:
                x = (x - file["inputs/mean"][...]) / file["inputs/deviation"][...]
                recipe = {name: file[f"models/{name}"][0] for name in ("transform", "trees", "depth", "shrinkage", "least")}
                if recipe["transform"] == 2:  # the second matrix, without the bits of missing bands
                    d = len(file["inputs/mean"])
                    width = file["transforms/matrix"].shape[1]
                    x = x @ file["transforms/matrix"][width : width + d, :d].T + file["transforms/offset"][width : width + d]
                    self.assertLess(np.abs(np.corrcoef(x[:N].T) - np.eye(d))[: d // 2, : d // 2].max(), 0.1)
            trees = GradientBoostingRegressor(n_estimators=recipe["trees"], max_depth=recipe["depth"], learning_rate=recipe["shrinkage"],
                                              min_samples_leaf=int(recipe["least"]), random_state=1)
            # A quarter of the objects is held out, 15 % of the others may end a training: trees grow on as many as ours.
            grown = np.random.default_rng(seed).permutation(N)[: int(N * 0.75 * 0.85)]
            theirs = trees.fit(x[grown], self.z[grown]).predict(x[N:])
            rms = lambda estimate, to: np.sqrt(np.mean((estimate - to) ** 2))
            self.assertAlmostEqual(rms(ours, self.z[N:]) / rms(theirs, self.z[N:]), 1.0, delta=0.07)
            self.assertLess(rms(ours, theirs), 0.9 * rms(theirs, self.z[N:]))


if __name__ == "__main__":
    support.main()
