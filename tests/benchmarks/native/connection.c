#define _GNU_SOURCE
#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
static SSL_CTX *context;
#endif

/* Fits into a processor's cache together with what is done with it. */
enum { READ_AT_ONCE = 256 << 10, EVENTS_AT_ONCE = 256, COMPLAINTS_MAX = 5 };

int ready_count, lost_count, cut_count;
uint64_t reads, bytes_read;
static int poller;
static char *shared;

void complain(const char *format, ...) {
    static int said;
    if (said++ >= COMPLAINTS_MAX) return;
    va_list given;
    va_start(given, format);
    fputs("load generator: ", stderr);
    vfprintf(stderr, format, given);
    fputc('\n', stderr);
    va_end(given);
}

void connections_begin(int encrypted) {
    poller = epoll_create1(EPOLL_CLOEXEC);
    shared = malloc(READ_AT_ONCE);
    if (!encrypted) return;
#ifdef WITH_TLS
    /* It is the server that is measured: whoever it is, is let pass. */
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
#else
    fputs("load generator: made without TLS\n", stderr);
    exit(2);
#endif
}

static void watch(struct connection *c, int operation, uint32_t what) {
    struct epoll_event event = { .events = what, .data.ptr = c };
    epoll_ctl(poller, operation, c->fd, &event);
}

static void watch_writing(struct connection *c, int waits) {
    if (waits == c->waits_to_write) return;
    c->waits_to_write = waits;
    watch(c, EPOLL_CTL_MOD, (c->is_stalled ? 0 : EPOLLIN) | (waits ? EPOLLOUT : 0));
}

void connect_to(struct connection *c, struct endpoint where) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        perror("load generator: socket");
        exit(2);
    }
    int yes = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)where.port) };
    inet_pton(AF_INET, where.host, &address.sin_addr);
    c->state = CONNECTING;
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        lose(c, strerror(errno));
        return;
    }
    c->waits_to_write = 1;
    watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

void lose(struct connection *c, const char *why) {
    if (c->state == LOST) return;
    if (c->state == READY) ready_count--;
    c->state = LOST;
    close(c->fd);
    if (c->is_stalled) {
        cut_count++;
        return;
    }
    lost_count++;
    complain("connection %d lost (%s)", c->index, why);
}

void part(struct connection *c) {
    if (c->state == READY) ready_count--;
    c->state = LOST;
    close(c->fd);
    c->rest_size = c->out_size = c->out_sent = 0;
}

void stop_reading(struct connection *c) {
    c->is_stalled = 1;
    watch(c, EPOLL_CTL_MOD, c->waits_to_write ? EPOLLOUT : 0);
}

/* --- out --- */

size_t unsent(const struct connection *c) { return c->out_size - c->out_sent; }

void put(struct connection *c, const char *bytes, size_t size) {
    if (c->out_sent == c->out_size) c->out_sent = c->out_size = 0;
    if (c->out_size + size > c->out_room) {
        memmove(c->out, c->out + c->out_sent, unsent(c));
        c->out_size -= c->out_sent;
        c->out_sent = 0;
        if (c->out_size + size > c->out_room) c->out = realloc(c->out, c->out_room = 2 * (c->out_size + size));
    }
    memcpy(c->out + c->out_size, bytes, size);
    c->out_size += size;
}

void put_text(struct connection *c, const char *text) { put(c, text, strlen(text)); }

/* Bytes written; 0 where it has to wait, -1 where the connection is gone. */
static ssize_t written(struct connection *c, const char *bytes, size_t size) {
#ifdef WITH_TLS
    if (c->tls) {
        int done = SSL_write(c->tls, bytes, (int)(size > 1 << 20 ? 1 << 20 : size));
        if (done > 0) return done;
        int why = SSL_get_error(c->tls, done);
        return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
    }
#endif
    ssize_t done = send(c->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    return done < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : done;
}

void flush(struct connection *c) {
    while (c->state != LOST && unsent(c)) {
        ssize_t done = written(c, c->out + c->out_sent, unsent(c));
        if (done < 0) lose(c, strerror(errno));
        if (done <= 0) break;
        c->out_sent += (size_t)done;
    }
    if (c->state != LOST) watch_writing(c, unsent(c) > 0);
}

/* --- in --- */

static ssize_t got(struct connection *c, char *into, size_t room) {
#ifdef WITH_TLS
    if (c->tls) {
        /* A record at a time is what it gives. */
        size_t all = 0;
        while (all < room) {
            int done = SSL_read(c->tls, into + all, (int)(room - all));
            if (done > 0) {
                all += (size_t)done;
                continue;
            }
            int why = SSL_get_error(c->tls, done);
            if (all) return (ssize_t)all;
            if (why == SSL_ERROR_ZERO_RETURN) return 0;
            errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
            return -1;
        }
        return (ssize_t)all;
    }
#endif
    return recv(c->fd, into, room, MSG_DONTWAIT);
}

static int holds_more(struct connection *c) {
#ifdef WITH_TLS
    return c->tls && SSL_has_pending(c->tls);
#else
    (void)c;
    return 0;
#endif
}

void receive(struct connection *c, taking *take) {
    do {
        size_t before = c->rest_size;
        if (before >= READ_AT_ONCE) {
            lose(c, "a line without an end");
            return;
        }
        memcpy(shared, c->rest, before);
        ssize_t size = got(c, shared + before, READ_AT_ONCE - before);
        if (size <= 0) {
            if (size == 0) lose(c, "the server hung up");
            else if (errno != EAGAIN && errno != EINTR) lose(c, strerror(errno));
            return;
        }
        reads++;
        bytes_read += (uint64_t)size;
        size_t all = before + (size_t)size, used = take(c, shared, all);
        if (c->state == LOST) return;
        c->rest_size = all - used;
        if (c->rest_size > c->rest_room) c->rest = realloc(c->rest, c->rest_room = 2 * c->rest_size);
        memcpy(c->rest, shared + used, c->rest_size);
    } while (holds_more(c));
}

/* --- what happens --- */

static void shake_hands(struct connection *c, void (*opened)(struct connection *)) {
#ifdef WITH_TLS
    if (context) {
        if (!c->tls) {
            c->tls = SSL_new(context);
            SSL_set_fd(c->tls, c->fd);
        }
        c->state = SHAKING_HANDS;
        int done = SSL_connect(c->tls), why = SSL_get_error(c->tls, done);
        if (done != 1) {
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) lose(c, "no TLS handshake");
            else watch_writing(c, why == SSL_ERROR_WANT_WRITE);
            return;
        }
    }
#endif
    watch_writing(c, 0);
    c->state = GREETING;
    opened(c);
    flush(c);
}

void attend(uint64_t most_ns, void (*opened)(struct connection *), taking *take) {
    struct epoll_event events[EVENTS_AT_ONCE];
    struct timespec most = { (time_t)(most_ns / 1000000000u), (long)(most_ns % 1000000000u) };
    int count = epoll_pwait2(poller, events, EVENTS_AT_ONCE, &most, NULL);
    for (int i = 0; i < count; i++) {
        struct connection *c = events[i].data.ptr;
        if (c->state == CONNECTING) {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
            if (error) lose(c, strerror(error));
            else shake_hands(c, opened);
            continue;
        }
        if (c->state == SHAKING_HANDS) {
            shake_hands(c, opened);
            continue;
        }
        if (c->state != LOST && events[i].events & EPOLLOUT) flush(c);
        if (c->state == LOST) continue;
        if (c->is_stalled) {
            if (events[i].events & (EPOLLHUP | EPOLLERR)) lose(c, "the server hung up on who does not read");
        } else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c, take);
    }
}
