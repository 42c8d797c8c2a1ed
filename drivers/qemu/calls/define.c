/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Persistent definitions: writing, replacing and renaming the files in /etc. The file is the truth; the index follows
 * what was written. */

#include "base/strings.h"
#include "calls/client-definition.h"
#include "guest/renames.h"
#include "guest/savefile.h"
#include "object/event.h"
#include "object/unit.h"

/* --- define --- */

/* The guest stays what it is while it runs: what it was started from is the live definition. */
static void drop_transient_files(Guest *g) {
        if (!g->object.transient)
                return;
        (void) object_unlink(&kind_domain, STORE_TRANSIENT, g->object.name, NULL);
        object_remove_dropin(&g->driver->guests, g->object.name, true);
}

static int define_locked(Guest *g, const Definition *d, Error *e) {
        bool was = g->object.persistent;
        int r;

        r = object_write_dropin(&g->object, d, false, e);
        if (r >= 0)
                r = object_write(&kind_domain, STORE_PERSISTENT, g->object.name, d, NULL, e);
        if (r < 0) {
                if (!was)
                        object_remove_dropin(&g->driver->guests, g->object.name, false);
                return r;
        }
        drop_transient_files(g);
        (void) index_refresh_quietly(g->driver, g->object.name);
        object_emit_lifecycle(&g->object, LIFECYCLE_DEFINED, was ? DEFINED_UPDATED : DEFINED_ADDED);
        return 0;
}

/* For both forms of the procedure: their arguments begin with the document, their results are the guest. */
static int define(Call *c, const void *args, void *ret, Error *e) {
        const char *xml = *(char *const *) args;
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_guest_ Guest *g = NULL;
        QemuDriver *driver = driver_of(c);
        bool is_new;
        int r;

        r = client_definition(driver, xml, call_flags(c) & DEFINE_VALIDATE, &d, e);
        if (r >= 0)
                r = client_guest(c, d, call_flags(c), &is_new, &g, e);
        if (r < 0)
                return r;
        r = object_job_begin(&g->object, OBJECT_MODIFY, call_procedure(c)->api, e);
        if (r >= 0) {
                r = define_locked(g, d, e);
                object_job_end(&g->object, OBJECT_MODIFY);
        }
        if (r >= 0)
                return object_to_wire(&g->object, ret);
        if (is_new)
                (void) index_refresh(driver, g->object.name);
        return r;
}

/* --- rename --- */

static int check_rename(Guest *g, const char *name, Error *e) {
        int r;

        r = client_check_name(name, e);
        if (r < 0)
                return r;
        if (guest_is_active(g))
                return object_refuse(&g->object, e, "cannot rename active domain");
        if (has_managed_save(g))
                return object_refuse(&g->object, e, "domain with a managed saved state can't be renamed");
        if (count_metadata(g, "snapshot") + count_metadata(g, "checkpoint") > 0)
                return object_refuse(&g->object, e, "cannot rename domain with snapshots or checkpoints");
        if (streq(g->object.name, name))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN, "Can't rename domain to itself");
        if (guest_by_name(g->driver, name))
                return object_refuse(&g->object, e, "domain with name '%s' already exists", name);
        return 0;
}

/* The new definition, its drop-in, and its autostart. Where one cannot be made, nothing stays. */
static int make_new(Guest *g, const Definition *d, bool autostart, Error *e) {
        const char *name = definition_name(d);
        int r;

        r = object_write(&kind_domain, STORE_PERSISTENT, name, d, NULL, e);
        if (r < 0)
                return r;
        if (autostart)
                r = object_autostart_switch_name(&g->driver->guests, name, true, e);
        if (r < 0)
                (void) object_unlink(&kind_domain, STORE_PERSISTENT, name, NULL);
        return r;
}

/*
 * A note, new definition, new link, old link, old definition: a crash at any place between leaves a guest that starts
 * with the host as before, and the daemon goes on with it when it is back.
 */
static int rename_to(Guest *g, const char *name, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *old = strdup(g->object.name);
        int r;

        r = old ? check_rename(g, name, e) : -ENOMEM;
        if (r >= 0)
                r = object_load(&g->object, OBJECT_INACTIVE, &d, e);
        if (r >= 0)
                r = definition_set_name(d, name, e);
        if (r >= 0)
                r = renames_note(name, old, e);
        if (r < 0)
                return r;
        r = make_new(g, d, object_autostart(&g->object), e);
        if (r < 0) {
                renames_forget(name);
                return r;
        }
        object_emit_lifecycle(&g->object, LIFECYCLE_UNDEFINED, UNDEFINED_RENAMED);
        r = object_index_rename(&g->object, name);
        if (r < 0)
                return r;
        r = renames_remove_old(&g->driver->guests, old, e);
        if (r >= 0) {
                renames_forget(name);
                r = object_write_dropin(&g->object, d, false, e);
        }
        (void) index_refresh_quietly(g->driver, name);
        object_emit_lifecycle(&g->object, LIFECYCLE_DEFINED, DEFINED_RENAMED);
        return r;
}

static int rename_guest(Call *c, Guest *g, const remote_domain_rename_args *args, remote_domain_rename_ret *ret,
                        Error *e) {
        if (!args->new_name)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN, "a new name is missing");
        return rename_to(g, *args->new_name, e);
}

static const RpcHandler rows[] = {
        OBJECT_DEFINE(remote, REMOTE, &kind_domain, DOMAIN_DEFINE_XML, define, xml),
        OBJECT_DEFINE(remote, REMOTE, &kind_domain, DOMAIN_DEFINE_XML_FLAGS, define, xml, .flags = DEFINE_VALIDATE),
        CALL(DOMAIN_RENAME, rename_guest, .needs = NEED_LOCK | NEED_PERSISTENT,
             .transient = "cannot rename a transient domain"),
};
const RpcTable qemu_define_table = RPC_TABLE(rows);
