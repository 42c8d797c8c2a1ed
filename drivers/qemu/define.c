/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Persistent definitions: writing, replacing, removing and renaming the files in /etc. The file is the truth; the
 * index follows what was written. */

#include "autostart.h"
#include "base/fs.h"
#include "base/strings.h"
#include "events.h"
#include "handlers.h"
#include "index.h"
#include "plan/names.h"
#include "qemu/args.h"
#include "qemu/caps.h"
#include "qemu/firmware.h"
#include "savefile.h"
#include "start.h"

#define FILE_HEADER                                                                                          \
        "<!--\n"                                                                                             \
        "This file was written by Unitvirt. Edit it with 'virsh edit', or by hand, followed by\n"            \
        "'systemctl daemon-reload'.\n"                                                                       \
        "-->\n\n"

/* --- what clients send --- */

static int ensure_uuid(Definition *d) {
        uint8_t uuid[16];
        char text[37];
        xmlNode *name, *node;
        int r;

        if (definition_uuid(d, uuid))
                return 0;
        r = uuid_generate(uuid);
        if (r < 0)
                return r;
        uuid_format(uuid, text);
        name = xml_child(definition_root(d), "name");
        node = xmlNewDocNode(name->doc, NULL, (const xmlChar *) "uuid", NULL);
        if (!node || xml_set_text(node, text) < 0)
                return -ENOMEM;
        return xmlAddNextSibling(name, node) ? 0 : -ENOMEM;
}

/* A name becomes a file's and a unit's. */
static int check_name(const char *name, Error *e) {
        _cleanup_free_ char *unit = NULL;
        int r;

        if (name[0] == 0 || name[0] == '.' || strchr(name, '/') || strchr(name, '\n'))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_DOMAIN,
                                 "name '%s' cannot be that of a file: empty, with '/' or a leading '.'", name);
        r = unit_name_for_guest(name, &unit);
        return r < 0 ? unit_name_refuse(name, r, e) : 0;
}

/* What would fail at every start is refused now. Where there is no QEMU yet, definitions can be made all the same. */
static int check_emulator(const QemuDriver *d, const Definition *def, const HostFacts *facts, Error *e) {
        const xmlNode *root = definition_root(def);
        const char *emulator = xml_get(root, "devices/emulator"), *arch = xml_get(root, "os/type/@arch");
        const QemuCaps *caps;
        char version[32];

        if (!emulator || d->emulator.version == 0)
                return 0;
        if (!streq(emulator, facts->emulator)) {
                if (access(emulator, X_OK) >= 0)
                        return 0;
                return error_set(e, -errno, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "/domain/devices/emulator: cannot run '%s': %s",
                                 emulator, strerror(errno));
        }
        snprintf(version, sizeof(version), "%u.%u", facts->qemu_version / 1000000U, facts->qemu_version / 1000U % 1000U);
        caps = qemu_caps_for(version, arch);
        return caps ? qemu_machine_check(def, caps, e) : 0;
}

int client_definition(QemuDriver *d, const char *xml, bool validate, Definition **ret, Error *e) {
        _cleanup_firmware_host_ FirmwareHost firmware = {};
        _cleanup_definition_ Definition *def = NULL;
        HostFacts facts;
        int r;

        r = definition_parse(xml, strlen(xml), NULL, validate ? DEFINITION_VALIDATE : 0, &def, e);
        if (r >= 0)
                r = check_name(definition_name(def), e);
        if (r >= 0)
                r = ensure_uuid(def);
        if (r >= 0)
                r = driver_host_facts(d, &facts, e);
        if (r < 0)
                return r;
        firmware_host_offer(&firmware, &facts);
        r = definition_normalise(def, &facts, e);
        if (r >= 0)
                r = check_emulator(d, def, &facts, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(def);
        return 0;
}

static int check_identity(QemuDriver *d, const Definition *def, Guest **ret, Error *e) {
        const char *name = definition_name(def);
        uint8_t uuid[16] = {};
        char text[37];
        Guest *g;

        *ret = NULL;
        (void) definition_uuid(def, uuid);
        g = guests_by_uuid(d, uuid);
        if (g && !streq(g->name, name)) {
                uuid_format(uuid, text);
                return error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_DOMAIN,
                                 "domain '%s' is already defined with uuid %s", g->name, text);
        }
        if (!g) {
                Guest *other = guests_by_name(d, name);

                if (other) {
                        uuid_format(other->uuid, text);
                        return error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_DOMAIN,
                                         "domain '%s' already exists with uuid %s", name, text);
                }
        }
        *ret = g;
        return 0;
}

