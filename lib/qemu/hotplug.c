/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parts of a device as QMP commands. Most have the same properties there as in an option. A character device's
 * option is a text, whose words are those of its own QMP type, in another order. */

#include "base/strings.h"
#include "build.h"

/* --- character devices --- */

/* One "key=value" of our own option text: what a backend calls it in QMP. "" of where: among the backend's data. */
static const struct {
        const char *backend, *key, *member;
        char type; /* s text, b on or off, i number */
} members[] = {
        { "file", "path", "out", 's' },
        { "file", "append", "append", 'b' },
        { "pipe", "path", "device", 's' },
        { "serial", "path", "device", 's' },
        { "parallel", "path", "device", 's' },
        { "socket", "server", "server", 'b' },
        { "socket", "wait", "wait", 'b' },
        { "socket", "telnet", "telnet", 'b' },
        { "socket", "reconnect", "reconnect", 'i' },
        { "socket", "reconnect-ms", "reconnect-ms", 'i' },
        { "spicevmc", "name", "type", 's' },
        { "spiceport", "name", "fqdn", 's' },
        { "qemu-vdagent", "clipboard", "clipboard", 'b' },
        { "qemu-vdagent", "mouse", "mouse", 'b' },
        { "dbus", "name", "name", 's' },
};

/* What every backend has. */
static const struct {
        const char *key;
        char type;
} common[] = { { "logfile", 's' }, { "logappend", 'b' } };

static json_t *value_of(char type, const char *text) {
        return type == 'b'   ? json_boolean(streq(text, "on"))
               : type == 'i' ? json_integer(strtoll(text, NULL, 10))
                             : json_string(text);
}

/* The next of "a=b,c=d,,e", whose doubled commas are single ones of the value; *p goes on behind it. */
static char *next_word(const char **p) {
        const char *s = *p;
        char *word = malloc(strlen(s) + 1), *w = word;

        while (w && *s && (*s != ',' || s[1] == ',')) {
                s += *s == ',';
                *w++ = *s++;
        }
        if (w)
                *w = 0;
        *p = *s ? s + 1 : s;
        return word;
}

/* Where a socket is: {"type": ..., "data": {...}}. */
static int put_socket_address(json_t *data, const char *kind, const char *key, const char *value) {
        static const struct {
                const char *key, *type, *member;
        } parts[] = {
                { "fd", "fd", "str" },
                { "path", "unix", "path" },
                { "host", "inet", "host" },
                { "port", "inet", "port" },
        };
        json_t *address = json_object_get(data, kind);

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                if (!streq(parts[i].key, key))
                        continue;
                if (!address) {
                        address = json_pack("{s:s,s:{}}", "type", parts[i].type, "data");
                        if (!address || json_object_set_new(data, kind, address) < 0)
                                return -ENOMEM;
                }
                return json_object_set_new(json_object_get(address, "data"), parts[i].member, json_string(value)) < 0
                               ? -ENOMEM
                               : 1;
        }
        return 0;
}

static int put_chardev_word(json_t *data, const char *backend, const char *key, const char *value) {
        if (streq(backend, "udp") && startswith(key, "local"))
                return put_socket_address(data, "local", streq(key, "localaddr") ? "host" : "port", value);
        if (streq(backend, "udp"))
                return put_socket_address(data, "remote", key, value);
        if (streq(backend, "socket") && put_socket_address(data, "addr", key, value) != 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(common); i++)
                if (streq(common[i].key, key))
                        return json_object_set_new(data, key, value_of(common[i].type, value)) < 0 ? -ENOMEM : 0;
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (streq(members[i].backend, backend) && streq(members[i].key, key))
                        return json_object_set_new(data, members[i].member, value_of(members[i].type, value)) < 0
                                       ? -ENOMEM
                                       : 0;
        return 0; /* spicevmc of a vdagent, and the like: said by the type already */
}

