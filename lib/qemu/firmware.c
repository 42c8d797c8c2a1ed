/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Descriptors of firmware: which files there are, and what is in one. */

#include <dirent.h>
#include <jansson.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "qemu/firmware.h"

#define FOLDERS "/usr/share/qemu/firmware:/etc/qemu/firmware"
#define MAX_DESCRIPTOR (64U * 1024)

void firmware_done(Firmware *f) {
        free(f->executable);
        free(f->format);
        free(f->nvram_template);
        free(f->template_format);
        strv_free(f->targets);
        *f = (Firmware) {};
}

void firmware_list_done(FirmwareList *l) {
        for (size_t i = 0; i < l->n; i++)
                firmware_done(&l->list[i]);
        free(l->list);
        *l = (FirmwareList) {};
}

static const char *text_of(const json_t *o, const char *key) {
        return json_string_value(json_object_get(o, key));
}

static bool has_word(const json_t *list, const char *word) {
        size_t i;
        json_t *item;

        json_array_foreach(list, i, item)
                if (streq_ptr(json_string_value(item), word))
                        return true;
        return false;
}

/* A file of the host has a whole path: nobody who reads the descriptor has a folder of his own for it. */
static const char *path_of(const json_t *o) {
        const char *path = text_of(o, "filename");

        return path && *path == '/' ? path : NULL;
}

/* {"filename": ..., "format": ...} of a flash image. */
static int read_image(const json_t *o, char **ret_path, char **ret_format) {
        const char *path = path_of(o), *format = text_of(o, "format");

        if (!path || !format || !*format)
                return -EBADMSG;
        *ret_path = strdup(path);
        *ret_format = strdup(format);
        return *ret_path && *ret_format ? 0 : -ENOMEM;
}

static int read_flash(const json_t *mapping, Firmware *f) {
        const char *mode = text_of(mapping, "mode") ?: "split";
        int r;

        f->mapping = streq(mode, "split")       ? FIRMWARE_FLASH
                     : streq(mode, "stateless") ? FIRMWARE_FLASH_STATELESS
                                                : FIRMWARE_FLASH_COMBINED;
        r = read_image(json_object_get(mapping, "executable"), &f->executable, &f->format);
        if (r < 0 || f->mapping != FIRMWARE_FLASH)
                return r;
        return read_image(json_object_get(mapping, "nvram-template"), &f->nvram_template, &f->template_format);
}

static int read_memory(const json_t *mapping, Firmware *f) {
        const char *path = path_of(mapping);

        if (!path)
                return -EBADMSG;
        f->mapping = FIRMWARE_MEMORY;
        f->executable = strdup(path);
        f->format = strdup("raw");
        return f->executable && f->format ? 0 : -ENOMEM;
}

static int read_mapping(const json_t *mapping, Firmware *f) {
        const char *device = text_of(mapping, "device") ?: "";

        if (streq(device, "flash"))
                return read_flash(mapping, f);
        return streq(device, "memory") ? read_memory(mapping, f) : -EBADMSG;
}

static int read_targets(const json_t *targets, Firmware *f) {
        size_t i, j;
        json_t *target, *machine;

        json_array_foreach(targets, i, target)
                json_array_foreach(json_object_get(target, "machines"), j, machine) {
                        int r;

                        if (!text_of(target, "architecture") || !json_is_string(machine))
                                return -EBADMSG;
                        r = strv_addf(&f->targets, "%s %s", text_of(target, "architecture"),
                                      json_string_value(machine));
                        if (r < 0)
                                return r;
                }
        return 0;
}

static int read_descriptor(const json_t *o, Firmware *f) {
        const json_t *kinds = json_object_get(o, "interface-types"), *features = json_object_get(o, "features");
        int r;

        f->efi = has_word(kinds, "uefi");
        f->bios = has_word(kinds, "bios");
        f->secure_boot = has_word(features, "secure-boot");
        f->enrolled_keys = has_word(features, "enrolled-keys");
        f->requires_smm = has_word(features, "requires-smm");
        r = read_mapping(json_object_get(o, "mapping"), f);
        return r < 0 ? r : read_targets(json_object_get(o, "targets"), f);
}

