#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Logins by SASL, with Debian's clients: passwords (SCRAM-SHA-256 where the connection is safe by itself, DIGEST-MD5
# with its own encryption over TCP), Kerberos, and each way of being refused. Monolithic and through virtproxyd.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

tcp='qemu+tcp://127.0.0.1/system?authfile=/tmp'
mechanisms() { m sed -i "s/^mech_list.*/mech_list: $1/" /etc/sasl2/libvirt.conf; }
# configured DAEMON KEY...: the daemon starts anew with these settings
configured() {
        local daemon=$1 line; shift
        for line in "$@"; do echo "$line"; done | m_with_input sh -c "cat > /etc/libvirt/$daemon.conf"
        m systemctl -q stop "$daemon.service" 2>/dev/null
}
# The refusals that the daemon has told since the last mark.
mark() { m sh -c 'journalctl --sync; date +%s.%N' > "$work/mark"; }
refusals() { m sh -c "journalctl --sync;
        journalctl -q -o cat --since '@$(cat "$work/mark")' -u 'virtproxyd' -u libvirtd | grep 'is refused'"; }
told_once() {
        cat "$work/refusals"
        [ "$(grep -cE "$1" "$work/refusals")" = 1 ] && [ "$(wc -l < "$work/refusals")" = 1 ]
}
# refused_once WHAT CAUSE COMMAND...: the client learns only that it failed, the log has the peer and the cause, once
refused_once() {
        local what=$1 cause=$2; shift 2
        mark
        refused "$what" "authentication failed" "$@"
        refusals > "$work/refusals"
        check "... which is told once, with the peer and the cause" told_once "$cause"
}
as_nobody() { m runuser -u nobody -- "$@"; }

m_with_input bash -s <<'SETUP' > "$work/setup" 2>&1 || { cat "$work/setup"; echo "not ok - $area: setting up"; \
        failed=1; finish; }
set -e
ip link set lo up
echo secret | saslpasswd2 -p -c -a libvirt alice
echo other | saslpasswd2 -p -c -a libvirt bob
for user in alice:secret bob:other; do
        cat > /tmp/${user%:*} <<EOF
[credentials-c]
authname=${user%:*}
password=${user#*:}
[auth-libvirt-127.0.0.1]
credentials=c
[auth-libvirt-localhost]
credentials=c
EOF
done
sed 's/secret/guess/' /tmp/alice > /tmp/guess
chmod 644 /tmp/alice /tmp/bob /tmp/guess
SETUP

# --- TCP
check "virtproxyd listens on TCP" m systemctl start virtproxyd-tcp.socket
refused "on a fresh install nobody gets in without Kerberos" "authentication failed" m virsh -c "$tcp/alice" version
mechanisms scram-sha-256
configured virtproxyd
refused_once "a mechanism that does not encrypt is not offered on TCP" \
        'client 127.0.0.1;[0-9]+ is refused: no SASL mechanism is there that is strong enough' \
                m virsh -c "$tcp/alice" version
mechanisms 'digest-md5 scram-sha-256'
configured virtproxyd
check "a name and its password are let in" contains "QEMU" m virsh -c "$tcp/alice" version
check "another one too" m virsh -c "$tcp/bob" list --all
refused_once "a wrong password is refused" 'client 127.0.0.1;[0-9]+ is refused: .*authentication failure' \
        m virsh -c "$tcp/guess" version
configured virtproxyd 'tcp_min_ssf = 200'
refused_once "nor is one whose encryption is below tcp_min_ssf" 'no SASL mechanism is there' \
        m virsh -c "$tcp/alice" version
configured virtproxyd 'sasl_allowed_username_list = [ "carol", "al*" ]'
check "sasl_allowed_username_list lets in who is on it" m virsh -c "$tcp/alice" version
refused_once "... and nobody else" \
        "client 127.0.0.1;[0-9]+ is refused: user 'bob' is not in sasl_allowed_username_list" \
        m virsh -c "$tcp/bob" version

# --- what goes over the wire
configured virtproxyd
define_with_long_text() {
        guest_xml long | python3 -c \
                'import sys; print(sys.stdin.read().replace(
                        "<memory", "<description>" + "x" * 600000 + "</description><memory"))' |
                m_with_input sh -c "cat > /root/long.xml; virsh -c '$tcp/alice' define /root/long.xml"
}
check "documents of many pieces pass the encryption" define_with_long_text
same_long_text() { equals 600000 \
        m sh -c "virsh -c '$tcp/alice' dumpxml long | grep -o 'x\{1000,\}' | tr -d '\n' | wc -c"; }
