#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Screens that are encrypted (TLS) or ask for a name (SASL), as qemu.conf says: seen by the libraries that virt-viewer
# has for VNC and SPICE. Keys and passwords stay root's; the guest has copies that nobody else reads.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

conf() { printf '%s\n' "$@" | m_with_input sh -c 'cat > /etc/libvirt/qemu.conf && systemctl daemon-reload'; }
looks() { m /usr/bin/python3 -W ignore /run/test/screens.py "$@"; }
define() { m virsh -q undefine "$1" >/dev/null 2>&1; define_guest "$1" idle "$2"; }
restarted() { m virsh -q destroy "$1" && m virsh -q start "$1"; }
spice=$(m sh -c 'qemu-system-x86_64 -spice help 2>&1 | grep -q "no option group" || echo yes')
[ -n "$spice" ] || echo "# this QEMU has no SPICE: not tried"

m sh -c '/run/test/certificates; cd /tmp/c
        for d in libvirt-vnc libvirt-spice; do
                mkdir -p /etc/pki/$d
                cp ca.pem /etc/pki/$d/ca-cert.pem; cp server.pem /etc/pki/$d/server-cert.pem
                install -m 600 server.key /etc/pki/$d/server-key.pem
        done
        mkdir -p /root/.pki/CA /root/.pki/me/private
        cp ca.pem /root/.pki/CA/cacert.pem; cp client.pem /root/.pki/me/clientcert.pem
        cp client.key /root/.pki/me/private/clientkey.pem'

# --- VNC with TLS
conf 'vnc_tls = 1'
define seen "<graphics type='vnc' port='5900'/>"
check "vnc_tls: a guest with VNC" m virsh -q start seen
check "... is seen encrypted" contains "initialized by vencrypt x509-none" looks vnc localhost 5900 login=19+260
check "... not without" not looks vnc localhost 5900 login=1
refused "... nor by who goes to another host than its certificate names" "does not match hostname" \
        looks vnc 127.0.0.1 5900 login=19+260
check "... QEMU's unit has no more sockets for that" contains AF_UNIX \
        m systemctl show -P RestrictAddressFamilies vm@seen
check "... and none of TCP" not contains AF_INET m systemctl show -P RestrictAddressFamilies vm@seen
copies() { m sh -c "cd /run/libvirt/qemu/*seen/$1 && stat -c '%a %U %n' . *-key.pem passwords qemu.conf 2>/dev/null"; }
owner=$(m stat -c %U /run/libvirt/qemu/vm-seen)
check "... its key is a copy that nobody else reads" contains "400 $owner server-key" copies vnc-tls-server
check "... in a folder that nobody else enters" contains "700 " copies vnc-tls-server
check "... the original stays root's" equals "600 root" m stat -c '%a %U' /etc/pki/libvirt-vnc/server-key.pem
check "... destroy" m virsh -q destroy seen
check "... the copy goes with the unit" eventually 5 not m test -e /run/libvirt/qemu/vm-seen
check "without its key" m mv /etc/pki/libvirt-vnc/server-key.pem /root
refused "... the guest does not start, and it is named" "'/etc/pki/libvirt-vnc/server-key.pem'" m virsh start seen
refused "... with the line that wants it" "/etc/libvirt/qemu.conf:1: vnc_tls" m virsh start seen
m openssl pkcs8 -topk8 -in /tmp/c/server.key -out /etc/pki/libvirt-vnc/server-key.pem -passout pass:of-the-key
uuid=5fe1ab29-3b2a-4c4d-9f2e-8f4a3d1f3c11
m_with_input sh -c "cat > /root/secret.xml && virsh -q secret-define /root/secret.xml &&
        printf of-the-key | base64 > /root/value && virsh -q secret-set-value $uuid --file /root/value" <<XML
