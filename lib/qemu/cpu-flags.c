/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the host's own processor has: by the kernel's flags, and by what KVM tells of the registers that flags say
 * nothing of. */

#include <stdio.h>

#include "base/strings.h"
#include "cpuinfo.h"

char *cpuinfo_read(const char *key) {
        FILE *f = fopen("/proc/cpuinfo", "re");
        _cleanup_free_ char *line = NULL;
        char *found = NULL;
        size_t size = 0;

        while (f && !found && getline(&line, &size, f) > 0) {
                char *text = startswith(line, key) ? strchr(line, ':') : NULL;

                if (!text)
                        continue;
                text += 1 + strspn(text + 1, " ");
                text[strcspn(text, "\n")] = 0;
                found = strdup(text);
        }
        if (f)
                (void) fclose(f);
        return found;
}

/* Flags that the kernel calls by a name that is not QEMU's with "_" for "-". */
static const struct {
        const char *flag, *vendor, *qemu; /* vendor NULL: whoever made it */
} kernel_names[] = {
        { "cr8_legacy", NULL, "cr8legacy" },
        { "tsc_deadline_timer", NULL, "tsc-deadline" },
        { "nonstop_tsc", NULL, "invtsc" },
        { "dts", NULL, "ds" },
        { "pausefilter", NULL, "pause-filter" },
        { "avx512_vnni", NULL, "avx512vnni" },
        { "avx512_vbmi2", NULL, "avx512vbmi2" },
        { "avx512_bitalg", NULL, "avx512bitalg" },
        { "tsxldtrk", NULL, "tsx-ldtrk" },
        { "sgx_lc", NULL, "sgxlc" },
        { "autoibrs", NULL, "auto-ibrs" },
        /* one flag for what two makers have in two places */
        { "ibrs", "Intel", "spec-ctrl" },
        { "ibpb", "Intel", "spec-ctrl" },
        { "stibp", "AMD", "amd-stibp" },
        { "ssbd", "AMD", "amd-ssbd" },
};

static const char *qemu_name(const CpuModels *m, const char *flag, char buf[static 64]) {
        for (size_t i = 0; i < ELEMENTSOF(kernel_names); i++)
                if (streq(flag, kernel_names[i].flag) &&
                    (!kernel_names[i].vendor || streq(kernel_names[i].vendor, m->vendor)))
                        return kernel_names[i].qemu;
        return cpu_feature_qemu(flag, buf);
}

static int add_known(CpuModels *m, const char *name) {
        return cpu_feature_is_known(m, name) && !strv_contains(m->real, name) ? strv_add(&m->real, name) : 0;
}

int cpu_flags_parse(CpuModels *m, char *flags) {
        char *rest = NULL, buf[64];
        int r = 0;

        for (char *flag = strtok_r(flags, " ", &rest); r >= 0 && flag; flag = strtok_r(NULL, " ", &rest))
                r = add_known(m, qemu_name(m, flag, buf));
        return r;
}

int cpu_flags_read(CpuModels *m) {
        _cleanup_free_ char *flags = cpuinfo_read("flags");

        return flags ? cpu_flags_parse(m, flags) : 0;
}

bool cpu_feature_is_of_register(const char *name) {
        static const char *const names[] = {
                "rdctl-no", "ibrs-all", "rsba", "skip-l1dfl-vmentry", "ssb-no", "mds-no", "pschange-mc-no", "tsx-ctrl",
                "taa-no", "sbdr-ssdp-no", "fbsdp-no", "psdp-no", "fb-clear", "rrsba", "bhi-no", "gds-no", "rfds-no",
                "rfds-clear", "split-lock-detect", "core-capability",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(names[i], name))
                        return true;
        return false;
}

/* What IA32_ARCH_CAPABILITIES and the registers of VMX say, of a processor that has those: KVM makes up the first for
 * others. */
static bool is_of_registers(const CpuModels *m, const char *name) {
        if (cpu_feature_is_of_register(name))
                return strv_contains(m->real, "arch-capabilities");
        return startswith(name, "vmx-") && strv_contains(m->real, "vmx");
}

int cpu_models_add_real(CpuModels *m, const CpuModels *kvm) {
        int r = 0;

        for (char *const *f = kvm->host.features; r >= 0 && f && *f; f++)
                if (is_of_registers(m, *f) && !strv_contains(m->real, *f))
                        r = strv_add(&m->real, *f);
        m->tsc_hz = kvm->tsc_hz;
        m->tsc_scales = kvm->tsc_scales;
        return r;
}
