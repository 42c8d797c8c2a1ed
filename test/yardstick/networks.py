#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How often networks mean here what they mean to libvirt.

libvirt publishes with its sources, in tests/, pairs of networks: NAME.xml and what dnsmasq is told, NAME.conf,
NAME.hostsfile, NAME.addnhosts (networkxml2confdata); what nft is told, NAME-linux.nftables (networkxml2firewalldata,
from libvirt 10.4 on); and NAME.xml and what virsh net-dumpxml --inactive makes of it (networkxml2xmlin,
networkxml2xmlout). They are not part of Unitvirt. Give the folder tests, or --fetch to take it from
the distribution's source package (needs a deb-src line in the sources of apt).

usage: networks.py [--fetch] UNITVIRT [FOLDER]

Exit status 0 when all come out the same, those of network_differences.tsv excepted."""

import difflib
import glob
import os
import re
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def fetch(folder):
    subprocess.run(["apt-get", "source", "--download-only", "libvirt"], cwd=folder, check=True)
    archive = glob.glob(os.path.join(folder, "libvirt_*.orig.tar.*"))[0]
    if archive.endswith(".asc"):
        archive = archive[:-4]
    with tarfile.open(archive) as tar:
        tar.extractall(folder, [m for m in tar if "/tests/networkxml2" in m.name])
    return glob.glob(os.path.join(folder, "*", "tests"))[0]


def known():
    with open(os.path.join(HERE, "network_differences.tsv"), encoding="utf-8") as f:
        return {line.split("\t")[0] for line in f if line.strip() and not line.startswith("#")}


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as f:
        return f.read()


def run(program, verb, path):
    done = subprocess.run([program, verb, path], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None, done.stderr.strip()


def parts(text):
    """The files that explain prints, by the ends of their names."""
    files = {}
    for name, body in re.findall(r"^# (/var/lib/libvirt/dnsmasq/\S.*)\n((?:(?!# ).*\n)*)", text, re.M):
        files[name.rsplit(".", 1)[1]] = body.strip("\n")
    return files


def plain(text):
    """Lines that mean something. Where its own leases are concerned, libvirt has a helper of another name."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("##")]
    return [line for line in lines if not line.startswith(("pid-file=", "dhcp-script=", "leasefile-ro"))]


def conf_cases(program, folder):
    for path in sorted(glob.glob(os.path.join(folder, "networkxml2confdata", "*.xml"))):
        base = path[:-len(".xml")]
        if not os.path.exists(base + ".conf"):
            continue
        text, error = run(program, "explain", path)
        files = parts(text) if text is not None else {}
        for end in ("conf", "hostsfile", "addnhosts"):
            if end != "conf" and not os.path.exists(base + "." + end):
                continue  # libvirt's test does not look at it
            wanted = plain(read(base + "." + end))
            got = plain(files.get(end, "")) if text is not None else [error]
            yield "%s.%s" % (os.path.basename(base), end), wanted, got


CONDITIONS = r"(?:iif|oif|iifname|oifname|ip6? [sd]addr(?: !=)?|meta l4proto|ct state) \S+"


def in_order(chains):
    """A line a rule. The order of conditions says nothing, nor that of rules about several addresses; a rejection is
    to come last."""
    lines = []
    for key in sorted(chains):
        rules = []
        for rule in chains[key]:
            conditions = sorted(re.findall(CONDITIONS, rule))
            rules.append(" ".join(conditions + re.sub(CONDITIONS, "", rule).split()))
        last = rules.pop() if rules[-1].endswith("reject") else None
        lines += ["%s %s: %s" % (key + (rule,)) for rule in sorted(rules) + ([last] if last else [])]
    return lines


def libvirts_rules(text):
    """Each rule comes before those that are there."""
    chains = {}
    for command in re.sub(r"\s*\\\n", " ", text).splitlines():
        words = command.replace("'", "").split()
        if words[:3] == ["nft", "-ae", "insert"]:
            family, chain, rule = words[4], words[6], " ".join(words[7:])
            chains.setdefault((family, chain), []).insert(0, rule.replace("related,established", "established,related"))
    return in_order(chains)


def our_rules(text):
    chains, family, chain = {}, "", ""
    for line in text.splitlines():
        words = line.replace('"', "").split()
        if words[:1] == ["table"]:
            family = words[1]
        elif words[:1] == ["chain"]:
            chain = words[1]
        elif line.startswith("\t\t") and chain.startswith("guest_") and words[0] != "type":
            chains.setdefault((family, chain), []).append(" ".join(words))
    return in_order(chains)


def rule_cases(program, folder):
    for path in sorted(glob.glob(os.path.join(folder, "networkxml2firewalldata", "*.xml"))):
        answer = path[:-len(".xml")] + "-linux.nftables"
        if not os.path.exists(answer):
            continue
        text, error = run(program, "explain", path)
        yield os.path.basename(answer), libvirts_rules(read(answer)), our_rules(text) if text else [error]


def same_form(text):
    """One line an element. What libvirt's driver adds when it defines a network is not in these pairs."""
    text = re.sub(r"<(\w+)([^<>]*)>\s*</\1>", r"<\1\2/>", text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def without_added_mac(wanted, got):
    if any(line.startswith("<mac ") for line in wanted):
        return got
    return [line for line in got if not line.startswith("<mac address='52:54:00:")]


def xml_cases(program, folder):
    for path in sorted(glob.glob(os.path.join(folder, "networkxml2xmlin", "*.xml"))):
        out = os.path.join(folder, "networkxml2xmlout", os.path.basename(path))
        if not os.path.exists(out):
            continue
        text, error = run(program, "canonical", path)
        wanted = same_form(read(out))
        yield os.path.basename(path), wanted, without_added_mac(wanted, same_form(text or error))


def main():
    arguments = sys.argv[1:]
    wants_fetch = "--fetch" in arguments
    arguments = [a for a in arguments if a != "--fetch"]
    if not arguments or (len(arguments) < 2 and not wants_fetch):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as work:
        folder = fetch(work) if wants_fetch else arguments[1]
        same = different = excepted = 0
        for cases in (conf_cases, rule_cases, xml_cases):
            for name, wanted, got in cases(arguments[0], folder):
                if wanted == got:
                    same += 1
                elif name in known():
                    excepted += 1
                else:
                    different += 1
                    print("--- %s" % name)
                    print("\n".join(difflib.unified_diff(wanted, got, "libvirt", "unitvirt", lineterm="", n=0)))
    print("%d the same, %d differ for a known reason, %d differ" % (same, excepted, different))
    return different > 0


if __name__ == "__main__":
    sys.exit(main())
