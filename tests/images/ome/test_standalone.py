from __future__ import annotations

import pickle
import uuid

import numpy as np
import pytest
import tifffile

from napari_metaseg.errors import InputError
from napari_metaseg.images.ome import standalone
from napari_metaseg.images.open import open_images
from napari_metaseg.images.protocol import WellField
from napari_metaseg.images.without_pixels import has_pixels

NAMESPACE = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
IDS = {name: f"urn:uuid:{uuid.UUID(int=i)}" for i, name in enumerate("abc")}
SIZES = 'SizeX="6" SizeY="5" SizeZ="2" SizeC="3" SizeT="1"'


def document(
    own: str = "", *, sizes: str = SIZES, blocks: str | None = None, more: str = ""
) -> str:
    """OME-XML of one image whose three channels are in the files a, b and c, two planes each."""
    if blocks is None:
        blocks = "".join(
            f'<TiffData FirstC="{c}" IFD="0" PlaneCount="2">'
            f'<UUID FileName="{name}.ome.tif">{IDS[name]}</UUID></TiffData>'
            for c, name in enumerate("abc")
        )
    identity = f'UUID="{own}"' if own else ""
    channels = "".join(f'<Channel ID="Channel:0:{c}" Name="ch{c}"/>' for c in range(3))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME {NAMESPACE} {identity}>{more}'
        f'<Image ID="Image:0" Name="set"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
        f'Type="uint16" {sizes} PhysicalSizeX="0.5" PhysicalSizeY="0.5">{channels}{blocks}'
        "</Pixels></Image></OME>"
    )


BINARY_ONLY = (
    f'<?xml version="1.0" encoding="UTF-8"?><OME {NAMESPACE} UUID="{{own}}">'
    '<BinaryOnly MetadataFile="m.companion.ome" UUID="urn:uuid:0"/></OME>'
)


@pytest.fixture
def files(tmp_path):
    """Write a, b and c, each with the OME-XML that `describe` makes for its UUID."""

    def write(describe=document):
        for c, name in enumerate("abc"):
            pixels = (
                np.full((2, 5, 6), 10 * c, np.uint16) + np.arange(2, dtype=np.uint16)[:, None, None]
            )
            tifffile.imwrite(
                tmp_path / f"{name}.ome.tif", pixels, description=describe(IDS[name]), metadata=None
            )
        return tmp_path

    return write


def corners(image):
    return [[int(image.plane(c, z)[0, 0]) for z in range(2)] for c in range(3)]


@pytest.mark.parametrize("name", "abc")
def test_each_file_of_a_set_opens_the_whole_set_lazily(files, name, page_reads):
    (image,) = open_images(files() / f"{name}.ome.tif")
    assert (image.name, image.axes, image.shape) == ("set", "CZYX", (3, 2, 5, 6))
    assert image.record.get("pixel_size_x_um").value == 0.5
    assert image.record.reported == ()
    assert page_reads == []
    assert corners(image) == [[0, 1], [10, 11], [20, 21]]
    assert len(page_reads) == 6


def test_of_a_set_that_is_not_whole_what_is_there_can_be_seen(files):
    folder = files()
    (folder / "b.ome.tif").unlink()
    (image,) = open_images(folder / "a.ome.tif")
    assert has_pixels(image)
    assert "1 of 3 pixel files are not there, such as b.ome.tif" in image.record.reported[0].message
    assert (image.plane(c=2, z=1) == 21).all()
    with pytest.raises(InputError, match=r"no file .*b\.ome\.tif"):
        image.plane(c=1)


def test_a_file_that_was_renamed_is_known_by_its_uuid(files):
    folder = files()
    (folder / "a.ome.tif").rename(folder / "renamed.tif")
    (image,) = open_images(folder / "renamed.tif")
    assert corners(image) == [[0, 1], [10, 11], [20, 21]]


def test_one_file_that_names_itself_is_no_set_even_after_renaming(tmp_path):
    block = (
        f'<TiffData IFD="0" PlaneCount="6"><UUID FileName="was.tif">{IDS["a"]}</UUID></TiffData>'
    )
    for own in (IDS["a"], ""):
        path = tmp_path / "is.ome.tif"
        pixels = np.zeros((3, 2, 5, 6), np.uint16)
        xml = document(own, blocks=block)
        tifffile.imwrite(path, pixels, description=xml, metadata=None)
        (image,) = open_images(path)
        assert image.record.reported == ()
        assert image.plane(2, 1).shape == (5, 6)


