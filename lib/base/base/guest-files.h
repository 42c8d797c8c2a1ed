/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the files of a guest are. docs/architecture.md says what is in each, and who writes it; nobody spells these
 * paths but here, so that the programs cannot differ. path_etc(), path_run(), path_lib() and path_log() move all of
 * them, for tests. */

#include "base/macros.h"

typedef enum GuestFile {
        GUEST_FILE_PERSISTENT,      /* /etc/libvirt/qemu/NAME.xml */
        GUEST_FILE_AUTOSTART,       /* /etc/libvirt/qemu/autostart/NAME.xml */
        GUEST_FILE_AUTOSTART_ONCE,  /* /etc/libvirt/qemu/autostart/NAME.xml.once */
        GUEST_FILE_TRANSIENT,       /* /run/libvirt/qemu/transient/NAME.xml */
        GUEST_FILE_LIVE,            /* /run/libvirt/qemu/NAME.xml */
        GUEST_FILE_LAUNCH,          /* /run/libvirt/qemu/NAME.launch */
        GUEST_FILE_UNDO,            /* /run/libvirt/qemu/NAME.undo, see host/undo.h */
        GUEST_FILE_LAST,            /* /run/libvirt/qemu/NAME.last */
        GUEST_FILE_ERROR,           /* /run/libvirt/qemu/NAME.error */
        GUEST_FILE_STATE,           /* /run/libvirt/qemu/NAME.state */
        GUEST_FILE_REQUEST,         /* /run/libvirt/qemu/NAME.request */
        GUEST_FILE_DUMPED,          /* /run/libvirt/qemu/NAME.dumped: when its memory was dumped last */
        GUEST_FILE_PENDING,         /* /run/libvirt/qemu/NAME.pending: what the live definition is to become */
        GUEST_FILE_LOCK,            /* /run/libvirt/qemu/NAME.lock: held as long as a run of the guest lives */
        GUEST_FILE_GROUPS,          /* /run/libvirt/qemu/NAME.groups: a socket, see GROUP_NAME_MAX */
        _GUEST_FILE_MAX,
} GuestFile;

/* Descriptors that clients have associated with a guest (virDomainFDAssociate) wait in the daemon. While it starts a
 * guest whose definition names such a group (fdgroup), it listens at GUEST_FILE_GROUPS; whoever connects, as root, is
 * sent a message for each group, the group's name with its descriptors, and then the end. */
#define GROUP_NAME_MAX 255U
#define GROUP_FDS_MAX 32U

/* The path of a guest's file, owned by the caller; NULL without memory. */
char *guest_file(GuestFile file, const char *name);

/* What stands behind NAME in the name of such a file, ".launch". */
const char *guest_file_suffix(GuestFile file);

/* The guest whose file of that kind is called file_name (without its folder), owned by the caller. NULL where that is
 * no such file's name, or without memory. */
char *guest_file_guest(GuestFile file, const char *file_name);

/* The guest behind the instance of its unit, as instance_to_name() finds it, owned by the caller. -ENOENT. */
int guest_of_instance(const char *instance, char **ret);

/* "/var/lib/libvirt/qemu/chains/UUID": which backing files its images may name (chain/chain.h). As above. */
char *guest_chain_file(const char *uuid);

/* "/var/log/libvirt/qemu/NAME.log": QEMU's words, as libvirt keeps them. As above. */
char *guest_log_file(const char *name);

/* "/dev/unitvirt/POOL/VOLUME": a link to the device of a volume whose pool alone can tell which that is; volume NULL:
 * the folder. As above. */
char *pool_node(const char *pool, const char *volume);

/* "/run/libvirt/qemu/FILE": what all guests share; owned by the caller, NULL without memory. */
char *guests_shared_file(const char *file);
#define GUESTS_PORTS "ports"            /* lines "PORT NAME" */
#define GUESTS_PORTS_LOCK "ports.lock"  /* who changes it holds this */
#define GUESTS_NEXT_ID "next-id"

/* /run/libvirt/qemu/USER, the folder of the guest's user (plan/names.h): nothing in it is to be trusted. As above. */
char *guest_folder(const char *user);

/* What is in that folder. */
#define GUEST_FOLDER_MONITOR "qmp.sock"
#define GUEST_FOLDER_RUN "run"
#define GUEST_FOLDER_ERROR "error"
#define GUEST_FOLDER_PORTS "ports" /* a socket: runner/late-port.h */
