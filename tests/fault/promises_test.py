"""Each promise of docs/robustness.md, on the real executable."""
import itertools
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import faults
import support

PHOTOZ_FAILED = 1 << 30


class Resume(faults.FaultTest):
    def test_a_death_in_any_window_of_the_end_is_repaired(self):
        points = {"photoz": ["made products", "consolidate", "structure saved", "index added", "consolidated", "publishing", "renamed one", "published"],
                  "import": ["made scratch files", "made duplicates", "made splitters", "made catalogue", "structure saved", "index added", "publishing"],
                  "patch": ["made products", "index added", "consolidated", "publishing", "renamed one"],
                  "mock": ["made catalogue", "index added", "consolidated", "publishing", "renamed one", "published"]}
        for command, names in points.items():
            for name in names:
                with self.subTest(command=command, point=name):
                    output = self.path(f"{command}_{name.replace(' ', '_')}.h5")
                    run = self.start(*self.words(command, output), ranks=0, environment={"SKYFOLD_DIE_AT": name})
                    self.assertEqual(self.end(run)[0], -signal.SIGKILL, "the run did not reach that point")
                    done = [faults.rows_done(output, task) for task in range(3)]
                    result = self.skyfold(*self.words(command, output), ranks=2)
                    self.assert_reference(command, output, name)
                    self.assert_nothing_done_twice(output, name)
                    if name in ("consolidate", "publishing"):
                        self.assertGreater(done[0], 0)
                        self.assertNotIn("started over", result.err)

    def test_another_number_of_ranks_threads_partitions_and_jobs_may_finish_it(self):
        output = self.path("z.h5")
        run = self.start(*self.words("photoz", output), "--farm.fault", "sleep=0.05@*", "--partitions-per-job", 1)
        self.wait_for(lambda: faults.rows_done(output) > 1000, "the first rows")
        os.killpg(run.pid, signal.SIGKILL)
        self.end(run)
        before = faults.rows_done(output)
        self.assertLess(before, self.OBJECTS)
        words = self.words("photoz", output)
        del words[words.index("--threads"):]
        words[words.index("rows")] = "healpix"
        self.skyfold(*words, "--partition.nside", 512, "--partitions-per-job", 3, "--threads", 2, "--farm.block_rows", 77, ranks=3)
        self.assert_reference("photoz", output, "another layout")
        self.assert_nothing_done_twice(output, "another layout")
        self.assertEqual(faults.rows_done(output), self.OBJECTS)

    def test_a_damaged_tail_of_the_journal_costs_only_what_it_told(self):
        for damage in ("cut", "flip", "garbage"):
            output = self.path(f"{damage}.h5")
            run = self.start(*self.words("photoz", output), ranks=0, environment={"SKYFOLD_DIE_AT": "consolidate"})
            self.end(run)
            path = pathlib.Path(output + ".run/journal")
            data = bytearray(path.read_bytes())
            if damage == "cut":
                data = data[:-100]
            elif damage == "flip":
                data[-3 * faults.RECORD.itemsize + 20] ^= 1
            else:
                data += os.urandom(1000)
            path.write_bytes(data)
            self.skyfold(*self.words("photoz", output))
            self.assert_reference("photoz", output, damage)

    def test_other_options_are_refused_with_what_differs_and_fresh_starts_over(self):
        output = self.path("z.h5")
        self.end(self.start(*self.words("photoz", output), ranks=0, environment={"SKYFOLD_DIE_AT": "consolidate"}))
        words = self.words("photoz", output)
        words[words.index("--pdf.bins") + 1] = 12
        result = self.run_skyfold(*words)
        self.assertEqual(result.code, 2, result)
        self.assertIn("pdf.bins: 10 then, 12 now", result.errors()[0])
        self.assertGreater(faults.rows_done(output), 0, "the refused run must not touch the other's work")
        self.skyfold(*words, "--fresh")
        with h5py.File(output[:-3] + ".pdf.hdf5") as file:
            self.assertEqual(file["data/yvals"].shape[1], 12)

    def test_siblings_may_come_and_go_between_attempts_and_have_the_same_bytes(self):
        whole = self.words("photoz", self.path("z.h5"))
        at = whole.index("--fits")
        without = whole[:at] + whole[at + 2:]
        elsewhere = [*whole[:at + 1], self.path("other.fits"), *whole[at + 2:]]
        for attempts in ([without, whole], [whole, without, whole], [whole, elsewhere, whole], [whole, without]):
            for words in attempts[:-1]:
                before = faults.rows_done(self.path("z.h5"))
                run = self.start(*words, "--farm.fault", "sleep=0.05@*", "--partitions-per-job", 1, ranks=0)
                self.wait_for(lambda: faults.rows_done(self.path("z.h5")) > before + 1000, "the first rows")
                run.kill()
                self.end(run)
            self.skyfold(*attempts[-1], ranks=2)
            self.assert_nothing_done_twice(self.path("z.h5"), "siblings")
            self.assertEqual(support.read_bytes(self.path("z.h5")), self.reference("photoz")[0])
            if attempts[-1] is whole:
                self.assert_reference("photoz", self.path("z.h5"), "siblings")
            shutil.rmtree(self.folder)
            self.folder.mkdir()

    def test_a_sibling_of_a_finished_run_is_made_from_its_rows(self):
        for command, option in (("photoz", "--fits"), ("patch", "--fits"), ("patch", "--text")):
            whole = self.words(command, self.path(command + ".h5"))
            at = whole.index(option)
            sibling = whole[at + 1]
            output = self.path(command + ".h5")
            self.skyfold(*whole[:at], *whole[at + 2:])
            done = faults.rows_done(output)
            for what in ("added", "removed", "complete"):
                if what == "removed":
                    os.remove(sibling)
                result = self.skyfold(*whole)
                self.assertEqual("nothing to do" in result.err, what == "complete", result)
                self.assert_reference(command, output, f"{option} {what}")
                self.assertEqual(faults.rows_done(output), done, "rows were computed again")
            self.assertIn("nothing to do", self.skyfold(*whole[:at], *whole[at + 2:]).err)
            shutil.rmtree(self.folder)
            self.folder.mkdir()

    def test_a_wrong_option_costs_no_work(self):
        output = self.path("z.h5")
        self.end(self.start(*self.words("photoz", output), ranks=0, environment={"SKYFOLD_DIE_AT": "consolidate"}))
        for words in (["--farm.max_failures", "x"], ["--farm.fault", "x"], ["--partition.nside", 3, "--partition.by", "healpix"]):
            self.assertEqual(self.run_skyfold(*self.words("photoz", output)[:9], *words).code, 2)
        self.assertEqual(faults.rows_done(output), self.OBJECTS)
        self.skyfold(*self.words("photoz", output))
        self.assert_reference("photoz", output, "after wrong options")
        self.assert_nothing_done_twice(output, "after wrong options")

    def test_the_order_of_the_catalogue_belongs_to_the_run(self):
        output = self.path("z.h5")
        words = ["photoz", "--catalogue", self.catalogue, "--model", self.model, "--output", output, "--threads", 1]
        self.end(self.start(*words, "--partition.by", "rows", ranks=0, environment={"SKYFOLD_DIE_AT": "consolidate"}))
        result = self.run_skyfold(*words, "--partition.by", "attribute", "--partition.column", "mag_i")
        self.assertEqual(result.code, 2, result)
        self.assertIn("inputs:", result.errors()[0])

    def test_too_many_failures_stay_too_many(self):
        output = self.path("z.h5")
        for _ in range(2):
            result = self.run_skyfold(*self.words("photoz", output), "--farm.fault", "throw@3,throw@7", "--farm.max_failures", 1)
            self.assertEqual(result.code, 5, result)
            self.assertFalse(os.path.exists(output))

    def test_a_changed_input_is_refused_by_name(self):
        copy, output = self.path("copy.h5"), self.path("z.h5")
        data = support.read_bytes(self.catalogue)
        pathlib.Path(copy).write_bytes(data)
        words = ["photoz", "--catalogue", copy, "--model", self.model, "--output", output]
        self.end(self.start(*words, ranks=0, environment={"SKYFOLD_DIE_AT": "consolidate"}))
        os.utime(copy, (1, 1))
        result = self.run_skyfold(*words)
        self.assertEqual(result.code, 3, result)
        self.assertIn("copy.h5: changed since", result.errors()[0])
        os.remove(copy)
        result = self.run_skyfold(*words)
        self.assertEqual(result.code, 4, result)
        self.assertIn("copy.h5", result.errors()[0])

    def test_a_finished_run_is_not_done_again_unless_its_product_is_gone(self):
        output = self.path("z.h5")
        self.skyfold(*self.words("photoz", output))
        time_of = lambda: os.stat(output).st_mtime_ns
        before = time_of()
        self.assertIn("nothing to do", self.skyfold(*self.words("photoz", output), ranks=2).err)
        self.assertEqual(time_of(), before)
        self.skyfold(*self.words("photoz", output), "--fresh")
        self.assertNotEqual(time_of(), before)
        os.remove(output)
        self.skyfold(*self.words("photoz", output))
        self.assert_reference("photoz", output, "again")

    def test_verify_finds_rows_that_were_damaged_after_they_were_done(self):
        output = self.path("z.h5")
        self.end(self.start(*self.words("photoz", output), "--partitions-per-job", 1, ranks=0, environment={"SKYFOLD_DIE_AT": "consolidate"}))
        with h5py.File(output + ".run/products/z.h5") as file:
            place = file["object/z_phot"].id.get_offset()
        with open(output + ".run/products/z.h5", "r+b") as file:
            file.seek(place + 4 * 1000)
            file.write(b"damage!!")
        result = self.skyfold(*self.words("photoz", output), "--verify", ranks=2)
        self.assertIn("1 of them differ", result.err)
        self.assert_reference("photoz", output, "after repair")


