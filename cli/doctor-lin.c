/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor-lin.c - the part of `tuntapd doctor` for a host with Linux.
 *
 * All of it is read from /proc, /sys and /dev, and asked of systemctl and nft, which say nothing to a user without rights: what is
 * not known is not spoken of.  /sys shows the interfaces of the network namespace that it was mounted in, which need not be ours: what is
 * not here by the same name and number is passed over.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor-checks.h"
#include "cli/node.h"
#include "cli/text.h"
#include "protocol/devname.h"

#define TUN_NODE "/dev/net/tun"
#define CAP_NET_ADMIN_BIT 12 /* linux/capability.h */
#define SERVICE "tuntapd.service"
#define CLASS_NET "/sys/class/net"
#define PATH_BYTES 256

struct look {
	const struct probe *p;
	struct findings *f;
	const struct doctor_devices *devices;
	const char *bridge; /* whose members are listed */
	long bridge_mtu;
	size_t taps_bridged;
	size_t others, left;
	char other_names[160], first_left[64];
};

static bool
in_container(const struct probe *p)
{
	char environment[8192];

	if (probe_has(p, "/.dockerenv") || probe_has(p, "/run/.containerenv")) {
		return true;
	}
	return probe_read(p, "/run/systemd/container", environment, sizeof(environment)) > 0;
}

/* Whether this process has the right to make interfaces.  True also where that is not known. */
static bool
has_net_admin(const struct probe *p)
{
	char text[8192];
	const char *at;

	if (probe_read(p, "/proc/self/status", text, sizeof(text)) <= 0 || (at = strstr(text, "\nCapEff:")) == NULL) {
		return true;
	}
	return (strtoull(at + 8, NULL, 16) >> CAP_NET_ADMIN_BIT & 1) != 0;
}

static bool
is_root(const struct probe *p)
{
	char text[8192];
	const char *at;

	return probe_read(p, "/proc/self/status", text, sizeof(text)) > 0 && (at = strstr(text, "\nUid:")) != NULL &&
	    strtoul(at + 5, NULL, 10) == 0;
}

static void
check_node(const struct probe *p, struct findings *f)
{
	struct finding *added;
	struct stat st;

	if (!probe_stat(p, TUN_NODE, &st)) {
		added = finding_add(f, "tun-node-missing", SEVERITY_ERROR, "there is no " TUN_NODE);
		finding_why(added, "the linux link cannot make a device, and programs of Linux find none; taps on the veth link work "
		    "without it");
		if (in_container(p)) {
			finding_mend(added, "docker run --device " TUN_NODE " --cap-add NET_ADMIN ...");
		} else {
			finding_mend(added, "sudo modprobe tun");
		}
		return;
	}
	if (!node_is_tun(&st)) {
		added = finding_add(f, "tun-node-wrong", SEVERITY_ERROR, TUN_NODE " is not the kernel's tun node");
		finding_why(added, "it is no character device 10:200, and nobody can make a device with it");
		finding_mend(added, "sudo rm " TUN_NODE);
		finding_mend(added, "sudo mknod -m 0666 " TUN_NODE " c 10 200");
		return;
	}
	if ((st.st_mode & 0666) != 0666) {
		added = finding_add(f, "tun-node-rights", SEVERITY_WARNING, TUN_NODE " is not for everybody (mode %04o)",
		    (unsigned)(st.st_mode & 07777));
		finding_why(added, "'tuntapd exec --private' needs it; it gives no right to make an interface outside a namespace of "
		    "one's own");
		finding_mend(added, "sudo chmod 0666 " TUN_NODE);
	}
}

