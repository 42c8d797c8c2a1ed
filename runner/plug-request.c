/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plug-request.h"

#include "base/keyfile.h"
#include "base/strings.h"

void plug_request_done(PlugRequest *q) {
        free(q->verb);
        free(q->guest);
        free(q->device);
        free(q->version);
        free(q->threads);
        free(q->cpus);
        free(q->group);
        free(q->limit);
        free(q->vcpu);
        free(q->frames);
}

static int take_line(PlugRequest *q, const char *key, const char *value) {
        struct {
                const char *key;
                char **at;
        } texts[] = {
                { "verb", &q->verb }, { "guest", &q->guest }, { "device", &q->device }, { "version", &q->version },
                { "threads", &q->threads }, { "cpus", &q->cpus }, { "group", &q->group }, { "limit", &q->limit },
                { "vcpu", &q->vcpu }, { "frames", &q->frames },
        };

        if (streq(key, "set"))
                return parse_uint(value, &q->set);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (streq(texts[i].key, key)) {
                        if (*texts[i].at)
                                return -EINVAL;
                        *texts[i].at = strdup(value);
                        return *texts[i].at ? 0 : -ENOMEM;
                }
        return -EINVAL;
}

/* A name is part of a path. */
static bool is_name(const char *s) {
        return s && *s && *s != '.' && !strchr(s, '/');
}

int plug_request_parse(char *text, PlugRequest *q) {
        char *rest = text, *line, *value;

        while ((line = strsep(&rest, "\n"))) {
                int r = *line ? keyfile_parse_line(line, &value) : 0;

                if (*line && r >= 0)
                        r = take_line(q, line, value);
                if (r < 0)
                        return r;
        }
        if (!q->verb || !is_name(q->guest))
                return -EINVAL;
        if (q->device)
                return is_name(q->device) && !q->threads && !q->cpus && !q->group && !q->limit && !q->vcpu ? 0
                                                                                                           : -EINVAL;
        if (q->frames || !q->threads || (q->cpus && q->vcpu))
                return -EINVAL;
        if (q->cpus || q->vcpu)
                return q->group || q->limit ? -EINVAL : 0;
        return is_name(q->group) && q->limit ? 0 : -EINVAL;
}