class Tampering(faults.FaultTest):
    """A product in the run folder is truncated or changed between a death and the next attempt: the ranges are computed again,
    or the run is refused; never is something published that an undisturbed run would not have made."""

    OBJECTS = 4000

    def change(self, path, kind):
        size = os.path.getsize(path)
        if kind[0] == "truncate":
            os.truncate(path, int(size * kind[1]))
            return
        with open(path, "r+b") as file:
            file.seek(min(int(size * kind[1]), size - 1))
            before = file.read(1 if kind[0] == "flip" else 512)
            file.seek(-len(before), os.SEEK_CUR)
            file.write(bytes([before[0] ^ 16]) if kind[0] == "flip" else bytes(len(before)))

    def tamper(self, command, point, kinds, names=None, folder="products"):
        """Returns how the attempts after the changes ended."""
        seed = self.path(f"{command}.h5")
        self.end(self.start(*self.words(command, seed), ranks=0, environment={"SKYFOLD_DIE_AT": point}))
        names = names or sorted(os.listdir(f"{seed}.run/{folder}"))
        self.assertTrue(names)
        reference = dict(zip(map(os.path.basename, self.products(command, seed)), self.reference(command)))
        kept = pathlib.Path(self.path(f"kept {command} {point}"))
        shutil.copytree(seed + ".run", kept)   # times of files, too
        codes = []
        for name, kind in itertools.product([name for name in names if not name.endswith(".undo")], kinds):
            with self.subTest(command=command, point=point, name=name, kind=kind):
                shutil.rmtree(seed + ".run", ignore_errors=True)
                shutil.copytree(kept, seed + ".run")
                for path in self.products(command, seed):
                    pathlib.Path(path).unlink(missing_ok=True)
                self.change(f"{seed}.run/{folder}/{name}", kind)
                result = self.run_skyfold(*self.words(command, seed))
                there = {path: support.read_bytes(path) for path in self.products(command, seed) if os.path.exists(path)}
                self.assertEqual([path for path, bytes_ in there.items() if bytes_ != reference[os.path.basename(path)]], [], result)
                if result.code == 0:
                    self.assertEqual(len(there), len(reference), result)
                else:
                    self.assertIn(result.code, (3, 4), result)
                    self.assertEqual(len(result.errors()), 1, result)
                codes.append(result.code)
        return codes

    def test_before_the_consolidation(self):
        codes = self.tamper("import", "consolidate", [("flip", 0.5), ("flip", 0.7)], ["import.h5"])
        self.assertEqual(codes, [0, 0])
        for command in ("photoz", "mock"):
            kinds = [("flip", 0.4), ("flip", 0.6), ("flip", 0.97), ("flip", 0.003), ("zero", 0.5), ("truncate", 0.5), ("truncate", 0.999), ("flip", 0.75)]
            codes = self.tamper(command, "consolidate", kinds)
            self.assertGreaterEqual(codes.count(0), len(codes) // 2, "rows that differ are computed again")

    def test_parts_that_wait_to_be_merged(self):
        for command, folder, point in (("match", "parts/matches", "consolidate"), ("locus", "parts/reference stars", "consolidate"),
                                       ("validate", "parts/estimates 0", "made parts bootstrap 0")):
            codes = self.tamper(command, point, [("flip", 0.001), ("flip", 0.5), ("zero", 0.7), ("truncate", 0.0), ("truncate", 0.5)], folder=folder)
            self.assertEqual(codes, [0] * 5, "what is damaged is computed again")

    def test_before_the_names_are_given(self):
        codes = self.tamper("photoz", "publishing", [("flip", 0.5), ("truncate", 0.9)])
        self.assertNotIn(0, codes)


class FailedPartitions(faults.FaultTest):
    """A run with failed partitions is repeated: only these are computed, and the products are those of an undisturbed run."""

    def test_are_tried_again_alone(self):
        failed = {"photoz": ("throw@3,throw@11", 800), "patch": ("throw@1,throw@2", None)}
        for command, (fault, rows) in failed.items():
            with self.subTest(command=command):
                output = self.path(command + ".h5")
                result = self.run_skyfold(*self.words(command, output), "--farm.fault", fault, ranks=2)
                self.assertEqual(result.code, 5, result)
                before = faults.journal(output)
                result = self.skyfold(*self.words(command, output), ranks=2)
                self.assertIn("tried again", result.err)
                self.assert_reference(command, output, "after failed partitions")
                self.assert_nothing_done_twice(output, "after failed partitions")
                records = faults.journal(output)
                again = records[len(before):]
                again = again[again["event"] == faults.DONE]
                total = int((records["end"] - records["begin"])[records["event"] == faults.DONE].sum())
                if rows:
                    self.assertEqual(int((again["end"] - again["begin"]).sum()), rows)
                    self.assertEqual(total, self.OBJECTS)
                self.assertIn("nothing to do", self.skyfold(*self.words(command, output)).err)

    def test_may_fail_again_and_the_run_may_die_at_any_time(self):
        output = self.path("z.h5")
        fault = ["--farm.fault", "throw@3"]
        for _ in range(2):
            self.assertEqual(self.run_skyfold(*self.words("photoz", output), *fault).code, 5)
        published = support.read_bytes(output)
        for point in ("products taken up", "consolidate", "index added", "publishing", "renamed one"):
            name = "made products, taken up 2" if point == "products taken up" else point
            run = self.start(*self.words("photoz", output), ranks=0, environment={"SKYFOLD_DIE_AT": name})
            self.assertEqual(self.end(run)[0], -signal.SIGKILL, point)
            self.assertEqual(support.read_bytes(output), published, "the published product stays until there is a better one")
        self.skyfold(*self.words("photoz", output), ranks=2)
        self.assert_reference("photoz", output, "after many deaths")

    def test_rows_that_were_changed_since_are_computed_again(self):
        output = self.path("z.h5")
        self.assertEqual(self.run_skyfold(*self.words("photoz", output), "--farm.fault", "throw@3").code, 5)
        with h5py.File(output, "r+") as file:
            file["object/z_phot"][5000] = 0.123
        result = self.skyfold(*self.words("photoz", output))
        self.assertIn("1 of them differ", result.err)
        self.assert_reference("photoz", output, "after a changed row")

    def test_a_product_that_is_gone_makes_it_a_new_run(self):
        output = self.path("z.h5")
        self.assertEqual(self.run_skyfold(*self.words("photoz", output), "--farm.fault", "throw@3").code, 5)
        os.remove(output[:-3] + ".pdf.hdf5")
        self.skyfold(*self.words("photoz", output))
        self.assert_reference("photoz", output, "a new run")


class Kernels(faults.FaultTest):
    def failed_rows(self, output):
        return np.flatnonzero(support.read_group(output)["flags"] & PHOTOZ_FAILED)

    def assert_only_these_failed(self, output, rows):
        np.testing.assert_array_equal(self.failed_rows(output), rows)
        ours = support.read_group(output)
        self.reference("photoz")
        expected = support.read_group(str(self.base / "reference_photoz.h5"))
        others = np.ones(self.OBJECTS, bool)
        others[rows] = False
        for name in expected:
            self.assertEqual(ours[name][others].tobytes(), expected[name][others].tobytes(), name)

    def test_a_kernel_that_throws_or_hangs_fails_its_partition_alone(self):
        for kind, message in {"throw": "injected fault", "oom": "out of memory", "hang": "took longer than 1 s"}.items():
            with self.subTest(kind):
                output = self.path(f"{kind}.h5")
                result = self.run_skyfold(*self.words("photoz", output), "--farm.fault", f"{kind}@7", "--farm.timeout", 1, ranks=2)
                self.assertEqual(result.code, 5, result)
                self.assert_only_these_failed(output, np.arange(2800, 3200))
                status = self.skyfold("status", output, "--failed").out
                for part in ("rows 2800 to 3200", "rank", message, "attempt 2"):
                    self.assertIn(part, status)

    def test_a_fault_that_passes_is_forgotten(self):
        output = self.path("z.h5")
        self.skyfold(*self.words("photoz", output), "--farm.fault", "throw@7:1", ranks=2)
        self.assert_reference("photoz", output, "second attempt")

    def test_a_partition_that_kills_its_process_is_given_up_after_two_attempts(self):
        output = self.path("z.h5")
        codes = []
        for _ in range(4):
            codes.append(self.run_skyfold(*self.words("photoz", output), "--farm.fault", "segv@7", ranks=2).code)
            if codes[-1] == 5:
                break
        self.assertEqual(codes[-1], 5, codes)
        self.assertLessEqual(len(codes), 3)
        self.assert_only_these_failed(output, np.arange(2800, 3200))
        self.assertIn("its kernel killed the process", self.skyfold("status", output, "--failed").out)

    def test_too_many_failures_end_the_run(self):
        output = self.path("z.h5")
        result = self.run_skyfold(*self.words("photoz", output), "--farm.fault", "throw@3,throw@7", "--farm.max_failures", 1)
        self.assertEqual(result.code, 5, result)
        self.assertIn("--farm.max_failures", result.errors()[0])
        self.assertFalse(os.path.exists(output))


class Signals(faults.FaultTest):
    def test_a_signal_stops_the_run_with_75_and_it_goes_on_later(self):
        for name in ("SIGTERM", "SIGINT", "SIGUSR1"):
            for ranks in (0, 3):
                with self.subTest(signal=name, ranks=ranks):
                    output = self.path(f"{name}_{ranks}.h5")
                    run = self.start(*self.words("photoz", output), "--farm.fault", "sleep=0.1@*", "--partitions-per-job", 1, ranks=ranks)
                    self.wait_for(lambda: faults.rows_done(output) > 0, "the first rows")
                    begin = time.monotonic()
                    for pid in self.ranks_of(run)[-1:] if ranks else [run.pid]:  # one rank hears of it, all stop
                        self.send(pid, getattr(signal, name))
                    code, _, err = self.end(run, timeout=30)
                    print(f"{name}, {ranks or 1} ranks: stopped after {time.monotonic() - begin:.2f} s")
                    self.assertEqual(code, 75, err)
                    self.assertIn(f"stopped by {name}", err)
                    self.assertFalse(os.path.exists(output))
                    self.assertEqual(faults.journal(output)["event"][-1], faults.ENDED)
                    self.skyfold(*self.words("photoz", output), ranks=2)
                    self.assert_reference("photoz", output, name)
                    self.assert_nothing_done_twice(output, name)

    def test_a_kernel_that_does_not_listen_cannot_hold_up_the_stop(self):
        output = self.path("z.h5")
        run = self.start(*self.words("photoz", output), "--farm.fault", "hang@0", "--farm.timeout", 0, ranks=2)
        self.wait_for(lambda: faults.rows_done(output) > 0, "the first rows")
        for pid in self.ranks_of(run):
            self.send(pid, signal.SIGUSR1)
        self.assertEqual(self.end(run, timeout=30)[0], 75)


class Ranks(faults.FaultTest):
    def run_with_a_sick_rank(self, treat, cure=None, launcher_options=()):
        output = self.path("z.h5")
        run = self.start(*self.words("photoz", output), "--farm.fault", "sleep=0.05@*", "--partitions-per-job", 1, "--farm.heartbeat", 1.5,
                         ranks=3, launcher_options=launcher_options)
        self.wait_for(lambda: faults.rows_done(output) > 1000, "the first rows")
        pid = self.ranks_of(run)[-1]
        self.send(pid, treat)
        if cure:
            self.wait_for(lambda: np.any(faults.journal(output)["event"] == faults.LOST), "the loss to be noticed")
            self.send(pid, cure)
        code, _, err = self.end(run, timeout=90)
        self.assertEqual(code, 0, err)
        self.assertIn("was silent for", err)
        self.assert_reference("photoz", output, "without the sick rank")

    def test_a_rank_that_hangs_is_left_behind(self):
        self.run_with_a_sick_rank(signal.SIGSTOP)

    def test_a_rank_that_comes_back_does_no_harm(self):
        self.run_with_a_sick_rank(signal.SIGSTOP, signal.SIGCONT)

    def test_with_recovery_a_dead_rank_is_survived(self):
        self.run_with_a_sick_rank(signal.SIGKILL, launcher_options=["--enable-recovery"])

    def test_a_waiting_rank_uses_little_processor_time(self):
        output = self.path("z.h5")
        run = self.start(*self.words("photoz", output, partition_rows=self.OBJECTS), "--farm.fault", "sleep=4@*", "--partitions-per-job", 1, ranks=2)
        self.wait_for(lambda: len(self.ranks_of(run)) == 2 and os.path.exists(output + ".run/journal"), "the ranks")
        time.sleep(1.0)

        def busy(pid):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        pids = self.ranks_of(run)
        before, begin = [busy(pid) for pid in pids], time.monotonic()
        time.sleep(2.0)
        shares = [(busy(pid) - b) / (time.monotonic() - begin) for pid, b in zip(pids, before)]
        print("processor time of ranks that wait:", [f"{100 * share:.1f} %" for share in shares])
        self.assertLess(max(shares), 0.25)  # one that spins has 1
        self.end(run)


class Files(faults.FaultTest):
    def test_a_second_run_on_the_output_is_refused_and_a_dead_holder_is_not(self):
        output = self.path("z.h5")
        run = self.start(*self.words("photoz", output), "--farm.fault", "sleep=0.3@*", "--partitions-per-job", 1, ranks=2)
        self.wait_for(lambda: faults.rows_done(output) > 0, "the first rows")
        result = self.run_skyfold(*self.words("photoz", output))
        self.assertEqual(result.code, 4, result)
        self.assertIn(f"process {self.ranks_of(run)[0]}", result.errors()[0])
        for pid in [*self.ranks_of(run), run.pid]:
            self.send(pid, signal.SIGKILL)
        self.end(run)
        self.skyfold(*self.words("photoz", output))
        self.assert_reference("photoz", output, "after the holder's death")

    def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system needs root")
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", str(disk)], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("cannot mount a tmpfs: " + mounted.stderr.decode().strip())
        self.addCleanup(subprocess.run, ["umount", str(disk)])
        output = str(disk / "z.h5")
        filler = disk / "filler"
        run = self.start(*self.words("photoz", output), "--farm.fault", "sleep=0.05@*", "--partitions-per-job", 1, ranks=2)
        self.wait_for(lambda: faults.rows_done(output) > 0, "the first rows")
        try:
            with open(filler, "wb") as file:
                while True:
                    file.write(bytes(4096))
                    file.flush()
        except OSError:
            pass
        code, _, err = self.end(run)
        if code != 0:  # rows have their place already: it is the journal that may not grow
            self.assertEqual(code, 4, err)
            self.assertIn("No space left", err)
        filler.unlink()
        self.skyfold(*self.words("photoz", output), ranks=2)
        self.assert_reference("photoz", output, "with room again")
        self.assert_nothing_done_twice(output, "with room again")
        small = str(disk / "survey.h5")
        result = self.run_skyfold("mock", "--objects", 1_000_000, "--output", small)
        self.assertEqual(result.code, 4, result)
        self.assertEqual(len(result.errors()), 1, result)

    def test_a_file_size_limit_is_an_error_not_a_death(self):
        output = self.path("big.h5")
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, 20_000_000))  # MPI itself needs some megabytes
        done = subprocess.run([support._binary[0], "mock", "--objects", "1000000", "--output", output], env=support.environment(self.base),
                              capture_output=True, preexec_fn=limit)
        self.assertEqual(done.returncode, 4, done.stderr.decode())
        self.assertIn("limit on file sizes", done.stderr.decode())
        self.assertFalse(os.path.exists(output))

    def test_an_input_that_vanishes_is_named_and_the_run_goes_on_when_it_is_back(self):
        parts = [self.path("a.h5"), self.path("b.h5")]
        data = support.read_group(self.table, "data")
        for path, rows in zip(parts, (slice(0, 6000), slice(6000, None))):
            support.make_hdf5(path, {name: values[rows] for name, values in data.items()})
        output = self.path("cat.h5")
        words = ["import", "--input", *parts, "--input.group", "data", "--output", output, "--threads", 1]
        self.end(self.start(*words, ranks=0, environment={"SKYFOLD_DIE_AT": "made splitters"}))
        os.rename(parts[1], parts[1] + ".away")
        result = self.run_skyfold(*words)
        self.assertEqual(result.code, 4, result)
        self.assertIn("b.h5", result.errors()[0])
        os.rename(parts[1] + ".away", parts[1])
        self.skyfold(*words)
        self.assertEqual(len(support.read_group(output)["id"]), self.OBJECTS)


