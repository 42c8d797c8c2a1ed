/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plan: an ordered list of settings, the stamp over them, and the units beside. What a definition contributes is in
 * the file of its kind; how a plan becomes files is in write.c. */

#include <inttypes.h>

#include "base/strings.h"
#include "plan-internal.h"
#include "plan/names.h"

static Plan *plan_alloc(const char *unit) {
        Plan *p = calloc(1, sizeof(Plan));

        if (p)
                p->unit = strdup(unit);
        return p && p->unit ? p : plan_free(p);
}

int plan_new(const UnitKind *kind, const char *name, Plan **ret) {
        _cleanup_free_ char *unit = NULL;
        _cleanup_plan_ Plan *p = NULL;
        int r;

        r = unit_name_for(kind, name, &unit);
        if (r < 0)
                return r;
        p = plan_alloc(unit);
        if (!p)
                return -ENOMEM;
        p->kind = kind;
        p->word = kind->word;
        p->name = strdup(name);
        if (!p->name)
                return -ENOMEM;
        *ret = TAKE_PTR(p);
        return 0;
}

Plan *plan_free(Plan *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n; i++) {
                free((char *) p->settings[i].value);
                free((char *) p->settings[i].options);
        }
        for (size_t i = 0; i < p->n_others; i++)
                plan_free(p->others[i]);
        free(p->others);
        free(p->settings);
        free(p->unit);
        free(p->name);
        free(p);
        return NULL;
}

int plan_add_full(Plan *p, PlanSection section, const char *key, const char *value, const char *options) {
        _cleanup_free_ char *v = NULL, *o = NULL;
        PlanSetting *s;

        if (!plan_is_expressible(key, value))
                return -EINVAL;
        /* Two disks in one folder, two devices of one kind: each line once. */
        for (size_t i = 0; i < p->n; i++)
                if (p->settings[i].section == section && streq(p->settings[i].key, key) && *value &&
                    streq(p->settings[i].value, value) && streq(p->settings[i].options ?: "", options ?: ""))
                        return 0;
        v = strdup(value);
        o = options ? strdup(options) : NULL;
        if (!v || (options && !o))
                return -ENOMEM;
        s = reallocarray(p->settings, p->n + 1, sizeof(PlanSetting));
        if (!s)
                return -ENOMEM;
        p->settings = s;
        p->settings[p->n++] = (PlanSetting) { section, key, TAKE_PTR(v), TAKE_PTR(o) };
        return 0;
}

int plan_add(Plan *p, PlanSection section, const char *key, const char *value) {
        return plan_add_full(p, section, key, value, NULL);
}

int plan_addf(Plan *p, PlanSection section, const char *key, const char *format, ...) {
        _cleanup_free_ char *value = TEXT_OF_ARGUMENTS(format);

        return value ? plan_add(p, section, key, value) : -ENOMEM;
}

int plan_require(Plan *p, const char *unit) {
        int r;

        r = plan_add(p, PLAN_UNIT, "Requires", unit);
        return r < 0 ? r : plan_add(p, PLAN_UNIT, "After", unit);
}

int plan_require_unit_of(Plan *p, const UnitKind *kind, const char *name) {
        _cleanup_free_ char *unit = NULL;
        int r;

        r = unit_name_for(kind, name, &unit);
        return r < 0 ? r : plan_require(p, unit);
}

/* systemd's own unit for modules loads it, for which a hyphen is as good as the other line. */
int plan_pci_driver(Plan *p, const char *model) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
        _cleanup_free_ char *unit = text_format("modprobe@%s.service", model ?: "vfio_pci");
        int r;

        if (!unit)
                return -ENOMEM;
        if (model && strspn(model, letters) != strlen(model))
                return 0; /* no module's name */
        for (char *c = strchr(unit, '@'); *c; c++)
                *c = *c == '-' ? '_' : *c;
        r = plan_add(p, PLAN_UNIT, "Wants", unit);
        return r < 0 ? r : plan_add(p, PLAN_UNIT, "After", unit);
}

/* Takes other. */
static int add_other(Plan *p, Plan *other) {
        Plan **others = other ? reallocarray(p->others, p->n_others + 1, sizeof(Plan *)) : NULL;

        if (!others) {
                plan_free(other);
                return -ENOMEM;
        }
        p->others = others;
        p->others[p->n_others++] = other;
        return 0;
}

int plan_add_unit(Plan *p, const char *unit, Plan **ret) {
        int r;

        r = add_other(p, plan_alloc(unit));
        if (r < 0)
                return r;
        *ret = p->others[p->n_others - 1];
        (*ret)->word = p->word;
        return 0;
}

/* "vm-swtpm@NAME", "vm-virtiofsd@NAME-PART": a name has no "-" that is not escaped. */
static int sidecar_unit(const UnitKind *kind, const char *name, const char *part, char **ret) {
        _cleanup_free_ char *instance = NULL, *escaped = NULL;
        int r;

        r = unit_instance(kind, name, &instance);
        if (r >= 0 && part)
                r = unit_name_escape(part, &escaped);
        if (r < 0)
                return r;
        *ret = text_format("%s%s%s%s%s", kind->prefix, instance, part ? "-" : "", escaped ?: "", kind->suffix);
        return *ret ? 0 : -ENOMEM;
}

int plan_add_sidecar(Plan *p, const UnitKind *kind, const char *part, Plan **ret) {
        _cleanup_free_ char *unit = NULL;
        Plan *sidecar;
        int r;

        r = sidecar_unit(kind, p->name, part, &unit);
        if (r >= 0)
                r = plan_add_unit(p, unit, &sidecar);
        if (r < 0)
                return r;
        sidecar->kind = kind;
        if (!kind->own_start)
                r = plan_add(sidecar, PLAN_UNIT, "BindsTo", p->unit);
        if (r >= 0 && !kind->own_start)
                r = plan_require(p, unit);
        if (r >= 0)
                *ret = sidecar;
        return r;
}

