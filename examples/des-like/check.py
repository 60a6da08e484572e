"""Compares a spectroscopic sample with the groups whose right answer is known.

usage: check.py SPEC.h5 expected.json
"""
import json
import sys

import h5py
import numpy as np


def direction(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def main():
    with h5py.File(sys.argv[1]) as file:
        spec = {name: values[...] for name, values in file["object"].items()}
    places = direction(spec["ra"], spec["dec"]).T
    wrong = 0
    for case in json.load(open(sys.argv[2])):
        near = np.flatnonzero(np.linalg.norm(places - direction(case["ra"], case["dec"]), axis=1) < np.radians(3 / 3600))
        found = sorted((spec["survey"][i].decode().rstrip("\0"), round(float(spec["z"][i]), 6), int(spec["group_size"][i])) for i in near)
        right = sorted((o["survey"], o["z"], o["group_size"]) for o in case["objects"])
        print(f"{'ok ' if found == right else 'BAD'}  {case['rule']}" + ("" if found == right else f": {found}, expected {right}"))
        wrong += found != right
    sys.exit(1 if wrong else 0)


main()
