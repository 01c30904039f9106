#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double cpu_seconds(pid_t pid) {
    clockid_t clock;
    struct timespec t;
    if (!pid || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) return -1;
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static long kilobytes(pid_t pid, const char *file, const char *key) {
    char path[64], line[256];
    long found = -1;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    FILE *opened = pid ? fopen(path, "r") : NULL;
    if (!opened) return -1;
    while (found < 0 && fgets(line, sizeof line, opened))
        if (!strncmp(line, key, strlen(key))) found = atol(line + strlen(key));
    fclose(opened);
    return found;
}

struct memory memory_of(pid_t pid) {
    return (struct memory){ kilobytes(pid, "status", "VmRSS:"), kilobytes(pid, "status", "VmHWM:"),
                            kilobytes(pid, "smaps_rollup", "Pss:") };
}

void forget_peak(pid_t pid) {
    /* proc(5), clear_refs. */
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)pid);
    FILE *opened = pid ? fopen(path, "w") : NULL;
    if (!opened) return;
    fputs("5", opened);
    fclose(opened);
}

struct own_time own_time(void) {
    /* proc(5), schedstat: nanoseconds on a processor, and on a run queue. */
    unsigned long long ran = 0, waited = 0;
    FILE *opened = fopen("/proc/thread-self/schedstat", "r");
    if (opened) {
        if (fscanf(opened, "%llu %llu", &ran, &waited) != 2) ran = waited = 0;
        fclose(opened);
    }
    if (!ran) {
        struct timespec t;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        ran = (unsigned long long)t.tv_sec * 1000000000u + (unsigned long long)t.tv_nsec;
    }
    return (struct own_time){ (double)ran * 1e-9, (double)waited * 1e-9 };
}

/* A bucket for each value up to SUBBUCKETS, then SUBBUCKETS for each doubling. */
static unsigned bucket_of(uint64_t ns) {
    if (ns < SUBBUCKETS) return (unsigned)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - 7u;
    return shift * SUBBUCKETS + (unsigned)(ns >> shift);
}

static double middle_of(unsigned bucket) {
    if (bucket < 2 * SUBBUCKETS) return bucket;
    unsigned shift = bucket / SUBBUCKETS - 1;
    return ((double)(bucket - shift * SUBBUCKETS) + 0.5) * (double)(1ull << shift);
}

void note(struct durations *durations, uint64_t ns) {
    durations->buckets[bucket_of(ns)]++;
    durations->count++;
    if (ns > durations->longest) durations->longest = ns;
}

double percentile_ms(const struct durations *durations, double part) {
    uint64_t wanted = (uint64_t)(part * (double)durations->count), seen = 0;
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        seen += durations->buckets[bucket];
        if (seen > wanted) return middle_of(bucket) * 1e-6;
    }
    return (double)durations->longest * 1e-6;
}
