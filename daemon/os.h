/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * os.h - what differs by platform and is neither a link nor an interface: who asks, network namespaces,
 * giving up rights, the service manager.  One file per platform: os-linux.c, os-darwin.c; on Linux the filter of system calls and the
 * service manager have files of their own, filter-linux.c and manager-linux.c.
 */
#ifndef TUNTAPD_DAEMON_OS_H
#define TUNTAPD_DAEMON_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A process at the other end of a connection, as the kernel tells.  groups is allocated; os_peer_clear() frees it. */
struct os_peer {
	pid_t pid; /* for display only: numbers are used again */
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary */
	unsigned group_count;
};

/* 0, or -1 with errno: ENOMEM, or as getsockopt(2). */
int os_peer_read(int sock, struct os_peer *peer);
void os_peer_clear(struct os_peer *peer);

/*
 * The file that a socket is bound to, whatever is at its path by now: 0 and *file; -1 with errno: ENOENT (it is bound to none), ENOTSOCK,
 * EPERM (not for this process to know), EMFILE, ENFILE.  A connection that was accepted has its listener's.
 */
struct os_file {
	dev_t device;
	ino_t inode;
};
int os_socket_file(int sock, struct os_file *file);

/* Short name of a process' program, for display; "?" where it cannot be told. */
void os_program_name(pid_t pid, char *name, size_t size);

/*
 * Whether a process runs the program file at path (an interpreter's, where the program is a script).  Numbers are used again: see pid
 * above.
 */
bool os_runs_program(pid_t pid, const char *path);

/* What tells this machine from others, and stays; 16 bytes that are nobody else's business.  0, or -1 with errno ENOENT. */
#define OS_MACHINE_ID_BYTES 16
int os_machine_id(uint8_t id[OS_MACHINE_ID_BYTES]);

/*
 * What a descriptor is that a stranger sent.  Asking never waits, not even for a file system that its own user answers for; with one of the
 * first two kinds nothing else does.
 */
enum os_descriptor {
	OS_DESCRIPTOR_NODE,    /* opened from the node of Linux's tun driver */
	OS_DESCRIPTOR_SOCKET,  /* of the kind that a channel can be */
	OS_DESCRIPTOR_FOREIGN, /* anything else */
};
enum os_descriptor os_descriptor_of(int fd);

/*
 * Network namespaces.  One is known by its identity: its inode; 0 on platforms without.
 *
 * The caller's own: 0 and *id, or -1 with errno.
 */
int os_netns_own(uint64_t *id);

/*
 * The one that a socket, or an unattached tun descriptor, was made in: *id, and *ns a close-on-exec descriptor of it (-1 on platforms
 * without).  fd may be a stranger's: EINVAL where it is neither of the two.  0, or -1 with errno.
 */
int os_netns_of_fd(int fd, uint64_t *id, int *ns);

/*
 * Looks for a namespace by its identity: among those that processes are in, that of process hint first, and those that have a name
 * (ip-netns(8)).  A close-on-exec descriptor, or -1 with ENOENT.
 */
int os_netns_search(uint64_t id, pid_t hint);

/* The same, by a question about each: *id is what it is known by. */
int os_netns_search_by(bool (*is_it)(int ns, void *argument), void *argument, pid_t hint, uint64_t *id);

/* The user who made the user namespace that owns a network namespace.  0, or -1 with errno: EPERM (not for this process to know). */
int os_netns_owner(int ns, uid_t *owner);

/*
 * Goes into a namespace (-1: stays) and comes back: *back is what os_netns_leave() takes.  0, or -1 with errno: EPERM.  A process that
 * could not come back is ended: it would act where it does not belong.
 */
int os_netns_enter(int ns, int *back);
void os_netns_leave(int back);

/* A new namespace that nobody is in, which goes with its last descriptor or process: close-on-exec.  -1 with errno: EPERM, ENOMEM. */
int os_netns_make(void);

/*
 * Processes, which may be no children of ours.  A descriptor (close-on-exec) that becomes readable when the process ends, and keeps its
 * number from meaning another; -1 with errno ESRCH.  A process that was known before is the same if it started at the same time.
 */
