#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Disks that are no plain files of the host: over the network, encrypted, transient, folders. A guest reads them.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
says() { local w=$1; shift; "$@" 2>&1 | grep -qF -- "$w"; }

# --- what the guest's disks are ---
# passphrases are made slow to try
LIMIT=300 m sh -c 'mkdir /srv/d && cd /srv/d
         for n in unix tcp tls http raw luks trans kit iscsi chap ssh; do
                 truncate -s 2M $n; printf "disk=$n;" | dd of=$n conv=notrunc status=none
         done
         printf geheim > /root/key; chmod 600 /root/key; key=secret,id=s,file=/root/key
         # that of Debian 12 sometimes cannot measure the CPU: pool/confined.c
         again() { for i in $(seq 50); do "$@" && return; done; exit 1; }
         again qemu-img convert --object $key -O luks -o key-secret=s luks luks.raw
         again qemu-img convert --object $key -O qcow2 -o encrypt.format=luks,encrypt.key-secret=s luks luks.qcow2
         mkdir folder && printf "disk=folder;" > folder/HELLO.TXT && chmod -R a+rX folder'
# shellcheck disable=SC2016
m_with_input sh -c 'cat > /root/httpd.py' <<'PY'
"""A web server that knows ranges and wants a cookie."""
import http.server
import os


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        if "key=offen" not in self.headers.get("Cookie", ""):
            self.send_error(403)
            return
        with open("/srv/d" + self.path, "rb") as f:
            size = os.fstat(f.fileno()).st_size
            first, last = 0, size - 1
            if "Range" in self.headers:
                a, b = self.headers["Range"].split("=")[1].split("-")
                first, last = int(a), min(int(b or last), last)
            f.seek(first)
            data = f.read(last - first + 1) if body else b""
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
PY
m sh -c '/run/test/certificates; mkdir -p /etc/pki/qemu /root/nbd; cd /tmp/c
         cp ca.pem /etc/pki/qemu/ca-cert.pem; cp client.pem /etc/pki/qemu/client-cert.pem
         cp client.key /etc/pki/qemu/client-key.pem; chmod 600 /etc/pki/qemu/client-key.pem
         cp ca.pem /root/nbd/ca-cert.pem; cp server.pem /root/nbd/server-cert.pem
         cp server.key /root/nbd/server-key.pem'
serve() { m systemd-run -q --unit "serve-$1" "${@:2}"; }
serve unix qemu-nbd -t -f raw -x unix -k /run/nbd.sock /srv/d/unix
serve tcp qemu-nbd -t -f raw -x tcp -b 127.0.0.1 -p 10809 /srv/d/tcp
serve tls qemu-nbd -t -f raw -x tls -b 127.0.0.1 -p 10810 --tls-creds t \
        --object tls-creds-x509,id=t,endpoint=server,dir=/root/nbd,verify-peer=on /srv/d/tls
serve http python3 /root/httpd.py

# --- servers of Debian's, each where it is installed ---
have() { m sh -c "command -v $1 && ls /usr/lib/*/qemu/block-$2.so" > /dev/null 2>&1; }
kit='' iscsi='' ssh=''
if m sh -c 'command -v nbdkit' > /dev/null; then
        kit=yes
        serve kit nbdkit -f -i 127.0.0.1 -p 10811 file /srv/d/kit
