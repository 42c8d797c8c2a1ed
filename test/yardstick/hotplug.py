#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares what Unitvirt tells QEMU of devices that come and go with what libvirt's own tests record of theirs.

usage: hotplug.py [--program HOTPLUG-STEPS] [--unitvirt PROGRAM] [-v] TESTS [DEVICE...]

TESTS is the folder "tests" of a checkout of libvirt, or of its source package: qemuhotplugtest.c has the table of
guests and devices, with the commands that QEMU gets, qemuhotplugtestdevices and qemuhotplugtestdomains the documents.
Nothing of it is kept here. --program is what the build made of hotplug-steps.c.

Of each device of the table is looked at:

  commands   the same, in the same order, but for questions and for descriptors that are handed over
  device     what the guest's definition has of it afterwards is what libvirt's has
  arguments  what QEMU is told is what it would have been told of the recorded definition at a start (which "args" here
             compares with libvirt's command lines), but that <boot dev> is about those that were there at the start

Why some differ is in hotplug_differences.tsv; the exit status is 1 when others do, or when those do not."""

import argparse
import collections
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
CASE = re.compile(r'DO_TEST_(ATTACH|DETACH|UPDATE)\("(\w+)", "([^"]+)",\s*"([^"]+)", (\w+), (\w+),(.*?)\);\n', re.S)
# questions, and the passing of descriptors
LEFT_OUT = {"query-block", "query-fdsets", "qom-list", "add-fd", "remove-fd", "getfd", "closefd"}
# of a -device or -object, what its command is
OPTIONS = {"-device": "device_add", "-object": "object-add", "-blockdev": "blockdev-add", "-netdev": "netdev_add"}
NAMES = {"device_add": "id", "object-add": "id", "blockdev-add": "node-name", "netdev_add": "id"}


Case = collections.namedtuple("Case", "verb arch guest device refused kept commands")


def commands_of(text):
    """The names of commands in what a test's monitor is fed: every other word is an answer."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    names = re.findall(r'(?:^|,)\s*"([a-z_-]+)"\s*,', text)
    return [name for name in names if name not in LEFT_OUT]


def table(tests):
    with open(os.path.join(tests, "qemuhotplugtest.c"), encoding="utf-8") as f:
        text = f.read()
    for verb, arch, guest, device, refused, kept, rest in CASE.findall(text):
        yield Case(verb.lower(), arch, guest, device, refused == "true", kept == "true", commands_of("," + rest + ","))


def runs(cases):
    """Those that go on with the guest of the one before are one run."""
    run = []
    for case in cases:
        run.append(case)
        if not case.kept:
            yield run
            run = []


class Yardstick:
    def __init__(self, options):
        self.options = options
        self.env = dict(os.environ, TZ="REC+0:30")

    def path(self, folder, name):
        return os.path.join(self.options.tests, "qemuhotplugtest" + folder, f"qemuhotplug-{name}.xml")

    def verb(self, case):
        """One that fails for libvirt after device_del is one that the guest does not answer."""
        return "ask" if case.refused and case.commands == ["device_del"] else case.verb

    def steps(self, run):
        command = [self.options.program, self.path("domains", run[0].guest)]
        for case in run:
            command += [self.verb(case), self.path("devices", case.device)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        lines = [json.loads(line) for line in done.stdout.split("\n") if line.startswith("{")]
        if done.returncode == 1 and not lines:
            return None, done.stderr.strip().split("\n")[0]
        if done.returncode and "[  FAILED  ]" in done.stdout or len(lines) != len(run) + 1:
            sys.exit(f"{run[0].guest}: exit status {done.returncode}: {done.stdout[-500:]}{done.stderr[-2000:]}")
        return lines, None

    def at_start(self, path):
        """What QEMU would have been started with, (command, name): arguments."""
        with open(path, encoding="utf-8") as f, tempfile.NamedTemporaryFile("w", suffix=".xml") as plain:
            plain.write(re.sub(r"<boot dev=[^>]*/>", "", f.read()))
            plain.flush()
            done = subprocess.run([self.options.unitvirt, "args", "--as-is", "--recorded", "--qemu-version", "10.0",
                                   plain.name], capture_output=True, text=True, check=False, env=self.env)
        words, found = done.stdout.split("\n"), {}
        for option, value in zip(words, words[1:]):
            if option in OPTIONS and value.startswith("{"):
                arguments = json.loads(value)
                found[OPTIONS[option], arguments[NAMES[OPTIONS[option]]]] = arguments
        return found


def devices(text):
    """Texts of the devices of a definition, in the order of their class."""
    tree = ElementTree.fromstring(text)
    return collections.Counter(ElementTree.canonicalize(ElementTree.tostring(device, "unicode"), strip_text=True)
                               for device in tree.find("devices"))


def compare_device(before, after, expected):
    """What came is in the recording, too."""
    ours, theirs = devices(after) - devices(before), devices(expected)
    bad = ours - theirs
    return [f"+ {text}" for text in sorted(bad)] + [f"- {text}" for text in sorted(theirs - devices(after))
                                                    if bad] + ([] if ours else ["nothing came"])


def compare_arguments(commands, started):
    """Commands that name something which the recorded definition has at its start, in another way."""
    bad = []
    for command in commands:
        name = command["execute"]
        if name not in NAMES:
            continue
        arguments = command["arguments"]
        expected = started.get((name, arguments[NAMES[name]]))
        if expected != arguments:
            bad += [f"- {name} {json.dumps(expected, sort_keys=True)}",
                    f"+ {name} {json.dumps(arguments, sort_keys=True)}"]
    return bad


def look_at(yardstick, case, step, before):
    """Differences of one step, a line each."""
    names = [command["execute"] for command in step["commands"]]
    bad = []
    if yardstick.verb(case) == "ask":
        return [] if names == case.commands else [f"commands {names} for {case.commands}"]
    if case.refused != bool(step["code"]):
        return ["libvirt refuses it" if case.refused else f"refused: [{step['code']}] {step['error']}"]
    if names != case.commands:
        bad += list(difflib.ndiff(case.commands, names))
    if case.verb == "attach" and not case.refused:
        result = yardstick.path("domains", f"{case.guest}+{case.device}")
        with open(result, encoding="utf-8") as f:
            bad += compare_device(before, step["live"], f.read())
        bad += compare_arguments(step["commands"], yardstick.at_start(result))
    return bad


def known_differences():
    """(guest, device) of those that differ for a reason."""
    path = os.path.join(HERE, "hotplug_differences.tsv")
    with open(path, encoding="utf-8") as f:
        return {tuple(line.split("\t")[:2]) for line in f if not line.startswith("#")}


def judge(yardstick, run):
    """(device, verb, verdict, lines) of each step."""
    steps, why = yardstick.steps(run)
    if steps is None:
        for case in run:
            yield case, "refused", [why]
        return
    before = steps[0]["live"]
    for case, step in zip(run, steps[1:]):
        bad = look_at(yardstick, case, step, before)
        yield case, "different" if bad else "the same", bad
        before = step["live"]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--program", default="build-check/test/yardstick/hotplug-steps")
    parser.add_argument("--unitvirt", default="build-check/tool/unitvirt")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("tests")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    yardstick, known, outcome, bad = Yardstick(options), known_differences(), collections.Counter(), 0
    seen = collections.defaultdict(set)
    for run in runs(table(options.tests)):
        if options.names and not any(case.device in options.names for case in run):
            continue
        for case, verdict, lines in judge(yardstick, run):
            seen[case.guest, case.device].add(verdict)
            if verdict != "the same" and (case.guest, case.device) in known:
                verdict += " for a reason"
            outcome[verdict] += 1
            if lines and (options.verbose or not verdict.endswith("reason")):
                print(f"{case.verb} {case.device} ({case.guest}): {verdict}")
                print("\n".join("    " + line for line in lines))
    for key, verdicts in sorted(seen.items()):
        if (verdicts != {"the same"}) != (key in known):
            bad += 1
            print(f"{key[1]} ({key[0]}): {'is the same, though known to differ' if key in known else 'differs'}")
    print(f"{len({device for _, device in seen})} devices, {sum(outcome.values())} steps: " +
          (", ".join(f"{n} {what}" for what, n in sorted(outcome.items())) or "none"))
    return 1 if bad or not outcome else 0


if __name__ == "__main__":
    sys.exit(main())
