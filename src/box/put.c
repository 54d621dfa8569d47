/* SPDX-License-Identifier: Apache-2.0 */
#include "box/put.h"

#include "sys/sys.h"

#include <linux/fs.h>

static const struct realm of_host;

#define ASIDE_SIZE (TEMP_SIZE + 8)

struct look {
	char aside_name[ASIDE_SIZE];
	struct facts here;
	struct facts temp;
	struct facts aside;
};

/* Which it is; 0 for nothing. */
static int look_at(int dir_fd, const char *name, struct facts *ret_facts)
{
	int r = facts_read(ret_facts, (struct place){dir_fd, name}, &of_host);

	if (r == -ENOENT)
		*ret_facts = (struct facts){0};
	return r == -ENOENT ? 0 : r;
}

static bool is_there(const struct facts *facts)
{
	return facts->ino != 0;
}

static bool is_same(const struct facts *a, const struct facts *b)
{
	return is_there(a) && a->ino == b->ino && a->dev == b->dev;
}

static bool is_staged(const struct step *step, const struct facts *facts)
{
	return step->staged_ino != 0 && facts->ino == step->staged_ino &&
	       facts->dev == step->staged_dev;
}

/* As it was when the box was compared with it. */
static bool is_old(const struct step *step, const struct facts *facts)
{
	const struct facts *old = &step->old;

	return step->had_old && facts->ino == old->ino && facts->dev == old->dev &&
	       facts->mode == old->mode &&
	       (S_ISDIR(old->mode) ||
		(facts->size == old->size && time_equal(facts->mtime, old->mtime)));
}

/* The file system does not know what the flags ask for. */
static bool is_unknown(int r)
{
	return r == -EINVAL || r == -ENOSYS || r == -EOPNOTSUPP;
}

static bool is_no_link(int r)
{
	return r == -EPERM || r == -EACCES || r == -EMLINK || is_unknown(r);
}

static int rename_in(int dir_fd, const char *from, const char *to)
{
	return SYS_RAW(SYS_renameat2, dir_fd, from, dir_fd, to, 0);
}

/* Both names may be the same file already: one of us was cut off after the link. */
static int settle_link(int from_fd, const char *from, int to_fd, const char *to)
{
	struct facts old = {0};
	struct facts new = {0};
	int r = look_at(from_fd, from, &old);

	if (r == 0)
		r = look_at(to_fd, to, &new);
	if (r == 0 && !is_same(&old, &new))
		r = -EEXIST;
	return r < 0 ? r : sys_unlinkat(from_fd, from, 0);
}

