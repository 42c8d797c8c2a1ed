#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Disks that are namespaces of NVMe controllers, seen by a real kernel.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
says() { local w=$1; shift; "$@" 2>&1 | grep -qF -- "$w"; }
images=/var/lib/libvirt/images
disk() { echo "<disk type='file' device='disk'><driver name='qemu' type='$3'/><source file='$images/$1'/>
        <target dev='$2' bus='nvme'/>${4-}</disk>"; }
# shellcheck disable=SC2016
m sh -c "cd $images; for n in one two three; do truncate -s 2M \$n.raw; printf 'disk=%s;' \$n |
        dd of=\$n.raw conv=notrunc status=none; done; qemu-img convert -O qcow2 three.raw three.qcow2"
m sh -c "truncate -s 1M $images/late.raw"

check "domcapabilities offer the bus" contains "<value>nvme</value>" m virsh domcapabilities
check "a guest with three such disks" define_guest fast linux "$(disk one.raw nvme0n1 raw)
        $(disk two.raw nvme0n2 raw)$(disk three.qcow2 nvme1n1 qcow2 '<serial>third</serial>')
        <controller type='nvme' index='0'><serial>first-two</serial></controller>"
check "... it has a second controller for the third" contains "<controller type='nvme' index='1'>" m virsh dumpxml fast
check "... starts" m virsh -q start fast
check "... and QEMU has the namespaces" contains nvme0-0-1 m virsh qemu-monitor-command --hmp fast 'info block'
eventually 90 says 'login:' m journalctl -q -b -u vm@fast --no-pager
# shellcheck disable=SC2016
console_says fast 'for n in 0 1; do echo "serial=$(tr -d " " < /sys/class/nvme/nvme$n/serial)"; done
        for d in 0n1 0n2 1n1; do echo "$d=$(head -c 11 /dev/nvme$d | tr -d "\000")"; done' > "$work/seen-within"
for words in serial=first-two serial=third '0n1=disk=one;' '0n2=disk=two;' '1n1=disk=three;'; do
        check "the guest's kernel sees $words" grep -qF -- "$words" "$work/seen-within"
done
console_says fast 'printf "new=two;" | dd of=/dev/nvme0n2 conv=fsync 2> /dev/null; echo' > /dev/null
check "it writes to one" equals "new=two;" m head -c 8 "$images/two.raw"
check "domblkstat knows it" m virsh domblkstat fast nvme0n2
check "... and its size" contains "2097152" m virsh domblkinfo fast nvme0n2
check "limits are set while it runs" m virsh -q blkdeviotune fast nvme0n1 --total-iops-sec 1000 --live
check "... and QEMU has them" contains '"iops":1000' m sh -c "virsh qemu-monitor-command fast \
        '{\"execute\":\"query-block\"}' | tr -d ' '"
refused "none is plugged in while it runs" "disk bus 'nvme' cannot be hotplugged." \
        m virsh attach-disk fast "$images/late.raw" nvme0n3 --targetbus nvme --live
refused "... and no controller" "'nvme' controller cannot be hot plugged." m sh -c \
        "echo \"<controller type='nvme' index='2'/>\" > /root/c.xml; virsh attach-device fast /root/c.xml --live"
refused "none is taken out" "This type of disk cannot be hot unplugged" m virsh detach-disk fast nvme0n2 --live
check "one is added to the definition" m virsh -q attach-disk fast "$images/late.raw" nvme0n3 --targetbus nvme --config
check "... on its controller" contains "controller='0' bus='0' target='0' unit='2'" m virsh dumpxml --inactive fast
check "... and taken out of it" m virsh -q detach-disk fast nvme0n3 --config
check "the guest ends" m virsh -q destroy fast

check "a guest whose controller has no serial" define_guest plain idle "$(disk one.raw nvme0n1 raw)"
check "... starts" m virsh -q start plain
check "... with one of the guest's own" m sh -c "virsh qemu-monitor-command --hmp plain 'info qtree' |
        grep -E 'serial = \"[0-9a-f]{16}-0\"'"
finish
