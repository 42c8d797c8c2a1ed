/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "files.h"
#include "hostinfo/dmi.h"

static const struct {
        const char *group; /* an element begins where it changes */
        const char *entry;
        const char *file;
} rows[] = {
        { "bios", "vendor", "bios_vendor" },            { "bios", "version", "bios_version" },
        { "bios", "date", "bios_date" },                { "bios", "release", "bios_release" },
        { "system", "manufacturer", "sys_vendor" },     { "system", "product", "product_name" },
        { "system", "version", "product_version" },     { "system", "serial", "product_serial" },
        { "system", "uuid", "product_uuid" },           { "system", "sku", "product_sku" },
        { "system", "family", "product_family" },       { "baseBoard", "manufacturer", "board_vendor" },
        { "baseBoard", "product", "board_name" },       { "baseBoard", "version", "board_version" },
        { "baseBoard", "serial", "board_serial" },      { "baseBoard", "asset", "board_asset_tag" },
        { "chassis", "manufacturer", "chassis_vendor" }, { "chassis", "version", "chassis_version" },
        { "chassis", "serial", "chassis_serial" },      { "chassis", "asset", "chassis_asset_tag" },
};

/* Firmware writes anything; what XML cannot hold becomes a question mark. */
static void add_text(StrBuf *b, const char *s) {
        for (; *s; s++)
                if (strchr("&<>", *s))
                        strbuf_addf(b, "&#%i;", *s);
                else
                        strbuf_addc(b, (unsigned char) *s < 0x20 || (unsigned char) *s > 0x7e ? '?' : *s);
}

int host_dmi_document(char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        const char *group = NULL;

        strbuf_add(&b, "<sysinfo type='smbios'>\n");
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char line[256];

                if (host_read_line(line, sizeof(line), "/sys/class/dmi/id/%s", rows[i].file) < 0 || !*line)
                        continue;
                if (!streq_ptr(group, rows[i].group)) {
                        if (group)
                                strbuf_addf(&b, "  </%s>\n", group);
                        group = rows[i].group;
                        strbuf_addf(&b, "  <%s>\n", group);
                }
                strbuf_addf(&b, "    <entry name='%s'>", rows[i].entry);
                add_text(&b, line);
                strbuf_add(&b, "</entry>\n");
        }
        if (!group)
                return -ENOENT;
        strbuf_addf(&b, "  </%s>\n</sysinfo>\n", group);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}
