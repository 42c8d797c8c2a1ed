/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices that clients make: mediated devices, for a while or for good, and ports of Fibre Channel adapters. */

#include <ctype.h>
#include <inttypes.h>
#include <sys/random.h>

#include "base/strings.h"
#include "loop/fiber.h"
#include "model/xml.h"
#include "nodedev.h"

#define CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_device, Device, NAME, f, __VA_ARGS__)
#define ACTION(NAME, f, ...) OBJECT_ACTION(remote, REMOTE, &kind_device, Device, NAME, f, __VA_ARGS__)
#define PLAIN(NAME, f, ...) PLAIN_CALL(remote, REMOTE, &kind_device, NAME, f, __VA_ARGS__)

/* The kernel makes a device while it is asked to; udev tells of it a little later. */
#define APPEAR_TRIES 100U
#define APPEAR_STEP (100U * 1000U)

/* VIR_NODE_DEVICE_UPDATE_AFFECT_x, and the flag of the two VALIDATE forms */
enum { UPDATE_LIVE = 1, UPDATE_CONFIG = 2, VALIDATE = 1 };

/* --- documents --- */

static int parse(const char *xml, xmlDocPtr *ret_doc, const xmlNode **ret_capability, Error *e) {
        const xmlNode *capability;
        int r;

        r = xml_parse(xml, strlen(xml), NULL, "device", ret_doc, e);
        if (r < 0)
                return r;
        capability = xml_child(xmlDocGetRootElement(*ret_doc), "capability");
        if (!capability || !xml_attr(capability, "type"))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_NODEDEV, "no device capabilities for '%s'",
                                 xml_text(xml_child(xmlDocGetRootElement(*ret_doc), "name")) ?: "new device");
        *ret_capability = capability;
        return 0;
}

static const char *sysname_of(const Device *d) {
        return d->syspath ? strrchr(d->syspath, '/') + 1 : NULL;
}

static int find_parent(NodedevDriver *driver, const xmlNode *root, const char **ret, Error *e) {
        const char *name = xml_text(xml_child(root, "parent"));
        const Object *o = name && *name ? device_look_for(driver, name) : NULL;

        if (!name || !*name)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_NODEDEV, "a mediated device needs a <parent>");
        if (!o || !sysname_of(device_of(o)))
                return error_set(e, -ENOENT, ERROR_NO_NODE_DEVICE, ORIGIN_NODEDEV,
                                 "could not find parent device for '%s'", name);
        *ret = sysname_of(device_of(o));
        return 0;
}

