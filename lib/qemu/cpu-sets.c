/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/cpu-sets.h"

#include "base/strings.h"
#include "cpuinfo.h"
#include "model/xml.h"

/* What a <cpu> says: what it has, what it must not have. */
typedef struct Wanted {
        char **features, **without, **forbidden;
        const char *vendor;
        bool guest, strict;
} Wanted;

static void wanted_done(Wanted *w) {
        strv_free(w->features);
        strv_free(w->without);
        strv_free(w->forbidden);
}

/* Part of what hosts report, of no use to a guest. */
static bool is_ignored(const char *name) {
        static const char *const ignored[] = { "osxsave", "ospke", "cmt", "mbm-total", "mbm-local", "pconfig", "xtpr" };

        for (size_t i = 0; i < ELEMENTSOF(ignored); i++)
                if (streq(ignored[i], name))
                        return true;
        return false;
}

static int add_once(char ***list, const char *name) {
        return strv_contains(*list, name) ? 0 : strv_add(list, name);
}

static int read_feature(const CpuModels *m, const xmlNode *feature, Wanted *w, Error *e) {
        const char *name = xml_attr(feature, "name"), *policy = xml_attr(feature, "policy") ?: "require";
        char buf[64];

        if (!name || !*name)
                return error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_CPU, "Invalid CPU feature name");
        name = cpu_feature_qemu(name, buf);
        if (is_ignored(name))
                return 0;
        if (streq(policy, "disable") || streq(policy, "forbid"))
                return add_once(streq(policy, "disable") ? &w->without : &w->forbidden, name);
        if (streq(policy, "optional"))
                return 0;
        if (!cpu_feature_is_known(m, name) && !cpu_feature_is_elsewhere(name))
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_CPU, "Unknown CPU feature %s",
                                 xml_attr(feature, "name"));
        return add_once(&w->features, name);
}

static int read_model(const CpuModels *m, const xmlNode *cpu, Wanted *w, Error *e) {
        const char *name = xml_get(cpu, "model");
        const CpuModel *model;
        int r = 0;

        if (!name || !*name)
                return 0;
        model = cpu_model_find(m, name);
        if (!model)
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_CPU, "Unknown CPU model %s", name);
        for (char *const *f = model->features; r >= 0 && f && *f; f++)
                r = add_once(&w->features, *f);
        return r;
}

static bool is_of_host(const xmlNode *cpu) {
        return xml_attr(cpu, "mode") && !xml_attr_is(cpu, "mode", "custom");
}

static int read_cpu(const CpuModels *m, const xmlNode *cpu, bool expand_host, Wanted *w, Error *e) {
        int r = 0;

        w->guest = xml_attr(cpu, "match") || xml_attr(cpu, "mode");
        w->strict = xml_attr_is(cpu, "match", "strict");
        w->vendor = xml_get(cpu, "vendor");
        if (is_of_host(cpu)) /* its own, or what it can do */
                for (char *const *f = m->host.features; expand_host && r >= 0 && f && *f; f++)
                        r = add_once(&w->features, *f);
        else
                r = read_model(m, cpu, w, e);
        XML_FOREACH(feature, cpu, "feature")
                r = r < 0 ? r : read_feature(m, feature, w, e);
        return r;
}

static bool is_without(const Wanted *w, const char *feature) {
        return strv_contains(w->without, feature) || strv_contains(w->forbidden, feature);
}

/* --- comparison --- */

static void say(StrBuf *b, const char *begin, const char *what) {
        strbuf_addf(b, "%s%s", b->len > 0 ? ", " : begin, what);
}

static bool is_checked(const CpuModels *m, char *const *host, const Wanted *w, StrBuf *why) {
        if (w->vendor && *m->vendor && !streq(w->vendor, m->vendor)) {
                strbuf_addf(why, "host CPU vendor does not match required CPU vendor %s", w->vendor);
                return false;
        }
        for (char *const *f = w->features; f && *f; f++)
                if (!strv_contains(host, *f) && !is_without(w, *f))
                        say(why, "missing features: ", cpu_feature_name(*f));
        for (char *const *f = w->forbidden; why->len == 0 && f && *f; f++)
                if (strv_contains(host, *f))
                        strbuf_addf(why, "Host CPU provides forbidden feature '%s'", cpu_feature_name(*f));
        return why->len == 0;
}

static bool has_more(char *const *host, const Wanted *w) {
        for (char *const *f = host; f && *f; f++)
                if (!streq(*f, "hypervisor") && (!strv_contains(w->features, *f) || is_without(w, *f)))
                        return true;
        return false;
}

