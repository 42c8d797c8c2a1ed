/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <source> of a disk, and of what backs it: which attributes and elements belong to which type, and whom QEMU asks for
 * a secret on the way. */

#include "base/strings.h"
#include "normalise.h"

/* What a source of each type is called by, and what else it has. What belongs to another type is left out, as libvirt
 * does. */
typedef struct SourceType {
        const char *type;
        const char *attributes[8]; /* the first one is what it cannot be without */
        const char *elements[20];
        int (*check)(Normaliser *n, xmlNode *layer, xmlNode *source);
        bool says_itself;          /* what is missing, in words of its own */
} SourceType;

static const char *target_of(const xmlNode *layer) {
        while (layer && !xml_is(layer, "disk"))
                layer = layer->parent;
        return xml_get(layer, "target/@dev") ?: "";
}

static bool is_word_of(const char *words, const char *word) {
        size_t len = strlen(word);

        for (const char *at = words; len > 0 && (at = strstr(at, word)); at += len)
                if ((at == words || at[-1] == ' ') && (at[len] == 0 || at[len] == ' '))
                        return true;
        return false;
}

/* --- secrets --- */

static int check_secret(Normaliser *n, xmlNode *secret) {
        bool uuid = xml_attr(secret, "uuid"), usage = *attr_or(secret, "usage", "");

        if (uuid == usage)
                return fail_xml(n, secret, uuid ? "either secret uuid or usage expected" :
                                "missing secret uuid or usage attribute");
        return 0;
}

static int check_auth(Normaliser *n, xmlNode *auth, const char *protocol) {
        xmlNode *secret = xml_child(auth, "secret");
        const char *wanted = streq(protocol, "rbd") ? "ceph" : streq(protocol, "iscsi") ? "iscsi" : NULL;

        if (!auth)
                return 0;
        if (!*attr_or(auth, "username", ""))
                return fail_xml(n, auth, "missing username for auth");
        if (!secret)
                return fail_xml(n, auth, "missing secret for auth");
        if (!xml_attr(secret, "type"))
                return fail_xml(n, secret, "missing secret type for auth");
        if (wanted && !xml_attr_is(secret, "type", wanted))
                return fail_xml(n, secret, "invalid secret type '%s'", xml_attr(secret, "type"));
        return check_secret(n, secret);
}

static int check_encryption(Normaliser *n, xmlNode *encryption, const xmlNode *source, const char *format) {
        bool librbd = xml_attr_is(encryption, "engine", "librbd");
        int r = 0;

        if (!encryption)
                return 0;
        if (!xml_attr(encryption, "format"))
                return fail_xml(n, encryption, "missing encryption format");
        if (librbd && !xml_attr_is(source, "protocol", "rbd"))
                return fail_unsupported(n, encryption, "librbd encryption is supported only with RBD backed disks");
        if (!librbd && !xml_attr_is(encryption, "format", "luks"))
                return fail_unsupported(n, encryption, "encryption format '%s' needs the engine 'librbd'",
                                        xml_attr(encryption, "format"));
        if (!librbd && !streq(format, "raw") && !streq(format, "qcow2"))
                return fail_unsupported(n, encryption, "encryption is not supported for images of format '%s'",
                                        format);
        if (!xml_child(encryption, "secret"))
                return fail_xml(n, encryption, "no secret is named for the encryption");
        if (!librbd && xml_next(xml_child(encryption, "secret"), "secret"))
                return fail_unsupported(n, encryption, "more than one secret needs the engine 'librbd'");
        norm_set_default(n, encryption, "engine", "qemu");
        XML_FOREACH(secret, encryption, "secret") {
                norm_set_default(n, secret, "type", "passphrase");
                r = r < 0 ? r : check_secret(n, secret);
        }
        return r;
}

/* --- sources of each type --- */

static int check_file(Normaliser *n, xmlNode *layer, xmlNode *source) {
        return 0;
}

/* Which file or device it is says the pool, when the guest is started. */
static int check_volume(Normaliser *n, xmlNode *layer, xmlNode *source) {
        const char *pool = xml_attr(source, "pool"), *volume = xml_attr(source, "volume");

        if (!pool || !*pool || !volume || !*volume)
                return fail_xml(n, source ?: layer,
                                "missing 'pool' and/or 'volume' attributes in the source of disk '%s'",
                                target_of(layer));
        if (strchr(pool, '/'))
                return fail_xml(n, source, "'%s' cannot be a storage pool's name", pool);
        return 0;
}

