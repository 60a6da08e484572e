"""Pipelines of tasks and steps as a user runs them: a chain from one root event to the end, failures, retries, malformed events, groups, and
an external program on images."""
import json
import pathlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

CHAIN = """
    [pipeline]
    name = p
    targets = target in cells.csv

    [task part]
    on = target
    shell = true
    command = for i in 1 2 3 4; do echo "{cell} $i" > {out}/part_{cell}_$i.txt; echo "piece path={out}/part_{cell}_$i.txt number=$i" >> $SKYFOLD_EVENTS; done

    [task work]
    on = piece
    shell = true
    command = sleep 0.02; echo run >> ran_{cell}_{number}; { test ! -e break_{cell}_{number} || exit 3; } ; sed s/^/done:/ {path} > {out}/done_{cell}_{number}.txt; echo ready >> $SKYFOLD_EVENTS

    [task gather]
    on = ready, all of cell
    shell = true
    command = echo run >> ran_{cell}; cat p/work/done_{cell}_*.txt > {out}/sum_{cell}.txt; echo summed >> $SKYFOLD_EVENTS

    [task all]
    on = summed, all of *
    shell = true
    command = cat p/gather/sum_*.txt > {out}/all.txt
"""
CHAIN_RESULT = "".join(f"done:{cell} {i}\n" for cell in "ab" for i in range(1, 5))


class Pipeline(support.SkyfoldTest):
    def place(self, name, text, **files):
        folder = pathlib.Path(self.path(name))
        folder.mkdir()
        (folder / "p.ini").write_text(textwrap.dedent(text))
        for file, content in files.items():
            (folder / file.replace("__", ".")).write_text(content)
        return folder

    def chain(self, name):
        return self.place(name, CHAIN, cells__csv="cell\na\nb\n")

    def run_it(self, folder, *words, ranks=0, code=0, command="run"):
        result = self.run_skyfold("pipeline", command, "p.ini", *words, cwd=folder, ranks=ranks)
        self.assertEqual(result.code, code, result)
        return result

    @staticmethod
    def records(folder):
        return [json.loads(line.rsplit(" ", 1)[0]) for line in (folder / "p/journal").read_text().splitlines()]

    @staticmethod
    def products(folder):
        return {str(path.relative_to(folder)): path.read_bytes() for name in ("part", "work", "gather", "all")
                for path in sorted((folder / "p" / name).rglob("*")) if path.is_file()}

    def count(self, folder, name):
        path = folder / f"ran_{name}"
        return len(path.read_text().splitlines()) if path.exists() else 0


