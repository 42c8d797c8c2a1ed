/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* launchSecurity: memory that the host cannot read. */

#include "base/strings.h"
#include "normalise.h"

/* What only one of the types has. */
static const struct {
        const char *name, *type;
        bool attribute;
} foreign[] = {
        { "authorKey", "sev-snp", true },
        { "vcek", "sev-snp", true },
        { "guestVisibleWorkarounds", "sev-snp", false },
        { "idBlock", "sev-snp", false },
        { "idAuth", "sev-snp", false },
        { "hostData", "sev-snp", false },
        { "dhCert", "sev", false },
        { "session", "sev", false },
        { "mrConfigId", "tdx", false },
        { "mrOwner", "tdx", false },
        { "mrOwnerConfig", "tdx", false },
        { "quoteGenerationService", "tdx", false },
};

/* Its interrupts are the processor's own or QEMU's, never KVM's. */
static int check_tdx(Normaliser *n, xmlNode *security) {
        static const char *const sev[] = { "cbitpos", "reducedPhysBits" };
        const xmlNode *features = xml_child(n->root, "features");

        for (size_t i = 0; i < ELEMENTSOF(sev); i++)
                if (xml_child(security, sev[i]))
                        return fail_unsupported(n, security, "%s belongs to launch security of type 'sev'", sev[i]);
        if (xml_attr(security, "kernelHashes"))
                return fail_unsupported(n, security, "kernelHashes belongs to launch security of type 'sev'");
        if (xml_attr_is(xml_child(features, "ioapic"), "driver", "kvm"))
                return fail_unsupported(n, security, "Intel TDX launch security needs split kernel irqchip");
        if (xml_attr_is(xml_child(features, "pmu"), "state", "on"))
                return fail_unsupported(n, security, "Intel TDX launch security is not supported with a PMU");
        return 0;
}

int normalise_launch_security(Normaliser *n) {
        xmlNode *security = xml_child(n->root, "launchSecurity"), *policy = xml_child(security, "policy");
        const char *type = xml_attr(security, "type");
        bool snp = type && streq(type, "sev-snp"), tdx = type && streq(type, "tdx");
        char text[24];

        if (!security)
                return 0;
        if (!type)
                return fail_xml(n, security, "missing type of the launch security");
        if (!policy && !tdx)
                return fail_xml(n, security, "failed to get launch security policy");
        for (size_t i = 0; i < ELEMENTSOF(foreign); i++)
                if (!streq(foreign[i].type, type) &&
                    (foreign[i].attribute ? xml_attr(security, foreign[i].name) != NULL
                                          : xml_child(security, foreign[i].name) != NULL))
                        return fail_unsupported(n, security, "%s belongs to launch security of type '%s'",
                                                foreign[i].name, foreign[i].type);
        if (snp && !xml_child(xml_child(n->root, "os"), "loader"))
                return fail_unsupported(n, security, "SEV-SNP needs a firmware that is loaded at once: <loader>");
        if (policy) {
                (void) snprintf(text, sizeof(text), tdx ? "0x%llx" : snp ? "0x%08llx" : "0x%04llx",
                                strtoull(xml_text(policy), NULL, 0));
                norm_set_text(n, policy, text);
        }

        return tdx ? check_tdx(n, security) : 0;
}
