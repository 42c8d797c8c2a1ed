#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Settings that virsh changes while a guest runs (--live), from its next start on (--config), or both: what the unit,
# QEMU, its threads and both definitions say afterwards, also for the next daemon and after the guest's end.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

image=/var/lib/libvirt/images/t.qcow2
m qemu-img create -q -f qcow2 $image 8M
guest() {
        guest_xml t idle "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$image'/>
                <target dev='vda' bus='virtio'/></disk>" |
                sed -e "s|<vcpu>1</vcpu>|<vcpu current='1'>2</vcpu><iothreads>1</iothreads>|" -e 's|>16<|>32<|' |
                m_with_input sh -c 'cat > /root/t.xml && virsh -q define /root/t.xml'
}
beyond() { # a module that makes it more than it may ever have
        local module="<memory model='dimm'><target><size unit='MiB'>$1</size><node>0</node></target></memory>"
        guest_xml beyond | sed -e "s|<vcpu>|<maxMemory slots='1' unit='MiB'>64</maxMemory><vcpu>|" \
                -e "s|<features>|<cpu><numa><cell id='0' cpus='0' memory='16' unit='MiB'/></numa></cpu><features>|" \
                -e "s|</devices>|$module&|" |
                m_with_input sh -c 'cat > /root/beyond.xml && virsh -q define /root/beyond.xml'
}
refused "define: more memory than it may have" "maximum memory size must be equal or greater" beyond 128
check "... as much as it may have" beyond 48

# --- a module that comes to a guest with a balloon
module="<memory model='dimm'><target><size unit='MiB'>48</size><node>0</node></target></memory>"
room() {
        guest_xml room | sed -e "s|<vcpu>|<maxMemory slots='1' unit='MiB'>64</maxMemory><vcpu>|" \
                -e "s|<features>|<cpu><numa><cell id='0' cpus='0' memory='16' unit='MiB'/></numa></cpu><features>|" \
                -e "s|<memballoon model='none'/>|<memballoon model='virtio'/>|" |
                m_with_input sh -c 'cat > /root/room.xml && virsh -q define /root/room.xml && virsh -q start room'
}
memory() { m sh -c "virsh dominfo room | awk '/memory:/ { print \$3 }' | xargs"; }
check "a guest with room for a module" room
check "... has its memory" eventually 10 equals "16384 16384" memory
check "... a module comes" m_with_input virsh -q attach-device room /dev/stdin --live <<<"$module"
check "... which it has, and its balloon" equals "65536 65536" memory
m virsh -q destroy room

check "define" guest
check "start" m virsh -q start t
check "... it runs" shows_running t
property() { m systemctl show -P "$1" vm@t.service; }
live() { m virsh dumpxml t; }
config() { m virsh dumpxml --inactive t; }
both() { contains "$1" live && contains "$1" config; }

# --- the unit's settings ---

check "schedinfo" contains "cpu_shares     : 100" m virsh schedinfo t
check "schedinfo --set --live" m virsh -q schedinfo t --set cpu_shares=300 --live
check "... systemd knows" equals 300 property CPUWeight
check "... dumpxml shows it" contains "<shares>300</shares>" live
check "... the persistent definition does not" not contains "<shares>" config
check "schedinfo --set global_quota" m virsh -q schedinfo t --set global_quota=50000 --live
check "... systemd knows" equals 500ms property CPUQuotaPerSecUSec
check "schedinfo --config" m virsh -q schedinfo t --set cpu_shares=200 --config
check "... says the definition" contains "<shares>200</shares>" config
refused "schedinfo: out of range" "out of range" m virsh schedinfo t --set cpu_shares=20000
refused "schedinfo: no such parameter" "invalid scheduler option" m virsh schedinfo t --set nonsense=1

# Quotas of threads need the controller of CPUs in the one tree of control groups, which not every machine here has.
if m grep -qw cpu /sys/fs/cgroup/cgroup.controllers; then
        group=/sys/fs/cgroup/machine.slice/vm@t.service/guest
        check "schedinfo --set vcpu_quota --live" m virsh -q schedinfo t --set vcpu_quota=40000 --live
        check "... the vCPU is in a group with that limit" equals "40000 100000" m cat $group/vcpu0/cpu.max
        check "... and nobody else" equals 1 m sh -c "wc -l < $group/vcpu0/cgroup.threads"
        check "schedinfo --set emulator_quota iothread_quota" m virsh -q schedinfo t --set emulator_quota=30000 \
                iothread_quota=20000 --live
        check "... the emulator's group" equals "30000 100000" m cat $group/emulator/cpu.max
        check "... the I/O thread's group" equals "20000 100000" m cat $group/iothread1/cpu.max
        check "... a limit of the unit still counts" equals 500ms property CPUQuotaPerSecUSec
        check "schedinfo: no quota any more" m virsh -q schedinfo t --set vcpu_quota=-1 --live
        check "... says the group" equals "max 100000" m cat $group/vcpu0/cpu.max
