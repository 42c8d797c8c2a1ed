#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Which files a guest gets by the words of its images: those below it that were there from the beginning, and no file of
# the host or of another guest, whatever a header says.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

vm=/srv/vm
disk() { # FILE [DEVICE [MORE [FORMAT]]]
        echo "<disk type='file' device='disk'><driver name='qemu' type='${4-qcow2}'/><source file='$vm/$1'/>${3-}
        <target dev='${2-vda}' bus='virtio'/></disk>"
}
# The error number of a call, and its text, by libvirt's own client library.
code_of_start() { m /usr/bin/python3 -c '
import libvirt, sys
libvirt.registerErrorHandler(lambda *a: None, None)
try:
    libvirt.open("qemu:///system").lookupByName(sys.argv[1]).create()
    print("started")
except libvirt.libvirtError as e:
    print(e.get_error_code(), e.get_error_message())' "$1"; }
fails() { # CODE NAME TEXT...
        local code=$1 name=$2 seen text; shift 2
        seen=$(code_of_start "$name")
        for text in "$code " "$@"; do
                case $seen in *"$text"*) ;; *)
                        printf 'no "%s" in: %s\n' "$text" "$seen"; m virsh destroy "$name" 2>&1; return 1;; esac
        done
}
starts() { equals started code_of_start "$1" && m virsh -q destroy "$1"; }
# The same uuid each time, so that a definition replaces the one before.
define() {
        local uuid; uuid=$(python3 -c 'import sys, uuid; print(uuid.uuid5(uuid.NAMESPACE_DNS, sys.argv[1]))' "$1")
        guest_xml "$1" idle "$2" | sed "s|</name>|</name><uuid>$uuid</uuid>|" |
                m_with_input sh -c "cat > /root/$1.xml && virsh -q define /root/$1.xml"
}
held() { m sh -c "readlink /proc/$(qemu_pid "$1")/fd/* | grep -E '^$vm|shadow' | sed 's#.*/##' | sort -u | xargs"; }

check "a folder of images that are root's alone" m sh -c "mkdir -m 700 $vm && cd $vm && umask 077 &&
        qemu-img create -q -f raw base.raw 1M && qemu-img create -q -f qcow2 -b base.raw -F raw mid.qcow2 &&
        qemu-img create -q -f qcow2 -b mid.qcow2 -F qcow2 top.qcow2 && qemu-img create -q -f qcow2 plain.qcow2 1M &&
        qemu-img create -q -f raw other.raw 1M"

# --- ordinary chains
check "define a guest with a chain of three" define chain "$(disk top.qcow2)"
check "domblkinfo knows how large its disk is, before it ever ran" contains "Capacity:       1048576" \
        m virsh domblkinfo chain vda
check "it starts" m virsh -q start chain
check "its QEMU has the three layers, and nothing else" equals "base.raw mid.qcow2 top.qcow2" held chain
check "the live definition says them" contains "$vm/base.raw" m virsh dumpxml chain
check "what was accepted is root's alone" equals "600 root" m sh -c 'stat -c "%a %U" /var/lib/libvirt/qemu/chains/*'
stats() { m virsh domstats --block "$@"; }
check "domstats knows how large the guest sees its disk" contains "block.0.capacity=1048576" stats chain
check "... how much of it there is" contains "block.0.allocation=" stats chain
check "... and its file" contains "block.0.physical=$(m stat -c %s $vm/top.qcow2)" stats chain
check "... of each layer with --backing" contains "block.2.path=$vm/base.raw" stats --backing chain
check "... of which there are three" contains "block.count=3" stats --backing chain
# libvirt has the number of what backs an image in the layer, and of the image itself in its source
indices() {
        m virsh dumpxml chain | python3 -c '
import sys, xml.etree.ElementTree as tree
disk = tree.parse(sys.stdin).find("devices/disk")
print(disk.find("source").get("index"), disk.find("source").get("file"))
for layer in disk.iter("backingStore"):
    if layer.get("type"):
        print(layer.get("index"), layer.find("source").get("file"))'
}
figures() {
        m sh -c 'virsh domstats --block --backing chain |
                sed -n "s/.*backingIndex=\(.*\)/\1/p; s/.*block.*path=\(.*\)/\1/p"' | xargs -n 2
}
check "... with the indices that the live definition has" equals "$(indices)" figures
check "... and its chain ends where nothing is below" equals 1 m sh -c "virsh dumpxml chain | grep -c '<backingStore/>'"
check "... one each" equals "1 2 3" sh -c "echo '$(indices)' | cut -d ' ' -f 1 | xargs"
check "... sizes too" contains "block.2.capacity=1048576" stats --backing chain
check "destroy" m virsh -q destroy chain
check "of a guest that does not run it reads the header" contains "block.0.capacity=1048576" stats chain
check "it starts again" starts chain

