/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-shim-words.c - which words of a command, and of a shell's command line, name a device.
 *
 * The rows are commands in which each name that is to be found stands between two '@'; with them taken out it is the input.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/shell.h"
#include "shim/words.h"
#include "tests/unit/suite.h"

#define LINE_SIZE 70000
#define ROW_WORDS 40

static const char *const commands[] = {
	/* ifconfig and route */
	"ifconfig @tap0@ 10.1.2.3 netmask 255.255.255.0 up",
	"/sbin/ifconfig @tun255@ 10.1.2.3 10.1.2.4 mtu 1400",
	"ifconfig @tap0@:1 10.1.2.4",
	"ifconfig bridge0 addm @tap0@ addm @tap1@",
	"ifconfig @tap0@ inet6 fe80::1%@tap0@/64 alias",
	"ifconfig @tap0@ name tap1",
	"ifconfig @tap0@ description tap0 group tap0",
	"ifconfig tap00 up",
	"ifconfig tap256 up",
	"ifconfig tap0.pcap xtap0 tap0x tap tap-0 tap0.5 ttap0 eth0%tap0 10.1.2.3%tap0",
	"ifconfig -a",
	"ifconfig",
	"route add -net 10.0.0.0 netmask 255.0.0.0 dev @tap0@",
	"/sbin/route delete -inet6 fe80::1%@tun0@ -iface @tun0@",
	"route add default @tap0@",
	/* ip */
	"ip link set dev @tap0@ up",
	"/usr/sbin/ip -4 -o addr add 10.0.0.1/24 dev @tap0@ label @tap0@:x",
	"ip a s @tap0@",
	"ip r a 10.0.0.0/8 dev @tap0@",
	"ip ru add iif @tap0@ table tap0",
	"ip n show dev @tap0@",
	"ip link set dev @tap0@ name tap1",
	"ip link set dev @tap0@ netns tap0",
	"ip link set @tap0@ alias tap0",
	"ip link add link @tap0@ name tap0.5 type vlan id 5",
	"ip link set @tap0@ master br0",
	"ip link del @tap0@",
	"ip -n tap0 link set dev tap0 up",
	"ip -netns other link set dev tap0 up",
	"ip -f inet6 addr show dev @tap0@",
	"ip --family inet route show dev @tap0@",
	"ip -b tap0 link show @tap1@",
	"ip netns exec tap0 ifconfig tap0 up",
	"ip net add tap0",
	"ip tuntap add dev tap0 mode tap",
	"ip tu add tap0 mode gre",
	"ip addrlabel add prefix ::/0 dev tap0 label 1",
	"ip nexthop add id 1 via 10.0.0.2 dev @tap0@",
	"ip token set ::1 dev @tap0@",
	"ip to list dev @tap0@",
	"ip netconf show dev @tap0@",
	"ip ntable show dev @tap0@",
	"ip mptcp endpoint add 10.0.0.1 dev @tap0@",
	"ip tcp_metrics show dev @tap0@",
	"ip stats show dev @tap0@",
	"ip netn exec tap0 ip link set tap0 up",
	"ip t add tap0 mode gre remote 10.0.0.2",
	"ip s dev tap0",
	"ip macsec show tap0",
	"ip -s",
	"ip",
	/* tcpdump */
	"tcpdump -i @tap0@ -w tap0",
	"tcpdump -w tap0 -i @tap0@",
	"tcpdump -ni @tap0@",
	"tcpdump -i@tap0@",
	"tcpdump -nei@tap0@ -c 1",
	"tcpdump -c1 -wtap0 -r tap0 tap0",
	"tcpdump -nwi tap0",
	"tcpdump --interface=@tap0@ --interface @tap1@ --int @tap2@",
	"tcpdump --immediate-mode tap0 --list-interfaces tap0",
	"tcpdump -- -i tap0",
	"tcpdump -i",
	"tcpdump -i tap0.pcap",
	"tcpdump --interface",
	/* dhclient */
	"dhclient -v @tap0@",
	"dhclient -lf tap0 -pf tap1 -cf tap2 -sf tap3 @tap0@",
	/* Other programs. */
	"echo tap0",
	"ifconfigure tap0",
	"myip link set tap0 up",
	"/etc/ifup/ifconfig.sh tap0",
	"qemu-ifup tap0",
	"ip/ tap0",
	/* Programs that start another. */
	"sudo ifconfig @tap0@ up",
	"sudo -n -u root /sbin/ifconfig @tap0@ up",
	"sudo -u tap0 ifconfig @tap0@ up",
	"sudo -X ifconfig tap0 up",
	"sudo -n -- ifconfig @tap0@ up",
	"env -- ip link set @tap0@ up",
	"sudo -- tap0",
	"sudo --",
	"sudo -i ifconfig tap0 up",
	"sudo VAR=tap0 ip link set @tap0@ up",
	"env -i PATH=/sbin ip link set @tap0@ up",
	"env ifconfig=tap0 true tap0",
	"exec ifconfig @tap0@ up",
	"nohup sudo env A=b ifconfig @tap0@ up",
	"sudo",
	"sudo tap0",
	"sudo -u",
	"exec -a name ifconfig tap0",
	"nice ifconfig tap0 up",
};