else
        refused "schedinfo: a quota of threads without the controller" "cgroup CPU controller is not mounted" \
                m virsh schedinfo t --set vcpu_quota=40000 --live
        check "... changes nothing" not contains "<quota>" live
fi
check "schedinfo --set global_quota --config" m virsh -q schedinfo t --set global_quota=60000 --config
check "... is a quota that systemd takes" eventually 10 contains "CPUQuota=60%" \
        m grep -x 'CPUQuota=60%' /run/systemd/generator/vm@t.service.d/10-unitvirt.conf
check "... until it is taken back" m virsh -q schedinfo t --set global_quota=-1 --config
check "schedinfo --set emulator_quota --config" m virsh -q schedinfo t --set emulator_quota=30000 --config
check "... says the definition" contains "<emulator_quota>30000</emulator_quota>" config
check "... and its unit at the next start" eventually 10 contains "Delegate=cpu" \
        m cat /run/systemd/generator/vm@t.service.d/10-unitvirt.conf
check "... until it is taken back" m virsh -q schedinfo t --set emulator_quota=-1 --config

check "memtune" contains "hard_limit     : unlimited" m virsh memtune t
check "memtune --hard-limit --soft-limit --live" m virsh memtune t --hard-limit 1048576 --soft-limit 524288 --live
check "... MemoryMax=" equals 1073741824 property MemoryMax
check "... MemoryHigh=" equals 536870912 property MemoryHigh
check "... memtune shows it" contains "hard_limit     : 1048576" m virsh memtune t
check "memtune: unlimited again" m virsh memtune t --hard-limit -1 --soft-limit -1 --live
check "... MemoryMax=" equals infinity property MemoryMax
check "blkiotune --weight" m virsh blkiotune t --weight 400 --live
check "... IOWeight=" equals 400 property IOWeight
# A limit of this run counts more than the definition's, also when the manager has read its units anew.
check "blkiotune --weight --config" m virsh blkiotune t --weight 300 --config
m systemctl daemon-reload
check "... after a daemon-reload the live limit holds" equals 400 property IOWeight
check "blkiotune --config, of a device" m virsh blkiotune t --device-read-bytes-sec /dev/null,1000000 --config
check "... says the definition" contains "<read_bytes_sec>1000000</read_bytes_sec>" config
check "numatune --config" m virsh numatune t --nodeset 0 --config
check "... says the definition" contains "nodeset='0'" config
check "numatune --live" m virsh numatune t --nodeset 0 --live
check "... AllowedMemoryNodes=" equals 0 property AllowedMemoryNodes
if m grep -qw cpuset /sys/fs/cgroup/cgroup.controllers; then
        # shellcheck disable=SC2016
        check "... and the kernel has it" equals 0 m sh -c \
                'cat "/sys/fs/cgroup$(systemctl show -P ControlGroup vm@t)/cpuset.mems"'
else
        echo "ok - $area: the kernel's own set of nodes # SKIPPED: no controller of CPUs and nodes here"
fi
check "... the live definition says it" contains "<memory mode='strict' nodeset='0'/>" m virsh dumpxml t
check "... and virsh numatune" contains "numa_nodeset   : 0" m virsh numatune t --live
refused "... a node that is not there" "NUMA node 63 is not there" m virsh numatune t --nodeset 63 --live
check "... which is not written" contains "<memory mode='strict' nodeset='0'/>" m virsh dumpxml t
refused "... another mode" "can't change numatune mode for running domain" m virsh numatune t --mode preferred --live

# --- threads ---

