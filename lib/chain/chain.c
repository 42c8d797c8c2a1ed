/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One step down a chain: what the header says, and whether it is believed. */

#include <fcntl.h>
#include <limits.h>

#include "chain-internal.h"
#include "host/image.h"
#include "image/probe.h"

void chain_layer_done(ChainLayer *l) {
        free(l->path);
        free(l->format);
        free(l->data);
        *l = (ChainLayer) {};
}

/* An open image. */
typedef struct Opened {
        int fd;
        struct stat st;
        char id[64];
        char *real;      /* its path without links */
} Opened;

static void opened_done(Opened *o) {
        closep(&o->fd);
        free(o->real);
}
#define _cleanup_opened_ _cleanup_(opened_done)
#define OPENED_INIT ((Opened) { .fd = -EBADF })

static int open_layer(const char *path, Opened *o, Error *e) {
        char link[64], real[PATH_MAX + 1];
        struct statx sx;
        ssize_t n;
        int r;

        r = image_open(path, 0, &o->fd, e);
        if (r < 0)
                return r;
        (void) snprintf(link, sizeof link, "/proc/self/fd/%i", o->fd);
        n = readlink(link, real, sizeof real - 1);
        if (n < 0 || fstat(o->fd, &o->st) < 0 || statx(o->fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &sx) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot look at '%s'", path);
        real[n] = 0;
        o->real = strdup(real);
        if (!o->real)
                return -ENOMEM;
        if (!(sx.stx_mask & STATX_BTIME))
                sx.stx_btime = (struct statx_timestamp) {};
        (void) snprintf(o->id, sizeof o->id, "%llu %lld.%09u", (unsigned long long) sx.stx_ino,
                        (long long) sx.stx_btime.tv_sec, sx.stx_btime.tv_nsec);
        return 0;
}

/* --- messages --- */

static void add_escaped(StrBuf *b, const char *text) {
        for (const char *p = text; *p; p++)
                if (*p == '&' || *p == '<' || *p == '\'')
                        strbuf_add(b, *p == '&' ? "&amp;" : *p == '<' ? "&lt;" : "&apos;");
                else
                        strbuf_addc(b, *p);
}

/* What the definition would have to say. */
static char *remedy(const char *path, const char *format) {
        bool block = startswith(path, "/dev/");
        StrBuf b = {};

        strbuf_addf(&b, "<backingStore type='%s'><format type='%s'/><source %s='", block ? "block" : "file", format,
                    block ? "dev" : "file");
        add_escaped(&b, path);
        strbuf_add(&b, "'/></backingStore>");
        return strbuf_take(&b);
}

static int refuse(const char *image, const ChainLayer *layer, const char *why, Error *e) {
        _cleanup_free_ char *xml = remedy(layer->path, layer->format ?: "raw");

        return error_set(e, -EPERM, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                         "the header of '%s' names '%s' as its backing file, %s; where it is right, the definition has "
                         "to say so: %s",
                         image, layer->path, why, xml ?: "<backingStore>");
}

/* --- what the header says --- */

static int read_header(const char *path, const Opened *o, const char *format, ImageInfo *info, Error *e) {
        ImageFormat f = image_format_from_name(format);
        int r;

        r = image_read_fd(o->fd, f, info);
        if (r == -EBADMSG)
                return error_set(e, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "cannot read the header of '%s': it is no sound %s image%s%s", path, format,
                                 info->damage ? ": " : "", info->damage ?: "");
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot read the header of '%s'", path) : 0;
}

/* A base whose format nobody says is looked at; what looks as if there was more below it is not believed, since a guest
 * that had it as a raw disk may have written that. */
static int guess_format(const char *image, const Opened *base, ChainLayer *layer, Error *e) {
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        int r;

        r = image_probe_fd(base->fd, &info);
        if (r < 0)
                return error_set(e, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "'%s' does not say the format of its backing file '%s', which is "
                                 "no sound image: %s",
                                 image, layer->path, info.damage ?: strerror(-r));
        layer->format = strdup(info.format == IMAGE_ISO ? "raw" : image_format_name(info.format));
        if (!layer->format)
                return -ENOMEM;
        if (info.backing)
                return error_set(e, -EPERM, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                 "'%s' does not say the format of its backing file '%s', which looks like %s with the "
                                 "backing file '%s' of its "
                                 "own: name the layers as <backingStore> in the definition",
                                 image, layer->path, layer->format, info.backing);
        return 0;
}

/* Any word here would be a driver of QEMU's. */
static int take_format(const char *image, const ImageInfo *info, const Opened *base, ChainLayer *layer, Error *e) {
        if (!info->backing_format)
                return guess_format(image, base, layer, e);
        if (image_format_from_name(info->backing_format) < 0)
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "'%s' says that its backing file '%s' has the format "
                                 "'%s', which is not supported",
                                 image, layer->path, info->backing_format);
        layer->format = strdup(info->backing_format);
        return layer->format ? 0 : -ENOMEM;
}

