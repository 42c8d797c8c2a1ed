/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rules that somebody took out of the kernel are put back. A tap whose rules cannot be is switched off, so that its
 * guest has no traffic rather than traffic that nobody filters, and on again once they are there. */

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/strings.h"
#include "filter/change.h"
#include "remembered.h"

/* --- taps without traffic --- */

static int switch_link(const char *dev, bool on) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = {};

        if (fd < 0 || strlen(dev) >= sizeof request.ifr_name)
                return fd < 0 ? -errno : -EINVAL;
        memcpy(request.ifr_name, dev, strlen(dev));
        if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
                return -errno;
        request.ifr_flags = (short) (on ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
        return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static bool is_closed(const char *dev) {
        _cleanup_free_ char *path = filter_closed_path(dev);

        return path && access(path, F_OK) >= 0;
}

/* Closed first, remembered then: the other way a kill would leave it open. A tap that has gone is closed. */
static void close_port(const char *dev, const char *why, FilterSay say) {
        int r = switch_link(dev, false);
        _cleanup_free_ char *text =
                r >= 0 ? text_format("%s is switched off, since its rules cannot be put back: %s", dev, why)
                       : text_format("%s has no rules and cannot be switched off: %s", dev, strerror(-r));

        if (r == -ENODEV || is_closed(dev))
                return;
        if (r >= 0)
                (void) filter_file_write(filter_closed_path(dev), "", NULL);
        say(text ?: dev);
}

static void open_port(const char *dev, FilterSay say) {
        _cleanup_free_ char *text = text_format("%s has its rules again, and is switched on", dev);

        if (!is_closed(dev))
                return;
        if (switch_link(dev, true) >= 0)
                say(text ?: dev);
        filter_file_remove(filter_closed_path(dev));
}

/* --- rules --- */

/* Names of chains alone are listed: little, however many rules there are. */
static int is_complete(Nft *nft, char *const *ports) {
        static const char begin[] = "\nadd chain bridge " FILTER_TABLE " ";
        _cleanup_free_ char *chains = NULL;
        int r = nft_list(nft, "chains bridge", &chains);

        for (size_t i = 0; r >= 0 && ports[i]; i++) {
                _cleanup_free_ char *rules = NULL, *wanted = NULL;
                const char *chain;

                r = filter_rules_read(ports[i], &rules);
                chain = rules ? strstr(rules, begin) : NULL;
                if (r < 0 || !chain)
                        continue;
                chain += strlen(begin);
                wanted = text_format("chain %.*s {", (int) strcspn(chain, "\n"), chain);
                if (!wanted || !strstr(chains, wanted))
                        return wanted ? 0 : -ENOMEM;
        }
        return r < 0 ? r : 1;
}

/* What is remembered of one, as commands behind the base. */
static int change_of(const char *dev, char **ret, Error *e) {
        _cleanup_free_ char *rules = NULL;
        int r = filter_rules_read(dev, &rules);

        if (r >= 0)
                r = rules ? filter_ruleset_change(rules, rules, ret) : 0;
        return r < 0 ? error_set_errno(e, r, ORIGIN_NWFILTER, "cannot read the rules of %s", dev) : 0;
}

/* One after the other: a tap's own rules are the reason why all together failed. */
static int restore_each(Nft *nft, char *const *ports, FilterSay say, Error *e) {
        int failed = 0;

        for (size_t i = 0; ports[i]; i++) {
                _cleanup_error_ Error why = ERROR_INIT;
                _cleanup_free_ char *change = NULL, *all = NULL;
                int r = change_of(ports[i], &change, &why);

                all = r < 0 ? NULL : text_format("%s%s", filter_ruleset_base(), change ?: "");
                if (r >= 0)
                        r = all ? nft_run(nft, all, false, &why) : -ENOMEM;
                if (r >= 0) {
                        open_port(ports[i], say);
                        continue;
                }
                close_port(ports[i], error_text(&why, r), say);
                if (!failed)
                        error_move(e, &why);
                failed = r;
        }
        return failed;
}

static int restore_all(Nft *nft, char *const *ports, FilterSay say) {
        _cleanup_error_ Error ignored = ERROR_INIT;
        _cleanup_strbuf_ StrBuf all = {};
        int r = 0;

        strbuf_add(&all, filter_ruleset_base());
        for (size_t i = 0; ports[i] && r >= 0; i++) {
                _cleanup_free_ char *change = NULL;

                r = change_of(ports[i], &change, &ignored);
                strbuf_add(&all, change ?: "");
        }
        if (r >= 0)
                r = all.failed ? -ENOMEM : nft_run(nft, all.data, false, &ignored);
        for (size_t i = 0; ports[i] && r >= 0; i++)
                open_port(ports[i], say);
        return r;
}

static int restore(char *const *ports, FilterSay say, Error *e) {
        _cleanup_nft_ Nft *nft = NULL;
        int r = nft_open(&nft, e);

        if (r >= 0)
                r = is_complete(nft, ports);
        if (r < 0) {
                for (size_t i = 0; ports[i]; i++)
                        close_port(ports[i], e ? error_text(e, r) : strerror(-r), say);
                return r;
        }
        if (r > 0) {
                for (size_t i = 0; ports[i]; i++)
                        open_port(ports[i], say);
                return 0;
        }
        r = restore_all(nft, ports, say) < 0 ? restore_each(nft, ports, say, e) : 0;
        return r < 0 ? r : 1;
}

int filter_ports_restore(FilterSay say, Error *e) {
        _cleanup_close_ int held = filter_lock(e);
        _cleanup_strv_ char **ports = NULL;
        int r = held < 0 ? held : filter_ports_list(&ports);

        return r < 0 || !ports ? r : restore(ports, say, e);
}
