/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is a guest's own in the index: its live definition is a run, files beside it tell how it ended and what an
 * earlier supervisor kept. */

#include "base/fs.h"
#include "base/guest-exit.h"
#include "base/strings.h"
#include "guest/keep.h"
#include "guest/renames.h"
#include "guest/savefile.h"
#include "object/unit.h"
#include "run/helpers.h"
#include "run/index.h"
#include "run/monitor.h"

#define LAST_MAX 4096U

/* --- ends --- */

/* The word behind "reason=" at the beginning of a line. */
static int end_reason_from(char *text) {
        static const int reasons[_GUEST_END_MAX] = {
                [GUEST_END_UNKNOWN] = SHUTOFF_UNKNOWN,     [GUEST_END_SHUTDOWN] = SHUTOFF_SHUTDOWN,
                [GUEST_END_DESTROYED] = SHUTOFF_DESTROYED, [GUEST_END_CRASHED] = SHUTOFF_CRASHED,
                [GUEST_END_MIGRATED] = SHUTOFF_MIGRATED,   [GUEST_END_SAVED] = SHUTOFF_SAVED,
                [GUEST_END_FAILED] = SHUTOFF_FAILED,
        };

        for (char *line = text, *end; line; line = end) {
                const char *word;

                end = strchr(line, '\n');
                if (end)
                        *end++ = 0;
                word = startswith(line, "reason=");
                if (word)
                        return reasons[guest_end_from_string(word)];
        }
        return SHUTOFF_UNKNOWN;
}

/* How the guest ended last, as vm-cleanup left it; otherwise where it said nothing. */
static int last_reason(const char *name, int otherwise) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_LAST, name), *text = NULL;
        int reason;

        if (!path || file_read(path, LAST_MAX, &text, NULL) < 0)
                return otherwise;
        reason = end_reason_from(text);
        return reason == SHUTOFF_UNKNOWN ? otherwise : reason;
}

static void finish_run(Guest *g) {
        int reason = last_reason(g->object.name, g->state == GUEST_ENDING ? g->reason : SHUTOFF_UNKNOWN);

        guest_enter(g, GUEST_OFF, reason);
        monitor_end_run(g);
        guest_set_autodestroy(g, 0);
        g->kept = false;
}

void index_refresh_end(Guest *g) {
        if (g->state == GUEST_OFF)
                guest_enter(g, GUEST_OFF, last_reason(g->object.name, g->reason));
}

/* --- files --- */

static void added(Object *o) {
        guest_of(o)->reason = last_reason(o->name, SHUTOFF_UNKNOWN);
}

static void changed(Object *o) {
        guest_of(o)->facts.valid = false;
}

static void live(Object *o, const StoreHead *head, bool at_start) {
        Guest *g = guest_of(o);

        if (g->run && (!head->there || (head->id >= 0 && head->id != g->run->id)))
                finish_run(g);
        if (!head->there)
                return;
        if (!g->run)
                (void) monitor_begin_run(g, head->id, at_start);
        else
                g->run->facts.valid = false;
}

static void replaced(Object *o) {
        if (guest_of(o)->run)
                finish_run(guest_of(o));
}

/* How a guest ended that was never seen running: its unit failed before. And what an earlier supervisor left. */
static void other(ObjectIndex *i, StorePlace place, const char *file, bool at_start) {
        _cleanup_free_ char *ended = NULL, *kept = NULL;
        Object *o;

        if (place != STORE_LIVE)
                return;
        ended = guest_file_guest(GUEST_FILE_LAST, file);
        o = ended ? object_by_name(i, NULL, ended) : NULL;
        if (o)
                index_refresh_end(guest_of(o));
        kept = at_start ? guest_file_guest(GUEST_FILE_STATE, file) : NULL;
        if (kept)
                keep_found(i->driver, kept);
}

#define FILE_HEADER                                                                                          \
        "<!--\n"                                                                                             \
        "This file was written by Unitvirt. Edit it with 'virsh edit', or by hand, followed by\n"            \
        "'systemctl daemon-reload'.\n"                                                                       \
        "-->\n\n"

static const ObjectStoreKind store_domain = {
        .folders = { [STORE_PERSISTENT] = "qemu", [STORE_TRANSIENT] = "qemu/transient", [STORE_LIVE] = "qemu" },
        .document = &document_domain,
        .header = FILE_HEADER,
        .updated_detail = DEFINED_UPDATED,
        .added = added,
        .changed = changed,
        .live = live,
        .replaced = replaced,
        .other = other,
};

/* --- units --- */

static const ObjectUnitKind unit_domain = {
        .kind = &unit_guest,
        .autostart = "qemu/autostart",
        .errors = "qemu",
        .wait_for_others = guest_wait_for_helpers,
};

