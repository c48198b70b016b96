/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.c - fixed-size records in fixed slots.  See journal.h.
 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/paths.h"

struct journal {
	int fd;
};

struct journal *
journal_open(int rundir)
{
	struct journal *j = malloc(sizeof(*j));

	if (j == NULL) {
		return NULL;
	}
	j->fd = openat(rundir, PATHS_JOURNAL, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0) {
		free(j);
		return NULL;
	}
	return j;
}

void
journal_close(struct journal *j)
{
	if (j != NULL) {
		close(j->fd);
		free(j);
	}
}

static int
write_slot(struct journal *j, unsigned slot, const struct journal_record *record)
{
	ssize_t n = pwrite(j->fd, record, sizeof(*record), (off_t)slot * (off_t)sizeof(*record));

	if (n == (ssize_t)sizeof(*record)) {
		return 0;
	}
	if (n >= 0) {
		errno = ENOSPC;
	}
	return -1;
}

int
journal_write(struct journal *j, unsigned slot, const struct journal_record *record)
{
	struct journal_record out = *record;

	out.magic = JOURNAL_MAGIC;
	out.version = JOURNAL_VERSION;
	return write_slot(j, slot, &out);
}

int
journal_clear(struct journal *j, unsigned slot)
{
	static const struct journal_record none;

	return write_slot(j, slot, &none);
}

static bool
is_terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

int
journal_read(struct journal *j, unsigned slot, struct journal_record *record)
{
	static const struct journal_record none;
	struct device_id id;
	ssize_t n = pread(j->fd, record, sizeof(*record), (off_t)slot * (off_t)sizeof(*record));

	if (n < 0) {
		return -1;
	}
	if (n == 0 || (n == (ssize_t)sizeof(*record) && memcmp(record, &none, sizeof(none)) == 0)) {
		errno = ENOENT;
		return -1;
	}
	id = (struct device_id){.kind = record->kind, .unit = record->unit};
	if (n != (ssize_t)sizeof(*record) || record->magic != JOURNAL_MAGIC || record->version != JOURNAL_VERSION ||
	    record->state < JOURNAL_MAKING || record->state > JOURNAL_KEPT || !device_id_known(id) ||
	    record->dialect > DIALECT_LINUX || record->persistent > 1 ||
	    !is_terminated(record->ifname, sizeof(record->ifname)) || !is_terminated(record->link, sizeof(record->link)) ||
	    !is_terminated(record->program, sizeof(record->program))) {
		(void)journal_clear(j, slot);
		errno = EBADMSG;
		return -1;
	}
	return 0;
}
