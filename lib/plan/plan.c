/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plan: an ordered list of settings, the stamp over them, and the text writer. What a
 * definition contributes is in guest.c. */

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "plan-internal.h"
#include "plan/names.h"

#define DROPIN "50-unitvirt.conf"

/* How systemd reads the value of a key, and so how it is written. */
typedef enum Quoting {
        QUOTE_NONE,   /* to the end of the line; % is special */
        QUOTE_WORD,   /* words; inside quotes a backslash keeps the next character, and nothing more */
        QUOTE_C,      /* words with C escapes */
        QUOTE_EXEC,   /* "options" holds prefixes and program, the value is one more argument with C escapes */
} Quoting;

static const struct {
        const char *key;
        Quoting quoting;
} quotings[] = {
        { "BindReadOnlyPaths", QUOTE_WORD },
        { "BindPaths",         QUOTE_WORD },
        { "DeviceAllow",       QUOTE_WORD },
        { "IODeviceWeight",    QUOTE_WORD },
        { "IOReadBandwidthMax", QUOTE_WORD },
        { "IOReadIOPSMax",     QUOTE_WORD },
        { "IOWriteBandwidthMax", QUOTE_WORD },
        { "IOWriteIOPSMax",    QUOTE_WORD },
        { "RequiresMountsFor", QUOTE_WORD },
        { "Environment",       QUOTE_C },
        { "LogExtraFields",    QUOTE_C },
        { "ExecStartPre",      QUOTE_EXEC },
};

static Quoting quoting_of(const char *key) {
        for (size_t i = 0; i < ELEMENTSOF(quotings); i++)
                if (streq(quotings[i].key, key))
                        return quotings[i].quoting;
        return QUOTE_NONE;
}

/* Whether systemd can be told this value at all: a unit file is lines, and only C escapes reach beyond. */
static bool is_expressible(const char *key, const char *value) {
        Quoting q = quoting_of(key);

        if (q == QUOTE_C || q == QUOTE_EXEC)
                return true;
        for (const char *p = value; *p; p++)
                if ((unsigned char) *p < ' ' && *p != '\t')
                        return false;
        /* a last backslash would join the next line */
        return q != QUOTE_NONE || !endswith(value, "\\");
}

int plan_new(const char *name, Plan **ret) {
        _cleanup_plan_ Plan *p = calloc(1, sizeof(Plan));
        int r;

        if (!p)
                return -ENOMEM;
        r = unit_name_for_guest(name, &p->unit);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

Plan *plan_free(Plan *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n; i++) {
                free((char *) p->settings[i].value);
                free((char *) p->settings[i].options);
        }
        free(p->settings);
        free(p->unit);
        free(p);
        return NULL;
}

int plan_add_full(Plan *p, PlanSection section, const char *key, const char *value, const char *options) {
        _cleanup_free_ char *v = NULL, *o = NULL;
        PlanSetting *s;

        if (!is_expressible(key, value))
                return -EINVAL;
        /* Two disks in one folder, two devices of one kind: each line once. */
        for (size_t i = 0; i < p->n; i++)
                if (streq(p->settings[i].key, key) && streq(p->settings[i].value, value) && *value)
                        return 0;
        v = strdup(value);
        o = options ? strdup(options) : NULL;
        if (!v || (options && !o))
                return -ENOMEM;
        s = reallocarray(p->settings, p->n + 1, sizeof(PlanSetting));
        if (!s)
                return -ENOMEM;
        p->settings = s;
        p->settings[p->n++] = (PlanSetting) { section, key, TAKE_PTR(v), TAKE_PTR(o) };
        return 0;
}

int plan_add(Plan *p, PlanSection section, const char *key, const char *value) {
        return plan_add_full(p, section, key, value, NULL);
}

int plan_addf(Plan *p, PlanSection section, const char *key, const char *format, ...) {
        _cleanup_free_ char *value = TEXT_OF_ARGUMENTS(format);

        return value ? plan_add(p, section, key, value) : -ENOMEM;
}

static uint64_t hash_text(uint64_t h, const char *s) {
        /* with the NUL, so that "a","b" and "ab","" differ */
        do
                h = (h ^ (unsigned char) *s) * 0x100000001b3U;
        while (*s++);
        return h;
}

int plan_seal(Plan *p) {
        uint64_t h = 0xcbf29ce484222325U;

        for (size_t i = 0; i < p->n; i++) {
                h = hash_text(h, p->settings[i].key);
                h = hash_text(h, p->settings[i].value);
                h = hash_text(h, p->settings[i].options ?: "");
        }
        (void) snprintf(p->stamp, sizeof p->stamp, "%016" PRIx64, h);
        return plan_addf(p, PLAN_SERVICE, "Environment", "UNITVIRT_PLAN=%s", p->stamp);
}

