/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates for QEMU. The keys are root's, or somebody's that no guest is: the guest has copies. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "prepare.h"

#define USE(use) { #use "-tls", "/etc/pki/libvirt-" #use, offsetof(QemuConfig, use##_tls_x509_cert_dir), #use "_tls" }
const CertificateUse certificates_nbd = USE(nbd);
const CertificateUse certificates_chardev = USE(chardev);
const CertificateUse certificates_vnc = USE(vnc);
const CertificateUse certificates_spice = USE(spice);

/* In the guest's own folder, in which it may have put anything meanwhile: what is opened here stays what it is,
 * whatever that name leads to next. The path of the open folder is the caller's. */
int prepare_make_folder(const Prepare *p, const char *name, char **ret, int *ret_fd) {
        _cleanup_close_ int above = open(p->run_dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), fd = -EBADF;

        if (above < 0 || (mkdirat(above, name, 0700) < 0 && errno != EEXIST))
                return -errno;
        fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fchown(fd, p->uid, p->gid) < 0)
                return -errno;
        *ret = text_format("/proc/self/fd/%i", fd);
        *ret_fd = TAKE_FD(fd);
        return *ret ? 0 : -ENOMEM;
}

/* As libvirt has it: the one that qemu.conf names, else the use's own where it is there, else that of all. */
static const char *folder_of(const Prepare *p, const CertificateUse *use) {
        const char *set = *(char *const *) ((const char *) p->config + use->setting);

        if (set)
                return set;
        return access(use->folder, F_OK) == 0 ? use->folder : p->config->default_tls_x509_cert_dir;
}

/* Not every server wants to know who asks; an authority need not have taken a certificate back. */
static const struct {
        const char *name;
        bool server, client, needed_by_server;
} files[] = {
        { "ca-cert.pem", true, true, true },      { "ca-crl.pem", true, false, false },
        { "server-cert.pem", true, false, true }, { "server-key.pem", true, false, true },
        { "dh-params.pem", true, false, false },  { "client-cert.pem", false, true, false },
        { "client-key.pem", false, true, false },
};

/* Which file it is, who wants it, and where another folder can be named. */
static int refuse_copy(Prepare *p, int r, const xmlNode *element, const CertificateUse *use, const char *file) {
        _cleanup_free_ char *wish = qemu_config_place(NULL, use->wish);

        return prepare_refuse(p, r, element,
                              "cannot copy the certificate '%s' for the guest: %s (%s asks for it or the definition "
                              "does; %s_x509_cert_dir and default_tls_x509_cert_dir there name the folder)",
                              file, strerror(-r), wish ?: use->wish, use->wish);
}

int prepare_certificates(Prepare *p, const xmlNode *element, const CertificateUse *use, bool server,
                         const char **ret) {
        _cleanup_free_ char *name = text_format("%s%s", use->name, server ? "-server" : ""),
                            *folder = text_format("%s/%s", p->run_dir, name ?: ""), *open_folder = NULL;
        const char *from = folder_of(p, use);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!name || !folder)
                return -ENOMEM;
        r = prepare_make_folder(p, name, &open_folder, &fd);
        if (r < 0)
                return prepare_refuse(p, r, element, "cannot make '%s': %s", folder, strerror(-r));
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *in = text_format("%s/%s", from, files[i].name),
                                    *out = text_format("%s/%s", open_folder, files[i].name);

                if (!(server ? files[i].server : files[i].client))
                        continue;
                r = in && out ? prepare_copy_file(in, out, 0400, p->uid, p->gid) : -ENOMEM;
                if (r == -ENOENT && i > 0 && !(server && files[i].needed_by_server))
                        r = 0;
                if (r < 0)
                        return refuse_copy(p, r, element, use, in ?: from);
        }
        *ret = folder;
        return strv_consume(&p->paths, TAKE_PTR(folder));
}
