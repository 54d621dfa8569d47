# SPDX-License-Identifier: Apache-2.0
"""Turns calls.tbl into C and documentation, or compares it with the kernel headers of this host.

    gen_calls.py make TABLE OUTDIR      writes calls.gen.h, roles.gen.h, calls.gen.c, CALLS.md
    gen_calls.py check TABLE CC...      fails when the headers know a call that the table does not

The format is explained at the top of the table. Whatever is malformed or there twice is an error
with file and line. Constants are left to the C compiler, which finds them in constants.h.
"""
import errno
import re
import subprocess
import sys
from pathlib import Path

ABIS = {'x86_64': 'unistd_64.h', 'i386': 'unistd_32.h'}
ANSWERS = {'native': 'ANSWER_NATIVE', 'hot': 'ANSWER_NATIVE', 'ask': 'ANSWER_ASK'}
NAME = re.compile(r'[a-z_][a-z0-9_]*$')
CONSTANT = re.compile(r'~?(?:[A-Z0-9_x]+|0x[0-9a-f]+|\([A-Z0-9_]+(?:\|[A-Z0-9_]+)*\))'
                      r'(?:\|[A-Z0-9_]+)*$')
TEST = re.compile(r'(\w+)(?: & (\S+))? (==|in|any) (\S+(?: (?!and )\S+)*)$')
ARGUMENT = re.compile(r'(?:(\w+):)?(\w+)(?:\((\w+)(?:,(\w+))?\))?$')
TESTS_MAX = 2
ARGS_MAX = 6
NO_ARG = 255


