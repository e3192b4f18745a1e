/* A client for measurements: a mix of requests at a fixed rate, every one of them answered to its end.
 *
 *     load PORT RATE CONNECTIONS SECONDS REQUEST...
 *
 * Sends RATE requests a second over CONNECTIONS kept-alive connections to 127.0.0.1:PORT, in turn the bytes of the
 * files REQUEST (a file named twice is sent twice as often), for SECONDS; then waits for what is under way. With
 * all connections busy, requests that are due wait for the next one that is free; RATE 0 keeps all busy. A closed
 * connection is opened again. SIGTERM ends the sending early. Prints one line of JSON; times in microseconds.
 */
#define _GNU_SOURCE
#include "common.h"
#include "answer.h"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { READ = 65536, MAX_MIX = 64, LAST_ANSWERS_S = 60 };

struct connection {
    int fd;
    bool ready, busy;
    size_t sent;
    int request;
    uint64_t asked;
    struct answer answer;
    struct connection *next_idle;
};

static struct {
    char data[HEAD];
    size_t length;
} mix[MAX_MIX];

static struct series latencies;
static struct connection *idle;
static long asked, answered, refused, broken, opened, busy;
static int mix_size, epoll_fd, port;
static volatile sig_atomic_t stopping;

static void reopen(struct connection *connection)
{
    connection->ready = connection->busy = false;
    connection->fd = connect_to(port);
    if (connection->fd < 0)
        die("connect");
    opened++;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event);
}

static void rest(struct connection *connection)
{
    connection->next_idle = idle;
    idle = connection;
}

static void lose(struct connection *connection)
{
    if (!connection->ready)
        die("a connection was refused");
    close(connection->fd);
    if (connection->busy) {
        broken++;
        busy--;
        reopen(connection);
        return;
    }
    for (struct connection **at = &idle; *at; at = &(*at)->next_idle)
        if (*at == connection) {
            *at = connection->next_idle;
            break;
        }
    reopen(connection);
}

static void send_rest(struct connection *connection)
{
    const char *data = mix[connection->request].data;
    size_t length = mix[connection->request].length;
    while (connection->sent < length) {
        ssize_t written = send(connection->fd, data + connection->sent, length - connection->sent, MSG_NOSIGNAL);
        if (written < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (written < 0)
            return; /* the reading side will tell */
        connection->sent += (size_t)written;
    }
    uint32_t more = connection->sent < length ? EPOLLOUT : 0;
    struct epoll_event event = {.events = EPOLLIN | more, .data.ptr = connection};
    if (more)
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

static void ask(struct connection *connection)
{
    idle = connection->next_idle;
    begin_answer(&connection->answer);
    connection->request = (int)(asked++ % mix_size);
    connection->sent = 0;
    connection->busy = true;
    connection->asked = now_ns();
    busy++;
    send_rest(connection);
}

static void take(struct connection *connection, const char *data, size_t length)
{
    struct piece piece;
    struct answer *answer = &connection->answer;
    while (length > 0 && connection->busy) {
        size_t used = take_answer(answer, data, length, &piece);
        data += used;
        length -= used;
        if (answer->part == FAILED) {
            lose(connection);
            return;
        }
        if (answer->part != DONE)
            continue;
        connection->busy = false;
        busy--;
        if (answer->status == 200)
            answered++;
        else
            refused++;
        note(&latencies, now_ns() - connection->asked);
        rest(connection);
    }
}

static void on_ready(struct connection *connection, uint32_t what)
{
    static char data[READ];
    if (!connection->ready && what == EPOLLOUT) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
        connection->ready = true;
        rest(connection);
        return;
    }
    if (what & EPOLLOUT && connection->busy)
        send_rest(connection);
    if (!(what & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        return;
    ssize_t got = recv(connection->fd, data, sizeof data, 0);
    if (got > 0)
        take(connection, data, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        lose(connection);
}

static void read_request(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path);
    mix[mix_size].length = fread(mix[mix_size].data, 1, HEAD, file);
    if (mix[mix_size].length == 0 || mix[mix_size].length == HEAD)
        die("a request is empty or too long");
    mix_size++;
    fclose(file);
}

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

int main(int argc, char **argv)
{
    if (argc < 6 || argc > 5 + MAX_MIX) {
        fprintf(stderr, "usage: %s PORT RATE CONNECTIONS SECONDS REQUEST...\n", argv[0]);
        return 2;
    }
    port = atoi(argv[1]);
    double rate = atof(argv[2]);
    long count = atol(argv[3]);
    double seconds = atof(argv[4]);
    for (int index = 5; index < argc; index++)
        read_request(argv[index]);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    allow_files(count);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    if (!connections || epoll_fd < 0)
        die("setup");
    for (long index = 0; index < count; index++)
        reopen(&connections[index]);
    struct epoll_event ready[512];
    uint64_t begun = now_ns();
    double now = 0, sending = 0;
    while (now < seconds + LAST_ANSWERS_S) {
        bool over = stopping || now >= seconds;
        if (over && busy == 0)
            break;
        if (!over)
            sending = now;
        while (!over && idle && (rate == 0 || (double)asked < rate * now))
            ask(idle);
        int found = epoll_wait(epoll_fd, ready, 512, rate > 0 ? 1 : 10);
        for (int index = 0; index < found; index++)
            on_ready(ready[index].data.ptr, ready[index].events);
        now = (double)(now_ns() - begun) / 1e9;
    }
    printf("RESULT {");
    print_series("latency", &latencies);
    printf("\"asked\":%ld,\"answered\":%ld,\"refused\":%ld,\"broken\":%ld,\"unanswered\":%ld,\"opened\":%ld,"
           "\"seconds\":%.3f}\n",
           asked, answered, refused, broken, busy, opened, sending);
    return 0;
}
