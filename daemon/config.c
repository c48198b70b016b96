/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.c - the configuration file (libconfuse).  See config.h and tuntapd.conf(5).
 *
 *	tun-units = 16		# /dev/tun0 ... /dev/tun15
 *	tap-units = 16
 *	owner = "root"		# name or number
 *	group = "netdev"
 *	mode = "0660"		# octal
 *
 * A file that says something wrong is refused whole: a daemon that guesses a mode is worse than none.
 */
#include "config.h"

#include <confuse.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "log.h"

static void
on_error(cfg_t *cfg, const char *format, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
	log_errorx("%s:%d: %s", cfg->filename != NULL ? cfg->filename : "configuration", cfg->line, text);
}

static int
check_units(cfg_t *cfg, cfg_opt_t *opt)
{
	long units = cfg_opt_getnint(opt, 0);

	if (units < 0 || units > DEVICE_UNITS_MAX) {
		cfg_error(cfg, "%s must be between 0 and %d", cfg_opt_name(opt), DEVICE_UNITS_MAX);
		return -1;
	}
	return 0;
}

/* A whole number in text, 0 ... max; false if it is none. */
static bool
parse_number(const char *text, int base, unsigned long max, uint32_t *number)
{
	char *end;
	unsigned long value;

	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	value = strtoul(text, &end, base);
	if (errno != 0 || *end != '\0' || value > max) {
		return false;
	}
	*number = (uint32_t)value;
	return true;
}

static bool
parse_user(const char *text, uint32_t *uid)
{
	const struct passwd *user;

	if (parse_number(text, 10, UINT32_MAX - 1, uid)) {
		return true;
	}
	user = getpwnam(text);
	if (user != NULL) {
		*uid = user->pw_uid;
	}
	return user != NULL;
}

static bool
parse_group(const char *text, uint32_t *gid)
{
	const struct group *group;

	if (parse_number(text, 10, UINT32_MAX - 1, gid)) {
		return true;
	}
	group = getgrnam(text);
	if (group != NULL) {
		*gid = group->gr_gid;
	}
	return group != NULL;
}

/* What libconfuse has parsed, into policy.  The line of a value is not kept by it, so these say the name. */
static int
take(cfg_t *cfg, struct policy *policy, const char *path)
{
	const char *owner = cfg_getstr(cfg, "owner"), *group = cfg_getstr(cfg, "group"), *mode = cfg_getstr(cfg, "mode");

	policy->tun_units = (uint16_t)cfg_getint(cfg, "tun-units");
	policy->tap_units = (uint16_t)cfg_getint(cfg, "tap-units");
	if (owner != NULL && !parse_user(owner, &policy->entry.uid)) {
		log_errorx("%s: owner: there is no user '%s'", path, owner);
		return EX_CONFIG;
	}
	if (group != NULL && !parse_group(group, &policy->entry.gid)) {
		log_errorx("%s: group: there is no group '%s'", path, group);
		return EX_CONFIG;
	}
	if (mode != NULL && !parse_number(mode, 8, 0777, &policy->entry.mode)) {
		log_errorx("%s: mode: '%s' is not an octal number up to 0777", path, mode);
		return EX_CONFIG;
	}
	return EX_OK;
}

int
config_load(struct policy *policy, const char *path)
{
	cfg_opt_t options[] = {
		CFG_INT("tun-units", DEVICE_UNITS_DEFAULT, CFGF_NONE),
		CFG_INT("tap-units", DEVICE_UNITS_DEFAULT, CFGF_NONE),
		CFG_STR("owner", NULL, CFGF_NODEFAULT),
		CFG_STR("group", NULL, CFGF_NODEFAULT),
		CFG_STR("mode", NULL, CFGF_NODEFAULT),
		CFG_END(),
	};
	bool named = path != NULL;
	int status = EX_CONFIG;
	cfg_t *cfg;

	policy_init(policy);
	if (!named) {
		path = CONFIG_PATH_DEFAULT;
		if (access(path, F_OK) < 0 && errno == ENOENT) {
			return EX_OK;
		}
	}
	cfg = cfg_init(options, CFGF_NONE);
	if (cfg == NULL) {
		log_error("reading %s", path);
		return EX_OSERR;
	}
	cfg_set_error_function(cfg, on_error);
	cfg_set_validate_func(cfg, "tun-units", check_units);
	cfg_set_validate_func(cfg, "tap-units", check_units);
	switch (cfg_parse(cfg, path)) {
	case CFG_SUCCESS:
		status = take(cfg, policy, path);
		break;
	case CFG_FILE_ERROR:
		log_error("%s", path);
		status = EX_NOINPUT;
		break;
	default:
		break; /* said by on_error */
	}
	cfg_free(cfg);
	return status;
}
