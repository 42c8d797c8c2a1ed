/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh cpu-models, cpu-compare, cpu-baseline and the hypervisor's forms of them: by QEMU's own word for what a model
 * has, and the kernel's, or KVM's, for what the host has. */

#include "base/strings.h"
#include "calls/calls.h"
#include "calls/cpus.h"
#include "calls/facts.h"
#include "hostinfo/cpu.h"
#include "model/xml.h"

/* Where no hypervisor is meant: KVM adds to what a model has. */
#define PLAIN_MODELS "tcg"

#define PATIENCE_USEC (40U * 1000000U)

int driver_cpu_models(QemuDriver *d, const char *accel, CpuModels **ret, Error *e) {
        _cleanup_free_ char *unit = text_format("vm-cpu@%s.service", accel);
        JobResult result = JOB_FAILED;
        Facts f;
        int r;

        r = unit ? facts_read(d, &f, e) : -ENOMEM;
        if (r < 0)
                return r;
        if (cpu_models_load(f.host.emulator, accel, ret) >= 0)
                return 0;
        r = systemd_run_job(d->systemd, "StartUnit", unit, PATIENCE_USEC, &result, e);
        if (r < 0)
                return r;
        r = cpu_models_load(f.host.emulator, accel, ret);
        return r < 0 ? error_set(e, r, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "QEMU could not be asked for its processors: see \"systemctl status %s\"", unit)
                     : 0;
}

int driver_real_cpu(QemuDriver *d, CpuModels **ret, Error *e) {
        _cleanup_cpu_models_ CpuModels *kvm = NULL;
        int r;

        r = driver_cpu_models(d, PLAIN_MODELS, ret, e);
        if (r >= 0 && host_has_kvm() && driver_cpu_models(d, "kvm", &kvm, NULL) >= 0)
                r = cpu_models_add_real(*ret, kvm);
        return r;
}

int driver_fix_host_model(QemuDriver *d, Definition *def) {
        xmlNode *domain = definition_root(def), *cpu = xml_child(domain, "cpu");
        _cleanup_cpu_models_ CpuModels *m = NULL;
        _cleanup_error_ Error ignored = ERROR_INIT;
        int r;

        if (!xml_attr_is(cpu, "mode", "host-model"))
                return 0;
        if (driver_cpu_models(d, xml_attr_is(domain, "type", "kvm") ? "kvm" : "tcg", &m, &ignored) < 0)
                return 0;
        r = cpu_fix_host_model(cpu, m);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        definition_sort(def);
        return 0;
}

static bool is_arch(const char *arch) {
        return streq(arch, "x86_64") || streq(arch, "i686");
}

static int check_arch(const char *arch, Error *e) {
        return is_arch(arch) ? 0
                             : error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_CPU,
                                         "CPU models of architecture '%s' are not supported", arch);
}

/* --- virsh cpu-models --- */

static int get_model_names(Call *c, const remote_connect_get_cpu_model_names_args *args,
                           remote_connect_get_cpu_model_names_ret *ret, Error *e) {
        _cleanup_cpu_models_ CpuModels *m = NULL;
        int r;

        r = check_arch(args->arch, e);
        if (r >= 0)
                r = driver_cpu_models(driver_of(c), PLAIN_MODELS, &m, e);
        if (r < 0)
                return r;
        ret->ret = (int) MIN(m->n, (size_t) REMOTE_CONNECT_CPU_MODELS_MAX);
        if (!args->need_results || ret->ret == 0)
                return 0;
        ret->models.models_val = calloc((size_t) ret->ret, sizeof(char *));
        if (!ret->models.models_val)
                return -ENOMEM;
        for (; ret->models.models_len < (unsigned) ret->ret; ret->models.models_len++) {
                char *name = strdup(m->list[ret->models.models_len].name);

                if (!name)
                        return -ENOMEM;
                ret->models.models_val[ret->models.models_len] = name;
        }
        return 0;
}

/* --- comparison --- */

#define COMPARE_FAIL_INCOMPATIBLE 1U
#define COMPARE_VALIDATE_XML 2U

