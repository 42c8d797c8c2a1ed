/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What all handlers of procedures share. */

#include "driver.h"
#include "guest.h"

static inline QemuDriver *driver_of(const Call *c) {
        return call_driver(c);
}

/* The guest that a client means (by uuid), with a reference, once the caller may do to it what the procedure does.
 * Code 42 where there is none. */
int domain_get(Call *c, const remote_nonnull_domain *dom, uint32_t flags, Guest **ret, Error *e);
/* The same, and the guest must be active: code 55 "domain is not running". Its state has been asked for. */
int domain_get_active(Call *c, const remote_nonnull_domain *dom, uint32_t flags, Guest **ret, Error *e);
/* The same, with the guest's live definition, owned by the caller. */
int domain_get_live(Call *c, const remote_nonnull_domain *dom, uint32_t flags, Guest **ret, Definition **ret_live, Error *e);
/* The whole of a handler without flags that is one command of QEMU's, without arguments or results. */
int domain_command(Call *c, const remote_nonnull_domain *dom, uint32_t flags, const char *command, Error *e);
/* Access alone, for a guest that was found otherwise. */
int domain_check_access(Call *c, const Guest *g, uint32_t flags, Error *e);
/* 1 where the element of a list may be shown. */
int domain_filter(Call *c, const Guest *g);

int error_no_domain_uuid(Error *e, const uint8_t uuid[16], const char *name);
int error_not_running(Error *e);
int error_not_persistent(Error *e, const char *what);

/* AFFECT_x of a flags word to "of the live one?": 1, 0, or code 8/55 where both are asked for or it is not running
 * or has no persistent definition. */
int resolve_impact(const Guest *g, uint32_t flags, Error *e);

/* Copies a string into a reply; -ENOMEM. */
int reply_string(char **ret, const char *s);