thread_of() {
        m virsh qemu-monitor-command t '{"execute":"query-cpus-fast"}' |
                python3 -c 'import json, sys; print(json.load(sys.stdin)["return"][0]["thread-id"])'
}
affinity() { m taskset -pc "$(thread_of)" | sed 's/.*: //'; }
cpus=$(affinity)
check "vcpupin --live" m virsh -q vcpupin t 0 0 --live
check "... the thread is there" equals 0 affinity
check "... the live definition says it" contains "<vcpupin vcpu='0' cpuset='0'/>" live
check "... vcpupin shows it" contains "0      0" m virsh vcpupin t
check "... not the persistent one" not contains vcpupin config
check "vcpupin: all CPUs again" m virsh -q vcpupin t 0 r --live
check "... the thread may run anywhere" equals "$cpus" affinity
check "emulatorpin --live --config" m virsh -q emulatorpin t 0 --live --config
check "... both definitions say it" both emulatorpin
emulator() { m taskset -pc "$(qemu_pid t)" | sed 's/.*: //'; }
check "... QEMU's first thread is there" equals 0 emulator
check "the daemon itself may move nobody" not contains nice m systemctl show -P CapabilityBoundingSet virtqemud
check "... nor does who may, where the thread is not the guest's" contains "thread 1 is none of vm@t.service" \
        m python3 -c 'import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/libvirt/plug/socket")
s.send(b"verb=pin\nguest=t\nthreads=1\ncpus=0\n")
print(s.recv(4096).decode())'
refused "vcpupin of a vCPU that is none" "out of range" m virsh vcpupin t 5 0 --config
check "iothreadinfo of threads that are only counted" m sh -c "virsh iothreadinfo t | grep -q '^ 1 '"
check "iothreadadd --live --config" m virsh -q iothreadadd t 4 --live --config
check "... QEMU has it" contains iothread4 m virsh qemu-monitor-command t '{"execute":"query-iothreads"}'
check "... so have both definitions" both "iothread id='4'"
check "... and still the first" both "iothread id='1'"
check "iothreadpin --live" m virsh -q iothreadpin t 4 0 --live
check "... iothreadinfo shows it" m sh -c "virsh iothreadinfo t | grep -q '^ 4  *0$'"
refused "a second one of that number" "already using iothread_id '4'" m virsh iothreadadd t 4 --live
check "iothreaddel --live" m virsh -q iothreaddel t 4 --live
check "... QEMU has it no more" not contains iothread4 m virsh qemu-monitor-command t '{"execute":"query-iothreads"}'

# --- disks ---

check "blkdeviotune --live" m virsh -q blkdeviotune t vda --total-iops-sec 1234 --live
check "... QEMU has it" contains '"iops":1234' m virsh qemu-monitor-command t '{"execute":"query-block"}'
check "... the live definition too" contains "<total_iops_sec>1234</total_iops_sec>" live
check "blkdeviotune shows it" contains "total_iops_sec : 1234" m virsh blkdeviotune t vda
check "blkdeviotune: another kind replaces it" m virsh -q blkdeviotune t vda --read-iops-sec 50 --live
check "... and the total has gone" not contains total_iops_sec live
for how in live config; do
        refused "blkdeviotune: less for a while than always, --$how" \
                "value 'read_iops_sec_max' cannot be smaller than 'read_iops_sec'" \
                m virsh blkdeviotune t vda --read-iops-sec 50 --read-iops-sec-max 40 --$how
done
check "blockresize" m virsh -q blockresize t vda 16M
check "... domblkinfo" contains 16777216 m virsh domblkinfo t vda
refused "blockresize of a disk that is none" "vdz" m virsh blockresize t vdz 16M
m truncate -s 8M /var/lib/libvirt/images/raw.img
check "a raw disk is plugged in" m virsh -q attach-disk t /var/lib/libvirt/images/raw.img sdb \
        --targetbus usb --subdriver raw
check "... resized" m virsh -q blockresize t sdb 16M
check "... its file is larger" equals 16777216 m stat -c %s /var/lib/libvirt/images/raw.img
check "a virtio disk that is plugged in" m virsh -q detach-disk t sdb
check "... has gone before" eventually 10 not contains raw.img live
check "... is" m virsh -q attach-disk t /var/lib/libvirt/images/raw.img vdb --subdriver raw
check "... resized too" m virsh -q blockresize t vdb 24M
check "... stands behind the first" equals "vda vdb" m sh -c "virsh domblklist t | awk '/images/ { print \$1 }' | xargs"
check "domblkstat has all its figures" equals 8 m sh -c "virsh domblkstat t vda | grep -c '^vda '"
check "domblkerror" contains "No errors found" m virsh domblkerror t
check "cpu-stats --total" contains cpu_time m virsh cpu-stats t --total
refused "... for each CPU there are none" "ask for the total" m virsh cpu-stats t
check "domstats says how long a vCPU waits" contains "vcpu.0.delay=" m virsh domstats --vcpu t

