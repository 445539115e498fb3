"""Run `python -m keyart_tools.performance` as `keyart bench`."""

import sys

from keyart_tools.cli import main

main(["bench", *sys.argv[1:]], prog_name="keyart")
