#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How often "unitvirt canonical" gives what libvirt gives.

libvirt publishes pairs of documents with its sources: NAME.xml and what "virsh dumpxml --inactive" makes of it,
NAME.x86_64-latest.xml, or the error, NAME.x86_64-latest.err (tests/qemuxmlconfdata). They are not part of
Unitvirt. Give the folder that holds them, or --fetch to take them from the distribution's source package
(needs a deb-src line in the sources of apt).

Exit status 0 when every document that both sides accept comes out the same, those of differences.tsv excepted."""

import argparse
import collections
import difflib
import glob
import os
import re
import subprocess
import sys
import tarfile
import tempfile

MACHINES = {"pc": "pc-i440fx-", "q35": "pc-q35-"}


def fetch(folder):
    """tests/qemuxmlconfdata of the distribution's libvirt source package."""
    subprocess.run(["apt-get", "source", "--download-only", "libvirt"], cwd=folder, check=True)
    archive = glob.glob(os.path.join(folder, "libvirt_*.orig.tar.*"))[0]
    with tarfile.open(archive) as tar:
        members = [m for m in tar if "/tests/qemuxmlconfdata/" in m.name or "/tests/qemufirmwaredata/" in m.name]
        tar.extractall(folder, members)
    return glob.glob(os.path.join(folder, "*", "tests", "qemuxmlconfdata"))[0]


def differences():
    """Names of documents that differ for a known reason."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "differences.tsv"), encoding="utf-8") as f:
        rows = [line.split("\t") for line in f if not line.startswith("#")]
    return {name for kind, name, _ in rows if kind in ("canonical", "both")}


def use_firmware(folder):
    """The descriptors that the recordings were made with lie beside the documents."""
    firmware = os.path.join(folder, "..", "qemufirmwaredata")
    if os.path.isdir(firmware):
        os.environ.setdefault("UNITVIRT_FIRMWARE", f"{firmware}/usr/share/qemu/firmware:{firmware}/etc/qemu/firmware")


def same_machine(ours, expected, version):
    """libvirt's tests run without machine aliases: pc stays pc there."""
    for alias, family in MACHINES.items():
        if f"machine='{alias}'" in expected:
            return ours.replace(f"machine='{family}{version}'", f"machine='{alias}'")
    return ours


def without_usb_ports(text):
    """libvirt's tests read documents as from disk; ports are chosen when a document is defined."""
    text = re.sub(r"\n *<address type='usb'[^>]*/>", "", text)
    return re.sub(r"<(\w+)((?: [^<>]*)?)>\n *</\1>", r"<\1\2/>", text)


class Yardstick:
    def __init__(self, options):
        self.options = options
        self.known = differences()
        self.outcome = collections.defaultdict(list)

    def run(self, path):
        command = [self.options.unitvirt, "canonical", "--qemu-version", self.options.qemu_version, path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode not in (0, 1):
            sys.exit(f"{path}: exit status {done.returncode}: {done.stderr}")
        return done

    def accepted(self, name, path, expected):
        done = self.run(path)
        if done.returncode:
            kind = "refused by name" if "not supported" in done.stderr else "refused otherwise"
            self.outcome[kind].append(name)
            if kind == "refused otherwise" or self.options.verbose > 1:
                print(f"{name}: {kind}: {done.stderr.strip().splitlines()[-1]}")
            return
        ours = same_machine(done.stdout, expected, self.options.qemu_version)
        if ours == expected:
            self.outcome["identical"].append(name)
            return
        if without_usb_ports(ours) == without_usb_ports(expected):
            self.outcome["identical but for USB ports"].append(name)
            return
        known = name in self.known
        self.outcome["different for a known reason" if known else "different"].append(name)
        if not known or self.options.verbose:
            print(f"{name}: different")
        if self.options.verbose:
            lines = difflib.unified_diff(expected.splitlines(), ours.splitlines(), "libvirt", "unitvirt", "", "", 1)
            print("\n".join("    " + line for line in list(lines)[2:]))

    def refused(self, name, path):
        done = self.run(path)
        if done.returncode:
            self.outcome["refused by both"].append(name)
            return
        known = name in self.known
        self.outcome["refused by libvirt only" + (", for a known reason" if known else "")].append(name)
        if self.options.verbose > 1:
            print(f"{name}: refused by libvirt only")

    def all(self, folder):
        suffix = ".x86_64-latest"
        names = sorted({os.path.basename(p)[:-4] for p in glob.glob(f"{folder}/*{suffix}.xml")} |
                       {os.path.basename(p)[:-4] for p in glob.glob(f"{folder}/*{suffix}.err")})
        for full in names:
            name = full[: -len(suffix)]
            source = f"{folder}/{name}.xml"
            if self.options.only and name not in self.options.only or not os.path.exists(source):
                continue
            if os.path.exists(f"{folder}/{full}.xml"):
                with open(f"{folder}/{full}.xml", encoding="utf-8") as f:
                    self.accepted(name, source, f.read())
            else:
                self.refused(name, source)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="folder of the pairs")
    parser.add_argument("--fetch", action="store_true", help="take the pairs from the libvirt source package")
    parser.add_argument("--unitvirt", default="unitvirt", help="the program")
    parser.add_argument("--qemu-version", default="10.0")
    parser.add_argument("--only", nargs="*", help="names of documents")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="show differences; twice: every name")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        folder = fetch(scratch) if options.fetch else options.folder
        if not folder or not os.path.isdir(folder):
            parser.error("a folder of pairs is needed, or --fetch")
        use_firmware(folder)
        yardstick = Yardstick(options)
        yardstick.all(folder)

    print()
    for kind in ("identical", "identical but for USB ports",
                 "different for a known reason", "different", "refused by name", "refused otherwise", "refused by both",
                 "refused by libvirt only, for a known reason", "refused by libvirt only"):
        print(f"{len(yardstick.outcome[kind]):5} {kind}")
    return 1 if yardstick.outcome["different"] or yardstick.outcome["refused otherwise"] else 0


sys.exit(main())
