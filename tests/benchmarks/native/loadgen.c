/* A load generator for servers that pass on what one says to all others. It prints one JSON object.
 *
 *   loadgen --protocol activity|nats|redis|irc --ports P[,P...] --pid SERVER
 *           --receivers N --senders K --size BYTES --seconds S --warm S
 *           --window W       so many messages under way at most, or
 *           --rate R         so many a second, whatever becomes of them
 *           --stalled N      of the receivers so many do not read
 *           --acked 1        under way is also what the server has not said to be durable
 *           --logins 1       nothing is sent: how fast receivers log in, and what they take of the server when idle
 *           --registrations 1  nothing is sent: receivers register names, each one after the other
 *           --tls 1 --at-once N (logging in) --limit S --silence S (after which nothing more is expected)
 *
 * One thread, one epoll. Every connection checks that it has each message of each sender exactly once, whole and in
 * order (`checks.h`); exit status 1 where that is not so. What it measures is what happens between two moments of a
 * load that goes on. With a rate, a message's age counts from when it was due, so that nothing is left out when the
 * server or the generator is late. Where there are several ports the receivers are spread over them, the senders are at
 * the first, and each has ages of its own. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "connection.h"
#include "measure.h"
#include "protocols.h"

enum { PORTS_MAX = 16, UNSENT_MAX = 256 << 10 };
static const uint64_t SECOND = 1000000000u, SETTLES = 300000000u, LATE_ONES = 100000000u;

static struct {
    const char *protocol, *ports;
    double receivers, senders, size, seconds, warm, window, rate, stalled, acked, logins, registrations, tls, at_once;
    double limit, silence, idle, pid;
} given = { .protocol = "activity", .ports = "", .receivers = 200, .senders = 1, .size = 200, .seconds = 2, .warm = 0.5,
            .window = 256, .at_once = 128, .limit = 60, .silence = 5, .idle = 1 };

static const struct {
    const char *name;
    double *number;
    const char **text;
} options[] = {
    { "--protocol", 0, &given.protocol }, { "--ports", 0, &given.ports },       { "--receivers", &given.receivers, 0 },
    { "--senders", &given.senders, 0 },   { "--size", &given.size, 0 },         { "--seconds", &given.seconds, 0 },
    { "--warm", &given.warm, 0 },         { "--window", &given.window, 0 },     { "--rate", &given.rate, 0 },
    { "--stalled", &given.stalled, 0 },   { "--acked", &given.acked, 0 },       { "--logins", &given.logins, 0 },
    { "--tls", &given.tls, 0 },           { "--at-once", &given.at_once, 0 },   { "--limit", &given.limit, 0 },
    { "--silence", &given.silence, 0 },   { "--idle", &given.idle, 0 },         { "--pid", &given.pid, 0 },
    { "--registrations", &given.registrations, 0 },
};

static struct connection *connections;
static struct endpoint endpoints[PORTS_MAX];
static const struct protocol *protocol;
static int receivers, senders, total, stalled, groups;
static uint32_t *numbers; /* of each sender's next message */
static uint64_t sent, per_message, deadline;
static pid_t server;

static void usage(const char *wrong) {
    fprintf(stderr, "load generator: %s\n", wrong);
    exit(2);
}

static void read_options(int count, char **words) {
    for (int i = 1; i < count; i += 2) {
        size_t known = 0;
        while (known < sizeof options / sizeof *options && strcmp(options[known].name, words[i])) known++;
        if (known == sizeof options / sizeof *options || i + 1 == count) usage(words[i]);
        char *end = words[i + 1];
        if (options[known].text) *options[known].text = words[i + 1];
        else if (*options[known].number = strtod(words[i + 1], &end), *end || end == words[i + 1]) usage(words[i]);
    }
    if (!(protocol = protocol_named(given.protocol))) usage("there is no such protocol");
    for (char *port = strtok(strdup(given.ports), ","); port && groups < PORTS_MAX; port = strtok(NULL, ","))
        endpoints[groups++] = (struct endpoint){ "127.0.0.1", atoi(port) };
    if (!groups) usage("--ports is missing");
    if (given.size < MARK || given.size >= 1 << 16) usage("--size is out of range");
    if (given.acked && given.senders > 1) usage("--acked is for one sender");
    receivers = (int)given.receivers;
    senders = given.logins || given.registrations ? 0 : (int)given.senders;
    stalled = (int)given.stalled;
    total = receivers + senders;
    server = (pid_t)given.pid;
    saying.only_logs_in = given.logins != 0;
    saying.is_acked = given.acked != 0;
    saying.registers = given.registrations != 0;
    per_message = (uint64_t)(receivers - stalled) + (protocol->is_echoed ? (uint64_t)senders : 0);
}

/* --- what it says: an object of numbers --- */

static void say_complete(int complete) { printf("{\"complete\":%s", complete ? "true" : "false"); }

