/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The definition object: a tree, where it came from, and what was noticed on the way in. */

#include <ctype.h>
#include <limits.h>

#include "base/fs.h"
#include "definition-private.h"
#include "disk-order.h"
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
                return error_set(e, r, code, d->kind->origin, "%s%s%s%s%s", origin ?: "", origin ? ": " : "",
                                 path ?: "", path ? ": " : "", what);

        return error_set(e, r, code, d->kind->origin, "%s%s%u: %s: %s", origin ?: "line ", origin ? ":" : "",
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

static bool kind_is_named(const DocumentKind *k) {
        return k->key && (streq(k->key, "name") || strchr(k->key, '@'));
}

static int check_name(const Definition *d, Error *e) {
        const xmlNode *root = definition_root(d), *name = xml_child(root, "name");
        const char *key = d->kind->key, *problem;

        if (key && !d->kind->key_made_up && !xml_get(root, key))
                return definition_error(d, root, -EBADMSG, ERROR_XML_ERROR, e, "missing %s", key);
        if (!kind_is_named(d->kind) || !xml_get(root, key))
                return 0;
        problem = name_problem(xml_get(root, key));
        if (problem)
                return definition_error(d, name ?: root, -EBADMSG, ERROR_XML_ERROR, e, "%s", problem);

        return 0;
}

static int check_uuid(const Definition *d, Error *e) {
        xmlNode *uuid = xml_child(definition_root(d), "uuid");
        uint8_t bytes[16];

        if (uuid && uuid_parse(xml_text(uuid), bytes) < 0)
                return definition_error(d, uuid, -EBADMSG, ERROR_XML_ERROR, e, "malformed uuid '%s'", xml_text(uuid));

        return 0;
}

/* The kind that the root says, where the caller left it open. */
static int find_kind(Definition *d, Error *e) {
        const xmlNode *root = definition_root(d);

        if (!d->kind && !root->ns)
                d->kind = document_kind_find(xml_name(root));
        if (d->kind)
                return 0;
        return error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_XML, "%s%s%u: unexpected root element <%s>%s",
                         d->origin ?: "line ", d->origin ? ":" : "", xml_line(root), xml_name(root),
                         root->ns ? " with a namespace" : "");
}

static int definition_new(const DocumentKind *kind, const char *origin, Definition **ret) {
        _cleanup_definition_ Definition *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->kind = kind;
        d->origin = origin ? strdup(origin) : NULL;
        if (origin && !d->origin)
                return -ENOMEM;

        *ret = TAKE_PTR(d);
        return 0;
}

int definition_parse_as(const DocumentKind *kind, const char *text, size_t len, const char *origin, unsigned flags,
                        Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = definition_new(kind, origin, &d);
        if (r >= 0)
                r = xml_parse(text, len, origin, kind ? kind->root : NULL, &d->doc, e);
        if (r >= 0)
                r = find_kind(d, e);
        if (r >= 0)
                r = namespaces_adopt(d);
        if (r >= 0)
                r = check_name(d, e);
        if (r >= 0)
                r = check_uuid(d, e);
        if (r < 0)
                return r;
        if (!(flags & DEFINITION_UNCHECKED)) {
                r = schema_check(d, definition_root(d), *d->kind->schema, flags, e);
                if (r < 0)
                        return r;
                /* Every element that had a namespace is gone now. */
                r = namespaces_declare(d);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(d);
        return 0;
}

int definition_load_as(const DocumentKind *kind, const char *path, unsigned flags, Definition **ret, Error *e) {
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r;

        r = file_read(path, XML_MAX_BYTES, &text, &len);
        if (r < 0)
                return error_set_errno(e, r, kind ? kind->origin : ORIGIN_XML, "%s: cannot be read", path);

        r = definition_parse_as(kind, text, len, path, flags, ret, e);
        if (r < 0)
                return r;

        (*ret)->from_file = true;
        return 0;
}

int definition_parse(const char *text, size_t len, const char *origin, unsigned flags, Definition **ret, Error *e) {
        return definition_parse_as(&document_domain, text, len, origin, flags, ret, e);
}

int definition_load(const char *path, unsigned flags, Definition **ret, Error *e) {
        return definition_load_as(&document_domain, path, flags, ret, e);
}

int definition_copy(const Definition *d, Definition **ret) {
        _cleanup_definition_ Definition *copy = NULL;
        int r;

        r = definition_new(d->kind, d->origin, &copy);
        if (r < 0)
                return r;
        copy->doc = xmlCopyDoc(d->doc, 1);
        if (!copy->doc)
                return -ENOMEM;

        *ret = TAKE_PTR(copy);
        return 0;
}

xmlNode *definition_root(const Definition *d) {
        return xmlDocGetRootElement(d->doc);
}

const DocumentKind *definition_kind(const Definition *d) {
        return d->kind;
}

const char *definition_key(const Definition *d) {
        return d->kind->key ? xml_get(definition_root(d), d->kind->key) ?: "" : "";
}

xmlNode *definition_devices(const Definition *d) {
        return xml_child(definition_root(d), "devices");
}

const char *definition_name(const Definition *d) {
        const char *key = d->kind && d->kind->key && strchr(d->kind->key, '@') ? d->kind->key : "name";

        return xml_get(definition_root(d), key) ?: "";
}

int definition_set_name(Definition *d, const char *name, Error *e) {
        const char *problem = name_problem(name);

        if (problem)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, d->kind->origin, "%s", problem);

        return xml_set_text(xml_child(definition_root(d), "name"), name);
}

