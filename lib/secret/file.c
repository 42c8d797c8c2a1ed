/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "secret/file.h"

#define SEALER "/usr/bin/systemd-creds"

static const char *const suffixes[_SECRET_FORM_MAX] = { [SECRET_SEALED] = "cred", [SECRET_PLAIN] = "base64" };

char *secret_file(const char *uuid, bool ephemeral, SecretForm form) {
        const char *folder = ephemeral ? path_run() : form == SECRET_SEALED ? path_lib() : path_etc();

        return text_format("%s/secrets/%s.%s", folder, uuid, suffixes[form]);
}

static const char *sealer(void) {
        return secure_getenv("UNITVIRT_SYSTEMD_CREDS") ?: SEALER;
}

bool secret_can_seal(void) {
        const char *key = secure_getenv("UNITVIRT_HOST_KEY") ?: "/var/lib/systemd/credential.secret";

        return access(sealer(), F_OK) == 0 && access(key, F_OK) == 0;
}

static void command(const char *verb, const char *key, const char *uuid, char name[SECRET_NAME_MAX],
                    const char *argv[SECRET_COMMAND_MAX]) {
        size_t n = 0;

        snprintf(name, SECRET_NAME_MAX, "--name=%s", uuid);
        argv[n++] = sealer();
        argv[n++] = name;
        argv[n++] = verb;
        if (key)
                argv[n++] = key;
        argv[n++] = "-";
        argv[n++] = "-";
        argv[n] = NULL;
}

void secret_seal_command(const char *uuid, char name[SECRET_NAME_MAX], const char *argv[SECRET_COMMAND_MAX]) {
        command("encrypt", "--with-key=host", uuid, name, argv);
}

void secret_open_command(const char *uuid, char name[SECRET_NAME_MAX], const char *argv[SECRET_COMMAND_MAX]) {
        command("decrypt", NULL, uuid, name, argv);
}

int secret_file_find(const char *uuid, char **ret_path, SecretForm *ret_form) {
        static const struct {
                bool ephemeral;
                SecretForm form;
        } order[] = {
                { false, SECRET_PLAIN }, { false, SECRET_SEALED }, { true, SECRET_PLAIN }, { true, SECRET_SEALED }
        };

        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                _cleanup_free_ char *path = secret_file(uuid, order[i].ephemeral, order[i].form);

                if (!path)
                        return -ENOMEM;
                if (access(path, F_OK) < 0)
                        continue;
                *ret_path = TAKE_PTR(path);
                *ret_form = order[i].form;
                return 0;
        }
        return -ENOENT;
}

static int remove_one(const char *uuid, bool ephemeral, SecretForm form) {
        _cleanup_free_ char *path = secret_file(uuid, ephemeral, form);

        if (!path)
                return -ENOMEM;
        if (unlink(path) < 0)
                return errno == ENOENT ? 0 : -errno;
        return ephemeral ? 0 : fsync_parent(path);
}

int secret_file_write(const char *uuid, bool ephemeral, SecretForm form, const void *data, size_t len) {
        _cleanup_free_ char *path = secret_file(uuid, ephemeral, form), *folder = NULL;
        int r;

        folder = path ? strdup(path) : NULL;
        if (!folder)
                return -ENOMEM;
        *strrchr(folder, '/') = '\0';
        r = mkdir_p(folder, 0700);
        if (r >= 0)
                r = file_write_atomic(path, data, len, 0600, ephemeral ? FILE_WRITE_NOSYNC : 0);
        return r < 0 ? r : remove_one(uuid, ephemeral, form == SECRET_PLAIN ? SECRET_SEALED : SECRET_PLAIN);
}

int secret_plain_read(const char *path, SecretValue *ret) {
        _cleanup_secret_value_ SecretValue text = {};
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;
        int r;

        if (fd < 0)
                return -errno;
        r = secret_value_new(2 * SECRET_VALUE_MAX, &text);
        if (r < 0)
                return r;
        n = read(fd, text.data, text.len);
        if (n < 0)
                return -errno;
        return secret_value_from_base64((const char *) text.data, (size_t) n, ret);
}

int secret_plain_write(const char *uuid, bool ephemeral, const void *data, size_t len) {
        _cleanup_secret_value_ SecretValue text = {};
        const SecretValue v = { .data = (uint8_t *) data, .len = len };
        int r;

        r = secret_value_to_base64(&v, &text);
        return r < 0 ? r : secret_file_write(uuid, ephemeral, SECRET_PLAIN, text.data, text.len);
}

int secret_file_remove(const char *uuid, bool ephemeral) {
        int r, r2;

        r = remove_one(uuid, ephemeral, SECRET_PLAIN);
        r2 = remove_one(uuid, ephemeral, SECRET_SEALED);
        return r < 0 ? r : r2;
}

static int prepare(const char *root) {
        _cleanup_free_ char *path = text_format("%s/secrets", root);
        const struct dirent *entry;
        DIR *dir;
        int r;

        if (!path)
                return -ENOMEM;
        r = mkdir_p(path, 0700);
        if (r < 0)
                return r;
        dir = opendir(path);
        if (!dir)
                return -errno;
        while ((entry = readdir(dir)))
                if (file_is_temporary(entry->d_name, ".cred") || file_is_temporary(entry->d_name, ".base64"))
                        (void) unlinkat(dirfd(dir), entry->d_name, 0);
        closedir(dir);
        return 0;
}

int secret_files_prepare(void) {
        int r;

        r = prepare(path_etc());
        if (r >= 0)
                r = prepare(path_lib());
        return r < 0 ? r : prepare(path_run());
}
