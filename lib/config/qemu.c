/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keys of qemu.conf, and what is done with each. */

#include "base/fs.h"
#include "base/strings.h"
#include "config/qemu.h"
#include "config/table.h"

#define AT(member) offsetof(QemuConfig, member)

/* honoured */
#define HERE(name, type, fallback) { #name, type, AT(name), fallback, .groups = 1 }
#define RANGE(name, type, fallback, from, to) { #name, type, AT(name), fallback, NULL, from, to, 1 }
#define HERE_TLS(prefix) HERE(prefix##_tls, CONF_BOOL, NULL), HERE(prefix##_tls_x509_cert_dir, CONF_STRING, NULL)
#define HERE_TLS_KEY(prefix)                                                                                    \
        HERE(prefix##_tls_x509_secret_uuid, CONF_STRING, NULL), HERE(prefix##_tls_priority, CONF_STRING, NULL), \
        RANGE(prefix##_tls_x509_verify, CONF_INT, "-1", -1, 1)
#define HERE_SCREEN(prefix)                                                                                 \
        HERE(prefix##_listen, CONF_STRING, "127.0.0.1"), HERE(prefix##_password, CONF_STRING, NULL),        \
        HERE(prefix##_auto_unix_socket, CONF_BOOL, NULL), HERE(prefix##_sasl, CONF_BOOL, NULL),             \
        HERE(prefix##_sasl_dir, CONF_STRING, "/etc/sasl2")
/* refused, for guests that it concerns */
#define REFUSED(name, concerned, why) \
        { #name, CONF_BOOL, CONF_NOWHERE, .groups = 1, .note = why, .refused = QEMU_CONCERN_##concerned }
#define REFUSED_WORDS(name, words, good, concerned, why)                                             \
        { #name, CONF_STRING, CONF_NOWHERE, .allowed = words, .groups = 1, .note = why,             \
          .refused = QEMU_CONCERN_##concerned, .harmless = good }
/* without effect */
#define UNUSED(name, type, why) { #name, type, CONF_NOWHERE, .groups = 1, .note = why }
#define UNUSED_WORDS(name, words, why) { #name, CONF_STRING, CONF_NOWHERE, .allowed = words, .groups = 1, .note = why }
#define UNUSED_PORT(name, why) { #name, CONF_UINT, CONF_NOWHERE, .min = 1, .max = 65535, .groups = 1, .note = why }
#define UNUSED_TLS_KEY(prefix, why) \
        UNUSED(prefix##_tls_x509_secret_uuid, CONF_STRING, why), UNUSED(prefix##_tls_priority, CONF_STRING, why)
#define UNUSED_TLS(prefix, why)                                                                                \
        UNUSED(prefix##_tls_x509_cert_dir, CONF_STRING, why), UNUSED(prefix##_tls_x509_verify, CONF_BOOL, why),  \
        UNUSED_TLS_KEY(prefix, why)

#define IMAGE_FORMATS "raw gzip bzip2 xz lzop zstd sparse"

#define NO_MIGRATION "guests are not migrated yet"
#define NO_BACKUP "backups are not made yet"
#define NO_SAVE "guests are not saved, nor dumped on request, yet"
#define NO_RDP "RDP graphics are not supported"
#define OWN_USER "each guest has a user of its own, made by its unit"
#define OWN_FILES "images are handed to QEMU as open files, their owners stay"
#define IN_UNIT "the sandbox is that of the guest's unit, systemctl edit vm@.service changes it"
#define BY_UNITS "units are started and stopped by systemd, see vm@.service(8)"
#define DEFINITION_SAYS "the guest's definition says where sound goes, in <audio>"
#define HELPER_USER "swtpm runs as a user of its own, made by its unit"
#define HELPER_PROGRAM "it is run in a unit of its own, from where its package has it"

static const ConfKey keys[] = {
        HERE_SCREEN(vnc),
        HERE_TLS(vnc),
        HERE_TLS_KEY(vnc),
        HERE_SCREEN(spice),
        HERE_TLS(spice),
        RANGE(remote_display_port_min, CONF_UINT, "5900", 5900, 65535),
        RANGE(remote_display_port_max, CONF_UINT, "65535", 5900, 65535),
        RANGE(remote_websocket_port_min, CONF_UINT, "5700", 5700, 65535),
        RANGE(remote_websocket_port_max, CONF_UINT, "65535", 5700, 65535),
        HERE(auto_dump_path, CONF_STRING, NULL),
        HERE(auto_dump_max_size, CONF_SIZE, NULL),
        HERE(dump_guest_core, CONF_BOOL, NULL),
        HERE(storage_folders, CONF_LIST, NULL),
        HERE(default_tls_x509_cert_dir, CONF_STRING, "/etc/pki/qemu"),
        HERE_TLS_KEY(default),
        HERE_TLS(nbd),
        HERE_TLS(chardev),
        HERE_TLS_KEY(chardev),
        RANGE(seccomp_sandbox, CONF_INT, "-1", -1, 1),
        HERE(max_core, CONF_LIMIT, NULL),
        HERE(max_processes, CONF_LIMIT, NULL),
        HERE(max_files, CONF_LIMIT, NULL),
        HERE(max_threads_per_process, CONF_UINT, NULL),

        REFUSED(mac_filter, BRIDGE,
                "MAC addresses on bridges are not filtered yet: remove the key where guests may use any"),
        REFUSED_WORDS(
                sched_core, "none vcpus emulator full", "none", EVERY_GUEST,
                "guests cannot keep others from the threads of their cores yet: set it to \"none\", or switch SMT off"),
        { "lock_manager", CONF_STRING, AT(lock_manager), .allowed = "lockd sanlock nop", .groups = 1,
          .note = "there are no leases of sanlock: set it to \"lockd\", whose locks work on shared storage",
          .refused = QEMU_CONCERN_DISK, .harmless = "lockd nop" },

        UNUSED(vnc_allow_host_audio, CONF_BOOL, DEFINITION_SAYS),
        UNUSED(nographics_allow_host_audio, CONF_BOOL, DEFINITION_SAYS),
        UNUSED(rdp_listen, CONF_STRING, NO_RDP),
        UNUSED(rdp_tls_x509_cert_dir, CONF_STRING, NO_RDP),
        UNUSED(rdp_username, CONF_STRING, NO_RDP),
        UNUSED(rdp_password, CONF_STRING, NO_RDP),
        UNUSED(qemu_rdp, CONF_STRING, NO_RDP),
        UNUSED(vxhs_tls, CONF_BOOL, "VxHS disks are not supported"),
        UNUSED_TLS(vxhs, "VxHS disks are not supported"),
        UNUSED_TLS_KEY(nbd, "QEMU uses the keys of NBD disks as they are, with its own priorities"),
        UNUSED_TLS(migrate, NO_MIGRATION),
        UNUSED(migrate_tls_force, CONF_BOOL, NO_MIGRATION),
        UNUSED(migration_address, CONF_STRING, NO_MIGRATION),
        UNUSED(migration_host, CONF_STRING, NO_MIGRATION),
        UNUSED_PORT(migration_port_min, NO_MIGRATION),
        UNUSED_PORT(migration_port_max, NO_MIGRATION),
        UNUSED(keepalive_interval, CONF_INT, NO_MIGRATION),
        UNUSED(keepalive_count, CONF_UINT, NO_MIGRATION),
        UNUSED(shared_filesystems, CONF_LIST, NO_MIGRATION),
        UNUSED_TLS(backup, NO_BACKUP),
        UNUSED_PORT(backup_port_min, NO_BACKUP),
        UNUSED_PORT(backup_port_max, NO_BACKUP),
        UNUSED_WORDS(save_image_format, IMAGE_FORMATS, NO_SAVE),
        UNUSED_WORDS(dump_image_format, IMAGE_FORMATS, NO_SAVE),
        UNUSED_WORDS(snapshot_image_format, IMAGE_FORMATS, "snapshots are not made yet"),
        UNUSED(auto_dump_bypass_cache, CONF_BOOL, "QEMU writes memory in pieces that need the cache"),
        UNUSED(auto_start_bypass_cache, CONF_BOOL, NO_SAVE),
        UNUSED(auto_save_bypass_cache, CONF_BOOL, NO_SAVE),
        UNUSED(auto_start_delay, CONF_INT, BY_UNITS),
        UNUSED(auto_shutdown_try_save, CONF_STRING, BY_UNITS),
        UNUSED(auto_shutdown_try_shutdown, CONF_STRING, BY_UNITS),
        UNUSED(auto_shutdown_poweroff, CONF_STRING, BY_UNITS),
        UNUSED(auto_shutdown_wait, CONF_INT, BY_UNITS),
        UNUSED(auto_shutdown_restore, CONF_BOOL, BY_UNITS),
        UNUSED(user, CONF_STRING, OWN_USER),
        UNUSED(group, CONF_STRING, OWN_USER),
        UNUSED(dynamic_ownership, CONF_BOOL, OWN_FILES),
        UNUSED(remember_owner, CONF_BOOL, OWN_FILES),
        UNUSED(security_driver, CONF_LIST, IN_UNIT),
        UNUSED(security_default_confined, CONF_BOOL, IN_UNIT),
        UNUSED(security_require_confined, CONF_BOOL, IN_UNIT),
        UNUSED(namespaces, CONF_LIST, IN_UNIT),
        UNUSED(clear_emulator_capabilities, CONF_BOOL, IN_UNIT),
        UNUSED(cgroup_controllers, CONF_LIST, IN_UNIT),
        UNUSED(cgroup_device_acl, CONF_LIST, "add DeviceAllow= with systemctl edit vm@.service"),
        UNUSED(set_process_name, CONF_BOOL, "the unit and the arguments tell whose QEMU it is"),
        { "stdio_handler", CONF_STRING, AT(stdio_handler), .allowed = "file logd", .groups = 1 },
        UNUSED(log_timestamp, CONF_BOOL, "what QEMU says is in the journal, with the time"),
        UNUSED(nvram, CONF_LIST, "firmware is found by its descriptors, see unitvirt(1)"),
        UNUSED(hugetlbfs_mount, CONF_LIST, "huge pages are taken from /dev/hugepages and /dev/hugepages1G"),
        UNUSED(memory_backing_dir, CONF_STRING, "memory in files lies below /var/lib/libvirt/qemu/ram"),
        UNUSED(allow_disk_format_probing, CONF_BOOL, "formats of images are never guessed"),
        UNUSED(relaxed_acs_check, CONF_BOOL, "which devices go together is told by the kernel's IOMMU groups alone"),
        UNUSED(max_queued, CONF_UINT, "max_client_requests in virtqemud.conf limits calls"),
        UNUSED(capability_filters, CONF_LIST, "QEMU is not probed"),
        UNUSED_WORDS(deprecation_behavior, "none omit reject crash", "it is for those who develop libvirt"),
        UNUSED(default_cpu_deprecated_features, CONF_STRING, "the CPU model is taken as QEMU has it"),
        UNUSED(bridge_helper, CONF_STRING, "taps are opened by vm-prepare"),
        UNUSED(swtpm_user, CONF_STRING, HELPER_USER),
        UNUSED(swtpm_group, CONF_STRING, HELPER_USER),
        UNUSED(pr_helper, CONF_STRING, HELPER_PROGRAM),
        UNUSED(slirp_helper, CONF_STRING, "QEMU has libslirp itself, and passt is for <backend type='passt'/>"),
        UNUSED(dbus_daemon, CONF_STRING, "no bus is started for a guest"),
        UNUSED(qemu_vnc, CONF_STRING, "QEMU serves VNC itself"),
        UNUSED(storage_use_nbdkit, CONF_BOOL, "nbdkit reads the disks that need it, QEMU the others"),
        UNUSED(virtiofsd_debug, CONF_BOOL, "what virtiofsd says is in the journal of its unit"),
        UNUSED(gluster_debug_level, CONF_UINT, "QEMU's own level is kept"),
};

/* Folders, whose names are absolute. */
#define FOLDER(name) { #name, AT(name) }
static const struct {
        const char *key;
        size_t at;
} folders[] = {
        FOLDER(auto_dump_path),
        FOLDER(default_tls_x509_cert_dir),
        FOLDER(nbd_tls_x509_cert_dir),
        FOLDER(chardev_tls_x509_cert_dir),
        FOLDER(vnc_tls_x509_cert_dir),
        FOLDER(spice_tls_x509_cert_dir),
        FOLDER(vnc_sasl_dir),
        FOLDER(spice_sasl_dir),
};

static int check_together(const QemuConfig *c, const char *origin, Error *e) {
        const char *wrong = NULL;

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                const char *folder = *(char *const *) ((const char *) c + folders[i].at);

                if (folder && *folder != '/')
                        return error_set(e, -EINVAL, ERROR_CONF_SYNTAX, ORIGIN_CONF, "%s: %s is not absolute", origin,
                                         folders[i].key);
        }

        if (c->remote_display_port_min > c->remote_display_port_max)
                wrong = "remote_display_port_min is larger than remote_display_port_max";
        else if (c->remote_websocket_port_min > c->remote_websocket_port_max)
                wrong = "remote_websocket_port_min is larger than remote_websocket_port_max";
        for (char *const *f = c->storage_folders; f && *f; f++)
                if (**f != '/')
                        wrong = "storage_folders has a path that is not absolute";
        return wrong ? error_set(e, -EINVAL, ERROR_CONF_SYNTAX, ORIGIN_CONF, "%s: %s", origin, wrong) : 0;
}

static int add_refusal(QemuConfig *c, const ConfKey *key, const ConfEntry *entry, const char *origin) {
        QemuRefusal *refusals = reallocarray(c->refusals, c->n_refusals + 1, sizeof(*refusals));
        char *text;

        if (!refusals)
                return -ENOMEM;
        c->refusals = refusals;
        text = text_format("%s:%u: %s: %s", origin, entry->line, entry->key, key->note);
        if (!text)
                return -ENOMEM;
        refusals[c->n_refusals++] = (QemuRefusal) { (QemuConcern) key->refused, text };
        return 0;
}

static int find_refusals(QemuConfig *c, const Conf *conf) {
        int r = 0;

        for (size_t i = 0; r >= 0 && conf->n_entries > 0 && i < ELEMENTSOF(keys); i++) {
                const ConfEntry *entry = keys[i].refused ? conf_find(conf, keys[i].name) : NULL;

                if (entry && conf_key_asks(&keys[i], entry))
                        r = add_refusal(c, &keys[i], entry, conf->origin);
        }
        return r;
}

static int config_from(const Conf *conf, const char *origin, QemuConfig **ret, char ***warnings, Error *e) {
        _cleanup_(qemu_config_freep) QemuConfig *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        r = conf_table_init(keys, ELEMENTSOF(keys), c);
        if (r >= 0 && conf)
                r = conf_table_apply(keys, ELEMENTSOF(keys), 1, conf, c, warnings, e);
        if (r >= 0 && conf)
                r = check_together(c, origin, e);
        if (r >= 0 && conf)
                r = find_refusals(c, conf);
        if (r < 0)
                return r;
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
                own = text_format("%s/qemu.conf", path_etc());
                if (!own)
                        return -ENOMEM;
                path = own;
        }
        r = conf_load(path, &conf, e);
        if (r < 0 && (r != -ENOENT || !own))
                return error_is_set(e) ? r : error_set_errno(e, r, ORIGIN_CONF, "cannot read %s", path);
        return config_from(conf, path, ret, warnings, e);
}

char *qemu_config_place(const char *path, const char *key) {
        _cleanup_free_ char *own = path ? NULL : text_format("%s/qemu.conf", path_etc());
        _cleanup_(conf_freep) Conf *conf = NULL;
        const ConfEntry *entry;

        path = path ?: own;
        if (!path)
                return NULL;
        entry = conf_load(path, &conf, NULL) >= 0 ? conf_find(conf, key) : NULL;
        return entry ? text_format("%s:%u: %s", path, entry->line, key) : text_format("%s: %s", path, key);
}

int qemu_config_examine(const char *path, QemuConfig **ret, QemuProblemSink tell, void *userdata) {
        _cleanup_(qemu_config_freep) QemuConfig *c = NULL;
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        r = qemu_config_load(path, &c, &warnings, &e);
        for (char **w = warnings; w && *w; w++)
                tell(QEMU_PROBLEM_IGNORED, *w, userdata);
        if (r < 0)
                tell(QEMU_PROBLEM_BROKEN, e.detail ?: error_text(&e, r), userdata);
        for (size_t i = 0; c && i < c->n_refusals; i++)
                tell(QEMU_PROBLEM_REFUSED, c->refusals[i].text, userdata);
        if (r >= 0 && ret)
                *ret = TAKE_PTR(c);
        return r;
}

QemuConfig *qemu_config_free(QemuConfig *c) {
        if (!c)
                return NULL;
        conf_table_done(keys, ELEMENTSOF(keys), c);
        for (size_t i = 0; i < c->n_refusals; i++)
                free(c->refusals[i].text);
        free(c->refusals);
        free(c);
        return NULL;
}
