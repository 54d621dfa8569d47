# SPDX-License-Identifier: Apache-2.0
"""Turns flags.tbl and structs.tbl into C: the names and layouts that decode.h speaks with.

    gen_decode.py CALLS-TABLE FLAGS-TABLE STRUCTS-TABLE OUTPUT

The formats are explained at the top of the tables. Whatever is malformed, there twice, named and
not there, or there and never named is an error.
"""
import os
import re
import sys
from pathlib import Path

from gen_calls import ABIS, ARGUMENT, NO_ARG, Bad, Table, c_string, need

ENTRY = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)(?:([=:])([0-9a-fx<]+))?$')
TYPE = re.compile(r'(s8|s16|s32|s64|u8|u16|u32|u64|long|ulong|ptr|char)(?:x?(\d+))?$')
# Read by C code, so they have no layout.
SPECIAL = {'sigset', 'fd_set', 'cpu_set', 'sockopt'}
# Lists with bits above the 32nd.
WIDE = {'clone', 'fanotify'}
LONG = {'x86_64': 8, 'i386': 4}
MEMBERS_MAX = 64


def number(text):
    if '<<' in text:
        bit, by = text.split('<<')
        return int(bit) << int(by)
    return int(text, 8 if re.match(r'0\d', text) else 0)


class Flags:
    """One list: entries (name, mask, value) in C."""

    def __init__(self, kind, name):
        self.kind, self.name, self.entries, self.checks = kind, name, [], []

    def parse(self, words):
        if words[0] == 'signal':
            self.entries.append(('', f'{number(words[1]):#x}', '0'))
        elif words[0] == 'field':
            mask = words[1] if words[1][0].isdigit() else f'FLAG({words[1]})'
            self.add(words[2:], mask)
        elif words[0] == 'zero':
            self.add(words[1:], 'UINT64_MAX')
        else:
            self.add(words, 'UINT32_MAX' if self.kind == 'one' else None)

    def add(self, words, mask):
        for word in words:
            match = ENTRY.match(word)
            need(match, f'no constant: {word}')
            name, sign, given = match.groups()
            need(name not in (entry[0] for entry in self.entries), f'{name} twice in {self.name}')
            value = f'{number(given):#x}' if given else f'FLAG({name})'
            if sign == '=':
                self.checks.append((name, value))
            self.entries.append((name, mask or value, value))

    def prefix(self):
        names = [entry[0] for entry in self.entries if entry[0]]
        common = os.path.commonprefix(names)
        return common[:common.rfind('_') + 1] if len(names) > 1 else ''


class Struct:
    def __init__(self, words):
        self.name, self.rows, self.users = words[0], [], set()
        self.abis = [word for word in words[1:] if word in ABIS] or list(ABIS)
        self.marks = {word for word in words[1:] if word not in ABIS}
        need(self.marks <= {'packed', 'sized', 'array'}, f'no such mark: {" ".join(self.marks)}')

    def parse(self, words, roles):
        need(2 <= len(words) <= 4, 'a member is: name type [role] [enter|leave]')
        when = words.pop() if words[-1] in ('enter', 'leave') else None
        name, kind, role = words[0], words[1], words[2] if len(words) > 2 else None
        if role not in (None, '-'):
            match = ARGUMENT.match(role)
            need(match and not match[1] and match[2] in roles, f'no role: {role}')
            need((roles[match[2]][0] == '-') == (match[3] is None), f'{role}: no or a (...)')
            role = match.groups()[1:]
        self.rows.append((name, kind, role, when))

    def layout(self, abi, structs):
        """size, alignment and [(name, offset, size, signed, role, about, length, when)]"""
        offset, alignment, members = 0, 1, []
        for name, kind, role, when in self.rows:
            match = TYPE.match(kind)
            signed = False
            if match:
                base, count = match[1], int(match[2] or 1)
                wide = base in ('long', 'ulong', 'ptr')
                size = LONG[abi] if wide else 1 if base == 'char' else int(base[1:]) // 8
                align = min(size, LONG[abi])
                signed = base[0] in 'sl'
                default = {'ptr': 'addr', 'char': 'text'}.get(base, 'int' if signed else 'uint')
                need(base == 'char' or count == 1 or role == '-', f'{name}: an array is not shown')
            else:
                need(kind in structs and abi in structs[kind], f'no type: {kind}')
                structs[kind][abi].users.add(self.name)
                size, align, _ = structs[kind][abi].layout(abi, structs)
                count, default = 1, 'inline'
            if 'packed' in self.marks:
                align = 1
            offset = (offset + align - 1) // align * align
            alignment = max(alignment, align)
            if role == '-':  # for hooks alone
                role, when, signed = None, 'hidden', signed and count == 1
            if role is None:
                role = (default, kind if default == 'inline' else None, None)
            members.append([name, offset, size * count, signed, *role, when])
            offset += size * count
        return (offset + alignment - 1) // alignment * alignment, alignment, members

    def shortened(self):
        return any(role == '-' and not name.startswith('pad') for name, _, role, _ in self.rows)


def read(path, directive):
    """directive(words) for lines in the first column, returning who takes the indented ones."""
    taker = None
    for count, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split('#')[0].split()
        if not words:
            continue
        try:
            if line[0].isspace():
                need(taker, 'an indented line belongs below a head')
                taker(words)
            else:
                taker = directive(words)
        except (Bad, ValueError) as error:
            sys.exit(f'{path}:{count}: {error}')


