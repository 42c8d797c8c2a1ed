# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hundred running guests: their statistics, and events that many clients wait for."""

from .host import session_of
from .machine import Failed

GUESTS = 100
CLIENTS = 20
ROUNDS = 20


def hundred(work, side, machine, add):
    with machine.session("/mnt/bench/rpcbench", side.uri) as session:
        session.ask("define", "/mnt/bench/rom.xml", "m", GUESTS)
        for i in range(GUESTS):
            session.ask("start", f"m{i}")
    machine.settle()
    with session_of(side, machine) as session:
        for _ in range(5):
            before = machine.cpu()
            answer = session.ask("domstats", GUESTS)
            add("domstats-100", [answer["wall"] / 1000])
            add("domstats-100-cpu", [(machine.cpu() - before + answer["cpu"]) / 1000])
    lines = machine.sh(f"/mnt/bench/listeners.py {side.uri} {CLIENTS} m0 {ROUNDS}").split()
    walls = [float(line[5:]) / 1000 for line in lines if line.startswith("wall=")]
    if len(walls) != ROUNDS:
        raise Failed(f"{len(walls)} rounds of events")
    add("events-20", walls[2:])
    with machine.session("/mnt/bench/rpcbench", side.uri) as session:
        for i in range(GUESTS):
            session.ask("destroy", f"m{i}")
        session.ask("undefine", "m", GUESTS)
