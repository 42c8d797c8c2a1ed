#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Long work on volumes, and SIGKILL in the middle of it: to the unit that does it, to the daemon that was asked for it,
# to both. Nothing half has the final name, nothing is left over, the end is told, and the pool goes on.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
rounds=2; only_at_night && rounds=30

# A file that begins with a NUL is of no job: the next one's is to be written there.
m_with_input sh -c 'cat > /usr/local/bin/jobs-at-work && chmod 755 /usr/local/bin/jobs-at-work' <<'SH'
#!/bin/sh
grep -lrs ^verb= /run/libvirt/storage/jobs || :
SH
# cut VICTIM PATTERN COMMAND [SECONDS]: runs a command of virsh in the pool t, freezes its unit as soon as a file of the
# pattern (or, without one, the unit) is there, kills the victim and lets the rest go on. The unit of what is over soon
# is the pool's worker. /tmp/said: what the client was told; its exit status is given. No process is started between
# two looks: what is to be met takes some ten milliseconds.
m_with_input sh -c 'cat > /usr/local/bin/cut-off && chmod 755 /usr/local/bin/cut-off' <<'PYTHON'
#!/usr/bin/python3
import fnmatch, glob, os, subprocess, sys, time

victim, pattern, command = sys.argv[1:4]
JOBS = "/run/libvirt/storage/jobs"


def unit_at_work():
    for name in os.listdir(JOBS):
        try:
            text = open(f"{JOBS}/{name}").read().partition("\0")[0]
        except OSError:
            continue
        if text and "\nworker=" in "\n" + text:
            return "vm-volume-worker@t.service"
        if text and name.endswith(".job"):
            return f"vm-volume@{name[:-4]}.service"
    return None


def group_of(unit):
    return [found for depth in ("*/", "*/*/") for found in glob.glob(f"/sys/fs/cgroup/{depth}{glob.escape(unit)}")]


def freeze(unit, value):
    for group in group_of(unit):
        with open(f"{group}/cgroup.freeze", "w") as f:
            f.write(value)


def kill(*units):
    subprocess.run(["systemctl", "kill", "-s", "KILL", *units], stderr=subprocess.DEVNULL)


# more often than systemd lets a daemon be killed by itself
subprocess.run(["systemctl", "reset-failed", "virtstoraged.service"], stderr=subprocess.DEVNULL)
subprocess.run(["systemctl", "start", "virtstoraged"], check=True)
os.makedirs(JOBS, exist_ok=True)
client = subprocess.Popen(["virsh", "-q", command], stdout=open("/tmp/said", "w"), stderr=subprocess.STDOUT)
# what is to be met may be over before a busy machine lets this look again
try:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
except OSError:
    pass
deadline, unit = time.monotonic() + 30, None
while not unit or (pattern and not fnmatch.filter(os.listdir("/srv/t"), pattern)) or not group_of(unit):
    if time.monotonic() > deadline:
        print("it did not begin")
        print(open("/tmp/said").read())
        sys.exit(99)
    unit = unit_at_work() or unit
if len(sys.argv) > 4:
    time.sleep(float(sys.argv[4]))
# at night it may be over by now
try:
    freeze(unit, "1")
except OSError:
    pass
with open("/tmp/middle", "w") as f:
    print(*os.listdir("/srv/t"), sep="\n", file=f)
if victim == "unit":
    kill(unit)
elif victim == "daemon":
    kill("virtstoraged")
else:
    kill("virtstoraged", unit)
try:
    freeze(unit, "0")
except OSError:
    pass
sys.exit(client.wait())
PYTHON
cut() { m cut-off "$@"; }
told() { not cut "$@" && m grep -qF 'the work was stopped before its end' /tmp/said || { m cat /tmp/said; return 1; }; }
fails() { not cut "$@"; }
in_middle() { m grep -qE "$1" /tmp/middle || { m cat /tmp/middle; return 1; }; }
# The next daemon knows, and what it knows is what is there.
settled() {
        m sh -c 'for i in $(seq 100); do
                virsh -q pool-info t > /dev/null && [ -z "$(jobs-at-work)" ] && break; sleep 0.2; done
        virsh -q vol-list t | sed "s/^ *//; s/ .*//" | sort > /tmp/listed; ls -A /srv/t | sort > /tmp/there
        jobs-at-work
        virsh -q "vol-create-as t probe 1M; vol-delete probe --pool t; pool-refresh t" && [ ! -e /srv/t/probe ] &&
        cmp /tmp/listed /tmp/there && [ -z "$(jobs-at-work)" ] &&
        ! ls -A /srv/t | grep -q unitvirt-part'
}
gone() { m sh -c "[ ! -e /srv/t/$1 ] && ! virsh vol-info $1 --pool t"; }
has_size() {
        equals "$2" m stat -c %s "/srv/t/$1" &&
                m sh -c "virsh vol-info $1 --pool t --bytes | grep -qE 'Capacity: *$2 '"
}
all_allocated() { m sh -c "[ \$((\$(stat -c %b /srv/t/$1) * 512)) -ge $2 ]"; }
MiB=1048576

