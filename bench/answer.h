/* Reads one HTTP/1.1 answer from a connection, in whatever pieces it comes: chunked or with a length. */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 16384 };

enum part { IN_HEAD, IN_BODY, IN_SIZE, IN_EXTENSION, IN_CHUNK, AFTER_CHUNK, IN_TRAILER, DONE, FAILED };

struct answer {
    enum part part;
    int status;
    bool chunked;
    long left, line;
    size_t head_length;
    char head[HEAD];
};

/* A piece of the body, inside of the data that was given. */
struct piece {
    const char *data;
    size_t length;
};

static void begin_answer(struct answer *answer)
{
    answer->part = IN_HEAD;
    answer->head_length = 0;
}

static const char *answer_header(const struct answer *answer, const char *name)
{
    const char *found = strcasestr(answer->head, name);
    return found ? found + strlen(name) : NULL;
}

static size_t take_head(struct answer *answer, const char *data, size_t length)
{
    size_t before = answer->head_length, room = HEAD - 1 - before, taken = length < room ? length : room;
    memcpy(answer->head + before, data, taken);
    answer->head_length = before + taken;
    answer->head[answer->head_length] = 0;
    char *end = strstr(answer->head, "\r\n\r\n");
    if (!end) {
        if (taken < length)
            answer->part = FAILED;
        return length;
    }
    end[2] = 0;
    answer->status = strncmp(answer->head, "HTTP/1.1 ", 9) == 0 ? atoi(answer->head + 9) : 0;
    const char *size = answer_header(answer, "\r\ncontent-length:");
    answer->chunked = answer_header(answer, "\r\ntransfer-encoding: chunked") != NULL;
    answer->left = size && !answer->chunked ? atol(size) : 0;
    if (answer->chunked)
        answer->part = IN_SIZE;
    else if (size)
        answer->part = answer->left > 0 ? IN_BODY : DONE;
    else
        answer->part = FAILED;
    return (size_t)(end + 4 - answer->head) - before;
}

/* The byte that ends a line of the framing decides what comes next. */
static void take_framing(struct answer *answer, char byte)
{
    if (answer->part == IN_SIZE && byte == ';') {
        answer->part = IN_EXTENSION;
    } else if (answer->part == IN_SIZE && byte != '\r' && byte != '\n') {
        answer->left = answer->left * 16 + (byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10);
    } else if (byte == '\n' && (answer->part == IN_SIZE || answer->part == IN_EXTENSION)) {
        answer->part = answer->left > 0 ? IN_CHUNK : IN_TRAILER;
        answer->line = 0;
    } else if (byte == '\n' && answer->part == AFTER_CHUNK) {
        answer->part = IN_SIZE;
    } else if (answer->part == IN_TRAILER && byte == '\n') {
        if (answer->line == 0)
            answer->part = DONE;
        answer->line = 0;
    } else if (answer->part == IN_TRAILER && byte != '\r') {
        answer->line++;
    }
}

/* Takes some of the data and says how much; call again with the rest unless the answer is DONE or FAILED. */
static size_t take_answer(struct answer *answer, const char *data, size_t length, struct piece *piece)
{
    piece->length = 0;
    if (answer->part == IN_HEAD)
        return take_head(answer, data, length);
    if (answer->part != IN_BODY && answer->part != IN_CHUNK) {
        take_framing(answer, *data);
        return 1;
    }
    piece->data = data;
    piece->length = length < (size_t)answer->left ? length : (size_t)answer->left;
    answer->left -= (long)piece->length;
    if (answer->left == 0)
        answer->part = answer->part == IN_BODY ? DONE : AFTER_CHUNK;
    return piece->length;
}

#endif
