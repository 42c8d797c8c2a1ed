/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/cpus.h"

#include <jansson.h>

#include "base/strings.h"
#include "cpuinfo.h"
#include "program.h"

#define MAX_KNOWN (8U << 20)

static const struct {
        const char *prefix, *vendor;
} vendors[] = {
        { "EPYC", "AMD" },        { "Opteron", "AMD" },       { "athlon", "AMD" },      { "phenom", "AMD" },
        { "Dhyana", "Hygon" },    { "YongFeng", "Zhaoxin" },  { "core", "Intel" },      { "n270", "Intel" },
        { "Conroe", "Intel" },    { "Penryn", "Intel" },      { "Nehalem", "Intel" },   { "Westmere", "Intel" },
        { "SandyBridge", "Intel" }, { "IvyBridge", "Intel" }, { "Haswell", "Intel" },   { "Broadwell", "Intel" },
        { "Skylake", "Intel" },   { "Cascadelake", "Intel" }, { "Cooperlake", "Intel" }, { "Icelake", "Intel" },
        { "SapphireRapids", "Intel" }, { "GraniteRapids", "Intel" }, { "SierraForest", "Intel" },
        { "ClearwaterForest", "Intel" }, { "Snowridge", "Intel" }, { "Denverton", "Intel" }, { "KnightsMill", "Intel" },
};

/* libvirt's names with an underscore; all others are QEMU's. */
static const char *const underscored[] = {
        "cmp_legacy", "ds_cpl", "fxsr_opt", "lahf_lm", "nodeid_msr", "perfctr_core", "perfctr_nb", "tsc_adjust",
};

static const char *const other_names[][2] = {
        { "pclmuldq", "pclmulqdq" }, { "sse4-1", "sse4.1" }, { "sse4-2", "sse4.2" }, { "sse3", "pni" },
        { "xd", "nx" },              { "i64", "lm" },        { "ffxsr", "fxsr-opt" },
};

const char *cpu_model_vendor(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(vendors); i++)
                if (startswith(name, vendors[i].prefix))
                        return vendors[i].vendor;
        return NULL;
}

bool cpu_feature_migrates(const char *name) {
        return !streq(name, "invtsc");
}

const char *cpu_feature_qemu(const char *name, char buf[static 64]) {
        (void) snprintf(buf, 64, "%s", name);
        for (char *c = buf; *c; c++)
                *c = *c == '_' ? '-' : *c;
        for (size_t i = 0; i < ELEMENTSOF(other_names); i++)
                if (streq(buf, other_names[i][0]))
                        return other_names[i][1];
        return buf;
}

const char *cpu_feature_name(const char *qemu) {
        char buf[64];

        if (streq(qemu, "pclmulqdq"))
                return "pclmuldq";
        for (size_t i = 0; strchr(qemu, '-') && i < ELEMENTSOF(underscored); i++)
                if (streq(cpu_feature_qemu(underscored[i], buf), qemu))
                        return underscored[i];
        return qemu;
}

/* --- what is remembered --- */

static void model_done(CpuModel *m) {
        free(m->name);
        free(m->alias_of);
        strv_free(m->features);
        strv_free(m->unavailable);
}

CpuModels *cpu_models_free(CpuModels *m) {
        if (!m)
                return NULL;
        for (size_t i = 0; i < m->n; i++)
                model_done(&m->list[i]);
        model_done(&m->host);
        strv_free(m->real);
        free(m->list);
        free(m);
        return NULL;
}

