"""The folder OUTPUT.run: what is the user's stays, what is compared between attempts has one form, one run at a time."""
import os
import pathlib
import shutil
import subprocess
import sys
import time

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support


RECORD = np.dtype([("before", "V48"), ("event", "<u4"), ("after", "V332")])  # docs/journal.md
SESSION = 5


class RunFolderTest(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.model, cls.sample = str(cls.base / "survey.h5"), str(cls.base / "model.h5"), str(cls.base / "survey.spec.h5")
        cls.skyfold("mock", "--objects", 3000, "--seed", 5, "--spectroscopic", 0.2, "--output", cls.catalogue, "--threads", 1)
        cls.skyfold("train", "--calibrate", "none", "--sample", cls.sample, "--output", cls.model, "--train.fraction", 0.7, "--dnf.neighbours", 20)
        cls.held = str(cls.base / "model.validation.h5")

    def photoz(self, output, *words, **options):
        return self.run_skyfold("photoz", "--catalogue", self.catalogue, "--model", self.model, "--output", output, "--threads", 1, *words, **options)

    def start(self, *words, environment=None):
        return subprocess.Popen([support._binary[0], *map(str, words)], env=dict(support.environment(self.base), **(environment or {})),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)

    def kill_at(self, point, *words):
        run = self.start(*words, environment={"SKYFOLD_DIE_AT": point})
        run.communicate(timeout=60)
        self.assertEqual(run.returncode, -9, f"the run did not reach {point}")


class ForeignFolders(RunFolderTest):
    def commands(self, output):
        """Every command that works in a run folder."""
        survey = self.path("s.ini")
        pathlib.Path(survey).write_text(f"[survey]\nname = S\nfiles = {self.sample}\nra = ra\ndec = dec\nz = z_spec\nid = id\n")
        return {"import": ["--input", self.sample, "--input.group", "object"], "mock": ["--objects", 500],
                "photoz": ["--catalogue", self.catalogue, "--model", self.model], "train": ["--sample", self.sample],
                "validate": ["--sample", self.held, "--models", self.model],
                "locus": ["--targets", self.sample, "--catalogue", self.catalogue],
                "patch": ["--maps", self.sample, "--sources", self.sample],
                "match": ["--spec", self.sample, "--catalogue", self.catalogue], "spec": ["--surveys", survey]}

    def test_of_the_user_stay_whatever_command_and_options(self):
        documents = self.folder / "documents"
        (documents / "products").mkdir(parents=True)
        files = ["letter.txt", "journal", "state.json", "products/z.h5", "products/keys.scratch"]
        for name in files:
            (documents / name).write_text("of the user")
        for command, words in self.commands(self.path("z.h5")).items():
            for is_link in (False, True) if command in ("photoz", "train") else (len(command) % 2 == 0,):
                for fresh in ([], ["--fresh"]) if command == "photoz" else ([],):
                    with self.subTest(command=command, link=is_link, fresh=fresh):
                        output = self.path(f"{command}{is_link}{len(fresh)}.h5")
                        folder = pathlib.Path(output + ".run")
                        if is_link:
                            folder.symlink_to(documents)
                        else:
                            shutil.copytree(documents, folder)
                        result = self.run_skyfold(command, *words, "--output", output, *fresh)
                        self.assertIn(result.code, (2, 4) if command == "spec" else (4,), result)
                        self.assertEqual(len(result.errors()), 1, result)
                        if command != "spec":
                            self.assertIn(".run: is a link" if is_link else ".run: is not skyfold's", result.errors()[0])
                        self.assertEqual(sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()), sorted(files))
                        for name in files:
                            self.assertEqual((folder / name).read_text(), "of the user")
                        self.assertFalse(os.path.exists(output))

    def test_with_a_pipe_in_it_are_refused_at_once(self):
        output = self.path("z.h5")
        self.assertEqual(self.photoz(output).code, 0)
        for name in ("state.json", "journal", "lock", "products"):
            path = pathlib.Path(output + ".run") / name
            backup = path.read_bytes() if path.is_file() else None
            path.unlink(missing_ok=True)
            os.mkfifo(path)
            for words in (["status", output], ["journal", "dump", output], ["rehearse", "--from", output, "--ranks", 2]):
                result = self.run_skyfold(*words, timeout=30)
                self.assertIn(result.code, (0, 2, 4), result)
            result = self.photoz(output, timeout=30)
            self.assertEqual(result.code, 4, result)
            self.assertIn(name, result.errors()[0])
            path.unlink()
            if backup is not None:
                path.write_bytes(backup)

    def test_of_an_older_version_without_the_mark_are_taken_up(self):
        output = self.path("z.h5")
        words = ["photoz", "--catalogue", self.catalogue, "--model", self.model, "--output", output, "--threads", 1]
        self.kill_at("consolidate", *words)
        for name in ("skyfold-run", "files"):
            os.remove(f"{output}.run/{name}")
        self.skyfold(*words)
        self.assertTrue(os.path.exists(f"{output}.run/skyfold-run"))
        journal = np.fromfile(f"{output}.run/journal", RECORD)
        self.assertEqual(list(journal["event"]).count(SESSION), 2, "both attempts stand in the journal")

    def test_with_unfinished_work_are_not_taken_by_commands_that_start_over(self):
        output = self.path("z.h5")
        self.kill_at("consolidate", "photoz", "--catalogue", self.catalogue, "--model", self.model, "--output", output, "--threads", 1)
        before = support.read_bytes(f"{output}.run/journal")
        result = self.run_skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", output)
        self.assertEqual(result.code, 2, result)
        self.assertIn("an unfinished run of photoz", result.errors()[0])
        self.assertEqual(support.read_bytes(f"{output}.run/journal"), before)

    def test_of_dropped_products_lose_only_what_skyfold_made(self):
        output = self.path("z.h5")
        self.assertEqual(self.photoz(output, "--project", str(self.folder)).code, 0)
        pathlib.Path(f"{output}.run/notes.txt").write_text("of the user")
        self.skyfold("products", "drop", output, "--project", str(self.folder))
        self.assertEqual(os.listdir(f"{output}.run"), ["notes.txt"])

    def test_and_read_only_products_keep_unfinished_work_also_from_fresh(self):
        output = self.path("z.h5")
        words = ["photoz", "--catalogue", self.catalogue, "--model", self.model, "--output", output, "--threads", 1]
        self.skyfold(*words)
        self.kill_at("consolidate", *words, "--fresh")
        os.chmod(output, 0o444)
        self.assertEqual(self.run_skyfold(*words, "--fresh").code, 2)
        self.assertTrue(os.path.exists(f"{output}.run/journal"))
        os.chmod(output, 0o644)
        self.skyfold(*words)


