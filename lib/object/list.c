/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists, and the other procedures that are the same for every kind. */

#include "base/strings.h"
#include "object/list.h"
#include "object/unit.h"

#define NAMES_MAX 65536 /* the largest limit of any list of names in remote.x; the encoder knows each one's own */

static bool is_filter(const ObjectFilter *f) {
        return f && (f->yes || f->no);
}

/* Of each pair of opposites: none or both asked for is no condition. */
static bool fits(const ObjectFilter *f, const Object *o, uint32_t flags) {
        uint32_t asked = flags & (f->yes | f->no);

        if (asked == 0)
                return true;
        if (f->which)
                return asked & f->which(o);
        return asked == (f->yes | f->no) || asked == (f->is(o) ? f->yes : f->no);
}

bool object_fits(const Object *o, uint32_t flags) {
        for (const ObjectFilter *f = object_kind(o)->filters; is_filter(f); f++)
                if (!fits(f, o, flags))
                        return false;
        return true;
}

uint32_t object_filter_flags(const ObjectKind *k) {
        uint32_t all = 0;

        for (const ObjectFilter *f = k->filters; is_filter(f); f++)
                all |= f->yes | f->no;
        return all;
}

int object_select(Call *c, ObjectIndex *i, const Object *parent, uint32_t flags, Object ***ret, size_t *ret_n) {
        Object **list;
        size_t n, kept = 0;
        int r;

        r = object_snapshot(i, parent, &list, &n);
        if (r < 0)
                return r;
        for (size_t k = 0; k < n; k++) {
                if (i->kind->settle)
                        i->kind->settle(list[k]);
                if (object_is_visible(list[k]) && object_fits(list[k], flags) && object_may_show(c, list[k]))
                        list[kept++] = list[k];
                else
                        object_unref(list[k]);
        }
        *ret = list;
        *ret_n = kept;
        return 0;
}

/* All list_all results begin so, whatever the array holds. */
typedef struct ListReply {
        struct {
                unsigned len;
                char *val;
        } objects;
        unsigned n;
} ListReply;

int object_reply_list(Object *const *list, size_t n, bool need_results, void *ret) {
        ListReply *reply = ret;
        size_t size = n > 0 ? object_kind(list[0])->wire.size : 0;
        int r = 0;

        reply->n = (unsigned) n;
        if (!need_results || n == 0)
                return 0;
        reply->objects.val = calloc(n, size);
        if (!reply->objects.val)
                return -ENOMEM;
        for (size_t k = 0; k < n && r >= 0; k++) {
                r = object_to_wire(list[k], reply->objects.val + k * size);
                reply->objects.len = (unsigned) (k + 1);
        }
        return r;
}

typedef struct NamesReply {
        unsigned len;
        char **val;
} NamesReply;

int object_reply_names(Object *const *list, size_t n, int max, void *ret, Error *e) {
        NamesReply *reply = ret;
        char buffer[37];
        int r = 0;

        if (max < 0 || max > NAMES_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "too many names asked for: %i > %i", max,
                                 NAMES_MAX);
        reply->val = calloc(n + 1, sizeof(char *));
        if (!reply->val)
                return -ENOMEM;
        for (size_t k = 0; r >= 0 && k < MIN(n, (size_t) max); k++) {
                r = reply_string(&reply->val[k], object_label(list[k], buffer));
                if (r >= 0)
                        reply->len++;
        }
        return r;
}

/* --- procedures --- */

static const void *value(const Call *c, const void *args) {
        return (const char *) args + call_row(c)->value_at;
}

int object_lookup_by_name(Call *c, const void *args, void *ret, Error *e) {
        const char *name = *(char *const *) value(c, args);
        Object *o = object_by_name(call_index(c), NULL, name);

        return o && object_is_visible(o) ? object_reply_found(c, o, ret, e)
                                         : object_none_name(call_row(c)->kind, name, e);
}

int object_lookup_by_uuid(Call *c, const void *args, void *ret, Error *e) {
        const uint8_t *uuid = value(c, args);
        Object *o = object_by_uuid(call_index(c), uuid);

        return o && object_is_visible(o) ? object_reply_found(c, o, ret, e)
                                         : object_none_uuid(call_row(c)->kind, uuid, NULL, e);
}

int object_list_all(Call *c, const void *args, void *ret, Error *e) {
        Object **list;
        size_t n;
        int r;

        r = object_select(c, call_index(c), NULL, call_flags(c), &list, &n);
        if (r < 0)
                return r;
        r = object_reply_list(list, n, *(const int *) value(c, args), ret);
        object_release(list, n);
        return r;
}

int object_num_of(Call *c, const void *args, void *ret, Error *e) {
        Object **list;
        size_t n;
        int r;

        r = object_select(c, call_index(c), NULL, call_row(c)->inactive_flag, &list, &n);
        if (r < 0)
                return r;
        *(int *) ret = (int) n;
        object_release(list, n);
        return 0;
}

int object_list_names(Call *c, const void *args, void *ret, Error *e) {
        Object **list;
        size_t n;
        int r;

        r = object_select(c, call_index(c), NULL, call_row(c)->inactive_flag, &list, &n);
        if (r < 0)
                return r;
        r = object_reply_names(list, n, *(const int *) value(c, args), ret, e);
        object_release(list, n);
        return r;
}

int object_get_active(Call *c, Object *o, const void *args, void *ret, Error *e) {
        *(int *) ret = object_is_active(o);
        return 0;
}

int object_get_persistent(Call *c, Object *o, const void *args, void *ret, Error *e) {
        *(int *) ret = o->persistent;
        return 0;
}

int object_get_autostart(Call *c, Object *o, const void *args, void *ret, Error *e) {
        *(int *) ret = object_autostart(o);
        return 0;
}

int object_set_autostart(Call *c, Object *o, const void *args, void *ret, Error *e) {
        return object_autostart_switch(o, *(const int *) value(c, args), e);
}

int object_get_xml(Call *c, Object *o, const void *args, void *ret, Error *e) {
        bool inactive = call_flags(c) & call_row(c)->inactive_flag || !object_is_active(o);
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = object_load(o, inactive ? OBJECT_INACTIVE : OBJECT_LIVE, &d, e);
        return r < 0 ? r : definition_format(d, inactive ? DEFINITION_FORMAT_INACTIVE : 0, (char **) ret);
}
