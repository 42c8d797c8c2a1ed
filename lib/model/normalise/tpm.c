/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* tpm: a chip of the host, or one that a program beside the guest emulates. */

#include "base/strings.h"
#include "normalise.h"

/* The secret's uuid as libvirt writes it. */
static int check_encryption(Normaliser *n, xmlNode *encryption) {
        const char *secret = xml_attr(encryption, "secret");
        uint8_t uuid[16];
        char text[37];

        if (!encryption)
                return 0;
        if (!secret || uuid_parse(secret, uuid) < 0)
                return fail_xml(n, encryption, "Missing required attribute 'secret' in element 'encryption'");
        uuid_format(uuid, text);
        norm_set(n, encryption, "secret", text);
        return 0;
}

static int check_emulator(Normaliser *n, xmlNode *tpm, xmlNode *backend) {
        xmlNode *source = xml_child(backend, "source"), *banks = xml_child(backend, "active_pcr_banks");
        xmlNode *profile = xml_child(backend, "profile");
        bool crb = xml_attr_is(tpm, "model", "tpm-crb"), old;
        int r;

        norm_set_default(n, backend, "version", crb ? "2.0" : "1.2");
        old = xml_attr_is(backend, "version", "1.2");
        if (old && crb)
                return fail_unsupported(n, backend, "TPM 1.2 is not supported for CRB");
        if (old && banks)
                return fail_unsupported(n, backend, "<active_pcr_banks/> requires TPM version '2.0'");
        if (old && xml_attr(profile, "source"))
                return fail_unsupported(n, backend, "<profile/> requires TPM version '2.0'");
        if (profile && !xml_attr(profile, "source") && !xml_attr(profile, "name"))
                xml_remove(profile);
        if (source && (!xml_attr(source, "path") || xml_attr_is(source, "type", "unix")))
                return fail_xml(n, source, "the state of an emulated TPM is in a 'dir' or a 'file' with a path");
        r = check_encryption(n, xml_child(backend, "encryption"));
        if (r < 0)
                return r;
        norm_set_default(n, source, "type", "dir");
        if (number_or(backend, "debug", 1) == 0)
                xml_unset_attr(backend, "debug");
        xml_remove_children(backend, "device");

        return 0;
}

static int check_passthrough(Normaliser *n, xmlNode *tpm, xmlNode *backend) {
        xmlNode *device = xml_child(backend, "device");

        if (!xml_attr(device, "path"))
                norm_set(n, norm_ensure(n, backend, "device"), "path", "/dev/tpm0");
        xml_unset_attr(backend, "version");
        xml_remove_children(backend, "encryption");
        return 0;
}

static int check_external(Normaliser *n, xmlNode *tpm, xmlNode *backend) {
        xmlNode *source = xml_child(backend, "source");

        if (!xml_attr_is(source, "type", "unix") || !xml_attr(source, "path"))
                return fail_xml(n, source ?: backend,
                                "missing path and type='unix' of the <source> of an external TPM");
        norm_set_default(n, source, "mode", "connect");
        xml_remove_children(backend, "encryption");
        return 0;
}

static const struct {
        const char *type;
        int (*check)(Normaliser *n, xmlNode *tpm, xmlNode *backend);
} types[] = {
        { "emulator", check_emulator },
        { "passthrough", check_passthrough },
        { "external", check_external },
};

int normalise_tpms(Normaliser *n) {
        XML_FOREACH(tpm, n->devices, "tpm") {
                xmlNode *backend = xml_child(tpm, "backend");
                int r;

                if (xml_next(tpm, "tpm"))
                        return fail_unsupported(n, xml_next(tpm, "tpm"), "only a single TPM device is supported");
                if (!xml_attr(backend, "type"))
                        return fail_xml(n, backend ?: tpm,
                                        backend ? "missing TPM device backend type" : "missing TPM device backend");
                norm_set_default(n, tpm, "model", "tpm-tis");
                for (size_t i = 0; i < ELEMENTSOF(types); i++)
                        if (xml_attr_is(backend, "type", types[i].type)) {
                                r = types[i].check(n, tpm, backend);
                                if (r < 0)
                                        return r;
                        }
        }

        return 0;
}
