/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/leases.h"

#include <inttypes.h>
#include <jansson.h>

#include "base/fs.h"
#include "base/strings.h"

/* The members that are texts, in the order in which they are written. */
static const struct Member {
        const char *name;
        size_t offset;
} members[] = {
        { "ip-address", offsetof(Lease, ip) },         { "mac-address", offsetof(Lease, mac) },
        { "hostname", offsetof(Lease, hostname) },     { "client-id", offsetof(Lease, client_id) },
        { "iaid", offsetof(Lease, iaid) },             { "server-duid", offsetof(Lease, server_duid) },
};

static char **member(const Lease *l, size_t i) {
        return (char **) ((char *) l + members[i].offset);
}

static void json_freep(json_t **j) {
        json_decref(*j);
}
#define _cleanup_json_ _cleanup_(json_freep)

static void lease_done(Lease *l) {
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                free(*member(l, i));
        *l = (Lease) {};
}

void lease_list_done(LeaseList *l) {
        for (size_t i = 0; i < l->n; i++)
                lease_done(&l->items[i]);
        free(l->items);
        *l = (LeaseList) {};
}

static int lease_from_json(const json_t *object, Lease *ret) {
        Lease l = { .expiry = json_integer_value(json_object_get(object, "expiry-time")) };

        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                const char *text = json_string_value(json_object_get(object, members[i].name));

                if (text && !(*member(&l, i) = strdup(text))) {
                        lease_done(&l);
                        return -ENOMEM;
                }
        }
        if (!l.ip || l.expiry < 0) {
                lease_done(&l);
                return -EBADMSG;
        }
        *ret = l;
        return 0;
}

int leases_parse(const char *text, size_t len, LeaseList *ret, Error *e) {
        _cleanup_leases_ LeaseList l = {};
        _cleanup_json_ json_t *list = NULL;
        json_error_t error = {};
        json_t *object;
        size_t i;

        if (len > 0) {
                list = json_loadb(text, len, 0, &error);
                if (!json_is_array(list))
                        return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_NETWORK,
                                         "invalid list of leases: line %d: %s", error.line,
                                         list ? "no list" : error.text);
        }
        if (json_array_size(list) > LEASES_MAX)
                return error_set(e, -E2BIG, ERROR_INTERNAL, ORIGIN_NETWORK, "more than %u leases", LEASES_MAX);
        l.items = calloc(json_array_size(list) + 1, sizeof *l.items);
        if (!l.items)
                return -ENOMEM;
        json_array_foreach(list, i, object) {
                int r = lease_from_json(object, &l.items[l.n]);

                if (r == -EBADMSG)
                        continue;   /* one entry that makes no sense does not hide the others */
                if (r < 0)
                        return r;
                l.n++;
        }
        *ret = TAKE_GENERIC(l, (LeaseList) {});
        return 0;
}

int leases_read(const char *path, LeaseList *ret, Error *e) {
        _cleanup_free_ char *text = NULL;
        size_t len = 0;
        int r = file_read(path, LEASES_FILE_MAX, &text, &len);

        if (r < 0 && r != -ENOENT)
                return error_set_errno(e, r, ORIGIN_NETWORK, "cannot read %s", path);
        r = leases_parse(text, len, ret, e);
        if (r < 0)
                error_prefix(e, "%s", path);
        return r;
}

