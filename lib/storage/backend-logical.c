/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Volume groups of LVM. */

#include <fcntl.h>
#include <inttypes.h>

#include "backend.h"
#include "base/strings.h"
#include "storage/scan.h"
#include "storage/tool.h"

static const char *group(const PoolSpec *s) {
        return s->source_name ?: s->name;
}

static int start(const PoolSpec *s, Error *e) {
        return TOOL(TOOL_TIMEOUT, NULL, e, "vgchange", "-aly", group(s));
}

static int stop(const PoolSpec *s, Error *e) {
        return TOOL(TOOL_TIMEOUT, NULL, e, "vgchange", "-aln", group(s));
}

static int refuse_devices(const PoolSpec *s, Error *e) {
        for (char **d = s->devices; d && *d; d++) {
                _cleanup_free_ char *content = NULL;
                int r = pool_device_content(*d, &content);

                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_STORAGE, "cannot look at '%s'", *d);
                if (content)
                        return error_set(e, -EEXIST, ERROR_STORAGE_POOL_BUILT, ORIGIN_STORAGE, "'%s' has a %s already",
                                         *d, content);
        }
        return 0;
}

/* vgcreate makes the physical volumes itself. */
static int build(const PoolSpec *s, uint32_t flags, Error *e) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        if (!s->devices)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE,
                                 "a volume group needs at least one source device");
        r = flags & POOL_BUILD_OVERWRITE ? 0 : refuse_devices(s, e);
        if (r < 0)
                return r;
        if (strv_add(&argv, "vgcreate") < 0 || (flags & POOL_BUILD_OVERWRITE && strv_add(&argv, "-ff") < 0) ||
            strv_add(&argv, "-y") < 0 || strv_add(&argv, group(s)) < 0)
                return -ENOMEM;
        for (char **d = s->devices; *d; d++)
                if (strv_add(&argv, *d) < 0)
                        return -ENOMEM;
        return tool_run(argv, TOOL_TIMEOUT, NULL, e);
}

static int remove_group(const PoolSpec *s, uint32_t flags, Error *e) {
        int r = TOOL(TOOL_TIMEOUT, NULL, e, "vgremove", "-f", group(s));

        for (char **d = s->devices; r >= 0 && d && *d; d++)
                r = TOOL(TOOL_TIMEOUT, NULL, e, "pvremove", "-f", *d);
        return r;
}

/* name, uuid, size, attributes, devices, origin */
#define LV_FIELDS 6U

static int add_volume(const PoolSpec *s, char **f, VolumeTable *t, char ***notes) {
        _cleanup_free_ char *path = text_format("/dev/%s/%s", group(s), f[0]), *origin = NULL;
        uint64_t taken = 0;

        /* in brackets: one that LVM made for itself, which has no device that could be opened */
        if (*f[5] && *f[5] != '[')
                origin = text_format("/dev/%s/%s", group(s), f[5]);
        if (!path || (*f[5] && *f[5] != '[' && !origin))
                return -ENOMEM;
        /* the fifth: active; the first: pools of thin volumes, their metadata, mirrors' parts are none of the
         * clients' */
        if (strlen(f[3]) < 5 || f[3][4] != 'a' || strchr("tedlivI", f[3][0]))
                return 0;
        /* a snapshot takes what its changes may take; so does a volume that is larger than what it has */
        if (strchr("sS", f[3][0]) && parse_u64(f[2], 10, &taken) < 0)
                return -EBADMSG;
        return backend_add_device(t, &(DeviceVolume) { path, f[0], f[1], origin, taken }, notes);
}

static int read_line(const PoolSpec *s, char *line, VolumeTable *t, char ***notes) {
        char *f[LV_FIELDS] = {};
        size_t n = 0;

        for (char *p = line + strspn(line, " "); p && n < LV_FIELDS;) {
                f[n++] = strsep(&p, "#");
        }
        return n < LV_FIELDS ? 0 : add_volume(s, f, t, notes);
}

static int read_sizes(const PoolSpec *s, VolumeTable *t, Error *e) {
        _cleanup_free_ char *output = NULL;
        uint64_t size, unused;
        int r;

        r = TOOL(TOOL_TIMEOUT, &output, e, "vgs", "--separator", "#", "--noheadings", "--units", "b", "--nosuffix",
                 "--options", "vg_size,vg_free", group(s));
        if (r < 0)
                return r;
        if (sscanf(output, " %" SCNu64 "#%" SCNu64, &size, &unused) != 2)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_STORAGE, "cannot read what vgs says: '%s'",
                                 output);
        t->sizes = (PoolSizes) { size, size - unused, unused };
        return 0;
}

static int scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e) {
        _cleanup_free_ char *output = NULL;
        char *state = NULL;
        int r;

        r = TOOL(TOOL_TIMEOUT, &output, e, "lvs", "--separator", "#", "--noheadings", "--units", "b", "--nosuffix",
                 "--options", "lv_name,uuid,size,lv_attr,devices,origin", group(s));
        for (char *line = r >= 0 ? strtok_r(output, "\n", &state) : NULL; r >= 0 && line;
             line = strtok_r(NULL, "\n", &state))
                r = read_line(s, line, t, notes);
        return r < 0 ? r : read_sizes(s, t, e);
}

static void end_source(StrBuf *b, const char *name) {
        if (name)
                strbuf_addf(b, "name=%s\nformat=lvm2\n\n", name);
}

/* A group's devices are one source. */
static int find_sources(const char *host, char **ret, Error *e) {
        _cleanup_free_ char *output = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        char *state = NULL, *name, *last = NULL;
        int r;

        r = TOOL(TOOL_TIMEOUT, &output, e, "pvs", "--separator", "#", "--noheadings", "--sort", "vg_name,pv_name",
                 "--options", "pv_name,vg_name");
        if (r < 0)
                return r;
        for (char *line = strtok_r(output, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                line += strspn(line, " ");
                name = strchr(line, '#');
                if (!name || !name[1])
                        continue;
                *name++ = '\0';
                if (!streq_ptr(last, name))
                        end_source(&b, last);
                strbuf_addf(&b, "device=%s\n", line);
                last = name;
        }
        end_source(&b, last);
        *ret = strbuf_take(&b) ?: strdup("");
        return *ret ? 0 : -ENOMEM;
}

const PoolBackend backend_logical = {
        .type = POOL_LOGICAL,
        .waits_for_devices = true,
        .scan_mode = SANDBOX_TOOLS,
        .start = start,
        .stop = stop,
        .build = build,
        .build_flags = POOL_BUILD_OVERWRITE | POOL_BUILD_NO_OVERWRITE,
        .remove = remove_group,
        .scan = scan,
        .find_sources = find_sources,
};