/* Ceph knows two ports of its own, and NFS is asked for its. */
static void write_port(Normaliser *n, xmlNode *host, const char *protocol) {
        static const struct {
                const char *protocol, *port;
        } ports[] = {
                { "http", "80" },     { "https", "443" },   { "ftp", "21" },       { "ftps", "990" },
                { "nbd", "10809" },   { "ssh", "22" },      { "iscsi", "3260" },   { "gluster", "24007" },
        };

        for (size_t i = 0; i < ELEMENTSOF(ports); i++)
                if (streq(ports[i].protocol, protocol))
                        norm_set_default(n, host, "port", ports[i].port);
}

static int check_host(Normaliser *n, xmlNode *host, const char *protocol) {
        const char *transport = attr_or(host, "transport", "tcp");
        bool socket = xml_attr(host, "socket");

        if (streq(transport, "unix") && !socket)
                return fail_xml(n, host, "missing socket for unix transport");
        if (!streq(transport, "unix") && socket)
                return fail_xml(n, host, "transport '%s' does not support socket attribute", transport);
        if (!streq(transport, "unix") && !*attr_or(host, "name", ""))
                return fail_xml(n, host, "missing name for host");
        if (streq(transport, "tcp"))
                xml_unset_attr(host, "transport");
        if (streq(transport, "unix")) {
                xml_unset_attr(host, "name");
                xml_unset_attr(host, "port");
        }
        if (xml_attr_is(host, "port", "0"))
                xml_unset_attr(host, "port");
        if (streq(transport, "tcp"))
                write_port(n, host, protocol);
        return 0;
}

/* What only some protocols have: asked of another one it would be without effect. */
static int check_protocol(Normaliser *n, xmlNode *source, const char *protocol) {
        static const struct {
                const char *element, *protocols;
        } limits[] = {
                { "snapshot", "rbd" },
                { "config", "rbd" },
                { "initiator", "iscsi" },
                { "ssl", "https ftps" },
                { "cookies", "http https" },
                { "readahead", "http https ftp ftps" },
                { "timeout", "http https ftp ftps" },
                { "reconnect", "nbd" },
                { "identity", "nfs ssh" },
                { "knownHosts", "ssh" },
        };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                xmlNode *e = xml_child(source, limits[i].element);

                if (e && !is_word_of(limits[i].protocols, protocol))
                        return fail_unsupported(n, e, "<%s> is not supported for the protocol '%s'",
                                                limits[i].element, protocol);
        }
        if (xml_attr(source, "tls") && !streq(protocol, "nbd") && xml_attr_is(source, "tls", "yes"))
                return fail_unsupported(n, source, "TLS is not supported for the protocol '%s'", protocol);
        if (xml_attr(source, "query") && !is_word_of("http https", protocol))
                return fail_unsupported(n, source, "query is not supported for the protocol '%s'", protocol);
        return 0;
}

static bool is_cookie_text(const char *s, const char *without) {
        for (; s && *s; s++)
                if (*s <= ' ' || *s > '~' || strchr(without, *s))
                        return false;
        return s;
}

static int check_cookies(Normaliser *n, xmlNode *cookies) {
        XML_FOREACH(cookie, cookies, "cookie") {
                const char *name = attr_or(cookie, "name", "");

                if (!*name || !is_cookie_text(name, "()<>@,;:\\\"/[]?={}"))
                        return fail_xml(n, cookie, "cookie name '%s' contains invalid characters", name);
                if (!is_cookie_text(xml_text(cookie), ",;\\"))
                        return fail_xml(n, cookie, "value of cookie '%s' contains invalid characters", name);
        }
        return 0;
}

/* By SSH, who one is can be shown in one of three ways. */
static int check_identity(Normaliser *n, xmlNode *layer, xmlNode *source) {
        xmlNode *identity = xml_child(source, "identity"),
                *auth = xml_child(layer, "auth") ?: xml_child(source, "auth");
        bool key = xml_attr(identity, "keyfile"), agent = xml_attr(identity, "agentsock");

        if (!xml_attr_is(source, "protocol", "ssh"))
                return key || agent ? fail_unsupported(n, identity, "keys are for the protocol 'ssh'") : 0;
        if (key + agent + !!auth > 1)
                return fail_unsupported(n, identity, "one of <auth>, keyfile and agentsock is supported for a source");
        if ((key || agent) && !*attr_or(identity, "username", ""))
                return fail_xml(n, identity, "Missing required attribute 'username' in element 'identity'");
        if (disk_is_served(layer) && !xml_is(layer, "disk"))
                return fail_unsupported(n, source,
                                        "passwords and keys for SSH are supported for disks, and not for what backs "
                                        "them or keeps their data");
        return 0;
}