class Decoding:
    def __init__(self, calls_path, flags_path, structs_path):
        self.calls, self.flags, self.structs = Table(calls_path), {}, {}
        read(flags_path, self.flags_directive)
        read(structs_path, self.structs_directive)
        self.check()

    def flags_directive(self, words):
        need(len(words) == 2 and words[0] in ('flags', 'one'), 'a list is: flags NAME, or one NAME')
        need(words[1] not in self.flags, f'twice: {words[1]}')
        self.flags[words[1]] = Flags(*words)
        return self.flags[words[1]].parse

    def structs_directive(self, words):
        need(len(words) > 1 and words[0] == 'struct', 'a structure is: struct NAME ...')
        struct = Struct(words[1:])
        for abi in struct.abis:
            need(abi not in self.structs.setdefault(struct.name, {}), f'twice: {struct.name}')
            self.structs[struct.name][abi] = struct
        return lambda words: struct.parse(words, self.calls.roles)

    def used(self):
        """(whose, kind of what is named, its name) for every argument and member"""
        for call in self.calls.calls.values():
            shapes = [call.args, call.i386_args or []] + [args for _, args in call.takes]
            for _, role, about, kind in (arg for args in shapes for arg in args):
                yield call.name, self.calls.roles[role][0], about, kind
            for _, role, about in call.returns:
                yield call.name, self.calls.roles[role][0], about, None
        for struct in (struct for abis in self.structs.values() for struct in abis.values()):
            for name, kind, role, _ in struct.rows:
                if role not in (None, '-'):
                    yield struct.name, self.calls.roles[role[0]][0], role[1], role[2] or role[1]
                elif not TYPE.match(kind):
                    yield struct.name, 'type', kind, kind

    def check(self):
        lists, types = {'ioctl', 'file_type', 'scm'}, {'linger', 'ucred', 'siginfo_kill', 'siginfo_queue', 'siginfo_child', 'siginfo_fault'}
        for whose, role_kind, about, kind in self.used():
            if role_kind == 'list':
                need(about in self.flags, f'{whose}: no list {about} in flags.tbl')
                lists.add(about)
            elif role_kind == 'type' or (role_kind == 'length' and kind not in (None, about)):
                types.add(kind)
                need(kind in self.structs or kind in SPECIAL,
                     f'{whose}: no structure {kind} in structs.tbl')
        return lists, types


def c_flags(flags):
    lines = []
    for name, value in flags.checks:
        lines += [f'#ifdef {name}', f'static_assert(FLAG({name}) == {value}, "{name}");', '#endif']
    if not flags.entries:
        return lines
    lines.append(f'static const struct flag flags_{flags.name}[] = {{')
    lines += [f'\t{{ "{name}", {mask}, {value} }},' for name, mask, value in flags.entries]
    return lines + ['};', '']


def c_layout(struct, abi, structs):
    size, _, members = struct.layout(abi, structs)
    names = [member[0] for member in members]
    need(len(members) <= MEMBERS_MAX, f'{struct.name}: too many members')
    lines = [f'static const struct member {abi}_{struct.name}[] = {{']
    for name, offset, width, signed, role, about, kind, when in members:
        length = names.index(about) if about in names and about != name else NO_ARG
        what = kind if length != NO_ARG else about
        phase = {'enter': 'DECODE_ENTER', 'leave': 'DECODE_LEAVE', 'hidden': 'DECODE_HIDDEN',
                 None: '0'}[when]
        need(not signed or width in (1, 2, 4, 8), f'{struct.name}.{name}: no number')
        lines.append(f'\t{{ {c_string(None if name == "-" else name)}, {c_string(what)}, {offset}, '
                     f'{width}, ROLE_{role}, {length}, {phase}, {str(signed).lower()} }},')
    row = (f'\t\t{{ "{struct.name}", {abi}_{struct.name}, {size}, {len(members)}, '
           + ', '.join(str(mark).lower() for mark in (
               struct.shortened(), 'sized' in struct.marks, 'array' in struct.marks)) + ' },')
    return lines + ['};', ''], row


def make(tables):
    lines = ['/* SPDX-License-Identifier: Apache-2.0',
             ' * Made from src/calls/flags.tbl and src/calls/structs.tbl. */',
             '#include "calls/decode_tables.h"', '', '#include "calls/flags.h"', '',
             '#include <assert.h>', '',
             '/* A negative int is the 32 bits that the kernel sees. */',
             '#define FLAG(x) ((uint64_t)(x) & (sizeof(x) == 4 ? UINT32_MAX : UINT64_MAX))', '']
    for flags in tables.flags.values():
        lines += c_flags(flags)
    lines += ['const struct flag_list decode_flags[] = {']
    for name, flags in sorted(tables.flags.items()):
        entries = f'flags_{name}, {len(flags.entries)}' if flags.entries else 'NULL, 0'
        wide = str(name in WIDE).lower()
        lines.append(f'\t{{ "{name}", "{flags.prefix()}", {entries}, {wide} }},')
    lines += ['};', f'const size_t decode_flags_count = {len(tables.flags)};', '']
    rows = []
    for abi in ABIS:
        rows.append(f'\t[ABI_{abi.upper()}] = {{')
        for name in sorted(tables.structs):
            struct = tables.structs[name].get(abi)
            if struct is None:
                rows.append(f'\t\t{{ "{name}", NULL, 0, 0, false, false, false }},')
                continue
            before, row = c_layout(struct, abi, tables.structs)
            lines += before
            rows.append(row)
        rows.append('\t},')
    count = len(tables.structs)
    lines += [f'static const struct layout layouts[ABI_COUNT][{count}] = {{', *rows, '};',
              'const struct layout *const decode_layouts[ABI_COUNT] = '
              '{ layouts[ABI_X86_64], layouts[ABI_I386] };',
              f'const size_t decode_layouts_count = {count};']
    return '\n'.join(lines) + '\n'


if __name__ == '__main__':
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        Path(sys.argv[4]).write_text(make(Decoding(*map(Path, sys.argv[1:4]))))
    except Bad as bad:
        sys.exit(str(bad))
