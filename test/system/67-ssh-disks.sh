#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Disks behind a server of SSH that asks who comes: by password, by key, by an agent. A real sshd; nbdkit in a unit of
# its own logs in, since QEMU's driver cannot.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
says() { local w=$1; shift; "$@" 2>&1 | grep -qF -- "$w"; }
if ! m sh -c 'command -v nbdkit sshd ssh-agent' > /dev/null; then
        echo "ok - $area: disks by SSH # SKIPPED: nbdkit, sshd or ssh-agent is not installed"
        exit 0
fi

# --- the server ---
# shellcheck disable=SC2016
m sh -c 'mkdir -p /srv/d /run/sshd /root/keys
        for n in pass key agent late; do
                truncate -s 2M /srv/d/$n; printf "disk=$n;" | dd of=/srv/d/$n conv=notrunc status=none
        done
        useradd -m disker; echo disker:geheim | chpasswd; chown -R disker /srv/d
        useradd -m holder
        for k in host key agent; do ssh-keygen -q -t ed25519 -N "" -f /root/keys/$k; done
        ssh-keygen -q -t ed25519 -N "" -f /root/keys/stranger
        mkdir -p /home/disker/.ssh
        cat /root/keys/key.pub /root/keys/agent.pub > /home/disker/.ssh/authorized_keys
        chown -R disker /home/disker
        for port in 2222 2223; do echo "[127.0.0.1]:$port $(cat /root/keys/host.pub)"; done > /root/hosts
        echo "[127.0.0.1]:2222 $(cat /root/keys/stranger.pub)" > /root/other-hosts'
sshd() {
        m systemd-run -q --unit "sshd-$1" -p Type=exec /usr/sbin/sshd -D -f /dev/null -p "$1" -h /root/keys/host \
                -o ListenAddress=127.0.0.1 -o UsePAM=no -o 'Subsystem=sftp internal-sftp' -o "AuthenticationMethods=$2"
}
sshd 2222 password
sshd 2223 publickey
# the agent is another user's, who alone may talk to it
# shellcheck disable=SC2016
m systemd-run -q --unit agent -p User=holder -p RuntimeDirectory=holder -p RuntimeDirectoryMode=0700 \
        ssh-agent -D -a /run/holder/agent
eventually 5 m test -S /run/holder/agent
m sh -c 'install -o holder -m 600 /root/keys/agent /run/holder/key
        runuser -u holder -- env SSH_AUTH_SOCK=/run/holder/agent ssh-add -q /run/holder/key; rm /run/holder/key'
uuid=6b0f2c4e-7a53-4a0e-9c3e-1f2d3c4b5a80
echo "<secret ephemeral='no' private='yes'><uuid>$uuid</uuid>
        <usage type='iscsi'><target>door</target></usage></secret>" |
        m_with_input sh -c 'cat > /tmp/s.xml && virsh -q secret-define /tmp/s.xml'
value() { m sh -c "printf %s '$1' > /tmp/value; virsh -q secret-set-value $uuid --file /tmp/value --plain"; }

# TARGET NAME PORT HOSTS WAY
disk() {
        echo "<disk type='network' device='disk'><driver name='qemu' type='raw'/>
                <source protocol='ssh' name='/srv/d/$2'>
                <host name='127.0.0.1' port='$3'/>$5<knownHosts path='$4'/></source>
                <target dev='$1' bus='virtio'/><address type='pci' slot='0x1${6-0}'/></disk>"
}
password="<auth username='disker'><secret type='iscsi' usage='door'/></auth>"
key="<identity username='disker' keyfile='/root/keys/key'/>"
agent="<identity username='disker' agentsock='/run/holder/agent'/>"
check "a guest with such disks is defined" define_guest far linux "$(disk vdb pass 2222 /root/hosts "$password" 0)
        $(disk vdc key 2223 /root/hosts "$key" 1)$(disk vdd agent 2223 /root/hosts "$agent" 2)"
check "... and says so" contains "agentsock='/run/holder/agent'" m virsh dumpxml far

