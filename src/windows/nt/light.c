/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/nt/light.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <locale.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a volume is called and its serial number Wine asks a service for, which a light box has not,
 * and "dir" fails. Then they are told here: no label, and a number made of the one that cloche's
 * policy has put where that service would look for it. C: has that number, and each other drive
 * one of its own, in all boxes. */

#define STATUS_NOT_IMPLEMENTED 0xc0000002U
#define VOLUME_INFORMATION     1
#define SERVICES_MAX	       512
#define QUERY_VOLUME	       0x98 /* Wine's number, of both bitnesses */
#define DEFAULT_SERIAL	       0x5c10c4e1U

#ifdef __x86_64__
#define FRAME_OFFSET "0x328"
#define FRAME_TABLE  0xa8
#else
#define FRAME_OFFSET "0x1f8"
#define FRAME_TABLE  0x38
#endif

struct service_table {
	const uintptr_t *services;
	void *counters;
	uintptr_t limit;
	const unsigned char *arguments;
};

struct volume_information {
	uint64_t created;
	uint32_t serial;
	uint32_t label_length;
	uint8_t has_objects;
	uint8_t unused;
	uint16_t label[3];
};

typedef uint32_t(SERVICE *query_volume)(void *handle, struct io_status *io, void *buffer,
					uint32_t length, uint32_t what);

static query_volume wine_query_volume;

static uint32_t serial_number(void)
{
	char text[16] = "";
	int fd = open("/wine/drive_c/.windows-serial", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		(void)close(fd);
	return n > 0 ? (uint32_t)strtoul(text, NULL, 16) : DEFAULT_SERIAL;
}

/* Neighbours are to look as if somebody had formatted them one after the other. */
static uint32_t serial_of(char letter)
{
	uint32_t number = serial_number();

	if (letter == '\0' || letter == 'C')
		return number;
	number ^= (uint32_t)letter * 0x9e3779b1U;
	number ^= number >> 15;
	number *= 0x85ebca6bU;
	return number ^ number >> 13;
}

static SERVICE uint32_t answer_query_volume(void *handle, struct io_status *io, void *buffer,
					    uint32_t length, uint32_t what)
{
	struct volume_information *information = buffer;
	uint32_t status = wine_query_volume(handle, io, buffer, length, what);

	if ((status != STATUS_NOT_IMPLEMENTED && status != 0) || what != VOLUME_INFORMATION ||
	    length < sizeof(*information))
		return status;
	if (status == 0) {
		information->serial = serial_of(drives_letter(handle));
		return 0;
	}
	*information = (struct volume_information){.serial = serial_of(drives_letter(handle)),
						   .has_objects = 1};
	io->status = 0;
	io->length = offsetof(struct volume_information, label);
	return 0;
}

/* Wine's table of services belongs to the frame of the thread's system calls. */
void light_take_services(void)
{
	static uintptr_t services[SERVICES_MAX];
	const char *frame;

	if (wine_query_volume != NULL)
		return;
	FROM_THREAD(frame, FRAME_OFFSET);
	struct service_table *table = *(struct service_table *const *)(frame + FRAME_TABLE);

	if (table->limit <= QUERY_VOLUME || table->limit > SERVICES_MAX)
		return;
	memcpy(services, table->services, table->limit * sizeof(services[0]));
	wine_query_volume = (query_volume)services[QUERY_VOLUME];
	services[QUERY_VOLUME] = (uintptr_t)answer_query_volume;
	drives_take_services(services);
	pipes_take_services(services);
	stack_take_services(services);
	zone_take_services(services);
	table->services = services;
}

/* Wine takes its locale from the names of the C library's. Whose files are not there, that one
 * would refuse; it is set to C.UTF-8, and Wine is told what LANG says. */
__attribute__((visibility("default"))) char *setlocale(int category, const char *name)
{
	char *(*next)(int, const char *) = dlsym(RTLD_NEXT, "setlocale");
	char *language = getenv("LANG");

	if (name == NULL && language != NULL && language[0] != '\0' &&
	    (category == LC_CTYPE || category == LC_MESSAGES))
		return language;
	return next(category, name);
}

bool light_is_light(void)
{
	const char *overrides = getenv("WINEDLLOVERRIDES");

	return overrides != NULL && strstr(overrides, "wineboot.exe=d") != NULL;
}

/* Wine's first process starts wineboot and waits for its end, also where that is switched off: then
 * a whole process comes into being to say that it cannot. It ends before it has begun here. */
__attribute__((visibility("default"))) int execv(const char *path, char *const *argv)
{
	static const char boot[] = "C:\\windows\\system32\\wineboot.exe";
	bool light = light_is_light();

	for (char *const *word = argv; light && *word != NULL; word++)
		if (strstr(*word, boot) != NULL && word[1] != NULL &&
		    strcmp(word[1], "--init") == 0)
			_exit(1);
	return execve(path, argv, environ);
}