/* --- lists --- */

static bool is_active(const Object *o) {
        return guest_is_active(guest_of(o));
}

static bool is_persistent(const Object *o) {
        return o->persistent;
}

static bool is_saved(const Object *o) {
        return has_managed_save(guest_of(o));
}

static bool has_snapshots(const Object *o) {
        return count_metadata(guest_of(o), "snapshot") > 0;
}

static bool has_checkpoints(const Object *o) {
        return count_metadata(guest_of(o), "checkpoint") > 0;
}

static uint32_t state_flag(const Object *o) {
        switch (guest_public_state(guest_of(o), NULL)) {
        case DOMAIN_RUNNING:
                return DOMAIN_LIST_RUNNING;
        case DOMAIN_PAUSED:
                return DOMAIN_LIST_PAUSED;
        case DOMAIN_SHUTOFF:
                return DOMAIN_LIST_SHUTOFF;
        default:
                return DOMAIN_LIST_OTHER;
        }
}

/* What costs no look at files comes first. */
static const ObjectFilter filters[] = {
        { .yes = DOMAIN_LIST_ACTIVE, .no = DOMAIN_LIST_INACTIVE, .is = is_active },
        { .yes = DOMAIN_LIST_PERSISTENT, .no = DOMAIN_LIST_TRANSIENT, .is = is_persistent },
        { .yes = DOMAIN_LIST_RUNNING | DOMAIN_LIST_PAUSED | DOMAIN_LIST_SHUTOFF | DOMAIN_LIST_OTHER,
          .which = state_flag },
        { .yes = DOMAIN_LIST_MANAGEDSAVE, .no = DOMAIN_LIST_NO_MANAGEDSAVE, .is = is_saved },
        { .yes = DOMAIN_LIST_AUTOSTART, .no = DOMAIN_LIST_NO_AUTOSTART, .is = object_autostart },
        { .yes = DOMAIN_LIST_HAS_SNAPSHOT, .no = DOMAIN_LIST_NO_SNAPSHOT, .is = has_snapshots },
        { .yes = DOMAIN_LIST_HAS_CHECKPOINT, .no = DOMAIN_LIST_NO_CHECKPOINT, .is = has_checkpoints },
        {},
};

/* --- the kind --- */

static ObjectIndex *guests_of(void *driver) {
        return &((QemuDriver *) driver)->guests;
}

static void init(Object *o) {
        Guest *g = guest_of(o);

        g->driver = o->index->driver;
        g->id = -1;
        g->agent_timeout = AGENT_TIMEOUT_BLOCK;
}

/* The last reference may be a call's, after the index has let go. */
static void gone(Object *o) {
        Guest *g = guest_of(o);

        monitor_end_run(g);
        guest_set_autodestroy(g, 0);
}

static bool is_visible(const Object *o) {
        return guest_is_visible(guest_of(o));
}

static void settle(Object *o) {
        guest_wait_settled(guest_of(o));
}

static int to_wire(const Object *o, void *wire) {
        const Guest *g = guest_of(o);

        ((remote_nonnull_domain *) wire)->id = guest_is_active(g) ? g->id : -1;
        return 0;
}

const ObjectKind kind_domain = {
        .word = "domain",
        .acl_name = "domain_name",
        .acl_uuid = "domain_uuid",
        .none = ERROR_NO_DOMAIN,
        .origin = ORIGIN_QEMU,
        .subject = ORIGIN_DOMAIN,
        .inactive_text = "domain is not running",
        .size = sizeof(Guest),
        .wire = OBJECT_WIRE(remote_nonnull_domain, name, uuid),
        .has_events = true,
        .events = EVENT_DOMAIN,
        .index = guests_of,
        .init = init,
        .gone = gone,
        .is_active = is_active,
        .is_visible = is_visible,
        .settle = settle,
        .to_wire = to_wire,
        .filters = filters,
        .store = &store_domain,
        .unit = &unit_domain,
};

/* --- the index --- */

int index_start(QemuDriver *d, Error *e) {
        object_index_init(&d->guests, &kind_domain, d->host, d);
        renames_finish(&d->guests);
        return object_store_start(&d->guests, e);
}

void index_stop(QemuDriver *d) {
        object_store_stop(&d->guests);
        object_index_done(&d->guests);
}

static Guest *refresh(QemuDriver *d, const char *name, bool quietly) {
        Object *o = object_refresh(&d->guests, name, quietly);

        return o ? guest_of(o) : NULL;
}

Guest *index_refresh(QemuDriver *d, const char *name) {
        return refresh(d, name, false);
}

Guest *index_refresh_quietly(QemuDriver *d, const char *name) {
        return refresh(d, name, true);
}
