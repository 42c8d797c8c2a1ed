#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Definitions as people really have them: written by other programs, carried from other hosts, pasted from forums, with
# files and sockets of the host in them.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

# frame NAME [DEVICES [ABOVE [OS]]]: a small guest of q35 that does nothing
frame() {
        cat <<XML
<domain type='qemu'><name>$1</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64' machine='q35'>hvm</type>${4-}</os>
${3-}<devices>${2-}<memballoon model='none'/></devices></domain>
XML
}
define() { m_with_input sh -c 'cat > /root/x.xml && virsh -q define /root/x.xml'; }
defines() { "$@" | define; }
args_of() { m sh -c "tr '\\0' '\\n' < /proc/$(qemu_pid "$1")/cmdline"; }
starts() { defines frame "$@" && m virsh -q start -- "$1" && equals running m virsh domstate -- "$1"; }
gone() { m sh -c "virsh -q destroy -- '$1' 2>&1; virsh -q undefine --nvram -- '$1'"; }

# --- documents written in pieces ---
cloudstack() {
        cat <<'XML'
<domain type='qemu'><name>i-1-2-VM</name><cpu mode='maximum'></cpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='cdrom'/></os><os><boot dev='hd'/></os>
  <memory>65536</memory><devices><memballoon model='none'/></devices><vcpu>2</vcpu>
  <features><acpi/></features><features><apic/></features><clock offset='utc'><timer name='kvmclock'></timer></clock>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/a.qcow2'/>
      <target dev='vda' bus='virtio'/></disk>
    <interface type='user'><mac address='52:54:00:00:00:67'/><model type='virtio'/><rom bar='off' file=''/></interface>
    <console type='pty'><target port='0'/></console></devices></domain>
XML
}
m qemu-img create -q -f qcow2 /srv/a.qcow2 16M
check "two <devices>, two <features>" defines cloudstack
check "... starts" m virsh -q start i-1-2-VM
check "... with its disk" contains /srv/a.qcow2 m virsh domblklist i-1-2-VM
check "... and its network" contains 52:54:00:00:00:67 m virsh domiflist i-1-2-VM
check "... dumpxml shows one <devices>" equals 1 m sh -c "virsh dumpxml i-1-2-VM | grep -c '<devices>'"
check "... both devices to boot from" equals 2 m sh -c "virsh dumpxml i-1-2-VM | grep -c '<boot '"
gone i-1-2-VM > /dev/null

twice() {
        local global="<qemu:commandline><qemu:arg value='-global'/><qemu:arg"
        frame pieces "<video><model type='none'/></video>" |
                sed "s|<domain|<!-- by a script -->\n\n<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'|
                s|</domain>|$global value='isa-debugcon.readback=1'/></qemu:commandline>&|
                s|</domain>|$global value='pvpanic.ioport=1285'/></qemu:commandline>&|"
}
check "two <qemu:commandline>" defines twice
check "... starts" m virsh -q start pieces
check "... with all of their arguments, last" equals "-global isa-debugcon.readback=1 -global pvpanic.ioport=1285" \
        sh -c "$(declare -f args_of qemu_pid m); here=$here dir=$dir uri=$uri; args_of pieces | tail -4 | xargs"
gone pieces > /dev/null

# --- metadata ---
meta="<metadata><plain>gone</plain><a:x xmlns:a='urn:a'><![CDATA[1 < 2 & 3]]></a:x><b:y
        xmlns:b='urn:a'>second</b:y><t xmlns='unraid' icon='p.png'/></metadata>"
check "metadata of one namespace twice" defines frame meta '' "$meta"
check "... the first one stays" contains "<![CDATA[1 < 2 & 3]]>" m virsh metadata meta urn:a
check "... that of nobody goes" not contains gone m virsh dumpxml meta
check "... a namespace that is no address stays" contains "icon='p.png'" m virsh dumpxml meta
check "... removed" m virsh -q metadata meta urn:a --remove
check "... and the last one" m virsh -q metadata meta unraid --remove
check "... no empty element stays" not contains "<metadata" m virsh dumpxml meta
gone meta > /dev/null