static uint64_t hash_text(uint64_t h, const char *s) {
        /* with the NUL, so that "a","b" and "ab","" differ */
        do
                h = (h ^ (unsigned char) *s) * 0x100000001b3U;
        while (*s++);
        return h;
}

int plan_reference(Plan *p, const PlanFacts *facts, const DocumentKind *kind, const char *name,
                   const Definition **ret) {
        const Definition *d = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        *ret = NULL;
        r = facts && facts->definition ? facts->definition(facts->context, kind, name, &d) : 0;
        if (r >= 0 && d)
                r = definition_format(d, DEFINITION_FORMAT_INACTIVE, &text);
        if (r < 0)
                return r;
        p->references = hash_text(hash_text(hash_text(p->references, kind->root), name), text ?: "");
        *ret = d;
        return 0;
}

int plan_look_at(const PlanFacts *facts, const DocumentKind *kind, const char *name, const char *const *words,
                 const Definition **ret) {
        *ret = NULL;
        if (!facts || !facts->definition || (facts->mentions && !facts->mentions(facts->context, kind, name, words)))
                return 0;
        return facts->definition(facts->context, kind, name, ret);
}

static uint64_t hash_settings(uint64_t h, const Plan *p) {
        for (size_t i = 0; i < p->n; i++) {
                h = hash_text(h, p->settings[i].key);
                h = hash_text(h, p->settings[i].value);
                h = hash_text(h, p->settings[i].options ?: "");
        }
        return h;
}

int plan_seal(Plan *p) {
        uint64_t h = hash_settings(0xcbf29ce484222325U ^ p->references, p);
        int r = 0;

        for (size_t i = 0; i < p->n_others && r >= 0; i++) {
                h = hash_settings(hash_text(h, p->others[i]->unit), p->others[i]);
                r = p->others[i]->kind ? plan_seal(p->others[i]) : 0;
        }
        if (r < 0)
                return r;
        (void) snprintf(p->stamp, sizeof p->stamp, "%016" PRIx64, h);
        return plan_addf(p, PLAN_SERVICE, "Environment", "UNITVIRT_PLAN=%s", p->stamp);
}

/* --- the plan of a definition --- */

/* The kind's description with suffix behind it. What systemd would put in for %I is no name where that was
 * shortened. */
static int describe(Plan *p, const char *suffix) {
        const char *before = p->kind->description, *specifier = strstr(before, "%I");
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;

        if (!strchr(p->unit + strlen(p->kind->prefix), '-') || !specifier ||
            !plan_is_expressible("Description", p->name))
                return *suffix ? plan_addf(p, PLAN_UNIT, "Description", "%s%s", before, suffix) : 0;
        strbuf_addn(&b, before, (size_t) (specifier - before));
        for (const char *c = p->name; *c; c++)
                strbuf_add(&b, *c == '%' ? "%%" : (char[2]) { *c });
        strbuf_addf(&b, "%s%s", specifier + strlen("%I"), suffix);
        text = strbuf_take(&b);
        return text ? plan_add(p, PLAN_UNIT, "Description", text) : -ENOMEM;
}

int plan_build_with(const Definition *d, const PlanFacts *facts, Plan **ret, Error *e) {
        const PlanKind *kind = plan_kind_of(definition_kind(d));
        const char *word = definition_kind(d)->word, *name = definition_name(d);
        _cleanup_plan_ Plan *p = NULL;
        int r;

        if (!kind)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, definition_kind(d)->origin,
                                 "a %s has no unit", word);
        r = plan_new(kind->unit, name, &p);
        if (r < 0)
                return unit_name_refuse(name, r, e);
        r = describe(p, "");
        if (r >= 0)
                r = kind->build(d, facts, p, e);
        if (r >= 0)
                r = plan_seal(p);
        if (r < 0)
                return error_is_set(e) ? r
                                       : error_set_errno(e, r, kind->unit->origin, "cannot plan %s '%s'", word, name);
        *ret = TAKE_PTR(p);
        return 0;
}

int plan_build_broken_as(const UnitKind *kind, const char *name, const char *message, Plan **ret) {
        _cleanup_free_ char *prepare = NULL;
        _cleanup_plan_ Plan *p = NULL;
        int r;

        r = plan_new(kind, name, &p);
        if (r < 0)
                return r;
        prepare = text_format(":+" LIBEXECDIR "/%s --broken %%I", kind->prepare);
        if (!prepare)
                return -ENOMEM;
        r = describe(p, " (broken definition)");
        if (r >= 0)
                r = plan_add(p, PLAN_SERVICE, "ExecStartPre", "");
        if (r >= 0)
                r = plan_add_full(p, PLAN_SERVICE, "ExecStartPre", message, prepare);
        if (r >= 0)
                r = plan_seal(p);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

int plan_build_broken(const char *name, const char *message, Plan **ret) {
        return plan_build_broken_as(&unit_guest, name, message, ret);
}

const char *plan_unit(const Plan *p) {
        return p->unit;
}

const PlanSetting *plan_settings(const Plan *p, size_t *ret_n) {
        *ret_n = p->n;
        return p->settings;
}

const Plan *plan_other(const Plan *p, size_t i) {
        return i < p->n_others ? p->others[i] : NULL;
}

const char *plan_stamp(const Plan *p) {
        return p->stamp;
}
