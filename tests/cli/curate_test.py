"""Archives of nights: ids, metadata and detections are what astropy reads in the files, whoever extracts them in whatever order, and
whatever is killed."""
import atexit
import configparser
import csv
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import postgres_tools
import support

TABLES = {"file": "multiframe_id", "night": "night", "chunk": "chunk_id", "multiframe": "multiframe_id", "detector": "multiframe_id, extension",
          "detection_file": "path", "preview": "multiframe_id, extension", "card_remark": "chunk_id, place, keyword, problem"}
DETECTORS = 4
_shared = {}  # a tree and its archive, which all tests read
# A moment of each step: after registration, around each side of the ledger, within and after the step that publishes a catalogue.
MOMENTS = ["registered 20260501_v1", "claimed 1.cu3", "extracted 1.cu3", "ingesting 2.cu3", "ingested 2.cu3", "claimed 2.cu4", "extracted 1.cu4", "extracted 1.cu2",
           "ids written", "structure saved", "index added", "consolidated", "detections published", "ingested 3.cu4", "ingested 3.cu2"]


def schema():
    """Columns of the declared schema: name -> (key, type), by section."""
    parser = configparser.ConfigParser(delimiters=("=",), comment_prefixes=("#",), interpolation=None)
    parser.optionxform = str
    parser.read(support.SOURCE / "config" / "curation" / "wfcam.ini")
    return {section: {name: [part.strip() for part in value.split(",")][:2] for name, value in parser[section].items()}
            for section in ("multiframe", "detector", "detection")}


