/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network-port.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/fs.h"
#include "base/network-news.h"
#include "base/strings.h"
#include "host/undo.h"
#include "model/writer.h"
#include "network/network.h"
#include "network/pool.h"

static char *folder_of(const xmlNode *network) {
        return text_format("%s/network/%s.ports", path_run(), network_name(network));
}

static void format_address(DocumentWriter *w, DocumentElement *plug, const xmlNode *from) {
        static const char *const parts[] = { "domain", "bus", "slot", "function" };
        DocumentElement *address = document_add(w, plug, "address", NULL);

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                document_attr(w, address, parts[i], xml_attr(from, parts[i]) ?: "0");
}

static void format_plug(DocumentWriter *w, DocumentElement *root, const NetworkPort *port) {
        DocumentElement *plug = document_add(w, root, "plug", NULL);

        if (port->bridge) {
                document_attr(w, plug, "type", port->own_bridge ? "network" : "bridge");
                document_attr(w, plug, "bridge", port->bridge);
        } else if (port->link) {
                document_attr(w, plug, "type", "direct");
                document_attr(w, plug, "dev", port->link);
                document_attr(w, plug, "mode", port->mode);
        } else {
                document_attr(w, plug, "type", "hostdev-pci");
                document_attr(w, plug, "managed", port->managed ? "yes" : "no");
                document_attr(w, document_add(w, plug, "driver", NULL), "name", "vfio");
                format_address(w, plug, port->address);
        }
}

/* <networkport> as libvirt's clients read it (virsh net-port-dumpxml). */
static int format_port(const Prepare *p, const xmlNode *interface, const NetworkPort *port, const char *uuid,
                       char **ret) {
        const char *group = xml_get(interface, "source/@portgroup");
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        DocumentElement *root, *owner;
        char owner_uuid[37] = "";
        uint8_t bytes[16];
        int r;

        if (definition_uuid(p->live, bytes))
                uuid_format(bytes, owner_uuid);
        r = document_begin("networkport", &w, &root);
        if (r < 0)
                return r;
        (void) document_add(w, root, "uuid", uuid);
        owner = document_add(w, root, "owner", NULL);
        (void) document_add(w, owner, "name", p->name);
        (void) document_add(w, owner, "uuid", owner_uuid);
        if (group)
                (void) document_add(w, root, "group", group);
        document_attr(w, document_add(w, root, "mac", NULL), "address", xml_get(interface, "mac/@address"));
        format_plug(w, root, port);
        return document_finish(w, ret);
}

static int write_file(Prepare *p, const char *network, const char *folder, const xmlNode *interface,
                      const NetworkPort *port, const char *uuid) {
        _cleanup_free_ char *path = text_format("%s/%s.xml", folder, uuid), *text = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = format_port(p, interface, port, uuid, &text);
        if (r >= 0)
                r = prepare_undo(p, UNDO_FILE, path);
        if (r >= 0)
                r = mkdir_p(folder, 0700);
        if (r >= 0)
                r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        if (r < 0)
                return prepare_refuse(p, r, interface, "cannot write %s: %s", path, strerror(-r));
        network_news(network);
        return 0;
}

int network_port_write(Prepare *p, const xmlNode *network, xmlNode *interface, const NetworkPort *port) {
        _cleanup_free_ char *folder = folder_of(network);
        uint8_t bytes[16];
        char uuid[37];
        int r;

        r = folder ? uuid_generate(bytes) : -ENOMEM;
        if (r < 0)
                return r;
        uuid_format(bytes, uuid);
        r = xml_set_attr(xml_child(interface, "source"), "portid", uuid);
        return r < 0 ? r : write_file(p, network_name(network), folder, interface, port, uuid);
}

/* Whoever chooses has the folder locked until the choice is written down. */
static int lock(Prepare *p, const xmlNode *interface, const char *folder) {
        _cleanup_close_ int fd = -EBADF;
        int r = mkdir_p(folder, 0700);

        fd = r < 0 ? r : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (r >= 0)
                r = fd < 0 || flock(fd, LOCK_EX) < 0 ? -errno : 0;
        return r < 0 ? prepare_refuse(p, r, interface, "cannot lock %s: %s", folder, strerror(-r)) : TAKE_FD(fd);
}

int network_port_take(Prepare *p, xmlNode *network, xmlNode *interface, xmlNode **ret) {
        _cleanup_free_ char *folder = folder_of(network);
        _cleanup_close_ int fd = -EBADF;
        NetworkPort port = { .mode = forward_mode_to_string(network_forward_mode(network)) };
        xmlNode *device;
        int r;

        fd = folder ? lock(p, interface, folder) : -ENOMEM;
        r = fd < 0 ? fd : network_pool_count(network);
        if (r >= 0)
                r = prepare_blame(p, network_pool_choose(network, &device, &p->error), interface);
        if (r < 0)
                return r;
        port.managed = xml_attr_is(xml_child(network, "forward"), "managed", "yes");
        port.link = xml_is(device, "interface") ? xml_attr(device, "dev") : NULL;
        port.address = port.link ? NULL : device;
        r = network_port_write(p, network, interface, &port);
        if (r >= 0)
                *ret = device;
        return r;
}