def test_files_that_leave_their_metadata_to_a_companion_open_through_it(files):
    folder = files(lambda own: BINARY_ONLY.format(own=own))
    (folder / "m.companion.ome").write_text(document())
    for name in ("a.ome.tif", "m.companion.ome"):
        (image,) = open_images(folder / name)
        assert image.record.get("pixel_size_x_um").value == 0.5
        assert corners(image) == [[0, 1], [10, 11], [20, 21]]


def test_without_its_companion_a_file_shows_its_own_pages_and_says_what_is_missing(files):
    folder = files(lambda own: BINARY_ONLY.format(own=own))
    (image,) = open_images(folder / "b.ome.tif")
    assert (image.plane() == 10).all()
    assert any("companion file that is not there" in c.message for c in image.record.reported)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "..\\b.tif", "C:\\b.tif"])
def test_names_that_lead_out_of_the_folder_are_refused(files, name):
    folder = files(lambda own: document(own).replace("b.ome.tif", name))
    with pytest.raises(InputError, match="outside its own folder"):
        open_images(folder / "a.ome.tif")
    (folder / "m.companion.ome").write_text(document().replace("b.ome.tif", name))
    with pytest.raises(InputError, match="outside its own folder"):
        open_images(folder / "m.companion.ome")


def test_a_companion_that_leads_out_of_the_folder_is_refused(files):
    folder = files(lambda own: BINARY_ONLY.format(own=own).replace("m.comp", "../m.comp"))
    with pytest.raises(InputError, match="outside its own folder"):
        open_images(folder / "a.ome.tif")


def test_a_plane_of_another_size_than_described_is_refused(files):
    folder = files()
    tifffile.imwrite(folder / "b.ome.tif", np.zeros((7, 7), np.uint16))
    (image,) = open_images(folder / "a.ome.tif")
    with pytest.raises(InputError, match=r"not the plane that a\.ome\.tif describes"):
        image.plane(c=1)
    (folder / "b.ome.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(InputError, match="not a readable TIFF"):
        image.plane(c=1)


def test_a_set_goes_to_another_process(files):
    (image,) = open_images(files() / "a.ome.tif")
    again = pickle.loads(pickle.dumps(image))  # noqa: S301
    assert corners(again) == corners(image)


@pytest.mark.parametrize(
    ("blocks", "planes"),
    [
        ('<TiffData><UUID FileName="a">u</UUID></TiffData>', 6),
        ('<TiffData IFD="4"><UUID FileName="a">u</UUID></TiffData>', 1),
        ('<TiffData FirstC="2" PlaneCount="9"><UUID FileName="a">u</UUID></TiffData>', 2),
        ('<TiffData FirstC="7" PlaneCount="9"><UUID FileName="a">u</UUID></TiffData>', 0),
        (f'<TiffData PlaneCount="{10**9 - 1}"><UUID FileName="a">u</UUID></TiffData>', 6),
        ("<TiffData/>", 0),
        ("", 0),
    ],
)
def test_blocks_name_the_planes_that_the_schema_says(tmp_path, blocks, planes):
    (tmp_path / "m.ome.xml").write_text(document(blocks=blocks))
    (image,) = open_images(tmp_path / "m.ome.xml")
    assert len(image.files) == planes
    assert image.record.reported


@pytest.mark.parametrize(
    ("order", "second"),
    [("XYZCT", (0, 1, 0)), ("XYCZT", (1, 0, 0)), ("XYTCZ", (1, 0, 0)), ("XYTZC", (0, 1, 0))],
)
def test_planes_follow_each_other_in_the_dimension_order(tmp_path, order, second):
    block = '<TiffData><UUID FileName="a">u</UUID></TiffData>'
    xml = document(blocks=block).replace("XYZCT", order)
    (tmp_path / "m.ome.xml").write_text(xml)
    (image,) = open_images(tmp_path / "m.ome.xml")
    assert {file.page: czt for czt, file in image.files.items()}[1] == second


def test_without_pixels_the_record_is_whole_and_a_plane_is_refused(tmp_path):
    path = tmp_path / "m.ome.xml"
    path.write_text(document(blocks=""))
    (image,) = open_images(path)
    assert (image.axes, image.shape, image.dtype) == ("CZYX", (3, 2, 5, 6), np.uint16)
    assert not has_pixels(image)
    assert image.original_metadata()["OME-XML"] == path.read_text()
    with pytest.raises(InputError, match="names no pixel file"):
        image.plane()


def test_a_single_channel_of_three_samples_is_colour(tmp_path):
    xml = document(blocks="", sizes='SizeX="6" SizeY="5" SizeZ="1" SizeC="3" SizeT="1"')
    first, _, rest = xml.partition('<Channel ID="Channel:0:0"')
    tail = rest.partition("</Pixels>")[2]
    channel = '<Channel ID="Channel:0:0" SamplesPerPixel="3"/></Pixels>'
    (tmp_path / "m.ome.xml").write_text(first + channel + tail)
    (image,) = open_images(tmp_path / "m.ome.xml")
    assert (image.axes, image.shape) == ("YXS", (5, 6, 3))


def test_images_on_a_plate_have_their_well(tmp_path):
    plate = (
        '<Plate ID="Plate:0" Name="P"><Well ID="Well:0" Row="1" Column="2">'
        '<WellSample ID="WellSample:0"><ImageRef ID="Image:0"/></WellSample></Well></Plate>'
    )
    (tmp_path / "m.ome.xml").write_text(document(more=plate))
    assert open_images(tmp_path / "m.ome.xml")[0].position == WellField("P", "B03", 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('SizeX="6"', f'SizeX="{2**40}"'),
        ('SizeZ="2"', f'SizeZ="{2**31}"'),
        ('SizeC="3"', 'SizeC="-3"'),
        ('SizeC="3"', 'SizeC="5"'),
        ('SizeT="1"', 'SizeT="99999999"'),
        ('SizeY="5"', ""),
        ('Type="uint16"', 'Type="uint17"'),
        ("<OME", "<!DOCTYPE OME [<!ENTITY a 'b'>]><OME"),
        ("<OME", "<!DOCTYPE OME SYSTEM 'file:///etc/passwd'><OME"),
        ("</Pixels>", ""),
        ("<Pixels", "<Pickles"),
        ("<Image ", "<Picture "),
        ('encoding="UTF-8"', 'encoding="klingon"'),
        ("ch0", "\x00"),
    ],
)
def test_damaged_xml_is_one_clear_error(tmp_path, old, new):
    path = tmp_path / "m.ome.xml"
    xml = document().replace(old, new)
    path.write_text(xml.replace("</Pixels>", "</Pickles>") if new == "<Pickles" else xml)
    with pytest.raises(InputError) as caught:
        open_images(path)
    assert "\n" not in str(caught.value)


