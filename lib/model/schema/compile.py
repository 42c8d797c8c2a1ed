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
         "as-written": "AS_WRITTEN", "hostdev-first": "HOSTDEV_FIRST"}
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


class Tables:
    """What the rows are made of: lists, each kept once. A row is a tuple of what C has of it; the last part has its
    name and the numbers of lists, None where it has none."""

    def __init__(self):
        self.lists = {"values": [], "attributes": [], "elements": []}
        self.known = {}

    def reserve(self, table):
        self.lists[table].append(None)
        return len(self.lists[table]) - 1

    def add(self, table, rows):
        if not rows:
            return None
        key = table, tuple(rows)
        if key not in self.known:
            self.known[key] = self.reserve(table)
            self.lists[table][self.known[key]] = rows
        return self.known[key]


# For each table the offsets at the head of its rows, and where they lead to.
OFFSETS = {"values": (("text", "names"),),
           "attributes": (("name", "names"), ("values", "values")),
           "elements": (("name", "names"), ("values", "values"), ("attributes", "attributes"),
                        ("children", "elements"))}


class Writer:
    """Tables as one object in C, in which each row says how far it is from itself to what belongs to it: nothing in it
    has to be relocated, so all programs share it."""

    def __init__(self, tables):
        self.tables = tables
        self.names = {}
        self.text = [""]      # the empty name is nobody's: an offset is never 0
        self.size = 1
        self.starts, self.counts = {}, {"names": 0}
        for table, lists in tables.lists.items():
            self.starts[table], self.counts[table] = [], 0
            for rows in lists:
                self.starts[table].append(self.counts[table])
                self.counts[table] += len(rows) + 1

    def name(self, name):
        if name not in self.names:
            self.names[name] = self.size
            self.text.append(name)
            self.size += len(name) + 1
        return self.names[name]

    def offset(self, table, position, to, target):
        if target is None:
            return "0"
        target = self.name(target) if to == "names" else self.starts[to][target]
        if (table, position) == (to, target):
            sys.exit("a recursive element is the first of its list: its offset would be 0, which says that it has none")
        return f"TO({table}, {position}, {to}, {target})"

    def row(self, table, position, row):
        *rest, offsets = row
        offsets = [f".{field} = {self.offset(table, position, to, target)}"
                   for (field, to), target in zip(OFFSETS[table], offsets) if target is not None]
        return "                { " + ", ".join(offsets + rest) + " },"

    def table(self, table):
        lines = [f"        .{table} = {{"]
        for start, rows in zip(self.starts[table], self.tables.lists[table]):
            lines += [self.row(table, start + i, row) for i, row in enumerate(rows)] + ["                {},"]
        return lines + ["        },"]

    def write(self, roots):
        body = [line for table in OFFSETS if self.counts[table] for line in self.table(table)]
        names = [f'                "{name}\\0"' for name in self.text]
        types = {"values": "SchemaValue", "attributes": "SchemaAttribute", "elements": "SchemaElement"}
        fields = [f"        {types[table]} {table}[{max(1, self.counts[table])}];" for table in OFFSETS]
        return ["/* Written by compile.py from the schema files. */", "#include <stddef.h>", '#include "schema.h"', "",
                "#define TO(from, i, to, j) "
                "((int32_t) offsetof(struct tables, to[j]) - (int32_t) offsetof(struct tables, from[i]))", "",
                "static const struct tables {", *fields, f"        char names[{self.size + 1}];", "} tables = {", *body,
                "        .names =", *names, "};",
                *(f"const SchemaElement *const schema_{name} = &tables.elements[{self.starts['elements'][number]}];"
                  for name, number in roots)]


class Compiler:
    def __init__(self, groups):
        self.groups = groups
        self.tables = Tables()
        self.roots = {}       # name: the list with its one row, None while it is being made

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
        """The type's name in C, and the list of its values."""
        if row.kind in TYPES:
            return f"SCHEMA_{row.kind.upper()}", None
        if not re.fullmatch(r"!?[\w.-]+(\|!?[\w.-]+)*", row.kind):
            sys.exit(f"{row.place}: '{row.kind}' is no type")
        values = [(*([".refused = true"] if v.startswith("!") else []), (v.lstrip("!"),)) for v in row.kind.split("|")]
        return "SCHEMA_ENUM", self.tables.add("values", values)

    def flags(self, row, marked):
        names = [MARKS[m] for m in row.marks]
        names += ["MANY"] * row.many + ["JOINED"] * row.joined + ["REFUSED"] * row.refused + ["MARKED"] * marked
        return " | ".join("SCHEMA_" + n for n in names)

    def row(self, row, kind, flags, offsets):
        return (f".type = {kind}", *([f".flags = {flags}"] if flags else []), (row.name, *offsets))

    def attributes(self, rows):
        lines = []
        for r in (r for r in rows if r.attribute):
            kind, values = self.type_of(r)
            lines.append(self.row(r, kind, self.flags(r, False), (values,)))
        return self.tables.add("attributes", lines)

    def elements(self, children, attributes, marks):
        """The list of children, and whether something in it is dropped at times."""
        again = [r for r in children if r.kind == "recursive"]
        number = self.tables.reserve("elements") if again else None
        done = {r: self.element(r) for r in children if r not in again}
        marked = any(m in DROPPED for m in marks) or any(marked for _, marked in done.values())
        for r in again:
            done[r] = self.row(r, "SCHEMA_NONE", self.flags(r, marked), (None, attributes, number)), marked
        rows = [done[r][0] for r in children]
        if again:
            self.tables.lists["elements"][number] = rows
        else:
            number = self.tables.add("elements", rows)
        return number, marked

    def element(self, row):
        """The row in C, and whether something in it is dropped at times."""
        if row.kind == "see":
            return self.seen(row)
        rows = self.expand(row)
        attributes = self.attributes(rows)
        elements, marked = self.elements([r for r in rows if not r.attribute], attributes,
                                         [m for r in [row] + rows for m in r.marks])
        kind, values = self.type_of(row)
        return self.row(row, kind, self.flags(row, marked), (values, attributes, elements)), marked

    def seen(self, row):
        """A document within a document."""
        if row.other not in self.groups or not self.groups[row.other].root:
            sys.exit(f"{row.place}: there is no document {row.other}")
        (*_, offsets), marked = self.document(row.other, row.place)
        marked = marked or any(m in DROPPED for m in row.marks)
        return self.row(row, "SCHEMA_NONE", self.flags(row, marked), (None, *offsets[2:])), marked

    def document(self, name, place):
        if name not in self.roots:
            self.roots[name] = None
            done = self.element(self.groups[name])
            self.roots[name] = done, self.tables.add("elements", [done[0]])
        if not self.roots[name]:
            sys.exit(f"{place}: {name} holds itself")
        return self.roots[name][0]


def main():
    c = Compiler(read(sys.argv[2:]))
    for name, row in c.groups.items():
        if row.root:
            c.document(name, row.place)
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        f.write("\n".join(Writer(c.tables).write([(name, number) for name, (_, number) in c.roots.items()])) + "\n")


main()