int plan_build_broken(const char *name, const char *message, Plan **ret) {
        _cleanup_plan_ Plan *p = NULL;
        int r;

        r = plan_new(name, &p);
        if (r >= 0)
                r = plan_add(p, PLAN_UNIT, "Description", "Virtual machine %I (broken definition)");
        if (r >= 0)
                r = plan_add(p, PLAN_SERVICE, "ExecStartPre", "");
        if (r >= 0)
                r = plan_add_full(p, PLAN_SERVICE, "ExecStartPre", message,
                                  ":+" LIBEXECDIR "/vm-prepare --broken %I");
        if (r >= 0)
                r = plan_seal(p);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

const char *plan_unit(const Plan *p) {
        return p->unit;
}

const PlanSetting *plan_settings(const Plan *p, size_t *ret_n) {
        *ret_n = p->n;
        return p->settings;
}

const char *plan_stamp(const Plan *p) {
        return p->stamp;
}

/* In each kind of value a percent sign begins a specifier, after all unquoting. */
static void add_plain(StrBuf *b, const char *value) {
        for (const char *p = value; *p; p++) {
                if (*p == '%')
                        strbuf_addc(b, '%');
                strbuf_addc(b, *p);
        }
}

static void add_word(StrBuf *b, const char *value) {
        strbuf_addc(b, '"');
        for (const char *p = value; *p; p++) {
                if (*p == '"' || *p == '\\')
                        strbuf_addc(b, '\\');
                if (*p == '%')
                        strbuf_addc(b, '%');
                strbuf_addc(b, *p);
        }
        strbuf_addc(b, '"');
}

static void add_c_word(StrBuf *b, const char *value) {
        strbuf_addc(b, '"');
        for (const char *p = value; *p; p++)
                if (*p == '"' || *p == '\\')
                        strbuf_addf(b, "\\%c", *p);
                else if (*p == '\n')
                        strbuf_add(b, "\\n");
                else if (*p == '%')
                        strbuf_add(b, "%%");
                else if ((unsigned char) *p < ' ' || *p == 0x7f)
                        strbuf_addf(b, "\\x%02x", (unsigned char) *p);
                else
                        strbuf_addc(b, *p);
        strbuf_addc(b, '"');
}

static void add_setting(StrBuf *b, const PlanSetting *s) {
        strbuf_addf(b, "%s=", s->key);
        switch (quoting_of(s->key)) {
        case QUOTE_NONE:
                /* The template's own text may use specifiers; what comes from a definition never does. */
                if (streq(s->key, "Description"))
                        strbuf_add(b, s->value);
                else
                        add_plain(b, s->value);
                break;
        case QUOTE_WORD:
                add_word(b, s->value);
                break;
        case QUOTE_C:
                add_c_word(b, s->value);
                break;
        case QUOTE_EXEC:
                if (*s->value) {
                        strbuf_addf(b, "%s ", s->options);
                        add_c_word(b, s->value);
                }
                strbuf_addc(b, '\n');
                return;
        }
        if (s->options)
                strbuf_addf(b, " %s", s->options);
        strbuf_addc(b, '\n');
}

int plan_format(const Plan *p, char **ret) {
        static const char *const sections[_PLAN_SECTION_MAX] = {
                [PLAN_UNIT] = "Unit",
                [PLAN_SERVICE] = "Service",
        };
        _cleanup_strbuf_ StrBuf b = {};
        char *text;

        strbuf_add(&b, "# Written by Unitvirt from the guest's definition. Changes here are lost;\n"
                       "# \"systemctl edit\" keeps yours.\n");
        for (PlanSection section = 0; section < _PLAN_SECTION_MAX; section++) {
                bool any = false;

                for (size_t i = 0; i < p->n; i++)
                        if (p->settings[i].section == section) {
                                if (!any)
                                        strbuf_addf(&b, "\n[%s]\n", sections[section]);
                                any = true;
                                add_setting(&b, &p->settings[i]);
                        }
        }
        text = strbuf_take(&b);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

static bool has_content(const char *path, const char *text) {
        _cleanup_free_ char *old = NULL;

        return file_read(path, 1024 * 1024, &old, NULL) >= 0 && streq(old, text);
}

int plan_write_dropin(const Plan *p, const char *unit_dir) {
        _cleanup_free_ char *dir = NULL, *path = NULL, *text = NULL;
        bool is_new = true;
        int r;

        r = plan_format(p, &text);
        if (r < 0)
                return r;
        if (asprintf(&dir, "%s/%s.d", unit_dir, p->unit) < 0 || asprintf(&path, "%s/" DROPIN, dir) < 0)
                return -ENOMEM;
        if (mkdir(dir, 0755) < 0) {
                is_new = errno != EEXIST;
                if (errno == ENOENT)
                        r = mkdir_p(dir, 0755);
                else if (errno != EEXIST)
                        r = -errno;
                if (r < 0)
                        return r;
        }
        /* systemd and its clients look into it, whatever the umask of a daemon that writes here */
        if (chmod(dir, 0755) < 0)
                return -errno;
        if (!is_new && has_content(path, text))
                return 0;
        /* Unit folders below /run are gone after a crash anyway. */
        r = file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
        return r < 0 ? r : 1;
}

int plan_remove_dropin(const char *name, const char *unit_dir) {
        _cleanup_free_ char *unit = NULL, *dir = NULL, *path = NULL;
        int r;

        r = unit_name_for_guest(name, &unit);
        if (r < 0)
                return r;
        if (asprintf(&dir, "%s/%s.d", unit_dir, unit) < 0 || asprintf(&path, "%s/" DROPIN, dir) < 0)
                return -ENOMEM;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        if (rmdir(dir) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
                return -errno;
        return 0;
}
