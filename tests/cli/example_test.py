"""The example of examples/des-like, small: known groups resolved as they must be, and every product made again on other ranks."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parent.parent))
import support

LAUNCHER = "mpirun --oversubscribe --bind-to none" + (" --allow-run-as-root" if os.geteuid() == 0 else "")
PRODUCTS = ("survey.h5", "spec.h5", "matched.h5", "model.dnf.h5", "model.knn.h5", "model.validation.h5", "validation.h5", "photoz.hdf5", "photoz.fits", "photoz.pdf.hdf5")


class Example(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shutil.copytree(support.SOURCE / "examples/des-like", cls.base / "x")
        cls.bring_up_to_date()

    @classmethod
    def bring_up_to_date(cls, *sets):
        """Runs the pipeline; gives the names of the steps and tasks that were run."""
        done = subprocess.run([support.binary(), "pipeline", "run", "pipeline.ini", "--slots", "2", "--launcher", LAUNCHER,
                               "--set", "survey.objects=12000", *sets],
                              env=support.environment(cls.base), capture_output=True, text=True, timeout=300, cwd=cls.base / "x")
        if done.returncode != 0:
            raise AssertionError(f"the example failed\n{done.stdout}\n{done.stderr}")
        checksum = 17  # characters, with a blank
        records = [json.loads(line[:-checksum]) for line in (cls.base / "x/des-like/journal").read_text().splitlines()]
        jobs = [record for record in records if record["r"] == "job"]
        jobs += [job for record in records for job in record.get("again", []) if record["r"] == "invalid"]
        nodes = {job["id"]: job["node"] for job in jobs}
        session = max(i for i, record in enumerate(records) if record["r"] == "session")
        return sorted(nodes[record["job"]] for record in records[session:] if record["r"] == "end" and record["how"] == "completed")

    def products(self, *words):
        return self.skyfold("products", *words, cwd=self.base / "x")

    def test_groups_made_by_hand_are_resolved_as_they_must_be(self):
        log, = (self.base / "x/des-like/log").glob("check.*.log")
        lines = [line for line in log.read_text().splitlines() if line.startswith(("ok ", "BAD"))]
        self.assertEqual(len(lines), 10)
        self.assertFalse([line for line in lines if line.startswith("BAD")])

    def test_every_product_has_a_class_and_a_place_in_the_tree(self):
        listed = {pathlib.Path(p["path"]).name: p["class"] for p in json.loads(self.products("list", "--json").out)}
        self.assertEqual(listed, {"survey.h5": "catalogue", "spec.h5": "spectroscopic_sample", "matched.h5": "training_set", "model.dnf.h5": "photoz_model",
                                  "model.knn.h5": "photoz_model", "model.validation.h5": "training_set", "validation.h5": "photoz_validation",
                                  "photoz.hdf5": "photoz", "photoz.fits": "photoz", "photoz.pdf.hdf5": "photoz_pdf",
                                  **{f"nz.{end}": "redshift_distributions" for end in ("hdf5", "txt", "fits", "svg")}})
        tree = self.products("tree", "photoz.fits").out
        for command in ("photoz", "train", "match", "spec", "mock"):
            self.assertIn(f"made by {command} ", tree)
        for table in ("wide.fits", "deep.csv", "faint.h5", "old.txt", "wide.ini"):
            self.assertIn(table, tree)

    def test_every_process_is_made_again_with_the_same_content_on_other_ranks(self):
        for name in ("survey.h5", "spec.h5", "matched.h5", "model.dnf.h5", "validation.h5", "photoz.hdf5", "nz.hdf5"):
            out = self.products("replay", name, "-n", 3, "--launcher", LAUNCHER).out
            self.assertNotIn("differs", out)
            self.assertIn(f"/{name} (content", out)

    def test_a_stage_refuses_products_of_another_class_and_names_those_that_fit(self):
        at = lambda name: str(self.base / "x" / name)
        for words in (("photoz", "--catalogue", at("survey.h5"), "--model", at("spec.h5")),
                      ("validate", "--sample", at("validation.h5"), "--models", at("model.knn.h5")),
                      ("train", "--calibrate", "none", "--sample", at("validation.h5"))):
            result = self.run_skyfold(*words, "--output", self.path("o.h5"))
            self.assertEqual(result.code, 3, result)
            self.assertEqual(len(result.errors()), 1, result)
            self.assertRegex(result.errors()[0], r"a product of class \w+, but --\w+ takes .*\(there are: .*\.h5")

    def test_a_product_that_lacks_what_a_stage_needs_is_refused_by_what_it_lacks(self):
        """Stages that go through tables take any: a sample of spectra has no magnitudes, a model no objects."""
        at = lambda name: str(self.base / "x" / name)
        for words, message in ((("photoz", "--catalogue", at("spec.h5"), "--model", at("model.knn.h5")), "spec.h5: no columns for bands g,r,i,z,Y of the model"),
                               (("photoz", "--catalogue", at("model.dnf.h5"), "--model", at("model.knn.h5")), "model.dnf.h5: "),
                               (("match", "--spec", at("model.dnf.h5"), "--catalogue", at("survey.h5")), "model.dnf.h5: ")):
            result = self.run_skyfold(*words, "--output", self.path("o.h5"))
            self.assertEqual((result.code, len(result.errors())), (3, 1), result)
            self.assertIn(message, result.errors()[0])
            self.assertFalse(pathlib.Path(self.path("o.h5")).exists())

    def test_editing_one_option_reruns_exactly_what_depends_on_it(self):
        self.assertEqual(self.bring_up_to_date(), [])
        (self.base / "x/survey.h5").touch()
        (self.base / "x/deep.csv").touch()
        self.assertEqual(self.bring_up_to_date(), [])
        narrow = ("nz.z.width=0.05",)
        self.assertEqual(self.bring_up_to_date(*narrow), ["nz"])
        self.assertEqual(self.bring_up_to_date(*narrow, "train.seed=2"), ["nz", "photoz", "train", "validation"])
        self.assertEqual(self.bring_up_to_date(*narrow, "train.seed=2"), [])
        self.assertEqual(self.bring_up_to_date(), ["nz", "photoz", "train", "validation"])

    def test_each_step_leaves_a_log(self):
        for name in ("survey", "spec", "matched", "model.dnf", "validation", "photoz"):
            self.assertIn("</html>", (self.base / "x" / f"{name}.html").read_text())


if __name__ == "__main__":
    support.main()
