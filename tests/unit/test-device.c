/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-device.c - the table of devices on the fake link: attach, exclusive open, state, last close, take-over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-link.h"
#include "protocol/page.h"
#include "worlds.h"

static void
close_attached(struct device_attached *a)
{
	close(a->channel);
	close(a->page);
}

static struct state_page
read_page(int fd)
{
	struct state_page page;

	ck_assert_int_eq(pread(fd, &page, sizeof(page), 0), sizeof(page));
	ck_assert_uint_eq(page.magic, PAGE_MAGIC);
	return page;
}

static struct message_device
describe(uint8_t kind, uint16_t unit)
{
	struct message_device d;

	memset(&d, 0, sizeof(d));
	devices_describe(world.devices, device_place_fixed((struct device_id){.kind = kind, .unit = unit}), &d);
	ck_assert_int_eq(d.error, 0);
	ck_assert_uint_eq(d.kind, kind);
	ck_assert_uint_eq(d.unit, unit);
	return d;
}

static void
tell_changed(uint32_t ifindex)
{
	struct netif_event event = {.type = NETIF_CHANGED, .ifindex = ifindex, .status = *fake_link_interface(ifindex)};

	devices_on_event(world.devices, netns_own(world.netns), &event);
}

static void
tell(enum netif_event_type type, uint32_t ifindex)
{
	struct netif_event event = {.type = type, .ifindex = ifindex};

	devices_on_event(world.devices, netns_own(world.netns), &event);
}

START_TEST(attach_gives_a_channel_and_a_page_that_speaks_of_it)
{
	struct device_attached a = world_attach(DEVICE_TAP, 3);
	struct state_page page = read_page(a.page);
	struct message_device d = describe(DEVICE_TAP, 3);

	ck_assert_uint_eq(page.open_number, a.open_number);
	ck_assert_uint_eq(page.ifindex, a.ifindex);
	ck_assert_uint_eq(page.mtu, 1500);
	ck_assert_uint_eq(page.up, 0);
	ck_assert_uint_eq(page.gone, 0);
	ck_assert_uint_eq(page.channel, CHANNEL_DIRECT);
	ck_assert_str_eq(a.ifname, "tap3");
	ck_assert_uint_eq(d.state, DEVICE_OPEN);
	ck_assert_int_eq(d.pid, 1234);
	ck_assert_str_eq(d.program, "a program");
	ck_assert_str_eq(d.link, "fake");
	ck_assert_int_gt(d.since, 0);
	close_attached(&a);
}
END_TEST

START_TEST(page_descriptor_is_read_only)
{
	struct device_attached a = world_attach(DEVICE_TUN, 0);

	ck_assert_int_eq(write(a.page, "x", 1), -1);
	ck_assert_int_eq(errno, EBADF);
	close_attached(&a);
}
END_TEST

START_TEST(second_open_is_ebusy)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0), b;
	struct os_peer root = {0};

	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &b), EBUSY);
	ck_assert_uint_eq(fake_link_count(), 1);
	close_attached(&a);
}
END_TEST

START_TEST(same_unit_of_the_other_kind_is_free)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0), b = world_attach(DEVICE_TUN, 0);

	ck_assert_uint_eq(devices_open_count(world.devices), 2);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(unit_past_the_count_is_enoent)
{
	struct os_peer root = {0};
	struct device_attached a;

	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 16, &root, 0, &a), ENOENT);
	ck_assert_int_eq(world_try_attach(DEVICE_TUN, DEVICE_UNITS_MAX, &root, 0, &a), ENOENT);
}
END_TEST

START_TEST(policy_refuses_with_eacces_also_where_the_unit_is_busy)
{
	struct os_peer stranger = {.uid = 1000, .gid = 1000};
	struct device_attached a, b;

	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &stranger, 0, &b), EACCES);
	a = world_attach(DEVICE_TAP, 0);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &stranger, 0, &b), EACCES);
	close_attached(&a);
}
END_TEST

START_TEST(another_namespace_is_eacces)
{
	struct os_peer stranger = {.uid = 1000, .gid = 1000};
	struct device_attached a;

	/* Nobody's own namespace: the fake descriptor of it has no owner. */
	world.policy->devices[POLICY_TAP].entry.mode = 0666;
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &stranger, 99, &a), EACCES);
	ck_assert_uint_eq(fake_link_count(), 0);
}
END_TEST

static int
see(uint16_t unit, const struct os_peer *peer, uint64_t netns, struct device_seen *seen)
{
	struct device_attach request = {.id = {.kind = DEVICE_TAP, .unit = unit}, .peer = peer,
	    .netns = netns != 0 ? netns : WORLD_NETNS, .netns_fd = -1};

	return devices_see(world.devices, &request, seen) == 0 ? 0 : errno;
}

START_TEST(who_may_see_what_passes)
{
	struct os_peer root = {0}, opener = {.uid = 1000, .gid = 1000}, stranger = {.uid = 1001, .gid = 1001};
	struct device_policy *policy = &world.policy->devices[POLICY_TAP];
	struct device_seen seen;
	struct device_attached a;

	policy->entry.mode = 0666;
	ck_assert_int_eq(see(16, &root, 0, &seen), ENOENT);
	ck_assert_int_eq(see(3, &root, 0, &seen), ENODEV);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 3, &opener, 0, &a), 0);
	ck_assert_int_eq(see(3, &root, 0, &seen), 0);
	ck_assert_uint_eq(seen.ifindex, a.ifindex);
	ck_assert_str_eq(seen.ifname, "tap3");
	ck_assert_ptr_eq(seen.netns, netns_own(world.netns));
	ck_assert_int_eq(see(3, &opener, 0, &seen), 0);
	ck_assert_int_eq(see(3, &stranger, 0, &seen), EACCES);
	/* Another namespace has a tap3 of its own. */
	ck_assert_int_eq(see(3, &root, 99, &seen), ENODEV);
	ck_assert_int_eq(see(3, &opener, 99, &seen), EACCES);
	policy->capture_permitted = true;
	ck_assert_int_eq(see(3, &stranger, 0, &seen), 0);
	/* Who may not open it may not, whoever has it, and also where nobody has. */
	policy->entry.mode = 0660;
	ck_assert_int_eq(see(3, &stranger, 0, &seen), EACCES);
	ck_assert_int_eq(see(3, &opener, 0, &seen), EACCES);
	ck_assert_int_eq(see(4, &opener, 0, &seen), EACCES);
	close_attached(&a);
}
END_TEST

