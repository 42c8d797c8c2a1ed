/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Title, description and what management tools keep below <metadata>, each by its namespace. */

#include "base/strings.h"
#include "events.h"
#include "handlers.h"
#include "index.h"
#include "live.h"
#include "model/metadata.h"
#include "start.h"

enum { METADATA_DESCRIPTION, METADATA_TITLE, METADATA_ELEMENT };

static int error_none(Error *e) {
        return error_set(e, -ENOENT, ERROR_NO_DOMAIN_METADATA, ORIGIN_DOMAIN, "Requested metadata element is not present");
}

int domain_get_metadata(Call *c, const remote_domain_get_metadata_args *args, remote_domain_get_metadata_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        _cleanup_definition_ Definition *d = NULL;
        const char *text;
        int r;

        r = call_check_flags(c, args->flags, AFFECT_LIVE | AFFECT_CONFIG, e);
        if (r >= 0)
                r = domain_get(c, &args->dom, args->flags, &g, e);
        if (r >= 0)
                r = resolve_impact(g, args->flags, e);
        if (r >= 0)
                r = r > 0 ? guest_load_live(g, &d, e) : guest_load_inactive(g, &d, e);
        if (r < 0)
                return r;
        if (args->type == METADATA_ELEMENT) {
                r = args->uri ? metadata_get(d, *args->uri, &ret->metadata) : -ENOENT;
                return r == -ENOENT ? error_none(e) : r;
        }
        if (args->type != METADATA_DESCRIPTION && args->type != METADATA_TITLE)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN, "unknown metadata type");
        text = xml_text(xml_child(definition_root(d), args->type == METADATA_TITLE ? "title" : "description"));
        return text && text[0] ? reply_string(&ret->metadata, text) : error_none(e);
}

/* Where title and description have their place: behind what comes before them in a printed document. */
static int set_text_element(Definition *d, const char *name, const char *text) {
        static const char *const before[] = { "name", "uuid", "genid", "title" };
        xmlNode *root = definition_root(d), *n = xml_child(root, name), *after = NULL;

        if (!text || !text[0]) {
                xml_remove(n);
                return 0;
        }
        if (n)
                return xml_set_text(n, text);
        for (size_t i = 0; i < ELEMENTSOF(before) && !streq(before[i], name); i++)
                after = xml_child(root, before[i]) ?: after;
        n = xmlNewDocNode(root->doc, NULL, (const xmlChar *) name, NULL);
        if (!n)
                return -ENOMEM;
        if (!xmlAddNextSibling(after, n)) {
                xmlFreeNode(n);
                return -ENOMEM;
        }
        return xml_set_text(n, text);
}

static int change(Definition *d, const remote_domain_set_metadata_args *args, Error *e) {
        const char *text = args->metadata ? *args->metadata : NULL;

        switch (args->type) {
        case METADATA_TITLE:
                if (text && strchr(text, '\n'))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN, "metadata title can't contain newlines");
                return set_text_element(d, "title", text);
        case METADATA_DESCRIPTION:
                return set_text_element(d, "description", text);
        case METADATA_ELEMENT:
                if (!args->uri || (text && !args->key))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN, "a namespace and its prefix are needed");
                return metadata_set(d, *args->uri, args->key ? *args->key : NULL, text, e);
        default:
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN, "unknown metadata type");
        }
}

static int change_live(Guest *g, const remote_domain_set_metadata_args *args, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = guest_load_live(g, &d, e);
        if (r >= 0)
                r = change(d, args, e);
        return r < 0 ? r : live_write(g, d, e);
}

static int change_persistent(Guest *g, const remote_domain_set_metadata_args *args, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = guest_load_inactive(g, &d, e);
        if (r >= 0)
                r = change(d, args, e);
        if (r >= 0)
                r = persistent_write(d, e);
        if (r >= 0)
                (void) index_refresh_quietly(g->driver, g->name);
        return r;
}

int domain_set_metadata(Call *c, const remote_domain_set_metadata_args *args, rpc_void *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        bool live, config;
        int r;

        r = call_check_flags(c, args->flags, AFFECT_LIVE | AFFECT_CONFIG, e);
        if (r >= 0)
                r = domain_get(c, &args->dom, args->flags, &g, e);
        if (r >= 0)
                r = guest_lock(g, e);
        if (r < 0)
                return r;
        live = args->flags ? args->flags & AFFECT_LIVE : guest_is_active(g);
        config = args->flags ? args->flags & AFFECT_CONFIG : !live;
        if (live && !guest_is_active(g))
                r = error_not_running(e);
        else if (config && !g->persistent)
                r = error_not_persistent(e, "transient domains do not have any persistent config");
        if (r >= 0 && live)
                r = change_live(g, args, e);
        if (r >= 0 && config)
                r = change_persistent(g, args, e);
        fiber_unlock(&g->lock);
        if (r >= 0)
                emit_metadata_change(g, args->type, args->uri ? *args->uri : NULL);
        return r;
}
