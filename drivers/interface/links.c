/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The index follows the kernel's links, and the definitions. A socket that is told of each change is looked at before a
 * call is answered: if
 * it has something to say, all links are read again, so a client never sees less than what was there when it asked. */

#include <dirent.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "interface.h"

/* Guests' taps are theirs, and there may be thousands. */
static bool is_ours(const HostLink *l) {
        return !streq(l->facts.kind, "tun") && !streq(l->facts.kind, "macvtap");
}

/* Reads what the kernel said; what it had no room for (ENOBUFS) is a change too. Who is not told looks each time. */
static bool has_changed(int fd) {
        bool changed = false;
        char buffer[32768];
        ssize_t n;

        if (fd < 0)
                return true;

        while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0 || (n < 0 && (errno == ENOBUFS || errno == EINTR)))
                changed = true;
        return changed;
}

static const HostLink *find_link(const HostLink *links, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (is_ours(&links[i]) && streq(links[i].name, name))
                        return &links[i];
        return NULL;
}

/* Those that are gone, or called otherwise, and are not defined. */
static int remove_gone(ObjectIndex *index, const HostLink *links, size_t n, char *const *defined) {
        Object **list;
        size_t n_list;
        int r;

        r = object_snapshot(index, NULL, &list, &n_list);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_list; i++)
                if (!find_link(links, n, list[i]->name) && !strv_contains(defined, list[i]->name))
                        object_index_remove(list[i]);
        object_release(list, n_list);
        return 0;
}

/* l: NULL where there is no such link. */
static int update(ObjectIndex *index, const char *name, const HostLink *l, bool defined) {
        Object *known = object_by_name(index, NULL, name);
        _cleanup_object_ Object *o = known ? object_ref(known) : NULL;
        Interface *i;
        int r;

        if (!o) {
                r = object_new(index, NULL, name, NULL, &o);
                if (r >= 0)
                        r = object_index_add(o);
                if (r < 0)
                        return r;
        }
        i = container_of(o, Interface, object);
        i->link = l ? *l : (HostLink){};
        i->is_there = l;
        i->defined = defined;
        return 0;
}

/* The names of those that are defined. */
static int read_defined(char ***ret) {
        _cleanup_free_ char *folder = text_format("%s/interface", path_etc());
        DIR *dir = folder ? opendir(folder) : NULL;
        int r = 0;

        for (const struct dirent *de = dir ? readdir(dir) : NULL; de && r >= 0; de = readdir(dir)) {
                const char *end = endswith(de->d_name, ".xml");

                if (end && end != de->d_name && *de->d_name != '.')
                        r = strv_addf(ret, "%.*s", (int) (end - de->d_name), de->d_name);
        }
        if (dir)
                closedir(dir);
        return r;
}

static int read_all(InterfaceDriver *d) {
        _cleanup_free_ HostLink *links = NULL;
        _cleanup_strv_ char **defined = NULL;
        size_t n = 0;
        int r;

        r = read_defined(&defined);
        if (r >= 0)
                r = links_list(d->netlink, &links, &n);
        if (r >= 0)
                r = remove_gone(&d->interfaces, links, n, defined);
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (is_ours(&links[i]))
                        r = update(&d->interfaces, links[i].name, &links[i], strv_contains(defined, links[i].name));
        for (char **name = defined; r >= 0 && name && *name; name++)
                if (!find_link(links, n, *name))
                        r = update(&d->interfaces, *name, NULL, true);
        return r;
}

/* Whoever writes a definition, also by hand, changes the folder. */
static bool has_changed_definitions(InterfaceDriver *d) {
        _cleanup_free_ char *folder = text_format("%s/interface", path_etc());
        struct timespec before = d->defined;
        struct stat st;

        d->defined = folder && stat(folder, &st) >= 0 ? st.st_mtim : (struct timespec){};
        return d->defined.tv_sec != before.tv_sec || d->defined.tv_nsec != before.tv_nsec;
}

void links_follow(InterfaceDriver *d) {
        bool definitions = has_changed_definitions(d);
        int r;

        if (!has_changed(d->changes_fd) && !definitions)
                return;
        r = read_all(d);
        if (r < 0)
                log_warning_errno(r, "cannot read the host's links, ignoring: %s", strerror(-r));
}

/* A process with a network of its own is given a socket into the host's; it cannot have a second one for the
 * changes. */
int links_open(InterfaceDriver *d) {
        int links_fd = d->interfaces.host->links_fd, r;

        if (links_fd > 0)
                r = netlink_open_socket(links_fd, &d->netlink);
        else {
                d->changes_fd = link_changes_open();
                r = d->changes_fd < 0 ? d->changes_fd : netlink_open(&d->netlink);
        }
        return r < 0 ? r : read_all(d);
}

void links_close(InterfaceDriver *d) {
        netlink_close(d->netlink);
        closep(&d->changes_fd);
}
