/* Whether every receiver has each message of each sender exactly once, whole, and in order.
 *
 * A message's payload begins with a mark of MARK bytes: "@#", the run (2 hexadecimal digits), the sender (4), its
 * number among that sender's (8), and when it was due, in nanoseconds of `now_ns` (16); the rest is filling. */
#ifndef CHECKS_H
#define CHECKS_H
#include "connection.h"
#include "measure.h"

enum { MARK = 32 };

struct checks {
    uint64_t delivered, lost, doubled, reordered, damaged;
    /* With `times_from`: how old those were that were due from then on, for each group of receivers. */
    uint64_t times_from;
    struct durations *ages;
    int senders;
    size_t payload;
};
extern struct checks checks;

void checks_begin(int senders, size_t payload, int groups);
void expect_from_the_start(struct connection *c); /* makes room for what is known of it */
void write_payload(char *into, int sender, uint32_t number, uint64_t due);
int is_payload(const char *bytes); /* whether a whole, undamaged payload of this run begins here */
void check(struct connection *c, const char *payload, uint64_t now);
#endif
