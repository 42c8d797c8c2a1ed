#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a daemon keeps of a thousand guests that nobody asks for. The heap alone is counted, in which no other process
# has a part: so the figure is the same on a busy machine.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

heap() {
        m awk '/^[0-9a-f]+-/ { heap = / \[heap\]$/ } heap && /^Rss:/ { print $2 }' \
                "/proc/$(m systemctl show -P MainPID virtqemud.service)/smaps"
}
heap_is_below() { seen=$(heap); echo "heap: $seen KiB"; [ "$seen" -gt 0 ] && [ "$seen" -lt "$1" ]; }

# thousand BEFORE: what was asked for the host before they are defined decides where in the heap lies what is kept
thousand() {
        m_with_input /usr/bin/python3 - "$1" <<'THOUSAND'
import libvirt, sys

connection = libvirt.open("qemu:///system")
def host():
    connection.getCapabilities()
    connection.getDomainCapabilities()
if sys.argv[1] == "host":
    host()
for i in range(1000):
    connection.defineXML(f"""<domain type='qemu'><name>many{i}</name><memory unit='MiB'>64</memory>
        <os><type arch='x86_64'>hvm</type></os></domain>""").XMLDesc()
host()
connection.getAllDomainStats()
assert len(connection.listAllDomains()) == 1000
THOUSAND
}

for before in nothing host; do
        check "a thousand guests are defined, and asked for ($before before)" thousand $before
        echo "#   heap straight after: $(heap) KiB"
        check "... what lies free does not stay in between" heap_is_below 1000
        check "... half a KiB each is what is left once nobody calls" eventually 40 heap_is_below 540
        echo "#   heap: $(heap) KiB"
        m sh -c 'systemctl stop virtqemud && rm -r /etc/libvirt/qemu/many*.xml'
done
finish
