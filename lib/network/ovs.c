/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/ovs.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"

#define PROGRAM "ovs-vsctl"
#define OUTPUT_MAX 65536U

/* --- arguments --- */

static int add_all(char ***list, ...) {
        const char *word;
        va_list ap;
        int r = 0;

        va_start(ap, list);
        while (r >= 0 && (word = va_arg(ap, const char *)))
                r = strv_add(list, word);
        va_end(ap);
        return r;
}

/* A value in quotes, as a string of JSON. */
static int add_id(char ***list, const char *link, const char *key, const char *value) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *quoted = NULL;
        int r;

        if (!value || !*value)
                return 0;
        for (const char *p = value; *p; p++) {
                if (*p == '"' || *p == '\\')
                        strbuf_addc(&b, '\\');
                strbuf_addc(&b, *p);
        }
        quoted = strbuf_take(&b);
        r = quoted ? add_all(list, "--", "set", "Interface", link, NULL) : -ENOMEM;
        return r < 0 ? r : strv_addf(list, "external-ids:%s=\"%s\"", key, quoted);
}

/* A name that begins with a dash would be an option. */
static int check(const OvsPort *p, Error *e) {
        const char *const texts[] = { p->mac, p->interface_id, p->guest, p->profile };

        if (*p->bridge == '-' || *p->link == '-')
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK,
                                 "Open vSwitch cannot be told of a link '%s'", *p->bridge == '-' ? p->bridge : p->link);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                for (const char *c = texts[i] ?: ""; *c; c++)
                        if ((unsigned char) *c < ' ')
                                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK,
                                                 "a parameter of <virtualport> has a control character in it");
        return 0;
}

int ovs_add_arguments(const OvsPort *p, char ***ret, Error *e) {
        _cleanup_strv_ char **list = NULL;
        int r;

        r = check(p, e);
        if (r >= 0)
                r = add_all(&list, PROGRAM, "--timeout=5", "--", "--if-exists", "del-port", p->link, "--", "add-port",
                            p->bridge, p->link, NULL);
        if (r >= 0 && p->vlan_mode)
                r = strv_addf(&list, "vlan_mode=%s", p->vlan_mode);
        if (r >= 0 && p->tag)
                r = strv_addf(&list, "tag=%s", p->tag);
        if (r >= 0 && p->trunks)
                r = strv_addf(&list, "trunks=%s", p->trunks);
        if (r >= 0)
                r = add_id(&list, p->link, "attached-mac", p->mac);
        if (r >= 0)
                r = add_id(&list, p->link, "iface-id", p->interface_id);
        if (r >= 0)
                r = add_id(&list, p->link, "vm-id", p->guest);
        if (r >= 0)
                r = add_id(&list, p->link, "port-profile", p->profile);
        if (r >= 0)
                r = add_all(&list, "--", "set", "Interface", p->link, "external-ids:iface-status=active", NULL);
        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

/* --- running it --- */

static int read_output(int fd, char **ret) {
        _cleanup_free_ char *text = malloc(OUTPUT_MAX);
        size_t len;
        int r;

        if (!text)
                return -ENOMEM;
        r = read_up_to(fd, text, OUTPUT_MAX - 1, &len);
        if (r < 0)
                return r;
        text[len] = 0;
        *ret = TAKE_PTR(text);
        return 0;
}

static int verdict(int status, char *output, Error *e) {
        char *line;

        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        for (size_t n = strlen(output); n > 0 && (output[n - 1] == '\n' || output[n - 1] == ' ');)
                output[--n] = 0;
        line = strrchr(output, '\n');
        return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_NETWORK, "Open vSwitch: %s",
                         line      ? line + 1
                         : *output ? output
                                   : PROGRAM " failed and said nothing");
}