check "... both ways, whole" same_long_text
m socat -v TCP-LISTEN:17000,reuseaddr,fork TCP:127.0.0.1:16509 2> "$work/wire" &
wire=$!
eventually 5 m sh -c 'ss -ltn | grep -q :17000' || true
check "a client behind a listener on the wire" m virsh -c "qemu+tcp://127.0.0.1:17000/system?authfile=/tmp/alice" \
        domstate long
kill $wire; wait $wire 2>/dev/null
# Each character of a login's data takes four bytes.
saw_login_only() { head -c 2000 "$work/wire"; grep -q 'r\.\.\.e\.\.\.a\.\.\.l\.\.\.m' "$work/wire" && \
        ! grep -qE 'qemu:|long' "$work/wire"; }
check "... which sees the login and nothing of what follows" saw_login_only
hostile_logins() { LIMIT=100 m python3 /run/test/hostile_sasl.py 127.0.0.1 16509; }
check "logins out of order, too long, or with garbage are refused" hostile_logins
check "... and cost nobody else anything" m virsh -c "$tcp/alice" version

# --- UNIX sockets
mechanisms scram-sha-256
configured virtproxyd 'auth_unix_rw = "sasl"' 'auth_unix_ro = "none"'
check "SCRAM-SHA-256 on a UNIX socket" as_nobody \
        virsh -c 'qemu+unix:///system?socket=/run/libvirt/libvirt-sock&authfile=/tmp/alice' list
refused_once "... where a wrong password is refused" 'client of user 65534, process [0-9]+ is refused' \
        as_nobody virsh -c 'qemu+unix:///system?socket=/run/libvirt/libvirt-sock&authfile=/tmp/guess' list
check "root needs no password there" m virsh -c 'qemu+unix:///system?socket=/run/libvirt/libvirt-sock' list
check "a user and a reader know of each other by virt-admin" m sh -c '
        (echo version; sleep 40) | runuser -u nobody -- virsh -c \
                "qemu+unix:///system?socket=/run/libvirt/libvirt-sock&authfile=/tmp/alice" >/dev/null &
        for i in $(seq 50); do
                id=$(virt-admin -c libvirtd:///system client-list virtproxyd | awk "/unix/ { print \$1; exit }")
                virt-admin -c libvirtd:///system client-info virtproxyd "$id" | grep "sasl_user_name *: *alice" && break
                sleep 0.2
        done | grep alice; rc=$?; kill %1; exit $rc'

# --- Kerberos
kerberos() {
        m sh -c 'echo "127.0.0.1 $(hostname)" >> /etc/hosts
                /run/test/kerberos libvirt "$(hostname)" /etc/libvirt/krb5.tab &&
                        sed -i "s/^#keytab/keytab/" /etc/sasl2/libvirt.conf'
}
with_ticket() { m sh -c 'echo secret | kinit carol >/dev/null && virsh -c "qemu+tcp://$(hostname)/system" "$@"' \
        sh "$@"; }
check "a Kerberos realm" kerberos
mechanisms 'gssapi scram-sha-256'
configured virtproxyd
check "a ticket lets in, over TCP" with_ticket list
configured virtproxyd 'sasl_allowed_username_list = [ "*@ELSEWHERE" ]'
refused_once "... unless the principal is not in the list" "is refused: user 'carol' is not in" with_ticket list

# --- the monolithic daemon
mechanisms digest-md5
configured libvirtd
check "libvirtd takes over" \
        m sh -c 'systemctl stop virtproxyd-tcp.socket virtproxyd.socket virtproxyd.service 2>/dev/null;
        systemctl start libvirtd-tcp.socket'
check "a name and its password, at libvirtd" m virsh -c "$tcp/alice" list --all
refused_once "a wrong one" 'client 127.0.0.1;[0-9]+ is refused: .*authentication failure' \
        m virsh -c "$tcp/guess" version
configured libvirtd 'auth_tcp = "none"'
check "auth_tcp = \"none\" is what it says" m virsh -c qemu+tcp://127.0.0.1/system version
maps_sasl() { m sh -c 'grep -q libsasl2 /proc/$(systemctl show -P MainPID libvirtd.service)/maps'; }
check "without SASL its library is not mapped" not maps_sasl
finish
