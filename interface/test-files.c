/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Definitions as files of networkd and connections of NetworkManager; files that are written, held back, saved and
 * restored, in a folder of the test's own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "connection.h"
#include "snapshot.h"
#include "store.h"

static char *folder;

static int setup(void **state) {
        char name[] = "/tmp/test-interface.XXXXXX";

        folder = strdup(mkdtemp(name));
        for (size_t i = 0; i < 4; i++) {
                static const char *const names[] = { "UNITVIRT_HOST", "UNITVIRT_ETC", "UNITVIRT_LIB", "UNITVIRT_RUN" };
                _cleanup_free_ char *path = text_format("%s/%zu", folder, i);

                setenv(names[i], path, 1);
        }
        return 0;
}

static int teardown(void **state) {
        _cleanup_free_ char *command = text_format("rm -rf %s", folder);

        assert_int_equal(system(command), 0);
        free(folder);
        return 0;
}

static Definition *parse(const char *xml) {
        _cleanup_error_ Error e = ERROR_INIT;
        Definition *d = NULL;
        int r = definition_parse_as(&document_interface, xml, strlen(xml), NULL, DEFINITION_VALIDATE, &d, &e);

        if (r >= 0)
                r = definition_normalise(d, NULL, &e);
        if (r < 0)
                fail_msg("%s", error_text(&e, r));
        return d;
}

static const struct {
        const char *xml;
        const char *files;      /* "NAME:TEXT" of all, without comments and empty lines; of a drop-in "LOWER/NAME:" */
} cases[] = {
        { "<interface type='ethernet' name='eth0'><start mode='none'/><mac address='52:54:00:00:00:01'/>"
          "<mtu size='9000'/><protocol family='ipv4'><dhcp peerdns='no'/></protocol>"
          "<protocol family='ipv6'><autoconf/></protocol></interface>",
          "05-unitvirt-eth0.network:[Match];Name=eth0;MACAddress=52:54:00:00:00:01;[Link];MTUBytes=9000;"
          "RequiredForOnline=no;[Network];DHCP=ipv4;LinkLocalAddressing=ipv6;IPv6AcceptRA=yes;[DHCPv4];UseDNS=no;" },
        { "<interface type='bridge' name='br0'><bridge stp='off' delay='0'><interface type='ethernet' name='eth0'/>"
          "<interface type='vlan' name='eth1.7'><vlan tag='7'><interface name='eth1'/></vlan></interface></bridge>"
          "<protocol family='ipv4'><ip address='192.0.2.5' prefix='24'/><route gateway='192.0.2.1'/></protocol>"
          "</interface>",
          "05-unitvirt-br0.netdev:[NetDev];Name=br0;Kind=bridge;[Bridge];STP=no;ForwardDelaySec=0;"
          "05-unitvirt-br0.network:[Match];Name=br0;[Link];[Network];ConfigureWithoutCarrier=yes;DHCP=no;"
          "LinkLocalAddressing=no;IPv6AcceptRA=no;Address=192.0.2.5/24;Gateway=192.0.2.1;"
          "04-unitvirt-br0+eth0.network:[Match];Name=eth0;[Link];[Network];Bridge=br0;"
          "04-unitvirt-br0+eth1.7.netdev:[NetDev];Name=eth1.7;Kind=vlan;[VLAN];Id=7;"
          "04-unitvirt-br0+eth1.7.network:[Match];Name=eth1.7;[Link];[Network];Bridge=br0;"
          "eth1/unitvirt-eth1.7.conf:[Network];VLAN=eth1.7;" },
        { "<interface type='bond' name='bond0'><bond mode='active-backup'><miimon freq='100' updelay='5'/>"
          "<interface type='ethernet' name='a'/><interface type='ethernet' name='b'/></bond></interface>",
          "05-unitvirt-bond0.netdev:[NetDev];Name=bond0;Kind=bond;[Bond];Mode=active-backup;MIIMonitorSec=100ms;"
          "UpDelaySec=5ms;"
          "05-unitvirt-bond0.network:[Match];Name=bond0;[Link];[Network];DHCP=no;LinkLocalAddressing=no;"
          "IPv6AcceptRA=no;"
          "04-unitvirt-bond0+a.network:[Match];Name=a;[Link];[Network];Bond=bond0;PrimarySlave=yes;"
          "04-unitvirt-bond0+b.network:[Match];Name=b;[Link];[Network];Bond=bond0;" },
        { "<interface type='vlan'><vlan tag='7'><interface name='eth0'/></vlan></interface>",
          "05-unitvirt-eth0.7.netdev:[NetDev];Name=eth0.7;Kind=vlan;[VLAN];Id=7;"
          "05-unitvirt-eth0.7.network:[Match];Name=eth0.7;[Link];[Network];DHCP=no;LinkLocalAddressing=no;"
          "IPv6AcceptRA=no;"
          "eth0/unitvirt-eth0.7.conf:[Network];VLAN=eth0.7;" },
        /* whoever is the host for a DHCP server stays it */
        { "<interface type='bridge' name='br0'><protocol family='ipv4'><dhcp/></protocol><protocol family='ipv6'/>"
          "<bridge><interface type='ethernet' name='a'><mac address='52:54:00:00:00:07'/></interface></bridge>"
          "</interface>",
          "05-unitvirt-br0.netdev:[NetDev];Name=br0;Kind=bridge;MACAddress=52:54:00:00:00:07;[Bridge];"
          "05-unitvirt-br0.network:[Match];Name=br0;[Link];[Network];ConfigureWithoutCarrier=yes;DHCP=ipv4;"
          "LinkLocalAddressing=ipv6;IPv6AcceptRA=no;"
          "04-unitvirt-br0+a.network:[Match];Name=a;MACAddress=52:54:00:00:00:07;[Link];[Network];Bridge=br0;" },
};

