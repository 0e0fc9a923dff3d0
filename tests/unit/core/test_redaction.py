"""No login in an address is shown, whatever characters its password has."""

import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import redaction

MARK = "hunter2"
ANY = st.text(max_size=12)
NO_SPACE = ANY.filter(lambda text: not any(char.isspace() for char in text))
SCHEMES = st.sampled_from(["http://", "https://", "kafka+ssl://"])


class TestAddresses:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("https://ana:hunter2@es:9200", "https://ana:********@es:9200"),
            (
                "https://ana:hunter2@a:1, http://bob:hunter2@b:2/x",
                "https://ana:********@a:1, http://bob:********@b:2/x",
            ),
            ("http://ana:hunt@er2@es:9200", "http://ana:********@es:9200"),
            ("http://ana:hunt/e?r#2@es:9200", "http://ana:********@es:9200"),
            ("http://ana:hunt%40er2@es:9200/p", "http://ana:********@es:9200/p"),
            ("https://hunter2@es:9200", "https://********@es:9200"),
            ("ana:hunter2@kafka:9092", "ana:********@kafka:9092"),
            ("ana:hunt,er2@kafka:9092", "ana:********@kafka:9092"),
            ("kafka-1:9092,kafka-2:9092", "kafka-1:9092,kafka-2:9092"),
            ("http://[::1]:9200", "http://[::1]:9200"),
            ("https://site.example/@name", "https://site.example/@name"),
            ("/home/ana@work/repository", "/home/ana@work/repository"),
            ("", ""),
        ],
    )
    def test_value(self, value: str, shown: str) -> None:
        assert redaction.in_addresses(value) == shown

    @given(before=ANY, after=ANY, scheme=st.one_of(st.just(""), SCHEMES))
    def test_no_password_is_shown(self, before: str, after: str, scheme: str) -> None:
        shown = redaction.in_addresses(f"{scheme}ana:{before}{MARK}{after}@host:9200")
        assert MARK not in shown
        assert shown.endswith("@host:9200")

    @given(password=st.text(min_size=1), scheme=SCHEMES)
    def test_well_formed_login_is_found(self, password: str, scheme: str) -> None:
        try:
            written = quote(password, safe="")
        except UnicodeEncodeError:  # half of a surrogate pair
            return
        assert ("ana", password) in redaction.logins(f"{scheme}ana:{written}@host:9200")
        assert redaction.in_addresses(f"{scheme}ana:{written}@host:9200/x") == f"{scheme}ana:********@host:9200/x"


class TestText:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("no address, but me@example.org", "no address, but me@example.org"),
            ("(+https://example.org/bot; me@example.org)", "(+https://example.org/bot; me@example.org)"),
            ("GET http://ana:hunter2@es:9200/_bulk failed", "GET http://ana:********@es:9200/_bulk failed"),
            ("url='http://ana:hunt/er2@es:1',\n", "url='http://ana:********@es:1',\n"),
            ("http://a:hunter2@x:1,http://b:hunter2@y:2 is", "http://a:********@x:1,http://b:********@y:2 is"),
            ("https://medium.example/@ana/on-keys", "https://medium.example/@ana/on-keys"),
        ],
    )
    def test_line(self, text: str, shown: str) -> None:
        assert redaction.in_text(text) == shown

    @given(st.text())
    def test_text_without_at_stays(self, text: str) -> None:
        text = text.replace("@", "")
        assert redaction.in_text(text) == text

    @pytest.mark.parametrize("piece", ["a", "://", "a://", "@", ":", ",", "a:/", ",a", "http://a:b@", ", "])
    def test_time_is_linear(self, piece: str) -> None:
        text = "http://" + piece * (2_000_000 // len(piece)) + "@"
        began = time.process_time()
        redaction.in_text(text)
        redaction.in_addresses(text)
        redaction.logins(text)
        assert time.process_time() - began < 5


@given(before=NO_SPACE, after=NO_SPACE, scheme=SCHEMES, around=ANY)
def test_no_password_in_a_text_is_shown(before: str, after: str, scheme: str, around: str) -> None:
    shown = redaction.in_text(f"{around} <{scheme}ana:{before}{MARK}{after}@host:9200> {around}")
    assert MARK not in shown
    assert "@host:9200>" in shown
