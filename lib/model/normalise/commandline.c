/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* qemu:commandline: arguments and variables that go to QEMU as they are. */

#include "base/strings.h"
#include "normalise.h"

static int check_variable(Normaliser *n, xmlNode *env) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
        const char *name = xml_attr(env, "name");

        if (!name || !*name)
                return fail(n, env, -EBADMSG, ERROR_INTERNAL, "No QEMU environment name specified");
        if (name[strspn(name, letters)] || (*name >= '0' && *name <= '9'))
                return fail_xml(n, env, "Invalid environment name '%s': it must begin with a letter or underscore and contain only "
                                        "alphanumerics and underscores", name);
        return 0;
}

int normalise_commandline(Normaliser *n) {
        xmlNode *commandline = xml_child(n->root, "qemu:commandline");
        int r;

        XML_FOREACH(arg, commandline, "qemu:arg")
                if (!xml_attr(arg, "value"))
                        return fail(n, arg, -EBADMSG, ERROR_INTERNAL, "No QEMU command-line argument specified");
        XML_FOREACH(env, commandline, "qemu:env") {
                r = check_variable(n, env);
                if (r < 0)
                        return r;
        }

        if (commandline && !xml_child(commandline, NULL)) {
                xml_remove(commandline);
                xmlFreeNsList(TAKE_PTR(n->root->nsDef));
        }
        return 0;
}
