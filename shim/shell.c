/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shell.c - which words of a shell's command line name a device.  See shell.h.
 *
 * Theory of operation.  A reader of the shell's language, as far as its meaning is sure without running it.  It splits the line in simple
 * commands, takes the quotes off their words, leaves out assignments and redirections, and has words.c say which words name a
 * device.  For each byte of a word it remembers where it came from: a name is found only if its bytes stand together in the line,
 * so that exchanging them for another name, which needs no quotes either, changes that name and nothing else.
 *
 * Known: quotes, backslashes, comments, pipes, lists, background, subshells, groups, if, while, until and for, redirections to and from
 * files and descriptors.  A word with a variable or a pattern in it is a word that is not known, since what it becomes is not.
 *
 * At anything else - command substitution, here-documents, case, functions, [[ ]], arrays, ${...} with an operator, $'...' -  the reader
 * stops.  What it found until then stands, the command that it was in and all that follows is left byte for byte.  On Linux
 * the shell runs under the library too, and each command is looked at again when it is started, with all its words known.
 *
 * Limits: SHELL_COMMAND_MAX; a simple command of more than COMMAND_WORDS words or TEXT_BYTES bytes is left.
 *
 * Source: POSIX.1-2017, Shell Command Language, 2.2 to 2.10.
 */
#include "shell.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "words.h"

#define COMMAND_WORDS 64
/* A word has one name at most: those that do not stand together take no room from those that do. */
static_assert(COMMAND_WORDS <= WORDS_NAMES_MAX, "names of a simple command");
/* Unquoted text of one simple command, with a NUL for each word.  Stands on the stack, three times. */
#define TEXT_BYTES 1024

struct reader {
	const char *line;
	size_t at;
	unsigned depth; /* of subshells */
	/* The simple command that is being read. */
	const char *words[COMMAND_WORDS]; /* NULL: not known */
	uint16_t starts[COMMAND_WORDS];   /* in text */
	unsigned count;
	bool is_left;   /* nothing in it is to be found */
	char text[TEXT_BYTES];
	uint16_t source[TEXT_BYTES]; /* where in line each byte of text was */
	unsigned used;
	/* What was found. */
	struct shell_name *names;
	unsigned found;
};

/* A word as it was read last. */
struct word {
	unsigned start;  /* in text */
	size_t from, to; /* in line */
	bool is_known;
};

static void
command_begin(struct reader *r)
{
	r->count = r->used = 0;
	r->is_left = false;
}

/* Whether bytes of text stand together in the line. */
static bool
stands_together(const struct reader *r, unsigned start, unsigned bytes)
{
	for (unsigned i = 1; i < bytes; i++) {
		if (r->source[start + i] != r->source[start] + i) {
			return false;
		}
	}
	return true;
}

static void
command_end(struct reader *r)
{
	struct words_found found;

	if (r->count > 0 && !r->is_left && r->words[0] != NULL) {
		words_search(r->words[0], r->words, r->count, &found);
		for (unsigned i = 0; i < found.count && r->found < SHELL_NAMES_MAX; i++) {
			const struct words_name *name = &found.names[i];
			unsigned start = r->starts[name->word] + name->at;

			if (stands_together(r, start, name->bytes)) {
				r->names[r->found++] = (struct shell_name){.at = r->source[start], .bytes = name->bytes};
			}
		}
	}
	command_begin(r);
}