static int take_attributes(const xmlNode *capability, MdevSpec *s, Error *e) {
        size_t n = 0;

        XML_FOREACH(attr, capability, "attr") {
                const char *name = xml_attr(attr, "name"), *value = xml_attr(attr, "value");
                int r;

                if (!name || !*name || !value || strchr(name, '/') || ++n > MDEV_ATTRIBUTES_MAX)
                        return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_NODEDEV,
                                         "line %u: an <attr> has a name without '/', and a value", xml_line(attr));
                r = strv_add(&s->attributes, name);
                if (r >= 0)
                        r = strv_add(&s->attributes, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int take_uuid(const xmlNode *capability, MdevSpec *s, Error *e) {
        const char *text = xml_text(xml_child(capability, "uuid"));
        uint8_t uuid[16];
        int r;

        r = text ? uuid_parse(text, uuid) : uuid_generate(uuid);
        if (r < 0)
                return text ? error_set(e, r, ERROR_XML_ERROR, ORIGIN_NODEDEV, "malformed uuid '%s'", text) : r;
        s->uuid = malloc(37);
        if (!s->uuid)
                return -ENOMEM;
        uuid_format(uuid, s->uuid);
        return 0;
}

static int take_spec(NodedevDriver *driver, const xmlNode *root, const xmlNode *capability, MdevSpec *s, Error *e) {
        const xmlNode *type = xml_child(capability, "type");
        const char *id = type ? xml_attr(type, "id") : NULL, *parent = NULL;
        int r;

        if (!id || !*id || strchr(id, '/'))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_NODEDEV, "missing type id attribute");
        r = find_parent(driver, root, &parent, e);
        if (r >= 0)
                r = take_uuid(capability, s, e);
        if (r >= 0)
                r = take_attributes(capability, s, e);
        if (r < 0)
                return r;
        s->type = strdup(id);
        s->parent = strdup(parent);
        return s->type && s->parent ? 0 : -ENOMEM;
}

/* --- mediated devices --- */

static int mdev_work(NodedevDriver *d, const char *verb, const MdevSpec *s, bool with_text, Error *e) {
        _cleanup_free_ char *text = NULL;
        int r = with_text ? mdev_format(s, &text) : 0;

        return r < 0 ? r
                     : nodedev_work(d,
                                    (const char *const[]){ "verb", verb, "uuid", s->uuid, "parent", s->parent, "input",
                                                           text, NULL },
                                    e);
}

static Object *wait_for(NodedevDriver *driver, const char *name) {
        Object *o = NULL;

        for (unsigned i = 0; i < APPEAR_TRIES; i++) {
                o = device_look_for(driver, name);
                if (o && object_is_active(o))
                        return o;
                if (fiber_sleep(APPEAR_STEP) < 0)
                        break;
        }
        return o;
}

static int reply_new(Call *c, const char *name, bool active, remote_nonnull_node_device *ret, Error *e) {
        const Object *o = active ? wait_for(call_driver(c), name) : device_look_for(call_driver(c), name);

        if (!o || (active && !object_is_active(o)))
                return error_set(e, -ENOENT, ERROR_NO_NODE_DEVICE, ORIGIN_NODEDEV,
                                 "no node device for '%s' with matching name: it was made, and did not come", name);
        ret->name = strdup(o->name);
        return ret->name ? 0 : -ENOMEM;
}

static int check_new(Call *c, const MdevSpec *s, const char *name, Error *e) {
        const char *const details[] = { "node_device_name", name, NULL };
        const Object *o;
        int r;

        r = call_check_access_to(c, 0, details, e);
        if (r < 0)
                return r;
        o = device_look_for(call_driver(c), name);
        return o ? error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_NODEDEV,
                             "node device '%s' is there already: a mediated device with this uuid", name)
                 : 0;
}

static int make_mdev(Call *c, const xmlNode *root, const xmlNode *capability, bool define,
                     remote_nonnull_node_device *ret, Error *e) {
        _cleanup_mdev_spec_ MdevSpec s = {};
        _cleanup_free_ char *name = NULL;
        int r;

        r = take_spec(call_driver(c), root, capability, &s, e);
        if (r < 0)
                return r;
        name = mdev_name(s.uuid, s.parent);
        if (!name)
                return -ENOMEM;
        r = check_new(c, &s, name, e);
        if (r >= 0)
                r = mdev_work(call_driver(c), define ? "mdev-define" : "mdev-start", &s, true, e);
        return r < 0 ? r : reply_new(c, name, !define, ret, e);
}

/* --- ports --- */

/* Registered by the IEEE for hypervisors; the rest by chance. */
static char *make_wwn(void) {
        uint64_t number;

        if (getrandom(&number, sizeof number, 0) != sizeof number)
                return NULL;
        return text_format("5001a4a%09" PRIx64, number & UINT64_C(0xfffffffff));
}

static bool is_wwn(const char *s) {
        return strlen(s) == 16 && strspn(s, "0123456789abcdefABCDEF") == 16;
}

static int wwn_of(const xmlNode *adapter, const char *name, char **ret, Error *e) {
        const char *text = xml_text(xml_child(adapter, name));

        if (text && *text && !is_wwn(text))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_NODEDEV, "malformed %s '%s': 16 hex digits", name,
                                 text);
        *ret = text && *text ? strdup(text) : make_wwn();
        return *ret ? 0 : -ENOMEM;
}

