"""CSV files become events by a declared mapping, and a row that cannot is told with its line."""

import json
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.files import FileError
from agents.importing import MOST_ERRORS_KEPT, ImportReport, MappingError, import_rows, load_mapping
from schemas.decode import decode

CONTACTS = """\
    mapping: crm
    timezone: America/Sao_Paulo
    files:
      - file: contacts.csv
        delimiter: ";"
        encoding: latin-1
        nulls: ["", "NULL"]
        decimal: ","
        thousands: "."
        skip_when_empty: [e-mail]
        events:
          - type: lead
            id: [lead-, {column: nr}]
            source: /crm
            subject: {column: nr}
            time: {column: created, format: "%d/%m/%Y %H:%M"}
            data:
              status: {column: status, values: {novo: lead, quente: mql}}
              owner: {column: owner}
            profile:
              email: {column: e-mail}
              company: {column: company}
              employees: {column: employees, as: integer}
              revenue: {column: revenue, as: number}
              newsletter: {column: newsletter, as: boolean}
              since: {column: since, as: date, format: "%d.%m.%Y"}
          - type: deal
            id: [deal-, {column: nr}]
            source: /crm
            subject: {column: nr}
            time: {column: closed, format: "%d/%m/%Y %H:%M"}
            skip_when_empty: [closed]
            data: {deal_id: {column: nr}, stage: won, amount: {column: revenue, as: decimal}, currency: BRL}
    """
HEADER = "nr;e-mail;company;employees;revenue;newsletter;since;status;owner;created;closed\n"
CARLA = "1;a@b.co;Açaí Ñandú;1.200;12.345,5;TRUE;31.12.2020;novo;NULL;02/01/2026 09:30;\n"


@pytest.fixture
def contacts(tmp_path):
    def write(*rows, header=HEADER, encoding="latin-1"):
        (tmp_path / "contacts.csv").write_bytes("".join((header, *rows)).encode(encoding))
        return tmp_path

    return write


def take(text, *paths):
    report = ImportReport()
    events = list(import_rows(load_mapping(dedent(text), "crm.yaml"), paths, report))
    assert report.events == len(events)
    return events, report


def refused(text, *paths):
    events, report = take(text, *paths)
    assert events == []
    assert report.refused == len(report.errors)
    return [str(error) for error in report.errors]


# From rows to events.


def test_a_row_becomes_an_event(contacts):
    """Columns, constants and tables of values make an event; texts, numbers, truths and dates are what was said."""
    events, report = take(CONTACTS, contacts(CARLA))
    assert events == [
        {
            "specversion": "1.0",
            "id": "lead-1",
            "source": "/crm",
            "type": "baton.lead.v1",
            "time": "2026-01-02T12:30:00Z",
            "subject": "1",
            "data": {
                "status": "lead",
                "profile": {
                    "email": "a@b.co",
                    "company": "Açaí Ñandú",
                    "employees": 1200,
                    "revenue": 12345.5,
                    "newsletter": True,
                    "since": "2020-12-31",
                },
            },
        }
    ]
    assert decode(json.dumps(events[0]).encode())[0] == "1"
    assert (report.rows, report.events, report.skipped, report.refused) == (1, 1, 0, 0)


def test_a_row_becomes_several_events(contacts):
    """A row that a second rule takes as well becomes two events, with an amount as decimal text."""
    events, _ = take(CONTACTS, contacts(CARLA.replace("09:30;", "09:30;05/01/2026 18:00")))
    assert [event["type"] for event in events] == ["baton.lead.v1", "baton.deal.v1"]
    assert events[1]["data"] == {"deal_id": "1", "stage": "won", "amount": "12345.5", "currency": "BRL"}


def test_what_means_nothing_is_absent(contacts):
    """A text that the mapping counts as nothing leaves its field out; any other text, as unknown, stays."""
    events, _ = take(CONTACTS, contacts("1;a@b.co;unknown;;;;;novo;NULL;02/01/2026 09:30;NULL\n"))
    assert events[0]["data"] == {"status": "lead", "profile": {"email": "a@b.co", "company": "unknown"}}
    assert len(events) == 1


def test_declared_rows_are_skipped_and_counted(contacts):
    """A row without what the mapping wants to be there is skipped, counted, and no error."""
    events, report = take(CONTACTS, contacts("1;;x;;;;;novo;;02/01/2026 09:30;\n", CARLA))
    assert len(events) == 1
    assert (report.rows, report.skipped, report.refused) == (2, 1, 0)


