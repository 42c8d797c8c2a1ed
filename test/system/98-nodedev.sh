#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Node devices by Debian's virsh and python3-libvirt: the tree, lists by capability, documents that are valid by
# libvirt's own schema, and links that come and go, told by udev where it runs, by the kernel where it does not, and
# else found by looking.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
c=nodedev:///system

check "the tree begins with the computer" contains computer m sh -c "virsh -c $c nodedev-list --tree | head -n 1"
check "... and has what the host has" contains net_lo_00_00_00_00_00_00 m virsh -c $c nodedev-list --tree
check "the same on a connection to QEMU" contains net_lo_00_00_00_00_00_00 m virsh nodedev-list
check "by capability" equals "$(printf 'computer\n')" m virsh -q -c $c nodedev-list --cap system
net_alone() { m virsh -q -c $c nodedev-list --cap net | grep . && not contains pci_ \
        m virsh -q -c $c nodedev-list --cap net; }
check "... links alone" net_alone
check "... by two" contains computer m virsh -q -c $c nodedev-list --cap net,system
check "none is inactive" equals "" m virsh -q -c $c nodedev-list --inactive
check "nodedev-info" contains "Active:         yes" m virsh -c $c nodedev-info net_lo_00_00_00_00_00_00
refused "one that there is not" "no node device with matching name" m virsh -c $c nodedev-dumpxml nothing
refused "what is no PCI device" "is not a PCI device" m virsh -c $c nodedev-detach computer
refused "... nor reset" "is not a PCI device" m virsh -c $c nodedev-reset net_lo_00_00_00_00_00_00

check "systemd-analyze security of what changes devices: 2.0 or better" \
        m systemd-analyze security --no-pager --threshold=20 vm-nodedev@1.service

# --- every document
schema=/usr/share/libvirt/schemas/nodedev.rng
if m test -e $schema; then
        check "every document is valid by libvirt's schema" \
                m sh -c "virsh -q -c $c nodedev-list | grep . | while read -r d; do
                virsh -q -c $c nodedev-dumpxml \$d > /tmp/d.xml &&
                xmllint --noout --relaxng $schema /tmp/d.xml || exit 1; done"
else echo "#   no schema of libvirt's here ($schema): documents are not checked by it"; fi
check "every parent is in the list" m_with_input /usr/bin/python3 - <<'PYTHON'
import libvirt, xml.etree.ElementTree as et
c = libvirt.open("nodedev:///system")
devices = {d.name(): d for d in c.listAllDevices()}
assert len(devices) == c.numOfDevices(None, 0) and set(devices) == set(c.listDevices(None, 0))
for name, d in devices.items():
        root = et.fromstring(d.XMLDesc())
        assert root.findtext("name") == name
        assert d.parent() == root.findtext("parent"), name
        assert name == "computer" or d.parent() in devices, name
        assert root.find("capability").get("type") in d.listCaps() and d.numOfCaps() == len(d.listCaps())
        assert d.isActive() and d.isPersistent() and d.autostart()
        assert c.nodeDeviceLookupByName(name).name() == name
PYTHON

# --- links come and go; without udev they are found when somebody looks
cat <<'PYTHON' | m_with_input sh -c "cat > /root/events.py"
import libvirt, re, subprocess, sys, threading, time
looking = sys.argv[1] == "look"
libvirt.virEventRegisterDefaultImpl()
threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)], daemon=True).start()
c = libvirt.open("nodedev:///system")
seen = []
c.nodeDeviceEventRegisterAny(None, libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE,
                               lambda c, d, e, x, o: seen.append((d.name(), e)), None)
def wait(name, event):
        for _ in range(100):
                if looking:
                        c.listAllDevices()
                if (name, event) in seen:
                        return
                time.sleep(0.1)
        raise SystemExit("no event %d of %s: %s" % (event, name, seen))
def ip(*words):
        subprocess.run(("ip", "link") + words, check=True)
ip("add", "nd0", "address", "02:00:00:00:00:01", "type", "bridge")
wait("net_nd0_02_00_00_00_00_01", 0)
assert "02:00:00:00:00:01" in c.nodeDeviceLookupByName("net_nd0_02_00_00_00_00_01").XMLDesc()
ip("set", "nd0", "name", "nd1")
wait("net_nd0_02_00_00_00_00_01", 1)
wait("net_nd1_02_00_00_00_00_01", 0)
ip("set", "nd1", "address", "02:00:00:00:00:02")
wait("net_nd1_02_00_00_00_00_01", 1)
wait("net_nd1_02_00_00_00_00_02", 0)
ip("delete", "nd1")
wait("net_nd1_02_00_00_00_00_02", 1)
assert len(seen) == 6, seen
# who is gone before anybody could look has no address, and is not told of
for i in range(20):
        ip("add", "nd2", "type", "bridge")
        ip("delete", "nd2")
        ip("add", "nd3", "type", "veth", "peer", "name", "nd5")
        ip("set", "nd5", "name", "nd2")
        ip("delete", "nd3")
