/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.c - samples for people.  See view.h.
 *
 * The screen, three lines for each open device:
 *
 *	tuntapd  /run/tuntapd/socket                        every 1 s  14:05:07
 *
 *	tap0  up  10.9.9.1/24  812 socat root                 peak 1.2M B/s
 *	  in   ....__--==++**##   1.23k pkt/s   1.20M B/s      0 drop/s
 *	  out  ................       0 pkt/s       0 B/s      0 drop/s
 *
 * Both graphs of a device have one scale, that of its peak, so that they can be compared.  Where the
 * screen is too low the empty lines go first, then the last devices, and a line says how many.
 *
 * What a line does not have room for is cut: place() is the only door to the screen, and counts.
 */
#include "cli/view.h"

#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <time.h>

#include "cli/output.h"
#include "cli/samples.h"
#include "cli/text.h"
#include "protocol/message.h"

#define BOLD "1"
#define DIM "2"
#define REVERSE "7"

/* One cell; as in output.c the longest is a list of addresses. */
#define CELL_BYTES 640
/* Columns of "  out  " before a graph, and of the numbers after it. */
#define MARGIN 7u
#define NUMBERS 38u
#define GRAPH_COLUMNS_MIN 8u
/* Lines of a device, without the empty one. */
#define DEVICE_LINES 3u

/* A line of the screen that is being written. */
struct line {
	FILE *out;
	unsigned column;
	unsigned columns;
	bool utf8;
};

/* Writes a text, or what finds room of it, with one attribute or none. */
static void
place(struct line *line, const char *attribute, const char *text)
{
	if (attribute != NULL) {
		fprintf(line->out, "\x1b[%sm", attribute);
	}
	while (*text != '\0' && line->column < line->columns) {
		size_t length = text_utf8_length((const unsigned char *)text, false);

		if (length > 1 && line->utf8) {
			fwrite(text, 1, length, line->out);
		} else {
			fputc(length == 1 ? *text : '?', line->out);
		}
		text += length > 0 ? length : 1;
		line->column++;
	}
	if (attribute != NULL) {
		fputs("\x1b[0m", line->out);
	}
}

/* Blanks up to a column. */
static void
advance(struct line *line, unsigned column)
{
	while (line->column < column && line->column < line->columns) {
		fputc(' ', line->out);
		line->column++;
	}
}

/* A text that ends at the right margin, if there is room for it after what the line has. */
static void
place_right(struct line *line, const char *attribute, const char *text)
{
	unsigned width = (unsigned)text_width(text);

	if (line->column + 1 + width <= line->columns) {
		advance(line, line->columns - width);
		place(line, attribute, text);
	}
}

/*
 * Clears the rest of the line, if there is one: behind a full line the cursor stands on its last
 * character.  last: no other follows, so that the screen does not scroll.
 */
static void
end_line(struct line *line, bool last)
{
	if (line->column < line->columns) {
		fputs("\x1b[K", line->out);
	}
	if (!last) {
		fputs("\r\n", line->out);
	}
	line->column = 0;
}

static void
draw_title(struct line *line, const struct samples *s, double interval_s)
{
	char text[CELL_BYTES], clock[16] = "";
	struct tm tm;

	place(line, BOLD, "tuntapd");
	text[0] = '\0';
	text_append_safe(text, sizeof(text), s->query.socket_path);
	place(line, NULL, "  ");
	place(line, NULL, text);
	if (localtime_r(&s->time.tv_sec, &tm) != NULL) {
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	}
	snprintf(text, sizeof(text), "every %g s  %s", interval_s, clock);
	place_right(line, NULL, text);
	end_line(line, false);
	if (!s->served) {
		place(line, REVERSE, " no daemon ");
		place(line, NULL, "  looking for one; open devices go on without");
	}
	end_line(line, false);
}

static void
draw_heading(struct line *line, const struct sample *item, double peak)
{
	const struct message_device *d = &item->device;
	char name[CELL_BYTES] = "", text[CELL_BYTES], number[RATE_TEXT_SIZE];

	output_name(d, name, sizeof(name));
	place(line, BOLD, name);
	place(line, NULL, " ");
	advance(line, MARGIN);
	place(line, d->state == DEVICE_UP ? NULL : DIM, output_state_name(d->state));
	text[0] = '\0';
	text_append_safe(text, sizeof(text), d->ifname);
	if (strcmp(text, name) != 0) {
		place(line, NULL, "  ");
		place(line, NULL, text);
	}
	if (!query_is_open_here(d)) {
		snprintf(text, sizeof(text), "  netns %" PRIu64, d->netns);
		place(line, NULL, text);
	}
	text[0] = '\0';
	output_addresses(d, text, sizeof(text));
	if (text[0] != '\0') {
		place(line, NULL, "  ");
		place(line, NULL, text);
	}
	text[0] = '\0';
	output_holder(d, text, sizeof(text));
	place(line, NULL, "  ");
	place(line, DIM, text);
	rate_format(peak, number);
	snprintf(text, sizeof(text), "peak %s B/s", number);
	place_right(line, DIM, text);
	end_line(line, false);
}

