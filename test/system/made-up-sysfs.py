#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""made-up-sysfs.py SYS UDEV: a folder that looks like /sys with one device of each kind that node devices are of, and
one like /run/udev/data with what udev would say of them. Most machines have few of them."""

import os
import struct
import sys

SYS, UDEV = sys.argv[1:3]
MDEV = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


def put(path, **files):
    folder = f"{SYS}/devices/{path}"
    os.makedirs(folder, exist_ok=True)
    for name, content in files.items():
        name = name.replace("__", "/")
        os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(f"{folder}/{name}", mode) as f:
            f.write(content if mode == "wb" else content + "\n")


def link(path, target):
    os.makedirs(os.path.dirname(f"{SYS}/{path}"), exist_ok=True)
    os.symlink(os.path.relpath(f"{SYS}/{target}", os.path.dirname(f"{SYS}/{path}")), f"{SYS}/{path}")


def device(path, subsystem, kind="class", uevent="", udev=None, name=None, **files):
    """In devices/, with its link from the class or bus, and udev's words: (ID of its file, {PROPERTY: value})."""
    put(path, uevent=uevent, **files)
    folder = f"class/{subsystem}" if kind == "class" else f"bus/{subsystem}/devices"
    link(f"{folder}/{name or os.path.basename(path)}", f"devices/{path}")
    os.makedirs(f"{SYS}/{'class/' + subsystem if kind == 'class' else 'bus/' + subsystem}", exist_ok=True)
    link(f"devices/{path}/subsystem", f"{'class' if kind == 'class' else 'bus'}/{subsystem}")
    driver = next((line[7:] for line in uevent.splitlines() if line.startswith("DRIVER=")), None)
    if driver:
        os.makedirs(f"{SYS}/bus/{subsystem}/drivers/{driver}", exist_ok=True)
        link(f"devices/{path}/driver", f"bus/{subsystem}/drivers/{driver}")
    if udev:
        with open(f"{UDEV}/{udev[0]}", "w") as f:
            f.write("".join(f"E:{key}={value}\n" for key, value in udev[1].items()) +
                    "".join(f"S:{link}\n" for link in udev[2:]) + "V:1\n")


def vpd():
    """A name, and read-only fields with their checksum."""
    name = b"Made-up card"
    fields = b"".join(key + bytes([len(value)]) + value for key, value in
                      ((b"PN", b"P-1"), (b"SN", b"S-1"), (b"MN", b"1028"), (b"V0", b"vendor's own")))
    fields += b"RV\1"
    data = b"\x82" + struct.pack("<H", len(name)) + name + b"\x90" + struct.pack("<H", len(fields) + 1) + fields
    return data + bytes([-sum(data) & 0xff]) + b"\x91\x06\x00YA\x03tag\x78"


def pci():
    root = "pci0000:00"
    config = bytearray(64)
    config[0x0e] = 1
    device(f"{root}/0000:00:01.0", "pci", "bus", "DRIVER=pcieport\nPCI_CLASS=60400", vendor="0x8086", device="0x1901",
           config=bytes(config), **{"class": "0x060400"}, numa_node="-1")
    card = f"{root}/0000:00:01.0/0000:02:00.0"
    device(card, "pci", "bus", "DRIVER=ixgbe", vendor="0x8086", device="0x1528", config=bytes(64), numa_node="1",
           sriov_totalvfs="63", max_link_width="8", max_link_speed="5.0 GT/s PCIe", current_link_width="4",
           current_link_speed="2.5 GT/s PCIe", vpd=vpd(), udev=("+pci:0000:02:00.0", {
               "ID_VENDOR_FROM_DATABASE": "Maker & Sons", "ID_MODEL_FROM_DATABASE": "Card <X>\x1b"}),
           **{"class": "0x020000"})
    put(card, mdev_supported_types__made_1__name="Made <1>", mdev_supported_types__made_1__device_api="vfio-pci",
        mdev_supported_types__made_1__available_instances="3")
    function = f"{root}/0000:00:01.0/0000:02:10.0"
    device(function, "pci", "bus", "", vendor="0x8086", device="0x1515", config=bytes(64), **{"class": "0x020000"})
    link(f"devices/{card}/virtfn0", f"devices/{function}")
    link(f"devices/{function}/physfn", f"devices/{card}")
    for one in (card, function):
        link(f"kernel/iommu_groups/7/devices/{os.path.basename(one)}", f"devices/{one}")
        link(f"devices/{one}/iommu_group", "kernel/iommu_groups/7")
    device(f"{card}/net/wl0", "net", uevent="DEVTYPE=wlan\nINTERFACE=wl0\nIFINDEX=77", address="52:54:00:00:00:77",
           operstate="up", speed="1000", ifindex="77")
    device(f"{card}/{MDEV}", "mdev", "bus", "DRIVER=vfio_mdev")
    link(f"devices/{card}/{MDEV}/mdev_type", f"devices/{card}/mdev_supported_types/made_1")
    device(f"{card}/drm/card0", "drm", uevent="MAJOR=226\nMINOR=0\nDEVNAME=dri/card0\nDEVTYPE=drm_minor", dev="226:0")
    device(f"{card}/drm/renderD128", "drm", uevent="MAJOR=226\nMINOR=128\nDEVNAME=dri/renderD128\nDEVTYPE=drm_minor",
           dev="226:128")
    device(f"{card}/vdpa0", "vdpa", "bus", "DRIVER=vhost_vdpa")
    device(f"{card}/vdpa0/vhost-vdpa-0", "vhost-vdpa", uevent="MAJOR=511\nMINOR=0\nDEVNAME=vhost-vdpa-0", dev="511:0")
    return card