ip("add", "nd4", "address", "02:00:00:00:00:04", "type", "bridge")
wait("net_nd4_02_00_00_00_00_04", 0)
ip("delete", "nd4")
wait("net_nd4_02_00_00_00_00_04", 1)
assert all(re.fullmatch("net_nd._(..)(_..){5}", name) for name, event in seen), seen
PYTHON
# What was read of a device is kept, and not longer than it is true.
cat <<'PYTHON' | m_with_input sh -c "cat > /root/kept.py"
import array, fcntl, libvirt, socket, struct, subprocess, time, xml.etree.ElementTree as et
def ip(*words):
        subprocess.run(("ip", "link") + words, check=True)
c = libvirt.open("nodedev:///system")
ip("add", "nv0", "address", "02:00:00:00:01:00", "type", "veth", "peer", "name", "nv1", "address", "02:00:00:00:01:01")
name = "net_nv0_02_00_00_00_01_00"
def wait(state):
        for _ in range(100):
                root = et.fromstring(c.nodeDeviceLookupByName(name).XMLDesc())
                if root.find("capability/link").get("state") == state:
                        return root
                time.sleep(0.1)
        raise SystemExit("never %s: %s" % (state, et.tostring(root)))
for _ in range(100):
        if name in c.listDevices("net", 0):
                break
        time.sleep(0.1)
before = c.nodeDeviceLookupByName(name).XMLDesc()
assert c.nodeDeviceLookupByName(name).XMLDesc() == before
wait("down")
ip("set", "nv0", "up")
ip("set", "nv1", "up")
wait("up")
ip("set", "nv1", "down")
assert "speed" not in wait("lowerlayerdown").find("capability/link").attrib
# segmentation off and on again, by the old call of ethtool(8)
def gso(on):
        value = array.array("I", [0x24, on])
        request = struct.pack("16sQ", b"nv0", value.buffer_info()[0])
        fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8946, request.ljust(40, b"\0"))
        for _ in range(100):
                found = [f.get("name") for f in et.fromstring(c.nodeDeviceLookupByName(name).XMLDesc()).iter("feature")]
                if ("gso" in found) == bool(on):
                        return found
                time.sleep(0.1)
        raise SystemExit("gso is not %d: %s" % (on, found))
assert "tx" in gso(0)
assert gso(1)[:3] == ["rx", "tx", "sg"]
ip("set", "nv1", "name", "nv2")
ip("delete", "nv0")
for _ in range(100):
        if not [d for d in c.listDevices("net", 0) if d.startswith("net_nv")]:
                break
        time.sleep(0.1)
else:
        raise SystemExit("they stay: %s" % c.listDevices("net", 0))
try:
        c.nodeDeviceLookupByName(name)
        raise SystemExit("it is found")
except libvirt.libvirtError as e:
        assert e.get_error_code() == libvirt.VIR_ERR_NO_NODE_DEVICE
PYTHON
if m ip link add nd9 type bridge 2>/dev/null; then
        m ip link delete nd9
        check "links come, are renamed and go" m /usr/bin/python3 /root/events.py look
        check "... and what is said of them changes with them" m /usr/bin/python3 /root/kept.py
        # systemd does not start udev where /sys is not writable; its messages about this machine's own links come all
        # the same.
        m systemd-run -q --unit=test-udevd sh -c 'exec /lib/systemd/systemd-udevd ||
                exec /usr/lib/systemd/systemd-udevd'
        if eventually 10 m test -e /run/udev/control; then
                m systemctl stop virtnodedevd.service
                check "... told by udev" m /usr/bin/python3 /root/events.py told
                check "... with what is said of them" m /usr/bin/python3 /root/kept.py
                check "what no kernel tells of is looked for" \
                        m sh -c 'mkdir -p /etc/systemd/system/virtnodedevd.service.d
                        printf "[Service]\nRestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX\n" \
                                > /etc/systemd/system/virtnodedevd.service.d/deaf.conf
                        systemctl daemon-reload; systemctl stop virtnodedevd.service;
                        python3 /root/kept.py && python3 /root/events.py look'
                m sh -c 'rm -r /etc/systemd/system/virtnodedevd.service.d;
                        systemctl daemon-reload; systemctl stop virtnodedevd.service'
        else echo "#   udev does not run here: its messages are not tried"; fi