static int find_host(NodedevDriver *driver, const xmlNode *root, const char **ret, Error *e) {
        const xmlNode *parent = xml_child(root, "parent");
        const char *name = xml_text(parent), *wwnn = xml_attr(parent, "wwnn"), *wwpn = xml_attr(parent, "wwpn"),
                   *fabric = xml_attr(parent, "fabric_wwn");
        const Object *o = name && *name ? device_look_for(driver, name) : NULL;
        Device *d = o ? device_of(o) : name && *name ? NULL : device_by_wwn(driver, wwnn, wwpn, fabric, true);

        if (!d)
                return error_set(e, -ENOENT, ERROR_NO_NODE_DEVICE, ORIGIN_NODEDEV,
                                 name && *name ? "could not find parent device for '%s'"
                                               : "no host adapter%s makes virtual ports",
                                 name ?: "");
        if (!(device_flags(d) & DEVICE_FLAG_VPORTS))
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_NODEDEV,
                                 "vport operation is not supported by '%s': no vport_create", d->object.name);
        *ret = sysname_of(d);
        return 0;
}

static int port_work(NodedevDriver *d, const char *verb, const char *host, const char *wwnn, const char *wwpn,
                     Error *e) {
        return nodedev_work(d,
                            (const char *const[]){ "verb", verb, "host", host, "wwpn", wwpn, "wwnn", wwnn, NULL },
                            e);
}

static int make_port(Call *c, const xmlNode *root, const xmlNode *capability, remote_nonnull_node_device *ret,
                     Error *e) {
        const char *const details[] = { "node_device_name", "new device", NULL };
        const xmlNode *adapter = xml_child(capability, "capability");
        _cleanup_free_ char *wwnn = NULL, *wwpn = NULL;
        NodedevDriver *driver = call_driver(c);
        const Device *d = NULL;
        const char *host = NULL;
        int r;

        if (!xml_attr_is(adapter, "type", "fc_host"))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_NODEDEV,
                                 "a new scsi_host has a capability 'fc_host'");
        r = call_check_access_to(c, 0, details, e);
        if (r >= 0)
                r = wwn_of(adapter, "wwnn", &wwnn, e);
        if (r >= 0)
                r = wwn_of(adapter, "wwpn", &wwpn, e);
        if (r >= 0)
                r = find_host(driver, root, &host, e);
        if (r >= 0)
                r = port_work(driver, "port-create", host, wwnn, wwpn, e);
        for (unsigned i = 0; r >= 0 && !d && i < APPEAR_TRIES; i++) {
                d = device_by_wwn(driver, wwnn, wwpn, NULL, false);
                if (!d)
                        r = fiber_sleep(APPEAR_STEP);
        }
        if (r < 0)
                return r;
        if (!d)
                return error_set(e, -ENOENT, ERROR_NO_NODE_DEVICE, ORIGIN_NODEDEV,
                                 "no node device with wwpn '%s': it was made, and did not come", wwpn);
        ret->name = strdup(d->object.name);
        return ret->name ? 0 : -ENOMEM;
}

/* --- calls --- */

static int make(Call *c, const char *xml, bool define, remote_nonnull_node_device *ret, Error *e) {
        const xmlNode *capability = NULL, *root;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        const char *type;
        int r;

        r = parse(xml, &doc, &capability, e);
        if (r < 0)
                return r;
        root = xmlDocGetRootElement(doc);
        type = xml_attr(capability, "type");
        if (streq(type, "mdev"))
                return make_mdev(c, root, capability, define, ret, e);
        if (streq(type, "scsi_host") && !define)
                return make_port(c, root, capability, ret, e);
        return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_NODEDEV,
                         define ? "Unsupported device type '%s': mediated devices (mdev) are defined"
                                : "Unsupported device type '%s': mediated devices (mdev) and virtual ports (scsi_host "
                                  "with fc_host) are made",
                         type);
}

