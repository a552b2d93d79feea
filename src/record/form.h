/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_FORM_H
#define RECORD_FORM_H

/*
 * form - events as JSON lines.
 *
 * A line is written in two parts so that any thread can form it before its sequence number
 * is known: the tail (all fields from "time" on, closing brace and newline) by form_*(), the
 * head ({"v":1,"seq":N,) by form_head() when the ledger puts lines in order.
 * Field order is fixed; absent values are left out.  docs/event-schema.json is the contract.
 *
 * Memory: the caller's buffer; FORM_LINE_MAX bytes hold any event.
 */

#include <stddef.h>
#include <stdint.h>

#include "model/event.h"

#define FORM_LINE_MAX    16384
#define FORM_HEAD_MAX    40
#define FORM_PACKETS_MAX 160 /* what form_add_packets() adds */
#define FORM_VERSION     1

/* Write the tail into buf; returns its length, or 0 when it did not fit. */
size_t form_flow(const struct flow_event *e, const struct event_origin *o, char *buf,
		 size_t size);
size_t form_signal(const struct signal_event *e, const struct event_origin *o, char *buf,
		   size_t size);
size_t form_system(const struct system_event *e, const struct event_origin *o, char *buf,
		   size_t size);
size_t form_loss(const struct loss_event *e, const struct event_origin *o, char *buf,
		 size_t size);

size_t form_dns(const struct dns_event *e, const struct event_origin *o, char *buf,
		size_t size);
size_t form_rollup(const struct rollup_event *e, const struct event_origin *o, char *buf,
		   size_t size);
size_t form_change(const struct change_event *e, const struct event_origin *o, char *buf,
		   size_t size);

/*
 * Put the name and the SHA-256 of a file of packets (packets.h) behind the fields of a flow's
 * tail of `len` bytes; its new length, or 0, and it is as it was, when there is no room.
 */
size_t form_add_packets(char tail[FORM_LINE_MAX], size_t len, const char *name,
			const char *sha256);

/* {"v":1,"seq":N, without NUL; returns its length. */
size_t form_head(uint64_t seq, char buf[FORM_HEAD_MAX]);

#endif /* RECORD_FORM_H */
