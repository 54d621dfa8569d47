/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/explain.h"

#include "base/err.h"
#include "base/own.h"
#include "policy/model.h"
#include "policy/script.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define LINE_WIDTH 96

/* Appends are not checked one by one: a buffer that failed stays failed. */
static int result(const struct buf *out)
{
	return out->failed ? -E2BIG : 0;
}

static void add(struct buf *out, const char *text)
{
	(void)buf_text(out, text); /* See result(). */
}

static void add_name(struct buf *out, const char *name)
{
	(void)buf_escaped(out, name, strlen(name)); /* See result(). */
}

static void pad(struct buf *out, size_t start, size_t width)
{
	do
		add(out, " ");
	while (!out->failed && out->length < start + width);
}

const char *answer_text(struct answer answer)
{
	if (answer.kind == ANSWER_NATIVE)
		return "native";
	if (answer.kind == ANSWER_ASK)
		return "ask";
	return errno_name(answer.refuse != 0 ? answer.refuse : ENOSYS);
}

/* ---- files ---- */

/* A rule that a later one for the same path pushes aside says nothing. */
static bool is_pushed_aside(const struct policy *policy, size_t index)
{
	for (size_t i = index + 1; i < policy->path_count; i++)
		if (strcmp(policy->paths[i].guest, policy->paths[index].guest) == 0)
			return true;
	return false;
}

static void explain_rule(const struct path_rule *rule, struct buf *out)
{
	size_t start = out->length;

	add(out, "  ");
	add(out, path_class_name(rule->class));
	pad(out, start, 11);
	add_name(out, rule->guest);
	if (strcmp(rule->host, rule->guest) != 0) {
		add(out, " (the host's ");
		add_name(out, rule->host);
		add(out, ")");
	}
	pad(out, start, 48);
	add_name(out, rule->origin);
	add(out, rule->optional ? ", where there is one\n" : "\n");
}

static void explain_files(const struct policy *policy, struct buf *out, bool all)
{
	size_t hidden = 0;

	add(out, "files: enforced by the world; the longest path decides, all else is hidden\n");
	for (size_t i = 0; i < policy->path_count; i++) {
		const struct path_rule *rule = &policy->paths[i];

		if (is_pushed_aside(policy, i))
			continue;
		if (!all && rule->optional && rule->class == PATH_HIDE)
			hidden++;
		else
			explain_rule(rule, out);
	}
	if (hidden > 0)
		(void)buf_format(out, "  hide       %zu known places of secrets and sockets\n",
				 hidden);
	if (policy->path_count == 0)
		add(out, "  nothing is shown\n");
}

/* ---- network, limits, environment, names ---- */

static void explain_net(const struct policy *policy, struct buf *out)
{
	static const char *const texts[] = {
		[NET_OWN] = "the box's own loopback and nothing else",
		[NET_NONE] = "Unix sockets within the box only",
		[NET_HOST] = "the host's network",
	};

	add(out, "network: enforced by the world\n  ");
	(void)buf_format(out, "%s: %s", net_mode_name(policy->net), texts[policy->net]);
	if (policy->net_origin != NULL) {
		add(out, " (");
		add_name(out, policy->net_origin);
		add(out, ")");
	}
	add(out, "\n");
}

