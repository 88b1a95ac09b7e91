/*
 * Preloaded: keeps, beside the folder POWER_DATA, a folder POWER_SHADOW with what a power cut would leave of its
 * databases: of each file only what was written before its own last fsync. What is not synced is not in the shadow.
 * A file is made and removed at once. Syncing takes POWER_SLOW_US, so that a cut finds something that is not synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 256

struct range {
  off64_t from, to;
};

struct file {
  dev_t dev;
  ino_t ino;
  char shadow[PATH_MAX];
  struct range *dirty;
  size_t count, room;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES];
static size_t known;

static ssize_t real_pwrite(int fd, const void *bytes, size_t size, off64_t at) {
  static ssize_t (*call)(int, const void *, size_t, off64_t);
  if (call == NULL) call = dlsym(RTLD_NEXT, "pwrite64");
  return call(fd, bytes, size, at);
}

static int real_truncate(int fd, off64_t size) {
  static int (*call)(int, off64_t);
  if (call == NULL) call = dlsym(RTLD_NEXT, "ftruncate64");
  return call(fd, size);
}

static int real_unlink(const char *path) {
  static int (*call)(const char *);
  if (call == NULL) call = dlsym(RTLD_NEXT, "unlink");
  return call(path);
}

/* Whether `path` is a database of ours; then where its shadow is. The index of a write-ahead log is made anew from it. */
static int shadow_of(const char *path, char *shadow) {
  const char *data = getenv("POWER_DATA"), *to = getenv("POWER_SHADOW");
  size_t length = data == NULL ? 0 : strlen(data);
  if (length == 0 || to == NULL || strncmp(path, data, length) != 0 || path[length] != '/') return 0;
  if (strstr(path, ".db") == NULL || strstr(path, "-shm") != NULL) return 0;
  snprintf(shadow, PATH_MAX, "%s%s", to, path + length);
  return 1;
}

static void make_folders(char *path) {
  for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
    *at = 0;
    mkdir(path, 0755);
    *at = '/';
  }
}

static struct file *file_of(int fd) {
  struct stat64 now;
  if (fstat64(fd, &now) != 0 || !S_ISREG(now.st_mode)) return NULL;
  for (size_t i = 0; i < known; i++)
    if (files[i].dev == now.st_dev && files[i].ino == now.st_ino) return &files[i];
  if (known == FILES) return NULL;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return NULL;
  path[length] = 0;
  struct file *made = &files[known];
  if (!shadow_of(path, made->shadow)) return NULL;
  made->dev = now.st_dev;
  made->ino = now.st_ino;
  made->dirty = NULL;
  made->count = made->room = 0;
  known++;
  return made;
}

static void note(struct file *file, off64_t from, off64_t to) {
  struct range *last = file->count > 0 ? &file->dirty[file->count - 1] : NULL;
  if (last != NULL && last->to == from) {
    last->to = to;
    return;
  }
  if (file->count == file->room) {
    file->room = file->room == 0 ? 64 : 2 * file->room;
    file->dirty = realloc(file->dirty, file->room * sizeof(struct range));
  }
  file->dirty[file->count++] = (struct range){from, to};
}

static void written(int fd, off64_t from, off64_t to) {
  pthread_mutex_lock(&lock);
  struct file *file = file_of(fd);
  if (file != NULL) note(file, from, to);
  pthread_mutex_unlock(&lock);
}

/* Before the caller learns that it is safe, the shadow has it. */
static void synced(int fd) {
  pthread_mutex_lock(&lock);
  struct file *file = file_of(fd);
  if (file != NULL) {
    make_folders(file->shadow);
    int out = open64(file->shadow, O_RDWR | O_CREAT, 0644);
    static char bytes[1 << 16];
    for (size_t i = 0; i < file->count; i++)
      for (off64_t at = file->dirty[i].from; at < file->dirty[i].to;) {
        off64_t left = file->dirty[i].to - at;
        ssize_t size = pread64(fd, bytes, left < (off64_t)sizeof bytes ? (size_t)left : sizeof bytes, at);
        if (size <= 0) break;
        real_pwrite(out, bytes, (size_t)size, at);
        at += size;
      }
    struct stat64 now;
    if (fstat64(fd, &now) == 0) real_truncate(out, now.st_size);
    close(out);
    file->count = 0;
  }
  pthread_mutex_unlock(&lock);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  ssize_t done = real_pwrite(fd, bytes, size, at);
  if (done > 0) written(fd, at, at + done);
  return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  return pwrite64(fd, bytes, size, at);
}


static int sync_then_keep(int fd, const char *name) {
  int (*call)(int) = dlsym(RTLD_NEXT, name);
  const char *slow = getenv("POWER_SLOW_US");
  if (slow != NULL) usleep((useconds_t)atoi(slow));
  int result = call(fd);
  if (result == 0) synced(fd);
  return result;
}

int fsync(int fd) {
  return sync_then_keep(fd, "fsync");
}

int fdatasync(int fd) {
  return sync_then_keep(fd, "fdatasync");
}

int unlink(const char *path) {
  char shadow[PATH_MAX];
  struct stat64 now;
  pthread_mutex_lock(&lock);
  if (shadow_of(path, shadow) && stat64(path, &now) == 0) {
    real_unlink(shadow);
    for (size_t i = 0; i < known; i++)
      if (files[i].dev == now.st_dev && files[i].ino == now.st_ino) {
        free(files[i].dirty);
        files[i] = files[--known];
        break;
      }
  }
  pthread_mutex_unlock(&lock);
  return real_unlink(path);
}
