#define _GNU_SOURCE
#include "protocols.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"

enum { HEAD_MAX = 512 };

struct saying saying;
static const struct protocol *spoken;
static char head[HEAD_MAX], framing[HEAD_MAX];
static size_t head_size, framing_size;

static void is_ready(struct connection *c) {
    c->state = READY;
    ready_count++;
}

static int begins(const char *line, const char *words) { return !strncmp(line, words, strlen(words)); }

/* --- activities: JSON lines --- */

static void activity_greet(struct connection *c) {
    static int registered;
    char said[128];
    if (saying.registers) {
        sprintf(said, "{\"command\":\"REGISTER\",\"username\":\"n%dx%d\",\"secret\":\"secret\"}\n", (int)getpid(),
                registered++);
        put_text(c, said);
        return;
    }
    put_text(c, "{\"command\":\"LOGIN\",\"username\":\"anonymous\",\"secret\":\"\"}\n");
}

static void activity_line(struct connection *c, char *line) {
    const char *success = saying.registers ? "\"REGISTER_SUCCESS\"" : "\"LOGIN_SUCCESS\"";
    if (c->state == GREETING && strstr(line, success)) is_ready(c);
    else if (strstr(line, "_FAIL") || strstr(line, "\"INVALID_MESSAGE\"") || strstr(line, "\"REDIRECT\"")) {
        complain("the server said %.200s", line);
        lose(c, "refused");
    }
}

static size_t activity_before(char *into, size_t payload) {
    (void)payload;
    return (size_t)sprintf(into, "{\"command\":\"ACTIVITY_MESSAGE\",\"username\":\"anonymous\",\"secret\":\"\","
                                 "\"activity\":{\"d\":\"");
}

/* --- NATS: text lines, payloads of a size that is said before (docs.nats.io, NATS Protocol) --- */

static void nats_greet(struct connection *c) {
    put_text(c, "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":true,\"lang\":\"c\",\"version\":\"0\"}\r\n");
    if (!saying.only_logs_in) put_text(c, "SUB act 1\r\n");
    if (saying.is_acked && c->is_sender) put_text(c, "SUB ack 2\r\n");
    put_text(c, "PING\r\n");
}

static void nats_line(struct connection *c, char *line) {
    if (begins(line, "PONG") && c->state == GREETING) is_ready(c);
    else if (begins(line, "PING")) put_text(c, "PONG\r\n"), flush(c);
    else if (begins(line, "-ERR")) complain("the server said %.200s", line);
    else if (line[0] == '{') {
        /* JetStream's answer to what was published. */
        if (strstr(line, "\"seq\":") && !strstr(line, "\"duplicate\"")) saying.acked++;
        else complain("the server said %.200s", line);
    }
}

static size_t nats_before(char *into, size_t payload) {
    return (size_t)sprintf(into, "PUB act %s%zu\r\n", saying.is_acked ? "ack " : "", payload);
}

static size_t nats_framing(char *into, size_t payload) {
    return (size_t)sprintf(into, "MSG act 1 %s%zu\r\n", saying.is_acked ? "ack " : "", payload);
}

/* --- Redis: RESP2 (redis.io, Redis serialization protocol) --- */

static void redis_greet(struct connection *c) {
    put_text(c, c->is_sender || saying.only_logs_in ? "PING\r\n" : "SUBSCRIBE act\r\n");
}

static void redis_line(struct connection *c, char *line) {
    if (c->state == GREETING && (begins(line, "+PONG") || begins(line, ":"))) is_ready(c);
    else if (line[0] == '-') complain("the server said %.200s", line);
}

static size_t redis_before(char *into, size_t payload) {
    return (size_t)sprintf(into, "*3\r\n$7\r\nPUBLISH\r\n$3\r\nact\r\n$%zu\r\n", payload);
}

static size_t redis_framing(char *into, size_t payload) {
    return (size_t)sprintf(into, "*3\r\n$7\r\nmessage\r\n$3\r\nact\r\n$%zu\r\n", payload);
}

