/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-capture.c - `tuntapd capture`: what passes through a device, as lines or as pcapng.
 *
 * Theory of operation.  The filter is compiled here, by libpcap, so that a mistake in it is told at
 * once and a stranger's text is parsed by nobody with rights.  The daemon answers with a socket to a
 * process of its own that sees the packets (protocol/capture.h); that one gets the filter, and sends
 * a record for each packet.  Output is written out whenever no more packets wait, so that a reader
 * at the end of a pipe sees them as they pass.
 *
 * An interrupt shuts our side of the socket down, which is all that a signal handler does here.  The
 * other side then sends what passed before, and the end with its counts.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/pcapng.h"
#include "cli/query.h"
#include "cli/summary.h"
#include "protocol/capture.h"

#define FILTER_TEXT_MAX 4096
#define NS_PER_S 1000000000u
/* At least a record; more of them with one system call. */
#define STREAM_BYTES (4 * CAPTURE_RECORD_BYTES_MAX)

static const struct option options[] = {
	{"count", required_argument, NULL, 'c'},
	{"socket", required_argument, NULL, 's'},
	{"write", required_argument, NULL, 'w'},
	{NULL, 0, NULL, 0},
};

struct view {
	const char *path; /* of the file to write; "-": standard output; NULL: lines */
	FILE *out;
	uint64_t wanted;  /* packets; 0: until the end */
	uint64_t written;
	uint64_t dropped; /* that the packets up to now have told */
	uint64_t start_ns;
	uint32_t linktype;
	char device[DEVNAME_SIZE];
	char filter[FILTER_TEXT_MAX]; /* "": none */
};

/* What the other side sends, of which the bytes from start to end have not been looked at. */
struct stream {
	int sock;
	size_t start, end;
	uint8_t bytes[STREAM_BYTES];
};

/* The socket, for the signal handler. */
static volatile sig_atomic_t capture_socket = -1;

static void
on_signal(int number)
{
	int saved = errno;

	(void)shutdown((int)capture_socket, SHUT_WR);
	errno = saved;
}

/* A second signal of the kind ends us as it would have. */
static void
catch_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, old;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
			(void)sigaction(numbers[i], &action, NULL);
		}
	}
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* The words of a filter as one text. */
static bool
join_words(int argc, char **argv, char text[FILTER_TEXT_MAX])
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < argc; i++) {
		int n = snprintf(text + used, FILTER_TEXT_MAX - used, "%s%s", i > 0 ? " " : "", argv[i]);

		if (n < 0 || (size_t)n >= FILTER_TEXT_MAX - used) {
			return false;
		}
		used += (size_t)n;
	}
	return true;
}

/* Fills a record for the other side; its length, or 0 after a complaint. */
static size_t
compile(const struct view *v, uint8_t record[CAPTURE_FILTER_BYTES_MAX])
{
	struct capture_filter filter = {.magic = CAPTURE_MAGIC};
	struct bpf_program program = {0};
	size_t bytes = sizeof(filter);
	pcap_t *dead;

	if (v->filter[0] != '\0') {
		dead = pcap_open_dead(v->linktype == LINKTYPE_ETHERNET ? DLT_EN10MB : DLT_RAW, CAPTURE_PACKET_MAX);
		if (dead == NULL || pcap_compile(dead, &program, v->filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
			warnx("the filter '%s': %s; pcap-filter(7) says how one is written", v->filter,
			    dead != NULL ? pcap_geterr(dead) : "out of memory");
			bytes = 0;
		} else if (program.bf_len > CAPTURE_INSTRUCTIONS_MAX) {
			warnx("the filter '%s' is too long", v->filter);
			bytes = 0;
		} else {
			filter.count = program.bf_len;
			memcpy(record + sizeof(filter), program.bf_insns, program.bf_len * sizeof(struct capture_instruction));
			bytes += program.bf_len * sizeof(struct capture_instruction);
		}
		pcap_freecode(&program);
		if (dead != NULL) {
			pcap_close(dead);
		}
	}
	memcpy(record, &filter, sizeof(filter));
	return bytes;
}

/* The file or standard output; only once there is something to write, so that a refusal spoils no file. */
static int
open_output(struct view *v)
{
	int fd;

	v->out = stdout;
	if (v->path == NULL || strcmp(v->path, "-") == 0) {
		return EXIT_CODE_OK;
	}
	/* What passes through a device is nobody else's business. */
	fd = open(v->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	v->out = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (v->out == NULL) {
		warn("%s", v->path);
		return EXIT_CODE_OUTPUT;
	}
	return EXIT_CODE_OK;
}

static void
print_line(struct view *v, const struct capture_record *r, const uint8_t *data)
{
	time_t seconds = (time_t)(r->time_ns / NS_PER_S);
	char text[SUMMARY_SIZE], when[16] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm) != NULL) {
		(void)strftime(when, sizeof(when), "%H:%M:%S", &tm);
	}
	summary_packet(v->linktype, data, r->bytes, text);
	fprintf(v->out, "%s.%06u %-12s %5" PRIu32 " %s\n", when, (unsigned)(r->time_ns % NS_PER_S / 1000),
	    r->direction == CAPTURE_TO_PROGRAM ? "to-program" : "from-program", r->original_bytes, text);
}

