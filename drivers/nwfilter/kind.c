/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the layer must know about filters and bindings. */

#include "base/strings.h"
#include "nwfilter.h"
#include "object/store.h"

/* --- filters --- */

static ObjectIndex *filters_of(void *driver) {
        return &((NwfilterDriver *) driver)->filters;
}

/* By hand, or by a daemon that was killed in between. */
static void filter_changed(Object *o) {
        NwfilterDriver *d = o->index->driver;

        if (d->ready && !d->defining && filter_is_used(d, o->name))
                nwfilter_refresh(d);
}

static const ObjectStoreKind store_filter = {
        .folders = { [STORE_PERSISTENT] = "nwfilter" },
        .document = &document_filter,
        .header = "<!--\n"
                  "WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\n"
                  "OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:\n"
                  "  virsh nwfilter-edit NAME\n"
                  "or other application using the libvirt API.\n"
                  "-->\n\n",
        .changed = filter_changed,
};

const ObjectKind kind_filter = {
        .word = "nwfilter",
        .acl_name = "nwfilter_name",
        .acl_uuid = "nwfilter_uuid",
        .none = ERROR_NO_NWFILTER,
        .origin = ORIGIN_NWFILTER,
        .subject = ORIGIN_NWFILTER,
        .size = sizeof(Filter),
        .wire = OBJECT_WIRE(remote_nonnull_nwfilter, name, uuid),
        .index = filters_of,
        .store = &store_filter,
};

/* --- bindings --- */

static ObjectIndex *bindings_of(void *driver) {
        return &((NwfilterDriver *) driver)->bindings;
}

static void binding_done(Object *o) {
        free(binding_of(o)->filter);
}

static void read_filter(Object *o, const StoreHead *head, bool at_start) {
        _cleanup_free_ char *path = head->there ? object_path(&kind_binding, STORE_LIVE, o->name) : NULL;
        _cleanup_definition_ Definition *d = NULL;
        const char *filter;

        if (!path || definition_load_as(&document_filterbinding, path, 0, &d, NULL) < 0)
                return;
        filter = xml_get(definition_root(d), "filterref/@filter");
        free(binding_of(o)->filter);
        binding_of(o)->filter = filter ? strdup(filter) : NULL;
}

static const ObjectStoreKind store_binding = {
        .folders = { [STORE_LIVE] = "nwfilter-binding" },
        .document = &document_filterbinding,
        .live = read_filter,
};

static int to_wire(const Object *o, void *wire) {
        return reply_string(&((remote_nonnull_nwfilter_binding *) wire)->filtername, binding_of(o)->filter ?: "");
}

static void free_wire(void *wire) {
        free(((remote_nonnull_nwfilter_binding *) wire)->filtername);
}

const ObjectKind kind_binding = {
        .word = "nwfilter binding",
        .acl_name = "nwfilter_binding_portdev",
        .none = ERROR_NO_NWFILTER_BINDING,
        .none_name = "no nwfilter binding for port dev",
        .origin = ORIGIN_NWFILTER,
        .subject = ORIGIN_NWFILTER,
        .size = sizeof(Binding),
        .wire = OBJECT_WIRE_NAMED(remote_nonnull_nwfilter_binding, portdev),
        .index = bindings_of,
        .done = binding_done,
        .to_wire = to_wire,
        .free_wire = free_wire,
        .store = &store_binding,
};