/* A guest that was ended and undefined stays until its unit is gone, though nobody is shown it: the name is free then. */
static void let_namesake_go(QemuDriver *d, const char *name, const uint8_t uuid[16]) {
        Guest *known = guests_by_name(d, name);
        _cleanup_guest_ Guest *g = known ? guest_ref(known) : NULL;

        if (g && !g->persistent && g->state == GUEST_ENDING && memcmp(g->uuid, uuid, 16) != 0)
                (void) guest_wait_for_cleanup(g, NULL);
}

int guest_for_definition(QemuDriver *d, const Definition *def, bool *ret_new, Guest **ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        uint8_t uuid[16] = {};
        Guest *known;
        int r;

        (void) definition_uuid(def, uuid);
        let_namesake_go(d, definition_name(def), uuid);
        r = check_identity(d, def, &known, e);
        if (r < 0)
                return r;
        if (known)
                g = guest_ref(known);
        else {
                r = guest_new(d, definition_name(def), uuid, &g);
                if (r >= 0)
                        r = guests_add(g);
                if (r < 0)
                        return r;
        }
        *ret_new = !known;
        *ret = TAKE_PTR(g);
        return 0;
}

/* --- define --- */

int persistent_write(const Definition *d, Error *e) {
        _cleanup_free_ char *path = guest_path_persistent(definition_name(d)), *text = NULL, *whole = NULL;
        int n, r;

        r = definition_format(d, DEFINITION_FORMAT_SECURE | DEFINITION_FORMAT_INACTIVE, &text);
        if (r < 0 || !path)
                return -ENOMEM;
        n = asprintf(&whole, FILE_HEADER "%s", text);
        if (n < 0) {
                whole = NULL;
                return -ENOMEM;
        }
        r = file_write_atomic(path, whole, (size_t) n, 0600, 0);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot write %s", path) : 0;
}

/* The guest stays what it is while it runs: what it was started from is the live definition. */
static void drop_transient_files(Guest *g) {
        _cleanup_free_ char *path = guest_path_transient(g->name);

        if (!g->transient)
                return;
        if (path)
                (void) unlink(path);
        guest_remove_dropin(g->driver, g->name, true);
}

static int define_locked(Guest *g, const Definition *d, Error *e) {
        bool was = g->persistent;
        int r;

        r = guest_write_dropin(g, d, false, e);
        if (r >= 0)
                r = persistent_write(d, e);
        if (r < 0) {
                if (!was)
                        guest_remove_dropin(g->driver, g->name, false);
                return r;
        }
        drop_transient_files(g);
        (void) index_refresh_quietly(g->driver, g->name);
        emit_lifecycle(g, LIFECYCLE_DEFINED, was ? DEFINED_UPDATED : DEFINED_ADDED);
        return 0;
}

int domain_define_xml_flags(Call *c, const remote_domain_define_xml_flags_args *args,
                            remote_domain_define_xml_flags_ret *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_guest_ Guest *g = NULL;
        QemuDriver *driver = driver_of(c);
        bool is_new;
        int r;

        r = call_check_flags(c, args->flags, DEFINE_VALIDATE, e);
        if (r >= 0)
                r = client_definition(driver, args->xml, args->flags & DEFINE_VALIDATE, &d, e);
        if (r >= 0)
                r = guest_for_definition(driver, d, &is_new, &g, e);
        if (r < 0)
                return r;
        r = domain_check_access(c, g, args->flags, e);
        if (r >= 0)
                r = guest_lock(g, e);
        if (r >= 0) {
                r = define_locked(g, d, e);
                fiber_unlock(&g->lock);
        }
        if (r < 0) {
                if (is_new)
                        (void) index_refresh(driver, g->name);
                return r;
        }
        return guest_to_wire(g, &ret->dom);
}

int domain_define_xml(Call *c, const remote_domain_define_xml_args *args, remote_domain_define_xml_ret *ret, Error *e) {
        const remote_domain_define_xml_flags_args with_flags = { .xml = args->xml };
        remote_domain_define_xml_flags_ret reply = {};
        int r;

        r = domain_define_xml_flags(c, &with_flags, &reply, e);
        ret->dom = reply.dom;
        return r;
}