class Chain(Pipeline):
    def test_one_root_event_leads_to_the_end_whoever_works(self):
        seen = []
        for ranks in (0, 1, 2, 3, 4):
            folder = self.chain(f"chain{ranks}")
            self.run_it(folder, "--slots", 2, ranks=ranks)
            self.assertEqual((folder / "p/all/all.txt").read_text(), CHAIN_RESULT)
            seen.append(self.products(folder))
            jobs = [record for record in self.records(folder) if record["r"] == "end"]
            self.assertEqual(sorted(record["how"] for record in jobs), ["completed"] * 13)
            self.assertEqual(list((folder / "p/scratch").iterdir()), [])
        self.assertTrue(all(products == seen[0] for products in seen))

    def test_a_second_run_does_nothing(self):
        folder = self.chain("again")
        self.run_it(folder)
        before = self.products(folder)
        self.run_it(folder)
        self.assertEqual(self.products(folder), before)
        self.assertEqual(self.count(folder, "a_1"), 1)

    def test_what_fails_blocks_its_group_alone_and_only_that_is_repeated(self):
        whole = self.chain("whole")
        self.run_it(whole)
        folder = self.chain("broken")
        for name in ("break_a_2", "break_a_3"):
            (folder / name).touch()
        result = self.run_it(folder, code=5)
        self.assertIn("work", result.err)
        self.assertTrue((folder / "p/gather/sum_b.txt").exists())
        self.assertFalse((folder / "p/gather/sum_a.txt").exists())
        self.assertFalse((folder / "p/work/done_a_2.txt").exists())
        for name in ("break_a_2", "break_a_3"):
            (folder / name).unlink()
        self.run_it(folder, "--failed", command="retry")
        self.assertEqual(self.products(folder), self.products(whole))
        self.assertEqual([self.count(folder, name) for name in ("a_1", "a_2", "a_3", "a_4", "b_1", "a", "b")], [1, 2, 2, 1, 1, 1, 1])

    def test_a_retry_with_another_value_does_the_descendants_again_and_nothing_else(self):
        folder = self.chain("set")
        self.run_it(folder)
        event = next(event["id"] for record in self.records(folder) if record["r"] == "end" for event in record.get("events", [])
                     if dict(event["keys"]).get("number") == "3" and dict(event["keys"]).get("cell") == "a")
        (folder / "other.txt").write_text("other\n")
        self.run_it(folder, "--event", event, "--set", "path=other.txt", command="retry")
        self.assertEqual((folder / "p/all/all.txt").read_text(), CHAIN_RESULT.replace("done:a 3", "done:other"))
        self.assertEqual([self.count(folder, name) for name in ("a_1", "a_3", "b_1", "a", "b")], [1, 2, 1, 2, 1])

    def test_more_targets_are_done_alone(self):
        folder = self.chain("add")
        self.run_it(folder)
        (folder / "more.csv").write_text("cell\nc\na\n")
        self.assertIn("1 targets are added, 1 were there already", self.run_it(folder, "--targets", "more.csv", command="add").err)
        self.assertEqual((folder / "p/all/all.txt").read_text(), CHAIN_RESULT + "".join(f"done:c {i}\n" for i in range(1, 5)))
        self.assertEqual([self.count(folder, name) for name in ("a_1", "c_1", "a", "c")], [1, 1, 1, 1])

    def test_an_event_is_run_alone_with_the_same_bytes(self):
        folder = self.chain("debug")
        self.run_it(folder)
        before = (folder / "p/journal").read_bytes()
        event = next(event["id"] for record in self.records(folder) if record["r"] == "end" for event in record.get("events", []))
        result = self.run_it(folder, event, command="run-event")
        self.assertIn("1 of 1 outputs have the bytes of the run that is recorded", result.err)
        self.assertEqual((folder / "p/journal").read_bytes(), before)

    def test_parts_of_a_pipeline(self):
        folder = self.chain("part")
        self.assertNotIn("everything", self.run_it(folder, "--until", "work").err)
        self.assertFalse((folder / "p/gather").exists())
        self.run_it(folder, "--only", "gather")
        self.assertFalse((folder / "p/all").exists())
        self.run_it(folder, "--from", "all")
        self.assertEqual((folder / "p/all/all.txt").read_text(), CHAIN_RESULT)
        result = self.run_it(folder, "--until", "gater", code=2)
        self.assertIn("did you mean 'gather'?", result.err)