START_TEST(the_same_unit_in_two_namespaces_is_two_devices)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0), b, c;
	struct os_peer root = {.pid = 99};
	struct netif_event event = {.type = NETIF_DEPARTED};
	struct message_device d;
	struct netns *there;

	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 99, &b), 0);
	ck_assert_uint_ne(a.place, b.place);
	ck_assert_uint_ge(b.place, DEVICE_PLACES_FIXED);
	ck_assert_uint_eq(read_page(b.page).netns, 99);
	ck_assert_uint_eq(read_page(b.page).unit, 0);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 99, &c), EBUSY);
	memset(&d, 0, sizeof(d));
	devices_describe(world.devices, b.place, &d);
	ck_assert_int_eq(d.error, 0);
	ck_assert_uint_eq(d.netns, 99);
	ck_assert_uint_eq(d.next, 0);
	/* An index means something in its namespace only. */
	event.ifindex = b.ifindex;
	devices_on_event(world.devices, netns_own(world.netns), &event);
	ck_assert_uint_eq(read_page(b.page).gone, 0);
	there = netns_get(world.netns, 99, world.dir_fd);
	fake_link_depart(b.ifindex);
	devices_on_event(world.devices, there, &event);
	netns_put(world.netns, there);
	ck_assert_uint_eq(read_page(b.page).gone, 1);
	ck_assert_uint_eq(read_page(a.page).gone, 0);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 99, &c), 0);
	ck_assert_uint_eq(c.place, b.place);
	ck_assert_uint_eq(c.open_number, b.open_number + 1);
	close_attached(&a);
	close_attached(&b);
	close_attached(&c);
}
END_TEST

START_TEST(a_full_table_refuses_and_goes_on)
{
	struct os_peer root = {.pid = 99};
	struct device_attached a;
	struct devlist_entry anybody = {.mode = 0666};

	world.policy->devices[POLICY_TAP].entry = anybody;
	for (uint32_t place = DEVICE_PLACES_FIXED; place < DEVICE_PLACES_MAX; place++) {
		ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 100000 + place, &a), 0);
		ck_assert_uint_eq(a.place, place);
		close_attached(&a);
	}
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 999, &a), ENFILE);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &a), 0);
	close_attached(&a);
	ck_assert_uint_eq(devices_end_all(world.devices), DEVICE_PLACES_MAX - DEVICE_PLACES_FIXED + 1);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 999, &a), 0);
	close_attached(&a);
}
END_TEST

START_TEST(a_namespace_that_cannot_be_found_leaves_the_program_to_ask_the_kernel)
{
	struct os_peer root = {.pid = 99};
	struct device_attached a, b;

	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 99, &a), 0);
	devices_settle(world.devices, a.place, "a program");
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 0);
	ck_assert_uint_eq(read_page(a.page).unwatched, 1);
	ck_assert_uint_eq(read_page(a.page).gone, 0);
	fake_link_depart(a.ifindex);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 99, &b), 0);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(link_failure_leaves_nothing_and_the_unit_free)
{
	static const int errors[] = {EBUSY, ENXIO, ENOMEM, EMFILE, EINVAL};
	struct os_peer root = {0};
	struct journal_record record;
	struct device_attached a;

	fake_link_fail_open(1, errors[_i]);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &a), errors[_i]);
	ck_assert_uint_eq(devices_open_count(world.devices), 0);
	for (unsigned slot = 0; slot < JOURNAL_SLOTS; slot++) {
		ck_assert_int_eq(journal_read(world.journal, slot, &record), -1);
		ck_assert_int_eq(errno, ENOENT);
	}
	a = world_attach(DEVICE_TAP, 0);
	close_attached(&a);
}
END_TEST

START_TEST(a_device_that_cannot_be_read_is_as_it_was)
{
	struct os_peer root = {0};
	struct device_attached a = world_attach(DEVICE_TAP, 0), b;

	fake_link_fail_read(ENOBUFS);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &b), EBUSY);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_OPEN);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).ifindex, a.ifindex);
	devices_resync(world.devices, netns_own(world.netns));
	fake_link_fail_read(0);
	ck_assert_uint_eq(read_page(a.page).open_number, a.open_number);
	ck_assert_uint_eq(read_page(a.page).gone, 0);
	ck_assert_uint_eq(devices_open_count(world.devices), 1);
	close_attached(&a);
}
END_TEST

START_TEST(departure_closes_the_device_and_frees_the_unit)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0), b;

	fake_link_depart(a.ifindex);
	tell(NETIF_DEPARTED, a.ifindex);
	ck_assert_uint_eq(read_page(a.page).gone, 1);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_CLOSED);
	ck_assert_uint_eq(fake_link_after_interface_calls(), 1);
	b = world_attach(DEVICE_TAP, 0);
	ck_assert_uint_eq(b.open_number, a.open_number + 1);
	ck_assert_uint_eq(read_page(b.page).gone, 0);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(news_of_an_earlier_open_does_not_touch_a_later_one)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0), b;

	fake_link_depart(a.ifindex);
	tell(NETIF_DEPARTED, a.ifindex);
	b = world_attach(DEVICE_TAP, 0);
	tell(NETIF_DEPARTED, a.ifindex);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_OPEN);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(page_follows_up_down_and_mtu)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0);
	struct netif_status *kernel = fake_link_interface(a.ifindex);

	kernel->up = true;
	kernel->mtu = 9000;
	tell_changed(a.ifindex);
	ck_assert_uint_eq(read_page(a.page).up, 1);
	ck_assert_uint_eq(read_page(a.page).mtu, 9000);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_UP);
	kernel->up = false;
	tell_changed(a.ifindex);
	ck_assert_uint_eq(read_page(a.page).up, 0);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_OPEN);
	close_attached(&a);
}
END_TEST

START_TEST(each_open_starts_in_the_default_state)
{
	struct device_attached a = world_attach(DEVICE_TUN, 0), b;
	struct netif_status *kernel = fake_link_interface(a.ifindex);

	kernel->up = true;
	kernel->mtu = 9000;
	tell_changed(a.ifindex);
	ck_assert_int_eq(devices_set_header_mode(world.devices, a.place, a.open_number, a.channel, true), 0);
	fake_link_depart(a.ifindex);
	tell(NETIF_DEPARTED, a.ifindex);
	b = world_attach(DEVICE_TUN, 0);
	ck_assert_uint_eq(read_page(b.page).up, 0);
	ck_assert_uint_eq(read_page(b.page).mtu, 1500);
	ck_assert_uint_eq(read_page(b.page).header_mode, 0);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(first_address_brings_up_a_device_that_was_never_up)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0);

	tell(NETIF_ADDRESS_ADDED, a.ifindex);
	ck_assert_uint_eq(fake_link_set_up_calls(), 1);
	close_attached(&a);
}
END_TEST

