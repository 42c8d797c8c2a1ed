# SPDX-License-Identifier: LGPL-2.1-or-later
"""The mount option of the machine's cgroups that vm-cgroups.service sets where Unitvirt is installed. The machines of a
benchmark are containers, in which that unit has nothing to say, so the benchmark sets it, for both sides."""

import contextlib
import subprocess

OPTION = "favordynmods"


def mounted():
    """(where, options) of the unified hierarchy."""
    with open("/proc/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, where, kind, options, *_ = line.split()
            if kind == "cgroup2":
                return where, options.split(",")
    return None, []


def remount(where, options):
    # with all three said mount(8) adds no option that is in force
    words = ",".join(["remount", *options])
    subprocess.run(["mount", "-n", "-t", "cgroup2", "-o", words, "cgroup2", where], check=True)


@contextlib.contextmanager
def quick_moves(wanted=True):
    """Processes are moved between cgroups without a wait while this is entered, or with one if wanted is false; yields
    what is in force, in words. What was set before is set again."""
    where, options = mounted()
    others = [option for option in options if option != OPTION]
    if where and wanted != (OPTION in options):
        try:
            remount(where, [*others, OPTION] if wanted else others)
        except subprocess.CalledProcessError:
            where = None
    try:
        yield f"cgroups with{'' if OPTION in mounted()[1] else 'out'} {OPTION}"
    finally:
        if where and mounted()[1] != options:
            remount(where, options)