# --- counts ---

check "setvcpus --live" m virsh -q setvcpus t 2 --live
check "... QEMU has two" contains '"cpu-index":1' m virsh qemu-monitor-command t '{"execute":"query-cpus-fast"}'
check "... the live definition too" equals 2 m virsh vcpucount t --current --live
check "... the persistent one has one" equals 1 m virsh vcpucount t --current --config
check "setvcpus --config --maximum" m virsh -q setvcpus t 4 --config --maximum
check "... vcpucount" equals 4 m virsh vcpucount t --maximum --config
check "setvcpus --config --hotpluggable" m virsh -q setvcpus t 3 --config --hotpluggable
check "... those that come may go" contains "<vcpu id='2' enabled='yes' hotpluggable='yes'/>" config
check "... and fewer" m virsh -q setvcpus t 1 --config --hotpluggable
check "... are one" equals 1 m virsh vcpucount t --current --config
refused "setvcpus: too many" "greater than max allowable vcpus" m virsh setvcpus t 9 --config
check "set-lifecycle-action --config" m virsh -q set-lifecycle-action t reboot destroy --config
check "... says the definition" contains "<on_reboot>destroy</on_reboot>" config
refused "set-lifecycle-action --live" "of a running domain is not supported" \
        m virsh set-lifecycle-action t reboot destroy --live

# --- single ones ---
check "iothreadset" m virsh iothreadset t 1 --poll-max-ns 4096 --poll-grow 2 --live
check "... domstats counts it" contains "iothread.1.poll-max-ns=4096" m virsh domstats t --iothread
refused "blkiotune: a device that is not there" "'/dev/nonexistent' is not accessible" \
        m virsh blkiotune t --device-weights /dev/nonexistent,300 --live
refused "blkiotune: no device that has blocks" "must be a block device" \
        m virsh blkiotune t --device-read-bytes-sec /dev/null,1000 --live
check "... QEMU knows" contains 4096 m virsh qemu-monitor-command t \
        '{"execute":"qom-get","arguments":{"path":"/objects/iothread1","property":"poll-max-ns"}}'
check "... dumpxml shows it" contains "<poll max='4096' grow='2'/>" live
refused "iothreadset: no such thread" "cannot find IOThread '9'" m virsh iothreadset t 9 --poll-grow 2
pins="<vcpupin vcpu='2' cpuset='0'/><emulatorpin cpuset='1'/>"
[ "$(nproc)" -gt 1 ] || pins=''
pins="<cputune>$pins<vcpusched vcpus='2' scheduler='fifo' priority='3'/></cputune>"
scheduler() { # of a thread by its name
        m sh -c 'for t in /proc/$0/task/*; do grep -q "$1" $t/comm && chrt -p ${t##*/}; done' "$(qemu_pid single)" "$1"
}
affinity() { # of threads by their names
        m sh -c 'for t in /proc/$0/task/*; do grep -q "$1" $t/comm && awk "/^Cpus_allowed_list/ { print \$2 }" $t/status
        done' "$(qemu_pid single)" "$1"
}
single() {
        guest_xml single idle | sed "s|<vcpu>1</vcpu>|<vcpu current='1'>4</vcpu>$pins|" |
                m_with_input sh -c 'cat > /root/single.xml && virsh -q define /root/single.xml'
}
check "a guest with places for more vCPUs" single
check "... starts" m virsh -q start single
check "setvcpu --enable --live, not the next one" m virsh setvcpu single 2 --enable --live
check "... QEMU has it" contains '"core-id":0' m virsh qemu-monitor-command single \
        '{"execute":"query-hotpluggable-cpus"}'
check "... dumpxml shows it" contains "<vcpu id='2' enabled='yes' hotpluggable='yes'" m virsh dumpxml single
check "... it runs on the CPUs that its pin says" equals 0 affinity "CPU 2/"
check "... by the scheduler that is its" contains "policy: SCHED_FIFO" scheduler "CPU 2/"
check "... with its priority" contains "priority: 3" scheduler "CPU 2/"
check "... the first one by the usual one" contains "policy: SCHED_OTHER" scheduler "CPU 0/"
check "vcpupin --live of a vCPU that is not plugged in" m virsh -q vcpupin single 1 0 --live
check "... two are on" equals 2 m virsh vcpucount single --current --live
refused "... twice" "already in requested state" m virsh setvcpu single 2 --enable --live
refused "... of the first" "vCPU '0' can't be modified" m virsh setvcpu single 0 --disable --live
refused "... two at once" "only one hotpluggable entity can be selected" m virsh setvcpu single 1,2 --enable --live
refused "... that is not there" "vcpu '7' is out of range" m virsh setvcpu single 7 --enable --live
refused "... away, without KVM" "vcpu '2' can't be unplugged from a domain without KVM" \
        m virsh setvcpu single 2 --disable --live
