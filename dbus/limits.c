/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a unit is limited to, as systemd has it now. */

#include "base/strings.h"
#include "internal.h"

int systemd_unit_number(Systemd *s, const char *unit, const char *property, uint64_t *ret, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = systemd_get_property(s, unit, "Service", property, "t", &reply, e);
        return r < 0 ? r : sd_bus_message_read(reply, "t", ret);
}

int systemd_unit_set(Systemd *s, const char *unit, const char *property, uint64_t *bits, unsigned max, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const uint8_t *bytes;
        size_t n = 0;
        int r;

        r = systemd_get_property(s, unit, "Service", property, "ay", &reply, e);
        if (r >= 0)
                r = sd_bus_message_read_array(reply, 'y', (const void **) &bytes, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < MIN(n * 8, (size_t) max); i++)
                if (bytes[i / 8] >> i % 8 & 1)
                        bits[i / 64] |= UINT64_C(1) << i % 64;
        return 0;
}

int systemd_unit_amounts(Systemd *s, const char *unit, const char *property, char ***ret, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_ char **list = NULL;
        const char *path;
        uint64_t v;
        int r;

        r = systemd_get_property(s, unit, "Service", property, "a(st)", &reply, e);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(st)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(st)", &path, &v)) > 0)
                r = strv_addf(&list, "%s %llu", path, (unsigned long long) v);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}