static void
check_rights(const struct probe *p, struct findings *f, const struct doctor_devices *devices)
{
	struct finding *added;

	if (in_container(p) && !has_net_admin(p)) {
		added = finding_add(f, "container-rights", devices->known ? SEVERITY_INFO : SEVERITY_WARNING,
		    "this is a container without the right to make interfaces (CAP_NET_ADMIN)");
		finding_why(added, devices->known ? "a daemon is there all the same" : "no daemon can serve here, but a private one may: "
		    "'tuntapd exec --private'");
		finding_mend(added, "docker run --device " TUN_NODE " --cap-add NET_ADMIN ...");
	} else if (is_root(p) && !has_net_admin(p)) {
		added = finding_add(f, "root-rights", SEVERITY_WARNING,
		    "this is root without the right to make interfaces (CAP_NET_ADMIN)");
		finding_why(added, "a daemon that is started from here does not serve");
	}
	if (probe_read_number(p, "/proc/sys/user/max_user_namespaces", 1) == 0 ||
	    probe_read_number(p, "/proc/sys/kernel/unprivileged_userns_clone", 1) == 0) {
		added = finding_add(f, "user-namespaces", SEVERITY_INFO, "users may not make namespaces here");
		finding_why(added, "'tuntapd exec --private' works for root alone");
		finding_mend(added, "sudo sysctl user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1");
	}
}

/* The value of NAME=VALUE, one a line; "" if there is none. */
static const char *
value_of(const char *text, const char *name, char *value, size_t size)
{
	const size_t length = strlen(name);

	value[0] = '\0';
	for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, name, length) == 0 && line[length] == '=') {
			snprintf(value, size, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
		}
	}
	return value;
}

static void
check_service(const struct probe *p, struct findings *f)
{
	static const char asked[] = "--property=LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts";
	struct action_answer *answer = malloc(sizeof(*answer));
	char load[32], active[32], sub[32], result[32], file[32];
	struct finding *added;

	if (answer == NULL || !probe_ask(p, answer, "systemctl", "show", SERVICE, asked)) {
		free(answer);
		return; /* another service manager, or none */
	}
	value_of(answer->text, "LoadState", load, sizeof(load));
	value_of(answer->text, "ActiveState", active, sizeof(active));
	value_of(answer->text, "SubState", sub, sizeof(sub));
	value_of(answer->text, "Result", result, sizeof(result));
	value_of(answer->text, "UnitFileState", file, sizeof(file));
	free(answer);
	if (strcmp(load, "masked") == 0) {
		added = finding_add(f, "service-masked", SEVERITY_WARNING, "the service tuntapd is masked");
		finding_why(added, "nothing can start it");
		finding_mend(added, "sudo systemctl unmask tuntapd");
	} else if (strcmp(load, "loaded") != 0) {
		return;
	} else if (strcmp(active, "failed") == 0 || strcmp(sub, "auto-restart") == 0) {
		added = finding_add(f, "service-failed", SEVERITY_ERROR, "the service tuntapd has failed (%s)", result);
		finding_why(added, "its log says why");
		finding_mend(added, "journalctl -u tuntapd -n 50");
		finding_mend(added, "sudo tuntapd config check");
		finding_mend(added, "sudo systemctl restart tuntapd");
	} else if (strcmp(active, "active") != 0) {
		added = finding_add(f, "service-stopped", SEVERITY_WARNING, "the service tuntapd is installed and does not run (%s)",
		    active);
		finding_why(added, "programs find no daemon, unless its socket starts it");
		finding_mend(added, "sudo systemctl start tuntapd");
	}
	if (strcmp(file, "disabled") == 0) {
		added = finding_add(f, "service-disabled", SEVERITY_INFO, "the service tuntapd is not started at boot");
		finding_mend(added, "sudo systemctl enable tuntapd");
	}
}

/* Whether an interface of /sys is one of this network namespace; in a test's tree they all are. */
static bool
is_here(const struct probe *p, const char *ifname)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), CLASS_NET "/%.64s/ifindex", ifname);
	return p->root[0] != '\0' || (long)if_nametoindex(ifname) == probe_read_number(p, path, -1);
}

