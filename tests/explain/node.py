"""Runs JavaScript in Node: one process that lives as long as the tests of a module."""

import json
import shutil
import struct
import subprocess

import pytest

NODE = shutil.which("node")

ANSWER = """
const toNumbers = (texts) => texts.map((text) => Buffer.from(text, "hex").readDoubleBE());
const toTexts = (numbers) => numbers.map((number) => {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(number);
  return buffer.toString("hex");
});
require("readline").createInterface({input: process.stdin}).on("line", (line) => {
  const [name, args] = JSON.parse(line);
  process.stdout.write(JSON.stringify(args.map((each) => toTexts(answers[name](toNumbers(each))))) + "\\n");
});
"""


class Node:
    """A process that answers requests by the functions of `answers`, an object of its script, bit by bit."""

    def __init__(self, script, folder):
        path = folder / "script.js"
        path.write_text('"use strict";\n' + script + ANSWER, encoding="utf-8")
        self.process = subprocess.Popen(
            [NODE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def ask(self, name, points):
        """Send lists of numbers, and return the lists of numbers that come back."""
        self.process.stdin.write(json.dumps([name, [[to_text(x) for x in point] for point in points]]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"{name} raised in JavaScript"
        return [[to_number(text) for text in numbers] for numbers in json.loads(answer)]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def to_text(x):
    return struct.pack(">d", x).hex()


def to_number(text):
    return struct.unpack(">d", bytes.fromhex(text))[0]


def needs_node():
    return pytest.mark.skipif(NODE is None, reason="needs Node, to run the JavaScript of the page")