# --- what does not work, and why ---
refused "without a value of the secret its start fails" "secret '$uuid' does not have a value" m virsh start far
value falsch
refused "with a wrong password" "authentication" m virsh start far
check "... and nothing is left of it" eventually 10 m sh -c '! systemctl list-units --plain --no-legend "vm-nbdkit@*" |
        grep -q running'
value geheim
m mv /root/keys/key /root/keys/away
refused "without the key" "cannot read the key in '/root/keys/key'" m virsh start far
m mv /root/keys/away /root/keys/key
m systemctl stop agent
refused "without the agent" "cannot connect to the agent at '/run/holder/agent'" m virsh start far
# shellcheck disable=SC2016
m sh -c 'systemctl reset-failed agent 2> /dev/null
        systemd-run -q --unit agent -p User=holder -p RuntimeDirectory=holder -p RuntimeDirectoryMode=0700 \
                ssh-agent -D -a /run/holder/agent
        until test -S /run/holder/agent; do sleep 0.1; done
        install -o holder -m 600 /root/keys/agent /run/holder/key
        runuser -u holder -- env SSH_AUTH_SOCK=/run/holder/agent ssh-add -q /run/holder/key; rm /run/holder/key'
check "a server with another key than is known" define_guest wrong linux \
        "$(disk vdb pass 2222 /root/other-hosts "$password")"
refused "... is not talked to" "host key" m virsh start wrong

# --- what does ---
check "with all of them it starts" m virsh -q start far
for n in 1 2 3; do
        check "disk $n has a helper in a unit of its own" equals active m systemctl show -P ActiveState \
                "vm-nbdkit@far-disk$n.service"
done
check "the sandbox" m systemd-analyze security --no-pager --threshold=25 vm-nbdkit@far-disk1.service
check "QEMU has no way to the network for it" equals yes m systemctl show -P PrivateNetwork vm@far
# shellcheck disable=SC2016
check "no argument has the password" m sh -c \
        '! cat /proc/*/cmdline 2> /dev/null | tr "\0" "\n" | grep -q "^password=geheim"'
check "... nor the environment of the units" not contains geheim m systemctl show vm-nbdkit@far-disk1
# shellcheck disable=SC2016
check "the helper does not see the key" m sh -c 'cd /proc/$(systemctl show -P MainPID vm-nbdkit@far-disk2)/root &&
        ls usr/bin/nbdkit && ! ls root/keys'
eventually 90 says 'login:' m journalctl -q -b -u vm@far --no-pager
# shellcheck disable=SC2016
console_says far 'for d in b c d; do head -c 11 /dev/vd$d | tr -d "\000"; echo; done' > "$work/disks"
for n in pass key agent; do
        check "the guest reads its disk by $n" grep -qF "disk=$n" "$work/disks"
done
console_says far 'printf "new=key;" | dd of=/dev/vdc conv=fsync 2> /dev/null; head -c 7 /dev/vdc' > /dev/null
check "... and writes to it" equals "new=key;" m head -c 8 /srv/d/key

# --- one that comes and goes ---
disk vde late 2223 /root/hosts "$key" 3 | m_with_input sh -c 'cat > /tmp/late.xml'
check "a disk is attached while it runs" m virsh -q attach-device far /tmp/late.xml --live
late_units() { m sh -c "systemctl list-units --plain --no-legend 'vm-nbdkit@far-late*' | awk '{ print \$3 }'"; }
check "... its helper is a unit, too" equals active late_units
# shellcheck disable=SC2016
console_says far 'for i in $(seq 50); do test -b /dev/vde && break; sleep 0.2; done; head -c 9 /dev/vde' > "$work/late"
check "... and the guest reads it" grep -qF "disk=late" "$work/late"
check "it is taken away" m virsh -q detach-device far /tmp/late.xml --live
check "... and its helper goes" eventually 20 equals "" late_units
check "... and the settings of that" eventually 10 not m sh -c 'ls -d /run/systemd/system/vm-nbdkit@far-late*'

check "the guest ends" m virsh -q destroy far
check "... and its helpers with it" eventually 15 m sh -c '! systemctl list-units --plain --no-legend "vm-nbdkit@*" |
        grep -q running'
finish