/* Takes the marks out of a row: input, and where the names are (at, bytes), count of them. */
static unsigned
take_marks(const char *row, char *input, size_t names[][2])
{
	unsigned count = 0;
	size_t length = 0;
	bool inside = false;

	for (; *row != '\0'; row++) {
		if (*row != '@') {
			input[length++] = *row;
		} else if (inside) {
			names[count][1] = length - names[count][0];
			inside = false;
			count++;
		} else {
			names[count][0] = length;
			inside = true;
		}
	}
	input[length] = '\0';
	return count;
}

START_TEST(a_command_has_these_names)
{
	char input[400];
	const char *words[ROW_WORDS];
	size_t marks[ROW_WORDS][2];
	unsigned expected = take_marks(commands[_i], input, marks), count = 0;
	struct words_found found;

	for (char *word = strtok(input, " "); word != NULL; word = strtok(NULL, " ")) {
		ck_assert_uint_lt(count, ROW_WORDS);
		words[count++] = word;
	}
	words_search(words[0], words, count, &found);
	ck_assert_msg(found.count == expected, "%s: %u names", commands[_i], found.count);
	for (unsigned i = 0; i < expected; i++) {
		size_t at = (size_t)(words[found.names[i].word] - input) + found.names[i].at;

		ck_assert_msg(at == marks[i][0] && found.names[i].bytes == marks[i][1], "%s: name %u at %zu", commands[_i], i, at);
	}
	ck_assert_int_eq(found.script, -1);
}
END_TEST

START_TEST(the_file_that_runs_says_which_program_it_is)
{
	const char *words[] = {"anything", "tap0", "up"};
	struct words_found found;

	words_search("/sbin/ifconfig", words, 3, &found);
	ck_assert_uint_eq(found.count, 1);
	words[0] = "ifconfig";
	words_search("/sbin/other", words, 3, &found);
	ck_assert_uint_eq(found.count, 0);
}
END_TEST

START_TEST(words_that_are_not_known_are_words)
{
	const char *words[] = {"tcpdump", "-w", NULL, "-i", "tap0", NULL}, *ip[] = {"ip", NULL, "set", "tap0"}, *none[] = {NULL, "tap0"};
	const char *sudo[] = {"sudo", "-g", NULL, "ifconfig", "tap0"};
	struct words_found found;

	words_search("tcpdump", words, 6, &found);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_uint_eq(found.names[0].word, 4);
	words_search("ip", ip, 4, &found);
	ck_assert_uint_eq(found.count, 0);
	words_search("sudo", none, 2, &found);
	ck_assert_uint_eq(found.count, 0);
	words_search("sudo", sudo, 5, &found);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_uint_eq(found.names[0].word, 4);
	words_search("sudo", sudo, 3, &found);
	ck_assert_uint_eq(found.count, 0);
	words_search("ifconfig", none, 0, &found);
	ck_assert_uint_eq(found.count, 0);
}
END_TEST

static const struct {
	const char *command;
	int script;
} shells[] = {
	{"sh -c SCRIPT", 2}, {"/bin/bash -ec SCRIPT name tap0", 2}, {"sh -e -c SCRIPT", 3}, {"dash +x -c SCRIPT", 3},
	{"bash -o pipefail -c SCRIPT", 4}, {"sh SCRIPT -c x", -1}, {"sh", -1}, {"sh -c", -1}, {"bash --norc -c SCRIPT", -1},
	{"sudo sh -c SCRIPT", 3}, {"ifconfig -c SCRIPT", -1}, {"sh -s tap0", -1},
};

START_TEST(a_shell_has_its_script)
{
	char input[100];
	const char *words[ROW_WORDS];
	unsigned count = 0;
	struct words_found found;

	strcpy(input, shells[_i].command);
	for (char *word = strtok(input, " "); word != NULL; word = strtok(NULL, " ")) {
		words[count++] = word;
	}
	words_search(words[0], words, count, &found);
	ck_assert_msg(found.script == shells[_i].script, "%s: %d", shells[_i].command, found.script);
	ck_assert_uint_eq(found.count, 0);
}
END_TEST

