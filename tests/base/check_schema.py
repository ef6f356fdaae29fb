"""The schema made from a field table, judged by the jsonschema package: it must be a sound schema, and must accept exactly what the strict reader reads."""
import json
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("SKIPPED: the Python package jsonschema is not installed")
    sys.exit(77)

given = json.loads(subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout)
jsonschema.Draft202012Validator.check_schema(given["schema"])
validator = jsonschema.Draft202012Validator(given["schema"])
wrong = [case for case in given["cases"] if validator.is_valid(case["document"]) != case["reads"]]
for case in wrong:
    print("reader and schema disagree:", json.dumps(case))
verdicts = {case["reads"] for case in given["cases"]}
sys.exit(1 if wrong or verdicts != {True, False} else 0)