/* --- whether it is believed --- */

static bool agrees(const ChainEntry *entry, const ChainLayer *layer, const Opened *base) {
        return streq_ptr(entry->backing, layer->path) && streq_ptr(entry->format, layer->format) &&
               streq_ptr(entry->real, base->real);
}

static int contradict(const char *image, const ChainEntry *entry, const ChainLayer *layer, Error *e) {
        _cleanup_free_ char *why = NULL;

        if (!entry->backing)
                why = strdup("and it had none when the guest was started last");
        else if (streq(entry->backing, layer->path))
                why = text_format("of format '%s', and it was '%s' when the guest was started last", layer->format,
                                  entry->format ?: "");
        else
                why = text_format("and it was '%s' when the guest was started last", entry->backing);
        return why ? refuse(image, layer, why, e) : -ENOMEM;
}

static int believe(Chain *c, const char *path, const Opened *image, const ChainLayer *layer, const Opened *base,
                   Error *e) {
        const ChainEntry *entry = chain_find(c, path);
        _cleanup_free_ char *why = NULL, *words = NULL;
        int r;

        if (entry && streq_ptr(entry->id, image->id)) {
                if (agrees(entry, layer, base))
                        return 0;
                if (!streq_ptr(entry->backing, layer->path) || !streq_ptr(entry->format, layer->format))
                        return contradict(path, entry, layer, e);
        }
        r = chain_judge(c, path, image->real, base->real, &base->st, &why);
        if (r < 0)
                return r;
        if (why) {
                words = streq(base->real, layer->path) ? text_format("which %s", why)
                                                       : text_format("which leads to '%s' and %s", base->real, why);
                return words ? refuse(path, layer, words, e) : -ENOMEM;
        }
        return chain_put(c, path, image->id, layer->path, layer->format, base->real);
}

/* The name is judged before the file is touched, as far as a name can be. */
static int is_out_of_question(const char *path) {
        return startswith(path, "/proc/") || startswith(path, "/sys/");
}

bool chain_follows(const char *format) {
        ImageFormat f = image_format_from_name(format);

        return f == IMAGE_QCOW2 || f == IMAGE_QCOW || f == IMAGE_QED;
}

int chain_next(Chain *c, const char *path, const char *format, ChainLayer *ret, Error *e) {
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        _cleanup_opened_ Opened image = OPENED_INIT, base = OPENED_INIT;
        _cleanup_chain_layer_ ChainLayer layer = {};
        int r;

        r = open_layer(path, &image, e);
        if (r >= 0)
                r = read_header(path, &image, format, &info, e);
        if (r < 0)
                return r;
        if (info.features & IMAGE_NAMES_FILES && !(layer.data = strdup(info.data_file ?: "")))
                return -ENOMEM;
        if (!info.backing) {
                ret->data = TAKE_PTR(layer.data);
                return chain_put(c, path, image.id, NULL, NULL, NULL);
        }
        r = image_backing_path(path, info.backing, &layer.path);
        if (r == -EOPNOTSUPP)
                return error_set(e, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "the backing file '%s' of '%s' is not supported", info.backing, path);
        if (r < 0)
                return r;
        if (is_out_of_question(layer.path))
                return refuse(path, &layer, "which is no place for images", e);
        r = open_layer(layer.path, &base, e);
        if (r >= 0)
                r = take_format(path, &info, &base, &layer, e);
        if (r >= 0)
                r = believe(c, path, &image, &layer, &base, e);
        if (r < 0)
                return r;
        layer.dev = base.st.st_dev;
        layer.ino = base.st.st_ino;
        *ret = layer;
        layer = (ChainLayer) {};
        return 1;
}

int chain_accept(Chain *c, const char *path, const char *backing, const char *format) {
        _cleanup_opened_ Opened image = OPENED_INIT, base = OPENED_INIT;
        _cleanup_error_ Error e = {};
        int r;

        r = open_layer(path, &image, &e);
        if (r >= 0 && backing)
                r = open_layer(backing, &base, &e);
        return r < 0 ? r : chain_put(c, path, image.id, backing, backing ? format : NULL, base.real);
}