class Identities(RunFolderTest):
    def test_are_the_same_however_paths_are_written(self):
        spellings = [("z.h5", "."), ("./z.h5", "."), (self.path("z.h5"), self.base), (f"{self.folder.name}/z.h5", self.base),
                     (f"../{self.folder.name}/z.h5", self.folder)]
        for i, (output, cwd) in enumerate(spellings):
            cwd = self.folder if cwd == "." else cwd
            result = self.photoz(output, "--fits", output.replace("z.h5", "z.fits"), cwd=cwd)
            self.assertEqual(result.code, 0, result)
            self.assertEqual("nothing to do" in result.err, i > 0, result)

    def test_survive_an_interrupted_fresh_start(self):
        words = ["photoz", "--catalogue", os.path.relpath(self.catalogue, self.folder), "--model", self.model, "--output", "z.h5", "--threads", 1]
        self.skyfold(*words, cwd=self.folder)
        before = support.read_bytes(self.path("z.h5"))
        self.kill_at("consolidate", *words, "--fresh")
        result = self.skyfold(*words, cwd=self.folder)
        self.assertNotIn("nothing to do", result.err)
        self.assertEqual(support.read_bytes(self.path("z.h5")), before)

    def test_of_every_command_know_a_relative_output(self):
        for words in (["mock", "--objects", 500], ["import", "--input", self.sample, "--input.group", "object"],
                      ["mock", "--kind", "map", "--map.nside", 16, "--map.sources", 10]):
            output = "map.fits" if "map" in words else words[0] + ".h5"
            for again in (False, True):
                result = self.skyfold(*words, "--output", output, cwd=self.folder)
                self.assertEqual("nothing to do" in result.err, again, result)


