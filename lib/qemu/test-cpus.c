/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strings.h"
#include "cpuinfo.h"
#include "model/xml.h"
#include "qemu/cpu-sets.h"

/* Two makers' models, and one of nobody's. */
static const char known[] =
        "{\"vendor\":\"Intel\",\"bits\":46,\"host\":{\"name\":\"host\",\"features\":[\"fpu\",\"sse\",\"pni\",\"avx\","
        "\"lahf-lm\",\"invtsc\",\"hypervisor\"]},\"models\":["
        "{\"name\":\"Haswell\",\"alias\":\"Haswell-v1\",\"features\":[\"sse\",\"fpu\",\"pni\",\"avx\",\"avx2\"],"
        "\"unavailable\":[\"avx2\"]},"
        "{\"name\":\"Haswell-v1\",\"features\":[\"fpu\",\"sse\",\"pni\",\"avx\",\"avx2\"],\"unavailable\":[\"avx2\"]},"
        "{\"name\":\"Westmere\",\"features\":[\"fpu\",\"sse\",\"pni\"]},"
        "{\"name\":\"EPYC\",\"features\":[\"fpu\",\"sse\",\"pni\",\"avx\"],\"deprecated\":true},"
        "{\"name\":\"486\",\"features\":[\"fpu\"]}]}";

static CpuModels *models(void) {
        CpuModels *m;

        assert_int_equal(cpu_models_parse(known, &m), 0);
        return m;
}

static xmlDocPtr cpu(const char *text) {
        _cleanup_error_ Error e = ERROR_INIT;
        xmlDocPtr doc;

        assert_int_equal(xml_parse(text, strlen(text), NULL, "cpu", &doc, &e), 0);
        return doc;
}

static void what_is_remembered(void **state) {
        _cleanup_cpu_models_ CpuModels *m = models(), *none = NULL;

        assert_int_equal(m->n, 5);
        assert_string_equal(m->list[0].name, "486");
        assert_string_equal(cpu_model_find(m, "Haswell")->alias_of, "Haswell-v1");
        assert_string_equal(cpu_model_find(m, "Haswell")->features[0], "avx");
        assert_null(cpu_model_find(m, "Westmere")->unavailable);
        assert_true(cpu_model_find(m, "EPYC")->deprecated);
        assert_null(cpu_model_find(m, "nonsense"));
        assert_int_equal(cpu_models_parse("{}", &none), -EBADMSG);
        assert_int_equal(cpu_models_parse("nonsense", &none), -EBADMSG);
        assert_int_equal(cpu_models_parse("{\"host\":{\"name\":\"h\"},\"models\":[{}]}", &none), -EBADMSG);
}

static void names_of_features(void **state) {
        char buf[64];

        assert_string_equal(cpu_feature_qemu("lahf_lm", buf), "lahf-lm");
        assert_string_equal(cpu_feature_qemu("sse4_1", buf), "sse4.1");
        assert_string_equal(cpu_feature_qemu("pclmuldq", buf), "pclmulqdq");
        assert_string_equal(cpu_feature_name("lahf-lm"), "lahf_lm");
        assert_string_equal(cpu_feature_name("avx512-bf16"), "avx512-bf16");
        assert_string_equal(cpu_feature_name("pclmulqdq"), "pclmuldq");
        assert_string_equal(cpu_model_vendor("Icelake-Server-v3"), "Intel");
        assert_string_equal(cpu_model_vendor("EPYC-Rome"), "AMD");
        assert_null(cpu_model_vendor("qemu64"));
}

static void comparisons(void **state) {
        static const struct {
                const char *cpu;
                int result;
                const char *why;
        } rows[] = {
                { "<cpu><model>Westmere</model></cpu>", CPU_SUPERSET, NULL },
                { "<cpu><model>Westmere</model><feature name='avx'/><feature name='lahf_lm'/><feature "
                  "name='invtsc'/></cpu>", CPU_IDENTICAL, NULL },
                { "<cpu><model>Haswell</model></cpu>", CPU_INCOMPATIBLE, "missing features: avx2" },
                { "<cpu match='exact'><model>Haswell</model><feature policy='disable' name='avx2'/></cpu>",
                  CPU_SUPERSET, NULL },
                { "<cpu match='strict'><model>Westmere</model></cpu>", CPU_INCOMPATIBLE,
                  "Host CPU does not strictly match guest CPU: extra features" },
                { "<cpu match='exact'><model>Westmere</model><feature policy='forbid' name='avx'/></cpu>",
                  CPU_INCOMPATIBLE, "Host CPU provides forbidden feature 'avx'" },
                { "<cpu><model>Westmere</model><vendor>AMD</vendor></cpu>", CPU_INCOMPATIBLE,
                  "host CPU vendor does not match required CPU vendor AMD" },
                { "<cpu match='exact'><model>Westmere</model><feature policy='optional' name='avx2'/></cpu>",
                  CPU_SUPERSET, NULL },
                { "<cpu mode='host-passthrough'/>", CPU_SUPERSET, NULL },
                { "<cpu mode='maximum'/>", CPU_SUPERSET, NULL },
                { "<cpu mode='host-model'><feature policy='require' name='avx2'/></cpu>", CPU_INCOMPATIBLE,
                  "missing features: avx2" },
        };
        _cleanup_cpu_models_ CpuModels *m = models();

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_xml_ xmlDocPtr doc = cpu(rows[i].cpu);
                _cleanup_error_ Error e = ERROR_INIT;
                _cleanup_free_ char *why = NULL;
                CpuComparison result;

                assert_int_equal(cpu_compare(m, m->host.features, xmlDocGetRootElement(doc), &result, &why, &e), 0);
                assert_int_equal(result, rows[i].result);
                assert_true(why ? rows[i].why && streq(why, rows[i].why) : !rows[i].why);
        }
}

