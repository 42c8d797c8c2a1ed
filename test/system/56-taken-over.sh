#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Guests whose QEMU is somebody else's by now (fake-qemu): what they do to vm-run, to the host, and to their own files.
# And what is killed in the middle of anything, and leaves a guest that starts, ends and goes all the same.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

check "programs in QEMU's place" m sh -c 'mkdir -p /usr/local/lib/fq &&
        cp /run/test/fake-qemu.d/*.py /usr/local/lib/fq/ && chmod 644 /usr/local/lib/fq/*
        for mode in /run/test/fake-qemu.d/*.py none; do
                mode=${mode##*/}; cp /run/test/fake-qemu "/usr/local/bin/fq-${mode%.py}"
        done; chmod 755 /usr/local/bin/fq-*'
evil_xml() { # NAME MODE [DEVICES [TOP]]
        echo "<domain type='qemu'><name>$1</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
        <os><type arch='x86_64' machine='pc'>hvm</type></os>${4-}
        <devices><emulator>/usr/local/bin/fq-$2</emulator>${3-}<memballoon model='none'/></devices></domain>"
}
evil() { evil_xml "$@" | m_with_input sh -c "cat > '/root/$1.xml' && virsh -q define '/root/$1.xml'"; }
says() { m sh -c "journalctl -b -o cat -q -u 'vm@$1.service' | grep '^fq: ' | cut -c 5-"; }
said() { says "$1" | grep -qF -- "$2"; }
says_all() { eventually 60 said "$1" done || { says "$1"; m journalctl -b -q -n 20 -u "vm@$1"; return 1; }; }
status_text() { m systemctl show -P StatusText "vm@$1"; }

# --- a QEMU that wants to be vm-run
check "define one that wants to be vm-run" evil own own
check "it starts" m virsh -q start own
check "it tries everything" says_all own
check "control: it may signal itself" said own "CAN signal itself"
for what in "open memory of vm-run" "see where vm-run waits" "read by process_vm_readv" "compare with vm-run" \
            "list descriptors of vm-run" "stop vm-run" "stop its group" "signal everybody" \
            "signal vm-run by a pidfd" "have the kernel signal vm-run" "limit vm-run" \
            "make a ring of io_uring" "raise the size of cores"; do
        check "it cannot $what" said own "cannot $what"
done
check "its status is vm-run's, not forged" contains "running, 1 vCPU" status_text own
check "it is destroyed in seconds" timeout 20 "$here/container" \
        sh "$dir" env LIBVIRT_DEFAULT_URI=$uri virsh -q destroy own
check "one that does not end when asked" evil deaf stubborn
check "... starts" m virsh -q start deaf
check "... is destroyed in seconds all the same" timeout 30 "$here/container" \
        sh "$dir" env LIBVIRT_DEFAULT_URI=$uri virsh -q destroy deaf
check "... and off" shows_off deaf destroyed

# --- one that uses up what it can
check "the guests' folders are a file system of their own" equals tmpfs m findmnt -no FSTYPE /run/libvirt/qemu
check "define one that fills everything" evil fill fill
check "it starts" m virsh -q start fill
check "it fills what it may" says_all fill
mib_of() { says fill | sed -n "s#^filled $1 \(with \)\?\([0-9]*\) MiB.*#\2#p"; }
at_most() { local n; n=$(mib_of "$1"); echo "$1: $n MiB"; [ -n "$n" ] && [ "$n" -le "$2" ]; }
check "... of /run at most 8 MiB" at_most /run/libvirt/qemu/vm-fill 8
for place in /dev/shm /tmp /var/tmp; do check "... of $place at most 64 MiB" at_most $place 64; done
number_of() { says fill | sed -n "s/^got \([0-9]*\) $1:.*/\1/p"; }
few() { local n; n=$(number_of "$1"); echo "$n $1"; [ "${n:-0}" -le "$2" ]; }
check "... where QEMU makes no files of its own, none where the kernel can see to it" \
        m sh -c 'grep -q ^sealed=yes /run/libvirt/qemu/fill.launch ||
                findmnt /run/libvirt/qemu/vm-fill || findmnt -no OPTIONS /run/libvirt/qemu | grep usrquota'