/* As a feth of macOS is when an address has brought it up. */
START_TEST(an_interface_that_is_up_and_does_not_run_is_brought_up_once)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0);
	struct netif_status *status = fake_link_interface(a.ifindex);

	status->up = status->stalled = true;
	tell_changed(a.ifindex);
	ck_assert_uint_eq(fake_link_set_up_calls(), 1);
	tell_changed(a.ifindex);
	ck_assert_uint_eq(fake_link_set_up_calls(), 1);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_UP);
	/* Again after each "down". */
	status->up = status->stalled = false;
	tell_changed(a.ifindex);
	status->up = status->stalled = true;
	tell_changed(a.ifindex);
	ck_assert_uint_eq(fake_link_set_up_calls(), 2);
	close_attached(&a);
}
END_TEST

START_TEST(policy_can_forbid_that_an_address_brings_a_device_up)
{
	struct device_attached a;

	world.policy->devices[POLICY_TAP].up_on_address = false;
	a = world_attach(DEVICE_TAP, 0);
	/* By the policy of its open, whatever comes later. */
	world.policy->devices[POLICY_TAP].up_on_address = true;
	tell(NETIF_ADDRESS_ADDED, a.ifindex);
	ck_assert_uint_eq(fake_link_set_up_calls(), 0);
	close_attached(&a);
}
END_TEST

START_TEST(only_a_named_program_may_have_it)
{
	struct os_peer root = {.pid = getpid()};
	struct device_policy *d = &world.policy->devices[POLICY_TAP];
	struct device_attached a;

	d->program_count = 1;
	strcpy(d->programs[0], "/bin/sh");
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &a), EACCES);
	ck_assert_uint_eq(fake_link_count(), 0);
	strcpy(d->programs[0], "/proc/self/exe");
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &a), 0);
	close_attached(&a);
}
END_TEST

START_TEST(a_user_may_have_so_many_and_no_more)
{
	struct os_peer user = {.uid = 1000, .gid = 1000}, another = {.uid = 1001, .gid = 1000}, root = {.pid = 1};
	struct device_attached a, b, c, d;

	world.policy->devices[POLICY_TAP].entry.mode = 0666;
	world.policy->devices_per_user = 2;
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &user, 0, &a), 0);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 1, &user, 0, &b), 0);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 2, &user, 0, &c), EMFILE);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 2, &another, 0, &c), 0);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 3, &root, 0, &d), 0);
	close_attached(&d);
	close_attached(&a);
	fake_link_depart(a.ifindex);
	tell(NETIF_DEPARTED, a.ifindex);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &user, 0, &a), 0);
	close_attached(&a);
	close_attached(&b);
	close_attached(&c);
}
END_TEST

START_TEST(another_policy_holds_for_the_next_open)
{
	struct device_attached a = world_attach(DEVICE_TAP, 9), b;
	struct os_peer root = {.pid = 1};
	struct policy *next = policy_new();

	next->tap_units = 4;
	devices_set_policy(world.devices, next);
	ck_assert_uint_eq(describe(DEVICE_TAP, 9).state, DEVICE_OPEN);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 9, &root, 0, &b), ENOENT);
	fake_link_depart(a.ifindex);
	tell(NETIF_DEPARTED, a.ifindex);
	ck_assert_uint_eq(devices_open_count(world.devices), 0);
	close_attached(&a);
	devices_set_policy(world.devices, world.policy);
	policy_free(next);
}
END_TEST

/* The link of an open of a tap, as status says it, and what its channel is. */
static void
expect_link(uint16_t unit, const char *link, enum channel_type channel)
{
	struct device_attached a = world_attach(DEVICE_TAP, unit);
	struct message_device shown = {0};

	ck_assert_int_eq(a.channel_type, channel);
	devices_describe(world.devices, a.place, &shown);
	ck_assert_str_eq(shown.link, link);
	ck_assert_uint_eq(shown.channel, channel);
	fake_link_depart(a.ifindex);
	close_attached(&a);
}

START_TEST(a_kernel_extension_that_is_preferred_is_the_link_while_it_has_the_device)
{
	struct device_policy *policy = &world.policy->devices[POLICY_TAP];

	fake_link_load_kext(true);
	expect_link(0, "fake", CHANNEL_DIRECT);
	policy->prefer_kext = true;
	expect_link(0, "kext", CHANNEL_NODE);
	expect_link(1, "fake", CHANNEL_DIRECT);
	fake_link_load_kext(false);
	expect_link(0, "fake", CHANNEL_DIRECT);
	/* By its name it is the link also where it has no such device. */
	snprintf(policy->link, sizeof(policy->link), "kext");
	policy->prefer_kext = false;
	expect_link(0, "kext", CHANNEL_NODE);
}
END_TEST

START_TEST(a_node_is_no_device_of_the_linux_dialect)
{
	struct os_peer root = {0};
	struct device_attach request = {.id = {.kind = DEVICE_TAP, .unit = DEVICE_UNIT_NAMED}, .ifname = "tap0", .peer = &root,
	    .how = {.access = MESSAGE_ACCESS_ALL, .given_fd = -1, .dialect = DIALECT_LINUX}, .netns = WORLD_NETNS, .netns_fd = -1};
	struct device_attached a;

	fake_link_load_kext(true);
	snprintf(world.policy->devices[POLICY_TAP].link, sizeof(world.policy->devices[0].link), "kext");
	ck_assert_int_eq(devices_attach(world.devices, &request, &a), 0);
	ck_assert_int_eq(a.channel_type, CHANNEL_DIRECT);
	close_attached(&a);
}
END_TEST

START_TEST(the_next_daemon_takes_a_node_over)
{
	struct device_attached a;
	struct message_device shown = {0};

	fake_link_load_kext(true);
	world.policy->devices[POLICY_TAP].prefer_kext = true;
	a = world_attach(DEVICE_TAP, 0);
	fake_link_load_kext(false); /* whatever is in /dev by then: it is open */
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 1);
	devices_describe(world.devices, a.place, &shown);
	ck_assert_str_eq(shown.link, "kext");
	close_attached(&a);
}
END_TEST