/* What another host's capabilities name, and neither this one nor any model has. */
static void what_others_have(void **state) {
        static const char *const names[] = { "rsba", "tsc_adjust", "vmx-ept" };
        _cleanup_cpu_models_ CpuModels *m = models();

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *text = text_format("<cpu><model>486</model><feature name='%s'/></cpu>", names[i]);
                _cleanup_xml_ xmlDocPtr doc = cpu(text);
                _cleanup_error_ Error e = ERROR_INIT;
                _cleanup_free_ char *why = NULL;
                CpuComparison result;

                assert_int_equal(cpu_compare(m, m->host.features, xmlDocGetRootElement(doc), &result, &why, &e), 0);
                assert_int_equal(result, CPU_INCOMPATIBLE);
        }
}

static void what_nobody_knows(void **state) {
        static const char *const cpus[][2] = {
                { "<cpu><model>nonsense</model></cpu>", "Unknown CPU model nonsense" },
                { "<cpu><model>486</model><feature name='nonsense'/></cpu>", "Unknown CPU feature nonsense" },
                { "<cpu><model>486</model><feature/></cpu>", "Invalid CPU feature name" },
        };
        _cleanup_cpu_models_ CpuModels *m = models();

        for (size_t i = 0; i < ELEMENTSOF(cpus); i++) {
                _cleanup_xml_ xmlDocPtr doc = cpu(cpus[i][0]);
                _cleanup_error_ Error e = ERROR_INIT;
                _cleanup_free_ char *why = NULL;
                CpuComparison result;

                assert_true(cpu_compare(m, m->host.features, xmlDocGetRootElement(doc), &result, &why, &e) < 0);
                assert_non_null(strstr(error_text(&e, 0), cpus[i][1]));
        }
}

static void common_ground(void **state) {
        _cleanup_cpu_models_ CpuModels *m = models();
        _cleanup_xml_ xmlDocPtr a = cpu("<cpu><model>Haswell</model><vendor>Intel</vendor>"
                                        "<feature name='invtsc'/></cpu>"),
                                b = cpu("<cpu><model>Westmere</model><vendor>Intel</vendor><feature name='lahf_lm'/>"
                                        "<feature name='invtsc'/></cpu>"),
                                c = cpu("<cpu><model>EPYC</model><vendor>AMD</vendor></cpu>");
        const xmlNode *same[] = { xmlDocGetRootElement(a), xmlDocGetRootElement(b) },
                      *other[] = { xmlDocGetRootElement(a), xmlDocGetRootElement(c) };
        _cleanup_cpu_choice_ CpuChoice choice = {}, migratable = {}, limited = {};
        char *const limit[] = { (char *) "fpu", NULL };
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(cpu_baseline(m, same, 2, false, NULL, &choice, &e), 0);
        assert_string_equal(choice.model->name, "Westmere");
        assert_string_equal(choice.vendor, "Intel");
        assert_int_equal(strv_length(choice.require), 1);
        assert_string_equal(choice.require[0], "invtsc");
        assert_null(choice.disable);
        assert_int_equal(cpu_baseline(m, same, 2, true, NULL, &migratable, &e), 0);
        assert_null(migratable.require);
        assert_int_equal(cpu_baseline(m, same, 2, false, limit, &limited, &e), 0);
        assert_string_equal(limited.model->name, "486");
        assert_true(cpu_baseline(m, other, 2, false, NULL, &limited, &e) < 0);
        assert_non_null(strstr(error_text(&e, 0), "CPU vendors do not match"));
}

/* The host's own model: what it lacks is switched off, and no other maker's is taken. */
static void the_nearest(void **state) {
        _cleanup_cpu_models_ CpuModels *m = models();
        _cleanup_cpu_choice_ CpuChoice choice = {};

        assert_int_equal(cpu_choose(m, m->host.features, "Intel", false, &choice), 0);
        assert_string_equal(choice.model->name, "Westmere");
        assert_true(strv_contains(choice.require, "avx"));
}

