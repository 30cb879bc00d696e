/* A disk that forgets what was not synced, for tests.
 *
 * Preloaded into a process, it keeps for every write to a file under $POWER_CUT_ROOT the bytes that stood
 * there before, in a file of its own under $POWER_CUT_UNDO, and drops them once the file is synced. When the
 * process has been killed, the test puts those bytes back (tests/power_cut/__init__.py): what is left is what
 * a power cut would have left. With $POWER_CUT_NO_SYNC set, fsync does nothing at all: the mutation that a
 * test of durability must notice.
 *
 * A record: offset, size of the file before, length of the old bytes (three u64), then the old bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
#define REAL(name, type, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int is_watched(int fd, struct stat *st) {
    const char *root = getenv("POWER_CUT_ROOT");
    char link[64], path[4096];
    if (!root || fstat(fd, st) || !S_ISREG(st->st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return !strncmp(path, root, strlen(root)) && !strstr(path, "-shm");
}

static int open_undo(const struct stat *st, int flags) {
    static int (*real_open)(const char *, int, ...);
    if (!real_open) real_open = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    char path[4096];
    snprintf(path, sizeof path, "%s/%d-%lu-%lu", getenv("POWER_CUT_UNDO"), getpid(),
             (unsigned long)st->st_dev, (unsigned long)st->st_ino);
    return real_open(path, flags | O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void write_record(const struct stat *st, uint64_t offset, const void *old, uint64_t length) {
    static ssize_t (*real_writev)(int, const struct iovec *, int);
    if (!real_writev) real_writev = dlsym(RTLD_NEXT, "writev");
    uint64_t head[3] = {offset, (uint64_t)st->st_size, length};
    struct iovec parts[2] = {{head, sizeof head}, {(void *)old, length}};
    pthread_mutex_lock(&lock);
    int undo = open_undo(st, O_APPEND);
    if (undo >= 0) {
        if (real_writev(undo, parts, 2) < 0) abort();
        close(undo);
    }
    pthread_mutex_unlock(&lock);
}

/* Keeps what a write of `length` bytes at `offset` (or at the file position if negative) is about to hide. */
static void keep(int fd, off_t offset, size_t length) {
    static ssize_t (*real_pread)(int, void *, size_t, off_t);
    if (!real_pread) real_pread = dlsym(RTLD_NEXT, "pread64");
    struct stat st;
    int saved = errno;
    if (length && is_watched(fd, &st)) {
        if (offset < 0) offset = fcntl(fd, F_GETFL) & O_APPEND ? st.st_size : lseek(fd, 0, SEEK_CUR);
        char name[32], *old = malloc(length);
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        static int (*real_open)(const char *, int, ...);
        if (!real_open) real_open = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
        int reader = real_open(name, O_RDONLY | O_CLOEXEC); /* fd itself may be write-only */
        ssize_t got = reader < 0 ? 0 : real_pread(reader, old, length, offset);
        if (reader >= 0) close(reader);
        write_record(&st, (uint64_t)offset, old, got > 0 ? (uint64_t)got : 0);
        free(old);
    }
    errno = saved;
}

static void forget(int fd) {
    struct stat st;
    int saved = errno;
    if (is_watched(fd, &st)) {
        pthread_mutex_lock(&lock);
        int undo = open_undo(&st, O_TRUNC);
        if (undo >= 0) close(undo);
        pthread_mutex_unlock(&lock);
    }
    errno = saved;
}

ssize_t write(int fd, const void *data, size_t length) {
    REAL("write", ssize_t, int, const void *, size_t);
    keep(fd, -1, length);
    return real(fd, data, length);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    REAL("pwrite", ssize_t, int, const void *, size_t, off_t);
    keep(fd, offset, length);
    return real(fd, data, length, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    REAL("pwrite64", ssize_t, int, const void *, size_t, off64_t);
    keep(fd, offset, length);
    return real(fd, data, length, offset);
}
static size_t add_up(const struct iovec *parts, int count) {
    size_t sum = 0;
    for (int i = 0; i < count; i++) sum += parts[i].iov_len;
    return sum;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL("writev", ssize_t, int, const struct iovec *, int);
    keep(fd, -1, add_up(parts, count));
    return real(fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    REAL("pwritev", ssize_t, int, const struct iovec *, int, off_t);
    keep(fd, offset, add_up(parts, count));
    return real(fd, parts, count, offset);
}

static void keep_tail(int fd, off_t length) {
    struct stat st;
    if (!fstat(fd, &st) && st.st_size > length) keep(fd, length, (size_t)(st.st_size - length));
    else if (is_watched(fd, &st) && st.st_size < length) write_record(&st, (uint64_t)st.st_size, "", 0);
}
int ftruncate(int fd, off_t length) {
    REAL("ftruncate", int, int, off_t);
    keep_tail(fd, length);
    return real(fd, length);
}
int ftruncate64(int fd, off64_t length) {
    REAL("ftruncate64", int, int, off64_t);
    keep_tail(fd, length);
    return real(fd, length);
}

/* Opening with O_TRUNC hides all that was there. */
static void keep_before_truncation(int directory, const char *path, int flags) {
    if (!(flags & O_TRUNC)) return;
    static int (*real_openat)(int, const char *, int, ...);
    if (!real_openat) real_openat = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
    int saved = errno, fd = real_openat(directory, path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        keep_tail(fd, 0);
        close(fd);
    }
    errno = saved;
}
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(#name, int, const char *, int, ...); \
        va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
        keep_before_truncation(AT_FDCWD, path, flags); \
        return real(path, flags, mode); \
    }
#define OPENAT(name) \
    int name(int directory, const char *path, int flags, ...) { \
        REAL(#name, int, int, const char *, int, ...); \
        va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
        keep_before_truncation(directory, path, flags); \
        return real(directory, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

#define SYNC(name) \
    int name(int fd) { \
        REAL(#name, int, int); \
        if (getenv("POWER_CUT_NO_SYNC")) return 0; \
        int result = real(fd); \
        if (!result) forget(fd); \
        return result; \
    }
SYNC(fsync)
SYNC(fdatasync)
