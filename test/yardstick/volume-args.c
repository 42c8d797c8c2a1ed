/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* volume-args FLAGS POOL VOLUME [INPUT-VOLUME]: documents by their files; the arguments with which qemu-img makes the
 * volume, one a line, or on standard error why it is refused. For volume_args.py. */

#include "base/fs.h"
#include "base/strings.h"
#include "model/definition.h"
#include "model/kind.h"
#include "storage/job.h"

#define DOCUMENT_MAX (1U << 20)

static int read_document(const DocumentKind *kind, const char *file, Definition **ret, Error *e) {
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r = file_read(file, DOCUMENT_MAX, &text, &len);

        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "%s", file)
                     : definition_parse_as(kind, text, len, file, 0, ret, e);
}

static int take_source(const char *file, VolumeJob *j, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        const xmlNode *root;
        int r = read_document(&document_volume, file, &d, e);

        if (r < 0)
                return r;
        root = definition_root(d);
        if (xml_find(root, "target/encryption"))
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                 "encryption is for new volumes");
        j->source = strdup(xml_get(root, "target/path") ?: "");
        j->source_format = strdup(xml_get(root, "target/format/@type") ?: "raw");
        return j->source && j->source_format ? 0 : -ENOMEM;
}

static int arguments(char **args, char ***ret, Error *e) {
        _cleanup_volume_job_ VolumeJob *j = volume_job_new(args[3] ? VOLUME_CLONE : VOLUME_CREATE);
        _cleanup_definition_ Definition *pool = NULL, *volume = NULL;
        _cleanup_free_ char *beside = NULL;
        const char *path;
        int r;

        if (!j)
                return -ENOMEM;
        j->flags = (uint32_t) strtoul(args[0], NULL, 10);
        r = read_document(&document_pool, args[1], &pool, e);
        if (r >= 0)
                r = read_document(&document_volume, args[2], &volume, e);
        if (r >= 0)
                r = volume_job_from_xml(definition_root(volume), j, e);
        if (r >= 0 && args[3])
                r = take_source(args[3], j, e);
        if (r < 0)
                return r;
        free(j->secret);
        j->secret = strdup("/path/to/secretFile");
        beside = text_format("%s/%s", xml_get(definition_root(pool), "target/path") ?: "", j->name);
        path = xml_get(definition_root(volume), "target/path") ?: beside;
        if (!j->secret || !path)
                return -ENOMEM;
        return args[3] ? qemu_img_convert(j, path, false, ret, e) : qemu_img_create(j, path, ret, e);
}

int main(int argc, char *argv[]) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_strv_ char **list = NULL;
        int r;

        if (argc != 4 && argc != 5) {
                fprintf(stderr, "usage: volume-args FLAGS POOL VOLUME [INPUT-VOLUME]\n");
                return 2;
        }
        r = arguments(argv + 1, &list, &e);
        if (r < 0)
                fprintf(stderr, "%s\n", error_text(&e, r));
        for (char **a = list; a && *a; a++)
                printf("%s\n", *a);
        return r < 0;
}
