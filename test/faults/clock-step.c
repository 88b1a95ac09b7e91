/* Preloaded: the time of day is ahead by as many seconds as the file CLOCK_STEP says, from the moment it says so. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static time_t step(void) {
  static long checked, found;
  static int (*call)(clockid_t, struct timespec *);
  struct timespec now;
  if (call == NULL) call = dlsym(RTLD_NEXT, "clock_gettime");
  call(CLOCK_MONOTONIC_COARSE, &now);
  long tick = now.tv_sec * 100 + now.tv_nsec / 10000000;
  const char *path = getenv("CLOCK_STEP");
  if (path == NULL || tick == checked) return found;
  checked = tick;
  FILE *file = fopen(path, "r");
  if (file == NULL) return found;
  long said;
  if (fscanf(file, "%ld", &said) == 1) found = said;
  fclose(file);
  return found;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  static int (*call)(clockid_t, struct timespec *);
  if (call == NULL) call = dlsym(RTLD_NEXT, "clock_gettime");
  int result = call(clock, at);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += step();
  return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  static int (*call)(struct timeval *, void *);
  if (call == NULL) call = dlsym(RTLD_NEXT, "gettimeofday");
  int result = call(at, zone);
  if (result == 0) at->tv_sec += step();
  return result;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}