static void say(const char *name, double number) { printf(",\"%s\":%.15g", name, number); }

static void say_ages(uint64_t late) {
    say("late", (double)late * 1e-6);
    fputs(",\"ages\":[", stdout);
    for (int group = 0; group < groups; group++) {
        const struct durations *ages = &checks.ages[group];
        printf("%s{\"count\":%lu", group ? "," : "", ages->count);
        say("p50", percentile_ms(ages, .5));
        say("p99", percentile_ms(ages, .99));
        say("p999", percentile_ms(ages, .999));
        say("most", (double)ages->longest * 1e-6);
        putchar('}');
    }
    putchar(']');
}

/* --- connecting --- */

static void start(int index) {
    struct connection *c = &connections[index];
    c->index = index;
    c->is_sender = index >= receivers;
    c->group = c->is_sender ? 0 : index % groups;
    expect_from_the_start(c);
    connect_to(c, endpoints[c->group]);
}

static uint64_t seconds(double count) { return (uint64_t)(count * (double)SECOND); }

static void attend_for(uint64_t ns) {
    uint64_t ends = now_ns() + ns, now;
    while ((now = now_ns()) < ends) attend(ends - now, protocol->greet, understand);
}

/* Seconds until so many are logged in. */
static double log_in(int wanted) {
    static int started;
    uint64_t began = now_ns();
    while (ready_count + lost_count < wanted && now_ns() < deadline) {
        while (started < wanted && started - ready_count - lost_count < (int)given.at_once) start(started++);
        attend(SECOND / 100, protocol->greet, understand);
    }
    double took = (double)(now_ns() - began) * 1e-9;
    if (ready_count < wanted) {
        fprintf(stderr, "load generator: only %d of %d are logged in\n", ready_count, wanted);
        exit(1);
    }
    return took;
}

/* Waits until what was taken only for a moment is given back. */
static struct memory steady_memory(void) {
    struct memory last = memory_of(server), found;
    for (int same = 0, looks = 0; same < 4 && looks < 12; looks++, last = found) {
        attend_for(SECOND / 4);
        found = memory_of(server);
        same = found.rss == last.rss ? same + 1 : 0;
    }
    return last;
}

static int measure_logins(void) {
    /* What a start has left free is used by the first half. */
    int half = total / 2;
    double cpu = cpu_seconds(server), took = log_in(half);
    cpu = cpu_seconds(server) - cpu;
    struct memory before = steady_memory();
    double cpu_then = cpu_seconds(server);
    took += log_in(total);
    cpu += cpu_seconds(server) - cpu_then;
    attend_for(seconds(given.idle));
    struct memory after = memory_of(server);
    say_complete(!lost_count);
    say("logins", total / took);
    say("server_cpu", cpu);
    say("rss", (double)after.rss);
    say("pss", (double)after.pss);
    say("connection", (double)(after.rss - before.rss) / (total - half));
    puts("}");
    return lost_count != 0;
}

/* --- registrations --- */

static int measure_registrations(void) {
    static struct durations took;
    uint64_t *since = calloc((size_t)total, sizeof *since), count = 0, all = 0;
    uint64_t began = now_ns(), measured = began + seconds(given.warm), ends = measured + seconds(given.seconds);
    for (int i = 0; i < total; i++) since[i] = now_ns(), start(i);
    /* What is under way at the end is waited for: whoever counts what servers say to each other counts whole ones. */
    int under_way = total;
    while (under_way && !lost_count && now_ns() < deadline) {
        attend(SECOND / 20, protocol->greet, understand);
        for (int i = 0; i < total; i++) {
            struct connection *c = &connections[i];
            if (c->state != READY) continue;
            all++;
            if (since[i] >= measured && now_ns() < ends) note(&took, now_ns() - since[i]), count++;
            part(c);
            if (now_ns() >= ends) {
                under_way--;
                continue;
            }
            /* The next name is another server's. */
            c->group = (c->group + 1) % groups;
            since[i] = now_ns();
            connect_to(c, endpoints[c->group]);
        }
    }
    struct own_time own = own_time();
    double span = (double)(now_ns() - began) * 1e-9;
    say_complete(!lost_count && !under_way);
    say("registrations", (double)count / given.seconds);
    say("all", (double)all);
    say("p50", percentile_ms(&took, .5));
    say("p99", percentile_ms(&took, .99));
    say("share", own.ran / span);
    say("waited", own.waited / span);
    puts("}");
    return lost_count || under_way;
}

/* --- the load --- */

static struct connection *next_sender(void) { return &connections[receivers + (int)(sent % (uint64_t)senders)]; }

static void send_one(uint64_t due) {
    struct connection *c = next_sender();
    int sender = (int)(c - connections) - receivers;
    sent++;
    if (c->state != LOST) say_message(c, sender, numbers[sender]++, due);
}

