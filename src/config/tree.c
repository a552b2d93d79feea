/* SPDX-License-Identifier: Apache-2.0 */
#include "config/tree.h"

#include <string.h>

#include <libconfig.h>

#define TEXT_OF(number)     #number
#define VERSION_OF(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

/* Does libconfig see the same kind of setting as the outline? */
static bool same_kind(const config_setting_t *s, const struct node *n)
{
	int type = config_setting_type(s);

	switch (n->kind) {
	case NODE_GROUP:
		return type == CONFIG_TYPE_GROUP;
	case NODE_ARRAY:
		return type == CONFIG_TYPE_ARRAY;
	case NODE_LIST:
		return type == CONFIG_TYPE_LIST;
	case NODE_STRING:
		return type == CONFIG_TYPE_STRING;
	case NODE_INTEGER:
		return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
	case NODE_FLOAT:
		return type == CONFIG_TYPE_FLOAT;
	case NODE_BOOL:
		return type == CONFIG_TYPE_BOOL;
	}
	return false;
}

static bool same_name(const config_setting_t *s, const struct node *n)
{
	const char *name = config_setting_name(s);

	return str_equal(str_of(name), n->name);
}

struct level {
	config_setting_t *setting;
	uint32_t end;   /* of its nodes */
	unsigned index; /* of the next member */
};

/* Both trees stand in document order: walk them side by side. */
static const struct node *join(config_t *cf, struct outline *o, struct arena *a)
{
	struct level stack[OUTLINE_DEPTH_MAX + 2];
	unsigned depth = 0;

	stack[0] = (struct level){config_root_setting(cf), o->nodes[0].end, 0};
	for (uint32_t i = 1; i < o->count; i++) {
		struct node *n = &o->nodes[i];
		struct level *in;
		config_setting_t *s;

		while (i >= stack[depth].end)
			depth--;
		in = &stack[depth];
		s = config_setting_get_elem(in->setting, in->index++);
		if (s == NULL || !same_kind(s, n) || !same_name(s, n))
			return n;
		if (n->kind == NODE_STRING) {
			const char *v = config_setting_get_string(s);

			n->value = arena_strndup(a, v, strlen(v));
			if (n->value == NULL)
				return n;
		} else if (n->kind <= NODE_LIST) {
			stack[++depth] = (struct level){s, n->end, 0};
		}
	}
	return NULL;
}

bool tree_read(const char *text, struct outline *o, struct arena *a, struct diag *d)
{
	const struct node *odd = NULL;
	config_t cf;
	bool ok;

	config_init(&cf);
	/* The outline has refused @include; should one slip through, nothing is below this. */
	config_set_include_dir(&cf, "/dev/null");
	ok = config_read_string(&cf, text) == CONFIG_TRUE;
	if (!ok) {
		struct span at = {.file = o->file,
				  .line = (unsigned)config_error_line(&cf)};

		diag_error(d, at, "%s", config_error_text(&cf));
		diag_note(d, "libconfig often means the line before");
	} else {
		odd = join(&cf, o, a);
	}
	if (odd != NULL) {
		diag_error(d, outline_value_span(o, odd),
			   "libconfig %s reads this setting in another way",
			   tree_library_version());
		diag_note(d, "libconfig and weir differ here: this is a fault of weir");
		ok = false;
	}
	config_destroy(&cf);
	return ok;
}

const char *tree_library_version(void)
{
	return VERSION_OF(LIBCONFIG_VER_MAJOR, LIBCONFIG_VER_MINOR,
			  LIBCONFIG_VER_REVISION);
}