def usb(card):
    device(f"{card}/usb1", "usb", "bus", "DEVTYPE=usb_device\nDRIVER=usb\nDEVNAME=bus/usb/001/001\nMAJOR=189\nMINOR=0",
           busnum="1", devnum="1", idVendor="1d6b", idProduct="0002", manufacturer="Linux xhci-hcd", product="xHCI")
    device(f"{card}/usb1/1-1", "usb", "bus", "DEVTYPE=usb_device\nDEVNAME=bus/usb/001/004\nMAJOR=189\nMINOR=3",
           busnum="1", devnum="4", idVendor="046d", idProduct="c31c", manufacturer="Logi\x07tech",
           product="Key\xe4board")
    device(f"{card}/usb1/1-1/1-1:1.0", "usb", "bus", "DEVTYPE=usb_interface\nDRIVER=usbhid", bInterfaceNumber="00",
           bInterfaceClass="03", bInterfaceSubClass="01", bInterfaceProtocol="01", interface="Keys")


def scsi(card):
    host = f"{card}/host3"
    device(host, "scsi", "bus", "DEVTYPE=scsi_host")
    put(host, scsi_host__host3__uevent="")
    put(f"{host}/scsi_host/host3", unique_id="3")
    device(f"{host}/fc_host/host3", "fc_host", port_name="0x2001001b32a9da4e", node_name="0x2001001b32a9da4f",
           fabric_name="0x2001000dec9877c1", max_npiv_vports="127", npiv_vports_inuse="2", vport_create="")
    put(host, **{"scsi_host__unique_id": "3"})
    alone = f"{card}/host4"
    device(alone, "scsi", "bus", "DEVTYPE=scsi_host")
    device(f"{alone}/fc_host/host4", "fc_host", port_name="0x2001001b32a9da5e", node_name="0x2001001b32a9da5f",
           fabric_name="0x0", max_npiv_vports="0")
    put(f"{host}/rport-3:0-0", uevent="DEVTYPE=fc_remote_port")
    device(f"{host}/rport-3:0-0/fc_remote_ports/rport-3:0-0", "fc_remote_ports", port_name="0x9d73bc45f0e21a86")
    target = f"{host}/rport-3:0-0/target3:0:0"
    device(target, "scsi", "bus", "DEVTYPE=scsi_target")
    unit = f"{target}/3:0:0:0"
    device(unit, "scsi", "bus", "DEVTYPE=scsi_device\nDRIVER=sd", type="0", model="DISK")
    device(f"{unit}/scsi_generic/sg0", "scsi_generic", uevent="MAJOR=21\nMINOR=0\nDEVNAME=sg0", dev="21:0")
    device(f"{unit}/block/sda", "block", uevent="MAJOR=8\nMINOR=0\nDEVNAME=sda\nDEVTYPE=disk", dev="8:0", size="2048",
           removable="0", queue__logical_block_size="512", udev=("b8:0", {
               "ID_TYPE": "disk", "ID_BUS": "scsi", "ID_SERIAL": "SN 1/2", "ID_MODEL": "MODEL", "ID_VENDOR": "VENDOR"},
               "disk/by-id/scsi-1", "disk/by-path/x"))
    other = f"{target}/3:0:0:1"
    device(other, "scsi", "bus", "DEVTYPE=scsi_device\nDRIVER=sr", type="5", vendor="MAKER")
    device(f"{other}/block/sr0", "block", uevent="MAJOR=11\nMINOR=0\nDEVNAME=sr0\nDEVTYPE=disk", dev="11:0", size="0",
           removable="1", queue__logical_block_size="2048", udev=("b11:0", {"ID_TYPE": "cd", "ID_BUS": "ata"}))
    link(f"devices/{other}/block/sr0/device", f"devices/{other}")
    device("virtual/block/loop0", "block", uevent="MAJOR=7\nMINOR=0\nDEVNAME=loop0\nDEVTYPE=disk", dev="7:0", size="8",
           removable="0")


def dmi():
    put("virtual/dmi/id", sys_vendor="Vendor \x01& Co", product_name="Machine", product_version="1",
        product_serial="<S>", product_uuid="a1b2c3d4-0000-4000-8000-00000000000f", bios_vendor="BIOS",
        bios_version="2", bios_date="01/02/2026")
    link("class/dmi/id", "devices/virtual/dmi/id")


# what systemd mounts something on, for a daemon's sandbox
for empty in ("fs/cgroup", "fs/bpf", "kernel/debug", "kernel/tracing", "kernel/security", "firmware", "module",
              "power"):
    os.makedirs(f"{SYS}/{empty}", exist_ok=True)
os.makedirs(UDEV, exist_ok=True)
of_card = pci()
usb(of_card)
scsi(of_card)
dmi()
