"""Settings come from the environment, are typed, and say which variable is wrong."""

from pathlib import Path

import pytest

from pipeline import elasticsearch_client, logs, redaction, topics
from pipeline.errors import SettingsError
from pipeline.settings import (
    PREFIX,
    ElasticsearchSettings,
    KafkaSettings,
    Settings,
    environment,
    load,
    origins,
    shown,
    value_of,
    variables,
)


def test_without_variables_everything_has_its_default() -> None:
    settings = load({})
    assert settings == Settings()
    assert settings.bootstrap_servers == ["127.0.0.1:19092"]
    assert settings.elasticsearch_urls == ["http://127.0.0.1:19200"]


def test_a_variable_sets_its_field_with_its_type() -> None:
    settings = load({"WHOSAID_KAFKA__PARTITIONS": "7", "WHOSAID_ENRICHMENT__FAST": "false", "PATH": "/bin"})
    assert settings.kafka.partitions == 7
    assert settings.enrichment.fast is False


def test_addresses_of_a_cluster_replace_the_embedded_ones() -> None:
    settings = load(
        {"WHOSAID_KAFKA__BOOTSTRAP_SERVERS": "a:9092, b:9092", "WHOSAID_ELASTICSEARCH__URL": "https://es:9200"}
    )
    assert settings.bootstrap_servers == ["a:9092", "b:9092"]
    assert settings.elasticsearch_urls == ["https://es:9200"]


class TestPaths:
    """A path is made absolute in the settings, so that all parts and all messages mean the same place."""

    @pytest.mark.parametrize("variable", [name for name, field in variables() if "Path" in str(field.annotation)])
    @pytest.mark.parametrize(
        ("value", "meant"), [("~/a b", "{home}/a b"), ("a/b", "{here}/a/b"), ("/a/~b", "/a/~b"), ("a/~", "{here}/a/~")]
    )
    def test_home_and_relative(
        self, variable: str, value: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", "/home/ana")
        monkeypatch.chdir(tmp_path)
        settings = load({variable: value})
        assert str(value_of(settings, variable)) == meant.format(home="/home/ana", here=tmp_path)
        assert load(environment(settings)) == settings

    @pytest.mark.parametrize("variable", ["WHOSAID_EMBEDDED__REPOSITORY", "WHOSAID_ENRICHMENT__MODEL"])
    def test_folder_or_name(self, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/ana")
        assert value_of(load({variable: "~/it"}), variable) == "/home/ana/it"
        assert value_of(load({variable: "https://it"}), variable) == "https://it"

    def test_file_of_a_secret(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "password").write_text("hunter2\n")
        assert load({"WHOSAID_KAFKA__PASSWORD_FILE": "~/password"}).kafka.password is not None

    def test_unknown_user(self) -> None:
        with pytest.raises(SettingsError, match=r"DATA_DIR has a bad value: there is no home folder for ~nobody-at"):
            load({"WHOSAID_EMBEDDED__DATA_DIR": "~nobody-at-all/x"})
        with pytest.raises(SettingsError, match="PASSWORD_FILE names a file that cannot be read"):
            load({"WHOSAID_KAFKA__PASSWORD_FILE": "~nobody-at-all/x"})


class TestLogins:
    """An address whose login cannot be told from the rest is refused, without a word of it."""

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("WHOSAID_ELASTICSEARCH__URL", "http://ana:hunt/er2@es:9200"),
            ("WHOSAID_ELASTICSEARCH__URL", "http://ana:hunt?er2@es:9200"),
            ("WHOSAID_ELASTICSEARCH__URL", "http://ana:hunt#er2@es:9200"),
            ("WHOSAID_ELASTICSEARCH__URL", "http://ana:hunt,er2@es:9200"),
            ("WHOSAID_ELASTICSEARCH__URL", "ana:hunter2@es:9200"),
            ("WHOSAID_ELASTICSEARCH__URL", "http://ana:hunter2@es"),
            ("WHOSAID_KAFKA__BOOTSTRAP_SERVERS", "ana:hunter2@kafka:9092"),
        ],
    )
    def test_refused(self, variable: str, value: str) -> None:
        with pytest.raises(SettingsError, match=f"{variable} has a bad value: .*__USERNAME and …__PASSWORD") as caught:
            load({variable: value})
        assert "hunt" not in str(caught.value)
        assert "er2" not in str(caught.value)

    @pytest.mark.parametrize("password", ["p@ss:w", "%2F%23%3f", "%C3%A4", "p%20w"])
    def test_known_to_the_client(self, password: str) -> None:
        settings = load({"WHOSAID_ELASTICSEARCH__URL": f"http://ana:{password}@127.0.0.1:9"})
        with elasticsearch_client.connect(settings) as client:
            sent = client.transport.node_pool.get().config.headers["authorization"]
        assert logs.without_secrets(settings, sent) == f"Basic {redaction.STARS}"
        hidden = f"http://ana:{redaction.STARS}@127.0.0.1:9"
        assert shown("WHOSAID_ELASTICSEARCH__URL", settings.elasticsearch.url) == hidden


