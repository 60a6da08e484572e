"""Nights of FITS files from outside: what the mock makes against astropy, transfers, previews against numpy."""
import contextlib
import csv
import os
import pathlib
import re
import shutil
import sqlite3
import sys
import unittest.mock
import warnings

import numpy as np
from PIL import Image
from astropy.io import fits
from astropy.wcs import WCS

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

SMALL = ["--kind", "nights", "--night.files", 7, "--night.size", 32, "--night.detections", 300]


def problems(path):
    """What astropy finds wrong with a file: a word, or ""."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with fits.open(path, checksum=True) as hdus:
                sizes = [hdu.data.size for hdu in hdus[1:]]
                doubled = any(len(set(keys)) < len(keys) for keys in ([k for k in h.header if k not in ("COMMENT", "")] for h in hdus))
        except (TypeError, OSError, ValueError):
            return "truncated"
    if any("hecksum verification failed" in str(w.message) for w in caught):
        return "wrong checksum"
    if doubled:
        return "duplicate keyword"
    return "missing extension" if len(sizes) != 4 else "empty table" if not any(sizes) else ""


class Nights(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tree = cls.base / "tree"
        cls.made = cls.run_skyfold("mock", *SMALL, "--nights", 2, "--seed", 5, "--output", cls.tree)
        assert cls.made.code == 0, cls.made
        with open(cls.base / "tree.csv", encoding="ascii") as file:
            cls.list = list(csv.DictReader(file))

    def test_every_damage_is_listed_and_nothing_else_is_damaged(self):
        files = [row for row in self.list if row["kind"] != "night"]
        self.assertEqual(sorted(str(p.relative_to(self.tree)) for p in self.tree.glob("*/*")), sorted(row["file"] for row in files))
        for row in files:
            self.assertEqual(problems(self.tree / row["file"]), row["damage"], row["file"])
        damages = [row["damage"] for row in self.list if row["damage"]]
        self.assertEqual(sorted(damages), ["duplicate keyword", "empty table", "missing extension", "no files", "truncated", "wrong checksum"])
        for row in self.list:
            if row["damage"]:
                self.assertIn(f"damaged on purpose: {row['file']}: {row['damage']}", self.made.out)
        empty = [row["file"] for row in self.list if row["kind"] == "night"]
        self.assertEqual([list((self.tree / name).iterdir()) for name in empty], [[]])

    def test_detections_are_where_the_header_and_the_pixels_say(self):
        pairs = [(a["file"], b["file"]) for a, b in zip(self.list[::2], self.list[1::2]) if not a["damage"] and not b["damage"]]
        self.assertTrue({name.endswith(".fz") for name, _ in pairs} == {True, False})
        n, kinds = 0, set()
        for image, table in pairs:
            with warnings.catch_warnings(), fits.open(self.tree / image) as pixels, fits.open(self.tree / table) as tables:
                warnings.simplefilter("ignore")
                self.assertEqual(len(tables[1].columns), 80)
                for hdu, detections in zip(pixels[1:], tables[1:]):
                    self.assertEqual(hdu.header["MAGZPT"], detections.header["MAGZPT"])
                    kinds.add((hdu.header["CTYPE1"], np.sign(np.round(hdu.header["CD1_1"], 5)), np.sign(np.round(hdu.header["CD1_2"], 5))))
                    d = detections.data
                    if len(d) == 0:
                        continue
                    sky = WCS(hdu.header).all_pix2world(d["X_coordinate"], d["Y_coordinate"], 1)
                    np.testing.assert_allclose(sky, [d["RA"], d["DEC"]], rtol=0, atol=1e-8)
                    # A bright star stands above the sky by its height, where no other is near.
                    i = np.argmax(d["Peak_height"])
                    x, y = int(round(d["X_coordinate"][i])) - 1, int(round(d["Y_coordinate"][i])) - 1
                    self.assertGreater(hdu.data[min(y, 31), min(x, 31)] - hdu.header["SKYLEVEL"], 0.5 * d["Peak_height"][i])
                    n += len(d)
        self.assertEqual(len(kinds), 8)  # two projections, four orientations
        self.assertAlmostEqual(n / (4 * len(pairs)), 300 / 28, delta=3)

    def test_the_same_bytes_on_any_ranks(self):
        other = self.path("other")
        self.skyfold("mock", *SMALL, "--nights", 2, "--seed", 5, "--output", other, ranks=3)
        for row in self.list:
            if row["kind"] != "night":
                self.assertEqual((pathlib.Path(other) / row["file"]).read_bytes(), (self.tree / row["file"]).read_bytes(), row["file"])

    def test_what_cannot_be_made_is_refused(self):
        for words, message in ((["--night.first", "2026-02-30"], r"--night.first: '2026-02-30' is no date"),
                               (["--night.damaged", 50], r"--night.damaged = 50 \(there are 7 files to damage\)"),
                               (["--objects", 5], r"--objects does not go with --kind nights")):
            result = self.run_skyfold("mock", *SMALL, *words, "--output", self.path("x"))
            self.assertEqual(result.code, 2, result)
            self.assertRegex(result.err, message)
        result = self.run_skyfold("mock", *SMALL, "--fresh", "--seed", 6, "--output", self.tree)
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, r"tree: has files already, such as .*st")

    def test_a_night_is_transferred_once_and_what_changes_is_told(self):
        source, there = pathlib.Path(self.path("source")), pathlib.Path(self.path("there"))
        shutil.copytree(self.tree, source)
        (source / "20260501_v1" / "log.txt").write_text("seeing 0.8")
        (source / "20260501_v1" / "calib").mkdir()
        # A death with a file that has no name yet; the next attempt, on other ranks, goes on.
        with unittest.mock.patch.dict(os.environ, SKYFOLD_DIE_AT="transferred a file"):
            killed = self.run_skyfold("curate", "transfer", source, there)
        self.assertNotEqual(killed.code, 0, killed)
        self.assertEqual([p.name for p in there.glob("*/w*")], [])
        result = self.run_skyfold("curate", "transfer", source, there, ranks=2)
        self.assertEqual(result.code, 5, result)
        self.assertRegex(result.err, r"calib: not transferred \(it is no file\)")
        self.assertRegex(result.err, r"3 nights: 29 files transferred")
        (source / "20260501_v1" / "calib").rmdir()
        for path in source.glob("*/*"):
            self.assertEqual((there / path.relative_to(source)).read_bytes(), path.read_bytes())
        self.assertEqual([str(p) for p in there.glob("*/.*")], [])
        lines = (there / "20260501_v1" / "manifest.tsv").read_text().splitlines()
        self.assertEqual([line.split("\t")[:2] for line in lines[1:]],
                         [[p.name, str(p.stat().st_size)] for p in sorted((source / "20260501_v1").iterdir())])
        self.assertRegex(self.skyfold("curate", "transfer", source, there).err, r"0 files transferred \(0.0 MB\), 29 were there")
        # Another time with the same bytes is no change; other bytes are, of the same length, too; what is gone is said.
        changed, touched, gone = sorted((source / "20260501_v1").glob("w*_cat.fits"))[:3]
        data = bytearray(changed.read_bytes())
        data[9000] ^= 1
        changed.write_bytes(data)
        os.utime(touched, (1, 1))
        gone.unlink()
        kept = (there / changed.relative_to(source)).read_bytes()
        result = self.run_skyfold("curate", "transfer", source, there)
        self.assertEqual(result.code, 5, result)
        self.assertRegex(result.err, changed.name + r": has changed at the source since it was transferred \(\d+ bytes then")
        self.assertRegex(result.err, gone.name + ": is no longer at the source")
        self.assertRegex(result.err, r"0 files transferred \(0.0 MB\), 27 were there")
        self.assertEqual((there / changed.relative_to(source)).read_bytes(), kept)

    def test_a_file_that_others_put_there_is_not_replaced(self):
        there = pathlib.Path(self.path("there"))
        name = [row["file"] for row in self.list][3]
        (there / name).parent.mkdir(parents=True)
        (there / name).write_text("mine")
        result = self.run_skyfold("curate", "transfer", self.tree, there, "--mode", "symlink")
        self.assertEqual(result.code, 5, result)
        self.assertRegex(result.err, r"is there with other bytes than .* \(it was not transferred by skyfold: move it away\)")
        self.assertEqual((there / name).read_text(), "mine")
        links = [p for p in there.glob("*/w*") if p.is_symlink()]
        self.assertEqual(len(links), 27)
        self.assertEqual({p.resolve().parent.parent for p in links}, {self.tree.resolve()})

    def test_previews_have_north_up_and_east_left_and_the_stretch_of_their_percentiles(self):
        rng = np.random.default_rng(3)
        hdus, n = [fits.PrimaryHDU()], 60
        turns = [(a, b, c) for c in (0, 1) for a in (-1, 1) for b in (-1, 1)]  # both axes either way, with x and y exchanged or not
        for a, b, swap in turns:
            image = rng.normal(100, 10, (n + 10, n)).astype(np.float32)
            header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 50.0, "CRVAL2": 30.0, "CRPIX1": 30.0, "CRPIX2": 35.0,
                                  "CD1_1": 0.0 if swap else a * 1e-3, "CD1_2": a * 1e-3 if swap else 1e-5,
                                  "CD2_1": b * 1e-3 if swap else 0.0, "CD2_2": 1e-5 if swap else b * 1e-3})
            wcs = WCS(header)
            for place, value in (((0, 0.015), 400), ((0.018, 0), 1000)):  # north; east
                x, y = (int(round(float(v))) for v in wcs.all_world2pix(50 + place[0] / np.cos(np.radians(30)), 30 + place[1], 0))
                image[y - 2:y + 3, x - 2:x + 3] = value
            image[5, 7] = np.nan
            hdus.append(fits.CompImageHDU(image, header, quantize_level=0, compression_type="GZIP_1") if swap and a > 0 else fits.ImageHDU(image, header))
        hdus.append(fits.ImageHDU(np.arange(12.0).reshape(3, 4), fits.Header({"CD1_1": 1.0})))  # no coordinates
        night = pathlib.Path(self.path("20260101_v1"))
        night.mkdir()
        fits.HDUList(hdus).writeto(night / "w20260101_00001.fit")
        words = ["--preview.quality", 100, "--preview.low", 10, "--preview.high", 98]
        result = self.skyfold("curate", "previews", night, "--output", self.path("p"), *words)
        self.assertRegex(result.err, r"9 previews of 1 image files(.|\n)*1 of them have the axes of their pixels")
        for k, (a, b, swap) in enumerate(turns, 1):
            with Image.open(self.path("p") + f"/20260101_v1/w20260101_00001_{k}.jpg") as picture:
                grey = np.asarray(picture).astype(float)
            data = np.asarray(hdus[k].data, dtype=float)
            turned = max((np.rot90(f, r) for f in (data, data[::-1]) for r in range(4)), key=lambda v: -np.nansum(abs(stretched(v) - grey))
                         if v.shape == grey.shape else -np.inf)
            north, east = ([np.nanmean((turned == value) * (np.indices(turned.shape)[axis] - turned.shape[axis] / 2)) for axis in (0, 1)]
                           for value in (400, 1000))
            self.assertLess(north[0], 0, k)  # up
            self.assertLess(abs(north[1]), abs(north[0]) / 3, k)
            self.assertLess(east[1], 0, k)  # left
            self.assertLess(abs(east[0]), abs(east[1]) / 3, k)
            # Noise of every pixel is a trial for JPEG, even at its best.
            self.assertLess(np.abs(stretched(turned) - grey).mean(), 2.5, k)
        with Image.open(self.path("p") + "/20260101_v1/w20260101_00001_9.jpg") as picture:
            self.assertEqual(picture.size, (4, 3))
            self.assertLess(np.asarray(picture)[2].mean(), np.asarray(picture)[0].mean())  # the last row is on top

    def test_previews_of_a_tree_are_the_same_on_any_ranks_and_small(self):
        made = []
        for ranks, name in ((0, "a"), (2, "b")):
            result = self.run_skyfold("curate", "previews", self.tree, "--output", self.path(name), "--preview.size", 16, ranks=ranks)
            self.assertEqual(result.code, 5, result)
            made.append({p.relative_to(self.path(name)): p.read_bytes() for p in pathlib.Path(self.path(name)).glob("*/*")})
        truncated = [row["file"] for row in self.list if row["damage"] == "truncated"]
        self.assertRegex(result.err, truncated[0] + r": extension \d: cannot be read")
        self.assertRegex(result.err, r"51 previews of 13 image files")  # one of them has three extensions
        self.assertEqual(made[0], made[1])
        with Image.open(next(pathlib.Path(self.path("a")).glob("*/*.jpg"))) as picture:
            self.assertEqual(picture.size, (16, 16))


    def test_previews_come_into_the_archive_with_the_metadata_of_their_files_alone(self):
        archive = pathlib.Path(self.path("archive"))
        register = self.run_skyfold("curate", "register", self.tree, "--archive", archive)
        self.assertEqual(register.code, 5, register)
        plan = pathlib.Path(self.path("plan.txt"))
        self.skyfold("curate", "suggest", "--archive", archive, "--output", plan)
        tasks = [line.split()[2] for line in plan.read_text().splitlines() if not line.startswith("#")]
        self.assertEqual(sorted(tasks), ["1.cu2", "1.cu3", "2.cu2", "2.cu3"])
        # Previews first, by a plan that people have edited: they wait in the ledger for the metadata.
        plan.write_text("0 host 1.cu2\n0 host 2.cu2 # first\n")
        with unittest.mock.patch.dict(os.environ, SKYFOLD_DIE_AT="claimed 1.cu3"):
            killed = self.run_skyfold("curate", "extract", "--archive", archive, "--plan", plan)
        self.assertNotEqual(killed.code, 0, killed)
        self.assertGreaterEqual({p.name for p in (archive / "ledger").glob("*.done")}, {"1.cu2.done", "2.cu2.done"})
        self.run_skyfold("curate", "ingest", "--archive", archive)
        self.assertEqual(self.rows(archive, "SELECT count(*) FROM preview JOIN file USING (multiframe_id) WHERE chunk_id = 1"), [(0,)])
        result = self.run_skyfold("curate", "run", self.tree, "--archive", archive, ranks=2)
        self.assertEqual(result.code, 5, result)
        rows = self.rows(archive, "SELECT path, preview.bytes, name, extension FROM preview JOIN file USING (multiframe_id) WHERE cu2 = 'done' AND cu3 = 'done' ORDER BY path")
        self.assertEqual(len(rows), self.rows(archive, "SELECT count(*) FROM preview")[0][0])
        bad = {row["file"].split("/")[1] for row in self.list if row["damage"] and row["kind"] == "image"}
        good = [row["file"] for row in self.list if row["kind"] == "image" and not row["damage"]]
        self.assertEqual(len(rows), 4 * len(good))
        self.assertFalse(bad & {name for _, _, name, _ in rows})
        self.run_skyfold("curate", "previews", self.tree, "--output", self.path("p"))
        for path, size, name, extension in rows:
            data = (archive / path).read_bytes()
            self.assertEqual((len(data), data), (size, (pathlib.Path(self.path("p")) / path.split("/", 1)[1]).read_bytes()))
        self.assertEqual(sorted(str(p.relative_to(archive)) for p in archive.glob("previews/*/*")), [path for path, *_ in rows])
        flipped = archive / rows[5][0]
        flipped.write_bytes(flipped.read_bytes()[:-3] + b"abc")
        result = self.run_skyfold("curate", "verify", "--archive", archive)
        self.assertEqual(result.code, 3, result)
        self.assertRegex(result.err, re.escape(rows[5][0]) + ": its bytes have the hash")
        plan.write_text("0 host 1.cu2\n1 host 1.cu2\n")
        result = self.run_skyfold("curate", "extract", "--archive", archive, "--plan", plan)
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, r"plan.txt: line 2: 1.cu2 stands in an earlier line, too")

    @staticmethod
    def rows(archive, sql):
        with contextlib.closing(sqlite3.connect(archive / "archive.sqlite")) as database:
            return database.execute(sql).fetchall()


class Suggest(support.SkyfoldTest):
    def setUp(self):
        super().setUp()
        self.archive = pathlib.Path(self.path("archive"))
        for folder in ("ledger", "costs"):
            (self.archive / folder).mkdir(parents=True)
        self.rows = [900, 100, 400, 300, 800, 200, 500]
        for i, n in enumerate(self.rows, 1):
            (self.archive / "ledger" / f"{i}.cu4.task").write_text(f"2026050{i}_v1\t/nights/2026050{i}_v1\t1\t{n * 328}\n{i}\tw.fits\ttable\t{n}\t0\n")
        # What is extracted or taken does not wait.
        for name in ("8.cu4.task", "8.cu4.done", "9.cu4.task"):
            (self.archive / "ledger" / name).write_text("20260509_v1\t/n\t1\t5\n1\tw.fits\ttable\t5\t0\n")
        (self.archive / "ledger" / "9.cu4.claim").mkdir()
        # A median of 0.1 s a detection; a line that a kill has cut off.
        (self.archive / "costs" / "a.1.tsv").write_text("cu4\t1\t10\t100\t10.0\ncu4\t1\t10\t50\t5.0\ncu4\t1\t10\t10\t9.0\ncu4\t1\t1")
        self.hosts = self.path("hosts")
        pathlib.Path(self.hosts).write_text("# machines\na ranks=2 processors=4 load=0.5\nb ranks=1 load=0.5 free_gb=10 processes=3\n")

    def suggest(self, *words, **options):
        return self.run_skyfold("curate", "suggest", "--archive", self.archive, *words, **options)

    def test_a_plan_gives_every_task_once_and_ends_when_it_says(self):
        plan = self.path("plan.txt")
        result = self.suggest("--hosts", self.hosts, "--output", plan)
        self.assertEqual(result.code, 0, result)
        lines = [line.split() for line in pathlib.Path(plan).read_text().splitlines() if not line.startswith("#")]
        self.assertEqual(sorted(line[2] for line in lines), [f"{i}.cu4" for i in range(1, 8)])
        speed = {"0": 1.0, "1": 1.0, "2": 0.5}  # half of b's one processor is taken
        ends = {}
        for rank, host, task, seconds, begin, end in lines:
            self.assertEqual(host, "b" if rank == "2" else "a")
            self.assertAlmostEqual(float(seconds), 0.1 * self.rows[int(task.split(".")[0]) - 1] / speed[rank], places=3)
            self.assertAlmostEqual(float(begin), ends.get(rank, 0.0), places=3)
            ends[rank] = float(end)
        last = max(ends.values())
        self.assertRegex(result.out, rf"all ends after {last:.1f} s; no plan ends before 128.0 s")  # 320 s of work, speeds of 2.5
        self.assertLess(last, 128 * 4 / 3)
        self.assertRegex(result.out, r"cu4: 1e\+05 us a detection \(median of 3 earlier jobs\); 7 tasks wait, 320.0 s")
        self.assertRegex(result.out, r"cu3: \d+ us a file \(assumed: no earlier jobs\)")

    def test_machines_are_those_of_the_ranks(self):
        result = self.suggest(ranks=2)
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, rf"\n{re.escape(os.uname().nodename)} +2 +{os.cpu_count()} ")

    def test_bad_machines_are_named(self):
        for text, message in (("a ranks=2\nb ranks=0\n", r"hosts: line 2: ranks=0 \(must be a whole number, 1 or more\)"),
                              ("a cores=2\n", r"line 1: 'cores' is not known \(ranks, processors, load, free_gb, processes\)"),
                              ("a\n\na # again\n", r"line 3: a stands in an earlier line, too"), ("# none\n", "no machines in it")):
            pathlib.Path(self.hosts).write_text(text)
            result = self.suggest("--hosts", self.hosts)
            self.assertEqual(result.code, 2, result)
            self.assertRegex(result.err, message)
        pathlib.Path(self.hosts).write_text("a ranks=2 free_gb=0.0001\nb free_gb=1\n")
        result = self.suggest("--hosts", self.hosts, "--output", self.path("p.txt"))
        self.assertRegex(result.err, r"a: gets no tasks \(0.00 GB are free, about 0.00 GB will be written\)")
        self.assertNotRegex(pathlib.Path(self.path("p.txt")).read_text(), r"(?m)^\d+  a ")
        pathlib.Path(self.hosts).write_text("a free_gb=0.0001\n")
        self.assertEqual(self.suggest("--hosts", self.hosts).code, 4)
        result = self.run_skyfold("curate", "suggest", "--archive", self.base)
        self.assertEqual(result.code, 4, result)
        self.assertRegex(result.err, r"is no archive")


def stretched(values, low=10, high=98, contrast=8.0):
    """The stretch of docs/curation.md."""
    black, white = np.nanpercentile(values, [low, high], method="nearest")
    return np.round(255 * np.arcsinh(contrast * np.nan_to_num(np.clip((values - black) / (white - black), 0, 1))) / np.arcsinh(contrast))


if __name__ == "__main__":
    support.main()
