/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ports: one for each interface of a guest on a network, as a file NAME.ports/UUID.xml beside the live definition.
 * vm-prepare and hotplug write them, vm-cleanup removes them; so none is kept in memory. Those of others' guests are
 * made and removed by calls. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/fs.h"
#include "base/network-news.h"
#include "base/strings.h"
#include "loop/fiber.h"
#include "network.h"
#include "rpc/typed-params.h"

#define PORTS_MAX 16384U

#define LOCK_TRIES 100U
#define LOCK_STEP 20000U

/* virNetworkPortCreateFlags */
enum { PORT_RECLAIM = 1, PORT_VALIDATE = 2 };

static char *folder_of(const Network *n) {
        return text_format("%s/network/%s.ports", path_run(), n->object.name);
}

static char *path_of(const Network *n, const uint8_t uuid[16]) {
        char text[37];

        uuid_format(uuid, text);
        return text_format("%s/network/%s.ports/%s.xml", path_run(), n->object.name, text);
}

typedef struct PortList {
        uint8_t (*uuids)[16];
        size_t n;
} PortList;

static void port_list_done(PortList *l) {
        free(l->uuids);
}

static int list_ports(const Network *n, PortList *ret) {
        _cleanup_(port_list_done) PortList l = {};
        _cleanup_free_ char *folder = folder_of(n);
        const struct dirent *de;
        DIR *d;

        d = folder ? opendir(folder) : NULL;
        while (d && l.n < PORTS_MAX && (de = readdir(d))) {
                _cleanup_free_ char *name = strndup(de->d_name, strcspn(de->d_name, "."));
                uint8_t uuid[16], (*more)[16];

                if (!name || !endswith(de->d_name, ".xml") || uuid_parse(name, uuid) < 0)
                        continue;
                more = reallocarray(l.uuids, l.n + 1, sizeof *l.uuids);
                if (!more)
                        break;
                l.uuids = more;
                memcpy(l.uuids[l.n++], uuid, sizeof uuid);
        }
        if (d)
                closedir(d);
        *ret = TAKE_GENERIC(l, (PortList) {});
        return 0;
}

unsigned network_n_ports(const Network *n) {
        _cleanup_(port_list_done) PortList l = {};

        (void) list_ports(n, &l);
        return (unsigned) l.n;
}

/* --- the objects of calls --- */

static int find_network(Call *c, const remote_nonnull_network *wire, Network **ret, Error *e) {
        Object *o = object_by_uuid(call_index(c), (const uint8_t *) wire->uuid);

        if (!o)
                return object_none_uuid(&kind_network, (const uint8_t *) wire->uuid, wire->name, e);
        *ret = (Network *) o;
        return 0;
}

static void port_acl(const Object *o, ObjectAcl *acl) {
        uuid_format(o->uuid, acl->uuid);
        acl->details[0] = "network_name";
        acl->details[1] = o->parent->name;
        acl->details[2] = "port_uuid";
        acl->details[3] = acl->uuid;
}

static ObjectIndex *no_index(void *driver) {
        return &((NetworkDriver *) driver)->networks;
}

static const ObjectKind kind_port = {
        .word = "network port",
        .acl_uuid = "port_uuid",
        .none = ERROR_NO_NETWORK_PORT,
        .origin = ORIGIN_NETWORK,
        .subject = ORIGIN_NETWORK,
        .size = sizeof(Object),
        .index = no_index,
        .acl = port_acl,
};

/* May the caller do this to the port? The object lives for the question only. */
static int check_port(Call *c, Network *n, const uint8_t uuid[16], Error *e) {
        ObjectIndex index;
        _cleanup_object_ Object *o = NULL;
        int r;

        object_index_init(&index, &kind_port, n->object.index->host, n->object.index->driver);
        r = object_new(&index, &n->object, NULL, uuid, &o);
        if (r >= 0)
                r = object_check_access(c, o, 0, e);
        return r;
}

static int no_port(const uint8_t uuid[16], Error *e) {
        char text[37];

        uuid_format(uuid, text);
        return error_set(e, -ENOENT, ERROR_NO_NETWORK_PORT, ORIGIN_NETWORK, "Cannot find network port %s", text);
}

/* The network and the port's file, which is there. */
static int find_port(Call *c, const remote_nonnull_network *net, const void *uuid, Network **ret, char **ret_path,
                     Error *e) {
        _cleanup_free_ char *path = NULL;
        Network *n = NULL;
        int r;

        r = find_network(c, net, &n, e);
        if (r >= 0)
                r = check_port(c, n, uuid, e);
        if (r < 0)
                return r;
        path = path_of(n, uuid);
        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) < 0)
                return no_port(uuid, e);
        *ret = n;
        *ret_path = TAKE_PTR(path);
        return 0;
}

static int to_wire(const Network *n, const uint8_t uuid[16], remote_nonnull_network_port *ret) {
        memcpy(ret->uuid, uuid, 16);
        return object_to_wire(&n->object, &ret->net);
}