def test_quoted_cells_and_byte_order_marks(tmp_path):
    """Quotes, line breaks in cells and a byte order mark are read; an error names the line on which its row begins."""
    text = '\ufeffnr,name,at\n1,"a, ""b""",2026-01-01T00:00:00Z\n2,"two\nlines",2026-01-01T00:00:00Z\n3,c,never\n'
    (tmp_path / "a.csv").write_text(text)
    events, report = take(SMALL, tmp_path / "a.csv")
    assert [event["data"]["owner"] for event in events] == ['a, "b"']
    assert [(error.line, "printable" in error.reason, "never" in error.reason) for error in report.errors] == [
        (3, True, False),
        (5, False, True),
    ]


SMALL = """\
    mapping: small
    files:
      - file: a.csv
        events:
          - type: lead
            id: {column: nr}
            source: /a
            subject: {column: nr}
            time: {column: at}
            data: {owner: {column: name}}
    """


def test_lead_without_a_status_says_so(tmp_path):
    """A lead event whose mapping has no status says null, as the contract wants."""
    (tmp_path / "a.csv").write_text("nr,name,at\n1,carla,2026-01-01T00:00:00Z\n")
    assert take(SMALL, tmp_path)[0][0]["data"] == {"status": None, "owner": "carla"}


@given(
    cells=st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)] * 3), max_size=8
    )
)
def test_every_row_is_an_event_or_an_error(tmp_path_factory, cells):
    """Whatever the cells hold, each row becomes an event, or an error of its own; none is lost, none is fatal."""
    file = tmp_path_factory.mktemp("any") / "a.csv"
    rows = ["nr,name,at", *(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells)]
    file.write_bytes("\n".join(rows).encode())
    events, report = take(SMALL, file)
    assert len(events) + report.refused == report.rows == len(cells)
    for event in events:
        decode(json.dumps(event).encode())


# Times.

TIMES = """\
    mapping: times
    timezone: America/Sao_Paulo
    files:
      - file: a.csv
        events:
          - type: lead
            id: {column: at}
            source: /a
            subject: x
            time: {column: at, TIME}
            data: {}
    """


@pytest.mark.parametrize(
    ("how", "written", "time"),
    [
        ("timezone: UTC", "2026-01-02T03:04:05", "2026-01-02T03:04:05Z"),
        ("format: '%Y-%m-%d %H:%M'", "2026-01-02 03:04", "2026-01-02T06:04:00Z"),
        ("format: '%Y-%m-%d %H:%M %z'", "2026-01-02 03:04 +0500", "2026-01-01T22:04:00Z"),
        ("format: null", "2026-01-02T03:04:05.123456+02:00", "2026-01-02T01:04:05.123456Z"),
        ("date_only: true", "2026-01-02", "2026-01-02T03:00:00Z"),
        ("date_only: true, format: '%d/%m/%Y'", "02/01/2026", "2026-01-02T03:00:00Z"),
        ("date_only: true", "2017-10-15", "2017-10-15T03:00:00Z"),  # its midnight was jumped over
        ("format: '%Y-%m-%d %H:%M'", "2018-02-17 23:30", "2018-02-18T01:30:00Z"),  # it came twice
    ],
)
def test_reads_times(tmp_path, how, written, time):
    """A time is read by its format, in the zone that is nearest to it: its own, the column's, the mapping's."""
    (tmp_path / "a.csv").write_text(f"at\n{written}\n")
    events, report = take(TIMES.replace("TIME", how), tmp_path)
    assert (report.errors, [event["time"] for event in events]) == ([], [time])


@pytest.mark.parametrize(
    ("how", "written", "reason"),
    [
        ("timezone: UTC", "2026-01-02", "no time of day; if none has, say `date_only: true`"),
        ("date_only: true", "2026-01-02 10:00", "is no time by the format '%Y-%m-%d'"),
        ("timezone: UTC", "soon", "'soon' is no time of ISO 8601"),
        ("timezone: Asia/Tokyo, date_only: true", "0001-01-01", "out of the years"),
        ("date_only: true", "1999-12-30", "the year must be from 2000 to 2099"),
        ("date_only: true", "  ", "'  ' is no time"),
        ("timezone: UTC, date_only: true", "31/12/2026", "'31/12/2026' is no time by"),
    ],
)
def test_refuses_times(tmp_path, how, written, reason):
    """A time that is not written as the mapping says, or is out of the contract's years, refuses the row."""
    (tmp_path / "a.csv").write_text(f"at\n{written}\n")
    (error,) = refused(TIMES.replace("TIME", how), tmp_path)
    assert error.startswith("a.csv:2: ")
    assert reason in error


def test_refuses_a_time_of_no_zone(tmp_path):
    """Where neither the time nor the mapping names a zone, the row is refused."""
    (tmp_path / "a.csv").write_text("nr,name,at\n1,x,2026-01-01T00:00:00\n")
    (error,) = refused(SMALL, tmp_path)
    assert "has no offset; give a `timezone` in the mapping" in error


