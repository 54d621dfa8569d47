/* SPDX-License-Identifier: Apache-2.0
 *
 * What a learned policy says of the network. Where the box has its own there is nobody to reach,
 * and nothing to decide. Where it shares the host's, hooks let through what was done and refuse the
 * rest; hosts are written by inet_ntop, so Lua may have them as they are.
 */
#include "base/own.h"
#include "policy/learn.h"

#include <assert.h>
#include <string.h>

/* Ports from here on are handed out to who asks for any: another one each time. */
#define HANDED_OUT 32768U

static bool is_loopback(const struct learned_address *address)
{
	return strncmp(address->host, "127.", 4) == 0 || strcmp(address->host, "::1") == 0;
}

static int by_place(const void *a, const void *b)
{
	const struct learned_address *x = a;
	const struct learned_address *y = b;
	int order = strcmp(x->host, y->host);

	if (order != 0)
		return order;
	return (x->port > y->port) - (x->port < y->port);
}

static void add_table(struct buf *out, const struct learned_address *list, size_t count,
		      const char *name, bool taken)
{
	const char *handed_out = "";

	(void)buf_format(out, "local %s = {\n", name);
	for (size_t i = 0; i < count; i++) {
		const struct learned_address *one = &list[i];

		if (one->taken != taken || (taken && one->port == 0))
			continue;
		if (!is_loopback(one) || one->port < HANDED_OUT) {
			(void)buf_format(out, "\t[\"%s port %u\"] = true,\n", one->host, one->port);
			continue;
		}
		if (strcmp(handed_out, one->host) != 0)
			(void)buf_format(out, "\t[\"%s, any from %u\"] = true,\n", one->host,
					 HANDED_OUT);
		handed_out = one->host;
	}
	(void)buf_text(out, "}\n");
}

static const char rules[] =
	"\n"
	"local function only(known)\n"
	"\treturn function(call)\n"
	"\t\tlocal address = call.address\n"
	"\t\tif address.family == nil or address.family == \"AF_UNIX\" or\n"
	"\t\t    address.family == \"AF_NETLINK\" then\n"
	"\t\t\treturn -- none is named; the box's own; the kernel is asked about interfaces\n"
	"\t\tend\n"
	"\t\tif call.name == \"connect\" and address.family == \"AF_UNSPEC\" then\n"
	"\t\t\treturn -- disconnects\n"
	"\t\tend\n"
	"\t\tif call.name == \"bind\" and address.port == 0 then\n"
	"\t\t\treturn -- any port\n"
	"\t\tend\n"
	"\t\tif address.host and (known[address.host .. \" port \" .. address.port] or\n"
	"\t\t    address.port >= 32768 and known[address.host .. \", any from 32768\"]) then\n"
	"\t\t\treturn\n"
	"\t\tend\n"
	"\t\tlog(\"refused:\", call.name, address)\n"
	"\t\treturn deny \"EACCES\"\n"
	"\tend\n"
	"end\n"
	"\n"
	"on.connect, on.sendto, on.sendmsg = only(reached), only(reached), only(reached)\n"
	"on.bind = only(taken)\n"
	"\n";

static_assert(HANDED_OUT == 32768, "the rules say so, too");

static void add_wanted(struct buf *out, const struct learned_address *list, size_t count)
{
	(void)buf_text(out,
		       "-- It tried to reach what the box's own network does not have; learn with "
		       "--net host when it\n-- should:\n");
	for (size_t i = 0; i < count; i++)
		(void)buf_format(out, "--\t%s %s port %u\n", list[i].taken ? "bind" : "connect",
				 list[i].host, list[i].port);
}

void learned_add_network(const struct learned *learned, const struct policy *policy,
			 struct buf *out)
{
	enum net_mode net = learned->network ? policy->net : NET_NONE;
	size_t count = learned->address_count;

	if (count > 0)
		qsort(learned->addresses, count, sizeof(*learned->addresses), by_place);
	if (!learned->network)
		(void)buf_text(out, "-- No socket but Unix sockets.\n");
	else if (net == NET_HOST)
		(void)buf_text(
			out, "-- What it was in touch with, and it is to reach no more. A name may "
			     "lead to other addresses\n-- another day: what is refused is logged, "
			     "and can be added here.\n");
	else if (count > 0)
		add_wanted(out, learned->addresses, count);
	else
		(void)buf_text(out, "-- Sockets were used, within the box only.\n");
	(void)buf_format(out, "net \"%s\"\n\n", net_mode_name(net));
	if (net != NET_HOST)
		return;
	add_table(out, learned->addresses, count, "reached", false);
	add_table(out, learned->addresses, count, "taken", true);
	(void)buf_text(out, rules);
}
