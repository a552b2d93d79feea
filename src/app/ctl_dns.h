/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_CTL_DNS_H
#define APP_CTL_DNS_H

/*
 * ctl_dns - the gateway's passive DNS table, for people and programs.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/text.h"

struct dns_filter {
	struct str name; /* this name and those below it, lower case; absent = all */
	struct prefix address; /* bits 0 and all zero = all */
};

/*
 * Read the table that `fd` holds (closed) and print what the filter lets through, by name,
 * address and site: a table, or with `json` an object a line.  False, with a sentence in
 * `error`: it cannot be read.
 */
bool ctl_dns_print(int fd, const struct dns_filter *filter, bool json, FILE *out,
		   char error[200]);

#endif /* APP_CTL_DNS_H */
