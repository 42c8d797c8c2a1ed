/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The procedures of the log program, a row each: number, name, name of the public API (it is what a refusal shows),
 * type of the arguments, type of the results or of the event, flags, the kind of thing it works on, the permissions
 * it needs, the permission that filters its results. Read by rpc/procedure.h; no include guard on purpose. */

RPC_PROCEDURE(1, DOMAIN_OPEN_LOG_FILE, NULL, log_domain_open_log_file_args, log_domain_open_log_file_ret, RPC_FDS_OUT, RPC_KIND_LOG, NULL, NULL)
RPC_PROCEDURE(2, DOMAIN_GET_LOG_FILE_POSITION, NULL, log_domain_get_log_file_position_args, log_domain_get_log_file_position_ret, 0, RPC_KIND_LOG, NULL, NULL)
RPC_PROCEDURE(3, DOMAIN_READ_LOG_FILE, NULL, log_domain_read_log_file_args, log_domain_read_log_file_ret, 0, RPC_KIND_LOG, NULL, NULL)
RPC_PROCEDURE(4, DOMAIN_APPEND_LOG_FILE, NULL, log_domain_append_log_file_args, log_domain_append_log_file_ret, 0, RPC_KIND_LOG, NULL, NULL)
