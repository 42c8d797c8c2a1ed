/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "guest/driver.h"
#include "guest/keep.h"

#define FILE_MAX 4096U

typedef struct Kept {
        int id;                 /* -1: none */
        GuestState state;
        int reason;
        bool autodestroy;
        int agent_timeout;
} Kept;

static GuestState state_from_string(const char *s) {
        for (int i = 0; i < _GUEST_STATE_MAX; i++)
                if (streq(guest_state_to_string((GuestState) i), s))
                        return (GuestState) i;
        return _GUEST_STATE_INVALID;
}

static void take_line(const char *line, Kept *k) {
        const char *v;

        if ((v = startswith(line, "id=")))
                (void) parse_int(v, &k->id);
        else if ((v = startswith(line, "state=")))
                k->state = state_from_string(v);
        else if ((v = startswith(line, "reason=")))
                (void) parse_int(v, &k->reason);
        else if (streq(line, "autodestroy=yes"))
                k->autodestroy = true;
        else if ((v = startswith(line, "agent-timeout=")))
                (void) parse_int(v, &k->agent_timeout);
}

static int kept_read(const char *path, Kept *ret) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line;
        int r;

        *ret = (Kept) { .id = -1, .state = _GUEST_STATE_INVALID, .agent_timeout = AGENT_TIMEOUT_BLOCK };
        r = file_read(path, FILE_MAX, &text, NULL);
        if (r < 0)
                return r;
        for (rest = text; (line = strsep(&rest, "\n"));)
                take_line(line, ret);
        return 0;
}

static bool has_reason(const Guest *g) {
        if (g->state == GUEST_RUNNING)
                return g->reason != RUNNING_BOOTED;
        return g->state == GUEST_PAUSED;
}

static bool has_anything(const Guest *g) {
        return has_reason(g) || g->autodestroy || g->agent_timeout != AGENT_TIMEOUT_BLOCK;
}

void keep_save(Guest *g) {
        _cleanup_free_ char *path = NULL;
        _cleanup_strbuf_ StrBuf text = {};
        int r = -ENOMEM;

        if (!has_anything(g) && !g->kept)
                return;
        path = guest_file(GUEST_FILE_STATE, g->object.name);
        if (path && !has_anything(g)) {
                (void) unlink(path);
                g->kept = false;
                return;
        }
        if (g->run)
                strbuf_addf(&text, "id=%i\n", g->run->id);
        if (has_reason(g))
                strbuf_addf(&text, "state=%s\nreason=%i\n", guest_state_to_string(g->state), g->reason);
        if (g->autodestroy)
                strbuf_add(&text, "autodestroy=yes\n");
        if (g->agent_timeout != AGENT_TIMEOUT_BLOCK)
                strbuf_addf(&text, "agent-timeout=%i\n", g->agent_timeout);
        if (path && !text.failed)
                r = file_write_atomic(path, text.data, text.len, 0600, FILE_WRITE_NOSYNC);
        g->kept = r >= 0;
        if (r < 0)
                log_warning("domain '%s': what a later supervisor must know of it cannot be kept: %s", g->object.name,
                            strerror(-r));
}

void keep_load(Guest *g) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_STATE, g->object.name);
        Kept k;

        if (!path || kept_read(path, &k) < 0)
                return;
        /* Of an earlier run. */
        if (k.id >= 0 && k.id != g->run->id) {
                (void) unlink(path);
                return;
        }
        g->kept = true;
        g->run->kept_state = k.state;
        g->run->kept_reason = k.reason;
        g->agent_timeout = MAX(k.agent_timeout, AGENT_TIMEOUT_BLOCK);
        if (k.autodestroy)
                guest_set_autodestroy(g, AUTODESTROY_ORPHAN);
}

void keep_found(QemuDriver *d, const char *name) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_STATE, name);
        Guest *g = guest_by_name(d, name);
        Kept k;

        if (!path || (g && g->run) || kept_read(path, &k) < 0)
                return;
        if (!g || k.id >= 0 || !k.autodestroy) {
                (void) unlink(path);
                return;
        }
        g->kept = true;
        guest_set_autodestroy(g, AUTODESTROY_ORPHAN);
}

int keep_reason(const Guest *g, GuestState state, int usual) {
        GuestState kept = g->run->kept_state;

        if (kept == state)
                return g->run->kept_reason;
        /* Continued while nobody looked. */
        return state == GUEST_RUNNING && kept == GUEST_PAUSED ? RUNNING_UNPAUSED : usual;
}
