/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <qemu:override>, <qemu:capabilities>, <qemu:deprecation>: what a definition's owner knows better. */

#include "build.h"

static json_t *property_value(const xmlNode *property) {
        const char *type = xml_attr(property, "type") ?: "string", *value = xml_attr(property, "value") ?: "";

        if (streq(type, "bool"))
                return json_boolean(streq(value, "true") || streq(value, "yes") || streq(value, "on"));
        if (streq(type, "unsigned"))
                return json_integer((json_int_t) strtoull(value, NULL, 0));
        if (streq(type, "signed"))
                return json_integer(strtoll(value, NULL, 0));
        return json_string(value);
}

void override_device(Build *b, json_t *props) {
        const char *id = json_string_value(json_object_get(props, "id"));

        XML_FOREACH(device, xml_child(b->root, "qemu:override"), "qemu:device") {
                if (!id || !xml_attr_is(device, "alias", id))
                        continue;
                XML_FOREACH(property, xml_child(device, "qemu:frontend"), "qemu:property") {
                        const char *name = xml_attr(property, "name") ?: "";

                        if (xml_attr_is(property, "type", "remove"))
                                (void) json_object_del(props, name);
                        else
                                put_json(b, props, name, property_value(property));
                }
        }
}

static bool device_is_text(const Build *b) {
        XML_FOREACH(del, xml_child(b->root, "qemu:capabilities"), "qemu:del")
                if (xml_attr_is(del, "capability", "device.json"))
                        return true;
        return false;
}

static void add_value(StrBuf *o, const char *key, const json_t *value) {
        if (json_is_string(value))
                put_opt(o, key, json_string_value(value));
        else if (json_is_boolean(value))
                put_opt_onoff(o, key, json_is_true(value));
        else
                strbuf_addf(o, ",%s=%lld", key, (long long) json_integer_value(value));
}

/* Options of the form -set change nothing of a device that is JSON. A property that is a list or an object needs
 * JSON. */
char *override_device_text(Build *b, json_t *props) {
        _cleanup_strbuf_ StrBuf o = {};
        const char *key;
        json_t *value;
        char *text;

        if (!device_is_text(b))
                return NULL;
        json_object_foreach(props, key, value)
                if (json_is_array(value) || json_is_object(value))
                        return NULL;
        strbuf_add(&o, json_string_value(json_object_get(props, "driver")) ?: "");
        json_object_foreach(props, key, value)
                if (!streq(key, "driver"))
                        add_value(&o, key, value);
        text = strbuf_take(&o);
        if (!text)
                build_fail(b, -ENOMEM);
        json_decref(props);
        return text;
}

/* What QEMU does when it is asked for something that is to be removed. */
void build_deprecation(Build *b) {
        static const struct {
                const char *behavior, *output, *input;
        } rows[] = { { "omit", "hide", NULL }, { "reject", "hide", "reject" }, { "crash", "hide", "crash" } };
        const char *behavior = xml_get(b->root, "qemu:deprecation/@behavior");

        for (size_t i = 0; behavior && i < ELEMENTSOF(rows); i++)
                if (streq(rows[i].behavior, behavior))
                        add_option(b, "-compat", "{\"deprecated-output\":\"%s\"%s%s%s}", rows[i].output,
                                   rows[i].input ? ",\"deprecated-input\":\"" : "", rows[i].input ?: "",
                                   rows[i].input ? "\"" : "");
}
