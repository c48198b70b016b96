/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen.c - the terminal while a live view is on it.  See screen.h.
 *
 * No library for terminals: what is used of escape sequences (ECMA-48, and xterm's private modes for
 * the second screen, the cursor and the right margin) is what every terminal of today and each
 * multiplexer understands; one that says it is dumb gets no view.
 *
 * Signals are blocked but while screen_wait() waits (pselect(2)), so none is lost between a look at
 * what came and the wait, and none interrupts a drawing.  A handler only notes.  One that was
 * ignored when we were started stays so.
 *
 * Job control.  At SIGTSTP the terminal is given back before the process stops, and taken again when it
 * goes on; after a SIGSTOP, which nobody hears, SIGCONT takes it again, too.
 */
#include "cli/screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <termios.h>
#include <time.h>
#include "clock.h"
#include <unistd.h>

/* Second screen, no cursor, nothing goes on in the next line; and back. */
#define TAKE "\x1b[?1049h\x1b[?25l\x1b[?7l"
#define GIVE_BACK "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"

#define COLUMNS_DEFAULT 80
#define ROWS_DEFAULT 24

static const int heard[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
#define HEARD_COUNT (sizeof(heard) / sizeof(heard[0]))

static struct {
	struct termios before; /* modes of standard input */
	bool has_keys;         /* standard input is a terminal, whose modes are ours */
	sigset_t mask_before;
	struct sigaction actions_before[HEARD_COUNT];
} screen;

static volatile sig_atomic_t ended_by, stop_asked, changed;

static void
on_signal(int number)
{
	switch (number) {
	case SIGWINCH:
	case SIGCONT:
		changed = number;
		break;
	case SIGTSTP:
		stop_asked = 1;
		break;
	default:
		ended_by = number;
		break;
	}
}

bool
screen_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

bool
screen_is_utf8(void)
{
	return setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int
screen_show(const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, size);

		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			return -1;
		}
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static int
take(void)
{
	struct termios modes = screen.before;

	if (screen.has_keys) {
		/* Keys come as they are typed, and are not shown; Ctrl-C stays a signal. */
		modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		modes.c_cc[VMIN] = 1;
		modes.c_cc[VTIME] = 0;
		if (tcsetattr(STDIN_FILENO, TCSADRAIN, &modes) < 0) {
			return -1;
		}
	}
	return screen_show(TAKE, sizeof(TAKE) - 1);
}

static void
give_back(void)
{
	(void)screen_show(GIVE_BACK, sizeof(GIVE_BACK) - 1);
	if (screen.has_keys) {
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.before);
	}
}

static void
listen_to_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t mask;

	sigemptyset(&mask);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < HEARD_COUNT; i++) {
		sigaddset(&mask, heard[i]);
	}
	sigprocmask(SIG_BLOCK, &mask, &screen.mask_before);
	for (size_t i = 0; i < HEARD_COUNT; i++) {
		sigaction(heard[i], NULL, &screen.actions_before[i]);
		if (screen.actions_before[i].sa_handler != SIG_IGN) {
			sigaction(heard[i], &action, NULL);
		}
	}
}

int
screen_open(void)
{
	screen.has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen.before) == 0;
	listen_to_signals();
	return take();
}

void
screen_close(void)
{
	give_back();
	for (size_t i = 0; i < HEARD_COUNT; i++) {
		sigaction(heard[i], &screen.actions_before[i], NULL);
	}
	if (ended_by != 0) {
		raise((int)ended_by); /* ends us as the mask is put back */
	}
	sigprocmask(SIG_SETMASK, &screen.mask_before, NULL);
}

/* Stops as Ctrl-Z asked, with the terminal as it was found; returns when the process goes on. */
static void
stop(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL}, ours;
	sigset_t only;

	give_back();
	sigemptyset(&plain.sa_mask);
	sigaction(SIGTSTP, &plain, &ours);
	sigemptyset(&only);
	sigaddset(&only, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &only, NULL); /* here */
	sigprocmask(SIG_BLOCK, &only, NULL);
	sigaction(SIGTSTP, &ours, NULL);
	(void)take();
}

/* What was typed.  SCREEN_END: q, or there is no more to come. */
static enum screen_event
read_keys(void)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n < 0) {
		return errno == EINTR || errno == EAGAIN ? SCREEN_DRAW : SCREEN_END;
	}
	return n == 0 || memchr(keys, 'q', (size_t)n) != NULL || memchr(keys, 'Q', (size_t)n) != NULL
	    ? SCREEN_END
	    : SCREEN_DRAW;
}

/* What the signals that came ask for; SCREEN_TIME: nothing. */
static enum screen_event
heed(void)
{
	if (ended_by != 0) {
		return SCREEN_END;
	}
	if (stop_asked != 0) {
		stop_asked = 0;
		stop();
		changed = 0;
		return SCREEN_DRAW;
	}
	if (changed != 0) {
		if (changed == SIGCONT) {
			(void)take();
		}
		changed = 0;
		return SCREEN_DRAW;
	}
	return SCREEN_TIME;
}

enum screen_event
screen_wait(double until_s)
{
	for (;;) {
		double left_s = until_s - clock_now_s();
		struct timespec left = {0};
		enum screen_event event;
		fd_set keys;
		int n;

		if (left_s > 0) {
			left.tv_sec = (time_t)left_s;
			left.tv_nsec = (long)((left_s - (double)left.tv_sec) * 1e9);
		}
		FD_ZERO(&keys);
		if (screen.has_keys) {
			FD_SET(STDIN_FILENO, &keys);
		}
		/* Once even when the time is over, so that signals and keys are heard whatever the rest takes. */
		n = pselect(STDIN_FILENO + 1, &keys, NULL, NULL, &left, &screen.mask_before);
		event = heed();
		if (event != SCREEN_TIME) {
			return event;
		}
		if (n > 0) {
			return read_keys();
		}
		if (n == 0 && left_s <= 0) {
			return SCREEN_TIME;
		}
		if (n < 0 && errno != EINTR) {
			return SCREEN_END;
		}
	}
}

void
screen_size(unsigned *columns, unsigned *rows)
{
	struct winsize size;
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

	*columns = known && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
	*rows = known && size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT;
}
