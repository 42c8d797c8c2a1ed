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
                return fail_xml(
                        n, env,
                        "Invalid environment name '%s': it must begin with a letter or underscore and contain only "
                        "alphanumerics and underscores",
                        name);
        return 0;
}

static int check_property(Normaliser *n, xmlNode *property) {
        bool remove = xml_attr_is(property, "type", "remove"), number;
        const char *type = xml_attr(property, "type"), *value = xml_attr(property, "value");
        uint64_t u;
        char *end;

        if (!xml_attr(property, "name") || !*xml_attr(property, "name"))
                return fail_xml(n, property, "missing 'name' of the property");
        if (!type)
                return fail_xml(n, property, "missing 'type' of the property");
        if (!value && !remove)
                return fail_xml(n, property, "missing 'value' attribute for 'qemu:property'");
        if (remove || streq(type, "string"))
                return 0;
        if (streq(type, "bool"))
                number = streq(value, "true") || streq(value, "yes") || streq(value, "on") || streq(value, "false") ||
                         streq(value, "no") || streq(value, "off");
        else if (streq(type, "unsigned"))
                number = parse_u64(value, 0, &u) >= 0;
        else {
                errno = 0;
                (void) strtoll(value, &end, 0);
                number = errno == 0 && end != value && !*end;
        }
        if (!number)
                return fail_xml(n, property, "invalid value '%s' of a property of type %s", value, type);

        return 0;
}

static int check_override(Normaliser *n) {
        XML_FOREACH(device, xml_child(n->root, "qemu:override"), "qemu:device") {
                if (!xml_attr(device, "alias"))
                        return fail_xml(n, device, "missing 'alias' of the device");
                XML_FOREACH(property, xml_child(device, "qemu:frontend"), "qemu:property") {
                        int r = check_property(n, property);

                        if (r < 0)
                                return r;
                }
        }

        return 0;
}

static int check_capabilities(Normaliser *n) {
        XML_FOREACH(change, xml_child(n->root, "qemu:capabilities"), NULL)
                if (!xml_attr(change, "capability"))
                        return fail(n, change, -EBADMSG, ERROR_INTERNAL, "missing capability name");
        if (xml_child(n->root, "qemu:deprecation") && !xml_attr(xml_child(n->root, "qemu:deprecation"), "behavior"))
                return fail_xml(n, xml_child(n->root, "qemu:deprecation"),
                                "missing 'behavior' attribute of qemu:deprecation");

        return 0;
}

int normalise_commandline(Normaliser *n) {
        xmlNode *commandline = xml_child(n->root, "qemu:commandline");
        int r;

        r = check_override(n);
        if (r >= 0)
                r = check_capabilities(n);
        if (r < 0)
                return r;

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
