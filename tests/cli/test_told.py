from napari_metaseg.cli.told import Story, point_words, progress_words, time_left
from napari_metaseg.events import CurvePoint, Progress

POINT = CurvePoint(20, 0.51234, 0.6, {"40x": 0.8, "10x": 0.4})


def test_the_time_left_is_told_once_it_is_known_and_more_than_a_second():
    assert time_left(None) == time_left(0.4) == ""
    assert time_left(42.4) == ", 0:42 left"
    assert time_left(59.7) == ", 1:00 left"
    assert time_left(3 * 3600 + 65) == ", 3:01:05 left"
    assert progress_words(Progress(3, 9, "training", 62)) == ("training", "3/9, 1:02 left")


def test_a_validation_names_the_worst_domain_first_and_marks_the_best():
    words = point_words(POINT, best=True)
    assert words == "step 20: loss 0.512, Dice 0.600 (best): 10x 0.400; 40x 0.800"


def test_domains_without_room_are_left_to_the_table():
    assert point_words(POINT, best=False, room=48) == ("step 20: loss 0.512, Dice 0.600: 10x 0.400")
    assert point_words(POINT, best=False, room=20) == "step 20: loss 0.512, Dice 0.600"


def test_a_single_domain_is_not_said_twice():
    assert "10x" not in point_words(CurvePoint(1, 1.0, 0.4, {"10x": 0.4}), best=False)


def tell(*events):
    story = Story()
    told = []
    for event in events:
        if isinstance(event, Progress):
            story.now = event
        else:
            told.append(story.point(event))
    return story, told


def test_the_best_so_far_is_marked():
    scores = [None, 0.5, 0.4, 0.5, 0.6]
    story, told = tell(*(CurvePoint(i, 1.0, score) for i, score in enumerate(scores, 1)))
    assert told == [False, True, False, True, True]
    assert story.best == {"": 0.6}


def test_each_network_of_several_has_a_best_of_its_own():
    story, told = tell(
        Progress(0, 20, "training 10x (1 of 2)"),
        CurvePoint(10, 1.0, 0.9, {"10x": 0.9}),
        Progress(10, 20, "training 40x (2 of 2)"),
        CurvePoint(20, 1.0, 0.3, {"40x": 0.3}),
    )
    assert told == [True, True]
    assert story.best == {"10x": 0.9, "40x": 0.3, "": 0.3}


def test_what_comes_after_training_leaves_its_curve_as_it_is():
    story, _ = tell(Progress(9, 20, "training"), CurvePoint(10, 1.0), Progress(3, 5000, "a.tif"))
    assert (story.last_step, story.loss) == (20, None)


def test_a_step_that_goes_back_begins_another_curve():
    story, told = tell(CurvePoint(50, 1.0, 0.9), CurvePoint(10, 1.0, 0.2))
    assert told == [True, True]
    assert [point.step for point in story.curve] == [10]
    assert story.best == {"": 0.2}
