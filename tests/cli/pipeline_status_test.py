"""What shows pipelines: tree, page, graph and sums of journals that the test writes; while the owner lives, after it has gone, cut off anywhere."""
import csv
import fcntl
import io
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import browser
import pipeline_journal
import support
from browser import By

USAGE, DATA, IO = 2, 3, 4


def held_lock(home):
    """A lock as a living owner has it, on this machine; closed with its file."""
    file = open(pathlib.Path(home) / "lock", "w")
    start = pathlib.Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19]
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    file.write(f"{os.uname().nodename} {os.getpid()} {start} - {boot} {os.readlink('/proc/self/ns/pid')} 000000000000\n")
    file.flush()
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


class PipelineTest(support.SkyfoldTest):
    def write(self, journal=None, **how):
        file = pipeline_journal.write_survey(self.folder)
        journal = journal or pipeline_journal.survey(pipeline_journal.Journal(), **how)
        journal.write(self.folder / "phat")
        return file


class Status(PipelineTest):
    def test_the_tree_of_the_published_form(self):
        out = self.skyfold("pipeline", "status", self.write()).out
        self.assertIn("phat (", out)
        self.assertIn("\nEvent(10) image brick=2 image=j8x21.fits: completed, 1 failed below\n"
                      f'  Job(14): FAILED (node07-1, 10 s, exit 2, "no PSF star") for Task(reduce)   {self.folder}/phat/log/reduce.14.log\n', out)
        self.assertRegex(out, r"task reduce +11 completed, 1 FAILED")
        self.assertNotIn("\033", out)

    def test_failed_and_find_show_their_branches_alone(self):
        file = self.write()
        failed = self.skyfold("pipeline", "status", file, "--failed").out
        self.assertEqual(re.findall(r"(Event|Job)\((\d+)\)", failed), [("Event", "10"), ("Job", "14")])
        found = self.skyfold("pipeline", "status", file, "--find", "Task(photometry)").out
        self.assertEqual([n for kind, n in re.findall(r"(Event|Job)\((\d+)\):?.*(?=\n)", found) if kind == "Job"].count("6"), 1)
        self.assertNotIn("Job(14)", found)
        self.assertIn("nothing found", self.skyfold("pipeline", "status", file, "--find", "no such text").out)

    def test_json_has_every_record(self):
        file = self.write()
        told = json.loads(self.skyfold("pipeline", "status", file, "--json").out)
        self.assertEqual((told["name"], told["state"], told["holder"], told["exit_code"]), ("phat", "interrupted", "", -1))
        self.assertEqual((len(told["events"]), len(told["jobs"])), (25, 16))
        job = next(job for job in told["jobs"] if job["id"] == 14)
        self.assertEqual((job["state"], job["attempts"][0]["exit_code"], job["attempts"][0]["message"]), ("failed", 2, "no PSF star"))
        self.assertEqual(sum(node["completed"] for node in told["nodes"]), 15)
        alone = json.loads(self.skyfold("pipeline", "status", file, "--json", "--failed").out)
        self.assertEqual([job["id"] for job in alone["jobs"]], [14])

    def test_it_tells_whether_the_owner_lives(self):
        journal = pipeline_journal.survey(pipeline_journal.Journal())
        journal.start(journal.job("stack", [13], brick="9"))
        file = self.write(journal)
        lock = held_lock(self.folder / "phat")
        self.addCleanup(lock.close)
        alive = self.skyfold("pipeline", "status", file).out
        self.assertIn(f"running, held by {os.uname().nodename}, process {os.getpid()}, which lives", alive)
        self.assertIn("Job(17): running", alive)
        lock.close()   # as when its process dies: the file stays
        (self.folder / "phat/lock").write_text(re.sub(r"^(\S+) \d+", r"\1 999999999", (self.folder / "phat/lock").read_text()))
        dead = self.skyfold("pipeline", "status", file).out
        self.assertIn("interrupted: its owner is gone and nobody holds the lock", dead)
        self.assertIn("Job(17): interrupted", dead)

    def test_it_watches_until_the_owner_has_gone(self):
        journal = pipeline_journal.survey(pipeline_journal.Journal())
        file = self.write(journal)
        lock = held_lock(self.folder / "phat")
        process = subprocess.Popen([support.binary(), "pipeline", "status", file, "--watch", "0.05"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.assertIn("running", process.stdout.readline())
        more = pipeline_journal.Journal()
        more.lines, more.jobs, more.events = list(journal.lines), journal.jobs, journal.events
        more.job("stack", [1], brick="77")
        more.close(5)
        sealed = self.folder / "more"
        more.write(sealed)
        written = (self.folder / "phat/journal").read_bytes()
        with open(self.folder / "phat/journal", "ab") as end:
            end.write((sealed / "journal").read_bytes()[len(written):])
        (self.folder / "phat/lock").unlink()
        lock.close()
        out = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 0)
        self.assertIn("ended, exit code 5", out)
        self.assertIn("Job(17): ready", out)

    def test_colours_are_for_terminals_alone(self):
        file = self.write()

        def on_terminal(**more):
            master, slave = pty.openpty()
            subprocess.run([support.binary(), "pipeline", "status", file], stdout=slave, stderr=subprocess.DEVNULL, check=True, env=dict(os.environ, **more))
            os.close(slave)
            text = b""
            try:
                while chunk := os.read(master, 65536):
                    text += chunk
            except OSError:
                pass   # the other end is closed
            os.close(master)
            return text.decode()

        self.assertIn("\033[1;31mJob(14): FAILED", on_terminal())
        self.assertNotIn("\033", on_terminal(NO_COLOR="1"))

    def test_a_journal_cut_anywhere_is_shown(self):
        file = self.write(bricks=1)
        journal = self.folder / "phat/journal"
        whole = journal.read_bytes()
        lines = whole.count(b"\n")
        for cut in [0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 1]:
            journal.write_bytes(whole[:cut])
            told = json.loads(self.skyfold("pipeline", "status", file, "--json").out)
            self.assertLessEqual(len(told["events"]) + len(told["jobs"]), lines)

    def test_what_is_wrong_is_said_in_one_line(self):
        file = self.write()
        journal = self.folder / "phat/journal"
        text = journal.read_text()
        journal.write_text(text.replace('"node": "reduce"', '"node": "reduse"', 1))
        self.assertRaisesMessage(("status", file), DATA, r"journal:\d+: damaged")
        journal.write_text(text)
        self.assertRaisesMessage(("status", self.path("none.ini")), None, "none.ini")
        self.assertRaisesMessage(("status", file, "--html", self.path("no/folder/p.html")), IO, "no/folder")
        self.assertRaisesMessage(("status", file, "--html", self.path("p.png.fits")), USAGE, "p.png.fits")
        self.assertRaisesMessage(("graph", file, "--output", self.path("g.png")), USAGE, r"must end in \.svg or \.dot")
        self.assertRaisesMessage(("report", file, "--csv", "--json"), USAGE, "exclude each other")
        self.assertRaisesMessage(("report", file, "--by", "moon"), USAGE, "moon")
        self.assertEqual(sorted(os.listdir(self.folder)), ["SURVEY.ini", "images.csv", "phat"])

    def assertRaisesMessage(self, words, code, message):
        result = self.run_skyfold("pipeline", *words)
        self.assertIn(result.code, (code,) if code else (USAGE, DATA, IO), str(result))
        self.assertEqual(len(result.errors()), 1, str(result))
        self.assertRegex(result.errors()[0], message)

    def test_before_the_first_run_it_says_so(self):
        file = pipeline_journal.write_survey(self.folder)
        self.assertIn("not started", self.skyfold("pipeline", "status", file).out)

    def test_long_trees_say_what_they_leave_out(self):
        journal = pipeline_journal.Journal()
        for i in range(500):
            job = journal.job("reduce", [journal.root(image=str(i))])
            journal.start(job)
            journal.end(job, how="failed" if i == 444 else "completed")
        file = self.write(journal)
        out = self.skyfold("pipeline", "status", file).out
        self.assertIn("Job(445): FAILED", out)
        self.assertIn("at most 200 lines are shown", out)
        left_out = [tuple(map(int, pair)) for pair in re.findall(r"left out: (\d+) events?, (\d+) jobs?", out)]
        shown = len(re.findall(r"(?m)^ *(?:Event|Job)\(", out))
        self.assertEqual(shown + sum(map(sum, left_out)), 1000)
        self.assertEqual(shown, 200)
        self.assertEqual(len(re.findall(r"(?m)^ *(?:Event|Job)\(", self.skyfold("pipeline", "status", file, "--lines", 0).out)), 1000)


class Report(PipelineTest):
    def test_sums_are_those_of_the_records(self):
        journal = pipeline_journal.survey(pipeline_journal.Journal())
        file = self.write(journal)
        records = [json.loads(line) for line in journal.lines]
        nodes = {r["id"]: r["node"] for r in records if r["r"] == "job"}
        hosts = {r["job"]: r["host"] for r in records if r["r"] == "start"}
        for by, name_of in (("task", nodes), ("node", nodes), ("host", hosts), ("user", dict.fromkeys(nodes, "ada"))):
            expected = {}
            for r in records:
                if r["r"] == "end":
                    sums = expected.setdefault(name_of[r["job"]], [0, 0.0, 0.0, 0])
                    for place, value in enumerate((1, r["cpu"], r["wall"], r["how"] == "failed")):
                        sums[place] += value
            rows = list(csv.DictReader(io.StringIO(self.skyfold("pipeline", "report", file, "--by", by, "--csv").out)))
            found = {row[by]: [int(row["attempts"]), float(row["core_s"]), float(row["wall_s"]), int(row["failed"])] for row in rows}
            total = found.pop("all")
            self.assertEqual(found.keys(), expected.keys())
            for name, sums in expected.items():
                for got, wanted in zip(found[name], sums):
                    self.assertAlmostEqual(got, wanted, places=6)
            self.assertAlmostEqual(total[1], sum(sums[1] for sums in expected.values()), places=6)
            as_json = json.loads(self.skyfold("pipeline", "report", file, "--by", by, "--json").out)
            self.assertEqual([row["name"] for row in as_json["rows"]], [row[by] for row in rows])
        self.assertIn("core hours", self.skyfold("pipeline", "report", file).out)


class Graph(PipelineTest):
    def test_svg_is_xml_with_every_node_and_its_counts(self):
        file = self.write()
        self.skyfold("pipeline", "graph", file, "--output", self.path("g.svg"))
        texts = [element.text for element in xml.parse(self.path("g.svg")).iter("{http://www.w3.org/2000/svg}text")]
        for text in ("reduce", "stack", "photometry", "merge", "reduced", "stacked", "images.csv", "11 completed, 1 FAILED", "all of brick"):
            self.assertIn(text, texts)

    def test_dot_has_the_edges_of_the_file(self):
        file = self.write()
        self.skyfold("pipeline", "graph", file, "--output", self.path("g.dot"))
        text = pathlib.Path(self.path("g.dot")).read_text()
        names = dict(re.findall(r'(?m)^  (n\d+) \[label="([^"\\]*)', text))
        edges = {(names[a], names[b]) for a, b in re.findall(r"(n\d+) -> (n\d+)", text)}
        self.assertEqual(edges, {("images.csv", "reduce"), ("reduce", "reduced"), ("reduced", "stack"), ("stack", "stacked"), ("stacked", "photometry"), ("stacked", "merge")})


class Rehearsal(PipelineTest):
    def rehearse(self, *words):
        return json.loads(self.skyfold("rehearse", "--pipeline", *words, "--json").out)

    def whole(self):
        """Six bricks of which three have been done."""
        journal = pipeline_journal.survey(pipeline_journal.Journal(), failed=())
        merge = journal.job("merge", [17, 18, 19])
        journal.start(merge)
        journal.end(merge, wall=20.0)
        journal.close(0)
        journal.write(self.folder / "phat")
        return pipeline_journal.write_survey(self.folder, bricks=6)

    def test_one_slot_takes_the_sum_and_many_the_longest_branch(self):
        file = self.whole()
        found = self.rehearse(file, "--slots", "1,1000")
        one, many = found["cases"]
        self.assertAlmostEqual(one["wall_s"], 3600 * one["slot_hours"], places=6)
        nodes = {node["name"]: node for node in found["nodes"]}
        self.assertEqual({name: (node["jobs"], node["known"]) for name, node in nodes.items()},
                         {"reduce": (24, 12), "stack": (6, 3), "photometry": (6, 3), "merge": (1, 1)})
        # Images of a brick, its stack, its photometry, then the stacks are merged: photometry stands before that and does not say that it emits none.
        self.assertLessEqual(many["wall_s"], nodes["reduce"]["longest_s"] + 55 + nodes["photometry"]["longest_s"] + 20 + 1e-6)
        self.assertGreaterEqual(many["wall_s"], nodes["photometry"]["longest_s"] + 55 + 30 + 20)

    def test_prices_choose_between_time_and_idle_slots(self):
        file = self.whole()
        found = self.rehearse(file, "--slots", "1,2,4,1000", "--price", 0.1, "--fixed-price", 0.5, "--preemption-rate", 2)
        costs = [case["cost"] for case in found["cases"]]
        for case in found["cases"]:
            self.assertAlmostEqual(case["cost"], case["wall_s"] / 3600 * (0.1 * case["slots"] + 0.5), places=9)
        self.assertLess(costs[found["chosen"]], 1.0101 * min(costs))
        self.assertNotEqual(found["chosen"], 3)
        calm = self.rehearse(file, "--slots", "1", "--price", 0.1)
        self.assertGreater(found["cases"][0]["slot_hours"], calm["cases"][0]["slot_hours"])
        self.assertIn("<", self.skyfold("rehearse", "--pipeline", file, "--ranks", "1,4").out)

    def test_what_is_wrong_is_said_in_one_line(self):
        file = self.whole()
        for words, code, message in ((["--pipeline", file, "--from", "z.h5"], USAGE, "excludes"), (["--price", "1", "--cost.compute", "1"], USAGE, "--pipeline"),
                                     (["--pipeline", file, "--preemption-rate", "1e6"], DATA, "never ends"), (["--pipeline", self.path("no.ini")], None, "no.ini")):
            result = self.run_skyfold("rehearse", *words)
            self.assertIn(result.code, (code,) if code else (USAGE, IO), str(result))
            self.assertEqual(len(result.errors()), 1, str(result))
            self.assertRegex(result.errors()[0], message)


@browser.needed
class Page(PipelineTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = browser.start(cls.base)
        cls.addClassCleanup(cls.browser.quit)

    def open(self, journal=None, width=1200):
        file = self.write(journal)
        self.skyfold("pipeline", "status", file, "--html", self.path("p.html"))
        self.browser.set_window_size(width, 900)
        self.browser.get(pathlib.Path(self.path("p.html")).as_uri())
        self.assertEqual(self.browser.get_log("browser"), [])

    def find(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def section(self, title):
        """Elements between a heading and the next one, as one list of tables and folds."""
        return self.browser.execute_script(
            "const all = []; let at = [...document.querySelectorAll('h2')].find(h => h.textContent === arguments[0]).nextElementSibling;"
            "for (; at && at.tagName !== 'H2'; at = at.nextElementSibling) all.push(at); return all", title)

    def test_tables_sort_by_number_and_by_text(self):
        self.open()
        table = self.section("Jobs")[0].find_element(By.TAG_NAME, "table")
        column = lambda i: [row.find_elements(By.TAG_NAME, "td")[i].text for row in table.find_elements(By.TAG_NAME, "tr")[1:]]
        heads = table.find_elements(By.TAG_NAME, "th")
        heads[0].click()
        self.assertEqual(column(0), [str(n) for n in range(1, 17)])
        heads[0].click()
        self.assertEqual(column(0), [str(n) for n in range(16, 0, -1)])
        self.assertEqual(heads[0].get_attribute("aria-sort"), "descending")
        heads[1].click()
        self.assertEqual(column(1), sorted(column(1)))

    def test_the_tree_folds_and_remembers(self):
        self.open()
        folds = self.find(".tree details")
        self.assertEqual(len(folds), 12 + 11 + 2 + 2 + 2)   # roots; reduced; the last ones, with their stacks and what was stacked
        self.find("#fold")[0].click()
        self.assertFalse(any(fold.get_attribute("open") for fold in folds))
        self.find("#e1 > summary")[0].click()
        # What is kept is written when the browser tells of the change, which may be after the click.
        kept = "return [...document.querySelectorAll('.tree details')].every(f => sessionStorage.getItem(f.id) === (f.id === 'e1' ? 'open' : 'closed'))"
        for _ in range(600):
            if self.browser.execute_script(kept):
                break
            time.sleep(0.05)
        self.browser.refresh()
        self.assertEqual([fold.get_attribute("id") for fold in self.find(".tree details[open]")], ["e1"])
        self.find("#unfold")[0].click()
        self.assertTrue(all(fold.get_attribute("open") for fold in self.find(".tree details")))

    def test_failures_have_their_last_line_and_log(self):
        self.open()
        text = self.section("Failures")[0].text
        self.assertIn('exit 2, "no PSF star"', text)
        self.assertIn("phat/log/reduce.14.log", text)

    def test_the_timeline_has_a_bar_for_each_attempt(self):
        self.open()
        bars = self.find("svg.tl rect")
        self.assertEqual(len(bars), 16)
        self.assertEqual(len(self.find("svg.tl rect.failed")), 1)
        boxes = [self.browser.execute_script("const b = arguments[0].getBBox(); return [b.x, b.x + b.width, b.y]", bar) for bar in bars]
        for i, (left, right, y) in enumerate(boxes):
            for left2, right2, y2 in boxes[:i]:
                self.assertTrue(y != y2 or right <= left2 + 0.2 or right2 <= left + 0.2, "bars of one lane overlap")

    def test_it_fits_a_phone_and_a_wide_screen(self):
        for width in (400, 1600):
            self.open(width=width)
            inner, page = self.browser.execute_script("return [window.innerWidth, document.documentElement.scrollWidth]")
            self.assertLessEqual(page, inner + 1, width)
            self.assertGreaterEqual(self.browser.execute_script("return parseFloat(getComputedStyle(document.body).fontSize)"), 14)

    def test_texts_are_shown_and_never_run(self):
        evil = "</script><img src=x onerror=document.title='hit'>"
        journal = pipeline_journal.Journal()
        journal.session(user=evil, host=evil)
        job = journal.job("reduce", [journal.root(image=evil)], image=evil)
        journal.start(job, agent=evil, host=evil)
        journal.end(job, how="failed", message=evil, exit=1)
        self.open(journal)
        self.assertEqual(self.find("img"), [])
        self.assertNotEqual(self.browser.title, "hit")
        self.assertIn(evil, self.section("Failures")[0].text)

    def test_it_loads_nothing_and_works_without_its_script(self):
        self.open()
        text = pathlib.Path(self.path("p.html")).read_text()
        for start in ('src="', 'href="http', "@import"):
            self.assertNotIn(start, text)
        self.assertEqual(set(re.findall(r"url\([^)]*\)", text)), {"url(#pg-arrow)"})
        (self.folder / "plain.html").write_text(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))
        self.browser.get((self.folder / "plain.html").as_uri())
        self.assertGreater(len(self.find(".tree details[open]")), 0)
        self.assertEqual(len(self.find("svg.tl rect")), 16)


if __name__ == "__main__":
    support.main()
