/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-firewall: started by vm-firewall.socket when somebody changed the host's rules while networks run. It puts back
 * what others have to let pass: the accept in Docker's chain, the bridges in firewalld's zone. Our own tables need no
 * such help.
 *
 * It stays as long as changes come, since those who load rules do so in many steps, and ends once it is quiet. */

#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/log.h"
#include "start.h"

#define EVENTS_FD 3
#define QUIET_MS 1500
#define GATHER_MS 100

/* docker NULL: there is none. */
static int look_after(const char *path, DockerChain *docker, StrBuf *bridges) {
        _cleanup_free_ char *text = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        const xmlNode *network;
        const char *bridge;
        size_t len;
        int r;

        r = file_read(path, XML_MAX_BYTES, &text, &len);
        if (r >= 0)
                r = xml_parse(text, len, path, NULL, &doc, &e);
        if (r >= 0 && !xml_is(xml_root(doc), "network"))
                return 0; /* what libvirt left, which nobody has taken over yet */
        if (r < 0)
                return r == -ENOENT ? 0 : log_warning_errno(r, "%s, ignoring", error_text(&e, r));
        network = xml_root(doc);
        bridge = network_bridge(network);
        if (!bridge || !forward_mode_has_own_bridge(network_forward_mode(network)))
                return 0;
        if (docker && network_forward_mode(network) != FORWARD_NONE)
                r = docker_chain_let_pass(docker, network, bridge);
        if (r > 0)
                strbuf_addf(bridges, "%s%s", bridges->len > 0 ? ", " : "", bridge);
        if (network_forward_mode(network) != FORWARD_OPEN || xml_get(network, "bridge/@zone"))
                (void) bus_add_to_zone(bridge, xml_get(network, "bridge/@zone") ?: "libvirt");
        return r;
}

static void commit(DockerChain *docker, const StrBuf *bridges) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r = docker_chain_commit(docker, &e);

        if (r < 0)
                log_warning("%s, ignoring", error_text(&e, r));
        else if (r > 0)
                log_info("let %s pass Docker's chain again", bridges->data ?: "");
}

static void look_after_all(void) {
        _cleanup_free_ char *folder = text_format("%s/network", path_run());
        _cleanup_docker_chain_ DockerChain *docker = NULL;
        _cleanup_strbuf_ StrBuf bridges = {};
        const struct dirent *de;
        DIR *d;

        (void) docker_chain_open(&docker);
        d = folder && (docker || bus_has_firewalld()) ? opendir(folder) : NULL;

        while (d && (de = readdir(d))) {
                _cleanup_free_ char *path = text_format("%s/%s", folder, de->d_name);

                if (path && endswith(de->d_name, ".xml"))
                        (void) look_after(path, docker, &bridges);
        }
        if (d)
                closedir(d);
        if (docker)
                commit(docker, &bridges);
}

/* Reads all events away; whether the buffer ran over does not matter, as none is looked at. */
static void drain(void) {
        static char buffer[65536];

        while (recv(EVENTS_FD, buffer, sizeof buffer, MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR)
                ;
}

int main(int argc, char **argv) {
        struct pollfd events = { .fd = EVENTS_FD, .events = POLLIN };

        log_open("vm-firewall", LOG_TARGET_AUTO);
        if (!streq_ptr(getenv("LISTEN_FDS"), "1")) {
                log_error("usage: vm-firewall (started by vm-firewall.socket)");
                return EXIT_FAILURE;
        }
        do {
                (void) poll(NULL, 0, GATHER_MS);
                drain();
                look_after_all();
        } while (poll(&events, 1, QUIET_MS) > 0);
        return EXIT_SUCCESS;
}
