from relx.utils import html


def test_every_text_of_a_table_is_escaped() -> None:
    shown = html.table([("a<b", "c"), ("<script>", '"&\u202e\x00')], caption="<i>")
    assert shown == (
        "<table><caption>&lt;i&gt;</caption><thead><tr><th>a&lt;b</th><th>c</th></tr></thead>"
        "<tbody><tr><td>&lt;script&gt;</td><td>&quot;&amp;\\u202e\\x00</td></tr></tbody></table>"
    )