static int create_xml(Call *c, const remote_node_device_create_xml_args *args, remote_node_device_create_xml_ret *ret,
                      Error *e) {
        return make(c, args->xml_desc, false, &ret->dev, e);
}

static int define_xml(Call *c, const remote_node_device_define_xml_args *args, remote_node_device_define_xml_ret *ret,
                      Error *e) {
        return make(c, args->xml_desc, true, &ret->dev, e);
}

static int need_definition(const Device *d, MdevSpec *s, Error *e) {
        if (d->kind != &device_mdev)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_NODEDEV,
                                 "Unsupported device type: '%s' is no mediated device", d->object.name);
        if (!d->config)
                return object_refuse(&d->object, e, "node device '%s' is not persistent", d->object.name);
        return mdev_load(d, s, e);
}

static int create(Call *c, Device *d, uint32_t flags, Error *e) {
        _cleanup_free_ char *name = strdup(d->object.name);
        _cleanup_mdev_spec_ MdevSpec s = {};
        const Object *o;
        int r;

        if (!name)
                return -ENOMEM;
        if (d->syspath)
                return object_refuse(&d->object, e, "Device is already active");
        r = need_definition(d, &s, e);
        if (r >= 0)
                r = mdev_work(call_driver(c), "mdev-start", &s, false, e);
        if (r < 0)
                return r;
        o = wait_for(call_driver(c), name);
        return o && object_is_active(o) ? 0
                                        : error_set(e, -ENOENT, ERROR_NO_NODE_DEVICE, ORIGIN_NODEDEV,
                                                    "node device '%s' was started, and did not come", name);
}

static int destroy_port(Call *c, Device *d, Error *e) {
        _cleanup_(sd_device_unrefp) sd_device *device = NULL, *fc = NULL;
        const char *sysname = sysname_of(d), *wwnn, *wwpn, *host = NULL;
        sd_device *up;

        if (sd_device_new_from_syspath(&device, d->syspath) < 0 ||
            sd_device_new_from_subsystem_sysname(&fc, "fc_host", sysname) < 0)
                return error_set(e, -EOPNOTSUPP, ERROR_INTERNAL, ORIGIN_NODEDEV, "Device '%s' is not a fc_host device",
                                 d->object.name);
        for (up = device; sd_device_get_parent(up, &up) >= 0;) {
                const char *devtype;

                if (sd_device_get_devtype(up, &devtype) >= 0 && streq(devtype, "scsi_host"))
                        (void) sd_device_get_sysname(up, &host);
                if (host)
                        break;
        }
        wwnn = device_attribute(fc, "node_name");
        wwpn = device_attribute(fc, "port_name");
        if (!host || !wwnn || !wwpn)
                return error_set(e, -EOPNOTSUPP, ERROR_INTERNAL, ORIGIN_NODEDEV, "'%s' is no virtual port",
                                 d->object.name);
        return port_work(call_driver(c), "port-delete", host, startswith(wwnn, "0x") ?: wwnn,
                         startswith(wwpn, "0x") ?: wwpn, e);
}

static int destroy(Call *c, Device *d, const remote_node_device_destroy_args *args, rpc_void *ret, Error *e) {
        MdevSpec s = {};

        if (!object_is_active(&d->object))
                return object_refuse(&d->object, e, "Device '%s' is not active", d->object.name);
        if (d->kind == &device_scsi_host)
                return destroy_port(c, d, e);
        if (d->kind != &device_mdev)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_NODEDEV,
                                 "Unsupported device type");
        s.uuid = (char *) sysname_of(d);
        return mdev_work(call_driver(c), "mdev-stop", &s, false, e);
}

static int undefine(Call *c, Device *d, uint32_t flags, Error *e) {
        _cleanup_mdev_spec_ MdevSpec s = {};
        int r;

        r = need_definition(d, &s, e);
        if (r >= 0)
                r = mdev_work(call_driver(c), "mdev-undefine", &s, false, e);
        if (r >= 0)
                mdev_look(call_driver(c));
        return r;
}

