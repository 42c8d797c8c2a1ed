#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What virt-manager's windows of the host and Cockpit's pages of it, and of a guest that runs, call: the former's own
# library (virtinst) over python3-libvirt, as it fills its lists of networks, interfaces and devices, follows them by
# events, makes a network by its assistant's steps and gives devices to guests; the latter by org.libvirt on the system
# bus.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
packages=$("$here/bus-packages") || { echo "not ok - $area: the packages are fetched"; exit 1; }
machine_up --bind-ro="$packages:/run/packages"
m sh -c '/usr/lib/unitvirt/set-up --filters; dpkg -i --force-depends /run/packages/*.deb'
m sh -c 'ip link add br0 address 52:54:00:00:00:31 type bridge forward_delay 0; ip link add p0 type veth peer name p1
        ip link set p0 master br0; for l in br0 p0 p1; do ip link set $l up; done'

# --- virt-manager ---
cat <<'PYTHON' | m_with_input sh -c "cat > /root/manager.py"
import sys, threading, time
sys.path.insert(0, "/usr/share/virt-manager")
import libvirt
from virtinst import DeviceHostdev, DeviceInterface, Network, VirtinstConnection
libvirt.virEventRegisterDefaultImpl()
threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)], daemon=True).start()
conn = VirtinstConnection("qemu:///system")
conn.open(None, None)
raw = conn     # hands on what it does not have itself
seen = []
note = lambda kind: lambda c, o, event, detail, data: seen.append((kind, o.name(), event))
# connection.py, _add_conn_events()
raw.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, note("network"), None)
raw.nodeDeviceEventRegisterAny(None, libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE, note("device"), None)
raw.nodeDeviceEventRegisterAny(None, libvirt.VIR_NODE_DEVICE_EVENT_ID_UPDATE, lambda c, d, x: None, None)
raw.storagePoolEventRegisterAny(None, libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, note("pool"), None)
raw.secretEventRegisterAny(None, libvirt.VIR_SECRET_EVENT_ID_LIFECYCLE, note("secret"), None)
raw.setKeepAlive(20, 1)
def event(*what):
    for _ in range(100):
        if what in seen:
            return
        time.sleep(0.1)
    raise SystemExit("no event %s in %s" % (what, seen))

def lists():
    devices = conn.fetch_all_nodedevs()
    names = [d.name for d in devices]
    assert "net_lo_00_00_00_00_00_00" in names, names
    for d in devices:                   # addhardware.py lists them by type, with the words of device_type
        assert d.device_type and d.get_xml()
        assert d.parent is None or d.name == "computer" or d.parent in names, d.name
    for i in raw.listAllInterfaces():   # the list of bridges in the card's details
        assert "<interface" in i.XMLDesc(0) and i.MACString() is not None and i.isActive() in (0, 1)
    assert "br0" in [i.name() for i in raw.listAllInterfaces()]
    assert [n.name() for n in raw.listAllNetworks()] == []
    assert "clean-traffic" in [f.name() for f in raw.listAllNWFilters()]

# createnet.py
def network():
    net = Network(conn)
    net.name = "lab"
    net.forward.mode = "nat"
    net.domain_name = "lab"
    ip = net.ips.add_new()
    ip.address, ip.netmask = "192.168.100.1", "255.255.255.0"
    r = ip.ranges.add_new()
    r.start, r.end = "192.168.100.128", "192.168.100.254"
    n = raw.networkDefineXML(net.get_xml())
    event("network", "lab", libvirt.VIR_NETWORK_EVENT_DEFINED)
    n.create()
    n.setAutostart(True)
    event("network", "lab", libvirt.VIR_NETWORK_EVENT_STARTED)
    read = Network(conn, parsexml=n.XMLDesc(0))
    assert (read.forward.mode, read.bridge, read.ips[0].address) == ("nat", n.bridgeName(), "192.168.100.1")
    assert n.isActive() and n.autostart() and n.isPersistent() and n.DHCPLeases() == []
    # hostnets.py: its XML is edited while it is active, and is there after a restart
    inactive = libvirt.VIR_NETWORK_XML_INACTIVE
    raw.networkDefineXML(n.XMLDesc(inactive).replace("<domain name='lab'/>", "<domain name='other'/>"))
    assert "other" in n.XMLDesc(inactive) and "other" not in n.XMLDesc(0)
    n.destroy()
    event("network", "lab", libvirt.VIR_NETWORK_EVENT_STOPPED)
    n.create()
    assert "other" in n.XMLDesc(0)
    card = DeviceInterface(conn)
    card.type, card.source = "network", "lab"
    assert "lab" in card.get_xml()
    n.destroy()
    n.undefine()
    event("network", "lab", libvirt.VIR_NETWORK_EVENT_UNDEFINED)

# addhardware.py: a device of the host for a guest
def hostdevs():
    for d in conn.fetch_all_nodedevs():
        if d.device_type == "pci":
            h = DeviceHostdev(conn)
            h.set_from_nodedev(d)
            assert h.domain is not None and "hostdev" in h.get_xml(), d.name
            return True
    return False

{"lists": lists, "network": network, "hostdevs": lambda: hostdevs() or print("# no PCI devices here")}[sys.argv[1]]()
PYTHON
check "virt-manager: its lists of the host" m /usr/bin/python3 /root/manager.py lists
check "... a network by its assistant, changed, and gone, with the events that it waits for" \
        m /usr/bin/python3 /root/manager.py network
check "... a device of the host for a guest" m /usr/bin/python3 /root/manager.py hostdevs

