"""photoz --pdf in every form, of an algorithm with mixtures and of one without. Forms are read here with numpy and compared with
values on a fine grid; the packed one by the decoder that docs/pdf.md prints."""
import pathlib
import re
import sys

import h5py
import numpy as np
from scipy import stats

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

OBJECTS = 1500
FORMS = ["interp", "hist", "quant", "mixmod", "norm", "packed"]
# Greatest difference of the distribution function, in the mean over the objects: what each form can hold.
ERROR = {"interp": 0.01, "hist": 0.01, "quant": 0.03, "mixmod": 0.05, "norm": 0.3, "packed": 0.002}
Z = np.linspace(-0.5, 4, 4501)


def decoder():
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "pdf.md").read_text()
    names = {}
    exec(re.search(r"```python\n(.*?)```", text, re.S).group(1), names)
    return names["unpack"]


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
    weights = data["weights"][row].astype("f8")
    return (weights * stats.norm.cdf(Z[:, None], data["means"][row], data["stds"][row])).sum(1) / weights.sum()


def cut_to(form, file, cdfs):
    """What is beyond the range of a form is cut, and the rest is of unit integral."""
    if form not in ("interp", "hist", "packed"):
        return cdfs
    meta = file["meta"]
    name = {"interp": "xvals", "hist": "bins"}.get(form)
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
                               (("--pdf.bytes", 8), "pdf.bytes"), (("--pdf", "sparse"), "pdf")):
            with self.subTest(words=words):
                result = self.run_skyfold("photoz", "--catalogue", self.catalogue, "--model", self.base / "m.knn.h5", "--pdf", "packed", *words,
                                          "--output", self.path("no.hdf5"), "--threads", 1)
                self.assertEqual(result.code, 2, result.err)
                self.assertIn(message, result.err)


if __name__ == "__main__":
    support.main()