static char *files_as_text(const NetworkdFiles *files) {
        StrBuf b = {};

        for (size_t i = 0; i < files->n; i++) {
                _cleanup_free_ char *text = strdup(files->list[i].text);
                char *rest = text, *line;

                strbuf_addf(&b, "%s%s%s:", files->list[i].lower ?: "", files->list[i].lower ? "/" : "",
                            files->list[i].name);
                while ((line = strsep(&rest, "\n")))
                        if (*line && *line != '#')
                                strbuf_addf(&b, "%s;", line);
        }
        return strbuf_take(&b);
}

static void definitions_become_files(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_definition_ Definition *d = parse(cases[i].xml);
                _cleanup_networkd_files_ NetworkdFiles files = {};
                _cleanup_error_ Error e = ERROR_INIT;
                _cleanup_free_ char *text = NULL;

                assert_int_equal(networkd_files_of(d, &files, &e), 0);
                text = files_as_text(&files);
                assert_string_equal(text, cases[i].files);
        }
}

static void what_networkd_cannot_is_refused(void **state) {
        _cleanup_definition_ Definition *d = parse("<interface type='bond' name='b'><bond><miimon freq='1' "
                                                   "carrier='ioctl'/><interface type='ethernet' name='a'/></bond>"
                                                   "</interface>");
        _cleanup_networkd_files_ NetworkdFiles files = {};
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(networkd_files_of(d, &files, &e), -EOPNOTSUPP);
        assert_int_equal(e.code, ERROR_CONFIG_UNSUPPORTED);
        assert_non_null(strstr(e.message, "carrier='ioctl'"));
}

static void every_definition_becomes_connections(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_definition_ Definition *d = parse(cases[i].xml);
                _cleanup_connections_ Connections list = {};
                _cleanup_error_ Error e = ERROR_INIT;

                assert_int_equal(connections_of(d, &list, &e), 0);
                assert_string_equal(list.list[0].name, definition_name(d));
                assert_string_equal(list.list[0].master_uuid, "");
                for (size_t k = 1; k < list.n; k++)
                        assert_string_equal(list.list[k].master_uuid, list.list[0].uuid);
                assert_true(connections_have(&list, list.list[list.n - 1].uuid));
        }
}

static bool has(const char *where, const char *name) {
        _cleanup_free_ char *path = text_format("%s%s/%s", getenv("UNITVIRT_HOST"), where, name);

        return access(path, F_OK) == 0;
}

static void write_etc(const char *name, const char *text) {
        _cleanup_free_ char *path = text_format("%s" STORE_ETC "/%s", getenv("UNITVIRT_HOST"), name),
                            *above = text_format("%s" STORE_ETC, getenv("UNITVIRT_HOST"));

        assert_int_equal(mkdir_p(above, 0755), 0);
        assert_int_equal(file_write_atomic(path, text, strlen(text), 0640, 0), 0);
}

static char *read_etc(const char *name) {
        _cleanup_free_ char *path = text_format("%s" STORE_ETC "/%s", getenv("UNITVIRT_HOST"), name);
        char *text = NULL;

        assert_int_equal(file_read(path, 4096, &text, NULL), 0);
        return text;
}

