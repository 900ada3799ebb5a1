// Keeps a backup from starting when a file or directory isn't there, or isn't as it
// should be. Settings: those of hooks-examples/require-path.

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "hookward.h"

enum kind { ANY, FILE_ONLY, DIR_ONLY };

typedef struct {
  hw_list paths;
  size_t kind;
  bool not_empty;
  const char *sentinel;
  bool has_newer_than, has_min_size;
  double newer_than;
  uint64_t min_size;
} settings;

static bool is_inside(const char *path) {
  size_t parts = 0;
  if (*path == '/') return false;
  for (const char *at = path; *at;) {
    size_t length = strcspn(at, "/");
    if (length == 2 && strncmp(at, "..", 2) == 0) return false;
    parts += length > 0 && !(length == 1 && *at == '.');
    at += length + (at[length] == '/');
  }
  return parts > 0;
}

static bool read_settings(settings *read) {
  static const char *const KINDS[] = {"any", "file", "dir", NULL};
  hw_config config =
      hw_config_read((const char *[]){"path", "paths", "kind", "not-empty", "sentinel", "newer-than", "min-size", NULL});
  hw_list more = hw_texts(&config, "paths");
  *read = (settings){
      .kind = hw_choice(&config, "kind", KINDS, ANY),
      .not_empty = hw_flag(&config, "not-empty", false),
      .sentinel = hw_text(&config, "sentinel", NULL),
      .has_newer_than = hw_has(&config, "newer-than"),
      .newer_than = hw_duration(&config, "newer-than", 0),
      .has_min_size = hw_has(&config, "min-size"),
      .min_size = hw_size(&config, "min-size", 0),
  };
  read->paths.items = calloc(more.count + 1, sizeof *read->paths.items);
  if (!read->paths.items) abort();
  const char *path = hw_text(&config, "path", NULL);
  if (path) read->paths.items[read->paths.count++] = path;
  for (size_t at = 0; at < more.count; at++) read->paths.items[read->paths.count++] = more.items[at];
  if (read->paths.count == 0) hw_wrong(&config, "path", "name a path here, or several in `paths`");
  for (size_t at = 0; at < read->paths.count; at++) {
    if (*read->paths.items[at] != '/') {
      hw_wrong(&config, "path", "`%s` has to be one absolute path; several stand in `paths`", read->paths.items[at]);
    }
  }
  if (read->sentinel && read->kind == FILE_ONLY) {
    hw_wrong(&config, "sentinel", "only a directory can hold one, and `kind` is `file`");
  } else if (read->sentinel && !is_inside(read->sentinel)) {
    hw_wrong(&config, "sentinel", "has to be a name or path below the directory");
  }
  return config.error ? hw_fail("%s", config.error) : true;
}

// What follows gives what is wrong, as the end of a sentence that begins with the path,
// or NULL.

// Time since the last write. A clock that was set back makes it 0.
static double age_of(const struct stat *found, const struct timespec *now) {
  double age = (double)(now->tv_sec - found->st_mtim.tv_sec) + (double)(now->tv_nsec - found->st_mtim.tv_nsec) / 1e9;
  return age > 0 ? age : 0;
}

// To the minute once seconds don't matter.
static const char *rounded(double age) {
  uint64_t seconds = (uint64_t)age;
  return hw_format_duration((double)(seconds < 3600 ? seconds : seconds - seconds % 60));
}

static const char *too_old(double limit) {
  return hw_format("longer than %s: look at what should write it", hw_format_duration(limit));
}

static const char *check_size(uint64_t size, const settings *read) {
  if (!read->has_min_size || size >= read->min_size) return NULL;
  const char *least = hw_format_size(read->min_size);
  return hw_format("holds %s, less than %s: look at what writes it", hw_format_size(size), least);
}

static const char *check_file(const struct stat *found, const settings *read, const struct timespec *now) {
  if (read->not_empty && found->st_size == 0) return "is an empty file: look at what writes it";
  double age = age_of(found, now);
  if (read->has_newer_than && age > read->newer_than) {
    return hw_format("was last written %s ago, %s", rounded(age), too_old(read->newer_than));
  }
  return check_size((uint64_t)found->st_size, read);
}

static const char *unreadable(const char *path) {
  return hw_format("can't be read through: %s: %s", path, strerror(errno));
}

// What a walk has met so far.
typedef struct {
  uint64_t size;
  double age;
  const char *youngest;
} met;