# --- a running guest's dump ---
dump() {
        frame lv "<console type='pty' tty='/dev/pts/4'><source path='/dev/pts/4'/><target type='serial' port='0'/>
                <alias name='serial0'/></console>
                <channel type='unix'>
                <source mode='bind' path='/var/lib/libvirt/qemu/channel/target/domain-3-lv/org.qemu.guest_agent.0'/>
                <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
                <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
                <source file='/srv/o.qcow2' index='2'/><backingStore type='file' index='3'><format type='qcow2'/>
                <source file='/srv/a.qcow2'/><backingStore/></backingStore><target dev='vda' bus='virtio'/></disk>
                <graphics type='vnc' port='5903' autoport='yes' listen='127.0.0.1'>
                <listen type='address' address='127.0.0.1'/></graphics>" |
                sed "s|type='qemu'>|type='qemu' id='17'>|
                s|</domain>|<seclabel type='dynamic' model='apparmor' relabel='yes'><label>libvirt-1</label>&|
                s|</domain>|<imagelabel>libvirt-1</imagelabel></seclabel>&|
                s|</domain>|<seclabel type='dynamic' model='dac' relabel='yes'><label>+64055:+64055</label>&|
                s|</domain>|</seclabel>&|"
}
m qemu-img create -q -f qcow2 -F qcow2 -b /srv/a.qcow2 /srv/o.qcow2
check "a running guest's dump as a definition" defines dump
check "... nothing live is left" equals "" \
        m sh -c "virsh dumpxml --inactive lv | grep -E \"pts/4|domain-3|5903|backingStore.*index|64055|id='17'\""
check "... starts" m virsh -q start lv
gone lv > /dev/null
static() { frame st | sed "s|</domain>|<seclabel type='static' model='smack'><label>st</label></seclabel></domain>|"; }
refused "a label that cannot be had" "/domain/seclabel" defines static

# --- memory, firmware ---
lowered() { frame low | sed "s|<os>|<currentMemory unit='MiB'>128</currentMemory><os>|"; }
check "currentMemory above memory" defines lowered
check "... is memory" contains "<currentMemory unit='KiB'>65536<" m virsh dumpxml low
gone low > /dev/null
check "an nvram line beside a rom" starts rom '' '' \
        "<loader readonly='yes' type='rom'>/var/lib/libvirt/images/idle.rom</loader>
        <nvram>/var/lib/libvirt/qemu/nvram/none.fd</nvram>"
check "... the line stays" contains nvram/none.fd m virsh dumpxml rom
check "... the file was not made" not m test -e /var/lib/libvirt/qemu/nvram/none.fd
gone rom > /dev/null

variables() {
        frame vars '' '<features><acpi/></features>' \
                "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
                <nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/srv/vars/my_VARS.fd</nvram>"
}
m mkdir -p /srv/vars
check "variables of firmware in a folder of the host" defines variables
check "... are made there" m virsh -q start vars
check "... stop" m virsh -q destroy vars
refused "... are not left behind" "cannot undefine domain with nvram" m virsh undefine vars
check "... go with the guest" m virsh -q undefine --nvram vars
check "... really" not m test -e /srv/vars/my_VARS.fd
# of a host whose firmware is elsewhere
check "a firmware that this host has not" defines frame elsewhere '' '<features><acpi/></features>' \
        "<loader readonly='yes' type='pflash'>/usr/share/edk2/x64/OVMF_CODE.fd</loader>
        <nvram>/var/lib/libvirt/qemu/nvram/elsewhere_VARS.fd</nvram>"
refused "... the start says what to do" "<os firmware='efi'>, without <loader> and <nvram>" m virsh start elsewhere
gone elsewhere > /dev/null
refuse_quotes() { frame quoted '' '' "<kernel>/srv/k'1</kernel>"; }
refused "a kernel with a quotation mark in its name" "/domain/os/kernel" defines refuse_quotes

