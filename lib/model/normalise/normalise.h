/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the steps of normalising share. Each step is a function of one file that is named after the element it
 * looks after. Failures of memory stick in the Normaliser and are asked for between steps, so that a step reads
 * as what it does; the helpers accept NULL nodes for the same reason. */

#include "definition-private.h"

typedef struct Normaliser {
        Definition *d;
        xmlNode *root;
        xmlNode *devices;
        const HostFacts *facts;
        Error *error;
        bool q35;               /* set by the os step */
        bool user_pci;          /* the document lists PCI controllers of its own besides the root */
        bool out_of_memory;
} Normaliser;

/* The steps, in the order of the chain. */
int normalise_identity(Normaliser *n);
int normalise_memory(Normaliser *n);
int normalise_vcpu(Normaliser *n);
int normalise_tuning(Normaliser *n);
int normalise_os(Normaliser *n);
int normalise_features(Normaliser *n);
int normalise_cpu(Normaliser *n);
int normalise_clock(Normaliser *n);
int normalise_lifecycle(Normaliser *n);
int normalise_commandline(Normaliser *n);
int normalise_emulator(Normaliser *n);
int normalise_disks(Normaliser *n);
int normalise_controllers(Normaliser *n);
int normalise_interfaces(Normaliser *n);
int normalise_serials(Normaliser *n);
int normalise_channels(Normaliser *n);
int normalise_inputs(Normaliser *n);
int normalise_graphics(Normaliser *n);
int normalise_videos(Normaliser *n);
int normalise_sounds(Normaliser *n);
int normalise_small_devices(Normaliser *n);
int normalise_implied_controllers(Normaliser *n);
int normalise_boot(Normaliser *n);
int assign_drive_addresses(Normaliser *n);
int assign_usb_addresses(Normaliser *n);
int assign_virtio_serial_addresses(Normaliser *n);
int assign_pci_addresses(Normaliser *n);
int write_pci_targets(Normaliser *n);
int check_aliases(Normaliser *n);

/* iotune of a disk, as part of its step. */
int normalise_throttle(Normaliser *n, xmlNode *disk);

/* Chooses the firmware, as part of the os step. */
int normalise_firmware(Normaliser *n, xmlNode *os);

/* Fails about node: returns r with the error filled. */
#define fail(n, node, r, code, ...) definition_error((n)->d, (node), (r), (code), (n)->error, __VA_ARGS__)
#define fail_xml(n, node, ...) fail(n, node, -EBADMSG, ERROR_XML_ERROR, __VA_ARGS__)
#define fail_unsupported(n, node, ...) fail(n, node, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, __VA_ARGS__)

/* Changes that remember a failure. */
void set(Normaliser *n, xmlNode *node, const char *name, const char *value);
void setf(Normaliser *n, xmlNode *node, const char *name, const char *format, ...) _printf_(4, 5);
void set_default(Normaliser *n, xmlNode *node, const char *name, const char *value);
xmlNode *add(Normaliser *n, xmlNode *parent, const char *name);
xmlNode *ensure(Normaliser *n, xmlNode *parent, const char *name);
void set_text(Normaliser *n, xmlNode *node, const char *text);

/* The child of the root or of parent called name with this text, added when absent. */
void default_child(Normaliser *n, xmlNode *parent, const char *name, const char *text);

/* The value of an attribute, or otherwise where it is absent. */
const char *attr_or(const xmlNode *node, const char *name, const char *otherwise);

/* Number of an attribute; otherwise where it is absent. Numbers were checked by the schema. */
unsigned number_or(const xmlNode *node, const char *name, unsigned otherwise);

/* Whether the guest has an I/O thread of this id: listed, or one of as many as <iothreads> says. */
bool has_iothread(const Normaliser *n, unsigned id);

/* Drops an element that carries nothing at all. */
void drop_empty(xmlNode *parent, const char *name);

/* --- controllers --- */

xmlNode *find_controller(const Normaliser *n, const char *type, unsigned index);

/* Adds one beside its kind: behind the last of its type with a lower index, at the end otherwise. */
xmlNode *add_controller(Normaliser *n, const char *type, unsigned index, const char *model);

/* Adds each missing controller of the type from 0 to index. */
void need_controllers(Normaliser *n, const char *type, unsigned index, const char *model);

/* --- addresses --- */

/* The address of a device, NULL where it has none or is left to be chosen (type unassigned, or type alone). */
xmlNode *device_address(const xmlNode *device);

/* A fresh, empty address of this type in place of what is there. */
xmlNode *new_address(Normaliser *n, xmlNode *device, const char *type);

/* "vdb" to 1; -EINVAL for what is no name of a disk. */
int disk_index(const char *target);

/* Whether the model says that the device sits on conventional PCI only. */
static inline bool is_transitional(const xmlNode *device) {
        return xml_attr_is(device, "model", "virtio-transitional");
}
