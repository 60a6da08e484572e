"""What an accident or a hostile colleague could do: names that are code, inputs that change or are damaged, foreign registries."""
import html.parser
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

HAS_GNUPLOT = shutil.which("gnuplot") is not None


class Trust(support.SkyfoldTest):
    """A survey of 4,000 objects, a model trained on a part of it, and stars."""

    home = None  # of files that all tests read and none changes

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        is_new = Trust.home is None
        if is_new:
            Trust.home = pathlib.Path(tempfile.mkdtemp(prefix="skyfold_test_"))
            unittest.addModuleCleanup(shutil.rmtree, Trust.home, ignore_errors=True)
        cls.survey, cls.sample, cls.model, cls.stars = (str(Trust.home / name) for name in ("survey.h5", "survey.spec.h5", "model.h5", "stars.h5"))
        if not is_new:
            return
        cls.skyfold("mock", "--objects", 4000, "--seed", 3, "--spectroscopic", 0.4, "--output", cls.survey)
        cls.skyfold("train", "--algorithms", "dnf", "--sample", cls.sample, "--output", cls.model)
        cls.skyfold("mock", "--kind", "stars", "--objects", 20000, "--seed", 4, "--output", cls.stars)

    def copy(self, path, name=None):
        return shutil.copy(path, self.path(name or pathlib.Path(path).name))

    def photoz(self, catalogue, model, output, *words, **options):
        return self.run_skyfold("photoz", "--catalogue", catalogue, "--model", model, "--output", output, *words, **options)

    def names(self):
        return sorted(os.listdir(self.folder))


@unittest.skipUnless(HAS_GNUPLOT, "gnuplot is not installed")
class Plots(Trust):
    def targets(self, ids):
        sky = support.read_group(self.stars)
        rows = np.flatnonzero(sky["psfmag_r"] < 18.5)[: len(ids)]
        columns = {"name": np.array(ids, "S40"), "ra": sky["ra"][rows], "dec": sky["dec"][rows]}
        columns.update({f"psfmag_{band}": sky[f"psfmag_{band}"][rows] for band in "ugriz"})
        return support.make_fits(self.path("targets.fits"), columns)

    def test_an_id_is_no_code(self):
        ids = ["`touch PWNED`", "'.system('touch PWNED').'", "\"`touch PWNED`\"", "$(touch PWNED)", "a/../b", "<script>", "%n{}"]
        self.skyfold("locus", "--targets", self.targets(ids), "--catalogue", self.stars, "--columns.id", "name", "--output", self.path("p.h5"), "--plot", *ids,
                     cwd=self.folder)
        charts = sorted(path.name for path in self.folder.glob("*.svg"))
        self.assertEqual(charts, sorted(f"p.{name.replace('/', '_')}.svg" for name in ids))
        self.assertNotIn("PWNED", self.names())
        for chart in charts:
            text = (self.folder / chart).read_text()
            self.assertIn("</svg>", text)
            self.assertNotIn("<script", text)
        self.assertIn("target `touch PWNED`", (self.folder / "p.`touch PWNED`.svg").read_text())

    def test_a_file_name_is_no_code(self):
        name = "|touch X;.h5"
        self.skyfold("locus", "--targets", self.targets(["T0"]), "--catalogue", self.stars, "--columns.id", "name", "--output", name, "--plot", "T0", cwd=self.folder)
        self.assertNotIn("X", self.names())
        self.assertIn("</svg>", (self.folder / "|touch X;.T0.svg").read_text())

    def test_what_gnuplot_says_is_in_the_message_and_not_in_the_output(self):
        """A gnuplot that fails: one clear line on standard error, nothing of it on standard output."""
        tools = self.folder / "tools"
        tools.mkdir()
        (tools / "gnuplot").write_text("#!/bin/sh\necho to stdout\necho 'line 7: bad luck' >&2\nexit 3\n")
        (tools / "gnuplot").chmod(0o755)
        done = subprocess.run([support._binary[0], "locus", "--targets", self.targets(["T0"]), "--catalogue", self.stars, "--columns.id", "name", "--output",
                               self.path("p.h5"), "--plot", "T0"], capture_output=True, text=True,
                              env=dict(support.environment(self.base), PATH=f"{tools}:{os.environ['PATH']}"))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertNotIn("to stdout", done.stdout)
        self.assertNotIn("bad luck", done.stdout)
        self.assertRegex(done.stderr, r"p.T0.svg: gnuplot could not draw .*line 7: bad luck; exit status 3")


class Tags(html.parser.HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


class Pages(Trust):
    def test_a_fingerprint_is_sixteen_digits_or_refused(self):
        for name, value in (("a.h5", "<script>alert(1)</script>"), ("b.h5", "0123456789abcdeF"), ("c.h5", "0123456789abcde")):
            catalogue = self.copy(self.survey, name)
            with h5py.File(catalogue, "r+") as file:
                file.attrs["fingerprint"] = value
            done = self.photoz(catalogue, self.model, self.path("z.h5"))
            self.assertEqual(done.code, 3, done)
            self.assertIn(f"{name}: its fingerprint is not 16 hexadecimal digits", done.err)
            self.assertFalse(os.path.exists(self.path("z.h5")))

    def test_foreign_texts_are_shown_as_text(self):
        folder = self.folder / "<img src=x onerror=alert(1)>"
        folder.mkdir()
        sample = shutil.copy(self.sample, folder / "<script>alert(2)</script>.h5".replace("/", "\u2215"))
        with h5py.File(sample, "r+") as file:
            file["object"]["z_spec" if "z_spec" in file["object"] else list(file["object"])[0]].attrs["description"] = "<script>alert(3)</script>"
        self.skyfold("train", "--algorithms", "dnf", "--sample", sample, "--output", folder / "m.h5", "--train.fraction", 0.5)
        page = Tags((folder / "m.html").read_text())
        self.assertNotIn("script", page.tags)
        self.assertNotIn("onerror", page.attributes)


if __name__ == "__main__":
    support.main()