# --- still to be filled in ---
for fill in "<disk type='file'><source file='CHANGE-ME/a.img'/><target dev='vda' bus='virtio'/></disk>" \
        "<tpm model='tpm-tis'><backend type='passthrough'><device path='tpm0'/></backend></tpm>"; do
        check "a path that is still to be filled in" defines frame fill "$fill"
        refused "... the start says which" "expected an absolute path" m virsh start fill
        gone fill > /dev/null
done
check "... another guest" defines frame fill
refuse_plugged() { m sh -c 'echo "$0" > /root/d.xml; virsh attach-device fill /root/d.xml --config' \
        "<disk type='file'><source file='a.img'/><target dev='vdb'/></disk>"; }
refused "... nothing is plugged in by one" "expected an absolute path" refuse_plugged
gone fill > /dev/null

# --- of another host ---
check "a screen at an address of another host" defines frame far \
        "<graphics type='vnc' port='-1' listen='203.0.113.7'/>"
refused "... the start says so" "the host has no address 203.0.113.7 to listen at" m virsh start far
gone far > /dev/null
check "a disk in a pool that nobody has defined" defines frame far "<disk type='volume'>
        <source pool='nowhere' volume='a'/><target dev='vda'/></disk>"
refused "... the start says so" "Storage pool not found: no storage pool with matching name 'nowhere'" \
        m virsh start far
gone far > /dev/null
check "nodes of an old machine" starts nodes '' \
        "<cpu><numa><cell id='0' cpus='0' memory='64' unit='MiB'/></numa></cpu>"
m sh -c 'virsh -q destroy nodes; virsh dumpxml nodes | sed "s/pc-q35-[0-9.]*/pc-q35-4.2/" > /root/nodes.xml
        virsh -q define /root/nodes.xml'
check "... starts as 4.2" m virsh -q start nodes
check "... its memory has the name that libvirt gives it" contains "pc.ram" \
        m virsh qemu-monitor-command nodes --hmp "info ramblock"
gone nodes > /dev/null

check "two watchdogs, as libvirt before 9.2 kept them" \
        starts dogs "<watchdog model='ib700' action='reset'/><watchdog model='itco' action='reset'/>"
gone dogs > /dev/null

# --- refused here as there ---
refuse() { refused "$1" "$2" defines frame no "$3" "${4-}" "${5-}"; }
refuse "a wwn on virtio" wwn \
        "<disk type='file'><source file='/srv/a.qcow2'/><target dev='vda' bus='virtio'/>
        <wwn>5000c50015ea71aa</wwn></disk>"
refuse "a VNC password of nine letters" "only 8 permitted" "<graphics type='vnc' passwd='123456789'/>"
refuse "a BIOS that uses no serial port" useserial '' '' "<bios useserial='yes'/>"
refuse "actions that QEMU cannot tell apart" on_reboot '' \
        "<on_poweroff>restart</on_poweroff><on_reboot>destroy</on_reboot>"

# --- files of the host ---
m sh -c 'useradd -m u; echo {} > /home/u/c.ign; chown u /home/u/c.ign; chmod 600 /home/u/c.ign; echo {} > /srv/open.ign
        chmod 700 /home/u'
check "fw_cfg with a file of a user's own" \
        starts fw '' "<sysinfo type='fwcfg'><entry name='opt/com.coreos/config' file='/home/u/c.ign'/></sysinfo>"