static long
mtu_of(const struct probe *p, const char *ifname)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), CLASS_NET "/%.64s/mtu", ifname);
	return probe_read_number(p, path, 0);
}

static bool
interface_has(const struct probe *p, const char *ifname, const char *file)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), CLASS_NET "/%.64s/%s", ifname, file);
	return probe_has(p, path);
}

/* Two ends of a pair, or a bridge and what is in it, that do not carry the same sizes. */
static void
tell_mtu(struct findings *f, const char *ifname, long mtu, const char *other, long other_mtu)
{
	struct finding *added = finding_add(f, "mtu", SEVERITY_WARNING, "%.64s has MTU %ld, and %.64s, which it is joined to, %ld",
	    ifname, mtu, other,
	    other_mtu);
	char word[FINDING_COMMAND_SIZE] = "";

	finding_why(added, "packets that only one of them can carry are lost, with no word to anybody");
	text_append_quoted(word, sizeof(word), mtu > other_mtu ? ifname : other);
	finding_mend(added, "sudo ip link set dev %s mtu %ld", word, mtu > other_mtu ? other_mtu : mtu);
}

static void
on_member(void *context, const char *name)
{
	struct look *l = context;
	long mtu = mtu_of(l->p, name);

	if (interface_has(l->p, name, "tun_flags")) {
		l->taps_bridged++;
	}
	if (l->bridge_mtu > 0 && mtu > 0 && mtu != l->bridge_mtu) {
		tell_mtu(l->f, name, mtu, l->bridge, l->bridge_mtu);
	}
}

/* The other end of a veth, by its index. */
struct end {
	const struct probe *p;
	long ifindex;
	char name[64];
};

static void
on_possible_end(void *context, const char *name)
{
	struct end *e = context;
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), CLASS_NET "/%.64s/ifindex", name);
	if (probe_read_number(e->p, path, 0) == e->ifindex) {
		snprintf(e->name, sizeof(e->name), "%.63s", name);
	}
}

static void
check_end(struct look *l, const char *name)
{
	struct end other = {.p = l->p};
	char path[PATH_BYTES];
	long mtu = mtu_of(l->p, name), own;

	snprintf(path, sizeof(path), CLASS_NET "/%.64s/ifindex", name);
	own = probe_read_number(l->p, path, 0);
	snprintf(path, sizeof(path), CLASS_NET "/%.64s/iflink", name);
	other.ifindex = probe_read_number(l->p, path, 0);
	if (own == 0 || other.ifindex <= own) {
		return; /* no pair, its other end elsewhere, or one that was looked at from there */
	}
	probe_list(l->p, CLASS_NET, on_possible_end, &other);
	if (other.name[0] != '\0' && mtu > 0 && mtu_of(l->p, other.name) > 0 && mtu != mtu_of(l->p, other.name)) {
		tell_mtu(l->f, name, mtu, other.name, mtu_of(l->p, other.name));
	}
}

/* Whether it has a name as the daemon makes them where the kernel, or nobody, chooses it: daemon/link-veth.c, daemon/bridge.c. */
static bool
is_made_by_us(const char *name)
{
	const char *number = strncmp(name, "ttdbr", 5) == 0 ? name + 5 : strncmp(name, "ttd", 3) == 0 ? name + 3 : NULL;

	return number != NULL && number[0] != '\0' && number[strspn(number, "0123456789")] == '\0';
}