START_TEST(more_names_than_there_is_room_for)
{
	const char *words[2 * WORDS_NAMES_MAX] = {"ifconfig"};
	struct words_found found;

	for (unsigned i = 1; i < 2 * WORDS_NAMES_MAX; i++) {
		words[i] = "tap0";
	}
	words_search(words[0], words, 2 * WORDS_NAMES_MAX, &found);
	ck_assert_uint_eq(found.count, WORDS_NAMES_MAX);
}
END_TEST

static const char *const lines[] = {
	"ifconfig @tap0@ up",
	"  /sbin/ifconfig\t@tap0@  10.0.0.1 \\\n up\n",
	"ifconfig @tap0@ | grep tap0 | cut -c 8-24",
	"ip link set @tap0@ up && ip addr add 10.0.0.1/24 dev @tap0@ || echo tap0; route add -net 10.0.0.0/8 dev @tap0@ &",
	"ifconfig @tap0@ up& ifconfig @tap1@ up",
	"tcpdump -i @tap0@ -w tap0.pcap 2>tap0 >&2 <tap0",
	"tcpdump -w tap0 -i@tap0@",
	">tap0 2>> tap0 ifconfig @tap0@ up",
	"ifconfig @tap0@ 3<>tap0 4>|tap0 5<&0 up",
	"ifconfig @tap0@ &>tap0",
	"ifconfig @tap0@>x @tap1@",
	/* Quotes. */
	"ifconfig \"@tap0@\" up",
	"ifconfig '@tap0@' up",
	"'ifconfig' @tap0@ up",
	"if\"con\"fig @tap0@ up",
	"tcpdump -i\"@tap0@\" \"-i@tap1@\"",
	"ifconfig ta\\p0 up",
	"ifconfig ta\"p0\" up",
	"ifconfig ''@tap0@'' up",
	"ifconfig \\@tap0@ up",
	"ifconfig \"@tap0@\":1 10.0.0.1",
	"ifconfig ' tap0' up 'tap0 ' \"tap0 up\"",
	"echo 'ifconfig tap0 up'; echo \"ifconfig tap0\" \\; ifconfig tap0",
	"echo \"a\\\"\"; ifconfig @tap0@",
	"echo \"\\n\\$\\`\\\\ '\"; ifconfig @tap0@",
	"echo a\\ b; ip link set @tap0@ up",
	"ifconfig 'tap0",
	"ifconfig \"tap0",
	"ifconfig tap0\\",
	/* What is before, between and around commands. */
	"PATH=/sbin IF=tap0 ifconfig @tap0@ up",
	"A='x y' B=\"$C\" C= ifconfig @tap0@ up",
	"if ifconfig @tap0@; then ip link set @tap0@ up; elif ip a s @tap1@; then :; else ifconfig @tap2@; fi",
	"while ! ifconfig @tap0@ up; do ifconfig @tap1@; done; until ip l s @tap0@; do :; done",
	"for i in tap0 ifconfig tap1; do ifconfig @tap0@ $i; done",
	"{ ifconfig @tap0@ up; } 2>/dev/null; (ifconfig @tap0@; (ip link show @tap1@))",
	"time ifconfig @tap0@ up",
	"exec ifconfig @tap0@ up",
	"sudo ifconfig @tap0@ up; sudo -Z ifconfig tap0 up",
	"# ifconfig tap0 up\nifconfig @tap0@ up # ifconfig tap1\nip l s @tap0@",
	"ifconfig#tap0 tap0",
	"echo#; ifconfig @tap0@",
	"sh -c 'ifconfig tap0 up'",
	"if=tap0 echo tap0",
	"done tap0; ifconfig @tap0@",
	"\"if\" ifconfig tap0",
	"echo if; echo ifconfig tap0",
	/* Words that are not known. */
	"ifconfig @tap0@ $ADDRESS ${MASK} $1 $# up",
	"ifconfig $IF 10.0.0.1; ifconfig @tap0@ $*",
	"ifconfig tap$N tap0$X ${A}tap0 \"tap0$B\" up",
	"$IFCONFIG tap0 up",
	"tcpdump -w $FILE -i @tap0@",
	"ifconfig tap? tap* tap[0] ~tap0; ifconfig @tap0@ $",
	"[ -e /dev/tap0 ] && ifconfig @tap0@ up",
	"test -e tap0 && ifconfig @tap0@ up",
	/* Where the reader stops. */
	"ifconfig @tap0@ up; ifconfig tap0 $(cat x); ifconfig tap0",
	"ifconfig @tap0@ up; ifconfig tap0 `cat x`; ifconfig tap0",
	"echo \"$(ifconfig tap0)\"; ifconfig tap0",
	"echo \"`ifconfig tap0`\"; ifconfig tap0",
	"cat <<end\nifconfig tap0\nend\nifconfig tap0",
	"cat <<-end\nifconfig tap0\nend",
	"cat <<<tap0; ifconfig tap0",
	"diff <(ifconfig tap0) >(x); ifconfig tap0",
	"case tap0 in tap0) ifconfig tap0;; esac; ifconfig tap0",
	"f() { ifconfig tap0; }; f",
	"function f { ifconfig tap0; }; f",
	"[[ a < tap0 ]]; ifconfig tap0",
	"((a)); ifconfig tap0",
	"A=(ifconfig tap0); ifconfig tap0",
	"ifconfig @tap0@; A=(ifconfig tap0)",
	"echo ${A:-ifconfig tap0}; ifconfig tap0",
	"echo \"${A#\"x\"}\"; ifconfig tap0",
	"echo $'a\\'; ifconfig tap0 '",
	"echo $\"a\"; ifconfig tap0",
	"ifconfig tap0 ) ifconfig tap0",
	"ifconfig tap0 (ifconfig tap1)",
	"ifconfig tap0 >",
	"ifconfig @tap0@ ;; ifconfig tap1",
	"eval 'ifconfig tap0 up'; trap 'ifconfig tap0' EXIT",
	"",
	" \t\n;",
	"\\",
	"&&||;|&",
};

