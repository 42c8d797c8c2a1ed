#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Types a line on the console of a guest of kind linux, and prints what is there until the line has ended.

    console.py GUEST SECONDS LINE

Logs in where there is a login prompt, once that is there. Exits 1 where the line has not ended after so many seconds;
a guest that ends meanwhile is none of that."""

import os
import pty
import re
import select
import sys
import time

guest, seconds, line = sys.argv[1], float(sys.argv[2]), sys.argv[3]
deadline = time.monotonic() + seconds
said = ""


def wait(fd, patterns, patience):
    """The first of the patterns that is in what comes, None after the patience, or EOFError."""
    global said
    start, until = len(said), min(deadline, time.monotonic() + patience)
    while (left := until - time.monotonic()) > 0:
        if not select.select([fd], [], [], left)[0]:
            break
        try:
            more = os.read(fd, 4096)
        except OSError:
            more = b""
        if not more:
            raise EOFError
        said += more.decode(errors="replace")
        for pattern in patterns:
            if re.search(pattern, said[start:]):
                return pattern
    return None


def log_in(fd):
    login, shell = r"login: ", r"[~/]\S* # "
    os.write(fd, b"\n")
    while time.monotonic() < deadline:
        seen = wait(fd, (login, shell), 3)
        if seen == shell:
            return True
        os.write(fd, b"root\n" if seen == login else b"\n")
    return False


def talk(fd):
    if not wait(fd, (r"Escape character",), seconds) or not log_in(fd):
        return False
    # what is typed does not say it, what comes of it does
    os.write(fd, line.encode() + b"\necho over-$((6*7))\n")
    try:
        return bool(wait(fd, (r"over-42",), seconds))
    except EOFError:
        return True


def leave(fd):
    try:
        os.write(fd, b"\x1d")
        wait(fd, (), 5)
    except (EOFError, OSError):
        pass


process, terminal = pty.fork()
if process == 0:
    os.execvp("virsh", ["virsh", "console", "--force", guest])
try:
    good = talk(terminal)
except EOFError:
    good = False
leave(terminal)
print(said)
if not good:
    print("console.py: the line has not ended")
os.close(terminal)
sys.exit(0 if good else 1)
