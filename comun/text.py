"""Foreign text (pure): made visible, harmless and short before a terminal, a table, a file or a report shows it."""

import re

SHOWN = 500  # characters of one foreign text
# What a terminal obeys, what ends or reorders a line, what nobody sees and what no encoding can write:
# C0 (with CR, LF, TAB and ESC), DEL and C1, line and paragraph separators, bidirectional controls, invisible
# marks, lone surrogates, noncharacters and tags.
_UNSEEN = (
    "\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff"
    "\U000e0000-\U000e0fff"
)
_CONTROLS = re.compile(f"[\0-\x1f{_UNSEEN}]")
_CONTROLS_IN_LINES = re.compile(f"[\0-\x09\x0b-\x1f{_UNSEEN}]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&:@]|(?<=\w)\.(?=\w))")  # a dot or colon inside would make a link
_FORMULA = re.compile(r"\s*[=+\-@\uff0b\uff0d\uff1d\uff20]")  # full-width forms count in some spreadsheets


def clean(value: object, limit: int = SHOWN) -> str:
    r"""Return the text of anything foreign on one line: control characters as `\x1b`, cut after `limit` characters.

    What was cut away is told by its length. A backslash stays as it is: the result is for reading, not for parsing.
    """
    text = _text(value)
    rest = len(text) - limit
    shown = text[:limit]
    if not _is_plain(shown):
        shown = _CONTROLS.sub(_escaped, shown)
    return f"{shown}… (+{rest})" if rest > 0 else shown


def clean_lines(text: str) -> str:
    """Return a text of several lines, every control character in it but the line feed made visible."""
    return text if _is_plain(text) else _CONTROLS_IN_LINES.sub(_escaped, text)


def markdown(value: object, limit: int = SHOWN) -> str:
    """Return foreign text as Markdown that shows it as it is: no link, image, HTML, mention or end of a table's cell.

    CommonMark takes no character entity for markup. Mentions and references are looked for in what it has made, so
    that a zero-width space has to follow their sign.
    """
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};" + "&#8203;" * (found[0] in "@#"), clean(value, limit))


def csv_cell(value: object) -> str:
    """Return foreign text as a cell that no spreadsheet takes for a formula, whatever stands before the sign.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = _text(value)
    return f"'{clean(text)}" if _FORMULA.match(text) or text[:1] in ("\t", "\r") else clean(text)


def _is_plain(text: str) -> bool:
    """Tell at once what most texts are, whose every character costs the expressions above some time."""
    return text.isascii() and text.isprintable()


def _text(value: object) -> str:
    try:
        return value if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001 an exception whose own text fails
        return f"<{type(value).__name__}>"


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    number = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
