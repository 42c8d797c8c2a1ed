/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kind of secrets: who keeps it and what it is for, never its value. After normalising (paths below /secret):
 *
 *   @ephemeral, @private   there, yes or no
 *   uuid                   there
 *   usage                  only where there is one: @type is volume, ceph, iscsi, tls or vtpm, and below it stands the
 *                          one
 *                          element that this type has, with text (secret_usage()) */

#include "base/strings.h"
#include "model/secret.h"
#include "normalise/normaliser.h"
#include "schema.h"

/* Numbers: virSecretUsageType of libvirt-secret.h. */
static const struct {
        const char *type;
        const char *element;   /* NULL: nothing is below <usage> */
        SecretUsageType number;
} usages[] = {
        { "none",   NULL,     SECRET_USAGE_NONE },
        { "volume", "volume", SECRET_USAGE_VOLUME },
        { "ceph",   "name",   SECRET_USAGE_CEPH },
        { "iscsi",  "target", SECRET_USAGE_ISCSI },
        { "tls",    "name",   SECRET_USAGE_TLS },
        { "vtpm",   "name",   SECRET_USAGE_VTPM },
};

const char *secret_usage(const Definition *d, SecretUsageType *ret_type) {
        const xmlNode *usage = xml_child(definition_root(d), "usage");
        const char *type = xml_attr(usage, "type");

        for (size_t i = 0; type && i < ELEMENTSOF(usages); i++)
                if (streq(usages[i].type, type) && usages[i].element) {
                        *ret_type = usages[i].number;
                        return xml_get(usage, usages[i].element) ?: "";
                }
        *ret_type = SECRET_USAGE_NONE;
        return "";
}

static int normalise_attributes(Normaliser *n) {
        norm_set_default(n, n->root, "ephemeral", "no");
        norm_set_default(n, n->root, "private", "no");
        return 0;
}

/* What belongs to another type of usage is not kept, as libvirt has it. */
static int keep_only(Normaliser *n, xmlNode *usage, const char *element) {
        xmlNode *next;

        for (xmlNode *c = xml_child(usage, NULL); c; c = next) {
                next = xml_next(c, NULL);
                if (!xml_is(c, element))
                        xml_remove(c);
        }
        if (!*(xml_get(usage, element) ?: ""))
                return fail_xml(n, usage, "usage of type '%s' needs <%s>", xml_attr(usage, "type"), element);
        return 0;
}

static int normalise_usage(Normaliser *n) {
        xmlNode *usage = xml_child(n->root, "usage");
        const char *type = xml_attr(usage, "type");

        if (usage && !type)
                return fail_xml(n, usage, "missing type of the usage");
        for (size_t i = 0; usage && i < ELEMENTSOF(usages); i++)
                if (streq(usages[i].type, type)) {
                        if (usages[i].element)
                                return keep_only(n, usage, usages[i].element);
                        xml_remove(usage);
                        return 0;
                }
        return 0;
}

static const NormaliseStep steps[] = { normalise_uuid, normalise_attributes, normalise_usage, NULL };

const DocumentKind document_secret = {
        .root = "secret",
        .word = "secret",
        .origin = ORIGIN_SECRET,
        .key = "uuid",
        .key_made_up = true,
        .schema = &schema_secret,
        .steps = steps,
};
