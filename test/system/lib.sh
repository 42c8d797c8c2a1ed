# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The verbs of the system tests. A test NN-AREA.sh is called with a build folder, boots one machine, checks, and ends
# with `finish`, which prints the totals. Each check is one line of `ok` or `not ok` with what was seen.
#
#   machine_up [NSPAWN-OPTION...]     boots the machine, with the guests' images in /var/lib/libvirt/images; where
#                                     bare=yes, without Unitvirt
#   whole_machine_up [QEMU-OPTION...] boots a whole machine, with a kernel of its own and everything that this has, in
#                                     place of that; all is slower in it, so that `eventually` and LIMIT have ten times
#                                     as long
#   m COMMAND...                      runs a command in it
#   guest_xml NAME [KIND [DEVICES]]   a definition on standard output; KIND: idle (answers the power button), stubborn
#                                     (does not), linux (a disk, a login prompt)
#   put_guest NAME [KIND [DEVICES]]   writes it to /etc/libvirt/qemu/NAME.xml
#   define_guest NAME [KIND ...]      the same through virsh define
#   console_says NAME LINE            logs in on a guest's console and types LINE
#   virsh_listens [N]                 waits until N (1) of the machine's virsh have a connection, to hear of events
#   check WHAT COMMAND...             passes if the command succeeds
#   refused WHAT TEXT COMMAND...      passes if it fails and says TEXT
#   eventually SECONDS COMMAND...     until it succeeds
#   equals WANTED COMMAND...          its output, without empty lines and trailing blanks, is WANTED
#   machine_reboot [SECONDS]          reboots the machine and waits
#   only_at_night                     true in nightly runs
#   lend PROGRAM...                   a whole machine that is booted next has these of this machine's programs
#   within TEST                       what another test checks, in the machine that is up

# A test within another has its machine, and all this.
if declare -f whole_machine_up >/dev/null; then return 0; fi
set -u
# What is tested is what Debian packages, not what stands before it in the PATH of whoever runs this.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
build=$(realpath "${1:?usage: ${0##*/} BUILD}")
here=$(dirname "$(realpath "$0")")
area=$(basename "$0" .sh)
images=$("$here/guest-image") || exit 1
virt_admin=$("$here/virt-admin") || exit 1
work=$(mktemp -d "/tmp/unitvirt-$area.XXXXXX")
dir=$work/machine
machine_program=container times_slower=1
passed=0 failed=0
export LIBVIRT_DEFAULT_URI=qemu:///system
uri=qemu:///system
# What an emulated processor need not do when Linux starts: a quarter of the time that it takes.
kernel_words='tsc=reliable no_timer_check mitigations=off nokaslr cryptomgr.notests random.trust_cpu=on'