static int parse_cpu(const char *text, xmlDocPtr *ret, Error *e) {
        const char *arch;
        int r;

        r = xml_parse(text, strlen(text), NULL, "cpu", ret, e);
        if (r < 0)
                return r;
        arch = xml_get(xmlDocGetRootElement(*ret), "arch");
        return arch ? check_arch(arch, e) : 0;
}

static int compare(const CpuModels *m, char *const *host, const char *text, uint32_t flags, int *ret, Error *e) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        _cleanup_free_ char *why = NULL;
        CpuComparison result;
        int r;

        r = parse_cpu(text, &doc, e);
        if (r >= 0)
                r = cpu_compare(m, host, xmlDocGetRootElement(doc), &result, &why, e);
        if (r < 0)
                return r;
        if (result == CPU_INCOMPATIBLE && flags & COMPARE_FAIL_INCOMPATIBLE)
                return error_set(e, -EINVAL, ERROR_CPU_INCOMPATIBLE, ORIGIN_CPU, "%s", why);
        *ret = (int) result;
        return 0;
}

static int compare_cpu(Call *c, const remote_connect_compare_cpu_args *args, remote_connect_compare_cpu_ret *ret,
                       Error *e) {
        _cleanup_cpu_models_ CpuModels *m = NULL;
        int r;

        r = driver_real_cpu(driver_of(c), &m, e);
        return r < 0 ? r : compare(m, m->real, args->xml, args->flags, &ret->result, e);
}

/* The models of the accelerator that is meant; what is said of program and machine has to be there. */
static int models_for(Call *c, const remote_string *arch, const remote_string *virttype, CpuModels **ret, Error *e) {
        const char *type = *virttype ? **virttype : host_has_kvm() ? "kvm" : "qemu";
        int r;

        if (!streq(type, "qemu") && !(streq(type, "kvm") && host_has_kvm()))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "virttype '%s' is not supported here",
                                 type);
        r = *arch ? check_arch(**arch, e) : 0;
        return r < 0 ? r : driver_cpu_models(driver_of(c), streq(type, "kvm") ? "kvm" : "tcg", ret, e);
}

static int compare_hypervisor_cpu(Call *c, const remote_connect_compare_hypervisor_cpu_args *args,
                                  remote_connect_compare_hypervisor_cpu_ret *ret, Error *e) {
        _cleanup_cpu_models_ CpuModels *m = NULL;
        int r = models_for(c, &args->arch, &args->virttype, &m, e);

        return r < 0 ? r : compare(m, m->host.features, args->xmlCPU, args->flags, &ret->result, e);
}

/* --- baseline --- */

#define BASELINE_EXPAND_FEATURES 1U
#define BASELINE_MIGRATABLE 2U
#define BASELINE_IGNORE_HOST 4U

static void add_features(DocumentWriter *w, DocumentElement *cpu, char *const *list, const char *policy) {
        for (char *const *f = list; f && *f; f++) {
                DocumentElement *feature = document_add(w, cpu, "feature", NULL);

                document_attr(w, feature, "policy", policy);
                document_attr(w, feature, "name", cpu_feature_name(*f));
        }
}

static int format_choice(const CpuChoice *choice, bool expand, char **ret) {
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        DocumentElement *cpu;
        int r;

        r = document_begin("cpu", &w, &cpu);
        if (r < 0)
                return r;
        document_attr(w, cpu, "mode", "custom");
        document_attr(w, cpu, "match", "exact");
        document_attr(w, document_add(w, cpu, "model", choice->model->name), "fallback", "forbid");
        if (choice->vendor)
                document_add(w, cpu, "vendor", choice->vendor);
        for (char *const *f = choice->model->features; expand && f && *f; f++)
                if (!strv_contains(choice->disable, *f))
                        add_features(w, cpu, (char *const[]) { *f, NULL }, "require");
        add_features(w, cpu, choice->require, "require");
        add_features(w, cpu, choice->disable, "disable");
        return document_finish(w, ret);
}

