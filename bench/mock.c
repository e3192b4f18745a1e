/* A provider for measurements: one epoll thread that answers OpenAI-shaped chat completions over HTTP/1.1.
 *
 *     mock PORT            listens on 127.0.0.1:PORT until SIGTERM
 *
 * The first "mock:" in the body, in the model's name or in a message, chooses what "stream":true gets:
 *     mock:burst-N         N events and the end, written at once (60 without any "mock:")
 *     mock:live-MSxN       N events, one every MS milliseconds, the first after MS
 * Each event of a live stream carries its send time, CLOCK_MONOTONIC in ns, as "sent=" and 19 digits.
 * Without "stream":true the answer is one JSON document of about 1.2 KB. Token counts differ from request to
 * request, at constant length. A usage event ends a stream when the request has "include_usage":true.
 * GET /stats tells what was sent; tokens count once the whole answer is with the kernel.
 */
#define _GNU_SOURCE
#include "common.h"

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MAX_REQUEST = 1 << 20, MAX_CONNECTIONS = 8192, MAX_EVENTS = 1000000, MAX_BURST = 10000, MODEL = 64 };

struct buffer {
    char *data;
    size_t start, end, size;
};

struct tokens {
    long prompt, cached, completion, reasoning;
};

struct mode {
    long events, milliseconds;
};

struct connection {
    int fd;
    bool wants_write, closing, answering, with_usage;
    struct buffer in, out;
    struct tokens owed;
    char model[MODEL];
    long events_left;
    uint64_t interval, next_event;
    struct connection **slot; /* where it stands in `live` */
};

static struct {
    long requests, answered, streams, streams_finished, events, connections, open, bad;
    struct tokens sent;
} stats;

static struct connection *live[MAX_CONNECTIONS];
static size_t live_count;
static int epoll_fd;
static volatile sig_atomic_t stopping;

static const char HEADERS[] =
    "Date: Thu, 01 Oct 2026 00:00:00 GMT\r\n"
    "Connection: keep-alive\r\n"
    "access-control-expose-headers: X-Request-ID\r\n"
    "openai-organization: org-bench\r\n"
    "openai-processing-ms: 412\r\n"
    "openai-version: 2020-10-01\r\n"
    "x-ratelimit-limit-requests: 10000\r\n"
    "x-ratelimit-limit-tokens: 2000000\r\n"
    "x-ratelimit-remaining-requests: 9999\r\n"
    "x-ratelimit-remaining-tokens: 1999870\r\n"
    "x-ratelimit-reset-requests: 6ms\r\n"
    "x-ratelimit-reset-tokens: 3ms\r\n"
    "x-request-id: req_0123456789abcdef0123456789abcdef\r\n"
    "strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Server: mock\r\n";

static const char USAGE[] =
    "{\"prompt_tokens\":%ld,\"completion_tokens\":%ld,\"total_tokens\":%ld,"
    "\"prompt_tokens_details\":{\"cached_tokens\":%ld,\"audio_tokens\":0},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":%ld,\"audio_tokens\":0,"
    "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}";

static const char WORDS[] =
    "The quick brown fox jumps over the lazy dog, and then it does so again, since nobody has told it to stop. "
    "A gateway reads each of these words once, on their way from the provider to the bot, and keeps none. "
    "What it counts are the tokens at the end, which is why this text may be as dull as it is, for as long as "
    "it takes to fill an answer of the usual size with something that compresses about as well as prose does. "
    "Here it goes on for some more words, because an answer is seldom shorter than a page of small talk, "
    "and what is measured with small answers alone would tell little about the days that a bot has.";

/* Buffers */

static char *room(struct buffer *buffer, size_t more)
{
    if (buffer->start == buffer->end)
        buffer->start = buffer->end = 0;
    if (buffer->size - buffer->end < more && buffer->start > 0) {
        memmove(buffer->data, buffer->data + buffer->start, buffer->end - buffer->start);
        buffer->end -= buffer->start;
        buffer->start = 0;
    }
    if (buffer->size - buffer->end < more) {
        buffer->size = (buffer->end + more) * 2;
        buffer->data = realloc(buffer->data, buffer->size);
        if (!buffer->data)
            die("realloc");
    }
    return buffer->data + buffer->end;
}

