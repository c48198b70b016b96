/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iov.c - pure helpers on I/O vectors.  See iov.h.
 */
#include "iov.h"

#include <stdint.h>
#include <string.h>

size_t
iov_bytes(const struct iovec *iov, int count)
{
	size_t bytes = 0;

	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > SIZE_MAX - bytes) {
			return SIZE_MAX;
		}
		bytes += iov[i].iov_len;
	}
	return bytes;
}

int
iov_skip(const struct iovec *iov, int count, size_t skip, struct iovec *out)
{
	int used = 0;

	for (int i = 0; i < count; i++) {
		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		out[used].iov_base = (char *)iov[i].iov_base + skip;
		out[used].iov_len = iov[i].iov_len - skip;
		used++;
		skip = 0;
	}
	return used;
}

size_t
iov_peek(const struct iovec *iov, int count, void *data, size_t size)
{
	size_t done = 0;

	for (int i = 0; i < count && done < size; i++) {
		size_t part = iov[i].iov_len < size - done ? iov[i].iov_len : size - done;

		if (part > 0) { /* an empty part may be NULL */
			memcpy((char *)data + done, iov[i].iov_base, part);
			done += part;
		}
	}
	return done;
}

size_t
iov_poke(const struct iovec *iov, int count, const void *data, size_t size)
{
	size_t done = 0;

	for (int i = 0; i < count && done < size; i++) {
		size_t part = iov[i].iov_len < size - done ? iov[i].iov_len : size - done;

		if (part > 0) {
			memcpy(iov[i].iov_base, (const char *)data + done, part);
			done += part;
		}
	}
	return done;
}
