"""photoz --pdf in every form, of an algorithm with mixtures and of one without. Forms are read here with numpy and compared with
values on a fine grid; the packed one by the decoder that docs/pdf.md prints."""
import csv
import pathlib
import re
import sys

import h5py
import numpy as np
from scipy import special, stats

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

OBJECTS = 1500
QP_FORMS = ["interp", "hist", "quant", "mixmod", "norm", "packed"]
FORMS = [*QP_FORMS, "sparse"]
# Greatest difference of the distribution function, in the mean over the objects: what each form can hold.
ERROR = {"interp": 0.01, "hist": 0.01, "quant": 0.03, "mixmod": 0.05, "norm": 0.3, "packed": 0.002, "sparse": 0.02}
Z = np.linspace(-0.5, 4, 4501)


def decoder(name="unpack"):
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "pdf.md").read_text()
    names = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(block, names)
    return names[name]


def linear_cdf(grid, values):
    """Of a density that is linear between points."""
    step = np.diff(grid)
    reached = np.concatenate([[0], np.cumsum(0.5 * step * (values[1:] + values[:-1]))])
    cell = np.clip(np.searchsorted(grid, Z, side="right") - 1, 0, len(step) - 1)
    t = np.clip(Z - grid[cell], 0, step[cell])
    inside = reached[cell] + t * (values[cell] + 0.5 * (values[cell + 1] - values[cell]) * t / step[cell])
    return np.where(Z >= grid[-1], 1, inside / reached[-1])


def cdf_of(file, row):
    """The distribution function at Z by the layouts of qp."""
    data, meta = file["data"], file["meta"]
    kind = meta["pdf_name"][0].decode()
    if kind == "interp":
        return linear_cdf(meta["xvals"][0], data["yvals"][row].astype("f8"))
    if kind == "hist":
        bins, p = meta["bins"][0], data["pdfs"][row].astype("f8")
        return np.interp(Z, bins, np.concatenate([[0], np.cumsum(p * np.diff(bins))]) / np.sum(p * np.diff(bins)))
    if kind == "quant":
        return np.interp(Z, data["locs"][row], meta["quants"][0], left=0, right=1)
    if kind == "norm":
        return stats.norm.cdf(Z, data["loc"][row], data["scale"][row])
    if kind == "packed":
        return linear_cdf(*decoder()(data["packed"][row], meta["zmin"][0], meta["zmax"][0]))
    if kind == "sparse":
        return linear_cdf(meta["xvals"][0], decoder("from_sparse")(data["sparse_indices"][row], *(meta[name][0] for name in ("xvals", "mu", "sig", "dims"))))
    weights = data["weights"][row].astype("f8")
    return (weights * stats.norm.cdf(Z[:, None], data["means"][row], data["stds"][row])).sum(1) / weights.sum()


def cut_to(form, file, cdfs):
    """What is beyond the range of a form is cut, and the rest is of unit integral."""
    if form not in ("interp", "hist", "packed", "sparse"):
        return cdfs
    meta = file["meta"]
    name = {"interp": "xvals", "sparse": "xvals", "hist": "bins"}.get(form)
    low, high = (meta[name][0][[0, -1]] if name else (meta["zmin"][0], meta["zmax"][0]))
    ends = [np.interp([low, high], Z, cdf) for cdf in cdfs]
    return [np.clip((cdf - a) / (b - a), 0, 1) for cdf, (a, b) in zip(cdfs, ends)]


