"""Colours: text can be read on every surface it stands on, light and dark (WCAG 2.2, 1.4.3 and 1.4.11)."""

import math
import re
from pathlib import Path

import pytest

import hune.nester

WEB = Path(hune.nester.__file__).parents[3] / "web" / "src"
THEMES = {
    "light": WEB / "styles" / "tokens.css",
    "dark": WEB / "dark.entry.css",
}
TEXT = ("text-1", "text-2", "text-3", "accent", "notice", "warning", "critical", "unknown")
SURFACES = ("surface-0", "surface-1", "surface-2")
TOKEN = re.compile(r"--([a-z0-9-]+): oklch\(([0-9.]+) ([0-9.]+) ([0-9.]+)(?: / ([0-9.]+))?\)")

Rgb = tuple[float, float, float]


def tokens(theme: str) -> dict[str, tuple[Rgb, float]]:
    found = {}
    for name, lightness, chroma, hue, alpha in TOKEN.findall(THEMES[theme].read_text()):
        found[name] = (linear(float(lightness), float(chroma), float(hue)), float(alpha or 1))
    return found


def linear(lightness: float, chroma: float, hue: float) -> Rgb:
    """Return linear sRGB of an OKLCH colour (https://www.w3.org/TR/css-color-4/#color-conversion-code)."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
    return (clip(red), clip(green), clip(blue))


def clip(value: float) -> float:
    return min(1.0, max(0.0, value))


def contrast(one: Rgb, other: Rgb) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: Rgb) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("text", TEXT)
@pytest.mark.parametrize("surface", SURFACES)
def test_text_can_be_read(theme: str, text: str, surface: str) -> None:
    known = tokens(theme)
    assert contrast(known[text][0], known[surface][0]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_text_on_critical_can_be_read(theme: str) -> None:
    known = tokens(theme)
    assert contrast(known["on-critical"][0], known["critical-fill"][0]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("paint", ["calm", "critical-fill"])
def test_gauges_stand_out_from_their_cards(theme: str, paint: str) -> None:
    known = tokens(theme)
    assert contrast(known[paint][0], known["surface-1"][0]) >= 3


def test_both_themes_name_the_same_colours() -> None:
    assert set(tokens("light")) == set(tokens("dark"))
