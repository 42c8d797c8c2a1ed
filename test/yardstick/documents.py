#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares what Unitvirt makes of networks, pools, volumes and parts of guests with what libvirt's own tests record.

usage: documents.py [--unitvirt PROGRAM] [-v] TESTS [NAME...]

TESTS is the folder "tests" of a checkout of libvirt, or of its source package. Nothing of it is kept here. Looked at:

  networkxml2confdata/NAME.xml, .conf           dnsmasq's settings, as "unitvirt explain" prints them
  networkxml2firewalldata/NAME.xml, -linux.nftables   the rules of each chain, in their order
  networkxml2xmlin/NAME.xml, networkxml2xmlout  the documents, as "unitvirt canonical" prints them
  storagepoolxml2xmlin, -out                    the same of pools
  storagevolxml2xmlin, -out                     the same of volumes
  genericxml2xmlindata/NAME.xml, -outdata       the same of guests, but for what a driver completes; which of them are
                                                to be refused is in genericxml2xmltest.c

Settings have no order, but for those that stand several times. Why some documents differ is in differences.tsv; the
exit status is 1 when others do."""

import argparse
import collections
import difflib
import os
import re
import shlex
import subprocess
import sys

# What belongs to the machine: where files lie.
PATHS = re.compile(r"^(dhcp-hostsfile|addn-hosts|conf-dir|log-facility|dhcp-script|leasefile-ro)\b")


def run(program, verb, path):
    done = subprocess.run([program, verb, path], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{path}: exit status {done.returncode}: {done.stderr}")
    return (done.stdout, None) if done.returncode == 0 else (None, done.stderr.strip().split("\n")[-1])


def settings(text):
    """Lines that are no comment; those of one key keep their order."""
    lines = [line for line in text.split("\n") if line and not line.startswith("#") and not PATHS.match(line)]
    return sorted(lines, key=lambda line: line.split("=")[0])


def conf_of(explained):
    """The part of what is explained that is dnsmasq's."""
    found = re.search(r"^# \S*/dnsmasq/[^\n]*\.conf\n(.*?)(?=^# |\Z)", explained, re.S | re.M)
    return settings(re.sub(r"^##.*\n", "", found.group(1), flags=re.M)) if found else []


def check_conf(program, path, expected):
    text, error = run(program, "explain", path)
    return error or (conf_of(text), settings(expected))


def comparable(rule):
    """What a packet has to be comes in any order, and rules about one network before or after those about another."""
    words = re.split(r" (?=(?:oif|iif|oifname|iifname|ip|ip6|meta|ct|counter) )", rule)
    matches = sorted(word for word in words if not word.startswith("counter"))
    return " ".join(matches + words[len(matches):])


def by_network(rules):
    networks = [re.search(r"[sd]addr (?:!= )?(\S+/\d+)", rule) for rule in rules]
    order = sorted(range(len(rules)), key=lambda i: networks[i].group(1) if networks[i] else "~")
    return [comparable(rules[i]) for i in order]


def recorded_rules(text):
    """What `nft insert rule FAMILY TABLE CHAIN ...` leaves: each rule goes before those that are there."""
    chains = collections.defaultdict(list)
    for command in text.replace("\\\n", " ").split("\n"):
        words = shlex.split(command)
        if "insert" in words and "rule" in words:
            family, _, chain, *rule = words[words.index("rule") + 1:]
            chains[family, chain].insert(0, " ".join(rule))
    return dict(chains)


def explained_rules(text):
    chains, family, chain = collections.defaultdict(list), None, None
    for line in text.split("\n"):
        words = line.replace('"', "").split()
        if words[:1] == ["table"]:
            family = words[1]
        elif words[:1] == ["chain"]:
            chain = words[1]
        elif words[:1] == ["}"]:
            family, chain = (family, None) if chain else (None, None)
        elif chain and words and words[0] != "type":
            chains[family, chain].append(" ".join(words).replace("established,related", "related,established"))
    return dict(chains)


def check_rules(program, path, expected):
    text, error = run(program, "explain", path)
    if error:
        return error
    ours, theirs = explained_rules(text), recorded_rules(expected)
    # the jumps are made once for all networks, in a file of their own
    return tuple([f"{' '.join(key)}: {rule}"
                  for key in sorted(chains) if key[1] != "forward" for rule in by_network(chains[key])]
                 for chains in (ours, theirs))


def lines(text):
    """An element without content has two spellings."""
    return re.sub(r"<([\w:]+)([^<>]*)>\s*</\1>", r"<\1\2/>", text).split("\n")