static int baseline(const CpuModels *m, char *const *limit, char *const *texts, unsigned n, uint32_t flags, char **ret,
                    Error *e) {
        _cleanup_cpu_choice_ CpuChoice choice = {};
        const xmlNode *cpus[REMOTE_CPU_BASELINE_MAX];
        xmlDocPtr docs[REMOTE_CPU_BASELINE_MAX] = {};
        unsigned parsed = 0;
        int r = 0;

        if (n == 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_CPU, "no CPUs given");
        for (; r >= 0 && parsed < n && parsed < ELEMENTSOF(docs); parsed += r >= 0) {
                r = parse_cpu(texts[parsed], &docs[parsed], e);
                cpus[parsed] = r < 0 ? NULL : xmlDocGetRootElement(docs[parsed]);
        }
        if (r >= 0)
                r = cpu_baseline(m, cpus, parsed, flags & BASELINE_MIGRATABLE, limit, &choice, e);
        if (r >= 0)
                r = format_choice(&choice, flags & BASELINE_EXPAND_FEATURES, ret);
        for (unsigned i = 0; i < ELEMENTSOF(docs); i++)
                if (docs[i])
                        xmlFreeDoc(docs[i]);
        return r;
}

/* What hosts have in common is asked: what a guest wants of its host, as host-model, says nothing of one. */
static int check_hosts(char *const *texts, unsigned n, Error *e) {
        for (unsigned i = 0; i < n; i++) {
                _cleanup_xml_ xmlDocPtr doc = NULL;
                int r = parse_cpu(texts[i], &doc, e);

                if (r < 0)
                        return r;
                if (xml_attr(xmlDocGetRootElement(doc), "mode"))
                        return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_CPU,
                                         "Attribute mode is only allowed for guest CPU; hypervisor-cpu-baseline takes "
                                         "those of domcapabilities");
        }
        return 0;
}

static int baseline_cpu(Call *c, const remote_connect_baseline_cpu_args *args, remote_connect_baseline_cpu_ret *ret,
                        Error *e) {
        _cleanup_cpu_models_ CpuModels *m = NULL;
        int r;

        r = check_hosts(args->xmlCPUs.xmlCPUs_val, args->xmlCPUs.xmlCPUs_len, e);
        if (r >= 0)
                r = driver_cpu_models(driver_of(c), PLAIN_MODELS, &m, e);
        return r < 0 ? r
                     : baseline(m, NULL, args->xmlCPUs.xmlCPUs_val, args->xmlCPUs.xmlCPUs_len, args->flags, &ret->cpu,
                                e);
}

static int baseline_hypervisor_cpu(Call *c, const remote_connect_baseline_hypervisor_cpu_args *args,
                                   remote_connect_baseline_hypervisor_cpu_ret *ret, Error *e) {
        _cleanup_cpu_models_ CpuModels *m = NULL;
        int r = models_for(c, &args->arch, &args->virttype, &m, e);

        return r < 0 ? r
                     : baseline(m, args->flags & BASELINE_IGNORE_HOST ? NULL : m->host.features,
                                args->xmlCPUs.xmlCPUs_val, args->xmlCPUs.xmlCPUs_len, args->flags, &ret->cpu, e);
}

static const RpcHandler rows[] = {
        PLAIN(CONNECT_GET_CPU_MODEL_NAMES, get_model_names),
        PLAIN(CONNECT_COMPARE_CPU, compare_cpu, .flags = COMPARE_FAIL_INCOMPATIBLE | COMPARE_VALIDATE_XML),
        PLAIN(CONNECT_COMPARE_HYPERVISOR_CPU, compare_hypervisor_cpu,
              .flags = COMPARE_FAIL_INCOMPATIBLE | COMPARE_VALIDATE_XML),
        PLAIN(CONNECT_BASELINE_CPU, baseline_cpu, .flags = BASELINE_EXPAND_FEATURES | BASELINE_MIGRATABLE),
        PLAIN(CONNECT_BASELINE_HYPERVISOR_CPU, baseline_hypervisor_cpu,
              .flags = BASELINE_EXPAND_FEATURES | BASELINE_MIGRATABLE | BASELINE_IGNORE_HOST),
};
const RpcTable qemu_cpus_table = RPC_TABLE(rows);