/* A byte of a word, from the line's place from. */
static void
put(struct reader *r, char c, size_t from)
{
	/* The last byte is for the last word's NUL. */
	if (r->used + 1 >= TEXT_BYTES) {
		r->is_left = true;
		return;
	}
	r->text[r->used] = c;
	r->source[r->used++] = (uint16_t)from;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What follows a '$', which has been read.  False: not understood. */
static bool
read_dollar(struct reader *r, bool quoted, struct word *w)
{
	bool braced = r->line[r->at] == '{';
	char c;

	r->at += braced;
	c = r->line[r->at];
	if (c == '(' || (!quoted && (c == '\'' || c == '"'))) {
		return false;
	}
	if (is_letter(c)) {
		while (is_letter(r->line[r->at]) || is_digit(r->line[r->at])) {
			r->at++;
		}
	} else if (c != '\0' && (is_digit(c) || strchr("@*#?-$!", c) != NULL)) {
		r->at++;
	} else if (braced) {
		return false;
	} else {
		put(r, '$', r->at - 1);
		return true;
	}
	w->is_known = false;
	if (braced && r->line[r->at++] != '}') {
		return false;
	}
	return true;
}

/* What is between double quotes, of which the first has been read. */
static bool
read_quoted(struct reader *r, struct word *w)
{
	for (;;) {
		char c = r->line[r->at], next;

		switch (c) {
		case '\0':
		case '`':
			return false;
		case '"':
			r->at++;
			return true;
		case '$':
			r->at++;
			if (!read_dollar(r, true, w)) {
				return false;
			}
			break;
		case '\\':
			next = r->line[r->at + 1];
			if (next == '\n') {
				r->at += 2;
				break;
			}
			if (next != '\0' && strchr("$`\"\\", next) != NULL) {
				r->at++;
			}
			__attribute__((fallthrough));
		default:
			put(r, r->line[r->at], r->at);
			r->at++;
			break;
		}
	}
}

/* A word, up to what ends one.  False: not understood. */
static bool
read_word(struct reader *r, struct word *w)
{
	*w = (struct word){.start = r->used, .from = r->at, .is_known = true};
	for (;;) {
		char c = r->line[r->at];

		if (c == '\0' || strchr(" \t\n;&|<>()", c) != NULL) {
			break;
		}
		r->at++;
		switch (c) {
		case '\'':
			for (; r->line[r->at] != '\''; r->at++) {
				if (r->line[r->at] == '\0') {
					return false;
				}
				put(r, r->line[r->at], r->at);
			}
			r->at++;
			break;
		case '"':
			if (!read_quoted(r, w)) {
				return false;
			}
			break;
		case '\\':
			if (r->line[r->at] == '\0') {
				return false;
			}
			if (r->line[r->at] != '\n') {
				put(r, r->line[r->at], r->at);
			}
			r->at++;
			break;
		case '`':
			return false;
		case '$':
			if (!read_dollar(r, false, w)) {
				return false;
			}
			break;
		case '*':
		case '?':
		case '[':
		case '~':
			w->is_known = false;
			__attribute__((fallthrough));
		default:
			put(r, c, r->at - 1);
			break;
		}
	}
	w->to = r->at;
	/* An opening parenthesis right behind a word is a function's or an array's. */
	return r->line[r->at] != '(';
}

/* The word was written without quotes, and is this. */
static bool
is_bare(const struct reader *r, const struct word *w, const char *text)
{
	size_t length = strlen(text);

	return w->to - w->from == length && memcmp(r->line + w->from, text, length) == 0;
}

static bool
is_bare_one_of(const struct reader *r, const struct word *w, const char *const list[], size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (is_bare(r, w, list[i])) {
			return true;
		}
	}
	return false;
}

#define IS_BARE_ONE_OF(r, w, list) is_bare_one_of(r, w, list, sizeof(list) / sizeof((list)[0]))

/* NAME=value, with a name that is not quoted. */
static bool
is_assignment(const struct reader *r, const struct word *w)
{
	size_t at = w->from;

	if (!is_letter(r->line[at])) {
		return false;
	}
	while (is_letter(r->line[at]) || is_digit(r->line[at])) {
		at++;
	}
	return at < w->to && (r->line[at] == '=' || (r->line[at] == '+' && r->line[at + 1] == '='));
}

static bool
is_number(const struct reader *r, const struct word *w)
{
	for (size_t at = w->from; at < w->to; at++) {
		if (!is_digit(r->line[at])) {
			return false;
		}
	}
	return true;
}

