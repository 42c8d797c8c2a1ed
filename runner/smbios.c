/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <smbios mode='host'>: what the host's firmware says of itself, for the guest's. Serial numbers are root's to read. */

#include "base/fs.h"
#include "base/strings.h"
#include "prepare.h"

static const struct {
        const char *table, *entry, *file;
} strings[] = {
        { "bios", "vendor", "bios_vendor" },           { "bios", "version", "bios_version" },
        { "bios", "date", "bios_date" },               { "bios", "release", "bios_release" },
        { "system", "manufacturer", "sys_vendor" },    { "system", "product", "product_name" },
        { "system", "version", "product_version" },    { "system", "serial", "product_serial" },
        { "system", "sku", "product_sku" },            { "system", "family", "product_family" },
        { "baseBoard", "manufacturer", "board_vendor" }, { "baseBoard", "product", "board_name" },
        { "baseBoard", "version", "board_version" },   { "baseBoard", "serial", "board_serial" },
        { "baseBoard", "asset", "board_asset_tag" },   { "chassis", "manufacturer", "chassis_vendor" },
        { "chassis", "version", "chassis_version" },   { "chassis", "serial", "chassis_serial" },
        { "chassis", "asset", "chassis_asset_tag" },
};

static int add_entry(xmlNode *sysinfo, size_t i) {
        _cleanup_free_ char *path = text_format("/sys/class/dmi/id/%s", strings[i].file), *text = NULL;
        xmlNode *table, *entry;

        if (!path)
                return -ENOMEM;
        if (file_read(path, 4096, &text, NULL) < 0)
                return 0;
        text[strcspn(text, "\n")] = 0;
        if (!*text)
                return 0;
        table = xml_ensure(sysinfo, strings[i].table);
        entry = table ? xml_add(table, "entry", text) : NULL;
        return entry ? xml_set_attr(entry, "name", strings[i].entry) : -ENOMEM;
}

/* Without the uuid: the guest's is its own. */
int prepare_smbios(Prepare *p) {
        const xmlNode *smbios = xml_find(definition_root(p->live), "os/smbios");
        xmlNode *sysinfo;
        int r = 0;

        if (!xml_attr_is(smbios, "mode", "host"))
                return 0;
        p->host_sysinfo = xmlNewDoc((const xmlChar *) "1.0");
        sysinfo = p->host_sysinfo ? xmlNewNode(NULL, (const xmlChar *) "sysinfo") : NULL;
        if (!sysinfo)
                return -ENOMEM;
        xmlDocSetRootElement(p->host_sysinfo, sysinfo);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(strings); i++)
                r = add_entry(sysinfo, i);
        if (r >= 0 && !xml_child(sysinfo, NULL))
                return prepare_refuse(p, -ENOENT, smbios, "Host SMBIOS information is not available");
        p->res.host_sysinfo = sysinfo;
        return r;
}