static void flush_senders(void) {
    for (struct connection *c = connections + receivers; c < connections + total; c++)
        if (c->state != LOST && unsent(c)) flush(c);
}

static uint64_t through(void) {
    uint64_t delivered = checks.delivered / per_message;
    return saying.is_acked && saying.acked < delivered ? saying.acked : delivered;
}

static void keep_window(void) {
    uint64_t now = now_ns();
    while (sent - through() < (uint64_t)given.window && unsent(next_sender()) < UNSENT_MAX) send_one(now);
    flush_senders();
}

/* With a rate: what is due by now; nanoseconds until the next one is. `late`: how late the latest was. */
static uint64_t send_due(uint64_t began, uint64_t *late) {
    for (;;) {
        uint64_t due = began + (uint64_t)((double)sent * 1e9 / given.rate), now = now_ns();
        if (due > now) {
            flush_senders();
            return due - now;
        }
        if (checks.times_from && due >= checks.times_from && now - due > *late) *late = now - due;
        send_one(due);
    }
}

struct moment {
    uint64_t at, delivered, sent, reads, bytes;
    double cpu;
    struct own_time own;
};

static struct moment moment(void) {
    return (struct moment){ now_ns(), checks.delivered, through(), reads, bytes_read, cpu_seconds(server), own_time() };
}

/* Whether all that was sent has come. */
static int drain(void) {
    uint64_t last = now_ns(), seen = checks.delivered;
    while (through() < sent || checks.delivered < sent * per_message) {
        uint64_t now = now_ns();
        if (checks.delivered != seen) seen = checks.delivered, last = now;
        if (now - last > seconds(given.silence) || now > deadline || ready_count == 0) return 0;
        attend(SECOND / 20, protocol->greet, understand);
    }
    return 1;
}

static int incomplete_connections(void) {
    int found = 0;
    for (struct connection *c = connections; c < connections + total; c++)
        if (!c->is_stalled && (!c->is_sender || protocol->is_echoed)) found += c->got != sent;
    return found;
}

static int measure_load(void) {
    log_in(total);
    attend_for(SETTLES);
    struct memory before = memory_of(server);
    forget_peak(server);
    for (int i = 0; i < stalled; i++) stop_reading(&connections[i * (receivers / stalled)]);
    uint64_t began = now_ns(), measured = began + seconds(given.warm), ends = measured + seconds(given.seconds);
    uint64_t late = 0, wait = SECOND / 20, now;
    struct moment first = { 0 };
    if (given.rate) checks.times_from = measured;
    while ((now = now_ns()) < ends && now < deadline && ready_count) {
        if (!first.at && now >= measured) first = moment();
        if (given.rate) wait = send_due(began, &late);
        else keep_window();
        attend(wait < ends - now ? wait : ends - now, protocol->greet, understand);
    }
    struct moment last = moment();
    struct memory after = memory_of(server);
    int is_through = drain();
    attend_for(LATE_ONES);
    int incomplete = incomplete_connections();
    int faults = checks.lost || checks.doubled || checks.reordered || checks.damaged || lost_count || incomplete;
    int complete = is_through && !faults;
    double took = (double)(last.at - first.at) * 1e-9, cpu = last.cpu - first.cpu;
    double delivered = (double)(last.delivered - first.delivered);
    say_complete(complete);
    say("sent", (double)sent);
    say("delivered", (double)checks.delivered);
    say("expected", (double)(sent * per_message));
    say("lost", (double)checks.lost);
    say("doubled", (double)checks.doubled);
    say("reordered", (double)checks.reordered);
    say("damaged", (double)checks.damaged);
    say("disconnected", lost_count);
    say("cut", cut_count);
    say("incomplete", incomplete);
    say("seconds", took);
    say("deliveries", delivered / took);
    say("messages", (double)(last.sent - first.sent) / took);
    say("server_cpu", cpu);
    say("cpu_per_million", delivered ? cpu / delivered * 1e6 : 0);
    say("share", (last.own.ran - first.own.ran) / took);
    say("waited", (last.own.waited - first.own.waited) / took);
    say("line", delivered ? (double)(last.bytes - first.bytes) / delivered : 0);
    say("per_read", last.reads > first.reads ? delivered / (double)(last.reads - first.reads) : 0);
    say("rss_before", (double)before.rss);
    say("rss", (double)after.rss);
    say("pss", (double)after.pss);
    say("peak", (double)after.peak);
    if (given.rate) say_ages(late);
    puts("}");
    return !complete;
}

int main(int count, char **words) {
    read_options(count, words);
    connections_begin(given.tls != 0);
    checks_begin(senders, (size_t)given.size, groups);
    speak(protocol, checks.payload);
    connections = calloc((size_t)total, sizeof *connections);
    numbers = calloc((size_t)senders + 1, sizeof *numbers);
    deadline = now_ns() + seconds(given.limit);
    return given.logins ? measure_logins() : given.registrations ? measure_registrations() : measure_load();
}
