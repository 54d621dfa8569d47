/* SPDX-License-Identifier: Apache-2.0
 *
 * Each process asks for its time zone when it begins, and Wine finds out by reading one zone after
 * the other in the registry until it comes to one like that of the C library: with UTC, which a box
 * has unless somebody has set TZ, these are half of all that a short program asks Wine's server.
 * What Wine would find is told here at once.
 */
#include "windows/nt/light.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_LENGTH_MISMATCH 0xc0000004U
#define STATUS_VIOLATION       0xc0000005U

#define QUERY_SYSTEM 0x91 /* Wine's number, of both bitnesses */
#define ZONE	     44	  /* as far as `key` */
#define DYNAMIC_ZONE 102

struct zone {
	int32_t bias;
	uint16_t standard_name[32];
	uint16_t standard_date[8];
	int32_t standard_bias;
	uint16_t daylight_name[32];
	uint16_t daylight_date[8];
	int32_t daylight_bias;
	uint16_t key[128];
	uint8_t is_fixed;
};

_Static_assert(offsetof(struct zone, key) == 172, "as Windows has it");
_Static_assert(sizeof(struct zone) == 432, "as Windows has it");

typedef uint32_t(SERVICE *query_system)(uint32_t what, void *buffer, uint32_t size,
					uint32_t *ret_length);

static query_system wine_query_system;

static bool is_utc(void)
{
	const char *zone = getenv("TZ");

	return (zone == NULL || zone[0] == '\0') && access("/etc/localtime", F_OK) != 0;
}

static void put(uint16_t *units, const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++)
		units[i] = (unsigned char)text[i];
}

static SERVICE uint32_t answer_query_system(uint32_t what, void *buffer, uint32_t size,
					    uint32_t *ret_length)
{
	uint32_t length = what == ZONE ? offsetof(struct zone, key) : sizeof(struct zone);
	struct zone zone = {.daylight_bias = -60};

	if ((what != ZONE && what != DYNAMIC_ZONE) || !is_utc())
		return wine_query_system(what, buffer, size, ret_length);
	put(zone.standard_name, "@tzres.dll,-47168");
	put(zone.daylight_name, "@tzres.dll,-47169");
	put(zone.key, "Greenwich Standard Time");
	if (ret_length != NULL)
		*ret_length = length;
	if (size < length)
		return STATUS_LENGTH_MISMATCH;
	if (buffer == NULL)
		return STATUS_VIOLATION;
	memcpy(buffer, &zone, length);
	return STATUS_SUCCESS;
}

void zone_take_services(uintptr_t *services)
{
	wine_query_system = (query_system)services[QUERY_SYSTEM];
	services[QUERY_SYSTEM] = (uintptr_t)answer_query_system;
}
