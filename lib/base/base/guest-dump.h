/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a guest's memory comes into a file of the host. vm-run and QEMU may write nowhere, so vm-run connects to the
 * socket below (SOCK_SEQPACKET, bound into the view of guests that may come to be dumped), which starts vm-dump as
 * root. It says nothing: who it is the kernel tells, by the unit of its process, and what that guest may do is in the
 * launch file.
 *
 *   vm-dump  -> one packet: the file's name, and the file, open for writing; or without a file, why there is none
 *   vm-run   -> DUMP_WHOLE once QEMU has written all. The file is removed when anything else comes
 *   vm-dump  -> the name again, when the file has it */

#define DUMP_SOCKET "/run/libvirt/dump/socket"
#define DUMP_WHOLE "whole"
/* Bytes of vm-dump's packet. */
#define DUMP_ANSWER_MAX 4096U
