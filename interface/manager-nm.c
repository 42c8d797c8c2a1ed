/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hosts of NetworkManager, by its D-Bus. A definition is a connection for each link that it is made of; their uuids
 * come of the names, so that they are found again. NetworkManager keeps them, and brings up what shall be up. */

#include <poll.h>
#include <time.h>

#include "base/log.h"
#include "base/strings.h"
#include "model/interface.h"
#include "connection.h"
#include "manager.h"
#include "snapshot.h"
#include "store.h"

#define BUS_NAME "org.freedesktop.NetworkManager"
#define BUS_PATH "/org/freedesktop/NetworkManager"
#define BUS_SETTINGS BUS_PATH "/Settings"
#define START_USEC (60U * 1000000U)

/* NM_SETTINGS_ADD_CONNECTION2_FLAG_x and NM_SETTINGS_UPDATE2_FLAG_x: on disk, and not brought up by itself now */
#define TO_DISK 0x1U
#define BLOCK_AUTOCONNECT 0x20U
/* NM_CHECKPOINT_CREATE_FLAG_DELETE_NEW_CONNECTIONS. Not _DISCONNECT_NEW_DEVICES: a bridge that had gone and comes back
 * with its members is a new device to it. */
#define CHECKPOINT_FLAGS 0x2U

/* --- connections --- */

/* The path of the connection; -ENOENT, without an error, where there is none. */
static int find_connection(Host *h, const char *uuid, char **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_error_ Error ignored = ERROR_INIT;
        const char *path;

        if (bus_call(h, BUS_NAME, BUS_SETTINGS, BUS_NAME ".Settings", "GetConnectionByUuid", &reply, &ignored, "s",
                     uuid) < 0 || sd_bus_message_read(reply, "o", &path) < 0)
                return -ENOENT;
        *ret = strdup(path);
        return *ret ? 0 : -ENOMEM;
}

/* Updates the one that is there, or adds it. */
static int save_connection(Host *h, const Connection *c, Error *e) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_free_ char *path = NULL;
        int r = find_connection(h, c->uuid, &path);
        bool new = r == -ENOENT;

        if (r < 0 && !new)
                return r;
        r = sd_bus_message_new_method_call(h->bus, &m, BUS_NAME, new ? BUS_SETTINGS : path,
                                           new ? BUS_NAME ".Settings" : BUS_NAME ".Settings.Connection",
                                           new ? "AddConnection2" : "Update2");
        if (r >= 0)
                r = connection_append(c, m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ua{sv}", TO_DISK | BLOCK_AUTOCONNECT, 0);
        if (r >= 0)
                r = sd_bus_call(h->bus, m, 0, &error, NULL);
        return r < 0 ? error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_INTERFACE,
                                 "NetworkManager does not take interface '%s': %s", c->name,
                                 error.message ?: strerror(-r))
                     : 0;
}

static int delete_connection(Host *h, const char *uuid, Error *e) {
        _cleanup_free_ char *path = NULL;
        int r = find_connection(h, uuid, &path);

        return r == -ENOENT ? 0
               : r < 0      ? r
                            : bus_call(h, BUS_NAME, path, BUS_NAME ".Settings.Connection", "Delete", NULL, e, NULL);
}

/* The name alone says which link it is: where that has another MAC address, another one was meant. */
static int check_macs(Host *h, const Connections *list, Error *e) {
        for (size_t i = 0; i < list->n; i++) {
                const char *mac = xml_get(list->list[i].node, "mac/@address");
                LinkFacts facts;
                uint8_t bytes[6];

                if (!mac || !streq(list->list[i].type, "802-3-ethernet") || mac_parse(mac, bytes) < 0 ||
                    link_read(h->netlink, list->list[i].name, &facts) < 0)
                        continue;
                if (memcmp(bytes, facts.mac, sizeof bytes) != 0)
                        return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_INTERFACE,
                                         "interface '%s' has another MAC address than %s", list->list[i].name, mac);
        }
        return 0;
}

static int check(Host *h, const Definition *d, Error *e) {
        _cleanup_connections_ Connections list = {};
        int r = connections_of(d, &list, e);

        return r < 0 ? r : check_macs(h, &list, e);
}