<secret ephemeral='no' private='yes'><uuid>$uuid</uuid><usage type='tls'><name>vnc</name></usage></secret>
XML
conf 'vnc_tls = 1' 'vnc_tls_x509_verify = 1' 'vnc_password = "sesame"' "vnc_tls_x509_secret_uuid = \"$uuid\""
check "a key with a password, a secret; clients have certificates and know a password" m virsh -q start seen
check "... who has both sees it" contains "by vencrypt x509-password" \
        looks vnc localhost 5900 login=19+261 password=sesame certificate=me
check "... not without the password" not looks vnc localhost 5900 login=19+261 password=guess certificate=me
check "... nor without the certificate" not looks vnc localhost 5900 login=19+261 password=sesame
sets_password() {
        m sh -c "virsh dumpxml --security-info seen | grep -A9 '<graphics' | sed '/<\/graphics>/q' > /root/g.xml
                sed -i \"s/ passwd[A-Za-z]*='[^']*'//g; s/<graphics /&passwd='$1' $2 /\" /root/g.xml
                virsh -q update-device seen /root/g.xml --live"
}
check "... another password is set while it runs" sets_password newer ""
check "... which is the one" looks vnc localhost 5900 login=19+261 password=newer certificate=me
check "... and the old one is none" not looks vnc localhost 5900 login=19+261 password=sesame certificate=me
check "... one that was good until yesterday" sets_password newer "passwdValidTo='2020-01-01T00:00:00'"
check "... lets nobody in" not looks vnc localhost 5900 login=19+261 password=newer certificate=me
check "... destroy" m virsh -q destroy seen
m install -m 600 /tmp/c/server.key /etc/pki/libvirt-vnc/server-key.pem
conf 'vnc_tls = 1' 'default_tls_x509_cert_dir = "/etc/pki/libvirt-spice"' 'vnc_tls_x509_cert_dir = "/nowhere"'
refused "a folder of certificates that is not there is named" "'/nowhere/ca-cert.pem'" m virsh start seen
m mv /etc/pki/libvirt-vnc /root/pki-vnc
conf 'vnc_tls = 1' 'default_tls_x509_cert_dir = "/etc/pki/libvirt-spice"'
check "the folder for all uses" m virsh -q start seen
check "... serves" looks vnc localhost 5900 login=19+260
check "... destroy" m virsh -q destroy seen
m mv /root/pki-vnc /etc/pki/libvirt-vnc

# --- browsers, and a guest that has the host's network for something else
conf 'vnc_tls = 1'
define web "<graphics type='vnc' port='5908' websocket='5708'/><interface type='user'/>"
check "a guest with websockets, and a card of QEMU's own network" m virsh -q start web
check "... browsers have it by wss" m /usr/bin/python3 /run/test/browser.py 5708 ca=/tmp/c/ca.pem
check "... clients of VNC as well" looks vnc localhost 5908 login=19+260
check "... destroy" m virsh -q destroy web
check "... nothing listens any more" equals "" m sh -c 'ss -tlnH | grep -E ":(57|59)[0-9]{2} "'

# --- SASL
m rm -f /etc/sasl2/qemu.conf
sasl() { printf '%s\n' "$@" | m_with_input sh -c 'mkdir -p /etc/sasl2; cat > /etc/sasl2/qemu.conf'; }
conf 'vnc_tls = 1' 'vnc_sasl = 1'
refused "vnc_sasl without SASL's configuration: it is named" "'/etc/sasl2/qemu.conf'" m virsh start seen
refused "... with the line that wants it" "/etc/libvirt/qemu.conf:2: vnc_sasl" m virsh start seen
sasl 'mech_list: scram-sha-256' 'sasldb_path: /etc/libvirt/users.db'
refused "without the passwords: their file is named, and its line" \
        "/etc/sasl2/qemu.conf:2: sasldb_path: cannot copy '/etc/libvirt/users.db'" m virsh start seen
