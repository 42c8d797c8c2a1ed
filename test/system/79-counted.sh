#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the kernel counts of a guest (<perf>, virsh perf, domstats --perf): from the definition and while the guest runs,
# of all of QEMU's threads; nothing is lost where the daemon or vm-events is killed; what the kernel does not count is
# refused by name. Monitors of parts of caches, and of the way to memory: no machine of these has resctrl, so the
# kernel's files are made up, and what is seen is what is written to them and read of them.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

define_counted() { guest_xml "$1" idle | sed "s|<devices>|<perf>$2</perf><devices>|; s|<vcpu>1<|<vcpu>2<|" |
        m_with_input sh -c "cat > /root/$1.xml && virsh -q define /root/$1.xml"; }
on() { printf "<event name='%s' enabled='yes'/>" "$@"; }
# value EVENT [GUEST]
value() { m virsh domstats --perf "${2-counted}" | sed -n "s/^ *perf[.]$1=//p"; }
grows() { local before=$2; [ "$(value "$1")" -gt "$before" ]; }
at_least() { local seen; seen=$(value "$1"); [ "${seen:-0}" -ge "$2" ] || { echo "$seen, wanted $2"; false; }; }
names() { m sh -c "virsh domstats --perf ${1-counted} | sed -n 's/^ *perf[.]\\(.*\\)=.*/\\1/p' | xargs"; }
enabled() { m sh -c "virsh perf counted $1 | sed -n 's/ *: enabled//p' | xargs"; }
# the kernel's own figure of all of QEMU's threads, in nanoseconds
used() { m sh -c "cat /proc/\$(pidof qemu-system-x86_64 | cut -d' ' -f1)/task/*/schedstat |
        awk '{ s += \$1 } END { print s }'"; }

check "a guest of which something is counted" define_counted counted "$(on task_clock page_faults)"
check "... virsh perf says what" equals "task_clock page_faults" enabled --config
check "... of all that there is" equals 22 m sh -c 'virsh perf counted | grep -c :'
refused "... not of one that is not running" "domain is not running" m virsh perf counted --live
check "... nothing is told of it" equals "" names
check "... starts" m virsh -q start counted
check "... virsh perf says it of the one that runs" equals "task_clock page_faults" enabled --live
check "domstats has them" equals "task_clock page_faults" names
check "... page faults were counted from the beginning" at_least page_faults 1000

# all of QEMU's threads: at least what the kernel says that they have used, and little more (vm-run is of it, too)
near() { local is has; is=$(used); has=$(value task_clock); echo "threads $is, counted $has"
        [ "$has" -ge "$is" ] && [ "$has" -lt $((is * 3 / 2 + 200000000)) ]; }
check "the time is that of all threads" near

check "more is counted while it runs" m virsh -q perf counted --live --enable cpu_clock,context_switches
check "... virsh perf says so" equals "cpu_clock task_clock page_faults context_switches" enabled --live
check "... the live definition" contains "<event name='context_switches' enabled='yes'/>" m virsh dumpxml counted
check "... which has them in libvirt's order" equals "cpu_clock task_clock page_faults context_switches" m sh -c \
        "virsh dumpxml counted | sed -n \"s|.*event name='\\(.*\\)' enabled='yes'.*|\\1|p\" | xargs"
check "... the persistent one does not" equals "task_clock page_faults" enabled --config
check "... domstats has them" equals "cpu_clock task_clock page_faults context_switches" names

# Threads that were there before are counted, too: a guest with a busy vCPU, whose thread is older than the event.
guest_xml busy idle | sed 's|idle.rom|busy.rom|' > "$work/busy.xml"
# 64 KiB, at whose end stands what the processor begins with: a jump to itself
m sh -c '{ head -c 65520 /dev/zero; printf "\353\376"; head -c 14 /dev/zero; } > /var/lib/libvirt/images/busy.rom'
check "a guest with a busy vCPU" m_with_input sh -c 'cat > /root/busy.xml; virsh -q define /root/busy.xml &&
        virsh -q start busy' < "$work/busy.xml"
check "... its time is counted once it runs" m virsh -q perf busy --enable task_clock
busy_time() { local has; has=$(value task_clock busy); [ "${has:-0}" -gt 500000000 ]; }
check "... of the vCPU's thread, which is older" eventually 30 busy_time
m virsh -q destroy busy

task=$(value task_clock) faults=$(value page_faults)
check "the daemon is killed" m systemctl kill -s KILL virtqemud.service
check "... the next one has the same events" equals "cpu_clock task_clock page_faults context_switches" names
check "... which have gone on" at_least task_clock "$task"
check "... nothing is lost" at_least page_faults "$faults"
task=$(value task_clock)
check "... they grow" eventually 20 grows task_clock "$task"
m systemctl stop virtqemud.service
check "... also where the daemon has ended in order" at_least task_clock "$task"
task=$(value task_clock)
old=$(m systemctl show -P MainPID vm-events.service)
check "vm-events is killed" m systemctl kill -s KILL vm-events.service
is_new() { local now; now=$(m systemctl show -P MainPID vm-events.service); [ "$now" != 0 ] && [ "$now" != "$old" ]; }
check "... comes again" eventually 20 is_new
check "... with the same events" equals "cpu_clock task_clock page_faults context_switches" names
check "... nothing is lost" at_least page_faults "$faults"
check "... nothing of the time" at_least task_clock "$task"

check "some are counted no more" m virsh -q perf counted --live --disable task_clock,page_faults
check "... domstats has what is left" equals "cpu_clock context_switches" names
check "... the live definition says so" contains "<event name='task_clock' enabled='no'/>" m virsh dumpxml counted
check "... beside one that comes" m virsh -q perf counted --live --enable cpu_migrations --disable cpu_clock
check "... all are right" equals "context_switches cpu_migrations" names
check "for the next start" m virsh -q perf counted --config --enable alignment_faults --disable page_faults
check "... it is written" equals "task_clock alignment_faults" enabled --config
check "for both" m virsh -q perf counted --config --live --enable emulation_faults
check "... one" equals "context_switches cpu_migrations emulation_faults" enabled --live
check "... the other" equals "task_clock alignment_faults emulation_faults" enabled --config

refused "what the kernel counts no more is refused as libvirt does" \
        "argument unsupported: unable to enable host cpu perf event for cmt" m virsh perf counted --enable cmt
refused "what nobody knows" "argument unsupported: parameter 'bogus' not supported" m virsh perf counted --enable bogus
refused "both at once" "parameter 'cpu_clock' occurs multiple times" \
        m virsh perf counted --enable cpu_clock --disable cpu_clock
check "... nothing has changed" equals "context_switches cpu_migrations emulation_faults" enabled --live
# a processor without counters, as an emulated one mostly is
if m grep -qw -e arch_perfmon -e perfctr_core /proc/cpuinfo; then
        check "cycles are counted" m virsh -q perf counted --enable cpu_cycles
        check "... and grow" eventually 20 at_least cpu_cycles 1
else
        refused "what the processor does not count is refused by name" \
                "unable to open host cpu perf event for cpu_cycles: No such file or directory" \
                m virsh perf counted --live --config --enable alignment_faults,cpu_cycles
        check "... nothing has changed" equals "context_switches cpu_migrations emulation_faults" enabled --live
        check "... nor in the definition" equals "task_clock alignment_faults emulation_faults" enabled --config
        check "... nor in the kernel" equals "context_switches cpu_migrations emulation_faults" names
        check "one that wants it from its start" define_counted cycles "$(on task_clock cpu_cycles)"
        refused "... does not start" "unable to open host cpu perf event for cpu_cycles" m virsh start cycles
        check "... which its definition is to blame for" contains "/domain/perf" m virsh start cycles
        check "... nothing of it is counted" equals "" names cycles
fi

# --- rights ---

check "neither vm-run nor QEMU has such a descriptor" equals "" m sh -c \
        'for p in $(pidof vm-run qemu-system-x86_64); do ls -l /proc/$p/fd; done | grep perf_event'
check "... nor the daemon" equals "" m sh -c 'ls -l /proc/$(systemctl show -P MainPID virtqemud)/fd | grep perf_event'
connects='import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/libvirt/events/socket")'
refused "nobody but root may ask" "Permission denied" \
        m setpriv --reuid=65534 --clear-groups python3 -c "$connects"
check "the service's sandbox" m systemd-analyze security --no-pager --threshold=20 vm-events.service
check "what is none of the guest's processes is refused" contains "process 1 is none of vm@counted.service" \
        m python3 -c "$connects"'
s.send(b"verb=enable\nguest=counted\nprocess=1\nevent=cpu_clock\n"); print(s.recv(4096).decode())'

check "the guest ends" m virsh -q destroy counted
check "... nothing is counted" equals "" names
check "... no event is left" eventually 20 equals "" m sh -c \
        'p=$(systemctl show -P MainPID vm-events); [ "$p" = 0 ] || ls -l /proc/$p/fd | grep perf_event'
check "... nor with systemd" equals 0 m systemctl show -P NFileDescriptorStore vm-events.service
check "it starts again" m virsh -q start counted
check "... with what was meant for then" equals "task_clock alignment_faults emulation_faults" names
check "... QEMU is killed" m systemctl kill -s KILL --kill-whom=all vm@counted
check "... no event is left" eventually 20 equals 0 m systemctl show -P NFileDescriptorStore vm-events.service
check "vm-events ends by itself" eventually 60 m sh -c '[ "$(systemctl is-active vm-events.service)" = inactive ]'

# --- monitors ---

m_with_input sh -e <<'SH'
put() { mkdir -p "/srv/sys/$(dirname "$1")"; printf "$2\n" > "/srv/sys/$1"; }
put fs/resctrl/info/L3/cbm_mask fffff; put fs/resctrl/info/L3/min_cbm_bits 1
put fs/resctrl/info/MB/bandwidth_gran 10; put fs/resctrl/info/MB/min_bandwidth 10
put fs/resctrl/info/L3_MON/mon_features 'llc_occupancy\nmbm_total_bytes\nmbm_local_bytes'
put fs/resctrl/schemata 'MB:0=100\nL3:0=00fff'
mkdir -p /srv/sys/fs/resctrl/mon_groups
for f in level=3 id=0 size=40960K; do put devices/system/cpu/cpu0/cache/index3/${f%=*} ${f#*=}; done
for unit in vm@.service vm-plug.service virtqemud.service; do
        mkdir -p /etc/systemd/system/$unit.d
        printf '[Service]\nEnvironment=UNITVIRT_SYS=/srv/sys\n' > /etc/systemd/system/$unit.d/sys.conf
done
systemctl daemon-reload
systemctl stop virtqemud.service vm-plug.service
SH
define_monitored() { guest_xml "$1" idle | sed "s|<vcpu>1</vcpu>|<vcpu current='3'>4</vcpu><cputune>$2</cputune>|" |
        m_with_input sh -c "cat > /root/$1.xml && virsh -q define /root/$1.xml"; }
part="<cachetune vcpus='0-1'><cache id='0' level='3' type='both' size='4' unit='MiB'/><monitor level='3' vcpus='0-1'/>"
part+="</cachetune><cachetune vcpus='2-3'><monitor level='3' vcpus='2'/></cachetune>"
part+="<memorytune vcpus='2-3'><monitor vcpus='2'/><monitor vcpus='3'/></memorytune>"
check "a guest with monitors" define_monitored watched "$part"
check "... starts" m virsh -q start watched
groups() { m sh -c 'cd /srv/sys/fs/resctrl && find . -name "qemu-*" -type d | sed "s/qemu-[0-9]*-/qemu-/" | sort |
        xargs'; }
check "... one group for the part, and one for each monitor beside it" equals \
        "./mon_groups/qemu-watched-vcpus_2 ./mon_groups/qemu-watched-vcpus_3 ./qemu-watched-vcpus_0-1" groups
vcpu_of() { m sh -c "cd /srv/sys/fs/resctrl/$1"' &&
        for t in $(cat tasks); do cat /proc/*/task/$t/comm 2>/dev/null; done | sort -u | xargs'; }
check "... with the vCPU's thread in it" equals "CPU 2/TCG" vcpu_of 'mon_groups/qemu-*-vcpus_2'
check "... one that is still to come is in none" equals "" vcpu_of 'mon_groups/qemu-*-vcpus_3'
check "... it comes" m virsh -q setvcpus watched 4 --live
check "... and is in its own" equals "CPU 3/TCG" vcpu_of 'mon_groups/qemu-*-vcpus_3'
check "... both of the part" equals "CPU 0/TCG CPU 1/TCG" vcpu_of 'qemu-*-vcpus_0-1'
m_with_input sh -e <<'SH'
cd /srv/sys/fs/resctrl
n=1000
for g in qemu-*-vcpus_0-1 mon_groups/qemu-*-vcpus_2 mon_groups/qemu-*-vcpus_3; do
        for d in 01 00; do
                mkdir -p $g/mon_data/mon_L3_$d
                for f in llc_occupancy mbm_local_bytes mbm_total_bytes; do
                        n=$((n + 1)); echo $n > $g/mon_data/mon_L3_$d/$f
                done
        done
done
cd mon_groups/*vcpus_3/mon_data/mon_L3_00
echo Unavailable > mbm_total_bytes
SH
stats() { m sh -c "virsh domstats $1 watched | sed -n 's/^ *$2[.]//p'"; }
check "domstats --cpu-total has what is in the cache" equals "$(cat <<'END'
count=2
0.name=vcpus_0-1
0.vcpus=0-1
0.bank.count=2
0.bank.0.id=0
0.bank.0.bytes=1004
0.bank.1.id=1
0.bank.1.bytes=1001
1.name=vcpus_2
1.vcpus=2
1.bank.count=2
1.bank.0.id=0
1.bank.0.bytes=1010
1.bank.1.id=1
1.bank.1.bytes=1007
END
)" stats --cpu-total cpu.cache.monitor
check "domstats --memory has what went to memory" equals "$(cat <<'END'
count=2
0.name=vcpus_2
0.vcpus=2
0.node.count=2
0.node.0.id=0
0.node.0.bytes.local=1011
0.node.0.bytes.total=1012
0.node.1.id=1
0.node.1.bytes.local=1008
0.node.1.bytes.total=1009
1.name=vcpus_3
1.vcpus=3
1.node.count=2
1.node.0.id=0
1.node.0.bytes.local=1017
1.node.1.id=1
1.node.1.bytes.local=1014
1.node.1.bytes.total=1015
END
)" stats --memory memory.bandwidth.monitor
# what the kernel would take away with the group
m sh -c 'cd /srv/sys/fs/resctrl; rm -r qemu-*/mon_data mon_groups/*/mon_data; rm qemu-*/* mon_groups/*/tasks'
check "the guest ends" m virsh -q destroy watched
check "... its groups go" eventually 20 equals "" groups
late="<cachetune vcpus='3'><cache id='0' level='3' type='both' size='4' unit='MiB'/></cachetune>"
check "a guest whose part is for a vCPU to come" define_monitored late "$late"
check "... starts" m virsh -q start late
check "... has nobody in the group" equals "" vcpu_of 'qemu-*-late-vcpus_3'
check "... the vCPU comes" m virsh -q setvcpus late 4 --live
check "... into the group" equals "CPU 3/TCG" vcpu_of 'qemu-*-late-vcpus_3'
m sh -c 'rm /srv/sys/fs/resctrl/qemu-*/*; virsh -q destroy late'
check "... which goes" eventually 20 equals "" groups
check "a host that does not count this" m sh -c 'echo llc_occupancy > /srv/sys/fs/resctrl/info/L3_MON/mon_features'
refused "... says so" "the host's processors do not count 'mbm_total_bytes'" m virsh start watched
m sh -c 'cd /srv/sys/fs/resctrl; rm -f qemu-*/* mon_groups/*/tasks; rmdir qemu-* mon_groups/qemu-* 2>/dev/null'
check "a host without any of it" m sh -c 'rm -r /etc/systemd/system/{vm@,vm-plug,virtqemud}.service.d/sys.conf
        systemctl daemon-reload; systemctl stop virtqemud.service; rm -rf /srv/sys'
refused "... says so" "Resource control is not supported on this host" m virsh start watched
check "a guest without monitors has none" define_counted plain "<event name='cpu_clock' enabled='no'/>"
check "... runs" m virsh -q start plain
check "... and domstats says that" equals "count=0" m sh -c \
        "virsh domstats --cpu-total plain | sed -n 's/^ *cpu.cache.monitor[.]//p'"
check "... of memory nothing, as libvirt does" not m sh -c 'virsh domstats --memory plain | grep =' 
check "no unit has failed" equals "" m systemctl list-units --plain --no-legend --failed 'vm-events*'
finish