static bool has_unit(const xmlNode *layer) {
        return xml_is(layer, "disk") || xml_is(layer, "backingStore") || xml_is(layer, "hostdev");
}

static int check_network(Normaliser *n, xmlNode *layer, xmlNode *source) {
        const char *protocol = xml_attr(source, "protocol"), *name = xml_attr(source, "name");
        int r = 0;

        if (!protocol)
                return fail_xml(n, source ?: layer, "missing network source protocol type");
        if ((!name || !*name) && !streq(protocol, "nbd"))
                return fail_xml(n, source, "missing name for disk source");
        XML_FOREACH(host, source, "host")
                r = r < 0 ? r : check_host(n, host, attr_or(source, "protocol", ""));
        if (r >= 0 && streq(protocol, "iscsi") && !strchr(name, '/') && has_unit(layer))
                norm_setf(n, source, "name", "%s/0", name);
        if (r >= 0)
                r = check_protocol(n, source, protocol);
        if (r >= 0)
                r = check_identity(n, layer, source);
        if (r >= 0 && xml_child(source, "initiator") && !xml_get(source, "initiator/iqn/@name"))
                r = fail_xml(n, xml_child(source, "initiator"), "missing initiator IQN");
        return r < 0 ? r : check_cookies(n, xml_child(source, "cookies"));
}

static int check_nvme(Normaliser *n, xmlNode *layer, xmlNode *source) {
        xmlNode *address = xml_child(source, "address");
        uint64_t namespace = 0;
        int r;

        if (!xml_attr_is(source, "type", "pci"))
                return fail_xml(n, source, "missing source type of the NVMe disk: only 'pci' is known");
        if (xml_attr_u64(source, "namespace", &namespace) < 0 || namespace == 0)
                return fail_xml(n, source, "NVMe namespace can't be zero");
        norm_set_default(n, source, "managed", "no");
        r = normalise_host_pci_address(n, layer, source);
        if (r >= 0)
                xml_unset_attr(address, "type");
        return r;
}

static int check_vhostuser(Normaliser *n, xmlNode *disk, xmlNode *source) {
        static const char *const refused[] = {
                "iotune",   "encryption", "auth",         "transient", "shareable", "readonly",
                "geometry", "blockio",    "backingStore", "vendor",    "product",   "wwn",      "serial",
        };
        static const char *const needless[] = { "cache", "io", "discard", "detect_zeroes", "copy_on_read",
                                                "error_policy", "rerror_policy", "iothread", "ioeventfd", "event_idx" };
        xmlNode *driver = xml_child(disk, "driver");

        if (!xml_attr_is(xml_child(disk, "target"), "bus", "virtio"))
                return fail_unsupported(n, disk, "vhostuser disk supports only virtio bus");
        if (!xml_attr_is(source, "type", "unix"))
                return fail_xml(n, source, "invalid type of the source of a vhostuser disk");
        if (!xml_attr_is(disk, "device", "disk"))
                return fail_unsupported(n, disk, "vhostuser disks cannot be of device '%s'",
                                        xml_attr(disk, "device"));
        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                if (xml_child(disk, refused[i]))
                        return fail_unsupported(n, xml_child(disk, refused[i]),
                                                "%s is not supported with vhostuser disk", refused[i]);
        for (size_t i = 0; i < ELEMENTSOF(needless); i++)
                if (xml_attr(driver, needless[i]))
                        return fail_unsupported(n, driver, "%s is not supported with vhostuser disk", needless[i]);
        return need_shared_memory(n, disk, "a vhostuser disk");
}

static int check_vdpa(Normaliser *n, xmlNode *disk, xmlNode *source) {
        if (!xml_attr_is(xml_child(disk, "target"), "bus", "virtio"))
                return fail_unsupported(n, disk, "vhostvdpa disk supports only virtio bus");
        return need_shared_memory(n, disk, "a vhostvdpa disk");
}

#define OF_EVERY_IMAGE "slices", "auth", "encryption", "reservations", "dataStore"

static const SourceType types[] = {
        { "file", { "file", "fdgroup" }, { "seclabel", OF_EVERY_IMAGE }, check_file },
        { "block", { "dev" }, { "seclabel", OF_EVERY_IMAGE }, check_file },
        { "dir", { "dir" }, { "seclabel" }, check_file },
        { "volume", { "pool", "volume", "mode" }, { "seclabel", OF_EVERY_IMAGE }, check_volume, true },
        { "network", { "protocol", "name", "query", "tls", "tlsHostname" },
          { "host", "snapshot", "config", "initiator", "ssl", "cookies", "readahead", "timeout", "reconnect",
            "identity", "knownHosts", OF_EVERY_IMAGE }, check_network, true },
        { "nvme", { "type", "managed", "namespace" }, { "address", "seclabel", OF_EVERY_IMAGE }, check_nvme, true },
        { "vhostuser", { "path", "type" }, { "reconnect" }, check_vhostuser },
        { "vhostvdpa", { "dev" }, { "seclabel" }, check_vdpa },
};