__attribute__((format(printf, 2, 3))) static void put(struct buffer *buffer, const char *format, ...)
{
    char *target = room(buffer, 4096);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(target, 4096, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= 4096)
        abort();
    buffer->end += (size_t)length;
}

/* Connections */

static void forget_stream(struct connection *connection)
{
    if (!connection->slot)
        return;
    struct connection *last = live[--live_count];
    *connection->slot = last;
    last->slot = connection->slot;
    connection->slot = NULL;
}

static void drop(struct connection *connection)
{
    forget_stream(connection);
    close(connection->fd);
    free(connection->in.data);
    free(connection->out.data);
    free(connection);
    stats.open--;
}

static void watch(struct connection *connection, bool for_write)
{
    if (connection->wants_write == for_write)
        return;
    connection->wants_write = for_write;
    struct epoll_event event = {.events = EPOLLIN | (for_write ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

static void count_answer(struct connection *connection)
{
    connection->answering = false;
    stats.answered++;
    stats.sent.prompt += connection->owed.prompt;
    stats.sent.cached += connection->owed.cached;
    stats.sent.completion += connection->owed.completion;
    stats.sent.reasoning += connection->owed.reasoning;
    memset(&connection->owed, 0, sizeof connection->owed);
}

/* false: the connection is gone */
static bool flush(struct connection *connection)
{
    struct buffer *out = &connection->out;
    while (out->start < out->end) {
        ssize_t written = send(connection->fd, out->data + out->start, out->end - out->start, MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            watch(connection, true);
            return true;
        }
        if (written < 0) {
            drop(connection);
            return false;
        }
        out->start += (size_t)written;
    }
    watch(connection, false);
    if (connection->answering && connection->events_left == 0)
        count_answer(connection);
    if (connection->closing) {
        drop(connection);
        return false;
    }
    return true;
}

/* Answers */

static void put_usage(struct buffer *out, const struct tokens *tokens)
{
    put(out, USAGE, tokens->prompt, tokens->completion, tokens->prompt + tokens->completion, tokens->cached,
        tokens->reasoning);
}

static void put_chunk(struct buffer *out, const char *payload, size_t length)
{
    put(out, "%zx\r\n", length);
    memcpy(room(out, length), payload, length);
    out->end += length;
    put(out, "\r\n");
}

static void put_event(struct connection *connection, const char *choices, const struct tokens *usage)
{
    static struct buffer payload;
    payload.start = payload.end = 0;
    put(&payload,
        "data: {\"id\":\"chatcmpl-BenchBenchBenchBenchBenchBench\",\"object\":\"chat.completion.chunk\","
        "\"created\":1790812800,\"model\":\"%s\",\"service_tier\":\"default\",\"system_fingerprint\":"
        "\"fp_0123456789\",\"choices\":%s,\"usage\":",
        connection->model, choices);
    if (usage)
        put_usage(&payload, usage);
    else
        put(&payload, "null");
    put(&payload, ",\"obfuscation\":\"x8Kq2\"}\n\n");
    put_chunk(&connection->out, payload.data, payload.end);
}

static void put_word(struct connection *connection)
{
    char choices[160];
    snprintf(choices, sizeof choices,
             "[{\"index\":0,\"delta\":{\"content\":\" sent=%019llu\"},\"logprobs\":null,\"finish_reason\":null}]",
             (unsigned long long)now_ns());
    put_event(connection, choices, NULL);
    stats.events++;
    connection->events_left--;
}

static void put_end_of_stream(struct connection *connection)
{
    static const char DONE[] = "data: [DONE]\n\n";
    put_event(connection, "[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]", NULL);
    if (connection->with_usage)
        put_event(connection, "[]", &connection->owed);
    put_chunk(&connection->out, DONE, sizeof DONE - 1);
    put(&connection->out, "0\r\n\r\n");
    stats.streams_finished++;
}

static void put_json(struct connection *connection, const char *type, const struct buffer *body)
{
    put(&connection->out, "HTTP/1.1 200 OK\r\n%sContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", HEADERS, type,
        body->end);
    memcpy(room(&connection->out, body->end), body->data, body->end);
    connection->out.end += body->end;
}

static void answer_plain(struct connection *connection)
{
    static struct buffer body;
    body.start = body.end = 0;
    put(&body,
        "{\"id\":\"chatcmpl-BenchBenchBenchBenchBenchBench\",\"object\":\"chat.completion\","
        "\"created\":1790812800,\"model\":\"%s\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
        "\"content\":\"%s\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
        "\"usage\":",
        connection->model, WORDS);
    put_usage(&body, &connection->owed);
    put(&body, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0123456789\"}");
    put_json(connection, "application/json", &body);
}

static void answer_stream(struct connection *connection, long events, long milliseconds)
{
    stats.streams++;
    put(&connection->out,
        "HTTP/1.1 200 OK\r\n%sContent-Type: text/event-stream; charset=utf-8\r\n"
        "Transfer-Encoding: chunked\r\n\r\n",
        HEADERS);
    connection->events_left = events;
    if (milliseconds > 0 && live_count < MAX_CONNECTIONS) {
        connection->interval = (uint64_t)milliseconds * 1000000u;
        connection->next_event = now_ns() + connection->interval;
        connection->slot = &live[live_count++];
        *connection->slot = connection;
        return;
    }
    while (connection->events_left > 0)
        put_word(connection);
    put_end_of_stream(connection);
}

static void answer_stats(struct connection *connection)
{
    static struct buffer body;
    body.start = body.end = 0;
    put(&body,
        "{\"requests\":%ld,\"answered\":%ld,\"streams\":%ld,\"streams_finished\":%ld,\"events\":%ld,"
        "\"connections\":%ld,\"open\":%ld,\"bad\":%ld,\"prompt_tokens\":%ld,\"cached_tokens\":%ld,"
        "\"completion_tokens\":%ld,\"reasoning_tokens\":%ld}\n",
        stats.requests, stats.answered, stats.streams, stats.streams_finished, stats.events, stats.connections,
        stats.open, stats.bad, stats.sent.prompt, stats.sent.cached, stats.sent.completion, stats.sent.reasoning);
    put_json(connection, "application/json", &body);
}

/* Requests */

static bool is_true(const char *body, size_t length, const char *name)
{
    char quoted[40];
    int size = snprintf(quoted, sizeof quoted, "\"%s\"", name);
    const char *at = memmem(body, length, quoted, (size_t)size);
    if (!at)
        return false;
    for (at += size; at < body + length && (*at == ' ' || *at == ':'); at++)
        ;
    return body + length - at >= 4 && memcmp(at, "true", 4) == 0;
}

static void read_model(struct connection *connection, const char *body, size_t length)
{
    strcpy(connection->model, "unnamed");
    const char *end = body + length, *at = memmem(body, length, "\"model\"", 7);
    if (!at)
        return;
    for (at += 7; at < end && (*at == ' ' || *at == ':'); at++)
        ;
    size_t size = 0;
    if (at < end && *at++ == '"')
        while (at + size < end && at[size] != '"' && size < MODEL - 1)
            size++;
    memcpy(connection->model, at, size);
    connection->model[size] = 0;
}

static struct mode read_mode(const char *body, size_t length)
{
    struct mode mode = {60, 0};
    char text[48] = "";
    const char *at = memmem(body, length, "mock:", 5);
    if (!at)
        return mode;
    size_t left = (size_t)(body + length - at);
    memcpy(text, at, left < sizeof text - 1 ? left : sizeof text - 1);
    if (sscanf(text, "mock:live-%ldx%ld", &mode.milliseconds, &mode.events) != 2) {
        mode.milliseconds = 0;
        sscanf(text, "mock:burst-%ld", &mode.events);
    }
    bool sane = mode.events > 0 && mode.events <= (mode.milliseconds > 0 ? MAX_EVENTS : MAX_BURST);
    return sane ? mode : (struct mode){1, 0};
}

static void answer(struct connection *connection, const char *head, const char *body, size_t length)
{
    if (strncmp(head, "GET /stats", 10) == 0) {
        answer_stats(connection);
        return;
    }
    long number = stats.requests++;
    read_model(connection, body, length);
    connection->owed = (struct tokens){1000 + number % 1000, 100 + number % 100, 200 + number % 700,
                                       100 + number % 90};
    connection->answering = true;
    if (!is_true(body, length, "stream")) {
        answer_plain(connection);
        return;
    }
    struct mode mode = read_mode(body, length);
    connection->with_usage = is_true(body, length, "include_usage");
    answer_stream(connection, mode.events, mode.milliseconds);
}

static const char *header(const char *head, const char *name)
{
    const char *found = strcasestr(head, name);
    return found ? found + strlen(name) : NULL;
}

static void refuse(struct connection *connection, const char *status)
{
    stats.bad++;
    connection->closing = true;
    put(&connection->out, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
}

/* One request from the input if it is all there; false when there is none yet. */
static bool take_request(struct connection *connection)
{
    struct buffer *in = &connection->in;
    char *head = in->data + in->start;
    size_t available = in->end - in->start;
    char *end = available ? memmem(head, available, "\r\n\r\n", 4) : NULL;
    if (!end) {
        if (available > 65536)
            refuse(connection, "431 Request Header Fields Too Large");
        return false;
    }
    end[2] = 0;
    const char *length_text = header(head, "\r\ncontent-length:");
    size_t length = length_text ? strtoul(length_text, NULL, 10) : 0;
    bool chunked = header(head, "\r\ntransfer-encoding:") != NULL;
    end[2] = '\r';
    if (chunked || length > MAX_REQUEST) {
        refuse(connection, chunked ? "411 Length Required" : "413 Content Too Large");
        return false;
    }
    char *body = end + 4;
    if ((size_t)(in->data + in->end - body) < length)
        return false;
    answer(connection, head, body, length);
    in->start = (size_t)(body - in->data) + length;
    return true;
}

static void serve(struct connection *connection)
{
    for (;;) {
        ssize_t got = recv(connection->fd, room(&connection->in, 16384), 16384, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (got <= 0) {
            drop(connection);
            return;
        }
        connection->in.end += (size_t)got;
        if (got < 16384)
            break;
    }
    /* none of the proxies pipelines, so nothing waits behind an answer that is under way */
    while (!connection->answering && !connection->closing && take_request(connection))
        if (!flush(connection))
            return;
    flush(connection);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection || stats.open >= MAX_CONNECTIONS) {
            free(connection);
            close(fd);
            continue;
        }
        send_at_once(fd);
        connection->fd = fd;
        stats.connections++;
        stats.open++;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

/* Sends the events that are due; milliseconds until the next one, -1 without live streams. */
static int send_due_events(void)
{
    uint64_t now = now_ns(), soonest = UINT64_MAX;
    for (size_t index = live_count; index-- > 0;) {
        struct connection *connection = live[index];
        if (connection->next_event <= now) {
            put_word(connection);
            connection->next_event += connection->interval;
            if (connection->events_left == 0) {
                forget_stream(connection);
                put_end_of_stream(connection);
                flush(connection);
                continue;
            }
            if (!flush(connection))
                continue;
        }
        if (connection->next_event < soonest)
            soonest = connection->next_event;
    }
    if (live_count == 0)
        return -1;
    now = now_ns();
    return soonest <= now ? 0 : (int)((soonest - now) / 1000000u) + 1;
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = loopback(port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0)
        die("listen");
    return fd;
}

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: %s PORT\n", arguments[0]);
        return 2;
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    allow_files(MAX_CONNECTIONS);
    int listener = listen_on(atoi(arguments[1]));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    struct epoll_event ready[512];
    while (!stopping) {
        int found = epoll_wait(epoll_fd, ready, 512, send_due_events());
        for (int index = 0; index < found; index++) {
            struct connection *connection = ready[index].data.ptr;
            if (!connection)
                accept_all(listener);
            else if (ready[index].events & EPOLLIN || ready[index].events & (EPOLLHUP | EPOLLERR))
                serve(connection);
            else
                flush(connection);
        }
    }
    return 0;
}
