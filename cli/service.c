/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service.c - the text of a definition, for any service manager.  See service.h.
 */
#include "service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MARK_PROGRAM "@PROGRAM@"
#define MARK_ARGUMENTS "@ARGUMENTS@"

void
service_append(struct service_text *out, const char *bytes, size_t count)
{
	if (out->failed) {
		return;
	}
	if (out->data == NULL || out->length + count + 1 > out->room) {
		size_t room = 2 * (out->length + count + 1);
		char *data = realloc(out->data, room);

		if (data == NULL) {
			out->failed = true;
			return;
		}
		out->data = data;
		out->room = room;
	}
	memcpy(out->data + out->length, bytes, count);
	out->length += count;
	out->data[out->length] = '\0';
}

static void
append_arguments(struct service_text *out, const struct service_form *form, const char *const arguments[])
{
	for (size_t i = 0; arguments[i] != NULL; i++) {
		service_append(out, form->before, strlen(form->before));
		form->quote_argument(out, arguments[i]);
		service_append(out, form->after, strlen(form->after));
	}
}

char *
service_fill(const struct service_form *form, const char *program, const char *const arguments[])
{
	struct service_text out = {0};
	const char *at = form->text, *mark;

	while ((mark = strchr(at, '@')) != NULL) {
		service_append(&out, at, (size_t)(mark - at));
		if (strncmp(mark, MARK_PROGRAM, strlen(MARK_PROGRAM)) == 0) {
			form->quote_program(&out, program);
			at = mark + strlen(MARK_PROGRAM);
		} else if (strncmp(mark, MARK_ARGUMENTS, strlen(MARK_ARGUMENTS)) == 0) {
			append_arguments(&out, form, arguments);
			at = mark + strlen(MARK_ARGUMENTS);
		} else {
			service_append(&out, mark, 1);
			at = mark + 1;
		}
	}
	service_append(&out, at, strlen(at));
	if (out.failed) {
		free(out.data);
		errno = ENOMEM;
		return NULL;
	}
	return out.data;
}