/* --- undefine --- */

/* The guest's own copy of the firmware variables: written at its first start, so not there before. */
static char *nvram_of(const Definition *d) {
        const char *path = definition_nvram(d);

        return path && path[0] == '/' && access(path, F_OK) == 0 ? strdup(path) : NULL;
}

static int refuse(Error *e, const char *text) {
        return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "%s", text);
}

static int refuse_counted(Error *e, unsigned n, const char *what) {
        return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "cannot delete inactive domain with %u %s", n,
                         what);
}

/* What would be left behind without anybody knowing: only removed when the caller says so. */
static int check_leftovers(Guest *g, uint32_t flags, const char *nvram, Error *e) {
        unsigned n;

        if (has_managed_save(g) && !(flags & UNDEFINE_MANAGED_SAVE))
                return refuse(e, "Refusing to undefine while domain managed save image exists");
        n = guest_is_active(g) ? 0 : count_metadata(g, "snapshot");
        if (n > 0 && !(flags & UNDEFINE_SNAPSHOTS_METADATA))
                return refuse_counted(e, n, "snapshots");
        n = guest_is_active(g) ? 0 : count_metadata(g, "checkpoint");
        if (n > 0 && !(flags & UNDEFINE_CHECKPOINTS_METADATA))
                return refuse_counted(e, n, "checkpoints");
        if (nvram && !(flags & (UNDEFINE_NVRAM | UNDEFINE_KEEP_NVRAM)))
                return refuse(e, "cannot undefine domain with nvram");
        return 0;
}

static int remove_leftovers(Guest *g, uint32_t flags, const char *nvram, Error *e) {
        int r = 0;

        if (flags & UNDEFINE_MANAGED_SAVE)
                r = remove_managed_save(g, e);
        if (r >= 0 && flags & UNDEFINE_SNAPSHOTS_METADATA && !guest_is_active(g))
                r = remove_metadata(g, "snapshot", e);
        if (r >= 0 && flags & UNDEFINE_CHECKPOINTS_METADATA && !guest_is_active(g))
                r = remove_metadata(g, "checkpoint", e);
        if (r >= 0 && nvram && flags & UNDEFINE_NVRAM && unlink(nvram) < 0 && errno != ENOENT)
                r = error_set_errno(e, -errno, ORIGIN_QEMU, "failed to remove nvram: %s", nvram);
        return r;
}

/* A running guest goes on as a transient one: its definition and its unit's settings move to /run first. */
static int make_transient(Guest *g, const Definition *d, Error *e) {
        _cleanup_free_ char *path = guest_path_transient(g->name), *text = NULL;
        int r;

        r = guest_write_dropin(g, d, true, e);
        if (r < 0)
                return r;
        r = definition_format(d, DEFINITION_FORMAT_SECURE | DEFINITION_FORMAT_INACTIVE, &text);
        if (r < 0 || !path)
                return -ENOMEM;
        r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot write %s", path) : 0;
}

static int remove_persistent(Guest *g, Error *e) {
        _cleanup_free_ char *path = guest_path_persistent(g->name);

        if (!path)
                return -ENOMEM;
        if (unlink(path) < 0 && errno != ENOENT)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot remove %s", path);
        (void) fsync_parent(path);
        guest_remove_dropin(g->driver, g->name, false);
        return 0;
}

static int undefine_locked(Guest *g, uint32_t flags, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *nvram = NULL;
        int r;

        if (!g->persistent)
                return error_not_persistent(e, "cannot undefine transient domain");
        /* A file that nobody can read any more must be removable all the same. */
        if (guest_load_inactive(g, &d, NULL) >= 0)
                nvram = nvram_of(d);
        r = check_leftovers(g, flags, nvram, e);
        if (r >= 0)
                r = remove_leftovers(g, flags, nvram, e);
        if (r >= 0)
                r = autostart_remove(g, e);
        if (r >= 0 && guest_is_active(g) && d)
                r = make_transient(g, d, e);
        if (r >= 0)
                r = remove_persistent(g, e);
        if (r < 0)
                return r;
        (void) index_refresh_quietly(g->driver, g->name);
        emit_lifecycle(g, LIFECYCLE_UNDEFINED, UNDEFINED_REMOVED);
        return 0;
}