def test_an_unknown_variable_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(SettingsError, match=r"WHOSAID_KAFKA__PARTITION is not .*WHOSAID_KAFKA__PARTITIONS"):
        load({"WHOSAID_KAFKA__PARTITION": "7"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WHOSAID_KAFKA__PARTITIONS", "many"),
        ("WHOSAID_KAFKA__PARTITIONS", "0"),
        ("WHOSAID_LOG_LEVEL", "loud"),
        ("WHOSAID_ELASTICSEARCH__PREFIX", "Capital"),
        ("WHOSAID_KAFKA__RETENTION_HOURS", "0"),
        ("WHOSAID_KAFKA__RETENTION_HOURS", "-2"),
        ("WHOSAID_KAFKA__MAX_MESSAGE_BYTES", str(2**30)),
        ("WHOSAID_EMBEDDED__KAFKA_HEAP", "0m"),
        ("WHOSAID_CONNECTORS__TIMEOUT", "nan"),
    ],
)
def test_a_bad_value_is_refused_with_the_name_of_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable} has a bad value"):
        load({variable: value})


def test_events_are_kept_for_hours_or_for_ever() -> None:
    assert load({"WHOSAID_KAFKA__RETENTION_HOURS": "-1"}).kafka.retention_hours == -1
    assert load({"WHOSAID_KAFKA__RETENTION_HOURS": "1"}).kafka.retention_hours == 1
    with pytest.raises(SettingsError, match=r"value: 0 would delete every event at once; give hours, or -1 for ever\."):
        load({"WHOSAID_KAFKA__RETENTION_HOURS": "0"})


NUMBERS = [
    (variable, bound)
    for variable, field in variables()
    if field.annotation in (int, float)
    for bound in ("ge", "gt", "le", "lt")
    if any(hasattr(one, bound) for one in field.metadata)
]


def test_every_number_has_a_lower_and_an_upper_bound() -> None:
    numbers = {variable for variable, field in variables() if field.annotation in (int, float)}
    for bounds in (("ge", "gt"), ("le", "lt")):
        assert numbers == {variable for variable, bound in NUMBERS if bound in bounds}


@pytest.mark.parametrize("value", ["1e300", "-1e300", "inf", "-inf", "nan", "1" + "0" * 400])
def test_no_number_is_without_measure(value: str) -> None:
    for variable, _ in NUMBERS:
        with pytest.raises(SettingsError, match=f"{variable} has a bad value"):
            load({variable: value})


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("WHOSAID_CONNECTORS__MINIMUM_INTERVAL", "90000", "MINIMUM_INTERVAL is larger than MAXIMUM_INTERVAL"),
        ("WHOSAID_KAFKA__MIN_INSYNC_REPLICAS", "2", "MIN_INSYNC_REPLICAS is larger than REPLICATION"),
        ("WHOSAID_SINK__BACKOFF_INITIAL", "61", "BACKOFF_INITIAL is larger than BACKOFF_MAXIMUM"),
    ],
)
def test_the_least_is_not_above_the_most(variable: str, value: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        load({variable: value})


def test_a_bad_secret_is_not_repeated_in_the_error() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"WHOSAID_KAFKA__PASSWORD_FILE": "/no/such/file-hunter2"})
    assert "WHOSAID_KAFKA__PASSWORD_FILE" in str(caught.value)


def test_a_secret_may_come_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    settings = load({"WHOSAID_KAFKA__PASSWORD_FILE": str(file)})
    assert settings.kafka.password is not None
    assert settings.kafka.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)


def test_a_value_and_its_file_at_once_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2")
    with pytest.raises(SettingsError, match="both set"):
        load({"WHOSAID_KAFKA__PASSWORD": "x", "WHOSAID_KAFKA__PASSWORD_FILE": str(file)})


def test_the_environment_of_settings_gives_them_again() -> None:
    settings = load({"WHOSAID_KAFKA__PASSWORD": "x", "WHOSAID_SINK__BATCH_ARTICLES": "9", "WHOSAID_LOG_LEVEL": "debug"})
    assert load(environment(settings)) == settings


def test_every_setting_has_a_description_and_a_default() -> None:
    for variable, field in variables():
        assert variable.startswith(PREFIX)
        assert field.description, variable
        assert not field.is_required(), variable


