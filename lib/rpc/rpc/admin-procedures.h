/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The procedures of the admin program, a row each: number, name, name of the public API (it is what a refusal shows),
 * type of the arguments, type of the results or of the event, flags, the kind of thing it works on, the permissions
 * it needs, the permission that filters its results. Read by rpc/procedure.h; no include guard on purpose. */

RPC_PROCEDURE(1, CONNECT_OPEN, NULL, admin_connect_open_args, rpc_void, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(2, CONNECT_CLOSE, NULL, rpc_void, rpc_void, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(3, CONNECT_GET_LIB_VERSION, NULL, rpc_void, admin_connect_get_lib_version_ret, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(4, CONNECT_LIST_SERVERS, NULL, admin_connect_list_servers_args, admin_connect_list_servers_ret, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(5, CONNECT_LOOKUP_SERVER, NULL, admin_connect_lookup_server_args, admin_connect_lookup_server_ret, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(6, SERVER_GET_THREADPOOL_PARAMETERS, NULL, admin_server_get_threadpool_parameters_args, admin_server_get_threadpool_parameters_ret, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(7, SERVER_SET_THREADPOOL_PARAMETERS, NULL, admin_server_set_threadpool_parameters_args, rpc_void, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(8, SERVER_LIST_CLIENTS, NULL, admin_server_list_clients_args, admin_server_list_clients_ret, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(9, SERVER_LOOKUP_CLIENT, NULL, admin_server_lookup_client_args, admin_server_lookup_client_ret, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(10, CLIENT_GET_INFO, NULL, admin_client_get_info_args, admin_client_get_info_ret, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(11, CLIENT_CLOSE, NULL, admin_client_close_args, rpc_void, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(12, SERVER_GET_CLIENT_LIMITS, NULL, admin_server_get_client_limits_args, admin_server_get_client_limits_ret, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(13, SERVER_SET_CLIENT_LIMITS, NULL, admin_server_set_client_limits_args, rpc_void, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(14, CONNECT_GET_LOGGING_OUTPUTS, NULL, admin_connect_get_logging_outputs_args, admin_connect_get_logging_outputs_ret, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(15, CONNECT_GET_LOGGING_FILTERS, NULL, admin_connect_get_logging_filters_args, admin_connect_get_logging_filters_ret, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(16, CONNECT_SET_LOGGING_OUTPUTS, NULL, admin_connect_set_logging_outputs_args, rpc_void, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(17, CONNECT_SET_LOGGING_FILTERS, NULL, admin_connect_set_logging_filters_args, rpc_void, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(18, SERVER_UPDATE_TLS_FILES, NULL, admin_server_update_tls_files_args, rpc_void, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(19, CONNECT_SET_DAEMON_TIMEOUT, NULL, admin_connect_set_daemon_timeout_args, rpc_void, 0, RPC_KIND_ADMIN, NULL, NULL)
RPC_PROCEDURE(20, CONNECT_DAEMON_SHUTDOWN, NULL, admin_connect_daemon_shutdown_args, rpc_void, 0, RPC_KIND_ADMIN, NULL, NULL)