static void
on_interface(void *context, const char *name)
{
	struct look *l = context;
	char path[PATH_BYTES];
	struct device_id id;

	if (!is_here(l->p, name)) {
		return;
	}
	if (interface_has(l->p, name, "brif")) {
		l->bridge = name;
		l->bridge_mtu = mtu_of(l->p, name);
		snprintf(path, sizeof(path), CLASS_NET "/%.64s/brif", name);
		probe_list(l->p, path, on_member, l);
	}
	check_end(l, name);
	if (is_made_by_us(name) && !l->devices->known && l->left++ == 0) {
		snprintf(l->first_left, sizeof(l->first_left), "%.63s", name);
	}
	if (!interface_has(l->p, name, "tun_flags") || doctor_is_ours(l->devices, name)) {
		return;
	}
	if (devname_parse(name, &id) && l->devices->known) {
		struct finding *added = finding_add(l->f, "name-taken", SEVERITY_WARNING, "the interface %.64s is there and not ours",
		    name);
		char word[FINDING_COMMAND_SIZE] = "";

		finding_why(added, "whoever opens /dev/%.64s gets EBUSY, unless interface-names = kernel stands in tuntapd.conf", name);
		text_append_quoted(word, sizeof(word), name);
		finding_mend(added, "ip -details link show dev %s", word);
	} else {
		size_t used = strlen(l->other_names);

		l->others++;
		snprintf(l->other_names + used, sizeof(l->other_names) - used, "%s%.32s", used > 0 ? ", " : "", name);
	}
}

static void
check_interfaces(struct look *l)
{
	probe_list(l->p, CLASS_NET, on_interface, l);
	if (l->left > 0) {
		struct finding *added = finding_add(l->f, "leftover-interfaces", SEVERITY_WARNING,
		    "%zu interface%s with names as tuntapd makes "
		    "them, as %s, and no daemon answers", l->left, l->left == 1 ? "" : "s", l->first_left);

		finding_why(added, "a daemon was killed; the next one takes away those that nobody uses");
		finding_mend(added, "sudo tuntapd serve");
	}
	if (l->others > 0) {
		finding_add(l->f, "others-devices", SEVERITY_INFO, "others have %zu tun or tap interface%s: %s", l->others,
		    l->others == 1 ? "" : "s",
		    l->other_names);
	}
}

static void
check_packet_filter(const struct look *l)
{
	struct action_answer *answer = malloc(sizeof(*answer));
	struct finding *added;

	if (l->taps_bridged > 0 && probe_read_number(l->p, "/proc/sys/net/bridge/bridge-nf-call-iptables", 0) == 1) {
		added = finding_add(l->f, "bridge-filter", SEVERITY_WARNING, "the packet filter judges what passes through bridges, too");
		finding_why(added, "frames of a tap in a bridge are dropped where forwarding is: Docker switches this on");
		finding_mend(added, "sudo sysctl net.bridge.bridge-nf-call-iptables=0");
	}
	if (answer != NULL && probe_ask(l->p, answer, "nft", "list", "chains", NULL)) {
		const char *hook = answer->text;
		char which[96] = "";

		while ((hook = strstr(hook, "hook ")) != NULL) {
			size_t line = strcspn(hook, "\n"), word = strcspn(hook + 5, " ");
			const char *drop = strstr(hook, "policy drop");

			if (drop != NULL && (size_t)(drop - hook) < line && strlen(which) + word + 3 < sizeof(which)) {
				snprintf(which + strlen(which), sizeof(which) - strlen(which), "%s%.*s", which[0] != '\0' ? ", " : "",
				    (int)word, hook + 5);
			}
			hook += line;
		}
		if (which[0] != '\0') {
			added = finding_add(l->f, "firewall", SEVERITY_INFO, "the packet filter drops what no rule lets through (%s)",
			    which);
			finding_why(added, "what comes from a device needs a rule there; neither 'nat' nor 'bridge' in tuntapd.conf adds "
			    "one to it");
			finding_mend(added, "sudo nft list ruleset");
		}
	}
	free(answer);
}

void
doctor_check_linux(const struct probe *p, struct findings *f, const struct doctor_devices *devices)
{
	struct look l = {.p = p, .f = f, .devices = devices};

	check_node(p, f);
	check_rights(p, f, devices);
	check_service(p, f);
	check_interfaces(&l);
	check_packet_filter(&l);
}