check "a pool on a file system of its own" m sh -c 'mkdir /srv/t && mount -t tmpfs -o size=3G none /srv/t &&
        virsh -q pool-define-as t dir --target /srv/t && virsh -q pool-start t &&
        head -c 300M /dev/urandom > /srv/t/large &&
        qemu-img convert -f raw -O qcow2 /srv/t/large /srv/t/large.qcow2 && virsh -q pool-refresh t'

# --- create ---
check "create, its unit is killed" told unit '.new.*' 'vol-create-as t new 400M'
check "... in the middle" in_middle '^\.new\..*unitvirt-part$'
check "... there is no such volume" gone new
check "... nor anything else that was not there" settled
check "create, the daemon is killed" fails daemon '.new.*' 'vol-create-as t new 400M'
check "... the next one has the volume" eventually 20 has_size new $((400 * MiB))
check "... with all its space" all_allocated new $((400 * MiB))
check "... and nothing else" settled
m virsh -q vol-delete new --pool t
check "create, both are killed" fails both '.new.*' 'vol-create-as t new 400M'
check "... nothing is left" settled
check "... no volume either" gone new
check "create of a qcow2 with its space, its unit is killed" told unit '.new.*' \
        'vol-create-as t new 600M --format qcow2 --prealloc-metadata'
check "... nothing is left" settled
check "... no volume either" gone new

# --- clone ---
for format in '' .qcow2; do
        check "clone of a volume (large$format), its unit is killed" told unit '.copy.*' \
                "vol-clone large$format copy --pool t"
        check "... in the middle" in_middle '^\.copy\..*unitvirt-part$'
        check "... there is no clone" gone copy
        check "... nor anything else" settled
        check "... the daemon is killed" fails daemon '.copy.*' "vol-clone large$format copy --pool t"
        check "... the clone is whole" eventually 20 m sh -c "qemu-img compare /srv/t/large$format /srv/t/copy"
        check "... and known" settled
        m virsh -q vol-delete copy --pool t
done

# --- resize ---
m virsh -q vol-create-as t small 1M
check "resize --allocate, its unit is killed" told unit '' 'vol-resize small 800M --allocate --pool t' 0.02
check "... the volume is as long as before" has_size small $MiB
check "... and takes no more" m sh -c '[ $(stat -c %b /srv/t/small) -le 2048 ]'
check "... nothing is left" settled
check "resize --allocate, the daemon is killed" fails daemon '' 'vol-resize small 800M --allocate --pool t' 0.02
check "... it is done" eventually 20 has_size small $((800 * MiB))
check "... with all its space" all_allocated small $((800 * MiB))
check "... nothing is left" settled
m virsh -q "vol-delete small --pool t; vol-create-as t small.qcow2 1M --format qcow2"
fails unit '' 'vol-resize small.qcow2 500M --allocate --pool t' 0.02 > /dev/null
check "an image whose resize was killed is sound" m sh -c \
        'qemu-img check -q /srv/t/small.qcow2; r=$?; [ $r = 0 ] || [ $r = 3 ]'
check "... nothing is left" settled
m virsh -q vol-delete small.qcow2 --pool t

# --- wipe ---
m virsh -q vol-clone large wiped --pool t
check "wipe, its unit is killed" told unit '' 'vol-wipe wiped --pool t' 0.02
check "... the volume is there, as long as it was" has_size wiped $((300 * MiB))
check "... nothing is left" settled
check "wipe, the daemon is killed" fails daemon '' 'vol-wipe wiped --pool t' 0.02
check "... the volume is wiped" eventually 20 m sh -c 'head -c 300M /dev/zero | cmp - /srv/t/wiped'
check "... nothing is left" settled

# --- upload and download ---
m sh -c 'head -c 300M /dev/urandom > /var/tmp/data'
same() { m cmp /srv/t/large /srv/t/up; }
m virsh -q vol-clone large up --pool t
for victim in unit daemon both; do
        LIMIT=20 check "upload, killed: $victim, and its client is told at once" fails $victim '.up.*' \
                'vol-upload up /var/tmp/data --pool t'
        check "... in the middle" in_middle '^\.up\..*unitvirt-part$'
        check "... nothing is left" settled
        check "... the volume is as it was" same
        LIMIT=20 check "download, killed: $victim" fails $victim '' 'vol-download up /var/tmp/back --pool t' 0.02
        check "... nothing is left" settled
        check "... the volume is as it was" same
