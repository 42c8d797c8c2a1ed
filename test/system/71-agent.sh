#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The agent within a guest: Debian's qemu-guest-agent in a booted Linux guest and every call of virsh to it; then, in
# the same guest, one that lies.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up --bind-ro=/usr/sbin/qemu-ga:/run/qemu-ga

channel="<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"

# --- a guest with the real agent: the tests' Linux guest, with the program and its libraries on its disk ---

# put FILE PATH: into the disk, as a program
put() { printf 'rm %s\nwrite %s %s\nsif %s mode 0100755\n' "$2" "$1" "$2" "$2" >> "$work/commands"; }
build_disk() {
        local lib
        cat > "$work/agent" <<'AGENT'
#!/bin/sh
for port in /sys/class/virtio-ports/*; do
        [ "$(cat "$port/name" 2>/dev/null)" = org.qemu.guest_agent.0 ] && break
done
echo "${port##*/}" > /run/port
mkdir -p /var/run /run/qga /var/local/run
export PATH=/sbin:/bin
exec /lib64/agent/ld.so --library-path /lib64/agent /sbin/qemu-ga -m virtio-serial -p "/dev/${port##*/}" \
        -t /run -f /run/qga/pid
AGENT
        # the agent has its own way to switch a guest off
        cat > "$work/shutdown" <<'SHUTDOWN'
#!/bin/sh
echo "guest: shutdown $*" > /dev/console
case " $* " in *' -r '*) reboot;; *) poweroff;; esac
SHUTDOWN
        # answers the first question, as to who it is, and lies about all else
        cat > "$work/liar" <<'LIAR'
#!/bin/sh
for pid in $(ps | awk '/qemu-ga/ && !/awk/ { print $1 }'); do kill -9 $pid; done
sleep 1
exec 3<>"/dev/$(cat /run/port)" || exit 1
while :; do
        read -r line <&3 || { sleep 1; continue; }
        id=$(echo "$line" | sed -n 's/.*"id": *\([0-9]*\).*/\1/p')
        case $line in
        *guest-sync*) printf '{"return": 4711}\n\377{"return": %s}\n' "$id" >&3;;
        *guest-get-host-name*) awk 'BEGIN { for (i = 0; i < 90000; i++) printf "["; print "" }' >&3;;
        *guest-network-get-interfaces*) yes xxxxxxxxxxxxxxxx | head -c 5000000 | tr -d '\n' >&3;;
        *guest-get-time*) echo '{"return": "late"}' >&3;;
        esac
done
LIAR
        # the agent sets passwords and the clock by these two
        cat > "$work/chpasswd" <<'CHPASSWD'
#!/bin/sh
IFS=: read -r user password
sed -i "s|^$user:[^:]*:|$user:$(mkpasswd -m sha256 "$password"):|" /etc/passwd
CHPASSWD
        printf '#!/bin/sh\nexec /bin/busybox hwclock "$@"\n' > "$work/hwclock"
        : > "$work/commands"
        echo 'mkdir /lib64
mkdir /lib64/agent' >> "$work/commands"
        for lib in $(ldd /usr/sbin/qemu-ga | awk '$2 == "=>" { print $3 }'); do
                put "$(realpath "$lib")" "/lib64/agent/${lib##*/}"
        done
        put "$(realpath "$(ldd /usr/sbin/qemu-ga | awk '/ld-linux/ { print $1 }')")" /lib64/agent/ld.so
        put /usr/sbin/qemu-ga /sbin/qemu-ga
        put "$work/agent" /etc/agent
        put "$work/shutdown" /sbin/shutdown
        put "$work/chpasswd" /sbin/chpasswd
        put "$work/hwclock" /sbin/hwclock
        put "$work/liar" /etc/liar
        qemu-img convert -q -O raw "$images/disk.qcow2" "$work/disk.raw" &&
                truncate -s 80M "$work/disk.raw" && e2fsck -fp "$work/disk.raw" && resize2fs -f "$work/disk.raw" &&
                debugfs -w -f "$work/commands" "$work/disk.raw" &&
                m_with_input sh -c 'cat > /var/lib/libvirt/images/talks.qcow2' < "$work/disk.raw"
}
check "a disk with Debian's agent" build_disk
talks() {
        guest_xml talks linux "$channel<interface type='user'><model type='virtio'/></interface>" |
                sed -e "s|type='qcow2'|type='raw'|" -e "s|<vcpu>1|<vcpu>2|" \
                        -e "s|</os>|</os><pm><suspend-to-disk enabled='no'/></pm>|" |
                m_with_input sh -c 'cat > /root/talks.xml && virsh -q define /root/talks.xml'
}
check "define" talks
check "a guest without such a channel" define_guest plain

