/* A client for measurements: holds many event streams at once and tells how late events came.
 *
 *     streams PORT REQUEST STREAMS TIMES SPREAD_MS STALL_MS LIMIT_S
 *
 * Opens STREAMS connections to 127.0.0.1:PORT, spread over SPREAD_MS, and sends the bytes of the file REQUEST on
 * each, TIMES times one after the other. Reads the send time out of each event of the mock (see mock.c).
 * A stream is stalled when nothing came for STALL_MS, finished when the last of its answers came to its end.
 * Ends when all streams did, or after LIMIT_S. Prints one line of JSON; times in microseconds.
 */
#define _GNU_SOURCE
#include "common.h"
#include "answer.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { READ = 65536, MARK_LENGTH = 5, STAMP = MARK_LENGTH + 19, STEP_MS = 50 };

struct stream {
    int fd;
    bool connecting, stalled, waits_for_head, waits_for_first;
    long times_left;
    size_t sent, matched;
    char stamp[STAMP + 1];
    uint64_t asked, last;
    struct answer answer;
};

static struct series delays, firsts, heads;
static long finished, broken, refused, events, stalled, open_streams;
static uint64_t longest_gap, stall_ns;
static char request[HEAD];
static size_t request_length;
static int epoll_fd;

static void end_stream(struct stream *stream, long *kind)
{
    close(stream->fd);
    stream->fd = -1;
    open_streams--;
    ++*kind;
}

static void send_request(struct stream *stream)
{
    while (stream->sent < request_length) {
        ssize_t written = send(stream->fd, request + stream->sent, request_length - stream->sent, MSG_NOSIGNAL);
        if (written < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (written < 0) {
            end_stream(stream, &broken);
            return;
        }
        stream->sent += (size_t)written;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = stream};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, stream->fd, &event);
}

static void ask(struct stream *stream)
{
    begin_answer(&stream->answer);
    stream->sent = stream->matched = 0;
    stream->waits_for_head = stream->waits_for_first = true;
    stream->asked = stream->last = now_ns();
    send_request(stream);
}

static void open_stream(struct stream *stream, int port, long times)
{
    stream->fd = connect_to(port);
    stream->times_left = times;
    stream->connecting = true;
    stream->last = now_ns();
    open_streams++;
    if (stream->fd < 0) {
        end_stream(stream, &broken);
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = stream};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, stream->fd, &event);
}

static void note_event(struct stream *stream, uint64_t now)
{
    stream->stamp[STAMP] = 0;
    uint64_t at = strtoull(stream->stamp + MARK_LENGTH, NULL, 10);
    events++;
    note(&delays, now > at ? now - at : 0);
    if (stream->waits_for_first)
        note(&firsts, now - stream->asked);
    stream->waits_for_first = false;
}

/* Looks for "sent=" and 19 digits, which may come in pieces. */
static void look_at(struct stream *stream, const struct piece *piece, uint64_t now)
{
    static const char MARK[] = "sent=";
    for (size_t index = 0; index < piece->length; index++) {
        char byte = piece->data[index];
        size_t matched = stream->matched;
        bool fits = matched < MARK_LENGTH ? byte == MARK[matched] : byte >= '0' && byte <= '9';
        if (fits) {
            stream->stamp[matched] = byte;
            stream->matched++;
            if (stream->matched == STAMP) {
                stream->matched = 0;
                note_event(stream, now);
            }
        } else if (byte == MARK[0]) {
            stream->matched = 1;
        } else { /* on to where the next mark may begin */
            const char *next = memchr(piece->data + index, MARK[0], piece->length - index);
            stream->matched = 0;
            if (!next)
                return;
            index = (size_t)(next - piece->data) - 1;
        }
    }
}

static void take(struct stream *stream, const char *data, size_t length, uint64_t now)
{
    struct answer *answer = &stream->answer;
    struct piece piece;
    if (now - stream->last > longest_gap)
        longest_gap = now - stream->last;
    stream->last = now;
    while (length > 0) {
        size_t used = take_answer(answer, data, length, &piece);
        data += used;
        length -= used;
        if (stream->waits_for_head && answer->part != IN_HEAD) {
            stream->waits_for_head = false;
            note(&heads, now - stream->asked);
        }
        look_at(stream, &piece, now);
        if (answer->part == FAILED || (answer->part != IN_HEAD && answer->status != 200)) {
            end_stream(stream, &refused);
            return;
        }
        if (answer->part == DONE) {
            if (--stream->times_left > 0)
                ask(stream);
            else
                end_stream(stream, &finished);
            return;
        }
    }
}

static void on_ready(struct stream *stream, uint32_t what)
{
    static char data[READ];
    if (stream->connecting && what & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            end_stream(stream, &broken);
            return;
        }
        stream->connecting = false;
        ask(stream);
    } else if (what & EPOLLOUT) {
        send_request(stream);
    }
    if (stream->fd < 0 || !(what & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        return;
    ssize_t got = recv(stream->fd, data, sizeof data, 0);
    if (got > 0)
        take(stream, data, (size_t)got, now_ns());
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        end_stream(stream, &broken);
}

static void look_for_stalls(struct stream *streams, long count, uint64_t now)
{
    for (long index = 0; index < count; index++) {
        struct stream *stream = &streams[index];
        if (stream->fd >= 0 && !stream->stalled && now - stream->last > stall_ns) {
            stream->stalled = true;
            stalled++;
        }
    }
}

static void read_request(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path);
    request_length = fread(request, 1, sizeof request, file);
    if (request_length == 0 || request_length == sizeof request)
        die("the request is empty or too long");
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fprintf(stderr, "usage: %s PORT REQUEST STREAMS TIMES SPREAD_MS STALL_MS LIMIT_S\n", argv[0]);
        return 2;
    }
    int port = atoi(argv[1]);
    long count = atol(argv[3]), times = atol(argv[4]), opened = 0;
    uint64_t spread = strtoull(argv[5], NULL, 10) * 1000000u, limit = strtoull(argv[7], NULL, 10) * 1000000000u;
    stall_ns = strtoull(argv[6], NULL, 10) * 1000000u;
    read_request(argv[2]);
    allow_files(count);
    struct stream *streams = calloc((size_t)count, sizeof *streams);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!streams || epoll_fd < 0)
        die("setup");
    for (long index = 0; index < count; index++)
        streams[index].fd = -1;
    struct epoll_event ready[512];
    uint64_t begun = now_ns(), now = begun;
    while ((opened < count || open_streams > 0) && now - begun < limit) {
        while (opened < count && now - begun >= spread / (uint64_t)count * (uint64_t)opened)
            open_stream(&streams[opened++], port, times);
        int found = epoll_wait(epoll_fd, ready, 512, opened < count ? 1 : STEP_MS);
        for (int index = 0; index < found; index++)
            on_ready(ready[index].data.ptr, ready[index].events);
        now = now_ns();
        look_for_stalls(streams, count, now);
    }
    printf("RESULT {");
    print_series("delay", &delays);
    print_series("first", &firsts);
    print_series("head", &heads);
    printf("\"streams\":%ld,\"finished\":%ld,\"broken\":%ld,\"refused\":%ld,\"unfinished\":%ld,\"events\":%ld,"
           "\"stalled\":%ld,\"longest_gap\":%llu,\"seconds\":%.3f}\n",
           count, finished, broken, refused, open_streams + count - opened, events, stalled,
           (unsigned long long)(longest_gap / 1000), (double)(now - begun) / 1e9);
    return 0;
}
