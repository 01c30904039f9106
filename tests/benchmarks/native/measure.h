/* What a measurement reads: clocks, what a process has taken of the machine so far, and how long things took. */
#ifndef MEASURE_H
#define MEASURE_H
#include <stdint.h>
#include <sys/types.h>

uint64_t now_ns(void); /* CLOCK_MONOTONIC, which all processes of a machine share */

double cpu_seconds(pid_t pid); /* of all threads of a process so far; -1 where there is none */

/* Kilobytes in memory now, the most so far, and in proportion where pages are shared; -1 where that is not known. */
struct memory {
    long rss, peak, pss;
};
struct memory memory_of(pid_t pid);
void forget_peak(pid_t pid); /* from now on `peak` is the most since then */

/* How long this thread has run, and how long it has waited for a processor while it could have run, in seconds. */
struct own_time {
    double ran, waited;
};
struct own_time own_time(void);

/* Durations in nanoseconds, each kept to within a hundredth of itself. */
enum { SUBBUCKETS = 128, BUCKETS = SUBBUCKETS * 58 };
struct durations {
    uint64_t count, longest;
    uint32_t buckets[BUCKETS];
};
void note(struct durations *durations, uint64_t ns);
double percentile_ms(const struct durations *durations, double part);
#endif
