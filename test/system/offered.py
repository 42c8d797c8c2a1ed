#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What domcapabilities offers, define accepts: a definition for each value, within a machine of the tests.

usage: offered.py MACHINE [TYPE]

Prints what was offered and refused, and how much was offered. Exit status 1 when something was refused."""

import sys
import xml.etree.ElementTree as tree

import libvirt

GUEST = """<domain type='{type}'>
  <name>offered</name><memory unit='MiB'>64</memory>{memory}
  <os{firmware}><type arch='x86_64' machine='{machine}'>hvm</type>{loader}</os>
  <features><acpi/><smm state='on'/>{features}</features>{cpu}
  <devices>{devices}</devices>
</domain>"""

SHARED = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
DISK = "<disk type='{type}' device='{device}'>{source}<target dev='{dev}' bus='{bus}'/></disk>"
FILE = "<source file='/srv/x'/>"
TARGETS = {"ide": "hda", "nvme": "nvme0n1", "fdc": "fda", "scsi": "sda", "virtio": "vda", "usb": "sda", "sata": "sda"}
HOSTDEVS = {
    "usb": "<hostdev mode='subsystem' type='usb'><source{policy}><vendor id='0x1'/><product id='0x2'/></source>"
           "</hostdev>",
    "pci": "<hostdev mode='subsystem' type='pci'>{driver}<source><address bus='1' slot='0' function='0'/></source>"
           "</hostdev>",
    "scsi": "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/>"
            "<address bus='0' target='0' unit='0'/></source></hostdev>",
    "scsi_host": "<hostdev mode='subsystem' type='scsi_host'><source protocol='vhost' wwpn='naa.5123456789abcde0'/>"
                 "</hostdev>",
    "mdev": "<hostdev mode='subsystem' type='mdev' model='vfio-pci'>"
            "<source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>",
}
BACKENDS = {"passthrough": "", "emulator": "", "external": "<source type='unix' mode='connect' path='/run/tpm'/>"}
RNGS = {"random": "<backend model='random'>/dev/urandom</backend>", "builtin": "<backend model='builtin'/>",
        "egd": "<backend model='egd' type='unix'><source mode='connect' path='/run/egd'/></backend>"}


def disk(device="disk", bus="virtio", more=""):
    source = FILE if device != "lun" else "<source dev='/dev/x'/>"
    kind = "block" if device == "lun" else "file"
    text = DISK.format(type=kind, device=device, source=source, dev=TARGETS[bus], bus=bus)
    return text.replace("device=", f"{more} device=", 1)


def disk_device(value):
    return {"devices": disk(value, {"floppy": "fdc", "lun": "scsi", "cdrom": "sata", "disk": "virtio"}[value])}


def tpm(model="tpm-tis", backend="emulator", version=""):
    version = f" version='{version}'" if version else ""
    return {"devices": f"<tpm model='{model}'><backend type='{backend}'{version}>{BACKENDS[backend]}"
                       "</backend></tpm>"}


def graphics(value):
    first = "<graphics type='vnc'/>" if value == "egl-headless" else ""
    return {"devices": f"{first}<graphics type='{value}'/>"}


def channel(value):
    first = "<graphics type='spice'/>" if value.startswith("spice") else ""
    return {"devices": f"{first}<channel type='{value}'><target type='virtio' name='x'/></channel>"}


def filesystem(value):
    mode = "" if value == "mtp" else " accessmode='passthrough'"
    return {"devices": f"<filesystem type='mount'{mode}><driver type='{value}'/><source dir='/srv'/>"
                       "<target dir='tag'/></filesystem>", "memory": SHARED}


def hyperv(value):
    more = {"spinlocks": " retries='8191'", "vendor_id": " value='x'"}.get(value, "")
    needs = "".join(f"<{n} state='on'/>" for n in ("vapic", "vpindex", "synic") if n != value)
    return {"features": f"<hyperv mode='custom'>{needs}<{value} state='on'{more}/></hyperv>"}


# (element, enum): what a definition with the value has
WAYS = {
    ("loader", "type"): lambda v: {"loader": f"<loader type='{v}' readonly='yes'>/srv/fw</loader>"},
    ("loader", "readonly"): lambda v: {"loader": f"<loader type='pflash' readonly='{v}'>/srv/fw</loader>"},
    ("loader", "secure"): lambda v: {"loader": f"<loader type='pflash' readonly='yes' secure='{v}'>/srv/fw</loader>"
                                               "<nvram>/srv/vars</nvram>"},
    ("os", "firmware"): lambda v: {"firmware": f" firmware='{v}'"},
    ("memoryBacking", "sourceType"): lambda v: {"memory": f"<memoryBacking><source type='{v}'/></memoryBacking>"},
    ("disk", "diskDevice"): disk_device,
    ("disk", "bus"): lambda v: {"devices": disk("floppy" if v == "fdc" else "disk", v)},
    ("disk", "model"): lambda v: {"devices": disk(more=f"model='{v}'")},
    ("graphics", "type"): graphics,
    ("video", "modelType"): lambda v: {"devices": f"<video><model type='{v}'/></video>"},
    ("hostdev", "mode"): lambda v: {"devices": HOSTDEVS["usb"].format(policy="")},
    ("hostdev", "subsysType"): lambda v: {"devices": HOSTDEVS[v].format(policy="", driver="")},
    ("hostdev", "startupPolicy"): lambda v: {"devices": HOSTDEVS["usb"].format(
        policy="" if v == "default" else f" startupPolicy='{v}'")},
    ("hostdev", "pciBackend"): lambda v: {"devices": HOSTDEVS["pci"].format(
        driver="" if v == "default" else f"<driver name='{v}'/>")},
    ("rng", "model"): lambda v: {"devices": f"<rng model='{v}'>{RNGS['random']}</rng>"},
    ("rng", "backendModel"): lambda v: {"devices": f"<rng model='virtio'>{RNGS[v]}</rng>"},
    ("filesystem", "driverType"): filesystem,
    ("tpm", "model"): lambda v: tpm(model=v),
    ("tpm", "backendModel"): lambda v: tpm(backend=v),
    ("tpm", "backendVersion"): lambda v: tpm(version=v),
    ("redirdev", "bus"): lambda v: {"devices": f"<graphics type='spice'/><redirdev bus='{v}' type='spicevmc'/>"},
    ("channel", "type"): channel,
    ("crypto", "model"): lambda v: {"devices": f"<crypto model='{v}' type='qemu'><backend model='builtin'/></crypto>"},
    ("crypto", "type"): lambda v: {"devices": f"<crypto model='virtio' type='{v}'><backend model='builtin'/></crypto>"},
    ("crypto", "backendModel"): lambda v: {"devices": f"<crypto model='virtio' type='qemu'><backend model='{v}'/>"
                                                      "</crypto>"},
    ("interface", "backendType"): lambda v: {"devices": f"<interface type='user'><backend type='{v}'/></interface>"},
    ("panic", "model"): lambda v: {"devices": f"<panic model='{v}'/>"},
    ("hyperv", "features"): hyperv,
    ("mode", "hostPassthroughMigratable"): lambda v: {"cpu": f"<cpu mode='host-passthrough' migratable='{v}'/>"},
    ("mode", "maximumMigratable"): lambda v: {"cpu": f"<cpu mode='maximum' migratable='{v}'/>"},
}


# What is there or not (supported='yes'), and what a definition with it has. What needs a host of its own is left out.
SWITCHES = {
    "iothreads": {"memory": "<iothreads>1</iothreads>"},
    "vmcoreinfo": {"features": "<vmcoreinfo state='on'/>"},
    "genid": {"memory": "<genid/>"},
    "async-teardown": {"features": "<async-teardown enabled='yes'/>"},
    "ps2": {"features": "<ps2 state='off'/>"},
}


def switches(root):
    for name, parts in SWITCHES.items():
        e = root.find(f".//{name}[@supported='yes']")
        if e is not None:
            yield f"{name}=yes", parts
    most = root.find("vcpu")
    if most is not None:
        count = min(int(most.get("max")), 255)  # more of them need an IOMMU, too
        yield f"vcpu={count}", {"memory": f"<vcpu>{count}</vcpu>"}


def offered(root):
    """(what, the parts of a definition) of each value."""
    yield from switches(root)
    for parent in root.iter():
        for enum in parent.findall("enum"):
            for value in enum.findall("value"):
                yield f"{parent.tag}/{enum.get('name')}={value.text}", WAYS[parent.tag, enum.get("name")](value.text)
    for model in root.findall("cpu/mode[@name='custom']/model"):
        yield f"cpu={model.text}", {"cpu": f"<cpu mode='custom' match='exact'><model>{model.text}</model></cpu>"}
    host = root.find("cpu/mode[@name='host-model'][@supported='yes']")
    if host is not None:
        inside = "".join(tree.tostring(e, encoding="unicode") for e in host)
        yield "cpu=host-model", {"cpu": "<cpu mode='host-model'/>"}
        yield "cpu=host-model, as it is told", {"cpu": f"<cpu mode='custom' match='exact'>{inside}</cpu>"}


def main():
    machine, kind = sys.argv[1], (sys.argv[2:] + ["qemu"])[0]
    libvirt.registerErrorHandler(lambda *_: None, None)
    c = libvirt.open("qemu:///system")
    root = tree.fromstring(c.getDomainCapabilities(None, "x86_64", machine, kind))
    count = bad = 0
    for what, parts in offered(root):
        parts = {name: parts.get(name, "") for name in ("memory", "firmware", "loader", "features", "cpu", "devices")}
        count += 1
        try:
            c.defineXML(GUEST.format(type=kind, machine=machine, **parts)).undefineFlags(
                libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
        except libvirt.libvirtError as e:
            bad += 1
            print(f"{what}: {e}")
    print(f"{count} offered, {bad} refused")
    return 1 if bad or count < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