bool definition_uuid(const Definition *d, uint8_t ret[16]) {
        const char *s = xml_text(xml_child(definition_root(d), "uuid"));

        return s && uuid_parse(s, ret) >= 0;
}

int definition_ensure_uuid(Definition *d) {
        uint8_t uuid[16];
        char text[37];

        if (definition_uuid(d, uuid))
                return 0;
        uuid_from_name(definition_name(d), uuid);
        uuid_format(uuid, text);
        return xml_add(definition_root(d), "uuid", text) ? 0 : -ENOMEM;
}

const char *definition_nvram(const Definition *d) {
        const xmlNode *nvram = xml_find(definition_root(d), "os/nvram"), *source = xml_child(nvram, "source");
        const char *path = source ? xml_attr(source, "file") : nvram ? xml_text(nvram) : NULL;

        return path && *path ? path : NULL;
}

const char *definition_variables(const Definition *d) {
        const xmlNode *os = xml_child(definition_root(d), "os"), *nvram = xml_child(os, "nvram");

        if (xml_attr_is(xml_child(os, "loader"), "type", "rom"))
                return NULL;
        return xml_attr_is(nvram, "type", "block") ? xml_get(nvram, "source/@dev") : definition_nvram(d);
}

const char *definition_origin(const Definition *d) {
        return d->origin;
}

char *const *definition_warnings(const Definition *d) {
        return d->warnings;
}

const char *disk_fd_group(const xmlNode *layer) {
        return xml_get(layer, "source/@fdgroup");
}

static bool has_number(const xmlNode *node, const char *attribute, unsigned wanted) {
        unsigned number = 0;

        (void) xml_attr_uint(node, attribute, &number);
        return number == wanted;
}

const char *nvme_serial(const xmlNode *devices, unsigned controller) {
        XML_FOREACH(c, devices, "controller")
                if (xml_attr_is(c, "type", "nvme") && has_number(c, "index", controller) && xml_get(c, "serial"))
                        return xml_get(c, "serial");
        XML_FOREACH(disk, devices, "disk")
                if (streq_ptr(xml_get(disk, "target/@bus"), "nvme") && xml_get(disk, "serial") &&
                    has_number(xml_child(disk, "address"), "controller", controller))
                        return xml_get(disk, "serial");
        return NULL;
}

bool graphics_has_own_bus(const xmlNode *graphics) {
        return xml_attr_is(graphics, "type", "dbus") && !xml_attr_bool(graphics, "p2p", false) &&
               !xml_attr(graphics, "address");
}

bool disk_is_served(const xmlNode *layer) {
        const xmlNode *source = xml_child(layer, "source"), *identity = xml_child(source, "identity");

        return xml_attr_is(source, "protocol", "ssh") &&
               (xml_child(layer, "auth") || xml_child(source, "auth") || xml_attr(identity, "keyfile") ||
                xml_attr(identity, "agentsock"));
}

const char *disk_path(const xmlNode *disk) {
        const xmlNode *source = xml_child(disk, "source");

        return xml_attr(source, "file") ?: xml_attr(source, "dev");
}

const xmlNode *definition_disk(const Definition *d, const char *name) {
        XML_FOREACH(disk, definition_devices(d), "disk")
                if (streq_ptr(xml_get(disk, "target/@dev"), name) || streq_ptr(disk_path(disk), name))
                        return disk;
        return NULL;
}

const char *device_alias(const xmlNode *device) {
        return xml_attr(xml_child(device, "alias"), "name");
}

int device_parse(const char *text, size_t len, unsigned flags, xmlDocPtr *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        const SchemaElement *row;
        xmlNode *root;
        int r;

        r = definition_new(&document_domain, NULL, &d);
        if (r < 0)
                return r;
        r = xml_parse(text, len, NULL, NULL, &d->doc, e);
        if (r < 0)
                return r;

        root = definition_root(d);
        row = root->ns ? NULL : schema_device(xml_name(root));
        if (!row)
                return definition_error(d, root, -EBADMSG, ERROR_XML_ERROR, e, "'%s' is not a device", xml_name(root));
        if (row->flags & SCHEMA_REFUSED)
                return definition_error(d, root, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, e,
                                        "element '%s' is not supported", SCHEMA_NAME(row));
        r = schema_check(d, root, row, flags | DEFINITION_STARTS, e);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(d->doc);
        return 0;
}

void definition_sort(Definition *d) {
        schema_sort(definition_root(d), *d->kind->schema);
}

xmlNode *definition_add_device(Definition *d, const xmlNode *device) {
        xmlNode *devices = xml_ensure(definition_root(d), "devices"), *copy;

        copy = devices ? xml_add_copy(devices, device) : NULL;
        if (!copy)
                return NULL;
        if (streq(xml_name(copy), "disk"))
                disk_place(devices, copy);
        definition_sort(d);
        return copy;
}

xmlNode *definition_replace_device(Definition *d, xmlNode *old, xmlNode *device) {
        xmlUnlinkNode(device);
        if (!xmlAddNextSibling(old, device)) {
                xmlFreeNode(device);
                return NULL;
        }
        xml_remove(old);
        definition_sort(d);
        return device;
}
