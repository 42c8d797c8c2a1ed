/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run/agent-reader.h"
#include "run/json-limits.h"

#define DELIMITER 0xff /* before the answer to guest-sync-delimited: what was half sent ends here */

void agent_reader_done(AgentReader *r) {
        free(r->data);
        *r = (AgentReader) {};
}

int agent_reader_add(AgentReader *r, const char *data, size_t len) {
        if (len > AGENT_MESSAGE_MAX || r->n > AGENT_MESSAGE_MAX - len)
                return -EMSGSIZE;
        if (r->n + len > r->size) {
                size_t size = MAX(r->n + len, r->size * 2);
                char *p = realloc(r->data, size);

                if (!p)
                        return -ENOMEM;
                r->data = p;
                r->size = size;
        }
        memcpy(r->data + r->n, data, len);
        r->n += len;
        return 0;
}

static int parse(const char *line, size_t len, json_t **ret) {
        const char *delimiter = memrchr(line, DELIMITER, len);
        json_t *message;

        if (delimiter) {
                len -= (size_t) (delimiter + 1 - line);
                line = delimiter + 1;
        }
        if (!json_text_fits(line, len, AGENT_TOKENS_MAX, AGENT_DEPTH_MAX))
                return -EMSGSIZE;
        message = json_loadb(line, len, 0, NULL);
        if (!json_is_object(message)) {
                json_decref(message);
                return -EBADMSG;
        }
        *ret = message;
        return 1;
}

static bool is_blank(const char *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!strchr(" \t\r", s[i]) || !s[i])
                        return false;
        return true;
}

int agent_reader_next(AgentReader *r, json_t **ret) {
        size_t at = 0;
        int q = 0;

        while (q == 0) {
                const char *end = r->n > r->scanned ? memchr(r->data + r->scanned, '\n', r->n - r->scanned) : NULL;
                size_t len;

                if (!end) {
                        r->scanned = r->n;
                        break;
                }
                len = (size_t) (end - r->data) - at;
                if (!is_blank(r->data + at, len))
                        q = parse(r->data + at, len, ret);
                at += len + 1;
                r->scanned = at;
        }
        if (at > 0) {
                memmove(r->data, r->data + at, r->n - at);
                r->n -= at;
                r->scanned -= at;
        }
        return q;
}
