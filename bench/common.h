/* What the programs of this folder share. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

static inline void die(const char *what)
{
    perror(what);
    exit(1);
}

static inline uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline void allow_files(long count)
{
    struct rlimit files = {(rlim_t)count + 64, (rlim_t)count + 64};
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        die("RLIMIT_NOFILE");
}

static inline struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void send_at_once(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* A non-blocking connection under way; negative when it failed at once. */
static inline int connect_to(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    send_at_once(fd);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        return -1;
    return fd;
}

/* Durations, kept in microseconds. */
struct series {
    uint32_t *values;
    size_t count, size;
};

static inline void note(struct series *series, uint64_t nanoseconds)
{
    if (series->count == series->size) {
        series->size = series->size ? series->size * 2 : 4096;
        series->values = realloc(series->values, series->size * sizeof *series->values);
        if (!series->values)
            die("realloc");
    }
    uint64_t microseconds = nanoseconds / 1000;
    series->values[series->count++] = microseconds > UINT32_MAX ? UINT32_MAX : (uint32_t)microseconds;
}

static inline int by_value(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static inline void print_series(const char *name, struct series *series)
{
    static const struct {
        const char *name;
        double part;
    } POINTS[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}};
    qsort(series->values, series->count, sizeof *series->values, by_value);
    printf("\"%s\":{", name);
    for (size_t index = 0; index < 4; index++) {
        size_t at = series->count ? (size_t)(POINTS[index].part * (double)(series->count - 1)) : 0;
        printf("%s\"%s\":%u", index ? "," : "", POINTS[index].name, series->count ? series->values[at] : 0);
    }
    printf("},");
}

#endif
