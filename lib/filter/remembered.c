/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whoever changes something holds the lock from before he reads filters until all is written: so nobody's rules are
 * made of a definition that another one has just replaced, and the end of one guest takes nothing from the next one
 * that has got a tap of the same name. */

#include "remembered.h"

#include <dirent.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/strings.h"
#include "filter/change.h"

#define RULES_MAX (16U << 20)
#define RULES ".rules"

/* --- files --- */

char *filter_rules_path(const char *dev) {
        return text_format("%s/nwfilter/%s" RULES, path_run(), dev);
}

char *filter_binding_path(const char *dev) {
        return text_format("%s/nwfilter-binding/%s.xml", path_run(), dev);
}

char *filter_closed_path(const char *dev) {
        return text_format("%s/nwfilter/%s.closed", path_run(), dev);
}

char *filter_job_path(const char *id, const char *suffix) {
        return text_format("%s/" FILTER_JOBS "/%s.%s", path_run(), id, suffix);
}

int filter_lock(Error *e) {
        _cleanup_free_ char *folder = text_format("%s/nwfilter", path_run()), *path = NULL;
        int r;

        path = folder ? text_format("%s/lock", folder) : NULL;
        r = path ? mkdir_p(folder, 0700) : -ENOMEM;
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NWFILTER, "cannot make %s", folder ?: "");
        r = file_open_locked(path);
        return r < 0 ? error_set_errno(e, r, ORIGIN_NWFILTER, "cannot lock %s", path) : r;
}

int filter_rules_read(const char *dev, char **ret) {
        _cleanup_free_ char *path = filter_rules_path(dev);
        int r = path ? file_read(path, RULES_MAX, ret, NULL) : -ENOMEM;

        return r == -ENOENT ? 0 : r;
}

int filter_file_write(char *path, const char *text, Error *e) {
        int r = path ? file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC) : -ENOMEM;

        if (r < 0)
                error_set_errno(e, r, ORIGIN_NWFILTER, "cannot write %s", path ?: "");
        free(path);
        return r;
}

void filter_file_remove(char *path) {
        if (path)
                (void) unlink(path);
        free(path);
}

int filter_ports_list(char ***ret) {
        _cleanup_free_ char *folder = text_format("%s/nwfilter", path_run());
        DIR *d = folder ? opendir(folder) : NULL;
        const struct dirent *de;
        int r = folder ? 0 : -ENOMEM;

        while (d && r >= 0 && (de = readdir(d))) {
                const char *end = endswith(de->d_name, RULES);

                if (end && end > de->d_name)
                        r = strv_consume(ret, strndup(de->d_name, (size_t) (end - de->d_name)));
        }
        if (d)
                closedir(d);
        return r;
}

/* --- the kernel --- */

int filter_rules_run(const char *change, bool check, Error *e) {
        _cleanup_free_ char *all = text_format("%s%s", filter_ruleset_base(), change);
        _cleanup_nft_ Nft *nft = NULL;
        int r;

        r = all ? nft_open(&nft, e) : -ENOMEM;
        return r < 0 ? r : nft_run(nft, all, check, e);
}

bool filter_port_is_bound(const char *dev) {
        _cleanup_free_ char *path = filter_rules_path(dev);

        return path && access(path, F_OK) >= 0;
}

/* With the last tap the table goes. */
static int take_away(const char *dev, const char *rules, Error *e) {
        _cleanup_free_ char *change = NULL;
        _cleanup_strv_ char **ports = NULL;
        int r;

        r = filter_ports_list(&ports);
        if (r < 0)
                return r;
        if (strv_length(ports) > 1)
                r = filter_ruleset_change(rules, NULL, &change);
        else
                change = strdup("delete table bridge " FILTER_TABLE "\n");
        if (r < 0 || !change)
                return r < 0 ? r : -ENOMEM;
        return filter_rules_run(change, false, e);
}

/* The first line is a comment: "# UUID". */
static bool is_owner(const char *rules, const char *owner) {
        size_t n = owner ? strlen(owner) : 0;

        return !owner || (startswith(rules, "# ") && strncmp(rules + 2, owner, n) == 0 && rules[2 + n] == '\n');
}

int filter_port_unbind(const char *dev, const char *owner, Error *e) {
        _cleanup_close_ int held = filter_lock(e);
        _cleanup_free_ char *rules = NULL;
        int r;

        if (held < 0)
                return held;
        r = filter_rules_read(dev, &rules);
        if (r < 0 || !rules || !is_owner(rules, owner))
                return r;
        r = take_away(dev, rules, e);
        if (r < 0)
                return r;
        filter_file_remove(filter_rules_path(dev));
        filter_file_remove(filter_binding_path(dev));
        filter_file_remove(filter_closed_path(dev));
        return 0;
}
