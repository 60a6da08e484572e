"""`pipeline check`: files of pipelines with real commands, what is wrong in them all in one list, and nothing started; and the lists of what
commands make and take, against the commands' own sources."""
import pathlib
import random
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

GOOD = """[pipeline]
name = des
targets = images.csv
[step spec]
command = spec
surveys = wide.ini, deep.ini
output = spec.h5
[step match]
command = match
spec = @spec
catalogue = survey.h5
output = matched.h5
[step train]
command = train
algorithms = dnf, knn, bpz
sample = @match
output = model.h5
[step photoz]
command = photoz
for_each = field in fields.csv
catalogue = {path}
model = @train:dnf
pdf = mixmod
output = z.{field}.hdf5
ranks = all
[step nz]
command = nz
for_each = field in fields.csv
pdf = @photoz:pdf
bins = z_phot: 0.2,0.5
output = nz.{field}.hdf5
[task reduce]
command = ./reduce.sh {image} {out}
on = image
emits = reduced
[task stack]
command = ./stack.sh {brick}
on = reduced, all of brick
timeout = 2h
memory = 4G
"""


class PipelineCheck(support.SkyfoldTest):
    def setUp(self):
        super().setUp()
        (self.folder / "images.csv").write_text("image,brick\na.fits,1\nb.fits,1\n")
        (self.folder / "fields.csv").write_text("field,path\ns1,s1.h5\ns2,s2.h5\n")

    def check(self, text, *words):
        (self.folder / "p.ini").write_text(text)
        return self.run_skyfold("pipeline", "check", "p.ini", *words, cwd=self.folder)

    def faults(self, text, *words):
        """Faults of a file without its name, and nothing else happened."""
        before = sorted(path.name for path in self.folder.iterdir()) + ["p.ini"]
        result = self.check(text, *words)
        self.assertEqual(result.code, 2, result)
        lines = result.err.splitlines()
        self.assertRegex(lines[-1], r"^skyfold: p\.ini: \d+ faults? \(above\); nothing was started$")
        self.assertEqual(len(lines) - 1, int(lines[-1].split()[2]))
        self.assertEqual(sorted(set(path.name for path in self.folder.iterdir()) | {"p.ini"}), sorted(set(before)))
        self.assertTrue(all(line.startswith("p.ini:") for line in lines[:-1]), lines)
        return [line[len("p.ini:"):] for line in lines[:-1]]

    def test_a_file_without_faults_is_told(self):
        result = self.check(GOOD)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.out.splitlines(), [
            "p.ini: 5 steps, 2 tasks; products, ledger and logs in des",
            "step spec: spec; waits for nothing",
            "step match: match; waits for @spec",
            "step train: train; waits for @match",
            "step photoz: photoz; waits for @train; 2 rows of fields.csv",
            "step nz: nz; waits for @photoz; 2 rows of fields.csv",
            "task reduce: ./reduce.sh; waits for @start",
            "task stack: ./stack.sh; waits for reduced, all of brick"])

    def test_the_example_is_without_faults(self):
        result = self.run_skyfold("pipeline", "check", support.SOURCE / "examples/des-like/pipeline.ini")
        self.assertEqual(result.code, 0, result)
        self.assertIn("7 steps, 2 tasks", result.out)

    def test_all_faults_are_in_one_list(self):
        text = (GOOD.replace("command = spec\n", "command = spce\n").replace("catalogue = survey.h5", "catalog = survey.h5")
                .replace("dnf, knn, bpz", "dnf, knnn").replace("pdf = mixmod", "pdf = mixmo").replace("on = image", "on = imgae, all of"))
        self.assertEqual(self.faults(text), [
            "4: [step spec] no command 'spce' (did you mean 'spec'?)",
            "11: catalog: no option of match (did you mean 'catalogue'?)",
            "15: algorithms = 'knnn' (must be one of " + self.choices("train", "algorithms") + ")",
            "23: pdf = 'mixmo' (must be one of " + self.choices("photoz", "pdf") + ")",
            "34: on: 'all of' is no class of events"])

    def choices(self, command, option):
        text = re.sub(r"\s+", " ", self.skyfold(command, "--help").out)
        return re.search(r"--%s (?:TEXT\S* )(?:(?!--).)*?\(((?:[\w-]+, )+[\w-]+)\)" % option, text)[1]

    def test_products_that_there_are_not_and_of_other_classes(self):
        self.assertEqual(self.faults(GOOD.replace("@train:dnf", "@train:dfn")), [
            "22: model: @train:dfn: train makes no such product (did you mean 'dnf'?) (there are: @train:bpz, @train:dnf, @train:knn, @train:validation)"])
        self.assertEqual(self.faults(GOOD.replace("@train:dnf", "@train")), [
            "22: model: @train: train makes no such product (there are: @train:bpz, @train:dnf, @train:knn, @train:validation)"])
        self.assertEqual(self.faults(GOOD.replace("@train:dnf", "@spec")),
                         ["22: model: @spec: a product of class spectroscopic_sample, but this option takes photoz_model"])
        self.assertEqual(self.faults(GOOD.replace("@photoz:pdf", "@photoz")),
                         ["29: pdf: @photoz: a product of class photoz, but this option takes photoz_pdf"])

    def test_two_that_claim_one_path(self):
        self.assertEqual(self.faults(GOOD.replace("z.{field}.hdf5", "z.hdf5", 1)),
                         ["18: [step photoz] step photoz, row 2: step photoz, row 1 makes z.hdf5, too"])
        self.assertEqual(self.faults(GOOD.replace("output = matched.h5", "output = model.dnf.h5")),
                         ["13: [step train] step train: step match makes model.dnf.h5, too"])

    def test_settings_of_the_command_line(self):
        self.assertEqual(self.check(GOOD.replace("pdf = mixmod", "pdf = mixmo"), "--set", "photoz.pdf=mixmod").code, 0)
        result = self.check(GOOD, "--set", "photoz.pfd=mixmod")
        self.assertEqual(result.err.splitlines()[0], "p.ini: --set: pfd: no option of photoz (did you mean 'pdf'?)")

    def test_what_is_no_pipeline_file(self):
        for words, code in ((("none.ini",), 4), ((".",), 4), ((), 2)):
            result = self.run_skyfold("pipeline", "check", *words, cwd=self.folder)
            self.assertEqual((result.code, len(result.errors())), (code, 1), result)

    def test_commands_that_are_no_steps(self):
        for command, what in (("pipeline check", "a pipeline is no step of another"), ("launch", "launch is about other commands, and no step"),
                              ("curate", "the command 'curate' has two words: ")):
            faults = self.faults("[pipeline]\nname = p\n[step a]\ncommand = %s\n" % command)
            self.assertEqual(len(faults), 1)
            self.assertTrue(faults[0].startswith("3: [step a] " + what), faults)

    def test_broken_files_are_told_and_never_crash(self):
        draw = random.Random(20)
        for _ in range(25):
            lines = GOOD.splitlines()
            for _ in range(draw.randint(1, 3)):
                at = draw.randrange(len(lines))
                change = draw.randrange(3)
                if change == 0:
                    del lines[at]
                elif change == 1:
                    lines.insert(draw.randrange(len(lines)), lines[at])
                else:
                    place = draw.randrange(len(lines[at]) + 1)
                    lines[at] = lines[at][:place] + draw.choice("@{}[]=#\"'\\,:x0 ") + lines[at][place + draw.randrange(2):]
            result = self.check("\n".join(lines) + "\n")
            self.assertIn(result.code, (0, 2), result)
            if result.code == 2:
                for line in result.err.splitlines()[:-1]:
                    self.assertRegex(line, r"^p\.ini:\d+: .", lines)

    def test_options_that_name_products_are_known(self):
        """Options that say in their command's source that they are written."""
        known = (support.SOURCE / "src/commands/pipeline/products.cpp").read_text()
        # Written only where the data have what belongs in them, or no file of this process.
        others = {"output", "rejects", "prometheus", "product-log", "train.validation"}
        for source in (support.SOURCE / "src/commands").rglob("*.cpp"):
            if source.parent.name == "pipeline":
                continue  # no steps
            for name, words in re.findall(r'option\(\s*"([\w.-]+)"((?:(?!option\()[^;])*);', source.read_text()):
                if ".writes(" in words and name not in others:
                    self.assertIn(f'"{name}"', known, f"{source}: --{name} is written, and no product of a step")


if __name__ == "__main__":
    support.main()
