/* SPDX-License-Identifier: Apache-2.0
 *
 * A question comes from the box, where a guest has chosen most of its words: nothing of it is
 * believed but that somebody asks, and nothing of it reaches the terminal but harmless text. What
 * was typed before the question was shown is no answer to it.
 */
#include "cli/ask.h"

#include "base/buf.h"
#include "base/own.h"
#include "hooks/hooks.h"
#include "sys/sys.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>

#define LINES	    4
#define CTRL_C	    '\x03'
#define MESSAGE_MAX ((size_t)256 * 1024)

static const struct {
	const char *word;
	enum ask_about about;
} kinds[] = {{"exec", ASK_EXEC}, {"connect", ASK_CONNECT}, {"write", ASK_WRITE}};

int ask_parse(const char *list, unsigned *ret_about, struct cloche_err *err)
{
	unsigned about = 0;

	for (;;) {
		size_t length = strcspn(list, ",");
		unsigned found = 0;

		for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
			if (strlen(kinds[i].word) == length &&
			    memcmp(kinds[i].word, list, length) == 0)
				found = kinds[i].about;
		if (found == 0)
			return err_set(err, -EINVAL,
				       "--ask knows nothing of '%.*s'; expected some of "
				       "exec,connect,write",
				       (int)length, list);
		about |= found;
		if (list[length] == '\0')
			break;
		list += length + 1;
	}
	*ret_about = about;
	return 0;
}

static int open_terminal(void)
{
	return sys_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY);
}

int ask_begin(struct asker *asker, struct cloche_err *err)
{
	_own_(closep) int fd = open_terminal();

	if (fd < 0)
		return err_set(err, fd, "--ask needs a terminal to ask at: /dev/tty: %s",
			       errno_text(fd));
	*asker = (struct asker){0};
	return 0;
}

void ask_done(struct asker *asker)
{
	for (size_t i = 0; i < asker->count; i++)
		free(asker->before[i].thing);
	*asker = (struct asker){0};
}

/* ---- what was asked ---- */

struct question {
	const char *line[LINES]; /* kind, who, what, about what "always" is */
	size_t length[LINES];
};

static void split(const char *text, size_t length, struct question *question)
{
	*question = (struct question){0};
	for (size_t i = 0; i < LINES; i++) {
		const char *end = length > 0 ? memchr(text, '\n', length) : NULL;
		size_t part = end != NULL && i + 1 < LINES ? (size_t)(end - text) : length;

		question->line[i] = text;
		question->length[i] = part;
		text += part;
		length -= part;
		if (length > 0) {
			text++;
			length--;
		}
	}
}

/* The hooks have escaped it already, so backslashes are as they should be. */
static void add_harmless(struct buf *out, const char *text, size_t length)
{
	while (length > 0) {
		const char *end = memchr(text, '\\', length);
		size_t part = end != NULL ? (size_t)(end - text) : length;

		(void)buf_escaped(out, text, part);
		if (end != NULL)
			(void)buf_text(out, "\\");
		part += end != NULL;
		text += part;
		length -= part;
	}
}

static void add_line(struct buf *out, const struct question *question, size_t n)
{
	add_harmless(out, question->line[n], question->length[n]);
}

/* ---- answers for good ---- */

/* Heap; NULL: nothing is remembered of this. */
static char *thing_of(const struct question *question)
{
	char *thing = NULL;

	if (question->length[3] == 0 ||
	    asprintf(&thing, "%.*s\n%.*s", (int)question->length[0], question->line[0],
		     (int)question->length[3], question->line[3]) < 0)
		return NULL;
	return thing;
}

static const struct asked_before *find(const struct asker *asker, const char *thing)
{
	for (size_t i = 0; thing != NULL && i < asker->count; i++)
		if (strcmp(asker->before[i].thing, thing) == 0)
			return &asker->before[i];
	return NULL;
}

/* ---- the terminal ---- */

static int say(int fd, const struct buf *text)
{
	return text->failed ? -ENOMEM : sys_write_all(fd, text->data, text->length);
}

static void say_word(int fd, const char *word)
{
	(void)sys_write_all(fd, word, strlen(word)); /* It may have hung up: then nobody reads. */
	(void)sys_write_all(fd, "\n", 1);
}