class Conduct(Pipeline):
    def test_conditions_rows_limits_and_two_configurations_of_one_input(self):
        folder = self.place("configs", """
            [pipeline]
            name = p
            targets = image in images.csv
            [task reduce]
            on = image
            if = {filter} == F814W
            shell = true
            command = echo run >> ran_{image}; echo {image} > {out}/{image}.red; echo reduced path={out}/{image}.red >> $SKYFOLD_EVENTS
            [task measure]
            on = reduced
            for_each = config in configs.csv
            limit = 1
            outputs = measured/{config}
            shell = true
            command = mkdir busy && sed s/$/:{sigma}/ {path} > {out}/{image}.cat; rmdir busy
            """, images__csv="image,filter\nx,F814W\ny,F475W\nz,F814W\n", configs__csv="config,sigma\nwide,3\ndeep,5\n")
        self.run_it(folder, "--slots", 4)
        found = {str(path.relative_to(folder / "measured")): path.read_text() for path in (folder / "measured").rglob("*.cat")}
        self.assertEqual(found, {"wide/x.cat": "x:3\n", "wide/z.cat": "z:3\n", "deep/x.cat": "x:5\n", "deep/z.cat": "z:5\n"})
        self.assertEqual([self.count(folder, name) for name in "xyz"], [1, 0, 1])

    def test_malformed_events_fail_their_job_with_the_line(self):
        folder = self.place("malformed", """
            [pipeline]
            name = p
            targets = line in lines.csv
            [task emit]
            on = line
            command = /usr/bin/python3 emit.py {number}
            [task take]
            on = good
            command = true
            """, lines__csv="number\n0\n1\n2\n3\n", emit__py=textwrap.dedent("""
            import os, sys
            line = [b"good a=1", b"good a", b"\\xff\\x00=", b"good a=\\"x"][int(sys.argv[1])]
            open(os.environ["SKYFOLD_EVENTS"], "wb").write(line + b"\\n")
            """))
        result = self.run_it(folder, code=5)
        failures = [line for line in result.err.splitlines() if "failed:" in line]
        self.assertEqual(len(failures), 3, result)
        ends = [record for record in self.records(folder) if record["r"] == "end"]
        self.assertEqual(sum(record["how"] == "completed" for record in ends), 2)

    def test_outputs_claimed_twice_or_there_before_are_errors(self):
        folder = self.place("claims", """
            [pipeline]
            name = p
            targets = t in t.csv
            [task same]
            on = t
            shell = true
            command = echo {n} > {out}/one.txt
            [task over]
            on = t
            if = {n} == 1
            shell = true
            outputs = mine
            command = echo new > {out}/old.txt
            """, t__csv="n\n1\n2\n")
        (folder / "mine").mkdir()
        (folder / "mine/old.txt").write_text("old\n")
        result = self.run_it(folder, "--slots", 1, code=5)
        self.assertIn("one.txt", result.err)
        self.assertIn("was not made by this pipeline", result.err)
        self.assertEqual((folder / "mine/old.txt").read_text(), "old\n")

    def test_products_in_another_file_system_and_below_a_file(self):
        if not os.access("/dev/shm", os.W_OK) or os.stat("/dev/shm").st_dev == os.stat(self.path(".")).st_dev:
            self.skipTest("/dev/shm is no file system of its own here")
        with tempfile.TemporaryDirectory(dir="/dev/shm") as far:
            folder = self.place("far", """
                [pipeline]
                name = p
                [task far]
                on = @start
                shell = true
                outputs = FAR/results
                command = mkdir {out}/a; echo far > {out}/a/x.txt; chmod 750 {out}/a/x.txt; echo "made file={out}/a/x.txt folder={out}" >> $SKYFOLD_EVENTS
                emits = made
                [task heard]
                on = made
                shell = true
                command = cat {file} {folder}/a/x.txt > {out}/x.txt
                [task below]
                on = made
                shell = true
                outputs = FAR/results/a/x.txt
                command = echo no > {out}/y.txt
                """.replace("FAR", far))
            result = self.run_it(folder, code=5)
            product = pathlib.Path(far) / "results/a/x.txt"
            self.assertEqual(product.read_text(), "far\n")
            self.assertEqual(product.stat().st_mode & 0o777, 0o750)
            self.assertEqual((folder / "p/heard/x.txt").read_text(), "far\nfar\n")
            self.assertEqual([path.name for path in product.parent.iterdir()], ["x.txt"])
            self.assertIn("x.txt is no folder", result.err)

    def test_what_fails_before_it_begins_is_told(self):
        folder = self.place("unasked", """
            [pipeline]
            name = p
            targets = t in t.csv
            [task one]
            on = t
            command = true
            [task two]
            on = t
            if = {n} > 1
            command = true
            """, t__csv="n\nmany\n")
        result = self.run_it(folder, code=5)
        self.assertRegex(result.err, "job [12] two n=many: failed: ")
        self.run_it(folder, "--until", "one", "--from", "two", code=2)

    def test_a_page_that_cannot_be_written_is_told(self):
        folder = self.place("page", """
            [pipeline]
            name = p
            [task one]
            on = @start
            command = true
            """)
        result = self.run_it(folder, "--html", "nowhere/page.html", code=4)
        self.assertIn("nowhere", result.err)

    def test_time_limits_secrets_and_words_with_blanks(self):
        folder = self.place("conduct", """
            [pipeline]
            name = p
            targets = t in t.csv
            env.hide = SECRET
            notify = /usr/bin/python3 -c "import sys; open('told.txt', 'w').write(sys.stdin.read())"
            [task slow]
            on = t
            timeout = 1s
            command = sleep 1000
            [task words]
            on = t
            command = /usr/bin/python3 -c "import sys, os; open(os.environ['SKYFOLD_OUT'] + '/w', 'w').write(repr(sys.argv[1:]))" {text} "a b" 'c "d"'
            [task leak]
            on = t
            shell = true
            command = echo "the password is $SECRET" >&2; exit 4
            """, t__csv="text\n\"$(rm -rf x); 'y'\"\n")
        with unittest.mock.patch.dict(os.environ, SECRET="hunter2hunter2"):
            result = self.run_skyfold("pipeline", "run", "p.ini", cwd=folder)
        self.assertEqual(result.code, 5, result)
        self.assertEqual((folder / "p/words/w").read_text(), repr(["$(rm -rf x); 'y'", "a b", 'c "d"']))
        self.assertIn("the password is ***", result.err)
        self.assertNotIn("hunter2hunter2", (folder / "p/journal").read_text())
        slow = next(record for record in self.records(folder) if record["r"] == "end" and record.get("timed_out"))
        self.assertEqual(slow["how"], "failed")
        self.assertIn("pipeline p", (folder / "told.txt").read_text())

    def test_secrets_stand_in_no_log_and_no_event(self):
        folder = self.place("secrets", """
            [pipeline]
            name = p
            targets = t in t.csv
            env.hide = SECRET, STAR
            [task say]
            on = t
            shell = true
            command = printf 'it is hunter2'; sleep 0.05; echo 'hunter2, is it? hunter2hun'; echo "**"; exit 1
            [task event]
            on = t
            shell = true
            command = echo "given word=a$SECRET" >> $SKYFOLD_EVENTS
            [task file]
            on = t
            shell = true
            command = touch {out}/$SECRET
            """, t__csv="n\n1\n")
        with unittest.mock.patch.dict(os.environ, SECRET="hunter2hunter2", STAR="*"):
            result = self.run_it(folder, code=5)
        self.assertEqual((folder / "p/log/say.1.log").read_text().splitlines()[:2], ["it is ***, is it? hunter2hun", "******"])
        self.assertEqual(result.err.count("(env.hide"), 2, result)
        for path in folder.rglob("*"):
            self.assertTrue(path.is_dir() or b"hunter2hunter2" not in path.read_bytes(), path)

    def test_folders_of_products_that_cannot_be_made_fail_their_job_alone(self):
        folder = self.place("elsewhere", """
            [pipeline] ; comments stand here,
            name = p             ; and here, but a command has the ; of shells
            targets = t in t.csv
            [task nowhere]
            on = t
            outputs = /proc/nothing
            shell = true
            command = echo lost > {out}/lost.txt
            [task linked]
            on = t
            shell = true
            command = rmdir {out}; ln -s "$PWD" {out}
            [task out]
            on = u
            command = touch {out}/x
            [task near]
            on = t
            shell = true
            command = echo near > {out}/near.txt; echo "u out=theirs" >> $SKYFOLD_EVENTS
            """, t__csv="n\n1\n")
        result = self.run_it(folder, code=5)
        for words in ("the folder of products cannot be made", "removed or replaced the folder", "has a key 'out'"):
            self.assertEqual(result.err.count(words), 1, result)
        self.assertEqual((folder / "p/near/near.txt").read_text(), "near\n")
        self.assertEqual(list((folder / "p/scratch").iterdir()), [])

    def test_a_page_replaces_no_table(self):
        folder = self.place("page", """
            [pipeline]
            name = p
            html = t.csv
            targets = t in t.csv
            [task a]
            on = t
            command = true
            """, t__csv="n\n1\n")
        self.assertIn("must end in .html", self.run_it(folder, code=2).err)
        (folder / "p.ini").write_text((folder / "p.ini").read_text().replace("html = t.csv", "html = page.html"))
        (folder / "below").mkdir()
        result = self.run_skyfold("pipeline", "run", "../p.ini", cwd=folder / "below")
        self.assertEqual(result.code, 0, result)
        self.assertTrue((folder / "page.html").exists())
        self.run_it(folder, "--set", "pipeline.html=nowhere/page.html, pipeline.name=q", code=4)
        self.assertFalse((folder / "q").exists())

    def test_a_shell_gets_no_words_of_others(self):
        folder = self.place("shell", """
            [pipeline]
            name = p
            targets = t in t.csv
            [task bad]
            on = t
            shell = true
            command = echo {text} > {out}/x
            [task good]
            on = t
            shell = true
            command = echo "$SKYFOLD_KEY_text" > {out}/y
            """, t__csv="text\n\"a; touch harm\"\n")
        result = self.run_it(folder, code=5)
        self.assertIn("SKYFOLD_KEY_text", result.err)
        self.assertFalse((folder / "harm").exists())
        self.assertEqual((folder / "p/good/y").read_text(), "a; touch harm\n")

    def test_two_owners_are_refused(self):
        folder = self.place("two", """
            [pipeline]
            name = p
            [task wait]
            on = @start
            shell = true
            command = touch began; while [ ! -e go ]; do sleep 0.05; done
            """)
        first = subprocess.Popen([support.binary(), "pipeline", "run", "p.ini"], cwd=folder, env=support.environment(self.base), stderr=subprocess.DEVNULL)
        while not (folder / "began").exists() and first.poll() is None:
            time.sleep(0.02)
        result = self.run_it(folder, code=4)
        self.assertIn("another run is writing this output", result.err)
        (folder / "go").touch()
        self.assertEqual(first.wait(timeout=60), 0)