/* What the kernel calls by other names, and what its flags do not say. */
static void the_real_processor(void **state) {
        static const char text[] =
                "{\"vendor\":\"Intel\",\"tsc\":{\"hz\":2591999000,\"scales\":true},\"host\":{\"name\":\"host\",\"features\":["
                "\"fpu\",\"tsc-deadline\",\"spec-ctrl\",\"sse4.1\",\"vmx\",\"vmx-ept\",\"rdctl-no\",\"x2apic\","
                "\"arch-capabilities\"]},"
                "\"models\":[{\"name\":\"486\",\"features\":[\"fpu\"]},"
                "{\"name\":\"Nehalem\",\"features\":[\"fpu\",\"sse4.1\"]},"
                "{\"name\":\"Westmere\",\"features\":[\"fpu\",\"sse4.1\",\"aes\"]}]}";
        char flags[] = "fpu tsc_deadline_timer ibrs ibpb sse4_1 vmx arch_capabilities rep_good";
        _cleanup_cpu_models_ CpuModels *m = NULL, *kvm = NULL;
        _cleanup_cpu_choice_ CpuChoice choice = {};

        assert_int_equal(cpu_models_parse(text, &m), 0);
        assert_int_equal(cpu_models_parse(text, &kvm), 0);
        m->tsc_hz = 0;
        assert_int_equal(cpu_flags_parse(m, flags), 0);
        assert_int_equal(strv_length(m->real), 6);
        assert_true(strv_contains(m->real, "tsc-deadline") && strv_contains(m->real, "spec-ctrl"));
        assert_int_equal(cpu_models_add_real(m, kvm), 0);
        assert_int_equal(m->tsc_hz, 2591999000);
        assert_true(m->tsc_scales && strv_contains(m->real, "vmx-ept") && strv_contains(m->real, "rdctl-no"));
        assert_false(strv_contains(m->real, "x2apic"));
        assert_int_equal(strv_add(&kvm->host.features, "tsx-ctrl"), 0);
        assert_false(cpu_feature_is_known(m, "tsx-ctrl"));
        assert_int_equal(cpu_models_add_real(m, kvm), 0);
        assert_true(cpu_feature_is_known(m, "tsx-ctrl"));
        /* a host is not described by what it lacks */
        assert_int_equal(cpu_choose_host(m, &choice), 0);
        assert_string_equal(choice.model->name, "Nehalem");
        assert_null(choice.disable);
        assert_true(strv_contains(choice.require, "vmx-ept"));
}

/* A guest's CPU on this host: what its definition says of a feature counts more. */
static void host_model_is_fixed(void **state) {
        static const struct {
                const char *cpu, *fixed;
        } rows[] = {
                { "<cpu mode='host-model' check='partial'/>",
                  "<cpu mode='custom' check='full' match='exact'>\n  <model fallback='forbid'>Westmere</model>\n"
                  "  <vendor>Intel</vendor>\n  <feature policy='require' name='avx'/>\n"
                  "  <feature policy='require' name='hypervisor'/>\n  <feature policy='require' name='invtsc'/>\n"
                  "  <feature policy='require' name='lahf_lm'/>\n"
                  "  <maxphysaddr mode='passthrough' limit='46'/>\n</cpu>\n" },
                { "<cpu mode='host-model' check='none'><feature policy='disable' name='avx'/>"
                  "<feature policy='optional' name='avx2'/><feature policy='optional' name='invtsc'/>"
                  "<feature policy='force' name='lahf_lm'/><feature policy='require' name='hypervisor'/>"
                  "<maxphysaddr mode='emulate' bits='42'/></cpu>",
                  "<cpu mode='custom' check='none' match='exact'>\n  <feature policy='disable' name='avx'/>\n"
                  "  <feature policy='disable' name='avx2'/>\n  <feature policy='require' name='invtsc'/>\n"
                  "  <feature policy='force' name='lahf_lm'/>\n  <feature policy='require' name='hypervisor'/>\n"
                  "  <maxphysaddr mode='emulate' bits='42'/>\n  <model fallback='forbid'>Westmere</model>\n"
                  "  <vendor>Intel</vendor>\n</cpu>\n" },
        };
        _cleanup_cpu_models_ CpuModels *m = models();

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_xml_ xmlDocPtr doc = cpu(rows[i].cpu);
                _cleanup_free_ char *text = NULL;

                assert_int_equal(cpu_fix_host_model(xmlDocGetRootElement(doc), m), 0);
                assert_int_equal(xml_format(xmlDocGetRootElement(doc), &text), 0);
                assert_string_equal(text, rows[i].fixed);
        }
}

static void who_may_be_asked(void **state) {
        assert_true(cpu_models_may_ask("/usr/bin/qemu-system-i386"));
        assert_false(cpu_models_may_ask("/srv/qemu"));
        assert_false(cpu_models_may_ask("/usr/../srv/qemu"));
}

int main(void) {
        const struct CMUnitTest list[] = {
                cmocka_unit_test(what_is_remembered),
                cmocka_unit_test(names_of_features),
                cmocka_unit_test(comparisons),
                cmocka_unit_test(what_others_have),
                cmocka_unit_test(what_nobody_knows),
                cmocka_unit_test(common_ground),
                cmocka_unit_test(the_nearest),
                cmocka_unit_test(the_real_processor),
                cmocka_unit_test(host_model_is_fixed),
                cmocka_unit_test(who_may_be_asked),
        };

        return cmocka_run_group_tests(list, NULL, NULL);
}