/* tap0 is persistent, on that link, and closed; its interface's index. */
static uint32_t
keep_tap0_on(const struct link_ops *link)
{
	world.policy->devices[POLICY_FIRST_BLOCK] = world.policy->devices[POLICY_TAP];
	world.policy->devices[POLICY_FIRST_BLOCK].persistent = true;
	strcpy(world.policy->devices[POLICY_FIRST_BLOCK].link, link->name);
	world.policy->index[DEVICE_TAP - DEVICE_TUN][0] = POLICY_FIRST_BLOCK;
	(void)devices_adopt(world.devices);
	ck_assert_uint_eq(fake_link_count(), 1);
	ck_assert_uint_eq(devices_open_count(world.devices), 0);
	return 1;
}

static uint32_t
keep_tap0(void)
{
	return keep_tap0_on(&fake_link);
}

START_TEST(persistent_interface_is_joined_and_stays)
{
	uint32_t ifindex = keep_tap0();
	struct os_peer root = {.pid = 1};
	struct device_attached a, b;

	a = world_attach(DEVICE_TAP, 0);
	ck_assert_uint_eq(a.ifindex, ifindex);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &b), EBUSY);
	close_attached(&a);
	/* No news tells of the close; the next open sees it. */
	fake_link_interface(ifindex)->carrier = false;
	a = world_attach(DEVICE_TAP, 0);
	ck_assert_uint_eq(a.ifindex, ifindex);
	ck_assert_uint_eq(a.open_number, 2);
	fake_link_interface(ifindex)->carrier = false;
	ck_assert(devices_look_at_kept(world.devices));
	ck_assert_uint_eq(devices_open_count(world.devices), 0);
	ck_assert_uint_eq(fake_link_count(), 1);
	close_attached(&a);
}
END_TEST

START_TEST(what_a_reload_changes_of_a_persistent_interface_waits_for_its_close)
{
	uint32_t ifindex = keep_tap0();
	struct policy *next = policy_new();
	struct device_attached a;

	ck_assert_ptr_nonnull(next);
	*next = *world.policy;
	next->devices[POLICY_FIRST_BLOCK].entry.mode = 0600;
	a = world_attach(DEVICE_TAP, 0);
	devices_set_policy(world.devices, next);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).ifindex, ifindex);
	ck_assert_uint_eq(devices_open_count(world.devices), 1);
	close_attached(&a);
	fake_link_interface(ifindex)->carrier = false;
	a = world_attach(DEVICE_TAP, 0);
	ck_assert_uint_ne(a.ifindex, ifindex);
	ck_assert_uint_eq(fake_link_count(), 1);
	close_attached(&a);
	devices_set_policy(world.devices, world.policy);
	policy_free(next);
}
END_TEST

START_TEST(a_persistent_interface_that_cannot_be_read_is_not_forgotten)
{
	uint32_t ifindex = keep_tap0();
	struct device_attached a;

	fake_link_fail_read(ENOBUFS);
	devices_resync(world.devices, netns_own(world.netns));
	fake_link_fail_read(0);
	a = world_attach(DEVICE_TAP, 0);
	ck_assert_uint_eq(a.ifindex, ifindex);
	ck_assert_uint_eq(fake_link_count(), 1);
	close_attached(&a);
}
END_TEST

START_TEST(late_news_of_a_lost_carrier_does_not_end_a_later_open)
{
	uint32_t ifindex = keep_tap0();
	struct device_attached a = world_attach(DEVICE_TAP, 0);
	struct netif_event event = {.type = NETIF_CHANGED, .ifindex = ifindex, .status = *fake_link_interface(ifindex)};

	event.status.carrier = false;
	devices_on_event(world.devices, netns_own(world.netns), &event);
	ck_assert_uint_eq(devices_open_count(world.devices), 1);
	close_attached(&a);
}
END_TEST

START_TEST(persistent_interface_that_somebody_else_holds_is_busy_and_stays)
{
	uint32_t ifindex = keep_tap0();
	struct os_peer root = {.pid = 1};
	struct device_attached a;

	fake_link_interface(ifindex)->carrier = true;
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &a), EBUSY);
	fake_link_interface(ifindex)->carrier = false;
	a = world_attach(DEVICE_TAP, 0);
	ck_assert_uint_eq(a.ifindex, ifindex);
	close_attached(&a);
}
END_TEST

START_TEST(next_daemon_finds_persistent_interfaces)
{
	uint32_t ifindex = keep_tap0();
	struct os_peer root = {.pid = 1};
	struct device_attached a;

	/* Closed over the restart; then killed before an open was settled; then closed meanwhile. */
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 0);
	ck_assert_uint_eq(fake_link_count(), 1);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &a), 0);
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 1);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).ifindex, ifindex);
	fake_link_interface(ifindex)->carrier = false;
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 0);
	ck_assert_uint_eq(fake_link_count(), 1);
	/* Not wanted any more. */
	world.policy->index[DEVICE_TAP - DEVICE_TUN][0] = POLICY_TAP;
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 0);
	ck_assert_uint_eq(fake_link_count(), 0);
	close_attached(&a);
}
END_TEST

START_TEST(end_all_takes_persistent_interfaces_too)
{
	(void)keep_tap0();
	ck_assert_uint_eq(devices_end_all(world.devices), 0);
	ck_assert_uint_eq(fake_link_count(), 0);
}
END_TEST

START_TEST(address_does_not_undo_an_explicit_down)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0);
	struct netif_status *kernel = fake_link_interface(a.ifindex);

	kernel->up = true;
	tell_changed(a.ifindex);
	kernel->up = false;
	tell_changed(a.ifindex);
	tell(NETIF_ADDRESS_ADDED, a.ifindex);
	ck_assert_uint_eq(fake_link_set_up_calls(), 0);
	close_attached(&a);
}
END_TEST

START_TEST(explicit_down_is_remembered_by_the_next_daemon)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0);
	struct netif_status *kernel = fake_link_interface(a.ifindex);

	kernel->up = true;
	tell_changed(a.ifindex);
	kernel->up = false;
	tell_changed(a.ifindex);
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 1);
	tell(NETIF_ADDRESS_ADDED, a.ifindex);
	ck_assert_uint_eq(fake_link_set_up_calls(), 0);
	close_attached(&a);
}
END_TEST

START_TEST(persistence_set_behind_our_back_ends_the_device)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0);

	fake_link_interface(a.ifindex)->persist = true;
	tell_changed(a.ifindex);
	ck_assert_uint_eq(fake_link_count(), 0);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_CLOSED);
	close_attached(&a);
}
END_TEST

