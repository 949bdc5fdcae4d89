"""The report of a study: tables for programs and spreadsheets, figures, and two pages to read."""

from __future__ import annotations

import base64
import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_metaseg import __version__
from napari_metaseg.evaluation.domains import label_of
from napari_metaseg.files import atomic_path
from napari_metaseg.prediction.score import domain_of
from napari_metaseg.studies.collect import TrialResult
from napari_metaseg.studies.comparisons import LEAST_GROUPS, Comparison
from napari_metaseg.studies.figures import draw
from napari_metaseg.studies.runs import plain_name
from napari_metaseg.studies.study import StudyRequest
from napari_metaseg.studies.table import Row, run_rows
from napari_metaseg.studies.words import Line, against, answer, judged_at, lines

_CAPTIONS = {
    "magnification": "Dice at every magnification, with 95 % intervals. Filled marks: trained on; "
    "hollow marks on grey: never seen in training. An arm trained for one magnification stands "
    "there alone. With many arms, the baseline and those of the highest mean.",
    "domains": "Dice in every domain and over all: the mean with its 95 % interval; short strokes "
    "are the networks of single seeds, the dashed line is the baseline (orange). n counts images; "
    "the images of one group (a specimen) count as one for intervals and tests.",
    "cost": "Mean Dice against the number of parameters and the time of one training. Times are "
    "of the machine and what else ran on it.",
}
METHOD = (
    "An arm is one way to segment, trained from the start once a seed. Dice says how well the "
    "segmented area fits the true one, from 0 to 1; a point is a hundredth of it. Scores are means "
    "over images of the mean over seeds; a mean of domains counts every domain alike. "
    "Intervals (95 %) draw whole groups of images (all images of one specimen) with replacement, "
    "4000 times; they are not corrected for the number of comparisons. "
    "Each arm is compared with the baseline on the same images by a two-sided sign-flip "
    "permutation test that flips whole groups (all patterns up to 16 groups, else 20,000 drawn "
    "ones). p is corrected after Holm over all arms, for the means of domains and for the single "
    "domains apart. Intervals and tests say what other images of the same kind would show of these "
    "very networks; whether networks trained anew would agree is seen from the seeds alone. "
    "'No difference shown' is not 'no difference': the interval says how large it may be."
)


@dataclass(frozen=True)
class Part:
    """One trial: its results, what to say of them, and its pictures by name, the main one first.

    `lines` are against the main baseline; `further` has, for every other one, its name, where it is
    judged, and its verdicts.
    """

    result: TrialResult
    counts: str
    answer: Sequence[str]
    lines: Sequence[Line]
    further: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]
    pictures: Mapping[str, tuple[bytes, str]]

    @property
    def first_picture(self) -> list[tuple[str, tuple[bytes, str]]]:
        """The main picture (its name, PNG and caption), if there is any."""
        return list(self.pictures.items())[:1]

    @property
    def more_pictures(self) -> list[tuple[str, tuple[bytes, str]]]:
        """The pictures after the main one."""
        return list(self.pictures.items())[1:]

    @property
    def labels(self) -> list[str]:
        """The domains, in order, and their mean."""
        return list(dict.fromkeys(row.label for row in self.result.rows))

    def row(self, arm: str, label: str) -> Row | None:
        """The row of an arm in a domain."""
        rows = self.result.rows
        return next((r for r in rows if r.arm == arm and r.label == label), None)

    def comparison(self, arm: str, label: str) -> Comparison | None:
        """The comparison of an arm with the baseline in a domain."""
        name = self.result.trial.baseline_name
        found = (c for c in self.result.comparisons if c.baseline == name)
        return next((c for c in found if c.arm == arm and c.label == label), None)


