#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Secrets: by virsh, python3-libvirt and libvirt-dbus; where their values are and where they are not; the daemon killed
# at any moment.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

u1=0a1b2c3d-0000-4000-8000-000000000001 u2=0a1b2c3d-0000-4000-8000-000000000002 u3=0a1b2c3d-0000-4000-8000-000000000003
in_file() { m_with_input sh -c "umask 077; cat > $1"; }
secret_xml() { echo "<secret $2><uuid>$1</uuid><usage type='$3'><$4>$5</$4></usage></secret>"; }
value_of() { m virsh -q secret-get-value "$1" | base64 -d; }

# --- a value of libvirt's, from before
m mkdir -p /etc/libvirt/secrets
secret_xml $u3 "ephemeral='no' private='no'" iscsi target iqn.old | in_file /etc/libvirt/secrets/$u3.xml
m sh -c "umask 077; printf b2xkLXZhbHVl > /etc/libvirt/secrets/$u3.base64"
check "libvirt's secret is there" contains iqn.old m virsh secret-list
check "... with its value" equals old-value value_of $u3
check "... which is sealed soon" eventually 20 m test ! -e /etc/libvirt/secrets/$u3.base64
check "... and still the same" equals old-value value_of $u3
check "... sealed with the host's key" \
        m sh -c "systemd-creds decrypt --name=$u3 /var/lib/libvirt/secrets/$u3.cred - | grep -qx old-value"

# --- every use by virsh
i=10
for use in "volume volume /var/lib/libvirt/images/x.qcow2" \
        "ceph name client.admin" "iscsi target iqn.2026-01.org:x" "tls name tls-key" "vtpm name tpm-key"; do
        # shellcheck disable=SC2086
        set -- $use
        secret_xml 0a1b2c3d-0000-4000-8000-0000000000$i "" "$1" "$2" "$3" | in_file /root/s.xml
        check "a secret for $1" m virsh secret-define /root/s.xml
        check "... is listed" contains "$1   $3" m sh -c "virsh secret-list | sed 's/  */ /g; s/ $1 / $1   /'"
        i=$((i + 1))
done
echo "<secret><description>for nothing</description></secret>" | in_file /root/s.xml
check "a secret for nothing" contains "created" m virsh secret-define /root/s.xml
refused "a second one for the same" "already defined" m sh -c \
        "sed 's/.*/<secret><usage type=\"vtpm\"><name>tpm-key<\/name><\/usage><\/secret>/' /root/s.xml > /root/t.xml;
        virsh secret-define /root/t.xml"
refused "a broken document" "s.xml" m sh -c 'echo "<secret><usage" > /root/s.xml;
        virsh secret-define /root/s.xml || { echo s.xml; false; }'

# --- values: each way to give one
secret_xml $u1 "" ceph name client.a | in_file /root/s.xml
check "define" m virsh secret-define /root/s.xml
refused "no value yet" "does not have a value" m virsh secret-get-value $u1
check "secret-set-value --base64" m virsh secret-set-value $u1 --base64 Zmlyc3Q=
check "... secret-get-value" equals first value_of $u1
check "secret-set-value --file" m sh -c "printf second > /root/value;
        virsh secret-set-value $u1 --file /root/value --plain"
check "... secret-get-value --plain" equals second m virsh -q secret-get-value $u1 --plain
check "secret-set-value --interactive" m sh -c "(sleep 3; printf 'third\n'; sleep 2) |
        script -qec 'virsh secret-set-value $u1 --interactive' /dev/null"
check "... secret-get-value" equals third value_of $u1
check "bytes of any kind, 64 KiB" m_with_input /usr/bin/python3 - $u1 <<'PYTHON'
import sys, os, libvirt
s = libvirt.open("secret:///system").secretLookupByUUIDString(sys.argv[1])
for value in (b"\0", bytes(range(256)), os.urandom(65536)):
        s.setValue(value)
        assert s.value() == value, len(value)
try:
        s.setValue(b"x" * 65537)
        raise SystemExit("too long, and taken")
except (libvirt.libvirtError, OverflowError):
        pass
assert len(s.value()) == 65536
PYTHON

# --- where a value is not
m virsh -q secret-set-value $u1 --base64 "$(printf unique-value-%s wombat | base64)" >/dev/null
check "no value in a definition" not contains wombat m sh -c "cat /etc/libvirt/secrets/*; virsh secret-dumpxml $u1"
check "... nor in any file below /etc, /run and /var" equals "" \
        m sh -c "grep -rlsa unique-value-wombat /etc /run/libvirt /var/lib /var/log /root"
check "... nor in base64" equals "" \
        m sh -c "grep -rlsa $(printf unique-value-wombat | base64) /etc/libvirt /run/libvirt /var/lib/libvirt /var/log"
check "... nor in the journal" not contains wombat m journalctl -b -o cat
check "files are root's alone" equals "" \
        m sh -c "find /etc/libvirt/secrets /var/lib/libvirt/secrets /run/libvirt/secrets -perm /077"