// Looks at the files below a directory until it is enough. Links are not followed.
static const char *walk(const char *root, const settings *read, const struct timespec *now, met *met, bool *enough) {
  DIR *directory = opendir(root);
  if (!directory) return unreadable(root);
  const char *wrong = NULL;
  struct dirent *entry;
  while (!wrong && !*enough && (entry = readdir(directory))) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    const char *path = hw_format("%s/%s", strcmp(root, "/") == 0 ? "" : root, entry->d_name);
    struct stat found;
    if (lstat(path, &found) != 0) {
      // Gone while we looked.
      if (errno != ENOENT) wrong = unreadable(path);
    } else if (S_ISDIR(found.st_mode)) {
      wrong = walk(path, read, now, met, enough);
    } else if (S_ISREG(found.st_mode)) {
      met->size += (uint64_t)found.st_size;
      double age = age_of(&found, now);
      if (!met->youngest || age < met->age) {
        met->age = age;
        met->youngest = path;
      }
      *enough = met->size >= read->min_size && (!read->has_newer_than || met->age <= read->newer_than);
    }
  }
  closedir(directory);
  return wrong;
}

static bool is_empty(DIR *directory) {
  struct dirent *entry;
  while ((entry = readdir(directory))) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) return false;
  }
  return true;
}

static const char *check_directory(const char *path, const settings *read, const struct timespec *now) {
  if (read->not_empty) {
    DIR *directory = opendir(path);
    if (!directory) return unreadable(path);
    bool empty = is_empty(directory);
    closedir(directory);
    if (empty) return "is an empty directory: is the disk mounted there?";
  }
  if (!read->has_newer_than && !read->has_min_size) return NULL;
  met met = {0};
  bool enough = false;
  const char *wrong = walk(path, read, now, &met, &enough);
  if (wrong) return wrong;
  if (read->has_newer_than && !met.youngest) return "holds no file at all: look at what should write there";
  if (read->has_newer_than && met.age > read->newer_than) {
    const char *newest = met.youngest + strlen(path);
    while (*newest == '/') newest++;
    return hw_format("holds nothing newer than %s of %s ago, %s", newest, rounded(met.age), too_old(read->newer_than));
  }
  return check_size(met.size, read);
}

static const char *check_sentinel(const char *path, const struct stat *found, const char *sentinel) {
  if (!S_ISDIR(found->st_mode)) return hw_format("is a file, and has to be a directory with %s in it", sentinel);
  struct stat there;
  if (stat(hw_format("%s/%s", path, sentinel), &there) == 0) return NULL;
  if (errno == ENOENT) {
    return hw_format(
        "is there without %s in it: either nothing is mounted there or it is another disk than expected", sentinel);
  }
  return hw_format("is there, but %s in it can't be looked at: %s", sentinel, strerror(errno));
}

static const char *check(const char *path, const settings *read, const struct timespec *now) {
  struct stat found;
  if (stat(path, &found) != 0) {
    if (errno == ENOENT) {
      return "isn't there: is the disk plugged in and mounted, and does the hook's `dirs` grant show this path?";
    }
    if (errno == EACCES || errno == EPERM || errno == ENOTCAPABLE) {
      return "may not be looked at: does the hook's `dirs` grant show it, and may the user of the backup read it?";
    }
    return hw_format("can't be looked at: %s", strerror(errno));
  }
  bool is_dir = S_ISDIR(found.st_mode), is_file = S_ISREG(found.st_mode);
  if (read->kind == FILE_ONLY && is_dir) return "is a directory, and has to be a file";
  if (read->kind == FILE_ONLY && !is_file) return "is neither file nor directory, and has to be a file";
  if (read->kind == DIR_ONLY && !is_dir) return "is a file, and has to be a directory";
  if (read->sentinel) {
    const char *wrong = check_sentinel(path, &found, read->sentinel);
    if (wrong) return wrong;
  }
  return is_dir ? check_directory(path, read, now) : check_file(&found, read, now);
}

bool hook(const hw_event *event) {
  (void)event;
  settings read;
  if (!read_settings(&read)) return false;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  // One after the other: everything that is wrong is told at once.
  char *all = "";
  size_t length = 0;
  for (size_t at = 0; at < read.paths.count; at++) {
    const char *path = read.paths.items[at], *wrong = check(path, &read, &now);
    if (!wrong) {
      hw_debug("as it should be", "path", path);
      continue;
    }
    const char *one = hw_format("%s%s %s", length ? "; " : "", path, wrong);
    char *longer = malloc(length + strlen(one) + 1);
    if (!longer) abort();
    memcpy(longer, all, length);
    strcpy(longer + length, one);
    all = longer;
    length += strlen(one);
  }
  return length ? hw_fail("%s", all) : true;
}
