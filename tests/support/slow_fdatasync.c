/* Preloaded into a broker: a disk on which fdatasync(2) takes 1.5 s. Each call leaves a byte in the file SLOW_MARK names. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int descriptor) {
    const char *mark = getenv("SLOW_MARK");
    if (mark != NULL) {
        int file = open(mark, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (file >= 0) {
            (void)!write(file, "x", 1);
            close(file);
        }
    }
    usleep(1500000);
    return (int)syscall(SYS_fdatasync, descriptor);
}
