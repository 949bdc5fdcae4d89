import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from napari_metaseg.cli.text_chart import ASCII
from napari_metaseg.cli.text_curve import kept, text_curve
from napari_metaseg.events import CurvePoint

CURVE = [
    CurvePoint(10, 2.0),
    CurvePoint(20, 1.0, 0.5, {"10x": 0.3, "40x": 0.7}),
    CurvePoint(30, 0.5),
    CurvePoint(40, 0.25, 0.75, {"10x": 0.6, "40x": 0.9}),
    CurvePoint(50, 0.2, 0.625, {"10x": 0.75, "40x": 0.5}),
]


def drawn(curve=CURVE, **options):
    return [str(line) for line in text_curve(curve, **{"width": 60, **options})]


def row(name, lines):
    return next(line for line in lines if line.startswith(name))


def test_each_row_ends_with_the_last_value_and_that_of_the_network_that_is_kept():
    lines = drawn()
    assert lines[0].split() == ["0", "step", "50", "last", "best"]
    assert row("Dice", lines).split()[-2:] == ["0.625", "0.750"]
    assert row("10x", lines).split()[-2:] == ["0.750", "0.600"]
    assert row("40x", lines).split()[-2:] == ["0.500", "0.900"]
    assert row("loss", lines).split()[-1] == "0.200"


def test_the_worst_domain_comes_first_and_what_has_no_room_is_counted():
    names = [line.split()[0] for line in drawn()]
    assert names.index("40x") < names.index("10x")
    many = {f"{i}x": i / 30 for i in range(30)}
    lines = drawn([*CURVE, CurvePoint(60, 0.1, 0.5, many)], rows=12)
    assert len(lines) == 12
    assert lines[-1].endswith("better domain(s)")
    assert any(line.startswith("0x ") for line in lines)


def test_a_curve_that_goes_on_leaves_its_future_empty():
    whole, half = row("10x", drawn()), row("10x", drawn(last_step=100))
    assert "step 100" in drawn(last_step=100)[0]
    filled = [sum(c in "▁▂▃▄▅▆▇█" for c in line) for line in (half, whole)]
    assert filled[0] < 0.7 * filled[1]


def test_before_the_first_validation_there_is_the_loss_alone():
    lines = drawn(CURVE[:1])
    assert [line.split()[0] for line in lines] == ["0", "loss", "0"]


def test_no_points_are_no_lines():
    assert drawn([]) == []


def test_a_sheet_without_room_for_a_chart_still_tells_the_numbers():
    lines = drawn(width=20)
    assert row("Dice", lines).split() == ["Dice", "0.625"]
    assert row("10x", lines).split() == ["10x", "0.750"]


def test_a_terminal_without_blocks_gets_ascii_whatever_domains_are_called():
    odd = [CurvePoint(10, 1.0, 0.5, {"brightfield · 0.65 µm · 细胞": 0.5})]
    lines = drawn(odd, glyphs=ASCII, width=90)
    assert "brightfield, 0.65 um, ??" in "\n".join(lines)
    assert "\n".join(lines).isascii()


@given(
    width=st.integers(1, 120),
    rows=st.integers(1, 30),
    names=st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=12, unique=True),
    step=st.integers(1, 10**9),
    loss=st.floats(0, 1e9),
)
def test_it_keeps_to_the_width_and_height_whatever_the_curve(width, rows, names, step, loss):
    names = ["".join(c for c in name if c.isprintable()) or "x" for name in names]
    curve = [CurvePoint(step, loss, 0.5, dict.fromkeys(names, 0.5))]
    lines = text_curve(curve, width=max(width, 8), rows=rows)
    assert len(lines) <= rows
    assert all(cell_len(str(line)) <= max(width, 8) for line in lines)


@pytest.mark.parametrize(
    ("loss", "told"), [(0.0004, "0.000"), (9.9999, "10"), (12345.6, "12346"), (3e9, "3e+09")]
)
def test_a_loss_of_any_size_is_told_within_its_column(loss, told):
    assert row("loss", drawn([CurvePoint(1, loss)])).split()[-1] == told


@pytest.mark.parametrize("curve", [[], CURVE[:1]])
def test_nothing_is_kept_before_a_validation(curve):
    assert kept(curve) == {}