START_TEST(rename_is_followed)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0);

	strcpy(fake_link_interface(a.ifindex)->ifname, "uplink");
	tell_changed(a.ifindex);
	ck_assert_str_eq(describe(DEVICE_TAP, 0).ifname, "uplink");
	ck_assert_str_eq(read_page(a.page).ifname, "uplink");
	close_attached(&a);
}
END_TEST

/* With a device of namespace 99 beside it, so that the table knows that namespace. */
static struct device_attached
attach_elsewhere(uint8_t kind, uint16_t unit)
{
	struct os_peer root = {.pid = 99};
	struct device_attached out;

	ck_assert_int_eq(world_try_attach(kind, unit, &root, 99, &out), 0);
	devices_settle(world.devices, out.place, "another");
	return out;
}

static void
tell_moved(uint32_t ifindex, uint64_t netns, uint32_t new_ifindex)
{
	struct netif_event event = {.type = NETIF_MOVED, .ifindex = ifindex, .netns = (int32_t)netns, .new_ifindex = new_ifindex};

	fake_link_move(ifindex, netns, new_ifindex);
	devices_on_event(world.devices, netns_own(world.netns), &event);
}

START_TEST(move_to_a_namespace_that_is_known_is_followed)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0), b = attach_elsewhere(DEVICE_TAP, 1);
	struct netns *there = netns_get(world.netns, 99, -1);
	struct netif_event event = {.type = NETIF_CHANGED, .ifindex = 70};
	struct journal_record record;

	fake_link_interface(a.ifindex)->up = true;
	tell_changed(a.ifindex);
	tell_moved(a.ifindex, 99, 70);
	ck_assert_uint_eq(read_page(a.page).unwatched, 0);
	ck_assert_uint_eq(read_page(a.page).gone, 0);
	ck_assert_uint_eq(read_page(a.page).up, 0);
	ck_assert_uint_eq(read_page(a.page).netns, 99);
	ck_assert_uint_eq(read_page(a.page).ifindex, 70);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).netns, 99);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).open_number, a.open_number);
	ck_assert_int_eq(journal_read(world.journal, a.place, &record), 0);
	ck_assert_uint_eq(record.netns, 99);
	ck_assert_uint_eq(record.ifindex, 70);
	/* News from there are its own, and late ones from here nobody's. */
	event.status = *fake_link_interface(70);
	event.status.up = true;
	devices_on_event(world.devices, there, &event);
	ck_assert_uint_eq(read_page(a.page).up, 1);
	tell(NETIF_DEPARTED, a.ifindex);
	tell(NETIF_DEPARTED, 70);
	ck_assert_uint_eq(read_page(a.page).gone, 0);
	event.type = NETIF_DEPARTED;
	devices_on_event(world.devices, there, &event);
	ck_assert_uint_eq(read_page(a.page).gone, 1);
	netns_put(world.netns, there);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(the_unit_of_a_moved_device_is_free_where_it_was_and_taken_where_it_is)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0), b = attach_elsewhere(DEVICE_TAP, 1), c, d;
	struct os_peer root = {.pid = 99};

	tell_moved(a.ifindex, 99, 70);
	c = world_attach(DEVICE_TAP, 0);
	ck_assert_uint_ge(c.place, DEVICE_PLACES_FIXED);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &d), EBUSY);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 99, &d), EBUSY);
	ck_assert_uint_eq(devices_open_count(world.devices), 3);
	/* When it has closed, its place is free again, and the second keeps its own. */
	fake_link_depart(70);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 99, &d), 0);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &(struct device_attached){0}), EBUSY);
	fake_link_depart(c.ifindex);
	tell(NETIF_DEPARTED, c.ifindex);
	close_attached(&a);
	a = world_attach(DEVICE_TAP, 0);
	ck_assert_uint_eq(a.place, device_place_fixed((struct device_id){.kind = DEVICE_TAP, .unit = 0}));
	close_attached(&a);
	close_attached(&b);
	close_attached(&c);
	close_attached(&d);
}
END_TEST

START_TEST(a_persistent_interface_that_moves_is_taken_away_at_the_last_close)
{
	struct netif_event event = {.type = NETIF_CHANGED, .ifindex = 70};
	struct device_attached a, b;
	struct netns *there;

	(void)keep_tap0();
	a = world_attach(DEVICE_TAP, 0);
	b = attach_elsewhere(DEVICE_TAP, 1);
	there = netns_get(world.netns, 99, -1);
	ck_assert_uint_eq(fake_link_count(), 2);
	tell_moved(a.ifindex, 99, 70);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).netns, 99);
	ck_assert_uint_eq(fake_link_count(), 2);
	fake_link_interface(70)->carrier = false;
	event.status = *fake_link_interface(70);
	devices_on_event(world.devices, there, &event);
	ck_assert_uint_eq(read_page(a.page).gone, 1);
	ck_assert_ptr_null(fake_link_interface(70));
	ck_assert_uint_eq(fake_link_count(), 2); /* a new one, here */
	netns_put(world.netns, there);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(move_to_a_namespace_that_cannot_be_found_leaves_the_program_to_ask_the_kernel)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0);

	tell(NETIF_MOVED, a.ifindex);
	ck_assert_uint_eq(read_page(a.page).unwatched, 1);
	ck_assert_uint_eq(read_page(a.page).gone, 0);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_CLOSED);
	close_attached(&a);
}
END_TEST

