"""Calls the component as Hookward would: `hookward hook build`, then `python3 -m unittest`."""

import json
import subprocess
import unittest


def call(*args):
    command = ["hookward", "hook", "call", "dist/@name@.wasm", "--event", "before", "--json", *args]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)


class Hook(unittest.TestCase):
    def test_a_backup_with_the_tag_may_start(self):
        report = call("--set", "required-tag=nightly", "--tag", "nightly")
        self.assertTrue(report["ok"], report)
        self.assertEqual(report["log"][0]["message"], "the tag is there")

    def test_one_without_it_may_not(self):
        report = call("--set", "required-tag=nightly")
        self.assertEqual(report["failure"]["message"], "this backup has no tag `nightly`")

    def test_the_setting_is_needed(self):
        self.assertEqual(call()["failure"]["message"], "config key `required-tag` is missing")


if __name__ == "__main__":
    unittest.main()