/* --- calls --- */

static int list_all(Call *c, const remote_network_list_all_ports_args *args, remote_network_list_all_ports_ret *ret,
                    Error *e) {
        _cleanup_(port_list_done) PortList l = {};
        Network *n = NULL;
        int r;

        r = find_network(c, &args->network, &n, e);
        if (r >= 0)
                r = object_check_access(c, &n->object, 0, e);
        if (r >= 0)
                r = list_ports(n, &l);
        if (r < 0)
                return r;
        ret->ret = (unsigned) l.n;
        if (!args->need_results)
                return 0;
        ret->ports.ports_val = calloc(l.n + 1, sizeof *ret->ports.ports_val);
        if (!ret->ports.ports_val)
                return -ENOMEM;
        for (size_t i = 0; i < l.n && r >= 0; i++)
                r = to_wire(n, l.uuids[i], &ret->ports.ports_val[ret->ports.ports_len++]);
        return r;
}

static int look_up(Call *c, const remote_network_port_lookup_by_uuid_args *args,
                   remote_network_port_lookup_by_uuid_ret *ret, Error *e) {
        _cleanup_free_ char *path = NULL;
        Network *n = NULL;
        int r = find_port(c, &args->network, args->uuid, &n, &path, e);

        return r < 0 ? r : to_wire(n, (const uint8_t *) args->uuid, &ret->port);
}

static int load_port(Call *c, const remote_nonnull_network_port *port, Definition **ret, Error *e) {
        _cleanup_free_ char *path = NULL;
        Network *n = NULL;
        int r = find_port(c, &port->net, port->uuid, &n, &path, e);

        return r < 0 ? r : definition_load_as(&document_networkport, path, DEFINITION_UNCHECKED, ret, e);
}

static int get_xml(Call *c, const remote_network_port_get_xml_desc_args *args,
                   remote_network_port_get_xml_desc_ret *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r = load_port(c, &args->port, &d, e);

        return r < 0 ? r : definition_format(d, 0, &ret->xml);
}

static int write_port(const Definition *d, const char *path, Error *e) {
        _cleanup_free_ char *text = NULL;
        int r = definition_format(d, 0, &text);

        if (r >= 0)
                r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(e, r, ORIGIN_NETWORK, "cannot write %s", path) : 0;
}

/* Whoever chooses a device has it for a moment only. */
static int lock_folder(const char *folder) {
        _cleanup_close_ int fd = -EBADF;
        int r = mkdir_p(folder, 0700);

        fd = r < 0 ? r : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (r >= 0 && fd < 0)
                r = -errno;
        for (unsigned i = 0; r >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
                r = errno != EWOULDBLOCK ? -errno : i < LOCK_TRIES ? fiber_sleep(LOCK_STEP) : -EBUSY;
        return r < 0 ? r : TAKE_FD(fd);
}

/* Who has its port already, and the network has come anew, says where it is plugged in; who has none is told. */
static int plug(const Network *n, xmlNode *port, bool reclaim, Error *e) {
        bool plugged = !streq(xml_get(port, "plug/@type") ?: "none", "none");

        if (reclaim && !plugged)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NETWORK,
                                 "Port reclaim requested but plug type is none");
        if (!reclaim && plugged)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NETWORK,
                                 "Port reclaim not requested but plug type is not none");
        return reclaim ? 0 : network_port_allocate(n, port, e);
}

static int create_port(Network *n, const char *xml, uint32_t flags, uint8_t uuid[16], Error *e) {
        _cleanup_free_ char *path = NULL, *folder = folder_of(n);
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_close_ int lock = -EBADF;
        char text[37];
        int r;

        r = definition_parse_as(&document_networkport, xml, strlen(xml), NULL,
                                flags & PORT_VALIDATE ? DEFINITION_VALIDATE : 0, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r < 0)
                return r;
        (void) definition_uuid(d, uuid);
        uuid_format(uuid, text);
        path = path_of(n, uuid);
        if (!path || !folder)
                return -ENOMEM;
        lock = lock_folder(folder);
        if (lock < 0)
                return error_set_errno(e, lock, ORIGIN_NETWORK, "cannot lock %s", folder);
        if (access(path, F_OK) >= 0)
                return error_set(e, -EEXIST, ERROR_NETWORK_PORT_EXIST, ORIGIN_NETWORK,
                                 "Network port with UUID %s already exists", text);
        r = plug(n, definition_root(d), flags & PORT_RECLAIM, e);
        if (r >= 0)
                r = write_port(d, path, e);
        if (r >= 0)
                network_news(n->object.name);
        return r;
}

static int create(Call *c, const remote_network_port_create_xml_args *args, remote_network_port_create_xml_ret *ret,
                  Error *e) {
        _cleanup_object_ Object *hold = NULL;
        uint8_t uuid[16] = {};
        Network *n = NULL;
        int r;

        r = find_network(c, &args->network, &n, e);
        if (r >= 0)
                r = check_port(c, n, uuid, e);
        if (r < 0)
                return r;
        hold = object_ref(&n->object);
        if (!n->active)
                r = object_error_inactive(&n->object, e);
        if (r >= 0)
                r = create_port(n, args->xml, args->flags, uuid, e);
        return r < 0 ? r : to_wire(n, uuid, &ret->port);
}