# --- a header that was rewritten
rebase() { m qemu-img rebase -u -f qcow2 -b "$2" -F "$3" "$vm/$1"; }
check "its guest writes another name into the header" rebase top.qcow2 $vm/other.raw raw
check "that is refused, with both names" fails 55 chain "$vm/other.raw" "$vm/mid.qcow2" "top.qcow2"
check "... by systemctl as well" refused "start" "failed" m systemctl start vm@chain
check "unitvirt verify says what to add" contains \
        "<backingStore type='file'><format type='raw'/><source file='$vm/other.raw'/></backingStore>" \
        m unitvirt verify /etc/libvirt/qemu/chain.xml
check "control: with that in the definition it starts" define chain \
        "$(disk top.qcow2 vda "<backingStore type='file'><format type='raw'/>
        <source file='$vm/other.raw'/></backingStore>")"
check "... it does" starts chain
check "without it, it still does not" define chain "$(disk top.qcow2)"
check "... it does not" fails 55 chain "$vm/other.raw"
check "the header as it was is fine again" rebase top.qcow2 mid.qcow2 qcow2
check "... it starts" starts chain
check "an image that had none gets no backing file: it starts without" define plain "$(disk plain.qcow2)"
check "... start" starts plain
check "... its guest writes a name" rebase plain.qcow2 other.raw raw
check "... which is refused" fails 55 plain "$vm/other.raw" "it had none"

# --- an image that was handed over
for name in /etc/shadow /proc/1/environ /run/libvirt/qemu/next-id; do
        check "an upload that names $name" \
                m sh -c "rm -f $vm/upload.qcow2; qemu-img create -q -u -f qcow2 -b $name -F raw $vm/upload.qcow2 1M"
        check "... defines" define upload "$(disk upload.qcow2)"
        check "... and does not start" fails 55 upload "$name" "no place for images"
done
check "one that names a file outside of all storage folders" m sh -c "echo secret > /opt/secret; rm -f $vm/upload.qcow2
        qemu-img create -q -u -f qcow2 -b /opt/secret -F raw $vm/upload.qcow2 1M"
check "... does not start" fails 55 upload /opt/secret "no storage folder"
check "a pool there makes it one" m sh -c "mkdir -p /etc/libvirt/storage
        echo '<pool type=\"dir\"><name>o</name><target><path>/opt</path></target></pool>' > /etc/libvirt/storage/o.xml"
check "... it starts" starts upload
check "one that names the image of another guest" m sh -c "rm -f $vm/upload.qcow2
        qemu-img create -q -u -f qcow2 -b $vm/victim.raw -F raw $vm/upload.qcow2 1M; truncate -s 1M $vm/victim.raw"
check "... which that one writes to" define victim "$(disk victim.raw vda '' raw)"
check "... does not start" fails 55 upload "$vm/victim.raw" "the guest 'victim'"

