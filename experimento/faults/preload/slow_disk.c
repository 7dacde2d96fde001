/* Preloaded into a process: each fsync(2) and fdatasync(2) takes as many milliseconds more as the file says (a decimal
 * number) that SLOW_DISK names, read at each call, so that the disk becomes slow while processes run. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_as_told(void) {
    char text[32];
    const char *name = getenv("SLOW_DISK");
    int file = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length > 0 ? length : 0] = '\0';
    usleep((useconds_t)atol(text) * 1000);
}

int fsync(int descriptor) {
    wait_as_told();
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    wait_as_told();
    return (int)syscall(SYS_fdatasync, descriptor);
}
