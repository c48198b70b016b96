/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * obstacle.c - why the library cannot go into a program.  See obstacle.h.
 *
 * Theory of operation.  A pure function of what the file's reader found (binary.h) and of where it would run: no file is opened
 * here, so a program of macOS is judged on Linux as it would be on a Mac.  Reasons are added in the order in which the kernel and the
 * loader would come to them; what makes the rest meaningless (a library, another machine's program) ends the list.
 *
 * macOS.  The loader throws the environment away in programs that are restricted, that have the hardened runtime without the
 * entitlement that lets the environment in, and in the system's own; it takes the library and ends the program where libraries
 * are validated.  A copy that is signed anew has none of that, nor the entitlements, some of which the program may need: so the
 * commands are shown and left to whoever knows the program.
 *
 * Sources: ld.so(8); dyld common/DyldProcessConfig.cpp; Apple, "System Integrity Protection Guide" (protected directories),
 * "Hardened Runtime" (the two entitlements).
 */
#include "cli/obstacle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/text.h"

#define MACHO_X86_64 7
#define MACHO_ARM 12
#define MACHO_ARM64E 2

struct obstacle *
obstacle_add(struct obstacles *o, const char *id, const char *subject, const char *advice, const char *reason, ...)
{
	static struct obstacle nowhere;
	struct obstacle *added = o->count < OBSTACLES_MAX ? &o->list[o->count++] : &nowhere;
	va_list args;

	*added = (struct obstacle){.id = id};
	snprintf(added->subject, sizeof(added->subject), "%s", subject);
	snprintf(added->advice, sizeof(added->advice), "%s", advice != NULL ? advice : "");
	va_start(args, reason);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, a line above */
	vsnprintf(added->reason, sizeof(added->reason), reason, args);
	va_end(args);
	return added;
}

void
obstacle_command(struct obstacle *o, const char *format, ...)
{
	va_list args;

	for (size_t i = 0; i < OBSTACLE_COMMANDS_MAX; i++) {
		if (o->commands[i][0] == '\0') {
			va_start(args, format);
			/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, a line above */
			vsnprintf(o->commands[i], OBSTACLE_COMMAND_SIZE, format, args);
			va_end(args);
			return;
		}
	}
}

const struct obstacle *
obstacles_first(const struct obstacles *o)
{
	for (size_t i = 0; i < o->count; i++) {
		if (!o->list[i].warning) {
			return &o->list[i];
		}
	}
	return NULL;
}

bool
obstacle_is_system_path(const char *path)
{
	static const char *const protected[] = {"/System/", "/bin/", "/sbin/", "/usr/"};
	static const char ours[] = "/usr/local/";

	if (strncmp(path, ours, sizeof(ours) - 1) == 0) {
		return false;
	}
	for (size_t i = 0; i < sizeof(protected) / sizeof(protected[0]); i++) {
		if (strncmp(path, protected[i], strlen(protected[i])) == 0) {
			return true;
		}
	}
	return false;
}

/* "Linux", "macOS": whose programs have that format. */
static const char *
system_name(enum binary_format format)
{
	return format == BINARY_MACHO ? "macOS" : "Linux";
}

/* The command that gives an open descriptor to a program that nothing can be loaded into. */
static void
offer_descriptor(struct obstacle *o, const char *path)
{
	char word[OBSTACLE_COMMAND_SIZE] = "";

	text_append_quoted(word, sizeof(word), path);
	obstacle_command(o, "tuntapd fd tap0 -- %s", word);
}

/* The commands that make a copy which is signed anew, of the program or of the application that it is in. */
static void
offer_copy(struct obstacle *o, const char *path)
{
	static const char inside[] = ".app/Contents/MacOS/";
	const char *app = strstr(path, inside), *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char from[OBSTACLE_COMMAND_SIZE] = "", to[OBSTACLE_COMMAND_SIZE] = "", bundle[PATH_MAX], copy[PATH_MAX];
	const char *first;

	if (app == NULL) {
		snprintf(copy, sizeof(copy), "./%.200s-signed", name);
		text_append_quoted(from, sizeof(from), path);
		text_append_quoted(to, sizeof(to), copy);
		obstacle_command(o, "cp %s %s", from, to);
		obstacle_command(o, "codesign --force --sign - %s", to);
		obstacle_command(o, "tuntapd exec -- %s", to);
		return;
	}
	snprintf(bundle, sizeof(bundle), "%.*s.app", (int)(app - path), path);
	first = strrchr(bundle, '/');
	snprintf(copy, sizeof(copy), "./%.200s", first != NULL ? first + 1 : bundle);
	text_append_quoted(from, sizeof(from), bundle);
	text_append_quoted(to, sizeof(to), copy);
	obstacle_command(o, "cp -R %s %s", from, to);
	obstacle_command(o, "codesign --force --deep --sign - %s", to);
	snprintf(copy, sizeof(copy), "./%.200s/Contents/MacOS/%.200s", first != NULL ? first + 1 : bundle, name);
	to[0] = '\0';
	text_append_quoted(to, sizeof(to), copy);
	obstacle_command(o, "tuntapd exec -- %s", to);
}

/* True if the machine is one that a library is built for. */
static bool
judge_machine(struct obstacles *o, const struct obstacle_facts *f)
{
	const struct binary_info *info = f->info, *own = f->own;

	if (f->system == BINARY_MACHO) {
		if (info->bits == 64 && info->machine == MACHO_ARM && info->submachine == MACHO_ARM64E) {
			obstacle_add(o, "machine", f->path, "use a build of it for arm64 or x86-64",
			    "is a program for arm64e, into which only the system's own libraries can be loaded");
			return false;
		}
		if (info->bits == 64 && (info->machine == MACHO_X86_64 || info->machine == MACHO_ARM)) {
			return true;
		}
	} else if (own == NULL || (own->machine == info->machine && own->bits == info->bits && own->big_endian == info->big_endian)) {
		return true;
	}
	obstacle_add(o, "machine", f->path, "use a build of it for this machine, or a tuntapd for that one",
	    "is a %u-bit program for %s, and the shim is not", info->bits, binary_machine_name(info));
	return false;
}

static void
judge_signature(struct obstacles *o, const struct obstacle_facts *f)
{
	const unsigned signature = f->info->signature;
	static const char another[] = "use another build of it, or a copy of it that is signed anew, if it works without its entitlements";

	if (f->info->restrict_segment) {
		obstacle_add(o, "restrict-segment", f->path, "use another build of it",
		    "is restricted by a section of its own (__RESTRICT), and the loader keeps libraries out of such programs");
	}
	if ((signature & BINARY_RESTRICTED) != 0) {
		offer_copy(obstacle_add(o, "restricted", f->path, another,
		    "is signed as restricted, and the loader keeps libraries out of such programs"), f->path);
	}
	if ((signature & BINARY_HARDENED) != 0 && (signature & BINARY_LETS_ENVIRONMENT) == 0) {
		offer_copy(obstacle_add(o, "hardened-runtime", f->path,
		    "use another build of it, 'tuntapd fd' if it takes an open descriptor, or a copy of it that is signed anew, if it "
		    "works without its entitlements",
		    "has the hardened runtime without the entitlement com.apple.security.cs.allow-dyld-environment-variables, and so the "
		    "loader ignores the environment"), f->path);
	} else if ((signature & (BINARY_HARDENED | BINARY_VALIDATES)) != 0 && (signature & BINARY_LETS_LIBRARIES) == 0) {
		offer_copy(obstacle_add(o, "library-validation", f->path, another,
		    "takes only libraries of those who signed it, and would end with another"), f->path);
	}
}

static void
judge_privilege(struct obstacles *o, const struct obstacle_facts *f)
{
	static const struct {
		const char *id, *what;
	} marks[] = {
		[PRIVILEGE_SET_UID] = {"set-user-id", "is set-user-ID"},
		[PRIVILEGE_SET_GID] = {"set-group-id", "is set-group-ID"},
		[PRIVILEGE_CAPABILITIES] = {"capabilities", "has file capabilities"},
	};
	char word[OBSTACLE_COMMAND_SIZE] = "";
	struct obstacle *added;

	if (f->privilege == PRIVILEGE_NONE) {
		return;
	}
	if (f->privilege == PRIVILEGE_SYSTEM) {
		offer_descriptor(obstacle_add(o, "system-integrity", f->path,
		    "use a build of it that is not the system's (Homebrew's, MacPorts'), for a script another interpreter, or 'tuntapd fd' "
		    "if it takes an open descriptor",
		    "belongs to the system (System Integrity Protection), and the loader keeps the shim out of it, and of all that it "
		    "starts"), f->path);
		return;
	}
	added = obstacle_add(o, marks[f->privilege].id, f->path, "run it as root, or run a copy of it without that mark",
	    "%s, and the loader keeps the shim out of such programs", marks[f->privilege].what);
	text_append_quoted(word, sizeof(word), f->path);
	obstacle_command(added, "sudo tuntapd exec -- %s", word);
}

void
obstacles_judge(struct obstacles *o, const struct obstacle_facts *f)
{
	const struct binary_info *info = f->info;

	if (info->format != f->system) {
		obstacle_add(o, "system", f->path, "use a build of it for this system", "is a program for %s", system_name(info->format));
		return;
	}
	if (!info->program) {
		obstacle_add(o, "no-program", f->path, NULL, "is no program (an object or core file, or a library)");
		return;
	}
	if (f->system == BINARY_MACHO && info->platform != 0 && info->platform != BINARY_PLATFORM_MACOS &&
	    info->platform != BINARY_PLATFORM_CATALYST) {
		obstacle_add(o, "system", f->path, "use a build of it for macOS", "is a program for another of Apple's systems");
		return;
	}
	if (!judge_machine(o, f)) {
		return;
	}
	if (!info->dynamic) {
		offer_descriptor(obstacle_add(o, "static", f->path,
		    "use a dynamically linked build of it, or 'tuntapd fd' if it takes an open descriptor",
		    "is linked statically: nothing can be loaded into it"), f->path);
		return;
	}
	if (!f->has_loader) {
		obstacle_add(o, "loader", f->path, "install its C library, or use a build of it for this system",
		    "needs the loader %s, which is not there or cannot be run", info->interpreter);
	} else if (info->libc == BINARY_LIBC_UNKNOWN) {
		obstacle_add(o, "c-library", f->path, "use a build of it for glibc or musl",
		    "uses a C library (loader %.200s) for which there is no shim", info->interpreter);
	}
	judge_signature(o, f);
	judge_privilege(o, f);
	if (info->go) {
		struct obstacle *added = obstacle_add(o, "go", f->path, "use 'tuntapd fd' if it takes an open descriptor",
		    "is a program in Go, which makes its own system calls: the library is loaded and not asked");

		added->warning = true;
		offer_descriptor(added, f->path);
	}
}
