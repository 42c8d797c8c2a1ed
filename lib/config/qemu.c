/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keys of qemu.conf. */

#include "base/fs.h"
#include "base/strings.h"
#include "config/qemu.h"
#include "config/table.h"

#define AT(member) offsetof(QemuConfig, member)
#define HERE(name, type, fallback) { #name, type, AT(name), fallback, .groups = 1 }
#define WORDS(name, fallback, words) { #name, CONF_STRING, AT(name), fallback, words, .groups = 1 }
#define PORT(name, fallback) { #name, CONF_UINT, AT(name), fallback, NULL, 1, 65535, 1 }
#define ELSEWHERE(name, type) { #name, type, CONF_NOWHERE, .groups = 1 }
#define TLS(prefix)                                                                                          \
        ELSEWHERE(prefix##_tls_x509_cert_dir, CONF_STRING), ELSEWHERE(prefix##_tls_x509_verify, CONF_BOOL),  \
        ELSEWHERE(prefix##_tls_x509_secret_uuid, CONF_STRING), ELSEWHERE(prefix##_tls_priority, CONF_STRING)

#define IMAGE_FORMATS "raw gzip bzip2 xz lzop zstd sparse"

static const ConfKey keys[] = {
        HERE(vnc_listen, CONF_STRING, "127.0.0.1"),
        HERE(vnc_password, CONF_STRING, NULL),
        HERE(vnc_auto_unix_socket, CONF_BOOL, NULL),
        HERE(spice_listen, CONF_STRING, "127.0.0.1"),
        HERE(spice_password, CONF_STRING, NULL),
        HERE(spice_auto_unix_socket, CONF_BOOL, NULL),
        PORT(remote_display_port_min, "5900"),
        PORT(remote_display_port_max, "65535"),
        PORT(remote_websocket_port_min, "5700"),
        PORT(remote_websocket_port_max, "65535"),
        PORT(migration_port_min, "49152"),
        PORT(migration_port_max, "49215"),
        HERE(migration_address, CONF_STRING, NULL),
        HERE(migration_host, CONF_STRING, NULL),
        WORDS(save_image_format, "raw", IMAGE_FORMATS),
        WORDS(dump_image_format, "raw", IMAGE_FORMATS),
        WORDS(snapshot_image_format, "raw", IMAGE_FORMATS),
        HERE(auto_dump_path, CONF_STRING, "/var/lib/libvirt/qemu/dump"),
        HERE(hugetlbfs_mount, CONF_LIST, NULL),
        HERE(memory_backing_dir, CONF_STRING, "/var/lib/libvirt/qemu/ram"),
        HERE(max_core, CONF_LIMIT, NULL),
        HERE(max_processes, CONF_LIMIT, NULL),
        HERE(max_files, CONF_LIMIT, NULL),
        HERE(set_process_name, CONF_BOOL, "1"),
        { "seccomp_sandbox", CONF_INT, AT(seccomp_sandbox), "-1", NULL, -1, 1, 1 },
        HERE(log_timestamp, CONF_BOOL, "1"),
        WORDS(lock_manager, NULL, "lockd sanlock nop"),
        HERE(bridge_helper, CONF_STRING, "/usr/lib/qemu/qemu-bridge-helper"),
        HERE(swtpm_user, CONF_STRING, "tss"),
        HERE(swtpm_group, CONF_STRING, "tss"),
        HERE(nvram, CONF_LIST, NULL),
        WORDS(deprecation_behavior, "none", "none omit reject crash"),

        ELSEWHERE(default_tls_x509_cert_dir, CONF_STRING), ELSEWHERE(default_tls_x509_verify, CONF_BOOL),
        ELSEWHERE(default_tls_x509_secret_uuid, CONF_STRING), ELSEWHERE(default_tls_priority, CONF_STRING),
        ELSEWHERE(vnc_tls, CONF_BOOL), TLS(vnc), ELSEWHERE(vnc_sasl, CONF_BOOL), ELSEWHERE(vnc_sasl_dir, CONF_STRING),
        ELSEWHERE(vnc_allow_host_audio, CONF_BOOL), ELSEWHERE(nographics_allow_host_audio, CONF_BOOL),
        ELSEWHERE(spice_tls, CONF_BOOL), ELSEWHERE(spice_tls_x509_cert_dir, CONF_STRING),
        ELSEWHERE(spice_sasl, CONF_BOOL), ELSEWHERE(spice_sasl_dir, CONF_STRING),
        ELSEWHERE(rdp_listen, CONF_STRING), ELSEWHERE(rdp_tls_x509_cert_dir, CONF_STRING),
        ELSEWHERE(rdp_username, CONF_STRING), ELSEWHERE(rdp_password, CONF_STRING),
        ELSEWHERE(chardev_tls, CONF_BOOL), TLS(chardev), ELSEWHERE(vxhs_tls, CONF_BOOL), TLS(vxhs),
        ELSEWHERE(nbd_tls, CONF_BOOL), TLS(nbd), TLS(migrate), ELSEWHERE(migrate_tls_force, CONF_BOOL), TLS(backup),
        { "backup_port_min", CONF_UINT, CONF_NOWHERE, NULL, NULL, 1, 65535, 1 },
        { "backup_port_max", CONF_UINT, CONF_NOWHERE, NULL, NULL, 1, 65535, 1 },
        ELSEWHERE(security_driver, CONF_LIST), ELSEWHERE(security_default_confined, CONF_BOOL),
        ELSEWHERE(security_require_confined, CONF_BOOL), ELSEWHERE(user, CONF_STRING), ELSEWHERE(group, CONF_STRING),
        ELSEWHERE(dynamic_ownership, CONF_BOOL), ELSEWHERE(remember_owner, CONF_BOOL),
        ELSEWHERE(namespaces, CONF_LIST), ELSEWHERE(capability_filters, CONF_LIST),
        ELSEWHERE(clear_emulator_capabilities, CONF_BOOL), ELSEWHERE(allow_disk_format_probing, CONF_BOOL),
        ELSEWHERE(cgroup_controllers, CONF_LIST), ELSEWHERE(cgroup_device_acl, CONF_LIST),
        ELSEWHERE(auto_dump_bypass_cache, CONF_BOOL), ELSEWHERE(auto_dump_max_size, CONF_SIZE),
        ELSEWHERE(auto_start_bypass_cache, CONF_BOOL), ELSEWHERE(auto_save_bypass_cache, CONF_BOOL),
        ELSEWHERE(auto_start_delay, CONF_INT), ELSEWHERE(auto_shutdown_try_save, CONF_STRING),
        ELSEWHERE(auto_shutdown_try_shutdown, CONF_STRING), ELSEWHERE(auto_shutdown_poweroff, CONF_STRING),
        ELSEWHERE(auto_shutdown_wait, CONF_INT), ELSEWHERE(auto_shutdown_restore, CONF_BOOL),
        ELSEWHERE(max_threads_per_process, CONF_UINT), ELSEWHERE(dump_guest_core, CONF_BOOL),
        ELSEWHERE(sched_core, CONF_STRING), ELSEWHERE(max_queued, CONF_UINT),
        ELSEWHERE(keepalive_interval, CONF_INT), ELSEWHERE(keepalive_count, CONF_UINT),
        ELSEWHERE(pr_helper, CONF_STRING), ELSEWHERE(slirp_helper, CONF_STRING), ELSEWHERE(dbus_daemon, CONF_STRING),
        ELSEWHERE(qemu_rdp, CONF_STRING), ELSEWHERE(qemu_vnc, CONF_STRING), ELSEWHERE(storage_use_nbdkit, CONF_BOOL),
        ELSEWHERE(virtiofsd_debug, CONF_BOOL), ELSEWHERE(gluster_debug_level, CONF_UINT),
        ELSEWHERE(stdio_handler, CONF_STRING), ELSEWHERE(mac_filter, CONF_BOOL),
        ELSEWHERE(relaxed_acs_check, CONF_BOOL), ELSEWHERE(default_cpu_deprecated_features, CONF_STRING),
        ELSEWHERE(shared_filesystems, CONF_LIST),
};

static int check_together(const QemuConfig *c, const char *origin, Error *e) {
        const char *wrong = NULL;

        if (c->remote_display_port_min > c->remote_display_port_max)
                wrong = "remote_display_port_min is larger than remote_display_port_max";
        else if (c->remote_websocket_port_min > c->remote_websocket_port_max)
                wrong = "remote_websocket_port_min is larger than remote_websocket_port_max";
        else if (c->migration_port_min > c->migration_port_max)
                wrong = "migration_port_min is larger than migration_port_max";
        return wrong ? error_set(e, -EINVAL, ERROR_CONF_SYNTAX, ORIGIN_CONF, "%s: %s", origin, wrong) : 0;
}

static int config_from(const Conf *conf, const char *origin, QemuConfig **ret, char ***warnings, Error *e) {
        _cleanup_(qemu_config_freep) QemuConfig *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        r = conf_table_init(keys, ELEMENTSOF(keys), c);
        if (r < 0)
                return r;
        if (conf) {
                r = conf_table_apply(keys, ELEMENTSOF(keys), 1, conf, c, warnings, e);
                if (r < 0)
                        return r;
                r = check_together(c, origin, e);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(c);
        return 0;
}

int qemu_config_parse(const char *text, size_t len, const char *origin, QemuConfig **ret, char ***warnings, Error *e) {
        _cleanup_(conf_freep) Conf *conf = NULL;
        int r;

        r = conf_parse(text, len, origin, &conf, e);
        if (r < 0)
                return r;
        return config_from(conf, origin, ret, warnings, e);
}

int qemu_config_load(const char *path, QemuConfig **ret, char ***warnings, Error *e) {
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_free_ char *own = NULL;
        int r;

        if (!path) {
                if (asprintf(&own, "%s/qemu.conf", path_etc()) < 0)
                        return -ENOMEM;
                path = own;
        }
        r = conf_load(path, &conf, e);
        if (r < 0 && r != -ENOENT)
                return r;
        return config_from(conf, path, ret, warnings, e);
}

QemuConfig *qemu_config_free(QemuConfig *c) {
        if (!c)
                return NULL;
        conf_table_done(keys, ELEMENTSOF(keys), c);
        free(c);
        return NULL;
}
