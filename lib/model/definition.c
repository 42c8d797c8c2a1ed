/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The definition object: a tree, where it came from, and what was noticed on the way in. */

#include <ctype.h>
#include <limits.h>

#include "base/fs.h"
#include "definition-private.h"
#include "schema.h"

Definition *definition_free(Definition *d) {
        if (!d)
                return NULL;

        if (d->doc)
                xmlFreeDoc(d->doc);
        free(d->origin);
        strv_free(d->warnings);
        free(d);
        return NULL;
}

int definition_error(const Definition *d, const xmlNode *node, int r, ErrorCode code, Error *e, const char *format,
                     ...) {
        _cleanup_free_ char *what = TEXT_OF_ARGUMENTS(format), *path = node ? xml_path_of(node) : NULL;
        const char *origin = d->origin;

        if (!what || (node && !path))
                return -ENOMEM;

        if (xml_line(node) == 0)
                return error_set(e, r, code, ORIGIN_DOMAIN, "%s%s%s%s%s", origin ?: "", origin ? ": " : "", path ?: "",
                                 path ? ": " : "", what);

        return error_set(e, r, code, ORIGIN_DOMAIN, "%s%s%u: %s: %s", origin ?: "line ", origin ? ":" : "",
                         xml_line(node), path, what);
}

/* libvirt's rules for names: they become names of files. */
static const char *name_problem(const char *name) {
        if (!*name)
                return "name is empty";
        if (strchr(name, '/'))
                return "name cannot contain '/'";
        if (strpbrk(name, "\n\r"))
                return "name cannot contain a line break";
        if (strlen(name) > NAME_MAX - strlen(".xml"))
                return "name is too long for the name of a file";
        if (streq(name, ".") || streq(name, ".."))
                return "name cannot be '.' or '..'";

        return NULL;
}

static int check_name(const Definition *d, Error *e) {
        xmlNode *name = xml_child(definition_root(d), "name");
        const char *problem;

        if (!name)
                return definition_error(d, definition_root(d), -EBADMSG, ERROR_XML_ERROR, e, "missing name");
        problem = name_problem(xml_text(name));
        if (problem)
                return definition_error(d, name, -EBADMSG, ERROR_XML_ERROR, e, "%s", problem);

        return 0;
}

static int check_uuid(const Definition *d, Error *e) {
        xmlNode *uuid = xml_child(definition_root(d), "uuid");
        uint8_t bytes[16];

        if (uuid && uuid_parse(xml_text(uuid), bytes) < 0)
                return definition_error(d, uuid, -EBADMSG, ERROR_XML_ERROR, e, "malformed uuid '%s'", xml_text(uuid));

        return 0;
}

int definition_parse(const char *text, size_t len, const char *origin, unsigned flags, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        if (origin) {
                d->origin = strdup(origin);
                if (!d->origin)
                        return -ENOMEM;
        }

        r = xml_parse(text, len, origin, "domain", &d->doc, e);
        if (r < 0)
                return r;
        r = qemu_namespace_adopt(d);
        if (r < 0)
                return r;
        r = check_name(d, e);
        if (r < 0)
                return r;
        r = check_uuid(d, e);
        if (r < 0)
                return r;
        if (!(flags & DEFINITION_UNCHECKED)) {
                r = schema_check(d, definition_root(d), &schema_domain, flags, e);
                if (r < 0)
                        return r;
                /* Every element that had a namespace is gone now. */
                r = qemu_namespace_declare(d);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(d);
        return 0;
}

int definition_load(const char *path, unsigned flags, Definition **ret, Error *e) {
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r;

        r = file_read(path, XML_MAX_BYTES, &text, &len);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_DOMAIN, "%s: cannot be read", path);

        r = definition_parse(text, len, path, flags, ret, e);
        if (r < 0)
                return r;

        (*ret)->from_file = true;
        return 0;
}

int definition_copy(const Definition *d, Definition **ret) {
        _cleanup_definition_ Definition *copy = calloc(1, sizeof(*copy));

        if (!copy)
                return -ENOMEM;
        copy->doc = xmlCopyDoc(d->doc, 1);
        if (!copy->doc)
                return -ENOMEM;
        if (d->origin) {
                copy->origin = strdup(d->origin);
                if (!copy->origin)
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(copy);
        return 0;
}

xmlNode *definition_root(const Definition *d) {
        return xmlDocGetRootElement(d->doc);
}

xmlNode *definition_devices(const Definition *d) {
        return xml_child(definition_root(d), "devices");
}

const char *definition_name(const Definition *d) {
        return xml_text(xml_child(definition_root(d), "name")) ?: "";
}

int definition_set_name(Definition *d, const char *name, Error *e) {
        const char *problem = name_problem(name);

        if (problem)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_DOMAIN, "%s", problem);

        return xml_set_text(xml_child(definition_root(d), "name"), name);
}

bool definition_uuid(const Definition *d, uint8_t ret[16]) {
        const char *s = xml_text(xml_child(definition_root(d), "uuid"));

        return s && uuid_parse(s, ret) >= 0;
}

const char *definition_nvram(const Definition *d) {
        const xmlNode *nvram = xml_find(definition_root(d), "os/nvram");
        const char *path = xml_get(nvram, "source/@file") ?: nvram ? xml_text(nvram) : NULL;

        return path && *path ? path : NULL;
}

const char *definition_origin(const Definition *d) {
        return d->origin;
}

char *const *definition_warnings(const Definition *d) {
        return d->warnings;
}

const char *device_alias(const xmlNode *device) {
        return xml_attr(xml_child(device, "alias"), "name");
}

int device_parse(const char *text, size_t len, unsigned flags, xmlDocPtr *ret, Error *e) {
        _cleanup_definition_ Definition *d = calloc(1, sizeof(*d));
        const SchemaElement *row;
        xmlNode *root;
        int r;

        if (!d)
                return -ENOMEM;
        r = xml_parse(text, len, NULL, NULL, &d->doc, e);
        if (r < 0)
                return r;

        root = definition_root(d);
        row = root->ns ? NULL : schema_device(xml_name(root));
        if (!row)
                return definition_error(d, root, -EBADMSG, ERROR_XML_ERROR, e, "'%s' is not a device", xml_name(root));
        if (row->refused)
                return definition_error(d, root, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, e,
                                        "element '%s' is not supported", row->name);
        r = schema_check(d, root, row, flags, e);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(d->doc);
        return 0;
}
