/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The procedures of the qemu program, a row each: number, name, name of the public API (it is what a refusal shows),
 * type of the arguments, type of the results or of the event, flags, the kind of thing it works on, the permissions
 * it needs, the permission that filters its results. Read by rpc/procedure.h; no include guard on purpose. */

RPC_PROCEDURE(1, DOMAIN_MONITOR_COMMAND, "virDomainQemuMonitorCommand", qemu_domain_monitor_command_args, qemu_domain_monitor_command_ret, RPC_RW_ONLY, RPC_KIND_DOMAIN, "domain:write", NULL)
RPC_PROCEDURE(2, DOMAIN_ATTACH, "virDomainQemuAttach", qemu_domain_attach_args, qemu_domain_attach_ret, RPC_RW_ONLY, RPC_KIND_DOMAIN, "domain:start;domain:write", NULL)
RPC_PROCEDURE(3, DOMAIN_AGENT_COMMAND, "virDomainQemuAgentCommand", qemu_domain_agent_command_args, qemu_domain_agent_command_ret, RPC_RW_ONLY, RPC_KIND_DOMAIN, "domain:write", NULL)
RPC_PROCEDURE(4, CONNECT_DOMAIN_MONITOR_EVENT_REGISTER, "virConnectDomainQemuMonitorEventRegister", qemu_connect_domain_monitor_event_register_args, qemu_connect_domain_monitor_event_register_ret, RPC_HIGH | RPC_RW_ONLY, RPC_KIND_EVENT_REG, "connect:search_domains;connect:write", "domain:getattr")
RPC_PROCEDURE(5, CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER, "virConnectDomainQemuMonitorEventDeregister", qemu_connect_domain_monitor_event_deregister_args, rpc_void, RPC_HIGH | RPC_RW_ONLY, RPC_KIND_EVENT_REG, "connect:write", NULL)
RPC_PROCEDURE(6, DOMAIN_MONITOR_EVENT, "virConnectDomainQemuMonitorEventRegister", rpc_void, qemu_domain_monitor_event_msg, RPC_EVENT, RPC_KIND_EVENT, NULL, NULL)
RPC_PROCEDURE(7, DOMAIN_MONITOR_COMMAND_WITH_FILES, "virDomainQemuMonitorCommandWithFiles", qemu_domain_monitor_command_with_files_args, qemu_domain_monitor_command_with_files_ret, RPC_FDS_IN | RPC_FDS_OUT | RPC_RW_ONLY, RPC_KIND_DOMAIN, "domain:write", NULL)