class Watching(faults.FaultTest):
    def test_status_follows_a_run_without_disturbing_it(self):
        output = self.path("z.h5")
        run = self.start(*self.words("photoz", output), "--farm.fault", "sleep=0.1@*", "--partitions-per-job", 1, ranks=2)
        self.wait_for(lambda: faults.rows_done(output) > 1000, "the first rows")
        status = json.loads(self.skyfold("status", output, "--json").out)
        self.assertEqual(status["state"], "running")
        self.assertEqual(status["ranks"], 2)
        self.assertTrue(any(job["state"] == "running" for job in status["tasks"][0]["jobs"]))
        for pid in [*self.ranks_of(run), run.pid]:
            self.send(pid, signal.SIGKILL)
        self.end(run)
        self.wait_for(lambda: "interrupted" in self.skyfold("status", output).out, "the end of the killed ranks")
        jobs = [job["state"] for job in json.loads(self.skyfold("status", output, "--json").out)["tasks"][0]["jobs"]]
        self.assertIn("interrupted", jobs)
        self.assertNotIn("running", jobs)
        before = faults.rows_done(output)
        self.skyfold(*self.words("photoz", output), ranks=2)
        status = json.loads(self.skyfold("status", output, "--json").out)
        self.assertEqual((status["state"], status["attempts"]), ("done", 2))
        self.assertEqual(status["tasks"][0]["rows_found_done"], before)
        self.assertEqual(status["tasks"][0]["rows_done"], self.OBJECTS)
        metrics = self.path("metrics.prom")
        self.skyfold("status", output, "--prometheus", metrics)
        self.assertIn(f'state="done"}} {self.OBJECTS}', pathlib.Path(metrics).read_text())
        lines = self.skyfold("journal", "dump", output).out.splitlines()
        self.assertEqual(len(lines), 1 + len(faults.journal(output)))

    def test_the_trace_of_a_dead_run_opens(self):
        output = self.path("z.h5")
        self.end(self.start(*self.words("photoz", output), ranks=0, environment={"SKYFOLD_DIE_AT": "consolidate"}))
        text = pathlib.Path(output + ".run/trace.json").read_text().rstrip().rstrip(",")
        events = json.loads(text if text.endswith("]") else text + "]")
        computed = [event for event in events if event["name"] == "compute"]
        self.assertGreater(len(computed), 0)
        self.assertTrue(all(event["ph"] in "XM" for event in events))


if __name__ == "__main__":
    support.main()