class Forms(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue = str(cls.base / "survey.h5")
        cls.skyfold("mock", "--objects", OBJECTS, "--seed", 5, "--spectroscopic", 0.5, "--output", cls.catalogue, "--threads", 1)
        cls.skyfold("train", "--sample", cls.base / "survey.spec.h5", "--train.fraction", 1, "--threads", 1, "--output", cls.base / "m.h5",
                    "--algorithms", "dnf,knn")
        for model in ("dnf", "knn"):
            for form in [*FORMS, "fine"]:
                words = ("interp", "--pdf.bins", 4001) if form == "fine" else (form,)
                cls.skyfold("photoz", "--catalogue", cls.catalogue, "--model", cls.base / f"m.{model}.h5", "--pdf", *words, "--output",
                            cls.base / f"{model}.{form}.hdf5", "--threads", 1, "--project", "none", "--product-log", "none")

    def pdfs(self, model, form):
        return h5py.File(self.base / f"{model}.{form}.pdf.hdf5")

    def test_every_form_of_every_algorithm_has_the_distribution_function_of_its_pdf(self):
        rows = range(0, OBJECTS, 60)
        for model in ("knn", "dnf"):
            with self.pdfs(model, "fine") as file:
                expected = [cdf_of(file, row) for row in rows]
            for form in FORMS:
                with self.subTest(model=model, form=form), self.pdfs(model, form) as file:
                    self.assertEqual(file["meta/pdf_name"][0], form.encode())
                    cut = cut_to(form, file, expected)
                    errors = [np.abs(cdf_of(file, row) - cdf).max() for row, cdf in zip(rows, cut)]
                    self.assertLess(np.mean(errors), ERROR[form])

    def test_numbers_beside_packed_pdfs_are_those_of_the_documented_decoder(self):
        unpack = decoder()
        for model in ("knn", "dnf"):
            with self.pdfs(model, "packed") as file:
                packed, meta, median = file["data/packed"][:], file["meta"], file["ancil/z_median"][:]
                self.assertEqual(packed.shape, (OBJECTS, 52))
                self.assertEqual(packed.dtype, np.uint8)
                for row in range(0, OBJECTS, 30):
                    z, p = unpack(packed[row], meta["zmin"][0], meta["zmax"][0])
                    fine = np.interp(np.linspace(0, len(z) - 1, 200 * (len(z) - 1) + 1), np.arange(len(z)), z)
                    density = np.interp(fine, z, p)
                    reached = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(fine))])
                    self.assertAlmostEqual(np.interp(0.5, reached, fine), median[row], delta=1e-4)

    def test_what_models_are_measured_by_is_what_is_shipped(self):
        sample, product = self.base / "survey.spec.h5", self.base / "knn.packed.hdf5"
        measured = {}
        for words in (("--models", self.base / "m.knn.h5", "--pdf", "packed"), ("--estimates", product)):
            output = self.path(f"v{words[0]}.h5")
            self.skyfold("validate", "--sample", sample, *words, "--bootstrap.realisations", 0, "--output", output, "--json", output + ".json",
                         "--threads", 1, "--project", "none", "--product-log", "none")
            text = pathlib.Path(output + ".json").read_text()
            measured[words[0]] = [re.findall(rf'"{name}": ?(?:{{[^}}]*?"value": ?)?(-?[0-9.e-]+)', text)[:2] for name in ("cde_loss", "pit_ks")]
        self.assertTrue(all(measured["--models"]))
        self.assertEqual(measured["--models"], measured["--estimates"])

    def test_packed_pdfs_are_the_same_bytes_for_any_number_of_ranks(self):
        output = self.path("r.hdf5")
        self.skyfold("photoz", "--catalogue", self.catalogue, "--model", self.base / "m.knn.h5", "--pdf", "packed", "--output", output,
                 "--project", "none", "--product-log", "none", "--partition.rows", 200, "--partition.by", "rows", ranks=3)
        with h5py.File(self.path("r.pdf.hdf5")) as file, self.pdfs("knn", "packed") as alone:
            self.assertTrue((file["data/packed"][:] == alone["data/packed"][:]).all())

    def test_ids_alone_beside_pdfs_change_neither_pdfs_nor_product(self):
        self.skyfold("photoz", "--catalogue", self.catalogue, "--model", self.base / "m.knn.h5", "--pdf", "packed", "--pdf.ancil", "ids", "--output",
                     self.path("i.hdf5"), "--threads", 1, "--project", "none", "--product-log", "none")
        with h5py.File(self.path("i.pdf.hdf5")) as file, self.pdfs("knn", "packed") as whole:
            self.assertEqual(list(file["ancil"]), ["object_id"])
            for name in ("data/packed", "ancil/object_id"):
                np.testing.assert_array_equal(file[name][:], whole[name][:])
        product, wanted = (support.read_group(str(path)) for path in (self.path("i.hdf5"), self.base / "knn.packed.hdf5"))
        for name, values in wanted.items():
            np.testing.assert_array_equal(product[name], values)

    def test_a_run_that_was_killed_goes_on_to_the_same_pdfs(self):
        for form in ("quant", "norm", "packed"):
            with self.subTest(form):
                words = ("photoz", "--catalogue", self.catalogue, "--model", self.base / "m.knn.h5", "--pdf", form, "--output", self.path(form + ".hdf5"),
                         "--project", "none", "--product-log", "none", "--partition.rows", 250, "--partition.by", "rows", "--threads", 1)
                self.assertNotEqual(self.run_skyfold(*words, "--farm.fault", "sleep=0.1@0,kill@3:1", ranks=2).code, 0)
                self.assertFalse(pathlib.Path(self.path(form + ".pdf.hdf5")).exists())
                self.skyfold(*words, ranks=3)
                with h5py.File(self.path(form + ".pdf.hdf5")) as file, self.pdfs("knn", form) as whole:
                    for group in ("data", "ancil"):
                        for name in whole[group]:
                            np.testing.assert_array_equal(file[group][name][:], whole[group][name][:])

    def test_forms_of_pdfs_as_the_algorithm_has_them(self):
        # Without calibration mixtures and grids go into a form as they are.
        self.skyfold("train", "--sample", self.base / "survey.spec.h5", "--train.fraction", 1, "--threads", 1, "--output", self.path("u.h5"),
                     "--algorithms", "dnf,knn", "--calibrate", "none")
        rows = range(0, OBJECTS, 100)
        for model in ("knn", "dnf"):
            expected = None
            for form in ("interp", "hist", "quant", "norm", "packed"):
                fine = ("--pdf.bins", 4001) if form == "interp" else ()
                self.skyfold("photoz", "--catalogue", self.catalogue, "--model", self.path(f"u.{model}.h5"), "--pdf", form, *fine, "--output",
                             self.path("u.hdf5"), "--threads", 1, "--project", "none", "--product-log", "none", "--fresh")
                with self.subTest(model=model, form=form), h5py.File(self.path("u.pdf.hdf5")) as file:
                    expected = expected or [cdf_of(file, row) for row in rows]
                    errors = [np.abs(cdf_of(file, row) - cdf).max() for row, cdf in zip(rows, cut_to(form, file, expected))]
                    self.assertLess(np.mean(errors), {**ERROR, "hist": 0.05}[form])

    def test_what_a_grid_loses_is_told_with_numbers(self):
        result = self.skyfold("photoz", "--catalogue", self.catalogue, "--model", self.base / "m.knn.h5", "--pdf", "hist", "--pdf.zmax", 0.4,
                              "--pdf.bins", 4, "--output", self.path("cut.hdf5"), "--threads", 1)
        product = support.read_group(self.path("cut.hdf5"))
        off, narrow = np.count_nonzero(product["flags"] & 128), np.count_nonzero(product["z_err"] < 0.1)
        self.assertGreater(min(off, narrow), 0)
        count = np.count_nonzero(np.isfinite(product["z_phot"]))
        self.assertIn(f"{off:,} of {count:,} objects have less than half of their PDF between 0 and 0.4", result.err)
        self.assertIn(f"{narrow:,} of {count:,} objects have an error below 0.1000", result.err)

    def test_what_is_beyond_the_range_of_packed_pdfs_is_told_for_files_of_a_folder_too(self):
        for words, product in ((("--catalogue", self.catalogue, "--output", self.path("p.hdf5")), "p.hdf5"),
                               (("--catalogues", self.catalogue, "--output", self.path("many")), "many/survey.hdf5")):
            result = self.skyfold("photoz", *words, "--model", self.base / "m.knn.h5", "--pdf", "packed", "--pdf.zmax", 0.4, "--threads", 1,
                                  "--project", "none", "--product-log", "none")
            columns = support.read_group(self.path(product))
            off, count = np.count_nonzero(columns["flags"] & 128), np.count_nonzero(np.isfinite(columns["z_phot"]))
            self.assertGreater(off, 0)
            self.assertIn(f"{off:,} of {count:,} objects have less than half of their PDF between 0 and 0.4", result.err)

    def test_a_grid_that_is_none_is_refused(self):
        for words, message in ((("--pdf.zmin", -0.5), "pdf.zmin = -0.5"), (("--pdf.zmin", 2, "--pdf.zmax", 1), "pdf.zmax = 1"),
                               (("--pdf.bytes", 8), "pdf.bytes"), (("--pdf", "thin"), "pdf")):
            with self.subTest(words=words):
                result = self.run_skyfold("photoz", "--catalogue", self.catalogue, "--model", self.base / "m.knn.h5", "--pdf", "packed", *words,
                                          "--output", self.path("no.hdf5"), "--threads", 1)
                self.assertEqual(result.code, 2, result.err)
                self.assertIn(message, result.err)


