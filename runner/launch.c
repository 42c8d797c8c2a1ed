/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch.h"

#include "base/keyfile.h"
#include "base/strings.h"

#define CONSOLES_MAX 64U

typedef enum FieldKind {
        FIELD_STRING,
        FIELD_LIST,
        FIELD_BOOL,
        FIELD_INT,
        FIELD_CONSOLE,
        FIELD_COPIED,   /* a quiet one */
} FieldKind;

static const struct {
        const char *key;
        FieldKind kind;
        size_t offset;
} fields[] = {
        { "name",        FIELD_STRING,  offsetof(Launch, name) },
        { "uuid",        FIELD_STRING,  offsetof(Launch, uuid) },
        { "unit",        FIELD_STRING,  offsetof(Launch, unit) },
        { "machine",     FIELD_STRING,  offsetof(Launch, machine) },
        { "size",        FIELD_STRING,  offsetof(Launch, size) },
        { "on-poweroff", FIELD_STRING,  offsetof(Launch, on_poweroff) },
        { "on-crash",    FIELD_STRING,  offsetof(Launch, on_crash) },
        { "dump-prefix", FIELD_STRING,  offsetof(Launch, dump_prefix) },
        { "dump-size",   FIELD_STRING,  offsetof(Launch, dump_size) },
        { "waits",      FIELD_STRING,  offsetof(Launch, waits) },
        { "dump-limit",  FIELD_STRING,  offsetof(Launch, dump_limit) },
        { "log-size",    FIELD_STRING,  offsetof(Launch, log_size) },
        { "watchdog-dumps", FIELD_BOOL, offsetof(Launch, watchdog_dumps) },
        { "io-uring",    FIELD_BOOL,    offsetof(Launch, io_uring) },
        { "sealed",      FIELD_BOOL,    offsetof(Launch, sealed) },
        { "connects",    FIELD_BOOL,    offsetof(Launch, connects) },
        { "listens",     FIELD_BOOL,    offsetof(Launch, listens) },
        { "websocket",   FIELD_INT,     offsetof(Launch, websocket) },
        { "max-files",   FIELD_INT,     offsetof(Launch, max_files) },
        { "paused",      FIELD_BOOL,    offsetof(Launch, paused) },
        { "monitor-fd",  FIELD_INT,     offsetof(Launch, monitor_fd) },
        { "listen-fd",   FIELD_INT,     offsetof(Launch, listen_fd) },
        { "console",     FIELD_CONSOLE, offsetof(Launch, consoles) },
        { "copied",      FIELD_COPIED,  offsetof(Launch, consoles) },
        { "image",       FIELD_LIST,    offsetof(Launch, images) },
        { "graphics",    FIELD_LIST,    offsetof(Launch, graphics) },
        { "env",         FIELD_LIST,    offsetof(Launch, environment) },
        { "qmp",         FIELD_LIST,    offsetof(Launch, commands) },
        { "thread",      FIELD_LIST,    offsetof(Launch, threads) },
        { "limit",       FIELD_LIST,    offsetof(Launch, limits) },
        { "arg",         FIELD_LIST,    offsetof(Launch, argv) },
};

static void consoles_done(Launch *l) {
        for (size_t i = 0; i < l->n_consoles; i++)
                free(l->consoles[i].alias);
        free(l->consoles);
}

void launch_done(Launch *l) {
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                void *p = (char *) l + fields[i].offset;

                if (fields[i].kind == FIELD_STRING)
                        free(*(char **) p);
                else if (fields[i].kind == FIELD_LIST)
                        strv_free(*(char ***) p);
                else if (fields[i].kind == FIELD_CONSOLE)
                        consoles_done(l);
        }
        *l = (Launch) {};
}

int launch_add_console(Launch *l, const char *alias, int fd, bool quiet) {
        LaunchConsole *c;
        char *copy;

        if (l->n_consoles >= CONSOLES_MAX)
                return -E2BIG;
        copy = strdup(alias);
        c = reallocarray(l->consoles, l->n_consoles + 1, sizeof(LaunchConsole));
        if (c)
                l->consoles = c;
        if (!c || !copy) {
                free(copy);
                return -ENOMEM;
        }
        l->consoles[l->n_consoles++] = (LaunchConsole) { copy, fd, quiet };
        return 0;
}

static int set_field(Launch *l, size_t i, char *value) {
        void *p = (char *) l + fields[i].offset;

        switch (fields[i].kind) {
        case FIELD_STRING:
                free(*(char **) p);
                *(char **) p = strdup(value);
                return *(char **) p ? 0 : -ENOMEM;
        case FIELD_LIST:
                return strv_add(p, value);
        case FIELD_BOOL:
                *(bool *) p = streq(value, "yes");
                return 0;
        case FIELD_INT:
                return parse_int(value, p);
        case FIELD_CONSOLE:
        case FIELD_COPIED: {
                char *colon = strrchr(value, ':');
                int fd, r;

                if (!colon)
                        return -EINVAL;
                *colon = 0;
                r = parse_int(colon + 1, &fd);
                return r < 0 ? r : launch_add_console(l, value, fd, fields[i].kind == FIELD_COPIED);
        }
        }
        return -EINVAL;
}

static int parse_line(Launch *l, char *line) {
        char *value;

        if (keyfile_parse_line(line, &value) < 0)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (streq(fields[i].key, line))
                        return set_field(l, i, value);
        return -EINVAL;
}

int launch_parse(const char *text, Launch *l, unsigned *ret_line) {
        _cleanup_free_ char *copy = strdup(text);
        unsigned n = 0;
        char *rest = copy, *line;

        if (!copy)
                return -ENOMEM;
        while ((line = strsep(&rest, "\n"))) {
                int r;

                n++;
                if (!*line || *line == '#')
                        continue;
                r = parse_line(l, line);
                if (r < 0) {
                        *ret_line = n;
                        return r;
                }
        }
        *ret_line = n;
        return l->name && l->argv ? 0 : -EINVAL;
}

int launch_format(const Launch *l, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        char *text;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const void *p = (const char *) l + fields[i].offset;

                switch (fields[i].kind) {
                case FIELD_STRING:
                        if (*(char *const *) p)
                                keyfile_add(&b, fields[i].key, *(char *const *) p);
                        break;
                case FIELD_LIST:
                        for (char *const *s = *(char **const *) p; s && *s; s++)
                                keyfile_add(&b, fields[i].key, *s);
                        break;
                case FIELD_BOOL:
                        if (*(const bool *) p)
                                keyfile_add(&b, fields[i].key, "yes");
                        break;
                case FIELD_INT:
                        strbuf_addf(&b, "%s=%i\n", fields[i].key, *(const int *) p);
                        break;
                case FIELD_CONSOLE:
                case FIELD_COPIED:
                        for (size_t k = 0; k < l->n_consoles; k++)
                                if (l->consoles[k].quiet == (fields[i].kind == FIELD_COPIED))
                                        strbuf_addf(&b, "%s=%s:%i\n", fields[i].key, l->consoles[k].alias,
                                                    l->consoles[k].fd);
                        break;
                }
        }
        text = strbuf_take(&b);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}