/* The handlers, by file; the table of them is in driver.c. */
/* list.c */
remote_handler_DOMAIN_LOOKUP_BY_NAME domain_lookup_by_name;
remote_handler_DOMAIN_LOOKUP_BY_UUID domain_lookup_by_uuid;
remote_handler_DOMAIN_LOOKUP_BY_ID domain_lookup_by_id;
remote_handler_CONNECT_LIST_ALL_DOMAINS connect_list_all_domains;
remote_handler_CONNECT_NUM_OF_DOMAINS connect_num_of_domains;
remote_handler_CONNECT_NUM_OF_DEFINED_DOMAINS connect_num_of_defined_domains;
remote_handler_CONNECT_LIST_DOMAINS connect_list_domains;
remote_handler_CONNECT_LIST_DEFINED_DOMAINS connect_list_defined_domains;
/* info.c */
remote_handler_DOMAIN_GET_STATE domain_get_state;
remote_handler_DOMAIN_GET_INFO domain_get_info;
remote_handler_DOMAIN_GET_MAX_MEMORY domain_get_max_memory;
remote_handler_DOMAIN_GET_MAX_VCPUS domain_get_max_vcpus;
remote_handler_DOMAIN_GET_VCPUS_FLAGS domain_get_vcpus_flags;
remote_handler_DOMAIN_GET_VCPUS domain_get_vcpus;
remote_handler_DOMAIN_GET_OS_TYPE domain_get_os_type;
remote_handler_DOMAIN_GET_XML_DESC domain_get_xml_desc;
remote_handler_DOMAIN_IS_ACTIVE domain_is_active;
remote_handler_DOMAIN_IS_PERSISTENT domain_is_persistent;
remote_handler_DOMAIN_IS_UPDATED domain_is_updated;
remote_handler_DOMAIN_HAS_MANAGED_SAVE_IMAGE domain_has_managed_save_image;
remote_handler_DOMAIN_SNAPSHOT_NUM domain_snapshot_num;
remote_handler_DOMAIN_GET_SECURITY_LABEL domain_get_security_label;
remote_handler_DOMAIN_GET_SECURITY_LABEL_LIST domain_get_security_label_list;
remote_handler_DOMAIN_GET_MESSAGES domain_get_messages;
/* start.c */
remote_handler_DOMAIN_CREATE domain_create;
remote_handler_DOMAIN_CREATE_WITH_FLAGS domain_create_with_flags;
remote_handler_DOMAIN_CREATE_XML domain_create_xml;
/* control.c */
remote_handler_DOMAIN_DESTROY domain_destroy;
remote_handler_DOMAIN_DESTROY_FLAGS domain_destroy_flags;
remote_handler_DOMAIN_SHUTDOWN domain_shutdown;
remote_handler_DOMAIN_SHUTDOWN_FLAGS domain_shutdown_flags;
remote_handler_DOMAIN_REBOOT domain_reboot;
remote_handler_DOMAIN_RESET domain_reset;
remote_handler_DOMAIN_SUSPEND domain_suspend;
remote_handler_DOMAIN_RESUME domain_resume;
/* define.c */
remote_handler_DOMAIN_DEFINE_XML domain_define_xml;
remote_handler_DOMAIN_DEFINE_XML_FLAGS domain_define_xml_flags;
remote_handler_DOMAIN_UNDEFINE domain_undefine;
remote_handler_DOMAIN_UNDEFINE_FLAGS domain_undefine_flags;
remote_handler_DOMAIN_RENAME domain_rename;
/* autostart.c */
remote_handler_DOMAIN_GET_AUTOSTART domain_get_autostart;
remote_handler_DOMAIN_SET_AUTOSTART domain_set_autostart;
remote_handler_DOMAIN_GET_AUTOSTART_ONCE domain_get_autostart_once;
remote_handler_DOMAIN_SET_AUTOSTART_ONCE domain_set_autostart_once;
/* host.c */
remote_handler_CONNECT_GET_TYPE connect_get_type;
remote_handler_CONNECT_IS_SECURE connect_is_secure;
remote_handler_CONNECT_GET_VERSION connect_get_version;
remote_handler_CONNECT_GET_LIB_VERSION connect_get_lib_version;
remote_handler_CONNECT_GET_URI connect_get_uri;
remote_handler_CONNECT_GET_HOSTNAME connect_get_hostname;
remote_handler_CONNECT_GET_MAX_VCPUS connect_get_max_vcpus;
remote_handler_NODE_GET_INFO node_get_info;
remote_handler_NODE_GET_CPU_MAP node_get_cpu_map;
remote_handler_NODE_GET_SECURITY_MODEL node_get_security_model;
/* capabilities.c */
remote_handler_CONNECT_GET_CAPABILITIES connect_get_capabilities;
remote_handler_CONNECT_GET_DOMAIN_CAPABILITIES connect_get_domain_capabilities;
/* stats.c */
remote_handler_CONNECT_GET_ALL_DOMAIN_STATS connect_get_all_domain_stats;
remote_handler_DOMAIN_MEMORY_STATS domain_memory_stats;
/* console.c */
remote_handler_DOMAIN_OPEN_CONSOLE domain_open_console;
/* metadata.c */
remote_handler_DOMAIN_GET_METADATA domain_get_metadata;
remote_handler_DOMAIN_SET_METADATA domain_set_metadata;
/* passthrough.c */
remote_handler_DOMAIN_SEND_KEY domain_send_key;
remote_handler_DOMAIN_INJECT_NMI domain_inject_nmi;
remote_handler_DOMAIN_PM_WAKEUP domain_pm_wakeup;
remote_handler_DOMAIN_OPEN_GRAPHICS domain_open_graphics;
remote_handler_DOMAIN_OPEN_GRAPHICS_FD domain_open_graphics_fd;
qemu_handler_DOMAIN_MONITOR_COMMAND qemu_domain_monitor_command;
/* devices.c */
remote_handler_DOMAIN_BLOCK_STATS domain_block_stats;
remote_handler_DOMAIN_GET_BLOCK_INFO domain_get_block_info;
remote_handler_DOMAIN_INTERFACE_STATS domain_interface_stats;
remote_handler_DOMAIN_GET_JOB_INFO domain_get_job_info;
remote_handler_DOMAIN_GET_JOB_STATS domain_get_job_stats;
remote_handler_DOMAIN_GET_CONTROL_INFO domain_get_control_info;
remote_handler_DOMAIN_MANAGED_SAVE_REMOVE domain_managed_save_remove;
