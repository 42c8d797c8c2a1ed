/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/denied.h"

#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/strings.h"

static char *describe(const char *path, const struct stat *st) {
        const struct passwd *pw = getpwuid(st->st_uid);

        if (pw)
                return text_format("'%s' (owner %s, mode %04o)", path, pw->pw_name, st->st_mode & 07777);
        return text_format("'%s' (owner %u, mode %04o)", path, st->st_uid, st->st_mode & 07777);
}

/* As mountinfo has it. */
static char *escape_mount_point(const char *path) {
        StrBuf b = {};

        for (const char *p = path; *p; p++)
                if (strchr(" \t\n\\", *p))
                        strbuf_addf(&b, "\\%03o", (unsigned char) *p);
                else
                        strbuf_addc(&b, *p);
        return strbuf_take(&b);
}

/* A user's own FUSE mount lets nobody else even look at it; the kernel says whose it is. */
static char *describe_mount(const char *path) {
        _cleanup_free_ char *point = escape_mount_point(path), *line = NULL, *ret = NULL;
        FILE *f = fopen("/proc/self/mountinfo", "re");
        size_t size = 0;

        while (f && point && getline(&line, &size, f) > 0) {
                const char *rest = strstr(line, " - fuse"), *user = rest ? strstr(rest, "user_id=") : NULL;
                int at = 0, end = 0;
                unsigned uid;

                (void) sscanf(line, "%*s %*s %*s %*s %n%*s%n", &at, &end);
                if (!user || sscanf(user, "user_id=%u", &uid) != 1 || (size_t) (end - at) != strlen(point) ||
                    strncmp(line + at, point, strlen(point)) != 0)
                        continue;
                free(ret);
                ret = text_format("'%s' (a FUSE mount of user %u, without the option allow_other)", path, uid);
        }
        if (f)
                fclose(f);
        return TAKE_PTR(ret);
}

/* What refuses even stat(2) is such a mount, or refused by the folder above. */
char *path_refuses(const char *path) {
        _cleanup_free_ char *part = strdup(path);
        struct stat st, above = {};

        if (!part || *part != '/' || stat("/", &above) < 0)
                return NULL;
        for (char *p = part; p;) {
                char *slash = strchr(p + 1, '/'), *mount;
                bool ok;

                if (slash)
                        *slash = 0;
                if (stat(part, &st) < 0) {
                        if (errno != EACCES && errno != EPERM)
                                return NULL;
                        mount = describe_mount(part);
                        if (mount)
                                return mount;
                        *p = 0;
                        return p == part ? NULL : describe(part, &above);
                }
                ok = access(part, S_ISDIR(st.st_mode) ? X_OK : R_OK) >= 0;
                if (!ok || !slash)
                        return describe(part, &st);
                above = st;
                *slash = '/';
                p = slash;
        }
        return NULL;
}
