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
};

int normalise_launch_security(Normaliser *n) {
        xmlNode *security = xml_child(n->root, "launchSecurity"), *policy = xml_child(security, "policy");
        const char *type = xml_attr(security, "type");
        bool snp = type && streq(type, "sev-snp");
        char text[24];

        if (!security)
                return 0;
        if (!type)
                return fail_xml(n, security, "missing type of the launch security");
        if (!policy)
                return fail_xml(n, security, "failed to get launch security policy");
        for (size_t i = 0; i < ELEMENTSOF(foreign); i++)
                if (!streq(foreign[i].type, type) &&
                    (foreign[i].attribute ? xml_attr(security, foreign[i].name) != NULL
                                          : xml_child(security, foreign[i].name) != NULL))
                        return fail_unsupported(n, security, "%s belongs to launch security of type '%s'",
                                                foreign[i].name, foreign[i].type);
        if (snp && !xml_child(xml_child(n->root, "os"), "loader"))
                return fail_unsupported(n, security, "SEV-SNP needs a firmware that is loaded at once: <loader>");
        (void) snprintf(text, sizeof(text), snp ? "0x%08llx" : "0x%04llx", strtoull(xml_text(policy), NULL, 0));
        norm_set_text(n, policy, text);

        return 0;
}