@unittest.skipUnless(shutil.which("source-extractor"), "source-extractor is absent (Debian package source-extractor)")
class Phat(Pipeline):
    def test_exposures_become_light_curves_and_a_broken_one_fails_alone(self):
        folder = pathlib.Path(self.path("phat"))
        shutil.copytree(support.SOURCE / "examples/phat", folder)
        text = (folder / "pipeline.ini").read_text().replace("{filter} 12 {out}", "{filter} 6 {out}").replace("page.py skyfold", f"page.py {support.binary()}")
        (folder / "p.ini").write_text(text)
        result = self.run_it(folder, "--slots", 2, code=5)
        self.assertEqual(len([line for line in result.err.splitlines() if "failed:" in line]), 1, result)
        self.assertRegex(result.err, r"extract .*filter=F814W.*visit=3")
        page = (folder / "phat/page/index.html").read_text()
        self.assertEqual(page.count("<img"), 4)
        self.assertTrue((folder / "phat/pipeline.html").exists())
        # The brightest scatter is that of stars which vary by construction.
        varying = self.varying_stars(folder)
        for position in self.positions_of_best(folder):
            self.assertLess(min((position[0] - star[0]) ** 2 + (position[1] - star[1]) ** 2 for star in varying) ** 0.5, 1.5 / 3600)

    def varying_stars(self, folder):
        import numpy as np
        sys.path.insert(0, str(folder))
        import simulate
        stars = []
        for field in (1, 2, 3):
            x, y, _, _, period, _ = simulate.stars(field)
            chosen = np.isfinite(period)
            # Gnomonic, about the middle of the image; small angles.
            ra = 10.5 + 0.2 * field - (x[chosen] + 1 - simulate.SIZE / 2) * simulate.SCALE / 3600 / np.cos(np.radians(41.2))
            dec = 41.2 + (y[chosen] + 1 - simulate.SIZE / 2) * simulate.SCALE / 3600
            stars += list(zip(ra, dec))
        return stars

    def positions_of_best(self, folder):
        rows = support.read_group(folder / "phat/objects.h5")
        by_id = dict(zip(rows["object_id"], zip(rows["ra"], rows["dec"])))
        return [by_id[int(number)] for number in re.findall(r"<h2>object (\d+)", (folder / "phat/page/index.html").read_text())]


if __name__ == "__main__":
    support.main()