def write_study(
    request: StudyRequest,
    question: str,
    results: Sequence[TrialResult],
    notices: Sequence[str] = (),
    further: Mapping[str, tuple[bytes, str]] | None = None,
) -> Path:
    """Write the study's folder, `request.out` / its name, and return its report.md.

    `further` are pictures to show after those of the last trial: PNG and caption by file name.

    runs.csv, summary.csv, comparisons.csv, a PNG a figure, report.md and report.html (which holds
    its pictures itself). Each file is replaced whole; the same runs give the same files.
    """
    folder = request.out / (request.name + ("-quick" if request.quick else ""))
    parts = [_part(result) for result in results]
    if parts and further:
        parts[-1] = replace(parts[-1], pictures={**parts[-1].pictures, **further})
    files: dict[str, bytes] = {
        "runs.csv": _csv(run_rows([run for r in results for run in r.records])),
        "summary.csv": _csv(row.cells() for r in results for row in r.rows),
        "comparisons.csv": _csv(c.cells() for r in results for c in r.comparisons),
    }
    for part in parts:
        files |= {name: png for name, (png, _) in part.pictures.items()}
    said = [*notices, *_said(request, results)]
    for name in ("report.md", "report.html"):
        files[name] = _page(name, request, question, parts, said).encode()
    for name, content in files.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    return folder / "report.md"


def _part(result: TrialResult) -> Part:
    task = plain_name(result.trial.task)
    pictures = {f"{kind}_{task}.png": (png, _CAPTIONS[kind]) for kind, png in draw(result).items()}
    baseline = result.trial.baseline_name
    others = [name for name in dict.fromkeys(result.trial.also_against) if name != baseline]
    return Part(
        result=result,
        counts=_counts(result),
        answer=answer(result),
        lines=lines(result, baseline),
        further=[(n, judged_at(result, n), against(result, n)) for n in others],
        pictures=pictures,
    )


def _counts(result: TrialResult) -> str:
    """How many planes of each domain train, validate and test."""
    trial = result.trial
    sets = {
        "training": [i for i in trial.training if i.split != "val"],
        "validation": [i for i in trial.training if i.split == "val"],
        "test": list(trial.test),
    }
    texts = []
    for name, items in sets.items():
        counted = Counter(label_of(domain_of(item, trial.by)) for item in items)
        listed = ", ".join(f"{label}: {n}" for label, n in counted.items())
        texts.append(f"{name} {len(items)} ({listed})" if listed else f"{name} {len(items)}")
    return "; ".join(texts)


def _said(request: StudyRequest, results: Sequence[TrialResult]) -> list[str]:
    """What the reader must know about this very report."""
    said = []
    if request.quick:
        said.append("A quick run: it shows that the study runs, its numbers mean nothing.")
    for result in results:
        if result.missing:
            said.append(f"{result.trial.task}: not run: {', '.join(result.missing)}.")
        few = [a.arm.name for a in result.arms if len(a.runs) < len(result.seeds)]
        few = [name for name in few if not _is_threshold(result, name)]
        if few:
            said.append(f"{result.trial.task}: fewer seeds than others: {', '.join(few)}.")
        if len(result.seeds) < 3 and result.arms:
            said.append(f"{result.trial.task}: only {len(result.seeds)} seed(s).")
        said += _few_groups(result)
    return said


def _few_groups(result: TrialResult) -> list[str]:
    """Where there are too few independent images for a test, and for an interval to be trusted."""
    few = {row.label: row.groups for row in result.rows if row.groups < LEAST_GROUPS}
    if not few:
        return []
    where = ", ".join(f"{label} ({groups})" for label, groups in few.items())
    return [
        f"{result.trial.task}: fewer than {LEAST_GROUPS} independent groups of test images: "
        f"{where}. No test can show a difference there, and intervals come out too narrow."
    ]


def _is_threshold(result: TrialResult, name: str) -> bool:
    return any(arm.otsu for arm in result.trial.arms if arm.name == name)


def _page(
    name: str, request: StudyRequest, question: str, parts: Sequence[Part], said: Sequence[str]
) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("napari_metaseg.studies", "."),
        autoescape=name.endswith("html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["uri"] = _data_uri
    options = " --quick" if request.quick else ""
    cohort = " --cohort TABLE" if request.cohort else ""
    return environment.get_template(f"{name}.j2").render(
        name=request.name,
        question=question,
        parts=parts,
        said=list(dict.fromkeys(said)),
        method=METHOD,
        command=f"metaseg study {request.name} --out DIR{cohort}{options}",
        version=__version__,
    )


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _csv(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Comma-separated UTF-8 with a header; None is an empty cell."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