START_TEST(resync_finds_what_events_did_not_tell)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0), b = world_attach(DEVICE_TAP, 1);

	fake_link_interface(a.ifindex)->up = true;
	fake_link_depart(b.ifindex);
	devices_resync(world.devices, netns_own(world.netns));
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_UP);
	ck_assert_uint_eq(read_page(a.page).up, 1);
	ck_assert_uint_eq(describe(DEVICE_TAP, 1).state, DEVICE_CLOSED);
	ck_assert_uint_eq(read_page(b.page).gone, 1);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(header_mode_needs_the_device_as_proof)
{
	struct device_attached a = world_attach(DEVICE_TUN, 0), b = world_attach(DEVICE_TUN, 1);
	struct device_attached tap = world_attach(DEVICE_TAP, 0);

	ck_assert_uint_ne(a.place, b.place);
	ck_assert_int_eq(devices_set_header_mode(world.devices, a.place, a.open_number, b.channel, true), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(devices_set_header_mode(world.devices, a.place, a.open_number + 1, a.channel, true), -1);
	ck_assert_int_eq(errno, ENXIO);
	ck_assert_int_eq(devices_set_header_mode(world.devices, DEVICE_PLACES_MAX - 1, 1, a.channel, true), -1);
	ck_assert_int_eq(errno, ENXIO);
	ck_assert_int_eq(devices_set_header_mode(world.devices, tap.place, tap.open_number, tap.channel, true), -1);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_uint_eq(read_page(a.page).header_mode, 0);
	ck_assert_int_eq(devices_set_header_mode(world.devices, a.place, a.open_number, a.channel, true), 0);
	ck_assert_uint_eq(read_page(a.page).header_mode, 1);
	ck_assert_int_eq(devices_set_header_mode(world.devices, a.place, a.open_number, a.channel, false), 0);
	ck_assert_uint_eq(read_page(a.page).header_mode, 0);
	close_attached(&tap);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(next_daemon_takes_over_what_is_held)
{
	struct device_attached a = world_attach(DEVICE_TAP, 5);
	struct message_device before = describe(DEVICE_TAP, 5), after;

	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 1);
	after = describe(DEVICE_TAP, 5);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	/* And goes on: state, close, and the next open. */
	fake_link_interface(a.ifindex)->up = true;
	tell_changed(a.ifindex);
	ck_assert_uint_eq(read_page(a.page).up, 1);
	fake_link_depart(a.ifindex);
	tell(NETIF_DEPARTED, a.ifindex);
	ck_assert_uint_eq(read_page(a.page).gone, 1);
	close_attached(&a);
}
END_TEST

START_TEST(next_daemon_takes_over_what_was_answered_but_not_settled)
{
	struct os_peer root = {.pid = 77};
	struct device_attached a;

	/* The daemon is killed between its answer and the journal's completion. */
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 5, &root, 0, &a), 0);
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 1);
	ck_assert_uint_eq(describe(DEVICE_TAP, 5).ifindex, a.ifindex);
	ck_assert_uint_eq(describe(DEVICE_TAP, 5).open_number, a.open_number);
	/* And so does the one after it. */
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 1);
	close_attached(&a);
}
END_TEST

START_TEST(next_daemon_forgets_what_was_never_made)
{
	struct journal_record r = {.state = JOURNAL_MAKING, .kind = DEVICE_TAP, .unit = 5, .ifname = "tap5", .link = "fake",
	    .netns = 4711};
	struct device_attached a = world_attach(DEVICE_TAP, 5), b;

	/* An earlier open left its page; the next was written down, and nothing more. */
	fake_link_depart(a.ifindex);
	tell(NETIF_DEPARTED, a.ifindex);
	r.open_number = a.open_number;
	ck_assert_int_eq(journal_write(world.journal, DEVICE_UNITS_MAX + 5, &r), 0);
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 0);
	b = world_attach(DEVICE_TAP, 5);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(next_daemon_closes_what_went_meanwhile)
{
	struct device_attached a = world_attach(DEVICE_TAP, 5), b;

	fake_link_depart(a.ifindex);
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 0);
	ck_assert_uint_eq(read_page(a.page).gone, 1);
	b = world_attach(DEVICE_TAP, 5);
	ck_assert_uint_eq(b.open_number, a.open_number + 1);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(end_all_takes_every_interface_away)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0), b = world_attach(DEVICE_TUN, 0);

	ck_assert_uint_eq(devices_end_all(world.devices), 2);
	ck_assert_uint_eq(fake_link_count(), 0);
	ck_assert_uint_eq(read_page(a.page).gone, 1);
	ck_assert_uint_eq(read_page(b.page).gone, 1);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(describe_walks_all_devices_and_ends)
{
	struct message_device d;
	uint32_t cursor = 0;
	unsigned count = 0;

	do {
		memset(&d, 0, sizeof(d));
		devices_describe(world.devices, cursor, &d);
		ck_assert_int_eq(d.error, 0);
		ck_assert_uint_eq(d.state, DEVICE_CLOSED);
		count++;
		cursor = d.next;
	} while (cursor != 0);
	ck_assert_uint_eq(count, 32);
	devices_describe(world.devices, DEVICE_PLACES_FIXED, &d);
	ck_assert_int_eq(d.error, ENOENT);
}
END_TEST

/* The first half of an open whose relay starts. */
static struct device_attached
begin_attach(uint8_t kind, uint16_t unit)
{
	struct os_peer root = {0};
	struct device_attached a = {.opening = 0};

	fake_link_start_relays(77);
	ck_assert_int_eq(world_try_attach(kind, unit, &root, 0, &a), EINPROGRESS);
	ck_assert_uint_ne(a.opening, 0);
	ck_assert_uint_eq(a.place, device_place_fixed((struct device_id){.kind = kind, .unit = unit}));
	return a;
}

/* The second half, with a descriptor of its own for the channel unless the relay has ended. */
static int
finish_attach(const struct device_attached *begun, bool serves, struct device_attached *out)
{
	int channel = serves ? dup(world.dir_fd) : -1, error = 0;
	struct os_peer root = {0};
	struct device_id id;
	struct device_attach request = {
		.how = {.access = MESSAGE_ACCESS_ALL, .given_fd = -1}, .peer = &root, .netns = WORLD_NETNS, .netns_fd = -1,
	};

	ck_assert(device_place_id(begun->place, &id));
	request.id = id;
	if (devices_attach_finish(world.devices, &request, begun->place, begun->opening, channel, out) < 0) {
		error = errno;
		if (serves) {
			close(channel);
		}
	}
	return error;
}

START_TEST(an_open_that_waits_for_its_relay_is_taken_and_does_not_show)
{
	struct device_attached begun, other, a;
	struct os_peer root = {0};

	begun = begin_attach(DEVICE_TAP, 0);
	ck_assert_uint_eq(fake_link_count(), 1);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_CLOSED);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &other), EBUSY);
	tell_changed(1);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).state, DEVICE_CLOSED);
	ck_assert_int_eq(finish_attach(&begun, true, &a), 0);
	ck_assert_uint_eq(a.opening, 0);
	ck_assert_str_eq(a.ifname, "tap0");
	ck_assert_uint_eq(read_page(a.page).open_number, a.open_number);
	devices_settle(world.devices, a.place, "a program");
	ck_assert_uint_ne(describe(DEVICE_TAP, 0).state, DEVICE_CLOSED);
	ck_assert_int_eq(finish_attach(&begun, true, &other), ENXIO); /* it is over */
	ck_assert_uint_eq(fake_link_count(), 1);
	close_attached(&a);
}
END_TEST

