"""Validates descriptions of an API against the OpenAPI specification.

Arguments: a bootstrap server that is not used, then files. Prints each file's version; ends with a fault for the first invalid one.
"""

import json
import sys

from openapi_spec_validator import validate

for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as file:
        description = json.load(file)
    validate(description)
    print(description["openapi"])
