/* What a server could do at best that does nothing else: one thread, one epoll, no JSON parser.
 *
 *   reference [--sync FILE]
 *
 * It speaks as much of the base protocol as the load generator does, and says on which free port of 127.0.0.1.
 * What came with one look of epoll is one write to each client. With --sync it is appended to a file first, with one
 * write and one fdatasync(2) for all of it: group commit, durable before it is delivered. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = 65536, EVENTS_AT_ONCE = 512, READ_AT_ONCE = 1 << 20 };
static const char BEFORE[] = "{\"command\":\"ACTIVITY_BROADCAST\",\"activity\":{";
static const char AFTER[] = ",\"authenticated_user\":\"anonymous\"}}\n";
static const char SUCCESS[] = "{\"command\":\"LOGIN_SUCCESS\",\"info\":\"logged in as user anonymous\"}\n";

struct bytes {
    char *all;
    size_t sent, size, room;
};

struct client {
    int fd, place, is_in;
    struct bytes rest, out;
};

static struct client *clients[CLIENTS_MAX];
static int count, poller, file = -1;
static struct bytes tick; /* what came with this look */
static char input[READ_AT_ONCE];

static void append(struct bytes *to, const char *bytes, size_t size) {
    if (to->size + size > to->room) to->all = realloc(to->all, to->room = 2 * (to->size + size));
    memcpy(to->all + to->size, bytes, size);
    to->size += size;
}

static void watch(struct client *k, int operation, uint32_t what) {
    struct epoll_event event = { .events = what, .data.ptr = k };
    epoll_ctl(poller, operation, k->fd, &event);
}

static void send_to(struct client *k, const char *bytes, size_t size) {
    size_t done = 0;
    if (!k->out.size) {
        ssize_t sent = send(k->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) done = (size_t)sent;
        else if (errno != EAGAIN) return;
    }
    if (done == size) return;
    if (!k->out.size) watch(k, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    append(&k->out, bytes + done, size - done);
}

static void send_rest(struct client *k) {
    ssize_t sent = send(k->fd, k->out.all + k->out.sent, k->out.size - k->out.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) k->out.sent += (size_t)sent;
    if (k->out.sent < k->out.size) return;
    k->out.sent = k->out.size = 0;
    watch(k, EPOLL_CTL_MOD, EPOLLIN);
}

static void take(int door) {
    int fd = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), yes = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct client *k = calloc(1, sizeof *k);
    k->fd = fd;
    watch(k, EPOLL_CTL_ADD, EPOLLIN);
}

static void drop(struct client *k) {
    if (k->is_in) {
        clients[k->place] = clients[--count];
        clients[k->place]->place = k->place;
    }
    close(k->fd);
    free(k->rest.all);
    free(k->out.all);
    free(k);
}

static void obey(struct client *k, char *line, size_t size) {
    char *activity = memmem(line, size, "\"activity\":{", 12);
    if (activity && k->is_in) {
        /* Its members, up to the last brace but one. */
        char *from = activity + 12, *to = memrchr(line, '}', size);
        if (to > from) to = memrchr(from, '}', (size_t)(to - from));
        if (!to) return;
        append(&tick, BEFORE, sizeof BEFORE - 1);
        append(&tick, from, (size_t)(to - from));
        append(&tick, AFTER, sizeof AFTER - 1);
    } else if (!k->is_in && memmem(line, size, "\"LOGIN\"", 7)) {
        send_to(k, SUCCESS, sizeof SUCCESS - 1);
        k->is_in = 1;
        k->place = count;
        clients[count++] = k;
    }
}

static void hear(struct client *k) {
    memcpy(input, k->rest.all, k->rest.size);
    ssize_t size = recv(k->fd, input + k->rest.size, sizeof input - k->rest.size, MSG_DONTWAIT);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) drop(k);
        return;
    }
    char *line = input, *end = input + k->rest.size + size, *next;
    for (; (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1) obey(k, line, (size_t)(next - line));
    k->rest.size = 0;
    append(&k->rest, line, (size_t)(end - line));
}

static void pass_on(void) {
    if (!tick.size) return;
    if (file >= 0 && (write(file, tick.all, tick.size) != (ssize_t)tick.size || fdatasync(file))) {
        perror("reference");
        exit(1);
    }
    for (int i = 0; i < count; i++) send_to(clients[i], tick.all, tick.size);
    tick.size = 0;
}

int main(int given, char **words) {
    if (given == 3 && !strcmp(words[1], "--sync"))
        file = open(words[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (given != 1 && file < 0) {
        fputs("usage: reference [--sync FILE]\n", stderr);
        return 2;
    }
    struct client door = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    if (bind(door.fd, (struct sockaddr *)&address, size) || listen(door.fd, 4096)) {
        perror("reference");
        return 1;
    }
    getsockname(door.fd, (struct sockaddr *)&address, &size);
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(&door, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int happened = epoll_wait(poller, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < happened; i++) {
            struct client *k = events[i].data.ptr;
            if (k == &door) {
                take(door.fd);
                continue;
            }
            if (events[i].events & EPOLLOUT) send_rest(k);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) hear(k);
        }
        pass_on();
    }
}
