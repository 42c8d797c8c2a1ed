#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What belongs to the host and not to a driver: connections to one driver alone, and the host's figures by Debian's
# virsh.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

# --- connections to one driver: what they are, and nothing of a hypervisor
for class in network storage nodedev nwfilter secret interface; do
        c=$class:///system
        [ -e "$build/drivers/libunitvirt-driver-$class.so" ] || continue
        check "$c opens" equals "$c" m virsh -c $c uri
        check "... has no hypervisor's host name" not m virsh -c $c hostname
        case $class in
        storage)
                check "... has capabilities of its own" contains "<value>dir</value>" m virsh -c $c capabilities
                check "... through virtproxyd too" contains "<value>dir</value>" \
                        m virsh -c "$class+unix:///system?socket=/run/libvirt/libvirt-sock" capabilities ;;
        *) refused "... nor its capabilities" "not supported" m virsh -c $c capabilities ;;
        esac
        check "... answers what libvirt's does, and no more" m_with_input /usr/bin/python3 - $c <<'PYTHON'
import sys, libvirt
libvirt.registerErrorHandler(lambda *a: None, None)
c = libvirt.open(sys.argv[1])
assert c.getURI() == sys.argv[1], c.getURI()
assert c.getType() == sys.argv[1].split(":")[0], c.getType()
assert c.getLibVersion() == 12008000, c.getLibVersion()
assert c.isSecure() and c.isAlive() and not c.isEncrypted()
for f in (c.getVersion, c.getHostname, c.getInfo, c.listDomainsID):
        try:
                f()
                raise SystemExit("answered: %s" % f.__name__)
        except libvirt.libvirtError as e:
                assert e.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT, e
PYTHON
        refused "... and no other path" "unexpected" m virsh -c $class:///elsewhere uri
        refused "... nor a session, which this daemon does not serve" "unexpected" m virsh -c $class:///session uri
        check "... through virtproxyd too" equals "$class" m /usr/bin/python3 -c \
                'import libvirt, sys; print(libvirt.open(sys.argv[1]).getType())' \
                "$class+unix:///system?socket=/run/libvirt/libvirt-sock"
done

# --- the host's figures, beside what the kernel says
total=$(m awk '/MemTotal/ { print $2 }' /proc/meminfo)
check "nodeinfo" contains "$total KiB" m virsh nodeinfo
check "nodememstats" contains "$total" m virsh nodememstats
check "... of a cell" contains "total" m virsh nodememstats --cell 0
refused "... of a cell that there is not" "cellNum" m virsh nodememstats --cell 99
check "nodecpustats" contains "system:" m virsh nodecpustats
check "... of one processor, in percent" contains "usage:" m virsh nodecpustats --cpu 0 --percent
refused "... of one that there is not" "Invalid cpuNum" m virsh nodecpustats --cpu 9999
check "freecell" contains "Total:" m virsh freecell
check "... --all" contains "0:" m virsh freecell --all
refused "... of a cell that there is not" "out of range" m virsh freecell --cellno 99
check "freepages" contains "4KiB" m virsh freepages --cellno 0 --pagesize 4
refused "... of a size that there is not" "not available" m virsh freepages --cellno 0 --pagesize 7
if m test -d /sys/kernel/mm/ksm; then
        check "node-memory-tune" contains "shm_pages_to_scan" m virsh node-memory-tune
        check "... as the kernel has it" contains "$(m cat /sys/kernel/mm/ksm/full_scans)" m virsh node-memory-tune
fi

# --- what is changed of it, in a /sys of the test's own: the kernel's is for all
m_with_input sh -e <<'SH'
s=/srv/sys
mkdir -p $s/kernel/mm/hugepages/hugepages-2048kB $s/kernel/mm/ksm \
        $s/devices/system/node/node0/hugepages/hugepages-2048kB
for d in $s/kernel/mm/hugepages/hugepages-2048kB $s/devices/system/node/node0/hugepages/hugepages-2048kB; do
        echo 0 > $d/nr_hugepages; echo 0 > $d/free_hugepages; done
for f in pages_to_scan sleep_millisecs; do echo 100 > $s/kernel/mm/ksm/$f; done
mkdir -p /etc/systemd/system/vm-host@.service.d
printf '[Service]\nEnvironment=UNITVIRT_SYS=%s\nReadWritePaths=%s\n' $s $s \
        > /etc/systemd/system/vm-host@.service.d/test.conf
systemctl daemon-reload
SH
pages() { m cat "/srv/sys/$1/hugepages/hugepages-2048kB/nr_hugepages"; }
check "allocpages" m virsh -q allocpages 2M 3
check "... are those of the host" equals 3 pages kernel/mm
check "... of a cell" m virsh -q allocpages 2M 5 --cellno 0
check "... are its" equals 5 pages devices/system/node/node0
check "... more of them" m virsh -q allocpages 2M 2 --cellno 0 --add
check "... beside those" equals 7 pages devices/system/node/node0
refused "... the ordinary pages stay" "system pages pool can't be modified" m virsh allocpages 4K 1
refused "... of a size that there is not" "page size 1048576 is not available on node 0" \
        m virsh allocpages 1G 1 --cellno 0
refused "... of no cell" "start cell 99 out of range" m virsh allocpages 2M 1 --cellno 99
check "... what the kernel gives is what counts" m_with_input sh -e <<'SH'
mount --bind /proc/sys/kernel/ngroups_max /srv/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
SH
refused "... less than was wanted" "Unable to" m virsh allocpages 2M 9
m umount /srv/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
if m test -d /sys/kernel/mm/ksm; then
        check "node-memory-tune" m virsh -q node-memory-tune --shm-pages-to-scan 250 --shm-sleep-millisecs 30
        check "... writes what KSM is to do" equals "250 30" \
                m sh -c 'cd /srv/sys/kernel/mm/ksm; echo $(cat pages_to_scan) $(cat sleep_millisecs)'
else
        refused "node-memory-tune, without KSM" "Parameter 'shm_pages_to_scan' is not supported by this kernel" \
                m virsh node-memory-tune --shm-pages-to-scan 250
fi
refused "nodesuspend: too short" "Suspend duration is too short" m virsh nodesuspend mem 10
refused "... a container does not sleep" "Suspend-to-RAM" m virsh nodesuspend mem 60
refused "... in no way" "Hybrid-Suspend" m virsh nodesuspend hybrid 0
check "the sandbox of it" m systemd-analyze security --no-pager --threshold=20 vm-host@1.service
m sh -c 'rm -r /etc/systemd/system/vm-host@.service.d; systemctl daemon-reload'
if m test -e /sys/class/dmi/id/sys_vendor; then check "sysinfo" contains "<sysinfo type='smbios'>" m virsh sysinfo
else refused "sysinfo, on a machine whose firmware says nothing" "SMBIOS" m virsh sysinfo; fi
check "nodecpumap" contains "CPUs online:" m virsh nodecpumap
check "hostname" equals "$(m hostname)" m virsh hostname

finish
