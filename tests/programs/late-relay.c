/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * late-relay.c - a library that makes each relay of a daemon wait, before it has its port, as long as a file exists: TUNTAPD_TEST_WAIT
 * names it.  For tests of what happens in the meantime.  The wait is bounded.
 */
#include <dlfcn.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 5
#define BOUND_MS 30000

__attribute__((visibility("default"))) pcap_t *
pcap_create(const char *source, char *errors)
{
	void *symbol = dlsym(RTLD_NEXT, "pcap_create");
	pcap_t *(*next)(const char *, char *);
	const char *file = getenv("TUNTAPD_TEST_WAIT");

	for (unsigned waited = 0; file != NULL && access(file, F_OK) == 0 && waited < BOUND_MS; waited += STEP_MS) {
		(void)nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
	}
	memcpy(&next, &symbol, sizeof(next));
	return next(source, errors);
}
