/* SPDX-License-Identifier: Apache-2.0
 *
 * A full file becomes "log.1", and what that was is forgotten.
 */
#include "box/log.h"

#include "base/own.h"
#include "sys/sys.h"

#include <json-c/json.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define LOG_SIZE_MAX  (4 << 20)
#define LINE_SIZE_MAX ((size_t)1 << 20)

static void add_text(struct json_object *object, const char *key, const char *text)
{
	struct buf safe;

	buf_init(&safe, LINE_SIZE_MAX);
	if (buf_escaped(&safe, text, strlen(text)) == 0)
		json_object_object_add(object, key, json_object_new_string(buf_string(&safe)));
	buf_done(&safe);
}

static void add_time(struct json_object *object)
{
	struct timespec now;
	struct tm parts;
	char text[40];
	char full[64];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &parts) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts) == 0)
		return;
	(void)snprintf(full, sizeof(full), "%s.%03ldZ", text, now.tv_nsec / 1000000);
	json_object_object_add(object, "time", json_object_new_string(full));
}

/* One write at the end of the file: lines of several commands do not mix. */
static void append(int box_fd, const char *line, size_t length)
{
	struct stat st;
	_own_(closep) int fd =
		sys_create(box_fd, "log", O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0)
		return;
	if (sys_fstat(fd, &st) == 0 && st.st_size > LOG_SIZE_MAX) {
		(void)sys_renameat(box_fd, "log", box_fd, "log.1", 0);
		close_fd(&fd);
		fd = sys_create(box_fd, "log", O_WRONLY | O_APPEND | O_NOFOLLOW, 0600);
	}
	if (fd >= 0)
		(void)sys_write_all(fd, line, length); /* A line that is lost stops nobody. */
}

void box_log_object(const struct stored_box *box, const char *event, struct json_object *take)
{
	struct json_object *object = json_object_new_object();
	struct buf line;

	buf_init(&line, LINE_SIZE_MAX);
	if (take != NULL && object != NULL) {
		add_time(object);
		json_object_object_add(object, "event", json_object_new_string(event));
		json_object_object_foreach(take, key, value)
			json_object_object_add(object, key, json_object_get(value));
		const char *text = json_object_to_json_string_ext(
			object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		if (text != NULL && buf_text(&line, text) == 0 && buf_text(&line, "\n") == 0)
			append(box->fd, line.data, line.length);
	}
	buf_done(&line);
	json_object_put(object);
	json_object_put(take);
}

void box_log_pairs(const struct stored_box *box, const char *event, const char *const *pairs)
{
	struct json_object *object = json_object_new_object();

	for (; object != NULL && *pairs != NULL; pairs += 2) {
		if (pairs[1] != NULL)
			add_text(object, pairs[0], pairs[1]);
	}
	box_log_object(box, event, object);
}

static int read_one(const struct stored_box *box, const char *name,
		    int (*each)(const char *line, void *arg), void *arg)
{
	int fd = sys_openat(box->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	_own_(freep) char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	_own_(fclosep) FILE *file = fdopen(fd, "re");
	if (file == NULL) {
		(void)close(fd); /* Not taken. */
		return -ENOMEM;
	}
	while (r >= 0 && getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		r = each(line, arg);
	}
	return r < 0 ? r : 0;
}

int box_log_read(const struct stored_box *box, int (*each)(const char *line, void *arg), void *arg,
		 struct cloche_err *err)
{
	int r = read_one(box, "log.1", each, arg);

	if (r == 0)
		r = read_one(box, "log", each, arg);
	return r < 0 ? err_set(err, r, "box '%s': its log: %s", box->name, errno_text(r)) : 0;
}
