from relx.data.printable import printable


def test_what_breaks_a_line_or_steers_a_terminal_is_escaped_and_all_else_stays() -> None:
    assert printable("a\x1b[2J\nb\u2028\ud800\x85") == "a\\x1b[2J\\nb\\u2028\\ud800\\x85"
    assert printable("é\u200d❤ عربي \\n 你好") == "é\u200d❤ عربي \\n 你好"
