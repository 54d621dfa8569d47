#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""embed.py OUT [NAME=FILE]...: the files as arrays in a C file, for windows/assets.h. A NAME
without a file is empty."""

import hashlib
import sys


def main():
    out = ['#include "windows/assets.h"', ""]
    for argument in sys.argv[2:]:
        name, _, path = argument.partition("=")
        data = b""
        if path:
            with open(path, "rb") as file:
                data = file.read()
        rows = (",".join(map(str, data[i:i + 32])) for i in range(0, len(data), 32))
        out += [f"static const unsigned char {name}_bytes[] = {{", ",\n".join(rows) or "0", "};",
                f"const struct asset {name} = {{.bytes = {name}_bytes, .size = {len(data)},",
                f'\t.hash = "{hashlib.sha256(data).hexdigest()[:16]}"}};', ""]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("\n".join(out))


if __name__ == "__main__":
    main()
