# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host's own devices, and filters on guests' taps."""

import time

from .host import guest, session_of, several

LINKS = 1000
TAPS = {"libvirt": (20,), "unitvirt": (20, 200)}
BINDING = ("<filterbinding><owner><name>nobody</name><uuid>00000000-0000-4000-8000-00000000beef</uuid></owner>"
           "<portdev name='%s'/><mac address='52:54:00:be:%02x:%02x'/><filterref filter='bench-in'>"
           "<parameter name='IP' value='10.9.%d.%d'/></filterref></filterbinding>")


# --- node devices ---

def nodedev(work, side, machine, add):
    """All devices of the host are listed and described; then a thousand links more, and a daemon that begins."""
    with session_of(side, machine) as session:
        for _ in range(3):
            answer = session.ask("nodedev")
            add("nodedev", [answer["wall"] / 1000])
            add("nodedev-each", [answer["wall"] / answer["devices"] / 1000])
    # libvirt shows no bridges
    machine.sh(f"for i in $(seq {LINKS // 2}); do echo link add nva$i type veth peer name nvb$i; done | ip -batch -",
               timeout=300)
    first_list(side, machine, add)
    with session_of(side, machine) as session:
        for i in range(4):
            for key, verb in (("list", "nodedev_list"), ("xml", "nodedev")):
                answer = session.ask(verb, LINKS)
                if i > 0:       # the first one reads what is kept afterwards
                    add(f"nodedev-1000-{key}", [answer["wall"] / 1000])
    machine.sh(f"for i in $(seq {LINKS // 2}); do echo link delete nva$i; done | ip -batch -", timeout=300)


def first_list(side, machine, add):
    unit = "virtnodedevd.service" if side.name == "unitvirt" else side.daemon
    for _ in range(4):
        machine.sh(f"systemctl stop {unit}; systemctl reset-failed {unit} 2>/dev/null || true")
        machine.settle()
        before = machine.cpu()
        with machine.session("/mnt/bench/calls.py", "test:///default") as session:
            begin = time.monotonic()
            machine.sh(f"systemctl start {unit}")
            answer = session.ask("first_list", "nodedev:///system", LINKS)
            add("nodedev-1000-first", [(time.monotonic() - begin) * 1000])
            time.sleep(0.3)
            add("nodedev-1000-first-cpu", [(machine.cpu() - before + answer["cpu"]) / 1000])


# --- filters ---

def filters(work, side, machine, add):
    """A guest starts with the usual filter on its card; a filter that many taps have is changed. libvirt runs a dozen
    programs for each tap, and takes minutes for two hundred: it has twenty."""
    machine.sh("ip link add bench-br type bridge && ip link set bench-br up")
    # the package's part: the usual filters are the host's own
    machine.sh("mkdir -p /etc/libvirt/nwfilter; cp -n /usr/share/unitvirt/nwfilter/*.xml"
               " /usr/local/share/unitvirt/nwfilter/*.xml /etc/libvirt/nwfilter/", check=False)
    card = ("<interface type='bridge'><source bridge='bench-br'/><mac address='52:54:00:00:be:01'/>"
            "<model type='virtio'/>"
            "<filterref filter='clean-traffic'><parameter name='IP' value='10.9.0.1'/></filterref>"
            "</interface>")
    with session_of(side, machine) as session:
        guest(work, session, "filtered", card)
        for _ in range(6):
            several(machine, session, add, "filter-guest", 1, "start", "filtered")
            session.ask("destroy", "filtered")
        session.ask("undefine", "filtered")
        for taps in TAPS[side.name]:
            rebuild(work, machine, session, add, taps)
    machine.sh("ip link delete bench-br")


def rebuild(work, machine, session, add, taps):
    machine.sh(f"for i in $(seq {taps}); do ip tuntap add bft$i mode tap; ip link set bft$i master bench-br up; done")
    session.ask("filter_define", 1)
    for i in range(1, taps + 1):
        (work.shared / "binding.xml").write_text(BINDING % (f"bft{i}", i >> 8, i & 255, i >> 8, i & 255))
        session.ask("bind", "/mnt/bench/binding.xml")
    for i in range(3):
        several(machine, session, add, f"filter-rebuild-{taps}", 1, "filter_define", 2 + i % 2)
    session.ask("unbind_all")
    session.ask("filter_undefine")
    machine.sh(f"for i in $(seq {taps}); do ip link delete bft$i; done")
