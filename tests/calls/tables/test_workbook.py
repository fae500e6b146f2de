"""Reading sheets of workbooks."""

from datetime import date, datetime

import openpyxl
import pytest

from trastuz_ml.calls.tables.maf import read_maf
from trastuz_ml.errors import InputError

HEADER = ("Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification", "Start_Position", "vaf")
ROW = ("TP53", "P1", "Silent", 7577, 0.25)


def book(folder, *rows, sheet="calls"):
    workbook = openpyxl.Workbook()
    workbook.active.title = sheet
    for row in rows:
        workbook.active.append(row)
    path = folder / "a.xlsx"
    workbook.save(path)
    return path


def refused(path, match, **settings):
    with pytest.raises(InputError, match=match):
        read_maf(path, **settings)


def test_workbook__numbers_are_read_as_they_are(tmp_path):
    calls = read_maf(book(tmp_path, HEADER, ROW, ("TTN", 12, "Silent", 8.0, "0,5")))
    assert calls[["patient", "pos", "vaf"]].values.tolist() == [["P1", 7577, 0.25], ["12", 8, 0.5]]


def test_workbook__dates_arrive_as_iso_texts(tmp_path):
    rows = [(day, *ROW[1:]) for day in (datetime(2006, 3, 1), date(2004, 9, 1), datetime(2001, 3, 1, 12, 30))]
    assert read_maf(book(tmp_path, HEADER, *rows))["gene"].tolist() == [
        "2006-03-01",
        "2004-09-01",
        "2001-03-01 12:30:00",
    ]


def test_workbook__rows_without_any_value_are_passed_over_and_lines_stay_right(tmp_path):
    path = book(tmp_path, ("Table 2: calls",), (), HEADER, ROW, (), (None, "", None), ROW)
    assert len(read_maf(path)) == 2
    refused(book(tmp_path, (), HEADER, ROW, (), ("TP53", None, "Silent", 1, 1)), "line 5: the patient is empty")
    refused(
        book(tmp_path, HEADER, ROW, (), ("TP53", "P1", "Silent", "x", 1)),
        "line 4: pos must be a number, found 'x'",
    )


def test_workbook__lines_stay_right_over_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("trastuz_ml.calls.tables.workbook._ROWS_AT_A_TIME", 2)
    refused(
        book(tmp_path, HEADER, ROW, (), ROW, (), ROW, ROW, ("TP53", "", *ROW[2:])), "line 8: the patient is empty"
    )


def test_workbook__a_formula_error_is_no_gene_and_no_number(tmp_path):
    calls = read_maf(book(tmp_path, HEADER, ("#REF!", "P1", "Silent", 5, "#DIV/0!")))
    assert calls[["gene", "vaf"]].isna().all(axis=None)


def test_workbook__short_rows_are_filled(tmp_path):
    assert read_maf(book(tmp_path, (*HEADER, "FILTER"), ROW))["filter"].isna().all()


def test_workbook__a_sheet_is_found_by_name_or_place(tmp_path):
    path = book(tmp_path, HEADER, ROW, sheet="here")
    assert len(read_maf(path, sheet="here")) == len(read_maf(path, sheet=0)) == 1
    refused(path, "sheet elsewhere, cannot be read as a workbook: it has no such sheet", sheet="elsewhere")
    refused(path, "no such sheet", sheet=3)


def test_workbook__an_empty_sheet_or_a_header_alone_is_refused(tmp_path):
    refused(book(tmp_path), "holds no calls")
    refused(book(tmp_path, HEADER), "holds no calls")


def test_workbook__a_missing_column_is_refused_with_what_was_found(tmp_path):
    refused(book(tmp_path, ("Gene", "Patient"), ("TP53", "P1")), "no column for 'consequence'.*Gene, Patient")


def test_workbook__a_damaged_archive_is_refused(tmp_path):
    path = book(tmp_path, HEADER, ROW)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "cannot be read as a workbook")
    path.write_bytes(whole[: len(whole) // 3] + bytes(200) + whole[len(whole) // 3 + 200 :])
    refused(path, "cannot be read as a workbook")
