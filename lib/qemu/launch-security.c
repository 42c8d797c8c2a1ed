/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <launchSecurity>: memory that the processor encrypts with keys that the host does not have. */

#include "build.h"

static void put_file(Build *b, json_t *o, const char *key, const xmlNode *given, const char *name) {
        if (!given)
                return;
        if (b->res->recorded)
                put_strf(b, o, key, "/var/lib/libvirt/qemu/domain--1-%s/%s", definition_name(b->d), name);
        else
                put_strf(b, o, key, "%s/%s", b->run_dir, name);
}

static void put_number(Build *b, json_t *o, const char *key, const xmlNode *n, const char *element) {
        const char *text = xml_get(n, element);

        if (text)
                put_int(b, o, key, (long long) strtoull(text, NULL, 0));
        else
                build_refuse(b, n, "<%s> is missing, and the host is not asked for it", element);
}

static void build_tdx(Build *b, const xmlNode *n) {
        const xmlNode *quotes = xml_child(n, "quoteGenerationService");
        const char *policy = xml_get(n, "policy");
        json_t *o;

        if (!qemu_caps_has(b->caps, QEMU_CAP_TDX))
                build_refuse(b, n, "launch security of type 'tdx' is not supported by this QEMU");
        o = build_object(b, "tdx-guest", LAUNCH_SECURITY_ID);
        put_str(b, o, "mrconfigid", xml_get(n, "mrConfigId"));
        put_str(b, o, "mrowner", xml_get(n, "mrOwner"));
        put_str(b, o, "mrownerconfig", xml_get(n, "mrOwnerConfig"));
        if (quotes) {
                json_t *socket = props_new(b);

                put_str(b, socket, "type", "unix");
                put_str(b, socket, "path", xml_attr(quotes, "path") ?: DEFINITION_TDX_QUOTES);
                put_json(b, o, "quote-generation-socket", socket);
        }
        if (policy)
                put_int(b, o, "attributes", (long long) strtoull(policy, NULL, 0));
        add_props(b, QEMU_PART_OBJECT, o);
}

void build_launch_security(Build *b) {
        const xmlNode *n = xml_child(b->root, "launchSecurity");
        bool snp = xml_attr_is(n, "type", "sev-snp");
        json_t *o;

        if (!n)
                return;
        if (xml_attr_is(n, "type", "tdx")) {
                build_tdx(b, n);
                return;
        }
        if (snp && !qemu_caps_has(b->caps, QEMU_CAP_SEV_SNP))
                build_refuse(b, n, "launch security of type 'sev-snp' is not supported by this QEMU");
        o = build_object(b, snp ? "sev-snp-guest" : "sev-guest", LAUNCH_SECURITY_ID);
        put_number(b, o, "cbitpos", n, "cbitpos");
        put_number(b, o, "reduced-phys-bits", n, "reducedPhysBits");
        put_number(b, o, "policy", n, "policy");
        put_file(b, o, "dh-cert-file", xml_child(n, "dhCert"), "dh_cert.base64");
        put_file(b, o, "session-file", xml_child(n, "session"), "session.base64");
        put_str(b, o, "guest-visible-workarounds", xml_get(n, "guestVisibleWorkarounds"));
        put_str(b, o, "id-block", xml_get(n, "idBlock"));
        put_str(b, o, "id-auth", xml_get(n, "idAuth"));
        put_str(b, o, "host-data", xml_get(n, "hostData"));
        put_attr_bool(b, o, "kernel-hashes", n, "kernelHashes");
        put_attr_bool(b, o, "author-key-enabled", n, "authorKey");
        if (xml_attr(n, "vcek"))
                put_bool(b, o, "vcek-disabled", !xml_attr_bool(n, "vcek", true));
        add_props(b, QEMU_PART_OBJECT, o);
}
