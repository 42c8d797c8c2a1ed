/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <sysinfo>: strings that firmware shows to the guest (-smbios, -fw_cfg). */

#include "build.h"

typedef struct SmbiosTable {
        const char *element;  /* below sysinfo; each <entry name> is one key */
        unsigned type;        /* of the SMBIOS structure */
        const char *keys[8][2];
} SmbiosTable;

static const SmbiosTable tables[] = {
        { "bios",
          0,
          { { "vendor", "vendor" }, { "version", "version" }, { "date", "date" }, { "release", "release" } } },
        { "system",
          1,
          { { "manufacturer", "manufacturer" },
            { "product", "product" },
            { "version", "version" },
            { "serial", "serial" },
            { "uuid", "uuid" },
            { "sku", "sku" },
            { "family", "family" } } },
        { "baseBoard",
          2,
          { { "manufacturer", "manufacturer" },
            { "product", "product" },
            { "version", "version" },
            { "serial", "serial" },
            { "asset", "asset" },
            { "location", "location" } } },
        { "chassis",
          3,
          { { "manufacturer", "manufacturer" },
            { "version", "version" },
            { "serial", "serial" },
            { "asset", "asset" },
            { "sku", "sku" } } },
};

static const char *entry_text(const xmlNode *table, const char *name) {
        XML_FOREACH(entry, table, "entry")
                if (xml_attr_is(entry, "name", name))
                        return xml_text(entry);
        return NULL;
}

static void add_table(Build *b, const SmbiosTable *t, const xmlNode *node) {
        _cleanup_strbuf_ StrBuf o = {};

        strbuf_addf(&o, "type=%u", t->type);
        for (size_t i = 0; i < ELEMENTSOF(t->keys) && t->keys[i][0]; i++)
                put_opt(&o, t->keys[i][1], entry_text(node, t->keys[i][0]));
        add_option_buf(b, "-smbios", &o);
}

static void check_entries(Build *b, const SmbiosTable *t, const xmlNode *node) {
        XML_FOREACH(entry, node, "entry") {
                const char *name = xml_attr(entry, "name") ?: "";
                bool known = false;

                for (size_t i = 0; i < ELEMENTSOF(t->keys) && t->keys[i][0]; i++)
                        known = known || streq(t->keys[i][0], name);
                if (!known)
                        build_refuse(b, entry, "SMBIOS entry '%s' is not supported", name);
        }
}

static void build_smbios(Build *b, const xmlNode *sysinfo) {
        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                XML_FOREACH(node, sysinfo, tables[i].element) {
                        check_entries(b, &tables[i], node);
                        add_table(b, &tables[i], node);
                }
        if (xml_child(sysinfo, "oemStrings")) {
                _cleanup_strbuf_ StrBuf o = {};

                strbuf_add(&o, "type=11");
                XML_FOREACH(entry, xml_child(sysinfo, "oemStrings"), "entry")
                        put_opt(&o, "value", xml_text(entry));
                add_option_buf(b, "-smbios", &o);
        }
}

static void build_fw_cfg(Build *b, const xmlNode *sysinfo) {
        XML_FOREACH(entry, sysinfo, "entry") {
                _cleanup_strbuf_ StrBuf o = {};

                if (!xml_attr(entry, "name"))
                        build_invalid(b, entry, "an entry needs a name");
                put_opt(&o, "name", xml_attr(entry, "name"));
                if (xml_attr(entry, "file"))
                        put_opt(&o, "file", xml_attr(entry, "file"));
                else
                        put_opt(&o, "string", xml_text(entry));
                add_option_buf(b, "-fw_cfg", &o);
        }
}

void build_sysinfo(Build *b) {
        const char *mode = xml_get(b->root, "os/smbios/@mode");

        if (mode && streq(mode, "host") && b->res->host_sysinfo)
                build_smbios(b, b->res->host_sysinfo);
        else if (mode && streq(mode, "host") && !b->res->stand_ins)
                build_refuse(b, xml_find(b->root, "os/smbios"), "Host SMBIOS information is not available");
        XML_FOREACH(sysinfo, b->root, "sysinfo") {
                if (xml_attr_is(sysinfo, "type", "fwcfg"))
                        build_fw_cfg(b, sysinfo);
                else if (mode && streq(mode, "sysinfo"))
                        build_smbios(b, sysinfo);
        }
}