int os_process_watch(pid_t pid);
/* When it started, in the kernel's own unit since the boot: 0 and *start, or -1 with errno, ESRCH: it has ended. */
int os_process_start(pid_t pid, uint64_t *start);
/*
 * Whether it has begun to end, or has ended, and may have closed its descriptors: then what os_hangups_add() watched of them may be gone
 * without a word.  False where no watch is lost so.
 */
bool os_process_is_ending(pid_t pid);
/* Bytes of memory that it has now, shared ones included; 0: not known. */
uint64_t os_process_memory(pid_t pid);
/* The network namespace that it is in, close-on-exec; -1 with errno. */
int os_process_netns(pid_t pid);
/* Kills it: the watched one, whose number pid is. */
void os_process_kill(int watch, pid_t pid);
/* If it has ended and is a child of ours: nothing of it is left afterwards. */
void os_process_reap(int watch, pid_t pid);
/* A copy of one of its descriptors.  -1 with errno: EPERM (the right to trace it is missing), EBADF, ESRCH. */
int os_process_borrow(int watch, int fd);
/* A copy of the first of its descriptors of the tun node that is_it() is true of.  -1 with errno: ENOENT, or as os_process_borrow(). */
int os_process_borrow_tun(pid_t pid, bool (*is_it)(int fd, void *argument), void *argument);

/*
 * Watches of sockets that are not kept: os_hangups_add() watches a socket, whose descriptor may then be closed; the watch lasts while
 * another process holds it, and tells once when the last copy of the other end has been closed.
 */
struct os_hangups;
struct os_hangups *os_hangups_new(void); /* NULL with errno */
void os_hangups_free(struct os_hangups *set);
int os_hangups_add(struct os_hangups *set, int sock, uint64_t key);
/* The key's socket matters no more, if it is watched still. */
void os_hangups_remove(struct os_hangups *set, uint64_t key);
/* True and the key of one that has hung up. */
bool os_hangups_next(struct os_hangups *set, uint64_t *key);

/*
 * Whether the process has the rights of a monitor.  NULL: it has; else a text that says which right is missing and
 * what to do.
 */
const char *os_rights_missing(void);

/*
 * Gives up every right, for good: first user that exists of "tuntapd" and "nobody" (in a user namespace that maps one uid: that uid),
 * root_dir as the root of all paths, no capability, no new privileges, not traceable.  0, or -1 with errno and *step saying
 * what failed.
 */
int os_confine(int root_dir, const char **step);

/*
 * After os_confine(), for good: no system calls but those that the process needs from then on, with the descriptors that it has.  0, or -1
 * with errno: ENOSYS, EINVAL (the kernel, or this build, has no such thing).
 */
enum os_role {
	OS_ROLE_WORKER,
	OS_ROLE_RELAY,
	OS_ROLE_CAPTURE,
	OS_ROLE_KEEPER,
};
int os_limit_calls(enum os_role role);

/* NULL: /dev can have real nodes of the devices, which nobody's driver is behind (nodes.h); else a text: why not. */
const char *os_nodes_missing(void);

/* Executes this program's own file again with argv.  Returns only on failure: -1 with errno. */
int os_exec_self(char *const argv[]);

/* Closes every descriptor from first upward. */
void os_close_from(int first);

/* pipe(2), close-on-exec. */
int os_pipe(int ends[2]);

/* As many descriptors as this process may have from now on, up to the hard limit. */
void os_raise_file_limit(void);

/*
 * The control socket, where the service manager made it and started this process with it (sd_listen_fds(3): LISTEN_FDS;
 * launch_activate_socket(3)): a descriptor, close-on-exec.  -1 with errno: ENOENT (there is no such manager, or it has none for us),
 * E2BIG (more than one: all are closed), or what the manager says.  It is given once in a process' life, and what this process starts hears
 * nothing of it.
 */
int os_take_socket(void);

/* Tells the service manager, if there is one that listens, that the daemon serves (sd_notify(3): NOTIFY_SOCKET). */
void os_notify_ready(void);

#endif