static void explain_size(struct buf *out, const char *name, uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;

	if (bytes == 0)
		return;
	while (unit + 1 < ARRAY_LENGTH(units) && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	(void)buf_format(out, "  %-8s %llu %s\n", name, (unsigned long long)bytes, units[unit]);
}

static void explain_limits(const struct limits *limits, struct buf *out)
{
	size_t start;

	add(out, "limits\n");
	start = out->length;
	explain_size(out, "memory", limits->memory_bytes);
	explain_size(out, "disk", limits->disk_bytes);
	if (limits->wall_ms > 0)
		(void)buf_format(out, "  wall     %llu.%03u seconds\n",
				 (unsigned long long)(limits->wall_ms / 1000),
				 (unsigned)(limits->wall_ms % 1000));
	if (limits->tasks > 0)
		(void)buf_format(out, "  tasks    %u\n", limits->tasks);
	if (limits->cpu_milli > 0)
		(void)buf_format(out, "  cpu      %u.%03u processors\n", limits->cpu_milli / 1000,
				 limits->cpu_milli % 1000);
	if (out->length == start)
		add(out, "  none were asked for\n");
}

static void explain_env(const struct policy *policy, struct buf *out)
{
	add(out, "environment: made by the launcher\n");
	for (size_t i = 0; i < policy->env_count; i++) {
		const struct env_entry *entry = &policy->env[i];

		add(out, "  ");
		add_name(out, entry->name);
		if (entry->value != NULL) {
			add(out, "=");
			add_name(out, entry->value);
		}
		add(out, entry->value == NULL ? " (the caller's)\n" : "\n");
	}
	if (policy->env_count == 0)
		add(out, "  empty\n");
}

static void explain_names(const struct policy *policy, struct buf *out)
{
	add(out, "names\n  cwd      ");
	add_name(out, policy->cwd != NULL ? policy->cwd : "the caller's, or /");
	add(out, "\n  hostname ");
	add_name(out, policy->hostname != NULL ? policy->hostname : "box");
	add(out, "\n  user     ");
	add_name(out, policy->user != NULL ? policy->user : "the caller");
	add(out, "\n");
}

static void explain_registry_rule(const struct registry_rule *rule, struct buf *out)
{
	add(out, "  ");
	add(out, rule->key);
	if (rule->name != NULL) {
		add(out, " : ");
		add(out, rule->name[0] != '\0' ? rule->name : "(Default)");
	}
	if (rule->kind == REGISTRY_ABSENT) {
		add(out, " does not exist");
	} else if (rule->kind == REGISTRY_NUMBER) {
		(void)buf_format(out, " = 0x%x", rule->number);
	} else {
		add(out, " = \"");
		add(out, rule->text);
		add(out, "\"");
	}
	add(out, "\n");
}

static void explain_windows(const struct windows_policy *windows, struct buf *out)
{
	bool said = windows->registry_count > 0;

	for (enum windows_name name = 0; name < WINDOWS_NAME_COUNT; name++)
		said |= windows->names[name] != NULL;
	if (!said)
		return;
	add(out, "windows: what a Windows box begins with; checked by nobody\n");
	for (enum windows_name name = 0; name < WINDOWS_NAME_COUNT; name++) {
		size_t start = out->length;

		if (windows->names[name] == NULL)
			continue;
		add(out, "  ");
		add(out, windows_names[name]);
		pad(out, start, 11);
		add(out, windows->names[name]);
		add(out, "\n");
	}
	for (size_t i = 0; i < windows->registry_count; i++)
		explain_registry_rule(&windows->registry[i], out);
}

/* ---- calls ---- */

const char *plan_enforcer(const struct plan *plan, enum sc sc, struct answer answer)
{
	struct answer installed = plan_guard_answer(plan, sc, answer);

	if (installed.kind == ANSWER_ASK || installed.kind == ANSWER_STOP)
		return "monitor";
	return answer.kind == ANSWER_NATIVE ? "kernel" : "guard";
}

const char *route_name(uint8_t route)
{
	return route == ROUTE_STOP ? "stop" : "notify";
}

static bool is_refused(const struct plan_entry *entry)
{
	return entry->answer.kind == ANSWER_REFUSE && entry->rule_count == 0;
}

/* Who wants to see the call, and how it comes before them. */
static void explain_hooks_of(const struct plan *plan, const struct policy *policy, enum sc sc,
			     struct buf *out)
{
	const struct script *script = policy->script;

	for (size_t i = 0; script != NULL && i < script->hook_count; i++) {
		const struct script_hook *hook = &script->hooks[i];

		if (!script_hook_wants(hook, sc) || is_refused(&plan->entries[sc]))
			continue;
		(void)buf_format(out, "      %s by %s: ", script_when_name(hook->when),
				 route_name(plan->entries[sc].route));
		add_name(out, hook->origin);
		add(out, "\n");
	}
}

static void explain_call(const struct plan *plan, const struct policy *policy, enum sc sc,
			 struct buf *out)
{
	const struct plan_entry *entry = &plan->entries[sc];
	size_t start = out->length;

	add(out, "  ");
	add(out, entry->call->name);
	pad(out, start, 26);
	add(out, answer_text(entry->answer));
	pad(out, start, 44);
	add(out, plan_enforcer(plan, sc, entry->answer));
	pad(out, start, 53);
	add_name(out, entry->origin);
	add(out, "\n");
	if (entry->before != NULL)
		(void)buf_format(out, "      %s (host files can be written)\n",
				 entry->before->text);
	for (size_t i = 0; i < entry->rule_count; i++)
		(void)buf_format(out, "      %s\n", entry->rules[i].text);
	if (entry->call->why[0] != '\0' && strcmp(entry->origin, "table") == 0)
		(void)buf_format(out, "      %s\n", entry->call->why);
	explain_hooks_of(plan, policy, sc, out);
}

static bool asks(const struct plan_entry *entry)
{
	bool found = entry->answer.kind == ANSWER_ASK;

	for (size_t i = 0; i < entry->rule_count; i++)
		found = found || entry->rules[i].answer.kind == ANSWER_ASK;
	return found;
}

enum call_group {
	GROUP_DECIDED,
	GROUP_HOOKED,
	GROUP_ASKED,
	GROUP_RULES,
	GROUP_REFUSED,
	GROUP_NATIVE,
};

static enum call_group call_group(const struct plan_entry *entry)
{
	if (strcmp(entry->origin, "table") != 0)
		return GROUP_DECIDED;
	if (entry->hooks != 0 && !is_refused(entry))
		return GROUP_HOOKED;
	if (asks(entry))
		return GROUP_ASKED;
	if (entry->rule_count > 0 || entry->before != NULL)
		return GROUP_RULES;
	return entry->answer.kind == ANSWER_REFUSE ? GROUP_REFUSED : GROUP_NATIVE;
}

/* The names of a group in lines of text; the number of them. */
static size_t list_group(const struct plan *plan, enum call_group group, struct buf *out)
{
	size_t count = 0;
	size_t width = LINE_WIDTH;

	for (size_t i = 0; i < SC_COUNT; i++) {
		const char *name = plan->entries[i].call->name;

		if (call_group(&plan->entries[i]) != group)
			continue;
		count++;
		width += strlen(name) + 1;
		if (width > LINE_WIDTH) {
			add(out, count == 1 ? "   " : "\n   ");
			width = 3 + strlen(name) + 1;
		}
		add(out, " ");
		add(out, name);
	}
	add(out, count > 0 ? "\n" : "    none\n");
	return count;
}

static size_t explain_group(const struct plan *plan, const struct policy *policy,
			    enum call_group group, struct buf *out)
{
	size_t count = 0;

	for (enum sc sc = 0; sc < SC_COUNT; sc++) {
		if (call_group(&plan->entries[sc]) != group)
			continue;
		explain_call(plan, policy, sc, out);
		count++;
	}
	return count;
}

static size_t count_group(const struct plan *plan, enum call_group group)
{
	size_t count = 0;

	for (size_t i = 0; i < SC_COUNT; i++)
		count += call_group(&plan->entries[i]) == group;
	return count;
}

/* A line for each hook: what for, by which route, where it stands. */
static void explain_hook(const struct plan *plan, const struct script_hook *hook, struct buf *out)
{
	bool single = hook->name[0] != '%' && hook->name[0] != '*';
	size_t start = out->length;
	size_t notify = 0;
	size_t stop = 0;

	for (enum sc sc = 0; sc < SC_COUNT; sc++) {
		if (!script_hook_wants(hook, sc) || is_refused(&plan->entries[sc]))
			continue;
		if (plan->entries[sc].route == ROUTE_STOP)
			stop++;
		else
			notify++;
	}
	(void)buf_format(out, single ? "    %s.%s" : "    %s[\"%s\"]", script_when_name(hook->when),
			 hook->name);
	pad(out, start, 28);
	if (notify + stop == 0)
		add(out, "never: the call is refused");
	else if (single)
		add(out, stop > 0 ? "stop" : "notify");
	else
		(void)buf_format(out, "%zu by notify, %zu by stop", notify, stop);
	pad(out, start, 56);
	add_name(out, hook->origin);
	add(out, "\n");
}

static void explain_hooks(const struct plan *plan, const struct policy *policy, struct buf *out,
			  bool all)
{
	const struct script *script = policy->script;

	if (script == NULL)
		return;
	add(out, "  seen by hooks, in the monitor:\n");
	for (size_t i = 0; i < script->hook_count; i++)
		explain_hook(plan, &script->hooks[i], out);
	if (all)
		(void)explain_group(plan, policy, GROUP_HOOKED, out);
}

static void explain_calls(const struct plan *plan, const struct policy *policy, struct buf *out,
			  bool all)
{
	add(out, "system calls: what the table does not have is refused by the guard\n");
	if (count_group(plan, GROUP_DECIDED) > 0) {
		add(out, "  decided by the policy or for this run:\n");
		(void)explain_group(plan, policy, GROUP_DECIDED, out);
	}
	explain_hooks(plan, policy, out, all);
	add(out, "  decided by the monitor:\n");
	if (explain_group(plan, policy, GROUP_ASKED, out) == 0)
		add(out, "    none\n");
	add(out, "  decided by their arguments, in the guard:\n");
	if (all)
		(void)explain_group(plan, policy, GROUP_RULES, out);
	else
		(void)list_group(plan, GROUP_RULES, out);
	(void)buf_format(out, "  refused%s:\n",
			 plan->options.report_refusals ? ", and written down by the monitor"
						       : " by the guard");
	if (all)
		(void)explain_group(plan, policy, GROUP_REFUSED, out);
	else
		(void)list_group(plan, GROUP_REFUSED, out);
	if (all) {
		add(out, "  done by the kernel, within the world:\n");
		(void)explain_group(plan, policy, GROUP_NATIVE, out);
	} else {
		(void)buf_format(out, "  done by the kernel, within the world: %zu others\n",
				 count_group(plan, GROUP_NATIVE));
	}
}

int plan_explain(const struct plan *plan, const struct policy *policy, struct buf *out, bool all)
{
	explain_files(policy, out, all);
	explain_net(policy, out);
	explain_limits(&policy->limits, out);
	explain_env(policy, out);
	explain_names(policy, out);
	explain_windows(&policy->windows, out);
	explain_calls(plan, policy, out, all);
	return result(out);
}
