/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How devices come to a guest that runs. The supervisor may not open what they need, and QEMU may not either; so the
 * supervisor writes what the live definition is to become (NAME.pending, root only) and asks vm-plug, a service that
 * systemd starts for the socket below (SOCK_SEQPACKET, root only) and that ends when nobody wants anything of it. It
 * opens what the device of that name in that file needs, and nothing else.
 *
 * One packet each way. The request is lines of KEY=VALUE (base/keyfile.h):
 *
 *   verb     "attach": open what the device needs; "release": undo what was made on the host for it; "change": a card
 *            has another place or other limits in that file than in the live definition; "lock": take the lock of a
 *            lease in that file; "unlock": let go of that of one; "pin": threads of the guest may run on these CPUs
 *            alone; "limit": threads of the guest may take so much of the CPUs; "join": the thread of a vCPU comes to
 *            its groups of resctrl and to its scheduler;
 *            "receive": the macvtap of a card that the definition trusts (trustGuestRxFilters) takes what the guest
 *            wants to hear
 *   guest    its name
 *   device   the device's alias, of a lease definition_lease_name(); for all but pin, join and limit
 *   version  of QEMU, "10.0.2"; for attach, as the next
 *   set      the first number of a set of descriptors that QEMU does not use
 *   threads  "17 18 23": the numbers of threads of the guest's unit, whoever says so; for pin, as the next
 *   cpus     "0-3,8": of the host
 *   vcpu     "3": which one the one thread is; for join
 *   group    "vcpu0", "iothread1", "emulator": for limit, with threads, as the next
 *   limit    "50000 100000" or "max 100000": of how many microseconds, in each of so many
 *
 *   frames   "52:54:00:1:2:3", with " groups" or " all" behind it, or both: for receive, with the device
 *
 * The answer is a JSON object, {"error": TEXT} (error_to_text()), {} for release, receive, lock, unlock, pin, join
 * and limit, for change {"device": ELEMENT}, or for attach, with the descriptors in the order in which they are counted
 * here from 0:
 *
 *   device    the element as it is now: what was chosen and found is in it
 *   sets      [{"set": 100, "fd": 0}, ...]: for add-fd
 *   names     [{"name": "net1-0", "fd": 1}, ...]: for getfd
 *   steps     [{"do": REQUEST, "undo": REQUEST}, ...]: for QEMU, in this order
 *   after     [REQUEST, ...]: once the device is there; without undoing */

#define PLUG_SOCKET "plug/socket" /* below path_run() */
/* In front of the alias of the device that a set of descriptors is for, as QEMU remembers it ("opaque"). */
#define FDSET_OF_DEVICE "device:"
#define PLUG_REQUEST_MAX 16384U
#define PLUG_ANSWER_MAX (128U * 1024U)