class Siblings(RunFolderTest):
    def test_of_match_may_be_added_and_left_out_between_attempts(self):
        pathlib.Path(self.path("s.ini")).write_text(f"name = S\nversion = 1\nyear = 2020\nfile = {self.sample}\n[columns]\nra = ra\ndec = dec\nz = z_spec\n"
                                                    "[quality]\ndefault = 4\n")
        self.skyfold("spec", "--surveys", self.path("s.ini"), "--output", self.path("spec.h5"))
        words = ["match", "--spec", self.path("spec.h5"), "--catalogue", self.catalogue, "--threads", 1, "--output"]
        fits = ["--fits", self.path("t.fits")]
        self.skyfold(*words, self.path("r.h5"), "--fits", self.path("r.fits"))
        for then, now in (([], fits), (fits, [])):
            self.kill_at("index added", *words, self.path("t.h5"), *then)
            self.skyfold(*words, self.path("t.h5"), *now)
            self.assertEqual(support.read_bytes(self.path("t.h5")), support.read_bytes(self.path("r.h5")))
            if now:
                self.assertEqual(support.read_bytes(self.path("t.fits")), support.read_bytes(self.path("r.fits")))
            os.remove(self.path("t.h5"))


class Links(RunFolderTest):
    def test_are_written_through(self):
        (self.folder / "real").mkdir()
        for name in ("z.h5", "z.fits", "z.pdf.hdf5", "z.html"):
            (self.folder / name).symlink_to(f"real/{name}")  # targets that are not there yet
        words = ["--fits", self.path("z.fits"), "--pdf", "interp", "--pdf.bins", 10]
        self.assertEqual(self.photoz(self.path("z.h5"), *words, "--product-log", self.path("z.html")).code, 0)
        first = {}
        for name in ("z.h5", "z.fits", "z.pdf.hdf5", "z.html"):
            self.assertTrue((self.folder / name).is_symlink(), name)
            first[name] = (self.folder / "real" / name).read_bytes()
            (self.folder / "real" / name).write_bytes(b"old" if name != "z.html" else first[name])
        self.assertEqual(self.photoz(self.path("z.h5"), *words, "--product-log", self.path("z.html"), "--fresh").code, 0)
        for name in ("z.h5", "z.fits", "z.pdf.hdf5"):
            self.assertTrue((self.folder / name).is_symlink(), name)
            self.assertEqual((self.folder / "real" / name).read_bytes(), first[name], name)
        self.assertIn("nothing to do", self.photoz(self.path("real/z.h5"), "--fits", self.path("real/z.fits"), "--pdf", "interp", "--pdf.bins", 10).err)

    def test_of_commands_without_ranks_too(self):
        pathlib.Path(self.path("model.h5")).symlink_to("real.h5")
        self.skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path("model.h5"), "--train.fraction", 1, "--dnf.neighbours", 20)
        sky, other = self.path("sky.fits"), self.path("other.fits")
        self.skyfold("mock", "--kind", "map", "--map.nside", 16, "--map.sources", 10, "--output", sky)
        victim = pathlib.Path(self.path("victim"))
        victim.write_text("of the user")
        for ending in (".partial", ".new"):
            pathlib.Path(other + ending).symlink_to(victim)
        pathlib.Path(other).symlink_to("real.fits")
        self.skyfold("map", "reorder", sky, "--output", other)
        for link, real in ((self.path("model.h5"), "real.h5"), (other, "real.fits")):
            self.assertTrue(os.path.islink(link))
            self.assertGreater((self.folder / real).stat().st_size, 0)
        self.assertEqual(victim.read_text(), "of the user")

    def test_to_devices_are_refused_before_the_work(self):
        pathlib.Path(self.path("z.fits")).symlink_to("/dev/null")
        result = self.photoz(self.path("z.h5"), "--fits", self.path("z.fits"))
        self.assertEqual(result.code, 4, result)
        self.assertIn("z.fits: is a device", result.errors()[0])
        self.assertFalse(os.path.exists(self.path("z.h5.run")))