#define UNDEFINE_SUPPORTED                                                                                   \
        (UNDEFINE_MANAGED_SAVE | UNDEFINE_SNAPSHOTS_METADATA | UNDEFINE_NVRAM | UNDEFINE_KEEP_NVRAM |        \
         UNDEFINE_CHECKPOINTS_METADATA | UNDEFINE_TPM | UNDEFINE_KEEP_TPM)

int domain_undefine_flags(Call *c, const remote_domain_undefine_flags_args *args, rpc_void *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = call_check_flags(c, args->flags, UNDEFINE_SUPPORTED, e);
        if (r >= 0 && args->flags & UNDEFINE_NVRAM && args->flags & UNDEFINE_KEEP_NVRAM)
                r = error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN,
                              "flags 'VIR_DOMAIN_UNDEFINE_NVRAM' and 'VIR_DOMAIN_UNDEFINE_KEEP_NVRAM' are mutually exclusive");
        if (r >= 0)
                r = domain_get(c, &args->dom, args->flags, &g, e);
        if (r >= 0)
                r = guest_lock(g, e);
        if (r < 0)
                return r;
        r = undefine_locked(g, args->flags, e);
        fiber_unlock(&g->lock);
        return r;
}

int domain_undefine(Call *c, const remote_domain_undefine_args *args, rpc_void *ret, Error *e) {
        const remote_domain_undefine_flags_args with_flags = { .dom = args->dom };

        return domain_undefine_flags(c, &with_flags, ret, e);
}

/* --- rename --- */

static int check_rename(Guest *g, const char *name, Error *e) {
        int r;

        r = check_name(name, e);
        if (r < 0)
                return r;
        if (guest_is_active(g))
                return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "cannot rename active domain");
        if (!g->persistent)
                return error_not_persistent(e, "cannot rename a transient domain");
        if (has_managed_save(g))
                return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "domain with a managed saved state can't be renamed");
        if (count_metadata(g, "snapshot") + count_metadata(g, "checkpoint") > 0)
                return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "cannot rename domain with snapshots or checkpoints");
        if (streq(g->name, name))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN, "Can't rename domain to itself");
        if (guests_by_name(g->driver, name))
                return error_set(e, -EEXIST, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "domain with name '%s' already exists", name);
        return 0;
}

/* The new file first: a crash between leaves two files with one uuid, of which the index takes one. */
static int rename_locked(Guest *g, const char *name, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *old = NULL, *old_path = guest_path_persistent(g->name);
        bool autostart;
        int r;

        r = check_rename(g, name, e);
        if (r >= 0)
                r = guest_load_inactive(g, &d, e);
        if (r >= 0)
                r = definition_set_name(d, name, e);
        if (r < 0)
                return r;
        autostart = autostart_is_on(g);
        old = strdup(g->name);
        if (!old || !old_path)
                return -ENOMEM;
        r = autostart ? autostart_remove(g, e) : 0;
        if (r >= 0)
                r = persistent_write(d, e);
        if (r < 0)
                return r;
        emit_lifecycle(g, LIFECYCLE_UNDEFINED, UNDEFINED_RENAMED);
        r = guests_rename(g, name);
        if (r < 0)
                return r;
        if (unlink(old_path) < 0)
                r = error_set_errno(e, -errno, ORIGIN_QEMU, "cannot remove %s", old_path);
        (void) fsync_parent(old_path);
        guest_remove_dropin(g->driver, old, false);
        if (r >= 0)
                r = guest_write_dropin(g, d, false, e);
        (void) index_refresh_quietly(g->driver, name);
        emit_lifecycle(g, LIFECYCLE_DEFINED, DEFINED_RENAMED);
        if (r >= 0 && autostart)
                r = autostart_add(g, e);
        return r;
}

int domain_rename(Call *c, const remote_domain_rename_args *args, remote_domain_rename_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = call_check_flags(c, args->flags, 0, e);
        if (r >= 0)
                r = domain_get(c, &args->dom, args->flags, &g, e);
        if (r >= 0 && !args->new_name)
                r = error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN, "a new name is missing");
        if (r >= 0)
                r = guest_lock(g, e);
        if (r < 0)
                return r;
        r = rename_locked(g, *args->new_name, e);
        fiber_unlock(&g->lock);
        return r;
}
