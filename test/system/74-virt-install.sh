#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# virt-install and virt-xml make, boot and change guests. Most disks are named by --xml: what virt-install makes of
# storage pools for --disk is in 66-storage.sh.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
images=/var/lib/libvirt/images
m cp /run/guest/disk.qcow2 $images/made.qcow2

install() { LIMIT=120 m virt-install --memory 192 --disk none --virt-type qemu --osinfo detect=on,require=off \
        --noautoconsole "$@"; }
kernel() { printf '%s,%s\n' "kernel=$images/vmlinuz,initrd=$images/initrd.img" \
        "kernel_args=\"console=ttyS0 root=/dev/vda hostname=$1 quiet $kernel_words\""; }
disk=(--xml ./devices/disk/@type=file --xml ./devices/disk/driver/@name=qemu --xml ./devices/disk/driver/@type=qcow2
      --xml "./devices/disk/source/@file=$images/made.qcow2" --xml ./devices/disk/target/@dev=vda
      --xml ./devices/disk/target/@bus=virtio)

check "virt-install of a guest with kernel, disk, network and screen" install --name made --import --boot \
        "$(kernel made)" \
        --network user,model=virtio --graphics vnc --rng /dev/urandom --channel \
                unix,target.type=virtio,target.name=org.qemu.guest_agent.0 "${disk[@]}"
check "... it runs" shows_running made
check "... it has booted" eventually 60 m sh -c "journalctl -b -o cat --no-pager VM_NAME=made | grep -q 'made login:'"
check "... it has what was asked for" \
        m sh -c "virsh dumpxml made | grep -q \"<model type='virtio'/>\" &&
                virsh domblklist made | grep -q 'vda *$images/made.qcow2'"
check "... its screen is served" contains 127.0.0.1:0 m virsh vncdisplay made
check "virt-xml changes the definition" m virt-xml made --edit --memory 256 --define
check "... the running guest is as it was" m sh -c "virsh dominfo made | grep -qE 'Max memory: +196608 KiB'"
check "... the next start has the change" \
        m sh -c "virsh dumpxml --inactive made | grep -q \"<memory unit='KiB'>262144</memory>\""
check "virt-xml adds a device" m virt-xml made --add-device --watchdog action=reset --define
check "... to the next start" m sh -c "virsh dumpxml --inactive made | grep -q '<watchdog'"
check "virt-xml removes it" m virt-xml made --remove-device --watchdog all --define
check "virsh shutdown" m virsh -q shutdown made
check "... shut off, by shutdown" eventually 40 shows_off made shutdown
check "start with the change" m virsh -q start made
check "... it is there" m sh -c "virsh dominfo made | grep -qE 'Max memory: +262144 KiB'"
check "destroy, undefine" m sh -c 'virsh -q destroy made && virsh -q undefine made'

check "virt-install --transient" install --name passing --import --boot \
        "loader=$images/idle.rom,loader.readonly=yes,loader.type=rom" --transient --network none --graphics none
check "... it is transient" m sh -c "virsh dominfo passing | grep -qE 'Persistent: +no'"
check "... and gone after its end" m sh -c 'virsh -q destroy passing && ! virsh dominfo passing'
check "virt-install --autostart" install --name early --import --boot \
        "loader=$images/idle.rom,loader.readonly=yes,loader.type=rom" --autostart --network none --graphics none
check "... systemd enables it" contains enabled m systemctl is-enabled vm@early
check "destroy, undefine" m sh -c 'virsh -q destroy early && virsh -q undefine early'
check "... it is not enabled any more" not m systemctl is-enabled vm@early

# --- what comes with an installation, by way of the pool "boot" ---
installs() { LIMIT=120 m virt-install --memory 192 --virt-type qemu --osinfo detect=on,require=off --noautoconsole \
        --network none --graphics none --disk "$images/made.qcow2,bus=virtio" "$@"; }