done
check "the next upload is whole" m sh -c 'virsh -q vol-upload up /var/tmp/data --pool t && cmp /var/tmp/data /srv/t/up'

# --- what is over soon, by the worker of the pool ---
worker=vm-volume-worker@t.service
is_up() { m systemctl -q is-active $worker; }
of_worker() { m sh -c "pid=\$(systemctl show -P MainPID $worker); $1"; }
m sh -c 'head -c 120M /srv/t/large > /srv/t/some; virsh -q pool-refresh t'
check "a small volume is made by the pool's worker" m sh -c "
        virsh -q 'vol-create-as t one 1M; vol-delete one --pool t' && systemctl -q is-active $worker"
check "... which can write to the pool's folder" of_worker 'nsenter -m -t $pid sh -c "> /srv/t/x && rm /srv/t/x"'
check "... and nowhere else" of_worker '! nsenter -m -t $pid sh -c "> /srv/x || > /etc/x || > /run/x" 2> /dev/null'
check "... and has rights over files only (chown, dac_override, fowner, fsetid)" of_worker \
        'grep -q "^CapEff:.*00000000001b$" /proc/$pid/status && grep -q "^CapBnd:.*00000000001b$" /proc/$pid/status'
# It may be over before it is stopped: then the volume is whole, and it is tried again.
cut_in_worker() { # VICTIM
        for i in $(seq 10); do
                cut "$1" '.copy.*' 'vol-clone some copy --pool t' && m sh -c 'cmp /srv/t/some /srv/t/copy' || :
                settled || return 1
                if m test -e /srv/t/copy; then
                        m sh -c 'cmp /srv/t/some /srv/t/copy && virsh -q vol-delete copy --pool t' || return 1
                elif m grep -qE '^\.copy\..*unitvirt-part$' /tmp/middle; then
                        return 0
                fi
        done
        return 1
}
check "its worker is killed in the middle of a copy: nothing is left, and no volume" cut_in_worker unit
check "... its client was told" m grep -qF 'the work was stopped before its end' /tmp/said
check "... and so are both, it and the daemon" cut_in_worker both
cut daemon '.copy.*' 'vol-clone some copy --pool t' > /dev/null || :
check "the daemon is killed in the middle of a copy: it is whole" eventually 20 m cmp /srv/t/some /srv/t/copy
check "... and known" settled
m virsh -q vol-delete copy --pool t
check "a worker that is killed before it begins: another one does it" m sh -c "
        virsh -q 'vol-create-as t one 1M; vol-delete one --pool t'; systemctl kill -s STOP $worker
        virsh -q vol-create-as t two 1M & client=\$!
        until grep -qs ^worker= /run/libvirt/storage/jobs/*.job; do :; done
        systemctl kill -s KILL $worker; wait \$client && [ -e /srv/t/two ]"
check "... nothing is left" settled
check "many at once are each done" m sh -c '
        for i in $(seq 30); do
                virsh -q "vol-create-as t n$i 1M; vol-resize n$i 2M --pool t; vol-wipe n$i --pool t" & done; wait
        [ "$(stat -c %s /srv/t/n* | sort -u)" = 2097152 ] && virsh -q vol-list t | grep -c " n[0-9]" | grep -qx 30'
check "... as the pool knows" settled
m sh -c 'virsh -q "$(for i in $(seq 30); do printf "vol-delete n$i --pool t;"; done)"'
check "a link is resized where it leads" m sh -c 'truncate -s 1M /srv/far; ln -s /srv/far /srv/t/near
        virsh -q "pool-refresh t; vol-resize near 3M --pool t" && [ "$(stat -c %s /srv/far)" = 3145728 ] &&
        virsh -q vol-delete near --pool t && [ -e /srv/far ]'
check "the end of the pool is the worker's" m sh -c "
        virsh -q 'vol-delete two --pool t' && systemctl -q is-active $worker &&
        virsh -q pool-destroy t && ! systemctl -q is-active $worker && virsh -q pool-start t"
check "what is mounted on the folder is where volumes go" m sh -c 'mkdir /srv/u
        virsh -q "pool-define-as u dir --target /srv/u; pool-start u; vol-create-as u a 1M"
        mount -t tmpfs none /srv/u && virsh -q "pool-refresh u; vol-create-as u b 1M" && [ "$(ls /srv/u)" = b ] &&
        umount /srv/u && virsh -q "pool-refresh u; vol-create-as u c 1M" && [ "$(ls /srv/u)" = "$(printf "a\nc")" ] &&
        virsh -q "pool-destroy u; pool-undefine u"'
# Two jobs, and what comes between them, so soon after each other that it cannot have ended for want of work: are they
# one worker's?
m_with_input sh -c 'cat > /usr/local/bin/one-worker && chmod 755 /usr/local/bin/one-worker' <<'SH'
#!/bin/sh
job() { virsh -q 'vol-create-as t one 1M; vol-delete one --pool t' && systemctl show -P MainPID vm-volume-worker@t; }
for i in 1 2 3 4 5 6 7 8 9 10; do
        begun=$(date +%s); first=$(job); sh -c "$1"; second=$(job)
        [ $(($(date +%s) - begun)) -ge 9 ] || { [ "$first" = "$second" ]; exit; }
        eval "$2"
done
exit 2
SH
check "two jobs are one worker's" eventually 30 m one-worker : :
check "a mount elsewhere, which could be written to, ends it" m sh -c 'mkdir /srv/late
        one-worker "mount -t tmpfs none /srv/late" "umount /srv/late"; [ $? = 1 ]'
check "... and so does its end" m sh -c 'one-worker "umount /srv/late" "mount -t tmpfs none /srv/late"; [ $? = 1 ]'
check "... but not a stream" m sh -c 'mkfifo /tmp/slow; head -c 8M /srv/t/large > /tmp/part
        virsh -q vol-create-as t slow 8M; virsh -q vol-upload slow /tmp/slow --pool t & client=$!
        exec 5> /tmp/slow; head -c 1M /tmp/part >&5
        until ls /srv/t/.slow.*; do sleep 0.1; done; mount -t tmpfs none /srv/late
        virsh -q "vol-create-as t one 1M; vol-delete one --pool t"; umount /srv/late
        tail -c +1048577 /tmp/part >&5; exec 5>&-; wait $client && cmp /tmp/part /srv/t/slow
        a=$?; virsh -q vol-delete slow --pool t; exit $a'
check "it ends when it has nothing to do" m sh -c "
        virsh -q 'vol-create-as t one 1M; vol-delete one --pool t' && systemctl -q is-active $worker"
check "..." eventually 30 not is_up
check "... and did not fail" m sh -c "! systemctl -q is-failed $worker"

# --- what was left by a crash, of the machine or of what cleans up ---
part=$(m sh -c 'systemctl start virtstoraged; (virsh -q vol-create-as t left 400M > /dev/null 2>&1 &)
        until ls /srv/t/.left.* 2>/dev/null; do :; done')
m sh -c 'until virsh -q vol-delete left --pool t; do sleep 0.2; done' > /dev/null 2>&1
leave() { m sh -c "echo half > '$part'; echo theirs > /srv/t/.left.00000000.unitvirt-part"; }
left() { m test -e "$part"; }
check "a file as a crash leaves it" leave
check "... a refresh removes it" m virsh -q pool-refresh t
check "..." not left
check "... but not that of another host" m test -e /srv/t/.left.00000000.unitvirt-part
check "... and neither is a volume" m sh -c '! virsh vol-list t | grep -q left'
leave
check "... it is in nobody's way" m virsh -q vol-create-as t left 1M
check "..." not left
leave
check "... a start removes it" m sh -c 'virsh -q pool-destroy t && virsh -q pool-start t'
check "..." not left
check "a volume in the making stays through a restart of its pool" told unit '.new.*' 'vol-create-as t new 400M'
m rm /srv/t/.left.00000000.unitvirt-part

# --- what a client says is not what root reads as another line ---
check "a path with a line feed is a path" m_with_input sh -c \
        'cat > /tmp/v.xml; ! virsh vol-create t /tmp/v.xml && [ ! -e /srv/evil ]' <<'XML'
<volume><name>evil</name><capacity>1</capacity><target><format type='qcow2'/></target>
<backingStore><path>/srv/t/large&#10;path=/srv/evil</path><format type='raw'/></backingStore></volume>
XML

# --- at any moment ---
random_moments() {
        for i in $(seq $rounds); do
                for victim in unit daemon both; do
                        cut $victim '' 'vol-create-as t any 100M' "0.0$((RANDOM % 10))"
                        settled || return 1
                        m sh -c 'if [ -e /srv/t/any ]; then [ "$(stat -c %s /srv/t/any)" = 104857600 ] &&
                                virsh -q vol-delete any --pool t; fi' || return 1
                        cut $victim '' 'vol-upload up /srv/t/large --pool t' "0.$((RANDOM % 4))"
                        settled || return 1
                        m sh -c 'cmp -s /srv/t/up /srv/t/large || cmp -s /srv/t/up /var/tmp/data' ||
                                { echo "round $i: neither old nor new"; return 1; }
                done
        done
}
LIMIT=600 check "killed at any moment, $rounds rounds" random_moments
finish
