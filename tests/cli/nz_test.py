"""The command nz from outside: n(z), bootstrap and jackknife against numpy on the same PDFs and weights, the same bytes on any ranks, kills, bad inputs."""
import os
import pathlib
import re
import shlex
import sys

import h5py
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_hdf5, read_bytes

EDGES = np.array([0.2, 0.5, 0.8, 1.2])
BINS = "z_phot: 0.2,0.5,0.8,1.2"
ESTIMATORS = ("stack", "point", "draw", "truth", "training")
GOLDEN, ALL_BITS = 0x9e3779b97f4a7c15, (1 << 64) - 1


def mix64(x):
    x = (x + np.uint64(GOLDEN)).astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
    return x ^ (x >> np.uint64(31))


def keys_of(seed, ids):
    with np.errstate(over="ignore"):
        return mix64(mix64(np.array([seed], np.uint64)) ^ mix64(ids.astype(np.uint64) + np.uint64(GOLDEN)))


def counts_of(keys, realisation):
    """Poisson deviates of mean 1 from the bits of (key, realisation)."""
    with np.errstate(over="ignore"):
        u = mix64(keys + np.uint64(realisation * GOLDEN & ALL_BITS)).astype(np.float64) / 2.0 ** 64
    return np.searchsorted(np.cumsum(np.exp(-1) / np.array([float(np.prod(np.arange(1, k + 1))) for k in range(15)])), u, side="right")


class Nz(support.SkyfoldTest):
    """PDFs that numpy made, Gaussians on a grid, with positions, weights and redshifts drawn from them."""

    N, GRID = 3000, np.linspace(0, 2, 101)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(3)
        cls.ids = rng.permutation(10 ** 6)[:cls.N].astype(np.int64)
        cls.z_phot, sigma = rng.uniform(0.1, 1.4, cls.N), rng.uniform(0.03, 0.15, cls.N)
        cls.z_true = np.abs(cls.z_phot + sigma * rng.normal(size=cls.N)) + 1e-3
        pdfs = np.exp(-0.5 * ((cls.GRID - cls.z_phot[:, None]) / sigma[:, None]) ** 2).astype(np.float32)
        cls.pdfs = pdfs
        cls.ra, cls.dec = rng.uniform(0, 60, cls.N), rng.uniform(-20, 20, cls.N)
        cls.weight = rng.uniform(0.5, 2, cls.N)
        cls.pdf = cls.write_pdfs(cls.base / "q.pdf.hdf5", pdfs, cls.ids, z_phot=cls.z_phot, ra=cls.ra, dec=cls.dec, z_spec=cls.z_true, w=cls.weight)

    @classmethod
    def write_pdfs(cls, path, pdfs, ids, grid=None, **ancil):
        with h5py.File(path, "w") as file:
            file["meta/pdf_name"] = np.array([b"interp"])
            file["meta/pdf_version"] = np.array([0])
            file["meta/xvals"] = (cls.GRID if grid is None else grid)[None, :]
            file["data/yvals"] = pdfs
            if ids is not None:
                file["ancil/object_id"] = ids
            for name, values in ancil.items():
                file["ancil/" + name] = values
        return str(path)

    def nz(self, *words, name="n", ranks=0, code=0, pdf=None, bins=BINS):
        result = self.run_skyfold("nz", "--pdf", pdf or self.pdf, "--bins", bins, "--output", self.path(name + ".hdf5"), *words, ranks=ranks)
        self.assertEqual(result.code, code, result)
        return result

    def groups(self, name="n"):
        with h5py.File(self.path(name + ".hdf5")) as file:
            return {group: {key: file[group][key][()] for key in file[group]} for group in file}

    def n(self, groups, estimator):
        """[bin, result, cell]"""
        rows = groups["ancil"]["estimator"] == estimator.encode()
        values = groups["data"]["pdfs"][rows]
        return values.reshape(len(EDGES) - 1, -1, values.shape[1])

    def masses(self, edges):
        """Probability between edges of PDFs that are linear between the points of their grid."""
        p = self.pdfs.astype(float)
        steps = 0.5 * (p[:, 1:] + p[:, :-1]) * np.diff(self.GRID)
        below = np.concatenate([np.zeros((self.N, 1)), np.cumsum(steps, axis=1)], axis=1)
        i = np.clip(np.searchsorted(self.GRID, edges, side="right") - 1, 0, len(self.GRID) - 2)
        t = edges - self.GRID[i]
        slope = (p[:, i + 1] - p[:, i]) / np.diff(self.GRID)[i]
        return np.diff((below[:, i] + t * (p[:, i] + 0.5 * slope * t)) / below[:, -1:], axis=1)

    def expected(self, contribution, weight, width):
        """n(z) [bin, cell] of contributions [object, cell]."""
        result = []
        for low, high in zip(EDGES[:-1], EDGES[1:]):
            of_bin = ((self.z_phot >= low) & (self.z_phot < high)) * weight
            total = of_bin @ contribution
            result.append(total / (total.sum() * width))
        return np.array(result)


