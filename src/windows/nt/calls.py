#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""calls.py nt_calls.tbl OUT: a table in C, for each version of Windows Wine's number of each of its calls.
calls.py nt_calls.tbl OUT names: the names, with Wine's numbers, for the test that compares."""

import sys

VERSIONS = ("xp", "vista", "7", "8", "8.1", "10", "11")
LIMIT = 0x200


def read(path):
    rows = []
    with open(path, encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if len(words) != 2 + len(VERSIONS):
                sys.exit(f"{path}:{number}: a name, Wine's number and {len(VERSIONS)} more are wanted")
            rows.append((words[0], int(words[1], 16), [None if w == "-" else int(w, 16) for w in words[2:]]))
    return rows


def column(rows, index):
    table = {}
    for name, wine, numbers in rows:
        number = numbers[index]
        if number is None:
            continue
        if number in table or number >= LIMIT:
            sys.exit(f"{name}: {number:#x} of {VERSIONS[index]} is another's, or too large")
        table[number] = wine
    return table


def main():
    source, target = sys.argv[1:3]
    rows = read(source)
    if [name for name, _, _ in rows] != sorted({name for name, _, _ in rows}):
        sys.exit(f"{source}: not in order, or a name twice")
    with open(target, "w", encoding="ascii") as out:
        if sys.argv[3:] == ["names"]:
            out.writelines(f'{{"{name}", {wine:#x}}},\n' for name, wine, _ in rows)
            return
        out.write(f"#define NT_CALLS_LIMIT {LIMIT:#x}\n\n/* One more than Wine's number; 0: unknown. */\n")
        out.write(f"static const uint16_t nt_calls[{len(VERSIONS)}][NT_CALLS_LIMIT] = {{\n")
        for index, version in enumerate(VERSIONS):
            out.write(f"\t{{ /* {version} */\n")
            for number, wine in sorted(column(rows, index).items()):
                out.write(f"\t\t[{number:#x}] = {wine + 1:#x},\n")
            out.write("\t},\n")
        out.write("};\n")


main()