check "setvcpus --live, the one between" m virsh -q setvcpus single 3 --live
check "... runs where it was pinned to before" equals 0 affinity "CPU 1/"
check "setvcpus --live, one without a pin" m virsh -q setvcpus single 4 --live
check "... does not run where the emulator does alone" equals "$(m cat /sys/devices/system/cpu/online)" \
        affinity "CPU 3/"
check "setvcpu --config" m virsh setvcpu single 1 --enable --config
check "... says the definition" contains "<vcpu id='1' enabled='yes' hotpluggable='yes'/>" \
        m virsh dumpxml --inactive single
m virsh -q destroy single
check "... starts with it" m virsh -q start single
check "... two are on" equals 2 m virsh vcpucount single --current --live
m virsh -q destroy single

# --- what lasts ---

before=$(live)
check "another daemon" m sh -c 'kill -9 $(systemctl show -P MainPID virtqemud); virsh -q list'
check "... shows the same" equals "$(sed 's/[[:space:]]*$//' <<<"$before")" live
check "destroy" m virsh -q destroy t
check "... the next start is as the definition says" m virsh -q start t
check "... CPUWeight=" equals 200 property CPUWeight
check "... no limit of before" equals infinity property CPUQuotaPerSecUSec
check "... four vCPUs, one of them on" equals 1 m virsh vcpucount t --current --live

# --- where numad would have it ---

advised() {
        guest_xml advised idle | sed 's|<vcpu>1</vcpu>|<vcpu placement="auto">2</vcpu>|' |
                m_with_input sh -c 'cat > /root/advised.xml && virsh -q define /root/advised.xml'
}
check "placement='auto' is defined" advised
check "... of the memory too" contains "<memory mode='strict' placement='auto'/>" m virsh dumpxml advised
refused "... without numad it does not start" "numad is not available on this host" m virsh start advised
# Debian's is not on this machine: what it prints is all that counts
m sh -c 'printf "#!/bin/sh\necho \$1 \$2 > /run/asked; echo 0\n" > /usr/bin/numad && chmod +x /usr/bin/numad'
check "... with it it does" m virsh -q start advised
check "... it was asked for this guest" equals "-w 2:$(m virsh dumpxml advised |
        sed -n 's|.*<memory unit=.KiB.>\(.*\)</memory>|\1|p' | awk '{ print int($1 / 1024) }')" m cat /run/asked
check "... its memory is on that node" contains '"host-nodes":[0]' m sh -c \
        'tr "\0" " " < /proc/$(pidof qemu-system-x86_64 | cut -d" " -f1)/cmdline'
check "... each vCPU is on its CPUs" equals "$(m cat /sys/devices/system/node/node0/cpulist)" m sh -c \
        'virsh vcpupin advised 0 | awk "/^ 0/ { print \$2 }"'
m virsh -q destroy advised
m rm /usr/bin/numad