if m grep -q ^sealed=yes /run/libvirt/qemu/fill.launch; then
        for what in files attributes; do check "... no $what in its folder" few $what 0; done
        check "... which is no mount that the host has to look after" not m findmnt /run/libvirt/qemu/vm-fill
else
        echo "# this machine has no Landlock: its folder has a size"
fi
check "... at most 900 terminals" few terminals 900
check "... no stream of the journal" few streams 0
check "... at most 1000 descriptors" few descriptors 1000
check "... sees no control groups" said fill "cannot see other control groups"
check "the host has room in /run" m sh -c '[ $(df --output=avail -m /run | tail -1) -gt 4 ]'
check "... where units are started" m systemd-run -q --wait true
check "... and another guest" evil other none
check "... which starts" m virsh -q start other
check "... and ends" m virsh -q destroy other
check "one with a socket of its own to make" \
        evil socket fill "<graphics type='vnc' socket='/run/libvirt/qemu/vm-socket/vnc.sock'/>"
check "... starts" m virsh -q start socket
check "... fills what it may" says_all socket
check "... at most 8 MiB of /run" sh -c '[ "$1" -le 8 ]' _ \
        "$(says socket | sed -n 's#^filled /run/libvirt/qemu/vm-socket \(with \)\?\([0-9]*\) MiB.*#\2#p')"
check "... ends" m virsh -q destroy socket
check "destroy it" m virsh -q destroy fill
check "what it filled is gone" eventually 10 equals "" m sh -c 'ls -d /run/libvirt/qemu/vm-fill 2>/dev/null'

# --- one that writes into its image, and dies to be started again
check "one that names /etc/shadow in its image" \
        m sh -c 'mkdir -p /srv/vm && qemu-img create -q -f qcow2 /srv/vm/chain.qcow2 1M'
check "... defines" evil chain chain \
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/vm/chain.qcow2'/>
        <target dev='vda' bus='virtio'/></disk>" '<on_crash>restart</on_crash>'
check "... starts" m virsh -q start chain
check "... wrote it" eventually 30 said chain "wrote"
is_failed() { [ "$(unit_state chain)" = failed ]; }
check "... is not started again with that file" eventually 60 is_failed
check "... the cause names both" contains "/srv/vm/chain.qcow2" \
        m sh -c "journalctl -b -q -o cat -u vm@chain | grep 'names ./etc/shadow'"
check "... it never had a byte of it" not said chain "root:"
m systemctl reset-failed vm@chain

# --- names that a shell would expand
# shellcheck disable=SC2016
for name in '$USER' '${HOME}' 'a$$b'; do
        check "a guest called $name" evil "$name" none
        check "... starts" m virsh -q start "$name"
        check "... ends" m virsh -q destroy "$name"
done

# --- local time
rtc() { m virsh qemu-monitor-command --pretty "$1" \
        '{"execute":"qom-get","arguments":{"path":"/machine","property":"rtc-time"}}'; }
check "the host's zone is one with half an hour" m ln -sf /usr/share/zoneinfo/America/St_Johns /etc/localtime
check "a guest with local time" sh -c "true"
guest_xml local idle | sed "s|<devices>|<clock offset='localtime'/><devices>|" |
        m_with_input sh -c 'cat > /root/local.xml && virsh -q define /root/local.xml'