static int delete(Call *c, const remote_network_port_delete_args *args, rpc_void *ret, Error *e) {
        _cleanup_free_ char *path = NULL;
        Network *n = NULL;
        int r = find_port(c, &args->port.net, args->port.uuid, &n, &path, e);

        if (r < 0)
                return r;
        if (unlink(path) < 0)
                return error_set_errno(e, -errno, ORIGIN_NETWORK, "cannot remove %s", path);
        network_news(n->object.name);
        return 0;
}

/* --- bandwidth --- */

static const struct { const char *field, *element, *attribute; } limits[] = {
        { "inbound.average", "inbound", "average" },   { "inbound.peak", "inbound", "peak" },
        { "inbound.floor", "inbound", "floor" },       { "inbound.burst", "inbound", "burst" },
        { "outbound.average", "outbound", "average" }, { "outbound.peak", "outbound", "peak" },
        { "outbound.burst", "outbound", "burst" },
};

static int get_parameters(Call *c, const remote_network_port_get_parameters_args *args,
                          remote_network_port_get_parameters_ret *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_typed_params_ TypedParams p = {};
        int r;

        r = load_port(c, &args->port, &d, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                const xmlNode *node = xml_child(xml_child(definition_root(d), "bandwidth"), limits[i].element);
                unsigned value = 0;

                if (node &&
                    (xml_attr_uint(node, limits[i].attribute, &value) >= 0 || !streq(limits[i].attribute, "floor")))
                        typed_params_add_uint(&p, limits[i].field, value);
        }
        ret->nparams = (int) p.len;
        if (args->nparams == 0)
                return p.error;
        return typed_params_take(&p, &ret->params.params_val, &ret->params.params_len);
}

/* What is guaranteed to a card is a class of the bridge's, which vm-plug makes (virsh domiftune). */
static int check_floor(const xmlNode *root, size_t i, unsigned value, Error *e) {
        unsigned has = 0;

        if (!streq(limits[i].attribute, "floor"))
                return 0;
        (void) xml_attr_uint(xml_find(root, "bandwidth/inbound"), "floor", &has);
        return value == has ? 0
                            : error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_NETWORK,
                                        "a guaranteed bandwidth (floor) is changed by the guest's card, not by its "
                                        "port");
}

static int set_limit(xmlNode *root, size_t i, unsigned value) {
        xmlNode *bandwidth = xml_ensure(root, "bandwidth"),
                *node = bandwidth ? xml_ensure(bandwidth, limits[i].element) : NULL;

        if (!node)
                return -ENOMEM;
        if (value > 0)
                return xml_set_attrf(node, limits[i].attribute, "%u", value);
        xml_unset_attr(node, limits[i].attribute);
        if (!node->properties)
                xml_remove(node);
        return 0;
}

static int set_parameters(Call *c, const remote_network_port_set_parameters_args *args, rpc_void *ret, Error *e) {
        TypedParamRule rules[ELEMENTSOF(limits)];
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *path = NULL;
        Network *n = NULL;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                rules[i] = (TypedParamRule) { .field = limits[i].field, .type = TYPED_PARAM_UINT };
        r = find_port(c, &args->port.net, args->port.uuid, &n, &path, e);
        if (r >= 0)
                r = typed_params_validate(args->params.params_val, args->params.params_len, rules, ELEMENTSOF(rules),
                                          e);
        if (r >= 0)
                r = definition_load_as(&document_networkport, path, DEFINITION_UNCHECKED, &d, e);
        for (size_t i = 0; i < ELEMENTSOF(limits) && r >= 0; i++) {
                unsigned value;

                if (typed_params_get_uint(args->params.params_val, args->params.params_len, limits[i].field, &value) <=
                    0)
                        continue;
                r = check_floor(definition_root(d), i, value, e);
                if (r >= 0)
                        r = set_limit(definition_root(d), i, value);
        }
        return r < 0 ? r : write_port(d, path, e);
}

static const RpcHandler rows[] = {
        PLAIN(NETWORK_LIST_ALL_PORTS, list_all),
        PLAIN(NETWORK_PORT_LOOKUP_BY_UUID, look_up),
        PLAIN(NETWORK_PORT_GET_XML_DESC, get_xml),
        PLAIN(NETWORK_PORT_CREATE_XML, create, .flags = PORT_RECLAIM | PORT_VALIDATE),
        PLAIN(NETWORK_PORT_DELETE, delete),
        PLAIN(NETWORK_PORT_GET_PARAMETERS, get_parameters, .flags = TYPED_PARAM_STRING_OKAY),
        PLAIN(NETWORK_PORT_SET_PARAMETERS, set_parameters),
};
const RpcTable network_table_ports = RPC_TABLE(rows);
