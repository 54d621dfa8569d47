/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/pattern.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX 200 /* Lua's own */
#define NONE	  ((ptrdiff_t)-1)

static ptrdiff_t match(struct pattern *p, size_t s, size_t t);

static ptrdiff_t fail(struct pattern *p, const char *error)
{
	if (p->error == NULL)
		p->error = error;
	return NONE;
}

static bool spend(struct pattern *p, size_t steps)
{
	if (p->steps < steps) {
		p->steps = 0;
		(void)fail(p, "");
		return false;
	}
	p->steps -= steps;
	return p->error == NULL;
}

bool pattern_is_plain(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] != '\0' && strchr("^$*+?.([%-", text[i]) != NULL)
			return false;
	return true;
}

/* ---- one character ---- */

static bool in_class(unsigned char c, unsigned char class)
{
	bool found;

	switch (tolower(class)) {
	case 'a':
		found = isalpha(c);
		break;
	case 'c':
		found = iscntrl(c);
		break;
	case 'd':
		found = isdigit(c);
		break;
	case 'g':
		found = isgraph(c);
		break;
	case 'l':
		found = islower(c);
		break;
	case 'p':
		found = ispunct(c);
		break;
	case 's':
		found = isspace(c);
		break;
	case 'u':
		found = isupper(c);
		break;
	case 'w':
		found = isalnum(c);
		break;
	case 'x':
		found = isxdigit(c);
		break;
	case 'z':
		found = c == '\0'; /* Of old Lua; its library still knows it. */
		break;
	default:
		return class == c;
	}
	return isupper(class) ? !found : found;
}

/* Where the item at t ends (without what says how often); NONE with an error. */
static ptrdiff_t item_end(struct pattern *p, size_t t)
{
	char c = p->text[t++];

	if (c == '%') {
		if (t >= p->length)
			return fail(p, "malformed pattern (ends with '%')");
		return (ptrdiff_t)t + 1;
	}
	if (c != '[')
		return (ptrdiff_t)t;
	if (t < p->length && p->text[t] == '^')
		t++;
	do { /* A "]" that comes first is one of the set. */
		if (t >= p->length)
			return fail(p, "malformed pattern (missing ']')");
		if (p->text[t++] == '%')
			t++;
	} while (t >= p->length || p->text[t] != ']');
	return (ptrdiff_t)t + 1;
}

/* The set from t, its "[", to end, behind its "]". */
static bool in_set(struct pattern *p, unsigned char c, size_t t, size_t end)
{
	bool found = true;

	end--;
	if (!spend(p, (end - t) / 8))
		return false;
	t++;
	if (p->text[t] == '^') {
		found = false;
		t++;
	}
	for (; t < end; t++) {
		unsigned char first = (unsigned char)p->text[t];

		if (first == '%') {
			t++;
			if (in_class(c, (unsigned char)p->text[t]))
				return found;
		} else if (t + 2 < end && p->text[t + 1] == '-') {
			t += 2;
			if (first <= c && c <= (unsigned char)p->text[t])
				return found;
		} else if (first == c) {
			return found;
		}
	}
	return !found;
}

static bool is_item(struct pattern *p, size_t s, size_t t, size_t end)
{
	unsigned char c;

	if (s >= p->subject_length || !spend(p, 1))
		return false;
	c = (unsigned char)p->subject[s];
	switch (p->text[t]) {
	case '.':
		return true;
	case '%':
		return in_class(c, (unsigned char)p->text[t + 1]);
	case '[':
		return in_set(p, c, t, end);
	default:
		return (unsigned char)p->text[t] == c;
	}
}

/* ---- items that are more than one character ---- */

static ptrdiff_t repeat_most(struct pattern *p, size_t s, size_t t, size_t end)
{
	size_t count = 0;

	while (is_item(p, s + count, t, end))
		count++;
	for (;;) {
		ptrdiff_t found = match(p, s + count, end + 1);

		if (found != NONE || count == 0 || p->error != NULL)
			return found;
		count--;
	}
}

static ptrdiff_t repeat_least(struct pattern *p, size_t s, size_t t, size_t end)
{
	for (;;) {
		ptrdiff_t found = match(p, s, end + 1);

		if (found != NONE || p->error != NULL || !is_item(p, s, t, end))
			return found;
		s++;
	}
}

static ptrdiff_t begin_capture(struct pattern *p, size_t s, size_t t, bool position)
{
	if (p->count >= PATTERN_CAPTURES_MAX)
		return fail(p, "too many captures");
	p->captures[p->count++] =
		(struct pattern_capture){.start = s, .open = !position, .position = position};
	ptrdiff_t found = match(p, s, t);
	if (found == NONE)
		p->count--;
	return found;
}

static ptrdiff_t end_capture(struct pattern *p, size_t s, size_t t)
{
	unsigned i = p->count;

	while (i > 0 && !p->captures[i - 1].open)
		i--;
	if (i == 0)
		return fail(p, "invalid pattern capture");
	struct pattern_capture *capture = &p->captures[i - 1];
	capture->length = s - capture->start;
	capture->open = false;
	ptrdiff_t found = match(p, s, t);
	if (found == NONE)
		capture->open = true;
	return found;
}