# --- Cockpit ---
connect=/org/libvirt/QEMU
call() { m busctl --json=short -- call org.libvirt "$@"; }
host() { call $connect org.libvirt.Connect "$@"; }
path_of() { host "$@" | sed 's/.*\["\(.*\)"\].*/\1/'; }
property() { m busctl get-property org.libvirt "$@"; }
m systemd-run -q --unit=listen \
        sh -c 'exec busctl --json=short monitor --match "sender=org.libvirt,type=signal" >> /root/signals'
eventually 10 m sh -c 'journalctl -b -q -t busctl | grep -q Monitoring'
check "Cockpit: ListNodeDevices" contains "$connect/nodedev/net_5flo_5f00_5f00_5f00_5f00_5f00_5f00" \
        host ListNodeDevices u 0
device=$(path_of NodeDeviceLookupByName s net_lo_00_00_00_00_00_00)
check "... its document" contains "<interface>lo</interface>" call "$device" org.libvirt.NodeDevice GetXMLDesc u 0
check "... Name, Parent" equals 's "net_lo_00_00_00_00_00_00"
s "computer"' property "$device" org.libvirt.NodeDevice Name Parent
check "... ListCaps" contains '"net"' call "$device" org.libvirt.NodeDevice ListCaps
check "ListInterfaces" contains "$connect/interface/52_3a54_3a00_3a00_3a00_3a31" host ListInterfaces u 0
link=$(path_of InterfaceLookupByName s br0)
check "... Name, Active" eventually 20 equals 's "br0"
b true' property "$link" org.libvirt.Interface Name Active
check "... its document" contains "<bridge" call "$link" org.libvirt.Interface GetXMLDesc u 0
check "ListNWFilters" contains "$connect/nwfilter/_" host ListNWFilters u 0
filter=$(path_of NWFilterLookupByName s clean-traffic)
check "... its document" contains "no-mac-spoofing" call "$filter" org.libvirt.NWFilter GetXMLDesc u 0
xml="<network><name>pit</name><forward mode='nat'/><ip address='192.168.101.1' prefix='24'>
<dhcp><range start='192.168.101.2' end='192.168.101.99'/></dhcp></ip></network>"
check "NetworkDefineXML" host NetworkDefineXML s "$xml"
net=$(path_of NetworkLookupByName s pit)
check "... Create" call "$net" org.libvirt.Network Create
check "... Active, Autostart, Persistent" equals "b true
b false
b true" property "$net" org.libvirt.Network Active Autostart Persistent
check "... Autostart is set" m busctl set-property org.libvirt "$net" org.libvirt.Network Autostart b true
check "... for systemd" equals enabled m systemctl is-enabled vm-network@pit
# as its dialog for static hosts does: add last, of the section for them, the first that fits, live and defined
check "... a static host is added" call "$net" org.libvirt.Network Update uuisu 3 4 -1 \
        "<host mac='52:54:00:00:00:21' ip='192.168.101.21'/>" 3
check "... which dnsmasq has" eventually 5 m grep -q 192.168.101.21 /var/lib/libvirt/dnsmasq/pit.hostsfile
check "... GetDHCPLeases" contains '"data":[[]]' call "$net" org.libvirt.Network GetDHCPLeases su "" 0
check "... its document" contains "<host mac='52:54:00:00:00:21'" call "$net" org.libvirt.Network GetXMLDesc u 0
check "... Destroy, Undefine" m sh -c "busctl call org.libvirt $net org.libvirt.Network Destroy &&
        busctl call org.libvirt $net org.libvirt.Network Undefine"
event_of() { printf '"member":"NetworkEvent","payload":{"type":"oi","data":["%s",%s]}' "$net" "$1"; }
told() { m grep -qF -- "$(event_of "$1")" /root/signals; }
for event in 0 1 2 3; do check "... event $event" eventually 10 told $event; done
check "no daemon has anything to complain of" equals "" m journalctl -b -p err -o cat -u 'virt*'
# ... and its dialogs of disks and cards, for a guest that runs: flags 1 are the running one, 2 its definition
m sh -c 'truncate -s 4M /srv/disk.raw; truncate -s 1M /srv/medium.iso'
check "a guest" define_guest cock idle "<disk type='file' device='cdrom'><target dev='sdz' bus='scsi'/></disk>"
check "... runs" m virsh -q start cock
guest=$(path_of DomainLookupByName s cock)
domain() { call "$guest" org.libvirt.Domain "$@"; }
disk="<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/srv/disk.raw'/>
<target dev='vdc' bus='virtio'/></disk>"
card="<interface type='bridge'><mac address='52:54:00:00:00:77'/><source bridge='br0'/>
<model type='virtio'/></interface>"
medium="<disk type='file' device='cdrom'><source file='/srv/medium.iso'/><target dev='sdz' bus='scsi'/></disk>"
of_both() { m sh -c "virsh dumpxml cock; virsh dumpxml --inactive cock" | grep -cF -- "$1" | grep -qx "$2"; }
check "Cockpit: AttachDevice, a disk" domain AttachDevice su "$disk" 3
check "... both have it" of_both /srv/disk.raw 2
check "... a card" domain AttachDevice su "$card" 3
check "... both have it" of_both 52:54:00:00:00:77 2
check "UpdateDevice, its link goes down" \
        domain UpdateDevice su "${card%</interface>}<link state='down'/></interface>" 1
check "... of the running one" of_both "<link state='down'/>" 1
check "... a medium" domain UpdateDevice su "$medium" 3
check "... is in the drive" of_both /srv/medium.iso 2
check "DetachDevice, the card, of the definition" domain DetachDevice su "$card" 2
check "... which alone lacks it" of_both 52:54:00:00:00:77 1
check "... the disk" domain DetachDevice su "$disk" 3
check "... has gone from the definition" not contains /srv/disk.raw m virsh dumpxml --inactive cock
refused "... one that is not there" "device not found" domain DetachDevice su "${disk//vdc/vdx}" 2
m virsh -q destroy cock
finish