# Rows that cannot be mapped.


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("1;a@b", ";a@b", "id: column nr is empty"),
        ("02/01/2026 09:30", "", "time: column created is empty"),
        ("novo", "frio", "column status: 'frio' is none of the mapping's `values`; add it"),
        ("1.200", "12.00", "'12.00' is no number written with the decimal sign ',' and '.' between thousands"),
        ("1.200", "1,5", "'1.5' is no whole number"),
        ("1.200", "9" * 5000, "is no number"),
        ("TRUE", "sim", "column newsletter: 'sim' is neither true nor false; give its `values`"),
        ("31.12.2020", "2020-12-31", "column since: '2020-12-31' is no time by the format '%d.%m.%Y'"),
        (";NULL;", ";a;b;", "has 12 fields, and the header has 11"),
        ("a@b.co", '"a@b"c', "cannot be read as CSV"),
        ("1;a@b", "1" * 200 + ";a@b", "id: "),
    ],
)
def test_a_row_that_cannot_be_mapped_is_told(contacts, old, new, reason):
    """A row that cannot be mapped is an error with its file, its line and the reason; the others go on."""
    bad = CARLA.replace(old, new)
    events, report = take(CONTACTS, contacts(CARLA, bad, CARLA))
    assert len(events) == 2
    assert report.refused == 1
    assert str(report.errors[0]).startswith("contacts.csv:3: ")
    assert reason in report.errors[0].reason


def test_a_refused_row_becomes_no_event_at_all(contacts):
    """Where one of a row's events cannot be, none of them is: a row is taken whole or not at all."""
    bad = CARLA.replace("09:30;", "09:30;late")
    events, report = take(CONTACTS, contacts(bad))
    assert (events, report.refused) == ([], 1)


def test_bytes_of_another_encoding_refuse_their_row_only(contacts):
    """In a file that is said to be UTF-8, a row that is not is told with the column, and the others are read."""
    text = CONTACTS.replace("latin-1", "utf-8")
    folder = contacts(CARLA, CARLA.replace("Açaí Ñandú", "Plain"))
    events, report = take(text, folder)
    assert [event["data"]["profile"]["company"] for event in events] == ["Plain"]
    assert report.errors[0].line == 2
    assert "column company: is not utf-8; name the file's `encoding`" in report.errors[0].reason


def test_an_open_quote_does_not_hide_what_is_wrong(contacts):
    """A quote that is never closed is told at the line on which it opens."""
    _, report = take(CONTACTS, contacts(CARLA, CARLA.replace("a@b.co", '"a@b.co')))
    assert [(error.line, "CSV" in error.reason) for error in report.errors] == [(3, True)]


def test_errors_kept_are_bounded_and_all_are_counted(contacts):
    """A file of nothing but bad rows keeps the first errors and counts them all."""
    _, report = take(CONTACTS, contacts(*["x\n"] * (MOST_ERRORS_KEPT + 10)))
    assert (report.refused, len(report.errors)) == (MOST_ERRORS_KEPT + 10, MOST_ERRORS_KEPT)


# Lookups.

ITEMS = """\
    mapping: items
    timezone: UTC
    lookups:
      lead_of_seller: {file: deals.csv, key: seller, value: lead}
    files:
      - file: items.csv
        events:
          - type: deal
            id: [{column: order}, "-", {column: nr}]
            source: /orders
            subject: {column: seller, lookup: lead_of_seller}
            time: {column: at}
            data: {deal_id: [{column: order}, "-", {column: nr}], stage: won, kind: expansion}
    """


def test_a_lookup_finds_a_value_in_another_file(tmp_path):
    """A column is looked up in another file; what is not there refuses the row."""
    (tmp_path / "deals.csv").write_text("seller,lead\ns1,l1\ns2,l2\n,l3\n")
    (tmp_path / "items.csv").write_text("order,nr,seller,at\no,1,s2,2026-01-01T00:00\no,2,s9,2026-01-01T00:00\n")
    events, report = take(ITEMS, tmp_path)
    assert [(event["subject"], event["id"]) for event in events] == [("l2", "o-1")]
    assert [str(error) for error in report.errors] == [
        "items.csv:3: column seller: the lookup lead_of_seller has no 's9'"
    ]


def test_a_lookup_that_leads_to_two_values_is_told(tmp_path):
    """A key that a lookup has with two values is an error; the first is kept."""
    (tmp_path / "deals.csv").write_text("seller,lead\ns1,l1\ns1,l1\ns1,l2\n")
    (tmp_path / "items.csv").write_text("order,nr,seller,at\no,1,s1,2026-01-01T00:00\n")
    events, report = take(ITEMS, tmp_path)
    assert [event["subject"] for event in events] == ["l1"]
    assert str(report.errors[0]).startswith("deals.csv:4: the lookup lead_of_seller has 's1' already, as 'l1'")


