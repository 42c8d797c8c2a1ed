#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""scale.py KIND URI N [PID]: many clients, by libvirt's own Python binding.

held      N connections open at the same time, each used, then dropped
churn     N connections opened, used and dropped, one after the other
rush      N connections that begin at the same time (one process each), held until all are served
beside    a healthy client's calls, timed, until standard input ends

Figures are printed, not judged: what must hold is that every client is served."""

import os
import resource
import sys
import time

import libvirt

kind, uri, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
libvirt.registerErrorHandler(lambda _, __: None, None)


def memory(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    except OSError:
        return 0


def use(conn):
    assert conn.getHostname()
    conn.listAllDomains()


def held():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    pid = sys.argv[4] if len(sys.argv) > 4 else "0"
    before, begin = memory(pid), time.monotonic()
    all_of_them = [libvirt.open(uri) for _ in range(count)]
    opened = time.monotonic()
    for conn in all_of_them:
        use(conn)
    used, during = time.monotonic(), memory(pid)
    for conn in all_of_them:
        conn.close()
    print(f"{count} opened in {opened - begin:.2f} s, used in {used - opened:.2f} s, "
          f"dropped in {time.monotonic() - used:.2f} s; daemon {before} KiB before, {during} KiB with all of them")


def churn():
    begin = time.monotonic()
    for _ in range(count):
        conn = libvirt.open(uri)
        use(conn)
        conn.close()
    print(f"{count} one after the other in {time.monotonic() - begin:.2f} s")


def one_of_rush(go, ready, done):
    os.read(go, 1)
    try:
        conn = libvirt.open(uri)
        use(conn)
    except libvirt.libvirtError as e:
        print(e, file=sys.stderr)
        os._exit(1)
    os.write(ready, b"x")
    os.read(done, 1)
    os._exit(0)


def rush():
    (go, start), (ready_in, ready), (done, finish) = os.pipe(), os.pipe(), os.pipe()
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            os.close(start)
            os.close(finish)
            os.close(ready_in)
            one_of_rush(go, ready, done)
        pids.append(pid)
    os.close(ready)
    begin = time.monotonic()
    os.close(start)
    n = 0
    while n < count and (data := os.read(ready_in, 4096)):
        n += len(data)
    took = time.monotonic() - begin
    os.close(finish)
    lost = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
    print(f"{n} of {count} served at once after {took:.2f} s")
    sys.exit(lost != 0 or n != count)


def beside():
    conn, times, end = libvirt.open(uri), [], time.monotonic() + count
    while time.monotonic() < end:
        begin = time.monotonic()
        use(conn)
        times.append((time.monotonic() - begin) * 1000)
        time.sleep(0.02)
    times.sort()
    print(f"{len(times)} calls: median {times[len(times) // 2]:.1f} ms, 99 of 100 below "
          f"{times[len(times) * 99 // 100]:.1f} ms, longest {times[-1]:.1f} ms")


{"held": held, "churn": churn, "rush": rush, "beside": beside}[kind]()
