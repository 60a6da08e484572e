"""What the fault tests share: a survey and a model, runs that are killed, and the journal as numpy records."""
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

# docs/journal.md
RECORD = np.dtype([("sequence", "<u8"), ("unix_time_s", "<f8"), ("begin", "<i8"), ("end", "<i8"), ("first_partition", "<i8"),
                   ("partition_count", "<i8"), ("event", "<u4"), ("task", "<i4"), ("attempt", "<i4"), ("rank", "<i4"),
                   ("rows_written", "<i8"), ("bytes_read", "<i8"), ("bytes_written", "<i8"), ("rows_checksum", "<u8"), ("fits_sum", "<u8"),
                   ("read_s", "<f8"), ("compute_s", "<f8"), ("write_s", "<f8"), ("block_rows", "<i8"), ("host", "S32"), ("label", "S64"),
                   ("message", "S144"), ("checksum", "<u8")])
STARTED, DONE, FAILED, LOST, SESSION, TASK, STEP, ENDED = range(1, 9)


def journal(output):
    """The whole records of a run's journal; none when there is no journal yet."""
    path = pathlib.Path(output + ".run") / "journal"
    if not path.exists():
        return np.zeros(0, RECORD)
    data = path.read_bytes()
    return np.frombuffer(data[: len(data) // RECORD.itemsize * RECORD.itemsize], RECORD)


def rows_done(output, task=0):
    records = journal(output)
    done = records[(records["event"] == DONE) & (records["task"] == task)]
    return int((done["end"] - done["begin"]).sum())


class FaultTest(support.SkyfoldTest):
    """Runs on a small survey whose jobs take their time by sleeping, so that a death finds them at work."""

    OBJECTS = 12_000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.model = str(cls.base / "survey.h5"), str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", cls.OBJECTS, "--seed", 5, "--spectroscopic", 0.1, "--output", cls.catalogue, "--threads", 1)
        cls.skyfold("train", "--calibrate", "none", "--sample", str(cls.base / "survey.spec.h5"), "--output", cls.model, "--train.fraction", 1, "--dnf.neighbours", 20)
        # The input order of this table is no order of the sky, so that import sorts.
        columns = support.read_group(cls.catalogue)
        rng = np.random.default_rng(3)
        shuffled = rng.permutation(len(columns["id"]))
        cls.table = support.make_hdf5(str(cls.base / "table.h5"), {name: columns[name][shuffled] for name in ("id", "ra", "dec", "mag_g", "mag_r")})
        cls.sky = str(cls.base / "sky.fits")
        cls.skyfold("mock", "--kind", "map", "--map.nside", 64, "--map.sources", 400, "--map.noise", 1e-3, "--seed", 2, "--output", cls.sky)
        spectra = support.read_group(str(cls.base / "survey.spec.h5"))
        support.make_csv(str(cls.base / "t.csv"), {name: spectra[name] for name in ("ra", "dec", "z_spec")})
        (cls.base / "t.ini").write_text("name = T\nyear = 2020\nfile = t.csv\n[columns]\nra = ra\ndec = dec\nz = z_spec\n[quality]\ndefault = 4\n")
        cls.skyfold("spec", "--surveys", str(cls.base / "t.ini"), "--output", str(cls.base / "spec.h5"))
        cls.references = {}

    def products(self, command, output):
        stem = output[:-3]
        return {"photoz": [output, stem + ".fits", stem + ".pdf.hdf5"], "import": [output], "mock": [output, stem + ".spec.h5"],
                "patch": [output, stem + ".fits", stem + ".tsv"], "match": [output], "locus": [output, stem + ".stars.h5"],
                "validate": [output, stem + ".json"]}[command]

    def words(self, command, output, partition_rows=400):
        if command == "photoz":
            return ["photoz", "--catalogue", self.catalogue, "--model", self.model, "--output", output, "--fits", output[:-3] + ".fits",
                    "--pdf", "interp", "--pdf.bins", 10, "--partition.by", "rows", "--partition.rows", partition_rows, "--threads", 1]
        if command == "import":
            return ["import", "--input", self.table, "--input.group", "data", "--memory", 64, "--output", output, "--threads", 1]
        if command == "patch":
            return ["patch", "--maps", self.sky, "--sources", str(self.base / "sky.truth.h5"), "--output", output, "--fits", output[:-3] + ".fits",
                    "--text", output[:-3] + ".tsv", "--measure", "disc", "aperture", "--patch.radius", 90, "--channel.fwhm", 33,
                    "--channel.frequency", 28.4, "--threads", 1]
        if command == "match":
            return ["match", "--spec", str(self.base / "spec.h5"), "--catalogue", self.catalogue, "--output", output, "--threads", 1]
        if command == "validate":
            return ["validate", "--sample", str(self.base / "survey.spec.h5"), "--models", self.model, "--output", output, "--json", output[:-3] + ".json",
                    "--bootstrap.realisations", 3000, "--threads", 1]
        if command == "locus":
            return ["locus", "--traverse", "--catalogue", self.catalogue, "--targets.where", "mag_i<21", "--bands", "g,r,i", "--output", output,
                    "--stars", output[:-3] + ".stars.h5", "--partition.by", "rows", "--partition.rows", partition_rows, "--threads", 1]
        return ["mock", "--objects", self.OBJECTS, "--seed", 9, "--spectroscopic", 0.1, "--output", output, "--threads", 1]

    def reference(self, command):
        """Bytes of the products of an undisturbed run."""
        if command not in self.references:
            output = str(self.base / f"reference_{command}.h5")
            self.skyfold(*self.words(command, output))
            self.references[command] = [support.read_bytes(path) for path in self.products(command, output)]
        return self.references[command]

    def assert_reference(self, command, output, what):
        for path, expected in zip(self.products(command, output), self.reference(command)):
            ours = support.read_bytes(path)
            self.assertEqual(len(ours), len(expected), f"{what}: size of {path}")
            if ours != expected:
                self.fail(f"{what}: {path} differs at byte {next(i for i, (a, b) in enumerate(zip(ours, expected)) if a != b)}")

    def assert_nothing_done_twice(self, output, what):
        """No row of a pass was completed in two attempts."""
        records = journal(output)
        for task in set(records["task"][records["event"] == DONE]):
            done = np.sort(records[(records["event"] == DONE) & (records["task"] == task)], order="begin")
            self.assertTrue(np.all(done["end"][:-1] <= done["begin"][1:]), f"{what}: rows of task {task} were done twice")

    def start(self, *words, ranks=2, launcher_options=(), environment=None):
        """Starts a run without waiting for it; in a process group of its own."""
        mpirun = support.mpirun(ranks)
        command = [*mpirun[:1], *launcher_options, *mpirun[1:]] if ranks else []
        return subprocess.Popen([*command, support._binary[0], *map(str, words)], env=dict(support.environment(self.base), **(environment or {})),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, cwd=self.base)

    @staticmethod
    def ranks_of(launcher):
        """Process numbers of the ranks that an mpirun started, in order of rank."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
                if parent != launcher.pid:
                    continue
                variables = dict(word.split("=", 1) for word in (entry / "environ").read_bytes().decode(errors="replace").split("\0") if "=" in word)
                if "OMPI_COMM_WORLD_RANK" in variables:
                    found[int(variables["OMPI_COMM_WORLD_RANK"])] = int(entry.name)
            except (OSError, ValueError, IndexError):
                continue
        return [found[rank] for rank in sorted(found)]

    @staticmethod
    def send(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def end(self, run, timeout=60):
        """Waits for a run; returns exit code, standard output and error. Its process group is gone afterwards."""
        try:
            out, err = run.communicate(timeout=timeout)
        finally:
            try:
                os.killpg(run.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return run.returncode, out.decode(errors="replace"), err.decode(errors="replace")

    def wait_for(self, condition, what, timeout=60):
        limit = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > limit:
                self.fail(f"waited too long for {what}")
            time.sleep(0.005)