class TestFile:
    """A TOML file gives the same settings as variables do, which win over it."""

    @staticmethod
    def load(path: Path, text: str, **more: str) -> Settings:
        file = path / "whosaid.toml"
        file.write_text(text, encoding="utf-8")
        return load({"WHOSAID_CONFIG": str(file), **more})

    def test_every_type(self, tmp_path: Path) -> None:
        (tmp_path / "password").write_text("hunter2\n", encoding="utf-8")
        text = f"""
            log_level = "debug"
            [kafka]
            bootstrap_servers = ["a:9092", "b:9092"]
            partitions = 7
            password_file = "{tmp_path}/password"
            [enrichment]
            fast = false
            batch_wait = 0.5
            """
        found = self.load(tmp_path, text)
        assert (found.log_level, found.kafka.partitions, found.enrichment.fast) == ("debug", 7, False)
        assert (found.bootstrap_servers, found.enrichment.batch_wait) == (["a:9092", "b:9092"], 0.5)
        assert found.kafka.password is not None
        assert found.kafka.password.get_secret_value() == "hunter2"
        assert load(environment(found)) == found

    def test_a_variable_wins_and_the_origin_is_told(self, tmp_path: Path) -> None:
        text = "[kafka]\npartitions = 7\nreplication = 3"
        assert self.load(tmp_path, text, WHOSAID_KAFKA__PARTITIONS="9").kafka.partitions == 9
        (tmp_path / "key").write_text("k", encoding="utf-8")
        given = {
            "WHOSAID_CONFIG": str(tmp_path / "whosaid.toml"),
            "WHOSAID_KAFKA__PARTITIONS": "9",
            "WHOSAID_KAFKA__PASSWORD_FILE": str(tmp_path / "key"),
        }
        assert origins(given) == {
            "WHOSAID_KAFKA__PARTITIONS": "environment",
            "WHOSAID_KAFKA__REPLICATION": str(tmp_path / "whosaid.toml"),
            "WHOSAID_KAFKA__PASSWORD": f"file {tmp_path / 'key'}",
        }

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (
                "[kafka]\npartition = 7",
                "toml: kafka.partition is not a setting; did you mean kafka.partitions?",
            ),
            ("[kafak]\npartitions = 7", r"whosaid.toml: \[kafak\] is not a setting; did you mean kafka\?"),
            ("loglevel = 'info'", "loglevel is not a setting; did you mean log_level?"),
            ("zzz = 1", "zzz is not a setting; `whosaid settings` lists all there are."),
            (
                "[kafka]\npartitions = 'many'",
                "whosaid.toml: kafka.partitions has a bad value: It must be a whole number",
            ),
            ("[kafka]\npartitions = 2000-01-01", "kafka.partitions is neither a text, a number"),
            ("[kafka]\nusername = ['a', 1]", "kafka.username is neither a text"),
            ("[kafka]\n[kafka.username]\nx = 1", "kafka.username is neither a text"),
            ("kafka = 7", "kafka is not a setting"),
            ("[kafka", "whosaid.toml is not TOML: "),
            ("[kafka]\npassword = 'a'\npassword_file = '/dev/null'", "kafka.password and kafka.password_file are both"),
            ("[kafka]\npassword_file = '/nowhere'", "kafka.password_file names a file that cannot be read: /nowhere"),
            ("[sink]\nbackoff_initial = 99", "whosaid.toml: sink.backoff_initial has a bad value: BACKOFF_INITIAL is"),
            ("# " + "x" * 2**20, "larger than 1,048,576 bytes"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, text: str, sentence: str) -> None:
        with pytest.raises(SettingsError, match=sentence.replace("?", r"\?") if "\\" not in sentence else sentence):
            self.load(tmp_path, text)

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="WHOSAID_CONFIG names a file that cannot be read"):
            load({"WHOSAID_CONFIG": str(tmp_path / "none.toml")})
        with pytest.raises(SettingsError, match="WHOSAID_CONFG is not a setting; did you mean WHOSAID_CONFIG"):
            load({"WHOSAID_CONFG": "x"})

    def test_no_file_is_read_that_nobody_names(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "whosaid.toml").write_text("[kafka]\npartitions = 7", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        assert load({}) == Settings()


@pytest.mark.parametrize(("replication", "wanted", "in_step"), [(1, 0, "1"), (2, 0, "1"), (3, 0, "2"), (3, 1, "1")])
def test_one_broker_may_be_away(replication: int, wanted: int, in_step: str) -> None:
    kafka = KafkaSettings(replication=replication, min_insync_replicas=wanted)
    assert {one.config["min.insync.replicas"] for one in topics.every_topic(Settings(kafka=kafka))} == {in_step}


def test_an_address_given_twice_is_one_address() -> None:
    found = Settings(elasticsearch=ElasticsearchSettings(url="http://a:9200,http://b:9200/, http://a:9200/"))
    assert found.elasticsearch_urls == ["http://a:9200", "http://b:9200"]
