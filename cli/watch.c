/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.c - `tuntapd status --watch`.  See watch.h.
 *
 * On a terminal: a screen (view.h, screen.h), until a key or a signal ends it.  Elsewhere, and for JSON: a
 * block of lines, or one line, for each look, until a signal or a reader that has gone ends the process.
 *
 * Looks are at times that are whole intervals from the first, so that their time does not drift; one
 * that is late leaves out what it missed.  A daemon that is gone is looked for at each.
 */
#include "cli/watch.h"

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/clock.h"
#include "cli/exitcode.h"
#include "cli/output.h"
#include "cli/samples.h"
#include "cli/screen.h"
#include "cli/view.h"

/* A daemon that does not answer in that time counts as none, so that keys are heard. */
#define ANSWER_MS 1000

struct watch {
	struct samples samples;
	double interval_s;
	double next_s; /* the next look, CLOCK_MONOTONIC */
	bool json;
};

/* The next whole interval that is not over. */
static void
advance(struct watch *w)
{
	double late_s = clock_now_s() - w->next_s;

	if (late_s >= 0) {
		w->next_s += ((double)(uint64_t)(late_s / w->interval_s) + 1) * w->interval_s;
	}
}

static void
sleep_until(double until_s)
{
	double left_s;

	while ((left_s = until_s - clock_now_s()) > 0) {
		struct timespec left = {.tv_sec = (time_t)left_s};

		left.tv_nsec = (long)((left_s - (double)left.tv_sec) * 1e9);
		(void)nanosleep(&left, NULL);
	}
}

static int
run_lines(struct watch *w)
{
	for (;;) {
		int status = samples_take(&w->samples, ANSWER_MS);

		if (status != EXIT_CODE_OK) {
			return status;
		}
		if (!w->json) {
			view_plain(stdout, &w->samples);
		} else if (output_json_samples(stdout, &w->samples) < 0) {
			return EXIT_CODE_SYSTEM;
		}
		if (fflush(stdout) != 0) {
			return EXIT_CODE_OK; /* main() sees it, too, and says so */
		}
		advance(w);
		sleep_until(w->next_s);
	}
}

/* 0, or -1 with errno. */
static int
draw(const struct watch *w, bool utf8)
{
	struct view_size size = {.utf8 = utf8};
	char *bytes = NULL;
	size_t count = 0;
	FILE *out = open_memstream(&bytes, &count);
	int result = -1;

	if (out == NULL) {
		return -1;
	}
	screen_size(&size.columns, &size.rows);
	view_screen(out, &w->samples, w->interval_s, size);
	if (fclose(out) == 0) {
		result = screen_show(bytes, count);
	}
	free(bytes);
	return result;
}

static int
run_screen(struct watch *w)
{
	enum screen_event event = SCREEN_TIME;
	bool utf8 = screen_is_utf8();
	int status = samples_take(&w->samples, ANSWER_MS);

	/* What can never work is said on an untouched terminal. */
	if (status != EXIT_CODE_OK) {
		return status;
	}
	if (screen_open() < 0) {
		screen_close();
		return EXIT_CODE_OUTPUT;
	}
	do {
		if (event == SCREEN_TIME && clock_now_s() >= w->next_s) {
			advance(w);
		}
		if (draw(w, utf8) < 0) {
			break;
		}
		event = screen_wait(w->next_s);
		if (event == SCREEN_TIME) {
			status = samples_take(&w->samples, ANSWER_MS);
		}
	} while (event != SCREEN_END && status == EXIT_CODE_OK);
	screen_close();
	return status;
}

int
watch_run(const char *socket_path, const struct device_id *one, double interval_s, bool json)
{
	struct watch w = {.interval_s = interval_s, .json = json, .next_s = clock_now_s()};
	int status;

	samples_start(&w.samples, socket_path, one);
	status = !json && screen_possible() ? run_screen(&w) : run_lines(&w);
	if (status != EXIT_CODE_OK) {
		query_say(&w.samples.query);
	}
	samples_end(&w.samples);
	return status;
}