static void
write_packet(struct view *v, const struct capture_record *r, const uint8_t *data)
{
	if (v->path != NULL) {
		pcapng_packet(v->out, r, data, r->dropped - v->dropped);
	} else {
		if (r->dropped > v->dropped) {
			fprintf(v->out, "packets dropped here: %" PRIu64 "\n", r->dropped - v->dropped);
		}
		print_line(v, r, data);
	}
	v->dropped = r->dropped;
	v->written++;
}

/* False: the output cannot be written, and there is no use in going on. */
static bool
flush(const struct view *v)
{
	return fflush(v->out) == 0 && !ferror(v->out);
}

/* More of the stream, after all before it is written out if it has to be waited for.  As recv(2). */
static ssize_t
read_more(const struct view *v, struct stream *from)
{
	int flags = MSG_DONTWAIT;

	memmove(from->bytes, from->bytes + from->start, from->end - from->start);
	from->end -= from->start;
	from->start = 0;
	for (;;) {
		ssize_t n = recv(from->sock, from->bytes + from->end, sizeof(from->bytes) - from->end, flags);

		if (n >= 0) {
			from->end += (size_t)n;
			return n;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (!flush(v)) {
				return -1;
			}
			flags = 0;
		} else if (errno != EINTR) {
			return 0;
		}
	}
}

/* The next record.  Its length; 0: the other side has ended, or sends what is none; -1: the output cannot be written. */
static ssize_t
next_record(const struct view *v, struct stream *from, const uint8_t **record)
{
	for (;;) {
		ssize_t length = capture_record_length(from->bytes + from->start, from->end - from->start), n;

		if (length < 0) {
			return 0;
		}
		if (length > 0 && (size_t)length <= from->end - from->start) {
			*record = from->bytes + from->start;
			from->start += (size_t)length;
			return length;
		}
		n = read_more(v, from);
		if (n <= 0) {
			return n;
		}
	}
}

/* All of it, whatever is interrupted; whether the other side has it, it says. */
static void
send_all(int sock, const uint8_t *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = send(sock, data, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR) {
			return;
		}
		data += n > 0 ? n : 0;
		bytes -= n > 0 ? (size_t)n : 0;
	}
}

/* What was seen and what was not, and the exit status. */
static int
conclude(struct view *v, const struct capture_record *end)
{
	int status = EXIT_CODE_OK;

	if (v->path != NULL) {
		pcapng_end(v->out, end, v->start_ns, v->written);
	}
	if (!flush(v)) {
		if (errno != EPIPE) {
			warn("%s", v->path != NULL && v->out != stdout ? v->path : "standard output");
		}
		return EXIT_CODE_OUTPUT;
	}
	switch (end->error) {
	case 0:
		break;
	case ENODEV:
		warnx("%s is closed", v->device);
		break;
	default:
		errno = end->error;
		warn("%s", v->device);
		status = EXIT_CODE_SYSTEM;
		break;
	}
	warnx("packets written: %" PRIu64 ", seen: %" PRIu64 ", dropped: %" PRIu64, v->written, end->received, end->dropped);
	return status == EXIT_CODE_OK && v->written < v->wanted ? EXIT_CODE_NO : status;
}

