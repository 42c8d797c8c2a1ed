#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What this machine's kernel may lack: bridges that filter VLANs, policers, checksums that are completed on the way out.
# The test of lib/network's messages to the kernel, as everywhere, but on Debian's kernel in a guest, where nothing of
# it may be left out.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
top=$(realpath "$here/../..")
package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
[ "$package" ] || { echo "not ok - $area: there is a kernel of Debian's"; exit 1; }
packages=$("$here/fetch-packages" "$package" "$package") || { echo "not ok - $area: the kernel is fetched"; exit 1; }
modules=(bridge veth tun macvtap sch_htb sch_ingress cls_u32 act_police act_csum act_gact nf_tables)

unpack() {
        mkdir "$work/kernel" || return 1
        dpkg-deb --fsys-tarfile "$packages/$package"_*.deb | tar -x -C "$work/kernel" || return 1
        if [ -d "$work/kernel/usr/lib/modules" ]; then ln -s usr/lib "$work/kernel/lib"; fi
        version=$(basename "$work"/kernel/lib/modules/*)
        depmod -b "$work/kernel" "$version"
}
# with_libraries FILE...: programs, with what they are linked to
with_libraries() {
        local file
        for file; do
                cp -L "$file" "$root/bin" || return 1
                ldd "$file" | grep -o '/[^ ]*'
        done | sort -u | while read -r file; do cp --parents -L "$file" "$root"; done
}
put_modules() {
        local name file
        for name in "${modules[@]}"; do
                modprobe -d "$work/kernel" -S "$version" --show-depends "$name" | awk '$1 == "insmod" { print $2 }'
        done | awk '!seen[$0]++' | while read -r file; do
                case $file in *.xz) xz -dc "$file";; *.zst) zstd -qdc "$file";; *) cat "$file";; esac > \
                        "$root/modules/$(basename "$file")"
                basename "$file"
        done > "$root/modules/order"
}
# Without the library around them, which needs more of the source.
compile() {
        gcc -std=gnu17 -O1 -g -D_GNU_SOURCE -I"$top/lib/base" -I"$top/lib/network" -I/usr/include/libnl3 \
                -o "$work/test-links" \
                "$top"/lib/network/{test-links,address,chains,floor,link,netlink,shape}.c \
                "$top"/lib/base/{error,fds,fs,ip,log,log-route,strings}.c -lcmocka -lnl-3
}
initrd() {
        root=$work/initrd
        mkdir -p "$root"/{bin,proc,sys,dev,run,tmp,modules} || return 1
        cp "$(command -v busybox)" "$root/bin/busybox"
        with_libraries "$work/test-links"
        put_modules
        printf '%s\n' "$(declare -f run_inside)" 'run_inside' | sed '1i #!/bin/busybox sh' > "$root/init"
        chmod 755 "$root/init"
        (cd "$root" && find . | cpio -o -H newc --quiet -R 0:0) | gzip -1 > "$work/initrd.img"
}
run_inside() {
        /bin/busybox --install -s /bin
        mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
        while read -r module; do insmod "/modules/$module" || echo "cannot load $module"; done < /modules/order
        /bin/test-links
        echo "the test's status: $?"
        poweroff -f
}
boot() {
        timeout 300 qemu-system-x86_64 -accel tcg -machine q35 -m 512 -display none -nodefaults -no-user-config \
                -no-reboot -kernel "$work"/kernel/boot/vmlinuz-* -initrd "$work/initrd.img" \
                -append 'console=ttyS0 quiet panic=-1' \
                -serial "file:$work/serial" </dev/null
        grep -q "the test's status" "$work/serial" || { tail -n 20 "$work/serial"; return 1; }
}
passed() {
        tr -d '\r' < "$work/serial" > "$work/lines"
        grep -q "OK \] $1$" "$work/lines" || { tail -n 40 "$work/lines"; return 1; }
}

check "Debian's kernel" unpack
check "the test of messages to the kernel" compile
check "... in an initrd" initrd
check "... runs in a guest" boot
check "... all of it passes" contains "the test's status: 0" cat "$work/serial"
check "... nothing was left out" not grep -q SKIPPED "$work/serial"
for name in ports_are_in_vlans ports_are_isolated rates_are_limited floors_are_promised_once macvtaps_have_modes \
        answers_of_dhcp_have_checksums; do
        check "... $name" passed $name
done
finish