static void
skip_blanks(struct reader *r)
{
	for (;;) {
		if (r->line[r->at] == ' ' || r->line[r->at] == '\t') {
			r->at++;
		} else if (r->line[r->at] == '\\' && r->line[r->at + 1] == '\n') {
			r->at += 2;
		} else {
			return;
		}
	}
}

/* An operator and the file that it names, which is no word of the command.  False: not understood. */
static bool
read_redirection(struct reader *r)
{
	char first = r->line[r->at++], second = r->line[r->at];
	unsigned used = r->used;
	struct word w;

	if (second == '(' || (first == '<' && second == '<')) {
		return false;
	}
	if (second != '\0' && strchr(first == '<' ? ">&" : ">&|", second) != NULL) {
		r->at++;
	}
	skip_blanks(r);
	if (!read_word(r, &w) || w.from == w.to) {
		return false;
	}
	r->used = used;
	return true;
}

/* A word of the command, or of the shell's own.  False: not understood. */
static bool
take_word(struct reader *r)
{
	static const char *const before_commands[] = {"if", "then", "else", "elif", "fi", "while", "until", "do", "done", "{", "}", "!",
	    "time"};
	static const char *const loops[] = {"for", "select"};
	static const char *const others[] = {"case", "esac", "function", "[[", "coproc"};
	struct word w;
	char next;

	if (!read_word(r, &w)) {
		return false;
	}
	next = r->line[r->at];
	if ((next == '<' || next == '>') && is_number(r, &w)) {
		r->used = w.start;
		return true;
	}
	if (r->count == 0 && !r->is_left) {
		if (IS_BARE_ONE_OF(r, &w, others)) {
			return false;
		}
		if (IS_BARE_ONE_OF(r, &w, loops)) {
			r->is_left = true; /* up to the do */
		}
		if (r->is_left || IS_BARE_ONE_OF(r, &w, before_commands) || is_assignment(r, &w)) {
			r->used = w.start;
			return true;
		}
	}
	if (r->count == COMMAND_WORDS || r->used == TEXT_BYTES) {
		r->is_left = true;
	}
	if (r->is_left) {
		r->used = w.start;
		return true;
	}
	r->text[r->used] = '\0';
	r->source[r->used++] = 0;
	r->words[r->count] = w.is_known ? r->text + w.start : NULL;
	r->starts[r->count++] = (uint16_t)w.start;
	return true;
}

/* One operator or word.  False: the end, or not understood. */
static bool
read_token(struct reader *r)
{
	char c;

	skip_blanks(r);
	c = r->line[r->at];
	switch (c) {
	case '\0':
		command_end(r);
		return false;
	case '#':
		r->at += strcspn(r->line + r->at, "\n");
		return true;
	case ';':
	case '\n':
		command_end(r);
		r->at++;
		return c == '\n' || (r->line[r->at] != ';' && r->line[r->at] != '&');
	case '&':
	case '|':
		command_end(r);
		r->at++;
		if (r->line[r->at] == c || (c == '|' && r->line[r->at] == '&')) {
			r->at++;
		}
		return true;
	case '(':
		if (r->count > 0 || r->is_left || r->line[++r->at] == '(') {
			return false;
		}
		r->depth++;
		return true;
	case ')':
		if (r->depth == 0) {
			return false;
		}
		command_end(r);
		r->depth--;
		r->at++;
		return true;
	case '<':
	case '>':
		return read_redirection(r);
	default:
		return take_word(r);
	}
}

unsigned
shell_search(const char *command, struct shell_name names[SHELL_NAMES_MAX])
{
	struct reader r;

	if (strlen(command) > SHELL_COMMAND_MAX) {
		return 0;
	}
	r.line = command;
	r.at = 0;
	r.depth = 0;
	r.names = names;
	r.found = 0;
	command_begin(&r);
	while (read_token(&r)) {
	}
	return r.found;
}
