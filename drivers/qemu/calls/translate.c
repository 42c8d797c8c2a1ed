/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What QEMU would be started with, for a document of a client or for a guest: with made-up descriptors, and never
 * run. */

#include "base/strings.h"
#include "calls/client-definition.h"
#include "calls/cpus.h"
#include "guest/emulator.h"
#include "qemu/args.h"
#include "qemu/screens.h"

/* One argument as a shell takes it. */
static void add_quoted(StrBuf *b, const char *argument) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+@%";

        if (*argument && !argument[strspn(argument, plain)]) {
                strbuf_add(b, argument);
                return;
        }
        strbuf_addc(b, '\'');
        for (const char *p = argument; *p; p++)
                if (*p == '\'')
                        strbuf_add(b, "'\\''");
                else
                        strbuf_addc(b, *p);
        strbuf_addc(b, '\'');
}

/* Options begin lines of their own. */
static int to_command(char *const *args, char **ret) {
        StrBuf b = {};

        for (char *const *a = args; *a; a++) {
                if (a != args)
                        strbuf_add(&b, (*a)[0] == '-' ? " \\\n" : " ");
                add_quoted(&b, *a);
        }
        strbuf_addc(&b, '\n');
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

static int domain_xml_to_native(Call *c, const remote_connect_domain_xml_to_native_args *args,
                                remote_connect_domain_xml_to_native_ret *ret, Error *e) {
        _cleanup_(qemu_config_freep) QemuConfig *config = NULL;
        _cleanup_free_ QemuGraphics *screens = NULL;
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_strv_ char **list = NULL;
        QemuHostResources res;
        char version[32];
        unsigned v = 0;
        int r;

        if (!streq(args->nativeFormat, "qemu-argv"))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "unsupported config type %s",
                                 args->nativeFormat);
        r = client_definition(driver_of(c), args->domainXml, false, &d, e);
        if (r >= 0)
                r = emulator_version(driver_of(c), &v, e);
        if (r >= 0)
                r = driver_fix_host_model(driver_of(c), d);
        if (r >= 0)
                r = definition_assign_aliases(d, e);
        qemu_host_resources_init(&res);
        res.stand_ins = true;
        if (r >= 0)
                r = qemu_config_load(NULL, &config, NULL, e);
        if (r >= 0)
                r = qemu_screens_init(config, d, &screens, &res.n_graphics);
        if (r < 0)
                return r;
        res.graphics = screens;
        snprintf(version, sizeof(version), "%u.%u", v / 1000000U, v / 1000U % 1000U);
        r = qemu_args_build(d, qemu_caps_for(version, xml_get(definition_root(d), "os/type/@arch")), &res, &list, e);
        return r < 0 ? r : to_command(list, &ret->nativeConfig);
}

static const RpcHandler rows[] = {
        PLAIN(CONNECT_DOMAIN_XML_TO_NATIVE, domain_xml_to_native),
};
const RpcTable qemu_translate_table = RPC_TABLE(rows);