static int define(Host *h, const Definition *d, const Definition *old, Error *e) {
        _cleanup_connections_ Connections now = {}, before = {};
        int r = connections_of(d, &now, e);

        if (r >= 0 && old)
                r = connections_of(old, &before, e);
        for (size_t i = 0; r >= 0 && i < now.n; i++)
                r = save_connection(h, &now.list[i], e);
        for (size_t i = 0; r >= 0 && i < before.n; i++)
                if (!connections_have(&now, before.list[i].uuid))
                        r = delete_connection(h, before.list[i].uuid, e);
        return r;
}

static int undefine(Host *h, const Definition *d, Error *e) {
        _cleanup_connections_ Connections list = {};
        int r = connections_of(d, &list, e);

        for (size_t i = list.n; r >= 0 && i > 0; i--)
                r = delete_connection(h, list.list[i - 1].uuid, e);
        return r;
}

/* --- starting and stopping --- */

/* NM_ACTIVE_CONNECTION_STATE_x */
enum { STATE_ACTIVATED = 2, STATE_DEACTIVATED = 4 };

static uint64_t now_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000U + (uint64_t) t.tv_nsec / 1000U;
}

/* One that ends takes its object with it. */
static unsigned state_of(Host *h, const char *active) {
        uint32_t state = STATE_DEACTIVATED;

        if (sd_bus_get_property_trivial(h->bus, BUS_NAME, active, BUS_NAME ".Connection.Active", "State", NULL, 'u',
                                        &state) < 0)
                return STATE_DEACTIVATED;
        return state;
}

/* Signals of the bus wake us; what they say is asked for. */
static int wait_for(Host *h, const char *active, const char *name, Error *e) {
        uint64_t until = now_usec() + START_USEC;

        for (;;) {
                unsigned state = state_of(h, active);

                if (state == STATE_ACTIVATED)
                        return 0;
                if (state >= STATE_DEACTIVATED || now_usec() > until)
                        return error_set(e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_INTERFACE,
                                         "NetworkManager could not bring '%s' up: see 'nmcli device show %s' and "
                                         "'journalctl -u NetworkManager'", name, name);
                while (sd_bus_process(h->bus, NULL) > 0)
                        ;
                (void) sd_bus_wait(h->bus, 1000000U);
        }
}

static int follow(Host *h, const char *name, Error *e) {
        int r = sd_bus_match_signal(h->bus, NULL, BUS_NAME, NULL, "org.freedesktop.DBus.Properties",
                                    "PropertiesChanged", NULL, NULL);

        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot follow NetworkManager's '%s'", name) : 0;
}

/* "/" is: the one that fits. */
static int activate(Host *h, const char *name, const char *connection, const char *device, Error *e) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *active;
        int r = follow(h, name, e);

        if (r >= 0)
                r = bus_call(h, BUS_NAME, BUS_PATH, BUS_NAME, "ActivateConnection", &reply, e, "ooo", connection,
                             device, "/");
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &active);
        return r < 0 ? r : wait_for(h, active, name, e);
}

static int device_of(Host *h, const char *name, sd_bus_message **reply, const char **ret, Error *e) {
        int r = bus_call(h, BUS_NAME, BUS_PATH, BUS_NAME, "GetDeviceByIpIface", reply, e, "s", name);

        return r < 0 ? r : sd_bus_message_read(*reply, "o", ret);
}

static int start(Host *h, const char *name, const Definition *d, Error *e) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_connections_ Connections list = {};
        _cleanup_free_ char *path = NULL;
        const char *device = "/";
        int r;

        if (!d) {
                r = device_of(h, name, &reply, &device, e);
                return r < 0 ? r : activate(h, name, "/", device, e);
        }
        /* what was interrupted, or changed by others, is as it is defined again */
        r = define(h, d, NULL, e);
        if (r >= 0)
                r = connections_of(d, &list, e);
        if (r >= 0)
                r = find_connection(h, list.list[0].uuid, &path);
        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot find the connection of '%s'", name)
                     : activate(h, name, path, "/", e);
}

static bool is_of(Host *h, const char *active, const Connections *list) {
        _cleanup_free_ char *uuid = NULL;

        return sd_bus_get_property_string(h->bus, BUS_NAME, active, BUS_NAME ".Connection.Active", "Uuid", NULL,
                                          &uuid) >= 0 && connections_have(list, uuid);
}

