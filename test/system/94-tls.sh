#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# TLS: certificates both ways, and each way of being refused: within a time limit, told once with the peer's address,
# and at nobody else's cost.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

tls='qemu+tls://localhost/system?pkipath=/tmp/c/pki'
mark() { m sh -c 'journalctl --sync; date +%s.%N' > "$work/mark"; }
refusals() { m sh -c "journalctl --sync;
        journalctl -q -o cat --since '@$(cat "$work/mark")' -u libvirtd | grep 'refused'"; }
told() { # told TIMES CAUSE
        eventually 5 told_now "$@" || { cat "$work/refusals"; return 1; }
}
told_now() {
        refusals > "$work/refusals"
        [ "$(grep -cE "client 127.0.0.1;[0-9]+ is refused: .*($2)" "$work/refusals")" = "$1" ] && \
                [ "$(wc -l < "$work/refusals")" = "$1" ]
}
refused_once() { # refused_once WHAT CAUSE COMMAND...
        local what=$1 cause=$2; shift 2
        mark
        refused "$what" "" "$@"
        check "... which is told once, with the peer and the cause" told 1 "$cause"
}
others_served() { m timeout 10 virsh -c "$tls-client" version; }
daemon_pid() { m systemctl show -P MainPID libvirtd.service; }
configured() {
        local line
        for line in "$@"; do echo "$line"; done | m_with_input sh -c "cat > /etc/libvirt/libvirtd.conf"
        m systemctl -q stop libvirtd.service 2>/dev/null
}
hostile() { LIMIT=90 m python3 /run/test/hostile_tls.py "$@"; }

m_with_input bash -s <<'SETUP' > "$work/setup" 2>&1 || { cat "$work/setup"; echo "not ok - $area: certificates"; \
        failed=1; finish; }
set -e
mkdir -p /etc/pki/CA /etc/pki/libvirt/private /tmp/c && cd /tmp/c
cat > make <<'MAKE'
# make NAME CA CN USAGE [FROM TO]
set -e
cd /tmp/c
[ -e $1.key ] || certtool --generate-privkey --key-type rsa --bits 2048 --outfile $1.key 2>/dev/null
cat > $1.info <<EOF
organization = Acme
cn = $3
dns_name = localhost
$4
signing_key
encryption_key
activation_date = "${5:-2020-01-01 00:00:00 UTC}"
expiration_date = "${6:-2040-01-01 00:00:00 UTC}"
EOF
certtool --generate-certificate --load-privkey $1.key --load-ca-certificate $2.pem --load-ca-privkey $2.key \
        --template $1.info --outfile $1.pem 2>/dev/null
MAKE
for ca in good other; do
        certtool --generate-privkey --key-type rsa --bits 2048 --outfile $ca.key 2>/dev/null
        printf 'cn = %s\nca\ncert_signing_key\ncrl_signing_key\nexpiration_days = 3650\n' $ca > $ca.info
        certtool --generate-self-signed --load-privkey $ca.key --template $ca.info --outfile $ca.pem 2>/dev/null
done
bash make server good localhost tls_www_server
bash make second good localhost tls_www_server
bash make client good alice tls_www_client
bash make bob good bob tls_www_client
bash make stranger other alice tls_www_client
bash make serverish good alice tls_www_server
bash make expired good alice tls_www_client "2020-01-01 00:00:00 UTC" "2021-01-01 00:00:00 UTC"
bash make early good alice tls_www_client "2038-01-01 00:00:00 UTC" "2039-01-01 00:00:00 UTC"
cp good.pem /etc/pki/CA/cacert.pem
cp server.pem /etc/pki/libvirt/servercert.pem; cp server.key /etc/pki/libvirt/private/serverkey.pem
for n in client bob stranger serverish expired early; do
        mkdir -p pki-$n; cp good.pem pki-$n/cacert.pem; cp $n.pem pki-$n/clientcert.pem; cp $n.key pki-$n/clientkey.pem
done
printf '127.0.0.1 localhost\n127.0.0.1 elsewhere\n' > /etc/hosts; ip link set lo up
systemctl stop virtproxyd.socket virtproxyd.service 2>/dev/null
systemctl start libvirtd-tls.socket
SETUP

check "virsh over TLS" others_served
check "... with the client's name at virt-admin" m sh -c "
        (echo version; sleep 40) | virsh -c '$tls-client' >/dev/null &
        for i in \$(seq 50); do
                id=\$(virt-admin -c libvirtd:///system client-list libvirtd | awk '/tls/ { print \$1; exit }')
                virt-admin -c libvirtd:///system client-info libvirtd \$id > /tmp/info
                grep -q tls_x509_dname /tmp/info && break; sleep 0.2
        done; cat /tmp/info
        grep -qE 'tls_x509_dname *: *(CN=alice,O=Acme|O=Acme,CN=alice)' /tmp/info &&
        grep -q 'sock_addr *: *127.0.0.1' /tmp/info; rc=\$?; kill %1; exit \$rc"
check "virt-pki-validate is satisfied" m sh -c '
        cd /tmp/c; mkdir -p /etc/pki/libvirt/private
        cp client.pem /etc/pki/libvirt/clientcert.pem; cp client.key /etc/pki/libvirt/private/clientkey.pem
        chmod 755 /etc/pki /etc/pki/libvirt /etc/pki/CA; chmod 750 /etc/pki/libvirt/private;
        chmod 600 /etc/pki/libvirt/private/*.pem; chmod 644 /etc/pki/CA/*.pem /etc/pki/libvirt/*.pem
        hostname localhost
        # newer ones want the key of a client to be for all users
        virt-pki-validate ||
        { chmod 755 /etc/pki/libvirt/private; chmod 644 /etc/pki/libvirt/private/clientkey.pem; virt-pki-validate; }'
pid=$(daemon_pid)

# --- certificates
refused_once "a certificate of another CA" "issuer|Certificate is required" \
        m virsh -c "$tls-stranger&no_sanity=1" version
refused_once "a certificate made for servers" "purpose|key usage" m virsh -c "$tls-serverish&no_sanity=1" version
certificate_is_expired() { m certtool --certificate-info --infile /tmp/c/pki-expired/clientcert.pem | \
        grep 'Not After.*2021'; }
check "a certificate that has expired is there" certificate_is_expired
refused_once "... and refused" "expired" m virsh -c "$tls-expired&no_sanity=1" version
refused_once "a certificate that is not valid yet" "not (yet )?(valid|activated)" \
        m virsh -c "$tls-early&no_sanity=1" version
mark
refused "no certificate" "" hostile nocert
check "... which is told once, with the peer and the cause" told 1 "Certificate is required"
refused "the client looks at the server's name" "does not match the hostname" \
        m virsh -c "qemu+tls://elsewhere/system?pkipath=/tmp/c/pki-client" version
check "a certificate that is going to be revoked is let in" m virsh -c "$tls-bob" version
revoke() {
        m sh -c 'cd /tmp/c; printf "crl_next_update = 3650\ncrl_number = 1\n" > crl.info
        certtool --generate-crl --load-ca-privkey good.key --load-ca-certificate good.pem \
                --load-certificate bob.pem --template crl.info --outfile /etc/pki/CA/cacrl.pem 2>/dev/null
        systemctl reload libvirtd.service; sleep 0.5'
}
check "a list of revoked ones is read at reload" revoke
refused_once "... and it is refused" "revoked" m virsh -c "$tls-bob" version
check "... and nobody else" others_served
configured 'tls_allowed_dn_list = [ "CN=al*,O=Acme", "O=Acme,CN=al*" ]'
check "tls_allowed_dn_list lets in who is on it" others_served
configured 'tls_allowed_dn_list = [ "CN=b*,O=Acme", "O=Acme,CN=b*" ]'
refused_once "who is not in tls_allowed_dn_list" "tls_allowed_dn_list" m virsh -c "$tls-client" version
configured 'tls_no_verify_certificate = 1'
check "tls_no_verify_certificate lets everybody in" m virsh -c "$tls-stranger&no_sanity=1" version
# --- a password on top
with_password() { m virsh -c "$tls-client&authfile=/tmp/c/$1" version; }
m_with_input bash -s <<'PASSWORDS'
sed -i 's/^mech_list.*/mech_list: scram-sha-256/' /etc/sasl2/libvirt.conf
echo secret | saslpasswd2 -p -c -a libvirt alice
for word in secret guess; do
        printf '[credentials-c]\nauthname=alice\npassword=%s\n[auth-libvirt-localhost]\ncredentials=c\n' \
                $word > /tmp/c/$word
done
PASSWORDS
configured 'auth_tls = "sasl"'
check "SCRAM-SHA-256 within TLS" contains "QEMU" with_password secret
refused_once "... where a wrong password is refused" "authentication failure" with_password guess

configured
check "the daemon is up again" others_served
pid=$(daemon_pid)

# --- the server's own
serial() { m sh -c 'gnutls-cli --no-ca-verification -p 16514 localhost < /dev/null 2>/dev/null --print-cert |
        certtool --certificate-info 2>/dev/null | grep -A1 -i "serial number" | head -1'; }
before=$(serial)
swap() { m sh -c 'cp /tmp/c/second.pem /etc/pki/libvirt/servercert.pem;
        cp /tmp/c/second.key /etc/pki/libvirt/private/serverkey.pem'; }
has_new_certificate() { local now; now=$(serial); echo "$before / $now"; [ -n "$before" ] && [ -n "$now" ] && \
        [ "$now" != "$before" ]; }
swap
check "server-update-tls" m virt-admin -c libvirtd:///system server-update-tls libvirtd
check "... reads a new certificate" has_new_certificate
check "... and the same process goes on" equals "$pid" daemon_pid
m sh -c 'echo garbage > /etc/pki/libvirt/servercert.pem'
refused "a file that is no certificate is refused" "those in use stay" \
        m virt-admin -c libvirtd:///system server-update-tls libvirtd
check "... and the old one goes on" others_served
check "... also at reload" m systemctl reload libvirtd.service
check "..." others_served
m sh -c 'cd /tmp/c; bash make third good localhost tls_www_server "2020-01-01 00:00:00 UTC" "2021-01-01 00:00:00 UTC";
        cp third.pem /etc/pki/libvirt/servercert.pem; cp third.key /etc/pki/libvirt/private/serverkey.pem'
refused "a certificate of our own that has expired is refused" "those in use stay" \
        m virt-admin -c libvirtd:///system server-update-tls libvirtd
m sh -c 'cd /tmp/c; bash make short good localhost tls_www_server "2020-01-01 00:00:00 UTC" \
                "$(date -u -d "+8 seconds" "+%F %T UTC")"
        cp short.pem /etc/pki/libvirt/servercert.pem; cp short.key /etc/pki/libvirt/private/serverkey.pem'
check "one that expires soon" m systemctl reload libvirtd.service
expired_told() { m virsh -c "$tls-client" version >/dev/null 2>&1; m journalctl -b -q --no-pager -u libvirtd | \
        grep -c "certificate has expired, and clients refuse it"; }
check "... while it is in use is told" eventually 20 equals 1 expired_told
check "... once" equals 1 expired_told
m sh -c 'cd /tmp/c; cp server.pem /etc/pki/libvirt/servercert.pem;
        cp server.key /etc/pki/libvirt/private/serverkey.pem; systemctl reload libvirtd.service'
check "... and a renewed one is served" others_served
refused "a server that has no TLS listener says so" "no TLS listener" m virt-admin \
        -c libvirtd:///system server-update-tls admin
configured 'cert_files = [ "/tmp/c/server.pem", "/tmp/c/second.pem" ]' \
        'key_files = [ "/tmp/c/server.key", "/tmp/c/second.key" ]'
check "cert_files and key_files" others_served
configured 'cert_files = [ "/tmp/c/server.pem" ]'
refused "... come in pairs" "failed" m systemctl start libvirtd.service
configured
m systemctl reset-failed
check "the daemon is up again" others_served
pid=$(daemon_pid)

# --- what is no TLS, or an old one
mark
check "plain text is ended" hostile plain
check "... and told once" told 1 ""
for version in 1.0 1.1; do
        mark
        check "TLS $version is not spoken" hostile old "$version"
        check "... and told once" told 1 ""
done
check "TLS 1.2 is" hostile good 1.2
check "TLS 1.3 is" hostile good 1.3
mark
check "a client that drips its handshake is ended in time" hostile slow
check "... and told once" told 1 "did not end its handshake"
mark
hostile half 50 > "$work/half" 2>&1 & attack=$!
sleep 1
check "beside 50 half handshakes others are served" others_served
wait $attack
check "... and these are ended in time" cat "$work/half"
check "... " grep -q "all 50 ended" "$work/half"
half_told() { refusals > "$work/refusals"; \
        m sh -c "journalctl -q -o cat --since '@$(cat "$work/mark")' -u libvirtd |
        grep -cE 'refused|closing 127.0.0.1'" | grep -qx 50; }
check "... each told once" half_told
check "all of this by one process" equals "$pid" daemon_pid
finish
