/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch.h"

#include "base/strings.h"

#define CONSOLES_MAX 64U

typedef enum FieldKind {
        FIELD_STRING,
        FIELD_LIST,
        FIELD_BOOL,
        FIELD_INT,
        FIELD_CONSOLE,
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
        { "dump-limit",  FIELD_STRING,  offsetof(Launch, dump_limit) },
        { "watchdog-dumps", FIELD_BOOL, offsetof(Launch, watchdog_dumps) },
        { "paused",      FIELD_BOOL,    offsetof(Launch, paused) },
        { "monitor-fd",  FIELD_INT,     offsetof(Launch, monitor_fd) },
        { "console",     FIELD_CONSOLE, offsetof(Launch, consoles) },
        { "socket",      FIELD_LIST,    offsetof(Launch, sockets) },
        { "image",       FIELD_LIST,    offsetof(Launch, images) },
        { "graphics",    FIELD_LIST,    offsetof(Launch, graphics) },
        { "env",         FIELD_LIST,    offsetof(Launch, environment) },
        { "qmp",         FIELD_LIST,    offsetof(Launch, commands) },
        { "arg",         FIELD_LIST,    offsetof(Launch, argv) },
};

void launch_done(Launch *l) {
        free(l->name);
        free(l->uuid);
        free(l->unit);
        free(l->machine);
        free(l->size);
        free(l->on_poweroff);
        free(l->on_crash);
        free(l->dump_prefix);
        free(l->dump_limit);
        strv_free(l->argv);
        strv_free(l->environment);
        strv_free(l->commands);
        strv_free(l->sockets);
        strv_free(l->images);
        strv_free(l->graphics);
        for (size_t i = 0; i < l->n_consoles; i++)
                free(l->consoles[i].alias);
        free(l->consoles);
        *l = (Launch) {};
}

int launch_add_console(Launch *l, const char *alias, int fd) {
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
        l->consoles[l->n_consoles++] = (LaunchConsole) { copy, fd };
        return 0;
}

/* Undoes the escaping in place. */
static int unescape(char *s) {
        char *w = s;

        for (; *s; s++) {
                if (*s != '\\') {
                        *w++ = *s;
                        continue;
                }
                s++;
                if (*s != 'n' && *s != '\\')
                        return -EINVAL;
                *w++ = *s == 'n' ? '\n' : '\\';
        }
        *w = 0;
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
        case FIELD_CONSOLE: {
                char *colon = strrchr(value, ':');
                int fd, r;

                if (!colon)
                        return -EINVAL;
                *colon = 0;
                r = parse_int(colon + 1, &fd);
                return r < 0 ? r : launch_add_console(l, value, fd);
        }
        }
        return -EINVAL;
}

static int parse_line(Launch *l, char *line) {
        char *value = strchr(line, '=');

        if (!value)
                return -EINVAL;
        *value++ = 0;
        if (unescape(value) < 0)
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

static void add_line(StrBuf *b, const char *key, const char *value) {
        strbuf_addf(b, "%s=", key);
        for (; *value; value++)
                if (*value == '\n')
                        strbuf_add(b, "\\n");
                else if (*value == '\\')
                        strbuf_add(b, "\\\\");
                else
                        strbuf_addc(b, *value);
        strbuf_addc(b, '\n');
}

int launch_format(const Launch *l, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        char *text;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const void *p = (const char *) l + fields[i].offset;

                switch (fields[i].kind) {
                case FIELD_STRING:
                        if (*(char *const *) p)
                                add_line(&b, fields[i].key, *(char *const *) p);
                        break;
                case FIELD_LIST:
                        for (char *const *s = *(char **const *) p; s && *s; s++)
                                add_line(&b, fields[i].key, *s);
                        break;
                case FIELD_BOOL:
                        if (*(const bool *) p)
                                add_line(&b, fields[i].key, "yes");
                        break;
                case FIELD_INT:
                        strbuf_addf(&b, "%s=%i\n", fields[i].key, *(const int *) p);
                        break;
                case FIELD_CONSOLE:
                        for (size_t k = 0; k < l->n_consoles; k++)
                                strbuf_addf(&b, "console=%s:%i\n", l->consoles[k].alias, l->consoles[k].fd);
                        break;
                }
        }
        text = strbuf_take(&b);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}