# Files.


def test_a_missing_file_is_told(tmp_path):
    """A file that the mapping names and nobody gave, or that is not there, is told before anything is read."""
    with pytest.raises(FileError, match=r"the mapping small needs a\.csv; give the file or its folder"):
        take(SMALL, tmp_path)
    with pytest.raises(FileError, match=r"a\.csv: cannot be read: No such file"):
        take(SMALL, tmp_path / "a.csv")
    with pytest.raises(FileError, match=r"b\.csv: the mapping small has no such file; it has a\.csv"):
        take(SMALL, tmp_path / "b.csv")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty; its first line must name the columns"),
        (b"nr,at\n", "the header has no column name, which the mapping names; it has nr, at"),
        (b"nr,name,at,nr\n", "the header has nr twice"),
        (b"nr,n\xe1me,at\n", "the header is not utf-8-sig; name the file's `encoding`"),
        (b'nr,"name"x,at\n', "the header cannot be read as CSV"),
    ],
)
def test_a_header_that_does_not_fit_is_told(tmp_path, content, reason):
    """A header that lacks a column of the mapping, or cannot be read, is told before anything is read."""
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FileError, match=reason):
        take(SMALL, tmp_path)


# The mapping file itself.


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("mapping: small", "mapping: Small One", "crm.yaml:1: mapping: 'Small One' is refused"),
        ("files:", "fields: 1\nfiles:", "crm.yaml:2: fields: unknown key 'fields'"),
        ("{column: name}", "{colum: name}", "crm.yaml:10: files[0].events[0].data.owner.colum: unknown key 'colum'"),
        ("owner:", "ownr:", "crm.yaml:5: files[0].events[0]: data of a lead has no ownr; it has account, owner"),
        ("type: lead", "type: deal", "data of a deal needs deal_id, stage: add it"),
        ("type: lead", "type: leed", "crm.yaml:5: files[0].events[0].type: unknown value 'leed'"),
        ("id: {column: nr}", "id: []", "crm.yaml:6: files[0].events[0].id: an empty list says nothing"),
        ("id: {column: nr}", "id: ", "crm.yaml:6: files[0].events[0].id: must be a text, a number, true, false"),
        ("id: {column: nr}", "id: [[a]]", "files[0].events[0].id[0]: must be a text, a number or {column: NAME}"),
        ("source: /a", "source: {column: a, values: {b: c}, as: number}", "`values` says already what comes out"),
        ("source: /a", "source: {column: a, format: '%d'}", "`format` needs `as: date` or `as: time`"),
        ("source: /a", "source: {column: a, timezone: UTC}", "`timezone` needs `as: time`"),
        ("source: /a", "source: {column: a, lookup: b}", "the lookup 'b' of column 'a' is not in `lookups`"),
        ("time: {column: at}", "time: {column: at, format: '%Q'}", "crm.yaml:9: files[0].events[0].time.format: is no"),
        (
            "time: {column: at}",
            "time: {column: at, format: '%Y'}",
            "the times of column 'at' of a.csv have no time zone",
        ),
        ("time: {column: at}", "time: {column: at, timezone: Mars}", "'Mars' is no time zone"),
        ("- file: a.csv", "- file: a.csv\n    encoding: utf-9", "'utf-9' is no encoding"),
        ("- file: a.csv", "- file: a.csv\n    delimiter: ab", "crm.yaml:4: files[0].delimiter: must have at most 1"),
        ("data: {", "data: {profile: x, ", "`profile` stands beside `data`, not in it"),
        ("data:", "data: [", "crm.yaml:11: this is no YAML"),
        ("data:", "data: {}\n        data:", "'data' is on line 10 already"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_told(old, new, problem):
    """A mapping with an unknown key or a wrong value is refused, with line, path and what to do."""
    text = dedent(SMALL)
    assert old in text
    with pytest.raises(MappingError) as told:
        load_mapping(text.replace(old, new, 1), "crm.yaml")
    assert problem in str(told.value)


def test_every_problem_of_a_mapping_is_told_at_once():
    """All that is wrong is told together, in the order of the lines."""
    text = dedent(SMALL).replace("type: lead", "type: leed").replace("source: /a", "sauce: /a")
    with pytest.raises(MappingError) as told:
        load_mapping(text, "crm.yaml")
    lines = [int(problem.split(":")[1]) for problem in told.value.problems]
    assert len(lines) == 3
    assert lines == sorted(lines)