static int set_autostart(Call *c, Device *d, const remote_node_device_set_autostart_args *args, rpc_void *ret,
                         Error *e) {
        _cleanup_mdev_spec_ MdevSpec s = {};
        int r = need_definition(d, &s, e);

        if (r < 0 || s.automatic == (args->autostart != 0))
                return r;
        return mdev_work(call_driver(c), args->autostart ? "mdev-auto" : "mdev-manual", &s, false, e);
}

/* Nothing but attributes is changed: another type or parent would be another device. */
static int check_same(const MdevSpec *old, const MdevSpec *new, Error *e) {
        const char *what = !streq(old->type, new->type) ? "type" : !streq(old->parent, new->parent) ? "parent"
                           : !streq(old->uuid, new->uuid)                                          ? "uuid"
                                                                                                   : NULL;

        return what ? error_set(e, -EINVAL, ERROR_OPERATION_UNSUPPORTED, ORIGIN_NODEDEV,
                                "the %s of a mediated device cannot be changed", what)
                    : 0;
}

static int update(Call *c, Device *d, const remote_node_device_update_args *args, rpc_void *ret, Error *e) {
        bool live = args->flags & UPDATE_LIVE || (!(args->flags & UPDATE_CONFIG) && d->syspath),
             config = args->flags & UPDATE_CONFIG || (!args->flags && !d->syspath);
        _cleanup_mdev_spec_ MdevSpec old = {}, new = {};
        _cleanup_xml_ xmlDocPtr doc = NULL;
        const xmlNode *capability = NULL;
        int r;

        if (live && !d->syspath)
                return object_refuse(&d->object, e, "Device '%s' is not active", d->object.name);
        r = need_definition(d, &old, e);
        if (r >= 0)
                r = parse(args->xml_desc, &doc, &capability, e);
        if (r >= 0)
                r = take_spec(call_driver(c), xmlDocGetRootElement(doc), capability, &new, e);
        if (r >= 0)
                r = check_same(&old, &new, e);
        new.automatic = old.automatic;
        if (r >= 0 && live)
                r = mdev_work(call_driver(c), "mdev-modify-live", &new, true, e);
        if (r >= 0 && config)
                r = mdev_work(call_driver(c), "mdev-modify", &new, true, e);
        return r;
}

static int lookup_wwn(Call *c, const remote_node_device_lookup_scsi_host_by_wwn_args *args,
                      remote_node_device_lookup_scsi_host_by_wwn_ret *ret, Error *e) {
        Device *d;

        device_look(call_driver(c));
        d = device_by_wwn(call_driver(c), args->wwnn, args->wwpn, NULL, false);
        return d ? object_reply_found(c, &d->object, ret, e)
                 : error_set(e, -ENOENT, ERROR_NO_NODE_DEVICE, ORIGIN_NODEDEV,
                             "no node device with matching wwnn '%s' and wwpn '%s'", args->wwnn, args->wwpn);
}

static const RpcHandler rows[] = {
        PLAIN(NODE_DEVICE_CREATE_XML, create_xml, .flags = VALIDATE),
        PLAIN(NODE_DEVICE_DEFINE_XML, define_xml, .flags = VALIDATE),
        PLAIN(NODE_DEVICE_LOOKUP_SCSI_HOST_BY_WWN, lookup_wwn),
        CALL(NODE_DEVICE_DESTROY, destroy),
        ACTION(NODE_DEVICE_UNDEFINE, undefine),
        ACTION(NODE_DEVICE_CREATE, create),
        CALL(NODE_DEVICE_SET_AUTOSTART, set_autostart),
        CALL(NODE_DEVICE_UPDATE, update, .flags = UPDATE_LIVE | UPDATE_CONFIG),
};
const RpcTable nodedev_make_table = RPC_TABLE(rows);
