"""photoz --catalogues: the files of a folder, each estimated by itself. What an object gets is what import + photoz gives it."""
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import support

OBJECTS = 72_000  # the largest file has more than one piece of 65,536 rows
CUTS = {"north/deep.fits": (0, 66_000), "north/a.b/wide.csv": (66_000, 67_000), "south.hdf5": (67_000, 70_000), "zipped.fits.gz": (70_000, OBJECTS)}
QUIET = ("--threads", 1, "--project", "none", "--product-log", "none")
PDF = ("--pdf", "interp", "--pdf.bins", 7)


class Folder(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        catalogue, cls.model = str(cls.base / "survey.h5"), str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", OBJECTS, "--seed", 5, "--spectroscopic", 0.03, "--output", catalogue, *QUIET)
        cls.skyfold("train", "--calibrate", "none", "--train.fraction", 1, "--sample", str(cls.base / "survey.spec.h5"), "--output", cls.model, "--dnf.neighbours", 20,
                    "--project", "none", "--product-log", "none")
        columns = support.read_group(catalogue)
        cls.columns = {name: columns[name] for name in columns if name not in ("_healpix_29", "is_star", "z_spec", "tile")}
        cls.whole = str(cls.base / "whole.h5")
        cls.skyfold("photoz", "--catalogue", catalogue, "--model", cls.model, "--output", cls.whole, *PDF, *QUIET)
        cls.expected = support.read_group(cls.whole)
        cls.expected_pdf = support.read_group(str(cls.base / "whole.pdf.hdf5"), "/data")["yvals"]
        cls.tree = cls.base / "tree"
        for place, rows in CUTS.items():
            cls.make_file(cls.tree / place, rows)

    @classmethod
    def make_file(cls, path, rows, **other):
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = {**{name: values[slice(*rows)] for name, values in cls.columns.items()}, **other}
        if path.suffix == ".csv":
            support.make_csv(path, columns)
        elif path.suffix == ".hdf5":
            support.make_hdf5(path, columns)
        elif path.suffix == ".gz":
            support.make_fits(path.with_suffix(""), columns)
            path.write_bytes(gzip.compress(path.with_suffix("").read_bytes(), mtime=0))
            path.with_suffix("").unlink()
        else:
            support.make_fits(path, columns)

    def small_tree(self, *names):
        """Files of 500 objects each."""
        for i, name in enumerate(names):
            self.make_file(self.folder / "in" / name, (500 * i, 500 * (i + 1)))
        return self.path("in")

    def photoz(self, files, *words, output="out", run=None, model=None, **options):
        return (run or self.skyfold)("photoz", "--catalogues", files, "--model", model or self.model, "--output", self.path(output), *QUIET,
                                     *words, **options)

    def products(self, output="out"):
        root = self.folder / output
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file() and ".run" not in str(path)}

    def expected_rows(self, ids):
        order = np.argsort(self.expected["id"])
        return order[np.searchsorted(self.expected["id"][order], ids)]

    def assert_rows(self, path, rows):
        """Rows of the product that was made of the whole catalogue by way of import, found by id."""
        found = support.read_group(path)
        self.assertEqual(found["id"].tobytes(), self.columns["id"][rows].tobytes())
        at = self.expected_rows(found["id"])
        for name in found:
            self.assertEqual(found[name].tobytes(), self.expected[name][at].tobytes(), name)
        return at

    def test_objects_get_what_import_and_photoz_give_them(self):
        first = None
        for ranks in (0, 2, 4):
            with self.subTest(ranks=ranks):
                self.photoz(str(self.tree), *PDF, "--fresh", ranks=ranks)
                products = self.products()
                first = first or products
                self.assertEqual(set(products), {"photoz.json", *(place.removesuffix(".gz").rsplit(".", 1)[0] + ending for place in CUTS
                                                                  for ending in (".hdf5", ".pdf.hdf5"))})
                self.assertTrue(products == first, "bytes differ from those of the first run")
        for place, rows in CUTS.items():
            stem = str(self.folder / "out" / place.removesuffix(".gz").rsplit(".", 1)[0])
            at = self.assert_rows(stem + ".hdf5", np.arange(*rows))
            self.assertEqual(support.read_group(stem + ".pdf.hdf5", "/data")["yvals"].tobytes(), self.expected_pdf[at].tobytes())
        manifest = json.loads(first["photoz.json"])["files"]
        self.assertEqual({entry["input"]: entry["rows"] for entry in manifest}, {place: end - begin for place, (begin, end) in CUTS.items()})
        # A product is a catalogue of skyfold.
        self.assertIn("66,000", self.skyfold("info", self.path("out/north/deep.hdf5")).out)
        again = self.photoz(str(self.tree), *PDF)
        self.assertIn("is complete: nothing to do", again.err + again.out)

    def test_where_and_pdf_where(self):
        self.photoz(str(self.tree), *PDF, "--where", "mag_i < 22.5", "--pdf.where", "mag_r < 21", ranks=2)
        for place, (begin, end) in CUTS.items():
            stem = str(self.folder / "out" / place.removesuffix(".gz").rsplit(".", 1)[0])
            rows = np.arange(begin, end)[self.columns["mag_i"][begin:end] < 22.5]
            at = self.assert_rows(stem + ".hdf5", rows)
            has_pdf = self.columns["mag_r"][rows] < 21
            self.assertTrue(0 < has_pdf.sum() < len(rows))
            self.assertEqual(support.read_group(stem + ".pdf.hdf5", "/data")["yvals"].tobytes(), self.expected_pdf[at[has_pdf]].tobytes())
            ancil = support.read_group(stem + ".pdf.hdf5", "/ancil")
            np.testing.assert_array_equal(ancil["row"], np.flatnonzero(has_pdf))
            np.testing.assert_array_equal(ancil["object_id"], self.columns["id"][rows[has_pdf]])

    def test_killed_at_any_moment_it_goes_on(self):
        tree = self.small_tree("a.fits", "b/c.csv", "d.hdf5", "e.fits")
        self.photoz(tree, *PDF, output="ref")
        wanted = self.products("ref")
        for name, words, environment in [("job", ("--farm.fault", "kill@2:1"), {}), ("structure", (), {"SKYFOLD_DIE_AT": "consolidate"}),
                                         ("name", (), {"SKYFOLD_DIE_AT": "renamed one"}), ("manifest", (), {"SKYFOLD_DIE_AT": "publishing"})]:
            with self.subTest(at=name):
                os.environ.update(environment)
                try:
                    killed = self.photoz(tree, *PDF, *words, output=name, run=self.run_skyfold)
                finally:
                    for key in environment:
                        del os.environ[key]
                self.assertLess(killed.code, 0, killed)
                self.assertNotIn("photoz.json", self.products(name))
                for path, content in self.products(name).items():
                    self.assertEqual(content, wanted[path], path)  # nothing partial under a final name
                self.photoz(tree, *PDF, output=name, ranks=2 if name == "job" else 0)
                self.assertTrue(self.products(name) == wanted)

    def test_a_bad_file_fails_alone_and_is_made_up_for(self):
        tree = self.small_tree("a.fits", "b/bad_cell.csv", "c.fits", "d/short.fits", "e.hdf5", "f.csv")
        cells = (self.folder / "in/b/bad_cell.csv").read_text().splitlines()
        good = "\n".join(cells) + "\n"
        cells[400] = cells[400].replace(cells[400].split(",")[3], "oops", 1)
        (self.folder / "in/b/bad_cell.csv").write_text("\n".join(cells) + "\n")
        whole = (self.folder / "in/d/short.fits").read_bytes()
        (self.folder / "in/d/short.fits").write_bytes(whole[:len(whole) // 2])
        support.make_hdf5(self.folder / "in/e.hdf5", {"id": np.arange(3), "mag_g": np.zeros(3)})
        (self.folder / "in/f.csv").unlink()
        os.symlink("nowhere", self.folder / "in/f.csv")
        result = self.photoz(tree, run=self.run_skyfold, ranks=2)
        self.assertEqual(result.code, 5, result)
        for what in ("bad_cell.csv, row 400, column", "'oops' is not a number", "d/short.fits", "e.hdf5: no columns for bands", "f.csv: cannot be read"):
            self.assertIn(what, result.err)
        self.assertEqual(set(self.products()), {"photoz.json", "a.hdf5", "c.hdf5"})
        problems = {entry["input"]: entry.get("problem", "") for entry in json.loads(self.products()["photoz.json"])["files"]}
        self.assertEqual([name for name in sorted(problems) if not problems[name]], ["a.fits", "c.fits"])
        before = os.stat(self.path("out/a.hdf5")).st_mtime_ns
        # The same command later does what it could not do, and nothing else.
        (self.folder / "in/b/bad_cell.csv").write_text(good)
        (self.folder / "in/d/short.fits").write_bytes(whole)
        (self.folder / "in/e.hdf5").unlink()
        (self.folder / "in/f.csv").unlink()
        result = self.photoz(tree)
        self.assertIn("2 files have their products", result.err + result.out)
        self.assertEqual(os.stat(self.path("out/a.hdf5")).st_mtime_ns, before)
        self.assertEqual(set(self.products()), {"photoz.json", "a.hdf5", "c.hdf5", "b/bad_cell.hdf5", "d/short.hdf5"})
        self.photoz(tree, output="fresh")
        self.assertTrue(self.products() == self.products("fresh"))

    def test_a_kernel_that_fails_costs_one_file(self):
        tree = self.small_tree("a.fits", "b.fits", "c.fits")
        result = self.photoz(tree, "--farm.fault", "throw@1", run=self.run_skyfold)
        self.assertEqual(result.code, 5, result)
        self.assertEqual(set(self.products()), {"photoz.json", "a.hdf5", "c.hdf5"})
        self.photoz(tree)
        self.photoz(tree, output="ref")
        self.assertTrue(self.products() == self.products("ref"))

    def test_patterns_lists_and_removed_products(self):
        tree = self.small_tree("a.fits", "b/c.csv", "d.txt", "b/e.fits")
        self.photoz(tree + "/*/*", output="pattern")
        self.assertEqual(set(self.products("pattern")), {"photoz.json", "b/c.hdf5", "b/e.hdf5"})
        (self.folder / "files.lst").write_text("# two\nin/a.fits\n\nin/b/c.csv\n")
        self.photoz(self.path("files.lst"), output="list")
        self.assertEqual(set(self.products("list")), {"photoz.json", "a.hdf5", "b/c.hdf5"})
        result = self.photoz(tree, output="all")
        self.assertIn("1 entry is no table and left out (first: d.txt)", result.err + result.out)
        wanted = self.products("all")
        (self.folder / "all/b/c.hdf5").unlink()
        self.photoz(tree, output="all")
        self.assertTrue(self.products("all") == wanted)

    def test_several_models_and_columns_of_a_survey(self):
        tree = self.small_tree("a.fits", "b.csv")
        words = ("--model.prefix", "one,two", *PDF)
        self.photoz(tree, *words, model=f"{self.model},{self.model}", ranks=2)
        self.assertEqual(set(self.products()), {"photoz.json", *(f"{name}{ending}" for name in "ab" for ending in (".hdf5", ".one.pdf.hdf5", ".two.pdf.hdf5"))})
        found = support.read_group(self.path("out/b.hdf5"))
        at = self.expected_rows(found["id"])
        for prefix in ("one_", "two_"):
            self.assertEqual(found[prefix + "z_phot"].tobytes(), self.expected["z_phot"][at].tobytes())
        np.testing.assert_allclose(found["consensus_z_phot"], self.expected["z_phot"][at], rtol=1e-14)
        self.photoz(tree, "--columns", "rubin", output="rubin")
        rubin = support.read_group(self.path("rubin/b.hdf5"))
        np.testing.assert_array_equal(rubin["objectId"], self.columns["id"][500:1000])
        self.assertIn("dnf_z_median", rubin)

    def test_products_are_recorded_and_made_again(self):
        os.makedirs(self.path("project"))
        tree = self.small_tree("a.fits", "b/c.csv")
        self.skyfold("photoz", "--catalogues", tree, "--model", self.model, "--output", self.path("project/out"), "--threads", 1)
        result = self.skyfold("products", "replay", self.path("project/out/b/c.hdf5"), cwd=self.path("project"))
        self.assertEqual(result.out.count("same "), 3, result)

    def test_objects_without_ids_have_their_rows(self):
        os.makedirs(self.path("in"))
        columns = {name: values[:300] for name, values in self.columns.items() if name.startswith("mag_")}
        support.make_fits(self.folder / "in/a.fits", columns)
        support.make_fits(self.folder / "in/empty.fits", {name: values[:0] for name, values in columns.items()})
        self.photoz(self.path("in"), "--where", "mag_i < 23")
        found = support.read_group(self.path("out/a.hdf5"))
        np.testing.assert_array_equal(found["row"], np.flatnonzero(columns["mag_i"] < 23))
        self.assertEqual(len(support.read_group(self.path("out/empty.hdf5"))["row"]), 0)

    def test_parquet(self):
        parquet_tools.require(support.binary())
        tree = self.small_tree("a.csv", "b.csv")
        duck = parquet_tools.Duck(support.binary())
        os.makedirs(self.path("parquet/x"))
        for name in ("a", "b"):
            duck(f"COPY (SELECT * REPLACE ({', '.join(f'{c}::FLOAT AS {c}' for c in self.columns if self.columns[c].dtype == np.float32)}) "
                 f"FROM read_csv('{tree}/{name}.csv')) TO '{self.path('parquet/x')}/{name}.pq' (FORMAT parquet)")
        self.photoz(self.path("parquet"), *PDF, ranks=2)
        for i, name in enumerate("ab"):
            self.assert_rows(self.path(f"out/x/{name}.hdf5"), np.arange(500 * i, 500 * (i + 1)))

    def test_what_is_refused(self):
        tree = self.small_tree("a.fits", "b.fits")
        for name in ("empty", "twice", "nested", "words"):
            os.makedirs(self.path(name))
        shutil.copy(self.path("in/a.fits"), self.path("twice/x.fits"))
        self.make_file(self.folder / "twice/x.csv", (0, 10))
        self.make_file(self.folder / "nested/x.csv", (0, 10))
        self.make_file(self.folder / "nested/x.hdf5/y.csv", (0, 10))
        pathlib.Path(self.path("words/notes.md")).write_text("none\n")
        pathlib.Path(self.path("gone.lst")).write_text("nowhere.fits\n")
        pathlib.Path(self.path("none.lst")).write_text("# nothing\n")
        os.makedirs(self.path("taken"))
        self.make_file(self.folder / "pdfs/x.csv", (0, 10))
        self.make_file(self.folder / "pdfs/x.pdf.fits", (0, 10))
        pathlib.Path(self.path("taken/photoz.json")).write_text("{}\n")
        pathlib.Path(self.path("file")).write_text("x")
        cases = [
            (self.path("empty"), (), 2, "empty: has no tables"),
            (self.path("words"), (), 2, "no tables by the endings of its 1 files (first: notes.md"),
            (self.path("nowhere"), (), 4, "nowhere: no such file or folder"),
            (tree + "/*.parquet", (), 2, "no file matches"),
            (self.path("gone.lst"), (), 4, "nowhere.fits"),
            (self.path("none.lst"), (), 2, "none.lst"),
            (self.path("twice"), (), 2, "twice/x.csv and "),
            (self.path("nested"), (), 2, "would be a product of "),
            (self.path("pdfs"), PDF, 2, "would both be "),
            (tree, ("--columns", "rubin", "--catalogue.id", "none"), 2, "objectId"),
            (tree, ("--pdf", "voigt"), 2, "pdf = 'voigt'"),
            (tree, ("--catalogue.id", "nowhere"), 2, "nowhere"),
            (tree, ("--model", f"{self.model},{self.model}"), 2, "--model"),
            (tree, ("--output", tree), 2, "whose files are estimated"),
            (tree, ("--output", tree + "/sub/out"), 2, "whose files are estimated"),
            (self.path("nested") + "/x.hdf5/*", ("--output", self.path("nested/x.hdf5")), 0, ""),
            (tree, ("--output", self.path("file")), 4, "file: cannot be made a folder"),
            (tree, ("--output", self.path("taken")), 4, "taken/photoz.json: is no manifest of photoz"),
            (tree, ("--model", self.path("in/a.fits")), 3, "a.fits"),
            (tree, ("--bands.magnitude", "flux_{band}"), 2, "in/a.fits: no column"),
            (tree, ("--where", "colour > 1"), 2, "colour"),
            (tree, ("--where", "mag_i < 0"), 3, "holds for none of 1,000 objects"),
            (tree, ("--where", "mag_i <"), 2, "--where"),
            (tree, ("--pdf.where", "mag_i < 22"), 2, "--pdf"),
            (tree, ("--fits", self.path("z.fits")), 2, "--fits"),
            (tree, ("--truth", "z_spec"), 2, "--truth"),
            (tree, ("--partition.by", "rows"), 2, "partition.by"),
            (tree, ("--compress", "gzip"), 2, "compress"),
            (tree, ("--catalogue", self.path("in/a.fits")), 2, "exclude each other"),
        ]
        for files, words, code, text in cases:
            with self.subTest(files=files, words=words):
                words = words if "--output" in words else ("--output", self.path("out"), *words)
                words = words if "--model" in words else ("--model", self.model, *words)
                result = self.run_skyfold("photoz", "--catalogues", files, *QUIET, *words)
                self.assertEqual(result.code, code, result)
                if code == 0:
                    continue
                self.assertEqual(len(result.errors()), 1, result)
                self.assertIn(text, result.errors()[0])
                self.assertFalse((self.folder / "out").exists(), "a refused run leaves nothing")
        self.assertEqual(self.run_skyfold("photoz", "--model", self.model, "--output", self.path("out")).code, 2)


if __name__ == "__main__":
    support.main()