static int show(int fd, const struct question *question, bool lasting)
{
	struct buf out;
	const char *term = getenv("TERM");

	buf_init(&out, MESSAGE_MAX);
	/* Whatever colours a guest has left behind. */
	if (term != NULL && strcmp(term, "dumb") != 0)
		(void)buf_text(&out, "\033[0m");
	(void)buf_text(&out, "\ncloche: ");
	add_line(&out, question, 1);
	(void)buf_text(&out, " wants to ");
	add_line(&out, question, 2);
	(void)buf_text(&out, "\n");
	bool other = question->length[0] == strlen("write") &&
		     memcmp(question->line[0], "write", strlen("write")) == 0;
	if (lasting && other) {
		(void)buf_text(&out, "cloche: always and never are about all names in ");
		add_line(&out, question, 3);
		(void)buf_text(&out, "\n");
	}
	(void)buf_text(&out, lasting ? "cloche: [o]nce, [a]lways, [n]o, n[e]ver? "
				     : "cloche: [o]nce, [n]o? ");
	int r = say(fd, &out);
	buf_done(&out);
	return r;
}

/* Signals that are for whoever waits behind us: seen here, taken there. */
static int watch_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGQUIT);
	return SYS_RESULT(signalfd(-1, &set, SFD_CLOEXEC));
}

static const struct {
	char key;
	enum stream_word word;
	bool lasting;
	const char *name;
} keys[] = {
	{'o', WORD_ALLOW, false, "once"},
	{'a', WORD_ALWAYS, true, "always"},
	{'n', WORD_DENY, false, "no"},
	{'\r', WORD_DENY, false, "no"},
	{'\n', WORD_DENY, false, "no"},
	{'e', WORD_NEVER, true, "never"},
	{CTRL_C, WORD_END, false, "no, and the end"},
};

/* Whatever is not a key of ours is as if nothing was typed. */
static bool word_of(char key, bool lasting, enum stream_word *ret_word, const char **ret_name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		if (keys[i].key != key || (keys[i].lasting && !lasting))
			continue;
		*ret_word = keys[i].word;
		*ret_name = keys[i].name;
		return true;
	}
	return false;
}

/* Of the terminal; for who waits behind us; the end of the box. */
static enum stream_word read_answer(const int watched[3], bool lasting)
{
	enum stream_word word = WORD_DENY;
	const char *name = "no";
	int fd = watched[0];
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
			       {.fd = watched[1], .events = POLLIN},
			       {.fd = watched[2], .events = POLLIN}};

	for (;;) {
		char key = '\0';
		int r = sys_poll(fds, ARRAY_LENGTH(fds), -1);

		if (r == -EINTR)
			continue;
		if (r < 0)
			break;
		if (fds[1].revents != 0 || fds[2].revents != 0) {
			name = fds[2].revents != 0 ? "no (the box is over)" : "no (a signal came)";
			break;
		}
		ssize_t n = SYS_RESULT(read(fd, &key, 1));
		if (n == -EINTR)
			continue;
		if (n <= 0 || word_of(key, lasting, &word, &name))
			break;
	}
	say_word(fd, name);
	return word;
}

static enum stream_word ask(const struct question *question, bool lasting, int over_fd)
{
	_own_(closep) int fd = open_terminal();
	_own_(closep) int signal_fd = watch_signals();
	struct termios saved = {0};

	if (fd < 0 || signal_fd < 0 || SYS_RESULT(tcgetattr(fd, &saved)) < 0)
		return WORD_DENY;
	struct termios single = saved;
	/* Signals wait while somebody is asked, so Ctrl-C has to be a key. */
	single.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	single.c_iflag |= ICRNL;
	single.c_oflag |= OPOST | ONLCR;
	single.c_cc[VMIN] = 1;
	single.c_cc[VTIME] = 0;
	if (SYS_RESULT(tcsetattr(fd, TCSAFLUSH, &single)) < 0)
		return WORD_DENY;
	enum stream_word word = WORD_DENY;
	if (show(fd, question, lasting) == 0)
		word = read_answer((const int[]){fd, signal_fd, over_fd}, lasting);
	(void)tcsetattr(fd, TCSADRAIN, &saved); /* It may have hung up. */
	return word;
}

struct stream_answer ask_person(void *arg, const char *text, size_t length, int over_fd)
{
	struct asker *asker = arg;
	struct question question;

	split(text, length, &question);
	_own_(freep) char *thing = thing_of(&question);
	const struct asked_before *before = find(asker, thing);
	if (before != NULL)
		return (struct stream_answer){.word = before->always ? WORD_ALWAYS : WORD_NEVER};
	struct stream_answer answer = {.word = ask(&question, thing != NULL, over_fd)};
	if ((answer.word == WORD_ALWAYS || answer.word == WORD_NEVER) && asker->count < ASKED_MAX)
		asker->before[asker->count++] = (struct asked_before){
			.thing = TAKE(thing), .always = answer.word == WORD_ALWAYS};
	return answer;
}
