/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The second writer of a plan: the same settings as D-Bus properties of a unit. Types are those of
 * org.freedesktop.systemd1(5). */

#include <inttypes.h>
#include <systemd/sd-bus.h>

#include "base/strings.h"
#include "plan-internal.h"

/* MS_REC: as BindPaths= binds where a unit file says nothing else. */
#define BIND_RECURSIVE 16384U

typedef int (*AppendFunction)(sd_bus_message *m, const char *value, const char *options);

static int append_string(sd_bus_message *m, const char *value, const char *options) {
        return sd_bus_message_append(m, "v", "s", value);
}

static int append_list(sd_bus_message *m, const char *value, const char *options) {
        return sd_bus_message_append(m, "v", "as", 1, value);
}

static int append_number(sd_bus_message *m, const char *value, const char *options) {
        uint64_t n;
        int r;

        r = parse_u64(value, 10, &n);
        return r < 0 ? r : sd_bus_message_append(m, "v", "t", n);
}

static int append_bool(sd_bus_message *m, const char *value, const char *options) {
        return sd_bus_message_append(m, "v", "b", (int) streq(value, "yes"));
}

/* "200%" is two seconds of CPU a second. */
static int append_quota(sd_bus_message *m, const char *value, const char *options) {
        _cleanup_free_ char *digits = strndup(value, strcspn(value, "%"));
        uint64_t n;
        int r;

        if (!digits)
                return -ENOMEM;
        r = parse_u64(digits, 10, &n);
        return r < 0 ? r : sd_bus_message_append(m, "v", "t", n * 10000);
}

static int append_cpus(sd_bus_message *m, const char *value, const char *options) {
        uint8_t set[128] = {};
        size_t size = 0;
        int r;

        for (const char *p = value; *p; p += strspn(p, " ")) {
                unsigned long cpu = strtoul(p, (char **) &p, 10);

                if (cpu >= sizeof set * 8)
                        return -ERANGE;
                set[cpu / 8] = (uint8_t) (set[cpu / 8] | 1U << cpu % 8);
                size = MAX(size, (size_t) cpu / 8 + 1);
        }
        r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', set, size);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_field(sd_bus_message *m, const char *value, const char *options) {
        int r;

        r = sd_bus_message_open_container(m, 'v', "aay");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', value, strlen(value));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_device(sd_bus_message *m, const char *value, const char *options) {
        return sd_bus_message_append(m, "v", "a(ss)", 1, value, options ?: "rwm");
}

/* A device of the host and its limit. */
static int append_device_limit(sd_bus_message *m, const char *value, const char *options) {
        uint64_t n;
        int r;

        r = parse_u64(options ?: "", 10, &n);
        return r < 0 ? r : sd_bus_message_append(m, "v", "a(st)", 1, value, n);
}

static int append_bind(sd_bus_message *m, const char *value, const char *options) {
        bool optional = *value == '-';

        value += optional;
        return sd_bus_message_append(m, "v", "a(ssbt)", 1, value, value, (int) optional, (uint64_t) BIND_RECURSIVE);
}

static int append_families(sd_bus_message *m, const char *value, const char *options) {
        _cleanup_strv_ char **families = NULL;
        _cleanup_free_ char *copy = strdup(value);
        char *rest = copy, *word;
        int r = copy ? 0 : -ENOMEM;

        while (r >= 0 && (word = strsep(&rest, " ")))
                r = strv_add(&families, word);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "(bas)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "bas");
        if (r >= 0)
                r = sd_bus_message_append(m, "b", 1);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, families);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_status(sd_bus_message *m, const char *value, const char *options) {
        int status, r;

        r = parse_int(value, &status);
        return r < 0 ? r : sd_bus_message_append(m, "v", "(aiai)", 1, status, 0);
}

static const struct {
        const char *key;
        const char *property;   /* where it is called otherwise */
        AppendFunction append;
} properties[] = {
        { "After",                   NULL,                 append_list },
        { "Before",                  NULL,                 append_list },
        { "Requires",                NULL,                 append_list },
        { "Wants",                   NULL,                 append_list },
        { "RequiresMountsFor",       NULL,                 append_list },
        { "Environment",             NULL,                 append_list },
        { "SupplementaryGroups",     NULL,                 append_list },
        { "User",                    NULL,                 append_string },
        { "RuntimeDirectory",        NULL,                 append_list },
        { "Slice",                   NULL,                 append_string },
        { "LogExtraFields",          NULL,                 append_field },
        { "DeviceAllow",             NULL,                 append_device },
        { "BindPaths",               NULL,                 append_bind },
        { "BindReadOnlyPaths",       NULL,                 append_bind },
        { "PrivateNetwork",          NULL,                 append_bool },
        { "RestrictAddressFamilies", NULL,                 append_families },
        { "RestartForceExitStatus",  NULL,                 append_status },
        { "AllowedCPUs",             NULL,                 append_cpus },
        { "CPUWeight",               NULL,                 append_number },
        { "CPUQuota",                "CPUQuotaPerSecUSec", append_quota },
        { "MemoryMax",               NULL,                 append_number },
        { "MemoryHigh",              NULL,                 append_number },
        { "MemorySwapMax",           NULL,                 append_number },
        { "IOWeight",                NULL,                 append_number },
        { "IODeviceWeight",          NULL,                 append_device_limit },
        { "IOReadBandwidthMax",      NULL,                 append_device_limit },
        { "IOReadIOPSMax",           NULL,                 append_device_limit },
        { "IOWriteBandwidthMax",     NULL,                 append_device_limit },
        { "IOWriteIOPSMax",          NULL,                 append_device_limit },
};

static int append_setting(sd_bus_message *m, const PlanSetting *s) {
        int r;

        for (size_t i = 0; i < ELEMENTSOF(properties); i++) {
                if (!streq(properties[i].key, s->key))
                        continue;
                r = sd_bus_message_open_container(m, 'r', "sv");
                if (r >= 0)
                        r = sd_bus_message_append(m, "s", properties[i].property ?: s->key);
                if (r >= 0)
                        r = properties[i].append(m, s->value, s->options);
                return r < 0 ? r : sd_bus_message_close_container(m);
        }
        return 0;
}

int plan_append_properties(const Plan *p, sd_bus_message *m) {
        for (size_t i = 0; i < p->n; i++) {
                int r = append_setting(m, &p->settings[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}
