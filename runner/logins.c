/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Logins by SASL, to VNC and SPICE: QEMU has the library read its configuration, the passwords (sasldb_path) and the
 * keys of Kerberos (keytab), which are files of root's. The guest has copies of them, in its own folder, and a
 * configuration that names those. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "prepare.h"

#define CONF_MAX (64U * 1024U)
#define DEFAULT_PASSWORDS "/etc/sasldb2"

typedef struct Logins {
        Prepare *prepare;
        const xmlNode *graphics;
        const char *wish;        /* the key of qemu.conf that wants them */
        char *conf;              /* SASL's configuration */
        const char *folder, *open_folder; /* where the copies are, as QEMU sees it, and as it is open here */
        StrBuf text;             /* of the guest's configuration */
        bool kerberos, passwords; /* mechanisms that are offered */
        bool named_passwords;    /* the configuration says where they are */
        unsigned line;
} Logins;

static int refuse(const Logins *l, int r, const char *what, const char *path) {
        _cleanup_free_ char *place = qemu_config_place(NULL, l->wish);

        return prepare_refuse(l->prepare, r, l->graphics, "%s '%s', which logins by SASL need: %s (%s asks for them)",
                              what, path, strerror(-r), place ?: l->wish);
}

static int copy(Logins *l, const char *from, const char *name, const char *key) {
        const Prepare *p = l->prepare;
        _cleanup_free_ char *to = text_format("%s/%s", l->open_folder, name), *what = NULL;
        int r = to ? prepare_copy_file(from, to, 0400, p->uid, p->gid) : -ENOMEM;

        if (r >= 0) {
                strbuf_addf(&l->text, "%s: %s/%s\n", key, l->folder, name);
                return 0;
        }
        what = text_format(l->line > 0 ? "%s:%u: %s: cannot copy" : "%s: cannot copy", l->conf, l->line, key);
        return refuse(l, r, what ?: "cannot copy", from);
}

/* Without passwords that anybody could be asked for, or without keys, a line about them means nothing. */
static int copy_passwords(Logins *l, const char *path) {
        l->named_passwords = true;
        return l->passwords ? copy(l, path, "passwords", "sasldb_path") : 0;
}

static int copy_keys(Logins *l, const char *path) {
        return l->kerberos ? copy(l, path, "keytab", "keytab") : 0;
}

static int check_method(Logins *l, const char *method) {
        if (streq(method, "auxprop")) {
                strbuf_add(&l->text, "pwcheck_method: auxprop\n");
                return 0;
        }
        return prepare_refuse(l->prepare, -EOPNOTSUPP, l->graphics,
                              "%s:%u: pwcheck_method '%s' asks a daemon, which the guest does not reach: use auxprop "
                              "with sasldb_path", l->conf, l->line, method);
}

static const struct {
        const char *key;
        int (*take)(Logins *l, const char *value);
} keys[] = {
        { "sasldb_path", copy_passwords },
        { "keytab", copy_keys },
        { "pwcheck_method", check_method },
};

/* The value of a line "KEY: VALUE", which is cut off behind it. NULL: it is none of this key. */
static char *value_of(char *line, const char *key) {
        char *s = line + strspn(line, " \t"), *end;

        if (strncasecmp(s, key, strlen(key)) != 0 || s[strlen(key)] != ':')
                return NULL;
        s += strlen(key) + 1;
        s += strspn(s, " \t");
        end = s + strlen(s);
        while (end > s && strchr(" \t\r", end[-1]))
                *--end = 0;
        return s;
}

static int add_line(Logins *l, char *line) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const char *value = value_of(line, keys[i].key);

                if (value)
                        return keys[i].take(l, value);
        }
        strbuf_addf(&l->text, "%s\n", line);
        return 0;
}