/* Until the end.  An exit status. */
static int
show(struct view *v, int sock)
{
	static struct stream from;
	struct capture_record r = {.type = CAPTURE_END};
	const uint8_t *record = NULL;
	uint64_t received = 0;

	from.sock = sock;
	for (;;) {
		ssize_t n = next_record(v, &from, &record);

		if (n < 0) {
			return conclude(v, &r); /* which says why */
		}
		if (n == 0 || !capture_record_ok(record, (size_t)n)) {
			r = (struct capture_record){.type = CAPTURE_END, .error = ECONNRESET, .time_ns = now_ns(), .received = received,
			    .dropped = v->dropped};
			return conclude(v, &r);
		}
		memcpy(&r, record, sizeof(r));
		if (r.type == CAPTURE_END) {
			return conclude(v, &r);
		}
		received = r.received;
		if (v->wanted != 0 && v->written == v->wanted) {
			continue; /* they passed before it heard that we have enough */
		}
		write_packet(v, &r, record + sizeof(r));
		if (v->written == v->wanted) {
			(void)shutdown(sock, SHUT_WR);
		}
	}
}

static int
capture(struct view *v, const char *socket_path, struct device_id id)
{
	static uint8_t filter[CAPTURE_FILTER_BYTES_MAX];
	struct message_captured captured = {0};
	size_t filter_bytes;
	struct query query;
	int sock = -1, status;

	v->linktype = id.kind == DEVICE_TAP ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
	filter_bytes = compile(v, filter);
	if (filter_bytes == 0) {
		return EXIT_CODE_USAGE;
	}
	status = query_open(&query, socket_path, false);
	if (status == EXIT_CODE_OK) {
		status = query_capture(&query, id, &captured, &sock);
	}
	query_close(&query);
	if (status != EXIT_CODE_OK) {
		return status;
	}
	if (captured.linktype != v->linktype) {
		v->linktype = captured.linktype;
		filter_bytes = compile(v, filter);
	}
	v->start_ns = now_ns();
	capture_socket = sock;
	catch_signals();
	status = filter_bytes > 0 ? open_output(v) : EXIT_CODE_USAGE;
	if (status == EXIT_CODE_OK) {
		struct pcapng_interface interface = {.name = captured.ifname, .description = v->device,
		    .filter = v->filter[0] != '\0' ? v->filter : NULL, .linktype = v->linktype};

		send_all(sock, filter, filter_bytes);
		warnx("showing %s, interface %s (%s); an interrupt ends it", v->device, captured.ifname,
		    v->linktype == LINKTYPE_ETHERNET ? "Ethernet" : "IP");
		if (v->path != NULL) {
			pcapng_begin(v->out, &interface);
		}
		status = show(v, sock);
		if (v->out != stdout && fclose(v->out) != 0 && status == EXIT_CODE_OK) {
			warn("%s", v->path);
			status = EXIT_CODE_OUTPUT;
		}
	}
	close(sock);
	return status;
}

static bool
parse_count(const char *text, uint64_t *count)
{
	char *end;

	errno = 0;
	*count = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *count > 0;
}

int
cmd_capture(int argc, char **argv)
{
	const char *socket_option = NULL;
	struct device_id id = {0};
	struct view v = {0};
	int option;

	while ((option = getopt_long(argc, argv, "c:s:w:", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			if (!parse_count(optarg, &v.wanted)) {
				return command_usage_error("capture", "'%s' is no number of packets", optarg);
			}
			break;
		case 's':
			socket_option = optarg;
			break;
		case 'w':
			v.path = optarg;
			break;
		default:
			return command_usage_error("capture", NULL);
		}
	}
	if (!command_device("capture", optind < argc ? 1 : 0, argv + optind, &id)) {
		return EXIT_CODE_USAGE;
	}
	if (!join_words(argc - optind - 1, argv + optind + 1, v.filter)) {
		return command_usage_error("capture", "the filter is too long");
	}
	if (v.path != NULL && strcmp(v.path, "-") == 0 && isatty(STDOUT_FILENO)) {
		warnx("pcapng is nothing for a terminal: name a file, give it to a program "
		      "(tuntapd capture %s -w - | wireshark -k -i -), or leave -w out for lines",
		    argv[optind]);
		return EXIT_CODE_USAGE;
	}
	devname_format(id, v.device);
	return capture(&v, query_socket_path(socket_option), id);
}
