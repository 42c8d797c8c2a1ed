/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What net-update makes of a definition: a row a case, with what is there afterwards (+) or not (-), or the words of
 * its refusal. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strings.h"
#include "network.h"

#define DOCUMENT                                                                                             \
        "<network><name>lab</name><forward mode='nat'/><bridge name='virbr7'/>"                              \
        "<dns><host ip='10.0.0.7'><hostname>seven</hostname></host></dns>"                                   \
        "<ip address='10.0.0.1' prefix='24'><dhcp><range start='10.0.0.10' end='10.0.0.20'/>"                \
        "<host mac='52:54:00:00:00:01' name='one' ip='10.0.0.2'/></dhcp></ip>"                               \
        "<ip family='ipv6' address='fd00::1' prefix='64'/><portgroup name='a'/></network>"

enum { MODIFY = 1, DELETE, ADD_LAST, ADD_FIRST };
enum { BRIDGE = 1, DHCP_HOST = 4, DHCP_RANGE, FORWARD, FORWARD_INTERFACE, PORTGROUP = 9, DNS_HOST, DNS_TXT, DNS_SRV };

static const struct Row {
        unsigned command, section;
        int parent;
        const char *xml;
        int r;
        const char *words;
} rows[] = {
        { ADD_LAST, DHCP_HOST, -1, "<host mac='52:54:00:00:00:02' ip='10.0.0.3'/>", 0,
          "+ip='10.0.0.2'/>\n      <host mac='52:54:00:00:00:02'" },
        { ADD_FIRST, DHCP_HOST, 0, "<host mac='52:54:00:00:00:02' ip='10.0.0.3'/>", 0,
          "+ip='10.0.0.3'/>\n      <host mac='52:54:00:00:00:01'" },
        { ADD_LAST, DHCP_HOST, 1, "<host id='0:1' name='six' ip='fd00::2'/>", 0,
          "+<host id='0:1' name='six' ip='fd00::2'/>" },
        { ADD_LAST, DHCP_HOST, 2, "<host mac='52:54:00:00:00:02' ip='10.0.0.3'/>", -EINVAL,
          "no <ip> element found at index 2" },
        { ADD_LAST, DHCP_HOST, -1, "<host mac='52:54:00:00:00:01' ip='10.0.0.3'/>", -EINVAL,
          "there is an existing dhcp host entry" },
        { ADD_LAST, DHCP_HOST, -1, "<host mac='52:54:00:00:00:02' ip='10.0.0.2'/>", -EINVAL,
          "there is an existing dhcp host entry" },
        { ADD_LAST, DHCP_HOST, -1, "<range start='10.0.0.3' end='10.0.0.4'/>", -EBADMSG,
          "unexpected element <range>, expecting <host>" },
        { ADD_LAST, DHCP_HOST, -1, "<host", -EBADMSG, "" },
        { MODIFY, DHCP_HOST, -1, "<host mac='52:54:00:00:00:01' name='uno' ip='10.0.0.4'/>", 0,
          "+name='uno' ip='10.0.0.4'" },
        { MODIFY, DHCP_HOST, -1, "<host mac='52:54:00:00:00:09' ip='10.0.0.4'/>", -EINVAL,
          "couldn't locate an existing dhcp host entry" },
        { MODIFY, DHCP_HOST, -1, "<host mac='52:54:00:00:00:09' ip='10.0.0.2'/>", 0,
          "+<host mac='52:54:00:00:00:09' ip='10.0.0.2'/>" },
        { MODIFY, DHCP_HOST, -1, "<host mac='52:54:00:00:00:09' name='one' ip='10.0.0.5'/>", 0,
          "-52:54:00:00:00:01" },
        { DELETE, DHCP_HOST, -1, "<host mac='52:54:00:00:00:01'/>", 0, "-52:54:00:00:00:01" },
        { DELETE, DHCP_HOST, -1, "<host mac='52:54:00:00:00:01' ip='10.0.0.9'/>", -EINVAL,
          "couldn't locate a matching dhcp host entry" },
        { ADD_LAST, DHCP_RANGE, -1, "<range start='10.0.0.30' end='10.0.0.40'/>", 0, "+10.0.0.40" },
        { MODIFY, DHCP_RANGE, -1, "<range start='10.0.0.30' end='10.0.0.40'/>", -EOPNOTSUPP, "cannot be modified" },
        { DELETE, DHCP_RANGE, -1, "<range start='10.0.0.10' end='10.0.0.20'/>", 0, "-<range" },
        { DELETE, DHCP_RANGE, -1, "<range start='10.0.0.10' end='10.0.0.21'/>", -EINVAL, "couldn't locate" },
        { ADD_LAST, FORWARD_INTERFACE, -1, "<interface dev='eth3'/>", 0, "+<interface dev='eth3'/>" },
        { ADD_LAST, PORTGROUP, -1, "<portgroup name='b'/>", 0, "+<portgroup name='b'/>" },
        { ADD_LAST, PORTGROUP, -1, "<portgroup name='a'/>", -EINVAL, "there is an existing portgroup entry" },
        { DELETE, PORTGROUP, -1, "<portgroup name='a'/>", 0, "-portgroup" },
        { ADD_LAST, DNS_HOST, -1, "<host ip='10.0.0.8'><hostname>eight</hostname></host>", 0, "+eight" },
        { DELETE, DNS_HOST, -1, "<host ip='10.0.0.7'/>", 0, "-<dns" },
        { DELETE, DNS_HOST, -1, "<host><hostname>seven</hostname></host>", 0, "-<dns" },
        { DELETE, DNS_HOST, -1, "<host><hostname>eight</hostname></host>", -EINVAL, "couldn't locate" },
        { DELETE, DNS_HOST, -1, "<host/>", -EINVAL, "couldn't locate" },
        { MODIFY, DNS_HOST, -1, "<host ip='10.0.0.7'><hostname>sept</hostname></host>", 0, "+sept" },
        { MODIFY, DNS_HOST, -1, "<host ip='10.0.0.8'><hostname>seven</hostname></host>", -EINVAL, "couldn't locate" },
        { ADD_LAST, DNS_TXT, -1, "<txt name='a' value='b'/>", 0, "+<txt name='a' value='b'/>" },
        { MODIFY, DNS_TXT, -1, "<txt name='a' value='b'/>", -EINVAL, "couldn't locate" },
        { MODIFY, DNS_SRV, -1, "<srv service='s' protocol='tcp'/>", -EOPNOTSUPP, "cannot be modified" },
        { ADD_LAST, DNS_SRV, -1, "<srv service='s' protocol='tcp'/>", 0, "+<srv service='s' protocol='tcp'/>" },
        { MODIFY, BRIDGE, -1, "<bridge/>", -EOPNOTSUPP, "can't update 'bridge' section of network 'lab'" },
        { MODIFY, FORWARD, -1, "<forward/>", -EOPNOTSUPP, "can't update 'forward' section" },
        { 9, DHCP_HOST, -1, "<host mac='52:54:00:00:00:02' ip='10.0.0.3'/>", -EINVAL,
          "unrecognized network update command code 9" },
        { ADD_LAST, 13, -1, "<host/>", -EINVAL, "unrecognized network update section code 13" },
};

