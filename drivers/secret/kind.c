/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the layer must know about secrets. They have no name; what they are for is theirs alone. */

#include "base/strings.h"
#include "model/kind.h"
#include "object/list.h"
#include "secret.h"

static ObjectIndex *index_of(void *driver) {
        return &((SecretDriver *) driver)->secrets;
}

static void done(Object *o) {
        free(secret_of(o)->usage);
}

/* There is nothing about a secret that runs: what is asked for is always its definition. */
static bool is_active(const Object *o) {
        return false;
}

/* --- files --- */

static bool is_yes(const Definition *d, const char *attribute) {
        return streq(xml_attr(definition_root(d), attribute) ?: "", "yes");
}

const char *secret_traits(const Definition *d, SecretTraits *ret) {
        ret->ephemeral = is_yes(d, "ephemeral");
        ret->private = is_yes(d, "private");
        return secret_usage(d, &ret->type);
}

/* An object comes, or comes anew, from either place; which it is the index does not know yet. Where there is none to be
 * read it stays what it was: so does whoever is told of its end know what it was for. */
static void read_traits(Object *o) {
        _cleanup_definition_ Definition *d = NULL;
        Secret *s = secret_of(o);
        char uuid[37];

        uuid_format(o->uuid, uuid);
        for (StorePlace p = STORE_PERSISTENT; !d && p <= STORE_TRANSIENT; p++) {
                _cleanup_free_ char *path = object_path(&kind_secret, p, uuid);

                if (path && definition_load_as(&document_secret, path, 0, &d, NULL) < 0)
                        d = NULL;
        }
        if (!d)
                return;
        free(s->usage);
        s->usage = strdup(secret_traits(d, &s->traits));
}

static const ObjectStoreKind store_secret = {
        .folders = { [STORE_PERSISTENT] = "secrets", [STORE_TRANSIENT] = "secrets" },
        .document = &document_secret,
        .uuid_files = true,
        .added = read_traits,
        .changed = read_traits,
};

/* --- the wire and access --- */

static int to_wire(const Object *o, void *wire) {
        remote_nonnull_secret *w = wire;

        w->usageType = (int) secret_of(o)->traits.type;
        return reply_string(&w->usageID, secret_of(o)->usage ?: "");
}

static void free_wire(void *wire) {
        free(((remote_nonnull_secret *) wire)->usageID);
}

/* As rules of polkit know it. */
static void acl(const Object *o, ObjectAcl *acl) {
        static const char *const keys[] = {
                [SECRET_USAGE_VOLUME] = "secret_usage_volume", [SECRET_USAGE_CEPH] = "secret_usage_ceph",
                [SECRET_USAGE_ISCSI] = "secret_usage_target",  [SECRET_USAGE_TLS] = "secret_usage_name",
                [SECRET_USAGE_VTPM] = "secret_usage_name",
        };
        const Secret *s = secret_of(o);
        size_t n = 0;

        if (s->traits.type == SECRET_USAGE_NONE || !s->usage)
                return;
        while (acl->details[n])
                n++;
        acl->details[n++] = keys[s->traits.type];
        acl->details[n] = s->usage;
}

/* --- lists --- */

static bool is_ephemeral(const Object *o) {
        return secret_of(o)->traits.ephemeral;
}

static bool is_private(const Object *o) {
        return secret_of(o)->traits.private;
}

/* Numbers: virConnectListAllSecretsFlags of libvirt-secret.h. */
static const ObjectFilter filters[] = {
        { .yes = 1, .no = 2, .is = is_ephemeral },
        { .yes = 4, .no = 8, .is = is_private },
        {},
};

typedef struct Search {
        SecretUsageType type;
        const char *usage;
        Secret *found;
} Search;

static void compare(Object *o, void *userdata) {
        Secret *s = secret_of(o);
        Search *w = userdata;

        if (s->traits.type == w->type && s->usage && streq(s->usage, w->usage))
                w->found = s;
}

Secret *secret_by_usage(const ObjectIndex *i, SecretUsageType type, const char *usage) {
        Search w = { type, usage, NULL };

        if (type != SECRET_USAGE_NONE)
                object_foreach(i, compare, &w);
        return w.found;
}

const ObjectKind kind_secret = {
        .word = "secret",
        .acl_uuid = "secret_uuid",
        .none = ERROR_NO_SECRET,
        .origin = ORIGIN_SECRET,
        .subject = ORIGIN_SECRET,
        .size = sizeof(Secret),
        .wire = OBJECT_WIRE_UUID(remote_nonnull_secret, uuid),
        .has_events = true,
        .events = EVENT_SECRET,
        .index = index_of,
        .done = done,
        .is_active = is_active,
        .to_wire = to_wire,
        .free_wire = free_wire,
        .acl = acl,
        .filters = filters,
        .store = &store_secret,
};