static const SourceType *type_of(const xmlNode *layer) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (xml_attr_is(layer, "type", types[i].type))
                        return &types[i];
        return &types[0];
}

static bool is_among(const char *const *list, size_t n, const char *name) {
        for (size_t i = 0; i < n && list[i]; i++)
                if (streq(list[i], name))
                        return true;
        return false;
}

/* Leaves of a source what its type has. */
static void drop_others(xmlNode *source, const SourceType *type) {
        static const char *const always[] = { "startupPolicy", "index" };

        for (xmlAttr *a = source ? source->properties : NULL, *next; a; a = next) {
                const char *name = (const char *) a->name;

                next = a->next;
                if (!is_among(type->attributes, ELEMENTSOF(type->attributes), name) &&
                    !is_among(always, ELEMENTSOF(always), name))
                        xml_unset_attr(source, name);
        }
        for (xmlNode *child = source ? source->children : NULL, *next; child; child = next) {
                next = child->next;
                if (child->type == XML_ELEMENT_NODE &&
                    !is_among(type->elements, ELEMENTSOF(type->elements), xml_name(child)))
                        xml_remove(child);
        }
}

static int check_slices(Normaliser *n, xmlNode *slices) {
        xmlNode *slice = xml_child(slices, "slice");

        if (!slices)
                return 0;
        if (!slice || xml_next(slice, "slice"))
                return fail_xml(n, slices, "exactly one slice of type 'storage' is supported");
        if (!xml_attr(slice, "type") || !xml_attr(slice, "offset") || !xml_attr(slice, "size") ||
            xml_attr_is(slice, "size", "0"))
                return fail_xml(n, slice, "a slice has a type, an offset and a size");
        return 0;
}

static int check_reservations(Normaliser *n, xmlNode *disk, xmlNode *reservations) {
        xmlNode *source = xml_child(reservations, "source");

        if (!reservations)
                return 0;
        if (!xml_attr_is(disk, "device", "lun"))
                return fail_unsupported(n, reservations, "<reservations/> allowed only for lun devices");
        if (!xml_attr(reservations, "managed"))
                return fail_xml(n, reservations, "missing managed attribute of <reservations/>");
        if (xml_attr_is(reservations, "managed", "yes")) {
                /* where its socket is, is the host's affair */
                xml_remove_children(reservations, "source");
                return 0;
        }
        if (!xml_attr(source, "path") || !xml_attr(source, "type") || !xml_attr(source, "mode"))
                return fail_xml(n, source ?: reservations, "missing connection type, path or mode for <reservations/>");
        return 0;
}

/* A disk without an image: a drive may stand empty. 1 where it is one. */
static int check_empty(Normaliser *n, xmlNode *disk, xmlNode *source, const SourceType *type) {
        const char *wanted = type->attributes[0];

        if (xml_attr_is(source, wanted, ""))
                xml_unset_attr(source, wanted);
        if (xml_attr_is(disk, "type", "network") && disk_is_removable(disk) && !xml_attr(source, "protocol"))
                wanted = "protocol";
        else if (xml_attr(source, wanted) || (type->says_itself && (source || !disk_is_removable(disk))))
                return 0;
        if (xml_attr_is(xml_child(disk, "target"), "bus", "usb"))
                return fail_unsupported(n, source ?: disk, "'usb' disk must not be empty");
        if (!disk_is_removable(disk))
                return fail_xml(n, source ?: disk, "no source %s is given for disk '%s'", wanted, target_of(disk));
        if (source && !xml_attr(source, "startupPolicy"))
                xml_remove(source);
        /* nothing of these is left without a name */
        if (!source || xml_attr_is(disk, "type", "network") || xml_attr_is(disk, "type", "volume"))
                norm_set(n, disk, "type", "file");
        return 1;
}