START_TEST(an_open_whose_relay_does_not_come_up_leaves_nothing)
{
	struct device_attached begun = begin_attach(DEVICE_TAP, 0), a;

	devices_on_relay_end(world.devices, begun.place, 78); /* another's */
	devices_on_relay_end(world.devices, begun.place, 77);
	ck_assert_int_eq(finish_attach(&begun, false, &a), ENXIO);
	ck_assert_uint_eq(fake_link_count(), 0);
	ck_assert_uint_eq(devices_open_count(world.devices), 0);
	fake_link_start_relays(0);
	a = world_attach(DEVICE_TAP, 0);
	close_attached(&a);
}
END_TEST

START_TEST(an_open_whose_interface_goes_meanwhile_leaves_nothing)
{
	struct device_attached begun = begin_attach(DEVICE_TAP, 0), again, a;

	fake_link_depart(1);
	tell(NETIF_DEPARTED, 1);
	ck_assert_uint_eq(devices_open_count(world.devices), 0);
	again = begin_attach(DEVICE_TAP, 0);
	ck_assert_int_eq(finish_attach(&begun, true, &a), ENXIO); /* not the later one */
	ck_assert_int_eq(finish_attach(&again, true, &a), 0);
	close_attached(&a);
}
END_TEST

START_TEST(end_all_ends_what_is_being_opened)
{
	struct device_attached begun = begin_attach(DEVICE_TAP, 0), a;

	ck_assert_uint_eq(devices_end_all(world.devices), 1);
	ck_assert_uint_eq(fake_link_count(), 0);
	ck_assert_int_eq(finish_attach(&begun, true, &a), ENXIO);
}
END_TEST

START_TEST(an_open_after_a_close_waits_until_what_was_written_is_through)
{
	struct device_attached a = world_attach(DEVICE_TAP, 0), b;
	struct os_peer root = {0};

	fake_link_hold(RELAYS_ENDING);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &b), EINPROGRESS);
		ck_assert_uint_eq(b.opening, 0);
		ck_assert_uint_eq(b.place, a.place);
		ck_assert_uint_eq(read_page(a.page).gone, 0);
	}
	fake_link_hold(RELAYS_OVER);
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &b), 0);
	ck_assert_uint_gt(b.open_number, a.open_number);
	ck_assert_uint_eq(fake_link_count(), 1);
	close_attached(&a);
	close_attached(&b);
}
END_TEST

START_TEST(a_name_that_the_kernel_chose_is_known_to_the_next_daemon_before_the_open_is_settled)
{
	struct os_peer root = {0};
	struct device_attached a;

	world.policy->devices[POLICY_TAP].kernel_name = true;
	ck_assert_int_eq(world_try_attach(DEVICE_TAP, 0, &root, 0, &a), 0);
	ck_assert_str_eq(a.ifname, "fake1");
	fake_link_adopt_by_name();
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 1);
	ck_assert_str_eq(describe(DEVICE_TAP, 0).ifname, "fake1");
	close_attached(&a);
}
END_TEST

/* tap0 is persistent, relayed, and open. */
static struct device_attached
open_kept_by_relay(void)
{
	struct device_attached begun, a;

	begun = begin_attach(DEVICE_TAP, 0);
	ck_assert_int_eq(finish_attach(&begun, true, &a), 0);
	ck_assert_uint_eq(fake_link_count(), 1);
	return a;
}

START_TEST(a_persistent_interface_outlives_its_relays)
{
	uint32_t ifindex = keep_tap0_on(&fake_relayed_link);
	struct device_attached a;

	for (unsigned i = 1; i <= 2; i++) {
		a = open_kept_by_relay();
		ck_assert_uint_eq(a.ifindex, ifindex);
		/* What the kernel says of its carrier is no last close: it may be down. */
		fake_link_interface(ifindex)->carrier = false;
		tell_changed(ifindex);
		ck_assert_uint_eq(devices_open_count(world.devices), 1);
		ck_assert_uint_eq(read_page(a.page).gone, 0);
		fake_link_interface(ifindex)->carrier = true;
		devices_on_relay_end(world.devices, a.place, 78); /* another's */
		ck_assert_uint_eq(devices_open_count(world.devices), 1);
		devices_on_relay_end(world.devices, a.place, 77);
		ck_assert_uint_eq(devices_open_count(world.devices), 0);
		ck_assert_uint_eq(read_page(a.page).gone, 1);
		ck_assert_uint_eq(fake_link_leave_calls(), i);
		ck_assert_uint_eq(fake_link_count(), 1);
		close_attached(&a);
	}
	/* Its end is told, so nobody need look. */
	ck_assert(!devices_look_at_kept(world.devices));
}
END_TEST

START_TEST(a_persistent_interface_stays_when_a_relay_does_not_come_up)
{
	uint32_t ifindex = keep_tap0_on(&fake_relayed_link);
	struct device_attached begun = begin_attach(DEVICE_TAP, 0), a;

	devices_on_relay_end(world.devices, begun.place, 77);
	ck_assert_int_eq(finish_attach(&begun, false, &a), ENXIO);
	ck_assert_uint_eq(devices_open_count(world.devices), 0);
	ck_assert_uint_ge(fake_link_leave_calls(), 1);
	a = open_kept_by_relay();
	ck_assert_uint_eq(a.ifindex, ifindex);
	/* And when its end is known before it is told. */
	fake_link_hold(RELAYS_OVER);
	begun = begin_attach(DEVICE_TAP, 0);
	ck_assert_uint_eq(read_page(a.page).gone, 1);
	fake_link_hold(RELAYS_HELD);
	close_attached(&a);
	ck_assert_int_eq(finish_attach(&begun, true, &a), 0);
	ck_assert_uint_eq(a.ifindex, ifindex);
	close_attached(&a);
}
END_TEST

START_TEST(next_daemon_finds_persistent_interfaces_with_and_without_relay)
{
	uint32_t ifindex = keep_tap0_on(&fake_relayed_link);
	struct device_attached begun, a;

	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 0);
	a = open_kept_by_relay();
	devices_settle(world.devices, a.place, "program");
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 1);
	ck_assert_uint_eq(describe(DEVICE_TAP, 0).ifindex, ifindex);
	devices_on_relay_end(world.devices, a.place, 77);
	close_attached(&a);
	/* Killed while a relay was on its way: nobody has the channel. */
	begun = begin_attach(DEVICE_TAP, 0);
	ck_assert_uint_ne(begun.opening, 0);
	world_restart_daemon();
	ck_assert_uint_eq(devices_adopt(world.devices), 0);
	ck_assert_uint_eq(fake_link_count(), 1);
	a = open_kept_by_relay();
	ck_assert_uint_eq(a.ifindex, ifindex);
	close_attached(&a);
}
END_TEST