fi
if have tgtd iscsi; then
        iscsi=yes
        serve iscsi tgtd -f --iscsi portal=127.0.0.1:3260
        m sh -c 'adm() { tgtadm --lld iscsi --op "$@"; }
                until adm show --mode target; do sleep 0.2; done
                for t in 1:open:iscsi 2:closed:chap; do
                        id=${t%%:*} name=${t#*:} file=${t##*:}
                        adm new --mode target --tid $id -T iqn.2026-01.test:${name%:*}
                        adm new --mode logicalunit --tid $id --lun 1 -b /srv/d/$file
                        adm bind --mode target --tid $id -I ALL
                done
                adm new --mode account --user gast --password geheimgeheim
                adm bind --mode account --tid 2 --user gast' > /dev/null
fi
if have sshd ssh; then
        ssh=yes
        m sh -c 'mkdir -p /run/sshd; useradd -M disker; passwd -qd disker; chown disker /srv/d/ssh
                ssh-keygen -q -t ed25519 -N "" -f /root/host
                echo "[127.0.0.1]:2222 $(cat /root/host.pub)" > /root/known_hosts'
        serve ssh /usr/sbin/sshd -D -f /dev/null -p 2222 -h /root/host -o ListenAddress=127.0.0.1 -o UsePAM=no \
                -o PermitEmptyPasswords=yes -o AuthenticationMethods=none -o 'Subsystem=sftp internal-sftp'
fi
chap="<auth username='gast'><secret type='iscsi' usage='closed'/></auth>"

uuid=6b0f2c4e-7a53-4a0e-9c3e-1f2d3c4b5a70 uuid_chap=6b0f2c4e-7a53-4a0e-9c3e-1f2d3c4b5a71
secret() {
        local kind=${3-volume}
        echo "<secret ephemeral='no' private='yes'><uuid>$1</uuid><usage type='${kind%:*}'><${kind#*:}>$2</${kind#*:}>
                </usage></secret>" | m_with_input sh -c 'cat > /tmp/s.xml && virsh -q secret-define /tmp/s.xml'
}
value() { m sh -c "printf %s '$2' > /tmp/value; virsh -q secret-set-value $1 --file /tmp/value --plain"; }
luks() { echo "<encryption format='luks'><secret type='passphrase' uuid='$uuid'/></encryption>"; }
file_disk() {
        echo "<disk type='file' device='disk'><driver name='qemu' type='$2'/><source file='/srv/d/$3'/>
                <target dev='$1' bus='virtio'/>${4-}</disk>"
}
net_disk() {
        echo "<disk type='network' device='disk'><driver name='qemu' type='raw'/><source $2>$3</source>
                <target dev='$1' bus='virtio'/>${4-}</disk>"
}
curl=''
m sh -c 'ls /usr/lib/*/qemu/block-curl.so' >/dev/null 2>&1 && curl=yes

devices="$(net_disk vdb "protocol='nbd' name='unix'" "<host transport='unix' socket='/run/nbd.sock'/>")
$(net_disk vdc "protocol='nbd' name='tcp'" "<host name='localhost'/>")
$(net_disk vdd "protocol='nbd' name='tls' tls='yes'" "<host name='localhost' port='10810'/>")
$(file_disk vde raw luks.raw "$(luks)")
$(file_disk vdf qcow2 luks.qcow2 "$(luks | sed "s/uuid='[^']*'/usage='luks'/")")
$(file_disk vdg raw trans '<transient/>')
<disk type='dir' device='disk'><source dir='/srv/d/folder'/><target dev='vdh' bus='virtio'/><readonly/></disk>"
cookie="<cookies><cookie name='key'>offen</cookie></cookies>"
[ -z "$curl" ] || devices+=$(net_disk vdi "protocol='http' name='/http'" "<host name='127.0.0.1' port='8080'/>$cookie" \
        '<readonly/>')
[ -z "$kit" ] || devices+=$(net_disk vdj "protocol='nbd' name=''" "<host name='127.0.0.1' port='10811'/>")
[ -z "$iscsi" ] || devices+=$(net_disk vdk "protocol='iscsi' name='iqn.2026-01.test:open/1'" "<host name='127.0.0.1'/>"
        net_disk vdl "protocol='iscsi' name='iqn.2026-01.test:closed/1'" "<host name='127.0.0.1'/>$chap")
[ -z "$ssh" ] || devices+=$(net_disk vdm "protocol='ssh' name='/srv/d/ssh'" \
        "<host name='127.0.0.1' port='2222'/><knownHosts path='/root/known_hosts'/><identity username='disker'/>" \
        '<readonly/>')

check "a guest with such disks is defined" define_guest far linux "$devices"
check "... its cookies are for those who may see secrets" m sh -c "! virsh -r dumpxml far | grep -q offen &&
        { [ -z '$curl' ] || virsh dumpxml --security-info far | grep -q offen; }"

# --- secrets that are not there, or not the right ones ---
refused "without the secret its start fails" "secret '$uuid' does not have a value" m virsh start far
secret $uuid luks
value $uuid falsch
if [ "$iscsi" ]; then
        refused "... and without that of CHAP" "no secret with matching usage 'closed'" m virsh start far
        secret $uuid_chap closed iscsi:target
        value $uuid_chap falschfalsch
fi
refused "... and with the wrong one" "Invalid password" m virsh start far
value $uuid geheim
if [ "$iscsi" ]; then
        refused "a wrong secret for CHAP is refused by the target" "Failed to log in to target" m virsh start far
        value $uuid_chap geheimgeheim
fi
check "with the right one it starts" m virsh -q start far
# shellcheck disable=SC2016
check "... no argument has the passphrase" m sh -c \
        '! tr "\0" "\n" < /proc/$(pgrep -f guest=far,)/cmdline | grep -qE "geheim|Z2VoZWlt|offen"'
check "... nor any file of the guest" m sh -c '! grep -rqs geheim /run/libvirt/qemu'
check "... its QEMU has the network of the host" equals no m systemctl show -P PrivateNetwork vm@far
eventually 90 says 'login:' m journalctl -q -b -u vm@far --no-pager
# shellcheck disable=SC2016
console_says far 'for d in b c d e f g i j k l m; do head -c 11 /dev/vd$d 2>/dev/null | tr -d "\000"; echo; done
head -c 600000 /dev/vdh | tr -d "\000" | grep -o "disk=f[a-z]*"' > "$work/disks"
reads() { grep -qF "disk=$1" "$work/disks" || { cat "$work/disks"; return 1; }; }
check "the guest reads from a server of NBD on a socket" reads unix
check "... over TCP" reads tcp
check "... with TLS" reads tls
check "... from an encrypted image" reads luks
check "... both of them" [ "$(grep -c disk=luks "$work/disks")" = 2 ]
check "... from a folder" reads folder
check "... from a disk that is transient" reads trans
if [ -n "$curl" ]; then
        check "... from a web server, with a cookie" reads http
else
        echo "ok - $area: a disk by HTTP # SKIPPED: QEMU's curl driver is not installed (qemu-block-extra)"
fi
served() {
        if [ "$1" ]; then check "... $3" reads "$2"; else echo "ok - $area: $3 # SKIPPED: $4 is not installed"; fi
}
served "$kit" kit "from nbdkit" nbdkit
served "$iscsi" iscsi "from an iSCSI target" "tgt, or QEMU's driver"
served "$iscsi" chap "from one that asks for a secret by CHAP" "tgt, or QEMU's driver"
served "$ssh" ssh "by SSH" "sshd, or QEMU's driver"
console_says far 'echo changed | dd of=/dev/vdg conv=fsync 2>/dev/null; head -c 7 /dev/vdg' > "$work/changed"
check "the guest writes to its transient disk" grep -q '^changed' "$work/changed"
check "a guest that ends" m virsh -q destroy far
check "... has changed no transient disk" equals 'disk=trans;' m head -c 11 /srv/d/trans
check "... and leaves no file" m sh -c '! ls /srv/d | grep -qi transient'
m systemctl stop serve-unix
refused "a server that is gone is named" "cannot connect to '/run/nbd.sock'" m virsh start far
serve unix2 qemu-nbd -t -f raw -x unix -k /run/nbd.sock /srv/d/unix

# --- volumes that are made encrypted ---
m sh -c 'virsh -q pool-define-as v dir --target /srv/v && virsh -q pool-build v && virsh -q pool-start v'
check "a volume is made encrypted" m_with_input sh -c 'cat > /tmp/v.xml && virsh -q vol-create v /tmp/v.xml' <<XML
<volume><name>e</name><capacity unit='MiB'>4</capacity><target><format type='qcow2'/>$(luks)</target></volume>
XML
check "... and a guest on it defined" define_guest vol idle "<disk type='volume' device='disk'>
        <driver name='qemu' type='qcow2'/><source pool='v' volume='e'/><target dev='vda' bus='virtio'/>$(luks)</disk>"
check "... starts" m virsh -q start vol
check "... and QEMU says that it is encrypted" says '"encrypted":true' \
        m virsh qemu-monitor-command vol '{"execute":"query-named-block-nodes"}'
m virsh -q destroy vol

# --- plugged into a guest that runs ---
of_usb() { sed "s#bus='virtio'#bus='usb'#"; }
live_xml() { of_usb | m_with_input sh -c 'cat > /tmp/live.xml'; }
attach() { m virsh -q attach-device "$1" /tmp/live.xml "${@:2}"; }
detach() { m virsh -q detach-device "$1" /tmp/live.xml "${@:2}"; }
qmp() { m virsh qemu-monitor-command "$1" "$2"; }
nodes() { contains "$2" qmp "$1" '{"execute":"query-named-block-nodes"}'; }
objects() { qmp "$1" '{"execute":"qom-list","arguments":{"path":"/objects"}}'; }
sets() { qmp "$1" '{"execute":"query-fdsets"}' | grep -o fdset-id | wc -l; }
unit_of() { echo "<hostdev mode='subsystem' type='scsi'><source protocol='iscsi' name='iqn.2026-01.test:$1'>
        <host name='127.0.0.1'/>${2-}</source></hostdev>"; }
attach_unit() { unit_of open/1 | m_with_input sh -c 'cat > /tmp/live.xml'; attach "$1" --live; }
check "a guest without such disks" define_guest plain idle "<controller type='scsi' model='virtio-scsi'/>"
check "... starts" m virsh -q start plain
begun=$(sets plain)
file_disk sda raw luks.raw "$(luks)" | live_xml
check "an encrypted disk is plugged in" attach plain --live
check "... and QEMU says that it is encrypted" nodes plain '"encrypted":true'
check "... the definition has no passphrase" not contains geheim m virsh dumpxml --security-info plain
check "... nor has the journal" m sh -c '! journalctl -b -q -o cat | grep -qE "geheim|Z2VoZWlt"'
check "... and out" detach plain --live
check "... with its secret" not contains secret objects plain
value $uuid falsch
refused "with the wrong passphrase it is refused" "Invalid password" attach plain --live
check "... and nothing is left" not contains secret objects plain
value $uuid geheim
check "... in the definition it is kept" attach plain --config
check "... for the next start" contains "<encryption format='luks'" m virsh dumpxml --inactive plain
check "... and taken out of it" detach plain --config
net_disk sda "protocol='nbd' name='unix'" "<host transport='unix' socket='/run/nbd.sock'/>" | live_xml
check "a disk of an NBD server's socket is plugged in" attach plain --live
check "... QEMU has it" nodes plain '"drv":"nbd"'
check "... and out" detach plain --live
file_disk sda raw trans '<transient/>' | live_xml
check "a transient disk is plugged in" attach plain --live
check "... QEMU has its changes apart" nodes plain '"backing_file_depth":1'
check "... and out" detach plain --live
check "... which leaves no file" m sh -c '! ls /srv/d | grep -qi transient'
net_disk sda "protocol='nbd' name='tcp'" "<host name='localhost'/>" | live_xml
refused "a server that QEMU would have to connect to is out of its view" "started without a network" attach plain --live
check "... at the next start it is not" attach plain --config
check "... and out again" detach plain --config
echo "<disk type='dir' device='disk'><source dir='/srv/d/folder'/><target dev='sda' bus='virtio'/><readonly/>
        </disk>" | live_xml
refused "a folder is a disk from the start only" "a disk of type 'dir' cannot be plugged into a guest that runs" \
        attach plain --live
[ -z "$iscsi" ] || refused "... nor is a device of an iSCSI target" "started without a network" attach_unit plain
check "no set of descriptors is left" equals "$begun" sets plain
m virsh -q destroy plain
check "a guest whose QEMU connects for a disk" define_guest connects idle \
        "$(net_disk vda "protocol='nbd' name='tcp'" "<host name='localhost'/>")"
check "... starts" m virsh -q start connects
net_disk sda "protocol='nbd' name='tls' tls='yes'" "<host name='localhost' port='10810'/>" | live_xml
check "... another one with TLS is plugged in" attach connects --live
check "... QEMU has its certificates" contains tls-creds objects connects
check "... and out" detach connects --live
check "... with its certificates" not contains tls-creds objects connects
m virsh -q destroy connects

# --- devices of a target, and UEFI's variables on a server ---
if [ "$iscsi" ]; then
        inner="<auth username='gast'><secret type='iscsi' usage='closed'/></auth>"
        check "a guest with devices of iSCSI targets" define_guest san idle \
                "$(unit_of open/1; unit_of closed/1 "$inner")"
        check "... starts" m virsh -q start san
        check "... QEMU has them" nodes san '"node-name":"libvirt-2-backend"'
        check "... by its own driver" nodes san '"drv":"iscsi"'
        check "... no argument has the secret" m sh -c \
                '! tr "\0" "\n" < /proc/$(pgrep -f guest=san,)/cmdline | grep -qE "geheim|Z2VoZWlt"'
        m virsh -q destroy san
        check "a guest that connects" define_guest joins idle "<controller type='scsi' model='virtio-scsi'/>
                $(net_disk vda "protocol='nbd' name='tcp'" "<host name='localhost'/>")"
        check "... starts" m virsh -q start joins
        check "... gets one while it runs" attach_unit joins
        check "... which QEMU has" nodes joins '"drv":"iscsi"'
        check "... and loses it" detach joins --live
        check "... all of it" not nodes joins '"drv":"iscsi"'
        m virsh -q destroy joins
else
        echo "ok - $area: devices of iSCSI targets # SKIPPED: no tgt, or no driver of QEMU's"
fi
m sh -c 'cp /usr/share/OVMF/OVMF_VARS_4M.fd /srv/d/vars'
serve vars qemu-nbd -t -f raw -x vars -k /run/vars.sock /srv/d/vars
variables() { guest_xml vars idle "" | sed "s#<os>#<features><acpi/></features>&#; s#</type>#&<loader readonly='yes' \
        type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram type='network'><source protocol='nbd' name='vars'>\
        <host transport='unix' socket='/run/vars.sock'/></source></nvram>#; /<kernel>/d" |
        m_with_input sh -c 'cat > /tmp/vars.xml && virsh -q define /tmp/vars.xml'; }
check "a guest whose variables are on a server" variables
check "... starts" m virsh -q start vars
check "... QEMU has them from there" nodes vars '"node-name":"libvirt-pflash1-storage"'
check "... over NBD" nodes vars '"drv":"nbd"'
check "... the definition names no file" not contains VARS m virsh dumpxml vars
check "... and can be forgotten, without a word on them" m sh -c 'virsh -q destroy vars && virsh -q undefine vars'

# --- pools of a target ---
target() {
        echo "<pool type='iscsi-direct'><name>$1</name><source><host name='127.0.0.1'/><device
                path='iqn.2026-01.test:$1'/>${2-}<initiator><iqn name='iqn.2026-01.test:host'/></initiator></source>
                </pool>" | m_with_input sh -c 'cat > /tmp/p.xml && virsh -q pool-define /tmp/p.xml'
}
if [ "$iscsi" ] && m sh -c "virsh pool-capabilities | grep -q \"type='iscsi-direct' supported='yes'\""; then
        check "a pool of an iSCSI target" target open
        check "... starts" m virsh -q pool-start open

check "... its disk is a volume" equals 'ip-127.0.0.1:3260-iscsi-iqn.2026-01.test:open-lun-1' \
                m virsh vol-path unit:0:0:1 open
        check "... of the disk's size" m sh -c 'virsh vol-info unit:0:0:1 open | grep -q "Capacity: *2.00 MiB"'
        check "... it is refreshed" m virsh -q pool-refresh open
        check "... and still there" m sh -c '[ "$(virsh -q vol-list open | wc -l)" = 1 ]'
        refused "... it is not deleted from here" "of the network" m virsh vol-delete unit:0:0:1 open
        target closed
        refused "a target that wants a secret says so" "failed" m virsh pool-start closed
        m virsh -q pool-undefine closed
        check "one with CHAP is defined" target closed \
                "<auth type='chap' username='gast'><secret usage='closed'/></auth>"
        check "... starts" m virsh -q pool-start closed
        check "... and has its disk" m sh -c '[ "$(virsh -q vol-list closed | wc -l)" = 1 ]'
        volume() { echo "<disk type='volume' device='disk'><driver name='qemu' type='raw'/>
                <source pool='$1' volume='unit:0:0:1'/><target dev='vda' bus='virtio'/></disk>"; }
        check "a guest with such a volume" define_guest direct idle "$(volume closed)"
        check "... starts, and the target lets QEMU in" m virsh -q start direct
        check "... by its own driver" nodes direct '"drv":"iscsi"'
        check "... as the pool says" m sh -c "virsh dumpxml direct | grep -q \"name='iqn.2026-01.test:closed/1'\""
        m virsh -q destroy direct
        # shellcheck disable=SC2016
        check "... without the secret in any file" m sh -c '! grep -rqs geheimgeheim /run/libvirt /etc/libvirt/storage'
else
        echo "ok - $area: a pool of type iscsi-direct # SKIPPED: no tgt, or built without libiscsi"
fi

# --- what cannot be had ---
refused "a protocol that no QEMU has any more" "sheepdog" \
        define_guest x idle "$(net_disk vda "protocol='sheepdog' name='x'" '')"
define() { guest_xml "$@" | m_with_input sh -c 'cat > /root/x.xml && virsh -q define /root/x.xml'; }
define two idle "$(net_disk vda "protocol='nbd'" "<host name='a'/><host name='b'/>")"
refused "two hosts where one is all there can be" "accepts only one host" m virsh start two
source="<source type='pci' managed='yes' namespace='1'><address bus='0x1f'/></source>"
define nvme idle "<disk type='nvme' device='disk'>$source<target dev='vda' bus='virtio'/></disk>"
refused "an NVMe disk that the host has not" "the host has no PCI device 0000:1f:00.0" m virsh start nvme
refused "a vhost-user disk needs shared memory" "requires shared memory" define u idle "<disk type='vhostuser'
        device='disk'><source type='unix' path='/run/u.sock'/><target dev='vda' bus='virtio'/></disk>"
finish