else echo "#   this kernel makes no bridges: none come and go"; fi

# --- PCI devices: a folder that looks like the kernel's, for the addresses of this machine's first device; the kernel's
# own devices are this machine's, and stay with their drivers.
first=$(m sh -c "virsh -q -c $c nodedev-list --cap pci | grep . | head -n 1")
if [ -n "$first" ]; then
        a=$(m sh -c "virsh -c $c nodedev-dumpxml $first | sed -n 's#.*<path>.*/\(.*\)</path>#\1#p'")
        m sh -c "mkdir -p /root/sys/bus/pci/devices/$a /root/sys/bus/pci/drivers/vfio-pci /root/sys/bus/pci/drivers/host
                cd /root/sys/bus/pci; ln -s ../../drivers/host devices/$a/driver;
                touch drivers/host/unbind drivers/vfio-pci/unbind drivers_probe devices/$a/driver_override
                mkdir -p /etc/systemd/system/vm-nodedev@.service.d
                printf '[Service]\nEnvironment=UNITVIRT_SYS=/root/sys\nProtectHome=no\nReadWritePaths=/root/sys\n' \
                        > /etc/systemd/system/vm-nodedev@.service.d/test.conf
                systemctl daemon-reload"
        refused "a driver that does not take the device" "the driver does not take it); it is given back to 'host'" \
                m virsh -c $c nodedev-detach $first
        # the kernel's part: who is asked for gets it
        m_with_input sh -c 'cat > /root/kernel.sh' <<EOF
cd /root/sys/bus/pci; while sleep 0.02; do
        [ -s drivers_probe ] || continue
        d=\$(head -n 1 devices/$a/driver_override); : > drivers_probe
        ln -sfn ../../drivers/\${d:-host} devices/$a/driver
done
EOF
        m systemd-run -q --unit=test-kernel sh /root/kernel.sh
        driver() { m sh -c "basename \$(readlink /root/sys/bus/pci/devices/$a/driver)"; }
        check "nodedev-detach" eventually 20 m virsh -c $c nodedev-detach $first
        check "... to vfio-pci" eventually 10 equals vfio-pci driver
        check "... once more" m virsh -c $c nodedev-detach $first
        check "nodedev-reattach" eventually 20 m virsh -c $c nodedev-reattach $first
        check "... to the driver from before" eventually 10 equals host driver
        check "... and nothing is remembered" equals "" m ls /run/libvirt/nodedev/detached
        check "... once more" m virsh -c $c nodedev-reattach $first
        # killed at each step: who asks again gets what was asked for, and the driver from before is not forgotten
        killed() { m sh -c "virsh -q -c $c $1 $first >/dev/null 2>&1 & sleep 0.$2;
                systemctl kill -s KILL 'vm-nodedev@*' 2>/dev/null; wait
                systemctl reset-failed 'vm-nodedev@*' 2>/dev/null; virsh -q -c $c $1 $first" &&
                eventually 10 equals "$3" driver; }
        killed_often() { local i; for i in 00 01 02 03 04 06 08 10 13 17; do
                killed nodedev-detach $i vfio-pci && killed nodedev-reattach $i host || return 1; done; }
        check "killed in the middle, and asked again" killed_often
        check "... nothing is remembered of it" equals "" \
                m sh -c 'ls -A /run/libvirt/nodedev/detached /run/libvirt/nodedev/jobs | grep -v ":$"'
        refused "a driver that there is not" "no driver 'vfio_none'" \
                m virsh -c $c nodedev-detach $first --driver vfio_none
        refused "Xen's" "devices are given to guests by VFIO" m virsh -c $c nodedev-detach $first --driver xen
        refused "a name with an option" "unknown driver name" m virsh -c $c nodedev-detach $first --driver=--all
        refused "a device that cannot be reset" "no FLR, PM reset or bus reset" m virsh -c $c nodedev-reset $first
        m touch "/root/sys/bus/pci/devices/$a/reset"
        check "nodedev-reset" m virsh -c $c nodedev-reset $first
        check "... by the kernel" equals 1 m cat "/root/sys/bus/pci/devices/$a/reset"
        check "jobs leave nothing" equals "" m ls /run/libvirt/nodedev/jobs
        # a driver that never comes back
        m sh -c "mkdir -p /etc/systemd/system/vm-nodedev@.service.d;
                rm /root/sys/bus/pci/devices/$a/reset; mkfifo /root/sys/bus/pci/devices/$a/reset
                printf '[Service]\nTimeoutStartSec=5\n' > /etc/systemd/system/vm-nodedev@.service.d/time.conf;
                systemctl daemon-reload"
        m sh -c "virsh -c $c nodedev-reset $first > /root/hung 2>&1; echo \$? >> /root/hung" &
        check "while a driver hangs others are answered" m virsh -c $c nodedev-info $first
        check "... and the caller is told" eventually 40 m grep -q "^1" /root/hung
        wait