# What is in memory: not swapped while a call takes, and wiped by its end, in all daemons that it went through.
check "no daemon's memory is swapped" equals "0 0 0" m sh -c \
        'echo $(for d in secret qemu proxy; do systemctl show -P MemorySwapMax virt${d}d.service; done)'
check "... nor has any of them the value once it was given" m_with_input /usr/bin/python3 - $u1 <<'PYTHON'
import base64, libvirt, subprocess, sys

value = b"unique-value-wombat" * 40
for uri in ("secret:///system", "qemu:///system", "qemu:///system?mode=legacy"):
    c = libvirt.open(uri)
    s = c.secretLookupByUUIDString(sys.argv[1])
    s.setValue(value)
    assert s.value() == value
    s.setValue(b"unique-value-wombat")
    c.close()
seen = []
for daemon in ("virtsecretd", "virtqemud", "virtproxyd"):
    pid = subprocess.check_output(["systemctl", "show", "-P", "MainPID", daemon + ".service"], text=True).strip()
    assert pid != "0", daemon
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end = (int(n, 16) for n in line.split()[0].split("-"))
            if line.split()[1].startswith("rw"):
                memory.seek(begin)
                data = memory.read(end - begin)
                seen += [daemon + " " + line for form in (value, base64.b64encode(value)) if form[:300] in data]
assert not seen, seen
PYTHON
# No dumping means that not even gcore's way in, ptrace without its capability, is open: what a core would be made of.
check "the daemon leaves no core" m sh -c "virsh -c secret:///system uri >/dev/null;
        p=\$(systemctl show -P MainPID virtsecretd); \
        kill -ABRT \$p; sleep 1; ! journalctl -b -o cat -u virtsecretd | grep -i 'dumped core'"

# --- who gets one
secret_xml $u2 "private='yes' ephemeral='yes'" ceph name client.b | in_file /root/s.xml
check "a private, ephemeral one" m virsh secret-define /root/s.xml
check "... takes a value" m virsh secret-set-value $u2 --base64 c2VjcmV0
refused "... and does not give it" "secret is private" m virsh secret-get-value $u2
check "... is not on the disk" m sh -c "test ! -e /etc/libvirt/secrets/$u2.xml &&
        test ! -e /var/lib/libvirt/secrets/$u2.cred && test -e /run/libvirt/secrets/$u2.xml"
refused "a read-only connection gets none" "read only access prevents" m virsh -r secret-get-value $u1
refused "... and sets none" "read only access prevents" m virsh -r secret-set-value $u1 --base64 eA==
check "... but sees them" contains client.a m virsh -r secret-list
check "secret-list --ephemeral --private" equals "$u2" \
        m sh -c "virsh -q secret-list --ephemeral --private | awk '{ print \$1 }'"
check "secret-list --no-ephemeral has the other" contains $u1 m virsh secret-list --no-ephemeral

# --- events, by python and over the bus
check "events" m_with_input /usr/bin/python3 - <<'PYTHON'
import libvirt, threading, time
libvirt.virEventRegisterDefaultImpl()
seen = []
threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)], daemon=True).start()
c = libvirt.open("qemu:///system")
c.secretEventRegisterAny(None, libvirt.VIR_SECRET_EVENT_ID_LIFECYCLE,
                         lambda c, s, e, d, o: seen.append((s.usageID(), e)), None)
c.secretEventRegisterAny(None, libvirt.VIR_SECRET_EVENT_ID_VALUE_CHANGED,
                         lambda c, s, o: seen.append((s.usageID(), "value")), None)
s = c.secretDefineXML("<secret><usage type='tls'><name>ev</name></usage></secret>")
s.setValue(b"x")
s.undefine()
for _ in range(100):
        if len(seen) >= 3: break
        time.sleep(0.1)
assert seen == [("ev", 0), ("ev", "value"), ("ev", 1)], seen
try:
        s.undefine()
        raise SystemExit("undefined twice")
except libvirt.libvirtError as e:
        assert e.get_error_code() == libvirt.VIR_ERR_NO_SECRET, e
PYTHON
if m test -e /usr/sbin/libvirt-dbus -o -e /usr/bin/libvirt-dbus; then
        path=$(m busctl call org.libvirt /org/libvirt/QEMU org.libvirt.Connect SecretLookupByUUID s $u1 |
                sed 's/.*"\(.*\)"/\1/')
        check "over the bus: lookup" contains /secret/ echo "$path"
        check "... the document" contains client.a m busctl call org.libvirt "$path" org.libvirt.Secret GetXMLDesc u 0
        check "... a value set" m busctl call org.libvirt "$path" org.libvirt.Secret SetValue ayu 3 98 117 115 0
        check "... and got" equals "ay 3 98 117 115" m busctl call org.libvirt "$path" org.libvirt.Secret GetValue u 0
        check "... the list" contains "$path" \
                m busctl call org.libvirt /org/libvirt/QEMU org.libvirt.Connect ListSecrets u 0
fi

