"""What pictures know of their font, made anew: `python -m tests.draw.style.making_fonts DejaVuSans.ttf`.

The font file of the package has the letters of mathematics and of the European alphabets, without hints and composite
glyphs. The pieces that SVGs embed are WOFF2. It takes fonttools and brotli.
"""

import base64
import io
import json
import sys

from fontTools import subset
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from autograd_mini.draw.style import font

WRITTEN = "∂∇Σ∫√∛±·×⊙∘∈≤≥≠∞→←…⋮−′⌊⌋⌈⌉⟨⟩½¼¾₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵀᵢⱼₖₙᵏⁿᵗᵖʲʸˢˣⁱαβγδεζησπψφωμλθτρΦΓΔΠΩΨé\ufffd"
"""The letters beside ASCII that this package itself writes, and the usual ones of formulas."""
RANGES = {
    "european": "a0-17f 2b0-2ff 300-345 1e80-1e8f 1ef2-1ef3 2010-205e 20a0-20bd",
    "greek and Cyrillic": "192 370-3ff 400-45f 490-491",
    "Hebrew": "5d0-5ea",
    "mathematics": "1d2c-1d6a 1d78 1d9c-1dbf 2070-209c 20d6-20d7 2100-214f 2150-2189 2200-22ff 2300-232b 27c2-27ef "
    "2c7c-2c7d",
    "arrows and shapes": "2190-21ff 25a0-25ff 2713-2718 fffd",
}


def codes_of(ranges):
    """All numbers in ranges such as "a0-17f"."""
    ends = [[int(end, 16) for end in each.split("-")] for each in ranges.split()]
    return [code for first, *last in ends for code in range(first, last[0] + 1 if last else first + 1)]


def with_only(source, codes, flavor=None):
    """The bytes of a font with these letters."""
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, bidi_closure=False)
    options.name_IDs, options.recalc_timestamp = ([0, 1, 2, 4, 5, 6, 13, 14] if flavor is None else [0, 1, 13]), False
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "kern", "FFTM", "gasp", "MATH"]
    part = TTFont(source, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(part)
    glyphs, outlines = part.getGlyphSet(), part["glyf"]
    for name in [name for name in part.getGlyphOrder() if outlines[name].isComposite()]:
        recording, pen = DecomposingRecordingPen(glyphs), TTGlyphPen(None)
        glyphs[name].draw(recording)
        recording.replay(pen)
        outlines[name] = pen.glyph()
        outlines[name].recalcBounds(outlines)
    part.flavor, content = flavor, io.BytesIO()
    part.save(content)
    return content.getvalue()


def main(source):
    known = TTFont(source).getBestCmap()
    pieces = {"ASCII": [*range(32, 127)], "written": sorted(map(ord, WRITTEN))}
    for name, ranges in RANGES.items():
        pieces[name] = [code for code in codes_of(ranges) if code in known and chr(code) not in WRITTEN]
    font.FILE.write_bytes(with_only(source, [code for codes in pieces.values() for code in codes]))
    whole = TTFont(font.FILE)
    size, advances, names = whole["head"].unitsPerEm, whole["hmtx"], whole.getBestCmap()
    found = []
    for codes in pieces.values():
        data = base64.b64encode(with_only(font.FILE, codes, "woff2")).decode()
        found.append({"letters": {chr(code): advances[names[code]][0] / size for code in codes}, "woff2": data})
    font.PIECES.write_text(json.dumps(found, ensure_ascii=False, indent=0) + "\n", "utf-8")
    print({name: len(piece["woff2"]) for name, piece in zip(pieces, found)})


if __name__ == "__main__":
    main(sys.argv[1])
