#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares the arguments of qemu-img that Unitvirt makes of volumes with those that libvirt's own tests record.

usage: volume_args.py [--program VOLUME-ARGS] [-v] TESTS [NAME...]

TESTS is the folder "tests" of a checkout of libvirt, or of its source package: storagevolxml2argvtest.c has the table,
storagevolxml2argvdata the answers. Nothing of it is kept here. --program is what the build made of volume-args.c.

Names of secrets are the program's own affair; all else has to be the same. The exit status is 1 when some are different
that volume_differences.tsv does not know, or the same that it does."""

import argparse
import collections
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CASE = re.compile(r"^ +DO_TEST(_FULL|_FAIL)?\(([^()]*)\);", re.M)
FLAGS = {"0": 0, "flags": 1}


def table(tests):
    """(pool, volume, input volume or None, name of the answer, flags, whether libvirt refuses it)."""
    with open(os.path.join(tests, "storagevolxml2argvtest.c"), encoding="utf-8") as f:
        text = f.read()
    for kind, words in CASE.findall(text):
        words = [word.strip().strip('"') for word in words.split(",")]
        refused = kind == "_FAIL"
        if kind == "_FULL":
            refused, words = words[0] == "true", words[2:]
        pool, volume, _, source, name, flags = words
        yield pool, volume, None if source == "NULL" else source, name, FLAGS[flags], refused


def ours(program, tests, pool, volume, source, flags):
    volumes = os.path.join(tests, "storagevolxml2xmlin")
    command = [program, str(flags), os.path.join(tests, "storagepoolxml2xmlin", pool + ".xml"),
               os.path.join(volumes, volume + ".xml")]
    if source:
        command.append(os.path.join(volumes, source + ".xml"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{volume}: exit status {done.returncode}: {done.stderr}")
    return (done.stdout.split("\n")[:-1], None) if done.returncode == 0 else (None, done.stderr.strip())


def theirs(tests, name):
    with open(os.path.join(tests, "storagevolxml2argvdata", name + ".argv"), encoding="utf-8") as f:
        words = f.read().replace("\\\n", " ").split()
    return [re.sub(r"\b[\w.]+_encrypt0\b", "volume0", word) for word in words]


def known_differences():
    with open(os.path.join(HERE, "volume_differences.tsv"), encoding="utf-8") as f:
        return dict(line.rstrip("\n").split("\t") for line in f if not line.startswith("#"))


def judge(program, tests, case):
    pool, volume, source, name, flags, refused = case
    made, why = ours(program, tests, pool, volume, source, flags)
    if refused:
        return ("refused by both", why) if made is None else ("different", "libvirt refuses it")
    if made is None:
        return "different", f"refused: {why}"
    expected = theirs(tests, name)
    # progress is for whoever watches
    made = [word for word in made if word != "-p"]
    return ("identical", "") if made == expected else ("different", f"{' '.join(expected)}\n    {' '.join(made)}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--program", default="build-check/test/yardstick/volume-args")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("tests")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    known, outcome, bad = known_differences(), collections.Counter(), 0
    for case in table(options.tests):
        name = case[3]
        if options.names and name not in options.names:
            continue
        verdict, words = judge(options.program, options.tests, case)
        if (verdict == "different") != (name in known):
            bad += 1
            print(f"{name}: {verdict}" + (", and is not known to be" if verdict == "different" else ", though known"))
        elif verdict == "different":
            verdict = "different for a known reason"
        if options.verbose and words:
            print(f"{name}: {verdict}\n    {words}")
        outcome[verdict] += 1
    print(", ".join(f"{n} {what}" for what, n in sorted(outcome.items())) or "no cases")
    return 1 if bad or not outcome else 0


if __name__ == "__main__":
    sys.exit(main())
