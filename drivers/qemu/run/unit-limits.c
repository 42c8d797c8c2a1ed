/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "run/unit-limits.h"

#include "base/strings.h"
#include "host/undo-list.h"
#include "object/unit.h"
#include "plan/plan.h"

#define CPUS_MAX 16384U

typedef enum LimitKind {
        LIMIT_NUMBER,   /* t; none: all ones */
        LIMIT_PERCENT,  /* t, microseconds of a second */
        LIMIT_SET,      /* ay, a bit each */
        LIMIT_DEVICES,  /* a(st) */
} LimitKind;

static const struct {
        const char *key, *property;
        LimitKind kind;
} limits[] = {
        { "CPUWeight", "CPUWeight", LIMIT_NUMBER },
        { "CPUQuota", "CPUQuotaPerSecUSec", LIMIT_PERCENT },
        { "MemoryMax", "MemoryMax", LIMIT_NUMBER },
        { "MemoryHigh", "MemoryHigh", LIMIT_NUMBER },
        { "MemorySwapMax", "MemorySwapMax", LIMIT_NUMBER },
        { "IOWeight", "IOWeight", LIMIT_NUMBER },
        { "IODeviceWeight", "IODeviceWeight", LIMIT_DEVICES },
        { "IOReadBandwidthMax", "IOReadBandwidthMax", LIMIT_DEVICES },
        { "IOWriteBandwidthMax", "IOWriteBandwidthMax", LIMIT_DEVICES },
        { "IOReadIOPSMax", "IOReadIOPSMax", LIMIT_DEVICES },
        { "IOWriteIOPSMax", "IOWriteIOPSMax", LIMIT_DEVICES },
        { "AllowedCPUs", "AllowedCPUs", LIMIT_SET },
        { "AllowedMemoryNodes", "AllowedMemoryNodes", LIMIT_SET },
};

/* The i-th setting of a key; NULL behind the last. */
static const PlanSetting *setting_of(const Plan *p, const char *key, size_t i) {
        size_t n;
        const PlanSetting *s = plan_settings(p, &n);

        for (size_t k = 0; k < n; k++)
                if (s[k].section == PLAN_SERVICE && streq(s[k].key, key) && i-- == 0)
                        return &s[k];
        return NULL;
}

static bool differ(const Plan *a, const Plan *b, const char *key) {
        for (size_t i = 0;; i++) {
                const PlanSetting *x = setting_of(a, key, i), *y = setting_of(b, key, i);

                if (!x && !y)
                        return false;
                if (!x || !y || !streq(x->value, y->value) || !streq_ptr(x->options, y->options))
                        return true;
        }
}

/* --- as a message --- */

static int append_set(sd_bus_message *m, const PlanSetting *s) {
        _cleanup_free_ uint64_t *bits = calloc(CPUS_MAX / 64, sizeof(*bits));
        _cleanup_free_ char *list = s ? strdup(s->value) : NULL;
        _cleanup_free_ uint8_t *bytes = calloc(1, CPUS_MAX / 8);
        size_t len = 0;

        if (!bits || !bytes || (s && !list))
                return -ENOMEM;
        for (char *c = list; c && *c; c++)
                *c = *c == ' ' ? ',' : *c;
        if (list && cpuset_parse(list, bits, CPUS_MAX) < 0)
                return -EINVAL;
        for (unsigned i = 0; i < CPUS_MAX; i++)
                if (bits[i / 64] >> i % 64 & 1) {
                        bytes[i / 8] = (uint8_t) (bytes[i / 8] | 1U << i % 8);
                        len = i / 8 + 1;
                }
        return sd_bus_message_append_array(m, 'y', bytes, len);
}