# --- no agent ---

refused "domtime of a guest that is off" "domain is not running" m virsh domtime talks
check "start of the one without" m virsh -q start plain
none="argument unsupported: QEMU guest agent is not configured"
for call in "domtime plain" "domfsinfo plain" "guestinfo plain" "guestvcpus plain" "domhostname plain --source agent" \
        "domifaddr plain --source agent" "domfsfreeze plain" "domfsthaw plain" "domfstrim plain" \
        "get-user-sshkeys plain root" "set-user-password plain root x" "shutdown plain --mode agent" \
        "reboot plain --mode agent" \
        "dompmsuspend plain mem" \
        "vcpucount plain --guest"; do
        # shellcheck disable=SC2086
        refused "no agent: virsh $call" "$none" m virsh $call
done
refused "no agent: qemu-agent-command" "$none" m virsh qemu-agent-command plain '{"execute":"guest-ping"}'
check "... and it runs on" shows_running plain

check "events are watched" m systemd-run -q --collect --unit=watch \
        sh -c 'exec virsh event --event agent-lifecycle --loop --timestamp > /root/events 2>&1'
check "start of the one with a channel" m virsh -q start talks
refused "before it has come up" "Guest agent is not responding: QEMU guest agent is not connected" m virsh domtime talks
check "dumpxml: disconnected" contains "state='disconnected'" m virsh dumpxml talks

# --- the real one ---

event() { m grep -q "'agent-lifecycle' for domain 'talks': state: '$1'" /root/events; }
agent() { m virsh qemu-agent-command talks "$1"; }
check "the agent answers" eventually 200 agent '{"execute":"guest-ping"}'
check "... in libvirt's form" equals '{"return":{}}' agent '{"execute":"guest-ping"}'
check "... and says who it is" contains '"supported_commands"' agent '{"execute":"guest-info"}'
check "dumpxml: connected" contains "state='connected'" m virsh dumpxml talks
check "... not in the inactive one" not contains "state=" m virsh dumpxml --inactive talks
check "the event agent-lifecycle" eventually 10 event connected
refused "an unknown command" "unable to execute QEMU agent command 'guest-fly'" agent '{"execute":"guest-fly"}'
refused "what is no command" "not a command for a guest agent" agent '{"ping":1}'

check "domtime" m virsh domtime talks
check "domtime --time" m virsh domtime talks --time 1800000000
time_is() { local t; t=$(m virsh domtime talks | awk '{ print $2 }'); [ "$t" -ge "$1" ] && [ "$t" -lt $(($1 + 600)) ]; }
check "... it is that time in the guest" time_is 1800000000
check "domtime --pretty" contains "Time: 2027-01-15" m virsh domtime talks --pretty
check "domtime --now" m virsh domtime talks --now
check "... now" time_is $(($(date +%s) - 300))

check "domhostname" equals talks m virsh domhostname talks --source agent
check "domfsinfo" contains ext4 m virsh domfsinfo talks
check "... with the disk's name in the definition" contains vda m virsh domfsinfo talks
check "domfsfreeze" contains "Froze 1 filesystem(s)" m virsh domfsfreeze talks
refused "... no commands that write while it is frozen" "unable to execute QEMU agent command" m virsh domfstrim talks
check "domfsthaw" contains "Thawed 1 filesystem(s)" m virsh domfsthaw talks
check "guestinfo: all of it" contains "os.kernel-release" m virsh guestinfo talks
info() { m virsh guestinfo talks "--$1"; }
check "guestinfo --os" contains "os.id" info os
check "guestinfo --timezone" contains "timezone.offset" info timezone
check "guestinfo --hostname" contains "hostname            : talks" info hostname
check "guestinfo --filesystem" contains "fs.0.mountpoint     : /" info filesystem
check "guestinfo --disk" contains "disk.0.name" info disk
check "guestinfo --interface" contains "if.0.name" info interface
check "guestinfo --user" contains "user.count" info user
check "domifaddr --source agent" contains "127.0.0.1/8" m virsh domifaddr talks --source agent
check "guestvcpus" contains "vcpus          : 0-1" m virsh guestvcpus talks
check "vcpucount --guest" equals 2 m virsh vcpucount talks --guest
check "guestvcpus --disable" m virsh guestvcpus talks --cpulist 1 --disable
check "... one is left" equals 1 m virsh vcpucount talks --guest
refused "... the first one cannot be switched off" "can't be offlined" m virsh guestvcpus talks --cpulist 0 --disable
check "guestvcpus --enable" m virsh guestvcpus talks --cpulist 1 --enable
check "... two again" equals 2 m virsh vcpucount talks --guest
check "set-user-password" m virsh set-user-password talks root geheim
run_inside() {
        local pid
        pid=$(agent "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\",
                \"arg\":[\"-c\",\"$1\"],\"capture-output\":true}}" | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
        [ -n "$pid" ] || return 1
        sleep 2
        agent "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":$pid}}" |
                sed -n 's/.*"out-data":"\([^"]*\)".*/\1/p' | base64 -d
}
check "... root has one now" contains 'root:$' run_inside 'cat /etc/passwd /etc/shadow'
key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrp1lbVyTAcfXUXkLRRXBrdmrYXUHRwnxfqvzDwyKZg me@host"
m sh -c "echo '$key' > /root/key.pub"
check "set-user-sshkeys" m virsh set-user-sshkeys talks root --file /root/key.pub
check "get-user-sshkeys" contains "$key" m virsh get-user-sshkeys talks root
check "set-user-sshkeys --remove" m virsh set-user-sshkeys talks root --file /root/key.pub --remove
check "... none is left" not contains "$key" m virsh get-user-sshkeys talks root