static int chardev_command(const char *option, json_t **ret_add, json_t **ret_remove) {
        const char *p = option;
        _cleanup_free_ char *backend = next_word(&p), *id = NULL;
        json_t *data = json_object();
        int r = backend && data ? 0 : -ENOMEM;

        while (r >= 0 && *p) {
                _cleanup_free_ char *word = next_word(&p);
                char *value = word ? strchr(word, '=') : NULL;

                if (!value) {
                        r = -ENOMEM;
                        break;
                }
                *value++ = 0;
                if (streq(word, "id"))
                        r = (id = strdup(value)) ? 0 : -ENOMEM;
                else
                        r = put_chardev_word(data, backend, word, value);
        }
        /* one that connects says so */
        if (r >= 0 && streq(backend, "socket") && !json_object_get(data, "server"))
                r = json_object_set_new(data, "server", json_false()) < 0 ? -ENOMEM : 0;
        if (r < 0 || !id) {
                json_decref(data);
                return r < 0 ? r : -EINVAL;
        }
        *ret_add = json_pack("{s:s,s:{s:s,s:{s:s,s:o}}}", "execute", "chardev-add", "arguments", "id", id, "backend",
                             "type", backend, "data", data);
        *ret_remove = json_pack("{s:s,s:{s:s}}", "execute", "chardev-remove", "arguments", "id", id);
        return 0;
}

/* --- what has the same properties --- */

static const struct {
        const char *add, *remove, *id;  /* the property that names it, in both */
} commands[_QEMU_PART_KIND_MAX] = {
        [QEMU_PART_OBJECT] = { "object-add", "object-del", "id" },
        [QEMU_PART_BLOCKDEV] = { "blockdev-add", "blockdev-del", "node-name" },
        [QEMU_PART_NETDEV] = { "netdev_add", "netdev_del", "id" },
        [QEMU_PART_DEVICE] = { "device_add", "device_del", "id" },
};

/* QEMU looks a stream's descriptor up in a thread that knows no monitor, and so none of its names. What it calls a
 * socket has the same frames, and takes the name at once. */
static json_t *netdev_arguments(json_t *props) {
        json_t *address = json_object_get(props, "addr");
        const char *fd = json_string_value(json_object_get(address, "str"));

        if (!streq_ptr(json_string_value(json_object_get(props, "type")), "stream") || !fd)
                return json_incref(props);
        return json_pack("{s:O,s:s,s:s}", "id", json_object_get(props, "id"), "type", "socket", "fd", fd);
}

/* What QEMU does about all watchdogs. Another one that comes later sets it anew, so there is no way back. */
static int watchdog_command(const char *action, json_t **ret_add, json_t **ret_remove) {
        *ret_add = json_pack("{s:s,s:{s:s}}", "execute", "set-action", "arguments", "watchdog", action);
        *ret_remove = json_null();
        return 0;
}

int qemu_part_commands(const QemuPart *part, json_t **ret_add, json_t **ret_remove, Error *e) {
        const char *id = part->kind < _QEMU_PART_KIND_MAX && commands[part->kind].add
                                 ? json_string_value(json_object_get(part->props, commands[part->kind].id))
                                 : NULL;
        int r = 0;

        *ret_add = *ret_remove = NULL;
        if (part->kind == QEMU_PART_CHARDEV)
                r = chardev_command(part->option, ret_add, ret_remove);
        else if (part->kind == QEMU_PART_OPTION && streq_ptr(part->name, "-watchdog-action"))
                r = watchdog_command(part->option, ret_add, ret_remove);
        else if (!id)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "-%s of QEMU cannot be added to a guest that runs",
                                 part->name ? part->name + (*part->name == '-') : "audiodev");
        else {
                *ret_add = json_pack("{s:s,s:o}", "execute", commands[part->kind].add, "arguments",
                                     part->kind == QEMU_PART_NETDEV ? netdev_arguments(part->props)
                                                                    : json_incref(part->props));
                *ret_remove = json_pack("{s:s,s:{s:s}}", "execute", commands[part->kind].remove, "arguments",
                                        commands[part->kind].id, id);
        }
        if (r >= 0 && *ret_add && *ret_remove)
                return 0;
        json_decref(*ret_add);
        json_decref(*ret_remove);
        *ret_add = *ret_remove = NULL;
        return r < 0 ? r : -ENOMEM;
}

int qemu_device_after(const xmlNode *device, json_t *commands_after) {
        const char *alias = device_alias(device);
        json_t *command = NULL;
        int r = 0;

        if (xml_is(device, "disk"))
                r = qemu_disk_throttle(device, &command);
        if (xml_is(device, "interface") && streq_ptr(xml_get(device, "link/@state"), "down"))
                command = json_pack("{s:s,s:{s:s,s:b}}", "execute", "set_link", "arguments", "name", alias, "up", 0);
        return r < 0 || !command ? r : json_array_append_new(commands_after, command) < 0 ? -ENOMEM : 0;
}