static int append_devices(sd_bus_message *m, const Plan *p, const char *key) {
        const PlanSetting *s;
        int r = sd_bus_message_open_container(m, 'a', "(st)");

        for (size_t i = 0; r >= 0 && (s = setting_of(p, key, i)); i++) {
                uint64_t v = 0;

                (void) parse_u64(s->options ?: "", 10, &v);
                r = sd_bus_message_append(m, "(st)", s->value, v);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_number(sd_bus_message *m, const PlanSetting *s, bool percent) {
        uint64_t v = UINT64_MAX;

        if (s && percent)
                v = strtoull(s->value, NULL, 10) * 10000U;
        else if (s && parse_u64(s->value, 10, &v) < 0)
                return -EINVAL;
        return sd_bus_message_append(m, "t", v);
}

static int append_limit(sd_bus_message *m, const Plan *p, size_t i) {
        static const char *const types[] = { "t", "t", "ay", "a(st)" };
        const PlanSetting *s = setting_of(p, limits[i].key, 0);
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", limits[i].property);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', types[limits[i].kind]);
        if (r < 0)
                return r;
        if (limits[i].kind == LIMIT_SET)
                r = append_set(m, s);
        else if (limits[i].kind == LIMIT_DEVICES)
                r = append_devices(m, p, limits[i].key);
        else
                r = append_number(m, s, limits[i].kind == LIMIT_PERCENT);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

typedef struct Changes {
        const Plan *plan;
        bool changed[ELEMENTSOF(limits)];
} Changes;

static int append(sd_bus_message *m, void *userdata) {
        const Changes *c = userdata;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(limits); i++)
                if (c->changed[i])
                        r = append_limit(m, c->plan, i);
        return r;
}

/* What systemd keeps of a setting would hold for the next run too. */
static char *file_of(const char *unit, const char *key) {
        return text_format("/run/systemd/system.control/%s.d/50-%s.conf", unit, key);
}

bool unit_setting_is_promised(const Guest *g, const char *unit, const char *key) {
        _cleanup_free_ char *file = file_of(unit, key);

        return file && undo_is_listed(g->object.name, UNDO_FILE, file);
}

int unit_limits_promise_undo(const Guest *g, const char *file, Error *e) {
        int r = undo_is_listed(g->object.name, UNDO_FILE, file) ? 0 : undo_add(g->object.name, UNDO_FILE, file);

        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot write the undo list of '%s'", g->object.name) : 0;
}

int unit_setting_promise(const Guest *g, const char *unit, const char *key, Error *e) {
        _cleanup_free_ char *file = file_of(unit, key);

        return file ? unit_limits_promise_undo(g, file, e) : -ENOMEM;
}

static int promise_undo(Guest *g, const Changes *c, Error *e) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(limits); i++)
                if (c->changed[i])
                        r = unit_setting_promise(g, plan_unit(c->plan), limits[i].key, e);
        return r;
}

int unit_limits_change(Guest *g, const Definition *before, const Definition *after, Error *e) {
        _cleanup_plan_ Plan *old = NULL, *new = NULL;
        Changes c = {};
        bool any = false;
        int r;

        r = plan_build(before, &old, e);
        if (r >= 0)
                r = plan_build(after, &new, e);
        if (r < 0)
                return r;
        c.plan = new;
        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                c.changed[i] = differ(old, new, limits[i].key);
                any = any || c.changed[i];
        }
        if (!any)
                return 0;
        r = promise_undo(g, &c, e);
        return r < 0 ? r : systemd_set_properties(g->driver->systemd, plan_unit(new), append, &c, e);
}

/* The kernel's usual weight is no setting of the plan. */
static int append_weight(sd_bus_message *m, void *userdata) {
        const PlanSetting *s = setting_of(userdata, "CPUWeight", 0);
        uint64_t weight = 100;

        if (s && parse_u64(s->value, 10, &weight) < 0)
                return -EINVAL;
        return sd_bus_message_append(m, "(sv)", "CPUWeight", "t", weight);
}

int unit_limits_take_cpu(Guest *g, const Definition *live, Error *e) {
        _cleanup_plan_ Plan *p = NULL;
        int r;

        r = plan_build(live, &p, e);
        if (r >= 0)
                r = unit_setting_promise(g, plan_unit(p), "CPUWeight", e);
        return r < 0 ? r : systemd_set_properties(g->driver->systemd, plan_unit(p), append_weight, p, e);
}