static int move_after_look(int from_fd, const char *from, int to_fd, const char *to)
{
	struct facts facts = {0};
	int r = look_at(to_fd, to, &facts);

	if (r == 0 && is_there(&facts))
		r = -EEXIST;
	return r < 0 ? r : SYS_RAW(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int put_move(int from_fd, const char *from, int to_fd, const char *to)
{
	int r = SYS_RAW(SYS_renameat2, from_fd, from, to_fd, to, RENAME_NOREPLACE);

	if (!is_unknown(r))
		return r;
	r = SYS_RESULT(linkat(from_fd, from, to_fd, to, 0));
	if (r == 0)
		return sys_unlinkat(from_fd, from, 0);
	if (r == -EEXIST)
		return settle_link(from_fd, from, to_fd, to);
	return is_no_link(r) ? move_after_look(from_fd, from, to_fd, to) : r;
}

/* Where we go on from. A move by link that was cut off is brought to its end, or taken back: what
 * it leads to is the same file. */
static int look(const struct step *step, int dir_fd, const char *name, struct look *ret_look)
{
	(void)snprintf(ret_look->aside_name, ASIDE_SIZE, "%s-old", step->temp);
	int r = look_at(dir_fd, name, &ret_look->here);
	if (r == 0)
		r = look_at(dir_fd, step->temp, &ret_look->temp);
	if (r == 0)
		r = look_at(dir_fd, ret_look->aside_name, &ret_look->aside);
	if (r == 0 && is_same(&ret_look->here, &ret_look->temp)) {
		r = sys_unlinkat(dir_fd, step->temp, 0);
		ret_look->temp = (struct facts){0};
	}
	if (r == 0 && is_same(&ret_look->here, &ret_look->aside)) {
		r = sys_unlinkat(dir_fd, ret_look->aside_name, 0);
		ret_look->aside = (struct facts){0};
	}
	return r;
}

/* ---- forwards ---- */

/* From 0 to 1. It may have become another one after we looked: that goes back. */
static int clear_place(const struct step *step, int dir_fd, const char *name, struct look *at)
{
	int r = rename_in(dir_fd, name, at->aside_name);

	if (r == 0)
		r = look_at(dir_fd, at->aside_name, &at->aside);
	if (r < 0)
		return r;
	at->here = (struct facts){0};
	if (is_old(step, &at->aside))
		return 0;
	r = put_move(dir_fd, at->aside_name, dir_fd, name);
	return r < 0 ? r : -ESTALE;
}

/* From wherever it is to 3. */
static int put_by_renames(const struct step *step, int dir_fd, const char *name, struct look *at)
{
	int r = is_there(&at->aside) ? 0 : clear_place(step, dir_fd, name, at);

	if (r == 0 && !is_there(&at->here))
		r = put_move(dir_fd, step->temp, dir_fd, name);
	return r < 0 ? r : rename_in(dir_fd, at->aside_name, step->temp);
}

/* What has gone from its place may have become another one after we looked. */
static int check_old(const struct step *step, int dir_fd)
{
	struct facts temp = {0};
	int r = look_at(dir_fd, step->temp, &temp);

	return r < 0 ? r : is_old(step, &temp) ? 0 : -ESTALE;
}

static int put_over(const struct step *step, int dir_fd, const char *name, struct look *at)
{
	bool is_cut_off = is_same(&step->old, &at->aside) &&
			  (is_staged(step, &at->here) ||
			   (!is_there(&at->here) && is_staged(step, &at->temp)));
	int r = -EINVAL;

	if (!is_cut_off) {
		if (is_staged(step, &at->here))
			return 0; /* It was done before. */
		if (!is_staged(step, &at->temp) || !is_old(step, &at->here))
			return -ESTALE;
		r = SYS_RAW(SYS_renameat2, dir_fd, step->temp, dir_fd, name, RENAME_EXCHANGE);
		if (is_unknown(r) && is_there(&at->aside))
			return -EEXIST;
	}
	if (is_unknown(r))
		r = put_by_renames(step, dir_fd, name, at);
	return r < 0 ? r : check_old(step, dir_fd);
}

static int put_new(const struct step *step, int dir_fd, const char *name, const struct look *at)
{
	if (is_staged(step, &at->here))
		return 0; /* It was done before. */
	if (!is_staged(step, &at->temp))
		return -ESTALE;
	return put_move(dir_fd, step->temp, dir_fd, name);
}

/* To a name of ours that nothing has. */
static int move_aside(const struct step *step, int dir_fd, const char *name)
{
	int r = SYS_RAW(SYS_renameat2, dir_fd, name, dir_fd, step->temp, RENAME_NOREPLACE);

	return is_unknown(r) ? rename_in(dir_fd, name, step->temp) : r;
}

static int put_aside(const struct step *step, int dir_fd, const char *name, const struct look *at)
{
	if (is_there(&at->temp))
		return 0; /* It was done before. */
	if (!is_old(step, &at->here))
		return -ESTALE;
	int r = move_aside(step, dir_fd, name);
	return r < 0 ? r : check_old(step, dir_fd);
}

int put_apply(const struct step *step, int dir_fd, const char *name)
{
	struct look at = {0};
	int r = look(step, dir_fd, name, &at);

	if (r < 0)
		return r;
	if (step->kind == STEP_REMOVE)
		return put_aside(step, dir_fd, name, &at);
	return step->had_old ? put_over(step, dir_fd, name, &at) : put_new(step, dir_fd, name, &at);
}

/* ---- backwards ---- */

/* From 2 to 1, or what is new to where it was made. */
static int withdraw(const struct step *step, int dir_fd, const char *name)
{
	struct facts temp = {0};
	int r = move_aside(step, dir_fd, name);

	if (r == 0)
		r = look_at(dir_fd, step->temp, &temp);
	if (r < 0 || is_staged(step, &temp))
		return r;
	r = put_move(dir_fd, step->temp, dir_fd, name);
	return r < 0 ? r : -ESTALE;
}

/* From 3 to 0, or to 2 where that is not one step. */
static int exchange_back(const struct step *step, int dir_fd, const char *name, struct look *at)
{
	/* What was there must be there, or there would be neither. */
	if (!is_there(&at->temp))
		return -ESTALE;
	int r = SYS_RAW(SYS_renameat2, dir_fd, name, dir_fd, step->temp, RENAME_EXCHANGE);
	if (!is_unknown(r))
		return r;
	r = rename_in(dir_fd, step->temp, at->aside_name);
	at->aside = at->temp;
	return r;
}

static int take_back_over(const struct step *step, int dir_fd, const char *name, struct look *at)
{
	bool in_place = is_staged(step, &at->here);
	int r = 0;

	if (in_place && !is_there(&at->aside))
		r = exchange_back(step, dir_fd, name, at);
	if (r < 0 || !is_there(&at->aside))
		return r;
	if (in_place)
		r = withdraw(step, dir_fd, name);
	else if (is_there(&at->here)) /* Somebody else's; what was there must not be forgotten. */
		return is_old(step, &at->aside) ? -EEXIST : 0;
	return r < 0 ? r : put_move(dir_fd, at->aside_name, dir_fd, name);
}

int put_take_back(const struct step *step, int dir_fd, const char *name)
{
	struct look at = {0};
	int r = look(step, dir_fd, name, &at);

	if (r < 0)
		return r;
	if (step->kind == STEP_REMOVE)
		return is_there(&at.temp) ? put_move(dir_fd, step->temp, dir_fd, name) : 0;
	if (step->had_old)
		return take_back_over(step, dir_fd, name, &at);
	if (!is_staged(step, &at.here))
		return 0;
	return is_there(&at.temp) ? -ESTALE : withdraw(step, dir_fd, name);
}
