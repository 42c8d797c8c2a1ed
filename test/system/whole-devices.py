#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The node devices of a whole machine, by libvirt-python, as the tests of it ask.

    whole-devices.py counts          each list by capability has as many as the kernel's folders; prints both
    whole-devices.py tree            parents are in the list, `nodedev-list --tree` has each device once, below its own
    whole-devices.py below NAME      what is below a device, a line each: capability and name, sorted
    whole-devices.py documents KIND  all documents as a tar file on standard output; KIND: nodedev, interface
    whole-devices.py watch FILE      writes each event: "created|deleted|updated NAME"
"""

import glob
import io
import os
import subprocess
import sys
import tarfile
import threading
import xml.etree.ElementTree as tree

import libvirt

URI = "nodedev:///system"
DRIVES = ("sd", "vd", "nvme", "sr")


def names(pattern, wanted=lambda name: True):
    return sorted(name for name in map(os.path.basename, glob.glob("/sys/" + pattern)) if wanted(name))


def counted():
    """Capability: what the kernel has of it."""
    return {
        "pci": names("bus/pci/devices/*"),
        "usb_device": names("bus/usb/devices/*", lambda name: ":" not in name),
        "usb": names("bus/usb/devices/*:*"),
        "net": names("class/net/*", lambda name: os.path.exists(f"/sys/class/net/{name}/ifindex")),
        "scsi_host": names("class/scsi_host/*"),
        "scsi_target": names("bus/scsi/devices/target*"),
        "scsi": names("class/scsi_device/*"),
        "scsi_generic": names("class/scsi_generic/*"),
        "fc_host": names("class/fc_host/*"),
        "vports": [os.path.basename(os.path.dirname(f)) for f in glob.glob("/sys/class/fc_host/*/max_npiv_vports")
                   if int(open(f).read()) > 0],
        "storage": names("block/*", lambda name: name.startswith(DRIVES)),
        "drm": names("class/drm/*", lambda name: name[0] in "cr" and "-" not in name),
        "mdev_types": glob.glob("/sys/class/mdev_bus/*"),
        "mdev": names("bus/mdev/devices/*"),
        "vpd": glob.glob("/sys/bus/pci/devices/*/vpd"),
        "vdpa": names("bus/vdpa/devices/*"),
        "system": ["computer"],
    }


def counts(connection):
    wrong = []
    for capability, there in counted().items():
        listed = connection.listDevices(capability, 0)
        print(f"{capability}: {len(listed)} of {len(there)}")
        # what PCI devices say of themselves may be empty
        if len(listed) != len(there) and capability != "vpd":
            wrong += [f"{capability}: {listed} for {there}"]
    assert not wrong, wrong


def check_tree(connection):
    devices = {d.name(): d for d in connection.listAllDevices()}
    assert set(devices) == set(connection.listDevices(None, 0)) and len(devices) == connection.numOfDevices(None, 0)
    for name, device in devices.items():
        root = tree.fromstring(device.XMLDesc())
        assert root.findtext("name") == name
        assert root.findtext("parent") == device.parent(), name
        assert name == "computer" or device.parent() in devices, name
        path = root.findtext("path")
        above = name != "computer" and tree.fromstring(devices[device.parent()].XMLDesc()).findtext("path")
        # nobody is nearer: the folder of what is above is one above, as sysfs has it
        assert not path or not above or path.startswith(above + "/"), (path, above)
    path = []
    seen = set()
    text = subprocess.run(("virsh", "-q", "-c", URI, "nodedev-list", "--tree"), check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    for line in filter(None, (line.rstrip() for line in text.splitlines())):
        name = line.lstrip(" |+-")
        if not name:
            continue
        assert name not in seen, name
        seen.add(name)
        depth = len(line) - len(name)
        while path and path[-1][0] >= depth:
            path.pop()
        assert devices[name].parent() == (path[-1][1] if path else None), (name, path)
        path.append((depth, name))
    assert seen == set(devices), seen ^ set(devices)


def below(connection, name):
    devices = {d.name(): d for d in connection.listAllDevices()}

    def is_below(device):
        return device and (device.parent() == name or is_below(devices.get(device.parent())))
    for line in sorted(f"{d.listCaps()[0]} {d.name()}" for d in devices.values() if is_below(d)):
        print(line)


def documents(kind):
    connection = libvirt.open("interface:///system" if kind == "interface" else URI)
    objects = connection.listAllInterfaces() if kind == "interface" else connection.listAllDevices()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        for o in objects:
            data = o.XMLDesc().encode()
            info = tarfile.TarInfo(o.name().replace("/", "_") + ".xml")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def watch(path):
    libvirt.virEventRegisterDefaultImpl()
    connection = libvirt.open(URI)
    lock = threading.Lock()

    def say(what, device):
        with lock, open(path, "a") as f:
            f.write(f"{what} {device.name()}\n")
    connection.nodeDeviceEventRegisterAny(
        None, libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE,
        lambda c, device, event, detail, data: say(("created", "deleted", "defined", "undefined")[event], device), None)
    connection.nodeDeviceEventRegisterAny(
        None, libvirt.VIR_NODE_DEVICE_EVENT_ID_UPDATE, lambda c, device, data: say("updated", device), None)
    open(path, "a").close()
    while True:
        libvirt.virEventRunDefaultImpl()


def main():
    verb, *words = sys.argv[1:]
    if verb == "documents":
        documents(*words)
    elif verb == "watch":
        watch(*words)
    else:
        {"counts": counts, "tree": check_tree, "below": below}[verb](libvirt.open(URI), *words)


main()
