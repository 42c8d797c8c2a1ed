/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is compiled here is what nft(8) makes of the same text, which it is asked for in a network namespace of the
 * test's own; skipped where none can be made, or there is no nft. */

#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "network/link.h"
#include "network/ruleset.h"

static const char *folder;

static char *output_of(const char *command) {
        FILE *f = popen(command, "r");
        _cleanup_strbuf_ StrBuf b = {};
        char line[512];

        assert_non_null(f);
        strbuf_add(&b, "");
        while (fgets(line, sizeof line, f))
                strbuf_add(&b, line);
        assert_int_equal(pclose(f), 0);
        return strbuf_take(&b);
}

/* Whose a table is, is not compared: nft(8) ends, and its tables with it. */
static char *listing(void) {
        return output_of("nft -s list ruleset | sed -e '/flags owner/d' -e '/^$/d' -e 's/ # progname.*//'");
}

static void make_links(Netlink *n, const char *text) {
        for (const char *p = text; (p = strstr(p, "if \""));) {
                _cleanup_free_ char *name = strndup(p + 4, strcspn(p + 4, "\""));
                BridgeSettings s = { .name = name, .mac = { 0x52, 0x54, 0, 1, 2, 3 } };
                int r = bridge_create(n, &s);

                assert_true(r == 0 || r == -EEXIST);
                p += 4;
        }
}

static void compare(Netlink *n, const char *path, const char *text) {
        _cleanup_free_ char *ours = NULL, *theirs = NULL, *empty = NULL,
                            *load = text_format("sed '/flags owner/d' '%s' | nft -f -", path), *done = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int fd, r;

        make_links(n, text);
        r = ruleset_load(text, &fd, &e);
        if (r < 0)
                fail_msg("%s: %s", path, error_text(&e, r));
        ours = listing();
        close(fd);
        empty = listing();
        assert_string_equal(empty, ""); /* the tables were the socket's */
        done = output_of(load);
        theirs = listing();
        assert_string_equal(ours, theirs);
        free(output_of("nft flush ruleset"));
}

static void what_is_made_is_what_nft_makes(void **state) {
        DIR *d = opendir(folder);
        const struct dirent *de;
        Netlink *n = NULL;
        unsigned cases = 0;

        assert_non_null(d);
        if (unshare(CLONE_NEWNET) < 0 || netlink_open(&n) < 0 || system("nft list ruleset >/dev/null 2>&1") != 0) {
                closedir(d);
                netlink_close(n);
                skip();
        }
        while ((de = readdir(d))) {
                _cleanup_free_ char *path = text_format("%s/%s/nftables", folder, de->d_name), *text = NULL;

                if (file_read(path, 1U << 20, &text, NULL) < 0)
                        continue;
                compare(n, path, text);
                cases++;
        }
        closedir(d);
        netlink_close(n);
        assert_true(cases >= 8);
}

#define IN_CHAIN(line) "table ip t {\n\tflags owner\n\tchain c {\n\t\t" line "\n\t}\n}\n"

static void what_is_not_known_is_refused(void **state) {
        static const struct { const char *text; int r; const char *line; } cases[] = {
                { IN_CHAIN("counter accept"), 0, NULL },
                { IN_CHAIN("type filter hook forward priority 0; policy accept;"), 0, NULL },
                { "", 0, NULL },
                { IN_CHAIN("counter drop"), -EBADMSG, "'counter drop'" },
                { IN_CHAIN("accept\n\t\ttype filter hook forward priority 0; policy accept;"), -EBADMSG, "'type " },
                { IN_CHAIN("type filter hook input priority 0; policy accept;"), -EBADMSG, "hook input" },
                { IN_CHAIN("type filter hook forward priority 0; policy drop;"), -EBADMSG, "policy drop" },
                { IN_CHAIN("jump"), -EBADMSG, "'jump'" },
                { IN_CHAIN("iif \"lo"), -EBADMSG, "'iif \"lo'" },
                { IN_CHAIN("iif \"nobody7\" accept"), -ENODEV, "'iif \"nobody7\" accept'" },
                { IN_CHAIN("iifname \"a-name-of-16-byt\" accept"), -EBADMSG, "a-name-of" },
                { IN_CHAIN("ip saddr 1.2.3.4 accept"), -EBADMSG, "1.2.3.4 accept" },
                { IN_CHAIN("ip saddr 1.2.3.4/33 accept"), -EBADMSG, "1.2.3.4/33" },
                { IN_CHAIN("ip saddr fd00::/8 accept"), -EBADMSG, "fd00::/8" },
                { IN_CHAIN("ip saddr != "), -EBADMSG, "!=" },
                { IN_CHAIN("snat"), -EBADMSG, "'snat'" },
                { IN_CHAIN("snat to 1.2.3.4:1-70000"), -EBADMSG, "70000" },
                { IN_CHAIN("snat to 1.2.3.4:1"), -EBADMSG, "1.2.3.4:1" },
                { IN_CHAIN("masquerade to 1.2.3.4-1.2.3.5"), -EBADMSG, "masquerade" },
                { IN_CHAIN("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33"),
                  -EBADMSG, "32 33" },
                { "table ip t {\n\tflags owner\n", -EBADMSG, "" },
                { "table inet t {\n}\n", -EBADMSG, "'table inet t {'" },
                { "flush ruleset\n", -EBADMSG, "'flush ruleset'" },
                { "}\n", -EBADMSG, "'}'" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *messages = NULL;
                _cleanup_error_ Error e = ERROR_INIT;
                size_t len;
                int r = ruleset_compile(cases[i].text, &messages, &len, &e);

                if (r != cases[i].r)
                        fail_msg("%s: %d (%s)", cases[i].text, r, error_text(&e, r));
                if (cases[i].line)
                        assert_non_null(strstr(error_text(&e, r), cases[i].line));
        }
}

/* In the namespace that the first test has made. */
static void what_the_kernel_refuses_is_named(void **state) {
        _cleanup_error_ Error e = ERROR_INIT;
        int fd, r;

        if (system("nft list ruleset >/dev/null 2>&1") != 0)
                skip();
        r = ruleset_load(IN_CHAIN("counter accept\n\t\tcounter jump nowhere"), &fd, &e);
        assert_int_equal(r, -ENOENT);
        assert_non_null(strstr(error_text(&e, r), "'counter jump nowhere'"));
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_made_is_what_nft_makes),
                cmocka_unit_test(what_is_not_known_is_refused),
                cmocka_unit_test(what_the_kernel_refuses_is_named),
        };

        folder = argc > 1 ? argv[1] : "test/golden/network";
        return cmocka_run_group_tests(tests, NULL, NULL);
}
