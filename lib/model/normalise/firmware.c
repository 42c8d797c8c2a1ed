/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* os: firmware that is left to be chosen, by the descriptors of the host. The choice is written into the definition, so
 * that it stays. A loader that the document names is looked up as well, for what belongs to it. */

#include <fnmatch.h>

#include "base/strings.h"
#include "normalise.h"

/* What a document wants of a feature. */
typedef enum Wish { WISH_ANY, WISH_YES, WISH_NO } Wish;

typedef struct Wanted {
        bool bios;
        const char *arch, *machine;
        const char *loader, *loader_type, *nvram_template, *template_format;
        const char *format;        /* NULL: any */
        Wish secure_boot, enrolled_keys, secure_loader;
        bool writable, stateless, no_smm;
} Wanted;

/* Images that were usual before there were descriptors, as qemu.conf of libvirt has them. */
static const struct {
        const char *loader, *nvram_template;
} legacy[] = {
        { "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
        { "/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
};

static Wish wish_of(const xmlNode *node, const char *attribute) {
        return !xml_attr(node, attribute) ? WISH_ANY : xml_attr_bool(node, attribute, false) ? WISH_YES : WISH_NO;
}

static xmlNode *find_feature(const xmlNode *os, const char *name) {
        XML_FOREACH(f, xml_child(os, "firmware"), "feature")
                if (xml_attr_is(f, "name", name))
                        return f;
        return NULL;
}

static const char *text_or_null(const xmlNode *n) {
        const char *s = n ? xml_text(n) : NULL;

        return s && *s ? s : NULL;
}

static void read_wanted(const Normaliser *n, const xmlNode *os, Wanted *w) {
        const xmlNode *type = xml_child(os, "type"), *loader = xml_child(os, "loader"), *nvram = xml_child(os, "nvram");

        *w = (Wanted) {
                .bios = xml_attr_is(os, "firmware", "bios"),
                .arch = xml_attr_is(type, "arch", "i686") ? "i386" : attr_or(type, "arch", ""), /* QEMU's name */
                .machine = attr_or(type, "machine", ""),
                .loader = text_or_null(loader),
                .loader_type = xml_attr(loader, "type"),
                .nvram_template = xml_attr(nvram, "template"),
                .template_format = xml_attr(nvram, "templateFormat"),
                .format = xml_attr(loader, "format") ?: xml_attr(nvram, "format"),
                .secure_boot = wish_of(find_feature(os, "secure-boot"), "enabled"),
                .enrolled_keys = wish_of(find_feature(os, "enrolled-keys"), "enabled"),
                .secure_loader = wish_of(loader, "secure"),
                .writable = xml_attr_is(loader, "readonly", "no"),
                .stateless = xml_attr_bool(loader, "stateless", false),
                .no_smm = xml_attr_is(xml_find(n->root, "features/smm"), "state", "off"),
        };
}

static bool grants(Wish wish, bool has) {
        return wish == WISH_ANY || (wish == WISH_YES) == has;
}

bool firmware_fits_machine(const Firmware *f, const char *arch, const char *machine) {
        for (char *const *t = f->targets; t && *t; t++) {
                const char *pattern = startswith(*t, arch);

                if (pattern && *pattern == ' ' && fnmatch(pattern + 1, machine, 0) == 0)
                        return true;
        }
        return false;
}

static bool fits_mapping(const Firmware *f, const Wanted *w) {
        const char *type = f->mapping == FIRMWARE_MEMORY ? "rom" : "pflash";

        if (w->loader_type && !streq(w->loader_type, type))
                return false;
        if (f->mapping == FIRMWARE_MEMORY)
                return w->bios || w->loader_type;
        return !w->writable && f->mapping == (w->stateless ? FIRMWARE_FLASH_STATELESS : FIRMWARE_FLASH);
}

static bool fits_names(const Firmware *f, const Wanted *w) {
        return (!w->loader || streq(w->loader, f->executable)) &&
               (!w->nvram_template || streq_ptr(w->nvram_template, f->nvram_template)) &&
               (!w->template_format || streq_ptr(w->template_format, f->template_format));
}

static bool fits(const Firmware *f, const Wanted *w) {
        if (!(w->bios ? f->bios : f->efi) || !firmware_fits_machine(f, w->arch, w->machine) || !fits_mapping(f, w) ||
            !fits_names(f, w))
                return false;
        if (w->format && !streq(w->format, f->format))
                return false;
        if (w->secure_loader == WISH_YES && !f->requires_smm)
                return false;
        return grants(w->secure_boot, f->secure_boot) && grants(w->secure_loader, f->secure_boot) &&
               grants(w->enrolled_keys, f->enrolled_keys) && !(w->no_smm && f->requires_smm);
}

static const Firmware *find_fitting(const FirmwareList *l, const Wanted *w) {
        for (size_t i = 0; i < l->n; i++)
                if (fits(&l->list[i], w))
                        return &l->list[i];
        return NULL;
}

/* Images that every tool can copy come first where the document has no wish. */
static const Firmware *choose(const FirmwareList *l, const Wanted *w) {
        Wanted raw = *w;

        raw.format = w->format ?: "raw";
        return find_fitting(l, &raw) ?: find_fitting(l, w);
}

static void write_feature(Normaliser *n, xmlNode *firmware, const char *name, bool enabled) {
        xmlNode *feature = norm_add(n, firmware, "feature");

        norm_set(n, feature, "enabled", enabled ? "yes" : "no");
        norm_set(n, feature, "name", name);
}

static void write_choice(Normaliser *n, xmlNode *os, const Firmware *f, bool bios) {
        xmlNode *loader = norm_ensure(n, os, "loader"), *firmware, *nvram;

        norm_set(n, os, "firmware", bios ? "bios" : "efi");
        xml_remove_children(os, "firmware");
        firmware = norm_add(n, os, "firmware");
        /* variables on a server are as they are there */
        if (!xml_attr_is(xml_child(os, "nvram"), "type", "network"))
                write_feature(n, firmware, "enrolled-keys", f->enrolled_keys);
        write_feature(n, firmware, "secure-boot", f->secure_boot);
        norm_set_text(n, loader, f->executable);
        norm_set(n, loader, "type", f->mapping == FIRMWARE_MEMORY ? "rom" : "pflash");
        norm_set(n, loader, "format", f->format);
        if (f->mapping != FIRMWARE_MEMORY)
                norm_set_default(n, loader, "readonly", "yes");
        if (f->requires_smm) {
                norm_set_default(n, loader, "secure", "yes");
                norm_set(n, norm_ensure(n, norm_ensure(n, n->root, "features"), "smm"), "state", "on");
        }
        if (f->mapping != FIRMWARE_FLASH)
                return;
        nvram = norm_ensure(n, os, "nvram");
        norm_set(n, nvram, "format", f->template_format);
        /* on a server they are made by nobody here */
        if (xml_attr_is(nvram, "type", "network"))
                return;
        norm_set(n, nvram, "template", f->nvram_template);
        norm_set(n, nvram, "templateFormat", f->template_format);
}

static bool has_variables(const xmlNode *nvram) {
        return text_or_null(nvram) || xml_child(nvram, "source");
}

/* Nothing is left open: the document was completed before. */
static bool is_complete(const xmlNode *os, const Wanted *w) {
        return w->loader && w->loader_type && w->secure_boot != WISH_ANY && w->enrolled_keys != WISH_ANY &&
               (streq(w->loader_type, "rom") || w->stateless || has_variables(xml_child(os, "nvram")));
}

static int check_wishes(Normaliser *n, xmlNode *os, const Wanted *w) {
        xmlNode *loader = xml_child(os, "loader"), *nvram = xml_child(os, "nvram");

        if (w->enrolled_keys == WISH_YES && w->secure_boot == WISH_NO)
                return fail_unsupported(n, xml_child(os, "firmware"),
                                        "firmware feature 'enrolled-keys' cannot be enabled when firmware feature "
                                        "'secure-boot' is disabled");
        if (w->bios && nvram)
                return fail_unsupported(n, nvram, "firmware type 'bios' does not support nvram");
        if (w->bios && xml_attr_is(loader, "stateless", "no"))
                return fail_unsupported(n, loader, "Only EFI firmware permits NVRAM");
        return 0;
}

static void complete_legacy(Normaliser *n, xmlNode *os, const Wanted *w) {
        xmlNode *nvram = xml_child(os, "nvram");

        if (w->stateless)
                return;
        /* Firmware that nobody knows has variables as well: whoever brings it names the template, or has made them. */
        nvram = norm_ensure(n, os, "nvram");
        for (size_t i = 0; i < ELEMENTSOF(legacy); i++)
                if (streq(legacy[i].loader, w->loader) && (!has_variables(nvram) || w->nvram_template)) {
                        norm_set_default(n, nvram, "template", legacy[i].nvram_template);
                        norm_set_default(n, nvram, "templateFormat", "raw");
                        return;
                }
}

int normalise_firmware(Normaliser *n, xmlNode *os) {
        bool automatic = xml_attr(os, "firmware");
        const FirmwareList *list = NULL;
        const Firmware *f = NULL;
        Wanted w;
        int r;

        read_wanted(n, os, &w);
        /* An image that is both code and variables, or none of UEFI, stands for itself. */
        if (!automatic && !(w.loader && streq_ptr(w.loader_type, "pflash") &&
                            xml_attr_bool(xml_child(os, "loader"), "readonly", false)))
                return 0;
        r = check_wishes(n, os, &w);
        if (r < 0)
                return r;
        if (automatic && is_complete(os, &w))
                return 0;
        if (n->facts->firmware) {
                r = n->facts->firmware(n->facts->firmware_context, &list);
                if (r < 0)
                        return fail(n, os, r, ERROR_SYSTEM_ERROR, "the descriptors of firmware cannot be read: %s",
                                    strerror(-r));
                f = choose(list, &w);
        }
        if (f)
                write_choice(n, os, f, w.bios);
        else if (!automatic)
                complete_legacy(n, os, &w);
        return 0;
}
