"""What becomes of the other ranks when one is stopped, dies, or meets an error of its own."""
import os
import pathlib
import shutil
import signal
import sys
import time

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import faults
import support

RECOVERY = ["--enable-recovery"]


class Ranks(faults.FaultTest):
    OBJECTS = 3_000

    def slow(self, output, *words, seconds=0.1, ranks=3, **options):
        """A run whose jobs take their time, once all ranks are there and the first rows are done."""
        run = self.start(*self.words("photoz", output, partition_rows=100), "--farm.fault", f"sleep={seconds}@*", "--partitions-per-job", 1,
                         *words, ranks=ranks, **options)
        self.wait_for(lambda: len(self.ranks_of(run)) == ranks and faults.rows_done(output) > 0, "the first rows")
        return run

    def assert_ended(self, pids):
        """None of the ranks is left behind."""
        self.wait_for(lambda: not any(self.is_running(pid) for pid in pids), "the end of all ranks", timeout=20)

    @staticmethod
    def is_running(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[0] not in "ZX"
        except OSError:
            return False

    def test_a_stopped_rank_zero_ends_the_run_with_a_message(self):
        output = self.path("z.h5")
        run = self.slow(output, "--farm.heartbeat", 0.5)
        pids = self.ranks_of(run)
        self.send(pids[0], signal.SIGSTOP)
        code, _, err = self.end(run)
        self.assertEqual(code, 4, err)
        self.assertIn("rank 0 was silent for", err)
        self.assert_ended(pids)
        self.skyfold(*self.words("photoz", output), ranks=2)
        self.assert_reference("photoz", output, "after rank 0 was stopped")

    def test_a_rank_that_was_left_behind_ends_when_it_comes_back(self):
        cases = ("recovery, never back", RECOVERY, 0.5), ("recovery", RECOVERY, 0.5), ("recovery, back in time", RECOVERY, 60), ("plain", [], 0.5)
        for name, options, heartbeat in cases:
            with self.subTest(name):
                output = self.path(f"{name}.h5")
                run = self.slow(output, "--farm.heartbeat", heartbeat, launcher_options=options)
                pids = self.ranks_of(run)
                self.send(pids[-1], signal.SIGSTOP)
                if heartbeat < 1:
                    self.wait_for(lambda: (faults.journal(output)["event"] == faults.LOST).any() or os.path.exists(output), "the loss")
                    self.wait_for(lambda: os.path.exists(output), "the product")
                else:
                    time.sleep(1.0)
                if "never" not in name:
                    self.send(pids[-1], signal.SIGCONT)
                code, _, err = self.end(run)
                self.assertEqual(code, 0, err)
                self.assert_reference("photoz", output, name)
                self.assert_ended(pids)

    def test_a_rank_that_dies_in_a_collective_call_does_not_leave_the_others_waiting(self):
        output = self.path("v.h5")
        spectra = support.read_group(str(self.base / "survey.spec.h5"))
        sample = support.make_csv(self.path("s.csv"), {name: np.tile(values, 300_000 // len(values)) for name, values in spectra.items()
                                                       if values.dtype.kind == "f" and values.ndim == 1})   # which all ranks read together
        run = self.start("validate", "--sample", sample, "--id", "none", "--models", self.model, "--output", output, "--threads", 1, ranks=3,
                         launcher_options=RECOVERY)
        self.wait_for(lambda: os.path.exists(output + ".run") and len(self.ranks_of(run)) == 3, "the run folder")
        pids = self.ranks_of(run)
        self.send(pids[1], signal.SIGSTOP)   # the others come to the next call that needs it
        time.sleep(0.5)
        self.send(pids[1], signal.SIGKILL)
        _, _, err = self.end(run)
        self.assertIn("rank 1 has died", err)   # mpirun itself returns 0 with --enable-recovery, whatever happens
        self.assertFalse(os.path.exists(output))
        self.assert_ended(pids)

    def test_a_rank_whose_kernel_hangs_ends_with_the_others(self):
        output = self.path("z.h5")
        self.skyfold(*self.words("photoz", output, partition_rows=100), "--partitions-per-job", 1, "--farm.fault", "hang@0:1,hang@1:1",
                     "--farm.timeout", 1, ranks=3, timeout=60)
        self.assert_reference("photoz", output, "with a thread that hangs")
        self.assertIn(os.path.relpath(output, self.base), self.skyfold("products", "list").out)

    def on_another_disk(self, *words, ranks=3):
        """Runs skyfold where rank 1 sees another folder, `other`, under the same relative paths."""
        script = self.path("wrapper")
        pathlib.Path(script).write_text(f'#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" = 1 ] && cd "{self.path("other")}"\nexec "$@"\n')
        os.chmod(script, 0o755)
        binary, support._binary[0] = support._binary[0], script
        try:
            return self.run_skyfold(binary, *words, ranks=ranks, cwd=self.folder, timeout=60)
        finally:
            support._binary[0] = binary

    def test_an_input_that_one_rank_sees_otherwise_is_named_with_the_rank(self):
        os.mkdir(self.path("other"))
        held = str(self.base / "survey.spec.h5")
        for name, path in (("cat.h5", self.catalogue), ("model.h5", self.model), ("held.h5", held), ("t.h5", self.table)):
            for folder in (self.folder, self.folder / "other"):
                shutil.copy(path, folder / name)
        output = self.path("out.h5")
        commands = {"cat.h5": ["photoz", "--catalogue", "cat.h5", "--model", self.model],
                    "model.h5": ["photoz", "--catalogue", self.catalogue, "--model", "model.h5"],
                    "t.h5": ["import", "--input", "t.h5", "--input.group", "data"],
                    "held.h5": ["validate", "--sample", "held.h5", "--models", self.model]}

        def cut(path):
            with open(path, "r+b") as file:
                file.truncate(os.path.getsize(path) // 2)

        def flip(path):   # same size, other numbers
            with h5py.File(path, "r+") as file:
                group = file["data" if path.name == "t.h5" else "object"] if path.name != "model.h5" else None
                if group is not None:
                    group["ra"][100] += 1e-3
                else:
                    file.attrs["creator"] = "somebody"
        for damage, name in ((cut, "cat.h5"), (os.remove, "model.h5"), (flip, "model.h5"), (flip, "t.h5"), (flip, "held.h5")):
            with self.subTest(file=name, damage=damage.__name__):
                there = self.folder / "other" / name
                damage(there)
                result = self.on_another_disk(*commands[name], "--output", output, "--threads", 1)
                self.assertIn(result.code, (3, 4), result)
                self.assertEqual(len(result.errors()), 1, result)
                self.assertIn(name, result.errors()[0])
                self.assertIn("rank 1", result.errors()[0])
                self.assertFalse(os.path.exists(output))
                shutil.copy(self.folder / name, there)
        name = "cat.h5"   # copies with times of their own are the same files
        self.assertEqual(self.on_another_disk(*commands[name], "--output", output, "--threads", 1).code, 0)


if __name__ == "__main__":
    support.main()