# --- parts of a cache: no machine of these has resctrl, so the kernel's files are made up, and what is seen is what is
# written to them
m_with_input sh -e <<'SH'
put() { mkdir -p "/srv/sys/$(dirname "$1")"; printf "$2\n" > "/srv/sys/$1"; }
put fs/resctrl/info/L3/cbm_mask fffff; put fs/resctrl/info/L3/min_cbm_bits 1
put fs/resctrl/info/MB/bandwidth_gran 10; put fs/resctrl/info/MB/min_bandwidth 10
put fs/resctrl/schemata 'MB:0=100\nL3:0=00fff'
for f in level=3 id=0 size=40960K; do put devices/system/cpu/cpu0/cache/index3/${f%=*} ${f#*=}; done
mkdir -p /etc/systemd/system/vm@.service.d
printf '[Service]\nEnvironment=UNITVIRT_SYS=/srv/sys\n' > /etc/systemd/system/vm@.service.d/sys.conf
systemctl daemon-reload
SH
cache_guest() {
        local tune="<cachetune vcpus='1'><cache id='0' level='3' type='both' size='$2' unit='MiB'/></cachetune>"
        tune+="<memorytune vcpus='1'><node id='0' bandwidth='40'/></memorytune>"
        guest_xml "$1" idle | sed "s|<vcpu>1</vcpu>|<vcpu>2</vcpu><cputune>$tune</cputune>|" |
                m_with_input sh -c "cat > /root/$1.xml && virsh -q define /root/$1.xml"
}
group() { m sh -c "cd /srv/sys/fs/resctrl/qemu-*-$1-vcpus_1 && $2"; }
check "a guest with a part of the cache" cache_guest cached 4
check "... starts" m virsh -q start cached
check "... its group has what nobody has" equals "$(printf 'L3:0=00fff\nL3:0=3000\nMB:0=40')" \
        group cached 'cat schemata'
check "... and one thread of QEMU" equals "CPU 1/TCG" group cached \
        'cat /proc/$(cat tasks)/comm /proc/*/task/$(cat tasks)/comm 2>/dev/null | sort -u | grep CPU'
check "... the live definition names it" contains "<cachetune vcpus='1' id='vcpus_1'>" m virsh dumpxml cached
check "... the other one does not" not contains "id='vcpus_1'" m virsh dumpxml --inactive cached
group cached 'rm schemata tasks'
check "... is destroyed" m virsh -q destroy cached
check "... and the group is gone" eventually 20 not group cached true
check "... starts again" m virsh -q start cached
group cached 'rm schemata tasks'
check "... and is killed" m systemctl kill -s KILL --kill-whom=all vm@cached
check "... the group is gone, too" eventually 20 not group cached true
check "one that wants more than there is" cache_guest greedy 20
refused "... is told so" \
        "Not enough room for allocation of 20971520 bytes for level 3 cache 0 scope type 'both'" m virsh start greedy
check "... and has no group" not group greedy true
m sh -c 'rm -r /etc/systemd/system/vm@.service.d/sys.conf; systemctl daemon-reload'
check "a host without" m virsh -q undefine greedy
refused "... says so" "Resource control is not supported on this host" m virsh start cached

# --- what systemctl changes ---

set_property() { m systemctl set-property "$@"; }
guest_xml shown idle "" | m_with_input sh -c 'cat > /root/shown.xml && virsh -q define /root/shown.xml'
check "a guest" m virsh -q start shown
check "its limits are systemctl's to change" set_property --runtime vm@shown CPUWeight=250 CPUQuota=40% MemoryMax=700M \
        MemoryHigh=600M MemorySwapMax=300M IOWeight=77 AllowedCPUs=0 AllowedMemoryNodes=0 \
        "IOReadBandwidthMax=/dev/null 5M"
check "... virsh schedinfo shows them" contains "cpu_shares     : 250" m virsh schedinfo shown
check "... the quota, of a period" contains "global_quota   : 40000" m virsh schedinfo shown
check "... virsh memtune" contains "hard_limit     : 716800" m virsh memtune shown
check "... memory and swap together" contains "swap_hard_limit: 1024000" m virsh memtune shown
check "... virsh blkiotune" contains "weight         : 77" m virsh blkiotune shown
check "... what may be read of a device" contains "/dev/null,5000000" m virsh blkiotune shown
check "... virsh numatune" contains "numa_nodeset   : 0" m virsh numatune shown
shows() { contains "$1" m virsh dumpxml shown; }
check "... dumpxml" shows "<shares>250</shares>"
check "... its CPUs" shows "<vcpu placement='static' cpuset='0'>"
check "... the definition says nothing of it" not contains "<shares>" m virsh dumpxml --inactive shown
check "a change of virsh's counts after it" m virsh -q schedinfo shown --set cpu_shares=300 --live
check "... dumpxml says so" shows "<shares>300</shares>"
check "... and systemd" equals 300 m systemctl show -P CPUWeight vm@shown
check "what is taken back goes" set_property --runtime vm@shown CPUWeight= CPUQuota=
check "... with what was around it" not shows "<cputune"
check "what is for every start" set_property vm@shown MemoryMax=650M
check "... is shown in the next run too" m sh -c 'virsh -q destroy shown; virsh -q start shown
        virsh memtune shown | grep -q "hard_limit *: 665600"'
check "what was changed stands where it is printed" equals "true" \
        m sh -c "virsh -q memtune shown --soft-limit 500M --live; virsh dumpxml shown > /root/s; \
                at() { grep -n \"<\$1\" /root/s | cut -d: -f1; }; [ \$(at memtune) -lt \$(at vcpu) ] && echo true"
m sh -c 'systemctl revert vm@shown; virsh -q destroy shown; virsh -q undefine shown'
finish