def check_xml(program, path, expected):
    text, error = run(program, "canonical", path)
    return error or (lines(text), lines(expected))


# What a driver completes, and libvirt's test of these has none.
COMPLETED = ("devices", "os", "cpu")


def parts(text):
    """The elements of a guest's definition, without the names that parts of caches have while it runs."""
    elements = re.findall(r"^  <(\w+).*?(?=^  <\w|^</domain>)", text, re.S | re.M)
    texts = re.findall(r"^  <\w+.*?(?=^  <\w|^</domain>)", re.sub(r" id='vcpus_[^']*'", "", text), re.S | re.M)
    return [line for name, part in sorted(zip(elements, texts)) if name not in COMPLETED for line in lines(part)]


def check_parts(program, path, expected):
    text, error = run(program, "canonical", path)
    return error or (parts(text), parts(expected))


def recorded_pairs(tests, documents, answers, ending):
    """(name, path of the document, of the answer) of what is in the folders."""
    folder = os.path.join(tests, documents)
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        name, suffix = os.path.splitext(file)
        answer = os.path.join(tests, answers, name + ending)
        if suffix == ".xml" and os.path.exists(answer):
            yield name, os.path.join(folder, file), answer


def listed_pairs(tests, documents, answers, ending):
    """The same of those that a test lists: the answer is the document itself, another one, or None for a refusal."""
    try:
        with open(os.path.join(tests, "genericxml2xmltest.c"), encoding="utf-8") as f:
            listed = re.findall(r'^ +DO_TEST(|_DIFFERENT|_FAIL_\w+)\("([^"]+)"\);', f.read(), re.M)
    except FileNotFoundError:
        return
    for word, name in sorted(listed, key=lambda pair: pair[1]):
        path = os.path.join(tests, documents, name + ".xml")
        answer = {"": path, "_DIFFERENT": os.path.join(tests, answers, name + ending)}.get(word)
        if os.path.exists(path):
            yield name, path, answer


KINDS = (
    ("networkxml2confdata", "networkxml2confdata", ".conf", check_conf, recorded_pairs),
    ("networkxml2firewalldata", "networkxml2firewalldata", "-linux.nftables", check_rules, recorded_pairs),
    ("networkxml2xmlin", "networkxml2xmlout", ".xml", check_xml, recorded_pairs),
    ("storagepoolxml2xmlin", "storagepoolxml2xmlout", ".xml", check_xml, recorded_pairs),
    ("storagevolxml2xmlin", "storagevolxml2xmlout", ".xml", check_xml, recorded_pairs),
    ("genericxml2xmlindata", "genericxml2xmloutdata", ".xml", check_parts, listed_pairs),
)


def known():
    """(kind, name) of those whose difference has a reason."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "differences.tsv")
    with open(path, encoding="utf-8") as f:
        return {tuple(line.split("\t")[:2]) for line in f if not line.startswith("#")}


def judge(name, result, to_be_refused, verbose, reasons):
    if to_be_refused:
        if isinstance(result, str):
            return "rightly refused"
        if name in reasons:
            return "different for a reason"
        print(f"{name}: accepted")
        return "different"
    if isinstance(result, str):
        if name in reasons:
            return "refused for a reason"
        print(f"{name}: refused: {result}")
        return "refused"
    ours, expected = result
    if ours == expected:
        return "identical"
    if name in reasons:
        return "different for a reason"
    print(f"{name}: different")
    if verbose:
        lines = difflib.unified_diff(expected, ours, "libvirt", "unitvirt", "", "", 1)
        print("\n".join("    " + line for line in list(lines)[2:]))
    return "different"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--unitvirt", default="unitvirt")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("tests")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    bad = found = 0
    differences = known()
    for documents, answers, ending, check, pairs in KINDS:
        outcome = collections.Counter()
        reasons = {known_name for kind, known_name in differences if kind == documents}
        for name, path, answer in pairs(options.tests, documents, answers, ending):
            if options.names and name not in options.names:
                continue
            expected = ""
            if answer:
                with open(answer, encoding="utf-8") as f:
                    expected = f.read()
            result = check(options.unitvirt, path, expected)
            outcome[judge(name, result, not answer, options.verbose, reasons)] += 1
        print(f"{documents}: " + (", ".join(f"{n} {what}" for what, n in sorted(outcome.items())) or "no pairs"))
        bad += outcome["different"] + outcome["refused"]
        found += sum(outcome.values())
    if not found:
        sys.exit(f"{options.tests}: there are no pairs of documents and answers")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