static void put(const char *xml) {
        _cleanup_definition_ Definition *d = parse(xml);
        _cleanup_networkd_files_ NetworkdFiles files = {};
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(networkd_files_of(d, &files, &e), 0);
        assert_int_equal(store_save(d, &e), 0);
        assert_int_equal(store_write(STORE_ETC, definition_name(d), &files, &e), 0);
}

static void files_are_written_held_back_and_removed(void **state) {
        _cleanup_error_ Error e = ERROR_INIT;

        write_etc("10-other.network", "[Match]\nName=x\n");
        put(cases[1].xml);
        assert_true(has(STORE_ETC, "05-unitvirt-br0.netdev"));
        assert_true(has(STORE_ETC, "06-unitvirt-eth1.network.d/unitvirt-eth1.7.conf"));
        assert_int_equal(store_hold("br0", &e), 0);
        assert_true(has(STORE_RUN, "05-unitvirt-br0.netdev.d/" STORE_HELD));
        assert_true(has(STORE_RUN, "04-unitvirt-br0+eth0.network.d/" STORE_HELD));
        assert_false(has(STORE_RUN, "unitvirt-eth1.7.conf.d"));
        assert_int_equal(store_release("br0", &e), 0);
        assert_false(has(STORE_RUN, "05-unitvirt-br0.netdev.d"));
        /* the members that it no longer has go, another's file stays */
        put("<interface type='bridge' name='br0'><bridge/></interface>");
        assert_false(has(STORE_ETC, "04-unitvirt-br0+eth0.network"));
        assert_false(has(STORE_ETC, "06-unitvirt-eth1.network"));
        assert_int_equal(store_forget(STORE_ETC, "br0", &e), 0);
        assert_int_equal(store_remove("br0", &e), 0);
        assert_false(has(STORE_ETC, "05-unitvirt-br0.netdev"));
        assert_true(has(STORE_ETC, "10-other.network"));
}

static void a_rollback_restores_all(void **state) {
        _cleanup_error_ Error e = ERROR_INIT, twice = ERROR_INIT, none = ERROR_INIT;
        _cleanup_free_ char *path = text_format("%s" STORE_ETC "/mask.network", getenv("UNITVIRT_HOST")), *text = NULL,
                            *gone = text_format("%s" STORE_ETC "/10-other.network", getenv("UNITVIRT_HOST"));
        char target[64] = "";
        struct stat st;

        write_etc("10-other.network", "[Match]\nName=x\n");
        assert_int_equal(symlink("/dev/null", path), 0);
        put(cases[0].xml);
        assert_int_equal(snapshot_drop(&none), -ENOENT);
        assert_int_equal(none.code, ERROR_OPERATION_INVALID);
        assert_int_equal(snapshot_take(&e), 0);
        assert_int_equal(snapshot_take(&twice), -EEXIST);
        assert_true(snapshot_has_definition("eth0"));
        assert_int_equal(snapshot_link("lo") >= 0, 1);
        assert_int_equal(snapshot_link("nothing"), -ENOENT);
        assert_false(snapshot_is_old());

        put(cases[1].xml);
        put("<interface type='ethernet' name='eth0'><mtu size='1400'/></interface>");
        assert_false(snapshot_has_definition("eth0"));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(unlink(gone), 0);

        /* twice, as after a kill */
        for (int i = 0; i < 2; i++)
                assert_int_equal(snapshot_restore_files(false, &e), 0);
        assert_false(has(STORE_ETC, "05-unitvirt-br0.netdev"));
        assert_false(has(STORE_ETC, "06-unitvirt-eth1.network.d"));
        assert_true(snapshot_has_definition("eth0"));
        text = read_etc("05-unitvirt-eth0.network");
        assert_non_null(strstr(text, "MTUBytes=9000"));
        assert_int_equal(readlink(path, target, sizeof target - 1), 9);
        assert_string_equal(target, "/dev/null");
        assert_int_equal(stat(gone, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(snapshot_drop(&e), 0);
        assert_false(snapshot_is_there());
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(definitions_become_files),
                cmocka_unit_test(what_networkd_cannot_is_refused),
                cmocka_unit_test(every_definition_becomes_connections),
                cmocka_unit_test(files_are_written_held_back_and_removed),
                cmocka_unit_test(a_rollback_restores_all),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
