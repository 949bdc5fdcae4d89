"""Choose the model in use, or load one from a folder or a zip."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from napari_metaseg.plugin.segmenting import installed_models
from napari_metaseg.plugin.settings import preferences
from napari_metaseg.plugin.widgets.parts import combo, label, row
from napari_metaseg.plugin.workspace import Workspace

_NONE = "none yet"


class ModelChooser(QWidget):
    """The workspace's models in a list, and a menu to load more. `load` carries a path."""

    load = Signal(object)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self.models = combo()
        self.models.activated.connect(self._on_chosen)
        self.load_button = QToolButton()
        self.load_button.setText("Load ▾")
        self.load_button.setToolTip("Load a model from a folder, a zip, or your model folder")
        self.load_button.setProperty("look", "menu")
        self.load_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self.load_button)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.load_button.setMenu(self._menu)
        layout = row(label("Model"), self.models, self.load_button)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        workspace.models_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the workspace's models and the one in use."""
        names = [model.name for model in self._workspace.models]
        current = self._workspace.current
        self.models.clear()
        self.models.addItems(names or [_NONE])
        self.models.setEnabled(bool(names))
        if current is not None:
            self.models.setCurrentText(current.name)

    def _on_chosen(self, index: int) -> None:
        self._workspace.use_model(self.models.itemText(index))

    def _fill_menu(self) -> None:
        self._menu.clear()
        self._menu.addAction("Model folder …", self._choose_folder)
        self._menu.addAction("Model zip …", self._choose_zip)
        installed = installed_models(preferences().model_folder)
        if installed:
            self._menu.addSeparator()
        for path in installed:
            self._menu.addAction(path.name, partial(self.load.emit, path))

    def _choose_folder(self) -> None:
        start = str(preferences().model_folder)
        self._chosen(QFileDialog.getExistingDirectory(self, "Choose a model folder", start))

    def _choose_zip(self) -> None:
        start = str(preferences().model_folder)
        chosen, _ = QFileDialog.getOpenFileName(self, "Choose a model zip", start, "Zip (*.zip)")
        self._chosen(chosen)

    def _chosen(self, path: str) -> None:
        if path:
            self.load.emit(Path(path))
