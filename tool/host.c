/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt verify --all: what a host that comes from libvirt has besides guests' definitions, and Unitvirt does not
 * use yet. Each kind is a row: where libvirt keeps it, and why nothing comes of it here. A driver that is written takes
 * its row out. Nothing of this is touched; whoever goes back to libvirt finds it as it was. */

#include <glob.h>
#include <signal.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "model/xml.h"
#include "tool.h"

typedef struct Kind {
        const char *(*base)(void);
        const char *pattern;
        const char *element; /* the document's root; NULL: no XML */
        const char *what;
        const char *reason;
} Kind;

/* Sources: libvirt's documentation of its configuration formats, and the files of a Debian 12 and 13 host. */
static const Kind kinds[] = {
        { path_etc, "libxl/*.xml", "domain", "Xen guest", "Xen guests are not supported yet" },
        { path_etc, "lxc/*.xml", "domain", "container", "LXC containers are not supported" },
        { path_lib, "qemu/snapshot/*/*.xml", "domainsnapshot", "snapshot", "snapshots are not supported yet" },
        { path_lib, "qemu/checkpoint/*/*.xml", "domaincheckpoint", "checkpoint", "checkpoints are not supported yet" },
        { path_lib, "qemu/save/*.save", NULL, "saved state",
          "saved states of libvirt cannot be restored: start the guest under libvirt and shut it down before" },
        { path_etc, "hooks/*", NULL, "hook script", "hooks are not run: a drop-in of the unit can do that" },
};

/* What is not there is no error, what may not be read is. */
static int is_unreadable(const char *path, int error) {
        if (error == ENOENT || error == ENOTDIR)
                return 0;
        log_error_errno(-error, "cannot read %s: %s", path, strerror(error));
        return 1;
}

int tool_visit_files(const char *base, const char *pattern, ToolVisitor visit, const void *data) {
        _cleanup_free_ char *full = NULL;
        glob_t found = {};
        int r, bad = 0;

        full = text_format("%s/%s", base, pattern);
        if (!full)
                return log_oom();
        r = glob(full, 0, is_unreadable, &found);
        if (r != 0 && r != GLOB_NOMATCH)
                bad = -EACCES;
        for (size_t i = 0; r == 0 && i < found.gl_pathc && bad >= 0; i++) {
                int b = visit(found.gl_pathv[i], data);

                bad = b < 0 ? b : bad || b;
        }
        globfree(&found);
        return bad;
}

static int read_document(const char *path, const char *element, xmlDocPtr *ret) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r;

        r = file_read(path, XML_MAX_BYTES, &text, &len);
        if (r >= 0)
                r = xml_parse(text, len, path, element, ret, &e);
        if (r < 0)
                tool_print_problem(path, "", e.detail ?: error_text(&e, r));
        return r;
}

static int show_unused(const char *path, const void *data) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        const Kind *k = data;
        const xmlNode *name;

        if (!k->element) {
                printf("%s: %s: %s\n", path, k->what, k->reason);
                return 1;
        }
        if (read_document(path, k->element, &doc) < 0)
                return 1;
        name = xml_child(xml_root(doc), "name") ?: xml_child(xml_root(doc), "uuid");
        if (!name)
                name = xml_root(doc);
        printf("%s:%u: %s '%s': %s\n", path, xml_line(name), k->what,
               xml_attr(xml_root(doc), "name") ?: xml_text(name), k->reason);
        return 1;
}

static int show_dangling(const char *path, const void *data) {
        if (access(path, F_OK) >= 0)
                return 0;
        printf("%s: starts nothing at boot: the definition that it links to is gone\n", path);
        return 1;
}

/* The live state that libvirt's QEMU driver keeps, <domstatus>; ours is a <domain>. */
static int show_running(const char *path, const void *data) {
        _cleanup_free_ char *text = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        size_t len;
        unsigned pid;

        if (file_read(path, XML_MAX_BYTES, &text, &len) < 0 || !strstr(text, "<domstatus"))
                return 0;
        if (read_document(path, "domstatus", &doc) < 0)
                return 1;
        if (xml_attr_uint(xml_root(doc), "pid", &pid) < 0 || pid < 1 ||
            (kill((pid_t) pid, 0) < 0 && errno == ESRCH))
                return 0;
        printf("%s: the guest runs under libvirt, as process %u: shut it down before the packages are exchanged\n",
               path, pid);
        return 1;
}

int verify_rest_of_host(void) {
        int r, bad = 0;

        for (size_t i = 0; i < ELEMENTSOF(kinds) && bad >= 0; i++) {
                r = tool_visit_files(kinds[i].base(), kinds[i].pattern, show_unused, &kinds[i]);
                bad = r < 0 ? r : bad || r;
        }
        if (bad >= 0) {
                r = tool_visit_files(path_etc(), "qemu/autostart/*.xml", show_dangling, NULL);
                bad = r < 0 ? r : bad || r;
        }
        if (bad >= 0) {
                r = tool_visit_files(path_run(), "qemu/*.xml", show_running, NULL);
                bad = r < 0 ? r : bad || r;
        }
        return bad;
}
