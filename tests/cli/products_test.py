"""The registry of products from outside: what is recorded, listing, saving, removing, replay, exports."""
import json
import os
import pathlib
import signal
import sqlite3
import shutil
import subprocess
import sys
import time
import unittest

import h5py

sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parent.parent))
import support

LAUNCHER = "mpirun --oversubscribe --bind-to none" + (" --allow-run-as-root" if os.geteuid() == 0 else "")


class Products(support.SkyfoldTest):
    """A project with a survey, a model and photo-z."""

    def setUp(self):
        super().setUp()
        self.skyfold("mock", "--objects", 3000, "--seed", 4, "--spectroscopic", 0.3, "--output", self.path("survey.h5"))
        self.skyfold("train", "--calibrate", "none", "--algorithms", "dnf", "--train.fraction", 1, "--sample", self.path("survey.spec.h5"), "--output", self.path("model.h5"))
        self.photoz()

    def photoz(self, **options):
        return self.skyfold("photoz", "--catalogue", self.path("survey.h5"), "--model", self.path("model.h5"), "--output", self.path("z.h5"),
                            "--fits", self.path("z.fits"), **options)

    def products(self, *words, **options):
        return self.skyfold("products", *words, cwd=self.folder, **options)

    def listed(self, *words):
        return {pathlib.Path(p["path"]).name: p for p in json.loads(self.products("list", "--json", *words).out)}

    def fails(self, code, *words):
        result = self.run_skyfold("products", *words, cwd=self.folder)
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.errors()), 1, result)
        return result.errors()[0]

    def test_every_product_is_recorded_with_class_rows_and_hashes(self):
        listed = self.listed()
        self.assertEqual({name: p["class"] for name, p in listed.items()},
                         {"survey.h5": "catalogue", "survey.spec.h5": "", "model.h5": "photoz_model", "z.h5": "photoz", "z.fits": "photoz"})
        self.assertEqual(listed["z.h5"]["rows"], 3000)
        with h5py.File(self.path("z.h5")) as file:
            self.assertEqual(listed["z.h5"]["content_hash"], file.attrs["fingerprint"].decode() if isinstance(file.attrs["fingerprint"], bytes) else file.attrs["fingerprint"])
        self.assertEqual(listed["z.h5"]["content_hash"], listed["z.fits"]["content_hash"])
        for product in listed.values():
            self.assertEqual(product["bytes"], os.path.getsize(product["path"]))
        shown = json.loads(self.products("show", "z.h5", "--json").out)
        self.assertEqual(shown["process"]["command"], "photoz")
        self.assertEqual({pathlib.Path(i["path"]).name: i["class"] for i in shown["inputs"]}, {"survey.h5": "catalogue", "model.h5": "photoz_model"})

    def test_the_content_hash_does_not_depend_on_ranks(self):
        before = self.listed()["z.h5"]["content_hash"]
        self.photoz(ranks=3)  # is complete: nothing is recorded
        self.assertEqual(self.listed()["z.h5"]["id"], 4)
        os.remove(self.path("z.h5"))
        self.photoz(ranks=3)
        after = self.listed()["z.h5"]
        self.assertNotEqual(after["id"], 4)
        self.assertEqual(after["content_hash"], before)
        self.assertEqual(self.listed("--all")["z.h5"]["id"], after["id"])

    def test_the_tree_goes_back_to_the_first_product_with_comments(self):
        self.products("comment", "model.h5", "without the deep fields")
        lines = self.products("tree", "z.fits").out.splitlines()
        self.assertIn("z.fits [photoz]", lines[0])
        self.assertTrue(any("model.h5 [photoz_model]" in line for line in lines))
        self.assertTrue(any('"without the deep fields"' in line for line in lines))
        self.assertTrue(any("made by mock" in line for line in lines))

    def test_a_saved_product_is_read_only_and_stays(self):
        self.products("save", "z.h5")
        self.assertEqual(os.stat(self.path("z.h5")).st_mode & 0o222, 0)
        self.assertIn("is saved", self.fails(2, "drop", "z.h5"))
        self.photoz()  # is complete: nothing to do
        for words in (("photoz", "--catalogue", self.path("survey.h5"), "--model", self.path("model.h5"), "--output", self.path("z.h5"), "--fresh"),
                      ("photoz", "--catalogue", self.path("survey.h5"), "--model", self.path("model.h5"), "--output", self.path("z.h5"), "--pdf", "interp"),
                      ("train", "--calibrate", "none", "--sample", self.path("survey.spec.h5"), "--output", self.path("z.h5"))):
            result = self.run_skyfold(*words)
            self.assertEqual(result.code, 2, result)
            self.assertIn("z.h5: is read-only, as saved products are", result.errors()[0])
        out = self.products("gc", "--older-than", "0s").out
        self.assertRegex(out, r"kept \S*z.fits \(.*z.h5")  # not saved, but made together with what is
        for name in ("z.h5", "z.fits", "model.h5", "survey.h5"):  # saved, its sibling, and what it was made from
            self.assertTrue(os.path.exists(self.path(name)), name)
        self.products("save", "z.h5", "--undo")
        self.products("drop", "z.h5")
        self.assertFalse(os.path.exists(self.path("z.h5")))
        self.products("drop", "z.fits")  # the last product of its process takes the run folder with it
        self.assertFalse(os.path.exists(self.path("z.fits")) or os.path.exists(self.path("z.h5.run")))
        self.assertNotIn("z.h5", self.listed())

    def test_gc_spares_what_is_young_and_tells_before_it_acts(self):
        self.assertIn("0 products", self.products("gc", "--older-than", "1h").out)
        self.assertIn("would remove", self.products("gc", "--older-than", "0s", "--dry-run").out)
        self.assertTrue(os.path.exists(self.path("z.h5")))
        self.assertIn("--older-than soon: not a time", self.fails(2, "gc", "--older-than", "soon"))

    def test_a_replay_makes_the_same_content_on_other_ranks(self):
        for name in ("survey.h5", "model.h5", "z.fits"):
            words = ("-n", 3, "--launcher", LAUNCHER) if name != "model.h5" else ()
            out = self.products("replay", name, *words).out
            self.assertIn("same", out)
            self.assertNotIn("differs", out)
        self.assertFalse([name for name in os.listdir(self.folder) if name.startswith("replay")])

    def test_products_of_a_database_are_made_again_by_a_replay(self):
        self.skyfold("mock", "--kind", "photometry", "--objects", 300, "--photometry.measurements", 2000, "--output", self.path("m.h5"))
        for name, words in (("a.h5", ("aggregate", "m.h5")), ("q.h5", ("query", "m.h5", "--where", "variable > 0 or random_id < 50")),
                            ("s.h5", ("sky-map", "m.h5", "--nside", 64)), ("p.h5", ("match", "m.h5", "q.h5", "--radius", '1"'))):
            self.skyfold(*words, "--output", name, cwd=self.folder)
            self.assertRegex(self.products("replay", name).out, f"same +{self.path(name)}")
        self.assertRegex(self.products("replay", "m.h5").out, f"same +{self.path('m.h5')}")

    def test_a_replay_is_refused_when_an_input_has_changed(self):
        with h5py.File(self.path("survey.h5"), "r+") as file:
            file["object/mag_g"][5] += 1
        error = self.fails(3, "replay", "z.h5")
        self.assertIn("survey.h5: this input has changed since the product was made", error)

    def test_a_changed_product_is_detected_with_column_and_row(self):
        with h5py.File(self.path("z.h5"), "r+") as file:
            file["object/z_phot"][2] = 0.25
        self.assertIn("z.h5: its content is", self.fails(3, "show", "z.h5", "--verify"))
        self.assertIn("column z_phot, row 3: 0.25 and ", self.fails(3, "replay", "z.h5"))
        self.assertIn("its content is", self.fails(3, "save", "z.h5"))

    def test_exports_are_what_their_standards_ask_for(self):
        self.products("export", "z.h5", "--to", self.path("prov.json"))
        prov = json.loads(pathlib.Path(self.path("prov.json")).read_text())
        for relation, keys in (("used", ("prov:activity", "prov:entity")), ("wasGeneratedBy", ("prov:entity", "prov:activity")), ("wasAssociatedWith", ("prov:activity", "prov:agent"))):
            kinds = {"prov:activity": "activity", "prov:entity": "entity", "prov:agent": "agent"}
            for record in prov[relation].values():
                for key in keys:
                    self.assertIn(record[key], prov[kinds[key]])
        self.products("export", "z.h5", "--format", "ro-crate", "--to", self.path("ro-crate-metadata.json"))
        crate = json.loads(pathlib.Path(self.path("ro-crate-metadata.json")).read_text())
        by_id = {entity["@id"]: entity for entity in crate["@graph"]}
        self.assertEqual(by_id["ro-crate-metadata.json"]["conformsTo"]["@id"], "https://w3id.org/ro/crate/1.1")
        for part in by_id["./"]["hasPart"]:
            self.assertTrue(os.path.exists(self.path(part["@id"])), part)
        actions = [entity for entity in crate["@graph"] if entity["@type"] == "CreateAction"]
        self.assertEqual(len(actions), 3)
        for action in actions:
            for reference in action["object"] + action["result"] + [action["instrument"], action["agent"]]:
                self.assertIn(reference["@id"], by_id)
        (self.folder / "link").symlink_to("model.h5")
        self.assertIn("both input and output", self.fails(2, "export", "z.h5", "--to", self.path("link")))
        self.assertIn("ro-crate-metadata.json", self.fails(2, "export", "z.h5", "--format", "ro-crate", "--to", self.path("x.json")))

    def test_products_carry_prov_json_of_their_own(self):
        from astropy.io import fits
        with h5py.File(self.path("z.h5")) as file:
            text = file.attrs["provenance"]
        prov = json.loads(text)
        self.assertEqual(prov["activity"]["skyfold:run"]["prov:type"], "skyfold:photoz")
        self.assertEqual(len(prov["used"]), 2)
        history = "".join(str(line).ljust(72)[:72] for line in fits.getheader(self.path("z.fits"), 1)["HISTORY"])
        self.assertIn('"wasGeneratedBy"', history)

    def test_a_killed_run_leaves_a_registry_that_says_so(self):
        command = [support._binary[0], "mock", "--objects", "5000000", "--output", self.path("big.h5")]
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=support.environment(self.base))
        while run.poll() is None and not os.path.exists(self.path("big.h5.run")):
            time.sleep(0.02)
        time.sleep(0.2)
        run.send_signal(signal.SIGKILL)
        run.wait()
        with sqlite3.connect(self.path("skyfold.db")) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone()[0], "ok")
        self.assertNotIn("big.h5", self.listed())
        self.assertEqual(len(self.listed()), 5)

    def test_killed_and_failed_processes_are_listed(self):
        environment = dict(support.environment(self.base), SKYFOLD_DIE_AT="consolidated")
        words = ["photoz", "--catalogue", self.path("survey.h5"), "--model", self.path("model.h5"), "--output", self.path("y.h5")]
        subprocess.run([support._binary[0], *words], env=environment, capture_output=True)
        result = self.run_skyfold(*words, "--truth", "absent", "--fresh")
        self.assertEqual(result.code, 2, result)
        out = self.products("list", "--all").out
        self.assertRegex(out, r"process \d+: photoz lost")
        self.assertRegex(out, r"process \d+: photoz failed .*no column absent")
        self.skyfold(*words)
        self.assertIn("y.h5", self.listed())

    def test_a_log_never_takes_the_place_of_another_file(self):
        words = ["train", "--calibrate", "none", "--sample", self.path("survey.spec.h5"), "--output"]
        pathlib.Path(self.path("m.html")).write_text("mine")
        shutil.copy(self.path("survey.spec.h5"), self.path("sample"))  # endings that tell of no kind of file
        before = support.read_bytes(self.path("sample"))
        for output, log in (("m.h5", ()), ("m2.h5", ("--product-log", self.path("sample"))), ("m3", ("--product-log", self.path("m3")))):
            result = self.skyfold(*words, self.path(output), *log)
            self.assertIn("is no product log of skyfold, and stays as it is", result.err)
            self.assertEqual(support.read_bytes(self.path(output))[1:4], b"HDF")
            self.assertIn(output, self.listed())
        self.assertEqual(pathlib.Path(self.path("m.html")).read_text(), "mine")
        self.assertEqual(support.read_bytes(self.path("sample")), before)
        self.skyfold(*words, self.path("m4.h5"), "--product-log", self.path("absent/m.html"))
        self.assertIn("m4.h5", self.listed())

    def test_a_gnuplot_that_dies_costs_the_plots_alone(self):
        tools = self.folder / "tools"
        tools.mkdir()
        (tools / "gnuplot").write_text("#!/bin/sh\nexit 1\n")
        (tools / "gnuplot").chmod(0o755)
        environment = dict(support.environment(self.base), PATH=f"{tools}:/usr/bin:/bin")
        run = subprocess.run([support._binary[0], "train", "--calibrate", "none", "--sample", self.path("survey.spec.h5"), "--output", self.path("m.h5")], env=environment, capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("wrote", run.stdout)
        self.assertIn("not drawn", pathlib.Path(self.path("m.html")).read_text())

    def test_only_what_is_the_product_is_removed(self):
        with open(self.path("z.fits"), "w") as file:
            file.write("something else")
        self.assertIn("its content is", self.fails(3, "drop", "z.fits"))
        result = self.skyfold("products", "gc", "--older-than", "0s", cwd=self.folder)
        self.assertIn("left alone", result.err)
        self.assertEqual(pathlib.Path(self.path("z.fits")).read_text(), "something else")

    def test_a_product_without_hashes_is_known_by_its_size(self):
        with sqlite3.connect(self.path("skyfold.db")) as database:  # as those above 4 GiB are recorded
            database.execute("UPDATE product SET file_hash = '', content_hash = ''")
        self.assertIn("the size that it was made with", self.products("show", "z.fits", "--verify").out)
        with open(self.path("z.fits"), "ab") as file:
            file.write(b"x")
        for command in ("drop", "save"):
            self.assertIn("but was made with", self.fails(3, command, "z.fits"))
        self.assertTrue(pathlib.Path(self.path("z.fits")).exists())
        self.products("save", "z.h5")
        self.assertIn("verified", self.products("show", "z.h5", "--verify").out)

    def test_the_tree_does_not_name_a_product_that_was_replaced_unseen(self):
        self.skyfold("mock", "--objects", 3000, "--seed", 9, "--output", self.path("survey.h5"), "--fresh", "--project", "none")
        self.photoz()
        lines = self.products("tree", "z.h5").out
        self.assertIn("survey.h5 [catalogue], file", lines)
        self.assertNotIn("survey.h5 [catalogue] #", lines)

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_a_reader_needs_no_right_to_write(self):
        for folder in (self.base, self.folder):
            folder.chmod(0o755)
        try:
            subprocess.run([support._binary[0], "--version"], user="nobody", capture_output=True, check=True)
        except (PermissionError, subprocess.CalledProcessError):
            self.skipTest("nobody may not run the program where it is")
        for words in (("list",), ("tree", self.path("z.h5")), ("show", self.path("z.h5"))):
            run = subprocess.run([support._binary[0], "products", *words], cwd=self.folder, user="nobody", capture_output=True, text=True)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("z.h5", run.stdout)
        run = subprocess.run([support._binary[0], "products", "comment", self.path("z.h5"), "x"], cwd=self.folder, user="nobody", capture_output=True, text=True)
        self.assertEqual(run.returncode, 4, run.stderr)

    def test_a_project_can_be_named_or_left_out(self):
        os.mkdir(self.path("elsewhere"))
        self.skyfold("mock", "--objects", 100, "--output", self.path("a.h5"), "--project", self.path("elsewhere"), "--product-log", "none")
        self.assertEqual(list(self.listed("--project", self.path("elsewhere"))), ["a.h5"])
        self.assertFalse(os.path.exists(self.path("a.html")))
        self.skyfold("mock", "--objects", 100, "--output", self.path("b.h5"), "--project", "none")
        self.assertNotIn("b.h5", self.listed())

    def test_bad_requests_get_one_line(self):
        self.assertIn("not in the registry", self.fails(2, "show", "nothing.h5"))
        self.assertIn("#99: not in the registry", self.fails(2, "tree", "#99"))
        os.mkdir(self.path("empty"))
        self.assertIn("no registry", self.fails(4, "list", "--project", self.path("empty")))


if __name__ == "__main__":
    support.main()
