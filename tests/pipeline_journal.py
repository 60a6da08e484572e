"""Journals of pipelines that tests write by hand, record by record, as docs/pipeline-status.md's readers get them."""
import json
import os
import pathlib
import subprocess


class Journal:
    """Collects records; `write` seals each line with its checksum, by the program that SKYFOLD_SEAL_JOURNAL names."""

    def __init__(self, now=1_790_000_000.0):
        self.lines, self.now, self.events, self.jobs = [], now, 0, 0

    def add(self, kind, **fields):
        self.lines.append(json.dumps({"r": kind, **fields}))

    def session(self, host="node03", slots=2, user="ada", pid=4711):
        self.add("session", time=self.now, host=host, version="0.1.0", user=user, pid=pid, slots=slots)

    def root(self, **keys):
        self.events += 1
        self.add("event", id=self.events, parent=0, **{"class": "@start"}, keys=list(map(list, keys.items())))
        return self.events

    def job(self, node, events, **keys):
        self.jobs += 1
        self.add("job", id=self.jobs, node=node, events=events, keys=list(map(list, keys.items())), set="")
        return self.jobs

    def start(self, job, agent="owner", host="node03", attempt=1, at=None):
        self.add("start", job=job, attempt=attempt, time=self.now if at is None else at, agent=agent, host=host)

    def end(self, job, how="completed", wall=1.0, emits=(), attempt=1, at=None, cpu=None, memory=50_000_000, **fields):
        """`emits`: pairs of a class and its keys. Returns ids of the events."""
        ids, events = [], []
        for name, keys in emits:
            self.events += 1
            ids.append(self.events)
            events.append({"r": "event", "id": self.events, "parent": job, "class": name, "keys": list(map(list, keys.items()))})
        more = dict(fields, **({"events": events} if events else {}))
        self.add("end", job=job, attempt=attempt, how=how, time=self.now if at is None else at, wall=wall, cpu=0.9 * wall if cpu is None else cpu, memory=memory, **more)
        return ids

    def close(self, code):
        self.add("close", time=self.now, exit=code)

    def write(self, home):
        pathlib.Path(home).mkdir(parents=True, exist_ok=True)
        sealed = subprocess.run([os.environ["SKYFOLD_SEAL_JOURNAL"]], input="\n".join(self.lines) + "\n", capture_output=True, text=True, check=True)
        (pathlib.Path(home) / "journal").write_text(sealed.stdout)


def survey(journal, bricks=3, images=4, slots=4, failed=((2, 1),), hosts=("node03", "node07")):
    """A run of the pipeline below on slots of two machines; the images of `failed` (brick, number) fail, and so their stacks stay away."""
    free = [journal.now] * slots
    journal.session(slots=slots)
    roots = {(b, i): journal.root(brick=str(b), image=f"j8x{b}{i}.fits") for b in range(bricks) for i in range(images)}

    def run(job, wall, ready, **how):
        slot = min(range(slots), key=lambda s: max(free[s], ready))
        begin = max(free[slot], ready)
        host = hosts[slot % len(hosts)]
        journal.start(job, agent=f"{host}-{slot % len(hosts)}", host=host, at=begin)
        free[slot] = begin + wall
        journal.now = max(journal.now, free[slot])
        return journal.end(job, wall=wall, at=free[slot], **how), free[slot]

    start = journal.now
    for b in range(bricks):
        reduced, last, whole = [], start, True
        for i in range(images):
            keys = {"brick": str(b), "image": f"j8x{b}{i}.fits"}
            job = journal.job("reduce", [roots[b, i]], **keys)
            if (b, i) in failed:
                run(job, 9.0 + i, start, how="failed", exit=2, message="no PSF star")
                whole = False
                continue
            ids, end = run(job, 30.0 + 7 * i + 3 * b, start, emits=[("reduced", keys)])
            reduced, last = reduced + ids, max(last, end)
        if whole:
            ids, end = run(journal.job("stack", reduced, brick=str(b)), 55.0, last, emits=[("stacked", {"brick": str(b)})])
            job = journal.job("photometry", ids, brick=str(b))
            run(job, 80.0 + 10 * b, end)
    return journal


SURVEY_INI = """[pipeline]
name = phat
targets = image in images.csv

[task reduce]
command = ./reduce.sh {image} {out}
on = image
emits = reduced
[task stack]
command = ./stack.sh {brick}
on = reduced, all of brick
emits = stacked
attempts = 3
[task photometry]
command = ./photometry.sh {brick}
on = stacked
[task merge]
command = ./merge.sh
on = stacked, all of *
"""


def write_survey(folder, bricks=3, images=4):
    """The pipeline file with its targets; returns its path."""
    folder = pathlib.Path(folder)
    rows = "".join(f"{b},j8x{b}{i}.fits\n" for b in range(bricks) for i in range(images))
    (folder / "images.csv").write_text("brick,image\n" + rows)
    (folder / "SURVEY.ini").write_text(SURVEY_INI)
    return str(folder / "SURVEY.ini")
