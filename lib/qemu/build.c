/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The state of one translation: errors that stick, the list of parts, and the
 * words that builders compose properties with. */

#include <stdarg.h>

#include "build.h"

void qemu_parts_done(QemuParts *parts) {
        for (size_t i = 0; i < parts->n; i++) {
                free(parts->list[i].option);
                json_decref(parts->list[i].props);
        }
        free(parts->list);
        *parts = (QemuParts) {};
}

int build_fail(Build *b, int r) {
        if (b->r == 0)
                b->r = r;
        if (r == -ENOMEM)
                error_set(b->e, r, ERROR_NO_MEMORY, ORIGIN_QEMU, "out of memory");
        return b->r;
}

_printf_(5, 0) static int complain(Build *b, int r, ErrorCode code, const xmlNode *node, const char *format,
                                   va_list ap) {
        _cleanup_free_ char *words = NULL, *path = NULL;
        const char *origin = definition_origin(b->d);

        if (b->r < 0)
                return b->r;
        words = text_formatv(format, ap);
        if (!words)
                return build_fail(b, -ENOMEM);
        path = node ? xml_path_of(node) : NULL;
        b->r = r;
        if (origin)
                return error_set(b->e, r, code, ORIGIN_QEMU, "%s:%u: %s%s%s", origin, xml_line_near(node), path ?: "",
                                 path ? ": " : "", words);
        return error_set(b->e, r, code, ORIGIN_QEMU, "%s%s%s", path ?: "", path ? ": " : "", words);
}

int build_refuse(Build *b, const xmlNode *node, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = complain(b, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, node, format, ap);
        va_end(ap);
        return r;
}

int build_invalid(Build *b, const xmlNode *node, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = complain(b, -EINVAL, ERROR_XML_ERROR, node, format, ap);
        va_end(ap);
        return r;
}

/* Takes what part owns in every case. */
static void add_part(Build *b, QemuPart part) {
        QemuPart *list = NULL;

        if (b->r == 0) {
                list = reallocarray(b->parts->list, b->parts->n + 1, sizeof(*list));
                if (!list)
                        build_fail(b, -ENOMEM);
        }
        if (!list) {
                free(part.option);
                json_decref(part.props);
                return;
        }
        b->parts->list = list;
        list[b->parts->n++] = part;
}

bool is_brought_by_another(const Build *b, const xmlNode *device, bool (*share)(const xmlNode *device)) {
        XML_FOREACH(other, b->devices, xml_name(device)) {
                if (other == device && b->joins)
                        continue;
                if (other == device)
                        break;
                if (share(other))
                        return true;
        }
        return false;
}

void add_props(Build *b, QemuPartKind kind, json_t *props) {
        char *text;

        if (!props)
                return;
        if (kind == QEMU_PART_DEVICE)
                override_device(b, props);
        text = kind == QEMU_PART_DEVICE ? override_device_text(b, props) : NULL;
        if (text)
                add_part(b, (QemuPart) { .kind = QEMU_PART_OPTION, .name = "-device", .option = text });
        else
                add_part(b, (QemuPart) { .kind = kind, .props = props });
}

void add_option(Build *b, const char *name, const char *format, ...) {
        char *value = format ? TEXT_OF_ARGUMENTS(format) : NULL;

        if (format && !value) {
                build_fail(b, -ENOMEM);
                return;
        }
        add_part(b, (QemuPart) { .kind = QEMU_PART_OPTION, .name = name, .option = value });
}

static void add_buf(Build *b, QemuPartKind kind, const char *name, StrBuf *value) {
        char *text = strbuf_take(value);

        if (text)
                add_part(b, (QemuPart) { .kind = kind, .name = name, .option = text });
        else
                build_fail(b, -ENOMEM);
}

void add_option_buf(Build *b, const char *name, StrBuf *value) {
        add_buf(b, QEMU_PART_OPTION, name, value);
}

