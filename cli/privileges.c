/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Dropping privileges. Failing to do so ends the program: bytes from strangers are not parsed as
 * root by accident. Who wants that all the same says `--user root`.
 */
#include "privileges.h"
#include "base/err.h"
#include "message.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Used where the system has no user "nobody"; Linux itself calls this id the overflow user. */
#define NOBODY_ID 65534

struct identity {
    uid_t uid;
    gid_t gid;
};

static bool read_id(const char *name, unsigned long *ret_id)
{
    const char *text = getenv(name);
    if (!text || !*text || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    *ret_id = strtoul(text, NULL, 10);
    return errno == 0 && *ret_id != 0 && *ret_id < UINT32_MAX;
}

/* Who called sudo, or nobody. */
static struct identity default_identity(void)
{
    unsigned long uid, gid;
    if (read_id("SUDO_UID", &uid) && read_id("SUDO_GID", &gid))
        return (struct identity){(uid_t)uid, (gid_t)gid};
    /* cppcheck-suppress getpwnamCalled -- one thread */
    const struct passwd *nobody = getpwnam("nobody");
    if (nobody && nobody->pw_uid != 0)
        return (struct identity){nobody->pw_uid, nobody->pw_gid};
    return (struct identity){NOBODY_ID, NOBODY_ID};
}

static int become(const struct identity *who)
{
    if (setgroups(0, NULL) == 0 && setgid(who->gid) == 0 && setuid(who->uid) == 0)
        return 0;
    message_error("cannot give up root: %s: use --user root to capture as root all the same",
                  strerror(errno));
    return ERR_PERMISSION;
}

/* Whom to become. Returns 0, or an error after a message. */
static int choose(const char *user, struct identity *ret_who)
{
    if (!user) {
        *ret_who = default_identity();
        return 0;
    }
    /* cppcheck-suppress getpwnamCalled -- one thread */
    const struct passwd *entry = getpwnam(user);
    if (!entry) {
        message_error("--user %s: no such user", user);
        return ERR_NOT_FOUND;
    }
    *ret_who = (struct identity){entry->pw_uid, entry->pw_gid};
    return 0;
}

/* What the program's file may have granted to an ordinary user (setcap). */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capset, &header, none) == 0)
        return 0;
    message_error("cannot give up capabilities: %s", strerror(errno));
    return ERR_PERMISSION;
}

int privileges_drop(const char *user)
{
    struct identity who = {geteuid(), getegid()};
    bool root = who.uid == 0;
    if (user && !root) {
        message_error("--user %s: only root can become another user", user);
        return ERR_ARGUMENT;
    }
    int result = root ? choose(user, &who) : 0;
    if (result == 0 && root && who.uid != 0)
        result = become(&who);
    if (result == 0 && who.uid != 0)
        result = drop_capabilities();
    if (result == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        message_error("cannot set no_new_privs: %s", strerror(errno));
        result = ERR_PERMISSION;
    }
    return result;
}