def write_qp(path, form, means, stds):
    """Single Gaussians in a file as the qp library writes it: double precision, two axes, its own entries in meta."""
    grid = np.linspace(0, 3, 601)
    with h5py.File(path, "w") as file:
        meta = {"pdf_name": np.array([form.encode()]), "pdf_version": np.array([0])}
        if form == "interp":
            meta["xvals"], data = grid[None], {"yvals": stats.norm.pdf(grid, means, stds)}
        elif form == "hist":
            meta["bins"], data = grid[None], {"pdfs": np.diff(stats.norm.cdf(grid, means, stds), axis=1) / np.diff(grid)}
        elif form == "quant":
            quantiles = np.linspace(0.005, 0.995, 199)
            meta.update(quants=quantiles[None], ensure_extent=np.array([True]), pdf_constructor_name=np.array([b"piecewise_linear"]))
            data = {"locs": stats.norm.ppf(quantiles, means, stds)}
        elif form == "norm":
            data = {"loc": means, "scale": stds}
        elif form == "mixmod":
            data = {"means": np.hstack([means, means]), "stds": np.hstack([stds, stds]), "weights": np.full((len(means), 2), 0.5)}
        else:  # packed of version 0: 16 blocks of 3 cells but two, and the density in bytes
            low, high = np.floor((means - 4 * stds) / 3 * 65535), np.ceil((means + 4 * stds) / 3 * 65535)
            levels = [1] * 14 + [0, 0]
            place = np.concatenate([k + np.arange(3**n) / 3**n for k, n in enumerate(levels)] + [[16]]) / 16
            z = (low + (high - low) * place) / 65535 * 3
            density = stats.norm.pdf(z, means, stds)
            header = np.hstack([low % 256, low // 256, high % 256, high // 256])
            bits = np.broadcast_to(np.frombuffer(sum(n << 2 * k for k, n in enumerate(levels)).to_bytes(4, "little"), "u1"), (len(means), 4))
            values = np.hstack([header, bits, np.rint(255 * density / density.max(1, keepdims=True))]).astype("u1")
            data = {"packed": np.pad(values, ((0, 0), (0, 60 - values.shape[1])))}
            meta.update(zmin=np.array([0.0]), zmax=np.array([3.0]))
        for group, members in (("meta", meta), ("data", data),
                               ("ancil", {"ids": np.arange(len(means)) * 7, "redshift": means[:, 0] + stds[:, 0], "zmode": means[:, 0], "tile": np.array([b"a1", b"b2"] * (len(means) // 2))})):
            for name, values in members.items():
                file[f"{group}/{name}"] = values


class Conversion(support.SkyfoldTest):
    """pdf convert: files as the qp library writes them, Gaussians whose distribution functions are known."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(4)
        cls.means, cls.stds = rng.uniform(0.4, 2.2, (40, 1)), rng.uniform(0.03, 0.1, (40, 1))
        for form in QP_FORMS:
            write_qp(cls.base / f"{form}.hdf5", form, cls.means, cls.stds)

    def convert(self, source, form, output, *words, **how):
        return self.skyfold("pdf", "convert", source, "--representation", form, "--output", output, "--threads", 1, "--project", "none",
                            "--product-log", "none", *words, **how)

    def check(self, path, error):
        with h5py.File(path) as file, h5py.File(self.base / "norm.hdf5") as source:
            for name in source["ancil"]:
                np.testing.assert_array_equal(file["ancil"][name][:], source["ancil"][name][:])
            errors = [np.abs(cdf_of(file, row) - stats.norm.cdf(Z, self.means[row], self.stds[row])).max() for row in range(40)]
            self.assertLess(max(errors), error)

    def test_every_form_is_read(self):
        for source in QP_FORMS:
            with self.subTest(source):
                self.convert(self.base / f"{source}.hdf5", "packed", self.path(f"{source}.hdf5"), "--pdf.zmax", 3)
                self.check(self.path(f"{source}.hdf5"), 0.004)

    def test_every_form_is_written_with_what_is_beside_it(self):
        for form in FORMS:
            with self.subTest(form):
                self.convert(self.base / "interp.hdf5", form, self.path(f"{form}.hdf5"))
                self.check(self.path(f"{form}.hdf5"), {"hist": 0.02, "quant": 0.005, "mixmod": 0.003, "sparse": 0.003}.get(form, 0.002))

    def test_sparse_pdfs_of_qp_with_lorentz_wings_are_read(self):
        # As qp's sparse_rep writes them: 8 bytes a code, the first coefficient of any size; one object without a PDF.
        z, dims = np.linspace(0, 2, 401), np.array([80, 5, 3, 32001, 4])
        mu, sig = np.array([0.1, 1.9]), np.array([0.02, 0.1])
        coefficients = np.array([[90000, 16000, -3000, 0], [32000, 500, 0, 0], [0, 0, 0, 0]])
        columns = np.array([[20 * 15 + 3, 40 * 15 + 7, 41 * 15 + 6, 0], [33 * 15, 70 * 15 + 14, 0, 0], [0, 0, 0, 0]])
        path, output = self.path("qp.hdf5"), self.path("grid.hdf5")
        with h5py.File(path, "w") as file:
            for name, value in (("pdf_name", np.array([b"sparse"])), ("pdf_version", np.array([0])), ("xvals", z[None]), ("mu", mu[None]), ("sig", sig[None]),
                                ("dims", dims[None])):
                file[f"meta/{name}"] = value
            file["data/sparse_indices"] = coefficients << 16 | columns
        self.convert(path, "interp", output, "--pdf.bins", 401)
        with h5py.File(output) as file:
            values = file["data/yvals"][:]
        self.assertTrue(np.isnan(values[2]).all())
        for row in range(2):
            total = 0
            for coefficient, column in zip([1, *coefficients[row, 1:] / 32000], columns[row]):
                i, rest = divmod(column, 15)
                profile = special.voigt_profile(z - np.linspace(*mu, 80)[i], np.linspace(*sig, 5)[rest // 3], np.linspace(0, 0.5, 3)[rest % 3])
                profile[profile < 1e-5] = 0
                total = total + coefficient * profile / np.sqrt((profile**2).sum())
            total = np.maximum(total, 0)
            expected = linear_cdf(z, total)
            np.testing.assert_allclose(linear_cdf(z, values[row].astype("f8")), expected, atol=2e-3)
        for name, value, message in (("dims", [80, 5, 300, 32001, 4], "80 x 5 x 300 columns"), ("sig", [0.0, 0.1], "/meta/sig"), ("dims", [80, 5, 3, 9, 4], "dims.3. = 9")):
            with h5py.File(path, "r+") as file:
                kept = file[f"meta/{name}"][:]
                file[f"meta/{name}"][:] = value
            refused = self.run_skyfold("pdf", "convert", path, "--representation", "interp", "--output", self.path("no.hdf5"), "--threads", 1, "--project", "none")
            self.assertEqual(refused.code, 3, refused.err)
            self.assertRegex(refused.err, message)
            with h5py.File(path, "r+") as file:
                file[f"meta/{name}"][:] = kept

    def test_sparse_pdfs_are_as_near_as_matching_pursuit_with_numpy(self):
        # Two hills and their columns by brute force: the whole dictionary, least squares of the density.
        grid = np.linspace(0, 3, 121)
        p = np.array([stats.norm.pdf(grid, m, s) + 0.4 * stats.norm.pdf(grid, 2.6 - m, 0.12) for m, s in zip(self.means[:6, 0], self.stds[:6, 0])])
        source, output = self.path("hills.hdf5"), self.path("sparse.hdf5")
        with h5py.File(source, "w") as file:
            file["meta/pdf_name"], file["meta/xvals"], file["data/yvals"] = np.array([b"interp"]), grid[None], p
        self.convert(source, "sparse", output, "--pdf.bins", 121, "--pdf.bases", 6)
        with h5py.File(output) as file, h5py.File(source) as before:
            meta = [file["meta"][name][0] for name in ("xvals", "mu", "sig", "dims")]
            self.assertEqual((file["data/sparse_indices"].shape, file["data/sparse_indices"].dtype), ((6, 6), np.int32))
            widths = np.linspace(*meta[2], meta[3][1])
            a = stats.norm.pdf(grid[:, None, None], grid[:, None], widths).reshape(121, -1)
            a = np.where(a < 1e-5, 0, a)
            a /= np.sqrt((a**2).sum(0))
            for row in range(6):
                taken, left = [], p[row]
                for _ in range(6):
                    taken.append(int(np.argmax(np.abs(left @ a))))
                    weights = np.linalg.lstsq(a[:, taken], p[row], rcond=None)[0]
                    left = p[row] - a[:, taken] @ weights
                exact = linear_cdf(grid, p[row])
                ours = np.abs(cdf_of(file, row) - exact).max()
                theirs = np.abs(linear_cdf(grid, np.maximum(p[row] - left, 0)) - exact).max()
                self.assertLess(ours, 1.5 * theirs + 2e-3)
                self.assertLess(ours, 0.01)

    def test_any_number_of_ranks_and_a_run_that_was_killed_give_the_same_bytes(self):
        source = self.path("many.hdf5")
        with h5py.File(self.base / "interp.hdf5") as file, h5py.File(source, "w") as many:
            for group in ("data", "ancil"):
                for name, values in file[group].items():
                    many[f"{group}/{name}"] = np.tile(values[:], (420,) + (1,) * (values.ndim - 1))[..., :61] if name == "yvals" else np.tile(values[:], 420)
            for name, values in file["meta"].items():
                many[f"meta/{name}"] = values[:, :61] if name == "xvals" else values[:]
        for form in ("packed", "quant", "norm", "sparse"):
            self.convert(source, form, self.path("one.hdf5"), "--fresh")
            for ranks in (2, 4) if form == "packed" else (3,):
                output = self.path(f"{form}{ranks}.hdf5")
                self.assertNotEqual(self.run_skyfold("pdf", "convert", source, "--representation", form, "--output", output, "--threads", 1,
                                                     "--project", "none", "--product-log", "none", "--farm.fault", "sleep=0.1@0,kill@2:1",
                                                     ranks=ranks).code, 0)
                self.assertFalse(pathlib.Path(output).exists())
                self.convert(source, form, output, ranks=ranks)
                self.assertEqual(support.read_bytes(output), support.read_bytes(self.path("one.hdf5")))

    def test_what_cannot_be_converted_is_refused(self):
        norm, packed = self.base / "norm.hdf5", self.path("later.hdf5")
        write_qp(packed, "packed", self.means, self.stds)
        with h5py.File(packed, "r+") as file:
            file["meta/pdf_version"][0] = 9
            file["data/other"] = np.zeros((40, 3), "f4")
        empty = self.path("empty.hdf5")
        with h5py.File(empty, "w") as file:
            file["data/x"] = np.zeros((3, 2))
        catalogue = self.path("catalogue.hdf5")
        with h5py.File(catalogue, "w") as file:
            file["object/x"] = np.zeros(3)
        output = ("--output", self.path("no.hdf5"))
        for code, message, words in ((2, "--pdf.zmax is missing", (norm, "--representation", "interp", *output)),
                                     (2, "representation", (norm, "--representation", "thin", *output)),
                                     (2, "pdf.zmax = 1 .must be above", (norm, "--representation", "hist", "--pdf.zmin", 2, "--pdf.zmax", 1, *output)),
                                     (2, "pdf.bins = 9000", (self.base / "interp.hdf5", "--representation", "sparse", "--pdf.bins", 9000, *output)),
                                     (2, "norm.hdf5", (norm, "--representation", "quant", "--output", norm)),
                                     (3, "later.hdf5: /meta/pdf_version = 9", (packed, "--representation", "quant", *output)),
                                     (3, "empty.hdf5: no PDFs in a layout", (empty, "--representation", "quant", *output)),
                                     (3, "catalogue.hdf5: no group /data .not a file of PDFs", (catalogue, "--representation", "quant", *output)),
                                     (4, "absent.hdf5", (self.path("absent.hdf5"), "--representation", "quant", *output))):
            with self.subTest(message):
                result = self.run_skyfold("pdf", "convert", *words, "--threads", 1, "--project", "none", "--product-log", "none")
                self.assertEqual(result.code, code, result.err)
                self.assertRegex(result.err, message)
                self.assertFalse(pathlib.Path(self.path("no.hdf5")).exists())

    def test_the_report_tells_what_forms_keep(self):
        table, plot = self.path("r.csv"), self.path("r.svg")
        shown = self.skyfold("pdf", "report", self.base / "interp.hdf5", "--output", table, "--plot", plot, "--pdf.bins", 61, "--threads", 1, "--project",
                             "none").out
        with open(table) as file:
            report = {row["form"]: row for row in csv.DictReader(file)}
        self.assertEqual(list(report), FORMS)
        self.assertIn("packed", pathlib.Path(plot).read_text())
        self.assertEqual([int(report[form]["bytes"]) for form in FORMS], [244, 244, 164, 72, 8, 52, 40])
        rows, z = range(40), np.linspace(0, 3, 30001)
        truth = (self.means + self.stds)[:, 0]
        for form in ("hist", "packed"):
            output = self.path(form + ".hdf5")
            self.convert(self.base / "interp.hdf5", form, output, "--pdf.bins", 61)
            with h5py.File(output) as file:
                cdfs = np.array([np.interp(z, Z, cdf_of(file, row)) for row in rows])
                densities = [np.diff(cdf_of(file, row)) / np.diff(Z) for row in rows]
            exact = stats.norm.cdf(z, self.means, self.stds)
            errors, middle = np.abs(cdfs - exact).max(1), (z[1:] + z[:-1]) / 2
            # To what the 601 points of the source and the 500 places of the report leave open.
            self.assertAlmostEqual(float(report[form]["cdf_mean"]), errors.mean(), delta=0.1 * errors.mean() + 3e-4)
            self.assertAlmostEqual(float(report[form]["cdf_max"]), errors.max(), delta=0.1 * errors.max() + 1e-3)
            mean, squares = (np.diff(cdfs).mean(0) * middle).sum(), (np.diff(cdfs).mean(0) * middle**2).sum()
            width = np.sqrt((self.stds**2 + self.means**2).mean() - self.means.mean() ** 2)
            self.assertAlmostEqual(float(report[form]["nz_mean_change"]), mean - self.means.mean(), delta=2e-4)
            self.assertAlmostEqual(float(report[form]["nz_width_change"]), np.sqrt(squares - mean**2) - width, delta=3e-4)
            at = [density[np.searchsorted(Z, t, side="right") - 1] for density, t in zip(densities, truth)]
            cde = np.mean([(density**2 * np.diff(Z)).sum() - 2 * here for density, here in zip(densities, at)])
            exact_cde = np.mean(1 / (2 * np.sqrt(np.pi) * self.stds) - 2 * stats.norm.pdf(truth[:, None], self.means, self.stds))
            self.assertAlmostEqual(float(report[form]["cde_change"]), cde - exact_cde, delta=0.05)
            self.assertIn(f"{float(report[form]['cdf_mean']):.5f}", shown)
        refused = self.run_skyfold("pdf", "report", self.base / "interp.hdf5", "--truth", "z_spec", "--threads", 1, "--project", "none")
        self.assertEqual((refused.code, refused.err.count("\n")), (2, 1), refused.err)
        self.assertIn("no /ancil/z_spec (named by --truth)", refused.err)

    def test_what_a_grid_loses_is_told(self):
        result = self.convert(self.base / "norm.hdf5", "interp", self.path("cut.hdf5"), "--pdf.zmax", 1)
        self.assertIn(f"{np.count_nonzero(self.means > 1)} of 40 PDFs have less than half of their probability between 0 and 1", result.err)


if __name__ == "__main__":
    support.main()