void add_chardev_buf(Build *b, StrBuf *value) {
        add_buf(b, QEMU_PART_CHARDEV, NULL, value);
}

json_t *props_new(Build *b) {
        json_t *o = b->r == 0 ? json_object() : NULL;

        if (!o && b->r == 0)
                build_fail(b, -ENOMEM);
        return o;
}

json_t *device_new(Build *b, const char *driver) {
        json_t *o = props_new(b);

        put_str(b, o, "driver", driver);
        return o;
}

json_t *build_object(Build *b, const char *type, const char *id) {
        json_t *o = props_new(b);

        put_str(b, o, "qom-type", type);
        put_str(b, o, "id", id);
        return o;
}

void put_json(Build *b, json_t *o, const char *key, json_t *value) {
        if (!o)
                json_decref(value);
        else if (json_object_set_new(o, key, value) < 0) /* also when value is NULL */
                build_fail(b, -ENOMEM);
}

void put_str(Build *b, json_t *o, const char *key, const char *value) {
        if (value)
                put_json(b, o, key, json_string(value));
}

void put_strf(Build *b, json_t *o, const char *key, const char *format, ...) {
        _cleanup_free_ char *value = TEXT_OF_ARGUMENTS(format);

        if (value)
                put_str(b, o, key, value);
        else
                build_fail(b, -ENOMEM);
}

void put_int(Build *b, json_t *o, const char *key, long long value) {
        put_json(b, o, key, json_integer(value));
}

void put_bool(Build *b, json_t *o, const char *key, bool value) {
        put_json(b, o, key, json_boolean(value));
}

void put_attr(Build *b, json_t *o, const char *key, const xmlNode *node, const char *attr) {
        put_str(b, o, key, xml_attr(node, attr));
}

void put_attr_uint(Build *b, json_t *o, const char *key, const xmlNode *node, const char *attr) {
        if (!xml_attr(node, attr))
                return;
        put_int(b, o, key, (long long) attr_u64(b, node, attr, 0));
}

void put_attr_bool(Build *b, json_t *o, const char *key, const xmlNode *node, const char *attr) {
        if (xml_attr(node, attr))
                put_bool(b, o, key, xml_attr_bool(node, attr, false));
}

void put_attr_onoff(Build *b, json_t *o, const char *key, const xmlNode *node, const char *attr) {
        if (xml_attr(node, attr))
                put_str(b, o, key, xml_attr_bool(node, attr, false) ? "on" : "off");
}

uint64_t attr_u64(Build *b, const xmlNode *node, const char *attr, uint64_t otherwise) {
        uint64_t v;
        int r;

        r = xml_attr_u64(node, attr, &v);
        if (r == -ENOENT)
                return otherwise;
        if (r < 0 || v > INT64_MAX) {
                build_invalid(b, node, "attribute %s is no number that fits: '%s'", attr, xml_attr(node, attr));
                return otherwise;
        }
        return v;
}

uint64_t element_size(Build *b, const xmlNode *node, uint64_t default_scale) {
        uint64_t v = 0;

        if (node && (size_parse(xml_text(node), xml_attr(node, "unit"), default_scale, &v) < 0 || v > INT64_MAX)) {
                build_invalid(b, node, "not a size that fits: '%s'", xml_text(node));
                return 0;
        }
        return v;
}

static void add_escaped(StrBuf *o, const char *value) {
        for (; *value; value++) {
                if (*value == ',')
                        strbuf_addc(o, ',');
                strbuf_addc(o, *value);
        }
}

char *qemu_option_escape(const char *value) {
        _cleanup_strbuf_ StrBuf o = {};

        add_escaped(&o, value);
        return strbuf_take(&o);
}

void put_opt(StrBuf *o, const char *key, const char *value) {
        if (!value)
                return;
        strbuf_addf(o, "%s%s=", o->len > 0 ? "," : "", key);
        add_escaped(o, value);
}

void put_opt_onoff(StrBuf *o, const char *key, bool value) {
        put_opt(o, key, value ? "on" : "off");
}