clean_up() {
        trap - EXIT
        "$here/$machine_program" down "$dir" >/dev/null 2>&1
        rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

only_at_night() { [ -n "${NIGHTLY-}" ]; }

machine_up() {
        local install=(--install "$build")
        [ -z "${bare-}" ] || install=()
        # where packages are installed it comes with them, on Debian 13 with libvirt's
        [ -n "${bare-}" ] || [ "$virt_admin" = /usr/bin/virt-admin ] ||
                set -- --bind-ro="$virt_admin:/usr/bin/virt-admin" "$@"
        "$here/container" up "$dir" --owner $$ "${install[@]}" -- \
                --bind-ro="$images:/run/guest" --bind-ro="$here:/run/test" "$@" ||
                { echo "not ok - $area: the machine boots"; failed=1; finish; }
        m sh -c 'mkdir -p /var/lib/libvirt/images &&
                cp /run/guest/vmlinuz /run/guest/*.img /run/guest/*.rom /var/lib/libvirt/images'
}
whole_machine_up() {
        machine_program=whole-machine times_slower=10
        mkdir -p "$work/tree"/{var/lib/libvirt/images,srv/test,etc/tmpfiles.d}
        cp "$images"/{vmlinuz,*.img,*.rom,disk.qcow2} "$work/tree/var/lib/libvirt/images"
        cp "$here"/*.{py,sh} "$work/tree/srv/test"
        # an emulated processor may take longer to come from the generators to udev's last disk than systemd waits for
        # one
        mkdir -p "$work/tree/etc/systemd/system.conf.d"
        printf '[Manager]\nDefaultDeviceTimeoutSec=15min\n' > "$work/tree/etc/systemd/system.conf.d/slow.conf"
        printf 'L /run/test - - - - /srv/test\nL /run/guest - - - - /var/lib/libvirt/images\n' \
                > "$work/tree/etc/tmpfiles.d/test.conf"
        "$here/whole-machine" up "$dir" --owner $$ --install "$build" --tree "$work/tree" -- "$@" ||
                { echo "not ok - $area: the machine boots"; failed=1; finish; }
}
# The image is of the same release, and has the libraries.
lend() {
        local program
        mkdir -p "$work/tree/usr/local/bin"
        for program; do cp -L "$(command -v "$program")" "$work/tree/usr/local/bin"; done
}
within() {
        local area=$area/$1 uri=$uri finish
        finish=$(declare -f finish)
        machine_up() { :; }
        finish() { :; }
        # shellcheck disable=SC1090
        . "$here/$1.sh" "$build"
        eval "$finish"
}
machine_down() { "$here/$machine_program" down "$dir"; }
# Some tests take these with them into another shell, where a machine is a container.
m() {
        "$here/${machine_program:-container}" sh "$dir" timeout "${LIMIT:-$((60 * ${times_slower:-1}))}" \
                env LIBVIRT_DEFAULT_URI="$uri" TERM=dumb "$@" </dev/null
}
m_with_input() {
        "$here/${machine_program:-container}" sh "$dir" timeout "${LIMIT:-$((60 * ${times_slower:-1}))}" \
                env LIBVIRT_DEFAULT_URI="$uri" "$@"
}

# Reboots the machine; its files are as they were, /run and /tmp are new.
machine_reboot() { "$here/$machine_program" reboot "$dir" "${1:-$((90 * times_slower))}"; }
keep_journal() {
        m sh -c 'mkdir -p /var/log/journal; sed -i s/volatile/persistent/ /etc/systemd/journald.conf.d/test.conf
                systemctl restart systemd-journald'
}

report() {
        if [ "$1" = 0 ]; then passed=$((passed + 1)); echo "ok - $area: $2"; return; fi
        failed=$((failed + 1))
        echo "not ok - $area: $2"
        sed 's/^/#   /' "$work/seen" | tail -n 15
}
check() {
        local what=$1; shift
        "$@" > "$work/seen" 2>&1
        report $? "$what"
}
refused() {
        local what=$1 text=$2; shift 2
        if "$@" > "$work/seen" 2>&1; then echo "it was accepted" >> "$work/seen"; report 1 "$what"; return; fi
        if ! grep -qF -- "$text" "$work/seen"; then
                echo "expected to say: $text" >> "$work/seen"; report 1 "$what"; return
        fi
        report 0 "$what"
}
eventually() {
        # SECONDS counts whole ones: without the one more, a time of 2 s may be one of 1.01 s
        local until=$((SECONDS + $1 * ${times_slower:-1} + 1)); shift
        until "$@"; do
                [ $SECONDS -lt $until ] || return 1
                sleep 0.2
        done
}
equals() {
        local wanted=$1 seen; shift
        seen=$("$@" 2>&1 | sed 's/[[:space:]]*$//' | grep -v '^$')
        [ "$seen" = "$wanted" ] || { printf 'wanted: %s\nseen:   %s\n' "$wanted" "$seen"; return 1; }
}
contains() {
        local wanted=$1 seen; shift
        seen=$("$@" 2>&1)
        grep -qF -- "$wanted" <<<"$seen" || { printf 'wanted: %s\nseen:   %s\n' "$wanted" "$seen"; return 1; }
}
not() { ! "$@"; }

finish() {
        if [ $failed != 0 ]; then
                echo "#   the machine's journal, last lines:"
                m journalctl -b --no-pager -q -n 40 2>/dev/null | sed 's/^/#   /'
        fi
        echo "$area: $passed passed, $failed failed"
        exit $((failed != 0))
}

# The definition of a guest, by kind.
guest_xml() {
        local name=$1 kind=${2-idle} devices=${3-} boot extra=''
        case $kind in
        idle | stubborn) boot="<loader readonly='yes' type='rom'>/var/lib/libvirt/images/$kind.rom</loader>" memory=16;;
        linux)
                boot="<kernel>/var/lib/libvirt/images/vmlinuz</kernel>
                <initrd>/var/lib/libvirt/images/initrd.img</initrd>
                <cmdline>console=ttyS0 root=/dev/vda hostname=$name quiet $kernel_words</cmdline>"
                memory=192
                extra="<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
                <source file='/var/lib/libvirt/images/$name.qcow2'/><target dev='vda' bus='virtio'/></disk>"
                m sh -c "[ -e /var/lib/libvirt/images/$name.qcow2 ] ||
                        cp /run/guest/disk.qcow2 /var/lib/libvirt/images/$name.qcow2"
                ;;
        esac
        cat <<XML
<domain type='qemu'>
  <name>$name</name>
  <memory unit='MiB'>$memory</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type>$boot</os>
  <features><acpi/></features>
  <devices>
    $extra<serial type='pty'/>
    <memballoon model='none'/>$devices
  </devices>
</domain>
XML
}
# Logs in on the console of a guest of kind linux, and prints what a line typed there says, once it has ended.
console_says() {
        local said
        m /usr/bin/python3 /run/test/console.py "$1" $((40 * times_slower)) "$2" > "$work/console" 2>&1
        said=$?
        cat "$work/console"
        return $said
}
n_virsh() { m sh -c 'ss -Hxp | grep -o "\"virsh\",pid=[0-9]*" | sort -u | wc -l'; }
has_virsh() { [ "$(n_virsh)" -ge "$1" ]; }
# What it asks for first it is given in no time.
virsh_listens() { eventually 20 has_virsh "${1-1}" && sleep 0.5; }
put_guest() { guest_xml "$@" | m_with_input sh -c "cat > '/etc/libvirt/qemu/$1.xml'"; }
define_guest() { guest_xml "$@" | m_with_input sh -c "cat > '/root/$1.xml' && virsh -q define '/root/$1.xml'"; }

# How the three see a guest.
virsh_state() { m virsh domstate "$1" --reason; }
unit_state() { m systemctl show -P ActiveState "vm@$1.service"; }
in_machined() { m machinectl -q show "$1" >/dev/null 2>&1; }
is_running() {
        [ "$(virsh_state "$1" | head -1)" = "running (booted)" ] && [ "$(unit_state "$1")" = active ] &&
                in_machined "$1"
}
is_off() {
        [ "$(virsh_state "$1" | head -1)" = "shut off ($2)" ] && [ "$(unit_state "$1")" = "${3-inactive}" ] &&
                ! in_machined "$1"
}
shows_running() {
        eventually 10 is_running "$1" || { virsh_state "$1"; unit_state "$1"; m machinectl list; return 1; }
}
shows_off() { eventually 15 is_off "$@" || { virsh_state "$1"; unit_state "$1"; m machinectl list; return 1; }; }
qemu_pid() {
        m sh -c "cat /sys/fs/cgroup/machine.slice/*/cgroup.procs \
                /sys/fs/cgroup/machine.slice/vm@$1.service/cgroup.procs 2>/dev/null | sort -u |
                while read p; do
                        grep -lq guest=$1, /proc/\$p/cmdline 2>/dev/null &&
                                grep -q qemu-system /proc/\$p/comm && echo \$p
                done | head -1"
}
