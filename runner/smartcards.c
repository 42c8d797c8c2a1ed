/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Smart cards of the host: databases of NSS with certificates and, for cards that are made of them, their keys. They
 * are root's, or somebody's that no guest is: the guest has a copy. Where the card is a real one, QEMU looks for the
 * host's own database, which its unit shows it. */

#include <sys/stat.h>

#include "base/strings.h"
#include "plan/desktop.h"
#include "prepare.h"

/* The last three are those of old; one kind or the other is there. */
static const struct {
        const char *name;
        bool needed;
} files[] = {
        { "cert9.db", true },  { "key4.db", true },  { "pkcs11.txt", false },
        { "cert8.db", false }, { "key3.db", false }, { "secmod.db", false },
};

static int copy_database(Prepare *p, const xmlNode *card, const char *from, char **ret) {
        _cleanup_free_ char *name = text_format("nssdb-%s", device_alias(card) ?: ""), *open_folder = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r = name ? prepare_make_folder(p, name, &open_folder, &fd) : -ENOMEM;

        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *in = text_format("%s/%s", from, files[i].name),
                                    *out = text_format("%s/%s", open_folder, files[i].name);

                r = in && out ? prepare_copy_file(in, out, 0400, p->uid, p->gid) : -ENOMEM;
                if (r < 0 && (r != -ENOENT || files[i].needed))
                        return prepare_refuse(p, r, card, "cannot copy '%s' for the guest: %s", in ?: from,
                                              strerror(-r));
        }
        *ret = text_format("%s/%s", p->run_dir, name);
        return *ret ? 0 : -ENOMEM;
}

static int give_database(Prepare *p, const xmlNode *card) {
        const char *from = xml_get(card, "database") ?: DESKTOP_CARDS;
        char *folder = NULL;
        int r = copy_database(p, card, from, &folder);

        if (r >= 0)
                r = strv_consume(&p->paths, folder);
        return r < 0 ? r : prepare_name_opened(p, card, folder);
}

/* Without certificates and modules the reader would stay empty, and nobody knew why. */
static int check_database(Prepare *p, const xmlNode *card) {
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = text_format(DESKTOP_CARDS "/%s", files[i].name);
                struct stat st;

                if (!path)
                        return -ENOMEM;
                if (stat(path, &st) < 0) {
                        if (!files[i].needed)
                                continue;
                        return prepare_refuse(p, -errno, card, "cannot use the cards of the host without '%s': %s",
                                              path, strerror(errno));
                }
                if (!(st.st_mode & (S_IROTH | S_IRGRP)) && st.st_uid != p->uid)
                        return prepare_refuse(p, -EACCES, card,
                                              "'%s' (owner %u, mode %04o) has to be readable for the guest's user",
                                              path, st.st_uid, st.st_mode & 07777);
        }
        return 0;
}

int prepare_smartcards(Prepare *p) {
        XML_FOREACH(card, definition_devices(p->live), "smartcard") {
                int r = xml_attr_is(card, "mode", "host")                ? check_database(p, card)
                        : xml_attr_is(card, "mode", "host-certificates") ? give_database(p, card)
                                                                         : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}