int leases_format(const LeaseList *l, char **ret) {
        _cleanup_json_ json_t *list = json_array();

        for (size_t i = 0; i < l->n; i++) {
                json_t *object = json_object();

                for (size_t m = 0; m < ELEMENTSOF(members); m++)
                        if (*member(&l->items[i], m))
                                (void) json_object_set_new(object, members[m].name,
                                                           json_string(*member(&l->items[i], m)));
                (void) json_object_set_new(object, "expiry-time", json_integer(l->items[i].expiry));
                if (json_array_append_new(list, object) < 0)
                        return -ENOMEM;
        }
        *ret = list ? json_dumps(list, JSON_INDENT(2)) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static int lease_copy(const Lease *from, Lease *ret) {
        Lease l = { .expiry = from->expiry };

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (*member(from, i) && !(*member(&l, i) = strdup(*member(from, i)))) {
                        lease_done(&l);
                        return -ENOMEM;
                }
        *ret = l;
        return 0;
}

bool leases_remove(LeaseList *l, const char *ip) {
        for (size_t i = 0; i < l->n; i++)
                if (streq(l->items[i].ip, ip)) {
                        lease_done(&l->items[i]);
                        memmove(&l->items[i], &l->items[i + 1], (l->n - i - 1) * sizeof *l->items);
                        l->n--;
                        return true;
                }
        return false;
}

int leases_put(LeaseList *l, const Lease *lease) {
        Lease *items, copy;
        int r;

        if (l->n >= LEASES_MAX)
                return -E2BIG;
        r = lease_copy(lease, &copy);
        if (r < 0)
                return r;
        (void) leases_remove(l, lease->ip);
        items = reallocarray(l->items, l->n + 1, sizeof *items);
        if (!items) {
                lease_done(&copy);
                return -ENOMEM;
        }
        l->items = items;
        l->items[l->n++] = copy;
        return 0;
}

void leases_expire(LeaseList *l, int64_t now) {
        for (size_t i = l->n; i-- > 0;)
                if (l->items[i].expiry > 0 && l->items[i].expiry <= now)
                        (void) leases_remove(l, l->items[i].ip);
}

/* A word of dnsmasq's file: one that is missing, or could not be a word, is "*". */
static const char *word(const char *s) {
        return s && *s && !strpbrk(s, " \t\r\n") ? s : "*";
}

int leases_for_dnsmasq(const LeaseList *l, char **ret) {
        _cleanup_strbuf_ StrBuf text = {};
        const char *duid = NULL;

        strbuf_add(&text, "");
        for (size_t i = 0; i < l->n; i++) {
                const Lease *lease = &l->items[i];

                if (lease->iaid)
                        duid = duid ?: lease->server_duid;
                else if (lease->mac)
                        strbuf_addf(&text, "%" PRIi64 " %s %s %s %s\n", lease->expiry, word(lease->mac),
                                    word(lease->ip), word(lease->hostname), word(lease->client_id));
        }
        if (duid)
                strbuf_addf(&text, "duid %s\n", word(duid));
        for (size_t i = 0; duid && i < l->n; i++) {
                const Lease *lease = &l->items[i];

                if (lease->iaid)
                        strbuf_addf(&text, "%" PRIi64 " %s %s %s %s\n", lease->expiry, word(lease->iaid),
                                    word(lease->ip), word(lease->hostname), word(lease->client_id));
        }
        *ret = strbuf_take(&text);
        return *ret ? 0 : -ENOMEM;
}

/* The guest's list of MACs in the whole list, made where it is missing. */
static json_t *macs_of(json_t *list, const char *guest) {
        json_t *object, *macs;
        size_t i;

        json_array_foreach(list, i,
                           object) if (streq_ptr(json_string_value(json_object_get(object, "domain")), guest) &&
                                       json_is_array(json_object_get(object, "macs"))) return json_object_get(object,
                                                                                                              "macs");
        macs = json_array();
        if (json_array_append_new(list, json_pack("{s:s, s:o}", "domain", guest, "macs", macs)) < 0)
                return NULL;
        return macs;
}

static void drop_guests(json_t *list, const char *but, bool (*lives)(const char *guest)) {
        for (size_t i = json_array_size(list); i-- > 0;) {
                const json_t *object = json_array_get(list, i);
                const char *guest = json_string_value(json_object_get(object, "domain"));

                if (json_array_size(json_object_get(object, "macs")) == 0 ||
                    (lives && guest && !streq(guest, but) && !lives(guest)))
                        (void) json_array_remove(list, i);
        }
}

int macs_change(const char *text, size_t len, const char *guest, const char *mac, bool add,
                bool (*lives)(const char *guest), char **ret) {
        _cleanup_json_ json_t *list = text && len > 0 ? json_loadb(text, len, 0, NULL) : NULL;
        json_t *macs;

        if (!json_is_array(list)) {
                json_decref(list);
                list = json_array();
        }
        macs = macs_of(list, guest);
        if (!macs)
                return -ENOMEM;
        for (size_t i = json_array_size(macs); i-- > 0;)
                if (streq_ptr(json_string_value(json_array_get(macs, i)), mac))
                        (void) json_array_remove(macs, i);
        if (add && json_array_append_new(macs, json_string(mac)) < 0)
                return -ENOMEM;
        drop_guests(list, guest, lives);
        *ret = json_dumps(list, JSON_INDENT(2));
        return *ret ? 0 : -ENOMEM;
}