/* *ret_output is what it wrote, the caller's; may be NULL. */
static int run(char **argv, char **ret_output, Error *e) {
        _cleanup_free_ char *output = NULL;
        posix_spawn_file_actions_t actions;
        int pipe_fds[2], status = 0, r;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
        (void) posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDERR_FILENO);
        r = -posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        close(pipe_fds[1]);
        if (r < 0) {
                close(pipe_fds[0]);
                return r == -ENOENT ? error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK,
                                                "the host has no " PROGRAM
                                                ", which <virtualport type='openvswitch'> needs (package "
                                                "openvswitch-switch)")
                                    : error_set_errno(e, r, ORIGIN_NETWORK, "cannot run " PROGRAM);
        }
        r = read_output(pipe_fds[0], &output);
        close(pipe_fds[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (r >= 0)
                r = verdict(status, output, e);
        if (r >= 0 && ret_output)
                *ret_output = TAKE_PTR(output);
        return r;
}

int ovs_add(const OvsPort *p, Error *e) {
        _cleanup_strv_ char **argv = NULL;
        int r = ovs_add_arguments(p, &argv, e);

        return r < 0 ? r : run(argv, NULL, e);
}

/* --- limits --- */

/* KiB a second, in bits. */
static unsigned long long bits(unsigned kib) {
        return (unsigned long long) kib * 8192;
}

/* The records of one table that are the link's: they have our mark, since nothing else leads from a port that has gone
 * to its limits. */
static int destroy_records(const char *link, const char *table, Error *e) {
        _cleanup_strv_ char **find = NULL, **destroy = NULL;
        _cleanup_free_ char *output = NULL;
        char *id, *rest;
        int r;

        r = add_all(&find, PROGRAM, "--timeout=5", "--bare", "--columns=_uuid", "find", table, NULL);
        if (r >= 0)
                r = strv_addf(&find, "external_ids:unitvirt-link=\"%s\"", link);
        if (r >= 0)
                r = run(find, &output, e);
        if (r >= 0)
                r = add_all(&destroy, PROGRAM, "--timeout=5", NULL);
        for (id = output ? strtok_r(output, " \n", &rest) : NULL; r >= 0 && id; id = strtok_r(NULL, " \n", &rest))
                r = add_all(&destroy, "--", "--if-exists", "destroy", table, id, NULL);
        return r < 0 || !destroy[2] ? r : run(destroy, NULL, e);
}

static int destroy_limits(const char *link, Error *e) {
        int r = destroy_records(link, "QoS", e);

        return r < 0 ? r : destroy_records(link, "Queue", e);
}

static int add_inbound(char ***list, const char *link, const OvsRate *rate) {
        unsigned long long average = bits(rate->average), peak = bits(MAX(rate->peak, rate->average));
        int r;

        r = add_all(list, "--", "set", "Port", link, "qos=@qos", "--", "--id=@qos", "create", "QoS", "type=linux-htb",
                    "queues:0=@queue", NULL);
        if (r >= 0)
                r = strv_addf(list, "other_config:max-rate=%llu", peak);
        if (r >= 0)
                r = strv_addf(list, "external_ids:unitvirt-link=\"%s\"", link);
        if (r >= 0)
                r = add_all(list, "--", "--id=@queue", "create", "Queue", NULL);
        if (r >= 0)
                r = strv_addf(list, "other_config:min-rate=%llu", average);
        if (r >= 0)
                r = strv_addf(list, "other_config:max-rate=%llu", peak);
        if (r >= 0 && rate->burst > 0)
                r = strv_addf(list, "other_config:burst=%llu", bits(rate->burst));
        return r < 0 ? r : strv_addf(list, "external_ids:unitvirt-link=\"%s\"", link);
}

/* Open vSwitch counts in kilobits of 1000. */
static int add_outbound(char ***list, const char *link, const OvsRate *rate) {
        int r = add_all(list, "--", "set", "Interface", link, NULL);

        if (r >= 0)
                r = strv_addf(list, "ingress_policing_rate=%llu", rate ? bits(rate->average) / 1000 : 0);
        return r < 0 ? r : strv_addf(list, "ingress_policing_burst=%llu", rate ? bits(rate->burst) / 1000 : 0);
}

int ovs_limit(const char *link, const OvsRate *inbound, const OvsRate *outbound, Error *e) {
        _cleanup_strv_ char **clear = NULL, **set = NULL;
        int r;

        r = add_all(&clear, PROGRAM, "--timeout=5", "--", "clear", "Port", link, "qos", NULL);
        if (r >= 0)
                r = run(clear, NULL, e);
        if (r >= 0)
                r = destroy_limits(link, e);
        if (r >= 0)
                r = add_all(&set, PROGRAM, "--timeout=5", NULL);
        if (r >= 0 && inbound)
                r = add_inbound(&set, link, inbound);
        if (r >= 0)
                r = add_outbound(&set, link, outbound);
        return r < 0 ? r : run(set, NULL, e);
}

int ovs_remove(const char *link) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = add_all(&argv, PROGRAM, "--timeout=5", "--", "--if-exists", "del-port", link, NULL);
        if (r >= 0)
                r = run(argv, NULL, NULL);
        return r < 0 ? r : destroy_limits(link, NULL);
}
