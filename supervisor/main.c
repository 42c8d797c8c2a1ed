/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirtd: every daemon, under the name of the unit that starts it. */

#include <getopt.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/strings.h"
#include "daemon.h"
#include "server.h"

static void help(const char *program) {
        printf("%s [OPTIONS...]\n\n"
               "The daemon behind libvirtd, virtqemud, virtproxyd and the others.\n\n"
               "  -n --name NAME        the daemon to be, e.g. virtqemud; default: the program's own name\n"
               "  -D --drivers LIST     the drivers to hold, e.g. \"qemu network\"; default: by the name\n"
               "  -f --config FILE      read this configuration; default: /etc/libvirt/NAME.conf\n"
               "  -t --timeout SECONDS  end after this time without a client; 0: never; default: 120\n"
               "  -l --listen FOLDER    make the sockets in this folder, rather than have them from systemd\n"
               "  -v --verbose          tell more in the log\n"
               "  -V --version          print the version\n"
               "  -h --help             print this\n",
               program);
}

typedef struct Options {
        const char *name;
        const char *drivers;
        const char *listen;
        const char *config;
        int timeout;
} Options;

/* 1: done, the program ends; 0: go on. */
static int parse_options(int argc, char **argv, Options *o) {
        static const struct option options[] = {
                { "name", required_argument, NULL, 'n' },    { "drivers", required_argument, NULL, 'D' },
                { "config", required_argument, NULL, 'f' },
                { "timeout", required_argument, NULL, 't' }, { "listen", required_argument, NULL, 'l' },
                { "verbose", no_argument, NULL, 'v' },       { "version", no_argument, NULL, 'V' },
                { "help", no_argument, NULL, 'h' },          {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "n:D:f:t:l:vVh", options, NULL)) >= 0)
                switch (c) {
                case 'n':
                        o->name = optarg;
                        break;
                case 'D':
                        o->drivers = optarg;
                        break;
                case 'f':
                        o->config = optarg;
                        break;
                case 't':
                        if (parse_int(optarg, &o->timeout) < 0 || o->timeout < 0) {
                                log_error("--timeout: '%s' is no number of seconds", optarg);
                                return -EINVAL;
                        }
                        break;
                case 'l':
                        o->listen = optarg;
                        break;
                case 'v':
                        log_set_max_level(LOG_DEBUG);
                        break;
                case 'V':
                        printf("unitvirt %s\n", UNITVIRT_VERSION);
                        return 1;
                case 'h':
                        help(program_invocation_short_name);
                        return 1;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                log_error("'%s' is too much", argv[optind]);
                return -EINVAL;
        }
        return 0;
}

/* 0, an exit status, or negative errno. */
static int run(const Options *o, const KnownDriver *known, size_t n_known) {
        _cleanup_(server_freep) Server *s = NULL;
        _cleanup_(daemon_config_freep) DaemonConfig *config = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        if (server_load_config(o->name, o->config, &config) < 0)
                return EX_CONFIG;
        r = server_new(o->name, o->drivers, known, n_known, &s, &e);
        if (r < 0)
                return log_error_errno(r, "%s", error_text(&e, r));
        server_configure(s, TAKE_PTR(config));
        s->timeout = o->timeout;
        r = o->listen ? server_listen_folder(s, o->listen) : server_listen_systemd(s);
        if (r < 0)
                return r;
        if (s->n_listeners == 0) {
                log_error("no socket to listen on: start %s.socket, or use --listen", o->name);
                return -ENOTSOCK;
        }
        return server_run(s);
}

int daemon_main(int argc, char **argv, const KnownDriver *known, size_t n_known) {
        Options o = { .name = program_invocation_short_name, .timeout = 120 };
        int r;

        log_open(o.name, LOG_TARGET_AUTO);
        r = parse_options(argc, argv, &o);
        if (r != 0)
                return r > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        log_open(o.name, LOG_TARGET_AUTO);
        r = run(&o, known, n_known);
        return r < 0 ? EXIT_FAILURE : r;
}
