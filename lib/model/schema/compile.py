#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Schema files to the C tables of schema.h: compile.py OUTPUT FILE..."""

import re
import sys

TYPES = ("none", "text", "yesno", "onoff", "uint", "int", "u64", "hex", "uuid", "mac", "path", "opaque", "enum")


class Row:
    def __init__(self, name="", kind="", place=""):
        self.refused = name.startswith("!")
        name = name.lstrip("!")
        self.many = name.endswith("*")
        self.attribute = name.startswith("@")
        self.name = name.rstrip("*").lstrip("@")
        self.kind = kind
        self.rows = []
        self.place = place


def read(paths):
    groups = {}
    for path in paths:
        stack = []
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            text = line.split("#")[0].rstrip()
            if not text:
                continue
            place = f"{path}:{number}"
            depth, words = (len(text) - len(text.lstrip())) // 2, text.split()
            if depth == 0:
                row = Row(words[1] if words[0] == "group" else words[0], "none", place)
                groups[row.name] = row
            else:
                row = Row(words[0], words[1] if len(words) > 1 else "none", place)
                if words[0] == "use":
                    row = Row("use", words[1], place)
                if depth > len(stack):
                    sys.exit(f"{place}: indented too far")
                stack[depth - 1].rows.append(row)
            stack = stack[:depth] + [row]
    return groups


def expand(row, groups):
    rows = []
    for r in row.rows:
        if r.name == "use" and not r.attribute:
            if r.kind not in groups:
                sys.exit(f"{r.place}: there is no group {r.kind}")
            rows += expand(groups[r.kind], groups)
        else:
            rows.append(r)
    return rows


def values(row, out, cache):
    if row.kind in TYPES:
        return f"SCHEMA_{row.kind.upper()}", "NULL"
    if not re.fullmatch(r"!?[\w.-]+(\|!?[\w.-]+)*", row.kind):
        sys.exit(f"{row.place}: '{row.kind}' is no type")
    if row.kind not in cache:
        cache[row.kind] = f"values_{len(cache)}"
        items = ", ".join('{ "%s", %s }' % (v.lstrip("!"), "true" if v.startswith("!") else "false")
                          for v in row.kind.split("|"))
        out.append(f"static const SchemaValue {cache[row.kind]}[] = {{ {items}, {{}} }};")
    return "SCHEMA_ENUM", cache[row.kind]


def emit(row, groups, out, cache, counter):
    """Writes the tables below row; returns the initializer of row."""
    rows = expand(row, groups)
    number = counter[0]
    counter[0] += 1
    if any(r.kind == "recursive" for r in rows):
        out.append(f"static const SchemaElement elements_{number}[{sum(not r.attribute for r in rows) + 1}];")
    names = [r.attribute and "@" + r.name or r.name for r in rows]
    for n in names:
        if names.count(n) > 1:
            sys.exit(f"{row.place}: {n} stands twice in {row.name}")
    attributes, elements = "NULL", "NULL"
    lines = []
    for r in (r for r in rows if r.attribute):
        kind, vals = values(r, out, cache)
        lines.append(f'        {{ "{r.name}", {kind}, {str(r.refused).lower()}, {vals} }},')
    if lines:
        attributes = f"attributes_{number}"
        out.append(f"static const SchemaAttribute {attributes}[] = {{\n" + "\n".join(lines) + "\n        {}\n};")
    lines = ["        " + (again(r, number, attributes) if r.kind == "recursive" else
                           emit(r, groups, out, cache, counter)) + "," for r in rows if not r.attribute]
    if lines:
        elements = f"elements_{number}"
        out.append(f"static const SchemaElement {elements}[] = {{\n" + "\n".join(lines) + "\n        {}\n};")
    kind, vals = values(row, out, cache)
    flags = f"{str(row.many).lower()}, {str(row.refused).lower()}"
    return f'{{ "{row.name}", {kind}, {flags}, {vals}, {attributes}, {elements} }}'


def again(row, number, attributes):
    """An element that holds what the one around it holds."""
    return f'{{ "{row.name}", SCHEMA_NONE, {str(row.many).lower()}, false, NULL, {attributes}, elements_{number} }}'


def main():
    groups = read(sys.argv[2:])
    out = ["/* Written by compile.py from the schema files. */", '#include "schema.h"']
    root = emit(groups["domain"], groups, out, {}, [0])
    out.append(f"const SchemaElement schema_domain = {root};")
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")


main()