class Bad(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Bad(text)


def parse_answer(words):
    """['native'] or ['refuse', 'EPERM'] as C."""
    if words[0] in ANSWERS and len(words) == 1:
        return f'{{ .kind = {ANSWERS[words[0]]} }}'
    need(words[0] == 'refuse' and len(words) <= 2, f'no answer: {" ".join(words)}')
    code = words[1] if len(words) == 2 else 'ENOSYS'
    need(code[0] == 'E' and hasattr(errno, code), f'no errno: {code}')
    return f'{{ .kind = ANSWER_REFUSE, .refuse = {code} }}'


class Call:
    def __init__(self, words, line, table):
        self.line = line
        need(len(words) >= 5, 'a row is: name x86_64 i386 family answer arguments')
        self.name, family, self.answer_word = words[0], words[3], words[4]
        need(NAME.match(self.name), f'no name: {self.name}')
        self.numbers = [-1 if word == '-' else int(word) for word in words[1:3]]
        need(all(word == '-' or word.isdigit() for word in words[1:3]), 'a number, or -')
        need(max(self.numbers) >= 0, 'a call of no ABI')
        need(family in table.families, f'no family: {family}')
        self.family = family
        refused = self.answer_word not in ANSWERS
        self.answer = parse_answer(['refuse'] * refused + [self.answer_word])
        self.hot = self.answer_word == 'hot'
        self.words = words[5:]
        self.args = self.parse_args(self.words, table)
        self.i386_args, self.rules, self.why = None, [], []
        self.rules_as_written, self.takes, self.returns = [], [], []

    @staticmethod
    def parse_args(words, table):
        args = []
        for word in words:
            match = ARGUMENT.match(word)
            need(match and match[2] in table.roles, f'no role: {word}')
            name, role, about = match[1] or match[2], match[2], match[3]
            kind = table.roles[role][0]
            need((kind == '-') == (about is None), f'{role} takes no or a (...)')
            need(kind == 'length' or match[4] is None, f'{role} takes one thing in (...)')
            args.append((name, role, about, about if kind == 'type' else match[4]))
        names = [arg[0] for arg in args]
        need(len(args) <= ARGS_MAX, 'too many arguments')
        need(len(set(names)) == len(names), 'two arguments of one name')
        for _, role, about, _ in args:
            need(table.roles[role][0] != 'length' or about in names, f'no argument: {about}')
        return args

    def parse_line(self, words, table):
        """An indented line below the row."""
        if words[0] == 'why':
            self.why += words[1:]
        elif words[0] == 'i386':
            self.i386_args = self.parse_args(words[1:], table)
        elif words[0] == 'takes':
            self.parse_takes(words[1:], table)
        elif words[0] == 'returns':
            self.parse_returns(words[1:], table)
        else:
            self.parse_rule(words)

    def parse_rule(self, words):
        need('when' in words, 'a rule is: answer when test [and test]')
        at = words.index('when')
        answer = parse_answer(words[:at])
        tests = ' '.join(words[at + 1:]).split(' and ')
        need(len(tests) <= TESTS_MAX, f'more than {TESTS_MAX} tests')
        self.rules_as_written.append(' '.join(words))
        variants = [[]]
        for test in tests:
            variants = [done + [new] for done in variants for new in self.parse_test(test)]
        for variant in variants:
            text = f'{" ".join(words[:at])} when {" and ".join(test[1] for test in variant)}'
            self.rules.append((f'{{ {", ".join(test[0] for test in variant)} }}', answer, text))

    def parse_takes(self, words, table):
        """takes ARGUMENTS when TEST: those after the argument that is tested"""
        need('when' in words, 'takes needs a when')
        at = words.index('when')
        tests = self.parse_test(' '.join(words[at + 1:]))
        need(self.i386_args is None, 'takes is for calls of one shape')
        first = [arg[0] for arg in self.args].index(words[at + 1]) + 1
        args = self.parse_args(self.words[:first] + words[:at], table)
        self.takes.append(([test[0] for test in tests], args))

    def parse_returns(self, words, table):
        """returns ROLE [when TEST]"""
        [(_, role, about, _)] = self.parse_args(words[:1], table)
        need(len(words) == 1 or words[1] == 'when', 'returns takes a role, and when')
        tests = self.parse_test(' '.join(words[2:])) if len(words) > 1 else [('{ 0 }', '')]
        self.returns += [(test[0], role, about) for test in tests]

    def parse_test(self, text):
        """One test, or for `in` one for each constant: [(C, as written), ...]"""
        match = TEST.match(text)
        need(match, f'no test: {text}')
        name, mask, operator, constants = match[1], match[2], match[3], match[4].split()
        need(operator == 'in' or len(constants) == 1, f'one constant, or in: {text}')
        need(operator != 'any' or not mask, f'any takes no other mask: {text}')
        for constant in constants + ([mask] if mask else []):
            need(CONSTANT.match(constant), f'no constant: {constant}')
        index = [i for i, arg in enumerate(self.args) if arg[0] == name]
        need(index, f'no argument: {name}')
        result = []
        for constant in constants:
            op, ones, value = 'TEST_EQ', mask or '0xffffffff', constant
            if operator == 'any':
                op, ones, value = 'TEST_ANY', constant, '0'
            code = f'{{ {index[0]}, {op}, (uint32_t)({ones}), (uint32_t)({value}) }}'
            sign = 'any' if operator == 'any' else '=='
            result.append((code, f'{name}{" & " + mask if mask else ""} {sign} {constant}'))
        return result

    def finish(self):
        need(self.rules or self.answer_word != 'ask' or self.why, 'ask needs a why')
        if self.i386_args is not None:
            need(min(self.numbers) >= 0, 'an i386 line needs both ABIs')
            tested = {int(test) for rule in self.rules for test in re.findall(r'{ (\d),', rule[0])}
            need(all(self.args[i] == self.i386_args[i] for i in tested),
                 'a rule looks at an argument that differs on i386')


class Table:
    def __init__(self, path):
        self.roles, self.families, self.calls = {}, {}, {}
        last = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            words = line.split('#')[0].split()
            if not words:
                continue
            try:
                if line[0].isspace():
                    need(last, 'an indented line belongs below a row')
                    last.parse_line(words, self)
                elif words[0] in ('role', 'family'):
                    self.parse_directive(words)
                else:
                    last = Call(words, number, self)
                    self.add(last)
            except (Bad, ValueError) as error:
                sys.exit(f'{path}:{number}: {error}')
        self.calls = dict(sorted(self.calls.items()))
        for call in self.calls.values():
            try:
                call.finish()
            except Bad as error:
                sys.exit(f'{path}:{call.line}: {call.name}: {error}')

    def parse_directive(self, words):
        """role NAME ABOUT text, family NAME OTHER-NAME text"""
        need(len(words) > 3, f'{words[0]}: too short')
        kind, name, second = words[:3]
        target = self.roles if kind == 'role' else self.families
        need(NAME.match(name) and name not in target, f'{kind} malformed or twice: {name}')
        if kind == 'role':
            need(second in ('-', 'list', 'length', 'type'), f'no such (...): {second}')
        target[name] = (second, ' '.join(words[3:]))

    def add(self, call):
        need(call.name not in self.calls, f'twice: {call.name}')
        for other in self.calls.values():
            for abi, number, taken in zip(ABIS, call.numbers, other.numbers):
                need(number < 0 or number != taken, f'{abi} {number} is {other.name} already')
        self.calls[call.name] = call


def c_string(text):
    return 'NULL' if text is None else '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def c_list(items):
    return '{ ' + ', '.join(items) + ' }'


def c_args(args, table, indent):
    """The members that calls.h declares for arguments, in struct call_info and struct call_args."""
    names = [arg[0] for arg in args]
    lists = [c_string(arg[2] if table.roles[arg[1]][0] == 'list' else None) for arg in args]
    lengths = [str(names.index(arg[2])) if table.roles[arg[1]][0] == 'length' else str(NO_ARG)
               for arg in args] + [str(NO_ARG)] * (ARGS_MAX - len(args))
    lines = [f'.arg_count = {len(args)},', f'.length_args = {c_list(lengths)},']
    if args:
        lines += [f'.roles = {c_list("ROLE_" + arg[1] for arg in args)},',
                  f'.arg_names = {c_list(map(c_string, names))},',
                  f'.flag_lists = {c_list(lists)},',
                  f'.arg_types = {c_list(c_string(arg[3]) for arg in args)},']
    return [indent + line for line in lines]


def c_call(call, table):
    """What goes before the table, and the call's row in it."""
    before, row = [], [f'\t[SC_{call.name}] = {{']
    row += [f'\t\t.name = "{call.name}",', f'\t\t.number = {c_list(map(str, call.numbers))},',
            f'\t\t.family = FAMILY_{call.family},', f'\t\t.answer = {call.answer},']
    row += c_args(call.args, table, '\t\t')
    if call.i386_args is not None:
        before += [f'static const struct call_args i386_{call.name} = {{',
                   *c_args(call.i386_args, table, '\t'), '};', '']
        row.append(f'\t\t.i386_args = &i386_{call.name},')
    if call.rules:
        before.append(f'static const struct call_rule rules_{call.name}[] = {{')
        before += [f'\t{{ {tests}, {answer}, {c_string(text)} }},'
                   for tests, answer, text in call.rules]
        before += ['};', '']
        row += [f'\t\t.rules = rules_{call.name},', f'\t\t.rule_count = {len(call.rules)},']
    row += ['\t\t.hot = true,'] * call.hot
    return before, row + [f'\t\t.why = {c_string(" ".join(call.why))},', '\t},']


def c_forms(call, table):
    """What goes before the table of forms, and the call's row in it, if any."""
    lines, members = [], []
    if call.takes:
        lines += [f'static const struct call_variant variants_{call.name}[] = {{']
        for tests, args in call.takes:
            for test in tests:
                lines += [f'\t{{ {test}, {{', *c_args(args, table, '\t\t'), '\t} },']
        lines += ['};', '']
        members += [f'.variants = variants_{call.name}',
                    f'.variant_count = {sum(len(tests) for tests, _ in call.takes)}']
    if call.returns:
        lines += [f'static const struct call_returns returns_{call.name}[] = {{',
                  *(f'\t{{ {test}, ROLE_{role}, {c_string(about)} }},'
                    for test, role, about in call.returns), '};', '']
        members += [f'.returns = returns_{call.name}', f'.returns_count = {len(call.returns)}']
    return lines, [f'\t[SC_{call.name}] = {c_list(members)},'] if members else []


def c_enum(name, prefix, values, end):
    return [f'enum {name} {{', *(f'\t{prefix}{value},' for value in values), f'\t{end},', '};', '']


def c_names(name, size, values):
    lines = [f'\t"{value}",' for value in values]
    return [f'const char *const {name}[{size}] = {{', *lines, '};', '']


def make(table, outdir):
    head = '/* SPDX-License-Identifier: Apache-2.0\n * Made from src/calls/calls.tbl. */\n'
    highest = max(number for call in table.calls.values() for number in call.numbers)
    header = [head + '#ifndef CLOCHE_CALLS_CALLS_GEN_H', '#define CLOCHE_CALLS_CALLS_GEN_H', '',
              *c_enum('sc', 'SC_', table.calls, 'SC_COUNT'),
              *c_enum('call_family', 'FAMILY_', table.families, 'FAMILY_COUNT'),
              f'#define CALL_NUMBER_MAX {highest}', '', '#endif']
    roles = [head + '#ifndef CLOCHE_CALLS_ROLES_GEN_H', '#define CLOCHE_CALLS_ROLES_GEN_H', '',
             *c_enum('arg_role', 'ROLE_', ['NONE', *table.roles], 'ROLE_COUNT'), '#endif']
    source = [head + '#include "calls/constants.h"', '#include "calls/forms.h"',
              '#include "calls/index.h"', '', *c_names('calls_role_names', 'ROLE_COUNT', ['none', *table.roles]),
              *c_names('calls_family_names', 'FAMILY_COUNT', table.families),
              *c_names('calls_family_other_names', 'FAMILY_COUNT',
                       (other for other, _ in table.families.values()))]
    rows = []
    for call in table.calls.values():
        before, row = c_call(call, table)
        source += before
        rows += row
    source += ['const struct call_info calls_table[SC_COUNT] = {', *rows, '};', '',
               '/* One more than the row, so that zero says that there is none. */',
               'const uint16_t calls_by_number[ABI_COUNT][CALL_NUMBER_MAX + 1] = {']
    for i, abi in enumerate(ABIS):
        numbers = sorted((call.numbers[i], call.name) for call in table.calls.values())
        source += [f'\t[ABI_{abi.upper()}] = {{',
                   *(f'\t\t[{n}] = SC_{name} + 1,' for n, name in numbers if n >= 0), '\t},']
    source += ['};', '']
    forms = [c_forms(call, table) for call in table.calls.values()]
    source += [line for lines, _ in forms for line in lines]
    source += ['const struct call_forms calls_forms[SC_COUNT] = {',
               *(line for _, row in forms for line in row), '};']
    outputs = {'calls.gen.h': header, 'roles.gen.h': roles, 'calls.gen.c': source,
               'CALLS.md': markdown(table)}
    for name, lines in outputs.items():
        (Path(outdir) / name).write_text('\n'.join(lines) + '\n')


def markdown(table):
    calls = table.calls.values()
    kinds = [call.answer_word if call.answer_word in ANSWERS else 'refuse' for call in calls]
    lines = ['# System calls', '',
             'Made from `src/calls/calls.tbl`; change that. What cloche answers to each system',
             'call unless the policy says otherwise: *native* lets the kernel do it within the',
             'world of the box, *ask* leaves it to the monitor, an errno refuses it. Below the',
             'answer stand the conditions that come first, in order. A call that is not here is',
             'refused with ENOSYS.', '',
             f'{len(kinds)} calls: {kinds.count("native") + kinds.count("hot")} native, '
             f'{kinds.count("ask")} ask, {kinds.count("refuse")} refused.']
    for family, (other, text) in table.families.items():
        title = f'%{family}' if other == '-' else f'%{family}, %{other}'
        lines += ['', f'## {title}', '', text, '', '| call | x86-64 | i386 | answer | why |',
                  '|---|--:|--:|---|---|']
        for call in calls:
            if call.family != family:
                continue
            answer = 'native' if call.hot else call.answer_word
            rules = ''.join(f'<br>{rule}' for rule in call.rules_as_written).replace('|', '\\|')
            numbers = ' | '.join('' if n < 0 else str(n) for n in call.numbers)
            why = ' '.join(call.why)
            line = f'| {call.name} | {numbers} | {answer}{rules} | {why} |'
            lines.append(line.replace('  ', ' '))
    return [line.replace('~', '\\~') if line.startswith('|') else line for line in lines]


def check(table, compiler):
    bad = []
    for i, (abi, header) in enumerate(ABIS.items()):
        command = [*compiler, '-E', '-dM', '-x', 'c', '-include', f'asm/{header}', '/dev/null']
        macros = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        known = {name: int(n) for name, n in re.findall(r'#define __NR_(\w+) (\d+)\n', macros)}
        if len(known) < 300:
            bad.append(f'asm/{header}: {len(known)} calls only')
        for name, number in sorted(known.items()):
            ours = table.calls[name].numbers[i] if name in table.calls else -1
            if ours != number:
                bad.append(f'{abi} {name} is {number} in asm/{header} and {ours} in the table')
    sys.exit('\n'.join(bad) if bad else 0)


if __name__ == '__main__':
    if len(sys.argv) < 4 or sys.argv[1] not in ('make', 'check'):
        sys.exit(__doc__)
    TABLE = Table(Path(sys.argv[2]))
    make(TABLE, sys.argv[3]) if sys.argv[1] == 'make' else check(TABLE, sys.argv[3:])
