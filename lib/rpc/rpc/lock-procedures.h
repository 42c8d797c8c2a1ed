/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The procedures of the lock program, a row each: number, name, name of the public API (it is what a refusal shows),
 * type of the arguments, type of the results or of the event, flags, the kind of thing it works on, the permissions
 * it needs, the permission that filters its results. Read by rpc/procedure.h; no include guard on purpose. */

RPC_PROCEDURE(1, REGISTER, NULL, lock_register_args, rpc_void, 0, RPC_KIND_LOCK, NULL, NULL)
RPC_PROCEDURE(2, RESTRICT, NULL, lock_restrict_args, rpc_void, 0, RPC_KIND_LOCK, NULL, NULL)
RPC_PROCEDURE(3, NEW, NULL, lock_new_args, rpc_void, 0, RPC_KIND_LOCK, NULL, NULL)
RPC_PROCEDURE(4, CREATE_RESOURCE, NULL, lock_create_resource_args, rpc_void, 0, RPC_KIND_LOCK, NULL, NULL)
RPC_PROCEDURE(5, DELETE_RESOURCE, NULL, lock_delete_resource_args, rpc_void, 0, RPC_KIND_LOCK, NULL, NULL)
RPC_PROCEDURE(6, ACQUIRE_RESOURCE, NULL, lock_acquire_resource_args, rpc_void, 0, RPC_KIND_LOCK, NULL, NULL)
RPC_PROCEDURE(7, RELEASE_RESOURCE, NULL, lock_release_resource_args, rpc_void, 0, RPC_KIND_LOCK, NULL, NULL)
RPC_PROCEDURE(8, CREATE_LOCKSPACE, NULL, lock_create_lock_space_args, rpc_void, 0, RPC_KIND_LOCK, NULL, NULL)