class Endings(RunFolderTest):
    def test_that_tell_of_another_kind_of_file_are_refused_before_the_work(self):
        photoz = ["photoz", "--catalogue", self.catalogue, "--model", self.model]
        sky = self.path("sky.fits")
        self.skyfold("mock", "--kind", "map", "--map.nside", 8, "--map.sources", 5, "--output", sky, "--product-log", "none", "--project", "none")
        left = sorted(os.listdir(self.folder))
        h5 = self.path("z.h5")
        cases = [([*photoz, "--output", self.path("z.fits")], "--fits"), ([*photoz, "--output", self.path("Z.FITS.GZ")], "z.h5"),
                 ([*photoz, "--output", h5, "--fits", self.path("y.hdf5")], "y.fits"),
                 ([*photoz, "--output", h5, "--product-log", self.path("z.h5x.csv")], "HTML"),
                 (["train", "--calibrate", "none", "--sample", self.sample, "--output", self.path("m.csv")], "HDF5"),
                 (["mock", "--objects", 10, "--output", self.path("m.fits")], "HDF5"),
                 (["mock", "--kind", "map", "--map.nside", 8, "--output", self.path("m.h5")], "FITS"),
                 (["map", "reorder", sky, "--output", self.path("m.h5")], "FITS"),
                 (["import", "--input", self.sample, "--input.group", "object", "--output", h5, "--rejects", self.path("r.fits")], "text"),
                 (["locus", "--traverse", "--catalogue", self.catalogue, "--output", h5, "--csv", self.path("p.h5")], "text"),
                 (["locus", "--traverse", "--catalogue", self.catalogue, "--output", h5, "--stars", self.path("p.fits")], "HDF5"),
                 (["patch", "--maps", sky, "--sources", self.sample, "--output", self.path("o.tsv")], "--text"),
                 (["validate", "--sample", self.held, "--models", self.model, "--output", h5, "--json", self.path("v.h5")], "JSON"),
                 (["spec", "--surveys", self.sample, "--output", self.path("s.html")], "HDF5"),
                 (["match", "--spec", self.sample, "--catalogue", self.catalogue, "--output", self.path("t.txt")], "HDF5")]
        for words, hint in cases:
            with self.subTest(words=words):
                result = self.run_skyfold(*words)
                self.assertEqual(result.code, 2, result)
                self.assertEqual(len(result.errors()), 1, result)
                self.assertIn(hint.lower(), result.errors()[0].lower())
                self.assertEqual(sorted(os.listdir(self.folder)), left)


    def test_paths_with_a_line_break_are_refused_by_launch_too(self):
        for words in (["mock", "--objects", 100], ["launch", "-n", 1, "--launcher", "env", "--", "mock", "--objects", 100]):
            result = self.run_skyfold(*words, "--output", self.path("a\nb.h5"), timeout=30)
            self.assertEqual(result.code, 2, result)
            self.assertIn("line break", result.err)
            self.assertEqual(os.listdir(self.folder), [])


