#!/usr/bin/python3
"""Curation of simulated nights: time of each use case, by file and by detection; ingest while others extract against ingest afterwards, on two ranks;
and a rehearsal of five machines in virtual time beside the gains that the WFCAM Science Archive has published (Sutorius et al.).
usage: curation.py build/release/bin/skyfold [NIGHTS [FOLDER]]   (30 nights of a hundredth of a real one; FOLDER keeps what is made)"""
import heapq
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

SKYFOLD = str(pathlib.Path(sys.argv[1]).resolve())
NIGHTS = int(sys.argv[2]) if len(sys.argv) > 2 else 30
PUBLISHED = {"cu2": 4.0, "cu3": 3.0, "cu4": 2.0}  # gains on five machines, 30 nights


def skyfold(*words, ranks=1, codes=(0, 5)):
    """Wall seconds and what was said; damaged files are expected, and end with code 5."""
    launcher = ["mpirun", *(["--allow-run-as-root"] if os.geteuid() == 0 else []), "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]
    environment = dict(os.environ, OMPI_MCA_mpi_yield_when_idle="1", OMP_NUM_THREADS="1")
    start = time.time()
    done = subprocess.run([*(launcher if ranks > 1 else []), SKYFOLD, *map(str, words)], capture_output=True, text=True, env=environment)
    if done.returncode not in codes:
        sys.exit(f"{words}: {done.returncode}\n{done.stderr}")
    return time.time() - start, done.stderr + done.stdout


def costs_of(archive):
    """Jobs of each use case as those who extracted have noted them: files, bytes, rows, seconds."""
    jobs = {}
    for path in (archive / "costs").iterdir():
        for line in path.read_text().splitlines():
            use_case, *numbers = line.split("\t")
            jobs.setdefault(use_case, []).append([float(x) for x in numbers])
    return jobs


def rehearsed(extract, ingest, machines, decoupled):
    """Wall time of chunks that are extracted by so many machines, the longest first, and ingested by one process, in the order in which they are there."""
    free = [0.0] * machines
    ready = []
    for e, i in sorted(zip(extract, ingest), reverse=True):
        at = heapq.heappop(free)
        ready.append((at + e, i))
        heapq.heappush(free, at + e)
    end = 0.0 if decoupled else max(free)
    for at, i in sorted(ready):
        end = max(end, at) + i
    return end


def main(folder):
    tree = folder / "nights"
    if not tree.with_suffix(".csv").exists():
        seconds, said = skyfold("mock", "--kind", "nights", "--nights", NIGHTS, "--output", tree, ranks=2, codes=(0,))
        print(f"mock: {NIGHTS} nights in {seconds:.1f} s")
    archives = {name: folder / name for name in ("steps", "meanwhile", "after", "alone")}
    for path in archives.values():
        shutil.rmtree(path, ignore_errors=True)

    # Step by step, in one process.
    steps = archives["steps"]
    register, _ = skyfold("curate", "register", tree, "--archive", steps)
    skyfold("curate", "extract", "--archive", steps, "--wait", "false")
    ingest3, said3 = skyfold("curate", "ingest", "--archive", steps)
    skyfold("curate", "extract", "--archive", steps, "--wait", "false")
    ingest4, said4 = skyfold("curate", "ingest", "--archive", steps)
    ingest = {"cu2": 0.0, "cu3": ingest3, "cu4": ingest4}  # previews come in with the metadata, and are few rows
    files = sum(1 for _ in tree.glob("*/*"))
    print(f"register: {register:.2f} s, {1e3 * register / files:.2f} ms a file ({files} files, all bytes read and hashed)")
    jobs = costs_of(steps)
    for use_case, what, column in (("cu2", "file", 0), ("cu3", "file", 0), ("cu4", "detection", 2)):
        seconds, units = sum(j[3] for j in jobs[use_case]), sum(j[column] for j in jobs[use_case])
        print(f"{use_case}: {len(jobs[use_case])} chunks, extraction {seconds:.2f} s: {1e6 * seconds / units:.3g} us a {what} "
              f"({units / seconds:,.0f} {what}s/s); ingest {ingest[use_case]:.2f} s")

    # Five machines in virtual time, with the costs measured above; and with an ingest as long as the extraction.
    print("rehearsal: gain of five machines over one, ingest by one process meanwhile; published")
    for use_case, published in PUBLISHED.items():
        extract = [j[3] for j in jobs[use_case]]
        share = [ingest[use_case] * e / sum(extract) for e in extract]
        gain = (sum(extract) + sum(share)) / rehearsed(extract, share, 5, True)
        # By Amdahl's law the published gain is that of a serial part f: the same part, ingested meanwhile, would be hidden.
        f = (5 / published - 1) / 4
        serial = [f / (1 - f) * e for e in extract]
        hidden = (sum(extract) + sum(serial)) / rehearsed(extract, serial, 5, True)
        after = (sum(extract) + sum(serial)) / rehearsed(extract, serial, 5, False)
        print(f"  {use_case}: {gain:.1f}x with what was measured (ingest {100 * ingest[use_case] / (sum(extract) + ingest[use_case]):.0f} % of the time); "
              f"published {published:.0f}x, that is a serial part of {100 * f:.0f} %: rehearsed {after:.1f}x ingested afterwards, {hidden:.1f}x meanwhile")
    extract = [j[3] for j in jobs["cu4"]]
    # One machine extracts while the other ingests, or one does both.
    print(f"  ingest as long as extraction, two machines: meanwhile / one after the other "
          f"{rehearsed(extract, extract, 1, True) / (2 * sum(extract)):.2f} (aim: 0.6)")

    # Two ranks: while others extract, afterwards; and one process that does one after the other.
    walls = {}
    for name, words, ranks in (("meanwhile", [], 2), ("after", ["--ingest", "after"], 2), ("alone", ["--ingest", "after"], 1)):
        walls[name], said = skyfold("curate", "run", tree, "--archive", archives[name], *words, ranks=ranks)
        print(f"run, {ranks} rank{'s' if ranks > 1 else ''}, ingest {'meanwhile' if name == 'meanwhile' else 'after'}: {walls[name]:.2f} s "
              f"({', '.join(re.findall(r'[0-9,]+ detections ingested in [0-9.]+ s', said))})")
    print(f"ingest meanwhile / after, 2 ranks: {walls['meanwhile'] / walls['after']:.2f}; / one process, one after the other: "
          f"{walls['meanwhile'] / walls['alone']:.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 3:
        pathlib.Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)
        main(pathlib.Path(sys.argv[3]).resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="skyfold_bench_") as folder:
            main(pathlib.Path(folder))
