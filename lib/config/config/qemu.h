/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /etc/libvirt/qemu.conf. Every key that libvirt documents is known; those that
 * lead nowhere in Unitvirt are told as warnings, so that no setting is lost in
 * silence. */

#include "base/error.h"
#include "config/conf.h"

typedef struct QemuConfig {
        char *vnc_listen;               /* "127.0.0.1" */
        char *vnc_password;             /* NULL: none */
        bool vnc_auto_unix_socket;
        char *spice_listen;
        char *spice_password;
        bool spice_auto_unix_socket;
        unsigned remote_display_port_min, remote_display_port_max;
        unsigned remote_websocket_port_min, remote_websocket_port_max;
        unsigned migration_port_min, migration_port_max;
        char *migration_address;        /* NULL: all */
        char *migration_host;
        char *save_image_format, *dump_image_format, *snapshot_image_format;
        char *auto_dump_path;
        char **hugetlbfs_mount;         /* NULL: found among the mounts */
        char *memory_backing_dir;
        uint64_t max_core;              /* bytes; CONF_UNLIMITED */
        uint64_t max_processes, max_files; /* 0: not set */
        bool set_process_name;
        int seccomp_sandbox;            /* -1: where QEMU can */
        bool log_timestamp;
        char *lock_manager;             /* NULL: none */
        char *bridge_helper;
        char *swtpm_user, *swtpm_group;
        char **nvram;                   /* pairs of firmware and variables */
        char *deprecation_behavior;
} QemuConfig;

/* As daemon_config_load(), path NULL: path_etc()/qemu.conf. */
int qemu_config_load(const char *path, QemuConfig **ret, char ***warnings, Error *e);
int qemu_config_parse(const char *text, size_t len, const char *origin, QemuConfig **ret, char ***warnings, Error *e);

QemuConfig *qemu_config_free(QemuConfig *c);
DEFINE_CLEANUP(QemuConfig *, qemu_config_free);
