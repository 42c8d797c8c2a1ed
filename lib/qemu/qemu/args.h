/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From a definition to the arguments of QEMU: pure, table-driven, the same
 * for the same input on every machine. */

#include "base/error.h"
#include "base/macros.h"
#include "qemu/caps.h"

typedef struct Definition Definition; /* model/definition.h */

/* One of the QMP monitors. Either fd or path is set. */
typedef struct QemuMonitor {
        const char *name;    /* id of the monitor; the chardev is "char" and name */
        int fd;              /* inherited descriptor; -EBADF where path is used */
        bool listening;      /* fd listens (server=on,wait=off); otherwise it is connected, one end of a socket pair */
        const char *path;    /* QEMU creates and listens on this socket */
} QemuMonitor;

/* Descriptors of one network interface, by the interface's alias ("net0"). */
typedef struct QemuNet {
        const char *alias;
        const int *tap_fds;    /* one a queue */
        size_t n_tap_fds;
        const int *vhost_fds;  /* as many as tap_fds, or none: no vhost */
        size_t n_vhost_fds;
} QemuNet;

/* What is particular about one character device, by the device's alias
 * ("serial0", "channel0"). Members that are NULL or -EBADF change nothing. */
typedef struct QemuChardev {
        const char *alias;
        const char *path;     /* socket that QEMU listens on or connects to, or file, in place of the definition's */
        int fd; /* socket that QEMU inherits, in place of a path: listening, or connected as the mode says */
        const char *log_path; /* what the guest writes is copied here as well (chardev logfile=, appended);
                               * /dev/fdset/N and /proc/self/fd/N are fine */
        const char *tls_dir;  /* with the certificates of an end of TCP that wants TLS; the key's password is a
                               * QemuOpened of the device */
        const char *tls_priority; /* in gnutls' words */
        bool tls_anybody;     /* who connects needs no certificate */
} QemuChardev;

/* Where a device of the host was found, by its alias in the guest. */
typedef struct QemuHostdev {
        const char *alias;
        const char *path;     /* usb: the device node ("/dev/fdset/N" is fine), scsi: its generic device ("/dev/sg3") */
        int fd;               /* scsi_host: /dev/vhost-scsi, pci with iommufd: its own node, open; -EBADF for others */
} QemuHostdev;

/* What the host side opened for one element of a disk: the value of a <secret> or of <cookies>, in a file that QEMU
 * reads; a connection to the socket of a <host> or of a vhost-user disk's <source>; the device of a vDPA disk's
 * <source>; the file that a <transient> disk's changes go to. */
typedef struct QemuOpened {
        const struct _xmlNode *element;
        const char *path;     /* NULL: fd */
        const char *data;     /* of a secret, in place of path: its value in base64, for a QEMU that runs */
        int fd;
} QemuOpened;

/* Where huge pages of one size are mounted. */
typedef struct QemuHugepages {
        uint64_t size;        /* bytes */
        const char *path;     /* "/dev/hugepages" */
} QemuHugepages;

/* What was chosen for one graphics element, by its position among <graphics>. */
typedef struct QemuGraphics {
        int port;             /* -1: as in the definition, or the first of the family (5900) */
        int tls_port;
        int websocket;
        const char *address;  /* where it listens, if the definition says nothing */
        const char *socket;   /* UNIX socket, in place of an address */
        bool handed;          /* its clients are handed to QEMU, which listens where it must, for websockets and for
                               * SPICE with TLS, and there nobody comes but by way of vm-run */
        bool password;        /* clients need one, whatever the definition says */
        bool sasl;            /* ... log in with a name */
        bool tls;             /* may be encrypted; the key's password is a QemuOpened of the element */
        const char *tls_dir;  /* with the server's certificates */
        const char *tls_priority; /* in gnutls' words */
        bool tls_anybody;     /* who connects needs no certificate */
} QemuGraphics;

/* What the host side prepared for this start. Everything that is zero or NULL
 * has a default: qemu_host_resources_init() sets those that zero does not mean. */
typedef struct QemuHostResources {
        const char *accel;        /* "kvm" or "tcg"; NULL: as domain@type says (kvm: kvm, qemu: tcg). "tcg" for a guest
                                   * of type kvm leaves out the enlightenments that only KVM can give */
        const char *run_dir;      /* for sockets that the definition names no path for; NULL: path_run()/qemu/NAME */
        const QemuMonitor *monitors;
        size_t n_monitors;        /* 0: one, "monitor", listening on run_dir/qmp.sock */
        const QemuNet *nets;
        size_t n_nets;
        const QemuChardev *chardevs;
        size_t n_chardevs;
        const QemuHostdev *hostdevs;
        size_t n_hostdevs;
        int iommu;                /* /dev/iommu, open, for those with iommufd; 0: QEMU opens it */
        const QemuOpened *opened;
        size_t n_opened;
        const QemuHugepages *hugepages;
        size_t n_hugepages;       /* 0: /dev/hugepages for 2 MiB, /dev/hugepages1G for others */
        const QemuGraphics *graphics;
        size_t n_graphics;
        const char *nodes;        /* that memory of placement 'auto' is on; NULL: any */
        long long now;            /* the time, for clocks at an offset from it; 0: the host asks its clock */
        const char
                *nvram; /* the guest's own copy of the variables, in place of os/nvram; NULL: as the definition says */
        const struct _xmlNode
                *host_sysinfo; /* <sysinfo> of the host, for guests that show it as their own (smbios mode host) */
        bool no_sandbox;          /* leave out -sandbox: for a QEMU that was built without seccomp */
        bool dump_guest_core;     /* QEMU's core dumps hold the guest's memory, where the definition does not say */
        bool stand_ins; /* made-up numbers for taps that nobody opened: to show the arguments, not to run them */
        bool running;             /* with stand_ins: of a guest that runs, whose parts are to be named, all of them */
        bool recorded; /* stand_ins and listening sockets as libvirt's recordings have them, to compare with those */
} QemuHostResources;

void qemu_host_resources_init(QemuHostResources *res);

/* The guest's one balloon in QEMU's tree of objects (its alias is always the same), and the property that says how
 * often its driver is asked for statistics: seconds, 0 for never. No argument has it. */
#define QEMU_BALLOON_PATH "/machine/peripheral/balloon0"
#define QEMU_BALLOON_PERIOD "guest-stats-polling-interval"

/* Builds argv[0] (the emulator) and all arguments of QEMU for a definition
 * that was normalised and has aliases. *ret is a strv of the caller's (strv_free).
 *
 * QEMU is started with -S and -no-shutdown: whoever starts it applies what has
 * no argument (balloon, link state, passwords), then sends "cont".
 *
 * Errors: -EOPNOTSUPP with code 67 for what Unitvirt or this QEMU cannot do,
 * naming file, line, element or attribute; -EINVAL with code 27 for values that do
 * not belong together; -ENOMEM. */
int qemu_args_build(const Definition *live, const QemuCaps *caps, const QemuHostResources *res, char ***ret_argv,
                    Error *e);

/* What of a definition, normalised, can be told at once to be too much for a QEMU: its machine, and the number of
 * vCPUs. Errors as above. */
int qemu_machine_check(const Definition *d, const QemuCaps *caps, Error *e);

/* Quotes one value for a QEMU option list ("a,b" -> "a,,b"). NULL when memory ran out. */
char *qemu_option_escape(const char *value);
