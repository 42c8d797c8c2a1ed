/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host's model for a guest of mode host-model, and what is optional in any CPU, decided once a start: QEMU tells
 * what the host can give, and is asked in a unit of its own (vm-cpu@.service) where that is not remembered. */

#include "base/log.h"
#include "base/strings.h"
#include "plan/names.h"
#include "prepare.h"
#include "program.h"
#include "qemu/cpu-sets.h"

#define SYSTEMCTL "/usr/bin/systemctl"

static int ask(const char *emulator, const char *accel) {
        _cleanup_free_ char *instance = text_format("%s%s", accel, emulator), *escaped = NULL, *unit = NULL;
        char output[256];
        int r;

        r = instance ? unit_name_escape(instance, &escaped) : -ENOMEM;
        if (r < 0)
                return r;
        unit = text_format("vm-cpu@%s.service", escaped);
        return unit ? program_output(SYSTEMCTL, "start", unit, output, sizeof(output)) : -ENOMEM;
}

static int find_models(const char *emulator, const char *accel, CpuModels **ret) {
        int r;

        r = cpu_models_load(emulator, accel, ret);
        if (r >= 0 || !cpu_models_may_ask(emulator))
                return r;
        r = ask(emulator, accel);
        return r < 0 ? r : cpu_models_load(emulator, accel, ret);
}

/* A QEMU that does not answer has an idea of the host of its own, which is no reason not to start. */
int prepare_cpu(Prepare *p) {
        xmlNode *domain = definition_root(p->live), *cpu = xml_child(domain, "cpu");
        const char *accel = xml_attr_is(domain, "type", "kvm") ? "kvm" : "tcg";
        const char *emulator = xml_text(xml_child(definition_devices(p->live), "emulator"));
        _cleanup_cpu_models_ CpuModels *m = NULL;
        bool host_model = xml_attr_is(cpu, "mode", "host-model");
        int r;

        if (!host_model && !cpu_has_optional(cpu))
                return 0;
        r = emulator ? find_models(emulator, accel, &m) : -ENOENT;
        if (r >= 0)
                r = host_model ? cpu_fix_host_model(cpu, m) : cpu_decide_optional(cpu, m);
        if (r == -ENOMEM || r >= 0)
                return r;
        log_warning_errno(r, "%s could not be asked for the host's processor, proceeding with its own idea of it: %s",
                          emulator ?: "QEMU", strerror(-r));
        return 0;
}