else echo "#   this machine has no PCI devices: none is detached"; fi

# --- mediated devices, as far as they are a matter of definitions: this kernel makes none
parent=${first:-}
if [ -n "$parent" ] && m sh -c 'command -v mdevctl >/dev/null'; then
        u=11111111-2222-4333-8444-555555555555
        mdev() { echo "<device><parent>$parent</parent>
                <capability type='mdev'><type id='mtty-2'/><uuid>$u</uuid>$1</capability></device>" |
                m_with_input sh -c 'cat > /root/mdev.xml'; }
        mdev "<attr name='one' value='1'/>"
        check "nodedev-define" contains "defined from '/root/mdev.xml'" m virsh -c $c nodedev-define /root/mdev.xml
        name=mdev_$(echo "${u}_$a" | tr -c 'a-zA-Z0-9\n' _)
        check "... mdevctl has it" contains mtty-2 m mdevctl list --defined
        check "... is listed, inactive" equals "$name" m virsh -q -c $c nodedev-list --inactive
        check "... its document" contains "<attr name='one' value='1'/>" m virsh -c $c nodedev-dumpxml "$name"
        check "... its parent" contains "<parent>$parent</parent>" m virsh -c $c nodedev-dumpxml "$name"
        check "... nodedev-info" contains "Autostart:      no" m virsh -c $c nodedev-info "$name"
        check "nodedev-autostart" m virsh -c $c nodedev-autostart "$name"
        check "... holds" contains "Autostart:      yes" m virsh -c $c nodedev-info "$name"
        check "... in mdevctl's file" contains auto m sh -c "grep start /etc/mdevctl.d/$a/$u"
        check "... and off" m virsh -c $c nodedev-autostart --disable "$name"
        refused "a second one" "there already" m virsh -c $c nodedev-define /root/mdev.xml
        refused "start, without a kernel for it: mdevctl's words" "mdevctl" m virsh -c $c nodedev-start "$name"
        refused "create, the same" "mdevctl" \
                m sh -c "sed -i s/$u/${u/1111/2222}/ /root/mdev.xml; virsh -c $c nodedev-create /root/mdev.xml"
        check "who defines one by mdevctl is seen" m mdevctl define --uuid "${u/1111/3333}" --parent "$a" --type mtty-1
        check "... by virsh" contains "mdev_33331111" m virsh -q -c $c nodedev-list --inactive --cap mdev
        check "nodedev-undefine" m virsh -c $c nodedev-undefine "$name"
        check "... and it is gone" not contains "$name" m virsh -q -c $c nodedev-list --all
        refused "a type that cannot be defined" "Unsupported device type 'net'" \
                m sh -c "echo \"<device><parent>$parent</parent><capability type='net'/></device>\" > /root/n.xml;
                virsh -c $c nodedev-define /root/n.xml"
        refused "a parent that there is not" "could not find parent device" m sh -c \
                "sed 's/$parent/pci_nowhere/' /root/mdev.xml > /root/n.xml; virsh -c $c nodedev-create /root/n.xml"
else echo "#   no PCI device or no mdevctl here: no mediated device is defined"; fi
refused "a port without an adapter" "no host adapter makes virtual ports" m sh -c \
        "echo \"<device><capability type='scsi_host'><capability type='fc_host'/></capability></device>\" > /root/n.xml;
        virsh -c $c nodedev-create /root/n.xml"