check "another daemon" m sh -c 'kill -9 $(systemctl show -P MainPID virtqemud); virsh -q list'
check "... knows the agent as well" equals '{"return":{}}' agent '{"execute":"guest-ping"}'
check "guest-agent-timeout" m virsh guest-agent-timeout talks --timeout 2
check "... is kept for the next one" m sh -c 'kill -9 $(systemctl show -P MainPID virtqemud); virsh -q list
        grep -q agent-timeout=2 /run/libvirt/qemu/talks.state'
python_calls() {
        m_with_input /usr/bin/python3 - <<'PY'
import libvirt
d = libvirt.open('qemu:///system').lookupByName('talks')
assert d.getTime()['seconds'] > 1700000000
assert d.guestInfo(libvirt.VIR_DOMAIN_GUEST_INFO_HOSTNAME) == {'hostname': 'talks'}
assert d.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)['lo']['addrs'][0]['addr'] == '127.0.0.1'
assert d.fsInfo()[0][0] == '/'
assert d.guestVcpus()['online'] == '0-1'
PY
}
check "python3-libvirt" python_calls

check "dompmsuspend, where it is switched off" not m virsh dompmsuspend talks disk
check "dompmsuspend mem" m virsh dompmsuspend talks mem
check "... it sleeps" eventually 20 contains pmsuspended m virsh domstate talks
check "dompmwakeup" m virsh dompmwakeup talks
check "... it runs again" eventually 20 contains running m virsh domstate talks
check "... and its agent" eventually 30 agent '{"execute":"guest-ping"}'

check "reboot --mode agent" m virsh -q reboot talks --mode agent
check "... and comes back" eventually 200 agent '{"execute":"guest-ping"}'

# --- one that lies ---

check "the liar takes its place" contains '"pid"' agent '{"execute":"guest-exec","arguments":{"path":"/etc/liar"}}'
lies() { contains "malformed return value" m virsh domtime talks; }
check "a time that is none" eventually 60 lies
# the guest is slow at making them up
m virsh guest-agent-timeout talks --timeout 40
deep() { contains "too long or too deep" m virsh domhostname talks --source agent; }
check "an answer without end of depth" eventually 60 deep
refused "an answer without end" "guest agent" m virsh domifaddr talks --source agent
m virsh guest-agent-timeout talks --timeout 2
refused "no answer" "Guest agent is not responding: guest agent didn't respond to command within '2' seconds" \
        m virsh domfsinfo talks
beside() {
        m virsh guest-agent-timeout talks --timeout 20 >/dev/null
        m sh -c 'virsh domfsinfo talks & p=$!; sleep 1; virsh -q dominfo talks && virsh -q dommemstat talks; kill -0 $p'
}
check "while one waits for it, others do not" beside
check "shutdown falls back to the power button" m virsh -q shutdown talks
check "... and the guest is off" eventually 90 contains "shut off" m virsh domstate talks

check "started again" m virsh -q start talks
check "... the agent answers" eventually 200 agent '{"execute":"guest-ping"}'
check "shutdown --mode agent" m virsh -q shutdown talks --mode agent
check "... the guest is off" eventually 60 contains "shut off (shutdown)" m virsh domstate talks --reason
check "... by the agent" m sh -c "journalctl -b -o cat --no-pager VM_NAME=talks | grep -qa 'guest: shutdown -h'"
check "the daemon has not warned of anything else" m systemctl is-active virtqemud.socket

finish
