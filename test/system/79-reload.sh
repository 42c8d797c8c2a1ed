#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# "unitvirt diff NAME" says what a running guest, its definition and its drop-ins say differently, and "systemctl reload
# vm@NAME" does to the running guest what can be done to it.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

images=/var/lib/libvirt/images
for name in t u; do m qemu-img create -q -f qcow2 $images/$name.qcow2 8M; done
disk() {
        echo "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$images/$1.qcow2'/>$(
                )<target dev='$2' bus='virtio'/></disk>"
}
drive() { echo "<disk type='file' device='cdrom'>$1<target dev='hda' bus='ide'/><readonly/></disk>"; }
m sh -c "truncate -s 1M $images/cd.iso"
card="<interface type='bridge'><mac address='52:54:00:79:79:79'/><source bridge='br-a'/><model type='virtio'/>$(
        )</interface>"
m sh -c 'for b in br-a br-b; do ip link add $b type bridge && ip link set $b up; done'
guest() {
        guest_xml t idle "$(disk t vda)$(drive '')$card" | sed -e "s|<vcpu>1</vcpu>|<vcpu current='1'>2</vcpu>|" |
                m_with_input sh -c 'cat > /root/t.xml && virsh -q define /root/t.xml'
}
check "define" guest
check "start" m virsh -q start t
check "... it runs" shows_running t
pid=$(qemu_pid t)
reload() { m systemctl reload vm@t.service || { m journalctl -u vm@t.service -o cat -n 15; return 1; }; }

# --- nothing differs ---

check "diff: nothing, status 0" m unitvirt diff t
check "... and nothing is printed" equals '' m unitvirt diff t
check "reload: nothing to do" reload
fails() { ! m "$@"; }
check "diff of a guest that is none: status 2" m sh -c 'unitvirt diff none; test $? = 2'
refused "... and why" "no definition of a guest 'none'" m unitvirt diff none

# --- what differs, by the file as an editor leaves it ---

# edit SED...: the definition's file, by hand
edit() { m sed -i "$@" /etc/libvirt/qemu/t.xml; }
applications="<metadata><a:app xmlns:a='urn:a'><a:x>1</a:x></a:app><own xmlns='urn:b'/></metadata>"
edit -e "s|<vcpu placement='static' current='1'>2</vcpu>|<vcpu placement='static'>2</vcpu>|" \
     -e "s|</vcpu>|</vcpu><cputune><shares>300</shares><vcpupin vcpu='0' cpuset='0'/></cputune>|" \
     -e "s|<on_reboot>|<memtune><hard_limit unit='KiB'>1048576</hard_limit></memtune><on_reboot>|" \
     -e "s|<name>t</name>|<name>t</name><title>changed by hand</title>$applications|" \
     -e "s|<on_crash>.*|<on_crash>restart</on_crash>|" \
     -e "s|<source bridge='br-a'/>|<source bridge='br-b'/><bandwidth><inbound average='1000'/></bandwidth>|" \
     -e "s|<target dev='hda' bus='ide'/>|<source file='$images/cd.iso'/><target dev='hda' bus='ide'/>|" \
     -e "s|</devices>|$(disk u vdb)</devices>|" \
     -e "s|<target dev='vda' bus='virtio'/>|&<iotune><total_iops_sec>500</total_iops_sec></iotune>|"
m systemctl daemon-reload
diff() { m sh -c 'unitvirt diff t; test $? = 1'; }
check "diff: status 1 where something does" diff
check "... a count" contains "vcpu/@current: 1 -> (none)  [live, by systemctl reload]" diff
check "... a limit" contains "cputune/shares: (none) -> 300  [live, by systemctl reload]" diff
check "... a new disk" contains "devices/disk[vdb]: (none) -> (there)  [live, by systemctl reload]" diff
check "... a medium" contains "devices/disk[hda]/source" diff
check "... a card's limit" contains "/bandwidth: (none) -> (there)  [live, by systemctl reload]" diff
check "... what waits for the next start" contains "on_crash: destroy -> restart  [at the next start]" diff

# --- drop-ins ---

m systemctl set-property --runtime vm@t.service CPUWeight=77
check "diff: a drop-in of the administrator's" contains "50-CPUWeight.conf: CPUWeight=77  [of the unit" diff
m systemctl revert vm@t.service

# --- reload ---

check "systemctl reload" reload
check "... the same QEMU" equals "$pid" qemu_pid t
check "... both vCPUs" contains '"cpu-index":1' m virsh qemu-monitor-command t '{"execute":"query-cpus-fast"}'
check "... the unit's weight" equals 300 m systemctl show -P CPUWeight vm@t.service
check "... its memory" equals 1073741824 m systemctl show -P MemoryMax vm@t.service
check "... the pin" contains "0      0" m virsh vcpupin t
check "... the disk" contains vdb m virsh domblklist t
check "... the medium" contains cd.iso m virsh domblklist t
check "... the throttle" contains '"iops":500' m virsh qemu-monitor-command t '{"execute":"query-block"}'
check "... the card is on the other bridge" m sh -c 'ip link show master br-b | grep -q vnet'
check "... with its limit" contains "1000" m virsh domiftune t 52:54:00:79:79:79
check "... the title" contains "changed by hand" m virsh desc --title t
check "... what applications have" contains "<x>1</x>" m virsh metadata t urn:a
check "... each" contains "<own/>" m virsh metadata t urn:b
check "... the journal says what was done" contains "devices/disk[vdb] changed" m journalctl -u vm@t.service -o cat
check "... and what waits" contains "on_crash waits for the next start" m journalctl -u vm@t.service -o cat
check "diff: only that is left" equals "on_crash: destroy -> restart  [at the next start]" m unitvirt diff t

# --- and back: less than before ---

edit -e "s|<own xmlns='urn:b'/>||; s|<a:x>1</a:x>|<a:x>2</a:x>|"
edit -e "s|<title>.*</title>||" -e "s|<shares>300</shares>||" -e "s|<iotune>.*</iotune>||"
m sh -c "python3 - <<'P'
import re
path = '/etc/libvirt/qemu/t.xml'
text = open(path).read()
text = re.sub(r'<disk [^>]*>(?:(?!</disk>).)*vdb.*?</disk>', '', text, flags=re.S)
open(path, 'w').write(text)
P"
check "systemctl reload of what has gone" reload
check "... no throttle" contains '"iops":0' m virsh qemu-monitor-command t '{"execute":"query-block"}'
check "... what one application has, anew" contains "<x>2</x>" m virsh metadata t urn:a
# newer versions of virsh print nothing and succeed
check "... and nothing of the other" contains "code 80" m python3 -c 'import libvirt
try: libvirt.open("qemu:///system").lookupByName("t").metadata(2, "urn:b")
except libvirt.libvirtError as e: print("code", e.get_error_code())'
check "... no title" not contains "changed by hand" m virsh desc --title t
check "... the guest, which does not answer, keeps the disk until it does" contains vdb m virsh dumpxml t

# --- what fails ---

edit -e "s|</devices>|$(disk gone vdc)</devices>|"
check "reload: a disk whose image is missing" fails systemctl reload vm@t.service
check "... is told in the journal, by its path" contains "$images/gone.qcow2" m journalctl -u vm@t.service -o cat
check "... and the guest runs" equals "$pid" qemu_pid t
check "stop" m systemctl stop vm@t.service
refused "diff of a guest that does not run" "not running" m unitvirt diff t

finish