/* "%bxy" at t: where the balanced text ends. */
static ptrdiff_t balance(struct pattern *p, size_t s, size_t t)
{
	size_t depth = 1;

	if (t + 3 >= p->length)
		return fail(p, "malformed pattern (missing arguments to '%b')");
	if (s >= p->subject_length || p->subject[s] != p->text[t + 2])
		return NONE;
	for (s++; s < p->subject_length && spend(p, 1); s++) {
		if (p->subject[s] == p->text[t + 3]) {
			if (--depth == 0)
				return (ptrdiff_t)s + 1;
		} else if (p->subject[s] == p->text[t + 2]) {
			depth++;
		}
	}
	return NONE;
}

/* "%f[set]" at t: is s where the set begins? Then where the item ends. */
static ptrdiff_t frontier(struct pattern *p, size_t s, size_t t)
{
	t += 2;
	if (t >= p->length || p->text[t] != '[')
		return fail(p, "missing '[' after '%f' in pattern");
	ptrdiff_t end = item_end(p, t);
	if (end == NONE)
		return NONE;
	unsigned char before = s == 0 ? '\0' : (unsigned char)p->subject[s - 1];
	unsigned char here = s < p->subject_length ? (unsigned char)p->subject[s] : '\0';
	return !in_set(p, before, t, (size_t)end) && in_set(p, here, t, (size_t)end) ? end : NONE;
}

/* "%1": the same text again; where it ends. */
static ptrdiff_t same_again(struct pattern *p, size_t s, char digit)
{
	int index = digit - '1';

	if (index < 0 || (unsigned)index >= p->count || p->captures[index].open)
		return fail(p, "invalid capture index");
	size_t length = p->captures[index].length;
	if (p->captures[index].position || p->subject_length - s < length ||
	    !spend(p, length / 16 + 1) ||
	    memcmp(p->subject + p->captures[index].start, p->subject + s, length) != 0)
		return NONE;
	return (ptrdiff_t)(s + length);
}

/* ---- all of it ---- */

/* What begins with "%" and is no class. False: it is one. On true *s and *t are behind it, or
 * *s is NONE. */
static bool special(struct pattern *p, ptrdiff_t *s, size_t *t)
{
	char c = *t + 1 < p->length ? p->text[*t + 1] : '\0';

	if (c == 'b') {
		*s = balance(p, (size_t)*s, *t);
		*t += 4;
	} else if (c == 'f') {
		ptrdiff_t end = frontier(p, (size_t)*s, *t);

		*s = end == NONE ? NONE : *s;
		*t = end == NONE ? *t : (size_t)end;
	} else if (c >= '0' && c <= '9') {
		*s = same_again(p, (size_t)*s, c);
		*t += 2;
	} else {
		return false;
	}
	return true;
}

/* The item at t as often as it says. *done: the rest has been matched too, this is the result;
 * else *s and *t are behind it. */
static ptrdiff_t item(struct pattern *p, size_t *s, size_t *t, bool *done)
{
	ptrdiff_t end = item_end(p, *t);

	*done = true;
	if (end == NONE)
		return NONE;
	switch ((size_t)end < p->length ? p->text[end] : '\0') {
	case '*':
		return repeat_most(p, *s, *t, (size_t)end);
	case '+':
		return is_item(p, *s, *t, (size_t)end) ? repeat_most(p, *s + 1, *t, (size_t)end)
						       : NONE;
	case '-':
		return repeat_least(p, *s, *t, (size_t)end);
	case '?':
		if (is_item(p, *s, *t, (size_t)end)) {
			ptrdiff_t found = match(p, *s + 1, (size_t)end + 1);

			if (found != NONE || p->error != NULL)
				return found;
		}
		*t = (size_t)end + 1;
		break;
	default:
		if (!is_item(p, *s, *t, (size_t)end))
			return NONE;
		(*s)++;
		*t = (size_t)end;
		break;
	}
	*done = false;
	return 0;
}

/* After an opening parenthesis. */
static ptrdiff_t match_group(struct pattern *p, size_t s, size_t t)
{
	bool position = t < p->length && p->text[t] == ')';

	return begin_capture(p, s, position ? t + 1 : t, position);
}

static bool is_anchor(const struct pattern *p, size_t t)
{
	return p->text[t] == '$' && t + 1 == p->length;
}

static ptrdiff_t match_here(struct pattern *p, size_t s, size_t t)
{
	while (p->error == NULL && t < p->length) {
		ptrdiff_t at = (ptrdiff_t)s;
		bool done;

		if (!spend(p, 1))
			return NONE;
		if (p->text[t] == '(')
			return match_group(p, s, t + 1);
		if (p->text[t] == ')')
			return end_capture(p, s, t + 1);
		if (is_anchor(p, t))
			return s == p->subject_length ? (ptrdiff_t)s : NONE;
		if (p->text[t] == '%' && special(p, &at, &t)) {
			if (at == NONE)
				return NONE;
			s = (size_t)at;
			continue;
		}
		at = item(p, &s, &t, &done);
		if (done)
			return at;
	}
	return p->error == NULL ? (ptrdiff_t)s : NONE;
}

static ptrdiff_t match(struct pattern *p, size_t s, size_t t)
{
	if (p->depth >= DEPTH_MAX)
		return fail(p, "pattern too complex");
	p->depth++;
	ptrdiff_t found = match_here(p, s, t);
	p->depth--;
	return found;
}

ptrdiff_t pattern_match(struct pattern *pattern, size_t start)
{
	pattern->count = 0;
	pattern->depth = 0;
	return match(pattern, start, 0);
}