static void run(const struct Row *row) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(definition_parse_as(&document_network, DOCUMENT, strlen(DOCUMENT), NULL, 0, &d, &e), 0);
        assert_int_equal(definition_normalise(d, NULL, &e), 0);
        if (network_update_section(d, row->command, row->section, row->parent, row->xml, &e) != row->r)
                fail_msg("%s: %s", row->xml, error_text(&e, 0));
        if (row->r < 0) {
                if (!strstr(error_text(&e, row->r), row->words))
                        fail_msg("%s: %s", row->xml, error_text(&e, row->r));
                return;
        }
        assert_int_equal(definition_format(d, 0, &text), 0);
        if (!strstr(text, row->words + 1) != (row->words[0] == '-'))
                fail_msg("%s: %s", row->xml, text);
}

static void the_link_of_a_network_goes_whole(void **state) {
        static const char document[] = "<network><name>lab</name><forward mode='nat' dev='eth3'/>"
                                       "<ip address='10.0.0.1' prefix='24'/></network>";
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(definition_parse_as(&document_network, document, strlen(document), NULL, 0, &d, &e), 0);
        assert_int_equal(definition_normalise(d, NULL, &e), 0);
        assert_int_equal(network_update_section(d, DELETE, FORWARD_INTERFACE, -1, "<interface dev='eth3'/>", &e), 0);
        assert_int_equal(definition_normalise(d, NULL, &e), 0);
        assert_int_equal(definition_format(d, 0, &text), 0);
        assert_null(strstr(text, "eth3"));
}

