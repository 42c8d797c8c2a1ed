/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finding and listing guests. */

#include "autostart.h"
#include "base/strings.h"
#include "handlers.h"
#include "savefile.h"

int error_no_domain_uuid(Error *e, const uint8_t uuid[16], const char *name) {
        char text[37];

        uuid_format(uuid, text);
        return error_set(e, -ENOENT, ERROR_NO_DOMAIN, ORIGIN_QEMU, "no domain with matching uuid '%s'%s%s%s", text,
                         name ? " (" : "", name ? name : "", name ? ")" : "");
}

int error_not_running(Error *e) {
        return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "domain is not running");
}

int error_not_persistent(Error *e, const char *what) {
        return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "%s", what);
}

int reply_string(char **ret, const char *s) {
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

int domain_check_access(Call *c, const Guest *g, uint32_t flags, Error *e) {
        char uuid[37];

        uuid_format(g->uuid, uuid);
        return call_check_access(c, flags, e, "domain_name", g->name, "domain_uuid", uuid, NULL);
}

int domain_filter(Call *c, const Guest *g) {
        char uuid[37];

        uuid_format(g->uuid, uuid);
        return call_filter_access(c, "domain_name", g->name, "domain_uuid", uuid, NULL);
}

int domain_get(Call *c, const remote_nonnull_domain *dom, uint32_t flags, Guest **ret, Error *e) {
        const uint8_t *uuid = (const uint8_t *) dom->uuid;
        _cleanup_guest_ Guest *g = NULL;
        int r;

        g = guests_visible_by_uuid(driver_of(c), uuid);
        if (!g)
                return error_no_domain_uuid(e, uuid, dom->name);
        guest_ref(g);
        r = domain_check_access(c, g, flags, e);
        if (r < 0)
                return r;
        guest_wait_settled(g);
        *ret = TAKE_PTR(g);
        return 0;
}

int domain_get_active(Call *c, const remote_nonnull_domain *dom, uint32_t flags, Guest **ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get(c, dom, flags, &g, e);
        if (r < 0)
                return r;
        if (!guest_is_active(g))
                return error_not_running(e);
        *ret = TAKE_PTR(g);
        return 0;
}

int domain_get_live(Call *c, const remote_nonnull_domain *dom, uint32_t flags, Guest **ret, Definition **ret_live, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get_active(c, dom, flags, &g, e);
        if (r >= 0)
                r = guest_load_live(g, ret_live, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

int resolve_impact(const Guest *g, uint32_t flags, Error *e) {
        if ((flags & (AFFECT_LIVE | AFFECT_CONFIG)) == (AFFECT_LIVE | AFFECT_CONFIG))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN,
                                 "flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive");
        if (flags & AFFECT_LIVE)
                return guest_is_active(g) ? 1 : error_not_running(e);
        if (flags & AFFECT_CONFIG)
                return g->persistent ? 0 : error_not_persistent(e, "transient domains do not have any persistent config");
        return guest_is_active(g);
}

/* --- lookup --- */

static int found(Call *c, Guest *g, remote_nonnull_domain *ret, Error *e) {
        _cleanup_guest_ Guest *hold = guest_ref(g);
        int r;

        r = domain_check_access(c, hold, 0, e);
        if (r < 0)
                return r;
        guest_wait_settled(hold);
        return guest_to_wire(hold, ret);
}

int domain_lookup_by_name(Call *c, const remote_domain_lookup_by_name_args *args,
                          remote_domain_lookup_by_name_ret *ret, Error *e) {
        Guest *g = guests_by_name(driver_of(c), args->name);

        if (!g || !guest_is_visible(g))
                return error_set(e, -ENOENT, ERROR_NO_DOMAIN, ORIGIN_QEMU, "no domain with matching name '%s'", args->name);
        return found(c, g, &ret->dom, e);
}

int domain_lookup_by_uuid(Call *c, const remote_domain_lookup_by_uuid_args *args,
                          remote_domain_lookup_by_uuid_ret *ret, Error *e) {
        Guest *g = guests_visible_by_uuid(driver_of(c), (const uint8_t *) args->uuid);

        if (!g)
                return error_no_domain_uuid(e, (const uint8_t *) args->uuid, NULL);
        return found(c, g, &ret->dom, e);
}

int domain_lookup_by_id(Call *c, const remote_domain_lookup_by_id_args *args, remote_domain_lookup_by_id_ret *ret, Error *e) {
        Guest *g = guests_by_id(driver_of(c), args->id);

        if (!g)
                return error_set(e, -ENOENT, ERROR_NO_DOMAIN, ORIGIN_QEMU, "no domain with matching id %i", args->id);
        return found(c, g, &ret->dom, e);
}

/* --- lists --- */

/* Of each pair of opposites: none or both asked for is no condition. */
static bool fits(uint32_t flags, uint32_t yes, uint32_t no, bool is) {
        uint32_t asked = flags & (yes | no);

        return asked == 0 || asked == (yes | no) || asked == (is ? yes : no);
}

#define LIST_STATES (LIST_RUNNING | LIST_PAUSED | LIST_SHUTOFF | LIST_OTHER)

static uint32_t state_flag(const Guest *g) {
        switch (guest_public_state(g, NULL)) {
        case DOMAIN_RUNNING:
                return LIST_RUNNING;
        case DOMAIN_PAUSED:
                return LIST_PAUSED;
        case DOMAIN_SHUTOFF:
                return LIST_SHUTOFF;
        default:
                return LIST_OTHER;
        }
}

static bool is_listed(const Guest *g, uint32_t flags) {
        return guest_is_visible(g) && fits(flags, LIST_ACTIVE, LIST_INACTIVE, guest_is_active(g)) &&
               fits(flags, LIST_PERSISTENT, LIST_TRANSIENT, g->persistent) &&
               ((flags & LIST_STATES) == 0 || (flags & state_flag(g))) &&
               (!(flags & (LIST_MANAGEDSAVE | LIST_NO_MANAGEDSAVE)) ||
                fits(flags, LIST_MANAGEDSAVE, LIST_NO_MANAGEDSAVE, has_managed_save(g))) &&
               (!(flags & (LIST_AUTOSTART | LIST_NO_AUTOSTART)) ||
                fits(flags, LIST_AUTOSTART, LIST_NO_AUTOSTART, autostart_is_on(g))) &&
               (!(flags & (LIST_HAS_SNAPSHOT | LIST_NO_SNAPSHOT)) ||
                fits(flags, LIST_HAS_SNAPSHOT, LIST_NO_SNAPSHOT, count_metadata(g, "snapshot") > 0)) &&
               (!(flags & (LIST_HAS_CHECKPOINT | LIST_NO_CHECKPOINT)) ||
                fits(flags, LIST_HAS_CHECKPOINT, LIST_NO_CHECKPOINT, count_metadata(g, "checkpoint") > 0));
}

/* The guests that fit the flags and that the caller may see; released with guests_release(). */
static int select_guests(Call *c, uint32_t flags, Guest ***ret, size_t *ret_n) {
        Guest **list;
        size_t n, kept = 0;
        int r;

        r = guests_snapshot(driver_of(c), &list, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                guest_wait_settled(list[i]);
                if (is_listed(list[i], flags) && domain_filter(c, list[i]) > 0)
                        list[kept++] = list[i];
                else
                        guest_unref(list[i]);
        }
        *ret = list;
        *ret_n = kept;
        return 0;
}

int connect_list_all_domains(Call *c, const remote_connect_list_all_domains_args *args,
                    remote_connect_list_all_domains_ret *ret, Error *e) {
        Guest **list;
        size_t n;
        int r;

        r = call_check_flags(c, args->flags, 0xffff, e);
        if (r < 0)
                return r;
        r = select_guests(c, args->flags, &list, &n);
        if (r < 0)
                return r;
        ret->ret = (unsigned) n;
        if (args->need_results && n > 0) {
                ret->domains.domains_val = calloc(n, sizeof(remote_nonnull_domain));
                r = ret->domains.domains_val ? 0 : -ENOMEM;
                for (size_t i = 0; i < n && r >= 0; i++) {
                        r = guest_to_wire(list[i], &ret->domains.domains_val[i]);
                        ret->domains.domains_len = (unsigned) (i + 1);
                }
        }
        guests_release(list, n);
        return r;
}

int connect_num_of_domains(Call *c, const rpc_void *args, remote_connect_num_of_domains_ret *ret, Error *e) {
        Guest **list;
        size_t n;
        int r;

        r = select_guests(c, LIST_ACTIVE, &list, &n);
        if (r < 0)
                return r;
        ret->num = (int) n;
        guests_release(list, n);
        return 0;
}

int connect_num_of_defined_domains(Call *c, const rpc_void *args, remote_connect_num_of_defined_domains_ret *ret, Error *e) {
        Guest **list;
        size_t n;
        int r;

        r = select_guests(c, LIST_INACTIVE, &list, &n);
        if (r < 0)
                return r;
        ret->num = (int) n;
        guests_release(list, n);
        return 0;
}

static int check_max(int max, Error *e) {
        if (max < 0 || max > REMOTE_DOMAIN_LIST_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "too many domains asked for: %i > %i", max,
                                 REMOTE_DOMAIN_LIST_MAX);
        return 0;
}

int connect_list_domains(Call *c, const remote_connect_list_domains_args *args, remote_connect_list_domains_ret *ret, Error *e) {
        Guest **list;
        size_t n;
        int r;

        r = check_max(args->maxids, e);
        if (r < 0)
                return r;
        r = select_guests(c, LIST_ACTIVE, &list, &n);
        if (r < 0)
                return r;
        ret->ids.ids_val = calloc(n + 1, sizeof(int));
        if (!ret->ids.ids_val)
                r = -ENOMEM;
        for (size_t i = 0; r >= 0 && i < MIN(n, (size_t) args->maxids); i++)
                ret->ids.ids_val[ret->ids.ids_len++] = list[i]->id;
        guests_release(list, n);
        return r;
}

int connect_list_defined_domains(Call *c, const remote_connect_list_defined_domains_args *args,
                        remote_connect_list_defined_domains_ret *ret, Error *e) {
        Guest **list;
        size_t n;
        int r;

        r = check_max(args->maxnames, e);
        if (r < 0)
                return r;
        r = select_guests(c, LIST_INACTIVE, &list, &n);
        if (r < 0)
                return r;
        ret->names.names_val = calloc(n + 1, sizeof(char *));
        if (!ret->names.names_val)
                r = -ENOMEM;
        for (size_t i = 0; r >= 0 && i < MIN(n, (size_t) args->maxnames); i++) {
                r = reply_string(&ret->names.names_val[i], list[i]->name);
                if (r >= 0)
                        ret->names.names_len++;
        }
        guests_release(list, n);
        return r;
}
