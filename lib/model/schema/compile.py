#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Schema files to the C tables of schema.h: compile.py OUTPUT FILE...

The language is described in README beside this file. Each entry at the left margin that is no group is a root: NAME
becomes schema_NAME."""

import re
import sys

TYPES = ("none", "text", "yesno", "onoff", "uint", "int", "u64", "hex", "hex64", "octal", "port", "uuid", "mac", "ip",
         "prefix", "mask", "path", "opaque")
MARKS = {"live": "LIVE", "live-alias": "LIVE_ALIAS", "secret": "SECRET", "variable": "VARIABLE",
         "as-written": "AS_WRITTEN"}
DROPPED = ("live", "live-alias", "secret")


class Row:
    def __init__(self, words, place=""):
        name = words[0]
        self.place = place
        self.refused = name.startswith("!")
        name = name.lstrip("!")
        self.many = name.endswith("*")
        self.joined = name.endswith("+")
        self.attribute = name.startswith("@")
        self.name = name.rstrip("*+").lstrip("@")
        self.marks = [w for w in words[1:] if w in MARKS]
        rest = [w for w in words[1:] if w not in MARKS]
        self.kind = rest[0] if rest else "none"
        self.other = rest[1] if len(rest) > 1 else None
        self.root = False
        self.rows = []
        if len(rest) > (2 if self.kind == "see" else 1):
            sys.exit(f"{place}: '{rest[-1]}' has no meaning here")


def read_line(words, depth, place):
    if depth > 0:
        return Row(words, place)
    row = Row(words[1:] if words[0] == "group" else words, place)
    row.root = words[0] != "group"
    return row


def read(paths):
    groups = {}
    for path in paths:
        stack = []
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            text = line.split("#")[0].rstrip()
            if not text:
                continue
            place = f"{path}:{number}"
            depth = (len(text) - len(text.lstrip())) // 2
            row = read_line(text.split(), depth, place)
            if depth > len(stack):
                sys.exit(f"{place}: indented too far")
            if depth > 0:
                stack[depth - 1].rows.append(row)
            elif row.name in groups:
                sys.exit(f"{place}: there is a {row.name} already, at {groups[row.name].place}")
            else:
                groups[row.name] = row
            stack = stack[:depth] + [row]
    return groups


class Compiler:
    def __init__(self, groups):
        self.groups = groups
        self.out = ["/* Written by compile.py from the schema files. */", '#include "schema.h"']
        self.values = {}
        self.roots = {}       # name: (attributes, elements, marked), None while it is being written
        self.number = 0

    def expand(self, row):
        rows = []
        for r in row.rows:
            if r.name == "use" and not r.attribute:
                if r.kind not in self.groups:
                    sys.exit(f"{r.place}: there is no group {r.kind}")
                rows += self.expand(self.groups[r.kind])
            else:
                rows.append(r)
        names = [(r.attribute and "@" or "") + r.name for r in rows]
        for n in names:
            if names.count(n) > 1:
                sys.exit(f"{row.place}: {n} stands twice in {row.name}")
        return rows

    def type_of(self, row):
        if row.kind in TYPES:
            return f"SCHEMA_{row.kind.upper()}", "NULL"
        if not re.fullmatch(r"!?[\w.-]+(\|!?[\w.-]+)*", row.kind):
            sys.exit(f"{row.place}: '{row.kind}' is no type")
        if row.kind not in self.values:
            self.values[row.kind] = f"values_{len(self.values)}"
            items = ", ".join('{ "%s", %s }' % (v.lstrip("!"), "true" if v.startswith("!") else "false")
                              for v in row.kind.split("|"))
            self.out.append(f"static const SchemaValue {self.values[row.kind]}[] = {{ {items}, {{}} }};")
        return "SCHEMA_ENUM", self.values[row.kind]

    def flags(self, row, marked):
        names = [MARKS[m] for m in row.marks]
        names += ["MANY"] * row.many + ["JOINED"] * row.joined + ["REFUSED"] * row.refused + ["MARKED"] * marked
        return " | ".join("SCHEMA_" + n for n in names) or "0"

    def attributes(self, rows, number):
        lines = []
        for r in (r for r in rows if r.attribute):
            kind, values = self.type_of(r)
            lines.append(f'        {{ "{r.name}", {kind}, {self.flags(r, False)}, {values} }},')
        if not lines:
            return "NULL"
        lines = [f"static const SchemaAttribute attributes_{number}[] = {{", *lines, "        {}", "};"]
        self.out.append("\n".join(lines))
        return f"attributes_{number}"

    def row(self, row, kind, values, marked, attributes, elements):
        return f'{{ "{row.name}", {kind}, {self.flags(row, marked)}, {values}, {attributes}, {elements} }}'

    def element(self, row):
        """Writes the tables below row; returns its initializer, its tables, and whether something in it is dropped at
        times."""
        if row.kind == "see":
            return self.seen(row)
        rows = self.expand(row)
        number, self.number = self.number, self.number + 1
        children = [r for r in rows if not r.attribute]
        again = [r for r in children if r.kind == "recursive"]
        if again:
            self.out.append(f"static const SchemaElement elements_{number}[{len(children) + 1}];")
        attributes, elements = self.attributes(rows, number), "NULL"
        done = {r: self.element(r) for r in children if r not in again}
        marked = any(m in DROPPED for r in [row] + rows for m in r.marks) or any(d[3] for d in done.values())
        for r in again:
            done[r] = (self.row(r, "SCHEMA_NONE", "NULL", marked, attributes, f"elements_{number}"),)
        if children:
            elements = f"elements_{number}"
            lines = "\n".join(f"        {done[r][0]}," for r in children)
            self.out.append(f"static const SchemaElement {elements}[] = {{\n{lines}\n        {{}}\n}};")
        kind, values = self.type_of(row)
        return self.row(row, kind, values, marked, attributes, elements), attributes, elements, marked

    def seen(self, row):
        """A document within a document."""
        if row.other not in self.groups or not self.groups[row.other].root:
            sys.exit(f"{row.place}: there is no document {row.other}")
        attributes, elements, marked = self.document(row.other, row.place)
        marked = marked or any(m in DROPPED for m in row.marks)
        return self.row(row, "SCHEMA_NONE", "NULL", marked, attributes, elements), attributes, elements, marked

    def document(self, name, place):
        if name not in self.roots:
            self.roots[name] = None
            row, *tables = self.element(self.groups[name])
            self.out.append(f"const SchemaElement schema_{name} = {row};")
            self.roots[name] = tables
        if not self.roots[name]:
            sys.exit(f"{place}: {name} holds itself")
        return self.roots[name]


def main():
    c = Compiler(read(sys.argv[2:]))
    for name, row in c.groups.items():
        if row.root:
            c.document(name, row.place)
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        f.write("\n".join(c.out) + "\n")


main()