int firmware_parse(const char *text, size_t len, Firmware *ret) {
        Firmware f = {};
        json_t *o = json_loadb(text, len, 0, NULL);
        int r;

        r = o ? read_descriptor(o, &f) : -EBADMSG;
        json_decref(o);
        if (r < 0) {
                firmware_done(&f);
                return r;
        }
        *ret = f;
        return 0;
}

/* Two lists of the same length: names, and the path of the strongest file of each. */
typedef struct Found {
        char **names, **paths;
        size_t n;
} Found;

static void found_done(Found *f) {
        strv_free(f->names);
        strv_free(f->paths);
}

/* Where name is, or would go: names are kept sorted. */
static size_t find_place(const Found *f, const char *name, bool *ret_there) {
        size_t i = 0;

        while (i < f->n && strcmp(f->names[i], name) < 0)
                i++;
        *ret_there = i < f->n && streq(f->names[i], name);
        return i;
}

static int add_found(Found *f, const char *folder, const char *name) {
        char *path, *copy;
        bool there;
        size_t at = find_place(f, name, &there);
        int r;

        path = text_format("%s/%s", folder, name);
        if (!path)
                return -ENOMEM;
        if (there) {
                free(f->paths[at]);
                f->paths[at] = path;
                return 0;
        }
        r = strv_consume(&f->paths, path);
        if (r >= 0)
                r = strv_add(&f->names, name);
        if (r < 0)
                return r;
        copy = f->names[f->n];
        memmove(f->names + at + 1, f->names + at, (f->n - at) * sizeof(*f->names));
        memmove(f->paths + at + 1, f->paths + at, (f->n - at) * sizeof(*f->paths));
        f->names[at] = copy;
        f->paths[at] = path;
        f->n++;
        return 0;
}

static int scan_folder(Found *f, const char *folder) {
        DIR *dir = opendir(folder);
        const struct dirent *entry;
        int r = 0;

        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        while (r >= 0 && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && endswith(entry->d_name, ".json"))
                        r = add_found(f, folder, entry->d_name);
        closedir(dir);
        return r;
}

static int scan_folders(Found *f) {
        _cleanup_free_ char *folders = strdup(getenv("UNITVIRT_FIRMWARE") ?: FOLDERS);
        char *state = NULL;
        int r = 0;

        if (!folders)
                return -ENOMEM;
        for (char *folder = strtok_r(folders, ":", &state); r >= 0 && folder; folder = strtok_r(NULL, ":", &state))
                r = scan_folder(f, folder);
        return r;
}

static int load_one(const char *path, Firmware *ret) {
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r;

        r = file_read(path, MAX_DESCRIPTOR, &text, &len);
        if (r < 0)
                return r;
        return len == 0 ? -ENOENT : firmware_parse(text, len, ret);
}

int firmware_list_load(FirmwareList *ret) {
        _cleanup_(found_done) Found found = {};
        FirmwareList l = {};
        int r;

        r = scan_folders(&found);
        if (r < 0)
                return r;
        l.list = calloc(found.n + 1, sizeof(*l.list));
        if (!l.list)
                return -ENOMEM;
        for (size_t i = 0; i < found.n; i++) {
                r = load_one(found.paths[i], &l.list[l.n]);
                if (r == -ENOMEM) {
                        firmware_list_done(&l);
                        return r;
                }
                if (r >= 0)
                        l.n++;
                else if (r != -ENOENT)
                        log_debug("%s is no descriptor of firmware: %s, ignoring", found.paths[i], strerror(-r));
        }
        *ret = l;
        return 0;
}

static int firmware_of_host(void *context, const FirmwareList **ret) {
        FirmwareHost *h = context;
        int r;

        if (!h->loaded) {
                r = firmware_list_load(&h->list);
                if (r < 0)
                        return r;
                h->loaded = true;
        }
        *ret = &h->list;
        return 0;
}

void firmware_host_offer(FirmwareHost *h, HostFacts *facts) {
        facts->firmware = firmware_of_host;
        facts->firmware_context = h;
}