sasl 'mech_list: scram-sha-256' 'pwcheck_method: saslauthd'
refused "a daemon that is not the guest's to ask" "pwcheck_method 'saslauthd'" m virsh start seen
sasl '# who may see it' 'mech_list: scram-sha-256' 'sasldb_path: /etc/libvirt/users.db'
m sh -c 'echo 127.0.1.1 host.example host >> /etc/hosts; hostname host
        echo secret | saslpasswd2 -p -c -u host.example -f /etc/libvirt/users.db -a qemu alice'
check "a guest with SCRAM, whose users are of the host by its whole name" m virsh -q start seen
check "... is seen by who has a name and its password" contains "by vencrypt x509-sasl" \
        looks vnc localhost 5900 login=19+263 user=alice password=secret
check "... not by who has not" not looks vnc localhost 5900 login=19+263 user=alice password=guess
check "... the passwords are a copy" contains "400 $owner passwords" copies sasl
check "... and root's alone otherwise" equals root m stat -c %U /etc/libvirt/users.db
sasl 'mech_list: digest-md5' 'sasldb_path: /etc/libvirt/users.db'
conf 'vnc_sasl = 1'
check "DIGEST-MD5, which encrypts by itself" restarted seen
check "... is seen" contains "by sasl" looks vnc localhost 5900 login=20 user=alice password=secret
check "... not by a stranger" not looks vnc localhost 5900 login=20 user=bob password=secret
check "... destroy" m virsh -q destroy seen
# --- Kerberos
check "a server of Kerberos" m /run/test/kerberos vnc host.example /etc/libvirt/vnc.tab
m mv /etc/sasl2/qemu.conf /root/digest
conf 'vnc_sasl = 1' 'vnc_listen = "0.0.0.0"'
sasl 'mech_list: gssapi' 'keytab: /etc/libvirt/nothing.tab'
refused "a keytab that is not there is named, and its line" \
        "/etc/sasl2/qemu.conf:2: keytab: cannot copy '/etc/libvirt/nothing.tab'" m virsh start seen
sasl 'mech_list: gssapi' 'keytab: /etc/libvirt/vnc.tab' 'sasldb_path: /of/no/account'
check "a guest with GSSAPI" m virsh -q start seen
check "... is not seen without a ticket" not looks vnc host.example 5900 login=20
check "... is seen with one" contains "by sasl" m sh -c 'echo secret | kinit carol > /dev/null &&
        /usr/bin/python3 -W ignore /run/test/screens.py vnc host.example 5900 login=20 user=carol'
check "... its keys are a copy" contains "400 $owner" copies sasl
check "... destroy" m virsh -q destroy seen
m mv /root/digest /etc/sasl2/qemu.conf

# --- by a path
conf 'vnc_tls = 1' 'vnc_auto_unix_socket = 1'
define path "<graphics type='vnc'/>"
check "a screen on a socket, encrypted" m virsh -q start path
m systemd-run -q --unit way socat TCP-LISTEN:5950,bind=127.0.0.1,fork UNIX-CONNECT:/run/libvirt/qemu/vm-path/vnc.sock
check "... is seen" eventually 10 looks vnc localhost 5950 login=19+260
check "... destroy" m virsh -q destroy path
m systemctl stop way

m sh -c 'mkdir -p /srv/sasl; mv /etc/sasl2/qemu.conf /srv/sasl'
conf 'vnc_sasl = 1' 'vnc_sasl_dir = "/srv/sasl"'
check "vnc_sasl_dir" m virsh -q start seen
check "... is seen" looks vnc localhost 5900 login=20 user=alice password=secret
check "... destroy" m virsh -q destroy seen