/* All are offered where none is named. */
static void find_mechanisms(Logins *l, const char *text) {
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy, *line, *list = NULL;

        while (!list && (line = strsep(&rest, "\n")))
                list = value_of(line, "mech_list");
        if (!list) {
                l->kerberos = l->passwords = true;
                return;
        }
        for (char *word; (word = strsep(&list, " \t,"));) {
                bool kerberos = strcasestr(word, "gss") != NULL || streq(word, "GS2-KRB5");

                l->kerberos |= kerberos;
                l->passwords |= *word && !kerberos;
        }
}

static int translate(Logins *l, char *text) {
        char *rest = text, *line;
        int r = 0;

        find_mechanisms(l, text);
        while (r >= 0 && (line = strsep(&rest, "\n"))) {
                l->line++;
                r = add_line(l, line);
        }
        l->line = 0;
        if (r >= 0 && l->passwords && !l->named_passwords && access(DEFAULT_PASSWORDS, F_OK) == 0)
                r = copy_passwords(l, DEFAULT_PASSWORDS);
        return r;
}

static int write_conf(Logins *l) {
        _cleanup_free_ char *path = text_format("%s/qemu.conf", l->open_folder), *text = strbuf_take(&l->text);
        int r;

        if (!path || !text)
                return -ENOMEM;
        r = file_write_atomic(path, text, strlen(text), 0400, FILE_WRITE_NOSYNC);
        if (r >= 0 && chown(path, l->prepare->uid, l->prepare->gid) < 0)
                r = -errno;
        return r < 0 ? refuse(l, r, "cannot write", path) : 0;
}

/* Whoever sends again what a client sent does not know that client's key, which SASL's own steps of GSSAPI ask for: no
 * list of what came before is needed, for which the guest has no place. */
static int add_environment(Prepare *p, const Logins *l) {
        int r = strv_addf(&p->launch.environment, "SASL_CONF_PATH=%s", l->folder);

        return r >= 0 && l->kerberos ? strv_addf(&p->launch.environment, "KRB5RCACHENAME=none:") : r;
}

static int make(Logins *l, const char *folder) {
        _cleanup_free_ char *text = NULL;
        int r;

        l->conf = text_format("%s/qemu.conf", folder);
        r = l->conf ? file_read(l->conf, CONF_MAX, &text, NULL) : -ENOMEM;
        if (r < 0)
                return refuse(l, r, "cannot read", l->conf ?: folder);
        r = translate(l, text);
        return r < 0 ? r : write_conf(l);
}

/* QEMU's unit has to see the name of the host, which names of users are completed with. */
static int check_unit(Prepare *p, const char *wish) {
        const char *loaded = getenv("UNITVIRT_QEMU_CONF");

        return loaded && strstr(loaded, "sasl") ? 0 : prepare_stale_unit(p, wish);
}

int prepare_logins(Prepare *p, const xmlNode *graphics) {
        bool vnc = xml_attr_is(graphics, "type", "vnc");
        const char *from = vnc ? p->config->vnc_sasl_dir : p->config->spice_sasl_dir;
        _cleanup_free_ char *path = NULL, *open_path = NULL;
        _cleanup_close_ int fd = -EBADF;
        Logins l = { .prepare = p, .graphics = graphics, .wish = vnc ? "vnc_sasl" : "spice_sasl" };
        int r;

        if (p->logins && streq(p->logins, from))
                return 0;
        if (p->logins)
                return prepare_refuse(p, -EOPNOTSUPP, graphics, "QEMU reads one configuration of SASL for all its "
                                      "screens, and vnc_sasl_dir and spice_sasl_dir in qemu.conf name two");
        r = check_unit(p, l.wish);
        if (r < 0)
                return r;
        path = text_format("%s/sasl", p->run_dir);
        r = path ? prepare_make_folder(p, "sasl", &open_path, &fd) : -ENOMEM;
        if (r < 0)
                return prepare_refuse(p, r, graphics, "cannot make '%s': %s", path ?: "sasl", strerror(-r));
        l.folder = path;
        l.open_folder = open_path;
        r = make(&l, from);
        if (r >= 0)
                r = add_environment(p, &l);
        free(l.conf);
        strbuf_done(&l.text);
        p->logins = from;
        return r;
}