class Archives(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not _shared:
            _shared["base"] = base = pathlib.Path(tempfile.mkdtemp(prefix="skyfold_test_"))
            atexit.register(shutil.rmtree, base, ignore_errors=True)
            cls.skyfold("mock", "--kind", "nights", "--nights", 3, "--night.files", 6, "--night.detections", 1500, "--night.size", 64,
                        "--output", base / "nights", "--threads", 1)
            _shared["done"] = cls.run_skyfold("curate", "run", base / "nights", "--archive", base / "whole")
        cls.tree, cls.whole, cls.done = _shared["base"] / "nights", _shared["base"] / "whole", _shared["done"]
        with open(f"{cls.tree}.csv") as file:
            cls.damaged = {row["file"]: row["damage"] for row in csv.DictReader(file) if row["damage"]}

    def curate(self, name, *words, archive=None, code=5, **settings):
        result = self.run_skyfold("curate", name, *words, "--archive", archive or self.path("a"), **settings)
        self.assertEqual(result.code, code, str(result))
        return result

    @staticmethod
    def rows(archive, table, columns="*"):
        connection = sqlite3.connect(pathlib.Path(archive) / "archive.sqlite")
        try:
            return connection.execute(f"SELECT {columns} FROM {table} ORDER BY {TABLES[table]}").fetchall()
        finally:
            connection.close()

    def assert_same(self, archive, other=None):
        """All tables, and the bytes of all catalogues."""
        other = other or self.whole
        for table in TABLES:
            self.assertTrue(self.rows(archive, table) == self.rows(other, table), table)
        for path in sorted((pathlib.Path(other) / "detections").iterdir()):
            self.assertTrue(support.read_bytes(path) == support.read_bytes(pathlib.Path(archive) / "detections" / path.name), path.name)
        self.assertEqual(sorted(os.listdir(pathlib.Path(archive) / "detections")), sorted(os.listdir(pathlib.Path(other) / "detections")))


class Values(Archives):
    def test_ids_follow_night_and_name_and_rows_of_tables(self):
        names = sorted(f"{path.parent.name}/{path.name}" for path in self.tree.glob("*/*.fit*"))
        files = self.rows(self.whole, "file", "multiframe_id, night || '/' || name, kind, image_id, detections, first_detection, damage")
        self.assertEqual([row[:2] for row in files], list(enumerate(names, 1)))
        ids, first = {name: number for number, name, *_ in files}, 1
        for _, name, kind, image, detections, begin, damage in files:
            if kind == "image":
                continue
            stem = name[: -len("_cat.fits")]
            self.assertEqual(image, ids.get(stem + ".fit") or ids.get(stem + ".fit.fz"))
            with fits.open(self.tree / name) as hdus:
                self.assertEqual(detections, sum(hdu.header["NAXIS2"] for hdu in hdus[1:]))
            self.assertEqual(begin, first if detections else None)
            first += detections
        self.assertGreater(first, 1000)

    def test_metadata_are_those_of_the_headers(self):
        declared = schema()
        states = dict(self.rows(self.whole, "file", "multiframe_id, cu3"))
        places = {number: self.tree / night / name for number, night, name in self.rows(self.whole, "file", "multiframe_id, night, name")}
        primary = {row[0]: row[1:] for row in self.rows(self.whole, "multiframe")}
        extensions = {row[:2]: row[2:] for row in self.rows(self.whole, "detector")}
        self.assertEqual(sorted(primary), [number for number, state in states.items() if state == "done"])
        self.assertEqual(len(extensions), DETECTORS * len(primary))
        for number, row in primary.items():
            with fits.open(places[number], disable_image_compression=True) as hdus:
                headers = [(declared["multiframe"], row, hdus[0].header)]
                headers += [(declared["detector"], extensions[number, i], hdus[i].header) for i in range(1, 1 + DETECTORS)]
            for columns, values, header in headers:
                self.assertEqual(len(columns), len(values))
                for (name, (key, kind)), value in zip(columns.items(), values):
                    there = header.get(key)
                    self.assertEqual(value, int(there) if kind == "truth" and there is not None else there, (places[number], name))

    def test_detections_are_those_of_the_tables(self):
        declared = schema()["detection"]
        files = self.rows(self.whole, "file", "multiframe_id, chunk_id, night, name, first_detection, detections, cu4")
        paths = self.rows(self.whole, "detection_file", "chunk_id, path, row_count")
        self.assertEqual(len(paths), 3)
        for chunk, path, count in paths:
            found = support.read_group(self.whole / path)
            expected = {name: [] for name in found}
            for number, of, night, name, first, detections, state in files:
                if of != chunk or state != "done":
                    continue
                expected["id"].append(np.arange(first, first + detections))
                expected["multiframe_id"].append(np.full(detections, number))
                with fits.open(self.tree / night / name) as hdus:
                    for i, hdu in enumerate(hdus[1:], 1):
                        expected["extension"].append(np.full(len(hdu.data), i))
                        expected["sequence"].append(np.arange(1, len(hdu.data) + 1))
                        for column, (key, _) in declared.items():
                            expected[column].append(hdu.data[key])
            self.assertEqual(len(found["id"]), count)
            for name, values in found.items():
                np.testing.assert_array_equal(values, np.concatenate(expected[name]), name)
        text = self.skyfold("count", self.whole / paths[0][1], "--where", "aper_flux_3 > 0").out
        self.assertRegex(text, r"^\d")

    def test_each_image_of_a_file_with_metadata_has_a_preview(self):
        expected = [(number, i) for number, kind, state in self.rows(self.whole, "file", "multiframe_id, kind, cu3")
                    for i in range(1, 1 + DETECTORS) if kind == "image" and state == "done"]
        found = self.rows(self.whole, "preview", "multiframe_id, extension, path, bytes")
        self.assertEqual([row[:2] for row in found], expected)
        for _, _, path, size in found:
            data = support.read_bytes(self.whole / path)
            self.assertEqual((len(data), data[:3]), (size, b"\xff\xd8\xff"))

    def test_each_damage_is_a_line_and_the_others_finish(self):
        self.assertEqual(self.done.code, 5, str(self.done))
        self.assertEqual(len(self.damaged), 6)
        for name, damage in self.damaged.items():
            self.assertEqual(len([line for line in self.done.err.splitlines() if f"{name}:" in line]), 1, (name, damage))
        bad = {name for name, _ in self.damaged.items()}
        for night, name, kind, cu3, cu4, image in self.rows(self.whole, "file", "night, name, kind, cu3, cu4, image_id"):
            self.assertEqual(cu3, "failed" if f"{night}/{name}" in bad else "done")
            if kind == "table":
                image_is_bad = any(other.startswith(f"{night}/{name[:-9]}.") for other in bad)
                self.assertEqual(cu4, "failed" if f"{night}/{name}" in bad else "blocked" if image_is_bad else "done")

    def test_odd_cards_are_counted_and_required_ones_are_required(self):
        night = self.folder / "tree" / "20260501_v1"
        night.mkdir(parents=True)
        good = sorted(path for path in (self.tree / "20260501_v1").glob("*.fit") if f"20260501_v1/{path.name}" not in self.damaged)[:2]
        for path, change in zip(good, ({"HUMIDITY": "wet", "NOVEL": 7}, {"FILTER": None})):
            with fits.open(path) as hdus:
                for key, value in change.items():
                    if value is None:
                        del hdus[0].header[key]
                    else:
                        hdus[0].header[key] = value
                hdus.writeto(night / path.name, checksum=True)
        result = self.curate("run", self.folder / "tree")
        self.assertRegex(result.err, rf"{good[1].name}: primary header: FILTER is missing")
        states = self.rows(self.path("a"), "file", "cu3")
        self.assertEqual(states, [("done",), ("failed",)])
        self.assertEqual(self.rows(self.path("a"), "multiframe", "humidity"), [(None,)])
        remarks = self.rows(self.path("a"), "card_remark", "place, keyword, problem, files, value")
        self.assertIn(("primary", "HUMIDITY", "malformed", 1, "wet"), remarks)
        self.assertIn(("primary", "NOVEL", "not declared", 1, "7"), remarks)
        self.assertRegex(self.curate("status", code=0).out, r"NOVEL +not declared in 1 files")


class Schedules(Archives):
    def test_ranks_do_not_matter(self):
        for ranks in (2, 3, 4):
            archive = self.path(f"a{ranks}")
            result = self.run_skyfold("curate", "run", self.tree, "--archive", archive, ranks=ranks)
            self.assertEqual(result.code, 5, str(result))
            self.assert_same(archive)

    def test_killed_at_every_moment_the_tables_are_the_same(self):
        tree, whole = self.base / "small", self.base / "small_whole"
        self.skyfold("mock", "--kind", "nights", "--nights", 3, "--night.files", 2, "--night.detections", 400, "--night.size", 32, "--night.damaged", 2,
                     "--output", tree, "--threads", 1)
        self.curate("run", tree, archive=whole)
        for i, moment in enumerate(MOMENTS):
            archive = self.path(f"a{i}")
            environment = dict(support.environment(self.folder), SKYFOLD_DIE_AT=moment)
            dead = subprocess.run([support.binary(), "curate", "run", str(tree), "--archive", archive], env=environment, capture_output=True)
            self.assertEqual(dead.returncode, -signal.SIGKILL, moment)
            self.curate("run", tree, archive=archive)
            self.assert_same(archive, whole)

    def test_on_a_full_disk_nothing_fails_but_the_run(self):
        """A limit to the size of files stands for the disk: the database does not fit, then a catalogue."""
        archive, seen = self.path("a"), set()
        for kilobytes in (60, 200, 240, 300):
            limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes << 10, kilobytes << 10))
            full = subprocess.run([support.binary(), "curate", "run", str(self.tree), "--archive", archive], preexec_fn=limit, capture_output=True, text=True)
            self.assertEqual(full.returncode, 4, full.stderr)
            lines = [line for line in full.stderr.splitlines() if line.startswith("skyfold")]
            self.assertEqual(len(lines), 1, full.stderr)
            seen.add(re.search(r"archive\.sqlite|\.h5", lines[0])[0])
        self.assertEqual(seen, {"archive.sqlite", ".h5"})
        self.curate("run", self.tree)
        self.assert_same(archive)

    def test_killed_by_chance_on_ranks_the_tables_are_the_same(self):
        """SKYFOLD_CURATE_KILLS asks for more of them than there is time for in every test."""
        chance, archive = random.Random(19), self.path("a")
        for _ in range(int(os.environ.get("SKYFOLD_CURATE_KILLS", "4"))):
            run = subprocess.Popen([*support.mpirun(chance.choice((2, 3))), support.binary(), "curate", "run", str(self.tree), "--archive", archive],
                                   env=support.environment(self.folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            time.sleep(chance.uniform(0.2, 1.2))
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            if chance.random() < 0.1 and pathlib.Path(archive, "detections").exists() and len(os.listdir(pathlib.Path(archive, "detections"))) == 3:
                self.curate("run", self.tree)
                self.assert_same(archive)
                shutil.rmtree(archive)
        self.curate("run", self.tree)
        self.assert_same(archive)

    def test_ingest_by_another_process(self):
        """And the lock: a second writer is told who the first one is."""
        archive = self.path("a")
        self.curate("register", self.tree)
        watch = subprocess.Popen([support.binary(), "curate", "ingest", "--archive", archive, "--watch"], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        try:
            while not pathlib.Path(archive, "lock").exists():
                time.sleep(0.01)
            held = self.curate("run", self.tree, code=4)
            self.assertRegex(held.errors()[0], rf"{archive}: another run is writing this output \(.*, process {watch.pid}\b")
            self.assertIn(f"process {watch.pid}", self.curate("status", code=0).out)
            self.assertRegex(self.curate("extract", code=0, ranks=2).err, r"9 tasks extracted")
            self.assertEqual(watch.wait(60), 5)
            self.assertIn("every chunk is in", watch.communicate()[1])
        finally:
            watch.kill()
            watch.communicate()
        self.assert_same(archive)

    def test_ingest_afterwards_gives_the_same(self):
        self.curate("run", self.tree, "--ingest", "after", ranks=2)
        self.assert_same(self.path("a"))


class Merged(Archives):
    """Objects by brute force: all separations of a frame's detections from the first detections of objects."""

    def merge(self, name, *words, code=0, **settings):
        result = self.run_skyfold("curate", "merge", "--archive", self.whole, "--output", self.path(name), "--threads", 1, *words, **settings)
        self.assertEqual(result.code, code, str(result))
        return result

    def detections(self):
        parts = [support.read_group(self.whole / path) for path, in self.rows(self.whole, "detection_file", "path")]
        found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        order = np.argsort(found["id"])
        return {name: values[order] for name, values in found.items()}

    @staticmethod
    def unit(ra, dec):
        ra, dec = np.radians(ra), np.radians(dec)
        return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)

    def files(self):
        nights = dict(self.rows(self.whole, "file", "multiframe_id, night"))
        return {number: {"filter": name, "mjd": mjd, "night": nights[number], "seconds": seconds, "airmass": (begin + end) / 2}
                for number, name, mjd, seconds, begin, end in self.rows(
                    self.whole, "multiframe", "multiframe_id, filter_name, mjd_obs, exp_time, airmass_start, airmass_end")}

    def objects_of(self, found, radius):
        at, ids = self.unit(found["ra"], found["dec"]), found["id"]
        objects, firsts = np.zeros(len(ids), int), np.zeros(0, int)
        frames = found["multiframe_id"] * 10 + found["extension"]
        for frame in np.unique(frames):
            mine = np.flatnonzero(frames == frame)
            objects[mine] = ids[mine]
            if len(firsts):
                apart = np.linalg.norm(at[mine][:, None] - at[firsts][None], axis=2)
                nearest, back = apart.argmin(axis=1), apart.argmin(axis=0)
                for i, first in enumerate(nearest):
                    if apart[i, first] <= 2 * np.sin(np.radians(radius / 3600) / 2) and back[first] == i:
                        objects[mine[i]] = ids[firsts[first]]
            firsts = np.concatenate([firsts, mine[objects[mine] == ids[mine]]])
        return objects

    def test_objects_seams_and_bits_are_those_of_brute_force(self):
        self.merge("cat.h5")
        found = self.detections()
        objects = self.objects_of(found, 1.0)
        files = self.files()
        with h5py.File(self.path("cat.h5")) as file:
            meas = {name: values[:] for name, values in file["meas"].items()}
            table = {name: values[:] for name, values in file["object"].items()}
            offset, filters = file["meas_offset"][:], file["index/meas_dictionary/filter/value"][:]
        order = np.argsort(meas["id"])
        self.assertEqual(len(order), len(found["id"]))
        mine = {name: values[order] for name, values in meas.items()}
        for name, values in found.items():
            np.testing.assert_array_equal(mine[name], values, name)
        np.testing.assert_array_equal(mine["object_id"], objects)
        np.testing.assert_array_equal(np.repeat(table["id"], np.diff(offset)), meas["object_id"])
        edge = np.min([found["x"] - 0.5, 64.5 - found["x"], found["y"] - 0.5, 64.5 - found["y"]], axis=0)
        np.testing.assert_allclose(mine["edge_distance"], edge, atol=1e-5)
        groups, bits = {}, np.zeros(len(edge), int)
        for i, number in enumerate(found["multiframe_id"]):
            groups.setdefault((objects[i], files[number]["filter"], files[number]["night"]), []).append(i)
            self.assertEqual(filters[mine["filter"][i]].decode().rstrip("\0"), files[number]["filter"])
            self.assertEqual(mine["mjd"][i], files[number]["mjd"])
        primary, partner = np.ones(len(edge), int), np.zeros(len(edge), int)
        for members in groups.values():
            members = np.array(members)
            best = members[np.argmax(mine["edge_distance"][members])]
            if len(set(found["extension"][members])) > 1:
                primary[members] = found["extension"][members] == found["extension"][best]
                partner[members] = found["id"][best]
        self.assertGreater(np.sum(primary == 0), 5)
        np.testing.assert_array_equal(mine["is_primary"], primary)
        np.testing.assert_array_equal(mine["pri_or_sec"], partner)
        of_frame = {row[:2]: row[2:] for row in self.rows(self.whole, "detector",
                                               "multiframe_id, extension, mag_zero_point, aper_corr_3, extinction, saturation")}
        zero, correction, extinction, saturation = np.array([of_frame[key] for key in zip(found["multiframe_id"], found["extension"])]).T
        seconds, airmass = np.array([(files[n]["seconds"], files[n]["airmass"]) for n in found["multiframe_id"]]).T
        flux = found["aper_flux_3"].astype(float)
        mag = zero - 2.5 * np.log10(flux / seconds) - correction - extinction * (airmass - 1)
        np.testing.assert_allclose(mine["mag"], mag, atol=2e-6)
        np.testing.assert_allclose(mine["mag_err"], 2.5 / np.log(10) * found["aper_flux_3_err"] / flux, rtol=1e-6)
        for bit, is_so in ((1, mine["edge_distance"] < 10), (2, (found["peak_height"].astype(float) + found["sky_level"] >= saturation) | (found["classification"] == -9)),
                           (4, found["confidence"] < 80), (8, found["error_flag"] > 0), (16, found["classification"] == 0), (32, primary == 0)):
            bits |= bit * is_so
        np.testing.assert_array_equal(mine["quality"], bits)
        for i in range(0, len(table["id"]), 7):
            members = np.flatnonzero(objects == table["id"][i])
            mean = self.unit(found["ra"][members], found["dec"][members]).sum(axis=0)
            np.testing.assert_allclose(self.unit(table["ra"][i], table["dec"][i]), mean / np.linalg.norm(mean), atol=1e-14)
            self.assertEqual((table["detections"][i], table["primary_detections"][i]), (len(members), primary[members].sum()))
            self.assertEqual(table["quality"][i], np.bitwise_or.reduce(bits[members][primary[members] == 1]))

    def test_ranks_and_deaths_do_not_matter(self):
        self.merge("one.h5", "--merge.radius", 0.5)
        expected = support.read_bytes(self.path("one.h5"))
        self.merge("three.h5", "--merge.radius", 0.5, ranks=3)
        self.assertTrue(support.read_bytes(self.path("three.h5")) == expected)
        for moment in ("merged", "consolidated"):
            environment = dict(support.environment(self.folder), SKYFOLD_DIE_AT=moment)
            name = f"{moment}.h5"
            words = [support.binary(), "curate", "merge", "--archive", str(self.whole), "--output", self.path(name), "--merge.radius", "0.5"]
            self.assertEqual(subprocess.run(words, env=environment, capture_output=True).returncode, -signal.SIGKILL)
            self.assertFalse(os.path.exists(self.path(name)))
            self.merge(name, "--merge.radius", 0.5)
            self.assertTrue(support.read_bytes(self.path(name)) == expected, moment)
            self.assertFalse(os.path.exists(self.path(name) + ".merge"))
        self.assertRegex(self.merge("one.h5", "--merge.radius", 0.5).err, "is there already")
        self.assertRegex(self.merge("one.h5", code=2).errors()[0], r"one.h5: is there, made of other detections or with other options")

    def test_what_cannot_be_merged_is_a_line(self):
        for words, code, line in ((["--merge.filter", "colour"], 2, r"--merge.filter colour: is no column of the table multiframe"),
                                  (["--merge.size", 32], 3, r"detection \d+ lies at x = .*, outside its detector of 32 x 32 pixels")):
            self.assertRegex(self.merge("bad.h5", *words, code=code).errors()[0], line)
            self.assertFalse(os.path.exists(self.path("bad.h5")))


class Once(Archives):
    def test_again_changes_nothing(self):
        before = {table: self.rows(self.whole, table) for table in TABLES}
        again = self.curate("run", self.tree, archive=self.whole)
        self.assertRegex(again.err, r" 0 files registered, 36 were before; 0 tasks and 0 detections")
        self.assertEqual(self.curate("ingest", archive=self.whole).code, 5)
        self.assertEqual({table: self.rows(self.whole, table) for table in TABLES}, before)

    def test_what_comes_later_goes_on_and_a_second_name_is_refused(self):
        tree = self.folder / "tree"
        shutil.copytree(self.tree / "20260502_v1", tree / "20260502_v1")
        late = sorted((tree / "20260502_v1").iterdir())[-2:]
        for path in late:
            path.rename(self.folder / path.name)
        code = 5 if any(name.startswith("20260502") for name in self.damaged) else 0
        self.curate("run", tree, code=code)
        first = self.rows(self.path("a"), "file")
        for path in late:
            (self.folder / path.name).rename(path)
        shutil.copy(late[0], tree / "20260502_v1" / "w20260502_99999_st.fit")
        second = self.curate("run", tree)
        self.assertRegex(second.err, rf"w20260502_99999_st.fit: has the same content as 20260502_v1/{late[0].name}, which is registered")
        files = self.rows(self.path("a"), "file")
        self.assertEqual(files[: len(first)], first)
        self.assertEqual([row[3] for row in files[len(first):]], [path.name for path in late])
        self.assertEqual([row[0] for row in files], list(range(1, len(files) + 1)))
        chunks = self.rows(self.path("a"), "chunk", "name")
        self.assertEqual(chunks, [("20260502_v1",), ("20260502_v1.2",)])
        ids = np.concatenate([support.read_group(pathlib.Path(self.path("a"), path))["id"] for path, in self.rows(self.path("a"), "detection_file", "path")])
        self.assertEqual(len(np.unique(ids)), len(ids))
        self.assertGreater(ids.min(), 0)

    def night(self, images):
        """A tree with undamaged files of a night: images and their tables."""
        tree = self.folder / "tree"
        (tree / "20260501_v1").mkdir(parents=True)
        bad = {pathlib.Path(name).name for name in self.damaged}
        pairs = [(image, image.with_name(image.name.split(".")[0] + "_cat.fits")) for image in sorted((self.tree / "20260501_v1").glob("*.fit*"))
                 if "_cat" not in image.name]
        for pair in [pair for pair in pairs if not bad & {path.name for path in pair}][:images]:
            for path in pair:
                shutil.copy(path, tree / "20260501_v1")
        return tree

    def test_what_could_not_be_read_is_tried_again_when_asked(self):
        tree, archive = self.night(2), pathlib.Path(self.path("a"))
        self.curate("register", tree, code=0)
        image = next(path for path in sorted((tree / "20260501_v1").iterdir()) if "_cat" not in path.name)
        image.rename(self.folder / image.name)
        lost = self.curate("run", tree)
        self.assertEqual(len([line for line in lost.err.splitlines() if re.search(rf"{image.name}: .*no such file", line)]), 1, str(lost))
        states = "name, cu2, cu3, cu4"
        before = self.rows(archive, "file", states)
        self.assertEqual([row[1:] for row in before if row[0].startswith(image.name.split(".")[0])],
                         [("blocked", "failed", "none"), ("none", "done", "blocked")])
        (self.folder / image.name).rename(image)
        self.assertRegex(self.curate("run", tree).err, " 0 tasks and 0 detections")  # not without being asked
        self.assertEqual(self.rows(archive, "file", states), before)
        self.assertRegex(self.curate("run", tree, "--retry", code=0).err, r" 0 files registered, 4 were before; 3 tasks")
        self.assertRegex(self.curate("run", tree, "--retry", code=0).err, r" 0 tasks and 0 detections")
        self.curate("run", tree, archive=self.path("b"), code=0)
        for table in ("file", "multiframe", "detector", "preview", "chunk", "night"):
            self.assertEqual(self.rows(archive, table), self.rows(self.path("b"), table), table)
        # A catalogue of what came first stays as it was; what came by the retry is one more, with the ids it always had.
        parts = [support.read_group(archive / path) for path, in self.rows(archive, "detection_file", "path")]
        whole = support.read_group(pathlib.Path(self.path("b")) / "detections" / "20260501_v1.h5")
        order = np.argsort(np.concatenate([part["id"] for part in parts]))
        self.assertEqual(len(parts), 2)
        for name, values in whole.items():
            np.testing.assert_array_equal(np.concatenate([part[name] for part in parts])[order], values, name)
        self.curate("verify", archive=archive, code=0)

    def test_the_last_columns_of_a_schema_may_be_missing_in_files(self):
        schema = self.folder / "s.ini"
        schema.write_text("[multiframe]\nfilter = FILTER, text, , required\nnovel = NOVEL, real, , optional\n[detector]\nabsent = ABSENT, text, , optional\n")
        self.curate("run", self.night(1), "--schema", schema, "--previews", "off", code=0)
        with fits.open(next((self.folder / "tree" / "20260501_v1").glob("*_cat.fits"))) as hdus:
            name = hdus[0].header["FILTER"]
        self.assertEqual(self.rows(self.path("a"), "multiframe"), [(1, name, None), (2, name, None)])
        self.assertEqual(self.rows(self.path("a"), "detector"), [(number, i, None) for number in (1, 2) for i in range(1, 1 + DETECTORS)])

    def test_a_second_image_of_an_exposure_is_refused(self):
        tree = self.night(1)
        image = next(path for path in (tree / "20260501_v1").iterdir() if "_cat" not in path.name)
        second = image.with_name(image.name + ".fz" if image.suffix == ".fit" else image.stem)
        with fits.open(image) as hdus:
            hdus[0].header["NOVEL"] = 1
            hdus.writeto(second, checksum=True)
        first, other = sorted((image.name, second.name))
        result = self.curate("run", tree)
        self.assertEqual(len([line for line in result.err.splitlines() if f"{other}: is a second image beside {first} (" in line]), 1, str(result))
        self.assertEqual(self.rows(self.path("a"), "file", "name, cu2, cu3, cu4"),
                         [(first, "done", "done", "none"), (other, "failed", "failed", "none"), (first.split(".")[0] + "_cat.fits", "none", "done", "done")])
        self.assertEqual({row[0] for row in self.rows(self.path("a"), "preview", "multiframe_id")}, {1})
        result = self.run_skyfold("curate", "previews", tree, "--output", self.path("p"))
        self.assertEqual(result.code, 5, str(result))
        self.assertIn(f"{other}: is a second image beside {first} (", result.err)

    def test_a_damaged_ledger_is_told_and_what_is_removed_comes_again(self):
        tree, whole = self.night(2), pathlib.Path(self.path("whole"))
        self.curate("run", tree, archive=whole, code=0)
        cases = [("cu3", "task", lambda data: b""), ("cu3", "task", lambda data: data.replace(b"\n1\t", b"\n11\t")),
                 ("cu2", "task", lambda data: data[: data.rindex(b"\n", 0, -1) + 1]), ("cu3", "done", lambda data: b""),
                 ("cu3", "done", lambda data: data.replace(b"D\t", b"X\t", 1)), ("cu4", "done", lambda data: data[:-9]),
                 ("cu4", "h5", lambda data: None)]
        for i, (use_case, kind, damage) in enumerate(cases):
            with self.subTest(use_case=use_case, kind=kind, case=i):
                archive = pathlib.Path(self.path(f"a{i}"))
                environment = dict(support.environment(self.folder), SKYFOLD_DIE_AT="registered 20260501_v1" if kind == "task" else f"ingesting 1.{use_case}")
                subprocess.run([support.binary(), "curate", "run", str(tree), "--archive", str(archive)], env=environment, capture_output=True)
                if kind == "task":
                    self.curate("ingest", archive=archive, code=0)  # makes the tasks
                path = archive / "ledger" / f"1.{use_case}.{kind}"
                data = damage(path.read_bytes())
                path.unlink() if data is None else path.write_bytes(data)
                result = self.curate("run", tree, archive=archive, code=4 if kind == "h5" else 3)
                self.assertEqual(len(result.errors()), 1, str(result))
                self.assertRegex(result.errors()[0], rf"{archive}/ledger/1.{use_case}.{kind}: .*remove (it|the 1.cu4.done)")
                for name in (path.name, f"1.{use_case}.done"):
                    (archive / "ledger" / name).unlink(missing_ok=True)
                self.curate("run", tree, archive=archive, code=0)
                self.assert_same(archive, whole)

    def test_a_damaged_database_is_told(self):
        archive = pathlib.Path(self.path("a"))
        shutil.copytree(self.whole, archive)
        whole = (archive / "archive.sqlite").read_bytes()
        for data, line in ((whole[:5000], "is damaged"), (b"?" * len(whole), "is damaged"), (b"", "has no tables of the archive")):
            for name in ("status", "verify", "ingest"):
                (archive / "archive.sqlite").write_bytes(data)
                result = self.curate(name, code=3)
                self.assertRegex(result.errors()[0], rf"{archive}/archive.sqlite: {line}")
        (archive / "archive.sqlite").write_bytes(whole)
        with open(archive / "schema.ini", "a", encoding="utf-8") as schema:
            schema.write("[nonsense]\n")
        for name in ("status", "extract"):
            self.assertRegex(self.curate(name, code=3).errors()[0], rf"{archive}/schema.ini, line \d+: .*\(an archive's copy of its schema is not to be changed\)")

    def test_chunks_by_a_keyword_have_the_same_ids(self):
        self.curate("run", self.tree, "--chunk-by", "FILTER")
        columns = "multiframe_id, night, name, first_detection, cu3, cu4"
        self.assertEqual(self.rows(self.path("a"), "file", columns), self.rows(self.whole, "file", columns))
        self.assertGreater(len(self.rows(self.path("a"), "chunk")), 6)

    def test_verify_names_a_flipped_byte_and_a_release_is_frozen(self):
        tree, archive = self.folder / "tree", self.path("a")
        shutil.copytree(self.tree, tree)
        self.curate("register", tree)
        self.assertRegex(self.curate("release", code=3).err, "chunk 20260501_v1 is not complete")
        self.curate("run", tree)
        self.curate("release", code=0)
        self.assertRegex(self.curate("verify", code=0).err, "everything is as it was archived")
        names = [tree / "20260503_v1" / sorted(os.listdir(tree / "20260503_v1"))[1], pathlib.Path(archive, "detections", "20260502_v1.h5"),
                 next(pathlib.Path(archive, "previews", "20260502_v1").iterdir())]
        for path in names:
            whole = bytearray(support.read_bytes(path))
            whole[len(whole) // 2] ^= 4
            path.write_bytes(whole)
            result = self.curate("verify", code=3)
            self.assertIn(path.name, result.errors()[0])
            whole[len(whole) // 2] ^= 4
            path.write_bytes(whole)
        os.remove(names[0])
        self.assertIn(names[0].name, self.curate("verify", code=3).errors()[0])
        shutil.copytree(tree / "20260501_v1", tree / "20260509_v1")
        for path in (tree / "20260509_v1").iterdir():
            path.write_bytes(support.read_bytes(path) + b"\0" * 2880)
        self.assertRegex(self.curate("run", tree, code=3).err, "is released")

    def test_bad_calls_are_one_line(self):
        os.mkdir(self.folder / "empty")
        (self.folder / "bad.ini").write_text("[multiframe]\nfilter = FILTER, colour, , required\n")
        for words, code, line in (
                (("run", self.folder / "none"), 4, "none: no such folder"), (("run", self.folder / "empty"), 3, "no nights in it"),
                (("run", self.tree, "--schema", self.folder / "bad.ini"), 2, r"bad.ini, line 2: type 'colour' \(integer, real, text, truth\)"),
                (("run", self.tree, "--schema", "wfcma"), 2, "--schema wfcma: no such schema"),
                (("run", self.tree, "--database", "mysql://x"), 2, "no such kind of database"),
                (("run", self.tree, "--database", "postgresql://user:secret@127.0.0.1:1/x"), 4, r"postgresql://user@127.0.0.1:1/x: "),
                (("status",), 4, "no archive of skyfold"), (("ingest",), 4, "no archive of skyfold"), (("extract",), 4, "no archive of skyfold")):
            with self.subTest(words):
                result = self.run_skyfold("curate", *words, "--archive", self.path("b"))
                self.assertEqual((result.code, len(result.errors())), (code, 1), str(result))
                self.assertRegex(result.errors()[0], line)
                self.assertNotIn("secret", result.err)
                shutil.rmtree(self.path("b"), ignore_errors=True)


class InPostgres(Archives):
    @classmethod
    def setUpClass(cls):
        postgres_tools.require()
        super().setUpClass()
        cls.sql = postgres_tools.Postgres()
        cls.addClassCleanup(cls.sql.stop)
        cls.url = f"postgresql://skyfold@/postgres?host={cls.sql.folder}"

    def test_tables_are_the_same_as_in_sqlite_though_connections_are_cut(self):
        archive, cut = self.path("a"), 0
        while True:
            run = subprocess.Popen([support.binary(), "curate", "run", str(self.tree), "--archive", archive, "--database", self.url],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if cut < 3:
                time.sleep(0.05 + 0.1 * cut)
                self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
            err = run.communicate(timeout=120)[1]
            cut += 1
            if cut > 3:
                self.assertEqual(run.returncode, 5, err)
                break
            self.assertIn(run.returncode, (4, 5), err)
        self.assertFalse(os.path.exists(pathlib.Path(archive, "archive.sqlite")))
        for table, order in TABLES.items():
            ours = self.rows(self.whole, table)
            theirs = self.sql(f"SELECT * FROM {table} ORDER BY {order}" if table != "card_remark" else f"SELECT * FROM {table} ORDER BY chunk_id, place COLLATE \"C\", keyword COLLATE \"C\", problem COLLATE \"C\"")
            self.assertEqual(len(ours), len(theirs), table)
            for one, other in zip(ours, theirs):
                as_read = [None if text == "" and value in (None, "") else type(value)(text) for value, text in zip(one, other)]
                self.assertEqual([None if value == "" else value for value in one], as_read, table)
        self.assertRegex(self.curate("status", code=0).out, r"database +postgresql://skyfold@/postgres")
        other = self.run_skyfold("curate", "run", self.tree, "--archive", self.path("b"), "--database", self.url)
        self.assertEqual(other.code, 4, str(other))
        self.assertIn("has the tables of another archive", other.errors()[0])


if __name__ == "__main__":
    support.main()