check "... whose it stays" equals "u 600" m stat -c '%U %a' /home/u/c.ign
gone fw > /dev/null
passed() { frame passed |
        sed "s|type='qemu'>|type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>|
                s|</domain>|<qemu:commandline><qemu:arg value='-fw_cfg'/>$1</qemu:commandline></domain>|"; }
check "fw_cfg passed through" defines passed "<qemu:arg value='name=opt/a,file=/srv/open.ign'/>"
refused "... the failed start names the remedy" "BindReadOnlyPaths=/srv/open.ign" m virsh start passed
m sh -c 'mkdir -p /run/systemd/system/vm@passed.service.d &&
        printf "[Service]\nBindReadOnlyPaths=/srv/open.ign\n" > /run/systemd/system/vm@passed.service.d/file.conf &&
        systemctl daemon-reload'
check "... which works" m virsh -q start passed
gone passed > /dev/null
check "an option without its value" defines passed ""
refused "... takes none of ours" "requires an argument" m virsh start passed
gone passed > /dev/null

# with Debian 13 it is in a package of QEMU's own
m sh -c 'for rom in /usr/lib/ipxe/qemu/efi-virtio.rom /usr/share/qemu/efi-virtio.rom; do
        [ ! -e $rom ] || cp $rom /srv/x.rom; done'
m chmod 600 /srv/x.rom
check "a ROM of the host" \
        starts romfile "<interface type='user'><model type='virtio'/><rom file='/srv/x.rom'/></interface>"
gone romfile > /dev/null
m sh -c 'mkdir -p /opt/q/bin; printf "#!/bin/sh\nexec qemu-system-x86_64 \"\$@\"\n" > /opt/q/bin/qemu
        cp /opt/q/bin/qemu /srv/my-qemu; chmod 755 /opt/q/bin/qemu /srv/my-qemu'
for emulator in /opt/q/bin/qemu /srv/my-qemu; do
        check "the emulator $emulator" starts own "<emulator>$emulator</emulator>"
        gone own > /dev/null
done
m sh -c 'printf "#!/bin/sh\necho QEMU emulator version 9.0.0\n" > /srv/other-qemu; chmod 755 /srv/other-qemu'
other_machine() { frame other "<emulator>/srv/other-qemu</emulator>" | sed "s/machine='[^']*'/machine='pc'/"; }
check "an emulator of another version than the host's" defines other_machine
check "... has its own machines" contains "machine='pc-i440fx-9.0'" m virsh dumpxml other
gone other > /dev/null

# --- ends of others ---
m sh -c 'mkdir -p /srv/s; mkfifo -m 600 /srv/s/p.in /srv/s/p.out'
# somebody who listens, by TCP and at a socket
m_with_input sh -c 'cat > /srv/listen.py' <<'PYTHON'
import selectors, socket
poll = selectors.DefaultSelector()
for s, address in (socket.socket(), ('127.0.0.1', 4000)), (socket.socket(socket.AF_UNIX), '/srv/s/ours'):
    s.bind(address)
    s.listen()
    poll.register(s, selectors.EVENT_READ)
peers = []
while True:
    peers += [key.fileobj.accept() for key, _ in poll.select()]
PYTHON
m systemd-run -q --unit listen python3 /srv/listen.py
check "somebody listens" eventually 10 m test -S /srv/s/ours
other_end() {
        check "$1" starts end "$2"
        gone end > /dev/null
}
other_end a-socket-to-connect-to "<serial type='unix'><source mode='connect' path='/srv/s/ours'/></serial>"
other_end one-that-is-connected-to-again "<serial type='unix'><source mode='connect' path='/srv/s/ours'>
        <reconnect enabled='yes' timeout='1'/></source></serial>"
other_end pipes "<serial type='pipe'><source path='/srv/s/p'/></serial>"
other_end randomness-from-a-socket "<rng model='virtio'><backend model='egd' type='unix'>
        <source mode='connect' path='/srv/s/ours'/></backend></rng>"
other_end randomness-by-tcp "<rng model='virtio'><backend model='egd' type='tcp'>
        <source mode='bind' host='127.0.0.1' service='4001'/></backend></rng>"
other_end a-redirected-device "<redirdev bus='usb' type='tcp'>
        <source mode='connect' host='127.0.0.1' service='4000'/></redirdev>"
other_end a-name-of-a-host "<serial type='tcp'><source mode='connect' host='localhost' service='4000'/></serial>"
other_end VNC-at-localhost "<graphics type='vnc' port='-1' listen='localhost'/>"
other_end a-tap-of-its-own "<interface type='ethernet'><target dev='mytap0'/><model type='virtio'/></interface>"
check "the pipes are root's again" equals "root root" m sh -c 'stat -c %U /srv/s/p.in /srv/s/p.out | xargs'

# --- other distributions ---
machine() { frame "$1" | sed "s|machine='q35'|machine='$2'|"; }
refused "a board of another distribution" "does not support machine type 'pc-q35-rhel9.2.0'" \
        defines machine no pc-q35-rhel9.2.0
refused "... as a release that never was" "does not support machine type" defines machine no pc-q35-5.3
refused "a program of another distribution" "Cannot check QEMU binary '/usr/bin/kvm-spice'" \
        defines frame no "<emulator>/usr/bin/kvm-spice</emulator>"
machine old pc-i440fx-bionic | m_with_input sh -c 'cat > /etc/libvirt/qemu/old.xml'
frame spice "<emulator>/usr/libexec/qemu-kvm</emulator>" | m_with_input sh -c 'cat > /etc/libvirt/qemu/spice.xml'
m systemctl daemon-reload
check "a file that is there stays listed" contains old m virsh list --all --name
refused "... its start names the board" "pc-i440fx-bionic" m virsh start old
refused "... or the program" "/usr/libexec/qemu-kvm" m virsh start spice
refused "verify --all says what to write instead" "write 'pc'" m unitvirt verify --all
refused "... and what to leave out" "spice.xml:3: /domain/devices/emulator" m unitvirt verify --all
edit() { m env EDITOR="sed -i s/pc-i440fx-bionic/pc/" virsh edit old; }
check "it can be edited" edit
check "... and starts" m virsh -q start old
gone old > /dev/null
m sh -c 'rm /etc/libvirt/qemu/spice.xml; virsh -q undefine no' 2>/dev/null
boards() { m sh -c "virsh capabilities | sed -n \"s|.*>\\(pc-[^<]*\\)</machine>|\\1|p\" | sort -u"; }
known() { m sh -c "qemu-system-x86_64 -machine help | sed -n 's/^\\(pc-[^ ]*\\) .*/\\1/p' | sort -u"; }
check "capabilities list QEMU's boards and no others" equals "$(known)" boards
# Older schemas do not know of clusters of processors, newer ones want them.
schema=$(m sh -c 'grep -c cluster_id /usr/share/libvirt/schemas/capability.rng')
[ "${schema:-0}" != 0 ] || drop='s/ cluster\(_id\|s\)=.[0-9]*.//; /<feature name=.sse4\./d'
valid() { m sh -c "virsh $1 | sed \"${drop-}\" > /root/valid.xml && virt-xml-validate /root/valid.xml $2"; }
check "capabilities are as libvirt's schema has them" valid capabilities capability
for value in spice floppy lun; do
        check "... with $value, which works" contains "<value>$value</value>" m virsh domcapabilities
done
tpm_kinds() { m sh -c "virsh domcapabilities | sed -n '/<tpm /,/<.tpm>/p'"; }
check "... with an emulated TPM, as swtpm is there" contains "<value>emulator</value>" tpm_kinds
m mv /usr/bin/swtpm /usr/bin/swtpm.away
check "... not without it" not contains "<value>emulator</value>" tpm_kinds
m mv /usr/bin/swtpm.away /usr/bin/swtpm
check "... and threads for I/O" contains "<iothreads supported='yes'/>" m virsh domcapabilities

# --- small calls ---
frame small "<video><model type='vga'/></video><disk type='file'><driver name='qemu' type='qcow2'/>
        <source file='/srv/a.qcow2'/><target dev='vda' bus='virtio'/>
        <iotune><total_iops_sec>77</total_iops_sec></iotune></disk>" "<vcpu cpuset='0'>2</vcpu>" |
        sed "s|<memballoon model='none'/>|<memballoon model='virtio'/>|" | define
m virsh -q start small
check "domxml-to-native shows QEMU's arguments" contains "guest=small" m virsh domxml-to-native qemu-argv --domain small
check "... of a file too" contains "-blockdev" sh -c "$(declare -f m cloudstack m_with_input)
        here=$here dir=$dir uri=$uri
        cloudstack | m_with_input sh -c 'cat > /root/n.xml; virsh domxml-to-native qemu-argv /root/n.xml'"
refused "... of no other format" "unsupported config type" m virsh domxml-to-native xen-xl --domain small
check "vcpupin without arguments" equals " VCPU   CPU Affinity
----------------------
 0      0
 1      0" m virsh vcpupin small
check "emulatorpin" contains "*: 0" m virsh emulatorpin small
check "setmem of a running guest" m virsh -q setmem small 48M --live
check "... and from the next start on" m virsh -q setmem small 32M --config
check "... dumpxml says so" contains "<currentMemory unit='KiB'>32768<" m virsh dumpxml --inactive small
refused "... not above its maximum" "cannot set memory higher than max memory" m virsh setmem small 1G --config
refused "... whose maximum stays while it runs" "cannot resize the maximum memory on an active domain" \
        m virsh setmaxmem small 96M --live
check "setmaxmem" m virsh -q setmaxmem small 96M --config
check "schedinfo" contains "cpu_shares     : 100" m virsh schedinfo small
check "blkdeviotune" contains "total_iops_sec : 77" m virsh blkdeviotune small vda
check "screenshot" m virsh screenshot small /root/screen
check "... is a picture" equals PNG m sh -c 'head -c 4 /root/screen | tail -c 3'
refused "... of a screen that is none" "no such screen" m virsh screenshot small /root/screen --screen 1
gone small > /dev/null

# --- names ---
named() { guest_xml NAME idle "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>" |
        NAME=$1 python3 -c "
import os,sys,xml.sax.saxutils as s
print(sys.stdin.read().replace('NAME', s.escape(os.environ['NAME'])))"; }
bound() { m sh -c "p=\$(virsh dumpxml -- \"\$0\" | sed -n \"s/.*mode='bind' path='\\([^']*\\)'.*/\\1/p\")
        test -S \"\$p\"" "$1"; }
# shellcheck disable=SC2016
unit_for() { m unitvirt unit -- "$1"; }
machine_of() { m sh -c 'for m in $(machinectl list --no-legend | cut -d " " -f 1); do
        [ "$(machinectl show -p Unit --value "$m")" != "$0" ] || echo "$m"; done' "$1"; }
is_shut_off() { equals "shut off" m virsh domstate -- "$1"; }
long=$(printf 'кухня-и-гостиная-%.0s' 1 2 3)
for name in "$(printf 'lab-%0116d' 7)" 'web.example.com.' 'кухня-1' "${long}1" "${long}2" \
        'sf:38acdd85-786b-4af8-b26c-93e2339647bc' \
            'Q4 (test) & co' '-lead' 'a@b' 'x,y=z' '%i' "it's" '$HOME'; do
        check "the name $name" defines named "$name"
        check "... starts" m virsh -q start -- "$name"
        check "... has its agent's channel" bound "$name"
        check "... stops by virsh" m virsh -q destroy -- "$name"
        check "... starts as a unit" m systemctl start -- "$(unit_for "$name")"
        check "... stops by machinectl" m machinectl poweroff -- "$(machine_of "$(unit_for "$name")")"
        check "... really" eventually 20 is_shut_off "$name"
        check "... starts" eventually 20 m virsh -q start -- "$name"
        check "... stops as a unit" m systemctl stop -- "$(unit_for "$name")"
        check "... for virsh too" is_shut_off "$name"
        check "... goes" m virsh -q undefine -- "$name"
done

# --- what public repositories have ---
glass() {
        frame glass | sed -e "s|<domain |<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' |" \
                -e "s|</devices>|</devices><qemu:commandline><qemu:arg value='-object'/><qemu:arg \
value='memory-backend-file,id=glass,mem-path=/dev/glass0,size=16M,share=on'/></qemu:commandline>|"
}
# the node of /dev/fuse can be opened, and not mapped
m mknod -m 666 /dev/glass0 c 10 229
check "a node that only QEMU's own arguments name" defines glass
refused "... the failed start names what it needs" "needs BindPaths=/dev/glass0 and DeviceAllow=/dev/glass0 rw" \
        m virsh start glass
check "... which is given" m sh -c 'mkdir -p /run/systemd/system/vm@glass.service.d &&
        printf "[Service]\nBindPaths=/dev/glass0\nDeviceAllow=/dev/glass0 rw\n" \
        > /run/systemd/system/vm@glass.service.d/node.conf && systemctl daemon-reload'
refused "... and then QEMU has it open" "unable to map backing store" m virsh start glass
check "... that goes" gone glass
named_port() {
        frame port "<serial type='pty'><target type='isa-serial' port='0'/><alias name='ua-port'/></serial>
                <console type='pty'><target type='serial' port='0'/><alias name='ua-port'/></console>"
}
check "a port and its console that both have the user's name" defines named_port
check "... start" m virsh -q start port
check "... and are shown so" equals 2 m sh -c "virsh dumpxml port | grep -c \"alias name='ua-port'\""
check "... go" gone port
tdx() { frame tdx | sed "s|</devices>|</devices><launchSecurity type='tdx'><policy>0x1</policy></launchSecurity>|"; }
check "a guest that Intel's processors would encrypt" defines tdx
refused "... is refused for what it lacks" "'tdx' is not supported by this QEMU" m virsh start tdx
check "... goes" gone tdx
frame old | sed "s/machine='q35'/machine='pc-q35-3.1'/" | m_with_input sh -c 'cat > /root/old.xml'
check "a machine of years ago is explained" contains "pc-q35-3.1" m unitvirt explain /root/old.xml
check "... as it is defined" m virsh -q define /root/old.xml

# --- devices that come late ---
late() { frame late "<interface type='bridge'><source bridge='br-late'/></interface>"; }
# Devices have units where systemd, when it begins, finds /sys writable and udev running.
udev() { m sh -c 'mount -o remount,rw /sys && systemctl start systemd-udevd && systemctl is-active systemd-udevd &&
        systemctl daemon-reexec'; }
if udev >/dev/null 2>&1; then
        check "a guest on a bridge that is not there" defines late
        check "... is ordered behind it" contains late.device m systemctl show -P After vm@late
        refused "... started by hand it fails at once" br-late m timeout 20 virsh start late
        m sh -c 'virsh -q autostart late; systemctl reset-failed; systemctl stop machines.target
                systemctl daemon-reload; systemctl --no-block start machines.target'
        sleep 2
        check "... at boot it waits" equals inactive unit_state late
        m sh -c 'ip link add br-late type bridge && ip link set br-late up'
        check "... and runs within seconds of its arrival" eventually 10 equals active unit_state late
        # a disk: a link that udev makes as soon as the node has something behind it
        loop=$(m sh -c 'for l in /dev/loop[0-9]*; do losetup "$l" >/dev/null 2>&1 || { echo "$l"; exit; }; done')
        if [ -n "$loop" ]; then
                on_disk() {
                        frame disk "<disk type='block'><driver name='qemu' type='raw'/><source dev='/dev/vg0/late'/>
                                <target dev='vdb' bus='virtio'/></disk>"
                }
                m sh -c "mkdir -p /etc/udev/rules.d && udevadm control --reload && truncate -s 1M /srv/late &&
                        echo 'KERNEL==\"${loop#/dev/}\", TEST==\"loop/backing_file\", SYMLINK+=\"vg0/late\"' \
                        > /etc/udev/rules.d/90-late.rules && udevadm control --reload"
                check "a guest on a disk that is not there" defines on_disk
                check "... is ordered behind it" contains "dev-vg0-late.device" m systemctl show -P After vm@disk
                refused "... started by hand it fails at once" /dev/vg0/late m timeout 20 virsh start disk
                m sh -c 'virsh -q autostart --disable late; virsh -q destroy late; virsh -q autostart disk
                        systemctl reset-failed; systemctl stop machines.target; systemctl daemon-reload
                        systemctl --no-block start machines.target'
                sleep 2
                check "... at boot it waits" equals inactive unit_state disk
                check "... the disk comes" m sh -c "losetup $loop /srv/late"
                check "... and the guest runs within seconds of its arrival" eventually 10 equals active \
                        unit_state disk
                check "... with it" contains /dev/vg0/late m virsh domblklist disk
                m sh -c "virsh -q destroy disk; losetup -d $loop"
        else
                echo "# no loop device is free here: a late disk is not tried"
        fi
else
        echo "# no udev here: not tried"
fi
finish
