/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Mediated devices that are defined: mdevctl keeps them, a file each, /etc/mdevctl.d/PARENT/UUID, in JSON. */

#include <ctype.h>
#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "nodedev.h"
#include "object/event.h"

#define FILE_MAX (256U * 1024U)
#define FOLDER (getenv("UNITVIRT_MDEVCTL") ?: "/etc/mdevctl.d")

char *mdev_name(const char *uuid, const char *parent) {
        char *name = text_format("mdev_%s_%s", uuid, parent);

        for (char *p = name; p && *p; p++)
                if (!isalnum((unsigned char) *p))
                        *p = '_';
        return name;
}

void mdev_spec_done(MdevSpec *s) {
        free(s->uuid);
        free(s->parent);
        free(s->type);
        strv_free(s->attributes);
}

/* --- one file --- */

static int read_attributes(const json_t *list, MdevSpec *s) {
        size_t i;
        json_t *one;

        if (list && (!json_is_array(list) || json_array_size(list) > MDEV_ATTRIBUTES_MAX))
                return -EBADMSG;
        json_array_foreach(list, i, one) {
                const char *name = json_object_iter_key(json_object_iter(one));
                const char *value = name ? json_string_value(json_object_get(one, name)) : NULL;
                int r;

                if (!value)
                        return -EBADMSG;
                r = strv_add(&s->attributes, name);
                if (r >= 0)
                        r = strv_add(&s->attributes, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_json(const json_t *root, MdevSpec *s) {
        const char *type = json_string_value(json_object_get(root, "mdev_type")),
                   *start = json_string_value(json_object_get(root, "start"));

        if (!type)
                return -EBADMSG;
        s->type = strdup(type);
        s->automatic = start && streq(start, "auto");
        return s->type ? read_attributes(json_object_get(root, "attrs"), s) : -ENOMEM;
}

int mdev_load(const Device *d, MdevSpec *ret, Error *e) {
        const char *uuid = strrchr(d->config, '/') + 1;
        _cleanup_free_ char *text = NULL;
        json_t *root;
        size_t len;
        int r;

        ret->uuid = strdup(uuid);
        ret->parent = strndup(d->config + strlen(FOLDER) + 1, (size_t) (uuid - d->config) - strlen(FOLDER) - 2);
        if (!ret->uuid || !ret->parent)
                return -ENOMEM;
        r = file_read(d->config, FILE_MAX, &text, &len);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NODEDEV, "cannot read '%s'", d->config);
        root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        r = root ? read_json(root, ret) : -EBADMSG;
        json_decref(root);
        return r == -EBADMSG ? error_set(e, r, ERROR_INTERNAL, ORIGIN_NODEDEV, "'%s' is no definition of mdevctl's",
                                         d->config)
                             : r;
}

int mdev_format(const MdevSpec *s, char **ret) {
        json_t *attributes = json_array(),
               *root = json_pack("{s:s,s:s,s:O}", "mdev_type", s->type, "start", s->automatic ? "auto" : "manual",
                                 "attrs", attributes);

        for (char *const *a = s->attributes; a && *a; a += 2)
                (void) json_array_append_new(attributes, json_pack("{s:s}", a[0], a[1]));
        *ret = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
        json_decref(attributes);
        json_decref(root);
        return *ret ? 0 : -ENOMEM;
}

/* --- all of them --- */

static int set_config(Device *d, const char *path) {
        char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        free(d->config);
        d->config = copy;
        d->object.persistent = true;
        return 0;
}

static int add_file(NodedevDriver *driver, const char *parent, const char *uuid) {
        _cleanup_free_ char *path = text_format("%s/%s/%s", FOLDER, parent, uuid), *name = mdev_name(uuid, parent);
        Object *o;
        int r;

        if (!path || !name)
                return -ENOMEM;
        o = object_by_name(&driver->devices, NULL, name);
        if (o && device_of(o)->config)
                return 0;
        if (!o) {
                r = device_add(driver, name, &device_mdev, NULL, -1);
                if (r < 0)
                        return r;
                o = object_by_name(&driver->devices, NULL, name);
        }
        r = o ? set_config(device_of(o), path) : -ENOENT;
        if (r >= 0)
                object_emit_lifecycle(o, DEVICE_DEFINED, 0);
        return r;
}

static void add_folder(NodedevDriver *driver, const char *parent) {
        _cleanup_free_ char *path = text_format("%s/%s", FOLDER, parent);
        DIR *dir = path ? opendir(path) : NULL;

        for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
                uint8_t uuid[16];
                int r = strlen(d->d_name) == 36 && uuid_parse(d->d_name, uuid) >= 0
                                ? add_file(driver, parent, d->d_name)
                                : 0;

                if (r < 0)
                        log_debug("%s/%s: %s", path, d->d_name, strerror(-r));
        }
        if (dir)
                closedir(dir);
}

static void remove_config(Object *o) {
        _cleanup_object_ Object *hold = object_ref(o);
        Device *d = device_of(o);

        free(d->config);
        d->config = NULL;
        o->persistent = false;
        if (!d->syspath)
                object_index_remove(o);
        object_emit_lifecycle(hold, DEVICE_UNDEFINED, 0);
}

static void remove_gone(NodedevDriver *driver) {
        Object **list;
        size_t n;

        if (object_snapshot(&driver->devices, NULL, &list, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                if (device_of(list[i])->config && access(device_of(list[i])->config, F_OK) < 0)
                        remove_config(list[i]);
        object_release(list, n);
}

void mdev_look(NodedevDriver *driver) {
        DIR *dir = opendir(FOLDER);

        remove_gone(driver);
        for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir))
                if (d->d_name[0] != '.')
                        add_folder(driver, d->d_name);
        if (dir)
                closedir(dir);
}

/* --- the document --- */

/* A device of that name in sysfs; its own name, or "computer" where it is not there. */
static int parent_name(const Device *d, const char *parent, char **ret) {
        const NodedevDriver *driver = d->object.index->driver;
        Object **list;
        size_t n;

        *ret = NULL;
        if (object_snapshot(&driver->devices, NULL, &list, &n) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < n && !*ret; i++) {
                const char *path = device_of(list[i])->syspath;

                if (path && device_of(list[i])->kind != &device_mdev && streq(strrchr(path, '/') + 1, parent))
                        *ret = strdup(list[i]->name);
        }
        object_release(list, n);
        if (!*ret)
                *ret = strdup("computer");
        return *ret ? 0 : -ENOMEM;
}

int mdev_parent_name(const Device *d, char **ret, Error *e) {
        _cleanup_mdev_spec_ MdevSpec s = {};
        int r = mdev_load(d, &s, e);

        return r < 0 ? r : parent_name(d, s.parent, ret);
}

void describe_attributes(Description *d, const MdevSpec *s) {
        for (char *const *a = s->attributes; a && *a; a += 2) {
                DocumentElement *n = document_add(d->writer, d->capability, "attr", NULL);

                document_attr(d->writer, n, "name", a[0]);
                document_attr(d->writer, n, "value", a[1]);
        }
}

int mdev_describe(const Device *device, char **ret, Error *e) {
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        _cleanup_mdev_spec_ MdevSpec s = {};
        _cleanup_free_ char *parent = NULL;
        DocumentElement *root;
        Description d = {};
        int r;

        r = mdev_load(device, &s, e);
        if (r >= 0)
                r = parent_name(device, s.parent, &parent);
        if (r >= 0)
                r = document_begin("device", &w, &root);
        if (r < 0)
                return r;
        document_add(w, root, "name", device->object.name);
        document_add(w, root, "parent", parent);
        d = (Description) { w, document_add(w, root, "capability", NULL), NULL };
        document_attr(w, d.capability, "type", "mdev");
        document_attr(w, document_add(w, d.capability, "type", NULL), "id", s.type);
        describe_text(&d, "uuid", s.uuid);
        describe_text(&d, "parent_addr", s.parent);
        describe_attributes(&d, &s);
        return document_finish(w, ret);
}