class Truth(Nz):
    def test_all_of_it_is_what_numpy_gives_from_the_same_pdfs_and_weights(self):
        realisations, nside, width = 25, 4, 0.03
        self.nz("--weights", "w", "--bootstrap.realisations", realisations, "--jackknife.nside", nside, "--z.width", width, "--z.max", 1.5, "--seed", 7)
        groups = self.groups()
        edges = groups["meta"]["bins"][0]
        np.testing.assert_allclose(edges, np.arange(51) * width, atol=1e-12)
        histogram = lambda z: (np.digitize(z, edges)[:, None] == np.arange(1, len(edges))).astype(float)
        contributions = {"stack": self.masses(edges), "point": histogram(self.z_phot), "truth": histogram(self.z_true)}
        keys = keys_of(7, self.ids)
        counts = [np.ones(self.N)] + [counts_of(keys, k) for k in range(realisations)]
        import healpy
        patch = healpy.ang2pix(nside, self.ra, self.dec, lonlat=True, nest=True)
        self.assertEqual(set(groups["patches"]["pixel"]), set(patch))
        for name, contribution in contributions.items():
            with self.subTest(name):
                wanted = np.array([self.expected(contribution, self.weight * count, width) for count in counts])
                np.testing.assert_allclose(self.n(groups, name), wanted.transpose(1, 0, 2), rtol=2e-6, atol=2e-6)
                flat = wanted[1:].reshape(realisations, -1)
                np.testing.assert_allclose(groups["covariance"][name + "_bootstrap"], np.cov(flat.T), rtol=1e-4, atol=1e-6)
                without = np.array([self.expected(contribution, self.weight * (patch != p), width).ravel() for p in np.unique(patch)])
                jackknife = np.cov(without.T, ddof=0) * (len(without) - 1)
                np.testing.assert_allclose(groups["covariance"][name + "_jackknife"], jackknife, rtol=1e-4, atol=1e-5)
                self.check_numbers(groups, name, wanted, without.reshape(len(without), len(EDGES) - 1, -1), edges)
        np.testing.assert_array_equal(groups["tomography"]["objects"], np.histogram(self.z_phot, EDGES)[0])

    def check_numbers(self, groups, name, results, without, edges):
        middle, width = 0.5 * (edges[1:] + edges[:-1]), edges[1] - edges[0]
        mean = lambda n: (n * middle).sum(-1) * width
        rows = groups["numbers"]["estimator"] == name.encode()
        table = {key: values[rows] for key, values in groups["numbers"].items()}
        np.testing.assert_allclose(table["mean"], mean(results[0]), rtol=1e-6)
        np.testing.assert_allclose(table["mean_err"], mean(results[1:]).std(axis=0, ddof=1), rtol=1e-4)
        np.testing.assert_allclose(table["mean_jackknife"], np.sqrt((len(without) - 1) * mean(without).var(axis=0)), rtol=1e-4)
        deviation = np.sqrt((results[0] * (middle - mean(results[0])[:, None]) ** 2).sum(-1) * width)
        np.testing.assert_allclose(table["width"], deviation, rtol=1e-6)
        overlaps = groups["overlap"]["overlap"][groups["overlap"]["estimator"] == name.encode()]
        pairs = [(a, b) for a in range(3) for b in range(a + 1, 3)]
        np.testing.assert_allclose(overlaps, [np.minimum(results[0][a], results[0][b]).sum() * width for a, b in pairs], rtol=1e-5, atol=1e-6)

    def test_draws_follow_the_pdfs_and_differ_between_realisations(self):
        self.nz("--bootstrap.realisations", 40, "--z.width", 0.1)
        draw, stack = (self.n(self.groups(), name) for name in ("draw", "stack"))
        counts = np.histogram(self.z_phot, EDGES)[0]
        for b in range(3):
            error = np.sqrt(np.maximum(stack[b, 0] * 0.1, 1 / counts[b]) / counts[b] / 40) / 0.1
            self.assertLess(np.abs((draw[b].mean(axis=0) - stack[b].mean(axis=0)) / error).max(), 4.5)
        self.assertEqual(len(np.unique(draw[0], axis=0)), 41)

    def test_the_part_of_pdfs_beyond_the_cells_is_told(self):
        result = self.nz("--z.max", 1.0, "--z.width", 0.05, "--bootstrap.realisations", 0)
        mass = self.masses(np.array([0, 1.0]))[:, 0]
        tomography = self.groups()["tomography"]
        for b, (low, high) in enumerate(zip(EDGES[:-1], EDGES[1:])):
            lost = 1 - mass[(self.z_phot >= low) & (self.z_phot < high)]
            self.assertAlmostEqual(tomography["stack_outside"][b], lost.sum(), delta=1e-4)
            self.assertRegex(result.out, rf"(?s)bin {b + 1} .*?stack [^\n]*{100 * lost.mean():.3f} % beyond the cells")
            self.assertEqual(f"bin {b + 1} ({low:g} <= z_phot < {high:g}): {100 * lost.mean():.2f} % of the PDFs" in result.err, lost.mean() > 0.01)

    def test_shift_and_stretch_are_those_that_were_put_in(self):
        z = np.linspace(0, 2, 401)
        gauss = lambda mean, sigma: np.exp(-0.5 * ((z - mean) / sigma) ** 2)
        np.savetxt(self.path("ref.txt"), np.column_stack([z] + [gauss(m, 0.1) for m in (0.4, 0.7, 1.0)]), header="z bin1 bin2 bin3")
        ids = np.arange(300)
        centre = np.repeat([0.4, 0.7, 1.0], 100)
        pdfs = np.exp(-0.5 * ((z - centre[:, None] - 0.02) / 0.12) ** 2)
        pdf = self.write_pdfs(self.path("s.pdf.hdf5"), pdfs, ids, grid=z, z_phot=centre)
        self.nz("--reference", self.path("ref.txt"), pdf=pdf)
        numbers = self.groups()["numbers"]
        stack = numbers["estimator"] == b"stack"
        np.testing.assert_allclose(numbers["shift"][stack], 0.02, atol=2e-4)
        np.testing.assert_allclose(numbers["stretch"][stack], 1.2, atol=1e-3)

    def test_errors_of_means_are_as_large_as_means_scatter(self):
        """Each bin is a sample of one population: their pulls have a standard deviation of 1, +- 0.04 for 300."""
        rng = np.random.default_rng(8)
        samples, size = 300, 100
        number = np.repeat(np.arange(samples), size)
        z, dec = rng.normal(0.45, 0.08, samples * size), np.degrees(np.arcsin(rng.uniform(-1, 1, samples * size)))
        pdf = self.write_pdfs(self.path("p.pdf.hdf5"), np.ones((samples * size, 2)), np.arange(samples * size), grid=np.array([0.0, 1.0]), number=number + 0.5,
                              z_spec=z, ra=rng.uniform(0, 360, samples * size), dec=dec)
        self.nz("--jackknife.nside", 2, "--bootstrap.realisations", 100, "--z.width", 0.05, pdf=pdf, bins="number: " + ",".join(map(str, range(samples + 1))))
        numbers = self.groups()["numbers"]
        truth = numbers["estimator"] == b"truth"
        for error in ("mean_err", "mean_jackknife"):
            pulls = (numbers["mean"][truth] - 0.45) / numbers[error][truth]
            self.assertLess(abs(np.std(pulls) - 1), 0.1, error)
            self.assertLess(abs(np.mean(pulls)), 0.2, error)

    def test_a_weighted_training_sample_gives_its_histogram(self):
        rng = np.random.default_rng(5)
        z, weight = rng.uniform(0.1, 1.3, 500), rng.uniform(0, 1, 500)
        training = make_hdf5(self.path("t.h5"), {"id": np.arange(500), "z_spec": z, "z_phot": z + rng.normal(0, 0.02, 500), "weight": weight}, group="object")
        self.nz("--training.sample", training, "--z.width", 0.05, "--estimator", "training", "--text", self.path("n.txt"))
        with h5py.File(training) as file:
            z_phot = file["object/z_phot"][:]
        n = self.n(self.groups(), "training")[:, 0]
        for b in range(3):
            in_bin = (z_phot >= EDGES[b]) & (z_phot < EDGES[b + 1])
            wanted = np.histogram(z[in_bin], np.arange(41) * 0.05, weights=weight[in_bin], density=True)[0]
            np.testing.assert_allclose(n[b], wanted, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(np.loadtxt(self.path("n.txt"))[:, 1:].T, n, rtol=1e-8, atol=1e-12)

    def test_training_objects_are_weighted_in_each_bin_by_the_objects_around_them(self):
        rng = np.random.default_rng(6)
        n, neighbours = 400, 5
        place, z, z_phot = rng.normal(0, 1, (n, 3)), rng.uniform(0.1, 1.4, n), rng.uniform(0.1, 1.3, n)
        z[:7] = 0, -1, np.nan, 0, 0, 0, 0   # none of the sample
        numbers = lambda x: {"a": x[:, 0], "b": x[:, 0] - x[:, 1], "c": x[:, 2]}
        there = rng.normal(0, 1, (self.N, 3))
        there[5, 1] = np.nan
        catalogue = make_hdf5(self.path("c.h5"), {"id": self.ids, "w": self.weight, **numbers(there)}, group="object")
        known = z > 0
        ids = np.where(np.arange(n) % 3 == 0, self.ids[::self.N // n][:n], -1 - np.arange(n))   # a third are objects themselves
        row_of = {i: row for row, i in enumerate(ids) if known[row]}
        is_seen = np.array([i in row_of for i in self.ids])
        key, bin_of = keys_of(1, ids[known]), lambda x: np.searchsorted(EDGES, x, side="right") - 1
        for name, own, seen in (("without", {}, "alike"), ("with", {"z_phot": z_phot}, "alike"), ("seen", {"z_phot": z_phot}, "own")):   # the bins of the sample itself
            training = make_hdf5(self.path(f"{name}.h5"), {"id": ids, "z_spec": z, **own, **numbers(place)}, group="object")
            words = ("--catalogue", catalogue, "--training.sample", training, "--training.space", "a,a - b,c", "--weights", "w", "--z.width", 0.1,
                     "--bootstrap.realisations", 3, "--training.seen", seen)
            output = self.nz(*words)
            groups = self.groups()
            in_bins = is_seen & (bin_of(self.z_phot) >= 0) & (bin_of(self.z_phot) < len(EDGES) - 1)
            self.assertEqual(f"{in_bins.sum()} objects in the bins have ids of training objects" in output.err, seen == "alike")
            for b in range(len(EDGES) - 1):
                mine = (bin_of(z_phot) == b) if own else np.ones(n, bool)
                centres = place[known & mine]
                radius = np.sort(np.sqrt(((centres[:, None] - centres[None]) ** 2).sum(-1)), axis=1)[:, neighbours]
                inside = np.sqrt(((there[:, None] - centres[None]) ** 2).sum(-1)) <= radius   # [object, training]; NaN: no
                w = self.weight * (bin_of(self.z_phot) == b)
                around, theirs = w * ~(is_seen & (seen == "own")), np.zeros(n)
                for i in np.flatnonzero(w * (is_seen & (seen == "own"))):
                    theirs[row_of[self.ids[i]]] += w[i]
                weights = np.zeros(n)
                weights[known & mine] = around @ inside * (1 if seen == "alike" else around.sum() / (around @ inside).sum())
                weights += theirs
                for result in range(4):
                    count = counts_of(key, result - 1) if result else 1
                    wanted = np.histogram(z[known], np.arange(21) * 0.1, weights=weights[known] * count, density=True)[0]
                    np.testing.assert_allclose(self.n(groups, "training")[b, result], wanted, rtol=1e-9, atol=1e-12)
                self.assertAlmostEqual(groups["tomography"]["training_uncovered"][b], around @ ~inside.any(axis=1), places=8)
                if seen == "own":
                    self.assertAlmostEqual(groups["tomography"]["training_own"][b], theirs.sum(), places=8)
                self.check_trust(groups, b, bool(own), output.out)
        self.nz(*words, name="r", ranks=3)
        with h5py.File(self.path("r.hdf5")) as file:
            np.testing.assert_array_equal(file["data/pdfs"][:], groups["data"]["pdfs"])
        for words, code, message in ((("--training.weight", "w"), 2, "training.weight: weights are counted"),
                                     (("--training.space", "nowhere"), 2, "nowhere"),
                                     (("--training.seen", "own", "--training.id", "none"), 2, "with.h5|seen.h5.* has no ids"),
                                     (("--training.neighbours", 200), 3, "in bin 1 .*need more")):
            words = (*(() if "--training.space" in words else ("--training.space", "a")), *words)
            self.assertRegex(self.nz("--catalogue", catalogue, "--training.sample", training, *words, name="e", code=code).errors()[0], message)

    def check_trust(self, groups, b, is_binned, text):
        """By the sample's own bins; stacks are taken for wrong by what training differs from them beyond its noise."""
        stack, training = (self.n(groups, name)[b] for name in ("stack", "training"))
        width = np.diff(groups["meta"]["bins"][0])[0]
        difference = np.abs(training[0] - stack[0]).sum() * width
        noise = np.abs(training[1:] - training[0]).sum(axis=1).mean() * width
        trusted = bool(is_binned and difference ** 2 > 2 * noise ** 2)
        self.assertAlmostEqual(groups["tomography"]["training_difference"][b], difference, places=9)
        self.assertAlmostEqual(groups["tomography"]["training_noise"][b], noise, places=9)
        self.assertEqual(bool(groups["tomography"]["training_trusted"][b]), trusted)
        line = text.split("  trust     ")[1 + b].split("\n")[0]
        self.assertTrue(line.startswith("training: " if trusted else "stack: "), line)
        self.assertEqual("across the edges of bins" in line, not is_binned)

    def test_mixtures_are_integrated_as_scipy_does(self):
        from scipy.stats import norm
        rng = np.random.default_rng(9)
        means, stds = rng.uniform(0.2, 1.2, (50, 3)), rng.uniform(0.02, 0.2, (50, 3))
        weights = rng.dirichlet(np.ones(3), 50).astype(np.float32)
        with h5py.File(self.path("m.pdf.hdf5"), "w") as file:
            file["meta/pdf_name"], file["meta/pdf_version"] = np.array([b"mixmod"]), np.array([0])
            file["data/means"], file["data/stds"], file["data/weights"] = means.astype(np.float32), stds.astype(np.float32), weights
            file["ancil/object_id"], file["ancil/z_phot"] = np.arange(50), np.full(50, 0.5)
        self.nz(pdf=self.path("m.pdf.hdf5"), bins="z_phot: 0.2,0.8")
        edges = self.groups()["meta"]["bins"][0]
        mass = np.diff((weights[:, :, None] * norm.cdf(edges, means[:, :, None], stds[:, :, None])).sum(axis=1) / weights.sum(axis=1)[:, None], axis=1)
        wanted = mass.sum(axis=0) / mass.sum() / np.diff(edges)
        np.testing.assert_allclose(self.groups()["data"]["pdfs"][0], wanted, rtol=1e-5, atol=1e-6)


class Products(Nz):
    def test_products_have_the_same_bytes_for_any_ranks_and_threads(self):
        pdf = self.write_pdfs(self.path("big.pdf.hdf5"), np.tile(self.pdfs, (12, 1)), np.arange(12 * self.N), z_phot=np.tile(self.z_phot, 12),
                              ra=np.tile(self.ra, 12), dec=np.tile(self.dec, 12), z_spec=np.tile(self.z_true, 12))
        wide = ("--bootstrap.realisations", 11, "--z.width", 0.1)
        def products(name, *words, **options):
            paths = [self.path(name + end) for end in (".hdf5", ".txt", ".fits")]
            self.nz(*wide, "--text", paths[1], "--fits", paths[2], *words, name=name, pdf=pdf, **options)
            return [read_bytes(path) for path in paths]
        whole = products("a", "--threads", 1)
        for ranks, threads in ((1, 3), (2, 1), (3, 2), (4, 1)):
            with self.subTest(ranks=ranks, threads=threads):
                self.assertEqual(products(f"b{ranks}", "--threads", threads, ranks=ranks), whole)
        for unit, ranks, after in ((0, 0, 2), (1, 2, 0)):
            with self.subTest(unit=unit):
                output = self.path(f"k{unit}.hdf5")
                words = ("nz", "--pdf", pdf, "--bins", BINS, *wide, "--output", output)
                self.assertNotEqual(self.run_skyfold(*words, "--farm.fault", f"sleep=0.2@0,kill@{unit}:1", ranks=ranks).code, 0)
                self.assertFalse(os.path.exists(output))
                self.skyfold(*words, ranks=after)
                self.assertEqual(read_bytes(output), whole[0])
        self.assertIn("nothing to do", self.run_skyfold(*words).err)

    def test_text_fits_and_figure_have_what_the_product_has(self):
        self.nz("--text", self.path("n.txt"), "--fits", self.path("n.fits"), "--plot", self.path("n.svg"), "--z.width", 0.05)
        n = self.n(self.groups(), "stack")[:, 0]
        np.testing.assert_allclose(np.loadtxt(self.path("n.txt"))[:, 1:].T, n, rtol=1e-8)
        with fits.open(self.path("n.fits"), checksum=True) as file:
            file.verify("exception")
            self.assertIs(file["NZ_SAMPLE"].header["NZDATA"], True)   # by which TwoPointFile knows it
        table = fits.getdata(self.path("n.fits"), "NZ_SAMPLE", checksum=True)
        self.assertEqual(table.columns.names, ["Z_LOW", "Z_MID", "Z_HIGH", "BIN1", "BIN2", "BIN3"])
        np.testing.assert_allclose(table["Z_HIGH"], table["Z_MID"] * 2 - table["Z_LOW"])
        np.testing.assert_array_equal(table["BIN2"], n[1])
        self.assertIn("0.2 &lt;= z_phot &lt; 0.5", pathlib.Path(self.path("n.svg")).read_text())

    def test_it_opens_by_the_rules_of_qp(self):
        self.nz()
        groups = self.groups()
        self.assertEqual(groups["meta"]["pdf_name"][0], b"hist")
        self.assertEqual(groups["meta"]["bins"].shape[1], groups["data"]["pdfs"].shape[1] + 1)
        np.testing.assert_allclose(groups["data"]["pdfs"] @ np.diff(groups["meta"]["bins"][0]), 1, rtol=1e-9)
        for values in groups["ancil"].values():
            self.assertEqual(len(values), len(groups["data"]["pdfs"]))


class Joined(Nz):
    def table(self, name, rows, **columns):
        return make_hdf5(self.path(name), {"id": self.ids[rows], "mag": self.weight[rows], **{k: v[rows] for k, v in columns.items()}}, group="object")

    def test_a_catalogue_is_joined_by_id_in_whatever_order(self):
        order = np.random.default_rng(1).permutation(self.N)
        self.nz("--catalogue", self.table("c.h5", order), "--where", "mag < 1.2 and z_spec > 0.3", "--bootstrap.realisations", 3)
        self.assertIn("joined by id", self.nz("--catalogue", self.table("d.h5", order), "--where", "mag < 1.2", name="d").err)
        chosen = (self.weight < 1.2) & (self.z_true > 0.3)
        np.testing.assert_array_equal(self.groups()["tomography"]["objects"], np.histogram(self.z_phot[chosen], EDGES)[0])
        some = self.table("e.h5", order[:1000])
        self.assertRegex(self.nz("--catalogue", some, name="e", code=3).errors()[0], "no row for the object")
        self.nz("--catalogue", some, "--on-missing", "count", name="e")
        np.testing.assert_array_equal(self.groups("e")["tomography"]["objects"], np.histogram(self.z_phot[order[:1000]], EDGES)[0])

    def test_a_product_is_found_beside_its_pdfs_and_a_catalogue_joined_by_row(self):
        self.skyfold("mock", "--objects", 3000, "--seed", 5, "--spectroscopic", 0.5, "--output", self.path("s.h5"))
        self.skyfold("train", "--sample", self.path("s.spec.h5"), "--output", self.path("m.h5"), "--algorithms", "trainz")
        self.skyfold("photoz", "--catalogue", self.path("s.h5"), "--model", self.path("m.h5"), "--output", self.path("z.hdf5"), "--pdf", "interp", "--pdf.where",
                     "mag_i < 23")
        result = self.nz("--catalogue", self.path("s.h5"), "--where", "is_star == 0", "--bootstrap.realisations", 2, pdf=self.path("z.pdf.hdf5"), bins="z_phot: 0,3")
        self.assertIn("s.h5, joined by row", result.err)
        self.assertIn("z.hdf5, joined by row", result.err)
        with h5py.File(self.path("s.h5")) as file:
            wanted = np.count_nonzero((file["object/is_star"][:] == 0) & (file["object/mag_i"][:] < 23))
        self.assertEqual(self.groups()["tomography"]["objects"].sum(), wanted)


class Documentation(support.SkyfoldTest):
    def test_the_examples_of_the_page_run_as_printed(self):
        page = (support.SOURCE / "docs/nz.md").read_text()
        commands = re.findall(r"(?m)^\$ (.*)$", page)
        self.assertEqual(len(commands), 4)
        for command in commands:
            words = shlex.split(command)
            ranks = int(words[2]) if words[0] == "mpirun" else 0
            words = words[words.index("skyfold") + 1:]
            # Names of files are in the test's folder; what is read is what was written there.
            self.skyfold(*[self.path(word) if re.fullmatch(r"[\w.]+\.(h5|hdf5|txt|fits|svg)", word) else word for word in words],
                         *(() if words[0] == "mock" else ("--threads", 1)), ranks=ranks)
        code = re.search(r"```python\n(.*?)```", page, re.S).group(1)
        names = {}
        exec(code.replace('"n.hdf5"', repr(self.path("n.hdf5"))), names)
        edges, n, covariance = (names[key] for key in ("edges", "n", "covariance"))
        self.assertEqual(n.shape, (4, len(edges) - 1))
        np.testing.assert_allclose(n @ np.diff(edges), 1)
        self.assertEqual(covariance.shape, (n.size, n.size))
        np.testing.assert_allclose(np.loadtxt(self.path("n.txt"))[:, 1:].T, n, rtol=1e-8)   # as load_nz of CosmoSIS reads it
        np.testing.assert_allclose(np.loadtxt(self.path("n.txt"))[:, 0], 0.5 * (edges[1:] + edges[:-1]), rtol=1e-8)
        table = fits.getdata(self.path("n.fits"), "NZ_SAMPLE")
        np.testing.assert_array_equal([table[f"BIN{b + 1}"] for b in range(4)], n)


class BadInputs(Nz):
    def test_each_is_told_in_one_line(self):
        no_pdfs = make_hdf5(self.path("c.h5"), {"id": self.ids, "z_phot": self.z_phot}, group="object")
        twice = make_hdf5(self.path("twice.h5"), {"id": np.r_[self.ids, self.ids[:1]], "mag": np.zeros(self.N + 1)}, group="object")
        no_ids = self.write_pdfs(self.path("i.pdf.hdf5"), self.pdfs, None, z_phot=self.z_phot)
        nothing = self.write_pdfs(self.path("0.pdf.hdf5"), np.zeros((5, 101)), np.arange(5), z_phot=np.full(5, 0.3))
        training = make_hdf5(self.path("t.h5"), {"z_spec": [0.3, 0.6], "z_phot": [0.3, 0.6], "weight": [1.0, -1.0]}, group="object")
        for code, message, pdf, bins, words in (
                (2, r"--bins: 0.4 after 0.5 \(edges of bins must ascend\)", None, "z_phot: 0.2,0.5,0.4", ()),
                (2, "--bins: 'x' is not a number", None, "z_phot: 0.2,x", ()),
                (2, "names no column", None, "0.2,0.5", ()),
                (2, "1 edges of bins", None, "z_phot: 0.2", ()),
                (2, r"no column 'z_photo' \(named by --bins\), did you mean 'z_phot'", None, "z_photo: 0.2,0.5", ()),
                (2, "no column 'ww'", None, BINS, ("--weights", "ww")),
                (2, "'ww'", None, BINS, ("--where", "ww > 3")),
                (3, r"bin 2 \(5 <= z_phot < 6\) has no object", None, "z_phot: 0.2,5,6", ()),
                (3, r"bin 1 \(0.2 <= z_phot < 0.5\) has no object", nothing, "z_phot: 0.2,0.5", ()),
                (3, "no probability between", None, "z_phot: 0.2,0.3", ("--z.min", 1.9)),
                (3, "no group|PDFs", no_pdfs, BINS, ()),
                (3, "by which .* would be joined", no_ids, BINS, ("--catalogue", no_pdfs)),
                (3, "row 3001: the id .* occurs twice", None, BINS, ("--catalogue", twice, "--where", "mag == 0")),
                (3, "row 2, column weight: -1", None, "z_phot: 0.2,0.5,0.8", ("--training.sample", training)),
                (2, "jackknife.nside = 3", None, BINS, ("--jackknife.nside", 3)),
                (2, "--join", None, BINS, ("--join", "row")),
                (2, "training without --training.sample", None, BINS, ("--estimator", "training")),
                (4, "nowhere", self.path("nowhere.hdf5"), BINS, ())):
            with self.subTest(message):
                result = self.nz(*words, pdf=pdf, bins=bins, code=code)
                self.assertEqual(len(result.errors()), 1, result)
                self.assertRegex(result.errors()[0], message)
                self.assertFalse(os.path.exists(self.path("n.hdf5")))


if __name__ == "__main__":
    support.main()
