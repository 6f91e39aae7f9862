"""`python -m flowlang` is the command `flowlang`."""

import sys

from flowlang.cli.main import main

sys.exit(main())