refused "look-up by WWN" "no node device with matching wwnn" m /usr/bin/python3 -c '
import libvirt
libvirt.open("nodedev:///system").nodeDeviceLookupSCSIHostByWWN("2000000000000000", "1000000000000000", 0)'
# --- one device of each kind, in a folder that looks like /sys
m sh -c '/run/test/made-up-sysfs.py /srv/sys /srv/udev; mkdir -p /etc/systemd/system/virtnodedevd.service.d
        printf "%s\n" "[Service]" "Environment=SYSTEMD_DEVICE_VERIFY_SYSFS=0" \
                "BindReadOnlyPaths=/srv/sys:/sys /srv/udev:/run/udev/data" \
                > /etc/systemd/system/virtnodedevd.service.d/made-up.conf;
                systemctl daemon-reload; systemctl stop virtnodedevd.service 2>/dev/null'
check "each kind, made up" equals "block_sda_SN_1_2
block_sr0
computer
drm_card0
drm_renderD128
mdev_aaaaaaaa_bbbb_4ccc_8ddd_eeeeeeeeeeee_0000_02_00_0
net_wl0_52_54_00_00_00_77
pci_0000_00_01_0
pci_0000_02_00_0
pci_0000_02_10_0
scsi_3_0_0_0
scsi_3_0_0_1
scsi_generic_sg0
scsi_host3
scsi_host4
scsi_target3_0_0
usb_1_1
usb_1_1_1_0
usb_usb1
vdpa_vdpa0" m sh -c "virsh -q -c $c nodedev-list | grep -v ^mdev_33 | sort"
if m test -e $schema; then
        check "... every document is valid by libvirt's schema" \
                m sh -c "virsh -q -c $c nodedev-list | grep . | while read -r d; do
                virsh -q -c $c nodedev-dumpxml \$d > /tmp/d.xml &&
                xmllint --noout --relaxng $schema /tmp/d.xml || { cat /tmp/d.xml; exit 1; }; done"
fi
by_cap() { m sh -c "virsh -q -c $c nodedev-list --cap $1 | grep . | xargs"; }
for pair in fc_host='scsi_host3 scsi_host4' vports=scsi_host3 \
        mdev_types=pci_0000_02_00_0 vpd=pci_0000_02_00_0 vdpa=vdpa_vdpa0 scsi_generic=scsi_generic_sg0; do
        check "... by capability ${pair%%=*}" equals "${pair#*=}" by_cap "${pair%%=*}"
done
cat <<'PYTHON' | m_with_input sh -c "cat > /root/made-up.py"
import libvirt, xml.etree.ElementTree as et
c = libvirt.open("nodedev:///system")
def says(name, parent, *wanted):
        d = c.nodeDeviceLookupByName(name)
        text = d.XMLDesc()
        assert d.parent() == parent == et.fromstring(text).findtext("parent"), (name, d.parent())
        flat = "".join(line.strip() for line in text.splitlines())
        for w in wanted:
                assert w in flat, "%s: no %s in\n%s" % (name, w, text)
        return et.fromstring(text)
says("computer", None, "<product>Machine</product>", "<vendor>Vendor &amp; Co</vendor>", "<serial>&lt;S&gt;</serial>",
     "<uuid>a1b2c3d4-0000-4000-8000-00000000000f</uuid>", "<release_date>01/02/2026</release_date>")
card = "pci_0000_02_00_0"
says("pci_0000_00_01_0", "computer", "<capability type='pci-bridge'/>", "<class>0x060400</class>",
     "<driver><name>pcieport</name></driver>")
root = says(card, "pci_0000_00_01_0", "<path>/sys/devices/pci0000:00/0000:00:01.0/0000:02:00.0</path>",
     "<domain>0</domain><bus>2</bus><slot>0</slot><function>0</function>",
     "<product id='0x1528'>Card &lt;X&gt;</product><vendor id='0x8086'>Maker &amp; Sons</vendor>",
     "<capability type='virt_functions' maxCount='63'>"
     "<address domain='0x0000' bus='0x02' slot='0x10' function='0x0'/></capability>",
     "<capability type='mdev_types'><type id='made_1'><name>Made &lt;1&gt;</name>"
     "<deviceAPI>vfio-pci</deviceAPI><availableInstances>3</availableInstances></type></capability>",
     "<capability type='vpd'><name>Made-up card</name><fields access='readonly'>",
     "<part_number>P-1</part_number>", "<serial_number>S-1</serial_number>",
     "<manufacture_id>1028</manufacture_id>", "<fields access='readwrite'><asset_tag>tag</asset_tag></fields>",
     "<iommuGroup number='7'>", "<numa node='1'/>",
     "<pci-express><link validity='cap' speed='5' width='8'/>"
     "<link validity='sta' speed='2.5' width='4'/></pci-express>",
     "<driver><name>ixgbe</name></driver>")