static void
draw_direction(struct line *line, const char *title, const struct sample *item,
    const struct rate *rate, const struct graph *graph, unsigned width, double peak)
{
	char bars[GRAPH_TEXT_SIZE], packets[RATE_TEXT_SIZE] = "-", bytes[RATE_TEXT_SIZE] = "-",
	    dropped[RATE_TEXT_SIZE] = "-", text[CELL_BYTES];

	if (item->rated) {
		rate_format(rate->packets, packets);
		rate_format(rate->bytes, bytes);
		rate_format(rate->dropped, dropped);
	}
	place(line, NULL, title);
	graph_draw(graph, width, peak, line->utf8, bars);
	place(line, NULL, bars);
	/* NUMBERS columns, as wide as the widest number. */
	snprintf(text, sizeof(text), "  %5s pkt/s  %5s B/s  ", packets, bytes);
	place(line, NULL, text);
	snprintf(text, sizeof(text), "%5s drop/s", dropped);
	place(line, item->rated && rate->dropped > 0 ? BOLD : NULL, text);
}

static void
draw_device(struct line *line, const struct sample *item)
{
	unsigned width = line->columns > MARGIN + NUMBERS + GRAPH_COLUMNS_MIN
	    ? line->columns - MARGIN - NUMBERS
	    : GRAPH_COLUMNS_MIN;
	double in, out;

	width = width < GRAPH_VALUES_MAX ? width : GRAPH_VALUES_MAX;
	in = graph_peak(&item->to_program_bytes, width);
	out = graph_peak(&item->from_program_bytes, width);
	in = in > out ? in : out;
	draw_heading(line, item, in);
	draw_direction(line, "  in   ", item, &item->to_program, &item->to_program_bytes, width, in);
	end_line(line, false);
	draw_direction(
	    line, "  out  ", item, &item->from_program, &item->from_program_bytes, width, in);
	end_line(line, false);
}

static unsigned
count_open(const struct samples *s)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->count; i++) {
		count += s->items[i].device.state != DEVICE_CLOSED;
	}
	return count;
}

/* The last line, which also says what found no room. */
static void
draw_foot(struct line *line, const struct samples *s, unsigned open, unsigned shown)
{
	char text[CELL_BYTES], name[CELL_BYTES] = "";

	if (shown < open) {
		snprintf(text, sizeof(text), "%u more: make the window higher", open - shown);
	} else if (s->one && open == 0 && s->count > 0) {
		output_name(&s->items[0].device, name, sizeof(name));
		snprintf(text, sizeof(text), "%.*s is closed", (int)sizeof(text) / 2, name);
	} else if (!s->one && s->count > 0) {
		snprintf(text, sizeof(text), "%u open, %zu closed", open, s->count - open);
	} else {
		text[0] = '\0';
	}
	place(line, DIM, text);
	place_right(line, DIM, "q ends");
	end_line(line, true);
}

void
view_screen(FILE *out, const struct samples *s, double interval_s, struct view_size size)
{
	struct line line = {.out = out, .columns = size.columns, .utf8 = size.utf8};
	unsigned open = count_open(s), shown = 0, room, height = DEVICE_LINES + 1;

	/* Two lines of title, and the foot. */
	room = size.rows > 3 ? size.rows - 3 : 0;
	if (open * height > room) {
		height = DEVICE_LINES;
	}
	fputs("\x1b[H", out);
	draw_title(&line, s, interval_s);
	for (size_t i = 0; i < s->count && (shown + 1) * height <= room; i++) {
		if (s->items[i].device.state == DEVICE_CLOSED) {
			continue;
		}
		draw_device(&line, &s->items[i]);
		if (height > DEVICE_LINES) {
			end_line(&line, false);
		}
		shown++;
	}
	fputs("\x1b[J", out); /* before the last line, whose end may be the screen's */
	draw_foot(&line, s, open, shown);
}

/* A whole number, or "-". */
static void
print_number(FILE *out, bool known, double value, int width)
{
	if (known) {
		fprintf(out, " %*.0f", width, value);
	} else {
		fprintf(out, " %*s", width, "-");
	}
}

void
view_plain(FILE *out, const struct samples *s)
{
	char clock[32] = "-", name[CELL_BYTES], holder[CELL_BYTES];
	struct tm tm;

	if (localtime_r(&s->time.tv_sec, &tm) != NULL) {
		(void)strftime(clock, sizeof(clock), "%Y-%m-%dT%H:%M:%S", &tm);
	}
	fprintf(out, "%-19s %-7s %-6s %9s %11s %9s %9s %11s %9s  %s\n", "TIME", "DEVICE", "STATE",
	    "IN-PKT/S", "IN-B/S", "IN-DROP/S", "OUT-PKT/S", "OUT-B/S", "OUT-DROP/S", "HOLDER");
	if (!s->served) {
		fprintf(out, "%s no daemon\n", clock);
	}
	for (size_t i = 0; s->served && i < s->count; i++) {
		const struct sample *item = &s->items[i];

		if (item->device.state == DEVICE_CLOSED && !s->one) {
			continue;
		}
		name[0] = '\0';
		output_name(&item->device, name, sizeof(name));
		fprintf(out, "%-19s %-7s %-6s", clock, name, output_state_name(item->device.state));
		print_number(out, item->rated, item->to_program.packets, 9);
		print_number(out, item->rated, item->to_program.bytes, 11);
		print_number(out, item->rated, item->to_program.dropped, 9);
		print_number(out, item->rated, item->from_program.packets, 9);
		print_number(out, item->rated, item->from_program.bytes, 11);
		print_number(out, item->rated, item->from_program.dropped, 10);
		holder[0] = '\0';
		if (item->device.state != DEVICE_CLOSED) {
			output_holder(&item->device, holder, sizeof(holder));
		}
		fprintf(out, "  %s\n", holder[0] != '\0' ? holder : "-");
	}
	fputc('\n', out);
}
