/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A volume to qemu-img's words. Options go into one -o, a comma in a value doubled; what is a path of its own is never
 * taken for an option, because it is absolute. */

#include <inttypes.h>

#include "base/strings.h"
#include "storage/job.h"

/* A CD's image is raw to qemu-img. */
static const char *name_of(const char *format) {
        return !format || streq(format, "iso") ? "raw" : format;
}

static const char *format_of(const VolumeJob *j) {
        const char *format = name_of(j->format);

        return j->encryption && streq(j->encryption, "luks") && streq(format, "raw") ? "luks" : format;
}

static void add_value(StrBuf *b, const char *name, const char *value) {
        strbuf_addf(b, "%s%s=", b->len > 0 ? "," : "", name);
        for (; *value; value++) {
                strbuf_addc(b, *value);
                if (*value == ',')
                        strbuf_addc(b, ',');
        }
}

/* qemu-img knows the secret by this id. */
#define SECRET_ID "volume0"

static void add_cipher(StrBuf *b, const VolumeJob *j, const char *prefix) {
        const struct {
                const char *name, *value;
        } options[] = { { "cipher-mode", j->cipher_mode }, { "hash-alg", j->cipher_hash }, { "ivgen-alg", j->ivgen },
                        { "ivgen-hash-alg", j->ivgen_hash } };
        _cleanup_free_ char *name = text_format("%scipher-alg", prefix), *cipher = NULL;

        if (j->cipher && j->cipher_size)
                cipher = text_format("%s-%s", j->cipher, j->cipher_size);
        if (cipher && name)
                add_value(b, name, cipher);
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                _cleanup_free_ char *option = text_format("%s%s", prefix, options[i].name);

                if (option && options[i].value)
                        add_value(b, option, options[i].value);
        }
}

static void add_encryption(StrBuf *b, const VolumeJob *j) {
        bool whole = streq(format_of(j), "luks");

        if (!j->encryption)
                return;
        if (whole) {
                add_value(b, "key-secret", SECRET_ID);
        } else {
                add_value(b, "encrypt.format", "luks");
                add_value(b, "encrypt.key-secret", SECRET_ID);
        }
        add_cipher(b, j, whole ? "" : "encrypt.");
}

static int refuse_options(const VolumeJob *j, Error *e) {
        const char *format = format_of(j);
        const char *what = j->compat           ? "a compat level"
                           : j->lazy_refcounts ? "lazy refcounts"
                           : j->extended_l2    ? "extended L2"
                           : j->cluster_size   ? "a cluster size"
                                               : NULL;

        if (what && !streq(format, "qcow2"))
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE, "format %s has not %s", format,
                                 what);
        if (j->compat && streq(j->compat, "0.10") && (j->lazy_refcounts || j->extended_l2))
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                 "%s not supported with compat level 0.10",
                                 j->lazy_refcounts ? "lazy_refcounts" : "extended_l2");
        if (j->encryption && !streq(j->encryption, "luks"))
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                 "encryption of format '%s' is not supported", j->encryption);
        if (j->encryption && !streq(format, "luks") && !streq(format, "qcow2"))
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE, "format %s has no encryption",
                                 format);
        return 0;
}

/* In the order of libvirt, so that its published pairs can be compared. */
static int add_options(const VolumeJob *j, char ***argv, Error *e) {
        _cleanup_strbuf_ StrBuf b = {};
        bool qcow2 = streq(format_of(j), "qcow2");
        int r = refuse_options(j, e);

        if (r < 0)
                return r;
        if (j->backing)
                add_value(&b, "backing_fmt", j->backing_format ?: "raw");
        add_encryption(&b, j);
        if (j->flags & VOLUME_PREALLOC_METADATA && qcow2)
                add_value(&b, "preallocation",
                          !j->has_allocation || j->allocation >= j->capacity ? "falloc" : "metadata");
        if (j->nocow)
                add_value(&b, "nocow", "on");
        if (qcow2)
                add_value(&b, "compat", j->compat ?: "1.1");
        if (j->cluster_size)
                strbuf_addf(&b, ",cluster_size=%" PRIu64, j->cluster_size);
        if (j->lazy_refcounts)
                add_value(&b, "lazy_refcounts", "on");
        if (j->extended_l2)
                add_value(&b, "extended_l2", "on");
        if (b.failed)
                return -ENOMEM;
        if (b.len == 0)
                return 0;
        r = strv_add(argv, "-o");
        return r < 0 ? r : strv_add(argv, b.data);
}

