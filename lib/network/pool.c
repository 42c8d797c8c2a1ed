/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/pool.h"

#include <dirent.h>

#include "base/fs.h"
#include "base/strings.h"
#include "network/network.h"

static bool is_of_pci(const xmlNode *network) {
        return network_forward_mode(network) == FORWARD_HOSTDEV;
}

static const char *kind_of(const xmlNode *network) {
        return is_of_pci(network) ? "address" : "interface";
}

bool network_has_pool(const xmlNode *network) {
        return !forward_mode_has_own_bridge(network_forward_mode(network)) && !network_bridge(network);
}

char *network_pool_address(const xmlNode *address) {
        static const char *const parts[] = { "domain", "bus", "slot", "function" };
        unsigned numbers[ELEMENTSOF(parts)] = {};

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (xml_attr(address, parts[i]) && xml_attr_uint(address, parts[i], &numbers[i]) < 0)
                        return NULL;
        return text_format("%04x:%02x:%02x.%x", numbers[0], numbers[1], numbers[2], numbers[3]);
}

/* --- who has what --- */

static bool is_device(const xmlNode *device, const xmlNode *plug) {
        _cleanup_free_ char *one = NULL, *other = NULL;

        if (xml_is(device, "interface"))
                return streq_ptr(xml_attr(device, "dev"), xml_attr(plug, "dev"));
        one = network_pool_address(device);
        other = xml_child(plug, "address") ? network_pool_address(xml_child(plug, "address")) : NULL;
        return one && streq_ptr(one, other);
}

static int count_port(xmlNode *network, const char *path) {
        _cleanup_free_ char *text = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        xmlNode *plug;
        size_t len;

        if (file_read(path, XML_MAX_BYTES, &text, &len) < 0 ||
            xml_parse(text, len, path, "networkport", &doc, NULL) < 0)
                return 0;
        plug = xml_child(xml_root(doc), "plug");
        XML_FOREACH(device, xml_child(network, "forward"), kind_of(network)) {
                unsigned n = 0;

                if (!plug || !is_device(device, plug))
                        continue;
                (void) xml_attr_uint(device, "connections", &n);
                return xml_set_attrf(device, "connections", "%u", n + 1);
        }
        return 0;
}

int network_pool_count(xmlNode *network) {
        _cleanup_free_ char *folder = text_format("%s/network/%s.ports", path_run(), network_name(network));
        const struct dirent *de;
        int r = 0;
        DIR *d;

        XML_FOREACH(device, xml_child(network, "forward"), kind_of(network))
                xml_unset_attr(device, "connections");
        if (!folder)
                return -ENOMEM;
        d = opendir(folder);
        while (d && r >= 0 && (de = readdir(d))) {
                _cleanup_free_ char *path = text_format("%s/%s", folder, de->d_name);

                if (!path)
                        r = -ENOMEM;
                else if (endswith(path, ".xml"))
                        r = count_port(network, path);
        }
        if (d)
                closedir(d);
        return r;
}

int network_pool_choose(const xmlNode *network, xmlNode **ret, Error *e) {
        ForwardMode mode = network_forward_mode(network);
        bool alone = mode == FORWARD_HOSTDEV || mode == FORWARD_PASSTHROUGH;
        unsigned fewest = UINT32_MAX;
        xmlNode *found = NULL;

        XML_FOREACH(device, xml_child(network, "forward"), kind_of(network)) {
                unsigned n = 0;

                (void) xml_attr_uint(device, "connections", &n);
                if ((alone && n > 0) || n >= fewest)
                        continue;
                fewest = n;
                found = device;
        }
        if (!found && alone && xml_child(xml_child(network, "forward"), kind_of(network)))
                return error_set(e, -EBUSY, ERROR_INTERNAL, ORIGIN_NETWORK,
                                 "network '%s' requires exclusive access to interfaces, but none are available",
                                 network_name(network));
        if (!found)
                return error_set(e, -ENODEV, ERROR_INTERNAL, ORIGIN_NETWORK,
                                 "network '%s' uses a direct/hostdev mode, but has no forward dev and no interface "
                                 "pool",
                                 network_name(network));
        *ret = found;
        return 0;
}