class Copies(RunFolderTest):
    """A catalogue in another order is a product of its own."""

    def setUp(self):
        super().setUp()
        self.survey = self.path("survey.h5")
        shutil.copy(self.catalogue, self.survey)

    def words(self, output, *more):
        return ["photoz", "--catalogue", self.survey, "--model", self.model, "--output", output, "--partition.by", "tile", "--threads", 1, *more]

    def test_are_recorded_as_products_of_an_import(self):
        self.skyfold(*self.words(self.path("z.h5")), cwd=self.folder)
        self.assertTrue(os.path.exists(self.path("z.html")))
        self.assertIn("photoz", pathlib.Path(self.path("z.html")).read_text())
        self.assertIn("import", pathlib.Path(self.path("survey.by-tile.html")).read_text())
        tree = self.skyfold("products", "tree", self.path("z.h5")).out
        self.assertIn("survey.by-tile.h5", tree)
        for product in ("z.h5", "survey.by-tile.h5"):
            result = self.skyfold("products", "replay", self.path(product))
            self.assertEqual(result.out.count("same"), 1, result)
            self.assertNotIn("differs", result.out)

    def test_are_not_made_for_wrong_options(self):
        for wrong in (["--truth", "no_such_column"], ["--bands.magnitude", "no_{band}"], ["--output", self.path("none/z.h5")]):
            words = self.words(self.path("z.h5"))
            if wrong[0] == "--output":
                del words[words.index("--output"):words.index("--output") + 2]
            result = self.run_skyfold(*words, *wrong)
            self.assertIn(result.code, (2, 3, 4), result)
            self.assertEqual(os.listdir(self.folder), ["survey.h5"])

    def test_take_the_place_of_copies_only(self):
        mine = pathlib.Path(self.path("survey.by-tile.h5"))
        for content in (b"of the user", support.read_bytes(self.model), support.read_bytes(self.catalogue)):
            mine.write_bytes(content)
            result = self.run_skyfold(*self.words(self.path("z.h5")))
            self.assertEqual(result.code, 4, result)
            self.assertIn("is no ordered copy", result.errors()[0])
            self.assertEqual(mine.read_bytes(), content)

    def test_are_waited_for_by_runs_that_need_them_at_the_same_time(self):
        runs = [self.start(*self.words(self.path(f"z{i}.h5"), "--farm.fault", "sleep=1@0")) for i in range(3)]
        ends = [run.communicate(timeout=120) for run in runs]
        for run, (out, err) in zip(runs, ends):
            self.assertEqual(run.returncode, 0, err.decode())
        self.assertIn("waiting for it", b"".join(err for _, err in ends).decode())
        journal = np.fromfile(self.path("survey.by-tile.h5.run/journal"), RECORD)
        self.assertEqual(list(journal["event"]).count(SESSION), 1, "the copy was made once")
        self.assertEqual(len({support.read_bytes(self.path(f"z{i}.h5")) for i in range(3)}), 1)

    def test_of_a_killed_replay_do_not_stop_the_next(self):
        self.skyfold("photoz", "--catalogue", self.survey, "--model", self.model, "--output", self.path("z.h5"), "--threads", 1)
        scratch = self.path("again")
        replay = self.start("products", "replay", self.path("z.h5"), "--scratch", scratch)
        while not os.path.exists(scratch + "/.skyfold-replay"):
            time.sleep(0.005)
        replay.kill()
        replay.communicate()
        time.sleep(1)  # what it had started ends with it
        self.skyfold("products", "replay", self.path("z.h5"), "--scratch", scratch)
        self.assertFalse(os.path.exists(scratch))
        os.mkdir(scratch)
        pathlib.Path(scratch, "mine").write_text("of the user")
        self.assertEqual(self.run_skyfold("products", "replay", self.path("z.h5"), "--scratch", scratch).code, 2)
        self.assertTrue(os.path.exists(scratch + "/mine"))


class Locks(RunFolderTest):
    def test_hold_against_a_container_on_this_machine(self):
        apart = ["unshare", "--pid", "--fork", "--mount-proc"]
        if subprocess.run([*apart, "true"], capture_output=True).returncode != 0:
            self.skipTest("unshare --pid is not permitted here")
        words = ["photoz", "--catalogue", self.catalogue, "--model", self.model, "--output", self.path("z.h5"), "--threads", "1"]
        slow = [*words, "--farm.fault", "sleep=1@*", "--partition.by", "rows", "--partition.rows", "1500"]
        for first, second in (([], apart), (apart, [])):
            holder = subprocess.Popen([*first, support._binary[0], *slow], env=support.environment(self.base), stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
            for _ in range(2000):
                if os.path.exists(self.path("z.h5.run/lock")):
                    break
                time.sleep(0.01)
            other = subprocess.run([*second, support._binary[0], *words], env=support.environment(self.base), capture_output=True, timeout=60)
            _, err = holder.communicate(timeout=60)
            self.assertEqual(holder.returncode, 0, err)
            self.assertEqual(other.returncode, 4, other.stderr)
            self.assertIn(b"another run is writing this output", other.stderr)
            os.remove(self.path("z.h5"))
            with h5py.File(self.catalogue) as file:
                self.assertEqual(len(file["object/id"]), 3000)


if __name__ == "__main__":
    support.main()