assert len(root.findall("capability/iommuGroup/address")) == 2
says("pci_0000_02_10_0", "pci_0000_00_01_0",
     "<capability type='phys_function'><address domain='0x0000' bus='0x02' slot='0x00' function='0x0'/></capability>")
says("net_wl0_52_54_00_00_00_77", card, "<interface>wl0</interface>", "<link speed='1000' state='up'/>",
     "<capability type='80211'/>")
says("drm_renderD128", card, "<type>render</type>", "<devnode type='dev'>/dev/dri/renderD128</devnode>")
says("drm_card0", card, "<type>primary</type>")
says("mdev_aaaaaaaa_bbbb_4ccc_8ddd_eeeeeeeeeeee_0000_02_00_0", card, "<type id='made_1'/>",
     "<uuid>aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee</uuid>", "<parent_addr>0000:02:00.0</parent_addr>")
says("vdpa_vdpa0", card, "<chardev>/dev/vhost-vdpa-0</chardev>")
says("usb_1_1", "usb_usb1", "<bus>1</bus><device>4</device>", "<product id='0xc31c'>Key",
     "<vendor id='0x046d'>Logitech</vendor>", "<devnode type='dev'>/dev/bus/usb/001/004</devnode>")
says("usb_1_1_1_0", "usb_1_1",
     "<number>0</number><class>3</class><subclass>1</subclass><protocol>1</protocol><description>Keys</description>")
says("scsi_host3", card, "<host>3</host>",
     "<wwnn>2001001b32a9da4f</wwnn><wwpn>2001001b32a9da4e</wwpn><fabric_wwn>2001000dec9877c1</fabric_wwn>",
     "<capability type='vport_ops'><max_vports>127</max_vports><vports>2</vports></capability>")
says("scsi_target3_0_0", "scsi_host3", "<target>target3:0:0</target>",
     "<capability type='fc_remote_port'><rport>rport-3:0-0</rport><wwpn>0x9d73bc45f0e21a86</wwpn></capability>")
assert says("scsi_host4", card, "<wwpn>2001001b32a9da5e</wwpn></capability>").find(".//fabric_wwn") is None
says("scsi_3_0_0_0", "scsi_target3_0_0", "<host>3</host><bus>0</bus><target>0</target><lun>0</lun><type>disk</type>")
says("scsi_3_0_0_1", "scsi_target3_0_0", "<lun>1</lun><type>cdrom</type>")
says("scsi_generic_sg0", "scsi_3_0_0_0", "<char>/dev/sg0</char>")
says("block_sda_SN_1_2", "scsi_3_0_0_0",
     "<block>/dev/sda</block><bus>scsi</bus><drive_type>disk</drive_type><model>MODEL</model>"
     "<vendor>VENDOR</vendor><serial>SN 1/2</serial><size>1048576</size>",
     "<devnode type='link'>/dev/disk/by-id/scsi-1</devnode>",
     "<logical_block_size>512</logical_block_size><num_blocks>2048</num_blocks>")
says("block_sr0", "scsi_3_0_0_1", "<drive_type>cdrom</drive_type><vendor>MAKER</vendor>",
     "<capability type='removable'><media_available>0</media_available><media_size>0</media_size>")
assert c.nodeDeviceLookupSCSIHostByWWN("2001001b32a9da4f", "2001001b32a9da4e", 0).name() == "scsi_host3"
PYTHON
check "... each says what it is" m /usr/bin/python3 /root/made-up.py
m sh -c 'rm /etc/systemd/system/virtnodedevd.service.d/made-up.conf;
        systemctl daemon-reload; systemctl stop virtnodedevd.service 2>/dev/null'

# libvirtd has a network of its own
if m ip link add nd9 address 02:00:00:00:00:09 type bridge 2>/dev/null; then
        check "libvirtd says the same of a link" equals "$(m virsh -c $c nodedev-dumpxml net_nd9_02_00_00_00_00_09)" \
                m sh -c "systemctl start libvirtd.socket;
                virsh -c qemu:///system nodedev-dumpxml net_nd9_02_00_00_00_00_09"
        check "... its features as well" contains "<feature name='tx'/>" \
                m virsh -c qemu:///system nodedev-dumpxml net_nd9_02_00_00_00_00_09
        m ip link delete nd9
fi

check "nothing went wrong in the daemon" equals "" m journalctl -b -p err -o cat -u virtnodedevd

finish
