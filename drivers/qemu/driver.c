/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The driver as the supervisor sees it: a table of handlers, put together from the files that hold them, and the hooks
 * of its life. */

#include <search.h>

#include "base/strings.h"
#include "config-report.h"
#include "handlers.h"
#include "index.h"
#include "start.h"

static int bus_of_host(void *userdata, sd_bus **ret, Error *e) {
        QemuDriver *d = userdata;

        return d->host->bus(d->host, ret, e);
}

static void free_nothing(void *p) {
}

static void driver_stop(void *state) {
        QemuDriver *d = state;

        if (!d)
                return;
        index_stop(d);
        systemd_free(d->systemd);
        tdestroy(d->by_name, free_nothing);
        tdestroy(d->by_uuid, free_nothing);
        free(d);
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        QemuDriver *d;
        int r;

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;
        d->host = host;
        r = systemd_new(host->loop, bus_of_host, d, &d->systemd);
        if (r >= 0)
                r = index_start(d, e);
        if (r < 0) {
                driver_stop(d);
                return r;
        }
        config_report(false);
        *ret_state = d;
        return 0;
}

static int driver_reload(void *state, Error *e) {
        config_report(true);
        return 0;
}

static int driver_open(void *state, Connection *c, const ConnectUri *uri, Error *e) {
        QemuDriver *d = state;
        char *text;

        /* As libvirt's system daemon, which takes both. */
        if (!streq(uri->path, "/system") && !streq(uri->path, "/session"))
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "unexpected QEMU URI path '%s', try %s", uri->path,
                                 d->host->privileged ? "qemu:///system" : "qemu:///session");
        text = strdup(d->host->privileged ? "qemu:///system" : "qemu:///session");
        if (!text)
                return -ENOMEM;
        connection_set_data(c, &driver_qemu, text);
        return 0;
}

static void driver_close(void *state, Connection *c) {
        free(connection_data(c, &driver_qemu));
        connection_set_data(c, &driver_qemu, NULL);
        guests_autodestroy(state, connection_id(c) + 1);
}

/* Features that are the driver's to answer; migration is not there yet. */
static int driver_supports_feature(void *state, int feature) {
        static const int features[] = { 9, 14, 16 };

        for (size_t i = 0; i < ELEMENTSOF(features); i++)
                if (features[i] == feature)
                        return 1;
        return 0;
}

