/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plan as unit files: quoting, text, and the files below a folder of units. */

#include <dirent.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "plan-internal.h"
#include "plan/names.h"

#define DROPIN "10-unitvirt.conf"

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

bool plan_is_expressible(const char *key, const char *value) {
        Quoting q = quoting_of(key);

        if (q == QUOTE_C || q == QUOTE_EXEC)
                return true;
        for (const char *p = value; *p; p++)
                if ((unsigned char) *p < ' ' && *p != '\t')
                        return false;
        /* a last backslash would join the next line */
        return q != QUOTE_NONE || !endswith(value, "\\");
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
                /* The template's own text may use specifiers; what comes from a definition never does. In a quota
                 * systemd looks for none: there the sign is itself. */
                if (streq(s->key, "Description") || streq(s->key, "CPUQuota"))
                        strbuf_add(b, s->value);
                else
                        add_plain(b, s->value);
                break;
        case QUOTE_WORD:
                /* nothing at all, not an empty word, takes back what the template says */
                if (*s->value)
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
        /* a colon within the quotation marks would be one of the path's own */
        if (s->options)
                strbuf_addf(b, "%s%s", *s->options == ':' ? "" : " ", s->options);
        strbuf_addc(b, '\n');
}

int plan_format(const Plan *p, char **ret) {
        static const char *const sections[_PLAN_SECTION_MAX] = {
                [PLAN_UNIT] = "Unit",
                [PLAN_SERVICE] = "Service",
                [PLAN_MOUNT] = "Mount",
                [PLAN_INSTALL] = "Install",
        };
        _cleanup_strbuf_ StrBuf b = {};
        char *text;

        strbuf_addf(&b, "# Written by Unitvirt from the %s's definition. Changes here are lost;\n"
                        "# \"systemctl edit\" keeps yours.\n", p->word);
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

#define FILE_MAX (1024U * 1024U)

char *plan_file(const Plan *p) {
        return p->kind ? text_format("%s.d/" DROPIN, p->unit) : strdup(p->unit);
}

/* The folder of the drop-in; *ret_new: it was not there. */
static int make_folder(const char *file, bool *ret_new) {
        _cleanup_free_ char *dir = strndup(file, (size_t) (strrchr(file, '/') - file));
        int r = 0;

        if (!dir)
                return -ENOMEM;
        *ret_new = true;
        if (mkdir(dir, 0755) < 0) {
                *ret_new = errno != EEXIST;
                if (errno == ENOENT)
                        r = mkdir_p(dir, 0755);
                else if (errno != EEXIST)
                        r = -errno;
                if (r < 0)
                        return r;
        }
        /* systemd and its clients look into it, whatever the umask of a daemon that writes here */
        return chmod(dir, 0755) < 0 ? -errno : 0;
}

/* *ret_old: what the file said before; NULL where there was none. 1 when it wrote. */
static int write_one(const Plan *p, const char *unit_dir, char **ret_old) {
        _cleanup_free_ char *file = plan_file(p), *path = NULL, *text = NULL;
        bool is_new = false;
        int r;

        if (!file)
                return -ENOMEM;
        path = text_format("%s/%s", unit_dir, file);
        if (!path)
                return -ENOMEM;
        r = plan_format(p, &text);
        if (r >= 0)
                r = make_folder(path, &is_new);
        if (r < 0)
                return r;
        if (!is_new && file_read(path, FILE_MAX, ret_old, NULL) >= 0 && streq(*ret_old, text))
                return 0;
        /* Unit folders below /run are gone after a crash anyway. */
        r = file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
        return r < 0 ? r : 1;
}

int plan_remove_dropin_of(const char *unit, const char *unit_dir) {
        _cleanup_free_ char *dir = text_format("%s/%s.d", unit_dir, unit), *path = NULL;

        if (!dir)
                return -ENOMEM;
        path = text_format("%s/" DROPIN, dir);
        if (!path)
                return -ENOMEM;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        if (rmdir(dir) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
                return -errno;
        return 0;
}

static bool is_planned(const Plan *p, const char *unit) {
        for (size_t i = 0; p && i < p->n_others; i++)
                if (streq(p->others[i]->unit, unit))
                        return true;
        return false;
}

/* "vm-swtpm@NAME.service" or "vm-swtpm@NAME-PART.service", len bytes; start: "vm-swtpm@NAME". Each entry of a folder
 * that may have thousands comes by here. */
static bool is_sidecar(const UnitKind *kind, const char *start, const char *unit, size_t len) {
        size_t n = strlen(start), suffix = strlen(kind->suffix);

        return len >= n + suffix && memcmp(unit, start, n) == 0 &&
               memcmp(unit + len - suffix, kind->suffix, suffix) == 0 && (unit[n] == '-' || len == n + suffix);
}

/* How the names of its sidecars begin, one for each kind of them. */
static int sidecar_starts(const UnitKind *kind, const char *name, char ***ret) {
        _cleanup_strv_ char **starts = NULL;

        for (const UnitKind *const *s = kind->sidecars; *s; s++) {
                _cleanup_free_ char *instance = NULL;
                int r = unit_instance(*s, name, &instance);

                if (r >= 0)
                        r = strv_consume(&starts, text_format("%s%s", (*s)->prefix, instance));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(starts);
        return 0;
}

static int remove_unplanned(const UnitKind *kind, char *const *starts, const char *unit, size_t len, const Plan *p,
                            const char *unit_dir) {
        for (size_t i = 0; kind->sidecars[i]; i++)
                if (is_sidecar(kind->sidecars[i], starts[i], unit, len)) {
                        _cleanup_free_ char *own = strndup(unit, len);

                        return !own ? -ENOMEM : is_planned(p, own) ? 0 : plan_remove_dropin_of(own, unit_dir);
                }
        return 0;
}

/* Sidecars of the thing that p (NULL: nothing) does not have any more, by what its file, "text", requires: the folder
 * may have those of thousands, and of this one some for devices that were plugged in, which are no plan's. Those that
 * are started for themselves are not required; there is one of a kind. */
static int remove_sidecars(const UnitKind *kind, const char *name, const char *text, const Plan *p,
                           const char *unit_dir) {
        _cleanup_strv_ char **starts = NULL;
        int r;

        if (!kind->sidecars)
                return 0;
        r = sidecar_starts(kind, name, &starts);
        for (const char *line = text; line && *line && r >= 0; line = strchrnul(line, '\n'), line += *line == '\n') {
                const char *unit = startswith(line, "Requires=");

                if (unit)
                        r = remove_unplanned(kind, starts, unit, strcspn(unit, "\n"), p, unit_dir);
        }
        for (size_t i = 0; r >= 0 && kind->sidecars[i]; i++) {
                const UnitKind *sidecar = kind->sidecars[i];
                _cleanup_free_ char *unit = sidecar->own_start ? text_format("%s%s", starts[i], sidecar->suffix) : NULL;

                if (sidecar->own_start)
                        r = unit ? remove_unplanned(kind, starts, unit, strlen(unit), p, unit_dir) : -ENOMEM;
        }
        return r;
}

/* All that there are. */
static int remove_all_sidecars(const UnitKind *kind, const char *name, const char *unit_dir) {
        _cleanup_strv_ char **starts = NULL;
        struct dirent *entry;
        DIR *d = opendir(unit_dir);
        int r;

        if (!d)
                return errno == ENOENT ? 0 : -errno;
        r = sidecar_starts(kind, name, &starts);
        while (r >= 0 && (entry = readdir(d))) {
                const char *end = endswith(entry->d_name, ".d");

                if (end)
                        r = remove_unplanned(kind, starts, entry->d_name, (size_t) (end - entry->d_name), NULL,
                                             unit_dir);
        }
        (void) closedir(d);
        return r;
}

int plan_write_dropin(const Plan *p, const char *unit_dir) {
        _cleanup_free_ char *old = NULL;
        bool wrote = false;
        int r;

        for (size_t i = 0; i < p->n_others; i++) {
                _cleanup_free_ char *ignored = NULL;

                r = write_one(p->others[i], unit_dir, &ignored);
                if (r < 0)
                        return r;
                wrote |= r > 0;
        }
        r = write_one(p, unit_dir, &old);
        if (r < 0)
                return r;
        wrote |= r > 0;
        /* What was not there before had nothing beside it. */
        r = old && wrote ? remove_sidecars(p->kind, p->name, old, p, unit_dir) : 0;
        return r < 0 ? r : wrote;
}

static int remove_one(const Plan *p, const char *unit_dir) {
        _cleanup_free_ char *path = NULL;

        if (p->kind)
                return plan_remove_dropin_of(p->unit, unit_dir);
        path = text_format("%s/%s", unit_dir, p->unit);
        if (!path)
                return -ENOMEM;
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int plan_remove(const Plan *p, const char *unit_dir) {
        int r;

        r = remove_one(p, unit_dir);
        for (size_t i = 0; i < p->n_others && r >= 0; i++)
                r = remove_one(p->others[i], unit_dir);
        return r;
}

int plan_remove_dropin_as(const UnitKind *kind, const char *name, const char *unit_dir) {
        _cleanup_free_ char *unit = NULL, *path = NULL, *text = NULL;
        int r;

        r = unit_name_for(kind, name, &unit);
        if (r < 0)
                return r;
        path = text_format("%s/%s.d/" DROPIN, unit_dir, unit);
        if (!path)
                return -ENOMEM;
        r = file_read(path, FILE_MAX, &text, NULL);
        if (r >= 0 || r == -ENOENT)
                r = remove_sidecars(kind, name, text, NULL, unit_dir);
        return r < 0 ? r : plan_remove_dropin_of(unit, unit_dir);
}

int plan_remove_dropin(const char *name, const char *unit_dir) {
        int r = remove_all_sidecars(&unit_guest, name, unit_dir);

        return r < 0 ? r : plan_remove_dropin_as(&unit_guest, name, unit_dir);
}