static int compare_text(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int read_list(const json_t *list, char ***ret) {
        _cleanup_strv_ char **texts = NULL;
        json_t *item;
        size_t i;

        json_array_foreach(list, i, item) {
                int r = json_is_string(item) ? strv_add(&texts, json_string_value(item)) : -EBADMSG;

                if (r < 0)
                        return r;
        }
        if (texts)
                qsort(texts, strv_length(texts), sizeof(*texts), compare_text);
        *ret = TAKE_PTR(texts);
        return 0;
}

static int read_model(const json_t *o, CpuModel *m) {
        const char *name = json_string_value(json_object_get(o, "name")),
                   *alias = json_string_value(json_object_get(o, "alias"));
        int r;

        if (!name)
                return -EBADMSG;
        m->name = strdup(name);
        m->alias_of = alias ? strdup(alias) : NULL;
        if (!m->name || (alias && !m->alias_of))
                return -ENOMEM;
        m->deprecated = json_is_true(json_object_get(o, "deprecated"));
        r = read_list(json_object_get(o, "features"), &m->features);
        return r < 0 ? r : read_list(json_object_get(o, "unavailable"), &m->unavailable);
}

static int compare_models(const void *a, const void *b) {
        return strcmp(((const CpuModel *) a)->name, ((const CpuModel *) b)->name);
}

static void read_counter(CpuModels *m, const json_t *tsc) {
        json_int_t hz = json_integer_value(json_object_get(tsc, "hz"));

        m->tsc_hz = hz > 0 ? (uint64_t) hz : 0;
        m->tsc_scales = json_is_true(json_object_get(tsc, "scales"));
}

int cpu_models_parse(const char *text, CpuModels **ret) {
        _cleanup_cpu_models_ CpuModels *m = calloc(1, sizeof(*m));
        json_t *all = json_loads(text, 0, NULL), *models = json_object_get(all, "models"), *o;
        size_t i;
        int r;

        if (!m || !json_is_array(models)) {
                json_decref(all);
                return m ? -EBADMSG : -ENOMEM;
        }
        (void) snprintf(m->vendor, sizeof m->vendor, "%s", json_string_value(json_object_get(all, "vendor")) ?: "");
        m->address_bits = (unsigned) json_integer_value(json_object_get(all, "bits"));
        read_counter(m, json_object_get(all, "tsc"));
        (void) snprintf(m->guest_vendor, sizeof m->guest_vendor, "%s",
                        json_string_value(json_object_get(json_object_get(all, "host"), "vendor")) ?: m->vendor);
        m->list = calloc(json_array_size(models) + 1, sizeof(*m->list));
        r = m->list ? read_model(json_object_get(all, "host"), &m->host) : -ENOMEM;
        json_array_foreach(models, i, o)
                if (r >= 0)
                        r = read_model(o, &m->list[m->n++]);
        json_decref(all);
        if (r < 0)
                return r;
        qsort(m->list, m->n, sizeof(*m->list), compare_models);
        *ret = TAKE_PTR(m);
        return 0;
}

bool cpu_feature_is_elsewhere(const char *name) {
        char buf[64];

        for (size_t i = 0; i < ELEMENTSOF(underscored); i++)
                if (streq(cpu_feature_qemu(underscored[i], buf), name))
                        return true;
        return cpu_feature_is_of_register(name) || startswith(name, "vmx-");
}

bool cpu_feature_is_known(const CpuModels *m, const char *name) {
        /* what only KVM tells of the processor is not among what QEMU's emulation knows */
        if (strv_contains(m->host.features, name) || strv_contains(m->real, name))
                return true;
        for (size_t i = 0; i < m->n; i++)
                if (strv_contains(m->list[i].features, name))
                        return true;
        return false;
}

int cpu_models_load(const char *emulator, const char *accel, CpuModels **ret) {
        _cleanup_free_ char *kind = text_format("cpus-%s", accel), *text = NULL;
        int r;

        r = kind ? program_recall(kind, emulator, MAX_KNOWN, &text) : -ENOMEM;
        if (r >= 0)
                r = cpu_models_parse(text, ret);
        return r < 0 ? r : cpu_flags_read(*ret);
}

const CpuModel *cpu_model_find(const CpuModels *m, const char *name) {
        const CpuModel key = { .name = (char *) name };

        return bsearch(&key, m->list, m->n, sizeof(*m->list), compare_models);
}