booted() { m sh -c "journalctl -b -o cat --no-pager VM_NAME=$1 | grep -q '$1 login:'"; }
m sh -c 'printf "#cloud-config\nhostname: clouded\n" > /tmp/user-data; echo "instance-id: i1" > /tmp/meta-data'
check "virt-install --cloud-init" installs --name clouded --import --boot "$(kernel clouded)" \
        --cloud-init user-data=/tmp/user-data,meta-data=/tmp/meta-data
check "... the guest has the CD" contains cloudinit.iso m virsh domblklist clouded
check "... QEMU has it, to read" contains '"ro":true' \
        m virsh qemu-monitor-command clouded '{"execute":"query-named-block-nodes"}'
check "... it boots" eventually 60 booted clouded
check "... the next boot is without" not m sh -c 'virsh dumpxml --inactive clouded | grep cloudinit'
check "destroy, undefine" m sh -c 'virsh -q destroy clouded && virsh -q undefine clouded'
m sh -c "mkdir /srv/tree; cp $images/vmlinuz $images/initrd.img /srv/tree
        printf '%s\n' '[general]' family=Test version=1 \
        arch=x86_64 '[images-x86_64]' kernel=vmlinuz initrd=initrd.img > /srv/tree/.treeinfo"
check "virt-install --location of a local tree" installs --name located --location /srv/tree \
        --extra-args "console=ttyS0 root=/dev/vda hostname=located quiet $kernel_words"
check "... it boots the tree's kernel" eventually 60 booted located
check "... the next boot is from the disk" \
        m sh -c "! virsh dumpxml --inactive located | grep -E '<(kernel|initrd|cmdline)>' &&
                virsh dumpxml --inactive located | grep -q \"<boot dev='hd'/>\""
check "... nothing of it is left in the pool" equals '' m ls -A /var/lib/libvirt/boot
check "destroy, undefine" m sh -c 'virsh -q destroy located && virsh -q undefine located'

if m test -e /usr/share/OVMF/OVMF_CODE_4M.fd; then
        check "virt-install --boot uefi" install --name efi --import --boot uefi --network none --graphics none
        check "... it runs" shows_running efi
        check "... from flash" m sh -c "virsh dumpxml efi | grep -q \"type='pflash'\""
        check "destroy, undefine --nvram" m sh -c 'virsh -q destroy efi && virsh -q undefine --nvram efi'
fi
refused "a network that is not there is named" "no network with matching name 'default'" \
        install --name net --import --boot \
        "$(kernel net)" --network network=default --graphics none
check "... nothing is left of it" not m virsh dominfo net
# --- every option that describes a device, as far as this virt-install knows them ---
n=0
# shellcheck disable=SC2162 # a line may go on in the next
while read option; do
        # shellcheck disable=SC2086 # the line is words
        set -- $option
        case $option in *--disk*) ;; *) set -- --disk none "$@";; esac
        case $option in *--network*) ;; *) set -- --network none "$@";; esac
        check "virt-install $option" m sh -c 'n=$1; shift; virt-install --name vi$n --memory 256 --osinfo generic \
                --import --print-xml 1 "$@" > /root/vi.xml &&
                virsh -q define /root/vi.xml && virsh -q undefine --nvram vi$n' - "$((++n))" "$@"
done < "$(dirname "$(realpath "$0")")/virt-install.options"

# --- what has to run, too
runs() {
        install --name ran --import --boot "loader=$images/idle.rom,loader.readonly=yes,loader.type=rom" \
                --network none "$@" && m sh -c 'virsh -q destroy ran && virsh -q undefine ran'
}
check "virt-install --redirdev of a terminal runs" runs --graphics vnc --redirdev usb,type=pty
check "virt-install --serial qemu-vdagent runs" \
        runs --graphics none --serial qemu-vdagent,source.clipboard.copypaste=yes
check "OpenGL of VNC, which draws with none, runs without a graphics card" \
        runs --graphics vnc,gl.enable=yes
# nobody is waited for at its other end
refused "virt-install --smartcard host" "cannot use the cards of the host without '/etc/pki/nssdb/cert9.db'" \
        runs --graphics none --smartcard host
finish
