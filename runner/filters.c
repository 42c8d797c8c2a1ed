/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <filterref> of a card: the rules of its tap, which are there before the tap is up, and go with the guest. */

#include "base/strings.h"
#include "filter/bind.h"
#include "host/undo.h"
#include "model/kind.h"
#include "model/writer.h"
#include "prepare.h"

/* <filterbinding> as libvirt's clients read it (virsh nwfilter-binding-dumpxml). */
static int format_binding(const Prepare *p, const xmlNode *interface, const char *tap, const char *uuid, char **ret) {
        const xmlNode *filterref = xml_child(interface, "filterref");
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        DocumentElement *root, *owner, *ref;
        int r;

        r = document_begin("filterbinding", &w, &root);
        if (r < 0)
                return r;
        owner = document_add(w, root, "owner", NULL);
        (void) document_add(w, owner, "name", p->name);
        (void) document_add(w, owner, "uuid", uuid);
        document_attr(w, document_add(w, root, "portdev", NULL), "name", tap);
        document_attr(w, document_add(w, root, "mac", NULL), "address", xml_get(interface, "mac/@address"));
        ref = document_add(w, root, "filterref", NULL);
        document_attr(w, ref, "filter", xml_attr(filterref, "filter"));
        XML_FOREACH(parameter, filterref, "parameter") {
                DocumentElement *copy = document_add(w, ref, "parameter", NULL);

                document_attr(w, copy, "name", xml_attr(parameter, "name"));
                document_attr(w, copy, "value", xml_attr(parameter, "value"));
        }
        return document_finish(w, ret);
}

static int make_binding(const Prepare *p, const xmlNode *interface, const char *tap, const char *uuid, Definition **ret,
                        Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = format_binding(p, interface, tap, uuid, &text);
        if (r >= 0)
                r = definition_parse_as(&document_filterbinding, text, strlen(text), NULL, 0, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r >= 0)
                *ret = TAKE_PTR(d);
        return r;
}

/* The end of an earlier guest may not have come to it yet: its rules are not for this one's tap. */
static int unbind_other(const char *tap, Error *e) {
        return filter_port_is_bound(tap) ? filter_port_unbind(tap, NULL, e) : 0;
}

int prepare_filter(void *userdata, const char *tap, Error *e) {
        const PrepareFilter *f = userdata;
        _cleanup_definition_ Definition *binding = NULL;
        _cleanup_free_ char *undo = NULL;
        uint8_t bytes[16];
        char uuid[37];
        int r;

        if (!xml_child(f->interface, "filterref"))
                return unbind_other(tap, e);
        if (!definition_uuid(f->prepare->live, bytes))
                return -EINVAL;
        uuid_format(bytes, uuid);
        undo = text_format("%s %s", tap, uuid);
        r = undo ? make_binding(f->prepare, f->interface, tap, uuid, &binding, e) : -ENOMEM;
        if (r >= 0)
                r = undo_add_for(f->prepare->name, f->prepare->device, UNDO_FILTER, undo);
        return r < 0 ? r : filter_port_bind(binding, e);
}

int prepare_refuse_filter(Prepare *p, const xmlNode *interface, const char *type) {
        const xmlNode *filterref = xml_child(interface, "filterref");

        return filterref ? prepare_refuse(p, -EOPNOTSUPP, filterref,
                                          "filterref is not supported for network interfaces of type %s", type)
                         : 0;
}