if [ -n "$spice" ]; then
        # --- SPICE
        conf ''
        define both "<graphics type='spice' port='5910' tlsPort='5911'/>"
        refused "a port for TLS, without spice_tls" "but TLS is disabled in qemu.conf: set spice_tls" \
                m virsh start both
        printf 'spice_tls = 1\n' | m_with_input sh -c 'cat > /etc/libvirt/qemu.conf'
        refused "a setting that systemd has not read" 'run "systemctl daemon-reload"' m virsh start both
        conf 'spice_tls = 1'
        check "spice_tls: a guest with SPICE" m virsh -q start both
        check "... virsh says where" contains "spice://127.0.0.1:5910?tls-port=5911" m virsh domdisplay both
        check "... it is seen encrypted" looks spice localhost - tls=5911 ca=/tmp/c/ca.pem
        check "... and in the clear" looks spice localhost 5910
        refused "... not by who knows another authority" error-tls \
                looks spice localhost - tls=5911 ca=/etc/ssl/certs/ca-certificates.crt
        pid=$(qemu_pid both)
        check "... QEMU listens in a network of its own" equals "127.0.0.1:5911" \
                m sh -c "nsenter -t $pid -n ss -tlnH | awk '{ print \$4 }'"
        check "... destroy" m virsh -q destroy both
        check "... nothing listens any more" equals "" m sh -c 'ss -tlnH | grep -E ":59[0-9]{2} "'
        define both "<graphics type='spice' autoport='yes' defaultMode='secure' passwd='sesame'/>"
        check "defaultMode='secure'" m virsh -q start both
        check "... has a port for TLS alone" contains "<graphics type='spice' tlsPort='5900' autoport='yes'" \
                m virsh dumpxml both
        check "... virsh says so" contains "spice://127.0.0.1?tls-port=5900" m virsh domdisplay both
        check "... it is seen, by its password" \
                looks spice localhost - tls=5900 ca=/tmp/c/ca.pem password=sesame
        check "... not by another" not looks spice localhost - tls=5900 ca=/tmp/c/ca.pem password=guess
        check "... destroy" m virsh -q destroy both
        define both "<graphics type='spice' autoport='yes'><channel name='main' mode='secure'/></graphics>"
        check "one channel that is to be encrypted" m virsh -q start both
        check "... is not to be had in the clear" not looks spice localhost 5900
        check "... but so" looks spice localhost 5900 tls=5901 ca=/tmp/c/ca.pem
        check "... destroy" m virsh -q destroy both
        define both "<graphics type='spice' port='5910' autoport='no' defaultMode='secure'/>"
        refused "encrypted, without a port for that" "TLS connection is not available" m virsh start both
        define both "<graphics type='spice' port='5910' tlsPort='-1'/>"
        check "a port for TLS that the host chooses" m virsh -q start both
        check "... is there" contains "spice://127.0.0.1:5910?tls-port=5900" m virsh domdisplay both
        check "... destroy" m virsh -q destroy both
        define both "<graphics type='spice' port='5910' tlsPort='5911'/><interface type='user'/>"
        check "a guest that has the host's network for something else" m virsh -q start both
        check "... is seen" looks spice localhost - tls=5911 ca=/tmp/c/ca.pem
        check "... destroy" m virsh -q destroy both
        sasl 'mech_list: scram-sha-256' 'sasldb_path: /etc/libvirt/users.db'
        conf 'spice_tls = 1' 'spice_sasl = 1' 'vnc_sasl = 1'
        define both "<graphics type='spice' port='5910' tlsPort='5911'/><graphics type='vnc' port='5901'/>"
        check "spice_sasl, and vnc_sasl" m virsh -q start both
        check "... it is seen by who has a name" \
                looks spice localhost - tls=5911 ca=/tmp/c/ca.pem user=alice password=secret
        refused "... not by who has not" error-auth \
                looks spice localhost - tls=5911 ca=/tmp/c/ca.pem user=alice password=guess
        check "... destroy" m virsh -q destroy both
        m cp /etc/sasl2/qemu.conf /srv/sasl
        conf 'spice_sasl = 1' 'vnc_sasl = 1' 'vnc_sasl_dir = "/srv/sasl"'
        define both "<graphics type='spice' port='5910'/><graphics type='vnc' port='5901'/>"
        refused "two configurations of SASL for one QEMU" "vnc_sasl_dir and spice_sasl_dir" m virsh start both
fi
finish
