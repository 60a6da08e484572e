"""The Python package as its users have it: built offline, installed in a folder of its own, its documents run as they stand; PDFs and flags
against formulas and the sources of the program."""
import doctest
import importlib
import inspect
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing
import unittest

import h5py
import numpy as np
from scipy import stats

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

FORMS = ("interp", "hist", "quant", "mixmod", "norm", "packed", "sparse")
SHOWN = 60


class Python(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.install()
        os.environ["SKYFOLD"] = support.binary()
        os.environ.update(support.environment(cls.base))
        here = os.getcwd()
        os.chdir(cls.base)
        cls.addClassCleanup(os.chdir, here)
        cls.skyfold("import", "--input", support.sample("survey.fits"), "--output", "cat.h5")
        cls.skyfold("train", "--sample", support.sample("spec.fits"), "--algorithms", "knn", "--calibrate", "none", "--output", "model.h5")
        cls.skyfold("photoz", "--catalogue", "cat.h5", "--model", "model.h5", "--output", "z.hdf5", "--pdf", "packed")

    @classmethod
    def install(cls):
        """A wheel of a copy of the sources, without network, in a folder that is the first on the path."""
        shutil.copytree(support.SOURCE / "python", cls.base / "source", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile", "--quiet",
                               "--disable-pip-version-check", "--target", str(cls.base / "site"), str(cls.base / "source")], capture_output=True, text=True)
        if done.returncode != 0:
            if "No module named" in done.stderr and not os.environ.get("SKYFOLD_REQUIRE_ALL_TESTS"):
                raise unittest.SkipTest("needs python3-pip, python3-setuptools and python3-wheel")
            raise AssertionError(done.stderr)
        sys.path.insert(0, str(cls.base / "site"))
        cls.package = importlib.import_module("skyfold")

    def modules(self):
        return [importlib.import_module(f"skyfold.{path.stem}") for path in sorted((support.SOURCE / "python/skyfold").glob("[a-z]*.py"))]

    def test_the_wheel_has_all_of_the_package_and_the_version_of_the_program(self):
        self.assertEqual(pathlib.Path(self.package.__file__).parent, self.base / "site" / "skyfold")
        installed = {path.name for path in (self.base / "site" / "skyfold").iterdir()} - {"__pycache__"}
        self.assertEqual(installed, {path.name for path in (support.SOURCE / "python/skyfold").iterdir()} - {"__pycache__"})
        version = self.skyfold("--version").out.split()[1]
        metadata, = (self.base / "site").glob("skyfold-*.dist-info/METADATA")
        self.assertIn(f"\nVersion: {version}\n", metadata.read_text())
        self.assertEqual(self.package.__version__, version)

    def test_what_the_page_and_the_docstrings_show_is_so(self):
        try:
            import pandas  # noqa: F401
        except ImportError:
            if os.environ.get("SKYFOLD_REQUIRE_ALL_TESTS"):
                raise AssertionError("missing: pandas (./bootstrap test installs python3-pandas)")
            raise unittest.SkipTest("no pandas (python3-pandas)")
        page = doctest.testfile(str(support.SOURCE / "docs/python.md"), module_relative=False)
        self.assertGreater(page.attempted, 15)
        results = [page, *(doctest.testmod(module, extraglobs={"np": np}) for module in self.modules())]
        self.assertEqual([result.failed for result in results], [0] * len(results))
        self.assertGreater(sum(result.attempted for result in results[1:]), 8)

    def test_every_public_function_says_types_that_resolve_and_what_it_does(self):
        looked_at = 0
        for name in self.package.__all__:
            thing = getattr(self.package, name)
            self.assertTrue(thing.__doc__, name)
            methods = [m for key, m in vars(thing).items() if inspect.isfunction(m)] if inspect.isclass(thing) and not issubclass(thing, int) else []
            for function in [thing] * inspect.isfunction(thing) + methods:
                import pandas
                hints = typing.get_type_hints(function, {**vars(sys.modules[function.__module__]), "pandas": pandas})
                parameters = [p for p in inspect.signature(function).parameters if p != "self"]
                self.assertEqual(set(parameters) - set(hints), set(), f"{name}: {function.__qualname__}")
                self.assertIn("return", hints, f"{name}: {function.__qualname__}")
                looked_at += 1
        self.assertGreater(looked_at, 18)

    def test_flags_have_the_bits_of_the_program(self):
        for header, prefix, kind in (("photoz/flags.hpp", "photoz", self.package.PhotozFlag), ("patch/patch_kernel.hpp", "patch", self.package.PatchFlag)):
            text = (support.SOURCE / "include/skyfold/kernels" / header).read_text()
            bits = re.findall(rf"^  {prefix}_(\w+) = ([\d <]+),", text, re.MULTILINE)
            self.assertEqual({name.upper(): eval(value) for name, value in bits}, {flag.name: flag.value for flag in kind})
        self.assertEqual(self.package.decode_flags(np.array([-(2**31)], dtype="i4")), [["bit 31"]])
        with self.assertRaises(TypeError):
            self.package.decode_flags([1.5])

    def test_tables_and_frames_are_those_of_the_file(self):
        with h5py.File("z.hdf5", "r") as file:
            expected = {name: data[...] for name, data in file["object"].items()}
        table, frame = self.package.open("z.hdf5").to_table(), self.package.open("z.hdf5").to_pandas()
        self.assertEqual(set(table.colnames), set(expected))
        for name, values in expected.items():
            values = np.char.decode(values) if values.dtype.kind == "S" else values
            np.testing.assert_array_equal(np.asarray(table[name]), values, name)
            np.testing.assert_array_equal(frame[name].to_numpy(), values, name)

    def test_vectors_are_columns_of_frames(self):
        support.make_fits(self.path("v.fits"), {"id": np.arange(3), "v": np.arange(6.0).reshape(3, 2)})
        frame = self.package.open(self.path("v.fits")).to_pandas()
        self.assertEqual(list(frame.columns), ["id", "v_0", "v_1"])
        np.testing.assert_array_equal(frame["v_1"], [1, 3, 5])

    def density(self, file, row, z):
        """Of a row, by the layouts that docs/formats.md has; scipy gives the Gaussians."""
        form, data, meta = file["meta/pdf_name"][0].decode(), file["data"], file["meta"]
        if form == "interp":
            return np.interp(z, meta["xvals"][0], data["yvals"][row], left=0, right=0)
        if form == "norm":
            return stats.norm(data["loc"][row], data["scale"][row]).pdf(z)
        if form == "mixmod":
            parts = zip(data["means"][row], data["stds"][row], data["weights"][row])
            return sum(float(w) * stats.norm(m, s).pdf(z) for m, s, w in parts if w > 0)
        if form == "hist":
            cumulative = np.append(0, np.cumsum(data["pdfs"][row] * np.diff(meta["bins"][0])))
            return (np.interp(z + 1e-7, meta["bins"][0], cumulative) - np.interp(z - 1e-7, meta["bins"][0], cumulative)) / 2e-7
        if form == "quant":
            locs, quants = data["locs"][row].astype(float), meta["quants"][0]
            return (np.interp(z + 1e-7, locs, quants) - np.interp(z - 1e-7, locs, quants)) / 2e-7
        return None

    def test_pdfs_of_every_form_are_what_their_layout_says(self):
        self.skyfold("query", "cat.h5", "--limit", SHOWN, "--output", "few.fits", "--project", "none", "--product-log", "none")
        self.skyfold("photoz", "--catalogue", "few.fits", "--model", "model.h5", "--output", "few.hdf5", "--pdf", "packed")
        z = np.linspace(0.00013, 1.49987, 1501)
        step = z[1] - z[0]
        for form in FORMS:
            path = f"p.{form}.hdf5" if form != "packed" else "few.pdf.hdf5"
            if form != "packed":
                self.skyfold("pdf", "convert", "few.pdf.hdf5", "--representation", form, "--output", path, "--project", "none", "--product-log", "none")
            pdfs = self.package.open_pdfs(path)
            p = pdfs.evaluate(z, rows=slice(None))
            self.assertEqual((pdfs.form, len(pdfs), p.shape), (form, SHOWN, (SHOWN, len(z))))
            np.testing.assert_array_equal(pdfs.evaluate(z, rows=[3, 7]), p[[3, 7]])
            np.testing.assert_array_equal(pdfs.evaluate(z, rows=7)[0], p[7])
            with h5py.File(path, "r") as file:
                for row in range(0, SHOWN, 10):
                    expected = self.density(file, row, z)
                    if expected is not None:  # at a handful of redshifts a step lies within the difference of the formula here
                        apart = np.abs(p[row] - expected) > 1e-3 * np.max(expected)
                        self.assertLess(apart.sum(), 1 if form in ("interp", "norm", "mixmod") else 4, (form, row))
            if form != "norm":
                mean = np.sum(p * z, axis=1) * step
                np.testing.assert_allclose(mean, pdfs.ancil("z_mean")[:SHOWN], atol=0.02, err_msg=form)

    def test_an_object_without_pdf_has_nan(self):
        shutil.copy("z.pdf.hdf5", self.path("n.hdf5"))
        with h5py.File(self.path("n.hdf5"), "r+") as file:
            file["data/packed"][1] = 0
        p = self.package.open_pdfs(self.path("n.hdf5")).evaluate([0.1, 0.2], rows=slice(0, 3))
        np.testing.assert_array_equal(np.isnan(p), [[False] * 2, [True] * 2, [False] * 2])

    def test_what_is_wrong_is_said_with_the_exit_code(self):
        package = self.package
        for code, call in ((2, lambda: package.run("photoz", catalog="cat.h5")), (2, lambda: package.run("photoz", output=True)),
                           (2, lambda: package.run("photo")), (4, lambda: package.open("absent.h5")), (4, lambda: package.run("info", launcher="/no/launcher")),
                           (3, lambda: package.open_pdfs("cat.h5")), (4, lambda: package.open_pdfs("absent.hdf5")),
                           (2, lambda: package.open_pdfs("z.pdf.hdf5").ancil("nothing")), (2, lambda: package.open("cat.h5").query(wher="id > 0")),
                           (2, lambda: package.open("cat.h5").to_table(where="nothing > 0"))):
            with self.assertRaises(package.SkyfoldError) as caught:
                call()
            self.assertEqual(caught.exception.code, code, caught.exception)
            self.assertTrue(str(caught.exception))
        with self.assertRaises(IndexError):
            package.open_pdfs("z.pdf.hdf5").evaluate([0.1], rows=9443)

    def test_no_two_options_of_a_command_are_one_keyword(self):
        commands = re.findall(r"^  (\w[\w-]*(?: [a-z][\w-]*)?)  +\S", self.skyfold("--help").out.split("commands:")[1], re.MULTILINE)
        self.assertGreater(len(commands), 30)
        for command in ("photoz", "train", "import", "validate", "pdf convert", "query"):
            self.assertIn(command, commands)
            text = self.skyfold(*command.split(), "--help").out
            names = {name for name in re.findall(r"^  --([A-Za-z][\w.-]*)", text, re.MULTILINE)}
            known = self.package.command._known_options(support.binary(), command)
            self.assertEqual({name for name, _ in known.values()}, names, command)


if __name__ == "__main__":
    support.main()
