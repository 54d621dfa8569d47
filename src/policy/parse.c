/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as people write them: sizes, durations, counts, fractions. Exact integer arithmetic;
 * what does not fit is an error and never wraps.
 */
#include "policy/model.h"

#include <errno.h>
#include <strings.h>

/* Digits after the point that are looked at; more are accepted and have no weight. */
#define FRACTION_DIGITS_MAX 9

/* Reads "I", "I.F" or "I.F" without I; value = number * unit, rounded down. */
struct decimal {
	uint64_t whole;
	uint64_t fraction; /* of 10^9 */
};

static int decimal_read(const char **text, struct decimal *ret_decimal)
{
	struct decimal decimal = {0};
	const char *p = *text;
	bool digits = false;

	for (; *p >= '0' && *p <= '9'; p++, digits = true)
		if (__builtin_mul_overflow(decimal.whole, 10U, &decimal.whole) ||
		    __builtin_add_overflow(decimal.whole, (uint64_t)(*p - '0'), &decimal.whole))
			return -ERANGE;
	if (*p == '.') {
		uint64_t weight = 100000000;

		for (p++; *p >= '0' && *p <= '9'; p++, digits = true) {
			decimal.fraction += weight * (uint64_t)(*p - '0');
			weight /= 10;
		}
	}
	if (!digits)
		return -EINVAL;
	*text = p;
	*ret_decimal = decimal;
	return 0;
}

/* unit is at most 2^40, so that the product with a fraction below 10^9 < 2^30 cannot be too large
 * after it has been split. */
static int decimal_times(struct decimal decimal, uint64_t unit, uint64_t *ret_value)
{
	uint64_t value;

	if (__builtin_mul_overflow(decimal.whole, unit, &value))
		return -ERANGE;
	uint64_t high = unit / 1000000000 * decimal.fraction;
	uint64_t low = unit % 1000000000 * decimal.fraction / 1000000000;
	if (__builtin_add_overflow(value, high + low, &value))
		return -ERANGE;
	*ret_value = value;
	return 0;
}

/* The suffix that text is, exactly; upper and lower case are the same. */
struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit *unit_find(const struct unit *units, const char *text)
{
	for (; units->suffix != NULL; units++)
		if (strcasecmp(units->suffix, text) == 0)
			return units;
	return NULL;
}

static int parse_with_units(const char *text, const struct unit *units, uint64_t *ret_value)
{
	struct decimal decimal;
	int r = decimal_read(&text, &decimal);

	if (r < 0)
		return r;
	const struct unit *unit = unit_find(units, text);
	if (unit == NULL)
		return -EINVAL;
	return decimal_times(decimal, unit->factor, ret_value);
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{"", 1},
		{"b", 1},
		{"k", 1ULL << 10},
		{"kb", 1ULL << 10},
		{"kib", 1ULL << 10},
		{"m", 1ULL << 20},
		{"mb", 1ULL << 20},
		{"mib", 1ULL << 20},
		{"g", 1ULL << 30},
		{"gb", 1ULL << 30},
		{"gib", 1ULL << 30},
		{"t", 1ULL << 40},
		{"tb", 1ULL << 40},
		{"tib", 1ULL << 40},
		{NULL, 0},
	};

	return parse_with_units(text, units, ret_bytes);
}

int parse_duration_ms(const char *text, uint64_t *ret_ms)
{
	static const struct unit units[] = {
		{"", 1000},	{"ms", 1},	 {"s", 1000}, {"m", 60000},
		{"h", 3600000}, {"d", 86400000}, {NULL, 0},
	};

	return parse_with_units(text, units, ret_ms);
}

int parse_milli(const char *text, uint32_t *ret_milli)
{
	static const struct unit units[] = {{"", 1000}, {NULL, 0}};
	uint64_t value;
	int r = parse_with_units(text, units, &value);

	if (r < 0)
		return r;
	if (value > UINT32_MAX)
		return -ERANGE;
	*ret_milli = (uint32_t)value;
	return 0;
}

int parse_count(const char *text, uint32_t *ret_count)
{
	uint32_t count = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(count, 10U, &count) ||
		    __builtin_add_overflow(count, (uint32_t)(*text - '0'), &count))
			return -ERANGE;
	}
	*ret_count = count;
	return 0;
}