static void update_in_turn(const char *document, const struct Row *updates, size_t n) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(definition_parse_as(&document_network, document, strlen(document), NULL, 0, &d, &e), 0);
        assert_int_equal(definition_normalise(d, NULL, &e), 0);
        for (size_t i = 0; i < n; i++) {
                const struct Row *u = &updates[i];
                _cleanup_error_ Error refused = ERROR_INIT;
                _cleanup_free_ char *text = NULL;

                if (network_update_section(d, u->command, u->section, u->parent, u->xml, &refused) != u->r)
                        fail_msg("%s: %s", u->xml, error_text(&refused, 0));
                assert_int_equal(definition_normalise(d, NULL, &e), 0);
                assert_int_equal(definition_format(d, 0, &text), 0);
                if (u->r < 0 ? !strstr(error_text(&refused, u->r), u->words)
                             : !strstr(text, u->words + 1) != (u->words[0] == '-'))
                        fail_msg("%s: %s, %s", u->xml, error_text(&refused, u->r), text);
        }
}

/* Updates one after the other of one document. */
static void lists_are_updated(void **state) {
        static const char document[] = "<network><name>lab</name><forward mode='bridge' dev='eth3'/><dns/></network>";
        static const struct Row updates[] = {
                { ADD_FIRST, FORWARD_INTERFACE, -1, "<interface dev='eth1'/>", 0, "+dev='eth1' mode='bridge'" },
                { ADD_LAST, FORWARD_INTERFACE, -1, "<interface dev='eth5'/>", 0, "+<interface dev='eth5'/>" },
                { DELETE, FORWARD_INTERFACE, -1, "<interface dev='eth1'/>", 0, "+dev='eth3' mode='bridge'" },
        };
        static const char records[] = "<network><name>lab</name><dns><txt name='a' value='b'/>"
                                      "<srv service='s' protocol='tcp'/><srv service='s' protocol='udp'/></dns>"
                                      "</network>";
        static const struct Row more[] = {
                { DELETE, DNS_SRV, -1, "<srv service='s'/>", -EINVAL, "there is more than one DNS SRV entry" },
                { DELETE, DNS_SRV, -1, "<srv service='s' protocol='udp'/>", 0, "-udp" },
                { DELETE, DNS_SRV, -1, "<srv service='s'/>", 0, "-<srv" },
                { MODIFY, DNS_TXT, -1, "<txt name='a' value='c'/>", 0, "+<txt name='a' value='c'/>" },
        };

        update_in_turn(document, updates, ELEMENTSOF(updates));
        update_in_turn(records, more, ELEMENTSOF(more));
}

static void each_section_is_updated(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                run(&rows[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(each_section_is_updated),
                                            cmocka_unit_test(lists_are_updated),
                                            cmocka_unit_test(the_link_of_a_network_goes_whole) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
