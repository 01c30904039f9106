#include "checks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So many of a connection's missing messages are known by number: one of those that comes after all is out of order. */
enum { MISSING_KNOWN = 256, PAYLOAD_MAX = 1 << 16 };

struct checks checks;
static char filling[PAYLOAD_MAX], run[4];
static signed char value_of[256];
static const char digits[] = "0123456789abcdef";

static void write_hex(char *into, uint64_t value, int size) {
    for (int i = size - 1; i >= 0; i--, value >>= 4) into[i] = digits[value & 15];
}

static uint64_t read_hex(const char *from, int size) {
    uint64_t value = 0;
    for (int i = 0; i < size; i++) value = value << 4 | (uint64_t)value_of[(unsigned char)from[i]];
    return value;
}

static uint64_t eight(const char *bytes) {
    uint64_t all;
    memcpy(&all, bytes, 8);
    return all;
}

void checks_begin(int senders, size_t payload, int groups) {
    checks.senders = senders;
    checks.payload = payload;
    checks.ages = calloc((size_t)groups, sizeof *checks.ages);
    memset(filling, 'x', sizeof filling);
    for (int i = 0; i < 16; i++) value_of[(unsigned char)digits[i]] = (signed char)i;
    run[0] = '@';
    run[1] = '#';
    write_hex(run + 2, (uint64_t)getpid() & 255, 2);
}

void expect_from_the_start(struct connection *c) {
    c->expected = calloc((size_t)checks.senders + 1, sizeof *c->expected);
    c->missing = calloc(2 * MISSING_KNOWN, sizeof *c->missing);
    for (int sender = 0; sender < checks.senders; sender++) memset(&c->expected[sender], '0', 8);
}

void write_payload(char *into, int sender, uint32_t number, uint64_t due) {
    memcpy(into, run, 4);
    write_hex(into + 4, (uint64_t)sender, 4);
    write_hex(into + 8, number, 8);
    write_hex(into + 16, due, 16);
    memcpy(into + MARK, filling, checks.payload - MARK);
}

int is_payload(const char *bytes) {
    return !memcmp(bytes, run, 4) && !memcmp(bytes + MARK, filling, checks.payload - MARK);
}

/* The next number, in the digits in which it comes: they are compared for every delivery, and so seldom read. */
static void count_up(uint64_t *number) {
    char *text = (char *)number;
    for (int i = 7; i >= 0; i--) {
        if (text[i] == 'f') {
            text[i] = '0';
            continue;
        }
        text[i] = text[i] == '9' ? 'a' : (char)(text[i] + 1);
        return;
    }
}

static int was_missing(struct connection *c, uint32_t sender, uint32_t number) {
    for (int i = 0; i < c->missing_count; i++)
        if (c->missing[2 * i] == sender && c->missing[2 * i + 1] == number) {
            memcpy(&c->missing[2 * i], &c->missing[2 * --c->missing_count], 2 * sizeof *c->missing);
            return 1;
        }
    return 0;
}

/* What to make of a number that is not the next one; whether it counts as delivered. */
static int unexpected(struct connection *c, uint32_t sender, uint32_t number) {
    uint32_t next = (uint32_t)read_hex((char *)&c->expected[sender], 8);
    if (number < next) {
        if (!was_missing(c, sender, number)) {
            checks.doubled++;
            return 0;
        }
        checks.lost--;
        checks.reordered++;
        return 1;
    }
    checks.lost += number - next;
    for (uint32_t gone = next; gone < number && c->missing_count < MISSING_KNOWN; gone++, c->missing_count++) {
        c->missing[2 * c->missing_count] = sender;
        c->missing[2 * c->missing_count + 1] = gone;
    }
    write_hex((char *)&c->expected[sender], number + 1, 8);
    return 1;
}

void check(struct connection *c, const char *payload, uint64_t now) {
    uint32_t sender = (uint32_t)read_hex(payload + 4, 4);
    if (sender >= (uint32_t)checks.senders) {
        checks.damaged++;
        return;
    }
    if (eight(payload + 8) == c->expected[sender]) count_up(&c->expected[sender]);
    else if (!unexpected(c, sender, (uint32_t)read_hex(payload + 8, 8))) return;
    c->got++;
    checks.delivered++;
    if (checks.times_from) {
        uint64_t due = read_hex(payload + 16, 16);
        if (due >= checks.times_from) note(&checks.ages[c->group], now > due ? now - due : 0);
    }
}