# --- an overlay whose header does not say its base's format
forget_format() { m /usr/bin/python3 -c '
import sys
with open(sys.argv[1], "r+b") as f:
    head = f.read(65536); at = head.index(b"\xe2\x79\x2a\xca")
    f.seek(at); f.write(b"\x12\x34\x56\x78")' "$vm/$1"; }
check "an overlay that does not say its base's format" m sh -c "cd $vm && qemu-img create -q -f qcow2 leaf.qcow2 1M &&
        qemu-img create -q -f qcow2 -b leaf.qcow2 -F qcow2 silent.qcow2"
check "... really" forget_format silent.qcow2
check "... defines" define silent "$(disk silent.qcow2)"
check "... starts, with the format that the base has" m virsh -q start silent
layer_format() { m sh -c "virsh dumpxml $1 | grep -A1 '<backingStore type' | grep -o \"format type='[a-z0-9]*'\""; }
check "... qcow2" equals "format type='qcow2'" layer_format silent
check "... destroy" m virsh -q destroy silent
check "one whose base has a base of its own" \
        m sh -c "cd $vm && qemu-img create -q -f qcow2 -b mid.qcow2 -F qcow2 deep.qcow2"
check "... that does not say" forget_format deep.qcow2
check "... defines" define deep "$(disk deep.qcow2)"
check "... is refused, with both names" fails 55 deep "$vm/mid.qcow2" "base.raw"

# --- data in a file of their own
disk_of_store() { echo "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
        <source file='$vm/tables.qcow2'>
        <dataStore type='file'><format type='raw'/><source file='$vm/data.raw'/></dataStore></source>
        <target dev='vda' bus='virtio'/></disk>"; }
check "an image whose data are in another file" m sh -c \
        "cd $vm && qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on tables.qcow2 1M &&
        sha256sum data.raw"
check "... defines" define store "$(disk_of_store)"
check "... starts" m virsh -q start store
check "... both files are open, as descriptors" equals "data.raw tables.qcow2" held store
check "... each has its number, live" equals "index=1 index=2" \
        m sh -c "virsh dumpxml store | grep -o \"index='[0-9]*'\" | head -2 | xargs"
check "... another guest cannot have the data meanwhile" define thief "$(disk data.raw vda '' raw)"
refused "... its start says so" "lock" m virsh start thief
check "... destroy" m virsh -q destroy store
check "the same, where the definition does not say so" define silent-store \
        "$(disk_of_store | tr '\n' ' ' | sed 's|<dataStore.*</dataStore>||')"
refused "... is not opened because a header says it" \
        "<dataStore type='file'><format type='raw'/><source file='$vm/data.raw'/>" m virsh start silent-store
refused "... one that is no qcow2" "Only 'qcow2' images support 'dataStore'" \
        define store "$(disk_of_store | sed "s/type='qcow2'/type='raw'/")"

# --- one image twice
check "one image as two disks, both writable" define twice "$(disk base.raw vda '' raw)$(disk base.raw vdb '' raw)"
check "... is refused" fails 55 twice "$vm/base.raw" vda
check "once to read and once to write" \
        define twice "$(disk other.raw vda '' raw)$(disk other.raw vdb '<readonly/>' raw)"
check "... is refused" fails 55 twice "$vm/other.raw"
check "both to read" define twice "$(disk other.raw vda '<readonly/>' raw)$(disk other.raw vdb '<readonly/>' raw)"
check "... starts" starts twice
check "both shareable, without a cache mode" \
        define twice "$(disk other.raw vda '<shareable/>' raw)$(disk other.raw vdb '<shareable/>' raw)"
check "... starts" starts twice

# --- images that are not there
check "a missing image" define lost "$(disk nowhere.raw vda '' raw)"
check "... is code 38 with the path" fails 38 lost "$vm/nowhere.raw"
check "a folder as an image" \
        define lost "<disk type='file' device='disk'><source file='$vm'/><target dev='vda'/></disk>"
check "... is named a folder" fails 67 lost "'$vm' is a folder"
check "an optional one" define lost \
        "<disk type='file' device='disk'><source file='$vm/nowhere.raw' startupPolicy='optional'/>
        <target dev='vda' bus='virtio'/></disk>
        <disk type='file' device='cdrom'><source file='$vm/nowhere.iso' startupPolicy='optional'/>
        <target dev='sda' bus='sata'/></disk>"
m sh -c 'timeout 20 stdbuf -oL virsh event --domain lost --event disk-change --loop > /run/lost 2>&1 &'
virsh_listens
check "... the guest starts without" m virsh -q start lost
check "... an event says which drive has no medium" eventually 10 m grep -qF "$vm/nowhere.iso -> " /run/lost
check "... and which disk is not there" eventually 10 m grep -q "nowhere.raw.*dropped" /run/lost
check "... the live definition has no source" not contains nowhere m virsh dumpxml lost
check "... but the drive" contains "<target dev='sda'" m virsh dumpxml lost
check "... the stored one keeps both" equals 2 m sh -c "virsh dumpxml --inactive lost | grep -c nowhere"
check "... destroy" m virsh -q destroy lost
record() { m sh -c "ls /var/lib/libvirt/qemu/chains | grep -c $(m virsh domuuid chain)"; }
check "what was accepted for a guest" equals 1 record
uuid=$(m virsh domuuid chain)
check "... is forgotten" m virsh -q undefine chain
check "... with it" equals 0 m sh -c "ls /var/lib/libvirt/qemu/chains | grep -c $uuid"
check "nothing was given another owner or mode" equals "root:600" \
        m sh -c "stat -c %U:%a $vm/top.qcow2 $vm/mid.qcow2 $vm/base.raw | sort -u"
finish
