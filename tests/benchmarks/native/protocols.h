/* What servers of each kind are told and say: logging in, a message, and what comes of it. */
#ifndef PROTOCOLS_H
#define PROTOCOLS_H
#include "connection.h"

/* What the load is, as far as what is said depends on it. */
struct saying {
    int only_logs_in; /* nobody subscribes */
    int registers;    /* a name, and does not log in */
    int is_acked;     /* the sender is told when a message is durable, and so many are */
    uint64_t acked;
};
extern struct saying saying;

struct protocol {
    const char *name;
    int is_echoed; /* whether who sends gets its own */
    void (*greet)(struct connection *c);
    void (*line)(struct connection *c, char *line);             /* one without a payload, and without its end */
    size_t (*before)(char *into, size_t payload);               /* what is said before a payload */
    const char *after;                                          /* and behind it */
    size_t (*framing)(char *into, size_t payload);              /* lines that come before each payload; none: NULL */
};

const struct protocol *protocol_named(const char *name); /* NULL: there is none */
void speak(const struct protocol *protocol, size_t payload);
void say_message(struct connection *c, int sender, uint32_t number, uint64_t due);
size_t understand(struct connection *c, char *bytes, size_t size);
#endif