/* --- IRC: a channel that all are in (RFC 2812) --- */

static void irc_greet(struct connection *c) {
    char said[128];
    sprintf(said, "NICK n%d%04d\r\nUSER load 0 * :load\r\n", 100 + (int)getpid() % 900, c->index);
    put_text(c, said);
}

static void irc_line(struct connection *c, char *line) {
    char said[HEAD_MAX];
    const char *reply = strchr(line, ' ');
    if (begins(line, "PING")) {
        snprintf(said, sizeof said, "PONG%.400s\r\n", line + 4);
        put_text(c, said), flush(c);
    } else if (begins(line, "ERROR")) complain("the server said %.200s", line);
    else if (reply && c->state == GREETING && (begins(reply, " 376 ") || begins(reply, " 422 "))) {
        if (saying.only_logs_in) is_ready(c);
        else {
            c->state = JOINING;
            put_text(c, "JOIN #act\r\n"), flush(c);
        }
    } else if (reply && c->state == JOINING && begins(reply, " 366 ")) is_ready(c);
}

static size_t irc_before(char *into, size_t payload) {
    (void)payload;
    return (size_t)sprintf(into, "PRIVMSG #act :");
}

static const struct protocol protocols[] = {
    { "activity", 1, activity_greet, activity_line, activity_before, "\"}}\n", NULL },
    { "nats", 1, nats_greet, nats_line, nats_before, "\r\n", nats_framing },
    { "redis", 0, redis_greet, redis_line, redis_before, "\r\n", redis_framing },
    { "irc", 0, irc_greet, irc_line, irc_before, "\r\n", NULL },
};

const struct protocol *protocol_named(const char *name) {
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (!strcmp(protocols[i].name, name)) return &protocols[i];
    return NULL;
}

/* --- what all have in common --- */

void speak(const struct protocol *protocol, size_t payload) {
    spoken = protocol;
    head_size = protocol->before(head, payload);
    framing_size = protocol->framing ? protocol->framing(framing, payload) : 0;
}

void say_message(struct connection *c, int sender, uint32_t number, uint64_t due) {
    static char payload[1 << 16];
    write_payload(payload, sender, number, due);
    put(c, head, head_size);
    put(c, payload, checks.payload);
    put_text(c, spoken->after);
}

/* Where the payload begins after what a server says before it, which is the same each time. */
static size_t usual;

static int says_the_same(const char *bytes) {
    return spoken->framing ? !memcmp(bytes, framing, framing_size) : !memchr(bytes, '\n', usual);
}

size_t understand(struct connection *c, char *bytes, size_t size) {
    const size_t payload = checks.payload;
    char *line = bytes, *end = bytes + size, *next;
    uint64_t now = checks.times_from ? now_ns() : 0;
    if (spoken->framing) usual = framing_size;
    for (; line < end; line = next) {
        char *found = line + usual, *after = found + payload;
        if (after < end && is_payload(found) && says_the_same(line)) {
            next = memchr(after, '\n', (size_t)(end - after));
            if (!next) break;
            check(c, found, now);
            next++;
            continue;
        }
        next = memchr(line, '\n', (size_t)(end - line));
        if (!next) break;
        /* Lines that belong to a payload are looked at together with it. */
        size_t here = (size_t)(end - line);
        if (spoken->framing && after >= end && !memcmp(line, framing, here < framing_size ? here : framing_size)) break;
        found = memmem(line, (size_t)(next - line), "@#", 2);
        next++;
        if (!found) {
            char *stop = next - 1;
            while (stop > line && (stop[-1] == '\r' || stop[-1] == '\n')) stop--;
            *stop = 0;
            spoken->line(c, line);
        } else if (found + payload < next && is_payload(found)) {
            if (!spoken->framing) usual = (size_t)(found - line);
            check(c, found, now);
        } else checks.damaged++;
        if (c->state == LOST) return size;
    }
    return (size_t)(line - bytes);
}
