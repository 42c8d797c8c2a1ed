/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include "base/strings.h"
#include "program.h"
#include "qemu/machines.h"

#define MAX_LIST (64U * 1024)
#define MAX_NAME 64U
#define CACHE "boards"

static const struct {
        const char *prefix;
        bool versions;
} families[] = { { "pc-i440fx-", true }, { "pc-q35-", true }, { "microvm", false }, { "isapc", false } };

/* What follows the family: its version, or a distribution's word for one; nothing where there are none. */
static const char *version_of(const char *name, size_t *ret_family) {
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                const char *version = startswith(name, families[i].prefix);

                if (version && (*version != 0) == families[i].versions) {
                        *ret_family = i;
                        return version;
                }
        }
        return NULL;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* By family, numbers before words, and the newest first: 10.0 before 9.2, 4.0.1 before 4.0. */
static int compare(const void *a, const void *b) {
        size_t family_a = 0, family_b = 0;
        const char *x = version_of(*(char *const *) a, &family_a), *y = version_of(*(char *const *) b, &family_b);

        if (family_a != family_b)
                return family_a < family_b ? -1 : 1;
        if (is_digit(*x) != is_digit(*y))
                return is_digit(*x) ? -1 : 1;
        return strverscmp(y, x);
}

static int sort(char ***list) {
        if (!*list)
                return -ENOENT;
        qsort(*list, strv_length(*list), sizeof(**list), compare);
        return 0;
}

static int add_once(char ***list, const char *name) {
        size_t family;

        return version_of(name, &family) && !strv_contains(*list, name) ? strv_add(list, name) : 0;
}

/* The name of the type that ends at "-machine", if one of ours does. Texts stand between zeros. */
static int add_type(const char *text, const char *suffix, char ***list) {
        const char *begin = suffix;
        char name[MAX_NAME] = "";

        while (begin > text && begin[-1] && suffix - begin < (ptrdiff_t) sizeof(name) - 1)
                begin--;
        memcpy(name, begin, (size_t) (suffix - begin));
        return add_once(list, name);
}

static int read_program(const char *emulator, char ***ret) {
        static const char suffix[] = "-machine";
        _cleanup_program_ ProgramFile f = {};
        _cleanup_strv_ char **list = NULL;
        size_t at = SIZE_MAX, len;
        const char *text;
        int r;

        r = program_open(emulator, &f);
        while (r >= 0 && program_constants(&f, &at, &text, &len))
                for (const char *p = text, *end = text + len;
                     r >= 0 && (p = memmem(p, (size_t) (end - p), suffix, sizeof(suffix))); p += sizeof(suffix))
                        r = add_type(text, p, &list);
        if (r >= 0)
                r = sort(&list);
        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

/* Words at the beginnings of lines, or of what is remembered: one a line. */
int qemu_machines_parse(const char *output, char ***ret) {
        _cleanup_strv_ char **list = NULL;
        int r = 0;

        for (const char *p = output; r >= 0 && *p; p += strcspn(p, "\n"), p += *p == '\n') {
                char name[MAX_NAME] = "";

                memcpy(name, p, MIN(strcspn(p, " \n"), sizeof(name) - 1));
                r = add_once(&list, name);
        }
        if (r >= 0)
                r = sort(&list);
        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

static int ask_program(const char *emulator, char ***ret) {
        _cleanup_free_ char *output = malloc(MAX_LIST);
        int r;

        if (!output)
                return -ENOMEM;
        r = program_output(emulator, "-machine", "help", output, MAX_LIST);
        return r < 0 ? r : qemu_machines_parse(output, ret);
}

static void remember(const char *emulator, char *const *list) {
        _cleanup_strbuf_ StrBuf b = {};

        for (char *const *m = list; *m; m++)
                strbuf_addf(&b, "%s%s", m == list ? "" : "\n", *m);
        if (!b.failed)
                (void) program_remember(CACHE, emulator, b.data);
}

int qemu_machines_get(const char *emulator, bool may_run, char ***ret) {
        _cleanup_free_ char *known = NULL;
        int r;

        if (program_recall(CACHE, emulator, MAX_LIST, &known) >= 0 && qemu_machines_parse(known, ret) >= 0)
                return 0;
        r = read_program(emulator, ret);
        if (r < 0 && r != -ENOMEM && may_run)
                r = ask_program(emulator, ret);
        if (r >= 0)
                remember(emulator, *ret);
        return r;
}

/* Is it a line of what is remembered? */
static bool is_remembered(const char *emulator, const char *machine) {
        _cleanup_free_ char *known = NULL;
        size_t n = strlen(machine);

        if (n == 0 || strchr(machine, '\n') || program_recall(CACHE, emulator, MAX_LIST, &known) < 0)
                return false;
        for (const char *p = known; (p = strstr(p, machine)); p += n)
                if ((p == known || p[-1] == '\n') && (!p[n] || p[n] == '\n'))
                        return true;
        return false;
}

/* Not even where the list cannot be had is a machine refused. Each definition that is read asks: the list that is
 * remembered is not taken apart for that. */
static bool has_machine(const char *emulator, bool may_run, const char *machine) {
        _cleanup_strv_ char **list = NULL;

        return is_remembered(emulator, machine) || qemu_machines_get(emulator, may_run, &list) < 0 ||
               strv_contains(list, machine);
}

/* --- what a definition asks for --- */

_printf_(6, 7) static int refuse(const Definition *d, const xmlNode *at, int r, ErrorCode code, Error *e,
                                 const char *format, ...) {
        _cleanup_free_ char *words = TEXT_OF_ARGUMENTS(format), *path = at ? xml_path_of(at) : NULL;
        const char *origin = definition_origin(d);

        if (!words)
                return -ENOMEM;
        error_set(e, r, code, ORIGIN_QEMU, "%s%s%u: %s%s%s", origin ?: "line ", origin ? ":" : "", xml_line_near(at),
                  path ?: "", path ? ": " : "", words);
        if (code == ERROR_SYSTEM_ERROR)
                e->system = -r;
        return r;
}

/* The board of the same kind that is written for "whatever is newest". */
static const char *alias_of(const char *machine) {
        return startswith(machine, "pc-q35") ? "q35" : "pc";
}

static int check_machine(const Definition *d, const char *emulator, bool may_run, Error *e) {
        const xmlNode *type = xml_find(definition_root(d), "os/type");
        const char *machine = xml_attr(type, "machine");

        if (!machine || streq(machine, "pc") || streq(machine, "q35") || has_machine(emulator, may_run, machine))
                return 0;
        return refuse(d, type, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, e,
                      "Emulator '%s' does not support machine type '%s': write '%s' for the newest that it has",
                      emulator, machine, alias_of(machine));
}

int qemu_emulator_check(const Definition *d, bool may_run, Error *e) {
        const xmlNode *n = xml_find(definition_root(d), "devices/emulator");
        const QemuCaps *caps = qemu_caps_for(NULL, xml_get(definition_root(d), "os/type/@arch"));
        const char *emulator = n && *xml_text(n) ? xml_text(n) : NULL;

        /* Where none is named and none installed there is nobody to ask. */
        if (!emulator)
                return caps ? check_machine(d, qemu_caps_emulator(caps), may_run, e) : 0;
        if (access(emulator, X_OK) < 0)
                return refuse(d, n, -errno, ERROR_SYSTEM_ERROR, e,
                              "Cannot check QEMU binary '%s': %s; without the line the host's own is taken", emulator,
                              strerror(errno));
        return check_machine(d, emulator, may_run, e);
}