/* QEMU's library has one list of servers for all its connections. */
static int check_known_hosts(Normaliser *n, const xmlNode *layer, xmlNode *source) {
        const char *path = xml_get(source, "knownHosts/@path");

        if (xml_child(source, "knownHosts") && !path)
                return fail_xml(n, xml_child(source, "knownHosts"), "<knownHosts> names no path");
        if (disk_is_served(layer))
                return 0;
        XML_FOREACH(disk, n->devices, "disk") {
                const char *other = xml_get(disk, "source/knownHosts/@path");

                if (path && other && !streq(path, other) && !disk_is_served(disk))
                        return fail_unsupported(n, xml_child(source, "knownHosts"),
                                                "'%s' and '%s': the disks of a guest share one list of known hosts",
                                                path, other);
        }
        return 0;
}

/* Whole SCSI devices of the host, or of an iSCSI target. */
static int check_lun(Normaliser *n, xmlNode *disk, xmlNode *source) {
        const char *type = attr_or(disk, "type", "");

        if (!xml_attr_is(disk, "device", "lun"))
                return 0;
        if (streq(type, "network") && !xml_attr_is(source, "protocol", "iscsi"))
                return fail_unsupported(n, disk, "disk device='lun' is not supported for protocol='%s'",
                                        attr_or(source, "protocol", ""));
        if (!is_word_of("network block volume", type))
                return fail_unsupported(n, disk, "disk device='lun' is only valid for block type disk source");
        return 0;
}

/* What is in both places, below the disk and below its source, counts below the disk. */
static int check_access(Normaliser *n, xmlNode *layer, xmlNode *source, const char *format) {
        static const char *const names[] = { "auth", "encryption" };
        const char *protocol = attr_or(source, "protocol", "");
        int r;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (xml_is(layer, "disk") && xml_child(layer, names[i]) && xml_child(source, names[i]))
                        return fail_xml(n, xml_child(source, names[i]),
                                        "<%s> stands below the disk as well: one of them is one too many", names[i]);
        r = check_auth(n, xml_child(layer, "auth") ?: xml_child(source, "auth"), protocol);
        if (r >= 0)
                r = check_encryption(n, xml_child(layer, "encryption") ?: xml_child(source, "encryption"), source,
                                     format);
        return r;
}

int normalise_network_source(Normaliser *n, xmlNode *layer) {
        xmlNode *source = xml_child(layer, "source");
        int r = check_network(n, layer, source);

        return r < 0 ? r : check_access(n, layer, source, "raw");
}

/* Where an image of format qcow2 keeps the guest's data, itself having the tables alone. */
static int check_store(Normaliser *n, xmlNode *store, const char *format) {
        xmlNode *source = xml_child(store, "source");
        const SourceType *type;
        int r;

        if (!store)
                return 0;
        if (!streq(format, "qcow2"))
                return fail_unsupported(n, store, "Only 'qcow2' images support 'dataStore'");
        if (xml_child(source, "dataStore"))
                return fail_unsupported(n, store, "'dataStore' isn't allowed within itself");
        norm_set_default(n, norm_ensure(n, store, "format"), "type", "raw");
        norm_set_default(n, store, "type", "file");
        type = type_of(store);
        if (!source || !xml_attr(source, type->attributes[0]))
                return fail_xml(n, source ?: store, "the data store of an image names no %s", type->attributes[0]);
        drop_others(source, type);
        r = type->check(n, store, source);
        return r < 0 ? r : check_access(n, store, source, "raw");
}

static int check_layer(Normaliser *n, xmlNode *layer, const char *format) {
        xmlNode *source = xml_child(layer, "source");
        const SourceType *type = type_of(layer);
        int r;

        drop_others(source, type);
        r = type->check(n, layer, source);
        if (r >= 0)
                r = check_slices(n, xml_child(source, "slices"));
        if (r >= 0)
                r = check_known_hosts(n, layer, source);
        if (r >= 0)
                r = check_store(n, xml_child(source, "dataStore"), format);
        return r < 0 ? r : check_access(n, layer, source, format);
}

int normalise_disk_source(Normaliser *n, xmlNode *disk) {
        xmlNode *source = xml_child(disk, "source");
        int r;

        r = check_empty(n, disk, source, type_of(disk));
        if (r != 0)
                return r < 0 ? r : 0;
        r = check_layer(n, disk, xml_get(disk, "driver/@type") ?: "raw");
        if (r >= 0)
                r = check_lun(n, disk, source);
        if (r >= 0)
                r = check_reservations(n, disk, xml_child(source, "reservations"));
        for (xmlNode *l = xml_child(disk, "backingStore"); r >= 0 && l && xml_attr(l, "type");
             l = xml_child(l, "backingStore")) {
                r = check_layer(n, l, xml_get(l, "format/@type") ?: "raw");
                /* they are the disk's own device's, of which there is none below an image */
                if (r >= 0)
                        r = check_reservations(n, l, xml_find(l, "source/reservations"));
        }
        return r;
}