/* Their paths are read from the reply. */
static int read_active(Host *h, sd_bus_message **reply) {
        int r = sd_bus_get_property(h->bus, BUS_NAME, BUS_PATH, BUS_NAME, "ActiveConnections", NULL, reply, "ao");

        return r < 0 ? r : sd_bus_message_enter_container(*reply, 'a', "o");
}

static bool is_in_force(Host *h, const Definition *d) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_connections_ Connections list = {};
        _cleanup_error_ Error ignored = ERROR_INIT;
        const char *active;

        if (connections_of(d, &list, &ignored) < 0 || read_active(h, &reply) < 0)
                return false;
        while (sd_bus_message_read(reply, "o", &active) > 0)
                if (is_of(h, active, &list))
                        return true;
        return false;
}

/* All that are active of these; the interface itself takes its members with it. */
static int deactivate(Host *h, const Connections *list, Error *e) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *active;
        int r = read_active(h, &reply);

        while (r >= 0 && (r = sd_bus_message_read(reply, "o", &active)) > 0) {
                _cleanup_error_ Error gone = ERROR_INIT;

                if (!is_of(h, active, list))
                        continue;
                r = bus_call(h, BUS_NAME, BUS_PATH, BUS_NAME, "DeactivateConnection", NULL, &gone, "o", active);
                if (r < 0 && state_of(h, active) < STATE_DEACTIVATED) {
                        error_move(e, &gone);
                        return r;
                }
                r = 0;
        }
        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot read NetworkManager's active connections") : 0;
}

static int stop(Host *h, const char *name, const Definition *d, Error *e) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_connections_ Connections list = {};
        const char *device;
        int r;

        if (d) {
                r = connections_of(d, &list, e);
                return r < 0 ? r : deactivate(h, &list, e);
        }
        r = device_of(h, name, &reply, &device, e);
        return r < 0 ? r : bus_call(h, BUS_NAME, device, BUS_NAME ".Device", "Disconnect", NULL, e, NULL);
}

/* --- transactions: its own checkpoints, without their time-out, since ours is for both --- */

static int begin(Host *h, Error *e) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path;
        int r = bus_call(h, BUS_NAME, BUS_PATH, BUS_NAME, "CheckpointCreate", &reply, e, "aouu", 0, 0,
                         CHECKPOINT_FLAGS);

        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        return r < 0 ? r : snapshot_note("checkpoint", path);
}

static int commit(Host *h, Error *e) {
        _cleanup_free_ char *path = snapshot_noted("checkpoint");

        return path && *path ? bus_call(h, BUS_NAME, BUS_PATH, BUS_NAME, "CheckpointDestroy", NULL, e, "o", path) : 0;
}

static int undo(Host *h, const Definition *d, Error *e) {
        return stop(h, definition_name(d), d, e);
}

/* A checkpoint does not always bring back a link that had gone as a whole. */
static int bring_back(Host *h, const char *name, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        LinkFacts facts;
        int r;

        if (link_read(h->netlink, name, &facts) >= 0)
                return 0;
        r = interface_definition_load(name, &d, e);
        return r == -ENOENT ? 0 : r < 0 ? r : start(h, name, d, e);
}

static int bring_all_back(Host *h) {
        _cleanup_strv_ char **up = NULL;
        int r = snapshot_links_up(&up);

        for (char **name = up; r >= 0 && name && *name; name++) {
                _cleanup_error_ Error e = ERROR_INIT;
                int n = bring_back(h, *name, &e);

                if (n < 0)
                        log_warning("%s, going on with the rollback", error_text(&e, n));
        }
        return r;
}

/* The connections are read anew first: the checkpoint brings up what was up. */
static int rollback(Host *h, Error *e) {
        _cleanup_free_ char *path = snapshot_noted("checkpoint");
        int r = bus_call(h, BUS_NAME, BUS_SETTINGS, BUS_NAME ".Settings", "ReloadConnections", NULL, e, NULL);

        if (r >= 0 && path && *path)
                r = bus_call(h, BUS_NAME, BUS_PATH, BUS_NAME, "CheckpointRollback", NULL, e, "o", path);
        return r < 0 || snapshot_is_old() ? r : bring_all_back(h);
}

const Manager manager_nm = {
        .name = "NetworkManager", .check = check, .define = define, .undefine = undefine,
        .is_in_force = is_in_force, .start = start, .stop = stop,
        .begin = begin, .commit = commit, .undo = undo, .rollback = rollback,
};
