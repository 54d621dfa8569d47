/* SPDX-License-Identifier: Apache-2.0
 *
 * Which drives there are, programs ask for by the links of the object directory \??, which in Wine
 * a service makes. In a light box the first program that looks makes them, of the same names as
 * that service would give them; they stay as long as Wine's server.
 */
#include "windows/nt/light.h"

#include <dirent.h>
#include <stddef.h>
#include <string.h>

/* Wine's numbers. */
#define CLOSE	       0x15
#define CREATE_LINK    0x2b
#define OPEN_DIRECTORY 0x5c
#define OPEN_LINK      0x6c
#define QUERY_OBJECT   0x89

#define CASE_INSENSITIVE 0x40
#define PERMANENT	 0x10
#define QUERY_LINK	 1
#define OBJECT_NAME	 1

struct text {
	uint16_t length; /* bytes */
	uint16_t size;
	const uint16_t *units;
};

struct attributes {
	uint32_t length;
	void *root;
	const struct text *name;
	uint32_t flags;
	void *security;
	void *quality;
};

typedef uint32_t(SERVICE *open_object)(void **handle, uint32_t access,
				       const struct attributes *attributes);
typedef uint32_t(SERVICE *create_link)(void **handle, uint32_t access,
				       const struct attributes *attributes,
				       const struct text *target);
typedef uint32_t(SERVICE *close_handle)(void *handle);
typedef uint32_t(SERVICE *query_object)(void *handle, uint32_t what, void *buffer, uint32_t size,
					uint32_t *ret_length);

static open_object wine_open_directory;
static open_object wine_open_link;
static create_link wine_create_link;
static close_handle wine_close;
static query_object wine_query_object;

static struct text text_of(uint16_t *units, const char *from)
{
	size_t length = strlen(from);

	for (size_t i = 0; i < length; i++)
		units[i] = (unsigned char)from[i];
	return (struct text){(uint16_t)(2 * length), (uint16_t)(2 * length), units};
}

static uint16_t lower(uint16_t unit)
{
	return unit >= 'A' && unit <= 'Z' ? unit + 'a' - 'A' : unit;
}

static bool starts(const struct text *text, const char *start)
{
	size_t i = 0;

	for (; start[i] != '\0' && 2 * i < text->length; i++)
		if (lower(text->units[i]) != (unsigned char)start[i])
			return false;
	return start[i] == '\0';
}

/* "\??" or "\DosDevices", or a name there. */
static bool is_of_devices(const struct attributes *attributes)
{
	const struct text *name = attributes == NULL ? NULL : attributes->name;

	return name != NULL && name->units != NULL &&
	       (starts(name, "\\??") || starts(name, "\\dosdevices"));
}

static bool is_there(const struct attributes *attributes)
{
	void *handle = NULL;

	if (wine_open_link(&handle, QUERY_LINK, attributes) != STATUS_SUCCESS)
		return false;
	(void)wine_close(handle);
	return true;
}

/* False: it was there, as all others are then. */
static bool make_link(char letter, unsigned number)
{
	char name[] = "\\??\\?:";
	char target[] = "\\Device\\HarddiskVolume??";
	uint16_t name_units[sizeof(name)];
	uint16_t target_units[sizeof(target)];
	size_t end = sizeof(target) - 3;
	void *handle = NULL;

	name[4] = letter;
	if (number >= 10)
		target[end++] = (char)('0' + number / 10);
	target[end++] = (char)('0' + number % 10);
	target[end] = '\0';
	const struct text name_text = text_of(name_units, name);
	const struct text target_text = text_of(target_units, target);
	const struct attributes attributes = {
		.length = sizeof(attributes),
		.name = &name_text,
		.flags = CASE_INSENSITIVE | PERMANENT,
	};
	if (is_there(&attributes))
		return false;
	if (wine_create_link(&handle, QUERY_LINK, &attributes, &target_text) == STATUS_SUCCESS)
		(void)wine_close(handle);
	return true;
}

/* The letters that lead somewhere. */
static unsigned find_letters(bool letters[26])
{
	unsigned count = 0;
	DIR *dir = opendir("/wine/dosdevices");
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		if (name[0] >= 'a' && name[0] <= 'z' && name[1] == ':' && name[2] == '\0') {
			letters[name[0] - 'a'] = true;
			count++;
		}
	}
	if (dir != NULL)
		(void)closedir(dir);
	return count;
}

/* Numbered in the order of the alphabet; the last is made first: where that is there, all are. */
static void make_links(void)
{
	bool letters[26] = {false};
	unsigned number = find_letters(letters);

	for (int i = 26; i-- > 0;)
		if (letters[i] && !make_link((char)('A' + i), number--))
			return;
}

/* Of "\Device\HarddiskVolume2" the second; also where the service has made them. */
static char letter_of_volume(const struct text *name)
{
	static const char start[] = "\\device\\harddiskvolume";
	bool letters[26] = {false};
	unsigned number = 0;

	if (!starts(name, start))
		return '\0';
	for (size_t i = sizeof(start) - 1; 2 * i < name->length && number < 100; i++)
		number = 10 * number + (name->units[i] - '0') % 10U;
	(void)find_letters(letters);
	for (int i = 0; i < 26; i++)
		if (letters[i] && --number == 0)
			return (char)('A' + i);
	return '\0';
}

static void make_once(const struct attributes *attributes)
{
	static bool made;

	if (made || !is_of_devices(attributes))
		return;
	made = true;
	make_links();
}

static SERVICE uint32_t answer_open_directory(void **handle, uint32_t access,
					      const struct attributes *attributes)
{
	make_once(attributes);
	return wine_open_directory(handle, access, attributes);
}

static SERVICE uint32_t answer_open_link(void **handle, uint32_t access,
					 const struct attributes *attributes)
{
	make_once(attributes);
	return wine_open_link(handle, access, attributes);
}

void drives_take_services(uintptr_t *services)
{
	wine_query_object = (query_object)services[QUERY_OBJECT];
	if (!light_is_light())
		return;
	wine_open_directory = (open_object)services[OPEN_DIRECTORY];
	wine_open_link = (open_object)services[OPEN_LINK];
	wine_create_link = (create_link)services[CREATE_LINK];
	wine_close = (close_handle)services[CLOSE];
	services[OPEN_DIRECTORY] = (uintptr_t)answer_open_directory;
	services[OPEN_LINK] = (uintptr_t)answer_open_link;
}

/* Its name as NT has it is "\??\C:\...", or the device's. */
char drives_letter(void *handle)
{
	_Alignas(struct text) unsigned char buffer[8192];
	const struct text *name = (const struct text *)buffer;
	uint32_t length = 0;

	if (wine_query_object(handle, OBJECT_NAME, buffer, sizeof(buffer), &length) !=
		    STATUS_SUCCESS ||
	    name->units == NULL)
		return '\0';
	if (name->length < 12 || !starts(name, "\\??\\") || name->units[5] != ':')
		return letter_of_volume(name);
	uint16_t letter = lower(name->units[4]);
	return letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : '\0';
}