def test_a_long_comment_before_the_root_is_no_hindrance(tmp_path):
    (tmp_path / "m.xml").write_text(document().replace("<OME", f"<!-- {'long ' * 3000}--><OME"))
    assert open_images(tmp_path / "m.xml")[0].axes == "CZYX"


def test_entity_bombs_take_no_time(tmp_path):
    entities = "".join(
        f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' if i else '<!ENTITY e0 "lol">' for i in range(12)
    )
    bomb = f"<!DOCTYPE OME [{entities}]>"
    path = tmp_path / "m.ome.xml"
    path.write_text(document().replace("<OME", f"{bomb}<OME").replace("ch0", "&e11;"))
    with pytest.raises(InputError, match="DOCTYPE"):
        open_images(path)


def test_images_by_the_dozen_may_not_have_a_million_planes_each(tmp_path, monkeypatch):
    monkeypatch.setattr(standalone, "MOST_PLANES", 1000)
    sizes = 'SizeX="6" SizeY="5" SizeZ="300" SizeC="3" SizeT="1"'
    block = '<TiffData><UUID FileName="a">u</UUID></TiffData>'
    xml = document(sizes=sizes, blocks=block)
    start, end = xml.index("<Image "), xml.index("</OME>")
    (tmp_path / "m.ome.xml").write_text(xml[:end] + xml[start:end] * 50 + xml[end:])
    with pytest.raises(InputError, match="more planes than can be"):
        open_images(tmp_path / "m.ome.xml")


def test_xml_cut_anywhere_is_an_error(tmp_path):
    whole = document().encode()
    path = tmp_path / "m.companion.ome"
    for end in range(120, len(whole) - 1, 29):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError):
            open_images(path)


def test_encodings_are_those_declared(tmp_path):
    path = tmp_path / "m.ome.xml"
    xml = document().replace("ch0", "Zölle µ")
    path.write_bytes(xml.replace("UTF-8", "UTF-16").encode("utf-16"))
    assert open_images(path)[0].record.channels[0].name == "Zölle µ"
    path.write_bytes(xml.replace("UTF-8", "ISO-8859-1").encode("latin-1"))
    assert open_images(path)[0].record.channels[0].name == "Zölle µ"
    path.write_bytes(xml.encode("latin-1"))  # which claims to be UTF-8
    with pytest.raises(InputError, match="cannot be read as XML"):
        open_images(path)
