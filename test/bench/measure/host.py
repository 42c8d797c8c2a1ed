# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is around guests: networks, pools and volumes, guests with many devices, devices that come and go. What the host
has itself is in hardware.py."""

import time

from .machine import Failed, smaps
from .sides import fresh

NETWORKS = 200
UPLOAD_MIB = 256
ROW = 100     # volumes
CLONE_MIB = 64
MEMORY = 1024
FILL = """import os, shutil, sys
folder, count, template = sys.argv[1], int(sys.argv[2]), sys.argv[3]
os.mkdir(folder)
for i in range(count):
    os.truncate(os.open(f"{folder}/raw{i}.img", os.O_CREAT | os.O_WRONLY), 1 << 20)
    os.closerange(3, 64)
    shutil.copy(template, f"{folder}/qcow{i}.qcow2")
"""


def counted(machine, session, *words):
    """One call: what client and machine together used of the processor until all is quiet, in ms, as `total`."""
    machine.settle()
    before = machine.cpu()
    answer = session.ask(*words)
    time.sleep(0.3)
    answer["total"] = (machine.cpu() - before + answer["cpu"]) / 1000
    return answer


def several(machine, session, add, key, count, *words):
    for _ in range(count):
        answer = counted(machine, session, *words)
        add(key, [answer["wall"] / 1000])
        add(f"{key}-cpu", [answer["total"]])


def session_of(side, machine):
    return machine.session("/mnt/bench/calls.py", side.uri)


# --- networks ---

def networks(work, side, machine, add):
    """A NAT network with DHCP comes and goes; 200 are listed; a guest starts on one."""
    with session_of(side, machine) as session:
        session.ask("net_define", NETWORKS)
        for _ in range(6):
            several(machine, session, add, "net-start", 1, "net_start", "bench0")
            if side.name == "unitvirt":
                add("net-memory", [network_memory(machine)])
            several(machine, session, add, "net-destroy", 1, "net_destroy", "bench0")
        machine.settle()
        for _ in range(15):
            add("net-list", [session.ask("net_list", NETWORKS)["wall"] / 1000])
        session.ask("net_start", "bench0")
        card = "<interface type='network'><source network='bench0'/><model type='virtio'/></interface>"
        guest(work, session, "carded", card)
        for _ in range(6):
            several(machine, session, add, "net-guest", 1, "start", "carded")
            session.ask("destroy", "carded")
        session.ask("undefine", "carded")
        session.ask("net_destroy", "bench0")
        session.ask("net_undefine", NETWORKS)


def network_memory(machine):
    """PSS in MiB of what a running network keeps, but for dnsmasq, when what tells of its leases has ended."""
    time.sleep(3)
    return sum(smaps(pid) for pid, exe, unit in machine.processes()
               if unit.startswith(("vm-network", "vm-dnsmasq")) and exe != "dnsmasq") / 1024


# --- pools and volumes ---

def storage(work, side, machine, add):
    """A folder with 1,000 and with 10,000 images, half of them qcow2."""
    template = "/run/bench-qcow2"
    machine.sh(f"qemu-img create -q -f qcow2 {template} 1G")
    for count in (1000, 10000):
        folder = f"/run/bench-pool{count}"
        machine.sh(f"python3 -c '{FILL}' {folder} {count // 2} {template}", timeout=300)
        with session_of(side, machine) as session:
            name = f"many{count}"
            session.ask("pool_define", name, folder)
            # the first one fills caches
            session.ask("pool_start", name)
            for _ in range(3):
                session.ask("pool_stop", name)
                several(machine, session, add, f"pool-start-{count}", 1, "pool_start", name)
            several(machine, session, add, f"pool-refresh-{count}", 3, "pool_refresh", name)
            for _ in range(3):
                add(f"vol-list-{count}", [session.ask("vol_list", name, count)["wall"] / 1000])
            if count == 10000:
                add("pool-memory", [daemon_memory(side, machine, "virtstoraged.service")])
                time.sleep(21)   # until a daemon has noticed that nobody calls any more
                add("pool-memory-quiet", [daemon_memory(side, machine, "virtstoraged.service", may_end=True)])
            session.ask("pool_end", name)
        machine.sh(f"rm -r {folder}", timeout=300)
    if side.name == "unitvirt":
        pool_floors(side, machine, add)


def pool_floors(side, machine, add):
    """What systemd takes for one process in the pool's sandbox, whatever it does, by its own clock; and a refresh that
    has nothing to look at."""
    machine.sh("sed -e '/^Exec/d; /^NotifyAccess/d; /^Type=/c Type=oneshot\\nExecStart=/bin/true'"
               " /usr/lib/systemd/system/vm-pool@.service > /run/systemd/system/bench-pool@.service;"
               " systemctl daemon-reload")
    for i in range(8):
        machine.settle()
        before = machine.cpu()
        machine.sh("systemctl start bench-pool@x")
        time.sleep(0.3)
        cpu = (machine.cpu() - before) / 1000
        times = [int(machine.sh(f"systemctl show -P {word}TimestampMonotonic bench-pool@x"))
                 for word in ("InactiveExit", "ActiveEnter")]
        if i > 0:
            add("pool-unit", [(times[1] - times[0]) / 1000])
            add("pool-unit-cpu", [cpu])
        machine.sh("systemctl stop bench-pool@x")
    machine.sh("rm /run/systemd/system/bench-pool@.service; systemctl daemon-reload; mkdir /run/bench-empty")
    with session_of(side, machine) as session:
        session.ask("pool_define", "empty", "/run/bench-empty")
        session.ask("pool_start", "empty")
        several(machine, session, add, "pool-refresh-empty", 5, "pool_refresh", "empty")
        session.ask("pool_end", "empty")
    machine.sh("rmdir /run/bench-empty")


def daemon_memory(side, machine, modular, may_end=False):
    """PSS in MiB; 0 of a daemon that has ended because nobody called it, as it may where may_end is said."""
    unit = modular if side.name == "unitvirt" else side.daemon
    found = [smaps(pid) for pid, _, owner in machine.processes() if owner == unit]
    if not found and not may_end:
        raise Failed(f"{unit} has no process")
    return sum(found) / MEMORY


def take_memory(machine):
    """The host that runs a virtual machine may take memory back that was freed some seconds ago, and each page is to be
    had from it anew then, which takes ten times as long as to fill it. So as much as is needed is freed just before."""
    machine.sh(f"head -c {2 * UPLOAD_MIB << 20} /dev/zero > /run/bench-memory; rm /run/bench-memory")


def transfer(machine, session, add, key, *words):
    take_memory(machine)
    answer = counted(machine, session, *words)
    add(key, [UPLOAD_MIB / answer["wall"] * 1e6])
    add(f"{key}-cpu", [answer["total"]])


def volumes(work, side, machine, add):
    """Volumes that are made, copied, filled and removed."""
    source = "/run/bench-source"
    machine.sh(f"mkdir /run/bench-work; head -c {UPLOAD_MIB << 20} /dev/urandom > {source};"
               f" head -c {CLONE_MIB << 20} /dev/urandom > /run/bench-work/original.img")
    with session_of(side, machine) as session:
        session.ask("pool_define", "work", "/run/bench-work")
        session.ask("pool_start", "work")
        # the highest is the first, which starts what the others find
        for _ in range(30):
            add("vol-create", [session.ask("vol_create", "work", "made")["wall"] / 1000])
            add("vol-delete", [session.ask("vol_delete", "work", "made")["wall"] / 1000])
        for _ in range(3):
            add("vol-create-row", [session.ask("vol_create_row", "work", ROW)["wall"] / 1000 / ROW])
            add("vol-delete-row", [session.ask("vol_delete_row", "work", ROW)["wall"] / 1000 / ROW])
        for _ in range(5):
            several(machine, session, add, "vol-clone", 1, "vol_clone", "work", "original.img", CLONE_MIB)
            transfer(machine, session, add, "vol-upload", "vol_upload", "work", "filled", source)
            transfer(machine, session, add, "vol-download", "vol_download", "work", "filled")
            add("floor-clone", [machine.timed("cp", "/run/bench-work/original.img", "/run/bench-copy").wall / 1000])
            take_memory(machine)
            cat = machine.timed("sh", "-c", f"cat {source} | cat > /run/bench-copy; rm /run/bench-copy")
            add("floor-cat", [UPLOAD_MIB / cat.wall * 1e6])
        session.ask("pool_end", "work")
    machine.sh(f"rm -r /run/bench-work {source}")


# --- guests ---

def guest(work, session, name, devices, beside=""):
    """A guest with these devices, and what stands beside <devices>."""
    path = work.shared / f"{name}.xml"
    uuid = f"00000000-0000-4000-8000-{name.encode().hex()[:12]:0>12}"
    text = (work.shared / "rom.xml").read_text().replace("@NAME@</name>", f"{name}</name><uuid>{uuid}</uuid>")
    path.write_text(text.replace("</devices>", devices + "</devices>" + beside))
    return session.ask("define", f"/mnt/bench/{name}.xml")


def many_devices(machine):
    """20 devices: disks, cards, ports, and what else a guest has."""
    machine.sh("mkdir -p /var/lib/libvirt/images; for i in $(seq 8); do truncate -s 8M /var/lib/libvirt/images/b$i.img;"
               " chmod 666 /var/lib/libvirt/images/b$i.img; done")
    disks = "".join(f"<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
                    f"<source file='/var/lib/libvirt/images/b{i + 1}.img'/>"
                    f"<target dev='vd{'abcdefgh'[i]}' bus='virtio'/></disk>"
                    for i in range(8))
    cards = "<interface type='user'><model type='virtio'/></interface>" * 4
    ports = "".join(f"<channel type='unix'><target type='virtio' name='org.bench.{i}'/></channel>" for i in range(4))
    return disks + cards + ports + ("<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
                                    "<controller type='scsi' model='virtio-scsi'/><input type='tablet' bus='usb'/>"
                                    "<watchdog model='i6300esb' action='reset'/>")


def devices(work, side, machine, add):
    """A guest with 20 devices: its definition, its start, and what keeps it."""
    with session_of(side, machine) as session:
        text = many_devices(machine)
        for _ in range(6):
            before = machine.cpu()
            answer = guest(work, session, "large", text)
            add("large-define", [answer["wall"] / 1000])
            add("large-define-cpu", [(machine.cpu() - before + answer["cpu"]) / 1000])
        for _ in range(6):
            several(machine, session, add, "large-start", 1, "start", "large")
            add("large-memory", [sum(smaps(p) for p, exe, _ in side.management(machine) if exe in RUNNERS) / MEMORY])
            session.ask("destroy", "large")
        session.ask("undefine", "large")
    helped(work, side, machine, add)


HELPED = ("<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>"
          "<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/>"
          "<source dir='/srv'/><target dir='shared'/></filesystem>")
SHARED = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"


def helped(work, side, machine, add):
    """A guest with two programs beside QEMU: what is its TPM, and what serves a folder. The first start makes the
    TPM."""
    with session_of(side, machine) as session:
        guest(work, session, "helped", HELPED, SHARED)
        session.ask("start", "helped")
        session.ask("destroy", "helped")
        for _ in range(6):
            several(machine, session, add, "helped-start", 1, "start", "helped")
            session.ask("destroy", "helped")
        session.ask("undefine", "helped")


# Who keeps a running guest, nobody asking but the client that is connected.
RUNNERS = ("vm-run", "unitvirtd", "libvirtd", "virtlogd")

PLUGGED = {
    "disk": "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
            "<source file='/var/lib/libvirt/images/b1.img'/><target dev='sdb' bus='scsi'/>"
            "<alias name='ua-bench'/></disk>",
    "card": "<interface type='user'><model type='usb-net'/><alias name='ua-bench'/></interface>",
}
MEDIUM = ("<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>"
          "<source file='/var/lib/libvirt/images/b%d.img'/><target dev='sda' bus='scsi'/><readonly/></disk>")


def hotplug(work, side, machine, add):
    """Devices of buses that need no guest's consent come and go, and a medium is changed. The guest halts at once."""
    many_devices(machine)
    for name, text in PLUGGED.items():
        (work.shared / f"{name}.xml").write_text(text)
    for i in (2, 3):
        (work.shared / f"medium{i}.xml").write_text(MEDIUM % i)
    with session_of(side, machine) as session:
        guest(work, session, "plugged", "<controller type='scsi' model='virtio-scsi'/><controller type='usb' "
              "model='qemu-xhci'/>" + MEDIUM % 2)
        session.ask("start", "plugged")
        for i in range(9):
            for name in PLUGGED:
                for verb in ("attach", "detach"):
                    answer = counted(machine, session, verb, "plugged", f"/mnt/bench/{name}.xml")
                    if i > 0:
                        add(f"{verb}-{name}", [answer["wall"] / 1000])
                        add(f"{verb}-{name}-cpu", [answer["total"]])
            add("media", [session.ask("update", "plugged", f"/mnt/bench/medium{3 - i % 2}.xml")["wall"] / 1000])
        session.ask("destroy", "plugged")
        session.ask("undefine", "plugged")