int cpu_compare(const CpuModels *m, char *const *host, const xmlNode *cpu, CpuComparison *ret, char **ret_why,
                Error *e) {
        _cleanup_(wanted_done) Wanted w = {};
        _cleanup_strbuf_ StrBuf why = {};
        int r;

        /* what is the host's own fits any, but for the features that it names */
        r = read_cpu(m, cpu, false, &w, e);
        if (r < 0)
                return r;
        *ret_why = NULL;
        *ret = is_of_host(cpu) ? CPU_SUPERSET : CPU_IDENTICAL;
        if (!is_checked(m, host, &w, &why)) {
                *ret = CPU_INCOMPATIBLE;
        } else if (has_more(host, &w)) {
                *ret = w.strict ? CPU_INCOMPATIBLE : CPU_SUPERSET;
                if (w.strict)
                        strbuf_add(&why, "Host CPU does not strictly match guest CPU: extra features");
        }
        if (*ret == CPU_INCOMPATIBLE) {
                *ret_why = strbuf_take(&why);
                return *ret_why ? 0 : -ENOMEM;
        }
        return 0;
}

/* --- the nearest model --- */

void cpu_choice_done(CpuChoice *c) {
        strv_free(c->require);
        strv_free(c->disable);
}

static size_t count_missing(char *const *of, char *const *in) {
        size_t n = 0;

        for (char *const *f = of; f && *f; f++)
                n += !strv_contains(in, *f);
        return n;
}

static int list_missing(char *const *of, char *const *in, char ***ret) {
        int r = 0;

        for (char *const *f = of; r >= 0 && f && *f; f++)
                if (!strv_contains(in, *f))
                        r = strv_add(ret, *f);
        return r;
}

static bool may_be(const CpuModel *model, const char *vendor) {
        const char *own = cpu_model_vendor(model->name);

        return !own || !vendor || !*vendor || streq(own, vendor);
}

/* Names with a version stand for what an unversioned one may stop to mean; people know the others. */
static bool is_versioned(const char *name) {
        const char *v = strrchr(name, '-');

        return v && v[1] == 'v' && v[2] && !v[2 + strspn(v + 2, "0123456789")];
}

int cpu_choose(const CpuModels *m, char *const *features, const char *vendor, bool exact, CpuChoice *ret) {
        const CpuModel *best = NULL;
        size_t best_cost = 0;
        int r;

        for (size_t i = 0; i < m->n; i++) {
                const CpuModel *model = &m->list[i];
                size_t extra = count_missing(model->features, features), cost;

                if (is_versioned(model->name) || !may_be(model, vendor) || (exact && extra > 0))
                        continue;
                /* the shortest list of differences, as libvirt; of equal ones that with less to be switched off, then
                 * the vendor's own model */
                cost = (count_missing(features, model->features) + extra) * 1024 + extra * 2 +
                       (cpu_model_vendor(model->name) ? 0 : 1);
                if (!best || cost < best_cost || (cost == best_cost && best->deprecated && !model->deprecated)) {
                        best = model;
                        best_cost = cost;
                }
        }
        if (!best)
                return -ENOENT;
        ret->model = best;
        ret->vendor = vendor && *vendor ? vendor : NULL;
        r = list_missing(features, best->features, &ret->require);
        return r < 0 ? r : list_missing(best->features, features, &ret->disable);
}

/* --- what several have in common --- */

static int keep_common(char ***common, const Wanted *w, bool migratable) {
        _cleanup_strv_ char **kept = NULL;
        int r = 0;

        for (char *const *f = *common; r >= 0 && f && *f; f++)
                if (strv_contains(w->features, *f) && !is_without(w, *f) && (!migratable || cpu_feature_migrates(*f)))
                        r = strv_add(&kept, *f);
        if (r < 0)
                return r;
        strv_free(*common);
        *common = TAKE_PTR(kept);
        return 0;
}

int cpu_baseline(const CpuModels *m, const xmlNode *const *cpus, size_t n, bool migratable, char *const *limit,
                 CpuChoice *ret, Error *e) {
        _cleanup_strv_ char **common = NULL;
        const char *vendor = NULL;
        int r;

        for (size_t i = 0; i < n; i++) {
                _cleanup_(wanted_done) Wanted w = {};

                r = read_cpu(m, cpus[i], true, &w, e);
                if (r < 0)
                        return r;
                if (vendor && w.vendor && !streq(vendor, w.vendor))
                        return error_set(e, -EINVAL, ERROR_OPERATION_FAILED, ORIGIN_CPU, "CPU vendors do not match");
                vendor = w.vendor ?: vendor;
                for (char *const *f = w.features; i == 0 && r >= 0 && f && *f; f++)
                        r = !limit || strv_contains(limit, *f) ? strv_add(&common, *f) : 0;
                r = r < 0 ? r : keep_common(&common, &w, migratable);
                if (r < 0)
                        return r;
        }
        if (!common)
                return error_set(e, -ENOENT, ERROR_OPERATION_FAILED, ORIGIN_CPU, "CPUs are incompatible");
        r = cpu_choose(m, common, vendor, false, ret);
        return r == -ENOENT ? error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_CPU,
                                        "Cannot find suitable CPU model for given data")
                            : r;
}
