/* One connection to a server: bytes in, bytes out, in clear or encrypted, none of which ever waits. */
#ifndef CONNECTION_H
#define CONNECTION_H
#include <stddef.h>
#include <stdint.h>

enum state { CONNECTING, SHAKING_HANDS, GREETING, JOINING, READY, LOST };

struct connection {
    int fd, index, group, is_sender, is_stalled, waits_to_write;
    enum state state;
    void *tls;
    /* What it has had: see `checks.h`. */
    uint64_t got;
    uint64_t *expected;
    uint32_t *missing;
    int missing_count;
    /* A line that has not come as a whole, and what could not be written yet. */
    char *rest, *out;
    size_t rest_size, rest_room, out_sent, out_size, out_room;
};

struct endpoint {
    const char *host;
    int port;
};

void connections_begin(int encrypted); /* ends the process where that cannot be */
void connect_to(struct connection *c, struct endpoint where);
void put(struct connection *c, const char *bytes, size_t size); /* to be written with the next `flush` */
void put_text(struct connection *c, const char *text);
void flush(struct connection *c);
size_t unsent(const struct connection *c);
void stop_reading(struct connection *c);
void lose(struct connection *c, const char *why);
void part(struct connection *c); /* hang up, as one does that is through */

/* Reads for as long as there is something, and hands it to `take`, which says how much of it were whole messages. */
typedef size_t taking(struct connection *c, char *bytes, size_t size);
void receive(struct connection *c, taking *take);

/* Waits for at most so long for anything to happen, and sees to it; `opened` once a connection is there. */
void attend(uint64_t most_ns, void (*opened)(struct connection *), taking *take);

extern int ready_count, lost_count, cut_count; /* cut: of those that do not read */
extern uint64_t reads, bytes_read;
void complain(const char *format, ...) __attribute__((format(printf, 1, 2))); /* the first few times */
#endif
