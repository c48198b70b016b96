/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iov.h - pure helpers on I/O vectors, for the address-family header.  They touch no descriptor and no errno.
 */
#ifndef TUNTAPD_SHIM_IOV_H
#define TUNTAPD_SHIM_IOV_H

#include <stddef.h>
#include <sys/uio.h>

/* Sum of the lengths; SIZE_MAX if it does not fit. */
size_t iov_bytes(const struct iovec *iov, int count);

/* out becomes iov without its first skip bytes.  out has room for count items; returns how many it holds. */
int iov_skip(const struct iovec *iov, int count, size_t skip, struct iovec *out);

/* Copies up to size bytes out of, or into, the start of what iov describes.  Returns how many. */
size_t iov_peek(const struct iovec *iov, int count, void *data, size_t size);
size_t iov_poke(const struct iovec *iov, int count, const void *data, size_t size);

#endif