# --- rules of polkit, by what a secret is for
m useradd -m -G libvirt erin
m_with_input sh -c 'cat > /etc/polkit-1/rules.d/10-test.rules' <<'RULES'
polkit.addRule(function(action, subject) {
        if (action.id.indexOf("org.libvirt.api.secret.") == 0 && subject.user == "erin")
                return action.lookup("secret_usage_ceph") == "client.a" ? polkit.Result.YES : polkit.Result.NO;
        if (action.id.indexOf("org.libvirt.api.connect.") == 0)
                return polkit.Result.YES;
});
RULES
as_erin() { m runuser -u erin -- env LIBVIRT_DEFAULT_URI=secret:///system "$@"; }
m sh -c "echo 'access_drivers = [ \"polkit\" ]' > /etc/libvirt/virtsecretd.conf;
        sleep 0.5; systemctl restart polkit; systemctl stop virtsecretd 2>/dev/null"
check "who may use one secret sees it alone" equals "$u1" \
        m sh -c "runuser -u erin -- virsh -q -c secret:///system secret-list | awk '{ print \$1 }'"
check "... gets its value" as_erin virsh secret-get-value $u1
refused "... and no other's" "access denied" as_erin virsh secret-get-value $u3
refused "... and defines none for anything else" "access denied" \
        as_erin sh -c "echo '<secret><usage type=\"ceph\"><name>x</name></usage></secret>' > /tmp/x.xml;
        virsh secret-define /tmp/x.xml"
m sh -c "rm /etc/libvirt/virtsecretd.conf /etc/polkit-1/rules.d/10-test.rules;
        systemctl restart polkit; systemctl stop virtsecretd 2>/dev/null"

# --- killed at any moment, while values are set: what was acknowledged is there, and never half of one
cat <<'PYTHON' | in_file /root/kill.py
import libvirt, os, random, signal, subprocess, sys, threading, time
libvirt.registerErrorHandler(lambda *a: None, None)
uuid, stop, answers, kills, mean = sys.argv[1], threading.Event(), threading.Event(), [0], [0.05]
def killer():
        # At any moment of a call, and seldom enough that some calls get through, however slow the machine is.
        while not stop.is_set():
                # a tenth of the kills may hit a daemon that is just starting; were it all, no value would ever be set
                if random.random() < 0.9:
                        answers.wait(10)
                if stop.wait(random.uniform(0, 12 * mean[0])):
                        break
                pid = int(subprocess.run(["systemctl", "show", "-P", "MainPID", "virtsecretd"],
                                         capture_output=True).stdout or 0)
                if pid > 1:
                        answers.clear()
                        os.kill(pid, signal.SIGKILL)
                        kills[0] += 1
def secret():
        while True:
                try:
                        found = libvirt.open("secret:///system").secretLookupByUUIDString(uuid)
                        answers.set()
                        return found
                except libvirt.libvirtError as e:
                        assert e.get_error_code() != libvirt.VIR_ERR_NO_SECRET, e
                        time.sleep(0.02)
threading.Thread(target=killer, daemon=True).start()
s, possible, done = secret(), {None}, 0
while done < 200:
        value, since = os.urandom(8) * random.choice((1, 100, 4000)), time.monotonic()
        try:
                s.setValue(value)
                mean[0] += (time.monotonic() - since - mean[0]) / 8
                possible = {value}
                done += 1
        except libvirt.libvirtError:
                possible.add(value)
                s = secret()
        if done % 20 == 0:
                try:
                        got = s.value()
                except libvirt.libvirtError:
                        s = secret()
                        continue
                assert got in possible, "lost or half: %d bytes" % len(got)
                possible = {got}
stop.set()
time.sleep(0.5)
assert secret().value() in possible
print("kills", kills[0])
assert kills[0] >= 5
PYTHON
# A fast machine kills more often than systemd would ever start a daemon again.
m sh -c 'mkdir -p /etc/systemd/system/virtsecretd.service.d /etc/systemd/system/virtsecretd.socket.d
        printf "[Unit]\nStartLimitIntervalSec=0\n" > /etc/systemd/system/virtsecretd.service.d/kills.conf
        printf "[Socket]\nTriggerLimitIntervalSec=0\n" > /etc/systemd/system/virtsecretd.socket.d/kills.conf
        systemctl daemon-reload'
m virsh -q secret-set-value $u1 --base64 c3RhcnQ= >/dev/null
LIMIT=240
check "200 values set while the daemon is killed: none lost, none half" contains kills \
        m /usr/bin/python3 /root/kill.py $u1
LIMIT=60
check "... and nothing is left of what was being written" eventually 20 equals "" \
        m sh -c "virsh -q secret-list >/dev/null; find /etc/libvirt/secrets /var/lib/libvirt/secrets -name '*.new'"

# --- undefined
check "undefine" m virsh secret-undefine $u1
check "... leaves no file" equals "" m sh -c "find /etc/libvirt /var/lib/libvirt /run/libvirt -name '$u1*'"
refused "... nor the secret" "no secret with matching" m virsh secret-dumpxml $u1

finish