START_TEST(a_persistent_interface_that_is_taken_away_leaves_nothing_else)
{
	uint32_t ifindex = keep_tap0_on(&fake_relayed_link);

	fake_link_depart(ifindex);
	tell(NETIF_DEPARTED, ifindex);
	ck_assert_uint_eq(fake_link_after_interface_calls(), 1);
	ck_assert_uint_eq(fake_link_count(), 1); /* another one */
	ck_assert_ptr_null(fake_link_interface(ifindex));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("device");
	TCase *tcase = tcase_create("device");

	tcase_add_checked_fixture(tcase, world_of_closed_devices, world_end);
	tcase_set_timeout(tcase, 60); /* a table is filled, on a busy machine */
	tcase_add_test(tcase, attach_gives_a_channel_and_a_page_that_speaks_of_it);
	tcase_add_test(tcase, page_descriptor_is_read_only);
	tcase_add_test(tcase, second_open_is_ebusy);
	tcase_add_test(tcase, same_unit_of_the_other_kind_is_free);
	tcase_add_test(tcase, unit_past_the_count_is_enoent);
	tcase_add_test(tcase, policy_refuses_with_eacces_also_where_the_unit_is_busy);
	tcase_add_test(tcase, another_namespace_is_eacces);
	tcase_add_test(tcase, the_same_unit_in_two_namespaces_is_two_devices);
	tcase_add_test(tcase, who_may_see_what_passes);
	tcase_add_test(tcase, a_full_table_refuses_and_goes_on);
	tcase_add_test(tcase, a_namespace_that_cannot_be_found_leaves_the_program_to_ask_the_kernel);
	tcase_add_loop_test(tcase, link_failure_leaves_nothing_and_the_unit_free, 0, 5);
	tcase_add_test(tcase, a_device_that_cannot_be_read_is_as_it_was);
	tcase_add_test(tcase, a_persistent_interface_that_cannot_be_read_is_not_forgotten);
	tcase_add_test(tcase, departure_closes_the_device_and_frees_the_unit);
	tcase_add_test(tcase, news_of_an_earlier_open_does_not_touch_a_later_one);
	tcase_add_test(tcase, page_follows_up_down_and_mtu);
	tcase_add_test(tcase, each_open_starts_in_the_default_state);
	tcase_add_test(tcase, first_address_brings_up_a_device_that_was_never_up);
	tcase_add_test(tcase, an_interface_that_is_up_and_does_not_run_is_brought_up_once);
	tcase_add_test(tcase, policy_can_forbid_that_an_address_brings_a_device_up);
	tcase_add_test(tcase, only_a_named_program_may_have_it);
	tcase_add_test(tcase, a_user_may_have_so_many_and_no_more);
	tcase_add_test(tcase, another_policy_holds_for_the_next_open);
	tcase_add_test(tcase, a_kernel_extension_that_is_preferred_is_the_link_while_it_has_the_device);
	tcase_add_test(tcase, a_node_is_no_device_of_the_linux_dialect);
	tcase_add_test(tcase, the_next_daemon_takes_a_node_over);
	tcase_add_test(tcase, persistent_interface_is_joined_and_stays);
	tcase_add_test(tcase, what_a_reload_changes_of_a_persistent_interface_waits_for_its_close);
	tcase_add_test(tcase, late_news_of_a_lost_carrier_does_not_end_a_later_open);
	tcase_add_test(tcase, persistent_interface_that_somebody_else_holds_is_busy_and_stays);
	tcase_add_test(tcase, next_daemon_finds_persistent_interfaces);
	tcase_add_test(tcase, end_all_takes_persistent_interfaces_too);
	tcase_add_test(tcase, address_does_not_undo_an_explicit_down);
	tcase_add_test(tcase, explicit_down_is_remembered_by_the_next_daemon);
	tcase_add_test(tcase, a_name_that_the_kernel_chose_is_known_to_the_next_daemon_before_the_open_is_settled);
	tcase_add_test(tcase, a_persistent_interface_outlives_its_relays);
	tcase_add_test(tcase, a_persistent_interface_stays_when_a_relay_does_not_come_up);
	tcase_add_test(tcase, next_daemon_finds_persistent_interfaces_with_and_without_relay);
	tcase_add_test(tcase, a_persistent_interface_that_is_taken_away_leaves_nothing_else);
	tcase_add_test(tcase, persistence_set_behind_our_back_ends_the_device);
	tcase_add_test(tcase, rename_is_followed);
	tcase_add_test(tcase, move_to_a_namespace_that_is_known_is_followed);
	tcase_add_test(tcase, the_unit_of_a_moved_device_is_free_where_it_was_and_taken_where_it_is);
	tcase_add_test(tcase, a_persistent_interface_that_moves_is_taken_away_at_the_last_close);
	tcase_add_test(tcase, move_to_a_namespace_that_cannot_be_found_leaves_the_program_to_ask_the_kernel);
	tcase_add_test(tcase, resync_finds_what_events_did_not_tell);
	tcase_add_test(tcase, header_mode_needs_the_device_as_proof);
	tcase_add_test(tcase, next_daemon_takes_over_what_is_held);
	tcase_add_test(tcase, next_daemon_takes_over_what_was_answered_but_not_settled);
	tcase_add_test(tcase, next_daemon_forgets_what_was_never_made);
	tcase_add_test(tcase, next_daemon_closes_what_went_meanwhile);
	tcase_add_test(tcase, end_all_takes_every_interface_away);
	tcase_add_test(tcase, describe_walks_all_devices_and_ends);
	tcase_add_test(tcase, an_open_that_waits_for_its_relay_is_taken_and_does_not_show);
	tcase_add_test(tcase, an_open_whose_relay_does_not_come_up_leaves_nothing);
	tcase_add_test(tcase, an_open_whose_interface_goes_meanwhile_leaves_nothing);
	tcase_add_test(tcase, end_all_ends_what_is_being_opened);
	tcase_add_test(tcase, an_open_after_a_close_waits_until_what_was_written_is_through);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