static void
expect_names(const char *row)
{
	static char input[LINE_SIZE];
	static size_t marks[2 * SHELL_NAMES_MAX][2];
	struct shell_name names[SHELL_NAMES_MAX];
	unsigned expected = take_marks(row, input, marks), count = shell_search(input, names);

	ck_assert_msg(count == expected, "%.80s: %u names", row, count);
	for (unsigned i = 0; i < expected; i++) {
		ck_assert_msg(names[i].at == marks[i][0] && names[i].bytes == marks[i][1], "%.80s: name %u at %u", row, i, names[i].at);
	}
}

START_TEST(a_line_has_these_names)
{
	expect_names(lines[_i]);
}
END_TEST

/* before, then count times what, then after. */
static const char *
repeated(const char *before, unsigned count, const char *what, const char *after)
{
	static char row[LINE_SIZE];
	size_t length = strlen(before);

	strcpy(row, before);
	while (count-- > 0) {
		strcpy(row + length, what);
		length += strlen(what);
	}
	strcpy(row + length, after);
	return row;
}

START_TEST(what_is_too_long_is_left)
{
	struct shell_name names[SHELL_NAMES_MAX];

	/* Of words, and of text; before and after it all goes on. */
	expect_names(repeated("ifconfig @tap0@; ifconfig tap0", 63, " x", "; ifconfig @tap0@"));
	expect_names(repeated("ifconfig @tap0@; ifconfig @tap0@", 62, " x", "; ifconfig @tap0@"));
	expect_names(repeated("ifconfig @tap0@; ifconfig tap0 ", 1100, "x", "; ifconfig @tap0@"));
	expect_names(repeated("ifconfig @tap0@; ifconfig @tap0@ ", 900, "x", "; ifconfig @tap0@"));
	for (unsigned length = 990; length < 1030; length++) {
		(void)shell_search(repeated("ifconfig tap0 ", length, "x", " '' '' '' ''"), names);
	}
	/* Of the line, in which places are numbers of 16 bits. */
	expect_names(repeated("ifconfig @tap0@", 65000, " ", "; ifconfig @tap0@"));
	expect_names(repeated("ifconfig tap0", 65600, " ", "; ifconfig tap0"));
	/* Of names. */
	ck_assert_uint_eq(shell_search(repeated("", 2 * SHELL_NAMES_MAX, "ifconfig tap0;", ""), names), SHELL_NAMES_MAX);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shim-words");
	TCase *tcase = tcase_create("words");

	tcase_add_loop_test(tcase, a_command_has_these_names, 0, sizeof(commands) / sizeof(commands[0]));
	tcase_add_test(tcase, the_file_that_runs_says_which_program_it_is);
	tcase_add_test(tcase, words_that_are_not_known_are_words);
	tcase_add_loop_test(tcase, a_shell_has_its_script, 0, sizeof(shells) / sizeof(shells[0]));
	tcase_add_test(tcase, more_names_than_there_is_room_for);
	tcase_add_loop_test(tcase, a_line_has_these_names, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tcase, what_is_too_long_is_left);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