static const RpcHandler handlers[] = {
        REMOTE_HANDLER(DOMAIN_LOOKUP_BY_NAME, domain_lookup_by_name),
        REMOTE_HANDLER(DOMAIN_LOOKUP_BY_UUID, domain_lookup_by_uuid),
        REMOTE_HANDLER(DOMAIN_LOOKUP_BY_ID, domain_lookup_by_id),
        REMOTE_HANDLER(CONNECT_LIST_ALL_DOMAINS, connect_list_all_domains),
        REMOTE_HANDLER(CONNECT_NUM_OF_DOMAINS, connect_num_of_domains),
        REMOTE_HANDLER(CONNECT_NUM_OF_DEFINED_DOMAINS, connect_num_of_defined_domains),
        REMOTE_HANDLER(CONNECT_LIST_DOMAINS, connect_list_domains),
        REMOTE_HANDLER(CONNECT_LIST_DEFINED_DOMAINS, connect_list_defined_domains),
        REMOTE_HANDLER(DOMAIN_GET_STATE, domain_get_state),
        REMOTE_HANDLER(DOMAIN_GET_INFO, domain_get_info),
        REMOTE_HANDLER(DOMAIN_GET_MAX_MEMORY, domain_get_max_memory),
        REMOTE_HANDLER(DOMAIN_GET_MAX_VCPUS, domain_get_max_vcpus),
        REMOTE_HANDLER(DOMAIN_GET_VCPUS_FLAGS, domain_get_vcpus_flags),
        REMOTE_HANDLER(DOMAIN_GET_VCPUS, domain_get_vcpus),
        REMOTE_HANDLER(DOMAIN_GET_OS_TYPE, domain_get_os_type),
        REMOTE_HANDLER(DOMAIN_GET_XML_DESC, domain_get_xml_desc),
        REMOTE_HANDLER(DOMAIN_IS_ACTIVE, domain_is_active),
        REMOTE_HANDLER(DOMAIN_IS_PERSISTENT, domain_is_persistent),
        REMOTE_HANDLER(DOMAIN_IS_UPDATED, domain_is_updated),
        REMOTE_HANDLER(DOMAIN_HAS_MANAGED_SAVE_IMAGE, domain_has_managed_save_image),
        REMOTE_HANDLER(DOMAIN_SNAPSHOT_NUM, domain_snapshot_num),
        REMOTE_HANDLER(DOMAIN_GET_SECURITY_LABEL, domain_get_security_label),
        REMOTE_HANDLER(DOMAIN_GET_SECURITY_LABEL_LIST, domain_get_security_label_list),
        REMOTE_HANDLER(DOMAIN_GET_MESSAGES, domain_get_messages),
        REMOTE_HANDLER(DOMAIN_CREATE, domain_create),
        REMOTE_HANDLER(DOMAIN_CREATE_WITH_FLAGS, domain_create_with_flags),
        REMOTE_HANDLER(DOMAIN_CREATE_XML, domain_create_xml),
        REMOTE_HANDLER(DOMAIN_DESTROY, domain_destroy),
        REMOTE_HANDLER(DOMAIN_DESTROY_FLAGS, domain_destroy_flags),
        REMOTE_HANDLER(DOMAIN_SHUTDOWN, domain_shutdown),
        REMOTE_HANDLER(DOMAIN_SHUTDOWN_FLAGS, domain_shutdown_flags),
        REMOTE_HANDLER(DOMAIN_REBOOT, domain_reboot),
        REMOTE_HANDLER(DOMAIN_RESET, domain_reset),
        REMOTE_HANDLER(DOMAIN_SUSPEND, domain_suspend),
        REMOTE_HANDLER(DOMAIN_RESUME, domain_resume),
        REMOTE_HANDLER(DOMAIN_DEFINE_XML, domain_define_xml),
        REMOTE_HANDLER(DOMAIN_DEFINE_XML_FLAGS, domain_define_xml_flags),
        REMOTE_HANDLER(DOMAIN_UNDEFINE, domain_undefine),
        REMOTE_HANDLER(DOMAIN_UNDEFINE_FLAGS, domain_undefine_flags),
        REMOTE_HANDLER(DOMAIN_RENAME, domain_rename),
        REMOTE_HANDLER(DOMAIN_GET_AUTOSTART, domain_get_autostart),
        REMOTE_HANDLER(DOMAIN_SET_AUTOSTART, domain_set_autostart),
        REMOTE_HANDLER(DOMAIN_GET_AUTOSTART_ONCE, domain_get_autostart_once),
        REMOTE_HANDLER(DOMAIN_SET_AUTOSTART_ONCE, domain_set_autostart_once),
        REMOTE_HANDLER(CONNECT_GET_TYPE, connect_get_type),
        REMOTE_HANDLER(CONNECT_IS_SECURE, connect_is_secure),
        REMOTE_HANDLER(CONNECT_GET_VERSION, connect_get_version),
        REMOTE_HANDLER(CONNECT_GET_LIB_VERSION, connect_get_lib_version),
        REMOTE_HANDLER(CONNECT_GET_URI, connect_get_uri),
        REMOTE_HANDLER(CONNECT_GET_HOSTNAME, connect_get_hostname),
        REMOTE_HANDLER(CONNECT_GET_MAX_VCPUS, connect_get_max_vcpus),
        REMOTE_HANDLER(NODE_GET_INFO, node_get_info),
        REMOTE_HANDLER(NODE_GET_CPU_MAP, node_get_cpu_map),
        REMOTE_HANDLER(NODE_GET_SECURITY_MODEL, node_get_security_model),
        REMOTE_HANDLER(CONNECT_GET_CAPABILITIES, connect_get_capabilities),
        REMOTE_HANDLER(CONNECT_GET_DOMAIN_CAPABILITIES, connect_get_domain_capabilities),
        REMOTE_HANDLER(CONNECT_GET_ALL_DOMAIN_STATS, connect_get_all_domain_stats),
        REMOTE_HANDLER(DOMAIN_MEMORY_STATS, domain_memory_stats),
        REMOTE_HANDLER(DOMAIN_OPEN_CONSOLE, domain_open_console),
        REMOTE_HANDLER(DOMAIN_GET_METADATA, domain_get_metadata),
        REMOTE_HANDLER(DOMAIN_SET_METADATA, domain_set_metadata),
        REMOTE_HANDLER(DOMAIN_SEND_KEY, domain_send_key),
        REMOTE_HANDLER(DOMAIN_INJECT_NMI, domain_inject_nmi),
        REMOTE_HANDLER(DOMAIN_PM_WAKEUP, domain_pm_wakeup),
        REMOTE_HANDLER(DOMAIN_OPEN_GRAPHICS, domain_open_graphics),
        REMOTE_HANDLER(DOMAIN_OPEN_GRAPHICS_FD, domain_open_graphics_fd),
        QEMU_HANDLER(DOMAIN_MONITOR_COMMAND, qemu_domain_monitor_command),
        REMOTE_HANDLER(DOMAIN_BLOCK_STATS, domain_block_stats),
        REMOTE_HANDLER(DOMAIN_GET_BLOCK_INFO, domain_get_block_info),
        REMOTE_HANDLER(DOMAIN_INTERFACE_STATS, domain_interface_stats),
        REMOTE_HANDLER(DOMAIN_GET_JOB_INFO, domain_get_job_info),
        REMOTE_HANDLER(DOMAIN_GET_JOB_STATS, domain_get_job_stats),
        REMOTE_HANDLER(DOMAIN_GET_CONTROL_INFO, domain_get_control_info),
        REMOTE_HANDLER(DOMAIN_MANAGED_SAVE_REMOVE, domain_managed_save_remove),
};

const Driver driver_qemu = {
        .name = "qemu",
        .class = DRIVER_HYPERVISOR,
        .origin = ORIGIN_QEMU,
        .handlers = handlers,
        .n_handlers = ELEMENTSOF(handlers),
        .start = driver_start,
        .stop = driver_stop,
        .reload = driver_reload,
        .open = driver_open,
        .close = driver_close,
        .supports_feature = driver_supports_feature,
};
