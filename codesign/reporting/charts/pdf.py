"""A PDF in one order, whatever order it was written in.

The library that writes PDFs keeps fonts and other resources in hash tables, so that the numbers of its objects, and
the lines of its dictionaries, come in another order each time. Here objects are numbered as they are met from the root
on, with the entries of each dictionary of references in order of their names.
"""

from __future__ import annotations

import re

_OBJECT = re.compile(rb"^(\d+) 0 obj\n(.*?)\nendobj\n", re.DOTALL | re.MULTILINE)
_REFERENCE = re.compile(rb"\b(\d+) 0 R\b")
_ENTRIES = re.compile(rb"(?:^ +/\w+ \d+ 0 R\n)+", re.MULTILINE)
_TRAILER = re.compile(rb"/Root (\d+) 0 R\n  /Info (\d+) 0 R")


def in_order(pdf: bytes) -> bytes:
    """The same document, the same bytes every time."""
    dictionaries: dict[int, bytes] = {}
    streams: dict[int, bytes] = {}
    for number, body in _OBJECT.findall(pdf):
        dictionary, stream, content = body.partition(b"\nstream\n")
        dictionaries[int(number)] = _ENTRIES.sub(lambda run: b"".join(sorted(run[0].splitlines(True))), dictionary)
        streams[int(number)] = stream + content
    found = _TRAILER.search(pdf)
    assert found is not None, "a document has a root"
    numbers: dict[int, int] = {}
    met = [int(found[2]), int(found[1])]
    while met:
        number = met.pop()
        if number not in numbers:
            numbers[number] = len(numbers) + 1
            met += [int(other) for other in reversed(_REFERENCE.findall(dictionaries[number]))]

    def renumbered(text: bytes) -> bytes:
        return _REFERENCE.sub(lambda reference: b"%d 0 R" % numbers[int(reference[1])], text)

    written, places = pdf[: pdf.index(b"\n\n") + 2], []
    for number, own in numbers.items():
        places.append(b"%010d 00000 n\r\n" % len(written))
        written += b"%d 0 obj\n" % own + renumbered(dictionaries[number]) + streams[number] + b"\nendobj\n"
    table = b"xref\n0 %d\n0000000000 65535 f\r\n" % (len(places) + 1) + b"".join(places)
    trailer = b"trailer\n<<\n  /Size %d\n  " % (len(places) + 1) + renumbered(found[0])
    return written + table + trailer + b"\n>>\nstartxref\n%d\n%%%%EOF" % len(written)
