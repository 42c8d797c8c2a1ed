/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A network that libvirt started and left running when Unitvirt took its place: its status file says so. The bridge
 * stays as it is, with the guests that are plugged in; libvirt's dnsmasq ends, and its rules go, before ours come. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "start.h"

#define STATUS_MAX XML_MAX_BYTES
#define END_TIMEOUT_MS 5000

/* Is this what libvirt wrote of this network, on the bridge that its definition says, and is that still the same? */
static bool is_libvirts(NetworkStart *s, const xmlNode *status) {
        const xmlNode *network = xml_is(status, "networkstatus") ? xml_child(status, "network") : NULL;
        const char *bridge = network ? network_bridge(network) : NULL, *mac = network ? xml_get(network, "mac/@address")
                                                                                      : NULL;
        uint8_t bytes[6];
        LinkFacts facts;

        if (!bridge || !streq_ptr(network_name(network), s->name) || !streq_ptr(network_bridge(s->network), bridge) ||
            !forward_mode_has_own_bridge(network_forward_mode(network)))
                return false;
        return link_read(s->links, bridge, &facts) >= 0 && streq(facts.kind, "bridge") && mac &&
               mac_parse(mac, bytes) >= 0 && memcmp(bytes, facts.mac, sizeof bytes) == 0;
}

/* --- dnsmasq --- */

static bool is_dnsmasq_of(pid_t pid, const char *name) {
        _cleanup_free_ char *path = text_format("/proc/%i/cmdline", pid), *conf = text_format("/%s.conf", name);
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        char text[4096];
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

        if (!conf || n <= 0)
                return false;
        for (ssize_t i = 0; i < n; i++)
                text[i] = text[i] ? text[i] : ' ';
        text[n] = 0;
        return strstr(text, "dnsmasq") && strstr(text, conf);
}

static int end_process(pid_t pid, const char *name) {
        _cleanup_close_ int fd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = { .fd = fd, .events = POLLIN };

        if (fd < 0)
                return errno == ESRCH ? 0 : -errno;
        /* looked at again now that the number cannot become another's */
        if (!is_dnsmasq_of(pid, name))
                return 0;
        if (syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
                return -errno;
        return poll(&p, 1, END_TIMEOUT_MS) == 1 ? 0 : -ETIMEDOUT;
}

static int end_dnsmasq(NetworkStart *s) {
        _cleanup_free_ char *path = text_format("%s/network/%s.pid", path_run(), s->name), *text = NULL;
        unsigned pid;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(path, 64, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        text[strcspn(text, "\n")] = 0;
        r = parse_uint(text, &pid) >= 0 && pid > 1 ? end_process((pid_t) pid, s->name) : 0;
        if (r >= 0)
                (void) unlink(path);
        return r;
}

/* --- rules --- */

/* They name the bridge, or, for what is masqueraded, the network. */
static int remove_rules(NetworkStart *s, const char *bridge) {
        _cleanup_strv_ char **marks = NULL;
        int r;

        r = strv_addf(&marks, "\"%s\"", bridge);
        XML_FOREACH(node, s->network, "ip") {
                char text[IP_TEXT_MAX];
                IpAddress first;
                NetworkIp ip;

                if (r < 0 || network_ip_read(node, &ip, NULL) < 0)
                        continue;
                first = ip_network(&ip.address, ip.prefix);
                r = strv_addf(&marks, " %s/%u ", ip_format(&first, text), ip.prefix);
        }
        return r < 0 ? r : rules_remove_libvirts((const char *const *) marks);
}

int adopt(NetworkStart *s) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_LIVE, s->name), *text = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        size_t len;
        int r;

        if (!path)
                return -ENOMEM;
        if (file_read(path, STATUS_MAX, &text, &len) < 0 || xml_parse(text, len, path, NULL, &doc, NULL) < 0 ||
            !is_libvirts(s, xml_root(doc)))
                return 0;
        s->adopted = true;
        log_info("taking over the network '%s', which libvirt left running", s->name);
        r = end_dnsmasq(s);
        if (r < 0)
                return error_set_errno(&s->error, r, ORIGIN_NETWORK,
                                       "libvirt's dnsmasq of the network '%s' does not end", s->name);
        r = remove_rules(s, network_bridge(s->network));
        if (r < 0)
                log_warning_errno(r, "cannot remove libvirt's rules for the network '%s', ignoring: %s", s->name,
                                  strerror(-r));
        return 0;
}