check "... starts" m virsh -q start local
hour_is() { local want got; want=$(m env TZ=America/St_Johns date +%H:%M)
        got=$(rtc local | python3 -c 'import json, sys
r = json.load(sys.stdin)["return"]; print("%02d:%02d" % (r["tm_hour"], r["tm_min"]))')
        echo "wanted $want, got $got"; [ "$want" = "$got" ]; }
check "... has the zone's time" eventually 5 hour_is
check "... destroy" m virsh -q destroy local
# clock_is ZONE SECONDS CLOCK: a guest with this <clock> shows the time of ZONE and SECONDS more.
clock_is() {
        guest_xml clock idle |
                sed "s|</name>|</name><uuid>5a1c0000-0000-4000-8000-000000000001</uuid>|; s|<devices>|$3<devices>|" |
                m_with_input sh -c 'cat > /root/clock.xml && virsh -q define /root/clock.xml' &&
                m virsh -q start clock || return 1
        rtc clock > "$work/rtc"
        python3 -c 'import datetime, json, sys, zoneinfo
r = json.load(open(sys.argv[3]))["return"]
want = datetime.datetime.now(zoneinfo.ZoneInfo(sys.argv[1])) + datetime.timedelta(seconds=int(sys.argv[2]))
got = r["tm_hour"] * 60 + r["tm_min"]
print("wanted", want, "got", r)
# a minute may have passed since it was read
sys.exit((want.hour * 60 + want.minute - got) % 1440 > 2)' "$1" "$2" "$work/rtc"
        local rc=$?
        m virsh -q destroy clock
        return $rc
}
check "the host moves to another zone" m ln -sf /usr/share/zoneinfo/Asia/Kathmandu /etc/localtime
check "... its time counts at the next start" clock_is Asia/Kathmandu 0 "<clock offset='localtime'/>"
check "a zone that the definition names" \
        clock_is America/St_Johns 0 "<clock offset='timezone' timezone='America/St_Johns'/>"
# one of the two has summer when this is run
summer=$(python3 -c 'import datetime, zoneinfo
print(next(z for z in ("Australia/Adelaide", "Europe/Paris") if datetime.datetime.now(zoneinfo.ZoneInfo(z)).dst()))')
check "a zone where it is summer, $summer" clock_is "$summer" 0 "<clock offset='timezone' timezone='$summer'/>"
check "local time and an hour" \
        clock_is Asia/Kathmandu 3600 "<clock offset='variable' adjustment='3600' basis='localtime'/>"
check "an hour less than universal time" clock_is UTC -3600 "<clock offset='variable' adjustment='-3600' basis='utc'/>"

# --- mount points that systemd leaves behind
kernel_xml() { evil_xml "$1" none '' | sed 's|</os>|<kernel>/srv/b/k1</kernel></os>|'; }
m sh -c 'mkdir -p /srv/b && echo > /srv/b/k1'
check "a guest with a kernel" sh -c "true"
kernel_xml kernel | m_with_input sh -c 'cat > /root/kernel.xml && virsh -q define /root/kernel.xml'
check "... starts" m virsh -q start kernel
check "... destroy" m virsh -q destroy kernel
check "the kernel becomes a folder" m sh -c 'rm /srv/b/k1 && mkdir /srv/b/k1'
m virsh start kernel > /dev/null 2>&1
check "what stands in the way of the next start goes" eventually 10 not m test -f /run/libvirt/root/srv/b/k1
check "... the kernel is a file again" m sh -c 'rmdir /srv/b/k1 && echo > /srv/b/k1'
check "... and the guest starts" eventually 20 m virsh -q start kernel
check "... destroy" m virsh -q destroy kernel

# --- killed in between
late_cleanup() { m systemctl start vm-cleanup@other.service; }
nothing_left() { [ -z "$(m sh -c 'ls /run/libvirt/qemu/other.xml /run/libvirt/qemu/other.launch 2>/dev/null')" ]; }
check "start it" m virsh -q start other
check "the cleanup of what runs does nothing" late_cleanup
check "... it runs" equals active unit_state other
# It may come between the guest's end and the unit's own cleanup, which would take the next guest's definition for this
# one's.
other_cleans_up() {
        m sh -c 'cd /run/libvirt/qemu; flock other.lock sh -c "sleep 1; test -e other.xml && echo waited" > /tmp/late &
                sleep 0.5; virsh -q destroy other; wait; cat /tmp/late'
}
check "while one is at work that of the unit waits" equals waited other_cleans_up
check "... and is done then" eventually 10 nothing_left
check "start it" m virsh -q start other
check "all of its unit is killed, vm-cleanup too" m systemctl kill -s KILL vm@other
check "... what is left goes by itself" eventually 30 nothing_left
check "... it starts again" eventually 40 m virsh -q start other
check "its unit is masked and stopped" m systemctl mask --now vm@other
m systemctl unmask vm@other
check "... a later cleanup finds what is left" late_cleanup
check "... all of it" eventually 10 nothing_left
check "... it starts again" eventually 40 m virsh -q start other
check "... destroy" m virsh -q destroy other

rounds=20; only_at_night && rounds=200
# What is killed, and when: vm-prepare at some moment of the start, vm-run, QEMU, all, vm-cleanup at some moment of the
# end, the daemon at any moment, of a call too.
m_with_input sh -c 'cat > /root/kills.py' <<'PY'
import os, random, signal, subprocess, sys, time
rounds, seed = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
def run(*words, timeout=90):
    return subprocess.run(words, capture_output=True, text=True, timeout=timeout)
def show(key): return run('systemctl', 'show', '-P', key, 'vm@other').stdout.strip()
def kill_all(): run('systemctl', 'kill', '-s', 'KILL', 'vm@other')
def kill_main(): run('systemctl', 'kill', '-s', 'KILL', '--kill-who=main', 'vm@other')
def kill_control(): run('systemctl', 'kill', '-s', 'KILL', '--kill-who=control', 'vm@other')
def kill_preparing():
    try:
        pids = open('/sys/fs/cgroup/machine.slice/vm@other.service/cgroup.procs').read().split()
        for pid in pids:
            if open('/proc/%s/comm' % pid).read() == 'vm-prepare\n':
                os.kill(int(pid), signal.SIGKILL)
    except OSError:
        pass
def kill_who_prepares(): run('systemctl', 'kill', '-s', 'KILL', 'vm-prepare.service')
def kill_qemu(): run('pkill', '-KILL', '-f', 'bin/fq-none')
def during_start():
    run('systemctl', 'start', '--no-block', 'vm@other'); time.sleep(random.random() * 0.4)
    random.choice((kill_all, kill_main, kill_preparing, kill_who_prepares))()
def during_stop():
    run('systemctl', 'stop', '--no-block', 'vm@other'); time.sleep(random.random() * 0.2)
    kill_main(); time.sleep(random.random() * 0.1); random.choice((kill_all, kill_control))()
def kill_daemon(): run('systemctl', 'kill', '-s', 'KILL', 'virtqemud')
def daemon_in_call():
    words = random.choice((('virsh', 'start', 'other'), ('virsh', 'destroy', 'other'),
                           ('virsh', 'start', '--paused', 'other')))
    call = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(random.random() * 0.3); kill_daemon(); call.wait(90)
def daemon_and_guest():
    kill_daemon(); random.choice((kill_all, kill_main, kill_qemu))()
def masked():
    run('systemctl', 'mask', '--now', 'vm@other'); run('systemctl', 'unmask', 'vm@other')
actions = (kill_all, kill_main, kill_qemu, during_start, during_stop, masked, kill_daemon, daemon_in_call,
           daemon_and_guest)
def settles(words, seconds=40):
    end, seen = time.time() + seconds, None
    while time.time() < end:
        seen = run(*words)
        if seen.returncode == 0:
            return
        time.sleep(0.5)
    sys.exit('%s: %s' % (' '.join(words), seen.stderr))
for n in range(rounds):
    done = []
    for action in random.choices(actions, k=random.randint(1, 3)):
        done.append(action.__name__)
        action()
    print(n, *done, flush=True)
    # by whoever notices first: nobody has helped, and it may not take a client's limit
    settles(('sh', '-c', 'virsh domstate other | grep -q -e running -e paused || virsh start other'))
    settles(('virsh', 'domstate', 'other'))
    settles(('sh', '-c', 'virsh destroy other || virsh domstate other | grep -q "shut off"'))
settles(('virsh', 'undefine', 'other'))
settles(('virsh', 'define', '/root/other.xml'))
PY
check "the daemon's limit on starts is lifted for this" m sh -c '
        mkdir -p /etc/systemd/system/virtqemud.service.d /etc/systemd/system/virtqemud.socket.d
        printf "[Unit]\nStartLimitIntervalSec=0\n" > /etc/systemd/system/virtqemud.service.d/kills.conf
        printf "[Socket]\nTriggerLimitIntervalSec=0\n" > /etc/systemd/system/virtqemud.socket.d/kills.conf
        systemctl daemon-reload'
LIMIT=900 check "after $rounds rounds of random kills it starts, is destroyed, undefined and defined" \
        m /usr/bin/python3 /root/kills.py $rounds "${SEED:-$RANDOM}"
finish