static int add_secret(const VolumeJob *j, char ***argv, Error *e) {
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        if (!j->encryption)
                return 0;
        if (!j->secret)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE, "encryption needs a secret");
        add_value(&b, "secret,id", SECRET_ID);
        add_value(&b, "file", j->secret);
        if (b.failed)
                return -ENOMEM;
        r = strv_add(argv, "--object");
        return r < 0 ? r : strv_add(argv, b.data);
}

static int add_size(char ***argv, uint64_t bytes) {
        if (bytes % 1024 == 0)
                return strv_addf(argv, "%" PRIu64 "K", bytes / 1024);
        return strv_addf(argv, "%" PRIu64, bytes);
}

int qemu_img_create(const VolumeJob *j, const char *path, char ***ret, Error *e) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        if (strv_add(&argv, "qemu-img") < 0 || strv_add(&argv, "create") < 0 || strv_add(&argv, "-f") < 0 ||
            strv_add(&argv, format_of(j)) < 0)
                return -ENOMEM;
        if (j->backing && (strv_add(&argv, "-b") < 0 || strv_add(&argv, j->backing) < 0))
                return -ENOMEM;
        r = add_secret(j, &argv, e);
        if (r >= 0)
                r = add_options(j, &argv, e);
        if (r >= 0)
                r = strv_add(&argv, path);
        if (r >= 0 && j->capacity > 0)
                r = add_size(&argv, j->capacity);
        else if (r >= 0 && !j->backing)
                r = strv_add(&argv, "0K");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(argv);
        return 0;
}

/* The backing file stays behind: what is copied is all of the content. */
int qemu_img_convert(const VolumeJob *j, const char *path, bool exists, char ***ret, Error *e) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        if (j->encryption)
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                 "cloning into an encrypted volume is not supported");
        if (strv_add(&argv, "qemu-img") < 0 || strv_add(&argv, "convert") < 0 || strv_add(&argv, "-p") < 0 ||
            strv_add(&argv, "-f") < 0 || strv_add(&argv, name_of(j->source_format)) < 0 || strv_add(&argv, "-O") < 0 ||
            strv_add(&argv, format_of(j)) < 0)
                return -ENOMEM;
        if (j->backing && !exists && (strv_add(&argv, "-B") < 0 || strv_add(&argv, j->backing) < 0))
                return -ENOMEM;
        r = exists ? strv_add(&argv, "-n") : add_options(j, &argv, e);
        if (r >= 0)
                r = strv_add(&argv, j->source);
        if (r >= 0)
                r = strv_add(&argv, path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(argv);
        return 0;
}

/* Where the image is: "-f FORMAT PATH", or, of one that a secret opens, "--image-opts driver=...". */
static int add_image(const VolumeJob *j, char ***argv, Error *e) {
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        if (!j->encryption)
                return strv_add(argv, j->path);
        add_value(&b, "driver", j->format);
        add_value(&b, "file.driver", "file");
        add_value(&b, "file.filename", j->path);
        add_value(&b, "encrypt.key-secret", SECRET_ID);
        r = b.failed ? -ENOMEM : add_secret(j, argv, e);
        if (r >= 0)
                r = strv_add(argv, "--image-opts");
        return r < 0 ? r : strv_add(argv, b.data);
}

int qemu_img_resize(const VolumeJob *j, char ***ret, Error *e) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        if (strv_add(&argv, "qemu-img") < 0 || strv_add(&argv, "resize") < 0 ||
            (!j->encryption && (strv_add(&argv, "-f") < 0 || strv_add(&argv, j->format ?: "raw") < 0)) ||
            (j->flags & RESIZE_SHRINK && strv_add(&argv, "--shrink") < 0) ||
            (j->flags & RESIZE_ALLOCATE && strv_add(&argv, "--preallocation=falloc") < 0))
                return -ENOMEM;
        r = add_image(j, &argv, e);
        if (r >= 0)
                r = add_size(&argv, j->capacity);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(argv);
        return 0;
}
